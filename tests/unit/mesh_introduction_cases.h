/* tests/unit/mesh_introduction_cases.h: lists of introductions told of, asked for, taken and refused. A part of test_mesh_repair.c. */
#ifndef HEARSAY_TESTS_MESH_INTRODUCTION_CASES_H
#define HEARSAY_TESTS_MESH_INTRODUCTION_CASES_H

#include "tests/unit/mesh_fixture.h"

static struct { uint8_t *at; size_t len; uint8_t stamp[STAMP_BYTES]; } lists[8];
static size_t lists_n;

/* A list of `author` that introduces `whom`. Its index. */
static size_t list_of(unsigned author, unsigned whom, uint64_t record_serial, uint64_t serial)
{
    struct introduction e = { { people[whom].frame, people[whom].frame_len }, people[whom].record, 250, NOW_S + 86400 };
    struct introductions l = { .federation = "unit", .record_serial = record_serial, .serial = serial, .time_s = NOW_S, .list = &e, .n = 1 };
    size_t i = lists_n++ % 8;
    free(lists[i].at);
    memcpy(l.introducer, people[author].record.root, KEY_BYTES);
    assert_int_equal(introductions_seal(&l, people[author].id, &lists[i].at, &lists[i].len), 0);
    memcpy(lists[i].stamp, l.stamp, STAMP_BYTES);
    return i;
}

static struct bytes list_bytes(size_t i)
{
    return (struct bytes){ lists[i].at, lists[i].len };
}

static void say_has_list(unsigned from, unsigned introducer, size_t i)
{
    struct log_have log = { .record_serial = 10 };
    struct message m = { .kind = MESSAGE_HAVE };
    memcpy(log.origin, people[introducer].record.root, KEY_BYTES);
    memcpy(log.introductions, lists[i].stamp, STAMP_BYTES);
    m.u.have.logs = &log;
    m.u.have.logs_n = 1;
    message(MESH_ASK, from, &m);
}

static void give_list(unsigned from, size_t i)
{
    struct message m = { .kind = MESSAGE_INTRODUCTIONS };
    m.u.introductions.frame = list_bytes(i);
    message(MESH_ANSWER, from, &m);
}

static bool asked_for_list(unsigned *who)
{
    struct message m = { 0 };
    bool is = sent(MESH_DO_ASK, MESSAGE_INTRODUCTIONS_WANT, who, &m);
    if (is)
        message_close(&m);
    return is;
}

static void a_newer_list_is_asked_for_taken_and_told_on(void **state)
{
    (void)state;
    size_t i = list_of(3, 1, 10, 5);
    struct message m = { 0 };
    unsigned who = 0;
    say_has_list(1, 3, i);
    assert_true(asked_for_list(&who));
    assert_int_equal(who, 1);
    give_list(1, i);
    const struct mesh_action *a = action(MESH_DO_INTRODUCTIONS);
    assert_non_null(a);
    assert_memory_equal(a->origin, people[3].record.root, KEY_BYTES);
    assert_int_equal(a->frame.len, lists[i].len);
    assert_memory_equal(a->frame.at, lists[i].at, lists[i].len);
    say_has_list(2, 3, i);
    assert_false(asked_for_list(NULL));                    /* it is here */
    tick_at(now_ms + 6000);
    bool told = false;
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    for (size_t j = 0; j < m.u.have.logs_n; j++)
        told |= memcmp(m.u.have.logs[j].introductions, lists[i].stamp, STAMP_BYTES) == 0;
    assert_true(told);
    message_close(&m);
    m = (struct message){ .kind = MESSAGE_INTRODUCTIONS_WANT };
    memcpy(m.u.introductions_want.introducer, people[3].record.root, KEY_BYTES);
    message(MESH_ASK, 2, &m);
    assert_true(sent(MESH_DO_ANSWER, MESSAGE_INTRODUCTIONS, &who, &m));
    assert_int_equal(who, 2);
    assert_memory_equal(m.u.introductions.frame.at, lists[i].at, lists[i].len);
    message_close(&m);
}

static void a_lower_list_changes_nothing(void **state)
{
    (void)state;
    size_t high = list_of(3, 1, 10, 6), low = list_of(3, 2, 10, 5);
    assert_int_equal(mesh_introductions(mesh, list_bytes(high)), 0);
    assert_int_equal(mesh_introductions(mesh, list_bytes(low)), 0);
    say_has_list(1, 3, low);
    assert_false(asked_for_list(NULL));
    size_t higher = list_of(3, 2, 10, 7);
    say_has_list(1, 3, higher);
    assert_true(asked_for_list(NULL));
    give_list(1, low);                                     /* not what it said it has */
    assert_null(action(MESH_DO_INTRODUCTIONS));
}

static void the_list_of_an_unknown_introducer_is_ignored(void **state)
{
    (void)state;
    size_t i = list_of(3, 1, 10, 5);
    mesh_member_drop(mesh, people[3].record.root);
    say_has_list(1, 3, i);
    assert_false(asked_for_list(NULL));
    give_list(1, i);
    assert_null(action(MESH_DO_INTRODUCTIONS));
    assert_null(action(MESH_DO_BLAME));
    assert_int_equal(mesh_introductions(mesh, list_bytes(i)), -ENOENT);
}

static void a_list_that_nobody_asked_for_is_dropped(void **state)
{
    (void)state;
    size_t i = list_of(3, 1, 10, 5);
    give_list(1, i);
    assert_null(action(MESH_DO_INTRODUCTIONS));
    say_has_list(2, 3, i);
    give_list(1, i);                                       /* another was asked */
    assert_null(action(MESH_DO_INTRODUCTIONS));
    give_list(2, i);
    assert_non_null(action(MESH_DO_INTRODUCTIONS));
}

