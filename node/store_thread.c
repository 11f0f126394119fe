#include "node/store_thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "node/log.h"
#include "node/mailbox.h"

enum {
    BATCHES_PER_TURN = 512,          /* then the reports that came meanwhile have their turn */
    BATCHES_WAITING_MAX = 8192,      /* half a gigabyte of the largest; then the mesh drops and fetches again */
    FOLD_MS = 100,                   /* at most so often while reports keep coming */
    FOLD_ROWS_BUSY = 2000,           /* rows that fold in about 30 ms: what a report may have to wait */
    FOLD_ROWS_IDLE = 20000,
    FOLD_BACKLOG_MAX = 1000000,      /* beyond it folding goes before speed of answers, so that the journal stays bounded */
    TELL_MS = 250,                   /* own batches at most so often: what is urgent still leaves within a second */
    TELL_BATCHES_MAX = 16,
    RETRY_MS = 1000,                 /* after a failure of the disk */
    CHECKPOINT_MS = 500,
    CHECKPOINT_WAL_BYTES = 4 << 20
};

enum input_kind { INPUT_BATCH, INPUT_RECORD, INPUT_SETTLED, INPUT_SERIAL, INPUT_POLICY, INPUT_PURGE, INPUT_REBUILD };

struct report_input {
    struct report_ticket ticket;
    struct store_report report;
};

struct other_input {
    enum input_kind kind;
    void *token;
    uint8_t *memory;                 /* frame, or a struct policy; owned */
    size_t len;
    struct store_batch batch;
    uint8_t root[KEY_BYTES];
    uint64_t number;                 /* serial, or `above` */
};

struct store_thread {
    struct store *store;
    struct store_thread_handlers handlers;
    const struct identity *identity;
    char *database, *nonce_path;
    uint64_t record_serial;
    struct mailbox *reports, *others;
    struct other_input *pending;     /* taken from `others` and not done yet */
    size_t pending_n, pending_at;
    struct store_report *batch_of_reports;
    size_t batch_of_reports_max;
    bool settled, fold_more, tell_more;
    int64_t fold_at_ms, tell_at_ms;  /* not before */
    int64_t fold_wake_s, tell_wake_s;
    int64_t reported_ms;             /* when the last reports came */
    pthread_t thread, checkpointer;
    bool running;
    atomic_bool stopping;
    atomic_uint_fast64_t stored, failed, commits, batches, repeated, batches_failed, told, backlog;
    atomic_int_fast64_t failing_since_s;
    atomic_int last_error;
};

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t now_s(void) { return clock_ms(CLOCK_REALTIME) / 1000; }

/* Logs the first of a row of failures, and their end: a full disk must not fill the log as well. */
static void note_disk(struct store_thread *t, int rc, const char *what)
{
    if (rc != 0 && atomic_load(&t->failing_since_s) == 0) {
        log_error("database: cannot %s: %s; reports are answered with an error until it works again", what, strerror(-rc));
        atomic_store(&t->failing_since_s, now_s());
    } else if (rc == 0 && atomic_load(&t->failing_since_s) != 0) {
        log_warning("database: writing works again");
        atomic_store(&t->failing_since_s, 0);
    }
    if (rc != 0)
        atomic_store(&t->last_error, rc);
}

static bool do_reports(struct store_thread *t)
{
    size_t n;
    struct report_input *in = mailbox_take(t->reports, &n);
    int rc = 0;

    if (n == 0)
        return false;
    if (n > t->batch_of_reports_max) {
        struct store_report *grown = realloc(t->batch_of_reports, n * sizeof *grown);
        if (grown == NULL) {
            rc = -ENOMEM;
        } else {
            t->batch_of_reports = grown;
            t->batch_of_reports_max = n;
        }
    }
    for (size_t i = 0; rc == 0 && i < n; i++)
        t->batch_of_reports[i] = in[i].report;
    if (rc == 0)
        rc = store_add_reports(t->store, t->batch_of_reports, n, now_s());
    note_disk(t, rc, "store reports");
    atomic_fetch_add(rc == 0 ? &t->stored : &t->failed, n);
    atomic_fetch_add(&t->commits, 1);
    for (size_t i = 0; i < n; i++)
        t->handlers.reported(t->handlers.ctx, in[i].ticket, rc);
    t->handlers.reported_all(t->handlers.ctx);
    t->reported_ms = clock_ms(CLOCK_MONOTONIC);
    return true;
}

