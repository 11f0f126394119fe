/* proto/batch_wire.h: a batch's body as bytes; only for batch.c and its test. Read straight down without protobuf-c, which makes a message of its own of each
 * opinion: that took longer than the signature. What it takes and refuses is what protobuf says; tests/unit/test_batch_wire.c compares it with protobuf-c. */
#ifndef HEARSAY_PROTO_BATCH_WIRE_H
#define HEARSAY_PROTO_BATCH_WIRE_H

#include "proto/batch.h"

/* The outermost fields that name a batch, and how many there are of those that repeat. */
struct outline {
    struct bytes origin;
    uint64_t epoch, seq, record_serial;
    size_t categories_n, opinions_n;
};

/* 0; -EINVAL: no such fields, or no origin, epoch or seq among them. */
int batch_outline(struct bytes body, struct outline *out);

/* Decodes and checks all but signature and hash. On success the caller ends *out with batch_close(). Codes as of batch_open(). */
int batch_decode(struct bytes body, const char *federation, struct batch *out);

#endif
