/* The report socket: who gets in, what it leaves in the file system, reload and stop. */
#include "tests/unit/report_lab.h"

/* ---- TCP */

static void add_tcp(const char *const *allow, size_t n)
{
    struct config_report *r = &config->reports[config->reports_n++];
    *r = (struct config_report){.port = own_port(own_loopback())};
    strcpy(r->host, own_loopback());
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
    snprintf(want, sizeof want, "tcp:%s:%u: ", own_loopback(), config->reports[1].port);
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

static void a_reload_makes_a_socket_anew_that_was_taken_away(void **state)
{
    struct client *c, *old;
    char why[CONFIG_WHY_MAX] = "";
    (void)state;
    start();
    old = dial(0);
    say(old, "stream\n");
    until(old->got_len == 3);
    assert_int_equal(unlink(socket_path), 0);
    assert_int_equal(report_server_reload(server, config, why), 0);
    c = dial(1);
    say(c, "ping\n");
    expect_end(c, "pong");
    hang_up(c);
    say(old, "ping\n");                                         /* who is there, stays */
    until(old->got_len == 8);
    hang_up(old);
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
    say(stream, "stream\nblack 192.0.2.2\ncheck 192.0.2.2\nblack 192.0.2.3\ngrey 192.0.2.3 a@b.example c@d.example\nnote 192.0.2.3 kind\n");
    silent = dial(2);
    half = dial(3);
    say(half, "stream\nblack 192.0");
    until(tickets_n == 2 && counted().connections_now == 4 && half->got_len == 3);
    report_server_stop(server, 600000, on_gone, NULL);
    expect_end(silent, "error: shutting down");
    expect_end(half, "ok\nerror: shutting down\n");
    assert_false(gone);
    answer_next("ok");
    answer_next("ok");
    expect_end(one, "ok");
    expect_end(stream, "ok\nok\nerror: shutting down\nerror: shutting down\nfalse\nerror: shutting down\n");
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
    assert_lasted(began, uv_hrtime(), 60);
    until(c->ended);
    assert_int_equal(c->got_len, 0);
    report_server_answer(server, tickets[0], "ok");             /* too late, and harmless */
    hang_up(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        with_server(a_reload_makes_a_socket_anew_that_was_taken_away),
        with_server(a_listener_that_cannot_be_opened_leaves_the_others),
        with_server(at_a_stop_what_was_taken_is_answered_and_nothing_more_is_taken),
        with_server(a_stop_waits_no_longer_than_its_grace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
