/* proto/bytes.h: a borrowed run of bytes, and the error codes that all of hearsay shares.
 * Functions return 0 or a negative errno value unless their header says otherwise. */
#ifndef HEARSAY_PROTO_BYTES_H
#define HEARSAY_PROTO_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Never owns what it points to. */
struct bytes {
    const uint8_t *at;
    size_t len;
};

enum {
    KEY_BYTES = 32,          /* Ed25519 and X25519 public keys, member ids */
    HASH_BYTES = 32,         /* SHA-256 */
    SIGNATURE_BYTES = 64,    /* Ed25519, RFC 8032 */
    NAME_MAX_BYTES = 253,    /* a host name in text, RFC 1035 section 2.3.4, no trailing dot */
    CATEGORY_MAX_BYTES = 32, /* [a-z0-9-], starts with a letter */
    FEDERATION_MAX_BYTES = 64,
    ENDPOINT_MAX_BYTES = 300,
    MEMBERS_MAX = 4096       /* members that a node knows; more: refused with an error */
};

#endif
