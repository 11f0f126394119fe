/* node/store_thread.h: the one thread that writes to the database.
 *
 * Reports and batches wait in two bounded mailboxes, so that a flood of one does not hold up the other. Each turn takes all
 * reports that wait, commits them in one transaction (group commit), answers them, commits a slice of batches, and between turns folds and tells.
 * A second small thread moves the write-ahead log into the file, so that no commit has to. */
#ifndef HEARSAY_NODE_STORE_THREAD_H
#define HEARSAY_NODE_STORE_THREAD_H

#include <stdint.h>

#include "node/report_server.h"
#include "proto/identity.h"
#include "store/store.h"
#include "store/tool.h"

struct store_thread;

/* What the disk may refuse. Each fails and recovers by itself. */
enum store_trouble { STORE_TROUBLE_REPORTS, STORE_TROUBLE_BATCHES, STORE_TROUBLE_FOLD, STORE_TROUBLE_TELL, STORE_TROUBLE_WORK, STORE_TROUBLES };
/* "reports are not stored, and answered with an error"; a constant. */
const char *store_trouble_text(enum store_trouble kind);

enum { STORE_AWAY_MAX_S = 7 * 86400 };       /* who was away for longer begins as a new member does: what it knew hardly counts any more */

enum store_work { STORE_WORK_POLICY, STORE_WORK_PURGE, STORE_WORK_REBUILD, STORE_WORK_PARDON, STORE_WORK_EXCEPTION, STORE_WORK_CLEAR };

/* A report, or an operation of the toolbox, and whom to answer. */
struct reported {
    struct report_ticket ticket;
    struct tool_op *tool;                    /* NULL: a report. The handler's to free() */
};

/* All are called on the store thread and must not block. */
struct store_thread_handlers {
    void *ctx;
    /* These are on disk (rc 0), or none of them was stored. */
    void (*reported)(void *ctx, const struct reported *those, size_t n, int rc);
    void (*batch_stored)(void *ctx, const struct batch_name *name, int rc, bool fresh);
    /* An own batch to publish; frame is the handler's to free(). */
    void (*own)(void *ctx, const struct batch_name *name, uint8_t *frame, size_t len);
    /* A list of introductions was stored (rc 0; or was no newer than the stored one), or why it was not. */
    void (*introductions)(void *ctx, const uint8_t introducer[KEY_BYTES], struct bytes frame, int rc);
    /* Other members have trust by introductions than before, or another part of it. */
    void (*trusted)(void *ctx);
    void (*changes)(void *ctx, const struct listing_change *changes, size_t n);
    /* A work asked for below is done. `n`: batches forgotten by a purge, rows taken out of a tool's state. */
    void (*worked)(void *ctx, enum store_work work, void *token, int rc, uint64_t n);
};

struct store_thread_options {
    const char *database;
    const char *nonce_path;                  /* of store_begin_epoch() */
    struct policy *policy;                   /* copied; `catching_up` is set in it if this database is new, or was away too long */
    const struct identity *identity;         /* copied */
    uint64_t record_serial;                  /* as store_thread_signer() */
    unsigned queue_max;
};

/* Opens the database (creating it if absent) and takes the policy; nothing runs yet. `why`: STORE_WHY_MAX bytes. Errors as store_open(). */
int store_thread_open(const struct store_thread_options *o, const struct store_thread_handlers *h, struct store_thread **out, char *why);
int store_thread_run(struct store_thread *t);
/* Commits and answers what waits, marks the epoch as intact, closes. What is put afterwards is refused with -EAGAIN. */
void store_thread_stop(struct store_thread *t);
void store_thread_destroy(struct store_thread **t);     /* stopped before; takes NULL */

/* From any thread. 0, or -EAGAIN: too much waits. */
int store_thread_report(struct store_thread *t, struct report_ticket ticket, const struct store_report *r);
/* The same for the toolbox; takes `op` when it returns 0. */
int store_thread_tool(struct store_thread *t, struct report_ticket ticket, struct tool_op *op);
/* Takes `frame` when it returns 0. */
int store_thread_batch(struct store_thread *t, const struct store_batch *name, uint8_t *frame);
int store_thread_record(struct store_thread *t, const uint8_t root[KEY_BYTES], uint64_t serial, struct bytes frame);
int store_thread_introductions(struct store_thread *t, const uint8_t introducer[KEY_BYTES], struct bytes frame);
/* store_set_bound(). */
int store_thread_bound(struct store_thread *t, const uint8_t root[KEY_BYTES], uint32_t epoch, uint64_t seq);
/* store_add_proof(); frames are copied. */
int store_thread_proof(struct store_thread *t, const uint8_t root[KEY_BYTES], const struct store_proof *p);
/* Neighbours were asked for our own log: batches may be told from now on. */
void store_thread_settled(struct store_thread *t, uint32_t above);
/* Own batches are signed with these keys (copied) and name this record from now on; 0: no record is valid, nothing is told. 0, -EAGAIN, -ENOMEM. */
int store_thread_signer(struct store_thread *t, const struct identity *id, uint64_t record_serial);
/* Works; each ends with the `worked` handler. The policy is copied. */
int store_thread_policy(struct store_thread *t, const struct policy *p, void *token);
/* What others say counts from now on: takes this policy as soon as what waits is folded, so that no part of it is judged alone. */
int store_thread_caught_up(struct store_thread *t, const struct policy *p);
int store_thread_purge(struct store_thread *t, const uint8_t root[KEY_BYTES], void *token);
int store_thread_clear(struct store_thread *t, const struct tool_clearing *c, void *token);     /* copied */
int store_thread_pardon(struct store_thread *t, const uint8_t root[KEY_BYTES], void *token);
int store_thread_rebuild(struct store_thread *t, void *token);
int store_thread_exception(struct store_thread *t, const struct exception *e, void *token);     /* copied */

struct store_thread_counts {
    uint64_t reports_stored, reports_failed, commits;
    uint64_t batches_stored, batches_repeated, batches_failed;
    uint64_t told, backlog;
    uint64_t left_out;                       /* members by introduction beyond MEMBERS_MAX; each when it comes to be so */
    bool clock_contested;                    /* nothing is told yet: the clock has leapt, and no peer bears it out */
    int64_t failing_since_s[STORE_TROUBLES]; /* since when; 0: it works */
    int last_error[STORE_TROUBLES];          /* negative errno of the last failure */
};
void store_thread_counted(const struct store_thread *t, struct store_thread_counts *out);

#endif
