/* node/mesh_net_peer: which CURVE key before the newest is good, and until when, when records come newest first, as they lie in the store. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_key_before_is_good_for_a_while, begin),
        cmocka_unit_test_setup(a_new_record_with_the_same_key_makes_none_before_it_good_again, begin),
        cmocka_unit_test_setup(nor_does_it_in_another_order, begin),
        cmocka_unit_test_setup(a_key_that_was_over_before_is_none_to_end, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
