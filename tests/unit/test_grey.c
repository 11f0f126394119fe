/* Greylisting, with the time given: as greylistd and postgrey document theirs, and what is our own. */
#include "store/store_private.h"
#include "tests/unit/tool_world.h"

enum { MIN = 60 };

static bool deferred(struct world *w, const char *client, const char *sender, const char *rcpt, int64_t now_s)
{
    char folded[TOOL_FOLDED_MAX], to[TOOL_FOLDED_MAX];
    struct tool_op op = { .verb = TOOL_GREY, .sender = fold_sender(sender, folded), .rcpt = fold_address(rcpt, to) };
    const char *answer = tool_do(w, op, client, now_s);
    if (strcmp(answer, "true") != 0)
        assert_string_equal(answer, "false");
    return strcmp(answer, "true") == 0;
}

static void grey_world(struct world *w)
{
    world_prepare(w);
    w->policy->tools.grey = (struct policy_grey){ .retry_s = 5 * MIN, .window_s = 2 * WORLD_DAY, .white_s = 35 * WORLD_DAY, .share = true };
    world_open(w);
}

/* Each program's states with its own times: retry, window, white. Steps are seconds after the first mail. */
static void the_timings_of_greylistd_and_postgrey_are_kept(void **state)
{
    enum { H = WORLD_HOUR, D = WORLD_DAY };
    static const struct program {
        const char *name;
        struct policy_grey times;
        struct { int64_t at_s; bool defer; } steps[8];
        size_t n;
    } programs[] = {
        /* retryMin 10 min, retryMax 8 h, expire 60 d. Within retryMin: still grey, and the first time counts. */
        { "greylistd", { 10 * MIN, 8 * H, 60 * D, true },
          { { 0, true }, { 60, true }, { 10 * MIN - 1, true }, { 10 * MIN, false }, { 11 * MIN, false }, { 60 * D, false }, { 120 * D - 1, false },
            { 180 * D, true } }, 8 },
        { "greylistd, too late", { 10 * MIN, 8 * H, 60 * D, true },
          { { 0, true }, { 8 * H, true }, { 8 * H + 10 * MIN - 1, true }, { 8 * H + 10 * MIN, false } }, 4 },
        { "greylistd, at the last moment", { 10 * MIN, 8 * H, 60 * D, true }, { { 0, true }, { 8 * H - 1, false }, { 8 * H + 1, false } }, 3 },
        /* delay 300, retry-window 2 d, max-age 35 d */
        { "postgrey", { 300, 2 * D, 35 * D, true },
          { { 0, true }, { 299, true }, { 300, false }, { 301, false }, { 35 * D, false }, { 70 * D - 1, false }, { 105 * D, true } }, 7 },
        { "postgrey, too late", { 300, 2 * D, 35 * D, true }, { { 0, true }, { 2 * D, true }, { 2 * D + 299, true }, { 2 * D + 300, false } }, 4 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        const struct program *p = &programs[i];
        struct world w;
        world_prepare(&w);
        w.policy->tools.grey = p->times;
        world_open(&w);
        for (size_t k = 0; k < p->n; k++)
            if (deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0 + p->steps[k].at_s) != p->steps[k].defer)
                fail_msg("%s: after %lld s it is%s deferred", p->name, (long long)p->steps[k].at_s, p->steps[k].defer ? " not" : "");
        world_destroy(&w);
    }
}

static void a_retry_may_come_from_another_host_of_the_network(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    assert_true(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0));
    assert_false(deferred(&w, "192.0.2.200", "a@b.example", "c@d.example", T0 + 5 * MIN));
    assert_true(deferred(&w, "198.51.100.7", "a@b.example", "c@d.example", T0 + 5 * MIN));
    assert_true(deferred(&w, "2001:db8:1:2::1", "a@b.example", "c@d.example", T0));
    assert_false(deferred(&w, "2001:db8:1:2:ffff::9", "a@b.example", "c@d.example", T0 + 5 * MIN));
    assert_true(deferred(&w, "2001:db8:1:3::1", "a@b.example", "c@d.example", T0 + 5 * MIN));
    world_destroy(&w);
}

