/* What the store learns about members, and how it weighs their word by it. */
#include "learn_world.h"

#include "store/usual.h"

/* ---- */

static void a_newcomer_counts_in_full(void **state)
{
    (void)state;
    says(1, 0, 1, BLACK, 0, T0);
    struct member_row m = member(1, T0);
    assert_int_equal(m.reliability.black_micro, MICRO);
    assert_int_equal(m.reliability.white_micro, MICRO);
    assert_int_equal(score(0, T0), 941);
}

static void what_it_said_first_and_was_confirmed_raises_its_weight_with_the_hourly_snapshot(void **state)
{
    (void)state;
    says_at(1, 0, 10, BLACK, 0, T0);
    saw(REQUEST_BLACK, 0, 10, T0 + 100);
    struct member_row m = member(1, T0 + 100);
    assert_int_equal(m.confirmed_milli, 10000);
    assert_int_equal(m.reliability.black_micro, MICRO);
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    m = member(1, T0 + 2 * WORLD_HOUR);
    assert_in_range(m.reliability.black_micro, 1490000, 1500000);      /* 2 (10 + 5) / (10 + 10), a little faded */
    assert_int_equal(m.reliability.white_micro, MICRO);
    world_claim_verifies(&w, T0 + 2 * WORLD_HOUR);
}

static void copying_earns_no_credit(void **state)
{
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    says_at(2, 0, 1, BLACK, 0, T0 + 1);
    says_at(3, 0, 1, BLACK, 0, T0 + 2);                 /* two groups had said so: no news */
    saw(REQUEST_BLACK, 0, 1, T0 + 100);
    says_at(4, 0, 1, BLACK, 0, T0 + 200);               /* and this node itself */
    saw(REQUEST_BLACK, 0, 1, T0 + 300);
    assert_int_equal(member(1, T0 + 300).confirmed_milli, 1000);
    assert_int_equal(member(2, T0 + 300).confirmed_milli, 1000);
    assert_int_equal(member(3, T0 + 300).confirmed_milli, 0);
    assert_int_equal(member(4, T0 + 300).confirmed_milli, 0);
}

static void own_good_mail_refutes_all_who_said_black_before_it(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 4; i++)
        says_at(i, 0, 1, BLACK, 0, T0);
    saw(REQUEST_WHITE, 0, 1, T0 + 100);
    says_at(5, 0, 1, BLACK, 0, T0 + 200);
    for (size_t i = 1; i <= 4; i++)
        assert_int_equal(member(i, T0 + 200).refuted_milli, 1000);
    assert_int_equal(member(5, T0 + 200).refuted_milli, 0);
}

/* A host that was taken over later must not refute who saw it first. */
static void an_event_from_before_the_report_judges_nothing(void **state)
{
    (void)state;
    saw(REQUEST_WHITE, 0, 1, T0);
    says_at(1, 0, 1, BLACK, 0, T0 + 100);
    world_fold(&w, T0 + 200);
    assert_int_equal(member(1, T0 + 200).refuted_milli, 0);
    saw(REQUEST_WHITE, 0, 1, T0 + 300);
    assert_int_equal(member(1, T0 + 300).refuted_milli, 1000);
}

static void one_subject_counts_once_in_seven_days(void **state)
{
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    for (int64_t day = 0; day < 6; day++)
        saw(REQUEST_WHITE, 0, 1, T0 + day * WORLD_DAY + 100);
    int64_t later_s = T0 + 6 * WORLD_DAY;
    assert_in_range(member(1, later_s).refuted_milli, 900, 1000);
    saw(REQUEST_WHITE, 0, 1, T0 + 8 * WORLD_DAY);
    assert_in_range(member(1, later_s).refuted_milli, 1800, 2000);
}

