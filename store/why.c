#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/own.h"
#include "store/reader_private.h"
#include "store/why_groups.h"
#include "store/score.h"

void why_clear(struct why *w)
{
    free(w->opinions);
    free(w->groups);
    free(w->rules);
    free(w->networks);
    memset(w, 0, sizeof *w);
}

struct asking {
    struct reader *r;
    const struct subject *subject;
    int64_t now_s;
    struct why *why;
    bool spoken[POLICY_CATEGORIES_MAX];        /* somebody spoke of the subject in this category */
};

static struct why_opinion *append(struct asking *a)
{
    struct why *w = a->why;
    struct why_opinion *grown = realloc(w->opinions, (w->opinions_n + 1) * sizeof *grown);
    if (grown == NULL)
        return NULL;
    w->opinions = grown;
    memset(&grown[w->opinions_n], 0, sizeof *grown);
    grown[w->opinions_n].group_index = -1;
    return &grown[w->opinions_n++];
}

static void put_category(struct asking *a, struct why_opinion *o, int64_t id)
{
    const struct names *n = &a->r->names;
    o->category = names_category_policy(n, id);
    if (id >= 1 && id <= n->category_last)
        strcpy(o->category_name, n->categories[id]);
    if (o->category >= 0)
        a->spoken[o->category] = true;
}

/* v as it is now, and its part of S before the group's clamp. */
static void weigh(struct asking *a, struct why_opinion *o, struct evidence told, int64_t weight_micro, int64_t say_micro)
{
    const struct policy *p = a->r->policy;
    if (o->category < 0)
        return;
    struct evidence now = evidence_at(told, p->categories[o->category].half_life_s, p->ttl_s, a->now_s);
    o->opinion_micro = opinion_micro(now.black_micro, now.white_micro);
    o->counted_micro = o->would_micro = weight_micro * o->opinion_micro / MICRO;
    o->quorum_micro = say_micro * o->opinion_micro / MICRO;
}

static void put_stands(struct asking *a, struct why_opinion *o, const struct known_member *m, int64_t since_s)
{
    int64_t stands_s = score_stands_s(false, since_s, m->counted.record_micro);
    o->record_micro = m->counted.record_micro;
    o->stands_s = o->opinion_micro > 0 && stands_s > a->now_s ? stands_s : 0;
}

/* As voices_load() decides it. */
static void narrow(struct asking *a, struct why_opinion *o, const struct known_member *m, const struct evidence *told)
{
    o->group_index = m->group;
    if (m->group < 0)
        return;
    o->probation = m->probation;
    o->bar = rights_bar(&a->r->policy->members[m->group].rights, o->category, a->subject->key, a->subject->len, told);
    if (o->probation || o->bar != RIGHTS_HEARD)
        o->counted_micro = o->quorum_micro = 0;
}

/* ---- own evidence */

static int add_own(struct asking *a, const struct query *q)
{
    struct evidence told = { column_int(q, 1), column_int(q, 2), column_int(q, 3) };
    struct evidence kept = { column_int(q, 10), column_int(q, 11), column_int(q, 12) };
    struct evidence e = own_all(&told, &kept, a->r->policy, names_category_policy(&a->r->names, column_int(q, 0)));
    if (column_int(q, 7) > a->why->hold_until_s)
        a->why->hold_until_s = column_int(q, 7);
    if (e.black_micro == 0 && e.white_micro == 0)
        return 0;
    struct why_opinion *o = append(a);
    if (o == NULL)
        return -ENOMEM;
    put_category(a, o, column_int(q, 0));
    memcpy(o->root, a->r->policy->self, KEY_BYTES);
    o->own = true;
    o->trust_micro = SCORE_SELF_MICRO;
    o->reliability_micro = o->record_micro = RELIABILITY_NEWCOMER_MICRO;
    o->black_milli = e.black_micro / 1000;
    o->white_milli = e.white_micro / 1000;
    o->kept_black_milli = kept.black_micro / 1000;
    o->kept_white_milli = kept.white_micro / 1000;
    o->time_s = e.time_s;
    o->epoch = (uint32_t)column_int(q, 14);
    o->seq = (uint64_t)column_int(q, 15);
    o->signature = -1;
    weigh(a, o, e, SCORE_SELF_MICRO, SCORE_SELF_MICRO);
    return 0;
}

