/* store/usual.h: how useful a member's reports are here, beside what is usual. How many of anybody's reports this member could ever bear out depends on how much mail it
 * sees; so how often a member's were is held against how often those of the better members are, not against all that it said. Usefulness only dampens what a word weighs
 * in a score: it makes nobody mute, and the quorum does not ask for it. Pure integer arithmetic; SCORE.md has the model. */
#ifndef HEARSAY_STORE_USUAL_H
#define HEARSAY_STORE_USUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/reliability.h"

enum {
    USEFUL_WHOLE_MICRO = 1000000,              /* nothing is taken off */
    USEFUL_UNSEEN_PARTS = 20,                  /* what nobody here saw that day weighs a twentieth (eta 0.05) */
    USEFUL_LEAST_MICRO = 20000                 /* a fiftieth of a newcomer's weight is left to whoever is not refuted */
};

/* Of a member with trust: something that is measured, in millionths, and its weight, tau. */
struct measured { uint32_t value_micro, trust_micro; };

/* Fewer than ten trials are no measure. */
bool is_measure(const struct counters *c);
/* The share of the trials of a member's black reports that ended well, by counters as they are now. They are a measure. */
uint32_t borne_out_micro(const struct counters *c);
/* The upper quartile by trust: the lowest value such that more than three quarters of all trust have it or less. 0: there is none. Sorts `all`.
 * Whoever has less than a quarter of the trust cannot raise it beyond what another has, and who has less than three quarters cannot lower it below that. */
uint32_t upper_quartile_micro(struct measured *all, size_t n);

/* (s + K) / (s + u/20 + K), times (s + K/2) / (usual (s + u) + K/2) where that is less than 1: s, how many trials ended well, beside how many are to be expected of as many,
 * where `usual` is the upper quartile of the shares. 0: nothing is known. Between 0 and USEFUL_WHOLE_MICRO. */
uint32_t useful_micro(const struct counters *c, uint32_t usual_micro);

/* The lesser of the record and of merit times usefulness: merit is what the record would be had nothing been refuted; usefulness is held against the upper quartile of all,
 * quartile_micro (0: there is none): who is as useful as that, or more, loses nothing. Usefulness leaves at least USEFUL_LEAST_MICRO; 0 where the record is 0. So a node
 * that sees next to nothing of what others report believes them still, the more useful ones the more; and who was refuted pays for that, and not for the same once more as for what was never seen. */
uint32_t reliability_dampened(uint32_t record_micro, const struct counters *c, uint32_t useful_micro, uint32_t quartile_micro);

/* What a member's counters are held against when its reliability is reckoned. */
struct outlook {
    int64_t black_n, white_n;                  /* subjects that this member itself found black, and white */
    uint32_t usual_micro;                      /* upper quartile of the shares of trials that ended well, 0: there is none, ... */
    uint32_t quartile_micro;                   /* ... and of usefulness */
};
/* Record, and weight in black and white, of counters as they are now. */
struct reliability reliability_here(const struct counters *c, const struct outlook *o);

#endif
