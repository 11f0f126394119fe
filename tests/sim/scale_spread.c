/* How what was said spreads, and what that costs. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "scale.h"

/* How a batch of first words spread. */
struct spread {
    int64_t said_ms, half_ms, most_ms, all_ms;
    unsigned holders;
    bool watched;
};

static struct spread *spreads;                 /* [batch] */
static size_t spreads_room;

void spread_watch(struct world *w, size_t batch, bool urgent)
{
    if (batch >= spreads_room) {
        size_t room = batch * 2 + 1024;
        spreads = realloc(spreads, room * sizeof *spreads);
        if (spreads == NULL)
            abort();
        memset(spreads + spreads_room, 0, (room - spreads_room) * sizeof *spreads);
        spreads_room = room;
    }
    spreads[batch] = (struct spread){ .said_ms = w->now_ms, .half_ms = -1, .most_ms = -1, .all_ms = -1, .holders = 1, .watched = urgent && scale.watching };
}

void spread_held(struct world *w, size_t batch)
{
    struct spread *p = batch < spreads_room ? &spreads[batch] : NULL;

    if (p == NULL || p->said_ms == 0)
        return;
    p->holders++;
    if (p->half_ms < 0 && p->holders * 2 >= scale.alive)
        p->half_ms = w->now_ms - p->said_ms;
    if (p->most_ms < 0 && p->holders * 100 >= scale.alive * 99)
        p->most_ms = w->now_ms - p->said_ms;
    if (p->all_ms < 0 && p->holders >= scale.alive)
        p->all_ms = w->now_ms - p->said_ms;
}

void spread_forget(void)
{
    for (size_t i = 0; i < spreads_room; i++)
        spreads[i].watched = false;
}

void spread_free(void)
{
    free(spreads);
    spreads = NULL;
    spreads_room = 0;
}

/* ---- figures */

double per_second(uint64_t bytes, int64_t ms)
{
    return (double)bytes * 1000 / (double)ms;
}

void figure_bytes(const struct world *w, int64_t ms, struct figures *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->nodes_n; i++) {
        uint64_t sent = 0, received = 0;
        if (w->nodes[i].core == NULL)
            continue;
        n++;
        for (int t = 0; t < TRAFFICS; t++) {
            sent += w->meter->nodes[i].sent[t];
            received += w->meter->nodes[i].received[t];
        }
        f->sent_mean += per_second(sent, ms);
        f->received_mean += per_second(received, ms);
        f->haves += per_second(w->meter->nodes[i].sent[TRAFFIC_HAVES], ms);
        f->repair += per_second(w->meter->nodes[i].sent[TRAFFIC_REPAIR], ms);
        f->sent_worst = per_second(sent, ms) > f->sent_worst ? per_second(sent, ms) : f->sent_worst;
        f->received_worst = per_second(received, ms) > f->received_worst ? per_second(received, ms) : f->received_worst;
    }
    f->sent_mean /= n;
    f->received_mean /= n;
    f->haves /= n;
    f->repair /= n;
}

static int64_t quantile_of(const struct world *w, size_t offset, unsigned per_mille, unsigned *missing)
{
    int64_t *at = calloc(w->registry.n + 1, sizeof *at), got;
    size_t n = 0;

    if (at == NULL)
        abort();
    for (size_t i = 0; i < w->registry.n && i < spreads_room; i++) {
        int64_t ms;
        memcpy(&ms, (const char *)&spreads[i] + offset, sizeof ms);
        if (!spreads[i].watched)
            continue;
        if (ms >= 0)
            at[n++] = ms;
        else
            *missing += 1;
    }
    got = meter_quantile(at, n, per_mille);
    free(at);
    return got;
}

void figure_times(const struct world *w, struct figures *f)
{
    unsigned other = 0, again = 0;

    f->half_ms = quantile_of(w, offsetof(struct spread, half_ms), 500, &other);
    f->most_ms = quantile_of(w, offsetof(struct spread, most_ms), 500, &other);
    f->most_worst_ms = quantile_of(w, offsetof(struct spread, most_ms), 1000, &other);
    f->all_ms = quantile_of(w, offsetof(struct spread, all_ms), 500, &f->unheard);
    f->all_worst_ms = quantile_of(w, offsetof(struct spread, all_ms), 1000, &again);
}
