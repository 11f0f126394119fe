/* node/mesh: have-vectors, gaps and fetches, records, and what is asked at a start. */
#include "tests/unit/mesh_fixture.h"
#include "tests/unit/mesh_introduction_cases.h"
#include "tests/unit/mesh_liar_cases.h"
#include "tests/unit/mesh_record_cases.h"

/* ---- have-vectors */

static void a_new_link_is_told_all_and_asked_for_all(void **state)
{
    (void)state;
    struct store_batch_ref ref = frames[sign((struct plan){ .author = 3, .seq = 7 })].ref;
    struct message m = { 0 };
    unsigned to = 0;
    size_t seen = 0;
    assert_int_equal(mesh_held(mesh, &ref), 0);
    link_to(1, false);
    link_to(1, true);
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, &to, &m));
    assert_int_equal(to, 1);
    assert_true(m.u.have.full && m.u.have.answer_wanted);
    assert_memory_equal(m.u.have.logs[0].origin, people[1].record.root, KEY_BYTES);
    for (size_t i = 0; i < m.u.have.logs_n; i++) {
        const struct log_have *l = &m.u.have.logs[i];
        if (memcmp(l->origin, people[3].record.root, KEY_BYTES) != 0)
            continue;
        assert_int_equal(l->epoch, EPOCH);
        assert_true(l->floor == 7 && l->head == 7 && l->record_serial == 10);
        assert_memory_equal(l->head_hash, ref.name.hash, HEAD_HASH_BYTES);
        seen++;
    }
    assert_int_equal(seen, 1);
    assert_int_equal(m.u.have.logs_n, MEMBERS);
    message_close(&m);
}

/* How many logs this neighbour was told of in the last step. */
static size_t logs_told_to(unsigned neighbour)
{
    struct message m = { 0 };
    size_t n = SIZE_MAX;

    for (size_t i = 0; i < up.n; i++) {
        if (up.actions[i].kind != MESH_DO_ASK || !is_about(&up.actions[i], neighbour))
            continue;
        assert_int_equal(message_decode(up.actions[i].frame, &m), 0);
        assert_int_equal(m.kind, MESSAGE_HAVE);
        assert_false(m.u.have.full);
        n = m.u.have.logs_n;
        message_close(&m);
    }
    return n;
}

static void changes_are_told_every_five_seconds_and_nothing_twice(void **state)
{
    (void)state;
    struct message m = { 0 };
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    hear(1, f);
    stored(f, true);
    assert_false(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    tick_at(now_ms + MESH_HAVE_MS);
    assert_int_equal(count_actions(MESH_DO_ASK), 2);
    assert_int_equal(logs_told_to(2), 1);
    assert_int_equal(logs_told_to(1), 0);      /* it has just told of it itself */
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    assert_int_equal(m.u.have.logs_n, 0);
    message_close(&m);
}

static void who_relayed_a_batch_with_holes_below_is_told_of_it(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 3; seq++) {
        size_t f = sign((struct plan){ .author = 3, .seq = seq });
        hear(seq == 2 ? 2 : 1, f);
        stored(f, true);
    }
    tick_at(now_ms + MESH_HAVE_MS);
    assert_int_equal(logs_told_to(1), 1);
}

/* It may have lost its memory: what it said earlier does not count. */
static void a_full_question_is_answered_with_all_that_it_did_not_tell(void **state)
{
    (void)state;
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .full = true, .answer_wanted = true } }, answer = { 0 };
    struct log_have log = { .epoch = EPOCH, .floor = 1, .head = 1, .record_serial = 10 };
    size_t f = sign((struct plan){ .author = 1, .seq = 1 }), mine = 0;
    hear(1, f);
    stored(f, true);
    memcpy(log.origin, people[1].record.root, KEY_BYTES);
    memcpy(log.head_hash, frames[f].name.hash, HEAD_HASH_BYTES);
    memcpy(log.digest, frames[f].name.hash, HEAD_HASH_BYTES);
    log.has_digest = true;
    for (int i = 0; i < 2; i++) {
        m.u.have.logs_n = i == 0 ? 1 : 0;
        m.u.have.logs = &log;
        message(MESH_ASK, 1, &m);
        assert_true(sent(MESH_DO_ANSWER, MESSAGE_HAVE, NULL, &answer));
        assert_true(answer.u.have.full);
        mine = 0;
        for (size_t j = 0; j < answer.u.have.logs_n; j++)
            mine += answer.u.have.logs[j].head == 1 && memcmp(answer.u.have.logs[j].origin, log.origin, KEY_BYTES) == 0;
        assert_int_equal(mine, i);                             /* left out as long as it is told, and not longer */
        message_close(&answer);
    }
}

