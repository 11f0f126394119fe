/* tests/sim/sim.h: many mesh cores in one process, under one virtual clock, network and disk, all drawn from one seed.
 * The same seed gives the same run, to the byte. What goes wrong ends the run with a trace that a person can read.
 *
 *   sim_mesh.c  options, seeds, results
 *   world.c     the clock, the queue of events, chance, the trace, the course of a run
 *   net.c       links, delay, loss, duplication, reordering, partitions
 *   node.c      a core with its disk: what a daemon does around it
 *   author.c    keys, records, batches; the registry of all that was ever signed
 *   liar.c      what a member whose node does what it likes can send
 *   starved.c   the same with memory that runs out (a program of its own)
 *   check.c     what must hold after every step, and at the end
 */
#ifndef HEARSAY_TESTS_SIM_H
#define HEARSAY_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/mesh.h"

enum { NODES_MAX = 64, EDGES_MAX = 1024, TRACE_LINES = 200, TRACE_WIDTH = 200 };
#define START_S INT64_C(1800000000)            /* Unix seconds of virtual time 0 */
#define FEDERATION "sim"

/* Faults that a run plants on purpose, to prove that the checks see. */
enum plant { PLANT_NONE, PLANT_RELAY_BEFORE_STORE, PLANT_STORE_UNVERIFIED, PLANT_REUSE_NUMBER, PLANT_NO_REPAIR, PLANTS };
extern const char *const plant_names[PLANTS];

struct sim_options {
    uint64_t seed;
    unsigned nodes;                            /* 0: drawn from the seed */
    bool verbose;
    enum plant plant;
};

/* Everything that was ever signed, by whom and whether a mesh may keep it. */
struct signed_batch {
    struct store_batch_ref ref;
    uint8_t *frame;
    size_t len;
    unsigned author;
    bool sound;                                /* its author's key, our federation */
};

struct disk {
    size_t *batches;                           /* indices into the registry */
    size_t n, room;
    uint32_t epoch;                            /* as the publisher's state says */
    uint64_t seq;
    uint8_t previous[HASH_BYTES];
    bool clean;
};

struct node {
    unsigned index;
    struct mesh *core;                         /* NULL while it is down */
    unsigned life;                             /* grows at each start: what was on its way to an earlier one is lost */
    int64_t wake_ms;
    int64_t skew_s;                            /* of its clock */
    bool liar, censor;                         /* a censor relays and serves nothing of others */
    bool settled, broken_disk;
    struct disk disk, backup;
    int64_t backup_ms;                         /* -1: none */
    bool subscribed[NODES_MAX][NODES_MAX];     /* [neighbour][origin] */
    bool allowed[NODES_MAX];
    bool up[NODES_MAX];                        /* as its core was told: our connection to that neighbour works */
    int64_t channel_ms[NODES_MAX][2];          /* when the last ask and answer to that neighbour arrives: TCP keeps order */
    bool pending[NODES_MAX];                   /* a look at that link is due */
};

enum event_kind {
    EVENT_WAKE, EVENT_FRAME, EVENT_ASK, EVENT_ANSWER, EVENT_STORED, EVENT_LINK, EVENT_SAY, EVENT_LIE, EVENT_CRASH, EVENT_START, EVENT_BACKUP,
    EVENT_PART, EVENT_JOIN, EVENT_DISK_BREAKS, EVENT_DISK_MENDS
};
struct blob;                                   /* shared bytes of a message */
struct event {
    int64_t at_ms;
    uint64_t order;                            /* among those of one moment */
    enum event_kind kind;
    unsigned node, other;
    unsigned life;
    struct blob *blob;
    size_t batch;                              /* EVENT_STORED */
    bool flag;                                 /* EVENT_START: from the backup; EVENT_CRASH: in order */
};

struct weather {
    unsigned loss, twice;                      /* per mille */
    int64_t delay_ms, disk_ms;                 /* at most */
};

