/* The pool of SPF helpers: node/spf_pool.h. The helpers here are shell scripts that behave as no helper should; what is asked of a true one is in tests/e2e/test_spf.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "node/spf_pool.h"
#include "tests/unit/scratch.h"

struct lab {
    char dir[64], program[96], starts[96];
    uv_loop_t loop;
    struct spf_pool *pool;
    unsigned answers_n;
    enum spf_answer answers[64];
};

static void on_answer(void *ctx, struct report_ticket ticket, enum spf_answer answer)
{
    struct lab *l = ctx;
    assert_in_range(ticket.number, 0, 63);
    l->answers[ticket.number] = answer;
    l->answers_n++;
}

/* Each start leaves a line in a file. The socket to the pool is descriptor 0. */
static void create(struct lab *l, const char *script, unsigned workers, unsigned queue, int64_t timeout_ms)
{
    struct spf_pool_options o = { .timeout_ms = timeout_ms, .workers = workers, .queue = queue };
    FILE *f;
    memset(l, 0, sizeof *l);
    strcpy(l->dir, "/tmp/hearsay-spf-XXXXXX");
    assert_non_null(scratch_dir(l->dir));
    snprintf(l->program, sizeof l->program, "%s/helper", l->dir);
    snprintf(l->starts, sizeof l->starts, "%s/starts", l->dir);
    if (script != NULL) {
        f = fopen(l->program, "w");
        assert_non_null(f);
        fprintf(f, "#!/bin/sh\nPATH=/bin:/usr/bin\nsize=%zu\necho >>%s\n%s\n", sizeof(struct spf_question), l->starts, script);
        fclose(f);
        assert_int_equal(chmod(l->program, 0700), 0);
    }
    strcpy(o.program, l->program);
    assert_int_equal(uv_loop_init(&l->loop), 0);
    assert_int_equal(spf_pool_create(&l->loop, &o, on_answer, l, &l->pool), 0);
}

static long starts(const struct lab *l)
{
    struct stat st;
    return stat(l->starts, &st) == 0 ? (long)st.st_size : 0;
}

static void destroy(struct lab *l)
{
    spf_pool_stop(l->pool);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    spf_pool_destroy(&l->pool);
    assert_int_equal(uv_loop_close(&l->loop), 0);
    unlink(l->program);
    unlink(l->starts);
    rmdir(l->dir);
}

static void ask(struct lab *l, unsigned n)
{
    const struct spf_question q = { .family = 4, .sender = "user@example.com" };
    uv_update_time(&l->loop);
    spf_pool_ask(l->pool, (struct report_ticket){ .number = n }, &q);
}

/* The turn that brings the last answer may be the one that reaps the last helper too: then nothing is left to run, and that is no fault. */
static void until_answered(struct lab *l, unsigned n)
{
    bool alive = true;
    while (l->answers_n < n) {
        assert_true(alive);
        alive = uv_run(&l->loop, UV_RUN_ONCE) != 0;
    }
}

static void assert_counts(const struct lab *l, uint64_t asked, uint64_t late, uint64_t refused)
{
    struct spf_pool_counts c;
    spf_pool_counted(l->pool, &c);
    assert_int_equal(c.asked, asked);
    assert_int_equal(c.late, late);
    assert_int_equal(c.refused, refused);
}

static const char *problem(const struct lab *l)
{
    static struct spf_pool_counts c;
    spf_pool_counted(l->pool, &c);
    return c.problem;
}

