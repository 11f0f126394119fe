/* The report socket: a real server on a private loop, and clients on real sockets in the same loop. */
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

enum { CLIENTS_MAX = 700, TICKETS_MAX = 300000, GUARD_S = 20 };

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
static bool gone;

static void on_ask(void *ctx, const struct request *rq, char answer[REPORT_ANSWER_MAX])
{
    (void)ctx;
    reads++;
    if (rq->verb == REQUEST_CHECK)
        strcpy(answer, rq->zone[0] != '\0' ? "black" : "unknown");
    else if (rq->verb == REQUEST_SCORE)
        snprintf(answer, REPORT_ANSWER_MAX, "%zu", answered_n);
    else
        snprintf(answer, REPORT_ANSWER_MAX, "state=black score=%0900d", 7);
}

static int on_change(void *ctx, const struct request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
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

static void answer_next(const char *text)
{
    assert_true(answered_n < tickets_n);
    report_server_answer(server, tickets[answered_n++], text);
}

static void on_gone(void *ctx)
{
    (void)ctx;
    gone = true;
}

static struct config_report unix_report(void)
{
    struct config_report r = {.is_unix = true, .mode = 0660};
    strcpy(r.path, socket_path);
    return r;
}

static void start(void)
{
    struct report_handlers h = {.read = on_ask, .change = on_change};
    char why[CONFIG_WHY_MAX] = "";
    if (report_server_start(&loop, config, &h, &server, why) != 0)
        fail_msg("%s", why);
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hearsay-report-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(socket_path, sizeof socket_path, "%s/deep/run/report.sock", dir);
    config = calloc(1, sizeof *config);
    config->limits = (struct config_limits){.connections = 600, .backlog = 1024, .lines_per_second = 100000000, .line_bytes = 4096, .line_ms = 10000, .queue = 65536};
    config->reports[0] = unix_report();
    config->reports_n = 1;
    tickets_n = answered_n = reads = 0;
    room = SIZE_MAX;
    answer_by_itself = true;
    gone = false;
    server = NULL;
    return uv_loop_init(&loop);
}

static int teardown(void **state)
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

static void take(struct client *c)
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

static void give(struct client *c)
{
    ssize_t n = send(c->fd, c->send, c->send_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) {
        c->send += n;
        c->send_len -= (size_t)n;
    } else if (errno != EAGAIN) {
        c->send_len = 0;
    }
}

static void on_client(uv_poll_t *poll, int status, int events)
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

static struct client *adopt(int i, int fd)
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

static struct client *dial(int i)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(a.sun_path, socket_path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return adopt(i, fd);
}

static struct client *dial_tcp(int i, const char *from, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET}, local = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, from, &local.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof local), 0);
    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    a.sin_port = htons(port);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return adopt(i, fd);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    close(c->fd);
    free(c->got);
    c->got = NULL;
}

