/* store/why_groups.h: private. What the groups make of the opinions behind a score, with the arithmetic of store/score.h. */
#ifndef HEARSAY_STORE_WHY_GROUPS_H
#define HEARSAY_STORE_WHY_GROUPS_H

#include "store/reader_private.h"

/* From the opinions, which are complete. 0, -ENOMEM. */
int why_put_groups(struct reader *r, struct why *w);
/* What all parts in a category add up to. */
int64_t why_sum(const struct why *w, int category);

#endif
