/* tests/sim/sim.h: many mesh cores in one process, under one virtual clock, network and disk, all drawn from one seed.
 * The same seed gives the same run, to the byte. What goes wrong ends the run with a trace that a person can read.
 *
 *   sim_mesh.c   options, seeds, results
 *   world.c      chance, the trace, and a few small things
 *   queue.c      what is yet to happen
 *   course.c     what is drawn from the seed, and the course of a run
 *   net.c        links, delay, loss, duplication, reordering, partitions, one-way links, slow consumers
 *   node.c       a core with its disk: what a daemon does around it
 *   shell.c      what the core wants done
 *   author.c     keys, records, batches
 *   registry.c   all that was ever signed; who holds what
 *   blocks.c     what is the same in the logs of many cores is held once
 *   verify.c     signatures are checked once for the same bytes and key (linked in the place of proto's)
 *   liar.c       what a member whose node does what it likes can send
 *   starved.c    the same with memory that runs out (a program of its own)
 *   check.c      what must hold after every step, and at the end
 *   proofs.c    pairs of batches with one number, and what dies by them
 *   registers.c  what the batches on a disk amount to
 *   scale.h      what spreading costs, as a table (a program of its own)
 *   meter.c      bytes on the wire
 *   bounds.c     the core keeps its bounds
 *   plant.c      faults that a run plants on purpose, to prove that the checks see
 */
#ifndef HEARSAY_TESTS_SIM_H
#define HEARSAY_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/mesh.h"

enum { NODES_MAX = 1024, WORDS = NODES_MAX / 64, TRACE_LINES = 300, TRACE_WIDTH = 200 };
enum { SUBJECTS = 8, SAID_MAX = 4 };           /* that an author speaks of at all; in one batch */
enum { HWM = 256 };                            /* frames that wait for one subscriber, as in node/mesh_net */
#define START_S INT64_C(1800000000)            /* Unix seconds of virtual time 0 */
#define FEDERATION "example-coalition"

enum plant { PLANT_NONE, PLANT_RELAY_BEFORE_STORE, PLANT_STORE_UNVERIFIED, PLANT_REUSE_NUMBER, PLANT_NO_REPAIR, PLANT_REVIVE_DEAD, PLANT_LOSE_BATCH,
             PLANT_PASS_BOUND, PLANT_BLAME_HONEST, PLANT_KEEP_FIRST, PLANT_TRUST_COPY, PLANTS };
extern const char *const plant_names[PLANTS];

struct sim_options {
    uint64_t seed, keys;
    unsigned nodes;                            /* 0: drawn from the seed */
    bool verbose, quiet, times;
    bool scale;                                /* nobody reads along, and no time for looking into cores */
    enum plant plant;
};

/* What one batch says of one of its author's subjects. */
struct said {
    uint8_t subject, black, white;             /* below SUBJECTS; mass steps */
};

/* Everything that was ever signed, by whom and whether a mesh may keep it. */
struct signed_batch {
    struct store_batch_ref ref;
    uint8_t *frame;
    size_t len;
    unsigned author;
    bool sound;                                /* its author's key, our federation */
    struct said said[SAID_MAX];
    unsigned said_n;
};

/* Indices into the registry. */
struct batches {
    uint32_t *at;
    size_t n, room;
};

struct registry {
    struct signed_batch *at;
    size_t n, room;
    uint32_t *by_hash;                         /* open addressing: index + 1 */
    size_t by_hash_room;
    struct batches by_author[NODES_MAX + 1];   /* as registry_compare() orders them */
};

struct floor_mark {
    uint32_t epoch;
    uint64_t seq;
};

/* Two batches of one number, as indices into the registry: the epoch is frozen there. */
#define NO_BATCH SIZE_MAX
struct disk_proof {
    unsigned author;
    uint32_t epoch;
    uint64_t seq;
    size_t a, b;
};

