/* store/tool_window.h: private. When something happened, and how often: events in a sliding window, as one small blob.
 * Pure: no database, no clock. Each event has its own life. */
#ifndef HEARSAY_STORE_TOOL_WINDOW_H
#define HEARSAY_STORE_TOOL_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"

/* Seconds in which something happened are told apart up to this many. Beyond, two that are near to each other become one, at the later
 * time: an event may then count for longer, by about a hundredth of the window's length at most. */
enum { WINDOW_PLACES_MAX = 256, WINDOW_BYTES_MAX = 8 + WINDOW_PLACES_MAX * 10 };

struct window_place {
    int64_t time_s;
    uint32_t count;                  /* stays at its largest number */
};

struct window {
    size_t n;
    struct window_place places[WINDOW_PLACES_MAX + 1];     /* times ascend; one more than stays */
};

/* Adds `count` events at now_s and forgets those that are keep_s old. When the clock was set back, they count as if they came with the last. */
void window_add(struct window *w, uint32_t count, int64_t keep_s, int64_t now_s);

/* Events younger than span_s. */
uint64_t window_count(const struct window *w, int64_t span_s, int64_t now_s);

/* 8 bytes of the first time, then for each place the seconds since the one before and the count, 7 bits a byte. */
size_t window_write(const struct window *w, uint8_t out[WINDOW_BYTES_MAX]);
/* Nothing at all is an empty window. 0 or -EBADMSG. */
int window_read(struct bytes from, struct window *out);

#endif
