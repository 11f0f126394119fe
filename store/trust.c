#include "store/trust.h"

#include "store/rights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reach {
    const struct policy *policy;
    const struct policy_member **direct;       /* by root */
    const struct trust_link *links;            /* by introducer, then introduced */
    size_t links_n;
    int64_t now_s, next_s;
    struct trusted *table;                     /* by root */
    size_t table_n;
    struct trusted *from;                      /* whose introductions count next */
    size_t from_n;
    struct trusted *found;                     /* what they give */
    size_t found_n, found_room;
};

/* ---- orders */

static int compare_keys(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, KEY_BYTES);
}

static int compare_links(const void *a, const void *b)
{
    const struct trust_link *x = a, *y = b;
    int order = compare_keys(x->introducer, y->introducer);
    return order != 0 ? order : compare_keys(x->introduced, y->introduced);
}

static int compare_direct(const void *a, const void *b)
{
    return compare_keys((*(const struct policy_member *const *)a)->root, (*(const struct policy_member *const *)b)->root);
}

/* The best chain to a member first. */
static int compare_found(const void *a, const void *b)
{
    const struct trusted *x = a, *y = b;
    int order = compare_keys(x->root, y->root);
    if (order == 0 && x->narrow != y->narrow)
        order = x->narrow ? 1 : -1;
    if (order == 0 && x->tau_micro != y->tau_micro)
        order = x->tau_micro > y->tau_micro ? -1 : 1;
    if (order == 0)
        order = compare_keys(x->group, y->group);
    return order != 0 ? order : compare_keys(x->introducer, y->introducer);
}

static int compare_roots(const void *a, const void *b)
{
    return compare_keys(((const struct trusted *)a)->root, ((const struct trusted *)b)->root);
}

static int compare_taus(const void *a, const void *b)
{
    const struct trusted *x = a, *y = b;
    if (x->tau_micro != y->tau_micro)
        return x->tau_micro > y->tau_micro ? -1 : 1;
    return compare_roots(a, b);
}

/* ---- looking up */

static bool is_direct(const struct reach *r, const uint8_t root[KEY_BYTES])
{
    size_t low = 0, high = r->policy->members_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(r->direct[middle]->root, root) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->policy->members_n && compare_keys(r->direct[low]->root, root) == 0;
}

static struct trusted *in_table(const struct reach *r, const uint8_t root[KEY_BYTES])
{
    struct trusted key;
    memcpy(key.root, root, KEY_BYTES);
    return r->table_n == 0 ? NULL : bsearch(&key, r->table, r->table_n, sizeof *r->table, compare_roots);
}

