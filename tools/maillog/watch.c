#include "tools/maillog/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "node/log.h"
#include "tools/maillog/link.h"
#include "tools/maillog/sieve.h"
#include "tools/maillog/state.h"

enum { LOOK_MS = 1000, SAVE_MS = 1000, TURN_BLOCKS = 64, DRAIN_READS_MAX = 8, LEARN_BYTES = 4 << 20 };

struct watch {
    struct conf *conf;
    struct watch_mode mode;
    struct state state;         /* as it is to be saved next; counts of this run are added by save() */
    struct sieve_counts counts_before;
    uint64_t taken_before, refused_before, dropped_before;
    struct follow *follow;
    struct sieve *sieve;
    struct link *link;          /* NULL in a dry run */
    int signal_fd, inotify_fd, lock_fd;
    int64_t saved_ms;
    struct follow_place saved;
    bool saved_once;
    bool waiting;               /* for answers, before the next file or for want of room */
    bool at_end, failed, read_failed;
    int missing;                /* why there is no log to read, as far as it was said */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t now_s(void)
{
    return (int64_t)time(NULL);
}

/* ---- what the sieve asks for */

static bool has_room(void *ctx)
{
    const struct watch *w = ctx;
    return w->link == NULL || link_has_room(w->link, RULES_MAX);
}

static void take_request(void *ctx, const struct sieve_request *r)
{
    struct watch *w = ctx;
    log_debug("rule %s: %.*s", rule_name(r->rule), (int)r->len, r->line);
    if (w->link == NULL)
        printf("%.*s\n", (int)r->len, r->line);
    else
        link_push(w->link, r->line, r->len, r->number, r->age_s, r->line_at);
}

struct finding {
    const struct watch *w;
    char *user;
    size_t *len;
};

static bool take_arrival(void *ctx, const struct line *l)
{
    struct finding *f = ctx;
    struct arrival a;
    if (arrival_read(l->rest, &a) != 0)
        return false;
    struct text user = arrival_user(&a, (const char *const *)f->w->conf->domains);
    if (user.len > MESSAGES_USER_MAX)
        return false;
    memcpy(f->user, user.at, user.len);
    *f->len = user.len;
    return true;
}

static bool find_arrival(void *ctx, struct text id, uint64_t line_at, char user[MESSAGES_USER_MAX], size_t *len)
{
    struct watch *w = ctx;
    struct finding f = { w, user, len };
    return follow_find(w->follow, id, line_at, take_arrival, &f);
}

/* ---- the state */

static void add_counts(struct state *s, const struct sieve_counts *before, const struct sieve_counts *now)
{
    s->counts = (struct sieve_counts){
        .matched = before->matched + now->matched, .requests = before->requests + now->requests, .old = before->old + now->old,
        .nobody = before->nobody + now->nobody, .unknown = before->unknown + now->unknown, .unsayable = before->unsayable + now->unsayable,
    };
}

/* Where to begin again: at the oldest request without an answer. */
static void where(const struct watch *w, struct follow_place *out)
{
    uint64_t place = UINT64_MAX;
    if (w->link != NULL && !link_oldest(w->link, &place))
        place = UINT64_MAX;
    follow_where(w->follow, place, out);
}

/* False: it could not be written; that is logged, and tried again. */
static bool save(struct watch *w)
{
    struct follow_place place;
    if (w->mode.dry_run)
        return true;
    where(w, &place);
    w->saved_ms = now_ms();
    if (w->saved_once && memcmp(&place, &w->saved, sizeof place) == 0)
        return true;
    struct link_counts answered = link_counted(w->link);
    w->state.place = place;
    w->state.saved_s = now_s();
    if (sieve_last_time_s(w->sieve) > w->state.last_time_s)
        w->state.last_time_s = sieve_last_time_s(w->sieve);
    add_counts(&w->state, &w->counts_before, sieve_counted(w->sieve));
    w->state.taken = w->taken_before + answered.taken;
    w->state.refused = w->refused_before + answered.refused;
    w->state.dropped = w->dropped_before + follow_dropped(w->follow);
    int rc = state_save(w->conf->state, &w->state);
    if (rc == 0) {
        w->saved = place;
        w->saved_once = true;
    } else if (!w->failed) {
        log_error("%s: %s: after a crash the log is read again from where the last one stands; make room, or let this user write there", w->conf->state, strerror(-rc));
    }
    w->failed = rc != 0;
    return rc == 0;
}

/* ---- the log */

static void say_note(const struct watch *w, const char *note)
{
    if (note[0] != '\0')
        log_warning("%s: %s", w->conf->log, note);
}

static void note_read(struct watch *w, int rc)
{
    if (rc != 0 && !w->read_failed)
        log_error("%s: %s", follow_path(w->follow)[0] != '\0' ? follow_path(w->follow) : w->conf->log, strerror(-rc));
    w->read_failed = rc != 0;
}

/* A log that is not there may come; one that may not be read will hardly become readable by itself, and is waited for all the same. */
static void note_missing(struct watch *w)
{
    int rc = follow_missing(w->follow);
    if (rc != 0 && rc != w->missing)
        log_warning("%s: %s: waiting for it%s", w->conf->log, strerror(-rc),
                    rc == -EACCES ? "; let this user read it and enter its directory (on Debian, as a member of the group adm)" : "");
    w->missing = rc;
}

/* The file is finished: what it became must be answered and noted before the next one, in which places are counted anew. */
static bool turn_over(struct watch *w)
{
    w->waiting = w->link != NULL && !link_is_idle(w->link);
    if (w->waiting)
        return false;
    if (!save(w) || !follow_next(w->follow)) {
        w->at_end = true;
        return false;
    }
    log_info("%s: reading on in %s", w->conf->log, follow_path(w->follow));
    return save(w);
}

/* Reads until there is nothing new, no room, or others had better have a turn. True: there is more. */
static bool read_log(struct watch *w)
{
    char note[FOLLOW_NOTE_MAX];
    enum follow_news news;
    const char *at;
    size_t len;
    uint64_t place;
    w->waiting = w->at_end = false;
    for (int i = 0; i < TURN_BLOCKS; i++) {
        int rc = follow_read(w->follow, now_ms(), &news, &at, &len, &place, note);
        say_note(w, note);
        note_read(w, rc);
        note_missing(w);
        w->at_end = rc != 0 || news == FOLLOW_IDLE;
        if (w->at_end || (news == FOLLOW_END && !turn_over(w)))
            return false;
        if (news == FOLLOW_END)
            continue;
        size_t done = sieve_block(w->sieve, at, len, place, now_s());
        follow_done(w->follow, done);
        w->waiting = done < len;
        if (w->waiting)
            return false;
    }
    return true;
}

/* ---- the beginning and the end */

static int open_state(struct watch *w)
{
    char why[256] = "";
    if (w->mode.dry_run)
        return state_make(&w->state);
    int rc = state_lock(w->conf->state, &w->lock_fd);
    if (rc == -EBUSY)
        snprintf(why, sizeof why, "another hearsay-maillog uses it");
    if (rc == -ENOENT)
        snprintf(why, sizeof why, "its directory is not there: make it, or name another file with `state` or --state");
    if (rc == 0)
        rc = state_load(w->conf->state, &w->state, why);
    if (rc == -ENOENT && w->lock_fd >= 0)
        return state_make(&w->state);
    if (rc != 0)
        log_error("%s: %s", w->conf->state, why[0] != '\0' ? why : strerror(-rc));
    return rc;
}

static int open_parts(struct watch *w)
{
    char why[LINK_WHY_MAX] = "out of memory";
    const struct sieve_handlers h = { .ctx = w, .has_room = has_room, .request = take_request, .find = find_arrival };
    if (!w->mode.dry_run && link_create(w->conf->node, w->state.source, &w->link, why) != 0) {
        log_error("node: %s", why);
        return -EINVAL;
    }
    w->follow = follow_create(w->conf->log);
    w->sieve = sieve_create(w->conf->rules, w->conf->rules_n, w->conf->messages, (const char *const *)w->conf->domains, &h);
    if (w->sieve != NULL)
        w->conf->rules_n = 0;                    /* its own from here on */
    return w->follow == NULL || w->sieve == NULL ? -ENOMEM : 0;
}

/* The failures that come next are mostly of messages that arrived just before. */
static void learn_before(struct watch *w)
{
    char *text = malloc(LEARN_BYTES);
    if (text != NULL)
        sieve_learn(w->sieve, text, follow_before(w->follow, text, LEARN_BYTES));
    free(text);
}

static void find_place(struct watch *w)
{
    char note[FOLLOW_NOTE_MAX] = "";
    int64_t cutoff_s = now_s() - sieve_window_s(w->sieve);
    w->counts_before = w->state.counts;
    w->taken_before = w->state.taken;
    w->refused_before = w->state.refused;
    w->dropped_before = w->state.dropped;
    if (w->state.place.ino == 0)
        follow_begin(w->follow, w->state.place.base, cutoff_s);
    else
        follow_resume(w->follow, &w->state.place, w->state.last_time_s, cutoff_s, note);
    learn_before(w);
    say_note(w, note);
}

/* The directory is watched for lines and renamed files alike. Without that (a network's file system) the log is looked at each second. */
static void open_watches(struct watch *w)
{
    char dir[CONF_PATH_MAX];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    strcpy(dir, w->conf->log);
    if (w->inotify_fd >= 0)
        inotify_add_watch(w->inotify_fd, dirname(dir), IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM);
}

static void close_all(struct watch *w)
{
    follow_close(&w->follow);
    sieve_destroy(&w->sieve);
    link_destroy(&w->link);
    if (w->signal_fd >= 0)
        close(w->signal_fd);
    if (w->inotify_fd >= 0)
        close(w->inotify_fd);
    if (w->lock_fd >= 0)
        close(w->lock_fd);
}

/* ---- the loop */

static int least(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

/* Whoever writes into the log's directory without a pause must not keep us here: what is left wakes us again. */
static void drain(int fd)
{
    char events[16384];
    for (int i = 0; i < DRAIN_READS_MAX && read(fd, events, sizeof events) > 0; i++)
        ;
}

/* True: a signal asks to end. */
static bool wait_and_work(struct watch *w, bool more)
{
    struct pollfd fds[3] = { { .fd = -1 }, { .fd = w->inotify_fd, .events = POLLIN }, { .fd = w->signal_fd, .events = POLLIN } };
    int64_t now = now_ms();
    int wait = more ? 0 : LOOK_MS;
    if (w->link != NULL)
        wait = least(link_poll(w->link, now, &fds[0]), wait);
    if (w->waiting)
        fds[1].fd = -1;                          /* the log has to wait; its news would only wake us */
    if (poll(fds, 3, wait) < 0 && errno != EINTR)
        log_error("poll: %s", strerror(errno));
    if (fds[1].revents != 0)
        drain(w->inotify_fd);
    if (w->link != NULL)
        link_work(w->link, fds[0].revents, now_ms());
    return fds[2].revents != 0;
}

static bool is_finished(const struct watch *w, bool more)
{
    return w->mode.once && !more && w->at_end && (w->link == NULL || link_is_idle(w->link));
}

static void loop(struct watch *w)
{
    for (bool more = true, ended = false; !ended;) {
        more = read_log(w);
        if (is_finished(w, more))
            break;
        ended = wait_and_work(w, more);
        if (now_ms() - w->saved_ms >= SAVE_MS)
            save(w);
        sd_notify(0, "WATCHDOG=1");
    }
}

int watch_run(struct conf *c, const struct watch_mode *mode)
{
    struct watch w = { .conf = c, .mode = *mode, .signal_fd = -1, .inotify_fd = -1, .lock_fd = -1 };
    int rc = open_state(&w);
    if (rc == 0)
        rc = open_parts(&w);
    if (rc != 0) {
        if (rc == -ENOMEM)
            log_error("out of memory");
        close_all(&w);
        return rc == -EINVAL ? 2 : 1;
    }
    find_place(&w);
    open_watches(&w);
    /* The source's name must be on disk before the node hears it. */
    bool saved = save(&w);
    if (saved) {
        sd_notify(0, "READY=1");
        log_info("following %s", c->log);
        loop(&w);
        sd_notify(0, "STOPPING=1");
        saved = save(&w);
    }
    bool failed = !saved || w.read_failed || (w.mode.once && w.missing != 0);
    close_all(&w);
    return failed ? 1 : 0;
}
