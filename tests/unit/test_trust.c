/* Trust by introduction: store/trust.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "store/score.h"
#include "store/trust.h"
#include "tests/seed.h"

enum { NOW_S = 1800000000, LATER_S = NOW_S + 86400, PEOPLE = 12 };

static struct policy_member members[PEOPLE];
static struct policy policy;
static struct trust_link links[4096];
static size_t links_n;
static struct trusted *table;
static size_t table_n;
static int64_t next_s;

static void key_of(unsigned who, uint8_t out[KEY_BYTES])
{
    memset(out, 0, KEY_BYTES);
    out[0] = (uint8_t)(who >> 8);
    out[1] = (uint8_t)who;
}

static unsigned who_is(const uint8_t key[KEY_BYTES])
{
    return (unsigned)key[0] << 8 | key[1];
}

static int begin(void **state)
{
    (void)state;
    memset(&policy, 0, sizeof policy);
    policy.members = members;
    key_of(0, policy.self);
    links_n = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(table);
    table = NULL;
    return 0;
}

static void trusts(unsigned who, uint32_t trust_micro)
{
    struct policy_member *m = &members[policy.members_n++];
    key_of(who, m->root);
    m->trust_micro = trust_micro;
    m->rights = (struct policy_rights){ 0 };
}

static void introduces(unsigned who, unsigned whom, uint32_t share_milli, int64_t expires_s)
{
    struct trust_link *l = &links[links_n++];
    key_of(who, l->introducer);
    key_of(whom, l->introduced);
    l->share_milli = share_milli;
    l->expires_s = expires_s;
}

static size_t left_out;

static void derive_most(size_t most, int64_t now_s)
{
    free(table);
    table = NULL;
    assert_int_equal(trust_table(&policy, links, links_n, most, now_s, &table, &table_n, &left_out, &next_s), 0);
}

static void derive(void)
{
    derive_most(4096, NOW_S);
}

static const struct trusted *find(unsigned who)
{
    for (size_t i = 0; i < table_n; i++)
        if (who_is(table[i].root) == who)
            return &table[i];
    return NULL;
}

static uint32_t tau(unsigned who)
{
    const struct trusted *t = find(who);
    return t != NULL ? t->tau_micro : 0;
}

/* ---- */

static void an_introduced_member_has_half_of_its_introducers_trust_at_most(void **state)
{
    (void)state;
    trusts(1, 800000);
    introduces(1, 2, 1000, LATER_S);
    derive();
    assert_int_equal(table_n, 1);
    assert_int_equal(tau(2), 400000);
    assert_int_equal(who_is(find(2)->group), 1);
    assert_int_equal(who_is(find(2)->introducer), 1);
    assert_int_equal(find(2)->hops, 1);
}

static void shares_that_sum_to_more_than_one_are_divided_by_their_sum(void **state)
{
    (void)state;
    trusts(1, 900000);
    introduces(1, 2, 1000, LATER_S);
    introduces(1, 3, 500, LATER_S);
    derive();
    assert_int_equal(tau(2), 300000);
    assert_int_equal(tau(3), 150000);
}

static void two_hops_reach_and_three_do_not(void **state)
{
    (void)state;
    trusts(1, 1000000);
    introduces(1, 2, 1000, LATER_S);
    introduces(2, 3, 1000, LATER_S);
    introduces(3, 4, 1000, LATER_S);
    derive();
    assert_int_equal(tau(2), 500000);
    assert_int_equal(tau(3), 250000);
    assert_int_equal(who_is(find(3)->group), 1);
    assert_int_equal(who_is(find(3)->introducer), 2);
    assert_int_equal(find(3)->hops, 2);
    assert_null(find(4));
}

static void direct_trust_goes_before_introductions_and_zero_blocks(void **state)
{
    (void)state;
    trusts(1, 1000000);
    trusts(2, 0);
    trusts(3, 100000);
    introduces(1, 2, 1000, LATER_S);
    introduces(1, 3, 1000, LATER_S);
    introduces(2, 4, 1000, LATER_S);
    derive();
    assert_int_equal(table_n, 0);
}

static void nobody_is_introduced_to_itself(void **state)
{
    (void)state;
    trusts(1, 1000000);
    introduces(1, 0, 1000, LATER_S);
    introduces(0, 5, 1000, LATER_S);           /* this member's own word gives nothing here */
    derive();
    assert_int_equal(table_n, 0);
}

static void a_member_belongs_to_the_group_that_gives_it_most(void **state)
{
    (void)state;
    trusts(1, 400000);
    trusts(2, 900000);
    trusts(3, 900000);
    introduces(1, 5, 1000, LATER_S);
    introduces(3, 5, 1000, LATER_S);
    introduces(2, 5, 1000, LATER_S);
    derive();
    assert_int_equal(tau(5), 450000);
    assert_int_equal(who_is(find(5)->group), 2);           /* of equal ones the lesser key's */
}

