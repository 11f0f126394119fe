/* What is drawn from the seed, and the course of a run: two minutes of trouble, 20 s more in which liars talk on, and calm until all agree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { TROUBLE_MS = 120000, LIES_MS = 140000, QUIET_MS = 10000, CALM_MS = 600000, LIES_EACH = 36, STEPS_PER_MOMENT_MAX = 1000000 };
enum { BIG_EVERY = 200, CLOCK_OFF_S = 11 * 3600 };

/* ---- what happens */

static void part(struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++)
        w->side[i] = (unsigned)draw(w, 2);
    trace(w, "the network parts");
    net_look(w);
}

static void join(struct world *w)
{
    memset(w->side, 0, sizeof w->side);
    trace(w, "the network is whole");
    net_look(w);
}

/* A restored copy, of the database or of the whole directory, is told from the true one by the nonce file beside it. With two epochs in one minute and no
 * neighbour to ask, even so a number could come twice: that is not tried. */
static void start(struct world *w, struct node *n, bool from_backup)
{
    uint32_t minute = (uint32_t)((START_S + w->now_ms / 1000 + n->skew_s - INT64_C(1767225600)) / 60);

    node_start(w, n, from_backup && n->disk.epoch < minute);
}

static void wake(struct world *w, const struct event *ev)
{
    struct node *n = &w->nodes[ev->node];

    if (n->core == NULL || n->life != ev->life || n->wake_ms != ev->at_ms)
        return;
    n->wake_ms = -1;
    node_step(w, n, &(struct mesh_event){ .kind = MESH_TICK });
}

/* The other way round, from `other` to `node`, may work on. */
static void block(struct world *w, unsigned node, unsigned other, bool blocked)
{
    struct way *way = net_way(w, node, other);

    if (way == NULL)
        return;
    way->blocked = blocked;
    trace(w, "n%u %s n%u", node, blocked ? "no longer reaches" : "reaches again", other);
    net_look(w);
}

static void set_clock(struct world *w, struct node *n)
{
    n->skew_s = chance(w, 300) ? (int64_t)draw(w, 2 * CLOCK_OFF_S) - CLOCK_OFF_S : (int64_t)draw(w, 1200) - 600;
    trace(w, "n%u: clock jumps to %+lld s", n->index, (long long)n->skew_s);
}

static void slow_down(struct world *w, struct node *n, bool slow)
{
    n->turn_ms = slow ? 200 + (int64_t)draw(w, 2000) : 0;
    n->hwm = slow ? 2 + (unsigned)draw(w, 20) : HWM;
    trace(w, "n%u: %s", n->index, slow ? "takes frames slowly" : "is quick again");
}

static void happen(struct world *w, const struct event *ev)
{
    struct node *n = &w->nodes[ev->node];

    switch (ev->kind) {
    case EVENT_WAKE:
        wake(w, ev);
        break;
    case EVENT_FRAME:
    case EVENT_ASK:
    case EVENT_ANSWER:
        net_deliver(w, ev);
        break;
    case EVENT_STORED:
        node_stored(w, ev);
        break;
    case EVENT_LINK:
        net_link(w, ev);
        break;
    case EVENT_SAY:
        node_say(w, n);
        break;
    case EVENT_LIE:
        liar_act(w, n);
        break;
    case EVENT_CRASH:
        node_crash(w, n, ev->flag);
        break;
    case EVENT_START:
        start(w, n, ev->flag);
        break;
    case EVENT_BACKUP:
        node_backup(w, n);
        break;
    case EVENT_PART:
        part(w);
        break;
    case EVENT_JOIN:
        join(w);
        break;
    case EVENT_BLOCK:
    case EVENT_UNBLOCK:
        block(w, ev->node, ev->other, ev->kind == EVENT_BLOCK);
        break;
    case EVENT_LOAD:
        w->load(w, ev);
        break;
    case EVENT_TOPIC:
        net_topic_heard(w, ev);
        break;
    case EVENT_CLOCK:
        set_clock(w, n);
        break;
    case EVENT_SLOW:
    case EVENT_QUICK:
        slow_down(w, n, ev->kind == EVENT_SLOW);
        break;
    case EVENT_DISK_BREAKS:
    case EVENT_DISK_MENDS:
        n->broken_disk = ev->kind == EVENT_DISK_BREAKS;
        trace(w, "n%u: disk %s", n->index, n->broken_disk ? "full" : "has room");
        break;
    }
    blob_drop(ev->blob);
}

