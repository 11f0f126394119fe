/* What neighbours say they have. Nothing here is signed: a claim only leads to a fetch. The time that it takes to ask in vain is charged to the neighbour for
 * that origin, not to the claim: claims cost nothing, so a liar would have another at once. Who has wasted least is asked first: so those who waste share
 * what time is wasted, and who delivers does not wait for them. */
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

/* ---- how neighbours kept their word */

struct standing *claim_standing(const struct member *o, const struct member *by)
{
    for (size_t i = 0; i < o->standings_n; i++) {
        if (o->standings[i]->by == by)
            return o->standings[i];
    }
    return NULL;
}

static struct standing *standing_make(struct mesh *m, struct member *o, struct member *by)
{
    size_t room = o->standings_room == 0 ? 4 : o->standings_room * 2;
    struct standing *s = claim_standing(o, by);

    if (s != NULL)
        return s;
    if (o->standings_n == o->standings_room) {
        struct standing **grown = realloc(o->standings, room * sizeof(struct standing *));
        if (grown == NULL) {
            m->starved = true;
            return NULL;
        }
        o->standings = grown;
        o->standings_room = room;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL) {
        m->starved = true;
        return NULL;
    }
    s->by = by;
    s->forgiven_ms = m->now_ms - IGNORE_CLAIM_MS;
    o->standings[o->standings_n++] = s;
    return s;
}

static void standing_drop(struct member *o, const struct standing *s)
{
    for (size_t i = 0; i < o->standings_n; i++) {
        if (o->standings[i] != s)
            continue;
        free(o->standings[i]);
        o->standings[i] = o->standings[--o->standings_n];
        return;
    }
}

/* Without a claim and without a fault there is nothing to remember. */
static void standing_check(struct member *o, const struct standing *s)
{
    if (s->claims_n == 0 && s->waste_ms == 0 && s->broken == 0 && s->proofs_broken == 0)
        standing_drop(o, s);
}

static void ignore_claims(struct member *o, const struct standing *s)
{
    for (size_t i = 0; i < o->claims_n; i++) {
        if (o->claims[i].standing == s)
            o->claims[i].ignored_until_ms = s->ignored_until_ms;
    }
}

void claim_kept(struct member *o, const struct member *by)
{
    struct standing *s = claim_standing(o, by);

    if (s == NULL)
        return;
    s->waste_ms = s->waste_ms < WASTE_LEAST_MS ? 0 : s->waste_ms / 2;
    s->broken = 0;
    s->ignored_until_ms = 0;
    ignore_claims(o, s);
    standing_check(o, s);
}

void claim_late(struct member *o, const struct member *by)
{
    struct standing *s = claim_standing(o, by);

    if (s == NULL)
        return;
    s->broken = 0;
    s->ignored_until_ms = 0;
    ignore_claims(o, s);
    standing_check(o, s);
}

void claim_waste(struct mesh *m, struct member *o, struct member *by, int64_t since_ms)
{
    struct standing *s = standing_make(m, o, by);

    if (s == NULL)
        return;
    s->waste_ms += m->now_ms - since_ms + BUSY_RETRY_MS;
    if (s->waste_ms > WASTE_MAX_MS)
        s->waste_ms = WASTE_MAX_MS;
}

int64_t claim_patience_ms(const struct member *o, const struct member *by)
{
    const struct standing *s = claim_standing(o, by);
    unsigned broken = s == NULL ? 0 : s->broken;

    return MESH_FETCH_TIMEOUT_MS >> (broken < HASTE_MAX ? broken : HASTE_MAX);
}

unsigned claim_rank(const struct standing *s)
{
    unsigned rank = 0;

    for (int64_t w = s->waste_ms / WASTE_LEAST_MS; w > 0; w /= 2)
        rank++;
    return rank;
}

/* The first broken word may be the network's fault; from the second on all that it says of this origin waits. */
void claim_broken(struct mesh *m, struct member *o, struct member *by)
{
    struct standing *s = standing_make(m, o, by);
    int64_t wait_ms = IGNORE_CLAIM_MS;

    if (s == NULL || ++s->broken < 2)
        return;
    for (unsigned i = 2; i < s->broken && wait_ms < IGNORE_CLAIM_MAX_MS; i++)
        wait_ms *= 2;
    s->ignored_until_ms = m->now_ms + (wait_ms < IGNORE_CLAIM_MAX_MS ? wait_ms : IGNORE_CLAIM_MAX_MS);
    ignore_claims(o, s);
}

