#include <errno.h>
#include <string.h>

#include "store/introduce.h"
#include "store/proof.h"
#include "store/tool_private.h"

/* ---- own reports */

static int journal_category(const struct store *s, const struct store_report *r)
{
    if (r->category < 0)
        return r->verb == REQUEST_RETRACT ? 0 : s->names.category_ids[0];
    return (size_t)r->category < s->policy->categories_n ? s->names.category_ids[r->category] : -1;
}

int store_put_report(struct store *s, const struct store_report *r, int64_t now_s)
{
    int category = journal_category(s, r);
    if (category < 0 || r->subject.len == 0 || r->verb > REQUEST_RETRACT)
        return -EINVAL;
    struct query q = query(&s->db, SQL_JOURNAL_ADD);
    query_blob(&q, r->subject.key, r->subject.len);
    query_int(&q, category);
    query_int(&q, r->verb);
    query_int(&q, r->count < REQUEST_COUNT_MAX ? r->count : REQUEST_COUNT_MAX);
    query_int(&q, r->cause);
    query_int(&q, now_s);
    query_int(&q, r->weight_milli);
    query_int(&q, r->kept);
    int rc = query_run(&q);
    s->counted[COUNT_JOURNAL] += rc == 0;
    s->journal_n += rc == 0;
    return rc;
}

int store_add_reports(struct store *s, const struct store_report *reports, size_t n, int64_t now_s)
{
    size_t journal_n = s->journal_n;
    int rc = db_begin(&s->db);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = store_put_report(s, &reports[i], now_s);
    rc = store_end(s, rc);
    if (rc != 0)
        s->journal_n = journal_n;
    return rc;
}

/* ---- batches */

static bool below(uint32_t epoch, uint64_t seq, uint32_t floor_epoch, uint64_t floor_seq)
{
    return epoch < floor_epoch || (epoch == floor_epoch && seq < floor_seq);
}

int store_put_floor(struct store *s, struct known_member *m, uint32_t epoch, uint64_t seq)
{
    if (!below(m->floor_epoch, m->floor_seq, epoch, seq))
        return 0;
    struct query q = query(&s->db, SQL_MEMBER_FLOOR);
    query_int(&q, m->id);
    query_int(&q, epoch);
    query_int(&q, (int64_t)seq);
    int rc = query_run(&q);
    if (rc != 0)
        return rc;
    m->floor_epoch = epoch;
    m->floor_seq = seq;
    s->floors_raised = true;
    return 0;
}

int store_put_batch(struct store *s, int64_t member, const struct store_batch *b, bool *stored)
{
    struct query q = query(&s->db, SQL_BATCH_ADD);
    query_int(&q, member);
    query_int(&q, b->epoch);
    query_int(&q, (int64_t)b->seq);
    query_blob(&q, b->hash, HASH_BYTES);
    query_int(&q, b->floor_epoch);
    query_int(&q, (int64_t)b->floor_seq);
    query_int(&q, b->time_s);
    query_blob(&q, b->frame.at, b->frame.len);
    query_int(&q, b->opinions);
    int rc = query_run(&q);
    *stored = rc == 0 && sqlite3_changes(s->db.sql) > 0;
    s->counted[COUNT_BATCHES] += *stored;
    s->counted[COUNT_BATCH_BYTES] += *stored ? (int64_t)b->frame.len : 0;
    return rc;
}

/* SQLite's integers are signed; nobody counts that far. */
static bool is_countable(const struct store_batch *b)
{
    return b->seq <= INT64_MAX && b->floor_seq <= INT64_MAX;
}

/* An own batch that neighbours gave back. One that does not open counts for nothing, now and when it leaves. */
static int weigh_own(struct store *s, int64_t member, struct bytes frame)
{
    struct batch b;
    int rc = frames_open(&s->frames, &s->db, member, frame, s->policy->federation, &b);
    if (rc != 0)
        return rc == -ENOMEM || rc == -EIO ? rc : 0;
    s->counted[COUNT_LOG_WEIGHT] += log_weight(&b);
    batch_close(&b);
    return 0;
}

