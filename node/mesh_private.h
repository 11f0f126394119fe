/* node/mesh_private.h: what the files of the mesh core share. Nobody else includes it.
 *
 *   mesh.c         events, timers, counts
 *   mesh_member.c  members, their records and keys
 *   mesh_log.c     what is held of each origin: epochs, floors, dead batches
 *   mesh_block.c   the batches of an epoch, 64 numbers to a block
 *   mesh_bound.c   how much of an origin is kept: its newest batches
 *   mesh_take.c    the way of a batch: checked, handed out for storing, relayed
 *   mesh_disk.c    how long nothing is fetched after the disk refused something
 *   mesh_freeze.c  two batches with one number: what is dead of it
 *   mesh_compare.c whether a neighbour holds other batches under the same numbers
 *   mesh_claim.c   what neighbours say they have
 *   mesh_fetch.c   gaps: what to fetch, from whom, when
 *   mesh_choose.c  which members to link to
 *   mesh_eager.c   from which neighbours an origin's batches come
 *   mesh_have.c    have-vectors, records, and requests of neighbours
 *   mesh_asks.c    how much a neighbour may ask, and be asked for
 *   mesh_catch.c   how much of what neighbours hold is here
 *   mesh_quota.c   how much of one origin is taken
 *   mesh_penalty.c faults of links, and pauses
 *   mesh_introduce.c  lists of introductions: told, asked for, taken
 *   mesh_settle.c  what neighbours know of our own log at a start
 *   mesh_update.c  the list of things to do
 */
#ifndef HEARSAY_NODE_MESH_PRIVATE_H
#define HEARSAY_NODE_MESH_PRIVATE_H

#include "node/mesh_state.h"

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
void update_topic_of(struct mesh_action *a, const struct member *origin);
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
int log_add(struct mesh *m, struct member *o, struct epoch_log *e, const struct store_batch_ref *ref, uint32_t state);
void log_settle(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq, const struct held *h);   /* it was in flight, and is on disk */
void log_remove(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq, const struct held *h);
void log_stored(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq);       /* it is here from now on */
void log_forget_below(struct mesh *m, struct member *o, struct mark mark);
void log_raise_floor(struct mesh *m, struct member *o, uint32_t epoch, uint64_t seq);
void log_trim(struct mesh *m, struct member *o);                          /* forgets what is below its marks now */
void log_cut_above(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq);
void log_expire(struct mesh *m, struct member *o);
void log_clock_back(struct mesh *m, struct member *o);                    /* what was over by a clock that was ahead may not be: it is fetched again */
static inline bool held_is_void(const struct held *h) { return h->state == HELD_VOID || h->state == HELD_LATE; }
void log_clear(struct mesh *m, struct member *o);                         /* forgets all of it */
uint64_t log_floor(const struct member *o, const struct epoch_log *e);    /* lowest live seq that is here; 0 when none */
void log_head_hash(const struct epoch_log *e, uint64_t seq, uint8_t out[HEAD_HASH_BYTES]);

/* ---- mesh_block.c */
/* The versions of one seq; at most VERSIONS_ROOM, which is how many places `out` has. Pointers are good until the log changes. */
size_t log_versions(const struct epoch_log *e, uint64_t seq, const struct held **out);
const struct held *log_find(const struct epoch_log *e, uint64_t seq, const uint8_t *hash);      /* or NULL */
struct log_walk log_from(const struct epoch_log *e, uint64_t seq);       /* begins with the first that is not below; `e` may be NULL, and has nothing then */
const struct held *log_next(struct log_walk *w);           /* NULL: that was all */
/* For mesh_log.c, which keeps the rest of the log as it should be. */
int block_reserve(const struct mesh *m, struct epoch_log *e, uint64_t seq, struct mark floor);  /* for one more: then block_put() cannot fail. 0, -ENOMEM */
struct held *block_put(struct epoch_log *e, uint64_t seq, struct mark floor);                   /* as zeros but for these two */
void block_trim(const struct mesh *m, struct epoch_log *e, uint64_t seq);                       /* it was reserved and not put */
struct held *block_write(const struct mesh *m, struct epoch_log *e, uint64_t seq, const struct held *h);      /* the same, to be changed */
void block_share(const struct mesh *m, struct epoch_log *e, uint64_t seq);                      /* its block, when that is complete */
void block_remove(const struct mesh *m, struct epoch_log *e, uint64_t seq, const struct held *h);
void block_cut(const struct mesh *m, struct epoch_log *e, uint64_t below);
void block_clear(const struct mesh *m, struct epoch_log *e);

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

/* ---- mesh_disk.c */
void disk_refused(struct mesh *m);
void disk_took(struct mesh *m);                            /* something that was new */
bool disk_rests(const struct mesh *m);                     /* until disk_until_ms nothing is fetched */

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
size_t freeze_versions(const struct epoch_log *e, uint64_t seq, const uint8_t hash[HELD_HASH_BYTES], size_t *better);

