/* tests/unit/mesh_liar_cases.h: claims that cost nothing. A part of test_mesh_repair.c: member 1 says that it has what nobody has, member 2 has what is missing. */
#ifndef HEARSAY_TESTS_MESH_LIAR_CASES_H
#define HEARSAY_TESTS_MESH_LIAR_CASES_H

#include "tests/unit/mesh_fixture.h"

static void have_of_epoch(unsigned from, uint32_t epoch, uint64_t head)
{
    struct log_have log = { .epoch = epoch, .floor = 1, .head = head, .record_serial = 10 };
    struct message m = { .kind = MESSAGE_HAVE };

    memcpy(log.origin, people[3].record.root, KEY_BYTES);
    m.u.have.logs_n = 1;
    m.u.have.logs = &log;
    message(MESH_ASK, from, &m);
}

static struct asked next_fetch(void)
{
    struct asked a;

    do
        tick_at(up.wake_at_ms);
    while (!(a = asked_for_range()).any);
    return a;
}

static uint64_t behind(void)
{
    struct mesh_log_state log;

    assert_int_equal(mesh_log_state(mesh, people[3].record.root, &log), 0);
    return log.missing;
}

/* Member 2 has what is missing. Before and after each of its answers, all empty, member 1 claims more. */
static unsigned fetches_in_vain(void (*lie)(unsigned round), unsigned rounds)
{
    unsigned in_vain = 0;

    for (unsigned i = 0; i < rounds; i++) {
        lie(2 * i);
        struct asked a = next_fetch();
        if (a.who == 2)
            break;
        in_vain++;
        lie(2 * i + 1);
        fetched(1, a.id, -1, true);
    }
    return in_vain;
}

static void raise_heads(unsigned round)
{
    have_of_epoch(1, EPOCH, (UINT64_C(1) << 40) + round);
    have_of_epoch(1, EPOCH + 1, (UINT64_C(1) << 40) + round);
}

static void invent_epochs(unsigned round)
{
    for (uint32_t i = 1; i <= 100; i++)
        have_of_epoch(1, EPOCH + i, 1 + round);
}

static void ask_despite(void (*lie)(unsigned round))
{
    have_of_epoch(2, EPOCH, 100);
    assert_in_range(fetches_in_vain(lie, 20), 0, 2);
}

static void ever_growing_heads_do_not_keep_an_honest_neighbour_from_being_asked(void **state)
{
    (void)state;
    ask_despite(raise_heads);
}

static void a_hundred_invented_epochs_do_not_keep_an_honest_neighbour_from_being_asked(void **state)
{
    (void)state;
    ask_despite(invent_epochs);
}

static void a_liar_heard_long_before_does_not_delay_who_comes_with_the_batch(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        raise_heads(2 * i);
        struct asked a = asked_for_range();
        for (int64_t end_ms = now_ms + 20000; !a.any && up.wake_at_ms <= end_ms; a = asked_for_range())
            tick_at(up.wake_at_ms);
        raise_heads(2 * i + 1);
        if (a.any)
            fetched(1, a.id, -1, true);
    }
    int64_t since_ms = now_ms;
    have_of_epoch(2, EPOCH, 1);
    struct asked a = next_fetch();
    assert_int_equal(a.who, 2);
    assert_in_range(now_ms - since_ms, 0, 1000);
    fetched(2, a.id, (long)sign((struct plan){ .author = 3, .seq = 1 }), true);
    assert_non_null(action(MESH_DO_STORE));
}

static void who_had_bad_luck_is_asked_right_after_a_liar(void **state)
{
    (void)state;
    hear(2, sign((struct plan){ .author = 3, .seq = 100 }));
    for (uint64_t from = 100; from > 1;) {           /* parts that it lacks itself */
        struct asked a = next_fetch();
        from = a.from;
        fetched(2, a.id, -1, true);
    }
    raise_heads(0);
    tick_at(now_ms + 30000);
    assert_in_range(fetches_in_vain(raise_heads, 20), 0, 2);
}

static void a_useless_frame_buys_no_time(void **state)
{
    (void)state;
    size_t old = sign((struct plan){ .author = 3, .seq = 1 });
    hear(2, old);
    have_of_epoch(1, EPOCH, 5);
    struct asked a = next_fetch();
    for (int i = 0; i < 9; i++) {
        tick_at(now_ms + MESH_FETCH_TIMEOUT_MS / 10);
        fetched(1, a.id, (long)old, false);
    }
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_FETCH_TIMEOUTS), 0);
    tick_at(now_ms + MESH_FETCH_TIMEOUT_MS / 10);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_FETCH_TIMEOUTS), 1);
}

static void what_is_missing_is_bounded_whatever_is_claimed(void **state)
{
    (void)state;
    raise_heads(0);
    assert_in_range(behind(), 1, 2 * (MESH_HELD_MAX + 1));
    hear(2, sign((struct plan){ .author = 3, .seq = 70000 }));
    raise_heads(1);
    assert_in_range(behind(), 69999, 69999 + 2 * (MESH_HELD_MAX + 1));
}

static void what_a_liar_claims_no_longer_counts_as_missing(void **state)
{
    (void)state;
    raise_heads(0);
    for (unsigned i = 1; i <= 3 && behind() > 0; i++) {
        struct asked a = next_fetch();
        raise_heads(i);
        fetched(1, a.id, -1, true);
    }
    assert_int_equal(behind(), 0);
    invent_epochs(0);
    assert_int_equal(behind(), 0);
}

static void a_log_of_many_epochs_is_fetched_whole(void **state)
{
    (void)state;
    enum { EPOCHS = 100 };
    for (unsigned round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < EPOCHS; i++)
            have_of_epoch(2, EPOCH - i, 1);
        for (int64_t end_ms = now_ms + 5000; up.wake_at_ms <= end_ms;) {
            tick_at(up.wake_at_ms);
            for (struct asked a = asked_for_range(); a.any;) {
                size_t f = sign((struct plan){ .author = 3, .epoch = a.epoch, .seq = 1 });
                fetched(2, a.id, (long)f, true);
                a = asked_for_range();
                stored(f, true);
            }
        }
    }
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), EPOCHS);
}

#define LIAR_CASES \
    CLAIM(ever_growing_heads_do_not_keep_an_honest_neighbour_from_being_asked), \
    CLAIM(a_hundred_invented_epochs_do_not_keep_an_honest_neighbour_from_being_asked), \
    CLAIM(a_liar_heard_long_before_does_not_delay_who_comes_with_the_batch), \
    CLAIM(who_had_bad_luck_is_asked_right_after_a_liar), \
    CLAIM(a_useless_frame_buys_no_time), \
    CLAIM(what_is_missing_is_bounded_whatever_is_claimed), \
    CLAIM(what_a_liar_claims_no_longer_counts_as_missing), \
    CLAIM(a_log_of_many_epochs_is_fetched_whole)

#endif
