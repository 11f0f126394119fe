/* proto/protect.h: networks and names that are never listed, whoever says so. Immutable once filled, so that
 * threads can share one by pointer after handing it over. */
#ifndef HEARSAY_PROTO_PROTECT_H
#define HEARSAY_PROTO_PROTECT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/subject.h"

struct protect;

enum { PROTECT_MAX = 65536 };

/* NULL only when memory is out. An empty one still protects the reserved networks. */
struct protect *protect_create(void);
/* NULL when memory is out. */
struct protect *protect_copy(const struct protect *p);
void protect_destroy(struct protect **p);    /* takes NULL; sets *p to NULL */

/* Adds "192.0.2.25", "10.0.0.0/8" (any width), "2001:db8::/32" or a name, a single label or a public suffix too. What is protected
 * already changes nothing. 0, -EINVAL, -ENOSPC (PROTECT_MAX reached), -ENOMEM. */
int protect_add(struct protect *p, const char *text);

/* True if the subject is reserved (subject_is_reserved()), lies in a protected network or contains one, or is a protected name or one
 * below it. */
bool protect_covers(const struct protect *p, const struct subject *s);

/* The i-th protected network as rbldnsd writes it ("192.0.2.25", "10.0.0.0/8"), for exclusions; family 4 or 6.
 * NULL when i is past the last. Configured networks only; one may lie within another. */
const char *protect_network(const struct protect *p, int family, size_t i);

#endif
