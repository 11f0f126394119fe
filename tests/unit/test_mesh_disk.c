/* node/mesh_disk: a disk that refuses what is fetched. */
#include "tests/unit/mesh_fixture.h"

enum { HEAD = 100 };

static size_t batches[HEAD + 2];        /* member 3's, by number */
static unsigned fetches;
static bool is_full;

static int begin_full(void **state)
{
    begin(state);
    fetches = 0;
    is_full = true;
    for (uint64_t seq = 1; seq <= HEAD + 1; seq++)
        batches[seq] = sign((struct plan){ .author = 3, .seq = seq });
    return 0;
}

static void disk_answers(void)
{
    const struct mesh_action *a;

    while ((a = action(MESH_DO_STORE)) != NULL) {
        const struct batch_name name = a->batch.name;
        step((struct mesh_event){ .kind = is_full ? MESH_STORE_FAILED : MESH_STORED, .name = &name, .stored = true });
    }
}

/* Both neighbours have all of it, and answer at once. */
static bool answers_fetch(void)
{
    struct asked a = asked_for_range();

    if (!a.any)
        return false;
    fetches++;
    for (uint64_t seq = a.to; seq >= a.from; seq--) {
        fetched(a.who, a.id, (long)batches[seq], false);
        disk_answers();
    }
    fetched(a.who, a.id, -1, true);
    return true;
}

static void pass(int64_t ms)
{
    const int64_t end_ms = now_ms + ms;

    for (;;) {
        if (answers_fetch())
            continue;
        if (now_ms >= end_ms)
            return;
        tick_at(up.wake_at_ms < end_ms ? up.wake_at_ms : end_ms);
    }
}

static void claim_all(void)
{
    have(MESH_ASK, 1, 3, 1, HEAD, false);
    have(MESH_ASK, 2, 3, 1, HEAD, false);
}

static void what_a_full_disk_refuses_is_asked_for_more_and_more_rarely(void **state)
{
    (void)state;
    claim_all();
    pass(5000);
    assert_in_range(fetches, 2, 4);
    pass(60000);
    assert_in_range(fetches, 6, 8);
    fetches = 0;
    pass(600000);
    assert_in_range(fetches, 9, 11);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), 0);
}

static void once_there_is_room_the_rest_comes_within_a_minute(void **state)
{
    (void)state;
    claim_all();
    pass(3600 * 1000);
    is_full = false;
    pass(61000);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), HEAD);
}

/* What comes by itself is tried all the time. */
static void as_soon_as_something_is_taken_the_rest_is_fetched(void **state)
{
    (void)state;
    claim_all();
    pass(600000);
    while (!answers_fetch())           /* just refused: another minute is to come */
        tick_at(up.wake_at_ms);
    pass(30000);
    is_full = false;
    hear(2, sign((struct plan){ .author = 1, .seq = 1 }));
    disk_answers();
    pass(1000);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), HEAD + 1);
}

static void a_disk_that_takes_again_is_waited_for_a_second_the_next_time(void **state)
{
    (void)state;
    claim_all();
    pass(600000);
    is_full = false;
    hear(2, batches[HEAD + 1]);
    disk_answers();
    is_full = true;
    fetches = 0;
    pass(5000);
    assert_in_range(fetches, 2, 4);
}

/* One that is here is none that was taken. */
static void what_was_here_already_does_not_count_as_taken(void **state)
{
    (void)state;
    claim_all();
    pass(600000);
    hear(2, batches[HEAD + 1]);
    assert_non_null(action(MESH_DO_STORE));
    stored(batches[HEAD + 1], false);
    fetches = 0;
    pass(10000);
    assert_in_range(fetches, 0, 1);
}

#define FULL(name) cmocka_unit_test_setup_teardown(name, begin_full, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FULL(what_a_full_disk_refuses_is_asked_for_more_and_more_rarely),
        FULL(once_there_is_room_the_rest_comes_within_a_minute),
        FULL(as_soon_as_something_is_taken_the_rest_is_fetched),
        FULL(a_disk_that_takes_again_is_waited_for_a_second_the_next_time),
        FULL(what_was_here_already_does_not_count_as_taken),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
