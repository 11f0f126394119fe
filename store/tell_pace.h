/* store/tell_pace.h: how long a member's own word waits for company, so that what all members tell stays within the budget of each.
 * Pure arithmetic: the daemon and the simulation (tools/sim --scale) ask the very same. */
#ifndef HEARSAY_STORE_TELL_PACE_H
#define HEARSAY_STORE_TELL_PACE_H

#include <stddef.h>
#include <stdint.h>

struct tell_pace {
    int64_t first_ms;                  /* between two batches of first words, changes of side and withdrawals; the first leaves at once */
    int64_t growth_s;                  /* so long the growth of what is known already waits for more ... */
    size_t growth_min;                 /* ... or until so many opinions have grown */
};

/* A batch costs about TELL_BATCH_BYTES beside its opinions, comes to each member TELL_COPIES times, and `members` tell them: the waits are such that this takes
 * no more than a part of the budget. A first word leaves within a second whatever that costs: it is what a coalition is for.
 * members: of the coalition, this one too. budget_bytes: a second, above 0. */
struct tell_pace tell_pace(size_t members, int64_t budget_bytes);

enum {
    TELL_BATCH_BYTES = 420,            /* on the wire, with one opinion: measured by tools/sim --scale */
    TELL_COPIES = 3,
    TELL_GROUP_MAX = 16,               /* introduced members of one group that count, however many they are: about what their quota of a day carries of busy ones */
    TELL_FIRST_MIN_MS = 250, TELL_FIRST_MAX_MS = 1000,
    TELL_GROWTH_MIN_S = 10, TELL_GROWTH_MAX_S = 1800,
    TELL_GROWTH_MIN = 64, TELL_GROWTH_MAX = 512
};

#endif
