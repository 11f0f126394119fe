/* node/mesh_net_peer: which CURVE key before the newest is good, and until when, when records come newest first, as they lie in the store.
 * node/mesh_net_keys: how long keys of our own that were left are kept, and whom they are offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "node/mesh_net_private.h"

enum { NOW_S = 1800000000, DAY_S = 86400 };

static struct mesh_net net;
static struct net_peer peer, *peers[] = { &peer };

static struct record record_of(int64_t serial, uint8_t key)
{
    struct record r = { .serial = (uint64_t)serial };

    memset(r.root, 7, KEY_BYTES);
    memset(r.curve, key, KEY_BYTES);
    return r;
}

static void hear(int64_t serial, uint8_t key)
{
    struct record r = record_of(serial, key);

    net_peer_record(&net, &r);
}

static int begin(void **state)
{
    (void)state;
    memset(&net, 0, sizeof net);
    memset(&peer, 0, sizeof peer);
    net.now_s = NOW_S;
    net.peers = peers;
    net.peers_n = 1;
    peer.record = record_of(NOW_S - 60, 3);
    return 0;
}

static void the_key_before_is_good_for_a_while(void **state)
{
    (void)state;
    hear(NOW_S - DAY_S, 2);
    hear(NOW_S - 2 * DAY_S, 1);
    assert_true(keys_old_is_good(&net, &peer));
    assert_int_equal(peer.old_curve[0], 2);
    net.now_s += NET_OLD_KEY_S;
    assert_false(keys_old_is_good(&net, &peer));
}

/* The newest record was due, and changed no key. */
static void a_new_record_with_the_same_key_makes_none_before_it_good_again(void **state)
{
    (void)state;
    hear(NOW_S - DAY_S, 3);
    hear(NOW_S - 2 * DAY_S, 2);
    assert_false(keys_old_is_good(&net, &peer));
}

static void nor_does_it_in_another_order(void **state)
{
    (void)state;
    hear(NOW_S - 2 * DAY_S, 2);
    hear(NOW_S - DAY_S, 3);
    assert_false(keys_old_is_good(&net, &peer));
    peer.record = record_of(NOW_S - DAY_S, 3);
    peer.curve_serial = peer.old_serial = 0;
    hear(NOW_S - 60, 3);
    hear(NOW_S - 2 * DAY_S, 2);
    assert_false(keys_old_is_good(&net, &peer));
}

/* Else its connections would be cut for it. */
static void a_key_that_was_over_before_is_none_to_end(void **state)
{
    (void)state;
    peer.record = record_of(NOW_S - DAY_S, 3);
    hear(NOW_S - 2 * DAY_S, 2);
    assert_false(peer.has_old);
}

/* ---- ours */

static int uses;
static enum net_keys used;

static void on_keys_in_use(void *ctx, enum net_keys what)
{
    (void)ctx;
    uses++;
    used = what;
}

static void tick_at(int64_t now_s)
{
    net.now_ms += NET_STATE_MS;
    net.now_s = now_s;
    keys_tick(&net);
}

/* The clock has gone right for an hour by then. */
static void believed_at(int64_t now_s)
{
    tick_at(now_s - NET_CLOCK_STEADY_MS / 1000);
    net.now_ms += NET_CLOCK_STEADY_MS - NET_STATE_MS;
    tick_at(now_s);
}

/* One neighbour with a link, which has said nothing yet; two keys of ours were left. */
static int begin_left(void **state)
{
    struct mesh_config c = { .federation = "unit", .ttl_s = 86400 };

    begin(state);
    uses = 0;
    assert_int_equal(mesh_create(&c, &net.mesh), 0);
    net.handlers.keys_in_use = on_keys_in_use;
    net.own_serial = NOW_S;
    net.left_n = 2;
    net.left[0].left_s = NOW_S;
    net.left[1].left_s = NOW_S - DAY_S;
    peer.wanted = true;
    return 0;
}

