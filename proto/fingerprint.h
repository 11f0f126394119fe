/* proto/fingerprint.h: whether two sets of batches are the same, in eight bytes, under a salt that nobody could know when the batches were made.
 * Source: proto/PROTOCOL.md, "Sums". */
#ifndef HEARSAY_PROTO_FINGERPRINT_H
#define HEARSAY_PROTO_FINGERPRINT_H

#include <stdint.h>

enum { SALT_BYTES = 16, SUM_BYTES = 8, SUM_HASH_BYTES = 16 };

/* A product of one factor for each batch, so that their order does not matter. */
struct fingerprint {
    uint64_t factor, point;            /* of the salt, below 2^61 - 1 */
    uint64_t product;                  /* 0: of nothing */
};

void fingerprint_begin(struct fingerprint *f, const uint8_t salt[SALT_BYTES]);
void fingerprint_add(struct fingerprint *f, const uint8_t hash[SUM_HASH_BYTES]);       /* the beginning of a batch's hash */
void fingerprint_end(const struct fingerprint *f, uint8_t out[SUM_BYTES]);             /* zeros: of nothing */

#endif
