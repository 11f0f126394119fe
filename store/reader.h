/* store/reader.h: read-only questions to the database, on a connection of its own beside the writer's (WAL).
 * A handle belongs to one thread. Nothing here changes the file. */
#ifndef HEARSAY_STORE_READER_H
#define HEARSAY_STORE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/record.h"
#include "proto/subject.h"
#include "store/policy.h"
#include "store/reliability.h"
#include "store/rights.h"
#include "store/score.h"
#include "store/store.h"
#include "store/trust.h"

struct reader;

enum verdict { VERDICT_UNKNOWN, VERDICT_BLACK, VERDICT_WHITE };

/* Takes a copy of the policy. Errors and `why` as store_open(). */
int reader_open(const char *path, const struct policy *p, struct reader **out, char *why);
int reader_set_policy(struct reader *r, const struct policy *p);
void reader_close(struct reader **r);

/* Whether a zone lists the subject or, for an address, a prefix that holds it. zone: index, or -1 for all (black zones first). */
int reader_check(struct reader *r, const struct subject *s, int zone, enum verdict *out);
/* S of the category, or with -1 of the category that says most (the largest by absolute value), computed from the registers at now_s. In thousandths, rounded towards zero. */
int reader_score(struct reader *r, const struct subject *s, int category, int64_t now_s, int64_t *milli);

/* Whether this member saw something of the subject that it has not taken back, and may have told. */
int reader_said(struct reader *r, const struct subject *s, bool *said);

struct subject_info {
    enum verdict state;         /* as reader_check() with zone -1 */
    int64_t score_milli;
    unsigned groups;
    uint64_t categories;        /* bit set of policy indices that a zone lists (of `state`'s colour) */
    uint64_t zones;             /* bit set of policy indices that list it or a prefix that holds it; index 64 has no bit */
    uint8_t code[4];            /* of the listed category with the highest score; 0.0.0.0 when not listed */
    int64_t until_s;            /* when it falls off if nothing new is heard; 0 when not listed */
};
int reader_info(struct reader *r, const struct subject *s, int64_t now_s, struct subject_info *out);

struct listing {
    int zone, category;
    struct subject subject;
    int64_t since_s, until_s, score_milli;      /* until_s: when it is looked at again, which is no later than it falls off; until_s, score_milli: 0 for a network */
    unsigned groups;
    bool network;               /* listed since enough of its addresses are; the next two say how many, and how many neighbours are innocent */
    unsigned addresses, innocents;
};
/* In key order. zone -1: all; since_s: listed at or after. The callback returns non-zero to stop, which is then returned. */
int reader_list(struct reader *r, int zone, int64_t since_s, int (*each)(void *ctx, const struct listing *l), void *ctx);

/* When time alone will end a network, within a callback of reader_list(). */
int reader_network_until(struct reader *r, const struct subject *s, int zone, int category, int64_t *until_s);