static void who_is_refuted_often_weighs_nothing_and_what_it_upheld_ends(void **state)
{
    (void)state;
    says_at(1, 0, 6, BLACK, 0, T0);
    assert_int_equal(world_check(&w, subject(5)), VERDICT_BLACK);
    saw(REQUEST_WHITE, 0, 5, T0 + 100);
    assert_int_equal(world_check(&w, subject(5)), VERDICT_BLACK);
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    assert_int_equal(member(1, T0 + 2 * WORLD_HOUR).reliability.black_micro, 0);
    assert_int_equal(world_check(&w, subject(5)), VERDICT_UNKNOWN);
    assert_int_equal(score(5, T0 + 2 * WORLD_HOUR), 0);
    world_claim_verifies(&w, T0 + 2 * WORLD_HOUR);
}

/* Own good mail bears out what these members said first of five good hosts: from the next snapshot on their good word refutes. */
static int64_t prove(size_t from, size_t to)
{
    for (size_t who = from; who <= to; who++)
        says_at(who, 500, 5, 0, WHITE, T0 - WORLD_DAY);
    saw(REQUEST_WHITE, 500, 5, T0 - WORLD_DAY + 60);
    world_fold(&w, T0 - WORLD_DAY + 2 * WORLD_HOUR);
    assert_true(member(from, T0).reliability.white_micro >= RELIABILITY_PROVEN_MICRO);
    return T0;
}

static void good_mail_of_two_other_groups_refutes_by_a_fifth_where_nothing_was_seen_here(void **state)
{
    (void)state;
    int64_t from_s = prove(2, 4);
    says_at(1, 0, 1, BLACK, 0, from_s);
    says_at(2, 0, 1, 0, WHITE, from_s + 100);
    assert_int_equal(member(1, from_s + 100).refuted_milli, 0);
    says_at(3, 0, 1, 0, WHITE, from_s + 200);
    assert_int_equal(member(1, from_s + 200).refuted_milli, 200);
    says_at(4, 0, 1, 0, WHITE, from_s + 300);
    assert_int_equal(member(1, from_s + 300).refuted_milli, 200);
    saw(REQUEST_WHITE, 0, 1, from_s + 400);             /* own good mail makes it whole */
    assert_int_equal(member(1, from_s + 400).refuted_milli, 1000);
}

static void good_words_of_members_not_proven_refute_nobody(void **state)
{
    (void)state;
    says_at(1, 0, 20, BLACK, 0, T0);
    for (size_t who = 2; who < WORLD_MEMBERS; who++)
        says_at(who, 0, 20, 0, WHITE, T0 + 100);
    assert_int_equal(member(1, T0 + 100).refuted_milli, 0);
}

static void good_mail_from_before_the_report_is_no_refutation_by_others(void **state)
{
    (void)state;
    int64_t from_s = prove(2, 3);
    says_at(2, 0, 1, 0, WHITE - 1, from_s);
    says_at(3, 0, 1, 0, WHITE - 1, from_s);
    says_at(1, 0, 1, BLACK, 0, from_s + 2 * WORLD_HOUR);
    assert_int_equal(member(1, from_s + 2 * WORLD_HOUR).refuted_milli, 0);
    says_at(2, 0, 1, 0, WHITE, from_s + 3 * WORLD_HOUR);
    assert_int_equal(member(1, from_s + 3 * WORLD_HOUR).refuted_milli, 0);
    says_at(3, 0, 1, 0, WHITE, from_s + 3 * WORLD_HOUR);
    assert_int_equal(member(1, from_s + 3 * WORLD_HOUR).refuted_milli, 200);
}

/* ---- contested subjects */

static bool is_listed(unsigned i)
{
    struct reader *r = world_reader(&w);
    struct subject s = world_subject(subject(i));
    enum verdict v = VERDICT_UNKNOWN;
    assert_int_equal(reader_check(r, &s, 0, &v), 0);
    reader_close(&r);
    return v == VERDICT_BLACK;
}

