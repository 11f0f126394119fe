/* store/tell_clean: through long random histories the own log stays short and says all that this member holds. */
#include <sqlite3.h>

#include "tests/seed.h"
#include "tests/unit/store_world.h"

enum { SUBJECTS = 600, TOLD_MAX = 16, SLACK = 1024 + 64, BATCH_WEIGHT = 10, DELAYED_MAX = 64 };

struct history {
    struct world a, b;                     /* a tells, b hears; b's path differs */
    uint64_t random;
    int64_t now_s;
    uint8_t nonce;
    uint32_t epoch;
    struct told_batch delayed[DELAYED_MAX];        /* on their way to b */
    size_t delayed_n, told_n, rewritten_n;
};

static uint64_t draw(struct history *h, uint64_t below)
{
    uint64_t z = (h->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* ---- looking into the file */

static int64_t number(const char *path, const char *text)
{
    sqlite3 *sql;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open_v2(path, &sql, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(sql, text, -1, &q, NULL), SQLITE_OK);
    int64_t n = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    sqlite3_finalize(q);
    sqlite3_close(sql);
    return n;
}

struct log { uint64_t opinions_n, batches_n; uint32_t epochs[256]; size_t epochs_n; uint64_t seq; bool gap; struct history *h; };

static int weigh_batch(void *ctx, const struct store_batch *b)
{
    struct log *log = ctx;
    struct batch open;
    assert_int_equal(batch_open(b->frame, log->h->a.records[0].operational, "test", &open), 0);
    log->opinions_n += open.opinions_n;
    log->batches_n++;
    batch_close(&open);
    return 0;
}

static int walk(void *ctx, const struct store_batch *b)
{
    struct log *log = ctx;
    if (memcmp(b->origin, log->h->a.records[0].root, KEY_BYTES) != 0)
        return 0;
    if (log->epochs_n > 0 && log->epochs[log->epochs_n - 1] == b->epoch)
        log->gap |= b->seq != log->seq + 1;
    else
        log->epochs[log->epochs_n++] = b->epoch;
    assert_true(log->epochs_n < 256);
    log->seq = b->seq;
    return 0;
}

static void the_log_is_short_and_whole(struct history *h)
{
    struct log log = { .h = h };
    struct reader *r = world_reader(&h->a);
    assert_int_equal(reader_each_batch(r, walk, &log), 0);
    for (size_t i = 0; i < log.epochs_n; i++)
        assert_int_equal(reader_range(r, h->a.records[0].root, log.epochs[i], 1, INT64_MAX, weigh_batch, &log), 0);
    reader_close(&r);
    assert_false(log.gap);
    int64_t told_n = number(h->a.path, "SELECT count(*) FROM evidence WHERE told_black + told_white > 0");
    assert_int_equal(number(h->a.path, "SELECT number FROM meta WHERE name = 'told_n'"), told_n);
    assert_int_equal(number(h->a.path, "SELECT number FROM meta WHERE name = 'log_weight'"), log.opinions_n + BATCH_WEIGHT * log.batches_n);
    if (log.opinions_n > (uint64_t)(2 * told_n + SLACK))
        fail_msg("%llu opinions in %llu batches for %lld that live", (unsigned long long)log.opinions_n, (unsigned long long)log.batches_n, (long long)told_n);
    assert_int_equal(number(h->a.path, "SELECT count(*) FROM evidence WHERE told_epoch > 0 AND NOT EXISTS"
                                       " (SELECT 1 FROM batch WHERE epoch = told_epoch AND seq = told_seq)"), 0);
}

/* ---- what happens */

static void deliver(struct history *h, size_t i)
{
    struct told_batch *t = &h->delayed[i];
    assert_int_equal(store_add_batches(h->b.store, &t->name, 1, h->now_s), 0);
    free(t->frame);
    h->delayed[i] = h->delayed[--h->delayed_n];
}

static void send(struct history *h, const struct told_batch *t)
{
    if (h->delayed_n == DELAYED_MAX || draw(h, 4) > 0)
        while (h->delayed_n > DELAYED_MAX / 2)
            deliver(h, draw(h, h->delayed_n));
    h->delayed[h->delayed_n++] = *t;
}

static void tell_all(struct history *h)
{
    struct tell_limits limits = { .growth_min = 64, .growth_wait_s = 300, .batches_max = TOLD_MAX };
    struct told_batch out[TOLD_MAX];
    size_t n = 1;
    bool more = true;
    int64_t wake_s;
    for (int i = 0; more || n > 0; i++) {
        assert_true(i < 1000);             /* cleaning comes to an end */
        world_fold(&h->a, h->now_s);
        assert_int_equal(store_tell(h->a.store, h->a.ids[0], 1, &limits, h->now_s, out, &n, &more, &wake_s), 0);
        for (size_t k = 0; k < n; k++)
            send(h, &out[k]);
        h->told_n += n;
    }
}

static void begin(struct history *h)
{
    uint8_t nonce[NONCE_BYTES] = { ++h->nonce };
    assert_int_equal(store_begin_epoch(h->a.store, h->a.nonce, nonce, 0, h->now_s, &h->epoch), 0);
}

static void report(struct history *h, unsigned hot)
{
    struct store_report r = { .verb = REQUEST_BLACK, .count = 1, .category = (int)draw(h, 2) };
    unsigned long long n = draw(h, 3) == 0 ? draw(h, SUBJECTS) : draw(h, hot);
    char text[64];
    snprintf(text, sizeof text, n % 7 == 0 ? "a-rather-long-name-of-a-host-%llu.bad.example" : "203.0.%llu.%llu", n / 200, n % 200);
    if (n % 7 == 0)
        snprintf(text, sizeof text, "a-rather-long-name-of-a-host-%llu.bad.example", n);
    r.verb = draw(h, 20) == 0 ? REQUEST_RETRACT : draw(h, 6) == 0 ? REQUEST_WHITE : REQUEST_BLACK;
    r.subject = world_subject(text);
    assert_int_equal(store_add_reports(h->a.store, &r, 1, h->now_s), 0);
}

static void restart(struct history *h, bool clean)
{
    if (clean)
        assert_int_equal(store_end_epoch(h->a.store), 0);
    world_reopen(&h->a);
    begin(h);
}

/* What b holds of a is what a holds that it told. */
static void b_agrees(struct history *h)
{
    char text[700];
    sqlite3 *sql;
    sqlite3_stmt *q;
    while (h->delayed_n > 0)
        deliver(h, draw(h, h->delayed_n));
    world_fold(&h->b, h->now_s);
    assert_int_equal(sqlite3_open_v2(h->b.path, &sql, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    snprintf(text, sizeof text, "ATTACH '%s' AS a", h->a.path);
    assert_int_equal(sqlite3_exec(sql, text, NULL, NULL, NULL), SQLITE_OK);
    /* Rows that one of the two has and the other has not; what is past its time is swept at another moment. */
    snprintf(text, sizeof text,
             "WITH told AS (SELECT subject, c.name, told_black, told_white, told_time_s FROM a.evidence e JOIN a.category c ON c.id = e.category"
             " WHERE told_black + told_white > 0 AND told_time_s > %lld),"
             " heard AS (SELECT subject, c.name, black, white, time_s FROM main.opinion o JOIN main.category c ON c.id = o.category"
             " WHERE black + white > 0 AND time_s > %lld)"
             " SELECT (SELECT count(*) FROM (SELECT * FROM told EXCEPT SELECT * FROM heard)) * 100000"
             " + (SELECT count(*) FROM (SELECT * FROM heard EXCEPT SELECT * FROM told))",
             (long long)(h->now_s - 30 * WORLD_DAY), (long long)(h->now_s - 30 * WORLD_DAY));
    assert_int_equal(sqlite3_prepare_v2(sql, text, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(q, 0), 0);
    sqlite3_finalize(q);
    sqlite3_close(sql);
}

/* b is the same people with another file: what it holds of member 0 is foreign to it. */
static void history_begin(struct history *h, uint64_t seed)
{
    memset(h, 0, sizeof *h);
    h->random = seeded(seed);
    h->now_s = T0;
    world_create(&h->a);
    h->b = h->a;
    h->b.store = NULL;
    snprintf(h->b.path, sizeof h->b.path, "%s/b.db", h->a.dir);
    h->b.policy = policy_copy(h->a.policy);
    memcpy(h->b.policy->self, h->b.records[1].root, KEY_BYTES);
    memcpy(h->b.policy->members[0].root, h->b.records[0].root, KEY_BYTES);
    world_open(&h->b);
    begin(h);
}

static void history_end(struct history *h)
{
    for (size_t i = 0; i < h->delayed_n; i++)
        free(h->delayed[i].frame);
    store_close(&h->b.store);
    policy_destroy(&h->b.policy);
    world_destroy(&h->a);
}

static void live(uint64_t seed, int days)
{
    struct history h;
    history_begin(&h, seed);
    unsigned hot = 1 + (unsigned)draw(&h, 40);
    for (int64_t end_s = T0 + (int64_t)days * WORLD_DAY; h.now_s < end_s; h.now_s += 1 + (int64_t)draw(&h, 3 * WORLD_HOUR)) {
        size_t n = draw(&h, 40) == 0 ? 800 : draw(&h, 6);      /* now and then a full journal */
        for (size_t i = 0; i < n; i++)
            report(&h, hot);
        if (draw(&h, 60) == 0)
            hot = 1 + (unsigned)draw(&h, SUBJECTS);
        if (draw(&h, 30) == 0)
            restart(&h, draw(&h, 2) == 0);
        tell_all(&h);
        world_fold(&h.a, h.now_s);
        if (draw(&h, 15) == 0 && h.now_s > T0 + WORLD_DAY)
            the_log_is_short_and_whole(&h);
        if (draw(&h, 40) == 0)
            b_agrees(&h);
    }
    tell_all(&h);
    world_fold(&h.a, h.now_s);
    the_log_is_short_and_whole(&h);
    b_agrees(&h);
    history_end(&h);
}

static void through_a_long_history_the_log_stays_short_and_says_all(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        live(seed, 60);
}

/* Two hundred addresses of a.b.c.0/24 each. */
static void report_many(struct history *h, enum request_verb verb, const char *net, uint32_t weight_milli)
{
    for (int i = 0; i < 1200; i++) {
        char text[32];
        struct store_report r = { .verb = verb, .count = 1, .weight_milli = weight_milli };
        snprintf(text, sizeof text, "%s.%d.%d", net, i / 200, i % 200);
        r.subject = world_subject(text);
        assert_int_equal(store_add_reports(h->a.store, &r, 1, h->now_s), 0);
    }
    tell_all(h);
}

/* A day later a little more has been seen, not enough to be told. Then so much else is said and withdrawn that the log is cleaned. */
static void what_cleaning_says_again_is_what_was_said(void **state)
{
    struct history h;
    char text[128];
    (void)state;
    history_begin(&h, 11);
    report_many(&h, REQUEST_BLACK, "198.51", 5000);
    int64_t seq = number(h.a.path, "SELECT min(told_seq) FROM evidence WHERE told_epoch > 0");
    h.now_s += WORLD_DAY;
    report_many(&h, REQUEST_BLACK, "198.51", 1000);
    report_many(&h, REQUEST_BLACK, "203.0", 5000);
    report_many(&h, REQUEST_RETRACT, "203.0", 0);
    the_log_is_short_and_whole(&h);
    b_agrees(&h);
    assert_true(number(h.a.path, "SELECT min(told_seq) FROM evidence WHERE told_epoch > 0") > seq);
    snprintf(text, sizeof text, "SELECT count(*) FROM opinion WHERE black = 5 AND time_s = %lld", (long long)T0);
    assert_int_equal(number(h.b.path, text), 1200);
    assert_int_equal(number(h.b.path, "SELECT count(*) FROM opinion WHERE black > 0"), 1200);
    history_end(&h);
}

/* All that was said is withdrawn: what is left is a batch that says nothing but that. */
static void a_log_of_nothing_but_withdrawals_is_cut_off(void **state)
{
    struct history h;
    (void)state;
    history_begin(&h, 7);
    h.now_s += 2 * WORLD_DAY;
    for (int i = 0; i < 2000; i++) {
        char text[32];
        snprintf(text, sizeof text, "198.51.%d.%d", i / 200, i % 200);
        world_report(&h.a, REQUEST_BLACK, text, -1, 1, h.now_s);
    }
    tell_all(&h);
    for (int i = 0; i < 2000; i++) {
        char text[32];
        snprintf(text, sizeof text, "198.51.%d.%d", i / 200, i % 200);
        world_report(&h.a, REQUEST_RETRACT, text, -1, 1, h.now_s + 60);
    }
    h.now_s += 60;
    tell_all(&h);
    the_log_is_short_and_whole(&h);
    b_agrees(&h);
    assert_int_equal(number(h.b.path, "SELECT count(*) FROM opinion WHERE black > 0"), 0);
    history_end(&h);
}

/* A database that was lost says nothing of its log's floor for a day: neighbours must have time to give it back. */
static void after_the_database_was_lost_the_floor_rests(void **state)
{
    struct history h;
    (void)state;
    history_begin(&h, 9);
    h.now_s += 2 * WORLD_DAY;
    world_report(&h.a, REQUEST_BLACK, "192.0.2.1", -1, 1, h.now_s);
    tell_all(&h);
    store_close(&h.a.store);
    char command[128];
    snprintf(command, sizeof command, "rm %s*", h.a.path);
    assert_int_equal(system(command), 0);
    world_open(&h.a);
    begin(&h);
    for (int i = 0; i < 3000; i++) {
        char text[32];
        snprintf(text, sizeof text, "198.51.%d.%d", i / 200, i % 200);
        world_report(&h.a, i % 2 == 0 ? REQUEST_BLACK : REQUEST_WHITE, text, -1, 1, h.now_s);
        if (i % 10 == 0)
            tell_all(&h);
    }
    tell_all(&h);
    assert_int_equal(number(h.a.path, "SELECT max(floor_seq) FROM batch"), 0);
    while (h.delayed_n > 0)
        deliver(&h, 0);
    world_fold(&h.b, h.now_s);
    assert_int_equal(world_check(&h.b, "192.0.2.1"), VERDICT_BLACK);
    h.now_s += WORLD_DAY + 1;
    world_report(&h.a, REQUEST_BLACK, "192.0.2.9", -1, 1, h.now_s);
    tell_all(&h);
    the_log_is_short_and_whole(&h);
    assert_true(number(h.a.path, "SELECT max(floor_seq) FROM batch") > 0);
    history_end(&h);
}

/* After a start of the machine the database may be an old one, too; but some are started every day. */
static void a_machine_that_is_started_every_day_still_cleans_its_log(void **state)
{
    struct history h;
    (void)state;
    history_begin(&h, 10);
    for (int day = 0; day < 4; day++) {
        char boot[16];
        snprintf(boot, sizeof boot, "start-%d", day);
        assert_int_equal(store_end_epoch(h.a.store), 0);
        world_reopen(&h.a);
        store_set_boot(h.a.store, boot);
        begin(&h);
        for (int i = 0; i < 1500; i++) {
            char text[32];
            snprintf(text, sizeof text, "198.51.%d.%d", day, i % 250);
            h.now_s += 50;
            world_report(&h.a, i / 250 % 2 == 0 ? REQUEST_BLACK : REQUEST_RETRACT, text, -1, 1, h.now_s);
            if (i % 10 == 0)
                tell_all(&h);
        }
        h.now_s += WORLD_DAY - 1500 * 50;
        tell_all(&h);
        if (day > 0)                   /* in the first one the database is new, and its floor rests */
            the_log_is_short_and_whole(&h);
    }
    history_end(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(through_a_long_history_the_log_stays_short_and_says_all),
        cmocka_unit_test(what_cleaning_says_again_is_what_was_said),
        cmocka_unit_test(a_log_of_nothing_but_withdrawals_is_cut_off),
        cmocka_unit_test(after_the_database_was_lost_the_floor_rests),
        cmocka_unit_test(a_machine_that_is_started_every_day_still_cleans_its_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
