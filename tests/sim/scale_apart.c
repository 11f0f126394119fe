/* The reunion with a third of the members that was away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scale.h"

enum { AWAY_GIVE_UP_MS = 3600 * 1000, TELL_S = 10 };

/* While they are away nothing crosses, so what was said is put on the disks of its own side: what the mesh would have done, in less time. */
static void put_on_disk(struct world *w, struct node *n, size_t from, size_t to)
{
    for (size_t batch = from; batch < to; batch++) {
        if (!disk_has(&n->disk, batch))
            disk_add(&n->disk, batch);
        if (n->core != NULL && mesh_held(n->core, &w->registry.at[batch].ref) != 0)
            abort();
    }
}

/* At the rate that the window showed. */
static void say_apart(struct world *w, double batches_per_ms, struct reunion *r)
{
    double share = batches_per_ms * (double)r->away_ms / w->nodes_n;

    for (unsigned i = 0; i < w->nodes_n; i++) {
        size_t from = w->registry.n;
        for (double said = voice_uniform(w); said < share; said++)
            voice_sign(w, &w->nodes[i], 1 + (unsigned)draw(w, 3));
        for (unsigned j = 0; j < w->nodes_n; j++) {
            if (w->side[j] == w->side[i])
                put_on_disk(w, &w->nodes[j], from, w->registry.n);
            else
                r->batches += w->registry.n - from;
        }
    }
}

static double held_part(const struct world *w)
{
    double held = 0;

    for (unsigned i = 0; i < w->nodes_n; i++)
        held += (double)w->nodes[i].disk.batches_n;
    return held / (double)w->registry.n / w->nodes_n;
}

static bool is_level(const struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (w->nodes[i].disk.batches_n < w->registry.n)
            return false;
    }
    return true;
}

/* With many members this takes long. */
static void tell_progress(const struct world *w, int64_t start_ms)
{
    static time_t told;
    const time_t now = time(NULL);

    if (now - told < TELL_S)
        return;
    told = now;
    fprintf(stderr, "%u members: %.3f %% of all is everywhere %.0f s after the reunion\n", w->nodes_n, held_part(w) * 100, (double)(w->now_ms - start_ms) / 1000);
}

void reunite(struct world *w, double batches_per_ms, int64_t away_ms, struct reunion *r)
{
    int64_t start_ms;

    *r = (struct reunion){ .away_ms = away_ms };
    scale.silent = true;
    sim_run_until(w, w->now_ms + AFTER_MS);
    for (unsigned i = 0; i < w->nodes_n; i++)
        w->side[i] = i % 3 == 0;
    net_look(w);
    sim_run_until(w, w->now_ms + AFTER_MS);
    say_apart(w, batches_per_ms, r);
    memset(w->side, 0, sizeof w->side);
    net_look(w);
    meter_reset(w->meter);
    start_ms = w->now_ms;
    while (!is_level(w) && !w->failed && w->now_ms < start_ms + AWAY_GIVE_UP_MS) {
        tell_progress(w, start_ms);
        sim_run_until(w, w->now_ms + 1000);
    }
    r->took_ms = is_level(w) ? w->now_ms - start_ms : -1;
    for (unsigned i = 0; i < w->nodes_n; i++) {
        uint64_t all = w->meter->nodes[i].sent[TRAFFIC_REPAIR] + w->meter->nodes[i].sent[TRAFFIC_HAVES] + w->meter->nodes[i].sent[TRAFFIC_BATCHES];
        r->repair_bytes += all;
        if (per_second(all, w->now_ms - start_ms) > r->worst)
            r->worst = per_second(all, w->now_ms - start_ms);
    }
    r->per_batch = r->batches == 0 ? 0 : (double)r->repair_bytes / (double)r->batches;
}
