#include "store/tool_window.h"

#include <errno.h>
#include <string.h>

static void forget_old(struct window *w, int64_t keep_s, int64_t now_s)
{
    size_t old = 0;
    while (old < w->n && w->places[old].time_s <= now_s - keep_s)
        old++;
    w->n -= old;
    memmove(w->places, w->places + old, w->n * sizeof *w->places);
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a <= UINT32_MAX - b ? a + b : UINT32_MAX;
}

/* How far apart the neighbours of a place are, which will be the gap when it joins the one behind it. The first place stays, or it would swallow all. */
static int64_t gap_after(const struct window *w, size_t place)
{
    return w->places[place + 1].time_s - w->places[place - 1].time_s;
}

static void join_nearest(struct window *w)
{
    size_t best = 2;
    for (size_t i = 2; i + 1 < w->n; i++)
        if (gap_after(w, i) < gap_after(w, best - 1))
            best = i + 1;
    w->places[best].count = sum(w->places[best - 1].count, w->places[best].count);
    memmove(w->places + best - 1, w->places + best, (w->n - best) * sizeof *w->places);
    w->n--;
}

void window_add(struct window *w, uint32_t count, int64_t keep_s, int64_t now_s)
{
    struct window_place *last;
    forget_old(w, keep_s, now_s);
    last = w->n > 0 ? &w->places[w->n - 1] : NULL;
    if (last != NULL && last->time_s >= now_s) {
        last->count = sum(last->count, count);
        return;
    }
    w->places[w->n++] = (struct window_place){ .time_s = now_s, .count = count };
    if (w->n > WINDOW_PLACES_MAX)
        join_nearest(w);
}

uint64_t window_count(const struct window *w, int64_t span_s, int64_t now_s)
{
    uint64_t n = 0;
    for (size_t i = w->n; i-- > 0 && w->places[i].time_s > now_s - span_s;)
        n += w->places[i].count;
    return n;
}

static uint8_t *put_number(uint8_t *to, uint64_t number)
{
    for (; number >= 0x80; number >>= 7)
        *to++ = (uint8_t)(number | 0x80);
    *to++ = (uint8_t)number;
    return to;
}

static int take_number(struct bytes *from, uint64_t *out)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (from->len == 0)
            return -EBADMSG;
        uint8_t byte = *from->at++;
        from->len--;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = number;
            return number <= UINT32_MAX ? 0 : -EBADMSG;
        }
    }
    return -EBADMSG;
}

size_t window_write(const struct window *w, uint8_t out[WINDOW_BYTES_MAX])
{
    uint8_t *to = out;
    if (w->n == 0)
        return 0;
    for (unsigned i = 0; i < 8; i++)
        *to++ = (uint8_t)((uint64_t)w->places[0].time_s >> (56 - 8 * i));
    for (size_t i = 0; i < w->n; i++) {
        to = put_number(to, i == 0 ? 0 : (uint64_t)(w->places[i].time_s - w->places[i - 1].time_s));
        to = put_number(to, w->places[i].count);
    }
    return (size_t)(to - out);
}

int window_read(struct bytes from, struct window *out)
{
    uint64_t first = 0, after = 0, count = 0;
    out->n = 0;
    if (from.len == 0)
        return 0;
    if (from.len < 8)
        return -EBADMSG;
    for (unsigned i = 0; i < 8; i++)
        first = first << 8 | from.at[i];
    from = (struct bytes){ from.at + 8, from.len - 8 };
    if (first > INT64_MAX / 2)
        return -EBADMSG;
    int64_t time_s = (int64_t)first;
    while (from.len > 0) {
        if (out->n == WINDOW_PLACES_MAX || take_number(&from, &after) != 0 || take_number(&from, &count) != 0 || (after == 0) != (out->n == 0))
            return -EBADMSG;
        time_s += (int64_t)after;
        out->places[out->n++] = (struct window_place){ .time_s = time_s, .count = (uint32_t)count };
    }
    return 0;
}
