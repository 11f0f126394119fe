/* How much of one origin is taken. Two kinds of buckets, each of batches, bytes and opinions, refilled at the day's rate, and a third of batches alone:
 *
 *   day   one day's worth. What comes over SUB, and what was signed within the last day, is drawn from it. Empty: what comes over SUB is ignored, unverified,
 *         and nothing of the origin is fetched until there is some again; then repair makes good what was passed over.
 *   log   as many days' worth as batches live. All that is taken is drawn from it. A member that keeps to its quota never empties it, nor does a newcomer
 *         that fetches its whole log; a flood with back-dated batches does.
 *
 *   pace  a 64th of a day's batches, refilled 32 times as fast as the day's. What comes over SUB is drawn from it. Empty: it is ignored, unverified, and so not relayed; it
 *         is fetched once a Have tells of it. In a coalition of MESH_LARGE_MIN and more that is one of a neighbour whose SUB does not bring this origin (who published it here takes
 *         it for told: eager_has_sent()), or a full one. So who says a day's worth at once takes no more than a small part of what each link carries a second, and what others say comes through.
 *
 * So a flood is slowed down and nothing is ever refused for good: in the end all nodes hold the same, whatever order it came in. Nobody is blamed: the author has
 * signed no lie, and who relays it has other quotas perhaps.
 *
 * All members that one member introduced share what one may have, its root has its own beside that. Half of it each gets in equal parts, so that none starves the
 * others; the other half, and what they do not use of the first at the start, is a pool that whoever has used up its own draws from. What joins a group takes its part out of the
 * pool and gives it back when it leaves: puppets that come and go bring nothing. */
#include <errno.h>
#include <string.h>

#include "node/mesh_private.h"

#define DAY_MS INT64_C(86400000)       /* levels are in units times this, so that refilling loses nothing to rounding */
#define LEVEL_MAX (INT64_MAX / 4)      /* more a bucket does not hold, as with 1 GB a day for 400 days: so that two and what they get can be added */
enum {
    READY_PART = 48,                   /* what part of a day's worth must be there before more is fetched, and as many batches as one request asks for */
    PACE_PART = 64, PACE_TIMES = 32,   /* what part of a day's batches may come at once, and how much faster than at the day's rate more may follow ... */
    PACE_LEAST = 64, PACE_LEAST_S = 1, /* ... and no less than this, and so many a second, however small the quota */
    PACE_UNIT = 1000000
};

static const enum mesh_count counts[MESH_QUOTAS] = { MESH_COUNT_QUOTA_BATCHES, MESH_COUNT_QUOTA_BYTES, MESH_COUNT_QUOTA_OPINIONS };

static int64_t log_days(const struct mesh *m)
{
    int64_t days = m->config.ttl_s / 86400;

    return days > 0 ? days : 1;
}

/* What a bucket holds of one day at the most, and gets in a day. */
struct rate { int64_t most, more; };

static struct rate rate_of(const struct mesh *m, const struct member *o, bool pool, int i)
{
    const int64_t day = m->config.quota_day[i];
    int64_t part;

    if (pool)
        return (struct rate){ day, day - day / 2 };
    if (o->quota.group == NULL)
        return (struct rate){ day, day };
    part = day / 2 / (int64_t)o->quota.group->quota.introduced_n;
    return (struct rate){ part > 0 ? part : 1, part };
}

/* The same of the pace, in millionths of a batch, and in a millisecond. */
static struct rate pace_of(const struct mesh *m, const struct member *o, bool pool)
{
    const int64_t day = m->config.quota_day[MESH_QUOTA_BATCHES];
    struct rate r = { day / PACE_PART * PACE_UNIT, day * PACE_TIMES * PACE_UNIT / DAY_MS };

    if (r.most < PACE_LEAST * PACE_UNIT)
        r.most = PACE_LEAST * PACE_UNIT;
    if (r.more < PACE_LEAST_S * PACE_UNIT / 1000)
        r.more = PACE_LEAST_S * PACE_UNIT / 1000;
    if (pool)
        return (struct rate){ r.most, r.more - r.more / 2 };
    if (o->quota.group == NULL)
        return r;
    r.most = r.most / 2 / (int64_t)o->quota.group->quota.introduced_n;
    r.more = r.more / 2 / (int64_t)o->quota.group->quota.introduced_n;
    return r;
}

static int64_t times(int64_t a, int64_t b)
{
    return a > 0 && b > LEVEL_MAX / a ? LEVEL_MAX : a * b;
}

/* What the second kind holds at the most. */
static int64_t log_most(const struct mesh *m, int64_t most)
{
    return times(most * DAY_MS, log_days(m));
}

static void fill(const struct mesh *m, const struct member *o, bool pool, struct bucket *b)
{
    for (int i = 0; i < MESH_QUOTAS; i++) {
        const int64_t most = rate_of(m, o, pool, i).most;
        b->day[i] = most * DAY_MS;
        b->log[i] = log_most(m, most);
    }
    b->pace = pace_of(m, o, pool).most;
    b->at_ms = m->now_ms;
}

