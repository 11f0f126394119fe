/* tests/seed.h: whatever a unit test draws comes from here, so that it is the same in every run. With HEARSAY_TEST_SEED=N in the environment it is something else, and the
 * test must hold as well: a fault that was found with some N is found with it again. */
#ifndef HEARSAY_TESTS_SEED_H
#define HEARSAY_TESTS_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* 0 when it is not set. What is no number ends the process: nobody is to believe that another seed was tried. */
static inline uint64_t test_seed(void)
{
    const char *text = getenv("HEARSAY_TEST_SEED");
    uint64_t seed = 0;

    for (; text != NULL && *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || seed > (UINT64_MAX - 9) / 10) {
            fprintf(stderr, "HEARSAY_TEST_SEED is not a number\n");
            abort();
        }
        seed = seed * 10 + (uint64_t)(*text - '0');
    }
    return seed;
}

/* Where a test's own random numbers begin: with `usual`, if no other seed is asked for. */
static inline uint64_t seeded(uint64_t usual)
{
    uint64_t z = test_seed() * UINT64_C(0x9e3779b97f4a7c15);

    return usual + (z ^ z >> 31);
}

#endif
