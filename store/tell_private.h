/* store/tell_private.h: private. What tell.c (own batches: what, when) and tell_clean.c (how the own log stays short) share. */
#ifndef HEARSAY_STORE_TELL_PRIVATE_H
#define HEARSAY_STORE_TELL_PRIVATE_H

#include "store/own.h"
#include "store/store_private.h"

/* One batch being filled. */
struct draft {
    struct batch batch;
    char categories[BATCH_CATEGORIES_MAX][CATEGORY_MAX_BYTES + 1];
    int ids[BATCH_CATEGORIES_MAX];             /* the database's numbers of the above */
    struct opinion opinions[BATCH_OPINIONS_MAX];
    struct pool pool;                          /* keys */
    size_t bytes;
    int64_t told_delta;                        /* by so many grows what is told, with this batch */
};

struct telling {
    struct store *s;
    const struct identity *id;
    uint64_t record_serial;
    int64_t now_s;
    struct draft *draft;
    int64_t self;                              /* own member number */
    size_t waiting_n;                          /* of these batches the fold will have to look at so many */
};

/* Puts a row of EVIDENCE_URGENT or EVIDENCE_OLDEST in. 1: it is in; 0: the batch is full; or a negative errno. */
int draft_add(struct telling *t, const struct query *q);

/* ---- tell_clean.c. The weight of the log is that of its batches, log_weight(). It is kept within twice of what the living opinions
 * would weigh in full batches, and CLEAN_SLACK. */
enum { CLEAN_SLACK = 1024, CLEAN_BATCH_OPINIONS = 1024 };

/* Once for each call of store_tell(). */
int clean_begin(struct telling *t);
/* Whether the log is so long that a batch of nothing but old opinions is worth it. */
int clean_is_due(struct telling *t, bool *due);
/* Adds to the draft living opinions of the oldest batches, so that those can go: as many as will keep the bound, none if the log is short.
 * `urgency`: what the draft holds already is of this urgency. */
int clean_fill(struct telling *t, enum urgency urgency);
/* The floor that the draft, with its number set and its opinions marked as told, may announce. */
int clean_floor(struct telling *t, struct batch *b);

#endif
