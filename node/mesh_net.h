/* node/mesh_net.h: the thread that owns every ZeroMQ socket and runs the mesh core on them.
 * One XPUB (bind, XPUB_MANUAL), one ROUTER (bind, MANDATORY), and per neighbour one SUB and one DEALER with a socket monitor; CURVE everywhere, a ZAP handler
 * that answers from memory (RFC 27). Facts that decide the options: ../proto/PROTOCOL.md "Transport". */
#ifndef HEARSAY_NODE_MESH_NET_H
#define HEARSAY_NODE_MESH_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/config.h"
#include "node/invites_file.h"
#include "node/mesh.h"
#include "proto/identity.h"
#include "store/store.h"
#include "store/trust.h"

struct mesh_net;

enum { JOIN_ROUTING_MAX = 255 };
/* A newcomer speaks: with which key, where the answer goes, what it handed over. */
struct join_request {
    uint8_t curve[KEY_BYTES];
    uint8_t routing[JOIN_ROUTING_MAX];
    size_t routing_len;
    uint8_t frame[RECORD_FRAME_MAX];
    size_t frame_len;
};
/* An invite that is out. */
struct net_invite {
    uint8_t curve[KEY_BYTES];
    int64_t expires_s;
    int64_t next_ms;                               /* the mesh thread's */
};

/* What becomes of CURVE keys before the identity's newest. */
enum net_keys {
    NET_KEYS_LEFT,                                 /* the newest has taken the place of the one before, which a neighbour that was away knows alone: identity_leave_before() */
    NET_KEYS_HEARD,                                /* all have heard of the newest, or nobody is waited for any more: identity_forget_left() */
    NET_KEYS_OVER                                  /* some were left long enough ago: identity_end_left() */
};

/* What the mesh thread asks of the daemon; called on the mesh thread, must not block. */
struct mesh_net_handlers {
    void *ctx;
    /* A verified batch to store; frame is malloc'd and the handler's. Ends with mesh_net_stored(). 0, -EAGAIN (queue full). */
    int (*store)(void *ctx, struct store_batch *name, uint8_t *frame);
    void (*record)(void *ctx, const struct record *rec, struct bytes frame);
    /* A newer list of introductions, verified; perhaps one of this member's own that only others had. */
    void (*introductions)(void *ctx, const uint8_t introducer[KEY_BYTES], struct bytes frame);
    /* A stranger with an invite hands over its record, unchecked. Ends with mesh_net_joined(), or with silence. */
    void (*join)(void *ctx, const struct join_request *rq);
    /* Own batches may be told from now on. Called again, with a higher `above`, should an own batch turn up later that this database does not hold: begin an
     * epoch above it then, too. */
    void (*settled)(void *ctx, uint32_t above);
    /* What others say may count from now on. Once; not when it was so from the start. */
    void (*caught_up)(void *ctx);
    /* Of this origin nothing below is kept any more: store_set_bound(). May be NULL. */
    void (*bound)(void *ctx, const uint8_t origin[KEY_BYTES], uint32_t epoch, uint64_t seq);
    /* An origin signed two batches with one number: store_add_proof(). Frames are borrowed; empty when both batches went to `store` before. May be NULL. */
    void (*proof)(void *ctx, const uint8_t origin[KEY_BYTES], const struct store_proof *p);
    /* What has become of CURVE keys before the identity's: to be done with its file. May be NULL. */
    void (*keys_in_use)(void *ctx, enum net_keys what);
};

/* Binds, loads what the store holds through a reader of its own, starts the thread; returns when it is ready. Takes copies. own_frame: this member's record. */
int mesh_net_start(const struct config *c, const struct identity *id, struct bytes own_frame, const struct mesh_net_handlers *h,
                   struct mesh_net **out, char *why);
void mesh_net_stop(struct mesh_net **m);           /* returns when the thread is gone; takes NULL */

/* From any thread. When very much waits for the mesh thread already, these wait for it. */
void mesh_net_stored(struct mesh_net *m, const struct batch_name *name, int rc);     /* rc 0; -EEXIST it was there before; or why it was not stored */
void mesh_net_own(struct mesh_net *m, const struct batch_name *name, uint8_t *frame, size_t len);    /* takes frame */
/* This member has another record now, perhaps other keys (copied). Before the first own batch that names it, else that batch is not published but fetched by others.
 * A new CURVE key comes into use when the neighbours know it: keys_in_use() says so. 0, -ENOMEM. */
int mesh_net_identity(struct mesh_net *m, const struct identity *id, struct bytes own_frame);
int mesh_net_reload(struct mesh_net *m, const struct config *c);                     /* peers came, went, changed; others stay connected */
void mesh_net_trusted(struct mesh_net *m);                                           /* the store reckons otherwise now who has trust by introductions */
/* This member's list of introductions, as it is on disk now; or, with an empty frame, a list that could not be stored: it is fetched again. 0, -ENOMEM. */
int mesh_net_introductions(struct mesh_net *m, const uint8_t introducer[KEY_BYTES], struct bytes frame);
int mesh_net_invites(struct mesh_net *m, const struct net_invite *invites, size_t n);         /* all that are out; INVITES_MAX at most. 0, -ENOMEM */
void mesh_net_joined(struct mesh_net *m, const uint8_t *routing, size_t routing_len, struct bytes message);      /* the answer to a newcomer (copied) */
void mesh_net_purged(struct mesh_net *m, const uint8_t root[KEY_BYTES]);             /* the store forgot this member */

struct mesh_net_peer {
    char name[NAME_MAX_BYTES + 1];
    uint8_t root[KEY_BYTES];
    char endpoint[ENDPOINT_MAX_BYTES + 1];
    bool link, connected;
    bool unaware;                                  /* not known to have heard of our new CURVE key: it is offered the one before */
    bool introduced;                               /* it has trust by an introduction only, as the next says */
    struct trusted trusted;
    int64_t connected_s, heard_s;                  /* Unix seconds, 0 never; heard: anything from this neighbour */
    uint64_t head; uint32_t epoch;                 /* of its own log here */
    uint64_t behind;                               /* its live batches that we know of and do not hold */
    uint64_t batches, bad;                         /* taken from this neighbour; blamed on it */
    int64_t record_expires_s;
    double penalty;                                /* points of faults as they count now; at 100 the link is paused. Says nothing of trust */
    int64_t paused_until_s;                        /* 0: it is not */
    uint64_t throttled;                            /* how often it was not read for a moment, since it sent too fast */
    uint64_t over_subjects;                        /* its batches that are not kept, since newer ones say as much as is kept of it */
    uint64_t over_quota;                           /* its batches that were passed over since it said more than its quota, to be fetched later */
    uint64_t record_serial;
    bool left;                                     /* its newest record is a farewell */
    char problem[MESH_TEXT_MAX];                   /* last: "refused: the peer does not know our key", "no answer" ... */
};
struct mesh_net_state {
    bool settled;
    struct mesh_catching catching;
    uint64_t counts[MESH_COUNTS];
    uint64_t bytes_in, bytes_out;
    uint64_t zap_denied, throttled;
    struct mesh_net_peer *peers;                   /* by name; the caller's to free() */
    size_t peers_n;
};
/* A snapshot at most a second old, taken under a short lock. */
int mesh_net_state(struct mesh_net *m, struct mesh_net_state *out);

#endif
