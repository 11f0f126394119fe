/* node/mesh.h: the rules of the mesh, without any input or output (sans-I/O).
 *
 * An event and the time go in, a list of things to do comes out. The core knows no socket, file, clock or random source:
 * the daemon (node/mesh_net.h) and the simulation (tests/sim) run this very code. Equal events give equal actions.
 * A `struct mesh` belongs to one thread. Members, neighbours and origins are named by their root key (KEY_BYTES).
 * Source: proto/PROTOCOL.md; facts behind the rules: per-origin logs, range repair, flooding with duplicates dropped. */
#ifndef HEARSAY_NODE_MESH_H
#define HEARSAY_NODE_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/batch.h"
#include "proto/introductions.h"
#include "proto/message.h"
#include "proto/record.h"

struct mesh;

enum mesh_quota { MESH_QUOTA_BATCHES, MESH_QUOTA_BYTES, MESH_QUOTA_OPINIONS, MESH_QUOTAS };      /* of a day. What is kept at a time: mesh_member_subjects() */

/* For simulations of many nodes, whose logs are the same for the most part: pieces of a log that are complete are offered, to be held once for all. */
struct mesh_blocks {
    void *ctx;
    void *(*share)(void *ctx, void *block, size_t bytes);        /* takes it, or frees it and gives an equal one in its place; it is not written any more */
    void *(*own)(void *ctx, void *block, size_t bytes);          /* a copy, of malloc(), in the place of one that was shared. Never NULL */
    void (*drop)(void *ctx, void *block, size_t bytes);          /* one that was shared is not needed any more */
};

struct mesh_config {
    uint8_t self[KEY_BYTES];
    char federation[FEDERATION_MAX_BYTES + 1];
    uint64_t seed;                     /* for choices among neighbours: the same seed, the same choices */
    int64_t ttl_s;                     /* batches older than this are dead */
    bool caught_up;                    /* what others say counts already: MESH_DO_CAUGHT_UP is not said */
    unsigned links;                    /* neighbours to have, about: those that are always linked and, if these are fewer, some of the node's own choice. 0: it chooses none */
    int64_t quota_day[MESH_QUOTAS];    /* of one origin; 0: unbounded. See PROTOCOL.md, "Quotas" */
    const struct mesh_blocks *blocks;  /* borrowed until mesh_destroy(); NULL: nothing is shared */
};

enum {
    MESH_HAVE_MS = 5000,               /* changed logs to each neighbour */
    MESH_FULL_HAVE_MS = 30000,         /* all logs to one neighbour in turn */
    MESH_FETCH_TIMEOUT_MS = 10000,     /* then another neighbour is asked */
    MESH_SETTLE_MS = 3000,             /* how long own batches wait at a start for a neighbour to say what it knows of us */
    MESH_SKEW_S = 300,                 /* batches dated further ahead are kept, counted, and alerted; order never uses clocks */
    MESH_EPOCHS_MAX = 1024,            /* live epochs of one origin; then the oldest is forgotten */
    MESH_INFLIGHT_MAX = 4096,          /* batches handed out for storing and not yet acknowledged; then new ones are dropped and fetched later */
    MESH_INFLIGHT_BYTES_MAX = 64 * 1024 * 1024,   /* and their bytes; then the same */
    MESH_INFLIGHT_SHARE = 4,           /* one neighbour may take one part in so many of both; then the same */
    MESH_STORE_TIMEOUT_MS = 60000,     /* a batch handed out and never acknowledged is forgotten, and fetched again */
    MESH_HELD_MAX = 65536,             /* live batches of one origin; then the oldest are forgotten: the newest by order stay, so this is still order-free */
    MESH_VERSIONS_MAX = 2,             /* batches with one (epoch, seq), the proof of equivocation: the two with the highest hashes */
    MESH_PROOFS_MAX = 64,              /* frozen epochs of one origin; then what is below the newest of them is dead */
    MESH_KEYS_MAX = 64,                /* records kept of one member; then the oldest is forgotten */
    MESH_LARGE_MIN = 64,               /* from so many members on, bytes are saved: origins are told by a part of their key, and come from some neighbours only */
    MESH_LINKS_MAX = 64,               /* neighbours with a connection; one more is -ENOSPC */
    MESH_LINK_CLAIMS_MAX = 65536,      /* logs that one neighbour may say it has; more are not remembered until some are gone */
    MESH_LINK_FETCHES_MAX = 8,         /* outstanding at one neighbour */
    MESH_ASKS_PER_S = 200              /* messages from one neighbour, with a burst of twice that; more are dropped and counted */
};

