/* What `hearsay why` is told: the parts add up to the score. */
#include <sqlite3.h>

#include "store/voices.h"
#include "store_world.h"
#include "tests/seed.h"

enum { CATEGORIES = 2, ROUNDS = 60 };

static const char subject_text_a[] = "192.0.2.7";
static uint64_t state_of_random = 7;

static unsigned random_to(unsigned n)
{
    state_of_random = state_of_random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state_of_random >> 33) % n;
}

static void narrow_at_random(struct policy *p)
{
    for (size_t i = 0; i < p->members_n; i++) {
        p->members[i].trust_micro = random_to(4) * 333333;
        p->members[i].rights = (struct policy_rights){
            .categories = random_to(3) == 0 ? 1 + random_to(3) : 0, .black_only = random_to(3) == 0, .no_prefixes = random_to(3) == 0,
            .max_weight_micro = random_to(3) == 0 ? 1000 + random_to(900000) : 0, .probation_s = random_to(4) == 0 ? RIGHTS_ENDLESS : 0,
        };
    }
}

static void say_at_random(struct world *w, uint64_t round)
{
    static const char *const categories[CATEGORIES] = { "spam", "malware" };
    for (size_t member = 1; member < WORLD_MEMBERS; member++)
        world_hear(w, member, round, (struct saying){ subject_text_a, categories[random_to(CATEGORIES)], 1 + random_to(8), random_to(3) == 0 ? random_to(9) : 0, T0 });
    if (random_to(2) == 0)
        world_report(w, random_to(2) == 0 ? REQUEST_BLACK : REQUEST_WHITE, subject_text_a, 0, 1, T0);
    assert_int_equal(store_set_policy(w->store, w->policy, T0), 0);
    world_fold(w, T0);
}

static bool is_vetoed(const struct why *why, int category)
{
    for (size_t i = 0; i < why->rules_n; i++)
        if (why->rules[i].category == category && why->rules[i].veto)
            return true;
    return false;
}

/* Trust times reliability times opinion, each product cut as the node cuts it. */
static void multiplies_out(const struct why_opinion *o)
{
    int64_t weight_micro = (int64_t)o->trust_micro * o->reliability_micro / MICRO;
    bool counts = o->bar == RIGHTS_HEARD && !o->probation;
    assert_int_equal(o->would_micro, weight_micro * o->opinion_micro / MICRO);
    assert_int_equal(o->counted_micro, counts ? o->would_micro : 0);
}

static void group_adds_up(const struct why *why, const struct why_group *g)
{
    int64_t sum_micro = 0, least_micro = -(int64_t)(g->cap_micro / 2);
    for (size_t i = 0; i < why->opinions_n; i++)
        if (why->opinions[i].category == g->category && why->opinions[i].group_index == g->index)
            sum_micro += why->opinions[i].counted_micro;
    assert_int_equal(g->said_micro, sum_micro);
    assert_int_equal(g->counted_micro, sum_micro < least_micro ? least_micro : sum_micro > g->cap_micro ? g->cap_micro : sum_micro);
}

static void adds_up(const struct why *why)
{
    for (size_t i = 0; i < why->opinions_n; i++)
        multiplies_out(&why->opinions[i]);
    for (size_t i = 0; i < why->groups_n; i++)
        group_adds_up(why, &why->groups[i]);
    for (size_t i = 0; i < why->rules_n; i++) {
        const struct why_rule *r = &why->rules[i];
        int64_t sum_micro = 0;
        unsigned groups = 0;
        for (size_t j = 0; j < why->groups_n; j++) {
            const struct why_group *g = &why->groups[j];
            assert_true(g->counted_micro <= g->cap_micro && g->counted_micro >= -(int64_t)(g->cap_micro / 2) && g->cap_micro <= g->trust_micro);
            assert_true(!g->probation || g->counted_micro == 0);
            if (g->category != r->category)
                continue;
            sum_micro += g->counted_micro;
            groups += r->zone == 1 ? g->in_quorum_white : g->in_quorum;
        }
        for (size_t j = 0; j < why->opinions_n; j++) {
            const struct why_opinion *o = &why->opinions[j];
            if (!o->own || o->category != r->category)
                continue;
            sum_micro += o->counted_micro;
            groups += r->zone == 1 ? o->counted_micro <= -SCORE_G_MIN_MICRO : o->counted_micro >= SCORE_G_MIN_MICRO;
        }
        assert_int_equal(sum_micro, r->sum_micro);
        assert_int_equal(r->score_micro, is_vetoed(why, r->category) && sum_micro > 0 ? 0 : sum_micro);
        if (r->zone < 2)
            assert_int_equal(groups, r->groups);
    }
}

