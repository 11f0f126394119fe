/* What the core wants done, as the daemon does it. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* With a thousand nodes, what came meanwhile is flushed at once, as the daemon does it: one look at the memory of a node instead of many. */
static int64_t disk_ms(struct world *w, const struct node *n)
{
    const int64_t most = w->weather.disk_ms;

    if (w->options.scale)
        return most - (w->now_ms + n->index) % most;
    return 1 + (int64_t)draw(w, (uint64_t)most);
}

static void store(struct world *w, struct node *n, const struct mesh_action *a)
{
    long i = check_store(w, n, a);

    if (i < 0)
        return;
    queue_put(w, (struct event){ .kind = EVENT_STORED, .node = n->index, .life = n->life, .batch = (size_t)i }, disk_ms(w, n));
}

/* ---- ranges for neighbours */

static void fetched(struct world *w, struct node *n, unsigned to, uint32_t id, struct bytes frame, bool last)
{
    struct message msg = { .kind = MESSAGE_FETCHED };
    uint8_t *wire = NULL;
    size_t len = 0;

    msg.u.fetched.id = id;
    msg.u.fetched.frame = frame;
    msg.u.fetched.last = last;
    if (message_encode(&msg, &wire, &len) != 0)
        abort();
    net_send(w, n, to, EVENT_ANSWER, (struct bytes){ wire, len });
    free(wire);
}

static void serve_batch(struct world *w, struct node *n, unsigned to, uint32_t id, const struct signed_batch *b)
{
    struct bytes frame = { b->frame, b->len };

    if (!n->liar || !liar_spoils_answer(w, n, to, frame))
        fetched(w, n, to, id, frame, false);
}

static bool has(const struct node *n, size_t batch)
{
    return disk_has(&n->disk, batch) || proofs_hold(&n->disk, batch);
}

/* The highest first. */
static void serve(struct world *w, struct node *n, unsigned to, const struct mesh_action *a)
{
    int origin = author_of(a->fetch.origin);
    size_t from, to_place;

    if (w->options.plant == PLANT_NO_REPAIR || (n->liar && n->censor))
        return;
    from = origin < 0 ? 0 : registry_place(&w->registry, (unsigned)origin, a->fetch.epoch, a->fetch.from);
    to_place = origin < 0 ? 0 : registry_place(&w->registry, (unsigned)origin, a->fetch.epoch, a->fetch.to + 1);
    for (size_t i = to_place; i > from; i--) {
        size_t batch = w->registry.by_author[origin].at[i - 1];
        if (has(n, batch))
            serve_batch(w, n, to, a->fetch.id, &w->registry.at[batch]);
    }
    fetched(w, n, to, a->fetch.id, (struct bytes){ 0 }, true);
}

/* ---- topics */

static void subscribe(struct world *w, struct node *n, const struct mesh_action *a)
{
    int neighbour = author_of(a->neighbour), origin = author_of(a->origin);
    struct way *way = neighbour < 0 ? NULL : net_way(w, n->index, (unsigned)neighbour);

    if (way == NULL || origin < 0 || (unsigned)origin == n->index)
        fail(w, "n%u subscribes to something odd", n->index);
    else {
        bit_set(way->topics, (size_t)origin, a->kind == MESH_DO_SUBSCRIBE);
        if (way->up)
            net_topic(w, n->index, way, (size_t)origin, a->kind == MESH_DO_SUBSCRIBE);
    }
}

static void publish(struct world *w, struct node *n, const struct mesh_action *a)
{
    check_publish(w, n, a);
    if (!(n->liar && n->censor))
        net_publish(w, n, (unsigned)author_of(a->origin), a->frame);
}

