/* node/zone_keeper: which zone is written when, with the clocks in the test's hand. */
#include "node/zone_keeper.h"

#include "tests/unit/zone_fixture.h"

static struct fixture f;
static struct zone_keeper *keeper;
static struct reader *reader;

static int begin(void **state)
{
    (void)state;
    fixture_begin(&f);
    keeper = zone_keeper_create(zone_settings_of(f.config));
    assert_non_null(keeper);
    assert_int_equal(reader_open(f.config->database, f.config->policy, &reader, f.why), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    reader_close(&reader);
    zone_keeper_destroy(&keeper);
    fixture_end(&f);
    return 0;
}

static void change(int zone, const char *text, bool listed)
{
    struct zone_changes changes = { 0 };
    const struct listing_change c = fixture_change(zone, 0, text, listed);
    assert_true(zone_changes_add(&changes, &c));
    zone_keeper_apply(keeper, &changes);
    zone_changes_free(&changes);
}

static const struct zone_thread_state *state_of(size_t i)
{
    static struct zone_thread_state states[POLICY_ZONES_MAX];
    assert_true(i < zone_keeper_states(keeper, states));
    return &states[i];
}

static uint64_t writes(void)
{
    return state_of(0)->writes;
}

static bool says(const char *line)
{
    return fixture_file_says(f.config->zones[0].file, line);
}

static void the_database_is_loaded_and_written_once(void **state)
{
    (void)state;
    fixture_report(&f, "192.0.2.7");
    assert_true(zone_keeper_write(keeper, 0, NOW, false) <= 10000);
    assert_int_equal(writes(), 0);
    zone_keeper_load(keeper, reader, 0, false);
    assert_true(zone_keeper_loaded(keeper));
    zone_keeper_write(keeper, 0, NOW, false);
    zone_keeper_write(keeper, 5000, NOW + 5, false);
    assert_int_equal(writes(), 1);
    assert_int_equal(state_of(0)->listings, 1);
    assert_int_equal(state_of(0)->written_s, NOW);
    assert_int_equal(state_of(0)->expires_s, NOW + 3600);
    assert_true(says("192.0.2.7"));
}

static void the_first_change_is_written_at_once_and_the_next_a_second_later(void **state)
{
    (void)state;
    zone_keeper_load(keeper, reader, 0, false);
    zone_keeper_write(keeper, 0, NOW, false);
    change(0, "192.0.2.1", true);
    assert_int_equal(zone_keeper_write(keeper, 5000, NOW + 5, false), 15000);
    assert_int_equal(writes(), 2);
    assert_true(says("192.0.2.1"));
    change(0, "192.0.2.2", true);
    assert_int_equal(zone_keeper_write(keeper, 5001, NOW + 5, false), 6000);
    change(0, "192.0.2.3", true);
    assert_int_equal(zone_keeper_write(keeper, 5999, NOW + 5, false), 6000);
    assert_int_equal(writes(), 2);
    zone_keeper_write(keeper, 6000, NOW + 6, false);
    assert_int_equal(writes(), 3);
    assert_true(says("192.0.2.2") && says("192.0.2.3"));
}

static void what_changes_nothing_is_not_written(void **state)
{
    (void)state;
    fixture_report(&f, "192.0.2.7");
    zone_keeper_load(keeper, reader, 0, false);
    zone_keeper_write(keeper, 0, NOW, false);
    change(0, "192.0.2.7", true);
    change(0, "192.0.2.8", false);
    change(63, "192.0.2.9", true);
    zone_keeper_write(keeper, 5000, NOW + 5, false);
    assert_int_equal(writes(), 1);
    change(0, "192.0.2.7", false);
    zone_keeper_write(keeper, 6000, NOW + 6, false);
    assert_int_equal(writes(), 2);
    assert_false(says("192.0.2.7"));
}

static void the_end_waits_for_no_second(void **state)
{
    (void)state;
    zone_keeper_load(keeper, reader, 0, false);
    zone_keeper_write(keeper, 0, NOW, false);
    change(0, "192.0.2.1", true);
    zone_keeper_write(keeper, 10, NOW, true);
    assert_true(says("192.0.2.1"));
    zone_keeper_write(keeper, 20, NOW, true);
    assert_int_equal(writes(), 2);
}

static void a_quiet_zone_is_renewed_before_it_expires(void **state)
{
    (void)state;
    f.config->zones[0].expire_s = 12;
    assert_int_equal(zone_keeper_adopt(keeper, zone_settings_of(f.config)), 0);
    zone_keeper_load(keeper, reader, 0, false);
    assert_int_equal(zone_keeper_write(keeper, 0, NOW, false), 6000);
    assert_int_equal(zone_keeper_write(keeper, 5000, NOW + 5, false), 6000);
    assert_int_equal(writes(), 1);
    zone_keeper_write(keeper, 6000, NOW + 6, false);
    assert_int_equal(writes(), 2);
    assert_int_equal(state_of(0)->expires_s, NOW + 18);
}

static void a_clock_set_back_renews_what_would_be_of_the_future(void **state)
{
    (void)state;
    zone_keeper_load(keeper, reader, 0, false);
    zone_keeper_write(keeper, 0, NOW, false);
    zone_keeper_write(keeper, 5000, NOW - ZONE_SKEW_S, false);
    assert_int_equal(writes(), 1);
    zone_keeper_write(keeper, 10000, NOW - 3600, false);
    assert_int_equal(writes(), 2);
    assert_int_equal(state_of(0)->written_s, NOW - 3600);
    assert_int_equal(state_of(0)->serial, NOW + 1);
}

static void a_failed_write_is_tried_again_ever_more_rarely(void **state)
{
    (void)state;
    char blocker[128];
    snprintf(blocker, sizeof blocker, "%s/file", f.dir);
    fclose(fopen(blocker, "we"));
    snprintf(f.config->zones[0].file, sizeof f.config->zones[0].file, "%s/zone", blocker);
    assert_int_equal(zone_keeper_adopt(keeper, zone_settings_of(f.config)), 0);
    zone_keeper_load(keeper, reader, 0, false);
    int64_t at_ms = 0;
    static const int64_t waits_ms[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        zone_keeper_write(keeper, at_ms, NOW, false);
        assert_int_equal(state_of(0)->failures, i + 1);
        assert_non_null(strstr(state_of(0)->problem, blocker));
        zone_keeper_write(keeper, at_ms + waits_ms[i] - 1, NOW, false);
        assert_int_equal(state_of(0)->failures, i + 1);
        at_ms += waits_ms[i];
    }
    unlink(blocker);
    zone_keeper_write(keeper, at_ms, NOW, false);
    assert_int_equal(writes(), 1);
    assert_string_equal(state_of(0)->problem, "");
}

static void a_large_zone_is_not_emptied_unasked(void **state)
{
    (void)state;
    char text[32];
    zone_keeper_load(keeper, reader, 0, false);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "192.0.2.%d", i + 1);
        change(0, text, true);
    }
    zone_keeper_write(keeper, 0, NOW, false);
    zone_keeper_destroy(&keeper);
    keeper = zone_keeper_create(zone_settings_of(f.config));      /* a start with an empty database */
    zone_keeper_load(keeper, reader, 0, false);
    zone_keeper_write(keeper, 0, NOW, false);
    assert_int_equal(state_of(0)->failures, 1);
    assert_non_null(strstr(state_of(0)->problem, "hearsay export bl.a.example"));
    assert_true(says("192.0.2.100"));
    assert_int_equal(zone_keeper_export(keeper, 0, NULL, 10, NOW, f.why), 0);
    assert_false(says("192.0.2.100"));
    assert_string_equal(state_of(0)->problem, "");
}

