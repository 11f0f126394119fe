/* Rules for verdicts, their conditions, and recipients' profiles: proto/verdict_cond.h, proto/verdict_rules.h, proto/verdict_profiles.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/verdict_profiles.h"
#include "proto/verdict_rules.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int category(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "spam") == 0 ? 0 : strcmp(name, "malware") == 0 ? 1 : -1;
}

/* ---- conditions */

static struct cond_facts known(void)
{
    struct cond_facts f = {
        .has_reputation = true, .score_milli = 1850, .category_milli = { 1850, -400 }, .categories = 1, .state = COND_STATE_BLACK,
        .has_sender_score = true, .sender_score_milli = -500, .has_spam = true, .spam_milli = 5300, .size_bytes = 120000, .spf = SPF_SOFTFAIL,
        .has_grey = true, .grey = COND_GREY_WAITING, .helo = "mail.example.com", .sender = "user@example.com", .sender_domain = "example.com",
        .rcpt = "me@here.example", .rcpt_domain = "here.example",
    };
    network_parse("192.0.2.7", 9, &f.client);
    return f;
}

static bool holds(const char *text, const struct cond_facts *f)
{
    struct cond *c = NULL;
    char why[COND_WHY_MAX] = "";
    if (cond_parse(text, strlen(text), category, NULL, &c, why) != 0)
        fail_msg("\"%s\": %s", text, why);
    bool so = cond_holds(c, f);
    cond_destroy(&c);
    return so;
}

static void assert_all(const char *const *texts, size_t n, const struct cond_facts *f, bool want)
{
    for (size_t i = 0; i < n; i++) {
        if (holds(texts[i], f) != want)
            fail_msg("\"%s\" is not %s", texts[i], want ? "so" : "otherwise");
    }
}

static void each_test_sees_its_fact(void **state)
{
    static const char *const so[] = {
        "score > 1.5", "score>=1.85", "score = 1.85", "score < 2", "score <= 1.85", "score(spam) > 1.8", "score(malware) = -0.4", "score ( malware ) < 0", "sender-score < 0",
        "spam >= 5", "size > 100kB", "size < 1MB", "size = 120000", "state is black", "state is white, black", "category is spam", "category is malware, spam",
        "spf is softfail", "spf is fail,softfail", "grey is waiting", "client is 192.0.2.7", "client is 2001:db8::/32, 192.0.2.0/24", "helo is mail.example.com",
        "helo is *.example.com", "sender is user@example.com", "sender is *@example.com", "sender-domain is Example.COM", "rcpt is me@here.example", "rcpt-domain is *", "SCORE > 1 AND SPF IS SOFTFAIL",
    };
    static const char *const otherwise[] = {
        "score > 1.85", "score < 1.85", "score(malware) > 0", "spam >= 5.301", "size >= 1MB", "state is white", "state is unknown", "category is malware", "spf is pass, fail",
        "grey is new, white", "client is 192.0.2.8", "client is 2001:db8::/32", "helo is example.com", "helo is *.mail.example.com", "helo is *.com.example", "sender is <>",
        "sender-domain is *.example.com", "sender is user@example.co", "rcpt-domain is here",
    };
    struct cond_facts f = known();
    (void)state;
    assert_all(so, COUNT(so), &f, true);
    assert_all(otherwise, COUNT(otherwise), &f, false);
}

static void and_binds_before_or_and_not_before_both(void **state)
{
    static const char *const so[] = {
        "score > 1 or spam > 1 and size < 1", "not size < 1 and score > 1", "not (size < 1 or score < 1)", "not not score > 1", "(score > 1)", "((spam > 9 or size > 1) and not spf is pass)",
    };
    static const char *const otherwise[] = { "(score > 1 or spam > 1) and size < 1", "not score > 1 or size < 1", "not (score > 1 and spam > 1)" };
    struct cond_facts f = known();
    (void)state;
    assert_all(so, COUNT(so), &f, true);
    assert_all(otherwise, COUNT(otherwise), &f, false);
}

