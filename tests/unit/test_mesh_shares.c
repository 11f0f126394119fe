/* node/mesh_have: what a coalition of 256 members and more saves in full questions. Too many for the simulation to have in every run. */
#define FIXTURE_MEMBERS 8
#include "tests/unit/mesh_fixture.h"

enum { FEW_LINKS = 4, MANY_LINKS = 6, SMALL = 255, LARGE = 300, LOGS_OF = 200, QUESTIONS = 40 };

static unsigned with_sum[LARGE], told[LARGE];

/* A member of whom nothing is known but its key and one batch. */
static void know_stranger(uint32_t number)
{
    struct record r = people[MEMBERS - 1].record;
    struct store_batch_ref ref = { .name = { .epoch = EPOCH, .seq = 1 }, .time_s = NOW_S };

    memcpy(r.root, &number, sizeof number);
    memcpy(r.curve, &number, sizeof number);
    r.root[KEY_BYTES - 1] = (uint8_t)number;
    assert_int_equal(mesh_member_set(mesh, &r, (struct bytes){ 0 }, false), 0);
    memcpy(ref.name.origin, r.root, KEY_BYTES);
    memcpy(ref.name.hash, r.root, HASH_BYTES);
    if (number < LOGS_OF)
        assert_int_equal(mesh_held(mesh, &ref), 0);
}

static void begin_with(void **state, unsigned members, unsigned links)
{
    begin_alone(state);
    for (unsigned i = 1; i <= links; i++)
        know(i, true);
    for (uint32_t i = 0; i < members - 1 - links; i++)
        know_stranger(i);
    tick_at(now_ms);
    for (unsigned i = 1; i <= links; i++)
        link_to(i, true);
    memset(with_sum, 0, sizeof with_sum);
    memset(told, 0, sizeof told);
}

/* Of the full questions of the last step: whose logs they tell, and with a sum or not. How many there are. */
static unsigned count_questions(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < up.n; i++) {
        struct message m = { 0 };
        if (up.actions[i].kind != MESH_DO_ASK)
            continue;
        assert_int_equal(message_decode(up.actions[i].frame, &m), 0);
        bool full = m.kind == MESSAGE_HAVE && m.u.have.full;
        n += full && m.u.have.answer_wanted;
        for (size_t j = 0; full && j < m.u.have.logs_n; j++) {
            uint32_t number;
            memcpy(&number, m.u.have.logs[j].origin, sizeof number);
            if (number >= LOGS_OF || m.u.have.logs[j].head == 0)
                continue;
            told[number]++;
            with_sum[number] += m.u.have.logs[j].has_sum;
        }
        message_close(&m);
    }
    return n;
}

static unsigned count_with_sum(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < LOGS_OF; i++) {
        assert_int_equal(told[i], 1);
        n += with_sum[i];
    }
    return n;
}

static void ask_anew(void)
{
    memset(told, 0, sizeof told);
    link_to(1, false);
    link_to(1, true);
    assert_int_equal(count_questions(), 1);
}

static void below_256_members_each_log_is_told_with_a_sum(void **state)
{
    begin_with(state, SMALL, FEW_LINKS);
    ask_anew();
    assert_int_equal(count_with_sum(), LOGS_OF);
}

/* Which half, a number decides that nobody foresees: so none can be left out for ever. */
static void from_256_on_half_of_the_logs_are_told_with_sums_and_in_time_all(void **state)
{
    begin_with(state, LARGE, FEW_LINKS);
    for (unsigned i = 0; i < QUESTIONS; i++) {
        unsigned before = 0, after = 0;
        for (unsigned k = 0; k < LOGS_OF; k++)
            before += with_sum[k];
        ask_anew();
        for (unsigned k = 0; k < LOGS_OF; k++)
            after += with_sum[k];
        assert_int_equal(after - before, LOGS_OF / 2);
    }
    for (unsigned k = 0; k < LOGS_OF; k++)
        assert_in_range(with_sum[k], 1, QUESTIONS - 1);
}

/* In ten minutes; the neighbours say often enough that they are there. */
static unsigned questions_in_ten_minutes(void)
{
    unsigned n = 0;

    for (int64_t end_ms = now_ms + 20 * MESH_FULL_HAVE_MS; now_ms < end_ms;) {
        tick_at(up.wake_at_ms < end_ms ? up.wake_at_ms : end_ms);
        n += count_questions();
    }
    return n;
}

static void from_256_on_full_questions_are_rarer_where_there_are_links_enough(void **state)
{
    begin_with(state, LARGE, MANY_LINKS);
    assert_in_range(questions_in_ten_minutes(), 9, 11);
    end(state);
    begin_with(state, LARGE, FEW_LINKS);
    assert_in_range(questions_in_ten_minutes(), 19, 21);
    end(state);
    begin_with(state, SMALL, MANY_LINKS);
    assert_in_range(questions_in_ten_minutes(), 19, 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(below_256_members_each_log_is_told_with_a_sum, end),
        cmocka_unit_test_teardown(from_256_on_half_of_the_logs_are_told_with_sums_and_in_time_all, end),
        cmocka_unit_test_teardown(from_256_on_full_questions_are_rarer_where_there_are_links_enough, end),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
