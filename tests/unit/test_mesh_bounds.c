/* node/mesh_quota, node/mesh_penalty: floods of valid members, and links that go on misbehaving. */
#include "tests/unit/mesh_fixture.h"

enum { DAY_MS = 86400000, BATCHES = 50, PACE = 100 };

/* As begin(), with a quota. */
static int begin_bound(void **state, int64_t batches, int64_t bytes, int64_t opinions)
{
    struct mesh_config c = { .federation = "unit", .seed = seeded(42), .ttl_s = 30 * 86400, .quota_day = { batches, bytes, opinions } };

    (void)state;
    now_ms = 1000000;
    skew_s = 0;
    memcpy(c.self, people[0].record.root, KEY_BYTES);
    assert_int_equal(mesh_create(&c, &mesh), 0);
    know(0, false);
    know(1, true);
    know(2, true);
    know(3, false);
    tick_at(now_ms);
    link_to(1, true);
    link_to(2, true);
    return 0;
}

static int begin_few_batches(void **state)
{
    return begin_bound(state, BATCHES, 0, 0);
}

static int begin_few_bytes(void **state)
{
    return begin_bound(state, 0, 10000, 0);
}

static int begin_few_opinions(void **state)
{
    return begin_bound(state, 0, 0, BATCHES);
}

/* How many of n new batches are taken over SUB. */
static unsigned flood(unsigned author, uint64_t from, unsigned n)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < n; i++) {
        size_t f = sign((struct plan){ .author = author, .seq = from + i, .time_s = NOW_S + now_ms / 1000 });
        hear(1, f);
        if (action(MESH_DO_STORE) == NULL)
            continue;
        taken++;
        stored(f, true);
    }
    return taken;
}

static void who_floods_is_passed_over_and_others_are_not(void **state)
{
    (void)state;
    assert_int_equal(flood(3, 1, 2 * BATCHES), BATCHES);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_QUOTA_BATCHES), BATCHES);
    assert_int_equal(flood(2, 1, 5), 5);
    assert_int_equal(count_actions(MESH_DO_BLAME), 0);
    struct mesh_conduct c;
    assert_int_equal(mesh_conduct(mesh, people[3].record.root, &c), 0);
    assert_int_equal(c.over_quota, BATCHES);
    assert_int_equal(mesh_conduct(mesh, people[1].record.root, &c), 0);
    assert_int_equal(c.penalty_milli, 0);
}

static void other_quotas_count_at_once_and_what_was_used_stays_used(void **state)
{
    const int64_t more[MESH_QUOTAS] = { BATCHES + 7, 0, 0 }, less[MESH_QUOTAS] = { BATCHES / 2, 0, 0 };

    (void)state;
    assert_int_equal(flood(3, 1, BATCHES + 5), BATCHES);
    mesh_quota(mesh, more, 30 * 86400);
    assert_int_equal(flood(3, 1 + BATCHES, 20), 7);
    mesh_quota(mesh, less, 30 * 86400);
    assert_int_equal(flood(3, 1 + BATCHES + 7, 5), 0);
    assert_int_equal(flood(2, 1, BATCHES), BATCHES / 2);
    mesh_quota(mesh, more, 30 * 86400);
    assert_int_equal(flood(2, 1 + BATCHES / 2, BATCHES), BATCHES / 2 + 7);
}

/* Else who once was let say much would be heard no more for months. */
static void lower_quotas_leave_a_debt_of_a_day_at_the_most(void **state)
{
    const int64_t more[MESH_QUOTAS] = { 10 * BATCHES, 0, 0 }, less[MESH_QUOTAS] = { BATCHES / 5, 0, 0 };

    (void)state;
    mesh_quota(mesh, more, 30 * 86400);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(flood(3, 1 + i * BATCHES, BATCHES), BATCHES);
        tick_at(now_ms + 60000);       /* not all at once */
    }
    mesh_quota(mesh, less, 30 * 86400);
    tick_at(now_ms + DAY_MS - 1000);
    assert_int_equal(flood(3, 1 + 10 * BATCHES, 1), 0);
    tick_at(now_ms + DAY_MS / 4);
    assert_true(flood(3, 1 + 10 * BATCHES, 5) > 0);
}

