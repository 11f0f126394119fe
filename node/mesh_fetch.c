/* Gaps: what to fetch, from whom, when. Newest first, one request of an origin at a time, from a random neighbour that says it has it. */
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

/* ---- what a neighbour has and we lack */

/* Its head is ours, and it says the sum of what it holds: where that is ours, a number that is missing here is missing there. Where it is another, a comparison
 * finds what it has, once it was asked in vain: by asking for one hole after the other that would take long, and cost more. */
static bool is_left_to_compare(struct epoch_log *e, const struct claim *c)
{
    static const uint8_t unsaid[HEAD_HASH_BYTES];

    return e != NULL && c->told == e->head && memcmp(c->digest, unsaid, HEAD_HASH_BYTES) != 0
           && (c->vain || memcmp(c->digest, e->digest, HEAD_HASH_BYTES) == 0);
}

/* The highest run of missing numbers within a claim that this neighbour was not found to lack. */
static bool gap_of(const struct member *o, struct epoch_log *e, const struct claim *c, struct range *gap)
{
    static const struct ranges nothing;
    const struct ranges *present = e == NULL ? &nothing : &e->present;
    uint64_t from = log_live_from(o, c->epoch);
    uint64_t to = c->told;

    from = c->floor > from ? c->floor : from;
    to = to < log_live_to(o, c->epoch) ? to : log_live_to(o, c->epoch);
    for (int i = 0; i <= BARREN_PIECES_MAX; i++) {
        struct range missing;
        if (!ranges_gap(present, from, to, &missing) || (i == 0 && is_left_to_compare(e, c)))
            return false;
        if (ranges_gap(&c->barren, missing.from, missing.to, gap))
            return true;
        if (missing.from == from)
            return false;
        to = missing.from - 1;
    }
    return false;
}

bool fetch_useful(const struct mesh *m, const struct member *o, const struct claim *c)
{
    struct range gap;

    return c->by->link.up && m->now_ms >= c->ignored_until_ms && gap_of(o, log_epoch(o, c->epoch), c, &gap);
}

bool fetch_lacks(const struct member *o, const struct claim *c)
{
    struct range gap;

    return gap_of(o, log_epoch(o, c->epoch), c, &gap);
}

bool fetch_wanted(const struct mesh *m, const struct member *o)
{
    for (size_t i = 0; i < o->claims_n; i++) {
        if (fetch_useful(m, o, &o->claims[i]))
            return true;
    }
    return false;
}

/* ---- whom to ask */

struct choice {
    struct claim *claim;
    struct range gap;
    unsigned equals;
    bool saturated;                    /* somebody has it but is asked for enough already */
    int64_t retry_ms;                  /* when one that is passed over now may be asked */
};

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

bool fetch_may_ask(const struct mesh *m, struct member *who)
{
    return who->link.fetches < MESH_LINK_FETCHES_MAX && asks_can(m, &who->link);
}

/* Above zero: `c` is the better one to ask. Who has wasted less time wins, then the newest gap: any epoch and any head can be claimed for nothing. */
static int compare(const struct choice *best, const struct claim *c, const struct range *gap)
{
    unsigned rank = claim_rank(c->standing), least = best->claim == NULL ? 0 : claim_rank(best->claim->standing);

    if (best->claim == NULL)
        return 1;
    if (rank != least)
        return rank < least ? 1 : -1;
    if (c->epoch != best->claim->epoch)
        return c->epoch > best->claim->epoch ? 1 : -1;
    if (gap->to != best->gap.to)
        return gap->to > best->gap.to ? 1 : -1;
    return 0;
}

/* Among equals chance decides, each with the same weight. */
static void weigh(struct mesh *m, struct choice *best, struct claim *c, const struct range *gap)
{
    int order = compare(best, c, gap);

    if (order < 0)
        return;
    best->equals = order > 0 ? 1 : best->equals + 1;
    if (order == 0 && mesh_random(m) % best->equals != 0)
        return;
    best->claim = c;
    best->gap = *gap;
}

static void choose(struct mesh *m, struct member *o, struct choice *best)
{
    struct epoch_log *e = NULL;

    *best = (struct choice){ .retry_ms = NEVER_MS };
    for (size_t i = o->claims_n; i > 0; i--) {
        struct claim *c = &o->claims[i - 1];
        struct range gap;
        if (!c->by->link.up)
            continue;
        if (e == NULL || e->epoch != c->epoch)
            e = log_epoch(o, c->epoch);
        if (c->barren.n > 0 && m->now_ms - c->barren_ms >= c->barren_wait_ms)
            claim_unbar(c);
        if (c->barren.n > 0)
            best->retry_ms = sooner(best->retry_ms, c->barren_ms + c->barren_wait_ms);
        if (!gap_of(o, e, c, &gap))
            continue;
        if (m->now_ms < c->ignored_until_ms)
            best->retry_ms = sooner(best->retry_ms, c->ignored_until_ms);
        else if (!fetch_may_ask(m, c->by))
            best->saturated = true;
        else
            weigh(m, best, c, &gap);
    }
}