static void what_others_get_good_mail_from_is_listed_when_it_was_said_for_a_day(void **state)
{
    (void)state;
    says_at(1, 0, 2, 0, 5, T0);
    says_at(2, 0, 2, 0, 5, T0);
    for (size_t who = 3; who < WORLD_MEMBERS; who++)
        says_at(who, 0, 1, BLACK, 0, T0 + WORLD_HOUR);
    assert_false(is_listed(0));
    world_claim_verifies(&w, T0 + WORLD_HOUR);
    world_fold(&w, T0 + WORLD_HOUR + WORLD_DAY - 60);
    assert_false(is_listed(0));
    world_fold(&w, T0 + WORLD_HOUR + WORLD_DAY);        /* by time alone */
    assert_true(is_listed(0));
    world_claim_verifies(&w, T0 + WORLD_HOUR + WORLD_DAY);
}

static void own_evidence_lists_a_contested_subject_at_once(void **state)
{
    (void)state;
    says_at(1, 0, 1, 0, 5, T0);
    says_at(2, 0, 1, 0, 5, T0);
    for (size_t who = 3; who < WORLD_MEMBERS; who++)
        says_at(who, 0, 1, BLACK, 0, T0 + WORLD_HOUR);
    assert_false(is_listed(0));
    saw(REQUEST_BLACK, 0, 1, T0 + 2 * WORLD_HOUR);
    assert_true(is_listed(0));
    world_claim_verifies(&w, T0 + 2 * WORLD_HOUR);
}

static void white_words_are_judged_by_a_coin_of_their_own(void **state)
{
    (void)state;
    says_at(1, 0, 1, 0, WHITE, T0);
    says_at(2, 1, 1, 0, WHITE, T0);
    saw(REQUEST_BLACK, 0, 1, T0 + 100);
    saw(REQUEST_WHITE, 1, 1, T0 + 100);
    assert_int_equal(member(1, T0 + 100).refuted_white_milli, 1000);
    assert_int_equal(member(1, T0 + 100).refuted_milli, 0);
    assert_int_equal(member(2, T0 + 100).confirmed_white_milli, 1000);
}

/* Whatever has the subjects scored again: here what others say of them, for three weeks. */
static void one_own_event_judges_a_report_once_however_often_it_is_scored(void **state)
{
    (void)state;
    says_at(1, 0, 2, BLACK, 0, T0);
    saw(REQUEST_BLACK, 0, 1, T0 + 100);
    saw(REQUEST_WHITE, 1, 1, T0 + 100);
    int64_t now_s = T0;
    for (int day = 1; day <= 21; day++) {
        now_s = T0 + day * WORLD_DAY;
        says_at(2, 0, 2, day % 2 ? BLACK : BLACK - 1, 0, now_s);
        world_fold(&w, now_s + WORLD_HOUR);
    }
    struct member_row m = member(1, now_s);
    assert_in_range(m.confirmed_milli, 600, 1000);      /* one, and faded */
    assert_in_range(m.refuted_milli, 800, 1000);
    assert_in_range(m.seen_milli, 600, 1000);
    assert_in_range(m.unseen_milli, 25000, 40000);      /* two subjects, of which nothing was seen any more for as long as they stood */
}

static void what_was_learned_survives_a_restart_and_a_rebuild(void **state)
{
    (void)state;
    says_at(1, 0, 2, BLACK, 0, T0);
    says_at(2, 2, 1, BLACK, 0, T0);
    saw(REQUEST_WHITE, 0, 1, T0 + 100);
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    uint32_t before = member(1, T0).reliability.black_micro;
    assert_true(before < MICRO);
    world_reopen(&w);
    assert_int_equal(store_rebuild(w.store, T0 + 3 * WORLD_HOUR), 0);
    world_fold(&w, T0 + 3 * WORLD_HOUR);
    assert_int_equal(member(1, T0).reliability.black_micro, before);
    saw(REQUEST_WHITE, 0, 2, T0 + 3 * WORLD_HOUR + 100);               /* the first was judged, the second not; both were said before */
    assert_in_range(member(1, T0 + 3 * WORLD_HOUR).refuted_milli, 1990, 2000);
    world_claim_verifies(&w, T0 + 3 * WORLD_HOUR + 100);
}

