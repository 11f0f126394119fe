#include "store/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- which blocks */

/* Whether there are networks, or may be: one group alone never makes any. */
static bool are_wanted(const struct store *s)
{
    return s->networks_n > 0 || (s->names.groups_n > 0 && networks_least(s->policy) > 0);
}

/* A good prefix that holds whole blocks came or went: they are found by a pass over what is listed. */
static int touch_all(struct fold *f)
{
    store_start_recheck(f->s);
    f->more = true;
    return meta_set_number(&f->s->db, META_NETWORKS_STALE, 1);
}

int fold_touch_network(struct fold *f, const uint8_t *key, size_t len, bool good)
{
    struct networks_block b;
    bool wider;
    if (!are_wanted(f->s))
        return 0;
    if (!networks_block_of(key, len, &b, &wider))
        return wider && good ? touch_all(f) : 0;
    if (f->blocks_n > 0 && f->blocks[f->blocks_n - 1].kind == b.kind && f->blocks[f->blocks_n - 1].addr == b.addr)
        return 0;
    if (f->blocks_n == f->blocks_room) {
        size_t room = f->blocks_room * 2 + 256;
        struct networks_block *grown = realloc(f->blocks, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        f->blocks = grown;
        f->blocks_room = room;
    }
    f->blocks[f->blocks_n++] = b;
    return 0;
}

int fold_recheck_network(struct fold *f, const uint8_t *key, size_t len)
{
    struct store *s = f->s;
    struct networks_block b;
    bool wider;
    size_t least = s->networks_n > 0 ? 2 : networks_least(s->policy);
    if (!are_wanted(s) || !networks_block_of(key, len, &b, &wider))
        return 0;
    if (b.kind != s->recheck_block.kind || b.addr != s->recheck_block.addr) {
        s->recheck_block = b;
        s->recheck_block_n = 0;
    }
    return ++s->recheck_block_n == least ? fold_touch_network(f, key, len, false) : 0;
}

int fold_networks_stale(struct fold *f)
{
    return are_wanted(f->s) ? touch_all(f) : 0;
}

int fold_networks_checked(struct fold *f)
{
    int64_t stale = 0;
    int rc = meta_number(&f->s->db, META_NETWORKS_STALE, &stale);
    return rc == 0 && stale != 0 ? meta_set_number(&f->s->db, META_NETWORKS_STALE, 0) : rc;
}

/* ---- what is stored */

static bool stands(struct fold *f, enum sql which, const struct topic *t, int64_t zone_id, int *rc)
{
    struct query q = query(&f->s->db, which);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, zone_id);
    bool found = query_row(&q);
    *rc = query_end(&q);
    return found;
}

int fold_note_end(struct fold *f, const struct topic *t, int zone, int category)
{
    struct networks_block b;
    bool wider;
    int rc = 0;
    bool prefix = networks_block_of(t->key, t->len, &b, &wider) && t->key[t->len - 1] < networks_host_bits(b.kind);
    if (prefix && f->s->networks_n > 0 && stands(f, SQL_NETWORK_HAS, t, f->s->names.zone_ids[zone], &rc))
        return rc;
    return rc == 0 ? fold_note_change(f->s, t, zone, category, false) : rc;
}

/* A place in the database: a network of a zone and a category. */
struct place {
    struct subject subject;
    struct topic topic;
    int zone, category;
    int64_t zone_id;
};

static void place_at(struct place *at, uint8_t kind, const struct networks_prefix *p, int64_t category_id)
{
    networks_subject(kind, p, &at->subject);
    at->topic = (struct topic){ .key = at->subject.key, .len = at->subject.len, .category = (uint16_t)category_id };
}

static int drop(struct fold *f, const struct place *at)
{
    int rc = 0;
    struct query q = query(&f->s->db, SQL_NETWORK_DROP);
    query_blob(&q, at->topic.key, at->topic.len);
    query_int(&q, at->topic.category);
    query_int(&q, at->zone_id);
    rc = query_run(&q);
    f->s->counted[COUNT_NETWORKS]--;
    f->s->networks_n--;
    if (rc != 0 || at->zone < 0 || at->category < 0 || stands(f, SQL_LISTING_HAS, &at->topic, at->zone_id, &rc))
        return rc;
    return rc == 0 ? fold_note_change(f->s, &at->topic, at->zone, at->category, false) : rc;
}

static int put(struct fold *f, const struct place *at, const struct networks_found *found, size_t innocents_n, bool is_new)
{
    struct query q = query(&f->s->db, SQL_NETWORK_PUT);
    query_blob(&q, at->topic.key, at->topic.len);
    query_int(&q, at->topic.category);
    query_int(&q, at->zone_id);
    query_int(&q, f->now_s);
    query_int(&q, found->addresses);
    query_int(&q, found->groups);
    query_int(&q, (int64_t)innocents_n);
    int rc = query_run(&q);
    if (rc != 0 || !is_new)
        return rc;
    f->s->counted[COUNT_NETWORKS]++;
    f->s->networks_n++;
    rc = fold_note_prefix(f->s, &at->topic);
    return rc == 0 ? fold_note_change(f->s, &at->topic, at->zone, at->category, true) : rc;
}