struct disk {
    struct disk_proof *proofs;                 /* one of each frozen epoch */
    size_t proofs_n;
    uint64_t *bits;                            /* of the registry: what is on this disk ... */
    size_t words, batches_n;                   /* ... and how much that is */
    struct floor_mark *floors;                       /* [author] */
    uint32_t *registers;                       /* [author][SUBJECTS]: index + 1 of the batch that counts; 0: none lives */
    uint32_t *highest;                         /* the same: the highest that ever counted */
    uint32_t epoch;                            /* as the publisher's state says */
    uint64_t seq;
    uint8_t previous[HASH_BYTES];
    bool clean;
    unsigned nonce_file, nonce_kept;           /* which file lies beside the database, and which one the database remembers: no copy is the file that it was made of */
};

/* A node's own connection to a neighbour: its SUB and DEALER there. */
struct way {
    unsigned to;
    bool up;                                   /* as its core was told */
    bool pending;                              /* a look at it is due */
    bool always, chosen;                       /* the owner keeps it: configured so, or by its core's choice */
    bool blocked;                              /* the neighbour is not reached; the other way round may work */
    int64_t frame_ms, ask_ms, answer_ms, topic_ms;       /* when the last one arrives: TCP keeps order */
    unsigned waiting;                          /* frames on their way here */
    int64_t asks_s;                            /* the second that asks_n counts in */
    unsigned asks_n;
    uint64_t topics[WORDS];                    /* subscribed to */
};

struct node {
    unsigned index;
    struct mesh *core;                         /* NULL while it is down */
    unsigned life;                             /* grows at each start: what was on its way to an earlier one is lost */
    int64_t wake_ms;
    int64_t skew_s;                            /* of its clock */
    bool liar, censor;                         /* a censor relays and serves nothing of others */
    bool settled, broken_disk;
    int64_t turn_ms;                           /* a slow consumer: between two frames that it takes from one neighbour */
    unsigned hwm;                              /* frames that wait for it at a neighbour; more are lost without a word */
    struct disk disk, backup;
    int64_t backup_ms;                         /* -1: none */
    unsigned files;                            /* so many nonce files it has had */
    struct way *ways;
    size_t ways_n;
    uint16_t *way_to;                          /* [node]: place in ways + 1; 0: none */
    struct batches watchers;                   /* nodes that have a way here */
    uint64_t allowed[WORDS];
};

enum event_kind {
    EVENT_WAKE, EVENT_FRAME, EVENT_ASK, EVENT_ANSWER, EVENT_STORED, EVENT_LINK, EVENT_SAY, EVENT_LIE, EVENT_CRASH, EVENT_START, EVENT_BACKUP,
    EVENT_PART, EVENT_JOIN, EVENT_DISK_BREAKS, EVENT_DISK_MENDS, EVENT_BLOCK, EVENT_UNBLOCK, EVENT_CLOCK, EVENT_SLOW, EVENT_QUICK,
    EVENT_LOAD, EVENT_TOPIC
};
#define NO_TOPIC SIZE_MAX
struct blob;                                   /* shared bytes of a message */
struct event {
    int64_t at_ms;
    uint64_t order;                            /* among those of one moment */
    enum event_kind kind;
    unsigned node, other;
    unsigned life;
    struct blob *blob;
    size_t batch;                              /* EVENT_STORED; EVENT_TOPIC: the origin, or NO_TOPIC: all that are subscribed to there */
    bool flag;                                 /* EVENT_START: from the backup; EVENT_CRASH: in order; EVENT_TOPIC: on */
};

struct weather {
    unsigned loss, twice;                      /* per mille */
    int64_t delay_ms, disk_ms;                 /* at most */
    bool reorders;                             /* frames from one publisher pass each other */
};

enum { QUEUE_NEAR_MS = 1 << 15 };
#define NO_NODE UINT32_MAX
struct group { uint32_t first, last; unsigned next; };           /* of what happens to one node within a moment */
struct queue {
    bool grouped;
    int64_t at_ms;                             /* what happens within QUEUE_NEAR_MS from here on is near */
    uint64_t order;
    struct { struct event ev; uint32_t next; } *near;            /* index + 1, here and below; 0: none */
    size_t near_n, near_room;
    uint32_t free, first[QUEUE_NEAR_MS], last[QUEUE_NEAR_MS];
    uint64_t any[QUEUE_NEAR_MS / 64];          /* something happens in this millisecond */
    struct event *far;                         /* a binary heap */
    size_t far_n, far_room;
};

