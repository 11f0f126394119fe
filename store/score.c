#include "store/score.h"

/* The two soonest of some times, in seconds from now. */
struct soonest { int64_t first_s, second_s; };

/* How fast a sum of groups can move that no clamp holds, and how long those that one holds are surely held. */
struct slope { int64_t free_rate_micro, held_s; };

/* What one pass over the voices gives. */
struct tally {
    int64_t half_life_s, ttl_s, now_s;
    int64_t slack_micro;        /* how much more than SCORE_G_MIN_MICRO a group must say to be counted; 0 but when looking ahead */
    struct score score;
    int64_t black_micro, white_micro;           /* all that speaks for each side, unclamped: neither grows with time */
    int64_t rate_micro;         /* |dS/dt| is at most this, in millionths per half-life, times ln 2 */
    struct slope all, stood;                    /* of S, and of what stands */
    struct soonest groups_black, groups_white, groups_stood;       /* within this time no group crosses the quorum's bound, but by a jump */
    int64_t jump_s;             /* when the next voice appears or vanishes at one blow */
    int64_t contest_micro;      /* how much stands behind good mail, and ... */
    unsigned contest_groups;    /* ... how many groups have it */
    int64_t contest_s;          /* within this time none of that changes, but by a jump */
    int64_t stands_s;           /* when the next word will stand against that */
    uint64_t stood_by;          /* as score.said_by, of what stands */
    bool own_black;             /* own evidence takes that side */
    unsigned both_n;            /* voices with masses of both colours */
    bool says_black, says_white; /* somebody takes that side, however little it weighs */
    bool ahead;                 /* some voice is dated too far ahead to count yet */
};

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static int64_t absolute(int64_t x)
{
    return x < 0 ? -x : x;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t minute(int64_t time_s)
{
    return time_s - time_s % 60;
}

/* How long what moves by `rate` per half-life (times ln 2, here 0.6932) surely stays within `gap`. */
static int64_t crossing_s(int64_t gap_micro, int64_t rate_micro, int64_t half_life_s)
{
    static const int64_t long_enough = INT64_C(1000000000000);
    return gap_micro <= 0 ? 0 : min64(gap_micro * half_life_s / max64(rate_micro, 1), long_enough) * 10000 / 6932;
}

static void note_soonest(struct soonest *s, int64_t in_s)
{
    if (in_s < s->first_s) {
        s->second_s = s->first_s;
        s->first_s = in_s;
    } else {
        s->second_s = min64(s->second_s, in_s);
    }
}

static void tally_jump(struct tally *t, const struct evidence *e, int64_t v_micro)
{
    int64_t due_s = minute(e->time_s) - SCORE_SKEW_S;
    if (due_s > minute(t->now_s)) {
        t->ahead = true;
        t->jump_s = min64(t->jump_s, due_s);
    } else if (v_micro != 0) {
        t->jump_s = min64(t->jump_s, minute(minute(e->time_s) + t->ttl_s) + 60);
    }
}

/* How long an opinion surely stays beyond SCORE_SIDE_MICRO, a fifth. With a = |r - k s| and b = r + k s its slope until then is at most ln2/h * |v| * (a - b/5) / a, by
 * where it will be when it comes there; that is ln2/h * (a - b/5) / (b + W). The slack is for truncations. */
static int64_t side_s(const struct tally *t, const struct evidence *now, int64_t v_micro)
{
    int64_t white = SCORE_KAPPA_WHITE * now->white_micro, b = now->black_micro + white;
    int64_t rate_micro = (absolute(now->black_micro - white) - b / 5) * MICRO / (b + SCORE_W_MICRO) + 2;
    return crossing_s(absolute(v_micro) - SCORE_SIDE_MICRO - 8, rate_micro, t->half_life_s);
}

/* What is said, and how fast it can change. */
struct sum { int64_t micro, rate_micro; };

/* What one voice says: for the score, and for the quorum, by its trust alone. */
struct word { int64_t v_micro, side_s; struct sum said, head; };

/* weight * v of one voice. Its slope: v = a x / (b x + W) with x = 2^-(t/h) gives |dv/dt| = ln2/h * |v| * W / (b x + W),
 * which is at most ln2/h * min(|v|, 1/4), and so it stays since |v| only shrinks. */
static struct sum weighed(int64_t v_micro, int64_t weight_micro)
{
    return (struct sum){ weight_micro * v_micro / MICRO, min64(MICRO / 4, absolute(v_micro)) * weight_micro / MICRO + 1 };
}

static struct word tally_voice(struct tally *t, const struct evidence *e, int64_t weight_micro, int64_t say_micro)
{
    struct evidence now = evidence_at(*e, t->half_life_s, t->ttl_s, t->now_s);
    struct word w = { .v_micro = opinion_micro(now.black_micro, now.white_micro) };
    w.said = weighed(w.v_micro, weight_micro);
    w.head = weighed(w.v_micro, say_micro);
    *(w.v_micro > 0 ? &t->black_micro : &t->white_micro) += absolute(w.said.micro);
    t->says_black |= w.said.micro > 0 || w.head.micro > 0;
    t->says_white |= w.said.micro < 0 || w.head.micro < 0;
    t->both_n += now.black_micro > 0 && now.white_micro > 0;
    if (absolute(w.v_micro) > SCORE_SIDE_MICRO)
        w.side_s = side_s(t, &now, w.v_micro);
    if (e->black_micro > 0 || e->white_micro > 0)
        tally_jump(t, e, w.v_micro);
    return w;
}

static void note_slope(struct slope *s, int64_t counted_micro, const struct sum *sum, int64_t half_life_s)
{
    if (counted_micro == sum->micro)
        s->free_rate_micro += sum->rate_micro;
    else
        s->held_s = min64(s->held_s, crossing_s(absolute(sum->micro - counted_micro), sum->rate_micro, half_life_s));
}

/* What counts crosses the quorum's bound when the sum of heads does, which the clamp may hold far from it. */
static void tally_bounds(struct tally *t, int64_t x_micro, const struct sum *heads, unsigned bit)
{
    int64_t bound = SCORE_G_MIN_MICRO + t->slack_micro;
    t->score.groups += x_micro >= bound;
    t->score.said_by |= (uint64_t)(x_micro >= bound) << bit;
    t->score.groups_white += x_micro <= -bound;
    note_soonest(&t->groups_black, crossing_s(absolute(heads->micro - bound), heads->rate_micro, t->half_life_s));
    note_soonest(&t->groups_white, crossing_s(absolute(heads->micro + bound), heads->rate_micro, t->half_life_s));
}

/* The same of what stands. */
static void tally_stood(struct tally *t, int64_t x_micro, const struct sum *heads, unsigned bit)
{
    int64_t bound = SCORE_G_MIN_MICRO + t->slack_micro;
    t->score.stood_groups += x_micro >= bound;
    t->stood_by |= (uint64_t)(x_micro >= bound) << bit;
    note_soonest(&t->groups_stood, crossing_s(absolute(heads->micro - bound), heads->rate_micro, t->half_life_s));
}

/* What one group says, for the score and, as heads, for the quorum; stood: of that what stands. `good`: the weight of those who had good mail. */
struct group_sum { struct sum all, stood, heads, stood_heads; int64_t good_micro; };

static void sum_add(struct sum *to, const struct sum *part, bool counts)
{
    to->micro += counts ? part->micro : 0;
    to->rate_micro += part->rate_micro;
}

static void tally_member(struct tally *t, struct group_sum *g, const struct voice *v)
{
    struct word w = tally_voice(t, &v->evidence, v->weight_micro, v->say_micro);
    bool stands = w.v_micro <= 0 || v->stands_s <= minute(t->now_s);
    sum_add(&g->all, &w.said, true);
    sum_add(&g->stood, &w.said, stands);
    sum_add(&g->heads, &w.head, true);
    sum_add(&g->stood_heads, &w.head, stands);
    if (!stands)
        t->stands_s = min64(t->stands_s, v->stands_s);
    if (w.v_micro >= -SCORE_SIDE_MICRO)
        return;
    if (v->stands_s > minute(t->now_s)) {
        t->jump_s = min64(t->jump_s, v->stands_s);
        return;
    }
    g->good_micro += v->weight_micro;
    t->contest_s = min64(t->contest_s, w.side_s);
}

static void tally_group(struct tally *t, const struct group_sum *g, int64_t trust_micro, unsigned bit)
{
    int64_t low = -(trust_micro / 2), all_micro = clamp(g->all.micro, low, trust_micro), stood_micro = clamp(g->stood.micro, low, trust_micro);
    t->score.micro += all_micro;
    t->score.stood_micro += stood_micro;
    t->rate_micro += g->all.rate_micro;
    note_slope(&t->all, all_micro, &g->all, t->half_life_s);
    note_slope(&t->stood, stood_micro, &g->stood, t->half_life_s);
    tally_bounds(t, clamp(g->heads.micro, low, trust_micro), &g->heads, bit);
    tally_stood(t, clamp(g->stood_heads.micro, low, trust_micro), &g->stood_heads, bit);
    t->contest_micro += min64(g->good_micro, trust_micro);
    t->contest_groups += g->good_micro > 0;
}

static void tally_voices(struct tally *t, const struct voice *voices, size_t n)
{
    struct group_sum g = { .good_micro = 0 };
    for (size_t i = 0; i < n; i++) {
        tally_member(t, &g, &voices[i]);
        if (i + 1 < n && voices[i + 1].group == voices[i].group)
            continue;
        tally_group(t, &g, voices[i].trust_micro, voices[i].bit);
        g = (struct group_sum){ .good_micro = 0 };
    }
}

static void tally_own(struct tally *t, const struct evidence *own)
{
    struct word w = tally_voice(t, own, SCORE_SELF_MICRO, SCORE_SELF_MICRO);
    t->score.own_micro = w.said.micro;
    t->score.micro += w.said.micro;
    t->score.stood_micro += w.said.micro;
    t->rate_micro += w.said.rate_micro;
    t->all.free_rate_micro += w.said.rate_micro;
    t->stood.free_rate_micro += w.said.rate_micro;
    tally_bounds(t, w.said.micro, &w.said, SCORE_BIT_OWN);
    tally_stood(t, w.said.micro, &w.said, SCORE_BIT_OWN);
    t->score.veto = w.said.micro < 0 &&
                    evidence_at(*own, t->half_life_s, t->ttl_s, t->now_s).white_micro >= SCORE_VETO_MICRO;
    if (t->score.veto) {
        t->score.micro = min64(t->score.micro, 0);
        t->score.stood_micro = min64(t->score.stood_micro, 0);
    }
    t->own_black = w.v_micro > SCORE_SIDE_MICRO;
    if (t->own_black)
        t->contest_s = min64(t->contest_s, w.side_s);
}

/* Good mail only fades: a contest ends by time, and begins by it only when own evidence ceases to be black. */
static void tally_contest(struct tally *t)
{
    if (t->contest_groups < SCORE_CONTEST_GROUPS || t->contest_micro < SCORE_CONTEST_MICRO)
        return;
    t->score.contested = !t->own_black;
    t->jump_s = min64(t->jump_s, minute(t->now_s) + minute(min64(t->contest_s, t->ttl_s)));
    if (!t->score.contested)
        return;
    t->jump_s = min64(t->jump_s, t->stands_s);
    t->score.said_by = t->stood_by;
}

static void tally_all(struct tally *t, const struct voice *voices, size_t n, const struct evidence *own)
{
    t->jump_s = t->contest_s = t->stands_s = t->all.held_s = t->stood.held_s = INT64_MAX;
    t->groups_black = t->groups_white = t->groups_stood = (struct soonest){ INT64_MAX, INT64_MAX };
    tally_voices(t, voices, n);
    if (own != NULL)
        tally_own(t, own);
    tally_contest(t);
    t->score.may_rise = t->ahead || (t->says_black && t->says_white);
}

int64_t score_stands_s(bool white, int64_t since_s, uint32_t reliability_micro)
{
    if (white)
        return reliability_micro < SCORE_VOUCH_MICRO ? INT64_MAX : 0;
    if (since_s <= 0 || reliability_micro < SCORE_DOUBT_MICRO)
        return INT64_MAX;
    return minute(since_s) + SCORE_STAND_S;
}

struct score score_of(const struct voice *voices, size_t n, const struct evidence *own,
                      int64_t half_life_s, int64_t ttl_s, int64_t now_s)
{
    struct tally t = { .half_life_s = half_life_s, .ttl_s = ttl_s, .now_s = now_s };
    tally_all(&t, voices, n, own);
    return t.score;
}

/* ---- the rule of a zone */

unsigned score_quorum(const struct policy_zone *z, size_t groups_n)
{
    if (z->quorum != 0)
        return z->quorum;
    return groups_n >= 10 ? 3 : 2;
}

/* The rule of a zone, seen from the zone's colour. */
struct side {
    int64_t score_micro, own_micro;
    unsigned groups;
};

static struct side side_of(const struct policy_zone *z, const struct score *s)
{
    if (z->white)
        return (struct side){ -s->micro, -s->own_micro, s->groups_white };
    if (s->contested)
        return (struct side){ s->stood_micro, s->own_micro, s->stood_groups };
    return (struct side){ s->micro, s->own_micro, s->groups };
}

static int64_t threshold_of(const struct policy_zone *z, bool was)
{
    return was ? z->threshold_micro / 2 : z->threshold_micro;
}

static unsigned quorum_of(const struct policy_zone *z, const struct side *s, size_t groups_n, bool was)
{
    unsigned quorum = score_quorum(z, groups_n);
    if (z->own && s->own_micro >= SCORE_G_MIN_MICRO)
        return 1;
    return was && quorum > 1 ? quorum - 1 : quorum;
}

bool score_lists(const struct policy_zone *z, const struct score *s, size_t groups_n, bool was)
{
    struct side side = side_of(z, s);
    return side.score_micro >= threshold_of(z, was) && side.groups >= quorum_of(z, &side, groups_n, was);
}

/* ---- looking ahead */

/* Truncation lets v flicker by up to 4 millionths where masses of both colours decay together; one colour alone falls steadily. */
static int64_t slack_of(const struct tally *t)
{
    return 8 * (int64_t)t->both_n;
}

/* By how much it is listed at that time, 0 or less: not surely. Voices all of one side only fade: once gone, it stays gone. */
static int64_t margin_at(const struct policy_zone *z, const struct tally *now, const struct voice *voices, size_t n,
                         const struct evidence *own, size_t groups_n, int64_t at_s)
{
    struct tally t = { .half_life_s = now->half_life_s, .ttl_s = now->ttl_s, .now_s = at_s, .slack_micro = slack_of(now) };
    tally_all(&t, voices, n, own);
    struct side side = side_of(z, &t.score);
    side.own_micro -= t.slack_micro;
    int64_t margin = side.score_micro - t.slack_micro - threshold_of(z, true) + 1;
    return side.groups >= quorum_of(z, &side, groups_n, true) ? margin : min64(margin, 0);
}

/* The first minute at which it is not surely listed. Halving finds it in 16 looks; guessing where the margin's fall would
 * end, between two halvings, takes less than half as many. */
static int64_t fading_look(const struct policy_zone *z, const struct tally *now, const struct voice *voices, size_t n,
                           const struct evidence *own, size_t groups_n)
{
    int64_t low = 1, high = now->ttl_s / 60;      /* minutes from now; `high` is looked at anyway */
    int64_t start_s = minute(now->now_s);
    int64_t low_margin = margin_at(z, now, voices, n, own, groups_n, now->now_s), high_margin = 0;
    for (unsigned turn = 0; low < high; turn++) {
        int64_t middle = low + (high - low) / 2;
        if (turn % 3 != 0 && low_margin > high_margin && high_margin < 0)
            middle = low + (high - low) * low_margin / (low_margin - high_margin);
        middle = clamp(middle, low, high - 1);
        int64_t margin = margin_at(z, now, voices, n, own, groups_n, start_s + middle * 60);
        if (margin > 0) {
            low = middle + 1;
            low_margin = margin;
        } else {
            high = middle;
            high_margin = margin;
        }
    }
    return start_s + low * 60;
}

/* When own good mail ceases to veto: its mass alone decides, which only shrinks. */
static int64_t veto_end(const struct evidence *own, int64_t half_life_s, int64_t ttl_s, int64_t now_s)
{
    int64_t low = 1, high = ttl_s / 60;
    int64_t start_s = minute(now_s);
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (evidence_at(*own, half_life_s, ttl_s, start_s + middle * 60).white_micro >= SCORE_VETO_MICRO)
            low = middle + 1;
        else
            high = middle;
    }
    return start_s + low * 60;
}

