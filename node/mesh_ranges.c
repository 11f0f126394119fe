#include "node/mesh_ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void ranges_clear(struct ranges *r)
{
    free(r->at);
    memset(r, 0, sizeof *r);
}

/* The first range whose end is not below seq. */
static size_t lower(const struct ranges *r, uint64_t seq)
{
    size_t low = 0, high = r->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->at[middle].to < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int make_room(struct ranges *r)
{
    size_t room = r->room == 0 ? 4 : r->room * 2;
    struct range *at;

    if (r->n < r->room)
        return 0;
    at = realloc(r->at, room * sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    r->at = at;
    r->room = room;
    return 0;
}

static int insert(struct ranges *r, size_t i, uint64_t from, uint64_t to)
{
    if (make_room(r) != 0)
        return -ENOMEM;
    memmove(r->at + i + 1, r->at + i, (r->n - i) * sizeof *r->at);
    r->at[i] = (struct range){ from, to };
    r->n++;
    return 0;
}

int ranges_add(struct ranges *r, uint64_t from, uint64_t to)
{
    size_t i = lower(r, from == 0 ? 0 : from - 1);     /* a neighbour that ends just before is merged too */
    size_t last = i;

    if (i == r->n || (to != UINT64_MAX && r->at[i].from > to + 1))
        return insert(r, i, from, to);
    while (last + 1 < r->n && (to == UINT64_MAX || r->at[last + 1].from <= to + 1))
        last++;
    if (from < r->at[i].from)
        r->at[i].from = from;
    r->at[i].to = r->at[last].to > to ? r->at[last].to : to;
    memmove(r->at + i + 1, r->at + last + 1, (r->n - last - 1) * sizeof *r->at);
    r->n -= last - i;
    return 0;
}

int ranges_remove(struct ranges *r, uint64_t seq)
{
    size_t i = lower(r, seq);
    struct range old;

    if (i == r->n || r->at[i].from > seq)
        return 0;
    old = r->at[i];
    if (old.from < seq && seq < old.to) {
        if (insert(r, i + 1, seq + 1, old.to) != 0)
            return -ENOMEM;
        r->at[i].to = seq - 1;
    } else if (old.from < seq) {
        r->at[i].to = seq - 1;
    } else if (seq < old.to) {
        r->at[i].from = seq + 1;
    } else {
        memmove(r->at + i, r->at + i + 1, (r->n - i - 1) * sizeof *r->at);
        r->n--;
    }
    return 0;
}

void ranges_cut(struct ranges *r, uint64_t below)
{
    size_t i = lower(r, below);

    if (r->n == 0)
        return;
    if (i < r->n && r->at[i].from < below)
        r->at[i].from = below;
    memmove(r->at, r->at + i, (r->n - i) * sizeof *r->at);
    r->n -= i;
}

void ranges_drop_last(struct ranges *r)
{
    struct range *last = r->n > 0 ? &r->at[r->n - 1] : NULL;

    if (last == NULL)
        return;
    if (last->from == last->to)
        r->n--;
    else
        last->to--;
}

bool ranges_has(const struct ranges *r, uint64_t seq)
{
    size_t i = lower(r, seq);

    return i < r->n && r->at[i].from <= seq;
}

bool ranges_gap(const struct ranges *r, uint64_t from, uint64_t to, struct range *gap)
{
    size_t i;

    if (from > to)
        return false;
    i = lower(r, to);
    if (i < r->n && r->at[i].from <= to) {
        if (r->at[i].from <= from)
            return false;
        to = r->at[i].from - 1;
    }
    gap->to = to;
    gap->from = i > 0 && r->at[i - 1].to >= from ? r->at[i - 1].to + 1 : from;
    return gap->from <= gap->to;
}

uint64_t ranges_missing(const struct ranges *r, uint64_t from, uint64_t to)
{
    uint64_t missing;

    if (from > to)
        return 0;
    missing = to - from;               /* one less than there are: so that all of them can be counted */
    for (size_t i = lower(r, from); i < r->n && r->at[i].from <= to; i++) {
        uint64_t first = r->at[i].from > from ? r->at[i].from : from;
        uint64_t last = r->at[i].to < to ? r->at[i].to : to;
        missing -= last - first + 1;
    }
    return missing != UINT64_MAX || ranges_has(r, from) ? missing + 1 : missing;
}
