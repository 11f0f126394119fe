#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/score.h"
#include "tests/seed.h"

#define NOW INT64_C(1790000400)
#define DAY INT64_C(86400)
#define HALF_LIFE (3 * DAY)
#define TTL (30 * DAY)
enum { VOICES_MAX = 24, ROUNDS = 20000 };

/* ---- a small generator, so that a failure repeats */

static uint64_t seed = 88172645463325252u;

static uint64_t random_u64(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int64_t random_to(int64_t n)
{
    return (int64_t)(random_u64() % (uint64_t)n);
}

static struct evidence random_evidence(void)
{
    int kind = (int)random_to(4);
    return (struct evidence){
        .black_micro = kind != 1 ? random_to(40 * MICRO) : 0,
        .white_micro = kind == 1 || kind == 2 ? random_to(9 * MICRO) : 0,
        .time_s = NOW - random_to(35 * DAY),
    };
}

static int64_t random_stands(void)
{
    int kind = (int)random_to(4);
    return kind == 0 ? 0 : kind == 1 ? INT64_MAX : NOW - NOW % 60 + (random_to(4 * DAY) - 2 * DAY) / 60 * 60;
}

static size_t random_voices(struct voice *voices)
{
    size_t n = (size_t)random_to(VOICES_MAX);
    unsigned group = 0;
    uint32_t trust = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || random_to(3) > 0) {
            group++;
            trust = (uint32_t)random_to(MICRO + 1);
        }
        voices[i] = (struct voice){ .group = group, .trust_micro = trust, .weight_micro = (uint32_t)random_to(2 * (int64_t)trust + 1),    /* reliability is 2.00 at the most */
                                    .say_micro = trust / (1 + (uint32_t)random_to(2)),
                                    .evidence = random_evidence(), .stands_s = random_stands() };
    }
    return n;
}

/* ---- the model in floating point, straight from the formulas of DESIGN section 7; no libm, so that the test links as the others do */

static double clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double distance(double a, double b)
{
    return a < b ? b - a : a - b;
}

/* 2^-x: halvings, then the series of exp for what is left. */
static double ref_halved(double x)
{
    double left = x - (double)(int)x, term = 1.0, sum = 1.0;
    for (int k = 1; k < 25; k++)
        sum += term *= -left * 0.693147180559945309417 / k;
    for (int k = 0; k < (int)x; k++)
        sum /= 2.0;
    return sum;
}

static double ref_mass(int64_t micro, int64_t time_s)
{
    double age_s = (double)(NOW - NOW % 60 - (time_s - time_s % 60)), capped = clip((double)micro / 1e6, 0.0, 32.0);
    if (age_s > (double)TTL || age_s < -300.0)
        return 0.0;
    return capped * ref_halved(age_s > 0.0 ? age_s / (double)HALF_LIFE : 0.0);
}

static double ref_opinion(const struct evidence *e)
{
    double r = ref_mass(e->black_micro, e->time_s), s = ref_mass(e->white_micro, e->time_s);
    return (r - 2.0 * s) / (r + 2.0 * s + 2.0);
}

static double ref_score(const struct voice *voices, size_t n, const struct evidence *own)
{
    double sum = 0.0, score = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)voices[i].weight_micro / 1e6 * ref_opinion(&voices[i].evidence);
        if (i + 1 < n && voices[i + 1].group == voices[i].group)
            continue;
        double trust = (double)voices[i].trust_micro / 1e6;
        score += clip(sum, -0.5 * trust, trust);
        sum = 0.0;
    }
    if (own == NULL)
        return score;
    double v = ref_opinion(own);
    score += 1.5 * v;
    return v < 0 && score > 0 && ref_mass(own->white_micro, own->time_s) >= 1.0 ? 0.0 : score;
}

static struct score score_now(const struct voice *voices, size_t n, const struct evidence *own)
{
    return score_of(voices, n, own, HALF_LIFE, TTL, NOW);
}

static void scores_agree_with_the_model_in_floating_point(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct voice voices[VOICES_MAX];
        size_t n = random_voices(voices);
        struct evidence own = random_evidence();
        const struct evidence *has_own = random_to(2) ? &own : NULL;
        double want = ref_score(voices, n, has_own), got = (double)score_now(voices, n, has_own).micro / 1e6;
        if (distance(got, want) > 1e-5 * (double)(n + 2))
            fail_msg("round %d: got %.7f, want %.7f", round, got, want);
    }
}

/* ---- opinions and bounds */

