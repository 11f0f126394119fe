/* Two nodes may hold other batches under the same numbers: only of an author who signed two, or one that others must refuse. Where logs agree in their head and not in
 * their digest, and no gap explains it, the lowest numbers that differ are looked for, part by part, and fetched. The digest is simple, so that it can be kept up to date; an
 * author can make batches that it does not tell apart. What is compared are sums under a salt that was not known when they were made, and full questions bring such sums, too. */
#include <string.h>

#include "node/mesh_private.h"

/* By a hash of the seed, which does not leave the node: who has seen many can tell no other. */
void compare_salt(struct mesh *m, uint8_t out[SALT_BYTES])
{
    static const char tag[16] = "hearsay-salt-1\n";
    uint8_t from[sizeof tag + 2 * sizeof(uint64_t)], hash[HASH_BYTES];
    const uint64_t n = m->salts++;

    memcpy(from, tag, sizeof tag);
    memcpy(from + sizeof tag, &m->config.seed, sizeof m->config.seed);
    memcpy(from + sizeof tag + sizeof m->config.seed, &n, sizeof n);
    hash_sha256(from, sizeof from, hash);
    memcpy(out, hash, SALT_BYTES);
}

void compare_sum(const struct epoch_log *e, const uint8_t salt[SALT_BYTES], uint8_t out[SUM_BYTES])
{
    struct log_walk w = { .e = e };
    const struct held *h;
    struct fingerprint f;

    fingerprint_begin(&f, salt);
    while ((h = log_next(&w)) != NULL) {
        if (h->state == HELD_STORED)
            fingerprint_add(&f, h->hash);
    }
    fingerprint_end(&f, out);
}

static void sum_part(const struct epoch_log *e, uint64_t from, uint64_t to, const uint8_t salt[SALT_BYTES], uint8_t out[SUM_BYTES])
{
    struct log_walk w = log_from(e, from);
    const struct held *h;
    struct fingerprint f;

    fingerprint_begin(&f, salt);
    while ((h = log_next(&w)) != NULL && w.seq <= to) {
        if (h->state == HELD_STORED)
            fingerprint_add(&f, h->hash);
    }
    fingerprint_end(&f, out);
}

static void ask(struct mesh *m, struct member *o, uint64_t from, uint64_t to)
{
    struct compare *c = &o->compare;
    struct message msg = { .kind = MESSAGE_COMPARE };

    c->from = from;
    c->to = to;
    c->since_ms = m->now_ms;
    c->deadline_ms = m->now_ms + claim_patience_ms(o, c->by);
    compare_salt(m, c->salt);
    memcpy(msg.u.compare.salt, c->salt, SALT_BYTES);
    memcpy(msg.u.compare.origin, o->root, KEY_BYTES);
    msg.u.compare.epoch = c->epoch;
    msg.u.compare.from = from;
    msg.u.compare.to = to;
    asks_made(&c->by->link, 1 + COMPARE_ASKS);
    update_message(m, MESH_DO_ASK, c->by, &msg);
}

static bool common(const struct member *o, const struct claim *c, struct range *r)
{
    uint64_t from = log_live_from(o, c->epoch), to = log_live_to(o, c->epoch);

    r->from = c->floor > from ? c->floor : from;
    r->to = to < c->told ? to : c->told;
    return r->from <= r->to && r->to - r->from < COMPARE_RANGE_MAX;
}

/* What it says to hold is not what is held here, and asking for gaps does not show what it is. Another head is on its way to one of the two, but for
 * one whose number is taken here by a batch that had to be refused. */
bool compare_is_due(const struct member *o, const struct claim *c)
{
    static const uint8_t unsaid[HEAD_HASH_BYTES];
    struct epoch_log *e = log_epoch(o, c->epoch);

    return e != NULL && (c->told == e->head || (c->told > e->head && ranges_has(&e->present, c->told))) && c->by->link.up && memcmp(c->digest, unsaid, HEAD_HASH_BYTES) != 0
           && (memcmp(c->digest, e->digest, HEAD_HASH_BYTES) != 0 || c->at_odds == e->version) && !fetch_lacks(o, c) && e->flying == 0;
}

