/* Protected networks and names: proto/protect.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/protect.h"

static const uint8_t no_key[HASH_BYTES];

static struct subject subject(const char *text)
{
    struct subject s;
    const char *reason = "";

    if (subject_parse(text, strlen(text), no_key, &s, &reason) != 0)
        fail_msg("%s: %s", text, reason);
    return s;
}

static void assert_covers(const struct protect *p, const char *text, bool want)
{
    struct subject s = subject(text);

    if (protect_covers(p, &s) != want)
        fail_msg("%s: want it %s", text, want ? "covered" : "free");
}

static struct protect *protect_of(const char *const *texts)
{
    struct protect *p = protect_create();

    assert_non_null(p);
    for (; *texts != NULL; texts++) {
        if (protect_add(p, *texts) != 0)
            fail_msg("%s: not taken", *texts);
    }
    return p;
}

static void an_empty_one_protects_the_reserved_networks_and_public_suffixes(void **state)
{
    static const struct { const char *name, *key; size_t len; } reserved[] = {
        { "127.0.0.1", "\x04\x7f\0\0\x01\x20", 6 }, { "192.168.0.0/16", "\x04\xc0\xa8\0\0\x10", 6 },
        { "fe80::/64", "\x06\xfe\x80\0\0\0\0\0\0\x40", 10 }, { "co.uk", "\x10" "co.uk", 6 },
    };
    struct protect *p = protect_create();

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct subject s;
        assert_int_equal(subject_from_key((const uint8_t *)reserved[i].key, reserved[i].len, &s), 0);
        if (!protect_covers(p, &s))
            fail_msg("%s is free", reserved[i].name);
    }
    assert_covers(p, "192.0.2.7", false);
    assert_covers(p, "2001:db8::7", false);
    assert_covers(p, "bad.example", false);
    assert_covers(p, "user@bad.example", false);
    protect_destroy(&p);
    assert_null(p);
    protect_destroy(&p);
}

static void a_network_covers_what_lies_in_it_and_what_holds_it(void **state)
{
    static const char *const texts[] = { "192.0.2.25", "9.0.0.0/8", "2001:db8:5::/48", "2a00:1:2:3::7", NULL };
    struct protect *p = protect_of(texts);

    (void)state;
    assert_covers(p, "192.0.2.25", true);
    assert_covers(p, "192.0.2.24", false);
    assert_covers(p, "192.0.2.0/24", true);
    assert_covers(p, "192.0.3.0/24", false);
    assert_covers(p, "9.1.2.3", true);
    assert_covers(p, "9.1.0.0/16", true);
    assert_covers(p, "8.255.255.255", false);
    assert_covers(p, "11.0.0.0", false);
    assert_covers(p, "2001:db8:5:1::1", true);
    assert_covers(p, "2001:db8::/32", true);
    assert_covers(p, "2001:db8:6::1", false);
    assert_covers(p, "2a00:1:2:3::8", true);                   /* subjects are /64s: this one holds the host */
    assert_covers(p, "2a00:1:2:4::8", false);
    protect_destroy(&p);
}

static void a_name_covers_itself_and_what_is_below_it(void **state)
{
    static const char *const texts[] = { "Good.Example.", "test", "gov.uk", NULL };
    struct protect *p = protect_of(texts);

    (void)state;
    assert_covers(p, "good.example", true);
    assert_covers(p, "mx.good.example", true);
    assert_covers(p, "a.b.good.example", true);
    assert_covers(p, "notgood.example", false);
    assert_covers(p, "good.example.net", false);
    assert_covers(p, "bad.example", false);
    assert_covers(p, "any.test", true);
    assert_covers(p, "tax.gov.uk", true);
    protect_destroy(&p);
}

