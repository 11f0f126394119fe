/* store/usual.h: a member's reports beside what is usual here. How many of anybody's reports this member could ever bear out depends on how much mail it sees; so how
 * often a member's were is held against how often those of the better members are, not against all that it said. Pure integer arithmetic; SCORE.md has the model. */
#ifndef HEARSAY_STORE_USUAL_H
#define HEARSAY_STORE_USUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/reliability.h"

/* A member of whom enough was judged: the share of its black reports that own evidence bore out, in millionths, and its weight, tau. */
struct borne_out { uint32_t share_micro, trust_micro; };

/* The share by counters as they are now. False if fewer than ten reports were judged or past their time: then it is no measure. */
bool borne_out_of(const struct counters *c, uint32_t trust_micro, struct borne_out *out);

/* The upper quartile by trust: the lowest share such that more than three quarters of all trust have it or less. 0: nothing is known. Sorts `all`.
 * Whoever has less than a quarter of the trust cannot raise it beyond what another has, and who has less than three quarters cannot lower it below that. */
uint32_t usual_share_micro(struct borne_out *all, size_t n);

/* Black reliability by how many were borne out, c, beside how many are to be expected of as many reports: (c + K/2) / (usual (c + u) + K/2), between 1/5 and 2. The
 * product with `r` stays between 1/5 and 2, or is 0 where r is. usual_micro 0: `r`. */
uint32_t reliability_beside_usual(uint32_t r_micro, const struct counters *c, uint32_t usual_micro);

#endif
