#include "tests/seed.h"
#include "tests/unit/store_world.h"

#include <errno.h>
#include <sqlite3.h>

/* ---- a small generator, so that a failure repeats */

static uint64_t seed = 88172645463325252u;

static uint64_t random_u64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static size_t random_to(size_t n)
{
    return (size_t)(random_u64() % n);
}

/* ---- what a database holds, as text */

static char *dump(const char *path, const char *sql)
{
    sqlite3 *d;
    sqlite3_stmt *stmt;
    size_t len = 0;
    char *text = calloc(1, 1 << 20);
    assert_int_equal(sqlite3_open_v2(path, &d, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(d, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++)
            len += (size_t)snprintf(text + len, (1 << 20) - len, "%s|", (const char *)sqlite3_column_text(stmt, i));
        len += (size_t)snprintf(text + len, (1 << 20) - len, "\n");
    }
    sqlite3_finalize(stmt);
    sqlite3_close(d);
    return text;
}

#define REGISTERS "SELECT hex(subject), name, hex(root), epoch, seq, hash, black, white, time_s FROM opinion" \
                  " JOIN category ON category.id = category JOIN member ON member.id = member ORDER BY 1, 2, 3"
#define LISTINGS "SELECT hex(subject), category.name, zone.name, until_s, score_micro, groups FROM listing" \
                 " JOIN category ON category.id = category JOIN zone ON zone.id = zone ORDER BY 1, 2, 3"

static void assert_same(const char *sql, const struct world *a, const struct world *b)
{
    char *x = dump(a->path, sql), *y = dump(b->path, sql);
    size_t line = 0, i = 0;
    for (; x[i] != '\0' && x[i] == y[i]; i++)
        line = x[i] == '\n' ? i + 1 : line;
    if (x[i] != y[i])
        fail_msg("the one has %.*s, the other %.*s", (int)strcspn(x + line, "\n"), x + line, (int)strcspn(y + line, "\n"), y + line);
    free(x);
    free(y);
}

static void change(const struct world *w, const char *sql)
{
    sqlite3 *d;
    char *why = NULL;
    assert_int_equal(sqlite3_open(w->path, &d), SQLITE_OK);
    if (sqlite3_exec(d, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    if (sqlite3_changes(d) == 0)
        fail_msg("%s: changed nothing", sql);
    sqlite3_close(d);
}

/* ---- verify */

static char problems[4096];

static void keep_problem(void *ctx, const char *text)
{
    size_t len = strlen(problems);
    (void)ctx;
    snprintf(problems + len, sizeof problems - len, "%s\n", text);
}

static uint64_t verify(struct world *w, int64_t now_s)
{
    struct reader *r = world_reader(w);
    uint64_t problems_n = 0;
    problems[0] = '\0';
    assert_int_equal(reader_verify(r, now_s, keep_problem, NULL, NULL, &problems_n), 0);
    reader_close(&r);
    return problems_n;
}

static void assert_sound(struct world *w, int64_t now_s)
{
    uint64_t n = verify(w, now_s);
    if (n != 0)
        fail_msg("%llu problems:\n%s", (unsigned long long)n, problems);
}

static void assert_found(struct world *w, const char *words)
{
    if (verify(w, T0) == 0)
        fail_msg("the fault was not found: %s", words);
    if (strstr(problems, words) == NULL)
        fail_msg("got \"%s\", want \"%s\"", problems, words);
}

/* ---- random streams */

enum { STREAM_BATCHES = 60, SAYINGS_MAX = 12 };

static const char *const categories[] = { "spam", "malware", "fraud", "elsewhere-only" };

struct stream {
    struct store_batch batches[STREAM_BATCHES];
};

/* Few subjects, so that members meet; times over a few days, some of them ahead. A subject at most once in a batch. */
static size_t random_sayings(struct saying *says, char text[][32], int64_t now_s)
{
    size_t n = 1 + random_to(SAYINGS_MAX - 1), first = random_to(40);
    for (size_t i = 0; i < n; i++) {
        if (random_to(4) == 0)
            snprintf(text[i], 32, "host%zu.bad.example", (first + i) % 40);
        else
            snprintf(text[i], 32, "192.0.2.%zu", (first + i) % 40);
        says[i] = (struct saying){ text[i], categories[random_to(4)], (unsigned)random_to(MASS_STEPS), 0,
                                   now_s - 600 * (int64_t)random_to(700) };
        if (random_to(3) == 0)
            says[i].white = (unsigned)random_to(MASS_STEPS);
    }
    return n;
}

static void stream_make(struct stream *s, struct world *w, bool floors)
{
    uint64_t seqs[WORLD_MEMBERS] = { 0 };
    for (size_t i = 0; i < STREAM_BATCHES; i++) {
        struct saying says[SAYINGS_MAX];
        char text[SAYINGS_MAX][32];
        size_t member = 1 + random_to(WORLD_MEMBERS - 1);
        int64_t now_s = T0 + 600 * (int64_t)i;
        size_t n = random_sayings(says, text, now_s);
        uint64_t seq = ++seqs[member], floor = floors && random_to(4) == 0 && seq > 2 ? seq - random_to(3) : 0;
        s->batches[i] = world_batch_at(w, member, 1, seq, floor, now_s, says, n);
    }
}

static void stream_clear(struct stream *s)
{
    for (size_t i = 0; i < STREAM_BATCHES; i++)
        world_free_batch(&s->batches[i]);
}

static void shuffle(size_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t k = random_to(i), held = order[i - 1];
        order[i - 1] = order[k];
        order[k] = held;
    }
}

/* In any order, in groups of any size, each batch up to three times; with `folds`, folded in between in slices of any size. */
static void stream_play(struct stream *s, struct world *w, bool folds, int64_t now_s)
{
    size_t order[STREAM_BATCHES];
    struct store_batch group[8];
    bool more;
    int64_t wake_s;
    shuffle(order, STREAM_BATCHES);
    for (size_t i = 0; i < STREAM_BATCHES;) {
        size_t n = 0, want = 1 + random_to(5);
        for (; n < want && i < STREAM_BATCHES; i++)
            group[n++] = s->batches[order[i]];
        while (n < 8 && random_to(2) && i > 0)
            group[n++] = s->batches[order[random_to(i)]];
        assert_int_equal(store_add_batches(w->store, group, n, now_s), 0);
        if (folds && random_to(2))
            assert_int_equal(store_fold(w->store, 1 + random_to(30), now_s, &more, &wake_s), 0);
    }
    world_fold(w, now_s);
}

/* Two stores of one member: the same keys and policy, two files. */
static void twin(const struct world *w, struct world *copy)
{
    *copy = *w;
    copy->store = NULL;
    snprintf(copy->path, sizeof copy->path, "%s/twin.db", w->dir);
    world_open(copy);
}

static void batches_in_any_order_give_the_same_registers(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        struct world w, other;
        struct stream s;
        world_create(&w);
        twin(&w, &other);
        stream_make(&s, &w, round % 2 == 1);
        stream_play(&s, &w, true, T0 + 40000);
        stream_play(&s, &other, true, T0 + 40000);
        assert_same(REGISTERS, &w, &other);
        assert_sound(&w, T0 + 40000);
        assert_sound(&other, T0 + 40000);
        stream_clear(&s);
        store_close(&other.store);
        world_destroy(&w);
    }
}

static void what_is_heard_before_one_fold_gives_the_same_listings(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        struct world w, other;
        struct stream s;
        world_create(&w);
        twin(&w, &other);
        stream_make(&s, &w, false);
        stream_play(&s, &w, false, T0 + 40000);
        stream_play(&s, &other, false, T0 + 40000);
        assert_same(REGISTERS, &w, &other);
        assert_same(LISTINGS, &w, &other);
        stream_clear(&s);
        store_close(&other.store);
        world_destroy(&w);
    }
}