static void a_zone_that_was_seen_to_empty_itself_is_written(void **state)
{
    (void)state;
    char text[32];
    zone_keeper_load(keeper, reader, 0, false);
    for (int listed = 1; listed >= 0; listed--) {
        for (int i = 0; i < 150; i++) {
            snprintf(text, sizeof text, "192.0.2.%d", i + 1);
            change(0, text, listed);
        }
        zone_keeper_write(keeper, 5000 * (2 - listed), NOW, false);
        assert_int_equal(says("192.0.2.100"), listed);
    }
}

static void an_export_elsewhere_leaves_the_zone_alone(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/elsewhere", f.dir);
    assert_int_equal(zone_keeper_export(keeper, 0, path, 0, NOW, f.why), -EAGAIN);
    zone_keeper_load(keeper, reader, 0, false);
    change(0, "192.0.2.1", true);
    assert_int_equal(zone_keeper_export(keeper, 0, path, 0, NOW, f.why), 0);
    assert_true(fixture_file_says(path, "192.0.2.1"));
    assert_int_equal(access(f.config->zones[0].file, F_OK), -1);
    assert_int_equal(writes(), 0);
    assert_int_equal(zone_keeper_export(keeper, 1, NULL, 0, NOW, f.why), -EINVAL);
    assert_int_equal(zone_keeper_export(keeper, -1, NULL, 0, NOW, f.why), -EINVAL);
}