/* 400 days of 1 GB each are more than a level holds. */
static void the_largest_quotas_let_batches_through(void **state)
{
    const int64_t most[MESH_QUOTAS] = { 1000000, 1000000000, 100000000 };

    (void)state;
    mesh_quota(mesh, most, 400 * 86400);
    mesh_member_drop(mesh, people[3].record.root);
    know(3, false);                    /* begins with them */
    assert_int_equal(flood(2, 1, 2), 2);
    assert_int_equal(flood(3, 1, 2), 2);
    skew_s -= INT64_C(150) * 86400;    /* what is said stays as young */
    tick_at(now_ms + INT64_C(150) * DAY_MS);
    for (unsigned author = 2; author <= 3; author++) {
        hear(1, sign((struct plan){ .author = author, .seq = 3, .time_s = NOW_S }));
        assert_non_null(action(MESH_DO_STORE));
    }
}

static void each_bound_is_counted_by_its_reason(void **state)
{
    (void)state;
    unsigned taken = flood(3, 1, 200);
    assert_true(taken > 10 && taken < 100);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_QUOTA_BYTES) + mesh_counted(mesh, MESH_COUNT_QUOTA_OPINIONS), 200 - taken);
}

/* What was passed over is a gap; it is fetched when there is room again, and then nothing is missing. */
static void what_was_passed_over_is_fetched_when_there_is_room(void **state)
{
    (void)state;
    struct mesh_log_state s;
    flood(3, 1, 80);
    have(MESH_ASK, 1, 3, 1, 80, false);
    for (int i = 0; i < 20; i++) {
        tick_at(now_ms + 1000);
        assert_false(asked_for_range().any);
    }
    for (int64_t end_ms = now_ms + 2 * (int64_t)DAY_MS; now_ms < end_ms;) {
        have(MESH_ASK, 1, 3, 1, 80, false);
        struct asked a = asked_for_range();
        if (!a.any) {
            tick_at(now_ms + 600000);
            a = asked_for_range();
        }
        for (uint64_t seq = a.to; a.any && seq >= a.from; seq--) {
            size_t f = sign((struct plan){ .author = 3, .seq = seq, .time_s = NOW_S + 1000 });
            fetched(1, a.id, (long)f, seq == a.from);
            if (action(MESH_DO_STORE) != NULL)
                stored(f, true);
        }
    }
    assert_int_equal(mesh_log_state(mesh, people[3].record.root, &s), 0);
    assert_int_equal(s.missing, 0);
    assert_true(s.floor == 1 && s.head == 80);
}

/* 6,400 a day: 100 at once, and then 2.37 a second. */
static int begin_paced(void **state)
{
    return begin_bound(state, 64 * PACE, 0, 0);
}

static void a_days_worth_at_once_is_passed_over_but_for_a_part(void **state)
{
    (void)state;
    assert_int_equal(flood(3, 1, 2 * PACE), PACE);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_QUOTA_PACE), PACE);
    assert_int_equal(flood(2, 1, 5), 5);
    tick_at(now_ms + 10000);
    assert_int_equal(flood(3, 1 + 2 * PACE, PACE), 24);         /* 23.7 and the one that makes a debt */
    assert_int_equal(count_actions(MESH_DO_BLAME), 0);
}

/* That takes no part of the next ones that come by themselves. */
static void what_came_too_fast_is_fetched_at_once(void **state)
{
    uint64_t got = 0;
    (void)state;
    assert_int_equal(flood(3, 1, 2 * PACE), PACE);
    have(MESH_ASK, 1, 3, 1, 2 * PACE, false);
    tick_at(now_ms + 1000);
    for (struct asked a = asked_for_range(); a.any; a = asked_for_range()) {
        for (uint64_t seq = a.to; seq >= a.from; seq--, got++) {
            size_t f = sign((struct plan){ .author = 3, .seq = seq, .time_s = NOW_S });
            fetched(1, a.id, (long)f, false);
            assert_non_null(action(MESH_DO_STORE));
            stored(f, true);
        }
        fetched(1, a.id, -1, true);
    }
    assert_int_equal(got, PACE);
    tick_at(now_ms + 10000);
    assert_true(flood(3, 1 + 2 * PACE, PACE) >= 23);
}

