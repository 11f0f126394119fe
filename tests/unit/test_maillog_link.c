/* Requests to a node that answers late, in part, with errors, or not at all. The node is played at the other end of a real socket; time is injected. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"
#include "tools/maillog/link.h"

struct lab {
    char dir[64], path[100], address[128];
    int listener, node;                 /* node: its end of the connection, -1 without one */
    struct link *link;
    int64_t now_ms;
    char heard[65536];
};

static void listen_there(struct lab *l)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    strcpy(a.sun_path, l->path);
    unlink(l->path);
    l->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(l->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(l->listener, 5), 0);
}

static int open_lab(void **state)
{
    struct lab *l = calloc(1, sizeof *l);
    char why[LINK_WHY_MAX];
    strcpy(l->dir, "/tmp/link-XXXXXX");
    assert_non_null(scratch_dir(l->dir));
    snprintf(l->path, sizeof l->path, "%s/sock", l->dir);
    snprintf(l->address, sizeof l->address, "unix:%s", l->path);
    assert_int_equal(link_create(l->address, "5eed", &l->link, why), 0);
    l->node = l->listener = -1;
    l->now_ms = 1000;
    *state = l;
    return 0;
}

static int close_lab(void **state)
{
    struct lab *l = *state;
    link_destroy(&l->link);
    close(l->listener);
    close(l->node);
    unlink(l->path);
    rmdir(l->dir);
    free(l);
    return 0;
}

/* The link's turn, as often as it has something to do right now. */
static void work(struct lab *l)
{
    for (int i = 0; i < 50; i++) {
        struct pollfd p;
        int wait = link_poll(l->link, l->now_ms, &p);
        if (poll(&p, 1, 0) <= 0 && wait != 0)
            return;
        link_work(l->link, p.revents, l->now_ms);
    }
}

static void push(struct lab *l, const char *line, uint64_t number)
{
    link_push(l->link, line, strlen(line), number, 7, 1000 + number);
}

/* What has come at the node's end. */
static const char *hear(struct lab *l)
{
    if (l->node < 0)
        l->node = accept(l->listener, NULL, NULL);
    ssize_t n = l->node < 0 ? 0 : recv(l->node, l->heard, sizeof l->heard - 1, MSG_DONTWAIT);
    l->heard[n > 0 ? n : 0] = '\0';
    return l->heard;
}

