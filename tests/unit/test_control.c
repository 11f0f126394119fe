/* The operator's socket: a real one on a private loop, asked by control_ask() from another thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "node/config.h"
#include "node/control.h"
#include "tests/unit/scratch.h"

/* TIMEOUT_MS is for a node that hangs: no good run comes near it. Who says nothing is borne for two seconds; a machine may hold up this process for longer, but not TRIES
 * times in a row. */
enum { HELD_MAX = 64, TIMEOUT_MS = 120000, SILENT_MS = 2000, TRIES = 20 };

static char dir[64];
static char path[128];
static uv_loop_t loop;
static struct control *control;
static struct control_request *held[HELD_MAX];
static size_t held_n;
static bool hold;

/* Sends the request back, as {"ok": true, "was": request}, or keeps it for later. */
static void handle(void *ctx, const json_t *request, struct control_request *rq)
{
    assert_ptr_equal(ctx, &loop);
    if (hold)
        held[held_n++] = rq;
    else
        control_answer(rq, json_pack("{s:b,s:O}", "ok", 1, "was", request));
}

static int setup(void **state)
{
    char why[CONFIG_WHY_MAX] = "";
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    strcpy(dir, "/tmp/hearsay-control-XXXXXX");
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/run/control.sock", dir);
    held_n = 0;
    hold = false;
    uv_loop_init(&loop);
    return control_start(&loop, path, handle, &loop, &control, why);
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    control_stop(&control);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* ---- askers on threads of their own, so that the loop can serve them */

struct asker {
    pthread_t thread;
    const char *request;
    int timeout_ms;
    int rc;
    json_t *answer;
    uv_async_t done;
    bool ended;
};

static void *ask(void *arg)
{
    struct asker *a = arg;
    json_t *request = json_loads(a->request, 0, NULL);
    a->rc = control_ask(path, request, a->timeout_ms, &a->answer);
    json_decref(request);
    uv_async_send(&a->done);
    return NULL;
}

static void on_done(uv_async_t *async)
{
    struct asker *a = async->data;
    pthread_join(a->thread, NULL);
    a->ended = true;
    uv_close((uv_handle_t *)async, NULL);
}

static void begin(struct asker *a, const char *request)
{
    *a = (struct asker){.request = request, .timeout_ms = TIMEOUT_MS};
    uv_async_init(&loop, &a->done, on_done);
    a->done.data = a;
    assert_int_equal(pthread_create(&a->thread, NULL, ask, a), 0);
}

static void finish(struct asker *a)
{
    while (!a->ended)
        uv_run(&loop, UV_RUN_ONCE);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static int dial(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(a.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* What comes back until the node closes. */
static const char *read_all(int fd)
{
    static char text[4096];
    size_t len = 0;
    for (;;) {
        ssize_t n = recv(fd, text + len, sizeof text - 1 - len, MSG_DONTWAIT);
        if (n > 0)
            len += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            break;
        else
            uv_run(&loop, UV_RUN_NOWAIT);
    }
    text[len] = '\0';
    close(fd);
    return text;
}

/* ---- claims */

static void a_request_comes_in_and_its_answer_goes_out(void **state)
{
    struct asker a;
    (void)state;
    begin(&a, "{\"command\":\"status\",\"text\":\"\u00fc\"}");
    finish(&a);
    assert_int_equal(a.rc, 0);
    assert_true(json_is_true(json_object_get(a.answer, "ok")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(a.answer, "was"), "command")), "status");
    json_decref(a.answer);
}

static void an_answer_of_any_size_arrives_whole(void **state)
{
    struct asker a;
    char *big = malloc(3 << 20);
    (void)state;
    hold = true;
    begin(&a, "{}");
    while (held_n == 0)
        uv_run(&loop, UV_RUN_ONCE);
    memset(big, 'x', 3 << 20);
    big[(3 << 20) - 1] = '\0';
    control_answer(held[0], json_pack("{s:s}", "big", big));
    finish(&a);
    assert_int_equal(a.rc, 0);
    assert_string_equal(json_string_value(json_object_get(a.answer, "big")), big);
    json_decref(a.answer);
    free(big);
}

static void what_is_no_json_object_is_refused(void **state)
{
    static const char *const lines[] = {"nonsense\n", "[1,2]\n", "{\"a\":1,\"a\":2}\n", "{}{}\n", "\n", "{\"a\":\"\xff\"}\n"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        int fd = dial();
        assert_int_equal(write(fd, lines[i], strlen(lines[i])), strlen(lines[i]));
        assert_string_equal(read_all(fd), "{\"ok\":false,\"error\":\"not a JSON object\"}\n");
    }
}

static void a_half_close_ends_the_line_too(void **state)
{
    int fd = dial();
    (void)state;
    assert_int_equal(write(fd, "{}", 2), 2);
    shutdown(fd, SHUT_WR);
    assert_string_equal(read_all(fd), "{\"ok\":true,\"was\":{}}\n");
}

static void a_line_without_end_is_refused(void **state)
{
    static char text[CONTROL_LINE_MAX];
    int fd = dial();
    (void)state;
    memset(text, ' ', sizeof text);
    for (size_t sent = 0; sent < sizeof text;) {
        ssize_t n = send(fd, text + sent, sizeof text - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_string_equal(read_all(fd), "{\"ok\":false,\"error\":\"request too long\"}\n");
}

/* More than the line's room: what lies behind it in the socket must not be answered again. */
static void a_line_far_too_long_is_refused_once(void **state)
{
    static char text[200000];
    size_t sent = 0;
    struct asker a;
    int fd = dial();
    (void)state;
    memset(text, '{', sizeof text);
    for (int turns = 0; sent < sizeof text && turns < 1000; turns++) {
        ssize_t n = send(fd, text + sent, sizeof text - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            break;
        sent += n > 0 ? (size_t)n : 0;
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_string_equal(read_all(fd), "{\"ok\":false,\"error\":\"request too long\"}\n");
    begin(&a, "{}");
    finish(&a);
    assert_int_equal(a.rc, 0);
    json_decref(a.answer);
}

static void a_client_that_leaves_before_its_answer_harms_nobody(void **state)
{
    struct asker a;
    int fd = dial();
    (void)state;
    hold = true;
    assert_int_equal(write(fd, "{}\n", 3), 3);
    while (held_n == 0)
        uv_run(&loop, UV_RUN_ONCE);
    close(fd);
    uv_run(&loop, UV_RUN_NOWAIT);
    control_answer(held[0], json_pack("{s:b}", "ok", 1));
    hold = false;
    begin(&a, "{}");
    finish(&a);
    assert_int_equal(a.rc, 0);
    json_decref(a.answer);
}

static void an_answer_after_the_stop_is_harmless(void **state)
{
    char why[CONFIG_WHY_MAX];
    int fd = dial();
    (void)state;
    hold = true;
    assert_int_equal(write(fd, "{}\n", 3), 3);
    while (held_n == 0)
        uv_run(&loop, UV_RUN_ONCE);
    control_stop(&control);
    assert_null(control);
    uv_run(&loop, UV_RUN_DEFAULT);
    control_answer(held[0], json_pack("{s:b}", "ok", 1));
    assert_string_equal(read_all(fd), "");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(control_start(&loop, path, handle, &loop, &control, why), 0);
}

static void one_connection_too_many_is_told_so(void **state)
{
    int fds[16], more;
    struct asker a;
    (void)state;
    hold = true;
    for (int i = 0; i < 16; i++) {
        fds[i] = dial();
        assert_int_equal(write(fds[i], "{}\n", 3), 3);
    }
    while (held_n < 16)
        uv_run(&loop, UV_RUN_ONCE);
    more = dial();
    assert_string_equal(read_all(more), "{\"ok\":false,\"error\":\"too many commands at once; try again\"}\n");
    begin(&a, "{}");                       /* which also sends a request that is never read */
    finish(&a);
    assert_int_equal(a.rc, 0);
    assert_string_equal(json_string_value(json_object_get(a.answer, "error")), "too many commands at once; try again");
    json_decref(a.answer);
    for (int i = 0; i < 16; i++) {
        control_answer(held[i], json_pack("{s:b}", "ok", 1));
        assert_string_equal(read_all(fds[i]), "{\"ok\":true}\n");
    }
}

/* Whether the newest of many silent ones is still heard after a command, for which the oldest made room. */
static bool newest_is_heard(void)
{
    int fds[40];
    struct asker a;
    for (int i = 0; i < 40; i++) {
        fds[i] = dial();
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    begin(&a, "{}");
    finish(&a);
    assert_int_equal(a.rc, 0);
    assert_true(json_is_true(json_object_get(a.answer, "ok")));
    json_decref(a.answer);
    assert_string_equal(read_all(fds[0]), "");
    for (int i = 1; i < 39; i++)
        close(fds[i]);
    send(fds[39], "{}\n", 3, MSG_NOSIGNAL);
    return strcmp(read_all(fds[39]), "{\"ok\":true,\"was\":{}}\n") == 0;
}

/* Fails unless it took so long that the node's patience was over. */
static void assert_was_held_up(uint64_t began_ns)
{
    assert_true(uv_hrtime() - began_ns > (SILENT_MS - 10) * UINT64_C(1000000));
}

static void silent_connections_make_room_for_a_command(void **state)
{
    bool heard = false;
    (void)state;
    for (int i = 0; i < TRIES && !heard; i++) {
        uint64_t began_ns = uv_hrtime();
        heard = newest_is_heard();
        if (!heard)
            assert_was_held_up(began_ns);
    }
    assert_true(heard);
}

/* Sixteen came and spoke at once, and the loop has read none of them. */
static void what_was_sent_but_not_read_is_not_silence(void **state)
{
    int fds[16], more;
    (void)state;
    for (int i = 0; i < 16; i++) {
        fds[i] = dial();
        assert_int_equal(write(fds[i], "{}\n", 3), 3);
    }
    more = dial();
    for (int i = 0; i < 16; i++)
        assert_string_equal(read_all(fds[i]), "{\"ok\":true,\"was\":{}}\n");
    close(more);
}

static void longest_patience(uv_handle_t *handle, void *arg)
{
    uint64_t *longest_ms = arg;
    if (handle->type == UV_TIMER && uv_is_active(handle) && uv_timer_get_due_in((uv_timer_t *)handle) > *longest_ms)
        *longest_ms = uv_timer_get_due_in((uv_timer_t *)handle);
}

static uint64_t patience_ms(void)
{
    uint64_t longest_ms = 0;
    uv_walk(&loop, longest_patience, &longest_ms);
    return longest_ms;
}

/* Whether one that began to speak was given more time for it. */
static bool speaker_has_more_time(void)
{
    int fd = dial();
    bool more;
    for (int i = 0; i < 1000 && patience_ms() == 0; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(patience_ms() <= SILENT_MS);
    send(fd, "{", 1, MSG_NOSIGNAL);
    for (int i = 0; i < 1000 && patience_ms() <= SILENT_MS; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    more = patience_ms() > SILENT_MS && patience_ms() <= 10000;
    close(fd);
    while (patience_ms() > 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    return more;
}

static void who_says_nothing_has_less_time_than_who_began(void **state)
{
    bool more = false;
    (void)state;
    for (int i = 0; i < TRIES && !more; i++) {
        uint64_t began_ns = uv_hrtime();
        more = speaker_has_more_time();
        if (!more)
            assert_was_held_up(began_ns);
    }
    assert_true(more);
}

static void only_its_user_may_connect(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_second_node_is_told_that_one_is_there(void **state)
{
    struct control *second = NULL;
    char why[CONFIG_WHY_MAX] = "";
    (void)state;
    assert_int_equal(control_start(&loop, path, handle, &loop, &second, why), -EADDRINUSE);
    assert_null(second);
    assert_non_null(strstr(why, "is hearsayd running already?"));
    assert_int_equal(access(path, F_OK), 0);
}

static void a_node_that_is_not_there_is_told_apart_from_one_that_hangs(void **state)
{
    json_t *request = json_object(), *answer = NULL;
    struct asker a;
    (void)state;
    hold = true;
    begin(&a, "{}");
    while (held_n == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(control_ask(path, request, 20, &answer), -ETIMEDOUT);      /* nobody runs the loop */
    control_answer(held[0], json_pack("{s:b}", "ok", 1));
    finish(&a);
    json_decref(a.answer);
    hold = false;
    for (int i = 0; i < 3; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    control_stop(&control);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(control_ask(path, request, 1000, &answer), -ENOENT);
    assert_null(answer);
    json_decref(request);
}

int main(void)
{
#define with_socket(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        with_socket(a_request_comes_in_and_its_answer_goes_out),
        with_socket(an_answer_of_any_size_arrives_whole),
        with_socket(what_is_no_json_object_is_refused),
        with_socket(a_half_close_ends_the_line_too),
        with_socket(a_line_without_end_is_refused),
        with_socket(a_line_far_too_long_is_refused_once),
        with_socket(a_client_that_leaves_before_its_answer_harms_nobody),
        with_socket(an_answer_after_the_stop_is_harmless),
        with_socket(one_connection_too_many_is_told_so),
        with_socket(silent_connections_make_room_for_a_command),
        with_socket(what_was_sent_but_not_read_is_not_silence),
        with_socket(who_says_nothing_has_less_time_than_who_began),
        with_socket(only_its_user_may_connect),
        with_socket(a_second_node_is_told_that_one_is_there),
        with_socket(a_node_that_is_not_there_is_told_apart_from_one_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
