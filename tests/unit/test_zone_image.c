/* node/zone_image: sorted arrays that follow a stream of changes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The module itself, with an allocator that fails when told to. */
static long allocations_left = -1;      /* -1: no end */

static bool may_allocate(void)
{
    if (allocations_left > 0)
        allocations_left--;
    return allocations_left != 0;
}

static void *failing_realloc(void *at, size_t bytes)
{
    return may_allocate() ? realloc(at, bytes) : NULL;
}

static char *failing_strndup(const char *text, size_t len)
{
    return may_allocate() ? strndup(text, len) : NULL;
}

#undef strndup
#define realloc failing_realloc
#define strndup failing_strndup
#include "node/zone_image.c"
#include "tests/seed.h"
#undef realloc
#undef strndup

static struct subject prefix4(uint32_t addr, uint8_t bits)
{
    struct subject s = { .len = 6, .key = { SUBJECT_IP4, (uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8), (uint8_t)addr, bits } };
    return s;
}

static struct subject prefix6(uint64_t addr, uint8_t bits)
{
    struct subject s = { .len = 10, .key = { SUBJECT_IP6 } };
    for (int i = 0; i < 8; i++)
        s.key[1 + i] = (uint8_t)(addr >> (56 - 8 * i));
    s.key[9] = bits;
    return s;
}

static struct subject name(const char *text)
{
    struct subject s = { .len = (uint8_t)(1 + strlen(text)), .key = { SUBJECT_NAME } };
    memcpy(s.key + 1, text, strlen(text));
    return s;
}

static void change(struct zone_image *z, int category, struct subject s, bool listed)
{
    assert_int_equal(zone_image_change(z, category, &s, listed), 0);
}

static void an_empty_image_has_nothing_to_say(void **state)
{
    (void)state;
    struct zone_image *z = zone_image_create();
    assert_non_null(z);
    assert_int_equal(zone_image_settle(z), 0);
    assert_int_equal(zone_image_count(z), 0);
    assert_false(zone_image_changed(z));
    assert_int_equal(zone_image_set(z, 0).hosts_n, 0);
    assert_int_equal(zone_image_set(z, -1).hosts_n, 0);
    assert_int_equal(zone_image_set(z, POLICY_CATEGORIES_MAX).names_n, 0);
    zone_image_destroy(&z);
    assert_null(z);
    zone_image_destroy(&z);
}

static void each_kind_goes_to_its_own_sorted_array(void **state)
{
    (void)state;
    struct zone_image *z = zone_image_create();
    change(z, 1, prefix4(0xc0000209, 32), true);
    change(z, 1, prefix4(0x0a000001, 32), true);
    change(z, 1, prefix4(0xc6336400, 24), true);
    change(z, 1, prefix4(0xc6336400, 16), true);
    change(z, 1, prefix6(0x20010db800010002, 64), true);
    change(z, 1, prefix6(0x20010db800000000, 48), true);
    change(z, 1, name("mx.bad.example"), true);
    change(z, 1, name("bad.example"), true);
    assert_int_equal(zone_image_set(z, 1).hosts_n, 0);
    assert_true(zone_image_changed(z));
    assert_int_equal(zone_image_settle(z), 0);
    assert_false(zone_image_changed(z));
    struct zone_image_set set = zone_image_set(z, 1);
    assert_int_equal(zone_image_count(z), 8);
    assert_int_equal(set.hosts_n, 2);
    assert_int_equal(set.hosts[0], 0x0a000001);
    assert_int_equal(set.hosts[1], 0xc0000209);
    assert_int_equal(set.nets4_n, 2);
    assert_int_equal(set.nets4[0].bits, 16);
    assert_int_equal(set.nets4[1].bits, 24);
    assert_int_equal(set.nets6_n, 2);
    assert_true(set.nets6[1].addr == 0x20010db800010002);
    assert_int_equal(set.names_n, 2);
    assert_string_equal(set.names[0], "bad.example");
    assert_string_equal(set.names[1], "mx.bad.example");
    assert_int_equal(zone_image_set(z, 0).hosts_n, 0);
    zone_image_destroy(&z);
}

static void the_last_word_on_a_subject_counts(void **state)
{
    (void)state;
    struct zone_image *z = zone_image_create();
    change(z, 0, prefix4(1, 32), true);
    change(z, 0, prefix4(1, 32), false);
    change(z, 0, name("a.example"), false);
    change(z, 0, name("a.example"), true);
    change(z, 0, prefix4(2, 32), true);
    change(z, 0, prefix4(2, 32), true);
    assert_int_equal(zone_image_settle(z), 0);
    assert_int_equal(zone_image_count(z), 2);
    assert_int_equal(zone_image_set(z, 0).hosts[0], 2);
    assert_int_equal(zone_image_set(z, 0).names_n, 1);
    zone_image_destroy(&z);
}

