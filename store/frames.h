/* store/frames.h: private. Opens stored batches: finds the key that the origin's record names, and keeps the last ones. */
#ifndef HEARSAY_STORE_FRAMES_H
#define HEARSAY_STORE_FRAMES_H

#include "proto/batch.h"
#include "store/db.h"

enum { FRAMES_KEYS = 64 };

struct frames {
    struct { int64_t member; uint64_t serial; uint8_t operational[KEY_BYTES]; } keys[FRAMES_KEYS];   /* member 0: free */
};

/* Verifies and decodes a stored batch. -ENOKEY: the record that names its key is not here; else as batch_open(). */
int frames_open(struct frames *f, struct db *d, int64_t member, struct bytes frame, const char *federation, struct batch *out);

/* The operational key that a stored record names. 0, -ENOKEY. */
int frames_key(struct frames *f, struct db *d, int64_t member, uint64_t serial, uint8_t operational[KEY_BYTES]);

/* The first 8 bytes of a hash as an integer that sorts as they do. */
int64_t frames_hash_prefix(const uint8_t hash[HASH_BYTES]);

#endif
