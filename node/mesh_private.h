/* node/mesh_private.h: what the files of the mesh core share. Nobody else includes it.
 *
 *   mesh.c         events, timers, counts
 *   mesh_member.c  members, their records and keys
 *   mesh_log.c     what is held of each origin: epochs, floors, dead batches
 *   mesh_bound.c   how much of an origin is kept: its newest batches
 *   mesh_take.c    the way of a batch: checked, handed out for storing, relayed
 *   mesh_freeze.c  two batches with one number: what is dead of it
 *   mesh_compare.c whether a neighbour holds other batches under the same numbers
 *   mesh_claim.c   what neighbours say they have
 *   mesh_fetch.c   gaps: what to fetch, from whom, when
 *   mesh_choose.c  which members to link to
 *   mesh_eager.c   from which neighbours an origin's batches come
 *   mesh_have.c    have-vectors, records, and requests of neighbours
 *   mesh_catch.c   how much of what neighbours hold is here
 *   mesh_quota.c   how much of one origin is taken
 *   mesh_penalty.c faults of links, and pauses
 *   mesh_introduce.c  lists of introductions: told, asked for, taken
 *   mesh_settle.c  what neighbours know of our own log at a start
 *   mesh_update.c  the list of things to do
 */
#ifndef HEARSAY_NODE_MESH_PRIVATE_H
#define HEARSAY_NODE_MESH_PRIVATE_H

#include "node/mesh.h"
#include "node/mesh_ranges.h"

