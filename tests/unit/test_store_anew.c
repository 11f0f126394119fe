/* A node that starts with another member's keys beside the same database: what it saw is told anew. */
#include "told_world.h"

#include <sqlite3.h>

static struct world w;

static int begin(void **state)
{
    (void)state;
    world_create(&w);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_destroy(&w);
    return 0;
}

/* A count as the database keeps it. */
static int64_t kept(const char *name)
{
    sqlite3 *d = NULL;
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_open_v2(w.path, &d, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(d, "SELECT number FROM meta WHERE name = ?1", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(d);
    return number;
}

static void another_own_member_tells_all_anew_and_leaves_others_be(void **state)
{
    static const uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t first = 0, second = 0;
    (void)state;
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0, &first), 0);
    world_report(&w, REQUEST_BLACK, "192.0.2.1", 0, 1, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.2", 0, 1, T0);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.9", WORLD_SAY, 8, 0, T0 });
    world_fold(&w, T0 + 10);
    assert_int_equal(world_told(&w, "test", T0 + 100), 2);
    assert_int_equal(world_told(&w, "test", T0 + 100), 0);
    identity_destroy(&w.ids[0]);
    world_member(&w, 0, WORLD_MEMBERS);
    memcpy(w.policy->self, w.records[0].root, KEY_BYTES);
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 20), 0);
    assert_true(store_took_log_anew(w.store));
    assert_int_equal(store_add_record(w.store, w.records[0].root, 1, (struct bytes){ w.frames[0], w.frame_lens[0] }), 0);
    world_fold(&w, T0 + 30);
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0 + 40, &second), 0);
    assert_true(second > first);
    assert_int_equal(world_told(&w, "test", T0 + 100), 2);
    assert_int_equal(world_check(&w, "192.0.2.9"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 110);
    world_reopen(&w);
    assert_false(store_took_log_anew(w.store));
    memset(w.policy->self, 0, KEY_BYTES);                  /* a command that cannot read the keys changes nothing */
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 120), 0);
    assert_false(store_took_log_anew(w.store));
}

/* A new member for a new coalition: what was counted of the own log is taken off once. */
static void another_own_member_in_another_coalition_is_counted_anew_once(void **state)
{
    static const uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t epoch = 0;
    (void)state;
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0, &epoch), 0);
    world_report(&w, REQUEST_BLACK, "192.0.2.1", 0, 1, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.2", 0, 1, T0);
    world_fold(&w, T0 + 10);
    assert_int_equal(world_told(&w, "test", T0 + 100), 2);
    int64_t told_n = kept("told_n"), log_weight = kept("log_weight");
    assert_int_equal(told_n, 2);
    identity_destroy(&w.ids[0]);
    world_member(&w, 0, WORLD_MEMBERS);
    memcpy(w.policy->self, w.records[0].root, KEY_BYTES);
    strcpy(w.policy->federation, "street");
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 20), 0);
    assert_int_equal(kept("told_n"), 0);
    assert_int_equal(kept("log_weight"), 0);
    assert_int_equal(store_add_record(w.store, w.records[0].root, 1, (struct bytes){ w.frames[0], w.frame_lens[0] }), 0);
    world_fold(&w, T0 + 30);
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0 + 40, &epoch), 0);
    assert_int_equal(world_told(&w, "street", T0 + 100), 2);
    assert_int_equal(kept("told_n"), told_n);
    assert_int_equal(kept("log_weight"), log_weight);
    world_claim_verifies(&w, T0 + 110);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(another_own_member_tells_all_anew_and_leaves_others_be),
        CLAIM(another_own_member_in_another_coalition_is_counted_anew_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
