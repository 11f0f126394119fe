/* Lines on the report socket: proto/request.h, and the examples of proto/REPORTS.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/request.h"
#include "proto/tool_request.h"

static const uint8_t no_key[HASH_BYTES];

static int parse(const char *line, struct request *out, char reason[REQUEST_REASON_MAX])
{
    return request_parse(line, strlen(line), no_key, out, reason);
}

struct want {
    const char *line, *subject, *category, *zone;
    enum request_verb verb;
    enum request_cause cause;
    uint32_t count;
};

static void assert_read(const struct want *w)
{
    struct request q;
    char reason[REQUEST_REASON_MAX] = "", text[SUBJECT_TEXT_MAX];
    int rc = parse(w->line, &q, reason);

    if (rc != 0)
        fail_msg("%s: %s", w->line, reason);
    if (q.verb != w->verb || q.cause != w->cause || q.count != (w->count == 0 ? 1 : w->count))
        fail_msg("%s: verb %d, cause %d, count %u", w->line, (int)q.verb, (int)q.cause, q.count);
    if (strcmp(subject_text(&q.subject, text), w->subject) != 0)
        fail_msg("%s: subject %s", w->line, text);
    if (strcmp(q.category, w->category == NULL ? "" : w->category) != 0 || strcmp(q.zone, w->zone == NULL ? "" : w->zone) != 0)
        fail_msg("%s: category \"%s\", zone \"%s\"", w->line, q.category, q.zone);
}

static void every_request_of_the_table_is_read(void **state)
{
    static const struct want cases[] = {
        { .line = "black 192.0.2.7", .verb = REQUEST_BLACK, .subject = "192.0.2.7" },
        { .line = "white bad.example", .verb = REQUEST_WHITE, .subject = "bad.example" },
        { .line = "black 192.0.2.7 malware", .verb = REQUEST_BLACK, .subject = "192.0.2.7", .category = "malware" },
        { .line = "black 192.0.2.7 category=malware", .verb = REQUEST_BLACK, .subject = "192.0.2.7", .category = "malware" },
        { .line = "black 192.0.2.7 spam count=1000 cause=trap", .verb = REQUEST_BLACK, .subject = "192.0.2.7", .category = "spam",
          .count = 1000, .cause = CAUSE_TRAP },
        { .line = "white 192.0.2.7 cause=user count=2", .verb = REQUEST_WHITE, .subject = "192.0.2.7", .count = 2, .cause = CAUSE_USER },
        { .line = "black 192.0.2.7 cause=dnsbl", .verb = REQUEST_BLACK, .subject = "192.0.2.7", .cause = CAUSE_DNSBL },
        { .line = "retract 192.0.2.7", .verb = REQUEST_RETRACT, .subject = "192.0.2.7" },
        { .line = "retract 192.0.2.7 spam", .verb = REQUEST_RETRACT, .subject = "192.0.2.7", .category = "spam" },
        { .line = "retract 192.0.2.7 category=spam", .verb = REQUEST_RETRACT, .subject = "192.0.2.7", .category = "spam" },
        { .line = "score 192.0.2.7 category=spam", .verb = REQUEST_SCORE, .subject = "192.0.2.7", .category = "spam" },
        { .line = "check 2001:db8::7", .verb = REQUEST_CHECK, .subject = "2001:db8::/64" },
        { .line = "check 192.0.2.7 zone=bl.a.example", .verb = REQUEST_CHECK, .subject = "192.0.2.7", .zone = "bl.a.example" },
        { .line = "score 192.0.2.7 spam", .verb = REQUEST_SCORE, .subject = "192.0.2.7", .category = "spam" },
        { .line = "info 192.0.2.7", .verb = REQUEST_INFO, .subject = "192.0.2.7" },
        { .line = "ping", .verb = REQUEST_PING, .subject = "" },
        { .line = "stream", .verb = REQUEST_STREAM, .subject = "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_read(&cases[i]);
}

static void case_and_blanks_do_not_matter(void **state)
{
    static const struct want cases[] = {
        { .line = " \t BLACK\t\t192.0.2.7  ", .verb = REQUEST_BLACK, .subject = "192.0.2.7" },
        { .line = "bLaCk 192.0.2.7 SPAM Count=7 CAUSE=Auth", .verb = REQUEST_BLACK, .subject = "192.0.2.7", .category = "spam", .count = 7,
          .cause = CAUSE_AUTH },
        { .line = "Check 192.0.2.7 ZONE=BL.A.Example.", .verb = REQUEST_CHECK, .subject = "192.0.2.7", .zone = "bl.a.example" },
        { .line = "\tPING\t", .verb = REQUEST_PING, .subject = "" },
        { .line = "black 192.0.2.7 count=0001", .verb = REQUEST_BLACK, .subject = "192.0.2.7" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_read(&cases[i]);
}

static void every_cause_has_its_word(void **state)
{
    static const char *const words[] = { "content", "trap", "auth", "protocol", "user", "dnsbl" };
    char line[64], reason[REQUEST_REASON_MAX];
    struct request q;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        snprintf(line, sizeof line, "black 192.0.2.7 cause=%s", words[i]);
        assert_int_equal(parse(line, &q, reason), 0);
        assert_string_equal(request_cause_text(q.cause), words[i]);
    }
    for (enum request_verb verb = REQUEST_BLACK; verb <= REQUEST_STREAM; verb++) {
        snprintf(line, sizeof line, "%s 192.0.2.7", request_verb_text(verb));
        assert_int_equal(parse(line, &q, reason), verb < REQUEST_PING ? 0 : -EINVAL);
    }
}

/* Exim's expansions put a sender in as it is, or in quotes by ${quote:...}. */
static void senders_come_bare_or_quoted(void **state)
{
    static const char *const same[] = {
        "black user@bad.example", "black \"user\"@bad.example", "black \"user@bad.example\"", "black \"\\\"user\\\"@bad.example\"",
    };
    static const char *const spaced[] = {
        "black \"a b\"@bad.example spam", "black \"\\\"a b\\\"@bad.example\" spam", "black \"\\\"a\\\\ b\\\"@bad.example\" spam",
    };
    struct request first, q;
    char reason[REQUEST_REASON_MAX];

    (void)state;
    assert_int_equal(parse(same[0], &first, reason), 0);
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(parse(same[i], &q, reason), 0);
        assert_int_equal(subject_compare(&q.subject, &first.subject), 0);
    }
    assert_int_equal(parse(spaced[0], &first, reason), 0);
    assert_string_equal(first.category, "spam");
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(parse(spaced[i], &q, reason), 0);
        assert_int_equal(subject_compare(&q.subject, &first.subject), 0);
    }
}

