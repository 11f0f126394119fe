/* tests/unit/mesh_large.h: a core in a coalition that counts as a large one, and four of its neighbours. */
#ifndef HEARSAY_TESTS_MESH_LARGE_H
#define HEARSAY_TESTS_MESH_LARGE_H

#define FIXTURE_MEMBERS 70
#include "tests/unit/mesh_fixture.h"

enum { NEIGHBOURS = 4, ORIGIN = 9 };

static inline void begin_with(void **state, unsigned members)
{
    begin_alone(state);
    for (unsigned i = 1; i < members; i++)
        know(i, i <= NEIGHBOURS);
    tick_at(now_ms);
    for (unsigned i = 1; i <= NEIGHBOURS; i++)
        link_to(i, true);
}

static inline int begin_large(void **state)
{
    begin_with(state, MEMBERS);
    return 0;
}

static inline int begin_small(void **state)
{
    begin_with(state, MESH_LARGE_MIN - 1);
    return 0;
}

static inline bool does(enum mesh_action_kind kind, unsigned neighbour, unsigned origin)
{
    for (size_t i = 0; i < up.n; i++) {
        const struct mesh_action *a = &up.actions[i];
        if (a->kind == kind && is_about(a, neighbour) && memcmp(a->origin, people[origin].record.root, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

static inline void say_subscribers(unsigned neighbour, uint32_t n)
{
    struct message m = { .kind = MESSAGE_HAVE, .u.have.subscribers = n };

    message(MESH_ASK, neighbour, &m);
}

#define LARGE(name) cmocka_unit_test_setup_teardown(name, begin_large, end)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, begin_small, end)

#endif
