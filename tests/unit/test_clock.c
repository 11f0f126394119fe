/* A node whose clock was wrong, and is right again. Model: store/SCORE.md, "Clocks". */
#include "store_world.h"

#include <errno.h>
#include <sqlite3.h>

enum { BLACK = 8, YEAR_DAYS = 365 };
#define AHEAD (T0 + (int64_t)YEAR_DAYS * WORLD_DAY)

static struct world w;

static int begin(void **state)
{
    uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t epoch = 0;
    (void)state;
    world_create(&w);
    assert_int_equal(store_begin_epoch(w.store, w.nonce, nonce, 0, T0, &epoch), 0);
    world_fold(&w, T0 - WORLD_DAY);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_destroy(&w);
    return 0;
}

/* What was stored, as a number: of one row, or a sum. */
static int64_t stored(const char *sql)
{
    sqlite3 *d;
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_open_v2(w.path, &d, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(d, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(d);
    return n;
}

/* Batches come with their author's clock, which is right, and are folded by ours. */
static void hears_at(size_t who, uint64_t seq, const char *subject, unsigned black, unsigned white, int64_t time_s, int64_t now_s)
{
    struct saying s = { subject, WORLD_SAY, black, white, time_s - time_s % 600 };
    struct store_batch b = world_batch(&w, who, seq, time_s, &s, 1);
    assert_int_equal(store_add_batches(w.store, &b, 1, now_s), 0);
    world_free_batch(&b);
    world_fold(&w, now_s);
}

static void reports_at(enum request_verb verb, const char *subject, int64_t now_s)
{
    world_report(&w, verb, subject, -1, 1, now_s);
    world_fold(&w, now_s);
}

/* The node is stopped, and starts again at that time by its clock. */
static void starts_at(int64_t now_s)
{
    world_reopen(&w);
    world_fold(&w, now_s);
}

/* What one call of store_tell() tells; one opinion, or none. */
static struct opinion tells_at(int64_t now_s, size_t opinions_n)
{
    struct tell_limits limits = { .growth_min = 1, .growth_wait_s = 0, .batches_max = 1 };
    struct opinion said = { .time_s = 0 };
    struct told_batch out;
    struct batch b;
    int64_t wake_s = 0;
    size_t n = 0;
    bool more = false;
    assert_int_equal(store_tell(w.store, w.ids[0], 1, &limits, now_s, &out, &n, &more, &wake_s), 0);
    assert_int_equal(n, opinions_n);
    if (n == 0)
        return said;
    assert_int_equal(batch_open((struct bytes){ out.frame, out.len }, w.records[0].operational, "test", &b), 0);
    assert_int_equal(b.opinions_n, opinions_n);
    said = b.opinions[0];
    said.key = NULL;                                        /* it was the batch's */
    batch_close(&b);
    free(out.frame);
    return said;
}

static int note_member(void *ctx, const struct member_row *m)
{
    if (memcmp(m->root, w.records[1].root, KEY_BYTES) == 0)
        *(struct member_row *)ctx = *m;
    return 0;
}

static struct member_row member_1(int64_t now_s)
{
    struct member_row row = { .breaker_until_s = -1 };
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_members(r, now_s, note_member, &row), 0);
    reader_close(&r);
    return row;
}

/* ---- */

static void a_listing_made_under_a_clock_ahead_ends_as_if_made_when_it_was_set_right(void **state)
{
    (void)state;
    starts_at(AHEAD);
    reports_at(REQUEST_BLACK, "192.0.2.7", AHEAD);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    starts_at(T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_fold(&w, T0 + WORLD_HOUR - 60);                   /* not believed yet */
    assert_true(stored("SELECT until_s FROM listing WHERE zone > 0") > AHEAD);
    assert_int_equal(store_took_clock_back(w.store), 0);
    world_fold(&w, T0 + WORLD_HOUR);
    assert_int_equal(store_took_clock_back(w.store), T0);
    assert_int_equal(store_took_clock_back(w.store), 0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_in_range(stored("SELECT until_s FROM listing WHERE zone > 0"), T0 + WORLD_HOUR, T0 + 31 * WORLD_DAY);
    assert_int_equal(stored("SELECT since_s FROM listing WHERE zone > 0"), T0);
    assert_int_equal(stored("SELECT time_s FROM evidence"), T0);
    world_claim_verifies(&w, T0 + WORLD_HOUR);
    world_fold(&w, T0 + 31 * WORLD_DAY);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_fold(&w, AHEAD + WORLD_DAY);                      /* and does not come again when its date has come */
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
}

static void a_clock_that_is_set_back_while_the_node_runs_is_the_same(void **state)
{
    (void)state;
    world_fold(&w, AHEAD);
    reports_at(REQUEST_BLACK, "192.0.2.7", AHEAD);
    for (int64_t s = 0; s <= WORLD_HOUR; s += 600)
        world_fold(&w, T0 + s);
    assert_in_range(stored("SELECT until_s FROM listing WHERE zone > 0"), T0, T0 + 31 * WORLD_DAY);
    world_claim_verifies(&w, T0 + WORLD_HOUR);
}

static void it_is_set_right_though_the_node_stops_in_the_midst_of_it(void **state)
{
    bool more = true;
    int64_t wake_s = 0;
    char subject[32];
    (void)state;
    starts_at(AHEAD);
    for (int i = 0; i < 600; i++) {
        snprintf(subject, sizeof subject, "198.51.%d.%d", 100 + i / 200, 1 + i % 200);
        world_report(&w, REQUEST_BLACK, subject, -1, 1, AHEAD);
    }
    world_fold(&w, AHEAD);
    starts_at(T0);
    assert_int_equal(store_fold(w.store, 1, T0 + WORLD_HOUR, &more, &wake_s), 0);
    assert_int_equal(store_fold(w.store, 1, T0 + WORLD_HOUR, &more, &wake_s), 0);
    assert_true(more);
    assert_int_equal(stored("SELECT max(time_s) FROM evidence"), AHEAD);
    starts_at(T0 + WORLD_HOUR + 60);
    assert_int_equal(stored("SELECT max(time_s) FROM evidence"), T0);
    assert_int_equal(stored("SELECT count(*) FROM listing WHERE zone > 0"), 600);
    world_claim_verifies(&w, T0 + WORLD_HOUR + 60);
}

/* As of a machine whose clock begins anew at each start, until it hears the time from others. */
static void a_clock_that_is_behind_at_first_changes_nothing(void **state)
{
    (void)state;
    reports_at(REQUEST_BLACK, "192.0.2.7", T0);
    int64_t until_s = stored("SELECT until_s FROM listing WHERE zone > 0");
    starts_at(T0 - 900 * (int64_t)WORLD_DAY);               /* before there was any hearsay */
    world_fold(&w, T0 - 899 * (int64_t)WORLD_DAY);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_fold(&w, T0 + 600);
    world_fold(&w, T0 + 3 * WORLD_HOUR);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(stored("SELECT until_s FROM listing WHERE zone > 0"), until_s);
    assert_int_equal(stored("SELECT time_s FROM evidence"), T0);
    world_claim_verifies(&w, T0 + 3 * WORLD_HOUR);
}

/* As many of its peers as not have said something that is dated later. */
static void a_clock_that_stays_behind_the_others_is_not_believed(void **state)
{
    (void)state;
    int64_t behind_s = T0 - 100 * (int64_t)WORLD_DAY;
    hears_at(1, 1, "192.0.2.8", BLACK, 0, T0, T0);
    hears_at(2, 1, "192.0.2.9", BLACK, 0, behind_s - WORLD_DAY, T0);
    reports_at(REQUEST_BLACK, "192.0.2.7", T0);
    starts_at(behind_s);
    for (int64_t hour = 1; hour <= 30; hour++)
        world_fold(&w, behind_s + hour * WORLD_HOUR);
    assert_int_equal(stored("SELECT time_s FROM evidence"), T0);
    world_fold(&w, T0 + 3 * WORLD_HOUR);
    assert_int_equal(stored("SELECT time_s FROM evidence"), T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 3 * WORLD_HOUR);
}

static void nothing_is_dropped_by_a_clock_that_has_leapt_ahead_within_its_first_hour(void **state)
{
    (void)state;
    reports_at(REQUEST_BLACK, "192.0.2.7", T0);
    tells_at(T0, 1);
    hears_at(1, 1, "192.0.2.8", BLACK, 0, T0, T0);
    starts_at(AHEAD);
    world_fold(&w, AHEAD + WORLD_HOUR - 60);
    assert_int_equal(stored("SELECT count(*) FROM evidence"), 1);
    assert_int_equal(stored("SELECT max(floor_seq) FROM member"), 0);
    starts_at(T0 + 600);
    assert_int_equal(world_check(&w, "192.0.2.8"), VERDICT_UNKNOWN);       /* the leap ended its listing, */
    world_claim_verifies(&w, T0 + 600);                     /* which is no fault: it comes again */
    world_fold(&w, T0 + 600 + WORLD_HOUR);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.8"), VERDICT_BLACK);
    world_claim_verifies(&w, T0 + 600 + WORLD_HOUR);
    starts_at(AHEAD);                                       /* a year later indeed */
    world_fold(&w, AHEAD + WORLD_HOUR);
    assert_int_equal(stored("SELECT count(*) FROM evidence"), 0);
    assert_true(stored("SELECT max(floor_seq) FROM member") > 0);
}

static void what_was_seen_under_it_judges_nothing_that_was_said_later(void **state)
{
    (void)state;
    starts_at(AHEAD);
    reports_at(REQUEST_WHITE, "192.0.2.7", AHEAD);
    hears_at(1, 1, "192.0.2.8", BLACK, 0, T0 - 600, AHEAD);
    starts_at(T0);
    hears_at(1, 2, "192.0.2.7", BLACK, 0, T0 + 600, T0 + 600);
    world_fold(&w, T0 + WORLD_HOUR);
    assert_int_equal(member_1(T0 + WORLD_HOUR).refuted_milli, 0);
    assert_int_equal(stored("SELECT max(since_s) FROM opinion WHERE subject = x'04c000020820'"), T0);
    reports_at(REQUEST_WHITE, "192.0.2.7", T0 + 2 * WORLD_HOUR);
    reports_at(REQUEST_WHITE, "192.0.2.8", T0 + 2 * WORLD_HOUR);            /* of what was heard under it, as well */
    assert_int_equal(member_1(T0 + 2 * WORLD_HOUR).refuted_milli, 2000);
    world_claim_verifies(&w, T0 + 2 * WORLD_HOUR);
}

static void what_it_told_under_it_is_told_anew(void **state)
{
    (void)state;
    starts_at(AHEAD);
    reports_at(REQUEST_BLACK, "192.0.2.7", AHEAD);
    assert_int_equal(tells_at(AHEAD, 1).time_s, AHEAD - AHEAD % 600);
    starts_at(T0);
    tells_at(T0, 0);
    world_fold(&w, T0 + WORLD_HOUR);
    assert_int_equal(tells_at(T0 + WORLD_HOUR, 1).time_s, T0 - T0 % 600);
    world_claim_verifies(&w, T0 + WORLD_HOUR);
    assert_int_equal(store_rebuild(w.store, T0 + WORLD_HOUR), 0);        /* its batches of then are in the log still */
    world_fold(&w, T0 + WORLD_HOUR);
    assert_in_range(stored("SELECT max(time_s) FROM evidence"), T0 - 600, T0 + WORLD_HOUR);
    world_claim_verifies(&w, T0 + WORLD_HOUR);
}

static void a_circuit_breaker_that_opened_under_it_closes_a_week_later(void **state)
{
    char subject[32];
    (void)state;
    starts_at(AHEAD);
    for (unsigned i = 0; i < 6; i++) {
        snprintf(subject, sizeof subject, "198.51.100.%u", 1 + i);
        hears_at(1, 1 + i, subject, BLACK, 0, T0, AHEAD);
        world_report(&w, REQUEST_WHITE, subject, -1, 1, AHEAD + 100);
    }
    world_fold(&w, AHEAD + 100);
    assert_true(member_1(AHEAD + 100).breaker_until_s > AHEAD);
    starts_at(T0);
    world_fold(&w, T0 + WORLD_HOUR);
    assert_int_equal(member_1(T0 + WORLD_HOUR).breaker_until_s, T0 + 7 * WORLD_DAY);
    world_claim_verifies(&w, T0 + WORLD_HOUR);
}

static void a_probation_that_began_under_it_is_counted_from_when_it_was_set_right(void **state)
{
    int64_t end_s = 0;
    (void)state;
    world_fold(&w, AHEAD);
    assert_int_equal(store_set_policy(w.store, w.policy, AHEAD), 0);
    w.policy->members[0].rights.probation_s = 10 * WORLD_DAY;
    world_reopen(&w);
    sqlite3 *d;
    assert_int_equal(sqlite3_open(w.path, &d), SQLITE_OK);
    char sql[96];
    snprintf(sql, sizeof sql, "UPDATE member SET peer_s = %lld", (long long)AHEAD);
    assert_int_equal(sqlite3_exec(d, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(d);
    starts_at(T0);
    world_fold(&w, T0 + WORLD_HOUR);
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_probation(r, w.records[1].root, &end_s), 0);
    reader_close(&r);
    assert_int_equal(end_s, T0 + 10 * WORLD_DAY);
    world_claim_verifies(&w, T0 + WORLD_HOUR);
}

/* ---- an epoch is numbered by the clock */

/* As after a crash: the state may not be intact. */
static int begins_at(int64_t now_s, uint32_t *epoch)
{
    uint8_t nonce[NONCE_BYTES] = { 2 };
    return store_begin_epoch(w.store, w.nonce, nonce, 0, now_s, epoch);
}

static void crashes_and_starts_at(int64_t now_s)
{
    world_reopen(&w);
    world_fold(&w, now_s);
}

static uint32_t minutes(int64_t now_s)
{
    return (uint32_t)((now_s - INT64_C(1767225600)) / 60);
}

static void an_epoch_is_not_begun_by_a_clock_that_leapt_and_nobody_bears_out(void **state)
{
    uint32_t epoch = 0;
    (void)state;
    hears_at(1, 1, "192.0.2.7", BLACK, 0, T0, T0);
    world_reopen(&w);
    assert_int_equal(begins_at(AHEAD, &epoch), -EAGAIN);     /* also before anything was folded */
    world_fold(&w, AHEAD);
    assert_int_equal(begins_at(AHEAD + 10, &epoch), -EAGAIN);
    hears_at(1, 2, "192.0.2.8", BLACK, 0, T0 + 60, AHEAD + 20);          /* by its clock it is none of the last day */
    assert_int_equal(begins_at(AHEAD + 20, &epoch), -EAGAIN);
    assert_int_equal(begins_at(T0 + 120, &epoch), 0);        /* the clock is set right */
    assert_in_range(epoch, minutes(T0), minutes(T0 + 120) + 1);
}

/* The node was off for long. */
static void it_is_begun_as_soon_as_a_peer_does(void **state)
{
    uint32_t epoch = 0;
    (void)state;
    hears_at(1, 1, "192.0.2.7", BLACK, 0, T0, T0);
    w.policy->catching_up = true;                           /* what others say counts for nothing yet */
    crashes_and_starts_at(AHEAD);
    assert_int_equal(begins_at(AHEAD, &epoch), -EAGAIN);
    hears_at(1, 2, "192.0.2.8", BLACK, 0, AHEAD - 3600, AHEAD + 5);
    assert_int_equal(begins_at(AHEAD + 5, &epoch), 0);
    assert_int_equal(epoch, minutes(AHEAD + 5));
}

static void it_is_begun_when_the_clock_is_believed(void **state)
{
    uint32_t epoch = 0;
    (void)state;
    hears_at(1, 1, "192.0.2.7", BLACK, 0, T0, T0);
    crashes_and_starts_at(AHEAD);
    assert_int_equal(begins_at(AHEAD + 3599, &epoch), -EAGAIN);
    assert_int_equal(begins_at(AHEAD + 3600, &epoch), 0);
}

static void nobody_waits_who_was_here_yesterday_or_has_heard_nobody_or_goes_on(void **state)
{
    uint32_t epoch = 0, same = 0;
    (void)state;
    crashes_and_starts_at(AHEAD);
    assert_int_equal(begins_at(AHEAD, &epoch), 0);           /* no peer has said anything yet */
    hears_at(1, 1, "192.0.2.7", BLACK, 0, T0, AHEAD + 10);
    crashes_and_starts_at(AHEAD + WORLD_DAY / 2);
    assert_int_equal(begins_at(AHEAD + WORLD_DAY / 2, &epoch), 0);
    assert_int_equal(store_end_epoch(w.store), 0);           /* an orderly end */
    crashes_and_starts_at(AHEAD + 100 * WORLD_DAY);
    assert_int_equal(begins_at(AHEAD + 100 * WORLD_DAY, &same), 0);
    assert_int_equal(same, epoch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(a_listing_made_under_a_clock_ahead_ends_as_if_made_when_it_was_set_right),
        T(a_clock_that_is_set_back_while_the_node_runs_is_the_same),
        T(it_is_set_right_though_the_node_stops_in_the_midst_of_it),
        T(a_clock_that_is_behind_at_first_changes_nothing),
        T(a_clock_that_stays_behind_the_others_is_not_believed),
        T(nothing_is_dropped_by_a_clock_that_has_leapt_ahead_within_its_first_hour),
        T(what_was_seen_under_it_judges_nothing_that_was_said_later),
        T(what_it_told_under_it_is_told_anew),
        T(a_circuit_breaker_that_opened_under_it_closes_a_week_later),
        T(a_probation_that_began_under_it_is_counted_from_when_it_was_set_right),
        T(an_epoch_is_not_begun_by_a_clock_that_leapt_and_nobody_bears_out),
        T(it_is_begun_as_soon_as_a_peer_does),
        T(it_is_begun_when_the_clock_is_believed),
        T(nobody_waits_who_was_here_yesterday_or_has_heard_nobody_or_goes_on),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
