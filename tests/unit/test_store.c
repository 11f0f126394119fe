#include "tests/unit/store_world.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>

#include "store/store_private.h"
#include "tests/unit/faulty_vfs.h"
#include "tests/unit/store_tell_cases.h"

/* ---- the street: report or batch to listing */

static void a_report_lists_at_once_in_a_zone_that_believes_its_own(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    assert_int_equal(store_backlog(w.store), 1);
    world_fold(&w, T0);
    assert_int_equal(store_backlog(w.store), 0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.8"), VERDICT_UNKNOWN);
    world_destroy(&w);
}

static void what_a_trusted_member_says_lists_and_is_handed_over_once(void **state)
{
    struct world w;
    struct listing_change *changes = NULL;
    size_t n = 0;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "malware", 5, 0, T0 });
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(store_take_changes(w.store, &changes, &n), 0);
    assert_int_equal(n, 1);
    assert_true(changes[0].listed);
    assert_int_equal(changes[0].zone, 0);
    assert_int_equal(changes[0].category, 1);
    free(changes);
    assert_int_equal(store_take_changes(w.store, &changes, &n), 0);
    assert_int_equal(n, 0);
    assert_null(changes);
    world_destroy(&w);
}

static void a_member_without_trust_lists_nothing(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    w.policy->members[0].trust_micro = 0;
    world_open(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "spam", 8, 0, T0 });
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_destroy(&w);
}

static void what_a_dnsbl_caused_is_counted_and_lists_nothing(void **state)
{
    struct world w;
    struct store_report r = { .verb = REQUEST_BLACK, .cause = CAUSE_DNSBL, .count = 7, .category = -1 };
    int64_t counted = 0;
    (void)state;
    world_create(&w);
    r.subject = world_subject("192.0.2.7");
    assert_int_equal(store_add_reports(w.store, &r, 1, T0), 0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    assert_int_equal(meta_number(&w.store->db, META_DNSBL, &counted), 0);
    assert_int_equal(counted, 7);
    world_destroy(&w);
}

static int64_t held_for(struct world *w, const char *subject, int64_t now_s)
{
    struct reader *r = world_reader(w);
    struct subject s = world_subject(subject);
    struct why why;
    assert_int_equal(reader_why(r, &s, now_s, &why), 0);
    reader_close(&r);
    int64_t hold_s = why.hold_until_s - now_s;
    why_clear(&why);
    return hold_s;
}

static void a_retraction_holds_twice_as_long_each_time_up_to_sixteen_times(void **state)
{
    static const int64_t days[] = { 1, 2, 4, 8, 16, 16 };
    struct world w;
    int64_t now_s = T0;
    (void)state;
    world_create(&w);
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        world_report(&w, REQUEST_BLACK, "192.0.2.7", 0, 1, now_s);
        world_report(&w, REQUEST_RETRACT, "192.0.2.7", -1, 1, now_s + 60);
        world_fold(&w, now_s + 60);
        assert_int_equal(held_for(&w, "192.0.2.7", now_s + 60), days[i] * WORLD_DAY);
        world_report(&w, REQUEST_RETRACT, "192.0.2.7", -1, 1, now_s + 120);      /* nothing was said in between */
        world_fold(&w, now_s + 120);
        assert_int_equal(held_for(&w, "192.0.2.7", now_s + 120), days[i] * WORLD_DAY);
        now_s += 2 * WORLD_DAY;
    }
    now_s += 46 * WORLD_DAY;
    world_report(&w, REQUEST_BLACK, "192.0.2.7", 0, 1, now_s);
    world_report(&w, REQUEST_RETRACT, "192.0.2.7", -1, 1, now_s + 60);
    world_fold(&w, now_s + 60);
    assert_int_equal(held_for(&w, "192.0.2.7", now_s + 60), WORLD_DAY);
    world_destroy(&w);
}

static void a_retraction_ends_the_listing_and_new_events_begin_another(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 3, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", 1, 3, T0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_report(&w, REQUEST_RETRACT, "192.0.2.7", 1, 1, T0 + 60);
    world_fold(&w, T0 + 60);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_report(&w, REQUEST_RETRACT, "192.0.2.7", -1, 1, T0 + 60);
    world_fold(&w, T0 + 60);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0 + 120);
    world_fold(&w, T0 + 120);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_destroy(&w);
}