/* The run of batches at the front of what is pending, in one transaction. */
static void do_batches(struct store_thread *t)
{
    struct store_batch run[BATCHES_PER_TURN];
    struct other_input *in = t->pending + t->pending_at;
    size_t n = 0;

    while (n < BATCHES_PER_TURN && t->pending_at + n < t->pending_n && in[n].kind == INPUT_BATCH) {
        run[n] = in[n].batch;
        n++;
    }
    int rc = store_add_batches(t->store, run, n, now_s());
    note_disk(t, rc, "store batches");
    for (size_t i = 0; i < n; i++) {
        struct batch_name name = { .epoch = run[i].epoch, .seq = run[i].seq };
        memcpy(name.origin, run[i].origin, KEY_BYTES);
        memcpy(name.hash, run[i].hash, HASH_BYTES);
        t->handlers.batch_stored(t->handlers.ctx, &name, rc, run[i].stored);
        atomic_fetch_add(rc != 0 ? &t->batches_failed : run[i].stored ? &t->batches : &t->repeated, 1);
        free(in[i].memory);
    }
    t->pending_at += n;
}

static void begin_epoch(struct store_thread *t, uint32_t above)
{
    uint8_t nonce[NONCE_BYTES];
    uint32_t epoch;
    int rc = -EIO;

    if (getrandom(nonce, sizeof nonce, 0) == sizeof nonce)
        rc = store_begin_epoch(t->store, t->nonce_path, nonce, above, now_s(), &epoch);
    note_disk(t, rc, "begin an epoch");
    if (rc == 0)
        log_info("mesh: own batches are numbered in epoch %u", epoch);
    t->settled = rc == 0;
    t->tell_more = true;
}

static void do_work(struct store_thread *t, struct other_input *in)
{
    struct policy *policy = (struct policy *)(void *)in->memory;
    uint64_t n = 0;
    int rc;

    switch (in->kind) {
    case INPUT_POLICY:
        rc = store_set_policy(t->store, policy, now_s());
        policy_destroy(&policy);
        t->handlers.worked(t->handlers.ctx, STORE_WORK_POLICY, in->token, rc, 0);
        break;
    case INPUT_PURGE:
        rc = store_purge(t->store, in->root, now_s(), &n);
        t->handlers.worked(t->handlers.ctx, STORE_WORK_PURGE, in->token, rc, n);
        break;
    default:
        rc = store_rebuild(t->store, now_s());
        t->handlers.worked(t->handlers.ctx, STORE_WORK_REBUILD, in->token, rc, 0);
        break;
    }
    note_disk(t, rc, "do an operator's work");
    t->fold_more = true;
}

static void hand_over_changes(struct store_thread *t)
{
    struct listing_change *changes = NULL;
    size_t n = 0;

    if (store_take_changes(t->store, &changes, &n) == 0 && n > 0)
        t->handlers.changes(t->handlers.ctx, changes, n);
    free(changes);
}

/* One input that is no batch, or a run of batches. */
static void do_pending(struct store_thread *t)
{
    struct other_input *in = t->pending + t->pending_at;

    if (in->kind == INPUT_BATCH) {
        do_batches(t);
        return;
    }
    t->pending_at++;
    switch (in->kind) {
    case INPUT_RECORD:
        note_disk(t, store_add_record(t->store, in->root, in->number, (struct bytes){ in->memory, in->len }), "store a member record");
        free(in->memory);
        break;
    case INPUT_SETTLED:
        begin_epoch(t, (uint32_t)in->number);
        break;
    case INPUT_SERIAL:
        t->record_serial = in->number;
        break;
    default:
        hand_over_changes(t);        /* their zone numbers are those of the policy before */
        do_work(t, in);
        break;
    }
}

static void do_fold(struct store_thread *t, int64_t now_ms)
{
    size_t backlog = store_backlog(t->store);
    bool busy = now_ms - t->reported_ms < 1000 && backlog < FOLD_BACKLOG_MAX;

    atomic_store(&t->backlog, backlog);
    if (!t->fold_more && backlog == 0 && now_s() < t->fold_wake_s)
        return;
    if (now_ms < t->fold_at_ms)
        return;
    int rc = store_fold(t->store, busy ? FOLD_ROWS_BUSY : FOLD_ROWS_IDLE, now_s(), &t->fold_more, &t->fold_wake_s);
    note_disk(t, rc, "fold what was heard into scores");
    t->fold_at_ms = clock_ms(CLOCK_MONOTONIC) + (rc != 0 ? RETRY_MS : busy ? FOLD_MS : 0);
    hand_over_changes(t);
    t->tell_more = true;
    atomic_store(&t->backlog, store_backlog(t->store));
}

