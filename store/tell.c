#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/tell_private.h"

/* What a batch takes beside its opinions: tag, signature, keys, numbers and the names of 32 categories. */
enum { HEAD_BYTES_MAX = 2048 };

static int category_in(struct draft *d, const struct store *s, int id)
{
    for (size_t i = 0; i < d->batch.categories_n; i++)
        if (d->ids[i] == id)
            return (int)i;
    if (d->batch.categories_n == BATCH_CATEGORIES_MAX)
        return -1;
    d->ids[d->batch.categories_n] = id;
    memcpy(d->categories[d->batch.categories_n], s->names.categories[id], CATEGORY_MAX_BYTES + 1);
    return (int)d->batch.categories_n++;
}

static int64_t told_time(int64_t time_s)
{
    return time_s - time_s % OPINION_TIME_STEP_S;
}

static bool is_stale(const struct telling *t, int64_t time_s)
{
    return t->now_s - time_s > OPINION_AGE_MAX_S - OPINION_TIME_STEP_S;
}

/* What was told, as it was: cleaning the log changes no register of others, nor does it let on what has come since and is not worth a word. */
static bool say_again(const struct telling *t, const struct query *q, struct opinion *o)
{
    int64_t time_s = column_int(q, 8);
    if (column_int(q, 9) != URGENCY_NONE || is_stale(t, time_s) || time_s > t->now_s)
        return false;
    o->black = (uint8_t)column_int(q, 6);
    o->white = (uint8_t)column_int(q, 7);
    o->time_s = time_s;
    return true;
}

/* What waited until it was too old to be said is said as nothing. */
static struct opinion say(const struct telling *t, const struct query *q, const uint8_t *key, size_t len, int category)
{
    struct opinion again = { .key = key, .key_len = (uint8_t)len, .category = (uint8_t)category };
    if (say_again(t, q, &again))
        return again;
    int64_t time_s = column_int(q, 4);
    bool stale = is_stale(t, time_s);
    if (stale || time_s > t->now_s)
        time_s = t->now_s;
    return (struct opinion){
        .key = key, .key_len = (uint8_t)len, .category = (uint8_t)category,
        .black = stale ? 0 : (uint8_t)mass_step((uint64_t)column_int(q, 2)),
        .white = stale ? 0 : (uint8_t)mass_step((uint64_t)column_int(q, 3)),
        .time_s = told_time(time_s),
    };
}

int draft_add(struct telling *t, const struct query *q)
{
    struct draft *d = t->draft;
    struct bytes key = column_bytes(q, 0);
    if (key.len == 0 || key.len > SUBJECT_KEY_MAX)
        return -EBADMSG;
    size_t bytes = batch_opinion_bytes_max(key.len);
    if (d->batch.opinions_n == BATCH_OPINIONS_MAX || d->bytes + bytes > BATCH_FRAME_MAX - HEAD_BYTES_MAX)
        return 0;
    int category = category_in(d, t->s, (int)column_int(q, 1));
    if (category < 0)
        return 0;
    const uint8_t *copy = pool_copy(&d->pool, key.at, key.len);
    if (copy == NULL)
        return -ENOMEM;
    struct opinion *o = &d->opinions[d->batch.opinions_n++];
    *o = say(t, q, copy, key.len, category);
    d->bytes += bytes;
    d->told_delta += (o->black + o->white > 0) - (column_int(q, 5) > 0);
    return 1;
}

static int fill(struct telling *t, enum urgency urgency)
{
    struct query q = query(&t->s->db, SQL_EVIDENCE_URGENT);
    query_int(&q, urgency);
    query_int(&q, BATCH_OPINIONS_MAX);
    int rc = 1;
    while (rc > 0 && query_row(&q))
        rc = draft_add(t, &q);
    int ended = query_end(&q);
    return rc < 0 ? rc : ended;
}

static int mark_told(struct telling *t)
{
    const struct draft *d = t->draft;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < d->batch.opinions_n; i++) {
        const struct opinion *o = &d->opinions[i];
        struct own_row row = { .category = d->ids[o->category], .told_black = o->black, .told_white = o->white,
                               .told_time_s = o->time_s, .told_epoch = d->batch.epoch, .told_seq = d->batch.seq };
        rc = own_put_told(&t->s->db, o->key, o->key_len, &row);
    }
    return rc;
}