static void the_parts_of_a_score_add_up_whatever_the_rights(void **state)
{
    struct subject s = world_subject(subject_text_a);
    struct world w;
    (void)state;
    world_create(&w);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct reader *r;
        struct why why;
        uint64_t problems = 0;
        narrow_at_random(w.policy);
        say_at_random(&w, round);
        r = world_reader(&w);
        assert_int_equal(reader_why(r, &s, T0, &why), 0);
        adds_up(&why);
        why_clear(&why);
        assert_int_equal(reader_verify(r, T0, NULL, NULL, NULL, &problems), 0);
        assert_int_equal(problems, 0);
        reader_close(&r);
    }
    world_destroy(&w);
}

static void what_one_on_probation_would_have_said_is_told(void **state)
{
    struct subject s = world_subject(subject_text_a);
    struct world w;
    struct why why;
    (void)state;
    world_create(&w);
    w.policy->members[0].rights.probation_s = 3 * WORLD_DAY;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_hear(&w, 1, 1, (struct saying){ subject_text_a, WORLD_SAY, 8, 0, T0 });
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_why(r, &s, T0, &why), 0);
    assert_int_equal(why.groups_n, 1);
    assert_true(why.groups[0].probation);
    assert_int_equal(why.groups[0].probation_end_s, T0 + 3 * WORLD_DAY);
    assert_int_equal(why.groups[0].counted_micro, 0);
    assert_in_range(why.groups[0].would_micro, 800000, MICRO);
    assert_int_equal(why.opinions[0].counted_micro, 0);
    assert_int_equal(why.opinions[0].would_micro, why.groups[0].would_micro);
    assert_int_equal(why.opinions[0].signature, 1);
    why_clear(&why);
    reader_close(&r);
    world_destroy(&w);
}

/* What the operator reads as what comes when the probation ends. */
static void what_one_on_probation_would_have_said_keeps_to_its_other_rights(void **state)
{
    struct subject s = world_subject(subject_text_a);
    struct world w;
    struct why why;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ subject_text_a, WORLD_SAY, 8, 0, T0 });
    w.policy->members[0].rights = (struct policy_rights){ .probation_s = WORLD_DAY, .max_weight_micro = 300000 };
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_why(r, &s, T0, &why), 0);
    assert_int_equal(why.groups[0].would_micro, 300000);
    assert_true(why.opinions[0].would_micro > 300000);
    w.policy->members[0].rights.categories = UINT64_C(1) << ((why.opinions[0].category + 1) % (int)w.policy->categories_n);
    why_clear(&why);
    reader_close(&r);
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    r = world_reader(&w);
    assert_int_equal(reader_why(r, &s, T0, &why), 0);
    assert_true(why.groups[0].probation && why.opinions[0].probation && why.opinions[0].bar == RIGHTS_CATEGORY);
    assert_int_equal(why.groups[0].would_micro, 0);
    why_clear(&why);
    reader_close(&r);
    world_destroy(&w);
}

static void edit(struct world *w, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(w->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* One is hardly believed against somebody and half for somebody, the other the other way round: the score goes by that, the quorum by heads. */
static void the_parts_add_up_whatever_was_learned(void **state)
{
    struct subject s = world_subject(subject_text_a);
    struct world w;
    struct why why;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ subject_text_a, WORLD_SAY, 8, 0, T0 });
    world_hear(&w, 2, 1, (struct saying){ subject_text_a, WORLD_SAY, 0, 8, T0 });
    edit(&w, "INSERT OR REPLACE INTO learned(member, time_s, confirmed, refuted, unseen, confirmed_white, refuted_white, black_micro, white_micro, hour, hours, until_s, times)"
             " SELECT member, 1, 0, 0, 0, 0, 0, 50000, 500000, 0, zeroblob(96), 0, 0 FROM opinion");
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_why(r, &s, T0, &why), 0);
    assert_int_equal(why.opinions_n, 2);
    assert_int_equal(why.opinions[0].reliability_micro, 50000);
    assert_int_equal(why.opinions[1].reliability_micro, 500000);
    assert_true(why.groups[0].in_quorum && why.groups[0].counted_micro < SCORE_G_MIN_MICRO);
    adds_up(&why);
    why_clear(&why);
    reader_close(&r);
    world_destroy(&w);
}

