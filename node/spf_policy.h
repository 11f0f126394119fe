/* node/spf_policy.h: the grammar of RFC 7208 section 12, strictly, before libspf2 sees a policy. Pure.
 *
 * libspf2 takes much that is no policy (stray % signs, control characters, modifiers given twice), refuses some that is one, and has had holes where it reads macros. What
 * reaches it is rewritten from what was understood here: mechanisms in their order, `redirect` last, nothing else. Explanations are not asked for at all. */
#ifndef HEARSAY_NODE_SPF_POLICY_H
#define HEARSAY_NODE_SPF_POLICY_H

#include <stdbool.h>
#include <stddef.h>

enum { SPF_POLICY_MAX = 4096 };       /* more is -EINVAL: nobody needs it, and a policy should fit 450 bytes (RFC 7208 section 3.4) */

/* True for a text that is an SPF policy of version 1, good or bad: section 4.5. */
bool spf_policy_is_one(const char *text);

/* The policy for a client of this family, 4 or 6, since libspf2 does not know prefixes of no bits. 0, or -EINVAL: a permerror. */
int spf_policy_rewrite(const char *text, int family, char out[SPF_POLICY_MAX + 1]);

#endif