static void do_tell(struct store_thread *t, int64_t now_ms)
{
    static const struct tell_limits limits = { .growth_min = 64, .growth_wait_s = 300, .batches_max = TELL_BATCHES_MAX };
    struct told_batch told[TELL_BATCHES_MAX];
    size_t n = 0;

    if (!t->settled || now_ms < t->tell_at_ms || (!t->tell_more && now_s() < t->tell_wake_s))
        return;
    int rc = store_tell(t->store, t->identity, t->record_serial, &limits, now_s(), told, &n, &t->tell_more, &t->tell_wake_s);
    note_disk(t, rc, "store an own batch");
    for (size_t i = 0; i < n; i++) {
        struct batch_name name = { .epoch = told[i].name.epoch, .seq = told[i].name.seq, .record_serial = t->record_serial };
        memcpy(name.origin, told[i].name.origin, KEY_BYTES);
        memcpy(name.hash, told[i].name.hash, HASH_BYTES);
        t->handlers.own(t->handlers.ctx, &name, told[i].frame, told[i].len);
    }
    atomic_fetch_add(&t->told, n);
    if (n > 0 || rc != 0)
        t->tell_at_ms = now_ms + (rc != 0 ? RETRY_MS : TELL_MS);
}

static int64_t until_ms(int64_t at_s)
{
    int64_t left_s = at_s - now_s();

    return left_s <= 0 ? 0 : left_s > 3600 ? 3600000 : left_s * 1000;
}

/* How long the thread may sleep when nothing comes in. */
static int sleep_ms(const struct store_thread *t)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC), wait = 3600000, other;

    if (t->pending_at < t->pending_n)
        return 0;
    other = t->fold_more || store_backlog(t->store) > 0 ? 0 : until_ms(t->fold_wake_s);
    if (other < t->fold_at_ms - now_ms)
        other = t->fold_at_ms - now_ms;
    wait = other < wait ? other : wait;
    if (t->settled) {
        other = t->tell_more ? 0 : until_ms(t->tell_wake_s);
        if (other < t->tell_at_ms - now_ms)
            other = t->tell_at_ms - now_ms;
        wait = other < wait ? other : wait;
    }
    return (int)wait;
}

static void wait_for_input(struct store_thread *t)
{
    struct pollfd fds[] = { { .fd = mailbox_fd(t->reports), .events = POLLIN }, { .fd = mailbox_fd(t->others), .events = POLLIN } };
    int ms = sleep_ms(t);

    if (ms > 0)
        poll(fds, 2, ms);
}

static void *store_main(void *arg)
{
    struct store_thread *t = arg;

    for (;;) {
        bool stopping = atomic_load(&t->stopping);
        bool reported = do_reports(t);
        if (t->pending_at == t->pending_n) {
            t->pending = mailbox_take(t->others, &t->pending_n);
            t->pending_at = 0;
        }
        if (t->pending_at < t->pending_n)
            do_pending(t);
        else if (stopping && !reported)
            break;
        int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
        do_fold(t, now_ms);
        do_tell(t, now_ms);
        if (!stopping)
            wait_for_input(t);
    }
    if (t->settled && store_end_epoch(t->store) != 0)
        log_warning("database: the clean end could not be noted; the next start begins a new epoch");
    return NULL;
}

static void *checkpoint_main(void *arg)
{
    struct store_thread *t = arg;
    struct timespec pause = { 0, CHECKPOINT_MS * 1000000L };
    char wal[4096];
    struct stat st;

    snprintf(wal, sizeof wal, "%s-wal", t->database);
    while (!atomic_load(&t->stopping)) {
        nanosleep(&pause, NULL);
        if (stat(wal, &st) == 0 && st.st_size > CHECKPOINT_WAL_BYTES)
            store_checkpoint(t->database);
    }
    return NULL;
}

int store_thread_open(const struct store_thread_options *o, const struct store_thread_handlers *h, struct store_thread **out, char *why)
{
    struct store_thread *t = calloc(1, sizeof *t);
    int rc = -ENOMEM;

    snprintf(why, STORE_WHY_MAX, "out of memory");
    if (t == NULL)
        return rc;
    t->handlers = *h;
    t->identity = o->identity;
    t->record_serial = o->record_serial;
    t->database = strdup(o->database);
    t->nonce_path = strdup(o->nonce_path);
    t->reports = mailbox_create(sizeof(struct report_input), o->queue_max);
    t->others = mailbox_create(sizeof(struct other_input), BATCHES_WAITING_MAX);
    t->fold_more = t->tell_more = true;
    t->tell_wake_s = t->fold_wake_s = INT64_MAX;
    if (t->database == NULL || t->nonce_path == NULL || t->reports == NULL || t->others == NULL)
        goto out;
    rc = store_open(t->database, true, &t->store, why);
    if (rc == 0 && (rc = store_set_policy(t->store, o->policy, now_s())) != 0)
        snprintf(why, STORE_WHY_MAX, "cannot take the policy into the database: %s", strerror(-rc));
    if (rc == 0) {
        *out = t;
        t = NULL;
    }
out:
    store_thread_destroy(&t);
    return rc;
}

