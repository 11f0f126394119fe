/* The bounds of what experience may do, each in its name; over random cases where it is one for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/names.h"
#include "store/reliability.h"
#include "store/score.h"
#include "tests/seed.h"

#define NOW INT64_C(1790000400)
#define DAY INT64_C(86400)
enum { ROUNDS = 20000, HEARD_MAX = 12, QUORUM = 2 };

static uint64_t seed = 88172645463325252u;
static int64_t random_to(int64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)n);
}

static struct counters random_counters(void)
{
    return (struct counters){ .confirmed_micro = random_to(3) * random_to(1000 * (int64_t)MICRO), .refuted_micro = random_to(3) * random_to(20 * MICRO),
                              .seen_micro = random_to(3) * random_to(1000 * (int64_t)MICRO), .unseen_micro = random_to(3) * random_to(1000000 * (int64_t)MICRO), .confirmed_white_micro = random_to(100 * MICRO),
                              .refuted_white_micro = random_to(3) * random_to(50 * MICRO), .time_s = NOW };
}

/* Sorted by group, as judge_reports() wants them. */
static size_t random_reports(struct heard *all)
{
    size_t n = 1 + (size_t)random_to(HEARD_MAX);
    for (size_t i = 0; i < n; i++) {
        int64_t side = random_to(4) < 3 ? 1 : -1;
        all[i] = (struct heard){ .who = i, .group = (unsigned)(i == 0 ? 0 : all[i - 1].group + (unsigned)random_to(2)), .trust_micro = MICRO, .group_trust_micro = MICRO, .white_micro = MICRO, .alive = true,
                                 .since_s = side * (NOW - random_to(6 * DAY)), .time_s = NOW - random_to(6 * DAY) };
    }
    return n;
}

static uint32_t black_of(struct counters c)
{
    return reliability_of(&c, 100, 100).black_micro;
}

/* ---- reliability */

static void a_newcomer_has_one_and_nobody_more_than_two(void **state)
{
    struct counters none = { .time_s = 0 };
    (void)state;
    assert_int_equal(black_of(none), RELIABILITY_NEWCOMER_MICRO);
    assert_int_equal(reliability_of(&none, 5, 100000).white_micro, RELIABILITY_NEWCOMER_MICRO);
    for (int i = 0; i < ROUNDS; i++) {
        struct counters c = random_counters();
        struct reliability r = reliability_of(&c, random_to(10000), random_to(10000));
        assert_true(r.black_micro <= 2 * MICRO && r.white_micro <= 2 * MICRO);
    }
    none.confirmed_micro = none.confirmed_white_micro = RELIABILITY_COUNT_MAX_MICRO;
    assert_true(black_of(none) <= 2 * MICRO);
}

static void a_record_is_at_least_a_fifth_of_a_newcomers_or_mute(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct counters c = random_counters();
        struct reliability r = reliability_of(&c, random_to(10000), random_to(10000));
        assert_true(r.black_micro == 0 || r.black_micro >= RELIABILITY_DEAD_MICRO);
        assert_true(r.white_micro == 0 || r.white_micro >= RELIABILITY_DEAD_MICRO);
    }
}

static void what_nobody_here_saw_is_no_part_of_the_record(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct counters c = random_counters(), untried = c;
        untried.seen_micro = untried.unseen_micro = 0;
        assert_int_equal(black_of(c), black_of(untried));
    }
}

static void a_refutation_never_helps_and_a_confirmation_never_hurts(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct counters c = random_counters(), worse = c, better = c;
        counters_add(&worse, FOUND_REFUTED, false, MICRO);
        counters_add(&better, FOUND_CONFIRMED, false, MICRO);
        assert_true(black_of(worse) <= black_of(c) && black_of(better) >= black_of(c));
        assert_int_equal(reliability_of(&worse, 100, 100).white_micro, reliability_of(&c, 100, 100).white_micro);
    }
}

static void one_refutation_outweighs_ten_confirmations(void **state)
{
    (void)state;
    struct counters c = { .confirmed_micro = 10 * MICRO, .refuted_micro = MICRO };
    assert_true(black_of(c) <= RELIABILITY_NEWCOMER_MICRO);
}

