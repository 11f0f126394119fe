/* tests/unit/report_lab.h: a report server on a private loop, and clients on real sockets in the same loop. Changes are answered by the test. */
#ifndef HEARSAY_TESTS_REPORT_LAB_H
#define HEARSAY_TESTS_REPORT_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "node/report_server.h"
#include "tests/unit/own_port.h"
#include "tests/unit/scratch.h"

/* GUARD_S, like the line time below, is for a machine that hangs: no good run comes near it. What a client must do within the 50 ms for which the node lingers, a busy
 * machine may keep it from; so that is tried again, up to TRIES times. A node that does it wrong does it wrong each time. */
enum { CLIENTS_MAX = 700, TICKETS_MAX = 300000, GUARD_S = 120, TRIES = 100, CLOCK_STEP_MS = 5 };

/* ---- the server and what its handlers do */

static char dir[64];
static char socket_path[128];
static uv_loop_t loop;
static struct report_server *server;
static struct config *config;
static struct report_ticket tickets[TICKETS_MAX];
static size_t tickets_n, answered_n;
static size_t room;                    /* changes that the queue still takes */
static bool answer_by_itself;
static size_t reads;
static uint64_t read_cost_ns;          /* what a question takes */
static bool gone;

static inline void on_ask(void *ctx, const struct request *rq, char answer[REPORT_ANSWER_MAX])
{
    uint64_t began_ns = uv_hrtime();
    (void)ctx;
    reads++;
    while (read_cost_ns > 0 && uv_hrtime() - began_ns < read_cost_ns)
        continue;
    if (rq->verb == REQUEST_CHECK)
        strcpy(answer, rq->zone[0] != '\0' ? "black" : "unknown");
    else if (rq->verb == REQUEST_SCORE)
        snprintf(answer, REPORT_ANSWER_MAX, "%zu", answered_n);
    else
        snprintf(answer, REPORT_ANSWER_MAX, "state=black score=%0900d", 7);
}

static inline int on_change(void *ctx, const struct request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    (void)ctx;
    if (strcmp(rq->category, "nonsense") == 0) {
        strcpy(answer, "error: unknown category \"nonsense\"");
        return -EINVAL;
    }
    if (room == 0)
        return -EAGAIN;
    room--;
    assert_true(tickets_n < TICKETS_MAX);
    tickets[tickets_n++] = ticket;
    return 0;
}

static inline void answer_next(const char *text)
{
    assert_true(answered_n < tickets_n);
    report_server_answer(server, tickets[answered_n++], text);
}

static inline void on_gone(void *ctx)
{
    (void)ctx;
    gone = true;
}

static inline struct config_report unix_report(void)
{
    struct config_report r = {.is_unix = true, .mode = 0660};
    strcpy(r.path, socket_path);
    return r;
}

static inline void start(void)
{
    struct report_handlers h = {.read = on_ask, .change = on_change};
    char why[CONFIG_WHY_MAX] = "";
    if (report_server_start(&loop, config, &h, &server, why) != 0)
        fail_msg("%s", why);
}

static inline int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hearsay-report-XXXXXX");
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(socket_path, sizeof socket_path, "%s/deep/run/report.sock", dir);
    config = calloc(1, sizeof *config);
    config->limits = (struct config_limits){.connections = 600, .backlog = 1024, .lines_per_second = 100000000, .line_bytes = 4096, .line_ms = 600000, .queue = 65536};
    config->reports[0] = unix_report();
    config->reports_n = 1;
    tickets_n = answered_n = reads = 0;
    read_cost_ns = 0;
    room = SIZE_MAX;
    answer_by_itself = true;
    gone = false;
    server = NULL;
    return uv_loop_init(&loop);
}

