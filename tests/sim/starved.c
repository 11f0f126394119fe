/* sim_starved: a run in which one allocation of one core fails: the first, the second, and so on. Whatever was left out for it must be made good by repair.
 * The linker puts these functions in the place of the C library's, for the core and for proto/ (--wrap). */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);

enum { EACH_UP_TO = 60, RUNS_MAX = 150 };

static uint64_t fails_at, allocations;

static bool fails(void)
{
    return sim_watched && ++allocations == fails_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t size)
{
    return fails() ? NULL : __real_realloc(at, size);
}

/* How many runs it took until one had fewer allocations than the number to fail; 0 when something did not hold. */
static unsigned run_seed(uint64_t seed, struct world *w)
{
    const struct sim_options o = { .seed = seed, .nodes = 4 };
    unsigned runs = 0;

    for (fails_at = 1; runs < RUNS_MAX; fails_at += fails_at < EACH_UP_TO ? 1 : fails_at / 25) {
        int rc;
        allocations = 0;
        rc = sim_run(&o, w);
        if (rc != 0)
            printf("seed %llu, allocation %llu of node 0 failed, and then: %s\n", (unsigned long long)seed, (unsigned long long)fails_at, w->why);
        sim_clear(w);
        if (rc != 0)
            return 0;
        runs++;
        if (allocations < fails_at)
            break;
    }
    printf("seed %llu: %u runs held, each without one of %llu allocations\n", (unsigned long long)seed, runs, (unsigned long long)allocations);
    return runs;
}

int main(void)
{
    struct world *w = calloc(1, sizeof *w);
    bool held = w != NULL;

    sim_may_starve = true;
    for (uint64_t seed = 3; held && seed <= 4; seed++)
        held = run_seed(seed, w) > EACH_UP_TO;
    free(w);
    authors_free();
    return held ? 0 : 1;
}