static void a_forged_list_is_blamed_and_another_neighbour_is_asked(void **state)
{
    (void)state;
    size_t i = list_of(3, 1, 10, 5);
    unsigned who = 0;
    say_has_list(1, 3, i);
    lists[i].at[lists[i].len - 1] ^= 1;
    give_list(1, i);
    assert_null(action(MESH_DO_INTRODUCTIONS));
    assert_int_equal(count_actions(MESH_DO_BLAME), 1);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_BAD_SIGNATURE), 1);
    lists[i].at[lists[i].len - 1] ^= 1;
    tick_at(now_ms + 6000);
    say_has_list(1, 3, i);
    assert_false(asked_for_list(NULL));
    say_has_list(2, 3, i);
    assert_true(asked_for_list(&who));
    assert_int_equal(who, 2);
    give_list(2, i);
    assert_non_null(action(MESH_DO_INTRODUCTIONS));
}

static void a_neighbour_that_does_not_answer_is_not_asked_again_at_once(void **state)
{
    (void)state;
    size_t i = list_of(3, 1, 10, 5);
    unsigned who = 0;
    say_has_list(1, 3, i);
    assert_true(asked_for_list(NULL));
    tick_at(now_ms + 6000);
    say_has_list(2, 3, i);
    assert_false(asked_for_list(NULL));                    /* it may still answer */
    tick_at(now_ms + 6000);
    assert_true(asked_for_list(&who));
    assert_int_equal(who, 2);
    tick_at(now_ms + 12000);
    say_has_list(1, 3, i);
    assert_false(asked_for_list(NULL));                    /* it has not kept its word a moment ago */
}

static void a_list_told_of_too_soon_is_asked_for_later(void **state)
{
    (void)state;
    size_t first = list_of(3, 1, 10, 5), second = list_of(3, 1, 10, 6);
    say_has_list(1, 3, first);
    give_list(1, first);
    say_has_list(1, 3, second);
    assert_false(asked_for_list(NULL));
    tick_at(now_ms + 6000);
    assert_true(asked_for_list(NULL));
    give_list(1, second);
    assert_non_null(action(MESH_DO_INTRODUCTIONS));
    tick_at(now_ms + 6000);
    assert_false(asked_for_list(NULL));
}

static void a_list_under_an_unknown_record_waits_for_it(void **state)
{
    (void)state;
    struct person p = people[3];
    struct message m = { 0 };
    size_t i = list_of(3, 1, 11, 5);
    say_has_list(1, 3, i);
    give_list(1, i);
    assert_null(action(MESH_DO_INTRODUCTIONS));
    assert_null(action(MESH_DO_BLAME));
    assert_true(sent(MESH_DO_ASK, MESSAGE_RECORD_WANT, NULL, &m));
    message_close(&m);
    p.record.serial = 11;
    seal(&p);
    m = (struct message){ .kind = MESSAGE_RECORDS };
    m.u.records.n = 1;
    m.u.records.frames[0] = (struct bytes){ p.frame, p.frame_len };
    message(MESH_ANSWER, 1, &m);
    assert_true(asked_for_list(NULL));
    give_list(1, i);
    assert_non_null(action(MESH_DO_INTRODUCTIONS));
}

static void a_member_that_signs_lists_without_end_is_slowed_down(void **state)
{
    (void)state;
    unsigned taken = 0;
    for (unsigned n = 0; n < 100; n++) {
        size_t i = list_of(3, 1, 10, 5 + n);
        tick_at(now_ms + 6000);
        say_has_list(1, 3, i);
        if (asked_for_list(NULL)) {
            give_list(1, i);
            taken += action(MESH_DO_INTRODUCTIONS) != NULL;
        }
        link_to(1, true);
    }
    assert_in_range(taken, 32, 34);
    assert_true(mesh_counted(mesh, MESH_COUNT_QUOTA_LISTS) > 0);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_OVER_LIMIT), 0);
}

static void an_own_list_that_only_others_have_is_taken_back(void **state)
{
    (void)state;
    size_t i = list_of(0, 1, 10, 5);
    say_has_list(1, 0, i);
    assert_true(asked_for_list(NULL));
    give_list(1, i);
    assert_non_null(action(MESH_DO_INTRODUCTIONS));
    assert_memory_equal(action(MESH_DO_INTRODUCTIONS)->origin, people[0].record.root, KEY_BYTES);
}

static void a_list_that_could_not_be_stored_is_fetched_again(void **state)
{
    (void)state;
    size_t i = list_of(3, 1, 10, 5);
    say_has_list(1, 3, i);
    give_list(1, i);
    mesh_introductions_drop(mesh, people[3].record.root);
    tick_at(now_ms + 6000);
    say_has_list(1, 3, i);
    assert_true(asked_for_list(NULL));
}

static void who_becomes_known_is_asked_about_at_once(void **state)
{
    (void)state;
    struct message m = { 0 };
    mesh_member_drop(mesh, people[3].record.root);
    tick_at(now_ms + 6000);
    have(MESH_ASK, 1, 3, 1, 4, false);                     /* told while it was nobody's log */
    know(3, false);
    tick_at(now_ms + 6000);
    unsigned asked = 0;
    for (size_t i = 0; i < up.n; i++) {
        if (up.actions[i].kind != MESH_DO_ASK || message_decode(up.actions[i].frame, &m) != 0)
            continue;
        asked += m.kind == MESSAGE_HAVE && m.u.have.full && m.u.have.answer_wanted;
        message_close(&m);
    }
    assert_int_equal(asked, 2);
}

#endif
