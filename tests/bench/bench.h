/* tests/bench/bench.h: what the benchmark programs share. A result is one line of JSON on standard output, read by tools/bench. */
#ifndef HEARSAY_TESTS_BENCH_H
#define HEARSAY_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_ROUNDS_MAX = 32 };

static inline double bench_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts `v`; part 0.5 is the median. */
static inline double bench_part(double *v, size_t n, double part)
{
    qsort(v, n, sizeof *v, bench_compare);
    return v[(size_t)((double)(n - 1) * part + 0.5)];
}

/* Rounds alternate between the thing and its limit; each has its own times. */
struct bench_rounds { double ours_s[BENCH_ROUNDS_MAX], limit_s[BENCH_ROUNDS_MAX]; size_t n; };

/* `work`: how much each round did, in `unit`s; 1 with a unit of "ms" for a plain time. The ratio is 1 for as fast as the limit. */
static inline void bench_say(const char *name, struct bench_rounds *r, double work, const char *unit, double aim)
{
    double ours_s = bench_part(r->ours_s, r->n, 0.5), limit_s = bench_part(r->limit_s, r->n, 0.5);
    int time = strcmp(unit, "ms") == 0;
    printf("{\"name\": \"%s\", \"value\": %.3f, \"unit\": \"%s\", \"limit\": %.3f, \"ratio\": %.4f, \"aim\": %.2f, \"rounds\": %zu}\n", name,
           time ? ours_s * 1e3 : work / ours_s, unit, time ? limit_s * 1e3 : work / limit_s, limit_s / ours_s, aim, r->n);
    fflush(stdout);
}

static inline void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

/* A bijection on 24 bits, so that subjects look random and none comes twice. */
static inline uint32_t bench_spread(uint32_t i)
{
    return (i * 0x9e3779b1u) & 0xffffffu;
}

/* The i-th address: 11.0.0.0/8 to 99.0.0.0/8, 16 million in each. */
static inline uint32_t bench_address(uint32_t i)
{
    return (11u + (i >> 24) % 89u) << 24 | bench_spread(i);
}

#endif
