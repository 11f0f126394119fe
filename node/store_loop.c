#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "node/log.h"
#include "node/store_thread_private.h"

enum {
    BATCHES_PER_TURN = 512,          /* then the reports that came meanwhile have their turn */
    FOLD_MS = 100,                   /* at most so often while reports keep coming */
    FOLD_SLICE_MS = 20,              /* and for so long, as far as the last slices tell: what a report may have to wait */
    FOLD_ROWS_MIN = 64,
    FOLD_ROWS_MAX = 8192,            /* about 200 ms: a report that comes meanwhile waits no longer */
    FOLD_ROWS_LIVE = 2048,           /* while others say little amid the much of one: their next word waits no longer than this takes */
    FOLD_LIVE_MS = 5000,             /* and for so long after the last such word */
    LIGHT_REPORTS = 2,
    LIGHT_BACKLOG = 32,
    FOLD_BACKLOG_MAX = 1000000,      /* beyond it folding goes before speed of answers, so that the journal stays bounded */
    TELL_BATCHES_MAX = 16,
    TRUST_BACKLOG = 64,              /* batches and reports that may wait when what others say begins to count ... */
    TRUST_WAIT_MS = 60000,           /* ... and so long that is waited for */
    CAUGHT_UP_NOTED_S = 3600,
    RETRY_MS = 1000,                 /* after a failure of the disk */
    BEGIN_AGAIN_MS = 3000            /* between two looks whether somebody bears the clock out, or the disk takes it */
};

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t store_thread_now_s(void)
{
    return clock_ms(CLOCK_REALTIME) / 1000;
}

const char *store_trouble_text(enum store_trouble kind)
{
    static const char *const text[STORE_TROUBLES] = {
        [STORE_TROUBLE_REPORTS] = "reports are not stored, and answered with an error",
        [STORE_TROUBLE_BATCHES] = "batches of other members are not stored, and fetched again later",
        [STORE_TROUBLE_FOLD] = "scores and listings stay as they are",
        [STORE_TROUBLE_TELL] = "other members are not told",
        [STORE_TROUBLE_WORK] = "what an operator asked for was not done",
    };
    return text[kind];
}

/* Logs the first of a row of failures, and their end: a full disk must not fill the log as well. */
static void note_disk(struct store_thread *t, int rc, enum store_trouble kind)
{
    bool failing = atomic_load(&t->failing_since_s[kind]) != 0;

    if (rc == 0 && failing) {
        log_warning("database: it works again where it was so that %s", store_trouble_text(kind));
        atomic_store(&t->failing_since_s[kind], 0);
    }
    if (rc == 0)
        return;
    if (!failing) {
        log_error("database: %s: %s%s", strerror(-rc), store_trouble_text(kind),
                  rc == -EBADMSG ? "; the file is damaged: stop the node and restore a copy, or move it away and let the mesh refill a new one" : "");
        atomic_store(&t->failing_since_s[kind], store_thread_now_s());
    }
    atomic_store(&t->last_error[kind], rc);
}

static void hand_over_changes(struct store_thread *t)
{
    struct listing_change *changes = NULL;
    size_t n = 0;

    if (store_take_changes(t->store, &changes, &n) == 0 && n > 0)
        t->handlers.changes(t->handlers.ctx, changes, n);
    free(changes);
}

/* Steers the size of a slice by the time that the last one took. */
static void note_slice(struct store_thread *t, int64_t took_ms)
{
    if (took_ms > FOLD_SLICE_MS)
        t->fold_rows = t->fold_rows * FOLD_SLICE_MS / (size_t)took_ms;
    else
        t->fold_rows += t->fold_rows / 4;
    if (t->fold_rows < FOLD_ROWS_MIN)
        t->fold_rows = FOLD_ROWS_MIN;
    if (t->fold_rows > FOLD_ROWS_MAX)
        t->fold_rows = FOLD_ROWS_MAX;
}