enum {
    HELD_HASH_BYTES = 16,              /* of a held batch's hash: two that agree in so much cannot be made */
    EXPIRE_MS = 60000,                 /* how often logs are searched for batches past their time */
    GAP_GRACE_MS = 300,                /* what is missing may be on its way over another neighbour */
    BUSY_RETRY_MS = 100,
    RETRY_MAX_MS = 10000,
    ANSWER_WANTED_MS = 15000,          /* a neighbour that did not answer for so long is asked to: half of the silence that ends a link */
    IGNORE_CLAIM_MS = 30000,           /* a claim that proved wrong; doubles with each repeat */
    IGNORE_CLAIM_MAX_MS = 3600 * 1000,
    BARREN_MS = 30000,                 /* how long a neighbour is not asked again for what it did not have */
    BARREN_MIN_MS = 3000,              /* nor sooner than this when it says that its log has changed */
    BARREN_PIECES_MAX = 64,            /* of what it did not have; what is beyond is asked for again, more and more rarely */
    CLAIM_EPOCHS_MAX = 64,             /* of one origin that one neighbour may say it has; then what is all here goes, then the oldest */
    CLAIM_AHEAD_MAX = MESH_HELD_MAX,   /* a claim counts no further beyond what is held: more of an origin is not kept anyway */
    WASTE_MAX_MS = 3600 * 1000,        /* counted up to here; what is below the next counts as none */
    WASTE_LEAST_MS = 1000,
    HASTE_MAX = 3,                     /* who kept silent so often, one time after the other, is waited for an eighth of the time */
    RECORD_ASK_MS = 5000,              /* between two questions for one member's records */
    RECORD_ANSWER_MS = 30000,          /* records that come later were not asked for */
    RECORDS_PER_HOUR = 8,              /* new ones of one member, with a burst of MESH_KEYS_MAX; more are dropped and counted */
    HAVE_SOON_MS = 200,                /* for what should not wait for the next Have: a new list of introductions, a new member */
    FULL_WANTED_MS = 60000,            /* all that a neighbour has is asked for because of new members at most so often, after a burst of so many */
    FULL_WANTED_BURST = 4,
    INTRODUCTIONS_ASK_MS = 5000,       /* between two questions for one member's list */
    INTRODUCTIONS_ANSWER_MS = 10000,   /* then the neighbour has not kept its word */
    INTRODUCTIONS_PAUSE_MS = 60000,    /* who sent none, or one that is no good, is not asked for any so long */
    INTRODUCTIONS_PER_HOUR = 8,        /* new lists of one member, with the burst below; more are fetched later */
    INTRODUCTIONS_BURST = 32,
    PENALTY_MAX_MILLI = 100000,        /* points at which a link is paused */
    PENALTY_FAULT_MILLI = 10000,       /* something that no honest node sends */
    PENALTY_HASTE_MILLI = 100,         /* a request too much */
    PENALTY_HALF_MS = 600000,          /* half of the points are forgotten in so long */
    PAUSE_MS = 60000,                  /* the first pause; doubles each time ... */
    PAUSE_MAX_MS = 6 * 3600 * 1000,    /* ... up to */
    PAUSE_FORGET_MS = 24 * 3600 * 1000,          /* so long after the last one it begins anew */
    BOUND_TELL_MS = 10000,             /* so long the store waits to be told of bounds that were raised */
    QUOTA_RETRY_MS = 60000,            /* between two looks at the bucket of an origin that is over its quota */
    DOUBT_MS = 60000,                  /* between two doubts about one origin: nothing proves that they are founded */
    ALERT_S = 3600,                    /* between two alerts of one kind about one member */
    EPOCH_AHEAD_MIN = 24 * 60,         /* epochs are minutes */
    FOUND_HELD_MAX = 16,               /* of numbers that sums show to differ, so many that are here, too, are asked for at once */
    COMPARE_WAIT_MS = 10000,           /* between two comparisons of one log with one neighbour; doubles while they bring nothing */
    COMPARE_STEPS_MAX = 64,            /* questions of one comparison; then it goes on at the next */
    SUM_MS = MESH_FULL_HAVE_MS * 2 / 3,          /* of one log, one neighbour's sum is looked at no more often: it costs a walk over the log */
    SUM_MEMBERS = 256,                 /* of the logs of so many members, by chance, a full question tells sums */
    COMPARE_ASKS = 20,                 /* so many messages a question for sums counts for */
    VERSIONS_ROOM = 4,                 /* the two that are kept, one that comes in the place of the lower, and one that is void */
    PROOF_WAIT_MS = 2000,              /* between two questions for proofs about one origin */
    REPLACE_BURST = 64,                /* versions that come in the place of others, of one origin; more are put off */
    REPLACE_PER_HOUR = 600,
    FETCH_FRAMES_MAX = FETCH_RANGE_MAX * MESH_VERSIONS_MAX,
    FULL_ANSWER_ASKS = 20,             /* so many messages a full answer counts for */
    OWN_LOST_MAX = 64,                 /* own batches told while there was no memory; more are known again after the next start */
    EAGER_MIN = 2,                     /* neighbours that an origin's batches always come from */
    EAGER_HOLD_MS = 60000,             /* so long after one was taken up again none is given up */
    CHOSEN_MIN = 3,                    /* links of the node's own choice, however many others there are */
    CHOSEN_MORE = 2,                   /* links in return beyond those that are wanted */
    CHOOSE_REST_MS = 20000,            /* so long after the start only half of the links are chosen */
    CHOOSE_MS = 5000,                  /* between two looks at the links */
    CHOSEN_DEAD_MS = 60000,            /* so long without a connection, or without a question from who was linked in return */
    ONE_SIDED_MS = 15000,              /* so long a link stays that nothing comes back over */
    CHOOSE_AGAIN_MS = 300000,          /* not sooner is a member chosen again that was given up; doubles each time ... */
    CHOOSE_AGAIN_MAX_MS = 1800000,     /* ... up to */
    WANDER_MS = 300000,                /* so long one of the links stays with a member, then it goes to another */
    FETCH_TOTAL_MS = 60000             /* however slowly its frames come */
};
#define SERIAL_TIME_LEAST INT64_C(1577836800)   /* 2020-01-01T00:00:00Z: a serial below this is no time */
#define EPOCH_START_S INT64_C(1767225600)       /* 2026-01-01T00:00:00Z: minute 0 of epoch numbers */
#define NEVER_MS INT64_MAX

/* A place in an origin's log; all below it is dead. */
struct mark {
    uint32_t epoch;
    uint64_t seq;
};
static inline bool mark_is_above(struct mark mark, uint32_t epoch, uint64_t seq)
{
    return epoch < mark.epoch || (epoch == mark.epoch && seq < mark.seq);
}

/* A held batch, or one that must not be fetched again. `state`: one of these, or FIRST_SLOT + its place among those in flight. */
enum { HELD_STORED, HELD_VOID, FIRST_SLOT };
struct held {
    uint64_t seq;                      /* 0: the place is free; batches begin with 1 */
    int64_t time_s;
    uint8_t hash[HELD_HASH_BYTES];
    struct mark floor;                 /* that it announces */
    uint32_t state;
    uint16_t opinions;                 /* that it says; 0 for one that is void */
};

/* One epoch of one origin. Invariant: `present` holds exactly the seqs in `table`. */
struct epoch_log {
    uint32_t epoch;
    struct held *table;                /* open addressing by seq; room is a power of two */
    size_t n, room;
    struct ranges present;
    uint64_t head;                     /* highest stored; 0: none */
    uint8_t digest[HEAD_HASH_BYTES];   /* as of digest_version */
    uint64_t digest_version;
    uint64_t version;                  /* of the mesh when this last changed */
    bool crafted;                      /* its author made sets with one digest: it is told with a sum always */
};