/* A newcomer fetches what was said in thirty days. */
static void a_whole_log_is_no_flood(void **state)
{
    (void)state;
    uint64_t head = 20 * BATCHES, got = 0;
    have(MESH_ASK, 1, 3, 1, head, false);
    tick_at(now_ms + 1000);
    for (struct asked a = asked_for_range(); a.any; a = asked_for_range()) {
        for (uint64_t seq = a.to; seq >= a.from; seq--) {
            size_t f = sign((struct plan){ .author = 3, .seq = seq, .time_s = NOW_S - 86400 * (int64_t)(1 + (head - seq) / BATCHES) });
            fetched(1, a.id, (long)f, false);
            assert_non_null(action(MESH_DO_STORE));
            stored(f, true);
            got++;
        }
        fetched(1, a.id, -1, true);
    }
    assert_int_equal(got, head);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_QUOTA_BATCHES), 0);
}

/* 2 and 3 are introduced by 1. */
static void begin_group(void)
{
    for (unsigned who = 2; who <= 3; who++)
        assert_int_equal(mesh_member_group(mesh, people[who].record.root, people[1].record.root), 0);
}

static void those_of_a_group_share_what_one_may_say(void **state)
{
    (void)state;
    begin_group();
    unsigned first = flood(3, 1, 2 * BATCHES), second = flood(2, 1, 2 * BATCHES);
    assert_true(first > BATCHES / 2 && second >= BATCHES / 4 - 1);
    assert_true(first + second <= BATCHES);
    assert_int_equal(flood(1, 1, 2 * BATCHES), BATCHES);         /* their root has its own */
}

static void those_of_a_group_share_a_pace_and_none_starves(void **state)
{
    (void)state;
    begin_group();
    tick_at(now_ms + DAY_MS);
    assert_int_equal(flood(3, 1, 4 * PACE), PACE + PACE / 4);
    assert_int_equal(flood(2, 1, 4 * PACE), PACE / 4);
    assert_int_equal(flood(1, 1, 4 * PACE), PACE);
    for (int i = 0; i < 3; i++) {      /* puppets that come and go bring nothing */
        mesh_member_drop(mesh, people[3].record.root);
        know(3, false);
        assert_int_equal(mesh_member_group(mesh, people[3].record.root, people[1].record.root), 0);
        assert_int_equal(flood(3, 1, PACE), 0);
    }
}

/* A day later they may say as much again, and a half of that which they did not use of the pool. */
static void a_group_gets_no_more_in_a_day_than_one(void **state)
{
    (void)state;
    begin_group();
    flood(3, 1, 2 * BATCHES);
    flood(2, 1, 2 * BATCHES);
    for (int day = 1; day <= 3; day++) {
        tick_at(now_ms + DAY_MS);
        unsigned n = flood(3, 1 + (uint64_t)day * 2 * BATCHES, 2 * BATCHES);
        n += flood(2, 1 + (uint64_t)day * 2 * BATCHES, 2 * BATCHES);
        assert_true(n >= BATCHES - 5 && n <= BATCHES + 2);
    }
}

static void puppets_that_come_and_go_bring_nothing(void **state)
{
    unsigned taken = 0;
    (void)state;
    begin_group();
    for (int i = 0; i < 20; i++) {
        taken += flood(3, 1 + (uint64_t)i * 2 * BATCHES, 2 * BATCHES);
        mesh_member_drop(mesh, people[3].record.root);
        know(3, false);
        assert_int_equal(mesh_member_group(mesh, people[3].record.root, people[1].record.root), 0);
    }
    assert_true(taken <= BATCHES);
}

static void a_group_whose_root_goes_is_none(void **state)
{
    (void)state;
    begin_group();
    mesh_member_drop(mesh, people[1].record.root);
    know(1, true);
    tick_at(now_ms + DAY_MS);
    link_to(1, true);
    assert_int_equal(flood(3, 1, 2 * BATCHES), BATCHES);
}

