/* node/mesh_net_private.h: what the files of the mesh thread share. Nobody else includes it.
 *
 *   mesh_net.c         start, stop, the loop, what other threads say
 *   mesh_net_socket.c  sockets and their options
 *   mesh_net_conns.c   who is connected to the bound sockets, and is cut alone
 *   mesh_net_link.c    the connection to one neighbour: tried, up, refused, silent, tried again
 *   mesh_net_way.c     the way to one endpoint: its name resolved, its addresses in turn
 *   mesh_net_peer.c    members as configured, loaded, changed, purged
 *   mesh_net_trust.c   members by introduction beside them, and their lists
 *   mesh_net_keys.c    new CURVE keys, ours and theirs
 *   mesh_net_join.c    strangers with an invite
 *   mesh_net_recv.c    what comes in
 *   mesh_net_budget.c  how fast one neighbour is read
 *   mesh_net_guard.c   who asks too much of us, and is cut off for a while
 *   mesh_net_act.c     what the core wants done
 *   mesh_net_serve.c   ranges for neighbours, in slices
 *   mesh_net_state.c   the snapshot for status
 *
 * All but the snapshot and the mailbox belongs to the mesh thread. */
#ifndef HEARSAY_NODE_MESH_NET_PRIVATE_H
#define HEARSAY_NODE_MESH_NET_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <zmq.h>

#include "node/mailbox.h"
#include "node/mesh_net.h"
#include "node/mesh_resolve.h"
#include "store/reader.h"

