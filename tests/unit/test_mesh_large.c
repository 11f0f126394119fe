/* node/mesh: what a coalition of many does to save bytes: from whom batches come, and how origins are named. */
#define FIXTURE_MEMBERS 70
#include "tests/unit/mesh_fixture.h"

enum { NEIGHBOURS = 4, ORIGIN = 9 };

static void begin_with(void **state, unsigned members)
{
    begin_alone(state);
    for (unsigned i = 1; i < members; i++)
        know(i, i <= NEIGHBOURS);
    tick_at(now_ms);
    for (unsigned i = 1; i <= NEIGHBOURS; i++)
        link_to(i, true);
}

static int begin_large(void **state)
{
    begin_with(state, MEMBERS);
    return 0;
}

static int begin_small(void **state)
{
    begin_with(state, MESH_LARGE_MIN - 1);
    return 0;
}

static bool does(enum mesh_action_kind kind, unsigned neighbour, unsigned origin)
{
    for (size_t i = 0; i < up.n; i++) {
        const struct mesh_action *a = &up.actions[i];
        if (a->kind == kind && is_about(a, neighbour) && memcmp(a->origin, people[origin].record.root, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

/* One batch, brought by all neighbours in turn; how many were given up for it. */
static unsigned hear_from_all(unsigned author, uint64_t seq)
{
    size_t f = sign((struct plan){ .author = author, .seq = seq });
    unsigned given_up = 0;

    for (unsigned i = 1; i <= NEIGHBOURS; i++) {
        hear(i, f);
        given_up += does(MESH_DO_UNSUBSCRIBE, i, author);
        assert_int_equal(count_actions(MESH_DO_UNSUBSCRIBE), does(MESH_DO_UNSUBSCRIBE, i, author));
    }
    stored(f, true);
    return given_up;
}

static void the_third_copy_and_later_ones_are_given_up(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = ORIGIN, .seq = 1 });
    hear(1, f);
    hear(2, f);
    assert_int_equal(count_actions(MESH_DO_UNSUBSCRIBE), 0);
    hear(3, f);
    assert_true(does(MESH_DO_UNSUBSCRIBE, 3, ORIGIN));
    hear(4, f);
    assert_true(does(MESH_DO_UNSUBSCRIBE, 4, ORIGIN));
    assert_int_equal(hear_from_all(ORIGIN, 2), 0);             /* two stay, whatever comes */
}

/* Always in one order: 1 stays, since it is first, and 2 does not bring all that 1 does not. */
static void what_the_second_brings_is_shared_among_the_others(void **state)
{
    unsigned given_up[NEIGHBOURS + 1] = { 0 };
    (void)state;
    for (unsigned author = NEIGHBOURS + 1; author < MEMBERS; author++) {
        size_t f = sign((struct plan){ .author = author, .seq = 1 });
        for (unsigned i = 1; i <= NEIGHBOURS; i++) {
            hear(i, f);
            for (unsigned who = 1; who <= NEIGHBOURS; who++)
                given_up[who] += does(MESH_DO_UNSUBSCRIBE, who, author);
        }
    }
    const unsigned all = MEMBERS - NEIGHBOURS - 1;
    assert_int_equal(given_up[1], 0);
    assert_int_equal(given_up[2] + given_up[3] + given_up[4], 2 * all);
    for (unsigned who = 2; who <= NEIGHBOURS; who++)
        assert_true(given_up[who] < all * 5 / 6);
}

static void say_subscribers(unsigned neighbour, uint32_t n)
{
    struct message m = { .kind = MESSAGE_HAVE, .u.have.subscribers = n };

    message(MESH_ASK, neighbour, &m);
}

/* Both bring the same second and third copies in turn; 3 sends to four times as many as 2 and 4. */
static void who_sends_to_many_is_relieved_first(void **state)
{
    unsigned given_up[NEIGHBOURS + 1] = { 0 };
    (void)state;
    say_subscribers(2, 4);
    say_subscribers(3, 16);
    say_subscribers(4, 4);
    for (unsigned author = NEIGHBOURS + 1; author < MEMBERS; author++) {
        size_t f = sign((struct plan){ .author = author, .seq = 1 });
        for (unsigned i = 1; i <= NEIGHBOURS; i++) {
            hear(i, f);
            for (unsigned who = 1; who <= NEIGHBOURS; who++)
                given_up[who] += does(MESH_DO_UNSUBSCRIBE, who, author);
        }
    }
    assert_true(given_up[3] > given_up[2] + 10 && given_up[3] > given_up[4] + 10);
}

/* What comes from enough others comes from it for a part, and what it says itself always. */
static void a_new_link_begins_with_its_share(void **state)
{
    unsigned n = 0;
    (void)state;
    know(NEIGHBOURS + 1, true);
    tick_at(now_ms);
    for (unsigned author = 1; author < MEMBERS; author++)
        n += does(MESH_DO_SUBSCRIBE, NEIGHBOURS + 1, author);
    assert_true(n > MEMBERS / 10 && n < MEMBERS / 2);
    assert_true(does(MESH_DO_SUBSCRIBE, NEIGHBOURS + 1, NEIGHBOURS + 1));
}

static void a_small_coalition_gives_up_nobody(void **state)
{
    (void)state;
    assert_int_equal(hear_from_all(ORIGIN, 1), 0);
}

static void an_origins_own_link_stays(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = NEIGHBOURS, .seq = 1 });
    hear(1, f);
    hear(2, f);
    hear(NEIGHBOURS, f);
    assert_int_equal(count_actions(MESH_DO_UNSUBSCRIBE), 0);
    hear(3, f);
    assert_true(does(MESH_DO_UNSUBSCRIBE, 3, NEIGHBOURS));
}

