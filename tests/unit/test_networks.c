/* Networks that are listed since enough of their addresses are: the rule alone. The store with it: test_store_networks.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/networks.h"
#include "tests/seed.h"

enum { MOST = 300 };
#define BLOCK (UINT64_C(0xc0000200) << 32)             /* 192.0.2.0/24 */

/* A block as a test says it: last octets. */
struct plan {
    struct networks_host hosts[MOST];
    struct networks_prefix innocents[8], was[8];
    struct networks_found found[MOST];
    struct networks_case c;
    unsigned never;                    /* last octet of a protected one; 0: none */
};

static uint64_t octet(unsigned last)
{
    return BLOCK | (uint64_t)last << 32;
}

static bool holds_protected(void *ctx, const struct networks_prefix *p)
{
    const struct plan *plan = ctx;
    struct networks_prefix one = { octet(plan->never), 32 };
    return plan->never != 0 && networks_overlap(&one, p);
}

static void begin(struct plan *p)
{
    memset(p, 0, sizeof *p);
    p->c = (struct networks_case){ .rule = { 5, 2, 24 }, .listed = p->hosts, .innocents = p->innocents, .was = p->was, .never = holds_protected, .ctx = p };
}

static void listed(struct plan *p, unsigned last, uint64_t said_by)
{
    if (networks_counts(said_by))
        p->hosts[p->c.listed_n++] = (struct networks_host){ octet(last), said_by };
}

static void listed_from(struct plan *p, unsigned first, unsigned n, uint64_t said_by)
{
    for (unsigned i = 0; i < n; i++)
        listed(p, first + i, said_by);
}

static void innocent(struct plan *p, unsigned last)
{
    p->innocents[p->c.innocents_n++] = (struct networks_prefix){ octet(last), 32 };
}

static void was(struct plan *p, unsigned last, unsigned bits)
{
    p->was[p->c.was_n++] = (struct networks_prefix){ octet(last), bits };
}

/* "0/29 16/28": what is found. */
static void assert_grows(struct plan *p, const char *want)
{
    char got[256] = "";
    size_t n = networks_grow(&p->c, p->found);
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%u/%u", i > 0 ? " " : "", (unsigned)(p->found[i].prefix.addr >> 32 & 0xff), p->found[i].prefix.bits);
    assert_string_equal(got, want);
}

static void enough_addresses_of_two_groups_list_the_smallest_prefix_around_them(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    listed_from(&p, 9, 5, 3);
    assert_grows(&p, "8/29");
    assert_int_equal(p.found[0].addresses, 5);
    assert_int_equal(p.found[0].groups, 2);
}

static void too_few_addresses_list_nothing(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    listed_from(&p, 9, 4, 7);
    assert_grows(&p, "");
}

static void one_group_never_lists_a_network(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    listed_from(&p, 0, 256, 4);
    assert_grows(&p, "");
}

/* In a zone of quorum 1, or as this node's own word. */
static void addresses_that_hang_on_one_word_each_list_no_network(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    listed_from(&p, 0, 200, 4);
    listed_from(&p, 200, 50, 2);
    listed_from(&p, 250, 4, 6);
    assert_grows(&p, "");
    listed(&p, 254, 6);
    assert_grows(&p, "248/29");
}

static void more_groups_than_two_may_be_asked_for(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    p.c.rule.groups = 3;
    listed_from(&p, 64, 5, 3);
    assert_grows(&p, "");
    p.hosts[4].said_by = 6;
    assert_grows(&p, "64/29");
    assert_int_equal(p.found[0].groups, 3);
}

static void an_innocent_neighbour_is_never_within(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    listed_from(&p, 0, 16, 3);
    listed_from(&p, 17, 16, 3);
    innocent(&p, 16);
    assert_grows(&p, "0/28 24/29");
    begin(&p);
    listed_from(&p, 1, 3, 3);
    listed_from(&p, 5, 3, 3);
    innocent(&p, 4);
    assert_grows(&p, "");
}

