/* What the batches on a disk amount to: of each author and subject, the word of the batch that is highest by (epoch, seq, hash) and not dead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

bool is_below(struct floor_mark mark, const struct batch_name *name)
{
    return name->epoch < mark.epoch || (name->epoch == mark.epoch && name->seq < mark.seq);
}

static void raise_floor(struct floor_mark *floor, const struct store_batch_ref *ref)
{
    if (floor->epoch < ref->floor_epoch || (floor->epoch == ref->floor_epoch && floor->seq < ref->floor_seq))
        *floor = (struct floor_mark){ ref->floor_epoch, ref->floor_seq };
}

/* What a dead batch said goes with it. */
static void forget_dead(const struct registry *r, struct disk *d, unsigned author)
{
    for (unsigned s = 0; s < SUBJECTS; s++) {
        uint32_t *now = &d->registers[author * SUBJECTS + s];
        if (*now != 0 && is_below(d->floors[author], &r->at[*now - 1].ref.name))
            *now = 0;
    }
}

/* Invariant: a register never goes back, not even when it was cleared in between: all that comes later is of a higher order. */
static void merge_one(struct world *w, struct node *n, size_t batch, unsigned subject)
{
    const struct registry *r = &w->registry;
    unsigned place = r->at[batch].author * SUBJECTS + subject;
    uint32_t *now = &n->disk.registers[place], *highest = &n->disk.highest[place];

    if (w->options.plant == PLANT_KEEP_FIRST && n->index == 1 && *now != 0)
        return;
    if (*now != 0 && registry_compare(r, batch, *now - 1) <= 0)
        return;
    if (*highest != 0 && registry_compare(r, batch, *highest - 1) < 0)
        fail(w, "n%u takes a register back: n%u's subject %u from %u/%llu to %u/%llu", n->index, r->at[batch].author, subject,
             r->at[*highest - 1].ref.name.epoch, (unsigned long long)r->at[*highest - 1].ref.name.seq, r->at[batch].ref.name.epoch,
             (unsigned long long)r->at[batch].ref.name.seq);
    *now = *highest = (uint32_t)(batch + 1);
}

void registers_merge(struct world *w, struct node *n, size_t batch)
{
    const struct signed_batch *b = &w->registry.at[batch];

    if (b->author >= w->nodes_n)
        return;
    if (is_below(n->disk.floors[b->author], &b->ref.name))
        fail(w, "n%u takes a register back: n%u's %u/%llu is dead and would count again", n->index, b->author, b->ref.name.epoch,
             (unsigned long long)b->ref.name.seq);
    for (unsigned i = 0; i < b->said_n; i++)
        merge_one(w, n, batch, b->said[i].subject);
    raise_floor(&n->disk.floors[b->author], &b->ref);
    forget_dead(&w->registry, &n->disk, b->author);
}

/* ---- at the end */

/* From the disk alone, whatever was merged when. */
static void derive(const struct world *w, const struct disk *d, unsigned author, uint32_t out[SUBJECTS])
{
    const struct registry *r = &w->registry;
    const struct batches *all = &r->by_author[author];
    struct floor_mark floor = { 0 };

    memset(out, 0, SUBJECTS * sizeof *out);
    for (size_t i = 0; i < all->n; i++) {
        if (disk_has(d, all->at[i]))
            raise_floor(&floor, &r->at[all->at[i]].ref);
    }
    for (size_t i = 0; i < all->n; i++) {
        const struct signed_batch *b = &r->at[all->at[i]];
        if (!disk_has(d, all->at[i]) || is_below(floor, &b->ref.name))
            continue;
        for (unsigned j = 0; j < b->said_n; j++) {
            uint32_t *now = &out[b->said[j].subject];
            if (*now == 0 || registry_compare(r, all->at[i], *now - 1) > 0)
                *now = all->at[i] + 1;
        }
    }
}

/* After a proof a register may well go back: what its author said last in a frozen epoch is dead. */
void registers_again(struct world *w, struct node *n, unsigned author)
{
    const struct registry *r = &w->registry;
    const struct batches *all = &r->by_author[author];
    struct disk *d = &n->disk;

    d->floors[author] = (struct floor_mark){ 0 };
    for (size_t i = 0; i < all->n; i++) {
        if (disk_has(d, all->at[i]))
            raise_floor(&d->floors[author], &r->at[all->at[i]].ref);
    }
    derive(w, d, author, d->registers + author * SUBJECTS);
    memcpy(d->highest + author * SUBJECTS, d->registers + author * SUBJECTS, SUBJECTS * sizeof *d->highest);
}

static void describe(const struct world *w, uint32_t register_, char out[40])
{
    const struct batch_name *name = register_ == 0 ? NULL : &w->registry.at[register_ - 1].ref.name;

    if (name == NULL)
        snprintf(out, 40, "nothing");
    else
        snprintf(out, 40, "%u/%llu:%02x%02x", name->epoch, (unsigned long long)name->seq, name->hash[0], name->hash[1]);
}

static bool agree_on(const struct world *w, unsigned author, char *why, size_t room)
{
    uint32_t first[SUBJECTS], other[SUBJECTS];
    char a[40], b[40];

    derive(w, &w->nodes[0].disk, author, first);
    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (w->nodes[i].liar)
            continue;
        derive(w, &w->nodes[i].disk, author, other);
        for (unsigned s = 0; s < SUBJECTS; s++) {
            if (first[s] == other[s])
                continue;
            describe(w, first[s], a);
            describe(w, other[s], b);
            snprintf(why, room, "registers differ: of n%u's subject %u, n0 has %s and n%u %s", author, s, a, i, b);
            return false;
        }
        if (w->nodes[i].core != NULL && memcmp(other, w->nodes[i].disk.registers + author * SUBJECTS, sizeof other) != 0) {
            snprintf(why, room, "registers differ: n%u merged n%u's to something else than its batches say", i, author);
            return false;
        }
    }
    return true;
}

bool registers_agree(const struct world *w, char *why, size_t room)
{
    for (unsigned author = 0; author < w->nodes_n; author++) {
        if (!agree_on(w, author, why, room))
            return false;
    }
    return true;
}