static void a_lost_link_is_made_good_by_another(void **state)
{
    (void)state;
    assert_int_equal(hear_from_all(ORIGIN, 1), 2);
    link_to(1, false);
    assert_int_equal(does(MESH_DO_SUBSCRIBE, 3, ORIGIN) + does(MESH_DO_SUBSCRIBE, 4, ORIGIN), 1);
    assert_int_equal(hear_from_all(ORIGIN, 2), 0);             /* for a minute nothing is given up again */
}

static void who_had_what_the_others_kept_back_is_heard_again(void **state)
{
    (void)state;
    struct asked a;
    assert_int_equal(hear_from_all(ORIGIN, 1), 2);
    have(MESH_ASK, 4, ORIGIN, 1, 2, false);
    tick_at(up.wake_at_ms);
    a = asked_for_range();
    assert_true(a.any && a.who == 4 && a.to == 2);
    fetched(4, a.id, (long)sign((struct plan){ .author = ORIGIN, .seq = 2 }), false);
    assert_true(does(MESH_DO_SUBSCRIBE, 4, ORIGIN));
}

static void a_link_that_is_no_longer_wanted_gives_up_its_topics_once(void **state)
{
    (void)state;
    assert_int_equal(hear_from_all(ORIGIN, 1), 2);
    know(4, false);
    tick_at(now_ms);
    assert_false(does(MESH_DO_UNSUBSCRIBE, 4, ORIGIN));
    assert_true(does(MESH_DO_UNSUBSCRIBE, 4, ORIGIN + 1));
    assert_int_equal(hear_from_all(ORIGIN, 2), 0);             /* two are left */
    link_to(1, false);
    link_to(2, false);
    know(4, true);
    tick_at(now_ms);
    assert_true(does(MESH_DO_SUBSCRIBE, 4, ORIGIN));           /* as if it were new: what is lacking comes from it */
}

/* ---- who takes batches here is not told of them */

static void subscribe(unsigned neighbour, unsigned origin, bool on)
{
    uint8_t topic[MESH_TOPIC_BYTES] = { 'B' };

    memcpy(topic + 1, people[origin].record.root, MESH_TOPIC_BYTES - 1);
    step((struct mesh_event){ .kind = on ? MESH_SUBSCRIBED : MESH_UNSUBSCRIBED, .neighbour = people[neighbour].record.root, .bytes = { topic, sizeof topic } });
}

static bool names(const struct log_have *l, unsigned origin)
{
    return memcmp(l->origin, people[origin].record.root, l->is_short ? ORIGIN_SHORT_BYTES : KEY_BYTES) == 0;
}

/* In the Haves of this step. */
static bool tells_by(enum mesh_action_kind kind, unsigned neighbour, unsigned origin)
{
    bool found = false;

    for (size_t i = 0; i < up.n; i++) {
        struct message m = { 0 };
        if (up.actions[i].kind != kind || !is_about(&up.actions[i], neighbour) || message_decode(up.actions[i].frame, &m) != 0)
            continue;
        for (size_t j = 0; m.kind == MESSAGE_HAVE && j < m.u.have.logs_n; j++)
            found = found || (names(&m.u.have.logs[j], origin) && m.u.have.logs[j].head > 0);
        message_close(&m);
    }
    return found;
}

