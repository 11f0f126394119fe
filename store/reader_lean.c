#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/lean.h"
#include "store/lean_network.h"
#include "store/reader_private.h"

enum { PROGRESS_EVERY = 4096 };

struct counting {
    struct reader *r;
    int64_t now_s;
    void (*progress)(void *ctx, uint64_t done, uint64_t all);
    void *ctx;
    struct member_load *loads;             /* by index of names.members */
    uint64_t done, all;
    struct lean lean;
    struct lean_network network;
};

static void step(struct counting *c)
{
    if (++c->done % PROGRESS_EVERY == 0 && c->progress != NULL)
        c->progress(c->ctx, c->done < c->all ? c->done : c->all, c->all);
}

static struct member_load *load_of(struct counting *c, int64_t id)
{
    const struct known_member *m = names_member(&c->r->names, id);
    return m != NULL ? &c->loads[m - c->r->names.members] : NULL;
}

/* ---- subjects: a member may speak of one in several categories, which stand together */

static int count_subjects(struct counting *c)
{
    uint8_t last[SUBJECT_KEY_MAX];
    size_t last_len = 0;
    uint64_t number = 0, *seen = calloc(c->r->names.members_n + 1, sizeof *seen);
    if (seen == NULL)
        return -ENOMEM;
    struct query q = query(&c->r->db, SQL_OPINION_EACH);
    while (query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        struct member_load *load = load_of(c, column_int(&q, 1));
        if (key.len > sizeof last)
            continue;
        if (key.len != last_len || memcmp(key.at, last, key.len) != 0) {
            memcpy(last, key.at, key.len);
            last_len = key.len;
            number++;
        }
        step(c);
        if (load == NULL || column_int(&q, 2) == 0 || column_int(&q, 3) < c->now_s - c->r->policy->ttl_s || seen[load - c->loads] == number)
            continue;
        seen[load - c->loads] = number;
        load->subjects++;
    }
    free(seen);
    return query_end(&q);
}

/* ---- what leans on whom */

static void count_zone(struct counting *c, const struct policy_zone *z)
{
    const struct voices *v = &c->r->voices;
    size_t groups_n = c->r->names.groups_n;
    if (!score_lists(z, &c->lean.whole, groups_n, true))
        return;                            /* it ends by time alone, or something else upholds it */
    for (size_t i = 0; i < v->n; i++) {
        struct score without = lean_without(&c->lean, v->all, i);
        struct member_load *load = score_lists(z, &without, groups_n, true) ? NULL : load_of(c, v->all[i].who);
        if (load != NULL)
            load->leaning++;
    }
}

static int count_key(struct counting *c, const struct topic *t)
{
    struct reader *r = c->r;
    int category = names_category_policy(&r->names, t->category);
    if (category < 0)
        return 0;
    int rc = voices_load(&r->voices, &r->db, &r->names, r->policy, t);
    if (rc == 0)
        rc = lean_load(&c->lean, r->voices.all, r->voices.n, r->voices.has_own ? &r->voices.own : NULL, r->policy->categories[category].half_life_s,
                       r->policy->ttl_s, c->now_s);
    for (size_t i = 0; rc == 0 && i < r->voices.rows_n; i++) {
        int zone = r->voices.rows[i].zone;
        if (zone >= 0 && r->policy->zones[zone].name[0] != '\0')
            count_zone(c, &r->policy->zones[zone]);
    }
    return rc;
}

/* ---- networks */

static void note_leaning(void *ctx, size_t member)
{
    struct counting *c = ctx;
    c->loads[member].leaning++;
}

/* One listed address of a network: who says so now, and without each member. */
static int count_host(struct counting *c, const struct topic *t, int zone, int category)
{
    struct reader *r = c->r;
    const struct policy_zone *z = &r->policy->zones[zone];
    size_t groups_n = r->names.groups_n;
    int rc = voices_load(&r->voices, &r->db, &r->names, r->policy, t);
    if (rc == 0)
        rc = lean_load(&c->lean, r->voices.all, r->voices.n, r->voices.has_own ? &r->voices.own : NULL, r->policy->categories[category].half_life_s,
                       r->policy->ttl_s, c->now_s);
    if (rc != 0 || !score_lists(z, &c->lean.whole, groups_n, true) ||
        !lean_network_host(&c->network, networks_prefix_of(t->key, t->len).addr, c->lean.whole.said_by))
        return rc;
    for (size_t i = 0; rc == 0 && i < r->voices.n; i++) {
        struct score without = lean_without(&c->lean, r->voices.all, i);
        struct member_load *load = load_of(c, r->voices.all[i].who);
        if (load != NULL)
            rc = lean_network_without(&c->network, (size_t)(load - c->loads), score_lists(z, &without, groups_n, true) ? without.said_by : 0);
    }
    return rc;
}

