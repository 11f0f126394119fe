/* store/setup.h: private. */
#ifndef HEARSAY_STORE_SETUP_H
#define HEARSAY_STORE_SETUP_H

#include "store/names.h"

/* Of all that scores and listings depend on, but for the protected networks. 0, -ENOMEM. */
int policy_digest(const struct policy *p, const struct names *n, uint8_t out[HASH_BYTES]);

#endif
