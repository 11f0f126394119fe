#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/policy.h"
#include "store/rights.h"
#include "store/setup.h"

static void a_new_policy_has_the_five_categories_of_rfc_7073(void **state)
{
    static const char *const names[] = { "spam", "malware", "fraud", "abusive", "invalid-recipients" };
    struct policy *p = policy_create();
    (void)state;
    assert_non_null(p);
    assert_int_equal(p->categories_n, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(policy_category(p, names[i]), i);
        assert_int_equal(p->categories[i].code[0], 127);
        assert_int_equal(p->categories[i].half_life_s, 3 * 86400);
        assert_int_equal(p->categories[i].weight_milli, 5000);
    }
    assert_int_equal(policy_category(p, "spamm"), -1);
    policy_destroy(&p);
    assert_null(p);
}

static void no_two_categories_share_a_code(void **state)
{
    struct policy *p = policy_create();
    (void)state;
    for (size_t i = 0; i < p->categories_n; i++)
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(p->categories[i].code, p->categories[k].code, 4);
    policy_destroy(&p);
}

static void without_a_white_zone_an_unnamed_one_answers_check(void **state)
{
    struct policy *p = policy_create();
    (void)state;
    p->zones[0] = (struct policy_zone){ .name = "bl.a.example", .threshold_micro = MICRO };
    p->zones_n = 1;
    policy_finish(p);
    assert_int_equal(p->zones_n, 2);
    assert_string_equal(p->zones[1].name, "");
    assert_true(p->zones[1].white);
    assert_int_equal(policy_zone(p, "bl.a.example"), 0);
    assert_int_equal(policy_zone(p, "wl.a.example"), -1);
    policy_destroy(&p);
}

static void a_configured_white_zone_is_the_only_one(void **state)
{
    struct policy *p = policy_create();
    (void)state;
    p->zones[0] = (struct policy_zone){ .name = "wl.a.example", .white = true, .threshold_micro = MICRO };
    p->zones_n = 1;
    policy_finish(p);
    assert_int_equal(p->zones_n, 1);
    policy_destroy(&p);
}

static void a_full_list_of_zones_has_room_for_the_unnamed_one(void **state)
{
    struct policy *p = policy_create();
    (void)state;
    p->zones_n = POLICY_ZONES_MAX;
    policy_finish(p);
    assert_int_equal(p->zones_n, POLICY_ZONES_MAX + 1);
    policy_destroy(&p);
}

static void a_copy_outlives_its_original(void **state)
{
    struct policy *p = policy_create(), *copy;
    uint8_t root[KEY_BYTES] = { 7 }, other[KEY_BYTES] = { 8 };
    struct subject s;
    const char *reason;
    uint8_t key[HASH_BYTES] = { 0 };
    (void)state;
    p->members = calloc(1, sizeof *p->members);
    memcpy(p->members[0].root, root, KEY_BYTES);
    strcpy(p->members[0].name, "mx.b.example");
    p->members_n = 1;
    assert_int_equal(protect_add(p->protect, "192.0.2.25"), 0);
    copy = policy_copy(p);
    policy_destroy(&p);
    assert_non_null(copy);
    assert_string_equal(policy_member(copy, root)->name, "mx.b.example");
    assert_null(policy_member(copy, other));
    assert_int_equal(subject_parse("192.0.2.25", 10, key, &s, &reason), 0);
    assert_true(protect_covers(copy->protect, &s));
    policy_destroy(&copy);
    policy_destroy(&copy);
}

/* ---- what scores and listings depend on */

static struct names names;
static struct known_member known = { .id = 1, .reliability = { MICRO, MICRO, MICRO } };
static struct trusted introduced = { .tau_micro = 500000 };
static bool probation[2];

static struct policy *scoring_policy(void)
{
    struct policy *p = policy_create();
    assert_non_null(p);
    p->members = calloc(2, sizeof *p->members);
    assert_non_null(p->members);
    for (size_t i = 0; i < 2; i++)
        p->members[p->members_n++] = (struct policy_member){ .root = { (uint8_t)(i + 1) }, .trust_micro = MICRO };
    p->zones[p->zones_n++] = (struct policy_zone){ .name = "bl.a.example", .threshold_micro = MICRO, .quorum = 2, .networks = true, .network_addresses = 5, .network_groups = 2,
                                                   .network_floor_ip4 = 24, .network_floor_ip6 = 48 };
    policy_finish(p);
    names = (struct names){ .members = &known, .members_n = 1, .trusted = &introduced, .trusted_n = 1, .probation = probation };
    known.reliability = (struct reliability){ MICRO, MICRO, MICRO };
    introduced.tau_micro = 500000;
    memset(probation, 0, sizeof probation);
    return p;
}