static void a_new_configuration_loads_its_own_zones(void **state)
{
    (void)state;
    fixture_report(&f, "192.0.2.7");
    zone_keeper_load(keeper, reader, 0, false);
    zone_keeper_write(keeper, 0, NOW, false);
    fixture_zone(&f, "second.a.example");
    assert_int_equal(store_set_policy(f.store, f.config->policy, NOW), 0);
    fixture_report(&f, "192.0.2.8");
    assert_int_equal(zone_keeper_adopt(keeper, zone_settings_of(f.config)), 0);
    assert_false(zone_keeper_loaded(keeper));
    zone_keeper_load(keeper, reader, 5000, false);
    zone_keeper_write(keeper, 5000, NOW + 5, false);
    assert_int_equal(writes(), 2);
    assert_string_equal(state_of(1)->name, "second.a.example");
    assert_true(says("192.0.2.8"));
    assert_true(fixture_file_says(f.config->zones[1].file, "192.0.2.8"));
}

static void the_zone_without_a_name_is_not_written(void **state)
{
    (void)state;
    struct zone_thread_state states[POLICY_ZONES_MAX];
    policy_finish(f.config->policy);
    assert_int_equal(f.config->policy->zones_n, 2);
    assert_int_equal(zone_keeper_adopt(keeper, zone_settings_of(f.config)), 0);
    assert_int_equal(zone_keeper_states(keeper, states), 1);
    zone_keeper_load(keeper, reader, 0, false);
    change(1, "192.0.2.1", true);
    zone_keeper_write(keeper, 0, NOW, false);
    assert_int_equal(state_of(0)->listings, 0);
}

static void changes_are_bounded(void **state)
{
    (void)state;
    struct zone_changes changes = { 0 };
    struct listing_change c = fixture_change(0, 0, "192.0.2.1", true);
    size_t n = 0;
    while (n < ZONE_PENDING_MAX && zone_changes_add(&changes, &c))
        n++;
    assert_int_equal(n, ZONE_PENDING_MAX / 10);
    zone_changes_free(&changes);
    c.zone = -1;
    assert_true(zone_changes_add(&changes, &c));
    c.zone = 0;
    c.category = POLICY_CATEGORIES_MAX;
    assert_true(zone_changes_add(&changes, &c));
    assert_int_equal(changes.used, 0);
}

#define test(claim) cmocka_unit_test_setup_teardown(claim, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(the_database_is_loaded_and_written_once),
        test(the_first_change_is_written_at_once_and_the_next_a_second_later),
        test(what_changes_nothing_is_not_written),
        test(the_end_waits_for_no_second),
        test(a_quiet_zone_is_renewed_before_it_expires),
        test(a_clock_set_back_renews_what_would_be_of_the_future),
        test(a_failed_write_is_tried_again_ever_more_rarely),
        test(a_large_zone_is_not_emptied_unasked),
        test(a_zone_that_was_seen_to_empty_itself_is_written),
        test(an_export_elsewhere_leaves_the_zone_alone),
        test(a_new_configuration_loads_its_own_zones),
        test(the_zone_without_a_name_is_not_written),
        test(changes_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
