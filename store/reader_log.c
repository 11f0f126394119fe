#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "store/reader_private.h"
#include "store/store_private.h"

/* ---- logs */

static int each_name(struct reader *r, const struct known_member *m, int (*each)(void *ctx, const struct store_batch *name), void *ctx)
{
    struct store_batch b = { .stored = true };
    int stop = 0;
    memcpy(b.origin, m->root, KEY_BYTES);
    struct query q = query(&r->db, SQL_BATCH_NAMES);
    query_int(&q, m->id);
    while (stop == 0 && query_row(&q)) {
        struct bytes hash = column_bytes(&q, 2);
        if (hash.len != HASH_BYTES)
            continue;
        b.epoch = (uint32_t)column_int(&q, 0);
        b.seq = (uint64_t)column_int(&q, 1);
        memcpy(b.hash, hash.at, HASH_BYTES);
        b.floor_epoch = (uint32_t)column_int(&q, 3);
        b.floor_seq = (uint64_t)column_int(&q, 4);
        b.time_s = column_int(&q, 5);
        b.opinions = (uint32_t)column_int(&q, 6);
        stop = each(ctx, &b);
    }
    int rc = query_end(&q);
    return rc != 0 ? rc : stop;
}

/* 0 when unknown: no row has that number. */
static int member_number(struct reader *r, const uint8_t root[KEY_BYTES], int64_t *id)
{
    const struct known_member *m = names_root(&r->names, root);
    int rc = 0;
    if (m == NULL) {
        rc = names_load(&r->names, &r->db, r->policy);
        m = rc == 0 ? names_root(&r->names, root) : NULL;
    }
    *id = m != NULL ? m->id : 0;
    return rc;
}

static int compare_roots(const void *a, const void *b)
{
    return memcmp((*(const struct known_member *const *)a)->root, (*(const struct known_member *const *)b)->root, KEY_BYTES);
}

int reader_each_batch(struct reader *r, int (*each)(void *ctx, const struct store_batch *name), void *ctx)
{
    const struct known_member *sorted[MEMBERS_MAX];
    size_t n = 0;
    int rc = reader_begin(r);
    if (rc == 0)
        rc = names_load(&r->names, &r->db, r->policy);
    for (size_t i = 0; rc == 0 && i < r->names.members_n && n < MEMBERS_MAX; i++)
        if (!r->names.members[i].forgotten)
            sorted[n++] = &r->names.members[i];
    if (n > 0)
        qsort(sorted, n, sizeof *sorted, compare_roots);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = each_name(r, sorted[i], each, ctx);
    int ended = reader_end(r, 0);
    return rc != 0 ? rc : ended;
}

int reader_range(struct reader *r, const uint8_t origin[KEY_BYTES], uint32_t epoch, uint64_t from, uint64_t to,
                 int (*each)(void *ctx, const struct store_batch *b), void *ctx)
{
    struct store_batch b = { .epoch = epoch, .stored = true };
    int64_t member = 0;
    int stop = 0, rc = reader_begin(r);
    if (rc == 0)
        rc = member_number(r, origin, &member);
    if (rc != 0)
        return reader_end(r, rc);
    memcpy(b.origin, origin, KEY_BYTES);
    struct query q = query(&r->db, SQL_BATCH_RANGE);
    query_int(&q, member);
    query_int(&q, epoch);
    query_int(&q, from <= INT64_MAX ? (int64_t)from : INT64_MAX);
    query_int(&q, to <= INT64_MAX ? (int64_t)to : INT64_MAX);
    while (stop == 0 && query_row(&q)) {
        struct bytes hash = column_bytes(&q, 1);
        if (hash.len != HASH_BYTES)
            continue;
        b.seq = (uint64_t)column_int(&q, 0);
        memcpy(b.hash, hash.at, HASH_BYTES);
        b.floor_epoch = (uint32_t)column_int(&q, 2);
        b.floor_seq = (uint64_t)column_int(&q, 3);
        b.time_s = column_int(&q, 4);
        b.frame = column_bytes(&q, 5);
        stop = each(ctx, &b);
    }
    rc = reader_end(r, query_end(&q));
    return rc != 0 ? rc : stop;
}

static bool read_proof(struct reader *r, const struct query *q, struct proof_row *p)
{
    const struct known_member *m = names_member(&r->names, column_int(q, 0));
    struct bytes a = column_bytes(q, 3), b = column_bytes(q, 5);
    if (m == NULL || m->forgotten || a.len != HASH_BYTES || b.len != HASH_BYTES)
        return false;
    *p = (struct proof_row){ .epoch = (uint32_t)column_int(q, 1), .seq = (uint64_t)column_int(q, 2), .frame = { column_bytes(q, 4), column_bytes(q, 6) },
                             .time_s = column_int(q, 7), .found_s = column_int(q, 8), .forgiven = column_int(q, 9) != 0, .quarantined = m->quarantined };
    memcpy(p->root, m->root, KEY_BYTES);
    memcpy(p->hash[0], a.at, HASH_BYTES);
    memcpy(p->hash[1], b.at, HASH_BYTES);
    return true;
}

