/* What a proof of equivocation takes away from the database, and what is left. */
#include "tests/unit/store_world.h"

static struct world w;

static int begin(void **state)
{
    (void)state;
    world_create(&w);
    return 0;
}

static int end(void **state)
{
    (void)state;
    world_destroy(&w);
    return 0;
}

static void hear_batch(size_t member, uint32_t epoch, uint64_t seq, uint64_t floor_seq, const char *subject, unsigned black, int64_t time_s)
{
    struct saying says = { .subject = subject, .category = WORLD_SAY, .black = black, .time_s = time_s };
    struct store_batch b = world_batch_at(&w, member, epoch, seq, floor_seq, time_s, &says, 1);
    assert_int_equal(store_add_batches(w.store, &b, 1, T0), 0);
    world_free_batch(&b);
}

static bool prove(size_t member, uint32_t epoch, uint64_t seq)
{
    struct store_proof p = { .epoch = epoch, .seq = seq };
    bool added = false;
    assert_int_equal(store_add_proof(w.store, w.records[member].root, &p, T0, &added), 0);
    world_fold(&w, T0);
    return added;
}

static int count_problem(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("%s", text);
    return 0;
}

static void note_problem(void *ctx, const char *text)
{
    count_problem(ctx, text);
}

static void assert_sound(void)
{
    uint64_t problems = 0;
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_verify(r, T0, note_problem, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    reader_close(&r);
}

struct found {
    size_t n;
    struct proof_row last;
};

static int keep_proof(void *ctx, const struct proof_row *p)
{
    struct found *f = ctx;
    f->n++;
    f->last = *p;
    return 0;
}

static struct found proofs(void)
{
    struct found f = { 0 };
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_proofs(r, keep_proof, &f), 0);
    reader_close(&r);
    return f;
}

static void what_is_above_the_pair_dies_and_older_words_count_again(void **state)
{
    (void)state;
    hear_batch(1, 1, 1, 0, "192.0.2.1", 8, T0);
    hear_batch(1, 1, 2, 0, "192.0.2.2", 8, T0);
    hear_batch(1, 1, 3, 0, "192.0.2.1", 0, T0);        /* withdraws the first */
    hear_batch(1, 1, 4, 0, "192.0.2.4", 8, T0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(&w, "192.0.2.4"), VERDICT_BLACK);
    hear_batch(1, 1, 2, 0, "192.0.2.3", 8, T0);
    assert_true(prove(1, 1, 2));
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.2"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.3"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.4"), VERDICT_UNKNOWN);
    assert_sound();
    hear_batch(1, 1, 5, 0, "192.0.2.5", 8, T0);        /* dead on arrival */
    hear_batch(1, 2, 1, 0, "192.0.2.6", 8, T0);        /* a new epoch heals */
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.5"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(&w, "192.0.2.6"), VERDICT_BLACK);
    assert_false(prove(1, 1, 2));                      /* it is known */
    assert_sound();
}

static void a_floor_that_only_the_dead_announced_is_taken_back(void **state)
{
    (void)state;
    hear_batch(1, 1, 5, 0, "192.0.2.5", 8, T0);
    hear_batch(1, 1, 10, 8, "192.0.2.10", 8, T0);
    world_fold(&w, T0);
    hear_batch(1, 1, 4, 0, "192.0.2.4", 8, T0);        /* below the floor */
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.4"), VERDICT_UNKNOWN);
    hear_batch(1, 1, 9, 0, "192.0.2.9", 8, T0);
    hear_batch(1, 1, 9, 0, "192.0.2.19", 8, T0);
    assert_true(prove(1, 1, 9));
    hear_batch(1, 1, 4, 0, "192.0.2.4", 8, T0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.4"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.10"), VERDICT_UNKNOWN);
    assert_sound();
}

static void a_lower_number_takes_the_place_of_a_higher_and_never_the_other_way(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 5; seq++)
        hear_batch(1, 1, seq, 0, "192.0.2.1", 8, T0);
    hear_batch(1, 1, 4, 0, "192.0.2.2", 8, T0);
    hear_batch(1, 1, 2, 0, "192.0.2.3", 8, T0);
    assert_true(prove(1, 1, 4));
    assert_int_equal(proofs().last.seq, 4);
    assert_false(prove(1, 1, 2));
    assert_int_equal(proofs().last.seq, 2);
    prove(1, 1, 4);
    assert_int_equal(proofs().last.seq, 2);
    assert_int_equal(proofs().n, 1);
    assert_sound();
}

