#include "store/score.h"

/* decay[k] = floor(2^32 * 2^-(2^-(k+1))): one factor for each bit of the fraction of a half-life, the highest bit first.
 * Exact rule, the same on every machine:
 *   age = minute(now) - minute(time), 0 when negative;  halvings = age / half_life
 *   f = (age mod half_life) * 2^24 / half_life           (24 bits, truncated)
 *   p = 2^32; for k = 0..23: if bit 23-k of f is set, p = p * decay[k] / 2^32 (truncated)
 *   mass(now) = (mass * p / 2^32) / 2^halvings           (each truncated)
 * The relative error stays below 2^-23, and the result never grows with age: each step of f moves p by more than all truncations together. */
static const uint64_t decay[24] = {
    3037000499, 3611622602, 3938502375, 4112874773, 4202935003, 4248701964, 4271771996, 4283353945,
    4289156690, 4292061009, 4293513906, 4294240539, 4294603902, 4294785595, 4294876444, 4294921870,
    4294944583, 4294955939, 4294961617, 4294964456, 4294965876, 4294966586, 4294966941, 4294967118
};
enum { FRACTION_BITS = 24, HALVINGS_MAX = 40 };      /* after 40 halvings nothing is left of SCORE_R_MAX_MICRO */

static int64_t minute(int64_t time_s)
{
    int64_t rest = time_s % 60;
    return time_s - (rest < 0 ? rest + 60 : rest);
}

static uint64_t fraction_factor(uint64_t fraction)
{
    uint64_t p = UINT64_C(1) << 32;
    for (unsigned k = 0; k < FRACTION_BITS; k++)
        if (fraction >> (FRACTION_BITS - 1 - k) & 1)
            p = p * decay[k] >> 32;
    return p;
}

/* mass * p / 2^32, truncated, of any mass below 2^62. */
static int64_t scaled(int64_t mass, uint64_t p)
{
    uint64_t m = (uint64_t)mass;
    return (int64_t)((m >> 32) * p + ((m & UINT32_MAX) * p >> 32));
}

int64_t decayed_micro(int64_t micro, int64_t half_life_s, int64_t age_s)
{
    if (micro <= 0 || age_s / half_life_s >= 63)
        return 0;
    if (age_s <= 0)
        return micro;
    uint64_t p = fraction_factor(((uint64_t)(age_s % half_life_s) << FRACTION_BITS) / (uint64_t)half_life_s);
    return scaled(micro, p) >> (age_s / half_life_s);
}

static int64_t mass_capped(int64_t micro)
{
    if (micro < 0)
        return 0;
    return micro < SCORE_R_MAX_MICRO ? micro : SCORE_R_MAX_MICRO;
}

struct evidence evidence_at(struct evidence e, int64_t half_life_s, int64_t ttl_s, int64_t now_s)
{
    struct evidence now = { .time_s = now_s };
    int64_t age_s = minute(now_s) - minute(e.time_s);
    if (age_s > ttl_s || age_s < -SCORE_SKEW_S)
        return now;
    if (age_s < 0)
        age_s = 0;
    if (half_life_s < 1)
        half_life_s = 1;
    int64_t halvings = age_s / half_life_s;
    if (halvings > HALVINGS_MAX)
        return now;
    uint64_t p = fraction_factor(((uint64_t)(age_s % half_life_s) << FRACTION_BITS) / (uint64_t)half_life_s);
    now.black_micro = (int64_t)(((uint64_t)mass_capped(e.black_micro) * p >> 32) >> halvings);
    now.white_micro = (int64_t)(((uint64_t)mass_capped(e.white_micro) * p >> 32) >> halvings);
    return now;
}

/* Own evidence dated ahead of now means that the clock was set back: it counts on from now, rather than being lost. */
struct evidence evidence_add(struct evidence e, int64_t black_micro, int64_t white_micro,
                             int64_t half_life_s, int64_t ttl_s, int64_t now_s)
{
    struct evidence sum = e.time_s > now_s ? e : evidence_at(e, half_life_s, ttl_s, now_s);
    sum.time_s = now_s;
    sum.black_micro = mass_capped(mass_capped(sum.black_micro) + mass_capped(black_micro));
    sum.white_micro = mass_capped(mass_capped(sum.white_micro) + mass_capped(white_micro));
    return sum;
}

bool evidence_is_white(const struct evidence *e)
{
    return e->black_micro < SCORE_KAPPA_WHITE * e->white_micro;
}

int64_t opinion_micro(int64_t black_micro, int64_t white_micro)
{
    int64_t white = SCORE_KAPPA_WHITE * white_micro;
    return (black_micro - white) * MICRO / (black_micro + white + SCORE_W_MICRO);
}
