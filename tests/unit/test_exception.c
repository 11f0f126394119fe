/* Exceptions: what the operator decided by hand, and what it does to listings. */
#include <errno.h>

#include <sqlite3.h>

#include "store_world.h"

static void tell_problem(void *ctx, const char *text)
{
    (void)ctx;
    print_error("%s\n", text);
}

static uint64_t problems(struct world *w, int64_t now_s)
{
    struct reader *r = world_reader(w);
    uint64_t n = 0;
    assert_int_equal(reader_verify(r, now_s, tell_problem, NULL, NULL, &n), 0);
    reader_close(&r);
    return n;
}

static void except(struct world *w, enum exception_kind kind, const char *subject, int64_t until_s, int64_t now_s)
{
    struct exception e = { .kind = kind, .time_s = now_s, .until_s = until_s, .who = "postmaster", .why = "asked by mail" };
    e.subject = world_subject(subject);
    assert_int_equal(store_add_exception(w->store, &e, now_s), 0);
}

static struct world world;

static struct world *listed_world(struct world *w, const char *subject)
{
    world_create(w);
    world_report(w, REQUEST_BLACK, subject, 0, 1, T0);
    world_fold(w, T0);
    assert_int_equal(world_check(w, subject), VERDICT_BLACK);
    return w;
}

