/* proto/fingerprint.h: sums of sets of batches, and the example of proto/PROTOCOL.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/fingerprint.h"

static const uint8_t salt[SALT_BYTES] = { 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff };
static const uint8_t first[SUM_HASH_BYTES] = { 0xd1, 0x10, 0x20, 0x94, 0x9b, 0xed, 0x58, 0x2b, 0x9e, 0x2f, 0xfd, 0xd6, 0x65, 0x6b, 0x5e, 0x84 };
static const uint8_t second[SUM_HASH_BYTES] = { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa };

static void assert_sum(const uint8_t *const hashes[], size_t n, const uint8_t expected[SUM_BYTES])
{
    struct fingerprint f;
    uint8_t sum[SUM_BYTES];

    fingerprint_begin(&f, salt);
    for (size_t i = 0; i < n; i++)
        fingerprint_add(&f, hashes[i]);
    fingerprint_end(&f, sum);
    assert_memory_equal(sum, expected, SUM_BYTES);
}

static void the_sums_of_the_document_come_out(void **state)
{
    static const uint8_t none[SUM_BYTES], one[] = { 0x1b, 0xd0, 0x4d, 0xd9, 0xfb, 0xca, 0xa6, 0xf9 }, two[] = { 0x03, 0x8b, 0xd2, 0x24, 0xb7, 0x0a, 0x3e, 0x89 };

    (void)state;
    assert_sum(NULL, 0, none);
    assert_sum((const uint8_t *[]){ first }, 1, one);
    assert_sum((const uint8_t *[]){ first, second }, 2, two);
}

static void order_does_not_matter(void **state)
{
    static const uint8_t two[] = { 0x03, 0x8b, 0xd2, 0x24, 0xb7, 0x0a, 0x3e, 0x89 };

    (void)state;
    assert_sum((const uint8_t *[]){ second, first }, 2, two);
}

/* As Python's integers have it, at the ends of the range: hashes and salts of all ones and all zeros. */
static void the_ends_of_the_range_are_reckoned_rightly(void **state)
{
    static const uint8_t ones[SALT_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, zeros[SALT_BYTES];
    struct fingerprint f;
    uint8_t sum[SUM_BYTES];

    (void)state;
    fingerprint_begin(&f, ones);       /* both parts are 2^64 - 1, which is 7 */
    fingerprint_add(&f, ones);         /* 7 - 7 * 7 - 7 = -49 */
    fingerprint_add(&f, zeros);        /* 7 */
    fingerprint_end(&f, sum);          /* -343 */
    assert_memory_equal(sum, ((const uint8_t[]){ 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xa8 }), SUM_BYTES);
}

static void another_salt_gives_another_sum(void **state)
{
    uint8_t other[SALT_BYTES], a[SUM_BYTES], b[SUM_BYTES];
    struct fingerprint f;

    (void)state;
    for (int i = 0; i < SALT_BYTES; i++) {
        memcpy(other, salt, SALT_BYTES);
        other[i] ^= 1;
        fingerprint_begin(&f, salt);
        fingerprint_add(&f, first);
        fingerprint_end(&f, a);
        fingerprint_begin(&f, other);
        fingerprint_add(&f, first);
        fingerprint_end(&f, b);
        assert_memory_not_equal(a, b, SUM_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sums_of_the_document_come_out),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(the_ends_of_the_range_are_reckoned_rightly),
        cmocka_unit_test(another_salt_gives_another_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
