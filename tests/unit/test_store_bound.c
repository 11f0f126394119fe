/* What a member can make of this node by saying much, or by introducing many.
 * store_set_bound: what is below a bound of this node's own leaves, with what it said. */
#include "store/names.h"
#include "store/tell_pace.h"
#include "tests/unit/store_world.h"

static struct world w;

static int begin(void **state)
{
    (void)state;
    world_create(&w);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_destroy(&w);
    return 0;
}

static void say(uint64_t seq)
{
    char subject[32];
    snprintf(subject, sizeof subject, "192.0.2.%d", (int)seq);
    world_hear(&w, 1, seq, (struct saying){ subject, WORLD_SAY, 8, 0, T0 });
}

static struct store_counts counts(void)
{
    struct store_counts c;
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_counts(r, &c), 0);
    reader_close(&r);
    return c;
}

static void what_is_below_leaves_with_what_it_said(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 40; seq++)
        say(seq);
    assert_int_equal(store_set_bound(w.store, w.records[1].root, 1, 31), 0);
    world_fold(&w, T0);
    assert_int_equal(counts().batches, 10);
    assert_int_equal(counts().opinions, 10);
    assert_int_equal(world_check(&w, "192.0.2.30"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(&w, "192.0.2.31"), VERDICT_BLACK);
}

static void it_is_remembered(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 4; seq++)
        say(seq);
    assert_int_equal(store_set_bound(w.store, w.records[1].root, 1, 3), 0);
    world_reopen(&w);
    world_fold(&w, T0);
    assert_int_equal(counts().batches, 2);
}

static void a_lowered_one_lets_them_come_again(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 4; seq++)
        say(seq);
    assert_int_equal(store_set_bound(w.store, w.records[1].root, 1, 4), 0);
    world_fold(&w, T0);
    assert_int_equal(store_set_bound(w.store, w.records[1].root, 0, 0), 0);
    say(2);
    assert_int_equal(counts().batches, 2);
    assert_int_equal(world_check(&w, "192.0.2.2"), VERDICT_BLACK);
}

static void neither_strangers_nor_this_member_have_one(void **state)
{
    const uint8_t stranger[KEY_BYTES] = { 1 };
    (void)state;
    assert_int_equal(store_set_bound(w.store, stranger, 1, 4), 0);
    assert_int_equal(store_set_bound(w.store, w.records[0].root, 1, 4), 0);
    struct saying says = { "192.0.2.9", WORLD_SAY, 5, 0, T0 };
    struct store_batch b = world_batch(&w, 0, 1, T0, &says, 1);
    assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
    world_free_batch(&b);
    world_fold(&w, T0);
    assert_int_equal(counts().batches, 1);
}

/* ---- much of one, and a word of another */

enum { FLOOD = 20, LARGE = 2000 };

/* Of member 1: batches of many opinions, none folded yet. */
static void flood_in(uint64_t seq, size_t batches)
{
    static char texts[LARGE][24];
    static struct saying says[LARGE];
    for (size_t i = 0; i < batches; i++) {
        for (size_t k = 0; k < LARGE; k++) {
            snprintf(texts[k], sizeof texts[k], "11.%d.%d.%d", (int)(seq + i), (int)(k / 250), (int)(k % 250) + 1);
            says[k] = (struct saying){ texts[k], WORLD_SAY, 8, 0, T0 };
        }
        struct store_batch b = world_batch(&w, 1, seq + i, T0, says, LARGE);
        assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
        world_free_batch(&b);
    }
}

static void word_in(size_t member, uint64_t seq, const char *subject)
{
    struct saying says = { subject, WORLD_SAY, 8, 0, T0 };
    struct store_batch b = world_batch(&w, member, seq, T0, &says, 1);
    assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
    world_free_batch(&b);
}

static bool fold_a_little(void)
{
    bool more = false;
    int64_t wake_s;
    assert_int_equal(store_fold(w.store, 64, T0, &more, &wake_s), 0);
    return more;
}

/* Behind the flood, amid it, and while its run goes on: in the second fold at the latest. */
static void a_word_of_another_member_does_not_wait_for_a_flood(void **state)
{
    (void)state;
    flood_in(1, FLOOD / 2);
    word_in(2, 1, "192.0.2.1");
    flood_in(1 + FLOOD / 2, FLOOD / 2);
    word_in(3, 1, "192.0.2.2");
    fold_a_little();
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.2"), VERDICT_BLACK);
    for (int i = 0; i < 20; i++)
        fold_a_little();
    assert_true(store_backlog(w.store) > FLOOD);
    word_in(2, 2, "192.0.2.3");
    fold_a_little();
    assert_int_equal(world_check(&w, "192.0.2.3"), VERDICT_BLACK);
    world_fold(&w, T0);
    assert_int_equal(store_backlog(w.store), 0);
    assert_int_equal(counts().opinions, FLOOD * LARGE + 3);
}

static void nor_for_one_of_small_batches(void **state)
{
    char text[24];
    (void)state;
    for (uint64_t seq = 1; seq <= 2000; seq++) {
        snprintf(text, sizeof text, "11.0.%d.%d", (int)(seq / 250), (int)(seq % 250) + 1);
        word_in(1, seq, text);
    }
    word_in(2, 1, "192.0.2.1");
    for (int i = 0; i < 15; i++)
        fold_a_little();
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_BLACK);
    assert_true(store_backlog(w.store) > 0);
    world_fold(&w, T0);
    assert_int_equal(counts().opinions, 2001);
}

/* A member with its peer, and a thousand whom that one introduced. */
static void puppets_slow_the_telling_no_more_than_a_few_members_would(void **state)
{
    static struct known_member members[1002];
    struct names n = { .members = members, .members_n = 1002 };
    (void)state;
    members[0] = (struct known_member){ .self = true, .policy = -1, .group = -1 };
    members[1] = (struct known_member){ .policy = 0, .group = 0 };
    for (size_t i = 2; i < 1002; i++)
        members[i] = (struct known_member){ .policy = -1, .group = 0 };
    assert_int_equal(names_telling(&n, w.policy), 2 + TELL_GROUP_MAX);
    members[5].group = -1;                 /* without trust: nothing */
    n.members_n = 10;
    assert_int_equal(names_telling(&n, w.policy), 2 + 7);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_below_leaves_with_what_it_said),
        CLAIM(it_is_remembered),
        CLAIM(a_lowered_one_lets_them_come_again),
        CLAIM(neither_strangers_nor_this_member_have_one),
        CLAIM(a_word_of_another_member_does_not_wait_for_a_flood),
        CLAIM(nor_for_one_of_small_batches),
        CLAIM(puppets_slow_the_telling_no_more_than_a_few_members_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