enum {
    NET_INPUTS_MAX = 16384,            /* waiting for the thread; a sender waits then */
    NET_RECEIVE_MAX = 256,             /* messages from one socket in a turn, so that no neighbour keeps the others waiting */
    NET_SUBSCRIPTION_MAX = 320,        /* bytes of a message at the XPUB. The largest is INITIATE of the CURVE handshake, 277; libzmq keeps each topic, byte for byte */
    NET_TOPICS_BAD_MAX = 16,           /* in an hour, of one member: subscriptions that no member's node sends; then it is cut off */
    NET_TOPICS_UNKNOWN_MAX = 2 * MEMBERS_MAX,   /* likewise: of origins not known here */
    NET_TOPICS_MS = 3600 * 1000,
    NET_TOPIC_BYTES_MAX = 1024 * 1024, /* of such topics, of all members; then the XPUB is bound anew, which frees them, but not more than once an hour */
    NET_CUT_MS = 60000,                /* how long a member is cut off; doubles each time ... */
    NET_CUT_MAX_MS = 6 * 3600 * 1000,  /* ... up to */
    NET_CUT_FORGET_MS = 24 * 3600 * 1000,       /* so long after the last one it begins anew */
    NET_DRAIN_MAX = 1024,              /* parts of a message read in a turn */
    NET_PUBLISH_HWM = 256,             /* messages that wait for one slow subscriber: 16 MiB of the largest; more are lost to it and repaired */
    NET_RECEIVE_HWM = 256,             /* messages of one neighbour that wait to be read: 16 MiB of the largest batches; then it waits */
    NET_ASK_HWM = 128,                 /* requests of one neighbour: 16 MiB of the largest */
    NET_ROUTER_HWM = 128,              /* answers that wait for one slow asker, and requests of one that is too quick: 16 MiB of the largest, each */
    NET_HANDSHAKE_MS = 5000,           /* so long a stranger holds a descriptor of ours */
    NET_BACKLOG = 64,                  /* neighbours that connect at one moment: each has two sockets here, and tries again */
    NET_RECONNECT_MS = 200,            /* libzmq's own, after a lost or refused TCP connection ... */
    NET_RECONNECT_MAX_MS = 60000,      /* ... doubling up to */
    NET_BACKOFF_MS = 1000,             /* ours, after a refused key or silence ... */
    NET_BACKOFF_MAX_MS = 300000,       /* ... doubling up to */
    NET_SILENCE_MS = 30000,
    NET_TRY_MS = 300000,               /* without a handshake: begin afresh, should libzmq be stuck */
    NET_UNREACHED_MS = 5000,           /* so long without a TCP connection is worth a line: neighbours that start together are not */
    NET_ADDRESS_MS = 6000,             /* for one address of several; longer than the handshake may take */
    NET_ADDRESS_BYTES = 80,            /* tcp://ADDRESS:PORT */
    NET_RESOLVE_MS = 5000,             /* a name is resolved anew after so long without a connection ... */
    NET_RESOLVE_MAX_MS = 60000,        /* ... doubling up to */
    NET_KICK_MS = 2000,                /* a neighbour that connects to us is tried at once, but not more often than so */
    NET_CUT_CHECK_MS = 2000,           /* so long a connection that was cut may take to end; then all are made anew */
    NET_CONNS_EVENTS_MAX = 65536,      /* that are read in a turn */
    NET_REBIND_MS = 50,
    NET_JOIN_MS = 250,                 /* between two messages of one invite */
    NET_JOIN_MAX = 4096,               /* bytes of one */
    NET_KEY_AWAY_MS = 3000,            /* our new CURVE key: all neighbours that are there know it; so long it waits for those that are not */
    NET_KEY_BACK_MS = 60000,           /* the same after a start: the others may have to find us first */
    NET_MISLED_MS = 10000,             /* who has not heard of our new key is tried again at once when somebody fails at our socket, but not more often than so */
    NET_CLOCK_STEADY_MS = 3600 * 1000, /* what the clock says for so long on end is believed of how long ago a key before it was left */
    NET_KEY_MS = 3600 * 1000,          /* so long at the most, once somebody knows it */
    NET_KEY_TURN_MS = 45000,           /* without any connection: how long each of the two keys is tried */
    NET_KEY_HEARD_S = 15,
    NET_OLD_KEY_S = 2 * 3600,          /* a neighbour's old CURVE key, after it has signed the new one */
    NET_OLD_KEY_GRACE_S = 5,           /* and after it has used the new one */
    NET_STATE_MS = 500,
    NET_LOG_MS = 60000,                /* between two lines about one neighbour's faults, or about refused keys */
    SERVE_JOBS_MAX = 512,
    SERVE_PEER_JOBS_MAX = 64,          /* of one neighbour; more are dropped, and asked for again */
    SERVE_SLICE = 16,                  /* frames in a turn */
    SERVE_RETRY_MS = 10,
    SERVE_GIVE_UP_MS = 10000,          /* the asker has given up by then */
    ROUTING_MAX = JOIN_ROUTING_MAX
};

enum link_state {
    LINK_OFF,                          /* not wanted, or no endpoint known */
    LINK_TRYING,                       /* connected as far as libzmq is concerned; no handshake yet */
    LINK_UP,
    LINK_WAITING                       /* given up for now; tried again at retry_ms */
};

/* The way to one endpoint. */
struct net_way {
    char endpoint[ENDPOINT_MAX_BYTES + 1];       /* as its record names it */
    char at[RESOLVE_ADDRS_MAX][NET_ADDRESS_BYTES];
    size_t n, turn;                    /* addresses; the one in use. n 0: not resolved yet */
    bool connected;                    /* zmq_connect() was called for it */
    int64_t since_ms;
};

/* The sockets to one neighbour. They live as long as the link is wanted, so that the SUB keeps its subscriptions. */
struct net_link {
    void *sub, *dealer, *sub_monitor, *dealer_monitor;
    enum link_state state;
    bool sub_up;
    struct net_way publish, repair;
    int64_t resolve_ms, resolve_wait_ms;         /* when to resolve names anew, unless it is connected by then */
    int64_t since_ms;                  /* of the state */
    int64_t heard_ms;                  /* anything over these sockets */
    int64_t retry_ms, backoff_ms;
    bool renew;                        /* keys or endpoints changed */
    bool stale;                        /* its key changed while the connection stood: the next one is made with the new key */
    bool expect_old;                   /* the next try expects the neighbour's key before its newest */
    size_t offer;                      /* the next try comes with this one of our keys that were left; 0: with the one in use */
};

