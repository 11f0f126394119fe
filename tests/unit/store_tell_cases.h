/* tests/unit/store_tell_cases.h: what this member tells the others, and under which numbers. Part of test_store.c. */
#ifndef HEARSAY_TESTS_STORE_TELL_CASES_H
#define HEARSAY_TESTS_STORE_TELL_CASES_H

#include <sys/stat.h>

#include "tests/unit/store_world.h"

enum { TOLD_MAX = 8 };

/* What one call of store_tell() gave, opened again. */
struct told {
    size_t n;
    bool more;
    int64_t wake_s;
    struct told_batch frames[TOLD_MAX];
    struct batch batches[TOLD_MAX];
};

static void tell_clear(struct told *t)
{
    for (size_t i = 0; i < t->n; i++) {
        batch_close(&t->batches[i]);
        free(t->frames[i].frame);
    }
    t->n = 0;
}

/* Folds first, as the daemon does. */
static void tell_with(struct world *w, int64_t now_s, struct tell_limits limits, struct told *t)
{
    world_fold(w, now_s);
    assert_int_equal(store_tell(w->store, w->ids[0], 1, &limits, now_s, t->frames, &t->n, &t->more, &t->wake_s), 0);
    for (size_t i = 0; i < t->n; i++) {
        struct bytes frame = { t->frames[i].frame, t->frames[i].len };
        assert_int_equal(batch_open(frame, w->records[0].operational, "test", &t->batches[i]), 0);
        assert_memory_equal(t->batches[i].hash, t->frames[i].name.hash, HASH_BYTES);
    }
}

static void tell(struct world *w, int64_t now_s, struct told *t)
{
    tell_with(w, now_s, (struct tell_limits){ .growth_min = 100, .growth_wait_s = 300, .batches_max = TOLD_MAX }, t);
}

/* The one opinion of the one batch that was told. */
static struct opinion tell_one(struct world *w, int64_t now_s)
{
    struct told t;
    tell(w, now_s, &t);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.batches[0].opinions_n, 1);
    struct opinion o = t.batches[0].opinions[0];
    tell_clear(&t);
    return o;
}

static void tell_nothing(struct world *w, int64_t now_s)
{
    struct told t;
    tell(w, now_s, &t);
    assert_int_equal(t.n, 0);
    assert_false(t.more);
}

static uint32_t begin(struct world *w, uint8_t nonce_byte, uint32_t above, int64_t now_s)
{
    uint8_t nonce[NONCE_BYTES] = { nonce_byte };
    uint32_t epoch = 0;
    assert_int_equal(store_begin_epoch(w->store, w->nonce, nonce, above, now_s, &epoch), 0);
    return epoch;
}

static void world_speaking(struct world *w)
{
    world_create(w);
    begin(w, 1, 0, T0);
}

/* ---- what and when */

static void a_first_word_is_told_at_once_in_coarse_steps(void **state)
{
    struct world w;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", 1, 1, T0 + 599);
    struct opinion o = tell_one(&w, T0 + 599);
    assert_int_equal(o.black, 5);
    assert_int_equal(o.white, 0);
    assert_int_equal(o.time_s, T0);
    tell_nothing(&w, T0 + 600);
    world_destroy(&w);
}

/* To the others it is as if it had never been said. */
static void what_was_said_above_a_pair_of_its_own_is_told_again_at_once(void **state)
{
    static const char *const subjects[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3" };
    struct saying twins = { .subject = "192.0.2.9", .category = WORLD_SAY, .black = 5, .time_s = T0 };
    struct world w;
    struct told t;
    bool added = false;
    (void)state;
    world_create(&w);
    uint32_t epoch = begin(&w, 1, 0, T0);
    for (size_t i = 0; i < 3; i++) {
        world_report(&w, REQUEST_BLACK, subjects[i], 0, 1, T0);
        tell_one(&w, T0);
    }
    struct store_batch twin = world_batch_at(&w, 0, epoch, 2, 0, T0, &twins, 1);
    assert_int_equal(store_add_batches(w.store, &twin, 1, T0), 0);
    world_free_batch(&twin);
    assert_int_equal(store_add_proof(w.store, w.records[0].root, &(struct store_proof){ .epoch = epoch, .seq = 2 }, T0, &added), 0);
    assert_true(added);
    begin(&w, 2, epoch + 1, T0);
    tell(&w, T0, &t);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.batches[0].opinions_n, 1);
    assert_memory_equal(t.batches[0].opinions[0].key, world_subject(subjects[2]).key, t.batches[0].opinions[0].key_len);
    tell_clear(&t);
    world_destroy(&w);
}

