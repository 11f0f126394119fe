/* store/proof.h: private. What a proof of equivocation takes away. */
#ifndef HEARSAY_STORE_PROOF_H
#define HEARSAY_STORE_PROOF_H

#include "store/store_private.h"

/* A proof that is here makes this batch dead. Within a transaction. */
int proof_kills(struct store *s, int64_t member, const struct store_batch *b, bool *dead);

#endif
