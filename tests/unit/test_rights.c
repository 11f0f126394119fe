/* Rights per peer: store/rights.h, and what the store makes of them. */
#include "store_world.h"

#include "store/rights.h"

enum { MEMBER_B = 1, MEMBER_C = 2, MALWARE = 1 };

static const struct saying black_spam = { "192.0.2.7", "spam", 8, 0, T0 };

static const struct evidence bad = { 5 * MICRO, 0, T0 };

static void problem(void *ctx, const char *text)
{
    (void)ctx;
    print_message("%s\n", text);
}

/* What is stored is what the rights in force give, bit for bit. */
static void is_sound(struct world *w, int64_t now_s)
{
    struct reader *r = world_reader(w);
    uint64_t problems = 0;
    assert_int_equal(reader_verify(r, now_s, problem, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    reader_close(&r);
}

static struct policy_rights *rights_of(struct world *w, size_t member)
{
    return &w->policy->members[member - 1].rights;
}

static void take_policy(struct world *w, int64_t now_s)
{
    assert_int_equal(store_set_policy(w->store, w->policy, now_s), 0);
    world_fold(w, now_s);
    is_sound(w, now_s);
}

static int64_t score_of_subject(struct world *w, const char *subject, int category, int64_t now_s)
{
    struct reader *r = world_reader(w);
    struct subject s = world_subject(subject);
    int64_t milli = 0;
    assert_int_equal(reader_score(r, &s, category, now_s, &milli), 0);
    reader_close(&r);
    return milli;
}

/* ---- pure */

static void one_without_rights_set_may_do_everything(void **state)
{
    struct policy_rights all = { 0 };
    struct subject net = world_subject("192.0.2.0/24");
    (void)state;
    assert_false(rights_narrow(&all));
    assert_int_equal(rights_bar(&all, 63, net.key, net.len, &bad), RIGHTS_HEARD);
    assert_int_equal(rights_cap(&all, 700000), 700000);
    assert_int_equal(rights_probation_end(&all, 0), 0);
}

static void prefixes_are_networks_and_no_hosts(void **state)
{
    static const struct { const char *subject; enum rights_bar want; } cases[] = {
        { "192.0.2.7", RIGHTS_HEARD }, { "192.0.2.0/24", RIGHTS_PREFIX }, { "192.0.2.0/31", RIGHTS_PREFIX }, { "2001:db8::1", RIGHTS_HEARD },
        { "2001:db8::/48", RIGHTS_PREFIX }, { "bad.example", RIGHTS_HEARD }, { "a@bad.example", RIGHTS_HEARD }, { "abcd.example", RIGHTS_HEARD },
    };
    struct policy_rights r = { .no_prefixes = true };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct subject s = world_subject(cases[i].subject);
        if (rights_bar(&r, 0, s.key, s.len, &bad) != cases[i].want)
            fail_msg("%s: got %d, want %d", cases[i].subject, (int)rights_bar(&r, 0, s.key, s.len, &bad), (int)cases[i].want);
    }
}

static void a_category_that_is_not_configured_is_none_of_its_own(void **state)
{
    struct policy_rights r = { .categories = 1 << MALWARE | UINT64_C(1) << 63 };
    struct subject s = world_subject("192.0.2.7");
    (void)state;
    assert_int_equal(rights_bar(&r, MALWARE, s.key, s.len, &bad), RIGHTS_HEARD);
    assert_int_equal(rights_bar(&r, 63, s.key, s.len, &bad), RIGHTS_HEARD);
    assert_int_equal(rights_bar(&r, 0, s.key, s.len, &bad), RIGHTS_CATEGORY);
    assert_int_equal(rights_bar(&r, -1, s.key, s.len, &bad), RIGHTS_CATEGORY);
}

static void probation_ends_by_the_first_day_or_the_date(void **state)
{
    (void)state;
    assert_int_equal(rights_probation_end(&(struct policy_rights){ .probation_s = 10 }, 100), 110);
    assert_int_equal(rights_probation_end(&(struct policy_rights){ .probation_s = 10 }, 0), INT64_MAX);
    assert_int_equal(rights_probation_end(&(struct policy_rights){ .probation_s = RIGHTS_ENDLESS }, 100), INT64_MAX);
    assert_int_equal(rights_probation_end(&(struct policy_rights){ .probation_until_s = 500 }, 0), 500);
}

static void one_that_is_black_only_is_not_heard_where_good_outweighs_bad(void **state)
{
    static const struct { int64_t black, white; enum rights_bar want; } cases[] = {
        { 5, 0, RIGHTS_HEARD }, { 0, 5, RIGHTS_WHITE }, { 5, 2, RIGHTS_HEARD }, { 4, 2, RIGHTS_HEARD }, { 3, 2, RIGHTS_WHITE }, { 0, 0, RIGHTS_HEARD },
    };
    struct policy_rights r = { .black_only = true };
    struct subject s = world_subject("192.0.2.7");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct evidence told = { cases[i].black * MICRO, cases[i].white * MICRO, T0 };
        assert_int_equal(rights_bar(&r, 0, s.key, s.len, &told), cases[i].want);
        if (cases[i].want == RIGHTS_HEARD)
            assert_true(opinion_micro(told.black_micro, told.white_micro) >= 0);
        else
            assert_true(opinion_micro(told.black_micro, told.white_micro) < 0);
    }
}

/* ---- the store */

