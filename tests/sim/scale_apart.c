/* The reunion with a third of the members that was away. */
#include <stdlib.h>
#include <string.h>

#include "scale.h"

enum { AWAY_HELD_MAX = 20000000, AWAY_GIVE_UP_MS = 3600 * 1000 };

/* While they are away nothing crosses, so what was said is put on the disks of its own side: what the mesh would have done, in less time. */
static void put_on_side(struct world *w, size_t batch, uint64_t *missed)
{
    unsigned side = w->side[w->registry.at[batch].author];

    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (w->side[i] != side)
            *missed += 1;
        else if (!disk_has(&w->nodes[i].disk, batch))
            disk_add(&w->nodes[i].disk, batch);
        if (w->side[i] == side && w->nodes[i].core != NULL && mesh_held(w->nodes[i].core, &w->registry.at[batch].ref) != 0)
            abort();
    }
}

/* So many batches of a member in a day as the window showed; of the day, as much as there is memory for. */
static void say_apart(struct world *w, double batches_per_ms, struct reunion *r)
{
    double all = batches_per_ms * DAY_MS;

    double most = (double)AWAY_HELD_MAX / w->nodes_n;        /* all nodes together hold so many, of some 80 bytes */

    r->away_ms = all > most ? (int64_t)(most / batches_per_ms) : DAY_MS;
    for (unsigned i = 0; i < w->nodes_n; i++) {
        double share = batches_per_ms * (double)r->away_ms / w->nodes_n;
        for (double said = voice_uniform(w); said < share; said++)
            put_on_side(w, voice_sign(w, &w->nodes[i], 1 + (unsigned)draw(w, 3)), &r->batches);
    }
}

static bool is_level(const struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (w->nodes[i].disk.batches.n < w->registry.n)
            return false;
    }
    return true;
}

void reunite(struct world *w, double batches_per_ms, struct reunion *r)
{
    int64_t start_ms;

    *r = (struct reunion){ 0 };
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
    while (!is_level(w) && w->now_ms < start_ms + AWAY_GIVE_UP_MS)
        sim_run_until(w, w->now_ms + 1000);
    r->took_ms = is_level(w) ? w->now_ms - start_ms : -1;
    for (unsigned i = 0; i < w->nodes_n; i++) {
        uint64_t all = w->meter->nodes[i].sent[TRAFFIC_REPAIR] + w->meter->nodes[i].sent[TRAFFIC_HAVES] + w->meter->nodes[i].sent[TRAFFIC_BATCHES];
        r->repair_bytes += all;
        if (per_second(all, w->now_ms - start_ms) > r->worst)
            r->worst = per_second(all, w->now_ms - start_ms);
    }
    r->per_batch = r->batches == 0 ? 0 : (double)r->repair_bytes / (double)r->batches;
}