/* Digests that agree may still be of different batches: its sum, which nobody could foresee, tells. Where they do not agree it adds nothing. */
void compare_hear(struct mesh *m, struct member *o, const struct member *from, const struct log_have *l, const uint8_t salt[SALT_BYTES])
{
    struct claim *c = claim_find(o, from, l->epoch);
    struct epoch_log *e = log_epoch(o, l->epoch);
    uint8_t sum[SUM_BYTES];

    if (!l->has_sum || c == NULL || e == NULL || l->head != e->head || memcmp(l->digest, e->digest, HEAD_HASH_BYTES) != 0)
        return;
    if (c->sum_ms != 0 && m->now_ms - c->sum_ms < SUM_MS)
        return;
    c->sum_ms = m->now_ms;
    compare_sum(e, salt, sum);
    c->at_odds = memcmp(sum, l->sum, SUM_BYTES) != 0 ? e->version : 0;
    if (c->at_odds != 0)
        mesh_plan(m, o, m->now_ms + GAP_GRACE_MS);
}

/* A neighbour may say what it likes of its sum: so not often, and more and more rarely as long as nothing comes of it. */
static void start(struct mesh *m, struct member *o, struct claim *c, const struct range *r)
{
    c->compare_wait_ms = c->compare_wait_ms == 0 ? COMPARE_WAIT_MS : c->compare_wait_ms * 2 < IGNORE_CLAIM_MAX_MS ? c->compare_wait_ms * 2 : IGNORE_CLAIM_MAX_MS;
    c->compare_ms = m->now_ms;
    c->compare_answered = false;
    o->compare = (struct compare){ .by = c->by, .epoch = c->epoch, .end = r->to };
    ask(m, o, r->from < c->compare_from && c->compare_from <= r->to ? c->compare_from : r->from, r->to);
    c->compare_from = 0;
}

