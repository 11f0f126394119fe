/* What is usual of members' reports, and how one is weighed beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/policy.h"
#include "store/usual.h"

enum { WHOLE = RELIABILITY_NEWCOMER_MICRO };

static struct counters counts(int64_t confirmed, int64_t unseen)
{
    return (struct counters){ .confirmed_micro = confirmed * MICRO, .unseen_micro = unseen * MICRO };
}

static struct borne_out share(uint32_t percent, uint32_t trust_micro)
{
    return (struct borne_out){ percent * 10000, trust_micro };
}

static void a_few_reports_are_no_measure(void **state)
{
    struct borne_out b;
    struct counters few = counts(5, 4), enough = counts(5, 5);
    (void)state;
    assert_false(borne_out_of(&few, MICRO, &b));
    assert_false(borne_out_of(&enough, 0, &b));
    assert_true(borne_out_of(&enough, MICRO, &b));
    assert_int_equal(b.share_micro, MICRO / 2);
}

static void the_usual_share_is_the_upper_quartile_in_any_order(void **state)
{
    struct borne_out all[] = { share(40, MICRO), share(10, MICRO), share(30, MICRO), share(20, MICRO) };
    (void)state;
    assert_int_equal(usual_share_micro(all, 4), 400000);
    struct borne_out eight[] = { share(1, MICRO), share(8, MICRO), share(3, MICRO), share(4, MICRO), share(5, MICRO), share(6, MICRO), share(7, MICRO), share(2, MICRO) };
    assert_int_equal(usual_share_micro(eight, 8), 70000);
    assert_int_equal(usual_share_micro(eight, 0), 0);
}

/* Puppets share the trust of whoever introduced them, and so they move nothing. */
static void members_without_much_trust_do_not_move_what_is_usual(void **state)
{
    struct borne_out all[103];
    (void)state;
    for (size_t i = 0; i < 100; i++)
        all[i] = share(i % 2 == 0 ? 100 : 0, MICRO / 400);
    all[100] = share(10, MICRO);
    all[101] = share(12, MICRO);
    all[102] = share(11, MICRO);
    uint32_t usual = usual_share_micro(all, 103);
    assert_in_range(usual, 100000, 120000);
}

static void a_member_as_usual_weighs_what_it_weighed(void **state)
{
    struct counters c = counts(100, 900);
    (void)state;
    assert_int_equal(reliability_beside_usual(WHOLE, &c, 100000), WHOLE);
    assert_int_equal(reliability_beside_usual(1234567, &c, 100000), 1234567);
}

static void with_nothing_to_compare_a_member_weighs_what_it_weighed(void **state)
{
    struct counters c = counts(0, 1000), new = counts(0, 0);
    (void)state;
    assert_int_equal(reliability_beside_usual(WHOLE, &c, 0), WHOLE);
    assert_int_equal(reliability_beside_usual(WHOLE, &new, 500000), WHOLE);
}

static void who_is_borne_out_more_often_than_usual_weighs_more_and_at_most_twice(void **state)
{
    struct counters twice = counts(30, 70), always = counts(100000, 0);
    (void)state;
    assert_in_range(reliability_beside_usual(WHOLE, &twice, 200000), WHOLE + WHOLE / 5, 2 * WHOLE);
    assert_int_equal(reliability_beside_usual(WHOLE, &always, 1000), 2 * WHOLE);
    assert_int_equal(reliability_beside_usual(2 * WHOLE, &always, 1000), 2 * WHOLE);
}

static void never_seen_is_never_mute(void **state)
{
    struct counters c = counts(0, 1000000);
    (void)state;
    assert_int_equal(reliability_beside_usual(WHOLE, &c, MICRO), RELIABILITY_DEAD_MICRO);
    assert_int_equal(reliability_beside_usual(RELIABILITY_DEAD_MICRO, &c, MICRO), RELIABILITY_DEAD_MICRO);
}

static void the_refuted_stay_mute(void **state)
{
    struct counters c = counts(1000, 0);
    (void)state;
    assert_int_equal(reliability_beside_usual(0, &c, 1000), 0);
}

/* The largest counters there are: nothing overflows, and the bounds hold. */
static void any_counters_give_a_weight_between_a_fifth_and_two(void **state)
{
    uint64_t x = 7;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        int shift = (int)(x >> 58) % 40;
        struct counters c = { .confirmed_micro = (int64_t)(x >> 20) % (RELIABILITY_COUNT_MAX_MICRO >> shift | 1),
                              .unseen_micro = (int64_t)(x * 31 >> 20) % (RELIABILITY_COUNT_MAX_MICRO | 1) };
        uint32_t got = reliability_beside_usual(1 + (uint32_t)(x >> 40) % (2 * WHOLE), &c, (uint32_t)(x >> 33) % (MICRO + 1));
        assert_true(got <= 2 * WHOLE);
    }
    struct counters most = { .confirmed_micro = RELIABILITY_COUNT_MAX_MICRO, .unseen_micro = RELIABILITY_COUNT_MAX_MICRO };
    assert_int_equal(reliability_beside_usual(WHOLE, &most, MICRO / 2), WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_reports_are_no_measure),
        cmocka_unit_test(the_usual_share_is_the_upper_quartile_in_any_order),
        cmocka_unit_test(members_without_much_trust_do_not_move_what_is_usual),
        cmocka_unit_test(a_member_as_usual_weighs_what_it_weighed),
        cmocka_unit_test(with_nothing_to_compare_a_member_weighs_what_it_weighed),
        cmocka_unit_test(who_is_borne_out_more_often_than_usual_weighs_more_and_at_most_twice),
        cmocka_unit_test(never_seen_is_never_mute),
        cmocka_unit_test(the_refuted_stay_mute),
        cmocka_unit_test(any_counters_give_a_weight_between_a_fifth_and_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
