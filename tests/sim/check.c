/* What must hold after every step, and at the end. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

/* Nothing unsigned or foreign is stored, and nothing twice; a core that had no memory to remember a batch may offer it again. */
long check_store(struct world *w, const struct node *n, const struct mesh_action *a)
{
    struct batch_name name;
    long i = batch_peek(a->frame, &name) == 0 ? registry_find(w, name.hash) : -1;
    const struct signed_batch *b = i < 0 ? NULL : &w->registry[i];

    if (b == NULL || !b->sound || b->len != a->frame.len || memcmp(b->frame, a->frame.at, b->len) != 0) {
        fail(w, "n%u stores what nobody signed, or for another federation", n->index);
        return -1;
    }
    if (disk_has(&n->disk, (size_t)i) && !sim_may_starve)
        fail(w, "n%u stores n%u's %u/%llu twice", n->index, b->author, b->ref.name.epoch, (unsigned long long)b->ref.name.seq);
    if (b->author >= w->nodes_n)
        fail(w, "n%u stores a stranger's batch", n->index);
    return i;
}

/* Disk before wire. */
void check_publish(struct world *w, const struct node *n, const struct mesh_action *a)
{
    struct batch_name name;
    long i = batch_peek(a->frame, &name) == 0 ? registry_find(w, name.hash) : -1;

    if (i < 0 || !disk_has(&n->disk, (size_t)i))
        fail(w, "n%u published before it was stored", n->index);
}

/* Only who sent something bad is blamed: an honest node has checked all that it passes on. */
void check_blame(struct world *w, const struct node *n, const struct mesh_action *a)
{
    int who = author_of(a->neighbour);

    trace(w, "n%u: blames n%d: it %s", n->index, who, a->text);
    if (who < 0 || !w->nodes[who].liar)
        fail(w, "n%u blames n%d, which is honest", n->index, who);
}

/* No number is used twice, whatever crashed and whatever was restored. */
void check_said(struct world *w, const struct node *n, size_t batch)
{
    const struct batch_name *name = &w->registry[batch].ref.name;

    for (size_t i = 0; i < w->registry_n && !n->liar; i++) {
        const struct signed_batch *b = &w->registry[i];
        if (i != batch && b->sound && b->author == n->index && b->ref.name.epoch == name->epoch && b->ref.name.seq == name->seq)
            fail(w, "n%u used the number %u/%llu twice", n->index, name->epoch, (unsigned long long)name->seq);
    }
}

/* ---- at the end */

static bool on_an_honest_disk(const struct world *w, size_t batch)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (!w->nodes[i].liar && disk_has(&w->nodes[i].disk, batch))
            return true;
    }
    return false;
}

static void raise_floor(const struct signed_batch *b, uint32_t *epoch, uint64_t *seq)
{
    if (b->ref.floor_epoch < *epoch || (b->ref.floor_epoch == *epoch && b->ref.floor_seq <= *seq))
        return;
    *epoch = b->ref.floor_epoch;
    *seq = b->ref.floor_seq;
}

static bool log_is_level(const struct world *w, unsigned author, char *why, size_t room)
{
    uint32_t epoch = 0;
    uint64_t seq = 0;

    for (size_t i = 0; i < w->registry_n; i++) {
        if (w->registry[i].author == author && w->registry[i].sound && on_an_honest_disk(w, i))
            raise_floor(&w->registry[i], &epoch, &seq);
    }
    for (size_t i = 0; i < w->registry_n; i++) {
        const struct signed_batch *b = &w->registry[i];
        bool dead = b->ref.name.epoch < epoch || (b->ref.name.epoch == epoch && b->ref.name.seq < seq);
        if (b->author != author || !b->sound || dead || !on_an_honest_disk(w, i))
            continue;
        for (unsigned j = 0; j < w->nodes_n; j++) {
            if (w->nodes[j].liar || disk_has(&w->nodes[j].disk, i))
                continue;
            snprintf(why, room, "n%u lacks n%u's %u/%llu", j, author, b->ref.name.epoch, (unsigned long long)b->ref.name.seq);
            return false;
        }
    }
    return true;
}

bool check_level(const struct world *w, char *why, size_t room)
{
    for (unsigned author = 0; author < w->nodes_n; author++) {
        if (!w->nodes[author].liar && !log_is_level(w, author, why, room))
            return false;
    }
    return true;
}
