/* From lines to requests: rules, windows, and whom a bounce counts for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/maillog/sieve.h"

#define AT "2026-11-20 12:00:00 "
#define ID "1vM5Xy-000123-AB"
enum { NOW_S = 1795176000, GOT_MAX = 64 };      /* that time, in UTC */

struct lab {
    struct sieve *sieve;
    char got[GOT_MAX][256];
    uint64_t numbers[GOT_MAX];
    int64_t ages[GOT_MAX];
    size_t n, room;
    const char *elsewhere;                      /* what find() says; NULL: not found */
    size_t finds;
};

static bool has_room(void *ctx)
{
    const struct lab *l = ctx;
    return l->n < l->room;
}

static void take(void *ctx, const struct sieve_request *r)
{
    struct lab *l = ctx;
    assert_true(l->n < GOT_MAX);
    assert_int_equal(strlen(r->line), r->len);
    snprintf(l->got[l->n], sizeof l->got[0], "%s", r->line);
    l->ages[l->n] = r->age_s;
    l->numbers[l->n++] = r->number;
}

static bool find(void *ctx, struct text id, uint64_t line_at, char user[MESSAGES_USER_MAX], size_t *len)
{
    struct lab *l = ctx;
    (void)id;
    (void)line_at;
    l->finds++;
    if (l->elsewhere == NULL)
        return false;
    *len = strlen(l->elsewhere);
    memcpy(user, l->elsewhere, *len);
    return true;
}

static struct rule *rule(const char *name, const char *literal, const char *pattern, const char *request, int64_t window_s)
{
    struct rule *r = NULL;
    char why[RULE_WHY_MAX];
    if (rule_create(name, literal, pattern, request, window_s, &r, why) != 0)
        fail_msg("%s", why);
    return r;
}

static struct rule *built_in(const char *name)
{
    const struct rule_default *d = rule_default_find(name);
    assert_non_null(d);
    return rule(d->name, d->literal, d->pattern, d->request, 86400);
}

static void open_lab(struct lab *l, struct rule *const *rules, size_t n, const char *const *domains)
{
    const struct sieve_handlers h = { l, has_room, take, find };
    memset(l, 0, sizeof *l);
    l->room = GOT_MAX;
    l->sieve = sieve_create(rules, n, 100, domains, &h);
    assert_non_null(l->sieve);
}

static void open_bounces(struct lab *l, const char *const *domains)
{
    struct rule *r = built_in("bounce");
    open_lab(l, &r, 1, domains);
}

static void feed(struct lab *l, const char *text)
{
    assert_int_equal(sieve_block(l->sieve, text, strlen(text), 1000, NOW_S), strlen(text));
}

static void assert_got(const struct lab *l, size_t n, const char *last)
{
    if (l->n != n || (n > 0 && strcmp(l->got[n - 1], last) != 0))
        fail_msg("got %zu, the last \"%s\"; want %zu, \"%s\"", l->n, l->n > 0 ? l->got[l->n - 1] : "", n, last);
}

/* ---- bounces */

static void a_failed_delivery_counts_for_who_sent_the_message(void **state)
{
    struct lab l;
    (void)state;
    open_bounces(&l, NULL);
    feed(&l, AT ID " <= a@b.example H=c [192.0.2.1] P=esmtpa A=plain:alice S=4\n"
             AT ID " => ok@far.example R=r T=t\n"
             AT ID " ** bob@far.example R=r T=t: 550 no\n");
    assert_got(&l, 1, "bounce alice");
    feed(&l, AT ID " ** carl@far.example R=r T=t: 550 no\n");
    assert_got(&l, 2, "bounce alice");
    feed(&l, AT "1vM5Xy-000124-AB <= root@b.example U=root P=local S=4\n" AT "1vM5Xy-000124-AB ** x@far.example: no\n");
    assert_got(&l, 3, "bounce root@b.example");
    assert_int_equal(l.finds, 0);
    sieve_destroy(&l.sieve);
}

static void a_bounce_of_a_bounce_counts_for_nobody(void **state)
{
    struct lab l;
    (void)state;
    open_bounces(&l, NULL);
    feed(&l, AT ID " <= <> R=1vM5Xy-000122-AB U=Debian-exim P=local S=4\n" AT ID " ** bob@far.example: no\n");
    assert_got(&l, 0, "");
    assert_int_equal(sieve_counted(l.sieve)->nobody, 1);
    sieve_destroy(&l.sieve);
}