static void a_repeated_batch_changes_nothing(void **state)
{
    struct world w;
    struct stream s;
    (void)state;
    world_create(&w);
    stream_make(&s, &w, true);
    stream_play(&s, &w, true, T0 + 40000);
    char *registers = dump(w.path, REGISTERS), *listings = dump(w.path, LISTINGS);
    for (size_t i = 0; i < STREAM_BATCHES; i++) {
        assert_int_equal(store_add_batches(w.store, &s.batches[i], 1, T0 + 40000), 0);
        assert_false(s.batches[i].stored);
    }
    assert_int_equal(store_backlog(w.store), 0);
    world_fold(&w, T0 + 40000);
    char *registers_after = dump(w.path, REGISTERS), *listings_after = dump(w.path, LISTINGS);
    assert_string_equal(registers, registers_after);
    assert_string_equal(listings, listings_after);
    free(registers);
    free(registers_after);
    free(listings);
    free(listings_after);
    stream_clear(&s);
    world_destroy(&w);
}

static void two_batches_with_one_number_end_in_the_same_register_everywhere(void **state)
{
    struct world w, other;
    struct saying first = { "192.0.2.7", "spam", 5, 0, T0 }, second = { "192.0.2.7", "spam", 0, 5, T0 };
    (void)state;
    world_create(&w);
    twin(&w, &other);
    struct store_batch a = world_batch(&w, 1, 1, T0, &first, 1), b = world_batch(&w, 1, 1, T0, &second, 1);
    struct store_batch here[2] = { a, b }, there[2] = { b, a };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_add_batches(w.store, &here[i], 1, T0), 0);
        assert_true(here[i].stored);
        world_fold(&w, T0);
        assert_int_equal(store_add_batches(other.store, &there[i], 1, T0), 0);
        world_fold(&other, T0);
    }
    assert_same(REGISTERS, &w, &other);
    world_free_batch(&a);
    world_free_batch(&b);
    store_close(&other.store);
    world_destroy(&w);
}

