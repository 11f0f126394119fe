/* Long random lives of a store: reports, opinions of five members, introductions aside, what they teach, changes of trust and of rules, exceptions, restarts, rebuilds
 * and leaps of time. At any moment a full recomputation from the registers must give the stored scores, bit for bit. */
#include <sqlite3.h>

#include "store_world.h"
#include "tests/seed.h"

enum { SUBJECTS = 30, STEPS = 240, BEHIND_STEPS = 12 };

static struct world w;
static int64_t now_s;
static uint64_t seqs[WORLD_MEMBERS];
static uint64_t bits;

static uint64_t random_to(uint64_t n)
{
    bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (bits >> 33) % n;
}

static const char *subject(uint64_t i)
{
    static char text[32];
    snprintf(text, sizeof text, "198.51.100.%u", (unsigned)i);
    return text;
}

static void claim_sound(const char *after, size_t step)
{
    struct reader *r = world_reader(&w);
    uint64_t problems = 0;
    assert_int_equal(reader_verify(r, now_s, NULL, NULL, NULL, &problems), 0);
    reader_close(&r);
    if (problems != 0)
        fail_msg("%d problems after step %zu: %s", (int)problems, step, after);
}

/* ---- what can happen */

static void a_member_says(void)
{
    struct saying says[4];
    char texts[4][32];
    size_t who = 1 + random_to(WORLD_MEMBERS - 1), n = 1 + random_to(4);
    int64_t at_s = now_s - (int64_t)random_to(2) * 1200;
    for (size_t i = 0; i < n; i++) {
        bool black = random_to(3) > 0;
        strcpy(texts[i], subject(random_to(SUBJECTS)));
        for (size_t k = 0; k < i; k++)
            if (strcmp(texts[k], texts[i]) == 0)
                return;
        says[i] = (struct saying){ texts[i], random_to(4) ? WORLD_SAY : "malware", black ? (unsigned)random_to(9) : 0, black && random_to(4) ? 0 : (unsigned)random_to(9), at_s - at_s % 600 };
    }
    struct store_batch b = world_batch(&w, who, ++seqs[who], at_s, says, n);
    assert_int_equal(store_add_batches(w.store, &b, 1, now_s), 0);
    world_free_batch(&b);
}

static void this_node_sees(void)
{
    static const enum request_verb verbs[] = { REQUEST_BLACK, REQUEST_BLACK, REQUEST_WHITE, REQUEST_WHITE, REQUEST_RETRACT };
    for (uint64_t n = 1 + random_to(6); n > 0; n--)
        world_report(&w, verbs[random_to(5)], subject(random_to(SUBJECTS)), random_to(5) == 0, 1 + (uint32_t)random_to(3), now_s);
}

static void the_operator_changes_his_mind(void)
{
    struct policy *p = w.policy;
    p->members[random_to(p->members_n)].trust_micro = (uint32_t)random_to(11) * (MICRO / 10);
    if (random_to(3) == 0)
        p->zones[0].threshold_micro = 300000 + (int64_t)random_to(10) * 100000;
    if (random_to(4) == 0)
        p->zones[0].quorum = (unsigned)random_to(3);
    assert_int_equal(store_set_policy(w.store, p, now_s), 0);
}

static void the_operator_makes_an_exception(void)
{
    struct exception e = { .kind = (enum exception_kind)(1 + random_to(3)), .subject = world_subject(subject(random_to(SUBJECTS))), .time_s = now_s, .who = "test" };
    if (e.kind == EXCEPTION_DELIST)
        e.until_s = now_s + 60 + (int64_t)random_to(3 * WORLD_DAY);
    assert_int_equal(store_add_exception(w.store, &e, now_s), 0);
}

