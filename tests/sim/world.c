/* The clock, the queue of events, chance, the trace, and the course of a run: two minutes of trouble, then calm until all agree. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { TROUBLE_MS = 120000, CALM_MS = 900000, STEPS_PER_MOMENT_MAX = 100000 };

const char *const plant_names[PLANTS] = { "none", "relay-before-store", "store-unverified", "reuse-number", "no-repair" };

/* ---- chance: splitmix64 */

uint64_t draw(struct world *w, uint64_t below)
{
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return below == 0 ? 0 : z % below;
}

bool chance(struct world *w, unsigned per_mille)
{
    return draw(w, 1000) < per_mille;
}

/* ---- telling */

void trace(struct world *w, const char *format, ...)
{
    char *line = w->trace[w->trace_n++ % TRACE_LINES];
    int n = snprintf(line, TRACE_WIDTH, "%9.3f ", (double)w->now_ms / 1000);
    va_list args;

    va_start(args, format);
    vsnprintf(line + n, TRACE_WIDTH - (size_t)n, format, args);
    va_end(args);
    if (w->options.verbose)
        puts(line);
}

void fail(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->failed)
        return;
    w->failed = true;
    va_start(args, format);
    vsnprintf(w->why, sizeof w->why, format, args);
    va_end(args);
    trace(w, "FAILED: %s", w->why);
}

/* ---- the queue */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

void queue_put(struct world *w, struct event ev, int64_t after_ms)
{
    size_t i = w->queue_n++;

    if (i == w->queue_room) {
        w->queue_room = w->queue_room * 2 + 1024;
        w->queue = realloc(w->queue, w->queue_room * sizeof *w->queue);
        if (w->queue == NULL)
            abort();
    }
    ev.at_ms = w->now_ms + after_ms;
    ev.order = w->order++;
    while (i > 0 && is_before(&ev, &w->queue[(i - 1) / 2])) {
        w->queue[i] = w->queue[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->queue[i] = ev;
}

static struct event queue_take(struct world *w)
{
    struct event first = w->queue[0], last = w->queue[--w->queue_n];
    size_t i = 0;

    for (size_t child = 1; child < w->queue_n; child = 2 * i + 1) {
        if (child + 1 < w->queue_n && is_before(&w->queue[child + 1], &w->queue[child]))
            child++;
        if (!is_before(&w->queue[child], &last))
            break;
        w->queue[i] = w->queue[child];
        i = child;
    }
    w->queue[i] = last;
    return first;
}

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

/* A restored copy is told from the true database by the nonce beside it, so it is never clean. With two epochs in one minute and no
 * neighbour to ask, even so a number could come twice: that is not tried. */
static void start(struct world *w, struct node *n, bool from_backup)
{
    uint32_t minute = (uint32_t)((START_S + w->now_ms / 1000 + n->skew_s - INT64_C(1767225600)) / 60);

    n->backup.clean = false;
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
    case EVENT_DISK_BREAKS:
    case EVENT_DISK_MENDS:
        n->broken_disk = ev->kind == EVENT_DISK_BREAKS;
        trace(w, "n%u: disk %s", n->index, n->broken_disk ? "full" : "has room");
        break;
    }
    blob_drop(ev->blob);
}

/* ---- what is drawn from the seed */

static void set_up(struct world *w)
{
    w->nodes_n = w->options.nodes;
    if (w->nodes_n == 0)
        w->nodes_n = 3 + (unsigned)draw(w, chance(w, 150) ? 28 : 8);
    w->weather = (struct weather){ .loss = (unsigned)draw(w, 200), .twice = (unsigned)draw(w, 100), .delay_ms = 1 + (int64_t)draw(w, chance(w, 200) ? 3000 : 200),
                                   .disk_ms = 1 + (int64_t)draw(w, 100) };
    for (unsigned i = 0; i < w->nodes_n; i++) {
        struct node *n = &w->nodes[i];
        n->index = i;
        n->wake_ms = -1;
        n->backup_ms = -1;
        n->skew_s = (int64_t)draw(w, 120) - 60;
        n->liar = i > 0 && chance(w, 150);
        n->censor = n->liar && chance(w, 300);
    }
    net_graph(w);
}

static void plan(struct world *w, enum event_kind kind, unsigned node, bool flag, int64_t from_ms, int64_t within_ms)
{
    queue_put(w, (struct event){ .kind = kind, .node = node, .flag = flag }, from_ms + (int64_t)draw(w, (uint64_t)within_ms));
}

static void plan_node(struct world *w, unsigned i)
{
    unsigned says = 2 + (unsigned)draw(w, 6);

    plan(w, EVENT_START, i, false, 0, chance(w, 200) ? TROUBLE_MS / 2 : 1000);
    for (unsigned j = 0; j < says; j++)
        plan(w, EVENT_SAY, i, false, 4000, TROUBLE_MS);
    for (unsigned j = 0; w->nodes[i].liar && j < 60; j++)
        plan(w, EVENT_LIE, i, false, 4000, 2 * TROUBLE_MS);
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

static void plan_all(struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++)
        plan_node(w, i);
    for (uint64_t parts = draw(w, 3); parts > 0; parts--) {
        plan(w, EVENT_PART, 0, false, 5000, TROUBLE_MS - 10000);
        plan(w, EVENT_JOIN, 0, false, 5000, TROUBLE_MS - 10000);
    }
}

/* From here on nothing is lost any more, but liars go on. Everybody says one thing more. */
static void heal(struct world *w)
{
    trace(w, "trouble ends");
    w->healed = true;
    w->healed_ms = w->now_ms;
    w->weather.loss = 0;
    join(w);
    for (unsigned i = 0; i < w->nodes_n; i++) {
        w->nodes[i].broken_disk = false;
        start(w, &w->nodes[i], false);
        plan(w, EVENT_SAY, i, false, 4000, 5000);
    }
}

/* ---- a run */

static void run_until(struct world *w, int64_t end_ms)
{
    uint64_t steps = w->steps;
    int64_t moment_ms = w->now_ms;

    while (!w->failed && w->queue_n > 0 && w->queue[0].at_ms <= end_ms) {
        struct event ev = queue_take(w);
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

int sim_run(const struct sim_options *o, struct world *w)
{
    char why[TRACE_WIDTH] = "";
    bool level = false;

    memset(w, 0, sizeof *w);
    w->options = *o;
    w->random = o->seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    set_up(w);
    plan_all(w);
    run_until(w, TROUBLE_MS);
    heal(w);
    run_until(w, w->now_ms + 10000);
    while (!w->failed && !level && w->now_ms < TROUBLE_MS + CALM_MS) {
        run_until(w, w->now_ms + 1000);
        level = check_level(w, why, sizeof why);
        if (!level && w->options.verbose)
            trace(w, "%s", why);
    }
    w->level_ms = w->now_ms - w->healed_ms;
    if (!level)
        fail(w, "never level: %s", why);
    return w->failed ? -1 : 0;
}

void sim_clear(struct world *w)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        mesh_destroy(&w->nodes[i].core);
        disk_clear(&w->nodes[i].disk);
        disk_clear(&w->nodes[i].backup);
    }
    for (size_t i = 0; i < w->queue_n; i++)
        blob_drop(w->queue[i].blob);
    for (size_t i = 0; i < w->registry_n; i++)
        free(w->registry[i].frame);
    free(w->registry);
    free(w->queue);
    memset(w, 0, sizeof *w);
}
