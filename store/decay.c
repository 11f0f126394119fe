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
enum { FRACTION_BITS = 24, PREFIX_BITS = 8, HALVINGS_MAX = 40 };      /* after 40 halvings nothing is left of SCORE_R_MAX_MICRO */

static int64_t minute(int64_t time_s)
{
    int64_t rest = time_s % 60;
    return time_s - (rest < 0 ? rest + 60 : rest);
}

/* p after the first 8 bits, by their value: what the rule gives for them, so that a look at it spares a third of the work. tests/unit/test_decay.c compares. */
static const uint64_t prefix[1 << PREFIX_BITS] = {
    4294967296, 4283353945, 4271771996, 4260221363, 4248701964, 4237213711, 4225756523, 4214330314, 4202935003, 4191570502, 4180236730, 4168933604, 4157661041, 4146418958, 4135207273, 4124025904,
    4112874773, 4101753789, 4090662877, 4079601953, 4068570939, 4057569751, 4046598309, 4035656533, 4024744347, 4013861663, 4003008406, 3992184495, 3981389853, 3970624397, 3959888052, 3949180736,
    3938502375, 3927852885, 3917232191, 3906640214, 3896076878, 3885542104, 3875035816, 3864557936, 3854108390, 3843687096, 3833293982, 3822928969, 3812591984, 3802282948, 3792001788, 3781748427,
    3771522795, 3761324808, 3751154397, 3741011485, 3730896000, 3720807866, 3710747010, 3700713357, 3690706838, 3680727373, 3670774892, 3660849322, 3650950591, 3641078625, 3631233352, 3621414700,
    3611622602, 3601856976, 3592117757, 3582404871, 3572718250, 3563057819, 3553423511, 3543815252, 3534232976, 3524676607, 3515146079, 3505641320, 3496162264, 3486708837, 3477280971, 3467878598,
    3458501652, 3449150057, 3439823748, 3430522657, 3421246717, 3411995857, 3402770011, 3393569111, 3384393092, 3375241882, 3366115417, 3357013629, 3347936453, 3338883820, 3329855665, 3320851921,
    3311872527, 3302917409, 3293986505, 3285079749, 3276197079, 3267338425, 3258503725, 3249692913, 3240905927, 3232142698, 3223403166, 3214687264, 3205994930, 3197326099, 3188680708, 3180058693,
    3171459997, 3162884546, 3154332284, 3145803146, 3137297071, 3128813995, 3120353857, 3111916594, 3103502148, 3095110452, 3086741446, 3078395070, 3070071263, 3061769962, 3053491107, 3045234638,
    3037000499, 3028788619, 3020598945, 3012431414, 3004285969, 2996162548, 2988061092, 2979981542, 2971923840, 2963887924, 2955873737, 2947881219, 2939910314, 2931960961, 2924033103, 2916126681,
    2908241641, 2900377918, 2892535459, 2884714205, 2876914099, 2869135084, 2861377103, 2853640099, 2845924019, 2838228799, 2830554388, 2822900727, 2815267762, 2807655435, 2800063692, 2792492476,
    2784941736, 2777411409, 2769901444, 2762411785, 2754942379, 2747493169, 2740064101, 2732655121, 2725266177, 2717897209, 2710548168, 2703218997, 2695909645, 2688620056, 2681350178, 2674099957,
    2666869342, 2659658276, 2652466709, 2645294587, 2638141860, 2631008472, 2623894372, 2616799508, 2609723831, 2602667283, 2595629817, 2588611379, 2581611919, 2574631384, 2567669726, 2560726890,
    2553802832, 2546897492, 2540010824, 2533142777, 2526293301, 2519462345, 2512649860, 2505855795, 2499080103, 2492322730, 2485583629, 2478862750, 2472160044, 2465475461, 2458808954, 2452160472,
    2445529970, 2438917393, 2432322697, 2425745832, 2419186752, 2412645406, 2406121748, 2399615729, 2393127305, 2386656422, 2380203037, 2373767101, 2367348568, 2360947390, 2354563520, 2348196912,
    2341847521, 2335515296, 2329200194, 2322902167, 2316621169, 2310357155, 2304110078, 2297879893, 2291666557, 2285470018, 2279290236, 2273127162, 2266980754, 2260850965, 2254737750, 2248641065,
    2242560868, 2236497109, 2230449746, 2224418734, 2218404031, 2212405590, 2206423370, 2200457324, 2194507412, 2188573586, 2182655806, 2176754026, 2170868206, 2164998299, 2159144265, 2153306059
};

/* The bits that are set, the highest first: each other one changes nothing. */
static uint64_t fraction_factor(uint64_t fraction)
{
    uint64_t p = prefix[fraction >> (FRACTION_BITS - PREFIX_BITS)];
    for (uint64_t rest = fraction & ((UINT64_C(1) << (FRACTION_BITS - PREFIX_BITS)) - 1); rest != 0;) {
        unsigned bit = 63 - (unsigned)__builtin_clzll(rest);
        p = p * decay[FRACTION_BITS - 1 - bit] >> 32;
        rest ^= UINT64_C(1) << bit;
    }
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
