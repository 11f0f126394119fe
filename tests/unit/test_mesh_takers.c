/* node/mesh: in a coalition of many, who takes batches here is not told of them, and full questions are rare. */
#include "tests/unit/mesh_large.h"

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

/* It knows of the batch, and cannot know what we keep of those before it. */
static void who_was_sent_a_batch_is_told_what_was_forgotten_for_it(void **state)
{
    (void)state;
    assert_int_equal(mesh_member_subjects(mesh, people[ORIGIN].record.root, 3), 0);
    begin_log();
    subscribe(1, ORIGIN, true);
    for (uint64_t seq = 2; seq <= 3; seq++) {
        bring(2, seq);
        tick_at(now_ms + MESH_HAVE_MS);
        assert_false(tells(1, ORIGIN));
    }
    bring(2, 4);                       /* the first one goes */
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(tells(1, ORIGIN) && tells(3, ORIGIN));
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

/* Its SUB alone broke, and is there again. */
static void who_subscribes_anew_is_told_of_what_it_was_sent(void **state)
{
    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    subscribe(3, ORIGIN, true);
    bring(2, 2);
    step((struct mesh_event){ .kind = MESH_SUBSCRIBES_ANEW, .neighbour = people[1].record.root });
    subscribe(1, ORIGIN, true);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_true(tells(1, ORIGIN));
    assert_false(tells(3, ORIGIN));
    bring(2, 3);
    tick_at(now_ms + MESH_HAVE_MS);
    assert_false(tells(1, ORIGIN));
}

static void what_was_given_up_while_not_connected_is_told(void **state)
{
    (void)state;
    begin_log();
    subscribe(1, ORIGIN, true);
    step((struct mesh_event){ .kind = MESH_SUBSCRIBES_ANEW, .neighbour = people[1].record.root });
    subscribe(1, ORIGIN + 1, true);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        LARGE(who_was_sent_a_batch_is_not_told_of_it),
        LARGE(who_lost_what_it_was_sent_hears_of_it_when_it_asks_for_all),
        LARGE(who_comes_in_the_place_of_another_was_sent_nothing),
        LARGE(so_it_is_with_an_own_batch),
        LARGE(what_is_not_relayed_is_told_to_all),
        LARGE(who_was_sent_a_batch_is_told_what_was_forgotten_for_it),
        LARGE(who_takes_it_no_longer_is_told),
        LARGE(a_lost_connection_takes_its_subscriptions_along),
        LARGE(who_subscribes_anew_is_told_of_what_it_was_sent),
        LARGE(what_was_given_up_while_not_connected_is_told),
        LARGE(all_are_told_in_a_full_question),
        LARGE(the_more_members_the_rarer_a_full_question),
        LARGE(with_few_links_a_full_question_is_as_frequent_as_ever),
        LARGE(when_links_become_few_a_full_question_is_due_soon),
        SMALL(in_a_small_coalition_who_was_sent_it_is_told_too),
        LARGE(odd_subscriptions_change_nothing),
        LARGE(subscribers_are_told_as_a_number),
        LARGE(who_asks_nothing_any_more_subscribes_to_nothing),
    };

    return cmocka_run_group_tests(tests, people_make, people_free);
}
