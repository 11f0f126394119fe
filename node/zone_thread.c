#include "node/zone_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/log.h"
#include "node/zone_keeper.h"
#include "store/reader.h"

/* A waiting zone_thread_export(), on its caller's stack. */
struct export {
    int zone, rc;
    const char *path;
    char *why;
    bool done;
    struct export *next;
};

struct zone_thread {
    pthread_t thread;
    pthread_mutex_t lock;            /* guards all up to `keeper` */
    pthread_cond_t wake, done;
    struct zone_changes pending;
    bool reload, stop, ready;
    int start_rc;
    struct zone_settings *next;
    struct export *exports;
    struct zone_thread_state states[POLICY_ZONES_MAX];
    size_t states_n;
    /* The thread's own. */
    struct zone_keeper *keeper;
    struct reader *reader;
    struct zone_thread_state fresh[POLICY_ZONES_MAX];
    char database[CONFIG_PATH_MAX];
    char why[STORE_WHY_MAX];
};

/* What one turn of the loop has to do, taken out under the lock. */
struct work {
    struct zone_changes changes;
    struct zone_settings *next;
    struct export *exports;
    bool reload, stop;
};

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the thread */

static void publish_states(struct zone_thread *z)
{
    size_t n = zone_keeper_states(z->keeper, z->fresh);
    pthread_mutex_lock(&z->lock);
    memcpy(z->states, z->fresh, n * sizeof z->fresh[0]);
    z->states_n = n;
    pthread_mutex_unlock(&z->lock);
}

static void serve_exports(struct zone_thread *z, struct export *e)
{
    for (struct export *next; e != NULL; e = next) {
        next = e->next;              /* it is gone as soon as it is done */
        int rc = zone_keeper_export(z->keeper, e->zone, e->path, monotonic_ms(), (int64_t)time(NULL), e->why);
        pthread_mutex_lock(&z->lock);
        e->rc = rc;
        e->done = true;
        pthread_cond_broadcast(&z->done);
        pthread_mutex_unlock(&z->lock);
    }
}

static bool has_work(const struct zone_thread *z)
{
    return z->pending.used > 0 || z->reload || z->stop || z->next != NULL || z->exports != NULL;
}

static void wait_for_work(struct zone_thread *z, int64_t wake_ms, struct work *w)
{
    const struct timespec until = { .tv_sec = (time_t)(wake_ms / 1000), .tv_nsec = (long)(wake_ms % 1000) * 1000000 };
    int rc = 0;
    pthread_mutex_lock(&z->lock);
    while (rc == 0 && !has_work(z))
        rc = pthread_cond_timedwait(&z->wake, &z->lock, &until);
    *w = (struct work){ .changes = z->pending, .next = z->next, .exports = z->exports, .reload = z->reload, .stop = z->stop };
    z->pending = (struct zone_changes){ 0 };
    z->next = NULL;
    z->exports = NULL;
    z->reload = false;
    pthread_mutex_unlock(&z->lock);
}

/* A load begins only after the changes that it makes needless were taken out of the queue. */
static int64_t turn(struct zone_thread *z, struct work *w)
{
    if (w->next != NULL && zone_keeper_adopt(z->keeper, w->next) != 0)
        log_error("zones: out of memory, the new configuration is not in force for them");
    if (w->next != NULL || w->reload)
        zone_keeper_unload(z->keeper);
    zone_keeper_apply(z->keeper, &w->changes);
    zone_changes_free(&w->changes);
    if (!zone_keeper_loaded(z->keeper))
        publish_states(z);           /* a load may take seconds */
    zone_keeper_load(z->keeper, z->reader, monotonic_ms(), w->stop);
    int64_t wake_ms = zone_keeper_write(z->keeper, monotonic_ms(), (int64_t)time(NULL), w->stop);
    serve_exports(z, w->exports);
    publish_states(z);
    return wake_ms;
}

static int open_reader(struct zone_thread *z)
{
    int rc = reader_open(z->database, zone_keeper_policy(z->keeper), &z->reader, z->why);
    pthread_mutex_lock(&z->lock);
    z->start_rc = rc;
    z->ready = true;
    pthread_cond_broadcast(&z->done);
    pthread_mutex_unlock(&z->lock);
    return rc;
}