static void fold_slice(struct store_thread *t, bool busy)
{
    size_t backlog = store_backlog(t->store);
    int64_t start_ms = clock_ms(CLOCK_MONOTONIC);
    bool live = t->caught_up && start_ms < t->live_until_ms;
    int rc = store_fold(t->store, busy ? t->fold_rows : live ? FOLD_ROWS_LIVE : FOLD_ROWS_MAX, store_thread_now_s(), &t->fold_more, &t->fold_wake_s);
    int64_t done_ms = clock_ms(CLOCK_MONOTONIC);

    if (store_took_clock_back(t->store) != 0)
        log_warning("the clock was ahead while this node ran before: what that left in the database is being set right, as of when the clock was");
    if (store_overtook(t->store))
        t->live_until_ms = done_ms + FOLD_LIVE_MS;
    note_disk(t, rc, STORE_TROUBLE_FOLD);
    if (busy && (backlog >= t->fold_rows || done_ms - start_ms > FOLD_SLICE_MS))
        note_slice(t, done_ms - start_ms);
    t->fold_at_ms = done_ms + (rc != 0 ? RETRY_MS : busy ? FOLD_MS : 0);
    hand_over_changes(t);
    t->tell_more = true;
    atomic_store(&t->backlog, store_backlog(t->store));
}

/* With so few waiting a score is made before the answer: whoever is told `ok` and asks at once is told what follows. With more, answers go first. */
static bool is_light(const struct store_thread *t, size_t n)
{
    return n <= LIGHT_REPORTS && store_backlog(t->store) <= LIGHT_BACKLOG && atomic_load(&t->failing_since_s[STORE_TROUBLE_FOLD]) == 0;
}

static int make_room(struct store_thread *t, size_t n)
{
    struct store_event *events;
    struct reported *those;

    if (n <= t->turn_room)
        return 0;
    events = realloc(t->turn, n * sizeof *events);
    if (events == NULL)
        return -ENOMEM;
    t->turn = events;
    those = realloc(t->turn_those, n * sizeof *those);
    if (those == NULL)
        return -ENOMEM;
    t->turn_those = those;
    t->turn_room = n;
    return 0;
}

static void answer_reports(struct store_thread *t, const struct report_input *in, size_t n, int rc)
{
    for (size_t i = 0; i < n;) {
        size_t run = n - i < t->turn_room ? n - i : t->turn_room;
        for (size_t j = 0; j < run; j++)
            t->turn_those[j] = (struct reported){ .ticket = in[i + j].ticket, .tool = in[i + j].event.tool };
        if (run == 0)                /* no memory for a single one */
            t->handlers.reported(t->handlers.ctx, &(struct reported){ .ticket = in[i].ticket, .tool = in[i].event.tool }, run = 1, rc);
        else
            t->handlers.reported(t->handlers.ctx, t->turn_those, run, rc);
        i += run;
    }
}

