#include "node/zone_keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/log.h"
#include "node/zone_file.h"
#include "node/zone_image.h"

enum {
    WRITE_EVERY_MS = 1000,
    RETRY_MIN_MS = 1000, RETRY_MAX_MS = 60000,
    LOOK_EVERY_MS = 10000,       /* whether the clock was set back */
    LOAD_SETTLE = 65536,         /* notes that wait during a load */
    EMPTY_REFUSED = 100          /* listings that an empty zone does not replace unasked */
};

struct zone_settings {
    struct policy *policy;
    size_t zones_n;
    char name[NAME_MAX_BYTES + 1];
    struct config_zone zones[];
};

struct job {
    struct zone_image *image;    /* NULL before the first load */
    uint64_t version;            /* of the image, when last written */
    bool stale;                  /* to be written whatever the versions say: after a load */
    bool written;                /* since the start */
    bool may_be_empty;           /* an operator said so */
    int64_t not_before_ms;
    int64_t retry_ms;            /* the wait after the last failure; 0 after a success */
    struct zone_thread_state state;
};

struct zone_keeper {
    struct zone_settings *settings;
    struct job *jobs;            /* one a zone */
    bool loaded;
    int64_t load_not_before_ms, load_retry_ms;
};

static int64_t doubled(int64_t wait_ms)
{
    return wait_ms == 0 ? RETRY_MIN_MS : wait_ms * 2 < RETRY_MAX_MS ? wait_ms * 2 : RETRY_MAX_MS;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- settings */

void zone_settings_free(struct zone_settings *s)
{
    if (s != NULL)
        policy_destroy(&s->policy);
    free(s);
}

/* Zones without a name are for `check` alone and come last. */
struct zone_settings *zone_settings_of(const struct config *c)
{
    size_t n = 0;
    while (n < c->policy->zones_n && n < POLICY_ZONES_MAX && c->policy->zones[n].name[0] != '\0')
        n++;
    struct zone_settings *s = calloc(1, sizeof *s + n * sizeof s->zones[0]);
    if (s == NULL)
        return NULL;
    s->policy = policy_copy(c->policy);
    if (s->policy == NULL) {
        free(s);
        return NULL;
    }
    s->zones_n = n;
    memcpy(s->name, c->name, sizeof s->name);
    memcpy(s->zones, c->zones, n * sizeof s->zones[0]);
    return s;
}

/* ---- changes */

bool zone_changes_add(struct zone_changes *c, const struct listing_change *change)
{
    size_t need = c->used + 4 + change->subject.len;
    if (change->zone < 0 || change->zone >= POLICY_ZONES_MAX || change->category < 0 || change->category >= POLICY_CATEGORIES_MAX)
        return true;
    if (need > ZONE_PENDING_MAX)
        return false;
    if (need > c->room) {
        size_t room = need + need / 2 + 4096;
        uint8_t *more = realloc(c->at, room);
        if (more == NULL)
            return false;
        c->at = more;
        c->room = room;
    }
    uint8_t *at = c->at + c->used;
    at[0] = (uint8_t)change->zone;
    at[1] = (uint8_t)change->category;
    at[2] = change->listed;
    at[3] = change->subject.len;
    memcpy(at + 4, change->subject.key, change->subject.len);
    c->used = need;
    return true;
}

void zone_changes_free(struct zone_changes *c)
{
    free(c->at);
    *c = (struct zone_changes){ 0 };
}

void zone_keeper_apply(struct zone_keeper *k, const struct zone_changes *c)
{
    int rc = 0;
    for (size_t i = 0; k->loaded && rc != -ENOMEM && i < c->used; i += 4u + c->at[i + 3]) {
        const uint8_t *at = c->at + i;
        struct subject s = { .len = at[3] };
        memcpy(s.key, at + 4, s.len);
        if (at[0] < k->settings->zones_n)
            rc = zone_image_change(k->jobs[at[0]].image, at[1], &s, at[2] != 0);
    }
    for (size_t i = 0; k->loaded && rc != -ENOMEM && i < k->settings->zones_n; i++)
        rc = zone_image_settle(k->jobs[i].image);
    if (rc == -ENOMEM)
        k->loaded = false;       /* some are lost: the database has them */
}

/* ---- loading */

static void set_problem(struct job *job, const char *text)
{
    if (text[0] != '\0' && strcmp(job->state.problem, text) != 0)
        log_warning("zone %s: %s", job->state.name, text);
    else if (text[0] == '\0' && job->state.problem[0] != '\0')
        log_info("zone %s: written again", job->state.name);
    snprintf(job->state.problem, sizeof job->state.problem, "%s", text);
}

/* Images being filled, one a zone. */
struct fresh {
    size_t n;
    struct zone_image *images[POLICY_ZONES_MAX];
};

static int load_one(void *ctx, const struct listing *l)
{
    struct fresh *f = ctx;
    if (l->zone < 0 || (size_t)l->zone >= f->n)
        return 0;
    struct zone_image *image = f->images[l->zone];
    int rc = zone_image_change(image, l->category, &l->subject, true);
    if (rc == 0 && zone_image_noted(image) >= LOAD_SETTLE)
        rc = zone_image_settle(image);
    return rc == -EINVAL ? 0 : rc;     /* of no category here: the store is about to take it out */
}

static int fill(struct fresh *f, struct reader *r)
{
    int rc = 0;
    for (size_t i = 0; i < f->n; i++)
        if ((f->images[i] = zone_image_create()) == NULL)
            rc = -ENOMEM;
    if (rc == 0)
        rc = reader_list(r, -1, 0, load_one, f);
    for (size_t i = 0; rc == 0 && i < f->n; i++)
        rc = zone_image_settle(f->images[i]);
    return rc;
}

/* All zones in one pass over the table. The old images stay until the new ones are whole. */
static int load_all(struct zone_keeper *k, struct reader *r)
{
    struct fresh f = { .n = k->settings->zones_n };
    int rc = fill(&f, r);
    for (size_t i = 0; i < f.n; i++) {
        if (rc == 0) {
            zone_image_destroy(&k->jobs[i].image);
            k->jobs[i].image = f.images[i];
            k->jobs[i].stale = true;
        } else {
            zone_image_destroy(&f.images[i]);
        }
    }
    return rc;
}

void zone_keeper_load(struct zone_keeper *k, struct reader *r, int64_t now_ms, bool now)
{
    char text[160];
    if (k->loaded || (!now && now_ms < k->load_not_before_ms))
        return;
    int rc = reader_set_policy(r, k->settings->policy);
    if (rc == 0)
        rc = load_all(k, r);
    k->loaded = rc == 0;
    k->load_retry_ms = rc == 0 ? 0 : doubled(k->load_retry_ms);
    k->load_not_before_ms = now_ms + k->load_retry_ms;
    snprintf(text, sizeof text, "the listings cannot be read from the database: %s; the old file is served until they can", strerror(-rc));
    for (size_t i = 0; rc != 0 && i < k->settings->zones_n; i++)
        set_problem(&k->jobs[i], text);
}

void zone_keeper_unload(struct zone_keeper *k)
{
    k->loaded = false;
}

bool zone_keeper_loaded(const struct zone_keeper *k)
{
    return k->loaded;
}

/* ---- writing */

static bool would_lose_all(const struct job *job, const char *file)
{
    struct zone_file_stat old;
    return !job->written && !job->may_be_empty && zone_image_count(job->image) == 0 && zone_file_stat(file, &old) == 0
        && old.listings >= EMPTY_REFUSED;
}

static int write_or_refuse(const struct zone_keeper *k, size_t i, int64_t now_s, struct zone_file_stat *stat, char *why)
{
    const struct config_zone *zone = &k->settings->zones[i];
    if (would_lose_all(&k->jobs[i], zone->file)) {
        snprintf(why, CONFIG_WHY_MAX, "%.500s holds %d listings or more and would become empty: kept; if that is right, run: hearsay export %s",
                 zone->file, EMPTY_REFUSED, k->jobs[i].state.name);
        return -EPERM;
    }
    return zone_file_write(NULL, k->settings->policy, (int)i, zone, k->settings->name, k->jobs[i].image, now_s, stat, why);
}

static int write_zone(struct zone_keeper *k, size_t i, int64_t now_ms, int64_t now_s, char *why)
{
    struct job *job = &k->jobs[i];
    struct zone_file_stat stat;
    int rc = write_or_refuse(k, i, now_s, &stat, why);
    if (rc != 0) {
        job->state.failures++;
        job->retry_ms = doubled(job->retry_ms);
        job->not_before_ms = now_ms + job->retry_ms;
        set_problem(job, why);
        return rc;
    }
    job->version = zone_image_version(job->image);
    job->written = true;
    job->stale = false;
    job->retry_ms = 0;
    job->not_before_ms = now_ms + WRITE_EVERY_MS;
    job->state.writes++;
    job->state.serial = stat.serial;
    job->state.written_s = stat.written_s;
    job->state.expires_s = stat.expires_s;
    set_problem(job, "");
    log_debug("zone %s: %llu listings, serial %u", job->state.name, (unsigned long long)stat.listings, stat.serial);
    return 0;
}

static bool changed(const struct job *job)
{
    return job->stale || job->version != zone_image_version(job->image);
}

/* When the file must be renewed, so that rbldnsd never drops the zone: as too old, or, when the clock was set back, as of the future. */
static int64_t renewal_s(const struct zone_keeper *k, size_t i, int64_t now_s)
{
    const struct zone_thread_state *state = &k->jobs[i].state;
    return now_s < state->written_s - ZONE_SKEW_S ? now_s : state->expires_s - k->settings->zones[i].expire_s / 2;
}

int64_t zone_keeper_write(struct zone_keeper *k, int64_t now_ms, int64_t now_s, bool last)
{
    char why[CONFIG_WHY_MAX];
    int64_t wake_ms = now_ms + LOOK_EVERY_MS;
    for (size_t i = 0; k->loaded && i < k->settings->zones_n; i++) {
        struct job *job = &k->jobs[i];
        bool wanted = changed(job) || now_s >= renewal_s(k, i, now_s);
        if (wanted && (last || now_ms >= job->not_before_ms))
            wanted = write_zone(k, i, now_ms, now_s, why) != 0;
        int64_t left_s = wanted ? 0 : renewal_s(k, i, now_s) - now_s;
        int64_t at_ms = left_s >= LOOK_EVERY_MS / 1000 ? wake_ms : now_ms + left_s * 1000;
        wake_ms = earlier(wake_ms, at_ms > job->not_before_ms ? at_ms : job->not_before_ms);
    }
    return k->loaded ? wake_ms : earlier(wake_ms, k->load_not_before_ms);
}

int zone_keeper_export(struct zone_keeper *k, int zone, const char *path, int64_t now_ms, int64_t now_s, char *why)
{
    if (zone < 0 || (size_t)zone >= k->settings->zones_n) {
        snprintf(why, CONFIG_WHY_MAX, "no such zone");
        return -EINVAL;
    }
    struct job *job = &k->jobs[zone];
    if (!k->loaded) {
        snprintf(why, CONFIG_WHY_MAX, "%s", job->state.problem[0] != '\0' ? job->state.problem : "the listings are not loaded yet");
        return -EAGAIN;
    }
    if (path != NULL)
        return zone_file_write(path, k->settings->policy, zone, &k->settings->zones[zone], k->settings->name, job->image, now_s, NULL, why);
    job->may_be_empty = true;
    return write_zone(k, (size_t)zone, now_ms, now_s, why);
}

/* ---- the whole */

static struct job *make_jobs(const struct zone_settings *s)
{
    struct job *jobs = calloc(s->zones_n + 1, sizeof *jobs);
    for (size_t i = 0; jobs != NULL && i < s->zones_n; i++) {
        snprintf(jobs[i].state.name, sizeof jobs[i].state.name, "%s", s->policy->zones[i].name);
        memcpy(jobs[i].state.file, s->zones[i].file, sizeof jobs[i].state.file);
    }
    return jobs;
}

static void free_jobs(struct job *jobs, size_t n)
{
    for (size_t i = 0; jobs != NULL && i < n; i++)
        zone_image_destroy(&jobs[i].image);
    free(jobs);
}

struct zone_keeper *zone_keeper_create(struct zone_settings *s)
{
    struct zone_keeper *k = calloc(1, sizeof *k);
    struct job *jobs = make_jobs(s);
    if (k == NULL || jobs == NULL) {
        free(k);
        free(jobs);
        zone_settings_free(s);
        return NULL;
    }
    k->settings = s;
    k->jobs = jobs;
    return k;
}

void zone_keeper_destroy(struct zone_keeper **k)
{
    if (*k == NULL)
        return;
    free_jobs((*k)->jobs, (*k)->settings->zones_n);
    zone_settings_free((*k)->settings);
    free(*k);
    *k = NULL;
}

/* A zone of the same name and file goes on; its image stays for the counts, but is loaded again like all. */
int zone_keeper_adopt(struct zone_keeper *k, struct zone_settings *s)
{
    struct job *jobs = make_jobs(s);
    if (jobs == NULL) {
        zone_settings_free(s);
        return -ENOMEM;
    }
    for (size_t i = 0; i < s->zones_n; i++) {
        for (size_t old = 0; old < k->settings->zones_n; old++) {
            if (strcmp(jobs[i].state.name, k->jobs[old].state.name) == 0 && strcmp(jobs[i].state.file, k->jobs[old].state.file) == 0) {
                jobs[i] = k->jobs[old];
                k->jobs[old].image = NULL;
                k->jobs[old].state.name[0] = '\0';
                break;
            }
        }
    }
    free_jobs(k->jobs, k->settings->zones_n);
    zone_settings_free(k->settings);
    k->settings = s;
    k->jobs = jobs;
    k->loaded = false;
    k->load_not_before_ms = k->load_retry_ms = 0;
    return 0;
}

const struct policy *zone_keeper_policy(const struct zone_keeper *k)
{
    return k->settings->policy;
}

size_t zone_keeper_states(struct zone_keeper *k, struct zone_thread_state *out)
{
    for (size_t i = 0; i < k->settings->zones_n; i++) {
        if (k->jobs[i].image != NULL)
            k->jobs[i].state.listings = zone_image_count(k->jobs[i].image);
        out[i] = k->jobs[i].state;
    }
    return k->settings->zones_n;
}