enum mesh_event_kind {
    MESH_TICK,                         /* the time asked for has come, or just some time */
    MESH_LINK_UP, MESH_LINK_DOWN,      /* neighbour: our connections to it work / are lost */
    MESH_LINK_ABSENT,                  /* neighbour: not to be reached now: nobody is at its address, or it refuses us */
    MESH_FRAME,                        /* neighbour, bytes: a batch came over SUB */
    MESH_SUBSCRIBED, MESH_UNSUBSCRIBED,          /* neighbour, bytes: it wants this topic of our publisher / does not any more */
    MESH_SUBSCRIBES_ANEW,              /* neighbour: over a new connection. What it subscribed to before is void, and what it was sent last may be lost */
    MESH_ASK,                          /* neighbour, bytes: a message came in at our ROUTER */
    MESH_ANSWER,                       /* neighbour, bytes: a message came back on our DEALER */
    MESH_STORED,                       /* name: this batch is on disk (stored = false: it was there before) */
    MESH_STORE_FAILED,                 /* name: it is not (disk full); it will be fetched again later */
    MESH_OWN                           /* name, bytes: an own batch is on disk: publish it */
};
struct mesh_event {
    enum mesh_event_kind kind;
    int64_t now_ms;                    /* monotonic */
    int64_t now_s;                     /* Unix seconds, only to judge dates */
    const uint8_t *neighbour;
    struct bytes bytes;                /* borrowed for the call */
    const struct batch_name *name;
    bool stored;                       /* MESH_STORED only */
    bool by_left_key;                  /* MESH_LINK_UP only: it let us in by a CURVE key that we left, so it does not know our record and cannot reach us to ask for it */
};

enum mesh_action_kind {
    MESH_DO_STORE,                     /* frame (batch): verified; store it, then say MESH_STORED */
    MESH_DO_PUBLISH,                   /* frame: send to all subscribers under topic */
    MESH_DO_LINK, MESH_DO_UNLINK,      /* neighbour: keep a connection to it from now on, before its subscriptions; or no longer, after them */
    MESH_DO_SUBSCRIBE, MESH_DO_UNSUBSCRIBE,   /* neighbour, topic: at its publisher; said once for each pair and kept over reconnects, whether the link is up or not */
    MESH_DO_ALLOW, MESH_DO_FORBID,     /* origin: whose topic our own publisher gives out */
    MESH_DO_ASK,                       /* neighbour, frame: send on our DEALER */
    MESH_DO_ANSWER,                    /* neighbour, frame: send from our ROUTER */
    MESH_DO_SERVE,                     /* neighbour, fetch: read the range from the store, highest first, and send each as a Fetched; end with an empty `last` one */
    MESH_DO_INTRODUCTIONS,             /* origin, frame: a newer list of introductions of a known member (perhaps of self), verified: store it, then make known and drop members by it */
    MESH_DO_RECORD,                    /* record, frame: a record of a known member that was not here yet, verified: store it; if its serial is the highest, use its endpoints */
    /* Neighbours were asked for our own log (or none is there): own batches may be told now. above: the highest own epoch heard of, or one more if they know more
     * of that epoch than is held here, so that above > the stored epoch means: never go on with the stored one. Said again, with a higher `above`, when a
     * verified own batch turns up later that this node did not tell (a restored backup): begin a new epoch then, too. */
    MESH_DO_SETTLED,
    MESH_DO_CAUGHT_UP,                 /* once: 95 % of what neighbours hold is on disk, or no more comes of them: what others say may count from now on */
    MESH_DO_PAUSE,                     /* neighbour, pause_ms, text: it goes on misbehaving: cut it off for so long. The core does not listen to it until then */
    MESH_DO_BOUND,                     /* origin, batch.name's epoch and seq: what is below is not kept, as if the author had announced this floor; lower than before: take that back, it is fetched again */
    MESH_DO_PROOF,                     /* origin, batch.name's epoch and seq: frozen there; keep the proof. frame, second: the pair, when it is not in the log; else both were stored before */
    MESH_DO_BLAME,                     /* neighbour, text: it relayed something bad; for the link's score and the log */
    MESH_DO_ALERT                      /* origin, text: the operator should know (equivocation, clock) */
};
enum { MESH_TOPIC_BYTES = 1 + ORIGIN_SHORT_BYTES, MESH_TEXT_MAX = 120 };
struct mesh_action {
    enum mesh_action_kind kind;
    uint8_t neighbour[KEY_BYTES];      /* with MESH_DO_STORE: who brought it */
    uint8_t origin[KEY_BYTES];         /* whose batches the topic is of; MESH_DO_ALERT: whom it is about */
    uint8_t topic[MESH_TOPIC_BYTES];   /* 'B' and the beginning of the origin */
    struct bytes frame;                /* belongs to the update, valid until the next mesh_step() */
    struct bytes second;               /* MESH_DO_PROOF only */
    struct store_batch_ref { struct batch_name name; uint32_t floor_epoch, opinions; uint64_t floor_seq; int64_t time_s; } batch;      /* opinions: how many it says */
    struct { uint32_t id; uint8_t origin[KEY_BYTES]; uint32_t epoch; uint64_t from, to; } fetch;
    const struct record *record;       /* valid as long as frame */
    uint32_t above;
    int64_t pause_ms;
    char text[MESH_TEXT_MAX];
};
struct mesh_update {
    const struct mesh_action *actions;
    size_t n;
    int64_t wake_at_ms;                /* call with MESH_TICK then at the latest */
};

