/* store/learn.h: private. What the writer learns about members as it scores: counts, the hourly snapshot of reliability, the circuit breaker. Model: store/reliability.h. */
#ifndef HEARSAY_STORE_LEARN_H
#define HEARSAY_STORE_LEARN_H

#include "store/fold.h"

enum { LEARN_EVERY_S = 3600, LEARN_UNSEEN_EVERY_S = 86400 };

/* Judges what is said of the topic, whose voices are loaded; what is found is in the counters and in the registers' rows, and no snapshot changes. */
int learn_topic(struct fold *f, const struct topic *t);
/* The end of a fold: breakers that must open, the hourly snapshot, and what changed into the table. Starts a pass over all keys if a snapshot changed. */
int fold_learned(struct fold *f);
/* A slice of the daily pass over reports of which nothing was seen, when nothing else is to do. */
int fold_unseen(struct fold *f);
/* By the operator's hand: the member's breaker closes. Within a transaction. */
int learn_pardon(struct store *s, const struct known_member *m);

#endif