/* Who has wasted less time first, then who waits longest. */
static bool is_before(const struct claim *a, const struct claim *b)
{
    unsigned rank_a = claim_rank(a->standing), rank_b = claim_rank(b->standing);

    return rank_a != rank_b ? rank_a < rank_b : a->compare_ms + a->compare_wait_ms < b->compare_ms + b->compare_wait_ms;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Of those that may be asked now: who is asked for enough already holds up no other. next_ms: when the first of the rest is due. */
static struct claim *next_due(const struct mesh *m, const struct member *o, int64_t *next_ms)
{
    struct claim *best = NULL;
    struct range r;

    *next_ms = NEVER_MS;
    for (size_t i = 0; i < o->claims_n; i++) {
        struct claim *c = &o->claims[i];
        if (!compare_is_due(o, c) || !common(o, c, &r))
            continue;
        if (m->now_ms < c->compare_ms + c->compare_wait_ms)
            *next_ms = sooner(*next_ms, c->compare_ms + c->compare_wait_ms);
        else if (!asks_can_compare(m, &c->by->link))
            *next_ms = sooner(*next_ms, m->now_ms + COMPARE_BUSY_MS);
        else if (best == NULL || is_before(c, best))
            best = c;
    }
    return best;
}

int64_t compare_plan(struct mesh *m, struct member *o)
{
    struct compare *now = &o->compare;
    struct claim *c;
    int64_t next_ms;
    struct range r;

    if (o == m->self)
        return NEVER_MS;
    if (now->by != NULL && m->now_ms < now->deadline_ms)
        return now->deadline_ms;
    if (now->by != NULL)
        claim_waste(m, o, now->by, now->since_ms);
    now->by = NULL;
    if (o->proof_want.open || (o->fetch.from != NULL && o->fetch.proving))
        return o->fetch.from != NULL ? NEVER_MS : m->now_ms + BUSY_RETRY_MS;      /* its end plans again */
    c = next_due(m, o, &next_ms);
    if (c == NULL || !common(o, c, &r))
        return next_ms;
    start(m, o, c, &r);
    return now->deadline_ms;
}

void compare_brought(struct member *o, const struct member *by, uint32_t epoch)
{
    struct claim *c = claim_find(o, by, epoch);
    struct epoch_log *e = log_epoch(o, epoch);

    if (c == NULL)
        return;
    c->compare_wait_ms = 0;
    if (e != NULL && c->at_odds != 0)
        e->crafted = true;             /* it had other batches, though the digests agreed */
}

void compare_serve(struct mesh *m, struct member *from, const struct message *asked)
{
    const struct member *o = mesh_member(m, asked->u.compare.origin);
    const struct epoch_log *e = o == NULL ? NULL : log_epoch(o, asked->u.compare.epoch);
    struct message msg = { .kind = MESSAGE_COMPARED };
    const uint64_t width = compare_width(asked->u.compare.from, asked->u.compare.to);

    if (e == NULL || !asks_allow(m, &from->link, COMPARE_ASKS))
        return;
    memcpy(msg.u.compared.origin, o->root, KEY_BYTES);
    msg.u.compared.epoch = asked->u.compare.epoch;
    msg.u.compared.from = asked->u.compare.from;
    msg.u.compared.to = asked->u.compare.to;
    for (uint64_t at = asked->u.compare.from; at <= asked->u.compare.to && msg.u.compared.n < COMPARE_PARTS; at += width) {
        uint64_t last = asked->u.compare.to - at < width ? asked->u.compare.to : at + width - 1;
        sum_part(e, at, last, asked->u.compare.salt, msg.u.compared.sums[msg.u.compared.n++]);
    }
    update_message(m, MESH_DO_ANSWER, from, &msg);
}

/* Numbers are found, held here in another version or not at all: what is there is fetched, and the next comparison begins above, so that what leads to nothing hides none. */
static void found(struct mesh *m, struct member *o, struct claim *at, const struct range *seqs)
{
    struct proof_want *w = &o->proof_want;

    if (!w->open) {
        w->open = w->compared = true;
        w->by = o->compare.by;
        w->epoch = o->compare.epoch;
        w->seq = seqs->from;
        w->last = seqs->to;
    }
    if (at != NULL)
        at->compare_from = seqs->to + 1;
    o->compare.by = NULL;
    mesh_plan(m, o, m->now_ms);
}

/* The first part that differs and where it holds something at all: where it holds nothing it has a gap, and asks us. Of single numbers, the first to the last of them. */
static bool what_differs(const struct member *o, const struct message *msg, struct range *out)
{
    static const uint8_t nothing[SUM_BYTES];
    const struct compare *c = &o->compare;
    const uint64_t width = compare_width(c->from, c->to);
    uint64_t at = c->from;
    unsigned held = 0;
    bool any = false;

    for (size_t i = 0; i < msg->u.compared.n && (!any || width == 1) && held < FOUND_HELD_MAX; i++, at += width) {
        const struct range part = { at, c->to - at < width ? c->to : at + width - 1 };
        uint8_t sum[SUM_BYTES];
        sum_part(log_epoch(o, c->epoch), part.from, part.to, c->salt, sum);
        held += any && memcmp(nothing, sum, SUM_BYTES) != 0;
        if (memcmp(sum, msg->u.compared.sums[i], SUM_BYTES) == 0 || memcmp(nothing, msg->u.compared.sums[i], SUM_BYTES) == 0)
            continue;
        *out = (struct range){ any ? out->from : part.from, part.to };
        any = true;
    }
    return any;
}

void compare_answer(struct mesh *m, struct member *from, const struct message *msg)
{
    struct member *o = mesh_member(m, msg->u.compared.origin);
    struct compare *c = o == NULL ? NULL : &o->compare;
    struct claim *at;
    struct range part = { 0, 0 };

    if (c == NULL || c->by != from || c->epoch != msg->u.compared.epoch || c->from != msg->u.compared.from || c->to != msg->u.compared.to)
        return;
    at = claim_find(o, from, c->epoch);
    if (at != NULL)
        at->compare_answered = true;
    if (++c->steps < COMPARE_STEPS_MAX) {
        bool differs = what_differs(o, msg, &part);
        if (differs && compare_width(c->from, c->to) == 1) {
            found(m, o, at, &part);
            return;
        }
        if (differs || c->to < c->end) {
            ask(m, o, differs ? part.from : c->to + 1, differs ? part.to : c->end);
            return;
        }
    } else if (at != NULL)
        at->compare_from = c->from;
    c->by = NULL;
    mesh_plan(m, o, m->now_ms + GAP_GRACE_MS);
}

void compare_forget_by(struct mesh *m, const struct member *by)
{
    for (size_t i = 0; i < m->members_n; i++) {
        if (m->members[i]->compare.by == by)
            m->members[i]->compare.by = NULL;
    }
}