int mesh_create(const struct mesh_config *c, struct mesh **out);
void mesh_destroy(struct mesh **m);    /* takes NULL */

/* The four below may be called between steps; what is to be done for them comes out of the next mesh_step().
 *
 * Makes a member known (or its newer record), so that its batches are taken, kept and relayed. `link`: always keep a connection to it; else none, but of the node's own choice. The own record is given, too:
 * it names the key of own batches that neighbours hold. 0, -ENOSPC (MEMBERS_MAX, MESH_LINKS_MAX), -ENOMEM. */
int mesh_member_set(struct mesh *m, const struct record *rec, struct bytes frame, bool link);
/* May the node choose this member for a link by itself? Not, unless said; MESH_MAY_FIRST: rather than others. 0, -ENOENT. */
enum mesh_may { MESH_MAY_NOT, MESH_MAY, MESH_MAY_FIRST };
int mesh_member_may_link(struct mesh *m, const uint8_t root[KEY_BYTES], enum mesh_may may);
/* How many links the node is to have from now on; 0: it chooses none. What is too much is given up at once, what is missing chosen in the next step. */
void mesh_links(struct mesh *m, unsigned links);
/* Other quotas, or another time that batches live, from now on: what each member has used of its own stays used, up to a debt of a day. */
void mesh_quota(struct mesh *m, const int64_t day[MESH_QUOTAS], int64_t ttl_s);
/* How many opinions of this member are kept, about: its newest batches until they have said so many, all below is dead. So it depends on nothing but the set of
 * batches, and neighbours with another bound do not matter. 0: no such bound. 0, -ENOENT. */
int mesh_member_subjects(struct mesh *m, const uint8_t root[KEY_BYTES], uint32_t most);
/* It is a member by introduction only, in the group of that root, or (NULL) not: those of one group share one quota of a day. 0, -ENOENT. */
int mesh_member_group(struct mesh *m, const uint8_t root[KEY_BYTES], const uint8_t *group);
/* Another record of a known member: its operational key is remembered for older batches, and the frame for neighbours that lack it. 0, -ENOENT, -ENOMEM. */
int mesh_member_key(struct mesh *m, const struct record *rec, struct bytes frame);
void mesh_member_drop(struct mesh *m, const uint8_t root[KEY_BYTES]);     /* not of self */
/* What is in the store at a start, in any order; after a purge (mesh_member_drop, then mesh_member_set) nothing is. 0, -ENOENT (unknown origin), -ENOMEM. */
int mesh_held(struct mesh *m, const struct store_batch_ref *batch);
/* A proof that is in the store, before the batches: what is above it is dead. 0, -ENOENT. */
int mesh_proof(struct mesh *m, const uint8_t origin[KEY_BYTES], uint32_t epoch, uint64_t seq, const uint8_t a[HASH_BYTES], const uint8_t b[HASH_BYTES]);

/* The list of introductions of a known member, verified before: from the store, or this member's own. A lower one than the core has changes nothing. 0, -ENOENT
 * (unknown introducer), -EINVAL, -ENOMEM. */
