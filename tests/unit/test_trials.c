/* How useful members' reports are to this node: a day on which one stands is a trial. */
#include "learn_world.h"

static void what_nobody_here_sees_is_unseen_once_a_day_for_as_long_as_it_stands(void **state)
{
    (void)state;
    says_at(1, 0, 50, BLACK, 0, T0);
    world_fold(&w, T0 + WORLD_DAY - 60);
    assert_int_equal(member(1, T0 + WORLD_DAY).unseen_milli, 0);
    for (int half = 2; half <= 60; half++) {                   /* however often it is folded */
        int64_t now_s = T0 + half * WORLD_DAY / 2;
        world_fold(&w, now_s);
        int64_t days = half / 2 < 21 ? half / 2 : 21;          /* by then, what was told says less than 0.1 */
        assert_in_range(member(1, now_s).unseen_milli, 50000 * days / 2, 50000 * days);
        if (half == 2)
            assert_int_equal(member(1, now_s).unseen_milli, 50000);
    }
    world_claim_verifies(&w, T0 + 30 * WORLD_DAY);
}

/* Nor do trials that were counted count again. */
static void a_restart_begins_no_second_pass_on_the_same_day(void **state)
{
    (void)state;
    says_at(1, 0, 2, BLACK, 0, T0);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    for (int i = 1; i <= 5; i++) {
        world_reopen(&w);
        world_fold(&w, T0 + 2 * WORLD_DAY + i * WORLD_HOUR);
    }
    assert_in_range(member(1, T0 + 2 * WORLD_DAY).unseen_milli, 1900, 2000);
    world_fold(&w, T0 + 3 * WORLD_DAY);
    assert_in_range(member(1, T0 + 3 * WORLD_DAY).unseen_milli, 3800, 4000);
}

static void a_pass_begun_by_a_clock_ahead_does_not_keep_off_the_next(void **state)
{
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    world_fold(&w, T0 + 300 * WORLD_DAY);
    world_reopen(&w);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    assert_in_range(member(1, T0 + 2 * WORLD_DAY).unseen_milli, 900, 1000);
}

/* A host that comes after a quiet day and a half was foretold by whoever said so before, each time; the record has it once. */
static void who_foretold_that_it_comes_again_was_of_use_each_time(void **state)
{
    (void)state;
    int64_t now_s = T0;
    saw(REQUEST_BLACK, 1, 1, T0);
    for (int i = 0; i < 3; i++, now_s += 2 * WORLD_DAY) {
        says_at(1, 0, 2, BLACK, 0, now_s);
        saw(REQUEST_BLACK, 0, 2, now_s + WORLD_DAY + WORLD_DAY / 2 + i);
    }
    struct member_row m = member(1, now_s);
    assert_in_range(m.seen_milli, 5500, 6000);
    assert_in_range(m.confirmed_milli, 900, 1000);             /* the other one was seen here before it said so */
    world_claim_verifies(&w, now_s);
}

static void what_comes_every_evening_was_foretold_by_nobody(void **state)
{
    (void)state;
    saw(REQUEST_BLACK, 0, 1, T0);
    says_at(1, 0, 1, BLACK, 0, T0 + 100);
    for (int day = 1; day <= 9; day++)
        saw(REQUEST_BLACK, 0, 1, T0 + day * WORLD_DAY + (day % 2 ? 5 * WORLD_HOUR : 0));
    assert_int_equal(member(1, T0 + 9 * WORLD_DAY).seen_milli, 0);
    assert_int_equal(member(1, T0 + 9 * WORLD_DAY).confirmed_milli, 0);
}

static void who_says_it_in_the_hour_in_which_it_comes_or_later_foretold_nothing(void **state)
{
    (void)state;
    saw(REQUEST_BLACK, 0, 1, T0);
    says_at(1, 0, 1, BLACK, 0, T0);
    says_at(1, 0, 1, BLACK - 1, 0, T0 + 100);
    assert_int_equal(member(1, T0 + 100).seen_milli, 0);
}

static void what_this_node_sees_itself_again_and_again_is_not_unseen(void **state)
{
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    int64_t now_s = T0;
    for (int day = 0; day <= 24; day++) {
        now_s = T0 + day * WORLD_DAY + 100;
        saw(REQUEST_BLACK, 0, 1, now_s);
        world_fold(&w, now_s + WORLD_HOUR);
    }
    assert_int_equal(member(1, now_s).unseen_milli, 0);
    assert_in_range(member(1, now_s).confirmed_milli, 500, 1000);
    for (int day = 0; day <= 8; day++)
        world_fold(&w, now_s + day * WORLD_DAY);
    assert_int_equal(member(1, now_s + 8 * WORLD_DAY).unseen_milli, 0);        /* it said so 24 days ago, and stands no more */
    says_at(1, 0, 1, BLACK, 0, now_s + 8 * WORLD_DAY);
    world_fold(&w, now_s + 9 * WORLD_DAY);
    assert_in_range(member(1, now_s + 9 * WORLD_DAY).unseen_milli, 900, 1000);
}

/* A machine that starts ten minutes ahead, before it hears the time. */
static void a_clock_set_back_by_minutes_begins_no_second_pass_on_the_same_day(void **state)
{
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    world_fold(&w, T0 + 2 * WORLD_DAY + 10 * WORLD_MINUTE);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    world_reopen(&w);
    world_fold(&w, T0 + 2 * WORLD_DAY + WORLD_HOUR);
    assert_in_range(member(1, T0 + 2 * WORLD_DAY + WORLD_HOUR).unseen_milli, 900, 1000);
}

/* SCORE.md, "Clocks": what it says is believed an hour later. */
static void a_clock_that_has_leapt_between_two_runs_tries_nothing_for_an_hour(void **state)
{
    int64_t leapt_s = T0 + 5 * WORLD_DAY;
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    world_reopen(&w);
    world_fold(&w, leapt_s);
    world_fold(&w, leapt_s + WORLD_HOUR - 1);
    assert_int_equal(member(1, leapt_s).unseen_milli, 0);
    world_fold(&w, leapt_s + WORLD_HOUR);
    assert_int_equal(member(1, leapt_s + WORLD_HOUR).unseen_milli, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(what_nobody_here_sees_is_unseen_once_a_day_for_as_long_as_it_stands),
        T(a_restart_begins_no_second_pass_on_the_same_day),
        T(a_pass_begun_by_a_clock_ahead_does_not_keep_off_the_next),
        T(who_foretold_that_it_comes_again_was_of_use_each_time),
        T(what_comes_every_evening_was_foretold_by_nobody),
        T(who_says_it_in_the_hour_in_which_it_comes_or_later_foretold_nothing),
        T(what_this_node_sees_itself_again_and_again_is_not_unseen),
        T(a_clock_set_back_by_minutes_begins_no_second_pass_on_the_same_day),
        T(a_clock_that_has_leapt_between_two_runs_tries_nothing_for_an_hour),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