static void a_protected_neighbour_is_never_within(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    listed_from(&p, 0, 8, 3);
    listed(&p, 255, 3);
    p.never = 100;
    assert_grows(&p, "0/29");
    p.never = 3;
    assert_grows(&p, "");
}

static void nothing_is_wider_than_the_floor(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    p.c.rule.floor_bits = 26;
    for (unsigned i = 0; i < 256; i += 8)
        listed(&p, i, 3);
    assert_grows(&p, "0/26 64/26 128/26 192/26");
}

static void it_stays_until_fewer_than_half_are_left(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    was(&p, 8, 29);
    listed_from(&p, 9, 3, 3);
    assert_grows(&p, "8/30");
    p.c.listed_n = 2;
    assert_grows(&p, "");
    p.c.listed_n = 3;
    p.c.was_n = 0;
    assert_grows(&p, "");
}

static void it_stays_with_a_group_less_but_never_with_one(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    p.c.rule.groups = 4;
    was(&p, 8, 29);
    listed_from(&p, 8, 5, 7);
    assert_grows(&p, "8/29");
    p.hosts[0].said_by = p.hosts[1].said_by = p.hosts[2].said_by = p.hosts[3].said_by = p.hosts[4].said_by = 3;
    assert_grows(&p, "");
    p.c.rule.groups = 2;
    assert_grows(&p, "8/29");
    for (unsigned i = 0; i < 5; i++)
        p.hosts[i].said_by = 1;
    assert_grows(&p, "");
}

static void it_shrinks_to_those_that_are_left(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    was(&p, 0, 24);
    listed_from(&p, 32, 3, 3);
    assert_grows(&p, "32/30");
}

static void it_grows_with_what_is_new(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    was(&p, 0, 29);
    listed_from(&p, 0, 5, 3);
    listed(&p, 40, 3);
    assert_grows(&p, "0/26");
}

static void nothing_reaches_beyond_what_was_looked_at(void **state)
{
    struct plan p;
    (void)state;
    begin(&p);
    listed_from(&p, 0, 8, 3);
    listed_from(&p, 100, 8, 3);
    p.c.cut = true;
    p.c.unseen = octet(107);
    assert_grows(&p, "0/29");
}

/* ---- properties of random blocks */

static uint64_t seed = 88172645463325252u;

static unsigned random_to(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % n);
}

static void random_plan(struct plan *p)
{
    unsigned step = 1 + random_to(40);
    begin(p);
    p->c.rule = (struct networks_rule){ 3 + random_to(5), 2 + random_to(3), 24 + random_to(4) };
    for (unsigned at = random_to(step); at < 256; at += 1 + random_to(step))
        listed(p, at, 1 + random_to(31));
    for (unsigned at = random_to(200); at < 256 && p->c.innocents_n < 8; at += 1 + random_to(100))
        innocent(p, at);
    p->never = random_to(4) == 0 ? random_to(256) : 0;
}

static void take_over(struct plan *p, size_t n)
{
    p->c.was_n = n < 8 ? n : 8;
    for (size_t i = 0; i < p->c.was_n; i++)
        p->was[i] = p->found[i].prefix;
}

static void asked_again_it_says_the_same(void **state)
{
    struct plan p, again;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        random_plan(&p);
        take_over(&p, networks_grow(&p.c, p.found));       /* some history ... */
        for (size_t i = 0; i < p.c.listed_n; i++)
            p.hosts[i].said_by &= ~UINT64_C(0) << random_to(2);
        size_t n = networks_grow(&p.c, p.found);           /* ... of which some voices fell silent */
        if (n > 8)
            continue;
        again = p;
        again.c.listed = again.hosts;
        again.c.innocents = again.innocents;
        again.c.was = again.was;
        again.c.ctx = &again;
        take_over(&again, n);
        assert_int_equal(networks_grow(&again.c, again.found), n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(again.found[i].prefix.addr, p.found[i].prefix.addr);
            assert_int_equal(again.found[i].prefix.bits, p.found[i].prefix.bits);
        }
    }
}