static void growth_waits_for_company_or_for_its_time(void **state)
{
    struct world w;
    struct told t;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    tell_one(&w, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0 + 10);
    tell(&w, T0 + 10, &t);
    assert_int_equal(t.n, 0);
    assert_int_equal(t.wake_s, T0 + 310);
    tell_nothing(&w, T0 + 309);
    assert_int_equal(tell_one(&w, T0 + 310).black, 6);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 3, T0 + 320);
    tell_with(&w, T0 + 320, (struct tell_limits){ .growth_min = 1, .growth_wait_s = 300, .batches_max = 1 }, &t);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.batches[0].opinions[0].black, 7);
    tell_clear(&t);
    world_destroy(&w);
}

/* Each event has weight 5: others hold 5, 10, 20, and then the most that there is. */
static void growth_is_told_once_what_others_hold_is_off_by_three_fifths(void **state)
{
    static const unsigned steps[] = { 5, 6, 0, 7, 0, 0, 8, 0 };          /* 0: nothing is told */
    struct world w;
    (void)state;
    world_speaking(&w);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct told t;
        world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
        tell_with(&w, T0, (struct tell_limits){ .growth_min = 1, .growth_wait_s = 300, .batches_max = 1 }, &t);
        assert_int_equal(t.n, steps[i] > 0);
        if (t.n > 0)
            assert_int_equal(t.batches[0].opinions[0].black, steps[i]);
        tell_clear(&t);
    }
    world_destroy(&w);
}

static void growth_goes_along_with_a_first_word(void **state)
{
    struct world w;
    struct told t;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    tell_one(&w, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0 + 10);
    tell_nothing(&w, T0 + 10);
    world_report(&w, REQUEST_BLACK, "192.0.2.8", -1, 1, T0 + 20);
    tell(&w, T0 + 20, &t);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.batches[0].opinions_n, 2);
    assert_int_equal(t.wake_s, INT64_MAX);
    tell_clear(&t);
    world_destroy(&w);
}

static void the_pace_of_telling_follows_members_and_budget(void **state)
{
    struct tell_pace few = tell_pace(3, 20000), many = tell_pace(1000, 20000), rich = tell_pace(1000, 1000000);
    (void)state;
    assert_in_range(few.first_ms, TELL_FIRST_MIN_MS, 500);
    assert_int_equal(few.growth_s, TELL_GROWTH_MIN_S);
    assert_int_equal(many.first_ms, 1000);                     /* whatever it costs */
    assert_int_equal(many.growth_s, 1000 * TELL_COPIES * TELL_BATCH_BYTES / 20000 * 10);
    assert_int_equal(many.growth_min, TELL_GROWTH_MAX);
    assert_true(rich.first_ms < 1000 * 10 && rich.growth_s < many.growth_s);
    assert_int_equal(tell_pace(SIZE_MAX, 1).growth_s, TELL_GROWTH_MAX_S);
    for (size_t members = 1; members < 5000; members++)
        assert_true(tell_pace(members + 1, 20000).growth_s >= tell_pace(members, 20000).growth_s);
}

static void what_fades_here_as_it_fades_there_is_not_told_again(void **state)
{
    struct world w;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1000, T0);
    tell_one(&w, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0 + 60);
    tell_nothing(&w, T0 + 4 * WORLD_HOUR);
    world_destroy(&w);
}

static void a_change_of_side_is_told_at_once(void **state)
{
    struct world w;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    tell_one(&w, T0);
    world_report(&w, REQUEST_WHITE, "192.0.2.7", -1, 1, T0 + 10);
    struct opinion o = tell_one(&w, T0 + 10);
    assert_int_equal(o.black, 5);
    assert_int_equal(o.white, 5);
    world_destroy(&w);
}