static void with_local_domains_a_foreign_sender_counts_for_nobody(void **state)
{
    static const char *const domains[] = { "b.example", "d.example", NULL };
    struct lab l;
    (void)state;
    open_bounces(&l, domains);
    feed(&l, AT ID " <= x@foreign.example H=c [192.0.2.1] P=esmtp S=4\n" AT ID " ** bob@far.example: no\n");
    assert_got(&l, 0, "");
    feed(&l, AT ID " <= x@D.Example H=c [192.0.2.1] P=esmtp S=4\n" AT ID " ** bob@far.example: no\n");
    assert_got(&l, 1, "bounce x@D.Example");
    feed(&l, AT ID " <= x@foreign.example H=c [192.0.2.1] P=esmtpa A=p:alice S=4\n" AT ID " ** bob@far.example: no\n");
    assert_got(&l, 2, "bounce alice");
    sieve_destroy(&l.sieve);
}

static void what_was_learned_makes_no_request_and_is_known(void **state)
{
    static const char before[] = AT ID " <= a@b.example U=x P=local S=4\n" AT ID " ** 1@far.example: no\n";
    struct lab l;
    (void)state;
    open_bounces(&l, NULL);
    l.room = 0;
    sieve_learn(l.sieve, before, strlen(before));
    assert_got(&l, 0, "");
    l.room = GOT_MAX;
    feed(&l, AT ID " ** 2@far.example: no\n");
    assert_got(&l, 1, "bounce a@b.example");
    assert_int_equal(l.finds, 0);
    sieve_destroy(&l.sieve);
}

static void an_unknown_message_is_looked_for_once(void **state)
{
    struct lab l;
    (void)state;
    open_bounces(&l, NULL);
    l.elsewhere = "dora";
    feed(&l, AT ID " ** bob@far.example: no\n" AT ID " ** carl@far.example: no\n");
    assert_got(&l, 2, "bounce dora");
    assert_int_equal(l.finds, 1);
    l.elsewhere = NULL;
    feed(&l, AT "1vM5Xy-000999-AB ** bob@far.example: no\n" AT "1vM5Xy-000999-AB ** bob@far.example: no\n" AT "1vM5Xy-000999-AB ** bob@far.example: no\n");
    assert_got(&l, 2, "bounce dora");
    assert_int_equal(l.finds, 2);
    assert_int_equal(sieve_counted(l.sieve)->unknown, 3);
    sieve_destroy(&l.sieve);
}

static void only_so_many_messages_are_remembered_and_completed_ones_go_first(void **state)
{
    struct lab l;
    char text[256];
    (void)state;
    open_bounces(&l, NULL);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, AT "1vM5Xy-%06d-AB <= u%d@b.example U=x P=local S=4\n%s1vM5Xy-%06d-AB Completed\n", i, i, i == 5 ? "junk " : AT, i);
        feed(&l, text);
    }
    assert_int_equal(sieve_messages(l.sieve), 1);                /* all but the one whose end was not seen */
    for (int i = 1000; i < 1300; i++) {
        snprintf(text, sizeof text, AT "1vM5Xy-%06d-AB <= u%d@b.example U=x P=local S=4\n", i, i);
        feed(&l, text);
    }
    assert_int_equal(sieve_messages(l.sieve), 100);
    feed(&l, AT "1vM5Xy-001250-AB ** x@y.example: no\n");
    assert_got(&l, 1, "bounce u1250@b.example");
    feed(&l, AT "1vM5Xy-001150-AB ** x@y.example: no\n");
    assert_int_equal(l.finds, 1);
    sieve_destroy(&l.sieve);
}

/* ---- rules */

