/* The report socket: its bounds, and what happens then. */
#include "tests/unit/report_lab.h"

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
    until(c->send_len == 0 || c->ended);                        /* a client that is held up may find that nobody waits for the rest */
    expect_end(c, "error: line too long");
    hang_up(c);
}

static void a_line_that_is_not_finished_in_time_is_given_up(void **state)
{
    struct client *c, *silent;
    uint64_t began, said;
    (void)state;
    config->limits.line_ms = 150;
    start();
    began = said = uv_hrtime();
    silent = dial(1);
    c = dial(0);
    say(c, "pi");
    until(c->send_len == 0);
    while (!c->ended) {                                         /* a byte now and then does not help */
        if (uv_hrtime() - said >= 20 * 1000000 && c->send_len == 0) {
            said = uv_hrtime();
            say(c, "n");
        }
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    expect_end(c, "error: timeout");
    expect_end(silent, "error: timeout");
    assert_lasted(began, c->ended_ns, 150);
    assert_int_equal(counted().timeouts, 2);
    hang_up(c);
    hang_up(silent);
}

/* The node is held up for longer than a line may take; the line was there in time. */
static void a_line_that_came_in_time_is_read_by_a_node_that_was_held_up(void **state)
{
    bool read = false;
    (void)state;
    config->limits.line_ms = 50;
    start();
    for (uint64_t i = 1; i <= TRIES && !read; i++) {
        struct client *c = dial(0);
        until(counted().connections == i);
        if (send(c->fd, "stream\nblack 192.0.2.1\n", 23, MSG_NOSIGNAL) == 23)
            usleep(100000);
        until(c->got_len == strlen("ok\nok\n") || c->ended);
        read = strcmp(c->got, "ok\nok\n") == 0;
        hang_up(c);
    }
    assert_true(read);
}

static void an_idle_stream_stays_open_but_not_with_half_a_line(void **state)
{
    struct client *idle, *half;
    (void)state;
    config->limits.line_ms = 100;
    start();
    idle = dial(0);
    half = dial(1);
    assert_int_equal(send(idle->fd, "stream\n", 7, 0), 7);
    assert_int_equal(send(half->fd, "stream\nblack 192", 16, 0), 16);
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

static void hundreds_of_connections_too_many_are_all_told_so(void **state)
{
    struct client *c;
    (void)state;
    config->limits.connections = 1;
    start();
    c = dial(0);
    say(c, "stream\n");
    until(c->got_len == 3);
    for (int i = 1; i < CLIENTS_MAX; i++) {                     /* none of them closes its side, so all are there at once */
        dial(i);
        assert_int_equal(send(clients[i].fd, "black 192.0.2.1\n", 16, 0), 16);
    }
    for (int i = 1; i < CLIENTS_MAX; i++)
        expect_end(&clients[i], "error: too many connections");
    assert_int_equal(counted().refused, CLIENTS_MAX - 1);
    for (int i = 0; i < CLIENTS_MAX; i++)
        hang_up(&clients[i]);
    assert_int_equal(tickets_n, 0);
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
    assert_lasted(began, uv_hrtime(), 1000);                    /* 10 lines lie in at least three seconds, of which the middle one is whole */
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

/* Counted in questions, not in time: a slow machine does fewer of them, and nobody waits for longer. */
static void greedy_streams_delay_nobody(void **state)
{
    enum { STREAMS = 200, QUESTIONS = 5000 };
    static char text[QUESTIONS * 16 + 16];
    size_t len = (size_t)sprintf(text, "stream\n"), seen, worst = 0;
    (void)state;
    start();
    read_cost_ns = 50000;
    for (int i = 0; i < QUESTIONS; i++)
        len += (size_t)sprintf(text + len, "check 11.0.0.1\n");
    for (int i = 1; i <= STREAMS; i++) {
        struct client *c = dial(i);
        uv_poll_stop(&c->poll);                                 /* it takes no answer; they fit into its socket */
        assert_int_equal(send(c->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL), len);
    }
    until(counted().connections_now == STREAMS);
    for (int i = 0; i < 20; i++) {
        struct client *c = dial(0);
        seen = reads;
        assert_int_equal(send(c->fd, i % 2 == 0 ? "ping\n" : "black 192.0.2.1\n", i % 2 == 0 ? 5 : 16, 0), i % 2 == 0 ? 5 : 16);
        until(c->got_len > 0);
        worst = reads - seen > worst ? reads - seen : worst;
        hang_up(c);
    }
    assert_true(reads > 20 && reads < (size_t)STREAMS * QUESTIONS);      /* they were served meanwhile, to the end */
    if (worst * read_cost_ns > 50 * 1000000)
        fail_msg("one line waited for %zu of the others, %zu ms", worst, worst * read_cost_ns / 1000000);
    for (int i = 1; i <= STREAMS; i++)
        hang_up(&clients[i]);
}

/* Every stream has its slice in each round, whoever came first. */
static void greedy_streams_take_turns(void **state)
{
    enum { STREAMS = 20, QUESTIONS = 500 };
    static char text[QUESTIONS * 20 + 16];
    size_t len = (size_t)sprintf(text, "stream\n"), least = SIZE_MAX, most = 0;
    (void)state;
    start();
    read_cost_ns = 20000;
    for (int i = 0; i < QUESTIONS; i++)
        len += (size_t)sprintf(text + len, "check 192.0.2.1\n");
    for (int i = 0; i < STREAMS; i++)
        say_bytes(dial(i), text, len);
    until(reads >= STREAMS * QUESTIONS / 2);
    for (int i = 0; i < STREAMS; i++) {
        least = clients[i].got_len < least ? clients[i].got_len : least;
        most = clients[i].got_len > most ? clients[i].got_len : most;
    }
    assert_true(least > most / 4);
    for (int i = 0; i < STREAMS; i++)
        hang_up(&clients[i]);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_server(when_the_queue_is_full_lines_wait_and_none_is_lost),
        with_server(a_line_too_long_is_an_error_and_the_stream_goes_on),
        with_server(a_line_of_exactly_the_limit_is_read),
        with_server(a_flood_without_a_newline_does_not_destroy_the_answer),
        with_server(a_line_that_is_not_finished_in_time_is_given_up),
        with_server(a_line_that_came_in_time_is_read_by_a_node_that_was_held_up),
        with_server(an_idle_stream_stays_open_but_not_with_half_a_line),
        with_server(one_connection_too_many_is_told_so),
        with_server(hundreds_of_connections_too_many_are_all_told_so),
        with_server(hundreds_of_silent_clients_delay_nobody),
        with_server(a_burst_of_more_connections_than_places_is_served_to_the_end),
        with_server(lines_above_the_rate_wait_for_the_next_second),
        with_server(a_client_that_takes_no_answers_stops_being_read),
        with_server(greedy_streams_delay_nobody),
        with_server(greedy_streams_take_turns),
        with_server(a_long_stream_is_answered_line_for_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
