/* Links. A node has a connection of its own to each neighbour, a "way": frames and answers come in over it, asks go out. A way may be cut while the
 * neighbour's way back works. What is on a way is lost when it is cut at the end of the journey, or by chance, or for want of room at the publisher. */
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

struct way *net_way(const struct world *w, unsigned from, unsigned to)
{
    unsigned place = w->nodes[from].way_to[to];

    return place == 0 ? NULL : &w->nodes[from].ways[place - 1];
}

static void connect_one(struct world *w, unsigned from, unsigned to)
{
    struct node *n = &w->nodes[from];

    if (from == to || net_way(w, from, to) != NULL)
        return;
    n->ways = realloc(n->ways, (n->ways_n + 1) * sizeof *n->ways);
    if (n->ways == NULL)
        abort();
    n->ways[n->ways_n++] = (struct way){ .to = to };
    n->way_to[to] = (uint16_t)n->ways_n;
    batches_add(&w->nodes[to].watchers, from);
}

static void configure(struct world *w, unsigned from, unsigned to)
{
    connect_one(w, from, to);
    if (from != to)
        net_way(w, from, to)->always = true;
}

void net_connect(struct world *w, unsigned a, unsigned b)
{
    configure(w, a, b);
    configure(w, b, a);
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
        unsigned extra = (unsigned)draw(w, w->nodes_n > 40 ? 5 : 3);
        net_connect(w, i, draw_honest(w, i));
        for (unsigned j = 0; j < extra; j++)
            net_connect(w, i, (unsigned)draw(w, w->nodes_n));
    }
}

bool net_works(const struct world *w, unsigned owner, unsigned to)
{
    const struct way *way = net_way(w, owner, to);

    return way != NULL && (way->always || way->chosen) && !way->blocked && w->nodes[owner].core != NULL && w->nodes[to].core != NULL && w->side[owner] == w->side[to];
}

/* ---- what cores learn of their links, and want of them */

static void look_at(struct world *w, unsigned a, struct way *way, int64_t within_ms)
{
    if (way->pending)
        return;
    way->pending = true;
    queue_put(w, (struct event){ .kind = EVENT_LINK, .node = a, .other = way->to }, (int64_t)draw(w, (uint64_t)within_ms));
}

void net_look(struct world *w)
{
    for (unsigned a = 0; a < w->nodes_n; a++) {
        struct node *n = &w->nodes[a];
        for (size_t i = 0; i < n->ways_n; i++) {
            bool real = net_works(w, a, n->ways[i].to);
            if (n->core != NULL && real != n->ways[i].up)
                look_at(w, a, &n->ways[i], real ? NOTICE_UP_MS : NOTICE_DOWN_MS);
        }
    }
}

static void tell(struct world *w, unsigned a, struct way *way, bool up)
{
    trace(w, "n%u: link to n%u is %s", a, way->to, up ? "up" : "down");
    way->up = up;
    if (up)
        net_topic(w, a, way, NO_TOPIC, true);
    node_step(w, &w->nodes[a], &(struct mesh_event){ .kind = up ? MESH_LINK_UP : MESH_LINK_DOWN, .neighbour = author_record(way->to)->root });
}

void net_choose(struct world *w, unsigned from, unsigned to, bool link)
{
    struct way *way;

    connect_one(w, from, to);
    way = net_way(w, from, to);
    trace(w, "n%u: %s n%u", from, link ? "chooses" : "gives up", to);
    way->chosen = link;
    if (!link && !way->always)
        way->up = false;               /* the core knows */
    if (net_works(w, from, to) != way->up)
        look_at(w, from, way, NOTICE_UP_MS);
}

void net_link(struct world *w, const struct event *ev)
{
    struct way *way = net_way(w, ev->node, ev->other);
    bool real = net_works(w, ev->node, ev->other);

    way->pending = false;
    if (w->nodes[ev->node].core != NULL && real != way->up)
        tell(w, ev->node, way, real);
}

/* TCP tells the others at once that this is not the process that they knew. */
void net_restarted(struct world *w, unsigned node)
{
    const struct batches *watchers = &w->nodes[node].watchers;

    for (size_t i = 0; i < watchers->n; i++) {
        struct way *way = net_way(w, watchers->at[i], node);
        if (w->nodes[watchers->at[i]].core != NULL && way->up && w->side[watchers->at[i]] == w->side[node])
            tell(w, watchers->at[i], way, false);
    }
}

/* ---- messages */

static void send_once(struct world *w, const struct node *from, unsigned to, enum event_kind kind, struct blob *blob, int64_t at_ms)
{
    blob->holders++;
    w->messages++;
    if (w->meter != NULL)
        meter_message(w->meter, from->index, to, kind, blob_bytes(blob));
    queue_put(w, (struct event){ .kind = kind, .node = to, .other = from->index, .life = w->nodes[to].life, .blob = blob }, at_ms - w->now_ms);
}

static int64_t delay(struct world *w)
{
    return 1 + (int64_t)draw(w, (uint64_t)w->weather.delay_ms);
}

