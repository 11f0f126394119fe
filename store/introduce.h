/* store/introduce.h: private. Stored lists of introductions, and the members that they give trust. All within a transaction of the writer's. */
#ifndef HEARSAY_STORE_INTRODUCE_H
#define HEARSAY_STORE_INTRODUCE_H

#include "store/store_private.h"

enum {
    TRUST_EVERY_S = 2,             /* new lists are reckoned with at most so often ... */
    TRUST_LINKS_PER_S = 16384,     /* ... and a second rarer for so many introductions: a third of a million take the writer half a second */
    TRUST_RESCAN_S = 600           /* ... and while a pass over all keys is under way not before this, so that it comes to its end */
};

/* Reckons again who has trust by now_s, writes it down if it is another than before, and makes known who is new. Members that neither the policy nor anybody's
 * introduction names make room when MEMBERS_MAX is reached. */
int introduce_derive(struct store *s, int64_t now_s);
/* The same, if lists have come or an expiry is due. */
int introduce_derive_if_due(struct store *s, int64_t now_s);
/* When introduce_derive_if_due() will have something to do. */
int64_t introduce_due_s(const struct store *s);
/* Forgets the list of a member. */
int introduce_forget(struct store *s, const uint8_t introducer[KEY_BYTES]);
/* Gives a member that is new here, or back after it was purged, the records that its introductions hold. */
int introduce_records(struct store *s, int64_t member, const uint8_t root[KEY_BYTES]);

#endif
