#include "store/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/own.h"

static int take_event(struct run *run, const struct query *q)
{
    struct bytes key = column_bytes(q, 1);
    struct event *e = &run->events[run->n];
    *e = (struct event){
        .id = column_int(q, 0), .len = (uint8_t)key.len, .category = (int)column_int(q, 2),
        .verb = (enum request_verb)column_int(q, 3), .count = (uint32_t)column_int(q, 4),
        .cause = (enum request_cause)column_int(q, 5), .time_s = column_int(q, 6),
        .weight_milli = (uint32_t)column_int(q, 7), .kept = column_int(q, 8) != 0,
    };
    e->key = pool_copy(&run->keys, key.at, key.len);
    run->last_id = e->id;
    run->n++;
    return e->key == NULL ? -ENOMEM : 0;
}

static int load(struct fold *f)
{
    struct run *run = &f->s->journal;
    size_t want = f->rows_left < RUN_ROWS_MAX / RUN_LOAD_FACTOR ? f->rows_left * RUN_LOAD_FACTOR : RUN_ROWS_MAX, n = 0;
    int rc = run_reserve_events(run, want);
    struct query q = query(&f->s->db, SQL_JOURNAL_READ);
    query_int(&q, run->last_id);
    query_int(&q, run->end_id);
    query_int(&q, (int64_t)want);
    for (; rc == 0 && n < want && query_row(&q); n++)
        rc = take_event(run, &q);
    int ended = query_end(&q);
    fold_spend(f, n / RUN_LOAD_FACTOR);
    run->loaded = n < want || run->n >= RUN_ROWS_MAX;
    if (rc == 0)
        rc = ended;
    return rc == 0 && run->loaded ? run_sort(run) : rc;
}

enum { HOLD_TIMES_MAX = 16, HOLD_FORGET_S = 30 * 86400 };

/* What was said anew after a retraction and is withdrawn again held too short a time. What is withdrawn twice was said once. */
static int64_t next_hold_s(const struct own_row *row, int64_t hold_s, int64_t now_s)
{
    bool said = row->evidence.black_micro + row->evidence.white_micro + row->kept.black_micro + row->kept.white_micro > 0;
    if (row->hold_s == 0 || now_s - row->hold_until_s >= HOLD_FORGET_S)
        return hold_s;
    int64_t next_s = said ? 2 * row->hold_s : row->hold_s;
    return next_s < hold_s ? hold_s : next_s > HOLD_TIMES_MAX * hold_s ? HOLD_TIMES_MAX * hold_s : next_s;
}

/* What was never said needs no withdrawal. */
static void apply_retraction(struct own_rows *own, const struct event *e, int64_t hold_s)
{
    for (size_t i = 0; i < own->n; i++) {
        struct own_row *row = &own->rows[i];
        if (e->category != 0 && row->category != e->category)
            continue;
        row->hold_s = next_hold_s(row, hold_s, e->time_s);
        row->evidence = (struct evidence){ .time_s = e->time_s };
        row->kept = (struct evidence){ .time_s = 0 };
        row->hold_until_s = e->time_s + row->hold_s;
        row->turned_s = 0;
        row->changed = true;
    }
}

static int side_at(const struct own_row *row, const struct policy *p, int category, int64_t now_s)
{
    struct evidence all = own_all(&row->evidence, &row->kept, p, category);
    if (all.time_s < now_s)
        all = evidence_at(all, own_half_life_s(p, category), p->ttl_s, now_s);
    return side_of_masses(all.black_micro, all.white_micro, SCORE_W_MICRO);
}

static int64_t last_event_s(const struct own_row *row)
{
    return row->evidence.time_s > row->kept.time_s ? row->evidence.time_s : row->kept.time_s;
}

static int apply_event(struct fold *f, struct own_rows *own, const struct event *e)
{
    const struct policy *p = f->s->policy;
    if (e->verb == REQUEST_RETRACT) {
        apply_retraction(own, e, p->hold_s);
        return 0;
    }
    /* No echo: what a DNSBL caused is counted and says nothing. */
    if (e->cause == CAUSE_DNSBL)
        return meta_add(&f->s->db, META_DNSBL, e->count);
    struct own_row *row = own_row(own, e->category);
    if (row == NULL)
        return -EBADMSG;
    int category = names_category_policy(&f->s->names, e->category);
    int64_t mass = own_mass_micro(p, category, e->weight_milli, e->count);
    int side_before = side_at(row, p, category, e->time_s);
    if (e->verb == REQUEST_BLACK && mass > 0 && row->came_s == 0 && e->time_s - last_event_s(row) >= RELIABILITY_QUIET_S)
        row->came_s = e->time_s;
    struct evidence *to = e->kept ? &row->kept : &row->evidence;
    *to = evidence_add(*to, e->verb == REQUEST_BLACK ? mass : 0, e->verb == REQUEST_WHITE ? mass : 0, own_half_life_s(p, category), p->ttl_s, e->time_s);
    int side = side_at(row, p, category, e->time_s);
    if (side != side_before || side == 0 || (row->turned_s > 0) != (side > 0))
        row->turned_s = side * e->time_s;
    row->changed = true;
    return 0;
}

