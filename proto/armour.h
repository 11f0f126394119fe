/* proto/armour.h: bytes as one word of text for people to pass on: a prefix and base64url without padding (RFC 4648 section 5). */
#ifndef HEARSAY_PROTO_ARMOUR_H
#define HEARSAY_PROTO_ARMOUR_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"

/* 0, -ENOBUFS. */
int armour_encode(const char *prefix, struct bytes bytes, char *text, size_t room);
/* Blanks around the text are ignored; it has one spelling: bits left over at its end are zero. *len is the room going in, the length coming out. 0, -EINVAL, -ENOBUFS. */
int armour_decode(const char *prefix, const char *text, uint8_t *out, size_t *len);

#endif