static size_t first_link(const struct reach *r, const uint8_t introducer[KEY_BYTES])
{
    size_t low = 0, high = r->links_n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(r->links[middle].introducer, introducer) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- one hop */

static int add_found(struct reach *r, const struct trusted *t)
{
    if (r->found_n == r->found_room) {
        size_t room = r->found_room * 2 + 64;
        struct trusted *grown = realloc(r->found, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        r->found = grown;
        r->found_room = room;
    }
    r->found[r->found_n++] = *t;
    return 0;
}

static int follow(struct reach *r, const struct trusted *by, const struct trust_link *link, uint64_t shares_milli)
{
    struct trusted t = {
        .tau_micro = (uint32_t)((uint64_t)by->tau_micro * link->share_milli / (2 * shares_milli)), .hops = by->hops + 1, .narrow = by->narrow,
    };
    if (t.tau_micro == 0 || compare_keys(link->introduced, r->policy->self) == 0 || is_direct(r, link->introduced))
        return 0;
    memcpy(t.root, link->introduced, KEY_BYTES);
    memcpy(t.group, by->group, KEY_BYTES);
    memcpy(t.introducer, by->root, KEY_BYTES);
    t.expires_s = link->expires_s < by->expires_s ? link->expires_s : by->expires_s;
    return add_found(r, &t);
}

static int follow_all(struct reach *r, const struct trusted *by)
{
    size_t first = first_link(r, by->root), end = first;
    uint64_t shares_milli = 0;
    int rc = 0;
    for (; end < r->links_n && compare_keys(r->links[end].introducer, by->root) == 0; end++) {
        if (r->links[end].expires_s <= r->now_s)
            continue;
        shares_milli += r->links[end].share_milli;
        r->next_s = r->links[end].expires_s < r->next_s ? r->links[end].expires_s : r->next_s;
    }
    shares_milli = shares_milli < TRUST_SHARE_UNIT ? TRUST_SHARE_UNIT : shares_milli;
    for (size_t i = first; rc == 0 && i < end; i++)
        if (r->links[i].expires_s > r->now_s)
            rc = follow(r, by, &r->links[i], shares_milli);
    return rc;
}

static bool is_better(const struct trusted *t, const struct trusted *than)
{
    if (t->narrow != than->narrow)
        return than->narrow;
    return t->tau_micro > than->tau_micro || (t->tau_micro == than->tau_micro && compare_keys(t->group, than->group) < 0);
}

/* Keeps of what was found the best for each member, and that only if it is better than what the table has: these go in, and their introductions count next. */
static int settle(struct reach *r)
{
    size_t kept = 0;
    if (r->found_n > 0)
        qsort(r->found, r->found_n, sizeof *r->found, compare_found);
    uint8_t seen[KEY_BYTES];
    for (size_t i = 0; i < r->found_n; i++) {
        const struct trusted *t = &r->found[i];
        if (i > 0 && compare_keys(t->root, seen) == 0)
            continue;
        memcpy(seen, t->root, KEY_BYTES);
        const struct trusted *old = in_table(r, t->root);
        if (old == NULL || is_better(t, old))
            r->found[kept++] = *t;
    }
    r->found_n = kept;
    struct trusted *grown = realloc(r->table, (r->table_n + kept + 1) * sizeof *grown);
    if (grown == NULL)
        return -ENOMEM;
    r->table = grown;
    size_t table_n = r->table_n;
    for (size_t i = 0; i < kept; i++) {
        struct trusted *old = in_table(r, r->found[i].root);
        if (old != NULL)
            *old = r->found[i];
        else
            r->table[table_n++] = r->found[i];
    }
    r->table_n = table_n;
    if (table_n > 0)
        qsort(r->table, table_n, sizeof *r->table, compare_roots);
    return 0;
}

static int hop(struct reach *r)
{
    int rc = 0;
    r->found_n = 0;
    for (size_t i = 0; rc == 0 && i < r->from_n; i++)
        rc = follow_all(r, &r->from[i]);
    if (rc == 0)
        rc = settle(r);
    if (rc != 0)
        return rc;
    free(r->from);
    r->from = r->found;
    r->from_n = r->found_n;
    r->found = NULL;
    r->found_n = r->found_room = 0;
    return 0;
}

/* ---- the whole */

static int begin(struct reach *r)
{
    const struct policy *p = r->policy;
    r->direct = calloc(p->members_n + 1, sizeof *r->direct);
    r->from = calloc(p->members_n + 1, sizeof *r->from);
    if (r->direct == NULL || r->from == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < p->members_n; i++) {
        const struct policy_member *m = &p->members[i];
        r->direct[i] = m;
        if (m->trust_micro == 0 || compare_keys(m->root, p->self) == 0)
            continue;
        struct trusted *t = &r->from[r->from_n++];
        t->tau_micro = m->trust_micro < MICRO ? m->trust_micro : MICRO;
        t->expires_s = INT64_MAX;
        t->narrow = rights_narrow(&m->rights);
        memcpy(t->root, m->root, KEY_BYTES);
        memcpy(t->group, m->root, KEY_BYTES);
    }
    if (p->members_n > 0)
        qsort(r->direct, p->members_n, sizeof *r->direct, compare_direct);
    return 0;
}

static size_t keep_best(struct reach *r, size_t most)
{
    const size_t over = r->table_n > most ? r->table_n - most : 0;
    if (over == 0)
        return 0;
    qsort(r->table, r->table_n, sizeof *r->table, compare_taus);
    r->table_n = most;
    if (most > 0)
        qsort(r->table, most, sizeof *r->table, compare_roots);
    return over;
}

int trust_table(const struct policy *p, struct trust_link *links, size_t links_n, size_t most, int64_t now_s,
                struct trusted **out, size_t *n, size_t *left_out, int64_t *next_s)
{
    struct reach r = { .policy = p, .links = links, .links_n = links_n, .now_s = now_s, .next_s = INT64_MAX };
    if (links_n > 0)
        qsort(links, links_n, sizeof *links, compare_links);
    int rc = begin(&r);
    for (unsigned i = 0; rc == 0 && i < TRUST_HOPS_MAX; i++)
        rc = hop(&r);
    if (rc == 0) {
        const size_t over = keep_best(&r, most);
        if (left_out != NULL)
            *left_out = over;
        *out = r.table;
        *n = r.table_n;
        *next_s = r.next_s;
        r.table = NULL;
    }
    free(r.table);
    free(r.from);
    free(r.found);
    free(r.direct);
    return rc;
}
