/* The state file and the configuration of hearsay-maillog. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/scratch.h"
#include "tools/maillog/conf.h"
#include "tools/maillog/state.h"

static char dir[64], path[128];

static int open_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/maillog-state-XXXXXX");
    assert_non_null(scratch_dir(dir));
    snprintf(path, sizeof path, "%s/file", dir);
    return 0;
}

static int close_dir(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static void write_text(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

/* ---- the state */

static void what_is_saved_is_loaded(void **state)
{
    struct state a, b;
    char why[256];
    struct stat st;
    (void)state;
    assert_int_equal(state_load(path, &b, why), -ENOENT);
    assert_int_equal(state_make(&a), 0);
    a.place = (struct follow_place){ .base = INT64_MAX, .offset = 12, .dev = 3, .ino = 4, .print = { .len = PRINT_BYTES, .hash = UINT64_MAX - 5 },
                                     .before = { .time_s = 7, .mtime_ns = 8 } };
    a.last_time_s = 9;
    a.counts.unknown = 10;
    a.taken = 11;
    assert_int_equal(state_save(path, &a), 0);
    assert_int_equal(state_save(path, &a), 0);               /* in place of the one before */
    assert_int_equal(state_load(path, &b, why), 0);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void each_new_state_has_a_name_of_its_own(void **state)
{
    struct state a, b;
    (void)state;
    assert_int_equal(state_make(&a), 0);
    assert_int_equal(state_make(&b), 0);
    assert_int_equal(strlen(a.source), SOURCE_TEXT);
    assert_string_not_equal(a.source, b.source);
    assert_int_equal(a.place.ino, 0);
}

static void a_damaged_state_is_refused_and_said(void **state)
{
    struct state s, untouched;
    char why[256], *text = NULL;
    (void)state;
    assert_int_equal(state_make(&s), 0);
    json_t *o = state_json(&s);
    text = json_dumps(o, 0);
    json_decref(o);
    memset(&s, 0x5a, sizeof s);
    untouched = s;
    for (size_t cut = 0; cut + 1 < strlen(text); cut += 7) {
        char *part = strndup(text, cut);
        write_text(part);
        free(part);
        why[0] = '\0';
        assert_int_equal(state_load(path, &s, why), -EINVAL);
        assert_non_null(strstr(why, "move the file away"));
        assert_memory_equal(&s, &untouched, sizeof s);
    }
    static const char *const wrong[][2] = { { "\"format\": 1", "\"format\": 2" }, { "\"offset\": 0", "\"offset\": -1" }, { "\"offset\": 0", "\"offset\": \"0\"" },
                                            { "\"print_bytes\": 0", "\"print_bytes\": 513" } };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *at = strstr(text, wrong[i][0]), changed[4096];
        assert_non_null(at);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, wrong[i][1], at + strlen(wrong[i][0]));
        write_text(changed);
        assert_int_equal(state_load(path, &s, why), -EINVAL);
    }
    free(text);
}

/* ---- the configuration */

static void without_a_file_the_defaults_are_those_of_debian(void **state)
{
    struct conf *c = NULL;
    char why[CONF_WHY_MAX];
    (void)state;
    assert_int_equal(conf_load(NULL, &c, why), 0);
    assert_string_equal(c->log, "/var/log/exim4/mainlog");
    assert_string_equal(c->node, "unix:/var/lib/hearsay/run/report.sock");
    assert_int_equal(c->rules_n, 1);
    assert_string_equal(rule_name(c->rules[0]), "bounce");
    assert_int_equal(rule_window_s(c->rules[0]), 86400);
    assert_null(c->domains[0]);
    conf_free(&c);
}

static void paths_start_from_the_file_and_patterns_keep_their_backslashes(void **state)
{
    struct conf *c = NULL;
    char why[CONF_WHY_MAX], want[256];
    (void)state;
    write_text("\xef\xbb\xbf# behind a byte order mark, a comment with \"quotes\nlog = \"log/main\"\nnode = \"unix:run/s\"\nlocal-domains = { \"a.example\", \"b.example\" }\nuse = { }\n"
               "rule \"mine\" {\n  literal = 'x'  pattern = '^(?<w>\\S+) \\d'  request = 'black ${w}'  window = \"90m\"\n}\n");
    if (conf_load(path, &c, why) != 0)
        fail_msg("%s", why);
    snprintf(want, sizeof want, "%s/log/main", dir);
    assert_string_equal(c->log, want);
    snprintf(want, sizeof want, "unix:%s/run/s", dir);
    assert_string_equal(c->node, want);
    assert_string_equal(c->domains[1], "b.example");
    assert_null(c->domains[2]);
    assert_int_equal(c->rules_n, 1);
    assert_int_equal(rule_window_s(c->rules[0]), 5400);
    assert_true(rule_match(c->rules[0], (struct text){ "word 7", 6 }));
    assert_false(rule_match(c->rules[0], (struct text){ "S+ d", 4 }));
    conf_free(&c);
}

static void a_mistake_is_told_with_its_place(void **state)
{
    static const char *const cases[][2] = {
        { "\n\nlgo = \"x\"\n", ":3: " }, { "log = \"\"\n", "log" }, { "log = \"x\n", ":1: " }, { "messages = \"0\"\n", "messages" }, { "log-level = \"loud\"\n", "log-level" },
        { "rule \"a\" { literal = 'x' pattern = 'x' request = 'ping' window = \"10s\" }\n", "window" },
        { "rule \"bounce\" { literal = 'x' pattern = 'x' request = 'ping' }\n", "there already" },
        { "rule \"a\" { pattern = 'x' request = 'ping' }\n", "literal" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conf *c = NULL;
        char why[CONF_WHY_MAX] = "";
        write_text(cases[i][0]);
        int rc = conf_load(path, &c, why);
        if (rc != -EINVAL || strstr(why, cases[i][1]) == NULL || strstr(why, path) == NULL)
            fail_msg("%s: %d \"%s\"", cases[i][0], rc, why);
    }
}

#define DIR_TEST(test) cmocka_unit_test_setup_teardown(test, open_dir, close_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIR_TEST(what_is_saved_is_loaded),
        DIR_TEST(each_new_state_has_a_name_of_its_own),
        DIR_TEST(a_damaged_state_is_refused_and_said),
        DIR_TEST(without_a_file_the_defaults_are_those_of_debian),
        DIR_TEST(paths_start_from_the_file_and_patterns_keep_their_backslashes),
        DIR_TEST(a_mistake_is_told_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
