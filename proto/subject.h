/* proto/subject.h: what is spoken of, as one canonical key.
 *
 * A key is the same on the wire, in the database and in memory, and sorts addresses in order:
 *   0x04  4 bytes of address, 1 byte of prefix length            IPv4, /16 to /32
 *   0x06  8 bytes of address, 1 byte of prefix length            IPv6, /32 to /64 (a host counts as its /64)
 *   0x10  the name in lower-case A-labels, no trailing dot       host or domain
 *   0x11  16 bytes                                               sender address, keyed hash
 * Bits beyond the prefix are zero. Source: proto/PROTOCOL.md, "Subjects"; RFC 4291, RFC 5890, RFC 2104. */
#ifndef HEARSAY_PROTO_SUBJECT_H
#define HEARSAY_PROTO_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/network.h"

enum {
    SUBJECT_IP4 = 0x04,
    SUBJECT_IP6 = 0x06,
    SUBJECT_NAME = 0x10,
    SUBJECT_SENDER = 0x11,
    SUBJECT_KEY_MAX = 1 + NAME_MAX_BYTES,
    SUBJECT_TEXT_MAX = NAME_MAX_BYTES + 8,   /* with the final NUL */
    SENDER_HASH_BYTES = 16
};

struct subject {
    uint8_t len;                     /* of key; 0 only in a zeroed struct */
    uint8_t key[SUBJECT_KEY_MAX];
};

static inline int subject_kind(const struct subject *s) { return s->key[0]; }

/* The key for sender hashes: SHA-256 of a tag, the federation's name and its shared secret (may be empty). */
void subject_sender_key(const char *federation, const char *secret, uint8_t out[HASH_BYTES]);

/* Reads one word of text. `sender_key` as from subject_sender_key(). On failure *out is as it was and *reason, a
 * constant, says why in the words that the report socket answers ("protected", "too wide", "not an address or a name ...").
 * 0; -EINVAL not a subject; -EACCES a network or name that is never listed (loopback, private, ...; RFC 6890, RFC 6761);
 * -ERANGE too wide a prefix or a public suffix. */
int subject_parse(const char *text, size_t len, const uint8_t sender_key[HASH_BYTES],
                  struct subject *out, const char **reason);

/* The subject that a whole address (32 or 128 bits) counts as: itself, or its /64. It may be of a reserved network. */
void subject_of_address(const struct network *host, struct subject *out);

/* Checks a key that came from outside: known kind, exact length, canonical, not too wide. It may still be of a
 * reserved network: that is policy (proto/protect.h), not form. 0 or -EINVAL. */
int subject_from_key(const uint8_t *key, size_t len, struct subject *out);
/* The same check without the copy. */
bool subject_key_is_valid(const uint8_t *key, size_t len);

/* The network that an address or prefix stands for; false, *out untouched, for other kinds. */
bool subject_network(const struct subject *s, struct network *out);

/* Writes the text form: 192.0.2.7, 192.0.2.0/24, 2001:db8:1:2::/64, bad.example, sender:32 hex digits. Returns out. */
char *subject_text(const struct subject *s, char out[SUBJECT_TEXT_MAX]);

/* memcmp order of the keys, the shorter first when one starts the other: the order of SQLite's BLOBs. */
int subject_compare(const struct subject *a, const struct subject *b);

/* True if the subject is never listed, whatever the configuration says: it lies in a reserved network or holds one, or it is a
 * special name (name_is_special()) or a public suffix. */
bool subject_is_reserved(const struct subject *s);

#endif
