#include <errno.h>
#include <stdlib.h>

#include "store/reader_private.h"
#include "store/what_if_kept.h"

struct asking {
    struct reader *r;
    const struct supposing *how;
    int64_t now_s;
    int (*each)(void *ctx, const struct supposed *s);
    void *ctx;
    struct reader_networks networks;       /* of the block that keys are being taken of */
    struct what_if_kept kept;
};

/* Introductions were reckoned with the trust in force; another trust gives others. */
static int reckon_trust(struct reader *r, int64_t now_s)
{
    struct trust_link *links = NULL;
    struct trusted *table = NULL;
    size_t links_n = 0, table_n = 0, direct = r->policy->members_n + 1;
    int64_t next_s;
    int rc = reader_links(r, &links, &links_n);
    if (rc == 0)
        rc = trust_table(r->policy, links, links_n, direct < MEMBERS_MAX ? MEMBERS_MAX - direct : 0, now_s, &table, &table_n, NULL, &next_s);
    if (rc == 0)
        names_set_trusted(&r->names, r->policy, table, table_n);
    free(links);
    return rc;
}

/* ---- networks, which follow from the listings */

static int suppose_network(void *ctx, const struct networks_change *c)
{
    struct asking *a = ctx;
    struct supposed s = { .zone = c->zone, .category = c->category, .subject = c->subject, .listed = c->now != NULL };
    if ((c->was != NULL) == (c->now != NULL))
        return 0;
    s.groups = c->now != NULL ? c->now->groups : c->was->groups;
    s.addresses = c->now != NULL ? c->now->addresses : c->was->addresses;
    return a->each(a->ctx, &s);
}

/* The keys of a block have all been seen. */
static int end_block(struct asking *a)
{
    struct networks_area *area = &a->networks.area;
    int rc = area->block.kind != 0 ? reader_networks_compare(a->r, &a->networks, suppose_network, a) : 0;
    networks_area_begin(area, &(struct networks_block){ .kind = 0 });
    return rc;
}

static int begin_key(struct asking *a, const struct topic *t)
{
    struct networks_area *area = &a->networks.area;
    struct networks_block b;
    bool wider;
    if (!networks_block_of(t->key, t->len, &b, &wider) || (area->block.kind == b.kind && area->block.addr == b.addr))
        return 0;
    int rc = end_block(a);
    networks_area_begin(area, &b);
    return rc;
}

/* ---- keys */

static int suppose_zone(struct asking *a, const struct supposed *key, const struct score *score, int zone, bool never)
{
    struct reader *r = a->r;
    const struct policy_zone *z = &r->policy->zones[zone];
    bool was = voices_row(&r->voices, r->names.zone_ids[zone]) != NULL;
    bool lists = !never && (z->white || voices_vouched_until(&r->voices, r->policy, a->now_s) == 0) && score_lists(z, score, r->names.groups_n, was);
    struct networks_block b;
    bool wider;
    if (lists && networks_block_of(key->subject.key, key->subject.len, &b, &wider))
        networks_area_add(&a->networks.area, key->subject.key, key->subject.len, zone, key->category, score->said_by);
    if (lists == was)
        return 0;
    struct supposed s = *key;
    s.zone = zone;
    s.listed = lists;
    s.score_milli = score->micro / 1000;
    s.groups = z->white ? score->groups_white : score->groups;
    return a->each(a->ctx, &s);
}

static int suppose_key(struct asking *a, const struct topic *t)
{
    struct reader *r = a->r;
    struct supposed key = { .category = names_category_policy(&r->names, t->category) };
    if (key.category < 0)
        return 0;
    int rc = subject_from_key(t->key, t->len, &key.subject) == 0 ? begin_key(a, t) : -EBADMSG;
    if (rc == 0)
        rc = voices_load(&r->voices, &r->db, &r->names, r->policy, t);
    if (rc == 0)
        rc = what_if_forget(&a->kept, r, t);
    if (rc != 0)
        return rc;
    struct score score = voices_score(&r->voices, r->policy, key.category, a->now_s);
    bool never = reader_never_lists(r, &key.subject);
    for (size_t zone = 0; rc == 0 && zone < r->policy->zones_n; zone++)
        rc = suppose_zone(a, &key, &score, (int)zone, never);
    return rc;
}

static int suppose_all(struct asking *a)
{
    int rc = reckon_trust(a->r, a->now_s);
    if (rc == 0)
        rc = reader_exceptions_at(a->r, a->now_s);
    if (rc == 0)
        rc = networks_area_create(&a->networks.area);
    if (rc == 0)
        rc = what_if_kept_begin(&a->kept, a->r, a->how);
    if (rc != 0)
        return rc;
    struct query q = query(&a->r->db, SQL_KEYS_ALL);
    while (rc == 0 && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        struct topic t = { .key = key.at, .len = (uint8_t)key.len, .category = (uint16_t)column_int(&q, 1) };
        rc = key.len <= SUBJECT_KEY_MAX ? suppose_key(a, &t) : -EBADMSG;
    }
    int ended = query_end(&q);
    rc = rc != 0 ? rc : ended;
    return rc == 0 ? end_block(a) : rc;
}

int reader_what_if(struct reader *r, const struct supposing *how, int (*each)(void *ctx, const struct supposed *s), void *ctx, struct supposed_kept *kept)
{
    struct asking a = { .r = r, .how = how, .now_s = how->now_s, .each = each, .ctx = ctx };
    int rc = reader_begin(r);
    if (rc == 0) {
        rc = suppose_all(&a);
        int ended = what_if_kept_end(&a.kept);
        rc = reader_end(r, rc != 0 ? rc : ended);
    }
    reader_networks_clear(&a.networks);
    if (rc == 0)
        *kept = a.kept.found;
    return rc;
}
