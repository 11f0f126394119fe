#include "store/introduce.h"

#include <string.h>

static int run_for(struct store *s, enum sql which, int64_t member)
{
    struct query q = query(&s->db, which);
    query_int(&q, member);
    return query_run(&q);
}

static int uncount_batches(struct store *s, int64_t member, uint64_t *n)
{
    struct query q = query(&s->db, SQL_BATCH_SIZES);
    query_int(&q, member);
    if (query_row(&q)) {
        *n = (uint64_t)column_int(&q, 0);
        s->counted[COUNT_BATCHES] -= column_int(&q, 0);
        s->counted[COUNT_BATCH_BYTES] -= column_int(&q, 1);
    }
    return query_end(&q);
}

/* The number of the forgotten member stays with its opinions until a pass over all keys has taken them out; should the
 * member come back meanwhile, it gets a new number. */
int store_forget(struct store *s, int64_t member, uint64_t *batches_n)
{
    int rc = uncount_batches(s, member, batches_n);
    if (rc == 0)
        rc = run_for(s, SQL_BATCH_PURGE, member);
    if (rc == 0)
        rc = run_for(s, SQL_RECORD_PURGE, member);
    if (rc == 0)
        rc = run_for(s, SQL_PROOF_PURGE, member);
    if (rc == 0)
        rc = run_for(s, SQL_LEARNED_PURGE, member);
    if (rc == 0)
        rc = run_for(s, SQL_MEMBER_FORGET, member);
    return rc == 0 ? store_start_rescan(s) : rc;
}

/* What was learned of it is in the digest as well. */
static int purge(struct store *s, struct known_member *m, uint64_t *batches_n)
{
    int rc = introduce_forget(s, m->root);
    if (rc == 0)
        rc = store_forget(s, m->id, batches_n);
    m->forgotten = true;
    return rc == 0 ? store_compare_digest(s) : rc;
}

int store_purge(struct store *s, const uint8_t root[KEY_BYTES], int64_t now_s, uint64_t *batches_n)
{
    struct known_member *m = names_root(&s->names, root);
    uint64_t n = 0;
    (void)now_s;
    if (m == NULL || m->self) {
        *batches_n = 0;
        return 0;
    }
    int rc = db_begin(&s->db);
    if (rc == 0)
        rc = store_end(s, purge(s, m, &n));
    if (rc != 0)
        return rc;
    *batches_n = n;
    rc = store_reload(s);
    return rc == 0 ? store_count_backlog(s) : rc;
}

/* Looks at what is or would be listed, from the first key on: what may be listed at all has changed. */
void store_start_recheck(struct store *s)
{
    s->recheck = true;
    s->recheck_at.len = 0;
    s->recheck_block_n = 0;
    s->recheck_category = s->recheck_zone = 0;
}

/* ---- another coalition, or another member */

/* All of it is gone, and counts as gone once, also where both are other ones. */
static int uncount(struct store *s, enum store_count which)
{
    int64_t kept = 0;
    int rc = meta_number(&s->db, meta_counts[which], &kept);
    s->counted[which] = -kept;
    return rc;
}

/* Nothing of the own log is left: all own evidence is told anew, in a new epoch. 2 is URGENCY_NOW. */
static int begin_log_anew(struct store *s)
{
    int rc = db_exec(&s->db, "UPDATE evidence SET told_black = 0, told_white = 0, told_time_s = 0, told_epoch = 0, told_seq = 0, urgency = 2, waiting_s = 1"
                             " WHERE told_epoch > 0");
    if (rc == 0)
        rc = uncount(s, COUNT_TOLD);
    if (rc == 0)
        rc = uncount(s, COUNT_LOG_WEIGHT);
    if (rc == 0)
        rc = meta_set_bytes(&s->db, META_HASH, "", 0);
    if (rc == 0)
        rc = meta_set_number(&s->db, META_CLEAN, 0);
    if (rc == 0)
        rc = store_start_rebuild(s);
    s->trust_stale = s->log_anew = true;
    return rc;
}