static void a_retraction_is_told_at_once_as_nothing(void **state)
{
    struct world w;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    tell_one(&w, T0);
    world_report(&w, REQUEST_RETRACT, "192.0.2.7", -1, 1, T0 + 10);
    struct opinion o = tell_one(&w, T0 + 10);
    assert_int_equal(o.black + o.white, 0);
    tell_nothing(&w, T0 + 20);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0 + 30);
    assert_int_equal(tell_one(&w, T0 + 30).black, 5);
    world_destroy(&w);
}

static void what_was_never_told_needs_no_withdrawal(void **state)
{
    struct world w;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_RETRACT, "192.0.2.8", -1, 1, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    world_report(&w, REQUEST_RETRACT, "192.0.2.7", -1, 1, T0);
    tell_nothing(&w, T0);
    world_destroy(&w);
}

static void what_a_dnsbl_caused_is_not_told(void **state)
{
    struct world w;
    struct store_report r = { .verb = REQUEST_BLACK, .cause = CAUSE_DNSBL, .count = 1, .category = -1 };
    (void)state;
    world_speaking(&w);
    r.subject = world_subject("192.0.2.7");
    assert_int_equal(store_add_reports(w.store, &r, 1, T0), 0);
    tell_nothing(&w, T0);
    world_destroy(&w);
}

static void what_waited_too_long_is_said_as_nothing(void **state)
{
    struct world w;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    world_fold(&w, T0);
    struct opinion o = tell_one(&w, T0 + 40 * WORLD_DAY);
    assert_int_equal(o.black + o.white, 0);
    tell_nothing(&w, T0 + 40 * WORLD_DAY);
    world_destroy(&w);
}

/* More than one frame holds, and more than one call may give. */
static void much_news_goes_in_several_batches_each_opinion_once(void **state)
{
    struct world w;
    struct told t = { .more = true };
    static struct store_report r[9000];
    size_t batches_n = 0, opinions_n = 0;
    (void)state;
    world_speaking(&w);
    for (int i = 0; i < 9000; i++) {
        char text[32];
        snprintf(text, sizeof text, "203.%d.%d.1", i / 250 + 1, i % 250);
        r[i] = (struct store_report){ .verb = REQUEST_BLACK, .count = 1, .category = i % 5, .subject = world_subject(text) };
    }
    assert_int_equal(store_add_reports(w.store, r, 9000, T0), 0);
    while (t.more) {
        tell_with(&w, T0, (struct tell_limits){ .growth_min = 1, .batches_max = 2 }, &t);
        for (size_t i = 0; i < t.n; i++) {
            assert_true(t.frames[i].len <= BATCH_FRAME_MAX);
            assert_int_equal(t.batches[i].seq, ++batches_n);
            opinions_n += t.batches[i].opinions_n;
        }
        tell_clear(&t);
    }
    assert_int_equal(opinions_n, 9000);
    assert_true(batches_n > 2 && batches_n < 9);
    world_destroy(&w);
}

/* ---- numbers */

static void batches_are_numbered_and_chained_also_over_a_clean_restart(void **state)
{
    struct world w;
    struct told t;
    uint8_t last[HASH_BYTES] = { 0 };
    (void)state;
    world_create(&w);
    uint32_t epoch = begin(&w, 1, 0, T0);
    for (int i = 1; i <= 4; i++) {
        char text[32];
        snprintf(text, sizeof text, "192.0.2.%d", i);
        world_report(&w, REQUEST_BLACK, text, -1, 1, T0);
        tell(&w, T0, &t);
        assert_int_equal(t.n, 1);
        assert_int_equal(t.batches[0].epoch, epoch);
        assert_int_equal(t.batches[0].seq, i);
        assert_memory_equal(t.batches[0].previous, last, HASH_BYTES);
        memcpy(last, t.batches[0].hash, HASH_BYTES);
        tell_clear(&t);
        if (i != 2)
            continue;
        assert_int_equal(store_end_epoch(w.store), 0);
        world_reopen(&w);
        assert_int_equal(begin(&w, 2, epoch, T0 + 9 * WORLD_DAY), epoch);
    }
    world_destroy(&w);
}