/* What is good mail in the default category keeps the subject off the lists of all others (voices_vouched_until()). */
static int touch_vouched(struct fold *f, const struct event *e, const struct own_row *row)
{
    bool good = row->side_before < 0 || row->evidence.white_micro + row->kept.white_micro > 0;
    int rc = 0;
    if (!good || row->category != f->s->names.category_ids[0])
        return 0;
    struct query q = query(&f->s->db, SQL_OPINION_CATEGORIES);
    query_blob(&q, e->key, e->len);
    query_int(&q, row->category);
    while (rc == 0 && query_row(&q))
        rc = fold_touch(f, e->key, e->len, (int)column_int(&q, 0));
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

static int put_rows(struct fold *f, const struct event *e, struct own_rows *own)
{
    for (size_t i = 0; i < own->n; i++) {
        struct own_row *row = &own->rows[i];
        if (!row->changed)
            continue;
        own_judge(row, f->s->policy, names_category_policy(&f->s->names, row->category), f->now_s);
        int rc = own_put(&f->s->db, e->key, e->len, row);
        f->s->counted[COUNT_EVIDENCE] += row->is_new;
        store_count_side(f->s, row->side_before, own_side(row));
        if (rc == 0)
            rc = fold_touch(f, e->key, e->len, row->category);
        if (rc == 0)
            f->touched[f->touched_n - 1].came_s = row->came_s;
        if (rc == 0)
            rc = touch_vouched(f, e, row);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* `n` events of one subject, in the order in which they were said. */
static int apply_subject(struct fold *f, size_t at, size_t n)
{
    const struct run *run = &f->s->journal;
    const struct event *first = run_event(run, at);
    struct own_rows own;
    int rc = own_load(&own, &f->s->db, first->key, first->len);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = apply_event(f, &own, run_event(run, at + i));
    return rc == 0 ? put_rows(f, first, &own) : rc;
}

/* Events that are worked in leave the journal in the same transaction: none counts twice. */
static int drop_events(struct fold *f, size_t from)
{
    struct run *run = &f->s->journal;
    if (from == 0 && run->at == run->n) {
        struct query q = query(&f->s->db, SQL_JOURNAL_DROP);
        query_int(&q, run->last_id);
        return query_run(&q);
    }
    for (size_t i = from; i < run->at; i++) {
        struct query q = query(&f->s->db, SQL_JOURNAL_DROP_ONE);
        query_int(&q, run_event(run, i)->id);
        int rc = query_run(&q);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int apply(struct fold *f)
{
    struct run *run = &f->s->journal;
    size_t from = run->at;
    int rc = 0;
    while (rc == 0 && run->at < run->n && (f->rows_left > 0 || run->at == from)) {
        size_t n = 1;
        while (run->at + n < run->n && event_same_subject(run_event(run, run->at), run_event(run, run->at + n)))
            n++;
        rc = apply_subject(f, run->at, n);
        fold_spend(f, n);
        run->at += n;
    }
    if (rc == 0)
        rc = drop_events(f, from);
    size_t done = run->at - from;
    f->s->journal_n -= done < f->s->journal_n ? done : f->s->journal_n;
    f->s->counted[COUNT_JOURNAL] -= (int64_t)done;
    if (run->at == run->n)
        run_stop(run);
    return rc;
}

static int start(struct store *s)
{
    int64_t end = 0;
    struct query q = query(&s->db, SQL_JOURNAL_LAST);
    if (query_row(&q))
        end = column_int(&q, 0);
    run_start(&s->journal, 0, end);
    return query_end(&q);
}

int fold_journal(struct fold *f)
{
    struct run *run = &f->s->journal;
    int rc = 0;
    if (!run->active && f->s->journal_n == 0)
        return 0;
    if (!run->active)
        rc = start(f->s);
    if (rc == 0 && !run->loaded)
        rc = load(f);
    if (rc == 0 && run->loaded)
        rc = apply(f);
    f->more |= f->s->journal_n > 0;
    return rc;
}
