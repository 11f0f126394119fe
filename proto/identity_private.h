/* proto/identity_private.h: private. What identity.c (keys, signatures) and identity_file.c (the file) share. */
#ifndef HEARSAY_PROTO_IDENTITY_PRIVATE_H
#define HEARSAY_PROTO_IDENTITY_PRIVATE_H

#include <openssl/evp.h>

#include "proto/identity.h"

/* The EVP handles are only read after the identity was made, so that threads can share one. */
struct identity {
    EVP_PKEY *root;                  /* without its private half when that is kept offline */
    EVP_PKEY *operational;
    EVP_PKEY *curve;
    EVP_PKEY *curve_before;          /* NULL: none */
    bool has_root;
    bool root_is_guest;              /* its private half was brought for a moment and is never saved */
    uint8_t root_public[KEY_BYTES];
    uint8_t operational_public[KEY_BYTES];
    uint8_t curve_public[KEY_BYTES], curve_before_public[KEY_BYTES];
    uint8_t curve_secret[KEY_BYTES], curve_before_secret[KEY_BYTES];
    struct curve_left left[IDENTITY_LEFT_MAX];
    size_t left_n;
    uint8_t record[IDENTITY_RECORD_MAX];
    size_t record_len;
};

/* Fills in the raw forms once the handles are there. 0, -EINVAL. */
int identity_fill_raw(struct identity *id);

#endif