static void an_opinion_is_never_quite_sure(void **state)
{
    (void)state;
    assert_int_equal(opinion_micro(0, 0), 0);
    assert_int_equal(opinion_micro(2 * MICRO, 0), 500000);
    assert_int_equal(opinion_micro(2 * MICRO, MICRO), 0);
    assert_true(opinion_micro(SCORE_R_MAX_MICRO, 0) < MICRO);
    assert_true(opinion_micro(0, SCORE_R_MAX_MICRO) > -MICRO);
}

static void one_event_of_the_default_weight_lists_in_the_own_zone(void **state)
{
    struct policy_zone black = { .own = true, .threshold_micro = MICRO };
    struct policy_zone white = { .own = true, .white = true, .threshold_micro = MICRO };
    struct evidence bad = { 5 * MICRO, 0, NOW }, good = { 0, 5 * MICRO, NOW };
    struct score s = score_now(NULL, 0, &bad);
    (void)state;
    assert_int_equal(s.micro, 1071427);
    assert_true(score_lists(&black, &s, 0, false));
    assert_false(score_lists(&white, &s, 0, false));
    s = score_now(NULL, 0, &good);
    assert_true(score_lists(&white, &s, 0, false));
    assert_false(score_lists(&black, &s, 0, false));
    black.own = false;
    s = score_now(NULL, 0, &bad);
    assert_false(score_lists(&black, &s, 0, false));
}

static void one_group_never_moves_a_score_by_more_than_its_trust(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct voice voices[VOICES_MAX], others[VOICES_MAX];
        size_t n = random_voices(voices), others_n = 0;
        if (n == 0)
            continue;
        const struct voice *picked = &voices[random_to((int64_t)n)];
        for (size_t i = 0; i < n; i++)
            if (voices[i].group != picked->group)
                others[others_n++] = voices[i];
        struct score all = score_now(voices, n, NULL), rest = score_now(others, others_n, NULL);
        int64_t moved = all.micro - rest.micro;
        assert_true(moved <= picked->trust_micro && moved >= -(int64_t)(picked->trust_micro / 2));
        assert_true(all.groups - rest.groups <= 1 && all.groups_white - rest.groups_white <= 1);
    }
}

static void a_thousand_puppets_weigh_no_more_than_their_sponsor(void **state)
{
    static struct voice puppets[1000];
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        puppets[i] = (struct voice){ .group = 1, .trust_micro = 800000, .weight_micro = 400000, .say_micro = 400000, .evidence = { SCORE_R_MAX_MICRO, 0, NOW } };
    struct score s = score_now(puppets, 1000, NULL);
    assert_int_equal(s.micro, 800000);
    assert_int_equal(s.groups, 1);
}

/* What it weighs is for the score alone: the quorum is a count of those who say so. */
static void the_quorum_counts_who_says_so_and_not_how_useful_it_is(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct voice voices[VOICES_MAX];
        size_t n = random_voices(voices);
        struct score before = score_now(voices, n, NULL);
        for (size_t i = 0; i < n; i++)
            voices[i].weight_micro = (uint32_t)random_to(2 * MICRO);
        struct score after = score_now(voices, n, NULL);
        assert_int_equal(before.groups, after.groups);
        assert_int_equal(before.groups_white, after.groups_white);
        assert_int_equal(before.stood_groups, after.stood_groups);
    }
}

static void the_mute_are_not_counted_for_the_quorum(void **state)
{
    struct voice two[2] = { { .group = 1, .trust_micro = MICRO, .weight_micro = MICRO / 50, .say_micro = MICRO, .evidence = { 20 * MICRO, 0, NOW } },
                            { .group = 2, .trust_micro = MICRO, .evidence = { 20 * MICRO, 0, NOW } } };
    (void)state;
    assert_int_equal(score_now(two, 2, NULL).groups, 1);
    assert_true(score_now(two, 2, NULL).micro < MICRO / 50);
}

static void the_order_of_members_within_a_group_changes_nothing(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct voice voices[VOICES_MAX];
        size_t n = random_voices(voices);
        struct score before = score_now(voices, n, NULL);
        for (size_t i = 0; i + 1 < n; i++) {
            if (voices[i].group != voices[i + 1].group || random_to(2))
                continue;
            struct voice swapped = voices[i];
            voices[i] = voices[i + 1];
            voices[i + 1] = swapped;
        }
        struct score after = score_now(voices, n, NULL);
        assert_int_equal(before.micro, after.micro);
        assert_int_equal(before.groups, after.groups);
    }
}

