/* Signed lists of introductions: proto/introductions.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "documented.h"
#include "proto/introductions.h"
#include "tests/identities.h"

enum { NOW_S = 1800000000, FRIENDS = 3 };

static struct identity *id, *friends[FRIENDS];
static struct { struct record record; uint8_t frame[RECORD_FRAME_MAX]; size_t len; } cards[FRIENDS];

static int make_people(void **state)
{
    (void)state;
    id = fixed_identity();
    for (int i = 0; i < FRIENDS; i++) {
        struct record *r = &cards[i].record;
        friends[i] = test_identity((unsigned)i);
        identity_into_record(friends[i], r);
        strcpy(r->name, "mx.friend.example");
        r->serial = 1;
        r->not_after_s = NOW_S;
        cards[i].len = sizeof cards[i].frame;
        assert_int_equal(record_seal(r, friends[i], cards[i].frame, &cards[i].len), 0);
    }
    return 0;
}

static int forget_people(void **state)
{
    (void)state;
    identity_destroy(&id);
    for (int i = 0; i < FRIENDS; i++)
        identity_destroy(&friends[i]);
    return 0;
}

static struct introduction entries[INTRODUCTIONS_MAX + 1];

static struct introductions plain_list(size_t n)
{
    struct introductions list = { .federation = "unit", .record_serial = 7, .serial = 9, .time_s = NOW_S, .list = entries, .n = n };
    memcpy(list.introducer, identity_root(id), KEY_BYTES);
    for (size_t i = 0; i < n && i < FRIENDS; i++)
        entries[i] = (struct introduction){ { cards[i].frame, cards[i].len }, cards[i].record, (uint32_t)(100 * (i + 1)), NOW_S + 86400 };
    return list;
}

struct sealed { uint8_t *at; size_t len; };

static struct sealed seal(struct introductions *list)
{
    struct sealed s = { NULL, 0 };
    int rc = introductions_seal(list, id, &s.at, &s.len);
    if (rc != 0)
        fail_msg("not sealed: %d", rc);
    return s;
}

static int open_sealed(const struct sealed *s, struct introductions *out)
{
    return introductions_open((struct bytes){ s->at, s->len }, identity_operational(id), "unit", out);
}

static int seal_code(struct introductions list)
{
    struct sealed s = { NULL, 0 };
    int rc = introductions_seal(&list, id, &s.at, &s.len);
    free(s.at);
    return rc;
}

/* ---- */

static void what_was_sealed_is_opened_in_the_order_of_keys(void **state)
{
    struct introductions list = plain_list(FRIENDS), again;
    struct sealed s = seal(&list);
    (void)state;
    assert_int_equal(open_sealed(&s, &again), 0);
    assert_memory_equal(again.introducer, list.introducer, KEY_BYTES);
    assert_memory_equal(again.stamp, list.stamp, STAMP_BYTES);
    assert_int_equal(again.serial, 9);
    assert_int_equal(again.record_serial, 7);
    assert_int_equal(again.time_s, NOW_S);
    assert_int_equal(again.n, FRIENDS);
    for (size_t i = 0; i < again.n; i++) {
        size_t j = 0;
        assert_true(i == 0 || memcmp(again.list[i - 1].record.root, again.list[i].record.root, KEY_BYTES) < 0);
        while (memcmp(cards[j].record.root, again.list[i].record.root, KEY_BYTES) != 0)
            j++;
        assert_int_equal(again.list[i].share_milli, 100 * (j + 1));
        assert_int_equal(again.list[i].expires_s, NOW_S + 86400);
        assert_int_equal(again.list[i].frame.len, cards[j].len);
        assert_memory_equal(again.list[i].frame.at, cards[j].frame, cards[j].len);
    }
    introductions_close(&again);
    free(s.at);
}

static void a_list_of_nobody_withdraws_all(void **state)
{
    struct introductions list = plain_list(0), again;
    struct sealed s = seal(&list);
    (void)state;
    assert_int_equal(open_sealed(&s, &again), 0);
    assert_int_equal(again.n, 0);
    introductions_close(&again);
    free(s.at);
}

static void any_changed_bit_is_seen(void **state)
{
    struct introductions list = plain_list(1), again;
    struct sealed s = seal(&list);
    (void)state;
    for (size_t i = 0; i < s.len; i++) {
        s.at[i] ^= 0x10;
        assert_true(open_sealed(&s, &again) < 0);
        s.at[i] ^= 0x10;
    }
    for (size_t len = 0; len < s.len; len++)
        assert_true(introductions_open((struct bytes){ s.at, len }, identity_operational(id), "unit", &again) < 0);
    assert_int_equal(introductions_open((struct bytes){ s.at, s.len }, identity_root(id), "unit", &again), -EBADMSG);
    assert_int_equal(introductions_open((struct bytes){ s.at, s.len }, identity_operational(id), "other", &again), -EXDEV);
    free(s.at);
}

