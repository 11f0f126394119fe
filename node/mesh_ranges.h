/* node/mesh_ranges.h: a set of sequence numbers as sorted, merged, inclusive ranges. Belongs to whoever holds it. */
#ifndef HEARSAY_NODE_MESH_RANGES_H
#define HEARSAY_NODE_MESH_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t from, to;
};
struct ranges {
    struct range *at;
    size_t n, room;
};

void ranges_clear(struct ranges *r);                               /* frees; a zeroed one is empty */
int ranges_add(struct ranges *r, uint64_t from, uint64_t to);      /* from <= to. 0, -ENOMEM */
int ranges_remove(struct ranges *r, uint64_t seq);                 /* 0, also when it is not in; -ENOMEM: still in */
void ranges_cut(struct ranges *r, uint64_t below);                 /* forgets all numbers under `below` */
void ranges_drop_last(struct ranges *r);                           /* forgets the highest number; none: nothing */
bool ranges_has(const struct ranges *r, uint64_t seq);
/* The highest run of numbers within [from, to] that are not in the set. False when all are in. */
bool ranges_gap(const struct ranges *r, uint64_t from, uint64_t to, struct range *gap);
/* How many numbers of [from, to] are not in the set; saturates. */
uint64_t ranges_missing(const struct ranges *r, uint64_t from, uint64_t to);

#endif