/* ---- what is drawn from the seed */

/* Most runs are small, so that there are many; some have hundreds of nodes. */
static unsigned draw_size(struct world *w)
{
    if (w->options.seed % BIG_EVERY == 0)
        return 150 + (unsigned)draw(w, 250);
    if (chance(w, 20))
        return 30 + (unsigned)draw(w, 50);
    return 3 + (unsigned)draw(w, chance(w, 100) ? 28 : 8);
}

static void set_up_node(struct world *w, unsigned index)
{
    struct node *n = &w->nodes[index];

    n->index = index;
    n->wake_ms = -1;
    n->backup_ms = -1;
    n->hwm = HWM;
    n->way_to = calloc(w->nodes_n, sizeof *n->way_to);
    if (n->way_to == NULL)
        abort();
    disk_create(&n->disk, w->nodes_n);
    disk_create(&n->backup, w->nodes_n);
    author_record(index);
}

void sim_set_up_nodes(struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++)
        set_up_node(w, i);
    author_record(NODES_MAX);
}

static void set_up(struct world *w)
{
    w->nodes_n = w->options.nodes;
    if (w->nodes_n == 0)
        w->nodes_n = draw_size(w);
    w->weather = (struct weather){ .loss = (unsigned)draw(w, 200), .twice = (unsigned)draw(w, 100), .delay_ms = 1 + (int64_t)draw(w, chance(w, 200) ? 3000 : 200),
                                   .disk_ms = 1 + (int64_t)draw(w, 100), .reorders = chance(w, 500) };
    sim_set_up_nodes(w);
    for (unsigned i = 0; i < w->nodes_n; i++) {
        struct node *n = &w->nodes[i];
        n->skew_s = (int64_t)draw(w, 120) - 60;
        n->liar = i > 0 && chance(w, w->nodes_n > 100 ? 30 : 150);
        n->censor = n->liar && chance(w, 300);
    }
    w->links = chance(w, 300) ? 3 + (unsigned)draw(w, 6) : 0;
    net_graph(w);
}

static void plan(struct world *w, enum event_kind kind, unsigned node, bool flag, int64_t from_ms, int64_t within_ms)
{
    queue_put(w, (struct event){ .kind = kind, .node = node, .flag = flag }, from_ms + (int64_t)draw(w, (uint64_t)within_ms));
}

/* A copy of the whole directory of a node that is stopped for it, and the day when it is needed. */
static void plan_nightly(struct world *w, unsigned i)
{
    plan(w, EVENT_CRASH, i, true, 5000, 15000);
    plan(w, EVENT_START, i, false, 20000, 4000);
    plan(w, EVENT_SAY, i, false, 28000, 30000);
    plan(w, EVENT_CRASH, i, false, TROUBLE_MS / 2, 20000);
    plan(w, EVENT_START, i, true, TROUBLE_MS / 2 + 20000, 20000);
    plan(w, EVENT_SAY, i, false, TROUBLE_MS / 2 + 44000, 15000);
}

static void plan_node(struct world *w, unsigned i)
{
    unsigned says = w->nodes_n > 100 ? 1 : 2 + (unsigned)draw(w, 6);

    plan(w, EVENT_START, i, false, 0, chance(w, 200) ? TROUBLE_MS / 2 : 1000);
    for (unsigned j = 0; j < says; j++)
        plan(w, EVENT_SAY, i, false, 4000, TROUBLE_MS);
    for (unsigned j = 0; w->nodes[i].liar && j < LIES_EACH; j++)
        plan(w, EVENT_LIE, i, false, 4000, LIES_MS - 4000);
    if (chance(w, 200))
        plan_nightly(w, i);
    else
        plan(w, EVENT_BACKUP, i, false, 0, TROUBLE_MS);
    if (chance(w, 400)) {
        plan(w, EVENT_CRASH, i, chance(w, 500), 5000, TROUBLE_MS / 2);
        plan(w, EVENT_START, i, chance(w, 300), TROUBLE_MS / 2, TROUBLE_MS / 2);
    }
    if (chance(w, 100)) {
        plan(w, EVENT_DISK_BREAKS, i, false, 5000, TROUBLE_MS / 2);
        plan(w, EVENT_DISK_MENDS, i, false, TROUBLE_MS / 2, TROUBLE_MS / 2);
    }
}

