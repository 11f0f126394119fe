/* All that was ever signed, found by hash and by author; and disks, which hold some of it. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

void batches_add(struct batches *b, size_t i)
{
    b->at = grow(b->at, b->n, &b->room, sizeof *b->at);
    b->at[b->n++] = (uint32_t)i;
}

/* ---- the registry */

static size_t home_of(const struct registry *r, const uint8_t hash[HASH_BYTES])
{
    uint64_t head;

    memcpy(&head, hash, sizeof head);
    return (size_t)head & (r->by_hash_room - 1);
}

static void index_put(struct registry *r, size_t i)
{
    size_t place = home_of(r, r->at[i].ref.name.hash);

    while (r->by_hash[place] != 0)
        place = (place + 1) & (r->by_hash_room - 1);
    r->by_hash[place] = (uint32_t)(i + 1);
}

static void index_grow(struct registry *r)
{
    if ((r->n + 1) * 2 <= r->by_hash_room)
        return;
    r->by_hash_room = r->by_hash_room == 0 ? 256 : r->by_hash_room * 2;
    free(r->by_hash);
    r->by_hash = calloc(r->by_hash_room, sizeof *r->by_hash);
    if (r->by_hash == NULL)
        abort();
    for (size_t i = 0; i < r->n; i++)
        index_put(r, i);
}

size_t registry_place(const struct registry *r, unsigned author, uint32_t epoch, uint64_t seq)
{
    const struct batches *all = &r->by_author[author];
    size_t low = 0, high = all->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct batch_name *name = &r->at[all->at[middle]].ref.name;
        if (name->epoch < epoch || (name->epoch == epoch && name->seq < seq))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Nearly always behind all others. */
static void add_to_author(struct registry *r, size_t batch)
{
    struct batches *all = &r->by_author[r->at[batch].author];
    size_t i = all->n;

    batches_add(all, batch);
    for (; i > 0 && registry_compare(r, all->at[i - 1], batch) > 0; i--)
        all->at[i] = all->at[i - 1];
    all->at[i] = (uint32_t)batch;
}

size_t registry_add(struct registry *r, const struct signed_batch *b)
{
    index_grow(r);
    r->at = grow(r->at, r->n, &r->room, sizeof *r->at);
    r->at[r->n] = *b;
    index_put(r, r->n);
    add_to_author(r, r->n);
    return r->n++;
}

long registry_find(const struct registry *r, const uint8_t hash[HASH_BYTES])
{
    if (r->by_hash_room == 0)
        return -1;
    for (size_t i = home_of(r, hash); r->by_hash[i] != 0; i = (i + 1) & (r->by_hash_room - 1)) {
        if (memcmp(r->at[r->by_hash[i] - 1].ref.name.hash, hash, HASH_BYTES) == 0)
            return (long)r->by_hash[i] - 1;
    }
    return -1;
}

int registry_compare(const struct registry *r, size_t a, size_t b)
{
    const struct batch_name *x = &r->at[a].ref.name, *y = &r->at[b].ref.name;

    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return memcmp(x->hash, y->hash, HASH_BYTES);
}

void registry_clear(struct registry *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->at[i].frame);
    for (size_t i = 0; i <= NODES_MAX; i++)
        free(r->by_author[i].at);
    free(r->at);
    free(r->by_hash);
    memset(r, 0, sizeof *r);
}

/* ---- disks */

void disk_create(struct disk *d, unsigned nodes_n)
{
    memset(d, 0, sizeof *d);
    d->floors = calloc(nodes_n, sizeof *d->floors);
    d->registers = calloc((size_t)nodes_n * SUBJECTS, sizeof *d->registers);
    d->highest = calloc((size_t)nodes_n * SUBJECTS, sizeof *d->highest);
    if (d->floors == NULL || d->registers == NULL || d->highest == NULL)
        abort();
}

bool disk_has(const struct disk *d, size_t batch)
{
    return batch / 64 < d->words && bit_has(d->bits, batch);
}

void disk_add(struct disk *d, size_t batch)
{
    size_t words = batch / 64 + 1;

    if (words > d->words) {
        words += words / 8 + 4;
        d->bits = realloc(d->bits, words * sizeof *d->bits);
        if (d->bits == NULL)
            abort();
        memset(d->bits + d->words, 0, (words - d->words) * sizeof *d->bits);
        d->words = words;
    }
    bit_set(d->bits, batch, true);
    d->batches_n++;
}

void disk_remove(struct disk *d, size_t batch)
{
    bit_set(d->bits, batch, false);
    d->batches_n--;
}

size_t disk_next(const struct disk *d, size_t from)
{
    for (size_t i = from / 64; i < d->words; i++) {
        uint64_t word = i == from / 64 ? d->bits[i] & UINT64_MAX << from % 64 : d->bits[i];
        if (word != 0)
            return i * 64 + (size_t)__builtin_ctzll(word);
    }
    return NO_BATCH;
}

void disk_clear(struct disk *d)
{
    free(d->bits);
    free(d->floors);
    free(d->registers);
    free(d->highest);
    free(d->proofs);
    memset(d, 0, sizeof *d);
}

void disk_copy(const struct disk *from, struct disk *to, unsigned nodes_n)
{
    struct disk copy;

    disk_create(&copy, nodes_n);
    for (size_t i = disk_next(from, 0); i != NO_BATCH; i = disk_next(from, i + 1))
        disk_add(&copy, i);
    memcpy(copy.floors, from->floors, nodes_n * sizeof *copy.floors);
    memcpy(copy.registers, from->registers, (size_t)nodes_n * SUBJECTS * sizeof *copy.registers);
    memcpy(copy.highest, from->highest, (size_t)nodes_n * SUBJECTS * sizeof *copy.highest);
    copy.proofs = malloc((from->proofs_n + 1) * sizeof *copy.proofs);
    if (copy.proofs == NULL)
        abort();
    copy.proofs_n = from->proofs_n;
    if (from->proofs_n > 0)
        memcpy(copy.proofs, from->proofs, from->proofs_n * sizeof *copy.proofs);
    copy.epoch = from->epoch;
    copy.seq = from->seq;
    memcpy(copy.previous, from->previous, HASH_BYTES);
    copy.clean = from->clean;
    copy.nonce_kept = from->nonce_kept;
    disk_clear(to);
    *to = copy;
}
