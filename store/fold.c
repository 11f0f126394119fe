#include "store/fold.h"
#include "store/tool_private.h"
#include "store/introduce.h"
#include "store/learn.h"

#include <errno.h>
#include <stdlib.h>

int fold_touch(struct fold *f, const uint8_t *key, size_t len, int category)
{
    if (f->touched_n == f->touched_room) {
        size_t room = f->touched_room * 2 + 1024;
        struct topic *grown = realloc(f->touched, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        f->touched = grown;
        f->touched_room = room;
    }
    f->touched[f->touched_n++] = (struct topic){ .key = key, .len = (uint8_t)len, .category = (uint16_t)category };
    return 0;
}

int fold_touch_copy(struct fold *f, struct bytes key, int64_t category)
{
    if (key.len == 0 || key.len > SUBJECT_KEY_MAX || category < 0 || category > NAMES_CATEGORIES_MAX)
        return -EBADMSG;
    const uint8_t *copy = pool_copy(&f->pool, key.at, key.len);
    return copy != NULL ? fold_touch(f, copy, key.len, (int)category) : -ENOMEM;
}

void fold_spend(struct fold *f, size_t n)
{
    f->rows_left -= n < f->rows_left ? n : f->rows_left;
}

static int rescore_touched(struct fold *f)
{
    if (f->touched_n > 0)
        qsort(f->touched, f->touched_n, sizeof *f->touched, topic_compare);
    int rc = 0;
    for (size_t i = 0, n; rc == 0 && i < f->touched_n; i += n) {
        struct topic *t = &f->touched[i];
        for (n = 1; i + n < f->touched_n && topic_equal(t, &t[n]); n++)
            t->came_s = t[n].came_s > t->came_s ? t[n].came_s : t->came_s;
        rc = rescore(f, t);
    }
    return rc;
}

/* While the registers are being rebuilt, a score of a part of them would end listings that the rest upholds. */
static int finish_rebuild(struct fold *f, bool *rebuilding)
{
    int64_t until = 0;
    int rc = meta_number(&f->s->db, META_REBUILD, &until);
    *rebuilding = until != 0 && f->s->batches_n > 0;
    f->more |= *rebuilding;
    if (rc != 0 || until == 0 || *rebuilding)
        return rc;
    f->s->rebuilding = false;
    rc = meta_set_number(&f->s->db, META_REBUILD, 0);
    return rc == 0 ? db_exec(&f->s->db, "DELETE FROM opinion_before") : rc;
}

static int fold_scores(struct fold *f)
{
    bool rebuilding = false;
    int rc = finish_rebuild(f, &rebuilding);
    if (rc != 0 || rebuilding)
        return rc;
    rc = fold_exceptions(f);
    if (rc == 0)
        rc = fold_due(f);
    if (rc == 0)
        rc = fold_rescan(f);
    return rc == 0 ? rescore_touched(f) : rc;
}

/* Own reports and what others say share a fold, so that a flood of the one does not keep out the other. */
static int fold_truth(struct fold *f)
{
    size_t kept = f->s->journal_n > 0 && f->s->batches_n > 0 ? f->rows_left / 2 : 0;
    f->rows_left -= kept;
    int rc = fold_journal(f);
    f->rows_left += kept;
    return rc == 0 ? fold_batches(f) : rc;
}

/* However busy the fold is, some go on. */
static int fold_fresh(struct fold *f)
{
    enum { FRESH_MIN = 128 };
    size_t moved = 0;
    int rc = tool_move_fresh(f->s, f->rows_left > FRESH_MIN ? f->rows_left : FRESH_MIN, &moved);
    fold_spend(f, moved);
    f->more |= f->s->fresh_n > 0;
    return rc;
}

static int fold_all(struct fold *f)
{
    int rc = fold_clock(f);
    if (rc == 0)
        rc = introduce_derive_if_due(f->s, f->now_s);
    if (rc == 0)
        rc = rights_settle_if_due(f->s, f->now_s);
    if (rc == 0)
        rc = fold_truth(f);
    if (rc == 0)
        rc = fold_fresh(f);
    if (rc == 0)
        rc = fold_frozen(f);
    if (rc == 0)
        rc = fold_floors(f);
    if (rc == 0)
        rc = fold_scores(f);
    if (rc == 0)
        rc = fold_sweep(f);
    if (rc == 0)
        rc = fold_trials(f);
    if (rc == 0)
        rc = fold_networks(f);
    if (rc == 0)
        rc = fold_census(f);
    return rc == 0 ? fold_learned(f) : rc;
}

static int next_wake(struct store *s, int64_t now_s, int64_t *wake_s)
{
    *wake_s = fold_sweep_due_s(s, now_s);
    if (fold_clock_due_s(s, now_s) < *wake_s)
        *wake_s = fold_clock_due_s(s, now_s);
    if (!s->rescan && s->learn_due_s < *wake_s)
        *wake_s = s->learn_due_s;
    if (fold_census_due_s(s) < *wake_s)
        *wake_s = fold_census_due_s(s);
    if (introduce_due_s(s) < *wake_s)
        *wake_s = introduce_due_s(s);
    if (s->names.rights_next_s < *wake_s)
        *wake_s = s->names.rights_next_s;
    if (s->exceptions_known && s->exceptions.next_s < *wake_s)
        *wake_s = s->exceptions.next_s;
    struct query q = query(&s->db, SQL_LISTING_NEXT_DUE);
    if (query_row(&q) && column_int(&q, 0) < *wake_s)
        *wake_s = column_int(&q, 0);
    return query_end(&q);
}

static void fold_clear(struct fold *f)
{
    for (size_t i = 0; i < f->batches_n; i++)
        batch_close(&f->batches[i]);
    free(f->batches);
    free(f->touched);
    free(f->blocks);
    pool_clear(&f->pool);
}

int store_fold(struct store *s, size_t rows_max, int64_t now_s, bool *more, int64_t *wake_s)
{
    struct fold f = { .s = s, .now_s = now_s, .rows_left = rows_max > 0 ? rows_max : 1 };
    size_t changes_n = s->changes_n;
    size_t journal_n = s->journal_n, batches_n = s->batches_n, fresh_n = s->fresh_n;
    int64_t wake = INT64_MAX;
    int rc = db_begin(&s->db);
    if (rc == 0)
        rc = fold_all(&f);
    if (rc == 0)
        rc = next_wake(s, now_s, &wake);
    rc = store_end(s, rc);
    fold_clear(&f);
    if (rc != 0) {
        s->changes_n = changes_n;
        s->journal_n = journal_n;
        s->batches_n = batches_n;
        s->fresh_n = fresh_n;
        return rc;
    }
    *more = f.more || wake <= now_s;
    *wake_s = wake;
    return 0;
}

int store_take_changes(struct store *s, struct listing_change **out, size_t *n)
{
    *out = s->changes;
    *n = s->changes_n;
    s->changes = NULL;
    s->changes_n = s->changes_room = 0;
    return 0;
}
