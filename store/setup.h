/* store/setup.h: private. */
#ifndef HEARSAY_STORE_SETUP_H
#define HEARSAY_STORE_SETUP_H

#include "store/policy.h"

/* Of all that scores and listings depend on, but for the protected networks. 0, -ENOMEM. */
int policy_digest(const struct policy *p, uint8_t out[HASH_BYTES]);

#endif
