/* What a change of trust, threshold or quorum would begin or end. */
#include "store_world.h"

struct seen {
    size_t begin, end;
    char subject[SUBJECT_TEXT_MAX];
    int64_t score_milli;
    struct supposed_kept kept;
};

static int see(void *ctx, const struct supposed *s)
{
    struct seen *seen = ctx;
    if (s->zone != 0)
        return 0;
    *(s->listed ? &seen->begin : &seen->end) += 1;
    subject_text(&s->subject, seen->subject);
    seen->score_milli = s->score_milli;
    return 0;
}

static struct seen suppose(struct world *w, void (*change)(struct policy *p), int64_t now_s)
{
    struct seen seen = { 0 };
    struct reader *r = world_reader(w);
    struct policy *p = policy_copy(w->policy);
    assert_non_null(p);
    change(p);
    assert_int_equal(reader_set_policy(r, p), 0);
    assert_int_equal(reader_what_if(r, &(struct supposing){ .now_s = now_s, .before = w->policy, .subjects_quota = 100000 }, see, &seen, &seen.kept), 0);
    policy_destroy(&p);
    reader_close(&r);
    return seen;
}

static void nothing(struct policy *p) { (void)p; }
static void distrust_the_first(struct policy *p) { p->members[0].trust_micro = 100000; }
static void lower_threshold(struct policy *p) { p->zones[0].threshold_micro = 100000; }
static void two_groups(struct policy *p) { p->zones[0].quorum = 3; }

