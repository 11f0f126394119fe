/* tests/bench/replay_store.h: each feed as one member with a real store: what it lists is its own evidence, which it tells in signed batches; all that are no
 * family of a member take those in. */
#ifndef HEARSAY_TESTS_BENCH_REPLAY_STORE_H
#define HEARSAY_TESTS_BENCH_REPLAY_STORE_H

#include "tests/bench/replay_history.h"

struct replay_store;

/* Databases in `directory`. weight_milli: of one day on a list. */
struct replay_store *replay_store_create(const struct history *h, const char *directory, uint32_t weight_milli);
void replay_store_destroy(struct replay_store **r);
/* A day: all report what they list, tell it, and hear what the others told. */
void replay_store_day(struct replay_store *r, size_t day);
/* The score that the others' words give in the member's store: as if it had no own evidence. How many. */
size_t replay_store_rank(struct replay_store *r, size_t feed, struct ranked *out);
/* What the member weighs another by, in millionths: trust times what it learned of it. */
uint32_t replay_store_weight(struct replay_store *r, size_t feed, size_t other);

#endif
