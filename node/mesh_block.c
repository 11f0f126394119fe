/* Where held batches are kept: up to 64 consecutive numbers of an epoch to a block, which has hardly more room than it needs, by number. Blocks are found by a sorted list, and
 * where numbers are dense (they are, unless an author is odd) at the first look.
 *
 * Memory: sizeof(struct held) a batch, 28 bytes, and a 64th of the block's head, of one floor (each other one is 16 bytes) and of its place in the list: 30 in all when a block
 * is full, some 35 while it grows. An author who leaves 63 numbers out each time makes a block of each batch: 100 bytes and its range, at most MESH_HELD_MAX of both. To insert
 * one then moves up to 1 MB of the list, and as much of that of the ranges: about the time that its signature took.
 *
 * A block whose 64 numbers are all on disk, one batch each, hardly ever changes again. It is offered to config.blocks, which may give another node's in its place: such a one is
 * never written, but copied first. Nothing of the node itself is in it, so that equal logs make equal blocks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

enum { NUMBERS = 64 };

static uint64_t base_of(uint64_t seq)
{
    return (seq - 1) / NUMBERS;
}

static uint8_t low_of(uint64_t seq)
{
    return (uint8_t)((seq - 1) % NUMBERS);
}

static struct held *entries(struct block *b)
{
    return (struct held *)(void *)(b->floors + b->floors_room);
}

static size_t bytes_of(size_t room, size_t floors_room)
{
    return sizeof(struct block) + floors_room * sizeof(struct mark) + room * sizeof(struct held);
}

/* ---- finding */

