/* tests/fuzz/fuzz.h: what the entry points share. */
#ifndef HEARSAY_TESTS_FUZZ_H
#define HEARSAY_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The name that libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

/* A claim that holds for every input. Not assert(): it must also stand in a build with NDEBUG. */
#define CLAIM(truth) \
    do { \
        if (!(truth)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #truth); \
            abort(); \
        } \
    } while (0)

#endif
