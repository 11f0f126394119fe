#include "tools/maillog/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/log.h"

enum { HEAD_MAX = 96, SLOT_BYTES_MAX = 4096 + HEAD_MAX, IN_BYTES = 16384, LOGGED_MAX = 20, LOG_AGAIN_MS = 60000 };

enum link_stage { LINK_DOWN, LINK_CONNECTING, LINK_GREETING, LINK_UP };

struct slot {
    char *line;                 /* with its newline; the link's */
    size_t len;
    uint64_t place;
};

struct link {
    union { struct sockaddr any; struct sockaddr_un un; struct sockaddr_in in4; struct sockaddr_in6 in6; } address;
    socklen_t address_len;
    char name[160];             /* as configured */
    char source[64];
    enum link_stage stage;
    int fd;
    struct slot *slots;         /* a ring: [first, first + n) wait, of which `sent` were sent whole */
    size_t first, n, sent, sent_part, bytes;
    char in[IN_BYTES];
    size_t in_len;
    int64_t wait_ms, again_ms, heard_ms, logged_ms;
    char trouble[LINK_WHY_MAX];
    uint64_t logged;            /* errors of requests that were logged in this minute */
    struct link_counts counts;
};

static const char greeting[] = "stream\n";

/* ---- the address */

static int wrong_address(const char *address, char why[LINK_WHY_MAX])
{
    snprintf(why, LINK_WHY_MAX, "\"%.100s\" is no address of a node: expected \"unix:/path\" or \"tcp:127.0.0.1:4440\"", address);
    return -EINVAL;
}

static int parse_tcp(struct link *l, const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5)
        return -EINVAL;
    long port = strtol(colon + 1, NULL, 10);
    size_t n = (size_t)(colon - text);
    bool brackets = n > 2 && text[0] == '[' && text[n - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? n - 2 : n), text + brackets);
    if (port < 1 || port > 65535)
        return -EINVAL;
    if (!brackets && inet_pton(AF_INET, host, &l->address.in4.sin_addr) == 1) {
        l->address.in4.sin_family = AF_INET;
        l->address.in4.sin_port = htons((uint16_t)port);
        l->address_len = sizeof l->address.in4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &l->address.in6.sin6_addr) != 1)
        return -EINVAL;
    l->address.in6.sin6_family = AF_INET6;
    l->address.in6.sin6_port = htons((uint16_t)port);
    l->address_len = sizeof l->address.in6;
    return 0;
}

static int parse_address(struct link *l, const char *text, char why[LINK_WHY_MAX])
{
    snprintf(l->name, sizeof l->name, "%s", text);
    if (strncmp(text, "tcp:", 4) == 0)
        return parse_tcp(l, text + 4) == 0 ? 0 : wrong_address(text, why);
    if (strncmp(text, "unix:", 5) != 0 || text[5] == '\0' || strlen(text + 5) >= sizeof l->address.un.sun_path)
        return wrong_address(text, why);
    l->address.un.sun_family = AF_UNIX;
    strcpy(l->address.un.sun_path, text + 5);
    l->address_len = sizeof l->address.un;
    return 0;
}

int link_create(const char *address, const char *source, struct link **out, char why[LINK_WHY_MAX])
{
    struct link *l = calloc(1, sizeof *l);
    struct slot *slots = calloc(LINK_REQUESTS_MAX, sizeof *slots);
    int rc = l == NULL || slots == NULL ? -ENOMEM : parse_address(l, address, why);
    if (rc != 0) {
        free(slots);
        free(l);
        return rc;
    }
    l->slots = slots;
    l->fd = -1;
    snprintf(l->source, sizeof l->source, "%s", source);
    *out = l;
    return 0;
}

static struct slot *slot_at(const struct link *l, size_t i)
{
    return &l->slots[(l->first + i) % LINK_REQUESTS_MAX];
}

void link_destroy(struct link **l)
{
    if (*l == NULL)
        return;
    if ((*l)->fd >= 0)
        close((*l)->fd);
    for (size_t i = 0; i < (*l)->n; i++)
        free(slot_at(*l, i)->line);
    free((*l)->slots);
    free(*l);
    *l = NULL;
}

int link_check(const char *address, char why[LINK_WHY_MAX])
{
    struct link *l = NULL;
    int rc = link_create(address, "", &l, why);
    link_destroy(&l);
    return rc;
}

/* ---- the queue */

bool link_has_room(const struct link *l, size_t requests)
{
    return l->n + requests <= LINK_REQUESTS_MAX && l->bytes + requests * SLOT_BYTES_MAX <= LINK_BYTES_MAX;
}

