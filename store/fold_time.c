#include "store/fold.h"

#include <errno.h>
#include <string.h>

#include "store/tool_private.h"

enum {
    SWEEP_ROWS = 4096,
    SLICE_MIN = 256                /* rows that a pass goes on by, however busy the fold */
};

static size_t slice(struct fold *f)
{
    size_t n = f->rows_left > SLICE_MIN ? f->rows_left : SLICE_MIN;
    fold_spend(f, n);
    return n;
}

/* Steps through rows that begin with (subject, category) and touches them. *n: how many. */
static int touch_rows(struct fold *f, struct query *q, size_t *n)
{
    int rc = 0;
    *n = 0;
    while (rc == 0 && query_row(q)) {
        rc = fold_touch_copy(f, column_bytes(q, 0), column_int(q, 1));
        ++*n;
    }
    int ended = query_end(q);
    return rc != 0 ? rc : ended;
}

int fold_due(struct fold *f)
{
    if (f->s->policy->zones_n == 0)
        return 0;
    size_t max = f->rows_left > SLICE_MIN ? f->rows_left : SLICE_MIN, n;
    struct query q = query(&f->s->db, SQL_LISTING_DUE);
    query_int(&q, f->now_s);
    query_int(&q, (int64_t)max);
    int rc = touch_rows(f, &q, &n);
    fold_spend(f, n);
    f->more |= n == max;
    return rc;
}

/* ---- the pass over all keys */

/* Where the pass stands, as one blob: subject, then the category in 2 bytes. */
static int load_cursor(struct fold *f, uint8_t *key, size_t *len, int *category)
{
    uint8_t at[SUBJECT_KEY_MAX + 2];
    size_t n = 0;
    int rc = meta_bytes(&f->s->db, META_RESCAN_AT, at, sizeof at, &n);
    *len = n > 2 ? n - 2 : 0;
    *category = n > 2 ? at[n - 2] << 8 | at[n - 1] : 0;
    memcpy(key, at, *len);
    return rc;
}

static int save_cursor(struct fold *f, const struct topic *t)
{
    uint8_t at[SUBJECT_KEY_MAX + 2];
    memcpy(at, t->key, t->len);
    at[t->len] = (uint8_t)(t->category >> 8);
    at[t->len + 1] = (uint8_t)t->category;
    return meta_set_bytes(&f->s->db, META_RESCAN_AT, at, (size_t)t->len + 2);
}

/* Opinions of members that were forgotten leave as the pass goes by. */
static int drop_forgotten(struct fold *f, size_t from)
{
    struct store *s = f->s;
    for (size_t i = 0; i < s->names.members_n; i++) {
        if (!s->names.members[i].forgotten)
            continue;
        for (size_t k = from; k < f->touched_n; k++) {
            struct query q = query(&s->db, SQL_OPINION_PURGE);
            query_blob(&q, f->touched[k].key, f->touched[k].len);
            query_int(&q, f->touched[k].category);
            query_int(&q, s->names.members[i].id);
            int rc = query_run(&q);
            if (rc != 0)
                return rc;
            s->counted[COUNT_OPINIONS] -= sqlite3_changes(s->db.sql);
        }
    }
    return 0;
}

static int finish_rescan(struct fold *f)
{
    struct query q = query(&f->s->db, SQL_MEMBER_DROP_FORGOTTEN);
    int rc = query_run(&q);
    if (rc == 0)
        rc = meta_set_number(&f->s->db, META_RESCAN, 0);
    if (rc == 0)
        rc = fold_mended(f);
    f->s->rescan = false;
    return rc == 0 ? fold_networks_stale(f) : rc;
}

static int rescan_slice(struct fold *f)
{
    uint8_t key[SUBJECT_KEY_MAX];
    size_t len, n, from = f->touched_n, max = slice(f);
    int category;
    int rc = load_cursor(f, key, &len, &category);
    struct query q = query(&f->s->db, SQL_KEYS_AFTER);
    query_blob(&q, len > 0 ? key : (const uint8_t *)"", len);
    query_int(&q, category);
    query_int(&q, (int64_t)max);
    if (rc == 0)
        rc = touch_rows(f, &q, &n);
    if (rc == 0)
        rc = drop_forgotten(f, from);
    if (rc == 0)
        rc = fold_mend(f, from);
    if (rc != 0)
        return rc;
    f->more = true;
    if (n < max)
        return finish_rescan(f);
    return save_cursor(f, &f->touched[f->touched_n - 1]);
}

