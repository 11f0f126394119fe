/* How useful members' reports are to this node: a day on which one stands is a trial. */
#include "learn_world.h"

#include <errno.h>
#include <sqlite3.h>

#include "faulty_vfs.h"

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

static void says_many(size_t who, unsigned n, const char *category, int64_t at_s)
{
    static struct saying says[BATCH_OPINIONS_MAX];
    static char texts[BATCH_OPINIONS_MAX][32];
    for (unsigned i = 0; i < n; i++) {
        snprintf(texts[i], sizeof texts[i], "203.0.%u.%u", i / 200, 1 + i % 200);
        says[i] = (struct saying){ texts[i], category, BLACK, 0, at_s - at_s % 600 };
    }
    struct store_batch b = world_batch(&w, who, ++seq, at_s, says, n);
    assert_int_equal(store_add_batches(w.store, &b, 1, at_s), 0);
    world_free_batch(&b);
    world_fold(&w, at_s);
}

/* Slices end in the midst of a subject, too: its other category, its other members. */
static void each_of_many_reports_is_tried_once_in_a_pass(void **state)
{
    (void)state;
    says_many(1, 1100, WORLD_SAY, T0);
    says_many(1, 700, "malware", T0);
    says_many(2, 900, "malware", T0);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).unseen_milli, 1800000);
    assert_int_equal(member(2, T0 + 2 * WORLD_DAY).unseen_milli, 900000);
    world_claim_verifies(&w, T0 + 2 * WORLD_DAY);
}

/* Nor is what it left gone on with. */
static void a_pass_that_a_restart_cuts_off_tries_nothing_twice(void **state)
{
    int64_t now_s = T0 + 2 * WORLD_DAY, wake_s = 0;
    bool more = false;
    (void)state;
    says_many(1, 2000, WORLD_SAY, T0);
    while (member(1, now_s).unseen_milli == 0)
        assert_int_equal(store_fold(w.store, 1000, now_s, &more, &wake_s), 0);
    assert_true(more);
    int64_t first_milli = member(1, now_s).unseen_milli;
    world_reopen(&w);
    world_fold(&w, now_s);
    assert_int_equal(member(1, now_s).unseen_milli, first_milli);
    world_fold(&w, now_s + WORLD_DAY);
    assert_in_range(member(1, now_s + WORLD_DAY).unseen_milli, 2000000, 2000000 + first_milli);
}

static void what_is_seen_in_one_category_says_nothing_of_another(void **state)
{
    struct store_report r = { .verb = REQUEST_BLACK, .count = 1, .category = 1, .subject = world_subject(subject(0)) };
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    assert_int_equal(store_add_reports(w.store, &r, 1, T0 + 2 * WORLD_DAY), 0);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).seen_milli, 0);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).unseen_milli, 1000);
}

static void a_report_stands_as_long_as_its_category_remembers(void **state)
{
    (void)state;
    w.policy->categories[1].half_life_s = 1 * WORLD_DAY;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    says_many(1, 1, WORLD_SAY, T0);
    says_many(2, 1, "malware", T0);
    for (int day = 1; day <= 12; day++)
        world_fold(&w, T0 + day * WORLD_DAY);
    assert_true(member(1, T0 + 12 * WORLD_DAY).unseen_milli > 9000);
    assert_in_range(member(2, T0 + 12 * WORLD_DAY).unseen_milli, 4000, 8000);
}

/* Whatever was seen of it, told or not, and good or bad: it was here. */
static void any_own_event_is_an_event(void **state)
{
    struct store_report kept = { .verb = REQUEST_BLACK, .count = 1, .kept = true, .subject = world_subject(subject(0)) };
    (void)state;
    says_at(1, 0, 2, BLACK, 0, T0);
    saw(REQUEST_WHITE, 1, 1, T0 + 2 * WORLD_DAY);                   /* what comes is good */
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).seen_milli, 0);
    assert_int_equal(store_add_reports(w.store, &kept, 1, T0 + 2 * WORLD_DAY), 0);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).seen_milli, 1000);
    saw(REQUEST_BLACK, 0, 2, T0 + 3 * WORLD_DAY);
    assert_in_range(member(1, T0 + 3 * WORLD_DAY).seen_milli, 900, 1000);
}

