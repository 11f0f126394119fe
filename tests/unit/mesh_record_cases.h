/* tests/unit/mesh_record_cases.h: records asked for, told and refused. A part of test_mesh_repair.c. */
#ifndef HEARSAY_TESTS_MESH_RECORD_CASES_H
#define HEARSAY_TESTS_MESH_RECORD_CASES_H

#include "tests/unit/mesh_fixture.h"

static void give_record(unsigned from, const struct person *p)
{
    struct message m = { .kind = MESSAGE_RECORDS };
    m.u.records.n = 1;
    m.u.records.frames[0] = (struct bytes){ p->frame, p->frame_len };
    message(MESH_ANSWER, from, &m);
}

static void say_newer_record(unsigned from, unsigned origin, uint64_t serial)
{
    struct log_have log = { .record_serial = serial };
    struct message m = { .kind = MESSAGE_HAVE };
    memcpy(log.origin, people[origin].record.root, KEY_BYTES);
    m.u.have.logs = &log;
    m.u.have.logs_n = 1;
    message(MESH_ASK, from, &m);
}

static void an_unknown_key_is_asked_for_and_then_its_batch_is_fetched(void **state)
{
    (void)state;
    struct message m = { 0 };
    struct person p = people[3];
    size_t f = sign((struct plan){ .author = 3, .seq = 1, .serial = 11 });
    hear(1, f);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_UNKNOWN_KEY), 1);
    assert_null(action(MESH_DO_BLAME));
    assert_true(sent(MESH_DO_ASK, MESSAGE_RECORD_WANT, NULL, &m));
    assert_int_equal(m.u.record_want.serial_above, 10);
    message_close(&m);
    hear(2, f);
    assert_int_equal(up.n, 0);                       /* asked a moment ago */
    p.record.serial = 11;
    seal(&p);
    have(MESH_ASK, 1, 3, 1, 1, false);
    give_record(1, &p);
    const struct mesh_action *a = action(MESH_DO_RECORD);
    assert_non_null(a);
    assert_int_equal(a->record->serial, 11);
    assert_memory_equal(a->frame.at, p.frame, p.frame_len);
    struct asked ask = asked_for_range();
    assert_true(ask.any && ask.to == 1);
    fetched(1, ask.id, (long)f, true);
    assert_non_null(action(MESH_DO_STORE));
}

static void a_newer_record_is_asked_for_when_a_neighbour_has_one(void **state)
{
    (void)state;
    struct message m = { 0 };
    say_newer_record(1, 3, 12);
    assert_true(sent(MESH_DO_ASK, MESSAGE_RECORD_WANT, NULL, &m));
    message_close(&m);
}

static void a_record_that_nobody_asked_for_is_dropped(void **state)
{
    (void)state;
    struct person p = people[3];
    p.record.serial = 11;
    seal(&p);
    give_record(1, &p);
    assert_int_equal(up.n, 0);
    say_newer_record(2, 3, 11);
    give_record(1, &p);                              /* it was not asked */
    assert_int_equal(up.n, 0);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_UNASKED), 2);
    give_record(2, &p);
    assert_non_null(action(MESH_DO_RECORD));
    p.record.serial = 12;
    seal(&p);
    give_record(2, &p);                              /* one question, one answer */
    assert_null(action(MESH_DO_RECORD));
}

static void hand_record(unsigned from, const struct person *p)
{
    struct message m = { .kind = MESSAGE_RECORDS, .u.records = { .n = 1, .frames = { { p->frame, p->frame_len } } } };
    message(MESH_ASK, from, &m);
}

/* It cannot ask: it has our old key, and so no way to our sockets. */
static void who_lets_us_in_by_a_key_that_was_left_is_handed_our_record(void **state)
{
    (void)state;
    struct message m = { 0 };
    unsigned to = MEMBERS;
    link_to(1, false);
    link_to(1, true);
    assert_false(sent(MESH_DO_ASK, MESSAGE_RECORDS, NULL, &m));
    link_to(1, false);
    step((struct mesh_event){ .kind = MESH_LINK_UP, .neighbour = people[1].record.root, .by_left_key = true });
    assert_true(sent(MESH_DO_ASK, MESSAGE_RECORDS, &to, &m));
    assert_int_equal(to, 1);
    assert_int_equal(m.u.records.n, 1);
    assert_int_equal(m.u.records.frames[0].len, people[0].frame_len);
    assert_memory_equal(m.u.records.frames[0].at, people[0].frame, people[0].frame_len);
    message_close(&m);
}

static void a_neighbour_hands_over_its_own_newer_record_and_no_other(void **state)
{
    (void)state;
    struct person p = people[1];
    hand_record(1, &p);                              /* known */
    assert_int_equal(up.n, 0);
    p.record.serial = 11;
    seal(&p);
    hand_record(2, &p);                              /* another's */
    assert_null(action(MESH_DO_RECORD));
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
    p.frame[p.frame_len - 1] ^= 1;
    hand_record(1, &p);
    assert_null(action(MESH_DO_RECORD));
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
    p.frame[p.frame_len - 1] ^= 1;
    hand_record(1, &p);
    assert_non_null(action(MESH_DO_RECORD));
    assert_int_equal(action(MESH_DO_RECORD)->record->serial, 11);
}