static void a_wrong_line_is_answered_with_what_was_wrong(void **state)
{
    static const struct { const char *line; int code; const char *reason; } cases[] = {
        { "", -EINVAL, "empty request" },
        { " \t ", -EINVAL, "empty request" },
        { "foo", -EINVAL, "unknown request \"foo\"" },
        { "blac 192.0.2.7", -EINVAL, "unknown request \"blac\"" },
        { "blacker 192.0.2.7", -EINVAL, "unknown request \"blacker\"" },
        { "black", -EINVAL, "black needs a subject" },
        { "check  ", -EINVAL, "check needs a subject" },
        { "black 1.2.3", -EINVAL, "not an address or a name \"1.2.3\"" },
        { "black spam", -EINVAL, "not an address or a name \"spam\"" },
        { "black <>", -EINVAL, "not an address or a name \"<>\"" },
        { "black \"\"", -EINVAL, "not an address or a name \"\"" },
        { "black @", -EINVAL, "not a sender address \"@\"" },
        { "black user@", -EINVAL, "not a sender address \"user@\"" },
        { "black 127.0.0.1", -EACCES, "protected" },
        { "check ::1", -EACCES, "protected" },
        { "black 9.0.0.0/8", -ERANGE, "too wide" },
        { "black co.uk", -ERANGE, "too wide" },
        { "black 192.0.2.7 spam malware", -EINVAL, "unexpected word \"malware\"" },
        { "black 192.0.2.7 count=2 spam", -EINVAL, "unexpected word \"spam\"" },
        { "black 192.0.2.7 Sp_am", -EINVAL, "not a category \"Sp_am\"" },
        { "black 192.0.2.7 1spam", -EINVAL, "not a category \"1spam\"" },
        { "black 192.0.2.7 category=", -EINVAL, "not a category \"\"" },
        { "black 192.0.2.7 spam category=spam", -EINVAL, "a second category \"spam\"" },
        { "black 192.0.2.7 count=", -EINVAL, "count must be 1 to 1000, not \"\"" },
        { "black 192.0.2.7 count=0", -EINVAL, "count must be 1 to 1000, not \"0\"" },
        { "black 192.0.2.7 count=1001", -EINVAL, "count must be 1 to 1000, not \"1001\"" },
        { "black 192.0.2.7 count=-1", -EINVAL, "count must be 1 to 1000, not \"-1\"" },
        { "black 192.0.2.7 count=4294967297", -EINVAL, "count must be 1 to 1000, not \"4294967297\"" },
        { "black 192.0.2.7 count=1 count=1", -EINVAL, "given twice: \"count\"" },
        { "black 192.0.2.7 cause=weather", -EINVAL, "cause must be content, trap, auth, protocol, user or dnsbl, not \"weather\"" },
        { "black 192.0.2.7 cause=none", -EINVAL, "cause must be content, trap, auth, protocol, user or dnsbl, not \"none\"" },
        { "black 192.0.2.7 color=red", -EINVAL, "unknown key \"color\"" },
        { "black 192.0.2.7 =5", -EINVAL, "unknown key \"\"" },
        { "black 192.0.2.7 zone=bl.a.example", -EINVAL, "unknown key \"zone\"" },
        { "check 192.0.2.7 count=2", -EINVAL, "unknown key \"count\"" },
        { "check 192.0.2.7 spam", -EINVAL, "unexpected word \"spam\"" },
        { "check 192.0.2.7 zone=-", -EINVAL, "not a zone \"-\"" },
        { "check 192.0.2.7 zone=", -EINVAL, "not a zone \"\"" },
        { "retract 192.0.2.7 count=2", -EINVAL, "unknown key \"count\"" },
        { "check 192.0.2.7 category=spam", -EINVAL, "unknown key \"category\"" },
        { "info 192.0.2.7 spam", -EINVAL, "unexpected word \"spam\"" },
        { "ping 192.0.2.7", -EINVAL, "unexpected word \"192.0.2.7\"" },
        { "stream on", -EINVAL, "unexpected word \"on\"" },
        { "black \"user@bad.example", -EINVAL, "quote left open in \"\\x22user@bad.example\"" },
        { "black 192.0.2.7\r", -EINVAL, "control character in the line: \"\\x0d\"" },
        { "black 192.0.2.7 \x1b[31m", -EINVAL, "control character in the line: \"\\x1b\"" },
        { "black b\xc3\xbc cher", -EINVAL, "not an address or a name \"b\\xc3\\xbc\"" },
        { "\xff\xfe", -EINVAL, "unknown request \"\\xff\\xfe\"" },
        { "GET / HTTP/1.1", -EINVAL, "unknown request \"GET\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct request q, before;
        char reason[REQUEST_REASON_MAX] = "";
        memset(&q, 0x5a, sizeof q);
        before = q;
        int rc = parse(cases[i].line, &q, reason);
        if (rc != cases[i].code || strcmp(reason, cases[i].reason) != 0)
            fail_msg("%s: got %d (%s), want %d (%s)", cases[i].line, rc, reason, cases[i].code, cases[i].reason);
        assert_memory_equal(&q, &before, sizeof q);
    }
}

static void a_nul_is_seen(void **state)
{
    struct request q;
    char reason[REQUEST_REASON_MAX];

    (void)state;
    assert_int_equal(request_parse("ping\0", 5, no_key, &q, reason), -EINVAL);
    assert_string_equal(reason, "control character in the line: \"\\x00\"");
}

static void a_line_of_any_length_is_answered_in_bounds(void **state)
{
    static const char *const starts[] = { "", "black ", "black \"", "black 192.0.2.7 ", "black 192.0.2.7 cause=", "check 192.0.2.7 zone=" };
    static const char fills[] = { 'a', '\xc3', '"', '\\', ' ', '@', '.', '=' };
    char line[REQUEST_LINE_MAX + 2], reason[REQUEST_REASON_MAX];
    struct request q;

    (void)state;
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++) {
        for (size_t f = 0; f < sizeof fills; f++) {
            memset(line, fills[f], sizeof line);
            memcpy(line, starts[s], strlen(starts[s]));
            for (size_t len = strlen(starts[s]); len <= sizeof line; len += len < 300 ? 1 : 97) {
                memset(reason, 'x', sizeof reason);
                if (request_parse(line, len, no_key, &q, reason) != 0)
                    assert_non_null(memchr(reason, '\0', sizeof reason));
            }
        }
    }
    memset(line, 'a', sizeof line);
    assert_int_equal(request_parse(line, REQUEST_LINE_MAX + 1, no_key, &q, reason), -EINVAL);
    assert_string_equal(reason, "line too long");
    assert_int_equal(request_parse(line, REQUEST_LINE_MAX, no_key, &q, reason), -EINVAL);
    assert_memory_equal(reason, "unknown request \"aaaa", 21);
}

