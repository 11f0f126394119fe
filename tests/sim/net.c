/* Links. A message is lost when the way is cut at either end of its journey, or by chance; frames of a publisher may pass each other. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { NOTICE_UP_MS = 2000, NOTICE_DOWN_MS = 20000 };

struct blob {
    unsigned holders;
    size_t len;
    uint8_t at[];
};

struct blob *blob_make(struct bytes from)
{
    struct blob *b = malloc(sizeof *b + from.len);

    if (b == NULL)
        abort();
    b->holders = 1;
    b->len = from.len;
    if (from.len > 0)
        memcpy(b->at, from.at, from.len);
    return b;
}

void blob_drop(struct blob *b)
{
    if (b != NULL && --b->holders == 0)
        free(b);
}

struct bytes blob_bytes(const struct blob *b)
{
    return (struct bytes){ b->at, b->len };
}

/* ---- who is linked with whom */

static void connect_both(struct world *w, unsigned a, unsigned b)
{
    w->edge[a][b] = w->edge[b][a] = a != b;
}

static unsigned draw_honest(struct world *w, unsigned below)
{
    unsigned i;

    do
        i = (unsigned)draw(w, below);
    while (w->nodes[i].liar);
    return i;
}

/* The honest ones hang together without the others: who is cut off by liars alone has nobody to learn from. Node 0 is honest. */
void net_graph(struct world *w)
{
    for (unsigned i = 1; i < w->nodes_n; i++) {
        unsigned extra = (unsigned)draw(w, 3);
        connect_both(w, i, draw_honest(w, i));
        for (unsigned j = 0; j < extra; j++)
            connect_both(w, i, (unsigned)draw(w, w->nodes_n));
    }
}

bool net_connected(const struct world *w, unsigned a, unsigned b)
{
    return w->edge[a][b] && w->nodes[a].core != NULL && w->nodes[b].core != NULL && w->side[a] == w->side[b];
}

/* ---- what cores learn of their links */

static void look_at(struct world *w, unsigned a, unsigned b, int64_t within_ms)
{
    struct node *n = &w->nodes[a];

    if (n->pending[b])
        return;
    n->pending[b] = true;
    queue_put(w, (struct event){ .kind = EVENT_LINK, .node = a, .other = b }, (int64_t)draw(w, (uint64_t)within_ms));
}

void net_look(struct world *w)
{
    for (unsigned a = 0; a < w->nodes_n; a++) {
        for (unsigned b = 0; b < w->nodes_n; b++) {
            bool real = net_connected(w, a, b);
            if (w->nodes[a].core != NULL && w->edge[a][b] && real != w->nodes[a].up[b])
                look_at(w, a, b, real ? NOTICE_UP_MS : NOTICE_DOWN_MS);
        }
    }
}

static void tell(struct world *w, unsigned a, unsigned b, bool up)
{
    struct node *n = &w->nodes[a];

    trace(w, "n%u: link to n%u is %s", a, b, up ? "up" : "down");
    n->up[b] = up;
    node_step(w, n, &(struct mesh_event){ .kind = up ? MESH_LINK_UP : MESH_LINK_DOWN, .neighbour = author_record(b)->root });
}

void net_link(struct world *w, const struct event *ev)
{
    struct node *n = &w->nodes[ev->node];
    bool real = net_connected(w, ev->node, ev->other);

    n->pending[ev->other] = false;
    if (n->core != NULL && real != n->up[ev->other])
        tell(w, ev->node, ev->other, real);
}

/* TCP tells the others at once that this is not the process that they knew. */
void net_restarted(struct world *w, unsigned node)
{
    for (unsigned a = 0; a < w->nodes_n; a++) {
        if (a != node && w->nodes[a].core != NULL && w->nodes[a].up[node] && w->side[a] == w->side[node])
            tell(w, a, node, false);
    }
}

/* ---- messages */

static void send_once(struct world *w, const struct node *from, unsigned to, enum event_kind kind, struct blob *blob, int64_t after_ms)
{
    blob->holders++;
    w->messages++;
    queue_put(w, (struct event){ .kind = kind, .node = to, .other = from->index, .life = w->nodes[to].life, .blob = blob }, after_ms);
}

static int64_t delay(struct world *w)
{
    return 1 + (int64_t)draw(w, (uint64_t)w->weather.delay_ms);
}

void net_publish(struct world *w, struct node *from, unsigned origin, struct bytes frame)
{
    struct blob *blob = blob_make(frame);

    for (unsigned to = 0; to < w->nodes_n; to++) {
        struct node *n = &w->nodes[to];
        if (!net_connected(w, to, from->index) || !n->up[from->index] || !n->subscribed[from->index][origin] || !from->allowed[origin])
            continue;
        if (!chance(w, w->weather.loss))
            send_once(w, from, to, EVENT_FRAME, blob, delay(w));
        if (chance(w, w->weather.twice))
            send_once(w, from, to, EVENT_FRAME, blob, delay(w));
    }
    blob_drop(blob);
}

/* Asks and answers share a TCP connection with their like, so they keep their order. */
void net_send(struct world *w, struct node *from, unsigned to, enum event_kind kind, struct bytes wire)
{
    int64_t *last_ms = &from->channel_ms[to][kind == EVENT_ASK ? 0 : 1];
    int64_t at_ms = w->now_ms + delay(w);
    struct blob *blob;

    if (!net_connected(w, from->index, to) || chance(w, w->weather.loss))
        return;
    if (at_ms < *last_ms)
        at_ms = *last_ms;
    *last_ms = at_ms;
    blob = blob_make(wire);
    send_once(w, from, to, kind, blob, at_ms - w->now_ms);
    blob_drop(blob);
}

void net_deliver(struct world *w, const struct event *ev)
{
    struct node *n = &w->nodes[ev->node];
    enum mesh_event_kind kind = ev->kind == EVENT_FRAME ? MESH_FRAME : ev->kind == EVENT_ASK ? MESH_ASK : MESH_ANSWER;

    if (n->core == NULL || n->life != ev->life || !net_connected(w, ev->node, ev->other))
        return;
    node_step(w, n, &(struct mesh_event){ .kind = kind, .neighbour = author_record(ev->other)->root, .bytes = blob_bytes(ev->blob) });
}