static void another_ttl(struct policy *p) { p->ttl_s++; }
static void another_self(struct policy *p) { p->self[0]++; }
static void another_half_life(struct policy *p) { p->categories[1].half_life_s++; }
static void another_category(struct policy *p) { p->categories_n--; }
static void another_threshold(struct policy *p) { p->zones[0].threshold_micro++; }
static void another_quorum(struct policy *p) { p->zones[0].quorum++; }
static void another_colour(struct policy *p) { p->zones[0].white = true; }
static void own_alone(struct policy *p) { p->zones[0].own = true; }
static void no_networks(struct policy *p) { p->zones[0].networks = false; }
static void more_addresses(struct policy *p) { p->zones[0].network_addresses++; }
static void more_groups(struct policy *p) { p->zones[0].network_groups++; }
static void another_floor(struct policy *p) { p->zones[0].network_floor_ip4++; }
static void another_ip6_floor(struct policy *p) { p->zones[0].network_floor_ip6++; }
static void another_trust(struct policy *p) { p->members[1].trust_micro--; }
static void one_less(struct policy *p) { p->members_n--; }
static void some_categories(struct policy *p) { p->members[1].rights.categories = 3; }
static void black_only(struct policy *p) { p->members[1].rights.black_only = true; }
static void no_prefixes(struct policy *p) { p->members[1].rights.no_prefixes = true; }
static void a_cap(struct policy *p) { p->members[1].rights.max_weight_micro = 5; }
static void probation_that_is_over(struct policy *p) { p->members[1].rights.probation_s = 60; }
static void probation_now(struct policy *p) { probation_that_is_over(p); probation[1] = true; }
static void catching_up(struct policy *p) { (void)p; names.held_back = true; }
static void another_introduction(struct policy *p) { (void)p; introduced.tau_micro--; }
static void less_reliable_in_black(struct policy *p) { (void)p; known.reliability.black_micro--; }
static void less_reliable_in_white(struct policy *p) { (void)p; known.reliability.white_micro--; }
static void a_worse_record(struct policy *p) { (void)p; known.reliability.record_micro--; }

static void digest_after(void (*change)(struct policy *p), uint8_t out[HASH_BYTES])
{
    struct policy *p = scoring_policy();
    if (change != NULL)
        change(p);
    assert_int_equal(policy_digest(p, &names, out), 0);
    policy_destroy(&p);
}

static void each_change_of_what_scores_depend_on_gives_another_digest(void **state)
{
    static void (*const changes[])(struct policy *p) = {
        NULL, another_ttl, another_self, another_half_life, another_category, another_threshold, another_quorum, another_colour, own_alone, no_networks, more_addresses, more_groups,
        another_floor, another_ip6_floor, another_trust, one_less, some_categories, black_only, no_prefixes, a_cap, probation_that_is_over, probation_now, catching_up,
        another_introduction, less_reliable_in_black, less_reliable_in_white, a_worse_record,
    };
    enum { CHANGES = sizeof changes / sizeof *changes };
    static uint8_t digests[CHANGES][HASH_BYTES];
    (void)state;
    for (size_t i = 0; i < CHANGES; i++)
        digest_after(changes[i], digests[i]);
    for (size_t i = 0; i < CHANGES; i++)
        for (size_t k = 0; k < i; k++)
            if (memcmp(digests[i], digests[k], HASH_BYTES) == 0)
                fail_msg("changes %zu and %zu give the same digest", k, i);
    digest_after(NULL, digests[1]);
    assert_memory_equal(digests[0], digests[1], HASH_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_policy_has_the_five_categories_of_rfc_7073),
        cmocka_unit_test(no_two_categories_share_a_code),
        cmocka_unit_test(without_a_white_zone_an_unnamed_one_answers_check),
        cmocka_unit_test(a_configured_white_zone_is_the_only_one),
        cmocka_unit_test(a_full_list_of_zones_has_room_for_the_unnamed_one),
        cmocka_unit_test(a_copy_outlives_its_original),
        cmocka_unit_test(each_change_of_what_scores_depend_on_gives_another_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