/* ---- mesh_compare.c */
void compare_salt(struct mesh *m, uint8_t out[SALT_BYTES]);              /* a new one, not to be guessed from those before */
void compare_sum(const struct epoch_log *e, const uint8_t salt[SALT_BYTES], uint8_t out[SUM_BYTES]);      /* of all that is held of it */
void compare_hear(struct mesh *m, struct member *o, const struct member *from, const struct log_have *l, const uint8_t salt[SALT_BYTES]);
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
void fetch_wait(struct mesh *m, struct member *o, bool waits);            /* whether it is one of those that wait for who may be asked */
void fetch_link_down(struct mesh *m, const struct member *from);
void fetch_doubt(struct mesh *m, struct member *o, struct member *by, uint32_t epoch, uint64_t seq);
bool fetch_useful(const struct mesh *m, const struct member *o, const struct claim *c);        /* this neighbour may have what is not here */
bool fetch_lacks(const struct member *o, const struct claim *c);           /* some of what it claims is not here, and it was not found to lack it */
bool fetch_wanted(const struct mesh *m, const struct member *o);         /* one of them may */
bool fetch_may_ask(const struct mesh *m, struct member *who);            /* it is not asked for enough already */

void member_link(struct mesh *m, struct member *o, bool wanted);

/* ---- mesh_choose.c */
void choose_tick(struct mesh *m);
void choose_asked(struct mesh *m, struct member *from);
void choose_up(struct member *o);                          /* its connection works */
void choose_undo(struct mesh *m, struct member *o);        /* if it was chosen */
void choose_keep(struct mesh *m, struct member *o);        /* the operator wants it: it is no link of the node's own choice from now on, if it was */
bool choose_yield(struct mesh *m);                         /* gives up one link of the node's own choice; false: there is none */

/* ---- mesh_eager.c */
bool eager_is(const struct member *o, const struct member *neighbour);   /* its batches are subscribed to there */
void eager_first(struct member *o, const struct batch_name *name);       /* a neighbour brought a new batch */
void eager_again(struct mesh *m, struct member *o, const struct member *from, const struct batch_name *name);     /* and another brought it, too */
void eager_fetched(struct mesh *m, struct member *o, const struct member *from);          /* what is new had to be fetched, and was to be had there */
void eager_link_down(struct mesh *m);
void eager_begin(struct mesh *m, const struct member *neighbour);        /* before its topics are subscribed to: which */
void eager_stays(struct mesh *m, const struct member *neighbour);        /* and wanders no more */
void eager_drop(struct mesh *m, struct member *o);                 /* its batches come from nobody any more */
void eager_forget(struct mesh *m, struct member *neighbour);       /* it is no neighbour any more */
void eager_subscribed(struct mesh *m, struct member *by, struct bytes topic, bool on);
void eager_tick(struct mesh *m);                                         /* every EXPIRE_MS: forgets the subscriptions of who is gone */
void eager_lost(struct mesh *m, struct member *by);                /* the connection of its subscriptions broke: it is told of what it was sent */
void eager_quits(struct mesh *m, struct member *by);               /* its subscriptions here went with its connection, or with its membership */
/* A batch of this log was sent to who takes it here; before: the version of the log that this follows. */
void eager_sent(const struct member *o, struct epoch_log *e, uint64_t before);
bool eager_has_sent(const struct mesh *m, const struct epoch_log *e, const struct member *to);          /* all that changed since it was told */
void eager_told(struct epoch_log *e, const struct member *to);           /* all of it */

/* ---- mesh_have.c */
void have_ask(struct mesh *m, struct member *from, struct bytes wire);
void have_answer(struct mesh *m, struct member *from, struct bytes wire);
void have_send(struct mesh *m, struct member *to, enum mesh_action_kind kind, bool full, bool answer_wanted);
void have_tick(struct mesh *m);
void have_link_up(struct mesh *m, struct member *o);
void have_link_down(struct mesh *m);                       /* one link less works */
void have_take_record(struct mesh *m, const struct member *from, struct member *o, const struct record *rec, struct bytes frame);
void have_bad_message(struct mesh *m, struct member *from);           /* counts it, and blames the neighbour */
/* ---- mesh_hand.c */
void have_serve_records(struct mesh *m, struct member *from, const struct message *want);
void have_hand_record(struct mesh *m, struct member *to);             /* our own, unasked */
void have_handed(struct mesh *m, struct member *from, const struct message *msg);          /* it says its own */
/* ---- mesh_have.c */
void have_want_record(struct mesh *m, struct member *o, struct member *from, uint64_t serial);

void have_soon(struct mesh *m);

/* ---- mesh_asks.c */
bool asks_allow(struct mesh *m, struct link *l, int64_t asks);   /* it may ask for what counts for so many messages, and has */
bool asks_can(const struct mesh *m, struct link *l);             /* this node may ask that neighbour for one thing more now */
bool asks_can_compare(const struct mesh *m, struct link *l);     /* and has so much left that it may compare logs, too */
void asks_made(struct link *l, int64_t asks);                    /* it did, for what counts there for so many messages */

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
bool quota_allows(struct mesh *m, struct member *o, bool fetched);       /* one batch more; if not, it is counted why */
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