static void hang_up(struct client *c)
{
    uv_close((uv_handle_t *)&c->poll, on_client_closed);
    while (c->got != NULL)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void say_bytes(struct client *c, const char *bytes, size_t len)
{
    c->send = bytes;
    c->send_len = len;
    uv_poll_start(&c->poll, UV_READABLE | UV_WRITABLE, on_client);
}

static void say(struct client *c, const char *text)
{
    say_bytes(c, text, strlen(text));
}

/* ---- time */

static void on_guard(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("nothing happened for %d s", GUARD_S);
}

static uv_timer_t guard;

/* Changes are answered a turn after they came, as by another thread. */
static void turn_of(uv_run_mode mode)
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

/* Whatever can be done now is done. */
static void settle(void)
{
    for (int i = 0; i < 20; i++)
        turn_of(UV_RUN_NOWAIT);
}

static void expect_end(struct client *c, const char *want)
{
    until(c->ended);
    assert_false(c->reset);
    assert_string_equal(c->got, want);
}

static struct report_server_counts counted(void)
{
    struct report_server_counts n;
    report_server_counted(server, &n);
    return n;
}

/* ---- framing and answers */

#define HALF_CLOSE "\x01"              /* in a script: the client closes its side */

static const struct {
    const char *name, *chunks[8], *want;
} scripts[] = {
    {"a line and the client's half-close", {"ping\n", HALF_CLOSE}, "pong"},
    {"the half-close ends the line", {"ping", HALF_CLOSE}, "pong"},
    {"CRLF", {"ping\r\n", HALF_CLOSE}, "pong"},
    {"CR before the half-close", {"ping\r", HALF_CLOSE}, "pong"},
    {"a verb in any case", {"PiNg\n", HALF_CLOSE}, "pong"},
    {"a change", {"black 192.0.2.1\n", HALF_CLOSE}, "ok"},
    {"a change in pieces", {"bla", "ck 192.0.", "2.1", "\n", HALF_CLOSE}, "ok"},
    {"a change ended by the half-close in pieces", {"white 192.0", ".2.1", HALF_CLOSE}, "ok"},
    {"white and retract", {"white 192.0.2.1\nretract 192.0.2.1\n", HALF_CLOSE}, "ok\nok"},
    {"questions", {"check 192.0.2.1\ncheck 192.0.2.1 zone=bl.a.example\n", HALF_CLOSE}, "unknown\nblack"},
    {"lines in pieces", {"pin", "g\npi", "ng\r\nping", "\r", "\nping", HALF_CLOSE}, "pong\npong\npong\npong"},
    {"a change and a question", {"black 192.0.2.1\nscore 192.0.2.1\nblack 192.0.2.1\nblack 192.0.2.1\nscore 192.0.2.1", HALF_CLOSE}, "ok\n1\nok\nok\n3"},
    {"no request", {HALF_CLOSE}, ""},
    {"a half-close after the answer", {"ping\n", "", HALF_CLOSE}, "pong"},
    {"stream", {"stream\nping\n", "ping\n", HALF_CLOSE}, "ok\npong\npong\n"},
    {"stream after another request", {"ping\nstream\nping\n", HALF_CLOSE}, "pong\nok\npong\n"},
    {"stream twice", {"stream\nSTREAM\nping", HALF_CLOSE}, "ok\nok\npong\n"},
    {"stream with changes", {"stream\nblack 192.0.2.1\nblack 192.0.2.2\nping\n", HALF_CLOSE}, "ok\nok\nok\npong\n"},
    {"an unknown category", {"black 192.0.2.1\nblack 192.0.2.1 nonsense\nblack 192.0.2.1", HALF_CLOSE}, "ok\nerror: unknown category \"nonsense\"\nok"},
};

static void play(struct client *c, const char *const *chunks, size_t n)
{
    for (size_t i = 0; i < n && chunks[i] != NULL; i++) {
        if (strcmp(chunks[i], HALF_CLOSE) == 0)
            shutdown(c->fd, SHUT_WR);
        else if (chunks[i][0] != '\0')
            say(c, chunks[i]);
        until(c->send_len == 0);
        settle();
    }
}

static void requests_are_answered_in_order_and_the_connection_ends(void **state)
{
    (void)state;
    start();
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct client *c = dial(0);
        answered_n = tickets_n = 0;
        play(c, scripts[i].chunks, 8);
        until(c->ended);
        if (c->reset || strcmp(c->got, scripts[i].want) != 0)
            fail_msg("%s: got \"%s\"%s, want \"%s\"", scripts[i].name, c->got, c->reset ? " and a reset" : "", scripts[i].want);
        hang_up(c);
    }
}

static const char script_text[] = "ping\nblack 192.0.2.1\r\nblack x\n\ncheck 192.0.2.1\nstream\nping\nwhite 192.0.2.3\nwhat\ncheck 192.0.2.1\nping";

static void the_cut_of_the_input_does_not_matter(void **state)
{
    char *whole = NULL;
    uint32_t seed = 3;
    (void)state;
    start();
    for (int round = 0; round < 60; round++) {
        struct client *c = dial(0);
        size_t at = 0, len = strlen(script_text);
        while (at < len) {
            size_t n = round == 0 ? len : round == 1 ? 1 : 1 + (seed >> 16) % 9;
            seed = seed * 1664525 + 1013904223;
            if (n > len - at)
                n = len - at;
            say_bytes(c, script_text + at, n);
            until(c->send_len == 0);
            if (n % 2 == 0)
                settle();
            at += n;
        }
        shutdown(c->fd, SHUT_WR);
        until(c->ended);
        if (whole == NULL)
            whole = strdup(c->got);
        assert_string_equal(c->got, whole);
        hang_up(c);
    }
    assert_non_null(strstr(whole, "pong\nok\nerror: "));
    free(whole);
}

static void a_blank_line_between_requests_is_an_error(void **state)
{
    struct client *c;
    (void)state;
    start();
    c = dial(0);
    say(c, "ping\n\nping\n");
    until(c->send_len == 0);
    shutdown(c->fd, SHUT_WR);
    until(c->ended);
    assert_int_equal(strncmp(c->got, "pong\nerror: ", 12), 0);
    assert_string_equal(c->got + strlen(c->got) - 5, "\npong");
    assert_int_equal(counted().lines, 3);
    assert_int_equal(counted().errors, 1);
    hang_up(c);
}

