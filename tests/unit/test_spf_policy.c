/* The grammar of SPF policies: node/spf_policy.h. The published suite's cases run through a node in tests/e2e/test_spf.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/spf_policy.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct rewriting {
    const char *from, *to;           /* to NULL: refused */
};

static void assert_rewritten(const struct rewriting *cases, size_t n, int family)
{
    for (size_t i = 0; i < n; i++) {
        char out[SPF_POLICY_MAX + 1] = "";
        int rc = spf_policy_rewrite(cases[i].from, family, out);
        if (cases[i].to == NULL && rc != -EINVAL)
            fail_msg("\"%s\" was taken as \"%s\"", cases[i].from, out);
        if (cases[i].to != NULL && (rc != 0 || strcmp(out, cases[i].to) != 0))
            fail_msg("\"%s\": got %d \"%s\", want \"%s\"", cases[i].from, rc, out, cases[i].to);
    }
}

static void a_policy_is_known_by_its_version(void **state)
{
    (void)state;
    assert_true(spf_policy_is_one("v=spf1"));
    assert_true(spf_policy_is_one("V=SPF1 -all"));
    assert_false(spf_policy_is_one("v=spf10 -all"));
    assert_false(spf_policy_is_one("v=spf1\t-all"));
    assert_false(spf_policy_is_one(" v=spf1 -all"));
    assert_false(spf_policy_is_one(""));
}

static void what_is_well_made_is_kept(void **state)
{
    static const struct rewriting cases[] = {
        { "v=spf1", "v=spf1" },
        { "v=spf1  -all  ", "v=spf1 -all" },
        { "v=spf1 +A MX ?ptr ~all", "v=spf1 +a mx ?ptr ~all" },
        { "v=spf1 a:example.com/24//64 mx/28 -all", "v=spf1 a:example.com/24 mx/28 -all" },
        { "v=spf1 include:%{d1}.spf.example exists:%{i}.%{lr-}.%%%_%-.x.example -all", "v=spf1 include:%{d1}.spf.example exists:%{i}.%{lr-}.%%%_%-.x.example -all" },
        { "v=spf1 a:example.com. ptr:foo-bar.example -all", "v=spf1 a:example.com. ptr:foo-bar.example -all" },
    };
    (void)state;
    assert_rewritten(cases, COUNT(cases), 4);
}

static void what_nobody_evaluates_is_left_out(void **state)
{
    static const struct rewriting cases[] = {
        { "v=spf1 exp=why.example moo=%{s}x redirect=next.example a", "v=spf1 a redirect=next.example" },
        { "v=spf1 default= unknown.modifier-1_x=yes -all", "v=spf1 -all" },
        { "v=spf1 ip6:2001:db8::/32 ip4:192.0.2.0/24 -all", "v=spf1 ip4:192.0.2.0/24 -all" },
    };
    (void)state;
    assert_rewritten(cases, COUNT(cases), 4);
}

static void only_the_client_s_family_matters(void **state)
{
    static const struct rewriting cases[] = {
        { "v=spf1 ip6:2001:db8::/32 ip4:192.0.2.0/24 a/24//64 mx//64 -all", "v=spf1 ip6:2001:db8::/32 a//64 mx//64 -all" },
        { "v=spf1 ip4:0.0.0.0/0 ip6:::/0 -all", "v=spf1 all -all" },
    };
    (void)state;
    assert_rewritten(cases, COUNT(cases), 6);
}

static void a_prefix_of_no_bits_is_written_otherwise(void **state)
{
    static const struct rewriting cases[] = {
        { "v=spf1 -ip4:0.0.0.0/0", "v=spf1 -all" },
        { "v=spf1 a/0 a:host.example/0//0", "v=spf1 exists:%{d} exists:host.example" },
    };
    (void)state;
    assert_rewritten(cases, COUNT(cases), 4);
}

static void what_is_not_well_made_is_refused(void **state)
{
    static const struct rewriting cases[] = {
        { "v=spf1 all:", NULL },             { "v=spf1 all/8", NULL },              { "v=spf1 -", NULL },                  { "v=spf1 moo", NULL },
        { "v=spf1 a:", NULL },               { "v=spf1 a/33", NULL },               { "v=spf1 a/032", NULL },              { "v=spf1 a//129", NULL },
        { "v=spf1 a/", NULL },               { "v=spf1 a:localhost", NULL },        { "v=spf1 a:1.2.3.4", NULL },          { "v=spf1 a:example.-com", NULL },
        { "v=spf1 a=example.com", "v=spf1" },
        { "v=spf1 ip4", NULL },              { "v=spf1 ip4:", NULL },               { "v=spf1 ip4:1.2.3", NULL },          { "v=spf1 ip4:1.2.3.4/", NULL },
        { "v=spf1 ip4:1.2.3.4:25", NULL },   { "v=spf1 ip4:1.2.3.4/33", NULL },     { "v=spf1 ip6:1.2.3.4", NULL },        { "v=spf1 ip6:::1/129", NULL },
        { "v=spf1 include", NULL },          { "v=spf1 include:", NULL },           { "v=spf1 exists:foo.example/24", NULL },
        { "v=spf1 exists:%", NULL },         { "v=spf1 exists:%{", NULL },          { "v=spf1 exists:%{i", NULL },         { "v=spf1 exists:%{x}", NULL },
        { "v=spf1 exists:%{i0}", NULL },     { "v=spf1 exists:%{i9999}", NULL },    { "v=spf1 exists:%{ir1}", NULL },      { "v=spf1 exists:%(i).x.example", NULL },
        { "v=spf1 exists:%{c}.x.example", NULL },
        { "v=spf1 redirect=", NULL },        { "v=spf1 redirect=a.b redirect=c.d", NULL },                                 { "v=spf1 exp=a.b exp=c.d", NULL },
        { "v=spf1 -redirect=a.b", NULL },    { "v=spf1 redirect:a.b", NULL },       { "v=spf1 1moo=x", NULL },             { "v=spf1 moo=%x", NULL },
        { "v=spf1 a:foo\tbar.example", NULL }, { "v=spf1 a:f\xc3\xb6o.example", NULL }, { "v=spf1 \xef\xbb\xbf" "a", NULL }, { "v=spf1 a:foo\x01.example", NULL },
        { "v=spf1 a+example.com", NULL },    { "v=spf1 mx\xff" "example.com/", NULL },
    };
    (void)state;
    assert_rewritten(cases, COUNT(cases), 4);
}

static void no_policy_is_longer_than_it_may_be(void **state)
{
    char text[SPF_POLICY_MAX + 64] = "v=spf1", out[SPF_POLICY_MAX + 1];
    (void)state;
    while (strlen(text) + 4 <= SPF_POLICY_MAX)
        strcat(text, " a/0");
    assert_int_equal(spf_policy_rewrite(text, 4, out), -EINVAL);       /* each becomes longer */
    assert_int_equal(spf_policy_rewrite(text, 6, out), 0);
    while (strlen(text) <= SPF_POLICY_MAX)
        strcat(text, " a");
    assert_int_equal(spf_policy_rewrite(text, 6, out), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_is_known_by_its_version),
        cmocka_unit_test(what_is_well_made_is_kept),
        cmocka_unit_test(what_nobody_evaluates_is_left_out),
        cmocka_unit_test(only_the_client_s_family_matters),
        cmocka_unit_test(a_prefix_of_no_bits_is_written_otherwise),
        cmocka_unit_test(what_is_not_well_made_is_refused),
        cmocka_unit_test(no_policy_is_longer_than_it_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