static int end_left(void **state)
{
    (void)state;
    mesh_destroy(&net.mesh);
    return 0;
}

static void keys_that_were_left_are_kept_as_long_as_a_neighbour_has_not_heard(void **state)
{
    (void)state;
    believed_at(NOW_S + 1);
    believed_at(NOW_S + IDENTITY_LEFT_S - DAY_S - 1);
    assert_int_equal(net.left_n, 2);
    assert_int_equal(uses, 0);
    believed_at(NOW_S + IDENTITY_LEFT_S - DAY_S);            /* the older one is over */
    assert_int_equal(net.left_n, 1);
    assert_true(uses == 1 && used == NET_KEYS_OVER);         /* so it leaves the file, too */
    believed_at(NOW_S + IDENTITY_LEFT_S - 1);
    assert_true(keys_unaware(&net, &peer));
    assert_int_equal(net.left_n, 1);
    assert_int_equal(uses, 1);
    believed_at(NOW_S + IDENTITY_LEFT_S);
    assert_int_equal(net.left_n, 0);
    assert_false(keys_unaware(&net, &peer));
    assert_true(uses == 2 && used == NET_KEYS_OVER);
}

/* Set back between two changes: what was left last has the earlier time. */
static void each_goes_by_its_own_time_and_is_cleared(void **state)
{
    static const struct curve_left nothing;

    (void)state;
    net.left[0].left_s = NOW_S - IDENTITY_LEFT_S;
    net.left[1].left_s = NOW_S - DAY_S;
    memset(net.left[0].secret, 1, KEY_BYTES);
    memset(net.left[1].secret, 2, KEY_BYTES);
    peer.link.offer = 2;
    peer.link.state = LINK_TRYING;
    net.change.under_way = true;                             /* of keys that are newer than both; nobody has heard of it */
    believed_at(NOW_S);
    assert_int_equal(net.left_n, 1);
    assert_int_equal(net.left[0].secret[0], 2);
    assert_memory_equal(&net.left[1], &nothing, sizeof nothing);
    assert_true(peer.link.renew && peer.link.offer == 0);    /* places have moved: from the first on, again */
    assert_true(uses == 1 && used == NET_KEYS_OVER);
}

/* So says the clock. One that is behind for a while, as before it was set after a start, changes nothing. */
static void a_key_that_was_left_under_a_clock_ahead_ends_too(void **state)
{
    (void)state;
    net.left[0].left_s = NOW_S + 1000 * DAY_S;
    tick_at(NOW_S);
    net.now_ms += NET_CLOCK_STEADY_MS - 2 * NET_STATE_MS;
    tick_at(NOW_S + 3599);
    tick_at(NOW_S + 1000 * DAY_S);                           /* it is set right */
    assert_int_equal(net.left[0].left_s, NOW_S + 1000 * DAY_S);
    assert_int_equal(net.left_n, 2);
    uses = 0;
    tick_at(NOW_S);
    net.now_ms += NET_CLOCK_STEADY_MS - NET_STATE_MS;
    tick_at(NOW_S + 3600);
    assert_int_equal(net.left[0].left_s, NOW_S + 3600);
    assert_true(uses == 1 && used == NET_KEYS_OVER);
    believed_at(NOW_S + 3600 + IDENTITY_LEFT_S - 1);
    assert_int_equal(net.left_n, 1);
    believed_at(NOW_S + 3600 + IDENTITY_LEFT_S);
    assert_int_equal(net.left_n, 0);
}

/* A year ahead at the start, until it is set: neighbours that were away may still need them. */
static void a_clock_that_was_ahead_for_a_while_ends_none(void **state)
{
    (void)state;
    tick_at(NOW_S + 365 * DAY_S);
    net.now_ms += NET_CLOCK_STEADY_MS - 2 * NET_STATE_MS;
    tick_at(NOW_S + 365 * DAY_S + 3599);                     /* for nearly an hour */
    tick_at(NOW_S + 3600);                                   /* it is set right */
    net.now_ms += NET_CLOCK_STEADY_MS - 2 * NET_STATE_MS;
    tick_at(NOW_S + 7199);
    tick_at(NOW_S + 365 * DAY_S);                            /* and goes wrong once more */
    assert_int_equal(net.left_n, 2);
    believed_at(NOW_S + 7200);
    assert_int_equal(net.left_n, 2);
    assert_int_equal(uses, 0);
}

