/* What neighbours say they have. Nothing here is signed: a claim only leads to a fetch, and one that proves wrong is passed over for a while. */
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

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
    o->claims[i].by->link.claims_n--;
    ranges_clear(&o->claims[i].barren);
    memmove(o->claims + i, o->claims + i + 1, (o->claims_n - i - 1) * sizeof *o->claims);
    o->claims_n--;
}

static void drop_dead_claims(struct member *o)
{
    while (o->claims_n > 0 && log_live_from(o, o->claims[0].epoch) == UINT64_MAX)
        claim_remove(o, 0);
}

static struct claim *claim_make(struct mesh *m, struct member *o, struct member *by, uint32_t epoch)
{
    size_t room = o->claims_room == 0 ? 8 : o->claims_room * 2;
    size_t i;

    drop_dead_claims(o);
    if (by->link.claims_n >= MESH_LINK_CLAIMS_MAX)
        return NULL;
    i = claim_place(o, by, epoch);
    if (o->claims_n == o->claims_room) {
        struct claim *grown = realloc(o->claims, room * sizeof *grown);
        if (grown == NULL) {
            m->starved = true;
            return NULL;
        }
        o->claims = grown;
        o->claims_room = room;
    }
    memmove(o->claims + i + 1, o->claims + i, (o->claims_n - i) * sizeof *o->claims);
    o->claims[i] = (struct claim){ .by = by, .epoch = epoch };
    o->claims_n++;
    by->link.claims_n++;
    return &o->claims[i];
}

void claims_forget(struct member *o)
{
    while (o->claims_n > 0)
        claim_remove(o, o->claims_n - 1);
}

void claims_forget_by(struct mesh *m, const struct member *by)
{
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        for (size_t j = o->claims_n; j > 0; j--) {
            if (o->claims[j - 1].by == by)
                claim_remove(o, j - 1);
        }
        if (o->doubt.by == by)
            o->doubt.by = NULL;
    }
}

/* The head is here, too: do the hashes agree? */
static void compare_heads(struct mesh *m, struct member *o, struct member *by, const struct log_have *have)
{
    const struct epoch_log *e = log_epoch(o, have->epoch);
    struct held *versions[MESH_VERSIONS_MAX];
    uint8_t hash[HEAD_HASH_BYTES];

    if (log_versions(m, e, have->head, versions) != 1 || versions[0]->state != HELD_STORED)
        return;
    log_head_hash(m, e, have->head, hash);
    if (memcmp(hash, have->head_hash, HEAD_HASH_BYTES) != 0)
        fetch_doubt(m, o, by, have->epoch, have->head);
}

void claim_set(struct mesh *m, struct member *o, struct member *by, const struct log_have *have)
{
    struct claim *c = claim_find(o, by, have->epoch);

    if (have->head == 0 || log_is_dead(o, have->epoch, have->head))
        return;
    if (c == NULL)
        c = claim_make(m, o, by, have->epoch);
    if (c == NULL)
        return;
    c->floor = have->floor > 0 ? have->floor : 1;
    c->head = have->head;
    memcpy(c->head_hash, have->head_hash, HEAD_HASH_BYTES);
    if (m->now_ms - c->barren_ms >= BARREN_MIN_MS)
        ranges_clear(&c->barren);
    compare_heads(m, o, by, have);
    if (fetch_useful(m, o, c))
        mesh_plan(m, o, m->now_ms + (o == m->self && !m->settled ? 0 : GAP_GRACE_MS));
}

/* Who relays a batch has what came before, or knows of nobody who has. */
void claim_raise(struct mesh *m, struct member *o, struct member *by, uint32_t epoch, uint64_t seq)
{
    struct claim *c = claim_find(o, by, epoch);
    uint64_t from = log_live_from(o, epoch);

    if (log_is_dead(o, epoch, seq))
        return;
    if (c == NULL)
        c = claim_make(m, o, by, epoch);
    if (c == NULL)
        return;
    if (c->floor == 0)                 /* a new one */
        c->floor = from;
    c->ignored_until_ms = 0;
    c->strikes = 0;
    if (seq > c->head)
        c->head = seq;
    if (fetch_useful(m, o, c))
        mesh_plan(m, o, m->now_ms + GAP_GRACE_MS);
}

void claim_barren(struct mesh *m, struct member *o, struct claim *c, uint64_t from, uint64_t to)
{
    const struct epoch_log *e = log_epoch(o, c->epoch);
    struct range gap;

    if (c->barren.n == 0)
        c->barren_ms = m->now_ms;
    while (from <= to && c->barren.n < BARREN_PIECES_MAX) {
        if (e == NULL)
            gap = (struct range){ from, to };
        else if (!ranges_gap(&e->present, from, to, &gap))
            return;
        if (ranges_add(&c->barren, gap.from, gap.to) != 0)
            m->starved = true;
        if (gap.from == from)
            return;
        to = gap.from - 1;
    }
}

/* It did not answer, or did not have its own head. The first time may be the network's fault; from the second on the claim waits. */
void claim_strike(struct mesh *m, struct claim *c)
{
    int64_t wait_ms = IGNORE_CLAIM_MS;

    if (++c->strikes < 2)
        return;
    for (unsigned i = 2; i < c->strikes && wait_ms < IGNORE_CLAIM_MAX_MS; i++)
        wait_ms *= 2;
    c->ignored_until_ms = m->now_ms + (wait_ms < IGNORE_CLAIM_MAX_MS ? wait_ms : IGNORE_CLAIM_MAX_MS);
}
