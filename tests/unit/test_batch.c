/* Signed batches of opinions: proto/batch.h, and the example frame of proto/PROTOCOL.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "documented.h"
#include "proto/batch.h"
#include "proto/subject.h"
#include "tests/identities.h"

enum { NOW_S = 1800000000, BASE_S = NOW_S - NOW_S % 600, MANY = 8192 };

static struct identity *id;

static int set_up(void **state)
{
    (void)state;
    id = fixed_identity();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    identity_destroy(&id);
    return 0;
}

/* A hand-made batch with room for its parts. */
struct sample {
    struct batch b;
    char categories[BATCH_CATEGORIES_MAX + 1][CATEGORY_MAX_BYTES + 1];
    struct opinion opinions[MANY];
    struct subject subjects[MANY];
};

static void say(struct sample *s, const char *text, uint8_t category, uint8_t black, uint8_t white, int64_t time_s)
{
    static const uint8_t no_key[HASH_BYTES];
    struct subject *subject = &s->subjects[s->b.opinions_n];
    const char *reason = "";

    if (subject_parse(text, strlen(text), no_key, subject, &reason) != 0)
        fail_msg("%s: %s", text, reason);
    s->opinions[s->b.opinions_n++] = (struct opinion){
        .key = subject->key, .key_len = subject->len, .category = category, .black = black, .white = white, .time_s = time_s };
}

/* The example of PROTOCOL.md; its opinions in an order of our own. */
static struct sample *sample(void)
{
    static struct sample s;

    memset(&s.b, 0, sizeof s.b);
    s.b = (struct batch){ .federation = "example-coalition", .epoch = 1, .seq = 1, .floor_epoch = 1, .floor_seq = 1, .record_serial = 1,
                          .time_s = NOW_S, .categories_n = 2, .categories = s.categories, .opinions = s.opinions };
    memcpy(s.b.origin, identity_root(id), KEY_BYTES);
    strcpy(s.categories[0], "malware");
    strcpy(s.categories[1], "spam");
    say(&s, "bad.example", 1, 0, 0, BASE_S - 600);
    say(&s, "2001:db8:1:2::", 1, 3, 1, BASE_S - 1800);
    say(&s, "192.0.2.7", 0, 5, 0, BASE_S);
    return &s;
}

static int open_frame(const uint8_t *frame, size_t len, struct batch *out)
{
    return batch_open((struct bytes){ frame, len }, identity_operational(id), "example-coalition", out);
}

static void what_was_sealed_is_opened_in_order(void **state)
{
    struct sample *s = sample();
    struct batch b;
    uint8_t *frame;
    size_t len;

    (void)state;
    memset(s->b.previous, 0x77, HASH_BYTES);
    s->b.epoch = UINT32_MAX;
    s->b.seq = INT64_MAX;
    s->b.floor_epoch = 12;
    s->b.floor_seq = 34;
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    assert_int_equal(open_frame(frame, len, &b), 0);
    assert_memory_equal(b.origin, s->b.origin, KEY_BYTES);
    assert_memory_equal(b.previous, s->b.previous, HASH_BYTES);
    assert_memory_equal(b.hash, s->b.hash, HASH_BYTES);
    assert_string_equal(b.federation, "example-coalition");
    assert_int_equal(b.epoch, UINT32_MAX);
    assert_int_equal(b.seq, INT64_MAX);
    assert_int_equal(b.floor_epoch, 12);
    assert_int_equal(b.floor_seq, 34);
    assert_int_equal(b.record_serial, 1);
    assert_int_equal(b.time_s, NOW_S);
    assert_int_equal(b.categories_n, 2);
    assert_string_equal(b.categories[1], "spam");
    assert_int_equal(b.opinions_n, 3);
    for (size_t i = 0; i < 3; i++) {                           /* sealed: name, IPv6, IPv4; the order is by key */
        const struct opinion *got = &b.opinions[i], *want = &s->opinions[2 - i];
        assert_int_equal(got->key_len, want->key_len);
        assert_memory_equal(got->key, want->key, want->key_len);
        assert_int_equal(got->category, want->category);
        assert_int_equal(got->black, want->black);
        assert_int_equal(got->white, want->white);
        assert_int_equal(got->time_s, want->time_s);
    }
    batch_close(&b);
    assert_null(b.memory);
    batch_close(&b);
    free(frame);
}

