/* store/lean_network.h: private. Which members a listed network leans on: without whom it would end. Pure; the rule is that of store/networks.h for what is listed already. */
#ifndef HEARSAY_STORE_LEAN_NETWORK_H
#define HEARSAY_STORE_LEAN_NETWORK_H

#include "store/networks.h"

enum { LEAN_CHANGES_MAX = 1 << 20 };       /* of one network; with more of them it is taken to lean on nobody */

struct lean_network {
    struct networks_prefix prefix;
    struct networks_rule rule;
    struct networks_host *hosts;           /* listed ones, by address, with who says so; NETWORKS_ROWS_MAX */
    size_t hosts_n;
    struct lean_change { size_t member, host; uint64_t said_by; } *changes;   /* who says so of a host without that member; 0: it would not be listed */
    size_t changes_n, changes_room;
    bool full;
};

/* Empties it for another network. 0, -ENOMEM. */
int lean_network_begin(struct lean_network *l, const struct networks_prefix *p, const struct networks_rule *rule);
/* The next listed address; false: no room for it, and the network is taken to lean on nobody. */
bool lean_network_host(struct lean_network *l, uint64_t addr, uint64_t said_by);
/* What becomes of the last address without a member, by any number of the caller's. 0, -ENOMEM. */
int lean_network_without(struct lean_network *l, size_t member, uint64_t said_by);
/* Calls back with each member without whom the network would not be listed as it is, be it that a narrower one would take its place. Nothing, when it is not upheld now. */
void lean_network_end(struct lean_network *l, void (*leans)(void *ctx, size_t member), void *ctx);
void lean_network_clear(struct lean_network *l);

#endif
