/* store/reader: what is handed to the mesh, batches and records, and what is counted for `status`. */
#include "tests/unit/reader_asked.h"

struct names {
    size_t n;
    struct store_batch last;
    bool ascending, frames;
};

static int name_order(const struct store_batch *a, const struct store_batch *b)
{
    int order = memcmp(a->origin, b->origin, KEY_BYTES);
    if (order == 0 && a->epoch != b->epoch)
        order = a->epoch < b->epoch ? -1 : 1;
    return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

static int take_name(void *ctx, const struct store_batch *b)
{
    struct names *names = ctx;
    names->ascending = names->n == 0 ? true : names->ascending && name_order(&names->last, b) < 0;
    names->last = *b;
    names->frames |= b->frame.len > 0;
    names->n++;
    return 0;
}

static void batches_are_named_by_origin_and_number(void **state)
{
    struct asked a;
    struct names names = { 0 };
    (void)state;
    ask(&a);
    for (size_t member = WORLD_MEMBERS - 1; member > 0; member--)
        for (uint64_t seq = 5; seq > 0; seq--)
            world_hear(&a.w, member, seq, (struct saying){ "192.0.2.7", "spam", 5, 0, T0 });
    assert_int_equal(reader_each_batch(a.r, take_name, &names), 0);
    assert_int_equal(names.n, 5 * (WORLD_MEMBERS - 1));
    assert_true(names.ascending);
    done(&a);
}

static int take_range(void *ctx, const struct store_batch *b)
{
    struct names *names = ctx;
    struct batch_name name;
    assert_int_equal(batch_peek(b->frame, &name), 0);
    assert_int_equal(name.seq, b->seq);
    names->ascending = names->n == 0 ? false : names->ascending || names->last.seq < b->seq;
    names->last = *b;
    return ++names->n == 3;
}

static void a_range_comes_highest_first_and_can_be_stopped(void **state)
{
    struct asked a;
    struct names names = { 0 };
    uint8_t stranger[KEY_BYTES] = { 1 };
    (void)state;
    ask(&a);
    for (uint64_t seq = 1; seq <= 9; seq++)
        world_hear(&a.w, 1, seq, (struct saying){ "192.0.2.7", "spam", 5, 0, T0 });
    assert_int_equal(reader_range(a.r, a.w.records[1].root, 1, 2, 8, take_range, &names), 1);
    assert_int_equal(names.n, 3);
    assert_int_equal(names.last.seq, 6);
    assert_false(names.ascending);
    names.n = 0;
    assert_int_equal(reader_range(a.r, a.w.records[1].root, 1, 9, UINT64_MAX, take_range, &names), 0);
    assert_int_equal(names.n, 1);
    assert_int_equal(reader_range(a.r, a.w.records[1].root, 2, 1, 9, take_range, &names), 0);
    assert_int_equal(reader_range(a.r, stranger, 1, 1, 9, take_range, &names), 0);
    assert_int_equal(names.n, 1);
    done(&a);
}

static int take_record(void *ctx, const struct record *rec, struct bytes frame)
{
    uint64_t *serials = ctx;
    assert_true(frame.len > 0);
    *serials = *serials * 10 + rec->serial;
    return 0;
}

static void records_come_with_the_newest_first(void **state)
{
    struct asked a;
    uint64_t serials = 0;
    (void)state;
    ask(&a);
    a.w.records[1].serial = 3;
    a.w.frame_lens[1] = RECORD_FRAME_MAX;
    assert_int_equal(record_seal(&a.w.records[1], a.w.ids[1], a.w.frames[1], &a.w.frame_lens[1]), 0);
    assert_int_equal(store_add_record(a.w.store, a.w.records[1].root, 3, (struct bytes){ a.w.frames[1], a.w.frame_lens[1] }), 0);
    assert_int_equal(reader_records(a.r, a.w.records[1].root, take_record, &serials), 0);
    assert_int_equal(serials, 31);
    serials = 0;
    assert_int_equal(reader_records(a.r, NULL, take_record, &serials), 0);
    assert_int_equal(serials, 1311111);
    done(&a);
}

static int count_record(void *ctx, const struct record *rec, struct bytes frame)
{
    unsigned *n = ctx;
    (void)rec;
    (void)frame;
    ++*n;
    return 0;
}

static void of_each_member_only_the_newest_records_stay(void **state)
{
    struct asked a;
    unsigned n = 0;
    (void)state;
    ask(&a);
    for (uint64_t serial = 2; serial <= STORE_RECORDS_MAX + 20; serial++)
        assert_int_equal(store_add_record(a.w.store, a.w.records[1].root, serial, (struct bytes){ a.w.frames[1], a.w.frame_lens[1] }), 0);
    assert_int_equal(reader_records(a.r, a.w.records[1].root, count_record, &n), 0);
    assert_int_equal(n, STORE_RECORDS_MAX);
    n = 0;
    assert_int_equal(reader_records(a.r, a.w.records[2].root, count_record, &n), 0);
    assert_int_equal(n, 1);
    done(&a);
}

/* ---- counts */

static void counts_and_head_tell_what_is_there(void **state)
{
    struct asked a;
    struct store_counts c;
    uint32_t epoch = 9;
    uint64_t seq = 9;
    (void)state;
    ask(&a);
    report(&a, REQUEST_BLACK, "192.0.2.7", -1);
    world_hear(&a.w, 1, 1, (struct saying){ "192.0.2.8", "spam", 5, 0, T0 });
    world_report(&a.w, REQUEST_BLACK, "192.0.2.9", -1, 1, T0);
    assert_int_equal(reader_counts(a.r, &c), 0);
    assert_int_equal(c.subjects, 2);
    assert_int_equal(c.evidence, 1);
    assert_int_equal(c.opinions, 1);
    assert_int_equal(c.batches, 1);
    assert_true(c.batch_bytes > 100 && c.file_bytes + c.wal_bytes > c.batch_bytes);
    assert_int_equal(c.listings, 2);
    assert_int_equal(c.journal, 1);
    assert_int_equal(c.members, WORLD_MEMBERS);
    assert_int_equal(reader_head(a.r, &epoch, &seq), 0);
    assert_int_equal(epoch, 0);
    assert_int_equal(seq, 0);
    done(&a);
}

/* Where no white zone is configured, a white one without a name answers `check`, and is in no file. */
static void what_the_zone_without_a_name_lists_is_counted_apart(void **state)
{
    struct asked a;
    struct store_counts c;
    (void)state;
    ask(&a);
    struct policy_zone white = a.w.policy->zones[1];
    a.w.policy->zones_n = 1;
    policy_finish(a.w.policy);
    assert_int_equal(store_set_policy(a.w.store, a.w.policy, T0), 0);
    report(&a, REQUEST_BLACK, "192.0.2.7", -1);
    report(&a, REQUEST_WHITE, "192.0.2.8", -1);
    assert_int_equal(world_check(&a.w, "192.0.2.8"), VERDICT_WHITE);
    assert_int_equal(reader_counts(a.r, &c), 0);
    assert_int_equal(c.listings, 1);
    assert_int_equal(c.unnamed, 1);
    world_claim_verifies(&a.w, T0);
    a.w.policy->zones[1] = white;
    assert_int_equal(store_set_policy(a.w.store, a.w.policy, T0), 0);
    world_fold(&a.w, T0);
    assert_int_equal(reader_counts(a.r, &c), 0);
    assert_int_equal(c.listings, 2);
    assert_int_equal(c.unnamed, 0);
    world_claim_verifies(&a.w, T0);
    done(&a);
}

static uint64_t subjects_known(struct asked *a)
{
    struct store_counts c;
    assert_int_equal(reader_counts(a->r, &c), 0);
    return c.subjects;
}

static void many_new_subjects_are_counted_within_a_minute(void **state)
{
    enum { MANY = 30000 };
    struct store_report *r = calloc(MANY, sizeof *r);
    struct asked a;
    char text[32];
    int64_t wake_s;
    (void)state;
    assert_non_null(r);
    ask(&a);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "198.%u.%u.%u", 51 + (i >> 16), i >> 8 & 255, i & 255);
        r[i] = (struct store_report){ .verb = REQUEST_BLACK, .count = 1, .category = -1, .subject = world_subject(text) };
    }
    world_fold(&a.w, T0);                      /* there is nothing, and that is counted */
    assert_int_equal(store_add_reports(a.w.store, r, MANY, T0 + 1), 0);
    wake_s = world_fold(&a.w, T0 + 1);
    assert_in_range(wake_s, T0 + 2, T0 + 60);
    world_fold(&a.w, T0 + 60);
    assert_int_equal(subjects_known(&a), MANY);
    assert_true(world_fold(&a.w, T0 + 61) > T0 + 121);      /* nothing changed since */
    free(r);
    done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_named_by_origin_and_number),
        cmocka_unit_test(a_range_comes_highest_first_and_can_be_stopped),
        cmocka_unit_test(records_come_with_the_newest_first),
        cmocka_unit_test(of_each_member_only_the_newest_records_stay),
        cmocka_unit_test(counts_and_head_tell_what_is_there),
        cmocka_unit_test(what_the_zone_without_a_name_lists_is_counted_apart),
        cmocka_unit_test(many_new_subjects_are_counted_within_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