void claim_proof(struct mesh *m, struct member *o, struct member *by, bool kept)
{
    struct standing *s = kept ? claim_standing(o, by) : standing_make(m, o, by);
    int64_t wait_ms = IGNORE_CLAIM_MS;

    if (s == NULL)
        return;
    s->proofs_broken = kept ? 0 : s->proofs_broken + 1;
    for (unsigned i = 1; i < s->proofs_broken && wait_ms < IGNORE_CLAIM_MAX_MS; i++)
        wait_ms *= 2;
    s->proofs_ignored_until_ms = kept ? 0 : m->now_ms + (wait_ms < IGNORE_CLAIM_MAX_MS ? wait_ms : IGNORE_CLAIM_MAX_MS);
    standing_check(o, s);
}

/* ---- claims */

static size_t claim_place(const struct member *o, const struct member *by, uint32_t epoch)
{
    size_t low = 0, high = o->claims_n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct claim *c = &o->claims[middle];
        int order = c->epoch != epoch ? (c->epoch < epoch ? -1 : 1) : memcmp(c->by->root, by->root, KEY_BYTES);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct claim *claim_find(const struct member *o, const struct member *by, uint32_t epoch)
{
    size_t i = claim_place(o, by, epoch);

    return i < o->claims_n && o->claims[i].epoch == epoch && o->claims[i].by == by ? &o->claims[i] : NULL;
}

bool claim_any(const struct member *o, const struct member *by)
{
    for (size_t i = 0; i < o->claims_n; i++) {
        if (o->claims[i].by == by)
            return true;
    }
    return false;
}

static void claim_remove(struct member *o, size_t i)
{
    struct standing *s = o->claims[i].standing;

    o->claims[i].by->link.claims_n--;
    s->claims_n--;
    ranges_clear(&o->claims[i].barren);
    memmove(o->claims + i, o->claims + i + 1, (o->claims_n - i - 1) * sizeof *o->claims);
    o->claims_n--;
    standing_check(o, s);
}

static void drop_dead_claims(struct member *o)
{
    while (o->claims_n > 0 && log_live_from(o, o->claims[0].epoch) == UINT64_MAX)
        claim_remove(o, 0);
}

/* A claim of which all is here only takes the place of one that leads to something; else the oldest makes room. */
static bool make_place(struct mesh *m, struct member *o, const struct member *by, uint32_t epoch)
{
    const struct standing *s = claim_standing(o, by);
    size_t oldest = o->claims_n;

    if (s == NULL || s->claims_n < CLAIM_EPOCHS_MAX)
        return true;
    for (size_t i = o->claims_n; i > 0; i--) {
        const struct claim *c = &o->claims[i - 1];
        if (c->standing != s)
            continue;
        oldest = i - 1;
        if (!fetch_lacks(o, c) && c->barren.n == 0)
            break;
        if (c->epoch > epoch)
            oldest = o->claims_n;
    }
    if (oldest == o->claims_n)
        return false;
    if (fetch_lacks(o, &o->claims[oldest]))
        mesh_count(m, MESH_COUNT_OVER_CLAIMS);
    claim_remove(o, oldest);
    return true;
}

static bool claims_grow(struct mesh *m, struct member *o)
{
    size_t room = o->claims_room == 0 ? 8 : o->claims_room + o->claims_room / 2;
    struct claim *grown;

    if (o->claims_n < o->claims_room)
        return true;
    grown = realloc(o->claims, room * sizeof *grown);
    if (grown == NULL) {
        m->starved = true;
        return false;
    }
    o->claims = grown;
    o->claims_room = room;
    return true;
}

static struct claim *claim_make(struct mesh *m, struct member *o, struct member *by, uint32_t epoch)
{
    struct standing *s;
    size_t i;

    drop_dead_claims(o);
    if (by->link.claims_n >= MESH_LINK_CLAIMS_MAX || !make_place(m, o, by, epoch)) {
        mesh_count(m, MESH_COUNT_OVER_CLAIMS);
        return NULL;
    }
    if (!claims_grow(m, o))
        return NULL;
    s = standing_make(m, o, by);
    if (s == NULL)
        return NULL;
    i = claim_place(o, by, epoch);
    memmove(o->claims + i + 1, o->claims + i, (o->claims_n - i) * sizeof *o->claims);
    o->claims[i] = (struct claim){ .by = by, .standing = s, .epoch = epoch, .ignored_until_ms = s->ignored_until_ms };
    o->claims_n++;
    s->claims_n++;
    by->link.claims_n++;
    return &o->claims[i];
}

void claims_forget(struct member *o)
{
    while (o->claims_n > 0)
        claim_remove(o, o->claims_n - 1);
    while (o->standings_n > 0)
        standing_drop(o, o->standings[0]);
    free(o->standings);
    o->standings = NULL;
    o->standings_room = 0;
}

void claims_forget_by(struct mesh *m, const struct member *by)
{
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        for (size_t j = o->claims_n; j > 0; j--) {
            if (o->claims[j - 1].by == by)
                claim_remove(o, j - 1);
        }
        standing_drop(o, claim_standing(o, by));
        if (o->fetch.late == by)
            o->fetch.late = NULL;
        if (o->doubt.by == by)
            o->doubt.by = NULL;
    }
}

