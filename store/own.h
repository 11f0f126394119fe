/* store/own.h: private. Own evidence as a row, and what of it is still to be told. */
#ifndef HEARSAY_STORE_OWN_H
#define HEARSAY_STORE_OWN_H

#include "store/names.h"
#include "store/policy.h"
#include "store/score.h"

enum urgency { URGENCY_NONE, URGENCY_GROWN, URGENCY_NOW };

struct own_row {
    int category;                          /* the database's number */
    struct evidence evidence;
    struct evidence kept;                  /* what weighs beside it and is never told */
    unsigned told_black, told_white;       /* steps last told; both 0: never, or withdrawn */
    int64_t told_time_s;
    uint32_t told_epoch;                   /* of the own batch that told it last; 0: it is not told */
    uint64_t told_seq;
    int64_t hold_until_s, hold_s;          /* of the last retraction: until when it holds, and for how long it was to; 0: none */
    enum urgency urgency;
    int64_t waiting_s;                     /* since when it is to be told; 0: it is not */
    int64_t turned_s;                      /* since when all of it says black; negative: white; 0: neither */
    int side_before;                       /* of the masses as they were loaded */
    int64_t came_s;                        /* of what is being worked in: the first black event after RELIABILITY_QUIET_S or more without any event; 0: none */
    bool changed, is_new;
};

/* What this member has of one subject. */
struct own_rows {
    struct own_row rows[NAMES_CATEGORIES_MAX + 1];
    size_t n;
};
int own_load(struct own_rows *own, struct db *d, const uint8_t *key, size_t len);
struct own_row *own_find(struct own_rows *own, int category);           /* or NULL */
struct own_row *own_row(struct own_rows *own, int category);            /* a new one, all zero, if there was none; NULL: no room */
/* The side that all masses of the row are on, as they stand in it. */
int own_side(const struct own_row *row);
/* Stores the row, with what was told only if it is new. */
int own_put(struct db *d, const uint8_t *key, size_t len, const struct own_row *row);
/* Stores what was told of it; nothing waits any more. */
int own_put_told(struct db *d, const uint8_t *key, size_t len, const struct own_row *row);

/* Half-life and weight of a category that may no longer be configured (index -1): then the defaults. */
int64_t own_half_life_s(const struct policy *p, int category);
int64_t own_mass_micro(const struct policy *p, int category, uint32_t weight_milli, uint32_t count);     /* weight 0: the category's */
/* All that this member has seen, told or not. */
struct evidence own_all(const struct evidence *told, const struct evidence *kept, const struct policy *p, int category);

/* Sets urgency and waiting_s by what the others know and what is so now. */
void own_judge(struct own_row *row, const struct policy *p, int category, int64_t now_s);

#endif
