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
    /* One group a member for now: its number serves as the group's. Learned reliability will multiply the weight here. */
    v->all[v->n++] = (struct voice){
        .group = (unsigned)m->id,
        .trust_micro = m->trust_micro,
        .weight_micro = m->trust_micro,
        .evidence = evidence_of_steps((unsigned)column_int(q, 2), (unsigned)column_int(q, 3), column_int(q, 4)),
    };
    return 0;
}

static int add_opinion(struct voices *v, struct names *n, const struct query *q)
{
    const struct known_member *m = names_member(n, column_int(q, 1));
    v->stranger |= m == NULL;
    return m != NULL && m->trust_micro > 0 ? add_voice(v, m, q) : 0;
}

static void add_row(struct voices *v, const struct names *n, const struct policy *p, const struct query *q)
{
    if (v->rows_n == VOICES_ROWS_MAX)
        return;                    /* zones of former configurations: a pass over all keys is taking them out */
    v->rows[v->rows_n++] = (struct listing_row){
        .zone_id = column_int(q, 1), .since_s = column_int(q, 2), .until_s = column_int(q, 3), .due_s = column_int(q, 4),
        .minute_s = column_int(q, 5), .score_micro = column_int(q, 6), .groups = column_int(q, 7),
        .zone = names_zone(n, p, column_int(q, 1)),
    };
}

int voices_load(struct voices *v, struct db *d, struct names *n, const struct policy *p, const struct topic *t)
{
    int rc = 0;
    v->n = v->rows_n = 0;
    v->stranger = v->has_own = false;
    struct query q = query(d, SQL_TOPIC_ALL);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    while (rc == 0 && query_row(&q)) {
        int64_t kind = column_int(&q, 0);
        if (kind == KIND_OPINION) {
            rc = add_opinion(v, n, &q);
        } else if (kind == KIND_LISTING) {
            add_row(v, n, p, &q);
        } else {
            v->has_own = true;
            v->own = (struct evidence){ column_int(&q, 2), column_int(&q, 3), column_int(&q, 4) };
        }
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
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
