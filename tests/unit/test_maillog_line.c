/* One line of Exim's log: times, ids, flags, and who sent a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tools/maillog/line.h"

static struct stamp_cache cache;

static struct line read_line(const char *text)
{
    struct line l;
    if (line_read(text, strlen(text), &cache, &l) != 0)
        fail_msg("not read: %s", text);
    return l;
}

static void assert_text(struct text got, const char *want)
{
    if (got.len != strlen(want) || memcmp(got.at, want, got.len) != 0)
        fail_msg("got \"%.*s\", want \"%s\"", (int)got.len, got.at, want);
}

/* ---- times */

static void a_time_is_read_in_every_form_that_exim_writes(void **state)
{
    static const struct { const char *text; int64_t want_s; size_t used; } cases[] = {
        { "2026-11-20 12:00:00 x", 1795176000 - 3600, 19 },                      /* Europe/Berlin, winter */
        { "2026-07-20 12:00:00 x", 1784541600, 19 },                             /* summer */
        { "2026-11-20 12:00:00.123 x", 1795176000 - 3600, 23 },
        { "2026-11-20 12:00:00 +0100 x", 1795176000 - 3600, 25 },
        { "2026-11-20 12:00:00.999 -0330 x", 1795176000 + 12600, 29 },
        { "2026-11-20 12:00:00 +0000", 1795176000, 25 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t used = 0;
        int64_t got_s = stamp_read(&cache, cases[i].text, strlen(cases[i].text), &used);
        if (got_s != cases[i].want_s || used != cases[i].used)
            fail_msg("%s: got %lld and %zu, want %lld and %zu", cases[i].text, (long long)got_s, used, (long long)cases[i].want_s, cases[i].used);
    }
}

static void what_is_no_time_is_none(void **state)
{
    static const char *const texts[] = { "", "2026-11-20", "2026-11-20 12:00:0", "2026/11/20 12:00:00 ", "x2026-11-20 12:00:00", "2026-13-20 12:00:00 ", "2026-11-20 24:00:00 ",
                                         "2026-11-20 12:60:00 ", "2026-11-00 12:00:00 ", "1926-11-20 12:00:00 ", "2026-11-20T12:00:00 ", "aaaa-aa-aa aa:aa:aa " };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t used;
        if (stamp_read(&cache, texts[i], strlen(texts[i]), &used) != -1)
            fail_msg("%s was read", texts[i]);
    }
}

/* ---- lines */

static void id_flag_and_rest_are_found_whatever_the_log_selectors(void **state)
{
    static const struct { const char *text, *id, *rest; enum line_kind kind; } cases[] = {
        { "2026-11-20 12:00:00 1vM5Xy-000123-AB <= a@b.example S=1", "1vM5Xy-000123-AB", "a@b.example S=1", LINE_ARRIVAL },
        { "2026-11-20 12:00:00 1vM5Xy-00000000123-AbCd <= a@b.example S=1", "1vM5Xy-00000000123-AbCd", "a@b.example S=1", LINE_ARRIVAL },
        { "2026-11-20 12:00:00 [4711] 1vM5Xy-000123-AB ** x@y.example: no", "1vM5Xy-000123-AB", "x@y.example: no", LINE_FAILURE },
        { "2026-11-20 12:00:00.123 +0100 [4711] 1vM5Xy-000123-AB ** x", "1vM5Xy-000123-AB", "x", LINE_FAILURE },
        { "2026-11-20 12:00:00 1vM5Xy-000123-AB (= a@b.example S=1", "1vM5Xy-000123-AB", "a@b.example S=1", LINE_ARRIVAL },
        { "2026-11-20 12:00:00 1vM5Xy-000123-AB Completed QT=1s", "1vM5Xy-000123-AB", "Completed QT=1s", LINE_COMPLETED },
        { "2026-11-20 12:00:00 1vM5Xy-000123-AB Completed", "1vM5Xy-000123-AB", "Completed", LINE_COMPLETED },
        { "2026-11-20 12:00:00 1vM5Xy-000123-AB == x@y R=r T=t defer (-53)", "1vM5Xy-000123-AB", "== x@y R=r T=t defer (-53)", LINE_OTHER },
        { "2026-11-20 12:00:00 H=(x) [192.0.2.1] rejected RCPT <x@y>: no", "", "H=(x) [192.0.2.1] rejected RCPT <x@y>: no", LINE_OTHER },
        { "2026-11-20 12:00:00 1vM5Xy-000123-A <= a@b", "", "1vM5Xy-000123-A <= a@b", LINE_OTHER },
        { "2026-11-20 12:00:00 1vM5Xy-000123-ABC <= a@b", "", "1vM5Xy-000123-ABC <= a@b", LINE_OTHER },
        { "2026-11-20 12:00:00 1vM5Xy-000123-AB", "1vM5Xy-000123-AB", "", LINE_OTHER },
        { "2026-11-20 12:00:00 [x] text", "", "[x] text", LINE_OTHER },
        { "2026-11-20 12:00:00 ", "", "", LINE_OTHER },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct line l = read_line(cases[i].text);
        assert_text(l.id, cases[i].id);
        assert_text(l.rest, cases[i].rest);
        assert_int_equal(l.kind, cases[i].kind);
    }
}

static void a_line_without_a_time_is_no_line(void **state)
{
    struct line l;
    (void)state;
    assert_int_not_equal(line_read("Envelope-from: <x@y>", 20, &cache, &l), 0);
    assert_int_not_equal(line_read("2026-11-20 12:00:00", 19, &cache, &l), 0);
    assert_int_not_equal(line_read("2026-11-20 12:00:00x", 20, &cache, &l), 0);
    assert_int_not_equal(line_read("", 0, &cache, &l), 0);
}