static void own_good_mail_vetoes(void **state)
{
    struct voice voices[3] = { { .group = 1, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO, .evidence = { 20 * MICRO, 0, NOW } },
                               { .group = 2, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO, .evidence = { 20 * MICRO, 0, NOW } },
                               { .group = 3, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO, .evidence = { 20 * MICRO, 0, NOW } } };
    struct evidence good = { 0, MICRO, NOW }, mixed = { 4 * MICRO, MICRO, NOW };
    (void)state;
    assert_true(score_now(voices, 3, &good).micro <= 0);
    assert_true(score_now(voices, 3, &good).veto);
    assert_true(score_now(voices, 3, &mixed).micro > 0);
    good.white_micro = MICRO - 1;
    assert_true(score_now(voices, 3, &good).micro > 0);
}

static void everything_is_gone_after_the_time_to_live(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct voice voices[VOICES_MAX];
        struct evidence own = random_evidence();
        size_t n = random_voices(voices);
        struct score s = score_of(voices, n, &own, HALF_LIFE, TTL, NOW + TTL + 120);
        assert_int_equal(s.micro, 0);
        assert_int_equal(s.groups + s.groups_white, 0);
    }
}

static void the_quorum_grows_at_ten_groups(void **state)
{
    struct policy_zone z = { .threshold_micro = MICRO };
    (void)state;
    assert_int_equal(score_quorum(&z, 9), 2);
    assert_int_equal(score_quorum(&z, 10), 3);
    z.quorum = 5;
    assert_int_equal(score_quorum(&z, 10), 5);
}

static void a_listing_stays_until_half_the_threshold_and_one_group_less(void **state)
{
    struct policy_zone z = { .threshold_micro = MICRO, .quorum = 2 };
    struct score s = { .micro = 500000, .groups = 1 };
    (void)state;
    assert_true(score_lists(&z, &s, 3, true));
    assert_false(score_lists(&z, &s, 3, false));
    s.micro = 499999;
    assert_false(score_lists(&z, &s, 3, true));
    s = (struct score){ .micro = 2 * MICRO, .groups = 1 };
    assert_false(score_lists(&z, &s, 3, false));
    s.groups = 0;
    assert_false(score_lists(&z, &s, 3, true));
}

/* ---- contested subjects */

/* Two groups have good mail of what three others say is bad. */
static void make_contested(struct voice voices[5], int64_t stands_s)
{
    for (unsigned i = 0; i < 5; i++)
        voices[i] = (struct voice){ .group = i, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO, .stands_s = i < 2 ? 0 : stands_s,
                                    .evidence = { i < 2 ? 0 : 20 * MICRO, i < 2 ? 8 * MICRO : 0, NOW } };
}

static bool lists_now(const struct voice *voices, size_t n, const struct evidence *own, bool was)
{
    struct policy_zone z = { .threshold_micro = MICRO, .quorum = 2 };
    struct score s = score_now(voices, n, own);
    return score_lists(&z, &s, 5, was);
}

static void a_word_against_good_mail_of_two_groups_lists_once_it_has_stood_for_a_day(void **state)
{
    struct voice voices[5];
    (void)state;
    make_contested(voices, score_stands_s(false, NOW - SCORE_STAND_S + 60, MICRO));
    assert_true(score_now(voices, 5, NULL).contested);
    assert_true(score_now(voices, 5, NULL).micro >= MICRO);
    assert_false(lists_now(voices, 5, NULL, false));
    assert_false(lists_now(voices, 5, NULL, true));
    make_contested(voices, score_stands_s(false, NOW - SCORE_STAND_S, MICRO));
    assert_true(lists_now(voices, 5, NULL, false));
    make_contested(voices, score_stands_s(false, NOW - SCORE_STAND_S, SCORE_DOUBT_MICRO - 1));      /* but not of a doubtful member */
    assert_false(lists_now(voices, 5, NULL, false));
    make_contested(voices, score_stands_s(false, 0, MICRO));
    assert_false(lists_now(voices, 5, NULL, false));
}

static void one_groups_good_mail_contests_nothing(void **state)
{
    struct voice voices[5];
    (void)state;
    make_contested(voices, INT64_MAX);
    assert_true(lists_now(voices + 1, 4, NULL, false));
    voices[0].group = 1;                                /* nor that of two members of one group */
    assert_true(lists_now(voices, 5, NULL, false));
    make_contested(voices, INT64_MAX);
    voices[0].trust_micro = voices[0].weight_micro = voices[1].trust_micro = MICRO / 2 - 1;      /* nor of two who are hardly trusted */
    voices[1].weight_micro = 2 * MICRO;
    assert_true(lists_now(voices, 5, NULL, false));
}

