/* Proofs as files: proto/bundle.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bundle.h"
#include "proto/subject.h"
#include "tests/identities.h"

static struct identity *id;
static uint8_t record_frame[RECORD_FRAME_MAX];
static struct bytes record_bytes;
static struct bytes signed_batches[3];              /* 1/1 in two versions, then 1/2 */

static struct bytes sign(uint64_t seq, uint8_t last)
{
    const uint8_t key[] = { SUBJECT_IP4, 192, 0, 2, last, 32 };
    char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    struct opinion o = { .key = key, .key_len = sizeof key, .black = 5, .time_s = 1800000000 };
    struct batch b = { .epoch = 1, .seq = seq, .record_serial = 7, .time_s = 1800000000, .categories_n = 1, .categories = categories, .opinions_n = 1, .opinions = &o };
    uint8_t *frame = NULL;
    size_t len = 0;
    memcpy(b.origin, identity_root(id), KEY_BYTES);
    strcpy(b.federation, "any");
    assert_int_equal(batch_seal(&b, id, &frame, &len), 0);
    return (struct bytes){ frame, len };
}

static int make(void **state)
{
    struct record r = { .name = "mx.a.example", .serial = 7, .not_after_s = 1900000000 };
    size_t len = sizeof record_frame;
    (void)state;
    id = test_identity(0);
    identity_into_record(id, &r);
    if (record_seal(&r, id, record_frame, &len) != 0)
        return -1;
    record_bytes = (struct bytes){ record_frame, len };
    signed_batches[0] = sign(1, 1);
    signed_batches[1] = sign(1, 2);
    signed_batches[2] = sign(2, 3);
    return 0;
}

static int drop(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        free((void *)(uintptr_t)signed_batches[i].at);
    identity_destroy(&id);
    return 0;
}

static int read_back(const struct bytes *records, size_t records_n, const struct bytes *batches, size_t batches_n, struct bundle **out)
{
    char *text = NULL, why[BUNDLE_WHY_MAX] = "";
    assert_int_equal(bundle_write(records, records_n, batches, batches_n, &text), 0);
    int rc = bundle_read(text, strlen(text), out, why);
    assert_true((rc == 0) == (why[0] == '\0'));
    free(text);
    return rc;
}

static void a_pair_proves_equivocation(void **state)
{
    struct bundle *b = NULL;
    (void)state;
    assert_int_equal(read_back(&record_bytes, 1, signed_batches, 3, &b), 0);
    assert_int_equal(b->batches_n, 3);
    assert_true(bundle_equivocates(b, 0));
    assert_false(bundle_equivocates(b, 1));
    assert_false(bundle_equivocates(b, 2));
    assert_string_equal(b->batches[0].record->name, "mx.a.example");
    assert_true(memcmp(b->batches[0].batch.hash, b->batches[1].batch.hash, HASH_BYTES) < 0);
    bundle_close(&b);
    assert_null(b);
}

static void the_same_batch_twice_is_no_equivocation(void **state)
{
    const struct bytes twice[] = { signed_batches[0], signed_batches[0] };
    struct bundle *b = NULL;
    (void)state;
    assert_int_equal(read_back(&record_bytes, 1, twice, 2, &b), 0);
    assert_int_equal(b->batches_n, 1);
    assert_false(bundle_equivocates(b, 0));
    bundle_close(&b);
}

static void one_byte_changed_anywhere_proves_nothing(void **state)
{
    struct bundle *b = NULL;
    (void)state;
    for (size_t i = 0; i < signed_batches[1].len + record_bytes.len; i++) {
        uint8_t batch[512], record[RECORD_FRAME_MAX];
        struct bytes batches[] = { signed_batches[0], { batch, signed_batches[1].len } }, changed = { record, record_bytes.len };
        memcpy(batch, signed_batches[1].at, signed_batches[1].len);
        memcpy(record, record_bytes.at, record_bytes.len);
        *(i < signed_batches[1].len ? &batch[i] : &record[i - signed_batches[1].len]) ^= 1;
        assert_int_not_equal(read_back(&changed, 1, batches, 2, &b), 0);
        assert_null(b);
    }
}

static void a_batch_without_its_record_proves_nothing(void **state)
{
    struct identity *mine = id;
    struct bundle *b = NULL;
    struct bytes foreign;
    (void)state;
    id = test_identity(1);
    foreign = sign(1, 9);
    identity_destroy(&id);
    id = mine;
    assert_int_equal(read_back(&record_bytes, 1, &foreign, 1, &b), -ENOKEY);
    free((void *)(uintptr_t)foreign.at);
}

static void what_is_no_proof_is_refused(void **state)
{
    static const char *const texts[] = { "", "rubbish", "-----BEGIN HEARSAY PROOF-----\n", "-----BEGIN HEARSAY PROOF-----\n-----END HEARSAY PROOF-----\n",
        "-----BEGIN HEARSAY PROOF-----\nAAAA\n-----END HEARSAY PROOF-----\n", "-----BEGIN HEARSAY RECORD-----\nAAAA\n-----END HEARSAY RECORD-----\n",
        "-----BEGIN HEARSAY PROOF-----\naGVhcnNheS1wcm9vZi0xCg==\n-----END HEARSAY PROOF-----\n" };
    char why[BUNDLE_WHY_MAX];
    struct bundle *b = NULL;
    char *text = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(bundle_read(texts[i], strlen(texts[i]), &b, why), -EINVAL);
    assert_int_equal(bundle_write(&record_bytes, 1, signed_batches, 2, &text), 0);
    for (size_t cut = 0; cut + 2 < strlen(text); cut += 5)
        assert_int_not_equal(bundle_read(text, cut, &b, why), 0);
    free(text);
    assert_int_equal(bundle_write(&record_bytes, 1, signed_batches, 0, &text), -EINVAL);
    assert_null(b);
}

