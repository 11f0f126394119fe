/* Networks as readers see them: when they end, why they are listed, and whether those that are stored are those that the listings ask for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/reader_private.h"
#include "store/store_private.h"
#include "store/verify.h"

/* ---- one network */

static struct networks_range range_of(const struct subject *s)
{
    struct networks_prefix p = networks_prefix_of(s->key, s->len);
    return networks_range_of(s->key[0], &p);
}

/* The hosts of a prefix that a zone lists; `range` is that of the prefix. Bound up to the statement's last parameter. */
static struct query query_hosts(struct reader *r, enum sql which, const struct subject *s, const struct networks_range *range, int zone, int category)
{
    static const uint8_t bits[] = { 32, 64 };
    struct query q = query(&r->db, which);
    query_blob(&q, range->low, range->len);
    query_blob(&q, range->high, range->len);
    query_int(&q, r->names.category_ids[category]);
    query_int(&q, r->names.zone_ids[zone]);
    query_blob(&q, &bits[s->key[0] == SUBJECT_IP6], 1);
    return q;
}

struct query reader_network_hosts(struct reader *r, const struct subject *s, const struct networks_range *range, int zone, int category, int64_t most)
{
    struct query q = query_hosts(r, SQL_LISTING_HOSTS, s, range, zone, category);
    query_int(&q, most);
    return q;
}

int reader_network_until(struct reader *r, const struct subject *s, int zone, int category, int64_t *until_s)
{
    struct networks_rule rule = networks_rule_of(&r->policy->zones[zone], r->names.groups_n, networks_block_bits(s->key[0]));
    struct networks_range range = range_of(s);
    *until_s = 0;
    struct query q = query_hosts(r, SQL_LISTING_LASTS, s, &range, zone, category);
    query_int(&q, networks_half(rule.addresses) - 1);
    if (query_row(&q))
        *until_s = column_int(&q, 0);
    return query_end(&q);
}