/* ---- why */
struct why_opinion {
    uint8_t root[KEY_BYTES];
    char name[NAME_MAX_BYTES + 1];          /* empty: no longer a configured member */
    int category;                           /* policy index; -1: a category not configured here */
    char category_name[CATEGORY_MAX_BYTES + 1];
    bool own;                               /* own evidence, not a batch */
    bool introduced;                        /* has trust by an introduction only: the next two say of whose group it is, and who introduced it */
    char group[NAME_MAX_BYTES + 1];
    char introducer[NAME_MAX_BYTES + 1];
    uint32_t trust_micro;
    uint32_t reliability_micro;             /* learned, for the side that it speaks for; a newcomer's is 1000000 */
    uint32_t record_micro;                  /* in black, before usefulness dampens it: whether its word stands where the subject is contested */
    int64_t black_milli, white_milli;       /* as told */
    int64_t kept_black_milli, kept_white_milli;  /* own: what of it other members are never told */
    int64_t time_s;                         /* of the evidence */
    int64_t opinion_micro;                  /* v at now */
    int64_t counted_micro;                  /* its part of S before the group's clamp; 0 when a right keeps it from counting */
    int64_t quorum_micro;                   /* the same for the quorum: by trust alone, unless it is mute */
    int64_t would_micro;                    /* what it would be with all rights */
    enum rights_bar bar;                    /* which right keeps it from counting */
    int64_t stands_s;                       /* a black word about what is contested counts for listing from then on; 0: it does now, INT64_MAX: not as long as it is contested */
    bool probation;                         /* its group is on probation */
    int group_index;                        /* policy index of the root of its group; -1: own, or it has no trust */
    uint32_t epoch;                         /* of the batch that says so. Own: of the one that told it last, which may be behind; 0: the others were told nothing of it */
    uint64_t seq;
    uint8_t hash[HASH_BYTES];               /* not of own evidence */
    int signature;                          /* 1 verifies now, 0 does not, -1 own evidence or batch gone */
};
/* What all members of one group together say in one category. */
struct why_group {
    int category, index;                    /* policy indices, of the category and of the group's root */
    uint8_t root[KEY_BYTES];
    char name[NAME_MAX_BYTES + 1];
    uint32_t trust_micro, cap_micro;        /* T; what the sum is clamped to, between -cap/2 and cap */
    unsigned members_n;                     /* who say something */
    int64_t said_micro, counted_micro;      /* the sum of their parts; its part of S */
    int64_t quorum_micro;                   /* the sum of their parts for the quorum, clamped as the other */
    bool in_quorum, in_quorum_white;        /* that is enough to be one of the groups */
    bool probation;
    int64_t probation_end_s;                /* INT64_MAX: without end */
    int64_t would_micro;                    /* its part of S without probation, its other rights as they are */
};
struct why_rule {
    int zone, category;
    bool listed;
    int64_t score_micro, threshold_micro;   /* S now, as it is: a white zone lists by -S. The threshold to begin a listing */
    unsigned groups, quorum;                /* that say what the zone lists; needed to begin a listing */
    bool own;                               /* own evidence alone is enough, and says so */
    bool veto;                              /* own good mail holds S at 0 or below */
    bool vouched;                           /* own good mail in the default category keeps a black zone from listing by what others say */
    bool contested;                         /* good mail of others stands against it: a black zone needs the next two to be enough, too */
    int64_t stood_micro;                    /* S and ... */
    unsigned stood_groups;                  /* ... groups of what stands against that */
    int64_t sum_micro;                      /* S without a veto: what the parts add up to */
    bool asks, upholds;                     /* the score and the groups would begin a listing now; keep one up. The writer works in what has changed a moment later */
    int64_t since_s, until_s;               /* when it falls off if nothing new is heard; 0 when not listed */
};
enum { WHY_ADDRESSES_MAX = 8 };
struct why_network {                        /* the subject is listed since enough of its addresses are */
    int zone, category;
    unsigned addresses, groups;             /* that are listed; that say so of any of them */
    unsigned innocents;                     /* in its /24 or /48: none of them is within */
    int64_t since_s, until_s;
    struct subject first[WHY_ADDRESSES_MAX];    /* of the addresses */
    size_t first_n;
};
/* What zones list of a prefix that was asked for: narrower prefixes and addresses, each once, in key order. */
enum { WHY_INSIDE_MAX = 12, WHY_INSIDE_ROWS_MAX = 200000 };
struct why_inside {
    struct subject first[WHY_INSIDE_MAX];
    uint64_t zones[WHY_INSIDE_MAX];         /* bit set of policy indices; index 64 has no bit */
    size_t first_n;
    uint64_t n;                             /* of all */
};
struct why {
    struct why_inside prefixes, addresses;  /* within the subject, itself left out; only for an address prefix */
    bool inside_cut;                        /* WHY_INSIDE_ROWS_MAX listings were looked at, and there are more */
    struct why_network *networks;
    size_t networks_n;
    struct why_opinion *opinions;
    size_t opinions_n;
    struct why_group *groups;               /* in the order of their opinions. Within a category, S is the sum of their counted_micro and of own evidence's; a veto makes it 0 at most */
    size_t groups_n;
    struct why_rule *rules;                 /* one for each zone and each category that somebody spoke of */
    size_t rules_n;
    struct subject wider;                   /* the narrowest wider prefix that a zone lists, and with it the subject; .len 0: none */
    bool protected_;                        /* never listed, whoever says so */
    struct exception exception;             /* the operator's, that keeps it off all lists; .kind 0: none */
    int64_t hold_until_s;                   /* own retraction's hold-down; 0: none */
    bool held_back;                         /* this node is catching up: what others say has no trust yet */
};
/* The listed addresses that a listed network stands on, by address. *n: what `out` has room for, then how many there are in it. *more: there are others. */
int reader_network_addresses(struct reader *r, const struct subject *s, int zone, int category, struct subject *out, size_t *n, bool *more);
int reader_why(struct reader *r, const struct subject *s, int64_t now_s, struct why *out);
void why_clear(struct why *w);

