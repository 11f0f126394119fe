#include "store/verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "store/store_private.h"

enum { PROGRESS_EVERY = 256 };

void verify_problem(struct verify *v, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    v->problems_n++;
    if (v->problem != NULL)
        v->problem(v->ctx, text);
}

static int check_file(struct verify *v)
{
    struct query q = query(&v->r->db, SQL_INTEGRITY);
    while (query_row(&q)) {
        const char *text = (const char *)sqlite3_column_text(q.stmt, 0);
        if (text != NULL && strcmp(text, "ok") != 0)
            verify_problem(v, "database file: %s", text);
    }
    return query_end(&q);
}

/* ---- records */

static int check_records_of(struct verify *v, const struct known_member *m)
{
    struct query q = query(&v->r->db, SQL_RECORD_EACH);
    query_int(&q, m->id);
    while (query_row(&q)) {
        struct record rec;
        int rc = record_open(column_bytes(&q, 0), &rec);
        char hex[2 * KEY_BYTES + 1];
        if (rc != 0)
            verify_problem(v, "record of member %s: signature does not verify", hex_text(m->root, KEY_BYTES, hex));
        else if (memcmp(rec.root, m->root, KEY_BYTES) != 0)
            verify_problem(v, "record of member %s: is another member's", hex_text(m->root, KEY_BYTES, hex));
    }
    return query_end(&q);
}

static int check_records(struct verify *v)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < v->r->names.members_n; i++)
        if (!v->r->names.members[i].forgotten)
            rc = check_records_of(v, &v->r->names.members[i]);
    return rc;
}

/* ---- batches and registers */

/* A row of `batch` and what its frame turns out to say. */
struct checked {
    int64_t id, epoch, seq, time_s;
    const struct known_member *member;
    bool folded;                           /* its opinions must be in their registers; else they may be */
    struct bytes hash;
    struct batch batch;
};

/* The columns of a register in their order: bigger is newer. */
struct order {
    int64_t part[6];
};

static int compare_orders(const struct order *a, const struct order *b)
{
    for (int i = 0; i < 6; i++)
        if (a->part[i] != b->part[i])
            return a->part[i] < b->part[i] ? -1 : 1;
    return 0;
}

static int load_order(struct verify *v, const struct topic *t, int64_t member, struct order *out, bool *found)
{
    struct query q = query(&v->r->db, SQL_OPINION_GET);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, member);
    *found = query_row(&q);
    for (int i = 0; *found && i < 6; i++)
        out->part[i] = column_int(&q, i);
    return query_end(&q);
}

/* Each register must be at least as new as what any batch says, and exactly what one batch says: *held counts the latter. */
static int check_opinion(struct verify *v, const struct checked *c, const struct opinion *o, uint64_t *held)
{
    int id = names_category(&v->r->names, c->batch.categories[o->category]);
    struct topic t = { .key = o->key, .len = o->key_len, .category = (uint16_t)id };
    struct order want = { { c->epoch, c->seq, frames_hash_prefix(c->batch.hash), o->time_s, o->black, o->white } }, got;
    struct subject s;
    char text[SUBJECT_TEXT_MAX];
    bool found = false;
    if (id == 0)
        return 0;                          /* no room for its category's name: kept in the batch alone */
    int rc = load_order(v, &t, c->member->id, &got, &found);
    if (rc != 0)
        return rc;
    int order = found ? compare_orders(&got, &want) : -1;
    *held += order == 0;
    if (order < 0 && c->folded && subject_from_key(o->key, o->key_len, &s) == 0)
        verify_problem(v, "opinion on %s: the register is older than batch %lld/%lld says", subject_text(&s, text),
                       (long long)c->epoch, (long long)c->seq);
    return 0;
}

static int check_opinions(struct verify *v, const struct checked *c, uint64_t *held)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < c->batch.opinions_n; i++)
        rc = check_opinion(v, c, &c->batch.opinions[i], held);
    return rc;
}

static const char *open_fault(int rc)
{
    return rc == -ENOKEY ? "the record that names its key is missing" : rc == -EBADMSG ? "signature does not verify"
         : rc == -EXDEV ? "of another federation" : "malformed";
}

