/* For sets A and B that were fixed before the salt was drawn, the two products are polynomials in `point` that differ unless two batches' terms agree, and agree
 * at few points: of all salts less than one in 2^40 hides a difference, whoever made the batches. */
#include "proto/fingerprint.h"

static const uint64_t prime = (UINT64_C(1) << 61) - 1;

static uint64_t reduce(uint64_t x)
{
    x = (x & prime) + (x >> 61);
    return x >= prime ? x - prime : x;
}

/* By halves of 31 and 30 bits, since not every processor has a product of 128 bits: 2^61 counts as 1. */
static uint64_t times(uint64_t a, uint64_t b)
{
    const uint64_t low = (UINT64_C(1) << 31) - 1;
    uint64_t middle = (a >> 31) * (b & low) + (a & low) * (b >> 31);

    return reduce(2 * (a >> 31) * (b >> 31) + (middle >> 30) + ((middle & (low >> 1)) << 31) + (a & low) * (b & low));
}

static uint64_t number(const uint8_t at[8])
{
    uint64_t n = 0;

    for (int i = 0; i < 8; i++)
        n = n << 8 | at[i];
    return n;
}

void fingerprint_begin(struct fingerprint *f, const uint8_t salt[SALT_BYTES])
{
    f->factor = reduce(number(salt));
    f->point = reduce(number(salt + 8));
    f->product = 0;
}

void fingerprint_add(struct fingerprint *f, const uint8_t hash[SUM_HASH_BYTES])
{
    uint64_t term = reduce(times(f->factor, reduce(number(hash))) + reduce(number(hash + 8)));
    uint64_t difference = reduce(f->point + prime - term);

    f->product = f->product == 0 ? difference : times(f->product, difference);
}

void fingerprint_end(const struct fingerprint *f, uint8_t out[SUM_BYTES])
{
    for (int i = 0; i < SUM_BYTES; i++)
        out[i] = (uint8_t)(f->product >> (56 - 8 * i));
}
