/* store/lean.h: private. Which voices a listing leans on: without whom it would end. Pure; the arithmetic is that of store/score.h. */
#ifndef HEARSAY_STORE_LEAN_H
#define HEARSAY_STORE_LEAN_H

#include "store/score.h"

/* What each voice and its group say, kept from key to key. */
struct lean {
    struct lean_part { int64_t said_micro, sum_micro, head_micro, heads_micro; } *parts;       /* heads: as for the quorum */
    size_t room;
    struct score whole;                    /* of all voices */
    int64_t sum_micro;                     /* its S without a veto */
    bool veto;
    unsigned says_n[SCORE_BITS + 1];       /* groups that say black, by their bit; own evidence in its own */
    /* What was looked at: of what is contested each other score is made anew. */
    struct voice *others;
    size_t n;
    const struct evidence *own;
    int64_t half_life_s, ttl_s, now_s;
};

/* Looks at the voices of one key, sorted by group; `own` is borrowed for lean_without(). 0, -ENOMEM. */
int lean_load(struct lean *l, const struct voice *voices, size_t n, const struct evidence *own, int64_t half_life_s, int64_t ttl_s, int64_t now_s);
/* The score of all but the voice `at`: the same as score_of() without it, but for `may_rise` and what stands of what is not contested. */
struct score lean_without(struct lean *l, const struct voice *voices, size_t at);
void lean_clear(struct lean *l);

#endif
