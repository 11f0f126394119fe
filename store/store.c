#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/store_private.h"
#include "store/tool_private.h"

/* Somebody else moves the WAL back into the file, by store_checkpoint(); if nobody does, the writer must, or the disk fills. */
enum { WAL_BYTES_MAX = 256 << 20 };

const char *const meta_counts[COUNT_N] = {
    [COUNT_JOURNAL] = "journal_n", [COUNT_BATCHES] = "batches_n", [COUNT_BATCH_BYTES] = "batch_bytes",
    [COUNT_EVIDENCE] = "evidence_n", [COUNT_OPINIONS] = "opinions_n", [COUNT_LISTINGS] = "listings_n", [COUNT_UNNAMED] = "unnamed_n", [COUNT_NETWORKS] = "networks_n",
    [COUNT_SUBJECTS] = "subjects_n", [COUNT_TARPIT] = "tarpit_n", [COUNT_BOUNCES] = "bounces_n", [COUNT_GREY] = "grey_n", [COUNT_CLIENTS] = "grey_clients_n",
    [COUNT_SPF] = "spf_n", [COUNT_VERDICTS] = "verdicts_n", [COUNT_TOLD] = "told_n", [COUNT_LOG_WEIGHT] = "log_weight",
    [COUNT_OWN_BLACK] = "own_black_n", [COUNT_OWN_WHITE] = "own_white_n",
};

static int take_lock(const char *path, int *fd, char *why)
{
    char lock[4096];
    if ((size_t)snprintf(lock, sizeof lock, "%s-lock", path) >= sizeof lock)
        return -ENAMETOOLONG;
    *fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        int rc = -errno;
        snprintf(why, STORE_WHY_MAX, "%s-lock: %s%s", path, strerror(-rc), rc == -EACCES ? db_owner_advice(rc) : "");
        return rc;
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    int rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
    snprintf(why, STORE_WHY_MAX, "%s: %s", path,
             rc == -EBUSY ? "another hearsayd writes to this database; stop it first" : strerror(-rc));
    close(*fd);
    *fd = -1;
    return rc;
}

static int note_wal(void *ctx, sqlite3 *sql, const char *schema, int pages)
{
    (void)sql;
    (void)schema;
    ((struct store *)ctx)->wal_pages = pages;
    return SQLITE_OK;
}

static int count_rows(struct store *s, enum sql which, int64_t above, size_t *n)
{
    struct query q = query(&s->db, which);
    if (which == SQL_BATCH_UNFOLDED_COUNT)
        query_int(&q, above);
    if (query_row(&q))
        *n = (size_t)column_int(&q, 0);
    return query_end(&q);
}

/* The backlog: what a crash, or an end before the last fold, left to do. */
int store_count_backlog(struct store *s)
{
    int64_t mark = 0;
    int rc = meta_number(&s->db, META_FOLDED, &mark);
    if (rc == 0)
        rc = count_rows(s, SQL_BATCH_UNFOLDED_COUNT, mark, &s->batches_n);
    if (rc == 0)
        rc = count_rows(s, SQL_JOURNAL_COUNT, 0, &s->journal_n);
    return rc == 0 ? count_rows(s, SQL_FRESH_COUNT, 0, &s->fresh_n) : rc;
}

int store_reload(struct store *s)
{
    int64_t rescan = 0, rebuild = 0;
    run_stop(&s->journal);
    run_stop(&s->opinions);
    memset(s->counted, 0, sizeof s->counted);
    int rc = meta_number(&s->db, META_RESCAN, &rescan);
    if (rc == 0)
        rc = meta_number(&s->db, META_PREFIXES, &s->prefixes);
    if (rc == 0)
        rc = meta_number(&s->db, META_CLOCK, &s->clock_top_s);
    if (rc == 0)
        rc = meta_number(&s->db, META_MEND, &s->mend_s);
    if (rc == 0)
        rc = meta_number(&s->db, META_REBUILD, &rebuild);
    if (rc == 0)
        rc = meta_number(&s->db, META_TRIALS, &s->trials_s);
    if (rc == 0)
        rc = meta_number(&s->db, meta_counts[COUNT_NETWORKS], &s->networks_n);
    if (rc == 0 && s->policy != NULL)
        rc = names_load(&s->names, &s->db, s->policy);
    if (rc == 0)
        rc = tool_load_counts(s);
    s->rescan = rescan != 0;
    s->rebuilding = rebuild != 0;
    s->quick_at = 0;
    s->floors_raised = true;
    s->trust_stale = true;
    s->trust_next_s = INT64_MAX;
    s->exceptions_known = false;
    s->sweep_at.len = 0;
    s->trying = false;
    return rc;
}