static void what_is_outside_of_its_categories_is_heard_and_counts_for_nothing(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, MEMBER_B, 1, black_spam);
    world_hear(&w, MEMBER_B, 2, (struct saying){ "192.0.2.8", "malware", 8, 0, T0 });
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    rights_of(&w, MEMBER_B)->categories = 1 << MALWARE;
    take_policy(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(&w, "192.0.2.8"), VERDICT_BLACK);
    assert_int_equal(score_of_subject(&w, "192.0.2.7", -1, T0), 0);
    rights_of(&w, MEMBER_B)->categories = 0;
    take_policy(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);      /* it was stored all the time */
    world_destroy(&w);
}

static void networks_of_one_without_prefixes_count_for_nothing(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    rights_of(&w, MEMBER_B)->no_prefixes = true;
    take_policy(&w, T0);
    world_hear(&w, MEMBER_B, 1, (struct saying){ "198.51.100.0/24", "spam", 8, 0, T0 });
    world_hear(&w, MEMBER_B, 2, black_spam);
    assert_int_equal(world_check(&w, "198.51.100.9"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    is_sound(&w, T0);
    world_destroy(&w);
}

static void the_good_word_of_one_that_is_black_only_counts_for_nothing(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, MEMBER_B, 1, (struct saying){ "192.0.2.7", "spam", 0, 8, T0 });
    assert_true(score_of_subject(&w, "192.0.2.7", 0, T0) < 0);
    rights_of(&w, MEMBER_B)->black_only = true;
    take_policy(&w, T0);
    assert_int_equal(score_of_subject(&w, "192.0.2.7", 0, T0), 0);
    world_destroy(&w);
}

static void one_group_never_weighs_more_than_its_cap(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    rights_of(&w, MEMBER_B)->max_weight_micro = 300000;
    take_policy(&w, T0);
    world_hear(&w, MEMBER_B, 1, black_spam);
    assert_int_equal(score_of_subject(&w, "192.0.2.7", 0, T0), 300);
    world_hear(&w, MEMBER_B, 2, (struct saying){ "192.0.2.7", "spam", 0, 8, T0 });
    assert_int_equal(score_of_subject(&w, "192.0.2.7", 0, T0), -150);
    is_sound(&w, T0);
    world_destroy(&w);
}

static void one_on_probation_is_heard_and_counts_for_nothing_until_it_ends_by_itself(void **state)
{
    struct world w;
    const int64_t end_s = T0 + 10 * WORLD_DAY;
    bool more = false;
    int64_t wake_s = 0;
    (void)state;
    world_prepare(&w);
    rights_of(&w, MEMBER_B)->probation_s = 10 * WORLD_DAY;
    world_open(&w);
    world_hear(&w, MEMBER_B, 1, black_spam);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    is_sound(&w, T0);
    world_hear(&w, MEMBER_B, 2, (struct saying){ "192.0.2.7", "spam", 8, 0, end_s - WORLD_HOUR });
    assert_int_equal(store_fold(w.store, 1000, end_s - WORLD_MINUTE, &more, &wake_s), 0);
    assert_true(wake_s <= end_s);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_fold(&w, end_s);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    is_sound(&w, end_s);
    world_destroy(&w);
}

static void probation_counts_from_when_it_was_first_a_peer_also_over_restarts(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);                                               /* a peer since T0 */
    world_hear(&w, MEMBER_B, 1, (struct saying){ "192.0.2.7", "spam", 8, 0, T0 + 5 * WORLD_DAY });
    rights_of(&w, MEMBER_B)->probation_s = 4 * WORLD_DAY;
    take_policy(&w, T0 + 5 * WORLD_DAY);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);  /* over before it was said */
    rights_of(&w, MEMBER_B)->probation_s = 6 * WORLD_DAY;
    store_close(&w.store);
    char why[STORE_WHY_MAX];
    assert_int_equal(store_open(w.path, true, &w.store, why), 0);
    take_policy(&w, T0 + 5 * WORLD_DAY);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_destroy(&w);
}

static void a_group_on_probation_is_no_group_for_the_automatic_quorum(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    w.policy->zones[0].quorum = 0;
    w.policy->members = realloc(w.policy->members, 10 * sizeof *w.policy->members);
    assert_non_null(w.policy->members);
    for (size_t i = w.policy->members_n; i < 10; i++) {
        w.policy->members[i] = (struct policy_member){ .trust_micro = MICRO };
        memset(w.policy->members[i].root, (int)(0x80 + i), KEY_BYTES);
    }
    w.policy->members_n = 10;                       /* ten groups: three are needed */
    world_open(&w);
    world_hear(&w, MEMBER_B, 1, black_spam);
    world_hear(&w, MEMBER_C, 1, black_spam);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    rights_of(&w, 10)->probation_s = RIGHTS_ENDLESS;
    take_policy(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_without_rights_set_may_do_everything),
        cmocka_unit_test(prefixes_are_networks_and_no_hosts),
        cmocka_unit_test(a_category_that_is_not_configured_is_none_of_its_own),
        cmocka_unit_test(probation_ends_by_the_first_day_or_the_date),
        cmocka_unit_test(one_that_is_black_only_is_not_heard_where_good_outweighs_bad),
        cmocka_unit_test(what_is_outside_of_its_categories_is_heard_and_counts_for_nothing),
        cmocka_unit_test(networks_of_one_without_prefixes_count_for_nothing),
        cmocka_unit_test(the_good_word_of_one_that_is_black_only_counts_for_nothing),
        cmocka_unit_test(one_group_never_weighs_more_than_its_cap),
        cmocka_unit_test(one_on_probation_is_heard_and_counts_for_nothing_until_it_ends_by_itself),
        cmocka_unit_test(probation_counts_from_when_it_was_first_a_peer_also_over_restarts),
        cmocka_unit_test(a_group_on_probation_is_no_group_for_the_automatic_quorum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
