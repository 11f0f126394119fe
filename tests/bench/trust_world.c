#include "tests/bench/trust_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench.h"

const struct scenario scenarios[] = {
    { .name = "none", .attack = ATTACK_NONE },
    { .name = "slander1", .attack = ATTACK_SLANDER, .insiders = 1 },
    { .name = "puppets", .attack = ATTACK_SLANDER, .insiders = 1, .puppets = 300 },
    { .name = "collude3", .attack = ATTACK_SLANDER, .insiders = 3 },
    { .name = "collude10", .attack = ATTACK_SLANDER, .insiders = 10 },
    { .name = "unknown3", .attack = ATTACK_SLANDER, .insiders = 3, .unknown = true },
    { .name = "unknown10", .attack = ATTACK_SLANDER, .insiders = 10, .unknown = true },
    { .name = "random10", .attack = ATTACK_RANDOM, .insiders = 10 },
    { .name = "camouflage10", .attack = ATTACK_CAMOUFLAGE, .insiders = 10 },
    { .name = "camouflage10-unknown", .attack = ATTACK_CAMOUFLAGE, .insiders = 10, .unknown = true },
    { .name = "spies", .attack = ATTACK_SPIES, .insiders = 10 },
    { .name = "oscillate6", .attack = ATTACK_OSCILLATE, .insiders = 6 },
    { .name = "sleepers10", .attack = ATTACK_SLEEPERS, .insiders = 10 },
    { .name = "sleepers10-unknown", .attack = ATTACK_SLEEPERS, .insiders = 10, .unknown = true },
    { .name = "flood3", .attack = ATTACK_FLOOD, .insiders = 3 },
    { .name = "whitewash6", .attack = ATTACK_WHITEWASH, .insiders = 6 },
    { .name = "whitewash10-all", .attack = ATTACK_WHITEALL, .insiders = 10 },
    { .name = "whitewash6-mask", .attack = ATTACK_WHITEMASK, .insiders = 6 },
    { .name = "turned", .attack = ATTACK_TURNED },
};
const size_t scenarios_n = sizeof scenarios / sizeof scenarios[0];

/* ---- chance */

/* splitmix64: public domain, by Sebastiano Vigna. */
static uint64_t next(struct world *w)
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t world_random(struct world *w, uint32_t n)
{
    return (uint32_t)((next(w) >> 32) * n >> 32);
}

static bool chance(struct world *w, unsigned per_mille)
{
    return world_random(w, 1000) < per_mille;
}

/* n different numbers from `from` to `to` (excluded), in w->order. */
static void draw(struct world *w, int from, int to, int n)
{
    for (int i = from; i < to; i++)
        w->order[i - from] = (uint32_t)i;
    for (int i = 0; i < n && i < to - from; i++) {
        uint32_t other = (uint32_t)i + world_random(w, (uint32_t)(to - from - i));
        uint32_t kept = w->order[i];
        w->order[i] = w->order[other];
        w->order[other] = kept;
    }
}

/* Heavy-tailed: most hosts reach two or three members, some all of them. */
static uint8_t draw_reach(struct world *w)
{
    double uniform = (double)((next(w) >> 11) + 1) / 9007199254740993.0;
    double reach = 1 + floor(pow(uniform, -1 / 1.1));
    return reach < w->size.honest ? (uint8_t)reach : (uint8_t)w->size.honest;
}

/* ---- making it */

static void choose_victims(struct world *w)
{
    size_t most = w->scenario->attack == ATTACK_TURNED ? WORLD_TURNED : WORLD_VICTIMS_MAX;
    for (int host = w->size.bad + WORLD_MIXED; host < w->hosts_n && w->victims_n < most; host++)
        if (!w->scenario->unknown || (w->circle[host] & 1) == 0)
            w->victims[w->victims_n++] = (uint32_t)host;
}

void world_create(struct world *w, const struct scenario *s, struct world_size size, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    w->scenario = s;
    w->size = size;
    w->hosts_n = size.bad + size.good;
    w->members_n = size.honest + s->insiders + s->puppets;
    w->random = seed;
    w->reach = calloc((size_t)w->hosts_n, sizeof *w->reach);
    w->circle = calloc((size_t)w->hosts_n, sizeof *w->circle);
    w->order = calloc((size_t)w->hosts_n + WORLD_HONEST_MAX, sizeof *w->order);
    if (size.honest > WORLD_HONEST_MAX || w->reach == NULL || w->circle == NULL || w->order == NULL)
        bench_die("world", "too large, or out of memory");
    for (int host = 0; host < w->hosts_n; host++)
        w->reach[host] = host >= size.bad && host < size.bad + WORLD_MIXED ? (uint8_t)size.honest : draw_reach(w);
    for (int host = size.bad; host < w->hosts_n; host++) {
        draw(w, 0, size.honest, w->reach[host] + 1);
        for (int i = 0; i <= w->reach[host] && i < size.honest; i++)
            w->circle[host] |= UINT32_C(1) << w->order[i];
    }
    choose_victims(w);
}

void world_clear(struct world *w)
{
    free(w->reach);
    free(w->circle);
    free(w->order);
    free(w->today);
    memset(w, 0, sizeof *w);
}

/* ---- a day */

static void see(struct world *w, uint32_t hour, int member, uint32_t host, int black, int white, bool lie)
{
    if (w->today_n == w->today_room) {
        w->today_room = w->today_room * 2 + 4096;
        w->today = realloc(w->today, w->today_room * sizeof *w->today);
        if (w->today == NULL)
            bench_die("world", "out of memory");
    }
    w->today[w->today_n++] = (struct sight){ .hour = (uint8_t)hour, .member = (uint16_t)member, .host = host,
                                             .black = (uint8_t)black, .white = (uint8_t)white, .lie = lie };
}