static void say(struct lab *l, const char *text)
{
    assert_int_equal(send(l->node, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    work(l);
}

static void greet(struct lab *l)
{
    work(l);
    assert_string_equal(hear(l), "stream\n");
    say(l, "ok\n");
}

static void hang_up(struct lab *l)
{
    close(l->node);
    l->node = -1;
    work(l);
}

static void assert_oldest(struct lab *l, uint64_t want)
{
    uint64_t place = 0;
    assert_int_equal(link_oldest(l->link, &place), want != 0);
    assert_int_equal(place, want);
}

static void requests_go_out_in_order_and_each_answer_is_for_the_oldest(void **state)
{
    struct lab *l = *state;
    listen_there(l);
    push(l, "bounce a", 1);
    push(l, "bounce b", 2);
    greet(l);
    assert_string_equal(hear(l), "once 5eed:2:7 bounce a\nonce 5eed:3:7 bounce b\n");
    assert_oldest(l, 1001);
    say(l, "ok\n");
    assert_oldest(l, 1002);
    say(l, "o");
    say(l, "k\n");
    assert_true(link_is_idle(l->link));
    assert_int_equal(link_counted(l->link).taken, 2);
    assert_oldest(l, 0);
}

static void what_was_not_answered_is_sent_again_with_its_number(void **state)
{
    struct lab *l = *state;
    listen_there(l);
    push(l, "bounce a", 1);
    push(l, "bounce b", 2);
    greet(l);
    hear(l);
    say(l, "ok\n");
    hang_up(l);
    assert_false(link_is_up(l->link));
    l->now_ms += LINK_WAIT_MIN_MS;
    greet(l);
    assert_string_equal(hear(l), "once 5eed:3:7 bounce b\n");
    say(l, "ok\n");
    assert_true(link_is_idle(l->link));
    assert_int_equal(link_counted(l->link).taken, 2);
}

static void a_node_that_is_not_there_is_tried_ever_more_rarely(void **state)
{
    struct lab *l = *state;
    struct pollfd p;
    int last = 0;
    push(l, "bounce a", 1);
    for (int i = 0; i < 12; i++) {
        link_work(l->link, 0, l->now_ms);
        int wait = link_poll(l->link, l->now_ms, &p);
        assert_true(wait >= last && wait >= LINK_WAIT_MIN_MS && wait <= LINK_WAIT_MAX_MS);
        last = wait;
        l->now_ms += wait;
    }
    assert_int_equal(last, LINK_WAIT_MAX_MS);
    assert_true(link_trouble(l->link)[0] != '\0');
    listen_there(l);
    greet(l);
    assert_string_equal(link_trouble(l->link), "");
    hear(l);
    say(l, "ok\n");
    hang_up(l);
    push(l, "bounce b", 2);
    assert_true(link_poll(l->link, l->now_ms, &p) <= LINK_WAIT_MIN_MS);
}

static void an_error_about_the_request_is_counted_and_the_next_goes_on(void **state)
{
    struct lab *l = *state;
    listen_there(l);
    push(l, "bounce a", 1);
    push(l, "nonsense", 2);
    push(l, "bounce c", 3);
    greet(l);
    say(l, "ok\nerror: unknown request \"nonsense\"\nok\n");
    assert_true(link_is_idle(l->link) && link_is_up(l->link));
    assert_int_equal(link_counted(l->link).taken, 2);
    assert_int_equal(link_counted(l->link).refused, 1);
}

static void an_error_about_the_node_is_asked_again(void **state)
{
    static const char *const answers[] = { "error: disk full, not stored\n", "error: shutting down\n", "error: not stored\n", "error: out of memory\n" };
    struct lab *l = *state;
    listen_there(l);
    push(l, "bounce a", 1);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        greet(l);
        assert_string_equal(hear(l), "once 5eed:2:7 bounce a\n");
        say(l, answers[i]);
        assert_false(link_is_up(l->link));
        hang_up(l);
        l->now_ms += LINK_WAIT_MAX_MS;
    }
    greet(l);
    say(l, "ok\n");
    assert_true(link_is_idle(l->link));
    assert_int_equal(link_counted(l->link).refused, 0);
}

/* Else a stranger who can have a word of his refused could stop all that comes after. */
static void a_word_in_quotes_is_about_the_request_whatever_it_says(void **state)
{
    struct lab *l = *state;
    listen_there(l);
    push(l, "black timeout", 1);
    push(l, "bounce b", 2);
    greet(l);
    say(l, "error: not an address or a name \"timeout\"\nok\n");
    assert_true(link_is_idle(l->link) && link_is_up(l->link));
    assert_int_equal(link_counted(l->link).refused, 1);
}

static void a_refused_connection_is_tried_again_and_its_reason_kept(void **state)
{
    struct lab *l = *state;
    listen_there(l);
    push(l, "bounce a", 1);
    work(l);
    hear(l);
    say(l, "error: too many connections");
    hang_up(l);
    assert_non_null(strstr(link_trouble(l->link), "too many connections"));
    assert_oldest(l, 1001);
}

static void a_silent_node_is_given_up_and_one_that_has_nothing_to_answer_is_not(void **state)
{
    struct lab *l = *state;
    struct pollfd p;
    listen_there(l);
    push(l, "bounce a", 1);
    greet(l);
    say(l, "ok\n");
    l->now_ms += 10 * LINK_SILENCE_MS;
    work(l);
    assert_true(link_is_up(l->link));
    push(l, "bounce b", 2);
    work(l);
    l->now_ms += LINK_SILENCE_MS - 1;
    work(l);
    assert_true(link_is_up(l->link));
    assert_int_equal(link_poll(l->link, l->now_ms, &p), 1);
    l->now_ms += 1;
    work(l);
    assert_false(link_is_up(l->link));
    assert_oldest(l, 1002);
}

static void what_is_no_hearsayd_is_left(void **state)
{
    struct lab *l = *state;
    listen_there(l);
    push(l, "bounce a", 1);
    work(l);
    hear(l);
    say(l, "220 mail.example ESMTP\n");
    assert_false(link_is_up(l->link));
    assert_oldest(l, 1001);
    hang_up(l);
    l->now_ms += LINK_WAIT_MAX_MS;
    greet(l);
    say(l, "ok\nok\nok\n");                              /* more answers than requests */
    assert_false(link_is_up(l->link));
}

static void the_queue_has_an_end(void **state)
{
    struct lab *l = *state;
    char line[4001];
    size_t n = 0;
    memset(line, 'x', 4000);
    line[4000] = '\0';
    for (; link_has_room(l->link, 1); n++)
        push(l, n % 2 == 0 ? "a" : line, n);
    assert_true(n > 100 && n <= LINK_REQUESTS_MAX);
    assert_true(link_has_room(l->link, 0));
}

static void an_address_is_checked(void **state)
{
    static const char *const good[] = { "unix:/run/x", "tcp:127.0.0.1:4440", "tcp:[::1]:4440" };
    static const char *const bad[] = { "", "unix:", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:127.0.0.1:65536", "tcp:localhost:4440", "tcp:1.2.3.4:x", "/run/x" };
    char why[LINK_WHY_MAX];
    struct link *link = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(link_create(good[i], "5eed", &link, why), 0);
        link_destroy(&link);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        why[0] = '\0';
        if (link_create(bad[i], "5eed", &link, why) == 0)
            fail_msg("%s", bad[i]);
        link_destroy(&link);
    }
}

#define LAB(test) cmocka_unit_test_setup_teardown(test, open_lab, close_lab)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB(requests_go_out_in_order_and_each_answer_is_for_the_oldest),
        LAB(what_was_not_answered_is_sent_again_with_its_number),
        LAB(a_node_that_is_not_there_is_tried_ever_more_rarely),
        LAB(an_error_about_the_request_is_counted_and_the_next_goes_on),
        LAB(an_error_about_the_node_is_asked_again),
        LAB(a_word_in_quotes_is_about_the_request_whatever_it_says),
        LAB(a_refused_connection_is_tried_again_and_its_reason_kept),
        LAB(a_silent_node_is_given_up_and_one_that_has_nothing_to_answer_is_not),
        LAB(what_is_no_hearsayd_is_left),
        LAB(the_queue_has_an_end),
        cmocka_unit_test(an_address_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
