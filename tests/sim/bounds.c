/* The core keeps its bounds. It is looked into here: what it counts is right, and nothing that others feed grows beyond what mesh.h says. */
#include <string.h>

#include "node/mesh_private.h"
#include "sim.h"

enum { SWEEP_EVERY = 61 };

static void at_most(struct world *w, const struct node *n, const char *what, uint64_t got, uint64_t max)
{
    if (got > max)
        fail(w, "n%u passes a bound: %s is %llu, at most %llu", n->index, what, (unsigned long long)got, (unsigned long long)max);
}

static void check_link(struct world *w, const struct node *n, const struct link *l)
{
    at_most(w, n, "fetches at one neighbour", l->fetches, MESH_LINK_FETCHES_MAX);
    at_most(w, n, "claims of one neighbour", l->claims_n, MESH_LINK_CLAIMS_MAX);
    at_most(w, n, "batches in flight from one neighbour", l->inflight, MESH_INFLIGHT_MAX / MESH_INFLIGHT_SHARE);
    at_most(w, n, "bytes in flight from one neighbour", l->inflight_bytes, MESH_INFLIGHT_BYTES_MAX / MESH_INFLIGHT_SHARE);
}

static void check_log(struct world *w, const struct node *n, const struct member *o)
{
    at_most(w, n, "live batches of one origin", o->held_n, MESH_HELD_MAX);
    at_most(w, n, "live epochs of one origin", o->epochs_n, MESH_EPOCHS_MAX);
    at_most(w, n, "records of one member", o->keys_n, MESH_KEYS_MAX);
}

static void check_mesh(struct world *w, const struct node *n, const struct mesh_update *up)
{
    const struct mesh *m = n->core;

    at_most(w, n, "members", m->members_n, MEMBERS_MAX);
    at_most(w, n, "links", m->links_wanted, MESH_LINKS_MAX);
    at_most(w, n, "bytes in flight", m->inflight_bytes, MESH_INFLIGHT_BYTES_MAX);
    for (size_t i = 0; i < up->n; i++) {
        const struct mesh_action *a = &up->actions[i];
        if (a->kind == MESH_DO_ASK || a->kind == MESH_DO_ANSWER)
            at_most(w, n, "bytes of a message", a->frame.len, MESSAGE_MAX);
        if (a->kind == MESH_DO_STORE)
            check_log(w, n, mesh_member(m, a->batch.name.origin));
    }
}

/* ---- now and then, all of it */

static void check_versions(struct world *w, const struct node *n, const struct epoch_log *e)
{
    struct log_walk walk = { .e = e };
    uint64_t numbers = 0, same = 0, before = 0;

    while (log_next(&walk) != NULL) {
        same = walk.seq == before ? same + 1 : 1;
        before = walk.seq;
        at_most(w, n, "batches with one number", same, VERSIONS_ROOM);
        numbers++;
    }
    if (numbers != e->n)
        fail(w, "n%u passes a bound: a log holds %llu batches and counts %zu", n->index, (unsigned long long)numbers, e->n);
}

static void check_claims(struct world *w, const struct node *n, const struct member *o)
{
    for (size_t i = 0; i < o->standings_n; i++)
        at_most(w, n, "claims of one neighbour about one origin", o->standings[i]->claims_n, CLAIM_EPOCHS_MAX);
    for (size_t i = 0; i < o->claims_n; i++)
        at_most(w, n, "pieces that a neighbour lacks", o->claims[i].barren.n, BARREN_PIECES_MAX + 1);
}

/* So it is looked at again soon: who waits longer waits for something else, and is none of those whose number makes the turns longer. */
static bool waits_its_turn(const struct mesh *m, const struct member *o)
{
    return o->waits && o->fetch.from == NULL && o->plan_at_ms <= m->now_ms + BUSY_RETRY_MS * (int64_t)(1 + m->members_n / WAITING_EASY);
}

static void sweep(struct world *w, const struct node *n)
{
    const struct mesh *m = n->core;
    size_t flying = 0, fetches = 0, waiting = 0, at_links = 0, from_links = 0;

    for (size_t i = 0; i < m->members_n; i++) {
        const struct member *o = m->members[i];
        check_link(w, n, &o->link);
        check_log(w, n, o);
        check_claims(w, n, o);
        for (size_t j = 0; j < o->epochs_n; j++)
            check_versions(w, n, o->epochs[j]);
        fetches += o->fetch.from != NULL;
        waiting += waits_its_turn(m, o);
        at_links += o->link.fetches;
        from_links += o->link.inflight;
    }
    for (size_t i = 0; i < MESH_INFLIGHT_MAX; i++)
        flying += m->inflight[i].origin != NULL;
    if (flying + m->free_n != MESH_INFLIGHT_MAX || from_links > flying || fetches != at_links || waiting != m->waiting_n)
        fail(w, "n%u passes a bound: it lost count of what is in flight, asked for, or waits for that", n->index);
}

void bounds_check(struct world *w, const struct node *n, const struct mesh_event *ev, const struct mesh_update *up)
{
    const struct member *from = ev->neighbour == NULL ? NULL : mesh_member(n->core, ev->neighbour);

    check_mesh(w, n, up);
    if (from != NULL)
        check_link(w, n, &from->link);
    if (w->steps % SWEEP_EVERY == 0)
        sweep(w, n);
}