/* ---- probation */
/* When that of a member of the policy ends, be it over or not; 0: it has none, INT64_MAX: never. -ENOENT: not a member of the policy. */
int reader_probation(struct reader *r, const uint8_t root[KEY_BYTES], int64_t *end_s);

/* ---- members */
/* What experience made of a member (store/reliability.h). Counts are in thousandths and as of now_s; reliability is that which scores are made with. */
struct member_row {
    uint8_t root[KEY_BYTES];
    char name[NAME_MAX_BYTES + 1];          /* configured, or of its newest record; empty: neither is here */
    bool configured, introduced, quarantined;
    uint8_t group[KEY_BYTES];               /* the root of its group; its own when it is trusted directly; zeros without trust */
    uint32_t trust_micro;                   /* its own: given, or by introductions */
    int64_t last_s;                         /* of its newest batch here, as it dated it; 0: none is here */
    struct reliability reliability;
    int64_t confirmed_milli, refuted_milli, seen_milli, unseen_milli, confirmed_white_milli, refuted_white_milli;
    int64_t breaker_until_s;                /* 0: the circuit breaker is closed; else it weighs nothing until then */
    unsigned breaker_times;                 /* how often in a row it opened */
    unsigned judged_day, refuted_day;       /* subjects that own events judged and refuted in the last 24 hours */
};
/* All that are known but this one itself, in the order in which they came to be known, one read transaction. The callback returns non-zero to stop, which is then returned. */
int reader_members(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct member_row *m), void *ctx);

/* What is counted row by row, which takes a while: a second for some 70,000 listings, or two million opinions. */
struct member_load {
    uint8_t root[KEY_BYTES];
    uint64_t subjects;                      /* that it says something of: not withdrawn, and not older than the time to live */
    uint64_t leaning;                       /* listings in zones with a name that would end if it said nothing, all else being as it is now: by the rule for what is
                                             * listed already, half the threshold and one group less. So does a network that would end, also if a narrower one took its place */
};
/* In the order of reader_members(). `progress` is called now and then with how much of all is done, and may be NULL. *out is the caller's to free(). */
int reader_member_loads(struct reader *r, int64_t now_s, void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx, struct member_load **out, size_t *n);

/* ---- what if */
struct supposed {
    int zone, category;                     /* policy indices */
    struct subject subject;
    bool listed;                            /* true: the listing would begin, false: it would end */
    int64_t score_milli;                    /* that it would have; 0 for a network */
    unsigned groups;
    unsigned addresses;                     /* of a network: that it would have or had; 0: it is none */
};
/* Compares what is listed with what this reader's policy asks for, which need not be the one in force: which listings its trust, thresholds and quorums would
 * begin or end. In key order, one read transaction over all keys. The callback returns non-zero to stop, which is then returned. */