static void plan_pair(struct world *w, enum event_kind first, enum event_kind then, unsigned node, unsigned other)
{
    queue_put(w, (struct event){ .kind = first, .node = node, .other = other }, 2000 + (int64_t)draw(w, TROUBLE_MS / 2));
    queue_put(w, (struct event){ .kind = then, .node = node, .other = other }, TROUBLE_MS / 2 + (int64_t)draw(w, TROUBLE_MS / 2));
}

/* One-way links, slow consumers, clocks that jump. */
static void plan_oddities(struct world *w, unsigned i)
{
    const struct node *n = &w->nodes[i];

    for (size_t j = 0; j < n->ways_n; j++) {
        if (chance(w, 80))
            plan_pair(w, EVENT_BLOCK, EVENT_UNBLOCK, i, n->ways[j].to);
    }
    if (chance(w, 100))
        plan_pair(w, EVENT_SLOW, EVENT_QUICK, i, i);
    for (uint64_t jumps = chance(w, 100) ? 1 + draw(w, 3) : 0; jumps > 0; jumps--)
        plan(w, EVENT_CLOCK, i, false, 0, TROUBLE_MS);
}

static void plan_all(struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        plan_node(w, i);
        plan_oddities(w, i);
    }
    for (uint64_t parts = draw(w, 3); parts > 0; parts--) {
        plan(w, EVENT_PART, 0, false, 5000, TROUBLE_MS - 10000);
        plan(w, EVENT_JOIN, 0, false, 5000, TROUBLE_MS - 10000);
    }
}

/* From here on nothing is lost any more. Liars talk on until LIES_MS; what they relay and answer they spoil, withhold and censor to the end. Everybody says one thing more. */
static void heal(struct world *w)
{
    trace(w, "trouble ends");
    w->healed = true;
    w->healed_ms = w->now_ms;
    w->weather.loss = 0;
    for (unsigned i = 0; i < w->nodes_n; i++) {
        w->nodes[i].broken_disk = false;
        for (size_t j = 0; j < w->nodes[i].ways_n; j++)
            w->nodes[i].ways[j].blocked = false;
        w->nodes[i].turn_ms = 0;
        w->nodes[i].hwm = HWM;
        if (llabs(w->nodes[i].skew_s) > 600)
            w->nodes[i].skew_s = 0;
        start(w, &w->nodes[i], false);
        plan(w, EVENT_SAY, i, false, 4000, 5000);
    }
    join(w);
}

/* ---- a run */

void sim_run_until(struct world *w, int64_t end_ms)
{
    uint64_t steps = w->steps;
    int64_t moment_ms = w->now_ms;
    struct event ev;

    while (!w->failed && queue_take(w, end_ms, &ev)) {
        if (ev.at_ms != moment_ms) {
            moment_ms = ev.at_ms;
            steps = w->steps;
        }
        w->now_ms = ev.at_ms;
        happen(w, &ev);
        if (w->steps - steps > STEPS_PER_MOMENT_MAX)
            fail(w, "the clock stands still: a core asks to be woken at once, for ever");
    }
    w->now_ms = end_ms;
}

static bool level_out(struct world *w)
{
    char why[TRACE_WIDTH] = "";

    while (!w->failed && w->now_ms < TROUBLE_MS + CALM_MS) {
        if (check_level(w, why, sizeof why))
            return true;
        sim_run_until(w, w->now_ms + 1000);
        if (w->options.verbose)
            trace(w, "%s", why);
    }
    fail(w, "never level: %s", why);
    return false;
}

int sim_run(const struct sim_options *o, struct world *w)
{
    memset(w, 0, sizeof *w);
    w->options = *o;
    w->random = o->seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    set_up(w);
    plan_all(w);
    sim_run_until(w, TROUBLE_MS);
    heal(w);
    sim_run_until(w, LIES_MS + QUIET_MS);
    level_out(w);
    w->level_ms = w->now_ms - w->healed_ms;
    return w->failed ? -1 : 0;
}

void sim_clear(struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        struct node *n = &w->nodes[i];
        mesh_destroy(&n->core);
        disk_clear(&n->disk);
        disk_clear(&n->backup);
        free(n->ways);
        free(n->way_to);
        free(n->watchers.at);
    }
    queue_clear(w);
    registry_clear(&w->registry);
    verify_forget();
    blocks_end();
    memset(w, 0, sizeof *w);
}
