/* proto/network.h: addresses and prefixes of any width, and which of them nobody may list.
 * Source: RFC 4291 section 2.2 (text), RFC 6890 and the IANA special-purpose registries (reserved networks). */
#ifndef HEARSAY_PROTO_NETWORK_H
#define HEARSAY_PROTO_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NETWORK_TEXT_MAX = 44 };      /* with the final NUL: 39 characters of address, "/128" */

struct network {
    uint8_t family;                  /* 4 or 6 */
    uint8_t bits;                    /* prefix length: at most 32 or 128 */
    uint8_t addr[16];                /* IPv4: the first four; bits beyond the prefix are zero */
};

/* Reads "192.0.2.7", "192.0.2.0/24", "2001:db8::1" or "2001:db8::/32", every spelling of RFC 4291 section 2.2 and no other. An
 * IPv4-mapped IPv6 address is that IPv4 address. Host bits beyond the prefix are cleared. 0 or -EINVAL, *out as it was. */
int network_parse(const char *text, size_t len, struct network *out);

/* Clears what lies beyond `bits`, which becomes the prefix length. */
void network_widen(struct network *n, unsigned bits);

/* "192.0.2.7" for a whole address, "192.0.2.0/24" for less; IPv6 in the form of RFC 5952. Returns out. */
char *network_text(const struct network *n, char out[NETWORK_TEXT_MAX]);

bool network_within(const struct network *inner, const struct network *outer);
bool network_overlaps(const struct network *a, const struct network *b);

/* True if all of the network is reserved: loopback, private, link-local, multicast, unspecified and the like. The networks for
 * documentation are not, so that examples work. */
bool network_is_reserved(const struct network *n);

/* True if any of it is. */
bool network_touches_reserved(const struct network *n);

#endif
