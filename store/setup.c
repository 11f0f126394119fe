#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/identity.h"
#include "store/introduce.h"
#include "store/rights.h"
#include "store/setup.h"
#include "store/store_private.h"

/* ---- a digest of all that scores and listings depend on; when it differs, every key must be looked at again */

struct text {
    uint8_t *at;
    size_t len, room;
    bool failed;
};

static void add(struct text *t, const void *at, size_t len)
{
    if (t->room - t->len < len) {
        size_t room = t->room * 2 + len + 1024;
        uint8_t *grown = realloc(t->at, room);
        t->failed |= grown == NULL;
        if (grown == NULL)
            return;
        t->at = grown;
        t->room = room;
    }
    memcpy(t->at + t->len, at, len);
    t->len += len;
}

static void add_number(struct text *t, int64_t value)
{
    add(t, &value, sizeof value);
}

static void add_name(struct text *t, const char *name)
{
    add(t, name, strlen(name) + 1);
}

static int compare_members(const void *a, const void *b)
{
    return memcmp(((const struct policy_member *)a)->root, ((const struct policy_member *)b)->root, KEY_BYTES);
}

/* Nothing of one that may do everything: so a change of rights is one, and an older digest still holds. */
static void add_rights(struct text *t, const struct policy_member *m, const struct policy *p, const struct names *n)
{
    const struct policy_member *own = policy_member(p, m->root);
    if (!rights_narrow(&m->rights))
        return;
    add_name(t, "rights");
    add_number(t, (int64_t)m->rights.categories);
    add_number(t, m->rights.black_only | m->rights.no_prefixes << 1 | (own != NULL && n->probation[own - p->members]) << 2);
    add_number(t, m->rights.max_weight_micro);
}

static void add_members(struct text *t, const struct policy *p, const struct names *n)
{
    struct policy_member *sorted = calloc(p->members_n + 1, sizeof *sorted);
    if (sorted == NULL) {
        t->failed = true;
        return;
    }
    if (p->members_n > 0)
        memcpy(sorted, p->members, p->members_n * sizeof *sorted);
    qsort(sorted, p->members_n, sizeof *sorted, compare_members);
    for (size_t i = 0; i < p->members_n; i++) {
        add(t, sorted[i].root, KEY_BYTES);
        add_number(t, sorted[i].trust_micro);
        add_rights(t, &sorted[i], p, n);
    }
    free(sorted);
}

/* Not when and by whom: only what it weighs. */
static void add_trusted(struct text *t, const struct names *n)
{
    for (size_t i = 0; i < n->trusted_n; i++) {
        add(t, n->trusted[i].root, KEY_BYTES);
        add(t, n->trusted[i].group, KEY_BYTES);
        add_number(t, n->trusted[i].tau_micro);
    }
}

/* The snapshot of what was learned; newcomers are left out, since members come to be known without any pass. */
static void add_learned(struct text *t, const struct names *n)
{
    for (size_t i = 0; i < n->members_n; i++) {
        const struct known_member *m = &n->members[i];
        if (m->forgotten)
            continue;
        const struct reliability *r = &m->reliability;
        if (r->black_micro == RELIABILITY_NEWCOMER_MICRO && r->white_micro == RELIABILITY_NEWCOMER_MICRO && r->record_micro == RELIABILITY_NEWCOMER_MICRO)
            continue;
        add_number(t, m->id);
        add_number(t, r->black_micro);
        add_number(t, r->white_micro);
        add_number(t, r->record_micro);
    }
}

static void add_networks(struct text *t, const struct policy_zone *z)
{
    add_number(t, z->networks && !z->white);
    if (!z->networks || z->white)
        return;
    add_number(t, z->network_addresses);
    add_number(t, z->network_groups);
    add_number(t, z->network_floor_ip4);
    add_number(t, z->network_floor_ip6);
}

/* Another word with every change of the arithmetic: what was scored by the one before is scored again. */
#define SCORING "a contest asks the record"

int policy_digest(const struct policy *p, const struct names *n, uint8_t out[HASH_BYTES])
{
    struct text t = { 0 };
    add_name(&t, SCORING);
    add(&t, p->self, KEY_BYTES);
    add_number(&t, p->ttl_s);
    for (size_t i = 0; i < p->categories_n; i++) {
        add_name(&t, p->categories[i].name);
        add_number(&t, p->categories[i].half_life_s);
    }
    for (size_t i = 0; i < p->zones_n; i++) {
        add_name(&t, p->zones[i].name);
        add_number(&t, p->zones[i].white | p->zones[i].own << 1);
        add_number(&t, p->zones[i].threshold_micro);
        add_number(&t, p->zones[i].quorum);
        add_networks(&t, &p->zones[i]);
    }
    add_members(&t, p, n);
    add_trusted(&t, n);
    add_learned(&t, n);
    if (n->held_back)
        add_name(&t, "catching up");
    if (!t.failed)
        hash_sha256(t.at, t.len, out);
    free(t.at);
    return t.failed ? -ENOMEM : 0;
}

/* ---- */

