/* proto/bundle.h: signed batches with the records that name their keys, as one file: a proof that anybody can check, without a database. Source: proto/PROTOCOL.md, "Proofs". */
#ifndef HEARSAY_PROTO_BUNDLE_H
#define HEARSAY_PROTO_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/batch.h"
#include "proto/record.h"
#include "proto/subject.h"

enum { BUNDLE_TEXT_MAX = 64 << 20, BUNDLE_ITEMS_MAX = 4096, BUNDLE_WHY_MAX = 200 };

/* What is in it has verified: each record under its root key, each batch under the operational key of the record that it names, which is in the bundle, too. */
struct bundle_batch {
    struct batch batch;
    const struct record *record;
};
struct bundle {
    struct subject subject;            /* what all its batches speak of; .len 0: of anything */
    bool network;                      /* the subject is a prefix, and they speak of it or of what is within */
    char federation[FEDERATION_MAX_BYTES + 1];    /* with a subject: that of all its batches */
    struct record *records;
    struct bundle_batch *batches;      /* ascending by (origin, epoch, seq, hash), each once */
    size_t records_n, batches_n;
};

/* *text is the caller's to free(): a PEM block "HEARSAY PROOF", ended by a NUL. Nothing is verified. 0, -EINVAL (none, too many, too large), -ENOMEM. */
int bundle_write(const struct bytes *records, size_t records_n, const struct bytes *batches, size_t batches_n, char **text);
/* The same about one subject, or with `network` about what is within a prefix, too: every batch has an opinion on it and is of this federation, or nobody will take the proof. */
int bundle_write_about(const struct subject *subject, bool network, const char *federation, const struct bytes *records, size_t records_n,
                       const struct bytes *batches, size_t batches_n, char **text);
/* Whether an opinion is about the bundle's subject, or what is within its network. */
bool bundle_is_about(const struct bundle *b, const struct opinion *o);
/* Reads and verifies all. `why`, BUNDLE_WHY_MAX bytes, says on failure what is wrong. *out is the caller's, ended by bundle_close().
 * 0; -EINVAL no proof, or a damaged one; -EBADMSG a signature in it is wrong; -ENOKEY a batch's record is not in it; -ENOMEM. */
int bundle_read(const char *text, size_t len, struct bundle **out, char *why);
void bundle_close(struct bundle **b);                      /* takes NULL */

/* Whether batches i and i + 1 are equivocation: one origin, one number, two hashes. */
bool bundle_equivocates(const struct bundle *b, size_t i);

#endif
