#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/tool_request.h"

static const uint8_t no_key[HASH_BYTES];

/* As the report server does it: the verb first. */
static int parse(const char *line, struct tool_request *out, char reason[REQUEST_REASON_MAX])
{
    struct request q;
    int rc = request_parse(line, strlen(line), no_key, &q, reason);

    if (rc != 0)
        return rc;
    assert_int_equal(q.verb, REQUEST_TOOL);
    return tool_request_parse(line, strlen(line), out, reason);
}

/* What is not named must not have been said. */
struct want {
    const char *line;
    enum tool_verb verb;
    const char *client, *subject, *sender, *rcpt, *user, *address, *domain, *helo, *message, *kind, *note;
    enum spf_result spf;
    uint32_t count;
    int64_t size_bytes, score_milli;
};

static void check_text(const char *line, const char *what, const char *got, const char *want)
{
    if ((got == NULL) != (want == NULL) || (got != NULL && strcmp(got, want) != 0))
        fail_msg("%s: %s is \"%s\", want \"%s\"", line, what, got == NULL ? "(not said)" : got, want == NULL ? "(not said)" : want);
}

static void check(const struct want *w)
{
    struct tool_request q;
    char reason[REQUEST_REASON_MAX] = "", client[NETWORK_TEXT_MAX], subject[SUBJECT_TEXT_MAX];

    if (parse(w->line, &q, reason) != 0)
        fail_msg("%s: %s", w->line, reason);
    if (q.verb != w->verb || q.spf != w->spf || q.count != (w->count == 0 ? 1 : w->count))
        fail_msg("%s: verb %d, spf %d, count %u", w->line, (int)q.verb, (int)q.spf, q.count);
    if (q.size_bytes != (w->size_bytes == 0 ? -1 : w->size_bytes) || q.score_milli != w->score_milli || q.has_score != (w->score_milli != 0))
        fail_msg("%s: size %lld, score %lld", w->line, (long long)q.size_bytes, (long long)q.score_milli);
    check_text(w->line, "client", q.client.family == 0 ? NULL : network_text(&q.client, client), w->client);
    check_text(w->line, "subject", q.subject.len == 0 ? NULL : subject_text(&q.subject, subject), w->subject != NULL ? w->subject : w->client);
    check_text(w->line, "sender", q.sender, w->sender);
    check_text(w->line, "rcpt", q.rcpt, w->rcpt);
    check_text(w->line, "user", q.user, w->user);
    check_text(w->line, "address", q.address, w->address);
    check_text(w->line, "domain", q.domain, w->domain);
    check_text(w->line, "helo", q.helo, w->helo);
    check_text(w->line, "message", q.message, w->message);
    check_text(w->line, "kind", q.kind, w->kind);
    check_text(w->line, "note", q.note, w->note);
}