/* Where the log stands: the next number, and the hash of the last batch, of whichever epoch. */
static int load_head(struct telling *t, struct batch *b)
{
    int64_t epoch = 0, seq = 0;
    size_t len = 0;
    int rc = meta_number(&t->s->db, META_EPOCH, &epoch);
    if (rc == 0)
        rc = meta_number(&t->s->db, META_SEQ, &seq);
    if (rc == 0)
        rc = meta_bytes(&t->s->db, META_HASH, b->previous, sizeof b->previous, &len);
    if (rc == 0 && epoch == 0)
        rc = -EINVAL;                          /* store_begin_epoch() was not called */
    b->epoch = (uint32_t)epoch;
    b->seq = (uint64_t)seq + 1;
    return rc;
}

static void draft_reset(struct draft *d)
{
    pool_clear(&d->pool);
    memset(&d->batch, 0, sizeof d->batch);
    d->batch.categories = d->categories;
    d->batch.opinions = d->opinions;
    d->bytes = 0;
    d->told_delta = 0;
}

static void name_told(const struct batch *b, struct told_batch *out)
{
    out->name = (struct store_batch){
        .epoch = b->epoch, .seq = b->seq, .floor_epoch = b->floor_epoch, .floor_seq = b->floor_seq, .time_s = b->time_s,
        .opinions = (uint32_t)b->opinions_n, .frame = { out->frame, out->len }, .stored = true,
    };
    memcpy(out->name.origin, b->origin, KEY_BYTES);
    memcpy(out->name.hash, b->hash, HASH_BYTES);
}

static int seal(struct telling *t, struct told_batch *out)
{
    struct batch *b = &t->draft->batch;
    int rc = load_head(t, b);
    if (rc == 0)
        rc = mark_told(t);
    if (rc == 0)
        rc = clean_floor(t, b);
    if (rc != 0)
        return rc;
    memcpy(b->origin, identity_root(t->id), KEY_BYTES);
    strcpy(b->federation, t->s->policy->federation);
    b->time_s = t->now_s;
    b->record_serial = t->record_serial;
    rc = batch_seal(b, t->id, &out->frame, &out->len);
    if (rc == 0)
        name_told(b, out);
    return rc;
}

/* What is told here need not be folded: with no other batch waiting, the mark simply passes over it. */
static int pass_over(struct telling *t)
{
    int64_t id = sqlite3_last_insert_rowid(t->s->db.sql), mark = 0;
    int rc = meta_number(&t->s->db, META_FOLDED, &mark);
    if (rc != 0 || t->s->batches_n > 0) {
        t->waiting_n++;
        return rc;
    }
    return meta_set_number(&t->s->db, META_FOLDED, id);
}

static int keep(struct telling *t, const struct told_batch *told)
{
    bool stored = false;
    int rc = store_put_batch(t->s, t->self, &told->name, &stored);
    if (rc == 0 && !stored)
        rc = -EEXIST;                          /* two batches with one number: never */
    if (rc == 0)
        rc = pass_over(t);
    if (rc == 0)
        rc = meta_set_number(&t->s->db, META_SEQ, (int64_t)told->name.seq);
    if (rc == 0)
        rc = meta_set_bytes(&t->s->db, META_HASH, told->name.hash, HASH_BYTES);
    struct known_member *self = names_member(&t->s->names, t->self);
    if (rc == 0 && self != NULL)
        rc = store_put_floor(t->s, self, told->name.floor_epoch, told->name.floor_seq);
    t->s->counted[COUNT_TOLD] += t->draft->told_delta;
    t->s->counted[COUNT_LOG_WEIGHT] += log_weight(&t->draft->batch);
    return rc;
}

/* *filled: a batch came of it. Of URGENCY_NONE: one that says again what is old, if that is due; it may have nothing to say but its floor. */
static int tell_one(struct telling *t, enum urgency urgency, struct told_batch *out, bool *filled)
{
    *filled = false;
    draft_reset(t->draft);
    bool due = true;
    int rc = urgency == URGENCY_NONE ? clean_is_due(t, &due) : fill(t, urgency);
    if (rc == 0 && urgency == URGENCY_NOW && t->draft->batch.opinions_n > 0)
        rc = fill(t, URGENCY_GROWN);           /* what waits for company has found it */
    if (rc != 0 || !due || (urgency != URGENCY_NONE && t->draft->batch.opinions_n == 0))
        return rc;
    rc = clean_fill(t, urgency);
    if (rc == 0)
        rc = seal(t, out);
    if (rc != 0)
        return rc;
    *filled = true;
    return keep(t, out);
}

