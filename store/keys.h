/* store/keys.h: private. The keys by which a subject may be listed. */
#ifndef HEARSAY_STORE_KEYS_H
#define HEARSAY_STORE_KEYS_H

#include "proto/subject.h"

/* Its own, then wider prefixes, the narrowest first. */
struct listed_keys {
    size_t n;
    struct subject keys[1 + 33];
};
/* prefixes: those of META_PREFIXES; only the lengths in use there are looked at. */
void listed_keys(int64_t prefixes, const struct subject *s, struct listed_keys *out);

#endif
