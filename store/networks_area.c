#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/subject.h"
#include "store/keys.h"
#include "store/networks.h"
#include "store/score.h"

/* ---- keys */

struct networks_prefix networks_prefix_of(const uint8_t *key, size_t len)
{
    struct networks_prefix p = { .bits = key[len - 1] };
    for (size_t i = 1; i + 1 < len; i++)
        p.addr |= (uint64_t)key[i] << (64 - 8 * i);
    return p;
}

void networks_subject(uint8_t kind, const struct networks_prefix *p, struct subject *out)
{
    unsigned bytes = networks_host_bits(kind) / 8;
    memset(out, 0, sizeof *out);
    out->len = (uint8_t)(bytes + 2);
    out->key[0] = kind;
    for (unsigned i = 0; i < bytes; i++)
        out->key[1 + i] = (uint8_t)(p->addr >> (56 - 8 * i));
    out->key[1 + bytes] = (uint8_t)p->bits;
}

bool networks_block_of(const uint8_t *key, size_t len, struct networks_block *out, bool *wider)
{
    *wider = false;
    if (len == 0 || (key[0] != SUBJECT_IP4 && key[0] != SUBJECT_IP6))
        return false;
    struct networks_prefix p = networks_prefix_of(key, len);
    unsigned bits = networks_block_bits(key[0]);
    *wider = p.bits < bits;
    *out = (struct networks_block){ key[0], p.addr & ~UINT64_C(0) << (64 - bits) };
    return !*wider;
}

struct networks_range networks_range_of(uint8_t kind, const struct networks_prefix *p)
{
    struct networks_prefix last = { p->addr | (p->bits < 64 ? ~UINT64_C(0) >> p->bits : 0), 0xff };
    struct subject low, high;
    struct networks_range r = { .len = networks_host_bits(kind) / 8 + 2 };
    networks_subject(kind, p, &low);
    networks_subject(kind, &last, &high);
    memcpy(r.low, low.key, r.len);
    r.low[r.len - 1] = 0;
    memcpy(r.high, high.key, r.len);
    return r;
}

/* ---- what is listed in a block */

int networks_area_create(struct networks_area *a)
{
    if (a->rows != NULL)
        return 0;
    a->rows = malloc(NETWORKS_ROWS_MAX * sizeof *a->rows);
    a->hosts = malloc(NETWORKS_ROWS_MAX * sizeof *a->hosts);
    a->found = malloc(NETWORKS_ROWS_MAX / 2 * sizeof *a->found);
    if (a->rows != NULL && a->hosts != NULL && a->found != NULL)
        return 0;
    networks_area_clear(a);
    return -ENOMEM;
}

void networks_area_clear(struct networks_area *a)
{
    free(a->rows);
    free(a->hosts);
    free(a->found);
    free(a->innocents);
    free(a->was);
    memset(a, 0, sizeof *a);
}

void networks_area_begin(struct networks_area *a, const struct networks_block *b)
{
    a->block = *b;
    a->rows_n = a->innocents_n = 0;
    a->cut = a->innocent = false;
    a->unseen = 0;
}

/* What lies at this address and above counts as not looked at. */
static void cut_at(struct networks_area *a, uint64_t addr)
{
    if (!a->cut || addr < a->unseen)
        a->unseen = addr;
    a->cut = true;
}

void networks_area_add(struct networks_area *a, const uint8_t *key, size_t len, int zone, int category, uint64_t said_by)
{
    struct networks_prefix p = networks_prefix_of(key, len);
    if (a->cut)
        return;
    if (a->rows_n == NETWORKS_ROWS_MAX) {
        cut_at(a, a->rows[a->rows_n - 1].prefix.addr);     /* of which more may follow */
        return;
    }
    a->rows[a->rows_n++] = (struct networks_row){ p, zone, category, said_by };
}