/* 1: sound, *c is open; 0: a problem was reported; or a negative errno. */
static int open_batch(struct verify *v, struct checked *c, struct bytes frame)
{
    char hex[2 * KEY_BYTES + 1];
    int rc = frames_open(&v->r->frames, &v->r->db, c->member->id, frame, v->r->policy->federation, &c->batch);
    if (rc == -ENOMEM || rc == -EIO)
        return rc;
    hex_text(c->member->root, KEY_BYTES, hex);
    if (rc != 0) {
        verify_problem(v, "batch %lld/%lld of member %s: %s", (long long)c->epoch, (long long)c->seq, hex, open_fault(rc));
        return 0;
    }
    const struct batch *b = &c->batch;
    if (memcmp(b->origin, c->member->root, KEY_BYTES) == 0 && c->hash.len == HASH_BYTES &&
        memcmp(b->hash, c->hash.at, HASH_BYTES) == 0 && b->epoch == c->epoch && (int64_t)b->seq == c->seq && b->time_s == c->time_s)
        return 1;
    verify_problem(v, "batch %lld/%lld of member %s: its row says another origin, number, time or hash than its frame",
                   (long long)c->epoch, (long long)c->seq, hex);
    batch_close(&c->batch);
    return 0;
}

static int check_batch(struct verify *v, const struct query *q, int64_t mark, uint64_t *held)
{
    struct checked c = { .id = column_int(q, 0), .member = names_member(&v->r->names, column_int(q, 1)),
                         .epoch = column_int(q, 2), .seq = column_int(q, 3), .hash = column_bytes(q, 4), .time_s = column_int(q, 5) };
    if (c.member == NULL || c.member->forgotten) {
        verify_problem(v, "batch %lld/%lld: of a member that is not known", (long long)c.epoch, (long long)c.seq);
        return 0;
    }
    int rc = open_batch(v, &c, column_bytes(q, 6));
    v->log_broken |= rc == 0 && c.member->self;
    if (rc <= 0)
        return rc;
    c.folded = c.id <= mark;
    if (c.member->self)
        v->log_weight += log_weight(&c.batch);
    rc = c.member->self ? 0 : check_opinions(v, &c, held);
    batch_close(&c.batch);
    return rc;
}

static int count_rows(struct verify *v, enum sql which, uint64_t *n)
{
    struct query q = query(&v->r->db, which);
    if (query_row(&q))
        *n = (uint64_t)column_int(&q, 0);
    return query_end(&q);
}

static int check_all_batches(struct verify *v, uint64_t all, uint64_t *held)
{
    int64_t mark = 0;
    uint64_t done = 0;
    int rc = meta_number(&v->r->db, META_FOLDED, &mark);
    struct query q = query(&v->r->db, SQL_BATCH_ALL);
    while (rc == 0 && query_row(&q)) {
        rc = check_batch(v, &q, mark, held);
        if (++done % PROGRESS_EVERY == 0 && v->progress != NULL)
            v->progress(v->ctx, done, all);
    }
    int ended = query_end(&q);
    if (v->progress != NULL)
        v->progress(v->ctx, done, all);
    return rc != 0 ? rc : ended;
}

int verify_batches(struct verify *v)
{
    uint64_t all = 0, held = 0, registers = 0;
    int rc = count_rows(v, SQL_COUNT_BATCHES, &all);
    if (rc == 0)
        rc = count_rows(v, SQL_COUNT_LIVING, &registers);
    if (rc == 0)
        rc = check_all_batches(v, all, &held);
    if (rc == 0 && held != registers)
        verify_problem(v, "%llu opinions are in the registers, but the batches give %llu of them: hearsay verify --rebuild mends it",
                       (unsigned long long)registers, (unsigned long long)held);
    return rc;
}

/* ---- counts */

static int check_count(struct verify *v, enum store_count which, enum sql counting)
{
    uint64_t real = 0;
    int64_t kept = 0;
    int rc = count_rows(v, counting, &real);
    if (rc == 0)
        rc = meta_number(&v->r->db, meta_counts[which], &kept);
    if (rc == 0 && (int64_t)real != kept)
        verify_problem(v, "%s is %lld, but %llu are there", meta_counts[which], (long long)kept, (unsigned long long)real);
    return rc;
}