static void a_newcomer_that_is_refuted_five_times_is_mute(void **state)
{
    (void)state;
    struct counters c = { .refuted_micro = 5 * MICRO };
    assert_int_equal(black_of(c), 0);
    c.refuted_micro = 4 * MICRO;
    assert_true(black_of(c) > 0);
}

/* Else a random slanderer would inherit the share of spam in all mail as its rate of agreement. */
static void where_nearly_all_is_spam_a_refutation_weighs_the_more(void **state)
{
    (void)state;
    struct counters c = { .confirmed_micro = 200 * MICRO, .refuted_micro = 3 * MICRO };
    assert_true(reliability_of(&c, 10, 10).black_micro > MICRO);
    assert_true(reliability_of(&c, 1000, 50).black_micro < MICRO);
    assert_int_equal(reliability_of(&c, 100000, 50).black_micro, reliability_of(&c, 1000000, 50).black_micro);
}

static void refutation_is_forgiven_more_slowly_than_confirmation(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct counters c = { .confirmed_micro = 8 * MICRO, .refuted_micro = 8 * MICRO, .time_s = NOW - NOW % 3600 };
        counters_at(&c, NOW + DAY + random_to(300 * DAY));
        assert_true(c.confirmed_micro < c.refuted_micro);
        assert_true(c.confirmed_micro < 8 * MICRO && c.refuted_micro < 8 * MICRO);
    }
    struct counters c = { .confirmed_micro = 8 * MICRO, .refuted_micro = 8 * MICRO, .time_s = NOW - NOW % 3600 };
    counters_at(&c, NOW - NOW % 3600 + 90 * DAY);
    assert_int_equal(c.confirmed_micro, MICRO);
    assert_int_equal(c.refuted_micro, 4 * MICRO);
}

/* A count would fade by being looked at, were the hour not full. */
static void looking_often_makes_nothing_fade_sooner(void **state)
{
    (void)state;
    struct counters often = { .refuted_micro = MICRO, .time_s = NOW - NOW % 3600 }, once = often;
    for (int64_t t = NOW; t <= NOW + 30 * DAY; t += 60)
        counters_at(&often, t);
    counters_at(&once, NOW + 30 * DAY);
    assert_in_range(often.refuted_micro, once.refuted_micro - 1500, once.refuted_micro);
}

static void a_clock_set_back_takes_nothing_away(void **state)
{
    (void)state;
    struct counters c = { .confirmed_micro = MICRO, .time_s = NOW + 10 * DAY };
    counters_at(&c, NOW);
    assert_int_equal(c.confirmed_micro, MICRO);
    assert_int_equal(c.time_s, NOW - NOW % 3600);
}

/* ---- what weighs */

static void puppets_weigh_no_more_than_their_sponsor(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct voice voices[40];
        uint32_t trust = (uint32_t)random_to(MICRO + 1);
        size_t n = 1 + (size_t)random_to(40);
        for (size_t k = 0; k < n; k++) {
            struct known_member m = { .trust_micro = trust / (k == 0 ? 1 : 2), .counted = { 2 * MICRO, 2 * MICRO, 2 * MICRO } };
            voices[k] = (struct voice){ .group = 1, .trust_micro = trust, .weight_micro = names_weight(&m, false), .say_micro = names_say(&m, false), .evidence = { SCORE_R_MAX_MICRO, 0, NOW } };
        }
        struct score s = score_of(voices, n, NULL, 3 * DAY, 30 * DAY, NOW);
        assert_true(s.micro <= trust && s.groups <= 1);
        for (size_t k = 0; k < n; k++)
            voices[k].evidence = (struct evidence){ 0, SCORE_R_MAX_MICRO, NOW };
        assert_true(score_of(voices, n, NULL, 3 * DAY, 30 * DAY, NOW).micro >= -(int64_t)(trust / 2));
    }
}

static void a_member_adds_at_most_one_to_the_quorum(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct voice voices[20];
        size_t n = 1 + (size_t)random_to(20), groups = 1;
        for (size_t k = 0; k < n; k++) {
            voices[k] = (struct voice){ .group = k == 0 ? 0 : voices[k - 1].group + (unsigned)random_to(2), .trust_micro = MICRO, .weight_micro = (uint32_t)random_to(2 * MICRO),
                                        .say_micro = (uint32_t)random_to(MICRO), .evidence = { random_to(40 * MICRO), 0, NOW - random_to(35 * DAY) } };
            groups += k > 0 && voices[k].group != voices[k - 1].group;
        }
        assert_true(score_of(voices, n, NULL, 3 * DAY, 30 * DAY, NOW).groups <= groups);
    }
}

