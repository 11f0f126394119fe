/* node/mesh_state.h: private. What the mesh core remembers: of each member, log, neighbour and question. Who works on it: node/mesh_private.h. */
#ifndef HEARSAY_NODE_MESH_STATE_H
#define HEARSAY_NODE_MESH_STATE_H

#include "node/mesh.h"
#include "node/mesh_ranges.h"

enum {
    HELD_HASH_BYTES = 16,              /* of a held batch's hash: two that agree in so much cannot be made */
    EXPIRE_MS = 60000,                 /* how often logs are searched for batches past their time */
    GAP_GRACE_MS = 300,                /* what is missing may be on its way over another neighbour */
    BUSY_RETRY_MS = 100,
    WAITING_EASY = 128,                /* with so many more origins that wait to be asked for, each looks so much more rarely */
    RETRY_MAX_MS = 10000,
    ANSWER_WANTED_MS = 15000,          /* a neighbour that did not answer for so long is asked to: half of the silence that ends a link */
    DISK_WAIT_MS = 1000,               /* nothing is fetched so long after the disk refused a batch; doubles with each repeat, until it takes one ... */
    DISK_WAIT_MAX_MS = 60000,          /* ... up to */
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
    FULL_LINKS_FEW = 2 * 2,            /* who has no more links that work asks for all every MESH_FULL_HAVE_MS, however large the coalition is */
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
    CLOCK_BACK_S = 3600,               /* a clock that is set back by more may have made batches too old that are not */
    EPOCH_AHEAD_MIN = 24 * 60,         /* epochs are minutes */
    FOUND_HELD_MAX = 16,               /* of numbers that sums show to differ, so many that are here, too, are asked for at once */
    COMPARE_WAIT_MS = 10000,           /* between two comparisons of one log with one neighbour; doubles while they bring nothing */
    COMPARE_BUSY_MS = 1000,            /* then it is tried again to compare with who is asked for enough */
    COMPARE_STEPS_MAX = 64,            /* questions of one comparison; then it goes on at the next */
    SUM_MS = MESH_FULL_HAVE_MS * 2 / 3,          /* of one log, one neighbour's sum is looked at no more often: it costs a walk over the log */
    SUM_MEMBERS = 256,                 /* of the logs of so many members, by chance, a full question tells sums */
    COMPARE_ASKS = 20,                 /* so many messages a question for sums counts for */
    VERSIONS_ROOM = 4,                 /* the two that are kept, one that comes in the place of the lower, and one that is void */
    PROOF_WAIT_MS = 2000,              /* between two questions for proofs about one origin */
    PROOF_PATIENCE_MS = 60000,         /* so long a neighbour that is asked for enough already may yet be asked for one */
    REPLACE_BURST = 64,                /* versions that come in the place of others, of one origin; more are put off */
    REPLACE_PER_HOUR = 600,
    FETCH_FRAMES_MAX = FETCH_RANGE_MAX * MESH_VERSIONS_MAX,
    OWN_ASKS_PER_S = MESH_ASKS_PER_S / 2,        /* fetches and comparisons at one neighbour, with a burst of a second's: the rest is for Haves and what they lead to */
    FULL_ANSWER_ASKS = 20,             /* so many messages a full answer counts for */
    OWN_LOST_MAX = 64,                 /* own batches told while there was no memory; more are known again after the next start */
    EAGER_MIN = 2,                     /* neighbours that an origin's batches always come from */
    EAGER_TAKERS_MAX = MESH_LINKS_MAX, /* members remembered that take one origin's batches here; others are told as if they did not */
    EAGER_SHARE = 4,                   /* of the origins that come from enough others, one in so many comes from a new neighbour, too */
    EAGER_SILENT_MS = 60000,           /* who subscribed and asks nothing for so long is gone */
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
    FETCH_TOTAL_MS = 60000,            /* however slowly its frames come */
    ASKED_MAX = 1024,                  /* more than can be outstanding: MESH_LINKS_MAX * MESH_LINK_FETCHES_MAX */
    ACTIONS_KEPT_MAX = 256             /* room for things to do that is kept from step to step; what is beyond, as when a link comes up, is given back */
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

/* A held batch, or one that must not be fetched again: HELD_VOID for good, HELD_LATE by its date, until the clock is set back. `state`: one of these, or FIRST_SLOT + its
 * place among those in flight. */
enum { HELD_STORED, HELD_VOID, HELD_LATE, FIRST_SLOT };
struct held {
    uint8_t hash[HELD_HASH_BYTES];
    uint32_t time_s;                   /* since EPOCH_START_S; what is beyond is the nearest */
    uint16_t opinions;                 /* that it says; 0 for one that is void */
    uint16_t state;
    uint16_t floor;                    /* that it announces: its place among those of the block */
    uint8_t low;                       /* of its number, in the block */
    uint8_t unused;                    /* 0 */
};

/* Batches of up to 64 consecutive numbers: mesh_block.c. Behind the floors come `room` of struct held, by number. */
struct block {
    uint16_t n, room, floors_n, floors_room;
    bool shared;                       /* it is of config.blocks, and not to be written */
    struct mark floors[];              /* that its batches announce */
};
struct block_ref {
    uint64_t base;                     /* its numbers begin at 64 * base + 1 */
    struct block *at;
};

/* One epoch of one origin. Invariant: `present` holds exactly the seqs in `blocks`. */
struct epoch_log {
    uint32_t epoch;
    struct block_ref *blocks;          /* ascending */
    size_t blocks_n, blocks_room;
    size_t n, flying;                  /* batches; of these, in flight */
    struct ranges present;
    uint64_t head;                     /* highest stored; 0: none */
    uint8_t digest[HEAD_HASH_BYTES];   /* of what is stored, added up bit by bit */
    uint64_t version;                  /* of the mesh when this last changed */
    uint64_t sent_version, unsent;     /* as of that version, by slots of links: neighbours that were neither sent nor told all that has changed */
    bool crafted;                      /* its author made sets with one digest: it is told with a sum always */
};

/* From the lowest number up: zeroed but for `e`. The log must not change meanwhile. */
struct log_walk {
    const struct epoch_log *e;
    size_t block, entry;
    uint64_t seq;                      /* of the one at hand */
    struct mark floor;                 /* that it announces */
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
    bool blocked;                      /* a frame could not be taken, or not be stored, for a reason of our own */
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
    int64_t until_ms;                  /* it waits since that neighbour is asked for enough: so long; 0: it does not */
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
    bool waits;                        /* since who is to be asked is asked for enough */
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
    int64_t pace;                      /* millionths of a batch */
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
    uint32_t subscribers;              /* as it told: how many take batches there; 0: it did not say */
    int64_t took_ms;                   /* when it last subscribed to something here, or ended it */
    unsigned takes;                    /* origins whose batches it takes here, as far as remembered */
    unsigned given_up;                 /* origins whose batches are not taken by subscription there */
    uint64_t question;                 /* number of the one that it is about to ask */
    bool wanted, up;
    bool told_up;                      /* as the last event said; while it is paused `up` is false all the same */
    struct penalty penalty;
    int64_t up_ms;                     /* when it came up */
    int64_t have_at_ms;                /* when the next Have is due */
    bool absent;                       /* not up, and not to be reached when last tried */
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
    int64_t own_asks_milli, own_asks_ms;         /* and of what it is asked for from here */
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
    struct member **takers;            /* who subscribes to its batches here */
    size_t takers_n, takers_room;
    int64_t taken_up_ms;               /* when a neighbour was subscribed to again */
    int64_t plan_at_ms;                /* when to look for gaps, or when the fetch times out */
    bool waits;                        /* it has gaps, and all who have what is missing are asked for enough */
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
    uint32_t subscribers;              /* members that take batches here */
    struct inflight *inflight;         /* MESH_INFLIGHT_MAX places */
    uint32_t *free_slots;
    size_t free_n, inflight_bytes;
    uint64_t version;                  /* grows with every change of any log */
    uint64_t random;
    uint64_t salts;                    /* drawn so far */
    uint32_t fetch_id;
    struct member *asked[ASKED_MAX];   /* by the last bits of a fetch's id: about whom it was. A first guess: later ones take its place, and who is asked may have gone */
    uint64_t counts[MESH_COUNTS];

    int64_t now_ms, now_s;             /* of the event at hand */
    int64_t start_ms;                  /* of the first event; -1 before */
    int64_t have_at_ms, full_have_at_ms, expire_at_ms, plan_at_ms;
    size_t waiting_n;                  /* of the members, those that wait */
    int64_t disk_wait_ms, disk_until_ms;         /* how long, and until when, nothing is fetched since the disk refused a batch; 0: it took the last one */
    int64_t resume_at_ms;              /* when the next pause ends */
    int64_t bound_at_ms;               /* when the store is told of bounds that have moved */
    struct { bool done; int64_t since_ms, first_ms, progress_ms, look_at_ms; } catch;       /* first_ms: a neighbour told all it has */
    int64_t clock_top_s;               /* the latest time that the clock has shown, since it was last set back */
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

#endif
