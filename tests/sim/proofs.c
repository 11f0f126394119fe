/* Proofs of equivocation on a disk, and what they take away from it: as store/proof.c does it. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static const struct disk_proof *proof_of(const struct disk *d, unsigned author, uint32_t epoch)
{
    for (size_t i = 0; i < d->proofs_n; i++) {
        if (d->proofs[i].author == author && d->proofs[i].epoch == epoch)
            return &d->proofs[i];
    }
    return NULL;
}

bool proofs_kill(const struct registry *r, const struct disk *d, size_t batch)
{
    const struct signed_batch *b = &r->at[batch];
    const struct disk_proof *p = proof_of(d, b->author, b->ref.name.epoch);

    if (p == NULL || b->ref.name.seq < p->seq)
        return false;
    return b->ref.name.seq > p->seq || registry_compare(r, batch, p->b) < 0;       /* a higher hash is yet to become one of the two */
}

bool proofs_hold(const struct disk *d, size_t batch)
{
    for (size_t i = 0; i < d->proofs_n; i++) {
        if (d->proofs[i].a == batch || d->proofs[i].b == batch)
            return true;
    }
    return false;
}

/* The two with the highest hashes of those that are known. */
static void better(const struct registry *r, struct disk_proof *p, size_t batch)
{
    if (batch == p->a || batch == p->b)
        return;
    if (p->a == NO_BATCH || registry_compare(r, batch, p->a) > 0) {
        p->b = p->a;
        p->a = batch;
    } else if (p->b == NO_BATCH || registry_compare(r, batch, p->b) > 0) {
        p->b = batch;
    }
}

static struct disk_proof *make(struct disk *d, unsigned author, uint32_t epoch, uint64_t seq)
{
    struct disk_proof *p = (struct disk_proof *)(uintptr_t)proof_of(d, author, epoch);

    if (p == NULL) {
        d->proofs = realloc(d->proofs, (d->proofs_n + 1) * sizeof *d->proofs);
        if (d->proofs == NULL)
            abort();
        p = &d->proofs[d->proofs_n++];
        p->seq = 0;
    }
    if (p->seq != seq) {
        memset(p, 0, sizeof *p);               /* compared as bytes */
        p->author = author;
        p->epoch = epoch;
        p->seq = seq;
        p->a = p->b = NO_BATCH;
    }
    return p;
}

/* What is dead, by the floor as it was or by the proof, leaves the disk; floor and registers are what the rest says. */
static void sweep(struct world *w, struct node *n, unsigned author)
{
    struct disk *d = &n->disk;
    const struct batches *all = &w->registry.by_author[author];

    for (size_t i = 0; i < all->n; i++) {
        const struct signed_batch *b = &w->registry.at[all->at[i]];
        if (disk_has(d, all->at[i]) && (proofs_kill(&w->registry, d, all->at[i]) || is_below(d->floors[author], &b->ref.name)))
            disk_remove(d, all->at[i]);
    }
    registers_again(w, n, author);
}

void proofs_put(struct world *w, struct node *n, const struct mesh_action *a)
{
    unsigned author = (unsigned)author_of(a->origin);
    const struct batches *all = &w->registry.by_author[author];
    struct disk_proof *p = make(&n->disk, author, a->batch.name.epoch, a->batch.name.seq);
    const struct bytes pair[] = { a->frame, a->second };

    for (int i = 0; i < 2 && pair[i].len > 0; i++) {
        struct batch_name name;
        if (batch_peek(pair[i], &name) != 0 || registry_find(&w->registry, name.hash) < 0)
            fail(w, "n%u keeps a proof that nobody signed", n->index);
        else
            better(&w->registry, p, (size_t)registry_find(&w->registry, name.hash));
    }
    for (size_t i = 0; i < all->n; i++) {
        const struct batch_name *name = &w->registry.at[all->at[i]].ref.name;
        if (name->epoch == p->epoch && name->seq == p->seq && disk_has(&n->disk, all->at[i]))
            better(&w->registry, p, all->at[i]);
    }
    if (!w->nodes[author].liar)
        fail(w, "n%u has a proof against n%u, which is honest", n->index, author);
    else if (p->b == NO_BATCH)
        fail(w, "n%u has a proof of one batch only", n->index);
    else
        trace(w, "n%u: n%u's epoch %u is frozen at %llu: %02x%02x and %02x%02x", n->index, author, p->epoch, (unsigned long long)p->seq,
              w->registry.at[p->a].ref.name.hash[0], w->registry.at[p->a].ref.name.hash[1], w->registry.at[p->b].ref.name.hash[0],
              w->registry.at[p->b].ref.name.hash[1]);
    sweep(w, n, author);
}

void proofs_load(const struct world *w, struct node *n)
{
    for (size_t i = 0; i < n->disk.proofs_n; i++) {
        const struct disk_proof *p = &n->disk.proofs[i];
        if (mesh_proof(n->core, author_record(p->author)->root, p->epoch, p->seq, w->registry.at[p->a].ref.name.hash,
                       w->registry.at[p->b].ref.name.hash) != 0)
            abort();
    }
}