int networks_area_read(struct networks_area *a, struct db *d, const struct names *n, const struct policy *p, const struct networks_block *b)
{
    struct networks_prefix all = { b->addr, networks_block_bits(b->kind) };
    struct networks_range r = networks_range_of(b->kind, &all);
    size_t looked_n = 0;
    networks_area_begin(a, b);
    struct query q = query(d, SQL_LISTING_WITHIN);
    query_blob(&q, r.low, r.len);
    query_blob(&q, r.high, r.len);
    query_int(&q, NETWORKS_ROWS_MAX + 1);
    while (query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        int category = names_category_policy(n, column_int(&q, 1)), zone = names_zone(n, p, column_int(&q, 2));
        if (key.len != r.len)
            continue;
        if (++looked_n > NETWORKS_ROWS_MAX)
            cut_at(a, networks_prefix_of(key.at, key.len).addr);
        else if (zone >= 0 && category >= 0 && key.at[key.len - 1] >= all.bits)
            networks_area_add(a, key.at, key.len, zone, category, (uint64_t)column_int(&q, 3));
    }
    return query_end(&q);
}

static bool is_host(const struct networks_area *a, const struct networks_row *row)
{
    return row->prefix.bits == networks_host_bits(a->block.kind);
}

bool networks_area_may(const struct networks_area *a, const struct policy *p)
{
    unsigned least = networks_least(p), n = 0;
    for (size_t i = 0; least > 0 && i < a->rows_n && n < least; i++)
        n += is_host(a, &a->rows[i]) && networks_counts(a->rows[i].said_by) && p->zones[a->rows[i].zone].networks && !p->zones[a->rows[i].zone].white;
    return least > 0 && n >= least;
}

bool networks_area_has(const struct networks_area *a, int zone, int category, const struct networks_list *stored)
{
    for (size_t i = 0; i < stored->n; i++)
        if (stored->at[i].zone == zone && stored->at[i].category == category)
            return true;
    for (size_t i = 0; i < a->rows_n; i++)
        if (a->rows[i].zone == zone && a->rows[i].category == category)
            return true;
    return false;
}

/* ---- who is innocent */

