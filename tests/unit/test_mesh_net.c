/* node/mesh_net: real sockets, real databases, and members whose nodes do what they like. */
#include "tests/unit/mesh_stations.h"

#include <zmq.h>

/* ---- claims */

static void line(void)
{
    knows(a, b, true);
    knows(a, c, false);
    knows(b, a, true);
    knows(b, c, true);
    knows(c, b, true);
    knows(c, a, false);
}

static void a_batch_reaches_a_member_over_another(void **state)
{
    (void)state;
    line();
    start(a);
    start(b);
    start(c);
    wait_for_state(a, is_connected, "connected");
    wait_for_state(c, is_connected, "connected");
    tell(a);
    tell(a);
    wait_for_stored(c, 2);
    tell(c);
    wait_for_stored(a, 1);
    assert_int_equal(read_count(b, &b->stored), 3);
    assert_int_equal(read_count(a, &a->settled), 1);
}

static void a_late_joiner_fetches_all(void **state)
{
    (void)state;
    line();
    for (int i = 0; i < 200; i++)
        tell(a);
    start(a);
    start(b);
    wait_for_stored(b, 200);
    mesh_net_stop(&a->net);
    start(c);
    wait_for_stored(c, 200);
    wait_for_state(b, is_level, "level with a");
    assert_int_equal(read_count(c, &c->stored), 200);
}

static void a_member_allowed_later_gets_in_without_a_restart(void **state)
{
    (void)state;
    knows(a, b, true);
    start(a);
    start(b);
    wait_for_state(a, is_cut_off, "refused");
    wait_for_state(b, has_denied, "denying");
    tell(a);
    knows(b, a, true);
    pthread_mutex_lock(&b->lock);
    assert_int_equal(store_set_policy(b->store, b->config.policy, (int64_t)time(NULL)), 0);
    pthread_mutex_unlock(&b->lock);
    assert_int_equal(mesh_net_reload(b->net, &b->config), 0);
    wait_for_stored(b, 1);
    wait_for_state(a, is_connected, "connected");
    tell(a);
    wait_for_stored(b, 2);
}

static void a_removed_member_is_cut_off_and_others_stay(void **state)
{
    (void)state;
    line();
    start(a);
    start(b);
    start(c);
    wait_for_state(a, is_connected, "connected");
    wait_for_state(c, is_connected, "connected");
    b->config.peers[0] = b->config.peers[1];
    b->config.peers_n = 1;
    assert_int_equal(mesh_net_reload(b->net, &b->config), 0);
    wait_for_state(a, is_cut_off, "cut off");
    tell(c);
    wait_for_stored(b, 1);
    assert_int_equal(read_count(a, &a->stored), 0);
    c->config.peers_n = 0;
    assert_int_equal(mesh_net_reload(c->net, &c->config), 0);
    wait_for_state(c, is_alone, "alone");
}

static void a_purged_member_is_fetched_anew(void **state)
{
    (void)state;
    line();
    start(a);
    start(b);
    tell(a);
    tell(a);
    wait_for_stored(b, 2);
    pthread_mutex_lock(&b->lock);
    assert_int_equal(store_purge(b->store, a->record.root, (int64_t)time(NULL), &(uint64_t){ 0 }), 0);
    b->stored = 0;
    pthread_mutex_unlock(&b->lock);
    mesh_net_purged(b->net, a->record.root);
    wait_for_stored(b, 2);
    assert_int_equal(read_count(b, &b->records), 1);               /* without which none of them can be read */
}

static void a_new_record_travels_and_its_batches_are_taken(void **state)
{
    (void)state;
    line();
    a->record.serial = 2;
    a->record.not_after_s += 86400;
    seal_record(a);
    assert_int_equal(store_add_record(a->store, a->record.root, 2, (struct bytes){ a->frame, a->frame_len }), 0);
    start(a);
    start(b);
    start(c);
    tell(a);
    wait_for_stored(c, 1);
    assert_int_equal(read_count(b, &b->records), 1);
    assert_int_equal(read_count(c, &c->records), 1);
}

static void a_renewed_own_record_is_in_force_without_a_restart(void **state)
{
    (void)state;
    line();
    start(a);
    start(b);
    tell(a);
    wait_for_stored(b, 1);
    a->record.serial = 2;
    seal_record(a);
    pthread_mutex_lock(&a->lock);
    assert_int_equal(store_add_record(a->store, a->record.root, 2, (struct bytes){ a->frame, a->frame_len }), 0);
    pthread_mutex_unlock(&a->lock);
    tell(a);                           /* told before the mesh thread was: it looks into the store */
    wait_for_stored(b, 2);
    a->record.serial = 3;
    seal_record(a);
    assert_int_equal(mesh_net_identity(a->net, a->id, (struct bytes){ a->frame, a->frame_len }), 0);
    tell(a);
    wait_for_stored(b, 3);
    assert_int_equal(read_count(b, &b->records), 2);
}

