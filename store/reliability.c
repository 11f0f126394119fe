#include "store/reliability.h"

#include <string.h>

#include "store/score.h"

enum { HOUR_S = 3600, GROUPS_MAX = 8 };

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t absolute(int64_t x)
{
    return x < 0 ? -x : x;
}

/* ---- counters */

void counters_at(struct counters *c, int64_t now_s)
{
    int64_t hour_s = now_s - now_s % HOUR_S, age_s = hour_s - c->time_s;
    bool began = c->time_s != 0;
    c->time_s = hour_s;
    if (!began || age_s <= 0)
        return;
    c->confirmed_micro = decayed_micro(c->confirmed_micro, RELIABILITY_FADE_S, age_s);
    c->seen_micro = decayed_micro(c->seen_micro, RELIABILITY_FADE_S, age_s);
    c->unseen_micro = decayed_micro(c->unseen_micro, RELIABILITY_FADE_S, age_s);
    c->confirmed_white_micro = decayed_micro(c->confirmed_white_micro, RELIABILITY_FADE_S, age_s);
    c->refuted_micro = decayed_micro(c->refuted_micro, RELIABILITY_FORGIVE_S, age_s);
    c->refuted_white_micro = decayed_micro(c->refuted_white_micro, RELIABILITY_FORGIVE_S, age_s);
}

static int64_t balance_micro(int64_t over_n, int64_t under_n)
{
    int64_t balance = (over_n + 1) * MICRO / (under_n + 1);
    return balance < MICRO ? MICRO : min64(balance, (int64_t)RELIABILITY_BALANCE_MAX * MICRO);
}

/* 2 (c + K/2) / (c + against + K), a newcomer's being 1. */
static int64_t ratio_micro(int64_t confirmed_micro, int64_t against_micro)
{
    return (2 * confirmed_micro + RELIABILITY_PRIOR_MICRO) * MICRO / (confirmed_micro + against_micro + RELIABILITY_PRIOR_MICRO);
}

struct reliability reliability_of(const struct counters *c, int64_t own_black_n, int64_t own_white_n)
{
    int64_t against = RELIABILITY_KAPPA * (balance_micro(own_black_n, own_white_n) * c->refuted_micro / MICRO);
    int64_t against_white = RELIABILITY_KAPPA_WHITE * (balance_micro(own_white_n, own_black_n) * c->refuted_white_micro / MICRO);
    int64_t black = ratio_micro(c->confirmed_micro, against), white = ratio_micro(c->confirmed_white_micro, against_white);
    uint32_t record_micro = black >= RELIABILITY_DEAD_MICRO ? (uint32_t)black : 0;
    return (struct reliability){ record_micro, white >= RELIABILITY_DEAD_MICRO ? (uint32_t)white : 0, record_micro };
}

void counters_add(struct counters *c, enum finding found, bool white, uint32_t amount_micro)
{
    if (found == FOUND_CONFIRMED) {
        int64_t *confirmed = white ? &c->confirmed_white_micro : &c->confirmed_micro;
        *confirmed = min64(*confirmed + amount_micro, RELIABILITY_COUNT_MAX_MICRO);
    } else if (found == FOUND_REFUTED || found == FOUND_REFUTED_BY_PEERS) {
        int64_t *refuted = white ? &c->refuted_white_micro : &c->refuted_micro;
        *refuted = min64(*refuted + amount_micro, RELIABILITY_REFUTED_MAX_MICRO);
    }
}

void counters_add_trial(struct counters *c, bool seen)
{
    int64_t *count = seen ? &c->seen_micro : &c->unseen_micro;
    *count = min64(*count + MICRO, RELIABILITY_COUNT_MAX_MICRO);
}

/* ---- sides */

/* (r - 2s) / (r + 2s + W) above 1/5, or below -1/5, without a division. */
int side_of_masses(int64_t black, int64_t white, int64_t w)
{
    int64_t half = w / 2;
    if (2 * black > 6 * white + half)
        return 1;
    return 4 * white > 3 * black + half ? -1 : 0;
}

/* ---- a case */