static void a_group_with_narrowed_rights_takes_no_member_from_one_without(void **state)
{
    (void)state;
    trusts(1, 900000);
    trusts(2, 100000);
    members[0].rights = (struct policy_rights){ .probation_s = 86400 };
    introduces(1, 5, 1000, LATER_S);
    introduces(1, 6, 1000, LATER_S);
    introduces(2, 5, 10, LATER_S);
    derive();
    assert_int_equal(who_is(find(5)->group), 2);
    assert_int_equal(tau(5), 500);
    assert_int_equal(who_is(find(6)->group), 1);
    introduces(2, 7, 1000, LATER_S);
    introduces(7, 6, 1000, LATER_S);                       /* also over two hops */
    derive();
    assert_int_equal(who_is(find(6)->group), 2);
}

static void an_expired_introduction_is_as_if_never_said(void **state)
{
    (void)state;
    trusts(1, 1000000);
    introduces(1, 2, 1000, NOW_S + 10);
    introduces(1, 3, 1000, NOW_S + 60);
    introduces(2, 4, 1000, NOW_S + 3600);
    derive();
    assert_int_equal(tau(2), 250000);
    assert_int_equal(find(4)->expires_s, NOW_S + 10);
    assert_int_equal(next_s, NOW_S + 10);
    derive_most(4096, NOW_S + 10);
    assert_null(find(2));
    assert_null(find(4));
    assert_int_equal(tau(3), 500000);
    assert_int_equal(next_s, NOW_S + 60);
    derive_most(4096, NOW_S + 60);
    assert_int_equal(table_n, 0);
    assert_true(next_s == INT64_MAX);
}

static void of_too_many_those_with_the_highest_trust_stay(void **state)
{
    (void)state;
    trusts(1, 1000000);
    trusts(2, 500000);
    for (unsigned i = 0; i < 5; i++) {
        introduces(1, 100 + i, 200, LATER_S);
        introduces(2, 200 + i, 200, LATER_S);
    }
    derive_most(10, NOW_S);
    assert_int_equal(left_out, 0);
    derive_most(7, NOW_S);
    assert_int_equal(table_n, 7);
    assert_int_equal(left_out, 3);
    for (unsigned i = 0; i < 5; i++)
        assert_non_null(find(100 + i));
    assert_non_null(find(200));
    assert_non_null(find(201));
    for (size_t i = 1; i < table_n; i++)
        assert_true(memcmp(table[i - 1].root, table[i].root, KEY_BYTES) < 0);
}

static void cycles_end(void **state)
{
    (void)state;
    trusts(1, 1000000);
    introduces(1, 2, 1000, LATER_S);
    introduces(2, 3, 1000, LATER_S);
    introduces(3, 2, 1000, LATER_S);
    introduces(2, 1, 1000, LATER_S);
    derive();
    assert_int_equal(table_n, 2);
    assert_int_equal(tau(2), 500000);
    assert_int_equal(tau(3), 125000);          /* half of 2's word is for 1, which needs none */
}

/* ---- against the plainest program that could be right */

static uint64_t seed;

static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

struct plain { uint32_t tau; unsigned group; bool there; };

static uint32_t share_of(unsigned by, unsigned whom, uint64_t *sum)
{
    uint32_t share = 0;
    *sum = 0;
    for (size_t i = 0; i < links_n; i++) {
        if (who_is(links[i].introducer) != by || links[i].expires_s <= NOW_S)
            continue;
        *sum += links[i].share_milli;
        if (who_is(links[i].introduced) == whom)
            share = links[i].share_milli;
    }
    *sum = *sum < 1000 ? 1000 : *sum;
    return share;
}

static bool is_member(unsigned who)
{
    for (size_t i = 0; i < policy.members_n; i++)
        if (who_is(policy.members[i].root) == who)
            return true;
    return who == 0;
}

/* What the members of `from` give to each other one. */
static void plain_hop(const struct plain *from, struct plain *best, bool *improved)
{
    struct plain start[PEOPLE];
    memcpy(start, best, sizeof start);
    for (unsigned by = 0; by < PEOPLE; by++) {
        for (unsigned whom = 0; from[by].there && whom < PEOPLE; whom++) {
            uint64_t sum;
            uint32_t share = share_of(by, whom, &sum);
            struct plain c = { (uint32_t)((uint64_t)from[by].tau * share / (2 * sum)), from[by].group, true };
            if (is_member(whom) || c.tau == 0)
                continue;
            if (!best[whom].there || c.tau > best[whom].tau || (c.tau == best[whom].tau && c.group < best[whom].group))
                best[whom] = c;
        }
    }
    for (unsigned who = 0; who < PEOPLE; who++)
        improved[who] = best[who].there && (!start[who].there || best[who].tau != start[who].tau || best[who].group != start[who].group);
}

static void plain_table(struct plain *best)
{
    struct plain from[PEOPLE] = { { .there = false } };
    bool improved[PEOPLE];
    memset(best, 0, PEOPLE * sizeof *best);
    for (size_t i = 0; i < policy.members_n; i++)
        if (policy.members[i].trust_micro > 0)
            from[who_is(policy.members[i].root)] = (struct plain){ policy.members[i].trust_micro, who_is(policy.members[i].root), true };
    for (int i = 0; i < TRUST_HOPS_MAX; i++) {
        plain_hop(from, best, improved);
        for (unsigned who = 0; who < PEOPLE; who++)
            from[who] = improved[who] ? best[who] : (struct plain){ .there = false };
    }
}