static void peeking_names_the_batch_without_its_key(void **state)
{
    struct sample *s = sample();
    struct batch_name name;
    uint8_t *frame;
    size_t len;

    (void)state;
    s->b.seq = 300;
    s->b.record_serial = 70000;
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    frame[len - 1] ^= 1;                                       /* the signature has no part in it */
    assert_int_equal(batch_peek((struct bytes){ frame, len }, &name), 0);
    assert_memory_equal(name.origin, identity_root(id), KEY_BYTES);
    assert_memory_equal(name.hash, s->b.hash, HASH_BYTES);
    assert_int_equal(name.epoch, 1);
    assert_int_equal(name.seq, 300);
    assert_int_equal(name.record_serial, 70000);
    for (size_t cut = 0; cut < len; cut++)
        batch_peek((struct bytes){ frame, cut }, &name);       /* does not read beyond */
    assert_int_equal(batch_peek((struct bytes){ frame, 10 }, &name), -EINVAL);
    free(frame);
}

static void a_batch_without_opinions_is_a_batch(void **state)
{
    struct sample *s = sample();
    struct batch b;
    uint8_t *frame;
    size_t len;

    (void)state;
    s->b.opinions_n = s->b.categories_n = 0;
    s->b.federation[0] = '\0';
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    assert_int_equal(batch_open((struct bytes){ frame, len }, identity_operational(id), "", &b), 0);
    assert_int_equal(b.opinions_n, 0);
    batch_close(&b);
    free(frame);
}

static void any_changed_bit_is_a_wrong_signature_or_no_batch(void **state)
{
    struct sample *s = sample();
    struct batch b;
    uint8_t *frame;
    size_t len;

    (void)state;
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    for (size_t i = 0; i < len; i++) {
        frame[i] ^= 0x04;
        assert_int_equal(open_frame(frame, len, &b), i < 16 ? -EINVAL : -EBADMSG);
        frame[i] ^= 0x04;
    }
    for (size_t cut = 0; cut < len; cut++)
        assert_true(open_frame(frame, cut, &b) < 0);
    free(frame);
}

static void a_wrong_signature_wins_over_every_other_fault(void **state)
{
    struct sample *s = sample();
    struct batch b;
    uint8_t *frame;
    size_t len;

    (void)state;
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    assert_int_equal(batch_open((struct bytes){ frame, len }, identity_root(id), "another", &b), -EBADMSG);
    memset(frame + 16, 0xff, 20);
    assert_int_equal(open_frame(frame, len, &b), -EBADMSG);
    free(frame);
}

static void a_batch_of_another_federation_is_told_apart(void **state)
{
    struct sample *s = sample();
    struct batch b;
    uint8_t *frame;
    size_t len;

    (void)state;
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    assert_int_equal(batch_open((struct bytes){ frame, len }, identity_operational(id), "example", &b), -EXDEV);
    assert_int_equal(batch_open((struct bytes){ frame, len }, identity_operational(id), "", &b), -EXDEV);
    free(frame);
}

static void the_hash_is_of_all_but_the_signature(void **state)
{
    struct sample *s = sample();
    uint8_t hash[HASH_BYTES], *frame;
    size_t len;

    (void)state;
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    hash_sha256(frame, len - SIGNATURE_BYTES, hash);
    assert_memory_equal(s->b.hash, hash, HASH_BYTES);
    free(frame);
}