/* One that was purged, while this batch of it was on its way, is new here; the mesh gives its record back only later, and the fold passes over what it cannot read. */
static int add_author(struct store *s, const uint8_t root[KEY_BYTES], int64_t *id)
{
    bool is_new = names_root(&s->names, root) == NULL;
    int rc = names_add_member(&s->names, &s->db, s->policy, root, id);
    return rc == 0 && is_new ? introduce_records(s, *id, root) : rc;
}

/* A batch below its origin's floor is dead: it is as if it had been here and gone, whichever came first. A floor above the
 * batch that announces it is nonsense and is ignored. */
static int add_batch(struct store *s, struct store_batch *b)
{
    int64_t id = 0;
    bool dead = false;
    b->stored = false;
    if (!is_countable(b))
        return 0;
    int rc = add_author(s, b->origin, &id);
    struct known_member *m = rc == 0 ? names_member(&s->names, id) : NULL;
    if (m == NULL || below(b->epoch, b->seq, m->floor_epoch, m->floor_seq))
        return rc;
    rc = proof_kills(s, id, b, &dead);
    if (rc == 0 && !dead)
        rc = store_put_batch(s, id, b, &b->stored);
    if (rc == 0 && b->stored && m->self)
        rc = weigh_own(s, id, b->frame);
    if (rc != 0)
        return rc;
    if (!b->stored || below(b->epoch, b->seq, b->floor_epoch, b->floor_seq))
        return 0;
    return store_put_floor(s, m, b->floor_epoch, b->floor_seq);
}

int store_add_batches(struct store *s, struct store_batch *batches, size_t n, int64_t now_s)
{
    size_t stored = 0;
    (void)now_s;
    int rc = db_begin(&s->db);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = add_batch(s, &batches[i]);
        stored += batches[i].stored;
    }
    rc = store_end(s, rc);
    for (size_t i = 0; rc != 0 && i < n; i++)
        batches[i].stored = false;
    if (rc == 0)
        s->batches_n += stored;
    return rc;
}

/* A batch that comes while it is below is taken like any other, since the bound may be about to be lowered: the fold takes out what is below it then. */
static int put_bound(struct store *s, struct known_member *m, uint32_t epoch, uint64_t seq)
{
    struct query q = query(&s->db, SQL_MEMBER_BOUND);
    query_int(&q, m->id);
    query_int(&q, epoch);
    query_int(&q, (int64_t)seq);
    m->bound_epoch = epoch;
    m->bound_seq = seq;
    s->floors_raised = true;
    return query_run(&q);
}

int store_set_bound(struct store *s, const uint8_t root[KEY_BYTES], uint32_t epoch, uint64_t seq)
{
    struct known_member *m = names_root(&s->names, root);
    if (m == NULL || m->self || seq > INT64_MAX || (m->bound_epoch == epoch && m->bound_seq == seq))
        return 0;
    int rc = db_begin(&s->db);
    if (rc == 0)
        rc = store_end(s, put_bound(s, m, epoch, seq));
    return rc;
}

/* ---- records */

/* The mesh forgets those below the newest, too: what they signed cannot be passed on any more. */
static int prune_records(struct store *s, int64_t member)
{
    struct query q = query(&s->db, SQL_RECORD_PRUNE);
    query_int(&q, member);
    query_int(&q, STORE_RECORDS_MAX - 1);
    return query_run(&q);
}

int store_put_record(struct store *s, int64_t member, uint64_t serial, struct bytes frame)
{
    struct query q = query(&s->db, SQL_RECORD_ADD);
    query_int(&q, member);
    query_int(&q, (int64_t)serial);
    query_blob(&q, frame.at, frame.len);
    int rc = query_run(&q);
    return rc == 0 ? prune_records(s, member) : rc;
}

int store_add_record(struct store *s, const uint8_t root[KEY_BYTES], uint64_t serial, struct bytes frame)
{
    int64_t id = 0;
    if (serial > INT64_MAX)
        return -EINVAL;
    int rc = db_begin(&s->db);
    if (rc == 0)
        rc = names_add_member(&s->names, &s->db, s->policy, root, &id);
    if (rc == 0)
        rc = store_put_record(s, id, serial, frame);
    return store_end(s, rc);
}