static void categories_have_one_form(void **state)
{
    (void)state;
    assert_true(category_is_valid("spam", 4));
    assert_true(category_is_valid("invalid-recipients", 18));
    assert_true(category_is_valid("a", 1));
    assert_true(category_is_valid("a1234567890123456789012345678901", 32));
    assert_false(category_is_valid("a12345678901234567890123456789012", 33));
    assert_false(category_is_valid("", 0));
    assert_false(category_is_valid("Spam", 4));
    assert_false(category_is_valid("1st", 3));
    assert_false(category_is_valid("-x", 2));
    assert_false(category_is_valid("a_b", 3));
    assert_false(category_is_valid("a\0b", 3));
}

/* A line of an example in REPORTS.md is "> REQUEST", the next one "< ANSWER". Requests that are answered by "error: ..." must be refused
 * here with that very reason, or be one that only the node can refuse; all others must be read. */
static void check_example(const char *line, const char *answer)
{
    struct request q;
    char reason[REQUEST_REASON_MAX] = "";
    struct once once = { .number = 0 };
    size_t len = strlen(line);
    int rc = once_split(&line, &len, &once, reason) < 0 ? -EINVAL : parse(line, &q, reason);
    struct tool_request tool;
    bool refused = strncmp(answer, "error: ", 7) == 0;

    if (rc == 0 && q.verb == REQUEST_TOOL)
        rc = tool_request_parse(line, strlen(line), &tool, reason);
    if (rc == 0 && refused && strncmp(answer, "error: unknown category", 23) != 0 && strncmp(answer, "error: unknown zone", 19) != 0 &&
        strncmp(answer, "error: unknown kind", 19) != 0 && strcmp(answer, "error: protected") != 0 &&
        (once.number == 0 || q.verb <= REQUEST_RETRACT || strncmp(answer, "error: once needs", 17) != 0))
        fail_msg("%s: is read, though the document says %s", line, answer);
    if (rc != 0 && (!refused || strcmp(answer + 7, reason) != 0))
        fail_msg("%s: \"%s\", but the document says \"%s\"", line, reason, answer);
}

static void the_documented_examples_are_read_as_documented(void **state)
{
    char line[8192], request[8192] = "";
    int checked = 0;
    FILE *f = fopen(SOURCE_DIR "/proto/REPORTS.md", "r");

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "    > ", 6) == 0) {
            strcpy(request, line + 6);
        } else if (strncmp(line, "    < ", 6) == 0 && request[0] != '\0') {
            check_example(request, line + 6);
            request[0] = '\0';
            checked++;
        }
    }
    fclose(f);
    assert_true(checked >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_of_the_table_is_read),
        cmocka_unit_test(case_and_blanks_do_not_matter),
        cmocka_unit_test(every_cause_has_its_word),
        cmocka_unit_test(senders_come_bare_or_quoted),
        cmocka_unit_test(a_wrong_line_is_answered_with_what_was_wrong),
        cmocka_unit_test(a_nul_is_seen),
        cmocka_unit_test(a_line_of_any_length_is_answered_in_bounds),
        cmocka_unit_test(categories_have_one_form),
        cmocka_unit_test(the_documented_examples_are_read_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
