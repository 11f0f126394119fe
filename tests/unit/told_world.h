/* tests/unit/told_world.h: what the world's own member tells the others. */
#ifndef HEARSAY_TESTS_TOLD_WORLD_H
#define HEARSAY_TESTS_TOLD_WORLD_H

#include "store_world.h"

/* How many opinions the batches hold that it tells now; all of them are of this federation. */
static inline size_t world_told(struct world *w, const char *federation, int64_t now_s)
{
    static const struct tell_limits limits = { .growth_min = 64, .growth_wait_s = 300, .batches_max = 8 };
    struct told_batch told[8];
    size_t made = 0, opinions_n = 0;
    bool more;
    int64_t wake_s;
    assert_int_equal(store_tell(w->store, w->ids[0], 1, &limits, now_s, told, &made, &more, &wake_s), 0);
    for (size_t i = 0; i < made; i++) {
        struct batch b = { 0 };
        assert_int_equal(batch_open((struct bytes){ told[i].frame, told[i].len }, identity_operational(w->ids[0]), federation, &b), 0);
        opinions_n += b.opinions_n;
        batch_close(&b);
        free(told[i].frame);
    }
    return opinions_n;
}

#endif
