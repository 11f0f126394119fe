#include "store/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/own.h"

/* One row of the journal. */
struct event {
    const uint8_t *key;
    uint8_t len;
    int category;                  /* the database's number; 0: all, of a retraction */
    enum request_verb verb;
    enum request_cause cause;
    uint32_t count;
    int64_t id, time_s;
};

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->key, y->key, len);
    if (order != 0)
        return order;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool same_subject(const struct event *a, const struct event *b)
{
    return a->len == b->len && memcmp(a->key, b->key, a->len) == 0;
}

static int read_journal(struct fold *f, struct event *events, size_t room, size_t *n)
{
    struct query q = query(&f->s->db, SQL_JOURNAL_READ);
    query_int(&q, (int64_t)room);
    int rc = 0;
    while (rc == 0 && *n < room && query_row(&q)) {
        struct bytes key = column_bytes(&q, 1);
        struct event *e = &events[*n];
        *e = (struct event){
            .id = column_int(&q, 0), .len = (uint8_t)key.len, .category = (int)column_int(&q, 2),
            .verb = (enum request_verb)column_int(&q, 3), .count = (uint32_t)column_int(&q, 4),
            .cause = (enum request_cause)column_int(&q, 5), .time_s = column_int(&q, 6),
        };
        e->key = pool_copy(&f->pool, key.at, key.len);
        rc = e->key == NULL ? -ENOMEM : 0;
        ++*n;
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* What was never said needs no withdrawal. */
static void apply_retraction(struct own_rows *own, const struct event *e, int64_t hold_s)
{
    for (size_t i = 0; i < own->n; i++) {
        struct own_row *row = &own->rows[i];
        if (e->category != 0 && row->category != e->category)
            continue;
        row->evidence = (struct evidence){ .time_s = e->time_s };
        row->hold_until_s = e->time_s + hold_s;
        row->changed = true;
    }
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
    int64_t mass = own_mass_micro(p, category, e->count);
    row->evidence = evidence_add(row->evidence, e->verb == REQUEST_BLACK ? mass : 0, e->verb == REQUEST_WHITE ? mass : 0,
                                 own_half_life_s(p, category), p->ttl_s, e->time_s);
    row->changed = true;
    return 0;
}

static int put_rows(struct fold *f, const struct event *e, struct own_rows *own)
{
    for (size_t i = 0; i < own->n; i++) {
        struct own_row *row = &own->rows[i];
        if (!row->changed)
            continue;
        own_judge(row, f->s->policy, names_category_policy(&f->s->names, row->category), f->now_s);
        int rc = own_put(&f->s->db, e->key, e->len, row);
        if (rc == 0)
            rc = fold_touch(f, e->key, e->len, row->category);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* `n` events of one subject, in the order in which they were said. */
static int apply_subject(struct fold *f, const struct event *events, size_t n)
{
    struct own_rows own;
    int rc = own_load(&own, &f->s->db, events[0].key, events[0].len);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = apply_event(f, &own, &events[i]);
    return rc == 0 ? put_rows(f, &events[0], &own) : rc;
}

static int apply_all(struct fold *f, struct event *events, size_t n)
{
    qsort(events, n, sizeof *events, compare_events);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && same_subject(&events[i], &events[end]);)
            end++;
        int rc = apply_subject(f, &events[i], end - i);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int drop_journal(struct fold *f, int64_t last_id)
{
    struct query q = query(&f->s->db, SQL_JOURNAL_DROP);
    query_int(&q, last_id);
    return query_run(&q);
}

int fold_journal(struct fold *f)
{
    size_t room = f->rows_left < f->s->journal_n ? f->rows_left : f->s->journal_n, n = 0;
    if (room == 0)
        return 0;
    struct event *events = calloc(room, sizeof *events);
    if (events == NULL)
        return -ENOMEM;
    int rc = read_journal(f, events, room, &n);
    int64_t last_id = n > 0 ? events[n - 1].id : 0;
    if (rc == 0 && n > 0)
        rc = apply_all(f, events, n);
    if (rc == 0 && n > 0)
        rc = drop_journal(f, last_id);
    free(events);
    f->s->journal_n -= n < f->s->journal_n ? n : f->s->journal_n;
    f->more |= f->s->journal_n > 0;
    fold_spend(f, n);
    return rc;
}
