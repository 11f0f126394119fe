/* Faults that a run plants on purpose: a check that finds none of them would be no check. */
#include <string.h>

#include "node/mesh_private.h"
#include "sim.h"

const char *const plant_names[PLANTS] = { "none",        "relay-before-store", "store-unverified", "reuse-number", "no-repair",
                                          "revive-dead", "lose-batch",         "pass-bound",       "blame-honest", "keep-first",   "trust-copy" };

void plant_before_step(struct world *w, struct node *n, const struct mesh_event *ev)
{
    struct member *from;

    if (w->options.plant != PLANT_PASS_BOUND || n->index != 1 || w->now_ms <= 60000 || ev->neighbour == NULL)
        return;
    from = mesh_member(n->core, ev->neighbour);
    if (from != NULL)
        from->link.fetches += MESH_LINK_FETCHES_MAX + 1;
}

/* A replay that the core did not see through. */
static void revive(struct world *w, struct node *n)
{
    for (size_t i = disk_next(&n->disk, 0); i != NO_BATCH && !w->failed; i = disk_next(&n->disk, i + 1)) {
        const struct signed_batch *b = &w->registry.at[i];
        if (is_below(n->disk.floors[b->author], &b->ref.name))
            registers_merge(w, n, i);
    }
}

/* The disk forgets node 0's newest batch, and the core does not know. */
static void lose(struct world *w, struct node *n)
{
    const struct batches *all = &w->registry.by_author[0];

    if (all->n > 0 && disk_has(&n->disk, all->at[all->n - 1]))
        disk_remove(&n->disk, all->at[all->n - 1]);
}

static void store_unverified(struct world *w, const struct node *n, struct bytes frame)
{
    struct mesh_action a = { .kind = MESH_DO_STORE, .frame = frame };

    if (batch_peek(frame, &a.batch.name) == 0)
        check_store(w, n, &a);
}

void plant_after_step(struct world *w, struct node *n, const struct mesh_event *ev)
{
    switch (w->options.plant) {
    case PLANT_RELAY_BEFORE_STORE:
        if (ev->kind == MESH_FRAME && !w->nodes[author_of(ev->neighbour)].liar)
            check_publish(w, n, &(struct mesh_action){ .kind = MESH_DO_PUBLISH, .frame = ev->bytes });
        break;
    case PLANT_STORE_UNVERIFIED:
        if (ev->kind == MESH_FRAME)
            store_unverified(w, n, ev->bytes);
        break;
    case PLANT_REVIVE_DEAD:
        if (w->steps % 101 == 0)
            revive(w, n);
        break;
    case PLANT_LOSE_BATCH:
        if (w->healed && w->now_ms > w->healed_ms + 10000 && n->index == 1)
            lose(w, n);
        break;
    case PLANT_BLAME_HONEST:
        if (w->now_ms > 60000 && n->index > 0)
            check_blame(w, n, &(struct mesh_action){ .kind = MESH_DO_BLAME, .text = "did nothing" });
        break;
    default:
        break;
    }
}