struct member_key {
    uint64_t serial;
    int64_t not_after_s;
    uint8_t operational[KEY_BYTES];
    uint8_t *frame;
    size_t len;
};

/* How one neighbour kept its word about one origin, whatever it says at the moment: new words do not undo it. */
struct standing {
    struct member *by;
    size_t claims_n;
    int64_t waste_ms;                  /* time that asking it took in vain; half is forgotten whenever it brings something: others are asked first */
    unsigned broken;                   /* times in a row that it did not answer, or did not have its own head: from the second on its claims wait */
    int64_t ignored_until_ms;
    unsigned proofs_broken;            /* times in a row that it had no proof that it said it had ... */
    int64_t proofs_ignored_until_ms;   /* ... and what it says of proofs waits so long */
    int64_t forgiven_ms;               /* when a batch that it relayed last ended the wait of a claim */
};

/* What one neighbour says it has of one epoch of one origin. */
struct claim {
    struct member *by;
    struct standing *standing;         /* of `by` with this origin; lives as long as the claim */
    uint32_t epoch;
    uint64_t floor;
    uint64_t told;                     /* its head, as it says */
    uint64_t head;                     /* the same, at most CLAIM_AHEAD_MAX beyond what is held: what counts as missing */
    uint8_t head_hash[HEAD_HASH_BYTES];
    uint64_t told_in;                  /* the question in which it said so; 0: in none */
    int64_t ignored_until_ms;
    uint8_t digest[HEAD_HASH_BYTES];   /* of all that it holds, with what it relayed since it said so; zeros when it does not say */
    int64_t barren_wait_ms;            /* how long it is not asked again; doubles with each repeat until its log changes */
    struct ranges barren;              /* what it did not have when asked */
    int64_t barren_ms;                 /* when it was last found so */
    bool vain;                         /* asked for a gap below its head it had nothing at all: from then on it is compared with instead */
    int64_t compare_wait_ms, compare_ms;         /* between two comparisons with it; when the last one began */
    uint64_t compare_from;             /* where the next one begins, since the last one ended there; 0: at the floor */
    bool compare_answered;             /* the last one: then it may change its digest, and be compared anew */
    int64_t sum_ms;                    /* when its sum under a salt was last looked at */
    uint64_t at_odds;                  /* the version of the log here that differed from its own by that sum, whatever the digests say; 0: none */
};

/* A search for the number under which a neighbour holds another batch. */
struct compare {
    struct member *by;                 /* NULL: none is under way */
    uint32_t epoch;
    uint64_t from, to, end;            /* asked for last; where the search ends */
    uint8_t salt[SALT_BYTES];          /* of that question */
    unsigned steps;
    int64_t since_ms, deadline_ms;     /* of the question that is out */
};

struct fetch {
    struct member *from;               /* NULL: none outstanding */
    uint32_t id, epoch;
    uint64_t lowest, highest;
    int64_t since_ms, deadline_ms;
    uint64_t missing;                  /* of the range, when it was asked for */
    unsigned frames, news;             /* came; of these, taken */
    bool at_head;                      /* it was asked for the head that it claimed then */
    bool blocked;                      /* a frame could not be taken for a reason of our own */
    uint8_t digest[HEAD_HASH_BYTES];   /* of its log, as it said when it was asked */
    bool doubting;
    bool proving;                      /* for a pair that a neighbour says it has ... */
    bool compared;                     /* ... or for what it seems to have by sums */
    struct member *late;               /* who was asked before and not waited for to the end; NULL: nobody */
    uint32_t late_id;
};

/* A frozen epoch: nothing above seq lives. hash: of the two batches of that number, the higher first. */
struct frozen {
    uint32_t epoch;
    uint64_t seq;
    uint8_t hash[MESH_VERSIONS_MAX][HELD_HASH_BYTES];
    uint64_t version;                  /* of the mesh when this last changed */
    bool untold;                       /* the store was not told for want of memory */
};

/* A pair that a neighbour says it has. */
struct proof_want {
    bool open;
    struct member *by;
    uint32_t epoch;
    uint64_t seq, last;                /* the same, but by sums */
    bool compared;                     /* by sums only: it did not say so */
    int64_t next_ms;                   /* no new question before */
    uint8_t *half;                     /* the first of a pair that is no part of the log */
    size_t half_len;
    uint8_t half_hash[HELD_HASH_BYTES];
};

