/* What goes over DEALER and ROUTER: proto/message.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/batch.h"
#include "proto/message.h"
#include "proto/record.h"

/* Encodes and decodes again; the caller closes. */
static struct message there_and_back(const struct message *m)
{
    struct message again;
    uint8_t *wire;
    size_t len;

    assert_int_equal(message_encode(m, &wire, &len), 0);
    assert_in_range(len, 1, MESSAGE_MAX);
    assert_int_equal(message_decode((struct bytes){ wire, len }, &again), 0);
    free(wire);
    assert_int_equal(again.kind, m->kind);
    return again;
}

static void assert_not_encoded(const struct message *m, int want)
{
    uint8_t *wire = NULL;
    size_t len = 0;

    assert_int_equal(message_encode(m, &wire, &len), want);
    assert_null(wire);
}

static void a_have_of_every_log_comes_back(void **state)
{
    static struct log_have logs[HAVE_LOGS_MAX];
    struct message m = { .kind = MESSAGE_HAVE }, again;

    (void)state;
    for (size_t i = 0; i < HAVE_LOGS_MAX; i++) {               /* the longest numbers too: all of it is one message */
        memset(logs[i].origin, (int)(i % 251), KEY_BYTES);
        memset(logs[i].head_hash, (int)(i % 7), HEAD_HASH_BYTES);
        logs[i].epoch = UINT32_MAX - (uint32_t)i;
        logs[i].floor = INT64_MAX - 2 * i;
        logs[i].head = INT64_MAX - i;
        logs[i].record_serial = INT64_MAX;
        memset(logs[i].introductions, 0xff, STAMP_BYTES);
    }
    m.u.have.logs = logs;
    m.u.have.logs_n = HAVE_LOGS_MAX;
    m.u.have.full = true;
    again = there_and_back(&m);
    assert_true(again.u.have.full);
    assert_false(again.u.have.answer_wanted);
    assert_int_equal(again.u.have.logs_n, HAVE_LOGS_MAX);
    for (size_t i = 0; i < HAVE_LOGS_MAX; i++) {
        const struct log_have *got = &again.u.have.logs[i];
        assert_memory_equal(got->origin, logs[i].origin, KEY_BYTES);
        assert_memory_equal(got->head_hash, logs[i].head_hash, HEAD_HASH_BYTES);
        assert_int_equal(got->epoch, logs[i].epoch);
        assert_int_equal(got->floor, logs[i].floor);
        assert_int_equal(got->head, logs[i].head);
        assert_int_equal(got->record_serial, logs[i].record_serial);
        assert_memory_equal(again.u.have.logs[i].introductions, logs[i].introductions, STAMP_BYTES);
    }
    message_close(&again);
    assert_null(again.memory);
    message_close(&again);
}

static void an_origin_can_be_told_by_a_part_of_its_key(void **state)
{
    struct log_have log = { .epoch = 3, .floor = 1, .head = 2, .is_short = true };
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs_n = 1, .logs = &log } }, again;
    static const uint8_t zero[KEY_BYTES - ORIGIN_SHORT_BYTES];

    (void)state;
    memset(log.origin, 0xab, KEY_BYTES);
    again = there_and_back(&m);
    assert_true(again.u.have.logs[0].is_short);
    assert_memory_equal(again.u.have.logs[0].origin, log.origin, ORIGIN_SHORT_BYTES);
    assert_memory_equal(again.u.have.logs[0].origin + ORIGIN_SHORT_BYTES, zero, sizeof zero);
    message_close(&again);
}

static void a_have_of_nothing_comes_back(void **state)
{
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .answer_wanted = true } }, again = there_and_back(&m);

    (void)state;
    assert_false(again.u.have.full);
    assert_true(again.u.have.answer_wanted);
    assert_int_equal(again.u.have.logs_n, 0);
    message_close(&again);
}

static void a_log_without_a_head_names_a_record_only(void **state)
{
    struct log_have log = { .record_serial = 9, .head_hash = { 1 } };
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs_n = 1, .logs = &log } }, again = there_and_back(&m);
    static const uint8_t zero[HEAD_HASH_BYTES];

    (void)state;
    assert_int_equal(again.u.have.logs[0].head, 0);
    assert_int_equal(again.u.have.logs[0].record_serial, 9);
    assert_memory_equal(again.u.have.logs[0].head_hash, zero, HEAD_HASH_BYTES);
    message_close(&again);
}

