#include "store/voices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/batch.h"

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

int voices_add(struct voices *v, const struct known_member *m, unsigned black, unsigned white, int64_t time_s)
{
    if (v->n == v->room) {
        size_t room = v->room * 2 + 64;
        struct voice *grown = realloc(v->all, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        v->all = grown;
        v->room = room;
    }
    /* One group a member for now: its number serves as the group's. Learned reliability will multiply the weight here. */
    v->all[v->n++] = (struct voice){
        .group = (unsigned)m->id,
        .trust_micro = m->trust_micro,
        .weight_micro = m->trust_micro,
        .evidence = evidence_of_steps(black, white, time_s),
    };
    return 0;
}

static int load_own(struct voices *v, struct db *d, const struct topic *t)
{
    struct query q = query(d, SQL_EVIDENCE_GET);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    v->has_own = query_row(&q);
    if (v->has_own)
        v->own = (struct evidence){ column_int(&q, 0), column_int(&q, 1), column_int(&q, 2) };
    return query_end(&q);
}

int voices_load(struct voices *v, struct db *d, struct names *n, const struct topic *t)
{
    v->n = 0;
    v->stranger = false;
    struct query q = query(d, SQL_OPINION_OF_KEY);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    int rc = 0;
    while (rc == 0 && query_row(&q)) {
        const struct known_member *m = names_member(n, column_int(&q, 0));
        v->stranger |= m == NULL;
        if (m != NULL && m->trust_micro > 0)
            rc = voices_add(v, m, (unsigned)column_int(&q, 1), (unsigned)column_int(&q, 2), column_int(&q, 3));
    }
    int ended = query_end(&q);
    if (rc == 0)
        rc = ended;
    return rc != 0 ? rc : load_own(v, d, t);
}

void voices_clear(struct voices *v)
{
    free(v->all);
    memset(v, 0, sizeof *v);
}

struct score voices_score(const struct voices *v, const struct policy *p, int category, int64_t now_s)
{
    return score_of(v->all, v->n, v->has_own ? &v->own : NULL, p->categories[category].half_life_s, p->ttl_s, now_s);
}

int64_t voices_next_look(const struct voices *v, const struct policy *p, int category, int zone, size_t groups_n,
                         bool listed, int64_t now_s)
{
    return score_next_look(&p->zones[zone], v->all, v->n, v->has_own ? &v->own : NULL, groups_n, listed,
                           p->categories[category].half_life_s, p->ttl_s, now_s);
}