/* The groups that said black first, up to one more than make a report no news. */
struct firsts {
    unsigned group[GROUPS_MAX];
    int64_t since_s[GROUPS_MAX];
    size_t n, most;
};

static void note_first(struct firsts *f, const struct heard *h)
{
    size_t at = 0, last = 0;
    while (at < f->n && f->group[at] != h->group)
        at++;
    if (at == f->n && f->n == f->most) {
        for (size_t i = 1; i < f->n; i++)
            last = f->since_s[i] > f->since_s[last] ? i : last;
        at = last;
    } else if (at == f->n) {
        f->since_s[f->n++] = INT64_MAX;
    }
    if (h->since_s >= f->since_s[at])
        return;
    f->group[at] = h->group;
    f->since_s[at] = h->since_s;
}

static struct firsts firsts_of(const struct heard *all, size_t n, unsigned quorum)
{
    struct firsts f = { .n = 0, .most = quorum + 1 < GROUPS_MAX ? quorum + 1 : GROUPS_MAX };
    for (size_t i = 0; i < n; i++)
        if (all[i].since_s > 0 && all[i].alive)
            note_first(&f, &all[i]);
    return f;
}

static bool is_news(const struct firsts *f, int64_t since_s, unsigned quorum)
{
    size_t before_n = 0;
    for (size_t i = 0; i < f->n; i++)
        before_n += f->since_s[i] <= since_s;
    return before_n <= quorum;
}

/* Within seven days of `s`; a time ahead of now was told by a clock that has been set right since. */
static bool is_recent(int64_t s, int64_t now_s)
{
    return s != 0 && s <= now_s && now_s - s < RELIABILITY_AGAIN_S;
}

static void find(struct heard *h, enum finding found, uint32_t amount_micro)
{
    h->found = found;
    h->amount_micro = amount_micro;
}

/* What was known of at the last count has had its effect: what is scored again, without any new event, is not judged again. */
static bool is_known(const struct heard *h, int64_t own_s)
{
    return h->judged == JUDGED_OWN && own_s <= h->judged_s;
}

/* Own events speak against it. What others' mail took away already is not taken twice. */
static void refute(struct heard *h, const struct own_word *own, int64_t now_s)
{
    bool counted = is_recent(h->judged_s, now_s) && h->judged_s >= absolute(h->since_s);
    if ((h->judged == JUDGED_OWN && counted) || is_known(h, own->time_s))
        return;
    find(h, FOUND_REFUTED, counted && h->judged == JUDGED_PEERS ? MICRO - RELIABILITY_PEERS_MICRO : MICRO);
}

static void confirm(struct heard *h, const struct own_word *own, bool news, int64_t now_s)
{
    if ((h->judged == JUDGED_OWN && is_recent(h->judged_s, now_s)) || is_known(h, absolute(own->turned_s)))
        return;
    find(h, news ? FOUND_CONFIRMED : FOUND_AGREED, news ? MICRO : 0);
}

static void judge_by_own(struct heard *h, const struct own_word *own, const struct firsts *f, unsigned quorum, int64_t now_s)
{
    int64_t since_s = absolute(h->since_s), turned_s = absolute(own->turned_s);
    if (own->turned_s == 0 || own->time_s <= since_s)
        return;
    if ((own->turned_s > 0) != (h->since_s > 0))
        refute(h, own, now_s);
    else if (turned_s > since_s)
        confirm(h, own, h->since_s < 0 || is_news(f, since_s, quorum), now_s);
}

/* ---- others' good mail */

static bool is_good_word(const struct heard *h)
{
    return h->since_s < 0 && h->white_micro >= RELIABILITY_PROVEN_MICRO;
}