/* What may yet be read of a neighbour: see mesh_net_budget.c. */
enum net_budget_kind { NET_BUDGET_SUB, NET_BUDGET_DEALER, NET_BUDGETS };
struct net_budget {
    int64_t bytes_milli, messages_milli, at_ms;
    bool begun, dry;                   /* dry: not read until there is some again */
};

struct net_routing {
    uint8_t at[ROUTING_MAX];
    size_t len;
};

struct net_peer {
    struct config_peer given;          /* as configured, or as introduced */
    bool introduced;                   /* not configured: it has trust by an introduction only, as `trusted` says */
    bool admitted;                     /* ZAP let its key in at some time */
    bool fresh;                        /* what the store holds of it is still to be loaded */
    struct trusted trusted;
    struct record record;              /* the newest known */
    bool wanted;                       /* a connection is kept */
    bool refused;                      /* it should have one, and there are too many */
    bool chosen;                       /* by the core: it is not configured so */
    bool unlink;                       /* the core gave it up: its sockets go at the next tick, since that tells the core */
    bool has_old;                      /* its CURVE key before its newest, good until */
    uint8_t old_curve[KEY_BYTES];
    uint64_t old_serial;               /* of the record that named it; 0: none did */
    uint64_t curve_serial;             /* of the first record known to name its newest CURVE key; 0: the newest record */
    int64_t old_until_s;
    struct net_link link;
    struct net_routing routing;        /* of its newest message at our ROUTER */
    unsigned topics_bad, topics_unknown;         /* asked for since topics_ms */
    int64_t topics_ms;
    struct net_budget budget[NET_BUDGETS];
    uint64_t throttled;                /* how often it was not read for a moment, since it sent too fast */
    int64_t cut_until_ms, cut_ms;      /* cut off until then; for so long the last time */
    int64_t connected_s, heard_s;
    uint64_t batches, bad;
    int64_t bad_logged_ms, record_logged_ms;
    char problem[MESH_TEXT_MAX];
    char cut_problem[MESH_TEXT_MAX];   /* why it was last cut off */
};

enum net_input_kind { NET_STORED, NET_OWN, NET_IDENTITY, NET_PEERS, NET_TRUST, NET_INTRODUCTIONS, NET_INVITES, NET_JOINED, NET_PURGED, NET_RESOLVED, NET_STOP };
struct net_key {
    uint8_t public_half[KEY_BYTES], secret[KEY_BYTES];
};
struct net_input {
    enum net_input_kind kind;
    struct batch_name name;
    int rc;
    uint8_t *frame;                    /* NET_OWN, NET_IDENTITY, NET_INTRODUCTIONS: the thread's to free */
    struct net_key key;                /* NET_IDENTITY */
    size_t len;
    struct net_peers *peers;           /* NET_PEERS: likewise, and the next */
    struct resolved *resolved;         /* NET_RESOLVED: likewise */
    struct policy *policy;
    uint8_t root[KEY_BYTES];
};

/* Members as the configuration has them: a copy that travels to the thread. */
struct net_peers {
    unsigned links;                    /* that the core is to have */
    struct config_quota quota;
    int64_t ttl_s;
    size_t n;
    struct config_peer peers[];
};

/* One that has trust by an introduction. */
struct net_introduced {
    struct trusted trusted;
    struct config_peer peer;
};

/* All that are to be known: configured ones, then introduced ones, by root. */
struct net_members {
    const struct net_peers *configured;
    struct net_introduced *introduced;
    size_t introduced_n, room;
};

struct net_key_set {
    uint8_t (*keys)[KEY_BYTES];        /* ascending */
    size_t n, room;
};