static void good_words_of_members_who_were_refuted_contest_nothing(void **state)
{
    struct voice voices[5];
    (void)state;
    make_contested(voices, INT64_MAX);
    voices[0].stands_s = score_stands_s(true, NOW, SCORE_VOUCH_MICRO);
    assert_false(lists_now(voices, 5, NULL, false));
    voices[0].stands_s = score_stands_s(true, NOW, SCORE_VOUCH_MICRO - 1);
    assert_true(lists_now(voices, 5, NULL, false));
}

static void own_evidence_ends_a_contest(void **state)
{
    struct voice voices[5];
    struct evidence bad = { MICRO, 0, NOW };
    (void)state;
    make_contested(voices, INT64_MAX);
    assert_false(score_now(voices, 5, &bad).contested);
    assert_true(lists_now(voices, 5, &bad, false));
}

static void a_contest_moves_no_score(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct voice voices[VOICES_MAX];
        size_t n = random_voices(voices);
        struct score fresh = score_now(voices, n, NULL);
        for (size_t i = 0; i < n; i++)
            voices[i].stands_s = 0;
        struct score old = score_now(voices, n, NULL);
        assert_true(fresh.micro == old.micro && fresh.groups == old.groups && fresh.groups_white == old.groups_white);
        assert_true(fresh.stood_micro <= fresh.micro && fresh.stood_groups <= fresh.groups);
        assert_true(old.stood_micro == old.micro && old.stood_groups == old.groups);
    }
}

/* ---- looking ahead */

static struct policy_zone random_zone(void)
{
    return (struct policy_zone){ .white = random_to(2), .own = random_to(2), .threshold_micro = 100000 + random_to(2 * MICRO),
                                 .quorum = (unsigned)random_to(4) };
}

/* Every minute up to the look must give the same verdict as now. */
static void check_look(const struct policy_zone *z, const struct voice *voices, size_t n, const struct evidence *own, int round)
{
    struct score s = score_now(voices, n, own);
    bool listed = score_lists(z, &s, 3, random_to(2));
    int64_t look_s = score_next_look(z, voices, n, own, 3, listed, HALF_LIFE, TTL, NOW);
    int64_t end_s = look_s < NOW + TTL ? look_s : NOW + TTL;
    assert_true(look_s >= NOW - NOW % 60 + 60);
    assert_true(look_s == INT64_MAX || look_s <= NOW + TTL);
    for (int64_t t = NOW - NOW % 60 + 60; t < end_s; t += 60 * (1 + random_to(30))) {
        s = score_of(voices, n, own, HALF_LIFE, TTL, t);
        if (score_lists(z, &s, 3, listed) != listed)
            fail_msg("round %d: verdict changes at +%lld s, but the look is at +%lld s", round, (long long)(t - NOW),
                     (long long)(look_s == INT64_MAX ? -1 : look_s - NOW));
    }
}

static void no_verdict_changes_before_the_next_look(void **state)
{
    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct voice voices[VOICES_MAX];
        struct evidence own = random_evidence();
        struct policy_zone z = random_zone();
        size_t n = random_voices(voices) % 6;
        if (random_to(4) == 0 && n > 0)
            voices[0].evidence.time_s = NOW + random_to(DAY);
        check_look(&z, voices, n, random_to(2) ? &own : NULL, round);
    }
}

/* Black words of every age, and good mail of two groups and more. */
static size_t random_contested(struct voice *voices)
{
    size_t n = 4 + (size_t)random_to(5);
    for (size_t i = 0; i < n; i++) {
        bool good = i < 2 || random_to(4) == 0;
        int64_t mass = MICRO / 4 + random_to(20 * MICRO);
        voices[i] = (struct voice){ .group = (unsigned)i, .trust_micro = MICRO, .weight_micro = (uint32_t)(MICRO / (1 + random_to(40)) + random_to(MICRO)), .say_micro = MICRO,
                                    .evidence = { good ? random_to(mass) : mass, good ? mass : random_to(mass / 4), NOW - random_to(10 * DAY) },
                                    .stands_s = good && random_to(6) > 0 ? 0 : random_stands() };
    }
    return n;
}

static void no_verdict_on_contested_subjects_changes_before_the_next_look(void **state)
{
    int contested = 0;
    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct voice voices[VOICES_MAX];
        struct evidence own = random_evidence();
        struct policy_zone z = random_zone();
        size_t n = random_contested(voices);
        const struct evidence *has_own = random_to(3) ? NULL : &own;
        contested += score_now(voices, n, has_own).contested;
        check_look(&z, voices, n, has_own, round);
    }
    assert_true(contested > 500);
}