/* Whether enough of the others had good mail since then: how many groups, and how much trust stands behind it. */
static bool peers_refute(const struct heard *all, size_t n, const struct heard *h, unsigned quorum)
{
    int64_t sum_micro = 0, group_micro = 0;
    unsigned groups = 0, needed = quorum > 3 ? quorum - 1 : 2;
    for (size_t i = 0; i < n; i++) {
        bool counts = is_good_word(&all[i]) && all[i].group != h->group && all[i].time_s + RELIABILITY_COARSE_S >= h->since_s;
        if (counts)
            group_micro += (int64_t)all[i].trust_micro * all[i].white_micro / MICRO;
        if (i + 1 < n && all[i + 1].group == all[i].group)
            continue;
        groups += group_micro > 0;
        sum_micro += min64(group_micro, all[i].group_trust_micro);
        group_micro = 0;
    }
    return groups >= needed && sum_micro >= RELIABILITY_PEERS_TRUST_MICRO;
}

static void judge_by_peers(struct heard *all, size_t n, unsigned quorum, int64_t now_s)
{
    size_t white_n = 0;
    for (size_t i = 0; i < n; i++)
        white_n += is_good_word(&all[i]);
    for (size_t i = 0; white_n >= 2 && i < n; i++) {
        struct heard *h = &all[i];
        bool counted = h->judged >= JUDGED_PEERS && is_recent(h->judged_s, now_s);
        if (h->since_s > 0 && h->found == FOUND_NOTHING && !counted && peers_refute(all, n, h, quorum))
            find(h, FOUND_REFUTED_BY_PEERS, RELIABILITY_PEERS_MICRO);
    }
}

void judge_reports(struct heard *all, size_t n, const struct own_word *own, unsigned quorum, int64_t now_s)
{
    struct firsts f = firsts_of(all, n, quorum);
    for (size_t i = 0; i < n; i++) {
        find(&all[i], FOUND_NOTHING, 0);
        if (all[i].since_s != 0)
            judge_by_own(&all[i], own, &f, quorum, now_s);
    }
    if (own->turned_s <= 0)
        judge_by_peers(all, n, quorum, now_s);
}

/* Refuted is worse than refuted by others, that worse than confirmed; agreed is only judged. */
static int gravity(enum finding found)
{
    static const int order[] = { [FOUND_NOTHING] = 0, [FOUND_AGREED] = 1, [FOUND_CONFIRMED] = 2, [FOUND_REFUTED_BY_PEERS] = 3, [FOUND_REFUTED] = 4 };
    return order[found];
}

enum finding answers_for(const struct heard *all, size_t n, size_t root, bool *white, uint32_t *amount_micro)
{
    const struct heard *worst = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct heard *h = &all[i];
        if (h->who == root && h->found != FOUND_NOTHING)
            return FOUND_NOTHING;
        if (h->who != root && (worst == NULL || gravity(h->found) > gravity(worst->found) || (h->found == worst->found && h->amount_micro > worst->amount_micro)))
            worst = h;
    }
    if (worst == NULL)
        return FOUND_NOTHING;
    *white = worst->since_s < 0;
    *amount_micro = worst->amount_micro;
    return worst->found;
}

/* ---- trials */

bool report_stands(const struct heard *h, const struct fading *how, int64_t at_s)
{
    struct evidence now = evidence_at((struct evidence){ h->told_black_micro, h->told_white_micro, h->time_s }, how->half_life_s, how->ttl_s, at_s);
    return opinion_micro(now.black_micro, now.white_micro) >= SCORE_G_MIN_MICRO;
}

size_t try_reports(struct heard *all, size_t n, const struct fading *how, int64_t came_s, unsigned quorum)
{
    struct firsts f = firsts_of(all, n, quorum);
    size_t seen_n = 0;
    for (size_t i = 0; i < n; i++) {
        struct heard *h = &all[i];
        h->seen = h->since_s > 0 && h->since_s < came_s && is_news(&f, h->since_s, quorum) && report_stands(h, how, came_s);
        seen_n += h->seen;
    }
    return seen_n;
}

bool is_unseen(const struct heard *h, const struct fading *how, int64_t own_s, int64_t now_s)
{
    bool quiet = own_s > now_s || now_s - own_s >= RELIABILITY_TRIAL_S;        /* ahead: by a clock that has been set right since */
    return h->since_s > 0 && now_s - h->since_s >= RELIABILITY_TRIAL_S && quiet && report_stands(h, how, now_s);
}
