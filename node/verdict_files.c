#include "node/verdict_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "node/log.h"

/* FRESH_S: a file that was changed so shortly before it was read may change again unseen, as clocks of file systems are coarse. */
enum { LOOK_MS = 1000, COMPLAINT_MS = 60 * 1000, SQLITE_WAIT_MS = 50, PROGRESS_STEPS = 1000, FRESH_S = 2 };

/* What a change of a file shows in. */
struct stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec changed;
    bool there;
};

struct verdict_files {
    uv_loop_t *loop;
    struct verdict_rules *rules;
    char path[CONFIG_PATH_MAX];            /* of the profiles; empty: none */
    bool table;                            /* `path` is a SQLite file */
    struct verdict_profiles *profiles;
    struct stamp stamp;                    /* of what was read, or is being read */
    bool failed;                           /* what is in `path` could not be read: nobody knows who opted for what */
    struct job *job;                       /* a reading under way */
    uint64_t look_at_ms, complain_at_ms;
    uint64_t retry_at_ms;                  /* the table failed or was slow: it is left alone until then, so that others do not wait for it */
    uint64_t deadline_ns;                  /* of a question to it */
    sqlite3 *db;
    sqlite3_stmt *find;
};

/* One reading of the profiles, on a thread of the pool. */
struct job {
    uv_work_t work;
    struct verdict_files *v;               /* NULL: it is not wanted any more */
    char path[CONFIG_PATH_MAX];
    struct verdict_profiles *profiles;
    size_t bad;
    struct rules_fault first;
    int rc;
};

/* ---- files */

static struct stamp stamp_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct stamp){ .there = false };
    return (struct stamp){ st.st_dev, st.st_ino, st.st_size, st.st_mtim, true };
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    if (!a->there || !b->there)
        return a->there == b->there;
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* The whole file; *text is the caller's to free(). -EFBIG for more than `max`. */
static int slurp(const char *path, size_t max, char **text, size_t *len)
{
    struct stat st;
    FILE *f;
    char *at;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (f = fdopen(fd, "r")) == NULL) {
        close(fd);
        return -EINVAL;
    }
    at = (uint64_t)st.st_size <= max ? malloc((size_t)st.st_size + 1) : NULL;
    if (at == NULL)
        rc = (uint64_t)st.st_size <= max ? -ENOMEM : -EFBIG;
    else
        *len = fread(at, 1, (size_t)st.st_size, f);
    if (rc == 0 && ferror(f))
        rc = -EIO;
    fclose(f);
    if (rc != 0)
        free(at);
    else
        *text = at;
    return rc;
}

static const char *file_trouble(int rc)
{
    return rc == -EINVAL ? "not a regular file" : strerror(-rc);
}

static int find_category(void *ctx, const char *name)
{
    return policy_category(ctx, name);
}

int verdict_rules_load(const struct config *c, struct verdict_rules **out, char *why)
{
    const char *path = c->tools.verdict.rules;
    struct rules_fault fault = { .line = 0 };
    char *text = NULL;
    size_t len = 0;
    int rc;
    *out = NULL;
    if (path[0] == '\0')
        return 0;
    rc = slurp(path, RULES_TEXT_MAX, &text, &len);
    if (rc != 0) {
        snprintf(why, CONFIG_WHY_MAX, "%s: %s; %s", path, file_trouble(rc), rc == -ENOENT ? "without rules all mail is delivered" : "expected the rules of verdict.rules");
        return rc;
    }
    rc = verdict_rules_parse(text, len, find_category, c->policy, out, &fault);
    free(text);
    if (rc == -EINVAL)
        snprintf(why, CONFIG_WHY_MAX, "%s:%u: %s", path, fault.line, fault.text);
    else if (rc != 0)
        snprintf(why, CONFIG_WHY_MAX, "%s: %s", path, strerror(-rc));
    return rc;
}

static int read_profiles(const char *path, struct verdict_profiles **out, size_t *bad, struct rules_fault *first)
{
    char *text = NULL;
    size_t len = 0;
    int rc = slurp(path, PROFILES_TEXT_MAX, &text, &len);
    if (rc != 0)
        return rc;
    rc = verdict_profiles_parse(text, len, out, bad, first);
    free(text);
    return rc;
}

/* ---- the table */

static void close_table(struct verdict_files *v)
{
    sqlite3_finalize(v->find);
    sqlite3_close(v->db);
    v->find = NULL;
    v->db = NULL;
}

static int open_table(const char *path, sqlite3 **db, sqlite3_stmt **find)
{
    int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(*db, SQLITE_WAIT_MS);
    return rc == SQLITE_OK ? sqlite3_prepare_v2(*db, "SELECT profile FROM profile WHERE address = ?1 LIMIT 1", -1, find, NULL) : rc;
}

/* A table without an index must not hold up the loop. */
static int too_late(void *ctx)
{
    const struct verdict_files *v = ctx;
    return uv_hrtime() > v->deadline_ns;
}

