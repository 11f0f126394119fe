/* How much a neighbour may ask here, and be asked for from here: one bucket each, which fills with time. */
#include "node/mesh_private.h"

/* A neighbour may ask so much, not more: what it gets costs more than what it sends. */
bool asks_allow(struct mesh *m, struct link *l, int64_t asks)
{
    const int64_t most = INT64_C(2000) * MESH_ASKS_PER_S;
    int64_t grown = l->asks_milli + (m->now_ms - l->asks_ms) * MESH_ASKS_PER_S;

    l->asks_milli = grown > most || m->now_ms - l->asks_ms > 2000 ? most : grown;
    l->asks_ms = m->now_ms;
    if (l->asks_milli < 1000 * asks)
        return false;
    l->asks_milli -= 1000 * asks;
    return true;
}

static int64_t own_asks_milli(const struct mesh *m, struct link *l)
{
    const int64_t most = INT64_C(1000) * OWN_ASKS_PER_S;
    int64_t grown = l->own_asks_milli + (m->now_ms - l->own_asks_ms) * OWN_ASKS_PER_S;

    l->own_asks_milli = grown > most || m->now_ms - l->own_asks_ms > 2000 ? most : grown;
    l->own_asks_ms = m->now_ms;
    return l->own_asks_milli;
}

/* What is over would be dropped there, and who goes on is paused: so an honest node asks for less, however much it lacks. */
bool asks_can(const struct mesh *m, struct link *l)
{
    return own_asks_milli(m, l) >= 1000;
}

/* Gaps come first: as long as they use up what may be asked, logs differ because of them. */
bool asks_can_compare(const struct mesh *m, struct link *l)
{
    return own_asks_milli(m, l) >= INT64_C(1000) * OWN_ASKS_PER_S / 2;
}

void asks_made(struct link *l, int64_t asks)
{
    l->own_asks_milli -= 1000 * asks;
}