static struct subject host(uint8_t last)
{
    const uint8_t key[] = { SUBJECT_IP4, 192, 0, 2, last, 32 };
    struct subject s = { .len = sizeof key };
    memcpy(s.key, key, sizeof key);
    return s;
}

static int read_about(uint8_t last, const char *federation, const struct bytes *batches, size_t n, struct bundle **out, char why[BUNDLE_WHY_MAX])
{
    struct subject s = host(last);
    char *text = NULL;
    assert_int_equal(bundle_write_about(&s, false, federation, &record_bytes, 1, batches, n, &text), 0);
    int rc = bundle_read(text, strlen(text), out, why);
    free(text);
    return rc;
}

static void a_proof_about_a_subject_says_so(void **state)
{
    char why[BUNDLE_WHY_MAX] = "";
    struct bundle *b = NULL;
    (void)state;
    assert_int_equal(read_about(3, "any", &signed_batches[2], 1, &b, why), 0);
    assert_true(bundle_is_about(b, &b->batches[0].batch.opinions[0]));
    assert_string_equal(b->federation, "any");
    bundle_close(&b);
}

static void a_batch_of_another_subject_proves_nothing(void **state)
{
    const struct bytes batches[] = { signed_batches[2], signed_batches[0] };
    char why[BUNDLE_WHY_MAX] = "";
    struct bundle *b = NULL;
    (void)state;
    assert_int_equal(read_about(3, "any", batches, 2, &b, why), -EINVAL);
    assert_string_equal(why, "batch 2: says nothing of 192.0.2.3");
    assert_null(b);
}

static int read_network(const char *network, const struct bytes *batches, size_t n, struct bundle **out, char why[BUNDLE_WHY_MAX])
{
    uint8_t nobody[HASH_BYTES] = { 0 };
    struct subject s;
    const char *reason = "";
    char *text = NULL;
    assert_int_equal(subject_parse(network, strlen(network), nobody, &s, &reason), 0);
    assert_int_equal(bundle_write_about(&s, true, "any", &record_bytes, 1, batches, n, &text), 0);
    int rc = bundle_read(text, strlen(text), out, why);
    free(text);
    return rc;
}

static void a_proof_of_a_network_takes_what_is_within_and_nothing_else(void **state)
{
    char why[BUNDLE_WHY_MAX] = "";
    struct bundle *b = NULL;
    (void)state;
    assert_int_equal(read_network("192.0.2.0/30", signed_batches, 3, &b, why), 0);
    assert_true(b->network && b->batches_n == 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(bundle_is_about(b, &b->batches[i].batch.opinions[0]));
    bundle_close(&b);
    assert_int_equal(read_network("192.0.2.2/31", signed_batches, 3, &b, why), -EINVAL);
    assert_string_equal(why, "batch 1: says nothing of 192.0.2.2/31 or of what is within");
    assert_int_equal(read_network("2001:db8::/48", signed_batches, 3, &b, why), -EINVAL);
}

static void only_a_prefix_is_a_network(void **state)
{
    static const char *const none[] = { "192.0.2.3", "2001:db8:1:2::1", "mx.example.com" };
    char why[BUNDLE_WHY_MAX] = "";
    struct bundle *b = NULL;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(read_network(none[i], &signed_batches[2], 1, &b, why), -EINVAL);
        assert_string_equal(why, "it says that it is about a network, and names none");
    }
    assert_null(b);
}

static void a_batch_of_another_federation_proves_nothing(void **state)
{
    char why[BUNDLE_WHY_MAX] = "";
    struct bundle *b = NULL;
    (void)state;
    assert_int_equal(read_about(3, "other", &signed_batches[2], 1, &b, why), -EINVAL);
    assert_string_equal(why, "batch 1: of another federation than the proof says");
    assert_int_equal(read_about(3, "", &signed_batches[2], 1, &b, why), -EINVAL);
    assert_null(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_proves_equivocation),
        cmocka_unit_test(the_same_batch_twice_is_no_equivocation),
        cmocka_unit_test(one_byte_changed_anywhere_proves_nothing),
        cmocka_unit_test(a_batch_without_its_record_proves_nothing),
        cmocka_unit_test(what_is_no_proof_is_refused),
        cmocka_unit_test(a_proof_about_a_subject_says_so),
        cmocka_unit_test(a_batch_of_another_subject_proves_nothing),
        cmocka_unit_test(a_proof_of_a_network_takes_what_is_within_and_nothing_else),
        cmocka_unit_test(only_a_prefix_is_a_network),
        cmocka_unit_test(a_batch_of_another_federation_proves_nothing),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