struct supposing {
    int64_t now_s;
    /* With the policy in force: of members of whom fewer opinions would be kept, those that would be forgotten count for nothing. NULL: what is kept stays as it is. */
    const struct policy *before;
    uint64_t subjects_quota;                /* opinions kept of a member with a trust of 1 */
};
struct supposed_kept {
    uint64_t forgotten;                     /* opinions, of members that have trust */
    bool more;                              /* more would be kept of somebody of whom there is more than that: what would be fetched then is not known here */
};
int reader_what_if(struct reader *r, const struct supposing *how, int (*each)(void *ctx, const struct supposed *s), void *ctx, struct supposed_kept *kept);

/* ---- exceptions: what the operator decided by hand */
/* Newest first: all that was ever decided, or with `holding` what is in force at now_s. The callback returns non-zero to stop, which is then returned. */
int reader_each_exception(struct reader *r, bool holding, int64_t now_s, int (*each)(void *ctx, const struct exception *e), void *ctx);

/* ---- logs, for the mesh and for repair */
/* Every stored batch's name, ordered by (origin, epoch, seq). */
int reader_each_batch(struct reader *r, int (*each)(void *ctx, const struct store_batch *name), void *ctx);
/* The frames of one origin and epoch with from <= seq <= to, highest first. Frames are borrowed for the call. */
int reader_range(struct reader *r, const uint8_t origin[KEY_BYTES], uint32_t epoch, uint64_t from, uint64_t to,
                 int (*each)(void *ctx, const struct store_batch *b), void *ctx);
/* Proofs of equivocation, the oldest first. Borrowed for the call. */
struct proof_row {
    uint8_t root[KEY_BYTES];
    uint32_t epoch;
    uint64_t seq;
    uint8_t hash[2][HASH_BYTES];                        /* the higher first */
    struct bytes frame[2];
    int64_t time_s, found_s;                            /* as its author dated the later one; when it was found here */
    bool forgiven, quarantined;                         /* by the operator; the member, as it is now */
};
int reader_proofs(struct reader *r, int (*each)(void *ctx, const struct proof_row *p), void *ctx);
/* Stored records of a member (root NULL: of all), highest serial first. */
int reader_records(struct reader *r, const uint8_t *root, int (*each)(void *ctx, const struct record *rec, struct bytes frame), void *ctx);

/* ---- introductions */
/* The stored lists of introductions, as signed (introducer NULL: of all). */
int reader_lists(struct reader *r, const uint8_t *introducer, int (*each)(void *ctx, struct bytes frame), void *ctx);
/* What they say, entry by entry; expired ones as well. `record` is the introduced member's, as the list has it. */
int reader_introductions(struct reader *r, int (*each)(void *ctx, const struct trust_link *l, struct bytes record), void *ctx);
/* Who has trust by them, as the writer last reckoned, with the newest record of each. */
int reader_trusted(struct reader *r, int (*each)(void *ctx, const struct trusted *t, const struct record *rec, struct bytes frame), void *ctx);

/* Cheap at any size: the writer keeps the counts. `subjects` above 20,000 rows is as of the last pass, which follows a minute after an eighth of them changed. */
struct store_counts {
    uint64_t subjects, evidence, opinions, batches, batch_bytes, networks, journal, members;
    uint64_t listings, unnamed;             /* in zones with a name; in the white one without, which is in no file */
    uint64_t file_bytes, wal_bytes;
};
int reader_counts(struct reader *r, struct store_counts *out);
/* The current epoch and the last own seq told; zeros before the first. */
int reader_head(struct reader *r, uint32_t *epoch, uint64_t *seq);

/* ---- verify */
/* Checks every stored signature and the invariants: SQLite's integrity check, registers equal what the newest batches say, scores and listings equal
 * what the registers give, nothing protected listed. Truth not folded yet is only checked for its signature; while a change of policy
 * or a rebuild is still being worked in, scores are left out. One read transaction: the WAL grows until it is done. `problem` is called for each fault, `progress` now and then (done of all batches; may be NULL). *problems_n counts. */
int reader_verify(struct reader *r, int64_t now_s, void (*problem)(void *ctx, const char *text),
                  void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx, uint64_t *problems_n);

#endif