/* One visit in ten goes by unnoticed. */
static void visit_bad(struct world *w, uint32_t host)
{
    int n = w->reach[host];
    if (!chance(w, 500))
        return;
    draw(w, 0, w->size.honest, n);
    uint32_t members[WORLD_HONEST_MAX];
    memcpy(members, w->order, (size_t)n * sizeof *members);
    for (int i = 0; i < n; i++)
        see(w, world_random(w, 24), (int)members[i], host, chance(w, 900) ? 1 + (int)world_random(w, 4) : 0, 0, false);
}

static void visit_good(struct world *w, uint32_t host)
{
    bool mixed = host < (uint32_t)(w->size.bad + WORLD_MIXED);
    for (int i = 0; i < w->size.honest; i++) {
        int spam = 0;
        if ((w->circle[host] >> i & 1) == 0 || !chance(w, 500))
            continue;
        for (int k = 0; k < 8; k++)
            spam += chance(w, mixed ? 50 : 3);
        see(w, world_random(w, 24), i, host, spam, 8 - spam, false);
    }
}

/* An insider plays his part of a first-hand reporter: true ones, as if he had seen them. */
static void play_honest(struct world *w, int member, int n)
{
    draw(w, 0, w->size.bad, n);
    for (int i = 0; i < n && i < w->size.bad; i++)
        see(w, world_random(w, 24), member, w->order[i], 4, 0, true);
}

static void slander(struct world *w, int member, uint32_t hour)
{
    for (size_t i = 0; i < w->victims_n; i++)
        see(w, hour, member, w->victims[i], WORLD_LIE, 0, true);
}

static void flood(struct world *w, int member, uint32_t hour)
{
    for (int host = 0; host < w->hosts_n; host++)
        see(w, hour, member, (uint32_t)host, WORLD_LIE, 0, true);
}

static void report_at_random(struct world *w, int member, uint32_t hour)
{
    draw(w, w->size.bad, w->hosts_n, 60);
    for (int i = 0; i < 60 && i < w->size.good; i++)
        see(w, hour, member, w->order[i], WORLD_LIE, 0, true);
    draw(w, 0, w->size.bad, WORLD_WANTED);
    for (int i = 0; i < WORLD_WANTED && i < w->size.bad; i++)
        see(w, hour, member, w->order[i], WORLD_LIE, 0, true);
}

static void whitewash(struct world *w, int member, uint32_t hour, int n)
{
    for (int host = 0; host < n && host < w->size.bad; host++)
        see(w, hour, member, (uint32_t)host, 0, WORLD_LIE, true);
}

/* An insider praises good hosts, as if he had mail of them. */
static void praise(struct world *w, int member, int n)
{
    int from = w->size.bad + WORLD_MIXED;
    draw(w, from, w->hosts_n, n);
    for (int i = 0; i < n && i < w->hosts_n - from; i++)
        see(w, world_random(w, 24), member, w->order[i], 0, 8, true);
}

/* All strike within the same hour. */
static void act(struct world *w, int member, int day, uint32_t hour)
{
    switch (w->scenario->attack) {
    case ATTACK_SLANDER: slander(w, member, hour); break;
    case ATTACK_RANDOM: report_at_random(w, member, hour); break;
    case ATTACK_FLOOD: flood(w, member, hour); break;
    case ATTACK_WHITEWASH: whitewash(w, member, hour, WORLD_WANTED); break;
    case ATTACK_WHITEALL: whitewash(w, member, hour, w->size.bad); break;
    case ATTACK_OSCILLATE: day / 7 % 2 == 1 ? slander(w, member, hour) : play_honest(w, member, 100); break;
    case ATTACK_SLEEPERS: day >= 14 ? slander(w, member, hour) : play_honest(w, member, 100); break;
    case ATTACK_CAMOUFLAGE:
        slander(w, member, hour);
        play_honest(w, member, 100);
        break;
    case ATTACK_SPIES:
        if (member % 2 == 0)
            slander(w, member, hour);
        play_honest(w, member, 100);
        break;
    case ATTACK_WHITEMASK:
        whitewash(w, member, hour, WORLD_WANTED);
        praise(w, member, 100);
        break;
    case ATTACK_TURNED:
    case ATTACK_NONE: break;
    }
}

static void attack(struct world *w, int day)
{
    uint32_t hour = world_random(w, 24);
    for (int i = 0; i < w->scenario->insiders; i++)
        act(w, w->size.honest + i, day, hour);
    for (int i = 0; i < w->scenario->puppets; i++)
        slander(w, w->size.honest + w->scenario->insiders + i, hour);
    for (size_t i = 0; w->scenario->attack == ATTACK_TURNED && day >= 10 && i < w->victims_n; i++)
        visit_bad(w, w->victims[i]);
}

/* Within an hour as they came, so that the order does not depend on the library's sort. */
static int by_hour(const void *a, const void *b)
{
    const struct sight *x = a, *y = b;
    if (x->hour != y->hour)
        return x->hour < y->hour ? -1 : 1;
    if (x->member != y->member)
        return x->member < y->member ? -1 : 1;
    if (x->host != y->host)
        return x->host < y->host ? -1 : 1;
    return (int)x->white * 256 + x->black - ((int)y->white * 256 + y->black);
}

void world_day(struct world *w, int day)
{
    w->today_n = 0;
    for (int host = 0; host < w->size.bad; host++)
        visit_bad(w, (uint32_t)host);
    for (int host = w->size.bad; host < w->hosts_n; host++)
        visit_good(w, (uint32_t)host);
    attack(w, day);
    qsort(w->today, w->today_n, sizeof *w->today, by_hour);
}