static void a_purge_forgets_what_was_learned(void **state)
{
    uint64_t batches = 0;
    (void)state;
    says_at(1, 0, 1, BLACK, 0, T0);
    saw(REQUEST_WHITE, 0, 1, T0 + 100);
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    assert_true(member(1, T0).reliability.black_micro < MICRO);
    assert_int_equal(store_purge(w.store, w.records[1].root, T0 + 2 * WORLD_HOUR, &batches), 0);
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    world_claim_verifies(&w, T0 + 2 * WORLD_HOUR);
    world_reopen(&w);
    world_fold(&w, T0 + 4 * WORLD_HOUR);
    assert_int_equal(member(1, T0).refuted_milli, 0);
    world_claim_verifies(&w, T0 + 4 * WORLD_HOUR);
}

static void why_shows_numbers_that_add_up(void **state)
{
    (void)state;
    struct why why;
    struct subject s = world_subject(subject(20));
    says_at(1, 0, 10, BLACK, 0, T0);
    saw(REQUEST_BLACK, 0, 10, T0 + 100);
    says_at(1, 20, 1, 3, 0, T0 + 200);                  /* not sure enough to reach the group's clamp */
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_why(r, &s, T0 + 2 * WORLD_HOUR, &why), 0);
    reader_close(&r);
    assert_int_equal(why.opinions_n, 1);
    const struct why_opinion *o = &why.opinions[0];
    assert_int_equal(o->reliability_micro, member(1, T0).reliability.black_micro);
    assert_int_equal(o->counted_micro, (int64_t)o->trust_micro * o->reliability_micro / MICRO * o->opinion_micro / MICRO);
    assert_int_equal(why.rules[0].score_micro, o->counted_micro);
    why_clear(&why);
}

static void a_member_on_probation_is_learned_from(void **state)
{
    (void)state;
    w.policy->members[0].rights.probation_until_s = T0 + 30 * WORLD_DAY;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    says_at(1, 0, 1, BLACK, 0, T0);
    saw(REQUEST_WHITE, 0, 1, T0 + 100);
    assert_int_equal(member(1, T0 + 100).refuted_milli, 1000);
}

/* ---- the circuit breaker */

static void say_and_refute(unsigned confirmed, unsigned refuted, int64_t at_s)
{
    says_at(1, 0, confirmed, BLACK, 0, at_s);
    says_at(1, 500, refuted, BLACK, 0, at_s);
    saw(REQUEST_BLACK, 0, confirmed, at_s + 100);
    saw(REQUEST_WHITE, 500, refuted, at_s + 100);
}

static void more_than_five_refuted_subjects_and_a_twentieth_silence_a_member_at_once(void **state)
{
    (void)state;
    says_at(1, 900, 1, BLACK, 0, T0);
    say_and_refute(50, 6, T0);
    struct member_row m = member(1, T0 + 100);
    assert_int_equal(m.breaker_until_s, T0 + 100 + 7 * WORLD_DAY);
    assert_int_equal(m.reliability.black_micro, 0);
    assert_int_equal(m.reliability.white_micro, 0);
    assert_int_equal(world_check(&w, subject(900)), VERDICT_UNKNOWN);
    world_claim_verifies(&w, T0 + 100);
}

static void five_are_not_enough_and_neither_are_six_among_many(void **state)
{
    (void)state;
    say_and_refute(50, 5, T0);
    assert_int_equal(member(1, T0 + 100).breaker_until_s, 0);
    says_at(1, 600, 1, BLACK, 0, T0 + 200);
    says_at(1, 100, 100, BLACK, 0, T0 + 200);
    saw(REQUEST_BLACK, 100, 100, T0 + 300);
    saw(REQUEST_WHITE, 600, 1, T0 + 300);
    struct member_row m = member(1, T0 + 300);
    assert_int_equal(m.refuted_day, 6);
    assert_int_equal(m.judged_day, 156);
    assert_int_equal(m.breaker_until_s, 0);
}