typedef void (*spoiler)(struct sample *s);
static void no_epoch(struct sample *s) { s->b.epoch = 0; }
static void no_seq(struct sample *s) { s->b.seq = 0; }
static void huge_seq(struct sample *s) { s->b.seq = UINT64_C(1) << 63; }
static void no_time(struct sample *s) { s->b.time_s = 0; }
static void late_time(struct sample *s) { s->b.time_s = INT64_MAX; }
static void floor_above(struct sample *s) { s->b.floor_seq = 2; }
static void floor_in_later_epoch(struct sample *s) { s->b.floor_epoch = 2, s->b.floor_seq = 0; }
static void bad_federation(struct sample *s) { strcpy(s->b.federation, "two words"); }
static void bad_category(struct sample *s) { strcpy(s->categories[1], "Spam"); }
static void empty_category(struct sample *s) { s->categories[1][0] = '\0'; }
static void same_category(struct sample *s) { strcpy(s->categories[1], "malware"); }
static void category_beyond(struct sample *s) { s->opinions[0].category = 2; }
static void black_beyond(struct sample *s) { s->opinions[0].black = MASS_STEPS; }
static void white_beyond(struct sample *s) { s->opinions[0].white = MASS_STEPS; }
static void from_the_future(struct sample *s) { s->opinions[0].time_s = BASE_S + 600; }
static void between_steps(struct sample *s) { s->opinions[0].time_s = BASE_S - 599; }
static void too_old(struct sample *s) { s->opinions[0].time_s = BASE_S - 30 * 86400 - 600; }
static void said_twice(struct sample *s) { say(s, "192.0.2.7", 0, 1, 0, BASE_S); }
static void host_bits(struct sample *s) { s->subjects[2].key[5] = 24; }
static void another_origin(struct sample *s) { s->b.origin[0] ^= 1; }

static void a_field_out_of_range_is_not_sealed(void **state)
{
    static const struct { const char *name; spoiler spoil; } cases[] = {
        { "no epoch", no_epoch }, { "no seq", no_seq }, { "huge seq", huge_seq }, { "no time", no_time }, { "late time", late_time },
        { "floor above itself", floor_above }, { "floor in a later epoch", floor_in_later_epoch }, { "federation", bad_federation },
        { "category in upper case", bad_category }, { "empty category", empty_category }, { "category twice", same_category },
        { "category beyond", category_beyond }, { "black beyond", black_beyond }, { "white beyond", white_beyond },
        { "evidence from the future", from_the_future }, { "time between steps", between_steps }, { "too old", too_old },
        { "one thing said twice", said_twice }, { "host bits", host_bits }, { "another origin", another_origin },
    };
    uint8_t *frame = NULL;
    size_t len = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample *s = sample();
        cases[i].spoil(s);
        if (batch_seal(&s->b, id, &frame, &len) != -EINVAL || frame != NULL)
            fail_msg("%s: sealed", cases[i].name);
    }
}

static void evidence_of_just_thirty_days_is_said(void **state)
{
    struct sample *s = sample();
    struct batch b;
    uint8_t *frame;
    size_t len;

    (void)state;
    s->opinions[2].time_s = BASE_S - OPINION_AGE_MAX_S;
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    assert_int_equal(open_frame(frame, len, &b), 0);
    assert_int_equal(b.opinions[0].time_s, BASE_S - OPINION_AGE_MAX_S);
    batch_close(&b);
    free(frame);
}

/* A body as it stands on the wire, put together field by field. */
struct body {
    uint8_t at[BATCH_FRAME_MAX + 1000];
    size_t len;
};

static void put_varint(struct body *w, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        w->at[w->len++] = (uint8_t)(value | 0x80);
    w->at[w->len++] = (uint8_t)value;
}

static void put_number(struct body *w, unsigned field, uint64_t value)
{
    put_varint(w, field << 3);
    put_varint(w, value);
}

static void put_run(struct body *w, unsigned field, const void *at, size_t len)
{
    put_varint(w, field << 3 | 2);
    put_varint(w, len);
    memcpy(w->at + w->len, at, len);
    w->len += len;
}

static struct body *plain_body(void)
{
    static struct body w;

    w.len = 0;
    put_run(&w, 1, identity_root(id), KEY_BYTES);
    put_run(&w, 2, "example-coalition", 17);
    put_number(&w, 3, 1);
    put_number(&w, 4, 1);
    put_number(&w, 8, NOW_S);
    put_number(&w, 9, 1);
    put_run(&w, 10, "spam", 4);
    return &w;
}

/* Signs the body as it is and opens it. */
static int open_body(const struct body *w)
{
    static uint8_t frame[BATCH_FRAME_MAX + 2000];
    struct batch b;
    int rc;

    memcpy(frame, "hearsay-batch-1\n", 16);
    memcpy(frame + 16, w->at, w->len);
    assert_int_equal(identity_sign(id, IDENTITY_OPERATIONAL, frame, 16 + w->len, frame + 16 + w->len), 0);
    rc = open_frame(frame, 16 + w->len + SIGNATURE_BYTES, &b);
    if (rc == 0)
        batch_close(&b);
    return rc;
}