static int add_prefix(struct networks_prefix **all, size_t *n, size_t *room, const struct networks_prefix *p)
{
    if (*n == *room) {
        size_t more = *room * 2 + 64;
        struct networks_prefix *grown = realloc(*all, more * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        *all = grown;
        *room = more;
    }
    (*all)[(*n)++] = *p;
    return 0;
}

static int add_innocent(struct networks_area *a, const struct networks_prefix *p)
{
    return add_prefix(&a->innocents, &a->innocents_n, &a->innocents_room, p);
}

static int by_address(const void *a, const void *b)
{
    const struct networks_prefix *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    return (x->bits > y->bits) - (x->bits < y->bits);
}

/* Each once, and none within another. */
static void sort_innocents(struct networks_area *a)
{
    size_t kept = 0;
    if (a->innocents_n > 1)
        qsort(a->innocents, a->innocents_n, sizeof *a->innocents, by_address);
    for (size_t i = 0; i < a->innocents_n; i++)
        if (kept == 0 || !networks_overlap(&a->innocents[kept - 1], &a->innocents[i]))
            a->innocents[kept++] = a->innocents[i];
    a->innocents_n = kept;
}

/* Good mail in twice the amount of bad: both masses fade alike, so the sign of the own opinion needs no time. */
static int read_own(struct networks_area *a, struct db *d)
{
    struct networks_prefix all = { a->block.addr, networks_block_bits(a->block.kind) };
    struct networks_range r = networks_range_of(a->block.kind, &all);
    size_t looked_n = 0;
    int rc = 0;
    struct query q = query(d, SQL_EVIDENCE_WITHIN);
    query_blob(&q, r.low, r.len);
    query_blob(&q, r.high, r.len);
    query_int(&q, NETWORKS_ROWS_MAX + 1);
    while (rc == 0 && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        struct networks_prefix p = key.len == r.len ? networks_prefix_of(key.at, key.len) : (struct networks_prefix){ 0, 0 };
        if (p.bits < all.bits)
            continue;
        if (++looked_n > NETWORKS_ROWS_MAX)
            cut_at(a, p.addr);
        else if (SCORE_KAPPA_WHITE * column_int(&q, 2) > column_int(&q, 1))
            rc = add_innocent(a, &p);
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* Whether a white zone lists a prefix that holds the whole block. */
static int read_wider(struct networks_area *a, struct db *d, const struct names *n, const struct policy *p, int64_t prefixes)
{
    struct networks_prefix all = { a->block.addr, networks_block_bits(a->block.kind) };
    struct subject s;
    struct listed_keys k;
    int rc = 0;
    networks_subject(a->block.kind, &all, &s);
    listed_keys(prefixes, &s, &k);
    for (size_t i = 1; rc == 0 && i < k.n; i++) {
        struct query q = query(d, SQL_LISTING_CHECK);
        query_blob(&q, k.keys[i].key, k.keys[i].len);
        while (query_row(&q)) {
            int zone = names_zone(n, p, column_int(&q, 0));
            a->innocent |= zone >= 0 && p->zones[zone].white;
        }
        rc = query_end(&q);
    }
    return rc;
}

int networks_area_innocents(struct networks_area *a, struct db *d, const struct names *n, const struct policy *p, int64_t prefixes)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->rows_n; i++)
        if (p->zones[a->rows[i].zone].white)
            rc = add_innocent(a, &a->rows[i].prefix);
    if (rc == 0)
        rc = read_own(a, d);
    sort_innocents(a);
    return rc == 0 ? read_wider(a, d, n, p, prefixes) : rc;
}

/* ---- judging */

struct asking_never {
    const struct networks_judge *judge;
    uint8_t kind;
};

static bool never(void *ctx, const struct networks_prefix *p)
{
    const struct asking_never *a = ctx;
    struct subject s;
    networks_subject(a->kind, p, &s);
    return a->judge->never(a->judge->ctx, &s);
}

static size_t hosts_of(struct networks_area *a, int zone, int category)
{
    size_t n = 0;
    for (size_t i = 0; i < a->rows_n; i++)
        if (a->rows[i].zone == zone && a->rows[i].category == category && is_host(a, &a->rows[i]) && networks_counts(a->rows[i].said_by))
            a->hosts[n++] = (struct networks_host){ a->rows[i].prefix.addr, a->rows[i].said_by };
    return n;
}

static int was_of(struct networks_area *a, int zone, int category, const struct networks_list *stored)
{
    int rc = 0;
    a->was_n = 0;
    for (size_t i = 0; rc == 0 && i < stored->n; i++)
        if (stored->at[i].zone == zone && stored->at[i].category == category)
            rc = add_prefix(&a->was, &a->was_n, &a->was_room, &stored->at[i].prefix);
    return rc;
}

int networks_judge(struct networks_area *a, const struct networks_judge *j, int zone, int category, const struct networks_list *stored, size_t *n)
{
    const struct policy_zone *z = &j->policy->zones[zone];
    struct asking_never asking = { j, a->block.kind };
    *n = 0;
    if (!z->networks || z->white || a->innocent)
        return 0;
    int rc = was_of(a, zone, category, stored);
    struct networks_case c = {
        .rule = networks_rule_of(z, j->groups_n, networks_block_bits(a->block.kind)), .listed = a->hosts, .listed_n = hosts_of(a, zone, category),
        .innocents = a->innocents, .innocents_n = a->innocents_n, .was = a->was, .was_n = a->was_n, .cut = a->cut, .unseen = a->unseen,
        .never = never, .ctx = &asking,
    };
    if (rc == 0)
        *n = networks_grow(&c, a->found);
    return rc;
}

/* ---- as stored */

int networks_stored(struct networks_list *l, struct db *d, const struct names *n, const struct policy *p, const struct networks_block *b)
{
    struct networks_prefix all = { b->addr, networks_block_bits(b->kind) };
    struct networks_range r = networks_range_of(b->kind, &all);
    int rc = 0;
    l->n = 0;
    struct query q = query(d, SQL_NETWORK_WITHIN);
    query_blob(&q, r.low, r.len);
    query_blob(&q, r.high, r.len);
    while (rc == 0 && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        if (l->n == l->room) {
            size_t room = l->room * 2 + 16;
            struct networks_stored *grown = realloc(l->at, room * sizeof *grown);
            rc = grown == NULL ? -ENOMEM : 0;
            l->at = grown != NULL ? grown : l->at;
            l->room = grown != NULL ? room : l->room;
        }
        if (rc == 0 && key.len == r.len)
            l->at[l->n++] = (struct networks_stored){
                .prefix = networks_prefix_of(key.at, key.len), .category_id = column_int(&q, 1), .zone_id = column_int(&q, 2),
                .category = names_category_policy(n, column_int(&q, 1)), .zone = names_zone(n, p, column_int(&q, 2)),
                .addresses = (unsigned)column_int(&q, 3), .groups = (unsigned)column_int(&q, 4), .innocents = (unsigned)column_int(&q, 5),
            };
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}
