/* Chance, the trace, and a few small things. */
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