/* Batches of another federation are refused by all. Records and own evidence belong to members, not to a coalition. */
static int forget_coalition(struct store *s)
{
    int rc = db_exec(&s->db, "DELETE FROM batch; UPDATE member SET floor_epoch = 0, floor_seq = 0, bound_epoch = 0, bound_seq = 0;"
                             "DELETE FROM introductions; DELETE FROM introduction");
    if (rc == 0)
        rc = uncount(s, COUNT_BATCHES);
    if (rc == 0)
        rc = uncount(s, COUNT_BATCH_BYTES);
    return rc == 0 ? begin_log_anew(s) : rc;
}

/* The node has the keys of another member than before: a key file that was lost, or that somebody has seen. What it saw stays its own, and nobody has heard it from this
 * member yet; what the former one signed is a stranger's from now on. */
int store_change_self(struct store *s)
{
    static const uint8_t unknown[KEY_BYTES];
    const uint8_t *self = s->policy->self;
    uint8_t stored[KEY_BYTES] = { 0 };
    uint64_t batches_n = 0;
    size_t len = 0;
    if (memcmp(self, unknown, KEY_BYTES) == 0)
        return 0;                              /* a command that cannot read the keys */
    int rc = meta_bytes(&s->db, META_SELF, stored, sizeof stored, &len);
    if (rc != 0 || (len == KEY_BYTES && memcmp(stored, self, KEY_BYTES) == 0))
        return rc;
    rc = meta_set_bytes(&s->db, META_SELF, self, KEY_BYTES);
    if (rc != 0 || len != KEY_BYTES)
        return rc;
    struct known_member *former = names_root(&s->names, stored);
    if (former != NULL)
        rc = purge(s, former, &batches_n);
    return rc == 0 ? begin_log_anew(s) : rc;
}

int store_change_coalition(struct store *s)
{
    char stored[FEDERATION_MAX_BYTES + 1] = "";
    size_t len = 0;
    const char *wanted = s->policy->federation;
    int rc = meta_bytes(&s->db, META_FEDERATION, stored, sizeof stored - 1, &len);
    if (rc != 0 || (len == strlen(wanted) && memcmp(stored, wanted, len) == 0))
        return rc;
    rc = meta_set_bytes(&s->db, META_FEDERATION, wanted, strlen(wanted));
    return rc == 0 && len > 0 ? forget_coalition(s) : rc;
}

bool store_took_log_anew(struct store *s)
{
    bool took = s->log_anew;
    s->log_anew = false;
    return took;
}

/* The registers that are there become the ones before, for what is known of their past. If a rebuild is under way, those that it has not come to stay where they are. */
static int set_aside(struct store *s)
{
    if (s->rebuilding)
        return db_exec(&s->db, "INSERT OR REPLACE INTO opinion_before SELECT * FROM opinion; DELETE FROM opinion");
    return db_exec(&s->db, "DELETE FROM opinion_before; ALTER TABLE opinion RENAME TO opinion_swap; ALTER TABLE opinion_before RENAME TO opinion;"
                           "ALTER TABLE opinion_swap RENAME TO opinion_before");
}

int store_start_rebuild(struct store *s)
{
    int64_t opinions_n = 0;
    int rc = meta_number(&s->db, meta_counts[COUNT_OPINIONS], &opinions_n);
    if (rc == 0)
        rc = set_aside(s);
    s->rebuilding |= rc == 0;
    s->counted[COUNT_OPINIONS] = -opinions_n;
    if (rc == 0)
        rc = meta_set_number(&s->db, META_FOLDED, 0);
    if (rc == 0)
        rc = meta_set_number(&s->db, META_REBUILD, 1);
    return rc == 0 ? store_start_rescan(s) : rc;
}

/* Listings stand until the pass over all keys that follows: they end or begin by what the new registers say. */
int store_rebuild(struct store *s, int64_t now_s)
{
    (void)now_s;
    int rc = db_begin(&s->db);
    if (rc == 0)
        rc = store_end(s, store_start_rebuild(s));
    if (rc == 0)
        rc = store_reload(s);
    return rc == 0 ? store_count_backlog(s) : rc;
}