void quota_init(const struct mesh *m, struct member *o)
{
    fill(m, o, false, &o->quota.own);
    fill(m, o, true, &o->quota.pool);
}

static int64_t filled(int64_t level, int64_t most, int64_t more)
{
    return more >= most - level ? most : level + more;
}

static void refill(const struct mesh *m, const struct member *o, bool pool, struct bucket *b)
{
    const int64_t most_ms = DAY_MS * log_days(m);
    int64_t passed_ms = m->now_ms - b->at_ms;

    if (passed_ms <= 0)
        return;
    passed_ms = passed_ms < most_ms ? passed_ms : most_ms;
    const struct rate pace = pace_of(m, o, pool);
    b->pace = filled(b->pace < pace.most ? b->pace : pace.most, pace.most, times(pace.more, passed_ms));
    for (int i = 0; i < MESH_QUOTAS; i++) {
        const struct rate r = rate_of(m, o, pool, i);
        b->day[i] = filled(b->day[i], r.most * DAY_MS, times(r.more, passed_ms));
        b->log[i] = filled(b->log[i], log_most(m, r.most), times(r.more, passed_ms));
    }
    b->at_ms = m->now_ms;
}

static struct bucket *pool_of(struct member *o)
{
    return o->quota.group != NULL ? &o->quota.group->quota.pool : NULL;
}

static void refill_both(const struct mesh *m, struct member *o)
{
    refill(m, o, false, &o->quota.own);
    if (o->quota.group != NULL)
        refill(m, o->quota.group, true, pool_of(o));
}

/* ---- other bounds */

static void take_most(const struct mesh *m, const struct member *o, bool pool, struct bucket *b)
{
    for (int i = 0; i < MESH_QUOTAS; i++) {
        const int64_t most = rate_of(m, o, pool, i).most;
        b->day[i] -= most * DAY_MS;
        b->log[i] -= log_most(m, most);
    }
}

/* What was used while more was let through may be months' worth now: of that a day's worth stays. */
static void give_most(const struct mesh *m, const struct member *o, bool pool, struct bucket *b)
{
    for (int i = 0; i < MESH_QUOTAS; i++) {
        const int64_t most = rate_of(m, o, pool, i).most, least = -most * DAY_MS;
        b->day[i] += most * DAY_MS;
        b->log[i] += log_most(m, most);
        b->day[i] = b->day[i] < least ? least : b->day[i];
        b->log[i] = b->log[i] < least ? least : b->log[i];
    }
}

/* Without what they could hold at the most, the levels are what was used. */
void mesh_quota(struct mesh *m, const int64_t day[MESH_QUOTAS], int64_t ttl_s)
{
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        refill(m, o, false, &o->quota.own);
        refill(m, o, true, &o->quota.pool);
        take_most(m, o, false, &o->quota.own);
        take_most(m, o, true, &o->quota.pool);
    }
    memcpy(m->config.quota_day, day, sizeof m->config.quota_day);
    m->config.ttl_s = ttl_s;
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        give_most(m, o, false, &o->quota.own);
        give_most(m, o, true, &o->quota.pool);
    }
}

/* ---- groups */

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* As much as fits, from the pool to the member or back; a debt goes along. */
static void move(const struct mesh *m, struct member *o, bool back)
{
    struct bucket *pool = pool_of(o), *own = &o->quota.own;

    for (int i = 0; i < MESH_QUOTAS; i++) {
        const struct rate part = rate_of(m, o, false, i), all = rate_of(m, o->quota.group, true, i);
        for (int k = 0; k < 2; k++) {
            const int64_t most = k == 0 ? part.most * DAY_MS : log_most(m, part.most), pool_most = k == 0 ? all.most * DAY_MS : log_most(m, all.most);
            int64_t *from = k == 0 ? &pool->day[i] : &pool->log[i], *to = k == 0 ? &own->day[i] : &own->log[i];
            int64_t some = back ? *to : lesser(most, *from > 0 ? *from : 0);
            *to = back ? 0 : some;
            *from = back ? lesser(*from + some, pool_most) : *from - some;
        }
    }
}

/* The parts have become smaller: what is over goes back. */
static void shrink(struct mesh *m, struct member *o)
{
    struct bucket *pool = pool_of(o), *own = &o->quota.own;

    for (int i = 0; i < MESH_QUOTAS; i++) {
        const int64_t part = rate_of(m, o, false, i).most, most = part * DAY_MS, most_log = log_most(m, part);
        if (own->day[i] > most) {
            pool->day[i] += own->day[i] - most;
            own->day[i] = most;
        }
        if (own->log[i] > most_log) {
            pool->log[i] += own->log[i] - most_log;
            own->log[i] = most_log;
        }
    }
}

static void leave_group(struct mesh *m, struct member *o)
{
    refill_both(m, o);
    move(m, o, true);
    o->quota.group->quota.introduced_n--;
    o->quota.group = NULL;
}

