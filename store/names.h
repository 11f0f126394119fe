/* store/names.h: private. Which number in the database means which member, category and zone of the policy. */
#ifndef HEARSAY_STORE_NAMES_H
#define HEARSAY_STORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db.h"
#include "store/policy.h"
#include "store/reliability.h"
#include "store/trust.h"
#include "store/usual.h"

/* A category that only others use is kept by name, so that it can be configured later. Beyond the second bound its opinions are
 * skipped and counted; the rest is for the operator's own. */
enum { NAMES_CATEGORIES_MAX = 256, NAMES_CATEGORIES_FOREIGN_MAX = NAMES_CATEGORIES_MAX - POLICY_CATEGORIES_MAX };

struct known_member {
    int64_t id;
    uint8_t root[KEY_BYTES];
    uint32_t floor_epoch;
    uint64_t floor_seq;
    uint32_t bound_epoch;              /* what is below is dead here, too: store_set_bound() */
    uint64_t bound_seq;
    int policy;                        /* index into the policy's members, -1: not configured */
    int group;                         /* the same of the root of its group; -1: it has no trust */
    uint32_t trust_micro;              /* its own: T, or tau if it is introduced */
    uint32_t group_trust_micro;        /* the most that its group weighs: of the root of its group, or the cap that is set for it */
    int64_t peer_s;                    /* when it was first configured as a peer; 0: never */
    bool narrow;                       /* its group has less than all rights */
    bool probation;                    /* it and all of its group: heard, and counting for nothing. Trust says what it would have */
    unsigned bit;                      /* of its group (struct voice) */
    uint32_t quick_n;                  /* of what fold_quick() has put of it since the run began */
    bool self, forgotten;
    bool quarantined;                  /* it signed two batches with one number, again and again: its word weighs nothing until the operator says otherwise */
    int refold;                        /* as in the table */
    struct reliability reliability;    /* the snapshot that scores are made with ... */
    struct reliability counted;        /* ... and what of it counts: of an introduced member no more than of the root of its group */
};

/* UNKNOWN: of a version that did not keep it, or nothing since a breaker was closed by hand: the next snapshot is a new one in any case. BREAKER: it had opened, and all is 0. */
enum basis { BASIS_UNKNOWN, BASIS_COUNTS, BASIS_BREAKER };

/* What experience made of a member. */
struct learned {
    struct counters counters;
    struct breaker breaker;
    enum basis basis;                  /* what the snapshot was made of: ... */
    struct counters taken;             /* ... these counters, as they were then ... */
    struct outlook outlook;            /* ... and what they were held against */
    bool changed;                      /* not in the table yet */
};
/* The snapshot that its basis gives. A newcomer's: counters that are all 0. */
struct reliability learned_reliability(const struct learned *l);

struct names {
    struct known_member *members;      /* by id */
    struct learned *learned;           /* of the same places */
    size_t members_n, members_room;
    uint32_t *by_root;                 /* open addressing: place in members + 1; 0: free. Twice members_room places, a power of two */
    char categories[NAMES_CATEGORIES_MAX + 1][CATEGORY_MAX_BYTES + 1];    /* by id, from 1 */
    int category_policy[NAMES_CATEGORIES_MAX + 1];                        /* policy index or -1 */
    int category_last;                                                    /* the highest id in use */
    int64_t zone_ids[POLICY_ZONES_MAX + 1];                               /* by policy index; 0: not registered */
    int category_ids[POLICY_CATEGORIES_MAX];                              /* the same */
    struct trusted *trusted;                                              /* by introductions; by root */
    size_t trusted_n;
    bool held_back;                                                       /* what others say counts for nothing yet: META_HELD_BACK */
    int64_t trust_version;                                                /* META_TRUST when they were read */
    bool *probation;                                                      /* by policy index of a member */
    int64_t unnamed_zone_id;                                              /* of the white zone that answers `check` where none is configured; 0: never registered */
    int64_t rights_at_s, rights_next_s;                                   /* when the writer last asked who is on probation; when that will change. INT64_MAX: never */
    size_t groups_n;                                                      /* members with trust, but those on probation */
};

/* Reads all from the database and matches it with the policy. */
int names_load(struct names *n, struct db *d, const struct policy *p);
void names_clear(struct names *n);

/* Who is on probation at rights_at_s, after that or some peer_s changed. */
int names_judge_probation(struct names *n, const struct policy *p);

/* Takes the table over. */
void names_set_trusted(struct names *n, const struct policy *p, struct trusted *table, size_t table_n);
const struct trusted *names_trusted(const struct names *n, const uint8_t root[KEY_BYTES]);     /* NULL: no introduction gives it trust */
size_t names_telling(const struct names *n, const struct policy *p);       /* for how many the pace of telling is reckoned: store/tell_pace.h */
size_t names_living(const struct names *n);                    /* members that are not forgotten */

/* NULL when unknown. */
struct known_member *names_member(struct names *n, int64_t id);
struct known_member *names_root(struct names *n, const uint8_t root[KEY_BYTES]);
int names_zone(const struct names *n, const struct policy *p, int64_t zone_id);       /* policy index or -1 */
static inline struct learned *names_learned(const struct names *n, const struct known_member *m) { return &n->learned[m - n->members]; }
/* Sets what counts, after a reliability or a group has changed. */
void names_settle_reliability(struct names *n);
/* The root of a group, NULL if it is not known yet. */
struct known_member *names_group(struct names *n, int group);
/* What it weighs when it says black, or white: trust times reliability. */
uint32_t names_weight(const struct known_member *m, bool white);
/* What it counts by for the quorum: its trust, 0 when it is mute. */
uint32_t names_say(const struct known_member *m, bool white);
int names_category(const struct names *n, const char *name);                          /* id or 0 */
static inline int names_category_policy(const struct names *n, int64_t id)
{
    return id >= 1 && id <= n->category_last ? n->category_policy[id] : -1;
}

/* Within a transaction of the writer's; after a rollback names_load() again. -EOVERFLOW above MEMBERS_MAX. */
int names_add_member(struct names *n, struct db *d, const struct policy *p, const uint8_t root[KEY_BYTES], int64_t *id);
int names_add_category(struct names *n, struct db *d, const struct policy *p, const char *name, int *id);   /* *id 0: no room */
int names_add_zones(struct names *n, struct db *d, const struct policy *p);

#endif