struct serve_job {
    struct net_routing to;
    uint8_t asker[KEY_BYTES];
    uint8_t origin[KEY_BYTES];
    uint32_t id, epoch;
    uint64_t from, next;               /* next: the highest seq still to be sent */
    int64_t progress_ms;
};

/* A connection that was accepted. */
struct net_conn {
    int fd;
    bool known;                        /* it has said something: root is whose it is */
    bool cut;
    uint8_t root[KEY_BYTES];
};

/* A socket that others connect to. */
struct net_bound {
    void *socket, *monitor;
    struct net_conn *conns;
    size_t conns_n, conns_room;
    bool blind;                        /* a connection could not be noted */
    bool misled;                       /* somebody expected another key than ours ... */
    int64_t misled_ms;                 /* ... and when that is looked at next */
    int64_t cut_check_ms;              /* 0: nothing was cut of late */
    const char *option;                /* "mesh.publish" */
    char endpoint[ENDPOINT_MAX_BYTES + 1];       /* as bound: with the port that was really taken */
    int64_t rebind_ms;                 /* 0: bound; else when to try again */
};

struct mesh_net {
    struct mailbox *inputs;
    struct mesh_net_handlers handlers;
    pthread_t thread;
    bool running;
    atomic_bool stopping;              /* nobody takes inputs any more */

    uint8_t curve[KEY_BYTES], curve_secret[KEY_BYTES];
    uint8_t self[KEY_BYTES];
    uint64_t own_serial;               /* of the newest own record looked for */
    struct { bool under_way, from_start; struct net_key before, fresh; int64_t since_ms, turn_ms; } change;      /* of our CURVE key */
    struct curve_left left[IDENTITY_LEFT_MAX];   /* keys of ours that are out of use; newest first */
    size_t left_n;
    int64_t clock_since_ms, clock_start_s;       /* since when the clock goes as time passes, 0: not looked at yet; and what it shows less the time passed */
    int64_t keys_ms;
    void *context, *zap;
    struct net_bound publish, repair;
    struct resolver *resolver;
    struct mesh *mesh;
    struct mesh_config core;           /* as it was made with */
    uint64_t subjects;                 /* how many are kept of a member with all trust; 0: unbounded */
    struct reader *reader;

    struct net_peers *configured;      /* as last said */
    struct net_peer **peers;           /* by root, ascending */
    size_t peers_n, links_n, chosen_n; /* links: all; chosen: of these, by the core */
    struct net_key_set allowed;        /* origins whose topics are given out */
    bool rebind_publish, rebind_repair;          /* at the end of this turn */
    size_t topic_bytes;                /* that libzmq keeps of topics not known here, since topic_bytes_ms at the most */
    int64_t topic_bytes_ms;            /* when they were last freed */
    struct net_invite invites[INVITES_MAX];      /* whose keys may ask to join */
    size_t invites_n;
    struct serve_job *jobs;            /* SERVE_JOBS_MAX places */
    size_t jobs_n, jobs_turn;
    int64_t serve_retry_ms;            /* 0: no job waits for room */

    struct batch_name *failed;         /* batches that the handler could not take */
    size_t failed_n, failed_room;
    int64_t wake_ms;                   /* as the core said */
    int64_t now_ms, now_s;
    int64_t denied_logged_ms;
    uint64_t bytes_in, bytes_out, zap_denied, throttled;

    pthread_mutex_t state_lock;        /* guards `state` only; nothing is called under it */
    struct mesh_net_state state;
    int64_t state_ms;
};

/* ---- mesh_net_socket.c */
int net_bind_all(struct mesh_net *n, const struct config_mesh *c, char *why);        /* ZAP first */
void net_unbind(struct mesh_net *n, struct net_bound *b);             /* cuts all connections; bound again by net_rebind_tick() */
void net_rebind_tick(struct mesh_net *n);
void net_bound_close(struct net_bound *b);
int net_link_sockets(struct mesh_net *n, struct net_link *l);         /* makes what is missing. 0, -errno */
void net_link_keys(const struct net_link *l, const uint8_t own[KEY_BYTES], const uint8_t secret[KEY_BYTES], const uint8_t expected[KEY_BYTES]);     /* ours, and whom to expect there; for the next connection */
void net_link_close(struct net_link *l);

