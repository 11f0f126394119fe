/* proto/batch_wire: what is read of a batch's body, compared with protobuf-c's reading of the same bytes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hearsay.pb-c.h"
#include "proto/batch_check.h"
#include "proto/batch_wire.h"
#include "proto/subject.h"
#include "tests/identities.h"
#include "tests/seed.h"

enum { OPINIONS = 5, ROUNDS = 200000, BODY_MAX = 1024, NOW = 1795188000 };

static uint32_t random_state = 1;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

static size_t make_body(uint8_t out[BODY_MAX])
{
    static char categories[2][CATEGORY_MAX_BYTES + 1] = { "malware", "spam" };
    static uint8_t keys[OPINIONS][6];
    static struct opinion opinions[OPINIONS];
    struct identity *id = test_identity(0);
    uint8_t *frame = NULL;
    size_t len = 0;
    struct batch b = { .federation = "unit", .epoch = 7, .seq = 300, .floor_epoch = 6, .floor_seq = 2, .time_s = NOW, .record_serial = 1795188000,
                       .categories_n = 2, .categories = categories, .opinions_n = OPINIONS, .opinions = opinions };
    memcpy(b.origin, identity_root(id), KEY_BYTES);
    memset(b.previous, 5, HASH_BYTES);
    for (size_t i = 0; i < OPINIONS; i++) {
        memcpy(keys[i], (const uint8_t[]){ SUBJECT_IP4, 192, 0, 2, (uint8_t)i, 32 }, 6);
        opinions[i] = (struct opinion){ .key = keys[i], .key_len = 6, .category = (uint8_t)(i % 2), .black = (uint8_t)i, .white = (uint8_t)(i % 3), .time_s = NOW - NOW % 600 - 600 * (int64_t)i * 40 };
    }
    assert_int_equal(batch_seal(&b, id, &frame, &len), 0);
    len -= strlen(BATCH_TAG) + SIGNATURE_BYTES;
    assert_true(len < BODY_MAX);
    memcpy(out, frame + strlen(BATCH_TAG), len);
    free(frame);
    identity_destroy(&id);
    return len;
}

/* ---- as protobuf-c reads it */

static bool text_is_good(const ProtobufCBinaryData *t, size_t max)
{
    return t->len <= max && (t->len == 0 || memchr(t->data, '\0', t->len) == NULL);
}

/* It takes a field of number 0, which protobuf does not have, for an unknown one. */
static bool numbers_are_good(const ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->n_unknown_fields; i++) {
        if (m->unknown_fields[i].tag == 0)
            return false;
    }
    return true;
}

static bool opinion_is_good(const Hearsay__Opinion *o)
{
    return numbers_are_good(&o->base) && o->subject.len <= UINT8_MAX && o->category < BATCH_CATEGORIES_MAX && o->black < MASS_STEPS && o->white < MASS_STEPS
           && o->age <= OPINION_AGE_MAX_S / OPINION_TIME_STEP_S;
}

static bool body_is_good(const Hearsay__BatchBody *m)
{
    bool good = numbers_are_good(&m->base) && m->origin.len == KEY_BYTES && (m->previous.len == 0 || m->previous.len == HASH_BYTES) && m->epoch != 0 && m->seq != 0 && m->time_s > 0
                && text_is_good(&m->federation, FEDERATION_MAX_BYTES) && m->n_categories <= BATCH_CATEGORIES_MAX;

    for (size_t i = 0; good && i < m->n_categories; i++)
        good = text_is_good(&m->categories[i], CATEGORY_MAX_BYTES);
    for (size_t i = 0; good && i < m->n_opinions; i++)
        good = opinion_is_good(m->opinions[i]);
    return good;
}

static void put_text(char *to, const ProtobufCBinaryData *from)
{
    if (from->len > 0)
        memcpy(to, from->data, from->len);
    to[from->len] = '\0';
}

/* Borrowed from the message. */
static bool read_by_library(const Hearsay__BatchBody *m, struct batch *b)
{
    static char categories[BATCH_CATEGORIES_MAX][CATEGORY_MAX_BYTES + 1];
    static struct opinion opinions[BODY_MAX];

    if (!body_is_good(m))
        return false;
    *b = (struct batch){ .epoch = m->epoch, .seq = m->seq, .floor_epoch = m->floor_epoch, .floor_seq = m->floor_seq, .time_s = m->time_s,
                         .record_serial = m->record_serial, .categories_n = m->n_categories, .opinions_n = m->n_opinions, .categories = categories, .opinions = opinions };
    memcpy(b->origin, m->origin.data, KEY_BYTES);
    if (m->previous.len > 0)
        memcpy(b->previous, m->previous.data, HASH_BYTES);
    put_text(b->federation, &m->federation);
    for (size_t i = 0; i < m->n_categories; i++)
        put_text(categories[i], &m->categories[i]);
    for (size_t i = 0; i < m->n_opinions; i++) {
        const Hearsay__Opinion *o = m->opinions[i];
        opinions[i] = (struct opinion){ .key = o->subject.data, .key_len = (uint8_t)o->subject.len, .category = (uint8_t)o->category, .black = (uint8_t)o->black,
                                        .white = (uint8_t)o->white, .time_s = batch_base_s(m->time_s) - (int64_t)o->age * OPINION_TIME_STEP_S };
    }
    return batch_is_sound(b);
}

