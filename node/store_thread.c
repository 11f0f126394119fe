#include "node/store_thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/store_thread_private.h"

enum {
    FOLD_ROWS_FIRST = 512,
    BATCHES_WAITING_MAX = 8192,      /* half a gigabyte of the largest; then the mesh drops and fetches again */
    CHECKPOINT_MS = 500,
    CHECKPOINT_WAL_BYTES = 4 << 20
};

static void *checkpoint_main(void *arg)
{
    struct store_thread *t = arg;
    struct pollfd stop = { .fd = t->stop_fd, .events = POLLIN };
    char wal[4096];
    struct stat st;

    snprintf(wal, sizeof wal, "%s-wal", t->database);
    while (poll(&stop, 1, CHECKPOINT_MS) <= 0) {
        if (stat(wal, &st) == 0 && st.st_size > CHECKPOINT_WAL_BYTES)
            store_checkpoint(t->database);
    }
    return NULL;
}

void store_thread_log_anew(void)
{
    log_info("database: another coalition, or the keys of another member: what was told before is told anew, in a new epoch");
}

/* Only Linux has such a file; elsewhere there is nothing to compare. */
static void say_boot(struct store *s)
{
    char boot_id[BOOT_ID_MAX + 1] = "";
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (f == NULL)
        return;
    if (fgets(boot_id, sizeof boot_id, f) != NULL)
        store_set_boot(s, boot_id);
    fclose(f);
}

int store_thread_open(const struct store_thread_options *o, const struct store_thread_handlers *h, struct store_thread **out, char *why)
{
    struct store_thread *t = calloc(1, sizeof *t);
    int64_t caught_up_s = 0;
    int rc = -ENOMEM;

    snprintf(why, STORE_WHY_MAX, "out of memory");
    if (t == NULL)
        return rc;
    t->handlers = *h;
    t->record_serial = o->record_serial;
    t->database = strdup(o->database);
    t->nonce_path = strdup(o->nonce_path);
    t->reports = mailbox_create(sizeof(struct report_input), o->queue_max);
    t->others = mailbox_create(sizeof(struct other_input), BATCHES_WAITING_MAX);
    t->fold_more = t->tell_more = true;
    t->fold_rows = FOLD_ROWS_FIRST;
    t->stop_fd = eventfd(0, EFD_CLOEXEC);
    t->tell_wake_s = t->fold_wake_s = INT64_MAX;
    if (t->database == NULL || t->nonce_path == NULL || t->reports == NULL || t->others == NULL || t->stop_fd < 0)
        goto out;
    rc = identity_copy(o->identity, &t->identity);
    if (rc == 0)
        rc = store_open(t->database, true, &t->store, why);
    if (rc == 0)
        say_boot(t->store);
    if (rc == 0 && store_caught_up(t->store, &caught_up_s) == 0)
        t->caught_up = store_thread_now_s() - caught_up_s < STORE_AWAY_MAX_S;
    o->policy->catching_up = rc == 0 && !t->caught_up;
    if (rc == 0 && (rc = store_set_policy(t->store, o->policy, store_thread_now_s())) != 0)
        snprintf(why, STORE_WHY_MAX, "cannot take the policy into the database: %s", strerror(-rc));
    if (rc == 0 && store_took_log_anew(t->store))
        store_thread_log_anew();
    if (rc == 0) {
        *out = t;
        t = NULL;
    }
out:
    store_thread_destroy(&t);
    return rc;
}

static void ask_to_stop(struct store_thread *t)
{
    struct other_input wake = { .kind = INPUT_WAKE };

    atomic_store(&t->stopping, true);
    eventfd_write(t->stop_fd, 1);
    mailbox_put(t->others, &wake);       /* full is as good: the thread is awake then */
}

int store_thread_run(struct store_thread *t)
{
    int rc = pthread_create(&t->thread, NULL, store_loop, t);

    if (rc != 0)
        return -rc;
    rc = pthread_create(&t->checkpointer, NULL, checkpoint_main, t);
    if (rc != 0) {
        ask_to_stop(t);
        pthread_join(t->thread, NULL);
        return -rc;
    }
    t->running = true;
    return 0;
}

void store_thread_stop(struct store_thread *t)
{
    if (!t->running)
        return;
    ask_to_stop(t);
    pthread_join(t->thread, NULL);
    pthread_join(t->checkpointer, NULL);
    t->running = false;
    store_close(&t->store);
}

static void drop_report(void *item)
{
    free(((struct report_input *)item)->event.tool);
}

static void drop_other(void *item)
{
    struct other_input *in = item;
    struct policy *policy = (struct policy *)(void *)in->memory;
    struct identity *id = (struct identity *)(void *)in->memory;

    if (in->kind == INPUT_POLICY || in->kind == INPUT_CAUGHT_UP)
        policy_destroy(&policy);
    else if (in->kind == INPUT_SIGNER)
        identity_destroy(&id);
    else
        free(in->memory);
}

void store_thread_destroy(struct store_thread **t)
{
    if (*t == NULL)
        return;
    store_close(&(*t)->store);
    mailbox_destroy(&(*t)->reports, drop_report);
    mailbox_destroy(&(*t)->others, drop_other);
    if ((*t)->stop_fd >= 0)
        close((*t)->stop_fd);
    identity_destroy(&(*t)->identity);
    policy_destroy(&(*t)->trusting);
    free((*t)->turn);
    free((*t)->turn_those);
    free((*t)->database);
    free((*t)->nonce_path);
    free(*t);
    *t = NULL;
}

