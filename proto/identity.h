/* proto/identity.h: a member's own keys, and signatures. Ed25519 and X25519 through OpenSSL's EVP (RFC 8032, RFC 7748).
 * One PEM file holds its blocks in this order: the root key, the operational key and the CURVE key, each a PKCS #8 "PRIVATE KEY" (RFC 5958). When the root
 * key is kept offline, its block is the "PUBLIC KEY": such an identity cannot sign records. Then, each or neither: the CURVE key before a rotation ("PRIVATE
 * KEY"), in use until the neighbours know the new record; CURVE keys that were left while some neighbour was away ("HEARSAY LEFT CURVE KEY": 8 bytes big-endian, when,
 * Unix seconds, and the 32 bytes of the secret); and the member's record ("HEARSAY RECORD"), so that one file is all that a node needs.
 * The root key alone is one such block in a file of its own (root.pem). */
#ifndef HEARSAY_PROTO_IDENTITY_H
#define HEARSAY_PROTO_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"

struct identity;

enum { IDENTITY_RECORD_MAX = 2048, IDENTITY_LEFT_MAX = 4, IDENTITY_LEFT_S = 90 * 86400 };

enum identity_key { IDENTITY_ROOT, IDENTITY_OPERATIONAL };

int identity_generate(struct identity **out);                    /* 0, -ENOMEM, -EIO (no randomness) */
/* 0; -ENOENT; -EACCES when others than the owner can use the file (mode & 077); -EPERM when this process may not read it;
 * -EINVAL not such a file; -EIO. */
int identity_load(const char *path, struct identity **out);
/* Creates the file with mode 0600, synced to disk. 0, -EEXIST (never overwrites), -ENOENT (no such directory), -ENOSPC, -EIO and the like. */
int identity_save(const struct identity *id, const char *path);
/* The same in place of the file that is there: readers see the old one or the new one, whole. */
int identity_replace(const struct identity *id, const char *path);
int identity_copy(const struct identity *id, struct identity **out);      /* for another thread. 0, -ENOMEM */
void identity_destroy(struct identity **id);                     /* takes NULL; clears the secrets */

/* Drops the private half of the root key: what is saved after this goes to the node while the whole file stays offline. 0, -ENOMEM. */
int identity_forget_root(struct identity *id);
/* Creates a file with the root key alone, to be kept offline. As identity_save(); -ENOKEY without its private half. */
int identity_save_root(const struct identity *id, const char *path);
/* Takes the private half of the root key from such a file, or from an identity file that has it, for as long as this handle lives: it is never saved again.
 * 0; -EXDEV it is another member's root; else as identity_load(). */
int identity_bring_root(struct identity *id, const char *path);

/* Makes new operational and CURVE keys; the CURVE key that was in use becomes the one before. 0, -EIO. */
int identity_new_keys(struct identity *id);
void identity_drop_before(struct identity *id);                  /* the neighbours know the new key */

/* A CURVE key of this member that is out of use, and by which neighbours that were away meanwhile still know it. Whoever was away for longer than IDENTITY_LEFT_S has no valid
 * record of this member (RECORD_LIFE_S). */
struct curve_left {
    uint8_t public_half[KEY_BYTES], secret[KEY_BYTES];
    int64_t left_s;
};
/* The key before goes among those that were left: the oldest of more than IDENTITY_LEFT_MAX is forgotten. */
void identity_leave_before(struct identity *id, int64_t now_s);
size_t identity_left(const struct identity *id, const struct curve_left **out);       /* newest first; *out is the identity's */
void identity_forget_left(struct identity *id);
/* Clears and drops each that was left IDENTITY_LEFT_S ago; one that was left after now_s, by a clock that was ahead then, counts as left now, so that it ends, too:
 * what is dropped does not come back, so the caller is to believe now_s. `any`: one was dropped or set right. The first is for a copy of the list, newest first. */
size_t curve_left_end(struct curve_left *left, size_t n, int64_t now_s, bool *any);          /* how many stay */
bool identity_end_left(struct identity *id, int64_t now_s);

/* The member's record, as the file keeps it: not checked here. .len 0: none. 0, -ENOBUFS. */
int identity_set_record(struct identity *id, struct bytes frame);
struct bytes identity_record(const struct identity *id);

bool identity_has_root(const struct identity *id);
const uint8_t *identity_root(const struct identity *id);         /* KEY_BYTES, public; the member's id */
const uint8_t *identity_operational(const struct identity *id);  /* KEY_BYTES, public */
const uint8_t *identity_curve(const struct identity *id);        /* KEY_BYTES, public */
const uint8_t *identity_curve_secret(const struct identity *id); /* KEY_BYTES */
const uint8_t *identity_curve_before(const struct identity *id); /* KEY_BYTES, public; NULL: none */
const uint8_t *identity_curve_before_secret(const struct identity *id);

/* Signs with the named key. 0; -ENOKEY without that key; -EIO. A handle may sign from several threads. */
int identity_sign(const struct identity *id, enum identity_key key, const void *at, size_t len,
                  uint8_t out[SIGNATURE_BYTES]);

/* 0 if `signature` is the key's over these bytes, -EBADMSG if not. */
int signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES]);

void hash_sha256(const void *at, size_t len, uint8_t out[HASH_BYTES]);

/* Lower-case hexadecimal with a final NUL; out has 2 * len + 1 bytes. Returns out. */
char *hex_text(const uint8_t *at, size_t len, char *out);

#endif
