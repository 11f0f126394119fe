/* store/store.h: the writer of the database: one SQLite file, WAL, synchronous=FULL.
 *
 * The truth is appended at once and is durable when a call returns: own reports (journal), signed batches (batch), member records.
 * What is derived (evidence, opinions, scores, listings) follows by store_fold(), in large sorted transactions.
 * A handle belongs to one thread; a second process that opens the same file for writing gets -EBUSY.
 * No clock, no randomness: now_s is Unix seconds, nonces are arguments. Policy comes by store_set_policy().
 * Errors: 0, -ENOSPC (disk full), -EIO, -EBUSY, -ENOMEM, -EBADMSG (the file is damaged); after an error nothing of that call is stored,
 * and the handle stays usable. */
#ifndef HEARSAY_STORE_STORE_H
#define HEARSAY_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/batch.h"
#include "proto/identity.h"
#include "proto/once.h"
#include "proto/request.h"
#include "proto/subject.h"
#include "store/exception.h"
#include "store/policy.h"
#include "store/tell_pace.h"

struct store;

enum { STORE_WHY_MAX = 256, NONCE_BYTES = 16, BOOT_ID_MAX = 36, STORE_RECORDS_MAX = 64 };

/* Opens, or with `create` makes, the file (mode 0600) and takes the lock `path`-lock. `why`, STORE_WHY_MAX bytes, says on failure what is wrong and what to do.
 * -ENOENT (no file and not create), -EEXIST is never said, -EPROTO newer schema than ours, -EBADMSG not a database or corrupt,
 * -EBUSY another process writes to it, -EACCES, -EROFS, -ENOSPC, -EIO. Finishes what a crash left undone (nothing is lost). */
int store_open(const char *path, bool create, struct store **out, char *why);
void store_close(struct store **s);                         /* takes NULL */

/* Takes a copy. Registers members, categories and zones; what depends on a change is rescored by the following calls of
 * store_fold(). Must be called once before all below. -EOVERFLOW: more members than MEMBERS_MAX, or more categories than there is room for. */
int store_set_policy(struct store *s, const struct policy *p, int64_t now_s);

/* True once after a policy of another federation or of another own member than the one before: batches of that one are gone, the own log is begun anew with all own
 * evidence, and an epoch must be begun (store_begin_epoch()) before anything more is told. */
bool store_took_log_anew(struct store *s);

/* ---- truth */
struct store_report {
    enum request_verb verb;                                 /* REQUEST_BLACK, _WHITE or _RETRACT */
    enum request_cause cause;
    uint32_t count;
    int category;                                           /* index into the policy's; -1: the default, for retract all */
    uint32_t weight_milli;                                  /* of one event; 0: as the category has it */
    bool kept;                                              /* counts here and is never told to other members */
    struct subject subject;
    struct once once;                                       /* read by store_add_events() only */
};
/* All or none, durable on return. -EINVAL: a report that is none (verb, category, empty subject). */
int store_add_reports(struct store *s, const struct store_report *reports, size_t n, int64_t now_s);

struct store_batch {
    uint8_t origin[KEY_BYTES];
    uint8_t hash[HASH_BYTES];
    uint32_t epoch;
    uint64_t seq;
    uint32_t floor_epoch;
    uint64_t floor_seq;
    int64_t time_s;
    uint32_t opinions;                                      /* how many it says */
    struct bytes frame;                                     /* verified already; read during the call */
    bool stored;                                            /* out: false for one that was there before (not an error) */
};
/* All or none, durable on return. The record that names a batch's key must have been added before: the fold verifies again. A batch below its
 * origin's floor is dead and not stored. -EOVERFLOW: an origin too many (MEMBERS_MAX). */
int store_add_batches(struct store *s, struct store_batch *batches, size_t n, int64_t now_s);
/* What is kept of a member no longer begins where its floor is but at this number, when that is higher: the next store_fold()s take out what is below, with what it said.
 * Lower than before: what comes again is stored like any other. Nothing of an unknown member, or of this one. */
int store_set_bound(struct store *s, const uint8_t root[KEY_BYTES], uint32_t epoch, uint64_t seq);
/* A verified record. Lower serials than the stored one are kept too, since old batches need their keys: of each member the newest STORE_RECORDS_MAX. */
int store_add_record(struct store *s, const uint8_t root[KEY_BYTES], uint64_t serial, struct bytes frame);

/* A list of introductions, verified before and again here; the record that names its key must have been added. A lower one than is stored changes nothing. What follows
 * from it is reckoned by store_fold() within seconds, and again when an introduction expires. -ENOKEY (its record is not here), -EBADMSG and the like (it does not verify). */
int store_add_introductions(struct store *s, struct bytes frame);
/* Both grow with a change: who has trust by introductions, and the stored lists. */
void store_trusted(const struct store *s, uint64_t *trust, uint64_t *lists);
/* How many have trust by introductions and are left out, since there would be more than MEMBERS_MAX: those with the lowest tau. */
size_t store_left_out(const struct store *s);

/* Equivocation: two batches of one number. Frames empty: both are among the stored batches. */
struct store_proof {
    uint32_t epoch;
    uint64_t seq;
    struct bytes frames[2];
};

/* Freezes the epoch of the pair: what is above it, or of a lower hash at its number, is dead and buried by the following store_fold()s. Keeps the two with the highest
 * hashes of all that are known; a lower number than before takes its place. A second proof against one member, dated within 30 days of another, puts it in quarantine.
 * *added: this epoch was not frozen before. 0 also when it proves nothing. */