static int own_evidence(struct asking *a)
{
    struct query q = query(&a->r->db, SQL_EVIDENCE_OF_SUBJECT);
    query_blob(&q, a->subject->key, a->subject->len);
    int rc = 0;
    while (rc == 0 && query_row(&q))
        rc = add_own(a, &q);
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* ---- what others said */

static int name_of(struct asking *a, const uint8_t root[KEY_BYTES], char out[NAME_MAX_BYTES + 1])
{
    const struct policy_member *configured = policy_member(a->r->policy, root);
    const struct known_member *m = configured == NULL ? names_root(&a->r->names, root) : NULL;
    struct record rec;
    if (configured != NULL)
        strcpy(out, configured->name);
    if (m == NULL)
        return 0;
    int rc = reader_record(a->r, m->id, &rec, NULL, NULL);
    if (rc == 0)
        strcpy(out, rec.name);
    return rc == -ENOENT ? 0 : rc;
}

static int put_member(struct asking *a, struct why_opinion *o, const struct known_member *m)
{
    const struct policy *p = a->r->policy;
    const struct trusted *t = m->policy < 0 && m->group >= 0 ? names_trusted(&a->r->names, m->root) : NULL;
    memcpy(o->root, m->root, KEY_BYTES);
    o->trust_micro = m->trust_micro;
    if (m->policy >= 0 && (size_t)m->policy < p->members_n)
        strcpy(o->name, p->members[m->policy].name);
    if (t == NULL)
        return 0;
    o->introduced = true;
    int rc = name_of(a, m->root, o->name);
    if (rc == 0)
        rc = name_of(a, t->group, o->group);
    return rc == 0 ? name_of(a, t->introducer, o->introducer) : rc;
}

static int add_told(struct asking *a, const struct query *q)
{
    const struct known_member *m = names_member(&a->r->names, column_int(q, 1));
    if (m == NULL || m->forgotten)
        return 0;
    struct why_opinion *o = append(a);
    if (o == NULL)
        return -ENOMEM;
    put_category(a, o, column_int(q, 0));
    int rc = put_member(a, o, m);
    if (rc != 0)
        return rc;
    struct evidence told = evidence_of_steps((unsigned)column_int(q, 5), (unsigned)column_int(q, 6), column_int(q, 7));
    o->black_milli = told.black_micro / 1000;
    o->white_milli = told.white_micro / 1000;
    o->time_s = told.time_s;
    o->epoch = (uint32_t)column_int(q, 2);
    o->seq = (uint64_t)column_int(q, 3);
    o->signature = -1;
    bool white = evidence_is_white(&told);
    o->reliability_micro = white ? m->counted.white_micro : m->counted.black_micro;
    weigh(a, o, told, names_weight(m, white), names_say(m, white));
    narrow(a, o, m, &told);
    put_stands(a, o, m, column_int(q, 8));
    /* Only the beginning of the hash is in the register: put_signature() finds the rest in the batch. */
    uint64_t prefix = (uint64_t)column_int(q, 4) ^ UINT64_C(1) << 63;
    for (int i = 0; i < 8; i++)
        o->hash[i] = (uint8_t)(prefix >> (56 - 8 * i));
    return 0;
}

static int told_opinions(struct asking *a)
{
    struct query q = query(&a->r->db, SQL_OPINION_OF_SUBJECT);
    query_blob(&q, a->subject->key, a->subject->len);
    int rc = 0;
    while (rc == 0 && query_row(&q))
        rc = add_told(a, &q);
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* ---- signatures */

/* Whether the batch does say this of the subject. */
static bool says(const struct batch *b, const struct subject *s, const struct why_opinion *o)
{
    for (size_t i = 0; i < b->opinions_n; i++) {
        const struct opinion *x = &b->opinions[i];
        if (x->key_len == s->len && memcmp(x->key, s->key, s->len) == 0 && x->time_s == o->time_s &&
            (int64_t)mass_of_step(x->black) == o->black_milli && (int64_t)mass_of_step(x->white) == o->white_milli &&
            strcmp(b->categories[x->category], o->category_name) == 0)
            return true;
    }
    return false;
}

static int signature_of(struct asking *a, int64_t member, struct bytes frame, const struct why_opinion *o)
{
    struct batch b;
    struct frames fresh = { .keys = { { .member = 0 } } };       /* nothing remembered: the record's own signature is checked too */
    int rc = frames_open(&fresh, &a->r->db, member, frame, a->r->policy->federation, &b);
    if (rc != 0)
        return 0;
    bool good = memcmp(b.origin, o->root, KEY_BYTES) == 0 && memcmp(b.hash, o->hash, HASH_BYTES) == 0 && says(&b, a->subject, o);
    batch_close(&b);
    return good;
}

static int put_signature(struct asking *a, struct why_opinion *o)
{
    const struct known_member *m = names_root(&a->r->names, o->root);
    if (m == NULL)
        return 0;
    struct query q = query(&a->r->db, SQL_BATCH_FRAME);
    query_int(&q, m->id);
    query_int(&q, o->epoch);
    query_int(&q, (int64_t)o->seq);
    while (query_row(&q)) {
        struct bytes hash = column_bytes(&q, 0);
        if (hash.len != HASH_BYTES || memcmp(hash.at, o->hash, 8) != 0)
            continue;
        memcpy(o->hash, hash.at, HASH_BYTES);
        o->signature = signature_of(a, m->id, column_bytes(&q, 1), o);
        break;
    }
    return query_end(&q);
}

static int signatures(struct asking *a)
{
    for (size_t i = 0; i < a->why->opinions_n; i++) {
        int rc = a->why->opinions[i].own ? 0 : put_signature(a, &a->why->opinions[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- rules */

static void put_rule(struct asking *a, const struct score *score, size_t zone, int category)
{
    struct reader *r = a->r;
    const struct listing_row *row = voices_row(&r->voices, r->names.zone_ids[zone]);
    const struct policy *p = r->policy;
    const struct policy_zone *z = &p->zones[zone];
    int64_t own_micro = z->white ? -score->own_micro : score->own_micro;
    size_t words_left = SIZE_MAX;
    a->why->rules[a->why->rules_n++] = (struct why_rule){
        .zone = (int)zone, .category = category, .score_micro = score->micro, .threshold_micro = z->threshold_micro,
        .groups = z->white ? score->groups_white : score->groups, .quorum = score_quorum(z, r->names.groups_n),
        .own = z->own && own_micro >= SCORE_G_MIN_MICRO, .veto = score->veto && !z->white, .sum_micro = why_sum(a->why, category),
        .vouched = !z->white && voices_vouched_until(&r->voices, p, a->now_s) != 0, .contested = score->contested && !z->white, .stood_micro = score->stood_micro, .stood_groups = score->stood_groups,
        .listed = row != NULL, .since_s = row != NULL ? row->since_s : 0,
        .until_s = row != NULL ? voices_falls_off(&r->voices, p, category, (int)zone, r->names.groups_n, a->now_s, &words_left) : 0,
        .asks = score_lists(z, score, r->names.groups_n, false), .upholds = score_lists(z, score, r->names.groups_n, true),
    };
}

static int rules(struct asking *a)
{
    const struct policy *p = a->r->policy;
    a->why->rules = calloc(p->categories_n * p->zones_n + 1, sizeof *a->why->rules);
    if (a->why->rules == NULL)
        return -ENOMEM;
    for (size_t c = 0; c < p->categories_n; c++) {
        if (!a->spoken[c])
            continue;
        int rc = reader_voices(a->r, a->subject, (int)c);
        if (rc != 0)
            return rc;
        struct score score = voices_score(&a->r->voices, p, (int)c, a->now_s);
        for (size_t zone = 0; zone < p->zones_n; zone++)
            put_rule(a, &score, zone, (int)c);
    }
    return 0;
}

static int put_wider(struct asking *a)
{
    struct listed_keys k;
    int rc = reader_keys(a->r, a->subject, &k);
    for (size_t i = 1; rc == 0 && i < k.n && a->why->wider.len == 0; i++) {
        struct query q = query(&a->r->db, SQL_PREFIX_CHECK);
        query_blob(&q, k.keys[i].key, k.keys[i].len);
        if (query_row(&q) && names_zone(&a->r->names, a->r->policy, column_int(&q, 0)) >= 0)
            rc = subject_from_key(k.keys[i].key, k.keys[i].len, &a->why->wider) == 0 ? 0 : -EBADMSG;
        int ended = query_end(&q);
        rc = rc != 0 ? rc : ended;
    }
    return rc;
}

/* The newest of those in force that cover the subject. */
static int put_exception(struct asking *a)
{
    struct exception e;
    int rc = reader_exceptions_at(a->r, a->now_s);
    if (rc != 0 || !exceptions_cover(&a->r->exceptions, a->subject))
        return rc;
    struct query q = query(&a->r->db, SQL_EXCEPTION_HOLDING);
    query_int(&q, a->now_s);
    while (rc == 0 && a->why->exception.kind == 0 && query_row(&q)) {
        rc = exception_of_row(&q, &e);
        if (rc == 0 && exception_covers(&e, a->subject))
            a->why->exception = e;
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

static int answer(struct asking *a)
{
    int rc = names_load(&a->r->names, &a->r->db, a->r->policy);
    if (rc == 0)
        rc = put_exception(a);
    if (rc == 0)
        rc = own_evidence(a);
    if (rc == 0)
        rc = told_opinions(a);
    if (rc == 0)
        rc = signatures(a);
    if (rc == 0)
        rc = why_put_groups(a->r, a->why);
    if (rc == 0)
        rc = rules(a);
    if (rc == 0)
        rc = reader_why_networks(a->r, a->subject, a->why);
    if (rc == 0)
        rc = reader_why_inside(a->r, a->subject, a->why);
    return rc == 0 ? put_wider(a) : rc;
}

int reader_why(struct reader *r, const struct subject *s, int64_t now_s, struct why *out)
{
    struct why w = { .protected_ = protect_covers(r->policy->protect, s) };
    struct asking a = { .r = r, .subject = s, .now_s = now_s, .why = &w };
    int rc = reader_begin(r);
    if (rc == 0)
        rc = reader_end(r, answer(&a));
    w.held_back = r->names.held_back;
    if (rc != 0) {
        why_clear(&w);
        return rc;
    }
    *out = w;
    return 0;
}