static void a_fetch_comes_back(void **state)
{
    struct message m = { .kind = MESSAGE_FETCH, .u.fetch = { .id = 77, .epoch = 3, .from = 100, .to = 163 } }, again;

    (void)state;
    memset(m.u.fetch.origin, 0xab, KEY_BYTES);
    again = there_and_back(&m);
    assert_int_equal(again.u.fetch.id, 77);
    assert_int_equal(again.u.fetch.epoch, 3);
    assert_int_equal(again.u.fetch.from, 100);
    assert_int_equal(again.u.fetch.to, 163);
    assert_memory_equal(again.u.fetch.origin, m.u.fetch.origin, KEY_BYTES);
    message_close(&again);
}

static void fetched_batches_of_every_size_come_back(void **state)
{
    static uint8_t frame[BATCH_FRAME_MAX];
    static const size_t sizes[] = { 1, 127, 128, BATCH_FRAME_MAX };
    struct message m = { .kind = MESSAGE_FETCHED, .u.fetched = { .id = UINT32_MAX } };

    (void)state;
    memset(frame, 0x5a, sizeof frame);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        m.u.fetched.frame = (struct bytes){ frame, sizes[i] };
        m.u.fetched.last = i % 2 == 0;
        struct message again = there_and_back(&m);
        assert_int_equal(again.u.fetched.id, UINT32_MAX);
        assert_int_equal(again.u.fetched.last, m.u.fetched.last);
        assert_int_equal(again.u.fetched.frame.len, sizes[i]);
        assert_memory_equal(again.u.fetched.frame.at, frame, sizes[i]);
        message_close(&again);
    }
    m.u.fetched.frame.len = 0;
    m.u.fetched.last = true;
    struct message empty = there_and_back(&m);
    assert_int_equal(empty.u.fetched.frame.len, 0);
    message_close(&empty);
}

static void records_and_the_wish_for_one_come_back(void **state)
{
    static uint8_t frame[RECORD_FRAME_MAX];
    struct message want = { .kind = MESSAGE_RECORD_WANT, .u.record_want = { .origin = { 1, 2, 3 }, .serial_above = 8 } };
    struct message m = { .kind = MESSAGE_RECORDS, .u.records = { .n = RECORDS_MAX } }, again = there_and_back(&want);

    (void)state;
    assert_memory_equal(again.u.record_want.origin, want.u.record_want.origin, KEY_BYTES);
    assert_int_equal(again.u.record_want.serial_above, 8);
    message_close(&again);
    for (size_t i = 0; i < RECORDS_MAX; i++)
        m.u.records.frames[i] = (struct bytes){ frame, RECORD_FRAME_MAX - i };
    again = there_and_back(&m);
    assert_int_equal(again.u.records.n, RECORDS_MAX);
    assert_int_equal(again.u.records.frames[RECORDS_MAX - 1].len, RECORD_FRAME_MAX - RECORDS_MAX + 1);
    message_close(&again);
}

static void joining_comes_back(void **state)
{
    static uint8_t frame[RECORD_FRAME_MAX] = { 9 };
    const struct bytes record = { frame, sizeof frame }, text = { (const uint8_t *)"no room", 7 };
    struct message join = { .kind = MESSAGE_JOIN, .u.join = { record } }, again = there_and_back(&join);
    struct message refused = { .kind = MESSAGE_JOINED, .u.joined = { .refused = text } }, done = { .kind = MESSAGE_JOINED };

    (void)state;
    assert_int_equal(again.u.join.record.len, sizeof frame);
    message_close(&again);
    again = there_and_back(&refused);
    assert_memory_equal(again.u.joined.refused.at, "no room", 7);
    message_close(&again);
    done.u.joined.record = record;
    done.u.joined.federation = done.u.joined.secret = text;
    again = there_and_back(&done);
    assert_int_equal(again.u.joined.refused.len, 0);
    assert_int_equal(again.u.joined.record.len, sizeof frame);
    assert_int_equal(again.u.joined.secret.len, 7);
    message_close(&again);
    done.u.joined.refused = text;                              /* both done and not */
    assert_not_encoded(&done, -EINVAL);
    refused.u.joined.refused.len = 0;                          /* neither */
    assert_not_encoded(&refused, -EINVAL);
    join.u.join.record.len = 0;
    assert_not_encoded(&join, -EINVAL);
}