static const char ADDR_7[] = "\x0a\x06\x04\xc0\0\x02\x07\x20";      /* Opinion.subject: 192.0.2.7 */
static const char ADDR_8[] = "\x0a\x06\x04\xc0\0\x02\x08\x20";

static void put_opinion(struct body *w, const char *subject, const char *rest, size_t rest_len)
{
    uint8_t opinion[64];

    memcpy(opinion, subject, 8);
    memcpy(opinion + 8, rest, rest_len);
    put_run(w, 11, opinion, 8 + rest_len);
}

static void a_signed_opinion_is_checked_all_the_same(void **state)
{
    static const struct { const char *name, *rest; size_t len; int want; } cases[] = {
        { "withdrawn", "", 0, 0 },
        { "black, white and age", "\x18\x08\x20\x08\x28\xe0\x21", 7, 0 },
        { "a field of a later version", "\x18\x01\x30\x01", 4, 0 },
        { "no such category", "\x10\x01", 2, -EINVAL },
        { "category over a byte", "\x10\x80\x02", 3, -EINVAL },
        { "black beyond the steps", "\x18\x0a", 2, -EINVAL },
        { "black over a byte", "\x18\x80\x02", 3, -EINVAL },
        { "white beyond the steps", "\x20\x0a", 2, -EINVAL },
        { "too old", "\x28\xe1\x21", 3, -EINVAL },
        { "far too old", "\x28\xff\xff\xff\xff\x0f", 6, -EINVAL },
        { "another subject of bad form", "\x0a\x01\x04", 3, -EINVAL },
        { "cut off", "\x18", 1, -EINVAL },
        { "a group", "\x33\x34", 2, -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct body *w = plain_body();
        put_opinion(w, ADDR_7, cases[i].rest, cases[i].len);
        int rc = open_body(w);
        if (rc != cases[i].want)
            fail_msg("%s: got %d, want %d", cases[i].name, rc, cases[i].want);
    }
}

static void opinions_must_ascend(void **state)
{
    struct body *w = plain_body();

    (void)state;
    put_opinion(w, ADDR_7, "", 0);
    put_opinion(w, ADDR_8, "", 0);
    assert_int_equal(open_body(w), 0);
    put_opinion(w, ADDR_8, "", 0);
    assert_int_equal(open_body(w), -EINVAL);
    w = plain_body();
    put_opinion(w, ADDR_8, "", 0);
    put_opinion(w, ADDR_7, "", 0);
    assert_int_equal(open_body(w), -EINVAL);
    w = plain_body();
    put_run(w, 10, "fraud", 5);
    put_opinion(w, ADDR_7, "", 0);
    put_opinion(w, ADDR_7, "\x10\x01", 2);                     /* the same subject in the next category */
    put_opinion(w, ADDR_8, "", 0);
    assert_int_equal(open_body(w), 0);
}

static void a_head_field_that_is_wrong_is_refused_though_signed(void **state)
{
    static const struct { const char *name; unsigned field; const char *run; size_t len; uint64_t number; int want; } cases[] = {
        { "an unknown field", 99, "whatever", 8, 0, 0 },
        { "an unknown number", 98, NULL, 0, UINT64_MAX, 0 },
        { "the last value of a field counts", 4, NULL, 0, 5, 0 },
        { "a federation with a NUL", 2, "example-coalition\0x", 19, 0, -EINVAL },
        { "another federation", 2, "example", 7, 0, -EXDEV },
        { "a federation too long", 2, "12345678901234567890123456789012345678901234567890123456789012345", 65, 0, -EINVAL },
        { "a short origin", 1, "short", 5, 0, -EINVAL },
        { "a short previous", 5, "short", 5, 0, -EINVAL },
        { "epoch zero", 3, NULL, 0, 0, -EINVAL },
        { "epoch over 32 bits", 3, NULL, 0, UINT64_C(1) << 32, -EINVAL },
        { "seq zero", 4, NULL, 0, 0, -EINVAL },
        { "seq over 63 bits", 4, NULL, 0, UINT64_MAX, -EINVAL },
        { "a negative time", 8, NULL, 0, UINT64_C(1) << 63, -EINVAL },
        { "a floor above", 7, NULL, 0, 1000, 0 },              /* in epoch 0, which is below */
        { "a floor in a later epoch", 6, NULL, 0, 2, -EINVAL },
        { "a category with a NUL", 10, "sp\0am", 5, 0, -EINVAL },
        { "the same category again", 10, "spam", 4, 0, -EINVAL },
        { "a category too long", 10, "a12345678901234567890123456789012", 33, 0, -EINVAL },
        { "an empty opinion", 11, "", 0, 0, -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct body *w = plain_body();
        if (cases[i].run != NULL)
            put_run(w, cases[i].field, cases[i].run, cases[i].len);
        else
            put_number(w, cases[i].field, cases[i].number);
        int rc = open_body(w);
        if (rc != cases[i].want)
            fail_msg("%s: got %d, want %d", cases[i].name, rc, cases[i].want);
    }
}

static void more_than_the_bounds_is_refused(void **state)
{
    struct body *w = plain_body();
    char category[] = "category-00";

    (void)state;
    for (int i = 1; i < BATCH_CATEGORIES_MAX; i++) {
        snprintf(category, sizeof category, "category-%02d", i);
        put_run(w, 10, category, 11);
    }
    assert_int_equal(open_body(w), 0);
    put_run(w, 10, "one-more", 8);
    assert_int_equal(open_body(w), -EINVAL);
    w = plain_body();
    for (int i = 0; i < BATCH_OPINIONS_MAX + 1; i++)
        put_run(w, 11, "", 0);
    assert_int_equal(open_body(w), -EINVAL);
    w = plain_body();
    while (w->len < BATCH_FRAME_MAX - 16 - SIGNATURE_BYTES - 2)
        put_number(w, 15, 1);                                  /* unknown fields: the dearest bytes to decode */
    assert_int_equal(open_body(w), 0);
    while (w->len <= BATCH_FRAME_MAX - 16 - SIGNATURE_BYTES)
        put_number(w, 15, 1);
    assert_int_equal(open_body(w), -EINVAL);
}

static void say_many(struct sample *s, size_t n)
{
    char text[SUBJECT_TEXT_MAX];

    s->b.opinions_n = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "9.%zu.%zu.1", i * 40503 % 65536 >> 8, i * 40503 % 256);
        say(s, text, 1, 8, 8, BASE_S - OPINION_AGE_MAX_S);
    }
}