/* The first few of its listed addresses. */
static int put_addresses(struct reader *r, const struct subject *s, struct why_network *w)
{
    struct networks_range range = range_of(s);
    int rc = 0;
    struct query q = reader_network_hosts(r, s, &range, w->zone, w->category, WHY_ADDRESSES_MAX);
    while (rc == 0 && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        rc = subject_from_key(key.at, key.len, &w->first[w->first_n]) == 0 ? 0 : -EBADMSG;
        w->first_n += rc == 0;
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

int reader_why_networks(struct reader *r, const struct subject *s, struct why *w)
{
    int rc = 0;
    struct query q = query(&r->db, SQL_NETWORK_OF_SUBJECT);
    query_blob(&q, s->key, s->len);
    while (rc == 0 && query_row(&q)) {
        int category = names_category_policy(&r->names, column_int(&q, 0)), zone = names_zone(&r->names, r->policy, column_int(&q, 1));
        if (category < 0 || zone < 0)
            continue;
        struct why_network *grown = realloc(w->networks, (w->networks_n + 1) * sizeof *grown);
        if (grown == NULL) {
            rc = -ENOMEM;
            break;
        }
        w->networks = grown;
        struct why_network *n = &grown[w->networks_n++];
        *n = (struct why_network){ .zone = zone, .category = category, .since_s = column_int(&q, 2), .addresses = (unsigned)column_int(&q, 3),
                                   .groups = (unsigned)column_int(&q, 4), .innocents = (unsigned)column_int(&q, 5) };
        rc = put_addresses(r, s, n);
        if (rc == 0)
            rc = reader_network_until(r, s, zone, category, &n->until_s);
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

struct listing_addresses {
    struct reader *r;
    const struct subject *s;
    int zone, category;
    struct subject *out;
    size_t n, room;
    bool more;
};

static int list_addresses(struct listing_addresses *l)
{
    struct networks_range range = range_of(l->s);
    int rc = names_load(&l->r->names, &l->r->db, l->r->policy);
    if (rc != 0)
        return rc;
    struct query q = reader_network_hosts(l->r, l->s, &range, l->zone, l->category, (int64_t)l->room + 1);
    while (rc == 0 && !l->more && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        l->more = l->n == l->room;
        if (!l->more)
            rc = subject_from_key(key.at, key.len, &l->out[l->n++]) == 0 ? 0 : -EBADMSG;
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

int reader_network_addresses(struct reader *r, const struct subject *s, int zone, int category, struct subject *out, size_t *n, bool *more)
{
    struct listing_addresses l = { .r = r, .s = s, .zone = zone, .category = category, .out = out, .room = *n };
    int rc = reader_begin(r);
    if (rc == 0)
        rc = reader_end(r, list_addresses(&l));
    *n = l.n;
    *more = l.more;
    return rc;
}

/* ---- all of a block */

static bool never_lists(void *ctx, const struct subject *s)
{
    return reader_never_lists(ctx, s);
}

static bool is_same(const struct networks_stored *s, const struct networks_found *f, int zone, int category)
{
    return s->zone == zone && s->category == category && s->prefix.addr == f->prefix.addr && s->prefix.bits == f->prefix.bits;
}

static int tell(struct networks_change *c, struct reader_networks *n, const struct networks_prefix *p,
                int (*each)(void *ctx, const struct networks_change *c), void *ctx)
{
    networks_subject(n->area.block.kind, p, &c->subject);
    return each(ctx, c);
}

/* What is stored and what should be, of one zone and category. */
static int compare_one(struct reader_networks *n, int zone, int category, size_t found_n, int (*each)(void *ctx, const struct networks_change *c), void *ctx)
{
    const struct networks_area *a = &n->area;
    int rc = 0;
    for (size_t k = 0; rc == 0 && k < n->stored.n; k++) {
        const struct networks_stored *s = &n->stored.at[k];
        struct networks_change c = { .zone = zone, .category = category, .was = s };
        for (size_t i = 0; i < found_n && c.now == NULL; i++)
            c.now = is_same(s, &a->found[i], zone, category) ? &a->found[i] : NULL;
        if (s->zone == zone && s->category == category)
            rc = tell(&c, n, &s->prefix, each, ctx);
    }
    for (size_t i = 0; rc == 0 && i < found_n; i++) {
        struct networks_change c = { .zone = zone, .category = category, .now = &a->found[i] };
        for (size_t k = 0; k < n->stored.n && c.was == NULL; k++)
            c.was = is_same(&n->stored.at[k], &a->found[i], zone, category) ? &n->stored.at[k] : NULL;
        if (c.was == NULL)
            rc = tell(&c, n, &a->found[i].prefix, each, ctx);
    }
    return rc;
}

int reader_networks_compare(struct reader *r, struct reader_networks *n, int (*each)(void *ctx, const struct networks_change *c), void *ctx)
{
    struct networks_judge judge = { .policy = r->policy, .groups_n = r->names.groups_n, .never = never_lists, .ctx = r };
    int64_t prefixes = 0;
    int rc = networks_stored(&n->stored, &r->db, &r->names, r->policy, &n->area.block);
    if (rc != 0 || (n->stored.n == 0 && !networks_area_may(&n->area, r->policy)))
        return rc;
    rc = meta_number(&r->db, META_PREFIXES, &prefixes);
    if (rc == 0)
        rc = networks_area_innocents(&n->area, &r->db, &r->names, r->policy, prefixes);
    for (int zone = 0; rc == 0 && (size_t)zone < r->policy->zones_n; zone++) {
        for (int category = 0; rc == 0 && (size_t)category < r->policy->categories_n; category++) {
            size_t found_n = 0;
            if (r->policy->zones[zone].white || !networks_area_has(&n->area, zone, category, &n->stored))
                continue;
            rc = networks_judge(&n->area, &judge, zone, category, &n->stored, &found_n);
            if (rc == 0)
                rc = compare_one(n, zone, category, found_n, each, ctx);
        }
    }
    return rc;
}

void reader_networks_clear(struct reader_networks *n)
{
    networks_area_clear(&n->area);
    free(n->stored.at);
    n->stored = (struct networks_list){ .n = 0 };
}

/* ---- verify */

struct checking {
    struct verify *v;
    struct reader_networks networks;
};

static int check_one(void *ctx, const struct networks_change *c)
{
    struct checking *k = ctx;
    const struct policy *p = k->v->r->policy;
    char text[SUBJECT_TEXT_MAX];
    subject_text(&c->subject, text);
    const char *zone = p->zones[c->zone].name, *category = p->categories[c->category].name;
    if (c->was == NULL)
        verify_problem(k->v, "network %s in %s, %s: is not listed, but its addresses ask for it", text, zone, category);
    else if (c->now == NULL)
        verify_problem(k->v, "network %s in %s, %s: is listed, but its addresses do not uphold it", text, zone, category);
    else if (c->was->addresses != c->now->addresses || c->was->groups != c->now->groups || c->was->innocents != k->networks.area.innocents_n)
        verify_problem(k->v, "network %s in %s, %s: is not of as many addresses, groups or innocents as it says", text, zone, category);
    return 0;
}

static int check_block(struct checking *k, const struct networks_block *b)
{
    struct reader *r = k->v->r;
    int rc = networks_area_read(&k->networks.area, &r->db, &r->names, r->policy, b);
    return rc == 0 ? reader_networks_compare(r, &k->networks, check_one, k) : rc;
}

/* All blocks in which anything is listed, in order. */
static int check_blocks(struct checking *k)
{
    struct networks_block b, last = { 0 };
    bool wider;
    int rc = networks_area_create(&k->networks.area);
    struct query q = query(&k->v->r->db, SQL_NETWORK_SUBJECTS);
    while (rc == 0 && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        if (!networks_block_of(key.at, key.len, &b, &wider) || (b.kind == last.kind && b.addr == last.addr))
            continue;
        last = b;
        rc = check_block(k, &b);
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

int verify_networks(struct verify *v)
{
    struct checking k = { .v = v };
    int64_t stale = 0;
    int rc = meta_number(&v->r->db, META_NETWORKS_STALE, &stale);
    if (rc == 0 && stale == 0)
        rc = check_blocks(&k);
    reader_networks_clear(&k.networks);
    return rc;
}
