/* store/what_if_kept.h: private. What would be forgotten of members of whom another policy keeps fewer opinions (node/mesh_bound.c): as a pass over all keys
 * in their order, beside that of store/what_if.c. */
#ifndef HEARSAY_STORE_WHAT_IF_KEPT_H
#define HEARSAY_STORE_WHAT_IF_KEPT_H

#include "store/reader_private.h"

struct what_if_mark { uint32_t epoch; uint64_t seq; };
struct what_if_kept {
    struct what_if_mark *from;             /* by place in names.members: what is below would be forgotten. NULL: nothing would be */
    struct query q;                        /* over all opinions */
    bool row;                              /* it stands on one */
    struct supposed_kept found;
};

/* Within the read transaction, after the names have the trust that is supposed. Ended by what_if_kept_end(), also when it fails. */
int what_if_kept_begin(struct what_if_kept *k, struct reader *r, const struct supposing *how);
/* Takes what would be forgotten of the topic out of r->voices. Topics come in ascending order. */
int what_if_forget(struct what_if_kept *k, struct reader *r, const struct topic *t);
int what_if_kept_end(struct what_if_kept *k);

#endif
