/* The log: lines that a person, or the journal, can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/log.h"

static FILE *file;
static int old_stderr;

static int begin(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    file = tmpfile();
    old_stderr = dup(STDERR_FILENO);
    return file == NULL || dup2(fileno(file), STDERR_FILENO) < 0 ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    fclose(file);
    return 0;
}

static const char *logged(void)
{
    static char text[1 << 20];
    fseek(file, 0, SEEK_SET);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    return text;
}

static void expect_match(const char *text, const char *pattern)
{
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&re, text, 0, NULL, 0) != 0)
        fail_msg("got \"%s\", want %s", text, pattern);
    regfree(&re);
}

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}Z "

static void a_message_is_a_line_with_its_time_and_level(void **state)
{
    (void)state;
    log_open(LOG_LEVEL_DEBUG);
    log_error("disk %s is %d %% full", "/x", 99);
    log_debug("fine");
    expect_match(logged(), "^" TIME "error: disk /x is 99 % full\n" TIME "debug: fine\n$");
}

static void less_urgent_messages_are_left_out(void **state)
{
    (void)state;
    log_open(LOG_LEVEL_WARNING);
    log_info("no");
    log_warning("one");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("no");
    log_error("two");
    expect_match(logged(), "^" TIME "warning: one\n" TIME "error: two\n$");
}

static void under_systemd_lines_begin_with_their_priority(void **state)
{
    struct stat st;
    char stream[64];
    (void)state;
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_open(LOG_LEVEL_DEBUG);
    log_error("e");
    log_warning("w");
    log_info("two\nlines");
    log_debug("d");
    assert_string_equal(logged(), "<3>e\n<4>w\n<6>two\n<6>  lines\n<7>d\n");
}

static void with_stderr_elsewhere_the_journal_is_not_meant(void **state)
{
    (void)state;
    setenv("JOURNAL_STREAM", "1:1", 1);
    log_open(LOG_LEVEL_INFO);
    log_info("plain");
    expect_match(logged(), "^" TIME "info: plain\n$");
}

static void foreign_text_cannot_pass_for_a_message_or_control_a_terminal(void **state)
{
    (void)state;
    log_open(LOG_LEVEL_INFO);
    log_info("from \x1b[2J\r %s\n", "x\n2026-01-01 00:00:00Z error: forged");
    expect_match(logged(), "^" TIME "info: from \\\\x1b\\[2J\\\\x0d x\n" TIME "info:   2026-01-01 00:00:00Z error: forged\n$");
}

static void a_long_message_is_cut_off(void **state)
{
    static char big[3 * LOG_MESSAGE_MAX];
    (void)state;
    log_open(LOG_LEVEL_INFO);
    memset(big, '\t', sizeof big - 1);
    log_info("%s", big);
    assert_true(strlen(logged()) <= 4 * LOG_MESSAGE_MAX);
    assert_int_equal(logged()[strlen(logged()) - 1], '\n');
}

static void *log_much(void *arg)
{
    for (int i = 0; i < 300; i++)
        log_info("thread %d says the same thing again and again", *(int *)arg);
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    pthread_t threads[4];
    int numbers[4] = {1, 2, 3, 4};
    size_t lines = 0;
    (void)state;
    log_open(LOG_LEVEL_INFO);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_much, &numbers[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (const char *at = logged(), *next; (next = strchr(at, '\n')) != NULL; at = next + 1, lines++)
        assert_int_equal(next - at, strlen("2026-11-20 17:51:02Z info: thread 1 says the same thing again and again"));
    assert_int_equal(lines, 1200);
}

int main(void)
{
#define with_file(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        with_file(a_message_is_a_line_with_its_time_and_level),
        with_file(less_urgent_messages_are_left_out),
        with_file(under_systemd_lines_begin_with_their_priority),
        with_file(with_stderr_elsewhere_the_journal_is_not_meant),
        with_file(foreign_text_cannot_pass_for_a_message_or_control_a_terminal),
        with_file(a_long_message_is_cut_off),
        with_file(lines_of_several_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
