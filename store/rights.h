/* store/rights.h: what a peer, and with it all of its group, may do beside its trust. Pure functions of the configuration and of two times that the database keeps.
 * Model: DESIGN section 7, "Rights per peer"; store/SCORE.md, "Rights". */
#ifndef HEARSAY_STORE_RIGHTS_H
#define HEARSAY_STORE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/policy.h"
#include "store/score.h"

#define RIGHTS_ENDLESS INT64_MAX

/* Whether anything that it says may count for less. */
bool rights_narrow(const struct policy_rights *r);

/* Why what such a member told of a key counts for nothing. Its masses decay together, so that it speaks against or for somebody as long as it lives.
 * Probation is another matter: rights_probation_end(). */
enum rights_bar { RIGHTS_HEARD, RIGHTS_CATEGORY, RIGHTS_PREFIX, RIGHTS_WHITE };
enum rights_bar rights_bar(const struct policy_rights *r, int category, const uint8_t *key, size_t key_len, const struct evidence *told);

/* The most that its group weighs: its trust, or less. */
uint32_t rights_cap(const struct policy_rights *r, uint32_t trust_micro);

/* When its probation ends: 0 it has none, INT64_MAX never. peer_s: when it was first a peer here; 0: not known yet, as of one that was never configured,
 * whose time has not begun. */
int64_t rights_probation_end(const struct policy_rights *r, int64_t peer_s);

#endif
