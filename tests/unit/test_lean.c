/* Which listings lean on whom: store/lean.h, and the counts that `hearsay members` shows. */
#include "networks_world.h"

#include "store/lean.h"
#include "store/lean_network.h"
#include "tests/seed.h"

enum { VOICES_MAX = 12, ROUNDS = 20000 };

static uint64_t bits = 11;

static unsigned random_to(unsigned n)
{
    bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(bits >> 33) % n;
}

static struct evidence random_evidence(void)
{
    return (struct evidence){ (int64_t)random_to(9) * MICRO, random_to(2) == 0 ? (int64_t)random_to(5) * MICRO : 0, T0 - (int64_t)random_to(WORLD_DAY) };
}

static size_t random_voices(struct voice *v)
{
    size_t n = 1 + random_to(VOICES_MAX);
    unsigned group = 0;
    for (size_t i = 0; i < n; i++) {
        group += i > 0 ? random_to(2) : 0;
        uint32_t trust = i > 0 && v[i - 1].group == group ? v[i - 1].trust_micro : random_to(MICRO + 1);
        v[i] = (struct voice){ .group = group, .trust_micro = trust, .weight_micro = random_to(2 * MICRO), .say_micro = random_to(MICRO), .evidence = random_evidence(),
                               .bit = group % 5, .stands_s = random_to(2) == 0 ? 0 : random_to(2) == 0 ? INT64_MAX : T0 + 60 - (int64_t)random_to(3) * 60 };
    }
    return n;
}

static void without_a_voice_is_the_score_of_all_others(void **state)
{
    struct lean l = { .parts = NULL };
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct voice v[VOICES_MAX], rest[VOICES_MAX];
        struct evidence own = random_evidence();
        const struct evidence *mine = random_to(2) == 0 ? &own : NULL;
        size_t n = random_voices(v), at = random_to((unsigned)n);
        memcpy(rest, v, at * sizeof *v);
        memcpy(rest + at, v + at + 1, (n - at - 1) * sizeof *v);
        struct score want = score_of(rest, n - 1, mine, WORLD_DAY, 30 * WORLD_DAY, T0);
        assert_int_equal(lean_load(&l, v, n, mine, WORLD_DAY, 30 * WORLD_DAY, T0), 0);
        struct score got = lean_without(&l, v, at);
        assert_int_equal(got.micro, want.micro);
        assert_int_equal(got.groups, want.groups);
        assert_int_equal(got.groups_white, want.groups_white);
        assert_int_equal(got.own_micro, want.own_micro);
        assert_int_equal(got.veto, want.veto);
        assert_true(got.said_by == want.said_by);
        assert_int_equal(got.contested, want.contested);
        if (want.contested)
            assert_true(got.stood_micro == want.stood_micro && got.stood_groups == want.stood_groups);
    }
    lean_clear(&l);
}

/* ---- the store */

static struct member_load load_of(struct world *w, size_t member, int64_t now_s)
{
    struct reader *r = world_reader(w);
    struct member_load *all = NULL, found = { .subjects = 0 };
    size_t n = 0;
    bool known = false;
    assert_int_equal(reader_member_loads(r, now_s, NULL, NULL, &all, &n), 0);
    for (size_t i = 0; i < n; i++)
        if (memcmp(all[i].root, w->records[member].root, KEY_BYTES) == 0) {
            found = all[i];
            known = true;
        }
    assert_true(known);
    free(all);
    reader_close(&r);
    return found;
}

static void a_listing_leans_on_whom_it_would_end_without(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);                                  /* one group is enough, from 0.6 on; to stay, 0.3 */
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "spam", 8, 0, T0 });
    world_hear(&w, 1, 2, (struct saying){ "192.0.2.8", "spam", 8, 0, T0 });
    world_hear(&w, 2, 1, (struct saying){ "192.0.2.8", "spam", 8, 0, T0 });
    world_hear(&w, 2, 2, (struct saying){ "192.0.2.9", "spam", 1, 0, T0 });
    assert_int_equal(load_of(&w, 1, T0).leaning, 1);
    assert_int_equal(load_of(&w, 2, T0).leaning, 0);
    assert_int_equal(load_of(&w, 1, T0).subjects, 2);
    assert_int_equal(load_of(&w, 2, T0).subjects, 2);
    assert_int_equal(load_of(&w, 3, T0).subjects, 0);
    world_destroy(&w);
}

/* 0.33 would not list it, but keeps it listed. */
static void what_is_listed_and_would_stay_so_leans_on_nobody(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "spam", 8, 0, T0 });
    world_hear(&w, 2, 1, (struct saying){ "192.0.2.7", "spam", 3, 0, T0 });
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(load_of(&w, 1, T0).leaning, 0);
    assert_int_equal(load_of(&w, 2, T0).leaning, 0);
    world_destroy(&w);
}