/* A batch that may be about and would not be fetched as a gap: another version of a held one, or one whose key was not known. */
struct doubt {
    bool open;
    struct member *by;                 /* who seems to have it; NULL: anybody */
    uint32_t epoch;
    uint64_t seq;
    unsigned tries;
    int64_t next_ms;                   /* no new one before */
};

/* What a neighbour did wrong. Remembered when its link goes down. */
struct penalty {
    int64_t milli, at_ms;              /* points as of then */
    int64_t pause_ms;                  /* the last one; 0: none yet */
    int64_t paused_until_ms;
};

/* What may yet be taken of an origin: see mesh_quota.c. */
struct bucket {
    int64_t day[MESH_QUOTAS], log[MESH_QUOTAS];
    int64_t at_ms;
};
struct quota {
    struct bucket own;
    struct member *group;              /* the root of its group, if it is a member by introduction: it has a part of what they share; else NULL */
    uint64_t over;                     /* batches passed over */
    struct bucket pool;                /* as the root of a group: what those that it introduced share ... */
    size_t introduced_n;               /* ... and how many they are */
};

/* A neighbour, as far as we speak with it. */
struct link {
    unsigned slot;                     /* its place in `links`, while it is wanted */
    unsigned given_up;                 /* origins whose batches are not taken by subscription there */
    uint64_t question;                 /* number of the one that it is about to ask */
    bool wanted, up;
    bool told_up;                      /* as the last event said; while it is paused `up` is false all the same */
    struct penalty penalty;
    int64_t up_ms;                     /* when it came up */
    int64_t have_at_ms;                /* when the next Have is due */
    int64_t full_ms;                   /* when it last told all it has; -1 never since the link is up */
    int64_t answered_ms;               /* last Have on our own connection to it */
    int64_t asked_ms;                  /* last Have on its connection to us; -1 never */
    int64_t full_milli, full_milli_ms; /* token bucket of such questions */
    bool full_wanted;                  /* a member became known since it last told all that it has: its next Have asks for that */
    uint64_t told_version;             /* it was told all that changed up to here */
    uint64_t own_serial;               /* the newest own record that it says it holds */
    unsigned fetches;                  /* outstanding */
    size_t inflight, inflight_bytes;   /* batches that it brought and that are not on disk yet */
    size_t claims_n;
    int64_t asks_milli, asks_ms;       /* token bucket of its messages */
    int64_t introductions_at_ms;       /* it is not asked for lists of introductions before */
};

/* The newest list of introductions of a member. */
struct introduce {
    uint8_t stamp[STAMP_BYTES];        /* all zero: none */
    uint8_t *frame;
    size_t len;
    uint64_t version;                  /* of the mesh when this last changed */
    struct member *asked;              /* whose answer is awaited; NULL: nobody's */
    struct member *later;              /* who said that it has the next one, at a time when it could not be asked; NULL: nobody */
    uint8_t later_stamp[STAMP_BYTES];
    bool lacks_record;                 /* its answer waits for the record that names the key */
    int64_t asked_ms;
    int64_t milli, milli_ms;           /* how many more may be taken */
};

/* A member as a link of the node's own choice. */
struct chosen {
    bool is, in_return, wanders;
    int64_t since_ms;
    int64_t seen_up_ms;                /* when its connection last worked; when it was chosen, before */
    int64_t after_ms, wait_ms;         /* not chosen before; for so long the last time */
};

struct member {
    uint8_t root[KEY_BYTES];
    uint64_t changed;                  /* the version of the mesh when anything that is told of it last changed */
    struct record record;              /* the newest */
    struct member_key *keys;           /* by serial, ascending */
    size_t keys_n;
    uint64_t record_version;
    int64_t record_asked_ms;
    struct member *record_asked;       /* the neighbour whose answer is awaited, or NULL */
    int64_t records_milli, records_ms; /* token bucket of its new records */
    uint64_t record_wanted;            /* serial that a neighbour has */
    struct link link;
    enum mesh_may may_link;
    struct chosen choose;
    struct quota quota;

    struct epoch_log **epochs;         /* ascending */
    size_t epochs_n, epochs_room;
    size_t held_n;
    uint64_t opinions_n;               /* of the batches on disk */
    uint32_t subjects_max;             /* how many are kept, about; 0: no such bound */
    struct mark floor;                 /* as its author signed it, in a batch that lives */
    struct mark bound;                 /* higher by our own bounds */
    bool bound_untold;                 /* the store was not told */
    uint64_t over_subjects;            /* batches below it */
    struct mark past;                  /* as time gives it: taken back when the clock is set back */
    int64_t heard_ms;
    int64_t equivocation_alert_s, clock_alert_s, subjects_alert_s;
    struct frozen *frozen;             /* by epoch, ascending; MESH_PROOFS_MAX places once there is one: hardly anybody has any */
    size_t frozen_n;
    uint32_t proofs_from;              /* epochs below are dead, since so many above are frozen; 0: none */
    struct proof_want proof_want;
    struct compare compare;
    int64_t replace_milli, replace_ms; /* token bucket of versions that take the place of others */

