/* What of own evidence is to be told anew: store/own.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/batch.h"
#include "store/own.h"
#include "store/voices.h"

#define NOW INT64_C(1790000400)
enum { DAY = 86400, HALF_LIFE = 3 * DAY, TTL = 30 * DAY, HISTORIES = 400, EVENTS = 60 };

static const struct policy policy = { .ttl_s = TTL };      /* category -1: the defaults, a half-life of 3 days */

static void what_is_told_of_a_mass_is_right_to_within_a_factor_of_1_42(void **state)
{
    (void)state;
    for (uint64_t micro = 176777; micro <= 32000000; micro += 61) {
        uint64_t told = mass_of_step(mass_step(micro)) * UINT64_C(1000);
        if (told * 142 < micro * 100 || micro * 142 < told * 100)
            fail_msg("%llu is told as %llu", (unsigned long long)micro, (unsigned long long)told);
    }
}

static uint64_t state_of_chance;

static uint64_t below(uint64_t n)
{
    state_of_chance = state_of_chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state_of_chance >> 33) % n;
}

/* An event of a tenth to 8. */
static void happens(struct own_row *row, bool white, int64_t now_s)
{
    int64_t micro = (int64_t)(1 + below(80)) * MICRO / 10;
    row->evidence = evidence_add(row->evidence, white ? 0 : micro, white ? micro : 0, HALF_LIFE, TTL, now_s);
}

static void is_told(struct own_row *row, int64_t now_s)
{
    row->told_black = mass_step((uint64_t)row->evidence.black_micro);
    row->told_white = mass_step((uint64_t)row->evidence.white_micro);
    row->told_time_s = now_s - now_s % OPINION_TIME_STEP_S;
}

static struct evidence known_at(const struct own_row *row, int64_t now_s)
{
    return evidence_at(evidence_of_steps(row->told_black, row->told_white, row->told_time_s), HALF_LIFE, TTL, now_s);
}

static bool is_near(int64_t a_micro, int64_t b_micro)
{
    int64_t most = a_micro > b_micro ? a_micro : b_micro, least = a_micro + b_micro - most;
    return most < 200000 || most * 10 <= least * 16;
}

static void play(bool both, int64_t gap_max_s, void (*check)(struct own_row *row, int64_t now_s))
{
    struct own_row row = { .category = -1 };
    int64_t now_s = NOW;
    for (int i = 0; i < EVENTS; i++) {
        now_s += (int64_t)below((uint64_t)gap_max_s);
        happens(&row, both && below(2) > 0, now_s);
        own_judge(&row, &policy, -1, now_s);
        check(&row, now_s);
        if (row.urgency != URGENCY_NONE)
            is_told(&row, now_s);
    }
}

static void others_hold_it_or_it_waits(struct own_row *row, int64_t now_s)
{
    struct evidence known = known_at(row, now_s);
    if (row->urgency == URGENCY_NONE && !(is_near(known.black_micro, row->evidence.black_micro) && is_near(known.white_micro, row->evidence.white_micro)))
        fail_msg("others hold %lld and %lld of %lld and %lld, and nothing is to be told", (long long)known.black_micro, (long long)known.white_micro,
                 (long long)row->evidence.black_micro, (long long)row->evidence.white_micro);
}

static void what_others_hold_is_never_off_by_more_than_three_fifths_untold(void **state)
{
    (void)state;
    for (state_of_chance = 0; state_of_chance < HISTORIES;) {
        uint64_t seed = state_of_chance;
        play(seed % 2 > 0, 60 + (int64_t)seed * 600, others_hold_it_or_it_waits);
        state_of_chance = seed + 1;
    }
}

/* Whatever time passes. */
static void it_is_not_told_twice(struct own_row *row, int64_t now_s)
{
    static const int64_t later_s[] = { 0, 60, 600, DAY / 2, DAY, 3 * DAY, 10 * DAY };
    struct own_row told = *row;
    if (row->urgency == URGENCY_NONE)
        return;
    is_told(&told, now_s);
    for (size_t i = 0; i < sizeof later_s / sizeof *later_s; i++) {
        own_judge(&told, &policy, -1, now_s + later_s[i]);
        if (told.urgency != URGENCY_NONE && told.told_black > 0)
            fail_msg("%lld was told as step %u, and is to be told again %lld s later", (long long)told.evidence.black_micro, told.told_black, (long long)later_s[i]);
    }
}

static void what_was_just_told_is_not_told_again(void **state)
{
    (void)state;
    for (state_of_chance = 0; state_of_chance < HISTORIES;) {
        uint64_t seed = state_of_chance;
        play(false, 60 + (int64_t)seed * 600, it_is_not_told_twice);
        state_of_chance = seed + 1;
    }
}

/* Just above the border between 1 and 2, where it is told as 2: that fades to 1.6 times too little in 3.4 days. By the nearest step it would be told every day and a half. */
static void a_mass_that_stays_beside_a_border_is_told_every_three_days_at_most(void **state)
{
    struct own_row row = { .category = -1 };
    int64_t now_s = NOW, steady = 1450000, gap_s = DAY / 2;
    unsigned told_n = 0;
    (void)state;
    for (int i = 0; i < EVENTS; i++, now_s += gap_s) {
        struct evidence left = evidence_at(row.evidence, HALF_LIFE, TTL, now_s);
        row.evidence = evidence_add(row.evidence, steady - left.black_micro, 0, HALF_LIFE, TTL, now_s);
        own_judge(&row, &policy, -1, now_s);
        if (row.urgency == URGENCY_NONE)
            continue;
        is_told(&row, now_s);
        told_n++;
    }
    assert_in_range(told_n, 1, EVENTS / 2 / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_of_a_mass_is_right_to_within_a_factor_of_1_42),
        cmocka_unit_test(what_others_hold_is_never_off_by_more_than_three_fifths_untold),
        cmocka_unit_test(what_was_just_told_is_not_told_again),
        cmocka_unit_test(a_mass_that_stays_beside_a_border_is_told_every_three_days_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