static void a_protected_subject_is_not_listed_until_the_protection_goes(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    assert_int_equal(protect_add(w.policy->protect, "192.0.2.0/24"), 0);
    world_open(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "spam", 8, 0, T0 });
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    struct protect *without = protect_create(), *with = w.policy->protect;
    w.policy->protect = without;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    w.policy->protect = with;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    protect_destroy(&without);
    world_destroy(&w);
}

static void evidence_dated_ahead_lists_when_it_is_due(void **state)
{
    struct world w;
    struct saying says = { "192.0.2.7", "spam", 5, 0, T0 + 3600 };
    (void)state;
    world_create(&w);
    struct store_batch b = world_batch(&w, 1, 1, T0 + 3600, &says, 1);
    assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
    int64_t wake_s = world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    assert_int_equal(wake_s, T0 + 3600 - SCORE_SKEW_S);
    world_fold(&w, wake_s);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_free_batch(&b);
    world_destroy(&w);
}

static void an_unknown_category_counts_once_it_is_configured(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "phone-scam", 8, 0, T0 });
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    w.policy->categories[w.policy->categories_n] = w.policy->categories[0];
    strcpy(w.policy->categories[w.policy->categories_n++].name, "phone-scam");
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_destroy(&w);
}

static void others_cannot_use_up_the_room_for_categories(void **state)
{
    struct world w;
    int64_t skipped = 0;
    (void)state;
    world_create(&w);
    for (uint64_t seq = 1; seq <= 250; seq++) {
        char name[CATEGORY_MAX_BYTES + 1];
        snprintf(name, sizeof name, "made-up-%u", (unsigned)seq);
        world_hear(&w, 1, seq, (struct saying){ "192.0.2.7", name, 5, 0, T0 });
    }
    assert_int_equal(meta_number(&w.store->db, META_SKIPPED, &skipped), 0);
    assert_true(skipped > 0);
    strcpy(w.policy->categories[w.policy->categories_n] .name, "made-up-250");
    w.policy->categories[w.policy->categories_n].half_life_s = WORLD_DAY;
    w.policy->categories_n++;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_destroy(&w);
}

static void an_invalid_report_stores_none_of_its_group(void **state)
{
    struct world w;
    struct store_report r[2] = { { .verb = REQUEST_BLACK, .count = 1, .category = -1 },
                                 { .verb = REQUEST_CHECK, .count = 1, .category = -1 } };
    (void)state;
    world_create(&w);
    r[0].subject = r[1].subject = world_subject("192.0.2.7");
    assert_int_equal(store_add_reports(w.store, r, 2, T0), -EINVAL);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_destroy(&w);
}

/* ---- opening */

static int try_open(const char *path, bool create, char *why)
{
    struct store *s = NULL;
    int rc = store_open(path, create, &s, why);
    store_close(&s);
    return rc;
}

static void write_file(const char *path, const void *at, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, at, len), len);
    close(fd);
}

