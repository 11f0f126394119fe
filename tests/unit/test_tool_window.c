#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "store/tool_window.h"

enum { KEEP_S = 14400 };
#define T0 INT64_C(1790000400)

static void each_event_has_its_own_life(void **state)
{
    struct window w = { .n = 0 };
    (void)state;
    window_add(&w, 1, KEEP_S, T0);
    window_add(&w, 1, KEEP_S, T0 + 100);
    assert_int_equal(window_count(&w, KEEP_S, T0 + KEEP_S - 1), 2);
    assert_int_equal(window_count(&w, KEEP_S, T0 + KEEP_S), 1);
    assert_int_equal(window_count(&w, KEEP_S, T0 + KEEP_S + 99), 1);
    assert_int_equal(window_count(&w, KEEP_S, T0 + KEEP_S + 100), 0);
}

static void old_events_leave_when_a_new_one_comes(void **state)
{
    struct window w = { .n = 0 };
    (void)state;
    for (int i = 0; i < 10; i++)
        window_add(&w, 1, KEEP_S, T0 + i);
    window_add(&w, 2, KEEP_S, T0 + KEEP_S + 4);
    assert_int_equal(w.n, 6);
    assert_int_equal(window_count(&w, KEEP_S, T0 + KEEP_S + 4), 7);
}

static void windows_of_several_lengths_slide_over_the_same_events(void **state)
{
    struct window w = { .n = 0 };
    (void)state;
    window_add(&w, 5, 86400, T0);
    window_add(&w, 3, 86400, T0 + 1800);
    assert_int_equal(window_count(&w, 3600, T0 + 3599), 8);
    assert_int_equal(window_count(&w, 3600, T0 + 3600), 3);
    assert_int_equal(window_count(&w, 86400, T0 + 86399), 8);
    assert_int_equal(window_count(&w, 86400, T0 + 86400), 3);
}

static void a_clock_that_was_set_back_loses_nothing(void **state)
{
    struct window w = { .n = 0 };
    (void)state;
    window_add(&w, 1, KEEP_S, T0);
    window_add(&w, 1, KEEP_S, T0 - 1000);
    assert_int_equal(w.n, 1);
    assert_int_equal(window_count(&w, KEEP_S, T0 - 1000), 2);
}

static void very_many_seconds_are_joined_and_none_is_lost(void **state)
{
    struct window w = { .n = 0 };
    (void)state;
    for (int i = 0; i < 10000; i++)
        window_add(&w, 1, KEEP_S, T0 + i);
    assert_int_equal(w.n, WINDOW_PLACES_MAX);
    assert_int_equal(window_count(&w, KEEP_S, T0 + 9999), 10000);
    /* None counts for much longer than it should. */
    uint64_t left = window_count(&w, KEEP_S, T0 + KEEP_S + 5000);
    assert_true(left >= 4999 && left <= 4999 + KEEP_S / 100);
}

static void counts_stay_at_their_largest(void **state)
{
    struct window w = { .n = 0 };
    (void)state;
    window_add(&w, UINT32_MAX, KEEP_S, T0);
    window_add(&w, 5, KEEP_S, T0);
    assert_int_equal(w.places[0].count, UINT32_MAX);
}

/* As far as the first one goes. */
static void check_same(const struct window *a, const struct window *b)
{
    for (size_t i = 0; i < a->n; i++) {
        assert_int_equal(a->places[i].time_s, b->places[i].time_s);
        assert_int_equal(a->places[i].count, b->places[i].count);
    }
}

static void what_is_written_is_read(void **state)
{
    static uint8_t bytes[WINDOW_BYTES_MAX];
    struct window w = { .n = 0 }, again;
    (void)state;
    for (int i = 0; i < 300; i++)
        window_add(&w, (uint32_t)(i * i * i + 1), 86400, T0 + i * 250);
    size_t len = window_write(&w, bytes);
    assert_true(len <= sizeof bytes);
    assert_int_equal(window_read((struct bytes){ bytes, len }, &again), 0);
    assert_int_equal(again.n, w.n);
    check_same(&again, &w);
    assert_int_equal(window_read((struct bytes){ bytes, 0 }, &again), 0);
    assert_int_equal(again.n, 0);
    for (size_t cut = 1; cut < len; cut++)          /* cut short anywhere, it is a shorter one or none */
        if (window_read((struct bytes){ bytes, cut }, &again) == 0)
            check_same(&again, &w);
}

static void nonsense_is_refused(void **state)
{
    static const struct { const char *name; uint8_t bytes[20]; size_t len; } cases[] = {
        { "short time", { 0, 0, 0, 0 }, 4 },
        { "negative time", { 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 10 },
        { "a second place at the same time", { 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1 }, 12 },
        { "a first place that is late", { 0, 0, 0, 0, 1, 0, 0, 0, 1, 1 }, 10 },
        { "no count", { 0, 0, 0, 0, 1, 0, 0, 0, 0 }, 9 },
        { "a number without end", { 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80 }, 15 },
        { "a number too large", { 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f }, 14 },
    };
    struct window w;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (window_read((struct bytes){ cases[i].bytes, cases[i].len }, &w) != -EBADMSG)
            fail_msg("%s is read", cases[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_has_its_own_life),
        cmocka_unit_test(old_events_leave_when_a_new_one_comes),
        cmocka_unit_test(windows_of_several_lengths_slide_over_the_same_events),
        cmocka_unit_test(a_clock_that_was_set_back_loses_nothing),
        cmocka_unit_test(very_many_seconds_are_joined_and_none_is_lost),
        cmocka_unit_test(counts_stay_at_their_largest),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