int64_t score_vetoes_until(const struct evidence *own, int64_t half_life_s, int64_t ttl_s, int64_t now_s)
{
    if (own->black_micro >= SCORE_KAPPA_WHITE * own->white_micro || evidence_at(*own, half_life_s, ttl_s, now_s).white_micro < SCORE_VETO_MICRO)
        return 0;
    return veto_end(own, half_life_s, ttl_s, now_s);
}

/* How long the sum surely stays within the gap: all may move at once; or only those that no clamp holds, as long as the others are held. */
static int64_t score_within(const struct tally *now, const struct slope *s, int64_t gap_micro)
{
    int64_t all_s = crossing_s(gap_micro, now->rate_micro, now->half_life_s);
    return max64(all_s, min64(s->held_s, crossing_s(gap_micro, s->free_rate_micro, now->half_life_s)));
}

/* Voices of both sides: S may go either way, but no faster than its slope. */
static int64_t mixed_look(const struct policy_zone *z, const struct tally *now, const struct evidence *own,
                          size_t groups_n, bool listed)
{
    struct side side = side_of(z, &now->score);
    if (now->score.veto && !z->white)
        return min64(veto_end(own, now->half_life_s, now->ttl_s, now->now_s), now->jump_s);
    int64_t threshold = threshold_of(z, listed);
    int64_t gap = (listed ? side.score_micro - threshold : threshold - side.score_micro) - slack_of(now);
    int64_t score_s = score_within(now, !z->white && now->score.contested ? &now->stood : &now->all, gap);
    const struct soonest *soonest = z->white ? &now->groups_white : now->score.contested ? &now->groups_stood : &now->groups_black;
    unsigned needed = quorum_of(z, &side, groups_n, listed);
    bool enough = side.groups >= needed, one_decides = z->own || (enough ? side.groups == needed : side.groups + 1 == needed);
    int64_t groups_s = one_decides ? soonest->first_s : soonest->second_s;
    int64_t wait_s = listed ? min64(score_s, groups_s) : enough ? score_s : max64(score_s, groups_s);
    return min64(minute(now->now_s) + minute(min64(wait_s, now->ttl_s)), now->jump_s);
}

int64_t score_next_look(const struct policy_zone *z, const struct voice *voices, size_t n, const struct evidence *own,
                        size_t groups_n, bool listed, int64_t half_life_s, int64_t ttl_s, int64_t now_s)
{
    struct tally now = { .half_life_s = half_life_s, .ttl_s = ttl_s, .now_s = now_s };
    tally_all(&now, voices, n, own);
    int64_t can_be = z->white ? now.white_micro : now.black_micro;
    if (!listed && !now.ahead && (!now.score.may_rise || can_be + slack_of(&now) < z->threshold_micro))
        return INT64_MAX;
    int64_t look_s = listed && !now.score.may_rise ? fading_look(z, &now, voices, n, own, groups_n)
                                                   : mixed_look(z, &now, own, groups_n, listed);
    look_s = max64(look_s, minute(now_s) + 60);
    return min64(look_s, minute(now_s) + minute(ttl_s));
}
