/* node/daemon_parts.h: what daemon.c, requests.c, reload.c and status.c share. Belongs to the main thread. */
#ifndef HEARSAY_NODE_DAEMON_PARTS_H
#define HEARSAY_NODE_DAEMON_PARTS_H

#include <stdatomic.h>
#include <uv.h>

#include "node/config.h"
#include "node/control.h"
#include "node/mailbox.h"
#include "node/mesh_net.h"
#include "node/report_server.h"
#include "node/spf_pool.h"
#include "node/store_thread.h"
#include "node/verdict_files.h"
#include "node/zone_thread.h"
#include "proto/identity.h"
#include "proto/record.h"
#include "store/reader.h"

enum { RATE_SAMPLES = 60, DAEMON_JOINS_MAX = 16 };

struct rate_sample { uint64_t reports, opinions; };

struct daemon {
    struct config *config;
    bool caught_up_due;                  /* the mesh said so while a reload was under way */
    bool reload_again;                   /* a SIGHUP came while a reload was under way */
    struct config *next;                 /* while a reload is under way: not in force yet; read by the store thread's handler */
    struct verdict_rules *next_rules;    /* of `next` */
    struct identity *identity;           /* the main thread's: a rotation puts another in its place */
    uint8_t self[KEY_BYTES];             /* own root key; set once, for all threads */
    struct record record;                /* this member's own */
    uint8_t record_frame[RECORD_FRAME_MAX];
    size_t record_len;
    int64_t renew_at_s;                  /* not before */
    bool renew_failed;
    bool record_over;                    /* it has run out, or this member has left: nothing is told */

    uv_loop_t loop;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t second;                   /* housekeeping, once a second */
    uv_poll_t on_result;
    bool loop_made, stopping;
    int exit_status;

    struct store_thread *store;
    struct zone_thread *zones;
    _Atomic(struct mesh_net *) mesh;     /* NULL: no mesh configured; set once, read by the store thread's handlers */
    _Atomic(uint64_t) settled_above;     /* one more than what the mesh said when it had settled; 0: nothing to pass on */
    struct report_server *reports;
    struct spf_pool *spf;                /* for spfcheck */
    struct verdict_files *verdicts;      /* rules and profiles */
    struct control *control;
    struct reader *reader;               /* for check, score, info, status */

    struct join_answer *joins;           /* DAEMON_JOINS_MAX, or NULL: newcomers to answer when a reload is done */
    size_t joins_n;
    int64_t join_logged_ms;
    int introduce_failed;                /* why this member's introductions could not be signed the last time; 0 */

    struct mailbox *results;             /* from the store thread to here: struct result */
    unsigned reports_waiting;            /* handed to the store thread and not answered yet; at most limits.queue */
    bool reports_paused;

    int64_t started_s, started_ms;
    struct rate_sample rates[RATE_SAMPLES];   /* totals a second apart; a ring */
    uint64_t ticks;
};

/* What the store thread sends back to the main thread. */
struct result {
    enum { RESULT_REPORT, RESULT_WORK, RESULT_INTRODUCTIONS, RESULT_KEYS, RESULT_CAUGHT_UP, RESULT_JOIN } kind;
    struct report_ticket ticket;
    struct tool_op *tool;                /* of a RESULT_REPORT; NULL: a report. Owned */
    enum store_work work;
    void *token;
    int rc;
    uint64_t n;
};

int64_t daemon_now_s(void);
int64_t daemon_now_ms(void);

/* requests.c: what reporters ask (proto/REPORTS.md), as the report server's handlers. What changes something goes on to the store thread; what only asks is answered here. */
int requests_change(void *ctx, const struct request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX]);
void requests_read(void *ctx, const struct request *rq, char answer[REPORT_ANSWER_MAX]);
/* "error: ..." for what the store thread did not store. */
const char *daemon_storage_error(int rc);

/* renew.c. Own record for this configuration: kept, or signed anew. `why`: CONFIG_WHY_MAX. */
int daemon_make_record(struct daemon *d, const struct config *c, char *why);
/* Takes over what the key file and the configuration say now. */
int renew_reload(struct daemon *d, const struct config *c, char *why);
void renew_tick(struct daemon *d);                   /* once a second: renews in time, stops telling at the end */
int renew_tell(struct daemon *d);                    /* the record and the keys to the other threads */
void renew_keys(struct daemon *d, enum net_keys what);         /* what the mesh says of the CURVE keys before the present one, to the key file */
uint64_t renew_serial(const struct daemon *d);       /* that batches may name now; 0: none */
bool renew_is_over(const struct record *r, int64_t now_s);
int64_t renew_warn_s(int64_t serial, int64_t not_after_s);
/* Starts the mesh if the configuration wants one and none runs; without one, own batches wait. */
int daemon_start_mesh(struct daemon *d, const struct config *c, char *why);
void daemon_warn_of_secret(const struct config *c);                   /* into the log, when a file that everybody can read holds one */
void daemon_set_self(const struct daemon *d, struct config *c);     /* config_set_self(), and says so if a peer was this member */

/* What others say counts from now on: the mesh has caught up. */
void daemon_caught_up(struct daemon *d);

/* reload.c: reads the file again and puts it in force step by step. `rq` gets the answer, may be NULL (SIGHUP). */
void reload_begin(struct daemon *d, struct control_request *rq);
void reload_end(struct daemon *d, struct control_request *rq, int rc);
/* On the store thread, as soon as the store has the new policy. */
void reload_policy_in_force(struct daemon *d);

/* introduce.c: signs this member's introductions anew if the configuration, a record or an expiry asks for it. */
void introduce_refresh(struct daemon *d);

/* join.c: newcomers with an invite. join_take(): adds its card to the peers and reloads; the answer goes out when that is in force. */
void join_load_invites(struct daemon *d);
void join_take(struct daemon *d, const struct join_request *rq);
void join_reload_begun(struct daemon *d);
void join_reload_done(struct daemon *d, bool taken);

/* status.c: the answer of `status`; commands.c: everything that comes over the control socket. */
json_t *status_answer(struct daemon *d);
void status_sample(struct daemon *d);
/* Adds to "peers" what was learned about them, and warnings. */
void status_members(struct daemon *d, json_t *o, json_t *warnings);
void commands_handle(void *ctx, const json_t *request, struct control_request *rq);
void commands_worked(struct daemon *d, const struct result *r);
json_t *commands_error(const char *text);

#endif
