#include "tests/unit/reader_asked.h"

#include <errno.h>
#include <sqlite3.h>

#include "store/score.h"

static enum verdict check(struct asked *a, const char *text, int zone)
{
    struct subject s = world_subject(text);
    enum verdict v = VERDICT_UNKNOWN;
    assert_int_equal(reader_check(a->r, &s, zone, &v), 0);
    return v;
}

static int64_t score(struct asked *a, const char *text, int category, int64_t now_s)
{
    struct subject s = world_subject(text);
    int64_t milli = -1;
    assert_int_equal(reader_score(a->r, &s, category, now_s, &milli), 0);
    return milli;
}

static bool said(struct asked *a, const char *text)
{
    struct subject s = world_subject(text);
    bool yes = false;
    assert_int_equal(reader_said(a->r, &s, &yes), 0);
    return yes;
}

static void what_was_said_is_said_until_it_is_taken_back(void **state)
{
    struct asked a;
    (void)state;
    ask(&a);
    assert_false(said(&a, "192.0.2.7"));
    report(&a, REQUEST_WHITE, "192.0.2.7", 1);
    report(&a, REQUEST_BLACK, "192.0.2.8", -1);
    assert_true(said(&a, "192.0.2.7"));
    assert_true(said(&a, "192.0.2.8"));
    report(&a, REQUEST_RETRACT, "192.0.2.7", -1);
    assert_false(said(&a, "192.0.2.7"));
    assert_true(said(&a, "192.0.2.8"));
    assert_false(said(&a, "192.0.2.0/24"));
    done(&a);
}

/* ---- check */

static void black_zones_answer_before_white_ones(void **state)
{
    struct asked a;
    (void)state;
    ask(&a);
    report(&a, REQUEST_WHITE, "192.0.2.7", -1);
    assert_int_equal(check(&a, "192.0.2.7", -1), VERDICT_WHITE);
    assert_int_equal(check(&a, "192.0.2.7", 0), VERDICT_UNKNOWN);
    assert_int_equal(check(&a, "192.0.2.7", 1), VERDICT_WHITE);
    report(&a, REQUEST_BLACK, "192.0.2.7", 1);
    assert_int_equal(check(&a, "192.0.2.7", -1), VERDICT_BLACK);
    assert_int_equal(check(&a, "192.0.2.7", 1), VERDICT_WHITE);
    done(&a);
}

