#include "node/mesh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

/* splitmix64 (Steele, Lea, Flood 2014): equal seeds give equal choices on every machine. */
uint64_t mesh_random(struct mesh *m)
{
    uint64_t z = (m->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void mesh_count(struct mesh *m, enum mesh_count c)
{
    m->counts[c]++;
}

void mesh_plan(struct mesh *m, struct member *origin, int64_t at_ms)
{
    if (at_ms < origin->plan_at_ms)
        origin->plan_at_ms = at_ms;
    if (at_ms < m->plan_at_ms)
        m->plan_at_ms = at_ms;
}

int mesh_create(const struct mesh_config *c, struct mesh **out)
{
    struct mesh *m = calloc(1, sizeof *m);

    if (m == NULL)
        return -ENOMEM;
    m->config = *c;
    m->random = c->seed;
    m->start_ms = -1;
    m->plan_at_ms = NEVER_MS;
    m->have_at_ms = NEVER_MS;
    m->resume_at_ms = m->catch.look_at_ms = m->bound_at_ms = NEVER_MS;
    m->catch.since_ms = m->catch.first_ms = m->catch.progress_ms = -1;
    m->catch.done = c->caught_up;
    m->inflight = calloc(MESH_INFLIGHT_MAX, sizeof *m->inflight);
    m->free_slots = calloc(MESH_INFLIGHT_MAX, sizeof *m->free_slots);
    m->self = m->inflight == NULL || m->free_slots == NULL ? NULL : member_add(m, c->self);
    if (m->self == NULL) {
        mesh_destroy(&m);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < MESH_INFLIGHT_MAX; i++)
        m->free_slots[i] = MESH_INFLIGHT_MAX - 1 - i;
    m->free_n = MESH_INFLIGHT_MAX;
    m->fetch_id = (uint32_t)mesh_random(m);
    update_topic(m, MESH_DO_ALLOW, NULL, m->self);
    *out = m;
    return 0;
}

void mesh_destroy(struct mesh **mp)
{
    struct mesh *m = *mp;

    if (m == NULL)
        return;
    for (size_t i = 0; i < m->members_n; i++)
        claims_forget(m->members[i]);            /* they name each other */
    for (size_t i = 0; m->inflight != NULL && i < MESH_INFLIGHT_MAX; i++)
        m->inflight[i].from = NULL;
    for (size_t i = 0; i < m->members_n; i++)
        member_destroy(m, m->members[i]);
    free(m->members);
    free(m->parts);
    for (size_t i = 0; m->inflight != NULL && i < MESH_INFLIGHT_MAX; i++)
        free(m->inflight[i].frame);
    free(m->inflight);
    free(m->free_slots);
    update_clear(m);
    free(m);
    *mp = NULL;
}

void mesh_link_up(struct mesh *m, struct member *o)
{
    if (!o->link.wanted)
        return;
    o->link.told_up = true;
    if (penalty_is_paused(m, o))
        return;
    o->link.up = true;
    o->link.absent = false;
    o->link.up_ms = m->now_ms;
    o->link.full_ms = -1;
    choose_up(o);
    o->link.question++;                /* what it was asking before may be another's memory */
    o->link.answered_ms = m->now_ms;
    have_link_up(m, o);
    for (size_t i = 0; i < m->members_n; i++) {
        if (claim_any(m->members[i], o))
            mesh_plan(m, m->members[i], m->now_ms + GAP_GRACE_MS);
    }
}

void mesh_link_down(struct mesh *m, struct member *o)
{
    o->link.up = false;
    introduce_forget_by(m, o);
    fetch_link_down(m, o);
    eager_link_down(m);
    eager_quits(m, o);
    have_link_down(m);
}

static void on_neighbour(struct mesh *m, const struct mesh_event *ev)
{
    struct member *from = ev->neighbour == NULL ? NULL : mesh_member(m, ev->neighbour);

    if (from == NULL || from == m->self) {
        mesh_count(m, MESH_COUNT_BAD_MESSAGE);
        return;
    }
    if (penalty_is_paused(m, from) && ev->kind != MESH_LINK_UP && ev->kind != MESH_LINK_DOWN && ev->kind != MESH_LINK_ABSENT) {
        mesh_count(m, MESH_COUNT_PAUSED);
        return;
    }
    switch (ev->kind) {
    case MESH_LINK_UP:
        mesh_link_up(m, from);
        if (ev->by_left_key && from->link.up)
            have_hand_record(m, from);
        break;
    case MESH_LINK_DOWN:
        from->link.told_up = false;
        mesh_link_down(m, from);
        break;
    case MESH_LINK_ABSENT:
        from->link.absent = !from->link.up;
        break;
    case MESH_FRAME:
        take_frame(m, from, ev->bytes, false);
        break;
    case MESH_SUBSCRIBED:
    case MESH_UNSUBSCRIBED:
        eager_subscribed(m, from, ev->bytes, ev->kind == MESH_SUBSCRIBED);
        break;
    case MESH_SUBSCRIBES_ANEW:
        eager_lost(m, from);
        break;
    case MESH_ASK:
        have_ask(m, from, ev->bytes);
        break;
    default:
        have_answer(m, from, ev->bytes);
        break;
    }
}

static void on_event(struct mesh *m, const struct mesh_event *ev)
{
    switch (ev->kind) {
    case MESH_TICK:
        break;
    case MESH_STORED:
        take_stored(m, ev->name, ev->stored);
        break;
    case MESH_STORE_FAILED:
        take_failed(m, ev->name);
        break;
    case MESH_OWN:
        take_own(m, ev->name, ev->bytes);
        break;
    default:
        on_neighbour(m, ev);
        break;
    }
}

static void plan_tick(struct mesh *m)
{
    int64_t next_ms = NEVER_MS;

    if (m->now_ms < m->plan_at_ms)
        return;
    m->plan_at_ms = NEVER_MS;
    for (size_t i = 0; i < m->members_n; i++) {
        if (m->members[i]->plan_at_ms <= m->now_ms)
            fetch_plan(m, m->members[i]);
        if (m->members[i]->plan_at_ms < next_ms)
            next_ms = m->members[i]->plan_at_ms;
    }
    m->plan_at_ms = next_ms;
}

static void expire_tick(struct mesh *m)
{
    const bool back = m->now_s < m->clock_top_s - CLOCK_BACK_S;

    if (m->now_ms < m->expire_at_ms)
        return;
    m->expire_at_ms = m->now_ms + EXPIRE_MS;
    if (back)
        m->clock_top_s = m->now_s;
    for (size_t i = 0; i < m->members_n; i++) {
        if (back)
            log_clock_back(m, m->members[i]);
        log_expire(m, m->members[i]);
    }
    take_expire(m);
    eager_tick(m);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t wake_at(const struct mesh *m)
{
    int64_t at = earlier(earlier(m->plan_at_ms, m->expire_at_ms), earlier(m->have_at_ms, m->full_have_at_ms));

    at = earlier(earlier(at, m->resume_at_ms), m->catch.look_at_ms);
    at = earlier(at, m->bound_at_ms);
    if (m->config.links > 0)
        at = earlier(at, m->choose_at_ms);
    return m->settled ? at : earlier(at, m->start_ms + MESH_SETTLE_MS);
}

int mesh_step(struct mesh *m, const struct mesh_event *ev, struct mesh_update *up)
{
    update_begin(m);
    m->now_ms = ev->now_ms;
    m->now_s = ev->now_s;
    if (m->now_s > m->clock_top_s)
        m->clock_top_s = m->now_s;
    if (m->start_ms < 0) {
        m->start_ms = ev->now_ms;
        m->expire_at_ms = ev->now_ms;
        m->full_have_at_ms = ev->now_ms + MESH_FULL_HAVE_MS;
    }
    take_own_again(m);
    on_event(m, ev);
    penalty_tick(m);
    have_tick(m);
    expire_tick(m);
    plan_tick(m);
    freeze_tick(m);
    bound_tick(m);
    choose_tick(m);
    settle_check(m);
    catch_tick(m);
    up->actions = m->actions;
    up->n = m->actions_n;
    up->wake_at_ms = wake_at(m);
    m->delivered = true;
    return m->starved ? -ENOMEM : 0;
}

/* ---- questions */

const char *mesh_count_text(enum mesh_count c)
{
    static const char *const text[MESH_COUNTS] = {
        [MESH_COUNT_FRAMES] = "frames",
        [MESH_COUNT_MERGED] = "merged",
        [MESH_COUNT_DUPLICATE] = "duplicate",
        [MESH_COUNT_BAD_SIGNATURE] = "bad-signature",
        [MESH_COUNT_MALFORMED] = "malformed",
        [MESH_COUNT_FOREIGN] = "foreign",
        [MESH_COUNT_UNKNOWN_ORIGIN] = "unknown-origin",
        [MESH_COUNT_UNKNOWN_KEY] = "unknown-key",
        [MESH_COUNT_RECORD_ENDED] = "record-ended",
        [MESH_COUNT_DEAD] = "dead",
        [MESH_COUNT_EQUIVOCATION] = "equivocation",
        [MESH_COUNT_FUTURE] = "future",
        [MESH_COUNT_DROPPED_BUSY] = "dropped-busy",
        [MESH_COUNT_FETCHES] = "fetches",
        [MESH_COUNT_FETCH_TIMEOUTS] = "fetch-timeouts",
        [MESH_COUNT_SERVED] = "served",
        [MESH_COUNT_BAD_MESSAGE] = "bad-message",
        [MESH_COUNT_OVER_LIMIT] = "over-limit",
        [MESH_COUNT_STORE_FAILED] = "store-failed",
        [MESH_COUNT_FROZEN] = "frozen",
        [MESH_COUNT_INTRODUCTIONS] = "introductions",
        [MESH_COUNT_QUOTA_BATCHES] = "quota-batches",
        [MESH_COUNT_QUOTA_BYTES] = "quota-bytes",
        [MESH_COUNT_QUOTA_OPINIONS] = "quota-opinions",
        [MESH_COUNT_QUOTA_PACE] = "quota-pace",
        [MESH_COUNT_QUOTA_SUBJECTS] = "quota-subjects",
        [MESH_COUNT_QUOTA_RECORDS] = "quota-records",
        [MESH_COUNT_QUOTA_LISTS] = "quota-lists",
        [MESH_COUNT_UNASKED] = "unasked",
        [MESH_COUNT_OVER_BATCHES] = "over-batches",
        [MESH_COUNT_OVER_EPOCHS] = "over-epochs",
        [MESH_COUNT_OVER_VERSIONS] = "over-versions",
        [MESH_COUNT_OVER_PROOFS] = "over-proofs",
        [MESH_COUNT_OVER_RECORDS] = "over-records",
        [MESH_COUNT_OVER_CLAIMS] = "over-claims",
        [MESH_COUNT_OVER_MEMBERS] = "over-members",
        [MESH_COUNT_OVER_LINKS] = "over-links",
        [MESH_COUNT_PAUSED] = "paused",
        [MESH_COUNT_PAUSES] = "pauses",
    };
    return text[c];
}

uint64_t mesh_counted(const struct mesh *m, enum mesh_count c)
{
    return m->counts[c];
}

void mesh_counted_more(struct mesh *m, enum mesh_count c)
{
    mesh_count(m, c);
}

bool mesh_settled(const struct mesh *m)
{
    return m->settled;
}

uint64_t mesh_serial_known(const struct mesh *m, const uint8_t neighbour[KEY_BYTES])
{
    const struct member *o = mesh_member(m, neighbour);

    return o != NULL ? o->link.own_serial : 0;
}

static uint32_t newest_epoch(const struct member *o)
{
    uint32_t epoch = o->epochs_n > 0 ? o->epochs[o->epochs_n - 1]->epoch : 0;

    if (o->claims_n > 0 && o->claims[o->claims_n - 1].epoch > epoch)
        epoch = o->claims[o->claims_n - 1].epoch;
    return epoch;
}

/* Of each epoch, what lies between the lowest floor and the highest head that anybody told, and is not here. */
static void add_missing(const struct mesh *m, const struct member *o, struct mesh_log_state *out)
{
    for (size_t i = 0; i < o->claims_n;) {
        uint32_t epoch = o->claims[i].epoch;
        const struct epoch_log *e = log_epoch(o, epoch);
        uint64_t from = UINT64_MAX, to = 0;
        uint64_t missing;

        for (; i < o->claims_n && o->claims[i].epoch == epoch; i++) {
            if (m->now_ms < o->claims[i].ignored_until_ms)
                continue;              /* it did not keep its word */
            from = o->claims[i].floor < from ? o->claims[i].floor : from;
            to = o->claims[i].head > to ? o->claims[i].head : to;
        }
        from = from > log_live_from(o, epoch) ? from : log_live_from(o, epoch);
        to = to < log_live_to(o, epoch) ? to : log_live_to(o, epoch);
        if (epoch == out->epoch && to > out->known_head)
            out->known_head = to;
        missing = e != NULL ? ranges_missing(&e->present, from, to) : ranges_missing(&(struct ranges){ 0 }, from, to);
        out->missing = missing > UINT64_MAX - out->missing ? UINT64_MAX : out->missing + missing;
    }
}

int mesh_log_state(const struct mesh *m, const uint8_t origin[KEY_BYTES], struct mesh_log_state *out)
{
    const struct member *o = mesh_member(m, origin);
    const struct epoch_log *e;

    if (o == NULL)
        return -ENOENT;
    memset(out, 0, sizeof *out);
    out->epoch = newest_epoch(o);
    e = log_epoch(o, out->epoch);
    if (e != NULL) {
        out->floor = log_floor(o, e);
        out->head = e->head;
        out->known_head = e->head;
    }
    add_missing(m, o, out);
    out->heard_ms = o->heard_ms;
    return 0;
}