    struct claim *claims;              /* by (epoch, by), ascending */
    size_t claims_n, claims_room;
    struct standing **standings;       /* one for each neighbour with a claim or a fault */
    size_t standings_n, standings_room;
    struct fetch fetch;
    struct doubt doubt;
    uint64_t given_up;                 /* by slots of links: neighbours from which this origin's batches are not taken by subscription */
    uint8_t eager_hash[HEAD_HASH_BYTES];         /* of its newest batch, by arrival; and how many neighbours brought it */
    unsigned eager_copies;
    unsigned eager_last;               /* slot of the second of them that stayed */
    int64_t taken_up_ms;               /* when a neighbour was subscribed to again */
    int64_t plan_at_ms;                /* when to look for gaps, or when the fetch times out */
    struct introduce introduce;
    unsigned lean;                     /* fetches in a row that brought nothing */
};

struct inflight {
    struct member *origin;             /* NULL: free */
    struct member *from;
    uint8_t *frame;
    size_t len;
    struct store_batch_ref ref;
    int64_t since_ms;
    bool relay;
};

/* An own batch for which there was no memory. */
struct own_lost {
    struct batch_name name;
    int64_t time_s;
};

struct mesh {
    struct mesh_config config;
    struct member **members;           /* by root, ascending; self among them */
    uint64_t *parts;                   /* the first 8 bytes of each root, as a number: what a search looks at first, in one place */
    size_t members_n, members_room;
    struct member *self;
    struct member *links[MESH_LINKS_MAX];        /* neighbours, by slot; NULL: free */
    size_t links_wanted;
    struct inflight *inflight;         /* MESH_INFLIGHT_MAX places */
    uint32_t *free_slots;
    size_t free_n, inflight_bytes;
    uint64_t version;                  /* grows with every change of any log */
    uint64_t random;
    uint64_t salts;                    /* drawn so far */
    uint32_t fetch_id;
    uint64_t counts[MESH_COUNTS];

    int64_t now_ms, now_s;             /* of the event at hand */
    int64_t start_ms;                  /* of the first event; -1 before */
    int64_t have_at_ms, full_have_at_ms, expire_at_ms, plan_at_ms;
    int64_t resume_at_ms;              /* when the next pause ends */
    int64_t bound_at_ms;               /* when the store is told of bounds that have moved */
    struct { bool done; int64_t since_ms, progress_ms, look_at_ms; } catch;
    int64_t expired_s;                 /* the time by which logs were last searched for what is past */
    size_t full_have_turn;
    int64_t choose_at_ms;
    int64_t one_sided_at_ms, one_sided_wait_ms;  /* when one may be replaced next, and how long after the last one */
    bool settled, full_heard;
    bool proofs_untold;
    uint32_t own_epoch;                /* of the newest own batch told in this run */
    uint32_t settle_above;             /* own batches that only neighbours had, while settling: at least this */
    uint32_t above;                    /* as last said */
    struct own_lost own_lost[OWN_LOST_MAX];
    size_t own_lost_n;

    struct mesh_action *actions;
    size_t actions_n, actions_room;
    uint8_t **buffers;                 /* what the actions point to */
    size_t buffers_n, buffers_room;
    bool delivered;                    /* the actions were handed out and go at the next step */
    bool starved;                      /* memory ran out in this step */
};

static inline uint64_t mesh_changed(struct mesh *m, struct member *o)
{
    return o->changed = ++m->version;
}

enum taken { TAKEN_NEW, TAKEN_USELESS, TAKEN_LATER };      /* LATER: good, perhaps, but not to be had now */

