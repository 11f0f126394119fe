/* store/store_private.h: private. What the files of the writer share. */
#ifndef HEARSAY_STORE_PRIVATE_H
#define HEARSAY_STORE_PRIVATE_H

#include "store/db.h"
#include "store/exceptions.h"
#include "store/frames.h"
#include "store/names.h"
#include "store/networks.h"
#include "store/run.h"
#include "store/store.h"
#include "store/tool.h"
#include "store/voices.h"

/* Names in meta. */
#define META_FOLDED "folded_batch"          /* the last batch whose opinions are in their registers */
#define META_DIGEST "policy_digest"         /* of all that a score or a listing depends on */
#define META_RESCAN "rescan"                /* 1 while a pass over all keys is under way ... */
#define META_RESCAN_AT "rescan_at"          /* ... and the key behind which it goes on: subject, then 2 bytes of category */
#define META_REBUILD "rebuild"              /* 1: registers only, no scores, until every batch is folded */
#define META_PREFIXES "prefixes"            /* prefix lengths in use among listings: PREFIX_BIT() */
#define META_NETWORKS_STALE "networks_stale"   /* 1: until the pass over the listings under way has ended, networks may not be what the listings ask for */
#define META_DNSBL "dnsbl_events"
#define META_SKIPPED "skipped_opinions"
#define META_EXCEPTIONS "exceptions"        /* the last one that all listings were checked against ... */
#define META_EXCEPTIONS_NEXT "exceptions_next"   /* ... and when the first of those in force will end; 0: none will */
#define META_UNWEIGHED "log_unweighed"      /* 1: the own log's weight is to be counted once */
#define META_FLOOR_REST "floor_rest_until"  /* until then the own floor stays: parts of the log may be with neighbours only */
#define META_CLOCK "clock_s"                /* every time at which something was worked in lies before this one: the end of an hour */
#define META_TRIALS "trials_s"              /* when the last daily pass over reports began (learn.c) */
#define META_MEND "mend_s"                  /* while what lies ahead of the clock is set right: since when the clock is right; else 0 */
#define META_CAUGHT_UP "caught_up_s"        /* when this database was last known to hold what the others hold; 0: never */
#define META_FEDERATION "federation"        /* of all that is stored */
#define META_SELF "own_root"                /* whose log and evidence the own ones are */
#define META_EPOCH "own_epoch"
#define META_SEQ "own_seq"
#define META_HASH "own_hash"
#define META_CLEAN "clean"
#define META_NONCE "nonce"                  /* what the file beside the database says ... */
#define META_NONCE_INODE "nonce_inode"      /* ... and which file that is: the file system's number and time of change, in nanoseconds */
#define META_NONCE_CHANGED "nonce_changed_ns"
#define META_BOOT "boot_id"                 /* store_set_boot() of the run that wrote it */

/* Rows of a table, kept by the writer so that nobody has to count them: META_COUNTS gives their names in meta. */
enum store_count { COUNT_JOURNAL, COUNT_BATCHES, COUNT_BATCH_BYTES, COUNT_EVIDENCE, COUNT_OPINIONS, COUNT_LISTINGS, COUNT_UNNAMED, COUNT_SUBJECTS,
                   COUNT_TOLD, COUNT_LOG_WEIGHT, COUNT_OWN_BLACK, COUNT_OWN_WHITE, COUNT_NETWORKS, COUNT_TARPIT, COUNT_BOUNCES, COUNT_GREY, COUNT_CLIENTS, COUNT_SPF, COUNT_VERDICTS,
                   COUNT_N };
extern const char *const meta_counts[COUNT_N];
enum { SUBJECTS_EXACT_MAX = 20000 };        /* rows up to which subjects are counted when asked; beyond, the last pass's number is given */

/* IPv4 lengths 16 to 32 in bits 0 to 16, IPv6 lengths 32 to 64 in bits 20 to 52. */
#define PREFIX_BIT_IP4(len) ((len) - 16)
#define PREFIX_BIT_IP6(len) ((len) - 32 + 20)

