/* node/mesh: what a coalition of many does to save bytes: from whom batches come, and how origins are named. */
#include "tests/unit/mesh_large.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        LARGE(the_third_copy_and_later_ones_are_given_up),
        LARGE(what_the_second_brings_is_shared_among_the_others),
        LARGE(who_sends_to_many_is_relieved_first),
        LARGE(a_new_link_begins_with_its_share),
        SMALL(a_small_coalition_gives_up_nobody),
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