static void a_member_that_signs_records_without_end_is_slowed_down(void **state)
{
    (void)state;
    struct person p = people[3];
    unsigned taken = 0;
    for (unsigned i = 0; i < 4 * MESH_KEYS_MAX; i++) {
        tick_at(now_ms + 6000);
        p.record.serial = 11 + i;
        seal(&p);
        say_newer_record(1, 3, p.record.serial);
        give_record(1, &p);
        taken += action(MESH_DO_RECORD) != NULL;
    }
    assert_in_range(taken, MESH_KEYS_MAX, MESH_KEYS_MAX + 5);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_QUOTA_RECORDS), 4 * MESH_KEYS_MAX - taken);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_OVER_RECORDS), taken + 1 - MESH_KEYS_MAX);    /* one was there before */
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_OVER_LIMIT), 0);
}

static void a_record_with_anothers_curve_key_is_refused(void **state)
{
    (void)state;
    struct person p = people[3];
    p.record.serial = 11;
    memcpy(p.record.curve, people[2].record.curve, KEY_BYTES);
    seal(&p);
    say_newer_record(1, 3, 11);
    give_record(1, &p);
    assert_null(action(MESH_DO_RECORD));
    assert_non_null(action(MESH_DO_ALERT));
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    say_newer_record(1, 3, 11);                      /* still not here */
    tick_at(now_ms + 6000);
    say_newer_record(1, 3, 11);
    assert_non_null(action(MESH_DO_ASK));
}

static void a_record_that_does_not_verify_is_blamed(void **state)
{
    (void)state;
    struct person p = people[3];
    say_newer_record(1, 3, 11);
    p.record.serial = 11;
    seal(&p);
    p.frame[p.frame_len - 1] ^= 1;
    give_record(1, &p);
    assert_null(action(MESH_DO_RECORD));
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
}

/* As if the batch came a moment after it was signed. */
static bool is_taken(struct plan p)
{
    size_t f = sign(p);
    hear(1, f);
    bool taken = action(MESH_DO_STORE) != NULL;
    if (taken)
        stored(f, true);
    return taken;
}

static void a_key_that_was_rotated_away_signs_nothing_more(void **state)
{
    (void)state;
    struct person p = people[3], other = people[2];
    skew_s = 1000;
    assert_true(is_taken((struct plan){ .author = 3, .seq = 1, .time_s = NOW_S + 1000 }));
    p.record.serial = (uint64_t)NOW_S + 100;
    memcpy(p.record.operational, other.record.operational, KEY_BYTES);
    seal(&p);
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    assert_true(is_taken((struct plan){ .author = 3, .seq = 2, .time_s = NOW_S + 100 }));
    assert_true(is_taken((struct plan){ .author = 3, .seq = 3, .time_s = NOW_S + 100 + MESH_SKEW_S }));
    assert_false(is_taken((struct plan){ .author = 3, .seq = 4, .time_s = NOW_S + 101 + MESH_SKEW_S }));
    assert_null(action(MESH_DO_BLAME));
}

static void a_renewed_record_with_the_same_keys_ends_nothing(void **state)
{
    (void)state;
    struct person p = people[3];
    p.record.serial = (uint64_t)NOW_S - 86400;
    seal(&p);
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    assert_true(is_taken((struct plan){ .author = 3, .seq = 1 }));
}

static void nothing_new_is_taken_of_who_has_left(void **state)
{
    (void)state;
    struct person p = people[3];
    p.record.serial = (uint64_t)NOW_S;
    p.record.not_after_s = NOW_S;
    seal(&p);
    skew_s = 1000;
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    assert_true(is_taken((struct plan){ .author = 3, .seq = 1, .time_s = NOW_S }));
    assert_false(is_taken((struct plan){ .author = 3, .seq = 2, .time_s = NOW_S + 1 + MESH_SKEW_S }));
    p.record.serial++;
    p.record.not_after_s = NOW_S + 86400;
    seal(&p);
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    assert_true(is_taken((struct plan){ .author = 3, .seq = 3, .time_s = NOW_S + 1 + MESH_SKEW_S }));       /* it is back */
}

static void known_records_are_served_lowest_first(void **state)
{
    (void)state;
    struct message m = { .kind = MESSAGE_RECORD_WANT };
    struct person p = people[3];
    p.record.serial = 5;
    seal(&p);
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    memcpy(m.u.record_want.origin, p.record.root, KEY_BYTES);
    m.u.record_want.serial_above = 4;
    message(MESH_ASK, 2, &m);
    assert_true(sent(MESH_DO_ANSWER, MESSAGE_RECORDS, NULL, &m));
    assert_int_equal(m.u.records.n, 2);
    assert_memory_equal(m.u.records.frames[0].at, p.frame, p.frame_len);
    message_close(&m);
}

#endif