static void an_answer_is_passed_on(void **state)
{
    struct lab l;
    (void)state;
    create(&l, "while head -c $size >/dev/null; do printf '\\003' >&0; done", 1, 8, 60000);
    for (unsigned i = 0; i < 3; i++)
        ask(&l, i);
    until_answered(&l, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(l.answers[i], SPF_ANSWER_PASS);
    assert_int_equal(starts(&l), 1);
    assert_string_equal(problem(&l), "");
    destroy(&l);
}

static void an_answer_that_is_none_is_a_temperror(void **state)
{
    static const char *const scripts[] = { "head -c $size >/dev/null; printf '\\377' >&0; exec sleep 60", "head -c $size >/dev/null; printf '\\000' >&0; exec sleep 60",
                                           "head -c $size >/dev/null; printf '\\003\\003' >&0; exec sleep 60", "printf '\\003' >&0; exec sleep 60", "exit 3", "kill -9 $$" };
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct lab l;
        create(&l, scripts[i], 1, 8, 60000);
        ask(&l, 0);
        until_answered(&l, 1);
        /* One that speaks before it is asked may be believed once, and never again. */
        if (l.answers[0] != SPF_ANSWER_TEMPERROR && i != 3)
            fail_msg("%s: %d", scripts[i], l.answers[0]);
        destroy(&l);
    }
}

static void one_that_does_not_even_start_is_not_started_for_each_question(void **state)
{
    struct lab l;
    (void)state;
    create(&l, "exit 1", 2, 64, 60000);
    for (unsigned i = 0; i < 40; i++) {
        ask(&l, i);
        until_answered(&l, i + 1);
        assert_int_equal(l.answers[i], SPF_ANSWER_TEMPERROR);
    }
    assert_true(starts(&l) < 20);
    destroy(&l);
}

static void a_helper_that_is_not_there_is_a_temperror(void **state)
{
    struct lab l;
    (void)state;
    create(&l, NULL, 2, 8, 60000);
    for (unsigned i = 0; i < 5; i++)
        ask(&l, i);
    until_answered(&l, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(l.answers[i], SPF_ANSWER_TEMPERROR);
    assert_non_null(strstr(problem(&l), "no such file"));
    destroy(&l);
}

static void one_that_says_nothing_is_killed_and_what_waits_is_not_left_behind(void **state)
{
    struct lab l;
    (void)state;
    create(&l, "exec sleep 600", 2, 3, 50);
    for (unsigned i = 0; i < 8; i++)
        ask(&l, i);
    until_answered(&l, 8);
    assert_counts(&l, 8, 5, 3);
    destroy(&l);
}

static void a_stop_answers_all(void **state)
{
    struct lab l;
    (void)state;
    create(&l, "exec sleep 600", 2, 8, 600000);
    for (unsigned i = 0; i < 6; i++)
        ask(&l, i);
    assert_int_equal(l.answers_n, 0);
    spf_pool_stop(l.pool);
    assert_int_equal(l.answers_n, 6);
    ask(&l, 6);
    assert_int_equal(l.answers_n, 7);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(l.answers[i], SPF_ANSWER_TEMPERROR);
    destroy(&l);
}

static void a_reload_replaces_idle_helpers(void **state)
{
    struct spf_pool_options o = { .timeout_ms = 60000, .workers = 1, .queue = 8 };
    struct lab l;
    (void)state;
    create(&l, "while head -c $size >/dev/null; do printf '\\003' >&0; done", 1, 8, 60000);
    ask(&l, 0);
    until_answered(&l, 1);
    strcpy(o.program, l.program);
    spf_pool_reload(l.pool, &o);
    ask(&l, 1);
    until_answered(&l, 2);
    assert_int_equal(l.answers[1], SPF_ANSWER_PASS);
    assert_int_equal(starts(&l), 2);
    destroy(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_passed_on),
        cmocka_unit_test(an_answer_that_is_none_is_a_temperror),
        cmocka_unit_test(one_that_does_not_even_start_is_not_started_for_each_question),
        cmocka_unit_test(a_helper_that_is_not_there_is_a_temperror),
        cmocka_unit_test(one_that_says_nothing_is_killed_and_what_waits_is_not_left_behind),
        cmocka_unit_test(a_stop_answers_all),
        cmocka_unit_test(a_reload_replaces_idle_helpers),
    };
    signal(SIGPIPE, SIG_IGN);                /* as hearsayd does: a helper may die before it is asked */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