/* Only when somebody reads along: it costs a decoding. */
static void trace_message(struct world *w, const struct node *n, const struct mesh_action *a)
{
    struct message msg = { 0 };
    int to = author_of(a->neighbour);

    if (!w->options.verbose || message_decode(a->frame, &msg) != 0)
        return;
    if (msg.kind == MESSAGE_FETCH)
        trace(w, "n%u: asks n%d for n%d's %u/%llu-%llu", n->index, to, author_of(msg.u.fetch.origin), msg.u.fetch.epoch,
              (unsigned long long)msg.u.fetch.from, (unsigned long long)msg.u.fetch.to);
    else if (msg.kind == MESSAGE_HAVE && msg.u.have.logs_n > 0)
        trace(w, "n%u: tells n%d of %zu logs%s%s", n->index, to, msg.u.have.logs_n, msg.u.have.full ? ", all" : "",
              msg.u.have.answer_wanted ? ", and wants an answer" : "");
    message_close(&msg);
}

/* ---- own batches */

static uint32_t minutes(int64_t now_s)
{
    return (uint32_t)((now_s - INT64_C(1767225600)) / 60);
}

/* As store_begin_epoch() does it. */
static void settle(struct world *w, struct node *n, uint32_t above)
{
    uint32_t next = minutes(node_now_s(w, n));
    bool trusts_copy = w->options.plant == PLANT_TRUST_COPY;     /* and, as it happens, no neighbour answers in time */
    bool is_same = n->disk.nonce_kept == n->disk.nonce_file || trusts_copy;
    bool goes_on = n->disk.clean && is_same && n->disk.epoch > 0 && (above <= n->disk.epoch || trusts_copy);

    if (w->options.plant == PLANT_REUSE_NUMBER && n->disk.epoch > 0) {
        n->disk.seq = n->disk.seq / 2;
        goes_on = true;
    }
    n->settled = true;
    n->disk.clean = false;
    n->disk.nonce_kept = n->disk.nonce_file = ++n->files;
    if (goes_on)
        return;
    next = next > n->disk.epoch ? next : n->disk.epoch + 1;
    n->disk.epoch = next > above ? next : above + 1;
    n->disk.seq = 0;
    trace(w, "n%u: epoch %u (above %u)", n->index, n->disk.epoch, above);
}

void shell_carry_out(struct world *w, struct node *n, const struct mesh_action *a)
{
    int to = author_of(a->neighbour);

    switch (a->kind) {
    case MESH_DO_STORE:
        store(w, n, a);
        break;
    case MESH_DO_PUBLISH:
        publish(w, n, a);
        break;
    case MESH_DO_LINK:
    case MESH_DO_UNLINK:
        net_choose(w, n->index, (unsigned)to, a->kind == MESH_DO_LINK);
        break;
    case MESH_DO_SUBSCRIBE:
    case MESH_DO_UNSUBSCRIBE:
        subscribe(w, n, a);
        break;
    case MESH_DO_ALLOW:
    case MESH_DO_FORBID:
        bit_set(n->allowed, (size_t)author_of(a->origin), a->kind == MESH_DO_ALLOW);
        break;
    case MESH_DO_ASK:
    case MESH_DO_ANSWER:
        trace_message(w, n, a);
        net_send(w, n, (unsigned)to, a->kind == MESH_DO_ASK ? EVENT_ASK : EVENT_ANSWER, a->frame);
        break;
    case MESH_DO_SERVE:
        serve(w, n, (unsigned)to, a);
        break;
    case MESH_DO_RECORD:
        fail(w, "n%u learned a record, though there is only one of each", n->index);
        break;
    case MESH_DO_INTRODUCTIONS:
        fail(w, "n%u took a list of introductions, though nobody signed one", n->index);
        break;
    case MESH_DO_SETTLED:
        settle(w, n, a->above);
        break;
    case MESH_DO_CAUGHT_UP:
        trace(w, "n%u: has caught up", n->index);
        break;
    case MESH_DO_PAUSE:
        check_pause(w, n, a);
        break;
    case MESH_DO_BLAME:
        check_blame(w, n, a);
        break;
    case MESH_DO_BOUND:
        fail(w, "n%u forgets what it has room for", n->index);      /* no author here says so much */
        break;
    case MESH_DO_PROOF:
        proofs_put(w, n, a);
        break;
    case MESH_DO_ALERT:
        trace(w, "n%u: alert about n%d: %s", n->index, author_of(a->origin), a->text);
        break;
    }
}