int mesh_introductions(struct mesh *m, struct bytes frame);
/* Could not be stored: forget it, so that it is fetched again. */
void mesh_introductions_drop(struct mesh *m, const uint8_t introducer[KEY_BYTES]);

/* Handles one event. *up is valid until the next call. Bad input is no error here but counted and blamed.
 * 0; -ENOMEM: something was left out, which repair makes good later; *up is to be carried out nevertheless. */
int mesh_step(struct mesh *m, const struct mesh_event *ev, struct mesh_update *up);

enum mesh_count {
    MESH_COUNT_FRAMES, MESH_COUNT_MERGED, MESH_COUNT_DUPLICATE, MESH_COUNT_BAD_SIGNATURE, MESH_COUNT_MALFORMED, MESH_COUNT_FOREIGN,
    MESH_COUNT_UNKNOWN_ORIGIN, MESH_COUNT_UNKNOWN_KEY, MESH_COUNT_RECORD_ENDED, MESH_COUNT_DEAD, MESH_COUNT_EQUIVOCATION, MESH_COUNT_FUTURE, MESH_COUNT_DROPPED_BUSY,
    MESH_COUNT_FETCHES, MESH_COUNT_FETCH_TIMEOUTS, MESH_COUNT_SERVED, MESH_COUNT_BAD_MESSAGE, MESH_COUNT_OVER_LIMIT, MESH_COUNT_STORE_FAILED, MESH_COUNT_FROZEN, MESH_COUNT_INTRODUCTIONS,
    MESH_COUNT_QUOTA_BATCHES, MESH_COUNT_QUOTA_BYTES, MESH_COUNT_QUOTA_OPINIONS, MESH_COUNT_QUOTA_PACE, MESH_COUNT_QUOTA_SUBJECTS, MESH_COUNT_QUOTA_RECORDS, MESH_COUNT_QUOTA_LISTS,
    MESH_COUNT_UNASKED, MESH_COUNT_OVER_BATCHES, MESH_COUNT_OVER_EPOCHS, MESH_COUNT_OVER_VERSIONS, MESH_COUNT_OVER_PROOFS, MESH_COUNT_OVER_RECORDS, MESH_COUNT_OVER_CLAIMS,
    MESH_COUNT_OVER_MEMBERS, MESH_COUNT_OVER_LINKS,
    MESH_COUNT_PAUSED, MESH_COUNT_PAUSES, MESH_COUNTS
};
const char *mesh_count_text(enum mesh_count c);       /* "bad-signature" */
uint64_t mesh_counted(const struct mesh *m, enum mesh_count c);
/* The shell kept to a bound of the core's before the core had to: one more. */
void mesh_counted_more(struct mesh *m, enum mesh_count c);

/* For status: how a member's log stands here. */
struct mesh_log_state {
    uint32_t epoch;                    /* the newest held or heard of; the next three are of this epoch */
    uint64_t floor, head;              /* lowest live, highest held; 0: none */
    uint64_t known_head;               /* highest that any neighbour said to have */
    uint64_t missing;                  /* live batches known of and not held: "behind by" */
    int64_t heard_ms;                  /* when the newest batch of it was taken; -1 never */
};
int mesh_log_state(const struct mesh *m, const uint8_t origin[KEY_BYTES], struct mesh_log_state *out);    /* 0, -ENOENT */
bool mesh_settled(const struct mesh *m);
/* The serial of the newest own record that this neighbour said to hold; 0: none that it spoke of. */
uint64_t mesh_serial_known(const struct mesh *m, const uint8_t neighbour[KEY_BYTES]);

/* For status: batches of others on disk, those and what of theirs is known to be missing, and from how many neighbours some are coming at the moment. */
struct mesh_catching { bool caught_up; uint64_t held, known; size_t neighbours; };
void mesh_catching(const struct mesh *m, struct mesh_catching *out);

/* For status: how a neighbour behaves, and whether an origin stays within its quota. The first three say nothing of trust. */
struct mesh_conduct {
    int64_t penalty_milli;             /* faults as they count now; PENALTY_MAX_MILLI pauses the link */
    int64_t paused_ms;                 /* for so long yet; 0: it is not */
    uint64_t over_quota;               /* batches by it as author that were passed over, to be fetched later */
    uint64_t over_subjects;            /* and those that were forgotten, or not taken, since newer ones say as much as is kept of it */
};
int mesh_conduct(struct mesh *m, const uint8_t root[KEY_BYTES], struct mesh_conduct *out);      /* 0, -ENOENT */

#endif
