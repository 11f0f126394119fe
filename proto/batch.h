/* proto/batch.h: signed batches of opinions. Source: proto/PROTOCOL.md, "Batches".
 * A batch's frame is what is signed, stored and relayed: "hearsay-batch-1\n", BatchBody, signature by the operational key.
 * Its hash is SHA-256 of all but the signature. */
#ifndef HEARSAY_PROTO_BATCH_H
#define HEARSAY_PROTO_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/identity.h"

enum {
    BATCH_FRAME_MAX = 65536,
    BATCH_OPINIONS_MAX = 4096,
    BATCH_CATEGORIES_MAX = 32,
    BATCH_HEAD_BYTES_MAX = 1536,         /* all of a frame but its opinions is below this, whatever the names in it */
    OPINION_TIME_STEP_S = 600,
    OPINION_AGE_MAX_S = 30 * 86400       /* at the time of the batch; older evidence is not said at all */
};

/* Masses leave a member in coarse steps, so that its traffic does not show. A step stands for thousandths:
 * 0, 250, 500, 1000, 2000, 5000, 10000, 20000, 32000, and 3200: numbers are names, not in the order of masses. None is more than twice the
 * one below it, and both default weights (1 and 5) are held exactly. */
enum { MASS_STEPS = 10 };
uint32_t mass_of_step(unsigned step);                   /* milli; step < MASS_STEPS */
/* The nearest step on a logarithmic scale, of a mass in millionths: the border between two steps is their geometric mean, and that
 * between 0 and 250 is where 125 would begin, 177. */
unsigned mass_step(uint64_t micro);

struct opinion {
    const uint8_t *key;                                 /* subject key, checked; borrowed from the batch */
    uint8_t key_len;
    uint8_t category;                                   /* index into the batch's categories */
    uint8_t black, white;                               /* mass steps; both 0: withdrawn */
    int64_t time_s;                                     /* of the evidence; a multiple of OPINION_TIME_STEP_S */
};

/* When decoded, everything is borrowed from one allocation that batch_close() frees, and the opinions are strictly ascending by
 * (key, category): no two of a batch speak of the same thing. */
struct batch {
    uint8_t origin[KEY_BYTES];
    uint8_t previous[HASH_BYTES];                       /* all zero: none */
    uint8_t hash[HASH_BYTES];                           /* set by batch_open() and batch_seal() */
    char federation[FEDERATION_MAX_BYTES + 1];
    uint32_t epoch, floor_epoch;
    uint64_t seq, floor_seq;
    uint64_t record_serial;
    int64_t time_s;
    size_t categories_n, opinions_n;
    char (*categories)[CATEGORY_MAX_BYTES + 1];
    struct opinion *opinions;
    void *memory;                                       /* what batch_close() frees; NULL in a hand-made batch */
};

/* What names a batch, read without any check of its signature: enough to find the key and to drop a duplicate. */
struct batch_name {
    uint8_t origin[KEY_BYTES];
    uint8_t hash[HASH_BYTES];
    uint32_t epoch;
    uint64_t seq;
    uint64_t record_serial;
};
int batch_peek(struct bytes frame, struct batch_name *out);        /* 0; -EINVAL, *out as it was */

/* Verifies and decodes. `operational` is the key that the origin's record of record_serial names. On success the caller ends
 * *out with batch_close(). 0; -EBADMSG wrong signature; -EXDEV another federation; -EINVAL malformed or out of range; -ENOMEM.
 * On failure *out is as it was. federation NULL: any.
 * A wrong signature wins over every other fault, so that blame is only given for what was signed. */
int batch_open(struct bytes frame, const uint8_t operational[KEY_BYTES], const char *federation, struct batch *out);
/* The same, of a frame whose name batch_peek() told: it is not hashed a second time. */
int batch_open_named(struct bytes frame, const struct batch_name *name, const uint8_t operational[KEY_BYTES], const char *federation, struct batch *out);
void batch_close(struct batch *b);                                 /* takes a zeroed one; zeroes it */

/* Signs a hand-made batch, whose opinions may be in any order. *frame is the caller's to free(). Sets b->hash.
 * 0; -EMSGSIZE when over BATCH_FRAME_MAX; -EINVAL (a field out of range, two opinions on one thing, another origin than the identity's);
 * -ENOKEY; -ENOMEM. */
int batch_seal(struct batch *b, const struct identity *id, uint8_t **frame, size_t *len);

/* The most bytes that one opinion with a key of this length adds to a frame: for filling a batch up to the limit, beside
 * BATCH_HEAD_BYTES_MAX for all the rest. */
size_t batch_opinion_bytes_max(size_t key_len);

#endif