static void what_changes_nothing_leaves_the_version(void **state)
{
    (void)state;
    struct zone_image *z = zone_image_create();
    change(z, 0, prefix4(7, 32), true);
    assert_int_equal(zone_image_settle(z), 0);
    uint64_t version = zone_image_version(z);
    change(z, 0, prefix4(7, 32), true);
    change(z, 0, prefix4(9, 32), false);
    change(z, 0, name("never.listed.example"), false);
    assert_int_equal(zone_image_settle(z), 0);
    assert_true(zone_image_version(z) == version);
    assert_int_equal(zone_image_count(z), 1);
    change(z, 0, prefix4(7, 32), false);
    assert_int_equal(zone_image_settle(z), 0);
    assert_true(zone_image_version(z) > version);
    assert_int_equal(zone_image_count(z), 0);
    zone_image_destroy(&z);
}

static void sender_hashes_are_not_for_dns(void **state)
{
    (void)state;
    struct zone_image *z = zone_image_create();
    struct subject s = { .len = 1 + SENDER_HASH_BYTES, .key = { SUBJECT_SENDER, 1, 2, 3 } };
    assert_int_equal(zone_image_change(z, 0, &s, true), 0);
    assert_false(zone_image_changed(z));
    zone_image_destroy(&z);
}

static void an_unknown_category_is_refused(void **state)
{
    (void)state;
    struct zone_image *z = zone_image_create();
    struct subject s = prefix4(1, 32), none = { 0 };
    assert_int_equal(zone_image_change(z, -1, &s, true), -EINVAL);
    assert_int_equal(zone_image_change(z, POLICY_CATEGORIES_MAX, &s, true), -EINVAL);
    assert_int_equal(zone_image_change(z, 0, &none, true), -EINVAL);
    assert_false(zone_image_changed(z));
    zone_image_destroy(&z);
}

static void clearing_forgets_settled_and_noted(void **state)
{
    (void)state;
    struct zone_image *z = zone_image_create();
    change(z, 0, name("a.example"), true);
    assert_int_equal(zone_image_settle(z), 0);
    change(z, 0, name("b.example"), true);
    zone_image_clear(z);
    assert_false(zone_image_changed(z));
    assert_int_equal(zone_image_count(z), 0);
    change(z, 0, name("c.example"), true);
    assert_int_equal(zone_image_settle(z), 0);
    assert_int_equal(zone_image_count(z), 1);
    zone_image_destroy(&z);
}

/* ---- against a plain model */

enum { UNIVERSE = 600, ROUNDS = 4000 };