static void variants_of_a_sender_are_one_and_recipients_are_not(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    assert_true(deferred(&w, "192.0.2.7", "list-return-17-c=d.example@b.example", "c@d.example", T0));
    assert_false(deferred(&w, "192.0.2.7", "List-Return-18-c=d.example@b.example", "C@D.example", T0 + 5 * MIN));
    assert_true(deferred(&w, "192.0.2.7", "prvs=0123456789=anna@b.example", "c@d.example", T0));
    assert_false(deferred(&w, "192.0.2.7", "prvs=9876543210=anna@b.example", "c@d.example", T0 + 5 * MIN));
    assert_true(deferred(&w, "192.0.2.7", "SRS0=aaaa=bb=e.example=eva@b.example", "c@d.example", T0));
    assert_false(deferred(&w, "192.0.2.7", "SRS0=cccc=dd=e.example=eva@b.example", "c@d.example", T0 + 5 * MIN));
    assert_true(deferred(&w, "192.0.2.7", "anna@b.example", "other@d.example", T0 + 5 * MIN));
    world_destroy(&w);
}

static void after_five_passed_triplets_the_client_is_let_through(void **state)
{
    struct world w;
    char rcpt[32];
    (void)state;
    grey_world(&w);
    for (int i = 0; i < 5; i++) {
        snprintf(rcpt, sizeof rcpt, "c%d@d.example", i);
        assert_true(deferred(&w, "192.0.2.7", "a@b.example", rcpt, T0 + i));
    }
    for (int i = 0; i < 5; i++) {
        assert_true(deferred(&w, "192.0.2.8", "x@b.example", "new@d.example", T0 + 4 * MIN));       /* not before the fifth */
        snprintf(rcpt, sizeof rcpt, "c%d@d.example", i);
        assert_false(deferred(&w, "192.0.2.7", "a@b.example", rcpt, T0 + 6 * MIN));
    }
    assert_false(deferred(&w, "192.0.2.9", "y@b.example", "new@d.example", T0 + 7 * MIN));
    assert_true(deferred(&w, "198.51.100.9", "y@b.example", "new@d.example", T0 + 7 * MIN));
    /* The same triplet again and again is one. And the time that it is remembered for renews with each mail. */
    assert_false(deferred(&w, "192.0.2.9", "z@b.example", "newer@d.example", T0 + 35 * WORLD_DAY));
    assert_false(deferred(&w, "192.0.2.9", "z@b.example", "newest@d.example", T0 + 69 * WORLD_DAY));
    assert_true(deferred(&w, "192.0.2.9", "z@b.example", "later@d.example", T0 + 69 * WORLD_DAY + 35 * WORLD_DAY));
    world_destroy(&w);
}

static void a_triplet_that_passes_again_and_again_counts_once(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    assert_true(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0));
    for (int i = 0; i < 10; i++)
        assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0 + 5 * MIN + i));
    assert_true(deferred(&w, "192.0.2.7", "a@b.example", "other@d.example", T0 + 6 * MIN));
    world_destroy(&w);
}

static void reputation_shortens_or_lengthens_the_wait(void **state)
{
    struct world w;
    char rcpt[32];
    (void)state;
    grey_world(&w);
    tool_report(&w, REQUEST_WHITE, "192.0.2.7", T0);
    tool_report(&w, REQUEST_BLACK, "198.51.100.7", T0);
    tool_report(&w, REQUEST_BLACK, "203.0.113.7", T0);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0));
    assert_true(deferred(&w, "198.51.100.7", "a@b.example", "c@d.example", T0));
    assert_true(deferred(&w, "198.51.100.7", "a@b.example", "c@d.example", T0 + 5 * MIN));
    assert_true(deferred(&w, "198.51.100.7", "a@b.example", "c@d.example", T0 + 15 * MIN - 1));
    assert_false(deferred(&w, "198.51.100.7", "a@b.example", "c@d.example", T0 + 15 * MIN));
    /* What passed is let through, but the network as such is not, for the bad one of it. */
    for (int i = 0; i < 6; i++) {
        snprintf(rcpt, sizeof rcpt, "c%d@d.example", i);
        assert_true(deferred(&w, "203.0.113.7", "a@b.example", rcpt, T0));
        assert_false(deferred(&w, "203.0.113.7", "a@b.example", rcpt, T0 + 15 * MIN));
    }
    assert_true(deferred(&w, "203.0.113.7", "a@b.example", "new@d.example", T0 + 16 * MIN));
    assert_false(deferred(&w, "203.0.113.8", "a@b.example", "newer@d.example", T0 + 16 * MIN));
    world_destroy(&w);
}