/* The head is here, too: do the hashes agree? */
static void compare_heads(struct mesh *m, struct member *o, struct member *by, const struct log_have *have)
{
    const struct epoch_log *e = log_epoch(o, have->epoch);
    const struct held *versions[VERSIONS_ROOM];
    uint8_t hash[HEAD_HASH_BYTES];

    if (log_versions(e, have->head, versions) != 1 || versions[0]->state != HELD_STORED)
        return;
    log_head_hash(e, have->head, hash);
    if (memcmp(hash, have->head_hash, HEAD_HASH_BYTES) != 0)
        fetch_doubt(m, o, by, have->epoch, have->head);
}

/* All that is beyond the highest batch here is mere talk. Without any batch the lowest floor told is where counting begins. */
static void count_claims(struct member *o, uint32_t epoch)
{
    const struct epoch_log *e = log_epoch(o, epoch);
    struct claim *first = o->claims + claim_place(o, o->claims[0].by, epoch), *end = o->claims + o->claims_n;
    uint64_t base = UINT64_MAX;

    while (first > o->claims && first[-1].epoch == epoch)
        first--;
    while (end > first && end[-1].epoch != epoch)
        end--;
    for (struct claim *c = first; c < end; c++)
        base = c->floor < base ? c->floor : base;
    if (e != NULL && e->present.n > 0)
        base = e->present.at[e->present.n - 1].to;
    for (struct claim *c = first; c < end; c++)
        c->head = c->told > base && c->told - base > CLAIM_AHEAD_MAX ? base + CLAIM_AHEAD_MAX : c->told;
}

void claim_unbar(struct claim *c)
{
    ranges_clear(&c->barren);
    c->vain = false;
}

void claim_set(struct mesh *m, struct member *o, struct member *by, const struct log_have *have, uint64_t told_in)
{
    struct claim *c = claim_find(o, by, have->epoch);
    uint64_t told_before;
    bool same;

    if (have->head == 0 || log_is_dead(o, have->epoch, have->head))
        return;
    compare_heads(m, o, by, have);
    if (c == NULL)
        c = claim_make(m, o, by, have->epoch);
    if (c == NULL)
        return;
    same = have->has_digest && c->told == have->head && memcmp(c->digest, have->digest, HEAD_HASH_BYTES) == 0;
    told_before = c->told;
    c->floor = have->floor > 0 ? have->floor : 1;
    c->told = have->head;
    c->told_in = told_in;
    if (!same)
        c->at_odds = 0;
    if (!same && c->compare_answered && c->compare_wait_ms > COMPARE_WAIT_MS)
        c->compare_wait_ms = COMPARE_WAIT_MS;
    if (c->told != told_before)
        c->vain = false;
    memcpy(c->head_hash, have->head_hash, HEAD_HASH_BYTES);
    memcpy(c->digest, have->digest, HEAD_HASH_BYTES);
    if (!same && m->now_ms - c->barren_ms >= BARREN_MIN_MS) {
        claim_unbar(c);
        c->barren_wait_ms = 0;
    } else if (!same && c->barren.n > 0)
        c->barren_wait_ms = BARREN_MIN_MS;
    count_claims(o, have->epoch);
    if (fetch_useful(m, o, c) || (o != m->self && compare_is_due(o, c)))
        mesh_plan(m, o, m->now_ms + (o == m->self && !m->settled ? 0 : GAP_GRACE_MS));
}

