/* store/run.h: private. A run: truth read ahead and sorted by key, so that each fold works on neighbouring rows. A page of a
 * table then takes many rows at once, also when a fold may only take a few milliseconds. */
#ifndef HEARSAY_STORE_RUN_H
#define HEARSAY_STORE_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/request.h"
#include "store/pool.h"
#include "store/voices.h"

enum {
    RUN_ROWS_MAX = 131072,         /* about 16 MB; what is beyond waits for the next run */
    RUN_LOAD_FACTOR = 8            /* reading a row ahead costs so many times less than working it in */
};

/* One row of the journal. */
struct event {
    const uint8_t *key;
    uint8_t len;
    int category;                  /* the database's number; 0: all, of a retraction */
    enum request_verb verb;
    enum request_cause cause;
    uint32_t count;
    uint32_t weight_milli;         /* 0: the category's */
    bool kept;                     /* never told */
    int64_t id, time_s;
};

/* One opinion on its way into its register. */
struct said {
    struct topic topic;
    uint8_t black, white;
    uint32_t epoch;
    uint64_t seq;
    int64_t member, hash, time_s;
};

/* A row by the first 8 bytes of its key: most comparisons are over with those. */
struct run_place {
    uint64_t prefix;
    size_t row;
};

/* Truth with an id above last_id and up to end_id is still to be read; rows before `at` are done. */
struct run {
    bool active, loaded;
    int64_t last_id, end_id;
    size_t sources_n;              /* rows of the table that were read */
    size_t n, room, at;
    struct event *events;          /* a run has one of the two */
    struct said *said;
    struct run_place *order;       /* n, once loaded */
    struct pool keys;              /* lives on until the next run begins: folds borrow from it */
};

/* Forgets what was read ahead; the next fold reads it again. Keeps nothing but the arrays. */
void run_stop(struct run *r);
void run_start(struct run *r, int64_t last_id, int64_t end_id);
void run_clear(struct run *r);

/* Room for n more rows. 0, -ENOMEM. */
int run_reserve_events(struct run *r, size_t n);
int run_reserve_said(struct run *r, size_t n);

/* By subject and then by id; by register and then from the oldest to the newest. 0, -ENOMEM. */
int run_sort(struct run *r);
static inline const struct event *run_event(const struct run *r, size_t i) { return &r->events[r->order[i].row]; }
static inline const struct said *run_said(const struct run *r, size_t i) { return &r->said[r->order[i].row]; }
bool event_same_subject(const struct event *a, const struct event *b);
bool said_same_register(const struct said *a, const struct said *b);

#endif