/* ---- mesh_net_conns.c */
void conns_read(struct net_bound *b);                                 /* what the monitor says */
bool conns_note(struct net_bound *b, zmq_msg_t *msg, const uint8_t root[KEY_BYTES]);       /* this message came from this member; true: the first over this connection */
void conns_cut(struct mesh_net *n, struct net_bound *b, const uint8_t root[KEY_BYTES]);    /* of this member, or of nobody known */
void conns_clear(struct net_bound *b);                                /* all were ended by unbind */
void conns_tick(struct mesh_net *n, struct net_bound *b);

/* ---- mesh_net_link.c */
void link_start(struct mesh_net *n, struct net_peer *p);
void link_stop(struct mesh_net *n, struct net_peer *p);               /* for good: closes the sockets */
void link_tick(struct mesh_net *n, struct net_peer *p);
void link_kick(struct mesh_net *n, struct net_peer *p);               /* the neighbour has just connected to us */
void link_monitor(struct mesh_net *n, struct net_peer *p, bool of_sub);         /* reads what a monitor says */
void link_heard(struct mesh_net *n, struct net_peer *p);
int64_t link_wake_ms(const struct net_peer *p);

void link_resolved(struct mesh_net *n, struct net_peer *p, const struct resolved *answer);

/* ---- mesh_net_way.c */
int way_start(struct mesh_net *n, struct net_way *w, void *socket, const char *endpoint);    /* a name is asked for first. 0, -errno */
void way_stop(struct net_way *w, void *socket);
bool way_has_name(const struct net_way *w);
void way_again(struct mesh_net *n, const struct net_way *w);           /* asks for its name once more */
bool way_resolved(struct mesh_net *n, struct net_way *w, void *socket, const struct resolved *answer);     /* true: it leads nowhere */
void way_tick(const struct mesh_net *n, struct net_way *w, void *socket);     /* not connected: the next address, when it is time */
int64_t way_wake_ms(const struct net_way *w);

/* ---- mesh_net_peer.c */
struct net_peers *net_peers_copy(const struct config *c);             /* NULL: out of memory */
int net_coalition(struct mesh_net *n, const char *federation);        /* begins anew as a member of another one */
int net_peers_load(struct mesh_net *n, struct bytes own_frame);       /* those of n->configured, and the introduced ones, with what the store holds */
void net_peers_change(struct mesh_net *n);                            /* n->configured, or who has trust by introductions, is another now */
void net_peer_purged(struct mesh_net *n, const uint8_t root[KEY_BYTES]);
void net_peer_record(struct mesh_net *n, const struct record *rec);   /* a newer record came over the mesh */
void net_peer_unlink(struct mesh_net *n, struct net_peer *p);
void net_peer_choose(struct mesh_net *n, const uint8_t root[KEY_BYTES], bool link);        /* the core chose it, or gave it up */
struct net_peer *net_peer(const struct mesh_net *n, const uint8_t root[KEY_BYTES]);        /* or NULL */
void net_own_record(struct mesh_net *n, struct bytes frame);
void net_own_records_again(struct mesh_net *n);                       /* those that the store has got meanwhile */
void net_peers_close(struct mesh_net *n);

