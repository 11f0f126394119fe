#include "store/own.h"

#include "proto/batch.h"
#include "store/voices.h"

enum { HALF_LIFE_DEFAULT_S = 3 * 86400, WEIGHT_DEFAULT_MILLI = 5000 };

int64_t own_half_life_s(const struct policy *p, int category)
{
    return category >= 0 ? p->categories[category].half_life_s : HALF_LIFE_DEFAULT_S;
}

int64_t own_mass_micro(const struct policy *p, int category, uint32_t count)
{
    uint32_t weight_milli = category >= 0 ? p->categories[category].weight_milli : WEIGHT_DEFAULT_MILLI;
    return (int64_t)weight_milli * 1000 * count;
}

static int side(const struct evidence *e)
{
    int64_t white = SCORE_KAPPA_WHITE * e->white_micro;
    return (e->black_micro > white) - (e->black_micro < white);
}

static bool is_nothing(const struct evidence *e)
{
    return e->black_micro == 0 && e->white_micro == 0;
}

static bool same_steps(const struct evidence *a, const struct evidence *b)
{
    return mass_step((uint64_t)a->black_micro) == mass_step((uint64_t)b->black_micro) &&
           mass_step((uint64_t)a->white_micro) == mass_step((uint64_t)b->white_micro);
}

/* A first word, a change of side and a withdrawal cannot wait; a step up or down can. What fades here fades
 * there too: both sides are compared as they are now. */
static enum urgency urgency_of(const struct evidence *known, const struct evidence *now)
{
    if (is_nothing(known))
        return mass_step((uint64_t)now->black_micro) + mass_step((uint64_t)now->white_micro) > 0 ? URGENCY_NOW : URGENCY_NONE;
    if (is_nothing(now) || side(known) != side(now))
        return URGENCY_NOW;
    return same_steps(known, now) ? URGENCY_NONE : URGENCY_GROWN;
}

void own_judge(struct own_row *row, const struct policy *p, int category, int64_t now_s)
{
    int64_t half_life_s = own_half_life_s(p, category);
    struct evidence told = evidence_of_steps(row->told_black, row->told_white, row->told_time_s);
    told = evidence_at(told, half_life_s, p->ttl_s, now_s);
    struct evidence now = row->evidence;
    if (now.time_s <= now_s)
        now = evidence_at(now, half_life_s, p->ttl_s, now_s);
    row->urgency = urgency_of(&told, &now);
    if (row->urgency == URGENCY_NONE)
        row->waiting_s = 0;
    else if (row->waiting_s == 0)
        row->waiting_s = now_s;
}
