/* What is yet to happen, by time and, within a moment, in the order in which it was put there. What is near lies in one list for each millisecond, so that putting and taking cost
 * the same however much waits; what is far lies in a heap, and comes to its list before anything else of that moment can. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* ---- what is far */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

static void far_put(struct queue *q, const struct event *ev)
{
    size_t i = q->far_n++;

    q->far = grow(q->far, i, &q->far_room, sizeof *q->far);
    while (i > 0 && is_before(ev, &q->far[(i - 1) / 2])) {
        q->far[i] = q->far[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->far[i] = *ev;
}

static struct event far_take(struct queue *q)
{
    struct event first = q->far[0], last = q->far[--q->far_n];
    size_t i = 0;

    for (size_t child = 1; child < q->far_n; child = 2 * i + 1) {
        if (child + 1 < q->far_n && is_before(&q->far[child + 1], &q->far[child]))
            child++;
        if (!is_before(&q->far[child], &last))
            break;
        q->far[i] = q->far[child];
        i = child;
    }
    q->far[i] = last;
    return first;
}

/* ---- what is near */

static size_t place_of(int64_t at_ms)
{
    return (size_t)at_ms % QUEUE_NEAR_MS;
}

static uint32_t near_room(struct queue *q)
{
    uint32_t i = q->free;

    if (i != 0) {
        q->free = q->near[i - 1].next;
        return i;
    }
    q->near = grow(q->near, q->near_n, &q->near_room, sizeof *q->near);
    return (uint32_t)++q->near_n;
}

static void near_put(struct queue *q, const struct event *ev)
{
    size_t place = place_of(ev->at_ms);
    uint32_t i = near_room(q);

    q->near[i - 1].ev = *ev;
    q->near[i - 1].next = 0;
    if (q->first[place] == 0)
        q->first[place] = i;
    else
        q->near[q->last[place] - 1].next = i;
    q->last[place] = i;
    bit_set(q->any, place, true);
}

static struct event near_take(struct queue *q)
{
    size_t place = place_of(q->at_ms);
    uint32_t i = q->first[place];

    q->first[place] = q->near[i - 1].next;
    if (q->first[place] != 0)
        __builtin_prefetch(&q->near[q->first[place] - 1]);
    bit_set(q->any, place, q->first[place] != 0);
    q->near[i - 1].next = q->free;
    q->free = i;
    return q->near[i - 1].ev;
}

/* The next moment at which something near happens; -1: there is none. */
static int64_t near_next(const struct queue *q)
{
    for (int64_t at_ms = q->at_ms; at_ms < q->at_ms + QUEUE_NEAR_MS;) {
        size_t place = place_of(at_ms);
        uint64_t word = q->any[place / 64] >> place % 64;
        if (word != 0)
            return at_ms + __builtin_ctzll(word);
        at_ms += 64 - (int64_t)(place % 64);
    }
    return -1;
}

/* Puts together what happens to one node within a moment. Nothing of it can hear of what the others do in it, so this changes nothing but how often the
 * memory of a node is left: with a thousand of them, most of the time is spent on that. */
static void group(struct queue *q, struct group *of)
{
    size_t place = place_of(q->at_ms);
    uint32_t i = q->first[place], next, last = 0;
    unsigned first = NO_NODE, *link = &first;

    for (; i != 0; i = next) {
        struct group *g = &of[q->near[i - 1].ev.node];
        next = q->near[i - 1].next;
        q->near[i - 1].next = 0;
        if (g->first == 0) {
            g->first = i;
            *link = q->near[i - 1].ev.node;
            g->next = NO_NODE;
            link = &g->next;
        } else
            q->near[g->last - 1].next = i;
        g->last = i;
    }
    for (unsigned node = first; node != NO_NODE; node = of[node].next) {
        if (last == 0)
            q->first[place] = of[node].first;
        else
            q->near[last - 1].next = of[node].first;
        last = of[node].last;
        of[node].first = 0;
    }
    q->last[place] = last;
}

static void look_from(struct queue *q, int64_t at_ms)
{
    q->at_ms = at_ms;
    while (q->far_n > 0 && q->far[0].at_ms < at_ms + QUEUE_NEAR_MS) {
        struct event ev = far_take(q);
        near_put(q, &ev);
    }
}

/* ---- */

void queue_put(struct world *w, struct event ev, int64_t after_ms)
{
    struct queue *q = &w->queue;

    ev.at_ms = w->now_ms + after_ms;
    ev.order = q->order++;
    if (ev.at_ms < q->at_ms + QUEUE_NEAR_MS)
        near_put(q, &ev);
    else
        far_put(q, &ev);
}

bool queue_take(struct world *w, int64_t end_ms, struct event *ev)
{
    struct queue *q = &w->queue;
    int64_t at_ms = near_next(q);

    if (at_ms < 0 && q->far_n > 0)
        at_ms = q->far[0].at_ms;
    if (at_ms < 0 || at_ms > end_ms)
        return false;
    if (at_ms != q->at_ms || !q->grouped) {
        look_from(q, at_ms);
        if (w->options.scale)
            group(q, w->groups);
        q->grouped = true;
    }
    *ev = near_take(q);
    return true;
}

void queue_clear(struct world *w)
{
    struct queue *q = &w->queue;

    for (size_t place = 0; place < QUEUE_NEAR_MS; place++) {
        for (uint32_t i = q->first[place]; i != 0; i = q->near[i - 1].next)
            blob_drop(q->near[i - 1].ev.blob);
    }
    for (size_t i = 0; i < q->far_n; i++)
        blob_drop(q->far[i].blob);
    free(q->near);
    free(q->far);
    memset(q, 0, sizeof *q);
}