static int find_key(struct verdict_files *v, const char *key, char out[PROFILE_NAME_MAX + 1])
{
    int rc, found = 0;
    sqlite3_bind_text(v->find, 1, key, -1, SQLITE_STATIC);
    rc = sqlite3_step(v->find);
    if (rc == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(v->find, 0);
        size_t len = name != NULL ? strlen(name) : 0;
        found = profile_name_is_valid(name, len) ? 1 : -EINVAL;
        if (found == 1)
            memcpy(out, name, len + 1);
    } else if (rc != SQLITE_DONE) {
        found = -EIO;
    }
    sqlite3_reset(v->find);
    return found;
}

static void complain(struct verdict_files *v, const char *what)
{
    if (uv_now(v->loop) < v->complain_at_ms)
        return;
    v->complain_at_ms = uv_now(v->loop) + COMPLAINT_MS;
    log_warning("verdict: %s: %s; its recipients have no profile, and their mail is delivered", v->path, what);
}

/* A file that took the place of the other has another stamp; what changes within it, SQLite sees. */
static bool table_is_ready(struct verdict_files *v)
{
    struct stamp now = v->stamp;
    if (uv_now(v->loop) >= v->look_at_ms) {
        v->look_at_ms = uv_now(v->loop) + LOOK_MS;
        now = stamp_of(v->path);
    }
    if (v->db != NULL && now.dev == v->stamp.dev && now.ino == v->stamp.ino)
        return true;
    close_table(v);
    v->stamp = now;
    v->deadline_ns = uv_hrtime() + SQLITE_WAIT_MS * UINT64_C(1000000);
    if (open_table(v->path, &v->db, &v->find) == SQLITE_OK) {
        sqlite3_progress_handler(v->db, PROGRESS_STEPS, too_late, v);
        return true;
    }
    complain(v, v->db != NULL ? sqlite3_errmsg(v->db) : "memory is out");
    close_table(v);
    return false;
}

static int profile_of_table(struct verdict_files *v, const char *rcpt, char out[PROFILE_NAME_MAX + 1])
{
    char keys[3][PROFILE_KEY_MAX + 1];
    int n = profile_keys(rcpt, keys), found = 0;
    if (uv_now(v->loop) < v->retry_at_ms || !table_is_ready(v)) {
        if (uv_now(v->loop) >= v->retry_at_ms)
            v->retry_at_ms = uv_now(v->loop) + LOOK_MS;
        return -EIO;
    }
    v->deadline_ns = uv_hrtime() + SQLITE_WAIT_MS * UINT64_C(1000000);
    for (int i = 0; i < n && found == 0; i++)
        found = find_key(v, keys[i], out);
    if (found == -EINVAL)
        complain(v, "a profile's name is not one of letters, digits and '-'");
    else if (found < 0)
        complain(v, sqlite3_errmsg(v->db));
    if (found < 0) {
        v->retry_at_ms = uv_now(v->loop) + LOOK_MS;
        close_table(v);
    }
    return found == 1 && strcmp(out, "none") == 0 ? 0 : found;
}

/* ---- the file of profiles, read beside */

static void say_bad(const char *path, size_t bad, const struct rules_fault *first)
{
    if (bad > 0)
        log_warning("verdict: %s:%u: %s; %zu lines are not understood, the others are in force", path, first->line, first->text, bad);
}

static void take_profiles(struct verdict_files *v, struct verdict_profiles *p, int rc, size_t bad, const struct rules_fault *first)
{
    v->failed = rc != 0 && v->profiles == NULL;
    if (rc != 0) {
        log_warning("verdict: %s: %s; %s", v->path, rc == -E2BIG || rc == -EFBIG ? "it is too large; expected at most 64 MB and a million lines" : strerror(-rc),
                    v->profiles != NULL ? "what was read before stays in force" : "nobody has a profile, and all mail is delivered");
        return;
    }
    verdict_profiles_destroy(&v->profiles);
    v->profiles = p;
    say_bad(v->path, bad, first);
    log_debug("verdict: %s: %zu profiles", v->path, verdict_profiles_count(p));
}

static void job_run(uv_work_t *work)
{
    struct job *job = work->data;
    job->rc = read_profiles(job->path, &job->profiles, &job->bad, &job->first);
}

static void job_done(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct verdict_files *v = job->v;
    if (status != 0)
        job->rc = -ECANCELED;
    if (v != NULL) {
        v->job = NULL;
        take_profiles(v, job->profiles, job->rc, job->bad, &job->first);
    } else if (job->rc == 0) {
        verdict_profiles_destroy(&job->profiles);
    }
    free(job);
}

/* Of a file that is fresh the stamp is not kept: it is read once more. */
static void keep_stamp(struct verdict_files *v, const struct stamp *s)
{
    v->stamp = *s;
    if (s->there && time(NULL) - s->changed.tv_sec <= FRESH_S)
        v->stamp.size = -1;
}

