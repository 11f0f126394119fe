/* node/mesh_fetch: of whom is fetched when several neighbours have what is missing here. */
#define FIXTURE_MEMBERS 12
#include "tests/unit/mesh_fixture.h"

enum { NEIGHBOURS = 4, SEEDS = 60, ORIGINS = MEMBERS - 1 - NEIGHBOURS, HEAD = 64 };

static unsigned asked_of[MEMBERS];

/* Neighbours 1 to 4; what the members after them said, each of the neighbours has. */
static void begin_seed(uint64_t seed)
{
    struct mesh_config c = { .federation = "unit", .seed = seeded(seed), .ttl_s = 30 * 86400 };

    now_ms = 1000000;
    memcpy(c.self, people[0].record.root, KEY_BYTES);
    assert_int_equal(mesh_create(&c, &mesh), 0);
    for (unsigned i = 0; i < MEMBERS; i++)
        know(i, i >= 1 && i <= NEIGHBOURS);
    tick_at(now_ms);
    for (unsigned i = 1; i <= NEIGHBOURS; i++)
        link_to(i, true);
}

static void count_asked(void)
{
    for (size_t i = 0; i < up.n; i++) {
        struct message m = { 0 };
        if (up.actions[i].kind != MESH_DO_ASK)
            continue;
        assert_int_equal(message_decode(up.actions[i].frame, &m), 0);
        for (unsigned who = 1; who < MEMBERS; who++)
            asked_of[who] += m.kind == MESSAGE_FETCH && is_about(&up.actions[i], who);
        message_close(&m);
    }
}

/* All logs in one message, as a neighbour with a full vector tells them; the one that is told last is no better than the first. */
static void all_have(unsigned first)
{
    struct log_have logs[ORIGINS] = { 0 };
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .full = true, .logs_n = ORIGINS, .logs = logs } };

    for (unsigned i = 0; i < ORIGINS; i++) {
        memcpy(logs[i].origin, people[1 + NEIGHBOURS + i].record.root, KEY_BYTES);
        logs[i].epoch = EPOCH;
        logs[i].floor = 1;
        logs[i].head = HEAD;
        logs[i].record_serial = 10;
    }
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        message(MESH_ANSWER, 1 + (first + i) % NEIGHBOURS, &m);
        count_asked();
    }
}

/* Until each origin is being fetched; time goes on no further than to where nothing has timed out. */
static void ask_for_all(void)
{
    int64_t end_ms = now_ms + MESH_FETCH_TIMEOUT_MS / 2;
    unsigned before = 0, n = 0;

    for (unsigned i = 1; i <= NEIGHBOURS; i++)
        before += asked_of[i];
    while (n < ORIGINS && up.wake_at_ms < end_ms) {
        tick_at(up.wake_at_ms);
        count_asked();
        n = 0;
        for (unsigned i = 1; i <= NEIGHBOURS; i++)
            n += asked_of[i];
        n -= before;
    }
    assert_int_equal(n, ORIGINS);
}

static void begin_counting(void)
{
    memset(asked_of, 0, sizeof asked_of);
}

static void what_several_neighbours_have_is_fetched_of_all_of_them(void **state)
{
    (void)state;
    begin_counting();
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin_seed(seed);
        all_have((unsigned)seed);
        ask_for_all();
        mesh_destroy(&mesh);
    }
    for (unsigned i = 1; i <= NEIGHBOURS; i++)
        assert_in_range(asked_of[i], SEEDS * ORIGINS / 8, SEEDS * ORIGINS / 2);      /* a quarter each, were it not for chance */
}

/* Whichever they are: each origin is asked for at once, and none waits for another. */
static void several_neighbours_are_asked_at_the_same_time(void **state)
{
    (void)state;
    unsigned spread = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct mesh_catching c;
        begin_counting();
        begin_seed(seed);
        all_have((unsigned)seed);
        ask_for_all();
        mesh_catching(mesh, &c);
        spread += c.neighbours >= 2;
        assert_int_equal(c.known, ORIGINS * HEAD);
        mesh_destroy(&mesh);
    }
    assert_true(spread >= SEEDS * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_several_neighbours_have_is_fetched_of_all_of_them),
        cmocka_unit_test(several_neighbours_are_asked_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
