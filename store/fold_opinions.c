#include "store/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One opinion on its way into its register. */
struct said {
    struct topic topic;
    uint8_t black, white;
    uint32_t epoch;
    uint64_t seq;
    int64_t member, hash, time_s;
    bool counts;                       /* its member is trusted: a change moves a score */
};

struct said_list {
    struct said *all;
    size_t n, room;
};

static int compare_int(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* The order of the registers: (epoch, seq, hash), then what is said, so that it is total whatever a liar signs. */
static int compare_order(const struct said *x, const struct said *y)
{
    int order = compare_int(x->epoch, y->epoch);
    if (order == 0)
        order = (x->seq > y->seq) - (x->seq < y->seq);
    if (order == 0)
        order = compare_int(x->hash, y->hash);
    if (order == 0)
        order = compare_int(x->time_s, y->time_s);
    if (order == 0)
        order = x->black - y->black;
    return order != 0 ? order : x->white - y->white;
}

static int compare_said(const void *a, const void *b)
{
    const struct said *x = a, *y = b;
    int order = topic_compare(&x->topic, &y->topic);
    if (order == 0)
        order = compare_int(x->member, y->member);
    return order != 0 ? order : compare_order(x, y);
}

static bool same_register(const struct said *a, const struct said *b)
{
    return a->member == b->member && topic_equal(&a->topic, &b->topic);
}

static struct said *append(struct said_list *l, size_t n)
{
    if (l->room - l->n < n) {
        size_t room = l->room * 2 + n;
        struct said *grown = realloc(l->all, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        l->all = grown;
        l->room = room;
    }
    struct said *first = &l->all[l->n];
    l->n += n;
    return first;
}

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

static int take_opinions(struct fold *f, const struct batch *b, const struct known_member *m, struct said_list *l)
{
    int ids[BATCH_CATEGORIES_MAX] = { 0 };
    int64_t hash = frames_hash_prefix(b->hash), skipped = 0;
    int rc = number_categories(f, b, ids);
    struct said *to = rc == 0 ? append(l, b->opinions_n) : NULL;
    if (rc != 0 || to == NULL)
        return rc != 0 ? rc : -ENOMEM;
    for (size_t i = 0; i < b->opinions_n; i++) {
        const struct opinion *o = &b->opinions[i];
        int id = o->category < b->categories_n ? ids[o->category] : 0;
        if (id == 0) {
            skipped++;
            continue;
        }
        *to++ = (struct said){
            .topic = { o->key, o->key_len, (uint16_t)id }, .black = o->black, .white = o->white, .epoch = b->epoch,
            .seq = b->seq, .member = m->id, .hash = hash, .time_s = o->time_s, .counts = m->trust_micro > 0,
        };
    }
    l->n -= (size_t)skipped;
    return skipped > 0 ? meta_add(&f->s->db, META_SKIPPED, skipped) : 0;
}

/* A batch that cannot be opened any more (its record is gone, or the disk lied) is passed over and counted: verify names it. */
static int take_batch(struct fold *f, int64_t member, struct bytes frame, struct said_list *l)
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
    rc = keep_open(f, &b);
    if (rc != 0) {
        batch_close(&b);
        return rc;
    }
    fold_spend(f, b.opinions_n + 1);
    return m->self ? fold_self(f, &b) : take_opinions(f, &b, m, l);
}

/* Reads batches behind the mark until enough was taken up; moves the mark. */
static int take_batches(struct fold *f, struct said_list *l)
{
    struct store *s = f->s;
    int64_t mark = 0, last;
    size_t n = 0;
    int rc = meta_number(&s->db, META_FOLDED, &mark);
    if (rc != 0)
        return rc;
    last = mark;
    struct query q = query(&s->db, SQL_BATCH_UNFOLDED);
    query_int(&q, mark);
    while (rc == 0 && f->rows_left > 0 && query_row(&q)) {
        last = column_int(&q, 0);
        rc = take_batch(f, column_int(&q, 1), column_bytes(&q, 2), l);
        n++;
    }
    int ended = query_end(&q);
    s->batches_n -= n < s->batches_n ? n : s->batches_n;
    if (rc == 0)
        rc = ended;
    return rc == 0 && last != mark ? meta_set_number(&s->db, META_FOLDED, last) : rc;
}

static int put_opinion(struct fold *f, const struct said *o)
{
    struct query q = query(&f->s->db, SQL_OPINION_PUT);
    query_blob(&q, o->topic.key, o->topic.len);
    query_int(&q, o->topic.category);
    query_int(&q, o->member);
    query_int(&q, o->epoch);
    query_int(&q, (int64_t)o->seq);
    query_int(&q, o->hash);
    query_int(&q, o->black);
    query_int(&q, o->white);
    query_int(&q, o->time_s);
    int rc = query_run(&q);
    bool changed = rc == 0 && sqlite3_changes(f->s->db.sql) > 0;
    return changed && o->counts ? fold_touch(f, o->topic.key, o->topic.len, o->topic.category) : rc;
}

int fold_batches(struct fold *f)
{
    struct said_list l = { 0 };
    if (f->s->batches_n == 0)
        return 0;
    if (f->rows_left == 0) {
        f->more = true;
        return 0;
    }
    int rc = take_batches(f, &l);
    if (rc == 0 && l.n > 0)
        qsort(l.all, l.n, sizeof *l.all, compare_said);
    for (size_t i = 0; rc == 0 && i < l.n; i++)
        if (i + 1 == l.n || !same_register(&l.all[i], &l.all[i + 1]))
            rc = put_opinion(f, &l.all[i]);
    free(l.all);
    f->more |= f->s->batches_n > 0;
    return rc;
}
