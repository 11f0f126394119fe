/* node/mesh_bound: how much of one member is kept at a time. */
#include "tests/unit/mesh_fixture.h"

enum { KEPT = 10, HEAD = 25, ROUNDS = 30 };

static uint8_t salt;                    /* of the batches of one test: their hashes differ by it */

static size_t said(uint64_t seq)
{
    return sign((struct plan){ .author = 3, .seq = seq, .salt = salt });
}

static bool take(size_t f)
{
    hear(1, f);
    if (action(MESH_DO_STORE) == NULL)
        return false;
    stored(f, true);
    return true;
}

static struct mesh_log_state log_of(unsigned who)
{
    struct mesh_log_state s;
    assert_int_equal(mesh_log_state(mesh, people[who].record.root, &s), 0);
    return s;
}

/* What is asked for of numbers that are not kept, within a minute. The fixture's Have names no hash, so the head is asked for, too. */
static struct asked asked_below(void)
{
    for (int i = 0; i < 60; i++) {
        tick_at(now_ms + 1000);
        struct asked a = asked_for_range();
        if (a.any && a.from <= HEAD - KEPT)
            return a;
        if (a.any)
            fetched(a.who, a.id, -1, true);
    }
    return (struct asked){ .any = false };
}

static int begin_kept(void **state)
{
    begin(state);
    assert_int_equal(mesh_member_subjects(mesh, people[3].record.root, KEPT), 0);
    return 0;
}

static void say_all(void)
{
    for (uint64_t seq = 1; seq <= HEAD; seq++)
        assert_true(take(said(seq)));
}

static void the_newest_stay_and_the_rest_is_counted(void **state)
{
    struct mesh_conduct c;
    (void)state;
    say_all();
    assert_int_equal(log_of(3).floor, HEAD - KEPT + 1);
    assert_int_equal(log_of(3).head, HEAD);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_QUOTA_SUBJECTS), HEAD - KEPT);
    assert_false(take(said(3)));
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_QUOTA_SUBJECTS), HEAD - KEPT + 1);
    assert_int_equal(mesh_conduct(mesh, people[3].record.root, &c), 0);
    assert_int_equal(c.over_subjects, HEAD - KEPT + 1);
    assert_int_equal(count_actions(MESH_DO_BLAME), 0);
}

static void the_operator_is_told_who_passes_it(void **state)
{
    unsigned alerts = 0;
    (void)state;
    for (uint64_t seq = 1; seq <= HEAD; seq++) {
        take(said(seq));
        alerts += action(MESH_DO_ALERT) != NULL;
    }
    assert_int_equal(alerts, 1);
}

static void what_is_below_is_not_fetched(void **state)
{
    (void)state;
    say_all();
    have(MESH_ASK, 2, 3, 1, HEAD, false);
    assert_false(asked_below().any);
    assert_int_equal(log_of(3).missing, 0);
}

static void neighbours_are_told_of_it_as_of_a_floor(void **state)
{
    struct message m;
    (void)state;
    say_all();
    tick_at(now_ms + 100000);
    link_to(2, false);
    link_to(2, true);
    assert_true(sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m));
    bool told = false;
    for (size_t i = 0; i < m.u.have.logs_n; i++) {
        const struct log_have *l = &m.u.have.logs[i];
        if (memcmp(l->origin, people[3].record.root, KEY_BYTES) == 0 && l->head == HEAD)
            told = l->floor == HEAD - KEPT + 1;
    }
    message_close(&m);
    assert_true(told);
}

static void the_store_is_told_what_it_may_forget(void **state)
{
    const struct mesh_action *a = NULL;
    (void)state;
    say_all();
    for (int i = 0; i < 20 && a == NULL; i++) {
        tick_at(now_ms + 1000);
        a = action(MESH_DO_BOUND);
    }
    assert_non_null(a);
    assert_memory_equal(a->origin, people[3].record.root, KEY_BYTES);
    assert_int_equal(a->batch.name.epoch, EPOCH);
    assert_int_equal(a->batch.name.seq, HEAD - KEPT + 1);
    tick_at(now_ms + 60000);
    assert_null(action(MESH_DO_BOUND));
}