/* 192.0.2.7 is listed by member 1 alone; of 192.0.2.9 member 2 says too little. */
static void two_voices(struct world *w)
{
    world_create(w);
    world_hear(w, 1, 1, (struct saying){ "192.0.2.7", WORLD_SAY, 8, 0, T0 });
    world_hear(w, 2, 1, (struct saying){ "192.0.2.9", WORLD_SAY, 3, 0, T0 });
    assert_int_equal(world_check(w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(world_check(w, "192.0.2.9"), VERDICT_UNKNOWN);
}

static void the_policy_in_force_changes_nothing(void **state)
{
    struct world w;
    (void)state;
    two_voices(&w);
    struct seen seen = suppose(&w, nothing, T0);
    assert_int_equal(seen.begin + seen.end, 0);
    world_destroy(&w);
}

static void less_trust_ends_what_leans_on_it(void **state)
{
    struct world w;
    (void)state;
    two_voices(&w);
    struct seen seen = suppose(&w, distrust_the_first, T0);
    assert_int_equal(seen.begin, 0);
    assert_int_equal(seen.end, 1);
    assert_string_equal(seen.subject, "192.0.2.7");
    assert_in_range(seen.score_milli, 90, 100);
    world_destroy(&w);
}

static void a_lower_threshold_begins_what_was_too_weak(void **state)
{
    struct world w;
    (void)state;
    two_voices(&w);
    struct seen seen = suppose(&w, lower_threshold, T0);
    assert_int_equal(seen.begin, 1);
    assert_int_equal(seen.end, 0);
    assert_string_equal(seen.subject, "192.0.2.9");
    world_destroy(&w);
}

static void what_is_listed_has_the_advantage_of_hysteresis(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", WORLD_SAY, 8, 0, T0 });
    world_hear(&w, 2, 1, (struct saying){ "192.0.2.7", WORLD_SAY, 8, 0, T0 });
    struct seen seen = suppose(&w, two_groups, T0);    /* three to begin, but two to stay */
    assert_int_equal(seen.end, 0);
    world_destroy(&w);
}

static void a_subject_excepted_by_hand_would_not_be_listed(void **state)
{
    struct world w;
    struct exception e = { .kind = EXCEPTION_PROTECT, .time_s = T0, .who = "postmaster" };
    (void)state;
    two_voices(&w);
    e.subject = world_subject("192.0.2.9");
    assert_int_equal(store_add_exception(w.store, &e, T0), 0);
    world_fold(&w, T0);
    struct seen seen = suppose(&w, lower_threshold, T0);
    assert_int_equal(seen.begin, 0);
    world_destroy(&w);
}

/* ---- what would be forgotten, since fewer opinions are kept */

static void keep_two_of_the_first(struct policy *p) { p->members[0].rights.max_subjects = 2; }
static void keep_five_of_the_first(struct policy *p) { p->members[0].rights.max_subjects = 5; }
static void keep_one_of_the_second(struct policy *p) { p->members[1].rights.max_subjects = 1; }

static void what_fewer_kept_opinions_would_end_is_foreseen_and_then_comes_true(void **state)
{
    static const char *const subjects[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4" };
    struct world w;
    (void)state;
    world_create(&w);
    for (uint64_t i = 0; i < 4; i++)
        world_hear(&w, 1, i + 1, (struct saying){ subjects[i], WORLD_SAY, 8, 0, T0 });
    world_hear(&w, 2, 1, (struct saying){ "192.0.2.2", WORLD_SAY, 8, 0, T0 });     /* upholds the second */
    struct seen seen = suppose(&w, keep_two_of_the_first, T0);
    assert_int_equal(seen.begin, 0);
    assert_int_equal(seen.end, 1);
    assert_string_equal(seen.subject, "192.0.2.1");
    assert_int_equal(seen.kept.forgotten, 2);
    assert_false(seen.kept.more);
    assert_int_equal(store_set_bound(w.store, w.records[1].root, 1, 3), 0);         /* what the mesh then does */
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(&w, "192.0.2.2"), VERDICT_BLACK);
    seen = suppose(&w, keep_five_of_the_first, T0);
    assert_true(seen.kept.forgotten == 0 && seen.kept.more);
    assert_int_equal(suppose(&w, keep_one_of_the_second, T0).kept.forgotten, 0);
    world_destroy(&w);
}

static void less_trust_keeps_a_little_of_whom_the_operator_configured(void **state)
{
    struct world w;
    struct seen seen = { 0 };
    (void)state;
    two_voices(&w);
    world_hear(&w, 1, 2, (struct saying){ "192.0.2.8", WORLD_SAY, 8, 0, T0 });
    struct reader *r = world_reader(&w);
    struct policy *p = policy_copy(w.policy);
    p->members[0].trust_micro = MICRO * 8 / 10;                     /* of a quota of two, one and a half: one */
    struct supposing how = { .now_s = T0, .before = w.policy, .subjects_quota = 2 };
    assert_int_equal(reader_set_policy(r, p), 0);
    assert_int_equal(reader_what_if(r, &how, see, &seen, &seen.kept), 0);
    assert_int_equal(seen.kept.forgotten, 0);                       /* of whom the operator configured, a little in any case */
    policy_destroy(&p);
    reader_close(&r);
    world_destroy(&w);
}

static void hear_many(struct world *w, uint64_t seq, unsigned from, size_t n)
{
    static struct saying says[2025];
    static char text[2025][16];
    assert_true(n <= 2025);
    for (size_t i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "203.%zu.%zu.1", (from + i) >> 8, (from + i) & 255);
        says[i] = (struct saying){ text[i], WORLD_SAY, 8, 0, T0 };
    }
    struct store_batch b = world_batch(w, 1, seq, T0, says, n);
    assert_int_equal(store_add_batches(w->store, &b, 1, T0), 0);
    world_free_batch(&b);
}

static struct seen suppose_trust(struct world *w, uint32_t trust_micro)
{
    struct seen seen = { 0 };
    struct reader *r = world_reader(w);
    struct policy *p = policy_copy(w->policy);
    assert_non_null(p);
    p->members[0].trust_micro = trust_micro;
    assert_int_equal(reader_set_policy(r, p), 0);
    assert_int_equal(reader_what_if(r, &(struct supposing){ .now_s = T0, .before = w->policy, .subjects_quota = 5000 }, see, &seen, &seen.kept), 0);
    policy_destroy(&p);
    reader_close(&r);
    return seen;
}

static void what_less_trust_keeps_no_longer_is_foreseen(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    assert_int_equal(w.policy->members[0].trust_micro, MICRO);
    hear_many(&w, 1, 0, 100);
    hear_many(&w, 2, 100, 2025);
    hear_many(&w, 3, 2125, 2025);
    world_fold(&w, T0);
    assert_int_equal(suppose_trust(&w, MICRO * 9 / 10).kept.forgotten, 0);     /* 4,150 of 4,500 */
    struct seen seen = suppose_trust(&w, MICRO * 8 / 10);
    assert_int_equal(seen.kept.forgotten, 100);
    assert_int_equal(seen.end, 100);
    assert_int_equal(seen.begin, 0);
    world_destroy(&w);
}

static void introduced_members_are_kept_by_their_share(void **state)
{
    (void)state;
    assert_int_equal(policy_subjects_max(100000, MICRO, 0, false), 100000);
    assert_int_equal(policy_subjects_max(100000, 1000, 0, false), POLICY_SUBJECTS_LEAST);
    assert_int_equal(policy_subjects_max(100000, 1000, 0, true), 100);
    assert_int_equal(policy_subjects_max(100000, MICRO / 2, 7, false), 7);
    assert_int_equal(policy_subjects_max(0, MICRO / 2, 0, false), 0);
    assert_int_equal(policy_subjects_max(100, 1, 0, true), 1);
    assert_int_equal(policy_subjects_share(1000, MICRO / 8, MICRO / 2), 250);
    assert_int_equal(policy_subjects_share(1000, 1, MICRO), 1);
    assert_int_equal(policy_subjects_share(0, MICRO, MICRO), 0);
    assert_int_equal(policy_subjects_share(10, MICRO, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_in_force_changes_nothing),
        cmocka_unit_test(less_trust_ends_what_leans_on_it),
        cmocka_unit_test(a_lower_threshold_begins_what_was_too_weak),
        cmocka_unit_test(what_is_listed_has_the_advantage_of_hysteresis),
        cmocka_unit_test(a_subject_excepted_by_hand_would_not_be_listed),
        cmocka_unit_test(what_fewer_kept_opinions_would_end_is_foreseen_and_then_comes_true),
        cmocka_unit_test(less_trust_keeps_a_little_of_whom_the_operator_configured),
        cmocka_unit_test(what_less_trust_keeps_no_longer_is_foreseen),
        cmocka_unit_test(introduced_members_are_kept_by_their_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