/* The old key is known to nobody any more when it is over: neither as a client's nor as the server's. */
static void a_new_curve_key_is_taken_over_while_all_run(void **state)
{
    (void)state;
    line();
    start(a);
    start(b);
    start(c);
    wait_for_state(a, is_connected, "connected");
    wait_for_state(c, is_connected, "connected");
    assert_int_equal(identity_new_keys(b->id), 0);
    memcpy(b->record.operational, identity_operational(b->id), KEY_BYTES);
    memcpy(b->record.curve, identity_curve(b->id), KEY_BYTES);
    b->record.serial = (uint64_t)time(NULL);
    seal_record(b);
    pthread_mutex_lock(&b->lock);
    assert_int_equal(store_add_record(b->store, b->record.root, b->record.serial, (struct bytes){ b->frame, b->frame_len }), 0);
    pthread_mutex_unlock(&b->lock);
    assert_int_equal(mesh_net_identity(b->net, b->id, (struct bytes){ b->frame, b->frame_len }), 0);
    wait_for_key_in_use(b);
    wait_for_state(a, is_connected, "connected");
    wait_for_state(c, is_connected, "connected");
    tell(b);
    wait_for_stored(a, 1);
    wait_for_stored(c, 1);
    tell(a);                           /* and over the rotated one */
    wait_for_stored(c, 2);
}

static void a_link_works_over_ipv6(void **state)
{
    (void)state;
    if (try_bind("::1", 0) != 0)
        skip();                        /* no IPv6 on this machine */
    snprintf(b->record.publish, sizeof b->record.publish, "tcp://[::1]:%u", own_port("::1"));
    snprintf(b->record.repair, sizeof b->record.repair, "tcp://[::1]:%u", own_port("::1"));
    seal_record(b);
    memcpy(b->config.mesh.publish, b->record.publish, sizeof b->record.publish);
    memcpy(b->config.mesh.repair, b->record.repair, sizeof b->record.repair);
    line();
    start(b);
    start(a);
    tell(b);
    wait_for_stored(a, 1);
    wait_for_state(a, is_connected, "connected");
}

/* ---- a member whose node does what it likes: bare sockets in the place of A's */

struct rogue {
    void *context, *publish, *repair;
};

static void *rogue_socket(struct rogue *r, int type, const char *endpoint)
{
    void *socket = zmq_socket(r->context, type);
    int one = 1, zero = 0;

    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, identity_curve_secret(a->id), KEY_BYTES);
    assert_int_equal(zmq_bind(socket, endpoint), 0);
    return socket;
}

static void rogue_open(struct rogue *r)
{
    r->context = zmq_ctx_new();
    r->publish = rogue_socket(r, ZMQ_XPUB, a->record.publish);
    r->repair = rogue_socket(r, ZMQ_ROUTER, a->record.repair);
}

static void rogue_close(struct rogue *r)
{
    zmq_close(r->publish);
    zmq_close(r->repair);
    zmq_ctx_term(r->context);
}

static void wait_for_subscription(struct rogue *r, const struct station *origin)
{
    uint8_t wish[64];

    do
        assert_int_equal(zmq_recv(r->publish, wish, sizeof wish, 0), 1 + MESH_TOPIC_BYTES);
    while (memcmp(wish + 2, origin->record.root, MESH_TOPIC_BYTES - 1) != 0);
}

static void rogue_publish(struct rogue *r, const struct station *origin, const void *frame, size_t len)
{
    uint8_t all[MESH_TOPIC_BYTES + BATCH_FRAME_MAX] = { 'B' };

    memcpy(all + 1, origin->record.root, MESH_TOPIC_BYTES - 1);
    memcpy(all + MESH_TOPIC_BYTES, frame, len);
    zmq_send(r->publish, all, MESH_TOPIC_BYTES + len, 0);
}