/* ---- the pass over what is or would be listed, when only the protection may have changed */

/* Listed and protected, or neither: a row of zone 0 may stand for a subject whose protection is gone. */
static int recheck_row(struct fold *f, const struct query *q)
{
    struct store *s = f->s;
    struct bytes key = column_bytes(q, 0);
    if (subject_from_key(key.at, key.len, &s->recheck_at) != 0)
        return -EBADMSG;
    s->recheck_category = column_int(q, 1);
    s->recheck_zone = column_int(q, 2);
    int rc = s->recheck_zone > 0 ? fold_recheck_network(f, key.at, key.len) : 0;
    if (rc != 0)
        return rc;
    if (store_never_lists(s, &s->recheck_at) != (s->recheck_zone > 0))
        return 0;
    return fold_touch_copy(f, key, s->recheck_category);
}

static int recheck_slice(struct fold *f)
{
    struct store *s = f->s;
    struct subject at = s->recheck_at;
    size_t n = 0, max = slice(f) * 8;
    int rc = 0;
    struct query q = query(&s->db, SQL_LISTING_AFTER);
    query_blob(&q, at.key, at.len);
    query_int(&q, s->recheck_category);
    query_int(&q, s->recheck_zone);
    query_int(&q, (int64_t)max);
    while (rc == 0 && query_row(&q)) {
        rc = recheck_row(f, &q);
        n++;
    }
    int ended = query_end(&q);
    s->recheck = n == max;
    f->more |= s->recheck;
    rc = rc != 0 ? rc : ended;
    if (rc == 0 && !s->recheck)
        rc = exceptions_note_checked(s);
    return rc == 0 && !s->recheck ? fold_networks_checked(f) : rc;
}

int fold_rescan(struct fold *f)
{
    if (f->s->rescan)
        return rescan_slice(f);
    return f->s->recheck ? recheck_slice(f) : 0;
}

/* ---- what is past its time */

/* What a member said before the time to live is dead, whether it announced so or not: one that fell silent would otherwise be
 * kept for ever. The floor goes just above the last of the dead that lead the log: between there and the first that lives
 * some may yet be fetched. The head always stays, or the mesh would fetch it again and again. */
static int raise_floor(struct fold *f, struct known_member *m)
{
    int64_t oldest_s = f->now_s - f->s->policy->ttl_s - FOLD_SWEEP_EVERY_S, epoch = 0, seq = -1;
    bool lives = false;
    struct query q = query(&f->s->db, SQL_BATCH_AGES);
    query_int(&q, m->id);
    while (!lives && query_row(&q)) {
        lives = column_int(&q, 2) >= oldest_s;
        if (lives)
            break;
        epoch = column_int(&q, 0);
        seq = column_int(&q, 1);
    }
    int rc = query_end(&q);
    if (rc != 0 || seq < 0)
        return rc;
    rc = store_put_floor(f->s, m, (uint32_t)epoch, (uint64_t)seq + (lives ? 1 : 0));
    f->more |= f->s->floors_raised;
    return rc;
}

static bool is_dead(const struct fold *f, const struct query *q)
{
    int64_t oldest_s = f->now_s - f->s->policy->ttl_s;
    bool waits = column_int(q, 5) != 0;
    return !waits && column_int(q, 2) < oldest_s && column_int(q, 3) < oldest_s && column_int(q, 4) < f->now_s;
}

static int drop_evidence(struct fold *f, const struct topic *t)
{
    struct query q = query(&f->s->db, SQL_EVIDENCE_DROP);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    bool dropped = query_row(&q), was_told = dropped && column_int(&q, 0) > 0;
    int was_side = dropped ? side_of_masses(column_int(&q, 1), column_int(&q, 2), SCORE_W_MICRO) : 0;
    int rc = query_end(&q);
    f->s->counted[COUNT_EVIDENCE] -= rc == 0 && dropped;
    f->s->counted[COUNT_TOLD] -= rc == 0 && was_told;
    if (rc == 0)
        store_count_side(f->s, was_side, 0);
    return rc;
}