/* What nodes sent and got. */
enum traffic { TRAFFIC_BATCHES, TRAFFIC_HAVES, TRAFFIC_REPAIR, TRAFFICS };
struct meter {
    struct { uint64_t sent[TRAFFICS], received[TRAFFICS]; } nodes[NODES_MAX];
    uint64_t copies;                           /* of batches, over publishers and subscribers */
};

struct world {
    struct sim_options options;
    uint64_t random;
    unsigned links;                            /* that each core is to have; 0: it chooses none */
    int64_t now_ms;
    struct queue queue;
    struct node nodes[NODES_MAX];
    struct group groups[NODES_MAX];
    unsigned nodes_n;
    unsigned side[NODES_MAX];                  /* of the partition */
    struct weather weather;
    struct registry registry;
    struct meter *meter;                       /* NULL: nobody asks */
    void (*load)(struct world *w, const struct event *ev);       /* EVENT_LOAD: of scale_voice.c */
    void (*held)(struct world *w, size_t batch);                 /* one more node has it on disk */
    bool healed;
    int64_t healed_ms, level_ms;
    uint64_t steps, messages, stored, dropped;
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
void *grow(void *at, size_t n, size_t *room, size_t size);       /* room for one more; never NULL */
bool bit_has(const uint64_t *bits, size_t i);
void bit_set(uint64_t *bits, size_t i, bool on);

/* ---- queue.c */
void queue_put(struct world *w, struct event ev, int64_t after_ms);
bool queue_take(struct world *w, int64_t end_ms, struct event *ev);      /* the next one up to then; false: there is none */
void queue_clear(struct world *w);

/* ---- course.c */
int sim_run(const struct sim_options *o, struct world *w);       /* 0 when all held; *w is to be cleared */
void sim_clear(struct world *w);
void sim_set_up_nodes(struct world *w);                          /* nodes_n of them, all honest, no links */
void sim_run_until(struct world *w, int64_t end_ms);

/* ---- net.c */
struct blob *blob_make(struct bytes from);
void blob_drop(struct blob *b);
struct bytes blob_bytes(const struct blob *b);
struct way *net_way(const struct world *w, unsigned from, unsigned to);      /* or NULL */
void net_connect(struct world *w, unsigned a, unsigned b);       /* both ways */
void net_graph(struct world *w);
void net_choose(struct world *w, unsigned from, unsigned to, bool link);     /* its core wants it so */
bool net_works(const struct world *w, unsigned owner, unsigned to);          /* the owner's connection does */
void net_look(struct world *w);                                  /* after any change: cores learn of it after a while */
void net_link(struct world *w, const struct event *ev);
void net_restarted(struct world *w, unsigned node);
void net_publish(struct world *w, struct node *from, unsigned origin, struct bytes frame);
void net_send(struct world *w, struct node *from, unsigned to, enum event_kind kind, struct bytes wire);
void net_topic(struct world *w, unsigned from, struct way *way, size_t origin, bool on);
void net_topic_heard(struct world *w, const struct event *ev);      /* EVENT_TOPIC */
void net_deliver(struct world *w, const struct event *ev);

/* ---- node.c */
void node_start(struct world *w, struct node *n, bool from_backup);
void node_crash(struct world *w, struct node *n, bool in_order);
void node_step(struct world *w, struct node *n, const struct mesh_event *ev);
void node_stored(struct world *w, const struct event *ev);
void node_say(struct world *w, struct node *n);
void node_backup(struct world *w, struct node *n);
int64_t node_now_s(const struct world *w, const struct node *n);

/* ---- shell.c */
void shell_carry_out(struct world *w, struct node *n, const struct mesh_action *a);

/* ---- author.c */
const struct record *author_record(unsigned index);
struct bytes author_frame(unsigned index);
int author_of(const uint8_t root[KEY_BYTES]);                    /* index or -1 */
struct batch_plan { unsigned author, signer; const char *federation; uint32_t epoch; uint64_t seq; const uint8_t *previous; uint32_t floor_epoch;
                    uint64_t floor_seq; int64_t time_s; struct said said[SAID_MAX]; unsigned said_n; };
void author_draw_said(struct world *w, struct batch_plan *p);
size_t author_sign(struct world *w, const struct batch_plan *p);         /* index into the registry */
size_t author_sign_many(struct world *w, const struct batch_plan *p, unsigned opinions);      /* of so many different addresses */
void authors_draw(uint64_t keys);                                  /* before the first author: whose keys; 0 without it */
void authors_free(void);

/* ---- meter.c */
void meter_message(struct meter *m, unsigned from, unsigned to, enum event_kind kind, struct bytes wire);
void meter_reset(struct meter *m);
int64_t meter_quantile(int64_t *at, size_t n, unsigned per_mille);           /* sorts; -1: of none */

/* ---- registry.c */
void batches_add(struct batches *b, size_t i);
size_t registry_add(struct registry *r, const struct signed_batch *b);
long registry_find(const struct registry *r, const uint8_t hash[HASH_BYTES]);     /* index or -1 */
void registry_clear(struct registry *r);
size_t registry_place(const struct registry *r, unsigned author, uint32_t epoch, uint64_t seq);   /* in by_author: the first that is not below */
int registry_compare(const struct registry *r, size_t a, size_t b);      /* by (epoch, seq, hash) */
void disk_create(struct disk *d, unsigned nodes_n);
bool disk_has(const struct disk *d, size_t batch);
void disk_add(struct disk *d, size_t batch);
void disk_remove(struct disk *d, size_t batch);                          /* one that it has */
size_t disk_next(const struct disk *d, size_t from);                     /* the first that it has from there on; NO_BATCH: none */
void disk_copy(const struct disk *from, struct disk *to, unsigned nodes_n);
void disk_clear(struct disk *d);

/* ---- blocks.c */
extern const struct mesh_blocks sim_blocks;
void blocks_end(void);                                           /* there are no cores any more */

/* ---- verify.c */
void verify_forget(void);
extern uint64_t verify_asked, verify_done;

/* ---- liar.c */
void liar_act(struct world *w, struct node *n);
bool liar_spoils_answer(struct world *w, struct node *n, unsigned to, struct bytes frame);        /* true: it sent something else, or nothing */

/* ---- check.c */
long check_store(struct world *w, const struct node *n, const struct mesh_action *a);             /* the registry's index, or -1 */
void check_publish(struct world *w, const struct node *n, const struct mesh_action *a);
void check_blame(struct world *w, const struct node *n, const struct mesh_action *a);
void check_pause(struct world *w, const struct node *n, const struct mesh_action *a);
void check_said(struct world *w, const struct node *n, size_t batch);
bool check_level(const struct world *w, char *why, size_t room);         /* all honest nodes hold the same live batches, and the same registers */

/* ---- registers.c */
bool is_below(struct floor_mark mark, const struct batch_name *name);
void registers_merge(struct world *w, struct node *n, size_t batch);     /* it is on the disk now */
void registers_again(struct world *w, struct node *n, unsigned author);  /* floor and registers from what is left on the disk */
bool registers_agree(const struct world *w, char *why, size_t room);     /* of all honest nodes, from what is on their disks */

/* ---- proofs.c */
void proofs_put(struct world *w, struct node *n, const struct mesh_action *a);
void proofs_load(const struct world *w, struct node *n);                 /* into its core */
bool proofs_kill(const struct registry *r, const struct disk *d, size_t batch);      /* it is dead by one */
bool proofs_hold(const struct disk *d, size_t batch);                    /* it is one of a pair */

/* ---- bounds.c */
void bounds_check(struct world *w, const struct node *n, const struct mesh_event *ev, const struct mesh_update *up);

/* ---- plant.c */
void plant_before_step(struct world *w, struct node *n, const struct mesh_event *ev);
void plant_after_step(struct world *w, struct node *n, const struct mesh_event *ev);

#endif