/* The first that is not below. */
static size_t place_of(const struct epoch_log *e, uint64_t base)
{
    size_t low = 0, high = e->blocks_n;

    if (high > 0 && base >= e->blocks[0].base && base - e->blocks[0].base < high && e->blocks[base - e->blocks[0].base].base == base)
        return (size_t)(base - e->blocks[0].base);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (e->blocks[middle].base < base)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* NULL: there is none with this number. */
static struct block_ref *ref_of(const struct epoch_log *e, uint64_t seq)
{
    size_t i = place_of(e, base_of(seq));

    return i < e->blocks_n && e->blocks[i].base == base_of(seq) ? &e->blocks[i] : NULL;
}

/* The first entry whose number is not below. */
static size_t entry_of(struct block *b, uint8_t low_bits)
{
    const struct held *at = entries(b);
    size_t low = 0, high = b->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at[middle].low < low_bits)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t log_versions(const struct epoch_log *e, uint64_t seq, const struct held **out)
{
    const struct block_ref *r = e == NULL || seq == 0 ? NULL : ref_of(e, seq);
    size_t n = 0;

    if (r == NULL)
        return 0;
    for (size_t i = entry_of(r->at, low_of(seq)); i < r->at->n && entries(r->at)[i].low == low_of(seq) && n < VERSIONS_ROOM; i++)
        out[n++] = &entries(r->at)[i];
    return n;
}

const struct held *log_find(const struct epoch_log *e, uint64_t seq, const uint8_t *hash)
{
    const struct held *versions[VERSIONS_ROOM];
    size_t n = log_versions(e, seq, versions);

    for (size_t i = 0; i < n; i++) {
        if (memcmp(versions[i]->hash, hash, HELD_HASH_BYTES) == 0)
            return versions[i];
    }
    return NULL;
}

struct log_walk log_from(const struct epoch_log *e, uint64_t seq)
{
    static const struct epoch_log nothing;
    struct log_walk w = { .e = e == NULL ? &nothing : e };

    if (seq == 0)
        return w;
    w.block = place_of(w.e, base_of(seq));
    if (w.block < w.e->blocks_n && w.e->blocks[w.block].base == base_of(seq))
        w.entry = entry_of(w.e->blocks[w.block].at, low_of(seq));
    return w;
}

const struct held *log_next(struct log_walk *w)
{
    for (; w->block < w->e->blocks_n; w->block++, w->entry = 0) {
        const struct block_ref *r = &w->e->blocks[w->block];
        const struct held *h = entries(r->at) + w->entry;
        if (w->entry == r->at->n)
            continue;
        w->entry++;
        w->seq = r->base * NUMBERS + h->low + 1;
        w->floor = r->at->floors[h->floor];
        return h;
    }
    return NULL;
}

/* ---- room */

static struct block *make(size_t room, size_t floors_room)
{
    struct block *b = calloc(1, bytes_of(room, floors_room));

    if (b == NULL)
        return NULL;
    b->room = (uint16_t)room;
    b->floors_room = (uint16_t)floors_room;
    return b;
}

static size_t more(size_t n)
{
    return n + 1 + n / 4;
}

static void write_to(const struct mesh *m, struct block_ref *r)
{
    if (!r->at->shared)
        return;
    r->at = m->config.blocks->own(m->config.blocks->ctx, r->at, bytes_of(r->at->room, r->at->floors_room));
    r->at->shared = false;
}

static int resize(struct block_ref *r, size_t room, size_t floors_room)
{
    struct block *b = make(room, floors_room);

    if (b == NULL)
        return -ENOMEM;
    b->n = r->at->n;
    b->floors_n = r->at->floors_n;
    memcpy(b->floors, r->at->floors, b->floors_n * sizeof *b->floors);
    memcpy(entries(b), entries(r->at), b->n * sizeof(struct held));
    free(r->at);
    r->at = b;
    return 0;
}

static int insert(struct epoch_log *e, uint64_t seq)
{
    size_t i = place_of(e, base_of(seq)), room = more(e->blocks_n);
    struct block *b;

    if (e->blocks_n == e->blocks_room) {
        struct block_ref *grown = realloc(e->blocks, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        e->blocks = grown;
        e->blocks_room = room;
    }
    b = make(1, 1);
    if (b == NULL)
        return -ENOMEM;
    memmove(e->blocks + i + 1, e->blocks + i, (e->blocks_n - i) * sizeof *e->blocks);
    e->blocks[i] = (struct block_ref){ base_of(seq), b };
    e->blocks_n++;
    return 0;
}

/* The place of this floor among those of the block. No batch may be left of those that announced one of them: then it is taken for the new one. */
static size_t floor_place(struct block *b, struct mark floor)
{
    for (size_t i = b->floors_n; i > 0; i--) {
        if (b->floors[i - 1].epoch == floor.epoch && b->floors[i - 1].seq == floor.seq)
            return i - 1;
    }
    if (b->floors_n < b->floors_room)
        return b->floors_n;
    for (size_t i = 0, j; i < b->floors_n; i++) {
        for (j = 0; j < b->n && entries(b)[j].floor != i; j++)
            ;
        if (j == b->n)
            return i;
    }
    return b->floors_n;
}

int block_reserve(const struct mesh *m, struct epoch_log *e, uint64_t seq, struct mark floor)
{
    struct block_ref *r = ref_of(e, seq);
    size_t room, floors_room;

    if (r == NULL)
        return insert(e, seq);
    write_to(m, r);
    room = r->at->n < r->at->room ? r->at->room : more(r->at->n);
    if (r->at->n < NUMBERS && room > NUMBERS)
        room = NUMBERS;
    floors_room = floor_place(r->at, floor) < r->at->floors_room ? r->at->floors_room : more(r->at->floors_n);
    return room == r->at->room && floors_room == r->at->floors_room ? 0 : resize(r, room, floors_room);
}

/* ---- changes */

/* Behind what there is of its number. */
struct held *block_put(struct epoch_log *e, uint64_t seq, struct mark floor)
{
    struct block *b = ref_of(e, seq)->at;
    size_t place = floor_place(b, floor), i = entry_of(b, (uint8_t)(low_of(seq) + 1));
    struct held *h = entries(b) + i;

    if (place == b->floors_n)
        b->floors_n++;
    b->floors[place].epoch = floor.epoch;
    b->floors[place].seq = floor.seq;
    memmove(h + 1, h, (b->n - i) * sizeof *h);
    memset(h, 0, sizeof *h);
    h->low = low_of(seq);
    h->floor = (uint16_t)place;
    b->n++;
    e->n++;
    return h;
}

struct held *block_write(const struct mesh *m, struct epoch_log *e, uint64_t seq, const struct held *h)
{
    struct block_ref *r = ref_of(e, seq);
    size_t i = (size_t)(h - entries(r->at));

    write_to(m, r);
    return entries(r->at) + i;
}

static void drop(const struct mesh *m, struct block *b)
{
    if (b->shared)
        m->config.blocks->drop(m->config.blocks->ctx, b, bytes_of(b->room, b->floors_room));
    else
        free(b);
}

static void drop_blocks(const struct mesh *m, struct epoch_log *e, size_t first, size_t n)
{
    if (n == 0)
        return;
    for (size_t i = first; i < first + n; i++)
        drop(m, e->blocks[i].at);
    memmove(e->blocks + first, e->blocks + first + n, (e->blocks_n - first - n) * sizeof *e->blocks);
    e->blocks_n -= n;
}

/* What is left empty goes. What has room to spare keeps it: batches go from one end, as a rule, and the rest follows. */
void block_remove(const struct mesh *m, struct epoch_log *e, uint64_t seq, const struct held *at)
{
    struct held *h = block_write(m, e, seq, at);
    struct block_ref *r = ref_of(e, seq);

    memmove(h, h + 1, (size_t)(entries(r->at) + r->at->n - h - 1) * sizeof *h);
    r->at->n--;
    e->n--;
    if (r->at->n == 0)
        drop_blocks(m, e, (size_t)(r - e->blocks), 1);
}

void block_trim(const struct mesh *m, struct epoch_log *e, uint64_t seq)
{
    struct block_ref *r = ref_of(e, seq);

    if (r != NULL && r->at->n == 0)
        drop_blocks(m, e, (size_t)(r - e->blocks), 1);
}

void block_cut(const struct mesh *m, struct epoch_log *e, uint64_t below)
{
    size_t i = below == 0 ? 0 : place_of(e, base_of(below)), gone;
    struct block *b;

    for (size_t j = 0; j < i; j++)
        e->n -= e->blocks[j].at->n;
    drop_blocks(m, e, 0, i);
    if (below == 0 || e->blocks_n == 0 || e->blocks[0].base != base_of(below) || entry_of(e->blocks[0].at, low_of(below)) == 0)
        return;
    write_to(m, &e->blocks[0]);
    b = e->blocks[0].at;
    gone = entry_of(b, low_of(below));
    memmove(entries(b), entries(b) + gone, (b->n - gone) * sizeof(struct held));
    b->n = (uint16_t)(b->n - gone);
    e->n -= gone;
    block_trim(m, e, below);
}

void block_clear(const struct mesh *m, struct epoch_log *e)
{
    drop_blocks(m, e, 0, e->blocks_n);
    free(e->blocks);
    e->blocks = NULL;
    e->blocks_room = e->n = 0;
}

/* ---- sharing */

static bool is_settled(struct block *b)
{
    const struct held *at = entries(b);

    for (size_t i = 0; i < b->n; i++) {
        if (at[i].low != i || at[i].state != HELD_STORED)
            return false;
    }
    return b->n == NUMBERS;
}

/* Without slack and with its floors in the order of numbers: in whatever order its batches came, its bytes are the same. NULL: out of memory. */
static struct block *tidy(struct block *b)
{
    struct block *tight = make(NUMBERS, b->floors_n), *out;

    if (tight == NULL)
        return NULL;
    for (size_t i = 0; i < NUMBERS; i++) {
        const struct mark floor = b->floors[entries(b)[i].floor];
        size_t place = floor_place(tight, floor);
        if (place == tight->floors_n)
            tight->floors_n++;
        tight->floors[place].epoch = floor.epoch;
        tight->floors[place].seq = floor.seq;
        entries(tight)[i] = entries(b)[i];
        entries(tight)[i].floor = (uint16_t)place;
    }
    out = make(NUMBERS, tight->floors_n);        /* some floors may have been nobody's any more */
    if (out != NULL) {
        out->n = NUMBERS;
        out->floors_n = tight->floors_n;
        memcpy(out->floors, tight->floors, out->floors_n * sizeof *out->floors);
        memcpy(entries(out), entries(tight), NUMBERS * sizeof(struct held));
    }
    free(tight);
    return out;
}

void block_share(const struct mesh *m, struct epoch_log *e, uint64_t seq)
{
    struct block_ref *r = m->config.blocks == NULL ? NULL : ref_of(e, seq);
    struct block *b = r == NULL || r->at->n != NUMBERS || r->at->shared || !is_settled(r->at) ? NULL : tidy(r->at);

    if (b == NULL)
        return;
    free(r->at);
    b->shared = true;
    r->at = m->config.blocks->share(m->config.blocks->ctx, b, bytes_of(b->room, b->floors_room));
}
