/* tests/bench/replay_model.h: the reference model's forecast, in floating point: a mass of 1 for each day on a list, halved in three days; each other feed weighs by
 * how often what it listed and the held-out feed did not was on that one's list the next day. The store's forecast must reach it. */
#ifndef HEARSAY_TESTS_BENCH_REPLAY_MODEL_H
#define HEARSAY_TESTS_BENCH_REPLAY_MODEL_H

#include "tests/bench/replay_history.h"

struct replay_model;

struct replay_model *replay_model_create(const struct history *h);
void replay_model_destroy(struct replay_model **m);
/* Takes in a day's lists. */
void replay_model_day(struct replay_model *m, size_t day);
/* What the others' words give; `out` has room for all addresses. How many. */
size_t replay_model_rank(const struct replay_model *m, const struct scene *s, struct ranked *out);
/* What came true of the others' lists; after the ranking of that day. */
void replay_model_learn(struct replay_model *m, const struct scene *s);

#endif