static void the_built_in_rules_know_exims_lines(void **state)
{
    static const struct { const char *rule, *line, *want; } cases[] = {
        { "tarpit", "H=(x) [203.0.113.9] F=<a@b.example> rejected RCPT <nobody@here.example>: Unrouteable address", "tarpit 203.0.113.9" },
        { "tarpit", "H=mx.b.example [2001:db8::9]:4711 I=[192.0.2.1]:25 X=TLS1.3:X:256 CV=no F=<> rejected RCPT <nobody@here.example>: Unknown user", "tarpit 2001:db8::9" },
        { "tarpit", "H=([192.0.2.77]) [203.0.113.9] F=<a@b.example> rejected RCPT x@here.example: relay not permitted", "tarpit 203.0.113.9" },
        { "tarpit", "H=(x) [203.0.113.9] F=<a@b.example> rejected RCPT <u@here.example>: greylisted", NULL },
        { "tarpit", "H=(x) [203.0.113.9] F=<a@b.example> temporarily rejected RCPT <u@here.example>: Unrouteable address", NULL },
        { "login", "plain_login authenticator failed for (x) [203.0.113.9]: 535 Incorrect authentication data (set_id=bob)", "black 203.0.113.9 abusive cause=auth" },
        { "login", "plain_login authenticator failed for H=host.b.example (x) [203.0.113.9]:4711: 535 Incorrect authentication data", "black 203.0.113.9 abusive cause=auth" },
        { "malware", ID " H=(x) [203.0.113.9] F=<a@b.example> rejected after DATA: this message contains malware (Eicar)", "black 203.0.113.9 malware cause=content" },
        { "malware", ID " H=(x) [203.0.113.9] F=<a@b.example> rejected after DATA: too big", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab l;
        struct rule *r = built_in(cases[i].rule);
        char text[512];
        open_lab(&l, &r, 1, NULL);
        snprintf(text, sizeof text, AT "%s\n", cases[i].line);
        feed(&l, text);
        if (l.n != (cases[i].want != NULL) || (l.n > 0 && strcmp(l.got[0], cases[i].want) != 0))
            fail_msg("%s: got \"%s\", want \"%s\"", cases[i].line, l.n > 0 ? l.got[0] : "", cases[i].want != NULL ? cases[i].want : "nothing");
        sieve_destroy(&l.sieve);
    }
}

static void values_that_a_stranger_chose_stay_one_word(void **state)
{
    struct lab l;
    struct rule *r = rule("free", "says", "says (?<what>.*)$", "note 203.0.113.9 x $what", 3600);
    (void)state;
    open_lab(&l, &r, 1, NULL);
    feed(&l, AT "says plain\n" AT "says two words\n" AT "says a \"b\\ c\n" AT "says count=1000\n" AT "says \n");
    assert_int_equal(l.n, 5);
    assert_string_equal(l.got[0], "note 203.0.113.9 x plain");
    assert_string_equal(l.got[1], "note 203.0.113.9 x \"two words\"");
    assert_string_equal(l.got[2], "note 203.0.113.9 x \"a \\\"b\\\\ c\"");
    assert_string_equal(l.got[3], "note 203.0.113.9 x \"count=1000\"");
    assert_string_equal(l.got[4], "note 203.0.113.9 x \"\"");
    feed(&l, AT "says \x1b[31mred\n");
    assert_int_equal(l.n, 5);
    assert_int_equal(sieve_counted(l.sieve)->unsayable, 1);
    sieve_destroy(&l.sieve);
}

static void a_line_may_make_a_request_for_each_rule(void **state)
{
    struct lab l;
    struct rule *rules[] = { rule("one", "both", "both", "ping", 3600), rule("two", "bo", "^(?<w>\\S+)", "$$ ${w}x", 3600) };
    (void)state;
    open_lab(&l, rules, 2, NULL);
    feed(&l, AT "both\n" AT "bo\n");
    assert_int_equal(l.n, 3);
    assert_string_equal(l.got[0], "ping");
    assert_string_equal(l.got[1], "$ bothx");
    assert_string_equal(l.got[2], "$ box");
    assert_true(l.numbers[0] < l.numbers[1] && l.numbers[1] < l.numbers[2]);
    sieve_destroy(&l.sieve);
}

static void a_wrong_rule_is_refused_by_name(void **state)
{
    static const struct { const char *literal, *pattern, *request, *says; } cases[] = {
        { "x", "(", "ping", "pattern" }, { "", "x", "ping", "literal" }, { "x", "x", "", "request" }, { "x", "x", "black $ip", "(?<ip>...)" },
        { "x", "x", "black $", "names no group" }, { "x", "x", "black ${ip", "names no group" }, { "x", "x", "black\x01", "control character" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rule *r = NULL;
        char why[RULE_WHY_MAX] = "";
        assert_int_not_equal(rule_create("mine", cases[i].literal, cases[i].pattern, cases[i].request, 60, &r, why), 0);
        assert_null(r);
        if (strstr(why, cases[i].says) == NULL || strstr(why, "mine") == NULL)
            fail_msg("case %zu says \"%s\"", i, why);
    }
}

/* A pattern of the operator's can explode on a line of a stranger's. */
static void a_pattern_that_explodes_does_not_match_and_ends(void **state)
{
    char text[4096];
    struct lab l;
    struct rule *r = rule("slow", "aaa", "^(a+)+$", "ping", 3600);
    (void)state;
    open_lab(&l, &r, 1, NULL);
    int n = snprintf(text, sizeof text, AT);
    memset(text + n, 'a', 3000);
    strcpy(text + n + 3000, "b\n");
    feed(&l, text);
    assert_got(&l, 0, "");
    sieve_destroy(&l.sieve);
}

/* ---- times, places, room */

static void lines_older_than_the_window_do_not_count(void **state)
{
    struct lab l;
    struct rule *rules[] = { rule("short", "event", "event", "ping", 60), rule("long", "event", "event", "pong", 7200) };
    (void)state;
    open_lab(&l, rules, 2, NULL);
    feed(&l, "2026-11-20 11:58:59 event\n");
    assert_got(&l, 1, "pong");
    assert_int_equal(l.ages[0], 61);
    feed(&l, "2026-11-20 11:59:00 event\n");
    assert_got(&l, 3, "pong");
    feed(&l, "2016-11-20 11:59:00 event\n");
    assert_got(&l, 3, "pong");
    feed(&l, "2026-11-20 12:00:05 event\n");                     /* from the future, by a clock that was set */
    assert_got(&l, 5, "pong");
    assert_int_equal(l.ages[4], 0);
    assert_int_equal(sieve_counted(l.sieve)->old, 3);
    assert_int_equal(sieve_window_s(l.sieve), 7200);
    sieve_destroy(&l.sieve);
}

static void without_room_it_ends_in_front_of_the_line_and_goes_on_there(void **state)
{
    static const char text[] = AT ID " <= a@b.example U=x P=local S=4\n" AT ID " ** 1@far.example: no\n" AT "junk\n" AT ID " ** 2@far.example: no\n" AT ID " ** 3@far.example: no\n";
    struct lab l, whole;
    size_t done = 0;
    (void)state;
    open_bounces(&l, NULL);
    open_bounces(&whole, NULL);
    feed(&whole, text);
    for (l.room = 1; done < strlen(text); l.room++)
        done += sieve_block(l.sieve, text + done, strlen(text) - done, 1000 + done, NOW_S);
    assert_int_equal(l.n, 3);
    assert_memory_equal(l.numbers, whole.numbers, 3 * sizeof *l.numbers);
    assert_true(l.numbers[0] >= 1000 && l.numbers[0] < l.numbers[1] && l.numbers[1] < l.numbers[2]);
    sieve_destroy(&l.sieve);
    sieve_destroy(&whole.sieve);
}

static void garbage_between_lines_is_passed_over(void **state)
{
    struct lab l;
    char text[70000];
    static const char lines[] = "\n" AT ID " <= a@b.example U=x P=local S=4\n\n\xff\xfe ** \n ** \n <= \n Completed\n" AT ID " ** 1@far.example: no\n";
    (void)state;
    open_bounces(&l, NULL);
    memset(text, 'x', sizeof text);
    memset(text + 100, 0, 50);
    memcpy(text + 60000, lines, strlen(lines));
    text[65000] = '\n';
    size_t len = sizeof text;
    assert_int_equal(sieve_block(l.sieve, text, len, 0, NOW_S), len);
    assert_got(&l, 1, "bounce a@b.example");
    sieve_destroy(&l.sieve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_delivery_counts_for_who_sent_the_message),
        cmocka_unit_test(a_bounce_of_a_bounce_counts_for_nobody),
        cmocka_unit_test(with_local_domains_a_foreign_sender_counts_for_nobody),
        cmocka_unit_test(what_was_learned_makes_no_request_and_is_known),
        cmocka_unit_test(an_unknown_message_is_looked_for_once),
        cmocka_unit_test(only_so_many_messages_are_remembered_and_completed_ones_go_first),
        cmocka_unit_test(the_built_in_rules_know_exims_lines),
        cmocka_unit_test(values_that_a_stranger_chose_stay_one_word),
        cmocka_unit_test(a_line_may_make_a_request_for_each_rule),
        cmocka_unit_test(a_wrong_rule_is_refused_by_name),
        cmocka_unit_test(a_pattern_that_explodes_does_not_match_and_ends),
        cmocka_unit_test(lines_older_than_the_window_do_not_count),
        cmocka_unit_test(without_room_it_ends_in_front_of_the_line_and_goes_on_there),
        cmocka_unit_test(garbage_between_lines_is_passed_over),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