int store_thread_report(struct store_thread *t, struct report_ticket ticket, const struct store_report *r)
{
    struct report_input in = { .ticket = ticket, .event.report = *r };

    return atomic_load(&t->stopping) ? -EAGAIN : mailbox_put(t->reports, &in);
}

int store_thread_tool(struct store_thread *t, struct report_ticket ticket, struct tool_op *op)
{
    struct report_input in = { .ticket = ticket, .event.tool = op };

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

int store_thread_introductions(struct store_thread *t, const uint8_t introducer[KEY_BYTES], struct bytes frame)
{
    struct other_input in = { .kind = INPUT_INTRODUCTIONS, .len = frame.len, .memory = malloc(frame.len + 1) };

    if (in.memory == NULL)
        return -ENOMEM;
    memcpy(in.memory, frame.at, frame.len);
    memcpy(in.root, introducer, KEY_BYTES);
    int rc = put_other(t, &in);
    if (rc != 0)
        free(in.memory);
    return rc;
}

int store_thread_bound(struct store_thread *t, const uint8_t root[KEY_BYTES], uint32_t epoch, uint64_t seq)
{
    struct other_input in = { .kind = INPUT_BOUND, .batch = { .epoch = epoch, .seq = seq } };

    memcpy(in.root, root, KEY_BYTES);
    return put_other(t, &in);
}

int store_thread_proof(struct store_thread *t, const uint8_t root[KEY_BYTES], const struct store_proof *p)
{
    struct other_input in = { .kind = INPUT_PROOF, .len = p->frames[0].len, .memory = malloc(p->frames[0].len + p->frames[1].len + 1) };

    if (in.memory == NULL)
        return -ENOMEM;
    if (p->frames[0].len > 0)
        memcpy(in.memory, p->frames[0].at, p->frames[0].len);
    if (p->frames[1].len > 0)
        memcpy(in.memory + p->frames[0].len, p->frames[1].at, p->frames[1].len);
    in.batch.epoch = p->epoch;
    in.batch.seq = p->seq;
    in.batch.frame.len = p->frames[1].len;
    memcpy(in.root, root, KEY_BYTES);
    int rc = put_other(t, &in);
    if (rc != 0)
        free(in.memory);
    return rc;
}

int store_thread_pardon(struct store_thread *t, const uint8_t root[KEY_BYTES], void *token)
{
    struct other_input in = { .kind = INPUT_PARDON, .token = token };

    memcpy(in.root, root, KEY_BYTES);
    return put_other(t, &in);
}

void store_thread_settled(struct store_thread *t, uint32_t above)
{
    put_other(t, &(struct other_input){ .kind = INPUT_SETTLED, .number = above });
}

int store_thread_signer(struct store_thread *t, const struct identity *id, uint64_t record_serial)
{
    struct identity *copy = NULL;
    int rc = identity_copy(id, &copy);

    if (rc == 0)
        rc = put_other(t, &(struct other_input){ .kind = INPUT_SIGNER, .memory = (uint8_t *)copy, .number = record_serial });
    if (rc != 0)
        identity_destroy(&copy);
    return rc;
}

static int put_policy(struct store_thread *t, enum input_kind kind, const struct policy *p, void *token)
{
    struct policy *copy = policy_copy(p);
    struct other_input in = { .kind = kind, .token = token, .memory = (uint8_t *)copy };

    if (copy == NULL)
        return -ENOMEM;
    int rc = put_other(t, &in);
    if (rc != 0)
        policy_destroy(&copy);
    return rc;
}

int store_thread_policy(struct store_thread *t, const struct policy *p, void *token)
{
    return put_policy(t, INPUT_POLICY, p, token);
}

int store_thread_caught_up(struct store_thread *t, const struct policy *p)
{
    return put_policy(t, INPUT_CAUGHT_UP, p, NULL);
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

/* With a copy of what `from` points to, which is the store's from then on. */
static int put_copy(struct store_thread *t, enum input_kind kind, const void *from, size_t bytes, void *token)
{
    struct other_input in = { .kind = kind, .token = token, .memory = malloc(bytes) };

    if (in.memory == NULL)
        return -ENOMEM;
    memcpy(in.memory, from, bytes);
    int rc = put_other(t, &in);
    if (rc != 0)
        free(in.memory);
    return rc;
}

int store_thread_clear(struct store_thread *t, const struct tool_clearing *c, void *token)
{
    return put_copy(t, INPUT_CLEAR, c, sizeof *c, token);
}

int store_thread_exception(struct store_thread *t, const struct exception *e, void *token)
{
    return put_copy(t, INPUT_EXCEPTION, e, sizeof *e, token);
}

void store_thread_counted(const struct store_thread *t, struct store_thread_counts *out)
{
    *out = (struct store_thread_counts){
        .reports_stored = atomic_load(&t->stored), .reports_failed = atomic_load(&t->failed), .commits = atomic_load(&t->commits),
        .batches_stored = atomic_load(&t->batches), .batches_repeated = atomic_load(&t->repeated),
        .batches_failed = atomic_load(&t->batches_failed), .told = atomic_load(&t->told), .backlog = atomic_load(&t->backlog),
        .left_out = atomic_load(&t->left_out), .clock_contested = atomic_load(&t->clock_contested),
    };
    for (int kind = 0; kind < STORE_TROUBLES; kind++) {
        out->failing_since_s[kind] = atomic_load(&t->failing_since_s[kind]);
        out->last_error[kind] = atomic_load(&t->last_error[kind]);
    }
}
