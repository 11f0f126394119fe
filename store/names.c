#include "store/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/rights.h"
#include "store/score.h"
#include "store/tell_pace.h"

struct known_member *names_member(struct names *n, int64_t id)
{
    size_t low = 0, high = n->members_n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (n->members[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n->members_n && n->members[low].id == id ? &n->members[low] : NULL;
}

/* Who grinds keys so that they meet here makes the search one over all members, of which there are MEMBERS_MAX at the most. */
static size_t home_of(const struct names *n, const uint8_t root[KEY_BYTES])
{
    uint64_t part;
    memcpy(&part, root, sizeof part);
    return (size_t)(part * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (2 * n->members_room - 1);
}

struct known_member *names_root(struct names *n, const uint8_t root[KEY_BYTES])
{
    if (n->by_root == NULL)
        return NULL;                   /* none was ever added */
    for (size_t i = home_of(n, root); n->by_root[i] != 0; i = (i + 1) & (2 * n->members_room - 1)) {
        struct known_member *m = &n->members[n->by_root[i] - 1];
        if (!m->forgotten && memcmp(m->root, root, KEY_BYTES) == 0)
            return m;
    }
    return NULL;
}

/* Its root is known from here on. */
static void index_member(struct names *n, const struct known_member *m)
{
    size_t i = home_of(n, m->root);
    if (m->forgotten)
        return;
    while (n->by_root[i] != 0)
        i = (i + 1) & (2 * n->members_room - 1);
    n->by_root[i] = (uint32_t)(m - n->members) + 1;
}

int names_zone(const struct names *n, const struct policy *p, int64_t zone_id)
{
    for (size_t i = 0; zone_id > 0 && i < p->zones_n; i++)
        if (n->zone_ids[i] == zone_id)
            return (int)i;
    return -1;
}

uint32_t names_weight(const struct known_member *m, bool white)
{
    return (uint32_t)((uint64_t)m->trust_micro * (white ? m->counted.white_micro : m->counted.black_micro) / MICRO);
}

uint32_t names_say(const struct known_member *m, bool white)
{
    return names_weight(m, white) > 0 ? m->trust_micro : 0;
}

struct known_member *names_group(struct names *n, int group)
{
    for (size_t i = 0; group >= 0 && i < n->members_n; i++)
        if (n->members[i].policy == group)
            return &n->members[i];
    return NULL;
}

struct reliability learned_reliability(const struct learned *l)
{
    return l->basis == BASIS_BREAKER ? (struct reliability){ 0, 0, 0 } : reliability_here(&l->taken, &l->outlook);
}

void names_settle_reliability(struct names *n)
{
    int roots[MEMBERS_MAX];            /* by policy index: the place of the member; -1: none */
    memset(roots, 0xff, sizeof roots);
    for (size_t i = 0; i < n->members_n; i++)
        if (n->members[i].policy >= 0 && n->members[i].policy < MEMBERS_MAX)
            roots[n->members[i].policy] = (int)i;
    for (size_t i = 0; i < n->members_n; i++) {
        struct known_member *m = &n->members[i];
        int root = m->policy < 0 && m->group >= 0 && m->group < MEMBERS_MAX ? roots[m->group] : -1;
        m->counted = root < 0 ? m->reliability : reliability_least(m->reliability, n->members[root].reliability);
    }
}

int names_category(const struct names *n, const char *name)
{
    for (int i = 1; i <= n->category_last; i++)
        if (strcmp(n->categories[i], name) == 0)
            return i;
    return 0;
}

static bool grow_members(struct names *n)
{
    size_t room = n->members_room == 0 ? 16 : n->members_room * 2;
    struct known_member *grown = realloc(n->members, room * sizeof *grown);
    if (grown == NULL)
        return false;
    n->members = grown;
    struct learned *learned = realloc(n->learned, room * sizeof *learned);
    if (learned == NULL)
        return false;
    n->learned = learned;
    uint32_t *index = calloc(2 * room, sizeof *index);
    if (index == NULL)
        return false;
    free(n->by_root);
    n->by_root = index;
    n->members_room = room;
    for (size_t i = 0; i < n->members_n; i++)
        index_member(n, &n->members[i]);
    return true;
}

static struct known_member *append_member(struct names *n)
{
    if (n->members_n == n->members_room && !grow_members(n))
        return NULL;
    struct known_member *m = &n->members[n->members_n++];
    memset(m, 0, sizeof *m);
    *names_learned(n, m) = (struct learned){ .basis = BASIS_COUNTS };
    m->policy = -1;
    m->reliability = m->counted = (struct reliability){ RELIABILITY_NEWCOMER_MICRO, RELIABILITY_NEWCOMER_MICRO, RELIABILITY_NEWCOMER_MICRO };
    return m;
}

static int compare_trusted(const void *root, const void *t)
{
    return memcmp(root, ((const struct trusted *)t)->root, KEY_BYTES);
}

const struct trusted *names_trusted(const struct names *n, const uint8_t root[KEY_BYTES])
{
    return n->trusted_n == 0 ? NULL : bsearch(root, n->trusted, n->trusted_n, sizeof *n->trusted, compare_trusted);
}

size_t names_living(const struct names *n)
{
    size_t living = 0;
    for (size_t i = 0; i < n->members_n; i++)
        living += !n->members[i].forgotten;
    return living;
}

/* This member and those in the configuration count, and of a group's introduced ones so many as it may have a quota for. */
size_t names_telling(const struct names *n, const struct policy *p)
{
    uint8_t introduced[MEMBERS_MAX] = { 0 };
    size_t telling = 0;
    for (size_t i = 0; i < n->members_n; i++) {
        const struct known_member *m = &n->members[i];
        if (m->forgotten)
            continue;
        if (m->self || m->policy >= 0)
            telling++;
        else if (m->group >= 0 && (size_t)m->group < p->members_n && m->group < MEMBERS_MAX && introduced[m->group] < TELL_GROUP_MAX)
            telling += ++introduced[m->group] > 0;
    }
    return telling;
}

static uint32_t at_most(uint32_t a, uint32_t most)
{
    return a < most ? a : most;
}

static bool is_quarantined(const struct names *n, const uint8_t root[KEY_BYTES])
{
    for (size_t i = 0; i < n->members_n; i++)
        if (n->members[i].quarantined && memcmp(n->members[i].root, root, KEY_BYTES) == 0)
            return true;
    return false;
}

/* The table may be of another policy than this one: then what it says holds only as far as this one still trusts the group. */
static void match_introduced(struct known_member *m, const struct names *n, const struct policy *p)
{
    const struct trusted *t = names_trusted(n, m->root);
    const struct policy_member *sponsor = t != NULL ? policy_member(p, t->group) : NULL;
    if (sponsor == NULL || sponsor->trust_micro == 0 || is_quarantined(n, sponsor->root))
        return;
    m->group = (int)(sponsor - p->members);
    m->trust_micro = at_most(t->tau_micro, at_most(sponsor->trust_micro, MICRO));
}

/* By the rank of the group's root among the configured ones: whichever order the configuration has them in. */
static unsigned bit_of(const struct policy *p, int group)
{
    unsigned rank = 0;
    for (size_t i = 0; i < p->members_n; i++)
        rank += memcmp(p->members[i].root, p->members[group].root, KEY_BYTES) < 0;
    return rank % SCORE_BITS;
}

static void match_member(struct known_member *m, const struct names *n, const struct policy *p)
{
    const struct policy_member *configured = m->forgotten ? NULL : policy_member(p, m->root);
    m->self = !m->forgotten && memcmp(m->root, p->self, KEY_BYTES) == 0;
    m->policy = configured != NULL ? (int)(configured - p->members) : -1;
    m->group = -1;
    m->trust_micro = m->group_trust_micro = 0;
    m->probation = m->narrow = false;
    if (m->quarantined)
        return;
    if (configured != NULL && !m->self && configured->trust_micro > 0) {
        m->group = m->policy;
        m->trust_micro = at_most(configured->trust_micro, MICRO);
    } else if (configured == NULL && !m->self && !m->forgotten) {
        match_introduced(m, n, p);
    }
    if (n->held_back) {
        m->group = -1;
        m->trust_micro = 0;
    }
    if (m->group < 0)
        return;
    const struct policy_member *root = &p->members[m->group];
    m->group_trust_micro = rights_cap(&root->rights, at_most(root->trust_micro, MICRO));
    m->narrow = rights_narrow(&root->rights);
    m->probation = n->probation[m->group];
    m->bit = bit_of(p, m->group);
}

void names_set_trusted(struct names *n, const struct policy *p, struct trusted *table, size_t table_n)
{
    free(n->trusted);
    n->trusted = table;
    n->trusted_n = table_n;
    for (size_t i = 0; i < n->members_n; i++)
        match_member(&n->members[i], n, p);
    names_settle_reliability(n);
}

/* As of a member of the policy, whom the database may not know yet. */
static int64_t probation_end(const struct names *n, const struct policy_member *m)
{
    int64_t peer_s = 0;
    if (m->rights.probation_s == 0 && m->rights.probation_until_s == 0)
        return 0;
    for (size_t i = 0; i < n->members_n; i++)
        if (!n->members[i].forgotten && memcmp(n->members[i].root, m->root, KEY_BYTES) == 0)
            peer_s = n->members[i].peer_s;
    return rights_probation_end(&m->rights, peer_s);
}

int names_judge_probation(struct names *n, const struct policy *p)
{
    bool *probation = realloc(n->probation, p->members_n + 1);
    if (probation == NULL)
        return -ENOMEM;
    n->probation = probation;
    n->groups_n = 0;
    n->rights_next_s = INT64_MAX;
    for (size_t i = 0; i < p->members_n; i++) {
        const struct policy_member *m = &p->members[i];
        int64_t end_s = probation_end(n, m);
        probation[i] = end_s > n->rights_at_s;
        if (probation[i] && end_s < n->rights_next_s)
            n->rights_next_s = end_s;
        n->groups_n += m->trust_micro > 0 && !probation[i] && memcmp(m->root, p->self, KEY_BYTES) != 0;
    }
    for (size_t i = 0; i < n->members_n; i++)
        match_member(&n->members[i], n, p);        /* whom one of them introduced may come before it */
    names_settle_reliability(n);
    return 0;
}

static int add_trusted(struct names *n, const struct query *q)
{
    struct bytes root = column_bytes(q, 0), group = column_bytes(q, 1), introducer = column_bytes(q, 2);
    if ((n->trusted_n & (n->trusted_n - 1)) == 0) {        /* room is the next power of two */
        struct trusted *grown = realloc(n->trusted, (n->trusted_n == 0 ? 1 : 2 * n->trusted_n) * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        n->trusted = grown;
    }
    if (root.len != KEY_BYTES || group.len != KEY_BYTES || introducer.len != KEY_BYTES)
        return 0;
    struct trusted *t = &n->trusted[n->trusted_n++];
    memcpy(t->root, root.at, KEY_BYTES);
    memcpy(t->group, group.at, KEY_BYTES);
    memcpy(t->introducer, introducer.at, KEY_BYTES);
    t->tau_micro = (uint32_t)column_int(q, 3);
    t->hops = (unsigned)column_int(q, 4);
    t->expires_s = column_int(q, 5);
    return 0;
}

static int load_trusted(struct names *n, struct db *d)
{
    int64_t held_back = 0;
    int rc = meta_number(d, META_TRUST, &n->trust_version);
    if (rc == 0)
        rc = meta_number(d, META_HELD_BACK, &held_back);
    if (rc != 0)
        return rc;
    n->held_back = held_back != 0;
    struct query q = query(d, SQL_TRUSTED_EACH);
    while (rc == 0 && query_row(&q))
        rc = add_trusted(n, &q);
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* What experience made of it; a newcomer has no row. */
static void put_learned(struct names *n, struct known_member *m, const struct query *q)
{
    struct learned *l = names_learned(n, m);
    struct bytes hours = column_bytes(q, 10);
    l->counters = (struct counters){ .confirmed_micro = column_int(q, 2), .refuted_micro = column_int(q, 3), .seen_micro = column_int(q, 24), .unseen_micro = column_int(q, 4),
                                     .confirmed_white_micro = column_int(q, 5), .refuted_white_micro = column_int(q, 6), .time_s = column_int(q, 1) };
    m->reliability = (struct reliability){ (uint32_t)column_int(q, 7), (uint32_t)column_int(q, 8), (uint32_t)column_int(q, 13) };
    l->breaker.hour = column_int(q, 9);
    if (hours.len == BREAKER_BYTES)
        breaker_unpack(&l->breaker, hours.at);
    l->breaker.until_s = column_int(q, 11);
    l->breaker.times = (unsigned)column_int(q, 12);
    l->basis = (enum basis)column_int(q, 14);
    l->taken = (struct counters){ .confirmed_micro = column_int(q, 15), .refuted_micro = column_int(q, 16), .seen_micro = column_int(q, 25), .unseen_micro = column_int(q, 17),
                                  .confirmed_white_micro = column_int(q, 18), .refuted_white_micro = column_int(q, 19) };
    l->outlook = (struct outlook){ column_int(q, 20), column_int(q, 21), (uint32_t)column_int(q, 22), (uint32_t)column_int(q, 23) };
}

static int load_learned(struct names *n, struct db *d)
{
    struct query q = query(d, SQL_LEARNED_EACH);
    while (query_row(&q)) {
        struct known_member *m = names_member(n, column_int(&q, 0));
        if (m != NULL)
            put_learned(n, m, &q);
    }
    return query_end(&q);
}

static int load_members(struct names *n, struct db *d, const struct policy *p)
{
    struct query q = query(d, SQL_MEMBER_EACH);
    while (query_row(&q)) {
        struct known_member *m = append_member(n);
        if (m == NULL) {
            query_end(&q);
            return -ENOMEM;
        }
        struct bytes root = column_bytes(&q, 1);
        m->id = column_int(&q, 0);
        m->forgotten = root.len != KEY_BYTES;
        if (!m->forgotten)
            memcpy(m->root, root.at, KEY_BYTES);
        m->floor_epoch = (uint32_t)column_int(&q, 2);
        m->floor_seq = (uint64_t)column_int(&q, 3);
        m->quarantined = column_int(&q, 4) != 0;
        m->refold = (int)column_int(&q, 5);
        m->peer_s = column_int(&q, 6);
        m->bound_epoch = (uint32_t)column_int(&q, 7);
        m->bound_seq = (uint64_t)column_int(&q, 8);
        index_member(n, m);
    }
    int rc = query_end(&q);
    if (rc == 0)
        rc = load_learned(n, d);
    return rc == 0 ? names_judge_probation(n, p) : rc;
}

static void put_category(struct names *n, const struct policy *p, int id, const char *name)
{
    strncpy(n->categories[id], name, CATEGORY_MAX_BYTES);
    n->category_policy[id] = policy_category(p, name);
    if (n->category_policy[id] >= 0)
        n->category_ids[n->category_policy[id]] = id;
    if (id > n->category_last)
        n->category_last = id;
}

static int load_categories(struct names *n, struct db *d, const struct policy *p)
{
    struct query q = query(d, SQL_CATEGORY_EACH);
    while (query_row(&q)) {
        int64_t id = column_int(&q, 0);
        const char *name = (const char *)sqlite3_column_text(q.stmt, 1);
        if (id >= 1 && id <= NAMES_CATEGORIES_MAX && name != NULL)
            put_category(n, p, (int)id, name);
    }
    return query_end(&q);
}

static int load_zones(struct names *n, struct db *d, const struct policy *p)
{
    struct query q = query(d, SQL_ZONE_EACH);
    while (query_row(&q)) {
        const char *name = (const char *)sqlite3_column_text(q.stmt, 1);
        int zone = name != NULL ? policy_zone(p, name) : -1;
        if (zone >= 0)
            n->zone_ids[zone] = column_int(&q, 0);
        if (name != NULL && name[0] == '\0')
            n->unnamed_zone_id = column_int(&q, 0);
    }
    return query_end(&q);
}

int names_load(struct names *n, struct db *d, const struct policy *p)
{
    struct known_member *members = n->members;
    struct learned *learned = n->learned;
    uint32_t *by_root = n->by_root;
    size_t room = n->members_room;
    free(n->trusted);
    free(n->probation);
    memset(n, 0, sizeof *n);
    n->members = members;
    n->learned = learned;
    n->by_root = by_root;
    n->members_room = room;
    if (by_root != NULL)
        memset(by_root, 0, 2 * room * sizeof *by_root);
    for (size_t i = 0; i <= NAMES_CATEGORIES_MAX; i++)
        n->category_policy[i] = -1;
    int rc = meta_number(d, META_RIGHTS_AT, &n->rights_at_s);
    if (rc == 0)
        rc = load_trusted(n, d);
    if (rc == 0)
        rc = load_members(n, d, p);
    if (rc == 0)
        rc = load_categories(n, d, p);
    if (rc == 0)
        rc = load_zones(n, d, p);
    return rc;
}

void names_clear(struct names *n)
{
    free(n->members);
    free(n->learned);
    free(n->by_root);
    free(n->trusted);
    free(n->probation);
    memset(n, 0, sizeof *n);
}

static int added_id(struct query *q, int64_t *id)
{
    if (query_row(q))
        *id = column_int(q, 0);
    query_row(q);              /* RETURNING finishes only when asked for a next row */
    return query_end(q);
}

int names_add_member(struct names *n, struct db *d, const struct policy *p, const uint8_t root[KEY_BYTES], int64_t *id)
{
    struct known_member *m = names_root(n, root);
    if (m != NULL) {
        *id = m->id;
        return 0;
    }
    if (n->members_n >= MEMBERS_MAX && names_living(n) >= MEMBERS_MAX)
        return -EOVERFLOW;
    struct query q = query(d, SQL_MEMBER_ADD);
    query_blob(&q, root, KEY_BYTES);
    int rc = added_id(&q, id);
    if (rc != 0)
        return rc;
    m = append_member(n);
    if (m == NULL)
        return -ENOMEM;
    m->id = *id;
    memcpy(m->root, root, KEY_BYTES);
    index_member(n, m);
    match_member(m, n, p);
    const struct known_member *sponsor = m->policy < 0 ? names_group(n, m->group) : NULL;
    if (sponsor != NULL)
        m->counted = reliability_least(m->reliability, sponsor->reliability);
    return 0;
}

int names_add_category(struct names *n, struct db *d, const struct policy *p, const char *name, int *id)
{
    int last = policy_category(p, name) >= 0 ? NAMES_CATEGORIES_MAX : NAMES_CATEGORIES_FOREIGN_MAX;
    *id = names_category(n, name);
    if (*id != 0 || n->category_last >= last)
        return 0;
    int64_t row = 0;
    struct query q = query(d, SQL_CATEGORY_ADD);
    query_text(&q, name);
    int rc = added_id(&q, &row);
    if (rc != 0 || row > NAMES_CATEGORIES_MAX)
        return rc;
    *id = (int)row;
    put_category(n, p, *id, name);
    return 0;
}

int names_add_zones(struct names *n, struct db *d, const struct policy *p)
{
    for (size_t i = 0; i < p->zones_n; i++) {
        if (n->zone_ids[i] != 0)
            continue;
        struct query q = query(d, SQL_ZONE_ADD);
        query_text(&q, p->zones[i].name);
        int rc = added_id(&q, &n->zone_ids[i]);
        if (rc != 0)
            return rc;
        if (p->zones[i].name[0] == '\0')
            n->unnamed_zone_id = n->zone_ids[i];
    }
    return 0;
}