static void a_tampered_frame_is_refused_and_blamed_on_who_sent_it(void **state)
{
    struct rogue rogue;
    struct store_batch name;
    uint8_t *frame, *tampered;

    (void)state;
    line();
    rogue_open(&rogue);
    start(b);
    wait_for_subscription(&rogue, c);
    frame = sign(c, 1, &name);
    tampered = malloc(name.frame.len);
    memcpy(tampered, frame, name.frame.len);
    tampered[name.frame.len - SIGNATURE_BYTES - 1] ^= 1;
    rogue_publish(&rogue, c, tampered, name.frame.len);
    rogue_publish(&rogue, c, "short", 5);
    rogue_publish(&rogue, c, frame, name.frame.len);
    wait_for_stored(b, 1);
    wait_for_state(b, has_two_faults, "blaming");
    assert_int_equal(read_count(b, &b->stored), 1);
    free(tampered);
    free(frame);
    rogue_close(&rogue);
}

/* A's SUB, at B's publisher, with the right key. */
static void *rogue_sub(struct rogue *r, const void *topic, size_t len)
{
    void *sub = zmq_socket(r->context, ZMQ_SUB);
    int zero = 0, wait_ms = 1000 * WAIT_S;

    zmq_setsockopt(sub, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(sub, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    zmq_setsockopt(sub, ZMQ_CURVE_SERVERKEY, b->record.curve, KEY_BYTES);
    zmq_setsockopt(sub, ZMQ_CURVE_PUBLICKEY, identity_curve(a->id), KEY_BYTES);
    zmq_setsockopt(sub, ZMQ_CURVE_SECRETKEY, identity_curve_secret(a->id), KEY_BYTES);
    zmq_setsockopt(sub, ZMQ_SUBSCRIBE, topic, len);
    assert_int_equal(zmq_connect(sub, b->record.publish), 0);
    return sub;
}

static bool has_message(void *socket, int wait_ms)
{
    zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };

    return zmq_poll(&item, 1, wait_ms) == 1;
}

/* Batches of B and C go out; who asked for all gets none, who asked for B alone gets B's alone. */
static void only_exact_topics_are_taken(void **state)
{
    struct rogue rogue;
    uint8_t topic[MESH_TOPIC_BYTES] = { 'B' }, got[MESH_TOPIC_BYTES];
    void *all, *exact;

    (void)state;
    line();
    rogue_open(&rogue);
    start(b);
    start(c);
    memcpy(topic + 1, b->record.root, MESH_TOPIC_BYTES - 1);
    all = rogue_sub(&rogue, "", 0);
    exact = rogue_sub(&rogue, topic, sizeof topic);
    wait_for_state(c, is_connected, "connected");
    do {                               /* until the subscription is in force */
        tell(c);
        wait_for_stored(b, (unsigned)c->seq);
        tell(b);
    } while (!has_message(exact, 100) && b->seq < WAIT_S * 10);
    assert_true(zmq_recv(exact, got, sizeof got, ZMQ_DONTWAIT) > (int)sizeof got);       /* the frame follows */
    assert_memory_equal(got, topic, sizeof topic);
    assert_int_equal(zmq_recv(all, got, sizeof got, ZMQ_DONTWAIT), -1);
    zmq_close(all);
    zmq_close(exact);
    rogue_close(&rogue);
}

/* B's next Have to A that says that somebody subscribes. A link that B took for dead meanwhile took the subscription along: so it is said again. */
static void wait_for_subscriber(struct rogue *r, void *sub, const uint8_t *topic)
{
    for (bool said = false; !said;) {
        zmq_msg_t routing, wire;
        struct message m = { 0 };
        zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, topic, MESH_TOPIC_BYTES);
        zmq_setsockopt(sub, ZMQ_SUBSCRIBE, topic, MESH_TOPIC_BYTES);
        zmq_msg_init(&routing);
        zmq_msg_init(&wire);
        assert_true(zmq_msg_recv(&routing, r->repair, 0) >= 0 && zmq_msg_recv(&wire, r->repair, 0) >= 0);
        if (message_decode((struct bytes){ zmq_msg_data(&wire), zmq_msg_size(&wire) }, &m) == 0) {
            said = m.kind == MESSAGE_HAVE && m.u.have.subscribers == 1;
            message_close(&m);
        }
        zmq_msg_close(&routing);
        zmq_msg_close(&wire);
    }
}

static void the_core_hears_of_subscriptions(void **state)
{
    struct rogue rogue;
    uint8_t topic[MESH_TOPIC_BYTES] = { 'B' };
    void *sub;

    (void)state;
    line();
    rogue_open(&rogue);
    start(b);
    memcpy(topic + 1, c->record.root, MESH_TOPIC_BYTES - 1);
    sub = rogue_sub(&rogue, topic, sizeof topic);
    wait_for_subscriber(&rogue, sub, topic);
    zmq_close(sub);
    rogue_close(&rogue);
}