static void a_field_out_of_range_is_not_sealed(void **state)
{
    struct introductions list;
    (void)state;
    list = plain_list(1), list.serial = 0;
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), list.serial = UINT64_MAX;
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), list.record_serial = 0;
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), list.time_s = 0;
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), entries[0].share_milli = 0;
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), entries[0].share_milli = SHARE_UNIT + 1;
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), entries[0].expires_s = 0;
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), memcpy(entries[0].record.root, identity_root(id), KEY_BYTES);
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(2), entries[1] = entries[0];
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), list.introducer[0] ^= 1;
    assert_int_equal(seal_code(list), -EINVAL);
    list = plain_list(1), list.n = INTRODUCTIONS_MAX + 1;
    assert_int_equal(seal_code(list), -EINVAL);
}

/* A member with ideas of its own: what it signs need not follow the rules. */
static void a_signed_list_that_breaks_a_rule_is_refused(void **state)
{
    struct introductions list = plain_list(1), again;
    struct sealed s = seal(&list);
    uint8_t *record = NULL;
    (void)state;
    for (size_t i = 0; record == NULL && i + 17 < s.len; i++)
        if (memcmp(s.at + i, "hearsay-record-1\n", 17) == 0)
            record = s.at + i;
    assert_non_null(record);
    record[cards[0].len - 1] ^= 1;                   /* the introduced member did not sign this */
    assert_int_equal(identity_sign(id, IDENTITY_OPERATIONAL, s.at, s.len - SIGNATURE_BYTES, s.at + s.len - SIGNATURE_BYTES), 0);
    assert_int_equal(open_sealed(&s, &again), -EINVAL);
    free(s.at);
}

static void the_stamp_orders_by_record_then_serial_then_hash(void **state)
{
    struct introductions low = plain_list(1), high;
    struct introductions_name name;
    struct sealed s = seal(&low), t;
    (void)state;
    assert_int_equal(introductions_peek((struct bytes){ s.at, s.len }, &name), 0);
    assert_memory_equal(name.stamp, low.stamp, STAMP_BYTES);
    assert_memory_equal(name.introducer, low.introducer, KEY_BYTES);
    assert_int_equal(name.record_serial, 7);
    assert_int_equal(stamp_serial(name.stamp), 9);
    high = low, high.serial = 10;
    t = seal(&high);
    assert_true(memcmp(high.stamp, low.stamp, STAMP_BYTES) > 0);
    free(t.at);
    high = low, high.serial = 1, high.record_serial = 8;           /* a thief of the key of record 7 cannot go beyond it */
    t = seal(&high);
    assert_true(memcmp(high.stamp, low.stamp, STAMP_BYTES) > 0);
    free(t.at);
    high = low, high.time_s++;
    t = seal(&high);
    assert_memory_equal(high.stamp, low.stamp, 16);
    assert_memory_not_equal(high.stamp, low.stamp, STAMP_BYTES);
    free(t.at);
    free(s.at);
}

static void the_documented_list_is_what_it_says(void **state)
{
    uint8_t frame[4096], record[RECORD_FRAME_MAX];
    size_t len = documented("introductions", frame, sizeof frame), record_len = documented("introduced record", record, sizeof record);
    struct introductions list;
    (void)state;
    int rc = introductions_open((struct bytes){ frame, len }, identity_operational(id), "example-coalition", &list);
    if (rc != 0)
        fail_msg("not opened: %d", rc);
    assert_memory_equal(list.introducer, identity_root(id), KEY_BYTES);
    assert_int_equal(list.record_serial, 1);
    assert_int_equal(list.serial, NOW_S);
    assert_int_equal(list.time_s, NOW_S);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.list[0].record.name, "mx.b.example");
    assert_int_equal(list.list[0].share_milli, 250);
    assert_int_equal(list.list[0].expires_s, NOW_S + 90 * 86400);
    assert_int_equal(list.list[0].frame.len, record_len);
    assert_memory_equal(list.list[0].frame.at, record, record_len);
    uint8_t stamp[STAMP_BYTES];
    assert_int_equal(documented("stamp", stamp, sizeof stamp), STAMP_BYTES);
    assert_memory_equal(stamp, list.stamp, STAMP_BYTES);
    introductions_close(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_is_opened_in_the_order_of_keys),
        cmocka_unit_test(a_list_of_nobody_withdraws_all),
        cmocka_unit_test(any_changed_bit_is_seen),
        cmocka_unit_test(a_field_out_of_range_is_not_sealed),
        cmocka_unit_test(a_signed_list_that_breaks_a_rule_is_refused),
        cmocka_unit_test(the_stamp_orders_by_record_then_serial_then_hash),
        cmocka_unit_test(the_documented_list_is_what_it_says),
    };
    return cmocka_run_group_tests(tests, make_people, forget_people);
}
