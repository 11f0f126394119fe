/* proto/name.h: host and domain names in their one canonical form: lower-case A-labels, no trailing dot.
 * Source: proto/PROTOCOL.md, "Subjects"; RFC 1123 section 2.1, RFC 5890, UTS 46; publicsuffix.org; RFC 6761 and IANA's registry of special-use names. */
#ifndef HEARSAY_PROTO_NAME_H
#define HEARSAY_PROTO_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bytes.h"

/* Lower-cases ASCII, turns U-labels (UTF-8) into A-labels, drops one trailing dot. Labels hold letters, digits, hyphens (not at an
 * end) and underscores; the last one starts with a letter, so that no spelling of an address is a name. A single label is a name here:
 * whether it will do is the caller's to say. 0 or -EINVAL; `out` is written on success only. */
int name_canonical(const char *text, size_t len, char out[NAME_MAX_BYTES + 1]);

/* True if these bytes are what name_canonical() would write. Needs no tables, so that all nodes agree. */
bool name_is_canonical(const char *name, size_t len);

/* True for a name under which the public registers names (co.uk, github.io): listing it would list strangers.
 * By libpsl's built-in list; a top-level domain that the list does not know makes nothing public. */
bool name_is_public_suffix(const char *name);

/* True for a canonical name that means something else in every network, or nothing at all, or the DNS itself: localhost, local, localdomain, internal, invalid, onion, arpa
 * and all below them. The names for tests and examples are not among them, so that examples work. */
bool name_is_special(const char *name);

#endif