static bool tells(unsigned neighbour, unsigned origin)
{
    return tells_by(MESH_DO_ASK, neighbour, origin);
}

static void bring(unsigned from, uint64_t seq)
{
    size_t f = sign((struct plan){ .author = ORIGIN, .seq = seq });

    hear(from, f);
    stored(f, true);
}

/* That there is such a log at all, everybody is told. */
static void begin_log(void)
{
    bring(2, 1);
    tick_at(now_ms + MESH_HAVE_MS);
}

static void who_was_sent_a_batch_is_not_told_of_it(void **state)
{
    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    bring(2, 2);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_false(tells(1, ORIGIN));
    assert_false(tells(2, ORIGIN));    /* which brought it */
    assert_true(tells(3, ORIGIN) && tells(4, ORIGIN));
}

/* Its queue here was full, say, and at all others, too: then nobody tells it of its own accord. */
static void who_lost_what_it_was_sent_hears_of_it_when_it_asks_for_all(void **state)
{
    struct message question = { .kind = MESSAGE_HAVE, .u.have = { .full = true, .answer_wanted = true } };

    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    bring(2, 2);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_false(tells(1, ORIGIN));
    message(MESH_ASK, 1, &question);
    assert_true(tells_by(MESH_DO_ANSWER, 1, ORIGIN));
}

static void who_comes_in_the_place_of_another_was_sent_nothing(void **state)
{
    struct message question = { .kind = MESSAGE_HAVE, .u.have = { .answer_wanted = true } };

    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    bring(2, 2);
    know(1, false);
    know(NEIGHBOURS + 1, true);
    tick_at(now_ms);
    message(MESH_ASK, NEIGHBOURS + 1, &question);
    assert_true(tells_by(MESH_DO_ANSWER, NEIGHBOURS + 1, ORIGIN));
}

static void so_it_is_with_an_own_batch(void **state)
{
    (void)state;
    subscribe(1, 0, true);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        size_t f = sign((struct plan){ .author = 0, .seq = seq });
        step((struct mesh_event){ .kind = MESH_OWN, .name = &frames[f].name, .bytes = { frames[f].at, frames[f].len } });
        tick_at(now_ms + MESH_HAVE_MS);
    }
    assert_false(tells(1, 0));
    assert_true(tells(3, 0));
}

/* 2 brings the third batch; the second is fetched from it, is no news and so is not relayed. */
static void what_is_not_relayed_is_told_to_all(void **state)
{
    struct asked a;
    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    bring(2, 3);
    have(MESH_ASK, 2, ORIGIN, 1, 3, false);
    do {
        tick_at(up.wake_at_ms);
        assert_false(tells(1, ORIGIN));
        a = asked_for_range();
    } while (!a.any);
    assert_int_equal(a.who, 2);
    size_t f = sign((struct plan){ .author = ORIGIN, .seq = 2 });
    fetched(2, a.id, (long)f, false);
    stored(f, true);
    assert_int_equal(count_actions(MESH_DO_PUBLISH), 0);
    bring(2, 4);                       /* what follows is sent, but not alone */
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(tells(1, ORIGIN));
    bring(2, 5);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_false(tells(1, ORIGIN));    /* now it knows */
}

static void who_takes_it_no_longer_is_told(void **state)
{
    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    subscribe(3, ORIGIN, true);
    subscribe(1, ORIGIN, false);
    bring(2, 2);
    subscribe(1, ORIGIN, true);        /* too late for this one */
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(tells(1, ORIGIN));
    assert_false(tells(3, ORIGIN));
}

static void a_lost_connection_takes_its_subscriptions_along(void **state)
{
    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    link_to(1, false);
    link_to(1, true);
    bring(2, 2);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(tells(1, ORIGIN));
}

static void all_are_told_in_a_full_question(void **state)
{
    bool told = false;
    (void)state;
    for (unsigned i = 1; i <= NEIGHBOURS; i++)
        subscribe(i, ORIGIN, true);
    begin_log();
    for (int i = 0; !told && i < 100; i++) {
        tick_at(now_ms + MESH_HAVE_MS);
        told = tells(1, ORIGIN);
    }
    assert_true(told);
}

