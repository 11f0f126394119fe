/* How evidence fades: store/decay.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "store/score.h"

#define NOW INT64_C(1790000400)
#define DAY INT64_C(86400)
#define HALF_LIFE (3 * DAY)
#define TTL (30 * DAY)

static void a_mass_halves_in_a_half_life(void **state)
{
    struct evidence e = { 8 * MICRO, 4 * MICRO, NOW };
    (void)state;
    struct evidence later = evidence_at(e, HALF_LIFE, TTL, NOW + HALF_LIFE);
    assert_int_equal(later.black_micro, 4 * MICRO);
    assert_int_equal(later.white_micro, 2 * MICRO);
    later = evidence_at(e, HALF_LIFE, TTL, NOW + 3 * HALF_LIFE);
    assert_int_equal(later.black_micro, MICRO);
}

/* The rule bit by bit, as store/decay.c states it; the factors by their formula. A half-life of 2^24 s and a mass of 2^32 show the factor of a fraction itself. */
static void the_factor_of_a_fraction_is_what_the_rule_says(void **state)
{
    uint64_t decay[24];
    (void)state;
    for (int k = 0; k < 24; k++)
        decay[k] = (uint64_t)floorl(exp2l(32 - exp2l(-(k + 1))));
    for (uint64_t fraction = 1; fraction < 1 << 24; fraction += fraction % 65536 < 64 ? 1 : 251) {
        uint64_t p = UINT64_C(1) << 32;
        for (int k = 0; k < 24; k++)
            if (fraction >> (23 - k) & 1)
                p = p * decay[k] >> 32;
        if ((uint64_t)decayed_micro(INT64_C(1) << 32, 1 << 24, (int64_t)fraction) != p)
            fail_msg("fraction %06llx: %lld, want %llu", (unsigned long long)fraction, (long long)decayed_micro(INT64_C(1) << 32, 1 << 24, (int64_t)fraction), (unsigned long long)p);
    }
}

static void decay_never_grows_with_age(void **state)
{
    static const int64_t half_lives[] = { 60, 3600, 3 * DAY, 3 * DAY + 7, 30 * DAY };
    (void)state;
    for (size_t h = 0; h < sizeof half_lives / sizeof *half_lives; h++) {
        int64_t last = INT64_MAX;
        for (int64_t minute = 0; minute < 43300; minute++) {
            struct evidence e = { SCORE_R_MAX_MICRO, 0, NOW };
            int64_t mass = evidence_at(e, half_lives[h], TTL, NOW + minute * 60).black_micro;
            assert_true(mass <= last);
            last = mass;
        }
        assert_int_equal(last, 0);
    }
}

static void nothing_is_left_after_the_time_to_live(void **state)
{
    struct evidence e = { SCORE_R_MAX_MICRO, SCORE_R_MAX_MICRO, NOW };
    (void)state;
    assert_true(evidence_at(e, 365 * DAY, TTL, NOW + TTL).black_micro > 0);
    assert_int_equal(evidence_at(e, 365 * DAY, TTL, NOW + TTL + 60).black_micro, 0);
    assert_int_equal(evidence_at(e, 365 * DAY, TTL, NOW + TTL + 60).white_micro, 0);
}

static void evidence_dated_ahead_counts_as_nothing_until_due(void **state)
{
    struct evidence e = { MICRO, 0, NOW + 360 };
    (void)state;
    assert_int_equal(evidence_at(e, HALF_LIFE, TTL, NOW).black_micro, 0);
    assert_int_equal(evidence_at(e, HALF_LIFE, TTL, NOW + 60).black_micro, MICRO);
}

static void an_event_adds_to_what_is_left_and_the_sum_is_capped(void **state)
{
    struct evidence e = { 4 * MICRO, 0, NOW };
    (void)state;
    e = evidence_add(e, 5 * MICRO, MICRO, HALF_LIFE, TTL, NOW + HALF_LIFE);
    assert_int_equal(e.black_micro, 7 * MICRO);
    assert_int_equal(e.white_micro, MICRO);
    assert_int_equal(e.time_s, NOW + HALF_LIFE);
    e = evidence_add(e, INT64_C(5000) * MICRO * 1000, 0, HALF_LIFE, TTL, NOW + HALF_LIFE);
    assert_int_equal(e.black_micro, SCORE_R_MAX_MICRO);
}

static void a_clock_set_back_loses_no_own_evidence(void **state)
{
    struct evidence e = { 4 * MICRO, 0, NOW + 10 * DAY };
    (void)state;
    e = evidence_add(e, MICRO, 0, HALF_LIFE, TTL, NOW);
    assert_int_equal(e.black_micro, 5 * MICRO);
    assert_int_equal(e.time_s, NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mass_halves_in_a_half_life),
        cmocka_unit_test(the_factor_of_a_fraction_is_what_the_rule_says),
        cmocka_unit_test(decay_never_grows_with_age),
        cmocka_unit_test(nothing_is_left_after_the_time_to_live),
        cmocka_unit_test(evidence_dated_ahead_counts_as_nothing_until_due),
        cmocka_unit_test(an_event_adds_to_what_is_left_and_the_sum_is_capped),
        cmocka_unit_test(a_clock_set_back_loses_no_own_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