static void an_epoch_is_never_used_again_when_anything_is_in_doubt(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    uint32_t first = begin(&w, 1, 0, T0);
    assert_int_equal(first, (T0 - 1767225600) / 60);
    world_reopen(&w);                                       /* no orderly end */
    uint32_t second = begin(&w, 2, 0, T0);
    assert_int_equal(second, first + 1);
    assert_int_equal(store_end_epoch(w.store), 0);
    world_reopen(&w);
    assert_int_equal(begin(&w, 3, second, T0), second);     /* nothing in doubt */
    assert_int_equal(store_end_epoch(w.store), 0);
    world_reopen(&w);
    unlink(w.nonce);                                        /* the file beside it is gone */
    assert_int_equal(begin(&w, 4, 0, T0), second + 1);
    assert_int_equal(store_end_epoch(w.store), 0);
    world_reopen(&w);
    assert_int_equal(begin(&w, 5, second + 70, T0), second + 71);     /* neighbours know a later one */
    assert_int_equal(store_end_epoch(w.store), 0);
    world_reopen(&w);
    assert_int_equal(begin(&w, 6, 0, T0 - 400 * WORLD_DAY), second + 71);   /* a clock set back does not matter */
    world_destroy(&w);
}

/* A copy of the closed database, put back after it went on: its nonce is not the file's. */
static void a_restored_backup_begins_another_epoch(void **state)
{
    struct world w;
    char command[256];
    (void)state;
    world_create(&w);
    uint32_t epoch = begin(&w, 1, 0, T0);
    assert_int_equal(store_end_epoch(w.store), 0);
    store_close(&w.store);
    snprintf(command, sizeof command, "cp %s %s.backup", w.path, w.path);
    assert_int_equal(system(command), 0);
    world_open(&w);
    assert_int_equal(begin(&w, 2, 0, T0), epoch);
    assert_int_equal(store_end_epoch(w.store), 0);
    store_close(&w.store);
    snprintf(command, sizeof command, "cp %s.backup %s", w.path, w.path);
    assert_int_equal(system(command), 0);
    world_open(&w);
    assert_int_equal(begin(&w, 3, 0, T0), epoch + 1);
    world_destroy(&w);
}

/* Of the whole directory: the file beside the database comes back as well, with the very words. */
static void so_does_one_that_brings_the_nonce_along(void **state)
{
    struct world w;
    char command[512];
    (void)state;
    world_create(&w);
    uint32_t epoch = begin(&w, 1, 0, T0);
    assert_int_equal(store_end_epoch(w.store), 0);
    store_close(&w.store);
    snprintf(command, sizeof command, "cp -p %s %s.backup && cp -p %s %s.backup", w.path, w.path, w.nonce, w.nonce);
    assert_int_equal(system(command), 0);
    world_open(&w);
    assert_int_equal(begin(&w, 2, 0, T0), epoch);
    assert_int_equal(store_end_epoch(w.store), 0);
    store_close(&w.store);
    snprintf(command, sizeof command, "cp -p %s.backup %s && mv %s.backup %s", w.path, w.path, w.nonce, w.nonce);
    assert_int_equal(system(command), 0);
    world_open(&w);
    assert_int_equal(begin(&w, 3, 0, T0), epoch + 1);
    world_destroy(&w);
}

/* All files are what they were, to the last number: as they are when the image of a disk is put back. The machine was started for that. */
static void after_a_start_of_the_machine_the_state_is_in_doubt(void **state)
{
    static const char *const boots[] = { "first", "first", "second", "", "second" };
    struct world w;
    uint32_t epoch, last;
    (void)state;
    world_create(&w);
    last = begin(&w, 1, 0, T0);                              /* it was not known then: nothing to compare with */
    for (size_t i = 0; i < sizeof boots / sizeof *boots; i++) {
        assert_int_equal(store_end_epoch(w.store), 0);
        world_reopen(&w);
        store_set_boot(w.store, boots[i]);
        epoch = begin(&w, (uint8_t)(2 + i), 0, T0);
        assert_int_equal(epoch, last + (i == 2));
        last = epoch;
    }
    world_destroy(&w);
}

