/* store/verify.h: private. What the two halves of the check share. */
#ifndef HEARSAY_STORE_VERIFY_H
#define HEARSAY_STORE_VERIFY_H

#include "store/reader_private.h"

struct verify {
    struct reader *r;
    int64_t now_s;
    void (*problem)(void *ctx, const char *text);
    void (*progress)(void *ctx, uint64_t done, uint64_t all);
    void *ctx;
    uint64_t problems_n;
    int64_t log_weight;                    /* of the own batches, as far as they open */
    bool log_broken;                       /* one of them does not */
};

void verify_problem(struct verify *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Registers against batches; scores and listings against registers. 0 when the check could be made, whatever it found. */
int verify_batches(struct verify *v);
int verify_scores(struct verify *v);
/* reader_networks.c: networks against listings. */
int verify_networks(struct verify *v);

#endif
