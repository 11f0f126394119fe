/* proto/identity.h: a member's own keys, and signatures. Ed25519 and X25519 through OpenSSL's EVP (RFC 8032, RFC 7748).
 * One PEM file holds the root key, the operational key and the CURVE key, in that order; a file without the root key
 * (kept offline) is valid and cannot sign records. */
#ifndef HEARSAY_PROTO_IDENTITY_H
#define HEARSAY_PROTO_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"

struct identity;

enum identity_key { IDENTITY_ROOT, IDENTITY_OPERATIONAL };

int identity_generate(struct identity **out);                    /* 0, -ENOMEM, -EIO (no randomness) */
/* 0; -ENOENT; -EACCES when others than the owner can read the file (mode & 077); -EINVAL not such a file; -EIO. */
int identity_load(const char *path, struct identity **out);
/* Creates the file with mode 0600, synced to disk. 0, -EEXIST (never overwrites), -ENOSPC, -EIO and the like. */
int identity_save(const struct identity *id, const char *path);
void identity_destroy(struct identity **id);                     /* takes NULL; clears the secrets */

bool identity_has_root(const struct identity *id);
const uint8_t *identity_root(const struct identity *id);         /* KEY_BYTES, public; the member's id */
const uint8_t *identity_operational(const struct identity *id);  /* KEY_BYTES, public */
const uint8_t *identity_curve(const struct identity *id);        /* KEY_BYTES, public */
const uint8_t *identity_curve_secret(const struct identity *id); /* KEY_BYTES */

/* Signs with the named key. 0; -ENOKEY without that key; -EIO. A handle may sign from several threads. */
int identity_sign(const struct identity *id, enum identity_key key, const void *at, size_t len,
                  uint8_t out[SIGNATURE_BYTES]);

/* 0 if `signature` is the key's over these bytes, -EBADMSG if not. */
int signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES]);

void hash_sha256(const void *at, size_t len, uint8_t out[HASH_BYTES]);

/* Lower-case hexadecimal with a final NUL; out has 2 * len + 1 bytes. Returns out. */
char *hex_text(const uint8_t *at, size_t len, char *out);

#endif