/* ---- sides */

static void a_side_is_an_opinion_beyond_a_fifth(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t black = random_to(33 * MICRO), white = random_to(20 * MICRO), v = opinion_micro(black, white);
        int side = side_of_masses(black, white, SCORE_W_MICRO);
        if (v > 200000)
            assert_int_equal(side, 1);
        else if (v < -200000)
            assert_int_equal(side, -1);
        else if (v < 200000 && v > -200000)
            assert_int_equal(side, 0);
    }
}

/* ---- cases */

static void copying_earns_no_credit(void **state)
{
    size_t credited = 0;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct heard all[HEARD_MAX];
        size_t n = random_reports(all);
        struct own_word own = { NOW - random_to(6 * DAY), NOW };
        judge_reports(all, n, &own, QUORUM, NOW);
        for (size_t k = 0; k < n; k++) {
            unsigned before = 0, last = UINT32_MAX;
            for (size_t j = 0; j < n; j++)
                if (all[j].since_s > 0 && all[j].since_s <= all[k].since_s && all[j].group != last) {
                    before++;
                    last = all[j].group;
                }
            bool copied = all[k].since_s > 0 && (before > QUORUM || all[k].since_s >= own.turned_s);
            assert_false(copied && all[k].found == FOUND_CONFIRMED);
            credited += all[k].found == FOUND_CONFIRMED;
        }
    }
    assert_true(credited > 1000);
}

static void who_was_refuted_to_nothing_takes_nobodys_credit(void **state)
{
    struct heard all[4];
    struct own_word own = { NOW, NOW };
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        all[i] = (struct heard){ .who = i, .group = i, .trust_micro = MICRO, .group_trust_micro = MICRO, .alive = true, .since_s = NOW - 1000 + i, .time_s = NOW };
    judge_reports(all, 4, &own, QUORUM, NOW);
    assert_int_equal(all[3].found, FOUND_AGREED);
    for (unsigned i = 0; i < 3; i++)
        all[i].alive = false;
    judge_reports(all, 4, &own, QUORUM, NOW);
    assert_int_equal(all[3].found, FOUND_CONFIRMED);
}

static void all_who_said_so_before_are_refuted_together(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct heard all[HEARD_MAX];
        size_t n = random_reports(all);
        struct own_word own = { -(NOW - random_to(6 * DAY)), NOW - random_to(DAY) };
        judge_reports(all, n, &own, QUORUM, NOW);
        for (size_t k = 0; k < n; k++)
            if (all[k].since_s > 0)
                assert_int_equal(all[k].found == FOUND_REFUTED, all[k].since_s < own.time_s);
    }
}

static void what_was_seen_before_a_report_never_judges_it(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct heard all[HEARD_MAX];
        size_t n = random_reports(all);
        struct own_word own = { (random_to(2) ? 1 : -1) * (NOW - 8 * DAY), NOW - 7 * DAY };
        judge_reports(all, n, &own, QUORUM, NOW);
        for (size_t k = 0; k < n; k++)
            assert_true(all[k].found == FOUND_NOTHING || all[k].found == FOUND_REFUTED_BY_PEERS);
    }
}

static void judging_again_within_a_week_finds_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct heard all[HEARD_MAX];
        size_t n = random_reports(all);
        struct own_word own = { (random_to(3) - 1) * (NOW - random_to(6 * DAY)), NOW };
        judge_reports(all, n, &own, QUORUM, NOW);
        for (size_t k = 0; k < n; k++) {
            if (all[k].found == FOUND_NOTHING)
                continue;
            all[k].judged_s = NOW;
            all[k].judged = all[k].found == FOUND_REFUTED_BY_PEERS ? JUDGED_PEERS : JUDGED_OWN;
        }
        judge_reports(all, n, &own, QUORUM, NOW + random_to(7 * DAY));
        for (size_t k = 0; k < n; k++)
            assert_int_equal(all[k].found, FOUND_NOTHING);
    }
}