static uint32_t random_of(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Number i of the universe: hosts, prefixes of both families, names, in turn. */
static struct subject universe(unsigned i)
{
    char text[32];
    switch (i % 4) {
    case 0: return prefix4(i * 2654435761u, 32);
    case 1: return prefix4((i * 2654435761u) & 0xffffff00u, 24);
    case 2: return prefix6((uint64_t)i * 11400714819323198485u, (uint8_t)(48 + i % 17));
    default: snprintf(text, sizeof text, "n%u.example", i * 7919u % 1000u); return name(text);
    }
}

static bool holds(const struct zone_image_set *set, const struct subject *s)
{
    uint64_t addr = 0;
    int bytes = subject_kind(s) == SUBJECT_IP4 ? 4 : 8;
    for (int i = 0; i < bytes && subject_kind(s) != SUBJECT_NAME; i++)
        addr = addr << 8 | s->key[1 + i];
    if (subject_kind(s) == SUBJECT_NAME) {
        for (size_t i = 0; i < set->names_n; i++)
            if (strlen(set->names[i]) == s->len - 1u && memcmp(set->names[i], s->key + 1, s->len - 1u) == 0)
                return true;
    } else if (subject_kind(s) == SUBJECT_IP4 && s->key[5] == 32) {
        for (size_t i = 0; i < set->hosts_n; i++)
            if (set->hosts[i] == addr)
                return true;
    } else {
        const struct zone_image_prefix *p = bytes == 4 ? set->nets4 : set->nets6;
        size_t n = bytes == 4 ? set->nets4_n : set->nets6_n;
        for (size_t i = 0; i < n; i++)
            if (p[i].addr == addr && p[i].bits == s->key[bytes + 1])
                return true;
    }
    return false;
}

static void assert_sorted(const struct zone_image_set *set)
{
    for (size_t i = 1; i < set->hosts_n; i++)
        assert_true(set->hosts[i - 1] < set->hosts[i]);
    for (size_t i = 1; i < set->nets6_n; i++)
        assert_true(set->nets6[i - 1].addr < set->nets6[i].addr
                    || (set->nets6[i - 1].addr == set->nets6[i].addr && set->nets6[i - 1].bits < set->nets6[i].bits));
    for (size_t i = 1; i < set->names_n; i++)
        assert_true(strcmp(set->names[i - 1], set->names[i]) < 0);
}

static void any_history_gives_what_a_plain_table_gives(void **state)
{
    (void)state;
    static bool model[UNIVERSE];
    uint64_t seed = seeded(20261120);
    struct zone_image *z = zone_image_create();
    for (int round = 0; round < ROUNDS; round++) {
        unsigned batch = round % 50 == 0 ? 400 : random_of(&seed) % 6;
        for (unsigned i = 0; i < batch; i++) {
            unsigned which = random_of(&seed) % UNIVERSE;
            bool listed = random_of(&seed) % 3 != 0;
            model[which] = listed;
            change(z, 3, universe(which), listed);
        }
        assert_int_equal(zone_image_settle(z), 0);
        struct zone_image_set set = zone_image_set(z, 3);
        size_t want = 0;
        for (unsigned i = 0; i < UNIVERSE; i++)
            want += model[i];
        assert_int_equal(zone_image_count(z), want);
        assert_sorted(&set);
        if (round % 200 != 0)
            continue;
        for (unsigned i = 0; i < UNIVERSE; i++) {
            struct subject s = universe(i);
            assert_int_equal(holds(&set, &s), model[i]);
        }
    }
    zone_image_destroy(&z);
}

/* Notes all of the universe from `from` on, as listed or not; repeats what fails. How many times memory was short is returned. */
static int note_all(struct zone_image *z, unsigned from, bool listed, long fail_after)
{
    int failures = 0;
    for (unsigned i = from; i < UNIVERSE; i++) {
        struct subject s = universe(i);
        allocations_left = fail_after;
        int rc = zone_image_change(z, 3, &s, listed);
        allocations_left = -1;
        if (rc == 0)
            continue;
        assert_int_equal(rc, -ENOMEM);
        assert_int_equal(zone_image_change(z, 3, &s, listed), 0);
        failures++;
    }
    return failures;
}

/* Fails after 1, 2, 3 ... allocations, each time changing its mind before it tries again. */
static void a_settle_without_memory_loses_nothing_and_can_be_repeated(void **state)
{
    (void)state;
    int short_of_memory = 0;
    for (long fail_after = 1; fail_after < 6; fail_after++) {
        struct zone_image *z = zone_image_create();
        assert_int_equal(note_all(z, UNIVERSE / 2, true, -1), 0);
        assert_int_equal(zone_image_settle(z), 0);
        size_t before = zone_image_count(z);
        short_of_memory += note_all(z, 0, true, fail_after);
        allocations_left = fail_after;
        int rc = zone_image_settle(z);
        allocations_left = -1;
        if (rc != 0) {
            assert_int_equal(rc, -ENOMEM);
            assert_true(zone_image_changed(z));
            assert_int_equal(zone_image_count(z), before);
            short_of_memory++;
        }
        note_all(z, UNIVERSE / 4, false, -1);
        assert_int_equal(zone_image_settle(z), 0);
        struct zone_image_set set = zone_image_set(z, 3);
        assert_sorted(&set);
        for (unsigned i = 0; i < UNIVERSE; i++) {
            struct subject s = universe(i);
            assert_int_equal(holds(&set, &s), i < UNIVERSE / 4);
        }
        zone_image_destroy(&z);
    }
    assert_true(short_of_memory > 5);
}

static void what_is_said_after_a_failed_settle_is_the_last_word(void **state)
{
    (void)state;
    struct zone_image *z = zone_image_create();
    for (uint32_t a = 0; a < 1000; a++)
        change(z, 0, prefix4(a, 32), true);
    assert_int_equal(zone_image_settle(z), 0);
    for (uint32_t a = 2000; a < 2200; a++)
        change(z, 0, prefix4(a, 32), true);
    allocations_left = 1;
    assert_int_equal(zone_image_settle(z), -ENOMEM);
    allocations_left = -1;
    for (uint32_t a = 2000; a < 2200; a++)
        change(z, 0, prefix4(a, 32), false);
    assert_int_equal(zone_image_settle(z), 0);
    assert_int_equal(zone_image_count(z), 1000);
    zone_image_destroy(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_image_has_nothing_to_say),
        cmocka_unit_test(each_kind_goes_to_its_own_sorted_array),
        cmocka_unit_test(the_last_word_on_a_subject_counts),
        cmocka_unit_test(what_changes_nothing_leaves_the_version),
        cmocka_unit_test(sender_hashes_are_not_for_dns),
        cmocka_unit_test(an_unknown_category_is_refused),
        cmocka_unit_test(clearing_forgets_settled_and_noted),
        cmocka_unit_test(a_settle_without_memory_loses_nothing_and_can_be_repeated),
        cmocka_unit_test(what_is_said_after_a_failed_settle_is_the_last_word),
        cmocka_unit_test(any_history_gives_what_a_plain_table_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