/* ---- time, reports and crashes */

static void random_report(struct world *w, int64_t now_s)
{
    struct store_report r = { .verb = (enum request_verb)random_to(3), .cause = (enum request_cause)random_to(7),
                              .count = 1 + (uint32_t)random_to(3), .category = (int)random_to(4) - 1 };
    char text[32];
    snprintf(text, sizeof text, "192.0.2.%zu", random_to(40));
    r.subject = world_subject(text);
    assert_int_equal(store_add_reports(w->store, &r, 1, now_s), 0);
}

static void stored_listings_equal_a_full_recomputation_at_any_moment(void **state)
{
    struct world w;
    struct stream s;
    int64_t now_s = T0, wake_s;
    bool more;
    (void)state;
    world_create(&w);
    stream_make(&s, &w, true);
    for (size_t i = 0; i < STREAM_BATCHES; i++) {
        now_s += 60 * (int64_t)random_to(600);
        assert_int_equal(store_add_batches(w.store, &s.batches[i], 1, now_s), 0);
        for (size_t k = random_to(4); k > 0; k--)
            random_report(&w, now_s);
        assert_int_equal(store_fold(w.store, 1 + random_to(60), now_s, &more, &wake_s), 0);
        if (i % 5 == 0)
            assert_sound(&w, now_s);
        if (i % 17 == 16)
            world_reopen(&w);
    }
    world_fold(&w, now_s);
    assert_sound(&w, now_s);
    stream_clear(&s);
    world_destroy(&w);
}