void link_push(struct link *l, const char *line, size_t len, uint64_t number, int64_t age_s, uint64_t place)
{
    char head[HEAD_MAX];
    int n = snprintf(head, sizeof head, "once %s:%" PRIu64 ":%" PRId64 " ", l->source, number + 1, age_s);
    struct slot s = { .len = (size_t)n + len + 1, .place = place };
    s.line = malloc(s.len);
    if (s.line == NULL) {
        /* Better to begin again where the state file says than to leave one out. */
        log_error("out of memory");
        abort();
    }
    memcpy(s.line, head, (size_t)n);
    memcpy(s.line + n, line, len);
    s.line[s.len - 1] = '\n';
    *slot_at(l, l->n) = s;
    l->n++;
    l->bytes += s.len;
}

static void pop(struct link *l)
{
    struct slot *s = slot_at(l, 0);
    l->bytes -= s->len;
    free(s->line);
    s->line = NULL;
    l->first = (l->first + 1) % LINK_REQUESTS_MAX;
    l->n--;
    l->sent--;
}

bool link_oldest(const struct link *l, uint64_t *place)
{
    if (l->n > 0)
        *place = slot_at(l, 0)->place;
    return l->n > 0;
}

bool link_is_idle(const struct link *l)
{
    return l->n == 0;
}

bool link_is_up(const struct link *l)
{
    return l->stage == LINK_UP;
}

struct link_counts link_counted(const struct link *l)
{
    return l->counts;
}

const char *link_trouble(const struct link *l)
{
    return l->trouble;
}

/* ---- the connection */

/* It is logged when it begins, and once a minute while the reason stays. */
static void go_down(struct link *l, const char *reason, int64_t now_ms)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    l->stage = LINK_DOWN;
    l->sent = l->sent_part = l->in_len = 0;
    l->wait_ms = l->wait_ms == 0 ? LINK_WAIT_MIN_MS : l->wait_ms * 2 < LINK_WAIT_MAX_MS ? l->wait_ms * 2 : LINK_WAIT_MAX_MS;
    l->again_ms = now_ms + l->wait_ms;
    if (strncmp(l->trouble, reason, sizeof l->trouble - 1) != 0 || now_ms - l->logged_ms >= LOG_AGAIN_MS) {
        log_warning("%s: %s: %zu requests wait", l->name, reason, l->n);
        l->logged_ms = now_ms;
    }
    snprintf(l->trouble, sizeof l->trouble, "%s", reason);
}

static void go_up(struct link *l)
{
    if (l->trouble[0] != '\0')
        log_info("%s: the node answers again", l->name);
    l->trouble[0] = '\0';
    l->wait_ms = 0;
    l->stage = LINK_UP;
}

static void begin(struct link *l, int64_t now_ms)
{
    l->fd = socket(l->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0) {
        go_down(l, strerror(errno), now_ms);
        return;
    }
    l->heard_ms = now_ms;
    l->stage = LINK_CONNECTING;
    /* A unix socket with a full backlog says EAGAIN, and is no nearer then. */
    if (connect(l->fd, &l->address.any, l->address_len) != 0 && errno != EINPROGRESS)
        go_down(l, errno == EAGAIN ? "the node does not accept connections" : strerror(errno), now_ms);
}

static void finish_connect(struct link *l, int64_t now_ms)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
        go_down(l, strerror(error != 0 ? error : errno), now_ms);
    else if (send(l->fd, greeting, strlen(greeting), MSG_NOSIGNAL) != (ssize_t)strlen(greeting))
        go_down(l, "the node takes nothing", now_ms);
    else
        l->stage = LINK_GREETING;
}

static void send_some(struct link *l, int64_t now_ms)
{
    while (l->sent < l->n) {
        const struct slot *s = slot_at(l, l->sent);
        ssize_t n = send(l->fd, s->line + l->sent_part, s->len - l->sent_part, MSG_NOSIGNAL | (l->sent + 1 < l->n ? MSG_MORE : 0));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            go_down(l, strerror(errno), now_ms);
            return;
        }
        if (l->sent == 0 && l->sent_part == 0)
            l->heard_ms = now_ms;               /* from here on an answer is due */
        l->sent_part += (size_t)n;
        if (l->sent_part == s->len) {
            l->sent++;
            l->sent_part = 0;
        }
    }
}