static void every_network_holds_what_it_takes_and_nobody_it_may_not(void **state)
{
    struct plan p;
    size_t found_n = 0;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        random_plan(&p);
        size_t n = networks_grow(&p.c, p.found);
        found_n += n;
        for (size_t i = 0; i < n; i++) {
            const struct networks_found *f = &p.found[i];
            assert_true(f->addresses >= p.c.rule.addresses && f->groups >= p.c.rule.groups && f->prefix.bits >= p.c.rule.floor_bits && f->prefix.bits < 32);
            assert_false(holds_protected(&p, &f->prefix));
            for (size_t k = 0; k < p.c.innocents_n; k++)
                assert_false(networks_overlap(&p.innocents[k], &f->prefix));
            if (i > 0)
                assert_false(networks_overlap(&p.found[i - 1].prefix, &f->prefix));
        }
    }
    assert_true(found_n > 1000);
}

/* Whatever one group says of whichever addresses: each that counts is somebody else's word, too. */
static void no_network_counts_what_only_one_group_says(void **state)
{
    struct plan p;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        random_plan(&p);
        for (size_t i = 0; i < p.c.listed_n; i++)
            p.hosts[i].said_by |= 1;               /* the flooder: what would not count without him, does */
        size_t n = networks_grow(&p.c, p.found);
        for (size_t i = 0; i < n; i++) {
            unsigned by_others = 0;
            for (size_t k = 0; k < p.c.listed_n; k++) {
                struct networks_prefix host = { p.hosts[k].addr, 32 };
                by_others += networks_overlap(&host, &p.found[i].prefix) && networks_counts(p.hosts[k].said_by) && (p.hosts[k].said_by & ~UINT64_C(1)) != 0;
            }
            assert_int_equal(by_others, p.found[i].addresses);
        }
    }
}

/* ---- keys */

static void a_block_is_the_24_of_an_address_and_the_48_of_a_64(void **state)
{
    const uint8_t ip4[] = { 4, 192, 0, 2, 7, 32 }, wide4[] = { 4, 192, 0, 0, 0, 16 }, ip6[] = { 6, 0x20, 1, 0xd, 0xb8, 0, 5, 0, 9, 64 }, name[] = { 0x10, 'a', '.', 'b' };
    struct networks_block b;
    bool wider;
    (void)state;
    assert_true(networks_block_of(ip4, sizeof ip4, &b, &wider));
    assert_int_equal(b.addr, BLOCK);
    assert_false(networks_block_of(wide4, sizeof wide4, &b, &wider));
    assert_true(wider);
    assert_true(networks_block_of(ip6, sizeof ip6, &b, &wider));
    assert_int_equal(b.addr, UINT64_C(0x20010db800050000));
    assert_false(networks_block_of(name, sizeof name, &b, &wider));
    assert_false(wider);
}

int main(void)
{
    seed = seeded(seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enough_addresses_of_two_groups_list_the_smallest_prefix_around_them),
        cmocka_unit_test(too_few_addresses_list_nothing),
        cmocka_unit_test(one_group_never_lists_a_network),
        cmocka_unit_test(addresses_that_hang_on_one_word_each_list_no_network),
        cmocka_unit_test(more_groups_than_two_may_be_asked_for),
        cmocka_unit_test(an_innocent_neighbour_is_never_within),
        cmocka_unit_test(a_protected_neighbour_is_never_within),
        cmocka_unit_test(nothing_is_wider_than_the_floor),
        cmocka_unit_test(it_stays_until_fewer_than_half_are_left),
        cmocka_unit_test(it_stays_with_a_group_less_but_never_with_one),
        cmocka_unit_test(it_shrinks_to_those_that_are_left),
        cmocka_unit_test(it_grows_with_what_is_new),
        cmocka_unit_test(nothing_reaches_beyond_what_was_looked_at),
        cmocka_unit_test(asked_again_it_says_the_same),
        cmocka_unit_test(every_network_holds_what_it_takes_and_nobody_it_may_not),
        cmocka_unit_test(no_network_counts_what_only_one_group_says),
        cmocka_unit_test(a_block_is_the_24_of_an_address_and_the_48_of_a_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
