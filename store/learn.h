/* store/learn.h: private. What the writer learns about members as it scores: counts, the hourly snapshot of reliability, the circuit breaker. Model: store/reliability.h. */
#ifndef HEARSAY_STORE_LEARN_H
#define HEARSAY_STORE_LEARN_H

#include "store/fold.h"

enum { LEARN_EVERY_S = 3600, LEARN_TRIALS_EVERY_S = 86400 };

/* Judges what is said of the topic, whose voices are loaded, and counts the trials that own evidence ends; what is found is in the counters and in the registers' rows, and no snapshot changes. */
int learn_topic(struct fold *f, const struct topic *t);
/* The end of a fold: breakers that must open, the hourly snapshot, and what changed into the table. Starts a pass over all keys if a snapshot changed. */
int fold_learned(struct fold *f);
/* A slice of the daily pass that counts the trials of which nothing was seen, when nothing else is to do. One that is cut off, by a restart or by store_reload(), is not gone on with: the rest has no trial on that day. */
int fold_trials(struct fold *f);
/* By the operator's hand: the member's breaker closes. Within a transaction. */
int learn_pardon(struct store *s, const struct known_member *m);

#endif
