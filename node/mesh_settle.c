/* At a start: what do neighbours know of our own log? A restored backup must not use a number again. */
#include <string.h>

#include "node/mesh_private.h"

/* Nobody proves a claim, so one that is far ahead is not believed: it would push our epoch to where others ignore it. */
static bool is_credible(const struct mesh *m, uint32_t epoch)
{
    return epoch <= (m->now_s - EPOCH_START_S) / 60 + EPOCH_AHEAD_MIN / 2;
}

static void heard_of(uint32_t *above, uint32_t epoch)
{
    if (epoch > *above)
        *above = epoch;
}

static uint32_t highest_heard_of(const struct mesh *m)
{
    const struct member *o = m->self;
    uint32_t above = 0;

    if (o->epochs_n > 0)
        heard_of(&above, o->epochs[o->epochs_n - 1]->epoch);
    for (size_t i = 0; i < o->claims_n; i++) {
        const struct claim *c = &o->claims[i];
        const struct epoch_log *e = log_epoch(o, c->epoch);
        if (!is_credible(m, c->epoch))
            continue;
        heard_of(&above, e != NULL && e->head >= c->head ? c->epoch : c->epoch + 1);
    }
    return above;
}

static bool own_in_flight(const struct mesh *m)
{
    for (size_t i = 0; m->free_n < MESH_INFLIGHT_MAX && i < MESH_INFLIGHT_MAX; i++) {
        if (m->inflight[i].origin == m->self)
            return true;
    }
    return false;
}

static bool is_settled(const struct mesh *m)
{
    if (m->links_wanted == 0 || m->now_ms - m->start_ms >= MESH_SETTLE_MS)
        return true;
    return m->full_heard && m->self->fetch.from == NULL && !fetch_wanted(m, m->self) && !own_in_flight(m);
}

static void say(struct mesh *m, uint32_t above)
{
    struct mesh_action *a = update_add(m, MESH_DO_SETTLED);

    if (a == NULL)
        return;                        /* said at the next step */
    a->above = above;
    m->above = above;
    m->settled = true;
}

void settle_check(struct mesh *m)
{
    uint32_t above;

    if (m->settled || !is_settled(m))
        return;
    above = highest_heard_of(m);
    say(m, m->settle_above > above ? m->settle_above : above);
}

/* Its signature is ours: no liar can push us. The epoch now in use may hold numbers twice, so it ends here. */
void settle_late(struct mesh *m, uint32_t epoch)
{
    if (!m->settled) {
        heard_of(&m->settle_above, epoch + 1);
        return;
    }
    if (epoch < m->own_epoch || epoch < m->above)
        return;
    update_alert(m, m->self, "a neighbour had own batches that are not in this database: an old backup was restored; a new epoch begins");
    say(m, epoch + 1);
}