static void nonsense_is_an_error_and_stores_nothing(void **state)
{
    static const char *const lines[] = {"what", "black", "black 192.0.2.1 x=y", "check 192.0.2.1.1", "\x80\xff", "black 127.0.0.1", "stream now"};
    (void)state;
    start();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct client *c = dial(0);
        say(c, lines[i]);
        until(c->send_len == 0);
        shutdown(c->fd, SHUT_WR);
        until(c->ended);
        if (strncmp(c->got, "error: ", 7) != 0 || strchr(c->got, '\n') != NULL)
            fail_msg("%s: got \"%s\"", lines[i], c->got);
        hang_up(c);
    }
    assert_int_equal(tickets_n, 0);
}

static void a_client_that_keeps_its_side_open_is_answered_at_once_and_closed_soon(void **state)
{
    struct client *c;
    uint64_t began, answered;
    (void)state;
    start();
    c = dial(0);
    began = uv_hrtime();
    say(c, "ping\n");
    until(c->got_len == 4);
    answered = uv_hrtime();
    expect_end(c, "pong");
    assert_true(c->ended_ns - began >= 49 * 1000000);
    assert_true(answered - began < c->ended_ns - began);
    hang_up(c);
}

static void what_comes_within_the_linger_time_is_answered_too(void **state)
{
    struct client *c;
    (void)state;
    start();
    c = dial(0);
    say(c, "ping\n");
    until(c->got_len == 4);
    say(c, "check 192.0.2.1\n");
    until(c->got_len == strlen("pong\nunknown"));
    say(c, "black 192.0.2.1\n");
    expect_end(c, "pong\nunknown\nok");
    hang_up(c);
}

static void an_answer_that_takes_long_keeps_the_connection(void **state)
{
    struct client *c;
    uint64_t began;
    (void)state;
    answer_by_itself = false;
    start();
    c = dial(0);
    say(c, "black 192.0.2.1\n");
    until(tickets_n == 1);
    began = uv_hrtime();
    while (uv_hrtime() - began < 120 * 1000000)        /* longer than the linger time */
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_false(c->ended);
    answer_next("ok");
    expect_end(c, "ok");
    hang_up(c);
}

static void answers_come_in_the_order_of_the_lines(void **state)
{
    struct client *c;
    (void)state;
    answer_by_itself = false;
    start();
    c = dial(0);
    say(c, "black 192.0.2.1\nblack 192.0.2.2\nblack 192.0.2.1 nonsense\nblack 192.0.2.3\nblack 192.0.2.4\n");
    until(tickets_n == 4);
    report_server_answer(server, tickets[3], "error: four");
    report_server_answer(server, tickets[1], "error: two");
    settle();
    assert_int_equal(c->got_len, 0);
    report_server_answer(server, tickets[0], "error: one");
    settle();
    assert_string_equal(c->got, "error: one\nerror: two\nerror: unknown category \"nonsense\"");
    report_server_answer(server, tickets[2], "error: three");
    expect_end(c, "error: one\nerror: two\nerror: unknown category \"nonsense\"\nerror: three\nerror: four");
    hang_up(c);
}

static void a_question_waits_for_the_changes_before_it(void **state)
{
    struct client *c;
    (void)state;
    answer_by_itself = false;
    start();
    c = dial(0);
    say(c, "stream\nblack 192.0.2.1\nblack 192.0.2.2\ncheck 192.0.2.1\nblack 192.0.2.3\n");
    until(tickets_n == 2);
    settle();
    assert_int_equal(reads, 0);
    answer_next("ok");
    settle();
    assert_int_equal(reads, 0);
    answer_next("ok");
    until(tickets_n == 3);
    assert_int_equal(reads, 1);
    answer_next("ok");
    until(c->got_len == strlen("ok\nok\nok\nunknown\nok\n"));
    assert_string_equal(c->got, "ok\nok\nok\nunknown\nok\n");
    hang_up(c);
}