void quota_leave(struct mesh *m, struct member *o)
{
    if (o->quota.group != NULL)
        leave_group(m, o);
    for (size_t i = 0; i < m->members_n && o->quota.introduced_n > 0; i++) {
        if (m->members[i]->quota.group == o)
            leave_group(m, m->members[i]);
    }
}

int mesh_member_group(struct mesh *m, const uint8_t root[KEY_BYTES], const uint8_t *group)
{
    struct member *o = mesh_member(m, root), *to = group != NULL ? mesh_member(m, group) : NULL;

    if (o == NULL || o == m->self || o == to)
        return -ENOENT;
    if (o->quota.group == to)
        return 0;
    if (o->quota.group != NULL)
        leave_group(m, o);
    if (to == NULL)
        return 0;
    to->quota.introduced_n++;
    refill(m, to, true, &to->quota.pool);
    for (size_t i = 0; i < m->members_n; i++) {
        if (m->members[i]->quota.group == to)
            shrink(m, m->members[i]);
    }
    o->quota.group = to;
    move(m, o, false);
    o->quota.own.pace = 0;             /* it draws from the pool until it has some */
    o->quota.own.at_ms = m->now_ms;
    return 0;
}

/* ---- what is taken */

static bool is_bound(const struct mesh *m, const struct member *o, int i)
{
    return o != m->self && m->config.quota_day[i] > 0;
}

static bool refuse(struct mesh *m, struct member *o, enum mesh_count why)
{
    mesh_count(m, why);
    o->quota.over++;
    return false;
}

bool quota_allows(struct mesh *m, struct member *o, bool fetched)
{
    const struct bucket *own = &o->quota.own, *pool = pool_of(o);

    refill_both(m, o);
    for (int i = 0; i < MESH_QUOTAS; i++) {
        if (!is_bound(m, o, i) || (own->day[i] > 0 && own->log[i] > 0) || (pool != NULL && pool->day[i] > 0 && pool->log[i] > 0))
            continue;
        return refuse(m, o, counts[i]);
    }
    if (!fetched && is_bound(m, o, MESH_QUOTA_BATCHES) && own->pace <= 0 && (pool == NULL || pool->pace <= 0))
        return refuse(m, o, MESH_COUNT_QUOTA_PACE);
    return true;
}

static int64_t least_ready(int64_t day, int i)
{
    int64_t least = day * (DAY_MS / READY_PART);

    if (i == MESH_QUOTA_BATCHES && least < FETCH_RANGE_MAX * DAY_MS)
        least = (day < FETCH_RANGE_MAX ? day : FETCH_RANGE_MAX) * DAY_MS;
    return least;
}

static bool has_some(const struct mesh *m, const struct member *o, bool pool, const struct bucket *b, int i)
{
    int64_t least = least_ready(rate_of(m, o, pool, i).most, i);

    return b->day[i] >= least && b->log[i] >= least;
}

bool quota_is_ready(struct mesh *m, struct member *o)
{
    refill_both(m, o);
    for (int i = 0; i < MESH_QUOTAS; i++) {
        if (is_bound(m, o, i) && !has_some(m, o, false, &o->quota.own, i)
            && (o->quota.group == NULL || !has_some(m, o->quota.group, true, pool_of(o), i)))
            return false;
    }
    return true;
}

/* Its own first. */
static int64_t *drawn(int64_t *own, int64_t *pool)
{
    return *own > 0 || pool == NULL ? own : pool;
}

void quota_charge(struct mesh *m, struct member *o, bool fetched, int64_t time_s, size_t bytes, size_t opinions)
{
    const int64_t cost[MESH_QUOTAS] = { [MESH_QUOTA_BATCHES] = 1, [MESH_QUOTA_BYTES] = (int64_t)bytes, [MESH_QUOTA_OPINIONS] = (int64_t)opinions };
    struct bucket *own = &o->quota.own, *pool = pool_of(o);
    bool recent = !fetched || time_s > m->now_s - 86400;

    for (int i = 0; i < MESH_QUOTAS; i++) {
        if (recent)
            *drawn(&own->day[i], pool != NULL ? &pool->day[i] : NULL) -= cost[i] * DAY_MS;
        *drawn(&own->log[i], pool != NULL ? &pool->log[i] : NULL) -= cost[i] * DAY_MS;
    }
    if (!fetched && is_bound(m, o, MESH_QUOTA_BATCHES))
        *drawn(&own->pace, pool != NULL ? &pool->pace : NULL) -= PACE_UNIT;
}

/* What is in the store at a start was taken once. A restart gives a flood no more than another day's worth. */
void quota_held(struct mesh *m, struct member *o)
{
    const int i = MESH_QUOTA_BATCHES;
    struct bucket *pool = pool_of(o);

    if (o->quota.own.log[i] > rate_of(m, o, false, i).most * DAY_MS)
        o->quota.own.log[i] -= DAY_MS;
    else if (pool != NULL && pool->log[i] > rate_of(m, o->quota.group, true, i).most * DAY_MS)
        pool->log[i] -= DAY_MS;
}