static bool do_reports(struct store_thread *t)
{
    size_t n;
    const struct report_input *in = mailbox_take(t->reports, &n);
    int rc;

    if (n == 0)
        return false;
    rc = make_room(t, n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        t->turn[i] = in[i].event;
    if (rc == 0)
        rc = store_add_events(t->store, t->turn, n, store_thread_now_s());
    note_disk(t, rc, STORE_TROUBLE_REPORTS);
    atomic_fetch_add(rc == 0 ? &t->stored : &t->failed, n);
    atomic_fetch_add(&t->commits, 1);
    if (rc == 0 && is_light(t, n))
        fold_slice(t, true);
    answer_reports(t, in, n, rc);
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
    int rc = store_add_batches(t->store, run, n, store_thread_now_s());
    note_disk(t, rc, STORE_TROUBLE_BATCHES);
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

/* It is asked for once, so what fails is tried again. True: there is nothing wrong with the disk. */
static bool begin_later(struct store_thread *t, uint32_t above, int rc)
{
    const bool later = rc == -EAGAIN;

    if (later && !atomic_load(&t->clock_contested))
        log_warning("the clock is more than a day ahead of where it was when this node ran before, and no peer's batch is of the last day: other members are told nothing until one is, for an hour");
    t->begin_at_ms = rc != 0 ? clock_ms(CLOCK_MONOTONIC) + BEGIN_AGAIN_MS : 0;
    t->begin_above = above;
    atomic_store(&t->clock_contested, later);
    return later;
}

static void begin_epoch(struct store_thread *t, uint32_t above)
{
    uint8_t nonce[NONCE_BYTES];
    uint32_t epoch;
    int rc = -EIO;

    if (getrandom(nonce, sizeof nonce, 0) == sizeof nonce)
        rc = store_begin_epoch(t->store, t->nonce_path, nonce, above, store_thread_now_s(), &epoch);
    t->settled = false;
    if (begin_later(t, above, rc))
        return;
    note_disk(t, rc, STORE_TROUBLE_TELL);
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
        rc = store_set_policy(t->store, policy, store_thread_now_s());
        if (rc == 0 && t->trusting != NULL && !policy->catching_up) {
            policy_destroy(&t->trusting);        /* this one is newer, and others count by it */
            t->caught_up = true;
        }
        policy_destroy(&policy);
        if (rc == 0 && store_took_log_anew(t->store)) {
            store_thread_log_anew();
            t->settled = false;              /* until the mesh has asked that one's members */
            t->begin_at_ms = 0;
        }
        t->handlers.worked(t->handlers.ctx, STORE_WORK_POLICY, in->token, rc, 0);
        break;
    case INPUT_PARDON:
        rc = store_pardon(t->store, in->root, store_thread_now_s());
        t->handlers.worked(t->handlers.ctx, STORE_WORK_PARDON, in->token, rc, 0);
        break;
    case INPUT_PURGE:
        rc = store_purge(t->store, in->root, store_thread_now_s(), &n);
        t->handlers.worked(t->handlers.ctx, STORE_WORK_PURGE, in->token, rc, n);
        break;
    case INPUT_EXCEPTION:
        rc = store_add_exception(t->store, (const struct exception *)(const void *)in->memory, store_thread_now_s());
        free(in->memory);
        t->handlers.worked(t->handlers.ctx, STORE_WORK_EXCEPTION, in->token, rc, 0);
        if (rc == -EOVERFLOW)
            return;
        break;
    case INPUT_CLEAR:
        rc = store_tool_clear(t->store, (const struct tool_clearing *)(const void *)in->memory, &n);
        free(in->memory);
        t->handlers.worked(t->handlers.ctx, STORE_WORK_CLEAR, in->token, rc, n);
        break;
    default:
        rc = store_rebuild(t->store, store_thread_now_s());
        t->handlers.worked(t->handlers.ctx, STORE_WORK_REBUILD, in->token, rc, 0);
        break;
    }
    note_disk(t, rc, STORE_TROUBLE_WORK);
    t->fold_more = true;
}

static void do_introductions(struct store_thread *t, struct other_input *in)
{
    struct bytes frame = { in->memory, in->len };
    int rc = store_add_introductions(t->store, frame);

    if (rc != -ENOKEY && rc != -EBADMSG && rc != -EINVAL && rc != -EXDEV)
        note_disk(t, rc, STORE_TROUBLE_BATCHES);
    t->handlers.introductions(t->handlers.ctx, in->root, frame, rc);
    t->fold_more = true;
    free(in->memory);
}

static void tell_trusted(struct store_thread *t)
{
    const size_t left_out_n = store_left_out(t->store);
    uint64_t trust, lists;

    if (left_out_n > t->left_out_n)
        atomic_fetch_add(&t->left_out, left_out_n - t->left_out_n);
    t->left_out_n = left_out_n;
    store_trusted(t->store, &trust, &lists);
    if (trust == t->trust_version)
        return;
    t->trust_version = trust;
    t->handlers.trusted(t->handlers.ctx);
}

/* Lost to a full disk: at the next start the mesh finds the pair among the batches again, or hears of it. */
static void do_proof(struct store_thread *t, struct other_input *in)
{
    const struct store_proof p = { .epoch = in->batch.epoch, .seq = in->batch.seq,
                                   .frames = { { in->memory, in->len }, { in->memory + in->len, in->batch.frame.len } } };
    bool added = false;

    note_disk(t, store_add_proof(t->store, in->root, &p, store_thread_now_s(), &added), STORE_TROUBLE_BATCHES);
    t->fold_more = t->tell_more = true;
    free(in->memory);
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
        note_disk(t, store_add_record(t->store, in->root, in->number, (struct bytes){ in->memory, in->len }), STORE_TROUBLE_BATCHES);
        free(in->memory);
        break;
    case INPUT_BOUND:
        note_disk(t, store_set_bound(t->store, in->root, in->batch.epoch, in->batch.seq), STORE_TROUBLE_BATCHES);
        t->fold_more = true;
        break;
    case INPUT_PROOF:
        do_proof(t, in);
        break;
    case INPUT_INTRODUCTIONS:
        do_introductions(t, in);
        break;
    case INPUT_SETTLED:
        begin_epoch(t, (uint32_t)in->number);
        break;
    case INPUT_CAUGHT_UP:
        policy_destroy(&t->trusting);
        t->trusting = (struct policy *)(void *)in->memory;
        t->trusting_by_ms = clock_ms(CLOCK_MONOTONIC) + TRUST_WAIT_MS;
        break;
    case INPUT_SIGNER:
        identity_destroy(&t->identity);
        t->identity = (struct identity *)(void *)in->memory;
        t->record_serial = in->number;
        t->tell_more = true;
        break;
    case INPUT_WAKE:
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

    atomic_store(&t->backlog, backlog);
    if (now_ms >= t->fold_at_ms && (t->fold_more || backlog > 0 || store_thread_now_s() >= t->fold_wake_s))
        fold_slice(t, now_ms - t->reported_ms < 1000 && backlog < FOLD_BACKLOG_MAX);
}

static void do_tell(struct store_thread *t, int64_t now_ms)
{
    struct told_batch told[TELL_BATCHES_MAX];
    size_t n = 0;

    if (t->begin_at_ms != 0 && now_ms >= t->begin_at_ms)
        begin_epoch(t, t->begin_above);
    if (!t->settled || t->record_serial == 0 || now_ms < t->tell_at_ms || (!t->tell_more && store_thread_now_s() < t->tell_wake_s))
        return;
    const struct tell_pace pace = store_tell_pace(t->store);
    const struct tell_limits limits = { .growth_min = pace.growth_min, .growth_wait_s = pace.growth_s, .batches_max = TELL_BATCHES_MAX };
    int rc = store_tell(t->store, t->identity, t->record_serial, &limits, store_thread_now_s(), told, &n, &t->tell_more, &t->tell_wake_s);
    note_disk(t, rc, STORE_TROUBLE_TELL);
    for (size_t i = 0; i < n; i++) {
        struct batch_name name = { .epoch = told[i].name.epoch, .seq = told[i].name.seq, .record_serial = t->record_serial };
        memcpy(name.origin, told[i].name.origin, KEY_BYTES);
        memcpy(name.hash, told[i].name.hash, HASH_BYTES);
        t->handlers.own(t->handlers.ctx, &name, told[i].frame, told[i].len);
    }
    atomic_fetch_add(&t->told, n);
    t->fold_more |= n > 0;             /* the floor may have risen: what is dead now leaves the disk */
    if (n > 0 || rc != 0)
        t->tell_at_ms = now_ms + (rc != 0 ? RETRY_MS : pace.first_ms);
}

/* Noted now and then: a start tells by it how long this member was away. */
static void note_caught_up(struct store_thread *t)
{
    int64_t now_s = store_thread_now_s();

    if (!t->caught_up || now_s - t->noted_s < CAUGHT_UP_NOTED_S)
        return;
    t->noted_s = now_s;
    store_note_caught_up(t->store, now_s);
}

static void do_caught_up(struct store_thread *t, int64_t now_ms)
{
    note_caught_up(t);
    if (t->trusting == NULL || (store_backlog(t->store) > TRUST_BACKLOG && now_ms < t->trusting_by_ms))
        return;
    int rc = store_set_policy(t->store, t->trusting, store_thread_now_s());
    note_disk(t, rc, STORE_TROUBLE_WORK);
    if (rc != 0) {
        t->trusting_by_ms = now_ms + RETRY_MS;
        return;
    }
    log_info("mesh: caught up; what other members say counts from now on");
    policy_destroy(&t->trusting);
    t->caught_up = t->fold_more = true;
    note_caught_up(t);
}

static int64_t until_ms(int64_t at_s)
{
    int64_t left_s = at_s - store_thread_now_s();

    return left_s <= 0 ? 0 : left_s > 3600 ? 3600000 : left_s * 1000;
}

/* How long the thread may sleep when nothing comes in. */
static int sleep_ms(const struct store_thread *t)
{
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC), wait = 3600000, other;

    if (t->pending_at < t->pending_n)
        return 0;
    if (t->trusting != NULL)
        wait = FOLD_MS;                /* at the latest: then the backlog is looked at again */
    other = t->fold_more || store_backlog(t->store) > 0 ? 0 : until_ms(t->fold_wake_s);
    if (other < t->fold_at_ms - now_ms)
        other = t->fold_at_ms - now_ms;
    wait = other < wait ? other : wait;
    if (t->begin_at_ms != 0 && t->begin_at_ms - now_ms < wait)
        wait = t->begin_at_ms > now_ms ? t->begin_at_ms - now_ms : 0;
    if (t->settled && t->record_serial != 0) {
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

void *store_loop(void *store_thread)
{
    struct store_thread *t = store_thread;

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
        tell_trusted(t);
        do_caught_up(t, now_ms);
        /* Looked at again: the word that wakes may have been taken above, after the first look. */
        if (!atomic_load(&t->stopping))
            wait_for_input(t);
    }
    if (t->settled && store_end_epoch(t->store) != 0)
        log_warning("database: the clean end could not be noted; the next start begins a new epoch");
    return NULL;
}