int store_add_proof(struct store *s, const uint8_t root[KEY_BYTES], const struct store_proof *p, int64_t now_s, bool *added);
/* The operator trusts the member again: its quarantine ends, and the proofs that are here count no more. */
int store_pardon(struct store *s, const uint8_t root[KEY_BYTES], int64_t now_s);

/* ---- derived */
struct listing_change {
    int zone;                                               /* index into the policy's zones */
    int category;
    bool listed;
    struct subject subject;
};
/* Folds up to rows_max journal rows and opinions, revisits what is due by now_s and what a new policy left to rescore, in one transaction. *more: there is more to do now.
 * *wake_s: when to call again if nothing comes in: when time may change a listing, or within an hour to sweep out what is past its time.
 * Own reports and opinions are read ahead in runs and worked in by key: a call with a small rows_max still goes on with neighbouring rows. */
int store_fold(struct store *s, size_t rows_max, int64_t now_s, bool *more, int64_t *wake_s);
/* The listing changes of all folds since the last call; *out is the caller's to free() (NULL when none). Call it after each fold: each fold adds
 * up to rows_max times the number of zones. */
int store_take_changes(struct store *s, struct listing_change **out, size_t *n);

/* When this database was last known to hold what the others hold, Unix seconds; 0: never. Until then a node lets nothing count but its own evidence
 * (policy, `catching_up`). */
int store_caught_up(struct store *s, int64_t *at_s);
int store_note_caught_up(struct store *s, int64_t now_s);

/* Rows of truth not folded yet, for status. */
size_t store_backlog(const struct store *s);
/* The last fold worked in small batches amid much else: others are speaking, and want the next one soon. */
bool store_overtook(const struct store *s);
/* Once after a fold began to set right what an own clock that was ahead has left (SCORE.md, "Clocks"): since when the clock is right. Else 0. */
int64_t store_took_clock_back(struct store *s);

/* What the operator decided by hand about a subject; durable on return, the listings follow by store_fold(). -EOVERFLOW: EXCEPTIONS_MAX are in force. */
int store_add_exception(struct store *s, const struct exception *e, int64_t now_s);

/* ---- what this member tells */
/* Which start of the machine this is, a text that no other start has; what is beyond BOOT_ID_MAX is cut off. Unless it is said before an epoch is begun, it is not compared. */
void store_set_boot(struct store *s, const char *boot_id);
/* Begins an epoch before anything is told: the stored one goes on if the database was closed clean, the machine was not started since (an image of its disk may have been put
 * back meanwhile) and `nonce_path` (a file beside it) holds the nonce
 * that the database does, and is the very file that was written then (inode, time of change): a backup that brings both along is told by that; else max(stored + 1, minutes since 2026, above + 1). From here on the database counts as not clean, with `nonce` as its new one.
 * `above`: the highest own epoch that neighbours know, 0 when none; one more if they know more of it than this database, so that it is not gone on with.
 * -EAGAIN: a new epoch would be numbered by a clock that has leapt and that no peer's batch bears out; try again when more was heard, and for an hour (SCORE.md, "Clocks"). */
int store_begin_epoch(struct store *s, const char *nonce_path, const uint8_t nonce[NONCE_BYTES], uint32_t above, int64_t now_s, uint32_t *epoch);
/* Marks the publisher state as intact. The last call before store_close() in an orderly shutdown. */
int store_end_epoch(struct store *s);

struct told_batch {
    uint8_t *frame;                                         /* free() */
    size_t len;
    struct store_batch name;                                /* .frame points to frame */
};
/* By how many members may tell something here, and the policy's budget. A group counts for its root and TELL_GROUP_MAX of those that it introduced at the most. */
struct tell_pace store_tell_pace(const struct store *s);
struct tell_limits {
    size_t growth_min;                                      /* growth waits until so many opinions have grown ... */
    int64_t growth_wait_s;                                  /* ... or the oldest has waited so long */
    size_t batches_max;                                     /* per call */
};
/* Builds, signs and stores the batches that are due: first words, changes of side and retractions at once; growth by limits, or along with those.
 * Log cleaning: what lives in the oldest batches is told again, so that the floor can rise: from the floor to the head there are never more than twice the
 * living opinions, beside a little. store_fold() then takes out what is below; until it has, no more is cleaned.
 * Durable on return; then, and only then, they may be published.
 * `out` has limits->batches_max places; *n of them are filled; *more: more is due now; *wake_s: when growth will be due. */
int store_tell(struct store *s, const struct identity *id, uint64_t record_serial, const struct tell_limits *limits,
               int64_t now_s, struct told_batch *out, size_t *n, bool *more, int64_t *wake_s);

/* ---- operator's works */
/* Forgets all that a member said, its batches and records included; what it touched is rescored by store_fold(). */
int store_purge(struct store *s, const uint8_t root[KEY_BYTES], int64_t now_s, uint64_t *batches_n);
/* Derives evidence-independent tables (opinions, scores, listings) again from batches and evidence. */
int store_rebuild(struct store *s, int64_t now_s);
/* Moves what can be moved from the WAL into the file. Opens a connection of its own: call it from any one thread but never from the writer's. */
int store_checkpoint(const char *path);

#endif
