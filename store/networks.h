/* store/networks.h: private. Networks that are listed since enough of their addresses are: the rule as a pure function, and what it looks at.
 * Model: store/SCORE.md, "Networks". Nothing wider than a block, the /24 of an IPv4 and the /48 of an IPv6 address, is ever looked at or listed.
 * Addresses are 64-bit numbers with the first bit of the address on top: an IPv4 host has 32 bits of it, an IPv6 one (its /64) all 64. */
#ifndef HEARSAY_STORE_NETWORKS_H
#define HEARSAY_STORE_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db.h"
#include "store/names.h"
#include "store/policy.h"

enum {
    NETWORKS_IP4_BITS = 24, NETWORKS_IP6_BITS = 48,
    NETWORKS_ADDRESSES_LEAST = 3,      /* with fewer, what is kept listed by half of them could be a single address */
    NETWORKS_ROWS_MAX = 4096           /* of a block that are looked at, in order of address; a network that reaches beyond the last of them is not listed */
};

/* ---- the rule */
struct networks_prefix { uint64_t addr; unsigned bits; };
struct networks_host { uint64_t addr, said_by; };          /* said_by: a bit for each group that says so (struct score) */
/* Whether a listed address counts: at least two groups say so of it. */
static inline bool networks_counts(uint64_t said_by) { return (said_by & (said_by - 1)) != 0; }
struct networks_found {
    struct networks_prefix prefix;
    unsigned addresses, groups;        /* that are listed; that say so of any of them */
};
struct networks_rule {
    unsigned addresses, groups;        /* to begin; to stay: half of the addresses, and a group less, but at least 2 */
    unsigned floor_bits;               /* nothing wider */
};
struct networks_case {
    struct networks_rule rule;
    const struct networks_host *listed;                    /* that count, by address, each once */
    size_t listed_n;
    const struct networks_prefix *innocents, *was;         /* never within a network; what is listed until now: both by address, and apart from each other */
    size_t innocents_n, was_n;
    bool cut;                          /* not everything was looked at: ... */
    uint64_t unseen;                   /* ... not what lies at this address and above */
    bool (*never)(void *ctx, const struct networks_prefix *p);         /* holds what must not be listed */
    void *ctx;
};
/* The networks to list, apart from each other, by address. `out` has room for listed_n / 2 of them. Asked again with them for `was`, it says the same. */
size_t networks_grow(const struct networks_case *c, struct networks_found *out);
struct networks_rule networks_rule_of(const struct policy_zone *z, size_t groups_n, unsigned block_bits);
static inline unsigned networks_half(unsigned addresses) { return addresses / 2 + addresses % 2; }
struct networks_prefix networks_enclosing(uint64_t first, uint64_t last);        /* the smallest around both */
bool networks_overlap(const struct networks_prefix *a, const struct networks_prefix *b);

/* ---- a block and what is listed in it */
struct networks_block {
    uint8_t kind;                      /* SUBJECT_IP4 or SUBJECT_IP6 */
    uint64_t addr;
};
/* The block of an address or a prefix within one. False: it is neither. *wider: it is a prefix that holds blocks. */
bool networks_block_of(const uint8_t *key, size_t len, struct networks_block *out, bool *wider);
static inline unsigned networks_block_bits(uint8_t kind) { return kind == SUBJECT_IP4 ? NETWORKS_IP4_BITS : NETWORKS_IP6_BITS; }
static inline unsigned networks_host_bits(uint8_t kind) { return kind == SUBJECT_IP4 ? 32 : 64; }
struct networks_prefix networks_prefix_of(const uint8_t *key, size_t len);
void networks_subject(uint8_t kind, const struct networks_prefix *p, struct subject *out);
/* From the first to the last key that may lie within. */
struct networks_range { uint8_t low[10], high[10]; size_t len; };
struct networks_range networks_range_of(uint8_t kind, const struct networks_prefix *p);

struct networks_row { struct networks_prefix prefix; int zone, category; uint64_t said_by; };    /* policy indices */
struct networks_area {
    struct networks_block block;
    struct networks_row *rows;         /* NETWORKS_ROWS_MAX; what zones list, by address */
    size_t rows_n;
    bool cut;
    uint64_t unseen;
    bool innocent;                     /* all of it, by a wider prefix */
    struct networks_prefix *innocents; /* by address, none within another */
    size_t innocents_n, innocents_room;
    struct networks_host *hosts;       /* NETWORKS_ROWS_MAX; of one zone and category */
    struct networks_found *found;
    struct networks_prefix *was;
    size_t was_n, was_room;
};
/* A network as stored. */
struct networks_stored {
    struct networks_prefix prefix;
    int64_t zone_id, category_id;
    int zone, category;                /* policy indices; -1: none */
    unsigned addresses, groups, innocents;
};
struct networks_list { struct networks_stored *at; size_t n, room; };

int networks_area_create(struct networks_area *a);                      /* 0, -ENOMEM */
void networks_area_clear(struct networks_area *a);
void networks_area_begin(struct networks_area *a, const struct networks_block *b);
/* One listing, in order of the keys. */
void networks_area_add(struct networks_area *a, const uint8_t *key, size_t len, int zone, int category, uint64_t said_by);
/* Reads the listings of a block: what networks_area_add() is for elsewhere. */
int networks_area_read(struct networks_area *a, struct db *d, const struct names *n, const struct policy *p, const struct networks_block *b);
/* Whether so much is listed that there may be a network at all. */
bool networks_area_may(const struct networks_area *a, const struct policy *p);
/* Finds the innocent: what a white zone lists, and what own good mail speaks for. Reads the evidence, and wider prefixes of the lengths in use (META_PREFIXES). */
int networks_area_innocents(struct networks_area *a, struct db *d, const struct names *n, const struct policy *p, int64_t prefixes);

struct networks_judge {
    const struct policy *policy;
    size_t groups_n;
    bool (*never)(void *ctx, const struct subject *s);
    void *ctx;
};
/* The networks of a zone and category, in area->found; `stored` are those of the block. */
int networks_judge(struct networks_area *a, const struct networks_judge *j, int zone, int category, const struct networks_list *stored, size_t *n);
/* Whether any address of the area is listed there, or a network is stored. */
bool networks_area_has(const struct networks_area *a, int zone, int category, const struct networks_list *stored);

/* The networks stored of a block. `l` is reused. */
int networks_stored(struct networks_list *l, struct db *d, const struct names *n, const struct policy *p, const struct networks_block *b);

/* The least number of listed addresses with which any zone may keep a network; 0: none lists networks. */
unsigned networks_least(const struct policy *p);

#endif