static void listings_end_by_themselves_as_time_passes(void **state)
{
    struct world w;
    struct stream s;
    int64_t now_s = T0 + 40000, end_s = now_s + 60 * WORLD_DAY;
    int folds = 0;
    (void)state;
    world_create(&w);
    stream_make(&s, &w, false);
    stream_play(&s, &w, true, now_s);
    char *listings = dump(w.path, LISTINGS);
    assert_true(strlen(listings) > 0);
    free(listings);
    for (int64_t wake_s = 0; now_s < end_s; folds++) {
        wake_s = world_fold(&w, now_s);
        assert_true(wake_s > now_s);
        if (folds % 40 == 0)
            assert_sound(&w, now_s);
        now_s = wake_s < end_s ? wake_s : end_s;
    }
    listings = dump(w.path, LISTINGS);
    assert_string_equal(listings, "");
    free(listings);
    stream_clear(&s);
    world_destroy(&w);
}

/* ---- rebuild, purge, policy */

static void a_rebuild_gives_what_was_there(void **state)
{
    struct world w;
    struct stream s;
    (void)state;
    world_create(&w);
    stream_make(&s, &w, true);
    stream_play(&s, &w, true, T0 + 40000);
    world_report(&w, REQUEST_BLACK, "198.51.100.1", -1, 1, T0 + 40000);
    world_fold(&w, T0 + 40000);
    char *registers = dump(w.path, REGISTERS), *listings = dump(w.path, LISTINGS);
    change(&w, "UPDATE opinion SET black = 1, hash = hash + 1");
    assert_int_equal(store_rebuild(w.store, T0 + 40000), 0);
    world_fold(&w, T0 + 40000);
    char *registers_after = dump(w.path, REGISTERS), *listings_after = dump(w.path, LISTINGS);
    assert_string_equal(registers, registers_after);
    assert_string_equal(listings, listings_after);
    assert_sound(&w, T0 + 40000);
    free(registers);
    free(registers_after);
    free(listings);
    free(listings_after);
    stream_clear(&s);
    world_destroy(&w);
}

static void a_purge_leaves_nothing_of_a_member_and_rescores(void **state)
{
    struct world w;
    struct stream s;
    uint64_t n = 0;
    (void)state;
    world_create(&w);
    stream_make(&s, &w, false);
    stream_play(&s, &w, true, T0 + 40000);
    world_hear(&w, 2, 1000, (struct saying){ "203.0.113.9", "spam", 5, 0, T0 + 600 });
    assert_int_equal(world_check(&w, "203.0.113.9"), VERDICT_BLACK);
    assert_int_equal(store_purge(w.store, w.records[2].root, T0 + 40000, &n), 0);
    assert_true(n > 0);
    world_fold(&w, T0 + 40000);
    assert_int_equal(world_check(&w, "203.0.113.9"), VERDICT_UNKNOWN);
    char *left = dump(w.path, "SELECT count(*) FROM opinion WHERE member NOT IN (SELECT id FROM member)"
                              " UNION ALL SELECT count(*) FROM member WHERE root IS NULL");
    assert_string_equal(left, "0|\n0|\n");
    free(left);
    assert_sound(&w, T0 + 40000);
    assert_int_equal(store_purge(w.store, w.records[2].root, T0 + 40000, &n), 0);
    assert_int_equal(n, 0);
    stream_clear(&s);
    world_destroy(&w);
}

static void a_purged_member_that_comes_back_counts_again(void **state)
{
    struct world w;
    uint64_t n = 0;
    bool more;
    int64_t wake_s;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "spam", 5, 0, T0 });
    assert_int_equal(store_purge(w.store, w.records[1].root, T0, &n), 0);
    assert_int_equal(store_add_record(w.store, w.records[1].root, 1, (struct bytes){ w.frames[1], w.frame_lens[1] }), 0);
    struct saying says = { "192.0.2.7", "spam", 6, 0, T0 };
    struct store_batch b = world_batch(&w, 1, 2, T0, &says, 1);
    assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
    assert_int_equal(store_fold(w.store, 1, T0, &more, &wake_s), 0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_sound(&w, T0);
    world_free_batch(&b);
    world_destroy(&w);
}