/* What the node says when it is not the request that is wrong. In quotes stands what a stranger may have chosen: it does not count. */
static bool is_passing(const char *answer)
{
    size_t said = strcspn(answer, "\"");
    static const char *const signs[] = { "not stored", "shutting down", "too many connections", "not allowed", "out of memory", "timeout" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (memmem(answer, said, signs[i], strlen(signs[i])) != NULL)
            return true;
    return false;
}

static void log_refusal(struct link *l, const char *answer, int64_t now_ms)
{
    if (now_ms - l->logged_ms >= LOG_AGAIN_MS) {
        l->logged_ms = now_ms;
        l->logged = 0;
    }
    if (l->logged++ < LOGGED_MAX)
        log_warning("the node refuses \"%.*s\": %s", (int)(slot_at(l, 0)->len - 1), slot_at(l, 0)->line, answer);
}

/* One answer, without its newline. */
static void take_answer(struct link *l, const char *answer, int64_t now_ms)
{
    char reason[LINK_WHY_MAX];
    bool error = strncmp(answer, "error:", 6) == 0;
    if (l->stage == LINK_GREETING && strcmp(answer, "ok") == 0) {
        go_up(l);
    } else if (l->stage == LINK_GREETING || l->sent == 0 || (error && is_passing(answer))) {
        snprintf(reason, sizeof reason, "the node says: %.200s", answer);
        go_down(l, reason, now_ms);
    } else {
        l->counts.taken += !error;
        l->counts.refused += error;
        if (error)
            log_refusal(l, answer, now_ms);
        pop(l);
    }
}

static void take_answers(struct link *l, int64_t now_ms)
{
    size_t at = 0;
    for (char *end; l->fd >= 0 && (end = memchr(l->in + at, '\n', l->in_len - at)) != NULL; at = (size_t)(end - l->in) + 1) {
        *end = '\0';
        take_answer(l, l->in + at, now_ms);
    }
    if (l->fd < 0)
        return;
    memmove(l->in, l->in + at, l->in_len - at);
    l->in_len -= at;
    if (l->in_len == IN_BYTES)
        go_down(l, "that is not hearsayd: it sends an endless line", now_ms);
}

static void receive(struct link *l, int64_t now_ms)
{
    ssize_t n = recv(l->fd, l->in + l->in_len, IN_BYTES - l->in_len, 0);
    char reason[LINK_WHY_MAX];
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 && l->in_len > 0) {              /* a connection that is refused gets its reason without a newline */
        snprintf(reason, sizeof reason, "the node says: %.*s", (int)(l->in_len < 200 ? l->in_len : 200), l->in);
        go_down(l, reason, now_ms);
        return;
    }
    if (n <= 0) {
        go_down(l, n < 0 ? strerror(errno) : "the node closed the connection", now_ms);
        return;
    }
    l->heard_ms = now_ms;
    l->in_len += (size_t)n;
    take_answers(l, now_ms);
}

/* ---- the loop's side */

static bool is_due(const struct link *l)
{
    return l->stage == LINK_CONNECTING || l->stage == LINK_GREETING || l->sent > 0 || l->sent_part > 0;
}

int link_poll(struct link *l, int64_t now_ms, struct pollfd *out)
{
    *out = (struct pollfd){ .fd = l->fd };
    if (l->stage == LINK_DOWN) {
        int64_t left = l->again_ms - now_ms;
        return l->n == 0 ? -1 : left > 0 ? (int)left : 0;
    }
    out->events = POLLIN;
    if (l->stage == LINK_CONNECTING || (l->stage == LINK_UP && l->sent < l->n))
        out->events |= POLLOUT;
    if (!is_due(l))
        return -1;
    int64_t left = l->heard_ms + LINK_SILENCE_MS - now_ms;
    return left > 0 ? (int)left : 0;
}

void link_work(struct link *l, short revents, int64_t now_ms)
{
    if (l->stage == LINK_DOWN && l->n > 0 && now_ms >= l->again_ms)
        begin(l, now_ms);
    else if (l->stage != LINK_DOWN && is_due(l) && now_ms - l->heard_ms >= LINK_SILENCE_MS)
        go_down(l, "no answer within 30 s", now_ms);
    if (l->stage == LINK_CONNECTING && (revents & (POLLOUT | POLLERR | POLLHUP)) != 0)
        finish_connect(l, now_ms);
    if (l->fd >= 0 && l->stage != LINK_CONNECTING && (revents & (POLLIN | POLLERR | POLLHUP)) != 0)
        receive(l, now_ms);
    if (l->stage == LINK_UP)
        send_some(l, now_ms);
}