/* ---- asking */

static uint64_t missing_of(const struct member *o, const struct fetch *f)
{
    const struct epoch_log *e = log_epoch(o, f->epoch);
    uint64_t from = log_live_from(o, f->epoch), to = log_live_to(o, f->epoch);

    from = f->lowest > from ? f->lowest : from;
    to = f->highest < to ? f->highest : to;
    return e != NULL ? ranges_missing(&e->present, from, to) : ranges_missing(&(struct ranges){ 0 }, from, to);
}

void fetch_wait(struct mesh *m, struct member *o, bool waits)
{
    if (waits && !o->waits)
        m->waiting_n++;
    if (!waits && o->waits)
        m->waiting_n--;
    o->waits = waits;
}

static void ask(struct mesh *m, struct member *o, struct member *from, uint32_t epoch, uint64_t lowest, uint64_t highest)
{
    struct message msg = { .kind = MESSAGE_FETCH };
    struct fetch *f = &o->fetch;

    *f = (struct fetch){ .from = from, .id = ++m->fetch_id, .epoch = epoch, .lowest = lowest, .highest = highest, .since_ms = m->now_ms,
                         .late = f->late, .late_id = f->late_id };
    m->asked[f->id % ASKED_MAX] = o;
    f->missing = missing_of(o, f);
    f->deadline_ms = m->now_ms + claim_patience_ms(o, from);
    from->link.fetches++;
    fetch_wait(m, o, false);
    asks_made(&from->link, 1);
    o->plan_at_ms = f->deadline_ms;
    msg.u.fetch.id = f->id;
    memcpy(msg.u.fetch.origin, o->root, KEY_BYTES);
    msg.u.fetch.epoch = epoch;
    msg.u.fetch.from = lowest;
    msg.u.fetch.to = highest;
    mesh_count(m, MESH_COUNT_FETCHES);
    update_message(m, MESH_DO_ASK, from, &msg);
}

void fetch_doubt(struct mesh *m, struct member *o, struct member *by, uint32_t epoch, uint64_t seq)
{
    if (o->doubt.open || m->now_ms < o->doubt.next_ms)
        return;
    o->doubt = (struct doubt){ .open = true, .by = by, .epoch = epoch, .seq = seq, .tries = by != NULL ? 1 : 3, .next_ms = m->now_ms + DOUBT_MS };
    mesh_plan(m, o, m->now_ms + GAP_GRACE_MS);
}

static struct member *who_may_know(struct mesh *m, const struct member *o)
{
    struct member *who = NULL;
    unsigned equals = 0;

    for (size_t i = 0; i < o->claims_n; i++) {
        const struct claim *c = &o->claims[i];
        if (c->epoch == o->doubt.epoch && c->by->link.up && c->floor <= o->doubt.seq && o->doubt.seq <= c->told
            && mesh_random(m) % ++equals == 0)
            who = c->by;
    }
    return who;
}

/* Who is asked for enough already is asked a moment later, until another doubt could take the place of this one. */
static bool ask_in_doubt(struct mesh *m, struct member *o)
{
    struct member *who;

    if (!o->doubt.open)
        return false;
    who = o->doubt.by != NULL && o->doubt.by->link.up ? o->doubt.by : who_may_know(m, o);
    o->doubt.waits = who != NULL && !fetch_may_ask(m, who) && m->now_ms < o->doubt.next_ms;
    if (o->doubt.waits)
        return false;
    if (o->doubt.tries-- <= 1)
        o->doubt.open = false;
    if (who == NULL || !fetch_may_ask(m, who))
        return false;
    ask(m, o, who, o->doubt.epoch, o->doubt.seq, o->doubt.seq);
    o->fetch.doubting = true;
    return true;
}

/* The same, for so long at the most: one that another neighbour tells of finds no room meanwhile. */
static bool proof_waits(struct mesh *m, struct proof_want *w)
{
    if (w->by == NULL || !w->by->link.up || fetch_may_ask(m, w->by))
        return false;
    if (w->until_ms == 0)
        w->until_ms = m->now_ms + PROOF_PATIENCE_MS;
    return m->now_ms < w->until_ms;
}