static void a_subject_in_two_categories_is_one_and_a_withdrawn_one_is_none(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "spam", 8, 0, T0 });
    world_hear(&w, 1, 2, (struct saying){ "192.0.2.7", "malware", 8, 0, T0 });
    world_hear(&w, 1, 3, (struct saying){ "192.0.2.8", "malware", 8, 0, T0 });
    assert_int_equal(load_of(&w, 1, T0).subjects, 2);
    assert_int_equal(load_of(&w, 1, T0).leaning, 3);   /* a listing is of a category */
    world_hear(&w, 1, 4, (struct saying){ "192.0.2.8", "malware", 0, 0, T0 + 600 });
    assert_int_equal(load_of(&w, 1, T0 + 600).subjects, 1);
    assert_int_equal(load_of(&w, 1, T0 + 31 * WORLD_DAY).subjects, 0);
    world_destroy(&w);
}

static void nothing_leans_on_one_on_probation(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    w.policy->members[0].rights.probation_s = RIGHTS_ENDLESS;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "spam", 8, 0, T0 });
    assert_int_equal(load_of(&w, 1, T0).leaning, 0);
    assert_int_equal(load_of(&w, 1, T0).subjects, 1);
    world_destroy(&w);
}

/* ---- networks */

static void add_to(void *ctx, size_t member)
{
    *(uint64_t *)ctx |= UINT64_C(1) << member;
}

static struct networks_rule rule_of_five(void)
{
    return (struct networks_rule){ .addresses = 5, .groups = 2, .floor_bits = 24 };
}

static uint64_t address(unsigned last)
{
    return (uint64_t)(UINT32_C(0xc0000200) + last) << 32;
}

static void a_network_of_too_few_without_a_member_leans_on_it(void **state)
{
    struct lean_network l = { .hosts = NULL };
    struct networks_rule rule = rule_of_five();
    uint64_t leaning = 0;
    (void)state;
    assert_int_equal(lean_network_begin(&l, &(struct networks_prefix){ address(0), 29 }, &rule), 0);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(lean_network_host(&l, address(i + (i > 2)), 7));
        assert_int_equal(lean_network_without(&l, 1, i < 2 ? 6 : 0), 0);       /* keeps two of five: too few, three stay */
        assert_int_equal(lean_network_without(&l, 2, i == 0 ? 0 : 5), 0);      /* loses an end, but the prefix around the rest is the same */
        assert_int_equal(lean_network_without(&l, 3, i > 2 ? 0 : 3), 0);       /* loses the upper half: a narrower one remains */
    }
    lean_network_end(&l, add_to, &leaning);
    assert_int_equal(leaning, 1 << 1 | 1 << 3);
    lean_network_clear(&l);
}

static void a_network_that_is_not_upheld_leans_on_nobody(void **state)
{
    struct lean_network l = { .hosts = NULL };
    struct networks_rule rule = rule_of_five();
    uint64_t leaning = 0;
    (void)state;
    assert_int_equal(lean_network_begin(&l, &(struct networks_prefix){ address(0), 28 }, &rule), 0);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(lean_network_host(&l, address(i), 3));
        assert_int_equal(lean_network_without(&l, 1, 0), 0);
    }
    lean_network_end(&l, add_to, &leaning);        /* a /28 of which nothing lies in the upper half */
    assert_int_equal(leaning, 0);
    lean_network_clear(&l);
}

static void a_network_leans_on_the_members_without_whom_it_would_end(void **state)
{
    struct world w;
    (void)state;
    create(&w);                                        /* from 0.6 on, one group; a network needs five addresses and two groups */
    list_some(&w, 1, 6, T0);
    assert_networks(&w, "192.0.2.0/29 6/2/0;");
    assert_int_equal(load_of(&w, 1, T0).leaning, 1);   /* each of the two holds all addresses alone, and the network only together */
    assert_int_equal(load_of(&w, 2, T0).leaning, 1);
    assert_int_equal(load_of(&w, 3, T0).leaning, 0);
    char text[32];
    for (unsigned i = 1; i <= 6; i++) {
        snprintf(text, sizeof text, "192.0.2.%u", i);
        say(&w, 3, text, 8, 0, T0);
    }
    assert_int_equal(load_of(&w, 1, T0).leaning, 0);   /* a third group makes each of the others dispensable */
    world_destroy(&w);
}

int main(void)
{
    bits = seeded(bits);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_voice_is_the_score_of_all_others),
        cmocka_unit_test(a_listing_leans_on_whom_it_would_end_without),
        cmocka_unit_test(what_is_listed_and_would_stay_so_leans_on_nobody),
        cmocka_unit_test(a_subject_in_two_categories_is_one_and_a_withdrawn_one_is_none),
        cmocka_unit_test(nothing_leans_on_one_on_probation),
        cmocka_unit_test(a_network_of_too_few_without_a_member_leans_on_it),
        cmocka_unit_test(a_network_that_is_not_upheld_leans_on_nobody),
        cmocka_unit_test(a_network_leans_on_the_members_without_whom_it_would_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