/* As ntpd and chronyd do it with a small error. */
static void a_clock_that_is_set_by_little_is_believed(void **state)
{
    (void)state;
    tick_at(NOW_S + IDENTITY_LEFT_S - 3600 - 60);
    net.now_ms += NET_CLOCK_STEADY_MS - 2 * NET_STATE_MS;
    tick_at(NOW_S + IDENTITY_LEFT_S - 1);                    /* by a minute */
    tick_at(NOW_S + IDENTITY_LEFT_S);
    assert_int_equal(net.left_n, 0);
}

static void they_are_forgotten_as_soon_as_all_have_heard(void **state)
{
    (void)state;
    net.own_serial = 0;                                      /* what the neighbour says to know, too */
    tick_at(NOW_S + 1);
    assert_int_equal(net.left_n, 0);
    assert_true(uses == 1 && used == NET_KEYS_HEARD);
}

static void without_a_neighbour_nobody_has_heard(void **state)
{
    (void)state;
    net.own_serial = 0;
    peer.wanted = false;
    tick_at(NOW_S + 1);
    assert_int_equal(net.left_n, 2);
}

static void who_refuses_us_is_offered_one_key_after_the_other(void **state)
{
    (void)state;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 1; i <= 2; i++) {
            keys_refused(&net, &peer);
            assert_int_equal(peer.link.offer, i);
            assert_int_equal(peer.link.retry_ms, net.now_ms + NET_BACKOFF_MS);
        }
        peer.link.retry_ms = 1;
        keys_refused(&net, &peer);
        assert_int_equal(peer.link.offer, 0);
        assert_int_equal(peer.link.retry_ms, 1);             /* all were tried: the back-off is that of the link */
    }
}

static void who_has_heard_is_offered_the_newest_alone(void **state)
{
    (void)state;
    peer.link.offer = 1;
    peer.link.state = LINK_UP;
    tick_at(NOW_S + 1);
    assert_false(peer.link.renew);
    net.own_serial = 0;
    tick_at(NOW_S + 2);
    assert_true(peer.link.renew && peer.link.offer == 0);
    keys_refused(&net, &peer);
    assert_int_equal(peer.link.offer, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_key_before_is_good_for_a_while, begin),
        cmocka_unit_test_setup(a_new_record_with_the_same_key_makes_none_before_it_good_again, begin),
        cmocka_unit_test_setup(nor_does_it_in_another_order, begin),
        cmocka_unit_test_setup(a_key_that_was_over_before_is_none_to_end, begin),
        cmocka_unit_test_setup_teardown(keys_that_were_left_are_kept_as_long_as_a_neighbour_has_not_heard, begin_left, end_left),
        cmocka_unit_test_setup_teardown(each_goes_by_its_own_time_and_is_cleared, begin_left, end_left),
        cmocka_unit_test_setup_teardown(a_key_that_was_left_under_a_clock_ahead_ends_too, begin_left, end_left),
        cmocka_unit_test_setup_teardown(a_clock_that_was_ahead_for_a_while_ends_none, begin_left, end_left),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_by_little_is_believed, begin_left, end_left),
        cmocka_unit_test_setup_teardown(they_are_forgotten_as_soon_as_all_have_heard, begin_left, end_left),
        cmocka_unit_test_setup_teardown(without_a_neighbour_nobody_has_heard, begin_left, end_left),
        cmocka_unit_test_setup_teardown(who_refuses_us_is_offered_one_key_after_the_other, begin_left, end_left),
        cmocka_unit_test_setup_teardown(who_has_heard_is_offered_the_newest_alone, begin_left, end_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