static void a_ticket_counts_once_and_only_for_its_connection(void **state)
{
    struct client *c;
    struct report_ticket old;
    (void)state;
    answer_by_itself = false;
    start();
    c = dial(0);
    say(c, "black 192.0.2.1\n");
    until(tickets_n == 1);
    old = tickets[0];
    hang_up(c);
    settle();
    report_server_answer(server, old, "error: to nobody");      /* the server may or may not know that it is gone */
    until(counted().connections_now == 0);
    report_server_answer(server, old, "error: to nobody");
    c = dial(0);
    say(c, "stream\nblack 192.0.2.2\nblack 192.0.2.3\n");
    until(tickets_n == 3);
    assert_int_equal(tickets[1].slot, old.slot);                /* the same place, used again */
    report_server_answer(server, old, "error: to nobody");
    report_server_answer(server, (struct report_ticket){.slot = 4000000000, .generation = 1, .number = 0}, "error: to nobody");
    report_server_answer(server, (struct report_ticket){.slot = old.slot, .generation = tickets[1].generation, .number = 99}, "error: to nobody");
    report_server_answer(server, tickets[2], "ok");
    report_server_answer(server, tickets[2], "error: again");
    report_server_answer(server, tickets[1], "ok");
    report_server_answer(server, tickets[1], "error: again");
    until(c->got_len == strlen("ok\nok\nok\n"));
    settle();
    assert_string_equal(c->got, "ok\nok\nok\n");
    hang_up(c);
}

/* ---- limits */

static void when_the_queue_is_full_lines_wait_and_none_is_lost(void **state)
{
    static char text[64 * 1000 + 16];
    struct client *c, *other;
    size_t len = 0, oks = 0;
    (void)state;
    start();
    room = 10;
    len += (size_t)sprintf(text, "stream\n");
    for (int i = 0; i < 1000; i++)
        len += (size_t)sprintf(text + len, "black 11.0.%d.%d\n", i / 250, i % 250);
    c = dial(0);
    say_bytes(c, text, len);
    until(tickets_n == 10);
    settle();
    assert_int_equal(tickets_n, 10);
    assert_int_equal(counted().paused, 1);
    other = dial(1);                                            /* who asks nothing of the queue does not wait */
    say(other, "check 192.0.2.1\n");
    until(other->got_len > 0);
    while (tickets_n < 1000) {
        room = 37;
        report_server_resume(server);
        settle();
    }
    until(c->got_len == 3 * 1001);
    for (size_t i = 0; i < c->got_len; i += 3)
        oks += memcmp(c->got + i, "ok\n", 3) == 0;
    assert_int_equal(oks, 1001);
    hang_up(c);
    hang_up(other);
}

static void a_line_too_long_is_an_error_and_the_stream_goes_on(void **state)
{
    static char text[20000];
    struct client *c;
    (void)state;
    start();
    memset(text, 'x', sizeof text);
    memcpy(text, "stream\n", 7);
    strcpy(text + sizeof text - 7, "\nping\n");
    c = dial(0);
    say(c, text);
    until(c->got_len == strlen("ok\nerror: line too long\npong\n"));
    assert_string_equal(c->got, "ok\nerror: line too long\npong\n");
    assert_int_equal(counted().too_long, 1);
    hang_up(c);
}

static void a_line_of_exactly_the_limit_is_read(void **state)
{
    static const struct { size_t blanks; const char *end, *want; } cases[] = {
        {4092, "\n", "pong"}, {4092, "\r\n", "pong"}, {4092, "", "pong"}, {4092, "\r", "pong"},
        {4093, "\n", "error: line too long"}, {4093, "\r\n", "error: line too long"}, {4093, "", "error: line too long"}, {4093, "\r", "error: line too long"},
    };
    char text[4200];
    (void)state;
    start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client *c = dial(0);
        strcpy(text, "ping");
        memset(text + 4, ' ', cases[i].blanks);
        strcpy(text + 4 + cases[i].blanks, cases[i].end);
        say(c, text);
        until(c->send_len == 0);
        settle();
        shutdown(c->fd, SHUT_WR);
        expect_end(c, cases[i].want);
        hang_up(c);
    }
}

static void a_flood_without_a_newline_does_not_destroy_the_answer(void **state)
{
    static char flood[3 << 20];
    struct client *c;
    (void)state;
    memset(flood, 'a', sizeof flood);
    start();
    c = dial(0);
    say_bytes(c, flood, sizeof flood);
    until(c->send_len == 0);
    expect_end(c, "error: line too long");
    hang_up(c);
}