static void every_neighbour_in_turn_is_told_all(void **state)
{
    (void)state;
    bool told[MEMBERS] = { false };
    for (int i = 0; i < 2; i++) {
        struct message m = { 0 };
        unsigned to = 0;
        int64_t full_ms = 1000000 + (i + 1) * MESH_FULL_HAVE_MS;
        while (up.wake_at_ms < full_ms)
            tick_at(up.wake_at_ms);
        tick_at(full_ms);
        assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, &to, &m));
        for (size_t j = 0; !m.u.have.full && j < up.n; j++) {
            message_close(&m);
            assert_int_equal(message_decode(up.actions[j].frame, &m), 0);
            to = is_about(&up.actions[j], 1) ? 1 : 2;
        }
        assert_true(m.u.have.full && m.u.have.answer_wanted);
        told[to] = true;
        message_close(&m);
    }
    assert_true(told[1] && told[2]);
}

static void who_asks_for_an_answer_gets_one(void **state)
{
    (void)state;
    struct message m = { .kind = MESSAGE_HAVE };
    unsigned to = 0;
    m.u.have.full = true;
    m.u.have.answer_wanted = true;
    message(MESH_ASK, 3, &m);
    assert_true(sent(MESH_DO_ANSWER, MESSAGE_HAVE, &to, &m));
    assert_int_equal(to, 3);
    assert_true(m.u.have.full && !m.u.have.answer_wanted);
    assert_int_equal(m.u.have.logs_n, MEMBERS);
    message_close(&m);
}

/* ---- gaps */

static void a_gap_is_fetched_newest_first_in_ranges(void **state)
{
    (void)state;
    have(MESH_ASK, 1, 3, 1, 100, false);
    assert_false(asked_for_range().any);             /* it may be on its way */
    tick_at(now_ms + 1000);
    struct asked a = asked_for_range();
    assert_true(a.any && a.who == 1);
    assert_true(a.epoch == EPOCH && a.from == 37 && a.to == 100);
    tick_at(now_ms + 1000);
    assert_false(asked_for_range().any);             /* one at a time */
    for (uint64_t seq = 100; seq >= 37; seq--)
        fetched(1, a.id, (long)sign((struct plan){ .author = 3, .seq = seq }), false);
    fetched(1, a.id, -1, true);
    a = asked_for_range();
    assert_true(a.any && a.from == 1 && a.to == 36);
}

static void a_jump_in_numbers_shows_a_gap(void **state)
{
    (void)state;
    hear(2, sign((struct plan){ .author = 3, .seq = 3 }));
    tick_at(now_ms + 1000);
    struct asked a = asked_for_range();
    assert_true(a.any && a.who == 2 && a.from == 1 && a.to == 2);
}

static void what_is_fetched_goes_the_way_of_every_batch(void **state)
{
    (void)state;
    size_t head = sign((struct plan){ .author = 3, .seq = 2 }), old = sign((struct plan){ .author = 3, .seq = 1 });
    have(MESH_ASK, 1, 3, 1, 2, false);
    tick_at(now_ms + 1000);
    struct asked a = asked_for_range();
    frames[head].at[frames[head].len - 1] ^= 1;
    fetched(1, a.id, (long)head, false);
    assert_null(action(MESH_DO_STORE));
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
    frames[head].at[frames[head].len - 1] ^= 1;
    fetched(1, a.id, (long)head, false);
    assert_non_null(action(MESH_DO_STORE));
    stored(head, true);
    assert_non_null(action(MESH_DO_PUBLISH));        /* a new head is news */
    fetched(1, a.id, (long)old, true);
    stored(old, true);
    assert_null(action(MESH_DO_PUBLISH));            /* old news is not */
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), 2);
}

static void a_neighbour_that_does_not_answer_is_passed_over(void **state)
{
    (void)state;
    have(MESH_ASK, 1, 3, 1, 5, false);
    have(MESH_ASK, 2, 3, 1, 5, false);
    tick_at(now_ms + 1000);
    struct asked first = asked_for_range(), second;
    assert_true(first.any);
    do
        tick_at(up.wake_at_ms);
    while (!(second = asked_for_range()).any);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_FETCH_TIMEOUTS), 1);
    assert_int_not_equal(second.who, first.who);
}