int reader_proofs(struct reader *r, int (*each)(void *ctx, const struct proof_row *p), void *ctx)
{
    int stop = 0, rc = reader_begin(r);
    if (rc == 0)
        rc = names_load(&r->names, &r->db, r->policy);
    if (rc != 0)
        return reader_end(r, rc);
    struct query q = query(&r->db, SQL_PROOF_EACH);
    while (stop == 0 && query_row(&q)) {
        struct proof_row p;
        if (read_proof(r, &q, &p))
            stop = each(ctx, &p);
    }
    rc = reader_end(r, query_end(&q));
    return rc != 0 ? rc : stop;
}

static int each_record(struct reader *r, int64_t member, int (*each)(void *ctx, const struct record *rec, struct bytes frame), void *ctx)
{
    int stop = 0;
    struct query q = query(&r->db, SQL_RECORD_EACH);
    query_int(&q, member);
    while (stop == 0 && query_row(&q)) {
        struct record rec;
        struct bytes frame = column_bytes(&q, 0);
        if (record_open(frame, &rec) == 0)
            stop = each(ctx, &rec, frame);
    }
    int rc = query_end(&q);
    return rc != 0 ? rc : stop;
}

int reader_records(struct reader *r, const uint8_t *root, int (*each)(void *ctx, const struct record *rec, struct bytes frame), void *ctx)
{
    int rc = reader_begin(r);
    if (rc == 0)
        rc = names_load(&r->names, &r->db, r->policy);
    for (size_t i = 0; rc == 0 && i < r->names.members_n; i++) {
        const struct known_member *m = &r->names.members[i];
        if (!m->forgotten && (root == NULL || memcmp(m->root, root, KEY_BYTES) == 0))
            rc = each_record(r, m->id, each, ctx);
    }
    return reader_end(r, rc);
}

int reader_head(struct reader *r, uint32_t *epoch, uint64_t *seq)
{
    int64_t stored_epoch = 0, stored_seq = 0;
    int rc = reader_begin(r);
    if (rc != 0)
        return rc;
    rc = meta_number(&r->db, META_EPOCH, &stored_epoch);
    if (rc == 0)
        rc = meta_number(&r->db, META_SEQ, &stored_seq);
    rc = reader_end(r, rc);
    if (rc != 0)
        return rc;
    *epoch = (uint32_t)stored_epoch;
    *seq = (uint64_t)stored_seq;
    return 0;
}

/* ---- counts */

static int kept_count(struct reader *r, enum store_count which, uint64_t *out)
{
    int64_t n = 0;
    int rc = meta_number(&r->db, meta_counts[which], &n);
    *out = n > 0 ? (uint64_t)n : 0;
    return rc;
}

static int counted(struct reader *r, enum sql which, uint64_t *out)
{
    struct query q = query(&r->db, which);
    if (query_row(&q))
        *out = (uint64_t)column_int(&q, 0);
    return query_end(&q);
}

static uint64_t bytes_of(const char *path, const char *suffix)
{
    char name[4096];
    struct stat st;
    if ((size_t)snprintf(name, sizeof name, "%s%s", path, suffix) >= sizeof name || stat(name, &st) != 0)
        return 0;
    return (uint64_t)st.st_size;
}

int reader_counts(struct reader *r, struct store_counts *out)
{
    struct store_counts c = { 0 };
    int rc = reader_begin(r);
    if (rc != 0)
        return rc;
    rc = kept_count(r, COUNT_EVIDENCE, &c.evidence);
    if (rc == 0)
        rc = kept_count(r, COUNT_OPINIONS, &c.opinions);
    if (rc == 0)
        rc = kept_count(r, COUNT_BATCHES, &c.batches);
    if (rc == 0)
        rc = kept_count(r, COUNT_BATCH_BYTES, &c.batch_bytes);
    if (rc == 0)
        rc = kept_count(r, COUNT_LISTINGS, &c.listings);
    if (rc == 0)
        rc = kept_count(r, COUNT_UNNAMED, &c.unnamed);
    c.listings -= c.unnamed < c.listings ? c.unnamed : c.listings;
    if (rc == 0)
        rc = kept_count(r, COUNT_NETWORKS, &c.networks);
    if (rc == 0)
        rc = kept_count(r, COUNT_JOURNAL, &c.journal);
    if (rc == 0)
        rc = counted(r, SQL_COUNT_MEMBERS, &c.members);
    if (rc == 0 && c.evidence + c.opinions <= SUBJECTS_EXACT_MAX)
        rc = counted(r, SQL_COUNT_SUBJECTS, &c.subjects);
    else if (rc == 0)
        rc = kept_count(r, COUNT_SUBJECTS, &c.subjects);
    rc = reader_end(r, rc);
    if (rc != 0)
        return rc;
    c.file_bytes = bytes_of(r->path, "");
    c.wal_bytes = bytes_of(r->path, "-wal");
    *out = c;
    return 0;
}