static void a_new_policy_rescores_all_in_slices(void **state)
{
    struct world w;
    struct stream s;
    int slices = 0;
    bool more = true;
    int64_t wake_s;
    (void)state;
    world_create(&w);
    stream_make(&s, &w, false);
    stream_play(&s, &w, true, T0 + 40000);
    for (size_t i = 0; i < w.policy->members_n; i++)
        w.policy->members[i].trust_micro = 300000;
    w.policy->categories[1].half_life_s = WORLD_DAY;
    w.policy->categories_n = 2;                             /* fraud and what follows are no longer configured */
    strcpy(w.policy->zones[1].name, "white.test.example");
    assert_int_equal(store_set_policy(w.store, w.policy, T0 + 40000), 0);
    for (; more; slices++)
        assert_int_equal(store_fold(w.store, 1, T0 + 40000, &more, &wake_s), 0);
    assert_sound(&w, T0 + 40000);
    char *left = dump(w.path, "SELECT count(*) FROM listing JOIN zone ON zone.id = zone WHERE name = 'wl.test.example'"
                              " UNION ALL SELECT count(*) FROM listing JOIN category c ON c.id = category WHERE c.name = 'fraud'");
    assert_string_equal(left, "0|\n0|\n");
    free(left);
    stream_clear(&s);
    world_destroy(&w);
}

/* ---- planted faults */

static void world_of_two_opinions(struct world *w)
{
    world_create(w);
    world_hear(w, 1, 1, (struct saying){ "192.0.2.7", "spam", 5, 0, T0 });
    world_hear(w, 2, 1, (struct saying){ "192.0.2.8", "spam", 6, 0, T0 });
    world_report(w, REQUEST_BLACK, "192.0.2.9", -1, 1, T0);
    world_fold(w, T0);
    assert_sound(w, T0);
    store_close(&w->store);
}

static void verify_finds(const char *fault, const char *words)
{
    struct world w;
    world_of_two_opinions(&w);
    change(&w, fault);
    assert_found(&w, words);
    world_destroy(&w);
}