static int64_t changed_ns(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
}

/* rsync --inplace and the like write into the file that is there. */
static void a_file_beside_it_that_was_touched_is_in_doubt(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    uint32_t epoch = begin(&w, 1, 0, T0);
    assert_int_equal(store_end_epoch(w.store), 0);
    store_close(&w.store);
    for (const int64_t was_ns = changed_ns(w.nonce); changed_ns(w.nonce) == was_ns;)     /* until the file system's clock has moved */
        assert_int_equal(chmod(w.nonce, 0600), 0);
    world_open(&w);
    assert_int_equal(begin(&w, 2, 0, T0), epoch + 1);
    world_destroy(&w);
}

/* Everything lost but the keys: neighbours give back what was told. */
static void a_member_takes_up_again_what_it_once_told(void **state)
{
    struct world w, fresh;
    struct told t;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    tell(&w, T0, &t);
    fresh = w;
    fresh.store = NULL;
    snprintf(fresh.path, sizeof fresh.path, "%s/fresh.db", w.dir);
    world_open(&fresh);
    assert_int_equal(store_add_batches(fresh.store, &t.frames[0].name, 1, T0 + 600), 0);
    uint32_t epoch = begin(&fresh, 9, 0, T0 - 30 * WORLD_DAY);
    assert_int_equal(epoch, t.batches[0].epoch + 1);
    world_fold(&fresh, T0 + 600);
    assert_int_equal(world_check(&fresh, "192.0.2.7"), VERDICT_BLACK);
    tell_nothing(&fresh, T0 + 600);
    world_report(&fresh, REQUEST_RETRACT, "192.0.2.7", -1, 1, T0 + 660);
    struct opinion o = tell_one(&fresh, T0 + 660);
    assert_int_equal(o.black + o.white, 0);
    assert_int_equal(world_check(&fresh, "192.0.2.7"), VERDICT_UNKNOWN);
    store_close(&fresh.store);
    tell_clear(&t);
    world_destroy(&w);
}

static void nothing_is_told_before_an_epoch_begins(void **state)
{
    struct world w;
    struct tell_limits limits = { .growth_min = 1, .batches_max = 1 };
    struct told_batch out;
    size_t n;
    bool more;
    int64_t wake_s;
    (void)state;
    world_create(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    world_fold(&w, T0);
    assert_int_equal(store_tell(w.store, w.ids[0], 1, &limits, T0, &out, &n, &more, &wake_s), -EINVAL);
    assert_int_equal(store_tell(w.store, w.ids[1], 1, &limits, T0, &out, &n, &more, &wake_s), -EINVAL);
    begin(&w, 1, 0, T0);
    tell_one(&w, T0);
    world_destroy(&w);
}

/* ---- what is dead */

static void old_batches_leave_the_log_and_the_head_stays(void **state)
{
    struct world w;
    struct told t;
    (void)state;
    world_speaking(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.7", -1, 1, T0);
    tell_one(&w, T0);
    world_report(&w, REQUEST_BLACK, "192.0.2.8", -1, 1, T0 + 20 * WORLD_DAY);
    tell_one(&w, T0 + 20 * WORLD_DAY);
    world_fold(&w, T0 + 31 * WORLD_DAY);
    struct reader *r = world_reader(&w);
    struct store_counts c;
    assert_int_equal(reader_counts(r, &c), 0);
    assert_int_equal(c.batches, 1);
    world_report(&w, REQUEST_BLACK, "192.0.2.9", -1, 1, T0 + 31 * WORLD_DAY);
    tell(&w, T0 + 31 * WORLD_DAY, &t);
    assert_int_equal(t.batches[0].floor_seq, 2);
    assert_int_equal(t.batches[0].seq, 3);
    tell_clear(&t);
    world_fold(&w, T0 + 90 * WORLD_DAY);
    world_fold(&w, T0 + 90 * WORLD_DAY + 2 * WORLD_HOUR);
    assert_int_equal(reader_counts(r, &c), 0);
    assert_int_equal(c.batches, 1);
    assert_int_equal(c.evidence, 0);
    assert_int_equal(c.listings, 0);
    reader_close(&r);
    world_destroy(&w);
}

#endif