/* Two say black with much, one says good with less: the writer looks again and again before the listing ends. All three have been of use here so often that what is not seen of this
 * subject changes nobody's weight, which no forecast knows of. */
static void when_it_falls_off_is_told_exactly_where_both_sides_speak(void **state)
{
    struct subject s = world_subject(subject_text_a);
    struct subject_info info;
    struct world w;
    struct why why;
    (void)state;
    world_create(&w);
    w.policy->zones[0].threshold_micro = MICRO;
    w.policy->zones[0].quorum = 2;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_hear(&w, 1, 1, (struct saying){ subject_text_a, WORLD_SAY, 8, 0, T0 });
    world_hear(&w, 2, 1, (struct saying){ subject_text_a, WORLD_SAY, 8, 0, T0 });
    world_hear(&w, 3, 1, (struct saying){ subject_text_a, WORLD_SAY, 0, 3, T0 });
    edit(&w, "INSERT OR REPLACE INTO learned(member, time_s, confirmed, refuted, unseen, confirmed_white, refuted_white, black_micro, white_micro, hour, hours, until_s, times, seen)"
             " SELECT member, time_s, 0, 0, 0, 0, 0, 1000000, 1000000, 0, zeroblob(96), 0, 0, 1000000000000 FROM opinion");
    world_reopen(&w);
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_why(r, &s, T0, &why), 0);
    int64_t end_s = why.rules[0].until_s;
    assert_int_equal(reader_info(r, &s, T0, &info), 0);
    assert_int_equal(info.until_s, end_s);
    assert_true(why.rules[0].listed && end_s % 60 == 0 && end_s > T0 + 10 * WORLD_DAY);
    why_clear(&why);
    reader_close(&r);
    for (int64_t at_s = T0 + WORLD_DAY; at_s < end_s - 60; at_s += WORLD_DAY)
        world_fold(&w, at_s);
    world_fold(&w, end_s - 60);
    assert_int_equal(world_check(&w, subject_text_a), VERDICT_BLACK);
    world_fold(&w, end_s);
    assert_int_equal(world_check(&w, subject_text_a), VERDICT_UNKNOWN);
    world_destroy(&w);
}

/* The row of a withdrawal stays for as long as it holds, so that nothing older that comes back counts again. */
static void a_hold_outlasts_the_time_to_live(void **state)
{
    struct subject s = world_subject(subject_text_a);
    struct world w;
    struct why why;
    (void)state;
    world_create(&w);
    w.policy->hold_s = 40 * WORLD_DAY;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_report(&w, REQUEST_BLACK, subject_text_a, 0, 1, T0);
    world_report(&w, REQUEST_RETRACT, subject_text_a, 0, 1, T0 + 60);
    world_fold(&w, T0 + 60);
    edit(&w, "UPDATE evidence SET urgency = 0");       /* told, or it is kept until it is */
    for (int64_t days = 39; days <= 45; days += 6) {
        world_fold(&w, T0 + days * WORLD_DAY);
        struct reader *r = world_reader(&w);
        assert_int_equal(reader_why(r, &s, T0 + days * WORLD_DAY, &why), 0);
        assert_int_equal(why.hold_until_s, days < 40 ? T0 + 60 + 40 * WORLD_DAY : 0);
        why_clear(&why);
        reader_close(&r);
    }
    world_destroy(&w);
}

static int signature_now(struct world *w)
{
    struct subject s = world_subject(subject_text_a);
    struct reader *r = world_reader(w);
    struct why why;
    assert_int_equal(reader_why(r, &s, T0, &why), 0);
    assert_int_equal(why.opinions_n, 1);
    int signature = why.opinions[0].signature;
    why_clear(&why);
    reader_close(&r);
    return signature;
}