static void the_order_of_reports_never_matters(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct heard all[HEARD_MAX], other[HEARD_MAX];
        size_t n = random_reports(all);
        struct own_word own = { (random_to(3) - 1) * (NOW - random_to(6 * DAY)), NOW };
        for (size_t k = 0; k < n; k++) {               /* the groups the other way round */
            other[k] = all[n - 1 - k];
            other[k].group = 100 - other[k].group;
        }
        judge_reports(all, n, &own, QUORUM, NOW);
        judge_reports(other, n, &own, QUORUM, NOW);
        for (size_t k = 0; k < n; k++)
            assert_true(all[k].found == other[n - 1 - k].found && all[k].amount_micro == other[n - 1 - k].amount_micro);
    }
}

/* Two members that say good of all spammers, or ten, cannot silence those who speak against what this node sees to be bad. */
static void others_good_mail_refutes_nothing_that_own_evidence_calls_bad(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct heard all[HEARD_MAX];
        size_t n = random_reports(all);
        struct own_word own = { NOW - random_to(6 * DAY), NOW };
        judge_reports(all, n, &own, QUORUM, NOW);
        for (size_t k = 0; k < n; k++)
            assert_false(all[k].since_s > 0 && (all[k].found == FOUND_REFUTED || all[k].found == FOUND_REFUTED_BY_PEERS));
    }
}

static void one_group_alone_refutes_nobody(void **state)
{
    struct heard all[12];
    struct own_word none = { 0, 0 };
    (void)state;
    for (unsigned i = 0; i < 12; i++)
        all[i] = (struct heard){ .who = i, .group = i > 0, .trust_micro = MICRO, .group_trust_micro = MICRO, .white_micro = 2 * MICRO, .alive = true,
                                 .since_s = i > 0 ? -NOW : NOW - 1000, .time_s = NOW };
    judge_reports(all, 12, &none, QUORUM, NOW);
    assert_int_equal(all[0].found, FOUND_NOTHING);
    all[11].group = 2;
    judge_reports(all, 12, &none, QUORUM, NOW);
    assert_int_equal(all[0].found, FOUND_REFUTED_BY_PEERS);
}

static void saying_something_harmless_first_buys_nobody_a_week(void **state)
{
    struct own_word own = { -(NOW - 10 * DAY), NOW };
    struct heard h = { .group = 1, .trust_micro = MICRO, .group_trust_micro = MICRO, .alive = true, .since_s = NOW - 1000, .time_s = NOW, .judged_s = NOW - 2000, .judged = JUDGED_OWN };
    (void)state;
    judge_reports(&h, 1, &own, QUORUM, NOW);           /* its good word was confirmed, and now it says the contrary */
    assert_int_equal(h.found, FOUND_REFUTED);
    h.judged_s = NOW - 500;
    judge_reports(&h, 1, &own, QUORUM, NOW);
    assert_int_equal(h.found, FOUND_NOTHING);
}

/* ---- trials */

static const struct fading spam = { 3 * DAY, 30 * DAY };

static struct heard black_report(int64_t since_s)
{
    return (struct heard){ .group = 1, .trust_micro = MICRO, .group_trust_micro = MICRO, .alive = true, .since_s = since_s, .time_s = since_s, .told_black_micro = 5 * MICRO };
}

/* 5 of mass says 0.71; what is left of it after 13.5 days, less than 0.1. */
static void a_report_stands_as_long_as_it_would_count_for_the_quorum(void **state)
{
    struct heard h = black_report(NOW - 20 * DAY), faint = h;
    (void)state;
    faint.told_white_micro = 5 * MICRO;
    assert_true(report_stands(&h, &spam, h.time_s + 13 * DAY));
    assert_false(report_stands(&h, &spam, h.time_s + 14 * DAY));
    assert_false(report_stands(&faint, &spam, faint.time_s));
    assert_false(report_stands(&h, &(struct fading){ 3000 * DAY, 7 * DAY }, h.time_s + 7 * DAY + 60));
}

