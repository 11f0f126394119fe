#include "store/pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 256 * 1024 };

struct pool_block {
    struct pool_block *next;
    size_t used, room;
    alignas(max_align_t) unsigned char at[];
};

static struct pool_block *block_add(struct pool *p, size_t bytes)
{
    size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct pool_block *b = malloc(sizeof *b + room);
    if (b == NULL)
        return NULL;
    b->next = p->blocks;
    b->used = 0;
    b->room = room;
    p->blocks = b;
    return b;
}

void *pool_alloc(struct pool *p, size_t bytes)
{
    size_t step = alignof(max_align_t);
    bytes = (bytes + step - 1) / step * step;
    struct pool_block *b = p->blocks;
    if (b == NULL || b->room - b->used < bytes)
        b = block_add(p, bytes);
    if (b == NULL)
        return NULL;
    void *at = b->at + b->used;
    b->used += bytes;
    return at;
}

void *pool_copy(struct pool *p, const void *at, size_t bytes)
{
    void *copy = pool_alloc(p, bytes);
    return copy != NULL ? memcpy(copy, at, bytes) : NULL;
}

void pool_clear(struct pool *p)
{
    while (p->blocks != NULL) {
        struct pool_block *next = p->blocks->next;
        free(p->blocks);
        p->blocks = next;
    }
}