static void a_lost_link_hands_its_fetches_to_another(void **state)
{
    (void)state;
    have(MESH_ASK, 1, 3, 1, 5, false);
    have(MESH_ASK, 2, 3, 1, 5, false);
    tick_at(now_ms + 1000);
    struct asked first = asked_for_range(), second;
    link_to(first.who, false);
    second = asked_for_range();
    assert_true(second.any && second.who != first.who);
}

static void a_claim_that_proves_wrong_is_passed_over_longer_and_longer(void **state)
{
    (void)state;
    unsigned fetches = 0;
    have(MESH_ASK, 1, 3, 1, 1000000, false);
    for (int64_t end_ms = now_ms + 3600 * 1000; now_ms < end_ms;) {
        tick_at(up.wake_at_ms);
        struct asked a = asked_for_range();
        if (!a.any)
            continue;
        fetches++;
        fetched(1, a.id, -1, true);
    }
    assert_in_range(fetches, 2, 10);
    struct mesh_log_state log;
    assert_int_equal(mesh_log_state(mesh, people[3].record.root, &log), 0);
    assert_int_equal(log.missing, 0);
}

static void a_neighbour_is_asked_for_a_few_logs_at_once(void **state)
{
    (void)state;
    struct record r = people[3].record;
    struct log_have logs[20];
    struct message m = { .kind = MESSAGE_HAVE };
    size_t asks = 0;
    memset(logs, 0, sizeof logs);
    for (uint8_t i = 0; i < 20; i++) {
        r.root[0] = i;
        assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, false), 0);
        memcpy(logs[i].origin, r.root, KEY_BYTES);
        logs[i].epoch = EPOCH;
        logs[i].floor = logs[i].head = 1;
    }
    m.u.have.logs = logs;
    m.u.have.logs_n = 20;
    message(MESH_ASK, 1, &m);
    tick_at(now_ms + 1000);
    for (size_t i = 0; i < up.n; i++) {
        struct message asked = { 0 };
        if (up.actions[i].kind != MESH_DO_ASK)
            continue;
        assert_int_equal(message_decode(up.actions[i].frame, &asked), 0);
        asks += asked.kind == MESSAGE_FETCH;
        message_close(&asked);
    }
    assert_int_equal(asks, MESH_LINK_FETCHES_MAX);
}

static void what_the_disk_refused_is_fetched_again(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = 3, .seq = 1 });
    hear(1, f);
    step((struct mesh_event){ .kind = MESH_STORE_FAILED, .name = &frames[f].name });
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_STORE_FAILED), 1);
    struct asked a;
    do
        tick_at(up.wake_at_ms);
    while (!(a = asked_for_range()).any);
    assert_true(a.from == 1 && a.to == 1);
    fetched(1, a.id, (long)f, true);
    assert_non_null(action(MESH_DO_STORE));
}

/* Whoever sent it has it, though it is missing again when the rest of what was asked for has come. Who lacks something is not asked for it for a while, and longer each time. */
static void what_the_disk_refused_amid_a_fetch_is_not_taken_for_lacking(void **state)
{
    enum { HEAD = 7 };
    size_t head = sign((struct plan){ .author = 3, .seq = HEAD });

    (void)state;
    have(MESH_ASK, 1, 3, 1, HEAD, false);
    for (uint64_t seq = 1; seq < HEAD; seq++) {
        size_t rest = sign((struct plan){ .author = 3, .seq = seq });
        int64_t before_ms = now_ms;
        struct asked a = asked_for_range();
        while (!a.any) {
            tick_at(up.wake_at_ms);
            a = asked_for_range();
        }
        assert_in_range(now_ms - before_ms, 0, 10000);
        assert_true(a.from == seq && a.to == HEAD);
        fetched(1, a.id, (long)head, false);
        step((struct mesh_event){ .kind = MESH_STORE_FAILED, .name = &frames[head].name });
        fetched(1, a.id, (long)rest, false);
        stored(rest, true);
        fetched(1, a.id, -1, true);
    }
}