static void a_fading_listing_is_looked_at_in_the_very_minute_of_its_end(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct voice voices[3] = { { .group = 1, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO, .evidence = { 0 } }, { .group = 2, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO, .evidence = { 0 } }, { .group = 3, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO, .evidence = { 0 } } };
        struct policy_zone z = { .threshold_micro = MICRO, .quorum = 2 };
        for (int i = 0; i < 3; i++)
            voices[i].evidence = (struct evidence){ 5 * MICRO + random_to(20 * MICRO), 0, NOW - random_to(DAY) };
        int64_t look_s = score_next_look(&z, voices, 3, NULL, 3, true, HALF_LIFE, TTL, NOW);
        struct score before = score_of(voices, 3, NULL, HALF_LIFE, TTL, look_s - 60);
        struct score after = score_of(voices, 3, NULL, HALF_LIFE, TTL, look_s);
        assert_true(score_lists(&z, &before, 3, true));
        assert_false(score_lists(&z, &after, 3, true));
    }
}

static void what_only_fades_and_is_not_listed_is_never_looked_at(void **state)
{
    struct voice one = { .group = 1, .trust_micro = MICRO, .weight_micro = MICRO, .say_micro = MICRO, .evidence = { 5 * MICRO, 0, NOW } };
    struct policy_zone z = { .threshold_micro = MICRO, .quorum = 2 };
    (void)state;
    assert_true(score_next_look(&z, &one, 1, NULL, 3, false, HALF_LIFE, TTL, NOW) == INT64_MAX);
}

/* Where both sides speak, the look is planned by a bound of the slope: it may be early, but must not creep minute by minute. */
static void mixed_voices_are_looked_at_less_than_once_an_hour(void **state)
{
    int most = 0;
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct voice voices[VOICES_MAX];
        struct evidence own = random_evidence();
        struct policy_zone z = random_zone();
        size_t n = random_voices(voices) % 8;
        bool listed = false;
        int looks = 0;
        for (int64_t t = NOW; t < NOW + 2 * TTL && looks < 2000; looks++) {
            struct score s = score_of(voices, n, &own, HALF_LIFE, TTL, t);
            listed = score_lists(&z, &s, 3, listed);
            int64_t look_s = score_next_look(&z, voices, n, &own, 3, listed, HALF_LIFE, TTL, t);
            t = look_s == INT64_MAX ? NOW + 2 * TTL : look_s;
        }
        most = looks > most ? looks : most;
    }
    if (most > 60 * 24)
        fail_msg("one history was looked at %d times", most);
}

int main(void)
{
    seed = seeded(seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_agree_with_the_model_in_floating_point),
        cmocka_unit_test(an_opinion_is_never_quite_sure),
        cmocka_unit_test(one_event_of_the_default_weight_lists_in_the_own_zone),
        cmocka_unit_test(one_group_never_moves_a_score_by_more_than_its_trust),
        cmocka_unit_test(a_thousand_puppets_weigh_no_more_than_their_sponsor),
        cmocka_unit_test(the_quorum_counts_who_says_so_and_not_how_useful_it_is),
        cmocka_unit_test(the_mute_are_not_counted_for_the_quorum),
        cmocka_unit_test(the_order_of_members_within_a_group_changes_nothing),
        cmocka_unit_test(own_good_mail_vetoes),
        cmocka_unit_test(everything_is_gone_after_the_time_to_live),
        cmocka_unit_test(the_quorum_grows_at_ten_groups),
        cmocka_unit_test(a_listing_stays_until_half_the_threshold_and_one_group_less),
        cmocka_unit_test(a_word_against_good_mail_of_two_groups_lists_once_it_has_stood_for_a_day),
        cmocka_unit_test(one_groups_good_mail_contests_nothing),
        cmocka_unit_test(good_words_of_members_who_were_refuted_contest_nothing),
        cmocka_unit_test(own_evidence_ends_a_contest),
        cmocka_unit_test(a_contest_moves_no_score),
        cmocka_unit_test(no_verdict_changes_before_the_next_look),
        cmocka_unit_test(no_verdict_on_contested_subjects_changes_before_the_next_look),
        cmocka_unit_test(a_fading_listing_is_looked_at_in_the_very_minute_of_its_end),
        cmocka_unit_test(what_only_fades_and_is_not_listed_is_never_looked_at),
        cmocka_unit_test(mixed_voices_are_looked_at_less_than_once_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