static void an_address_is_found_in_every_listed_prefix_that_holds_it(void **state)
{
    static const struct { const char *listed, *inside, *outside; } cases[] = {
        { "198.51.100.0/24", "198.51.100.200", "198.51.101.0" },
        { "203.0.0.0/16", "203.0.113.9", "203.1.0.0" },
        { "192.0.2.128/25", "192.0.2.129", "192.0.2.127" },
        { "192.0.2.64/31", "192.0.2.65", "192.0.2.66" },
        { "198.51.96.0/20", "198.51.100.0/24", "198.51.112.0/24" },
        { "2001:db8::/32", "2001:db8:ffff:ffff::1", "2001:db9::1" },
        { "2001:db8:8000::/33", "2001:db8:8001::1", "2001:db8:7fff::1" },
        { "2001:db8:1:2::/64", "2001:db8:1:2:3:4:5:6", "2001:db8:1:3::" },
        { "2001:db8:1:2::/63", "2001:db8:1:3::9", "2001:db8:1:4::" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct asked a;
        ask(&a);
        report(&a, REQUEST_BLACK, cases[i].listed, -1);
        if (check(&a, cases[i].listed, -1) != VERDICT_BLACK || check(&a, cases[i].inside, -1) != VERDICT_BLACK)
            fail_msg("%s does not hold %s", cases[i].listed, cases[i].inside);
        if (check(&a, cases[i].outside, -1) != VERDICT_UNKNOWN)
            fail_msg("%s holds %s", cases[i].listed, cases[i].outside);
        done(&a);
    }
}

static void a_listed_address_does_not_list_the_prefix_around_it(void **state)
{
    struct asked a;
    (void)state;
    ask(&a);
    report(&a, REQUEST_BLACK, "198.51.100.7", -1);
    assert_int_equal(check(&a, "198.51.100.0/24", -1), VERDICT_UNKNOWN);
    done(&a);
}

static void names_and_senders_are_listed_as_they_are(void **state)
{
    struct asked a;
    (void)state;
    ask(&a);
    report(&a, REQUEST_BLACK, "bad.example", -1);
    report(&a, REQUEST_BLACK, "someone@other.example", -1);
    assert_int_equal(check(&a, "Bad.Example.", -1), VERDICT_BLACK);
    assert_int_equal(check(&a, "mail.bad.example", -1), VERDICT_UNKNOWN);
    assert_int_equal(check(&a, "someone@other.example", -1), VERDICT_BLACK);
    assert_int_equal(check(&a, "other.example", -1), VERDICT_UNKNOWN);
    done(&a);
}

static void a_reader_sees_zones_and_members_that_came_after_it(void **state)
{
    struct asked a;
    struct policy *later;
    (void)state;
    ask(&a);
    strcpy(a.w.policy->zones[1].name, "strict.test.example");
    later = policy_copy(a.w.policy);
    assert_int_equal(reader_set_policy(a.r, later), 0);          /* before the writer has heard of the new zone */
    assert_int_equal(check(&a, "192.0.2.7", -1), VERDICT_UNKNOWN);
    assert_int_equal(store_set_policy(a.w.store, later, T0), 0);
    report(&a, REQUEST_WHITE, "192.0.2.7", -1);
    assert_int_equal(check(&a, "192.0.2.7", 1), VERDICT_WHITE);
    policy_destroy(&later);
    done(&a);
}

/* ---- score, info */

static void a_score_is_computed_for_the_moment_it_is_asked(void **state)
{
    struct asked a;
    (void)state;
    ask(&a);
    report(&a, REQUEST_BLACK, "192.0.2.7", 0);
    world_hear(&a.w, 1, 1, (struct saying){ "192.0.2.7", "malware", 0, 5, T0 });
    assert_int_equal(score(&a, "192.0.2.7", 0, T0), 1071);
    assert_int_equal(score(&a, "192.0.2.7", 1, T0), -500);
    assert_int_equal(score(&a, "192.0.2.7", 2, T0), 0);
    assert_int_equal(score(&a, "192.0.2.7", -1, T0), 1071);
    assert_int_equal(score(&a, "192.0.2.7", 0, T0 + 3 * WORLD_DAY), 833);
    assert_int_equal(score(&a, "192.0.2.8", -1, T0), 0);
    done(&a);
}

static void info_says_what_check_says_and_why(void **state)
{
    struct asked a;
    struct subject s = world_subject("192.0.2.7");
    struct subject_info in;
    (void)state;
    ask(&a);
    assert_int_equal(reader_info(a.r, &s, T0, &in), 0);
    assert_int_equal(in.state, VERDICT_UNKNOWN);
    assert_int_equal(in.until_s, 0);
    report(&a, REQUEST_BLACK, "192.0.2.7", 1);
    world_hear(&a.w, 1, 1, (struct saying){ "192.0.2.7", "malware", 5, 0, T0 });
    world_hear(&a.w, 2, 1, (struct saying){ "192.0.2.7", "spam", 5, 0, T0 });
    assert_int_equal(reader_info(a.r, &s, T0, &in), 0);
    assert_int_equal(in.state, VERDICT_BLACK);
    assert_int_equal(in.score_milli, 1785);
    assert_int_equal(in.groups, 2);
    assert_int_equal(in.categories, 3);
    assert_int_equal(in.zones, 1);
    assert_memory_equal(in.code, a.w.policy->categories[1].code, 4);
    assert_true(in.until_s > T0 + 5 * WORLD_DAY && in.until_s < T0 + 30 * WORLD_DAY);
    s = world_subject("192.0.2.0/24");
    report(&a, REQUEST_BLACK, "192.0.2.0/24", 4);
    s = world_subject("192.0.2.99");
    assert_int_equal(reader_info(a.r, &s, T0, &in), 0);
    assert_int_equal(in.state, VERDICT_BLACK);
    assert_int_equal(in.categories, 1 << 4);
    done(&a);
}

/* ---- lists */

struct seen {
    size_t n, stop_after;
    struct listing last;
    bool in_order;
};

static int see(void *ctx, const struct listing *l)
{
    struct seen *seen = ctx;
    seen->in_order = seen->n == 0 ? true : seen->in_order && subject_compare(&seen->last.subject, &l->subject) <= 0;
    seen->last = *l;
    return ++seen->n == seen->stop_after ? 42 : 0;
}

static void listings_come_in_key_order_by_zone_and_since(void **state)
{
    static const char *const texts[] = { "zzz.example", "203.0.113.9", "192.0.2.7", "2001:db8::1", "198.51.100.0/24", "aaa.example" };
    struct asked a;
    struct seen seen = { 0 };
    (void)state;
    ask(&a);
    for (size_t i = 0; i < 6; i++) {
        world_report(&a.w, i == 3 ? REQUEST_WHITE : REQUEST_BLACK, texts[i], -1, 1, T0 + 60 * (int64_t)i);
        world_fold(&a.w, T0 + 60 * (int64_t)i);
    }
    assert_int_equal(reader_list(a.r, -1, 0, see, &seen), 0);
    assert_int_equal(seen.n, 6);
    assert_true(seen.in_order);
    seen = (struct seen){ 0 };
    assert_int_equal(reader_list(a.r, 1, 0, see, &seen), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.last.zone, 1);
    assert_int_equal(seen.last.score_milli, -1249);
    assert_int_equal(seen.last.since_s, T0 + 180);
    seen = (struct seen){ 0 };
    assert_int_equal(reader_list(a.r, -1, T0 + 240, see, &seen), 0);
    assert_int_equal(seen.n, 2);
    seen = (struct seen){ .stop_after = 2 };
    assert_int_equal(reader_list(a.r, -1, 0, see, &seen), 42);
    assert_int_equal(seen.n, 2);
    done(&a);
}

/* ---- why */

static const struct why_opinion *opinion_of(const struct why *w, const char *name)
{
    for (size_t i = 0; i < w->opinions_n; i++)
        if (strcmp(w->opinions[i].name, name) == 0)
            return &w->opinions[i];
    fail_msg("nothing of %s", name);
    return NULL;
}

static void why_gives_every_opinion_with_a_signature_checked_now(void **state)
{
    struct asked a;
    struct why why;
    struct subject s = world_subject("192.0.2.7");
    (void)state;
    ask(&a);
    report(&a, REQUEST_BLACK, "192.0.2.7", 0);
    world_hear(&a.w, 1, 1, (struct saying){ "192.0.2.7", "spam", 5, 0, T0 });
    world_hear(&a.w, 2, 7, (struct saying){ "192.0.2.7", "spam", 0, 5, T0 });
    world_hear(&a.w, 3, 1, (struct saying){ "192.0.2.7", "phone-scam", 5, 0, T0 });
    assert_int_equal(reader_why(a.r, &s, T0, &why), 0);
    assert_int_equal(why.opinions_n, 4);
    const struct why_opinion *b = opinion_of(&why, "mx.b.example"), *c = opinion_of(&why, "mx.c.example");
    assert_int_equal(b->signature, 1);
    assert_int_equal(b->trust_micro, MICRO);
    assert_int_equal(b->black_milli, 5000);
    assert_int_equal(b->opinion_micro, 714285);
    assert_int_equal(b->counted_micro, 714285);
    assert_int_equal(c->seq, 7);
    assert_int_equal(c->opinion_micro, -833333);
    assert_int_equal(opinion_of(&why, "mx.d.example")->category, -1);
    assert_string_equal(opinion_of(&why, "mx.d.example")->category_name, "phone-scam");
    const struct why_opinion *own = opinion_of(&why, "");
    assert_true(own->own);
    assert_int_equal(own->signature, -1);
    assert_int_equal(own->counted_micro, 1071427);
    why_clear(&why);
    done(&a);
}

static void why_gives_the_rule_that_lists_and_the_sum_behind_it(void **state)
{
    struct asked a;
    struct why why;
    struct subject s = world_subject("192.0.2.7");
    (void)state;
    ask(&a);
    report(&a, REQUEST_BLACK, "192.0.2.7", 0);
    world_hear(&a.w, 1, 1, (struct saying){ "192.0.2.7", "spam", 5, 0, T0 });
    assert_int_equal(reader_why(a.r, &s, T0, &why), 0);
    assert_int_equal(why.rules_n, 2);
    const struct why_rule *rule = &why.rules[0];
    int64_t sum = 0;
    for (size_t i = 0; i < why.opinions_n; i++)
        sum += why.opinions[i].counted_micro;
    assert_int_equal(rule->score_micro, sum);
    assert_true(rule->listed && rule->own && !rule->veto);
    assert_int_equal(rule->threshold_micro, 600000);
    assert_int_equal(rule->groups, 2);
    assert_int_equal(rule->since_s, T0);
    assert_true(rule->until_s > T0);
    assert_false(why.rules[1].listed);
    assert_false(why.protected_);
    why_clear(&why);
    world_report(&a.w, REQUEST_RETRACT, "192.0.2.7", -1, 1, T0 + 60);
    world_report(&a.w, REQUEST_WHITE, "192.0.2.7", 0, 1, T0 + 120);
    world_fold(&a.w, T0 + 120);
    assert_int_equal(reader_why(a.r, &s, T0 + 120, &why), 0);
    assert_int_equal(why.hold_until_s, T0 + 60 + WORLD_DAY);
    assert_true(why.rules[0].veto && !why.rules[0].listed);
    why_clear(&why);
    done(&a);
}

static void why_names_the_listed_prefix_around_an_address(void **state)
{
    struct asked a;
    struct why why;
    struct subject s = world_subject("198.51.100.9");
    char text[SUBJECT_TEXT_MAX];
    (void)state;
    ask(&a);
    report(&a, REQUEST_BLACK, "198.51.100.0/24", -1);
    report(&a, REQUEST_BLACK, "198.51.0.0/16", -1);
    assert_int_equal(reader_why(a.r, &s, T0, &why), 0);
    assert_int_equal(why.opinions_n, 0);
    assert_string_equal(subject_text(&why.wider, text), "198.51.100.0/24");
    why_clear(&why);
    done(&a);
}

static void a_forged_batch_shows_in_why(void **state)
{
    struct asked a;
    struct why why;
    struct subject s = world_subject("192.0.2.7");
    struct saying says = { "192.0.2.7", "spam", 5, 0, T0 };
    (void)state;
    ask(&a);
    struct store_batch b = world_batch(&a.w, 1, 1, T0, &says, 1);
    assert_int_equal(store_add_batches(a.w.store, &b, 1, T0), 0);
    world_fold(&a.w, T0);
    assert_int_equal(reader_set_policy(a.r, a.w.policy), 0);
    world_free_batch(&b);
    sqlite3 *d;
    assert_int_equal(sqlite3_open(a.w.path, &d), SQLITE_OK);
    assert_int_equal(sqlite3_exec(d, "UPDATE batch SET frame = CAST(substr(frame, 1, length(frame) - 1) || x'ff' AS BLOB)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(d);
    assert_int_equal(reader_why(a.r, &s, T0, &why), 0);
    assert_int_equal(why.opinions[0].signature, 0);
    why_clear(&why);
    done(&a);
}

static void a_reader_cannot_write(void **state)
{
    struct world w;
    struct reader *r = NULL;
    char why[STORE_WHY_MAX];
    (void)state;
    world_prepare(&w);
    assert_int_equal(reader_open(w.path, w.policy, &r, why), -ENOENT);
    assert_null(r);
    assert_int_equal(access(w.path, F_OK), -1);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_said_is_said_until_it_is_taken_back),
        cmocka_unit_test(black_zones_answer_before_white_ones),
        cmocka_unit_test(an_address_is_found_in_every_listed_prefix_that_holds_it),
        cmocka_unit_test(a_listed_address_does_not_list_the_prefix_around_it),
        cmocka_unit_test(names_and_senders_are_listed_as_they_are),
        cmocka_unit_test(a_reader_sees_zones_and_members_that_came_after_it),
        cmocka_unit_test(a_score_is_computed_for_the_moment_it_is_asked),
        cmocka_unit_test(info_says_what_check_says_and_why),
        cmocka_unit_test(listings_come_in_key_order_by_zone_and_since),
        cmocka_unit_test(why_gives_every_opinion_with_a_signature_checked_now),
        cmocka_unit_test(why_gives_the_rule_that_lists_and_the_sum_behind_it),
        cmocka_unit_test(why_names_the_listed_prefix_around_an_address),
        cmocka_unit_test(a_forged_batch_shows_in_why),
        cmocka_unit_test(a_reader_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
