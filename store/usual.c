#include "store/usual.h"

#include <stdlib.h>

#include "store/policy.h"

enum { MOST_MICRO = 2 * RELIABILITY_NEWCOMER_MICRO };

bool borne_out_of(const struct counters *c, uint32_t trust_micro, struct borne_out *out)
{
    int64_t all_micro = c->confirmed_micro + c->unseen_micro;
    if (trust_micro == 0 || all_micro < RELIABILITY_PRIOR_MICRO)
        return false;
    out->share_micro = (uint32_t)(c->confirmed_micro * MICRO / all_micro);
    out->trust_micro = trust_micro;
    return true;
}

static int by_share(const void *a, const void *b)
{
    const struct borne_out *x = a, *y = b;
    return (x->share_micro > y->share_micro) - (x->share_micro < y->share_micro);
}

uint32_t usual_share_micro(struct borne_out *all, size_t n)
{
    uint64_t trust_micro = 0, passed_micro = 0;
    if (n > 0)
        qsort(all, n, sizeof *all, by_share);
    for (size_t i = 0; i < n; i++)
        trust_micro += all[i].trust_micro;
    for (size_t i = 0; i < n; i++) {
        passed_micro += all[i].trust_micro;
        if (passed_micro * 4 > trust_micro * 3)
            return all[i].share_micro;
    }
    return 0;
}

static int64_t within(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

uint32_t reliability_beside_usual(uint32_t r_micro, const struct counters *c, uint32_t usual_micro)
{
    if (r_micro == 0 || usual_micro == 0)
        return r_micro;
    int64_t expected_micro = (c->confirmed_micro + c->unseen_micro) / 1000 * usual_micro / 1000;
    int64_t beside = (c->confirmed_micro + RELIABILITY_PRIOR_MICRO / 2) * MICRO / (expected_micro + RELIABILITY_PRIOR_MICRO / 2);
    beside = within(beside, RELIABILITY_DEAD_MICRO, MOST_MICRO);
    return (uint32_t)within(beside * r_micro / MICRO, RELIABILITY_DEAD_MICRO, MOST_MICRO);
}
