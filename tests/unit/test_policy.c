#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/policy.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_policy_has_the_five_categories_of_rfc_7073),
        cmocka_unit_test(no_two_categories_share_a_code),
        cmocka_unit_test(without_a_white_zone_an_unnamed_one_answers_check),
        cmocka_unit_test(a_configured_white_zone_is_the_only_one),
        cmocka_unit_test(a_full_list_of_zones_has_room_for_the_unnamed_one),
        cmocka_unit_test(a_copy_outlives_its_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
