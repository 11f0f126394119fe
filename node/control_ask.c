#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "node/control.h"

enum { ANSWER_MAX = 16 << 20 };

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A node that hangs does not accept: then connecting and sending wait, but no longer than this. */
static void bound_waiting(int fd, int timeout_ms)
{
    struct timeval tv = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

static int connect_to(const char *path, int timeout_ms, int *fd)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int s, rc = 0;

    if (strlen(path) >= sizeof addr.sun_path)
        return -ENAMETOOLONG;
    strcpy(addr.sun_path, path);
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -errno;
    bound_waiting(s, timeout_ms);
    if (connect(s, (struct sockaddr *)&addr, sizeof addr) != 0) {
        rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
        close(s);
        return rc;
    }
    *fd = s;
    return 0;
}

static int send_request(int fd, const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    size_t len, sent = 0;
    int rc = 0;

    if (text == NULL)
        return -ENOMEM;
    len = strlen(text);
    text[len] = '\n';
    while (rc == 0 && sent <= len) {
        ssize_t n = send(fd, text + sent, len + 1 - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EPIPE)
            break;                   /* it refuses, and has said why */
        if (n < 0 && errno != EINTR)
            rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
        sent += n > 0 ? (size_t)n : 0;
    }
    free(text);
    return rc;
}

/* One more piece of the answer. 1: more may come, 0: it is complete. */
static int read_some(int fd, int64_t deadline_ms, char **text, size_t *len)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int64_t left_ms = deadline_ms - now_ms();
    char *grown;
    ssize_t n;

    if (left_ms <= 0 || poll(&p, 1, (int)left_ms) == 0)
        return -ETIMEDOUT;
    if (*len > ANSWER_MAX)
        return -EPROTO;
    grown = realloc(*text, *len + 65536);
    if (grown == NULL)
        return -ENOMEM;
    *text = grown;
    n = read(fd, grown + *len, 65536);
    if (n < 0 && errno == ECONNRESET && *len > 0)
        return 0;                    /* it refused without reading the request, and has said why */
    if (n < 0)
        return errno == EINTR ? 1 : -errno;
    *len += (size_t)n;
    return n > 0;
}

int control_ask(const char *path, const json_t *request, int timeout_ms, json_t **answer)
{
    int64_t deadline_ms = now_ms() + timeout_ms;
    char *text = NULL;
    size_t len = 0;
    int fd = -1;
    int rc = connect_to(path, timeout_ms, &fd);

    if (rc != 0)
        return rc;
    rc = send_request(fd, request);
    if (rc == 0) {
        while ((rc = read_some(fd, deadline_ms, &text, &len)) > 0)
            ;
    }
    if (rc == 0) {
        json_t *got = len == 0 ? NULL : json_loadb(text, len, 0, NULL);
        if (json_is_object(got)) {
            *answer = got;
        } else {
            json_decref(got);
            rc = -EPROTO;
        }
    }
    free(text);
    close(fd);
    return rc;
}
