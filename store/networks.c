#include "store/networks.h"

#include "store/score.h"

/* ---- prefixes */

static uint64_t mask_of(unsigned bits)
{
    return bits == 0 ? 0 : ~UINT64_C(0) << (64 - bits);
}

static uint64_t last_of(const struct networks_prefix *p)
{
    return p->addr | ~mask_of(p->bits);
}

bool networks_overlap(const struct networks_prefix *a, const struct networks_prefix *b)
{
    return ((a->addr ^ b->addr) & mask_of(a->bits < b->bits ? a->bits : b->bits)) == 0;
}

static bool within(const struct networks_prefix *inner, const struct networks_prefix *outer)
{
    return inner->bits >= outer->bits && networks_overlap(inner, outer);
}

struct networks_prefix networks_enclosing(uint64_t first, uint64_t last)
{
    unsigned bits = first == last ? 64 : (unsigned)__builtin_clzll(first ^ last);
    return (struct networks_prefix){ first & mask_of(bits), bits };
}

/* ---- the rule */

struct growing {
    const struct networks_case *c;
    struct networks_found *out;
    size_t n;
};

static unsigned most(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* The last that begins at or before this address, of prefixes that lie apart; NULL: none does. */
static const struct networks_prefix *before(const struct networks_prefix *all, size_t n, uint64_t addr)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (all[middle].addr <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &all[low - 1] : NULL;
}

static bool was_listed(const struct networks_case *c, const struct networks_prefix *p)
{
    const struct networks_prefix *was = before(c->was, c->was_n, p->addr);
    return was != NULL && within(p, was);
}

static bool may_be_listed(const struct networks_case *c, const struct networks_prefix *p)
{
    if (p->bits < c->rule.floor_bits || (c->cut && last_of(p) >= c->unseen))
        return false;
    const struct networks_prefix *innocent = before(c->innocents, c->innocents_n, last_of(p));
    return (innocent == NULL || !networks_overlap(innocent, p)) && !c->never(c->ctx, p);
}

static bool is_enough(const struct networks_case *c, const struct networks_prefix *p, const struct networks_host *hosts, size_t n, unsigned *groups)
{
    uint64_t said_by = 0;
    unsigned half = networks_half(c->rule.addresses);
    for (size_t i = 0; i < n; i++)
        said_by |= hosts[i].said_by;
    *groups = (unsigned)__builtin_popcountll(said_by);
    if (n >= c->rule.addresses && *groups >= c->rule.groups)
        return true;
    return n >= half && *groups >= most(2, c->rule.groups - 1) && was_listed(c, p);
}

/* The smallest prefix around these addresses, or else what its halves give. */
static void grow(struct growing *g, const struct networks_host *hosts, size_t n)
{
    unsigned groups;
    if (n < networks_half(g->c->rule.addresses) || n < 2)
        return;
    struct networks_prefix p = networks_enclosing(hosts[0].addr, hosts[n - 1].addr);
    if (is_enough(g->c, &p, hosts, n, &groups) && may_be_listed(g->c, &p)) {
        g->out[g->n++] = (struct networks_found){ .prefix = p, .addresses = (unsigned)n, .groups = groups };
        return;
    }
    size_t low = 0, high = n - 1;          /* the first of the upper half, whose next bit is 1 */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((hosts[middle].addr & UINT64_C(1) << (63 - p.bits)) == 0)
            low = middle + 1;
        else
            high = middle;
    }
    grow(g, hosts, low);
    grow(g, hosts + low, n - low);
}

size_t networks_grow(const struct networks_case *c, struct networks_found *out)
{
    struct growing g = { .c = c, .out = out };
    grow(&g, c->listed, c->listed_n);
    return g.n;
}

struct networks_rule networks_rule_of(const struct policy_zone *z, size_t groups_n, unsigned block_bits)
{
    unsigned floor_bits = block_bits == NETWORKS_IP4_BITS ? z->network_floor_ip4 : z->network_floor_ip6;
    return (struct networks_rule){
        .addresses = most(z->network_addresses, NETWORKS_ADDRESSES_LEAST),
        .groups = most(2, z->network_groups > 0 ? z->network_groups : score_quorum(z, groups_n)),
        .floor_bits = most(floor_bits, block_bits),
    };
}

unsigned networks_least(const struct policy *p)
{
    unsigned least = 0;
    for (size_t i = 0; i < p->zones_n; i++) {
        unsigned half = networks_half(most(p->zones[i].network_addresses, NETWORKS_ADDRESSES_LEAST));
        if (p->zones[i].networks && !p->zones[i].white && (least == 0 || half < least))
            least = half;
    }
    return least;
}