static const char *something_happens(void)
{
    switch (random_to(12)) {
    case 0: this_node_sees(); return "own reports";
    case 1: this_node_sees(); return "own reports";
    case 2: the_operator_changes_his_mind(); return "another policy";
    case 3: the_operator_makes_an_exception(); return "an exception";
    case 4: world_reopen(&w); return "a restart";
    case 5: now_s += (int64_t)random_to(5 * WORLD_HOUR); return "hours pass";
    case 6: now_s += random_to(6) == 0 ? (int64_t)random_to(9 * WORLD_DAY) : 60; return "days pass";
    case 7:
        if (random_to(8) == 0)
            assert_int_equal(store_rebuild(w.store, now_s), 0);
        return "a rebuild";
    case 8:
        if (random_to(4) == 0)
            assert_int_equal(store_pardon(w.store, w.records[1 + random_to(WORLD_MEMBERS - 1)].root, now_s), 0);
        return "a pardon";
    default: a_member_says(); return "opinions";
    }
}

static void fold_some(void)
{
    bool more;
    int64_t wake_s;
    assert_int_equal(store_fold(w.store, 1 + random_to(40), now_s, &more, &wake_s), 0);
}

/* ---- */

static bool not_newcomer;
static int look_at(void *ctx, const struct member_row *m)
{
    (void)ctx;
    not_newcomer |= m->reliability.black_micro != MICRO;
    return 0;
}

static void live(uint64_t seed)
{
    bits = seeded(seed);
    now_s = T0;
    memset(seqs, 0, sizeof seqs);
    world_create(&w);
    w.policy->zones[0].quorum = 2;
    assert_int_equal(store_set_policy(w.store, w.policy, now_s), 0);
    for (size_t step = 0; step < STEPS; step++) {
        const char *what = something_happens();
        now_s += (int64_t)random_to(300);
        fold_some();
        if (step % BEHIND_STEPS == 0)
            claim_sound(what, step);               /* whatever is left to do */
        if (step % (4 * BEHIND_STEPS) == 0) {
            world_fold(&w, now_s);
            claim_sound(what, step);
        }
    }
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_members(r, now_s, look_at, NULL), 0);
    reader_close(&r);
}

static void whatever_happens_a_full_recomputation_gives_the_stored_scores(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        live(seed);
        world_fold(&w, now_s);
        claim_sound("all", STEPS);
        world_destroy(&w);
    }
    assert_true(not_newcomer);                     /* else nothing was learned, and this shows little */
}

