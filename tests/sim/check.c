/* What must hold after every step, and at the end. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

/* Nothing unsigned or foreign is stored, nothing dead, and nothing twice; a core that had no memory to remember a batch may offer it again. */
long check_store(struct world *w, const struct node *n, const struct mesh_action *a)
{
    long i = registry_find(&w->registry, a->batch.name.hash);
    const struct signed_batch *b = i < 0 ? NULL : &w->registry.at[i];

    if (b == NULL || !b->sound || b->ref.name.seq != a->batch.name.seq || b->ref.name.epoch != a->batch.name.epoch || b->len != a->frame.len || memcmp(b->frame, a->frame.at, b->len) != 0) {
        fail(w, "n%u stores what nobody signed, or for another federation", n->index);
        return -1;
    }
    if (b->author >= w->nodes_n) {
        fail(w, "n%u stores a stranger's batch", n->index);
        return -1;
    }
    if (is_below(n->disk.floors[b->author], &b->ref.name))
        fail(w, "n%u stores what is dead: n%u's %u/%llu", n->index, b->author, b->ref.name.epoch, (unsigned long long)b->ref.name.seq);
    if (disk_has(&n->disk, (size_t)i) && !sim_may_starve)
        fail(w, "n%u stores n%u's %u/%llu twice", n->index, b->author, b->ref.name.epoch, (unsigned long long)b->ref.name.seq);
    return i;
}

/* Disk before wire. */
void check_publish(struct world *w, const struct node *n, const struct mesh_action *a)
{
    struct batch_name name;
    long i = batch_peek(a->frame, &name) == 0 ? registry_find(&w->registry, name.hash) : -1;

    if (i < 0 || !disk_has(&n->disk, (size_t)i))
        fail(w, "n%u published before it was stored", n->index);
}

/* Only who sent something bad is blamed: an honest node has checked all that it passes on. */
void check_blame(struct world *w, const struct node *n, const struct mesh_action *a)
{
    int who = w->options.plant == PLANT_BLAME_HONEST ? 0 : author_of(a->neighbour);

    trace(w, "n%u: blames n%d: it %s", n->index, who, a->text);
    if (who < 0 || !w->nodes[who].liar)
        fail(w, "n%u blames n%d, which is honest", n->index, who);
}

/* Nor does an honest one ever come to be paused. */
void check_pause(struct world *w, const struct node *n, const struct mesh_action *a)
{
    int who = author_of(a->neighbour);

    trace(w, "n%u: pauses n%d for %lld s: it %s", n->index, who, (long long)a->pause_ms / 1000, a->text);
    if (who < 0 || !w->nodes[who].liar)
        fail(w, "n%u pauses n%d, which is honest", n->index, who);
}

/* No number is used twice, whatever crashed and whatever was restored. */
void check_said(struct world *w, const struct node *n, size_t batch)
{
    const struct batch_name *name = &w->registry.at[batch].ref.name;
    const struct batches *all = &w->registry.by_author[n->index];

    for (size_t i = 0; i < all->n && !n->liar; i++) {
        const struct signed_batch *b = &w->registry.at[all->at[i]];
        if (all->at[i] != batch && b->sound && b->ref.name.epoch == name->epoch && b->ref.name.seq == name->seq)
            fail(w, "n%u used the number %u/%llu twice", n->index, name->epoch, (unsigned long long)name->seq);
    }
}

/* ---- at the end */

/* The batch lives as far as any honest node knows, and an honest node holds it: so all must. */
static bool is_held_by_all(const struct world *w, size_t batch, char *why, size_t room)
{
    const struct signed_batch *b = &w->registry.at[batch];
    int with = -1, without = -1;

    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (w->nodes[i].liar)
            continue;
        if (disk_has(&w->nodes[i].disk, batch))
            with = (int)i;
        else
            without = (int)i;
    }
    if (with < 0 || without < 0)
        return true;
    snprintf(why, room, "n%d lacks n%u's %u/%llu:%02x%02x", without, b->author, b->ref.name.epoch, (unsigned long long)b->ref.name.seq,
             b->ref.name.hash[0], b->ref.name.hash[1]);
    return false;
}

static bool log_is_level(const struct world *w, unsigned author, char *why, size_t room)
{
    const struct batches *all = &w->registry.by_author[author];
    struct floor_mark floor = { 0 };

    for (unsigned i = 0; i < w->nodes_n; i++) {
        const struct floor_mark *at = &w->nodes[i].disk.floors[author];
        if (!w->nodes[i].liar && (floor.epoch < at->epoch || (floor.epoch == at->epoch && floor.seq < at->seq)))
            floor = *at;
    }
    for (size_t i = 0; i < all->n; i++) {
        const struct signed_batch *b = &w->registry.at[all->at[i]];
        if (b->sound && !is_below(floor, &b->ref.name) && !is_held_by_all(w, all->at[i], why, room))
            return false;
    }
    return true;
}

static bool same_proofs(const struct disk *a, const struct disk *b, unsigned author, uint32_t *epoch)
{
    for (size_t i = 0; i < a->proofs_n; i++) {
        const struct disk_proof *p = &a->proofs[i];
        bool found = p->author != author;
        for (size_t j = 0; j < b->proofs_n && !found; j++)
            found = memcmp(p, &b->proofs[j], sizeof *p) == 0;
        *epoch = p->epoch;
        if (!found)
            return false;
    }
    return true;
}

/* Where a liar's log is frozen, and by which two batches, is the same for all, however many versions of a number it told to whom. */
static bool proofs_are_level(const struct world *w, unsigned author, char *why, size_t room)
{
    int first = -1;

    for (unsigned i = 0; i < w->nodes_n; i++) {
        uint32_t epoch = 0;
        if (w->nodes[i].liar)
            continue;
        if (first < 0)
            first = (int)i;
        if (same_proofs(&w->nodes[first].disk, &w->nodes[i].disk, author, &epoch) && same_proofs(&w->nodes[i].disk, &w->nodes[first].disk, author, &epoch))
            continue;
        snprintf(why, room, "n%d and n%u have different proofs against n%u in epoch %u", first, i, author, epoch);
        return false;
    }
    return true;
}

bool check_level(const struct world *w, char *why, size_t room)
{
    for (unsigned author = 0; author < w->nodes_n; author++) {
        if (!log_is_level(w, author, why, room) || !proofs_are_level(w, author, why, room))
            return false;
    }
    return registers_agree(w, why, room);
}