/* ---- mesh_member.c */
struct member *mesh_member(const struct mesh *m, const uint8_t root[KEY_BYTES]);       /* or NULL */
struct member *member_by_part(const struct mesh *m, const uint8_t part[ORIGIN_SHORT_BYTES]);      /* or NULL: none, or more than one */
bool member_part_is_enough(const struct mesh *m, const struct member *o);              /* no other begins like it */
struct member *member_add(struct mesh *m, const uint8_t root[KEY_BYTES]);              /* NULL: out of memory */
void member_destroy(struct mesh *m, struct member *o);
int member_add_key(struct mesh *m, struct member *o, const struct record *rec, struct bytes frame);       /* 1: new, 0: known or too old, -ENOMEM */
bool member_claims_curve(const struct mesh *m, const struct member *o, const struct record *rec);         /* its new CURVE key is another's */
const struct member_key *member_key(const struct member *o, uint64_t serial);          /* or NULL */
int64_t member_key_until(const struct mesh *m, const struct member *o, const struct member_key *k);       /* until when it signs */

/* ---- mesh.c */
uint64_t mesh_random(struct mesh *m);                      /* splitmix64 */
void mesh_count(struct mesh *m, enum mesh_count c);
void mesh_plan(struct mesh *m, struct member *origin, int64_t at_ms);     /* no later than */
void mesh_link_up(struct mesh *m, struct member *o);
void mesh_link_down(struct mesh *m, struct member *o);

/* ---- mesh_update.c */
struct mesh_action *update_add(struct mesh *m, enum mesh_action_kind kind);        /* NULL: out of memory, noted */
struct mesh_action *update_about(struct mesh *m, enum mesh_action_kind kind, const struct member *neighbour);
void update_topic(struct mesh *m, enum mesh_action_kind kind, const struct member *neighbour, const struct member *origin);
bool update_keep(struct mesh *m, void *buffer);            /* the update frees it from here on; false: it was freed, out of memory */
void update_message(struct mesh *m, enum mesh_action_kind kind, const struct member *neighbour, const struct message *msg);
void update_blame(struct mesh *m, struct member *neighbour, const char *text);      /* and adds to its faults */
void update_alert(struct mesh *m, const struct member *origin, const char *text);
void update_begin(struct mesh *m);
void update_clear(struct mesh *m);                         /* frees all */

/* ---- mesh_log.c */
struct epoch_log *log_epoch(const struct member *o, uint32_t epoch);      /* or NULL */
struct epoch_log *log_epoch_make(struct mesh *m, struct member *o, uint32_t epoch);
bool log_is_dead(const struct member *o, uint32_t epoch, uint64_t seq);
uint64_t log_live_from(const struct member *o, uint32_t epoch);           /* the lowest seq that is not dead; UINT64_MAX: all of the epoch is */
uint64_t log_live_to(const struct member *o, uint32_t epoch);             /* the highest seq that lives; UINT64_MAX unless the epoch is frozen */
/* The versions of one seq; at most VERSIONS_ROOM, which is how many places `out` has. Pointers are good until the table changes. */
size_t log_versions(const struct mesh *m, const struct epoch_log *e, uint64_t seq, struct held **out);
struct held *log_find(const struct mesh *m, const struct epoch_log *e, uint64_t seq, const uint8_t *hash);
int log_add(struct mesh *m, struct member *o, struct epoch_log *e, const struct store_batch_ref *ref, uint32_t state);
void log_remove(struct mesh *m, struct member *o, struct epoch_log *e, struct held *h);
void log_stored(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq);       /* it is here from now on */
void log_forget_below(struct mesh *m, struct member *o, struct mark mark);
void log_raise_floor(struct mesh *m, struct member *o, uint32_t epoch, uint64_t seq);
void log_trim(struct mesh *m, struct member *o);                          /* forgets what is below its marks now */
void log_cut_above(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq);
void log_expire(struct mesh *m, struct member *o);
void log_clear(struct mesh *m, struct member *o);                         /* forgets all of it */
uint64_t log_floor(const struct member *o, const struct epoch_log *e);    /* lowest live seq that is here; 0 when none */
void log_head_hash(const struct mesh *m, const struct epoch_log *e, uint64_t seq, uint8_t out[HEAD_HASH_BYTES]);

/* ---- mesh_bound.c */
void bound_keep(struct mesh *m, struct member *o);         /* keeps MESH_HELD_MAX, MESH_EPOCHS_MAX and what a member may say at a time */
void bound_again(struct mesh *m, struct member *o);        /* batches have gone that counted, or more may be kept: what was forgotten for them may come again */
bool bound_has(struct member *o, uint32_t epoch, uint64_t seq);          /* below what is kept of what it says: counted for it */
void bound_tick(struct mesh *m);

/* ---- mesh_take.c */
enum taken take_frame(struct mesh *m, struct member *from, struct bytes frame, bool fetched);
void take_stored(struct mesh *m, const struct batch_name *name, bool stored);
void take_failed(struct mesh *m, const struct batch_name *name);
void take_own(struct mesh *m, const struct batch_name *name, struct bytes frame);
void take_own_again(struct mesh *m);                       /* those for which there was no memory */
void take_release(struct mesh *m, uint32_t slot);          /* forgets one in flight */
void take_expire(struct mesh *m);