/* However it is dated: thirty days' worth at once, and a day's worth each day after that. */
static void back_dating_does_not_help_a_flood(void **state)
{
    (void)state;
    unsigned taken = 0;
    uint64_t seq = 5000;
    for (int i = 0; i < 4000; i++, seq--) {
        size_t f = sign((struct plan){ .author = 3, .seq = seq, .time_s = NOW_S - 86400 * (int64_t)(2 + i % 20) });
        fetched(1, 1, (long)f, false);
        if (action(MESH_DO_STORE) == NULL)
            continue;
        taken++;
        stored(f, true);
    }
    assert_int_equal(taken, 30 * BATCHES);
}

/* ---- links */

static void forge(unsigned from, uint64_t seq)
{
    size_t f = sign((struct plan){ .author = 3, .seq = seq });
    frames[f].at[frames[f].len - 1] ^= 1;
    hear(from, f);
}

/* How many forgeries until the link is paused; fails when it never is. */
static int64_t pause_after(unsigned from, unsigned *n)
{
    for (*n = 1; *n < 100; ++*n) {
        forge(from, 1000 + *n);
        if (action(MESH_DO_PAUSE) != NULL) {
            assert_true(is_about(action(MESH_DO_PAUSE), from));
            return action(MESH_DO_PAUSE)->pause_ms;
        }
    }
    fail_msg("never paused");
    return 0;
}

static void a_link_that_goes_on_misbehaving_is_paused_longer_each_time(void **state)
{
    (void)state;
    unsigned n;
    int64_t last_ms = 0;
    for (int i = 0; i < 12; i++) {
        int64_t ms = pause_after(1, &n);
        assert_true(ms == 60000 << i || ms == 6 * 3600 * 1000);
        assert_true(ms >= last_ms);
        last_ms = ms;
        tick_at(now_ms + ms);
    }
    assert_int_equal(last_ms, 6 * 3600 * 1000);
    tick_at(now_ms + 2 * (int64_t)DAY_MS);
    assert_int_equal(pause_after(1, &n), 60000);
}

static void a_paused_link_is_not_heard_and_comes_back_by_itself(void **state)
{
    (void)state;
    unsigned n;
    int64_t ms = pause_after(1, &n);
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    struct message m = { 0 };
    struct mesh_conduct c;
    hear(1, f);
    assert_null(action(MESH_DO_STORE));
    assert_true(mesh_counted(mesh, MESH_COUNT_PAUSED) > 0);
    assert_int_equal(mesh_conduct(mesh, people[1].record.root, &c), 0);
    assert_int_equal(c.paused_ms, ms);
    hear(2, f);                                      /* its word is as good as before over another link */
    assert_non_null(action(MESH_DO_STORE));
    link_to(1, false);
    link_to(1, true);                                /* connecting anew does not end it */
    hear(1, sign((struct plan){ .author = 3, .seq = 2 }));
    assert_null(action(MESH_DO_STORE));
    assert_true(up.wake_at_ms <= now_ms + ms);
    for (int64_t end_ms = now_ms + ms; up.wake_at_ms < end_ms;)
        tick_at(up.wake_at_ms);
    tick_at(now_ms + ms);
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    message_close(&m);
    hear(1, sign((struct plan){ .author = 3, .seq = 2 }));
    assert_non_null(action(MESH_DO_STORE));
}

static void faults_fade(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 60; i++) {
        forge(1, 1000 + i);
        assert_null(action(MESH_DO_PAUSE));
        tick_at(now_ms + 600000);
    }
}