/* ---- mesh_net_trust.c */
int net_trust_read(struct mesh_net *n, struct net_members *m);        /* fills in who is introduced; net_trust_clear() frees it */
void net_trust_clear(struct net_members *m);
const struct net_introduced *net_trust_find(const struct net_members *m, const uint8_t root[KEY_BYTES]);
int net_trust_lists(struct mesh_net *n);                              /* gives the core the stored lists of introductions */
/* ---- mesh_net_keys.c */
void keys_change(struct mesh_net *n, const struct net_key *fresh);    /* ours, in use as soon as the neighbours know it */
void keys_note_old(struct mesh_net *n, struct net_peer *p, const uint8_t curve[KEY_BYTES], uint64_t serial);      /* a record of this serial took its place */
void keys_new_was_used(struct mesh_net *n, struct net_peer *p);
bool keys_old_is_good(const struct mesh_net *n, const struct net_peer *p);
const uint8_t *keys_to_expect(const struct mesh_net *n, const struct net_peer *p);
void keys_for_link(const struct mesh_net *n, const struct net_peer *p);          /* sets them for the next connection */
void keys_refused(struct mesh_net *n, struct net_peer *p);            /* it does not know the key that was offered: the next one, if there is one */
bool keys_unaware(const struct mesh_net *n, const struct net_peer *p);           /* it is not known to have heard of our new CURVE key, and there is one before to tell it with */
void keys_tick(struct mesh_net *n);

/* ---- mesh_net_join.c */
bool net_join_lets_in(const struct mesh_net *n, const uint8_t curve[KEY_BYTES]);
void net_join_set(struct mesh_net *n, const struct net_invite *invites, size_t count);
void net_join_ask(struct mesh_net *n, const uint8_t curve[KEY_BYTES], const struct net_routing *from, struct bytes wire);

/* ---- mesh_net_recv.c */
void net_receive_zap(struct mesh_net *n);
void net_receive_subscriptions(struct mesh_net *n);
void net_receive_asks(struct mesh_net *n);
void net_receive_sub(struct mesh_net *n, struct net_peer *p);
void net_receive_dealer(struct mesh_net *n, struct net_peer *p);

/* ---- mesh_net_budget.c */
bool budget_is_ready(struct mesh_net *n, struct net_peer *p, enum net_budget_kind kind);
bool budget_spend(struct mesh_net *n, struct net_peer *p, enum net_budget_kind kind, size_t bytes);       /* false: read no more of it now */
int64_t budget_wake_ms(const struct mesh_net *n, const struct net_peer *p);

/* ---- mesh_net_guard.c */
bool guard_is_cut(const struct mesh_net *n, const struct net_peer *p);
void guard_disconnect(struct mesh_net *n, const uint8_t root[KEY_BYTES]);       /* whoever connected with this member's key */
void guard_cut(struct mesh_net *n, struct net_peer *p, const char *text);       /* ends its connections, and refuses new ones for a growing while */
void guard_pause(struct mesh_net *n, struct net_peer *p, int64_t ms, const char *text);       /* the same for so long as the core says */
void guard_topic_bad(struct mesh_net *n, struct net_peer *p, size_t bytes);
void guard_topic_unknown(struct mesh_net *n, struct net_peer *p, size_t bytes);

/* ---- mesh_net_act.c */
void net_step(struct mesh_net *n, const struct mesh_event *ev);       /* fills in the time; carries out what comes of it */
void net_tick(struct mesh_net *n);
bool net_answer(struct mesh_net *n, const struct net_routing *to, struct bytes frame, int *rc);
bool key_set_has(const struct net_key_set *s, const uint8_t key[KEY_BYTES]);
bool key_set_has_part(const struct net_key_set *s, const uint8_t part[ORIGIN_SHORT_BYTES]);      /* one that begins so */
int key_set_add(struct net_key_set *s, const uint8_t key[KEY_BYTES], size_t most);     /* 0, -ENOSPC, -ENOMEM */
void key_set_remove(struct net_key_set *s, const uint8_t key[KEY_BYTES]);

/* ---- mesh_net_serve.c */
void serve_add(struct mesh_net *n, const struct net_peer *to, const struct mesh_action *a);
void serve_turn(struct mesh_net *n);
bool serve_is_ready(const struct mesh_net *n);                        /* there is something to do now */

/* ---- mesh_net_state.c */
void net_state_tick(struct mesh_net *n);
void net_problem(struct net_peer *p, const char *text);     /* logs it when it is another than before */

#endif