static void a_report_is_unseen_each_day_that_it_stands_and_nothing_was_seen(void **state)
{
    struct heard h = black_report(NOW - 10 * DAY);
    (void)state;
    assert_true(is_unseen(&h, &spam, 0, NOW));
    assert_true(is_unseen(&h, &spam, NOW - DAY, NOW));
    assert_false(is_unseen(&h, &spam, NOW - DAY + 1, NOW));
    assert_false(is_unseen(&h, &spam, NOW, NOW));
    assert_true(is_unseen(&h, &spam, NOW + 1, NOW));           /* by a clock that has been set right since */
    assert_false(is_unseen(&h, &spam, 0, NOW + 4 * DAY));      /* it stands no more */
    h.since_s = NOW - DAY + 1;
    assert_false(is_unseen(&h, &spam, 0, NOW));                /* not a day old */
    h.since_s = -h.since_s;
    assert_false(is_unseen(&h, &spam, 0, NOW));
}

static void who_said_it_before_it_came_was_of_use_and_whoever_said_it_later_was_not(void **state)
{
    struct heard all[] = { black_report(NOW - 2 * DAY), black_report(NOW - DAY), black_report(NOW), black_report(-(NOW - DAY)) };
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        all[i].group = i;
    assert_int_equal(try_reports(all, 4, &spam, NOW - DAY + 1, QUORUM), 2);
    assert_true(all[0].seen && all[1].seen && !all[2].seen && !all[3].seen);
    assert_int_equal(try_reports(all, 4, &spam, NOW - DAY, QUORUM), 1);
    assert_int_equal(try_reports(&all[1], 2, &spam, NOW + 13 * DAY, QUORUM), 1);       /* the former stands no more */
    assert_true(!all[1].seen && all[2].seen);
}

/* Or who repeats what all know would be as useful as who finds it. */
static void what_more_groups_than_the_quorum_had_said_is_no_news(void **state)
{
    struct heard all[QUORUM + 2];
    (void)state;
    for (unsigned i = 0; i < QUORUM + 2; i++) {
        all[i] = black_report(NOW - 2 * DAY + i);
        all[i].group = i;
    }
    assert_int_equal(try_reports(all, QUORUM + 2, &spam, NOW, QUORUM), QUORUM);
    assert_false(all[QUORUM].seen);
    all[0].alive = false;                      /* refuted: takes nobody's credit */
    assert_int_equal(try_reports(all, QUORUM + 2, &spam, NOW, QUORUM), QUORUM + 1);
}

/* ---- the circuit breaker */

static void the_breaker_opens_at_six_refuted_and_a_twentieth_of_the_judged(void **state)
{
    (void)state;
    for (unsigned refuted = 0; refuted < 12; refuted++)
        for (unsigned agreed = 0; agreed < 260; agreed += 3) {
            struct breaker b = { .hour = 0 };
            for (unsigned i = 0; i < refuted + agreed; i++)
                breaker_note(&b, i < refuted, NOW - (2 * i < refuted + agreed ? 3600 : 0));
            assert_int_equal(breaker_check(&b, NOW), refuted > 5 && refuted * 20 > refuted + agreed);
        }
}

static void what_is_a_day_old_opens_no_breaker(void **state)
{
    struct breaker b = { .hour = 0 };
    (void)state;
    for (int i = 0; i < 5; i++)
        breaker_note(&b, true, NOW);
    breaker_note(&b, true, NOW + DAY);
    assert_false(breaker_check(&b, NOW + DAY));
    for (int i = 0; i < 5; i++)
        breaker_note(&b, true, NOW + DAY);
    assert_true(breaker_check(&b, NOW + DAY));
}

static void it_stays_open_for_twice_as_long_each_time_but_four_weeks_at_the_most(void **state)
{
    static const int64_t days[] = { 7, 14, 28, 28, 28 };
    struct breaker b = { .hour = 0 };
    int64_t now_s = NOW;
    (void)state;
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        for (int k = 0; k < 9; k++)
            breaker_note(&b, true, now_s);
        assert_true(breaker_check(&b, now_s));
        assert_int_equal(b.until_s, now_s + days[i] * DAY);
        assert_false(breaker_check(&b, now_s + 60));
        now_s = b.until_s + DAY;
    }
    now_s = b.until_s + 90 * DAY;
    for (int k = 0; k < 9; k++)
        breaker_note(&b, true, now_s);
    assert_true(breaker_check(&b, now_s));
    assert_int_equal(b.until_s, now_s + 7 * DAY);
}