static void draw_world(void)
{
    static const uint32_t steps[] = { 0, 250000, 500000, 1000000, 333333, 7 };
    begin(NULL);
    policy.members_n = 0;
    for (unsigned who = 1; who < 4; who++)
        if (draw(4) > 0)
            trusts(who, steps[draw(6)]);
    for (unsigned by = 0; by < PEOPLE; by++)
        for (unsigned whom = 0; whom < PEOPLE; whom++)
            if (by != whom && draw(3) == 0)
                introduces(by, whom, (uint32_t)(1 + draw(1000)), draw(5) == 0 ? NOW_S : LATER_S);
}

static void it_is_what_the_plainest_program_gives(void **state)
{
    struct plain want[PEOPLE];
    (void)state;
    for (unsigned round = 1; round <= 2000; round++) {
        size_t n = 0;
        seed = seeded(round * UINT64_C(0x9e3779b97f4a7c15));
        draw_world();
        plain_table(want);
        derive();
        for (unsigned who = 0; who < PEOPLE; who++) {
            const struct trusted *t = find(who);
            n += want[who].there;
            if ((t != NULL) != want[who].there || (t != NULL && (t->tau_micro != want[who].tau || who_is(t->group) != want[who].group)))
                fail_msg("round %u, member %u: got %u of %u, want %u of %u", round, who, t != NULL ? t->tau_micro : 0,
                         t != NULL ? who_is(t->group) : 0, want[who].tau, want[who].group);
        }
        assert_int_equal(n, table_n);
    }
}

static void the_order_of_what_was_heard_does_not_matter(void **state)
{
    (void)state;
    for (unsigned round = 1; round <= 100; round++) {
        seed = seeded(round * UINT64_C(0xd1342543de82ef95));
        draw_world();
        derive();
        struct trusted *before = table;
        size_t before_n = table_n;
        table = NULL;
        for (size_t i = links_n; i > 1; i--) {
            size_t j = draw(i);
            struct trust_link swapped = links[i - 1];
            links[i - 1] = links[j];
            links[j] = swapped;
        }
        derive();
        assert_int_equal(table_n, before_n);
        for (size_t i = 0; i < table_n; i++) {
            assert_memory_equal(table[i].root, before[i].root, KEY_BYTES);
            assert_memory_equal(table[i].group, before[i].group, KEY_BYTES);
            assert_int_equal(table[i].tau_micro, before[i].tau_micro);
        }
        free(before);
    }
}

/* All of a group say the same with all the evidence that there can be. */
static void a_thousand_puppets_weigh_no_more_than_their_sponsor(void **state)
{
    enum { PUPPETS = 1000 };
    static struct voice voices[PUPPETS + 1];
    (void)state;
    for (uint32_t share = 1; share <= 1000; share *= 10) {
        policy.members_n = links_n = 0;
        trusts(1, 800000);
        for (unsigned i = 0; i < PUPPETS; i++)
            introduces(1, 1000 + i, share, LATER_S);
        derive();
        for (int black = 0; black < 2; black++) {
            struct evidence e = { black ? SCORE_R_MAX_MICRO : 0, black ? 0 : SCORE_R_MAX_MICRO, NOW_S };
            size_t n = 0;
            voices[n++] = (struct voice){ .group = 1, .trust_micro = 800000, .weight_micro = 800000, .say_micro = 800000, .evidence = e };
            for (size_t i = 0; i < table_n; i++)
                voices[n++] = (struct voice){ .group = 1, .trust_micro = 800000, .weight_micro = table[i].tau_micro, .say_micro = table[i].tau_micro, .evidence = e };
            struct score s = score_of(voices, n, NULL, 3 * 86400, 30 * 86400, NOW_S);
            assert_in_range(s.micro + 400000, 0, 1200000);
            assert_in_range(s.groups + s.groups_white, 0, 1);
        }
    }
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CLAIM(an_introduced_member_has_half_of_its_introducers_trust_at_most),
        CLAIM(shares_that_sum_to_more_than_one_are_divided_by_their_sum),
        CLAIM(two_hops_reach_and_three_do_not),
        CLAIM(direct_trust_goes_before_introductions_and_zero_blocks),
        CLAIM(nobody_is_introduced_to_itself),
        CLAIM(a_member_belongs_to_the_group_that_gives_it_most),
        CLAIM(a_group_with_narrowed_rights_takes_no_member_from_one_without),
        CLAIM(an_expired_introduction_is_as_if_never_said),
        CLAIM(of_too_many_those_with_the_highest_trust_stay),
        CLAIM(cycles_end),
        CLAIM(it_is_what_the_plainest_program_gives),
        CLAIM(the_order_of_what_was_heard_does_not_matter),
        CLAIM(a_thousand_puppets_weigh_no_more_than_their_sponsor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
