/* node/mesh_catch: when what others say may begin to count. */
#include "tests/unit/mesh_fixture.h"

static struct mesh_catching catching(void)
{
    struct mesh_catching c;
    mesh_catching(mesh, &c);
    return c;
}

/* Ticks up to that time; when it was said, or -1. */
static int64_t said_by(int64_t until_ms)
{
    while (now_ms < until_ms) {
        tick_at(up.wake_at_ms < until_ms ? up.wake_at_ms : until_ms);
        if (action(MESH_DO_CAUGHT_UP) != NULL)
            return now_ms;
    }
    return -1;
}

/* What that neighbour would answer; `up_to` of the batches of member 3, highest first. */
static bool serve(unsigned n)
{
    struct asked a = asked_for_range();
    if (!a.any)
        return false;
    for (uint64_t seq = a.to; seq >= a.from && n > 0; seq--, n--) {
        size_t f = sign((struct plan){ .author = 3, .seq = seq });
        fetched(a.who, a.id, (long)f, false);
        stored(f, true);
    }
    fetched(a.who, a.id, -1, true);
    return true;
}

static void a_coalition_that_knows_nothing_is_caught_up_with_at_once(void **state)
{
    (void)state;
    int64_t start_ms = now_ms;
    have(MESH_ANSWER, 1, 3, 0, 0, true);
    have(MESH_ANSWER, 2, 3, 0, 0, true);
    int64_t at_ms = said_by(start_ms + 5000);
    assert_true(at_ms >= 0 && at_ms <= start_ms + 2000);
    assert_true(catching().caught_up);
    assert_int_equal(said_by(now_ms + 600000), -1);          /* once */
}

static void nothing_counts_before_a_neighbour_told_what_it_has(void **state)
{
    (void)state;
    assert_int_equal(said_by(now_ms + 10000), -1);
    have(MESH_ANSWER, 1, 3, 0, 0, true);
    assert_true(said_by(now_ms + 16000) >= 0);               /* the other one has had its time */
}

/* One with nothing answers at once, one with all of it late. */
static void a_slow_neighbour_that_has_most_of_it_is_waited_for(void **state)
{
    (void)state;
    have(MESH_ANSWER, 1, 3, 0, 0, true);
    assert_int_equal(said_by(now_ms + 10000), -1);
    have(MESH_ANSWER, 2, 3, 1, 128, true);
    assert_int_equal(catching().known, 128);
    for (int64_t end_ms = now_ms + 10000; catching().held < 64 && now_ms < end_ms;) {
        if (!serve(64))
            tick_at(now_ms + 100);
    }
    assert_int_equal(catching().held, 64);
    assert_false(catching().caught_up);
}

static void a_neighbour_that_cannot_be_reached_is_waited_for_less(void **state)
{
    (void)state;
    int64_t start_ms = now_ms;
    link_to(2, false);
    step((struct mesh_event){ .kind = MESH_LINK_ABSENT, .neighbour = people[2].record.root });
    have(MESH_ANSWER, 1, 3, 0, 0, true);
    int64_t at_ms = said_by(start_ms + 5000);
    assert_true(at_ms >= start_ms + 2000 && at_ms <= start_ms + 3000);
}

/* A liar's way, the other round. */
static void telling_all_over_and_over_prolongs_nothing(void **state)
{
    (void)state;
    int64_t start_ms = now_ms, at_ms = -1;
    while (at_ms < 0 && now_ms < start_ms + 60000) {
        have(MESH_ANSWER, 1, 3, 0, 0, true);
        at_ms = said_by(now_ms + 200);
    }
    assert_true(at_ms >= start_ms + 15000 && at_ms <= start_ms + 16000);
}

/* 122 of 128 are 95 %, 121 are not. */
static void ninety_five_of_a_hundred_must_be_here(void **state)
{
    (void)state;
    uint64_t told = 0;
    have(MESH_ANSWER, 1, 3, 1, 128, true);
    have(MESH_ANSWER, 2, 3, 1, 128, true);
    assert_int_equal(said_by(now_ms + 1000), -1);
    for (uint64_t seq = 128; told < 121; seq--, told++) {
        size_t f = sign((struct plan){ .author = 3, .seq = seq });
        hear(1, f);
        stored(f, true);
        assert_null(action(MESH_DO_CAUGHT_UP));
    }
    assert_int_equal(catching().held, 121);
    assert_int_equal(said_by(now_ms + 5000), -1);
    size_t f = sign((struct plan){ .author = 3, .seq = 128 - told });
    hear(1, f);
    stored(f, true);
    assert_int_equal(catching().known, 128);
    assert_true(said_by(now_ms + 1000) >= 0);
}