/* What others say of a subject may be worked in together with what this node sees of it. */
static void what_is_told_in_the_same_moment_takes_nobodys_merit_and_has_none(void **state)
{
    int64_t now_s = T0 + 2 * WORLD_DAY;
    (void)state;
    says_at(1, 0, 20, BLACK, 0, T0);
    for (unsigned i = 0; i < 20; i++) {
        struct saying s = { subject(i), WORLD_SAY, BLACK, 0, now_s - now_s % 600 };
        struct store_batch b = world_batch(&w, 2, ++seq, now_s, &s, 1);
        assert_int_equal(store_add_batches(w.store, &b, 1, now_s), 0);
        world_free_batch(&b);
    }
    saw(REQUEST_BLACK, 0, 20, now_s);
    assert_int_equal(member(1, now_s).seen_milli, 20000);
    assert_int_equal(member(2, now_s).seen_milli, 0);
}

/* Own good mail in the default category has the others looked at in the same fold. */
static void good_mail_in_one_category_takes_nothing_from_who_foretold_the_other(void **state)
{
    struct store_report r[] = { { .verb = REQUEST_WHITE, .count = 1, .category = 0 }, { .verb = REQUEST_BLACK, .count = 1, .category = 1 } };
    (void)state;
    says_many(1, 1, "malware", T0);
    r[0].subject = r[1].subject = world_subject("203.0.0.1");
    assert_int_equal(store_add_reports(w.store, r, 2, T0 + 2 * WORLD_DAY), 0);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).seen_milli, 1000);
}

static void while_others_count_for_nothing_yet_nothing_is_tried(void **state)
{
    (void)state;
    says_at(1, 0, 2, BLACK, 0, T0);
    w.policy->catching_up = true;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    saw(REQUEST_BLACK, 0, 1, T0 + 2 * WORLD_DAY);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).seen_milli, 0);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).unseen_milli, 0);
    w.policy->catching_up = false;
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 2 * WORLD_DAY), 0);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).unseen_milli, 1000);
}

static void what_is_seen_under_a_clock_ahead_is_of_no_use_to_anybody(void **state)
{
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    world_report(&w, REQUEST_BLACK, subject(0), 0, 1, T0 + 3 * WORLD_DAY);
    world_fold(&w, T0 + 2 * WORLD_DAY);
    assert_int_equal(member(1, T0 + 2 * WORLD_DAY).seen_milli, 0);
}

static void trials_survive_a_restart(void **state)
{
    int64_t now_s = T0 + 2 * WORLD_DAY;
    (void)state;
    says_at(1, 0, 3, BLACK, 0, T0);
    saw(REQUEST_BLACK, 0, 1, now_s);
    world_fold(&w, now_s + 2 * WORLD_HOUR);
    world_reopen(&w);
    assert_in_range(member(1, now_s).seen_milli, 990, 1000);
    assert_in_range(member(1, now_s).unseen_milli, 1990, 2000);
    world_claim_verifies(&w, now_s + 2 * WORLD_HOUR);
}

/* One comes, one does not; then the disk is full at the n-th write, and has room again. */
static void a_fold_that_fails_counts_nothing_twice(void **state)
{
    int64_t now_s = T0 + 2 * WORLD_DAY, wake_s = 0;
    bool struck = true, more = true;
    (void)state;
    world_destroy(&w);
    faulty_install();
    for (long at = 1; struck; at++) {
        world_create(&w);
        says_at(1, 0, 2, BLACK, 0, T0);
        world_report(&w, REQUEST_BLACK, subject(0), 0, 1, now_s);
        faulty_plan(at, false, SQLITE_FULL);
        for (more = true; more && faulty.done < at;)
            more = store_fold(w.store, 1000, now_s, &more, &wake_s) != 0 || more;
        struck = faulty.done >= at;
        faulty_plan(0, false, 0);
        world_fold(&w, now_s);
        assert_int_equal(member(1, now_s).seen_milli, 1000);
        assert_int_equal(member(1, now_s).unseen_milli, 1000);
        if (struck)
            world_destroy(&w);
        assert_true(at < 1000);
    }
    faulty_remove();
}

