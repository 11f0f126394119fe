/* store/policy.h: what this member decided: categories, zones, trust. Filled by the configuration, read by scoring.
 * A policy is immutable once handed over; each thread that needs one has a copy of its own (policy_copy). */
#ifndef HEARSAY_STORE_POLICY_H
#define HEARSAY_STORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/protect.h"

enum { POLICY_CATEGORIES_MAX = 64, POLICY_ZONES_MAX = 64, MICRO = 1000000 };

struct policy_category {
    char name[CATEGORY_MAX_BYTES + 1];
    uint8_t code[4];              /* 127.0.0.4: the DNSBL answer */
    int64_t half_life_s;
    uint32_t weight_milli;        /* mass of one event, 5000 by default */
};

struct policy_zone {
    char name[NAME_MAX_BYTES + 1];
    bool white;                   /* lists by -S */
    bool own;                     /* own evidence alone may list */
    int64_t threshold_micro;      /* S; 1000000 by default */
    unsigned quorum;              /* 0: 2, and 3 from ten groups on */
    bool networks;                /* black: lists networks of which enough addresses are listed (store/SCORE.md) */
    unsigned network_addresses;   /* so many listed ones; at least 3 */
    unsigned network_groups;      /* said by so many groups between them; 0: as `quorum`, at least 2 */
    uint8_t network_floor_ip4, network_floor_ip6;     /* prefix lengths: no network is wider; at least 24 and 48 */
};

/* What a directly trusted member and all of its group may do here beside its trust. All zero: everything. store/rights.h, store/SCORE.md "Rights". */
struct policy_rights {
    uint64_t categories;          /* bit set of policy indices: what it may speak of; 0: all */
    bool black_only;              /* what it says for somebody counts for nothing */
    bool no_prefixes;             /* what it says of networks counts for nothing */
    uint32_t max_weight_micro;    /* the most that its group can add to a score, and half of it the most that it can take off; 0: its trust alone bounds it */
    uint32_t max_subjects;        /* of it so many opinions are kept, the newest; 0: as its trust has it. The mesh's affair: no score depends on it but by what is here */
    int64_t probation_s;          /* so long from when it was first a peer, it is heard and counts for nothing; 0: no such time, RIGHTS_ENDLESS: without end */
    int64_t probation_until_s;    /* the same until this time; 0: none */
};

enum { POLICY_SUBJECTS_LEAST = 4000 };        /* kept of a configured member, however little it is trusted, unless the operator says less */
/* How many opinions are kept of a member, the newest (node/mesh_bound.c): as much of the quota as it is trusted, and no more than `most`, which 0 leaves open. 0: no bound. */
uint32_t policy_subjects_max(uint64_t quota, uint32_t trust_micro, uint32_t most, bool introduced);
/* `most` of an introduced member: as small a part of its root's as of the root's trust. */
uint32_t policy_subjects_share(uint32_t most, uint32_t tau_micro, uint32_t root_trust_micro);

struct policy_member {
    uint8_t root[KEY_BYTES];
    char name[NAME_MAX_BYTES + 1];
    uint32_t trust_micro;         /* 0 to 1000000; 0 is "heard, not believed" */
    struct policy_rights rights;
};

/* The Exim toolbox (store/tool.h). `share` false: what the tool learns counts here and is never told. A weight of 0: it is no evidence at all. */
struct policy_grey { int64_t retry_s, window_s, white_s; bool share; };
struct policy_tarpit { int64_t keep_s; uint32_t weight_milli; bool share; };
struct policy_bounces { int64_t keep_s; bool share; };
struct policy_spf { int64_t keep_s; uint32_t weight_milli; bool share; };
struct policy_tools {
    struct policy_grey grey;
    struct policy_tarpit tarpit;
    struct policy_bounces bounces;
    struct policy_spf spf;
};

struct policy {
    char federation[FEDERATION_MAX_BYTES + 1];
    uint8_t self[KEY_BYTES];                  /* own root key */
    struct policy_category categories[POLICY_CATEGORIES_MAX];
    size_t categories_n;                      /* the first is the default of reports without one */
    struct policy_zone zones[POLICY_ZONES_MAX + 1];
    size_t zones_n;                           /* with no white zone configured, the last is the unnamed default ("") that answers `check` */
    struct policy_member *members;            /* directly trusted, each the root of a group */
    size_t members_n;
    struct protect *protect;
    int64_t ttl_s;                            /* evidence and opinions older than this are gone; 30 days */
    bool catching_up;                         /* for the writer: what others say is stored and counts for nothing yet, since a part of the picture is none */
    int64_t hold_s;                           /* hold-down of a retraction; 24 hours */
    struct policy_tools tools;
    int64_t budget_bytes;                     /* of traffic, a second: how long what this member tells waits for company */
};

/* The five categories of RFC 7073, no zone, no member. NULL when memory is out. */
struct policy *policy_create(void);
struct policy *policy_copy(const struct policy *p);
void policy_destroy(struct policy **p);       /* takes NULL */

/* Appends the unnamed white zone if none is configured. Call once after the zones are in. */
void policy_finish(struct policy *p);

int policy_category(const struct policy *p, const char *name);              /* index or -1 */
int policy_zone(const struct policy *p, const char *name);                  /* index or -1 */
const struct policy_member *policy_member(const struct policy *p, const uint8_t root[KEY_BYTES]);  /* or NULL */

#endif