static void a_line_that_is_not_finished_in_time_is_given_up(void **state)
{
    struct client *c, *silent;
    uint64_t began;
    (void)state;
    config->limits.line_ms = 150;
    start();
    began = uv_hrtime();
    silent = dial(1);
    c = dial(0);
    say(c, "pi");
    until(c->send_len == 0);
    while (uv_hrtime() - began < 80 * 1000000)
        uv_run(&loop, UV_RUN_NOWAIT);
    say(c, "n");                                                /* a byte now and then does not help */
    expect_end(c, "error: timeout");
    expect_end(silent, "error: timeout");
    assert_true(c->ended_ns - began >= 149 * 1000000);
    assert_true(c->ended_ns - began < 2000000000);
    assert_int_equal(counted().timeouts, 2);
    hang_up(c);
    hang_up(silent);
}

static void an_idle_stream_stays_open_but_not_with_half_a_line(void **state)
{
    struct client *idle, *half;
    (void)state;
    config->limits.line_ms = 100;
    start();
    idle = dial(0);
    say(idle, "stream\n");
    half = dial(1);
    say(half, "stream\nblack 192");
    expect_end(half, "ok\nerror: timeout\n");
    assert_false(idle->ended);
    say(idle, "ping\n");
    until(idle->got_len == strlen("ok\npong\n"));
    hang_up(idle);
    hang_up(half);
}

static void one_connection_too_many_is_told_so(void **state)
{
    struct client *c[3], *more;
    (void)state;
    config->limits.connections = 3;
    start();
    for (int i = 0; i < 3; i++) {
        c[i] = dial(i);
        say(c[i], "stream\n");
        until(c[i]->got_len == 3);
    }
    more = dial(3);
    say(more, "ping\n");
    expect_end(more, "error: too many connections");
    hang_up(more);
    assert_int_equal(counted().refused, 1);
    assert_int_equal(counted().connections_now, 3);
    hang_up(c[1]);
    until(counted().connections_now == 2);
    more = dial(3);
    say(more, "ping\n");
    expect_end(more, "pong");
    hang_up(more);
    hang_up(c[0]);
    hang_up(c[2]);
}

static void hundreds_of_silent_clients_delay_nobody(void **state)
{
    struct client *c;
    (void)state;
    start();
    for (int i = 1; i < 600; i++)
        dial(i);
    until(counted().connections_now == 599);
    c = dial(0);
    say(c, "black 192.0.2.1\n");
    expect_end(c, "ok");
    for (int i = 0; i < 600; i++)
        hang_up(&clients[i]);
    until(counted().connections_now == 0);
    assert_int_equal(counted().connections, 600);
}

static void a_burst_of_more_connections_than_places_is_served_to_the_end(void **state)
{
    (void)state;
    config->limits.connections = 2;
    start();
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = dial(i);
        assert_int_equal(send(c->fd, "ping\n", 5, 0), 5);
        shutdown(c->fd, SHUT_WR);
    }
    for (int i = 0; i < CLIENTS_MAX; i++) {
        until(clients[i].ended);
        assert_false(clients[i].reset);
        assert_string_equal(clients[i].got, "pong");
    }
    for (int i = 0; i < CLIENTS_MAX; i++)
        hang_up(&clients[i]);
}

static void lines_above_the_rate_wait_for_the_next_second(void **state)
{
    struct client *c;
    uint64_t began;
    (void)state;
    config->limits.lines_per_second = 4;
    start();
    c = dial(0);
    began = uv_hrtime();
    say(c, "stream\nping\nping\nping\nping\nping\nping\nping\nping\nping\n");
    until(c->got_len == 3 + 9 * 5);
    assert_true(uv_hrtime() - began > 1000000000);              /* 10 lines lie in at least three seconds, of which the middle one is whole */
    hang_up(c);
}

static void a_client_that_takes_no_answers_stops_being_read(void **state)
{
    static const char line[] = "info 192.0.2.1\n";             /* the answer is sixty times as long */
    struct client *c;
    size_t sent = 0, seen;
    (void)state;
    start();
    c = dial(0);
    uv_poll_stop(&c->poll);
    assert_int_equal(send(c->fd, "stream\n", 7, 0), 7);
    while (sent < 100000 && send(c->fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)strlen(line)) {
        if (sent++ % 100 == 0)
            settle();
    }
    settle();
    seen = reads;
    assert_true(sent < 100000);
    assert_true(seen < 4000);                                   /* a few buffers' worth, not all */
    settle();
    assert_int_equal(reads, seen);
    uv_poll_start(&c->poll, UV_READABLE, on_client);
    until(reads > seen);
    hang_up(c);
}

