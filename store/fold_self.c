#include "store/fold.h"
#include "store/own.h"

/* This member's own batches come back to it from its neighbours after its database was lost or restored from a backup. What
 * it once signed and no longer knows is taken up again as its evidence: it can be withdrawn then, and goes on counting.
 * What it does know is at least as new as what it told, and stays; also when that is dated ahead, told under a clock that has been set right since (store/fold_clock.c). */
static int adopt(struct fold *f, const struct batch *b, const struct opinion *o, int category)
{
    struct own_rows own;
    const uint8_t *key = o->key;
    int rc = own_load(&own, &f->s->db, key, o->key_len);
    struct own_row *row = rc == 0 ? own_find(&own, category) : NULL;
    if (rc != 0 || (row != NULL && (o->time_s <= row->evidence.time_s || o->time_s > f->now_s + SCORE_SKEW_S)) || (row == NULL && o->black + o->white == 0))
        return rc;
    if (row == NULL)
        row = own_row(&own, category);
    if (row == NULL)
        return 0;
    f->s->counted[COUNT_TOLD] += (o->black + o->white > 0) - (row->told_black + row->told_white > 0);
    row->evidence = evidence_of_steps(o->black, o->white, o->time_s);
    row->turned_s = own_side(row) * o->time_s;
    store_count_side(f->s, row->side_before, own_side(row));
    row->told_black = o->black;
    row->told_white = o->white;
    row->told_time_s = o->time_s;
    row->told_epoch = b->epoch;
    row->told_seq = b->seq;
    row->urgency = URGENCY_NONE;
    row->waiting_s = 0;
    rc = own_put(&f->s->db, key, o->key_len, row);
    f->s->counted[COUNT_EVIDENCE] += row->is_new;
    if (rc == 0)
        rc = own_put_told(&f->s->db, key, o->key_len, row);
    return rc == 0 ? fold_touch(f, key, o->key_len, category) : rc;
}

int fold_self(struct fold *f, const struct batch *b)
{
    struct store *s = f->s;
    int64_t oldest_s = f->now_s - s->policy->ttl_s;
    for (size_t i = 0; i < b->opinions_n; i++) {
        const struct opinion *o = &b->opinions[i];
        int category = 0;
        int rc = names_add_category(&s->names, &s->db, s->policy, b->categories[o->category], &category);
        if (rc == 0 && category != 0 && o->time_s >= oldest_s)
            rc = adopt(f, b, o, category);
        if (rc != 0)
            return rc;
    }
    return 0;
}