static void start_job(struct verdict_files *v, const struct stamp *now)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return;
    job->v = v;
    job->work.data = job;
    strcpy(job->path, v->path);
    if (uv_queue_work(v->loop, &job->work, job_run, job_done) != 0) {
        free(job);
        return;
    }
    v->job = job;
    keep_stamp(v, now);
}

static void look_for_change(struct verdict_files *v)
{
    struct stamp now;
    if (v->job != NULL || uv_now(v->loop) < v->look_at_ms)
        return;
    v->look_at_ms = uv_now(v->loop) + LOOK_MS;
    now = stamp_of(v->path);
    if (!same_stamp(&now, &v->stamp))
        start_job(v, &now);
}

/* ---- all of it */

static void read_now(struct verdict_files *v)
{
    struct stamp now = stamp_of(v->path);
    struct verdict_profiles *p = NULL;
    struct rules_fault first = { .line = 0 };
    size_t bad = 0;
    int rc = read_profiles(v->path, &p, &bad, &first);
    keep_stamp(v, &now);
    take_profiles(v, p, rc, bad, &first);
}

static void forget_job(struct verdict_files *v)
{
    if (v->job != NULL)
        v->job->v = NULL;
    v->job = NULL;
}

void verdict_files_reload(struct verdict_files *v, const struct config *c, struct verdict_rules *rules)
{
    const struct config_verdict *o = &c->tools.verdict;
    struct stamp now;
    verdict_rules_destroy(&v->rules);
    v->rules = rules;
    v->complain_at_ms = v->retry_at_ms = 0;
    forget_job(v);
    close_table(v);
    strcpy(v->path, o->profiles);
    v->table = o->table;
    v->failed = false;
    if (v->path[0] == '\0' || v->table) {
        verdict_profiles_destroy(&v->profiles);
        return;
    }
    now = stamp_of(v->path);           /* what was read before stays until this is read */
    start_job(v, &now);
}

struct verdict_files *verdict_files_open(uv_loop_t *loop, const struct config *c, struct verdict_rules *rules)
{
    struct verdict_files *v = calloc(1, sizeof *v);
    if (v == NULL)
        return NULL;
    v->loop = loop;
    v->rules = rules;
    strcpy(v->path, c->tools.verdict.profiles);
    v->table = c->tools.verdict.table;
    if (v->path[0] != '\0' && !v->table)
        read_now(v);
    return v;
}

void verdict_files_close(struct verdict_files **vp)
{
    struct verdict_files *v = *vp;
    if (v == NULL)
        return;
    close_table(v);
    verdict_profiles_destroy(&v->profiles);
    verdict_rules_destroy(&v->rules);
    free(v);
    *vp = NULL;
}

const struct verdict_rules *verdict_files_rules(const struct verdict_files *v)
{
    return v->rules;
}

int verdict_files_profile(struct verdict_files *v, const char *rcpt, char out[PROFILE_NAME_MAX + 1])
{
    const char *found;
    if (v->path[0] == '\0')
        return 0;
    if (v->table)
        return profile_of_table(v, rcpt, out);
    look_for_change(v);
    found = v->profiles != NULL ? verdict_profiles_find(v->profiles, rcpt) : NULL;
    if (found != NULL)
        strcpy(out, found);
    return found != NULL ? 1 : v->failed ? -EIO : 0;
}

/* ---- hearsayd -t */

static void check_table(const char *path, char *warning)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *find = NULL;
    if (open_table(path, &db, &find) != SQLITE_OK)
        snprintf(warning, CONFIG_WHY_MAX, "%s: %s; expected a table profile(address, profile)", path, db != NULL ? sqlite3_errmsg(db) : "memory is out");
    sqlite3_finalize(find);
    sqlite3_close(db);
}

int verdict_files_check(const struct config *c, char *why, char *warning)
{
    const struct config_verdict *o = &c->tools.verdict;
    struct verdict_rules *rules = NULL;
    struct verdict_profiles *profiles = NULL;
    struct rules_fault first = { .line = 0 };
    size_t bad = 0;
    int rc = verdict_rules_load(c, &rules, why), wrong;
    verdict_rules_destroy(&rules);
    if (o->profiles[0] == '\0')
        return rc;
    if (o->table) {
        check_table(o->profiles, warning);
        return rc;
    }
    wrong = read_profiles(o->profiles, &profiles, &bad, &first);
    if (wrong != 0)
        snprintf(warning, CONFIG_WHY_MAX, "%s: %s; nobody has a profile", o->profiles, file_trouble(wrong));
    else if (bad > 0)
        snprintf(warning, CONFIG_WHY_MAX, "%s:%u: %s", o->profiles, first.line, first.text);
    verdict_profiles_destroy(&profiles);
    return rc;
}
