#include "store/own.h"

#include "proto/batch.h"
#include "store/voices.h"

enum {
    HALF_LIFE_DEFAULT_S = 3 * 86400, WEIGHT_DEFAULT_MILLI = 5000,
    OFF_FROM_MICRO = 125000            /* what is less is told as nothing anyway: a ratio is of this at the least */
};

int64_t own_half_life_s(const struct policy *p, int category)
{
    return category >= 0 ? p->categories[category].half_life_s : HALF_LIFE_DEFAULT_S;
}

int64_t own_mass_micro(const struct policy *p, int category, uint32_t weight_milli, uint32_t count)
{
    if (weight_milli == 0)
        weight_milli = category >= 0 ? p->categories[category].weight_milli : WEIGHT_DEFAULT_MILLI;
    return (int64_t)weight_milli * 1000 * count;
}

struct evidence own_all(const struct evidence *told, const struct evidence *kept, const struct policy *p, int category)
{
    const struct evidence *older = told->time_s < kept->time_s ? told : kept, *newer = older == told ? kept : told;
    if (older->black_micro == 0 && older->white_micro == 0)
        return *newer;
    return evidence_add(*older, newer->black_micro, newer->white_micro, own_half_life_s(p, category), p->ttl_s, newer->time_s);
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

/* Whether what others hold is off by a factor of 1.6 or more. That is more than rounding to a step makes, so that what was just told is not told again. Not whether it would
 * be rounded to another step: then the least event beside a border is told, and with what is a step too high or too low others have to live until the next border. */
static bool is_off(int64_t known_micro, int64_t now_micro)
{
    int64_t most = known_micro > now_micro ? known_micro : now_micro, least = known_micro + now_micro - most;
    return most * 5 >= (least > OFF_FROM_MICRO ? least : OFF_FROM_MICRO) * 8;
}

/* A first word, a change of side and a withdrawal cannot wait; growth can. What fades here fades
 * there too: both sides are compared as they are now. */
static enum urgency urgency_of(const struct evidence *known, const struct evidence *now)
{
    if (is_nothing(known))
        return mass_step((uint64_t)now->black_micro) + mass_step((uint64_t)now->white_micro) > 0 ? URGENCY_NOW : URGENCY_NONE;
    if (is_nothing(now) || side(known) != side(now))
        return URGENCY_NOW;
    return is_off(known->black_micro, now->black_micro) || is_off(known->white_micro, now->white_micro) ? URGENCY_GROWN : URGENCY_NONE;
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

int own_side(const struct own_row *row)
{
    return side_of_masses(row->evidence.black_micro + row->kept.black_micro, row->evidence.white_micro + row->kept.white_micro, SCORE_W_MICRO);
}

/* ---- rows */

int own_load(struct own_rows *own, struct db *d, const uint8_t *key, size_t len)
{
    struct query q = query(d, SQL_EVIDENCE_OF_SUBJECT);
    query_blob(&q, key, len);
    own->n = 0;
    while (own->n < NAMES_CATEGORIES_MAX && query_row(&q)) {
        own->rows[own->n++] = (struct own_row){
            .category = (int)column_int(&q, 0),
            .evidence = { column_int(&q, 1), column_int(&q, 2), column_int(&q, 3) },
            .told_black = (unsigned)column_int(&q, 4), .told_white = (unsigned)column_int(&q, 5),
            .told_time_s = column_int(&q, 6), .hold_until_s = column_int(&q, 7),
            .urgency = (enum urgency)column_int(&q, 8), .waiting_s = column_int(&q, 9),
            .kept = { column_int(&q, 10), column_int(&q, 11), column_int(&q, 12) }, .turned_s = column_int(&q, 13), .hold_s = column_int(&q, 16),
        };
        own->rows[own->n - 1].side_before = own_side(&own->rows[own->n - 1]);
    }
    return query_end(&q);
}

struct own_row *own_find(struct own_rows *own, int category)
{
    for (size_t i = 0; i < own->n; i++)
        if (own->rows[i].category == category)
            return &own->rows[i];
    return NULL;
}

struct own_row *own_row(struct own_rows *own, int category)
{
    struct own_row *row = own_find(own, category);
    if (row != NULL || own->n > NAMES_CATEGORIES_MAX)
        return row;
    own->rows[own->n] = (struct own_row){ .category = category, .is_new = true };
    return &own->rows[own->n++];
}

int own_put(struct db *d, const uint8_t *key, size_t len, const struct own_row *row)
{
    struct query q = query(d, SQL_EVIDENCE_PUT);
    query_blob(&q, key, len);
    query_int(&q, row->category);
    query_int(&q, row->evidence.black_micro);
    query_int(&q, row->evidence.white_micro);
    query_int(&q, row->evidence.time_s);
    query_int(&q, row->told_black);
    query_int(&q, row->told_white);
    query_int(&q, row->told_time_s);
    query_int(&q, row->hold_until_s);
    query_int(&q, row->urgency);
    query_int(&q, row->waiting_s);
    query_int(&q, row->kept.black_micro);
    query_int(&q, row->kept.white_micro);
    query_int(&q, row->kept.time_s);
    query_int(&q, row->turned_s);
    query_int(&q, row->hold_s);
    return query_run(&q);
}

int own_put_told(struct db *d, const uint8_t *key, size_t len, const struct own_row *row)
{
    struct query q = query(d, SQL_EVIDENCE_TOLD);
    query_blob(&q, key, len);
    query_int(&q, row->category);
    query_int(&q, row->told_black);
    query_int(&q, row->told_white);
    bool told = row->told_black + row->told_white > 0;
    query_int(&q, told ? row->told_time_s : 0);
    query_int(&q, told ? row->told_epoch : 0);
    query_int(&q, told ? (int64_t)row->told_seq : 0);
    return query_run(&q);
}
