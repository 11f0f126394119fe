/* tools/why_proof.h: `hearsay why --proof FILE`: the signed batches behind an answer, as a file that anybody can check. */
#ifndef HEARSAY_TOOLS_WHY_PROOF_H
#define HEARSAY_TOOLS_WHY_PROOF_H

#include <jansson.h>

#include "tools/why_text.h"

struct why_proof {
    size_t batches_n, records_n;
    size_t gone_n;              /* opinions whose batch, or the record that names its key, is not here any more, or is damaged */
    size_t left_out_n;          /* that did not fit into one proof, those that count least */
    size_t unsigned_n;          /* own evidence that other members were not told of yet */
    size_t addresses_n;         /* of a listed network: of so many of its listed addresses it is the proof; 0: it is of the subject itself */
    bool addresses_left;        /* there are more than were looked at */
};

/* Gathers what is behind the answer and writes it to `path`, "-" being standard output. 0 or an exit status, said. */
int why_proof_write(const struct why_answer *a, struct reader *r, const struct subject *s, const char *path, struct why_proof *out);

#endif