static int count_network(struct counting *c, struct bytes key, int64_t category_id, int64_t zone_id)
{
    struct reader *r = c->r;
    int category = names_category_policy(&r->names, category_id), zone = names_zone(&r->names, r->policy, zone_id);
    struct subject s;
    if (category < 0 || zone < 0 || r->policy->zones[zone].name[0] == '\0')
        return 0;
    if (subject_from_key(key.at, key.len, &s) != 0)
        return -EBADMSG;
    struct networks_prefix p = networks_prefix_of(s.key, s.len);
    struct networks_rule rule = networks_rule_of(&r->policy->zones[zone], r->names.groups_n, networks_block_bits(s.key[0]));
    struct networks_range range = networks_range_of(s.key[0], &p);
    int rc = lean_network_begin(&c->network, &p, &rule);
    if (rc != 0)
        return rc;
    struct query q = reader_network_hosts(r, &s, &range, zone, category, NETWORKS_ROWS_MAX + 1);
    while (rc == 0 && query_row(&q)) {
        struct bytes host = column_bytes(&q, 0);
        rc = count_host(c, &(struct topic){ .key = host.at, .len = (uint8_t)host.len, .category = (uint16_t)category_id }, zone, category);
    }
    int ended = query_end(&q);
    if (rc == 0)
        lean_network_end(&c->network, note_leaning, c);
    return rc != 0 ? rc : ended;
}

/* A key that several zones list comes once. */
static int count_leaning(struct counting *c)
{
    uint8_t last[SUBJECT_KEY_MAX];
    size_t last_len = 0;
    int64_t last_category = 0;
    int rc = 0;
    struct query q = query(&c->r->db, SQL_LISTING_ALL);
    query_int(&q, INT64_MIN);
    query_int(&q, 0);
    while (rc == 0 && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        int64_t category = column_int(&q, 1);
        step(c);
        if (column_int(&q, 7) > 0) {
            rc = count_network(c, key, category, column_int(&q, 2));
            continue;
        }
        if (key.len > sizeof last || (key.len == last_len && category == last_category && memcmp(key.at, last, key.len) == 0))
            continue;
        memcpy(last, key.at, key.len);
        last_len = key.len;
        last_category = category;
        rc = count_key(c, &(struct topic){ .key = last, .len = (uint8_t)last_len, .category = (uint16_t)category });
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* ---- */

static int count_all(struct counting *c, size_t *n)
{
    struct reader *r = c->r;
    int rc = names_load(&r->names, &r->db, r->policy);
    c->loads = rc == 0 ? calloc(r->names.members_n + 1, sizeof *c->loads) : NULL;
    if (c->loads == NULL)
        return rc != 0 ? rc : -ENOMEM;
    rc = count_subjects(c);
    if (rc == 0)
        rc = count_leaning(c);
    *n = 0;
    for (size_t i = 0; i < r->names.members_n; i++) {
        const struct known_member *m = &r->names.members[i];
        if (m->forgotten || m->self)
            continue;
        memcpy(c->loads[i].root, m->root, KEY_BYTES);
        c->loads[(*n)++] = c->loads[i];
    }
    return rc;
}

int reader_member_loads(struct reader *r, int64_t now_s, void (*progress)(void *ctx, uint64_t done, uint64_t all), void *ctx, struct member_load **out, size_t *n)
{
    struct counting c = { .r = r, .now_s = now_s, .progress = progress, .ctx = ctx };
    struct store_counts counts;
    size_t found = 0;
    int rc = reader_counts(r, &counts);
    if (rc != 0)
        return rc;
    c.all = counts.opinions + counts.listings + counts.unnamed + counts.networks;
    rc = reader_begin(r);
    if (rc == 0)
        rc = reader_end(r, count_all(&c, &found));
    lean_clear(&c.lean);
    lean_network_clear(&c.network);
    if (rc != 0) {
        free(c.loads);
        return rc;
    }
    *out = c.loads;
    *n = found;
    return 0;
}