static void another_hash_for_a_head_is_looked_into(void **state)
{
    (void)state;
    size_t ours = sign((struct plan){ .author = 3, .seq = 1, .salt = 1 }), theirs = sign((struct plan){ .author = 3, .seq = 1, .salt = 2 });
    hear(1, ours);
    stored(ours, true);
    have(MESH_ASK, 2, 3, 1, 1, false);               /* its hash is all zero */
    tick_at(now_ms + 1000);
    struct asked a = asked_for_range();
    assert_true(a.any && a.who == 2 && a.from == 1 && a.to == 1);
    fetched(2, a.id, (long)theirs, true);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_EQUIVOCATION), 1);
    assert_non_null(action(MESH_DO_STORE));
}

static void an_ancestor_that_differs_is_looked_into(void **state)
{
    (void)state;
    size_t ours = sign((struct plan){ .author = 3, .seq = 1, .salt = 1 }), theirs = sign((struct plan){ .author = 3, .seq = 1, .salt = 2 });
    hear(1, ours);
    stored(ours, true);
    hear(2, sign((struct plan){ .author = 3, .seq = 2, .previous = frames[theirs].name.hash }));
    tick_at(now_ms + 1000);
    struct asked a = asked_for_range();
    assert_true(a.any && a.from == 1 && a.to == 1);
}

/* ---- requests of others */

static void ask_range(unsigned from, const uint8_t *origin, uint64_t low, uint64_t high)
{
    struct message m = { .kind = MESSAGE_FETCH };
    m.u.fetch.id = 77;
    memcpy(m.u.fetch.origin, origin, KEY_BYTES);
    m.u.fetch.epoch = EPOCH;
    m.u.fetch.from = low;
    m.u.fetch.to = high;
    message(MESH_ASK, from, &m);
}

static void a_range_is_served_from_the_store(void **state)
{
    (void)state;
    assert_int_equal(mesh_held(mesh, &frames[sign((struct plan){ .author = 3, .seq = 7 })].ref), 0);
    ask_range(2, people[3].record.root, 5, 9);
    const struct mesh_action *a = action(MESH_DO_SERVE);
    assert_non_null(a);
    assert_true(is_about(a, 2) && a->fetch.id == 77 && a->fetch.epoch == EPOCH && a->fetch.from == 5 && a->fetch.to == 9);
    assert_memory_equal(a->fetch.origin, people[3].record.root, KEY_BYTES);
}

static void a_range_of_an_unknown_log_is_answered_with_nothing(void **state)
{
    (void)state;
    uint8_t stranger[KEY_BYTES] = { 9 };
    struct message m = { 0 };
    ask_range(2, stranger, 1, 5);
    assert_null(action(MESH_DO_SERVE));
    assert_true(sent(MESH_DO_ANSWER, MESSAGE_FETCHED, NULL, &m));
    assert_true(m.u.fetched.id == 77 && m.u.fetched.last && m.u.fetched.frame.len == 0);
    message_close(&m);
}

static void who_asks_too_often_is_not_heard_for_a_while(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * MESH_ASKS_PER_S; i++)
        ask_range(2, people[3].record.root, 1, 5);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_OVER_LIMIT), MESH_ASKS_PER_S);
    ask_range(1, people[3].record.root, 1, 5);
    assert_int_equal(up.n, 1);
    tick_at(now_ms + 1000);
    ask_range(2, people[3].record.root, 1, 5);
    assert_int_equal(count_actions(MESH_DO_ANSWER), 1);
}

static void messages_that_break_the_rules_are_blamed(void **state)
{
    (void)state;
    struct message m = { .kind = MESSAGE_FETCHED };
    m.u.fetched.last = true;
    step((struct mesh_event){ .kind = MESH_ASK, .neighbour = people[1].record.root, .bytes = { (const uint8_t *)"\xff\xff", 2 } });
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
    message(MESH_ASK, 1, &m);                        /* an answer is no question */
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
    m = (struct message){ .kind = MESSAGE_RECORD_WANT };
    message(MESH_ANSWER, 1, &m);                     /* nor the other way round */
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_BAD_MESSAGE), 3);
}

/* ---- at a start */

static void alone_it_is_settled_at_once(void **state)
{
    (void)state;
    tick_at(now_ms);
    assert_non_null(action(MESH_DO_SETTLED));
    assert_int_equal(action(MESH_DO_SETTLED)->above, 0);
    assert_true(mesh_settled(mesh));
    tick_at(now_ms + 5000);
    assert_null(action(MESH_DO_SETTLED));
}

