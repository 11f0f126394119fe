#include "tests/bench/replay_model.h"

#include <math.h>

#include "tests/bench/bench.h"

#define HALF_LIFE_DAYS 3.0
#define MASS_MAX 32.0
#define MASS_MIN 0.05
#define NOTHING_KNOWN 2.0              /* W */
#define PRIOR 10.0                     /* K */
#define NEWCOMER 0.5                   /* rho0 */
#define UNSEEN 0.05                    /* eta */
#define COUNT_HALF_LIFE_DAYS 14.0

struct replay_model {
    const struct history *h;
    float *mass;                       /* of each feed and address */
    double *hits, *misses;             /* of each held-out feed and other feed */
};

struct replay_model *replay_model_create(const struct history *h)
{
    struct replay_model *m = calloc(1, sizeof *m);
    if (m != NULL) {
        m->h = h;
        m->mass = calloc(h->feeds_n * h->addresses_n + 1, sizeof *m->mass);
        m->hits = calloc(h->feeds_n * h->feeds_n, sizeof *m->hits);
        m->misses = calloc(h->feeds_n * h->feeds_n, sizeof *m->misses);
    }
    if (m == NULL || m->mass == NULL || m->hits == NULL || m->misses == NULL)
        bench_die("model", "out of memory");
    return m;
}

void replay_model_destroy(struct replay_model **m)
{
    if (*m != NULL) {
        free((*m)->mass);
        free((*m)->hits);
        free((*m)->misses);
    }
    free(*m);
    *m = NULL;
}

static double days_since_last(const struct history *h, size_t day)
{
    return day > 0 ? (double)(h->day[day] - h->day[day - 1]) : 1;
}

void replay_model_day(struct replay_model *m, size_t day)
{
    double kept = pow(2, -days_since_last(m->h, day) / HALF_LIFE_DAYS);
    for (size_t feed = 0; feed < m->h->feeds_n; feed++) {
        float *mass = &m->mass[feed * m->h->addresses_n];
        for (size_t id = 0; id < m->h->addresses_n; id++) {
            mass[id] = (float)(mass[id] * kept);
            if (mass[id] <= MASS_MIN)
                mass[id] = 0;
        }
        const struct list *l = history_list(m->h, feed, day);
        for (size_t i = 0; i < l->n; i++)
            mass[l->ids[i]] = (float)fmin(MASS_MAX, mass[l->ids[i]] + 1.0);
    }
}

static double reliability(const struct replay_model *m, size_t feed, size_t other)
{
    double hits = m->hits[feed * m->h->feeds_n + other], misses = m->misses[feed * m->h->feeds_n + other];
    return (hits + PRIOR * NEWCOMER) / (hits + UNSEEN * misses + PRIOR);
}

size_t replay_model_rank(const struct replay_model *m, const struct scene *s, struct ranked *out)
{
    size_t n = 0;
    double weight[REPLAY_FEEDS_MAX] = { 0 };
    for (size_t other = 0; other < m->h->feeds_n; other++)
        if (history_peer(m->h, s->feed, other))
            weight[other] = reliability(m, s->feed, other);
    for (size_t id = 0; id < m->h->addresses_n; id++) {
        double score = 0;
        for (size_t other = 0; other < m->h->feeds_n; other++) {
            double mass = (double)m->mass[other * m->h->addresses_n + id];
            score += weight[other] * mass / (mass + NOTHING_KNOWN);
        }
        if (score > 0)
            out[n++] = (struct ranked){ (uint32_t)id, (int64_t)(score * 1e12) };
    }
    return n;
}

void replay_model_learn(struct replay_model *m, const struct scene *s)
{
    double kept = pow(2, -days_since_last(m->h, s->day) / COUNT_HALF_LIFE_DAYS);
    for (size_t other = 0; other < m->h->feeds_n; other++) {
        if (!history_peer(m->h, s->feed, other))
            continue;
        const struct list *l = history_list(m->h, other, s->day);
        size_t hits = 0, all = 0;
        for (size_t i = 0; i < l->n; i++) {
            if (s->today[l->ids[i]] > 0)
                continue;
            all++;
            hits += s->tomorrow[l->ids[i]] > 0;
        }
        double *count = &m->hits[s->feed * m->h->feeds_n + other], *miss = &m->misses[s->feed * m->h->feeds_n + other];
        *count = *count * kept + (double)hits;
        *miss = *miss * kept + (double)(all - hits);
    }
}