/* ---- mesh_freeze.c */
const struct frozen *freeze_of(const struct member *o, uint32_t epoch);   /* or NULL */
uint64_t freeze_at(const struct member *o, uint32_t epoch);               /* UINT64_MAX: not frozen */
void freeze_name(const struct frozen *f, uint8_t out[FROZEN_HASH_BYTES]); /* the two hashes, as a Have tells them */
void freeze_stored(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq);      /* a version of this number is on disk */
enum taken freeze_take(struct mesh *m, struct member *o, const struct batch_name *name, struct bytes frame);      /* verified, for the proof only */
bool freeze_is_wanted(const struct member *o, const struct member *from, const struct batch_name *name);
void freeze_hear(struct mesh *m, struct member *o, struct member *from, const struct log_have *l);
void freeze_asked(struct mesh *m, struct member *o);
void freeze_forget_by(struct mesh *m, const struct member *by);
void freeze_clear(struct member *o);
bool freeze_room(struct mesh *m, struct member *o);        /* before the second batch of a number is taken; false: out of memory */
void freeze_tick(struct mesh *m);
bool freeze_may_replace(struct mesh *m, struct member *o);
/* How many sound versions of a number are here or on their way, and how many of those on disk have a higher hash. */
size_t freeze_versions(const struct mesh *m, const struct epoch_log *e, uint64_t seq, const uint8_t hash[HELD_HASH_BYTES], size_t *better);

/* ---- mesh_compare.c */
void compare_salt(struct mesh *m, uint8_t out[SALT_BYTES]);              /* a new one, not to be guessed from those before */
void compare_sum(const struct epoch_log *e, const uint8_t salt[SALT_BYTES], uint8_t out[SUM_BYTES]);      /* of all that is held of it */
void compare_hear(struct mesh *m, struct member *o, const struct member *from, const struct log_have *l, const uint8_t salt[SALT_BYTES]);
const uint8_t *compare_digest(struct epoch_log *e);        /* the digest of all that is held of it; good until the log changes */
int64_t compare_plan(struct mesh *m, struct member *o);                  /* begins one that is due; else when to look again */
bool compare_is_due(const struct member *o, const struct claim *c);      /* whenever it may begin */
void compare_brought(struct member *o, const struct member *by, uint32_t epoch);      /* what it found was news */
void compare_serve(struct mesh *m, struct member *from, const struct message *asked);
void compare_answer(struct mesh *m, struct member *from, const struct message *msg);
void compare_forget_by(struct mesh *m, const struct member *by);

/* ---- mesh_claim.c */
void claim_set(struct mesh *m, struct member *o, struct member *by, const struct log_have *have, uint64_t told_in);
void claim_raise(struct mesh *m, struct member *o, struct member *by, const struct batch_name *name);     /* it relayed this one, which was new */
void claim_seen(const struct member *o, const struct member *by, const struct batch_name *name);          /* it relayed this one, which was here */
struct claim *claim_find(const struct member *o, const struct member *by, uint32_t epoch);               /* or NULL */
bool claim_any(const struct member *o, const struct member *by);
bool claim_barren(struct mesh *m, struct member *o, struct claim *c, uint64_t from, uint64_t to);     /* false: it will be asked again all the same */
void claim_unbar(struct claim *c);                        /* it may have by now what it did not have */
void claims_unbar(struct member *o, uint32_t epoch);                     /* what was here is missing again: any neighbour may have it */
struct standing *claim_standing(const struct member *o, const struct member *by);                       /* or NULL */
void claim_kept(struct member *o, const struct member *by);              /* it brought something that was asked for */
void claim_broken(struct mesh *m, struct member *o, struct member *by);  /* it did not answer, or did not have its own head */
void claim_late(struct member *o, const struct member *by);              /* it did answer, after it was given up */
void claim_waste(struct mesh *m, struct member *o, struct member *by, int64_t since_ms);               /* what was asked for then brought nothing */
int64_t claim_patience_ms(const struct member *o, const struct member *by);      /* how long its answer is waited for */
unsigned claim_rank(const struct standing *s);             /* how much of our time it wasted: 0 up to a second, then by powers of two */
void claim_proof(struct mesh *m, struct member *o, struct member *by, bool kept);     /* it had the proof that it spoke of, or not */
void claims_forget(struct member *o);
void claims_forget_by(struct mesh *m, const struct member *by);

