/* The report socket: from bytes to answers in order. */
#include "tests/seed.h"
#include "tests/unit/report_lab.h"

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

/* The script in pieces, of a size that comes of the round. */
static void play_in_pieces(struct client *c, int round)
{
    uint32_t seed = (uint32_t)seeded((uint64_t)round);
    size_t at = 0, len = strlen(script_text);
    while (at < len) {
        size_t n = round == 0 ? len : round == 1 ? 1 : 1 + (seed >> 16) % 9;
        seed = seed * 1664525 + 1013904223;
        if (n > len - at)
            n = len - at;
        say_bytes(c, script_text + at, n);
        until(c->send_len == 0);
        for (int turns = 0; n % 2 == 0 && turns < 2; turns++)       /* the node sees this piece for itself; not more, since it lingers but for a moment */
            turn_of(UV_RUN_NOWAIT);
        at += n;
    }
    shutdown(c->fd, SHUT_WR);
    until(c->ended);
}

/* Who was held up between two lines found the connection closed, and has the answers to all lines before. */
static bool came_too_late(const struct client *c, const char *whole)
{
    size_t len = strlen(c->got);
    return len < strlen(whole) && strncmp(c->got, whole, len) == 0 && whole[len] == '\n';
}

static void the_cut_of_the_input_does_not_matter(void **state)
{
    char *whole = NULL;
    int late = 0;
    (void)state;
    start();
    for (int round = 0; round < 60; round++) {
        struct client *c = dial(0);
        play_in_pieces(c, round);
        if (whole == NULL)
            whole = strdup(c->got);
        if (late < TRIES && came_too_late(c, whole)) {
            late++;
            round--;
        } else {
            late = 0;
            assert_string_equal(c->got, whole);
        }
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
    bool before_the_end = false;
    (void)state;
    start();
    for (int i = 0; i < TRIES && !before_the_end; i++) {
        struct client *c = dial(0);
        uint64_t began = uv_hrtime();
        say(c, "ping\n");
        until(c->got_len == 4);
        before_the_end = !c->ended;
        expect_end(c, "pong");
        assert_lasted(began, c->ended_ns, 50);
        hang_up(c);
    }
    assert_true(before_the_end);
}

static void what_comes_within_the_linger_time_is_answered_too(void **state)
{
    static const char *const wants[] = {"pong", "pong\nunknown", "pong\nunknown\nok"};
    static const char *const lines[] = {"ping\n", "check 192.0.2.1\n", "black 192.0.2.1\n"};
    size_t answered = 0;
    (void)state;
    start();
    for (int i = 0; i < TRIES && answered < 3; i++) {
        struct client *c = dial(0);
        for (answered = 0; answered < 3 && !c->ended; answered += c->got_len == strlen(wants[answered])) {
            say(c, lines[answered]);
            until(c->got_len == strlen(wants[answered]) || c->ended);
        }
        assert_true(answered > 0);
        expect_end(c, wants[answered - 1]);
        hang_up(c);
    }
    assert_int_equal(answered, 3);
}

/* The node is held up for longer than it lingers; the line was there in time. */
static void what_came_in_time_is_answered_by_a_node_that_was_held_up(void **state)
{
    bool answered = false;
    (void)state;
    start();
    for (int i = 0; i < TRIES && !answered; i++) {
        struct client *c = dial(0);
        say(c, "ping\n");
        until(c->got_len == 4);
        settle();
        if (send(c->fd, "check 192.0.2.1\n", 16, MSG_NOSIGNAL) == 16)
            usleep(120000);
        until(c->ended);
        answered = strcmp(c->got, "pong\nunknown") == 0;
        hang_up(c);
    }
    assert_true(answered);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_server(requests_are_answered_in_order_and_the_connection_ends),
        with_server(the_cut_of_the_input_does_not_matter),
        with_server(a_blank_line_between_requests_is_an_error),
        with_server(nonsense_is_an_error_and_stores_nothing),
        with_server(a_client_that_keeps_its_side_open_is_answered_at_once_and_closed_soon),
        with_server(what_comes_within_the_linger_time_is_answered_too),
        with_server(what_came_in_time_is_answered_by_a_node_that_was_held_up),
        with_server(an_answer_that_takes_long_keeps_the_connection),
        with_server(answers_come_in_the_order_of_the_lines),
        with_server(a_question_waits_for_the_changes_before_it),
        with_server(a_ticket_counts_once_and_only_for_its_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