static void the_breaker_closes_by_time_and_opens_for_twice_as_long(void **state)
{
    (void)state;
    say_and_refute(50, 6, T0);
    int64_t until_s = T0 + 100 + 7 * WORLD_DAY;
    world_fold(&w, until_s - 1);
    assert_int_equal(member(1, until_s - 1).reliability.black_micro, 0);
    world_fold(&w, until_s);
    struct member_row m = member(1, until_s);
    assert_int_equal(m.breaker_until_s, 0);
    assert_true(m.reliability.white_micro > 0);
    says_at(1, 600, 6, BLACK, 0, until_s + 100);
    saw(REQUEST_WHITE, 600, 6, until_s + 200);
    assert_int_equal(member(1, until_s + 200).breaker_until_s, until_s + 200 + 14 * WORLD_DAY);
}

static void the_operators_hand_closes_the_breaker(void **state)
{
    (void)state;
    saw(REQUEST_WHITE, 800, 40, T0);                    /* else so few good subjects would make each refutation weigh the more */
    say_and_refute(200, 12, T0);
    assert_true(member(1, T0 + 100).breaker_until_s > 0);
    assert_int_equal(store_pardon(w.store, w.records[1].root, T0 + 200), 0);
    world_fold(&w, T0 + 200);
    struct member_row m = member(1, T0 + 200);
    assert_int_equal(m.breaker_until_s, 0);
    assert_true(m.reliability.black_micro > 0);
    world_claim_verifies(&w, T0 + 200);
}

/* ---- heads */

static void ask_for_two(void)
{
    w.policy->zones[0].quorum = 2;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
}

/* `why` marks as many groups as the rule counts. */
static void claim_why_counts(unsigned i, unsigned heads, int64_t now_s)
{
    struct why why;
    struct subject s = world_subject(subject(i));
    struct reader *r = world_reader(&w);
    unsigned marked = 0;
    assert_int_equal(reader_why(r, &s, now_s, &why), 0);
    reader_close(&r);
    for (size_t g = 0; g < why.groups_n; g++)
        marked += why.groups[g].in_quorum;
    assert_int_equal(marked, heads);
    assert_int_equal(why.rules[0].groups, heads);
    why_clear(&why);
}

static void who_was_refuted_to_nothing_is_no_head_for_the_quorum(void **state)
{
    (void)state;
    int64_t later_s = T0 + 2 * WORLD_HOUR;
    ask_for_two();
    says_at(1, 0, 5, BLACK, 0, T0);
    saw(REQUEST_WHITE, 0, 5, T0 + 100);
    world_fold(&w, later_s);
    assert_int_equal(member(1, later_s).reliability.black_micro, 0);
    says_at(1, 9, 1, BLACK, 0, later_s);
    says_at(2, 9, 1, BLACK, 0, later_s);
    assert_true(score(9, later_s) > 900);
    assert_int_equal(world_check(&w, subject(9)), VERDICT_UNKNOWN);
    claim_why_counts(9, 1, later_s);
    says_at(3, 9, 1, BLACK, 0, later_s);
    assert_int_equal(world_check(&w, subject(9)), VERDICT_BLACK);
    world_claim_verifies(&w, later_s);
}

