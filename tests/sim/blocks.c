/* Pieces of logs that are the same in many cores, held once: as mesh_config.blocks wants it. A day of a thousand members is 1.5 million batches; a thousand copies would be 45 GB. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { HEADS = 1 << 16 };

struct piece {
    struct piece *next;
    void *block;
    size_t bytes, users;
};
static struct piece *heads[HEADS];
static size_t pieces_n;

static struct piece **head_of(const uint8_t *at, size_t bytes)
{
    uint64_t hash = bytes;

    for (; bytes >= 8; at += 8, bytes -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return &heads[hash % HEADS];
}

static void *share(void *ctx, void *block, size_t bytes)
{
    struct piece **head = head_of(block, bytes), *p;
    bool watched = sim_watched;

    (void)ctx;
    for (p = *head; p != NULL; p = p->next) {
        if (p->bytes != bytes || memcmp(p->block, block, bytes) != 0)
            continue;
        p->users++;
        free(block);
        return p->block;
    }
    sim_watched = false;                       /* this memory is ours, not the core's */
    p = malloc(sizeof *p);
    sim_watched = watched;
    if (p == NULL)
        abort();
    *p = (struct piece){ .next = *head, .block = block, .bytes = bytes, .users = 1 };
    *head = p;
    pieces_n++;
    return block;
}

static void drop(void *ctx, void *block, size_t bytes)
{
    struct piece **at = head_of(block, bytes), *p;

    (void)ctx;
    while (*at != NULL && (*at)->block != block)
        at = &(*at)->next;
    p = *at;
    if (p == NULL)
        abort();                               /* it was written, or never shared */
    if (--p->users > 0)
        return;
    *at = p->next;
    free(p->block);
    free(p);
    pieces_n--;
}

static void *own(void *ctx, void *block, size_t bytes)
{
    bool watched = sim_watched;
    void *copy;

    sim_watched = false;
    copy = malloc(bytes);
    sim_watched = watched;
    if (copy == NULL)
        abort();
    memcpy(copy, block, bytes);
    drop(ctx, block, bytes);
    return copy;
}

const struct mesh_blocks sim_blocks = { .share = share, .own = own, .drop = drop };

void blocks_end(void)
{
    if (pieces_n > 0)
        abort();                               /* a core that is gone still uses one */
}
