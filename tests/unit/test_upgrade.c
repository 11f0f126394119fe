/* A database of an earlier schema, opened by this program. */
#include "learn_world.h"

#include <sqlite3.h>

static void make_store(const char *name)
{
    static char sql[65536];
    char path[256];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/tests/unit/%s", SOURCE_DIR, name);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(sql, 1, sizeof sql - 1, f);
    assert_true(n < sizeof sql - 1);
    assert_int_equal(fclose(f), 0);
    sql[n] = '\0';
    store_close(&w.store);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(sqlite3_open(w.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What own events had found of a report stays found, though it was marked as unseen since; and what comes later is judged as ever. */
static void an_upgrade_judges_nothing_a_second_time(void **state)
{
    int64_t now_s = T0 + 9 * WORLD_DAY + WORLD_HOUR;
    (void)state;
    make_store("store-18.sql");
    world_open(&w);
    world_claim_verifies(&w, now_s);
    struct member_row before = member(1, now_s);
    assert_in_range(before.confirmed_milli, 800, 850);
    assert_in_range(before.refuted_milli, 930, 950);
    assert_int_equal(before.seen_milli, before.confirmed_milli);               /* what usefulness is to begin with */
    world_fold(&w, now_s);
    assert_int_equal(member(1, now_s).confirmed_milli, before.confirmed_milli);
    assert_int_equal(member(1, now_s).refuted_milli, before.refuted_milli);
    world_claim_verifies(&w, now_s);
    saw(REQUEST_WHITE, 1, 1, now_s);
    assert_in_range(member(1, now_s).refuted_milli, before.refuted_milli + 990, before.refuted_milli + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_upgrade_judges_nothing_a_second_time, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