static void as_many_opinions_as_allowed_fit_and_one_more_does_not(void **state)
{
    struct sample *s = sample();
    struct batch b;
    uint8_t *frame;
    size_t len;
    int rc;

    (void)state;
    say_many(s, BATCH_OPINIONS_MAX - 1000);
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    assert_int_equal(open_frame(frame, len, &b), 0);
    assert_int_equal(b.opinions_n, BATCH_OPINIONS_MAX - 1000);
    batch_close(&b);
    free(frame);
    say_many(s, BATCH_OPINIONS_MAX);
    rc = batch_seal(&s->b, id, &frame, &len);
    assert_int_equal(rc, -EMSGSIZE);                           /* 17 bytes each: the bytes end before the count */
    say_many(s, BATCH_OPINIONS_MAX + 1);
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), -EINVAL);
}

static void a_batch_filled_by_the_stated_sizes_always_fits(void **state)
{
    struct sample *s = sample();
    uint8_t *frame;
    size_t len, room = BATCH_FRAME_MAX - BATCH_HEAD_BYTES_MAX;
    char text[SUBJECT_TEXT_MAX];

    (void)state;
    for (int i = 0; i < BATCH_CATEGORIES_MAX; i++)
        snprintf(s->categories[i], sizeof s->categories[i], "c%031d", i);
    s->b.categories_n = BATCH_CATEGORIES_MAX;
    memset(s->b.federation, 'f', FEDERATION_MAX_BYTES);
    memset(s->b.previous, 1, HASH_BYTES);
    s->b.epoch = s->b.floor_epoch = UINT32_MAX;
    s->b.seq = s->b.floor_seq = s->b.record_serial = INT64_MAX;
    s->b.opinions_n = 0;
    for (int i = 0; ; i++) {
        snprintf(text, sizeof text, "a%05d.%0*d.example", i, 1 + i % 60, 1);
        if (batch_opinion_bytes_max(1 + strlen(text)) > room)
            break;
        room -= batch_opinion_bytes_max(1 + strlen(text));
        say(s, text, 31, 8, 8, BASE_S - OPINION_AGE_MAX_S);
    }
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    assert_in_range(len, BATCH_FRAME_MAX - BATCH_HEAD_BYTES_MAX, BATCH_FRAME_MAX);
    free(frame);
}