static bool ask_for_proof(struct mesh *m, struct member *o)
{
    struct proof_want *w = &o->proof_want;

    if (!w->open || proof_waits(m, w))
        return false;
    w->open = false;
    w->until_ms = 0;
    if (w->by == NULL || !w->by->link.up || !fetch_may_ask(m, w->by))
        return false;
    ask(m, o, w->by, w->epoch, w->seq, w->compared ? w->last : w->seq);
    o->fetch.proving = true;
    o->fetch.compared = w->compared;
    return true;
}

/* Those that wait take turns: in a large coalition, after a day apart, looking for all of them ten times a second would cost more than what comes. */
static int64_t turn_ms(const struct mesh *m)
{
    return m->now_ms + BUSY_RETRY_MS * (int64_t)(1 + m->waiting_n / WAITING_EASY);
}

static void ask_for_gap(struct mesh *m, struct member *o)
{
    struct choice best;
    uint64_t lowest;

    choose(m, o, &best);
    fetch_wait(m, o, best.claim == NULL && best.saturated);
    if (best.claim == NULL) {
        o->plan_at_ms = sooner(best.saturated ? turn_ms(m) : best.retry_ms, compare_plan(m, o));
        return;
    }
    lowest = best.gap.from;
    if (best.gap.to - lowest >= FETCH_RANGE_MAX)
        lowest = best.gap.to - FETCH_RANGE_MAX + 1;
    ask(m, o, best.claim->by, best.claim->epoch, lowest, best.gap.to);
    o->fetch.at_head = best.gap.to == best.claim->told;
    memcpy(o->fetch.digest, best.claim->digest, HEAD_HASH_BYTES);
}

/* ---- the end of a fetch */

void fetch_cancel(struct member *o)
{
    if (o->fetch.from == NULL)
        return;
    o->fetch.from->link.fetches--;
    o->fetch.from = NULL;
}

void fetch_link_down(struct mesh *m, const struct member *from)
{
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        if (o->fetch.late == from)
            o->fetch.late = NULL;
        if (o->fetch.from != from)
            continue;
        fetch_cancel(o);
        o->plan_at_ms = NEVER_MS;
        mesh_plan(m, o, m->now_ms);
    }
}

/* Bounded: whoever is asked in vain has wasted time. */
static bool another_is_good(const struct mesh *m, const struct member *o)
{
    for (size_t i = 0; i < o->claims_n; i++) {
        if (claim_rank(o->claims[i].standing) == 0 && fetch_useful(m, o, &o->claims[i]))
            return true;
    }
    return false;
}

/* `told`: nothing came, but it is known now who lacks what, and will not be asked for again. */
static void plan_again(struct mesh *m, struct member *o, bool progress, bool told)
{
    int64_t wait_ms = BUSY_RETRY_MS;
    bool at_once;

    o->lean = progress ? 0 : o->lean + !told;
    at_once = !progress && (told || another_is_good(m, o));
    for (unsigned i = 1; !at_once && i < o->lean && wait_ms < RETRY_MAX_MS; i++)
        wait_ms *= 2;
    o->plan_at_ms = NEVER_MS;
    mesh_plan(m, o, progress ? m->now_ms : m->now_ms + wait_ms);
}

/* What it claims by now does not matter: it was asked for what it claimed then. */
static void finish(struct mesh *m, struct member *o)
{
    const struct fetch f = o->fetch;
    struct claim *c = claim_find(o, f.from, f.epoch);
    uint64_t left = missing_of(o, &f);
    bool progress = left < f.missing;
    bool broken = f.at_head && !f.blocked, told = false;

    fetch_cancel(o);
    if (f.proving) {
        freeze_asked(m, o);
        if (f.news > 0) {
            claim_kept(o, f.from);
            compare_brought(o, f.from, f.epoch);
        } else if (!f.blocked)
            claim_waste(m, o, f.from, f.since_ms);
        if (!f.compared && (f.news > 0 || !f.blocked))
            claim_proof(m, o, f.from, f.news > 0);
        plan_again(m, o, true, false);
        return;
    }
    if (c != NULL && left > 0 && !f.blocked && !f.doubting && (progress || !f.at_head) && memcmp(c->digest, f.digest, HEAD_HASH_BYTES) == 0)
        told = claim_barren(m, o, c, f.lowest, f.highest);
    if (told && !progress)
        c->vain = true;
    if (progress)
        claim_kept(o, f.from);
    else if (left > 0 && !f.doubting) {
        claim_waste(m, o, f.from, f.since_ms);
        if (broken)
            claim_broken(m, o, f.from);
    }
    plan_again(m, o, progress || f.doubting, told);
}

