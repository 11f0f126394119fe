/* The clock, the queue of events, chance, the trace. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* ---- chance: splitmix64 */

uint64_t draw(struct world *w, uint64_t below)
{
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return below == 0 ? 0 : z % below;
}

bool chance(struct world *w, unsigned per_mille)
{
    return draw(w, 1000) < per_mille;
}

/* ---- telling */

void trace(struct world *w, const char *format, ...)
{
    char *line = w->trace[w->trace_n % TRACE_LINES];
    int n;
    va_list args;

    if (w->options.scale)
        return;
    w->trace_n++;
    n = snprintf(line, TRACE_WIDTH, "%9.3f ", (double)w->now_ms / 1000);
    va_start(args, format);
    vsnprintf(line + n, TRACE_WIDTH - (size_t)n, format, args);
    va_end(args);
    if (w->options.verbose)
        puts(line);
}

void fail(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->failed)
        return;
    w->failed = true;
    va_start(args, format);
    vsnprintf(w->why, sizeof w->why, format, args);
    va_end(args);
    trace(w, "FAILED: %s", w->why);
}

/* ---- the queue */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

void queue_put(struct world *w, struct event ev, int64_t after_ms)
{
    size_t i = w->queue_n++;

    w->queue = grow(w->queue, i, &w->queue_room, sizeof *w->queue);
    ev.at_ms = w->now_ms + after_ms;
    ev.order = w->order++;
    while (i > 0 && is_before(&ev, &w->queue[(i - 1) / 2])) {
        w->queue[i] = w->queue[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->queue[i] = ev;
}

struct event queue_take(struct world *w)
{
    struct event first = w->queue[0], last = w->queue[--w->queue_n];
    size_t i = 0;

    for (size_t child = 1; child < w->queue_n; child = 2 * i + 1) {
        if (child + 1 < w->queue_n && is_before(&w->queue[child + 1], &w->queue[child]))
            child++;
        if (!is_before(&w->queue[child], &last))
            break;
        w->queue[i] = w->queue[child];
        i = child;
    }
    w->queue[i] = last;
    return first;
}

/* ---- memory */

void *grow(void *at, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return at;
    *room = *room * 2 + 16;
    at = realloc(at, *room * size);
    if (at == NULL)
        abort();
    return at;
}

bool bit_has(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

void bit_set(uint64_t *bits, size_t i, bool on)
{
    if (on)
        bits[i / 64] |= UINT64_C(1) << i % 64;
    else
        bits[i / 64] &= ~(UINT64_C(1) << i % 64);
}