static void without_an_answer_it_is_settled_after_a_while(void **state)
{
    (void)state;
    tick_at(now_ms + MESH_SETTLE_MS - 1);
    assert_false(mesh_settled(mesh));
    tick_at(now_ms + 1);
    assert_non_null(action(MESH_DO_SETTLED));
}

static void an_answer_without_own_batches_settles_it(void **state)
{
    (void)state;
    struct message m = { .kind = MESSAGE_HAVE };
    m.u.have.full = true;
    message(MESH_ASK, 1, &m);
    assert_false(mesh_settled(mesh));                /* not an answer */
    message(MESH_ANSWER, 1, &m);
    assert_true(mesh_settled(mesh));
    assert_int_equal(action(MESH_DO_SETTLED)->above, 0);
}

static void an_own_log_that_only_neighbours_hold_is_fetched_first(void **state)
{
    (void)state;
    size_t first = sign((struct plan){ .author = 0, .seq = 1 }), second = sign((struct plan){ .author = 0, .seq = 2 });
    assert_int_equal(mesh_held(mesh, &frames[first].ref), 0);
    have(MESH_ANSWER, 1, 0, 1, 2, true);
    assert_false(mesh_settled(mesh));
    struct asked a = asked_for_range();
    assert_true(a.any && a.from == 2 && a.to == 2);
    fetched(1, a.id, (long)second, true);
    assert_non_null(action(MESH_DO_STORE));
    assert_false(mesh_settled(mesh));
    stored(second, true);
    assert_true(mesh_settled(mesh));
    assert_int_equal(action(MESH_DO_SETTLED)->above, EPOCH + 1);
}

static void an_own_log_that_is_all_here_lets_the_epoch_go_on(void **state)
{
    (void)state;
    assert_int_equal(mesh_held(mesh, &frames[sign((struct plan){ .author = 0, .seq = 1 })].ref), 0);
    have(MESH_ANSWER, 1, 0, 1, 1, true);
    assert_true(mesh_settled(mesh));
    assert_int_equal(action(MESH_DO_SETTLED)->above, EPOCH);
}

static void an_unproved_claim_to_a_far_epoch_does_not_move_ours(void **state)
{
    (void)state;
    struct log_have log = { .epoch = (uint32_t)((NOW_S - INT64_C(1767225600)) / 60 + 24 * 60), .floor = 1, .head = 1 };
    struct message m = { .kind = MESSAGE_HAVE };
    memcpy(log.origin, people[0].record.root, KEY_BYTES);
    m.u.have.full = true;
    m.u.have.logs = &log;
    m.u.have.logs_n = 1;
    message(MESH_ANSWER, 1, &m);
    tick_at(now_ms + MESH_SETTLE_MS);
    assert_non_null(action(MESH_DO_SETTLED));
    assert_int_equal(action(MESH_DO_SETTLED)->above, 0);
}

static void an_own_batch_that_turns_up_late_begins_a_new_epoch(void **state)
{
    (void)state;
    tick_at(now_ms + MESH_SETTLE_MS);
    assert_true(mesh_settled(mesh));
    size_t own = sign((struct plan){ .author = 0, .seq = 1 }), lost = sign((struct plan){ .author = 0, .seq = 5 });
    step((struct mesh_event){ .kind = MESH_OWN, .name = &frames[own].name, .bytes = { frames[own].at, frames[own].len } });
    hear(1, lost);
    stored(lost, true);
    assert_non_null(action(MESH_DO_ALERT));
    assert_non_null(action(MESH_DO_SETTLED));
    assert_int_equal(action(MESH_DO_SETTLED)->above, EPOCH + 1);
    size_t older = sign((struct plan){ .author = 0, .epoch = EPOCH - 1, .seq = 5 });
    hear(1, older);
    stored(older, true);
    assert_null(action(MESH_DO_SETTLED));
}

/* ---- the same again */