/* ---- when growth is due */

struct growth {
    size_t n;                                  /* counted up to growth_min */
    int64_t oldest_s;                          /* INT64_MAX: none waits */
};

static int load_growth(struct store *s, const struct tell_limits *limits, struct growth *g)
{
    *g = (struct growth){ .oldest_s = INT64_MAX };
    struct query q = query(&s->db, SQL_EVIDENCE_GROWTH);
    query_int(&q, limits->growth_min < INT32_MAX ? (int64_t)limits->growth_min + 1 : INT32_MAX);
    if (query_row(&q))
        g->n = (size_t)column_int(&q, 0);
    int rc = query_end(&q);
    if (rc != 0)
        return rc;
    q = query(&s->db, SQL_EVIDENCE_GROWN);
    if (query_row(&q))
        g->oldest_s = column_int(&q, 0);
    return query_end(&q);
}

static bool growth_is_due(const struct growth *g, const struct tell_limits *limits, int64_t now_s)
{
    if (g->n == 0)
        return false;
    return g->n >= limits->growth_min || now_s - g->oldest_s >= limits->growth_wait_s || g->oldest_s > now_s;
}

/* Fills batches of one urgency until nothing of it is left or there is no place. */
static int tell_all(struct telling *t, enum urgency urgency, size_t room, struct told_batch *out, size_t *n, bool *more)
{
    bool filled = true;
    int rc = 0;
    while (rc == 0 && filled && *n < room) {
        rc = tell_one(t, urgency, &out[*n], &filled);
        *n += filled;
    }
    *more |= rc == 0 && filled;
    return rc;
}

static int tell_due(struct telling *t, const struct tell_limits *limits, struct told_batch *out, size_t *n,
                    bool *more, int64_t *wake_s)
{
    struct growth growth = { .n = 0 };
    int rc = clean_begin(t);
    if (rc == 0)
        rc = tell_all(t, URGENCY_NOW, limits->batches_max, out, n, more);
    if (rc == 0)
        rc = load_growth(t->s, limits, &growth);
    if (rc == 0 && growth_is_due(&growth, limits, t->now_s)) {
        rc = tell_all(t, URGENCY_GROWN, limits->batches_max, out, n, more);
        if (rc == 0)
            rc = load_growth(t->s, limits, &growth);
    }
    if (rc == 0)
        rc = tell_all(t, URGENCY_NONE, limits->batches_max, out, n, more);
    *wake_s = rc != 0 || growth.n == 0 ? INT64_MAX : growth.oldest_s + limits->growth_wait_s;
    return rc;
}

static void forget_told(struct told_batch *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(out[i].frame);
    memset(out, 0, n * sizeof *out);
}

struct tell_pace store_tell_pace(const struct store *s)
{
    return tell_pace(names_telling(&s->names, s->policy), s->policy->budget_bytes);
}

int store_tell(struct store *s, const struct identity *id, uint64_t record_serial, const struct tell_limits *limits,
               int64_t now_s, struct told_batch *out, size_t *n, bool *more, int64_t *wake_s)
{
    struct telling t = { .s = s, .id = id, .record_serial = record_serial, .now_s = now_s };
    const struct known_member *self = names_root(&s->names, identity_root(id));
    size_t told_n = 0;
    bool again = false;
    int64_t wake = INT64_MAX;
    if (self == NULL || !self->self)
        return -EINVAL;
    t.self = self->id;
    t.draft = calloc(1, sizeof *t.draft);
    if (t.draft == NULL)
        return -ENOMEM;
    memset(out, 0, limits->batches_max * sizeof *out);
    int rc = db_begin(&s->db);
    if (rc == 0) {
        rc = tell_due(&t, limits, out, &told_n, &again, &wake);
        rc = store_end(s, rc);
    }
    draft_reset(t.draft);
    free(t.draft);
    if (rc != 0) {
        forget_told(out, limits->batches_max);
        return rc;
    }
    *n = told_n;
    *more = again;
    *wake_s = wake;
    s->batches_n += t.waiting_n;
    return 0;
}
