/* store/own.h: private. Own evidence as a row, and what of it is still to be told. */
#ifndef HEARSAY_STORE_OWN_H
#define HEARSAY_STORE_OWN_H

#include "store/policy.h"
#include "store/score.h"

enum urgency { URGENCY_NONE, URGENCY_GROWN, URGENCY_NOW };

struct own_row {
    int category;                          /* the database's number */
    struct evidence evidence;
    unsigned told_black, told_white;       /* steps last told; both 0: never, or withdrawn */
    int64_t told_time_s;
    int64_t hold_until_s;                  /* of the last retraction; 0: none */
    enum urgency urgency;
    int64_t waiting_s;                     /* since when it is to be told; 0: it is not */
    bool changed;
};

/* Half-life and weight of a category that may no longer be configured (index -1): then the defaults. */
int64_t own_half_life_s(const struct policy *p, int category);
int64_t own_mass_micro(const struct policy *p, int category, uint32_t count);

/* Sets urgency and waiting_s by what the others know and what is so now. */
void own_judge(struct own_row *row, const struct policy *p, int category, int64_t now_s);

#endif
