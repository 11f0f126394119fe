/* How useful members' reports are here, beside what is usual, and how that dampens what they weigh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/policy.h"
#include "store/usual.h"
#include "tests/seed.h"

enum { WHOLE = RELIABILITY_NEWCOMER_MICRO };

/* Of whom own evidence confirmed as many as it saw. */
static struct counters counts(int64_t seen, int64_t unseen)
{
    return (struct counters){ .confirmed_micro = seen * MICRO, .seen_micro = seen * MICRO, .unseen_micro = unseen * MICRO };
}

static struct measured share(uint32_t percent, uint32_t trust_micro)
{
    return (struct measured){ percent * 10000, trust_micro };
}

static uint32_t useful(int64_t seen, int64_t unseen, uint32_t usual_micro)
{
    struct counters c = counts(seen, unseen);
    return useful_micro(&c, usual_micro);
}

static void a_few_trials_are_no_measure(void **state)
{
    struct counters few = counts(5, 4), enough = counts(5, 5);
    (void)state;
    assert_false(is_measure(&few));
    assert_true(is_measure(&enough));
    assert_int_equal(borne_out_micro(&enough), MICRO / 2);
}

static void the_usual_is_the_upper_quartile_in_any_order(void **state)
{
    struct measured all[] = { share(40, MICRO), share(10, MICRO), share(30, MICRO), share(20, MICRO) };
    (void)state;
    assert_int_equal(upper_quartile_micro(all, 4), 400000);
    struct measured eight[] = { share(1, MICRO), share(8, MICRO), share(3, MICRO), share(4, MICRO), share(5, MICRO), share(6, MICRO), share(7, MICRO), share(2, MICRO) };
    assert_int_equal(upper_quartile_micro(eight, 8), 70000);
    assert_int_equal(upper_quartile_micro(eight, 0), 0);
}

/* Puppets share the trust of whoever introduced them, and so they move nothing. */
static void members_without_much_trust_do_not_move_what_is_usual(void **state)
{
    struct measured all[103];
    (void)state;
    for (size_t i = 0; i < 100; i++)
        all[i] = share(i % 2 == 0 ? 100 : 0, MICRO / 400);
    all[100] = share(10, MICRO);
    all[101] = share(12, MICRO);
    all[102] = share(11, MICRO);
    uint32_t usual = upper_quartile_micro(all, 103);
    assert_in_range(usual, 100000, 120000);
}

static void a_newcomer_is_useful_until_its_reports_are_tried_in_vain(void **state)
{
    (void)state;
    assert_int_equal(useful(0, 0, MICRO / 2), WHOLE);
    assert_true(useful(0, 100, MICRO / 2) < WHOLE);
    assert_true(useful(0, 100, 0) < WHOLE);
}

static void who_is_borne_out_more_often_than_usual_is_no_more_than_useful(void **state)
{
    (void)state;
    assert_int_equal(useful(100000, 0, 1000), WHOLE);
    assert_int_equal(useful(500, 500, 100000), useful(500, 500, 0));
    assert_int_equal(useful(500, 500, 100000), useful(500, 500, MICRO / 2));
    assert_true(useful(500, 500, MICRO * 9 / 10) < useful(500, 500, 100000));
}

static void the_more_is_borne_out_the_more_useful(void **state)
{
    (void)state;
    for (int64_t c = 1; c < 1000; c++)
        assert_true(useful(c, 1000 - c, 100000) >= useful(c - 1, 1001 - c, 100000));
}

/* Of a newcomer's record, or of one of twice that and the merit for it. */
static uint32_t weight_of(uint32_t record_micro, uint32_t useful_micro, uint32_t quartile_micro)
{
    struct counters c = counts(record_micro > WHOLE ? 1000000 : 0, 0);
    return reliability_dampened(record_micro, &c, useful_micro, quartile_micro);
}

/* However little of what others report comes by here. */
static void what_is_usual_weighs_its_whole_record(void **state)
{
    (void)state;
    for (int64_t unseen = 10; unseen < 100000; unseen *= 3) {
        uint32_t usual = useful(1, unseen, (uint32_t)(MICRO / (1 + unseen)));
        assert_int_equal(weight_of(WHOLE, usual, usual), WHOLE);
        assert_in_range(weight_of(2 * WHOLE, usual, usual), 2 * WHOLE - 20, 2 * WHOLE);
    }
    uint32_t none = useful(0, 100000, 0);           /* a node without any mail believes those whom it trusts */
    assert_int_equal(weight_of(WHOLE, none, none), WHOLE);
}

