/* Evidence that counts here and that no other member is ever told of, and events of a weight of their own. */
#include "tests/unit/store_world.h"

static void report(struct world *w, struct store_report r, const char *subject, int64_t now_s)
{
    r.subject = world_subject(subject);
    if (r.count == 0)
        r.count = 1;
    assert_int_equal(store_add_reports(w->store, &r, 1, now_s), 0);
    world_fold(w, now_s);
}

static int64_t score(struct world *w, const char *subject, int64_t now_s)
{
    struct reader *r = world_reader(w);
    struct subject s = world_subject(subject);
    int64_t milli = 0;
    assert_int_equal(reader_score(r, &s, 0, now_s, &milli), 0);
    reader_close(&r);
    return milli;
}

/* How many opinions are told, and the black steps of the first. */
static size_t told(struct world *w, int64_t now_s, unsigned *black)
{
    const struct tell_limits limits = { .growth_min = 1, .growth_wait_s = 1, .batches_max = 4 };
    struct told_batch out[4];
    size_t n = 0, opinions = 0;
    bool more = false;
    int64_t wake_s = 0;
    assert_int_equal(store_tell(w->store, w->ids[0], 1, &limits, now_s, out, &n, &more, &wake_s), 0);
    for (size_t i = 0; i < n; i++) {
        struct batch b;
        struct bytes frame = { out[i].frame, out[i].len };
        assert_int_equal(batch_open(frame, w->records[0].operational, "test", &b), 0);
        if (opinions == 0 && b.opinions_n > 0)
            *black = b.opinions[0].black;
        opinions += b.opinions_n;
        batch_close(&b);
        free(out[i].frame);
    }
    return opinions;
}

static void speaking(struct world *w)
{
    uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t epoch = 0;
    world_create(w);
    assert_int_equal(store_begin_epoch(w->store, w->nonce, nonce, 0, T0, &epoch), 0);
}

static void an_event_weighs_what_it_says(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .weight_milli = 1000 }, "192.0.2.7", T0);
    assert_int_equal(score(&w, "192.0.2.7", T0), 499);            /* 1.5 * 1/3, rounded down */
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0 }, "192.0.2.8", T0);
    assert_int_equal(score(&w, "192.0.2.8", T0), 1071);           /* 1.5 * 5/7: the category's own weight */
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .weight_milli = 2000, .count = 2 }, "192.0.2.9", T0);
    assert_int_equal(score(&w, "192.0.2.9", T0), 999);            /* 1.5 * 4/6 */
    world_destroy(&w);
}

static void what_is_kept_counts_here_and_is_never_told(void **state)
{
    struct world w;
    unsigned black = 0;
    (void)state;
    speaking(&w);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .kept = true }, "192.0.2.7", T0);
    assert_int_equal(score(&w, "192.0.2.7", T0), 1071);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_BLACK);
    assert_int_equal(told(&w, T0, &black), 0);
    assert_int_equal(told(&w, T0 + WORLD_DAY, &black), 0);
    world_destroy(&w);
}

static void what_is_kept_and_what_is_told_add_up_here_only(void **state)
{
    struct world w;
    unsigned black = 0;
    (void)state;
    speaking(&w);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .weight_milli = 1000 }, "192.0.2.7", T0);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .weight_milli = 3000, .kept = true }, "192.0.2.7", T0);
    assert_int_equal(score(&w, "192.0.2.7", T0), 999);            /* 1.5 * 4/6 */
    assert_int_equal(told(&w, T0, &black), 1);
    assert_int_equal(black, mass_step(1000000));
    world_destroy(&w);
}

static void what_is_kept_fades_like_the_rest(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .weight_milli = 4000, .kept = true }, "192.0.2.7", T0);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .weight_milli = 2000 }, "192.0.2.7", T0 + 3 * WORLD_DAY);
    assert_int_equal(score(&w, "192.0.2.7", T0 + 3 * WORLD_DAY), 999);      /* half of 4, and 2 */
    assert_int_equal(score(&w, "192.0.2.7", T0 + 6 * WORLD_DAY), 750);      /* 1.5 * 2/4 */
    world_destroy(&w);
}

static void a_retraction_takes_back_what_is_kept(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .kept = true }, "192.0.2.7", T0);
    report(&w, (struct store_report){ .verb = REQUEST_RETRACT, .category = -1 }, "192.0.2.7", T0 + 60);
    assert_int_equal(score(&w, "192.0.2.7", T0 + 60), 0);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    world_destroy(&w);
}

static void what_is_kept_survives_a_restart_and_the_sweep(void **state)
{
    struct world w;
    struct store_counts counts;
    (void)state;
    world_create(&w);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .kept = true }, "192.0.2.7", T0);
    world_reopen(&w);
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    assert_int_equal(score(&w, "192.0.2.7", T0), 1071);
    world_fold(&w, T0 + 40 * WORLD_DAY);                          /* past the time to live */
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_counts(r, &counts), 0);
    assert_int_equal(counts.evidence, 0);
    reader_close(&r);
    world_destroy(&w);
}

static void no_problem(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("%s", text);
}

static void why_says_what_is_kept_and_verify_finds_nothing_wrong(void **state)
{
    struct world w;
    struct why why;
    struct subject s = world_subject("192.0.2.7");
    uint64_t problems = 0;
    (void)state;
    world_create(&w);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .weight_milli = 1000 }, "192.0.2.7", T0);
    report(&w, (struct store_report){ .verb = REQUEST_BLACK, .category = 0, .weight_milli = 3000, .kept = true }, "192.0.2.7", T0);
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_why(r, &s, T0, &why), 0);
    assert_int_equal(why.opinions_n, 1);
    assert_true(why.opinions[0].own);
    assert_int_equal(why.opinions[0].black_milli, 4000);
    assert_int_equal(why.opinions[0].kept_black_milli, 3000);
    why_clear(&why);
    assert_int_equal(reader_verify(r, T0, no_problem, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    reader_close(&r);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_weighs_what_it_says),
        cmocka_unit_test(what_is_kept_counts_here_and_is_never_told),
        cmocka_unit_test(what_is_kept_and_what_is_told_add_up_here_only),
        cmocka_unit_test(what_is_kept_fades_like_the_rest),
        cmocka_unit_test(a_retraction_takes_back_what_is_kept),
        cmocka_unit_test(what_is_kept_survives_a_restart_and_the_sweep),
        cmocka_unit_test(why_says_what_is_kept_and_verify_finds_nothing_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
