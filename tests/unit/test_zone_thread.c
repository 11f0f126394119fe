/* node/zone_thread: the queue and the thread around node/zone_keeper. An export is done when it returns, so nothing here sleeps. */
#include "node/zone_thread.h"

#include <pthread.h>

#include "tests/unit/zone_fixture.h"

static struct fixture f;
static struct zone_thread *zones;

static int begin(void **state)
{
    (void)state;
    fixture_begin(&f);
    return 0;
}

static int end(void **state)
{
    (void)state;
    zone_thread_stop(&zones);
    fixture_end(&f);
    return 0;
}

static void start(void)
{
    if (zone_thread_start(f.config, &zones, f.why) != 0)
        fail_msg("%s", f.why);
}

static void change(const char *text, bool listed)
{
    const struct listing_change c = fixture_change(0, 0, text, listed);
    zone_thread_changes(zones, &c, 1);
}

static void export(void)
{
    if (zone_thread_export(zones, 0, NULL, f.why) != 0)
        fail_msg("%s", f.why);
}

static bool says(const char *line)
{
    return fixture_file_says(f.config->zones[0].file, line);
}

static void what_the_database_lists_is_written(void **state)
{
    (void)state;
    fixture_report(&f, "192.0.2.7");
    start();
    export();
    assert_true(says("192.0.2.7"));
    struct zone_thread_state states[2];
    zone_thread_stop(&zones);
    start();
    export();
    export();
    assert_int_equal(zone_thread_states(zones, states, 2), 1);
    assert_string_equal(states[0].name, "bl.a.example");
    assert_string_equal(states[0].file, f.config->zones[0].file);
    assert_int_equal(states[0].listings, 1);
    assert_int_equal(zone_thread_states(zones, states, 0), 0);
}

static void an_export_holds_every_change_told_before_it(void **state)
{
    (void)state;
    start();
    change("192.0.2.1", true);
    change("192.0.2.2", true);
    change("192.0.2.1", false);
    export();
    assert_false(says("192.0.2.1"));
    assert_true(says("192.0.2.2"));
}

static void stopping_writes_what_is_pending(void **state)
{
    (void)state;
    start();
    export();
    change("192.0.2.1", true);
    zone_thread_stop(&zones);
    assert_null(zones);
    assert_true(says("192.0.2.1"));
    zone_thread_stop(&zones);
}

static void too_many_changes_are_read_from_the_database_again(void **state)
{
    (void)state;
    enum { MANY = 4096 };
    struct listing_change *many = calloc(MANY, sizeof *many);
    fixture_report(&f, "192.0.2.7");
    for (int i = 0; i < MANY; i++)
        many[i] = fixture_change(0, 0, "198.51.100.1", true);
    start();
    export();
    for (int i = 0; i < ZONE_PENDING_MAX / 10 / MANY + 2; i++)
        zone_thread_changes(zones, many, MANY);
    free(many);
    fixture_report(&f, "192.0.2.8");
    change("192.0.2.8", true);
    export();
    assert_true(says("192.0.2.7") && says("192.0.2.8"));
}

static void a_reload_takes_the_new_zones(void **state)
{
    (void)state;
    start();
    fixture_zone(&f, "second.a.example");
    assert_int_equal(store_set_policy(f.store, f.config->policy, NOW), 0);
    assert_int_equal(zone_thread_reload(zones, f.config), 0);
    fixture_report(&f, "192.0.2.7");
    const struct listing_change c = fixture_change(1, 0, "192.0.2.7", true);
    zone_thread_changes(zones, &c, 1);
    assert_int_equal(zone_thread_export(zones, 1, NULL, f.why), 0);
    assert_true(fixture_file_says(f.config->zones[1].file, "192.0.2.7"));
    assert_int_equal(zone_thread_export(zones, 2, NULL, f.why), -EINVAL);
    assert_string_equal(f.why, "no such zone");
}

static void no_database_is_said_at_the_start(void **state)
{
    (void)state;
    strcat(f.config->database, "-that-is-not-there");
    assert_true(zone_thread_start(f.config, &zones, f.why) < 0);
    assert_null(zones);
    assert_int_not_equal(f.why[0], '\0');
}

enum { TALKERS = 4, SAYS = 200 };

static void *talk(void *which)
{
    char text[32], why[CONFIG_WHY_MAX];
    for (int i = 0; i < SAYS; i++) {
        snprintf(text, sizeof text, "198.51.%d.%d", *(int *)which, i + 1);
        const struct listing_change c = fixture_change(0, 0, text, true);
        zone_thread_changes(zones, &c, 1);
        if (i % 50 == 0)
            zone_thread_export(zones, 0, NULL, why);
    }
    return NULL;
}

static void many_threads_may_speak_at_once(void **state)
{
    (void)state;
    pthread_t threads[TALKERS];
    int which[TALKERS];
    struct zone_thread_state one;
    start();
    for (int i = 0; i < TALKERS; i++) {
        which[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, talk, &which[i]), 0);
    }
    for (int i = 0; i < TALKERS; i++)
        pthread_join(threads[i], NULL);
    export();
    zone_thread_states(zones, &one, 1);
    zone_thread_stop(&zones);
    struct zone_file_stat stat;
    assert_int_equal(zone_file_stat(f.config->zones[0].file, &stat), 0);
    assert_int_equal(stat.listings, TALKERS * SAYS);
    assert_int_equal(zone_file_verify(f.config->zones[0].file), 0);
}

#define test(claim) cmocka_unit_test_setup_teardown(claim, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_the_database_lists_is_written),
        test(an_export_holds_every_change_told_before_it),
        test(stopping_writes_what_is_pending),
        test(too_many_changes_are_read_from_the_database_again),
        test(a_reload_takes_the_new_zones),
        test(no_database_is_said_at_the_start),
        test(many_threads_may_speak_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