/* A message that only seems to be one of ours, while a fetch is under way: the fetch ends with the link. */
static void a_pause_in_the_midst_of_a_fetch_ends_the_fetch(void **state)
{
    (void)state;
    have(MESH_ASK, 1, 3, 1, 64, false);
    tick_at(now_ms + 1000);
    struct asked a = asked_for_range();
    assert_true(a.any && a.who == 1);
    for (uint64_t i = 0; i < 40 && action(MESH_DO_PAUSE) == NULL; i++) {
        size_t f = sign((struct plan){ .author = 3, .seq = 64 - i });
        frames[f].at[frames[f].len - 1] ^= 1;
        fetched(1, a.id, (long)f, i == 20);
    }
    assert_non_null(action(MESH_DO_PAUSE));
    have(MESH_ASK, 2, 3, 1, 64, false);
    tick_at(now_ms + 1000);
    a = asked_for_range();
    assert_true(a.any && a.who == 2);
}

static void who_asks_too_much_and_goes_on_is_paused(void **state)
{
    (void)state;
    struct message m = { .kind = MESSAGE_HAVE };
    int asked = 0;
    while (action(MESH_DO_PAUSE) == NULL && asked < 5000) {
        message(MESH_ASK, 1, &m);
        asked++;
    }
    assert_true(asked > MESH_ASKS_PER_S && asked < 5000);
    link_to(2, true);
    message(MESH_ASK, 2, &m);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_PAUSES), 1);
}

/* Answers at once whatever is asked of neighbour 1, in no time; how many questions that were. */
static unsigned answer_all(uint64_t *got)
{
    unsigned asks = 0;

    for (struct asked a = asked_for_range(); a.any; a = asked_for_range(), asks++) {
        for (uint64_t seq = a.to; seq >= a.from; seq--, ++*got) {
            size_t f = sign((struct plan){ .author = 3, .seq = seq });
            fetched(1, a.id, (long)f, false);
            stored(f, true);
        }
        fetched(1, a.id, -1, true);
    }
    return asks;
}

/* However quick the neighbour is, and however much is lacking. */
static void who_lacks_much_asks_for_less_than_is_answered(void **state)
{
    uint64_t got = 0;
    (void)state;
    have(MESH_ASK, 1, 3, 1, 7000, false);
    tick_at(now_ms + 1000);
    unsigned asks = answer_all(&got);
    assert_true(asks >= MESH_ASKS_PER_S / 4 && asks <= MESH_ASKS_PER_S / 2);
    assert_true(got < 7000);
    tick_at(now_ms + 1000);
    answer_all(&got);
    assert_int_equal(got, 7000);
}

#define BOUND(name, with) cmocka_unit_test_setup_teardown(name, with, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOUND(who_floods_is_passed_over_and_others_are_not, begin_few_batches),
        BOUND(other_quotas_count_at_once_and_what_was_used_stays_used, begin_few_batches),
        BOUND(lower_quotas_leave_a_debt_of_a_day_at_the_most, begin_few_batches),
        BOUND(the_largest_quotas_let_batches_through, begin_few_batches),
        BOUND(each_bound_is_counted_by_its_reason, begin_few_bytes),
        BOUND(each_bound_is_counted_by_its_reason, begin_few_opinions),
        BOUND(what_was_passed_over_is_fetched_when_there_is_room, begin_few_batches),
        BOUND(a_days_worth_at_once_is_passed_over_but_for_a_part, begin_paced),
        BOUND(what_came_too_fast_is_fetched_at_once, begin_paced),
        BOUND(a_whole_log_is_no_flood, begin_few_batches),
        BOUND(those_of_a_group_share_what_one_may_say, begin_few_batches),
        BOUND(those_of_a_group_share_a_pace_and_none_starves, begin_paced),
        BOUND(a_group_gets_no_more_in_a_day_than_one, begin_few_batches),
        BOUND(puppets_that_come_and_go_bring_nothing, begin_few_batches),
        BOUND(a_group_whose_root_goes_is_none, begin_few_batches),
        BOUND(back_dating_does_not_help_a_flood, begin_few_batches),
        CLAIM(a_link_that_goes_on_misbehaving_is_paused_longer_each_time),
        CLAIM(a_paused_link_is_not_heard_and_comes_back_by_itself),
        CLAIM(faults_fade),
        CLAIM(a_pause_in_the_midst_of_a_fetch_ends_the_fetch),
        CLAIM(who_asks_too_much_and_goes_on_is_paused),
        CLAIM(who_lacks_much_asks_for_less_than_is_answered),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