static void a_delisted_subject_is_listed_nowhere_until_its_time_is_over(void **state)
{
    struct world *w = listed_world(&world, "192.0.2.7");
    (void)state;
    except(w, EXCEPTION_DELIST, "192.0.2.7", T0 + WORLD_HOUR, T0);
    world_fold(w, T0);
    assert_int_equal(world_check(w, "192.0.2.7"), VERDICT_UNKNOWN);
    assert_int_equal(problems(w, T0 + 1), 0);
    world_fold(w, T0 + WORLD_HOUR - 1);
    assert_int_equal(world_check(w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_fold(w, T0 + WORLD_HOUR);
    assert_int_equal(world_check(w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(problems(w, T0 + WORLD_HOUR), 0);
    world_destroy(w);
}

static void the_end_of_an_exception_is_when_to_fold_again(void **state)
{
    struct world *w = listed_world(&world, "192.0.2.7");
    bool more = true;
    int64_t wake_s = 0;
    (void)state;
    except(w, EXCEPTION_DELIST, "192.0.2.7", T0 + 90, T0);
    while (more)
        assert_int_equal(store_fold(w->store, 1000, T0, &more, &wake_s), 0);
    assert_true(wake_s <= T0 + 90);
    world_destroy(w);
}

static void new_reports_do_not_list_a_protected_subject(void **state)
{
    struct world *w = listed_world(&world, "192.0.2.7");
    (void)state;
    except(w, EXCEPTION_PROTECT, "192.0.2.7", 0, T0);
    world_report(w, REQUEST_BLACK, "192.0.2.7", 0, 100, T0 + 60);
    world_fold(w, T0 + 60);
    assert_int_equal(world_check(w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_fold(w, T0 + WORLD_DAY);
    assert_int_equal(world_check(w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_destroy(w);
}

static void lifting_a_protection_lists_again(void **state)
{
    struct world *w = listed_world(&world, "192.0.2.7");
    (void)state;
    except(w, EXCEPTION_PROTECT, "192.0.2.7", 0, T0);
    world_fold(w, T0);
    except(w, EXCEPTION_LIFT, "192.0.2.7", 0, T0 + 1);
    world_fold(w, T0 + 1);
    assert_int_equal(world_check(w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(problems(w, T0 + 1), 0);
    world_destroy(w);
}

static void a_protected_network_covers_its_addresses_and_a_domain_its_hosts(void **state)
{
    struct world *w = listed_world(&world, "198.51.100.9");
    (void)state;
    world_report(w, REQUEST_BLACK, "mail.bad.example", 0, 1, T0);
    except(w, EXCEPTION_PROTECT, "198.51.100.0/24", 0, T0);
    except(w, EXCEPTION_PROTECT, "bad.example", 0, T0);
    world_fold(w, T0);
    assert_int_equal(world_check(w, "198.51.100.9"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(w, "mail.bad.example"), VERDICT_UNKNOWN);
    world_destroy(w);
}

static void an_exception_of_one_address_keeps_the_network_around_it_off_the_list(void **state)
{
    struct world *w = listed_world(&world, "198.51.100.0/24");
    (void)state;
    except(w, EXCEPTION_DELIST, "198.51.100.9", T0 + WORLD_DAY, T0);
    world_fold(w, T0);
    assert_int_equal(world_check(w, "198.51.100.9"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(w, "198.51.100.8"), VERDICT_UNKNOWN);
    world_destroy(w);
}

static int count(void *ctx, const struct exception *e)
{
    assert_string_equal(e->who, "postmaster");
    assert_string_equal(e->why, "asked by mail");
    ++*(int *)ctx;
    return 0;
}

static void every_decision_stays_on_record(void **state)
{
    struct world *w = listed_world(&world, "192.0.2.7");
    struct reader *r = world_reader(w);
    int all = 0, holding = 0;
    (void)state;
    except(w, EXCEPTION_PROTECT, "192.0.2.7", 0, T0);
    except(w, EXCEPTION_DELIST, "192.0.2.8", T0 + 60, T0);
    except(w, EXCEPTION_LIFT, "192.0.2.7", 0, T0 + 1);
    assert_int_equal(reader_each_exception(r, false, T0 + 1, count, &all), 0);
    assert_int_equal(reader_each_exception(r, true, T0 + 1, count, &holding), 0);
    assert_int_equal(all, 3);
    assert_int_equal(holding, 1);
    reader_close(&r);
    world_destroy(w);
}

static void an_exception_survives_the_end_of_the_process(void **state)
{
    struct world *w = listed_world(&world, "192.0.2.7");
    (void)state;
    except(w, EXCEPTION_PROTECT, "192.0.2.7", 0, T0);
    world_reopen(w);
    world_fold(w, T0 + 1);
    assert_int_equal(world_check(w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_destroy(w);
}

static void why_names_the_exception(void **state)
{
    struct world *w = listed_world(&world, "192.0.2.7");
    struct reader *r = world_reader(w);
    struct subject s = world_subject("192.0.2.7");
    struct why why;
    (void)state;
    except(w, EXCEPTION_DELIST, "192.0.2.0/24", T0 + WORLD_DAY, T0);
    assert_int_equal(reader_why(r, &s, T0 + 1, &why), 0);
    assert_int_equal(why.exception.kind, EXCEPTION_DELIST);
    assert_int_equal(why.exception.until_s, T0 + WORLD_DAY);
    why_clear(&why);
    reader_close(&r);
    world_destroy(w);
}

/* So faint that only hysteresis held the listing: what waits for the end of the exception must be what a full recomputation gives. */
static void delisting_what_hardly_was_listed_leaves_a_sound_database(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", WORLD_SAY, 7, 0, T0 });
    struct subject s = world_subject("192.0.2.7");
    struct subject_info info;
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_info(r, &s, T0, &info), 0);
    int64_t faint_s = info.until_s - WORLD_HOUR;
    world_fold(&w, faint_s);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    except(&w, EXCEPTION_DELIST, "192.0.2.7", faint_s + WORLD_DAY, faint_s);
    world_fold(&w, faint_s);
    assert_int_equal(problems(&w, faint_s), 0);
    reader_close(&r);
    world_destroy(&w);
}

static void a_sender_can_be_delisted_and_no_other_with_it(void **state)
{
    struct world *w = listed_world(&world, "a@b.example");
    (void)state;
    world_report(w, REQUEST_BLACK, "c@b.example", 0, 1, T0);
    except(w, EXCEPTION_DELIST, "a@b.example", T0 + WORLD_HOUR, T0);
    world_fold(w, T0);
    assert_int_equal(world_check(w, "a@b.example"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(w, "c@b.example"), VERDICT_BLACK);
    assert_int_equal(problems(w, T0), 0);
    world_destroy(w);
}

static void protect_all_of(struct world *w, unsigned from, unsigned to)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *put = NULL;
    assert_int_equal(sqlite3_open_v2(w->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO exception(kind, subject, time_s, until_s, who, why) VALUES(2, ?1, 1, 0, 'test', '')", -1, &put, NULL), SQLITE_OK);
    for (unsigned i = from; i < to; i++) {
        const uint8_t key[] = { SUBJECT_IP4, 11, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 32 };
        sqlite3_bind_blob(put, 1, key, sizeof key, SQLITE_TRANSIENT);
        assert_int_equal(sqlite3_step(put), SQLITE_DONE);
        sqlite3_reset(put);
    }
    sqlite3_finalize(put);
    assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void there_is_a_bound_for_exceptions_and_lifting_one_makes_room(void **state)
{
    struct world *w = listed_world(&world, "192.0.2.7");
    struct exception e = { .kind = EXCEPTION_PROTECT, .subject = world_subject("192.0.2.7"), .time_s = T0, .who = "postmaster" };
    (void)state;
    protect_all_of(w, 0, EXCEPTIONS_MAX);
    assert_int_equal(store_add_exception(w->store, &e, T0), -EOVERFLOW);
    except(w, EXCEPTION_LIFT, "11.0.0.7", 0, T0);
    assert_int_equal(store_add_exception(w->store, &e, T0), 0);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delisted_subject_is_listed_nowhere_until_its_time_is_over),
        cmocka_unit_test(the_end_of_an_exception_is_when_to_fold_again),
        cmocka_unit_test(new_reports_do_not_list_a_protected_subject),
        cmocka_unit_test(lifting_a_protection_lists_again),
        cmocka_unit_test(a_protected_network_covers_its_addresses_and_a_domain_its_hosts),
        cmocka_unit_test(an_exception_of_one_address_keeps_the_network_around_it_off_the_list),
        cmocka_unit_test(a_sender_can_be_delisted_and_no_other_with_it),
        cmocka_unit_test(there_is_a_bound_for_exceptions_and_lifting_one_makes_room),
        cmocka_unit_test(every_decision_stays_on_record),
        cmocka_unit_test(an_exception_survives_the_end_of_the_process),
        cmocka_unit_test(why_names_the_exception),
        cmocka_unit_test(delisting_what_hardly_was_listed_leaves_a_sound_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