/* One slice of the pass over own evidence; *done: it has come to the end. */
static int sweep_slice(struct fold *f, bool *done)
{
    struct store *s = f->s;
    size_t from = f->touched_n, n = 0;
    int rc = 0;
    struct subject at = s->sweep_at;
    struct query q = query(&s->db, SQL_EVIDENCE_SWEEP);
    query_blob(&q, at.key, at.len);
    query_int(&q, s->sweep_category);
    query_int(&q, SWEEP_ROWS);
    while (rc == 0 && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        if (is_dead(f, &q))
            rc = fold_touch_copy(f, key, column_int(&q, 1));
        if (rc == 0)
            rc = subject_from_key(key.at, key.len, &s->sweep_at) == 0 ? 0 : -EBADMSG;
        s->sweep_category = (uint16_t)column_int(&q, 1);
        n++;
    }
    int ended = query_end(&q);
    *done = n < SWEEP_ROWS;
    for (size_t i = from; rc == 0 && i < f->touched_n; i++) {
        rc = drop_evidence(f, &f->touched[i]);
        if (rc == 0)
            rc = fold_touch_network(f, f->touched[i].key, f->touched[i].len, false);
        if (rc == 0 && f->touched[i].category != s->names.category_ids[0])
            rc = rescore(f, &f->touched[i]);       /* the harm that this member itself saw is forgotten: its good mail vouches again */
    }
    f->touched_n = from;               /* what is dead says nothing: no score changes */
    return rc != 0 ? rc : ended;
}

int64_t fold_sweep_due_s(const struct store *s, int64_t now_s)
{
    return fold_clock_leapt(s, now_s) ? fold_clock_steady_s(s) : s->swept_s + FOLD_SWEEP_EVERY_S;
}

int fold_sweep(struct fold *f)
{
    struct store *s = f->s;
    bool done = false;
    if (f->more || f->now_s < fold_sweep_due_s(s, f->now_s))
        return 0;
    int rc = tool_sweep(s, SWEEP_ROWS / 4, f->now_s, &f->more);
    f->more |= s->journal_n > 0;               /* what was abandoned may be evidence */
    if (rc != 0 || f->more)
        return rc;
    rc = sweep_slice(f, &done);
    if (rc == 0 && !done)
        f->more = true;
    if (rc != 0 || !done)
        return rc;
    s->swept_s = f->now_s;
    s->sweep_at.len = 0;
    s->sweep_category = 0;
    for (size_t i = 0; rc == 0 && i < s->names.members_n; i++)
        rc = raise_floor(f, &s->names.members[i]);
    return rc;
}

/* ---- how many subjects */

/* A key that a row of a query begins with is not the last one seen. */
static bool is_other(const struct subject *s, struct bytes key)
{
    return s->len != key.len || memcmp(s->key, key.at, key.len) != 0;
}

static int census_slice(struct fold *f, bool *done)
{
    struct store *s = f->s;
    struct subject from = s->census_at;
    size_t n = 0;
    int rc = 0;
    struct query q = query(&s->db, SQL_KEYS_AFTER);
    query_blob(&q, from.key, from.len);
    query_int(&q, INT32_MAX);                  /* behind all categories of the last subject */
    query_int(&q, SWEEP_ROWS);
    for (; rc == 0 && query_row(&q); n++) {
        struct bytes key = column_bytes(&q, 0);
        if (!is_other(&s->census_at, key))
            continue;
        s->census_n++;
        rc = subject_from_key(key.at, key.len, &s->census_at) == 0 ? 0 : -EBADMSG;
    }
    int ended = query_end(&q);
    *done = n < SWEEP_ROWS;
    return rc != 0 ? rc : ended;
}

/* What a new member shows as known should not be of hours ago, when it knew nothing. Below SUBJECTS_EXACT_MAX nobody reads the number. */
int64_t fold_census_due_s(const struct store *s)
{
    bool other = s->census_changed > (s->census_last_n + SUBJECTS_EXACT_MAX) / 8;
    return s->census_s + (other ? FOLD_CENSUS_SOON_S : FOLD_CENSUS_EVERY_S);
}

/* Counting distinct subjects takes a look at every row, which nobody who asks for the status should wait for. */
int fold_census(struct fold *f)
{
    struct store *s = f->s;
    bool begun = s->census_at.len > 0, done = false;
    int64_t before = 0;
    if (f->more || (!begun && f->now_s < fold_census_due_s(s)))
        return 0;
    if (!begun)
        s->census_changed = 0;
    int rc = census_slice(f, &done);
    f->more |= rc == 0 && !done;
    if (rc == 0 && done)
        rc = meta_number(&s->db, meta_counts[COUNT_SUBJECTS], &before);
    if (rc != 0 || !done)
        return rc;
    s->counted[COUNT_SUBJECTS] = s->census_n - before;
    s->census_s = f->now_s;
    s->census_at.len = 0;
    s->census_last_n = s->census_n;
    s->census_n = 0;
    return 0;
}
