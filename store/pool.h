/* store/pool.h: private. Memory for the length of one fold: handed out piece by piece, freed at once. */
#ifndef HEARSAY_STORE_POOL_H
#define HEARSAY_STORE_POOL_H

#include <stddef.h>

struct pool {
    struct pool_block *blocks;     /* the newest first; all zero is an empty pool */
};

void *pool_alloc(struct pool *p, size_t bytes);                     /* aligned for any type; NULL when memory is out */
void *pool_copy(struct pool *p, const void *at, size_t bytes);
void pool_clear(struct pool *p);

#endif