struct store {
    struct db db;
    char *path;
    int lock_fd;
    struct policy *policy;                  /* NULL before store_set_policy() */
    struct names names;
    struct frames frames;
    struct voices voices;
    struct listing_change *changes;         /* since the last store_take_changes() */
    size_t changes_n, changes_room;
    size_t journal_n, batches_n;            /* not folded yet */
    int64_t counted[COUNT_N];               /* what this transaction adds */
    struct run journal, opinions;           /* what of it is read ahead */
    int64_t tool_rows[TOOL_TABLES];         /* as they are now */
    int64_t tool_rows_max;
    size_t fresh_n;                         /* rows of the tools that the fold has not moved over yet */
    int64_t prefixes;                       /* as in meta */
    struct exceptions exceptions;           /* in force */
    bool exceptions_known;                  /* false: to be read again, and listings to be checked against them */
    bool rebuilding;                        /* META_REBUILD: registers are made anew */
    bool rescan, recheck;                   /* a pass over all keys, or over the listings for protection, is under way */
    struct networks_block recheck_block;    /* where that pass stands, and how much of it is listed */
    size_t recheck_block_n;
    int64_t networks_n;                     /* as in meta */
    struct networks_area area;              /* of fold_networks() */
    struct networks_list stored_networks;
    struct subject recheck_at;
    int64_t recheck_category, recheck_zone;
    int64_t swept_s;                        /* when the last pass over own evidence ended; 0: none since opening */
    struct subject sweep_at;
    uint16_t sweep_category;
    int64_t census_s;                       /* when subjects were last counted; 0: not since opening */
    struct subject census_at;
    int64_t census_n, census_last_n;        /* counted so far; and by the last pass */
    int64_t census_changed;                 /* rows of evidence and opinions that came or went since it began */
    int64_t refold_member, refold_at;       /* of fold_frozen(): whose batches are worked in again, and up to which */
    bool overtook;                          /* the last fold worked in small batches before their turn */
    int64_t quick_at;                       /* the last batch that fold_quick() has looked at */
    int64_t clock_top_s, mend_s;            /* META_CLOCK, META_MEND */
    int64_t clock_since_s, clock_last_s;    /* of the folds since opening: the first after which the clock was not set back, and the last */
    int64_t clock_back_s;                   /* as of store_took_clock_back() */
    char boot_id[BOOT_ID_MAX + 1];          /* empty: not known */
    bool clock_leapt;                       /* at that one it was more than a day beyond clock_top_s */
    bool floors_raised;                     /* some member may have batches below its floor */
    bool log_anew;                          /* the own log was begun anew since store_took_log_anew() was asked */
    bool trust_stale;                       /* lists of introductions came that were not reckoned with yet */
    int64_t trust_at_s, trust_next_s;       /* when trust was last reckoned; when an introduction expires next */
    int64_t trust_pause_s;                  /* before new lists are reckoned with */
    uint64_t trust_version, lists_version;  /* since opening: changes of who has trust, and of the lists */
    size_t left_out_n;                      /* members by introduction for whom there is no room */
    int64_t learned_s, learn_due_s;         /* when reliability was last reckoned, and when it is again; 0: not since opening */
    bool trying;                            /* the daily pass over reports is under way: ... */
    struct subject trials_at;               /* ... where it stands ... */
    uint16_t trials_category;
    int64_t trials_member;
    int64_t trials_s;                       /* META_TRIALS; ... and when the last one began */
    int wal_pages, wal_tried;               /* in the log after the last commit, and when the writer last moved it into the file itself */
};

/* Takes what is kept in memory of the database from there again: after opening, and after a rollback. */
int store_reload(struct store *s);
/* db_end(), and after a failure store_reload(). Writes the WAL back when nobody else did for too long. */
int store_end(struct store *s, int rc);

/* Protected by the configuration, or excepted by the operator. */
bool store_never_lists(const struct store *s, const struct subject *subject);

#define EPOCH_ZERO_S INT64_C(1767225600)      /* 2026-01-01T00:00:00Z: epochs count minutes from here, but may run ahead */

/* So long neighbours have to give back the own log of a database that was lost or restored; and of one that may have been, for its machine was started, which some are every day. */
enum { FLOOR_REST_S = 86400, FLOOR_REST_BOOT_S = 3600 };

/* All listings were checked against the exceptions in force. */
int exceptions_note_checked(struct store *s);

/* tell_clean.c: what a batch counts for beside its opinions: its head is as long as so many of them. */
enum { LOG_BATCH_WEIGHT = 10 };
static inline int64_t log_weight(const struct batch *b)
{
    return (int64_t)b->opinions_n + LOG_BATCH_WEIGHT;
}

/* How many subjects own evidence has on each side, and with this transaction. */
static inline void store_count_side(struct store *s, int before, int after)
{
    s->counted[COUNT_OWN_BLACK] += (after > 0) - (before > 0);
    s->counted[COUNT_OWN_WHITE] += (after < 0) - (before < 0);
}

/* Whether something was worked in at a time that is yet to come; by less than an hour it goes unseen. */
static inline bool clock_was_ahead(int64_t clock_top_s, int64_t now_s)
{
    return clock_top_s - 3600 > now_s + SCORE_SKEW_S;
}

/* What is not folded yet, counted again. */
int store_count_backlog(struct store *s);

/* The rest within a transaction. store_put_floor(): only upwards. */
int store_put_batch(struct store *s, int64_t member, const struct store_batch *b, bool *stored);
int store_start_rescan(struct store *s);
void store_start_recheck(struct store *s);
int store_start_rebuild(struct store *s);
int store_change_coalition(struct store *s);     /* the policy is of another federation: what is stored of the one before goes, own evidence stays */
int store_change_self(struct store *s);          /* the policy is of another own member: what the former one signed goes, own evidence stays */
int store_forget(struct store *s, int64_t member, uint64_t *batches_n);
int store_put_record(struct store *s, int64_t member, uint64_t serial, struct bytes frame);
int store_compare_digest(struct store *s);       /* starts a pass over all keys if what scores depend on is another than it was */
int rights_settle(struct store *s, int64_t now_s);           /* who is on probation at this time; after it, or a change of the policy, store_compare_digest() */
int rights_settle_if_due(struct store *s, int64_t now_s);    /* when a probation has ended by itself */
int store_put_floor(struct store *s, struct known_member *m, uint32_t epoch, uint64_t seq);

#endif
