/* What members say, at the pace at which the daemon's store thread tells it. */
#include <math.h>
#include <string.h>

#include "scale.h"

enum { RATE_MIN = 500, RATE_MAX = 10000, BURST = 60, BURST_MS = 60000 };

/* What a member has to say and has not said. */
struct voice {
    double per_day;
    unsigned first, grown, burst;              /* burst: how many are still to come in this one */
    int64_t tell_at_ms, grown_since_ms;
    bool ticking;
};

static struct voice voices[NODES_MAX];

double voice_uniform(struct world *w)
{
    return ((double)draw(w, UINT64_C(1) << 52) + 1) / (double)(UINT64_C(1) << 52);
}

/* Exponentially distributed, mean 1. */
static double wait_of(struct world *w)
{
    return -log(voice_uniform(w));
}

static void next_change(struct world *w, unsigned node)
{
    const struct voice *v = &voices[node];
    /* One event in BURST of the quiet ones begins a burst of as many: half of all. */
    double ms = v->burst > 0 ? (double)BURST_MS / BURST : (double)DAY_MS / (v->per_day / 2);

    queue_put(w, (struct event){ .kind = EVENT_LOAD, .node = node }, 1 + (int64_t)(ms * wait_of(w)));
}

size_t voice_sign(struct world *w, struct node *n, unsigned opinions)
{
    struct batch_plan p = { .author = n->index, .signer = n->index, .federation = FEDERATION, .epoch = n->disk.epoch, .seq = n->disk.seq + 1,
                            .previous = n->disk.previous, .time_s = node_now_s(w, n), .floor_epoch = n->disk.epoch, .floor_seq = 1 };
    size_t i = author_sign_many(w, &p, opinions);

    n->disk.seq = p.seq;
    memcpy(n->disk.previous, w->registry.at[i].ref.name.hash, HASH_BYTES);
    disk_add(&n->disk, i);
    return i;
}

static void tell(struct world *w, struct node *n, unsigned opinions, bool urgent)
{
    size_t i = voice_sign(w, n, opinions);
    const struct signed_batch *b = &w->registry.at[i];

    spread_watch(w, i, urgent);
    if (scale.watching) {
        scale.opinions += opinions;
        scale.batches++;
    }
    node_step(w, n, &(struct mesh_event){ .kind = MESH_OWN, .name = &b->ref.name, .bytes = { b->frame, b->len } });
}

/* As the daemon's store thread does it: the first leaves at once, the next ones wait a little for company. */
static void tell_due(struct world *w, struct node *n)
{
    struct voice *v = &voices[n->index];
    bool grown_due = v->grown >= scale.pace.growth_min || (v->grown > 0 && w->now_ms - v->grown_since_ms >= scale.pace.growth_s * 1000);

    if (n->core == NULL || !n->settled || w->now_ms < v->tell_at_ms || (v->first == 0 && !grown_due))
        return;
    tell(w, n, v->first + v->grown, v->first > 0);     /* growth goes along */
    v->first = v->grown = 0;
    v->tell_at_ms = w->now_ms + scale.pace.first_ms;
}

static void tick_at(struct world *w, struct voice *v, unsigned node)
{
    int64_t at_ms = v->first > 0 ? v->tell_at_ms : v->grown > 0 ? v->grown_since_ms + scale.pace.growth_s * 1000 : -1;

    if (at_ms < 0 || v->ticking)
        return;
    v->ticking = true;
    queue_put(w, (struct event){ .kind = EVENT_LOAD, .node = node, .flag = true }, at_ms > w->now_ms ? at_ms - w->now_ms : 1);
}

static void change(struct world *w, unsigned node)
{
    struct voice *v = &voices[node];

    if (v->burst > 0)
        v->burst--;
    else if (draw(w, BURST) == 0)
        v->burst = BURST;
    if (draw(w, 2) == 0) {
        v->first++;
    } else if (v->grown++ == 0) {
        v->grown_since_ms = w->now_ms;
    }
    next_change(w, node);
}

void voice_load(struct world *w, const struct event *ev)
{
    struct voice *v = &voices[ev->node];

    if (ev->other > 0 && w->nodes[ev->node].settled) {
        tell(w, &w->nodes[ev->node], 1, false);        /* before the window: everybody has said something */
        return;
    }
    if (ev->flag)
        v->ticking = false;
    else
        change(w, ev->node);
    if (!scale.silent)
        tell_due(w, &w->nodes[ev->node]);
    tick_at(w, v, ev->node);
}

/* Growth waits: each begins somewhere within its wait, as it does in a coalition that has run for long. */
void voice_start(struct world *w)
{
    double rate = RATE_MIN, ratio = pow((double)RATE_MAX / RATE_MIN, 1.0 / (w->nodes_n - 1));

    for (unsigned i = 0; i < w->nodes_n; i++, rate *= ratio) {
        struct voice *v = &voices[i];
        double between_s = 86400 / (rate / 2);           /* first words, which growth goes along with */
        double waiting_s = (between_s < (double)scale.pace.growth_s ? between_s : (double)scale.pace.growth_s) * voice_uniform(w);
        *v = (struct voice){ .per_day = rate };
        v->grown = (unsigned)(rate / 2 / 86400 * waiting_s) % (unsigned)scale.pace.growth_min;
        v->grown_since_ms = w->now_ms - (int64_t)(waiting_s * 1000);
        next_change(w, i);
        tick_at(w, v, i);
        queue_put(w, (struct event){ .kind = EVENT_LOAD, .node = i, .other = 1 }, (int64_t)draw(w, 30000));
    }
}
