/* A request that counts but once: the line's form, and what the store makes of its number. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/once.h"
#include "proto/request.h"
#include "store/reader_tools.h"
#include "store/store.h"
#include "store/tool.h"
#include "tests/unit/scratch.h"

#define SOURCE "8f3a0c1d5e7b92468f3a0c1d5e7b9246"
enum { NOW_S = 1795176000 };

/* ---- the line */

static void the_number_is_split_off_and_the_request_is_left(void **state)
{
    static const struct { const char *line, *rest; uint64_t number; uint32_t age_s; } cases[] = {
        { "once " SOURCE ":1 black 192.0.2.7", "black 192.0.2.7", 1, 0 },
        { " \tONCE  " SOURCE ":9223372036854775807\t bounce  a ", "bounce  a ", INT64_MAX, 0 },
        { "once 8F3A0C1D5E7B92468F3A0C1D5E7B9246:7:604800 x", "x", 7, 604800 },
        { "once " SOURCE ":1:0 once x", "once x", 1, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *line = cases[i].line;
        size_t len = strlen(line);
        struct once o;
        char reason[REQUEST_REASON_MAX];
        assert_int_equal(once_split(&line, &len, &o, reason), 1);
        assert_string_equal(line, cases[i].rest);
        assert_int_equal(len, strlen(cases[i].rest));
        assert_true(o.number == cases[i].number && o.age_s == cases[i].age_s);
        assert_int_equal(o.source[0], 0x8f);
        assert_int_equal(o.source[15], 0x46);
    }
}

static void other_lines_are_left_alone(void **state)
{
    static const char *const lines[] = { "", " ", "black 192.0.2.7", "onc", "oncee x", "ping once" };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *line = lines[i];
        size_t len = strlen(line);
        struct once o;
        char reason[REQUEST_REASON_MAX];
        assert_int_equal(once_split(&line, &len, &o, reason), 0);
        assert_ptr_equal(line, lines[i]);
    }
}

static void a_wrong_number_is_refused(void **state)
{
    static const char *const lines[] = {
        "once", "once ", "once " SOURCE, "once " SOURCE ":1", "once " SOURCE ":1 ", "once " SOURCE ":0 ping", "once " SOURCE ": ping", "once " SOURCE ":x ping",
        "once " SOURCE ":1x ping", "once " SOURCE ":-1 ping", "once " SOURCE ":9223372036854775808 ping", "once " SOURCE ":99999999999999999999999 ping",
        "once " SOURCE ":1: ping", "once " SOURCE ":1:604801 ping", "once " SOURCE ":1:1:1 ping", "once g" SOURCE ":1 ping", "once abc:1 ping",
        "once 8f3a0c1d5e7b92468f3a0c1d5e7b924g:1 ping", "once 8f3a0c1d5e7b92468f3a0c1d5e7b92466:1 ping",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *line = lines[i];
        size_t len = strlen(line);
        struct once o;
        char reason[REQUEST_REASON_MAX] = "";
        if (once_split(&line, &len, &o, reason) != -EINVAL || strncmp(reason, "once needs", 10) != 0)
            fail_msg("%s: %s", lines[i], reason);
    }
}

/* ---- the store */

struct world {
    char dir[64], path[128];
    struct store *store;
    struct policy *policy;
};

