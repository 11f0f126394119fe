/* How much of one origin is taken. Two kinds of buckets, each of batches, bytes and opinions, refilled at the day's rate:
 *
 *   day   one day's worth. What comes over SUB, and what was signed within the last day, is drawn from it. Empty: what comes over SUB is ignored, unverified,
 *         and nothing of the origin is fetched until there is some again; then repair makes good what was passed over.
 *   log   as many days' worth as batches live. All that is taken is drawn from it. A member that keeps to its quota never empties it, nor does a newcomer
 *         that fetches its whole log; a flood with back-dated batches does.
 *
 * So a flood is slowed down and nothing is ever refused for good: in the end all nodes hold the same, whatever order it came in. Nobody is blamed: the author has
 * signed no lie, and who relays it has other quotas perhaps. */
#include "node/mesh_private.h"

#define DAY_MS INT64_C(86400000)       /* levels are in units times this, so that refilling loses nothing to rounding */
enum { READY_PART = 48 };              /* what part of a day's worth must be there before more is fetched, and as many batches as one request asks for */

static const enum mesh_count counts[MESH_QUOTAS] = { MESH_COUNT_QUOTA_BATCHES, MESH_COUNT_QUOTA_BYTES, MESH_COUNT_QUOTA_OPINIONS };

static int64_t log_days(const struct mesh *m)
{
    int64_t days = m->config.ttl_s / 86400;

    return days > 0 ? days : 1;
}

void quota_init(const struct mesh *m, struct member *o)
{
    for (int i = 0; i < MESH_QUOTAS; i++) {
        o->quota.day[i] = m->config.quota_day[i] * DAY_MS;
        o->quota.log[i] = m->config.quota_day[i] * DAY_MS * log_days(m);
    }
    o->quota.at_ms = m->now_ms;
}

static int64_t filled(int64_t level, int64_t most, int64_t more)
{
    return more >= most - level ? most : level + more;
}

static void refill(const struct mesh *m, struct member *o)
{
    const int64_t most_ms = DAY_MS * log_days(m);
    int64_t passed_ms = m->now_ms - o->quota.at_ms;

    if (passed_ms <= 0)
        return;
    passed_ms = passed_ms < most_ms ? passed_ms : most_ms;
    for (int i = 0; i < MESH_QUOTAS; i++) {
        int64_t day = m->config.quota_day[i];
        o->quota.day[i] = filled(o->quota.day[i], day * DAY_MS, day * passed_ms);
        o->quota.log[i] = filled(o->quota.log[i], day * most_ms, day * passed_ms);
    }
    o->quota.at_ms = m->now_ms;
}

static bool is_bound(const struct mesh *m, const struct member *o, int i)
{
    return o != m->self && m->config.quota_day[i] > 0;
}

bool quota_allows(struct mesh *m, struct member *o)
{
    refill(m, o);
    for (int i = 0; i < MESH_QUOTAS; i++) {
        if (!is_bound(m, o, i) || (o->quota.day[i] > 0 && o->quota.log[i] > 0))
            continue;
        mesh_count(m, counts[i]);
        o->quota.over++;
        return false;
    }
    return true;
}

static int64_t least_ready(int64_t day, int i)
{
    int64_t least = day * (DAY_MS / READY_PART);

    if (i == MESH_QUOTA_BATCHES && least < FETCH_RANGE_MAX * DAY_MS)
        least = (day < FETCH_RANGE_MAX ? day : FETCH_RANGE_MAX) * DAY_MS;
    return least;
}

bool quota_is_ready(struct mesh *m, struct member *o)
{
    refill(m, o);
    for (int i = 0; i < MESH_QUOTAS; i++) {
        int64_t least = least_ready(m->config.quota_day[i], i);
        if (is_bound(m, o, i) && (o->quota.day[i] < least || o->quota.log[i] < least))
            return false;
    }
    return true;
}

void quota_charge(const struct mesh *m, struct member *o, bool fetched, int64_t time_s, size_t bytes, size_t opinions)
{
    const int64_t cost[MESH_QUOTAS] = { [MESH_QUOTA_BATCHES] = 1, [MESH_QUOTA_BYTES] = (int64_t)bytes, [MESH_QUOTA_OPINIONS] = (int64_t)opinions };
    bool recent = !fetched || time_s > m->now_s - 86400;

    for (int i = 0; i < MESH_QUOTAS; i++) {
        o->quota.day[i] -= recent ? cost[i] * DAY_MS : 0;
        o->quota.log[i] -= cost[i] * DAY_MS;
    }
}

/* What is in the store at a start was taken once. A restart gives a flood no more than another day's worth. */
void quota_held(const struct mesh *m, struct member *o)
{
    int64_t batches = m->config.quota_day[MESH_QUOTA_BATCHES] * DAY_MS;

    if (o->quota.log[MESH_QUOTA_BATCHES] > batches)
        o->quota.log[MESH_QUOTA_BATCHES] -= DAY_MS;
}