static void a_stored_breaker_is_the_same(void **state)
{
    struct breaker b = { .hour = 0 }, again;
    uint8_t bytes[BREAKER_BYTES];
    (void)state;
    for (int i = 0; i < 500; i++)
        breaker_note(&b, i % 3 == 0, NOW + random_to(20) * 3600);
    again = b;
    memset(again.judged, 0, sizeof again.judged);
    memset(again.refuted, 0, sizeof again.refuted);
    breaker_pack(&b, bytes);
    breaker_unpack(&again, bytes);
    assert_memory_equal(b.judged, again.judged, sizeof b.judged);
    assert_memory_equal(b.refuted, again.refuted, sizeof b.refuted);
}

/* Or it would say something that cannot be judged of each victim first, and send its puppets then. */
static void who_introduces_answers_also_where_it_spoke_and_was_not_judged(void **state)
{
    struct heard all[] = {
        { .who = 1, .since_s = 100, .found = FOUND_NOTHING },
        { .who = 2, .since_s = 50, .found = FOUND_REFUTED, .amount_micro = MICRO },
        { .who = 3, .since_s = -50, .found = FOUND_CONFIRMED, .amount_micro = MICRO },
    };
    bool white = true;
    uint32_t amount_micro = 0;
    (void)state;
    assert_int_equal(answers_for(all, 3, 1, &white, &amount_micro), FOUND_REFUTED);
    assert_true(!white && amount_micro == MICRO);
    all[0].found = FOUND_AGREED;
    assert_int_equal(answers_for(all, 3, 1, &white, &amount_micro), FOUND_NOTHING);
}

int main(void)
{
    seed = seeded(seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_has_one_and_nobody_more_than_two),
        cmocka_unit_test(a_record_is_at_least_a_fifth_of_a_newcomers_or_mute),
        cmocka_unit_test(what_nobody_here_saw_is_no_part_of_the_record),
        cmocka_unit_test(a_refutation_never_helps_and_a_confirmation_never_hurts),
        cmocka_unit_test(one_refutation_outweighs_ten_confirmations),
        cmocka_unit_test(a_newcomer_that_is_refuted_five_times_is_mute),
        cmocka_unit_test(where_nearly_all_is_spam_a_refutation_weighs_the_more),
        cmocka_unit_test(refutation_is_forgiven_more_slowly_than_confirmation),
        cmocka_unit_test(looking_often_makes_nothing_fade_sooner),
        cmocka_unit_test(a_clock_set_back_takes_nothing_away),
        cmocka_unit_test(puppets_weigh_no_more_than_their_sponsor),
        cmocka_unit_test(a_member_adds_at_most_one_to_the_quorum),
        cmocka_unit_test(a_side_is_an_opinion_beyond_a_fifth),
        cmocka_unit_test(copying_earns_no_credit),
        cmocka_unit_test(who_was_refuted_to_nothing_takes_nobodys_credit),
        cmocka_unit_test(all_who_said_so_before_are_refuted_together),
        cmocka_unit_test(what_was_seen_before_a_report_never_judges_it),
        cmocka_unit_test(judging_again_within_a_week_finds_nothing),
        cmocka_unit_test(the_order_of_reports_never_matters),
        cmocka_unit_test(others_good_mail_refutes_nothing_that_own_evidence_calls_bad),
        cmocka_unit_test(one_group_alone_refutes_nobody),
        cmocka_unit_test(saying_something_harmless_first_buys_nobody_a_week),
        cmocka_unit_test(a_report_stands_as_long_as_it_would_count_for_the_quorum),
        cmocka_unit_test(a_report_is_unseen_each_day_that_it_stands_and_nothing_was_seen),
        cmocka_unit_test(who_said_it_before_it_came_was_of_use_and_whoever_said_it_later_was_not),
        cmocka_unit_test(what_more_groups_than_the_quorum_had_said_is_no_news),
        cmocka_unit_test(the_breaker_opens_at_six_refuted_and_a_twentieth_of_the_judged),
        cmocka_unit_test(what_is_a_day_old_opens_no_breaker),
        cmocka_unit_test(it_stays_open_for_twice_as_long_each_time_but_four_weeks_at_the_most),
        cmocka_unit_test(a_stored_breaker_is_the_same),
        cmocka_unit_test(who_introduces_answers_also_where_it_spoke_and_was_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