/* Members of whom nothing but a key is known. */
static void know_many(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct record twin = people[ORIGIN].record;
        twin.root[0] ^= (uint8_t)(1 + i / 200);
        twin.root[1] ^= (uint8_t)(1 + i % 200);
        memset(twin.curve, (int)(i / 200), sizeof twin.curve / 2);
        memset(twin.curve + sizeof twin.curve / 2, (int)(i % 200), sizeof twin.curve / 2);
        assert_int_equal(mesh_member_set(mesh, &twin, (struct bytes){ people[ORIGIN].frame, people[ORIGIN].frame_len }, false), 0);
    }
}

/* Full vectors, to anybody. */
static unsigned full_questions_within(int64_t ms)
{
    unsigned n = 0;

    for (int64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        tick_at(up.wake_at_ms < end_ms ? up.wake_at_ms : end_ms);
        for (size_t i = 0; i < up.n; i++) {
            struct message m = { 0 };
            if (up.actions[i].kind != MESH_DO_ASK || message_decode(up.actions[i].frame, &m) != 0)
                continue;
            n += m.kind == MESSAGE_HAVE && m.u.have.full && m.u.have.answer_wanted;
            message_close(&m);
        }
    }
    return n;
}

static unsigned full_questions(void)
{
    return full_questions_within(600000);
}

static void the_more_members_the_rarer_a_full_question(void **state)
{
    (void)state;
    know_many(300);
    tick_at(now_ms);
    for (unsigned i = NEIGHBOURS + 1; i <= NEIGHBOURS + 2; i++) {
        know(i, true);
        link_to(i, true);
    }
    full_questions();                  /* those for the new members are over */
    unsigned n = full_questions();
    assert_true(n >= 9 && n <= 11);
}

static void with_few_links_a_full_question_is_as_frequent_as_ever(void **state)
{
    (void)state;
    know_many(300);
    tick_at(now_ms);
    full_questions();
    unsigned n = full_questions();
    assert_true(n >= 19 && n <= 21);
}

/* Also when the next one was put off while there were more. */
static void when_links_become_few_a_full_question_is_due_soon(void **state)
{
    (void)state;
    know_many(300);
    tick_at(now_ms);
    know(NEIGHBOURS + 1, true);
    link_to(NEIGHBOURS + 1, true);
    full_questions();
    while (full_questions_within(1000) == 0)
        ;
    assert_int_equal(full_questions_within(MESH_FULL_HAVE_MS + 2000), 0);
    while (full_questions_within(1000) == 0)
        ;
    link_to(NEIGHBOURS + 1, false);
    assert_true(full_questions_within(MESH_FULL_HAVE_MS) > 0);
}

static void in_a_small_coalition_who_was_sent_it_is_told_too(void **state)
{
    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    bring(2, 2);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(tells(1, ORIGIN));
}

/* The topic names no member, or two: nobody is taken to know what it may not. */
static void odd_subscriptions_change_nothing(void **state)
{
    uint8_t topic[MESH_TOPIC_BYTES] = { 'B' };
    struct record twin = people[ORIGIN].record;
    (void)state;
    twin.root[KEY_BYTES - 1] ^= 1;
    twin.curve[0] ^= 1;
    assert_int_equal(mesh_member_set(mesh, &twin, (struct bytes){ people[ORIGIN].frame, people[ORIGIN].frame_len }, false), 0);
    step((struct mesh_event){ .kind = MESH_SUBSCRIBED, .neighbour = people[1].record.root, .bytes = { topic, sizeof topic } });
    step((struct mesh_event){ .kind = MESH_SUBSCRIBED, .neighbour = people[1].record.root, .bytes = { topic, 1 } });
    step((struct mesh_event){ .kind = MESH_UNSUBSCRIBED, .neighbour = people[1].record.root, .bytes = { topic, sizeof topic } });
    begin_log();
    subscribe(1, ORIGIN, true);
    bring(2, 2);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(tells(1, ORIGIN));
}

static void subscribers_are_told_as_a_number(void **state)
{
    struct message m = { 0 };
    (void)state;
    subscribe(1, ORIGIN, true);
    subscribe(1, ORIGIN + 1, true);
    subscribe(2, ORIGIN, true);
    subscribe(3, ORIGIN, true);
    subscribe(3, ORIGIN, false);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    assert_int_equal(m.u.have.subscribers, 2);
    message_close(&m);
    mesh_member_drop(mesh, people[ORIGIN].record.root);
    know(1, false);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    assert_int_equal(m.u.have.subscribers, 0);
    message_close(&m);
}