/* Nobody can say what a batch counted for that does not open any more; and a log that was written before weights were kept is weighed when next something is told. */
static int check_log_weight(struct verify *v)
{
    int64_t unweighed = 0, kept = 0;
    int rc = meta_number(&v->r->db, META_UNWEIGHED, &unweighed);
    if (rc == 0)
        rc = meta_number(&v->r->db, meta_counts[COUNT_LOG_WEIGHT], &kept);
    if (rc == 0 && unweighed == 0 && !v->log_broken && kept != v->log_weight)
        verify_problem(v, "log_weight is %lld, but the own batches give %lld", (long long)kept, (long long)v->log_weight);
    return rc;
}

static int check_counts(struct verify *v)
{
    int rc = check_count(v, COUNT_JOURNAL, SQL_JOURNAL_COUNT);
    if (rc == 0)
        rc = check_count(v, COUNT_BATCHES, SQL_COUNT_BATCHES);
    if (rc == 0)
        rc = check_count(v, COUNT_EVIDENCE, SQL_COUNT_EVIDENCE);
    if (rc == 0)
        rc = check_count(v, COUNT_OPINIONS, SQL_COUNT_OPINIONS);
    if (rc == 0)
        rc = check_count(v, COUNT_NETWORKS, SQL_COUNT_NETWORKS);
    if (rc == 0)
        rc = check_count(v, COUNT_LISTINGS, SQL_COUNT_LISTINGS);
    if (rc == 0)
        rc = check_count(v, COUNT_UNNAMED, SQL_COUNT_UNNAMED);
    if (rc == 0)
        rc = check_count(v, COUNT_TOLD, SQL_COUNT_TOLD);
    if (rc == 0)
        rc = check_log_weight(v);
    if (rc == 0)
        rc = check_count(v, COUNT_OWN_BLACK, SQL_COUNT_OWN_BLACK);
    return rc == 0 ? check_count(v, COUNT_OWN_WHITE, SQL_COUNT_OWN_WHITE) : rc;
}

/* ---- what was learned */

/* Counts come from cases that nobody can judge again; but the snapshot comes from counts that stand beside it. */
static void check_snapshots(struct verify *v)
{
    const struct names *n = &v->r->names;
    for (size_t i = 0; i < n->members_n; i++) {
        const struct known_member *m = &n->members[i];
        const struct learned *l = &n->learned[i];
        char hex[2 * KEY_BYTES + 1];
        if (m->forgotten || l->basis == BASIS_UNKNOWN)
            continue;
        struct reliability want = learned_reliability(l);
        if (memcmp(&want, &m->reliability, sizeof want) != 0)
            verify_problem(v, "reliability of member %s: black %u, white %u, record %u, but what it was reckoned from gives %u, %u, %u", hex_text(m->root, KEY_BYTES, hex),
                           m->reliability.black_micro, m->reliability.white_micro, m->reliability.record_micro, want.black_micro, want.white_micro, want.record_micro);
        if (l->basis == BASIS_BREAKER && l->breaker.until_s == 0)
            verify_problem(v, "reliability of member %s: silenced by a circuit breaker that never opened", hex_text(m->root, KEY_BYTES, hex));
    }
}

/* ---- */

static int check_all(struct verify *v)
{
    int rc = check_file(v);
    if (rc == 0)
        rc = names_load(&v->r->names, &v->r->db, v->r->policy);
    if (rc == 0)
        rc = check_records(v);
    if (rc == 0)
        check_snapshots(v);
    if (rc == 0)
        rc = verify_batches(v);
    if (rc == 0)
        rc = check_counts(v);
    return rc == 0 ? verify_scores(v) : rc;
}

int reader_verify(struct reader *r, int64_t now_s, void (*problem)(void *ctx, const char *text),
                  void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx, uint64_t *problems_n)
{
    struct verify v = { .r = r, .now_s = now_s, .problem = problem, .progress = progress, .ctx = ctx };
    memset(&r->frames, 0, sizeof r->frames);           /* no key is taken on trust */
    int rc = reader_begin(r);
    if (rc == 0)
        rc = reader_end(r, check_all(&v));
    *problems_n = v.problems_n;
    return rc;
}