static void who_is_of_little_use_here_is_a_whole_head_for_the_quorum(void **state)
{
    (void)state;
    int64_t later_s = T0 + 8 * WORLD_DAY;
    ask_for_two();
    says_at(1, 100, 100, BLACK, 0, T0);                 /* of which nothing is ever seen here */
    says_at(2, 60, 20, BLACK, 0, T0);
    saw(REQUEST_BLACK, 60, 20, T0 + 100);
    world_fold(&w, later_s);
    world_fold(&w, later_s + 2 * WORLD_HOUR);
    later_s += 2 * WORLD_HOUR;
    assert_in_range(member(1, later_s).reliability.black_micro, USEFUL_LEAST_MICRO, SCORE_G_MIN_MICRO - 1);
    says_at(2, 90, 1, BLACK, 0, later_s);
    assert_int_equal(world_check(&w, subject(90)), VERDICT_UNKNOWN);
    says_at(1, 90, 1, BLACK, 0, later_s);
    assert_int_equal(world_check(&w, subject(90)), VERDICT_BLACK);
    claim_why_counts(90, 2, later_s);
    world_claim_verifies(&w, later_s);
}

/* As of the moment of asking, not as of when it was last counted. */
static void what_is_shown_of_a_member_fades_and_says_when_it_was_last_heard(void **state)
{
    (void)state;
    says_at(1, 0, 10, BLACK, 0, T0);
    saw(REQUEST_BLACK, 0, 10, T0 + 100);
    says_at(1, 20, 4, BLACK, 0, T0 + 300);
    saw(REQUEST_WHITE, 20, 4, T0 + 900);
    struct member_row m = member(1, T0 + 90 * WORLD_DAY);
    assert_in_range(m.confirmed_milli, 1240, 1255);        /* halved in 30 days */
    assert_in_range(m.refuted_milli, 1990, 2005);          /* in 90 */
    assert_int_equal(m.last_s, T0 + 300);
    assert_int_equal(member(2, T0).last_s, 0);
}

/* Neither does its withdrawal; a new event does. */
static void a_word_that_this_node_took_back_judges_nobody(void **state)
{
    (void)state;
    saw(REQUEST_BLACK, 0, 1, T0);
    says_at(1, 0, 1, 0, WHITE, T0 + 600);
    saw(REQUEST_RETRACT, 0, 1, T0 + 1200);
    assert_int_equal(member(1, T0 + 1200).refuted_white_milli, 0);
    saw(REQUEST_BLACK, 0, 1, T0 + 1800);
    assert_int_equal(member(1, T0 + 1800).refuted_white_milli, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(a_newcomer_counts_in_full),
        T(a_word_that_this_node_took_back_judges_nobody),
        T(what_is_shown_of_a_member_fades_and_says_when_it_was_last_heard),
        T(what_it_said_first_and_was_confirmed_raises_its_weight_with_the_hourly_snapshot),
        T(copying_earns_no_credit),
        T(own_good_mail_refutes_all_who_said_black_before_it),
        T(an_event_from_before_the_report_judges_nothing),
        T(one_subject_counts_once_in_seven_days),
        T(who_is_refuted_often_weighs_nothing_and_what_it_upheld_ends),
        T(good_mail_of_two_other_groups_refutes_by_a_fifth_where_nothing_was_seen_here),
        T(good_words_of_members_not_proven_refute_nobody),
        T(good_mail_from_before_the_report_is_no_refutation_by_others),
        T(what_others_get_good_mail_from_is_listed_when_it_was_said_for_a_day),
        T(own_evidence_lists_a_contested_subject_at_once),
        T(white_words_are_judged_by_a_coin_of_their_own),
        T(one_own_event_judges_a_report_once_however_often_it_is_scored),
        T(what_was_learned_survives_a_restart_and_a_rebuild),
        T(a_purge_forgets_what_was_learned),
        T(why_shows_numbers_that_add_up),
        T(a_member_on_probation_is_learned_from),
        T(more_than_five_refuted_subjects_and_a_twentieth_silence_a_member_at_once),
        T(five_are_not_enough_and_neither_are_six_among_many),
        T(the_breaker_closes_by_time_and_opens_for_twice_as_long),
        T(the_operators_hand_closes_the_breaker),
        T(who_was_refuted_to_nothing_is_no_head_for_the_quorum),
        T(who_is_of_little_use_here_is_a_whole_head_for_the_quorum),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
