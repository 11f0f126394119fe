/* proto/batch_check.h: what the two directions of a batch share; only for batch.c and batch_seal.c. */
#ifndef HEARSAY_PROTO_BATCH_CHECK_H
#define HEARSAY_PROTO_BATCH_CHECK_H

#include <stdbool.h>

#include "proto/batch.h"

#define BATCH_TAG "hearsay-batch-1\n"

/* The order of opinions in a batch: by key, then by category. */
int opinion_compare(const void *a, const void *b);

/* Every rule of PROTOCOL.md, "Batches", that can be told from the fields alone; opinions must be in order. */
bool batch_is_sound(const struct batch *b);

/* The time from which the ages of a batch's opinions count. */
int64_t batch_base_s(int64_t time_s);

#endif