static void masses_round_to_the_nearest_step_on_a_logarithmic_scale(void **state)
{
    static const struct { uint64_t micro; unsigned step; } cases[] = {
        { 0, 0 }, { 1, 0 }, { 176776, 0 }, { 176777, 1 }, { 250000, 1 }, { 353553, 1 }, { 353554, 2 }, { 500000, 2 }, { 707106, 2 },
        { 707107, 3 }, { 1000000, 3 }, { 1414213, 3 }, { 1414214, 4 }, { 2000000, 4 }, { 2529822, 4 }, { 2529823, 9 },
        { 3200000, 9 }, { 3999999, 9 }, { 4000000, 5 }, { 5000000, 5 }, { 7071067, 5 }, { 7071068, 6 }, { 10000000, 6 }, { 14142135, 6 }, { 14142136, 7 }, { 20000000, 7 }, { 25298221, 7 }, { 25298222, 8 },
        { 32000000, 8 }, { UINT64_MAX, 8 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (mass_step(cases[i].micro) != cases[i].step)
            fail_msg("%llu: got step %u, want %u", (unsigned long long)cases[i].micro, mass_step(cases[i].micro), cases[i].step);
    }
    for (unsigned step = 0; step < MASS_STEPS; step++)
        assert_int_equal(mass_step(mass_of_step(step) * UINT64_C(1000)), step);
}

static void the_documented_frame_is_the_one_that_is_sealed_and_opened(void **state)
{
    uint8_t doc[1024], key[KEY_BYTES + 1], *frame;
    struct sample *s = sample();
    struct batch b;
    char text[SUBJECT_TEXT_MAX];
    struct subject subject;
    size_t len, doc_len = documented("batch", doc, sizeof doc);

    (void)state;
    assert_int_equal(documented("operational key", key, sizeof key), KEY_BYTES);
    assert_int_equal(batch_open((struct bytes){ doc, doc_len }, key, "example-coalition", &b), 0);
    assert_int_equal(b.opinions_n, 3);
    assert_int_equal(subject_from_key(b.opinions[0].key, b.opinions[0].key_len, &subject), 0);
    assert_string_equal(subject_text(&subject, text), "192.0.2.7");
    assert_int_equal(b.opinions[0].black, 5);
    assert_string_equal(b.categories[b.opinions[0].category], "malware");
    assert_int_equal(batch_seal(&s->b, id, &frame, &len), 0);
    assert_int_equal(len, doc_len);
    assert_memory_equal(frame, doc, len);
    assert_int_equal(documented("batch hash", key, sizeof key), HASH_BYTES);
    assert_memory_equal(b.hash, key, HASH_BYTES);
    batch_close(&b);
    free(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_is_opened_in_order),
        cmocka_unit_test(peeking_names_the_batch_without_its_key),
        cmocka_unit_test(a_batch_without_opinions_is_a_batch),
        cmocka_unit_test(any_changed_bit_is_a_wrong_signature_or_no_batch),
        cmocka_unit_test(a_wrong_signature_wins_over_every_other_fault),
        cmocka_unit_test(a_batch_of_another_federation_is_told_apart),
        cmocka_unit_test(the_hash_is_of_all_but_the_signature),
        cmocka_unit_test(a_field_out_of_range_is_not_sealed),
        cmocka_unit_test(evidence_of_just_thirty_days_is_said),
        cmocka_unit_test(a_signed_opinion_is_checked_all_the_same),
        cmocka_unit_test(opinions_must_ascend),
        cmocka_unit_test(a_head_field_that_is_wrong_is_refused_though_signed),
        cmocka_unit_test(more_than_the_bounds_is_refused),
        cmocka_unit_test(as_many_opinions_as_allowed_fit_and_one_more_does_not),
        cmocka_unit_test(a_batch_filled_by_the_stated_sizes_always_fits),
        cmocka_unit_test(masses_round_to_the_nearest_step_on_a_logarithmic_scale),
        cmocka_unit_test(the_documented_frame_is_the_one_that_is_sealed_and_opened),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
