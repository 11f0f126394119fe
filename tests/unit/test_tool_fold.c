#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "store/tool_fold.h"
#include "tests/seed.h"

static void senders_are_folded(void **state)
{
    static const struct { const char *from, *to; } cases[] = {
        { "Anna@B.Example", "anna@b.example" },
        { "", "" },
        { "anna7@b.example", "anna7@b.example" },
        { "anna.2@b.example", "anna.#@b.example" },
        /* VERP: the extension goes, numbers are all alike */
        { "list-return-1234-user=d.example@lists.example", "list-return-#-user=d.example@lists.example" },
        { "list-return-99-user=d.example@lists.example", "list-return-#-user=d.example@lists.example" },
        { "bounces+user=d.example@lists.example", "bounces@lists.example" },
        { "bounces+1234@lists.example", "bounces@lists.example" },
        { "+x@b.example", "+x@b.example" },
        { "0100018f0c2a3b4c-5d6e7f80-0102-4a5b-8c9d-0e1f2a3b4c5d-000000@ses.example", "#-#-#-#-#-#-#@ses.example" },
        { "msprvs1=19876abcdefgh=bounces-12-user@sp.example", "msprvs1=#=bounces-#-user@sp.example" },
        { "b-a1b2c3-x@b.example", "b-#-x@b.example" },
        { "b-decade-x@b.example", "b-decade-x@b.example" },
        { "face1@b.example", "face1@b.example" },
        { "0123456789abcdef@b.example", "#@b.example" },
        /* BATV */
        { "prvs=1234ABCDEF=anna@b.example", "anna@b.example" },
        { "prvs=anna/1234abcdef@b.example", "anna@b.example" },
        { "btv1==123456789ab==anna@b.example", "anna@b.example" },
        { "prvs=anna@b.example", "prvs=anna@b.example" },
        { "prvs=@b.example", "prvs=@b.example" },
        { "btv1==x@b.example", "btv1==x@b.example" },
        /* SRS: hash and time go, the original stays, with its numbers */
        { "SRS0=ab12=CD=c.example=anna99@fwd.example", "srs0=c.example=anna99@fwd.example" },
        { "SRS0+zz99=YY=c.example=anna99@fwd.example", "srs0=c.example=anna99@fwd.example" },
        { "SRS1=ab12=fwd.example==xy34=CD=c.example=anna@second.example", "srs1=fwd.example==c.example=anna@second.example" },
        { "SRS1=99zz=fwd.example=+ab77=EF=c.example=anna@second.example", "srs1=fwd.example=+c.example=anna@second.example" },
        { "SRS0=x@fwd.example", "srs0=x@fwd.example" },
        { "SRS1=x@fwd.example", "srs1=x@fwd.example" },
        { "srs2=a=b=c@fwd.example", "srs2=a=b=c@fwd.example" },
        /* odd ones */
        { "\"a b\"@b.example", "\"a b\"@b.example" },
        { "a@b@c.example", "a@b@c.example" },
        { "no-domain-12", "no-domain-12" },
        { "@b.example", "@b.example" },
    };
    char out[TOOL_FOLDED_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(fold_sender(cases[i].from, out), cases[i].to) != 0)
            fail_msg("%s: got %s, want %s", cases[i].from, out, cases[i].to);
}

/* One who writes more must not be told apart less, nor more than once by chance. */
static void long_addresses_keep_their_beginning_and_a_hash(void **state)
{
    char a[1000], b[1000], out_a[TOOL_FOLDED_MAX], out_b[TOOL_FOLDED_MAX];
    (void)state;
    memset(a, 'X', sizeof a);
    a[sizeof a - 1] = '\0';
    memcpy(b, a, sizeof b);
    b[900] = 'Y';
    assert_int_equal(strlen(fold_address(a, out_a)), TOOL_ADDRESS_MAX);
    fold_address(b, out_b);
    assert_memory_equal(out_a, out_b, 200);
    assert_string_not_equal(out_a, out_b);
    assert_string_equal(fold_address(a, out_b), out_a);
    a[TOOL_ADDRESS_MAX] = '\0';
    assert_int_equal(strlen(fold_address(a, out_a)), TOOL_ADDRESS_MAX);
    assert_null(strchr(out_a, '~'));
}

static void any_bytes_are_folded_without_growing(void **state)
{
    char from[64], out[TOOL_FOLDED_MAX];
    uint32_t seed = (uint32_t)seeded(1);
    (void)state;
    for (int round = 0; round < 200000; round++) {
        static const char signs[] = "prvs=btv1==SRS0SRS1=+-/@09af\"\\ .\x80";
        size_t len = (seed >> 8) % 60;
        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525 + 1013904223;
            from[i] = signs[(seed >> 16) % (sizeof signs - 1)];
        }
        from[len] = '\0';
        seed = seed * 1664525 + 1013904223;
        assert_true(strlen(fold_sender(from, out)) <= len);
    }
}

static void clients_are_folded_to_their_network(void **state)
{
    static const struct { const char *from, *to; } cases[] = {
        { "192.0.2.7", "192.0.2.0/24" }, { "192.0.2.255", "192.0.2.0/24" }, { "2001:db8:1:2:3::1", "2001:db8:1:2::/64" }, { "::ffff:192.0.2.7", "192.0.2.0/24" },
    };
    char text[SUBJECT_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct network n;
        struct subject s;
        assert_int_equal(network_parse(cases[i].from, strlen(cases[i].from), &n), 0);
        fold_client(&n, &s);
        assert_string_equal(subject_text(&s, text), cases[i].to);
        assert_true(subject_key_is_valid(s.key, s.len));
    }
}

static void only_names_are_domains(void **state)
{
    static const struct { const char *from, *to; } cases[] = {
        { "b.example", "b.example" }, { "a@B.Example", "b.example" }, { "a@b@c.example", "c.example" }, { "a@192.0.2.7", NULL }, { "192.0.2.7", NULL },
        { "[192.0.2.7]", NULL }, { "a@", NULL }, { "", NULL }, { "co.uk", NULL }, { "localhost", NULL }, { "a b.example", NULL },
    };
    char text[SUBJECT_TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct subject s;
        bool is = fold_domain(cases[i].from, &s);
        if (is != (cases[i].to != NULL))
            fail_msg("%s is%s a domain", cases[i].from, is ? "" : " not");
        if (is)
            assert_string_equal(subject_text(&s, text), cases[i].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senders_are_folded),
        cmocka_unit_test(long_addresses_keep_their_beginning_and_a_hash),
        cmocka_unit_test(any_bytes_are_folded_without_growing),
        cmocka_unit_test(clients_are_folded_to_their_network),
        cmocka_unit_test(only_names_are_domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
