#include "proto/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

struct chunk {
    struct chunk *next;
    size_t used, size;
    alignas(max_align_t) unsigned char at[];
};

struct arena {
    ProtobufCAllocator allocator;
    struct chunk *newest;
    size_t left;                     /* of the bound */
    bool exhausted;
};

static void *allocate(void *arena, size_t len)
{
    return arena_alloc(arena, len);
}

static void free_later(void *arena, void *at)
{
    (void)arena;
    (void)at;
}

static struct chunk *chunk_create(size_t size, struct chunk *next)
{
    struct chunk *c = malloc(sizeof *c + size);

    if (c != NULL)
        *c = (struct chunk){ .next = next, .size = size };
    return c;
}

struct arena *arena_create(size_t first_bytes, size_t bytes_max)
{
    struct arena *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    a->newest = chunk_create(first_bytes, NULL);
    if (a->newest == NULL) {
        free(a);
        return NULL;
    }
    a->left = bytes_max;
    a->allocator = (ProtobufCAllocator){ .alloc = allocate, .free = free_later, .allocator_data = a };
    return a;
}

void arena_destroy(struct arena *a)
{
    if (a == NULL)
        return;
    for (struct chunk *c = a->newest, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

static bool add_chunk(struct arena *a, size_t len)
{
    size_t size = 2 * a->newest->size;
    struct chunk *c = chunk_create(size > len ? size : len, a->newest);

    if (c != NULL)
        a->newest = c;
    return c != NULL;
}

void *arena_alloc(struct arena *a, size_t len)
{
    const size_t step = alignof(max_align_t);
    void *at;

    if (len > a->left || a->left - len < step) {
        a->exhausted = true;
        return NULL;
    }
    len = (len + step - 1) / step * step;
    if (len > a->newest->size - a->newest->used && !add_chunk(a, len)) {
        a->exhausted = true;
        return NULL;
    }
    at = a->newest->at + a->newest->used;
    a->newest->used += len;
    a->left -= len;
    return at;
}

bool arena_is_exhausted(const struct arena *a)
{
    return a->exhausted;
}

ProtobufCAllocator *arena_allocator(struct arena *a)
{
    return &a->allocator;
}
