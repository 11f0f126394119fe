/* tests/bench/replay_history.h: what some feeds listed on each day, and how well a ranking of it tells what one of them lists on the next.
 * Read from one file of 32-bit numbers in the machine's order, as tests/bench/replay.py writes it: how many feeds and days; each day's number; each feed's family
 * (those of one do not witness for each other); then feed by feed and day by day how many addresses, and these in ascending order; NO_LIST: the feed has no list of that day. */
#ifndef HEARSAY_TESTS_BENCH_REPLAY_HISTORY_H
#define HEARSAY_TESTS_BENCH_REPLAY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLAY_FEEDS_MAX = 128, REPLAY_DAYS_MAX = 4096, REPLAY_RULES = 3, REPLAY_WARM_DAYS = 7 };

#define NO_LIST UINT32_MAX

/* Of one feed and day: places in history.addresses, ascending. Without a list the feed says nothing, and what it would have listed is not known. */
struct list { uint32_t *ids; size_t n; bool none; };

struct history {
    size_t feeds_n, days_n;
    uint32_t *day;                     /* of each: its number, ascending */
    uint32_t *family;                  /* of each feed */
    uint32_t *addresses;               /* all that were ever listed, ascending */
    size_t addresses_n;
    struct list *lists;                /* feeds_n * days_n */
};

void history_read(struct history *h, const char *path);        /* ends the program on any fault */
void history_clear(struct history *h);
static inline const struct list *history_list(const struct history *h, size_t feed, size_t day) { return &h->lists[feed * h->days_n + day]; }
/* On this day and the next: what it lists can be forecast. */
static inline bool history_known(const struct history *h, size_t feed, size_t day) { return !history_list(h, feed, day)->none && !history_list(h, feed, day + 1)->none; }
/* The first day of which it has a list. */
size_t history_begin(const struct history *h, size_t feed);
/* Whether `other` may witness for `feed`. */
static inline bool history_peer(const struct history *h, size_t feed, size_t other) { return feed != other && h->family[feed] != h->family[other]; }

/* One address with its score; the higher, the more likely to be listed. */
struct ranked { uint32_t id; int64_t score; };

/* What came true of one held-out feed. [r]: at the volume of the rule "at least r + 1 others list it today". */
struct hits { uint64_t all[REPLAY_RULES], fresh[REPLAY_RULES]; };
struct outcome {
    uint64_t listed_n, fresh_n;        /* on the next day; and of it what this feed did not list today */
    uint64_t own_n, own_hits;          /* its own list of today taken as the forecast */
    struct hits volume, rule, model, store;
};

/* One feed on one day, and the next. */
struct scene {
    const struct history *h;
    size_t feed, day;
    uint8_t *today, *tomorrow;         /* by place: listed by this feed */
    uint8_t *others;                   /* by place: how many others list it today */
};
void scene_create(struct scene *s, const struct history *h);
void scene_clear(struct scene *s);
void scene_set(struct scene *s, size_t feed, size_t day);
/* What the counting rules say, and how much. */
void scene_count(const struct scene *s, struct outcome *o);
/* The same numbers of addresses from the top of a ranking, which is sorted here. Ties fall by a fixed mixture of the address. */
void scene_rank(const struct scene *s, const struct hits *volume, struct ranked *all, size_t n, struct hits *to);

#endif