static void a_wider_network_takes_the_place_of_narrower_ones_in_any_order(void **state)
{
    static const char *const orders[][6] = {
        { "9.1.0.0/16", "9.2.3.0/24", "9.2.3.4", "9.0.0.0/8", "11.1.1.1", NULL },
        { "9.0.0.0/8", "9.2.3.4", "11.1.1.1", "9.2.3.0/24", "9.1.0.0/16", NULL },
        { "9.2.3.4", "11.1.1.1", "9.0.0.0/8", "9.0.0.0/8", "9.1.0.0/16", NULL },
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct protect *p = protect_of(orders[i]);
        assert_covers(p, "9.2.3.4", true);
        assert_covers(p, "9.2.3.5", true);
        assert_covers(p, "9.200.0.1", true);
        assert_covers(p, "11.1.1.1", true);
        assert_covers(p, "11.1.1.2", false);
        protect_destroy(&p);
    }
}

static void a_copy_outlives_what_it_was_copied_from(void **state)
{
    static const char *const texts[] = { "192.0.2.25", "2001:db8::/32", "good.example", NULL };
    struct protect *p = protect_of(texts), *copy = protect_copy(p);

    (void)state;
    assert_non_null(copy);
    protect_destroy(&p);
    assert_covers(copy, "192.0.2.25", true);
    assert_covers(copy, "2001:db8::1", true);
    assert_covers(copy, "mx.good.example", true);
    assert_covers(copy, "192.0.2.26", false);
    assert_string_equal(protect_network(copy, 4, 0), "192.0.2.25");
    protect_destroy(&copy);
}

static void the_networks_come_out_as_they_are_written_to_a_zone(void **state)
{
    static const char *const texts[] = { "10.1.2.3/8", "good.example", "192.0.2.25", "2001:DB8::1/32", "192.0.2.25", "2a00::7", NULL };
    struct protect *p = protect_of(texts);

    (void)state;
    assert_string_equal(protect_network(p, 4, 0), "10.0.0.0/8");
    assert_string_equal(protect_network(p, 4, 1), "192.0.2.25");
    assert_null(protect_network(p, 4, 2));
    assert_string_equal(protect_network(p, 6, 0), "2001:db8::/32");
    assert_string_equal(protect_network(p, 6, 1), "2a00::7");
    assert_null(protect_network(p, 6, 2));
    protect_destroy(&p);
}

static void what_is_neither_network_nor_name_is_refused(void **state)
{
    static const char *const texts[] = { "", "user@bad.example", "1.2.3", "192.0.2.0/33", "a b", "-x.example", "1.2.3.4:25" };
    struct protect *p = protect_create();

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (protect_add(p, texts[i]) != -EINVAL)
            fail_msg("\"%s\": taken", texts[i]);
    }
    protect_destroy(&p);
}

static void beyond_the_bound_is_refused_and_the_rest_stays(void **state)
{
    struct protect *p = protect_create();
    char text[32];

    (void)state;
    for (unsigned i = 0; i < PROTECT_MAX; i++) {
        snprintf(text, sizeof text, "9.%u.%u.0/24", i * 40503U % 65536 >> 8, i * 40503U % 256);      /* all of 9/8, in disorder */
        assert_int_equal(protect_add(p, text), 0);
    }
    assert_int_equal(protect_add(p, "11.0.0.0/8"), -ENOSPC);
    assert_int_equal(protect_add(p, "good.example"), -ENOSPC);
    assert_int_equal(protect_add(p, "9.7.7.7"), 0);            /* is protected already */
    assert_covers(p, "9.255.255.255", true);
    assert_covers(p, "11.0.0.1", false);
    protect_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_protects_the_reserved_networks_and_public_suffixes),
        cmocka_unit_test(a_network_covers_what_lies_in_it_and_what_holds_it),
        cmocka_unit_test(a_name_covers_itself_and_what_is_below_it),
        cmocka_unit_test(a_wider_network_takes_the_place_of_narrower_ones_in_any_order),
        cmocka_unit_test(a_copy_outlives_what_it_was_copied_from),
        cmocka_unit_test(the_networks_come_out_as_they_are_written_to_a_zone),
        cmocka_unit_test(what_is_neither_network_nor_name_is_refused),
        cmocka_unit_test(beyond_the_bound_is_refused_and_the_rest_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
