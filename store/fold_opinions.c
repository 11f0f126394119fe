#include "store/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int keep_open(struct fold *f, const struct batch *b)
{
    if (f->batches_n == f->batches_room) {
        size_t room = f->batches_room * 2 + 16;
        struct batch *grown = realloc(f->batches, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        f->batches = grown;
        f->batches_room = room;
    }
    f->batches[f->batches_n++] = *b;
    return 0;
}

/* The database's numbers of the batch's categories; 0 where there is no room for another name. */
static int number_categories(struct fold *f, const struct batch *b, int ids[BATCH_CATEGORIES_MAX])
{
    struct store *s = f->s;
    for (size_t i = 0; i < b->categories_n && i < BATCH_CATEGORIES_MAX; i++) {
        int rc = names_add_category(&s->names, &s->db, s->policy, b->categories[i], &ids[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int take_opinions(struct fold *f, const struct batch *b, const struct known_member *m)
{
    struct run *run = &f->s->opinions;
    int ids[BATCH_CATEGORIES_MAX] = { 0 };
    int64_t hash = frames_hash_prefix(b->hash), skipped = 0;
    int rc = number_categories(f, b, ids);
    if (rc == 0)
        rc = run_reserve_said(run, b->opinions_n);
    for (size_t i = 0; rc == 0 && i < b->opinions_n; i++) {
        const struct opinion *o = &b->opinions[i];
        int id = o->category < b->categories_n ? ids[o->category] : 0;
        const uint8_t *key = id != 0 ? pool_copy(&run->keys, o->key, o->key_len) : NULL;
        skipped += id == 0;
        if (id == 0)
            continue;
        rc = key == NULL ? -ENOMEM : 0;
        run->said[run->n++] = (struct said){
            .topic = { .key = key, .len = o->key_len, .category = (uint16_t)id }, .black = o->black, .white = o->white, .epoch = b->epoch,
            .seq = b->seq, .member = m->id, .hash = hash, .time_s = o->time_s,
        };
    }
    return rc == 0 && skipped > 0 ? meta_add(&f->s->db, META_SKIPPED, skipped) : rc;
}

/* A batch that cannot be opened any more (its record is gone, or the disk lied) is passed over and counted: verify names it. */
static int take_batch(struct fold *f, int64_t member, struct bytes frame)
{
    struct store *s = f->s;
    const struct known_member *m = names_member(&s->names, member);
    struct batch b;
    if (m == NULL || m->forgotten)
        return 0;
    int rc = frames_open(&s->frames, &s->db, member, frame, s->policy->federation, &b);
    if (rc == -ENOMEM || rc == -EIO)
        return rc;
    if (rc != 0)
        return meta_add(&s->db, META_SKIPPED, 1);
    fold_spend(f, b.opinions_n / RUN_LOAD_FACTOR + 1);
    if (m->self) {
        rc = keep_open(f, &b);
        return rc == 0 ? fold_self(f, &b) : (batch_close(&b), rc);
    }
    rc = take_opinions(f, &b, m);
    batch_close(&b);
    return rc;
}

/* Up to the newest batch that is there now: what comes later waits for the next run. */
static int start(struct store *s)
{
    int64_t mark = 0, end = 0;
    int rc = meta_number(&s->db, META_FOLDED, &mark);
    if (rc != 0)
        return rc;
    struct query q = query(&s->db, SQL_BATCH_LAST);
    if (query_row(&q))
        end = column_int(&q, 0);
    rc = query_end(&q);
    if (rc != 0)
        return rc;
    run_start(&s->opinions, mark, end);
    fold_quick_begin(s);
    return 0;
}

static int load(struct fold *f)
{
    struct run *run = &f->s->opinions;
    int rc = 0;
    bool row = true;
    struct query q = query(&f->s->db, SQL_BATCH_UNFOLDED);
    query_int(&q, run->last_id);
    query_int(&q, run->end_id);
    while (rc == 0 && f->rows_left > 0 && run->n < RUN_ROWS_MAX && (row = query_row(&q))) {
        run->last_id = column_int(&q, 0);
        run->sources_n++;
        rc = take_batch(f, column_int(&q, 1), column_bytes(&q, 2));
    }
    int ended = query_end(&q);
    if (rc != 0 || ended != 0)
        return rc != 0 ? rc : ended;
    run->loaded = !row || run->n >= RUN_ROWS_MAX;
    return run->loaded ? run_sort(run) : 0;
}

/* What is known of the register's past goes on, once the rebuild has come to it. */
static int remember_before(struct fold *f, const struct said *o)
{
    struct query q = query(&f->s->db, SQL_OPINION_REMEMBER);
    query_blob(&q, o->topic.key, o->topic.len);
    query_int(&q, o->topic.category);
    query_int(&q, o->member);
    return query_run(&q);
}

static int64_t since(const struct fold *f, const struct said *o)
{
    struct evidence e = evidence_of_steps(o->black, o->white, o->time_s);
    return side_of_masses(e.black_micro, e.white_micro, SCORE_W_MICRO) * f->now_s;
}

/* *changed: a row came or was written over. */
static int write_opinion(struct fold *f, const struct said *o, enum sql how, bool *changed)
{
    struct query q = query(&f->s->db, how);
    query_blob(&q, o->topic.key, o->topic.len);
    query_int(&q, o->topic.category);
    query_int(&q, o->member);
    query_int(&q, o->epoch);
    query_int(&q, (int64_t)o->seq);
    query_int(&q, o->hash);
    query_int(&q, o->black);
    query_int(&q, o->white);
    query_int(&q, o->time_s);
    query_int(&q, since(f, o));
    int rc = query_run(&q);
    *changed = rc == 0 && sqlite3_changes(f->s->db.sql) > 0;
    return rc;
}

/* In two statements, since an upsert does not say which of the two it did. */
static int put_opinion(struct fold *f, const struct said *o)
{
    bool added = false, renewed = false;
    int rc = write_opinion(f, o, SQL_OPINION_ADD, &added);
    if (rc == 0 && !added)
        rc = write_opinion(f, o, SQL_OPINION_RENEW, &renewed);
    f->s->counted[COUNT_OPINIONS] += added;
    if (rc == 0 && f->s->rebuilding && (added || renewed))
        rc = remember_before(f, o);
    if (rc != 0 || !(added || renewed))
        return rc;
    const struct known_member *m = names_member(&f->s->names, o->member);
    bool counts = m != NULL && m->trust_micro > 0;
    return counts ? fold_touch(f, o->topic.key, o->topic.len, o->topic.category) : 0;
}

int fold_put_batch(struct fold *f, const struct known_member *m, const struct batch *b)
{
    int ids[BATCH_CATEGORIES_MAX] = { 0 };
    int rc = number_categories(f, b, ids);
    for (size_t i = 0; rc == 0 && i < b->opinions_n; i++) {
        const struct opinion *o = &b->opinions[i];
        int id = o->category < b->categories_n ? ids[o->category] : 0;
        const uint8_t *key = id != 0 ? pool_copy(&f->pool, o->key, o->key_len) : NULL;
        if (id == 0)
            continue;
        rc = key == NULL ? -ENOMEM : put_opinion(f, &(struct said){
            .topic = { .key = key, .len = o->key_len, .category = (uint16_t)id }, .black = o->black, .white = o->white, .epoch = b->epoch,
            .seq = b->seq, .member = m->id, .hash = frames_hash_prefix(b->hash), .time_s = o->time_s,
        });
    }
    return rc;
}

/* The mark moves when all of the run is in: after a crash it is read and worked in again, which changes nothing twice. */
static int finish(struct fold *f)
{
    struct store *s = f->s;
    run_stop(&s->opinions);
    s->batches_n -= s->opinions.sources_n < s->batches_n ? s->opinions.sources_n : s->batches_n;
    return meta_set_number(&s->db, META_FOLDED, s->opinions.last_id);
}

static int apply(struct fold *f)
{
    struct run *run = &f->s->opinions;
    int rc = 0;
    for (size_t done = 0; rc == 0 && run->at < run->n && (f->rows_left > 0 || done == 0); run->at++, done++) {
        const struct said *o = run_said(run, run->at);
        fold_spend(f, 1);
        if (run->at + 1 == run->n || !said_same_register(o, run_said(run, run->at + 1)))
            rc = put_opinion(f, o);
    }
    return rc == 0 && run->at == run->n ? finish(f) : rc;
}

int fold_batches(struct fold *f)
{
    struct run *run = &f->s->opinions;
    int rc = 0;
    if (!run->active && f->s->batches_n == 0)
        return 0;
    rc = fold_quick(f);
    if (rc == 0 && !run->active)
        rc = start(f->s);
    if (rc == 0 && !run->loaded)
        rc = load(f);
    if (rc == 0 && run->loaded)
        rc = apply(f);
    f->more |= f->s->batches_n > 0;
    return rc;
}
