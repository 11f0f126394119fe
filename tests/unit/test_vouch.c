/* Own good mail in the default category speaks for a sender in all others: store/voices.h, voices_vouched_until(). */
#include <sqlite3.h>

#include "store_world.h"

static struct world w;
static const char *const host = "192.0.2.7";
enum { SPAM, MALWARE, BLACK = 8 };                     /* indices of the policy's categories; a step of mass */

static int set_up(void **state)
{
    (void)state;
    world_create(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_destroy(&w);
    return 0;
}

static void accuse(size_t member, const char *category, int64_t now_s)
{
    world_hear(&w, member, 1, (struct saying){ host, category, BLACK, 0, now_s - now_s % 600 });
    world_fold(&w, now_s);
}

static void saw(enum request_verb verb, int category, int64_t now_s)
{
    world_report(&w, verb, host, category, 1, now_s);
    world_fold(&w, now_s);
}

static void good_mail_without_a_category_keeps_its_sender_off_the_lists_of_all(void **state)
{
    (void)state;
    accuse(1, "malware", T0);
    assert_int_equal(world_check(&w, host), VERDICT_BLACK);
    saw(REQUEST_WHITE, SPAM, T0 + 100);
    assert_int_not_equal(world_check(&w, host), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 100);
}

static void it_is_so_whichever_came_first(void **state)
{
    (void)state;
    saw(REQUEST_WHITE, SPAM, T0);
    accuse(1, "fraud", T0 + 600);
    assert_int_not_equal(world_check(&w, host), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 600);
}

static void good_mail_in_another_category_speaks_for_that_one_only(void **state)
{
    (void)state;
    accuse(1, "spam", T0);
    saw(REQUEST_WHITE, MALWARE, T0 + 100);
    assert_int_equal(world_check(&w, host), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 100);
}

static void harm_that_this_node_saw_itself_lists_whatever_good_came_from_there(void **state)
{
    (void)state;
    saw(REQUEST_WHITE, SPAM, T0);
    saw(REQUEST_BLACK, MALWARE, T0 + 100);
    assert_int_equal(world_check(&w, host), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 100);
}

static void as_much_bad_as_good_in_the_default_category_vouches_for_nothing(void **state)
{
    (void)state;
    saw(REQUEST_BLACK, SPAM, T0);
    saw(REQUEST_BLACK, SPAM, T0);
    saw(REQUEST_WHITE, SPAM, T0);
    accuse(1, "malware", T0 + 600);
    assert_int_equal(world_check(&w, host), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 600);
}

/* 5.0 is below 1.0 after a little less than seven days, at three days of half-life. */
static void it_ends_by_itself_and_what_is_still_said_lists(void **state)
{
    (void)state;
    saw(REQUEST_WHITE, SPAM, T0);
    accuse(1, "malware", T0 + 6 * WORLD_DAY);
    assert_int_not_equal(world_check(&w, host), VERDICT_BLACK);
    world_fold(&w, T0 + 7 * WORLD_DAY);
    assert_int_equal(world_check(&w, host), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 7 * WORLD_DAY);
}

static void a_retraction_of_the_good_mail_ends_it(void **state)
{
    (void)state;
    saw(REQUEST_WHITE, SPAM, T0);
    accuse(1, "malware", T0 + 600);
    saw(REQUEST_RETRACT, SPAM, T0 + 700);
    assert_int_equal(world_check(&w, host), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 700);
}

static int take_refuted(void *ctx, const struct member_row *m)
{
    int64_t *refuted_milli = ctx;
    if (memcmp(m->root, w.records[1].root, KEY_BYTES) == 0)
        *refuted_milli = m->refuted_milli;
    return 0;
}

static void it_refutes_slander_in_all_categories(void **state)
{
    (void)state;
    int64_t refuted_milli = 0;
    accuse(1, "malware", T0);
    saw(REQUEST_WHITE, SPAM, T0 + 100);
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_members(r, T0 + 100, take_refuted, &refuted_milli), 0);
    assert_int_equal(refuted_milli, 1000);
    reader_close(&r);
}

static void edit(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(w.path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void note_problem(void *ctx, const char *text)
{
    char *problems = ctx;
    strncat(problems, text, 1000 - strlen(problems));
}

/* One that is listed although it is vouched for, and one that is watched since it is, until that ends. */
static void verify_finds_a_listing_against_it_and_a_watch_that_is_wrong(void **state)
{
    static const struct { const char *fault, *undone, *words; } cases[] = {
        { "UPDATE listing SET score_micro = score_micro + 1 WHERE zone = 0", "UPDATE listing SET score_micro = score_micro - 1 WHERE zone = 0", "its score is not what its opinions give" },
        { "UPDATE listing SET until_s = until_s + 60 WHERE zone = 0", "UPDATE listing SET until_s = until_s - 60 WHERE zone = 0", "will be looked at again at another time" },
        { "UPDATE listing SET zone = (SELECT id FROM zone WHERE name = 'bl.test.example') WHERE zone = 0", "SELECT 1", "is listed although own good mail vouches for it" },
    };
    (void)state;
    accuse(1, "malware", T0);
    saw(REQUEST_WHITE, SPAM, T0 + 100);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char problems[1024] = "";
        uint64_t n = 0;
        world_claim_verifies(&w, T0 + 100);
        edit(cases[i].fault);
        struct reader *r = world_reader(&w);
        assert_int_equal(reader_verify(r, T0 + 100, note_problem, NULL, problems, &n), 0);
        reader_close(&r);
        if (strstr(problems, cases[i].words) == NULL)
            fail_msg("got \"%s\", want \"%s\"", problems, cases[i].words);
        edit(cases[i].undone);
    }
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(good_mail_without_a_category_keeps_its_sender_off_the_lists_of_all),
        WORLD(it_is_so_whichever_came_first),
        WORLD(good_mail_in_another_category_speaks_for_that_one_only),
        WORLD(harm_that_this_node_saw_itself_lists_whatever_good_came_from_there),
        WORLD(as_much_bad_as_good_in_the_default_category_vouches_for_nothing),
        WORLD(it_ends_by_itself_and_what_is_still_said_lists),
        WORLD(a_retraction_of_the_good_mail_ends_it),
        WORLD(it_refutes_slander_in_all_categories),
        WORLD(verify_finds_a_listing_against_it_and_a_watch_that_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