static void time_out(struct mesh *m, struct member *o)
{
    const struct fetch f = o->fetch;
    bool progress = missing_of(o, &f) < f.missing;

    fetch_cancel(o);
    if (f.proving)
        freeze_asked(m, o);
    mesh_count(m, MESH_COUNT_FETCH_TIMEOUTS);
    if (!progress) {
        claim_waste(m, o, f.from, f.since_ms);
        claim_broken(m, o, f.from);
        o->fetch.late = f.from;
        o->fetch.late_id = f.id;
    }
    plan_again(m, o, progress, false);
}

static void plan(struct mesh *m, struct member *o)
{
    if (o->fetch.from != NULL && m->now_ms < o->fetch.deadline_ms) {
        o->plan_at_ms = sooner(o->fetch.deadline_ms, compare_plan(m, o));
        return;
    }
    if (o->fetch.from != NULL) {
        time_out(m, o);
        return;
    }
    o->plan_at_ms = NEVER_MS;
    fetch_wait(m, o, false);
    if (disk_rests(m)) {
        o->plan_at_ms = m->disk_until_ms;
        return;
    }
    if (ask_for_proof(m, o))
        return;
    if (!quota_is_ready(m, o)) {
        o->plan_at_ms = m->now_ms + QUOTA_RETRY_MS;
        return;
    }
    if (m->free_n < MESH_INFLIGHT_MAX / 2 || m->inflight_bytes > MESH_INFLIGHT_BYTES_MAX / 2) {
        o->plan_at_ms = m->now_ms + BUSY_RETRY_MS;
        return;
    }
    if (!ask_in_doubt(m, o))
        ask_for_gap(m, o);
}

void fetch_plan(struct mesh *m, struct member *o)
{
    o->doubt.waits = false;
    plan(m, o);
    if (o->fetch.from == NULL && (o->doubt.waits || o->proof_want.open))
        o->plan_at_ms = sooner(o->plan_at_ms, m->now_ms + BUSY_RETRY_MS);
}

/* ---- answers */

static bool was_asked(const struct member *o, const struct member *from, uint32_t id)
{
    return (o->fetch.from == from && o->fetch.id == id) || (o->fetch.late == from && o->fetch.late_id == id);
}

/* Nearly always the first guess: each frame that comes asks this. */
static struct member *asked_for(const struct mesh *m, const struct member *from, uint32_t id)
{
    struct member *guess = m->asked[id % ASKED_MAX];

    if (guess != NULL && was_asked(guess, from, id))
        return guess;
    for (size_t i = 0; i < m->members_n; i++) {
        if (was_asked(m->members[i], from, id))
            return m->members[i];
    }
    return NULL;
}

/* So the silence was but slowness. */
static void answered_late(struct member *o, const struct member *from, bool last)
{
    if (!last)
        return;
    o->fetch.late = NULL;
    claim_late(o, from);
}

/* A frame is taken whether or not it was asked for: it proves itself. */
void fetch_answer(struct mesh *m, struct member *from, uint32_t id, struct bytes frame, bool last)
{
    struct member *o = asked_for(m, from, id);
    enum taken taken = TAKEN_USELESS;
    int64_t end_ms;

    if (frame.len > 0)
        taken = take_frame(m, from, frame, true);
    if (o != NULL && o->fetch.late == from && o->fetch.late_id == id)
        answered_late(o, from, last);
    if (o == NULL || o->fetch.from != from || o->fetch.id != id)
        return;                        /* nobody asks now, or what came has just paused the link */
    if (taken == TAKEN_NEW && o->fetch.at_head)
        eager_fetched(m, o, from);
    if (taken == TAKEN_LATER)
        o->fetch.blocked = true;
    if (frame.len > 0)
        o->fetch.frames++;
    o->fetch.news += taken == TAKEN_NEW;
    if (last || o->fetch.frames >= FETCH_FRAMES_MAX) {
        finish(m, o);
        return;
    }
    if (taken == TAKEN_USELESS)
        return;                        /* what brings nothing buys no time */
    end_ms = o->fetch.since_ms + FETCH_TOTAL_MS;
    o->fetch.deadline_ms = sooner(m->now_ms + MESH_FETCH_TIMEOUT_MS, end_ms);
    o->plan_at_ms = o->fetch.deadline_ms;
}
