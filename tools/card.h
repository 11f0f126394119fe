/* tools/card.h: this member's own record. */
#ifndef HEARSAY_TOOLS_CARD_H
#define HEARSAY_TOOLS_CARD_H

#include "proto/record.h"
#include "tools/home.h"

struct card_now {
    struct record record;
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len;
};

/* The current one; a new one is signed when the configuration says something new or the old one runs out. The keys must have been opened. 0 or an exit status, said. */
int card_current(const struct home *h, struct card_now *out);

#endif
