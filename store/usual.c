#include "store/usual.h"

#include <stdlib.h>

#include "store/policy.h"

bool is_measure(const struct counters *c)
{
    return c->seen_micro + c->unseen_micro >= RELIABILITY_PRIOR_MICRO;
}

uint32_t borne_out_micro(const struct counters *c)
{
    return (uint32_t)(c->seen_micro * MICRO / (c->seen_micro + c->unseen_micro));
}

static int by_value(const void *a, const void *b)
{
    const struct measured *x = a, *y = b;
    return (x->value_micro > y->value_micro) - (x->value_micro < y->value_micro);
}

uint32_t upper_quartile_micro(struct measured *all, size_t n)
{
    uint64_t trust_micro = 0, passed_micro = 0;
    if (n > 0)
        qsort(all, n, sizeof *all, by_value);
    for (size_t i = 0; i < n; i++)
        trust_micro += all[i].trust_micro;
    for (size_t i = 0; i < n; i++) {
        passed_micro += all[i].trust_micro;
        if (passed_micro * 4 > trust_micro * 3)
            return all[i].value_micro;
    }
    return 0;
}

static int64_t at_most(int64_t x, int64_t most)
{
    return x < most ? x : most;
}

uint32_t useful_micro(const struct counters *c, uint32_t usual_micro)
{
    int64_t unseen_micro = c->unseen_micro / USEFUL_UNSEEN_PARTS, expected_micro = (c->seen_micro + c->unseen_micro) / 1000 * usual_micro / 1000;
    int64_t seen = (c->seen_micro + RELIABILITY_PRIOR_MICRO) * MICRO / (c->seen_micro + unseen_micro + RELIABILITY_PRIOR_MICRO);
    int64_t beside = (c->seen_micro + RELIABILITY_PRIOR_MICRO / 2) * MICRO / (expected_micro + RELIABILITY_PRIOR_MICRO / 2);
    return (uint32_t)(seen * at_most(beside, MICRO) / MICRO);
}

uint32_t reliability_dampened(uint32_t record_micro, const struct counters *c, uint32_t useful_micro, uint32_t quartile_micro)
{
    int64_t useful = useful_micro;
    if (record_micro == 0)
        return 0;
    if (quartile_micro > 0)
        useful = at_most(useful * USEFUL_WHOLE_MICRO / quartile_micro, USEFUL_WHOLE_MICRO);
    int64_t merit = (2 * c->confirmed_micro + RELIABILITY_PRIOR_MICRO) * MICRO / (c->confirmed_micro + RELIABILITY_PRIOR_MICRO);
    int64_t dampened = merit * useful / USEFUL_WHOLE_MICRO;
    return (uint32_t)at_most(dampened > USEFUL_LEAST_MICRO ? dampened : USEFUL_LEAST_MICRO, record_micro);
}

struct reliability reliability_here(const struct counters *c, const struct outlook *o)
{
    struct reliability r = reliability_of(c, o->black_n, o->white_n);
    r.black_micro = reliability_dampened(r.record_micro, c, useful_micro(c, o->usual_micro), o->quartile_micro);
    return r;
}