static void a_long_stream_is_answered_line_for_line(void **state)
{
    enum { LINES = 200000 };
    static char text[LINES * 20 + 16];
    struct client *c;
    size_t len = (size_t)sprintf(text, "stream\n"), at = 3;
    (void)state;
    start();
    for (int i = 0; i < LINES; i++)
        len += (size_t)sprintf(text + len, i % 1000 == 999 ? "score 192.0.2.1\n" : i % 777 == 0 ? "black nonsense!\n" : "black 192.0.2.%d\n", i % 256);
    c = dial(0);
    say_bytes(c, text, len);
    until(c->send_len == 0);
    shutdown(c->fd, SHUT_WR);
    until(c->ended);
    for (size_t i = 0, done = 0; i < LINES; i++) {
        char want[32];
        bool error = i % 1000 != 999 && i % 777 == 0;
        snprintf(want, sizeof want, i % 1000 == 999 ? "%zu\n" : error ? "error: " : "ok\n", done);
        done += i % 1000 != 999 && !error;
        if (strncmp(c->got + at, want, strlen(want)) != 0)
            fail_msg("line %zu: got \"%.20s\", want \"%s\"", i, c->got + at, want);
        at = (size_t)(strchr(c->got + at, '\n') - c->got) + 1;
    }
    assert_int_equal(at, c->got_len);
    hang_up(c);
}

/* ---- TCP */

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void add_tcp(const char *const *allow, size_t n)
{
    struct config_report *r = &config->reports[config->reports_n++];
    *r = (struct config_report){.port = free_port()};
    strcpy(r->host, "127.0.0.1");
    r->allow = calloc(n + 1, sizeof *r->allow);
    for (size_t i = 0; i < n; i++) {
        struct config_network *a = &r->allow[r->allow_n++];
        char text[32];
        int bits;
        assert_int_equal(sscanf(allow[i], "%31[^/]/%d", text, &bits), 2);
        *a = (struct config_network){.family = 4, .bits = (uint8_t)bits};
        inet_pton(AF_INET, text, a->addr);
    }
}

static void over_tcp_the_allow_list_decides(void **state)
{
    static const char *const allow[] = {"127.0.0.1/32", "127.1.2.0/23"};
    static const struct { const char *from, *want; } cases[] = {
        {"127.0.0.1", "pong"}, {"127.0.0.2", "error: not allowed"}, {"127.1.2.200", "pong"}, {"127.1.3.1", "pong"}, {"127.1.4.1", "error: not allowed"},
    };
    (void)state;
    add_tcp(allow, 2);
    start();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client *c = dial_tcp(0, cases[i].from, config->reports[1].port);
        say(c, "ping\n");
        expect_end(c, cases[i].want);
        hang_up(c);
    }
    assert_int_equal(counted().refused, 2);
}

static void over_tcp_a_half_close_and_a_stream_work_alike(void **state)
{
    static const char *const allow[] = {"127.0.0.0/8"};
    struct client *c;
    (void)state;
    add_tcp(allow, 1);
    start();
    c = dial_tcp(0, "127.0.0.1", config->reports[1].port);
    say(c, "black 192.0.2.1");
    until(c->send_len == 0);
    shutdown(c->fd, SHUT_WR);
    expect_end(c, "ok");
    hang_up(c);
    c = dial_tcp(0, "127.0.0.1", config->reports[1].port);
    say(c, "stream\nping\n");
    until(c->got_len == strlen("ok\npong\n"));
    shutdown(c->fd, SHUT_WR);
    expect_end(c, "ok\npong\n");
    hang_up(c);
}

static void a_port_in_use_is_said_with_its_address(void **state)
{
    static const char *const allow[] = {"127.0.0.0/8"};
    struct report_handlers h = {.read = on_ask, .change = on_change};
    struct report_server *second = NULL;
    char why[CONFIG_WHY_MAX] = "", want[128];
    (void)state;
    add_tcp(allow, 1);
    start();
    config->reports_n = 3;
    config->reports[2] = config->reports[1];
    config->reports[2].allow = NULL;
    config->reports[2].allow_n = 0;
    strcpy(config->reports[0].path + strlen(config->reports[0].path) - 4, "two!");
    assert_int_equal(report_server_start(&loop, config, &h, &second, why), -EADDRINUSE);
    assert_null(second);
    snprintf(want, sizeof want, "tcp:127.0.0.1:%u: ", config->reports[1].port);
    assert_memory_equal(why, want, strlen(want));
    assert_int_not_equal(access(config->reports[0].path, F_OK), 0);    /* what it had opened is closed again */
}

/* ---- the unix socket's file */