static void a_database_is_made_only_when_asked_and_for_its_owner_alone(void **state)
{
    struct world w;
    struct stat st;
    char why[STORE_WHY_MAX], absent[128];
    mode_t mask = umask(0);
    (void)state;
    world_prepare(&w);
    assert_int_equal(try_open(w.path, false, why), -ENOENT);
    assert_non_null(strstr(why, "hearsay init"));
    assert_int_equal(try_open(w.path, true, why), 0);
    assert_int_equal(stat(w.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    umask(mask);
    snprintf(absent, sizeof absent, "%s/absent/hearsay.db", w.dir);
    assert_int_equal(try_open(absent, true, why), -ENOENT);
    world_destroy(&w);
}

static void a_second_writer_is_told_so(void **state)
{
    struct world w;
    char why[STORE_WHY_MAX];
    (void)state;
    world_create(&w);
    assert_int_equal(try_open(w.path, true, why), -EBUSY);
    assert_non_null(strstr(why, "another hearsayd"));
    store_close(&w.store);
    assert_int_equal(try_open(w.path, true, why), 0);
    world_destroy(&w);
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
    struct world w;
    char why[STORE_WHY_MAX], text[] = "name = \"mx.a.example\"\n# a configuration, not a database\n", got[sizeof text] = "";
    (void)state;
    world_prepare(&w);
    write_file(w.path, text, sizeof text);
    assert_int_equal(try_open(w.path, true, why), -EBADMSG);
    assert_non_null(strstr(why, "not a database"));
    int fd = open(w.path, O_RDONLY);
    assert_int_equal(read(fd, got, sizeof got), sizeof text);
    assert_string_equal(got, text);
    close(fd);
    assert_int_equal(unlink(w.path), 0);
    assert_int_equal(mkdir(w.path, 0700), 0);
    assert_int_equal(try_open(w.path, true, why), -EBADMSG);
    world_destroy(&w);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *d;
    assert_int_equal(sqlite3_open(path, &d), SQLITE_OK);
    assert_int_equal(sqlite3_exec(d, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(d);
}

static void a_newer_database_is_refused(void **state)
{
    struct world w;
    char why[STORE_WHY_MAX];
    struct reader *r = NULL;
    (void)state;
    world_create(&w);
    store_close(&w.store);
    run_sql(w.path, "PRAGMA user_version = 999");
    assert_int_equal(try_open(w.path, true, why), -EPROTO);
    assert_non_null(strstr(why, "newer hearsay"));
    assert_int_equal(reader_open(w.path, w.policy, &r, why), -EPROTO);
    world_destroy(&w);
}

static void another_programs_database_is_refused(void **state)
{
    struct world w;
    char why[STORE_WHY_MAX];
    (void)state;
    world_prepare(&w);
    run_sql(w.path, "PRAGMA user_version = 1; CREATE TABLE t(x)");
    assert_int_equal(try_open(w.path, true, why), -EBADMSG);
    assert_non_null(strstr(why, "another program"));
    world_destroy(&w);
}

/* Damage anywhere: an error that names it, at the opening or at the first use; never a crash, never silence about a lost `ok`. */
static void a_damaged_database_is_an_error(void **state)
{
    static uint8_t junk[8192];
    (void)state;
    memset(junk, 0xa5, sizeof junk);
    for (off_t at = 100; at < 60000; at += 4096) {
        struct world w;
        char why[STORE_WHY_MAX];
        bool more;
        int64_t wake_s;
        world_create(&w);
        world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
        store_close(&w.store);
        int fd = open(w.path, O_WRONLY);
        assert_int_equal(pwrite(fd, junk, 1000, at), 1000);
        close(fd);
        int rc = store_open(w.path, false, &w.store, why);
        if (rc == 0)
            rc = store_set_policy(w.store, w.policy, T0);
        if (rc == 0)
            rc = store_fold(w.store, 100, T0, &more, &wake_s);
        assert_true(rc == 0 || rc == -EBADMSG || rc == -EIO);
        world_destroy(&w);
    }
}

/* ---- a disk that is full or dying */

static void a_full_disk_loses_no_ok_and_later_calls_work_again(void **state)
{
    struct world w;
    int stored = 0, rc = 0;
    char text[32];
    (void)state;
    world_create(&w);
    assert_int_equal(db_exec(&w.store->db, "PRAGMA max_page_count = 40"), 0);
    for (; rc == 0 && stored < 20000; stored += rc == 0) {
        struct store_report r = { .verb = REQUEST_BLACK, .count = 1, .category = -1 };
        snprintf(text, sizeof text, "192.0.%d.%d", 2, stored % 250);
        r.subject = world_subject(text);
        rc = store_add_reports(w.store, &r, 1, T0);
    }
    assert_int_equal(rc, -ENOSPC);
    assert_int_equal(store_backlog(w.store), stored);
    assert_int_equal(db_exec(&w.store->db, "PRAGMA max_page_count = 100000"), 0);
    world_report(&w, REQUEST_BLACK, "198.51.100.1", -1, 1, T0);
    assert_int_equal(store_backlog(w.store), stored + 1);
    world_reopen(&w);
    assert_int_equal(store_backlog(w.store), stored + 1);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.3"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "198.51.100.1"), VERDICT_BLACK);
    world_destroy(&w);
}

/* One of everything: report, batch, fold, tell. Any may fail; what said 0 must be so. */
struct attempt {
    bool reported, heard;
    size_t told;
    int worst;
};

static void note(struct attempt *a, int rc)
{
    if (rc != 0)
        a->worst = rc;
}

static void attempt_all(struct world *w, struct store_batch *b, struct attempt *a)
{
    struct store_report r = { .verb = REQUEST_BLACK, .count = 1, .category = -1, .subject = world_subject("192.0.2.7") };
    struct tell_limits limits = { .growth_min = 1, .batches_max = 2 };
    struct told_batch told[2];
    bool more = true;
    int64_t wake_s;
    int rc = store_add_reports(w->store, &r, 1, T0);
    a->reported = rc == 0;
    note(a, rc);
    rc = store_add_batches(w->store, b, 1, T0);
    a->heard = rc == 0 && b->stored;
    note(a, rc);
    note(a, store_fold(w->store, 10, T0, &more, &wake_s));
    rc = store_tell(w->store, w->ids[0], 1, &limits, T0, told, &a->told, &more, &wake_s);
    for (size_t i = 0; rc == 0 && i < a->told; i++)
        free(told[i].frame);
    a->told = rc == 0 ? a->told : 0;
    note(a, rc);
}

static uint64_t told_batches(struct world *w)
{
    struct query q = query(&w->store->db, SQL_BATCH_HEAD);
    query_int(&q, names_root(&w->store->names, w->policy->self)->id);
    uint64_t n = query_row(&q) ? (uint64_t)column_int(&q, 1) : 0;
    assert_int_equal(query_end(&q), 0);
    return n;
}

static void fail_once(long at, bool for_good, int sqlite_rc, int want, bool *struck)
{
    struct world w;
    struct attempt a = { .told = 0 };
    struct saying says = { "192.0.2.8", "spam", 5, 0, T0 };
    uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t epoch;
    world_create(&w);
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0, &epoch), 0);
    struct store_batch b = world_batch(&w, 1, 1, T0, &says, 1);
    faulty_plan(at, for_good, sqlite_rc);
    attempt_all(&w, &b, &a);
    *struck = faulty.done >= at;
    faulty_plan(0, false, 0);
    if (*struck && a.worst != want && a.worst != -EIO)
        fail_msg("operation %ld failed with %d, and nobody was told: %d", at, sqlite_rc, a.worst);
    assert_int_equal(told_batches(&w), a.told);
    world_reopen(&w);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7") == VERDICT_BLACK, a.reported);
    assert_int_equal(world_check(&w, "192.0.2.8") == VERDICT_BLACK, a.heard);
    assert_int_equal(told_batches(&w), a.told);
    world_report(&w, REQUEST_BLACK, "192.0.2.9", -1, 1, T0);
    world_free_batch(&b);
    world_destroy(&w);
}

static void every_failing_write_is_reported_and_undone(void **state)
{
    static const struct { int sqlite_rc, want; } kinds[] = { { SQLITE_FULL, -ENOSPC }, { SQLITE_IOERR_WRITE, -EIO }, { SQLITE_IOERR_FSYNC, -EIO } };
    (void)state;
    faulty_install();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int for_good = 0; for_good < 2; for_good++) {
            bool struck = true;
            long at = 1;
            for (; struck; at++)
                fail_once(at, for_good, kinds[k].sqlite_rc, kinds[k].want, &struck);
            assert_true(at > 20);
        }
    faulty_remove();
}

/* ---- crashes */

static void nothing_is_lost_without_an_orderly_end(void **state)
{
    struct world w;
    struct saying says = { "192.0.2.8", "spam", 5, 0, T0 };
    (void)state;
    world_create(&w);
    struct store_batch b = world_batch(&w, 1, 1, T0, &says, 1);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
    world_reopen(&w);
    assert_int_equal(store_backlog(w.store), 2);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.8"), VERDICT_BLACK);
    world_free_batch(&b);
    world_destroy(&w);
}

/* The file and its WAL as they are after each step, as a power cut would leave them. */
static void a_copy_taken_at_any_moment_holds_every_ok(void **state)
{
    struct world w;
    char command[512], text[32];
    (void)state;
    world_create(&w);
    for (int i = 1; i <= 20; i++) {
        snprintf(text, sizeof text, "192.0.2.%d", i);
        world_report(&w, REQUEST_BLACK, text, -1, 1, T0);
        if (i % 3 == 0)
            world_fold(&w, T0);
        struct world copy = w;
        snprintf(copy.path, sizeof copy.path, "%s/copy.db", w.dir);
        snprintf(command, sizeof command, "rm -f %s*; cp %s %s; cp %s-wal %s-wal", copy.path, w.path, copy.path, w.path, copy.path);
        assert_int_equal(system(command), 0);
        world_open(&copy);
        world_fold(&copy, T0);
        for (int k = 1; k <= i; k++) {
            snprintf(text, sizeof text, "192.0.2.%d", k);
            assert_int_equal(world_check(&copy, text), VERDICT_BLACK);
        }
        store_close(&copy.store);
    }
    world_destroy(&w);
}

static void a_checkpoint_beside_the_writer_loses_nothing(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    assert_int_equal(store_checkpoint(w.path), 0);
    world_report(&w, REQUEST_BLACK, "192.0.2.8", -1, 1, T0);
    world_reopen(&w);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.8"), VERDICT_BLACK);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_lists_at_once_in_a_zone_that_believes_its_own),
        cmocka_unit_test(what_a_trusted_member_says_lists_and_is_handed_over_once),
        cmocka_unit_test(a_member_without_trust_lists_nothing),
        cmocka_unit_test(what_a_dnsbl_caused_is_counted_and_lists_nothing),
        cmocka_unit_test(a_retraction_holds_twice_as_long_each_time_up_to_sixteen_times),
        cmocka_unit_test(a_retraction_ends_the_listing_and_new_events_begin_another),
        cmocka_unit_test(a_protected_subject_is_not_listed_until_the_protection_goes),
        cmocka_unit_test(evidence_dated_ahead_lists_when_it_is_due),
        cmocka_unit_test(an_unknown_category_counts_once_it_is_configured),
        cmocka_unit_test(others_cannot_use_up_the_room_for_categories),
        cmocka_unit_test(an_invalid_report_stores_none_of_its_group),
        cmocka_unit_test(a_database_is_made_only_when_asked_and_for_its_owner_alone),
        cmocka_unit_test(a_second_writer_is_told_so),
        cmocka_unit_test(a_file_that_is_no_database_is_refused_and_left_alone),
        cmocka_unit_test(a_newer_database_is_refused),
        cmocka_unit_test(another_programs_database_is_refused),
        cmocka_unit_test(a_damaged_database_is_an_error),
        cmocka_unit_test(a_full_disk_loses_no_ok_and_later_calls_work_again),
        cmocka_unit_test(every_failing_write_is_reported_and_undone),
        cmocka_unit_test(nothing_is_lost_without_an_orderly_end),
        cmocka_unit_test(a_copy_taken_at_any_moment_holds_every_ok),
        cmocka_unit_test(a_checkpoint_beside_the_writer_loses_nothing),
        cmocka_unit_test(a_first_word_is_told_at_once_in_coarse_steps),
        cmocka_unit_test(what_was_said_above_a_pair_of_its_own_is_told_again_at_once),
        cmocka_unit_test(growth_waits_for_company_or_for_its_time),
        cmocka_unit_test(growth_is_told_once_what_others_hold_is_off_by_three_fifths),
        cmocka_unit_test(growth_goes_along_with_a_first_word),
        cmocka_unit_test(the_pace_of_telling_follows_members_and_budget),
        cmocka_unit_test(what_fades_here_as_it_fades_there_is_not_told_again),
        cmocka_unit_test(a_change_of_side_is_told_at_once),
        cmocka_unit_test(a_retraction_is_told_at_once_as_nothing),
        cmocka_unit_test(what_was_never_told_needs_no_withdrawal),
        cmocka_unit_test(what_a_dnsbl_caused_is_not_told),
        cmocka_unit_test(what_waited_too_long_is_said_as_nothing),
        cmocka_unit_test(much_news_goes_in_several_batches_each_opinion_once),
        cmocka_unit_test(batches_are_numbered_and_chained_also_over_a_clean_restart),
        cmocka_unit_test(an_epoch_is_never_used_again_when_anything_is_in_doubt),
        cmocka_unit_test(a_restored_backup_begins_another_epoch),
        cmocka_unit_test(so_does_one_that_brings_the_nonce_along),
        cmocka_unit_test(after_a_start_of_the_machine_the_state_is_in_doubt),
        cmocka_unit_test(a_file_beside_it_that_was_touched_is_in_doubt),
        cmocka_unit_test(a_member_takes_up_again_what_it_once_told),
        cmocka_unit_test(nothing_is_told_before_an_epoch_begins),
        cmocka_unit_test(old_batches_leave_the_log_and_the_head_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