static int put_counts(struct store *s)
{
    int rc = 0;
    s->census_changed += llabs(s->counted[COUNT_EVIDENCE]) + llabs(s->counted[COUNT_OPINIONS]);
    for (size_t i = 0; rc == 0 && i < COUNT_N; i++) {
        if (s->counted[i] != 0)
            rc = meta_add(&s->db, meta_counts[i], s->counted[i]);
        s->counted[i] = 0;
    }
    return rc;
}

/* A reader that looks at an old state keeps the WAL from beginning anew: then it is tried again only when much has been added. */
static void check_wal(struct store *s)
{
    enum { PAGES_MAX = WAL_BYTES_MAX / DB_PAGE_BYTES };
    if (s->wal_pages < s->wal_tried)
        s->wal_tried = 0;
    if (s->wal_pages < PAGES_MAX || s->wal_pages < s->wal_tried + PAGES_MAX / 8)
        return;
    s->wal_tried = s->wal_pages;
    sqlite3_wal_checkpoint_v2(s->db.sql, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

int store_end(struct store *s, int rc)
{
    rc = db_end(&s->db, rc == 0 ? put_counts(s) : rc);
    if (rc != 0) {
        store_reload(s);
        return rc;
    }
    check_wal(s);
    return 0;
}

int store_open(const char *path, bool create, struct store **out, char *why)
{
    struct store *s = calloc(1, sizeof *s);
    why[0] = '\0';
    if (s == NULL || (s->path = strdup(path)) == NULL) {
        free(s);
        snprintf(why, STORE_WHY_MAX, "out of memory");
        return -ENOMEM;
    }
    s->lock_fd = -1;
    /* The lock first: to look at the file of a store that this very process has open would drop SQLite's locks on it. */
    int rc = create ? 0 : db_check_exists(path, why);
    if (rc == 0)
        rc = take_lock(path, &s->lock_fd, why);
    if (rc == 0)
        rc = db_check_file(path, create, why);
    if (rc == 0)
        rc = db_open_writer(&s->db, path, why);
    if (rc == 0) {
        sqlite3_wal_hook(s->db.sql, note_wal, s);
        rc = store_reload(s);
        if (rc == 0)
            rc = store_count_backlog(s);
        if (rc != 0)
            db_explain(&s->db, path, rc, why);
    }
    if (rc != 0) {
        store_close(&s);
        return rc;
    }
    *out = s;
    return 0;
}

void store_close(struct store **s)
{
    struct store *gone = *s;
    if (gone == NULL)
        return;
    db_close(&gone->db);
    if (gone->lock_fd >= 0)
        close(gone->lock_fd);
    policy_destroy(&gone->policy);
    names_clear(&gone->names);
    voices_clear(&gone->voices);
    exceptions_clear(&gone->exceptions);
    run_clear(&gone->journal);
    run_clear(&gone->opinions);
    free(gone->changes);
    networks_area_clear(&gone->area);
    free(gone->stored_networks.at);
    free(gone->path);
    free(gone);
    *s = NULL;
}

bool store_overtook(const struct store *s)
{
    return s->overtook;
}

size_t store_backlog(const struct store *s)
{
    return s->journal_n + s->batches_n + s->fresh_n;
}

int store_checkpoint(const char *path)
{
    struct db d;
    char why[STORE_WHY_MAX];
    int log_frames = -1, moved_frames = -1;
    int rc = db_open_plain(&d, path, why);
    if (rc != 0)
        return rc;
    rc = db_error(d.sql, sqlite3_wal_checkpoint_v2(d.sql, NULL, SQLITE_CHECKPOINT_PASSIVE, &log_frames, &moved_frames));
    db_close(&d);
    return rc == 0 && log_frames < 0 ? -EIO : rc;
}