static void *zone_main(void *ctx)
{
    struct zone_thread *z = ctx;
    struct work w = { 0 };
    if (open_reader(z) != 0)
        return NULL;
    for (int64_t wake_ms = turn(z, &w); !w.stop; wake_ms = turn(z, &w))
        wait_for_work(z, wake_ms, &w);
    reader_close(&z->reader);
    return NULL;
}

/* ---- from outside */

static void free_all(struct zone_thread *z)
{
    zone_keeper_destroy(&z->keeper);
    zone_settings_free(z->next);
    zone_changes_free(&z->pending);
    pthread_cond_destroy(&z->wake);
    pthread_cond_destroy(&z->done);
    pthread_mutex_destroy(&z->lock);
    free(z);
}

/* The thread takes no signal: those are the main loop's. */
static int run(struct zone_thread *z)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&z->thread, NULL, zone_main, z);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return -rc;
    pthread_mutex_lock(&z->lock);
    while (!z->ready)
        pthread_cond_wait(&z->done, &z->lock);
    rc = z->start_rc;
    pthread_mutex_unlock(&z->lock);
    if (rc != 0)
        pthread_join(z->thread, NULL);
    return rc;
}

static struct zone_thread *make(const struct config *c)
{
    pthread_condattr_t attr;
    struct zone_settings *s = zone_settings_of(c);
    struct zone_keeper *keeper = s != NULL ? zone_keeper_create(s) : NULL;
    struct zone_thread *z = calloc(1, sizeof *z);
    if (keeper == NULL || z == NULL) {
        zone_keeper_destroy(&keeper);
        free(z);
        return NULL;
    }
    z->keeper = keeper;
    pthread_mutex_init(&z->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&z->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_cond_init(&z->done, NULL);
    memcpy(z->database, c->database, sizeof z->database);
    return z;
}

int zone_thread_start(const struct config *c, struct zone_thread **out, char *why)
{
    struct zone_thread *z = make(c);
    why[0] = '\0';
    if (z == NULL)
        return -ENOMEM;
    int rc = run(z);
    if (rc != 0) {
        snprintf(why, CONFIG_WHY_MAX, "zones: %s", z->why[0] != '\0' ? z->why : strerror(-rc));
        free_all(z);
        return rc;
    }
    *out = z;
    return 0;
}

void zone_thread_stop(struct zone_thread **z)
{
    if (*z == NULL)
        return;
    pthread_mutex_lock(&(*z)->lock);
    (*z)->stop = true;
    pthread_cond_signal(&(*z)->wake);
    pthread_mutex_unlock(&(*z)->lock);
    pthread_join((*z)->thread, NULL);
    free_all(*z);
    *z = NULL;
}

void zone_thread_changes(struct zone_thread *z, const struct listing_change *changes, size_t n)
{
    pthread_mutex_lock(&z->lock);
    for (size_t i = 0; i < n && !z->reload; i++)
        z->reload = !zone_changes_add(&z->pending, &changes[i]);
    if (z->reload)
        z->pending.used = 0;         /* committed, all of them: the load will find them */
    pthread_cond_signal(&z->wake);
    pthread_mutex_unlock(&z->lock);
}

int zone_thread_reload(struct zone_thread *z, const struct config *c)
{
    struct zone_settings *next = zone_settings_of(c);
    if (next == NULL)
        return -ENOMEM;
    pthread_mutex_lock(&z->lock);
    zone_settings_free(z->next);
    z->next = next;
    z->pending.used = 0;             /* of the old policy's numbers */
    pthread_cond_signal(&z->wake);
    pthread_mutex_unlock(&z->lock);
    return 0;
}

int zone_thread_export(struct zone_thread *z, int zone, const char *path, char *why)
{
    struct export e = { .zone = zone, .path = path, .why = why };
    struct export **last = &z->exports;
    why[0] = '\0';
    pthread_mutex_lock(&z->lock);
    while (*last != NULL)
        last = &(*last)->next;
    *last = &e;
    pthread_cond_signal(&z->wake);
    while (!e.done)
        pthread_cond_wait(&z->done, &z->lock);
    pthread_mutex_unlock(&z->lock);
    return e.rc;
}

size_t zone_thread_states(struct zone_thread *z, struct zone_thread_state *out, size_t room)
{
    pthread_mutex_lock(&z->lock);
    size_t n = z->states_n < room ? z->states_n : room;
    memcpy(out, z->states, n * sizeof *out);
    pthread_mutex_unlock(&z->lock);
    return n;
}