static void of_three_versions_the_two_highest_hashes_stay(void **state)
{
    (void)state;
    const char *const subjects[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3" };
    for (size_t i = 0; i < 3; i++)
        hear_batch(1, 1, 1, 0, subjects[i], 8, T0);
    prove(1, 1, 1);
    struct found f = proofs();
    size_t listed = 0;
    assert_true(memcmp(f.last.hash[0], f.last.hash[1], HASH_BYTES) > 0);
    for (size_t i = 0; i < 3; i++)
        listed += world_check(&w, subjects[i]) == VERDICT_BLACK;
    assert_int_equal(listed, 2);
    for (size_t i = 0; i < 3; i++)
        hear_batch(1, 1, 1, 0, subjects[i], 8, T0);    /* the third does not come back */
    prove(1, 1, 1);
    assert_memory_equal(proofs().last.hash, f.last.hash, sizeof f.last.hash);
    assert_sound();
}

static void one_batch_proves_nothing(void **state)
{
    (void)state;
    hear_batch(1, 1, 1, 0, "192.0.2.1", 8, T0);
    assert_false(prove(1, 1, 1));
    assert_int_equal(proofs().n, 0);
}

static void a_pair_that_is_not_stored_is_kept_from_its_frames(void **state)
{
    (void)state;
    struct saying one = { "192.0.2.1", WORLD_SAY, 8, 0, T0 }, other = { "192.0.2.2", WORLD_SAY, 8, 0, T0 };
    struct store_batch a = world_batch_at(&w, 1, 1, 3, 0, T0, &one, 1), b = world_batch_at(&w, 1, 1, 3, 0, T0, &other, 1);
    struct store_proof p = { .epoch = 1, .seq = 3, .frames = { a.frame, b.frame } };
    bool added = false;
    hear_batch(1, 1, 10, 8, "192.0.2.10", 8, T0);
    world_fold(&w, T0);
    assert_int_equal(store_add_proof(w.store, w.records[1].root, &p, T0, &added), 0);
    assert_true(added);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.10"), VERDICT_UNKNOWN);
    world_reopen(&w);
    assert_int_equal(proofs().n, 1);
    world_free_batch(&a);
    world_free_batch(&b);
}

static void a_second_proof_within_30_days_is_quarantine_until_the_operator_ends_it(void **state)
{
    (void)state;
    hear_batch(1, 1, 1, 0, "192.0.2.1", 8, T0 - 29 * WORLD_DAY);
    hear_batch(1, 1, 1, 0, "192.0.2.2", 8, T0 - 29 * WORLD_DAY);
    prove(1, 1, 1);
    assert_false(proofs().last.quarantined);
    hear_batch(1, 2, 1, 0, "192.0.2.3", 8, T0);
    hear_batch(1, 2, 1, 0, "192.0.2.4", 8, T0);
    prove(1, 2, 1);
    assert_true(proofs().last.quarantined);
    for (int i = 0; i < 2; i++, world_reopen(&w)) {
        world_fold(&w, T0);
        assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_UNKNOWN);
        assert_int_equal(world_check(&w, "192.0.2.3"), VERDICT_UNKNOWN);
    }
    assert_int_equal(store_pardon(w.store, w.records[1].root, T0), 0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.3"), VERDICT_BLACK);
    assert_true(proofs().last.forgiven);
    hear_batch(1, 3, 1, 0, "192.0.2.5", 8, T0);
    hear_batch(1, 3, 1, 0, "192.0.2.6", 8, T0);
    prove(1, 3, 1);
    assert_false(proofs().last.quarantined);           /* what was forgiven counts no more */
    assert_sound();
}

static void two_proofs_far_apart_are_two_accidents(void **state)
{
    (void)state;
    hear_batch(1, 1, 1, 0, "192.0.2.1", 8, T0 - 31 * WORLD_DAY);
    hear_batch(1, 1, 1, 0, "192.0.2.2", 8, T0 - 31 * WORLD_DAY);
    prove(1, 1, 1);
    hear_batch(1, 2, 1, 0, "192.0.2.3", 8, T0);
    hear_batch(1, 2, 1, 0, "192.0.2.4", 8, T0);
    prove(1, 2, 1);
    assert_false(proofs().last.quarantined);
}

static void a_fold_that_is_cut_short_is_finished_after_a_restart(void **state)
{
    (void)state;
    for (uint64_t seq = 1; seq <= 60; seq++)
        hear_batch(1, 1, seq, 0, "192.0.2.1", seq % 2 != 0 ? 8 : 0, T0);
    world_fold(&w, T0);
    hear_batch(1, 1, 31, 0, "192.0.2.2", 8, T0);
    struct store_proof p = { .epoch = 1, .seq = 31 };
    bool added = false, more = false;
    int64_t wake_s;
    assert_int_equal(store_add_proof(w.store, w.records[1].root, &p, T0, &added), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_fold(w.store, 1, T0, &more, &wake_s), 0);
        world_reopen(&w);
    }
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_BLACK);     /* as number 31 said */
    assert_sound();
}

static void a_purge_takes_the_proofs_along(void **state)
{
    (void)state;
    uint64_t n = 0;
    hear_batch(1, 1, 1, 0, "192.0.2.1", 8, T0);
    hear_batch(1, 1, 1, 0, "192.0.2.2", 8, T0);
    prove(1, 1, 1);
    assert_int_equal(store_purge(w.store, w.records[1].root, T0, &n), 0);
    world_fold(&w, T0);
    assert_int_equal(proofs().n, 0);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_above_the_pair_dies_and_older_words_count_again),
        CLAIM(a_floor_that_only_the_dead_announced_is_taken_back),
        CLAIM(a_lower_number_takes_the_place_of_a_higher_and_never_the_other_way),
        CLAIM(of_three_versions_the_two_highest_hashes_stay),
        CLAIM(one_batch_proves_nothing),
        CLAIM(a_pair_that_is_not_stored_is_kept_from_its_frames),
        CLAIM(a_second_proof_within_30_days_is_quarantine_until_the_operator_ends_it),
        CLAIM(two_proofs_far_apart_are_two_accidents),
        CLAIM(a_fold_that_is_cut_short_is_finished_after_a_restart),
        CLAIM(a_purge_takes_the_proofs_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