static char *listings(void)
{
    sqlite3 *sql = NULL;
    sqlite3_stmt *stmt = NULL;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    assert_int_equal(sqlite3_open(w.path, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(sql, "SELECT hex(subject), category, zone FROM listing WHERE zone > 0 ORDER BY 1, 2, 3", -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        fprintf(f, "%s %d %d\n", (const char *)sqlite3_column_text(stmt, 0), sqlite3_column_int(stmt, 1), sqlite3_column_int(stmt, 2));
    fclose(f);
    sqlite3_finalize(stmt);
    sqlite3_close(sql);
    return text;
}

static void a_rebuild_after_a_long_life_lists_the_same(void **state)
{
    (void)state;
    live(77);
    world_fold(&w, now_s);
    char *before = listings();
    assert_int_equal(store_rebuild(w.store, now_s), 0);
    world_fold(&w, now_s);
    char *after = listings();
    assert_string_equal(before, after);
    claim_sound("rebuild", STEPS);
    free(before);
    free(after);
    world_destroy(&w);
}

/* What the score asks for at that moment must be what is listed: nothing stays a minute too long, and nothing goes before its time. */
static void compare_with_now(void)
{
    struct reader *r = world_reader(&w);
    for (uint64_t i = 0; i < SUBJECTS; i++) {
        struct subject s = world_subject(subject(i));
        struct why why;
        assert_int_equal(reader_why(r, &s, now_s, &why), 0);
        for (size_t k = 0; k < why.rules_n; k++) {
            const struct why_rule *rule = &why.rules[k];
            const struct policy_zone *z = &w.policy->zones[rule->zone];
            int64_t score_micro = rule->contested ? rule->stood_micro : z->white ? -rule->score_micro : rule->score_micro;
            unsigned groups = rule->contested ? rule->stood_groups : rule->groups;
            unsigned quorum = rule->own ? 1 : rule->quorum > 1 ? rule->quorum - 1 : 1;
            bool upheld = score_micro >= rule->threshold_micro / 2 && groups >= quorum && !rule->vouched;
            bool asked = score_micro >= rule->threshold_micro && groups >= (rule->own ? 1 : rule->quorum) && !why.protected_ && !rule->vouched && why.exception.kind == 0;
            if (rule->listed ? !upheld : asked)
                fail_msg("%s in zone %d at T0 + %lld s: %s, %lld of %u groups", subject(i), rule->zone, (long long)(now_s - T0), rule->listed ? "listed still" : "not listed yet",
                         (long long)score_micro, groups);
        }
        why_clear(&why);
    }
    reader_close(&r);
}

static void time_alone_delists_on_schedule(void **state)
{
    size_t folds = 0;
    (void)state;
    live(5);
    int64_t end_s = now_s + 33 * WORLD_DAY, wake_s = world_fold(&w, now_s);
    char *left = listings();
    assert_true(strlen(left) > 0);
    free(left);
    while (now_s < end_s) {
        now_s += 60 * (int64_t)(1 + random_to(600));           /* look between, at any minute: nothing is folded before it asked for it */
        for (; wake_s <= now_s; folds++)
            wake_s = world_fold(&w, wake_s);
        compare_with_now();
    }
    left = listings();
    assert_string_equal(left, "");
    free(left);
    claim_sound("all that time", folds);
    world_destroy(&w);
}

/* What the daemon counts on: it commits and answers reports between two folds. */
static void a_pass_over_all_keys_goes_by_slices_and_what_is_reported_meanwhile_does_not_wait_for_it(void **state)
{
    enum { KEYS = 1600, ROWS = 64, SLICE = 256 };
    static struct saying says[KEYS];
    static char texts[KEYS][24];
    size_t folds = 0, ended = 0;
    bool more = true, reported = false;
    int64_t wake_s;
    (void)state;
    now_s = T0;
    world_create(&w);
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(texts[i], sizeof texts[i], "203.0.%zu.%zu", 100 + i / 200, 1 + i % 200);
        says[i] = (struct saying){ texts[i], WORLD_SAY, 8, 0, T0 };
    }
    struct store_batch b = world_batch(&w, 1, 1, T0, says, KEYS);
    assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
    world_free_batch(&b);
    world_fold(&w, T0);
    struct listing_change *changes = NULL;
    assert_int_equal(store_take_changes(w.store, &changes, &ended), 0);
    free(changes);
    w.policy->members[0].trust_micro = 0;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    for (ended = 0; more; folds++) {
        size_t n = 0;
        if (folds == 2)
            world_report(&w, REQUEST_BLACK, "203.0.113.250", 0, 1, T0);
        assert_int_equal(store_fold(w.store, ROWS, T0, &more, &wake_s), 0);
        if (folds == 2) {
            assert_true(more);
            reported = world_check(&w, "203.0.113.250") == VERDICT_BLACK;
        }
        assert_int_equal(store_take_changes(w.store, &changes, &n), 0);
        free(changes);
        assert_true(n <= SLICE + ROWS);
        ended += n;
    }
    assert_true(reported);
    assert_int_equal(ended, KEYS + 1);
    assert_true(folds >= KEYS / (SLICE + ROWS));
    claim_sound("the pass", folds);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_a_full_recomputation_gives_the_stored_scores),
        cmocka_unit_test(a_rebuild_after_a_long_life_lists_the_same),
        cmocka_unit_test(time_alone_delists_on_schedule),
        cmocka_unit_test(a_pass_over_all_keys_goes_by_slices_and_what_is_reported_meanwhile_does_not_wait_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