static inline int teardown(void **state)
{
    char command[128];
    (void)state;
    if (server != NULL)
        report_server_stop(server, 0, on_gone, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    report_server_destroy(&server);
    for (size_t i = 0; i < config->reports_n; i++)
        free(config->reports[i].allow);
    free(config);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* ---- clients */

struct client {
    uv_poll_t poll;
    int fd;
    bool polling, ended, reset;
    char *got;
    size_t got_len, got_room;
    const char *send;                  /* not yet sent */
    size_t send_len;
    uint64_t ended_ns;
};

static struct client clients[CLIENTS_MAX];

static inline void take(struct client *c)
{
    ssize_t n;
    if (c->got_room < c->got_len + 65536) {
        c->got_room = 2 * (c->got_len + 65536);
        c->got = realloc(c->got, c->got_room);
    }
    n = recv(c->fd, c->got + c->got_len, c->got_room - c->got_len - 1, MSG_DONTWAIT);
    if (n > 0) {
        c->got_len += (size_t)n;
        c->got[c->got_len] = '\0';
    } else if (n == 0 || errno != EAGAIN) {
        c->reset = n < 0;
        c->ended = true;
        c->ended_ns = uv_hrtime();
        uv_poll_stop(&c->poll);
    }
}

static inline void give(struct client *c)
{
    ssize_t n = send(c->fd, c->send, c->send_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        c->send += n;
        c->send_len -= (size_t)n;
    } else if (errno != EAGAIN) {
        c->send_len = 0;
    }
}

static inline void on_client(uv_poll_t *poll, int status, int events)
{
    struct client *c = poll->data;
    (void)status;
    if ((events & UV_WRITABLE) != 0 && c->send_len > 0)
        give(c);
    if ((events & UV_READABLE) != 0)
        take(c);
    if (!c->ended)
        uv_poll_start(poll, UV_READABLE | (c->send_len > 0 ? UV_WRITABLE : 0), on_client);
}

static inline struct client *adopt(int i, int fd)
{
    struct client *c = &clients[i];
    memset(c, 0, sizeof *c);
    c->fd = fd;
    c->got = calloc(1, 1);
    assert_int_equal(uv_poll_init(&loop, &c->poll, fd), 0);
    c->poll.data = c;
    uv_poll_start(&c->poll, UV_READABLE, on_client);
    return c;
}

static inline struct client *dial(int i)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(a.sun_path, socket_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return adopt(i, fd);
}

static inline struct client *dial_tcp(int i, const char *from, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET}, local = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, from, &local.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof local), 0);
    inet_pton(AF_INET, own_loopback(), &a.sin_addr);
    a.sin_port = htons(port);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return adopt(i, fd);
}

static inline void on_client_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    close(c->fd);
    free(c->got);
    c->got = NULL;
}

static inline void hang_up(struct client *c)
{
    uv_close((uv_handle_t *)&c->poll, on_client_closed);
    while (c->got != NULL)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static inline void say_bytes(struct client *c, const char *bytes, size_t len)
{
    c->send = bytes;
    c->send_len = len;
    uv_poll_start(&c->poll, UV_READABLE | UV_WRITABLE, on_client);
}

static inline void say(struct client *c, const char *text)
{
    say_bytes(c, text, strlen(text));
}

/* ---- time */

static inline void on_guard(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened for %d s", GUARD_S);
}

static uv_timer_t guard;

/* Changes are answered a turn after they came, as by another thread. */
static inline void turn_of(uv_run_mode mode)
{
    size_t end = tickets_n;
    uv_run(&loop, answer_by_itself && answered_n < end ? UV_RUN_NOWAIT : mode);
    while (answer_by_itself && answered_n < end)
        answer_next("ok");
}

#define until(condition)                                              \
    do {                                                              \
        uv_timer_init(&loop, &guard);                                 \
        uv_timer_start(&guard, on_guard, GUARD_S * 1000, 0);          \
        while (!(condition))                                          \
            turn_of(UV_RUN_ONCE);                                     \
        uv_close((uv_handle_t *)&guard, NULL);                        \
        uv_run(&loop, UV_RUN_NOWAIT);                                 \
    } while (0)

/* Whatever can be done now is done, in however many turns: a slow machine does less in each. */
static inline void settle(void)
{
    for (int quiet = 0; quiet < 20; quiet = uv_backend_timeout(&loop) == 0 ? 0 : quiet + 1)
        turn_of(UV_RUN_NOWAIT);
}

/* That it lasted so long, but for the steps of the clocks: the loop counts whole milliseconds, of a clock of the kernel that goes in steps, too. */
static inline void assert_lasted(uint64_t began_ns, uint64_t ended_ns, uint64_t least_ms)
{
    assert_true(ended_ns - began_ns + CLOCK_STEP_MS * UINT64_C(1000000) >= least_ms * 1000000);
}

static inline void expect_end(struct client *c, const char *want)
{
    until(c->ended);
    assert_false(c->reset);
    assert_string_equal(c->got, want);
}

static inline struct report_server_counts counted(void)
{
    struct report_server_counts n;
    report_server_counted(server, &n);
    return n;
}

#define with_server(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