/* Somebody who can write to the database puts words into a member's mouth: the batch is in order, but it does not say this. */
static void a_signature_is_good_for_what_its_batch_says_and_nothing_else(void **state)
{
    static const char *const lies[][2] = {
        { "UPDATE opinion SET black = 8", "UPDATE opinion SET black = 5" },
        { "UPDATE opinion SET black = 0, white = 5", "UPDATE opinion SET black = 5, white = 0" },
        { "UPDATE opinion SET time_s = time_s + 600", "UPDATE opinion SET time_s = time_s - 600" },
        { "UPDATE opinion SET category = (SELECT id FROM category WHERE name = 'malware')", "UPDATE opinion SET category = (SELECT id FROM category WHERE name = 'spam')" },
    };
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ subject_text_a, WORLD_SAY, 5, 0, T0 });
    world_hear(&w, 1, 2, (struct saying){ "192.0.2.8", WORLD_SAY, 5, 0, T0 });
    assert_int_equal(signature_now(&w), 1);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        edit(&w, lies[i][0]);
        if (signature_now(&w) != 0)
            fail_msg("good after: %s", lies[i][0]);
        edit(&w, lies[i][1]);
        assert_int_equal(signature_now(&w), 1);
    }
    edit(&w, "DELETE FROM opinion WHERE seq = 1; UPDATE opinion SET subject = x'04c000020720'");
    assert_int_equal(signature_now(&w), 0);        /* said of another */
    edit(&w, "UPDATE batch SET frame = zeroblob(length(frame))");
    assert_int_equal(signature_now(&w), 0);
    edit(&w, "DELETE FROM batch");
    assert_int_equal(signature_now(&w), -1);
    world_destroy(&w);
}

enum { CROWD = 30 };

/* Every third says good of it. */
static void crowd(struct voice all[CROWD])
{
    memset(all, 0, CROWD * sizeof *all);
    for (unsigned i = 0; i < CROWD; i++) {
        int64_t micro = (int64_t)(1 + i % 32) * MICRO;
        all[i] = (struct voice){ .group = i, .bit = i % SCORE_BITS, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO };
        all[i].evidence = (struct evidence){ .black_micro = i % 3 == 0 ? 0 : micro, .white_micro = i % 3 == 0 ? micro : 0, .time_s = T0 - (int64_t)(i % 1000) * 600 };
    }
}

/* Mail may wait for it: with many that speak for both sides, the end is told too early rather than late. */
static void looking_ahead_takes_no_more_words_than_it_may(void **state)
{
    static struct voice all[CROWD];
    struct voices v = { .all = all, .n = CROWD };
    struct world w;
    size_t left = SIZE_MAX, few = 10 * (CROWD + 1), none = CROWD;
    (void)state;
    world_create(&w);
    crowd(all);
    w.policy->zones[0].threshold_micro = MICRO;
    const int64_t end_s = voices_falls_off(&v, w.policy, 0, 0, CROWD, T0, &left);
    assert_true(SIZE_MAX - left > 10 * (CROWD + 1));
    const int64_t early_s = voices_falls_off(&v, w.policy, 0, 0, CROWD, T0, &few);
    assert_int_equal(few, 0);
    assert_true(early_s > T0 && early_s < end_s);
    assert_int_equal(voices_falls_off(&v, w.policy, 0, 0, CROWD, early_s, &none), early_s);
    assert_int_equal(none, CROWD);
    left = SIZE_MAX;
    assert_int_equal(voices_falls_off(&v, w.policy, 0, 0, CROWD, early_s, &left), end_s);       /* so the writer's next look is as good a beginning as any */
    world_destroy(&w);
}

int main(void)
{
    state_of_random = seeded(state_of_random);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_score_add_up_whatever_the_rights),
        cmocka_unit_test(what_one_on_probation_would_have_said_is_told),
        cmocka_unit_test(what_one_on_probation_would_have_said_keeps_to_its_other_rights),
        cmocka_unit_test(the_parts_add_up_whatever_was_learned),
        cmocka_unit_test(a_hold_outlasts_the_time_to_live),
        cmocka_unit_test(a_signature_is_good_for_what_its_batch_says_and_nothing_else),
        cmocka_unit_test(when_it_falls_off_is_told_exactly_where_both_sides_speak),
        cmocka_unit_test(looking_ahead_takes_no_more_words_than_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
