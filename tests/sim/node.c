/* A core with its disk: what a daemon does around it, and what can happen to a daemon. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

bool sim_watched, sim_may_starve;

/* ---- disk */

bool disk_has(const struct disk *d, size_t batch)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->batches[i] == batch)
            return true;
    }
    return false;
}

void disk_add(struct disk *d, size_t batch)
{
    if (d->n == d->room) {
        d->room = d->room * 2 + 16;
        d->batches = realloc(d->batches, d->room * sizeof *d->batches);
        if (d->batches == NULL)
            abort();
    }
    d->batches[d->n++] = batch;
}

void disk_clear(struct disk *d)
{
    free(d->batches);
    memset(d, 0, sizeof *d);
}

static void disk_copy(const struct disk *from, struct disk *to)
{
    disk_clear(to);
    *to = *from;
    to->batches = NULL;
    to->n = to->room = 0;
    for (size_t i = 0; i < from->n; i++)
        disk_add(to, from->batches[i]);
}

void node_backup(struct world *w, struct node *n)
{
    disk_copy(&n->disk, &n->backup);
    n->backup_ms = w->now_ms;
    trace(w, "n%u: backup of %zu batches", n->index, n->disk.n);
}

/* ---- start and end */

static int64_t node_now_s(const struct world *w, const struct node *n)
{
    return START_S + w->now_ms / 1000 + n->skew_s;
}

static void load(struct world *w, struct node *n)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        if (mesh_member_set(n->core, author_record(i), author_frame(i), w->edge[n->index][i]) != 0)
            abort();
    }
    for (size_t i = 0; i < n->disk.n; i++) {
        if (mesh_held(n->core, &w->registry[n->disk.batches[i]].ref) != 0)
            abort();
    }
}

void node_start(struct world *w, struct node *n, bool from_backup)
{
    struct mesh_config c = { .federation = FEDERATION, .seed = draw(w, UINT64_MAX), .ttl_s = 30 * 86400 };

    if (n->core != NULL)
        return;
    if (from_backup && n->backup_ms >= 0)
        disk_copy(&n->backup, &n->disk);
    trace(w, "n%u: starts with %zu batches%s", n->index, n->disk.n, from_backup ? " of a backup" : "");
    memcpy(c.self, author_record(n->index)->root, KEY_BYTES);
    if (mesh_create(&c, &n->core) != 0)
        abort();
    n->life++;
    n->settled = false;
    memset(n->subscribed, 0, sizeof n->subscribed);
    memset(n->allowed, 0, sizeof n->allowed);
    memset(n->up, 0, sizeof n->up);
    memset(n->channel_ms, 0, sizeof n->channel_ms);
    load(w, n);
    net_restarted(w, n->index);
    node_step(w, n, &(struct mesh_event){ .kind = MESH_TICK });
    net_look(w);
}

void node_crash(struct world *w, struct node *n, bool in_order)
{
    if (n->core == NULL)
        return;
    trace(w, "n%u: %s", n->index, in_order ? "stops" : "crashes");
    n->disk.clean = in_order && n->settled;
    mesh_destroy(&n->core);
    n->life++;
    net_look(w);
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
    bool goes_on = n->disk.clean && n->disk.epoch > 0 && above <= n->disk.epoch;

    if (w->options.plant == PLANT_REUSE_NUMBER && n->disk.epoch > 0) {
        n->disk.seq = n->disk.seq / 2;
        goes_on = true;
    }
    n->settled = true;
    n->disk.clean = false;
    if (goes_on)
        return;
    next = next > n->disk.epoch ? next : n->disk.epoch + 1;
    n->disk.epoch = next > above ? next : above + 1;
    n->disk.seq = 0;
    trace(w, "n%u: epoch %u (above %u)", n->index, n->disk.epoch, above);
}

/* Now and then the floor rises: what is four numbers back is dead. */
void node_say(struct world *w, struct node *n)
{
    struct batch_plan p = { .author = n->index, .signer = n->index, .federation = FEDERATION, .epoch = n->disk.epoch, .seq = n->disk.seq + 1,
                            .previous = n->disk.previous, .time_s = node_now_s(w, n) };
    size_t i;

    if (n->core == NULL || !n->settled || n->broken_disk)
        return;
    p.salt = (uint8_t)draw(w, 256);
    if (p.seq > 4 && chance(w, 200)) {
        p.floor_epoch = p.epoch;
        p.floor_seq = p.seq - 4;
    }
    i = author_sign(w, &p);
    check_said(w, n, i);
    n->disk.seq = p.seq;
    memcpy(n->disk.previous, w->registry[i].ref.name.hash, HASH_BYTES);
    disk_add(&n->disk, i);
    trace(w, "n%u: says %u/%llu", n->index, p.epoch, (unsigned long long)p.seq);
    if (!w->healed && chance(w, 50)) {
        node_crash(w, n, false);       /* stored, and never told */
        queue_put(w, (struct event){ .kind = EVENT_START, .node = n->index }, 1 + (int64_t)draw(w, 20000));
        return;
    }
    node_step(w, n, &(struct mesh_event){ .kind = MESH_OWN, .name = &w->registry[i].ref.name, .bytes = { w->registry[i].frame, w->registry[i].len } });
}

/* ---- what the core wants done */