static void open_store(struct world *w)
{
    char why[STORE_WHY_MAX];
    if (store_open(w->path, true, &w->store, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(store_set_policy(w->store, w->policy, NOW_S), 0);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    strcpy(w->dir, "/tmp/once-XXXXXX");
    assert_non_null(scratch_dir(w->dir));
    snprintf(w->path, sizeof w->path, "%s/db", w->dir);
    w->policy = policy_create();
    assert_non_null(w->policy);
    memset(w->policy->self, 1, KEY_BYTES);
    char why[256];
    (void)why;
    policy_finish(w->policy);
    open_store(w);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    char command[128];
    store_close(&w->store);
    policy_destroy(&w->policy);
    snprintf(command, sizeof command, "rm -r %s", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    return 0;
}

static int bounce(struct world *w, const char *user, uint8_t source, uint64_t number, uint32_t age_s)
{
    struct tool_op from = { .verb = TOOL_BOUNCE, .count = 1, .user = user, .once = { .number = number, .age_s = age_s } };
    from.once.source[0] = source;
    struct store_event e = { .tool = tool_op_create(&from) };
    int rc = store_add_events(w->store, &e, 1, NOW_S);
    if (rc == 0)
        assert_string_equal(tool_op_answer(e.tool), "ok");
    free(e.tool);
    return rc;
}

static void assert_bounces(struct world *w, const char *user, uint64_t hour, uint64_t day)
{
    struct reader *r = NULL;
    char why[STORE_WHY_MAX];
    uint64_t got_hour = 0, got_day = 0;
    assert_int_equal(reader_open(w->path, w->policy, &r, why), 0);
    assert_int_equal(reader_bounces(r, user, NOW_S, &got_hour, &got_day), 0);
    reader_close(&r);
    if (got_hour != hour || got_day != day)
        fail_msg("%s: %d:%d, want %d:%d", user, (int)got_hour, (int)got_day, (int)hour, (int)day);
}

static void a_number_counts_once_whatever_was_restarted(void **state)
{
    struct world *w = *state;
    assert_int_equal(bounce(w, "alice", 1, 10, 0), 0);
    assert_int_equal(bounce(w, "alice", 1, 10, 0), 0);
    assert_int_equal(bounce(w, "alice", 1, 9, 0), 0);
    assert_bounces(w, "alice", 1, 1);
    store_close(&w->store);
    open_store(w);
    assert_int_equal(bounce(w, "alice", 1, 10, 0), 0);
    assert_bounces(w, "alice", 1, 1);
    assert_int_equal(bounce(w, "alice", 1, 11, 0), 0);
    assert_bounces(w, "alice", 2, 2);
}

static void sources_number_for_themselves_and_no_number_always_counts(void **state)
{
    struct world *w = *state;
    assert_int_equal(bounce(w, "alice", 1, 10, 0), 0);
    assert_int_equal(bounce(w, "alice", 2, 10, 0), 0);
    assert_int_equal(bounce(w, "alice", 0, 0, 0), 0);
    assert_int_equal(bounce(w, "alice", 0, 0, 0), 0);
    assert_bounces(w, "alice", 4, 4);
}

static void a_transaction_that_fails_notes_no_number(void **state)
{
    struct world *w = *state;
    struct tool_op from = { .verb = TOOL_BOUNCE, .count = 1, .user = "alice", .once = { .number = 5 } };
    struct store_event events[2] = { { .tool = tool_op_create(&from) }, { .report = { .verb = REQUEST_CHECK } } };
    assert_int_not_equal(store_add_events(w->store, events, 2, NOW_S), 0);
    events[1].report = (struct store_report){ .verb = REQUEST_BLACK, .category = -1, .count = 1, .subject = { .len = 0 } };
    assert_int_not_equal(store_add_events(w->store, events, 2, NOW_S), 0);
    assert_bounces(w, "alice", 0, 0);
    assert_int_equal(store_add_events(w->store, events, 1, NOW_S), 0);
    assert_bounces(w, "alice", 1, 1);
    free(events[0].tool);
}

static void an_old_event_counts_at_its_own_time(void **state)
{
    struct world *w = *state;
    assert_int_equal(bounce(w, "alice", 1, 1, 20 * 3600), 0);
    assert_int_equal(bounce(w, "alice", 1, 2, 2 * 3600), 0);
    assert_int_equal(bounce(w, "alice", 1, 3, 60), 0);
    assert_int_equal(bounce(w, "alice", 1, 4, 6 * 86400), 0);      /* comes late: counts with the last */
    assert_bounces(w, "alice", 2, 4);
    assert_int_equal(bounce(w, "bob", 1, 5, 2 * 86400), 0);
    assert_bounces(w, "bob", 0, 0);
}

static void only_so_many_sources_are_remembered(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 1100; i++) {
        struct tool_op from = { .verb = TOOL_BOUNCE, .count = 1, .user = "alice", .once = { .number = 1 } };
        memcpy(from.once.source, &i, sizeof i);
        struct store_event e = { .tool = tool_op_create(&from) };
        assert_int_equal(store_add_events(w->store, &e, 1, NOW_S + (int64_t)i), 0);
        free(e.tool);
    }
    struct tool_op last = { .verb = TOOL_BOUNCE, .count = 1, .user = "carl", .once = { .number = 1 } };
    memcpy(last.once.source, &(unsigned){ 1099 }, sizeof(unsigned));
    struct store_event e = { .tool = tool_op_create(&last) };
    assert_int_equal(store_add_events(w->store, &e, 1, NOW_S), 0);
    assert_bounces(w, "carl", 0, 0);
    memcpy(e.tool->once.source, &(unsigned){ 3 }, sizeof(unsigned));
    assert_int_equal(store_add_events(w->store, &e, 1, NOW_S), 0);
    assert_bounces(w, "carl", 1, 1);
    free(e.tool);
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_number_is_split_off_and_the_request_is_left),
        cmocka_unit_test(other_lines_are_left_alone),
        cmocka_unit_test(a_wrong_number_is_refused),
        WORLD(a_number_counts_once_whatever_was_restarted),
        WORLD(sources_number_for_themselves_and_no_number_always_counts),
        WORLD(a_transaction_that_fails_notes_no_number),
        WORLD(an_old_event_counts_at_its_own_time),
        WORLD(only_so_many_sources_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