/* Its author signed the batch: this claim is worth asking for again, though not at every batch that a liar lets through. */
static void forgive(struct mesh *m, struct claim *c)
{
    if (m->now_ms < c->ignored_until_ms && m->now_ms - c->standing->forgiven_ms < IGNORE_CLAIM_MS)
        return;
    if (m->now_ms < c->ignored_until_ms)
        c->standing->forgiven_ms = m->now_ms;
    c->ignored_until_ms = 0;
}

static bool is_known(const uint8_t digest[HEAD_HASH_BYTES])
{
    static const uint8_t unknown[HEAD_HASH_BYTES];

    return memcmp(digest, unknown, HEAD_HASH_BYTES) != 0;
}

static void raise(struct claim *c, const struct batch_name *name)
{
    if (name->seq <= c->told)
        return;
    c->told = name->seq;
    for (size_t i = 0; is_known(c->digest) && i < HEAD_HASH_BYTES; i++)
        c->digest[i] ^= name->hash[i];
    memcpy(c->head_hash, name->hash, HEAD_HASH_BYTES);
}

/* So it need not be told of it. */
void claim_seen(const struct member *o, const struct member *by, const struct batch_name *name)
{
    struct claim *c = claim_find(o, by, name->epoch);

    if (c != NULL)
        raise(c, name);
}

/* Who relays a batch has what came before, or knows of nobody who has. */
void claim_raise(struct mesh *m, struct member *o, struct member *by, const struct batch_name *name)
{
    struct claim *c = claim_find(o, by, name->epoch);
    uint64_t from = log_live_from(o, name->epoch);
    bool fresh;

    if (log_is_dead(o, name->epoch, name->seq))
        return;
    if (c == NULL)
        c = claim_make(m, o, by, name->epoch);
    if (c == NULL)
        return;
    fresh = c->floor == 0;
    if (fresh)
        c->floor = from;
    forgive(m, c);
    raise(c, name);
    if (fresh && name->seq == from)
        memcpy(c->digest, name->hash, HEAD_HASH_BYTES);        /* it has this one, and there is nothing below */
    count_claims(o, name->epoch);
    if (fetch_useful(m, o, c))
        mesh_plan(m, o, m->now_ms + GAP_GRACE_MS);
}

/* Pieces with nothing missing between them become one: gaps are looked for from the newest down, so that there are few. */
static void join_pieces(struct mesh *m, const struct epoch_log *e, struct claim *c)
{
    static const struct ranges nothing;
    struct range gap;

    for (size_t i = c->barren.n; i > 1; i--) {
        const struct range below = c->barren.at[i - 2], above = c->barren.at[i - 1];
        if (!ranges_gap(e == NULL ? &nothing : &e->present, below.to + 1, above.from - 1, &gap) && ranges_add(&c->barren, below.to, above.from) != 0)
            m->starved = true;
    }
}

bool claim_barren(struct mesh *m, struct member *o, struct claim *c, uint64_t from, uint64_t to)
{
    if (c->barren.n >= BARREN_PIECES_MAX)
        return false;
    if (c->barren.n == 0)
        c->barren_wait_ms = c->barren_wait_ms == 0 ? BARREN_MS : c->barren_wait_ms * 2 < IGNORE_CLAIM_MAX_MS ? c->barren_wait_ms * 2 : IGNORE_CLAIM_MAX_MS;
    if (ranges_add(&c->barren, from, to) != 0) {
        m->starved = true;
        return false;
    }
    c->barren_ms = m->now_ms;
    join_pieces(m, log_epoch(o, c->epoch), c);
    return true;
}

void claims_unbar(struct member *o, uint32_t epoch)
{
    for (size_t i = 0; i < o->claims_n; i++) {
        if (o->claims[i].epoch == epoch)
            claim_unbar(&o->claims[i]);
    }
}