/* ---- mesh_fetch.c */
void fetch_plan(struct mesh *m, struct member *o);
void fetch_answer(struct mesh *m, struct member *from, uint32_t id, struct bytes frame, bool last);
void fetch_cancel(struct member *o);
void fetch_link_down(struct mesh *m, const struct member *from);
void fetch_doubt(struct mesh *m, struct member *o, struct member *by, uint32_t epoch, uint64_t seq);
bool fetch_useful(const struct mesh *m, const struct member *o, const struct claim *c);        /* this neighbour may have what is not here */
bool fetch_lacks(const struct member *o, const struct claim *c);           /* some of what it claims is not here, and it was not found to lack it */
bool fetch_wanted(const struct mesh *m, const struct member *o);         /* one of them may */

void member_link(struct mesh *m, struct member *o, bool wanted);

/* ---- mesh_choose.c */
void choose_tick(struct mesh *m);
void choose_asked(struct mesh *m, struct member *from);
void choose_up(struct member *o);                          /* its connection works */
void choose_undo(struct mesh *m, struct member *o);        /* if it was chosen */
bool choose_yield(struct mesh *m);                         /* gives up one link of the node's own choice; false: there is none */

/* ---- mesh_eager.c */
bool eager_is(const struct member *o, const struct member *neighbour);   /* its batches are subscribed to there */
void eager_first(struct member *o, const struct batch_name *name);       /* a neighbour brought a new batch */
void eager_again(struct mesh *m, struct member *o, const struct member *from, const struct batch_name *name);     /* and another brought it, too */
void eager_fetched(struct mesh *m, struct member *o, const struct member *from);          /* what is new had to be fetched, and was to be had there */
void eager_link_down(struct mesh *m);
void eager_none(struct mesh *m, const struct member *neighbour);         /* nothing is subscribed to there: not worth it for so short a time */
void eager_drop(struct mesh *m, const struct member *o);                 /* its batches come from nobody any more */
void eager_forget(struct mesh *m, const struct member *neighbour);       /* it is no neighbour any more */

/* ---- mesh_have.c */
void have_ask(struct mesh *m, struct member *from, struct bytes wire);
void have_answer(struct mesh *m, struct member *from, struct bytes wire);
void have_send(struct mesh *m, struct member *to, enum mesh_action_kind kind, bool full, bool answer_wanted);
void have_tick(struct mesh *m);
void have_link_up(struct mesh *m, struct member *o);
void have_want_record(struct mesh *m, struct member *o, struct member *from, uint64_t serial);

void have_soon(struct mesh *m);
bool have_may_ask(struct mesh *m, struct link *l, int64_t asks);

/* ---- mesh_introduce.c */
void introduce_init(struct member *o);
void introduce_clear(struct member *o);
void introduce_forget_by(struct mesh *m, const struct member *by);
void introduce_hear(struct mesh *m, struct member *o, struct member *from, const uint8_t stamp[STAMP_BYTES]);   /* a neighbour says it has this one */
void introduce_tick(struct mesh *m);                       /* asks who could not be asked when it said so */
void introduce_answer(struct mesh *m, struct member *from, struct bytes frame);
void introduce_serve(struct mesh *m, struct member *to, const uint8_t introducer[KEY_BYTES]);
void introduce_record(struct mesh *m, struct member *o);   /* a record of o has come */

/* ---- mesh_catch.c */
void catch_tick(struct mesh *m);
void catch_stored(struct mesh *m);                                       /* a batch of another member has come to the disk */

/* ---- mesh_quota.c */
void quota_init(const struct mesh *m, struct member *o);
void quota_leave(struct mesh *m, struct member *o);                      /* it is no member any more: nor root, nor one of a group */
void quota_held(struct mesh *m, struct member *o);                 /* one more batch was found in the store at a start */
bool quota_allows(struct mesh *m, struct member *o);                     /* one batch more; if not, it is counted why */
bool quota_is_ready(struct mesh *m, struct member *o);                   /* some more, so that fetching is worth it */
void quota_charge(struct mesh *m, struct member *o, bool fetched, int64_t time_s, size_t bytes, size_t opinions);

/* ---- mesh_penalty.c */
void penalty_add(struct mesh *m, struct member *o, int64_t milli, const char *text);       /* may pause the link */
bool penalty_is_paused(const struct mesh *m, const struct member *o);
void penalty_tick(struct mesh *m);                                       /* ends what pauses are over */

/* ---- mesh_settle.c */
void settle_check(struct mesh *m);
void settle_late(struct mesh *m, uint32_t epoch);          /* an own batch that this node did not tell */

#endif