/* ---- a member that asks too much */

static void *rogue_client(struct rogue *r, int type, const char *endpoint)
{
    void *socket = zmq_socket(r->context, type);
    int zero = 0;

    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, b->record.curve, KEY_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, identity_curve(a->id), KEY_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, identity_curve_secret(a->id), KEY_BYTES);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

static bool has_cut_one(const struct mesh_net_state *s)
{
    for (size_t i = 0; i < s->peers_n; i++) {
        if (strstr(s->peers[i].problem, "cut off") != NULL)
            return s->zap_denied > 0;
    }
    return false;
}

static void c_still_gets_through(void)
{
    start(c);
    wait_for_state(c, is_connected, "connected");
    tell(c);
    wait_for_stored(b, 1);
}

static void subscriptions_that_nobody_sends_cut_a_member_off(void **state)
{
    struct rogue rogue;
    uint8_t wish[150] = { 1 };
    void *sub;

    (void)state;
    line();
    rogue_open(&rogue);
    start(b);
    sub = rogue_client(&rogue, ZMQ_XSUB, b->record.publish);
    for (unsigned i = 0; i < 100; i++) {
        wish[1] = (uint8_t)i;
        assert_int_equal(zmq_send(sub, wish, sizeof wish, 0), sizeof wish);
    }
    wait_for_state_with(b, has_cut_one, "cutting off", sub);
    c_still_gets_through();
    zmq_close(sub);
    rogue_close(&rogue);
}

static void a_message_of_many_parts_cuts_a_member_off(void **state)
{
    struct rogue rogue;
    void *dealer;

    (void)state;
    line();
    rogue_open(&rogue);
    start(b);
    dealer = rogue_client(&rogue, ZMQ_DEALER, b->record.repair);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(zmq_send(dealer, "part", 4, ZMQ_SNDMORE), 4);
    assert_int_equal(zmq_send(dealer, "", 0, 0), 0);
    wait_for_state(b, has_cut_one, "cutting off");
    c_still_gets_through();
    zmq_close(dealer);
    rogue_close(&rogue);
}

/* ---- a stranger */

static void a_strangers_key_is_denied(void **state)
{
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    char public_key[41], secret_key[41];
    int zero = 0;

    (void)state;
    line();
    start(b);
    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
    assert_int_equal(zmq_curve_keypair(public_key, secret_key), 0);
    zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, b->record.curve, KEY_BYTES);
    zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, public_key, 41);
    zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, secret_key, 41);
    assert_int_equal(zmq_connect(dealer, b->record.repair), 0);
    wait_for_state(b, has_denied, "denying");
    zmq_close(dealer);
    zmq_ctx_term(context);
}

static void a_port_in_use_is_said_at_the_start(void **state)
{
    const struct mesh_net_handlers h = { .ctx = a, .store = on_store, .record = on_record, .introductions = on_introductions, .settled = on_settled };
    char why[CONFIG_WHY_MAX];

    (void)state;
    start(b);
    memcpy(a->config.mesh.repair, b->config.mesh.repair, sizeof a->config.mesh.repair);
    assert_int_equal(mesh_net_start(&a->config, a->id, (struct bytes){ a->frame, a->frame_len }, &h, &a->net, why), -EADDRINUSE);
    assert_non_null(strstr(why, "mesh.repair"));
    assert_null(a->net);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_batch_reaches_a_member_over_another),
        CLAIM(a_late_joiner_fetches_all),
        CLAIM(a_member_allowed_later_gets_in_without_a_restart),
        CLAIM(a_removed_member_is_cut_off_and_others_stay),
        CLAIM(a_purged_member_is_fetched_anew),
        CLAIM(a_new_record_travels_and_its_batches_are_taken),
        CLAIM(a_renewed_own_record_is_in_force_without_a_restart),
        CLAIM(a_new_curve_key_is_taken_over_while_all_run),
        CLAIM(a_link_works_over_ipv6),
        CLAIM(only_exact_topics_are_taken),
        CLAIM(the_core_hears_of_subscriptions),
        CLAIM(a_tampered_frame_is_refused_and_blamed_on_who_sent_it),
        CLAIM(subscriptions_that_nobody_sends_cut_a_member_off),
        CLAIM(a_message_of_many_parts_cuts_a_member_off),
        CLAIM(a_strangers_key_is_denied),
        CLAIM(a_port_in_use_is_said_at_the_start),
    };
    return cmocka_run_group_tests_name("mesh_net", tests, NULL, NULL);
}