static int register_categories(struct store *s)
{
    int id, last = s->names.category_last;
    int64_t skipped = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->policy->categories_n; i++) {
        rc = names_add_category(&s->names, &s->db, s->policy, s->policy->categories[i].name, &id);
        if (rc == 0 && id == 0)
            rc = -EOVERFLOW;
    }
    if (rc == 0)
        rc = meta_number(&s->db, META_SKIPPED, &skipped);
    /* Opinions in a new category may have been skipped for want of room: the batches still have them. */
    return rc == 0 && skipped > 0 && s->names.category_last != last ? store_start_rebuild(s) : rc;
}

static int register_names(struct store *s)
{
    int64_t member;
    int rc = names_add_member(&s->names, &s->db, s->policy, s->policy->self, &member);
    for (size_t i = 0; rc == 0 && i < s->policy->members_n; i++)
        rc = names_add_member(&s->names, &s->db, s->policy, s->policy->members[i].root, &member);
    if (rc == 0)
        rc = register_categories(s);
    return rc == 0 ? names_add_zones(&s->names, &s->db, s->policy) : rc;
}

int store_start_rescan(struct store *s)
{
    int rc = meta_set_number(&s->db, META_RESCAN, 1);
    if (rc == 0)
        rc = meta_set_bytes(&s->db, META_RESCAN_AT, "", 0);
    s->rescan = rc == 0;
    return rc;
}

int store_compare_digest(struct store *s)
{
    uint8_t want[HASH_BYTES], got[HASH_BYTES];
    size_t len = 0;
    int rc = policy_digest(s->policy, &s->names, want);
    if (rc == 0)
        rc = meta_bytes(&s->db, META_DIGEST, got, sizeof got, &len);
    if (rc != 0 || (len == HASH_BYTES && memcmp(want, got, HASH_BYTES) == 0))
        return rc;
    rc = meta_set_bytes(&s->db, META_DIGEST, want, HASH_BYTES);
    if (rc != 0 || len == 0)
        return rc;                         /* the first policy of a new database: nothing has been scored by another */
    return store_start_rescan(s);
}

/* In the database, so that every reader of it counts as the writer does. */
static int hold_back(struct store *s)
{
    if (s->policy->catching_up == s->names.held_back)
        return 0;
    int rc = meta_set_number(&s->db, META_HELD_BACK, s->policy->catching_up);
    if (rc == 0)
        rc = meta_add(&s->db, META_TRUST, 1);
    return rc == 0 ? names_load(&s->names, &s->db, s->policy) : rc;
}

/* Since when each is a peer, and who of them is on probation now. */
static int register_peers(struct store *s, int64_t now_s)
{
    bool fresh = false;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->policy->members_n; i++) {
        struct known_member *m = names_root(&s->names, s->policy->members[i].root);
        if (m == NULL || m->peer_s != 0)
            continue;
        struct query q = query(&s->db, SQL_MEMBER_PEER);
        query_int(&q, m->id);
        query_int(&q, now_s);
        rc = query_run(&q);
        m->peer_s = now_s;
        fresh = true;
    }
    if (rc == 0 && (fresh || s->names.rights_at_s != now_s))
        rc = rights_settle(s, now_s);
    return rc;
}

int rights_settle(struct store *s, int64_t now_s)
{
    int rc = meta_set_number(&s->db, META_RIGHTS_AT, now_s);
    if (rc == 0)
        rc = meta_add(&s->db, META_TRUST, 1);
    s->names.rights_at_s = now_s;
    return rc == 0 ? names_judge_probation(&s->names, s->policy) : rc;
}

int rights_settle_if_due(struct store *s, int64_t now_s)
{
    if (now_s < s->names.rights_next_s)
        return 0;
    int rc = rights_settle(s, now_s);
    return rc == 0 ? store_compare_digest(s) : rc;
}

int store_set_policy(struct store *s, const struct policy *p, int64_t now_s)
{
    struct policy *old = s->policy, *new = policy_copy(p);
    if (new == NULL)
        return -ENOMEM;
    s->policy = new;
    int rc = names_load(&s->names, &s->db, new);
    if (rc == 0)
        rc = db_begin(&s->db);
    if (rc == 0)
        rc = store_change_coalition(s);
    if (rc == 0)
        rc = store_change_self(s);
    if (rc == 0)
        rc = hold_back(s);
    if (rc == 0)
        rc = introduce_derive(s, now_s);
    if (rc == 0)
        rc = register_names(s);
    if (rc == 0)
        rc = register_peers(s, now_s);
    if (rc == 0)
        rc = store_compare_digest(s);
    if (rc != 0)
        s->policy = old;
    rc = store_end(s, rc);
    if (rc != 0) {
        s->log_anew = false;
        if (s->policy == new) {
            s->policy = old;
            store_reload(s);
        }
        policy_destroy(&new);
        return rc;
    }
    policy_destroy(&old);
    rc = s->log_anew ? store_reload(s) : 0;       /* floors, and what was read ahead */
    if (rc == 0)
        rc = store_count_backlog(s);
    if (rc != 0)
        return rc;
    store_start_recheck(s);
    return 0;
}

int store_caught_up(struct store *s, int64_t *at_s)
{
    return meta_number(&s->db, META_CAUGHT_UP, at_s);
}

int store_note_caught_up(struct store *s, int64_t now_s)
{
    int rc = db_begin(&s->db);
    return rc == 0 ? store_end(s, meta_set_number(&s->db, META_CAUGHT_UP, now_s)) : rc;
}
