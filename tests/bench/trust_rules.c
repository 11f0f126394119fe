#include "tests/bench/trust_rules.h"

#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"

const char *const rule_names[RULE_N] = { "count2", "count3", "beta", "eigen", "fixed", "store" };

void rules_create(struct rules *r, const struct world *w, const uint32_t *tau_micro, const int *group)
{
    size_t hosts_n = (size_t)w->hosts_n, members_n = (size_t)w->members_n;
    *r = (struct rules){ .world = w, .tau_micro = tau_micro, .group = group };
    r->registers = calloc(hosts_n * members_n, sizeof *r->registers);
    r->own = calloc(hosts_n, sizeof *r->own);
    r->fixed_lists = calloc(hosts_n, sizeof *r->fixed_lists);
    r->agree = calloc(members_n * members_n, sizeof *r->agree);
    r->eigen = calloc(members_n, sizeof *r->eigen);
    r->voices = calloc(members_n, sizeof *r->voices);
    if (r->registers == NULL || r->own == NULL || r->fixed_lists == NULL || r->agree == NULL || r->eigen == NULL || r->voices == NULL)
        bench_die("rules", "out of memory");
}

void rules_clear(struct rules *r)
{
    free(r->registers);
    free(r->own);
    free(r->fixed_lists);
    free(r->agree);
    free(r->eigen);
    free(r->voices);
}

struct evidence *rules_register(struct rules *r, uint32_t host, int member)
{
    return &r->registers[(size_t)host * (size_t)r->world->members_n + (size_t)member];
}

static struct evidence faded(const struct evidence *e, int64_t now_s)
{
    if (e->black_micro == 0 && e->white_micro == 0)
        return (struct evidence){ 0 };
    return evidence_at(*e, RULES_HALF_LIFE_S, RULES_TTL_S, now_s);
}

/* ---- EigenTrust */

enum { EIGEN_PRETRUSTED = 3, EIGEN_TURNS = 15 };
static const double eigen_jump = 0.15;

/* One turn: each member passes on its trust by how it trusts the others; who trusts nobody trusts the first three. */
static void eigen_turn(const struct rules *r, const double *before, double *after)
{
    size_t n = (size_t)r->world->members_n;
    for (size_t j = 0; j < n; j++)
        after[j] = j < EIGEN_PRETRUSTED ? eigen_jump / EIGEN_PRETRUSTED : 0;
    for (size_t i = 0; i < n; i++) {
        const double *row = &r->agree[i * n];
        double sum = 0;
        for (size_t j = 0; j < n; j++)
            sum += row[j] > 0 ? row[j] : 0;
        for (size_t j = 0; j < n && sum > 0; j++)
            after[j] += row[j] > 0 ? (1 - eigen_jump) * before[i] * row[j] / sum : 0;
        for (size_t j = 0; j < EIGEN_PRETRUSTED && sum <= 0; j++)
            after[j] += (1 - eigen_jump) * before[i] / EIGEN_PRETRUSTED;
    }
}

/* What other members think is not told; they are taken to think as this one does. Insiders praise each other and their puppets. */
static void eigen_rows(struct rules *r)
{
    const struct world *w = r->world;
    int n = w->members_n, honest = w->size.honest, direct = honest + w->scenario->insiders;
    for (int i = 1; i < honest; i++)
        for (int j = 0; j < direct; j++)
            if (i != j)
                r->agree[i * n + j] = j == 0 ? 5 : r->agree[j] > 0 ? r->agree[j] : 0;
    for (int a = honest; a < direct; a++)
        for (int b = honest; b < n; b++)
            r->agree[a * n + b] += a != b ? 50 : 0;
}

void rules_day(struct rules *r)
{
    size_t n = (size_t)r->world->members_n;
    double *other = calloc(n, sizeof *other);
    if (other == NULL)
        bench_die("rules", "out of memory");
    for (size_t j = 0; j < n; j++)
        r->eigen[j] = j < EIGEN_PRETRUSTED ? 1.0 / EIGEN_PRETRUSTED : 0;
    for (int turn = 0; turn < EIGEN_TURNS; turn++) {
        eigen_turn(r, r->eigen, other);
        memcpy(r->eigen, other, n * sizeof *other);
    }
    free(other);
    eigen_rows(r);
}

void rules_learn(struct rules *r, uint32_t host, int64_t now_s)
{
    struct evidence own = faded(&r->own[host], now_s);
    int64_t v = opinion_micro(own.black_micro, own.white_micro);
    if (v <= MICRO / 5 && v >= -MICRO / 5)
        return;
    for (int j = 1; j < r->world->members_n; j++) {
        struct evidence e = faded(rules_register(r, host, j), now_s);
        if (e.black_micro + e.white_micro > MICRO / 5)
            r->agree[j] += (e.black_micro > e.white_micro) == (v > 0) ? 1 : -1;
    }
}

/* ---- verdicts */

struct pool_of { double black, white, eigen; int blacks; };

static struct pool_of pool(struct rules *r, uint32_t host, int64_t now_s)
{
    struct pool_of p = { 0 };
    for (int j = 1; j < r->world->members_n; j++) {
        struct evidence e = faded(rules_register(r, host, j), now_s);
        p.black += (double)e.black_micro / MICRO;
        p.white += (double)e.white_micro / MICRO;
        if (e.black_micro >= MICRO / 2 && e.black_micro > e.white_micro) {
            p.blacks++;
            p.eigen += r->eigen[j];
        } else if (e.white_micro > e.black_micro) {
            p.eigen -= r->eigen[j];
        }
    }
    return p;
}

static int by_group(const void *a, const void *b)
{
    const struct voice *x = a, *y = b;
    return (x->group > y->group) - (x->group < y->group);
}

static bool fixed_lists(struct rules *r, uint32_t host, int64_t now_s)
{
    const struct world *w = r->world;
    static const struct policy_zone zone = { .threshold_micro = MICRO };
    size_t n = 0;
    for (int j = 1; j < w->members_n; j++) {
        const struct evidence *e = rules_register(r, host, j);
        if (e->black_micro > 0 || e->white_micro > 0)
            r->voices[n++] = (struct voice){ .group = (unsigned)r->group[j], .trust_micro = MICRO, .weight_micro = r->tau_micro[j], .say_micro = r->tau_micro[j], .evidence = *e };
    }
    qsort(r->voices, n, sizeof *r->voices, by_group);
    struct score s = score_of(r->voices, n, &r->own[host], RULES_HALF_LIFE_S, RULES_TTL_S, now_s);
    return r->fixed_lists[host] = score_lists(&zone, &s, (size_t)(w->size.honest - 1 + w->scenario->insiders), r->fixed_lists[host]);
}

void rules_judge(struct rules *r, uint32_t host, int64_t now_s, bool lists[RULE_N])
{
    struct pool_of p = pool(r, host, now_s);
    lists[RULE_COUNT2] = p.blacks >= 2;
    lists[RULE_COUNT3] = p.blacks >= 3;
    lists[RULE_BETA] = (p.black + 1) / (p.black + p.white + 2) >= 0.8 && p.black >= 3;
    lists[RULE_EIGEN] = p.eigen > 1.5 / r->world->size.honest;
    lists[RULE_FIXED] = fixed_lists(r, host, now_s);
}
