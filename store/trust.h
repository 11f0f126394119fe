/* store/trust.h: whom this member believes by what its peers say of others, and how much. Pure integer arithmetic, the same on every machine.
 * Model: DESIGN section 7, "Groups". A directly trusted member is the root of a group, with the trust T that this member gave it. Whom it introduces belongs to its
 * group with tau = tau of the introducer / 2 * share / max(1, sum of the introducer's shares), rounded down; two hops at the most. Who is introduced several times
 * belongs to the group that gives it most; of equal ones to that of the lesser root key. But a group whose rights are narrowed (store/rights.h) goes behind all
 * whose are not: else it could take to itself, and silence, whom they introduced. Direct trust goes before all introductions, a trust of 0 as well.
 * Since the sum of a group is clamped to its root's trust (store/score.h), nobody weighs more by introducing puppets. */
#ifndef HEARSAY_STORE_TRUST_H
#define HEARSAY_STORE_TRUST_H

#include <stddef.h>
#include <stdint.h>

#include "store/policy.h"

enum { TRUST_HOPS_MAX = 2, TRUST_SHARE_UNIT = 1000 };

/* One member's word for another. */
struct trust_link {
    uint8_t introducer[KEY_BYTES], introduced[KEY_BYTES];
    uint32_t share_milli;              /* 1 to TRUST_SHARE_UNIT */
    int64_t expires_s;                 /* from here on it is as if it had not been said */
};

struct trusted {
    uint8_t root[KEY_BYTES];
    uint8_t group[KEY_BYTES];          /* the directly trusted member that it belongs to */
    uint8_t introducer[KEY_BYTES];     /* the last of the chain */
    uint32_t tau_micro;                /* above 0 */
    unsigned hops;                     /* 1 or 2 */
    bool narrow;                       /* only while it is reckoned: the group's rights are */
    int64_t expires_s;                 /* the first expiry along the chain */
};

/* All that `links`, in any order and each pair once, give trust to; ascending by root; the direct members are not among them. `links` is put in order.
 * Those with the highest tau stay when there are more than `most` (then those of the lesser root key); *left_out: how many do not, may be NULL.
 * *next_s: when an expiry will change the result, INT64_MAX if none will. *out is the caller's to free(). 0, -ENOMEM. */
int trust_table(const struct policy *p, struct trust_link *links, size_t links_n, size_t most, int64_t now_s,
                struct trusted **out, size_t *n, size_t *left_out, int64_t *next_s);

#endif