static bool is_same(const struct networks_stored *s, const struct networks_prefix *p, int zone, int category)
{
    return s->zone == zone && s->category == category && s->prefix.addr == p->addr && s->prefix.bits == p->bits;
}

static const struct networks_stored *find_stored(const struct networks_list *l, const struct networks_prefix *p, int zone, int category)
{
    for (size_t i = 0; i < l->n; i++)
        if (is_same(&l->at[i], p, zone, category))
            return &l->at[i];
    return NULL;
}

static bool is_found(const struct networks_area *a, size_t n, const struct networks_stored *s)
{
    for (size_t i = 0; i < n; i++)
        if (is_same(s, &a->found[i].prefix, s->zone, s->category))
            return true;
    return false;
}

/* ---- one block */

/* What of one zone and category is stored, made what was found. */
static int apply(struct fold *f, int zone, int category, size_t found_n)
{
    struct store *s = f->s;
    const struct networks_area *a = &s->area;
    struct place at = { .zone = zone, .category = category, .zone_id = s->names.zone_ids[zone] };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->stored_networks.n; i++) {
        const struct networks_stored *old = &s->stored_networks.at[i];
        if (old->zone != zone || old->category != category || is_found(a, found_n, old))
            continue;
        place_at(&at, a->block.kind, &old->prefix, old->category_id);
        rc = drop(f, &at);
    }
    for (size_t i = 0; rc == 0 && i < found_n; i++) {
        const struct networks_found *found = &a->found[i];
        const struct networks_stored *old = find_stored(&s->stored_networks, &found->prefix, zone, category);
        if (old != NULL && old->addresses == found->addresses && old->groups == found->groups && old->innocents == a->innocents_n)
            continue;
        place_at(&at, a->block.kind, &found->prefix, s->names.category_ids[category]);
        rc = put(f, &at, found, a->innocents_n, old == NULL);
    }
    return rc;
}

/* Of zones and categories that are not configured any more. */
static int drop_leftovers(struct fold *f)
{
    struct store *s = f->s;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->stored_networks.n; i++) {
        const struct networks_stored *old = &s->stored_networks.at[i];
        struct place at = { .zone = old->zone, .category = old->category, .zone_id = old->zone_id };
        if (old->zone >= 0 && old->category >= 0)
            continue;
        place_at(&at, s->area.block.kind, &old->prefix, old->category_id);
        rc = drop(f, &at);
    }
    return rc;
}

static bool never_lists(void *ctx, const struct subject *s)
{
    return store_never_lists(ctx, s);
}

static int judge_block(struct fold *f)
{
    struct store *s = f->s;
    struct networks_judge judge = { .policy = s->policy, .groups_n = s->names.groups_n, .never = never_lists, .ctx = s };
    int rc = 0;
    for (int zone = 0; rc == 0 && (size_t)zone < s->policy->zones_n; zone++) {
        for (int category = 0; rc == 0 && (size_t)category < s->policy->categories_n; category++) {
            size_t n = 0;
            if (s->policy->zones[zone].white || !networks_area_has(&s->area, zone, category, &s->stored_networks))
                continue;
            rc = networks_judge(&s->area, &judge, zone, category, &s->stored_networks, &n);
            if (rc == 0)
                rc = apply(f, zone, category, n);
        }
    }
    return rc;
}

static int work_block(struct fold *f, const struct networks_block *b)
{
    struct store *s = f->s;
    s->stored_networks.n = 0;
    int rc = networks_area_read(&s->area, &s->db, &s->names, s->policy, b);
    if (rc == 0 && s->networks_n > 0)
        rc = networks_stored(&s->stored_networks, &s->db, &s->names, s->policy, b);
    if (rc != 0 || (s->stored_networks.n == 0 && !networks_area_may(&s->area, s->policy)))
        return rc;
    rc = networks_area_innocents(&s->area, &s->db, &s->names, s->policy, s->prefixes);
    if (rc == 0)
        rc = drop_leftovers(f);
    return rc == 0 ? judge_block(f) : rc;
}

static int compare_blocks(const void *a, const void *b)
{
    const struct networks_block *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->addr > y->addr) - (x->addr < y->addr);
}

int fold_networks(struct fold *f)
{
    int rc = f->blocks_n > 0 ? networks_area_create(&f->s->area) : 0;
    if (f->blocks_n > 1)
        qsort(f->blocks, f->blocks_n, sizeof *f->blocks, compare_blocks);
    for (size_t i = 0; rc == 0 && i < f->blocks_n; i++)
        if (i == 0 || compare_blocks(&f->blocks[i], &f->blocks[i - 1]) != 0)
            rc = work_block(f, &f->blocks[i]);
    f->blocks_n = 0;
    return rc;
}