static void what_is_not_known_is_neither_so_nor_otherwise(void **state)
{
    static const char *const tests[] = { "score > -99", "sender-score > -99", "spam > -99", "size >= 0", "state is black, white, unknown", "category is spam", "spf is pass", "grey is new",
                                         "client is 0.0.0.0/0", "helo is *", "sender is *", "rcpt is *", "sender-domain is *", "rcpt-domain is *" };
    const struct cond_facts nothing = { .size_bytes = -1 };
    char text[256];
    (void)state;
    for (size_t i = 0; i < COUNT(tests); i++) {
        assert_false(holds(tests[i], &nothing));
        snprintf(text, sizeof text, "not %s", tests[i]);
        assert_false(holds(text, &nothing));
        snprintf(text, sizeof text, "%s or not %s", tests[i], tests[i]);
        assert_false(holds(text, &nothing));
    }
}

static void what_is_certain_wins_over_what_is_not_known(void **state)
{
    struct cond_facts f = { .size_bytes = 10 };
    (void)state;
    assert_true(holds("size = 10 or spam > 5", &f));
    assert_true(holds("spam > 5 or size = 10", &f));
    assert_true(holds("not (size > 10 and spam > 5)", &f));
    assert_false(holds("size = 10 and spam > 5", &f));
}

static void a_size_beyond_what_is_counted_is_refused(void **state)
{
    static const char *const sizes[] = { "size > 9999999999GB", "size > 9223372037GB", "size > 99999999999" };
    struct cond_facts f = { .size_bytes = 10 };
    struct cond *c = NULL;
    char why[COND_WHY_MAX];
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_int_equal(cond_parse(sizes[i], strlen(sizes[i]), category, NULL, &c, why), -EINVAL);
        assert_non_null(strstr(why, "a size such as 1MB"));
    }
    assert_true(holds("size < 9223372036GB", &f));
}

static void the_null_sender_is_known(void **state)
{
    struct cond_facts f = { .size_bytes = -1, .sender = "", .sender_domain = "" };
    (void)state;
    assert_true(holds("sender is <>", &f));
    assert_true(holds("sender is a@b.example, <>", &f));
    assert_false(holds("sender is *@example.com", &f));
    assert_true(holds("not sender-domain is example.com", &f));
}

static void needs_are_those_of_all_tests(void **state)
{
    struct cond *c = NULL;
    char why[COND_WHY_MAX];
    (void)state;
    assert_int_equal(cond_parse("size > 1 or category is spam", 28, category, NULL, &c, why), 0);
    assert_int_equal(cond_needs(c), COND_NEEDS_CLIENT);
    cond_destroy(&c);
    assert_int_equal(cond_parse("grey is new and sender-score > 1", 32, category, NULL, &c, why), 0);
    assert_int_equal(cond_needs(c), COND_NEEDS_SENDER_SCORE | COND_NEEDS_GREY);
    cond_destroy(&c);
}