static void nothing_counts_before_most_of_it_is_here(void **state)
{
    (void)state;
    have(MESH_ANSWER, 1, 3, 1, 128, true);
    have(MESH_ANSWER, 2, 3, 1, 128, true);
    assert_int_equal(said_by(now_ms + 1000), -1);
    assert_int_equal(catching().known, 128);
    while (catching().held < 64) {
        tick_at(now_ms + 100);
        assert_null(action(MESH_DO_CAUGHT_UP));
        serve(64);
    }
    assert_int_equal(catching().held, 64);
    for (int64_t end_ms = now_ms + 10000; !catching().caught_up && now_ms < end_ms;) {
        if (!serve(64))
            tick_at(now_ms + 100);
    }
    assert_true(catching().caught_up);
    assert_int_equal(catching().held, 128);
}

static void what_is_told_and_never_comes_does_not_hold_back_for_ever(void **state)
{
    (void)state;
    int64_t start_ms = now_ms;
    have(MESH_ANSWER, 1, 3, 1, 1000, true);
    have(MESH_ANSWER, 2, 3, 1, 1000, true);
    int64_t at_ms = said_by(start_ms + 120000);
    assert_true(at_ms >= start_ms + MESH_FETCH_TIMEOUT_MS && at_ms <= start_ms + 62000);
}

static void neighbours_that_are_gone_do_not_hold_back_for_ever(void **state)
{
    (void)state;
    int64_t start_ms = now_ms;
    link_to(1, false);
    link_to(2, false);
    int64_t at_ms = said_by(start_ms + 120000);
    assert_true(at_ms >= start_ms + 60000 && at_ms <= start_ms + 62000);
}

/* One batch a minute, and claims without end: a liar's way. */
static void a_trickle_does_not_hold_back_for_ever(void **state)
{
    (void)state;
    int64_t start_ms = now_ms, at_ms = -1;
    for (uint64_t seq = 5000; at_ms < 0 && now_ms < start_ms + 3600 * 1000; seq--) {
        size_t f = sign((struct plan){ .author = 3, .seq = seq });
        have(MESH_ANSWER, 1, 3, 1, 5000, true);
        hear(1, f);
        stored(f, true);
        at_ms = said_by(now_ms + 50000);
    }
    assert_true(at_ms >= start_ms + MESH_FETCH_TIMEOUT_MS && at_ms < start_ms + 1900 * 1000);
}

/* What came in before is not fetched again: a node that was killed goes on where it was. */
static void a_restart_goes_on_where_it_was(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 64; seq++) {
        size_t f = sign((struct plan){ .author = 3, .seq = seq });
        assert_int_equal(mesh_held(mesh, &frames[f].ref), 0);
    }
    have(MESH_ANSWER, 1, 3, 1, 128, true);
    tick_at(now_ms + 400);
    struct asked a = asked_for_range();
    assert_true(a.any && a.from == 65 && a.to == 128);
    assert_int_equal(catching().held, 64);
    assert_int_equal(catching().known, 128);
}

static void without_a_neighbour_there_is_nobody_to_wait_for(void **state)
{
    (void)state;
    tick_at(now_ms);
    assert_int_equal(said_by(now_ms + 600000), -1);
    know(1, true);
    tick_at(now_ms);                                         /* the first neighbour: from now on it is waited for */
    assert_int_equal(said_by(now_ms + 30000), -1);
    assert_true(said_by(now_ms + 40000) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_coalition_that_knows_nothing_is_caught_up_with_at_once),
        CLAIM(nothing_counts_before_a_neighbour_told_what_it_has),
        CLAIM(a_slow_neighbour_that_has_most_of_it_is_waited_for),
        CLAIM(a_neighbour_that_cannot_be_reached_is_waited_for_less),
        CLAIM(telling_all_over_and_over_prolongs_nothing),
        CLAIM(ninety_five_of_a_hundred_must_be_here),
        CLAIM(nothing_counts_before_most_of_it_is_here),
        CLAIM(what_is_told_and_never_comes_does_not_hold_back_for_ever),
        CLAIM(neighbours_that_are_gone_do_not_hold_back_for_ever),
        CLAIM(a_trickle_does_not_hold_back_for_ever),
        CLAIM(a_restart_goes_on_where_it_was),
        CLAIM_ALONE(without_a_neighbour_there_is_nobody_to_wait_for),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
