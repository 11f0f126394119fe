/* node/mesh_resolve.h: host names to addresses, on threads of its own.
 *
 * libzmq resolves too, but on the one thread that carries all connections: a name server that does not answer stops the whole mesh for as long as getaddrinfo()
 * waits; and it takes the first address only, of IPv6 where there is any, so that a host of both kinds is never reached over IPv4 (libzmq 4.3.4,
 * src/tcp_connecter.cpp, src/ip_resolver.cpp). So libzmq is given addresses, and names are resolved here. */
#ifndef HEARSAY_NODE_MESH_RESOLVE_H
#define HEARSAY_NODE_MESH_RESOLVE_H

#include <stddef.h>

#include "proto/name.h"

enum {
    RESOLVE_ADDRS_MAX = 8,             /* of one name; more are left out */
    RESOLVE_ADDR_BYTES = 46,           /* of one as text */
    RESOLVE_WAITING_MAX = 256,         /* names at once; one more is refused, and asked for again later */
    RESOLVE_THREADS_MAX = 8            /* each may wait for a dead name server: so many names at once do, the rest waits for them */
};

struct resolved {
    char host[NAME_MAX_BYTES + 1];
    size_t n;                          /* 0: it has no address, or nobody knows */
    char addrs[RESOLVE_ADDRS_MAX][RESOLVE_ADDR_BYTES];     /* in the order in which to try them (RFC 6724) */
    char problem[80];                  /* when n is 0: why */
};

struct resolver;

/* `done` is called once for each name asked for, on a thread of the resolver; it must not call the resolver. NULL: out of memory. No thread is started before the first name. */
struct resolver *resolver_create(void (*done)(void *ctx, const struct resolved *answer), void *ctx);
/* After it `done` is not called any more. Does not wait for name servers: a thread that waits for one ends by itself. Takes NULL; sets *r to NULL. */
void resolver_destroy(struct resolver **r);
/* A name that waits already is not asked for twice. 0, -EAGAIN (too many wait, or no thread can be had). */
int resolver_ask(struct resolver *r, const char *host);

#endif