static void a_protected_client_passes_at_once(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    assert_int_equal(protect_add(w.policy->protect, "192.0.2.0/24"), 0);
    world_open(&w);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0));
    assert_false(deferred(&w, "10.0.0.1", "a@b.example", "c@d.example", T0));
    world_destroy(&w);
}

static void without_a_wait_everybody_passes(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    w.policy->tools.grey.retry_s = 0;
    tool_repolicy(&w);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0));
    world_destroy(&w);
}

static void a_clock_that_was_set_back_makes_it_wait_from_now(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    assert_true(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0));
    assert_true(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0 - WORLD_DAY));
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0 - WORLD_DAY + 5 * MIN));
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0 - 2 * WORLD_DAY));      /* what passed has passed */
    world_destroy(&w);
}

static void state_survives_a_restart(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    assert_true(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0));
    world_reopen(&w);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0 + 5 * MIN));
    world_reopen(&w);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c@d.example", T0 + 34 * WORLD_DAY));
    world_destroy(&w);
}

/* ---- the end of rows */

static int count_row(void *ctx, const struct grey_row *row)
{
    (void)row;
    ++*(size_t *)ctx;
    return 0;
}

static size_t rows(struct world *w, int64_t now_s)
{
    size_t n = 0;
    struct reader *r = world_reader(w);
    assert_int_equal(reader_each_grey(r, now_s, count_row, &n), 0);
    reader_close(&r);
    return n;
}

static void abandon(struct world *w, const char *client, int from, int n)
{
    char rcpt[32];
    for (int i = from; i < from + n; i++) {
        snprintf(rcpt, sizeof rcpt, "c%d@d.example", i);
        assert_true(deferred(w, client, "a@b.example", rcpt, T0 + i));
    }
}

static void the_sweep_takes_out_what_is_past_its_end_and_nothing_else(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    abandon(&w, "192.0.2.7", 0, 3);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c0@d.example", T0 + 5 * MIN));
    assert_int_equal(rows(&w, T0), 3);
    world_fold(&w, T0 + 2 * WORLD_DAY + 10);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_GREY], 1);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_CLIENTS], 1);
    world_fold(&w, T0 + 40 * WORLD_DAY);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_GREY], 0);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_CLIENTS], 0);
    world_destroy(&w);
}

static void five_abandoned_triplets_are_soft_evidence(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    tool_speaking(&w);
    abandon(&w, "192.0.2.7", 0, 4);
    world_fold(&w, T0 + 3 * WORLD_DAY);
    assert_int_equal(tool_score(&w, "192.0.2.7", "spam", T0 + 3 * WORLD_DAY), 0);
    abandon(&w, "192.0.2.7", 4, 1);
    int64_t later_s = T0 + 6 * WORLD_DAY;
    world_fold(&w, later_s);
    assert_int_equal(tool_score(&w, "192.0.2.7", "spam", later_s), 499);
    assert_int_equal(tool_score(&w, "192.0.2.8", "spam", later_s), 0);
    assert_int_equal(tool_told(&w, later_s), 1);
    world_destroy(&w);
}

static void a_network_that_ever_passed_abandons_without_blame(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    assert_true(deferred(&w, "192.0.2.9", "a@b.example", "good@d.example", T0));
    assert_false(deferred(&w, "192.0.2.9", "a@b.example", "good@d.example", T0 + 5 * MIN));
    abandon(&w, "192.0.2.7", 0, 10);
    world_fold(&w, T0 + 3 * WORLD_DAY);
    assert_int_equal(tool_score(&w, "192.0.2.7", "spam", T0 + 3 * WORLD_DAY), 0);
    world_destroy(&w);
}

