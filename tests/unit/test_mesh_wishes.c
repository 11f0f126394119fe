/* node/mesh: a question that cannot be put to a neighbour now, since it is asked for enough already, is put to it a moment later. */
#include "tests/unit/mesh_fixture.h"

enum { GRACE_MS = 300, RETRY_MS = 100, PATIENCE_MS = 60000, MANY = 127 };

static void stranger_root(uint32_t i, uint8_t root[KEY_BYTES])
{
    memset(root, 0, KEY_BYTES);                          /* before all others in the order of roots */
    root[2] = (uint8_t)(i >> 8);
    root[3] = (uint8_t)(i + 1);
}

/* Members of whom nothing is known but their keys; neighbour 1 alone says to have a batch of each. */
static void claim_strangers(uint32_t n)
{
    static struct log_have logs[HAVE_LOGS_MAX];
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs = logs, .logs_n = n } };

    for (uint32_t i = 0; i < n; i++) {
        struct record r = people[3].record;
        stranger_root(i, r.root);
        memcpy(r.curve, r.root, KEY_BYTES);
        r.curve[31] = 1;
        assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, false), 0);
        logs[i] = (struct log_have){ .epoch = EPOCH, .floor = 1, .head = 1, .record_serial = 10 };
        memcpy(logs[i].origin, r.root, KEY_BYTES);
    }
    message(MESH_ANSWER, 1, &m);
}

static void drop_stranger(uint32_t i)
{
    uint8_t root[KEY_BYTES];

    stranger_root(i, root);
    mesh_member_drop(mesh, root);
}

/* Neighbour 1 is asked for as much as may be asked of one at a time. */
static void ask_neighbour_1_enough(void)
{
    claim_strangers(MESH_LINK_FETCHES_MAX);
    tick_at(now_ms + GRACE_MS);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_FETCHES), MESH_LINK_FETCHES_MAX);
}

/* What is asked about member 3 in this step; .any false: nothing. */
static struct asked asked_of_3(void)
{
    struct asked a = { 0 };

    for (size_t i = 0; i < up.n; i++) {
        struct message m = { 0 };
        if (up.actions[i].kind != MESH_DO_ASK)
            continue;
        assert_int_equal(message_decode(up.actions[i].frame, &m), 0);
        if (m.kind == MESSAGE_FETCH && memcmp(m.u.fetch.origin, people[3].record.root, KEY_BYTES) == 0)
            a = (struct asked){ .any = true, .who = is_about(&up.actions[i], 1) ? 1 : 2, .epoch = m.u.fetch.epoch, .from = m.u.fetch.from, .to = m.u.fetch.to };
        message_close(&m);
    }
    return a;
}

static void assert_asked(struct asked a, unsigned who, uint64_t seq)
{
    assert_true(a.any);
    assert_int_equal(a.who, who);
    assert_true(a.from == seq && a.to == seq);
}

static void tell_frozen(unsigned from, uint64_t seq)
{
    struct log_have log = { .epoch = EPOCH, .record_serial = 10, .frozen = seq };
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs = &log, .logs_n = 1 } };

    memcpy(log.origin, people[3].record.root, KEY_BYTES);
    memset(log.frozen_hash, 0xff, FROZEN_HASH_BYTES / 2);
    memset(log.frozen_hash + FROZEN_HASH_BYTES / 2, 0xee, FROZEN_HASH_BYTES / 2);
    message(MESH_ANSWER, from, &m);
}

static void a_batch_whose_record_came_later_is_asked_for_as_soon_as_may_be(void **state)
{
    struct person p = people[3];

    (void)state;
    ask_neighbour_1_enough();
    hear(1, sign((struct plan){ .author = 3, .seq = 7, .serial = 20 }));
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_UNKNOWN_KEY), 1);
    p.record.serial = 20;
    seal(&p);
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    tick_at(now_ms + GRACE_MS);
    assert_false(asked_of_3().any);
    drop_stranger(0);
    tick_at(now_ms + RETRY_MS);
    assert_asked(asked_of_3(), 1, 7);
}

static void a_proof_that_a_neighbour_tells_of_is_asked_for_as_soon_as_may_be(void **state)
{
    (void)state;
    ask_neighbour_1_enough();
    tell_frozen(1, 5);
    assert_false(asked_of_3().any);
    drop_stranger(0);
    tick_at(now_ms + RETRY_MS);
    assert_asked(asked_of_3(), 1, 5);
    tick_at(now_ms + RETRY_MS);                          /* once */
    assert_false(asked_of_3().any);
}

static void who_may_be_asked_for_a_proof_now_does_not_wait_for_who_may_not(void **state)
{
    (void)state;
    ask_neighbour_1_enough();
    tell_frozen(1, 5);
    assert_false(asked_of_3().any);
    tell_frozen(2, 6);
    assert_asked(asked_of_3(), 2, 6);
}

/* It lets nobody in for so long that its word is an old one. */
static void a_proof_is_not_waited_for_without_end(void **state)
{
    int64_t until_ms;

    (void)state;
    claim_strangers(MANY);
    tick_at(now_ms + GRACE_MS);
    tell_frozen(1, 5);
    until_ms = now_ms + PATIENCE_MS;
    while (now_ms < until_ms) {
        tick_at(now_ms + RETRY_MS);
        assert_false(asked_of_3().any);
    }
    for (uint32_t i = 0; i < MANY; i++)
        drop_stranger(i);
    tick_at(now_ms + RETRY_MS);
    assert_false(asked_of_3().any);
    tell_frozen(1, 5);                                   /* it says so again */
    assert_asked(asked_of_3(), 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_batch_whose_record_came_later_is_asked_for_as_soon_as_may_be),
        CLAIM(a_proof_that_a_neighbour_tells_of_is_asked_for_as_soon_as_may_be),
        CLAIM(who_may_be_asked_for_a_proof_now_does_not_wait_for_who_may_not),
        CLAIM(a_proof_is_not_waited_for_without_end),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
