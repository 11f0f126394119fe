/* A core with its disk, and what can happen to a daemon. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

bool sim_watched, sim_may_starve;

void node_backup(struct world *w, struct node *n)
{
    disk_copy(&n->disk, &n->backup, w->nodes_n);
    n->backup_ms = w->now_ms;
    trace(w, "n%u: backup of %zu batches", n->index, n->disk.batches_n);
}

/* ---- start and end */

int64_t node_now_s(const struct world *w, const struct node *n)
{
    return START_S + w->now_ms / 1000 + n->skew_s;
}

static void load(struct world *w, struct node *n)
{
    for (unsigned i = 0; i < w->nodes_n; i++) {
        const struct way *way = net_way(w, n->index, i);
        if (mesh_member_set(n->core, author_record(i), author_frame(i), way != NULL && way->always) != 0)
            abort();
        if (i != n->index && mesh_member_may_link(n->core, author_record(i)->root, MESH_MAY) != 0)
            abort();
    }
    proofs_load(w, n);
    for (size_t i = disk_next(&n->disk, 0); i != NO_BATCH; i = disk_next(&n->disk, i + 1)) {
        if (mesh_held(n->core, &w->registry.at[i].ref) != 0)
            abort();
    }
}

void node_start(struct world *w, struct node *n, bool from_backup)
{
    struct mesh_config c = { .federation = FEDERATION, .seed = draw(w, UINT64_MAX), .ttl_s = 30 * 86400, .links = w->links, .blocks = &sim_blocks };

    if (n->core != NULL)
        return;
    if (from_backup && n->backup_ms >= 0) {
        disk_copy(&n->backup, &n->disk, w->nodes_n);
        n->disk.nonce_file = ++n->files;
    }
    trace(w, "n%u: starts with %zu batches%s", n->index, n->disk.batches_n, from_backup ? " of a backup" : "");
    memcpy(c.self, author_record(n->index)->root, KEY_BYTES);
    if (mesh_create(&c, &n->core) != 0)
        abort();
    n->life++;
    n->settled = false;
    memset(n->allowed, 0, sizeof n->allowed);
    for (size_t i = 0; i < n->ways_n; i++)
        n->ways[i] = (struct way){ .to = n->ways[i].to, .pending = n->ways[i].pending, .always = n->ways[i].always, .blocked = n->ways[i].blocked };
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
    if (n->disk.clean)
        node_backup(w, n);             /* of the whole directory, as it lies there */
    net_look(w);
}

/* ---- what it says and what it keeps */

/* Now and then the floor rises: what is four numbers back is dead. */
void node_say(struct world *w, struct node *n)
{
    struct batch_plan p = { .author = n->index, .signer = n->index, .federation = FEDERATION, .epoch = n->disk.epoch, .seq = n->disk.seq + 1,
                            .previous = n->disk.previous, .time_s = node_now_s(w, n) };
    const struct signed_batch *b;
    size_t i;

    if (n->core == NULL || !n->settled || n->broken_disk)
        return;
    author_draw_said(w, &p);
    if (p.seq > 4 && chance(w, 200)) {
        p.floor_epoch = p.epoch;
        p.floor_seq = p.seq - 4;
    }
    i = author_sign(w, &p);
    b = &w->registry.at[i];
    check_said(w, n, i);
    n->disk.seq = p.seq;
    memcpy(n->disk.previous, b->ref.name.hash, HASH_BYTES);
    disk_add(&n->disk, i);
    registers_merge(w, n, i);
    trace(w, "n%u: says %u/%llu", n->index, p.epoch, (unsigned long long)p.seq);
    if (!w->healed && chance(w, 50)) {
        node_crash(w, n, false);       /* stored, and never told */
        queue_put(w, (struct event){ .kind = EVENT_START, .node = n->index }, 1 + (int64_t)draw(w, 20000));
        return;
    }
    node_step(w, n, &(struct mesh_event){ .kind = MESH_OWN, .name = &b->ref.name, .bytes = { b->frame, b->len } });
}

/* As store_put_batch() does it: what has died on its way to the disk counts as stored and gone. */
static bool put(struct world *w, struct node *n, size_t batch)
{
    const struct signed_batch *b = &w->registry.at[batch];

    if (disk_has(&n->disk, batch) || is_below(n->disk.floors[b->author], &b->ref.name) || proofs_kill(&w->registry, &n->disk, batch))
        return false;
    disk_add(&n->disk, batch);
    if (!w->options.scale)
        registers_merge(w, n, batch);          /* there nobody looks at them */
    if (w->held != NULL)
        w->held(w, batch);
    return true;
}

void node_stored(struct world *w, const struct event *ev)
{
    struct node *n = &w->nodes[ev->node];
    const struct batch_name name = w->registry.at[ev->batch].ref.name;
    bool fresh;

    if (n->core == NULL || n->life != ev->life)
        return;                        /* lost in the crash */
    if (n->broken_disk) {
        node_step(w, n, &(struct mesh_event){ .kind = MESH_STORE_FAILED, .name = &name });
        return;
    }
    fresh = put(w, n, ev->batch);
    w->stored++;
    node_step(w, n, &(struct mesh_event){ .kind = MESH_STORED, .name = &name, .stored = fresh });
}

void node_step(struct world *w, struct node *n, const struct mesh_event *given)
{
    struct mesh_event ev = *given;
    struct mesh_update up;
    int rc;

    ev.now_ms = w->now_ms;
    ev.now_s = node_now_s(w, n);
    plant_before_step(w, n, &ev);
    sim_watched = n->index == 0;
    rc = mesh_step(n->core, &ev, &up);
    sim_watched = false;
    if (rc != 0 && !(sim_may_starve && rc == -ENOMEM))
        fail(w, "n%u: a step failed: %d", n->index, rc);
    w->steps++;
    if (!w->options.scale)
        bounds_check(w, n, &ev, &up);
    for (size_t i = 0; i < up.n; i++)
        shell_carry_out(w, n, &up.actions[i]);
    if (up.wake_at_ms < w->now_ms)
        up.wake_at_ms = w->now_ms;
    if (up.wake_at_ms != n->wake_ms) {
        n->wake_ms = up.wake_at_ms;
        queue_put(w, (struct event){ .kind = EVENT_WAKE, .node = n->index, .life = n->life }, n->wake_ms - w->now_ms);
    }
    plant_after_step(w, n, &ev);
}