static void assert_same(const struct batch *a, const struct batch *b)
{
    assert_memory_equal(a->origin, b->origin, KEY_BYTES);
    assert_memory_equal(a->previous, b->previous, HASH_BYTES);
    assert_string_equal(a->federation, b->federation);
    assert_true(a->epoch == b->epoch && a->seq == b->seq && a->floor_epoch == b->floor_epoch && a->floor_seq == b->floor_seq);
    assert_true(a->time_s == b->time_s && a->record_serial == b->record_serial);
    assert_int_equal(a->categories_n, b->categories_n);
    for (size_t i = 0; i < a->categories_n; i++)
        assert_string_equal(a->categories[i], b->categories[i]);
    assert_int_equal(a->opinions_n, b->opinions_n);
    for (size_t i = 0; i < a->opinions_n; i++) {
        const struct opinion *x = &a->opinions[i], *y = &b->opinions[i];
        assert_true(x->key_len == y->key_len && memcmp(x->key, y->key, x->key_len) == 0);
        assert_true(x->category == y->category && x->black == y->black && x->white == y->white && x->time_s == y->time_s);
    }
}

static uint64_t next_varint(const uint8_t **at, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return value;
}

/* A tag or a length of more than 32 bits: protobuf-c cuts it, we refuse it. `deep`: in opinions as well. */
static bool has_long_number(const uint8_t *at, const uint8_t *end, bool deep)
{
    while (at < end) {
        uint64_t tag = next_varint(&at, end), len = 0;
        if (tag > UINT32_MAX)
            return true;
        if ((tag & 7) == 0)
            next_varint(&at, end);
        else if ((tag & 7) == 2)
            len = next_varint(&at, end);
        else
            len = (tag & 7) == 1 ? 8 : 4;
        if (len > UINT32_MAX)
            return true;
        if (len > (size_t)(end - at))
            return false;
        if (deep && tag == (11 << 3 | 2) && has_long_number(at, at + len, false))
            return true;
        at += len;
    }
    return false;
}

/* *taken: by both. */
static void compare(const uint8_t *body, size_t len, unsigned *taken)
{
    Hearsay__BatchBody *m = hearsay__batch_body__unpack(NULL, len, body);
    struct batch theirs = { 0 }, ours = { 0 };
    bool good = m != NULL && !has_long_number(body, body + len, true) && read_by_library(m, &theirs);

    assert_int_equal(batch_decode((struct bytes){ body, len }, NULL, &ours) == 0, good);
    if (good) {
        assert_same(&ours, &theirs);
        batch_close(&ours);
        *taken += 1;
    }
    if (m != NULL)
        hearsay__batch_body__free_unpacked(m, NULL);
}

/* ---- changes */

static size_t cut_or_repeat(uint8_t *body, size_t len)
{
    size_t from = draw((uint32_t)len), n = 1 + draw(40);

    n = n < len - from ? n : len - from;
    if (draw(2) == 0) {
        memmove(body + from, body + from + n, len - from - n);
        return len - n;
    }
    if (len + n > BODY_MAX)
        return len;
    memmove(body + from + n, body + from, len - from);
    return len + n;
}

static size_t change(uint8_t *body, size_t len)
{
    static const uint8_t likely[] = { 0x00, 0x01, 0x08, 0x0a, 0x0d, 0x10, 0x12, 0x18, 0x20, 0x28, 0x5a, 0x52, 0x7f, 0x80, 0xff };

    switch (draw(4)) {
    case 0:
        body[draw((uint32_t)len)] ^= (uint8_t)(1u << draw(8));
        return len;
    case 1:
        body[draw((uint32_t)len)] = likely[draw(sizeof likely)];
        return len;
    case 2:
        return cut_or_repeat(body, len);
    default:
        body[len] = likely[draw(sizeof likely)];         /* another field behind */
        body[len + 1] = (uint8_t)draw(4);
        return len + 2;
    }
}

static void what_is_read_is_what_protobuf_reads(void **state)
{
    uint8_t whole[BODY_MAX], body[BODY_MAX + 16];
    size_t whole_len = make_body(whole);
    unsigned taken = 0;

    (void)state;
    compare(whole, whole_len, &taken);
    assert_int_equal(taken, 1);
    for (int i = 0; i < ROUNDS; i++) {
        size_t len = whole_len;
        memcpy(body, whole, len);
        for (uint32_t n = 1 + draw(3); n > 0 && len > 1 && len < BODY_MAX; n--)
            len = change(body, len);
        compare(body, len, &taken);
    }
    assert_true(taken > ROUNDS / 50 && taken < ROUNDS / 2);      /* it was asked about both kinds */
}

/* protobuf lets both stand for smaller numbers in some libraries: no honest encoder writes them. */
static void a_tag_or_a_length_of_more_than_32_bits_is_malformed(void **state)
{
    static const uint8_t long_tag[] = { 0x98, 0x80, 0x80, 0x80, 0x80, 0x00, 7 }, long_length[] = { 0x7a, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 7 };
    static const uint8_t zero[] = { 0x00, 1 };
    uint8_t body[BODY_MAX + 16];
    size_t len = make_body(body);
    struct batch b = { 0 };

    (void)state;
    memcpy(body + len, long_tag, sizeof long_tag);
    assert_int_equal(batch_decode((struct bytes){ body, len + sizeof long_tag }, NULL, &b), -EINVAL);
    memcpy(body + len, long_length, sizeof long_length);
    assert_int_equal(batch_decode((struct bytes){ body, len + sizeof long_length }, NULL, &b), -EINVAL);
    memcpy(body + len, zero, sizeof zero);
    assert_int_equal(batch_decode((struct bytes){ body, len + sizeof zero }, NULL, &b), -EINVAL);
    assert_int_equal(batch_decode((struct bytes){ body, len }, "another", &b), -EXDEV);
    assert_int_equal(batch_decode((struct bytes){ body, len }, "unit", &b), 0);
    batch_close(&b);
}

int main(void)
{
    random_state = (uint32_t)seeded(random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_what_protobuf_reads),
        cmocka_unit_test(a_tag_or_a_length_of_more_than_32_bits_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