static void what_is_not_shared_is_never_told(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    w.policy->tools.grey.share = false;
    tool_repolicy(&w);
    tool_speaking(&w);
    abandon(&w, "192.0.2.7", 0, 5);
    world_fold(&w, T0 + 3 * WORLD_DAY);
    assert_int_equal(tool_score(&w, "192.0.2.7", "spam", T0 + 3 * WORLD_DAY), 499);
    assert_int_equal(tool_told(&w, T0 + 3 * WORLD_DAY), 0);
    world_destroy(&w);
}

static void a_full_table_gives_up_what_would_die_first(void **state)
{
    struct world w;
    (void)state;
    grey_world(&w);
    w.store->tool_rows_max = 3;
    abandon(&w, "192.0.2.7", 0, 1);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c0@d.example", T0 + 5 * MIN));       /* lives for 35 days from here */
    abandon(&w, "192.0.2.7", 10, 5);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_GREY], 3);
    assert_int_equal(rows(&w, T0), 3);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c0@d.example", T0 + 6 * MIN));
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c14@d.example", T0 + 6 * MIN));
    assert_true(deferred(&w, "192.0.2.7", "a@b.example", "c10@d.example", T0 + 6 * MIN));       /* forgotten: it waits anew */
    assert_int_equal(tool_score(&w, "192.0.2.7", "spam", T0 + 6 * MIN), 0);                     /* and nobody is blamed for it */
    world_destroy(&w);
}

static void an_operator_clears_a_network_or_all(void **state)
{
    struct world w;
    uint64_t n = 0;
    (void)state;
    grey_world(&w);
    abandon(&w, "192.0.2.7", 0, 3);
    abandon(&w, "198.51.100.7", 0, 2);
    assert_false(deferred(&w, "192.0.2.7", "a@b.example", "c0@d.example", T0 + 5 * MIN));
    struct tool_clearing c = { .table = TOOL_TABLE_GREY, .subject = world_subject("192.0.2.0/24") };
    assert_int_equal(store_tool_clear(w.store, &c, &n), 0);
    assert_int_equal(n, 4);                                             /* three triplets and the client */
    assert_int_equal(rows(&w, T0), 2);
    assert_true(deferred(&w, "192.0.2.7", "a@b.example", "c0@d.example", T0 + 6 * MIN));
    c = (struct tool_clearing){ .table = TOOL_TABLE_GREY, .all = true };
    assert_int_equal(store_tool_clear(w.store, &c, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(rows(&w, T0), 0);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_GREY], 0);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_timings_of_greylistd_and_postgrey_are_kept),
        cmocka_unit_test(a_retry_may_come_from_another_host_of_the_network),
        cmocka_unit_test(variants_of_a_sender_are_one_and_recipients_are_not),
        cmocka_unit_test(after_five_passed_triplets_the_client_is_let_through),
        cmocka_unit_test(a_triplet_that_passes_again_and_again_counts_once),
        cmocka_unit_test(reputation_shortens_or_lengthens_the_wait),
        cmocka_unit_test(a_protected_client_passes_at_once),
        cmocka_unit_test(without_a_wait_everybody_passes),
        cmocka_unit_test(a_clock_that_was_set_back_makes_it_wait_from_now),
        cmocka_unit_test(state_survives_a_restart),
        cmocka_unit_test(the_sweep_takes_out_what_is_past_its_end_and_nothing_else),
        cmocka_unit_test(five_abandoned_triplets_are_soft_evidence),
        cmocka_unit_test(a_network_that_ever_passed_abandons_without_blame),
        cmocka_unit_test(what_is_not_shared_is_never_told),
        cmocka_unit_test(a_full_table_gives_up_what_would_die_first),
        cmocka_unit_test(an_operator_clears_a_network_or_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