static void the_socket_has_its_mode_and_goes_with_the_server(void **state)
{
    struct stat st;
    (void)state;
    config->reports[0].mode = 0620;
    start();
    assert_int_equal(stat(socket_path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0620);
    report_server_stop(server, 0, on_gone, NULL);
    until(gone);
    assert_int_equal(lstat(socket_path, &st), -1);
}

static void make_parents(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/deep", dir);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/deep/run", dir);
    assert_int_equal(mkdir(path, 0755), 0);
}

static int bind_there(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(a.sun_path, socket_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static int start_fails(char why[CONFIG_WHY_MAX])
{
    struct report_handlers h = {.read = on_ask, .change = on_change};
    int rc = report_server_start(&loop, config, &h, &server, why);
    assert_null(server);
    return rc;
}

static void a_stale_socket_is_replaced(void **state)
{
    struct client *c;
    (void)state;
    make_parents();
    close(bind_there());
    start();
    c = dial(0);
    say(c, "ping\n");
    expect_end(c, "pong");
    hang_up(c);
}

static void a_socket_that_somebody_answers_is_left_alone(void **state)
{
    char why[CONFIG_WHY_MAX];
    int fd;
    (void)state;
    make_parents();
    fd = bind_there();
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(start_fails(why), -EADDRINUSE);
    assert_non_null(strstr(why, "is hearsayd running already?"));
    assert_int_equal(access(socket_path, F_OK), 0);
    close(fd);
}

static void a_file_that_is_no_socket_is_never_removed(void **state)
{
    char why[CONFIG_WHY_MAX];
    (void)state;
    make_parents();
    close(open(socket_path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(start_fails(why), -ENOTSOCK);
    assert_non_null(strstr(why, "no socket"));
    assert_int_equal(access(socket_path, F_OK), 0);
}

static void a_group_that_was_asked_for_must_be_there(void **state)
{
    char why[CONFIG_WHY_MAX];
    (void)state;
    strcpy(config->reports[0].group, "no-such-group-here");
    config->reports[0].group_required = true;
    assert_int_equal(start_fails(why), -ENOENT);
    assert_non_null(strstr(why, "there is no group \"no-such-group-here\""));
}

static void the_socket_of_a_successor_is_not_removed(void **state)
{
    int fd;
    (void)state;
    start();
    assert_int_equal(unlink(socket_path), 0);
    fd = bind_there();
    report_server_stop(server, 0, on_gone, NULL);
    until(gone);
    assert_int_equal(access(socket_path, F_OK), 0);
    close(fd);
}

/* ---- reload and stop */

static void a_reload_changes_lists_and_listeners_and_keeps_connections(void **state)
{
    static const char *const loopback[] = {"127.0.0.0/8"};
    struct client *c, *tcp;
    char why[CONFIG_WHY_MAX] = "";
    struct stat st;
    (void)state;
    add_tcp(loopback, 1);
    start();
    c = dial(0);
    say(c, "stream\n");
    tcp = dial_tcp(1, "127.0.0.1", config->reports[1].port);
    say(tcp, "stream\n");
    until(c->got_len == 3 && tcp->got_len == 3);
    config->reports[0].mode = 0600;
    config->reports[1].allow_n = 0;                             /* nobody */
    config->limits.line_bytes = 100;
    add_tcp(loopback, 1);
    assert_int_equal(report_server_reload(server, config, why), 0);
    assert_int_equal(stat(socket_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    say(c, "ping\n");
    say(tcp, "ping\n");
    until(c->got_len == 8 && tcp->got_len == 8);
    hang_up(tcp);
    tcp = dial_tcp(1, "127.0.0.1", config->reports[1].port);
    expect_end(tcp, "error: not allowed");
    hang_up(tcp);
    tcp = dial_tcp(1, "127.0.0.1", config->reports[2].port);
    say(tcp, "ping\n");
    expect_end(tcp, "pong");
    hang_up(tcp);
    config->reports[0] = config->reports[2];                    /* the unix socket goes */
    config->reports_n = 1;
    free(config->reports[1].allow);
    assert_int_equal(report_server_reload(server, config, why), 0);
    assert_int_equal(lstat(socket_path, &st), -1);
    say(c, "ping\n");
    until(c->got_len == 13);
    hang_up(c);
}

static void a_listener_that_cannot_be_opened_leaves_the_others(void **state)
{
    struct client *c;
    char why[CONFIG_WHY_MAX] = "";
    int fd;
    (void)state;
    start();
    config->reports[1] = unix_report();
    snprintf(config->reports[1].path, sizeof config->reports[1].path, "%s/file", dir);
    config->reports_n = 2;
    fd = open(config->reports[1].path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(report_server_reload(server, config, why), -ENOTSOCK);
    assert_non_null(strstr(why, "/file: "));
    c = dial(0);
    say(c, "ping\n");
    expect_end(c, "pong");
    hang_up(c);
    close(fd);
}

static void at_a_stop_what_was_taken_is_answered_and_nothing_more_is_taken(void **state)
{
    struct client *one, *stream, *silent, *half;
    (void)state;
    answer_by_itself = false;
    start();
    one = dial(0);
    say(one, "black 192.0.2.1\n");
    stream = dial(1);
    say(stream, "stream\nblack 192.0.2.2\ncheck 192.0.2.2\nblack 192.0.2.3\n");
    silent = dial(2);
    half = dial(3);
    say(half, "stream\nblack 192.0");
    until(tickets_n == 2 && counted().connections_now == 4 && half->got_len == 3);
    report_server_stop(server, 5000, on_gone, NULL);
    expect_end(silent, "error: shutting down");
    expect_end(half, "ok\nerror: shutting down\n");
    assert_false(gone);
    answer_next("ok");
    answer_next("ok");
    expect_end(one, "ok");
    expect_end(stream, "ok\nok\nerror: shutting down\nerror: shutting down\n");
    for (int i = 0; i < 4; i++)
        hang_up(&clients[i]);
    until(gone);
    assert_int_equal(tickets_n, 2);
}

static void a_stop_waits_no_longer_than_its_grace(void **state)
{
    struct client *c;
    uint64_t began;
    (void)state;
    answer_by_itself = false;
    start();
    c = dial(0);
    say(c, "black 192.0.2.1\n");
    until(tickets_n == 1);
    began = uv_hrtime();
    report_server_stop(server, 60, on_gone, NULL);
    until(gone);
    assert_true(uv_hrtime() - began >= 59 * 1000000);
    until(c->ended);
    assert_int_equal(c->got_len, 0);
    report_server_answer(server, tickets[0], "ok");             /* too late, and harmless */
    hang_up(c);
}

int main(void)
{
#define with_server(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        with_server(requests_are_answered_in_order_and_the_connection_ends),
        with_server(the_cut_of_the_input_does_not_matter),
        with_server(a_blank_line_between_requests_is_an_error),
        with_server(nonsense_is_an_error_and_stores_nothing),
        with_server(a_client_that_keeps_its_side_open_is_answered_at_once_and_closed_soon),
        with_server(what_comes_within_the_linger_time_is_answered_too),
        with_server(an_answer_that_takes_long_keeps_the_connection),
        with_server(answers_come_in_the_order_of_the_lines),
        with_server(a_question_waits_for_the_changes_before_it),
        with_server(a_ticket_counts_once_and_only_for_its_connection),
        with_server(when_the_queue_is_full_lines_wait_and_none_is_lost),
        with_server(a_line_too_long_is_an_error_and_the_stream_goes_on),
        with_server(a_line_of_exactly_the_limit_is_read),
        with_server(a_flood_without_a_newline_does_not_destroy_the_answer),
        with_server(a_line_that_is_not_finished_in_time_is_given_up),
        with_server(an_idle_stream_stays_open_but_not_with_half_a_line),
        with_server(one_connection_too_many_is_told_so),
        with_server(hundreds_of_silent_clients_delay_nobody),
        with_server(a_burst_of_more_connections_than_places_is_served_to_the_end),
        with_server(lines_above_the_rate_wait_for_the_next_second),
        with_server(a_client_that_takes_no_answers_stops_being_read),
        with_server(a_long_stream_is_answered_line_for_line),
        with_server(over_tcp_the_allow_list_decides),
        with_server(over_tcp_a_half_close_and_a_stream_work_alike),
        with_server(a_port_in_use_is_said_with_its_address),
        with_server(the_socket_has_its_mode_and_goes_with_the_server),
        with_server(a_stale_socket_is_replaced),
        with_server(a_socket_that_somebody_answers_is_left_alone),
        with_server(a_file_that_is_no_socket_is_never_removed),
        with_server(a_group_that_was_asked_for_must_be_there),
        with_server(the_socket_of_a_successor_is_not_removed),
        with_server(a_reload_changes_lists_and_listeners_and_keeps_connections),
        with_server(a_listener_that_cannot_be_opened_leaves_the_others),
        with_server(at_a_stop_what_was_taken_is_answered_and_nothing_more_is_taken),
        with_server(a_stop_waits_no_longer_than_its_grace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