static void who_is_less_useful_than_usual_weighs_as_much_less(void **state)
{
    (void)state;
    assert_int_equal(weight_of(WHOLE, WHOLE / 4, WHOLE / 2), WHOLE / 2);
    assert_int_equal(weight_of(WHOLE, WHOLE / 4, WHOLE), WHOLE / 4);
    assert_int_equal(weight_of(WHOLE, WHOLE / 4, 0), WHOLE / 4);
    assert_int_equal(weight_of(WHOLE, WHOLE, WHOLE / 4), WHOLE);
}

static void not_having_seen_it_never_makes_a_member_mute(void **state)
{
    (void)state;
    assert_int_equal(weight_of(WHOLE, useful(0, 1000000, MICRO), MICRO), USEFUL_LEAST_MICRO);
    assert_int_equal(weight_of(RELIABILITY_DEAD_MICRO, useful(0, 1000000, MICRO), MICRO), USEFUL_LEAST_MICRO);
}

/* What own good mail refuted was seen: it is held against the record, and not once more against usefulness. */
static void who_is_refuted_does_not_pay_for_it_twice(void **state)
{
    struct counters honest = counts(50, 150);
    uint32_t all = useful_micro(&honest, 0);
    (void)state;
    assert_in_range(reliability_dampened(2 * WHOLE, &honest, all, 0), WHOLE, 2 * WHOLE - 1);
    assert_int_equal(reliability_dampened(WHOLE / 2, &honest, all, 0), WHOLE / 2);
}

static void the_refuted_stay_mute(void **state)
{
    (void)state;
    assert_int_equal(weight_of(0, WHOLE, 1000), 0);
}

/* The largest counters there are: nothing overflows, and the bounds hold. */
static void usefulness_never_raises_what_a_record_gives(void **state)
{
    uint64_t x = seeded(7);
    (void)state;
    for (int i = 0; i < 200000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        int shift = (int)(x >> 58) % 40;
        struct counters c = { .confirmed_micro = (int64_t)(x >> 20) % (RELIABILITY_COUNT_MAX_MICRO >> shift | 1),
                              .seen_micro = (int64_t)(x * 17 >> 20) % (RELIABILITY_COUNT_MAX_MICRO >> shift | 1), .unseen_micro = (int64_t)(x * 31 >> 20) % (RELIABILITY_COUNT_MAX_MICRO | 1) };
        uint32_t record = RELIABILITY_DEAD_MICRO + (uint32_t)(x >> 40) % (2 * WHOLE - RELIABILITY_DEAD_MICRO), all = useful_micro(&c, (uint32_t)(x >> 33) % (MICRO + 1));
        assert_true(all <= WHOLE);
        assert_in_range(reliability_dampened(record, &c, all, (uint32_t)(x >> 24) % (MICRO + 1)), USEFUL_LEAST_MICRO, record);
    }
    struct counters most = { .confirmed_micro = RELIABILITY_COUNT_MAX_MICRO, .seen_micro = RELIABILITY_COUNT_MAX_MICRO, .unseen_micro = RELIABILITY_COUNT_MAX_MICRO };
    assert_in_range(useful_micro(&most, MICRO / 2), WHOLE * 9 / 10, WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_trials_are_no_measure),
        cmocka_unit_test(the_usual_is_the_upper_quartile_in_any_order),
        cmocka_unit_test(members_without_much_trust_do_not_move_what_is_usual),
        cmocka_unit_test(a_newcomer_is_useful_until_its_reports_are_tried_in_vain),
        cmocka_unit_test(who_is_borne_out_more_often_than_usual_is_no_more_than_useful),
        cmocka_unit_test(the_more_is_borne_out_the_more_useful),
        cmocka_unit_test(what_is_usual_weighs_its_whole_record),
        cmocka_unit_test(who_is_less_useful_than_usual_weighs_as_much_less),
        cmocka_unit_test(not_having_seen_it_never_makes_a_member_mute),
        cmocka_unit_test(who_is_refuted_does_not_pay_for_it_twice),
        cmocka_unit_test(the_refuted_stay_mute),
        cmocka_unit_test(usefulness_never_raises_what_a_record_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