static void equal_events_give_equal_actions(void **state)
{
    (void)state;
    struct asked first[20], again[20];
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 20; i++) {
            have(MESH_ASK, 1, 3, 1, 100 * i + 1, false);
            have(MESH_ASK, 2, 3, 1, 100 * i + 1, false);
            tick_at(now_ms + 11000);
            (round == 0 ? first : again)[i] = asked_for_range();
        }
        if (round == 0) {
            mesh_destroy(&mesh);
            begin(state);
        }
    }
    for (int i = 0; i < 20; i++) {
        assert_true(first[i].any == again[i].any && first[i].who == again[i].who && first[i].id == again[i].id);
        assert_true(first[i].from == again[i].from && first[i].to == again[i].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_new_link_is_told_all_and_asked_for_all),
        CLAIM(changes_are_told_every_five_seconds_and_nothing_twice),
        CLAIM(who_relayed_a_batch_with_holes_below_is_told_of_it),
        CLAIM(a_full_question_is_answered_with_all_that_it_did_not_tell),
        CLAIM(every_neighbour_in_turn_is_told_all),
        CLAIM(who_asks_for_an_answer_gets_one),
        CLAIM(a_gap_is_fetched_newest_first_in_ranges),
        CLAIM(a_jump_in_numbers_shows_a_gap),
        CLAIM(what_is_fetched_goes_the_way_of_every_batch),
        CLAIM(a_neighbour_that_does_not_answer_is_passed_over),
        CLAIM(a_lost_link_hands_its_fetches_to_another),
        CLAIM(a_claim_that_proves_wrong_is_passed_over_longer_and_longer),
        CLAIM(a_neighbour_is_asked_for_a_few_logs_at_once),
        CLAIM(what_the_disk_refused_is_fetched_again),
        CLAIM(what_the_disk_refused_amid_a_fetch_is_not_taken_for_lacking),
        CLAIM(another_hash_for_a_head_is_looked_into),
        CLAIM(an_ancestor_that_differs_is_looked_into),
        LIAR_CASES,
        CLAIM(a_range_is_served_from_the_store),
        CLAIM(a_range_of_an_unknown_log_is_answered_with_nothing),
        CLAIM(who_asks_too_often_is_not_heard_for_a_while),
        CLAIM(messages_that_break_the_rules_are_blamed),
        CLAIM(an_unknown_key_is_asked_for_and_then_its_batch_is_fetched),
        CLAIM(a_newer_record_is_asked_for_when_a_neighbour_has_one),
        CLAIM(a_record_that_does_not_verify_is_blamed),
        CLAIM(a_record_that_nobody_asked_for_is_dropped),
        CLAIM(who_lets_us_in_by_a_key_that_was_left_is_handed_our_record),
        CLAIM(a_neighbour_hands_over_its_own_newer_record_and_no_other),
        CLAIM(a_member_that_signs_records_without_end_is_slowed_down),
        CLAIM(a_record_with_anothers_curve_key_is_refused),
        CLAIM(a_key_that_was_rotated_away_signs_nothing_more),
        CLAIM(a_renewed_record_with_the_same_keys_ends_nothing),
        CLAIM(nothing_new_is_taken_of_who_has_left),
        CLAIM(known_records_are_served_lowest_first),
        CLAIM_ALONE(alone_it_is_settled_at_once),
        CLAIM(without_an_answer_it_is_settled_after_a_while),
        CLAIM(an_answer_without_own_batches_settles_it),
        CLAIM(an_own_log_that_only_neighbours_hold_is_fetched_first),
        CLAIM(an_own_log_that_is_all_here_lets_the_epoch_go_on),
        CLAIM(an_unproved_claim_to_a_far_epoch_does_not_move_ours),
        CLAIM(an_own_batch_that_turns_up_late_begins_a_new_epoch),
        CLAIM(equal_events_give_equal_actions),
        CLAIM(a_newer_list_is_asked_for_taken_and_told_on),
        CLAIM(a_lower_list_changes_nothing),
        CLAIM(the_list_of_an_unknown_introducer_is_ignored),
        CLAIM(a_list_that_nobody_asked_for_is_dropped),
        CLAIM(a_forged_list_is_blamed_and_another_neighbour_is_asked),
        CLAIM(a_neighbour_that_does_not_answer_is_not_asked_again_at_once),
        CLAIM(a_list_told_of_too_soon_is_asked_for_later),
        CLAIM(a_list_under_an_unknown_record_waits_for_it),
        CLAIM(a_member_that_signs_lists_without_end_is_slowed_down),
        CLAIM(an_own_list_that_only_others_have_is_taken_back),
        CLAIM(a_list_that_could_not_be_stored_is_fetched_again),
        CLAIM(who_becomes_known_is_asked_about_at_once),
    };
    return cmocka_run_group_tests_name("mesh_repair", tests, people_make, people_free);
}
