#include "store/lean_network.h"

#include <errno.h>
#include <stdlib.h>

int lean_network_begin(struct lean_network *l, const struct networks_prefix *p, const struct networks_rule *rule)
{
    if (l->hosts == NULL && (l->hosts = malloc(NETWORKS_ROWS_MAX * sizeof *l->hosts)) == NULL)
        return -ENOMEM;
    l->prefix = *p;
    l->rule = *rule;
    l->hosts_n = l->changes_n = 0;
    l->full = false;
    return 0;
}

bool lean_network_host(struct lean_network *l, uint64_t addr, uint64_t said_by)
{
    l->full |= l->hosts_n == NETWORKS_ROWS_MAX;
    if (!l->full)
        l->hosts[l->hosts_n++] = (struct networks_host){ addr, said_by };
    return !l->full;
}

int lean_network_without(struct lean_network *l, size_t member, uint64_t said_by)
{
    l->full |= l->changes_n == LEAN_CHANGES_MAX;
    if (l->full || l->hosts_n == 0 || said_by == l->hosts[l->hosts_n - 1].said_by)
        return 0;
    if (l->changes_n == l->changes_room) {
        size_t room = l->changes_room * 2 + 256;
        struct lean_change *grown = realloc(l->changes, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        l->changes = grown;
        l->changes_room = room;
    }
    l->changes[l->changes_n++] = (struct lean_change){ member, l->hosts_n - 1, said_by };
    return 0;
}

/* By member, then by host, of which each comes once. */
static int by_member(const void *a, const void *b)
{
    const struct lean_change *x = a, *y = b;
    return x->member != y->member ? (x->member > y->member) - (x->member < y->member) : (x->host > y->host) - (x->host < y->host);
}

/* With these hosts changed the smallest prefix around those that count is the network, and they are enough to keep it. */
static bool holds(const struct lean_network *l, const struct lean_change *changes, size_t n)
{
    uint64_t said_by = 0, first = 0, last = 0;
    size_t next = 0, counting_n = 0;
    for (size_t i = 0; i < l->hosts_n; i++) {
        uint64_t by = next < n && changes[next].host == i ? changes[next++].said_by : l->hosts[i].said_by;
        if (!networks_counts(by))
            continue;
        first = counting_n++ == 0 ? l->hosts[i].addr : first;
        last = l->hosts[i].addr;
        said_by |= by;
    }
    if (counting_n < 2 || counting_n < networks_half(l->rule.addresses))
        return false;
    struct networks_prefix p = networks_enclosing(first, last);
    unsigned groups = (unsigned)__builtin_popcountll(said_by), least = l->rule.groups > 3 ? l->rule.groups - 1 : 2;
    return p.addr == l->prefix.addr && p.bits == l->prefix.bits && groups >= least;
}

void lean_network_end(struct lean_network *l, void (*leans)(void *ctx, size_t member), void *ctx)
{
    if (l->full || l->changes_n == 0 || !holds(l, NULL, 0))
        return;
    qsort(l->changes, l->changes_n, sizeof *l->changes, by_member);
    for (size_t from = 0, to; from < l->changes_n; from = to) {
        for (to = from + 1; to < l->changes_n && l->changes[to].member == l->changes[from].member;)
            to++;
        if (!holds(l, &l->changes[from], to - from))
            leans(ctx, l->changes[from].member);
    }
}

void lean_network_clear(struct lean_network *l)
{
    free(l->hosts);
    free(l->changes);
    *l = (struct lean_network){ .hosts = NULL };
}