static void every_request_of_the_table_is_read(void **state)
{
    static const struct want cases[] = {
        { .line = "tarpit 192.0.2.7", .verb = TOOL_TARPIT, .client = "192.0.2.7" },
        { .line = "count 2001:db8:1:2:3:4:5:6", .verb = TOOL_COUNT, .client = "2001:db8:1:2:3:4:5:6", .subject = "2001:db8:1:2::/64" },
        { .line = "grey 192.0.2.7 a@b.example c@d.example", .verb = TOOL_GREY, .client = "192.0.2.7", .sender = "a@b.example", .rcpt = "c@d.example" },
        { .line = "bounce anna", .verb = TOOL_BOUNCE, .user = "anna" },
        { .line = "bounce anna@a.example count=3", .verb = TOOL_BOUNCE, .user = "anna@a.example", .count = 3 },
        { .line = "bounces anna", .verb = TOOL_BOUNCES, .user = "anna" },
        { .line = "spf 192.0.2.7 b.example fail", .verb = TOOL_SPF, .client = "192.0.2.7", .domain = "b.example", .spf = SPF_FAIL },
        { .line = "spfcheck 192.0.2.7 mx.b.example a@b.example", .verb = TOOL_SPFCHECK, .client = "192.0.2.7", .helo = "mx.b.example", .sender = "a@b.example" },
        { .line = "srs-forward a@b.example fwd.example", .verb = TOOL_SRS_FORWARD, .address = "a@b.example", .domain = "fwd.example" },
        { .line = "srs-reverse SRS0=ab12=cd=b.example=a@fwd.example", .verb = TOOL_SRS_REVERSE, .address = "SRS0=ab12=cd=b.example=a@fwd.example" },
        { .line = "srs-reverse SRS0=x@fwd.example ip=192.0.2.7", .verb = TOOL_SRS_REVERSE, .address = "SRS0=x@fwd.example", .client = "192.0.2.7" },
        { .line = "verdict 1abcde-000001-AB c@d.example", .verb = TOOL_VERDICT, .message = "1abcde-000001-AB", .rcpt = "c@d.example" },
        { .line = "verdict 1abcde-000001-AB c@d.example ip=192.0.2.7 helo=x sender=a@b.example spf=pass size=1234 score=5.3", .verb = TOOL_VERDICT,
          .message = "1abcde-000001-AB", .rcpt = "c@d.example", .client = "192.0.2.7", .helo = "x", .sender = "a@b.example", .spf = SPF_PASS, .size_bytes = 1234,
          .score_milli = 5300 },
        { .line = "verdict-tag 1abcde-000001-AB c@d.example", .verb = TOOL_VERDICT_TAG, .message = "1abcde-000001-AB", .rcpt = "c@d.example" },
        { .line = "note 192.0.2.7 forged-srs", .verb = TOOL_NOTE, .client = "192.0.2.7", .kind = "forged-srs" },
        { .line = "note 192.0.2.7 forged-srs  to  whom it \"may\" concern ", .verb = TOOL_NOTE, .client = "192.0.2.7", .kind = "forged-srs",
          .note = "to  whom it \"may\" concern" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

static void case_and_blanks_make_no_difference(void **state)
{
    static const struct want cases[] = {
        { .line = " \tTARPIT\t 192.0.2.7 ", .verb = TOOL_TARPIT, .client = "192.0.2.7" },
        { .line = "Bounce anna COUNT=2", .verb = TOOL_BOUNCE, .user = "anna", .count = 2 },
        { .line = "SPF 192.0.2.7 B.Example SoftFail", .verb = TOOL_SPF, .client = "192.0.2.7", .domain = "B.Example", .spf = SPF_SOFTFAIL },
        { .line = "SRS-Forward A@B.example fwd.example", .verb = TOOL_SRS_FORWARD, .address = "A@B.example", .domain = "fwd.example" },
        { .line = "note 192.0.2.7 Forged-SRS", .verb = TOOL_NOTE, .client = "192.0.2.7", .kind = "forged-srs" },
        { .line = "count ::FFFF:192.0.2.7", .verb = TOOL_COUNT, .client = "192.0.2.7" },
        { .line = "count 2001:0db8:0000:0000:0000:0000:0000:0007", .verb = TOOL_COUNT, .client = "2001:db8::7", .subject = "2001:db8::/64" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

static void quoted_words_mean_what_is_within(void **state)
{
    static const struct want cases[] = {
        { .line = "grey 192.0.2.7 \"a@b.example\" c@d.example", .verb = TOOL_GREY, .client = "192.0.2.7", .sender = "a@b.example", .rcpt = "c@d.example" },
        { .line = "grey 192.0.2.7 \"\\\"a \\\\ b\\\"@b.example\" c@d.example", .verb = TOOL_GREY, .client = "192.0.2.7", .sender = "\"a \\ b\"@b.example",
          .rcpt = "c@d.example" },
        { .line = "grey 192.0.2.7 \"a b\"@b.example \"c@d.example\"", .verb = TOOL_GREY, .client = "192.0.2.7", .sender = "\"a b\"@b.example",
          .rcpt = "c@d.example" },
        { .line = "grey 192.0.2.7 \"\" c d@d.example", .verb = TOOL_GREY, .client = "192.0.2.7", .sender = "", .rcpt = "c d@d.example" },
        { .line = "grey 192.0.2.7 <> \"c d\"@d.example", .verb = TOOL_GREY, .client = "192.0.2.7", .sender = "", .rcpt = "\"c d\"@d.example" },
        { .line = "spf 192.0.2.7 \"evil good.example pass\" (invalid)", .verb = TOOL_SPF, .client = "192.0.2.7", .domain = "evil good.example pass",
          .spf = SPF_INVALID },
        { .line = "verdict m \"c@d.example\" sender=\"a b@c\" helo=\"\" score=-1 size=", .verb = TOOL_VERDICT, .message = "m", .rcpt = "c@d.example",
          .sender = "a b@c", .helo = "", .score_milli = -1000 },
        { .line = "verdict m c@d.example helo=a=b sender=", .verb = TOOL_VERDICT, .message = "m", .rcpt = "c@d.example", .helo = "a=b", .sender = "" },
        { .line = "verdict m c@d.example ip= spf= score= size=", .verb = TOOL_VERDICT, .message = "m", .rcpt = "c@d.example" },
        { .line = "bounce \"a b\" count=2", .verb = TOOL_BOUNCE, .user = "a b", .count = 2 },
        { .line = "note 192.0.2.7 x \"all of \\\"it\\\"\"", .verb = TOOL_NOTE, .client = "192.0.2.7", .kind = "x", .note = "all of \"it\"" },
        { .line = "note 192.0.2.7 x \"left open", .verb = TOOL_NOTE, .client = "192.0.2.7", .kind = "x", .note = "\"left open" },
        { .line = "note 192.0.2.7 x \"a\" and \"b\"", .verb = TOOL_NOTE, .client = "192.0.2.7", .kind = "x", .note = "\"a\" and \"b\"" },
        { .line = "srs-forward \"\" fwd.example", .verb = TOOL_SRS_FORWARD, .address = "", .domain = "fwd.example" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

static void scores_are_read_to_the_thousandth(void **state)
{
    static const struct { const char *text; int64_t milli; } cases[] = {
        { "5.3", 5300 }, { "+0.0019", 1 }, { "-12.25", -12250 }, { "7", 7000 }, { "1000000", 1000000000 }, { "0.001", 1 },
    };
    char line[128], reason[REQUEST_REASON_MAX];
    struct tool_request q;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(line, sizeof line, "verdict m c@d.example score=%s", cases[i].text);
        assert_int_equal(parse(line, &q, reason), 0);
        assert_true(q.has_score);
        assert_int_equal(q.score_milli, cases[i].milli);
    }
}

static void every_spf_result_has_its_word(void **state)
{
    enum spf_result found;

    (void)state;
    for (enum spf_result r = SPF_PASS; r <= SPF_INVALID; r++) {
        assert_true(spf_result_find(spf_result_text(r), strlen(spf_result_text(r)), &found));
        assert_int_equal(found, r);
    }
    assert_true(spf_result_find("(Invalid)", 9, &found));
    assert_int_equal(found, SPF_INVALID);
    assert_false(spf_result_find("err_perm", 8, &found));
    assert_false(spf_result_find("", 0, &found));
}

static void what_is_wrong_is_named(void **state)
{
    static const struct { const char *line, *reason; } cases[] = {
        { "tarpit", "tarpit needs IP" },
        { "tarpit ", "tarpit needs IP" },
        { "tarpit 192.0.2.0/24", "not an address \"192.0.2.0/24\"" },
        { "tarpit mx.b.example", "not an address \"mx.b.example\"" },
        { "tarpit 192.0.2.7 192.0.2.8", "unexpected word \"192.0.2.8\"" },
        { "count 192.0.2.7 count=2", "unknown key \"count\"" },
        { "grey 192.0.2.7 a@b.example", "grey needs RCPT" },
        { "grey 192.0.2.7 a@b.example \"\"", "grey needs RCPT" },
        { "grey 192.0.2.7 \"a@b.example c@d.example", "quote left open in \"\\x22a@b.example\\x20c@d.example\"" },
        { "bounce", "bounce needs USER" },
        { "bounce \"\"", "the user is empty" },
        { "bounce anna count=0", "count must be 1 to 1000, not \"0\"" },
        { "bounce anna count=99999999999999999999", "count must be 1 to 1000, not \"99999999999999999999\"" },
        { "bounce anna count=1 count=1", "given twice: \"count\"" },
        { "spf 192.0.2.7 b.example", "spf needs RESULT" },
        { "spf 192.0.2.7 b.example err_perm", "the result must be pass, fail, softfail, none, neutral, permerror, temperror or invalid, not \"err_perm\"" },
        { "spf 192.0.2.7 a b pass", "the result must be pass, fail, softfail, none, neutral, permerror, temperror or invalid, not \"b\"" },
        { "verdict m", "verdict needs RCPT" },
        { "verdict m c@d.example colour=red", "unknown key \"colour\"" },
        { "verdict m c@d.example count=2", "unknown key \"count\"" },
        { "verdict m c@d.example size=-1", "size must be a number of bytes, not \"-1\"" },
        { "verdict m c@d.example score=1.", "score must be a number such as 5.3, not \"1.\"" },
        { "verdict m c@d.example score=nan", "score must be a number such as 5.3, not \"nan\"" },
        { "verdict m c@d.example =x", "unexpected word \"=x\"" },
        { "note 192.0.2.7", "note needs KIND" },
        { "note 192.0.2.7 1x", "not a kind of note \"1x\"" },
        { "srs-reverse a@b.example ip=x", "not an address \"x\"" },
    };
    struct tool_request q;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reason[REQUEST_REASON_MAX] = "";
        if (parse(cases[i].line, &q, reason) != -EINVAL)
            fail_msg("%s: is read", cases[i].line);
        if (strcmp(reason, cases[i].reason) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", cases[i].line, reason, cases[i].reason);
        assert_null(q.sender);
        assert_int_equal(q.client.family, 0);
    }
}

/* As long as a line may be: every text must fit. */
static void the_longest_line_fits(void **state)
{
    char line[REQUEST_LINE_MAX + 2], reason[REQUEST_REASON_MAX];
    struct tool_request q;
    int head = snprintf(line, sizeof line, "grey 192.0.2.7 \"\" ");

    (void)state;
    memset(line + head, 'x', sizeof line - (size_t)head);
    line[REQUEST_LINE_MAX] = '\0';
    assert_int_equal(parse(line, &q, reason), 0);
    assert_int_equal(strlen(q.rcpt), REQUEST_LINE_MAX - head);
}

static void harmless_answers_are_those_that_exim_reads_as_nothing(void **state)
{
    (void)state;
    assert_string_equal(tool_harmless(TOOL_TARPIT), "0");
    assert_string_equal(tool_harmless(TOOL_COUNT), "0");
    assert_string_equal(tool_harmless(TOOL_GREY), "false");
    assert_string_equal(tool_harmless(TOOL_BOUNCES), "0:0");
    assert_string_equal(tool_harmless(TOOL_VERDICT), "deliver;;");
    assert_null(tool_harmless(TOOL_NOTE));
    for (enum tool_verb v = TOOL_TARPIT; v < TOOL_VERBS; v++) {
        enum tool_verb found;
        assert_true(tool_verb_find(tool_verb_text(v), strlen(tool_verb_text(v)), &found));
        assert_int_equal(found, v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_of_the_table_is_read),
        cmocka_unit_test(case_and_blanks_make_no_difference),
        cmocka_unit_test(quoted_words_mean_what_is_within),
        cmocka_unit_test(scores_are_read_to_the_thousandth),
        cmocka_unit_test(every_spf_result_has_its_word),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(harmless_answers_are_those_that_exim_reads_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
