/* node/mesh_ranges: against a set of booleans, and at the ends of the number range. */
#include "node/mesh_ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/seed.h"

enum { NUMBERS = 64, ROUNDS = 20000 };

static struct ranges r;

static int end(void **state)
{
    (void)state;
    ranges_clear(&r);
    return 0;
}

/* Small steps of a generator of our own, so that a failure comes again. */
static unsigned z = 12345;

static unsigned draw(unsigned below)
{
    z = z * 1103515245 + 12345;
    return (z >> 16) % below;
}

static void is_like(const bool model[NUMBERS])
{
    for (uint64_t i = 0; i < NUMBERS; i++)
        assert_int_equal(ranges_has(&r, i), model[i]);
    for (size_t i = 0; i < r.n; i++) {
        assert_true(r.at[i].from <= r.at[i].to);
        assert_true(i == 0 || r.at[i - 1].to + 1 < r.at[i].from);
    }
}

static void gap_is_like(const bool model[NUMBERS], unsigned from, unsigned to)
{
    struct range gap;
    int high = (int)to, low;
    uint64_t missing = 0;

    for (unsigned i = from; i <= to; i++)
        missing += !model[i];
    assert_int_equal(ranges_missing(&r, from, to), missing);
    while (high >= (int)from && model[high])
        high--;
    assert_int_equal(ranges_gap(&r, from, to, &gap), high >= (int)from);
    if (high < (int)from)
        return;
    for (low = high; low > (int)from && !model[low - 1]; low--)
        ;
    assert_int_equal(gap.to, high);
    assert_int_equal(gap.from, low);
}

static void a_set_of_ranges_is_a_set(void **state)
{
    bool model[NUMBERS] = { false };

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned from = draw(NUMBERS), to = from + draw(NUMBERS - from);
        if (draw(3) == 0) {
            if (to - from > 3)
                to = from + 3;
            assert_int_equal(ranges_add(&r, from, to), 0);
            memset(model + from, true, to - from + 1);
        } else if (draw(50) == 0) {
            ranges_cut(&r, from);
            memset(model, false, from);
        } else {
            assert_int_equal(ranges_remove(&r, from), 0);
            model[from] = false;
        }
        is_like(model);
        gap_is_like(model, draw(from + 1), to);
    }
}

static void the_ends_of_the_numbers_hold(void **state)
{
    struct range gap;

    (void)state;
    ranges_cut(&r, 7);
    assert_int_equal(ranges_remove(&r, 7), 0);
    assert_int_equal(ranges_missing(&r, 0, UINT64_MAX), UINT64_MAX);
    assert_false(ranges_gap(&r, 5, 4, &gap));
    assert_int_equal(ranges_add(&r, UINT64_MAX - 1, UINT64_MAX), 0);
    assert_int_equal(ranges_add(&r, 0, 0), 0);
    assert_true(ranges_gap(&r, 0, UINT64_MAX, &gap));
    assert_true(gap.from == 1 && gap.to == UINT64_MAX - 2);
    assert_int_equal(ranges_add(&r, 1, UINT64_MAX - 2), 0);
    assert_int_equal(r.n, 1);
    assert_false(ranges_gap(&r, 0, UINT64_MAX, &gap));
    assert_int_equal(ranges_missing(&r, 0, UINT64_MAX), 0);
}

int main(void)
{
    z = (unsigned)seeded(z);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_set_of_ranges_is_a_set, end),
        cmocka_unit_test_teardown(the_ends_of_the_numbers_hold, end),
    };
    return cmocka_run_group_tests_name("mesh_ranges", tests, NULL, NULL);
}
