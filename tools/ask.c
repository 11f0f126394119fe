#include "tools/ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/command.h"
#include "tools/say.h"

union address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
};

/* A listener on all addresses is reached on loopback. */
static socklen_t tcp_address(const struct config_report *r, union address *a)
{
    if (inet_pton(AF_INET, r->host, &a->in4.sin_addr) == 1) {
        a->in4.sin_family = AF_INET;
        a->in4.sin_port = htons(r->port);
        if (a->in4.sin_addr.s_addr == htonl(INADDR_ANY))
            a->in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof a->in4;
    }
    if (inet_pton(AF_INET6, r->host, &a->in6.sin6_addr) != 1)
        return 0;
    a->in6.sin6_family = AF_INET6;
    a->in6.sin6_port = htons(r->port);
    if (IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr))
        a->in6.sin6_addr = in6addr_loopback;
    return sizeof a->in6;
}

static socklen_t report_address(const struct config_report *r, union address *a)
{
    memset(a, 0, sizeof *a);
    if (!r->is_unix)
        return tcp_address(r, a);
    if (strlen(r->path) >= sizeof a->un.sun_path)
        return 0;
    a->un.sun_family = AF_UNIX;
    strcpy(a->un.sun_path, r->path);
    return sizeof a->un;
}

static int connect_one(const struct config_report *r, int *fd)
{
    union address a;
    socklen_t len = report_address(r, &a);
    if (len == 0)
        return -EINVAL;
    int s = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -errno;
    if (connect(s, &a.any, len) != 0) {
        int rc = -errno;
        close(s);
        return rc;
    }
    *fd = s;
    return 0;
}

static void name_report(const struct config_report *r, char *where, size_t room)
{
    if (r->is_unix)
        snprintf(where, room, "unix:%s", r->path);
    else
        snprintf(where, room, strchr(r->host, ':') != NULL ? "tcp:[%s]:%u" : "tcp:%s:%u", r->host, r->port);
}

static void append_report(const struct config_report *r, char *where)
{
    size_t used = strlen(where);
    if (used > 0 && used + 2 < ASK_WHERE_MAX)
        used += (size_t)snprintf(where + used, ASK_WHERE_MAX - used, ", ");
    if (used + 1 < ASK_WHERE_MAX)
        name_report(r, where + used, ASK_WHERE_MAX - used);
}

/* Tries the sockets of one kind. -ENOENT when there is none; -EACCES if any says so, since that one is there. */
static int connect_kind(const struct config *c, bool is_unix, int *fd, char where[ASK_WHERE_MAX])
{
    int rc = -ENOENT;
    for (size_t i = 0; i < c->reports_n; i++) {
        const struct config_report *r = &c->reports[i];
        if (r->is_unix != is_unix)
            continue;
        int now = connect_one(r, fd);
        if (now == 0) {
            name_report(r, where, ASK_WHERE_MAX);
            return 0;
        }
        append_report(r, where);
        if (rc != -EACCES)
            rc = now;
    }
    return rc;
}

int ask_connect(const struct config *c, int *fd, char where[ASK_WHERE_MAX])
{
    where[0] = '\0';
    int rc = connect_kind(c, true, fd, where);
    if (rc == 0 || (where[0] != '\0' && rc != -EACCES))
        return rc;                          /* a unix socket that is dead: a TCP port that answers might be another node's */
    int tcp = connect_kind(c, false, fd, where);
    return tcp == 0 || rc != -EACCES ? tcp : rc;
}

int ask_failed(int rc, const char *where, const char *config_file)
{
    if (rc == -EACCES)
        say_error("%s: not allowed: run this as root or as a user of the socket's group", where);
    else if (where[0] == '\0')
        say_error("the configuration names no report socket");
    else
        say_error("hearsayd is not there (nobody answers at %s): start it with `hearsayd -c %s` or `systemctl start hearsayd`", where, config_file);
    return rc == -EACCES || where[0] == '\0' ? STATUS_USAGE : STATUS_ABSENT;
}

static int send_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Reads to the end of the connection. 0, -ETIMEDOUT, -EMSGSIZE or the socket's error. */
static int read_all(int fd, char *out, size_t room)
{
    size_t n = 0;
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int ready = poll(&p, 1, ASK_TIMEOUT_MS);
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t got = ready < 0 ? -1 : recv(fd, out + n, room - 1 - n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
        if (n == room - 1)
            return -EMSGSIZE;
    }
    out[n] = '\0';
    return 0;
}

int ask_line(const struct config *c, const char *line, char answer[ASK_ANSWER_MAX])
{
    char where[ASK_WHERE_MAX], text[4200];
    int fd = -1, rc = ask_connect(c, &fd, where);
    if (rc != 0)
        return ask_failed(rc, where, c->file);
    int len = snprintf(text, sizeof text, "%s\n", line);
    rc = len < 0 || (size_t)len >= sizeof text ? -EMSGSIZE : send_all(fd, text, (size_t)len);
    if (rc == 0) {
        shutdown(fd, SHUT_WR);
        rc = read_all(fd, answer, ASK_ANSWER_MAX);
    }
    close(fd);
    if (rc == 0 && answer[0] != '\0')
        return 0;
    if (rc == -EMSGSIZE)
        say_error("the request is too long");
    else
        say_error("%s: %s", where, rc == -ETIMEDOUT ? "no answer within 10 s" : rc == 0 ? "closed without an answer" : strerror(-rc));
    return rc == -EMSGSIZE ? STATUS_USAGE : STATUS_ABSENT;
}
