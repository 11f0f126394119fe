#include <string.h>

#include "store/reliability.h"

enum { HOUR_S = 3600 };

/* Empties the buckets of the hours that have passed. A clock that was set back begins anew. */
static void turn_to(struct breaker *b, int64_t hour)
{
    if (hour < b->hour || hour - b->hour >= BREAKER_HOURS) {
        memset(b->judged, 0, sizeof b->judged);
        memset(b->refuted, 0, sizeof b->refuted);
    } else {
        for (int64_t h = b->hour + 1; h <= hour; h++)
            b->judged[h % BREAKER_HOURS] = b->refuted[h % BREAKER_HOURS] = 0;
    }
    b->hour = hour;
}

void breaker_note(struct breaker *b, bool refuted, int64_t now_s)
{
    turn_to(b, now_s / HOUR_S);
    uint16_t *judged = &b->judged[b->hour % BREAKER_HOURS], *bad = &b->refuted[b->hour % BREAKER_HOURS];
    if (*judged < UINT16_MAX)
        ++*judged;
    if (refuted && *bad < UINT16_MAX)
        ++*bad;
}

void breaker_day(const struct breaker *b, int64_t now_s, unsigned *judged, unsigned *refuted)
{
    struct breaker now = *b;
    turn_to(&now, now_s / HOUR_S);
    *judged = *refuted = 0;
    for (size_t i = 0; i < BREAKER_HOURS; i++) {
        *judged += now.judged[i];
        *refuted += now.refuted[i];
    }
}

bool breaker_check(struct breaker *b, int64_t now_s)
{
    unsigned judged, refuted;
    if (breaker_is_open(b, now_s))
        return false;
    turn_to(b, now_s / HOUR_S);
    breaker_day(b, now_s, &judged, &refuted);
    if (refuted < BREAKER_REFUTED_MIN || refuted * BREAKER_PARTS <= judged)
        return false;
    if (b->until_s != 0 && now_s - b->until_s >= BREAKER_FORGET_S)
        b->times = 0;
    unsigned doublings = b->times < BREAKER_DOUBLINGS_MAX ? b->times : BREAKER_DOUBLINGS_MAX;
    b->until_s = now_s + ((int64_t)BREAKER_S << doublings);
    b->times = doublings + 1;
    memset(b->judged, 0, sizeof b->judged);
    memset(b->refuted, 0, sizeof b->refuted);
    return true;
}

void breaker_reset(struct breaker *b)
{
    memset(b, 0, sizeof *b);
}

void breaker_pack(const struct breaker *b, uint8_t out[BREAKER_BYTES])
{
    for (size_t i = 0; i < BREAKER_HOURS; i++) {
        out[4 * i] = (uint8_t)(b->judged[i] >> 8);
        out[4 * i + 1] = (uint8_t)b->judged[i];
        out[4 * i + 2] = (uint8_t)(b->refuted[i] >> 8);
        out[4 * i + 3] = (uint8_t)b->refuted[i];
    }
}

void breaker_unpack(struct breaker *b, const uint8_t in[BREAKER_BYTES])
{
    for (size_t i = 0; i < BREAKER_HOURS; i++) {
        b->judged[i] = (uint16_t)(in[4 * i] << 8 | in[4 * i + 1]);
        b->refuted[i] = (uint16_t)(in[4 * i + 2] << 8 | in[4 * i + 3]);
    }
}