struct world {
    struct sim_options options;
    uint64_t random;
    int64_t now_ms;
    uint64_t order;
    struct event *queue;                       /* a binary heap */
    size_t queue_n, queue_room;
    struct node nodes[NODES_MAX];
    unsigned nodes_n;
    bool edge[NODES_MAX][NODES_MAX];
    unsigned side[NODES_MAX];                  /* of the partition */
    struct weather weather;
    struct signed_batch *registry;
    size_t registry_n, registry_room;
    bool healed;
    int64_t healed_ms, level_ms;
    uint64_t steps, messages, stored;
    bool failed;
    char why[TRACE_WIDTH];
    char trace[TRACE_LINES][TRACE_WIDTH];
    size_t trace_n;
};

extern bool sim_watched;                       /* node 0's core is at work */
extern bool sim_may_starve;                    /* a step may end with -ENOMEM */

/* ---- world.c */
uint64_t draw(struct world *w, uint64_t below);                  /* 0 .. below - 1; 0 when below is 0 */
bool chance(struct world *w, unsigned per_mille);
void trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));     /* the first one counts */
void queue_put(struct world *w, struct event ev, int64_t after_ms);
int sim_run(const struct sim_options *o, struct world *w);       /* 0 when all held; *w is to be cleared */
void sim_clear(struct world *w);

/* ---- net.c */
struct blob *blob_make(struct bytes from);
void blob_drop(struct blob *b);
struct bytes blob_bytes(const struct blob *b);
void net_graph(struct world *w);
bool net_connected(const struct world *w, unsigned a, unsigned b);
void net_look(struct world *w);                                  /* after any change: cores learn of it after a while */
void net_link(struct world *w, const struct event *ev);
void net_restarted(struct world *w, unsigned node);
void net_publish(struct world *w, struct node *from, unsigned origin, struct bytes frame);
void net_send(struct world *w, struct node *from, unsigned to, enum event_kind kind, struct bytes wire);
void net_deliver(struct world *w, const struct event *ev);

/* ---- node.c */
void node_start(struct world *w, struct node *n, bool from_backup);
void node_crash(struct world *w, struct node *n, bool in_order);
void node_step(struct world *w, struct node *n, const struct mesh_event *ev);
void node_stored(struct world *w, const struct event *ev);
void node_say(struct world *w, struct node *n);
void node_backup(struct world *w, struct node *n);
bool disk_has(const struct disk *d, size_t batch);
void disk_add(struct disk *d, size_t batch);
void disk_clear(struct disk *d);

/* ---- author.c */
const struct record *author_record(unsigned index);
struct bytes author_frame(unsigned index);
int author_of(const uint8_t root[KEY_BYTES]);                    /* index or -1 */
struct batch_plan { unsigned author, signer; const char *federation; uint32_t epoch; uint64_t seq; const uint8_t *previous; uint32_t floor_epoch;
                    uint64_t floor_seq; int64_t time_s; uint8_t salt; };
size_t author_sign(struct world *w, const struct batch_plan *p);         /* index into the registry */
long registry_find(const struct world *w, const uint8_t hash[HASH_BYTES]);        /* index or -1 */
void authors_free(void);

/* ---- liar.c */
void liar_act(struct world *w, struct node *n);
bool liar_spoils_answer(struct world *w, struct node *n, unsigned to, struct bytes frame);        /* true: it sent something else, or nothing */

/* ---- check.c */
long check_store(struct world *w, const struct node *n, const struct mesh_action *a);             /* the registry's index, or -1 */
void check_publish(struct world *w, const struct node *n, const struct mesh_action *a);
void check_blame(struct world *w, const struct node *n, const struct mesh_action *a);
void check_said(struct world *w, const struct node *n, size_t batch);
bool check_level(const struct world *w, char *why, size_t room);         /* all honest nodes hold the same live batches of all honest logs */

#endif