/* With a restart somewhere, and what is on disk in any order then. */
static void it_does_not_matter_in_which_order_batches_came(void **state)
{
    size_t f[HEAD];
    unsigned random = (unsigned)seeded(1);
    (void)state;
    for (size_t i = 0; i < HEAD; i++)
        f[i] = said(i + 1);
    for (int round = 0; round < ROUNDS; round++) {
        bool kept[HEAD] = { false };
        for (size_t i = HEAD - 1; i > 0; i--) {
            random = random * 1103515245 + 12345;
            size_t j = (random >> 8) % (i + 1), other = f[i];
            f[i] = f[j];
            f[j] = other;
        }
        for (size_t i = 0; i < HEAD; i++) {
            kept[i] = take(f[i]);
            if (i != (size_t)(round * 7) % HEAD)
                continue;
            mesh_destroy(&mesh);
            begin_kept(NULL);
            for (size_t k = HEAD; k > 0; k--)
                assert_int_equal(!kept[k - 1] ? 0 : mesh_held(mesh, &frames[f[k - 1]].ref), 0);
        }
        for (size_t i = 0; i < HEAD; i++)
            take(f[i]);
        assert_int_equal(log_of(3).floor, HEAD - KEPT + 1);
        assert_int_equal(log_of(3).head, HEAD);
        tick_at(now_ms + 1000);
        have(MESH_ASK, 2, 3, HEAD - KEPT + 1, HEAD, false);
        assert_int_equal(log_of(3).missing, 0);
        mesh_destroy(&mesh);
        begin_kept(NULL);
    }
}

static void when_more_may_be_kept_it_is_fetched_again(void **state)
{
    (void)state;
    say_all();
    have(MESH_ASK, 2, 3, 1, HEAD, false);
    assert_int_equal(mesh_member_subjects(mesh, people[3].record.root, 2 * KEPT), 0);
    tick_at(now_ms + 1);
    const struct mesh_action *a = action(MESH_DO_BOUND);
    assert_non_null(a);
    assert_int_equal(a->batch.name.epoch, 0);
    have(MESH_ASK, 2, 3, 1, HEAD, false);
    struct asked asked = asked_below();
    assert_true(asked.any && asked.to == HEAD - KEPT);
    for (uint64_t seq = asked.to; seq >= asked.from; seq--) {
        size_t f = said(seq);
        fetched(asked.who, asked.id, (long)f, seq == asked.from);
        if (action(MESH_DO_STORE) != NULL)
            stored(f, true);
    }
    assert_int_equal(log_of(3).floor, HEAD - 2 * KEPT + 1);
    assert_int_equal(log_of(3).missing, 0);
}

static void when_less_may_be_kept_it_goes_at_once(void **state)
{
    (void)state;
    say_all();
    assert_int_equal(mesh_member_subjects(mesh, people[3].record.root, 3), 0);
    assert_int_equal(log_of(3).floor, HEAD - 2);
}

/* What counted is dead: what was forgotten for it lives again. */
static void after_a_proof_the_older_ones_are_wanted_again(void **state)
{
    (void)state;
    say_all();
    have(MESH_ASK, 2, 3, 1, HEAD, false);
    salt = 1;
    size_t other = said(HEAD - KEPT / 2);
    salt = 0;
    hear(1, other);
    assert_non_null(action(MESH_DO_STORE));
    stored(other, true);
    assert_non_null(action(MESH_DO_PROOF));
    assert_non_null(action(MESH_DO_BOUND));
    have(MESH_ASK, 2, 3, 1, HEAD, false);
    assert_int_equal(asked_below().to, HEAD - KEPT + 1);      /* with two of one number, the lowest had gone as well */
}

static void what_failed_to_be_stored_does_not_count(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= KEPT; seq++)
        assert_true(take(said(seq)));
    size_t f = said(KEPT + 1);
    hear(1, f);
    assert_non_null(action(MESH_DO_STORE));
    step((struct mesh_event){ .kind = MESH_STORE_FAILED, .name = &frames[f].name });
    assert_int_equal(log_of(3).floor, 1);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_QUOTA_SUBJECTS), 0);
}

#define KEEPING(name) cmocka_unit_test_setup_teardown(name, begin_kept, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPING(the_newest_stay_and_the_rest_is_counted),
        KEEPING(the_operator_is_told_who_passes_it),
        KEEPING(what_is_below_is_not_fetched),
        KEEPING(neighbours_are_told_of_it_as_of_a_floor),
        KEEPING(the_store_is_told_what_it_may_forget),
        KEEPING(it_does_not_matter_in_which_order_batches_came),
        KEEPING(when_more_may_be_kept_it_is_fetched_again),
        KEEPING(when_less_may_be_kept_it_goes_at_once),
        KEEPING(after_a_proof_the_older_ones_are_wanted_again),
        KEEPING(what_failed_to_be_stored_does_not_count),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