/* Neighbour 2 goes on asking, 1 does not; its connection went, and nobody said so. */
static void who_asks_nothing_any_more_subscribes_to_nothing(void **state)
{
    struct message m = { 0 };
    (void)state;
    subscribe(1, ORIGIN, true);
    subscribe(2, ORIGIN, true);
    for (int i = 0; i < 30; i++) {
        say_subscribers(2, 1);
        tick_at(now_ms + MESH_HAVE_MS);
    }
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    assert_int_equal(m.u.have.subscribers, 1);
    message_close(&m);
}

/* ---- names of origins */

static struct log_have told_of(unsigned origin)
{
    struct message m = { 0 };
    struct log_have log = { 0 };

    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    for (size_t i = 0; i < m.u.have.logs_n; i++) {
        if (memcmp(m.u.have.logs[i].origin, people[origin].record.root, m.u.have.logs[i].is_short ? ORIGIN_SHORT_BYTES : KEY_BYTES) == 0)
            log = m.u.have.logs[i];
    }
    message_close(&m);
    return log;
}

static void origins_are_told_by_a_part_of_their_key(void **state)
{
    (void)state;
    size_t f = sign((struct plan){ .author = ORIGIN, .seq = 1 });
    hear(2, f);
    stored(f, true);
    struct log_have log = told_of(ORIGIN);
    assert_true(log.is_short && log.head == 1);
}

static void origins_that_begin_alike_are_told_in_full(void **state)
{
    (void)state;
    struct record twin = people[ORIGIN].record;
    size_t f = sign((struct plan){ .author = ORIGIN, .seq = 1 });
    twin.root[KEY_BYTES - 1] ^= 1;
    twin.curve[0] ^= 1;
    assert_int_equal(mesh_member_set(mesh, &twin, (struct bytes){ people[ORIGIN].frame, people[ORIGIN].frame_len }, false), 0);
    hear(2, f);
    stored(f, true);
    struct log_have log = told_of(ORIGIN);
    assert_true(!log.is_short && log.head == 1);
}

static void a_part_of_a_key_is_enough_to_fetch(void **state)
{
    (void)state;
    struct log_have log = { .epoch = EPOCH, .floor = 1, .head = 3, .is_short = true };
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs_n = 1, .logs = &log } };
    memcpy(log.origin, people[ORIGIN].record.root, ORIGIN_SHORT_BYTES);
    message(MESH_ASK, 3, &m);
    tick_at(up.wake_at_ms);
    struct asked a = asked_for_range();
    assert_true(a.any && a.who == 3 && a.from == 1 && a.to == 3);
}

#define LARGE(name) cmocka_unit_test_setup_teardown(name, begin_large, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LARGE(the_third_copy_and_later_ones_are_given_up),
        LARGE(what_the_second_brings_is_shared_among_the_others),
        LARGE(who_sends_to_many_is_relieved_first),
        LARGE(a_new_link_begins_with_its_share),
        cmocka_unit_test_setup_teardown(a_small_coalition_gives_up_nobody, begin_small, end),
        LARGE(who_was_sent_a_batch_is_not_told_of_it),
        LARGE(who_lost_what_it_was_sent_hears_of_it_when_it_asks_for_all),
        LARGE(who_comes_in_the_place_of_another_was_sent_nothing),
        LARGE(so_it_is_with_an_own_batch),
        LARGE(what_is_not_relayed_is_told_to_all),
        LARGE(who_takes_it_no_longer_is_told),
        LARGE(a_lost_connection_takes_its_subscriptions_along),
        LARGE(all_are_told_in_a_full_question),
        LARGE(the_more_members_the_rarer_a_full_question),
        LARGE(with_few_links_a_full_question_is_as_frequent_as_ever),
        LARGE(when_links_become_few_a_full_question_is_due_soon),
        cmocka_unit_test_setup_teardown(in_a_small_coalition_who_was_sent_it_is_told_too, begin_small, end),
        LARGE(odd_subscriptions_change_nothing),
        LARGE(subscribers_are_told_as_a_number),
        LARGE(who_asks_nothing_any_more_subscribes_to_nothing),
        LARGE(an_origins_own_link_stays),
        LARGE(a_lost_link_is_made_good_by_another),
        LARGE(who_had_what_the_others_kept_back_is_heard_again),
        LARGE(a_link_that_is_no_longer_wanted_gives_up_its_topics_once),
        LARGE(origins_are_told_by_a_part_of_their_key),
        LARGE(origins_that_begin_alike_are_told_in_full),
        LARGE(a_part_of_a_key_is_enough_to_fetch),
    };

    return cmocka_run_group_tests(tests, people_make, people_free);
}