/* On the subscriber's way here, as fast as the subscriber takes it. */
static void send_frame(struct world *w, const struct node *from, unsigned to, struct way *way, struct blob *blob)
{
    int64_t at_ms = w->now_ms + delay(w);

    if (way->waiting >= w->nodes[to].hwm) {
        w->dropped++;
        return;
    }
    if ((!w->weather.reorders || w->nodes[to].turn_ms > 0) && at_ms < way->frame_ms + w->nodes[to].turn_ms)
        at_ms = way->frame_ms + w->nodes[to].turn_ms;
    way->frame_ms = at_ms;
    way->waiting++;
    send_once(w, from, to, EVENT_FRAME, blob, at_ms);
}

void net_publish(struct world *w, struct node *from, unsigned origin, struct bytes frame)
{
    struct blob *blob = blob_make(frame);

    for (size_t i = 0; i < from->watchers.n; i++) {
        unsigned to = from->watchers.at[i];
        struct way *way = net_way(w, to, from->index);
        if (!way->up || !net_works(w, to, from->index) || !bit_has(way->topics, origin) || !bit_has(from->allowed, origin))
            continue;
        if (!chance(w, w->weather.loss))
            send_frame(w, from, to, way, blob);
        if (chance(w, w->weather.twice))
            send_frame(w, from, to, way, blob);
    }
    blob_drop(blob);
}

/* Asks and answers share a TCP connection with their like, so they keep their order. A frame sent so is a liar's: past the subscriptions. */
void net_send(struct world *w, struct node *from, unsigned to, enum event_kind kind, struct bytes wire)
{
    unsigned owner = kind == EVENT_ASK ? from->index : to, other = kind == EVENT_ASK ? to : from->index;
    struct way *way = net_way(w, owner, other);
    int64_t *last_ms, at_ms = w->now_ms + delay(w);
    struct blob *blob;

    if (!net_works(w, owner, other) || chance(w, w->weather.loss))
        return;
    blob = blob_make(wire);
    if (kind == EVENT_FRAME) {
        send_frame(w, from, to, way, blob);
    } else {
        last_ms = kind == EVENT_ASK ? &way->ask_ms : &way->answer_ms;
        if (at_ms < *last_ms)
            at_ms = *last_ms;
        *last_ms = at_ms;
        send_once(w, from, to, kind, blob, at_ms);
    }
    blob_drop(blob);
}

/* Subscriptions keep their order; all are said again on a new connection. */
void net_topic(struct world *w, unsigned from, struct way *way, size_t origin, bool on)
{
    int64_t at_ms = w->now_ms + delay(w);

    if (!net_works(w, from, way->to))
        return;
    way->topic_ms = at_ms > way->topic_ms ? at_ms : way->topic_ms;
    queue_put(w, (struct event){ .kind = EVENT_TOPIC, .node = way->to, .other = from, .life = w->nodes[way->to].life, .batch = origin, .flag = on }, way->topic_ms - w->now_ms);
}

static void hear_topic(struct world *w, unsigned node, unsigned from, size_t origin, bool on)
{
    uint8_t topic[MESH_TOPIC_BYTES] = { 'B' };

    memcpy(topic + 1, author_record((unsigned)origin)->root, MESH_TOPIC_BYTES - 1);
    node_step(w, &w->nodes[node], &(struct mesh_event){ .kind = on ? MESH_SUBSCRIBED : MESH_UNSUBSCRIBED, .neighbour = author_record(from)->root, .bytes = { topic, sizeof topic } });
}

void net_topic_heard(struct world *w, const struct event *ev)
{
    const struct way *way = net_way(w, ev->other, ev->node);

    if (w->nodes[ev->node].core == NULL || w->nodes[ev->node].life != ev->life || !net_works(w, ev->other, ev->node))
        return;
    if (ev->batch != NO_TOPIC) {
        hear_topic(w, ev->node, ev->other, ev->batch, ev->flag);
        return;
    }
    node_step(w, &w->nodes[ev->node], &(struct mesh_event){ .kind = MESH_SUBSCRIBES_ANEW, .neighbour = author_record(ev->other)->root });
    for (size_t i = 0; i < w->nodes_n; i++) {
        if (bit_has(way->topics, i))
            hear_topic(w, ev->node, ev->other, i, true);
    }
}

void net_deliver(struct world *w, const struct event *ev)
{
    struct node *n = &w->nodes[ev->node];
    enum mesh_event_kind kind = ev->kind == EVENT_FRAME ? MESH_FRAME : ev->kind == EVENT_ASK ? MESH_ASK : MESH_ANSWER;
    bool asks = ev->kind == EVENT_ASK;

    if (n->core == NULL || n->life != ev->life)
        return;
    if (ev->kind == EVENT_FRAME)
        net_way(w, ev->node, ev->other)->waiting--;
    if (!net_works(w, asks ? ev->other : ev->node, asks ? ev->node : ev->other))
        return;
    node_step(w, n, &(struct mesh_event){ .kind = kind, .neighbour = author_record(ev->other)->root, .bytes = blob_bytes(ev->blob) });
}