static void a_bad_condition_is_told_what_was_expected(void **state)
{
    static const struct { const char *text, *why; } cases[] = {
        { "", "expected a test such as score >= 1, not its end" },
        { "scor > 1", "expected a test such as score >= 1, not \"scor\"" },
        { "score", "expected <, <=, =, >= or >, not its end" },
        { "score is 1", "expected <, <=, =, >= or >, not \"is\"" },
        { "score > x", "expected a number such as 1.5, not \"x\"" },
        { "score > 1..5", "expected a number such as 1.5, not \"1..5\"" },
        { "score > -", "expected a number such as 1.5, not \"-\"" },
        { "score(nosuch) > 1", "expected a category that is configured, not \"nosuch\"" },
        { "score(spam > 1", "expected a closing bracket, not \">\"" },
        { "size > 1TB", "expected a size such as 1MB, not \"1TB\"" },
        { "spf = pass", "expected is, not \"=\"" },
        { "spf is maybe", "expected pass, fail, softfail, none, neutral, permerror, temperror or invalid, not \"maybe\"" },
        { "state is red", "expected black, white or unknown, not \"red\"" },
        { "grey is green", "expected new, waiting or white, not \"green\"" },
        { "client is 1.2.3", "expected an address or a network, not \"1.2.3\"" },
        { "sender is", "expected an address, *@DOMAIN or <>, not its end" },
        { "helo is ,", "expected a name or *.NAME, not \",\"" },
        { "rcpt is <>", "expected an address or *@DOMAIN, not \"<>\"" },
        { "spf is pass,", "expected pass, fail, softfail, none, neutral, permerror, temperror or invalid, not its end" },
        { "score > 1 score > 2", "expected and, or, or the end, not \"score\"" },
        { "(score > 1", "expected a closing bracket, not its end" },
        { "score > 1)", "expected and, or, or the end, not \")\"" },
        { "not", "expected a test such as score >= 1, not its end" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cond *c = NULL;
        char why[COND_WHY_MAX] = "";
        if (cond_parse(cases[i].text, strlen(cases[i].text), category, NULL, &c, why) != -EINVAL || strcmp(why, cases[i].why) != 0)
            fail_msg("\"%s\": \"%s\", want \"%s\"", cases[i].text, why, cases[i].why);
        assert_null(c);
    }
}

static void a_condition_has_bounds(void **state)
{
    char text[COND_TEXT_MAX + 2], why[COND_WHY_MAX];
    struct cond *c = NULL;
    (void)state;
    memset(text, '(', sizeof text);
    assert_int_equal(cond_parse(text, 200, category, NULL, &c, why), -EINVAL);
    assert_int_equal(cond_parse(text, sizeof text, category, NULL, &c, why), -EINVAL);
    strcpy(text, "size > 1");
    while (strlen(text) + 12 < sizeof text)
        strcat(text, " or size > 1");
    assert_int_equal(cond_parse(text, strlen(text), category, NULL, &c, why), -EINVAL);
    assert_int_equal(cond_parse("size > 1\0", 9, category, NULL, &c, why), -EINVAL);
}

/* ---- rules */

static struct verdict_rules *rules(const char *text)
{
    struct verdict_rules *r = NULL;
    struct rules_fault fault = { .line = 0 };
    if (verdict_rules_parse(text, strlen(text), category, NULL, &r, &fault) != 0)
        fail_msg("line %u: %s", fault.line, fault.text);
    return r;
}

static const char *judge(const struct verdict_rules *r, const char *profile)
{
    static char out[VERDICT_TEXT_MAX];
    struct cond_facts f = known();
    return verdict_judge(r, profile, &f, out);
}

static void the_lowest_rule_that_fires_decides_and_all_are_named(void **state)
{
    struct verdict_rules *r = rules("rule 8 { when = \"spam > 5\" action = drop }\n"
                                    "rule 5 { when = \"score > 1\" action = \"alternate\" location = \"junk/high\" }\n"
                                    "rule 6 { when = \"score > 9\" action = drop }\n");
    (void)state;
    assert_string_equal(judge(r, "any"), "alternate;5,8;junk/high");
    assert_int_equal(verdict_rules_count(r), 3);
    assert_int_equal(verdict_rules_needs(r), COND_NEEDS_CLIENT);
    verdict_rules_destroy(&r);
}

static void a_rule_is_of_its_profiles_only(void **state)
{
    struct verdict_rules *r = rules("rule 1 { profiles = { \"strict\", \"harsh\" } action = drop } rule 2 { profiles = mild action = alternate location = junk }"
                                    "rule 9 { action = deliver }");
    (void)state;
    assert_string_equal(judge(r, "strict"), "drop;1,9;");
    assert_string_equal(judge(r, "harsh"), "drop;1,9;");
    assert_string_equal(judge(r, "mild"), "alternate;2,9;junk");
    assert_string_equal(judge(r, "nosuch"), "deliver;9;");
    verdict_rules_destroy(&r);
}

static void where_no_rule_fires_mail_is_delivered(void **state)
{
    struct verdict_rules *r = rules("# nothing here\n");
    (void)state;
    assert_string_equal(judge(r, "any"), "deliver;;");
    verdict_rules_destroy(&r);
    r = rules("rule 1 { when = \"score > 99\" action = drop }");
    assert_string_equal(judge(r, "any"), "deliver;;");
    verdict_rules_destroy(&r);
}

static void a_verdict_fits_whatever_fires(void **state)
{
    char *text = calloc(1, 1 << 17), location[RULE_LOCATION_MAX + 1];
    struct verdict_rules *r;
    (void)state;
    assert_non_null(text);
    memset(location, 'x', RULE_LOCATION_MAX);
    location[RULE_LOCATION_MAX] = '\0';
    for (unsigned i = 0; i < RULES_MAX; i++)
        sprintf(text + strlen(text), "rule %u { action = drop }\n", RULE_NUMBER_MAX - i);
    sprintf(strstr(text, "rule 99000"), "rule 99000 { action = alternate location = \"%s\" }\n", location);
    r = rules(text);
    assert_true(strlen(judge(r, "any")) < VERDICT_TEXT_MAX - 1);
    assert_non_null(strstr(judge(r, "any"), ";x"));
    verdict_rules_destroy(&r);
    free(text);
}

static void a_bad_file_is_told_the_line_and_what_was_expected(void **state)
{
    static const struct { const char *text; unsigned line; const char *why; } cases[] = {
        { "\n\nrul 1 { }", 3, "expected rule NUMBER { ... }, not \"rul\"" },
        { "rule x { }", 1, "expected a number from 1 to 99999, not \"x\"" },
        { "rule 0 { }", 1, "expected a number from 1 to 99999, not \"0\"" },
        { "rule 100000 { }", 1, "expected a number from 1 to 99999, not \"100000\"" },
        { "rule 1 { action = drop }\nrule 1 { action = drop }", 2, "rule 1 is there already; expected each number once" },
        { "rule 1\n", 2, "expected an opening brace, not the end of the file" },
        { "rule 1 {\n  when = \"score > 1\"\n  wen = x\n}", 3, "expected when, profiles, action, location or a closing brace, not \"wen\"" },
        { "rule 1 {\n  when = \"score >\"\n}", 2, "rule 1: when: expected a number such as 1.5, not its end" },
        { "rule 1 { when = score }", 1, "expected a condition in quotes, not \"score\"" },
        { "rule 1 { action drop }", 1, "expected =, not \"drop\"" },
        { "rule 1 { action = hold }", 1, "expected deliver, alternate or drop, not \"hold\"" },
        { "rule 1 { action = drop\naction = drop }", 2, "rule 1: action is set twice; expected it once" },
        { "rule 1 {\n}", 2, "rule 1 has no action; expected deliver, alternate or drop" },
        { "rule 1 { action = alternate }", 1, "rule 1 has no location; expected one, as its action is alternate" },
        { "rule 1 { action = drop location = x }", 1, "rule 1 has a location; expected one only where the action is alternate" },
        { "rule 1 { location = \"a;b\" }", 1, "expected a location of 1 to 128 printable characters without a semicolon, not \"a;b\"" },
        { "rule 1 { profiles = { Strict } }", 1, "expected a profile's name of lower-case letters, digits and '-', and not none, not \"Strict\"" },
        { "rule 1 { profiles = none }", 1, "expected a profile's name of lower-case letters, digits and '-', and not none, not \"none\"" },
        { "rule 1 { profiles = { } }", 1, "expected a profile's name, not \"}\"" },
        { "rule 1 { profiles = { a b } }", 1, "expected a closing brace, not \"b\"" },
        { "rule 1 {\n when = \"score\n> 1", 2, "this quote is left open" },
        { "rule 1 { action = drop } }", 1, "expected rule NUMBER { ... }, not \"}\"" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct verdict_rules *r = NULL;
        struct rules_fault fault = { .line = 0 };
        int rc = verdict_rules_parse(cases[i].text, strlen(cases[i].text), category, NULL, &r, &fault);
        if (rc != -EINVAL || fault.line != cases[i].line || strcmp(fault.text, cases[i].why) != 0)
            fail_msg("\"%s\": got %d, line %u: %s; want line %u: %s", cases[i].text, rc, fault.line, fault.text, cases[i].line, cases[i].why);
    }
}

static void the_sample_is_good(void **state)
{
    char text[16384];
    struct verdict_profiles *p = NULL;
    struct verdict_rules *r;
    struct rules_fault fault;
    size_t bad;
    (void)state;
    FILE *f = fopen(SOURCE_DIR "/conf/verdict.rules", "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    r = rules(text);
    assert_true(verdict_rules_count(r) >= 5);
    verdict_rules_destroy(&r);
    f = fopen(SOURCE_DIR "/conf/profiles", "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    assert_int_equal(verdict_profiles_parse(text, strlen(text), &p, &bad, &fault), 0);
    assert_int_equal(bad, 0);
    assert_true(verdict_profiles_count(p) >= 3);
    verdict_profiles_destroy(&p);
}

static void a_byte_order_mark_before_either_file_is_no_fault(void **state)
{
    static const char rule[] = "\xef\xbb\xbfrule 7 { when = \"score > 1\" action = \"drop\" }\n", profile[] = "\xef\xbb\xbf" "me@here.example: strict\n";
    struct verdict_rules *r = rules(rule);
    struct verdict_profiles *p = NULL;
    struct rules_fault fault = { .line = 0 };
    size_t bad = 9;
    (void)state;
    assert_int_equal(verdict_rules_count(r), 1);
    verdict_rules_destroy(&r);
    assert_int_equal(verdict_profiles_parse(profile, sizeof profile - 1, &p, &bad, &fault), 0);
    assert_int_equal(bad, 0);
    assert_string_equal(verdict_profiles_find(p, "me@here.example"), "strict");
    verdict_profiles_destroy(&p);
    assert_int_equal(rules_mark_bytes(rule, 2), 0);
    r = rules("\xef\xbb\xbf");                         /* and nothing else */
    assert_int_equal(verdict_rules_count(r), 0);
    verdict_rules_destroy(&r);
}

/* ---- profiles */

static struct verdict_profiles *profiles(const char *text, size_t want_bad)
{
    struct verdict_profiles *p = NULL;
    struct rules_fault fault = { .line = 0 };
    size_t bad;
    assert_int_equal(verdict_profiles_parse(text, strlen(text), &p, &bad, &fault), 0);
    if (bad != want_bad)
        fail_msg("%zu bad lines, the first is %u: %s", bad, fault.line, fault.text);
    return p;
}

static void assert_profile(const struct verdict_profiles *p, const char *rcpt, const char *want)
{
    const char *got = verdict_profiles_find(p, rcpt);
    if ((got == NULL) != (want == NULL) || (got != NULL && strcmp(got, want) != 0))
        fail_msg("%s: got %s, want %s", rcpt, got != NULL ? got : "none", want != NULL ? want : "none");
}

static void an_address_goes_before_its_domain_and_that_before_all(void **state)
{
    struct verdict_profiles *p = profiles("user@a.example: strict\n*@a.example: mild\n@b.example:mild\n* : weak\n", 0);
    (void)state;
    assert_profile(p, "user@a.example", "strict");
    assert_profile(p, "USER@A.Example", "strict");
    assert_profile(p, "other@a.example", "mild");
    assert_profile(p, "x@b.example", "mild");
    assert_profile(p, "x@c.example", "weak");
    assert_profile(p, "local", "weak");
    verdict_profiles_destroy(&p);
}

static void who_did_not_opt_in_has_none(void **state)
{
    struct verdict_profiles *p = profiles("# comment\n\n  # another\nUser@A.example STRICT\n\"user@b.example\": Mild \r\nuser@c.example: none\n@c.example: mild\n", 0);
    (void)state;
    assert_profile(p, "user@a.example", "strict");
    assert_profile(p, "user@b.example", "mild");
    assert_profile(p, "user@c.example", NULL);
    assert_profile(p, "other@c.example", "mild");
    assert_profile(p, "other@a.example", NULL);
    assert_profile(p, "", NULL);
    verdict_profiles_destroy(&p);
}

static void the_first_of_two_lines_counts(void **state)
{
    struct verdict_profiles *p = profiles("a@x.example: one\na@x.example: two\n@x.example: three\n*@x.example: four", 0);
    (void)state;
    assert_profile(p, "a@x.example", "one");
    assert_profile(p, "b@x.example", "three");
    verdict_profiles_destroy(&p);
}

static void a_bad_line_takes_no_other_with_it(void **state)
{
    struct verdict_profiles *p = profiles("a@x.example:\nb@x.example: two words\n: strict\n  c@x.example: strict\nd@x.example: strict\n\"e@x.example: strict\n", 5);
    char rcpt[PROFILE_KEY_MAX + 64];
    (void)state;
    assert_profile(p, "d@x.example", "strict");
    assert_profile(p, "c@x.example", NULL);
    memset(rcpt, 'x', sizeof rcpt - 1);
    rcpt[sizeof rcpt - 1] = '\0';
    assert_profile(p, rcpt, NULL);
    verdict_profiles_destroy(&p);
}

static void many_lines_are_found_again(void **state)
{
    enum { N = 20000 };
    char *text = malloc(N * 40), rcpt[40], want[40];
    size_t len = 0;
    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < N; i++)
        len += (size_t)sprintf(text + len, "u%u@x.example: p%u\n", (i * 7919u) % N, (i * 7919u) % N);
    struct verdict_profiles *p = profiles(text, 0);
    for (unsigned i = 0; i < N; i += 37) {
        sprintf(rcpt, "u%u@x.example", i);
        sprintf(want, "p%u", i);
        assert_profile(p, rcpt, want);
    }
    verdict_profiles_destroy(&p);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_test_sees_its_fact),
        cmocka_unit_test(and_binds_before_or_and_not_before_both),
        cmocka_unit_test(what_is_not_known_is_neither_so_nor_otherwise),
        cmocka_unit_test(what_is_certain_wins_over_what_is_not_known),
        cmocka_unit_test(a_size_beyond_what_is_counted_is_refused),
        cmocka_unit_test(the_null_sender_is_known),
        cmocka_unit_test(needs_are_those_of_all_tests),
        cmocka_unit_test(a_bad_condition_is_told_what_was_expected),
        cmocka_unit_test(a_condition_has_bounds),
        cmocka_unit_test(the_lowest_rule_that_fires_decides_and_all_are_named),
        cmocka_unit_test(a_rule_is_of_its_profiles_only),
        cmocka_unit_test(where_no_rule_fires_mail_is_delivered),
        cmocka_unit_test(a_verdict_fits_whatever_fires),
        cmocka_unit_test(a_bad_file_is_told_the_line_and_what_was_expected),
        cmocka_unit_test(the_sample_is_good),
        cmocka_unit_test(a_byte_order_mark_before_either_file_is_no_fault),
        cmocka_unit_test(an_address_goes_before_its_domain_and_that_before_all),
        cmocka_unit_test(who_did_not_opt_in_has_none),
        cmocka_unit_test(the_first_of_two_lines_counts),
        cmocka_unit_test(a_bad_line_takes_no_other_with_it),
        cmocka_unit_test(many_lines_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