static void introductions_and_the_wish_for_them_come_back(void **state)
{
    static uint8_t frame[INTRODUCTIONS_FRAME_MAX] = { 9 };
    struct message m = { .kind = MESSAGE_INTRODUCTIONS, .u.introductions = { { frame, sizeof frame } } }, again = there_and_back(&m);
    struct message want = { .kind = MESSAGE_INTRODUCTIONS_WANT, .u.introductions_want = { { 1, 2, 3 } } };

    (void)state;
    assert_int_equal(again.u.introductions.frame.len, sizeof frame);
    message_close(&again);
    again = there_and_back(&want);
    assert_memory_equal(again.u.introductions_want.introducer, want.u.introductions_want.introducer, KEY_BYTES);
    message_close(&again);
    m.u.introductions.frame.len = 0;
    assert_not_encoded(&m, -EINVAL);
}

static void a_frozen_epoch_and_a_digest_come_back(void **state)
{
    struct log_have log = { .epoch = 7, .frozen = 3, .has_digest = true };
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs_n = 1, .logs = &log } }, again;

    (void)state;
    memset(log.frozen_hash, 5, FROZEN_HASH_BYTES);
    memset(log.digest, 6, HEAD_HASH_BYTES);
    again = there_and_back(&m);
    assert_int_equal(again.u.have.logs[0].frozen, 3);
    assert_memory_equal(again.u.have.logs[0].frozen_hash, log.frozen_hash, FROZEN_HASH_BYTES);
    assert_true(again.u.have.logs[0].has_digest);
    assert_memory_equal(again.u.have.logs[0].digest, log.digest, HEAD_HASH_BYTES);
    message_close(&again);
    log.epoch = 0;
    assert_not_encoded(&m, -EINVAL);
}

/* The parts cover the range, and are never more than there is room for. */
static void a_comparison_comes_back_with_as_many_sums_as_its_range_has_parts(void **state)
{
    static const uint64_t widths[] = { 1, 2, 63, 64, 65, 127, 128, 129, 1000, COMPARE_RANGE_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        uint64_t from = 5, to = from + widths[i] - 1, part = compare_width(from, to);
        struct message ask = { .kind = MESSAGE_COMPARE, .u.compare = { .epoch = 1, .from = from, .to = to } }, again = there_and_back(&ask);
        struct message m = { .kind = MESSAGE_COMPARED, .u.compared = { .epoch = 1, .from = from, .to = to, .n = (size_t)((widths[i] + part - 1) / part) } };
        assert_int_equal(again.u.compare.to, to);
        message_close(&again);
        assert_in_range(m.u.compared.n, 1, COMPARE_PARTS);
        again = there_and_back(&m);
        assert_int_equal(again.u.compared.n, m.u.compared.n);
        message_close(&again);
        m.u.compared.n++;
        assert_not_encoded(&m, -EINVAL);
        ask.u.compare.to = from + COMPARE_RANGE_MAX;
        assert_not_encoded(&ask, -EINVAL);
    }
}

static void what_is_out_of_range_is_not_encoded(void **state)
{
    struct log_have log = { .epoch = 1, .floor = 5, .head = 4 };
    struct message have = { .kind = MESSAGE_HAVE, .u.have = { .logs_n = 1, .logs = &log } };
    struct message fetch = { .kind = MESSAGE_FETCH, .u.fetch = { .epoch = 1, .from = 1, .to = 65 } };
    struct message fetched = { .kind = MESSAGE_FETCHED };
    struct message records = { .kind = MESSAGE_RECORDS, .u.records = { .n = 1 } };

    (void)state;
    assert_not_encoded(&have, -EINVAL);                        /* a floor above the head */
    have.u.have.logs_n = HAVE_LOGS_MAX + 1;
    assert_not_encoded(&have, -EINVAL);
    assert_not_encoded(&fetch, -EINVAL);                       /* 65 numbers */
    fetch.u.fetch.to = 0;
    assert_not_encoded(&fetch, -EINVAL);
    assert_not_encoded(&fetched, -EINVAL);                     /* empty, and not the last */
    assert_not_encoded(&records, -EINVAL);                     /* an empty frame */
    records.u.records.n = RECORDS_MAX + 1;
    assert_not_encoded(&records, -EINVAL);
    records.kind = 0;
    assert_not_encoded(&records, -EINVAL);
}

#define KEY32 "01234567890123456789012345678901"