static void store(struct world *w, struct node *n, const struct mesh_action *a)
{
    long i = check_store(w, n, a);

    if (i < 0)
        return;
    if (w->options.plant == PLANT_RELAY_BEFORE_STORE)
        check_publish(w, n, &(struct mesh_action){ .kind = MESH_DO_PUBLISH, .frame = a->frame });
    queue_put(w, (struct event){ .kind = EVENT_STORED, .node = n->index, .life = n->life, .batch = (size_t)i },
              1 + (int64_t)draw(w, (uint64_t)w->weather.disk_ms));
}

void node_stored(struct world *w, const struct event *ev)
{
    struct node *n = &w->nodes[ev->node];
    const struct batch_name *name = &w->registry[ev->batch].ref.name;
    bool fresh;

    if (n->core == NULL || n->life != ev->life)
        return;                        /* lost in the crash */
    if (n->broken_disk) {
        node_step(w, n, &(struct mesh_event){ .kind = MESH_STORE_FAILED, .name = name });
        return;
    }
    fresh = !disk_has(&n->disk, ev->batch);
    if (fresh)
        disk_add(&n->disk, ev->batch);
    w->stored++;
    node_step(w, n, &(struct mesh_event){ .kind = MESH_STORED, .name = name, .stored = fresh });
}

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

static void serve(struct world *w, struct node *n, unsigned to, const struct mesh_action *a)
{
    if (w->options.plant == PLANT_NO_REPAIR || (n->liar && n->censor))
        return;
    for (uint64_t seq = a->fetch.to; seq >= a->fetch.from && seq > 0; seq--) {
        for (size_t i = 0; i < n->disk.n; i++) {
            const struct signed_batch *b = &w->registry[n->disk.batches[i]];
            struct bytes frame = { b->frame, b->len };
            if (b->ref.name.epoch != a->fetch.epoch || b->ref.name.seq != seq || memcmp(b->ref.name.origin, a->fetch.origin, KEY_BYTES) != 0)
                continue;
            if (!n->liar || !liar_spoils_answer(w, n, to, frame))
                fetched(w, n, to, a->fetch.id, frame, false);
        }
    }
    fetched(w, n, to, a->fetch.id, (struct bytes){ 0 }, true);
}

static void subscribe(struct world *w, struct node *n, const struct mesh_action *a)
{
    int neighbour = author_of(a->neighbour), origin = author_of(a->topic + 1);

    if (neighbour < 0 || origin < 0 || (unsigned)origin == n->index)
        fail(w, "n%u subscribes to something odd", n->index);
    else
        n->subscribed[neighbour][origin] = a->kind == MESH_DO_SUBSCRIBE;
}

static void publish(struct world *w, struct node *n, const struct mesh_action *a)
{
    check_publish(w, n, a);
    if (!(n->liar && n->censor))
        net_publish(w, n, (unsigned)author_of(a->topic + 1), a->frame);
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

static void carry_out(struct world *w, struct node *n, const struct mesh_action *a)
{
    int to = author_of(a->neighbour);

    switch (a->kind) {
    case MESH_DO_STORE:
        store(w, n, a);
        break;
    case MESH_DO_PUBLISH:
        publish(w, n, a);
        break;
    case MESH_DO_SUBSCRIBE:
    case MESH_DO_UNSUBSCRIBE:
        subscribe(w, n, a);
        break;
    case MESH_DO_ALLOW:
    case MESH_DO_FORBID:
        n->allowed[author_of(a->topic + 1)] = a->kind == MESH_DO_ALLOW;
        break;
    case MESH_DO_ASK:
        trace_message(w, n, a);
        net_send(w, n, (unsigned)to, EVENT_ASK, a->frame);
        break;
    case MESH_DO_ANSWER:
        trace_message(w, n, a);
        net_send(w, n, (unsigned)to, EVENT_ANSWER, a->frame);
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
    case MESH_DO_BLAME:
        check_blame(w, n, a);
        break;
    case MESH_DO_ALERT:
        trace(w, "n%u: alert about n%d: %s", n->index, author_of(a->origin), a->text);
        break;
    }
}

void node_step(struct world *w, struct node *n, const struct mesh_event *given)
{
    struct mesh_event ev = *given;
    struct mesh_update up;
    int rc;

    ev.now_ms = w->now_ms;
    ev.now_s = node_now_s(w, n);
    sim_watched = n->index == 0;
    rc = mesh_step(n->core, &ev, &up);
    sim_watched = false;
    if (rc != 0 && !(sim_may_starve && rc == -ENOMEM))
        fail(w, "n%u: a step failed: %d", n->index, rc);
    w->steps++;
    for (size_t i = 0; i < up.n; i++)
        carry_out(w, n, &up.actions[i]);
    if (up.wake_at_ms < w->now_ms)
        up.wake_at_ms = w->now_ms;
    if (up.wake_at_ms != n->wake_ms) {
        n->wake_ms = up.wake_at_ms;
        queue_put(w, (struct event){ .kind = EVENT_WAKE, .node = n->index, .life = n->life }, n->wake_ms - w->now_ms);
    }
    if (w->options.plant == PLANT_STORE_UNVERIFIED && ev.kind == MESH_FRAME)
        check_store(w, n, &(struct mesh_action){ .kind = MESH_DO_STORE, .frame = ev.bytes });
}