int store_thread_run(struct store_thread *t)
{
    int rc = pthread_create(&t->thread, NULL, store_main, t);

    if (rc != 0)
        return -rc;
    rc = pthread_create(&t->checkpointer, NULL, checkpoint_main, t);
    if (rc != 0) {
        atomic_store(&t->stopping, true);
        pthread_join(t->thread, NULL);
        return -rc;
    }
    t->running = true;
    return 0;
}

void store_thread_stop(struct store_thread *t)
{
    struct other_input wake = { .kind = INPUT_SERIAL, .number = t->record_serial };

    if (!t->running)
        return;
    atomic_store(&t->stopping, true);
    mailbox_put(t->others, &wake);
    pthread_join(t->thread, NULL);
    pthread_join(t->checkpointer, NULL);
    t->running = false;
    store_close(&t->store);
}

static void drop_other(void *item)
{
    struct other_input *in = item;
    struct policy *policy = (struct policy *)(void *)in->memory;

    if (in->kind == INPUT_POLICY)
        policy_destroy(&policy);
    else
        free(in->memory);
}

void store_thread_destroy(struct store_thread **t)
{
    if (*t == NULL)
        return;
    store_close(&(*t)->store);
    mailbox_destroy(&(*t)->reports, NULL);
    mailbox_destroy(&(*t)->others, drop_other);
    free((*t)->batch_of_reports);
    free((*t)->database);
    free((*t)->nonce_path);
    free(*t);
    *t = NULL;
}

int store_thread_report(struct store_thread *t, struct report_ticket ticket, const struct store_report *r)
{
    struct report_input in = { .ticket = ticket, .report = *r };

    return atomic_load(&t->stopping) ? -EAGAIN : mailbox_put(t->reports, &in);
}

static int put_other(struct store_thread *t, const struct other_input *in)
{
    return atomic_load(&t->stopping) ? -EAGAIN : mailbox_put(t->others, in);
}

int store_thread_batch(struct store_thread *t, const struct store_batch *name, uint8_t *frame)
{
    struct other_input in = { .kind = INPUT_BATCH, .memory = frame, .batch = *name };

    in.batch.frame.at = frame;
    return put_other(t, &in);
}

int store_thread_record(struct store_thread *t, const uint8_t root[KEY_BYTES], uint64_t serial, struct bytes frame)
{
    struct other_input in = { .kind = INPUT_RECORD, .number = serial, .len = frame.len, .memory = malloc(frame.len + 1) };

    if (in.memory == NULL)
        return -ENOMEM;
    memcpy(in.memory, frame.at, frame.len);
    memcpy(in.root, root, KEY_BYTES);
    int rc = put_other(t, &in);
    if (rc != 0)
        free(in.memory);
    return rc;
}

void store_thread_settled(struct store_thread *t, uint32_t above)
{
    put_other(t, &(struct other_input){ .kind = INPUT_SETTLED, .number = above });
}

void store_thread_serial(struct store_thread *t, uint64_t record_serial)
{
    put_other(t, &(struct other_input){ .kind = INPUT_SERIAL, .number = record_serial });
}

int store_thread_policy(struct store_thread *t, const struct policy *p, void *token)
{
    struct policy *copy = policy_copy(p);
    struct other_input in = { .kind = INPUT_POLICY, .token = token, .memory = (uint8_t *)copy };

    if (copy == NULL)
        return -ENOMEM;
    int rc = put_other(t, &in);
    if (rc != 0)
        policy_destroy(&copy);
    return rc;
}

int store_thread_purge(struct store_thread *t, const uint8_t root[KEY_BYTES], void *token)
{
    struct other_input in = { .kind = INPUT_PURGE, .token = token };

    memcpy(in.root, root, KEY_BYTES);
    return put_other(t, &in);
}

int store_thread_rebuild(struct store_thread *t, void *token)
{
    return put_other(t, &(struct other_input){ .kind = INPUT_REBUILD, .token = token });
}

void store_thread_counted(const struct store_thread *t, struct store_thread_counts *out)
{
    *out = (struct store_thread_counts){
        .reports_stored = atomic_load(&t->stored), .reports_failed = atomic_load(&t->failed), .commits = atomic_load(&t->commits),
        .batches_stored = atomic_load(&t->batches), .batches_repeated = atomic_load(&t->repeated),
        .batches_failed = atomic_load(&t->batches_failed), .told = atomic_load(&t->told), .backlog = atomic_load(&t->backlog),
        .failing_since_s = atomic_load(&t->failing_since_s), .last_error = atomic_load(&t->last_error),
    };
}