static void verify_finds_planted_faults(void **state)
{
    static const struct { const char *fault, *words; } cases[] = {
        { "UPDATE opinion SET black = 8 WHERE member = 3", "opinions are in the registers" },
        { "DELETE FROM opinion WHERE member = 3", "register is older" },
        { "UPDATE opinion SET epoch = 0", "opinions are in the registers" },
        { "INSERT INTO opinion SELECT x'04c000020a20', category, member, epoch, seq, hash, black, white, time_s, 0, 0, 0 FROM opinion LIMIT 1",
          "is not listed, but its score asks for it" },
        { "UPDATE batch SET seq = 2 WHERE member = 3", "its row says another" },
        { "UPDATE batch SET frame = CAST(substr(frame, 1, length(frame) - 1) || x'ff' AS BLOB) WHERE member = 3", "signature does not verify" },
        { "DELETE FROM record WHERE member = 3", "record that names its key is missing" },
        { "UPDATE record SET frame = CAST(substr(frame, 1, length(frame) - 1) || x'ff' AS BLOB) WHERE member = 3", "record of member" },
        { "UPDATE listing SET score_micro = score_micro + 1 WHERE subject = x'04c000020720'", "its score is not what its opinions give" },
        { "UPDATE listing SET groups = 2 WHERE subject = x'04c000020720'", "its score is not what its opinions give" },
        { "UPDATE listing SET until_s = until_s + 60", "at another time" },
        { "UPDATE listing SET due_s = until_s + 60", "at another time" },
        { "DELETE FROM listing WHERE subject = x'04c000020920'", "is not listed, but" },
        { "INSERT INTO listing SELECT x'04c000020a20', category, zone, since_s, until_s, due_s, minute_s, score_micro, groups, said_by FROM listing LIMIT 1",
          "does not uphold it" },
        { "UPDATE evidence SET black_micro = 1", "does not uphold it" },
        { "UPDATE meta SET number = number + 1 WHERE name = 'listings_n'", "listings_n is 4, but 3 are there" },
        { "UPDATE meta SET bytes = zeroblob(32) WHERE name = 'policy_digest'", "another configuration" },
        { "UPDATE meta SET number = number + 1 WHERE name = 'unnamed_n'", "unnamed_n is" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        verify_finds(cases[i].fault, cases[i].words);
}

/* Own good mail refuted what member 1 said, and was told. */
static void world_of_what_was_learned(struct world *w)
{
    struct tell_limits limits = { .growth_min = 1, .growth_wait_s = 0, .batches_max = 1 };
    struct told_batch out;
    int64_t later_s = T0 + 2 * WORLD_HOUR, wake_s = 0;
    uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t epoch = 0;
    size_t n = 0;
    bool more = false;
    world_create(w);
    assert_int_equal(store_begin_epoch(w->store, w->nonce, nonce, 0, T0, &epoch), 0);
    world_hear(w, 1, 1, (struct saying){ "192.0.2.7", "spam", 5, 0, T0 });
    world_report(w, REQUEST_WHITE, "192.0.2.7", -1, 1, T0 + 100);
    world_fold(w, T0 + 100);
    world_fold(w, later_s);
    assert_int_equal(store_tell(w->store, w->ids[0], 1, &limits, later_s, &out, &n, &more, &wake_s), 0);
    assert_int_equal(n, 1);
    free(out.frame);
    world_fold(w, later_s);
    assert_sound(w, later_s);
    store_close(&w->store);
}

static void verify_finds_what_does_not_fit_what_it_was_reckoned_from(void **state)
{
    static const struct { const char *fault, *words; } cases[] = {
        { "INSERT OR REPLACE INTO meta(name, number) VALUES('told_n', 7)", "told_n is 7, but 1 are there" },
        { "UPDATE meta SET number = number - 1 WHERE name = 'log_weight'", "log_weight is 10, but the own batches give 11" },
        { "UPDATE learned SET black_micro = black_micro + 1", "reliability of member" },
        { "UPDATE learned SET white_micro = 999999", "white 999999" },
        { "UPDATE learned SET record_micro = 2000000", "record 2000000, but what it was reckoned from gives" },
        { "UPDATE learned SET taken_refuted = 0", "reliability of member" },
        { "UPDATE learned SET taken_usual = 1000000, taken_confirmed = 20000000, taken_unseen = 900000000", "reliability of member" },
        { "UPDATE learned SET basis = 2, black_micro = 0, white_micro = 0, record_micro = 0", "circuit breaker that never opened" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w;
        world_of_what_was_learned(&w);
        change(&w, cases[i].fault);
        assert_found(&w, cases[i].words);
        world_destroy(&w);
    }
}

static void verify_finds_a_protected_listing(void **state)
{
    struct world w;
    (void)state;
    world_of_two_opinions(&w);
    assert_int_equal(protect_add(w.policy->protect, "192.0.2.7"), 0);
    assert_found(&w, "although it is protected");
    world_destroy(&w);
}

int main(void)
{
    seed = seeded(seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_in_any_order_give_the_same_registers),
        cmocka_unit_test(what_is_heard_before_one_fold_gives_the_same_listings),
        cmocka_unit_test(a_repeated_batch_changes_nothing),
        cmocka_unit_test(two_batches_with_one_number_end_in_the_same_register_everywhere),
        cmocka_unit_test(stored_listings_equal_a_full_recomputation_at_any_moment),
        cmocka_unit_test(listings_end_by_themselves_as_time_passes),
        cmocka_unit_test(a_rebuild_gives_what_was_there),
        cmocka_unit_test(a_purge_leaves_nothing_of_a_member_and_rescores),
        cmocka_unit_test(a_purged_member_that_comes_back_counts_again),
        cmocka_unit_test(a_new_policy_rescores_all_in_slices),
        cmocka_unit_test(verify_finds_planted_faults),
        cmocka_unit_test(verify_finds_what_does_not_fit_what_it_was_reckoned_from),
        cmocka_unit_test(verify_finds_a_protected_listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
