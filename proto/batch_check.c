#include "proto/batch_check.h"

#include <string.h>

#include "proto/request.h"
#include "proto/subject.h"

static const int64_t TIME_MAX_S = 253402300799;      /* the last second of the year 9999 */

static const uint32_t step_milli[MASS_STEPS] = { 0, 250, 500, 1000, 2000, 5000, 10000, 20000, 32000, 3200 };
static const uint8_t ascending[MASS_STEPS] = { 0, 1, 2, 3, 4, 9, 5, 6, 7, 8 };

uint32_t mass_of_step(unsigned step)
{
    return step_milli[step];
}

/* m >= sqrt(a * b) without a root: m * m >= a * b. With m at most 32,000,000 nothing overflows. */
unsigned mass_step(uint64_t micro)
{
    uint64_t below = 125000;         /* the step before 250, were there one */
    unsigned at = 0;

    if (micro >= step_milli[ascending[MASS_STEPS - 1]] * UINT64_C(1000))
        return ascending[MASS_STEPS - 1];
    while (at + 1 < MASS_STEPS) {
        uint64_t above = step_milli[ascending[at + 1]] * UINT64_C(1000);
        if (micro * micro < below * above)
            break;
        below = above;
        at++;
    }
    return ascending[at];
}

int64_t batch_base_s(int64_t time_s)
{
    return time_s - time_s % OPINION_TIME_STEP_S;
}

int opinion_compare(const void *a, const void *b)
{
    const struct opinion *x = a, *y = b;
    int order = memcmp(x->key, y->key, x->key_len < y->key_len ? x->key_len : y->key_len);

    if (order != 0)
        return order;
    if (x->key_len != y->key_len)
        return (int)x->key_len - (int)y->key_len;
    return (int)x->category - (int)y->category;
}

/* No blank and no control character: federations are compared byte by byte and printed. */
static bool federation_is_valid(const char *federation)
{
    for (; *federation != '\0'; federation++) {
        if (*federation <= ' ' || *federation > '~')
            return false;
    }
    return true;
}

static bool categories_are_sound(const struct batch *b)
{
    if (b->categories_n > BATCH_CATEGORIES_MAX)
        return false;
    for (size_t i = 0; i < b->categories_n; i++) {
        if (!category_is_valid(b->categories[i], strlen(b->categories[i])))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(b->categories[i], b->categories[j]) == 0)
                return false;
        }
    }
    return true;
}

static bool opinion_is_sound(const struct batch *b, const struct opinion *o, int64_t base_s)
{
    return o->category < b->categories_n && o->black < MASS_STEPS && o->white < MASS_STEPS && o->time_s >= 0 &&
           o->time_s % OPINION_TIME_STEP_S == 0 && o->time_s <= base_s && base_s - o->time_s <= OPINION_AGE_MAX_S;
}

/* A single IPv4 address, as most opinions are about: valid as it stands, and compared with another by one number. */
static inline bool is_address(const struct opinion *o)
{
    return o->key_len == 6 && o->key[0] == SUBJECT_IP4 && o->key[5] == 32;
}

/* Above 0. */
static inline uint64_t place_of(const struct opinion *o)
{
    return UINT64_C(1) << 40 | (uint64_t)o->key[1] << 32 | (uint64_t)o->key[2] << 24 | (uint64_t)o->key[3] << 16 | (uint64_t)o->key[4] << 8 | o->category;
}

static bool opinions_are_sound(const struct batch *b)
{
    int64_t base_s = batch_base_s(b->time_s);

    if (b->opinions_n > BATCH_OPINIONS_MAX)
        return false;
    uint64_t before = 0;                   /* as a number, if the one before was an address */
    for (size_t i = 0; i < b->opinions_n; i++) {
        const struct opinion *o = &b->opinions[i];
        uint64_t place = is_address(o) ? place_of(o) : 0;
        if (!opinion_is_sound(b, o, base_s) || (place == 0 && !subject_key_is_valid(o->key, o->key_len)))
            return false;
        if (i > 0 && (place != 0 && before != 0 ? place <= before : opinion_compare(o - 1, o) >= 0))
            return false;
        before = place;
    }
    return true;
}

static bool floor_is_sound(const struct batch *b)
{
    return b->floor_epoch < b->epoch || (b->floor_epoch == b->epoch && b->floor_seq <= b->seq);
}

bool batch_is_sound(const struct batch *b)
{
    return b->epoch > 0 && b->seq > 0 && b->seq <= INT64_MAX && b->record_serial <= INT64_MAX &&
           b->time_s > 0 && b->time_s <= TIME_MAX_S && floor_is_sound(b) && federation_is_valid(b->federation) &&
           categories_are_sound(b) && opinions_are_sound(b);
}
