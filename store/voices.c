#include "store/voices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/batch.h"
#include "store/own.h"
#include "store/rights.h"

int topic_compare(const void *a, const void *b)
{
    const struct topic *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->key, y->key, len);
    if (order != 0)
        return order;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return (x->category > y->category) - (x->category < y->category);
}

bool topic_equal(const struct topic *a, const struct topic *b)
{
    return a->len == b->len && a->category == b->category && memcmp(a->key, b->key, a->len) == 0;
}

struct evidence evidence_of_steps(unsigned black, unsigned white, int64_t time_s)
{
    return (struct evidence){
        .black_micro = (int64_t)mass_of_step(black < MASS_STEPS ? black : 0) * 1000,
        .white_micro = (int64_t)mass_of_step(white < MASS_STEPS ? white : 0) * 1000,
        .time_s = time_s,
    };
}

/* The kinds of rows that TOPIC_ALL gives. */
enum { KIND_LISTING, KIND_OPINION, KIND_EVIDENCE };

static int add_voice(struct voices *v, const struct known_member *m, const struct query *q)
{
    if (v->n == v->room) {
        size_t room = v->room * 2 + 64;
        struct voice *grown = realloc(v->all, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        v->all = grown;
        v->room = room;
    }
    struct evidence e = evidence_of_steps((unsigned)column_int(q, 2), (unsigned)column_int(q, 3), column_int(q, 4));
    bool white = evidence_is_white(&e);
    v->unsorted |= v->n > 0 && (unsigned)m->group < v->all[v->n - 1].group;
    v->all[v->n++] = (struct voice){
        .group = (unsigned)m->group,
        .bit = m->bit,
        .trust_micro = m->group_trust_micro,
        .weight_micro = names_weight(m, white),
        .say_micro = names_say(m, white),
        .evidence = e,
        .who = m->id,
        .stands_s = score_stands_s(white, column_int(q, 5), white ? m->counted.white_micro : m->counted.record_micro),
    };
    return 0;
}

/* Who is on probation is learned about as well. */
static int add_heard(struct voices *v, const struct known_member *m, bool counting, const struct query *q)
{
    int64_t since_s = column_int(q, 5);
    if (since_s == 0)
        return 0;
    if (v->heard_n == v->heard_room) {
        size_t room = v->heard_room * 2 + 64;
        struct heard *grown = realloc(v->heard, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        v->heard = grown;
        v->heard_room = room;
    }
    struct evidence told = evidence_of_steps((unsigned)column_int(q, 2), (unsigned)column_int(q, 3), column_int(q, 4));
    v->black_n += since_s > 0;
    v->white_n += since_s < 0;
    v->heard[v->heard_n++] = (struct heard){
        .who = (size_t)m->id, .group = m->group >= 0 ? (unsigned)m->group : UINT32_MAX, .trust_micro = counting ? m->trust_micro : 0,
        .group_trust_micro = m->group_trust_micro, .white_micro = m->counted.white_micro,
        .alive = counting && m->counted.black_micro > 0, .since_s = since_s, .time_s = told.time_s, .told_black_micro = told.black_micro, .told_white_micro = told.white_micro,
        .judged_s = column_int(q, 6), .judged = (enum judged)column_int(q, 7),
    };
    return 0;
}

/* Whoever is on probation, or may not say this, is heard and counts for nothing. */
static bool counts(const struct known_member *m, const struct names *n, const struct policy *p, const struct topic *t, const struct query *q)
{
    if (m->trust_micro == 0 || m->probation)
        return false;
    if (!m->narrow)
        return true;
    struct evidence told = evidence_of_steps((unsigned)column_int(q, 2), (unsigned)column_int(q, 3), 0);
    return rights_bar(&p->members[m->group].rights, names_category_policy(n, t->category), t->key, t->len, &told) == RIGHTS_HEARD;
}

static int add_opinion(struct voices *v, struct names *n, const struct policy *p, const struct topic *t, const struct query *q)
{
    const struct known_member *m = names_member(n, column_int(q, 1));
    v->stranger |= m == NULL;
    bool counting = m != NULL && counts(m, n, p, t, q);
    if (m != NULL && !m->forgotten && !m->self && (m->policy >= 0 || m->group >= 0)) {
        int rc = add_heard(v, m, counting, q);
        if (rc != 0)
            return rc;
    }
    return counting ? add_voice(v, m, q) : 0;
}

static void add_row(struct voices *v, const struct names *n, const struct policy *p, const struct query *q)
{
    if (v->rows_n == VOICES_ROWS_MAX)
        return;                    /* zones of former configurations: a pass over all keys is taking them out */
    v->rows[v->rows_n++] = (struct listing_row){
        .zone_id = column_int(q, 1), .since_s = column_int(q, 2), .until_s = column_int(q, 3), .due_s = column_int(q, 4),
        .minute_s = column_int(q, 5), .score_micro = column_int(q, 6), .groups = column_int(q, 7), .said_by = (uint64_t)column_int(q, 8),
        .zone = names_zone(n, p, column_int(q, 1)),
    };
}

static int by_group(const void *a, const void *b)
{
    const struct voice *x = a, *y = b;
    return (x->group > y->group) - (x->group < y->group);
}

static void add_own(struct voices *v, const struct names *n, const struct policy *p, const struct topic *t, const struct query *q)
{
    struct evidence told = { column_int(q, 2), column_int(q, 3), column_int(q, 4) };
    struct evidence kept = { column_int(q, 5), column_int(q, 6), column_int(q, 7) };
    struct evidence all = own_all(&told, &kept, p, names_category_policy(n, column_int(q, 1)));
    if (column_int(q, 1) == t->category) {
        v->has_own = true;
        v->own = all;
        v->own_word = (struct own_word){ column_int(q, 8), all.time_s };
    } else if (!v->has_own || v->own.black_micro == 0) {
        v->vouch = all;
        if (v->own_word.turned_s == 0 && column_int(q, 8) < 0)
            v->own_word = (struct own_word){ column_int(q, 8), all.time_s };
    }
}

int voices_load(struct voices *v, struct db *d, struct names *n, const struct policy *p, const struct topic *t)
{
    int rc = 0;
    v->n = v->rows_n = v->heard_n = v->black_n = v->white_n = 0;
    v->own_word = (struct own_word){ .turned_s = 0 };
    v->vouch = (struct evidence){ .time_s = 0 };
    v->stranger = v->has_own = v->unsorted = false;
    struct query q = query(d, SQL_TOPIC_ALL);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, n->category_ids[0]);
    while (rc == 0 && query_row(&q)) {
        int64_t kind = column_int(&q, 0);
        if (kind == KIND_OPINION)
            rc = add_opinion(v, n, p, t, &q);
        else if (kind == KIND_LISTING)
            add_row(v, n, p, &q);
        else
            add_own(v, n, p, t, &q);           /* that of the topic's own category first */
    }
    int ended = query_end(&q);
    if (v->unsorted)
        qsort(v->all, v->n, sizeof *v->all, by_group);
    return rc != 0 ? rc : ended;
}

int64_t voices_vouched_until(const struct voices *v, const struct policy *p, int64_t now_s)
{
    return score_vetoes_until(&v->vouch, p->categories[0].half_life_s, p->ttl_s, now_s);
}

const struct listing_row *voices_row(const struct voices *v, int64_t zone_id)
{
    for (size_t i = 0; i < v->rows_n; i++)
        if (v->rows[i].zone_id == zone_id)
            return &v->rows[i];
    return NULL;
}

void voices_clear(struct voices *v)
{
    free(v->all);
    free(v->looks);
    free(v->heard);
    memset(v, 0, sizeof *v);
}

struct score voices_score(const struct voices *v, const struct policy *p, int category, int64_t now_s)
{
    return score_of(v->all, v->n, v->has_own ? &v->own : NULL, p->categories[category].half_life_s, p->ttl_s, now_s);
}

static bool same_voice(const struct voice *a, const struct voice *b)
{
    return a->evidence.black_micro == b->evidence.black_micro && a->evidence.white_micro == b->evidence.white_micro &&
           a->evidence.time_s == b->evidence.time_s && a->trust_micro == b->trust_micro && a->weight_micro == b->weight_micro && a->say_micro == b->say_micro;
}

static bool same_look(const struct known_look *a, const struct known_look *b)
{
    return same_voice(&a->voice, &b->voice) && a->half_life_s == b->half_life_s && a->ttl_s == b->ttl_s && a->now_s == b->now_s &&
           a->threshold_micro == b->threshold_micro && a->quorum == b->quorum && a->white == b->white && a->own == b->own &&
           a->listed == b->listed && a->groups_n == b->groups_n;
}

static struct known_look *place_of(struct voices *v, const struct known_look *l)
{
    if (v->looks == NULL)
        v->looks = calloc(VOICES_LOOKS, sizeof *v->looks);
    const struct evidence *e = &l->voice.evidence;
    uint64_t mixed = (uint64_t)e->time_s / 600 * 31 + (uint64_t)(e->black_micro * 7 + e->white_micro * 3) / 250000 +
                     (uint64_t)l->threshold_micro + l->white;
    return v->looks != NULL ? &v->looks[mixed % VOICES_LOOKS] : NULL;
}

int64_t voices_next_look(struct voices *v, const struct policy *p, int category, int zone, size_t groups_n,
                         bool listed, int64_t now_s)
{
    const struct policy_zone *z = &p->zones[zone];
    int64_t half_life_s = p->categories[category].half_life_s;
    if (v->n != 1 || v->has_own)
        return score_next_look(z, v->all, v->n, v->has_own ? &v->own : NULL, groups_n, listed, half_life_s, p->ttl_s, now_s);
    struct known_look l = {
        .voice = v->all[0], .half_life_s = half_life_s, .ttl_s = p->ttl_s, .now_s = now_s - now_s % 60, .listed = listed,
        .threshold_micro = z->threshold_micro, .quorum = z->quorum, .white = z->white, .own = z->own, .groups_n = groups_n,
    };
    struct known_look *place = place_of(v, &l);
    if (place != NULL && place->look_s != 0 && same_look(place, &l))
        return place->look_s;
    l.look_s = score_next_look(z, v->all, 1, NULL, groups_n, listed, half_life_s, p->ttl_s, now_s);
    if (place != NULL)
        *place = l;
    return l.look_s;
}

int64_t voices_falls_off(struct voices *v, const struct policy *p, int category, int zone, size_t groups_n, int64_t from_s, size_t *words_left)
{
    int64_t at_s = from_s;
    for (unsigned looks = 0; looks < VOICES_LOOKS_AHEAD && *words_left > v->n; looks++) {
        *words_left -= v->n + 1;
        struct score s = voices_score(v, p, category, at_s);
        if (!score_lists(&p->zones[zone], &s, groups_n, true))
            break;
        at_s = voices_next_look(v, p, category, zone, groups_n, true, at_s);
    }
    return at_s;
}
