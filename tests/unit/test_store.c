#include "tests/unit/store_world.h"

#include <errno.h>

static void a_report_lists_at_once_in_a_zone_that_believes_its_own(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.8"), VERDICT_UNKNOWN);
    world_destroy(&w);
}

static void what_a_trusted_member_says_lists(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "malware", 5, 0, T0 });
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    struct listing_change *changes = NULL;
    size_t n = 0;
    assert_int_equal(store_take_changes(w.store, &changes, &n), 0);
    assert_int_equal(n, 1);
    assert_true(changes[0].listed);
    assert_int_equal(changes[0].zone, 0);
    assert_int_equal(changes[0].category, 1);
    free(changes);
    world_destroy(&w);
}

static void what_was_reported_is_told_once(void **state)
{
    struct world w;
    struct tell_limits limits = { .growth_min = 100, .growth_wait_s = 600, .batches_max = 2 };
    struct told_batch told[2];
    uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t epoch = 0;
    size_t n = 0;
    bool more = true;
    int64_t wake_s = 0;
    (void)state;
    world_create(&w);
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0, &epoch), 0);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    world_fold(&w, T0);
    assert_int_equal(store_tell(w.store, w.ids[0], 1, &limits, T0, told, &n, &more, &wake_s), 0);
    assert_int_equal(n, 1);
    assert_false(more);
    free(told[0].frame);
    assert_int_equal(store_tell(w.store, w.ids[0], 1, &limits, T0, told, &n, &more, &wake_s), 0);
    assert_int_equal(n, 0);
    world_fold(&w, T0);
    assert_int_equal(store_backlog(w.store), 0);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_lists_at_once_in_a_zone_that_believes_its_own),
        cmocka_unit_test(what_a_trusted_member_says_lists),
        cmocka_unit_test(what_was_reported_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
