/* node/mesh: what was refused under a clock that was ahead comes when the clock is right. */
#include "tests/unit/mesh_fixture.h"

enum { DAY_S = 86400, EXPIRE_MS = 60000, GRACE_MS = 300 };

static struct asked ask_soon(void)
{
    for (int64_t until_ms = now_ms + EXPIRE_MS + GRACE_MS; now_ms < until_ms;) {
        tick_at(now_ms + 100);
        struct asked a = asked_for_range();
        if (a.any)
            return a;
    }
    return (struct asked){ 0 };
}

static void is_refused(size_t frame, enum mesh_count why)
{
    uint64_t before = mesh_counted(mesh, why);

    hear(1, frame);
    assert_null(action(MESH_DO_STORE));
    assert_int_equal(mesh_counted(mesh, why), before + 1);
}

/* The first is too old by that clock, the second in any case, since it is of others. */
static void what_was_too_old_by_a_clock_ahead_is_fetched_when_it_is_set_right(void **state)
{
    size_t old, foreign;

    (void)state;
    old = sign((struct plan){ .author = 3, .seq = 1 });
    foreign = sign((struct plan){ .author = 3, .seq = 2, .federation = "others" });
    skew_s = 40 * DAY_S;
    is_refused(old, MESH_COUNT_DEAD);
    is_refused(foreign, MESH_COUNT_FOREIGN);
    have(MESH_ANSWER, 1, 3, 1, 2, true);
    assert_false(ask_soon().any);
    skew_s = 0;
    const struct asked a = ask_soon();
    assert_true(a.any && a.who == 1);
    assert_true(a.from == 1 && a.to == 1);
    fetched(1, a.id, (long)old, true);
    assert_non_null(action(MESH_DO_STORE));
    stored(old, true);
    assert_false(ask_soon().any);
}

/* By its time the record of its key had been replaced: a serial that is no time yet by the right clock says nothing. */
static void so_is_what_was_signed_too_late_by_it(void **state)
{
    struct person p = people[3];
    size_t late;

    (void)state;
    p.record.serial = (uint64_t)(NOW_S - DAY_S + 20 * DAY_S);
    p.record.operational[0] ^= 1;
    seal(&p);
    skew_s = 20 * DAY_S;
    tick_at(now_ms + 1);
    assert_int_equal(mesh_member_key(mesh, &p.record, (struct bytes){ p.frame, p.frame_len }), 0);
    late = sign((struct plan){ .author = 3, .seq = 1, .time_s = NOW_S + 20 * DAY_S });
    is_refused(late, MESH_COUNT_RECORD_ENDED);
    have(MESH_ANSWER, 1, 3, 1, 1, true);
    assert_false(ask_soon().any);
    skew_s = 0;
    assert_true(ask_soon().any);
}

static void a_clock_that_is_set_back_by_little_changes_nothing(void **state)
{
    (void)state;
    skew_s = 30 * DAY_S + 1800;
    is_refused(sign((struct plan){ .author = 3, .seq = 1 }), MESH_COUNT_DEAD);
    have(MESH_ANSWER, 1, 3, 1, 1, true);
    skew_s = 30 * DAY_S - 600;
    assert_false(ask_soon().any);
}

/* As clocks are that are slewed: there is no moment at which it is set back. */
static void one_that_is_set_back_little_by_little_is_noticed(void **state)
{
    struct asked a = { 0 };

    (void)state;
    skew_s = 31 * DAY_S;
    is_refused(sign((struct plan){ .author = 3, .seq = 1 }), MESH_COUNT_DEAD);
    have(MESH_ANSWER, 1, 3, 1, 1, true);
    for (int i = 0; i < 100 && !a.any; i++) {
        skew_s -= 1800;
        a = ask_soon();
    }
    assert_true(a.any && a.from == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_was_too_old_by_a_clock_ahead_is_fetched_when_it_is_set_right),
        CLAIM(so_is_what_was_signed_too_late_by_it),
        CLAIM(a_clock_that_is_set_back_by_little_changes_nothing),
        CLAIM(one_that_is_set_back_little_by_little_is_noticed),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