/* Of what it had counted nothing is left. */
static void a_pass_that_fails_in_its_first_slice_begins_again(void **state)
{
    int64_t now_s = T0 + 2 * WORLD_DAY, wake_s = 0;
    bool more = true;
    (void)state;
    world_destroy(&w);
    faulty_install();
    world_create(&w);
    says_many(1, 1500, WORLD_SAY, T0);
    faulty_plan(1, false, SQLITE_FULL);
    assert_int_equal(store_fold(w.store, 1000, now_s, &more, &wake_s), -ENOSPC);
    faulty_plan(0, false, 0);
    world_fold(&w, now_s);
    assert_int_equal(member(1, now_s).unseen_milli, 1500000);
    faulty_remove();
}

static void set(const char *sql)
{
    sqlite3 *db;
    store_close(&w.store);
    assert_int_equal(sqlite3_open_v2(w.path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    world_open(&w);
}

/* Nor one who tells what everybody knows until it is found out. */
static void who_was_refuted_to_nothing_is_no_measure_of_the_others(void **state)
{
    (void)state;
    says_at(1, 0, 2, BLACK, 0, T0);
    says_at(2, 0, 1, BLACK, 0, T0);
    saw(REQUEST_WHITE, 1, 1, T0 + 100);                             /* both have counts now, and one is refuted */
    saw(REQUEST_BLACK, 0, 1, T0 + 200);
    set("UPDATE learned SET confirmed = 0, seen = iif(refuted > 0, 900000000, 10000000), unseen = iif(refuted > 0, 0, 90000000), refuted = iif(refuted > 0, 100000000, 0)");
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    assert_int_equal(member(1, T0 + 2 * WORLD_HOUR).reliability.black_micro, 0);
    assert_int_equal(member(2, T0 + 2 * WORLD_HOUR).reliability.black_micro, MICRO);
    world_claim_verifies(&w, T0 + 2 * WORLD_HOUR);
}

static void who_is_on_probation_is_no_measure_of_the_others(void **state)
{
    (void)state;
    says_at(1, 0, 2, BLACK, 0, T0);
    says_at(2, 1, 1, BLACK, 0, T0);
    saw(REQUEST_BLACK, 0, 1, T0 + 100);
    world_fold(&w, T0 + WORLD_DAY);
    set("UPDATE learned SET confirmed = 0, unseen = iif(seen > 0, 0, 90000000), seen = iif(seen > 0, 900000000, 10000000)");
    w.policy->members[0].rights.probation_until_s = T0 + 30 * WORLD_DAY;
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + WORLD_DAY), 0);
    world_fold(&w, T0 + WORLD_DAY + 2 * WORLD_HOUR);
    assert_in_range(member(1, T0 + WORLD_DAY).seen_milli, 800000, 900000);
    assert_int_equal(member(2, T0 + WORLD_DAY).reliability.black_micro, MICRO);
    w.policy->members[0].rights.probation_until_s = 0;
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + WORLD_DAY + 2 * WORLD_HOUR), 0);
    world_fold(&w, T0 + WORLD_DAY + 4 * WORLD_HOUR);
    assert_true(member(2, T0 + WORLD_DAY).reliability.black_micro < MICRO / 2);
    world_claim_verifies(&w, T0 + WORLD_DAY + 4 * WORLD_HOUR);
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
        T(each_of_many_reports_is_tried_once_in_a_pass),
        T(a_pass_that_a_restart_cuts_off_tries_nothing_twice),
        T(what_is_seen_in_one_category_says_nothing_of_another),
        T(a_report_stands_as_long_as_its_category_remembers),
        T(any_own_event_is_an_event),
        T(what_is_told_in_the_same_moment_takes_nobodys_merit_and_has_none),
        T(good_mail_in_one_category_takes_nothing_from_who_foretold_the_other),
        T(while_others_count_for_nothing_yet_nothing_is_tried),
        T(what_is_seen_under_a_clock_ahead_is_of_no_use_to_anybody),
        T(trials_survive_a_restart),
        T(a_fold_that_fails_counts_nothing_twice),
        T(a_pass_that_fails_in_its_first_slice_begins_again),
        T(who_was_refuted_to_nothing_is_no_measure_of_the_others),
        T(who_is_on_probation_is_no_measure_of_the_others),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
