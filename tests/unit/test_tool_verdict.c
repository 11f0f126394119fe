/* What was decided for a message and a recipient stands: store/tool.h, TOOL_VERDICT; and the greylist as verdicts see it. */
#include <errno.h>

#include "store/store_private.h"
#include "store/tool_private.h"
#include "tests/unit/tool_world.h"

static char answer[VERDICT_TEXT_MAX];
static int64_t decided_s;

static const char *decide(struct world *w, unsigned key, const char *proposed, int64_t now_s)
{
    char text[VERDICT_TEXT_MAX];
    struct tool_op op = { .verb = TOOL_VERDICT, .verdict = text };
    strcpy(text, proposed);
    memcpy(op.verdict_key, &key, sizeof key);
    struct tool_op *copy = tool_op_create(&op);
    assert_non_null(copy);
    const struct store_event e = { .tool = copy };
    assert_int_equal(store_add_events(w->store, &e, 1, now_s), 0);
    strcpy(answer, tool_op_answer(copy));
    decided_s = copy->verdict_time_s;
    free(copy);
    return answer;
}

static const char *look(struct world *w, unsigned key, int64_t now_s)
{
    uint8_t full[VERDICT_KEY_BYTES] = { 0 };
    struct reader *r = world_reader(w);
    bool found = false;
    memcpy(full, &key, sizeof key);
    assert_int_equal(reader_verdict(r, full, now_s, answer, &decided_s, &found), 0);
    reader_close(&r);
    return found ? answer : "";
}

static void the_first_verdict_stands(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    assert_string_equal(look(&w, 1, T0), "");
    assert_string_equal(decide(&w, 1, "drop;5;", T0), "drop;5;");
    assert_string_equal(decide(&w, 1, "deliver;;", T0 + 10), "drop;5;");
    assert_int_equal(decided_s, T0);
    assert_string_equal(look(&w, 1, T0 + 10), "drop;5;");
    assert_int_equal(decided_s, T0);
    assert_string_equal(decide(&w, 2, "deliver;;", T0 + 10), "deliver;;");
    world_destroy(&w);
}

static void a_verdict_ends_after_its_time(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    decide(&w, 1, "drop;5;", T0);
    assert_string_equal(look(&w, 1, T0 + VERDICT_KEEP_S - 1), "drop;5;");
    assert_string_equal(look(&w, 1, T0 + VERDICT_KEEP_S), "");
    assert_string_equal(decide(&w, 1, "deliver;;", T0 + VERDICT_KEEP_S), "deliver;;");
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_VERDICTS], 1);
    world_destroy(&w);
}

static void the_oldest_makes_room(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    w.store->tool_rows_max = 3;
    for (unsigned i = 0; i < 5; i++)
        decide(&w, i, "drop;5;", T0 + i);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_VERDICTS], 3);
    assert_string_equal(look(&w, 0, T0 + 5), "");
    assert_string_equal(look(&w, 1, T0 + 5), "");
    assert_string_equal(look(&w, 2, T0 + 5), "drop;5;");
    world_destroy(&w);
}

static void the_sweep_takes_out_what_has_ended(void **state)
{
    struct world w;
    bool more = false;
    (void)state;
    world_create(&w);
    decide(&w, 1, "drop;5;", T0);
    decide(&w, 2, "drop;5;", T0 + 100);
    assert_int_equal(db_begin(&w.store->db), 0);
    assert_int_equal(tool_sweep(w.store, 10, T0 + VERDICT_KEEP_S + 50, &more), 0);
    assert_int_equal(store_end(w.store, 0), 0);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_VERDICTS], 1);
    world_destroy(&w);
}

static enum grey_state grey_now(struct world *w, const char *client, const char *sender, int64_t now_s)
{
    struct reader *r = world_reader(w);
    enum grey_state out = GREY_STATE_NEW;
    struct network n;
    struct subject network;
    assert_int_equal(network_parse(client, strlen(client), &n), 0);
    fold_client(&n, &network);
    assert_int_equal(reader_grey(r, &network, sender, "me@here.example", now_s, &out), 0);
    reader_close(&r);
    return out;
}

static void the_greylist_is_seen_and_left_as_it_is(void **state)
{
    const struct tool_op op = { .verb = TOOL_GREY, .sender = "a@b.example", .rcpt = "me@here.example" };
    struct world w;
    (void)state;
    world_create(&w);
    assert_int_equal(grey_now(&w, "192.0.2.7", op.sender, T0), GREY_STATE_NEW);
    assert_int_equal(grey_now(&w, "192.0.2.7", op.sender, T0), GREY_STATE_NEW);
    assert_string_equal(tool_do(&w, op, "192.0.2.7", T0), "true");
    assert_int_equal(grey_now(&w, "192.0.2.9", op.sender, T0), GREY_STATE_WAITING);
    assert_string_equal(tool_do(&w, op, "192.0.2.7", T0 + 600), "false");
    assert_int_equal(grey_now(&w, "192.0.2.7", op.sender, T0 + 600), GREY_STATE_WHITE);
    assert_int_equal(grey_now(&w, "192.0.2.7", "other@b.example", T0 + 600), GREY_STATE_NEW);
    assert_int_equal(grey_now(&w, "192.0.2.7", op.sender, T0 + 600 * 86400), GREY_STATE_NEW);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_verdict_stands),
        cmocka_unit_test(a_verdict_ends_after_its_time),
        cmocka_unit_test(the_oldest_makes_room),
        cmocka_unit_test(the_sweep_takes_out_what_has_ended),
        cmocka_unit_test(the_greylist_is_seen_and_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
