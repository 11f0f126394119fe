/* tests/unit/reader_asked.h: a world and one reader kept open beside its writer, as the daemon does it. */
#ifndef HEARSAY_TESTS_READER_ASKED_H
#define HEARSAY_TESTS_READER_ASKED_H

#include "tests/unit/store_world.h"

struct asked {
    struct world w;
    struct reader *r;
};

static inline void ask(struct asked *a)
{
    world_create(&a->w);
    a->r = world_reader(&a->w);
}

static inline void done(struct asked *a)
{
    reader_close(&a->r);
    world_destroy(&a->w);
}

static inline void report(struct asked *a, enum request_verb verb, const char *text, int category)
{
    world_report(&a->w, verb, text, category, 1, T0);
    world_fold(&a->w, T0);
}

#endif
