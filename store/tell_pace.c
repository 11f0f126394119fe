#include "store/tell_pace.h"

enum { FIRST_SHARE = 2, GROWTH_SHARE = 10, MEMBERS_BOUND = 100000 };    /* the part of the budget that is meant for each: one in so many */

static int64_t within(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* The time in which the budget carries one batch of everybody. */
static int64_t round_ms(size_t members, int64_t budget_bytes)
{
    const int64_t known = members < MEMBERS_BOUND ? (int64_t)members : MEMBERS_BOUND;

    return known * TELL_COPIES * TELL_BATCH_BYTES * 1000 / (budget_bytes > 0 ? budget_bytes : 1);
}

struct tell_pace tell_pace(size_t members, int64_t budget_bytes)
{
    int64_t ms = round_ms(members, budget_bytes);

    return (struct tell_pace){
        .first_ms = within(ms * FIRST_SHARE, TELL_FIRST_MIN_MS, TELL_FIRST_MAX_MS),
        .growth_s = within(ms * GROWTH_SHARE / 1000, TELL_GROWTH_MIN_S, TELL_GROWTH_MAX_S),
        .growth_min = (size_t)within((int64_t)members, TELL_GROWTH_MIN, TELL_GROWTH_MAX),
    };
}