static void an_id_tells_when_it_was_made(void **state)
{
    (void)state;
    /* from Exim's own manual */
    struct text id = { "16ZCW1-0005MB-00", 16 };
    int64_t time_s = id_time_s(id);
    struct tm t;
    gmtime_r(&(time_t){ time_s }, &t);
    assert_int_equal(t.tm_year, 102);
    assert_int_equal(id_length("16ZCW1-0005MB-00", 16), LINE_ID_SHORT);
    assert_int_equal(id_length("16ZCW1-0005MB-00 ", 17), LINE_ID_SHORT);
    assert_int_equal(id_length("16ZCW1-00000005MBx-0000", 23), LINE_ID_LONG);
    assert_int_equal(id_length("16ZCW1_0005MB-00", 16), 0);
    assert_int_equal(id_length("16ZCW1-0005MB-0", 15), 0);
}

/* ---- arrivals */

static void the_user_is_who_logged_in_else_the_sender(void **state)
{
    static const struct { const char *rest, *sender, *user; } cases[] = {
        { "a@b.example H=c.example [192.0.2.1] P=esmtpsa X=TLS1.3:X:256 CV=no A=login:alice S=400 id=x", "a@b.example", "alice" },
        { "a@b.example H=c.example [192.0.2.1] P=esmtpa A=dovecot_plain_auth:alice@here.example S=400", "a@b.example", "alice@here.example" },
        { "a@b.example H=(c) [192.0.2.1]:4711 I=[192.0.2.2]:587 U=x P=esmtpsa X=x DN=\"/CN=a b S=1\" SNI=\"h\" A=p:bob K S=4", "a@b.example", "bob" },
        { "a@b.example H=c [192.0.2.1] P=esmtpa A=plain:alice:other@c.example S=4", "a@b.example", "alice" },
        { "a@b.example H=c [192.0.2.1] P=esmtpa A=external S=4", "a@b.example", "" },
        { "a@b.example H=c [192.0.2.1] P=esmtpa A=plain: S=4", "a@b.example", "" },
        { "root@here.example U=root P=local S=4", "root@here.example", "" },
        { "<> R=1vM5Xy-000123-AB U=Debian-exim P=local S=4", "", "" },
        { "\"a b\"@c.example H=c [192.0.2.1] P=esmtpa A=p:bob S=4", "\"a b\"@c.example", "bob" },
        { "a@b.example", "a@b.example", "" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arrival a;
        assert_int_equal(arrival_read((struct text){ cases[i].rest, strlen(cases[i].rest) }, &a), 0);
        assert_text(a.sender, cases[i].sender);
        assert_text(a.user, cases[i].user);
    }
}

/* Whoever could write A=x:victim into a line could have the victim blocked. */
static void a_stranger_cannot_name_a_user(void **state)
{
    static const char *const rests[] = {
        "\"x A=p:victim \"@c.example H=c [192.0.2.1] P=esmtp S=4",                          /* a sender with blanks */
        "\"x\\\" A=p:victim S=1 \"@c.example H=c [192.0.2.1] P=esmtp S=4",
        "a@b.example H=c [192.0.2.1] P=esmtp S=4 id=x A=p:victim",                          /* a message id */
        "a@b.example H=c [192.0.2.1] P=esmtp S=4 id=x T=\"re A=p:victim \" for x",          /* a subject */
        "a@b.example H=c [192.0.2.1] P=esmtps X=x DN=\"/CN=x A=p:victim\" S=4",             /* a client's certificate */
        "a@b.example H=(A=p:victim) [192.0.2.1] P=esmtp S=4",
        "a@b.example H=A=p:victim [192.0.2.1] P=esmtp S=4",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rests / sizeof *rests; i++) {
        struct arrival a;
        assert_int_equal(arrival_read((struct text){ rests[i], strlen(rests[i]) }, &a), 0);
        assert_text(a.user, "");
    }
}

static void bytes_of_any_kind_are_borne(void **state)
{
    char text[256];
    (void)state;
    for (unsigned seed = 1; seed < 20000; seed++) {
        struct line l;
        struct arrival a;
        unsigned r = seed * 2654435761u;
        size_t n = (size_t)snprintf(text, sizeof text, "2026-11-20 12:00:00 1vM5Xy-000123-AB <= ");
        size_t len = n + r % 60;
        for (size_t i = n; i < len; i++) {
            r = r * 1103515245u + 12345u;
            text[i] = "aA=:\"\\ []()SH@\xff\0"[(r >> 16) % 16];
        }
        char *exact = malloc(len);
        memcpy(exact, text, len);
        assert_int_equal(line_read(exact, len, &cache, &l), 0);
        (void)arrival_read(l.rest, &a);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_read_in_every_form_that_exim_writes),
        cmocka_unit_test(what_is_no_time_is_none),
        cmocka_unit_test(id_flag_and_rest_are_found_whatever_the_log_selectors),
        cmocka_unit_test(a_line_without_a_time_is_no_line),
        cmocka_unit_test(an_id_tells_when_it_was_made),
        cmocka_unit_test(the_user_is_who_logged_in_else_the_sender),
        cmocka_unit_test(a_stranger_cannot_name_a_user),
        cmocka_unit_test(bytes_of_any_kind_are_borne),
    };
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
