/* node/store_thread_private.h: what store_thread.c (start, stop, the senders' side) and store_loop.c (the thread itself) share. */
#ifndef HEARSAY_NODE_STORE_THREAD_PRIVATE_H
#define HEARSAY_NODE_STORE_THREAD_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "node/mailbox.h"
#include "node/store_thread.h"

enum input_kind { INPUT_BATCH, INPUT_RECORD, INPUT_INTRODUCTIONS, INPUT_BOUND, INPUT_PROOF, INPUT_SETTLED, INPUT_SIGNER, INPUT_WAKE, INPUT_POLICY, INPUT_CAUGHT_UP, INPUT_PURGE, INPUT_REBUILD, INPUT_PARDON, INPUT_EXCEPTION, INPUT_CLEAR };

struct report_input {
    struct report_ticket ticket;
    struct store_event event;
};

struct other_input {
    enum input_kind kind;
    void *token;
    uint8_t *memory;                 /* frame, or a struct policy, exception or tool_clearing; owned */
    size_t len;
    struct store_batch batch;
    uint8_t root[KEY_BYTES];
    uint64_t number;                 /* serial, or `above` */
};

struct store_thread {
    struct store *store;
    struct store_thread_handlers handlers;
    struct identity *identity;       /* signs own batches */
    char *database, *nonce_path;
    uint64_t record_serial;
    struct mailbox *reports, *others;
    struct other_input *pending;     /* taken from `others` and not done yet */
    size_t pending_n, pending_at;
    struct store_event *turn;        /* the reports of one turn, and whom to answer */
    struct reported *turn_those;
    size_t turn_room;
    bool settled, fold_more, tell_more;
    int64_t begin_at_ms;             /* when to try again to begin an epoch; 0: it is not waited for */
    uint32_t begin_above;
    struct policy *trusting;         /* to be taken when what waits is folded; NULL: none */
    int64_t trusting_by_ms;          /* but no later */
    bool caught_up;
    int64_t live_until_ms;           /* slices are small: small batches of others came amid much */
    int64_t noted_s;                 /* when that was last noted on disk */
    size_t fold_rows;                /* of a slice while reports keep coming */
    int64_t fold_at_ms, tell_at_ms;  /* not before */
    int64_t fold_wake_s, tell_wake_s;
    uint64_t trust_version;          /* of the store when the handler was last told */
    size_t left_out_n;               /* members for whom there was no room then */
    int64_t reported_ms;             /* when the last reports came */
    pthread_t thread, checkpointer;
    int stop_fd;                     /* an eventfd that ends the checkpointer's pause */
    bool running;
    atomic_bool stopping, clock_contested;
    atomic_uint_fast64_t stored, failed, commits, batches, repeated, batches_failed, told, backlog, left_out;
    atomic_int_fast64_t failing_since_s[STORE_TROUBLES];
    atomic_int last_error[STORE_TROUBLES];
};

int64_t store_thread_now_s(void);
void store_thread_log_anew(void);      /* says so */
void *store_loop(void *store_thread);        /* the thread; returns when `stopping` is set and nothing waits */

#endif