static void malformed_messages_are_refused_and_unknown_kinds_told_apart(void **state)
{
    static const struct { const char *name, *wire; size_t len; int want; } cases[] = {
        { "nothing", "", 0, -ENOMSG },
        { "a kind of a later version", "\x7a\x01x", 3, -ENOMSG },
        { "a known kind and an unknown field", "\x0a\0\x7a\x01x", 5, 0 },
        { "an empty have", "\x0a\0", 2, 0 },
        { "a have with an empty log", "\x0a\x02\x1a\0", 4, -EINVAL },
        { "a log with a short origin", "\x0a\x05\x1a\x03\x0a\x01x", 7, -EINVAL },
        { "a log with an origin only", "\x0a\x24\x1a\x22\x0a\x20" KEY32, 38, 0 },
        { "a log with a head and no hash", "\x0a\x28\x1a\x26\x0a\x20" KEY32 "\x10\x01\x20\x01", 42, -EINVAL },
        { "a log with a hash and no head", "\x0a\x2e\x1a\x2c\x0a\x20" KEY32 "\x2a\x08hashhash", 48, -EINVAL },
        { "a fetch of nothing", "\x12\0", 2, -EINVAL },
        { "a fetch of 1 to 64", "\x12\x28\x12\x20" KEY32 "\x18\x01\x20\x01\x28\x40", 42, 0 },
        { "a fetch of 1 to 65", "\x12\x28\x12\x20" KEY32 "\x18\x01\x20\x01\x28\x41", 42, -EINVAL },
        { "a fetch from 2 to 1", "\x12\x28\x12\x20" KEY32 "\x18\x01\x20\x02\x28\x01", 42, -EINVAL },
        { "a fetch of epoch 0", "\x12\x26\x12\x20" KEY32 "\x20\x01\x28\x01", 40, -EINVAL },
        { "a fetched without frame or end", "\x1a\0", 2, -EINVAL },
        { "the end of a fetch", "\x1a\x02\x18\x01", 4, 0 },
        { "a wish for no record", "\x22\0", 2, -EINVAL },
        { "no records", "\x2a\0", 2, 0 },
        { "an empty record", "\x2a\x02\x0a\0", 4, -EINVAL },
        { "a length beyond the end", "\x0a\x05", 2, -EINVAL },
        { "a varint without end", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, -EINVAL },
        { "field number zero", "\x02\0", 2, -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct message m;
        int rc = message_decode((struct bytes){ (const uint8_t *)cases[i].wire, cases[i].len }, &m);
        if (rc != cases[i].want)
            fail_msg("%s: got %d, want %d", cases[i].name, rc, cases[i].want);
        if (rc == 0)
            message_close(&m);
    }
}

static void more_than_the_bounds_is_refused(void **state)
{
    static uint8_t wire[MESSAGE_MAX + 1];
    struct message m;
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < RECORDS_MAX + 1; i++) {             /* 17 records of one byte */
        memcpy(wire + 2 + len, "\x0a\x01x", 3);
        len += 3;
    }
    wire[0] = 0x2a;
    wire[1] = (uint8_t)len;
    assert_int_equal(message_decode((struct bytes){ wire, len + 2 }, &m), -EINVAL);
    for (size_t i = 0; i < sizeof wire; i += 2)
        memcpy(wire + i, "\x78\x01", sizeof wire - i < 2 ? 1 : 2);
    assert_int_equal(message_decode((struct bytes){ wire, MESSAGE_MAX }, &m), -ENOMSG);      /* unknown fields, the dearest to decode */
    assert_int_equal(message_decode((struct bytes){ wire, MESSAGE_MAX + 1 }, &m), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_have_of_every_log_comes_back),
        cmocka_unit_test(an_origin_can_be_told_by_a_part_of_its_key),
        cmocka_unit_test(a_have_of_nothing_comes_back),
        cmocka_unit_test(a_log_without_a_head_names_a_record_only),
        cmocka_unit_test(a_fetch_comes_back),
        cmocka_unit_test(fetched_batches_of_every_size_come_back),
        cmocka_unit_test(records_and_the_wish_for_one_come_back),
        cmocka_unit_test(joining_comes_back),
        cmocka_unit_test(introductions_and_the_wish_for_them_come_back),
        cmocka_unit_test(a_frozen_epoch_and_a_digest_come_back),
        cmocka_unit_test(a_comparison_comes_back_with_as_many_sums_as_its_range_has_parts),
        cmocka_unit_test(what_is_out_of_range_is_not_encoded),
        cmocka_unit_test(malformed_messages_are_refused_and_unknown_kinds_told_apart),
        cmocka_unit_test(more_than_the_bounds_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
