/* tests/bench/trust_store.h: a member's real store in a directory, and the others' signed batches for it. One zone with the defaults, but that own evidence does not
 * list by itself. */
#ifndef HEARSAY_TESTS_TRUST_STORE_H
#define HEARSAY_TESTS_TRUST_STORE_H

#include "store/store.h"
#include "tests/bench/trust_world.h"

/* The keys of the members come from the seed. */
struct trust_store;
struct trust_store *trust_store_open(const char *dir, const struct world *w, int64_t now_s);
void trust_store_close(struct trust_store **t);

/* How far each member's word goes without learning, and the group it belongs to. */
const uint32_t *trust_store_tau(const struct trust_store *t);
const int *trust_store_groups(const struct trust_store *t);
const struct policy *trust_store_policy(const struct trust_store *t);

/* The member will say this with the next trust_store_pass(). Steps: proto/batch.h. */
void trust_store_say(struct trust_store *t, int member, uint32_t host, unsigned black, unsigned white, int64_t evidence_s);
/* This member's own Exim reports; durable at once, worked in by the next trust_store_pass(). */
void trust_store_report(struct trust_store *t, uint32_t host, unsigned black, unsigned white, int64_t now_s);
/* Signs, stores, folds all that was said, until nothing is left to do at this time. */
void trust_store_pass(struct trust_store *t, int64_t now_s);
bool trust_store_lists(const struct trust_store *t, uint32_t host);

#endif
