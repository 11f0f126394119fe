/* What the core wants done. Carrying out an update never calls the core again before the update is done. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "node/mesh_net_private.h"

/* ---- sets of keys */

static size_t key_place(const struct net_key_set *s, const uint8_t key[KEY_BYTES])
{
    size_t low = 0, high = s->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(s->keys[middle], key, KEY_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool key_set_has(const struct net_key_set *s, const uint8_t key[KEY_BYTES])
{
    size_t i = key_place(s, key);

    return i < s->n && memcmp(s->keys[i], key, KEY_BYTES) == 0;
}

bool key_set_has_part(const struct net_key_set *s, const uint8_t part[ORIGIN_SHORT_BYTES])
{
    uint8_t lowest[KEY_BYTES] = { 0 };
    size_t i;

    memcpy(lowest, part, ORIGIN_SHORT_BYTES);
    i = key_place(s, lowest);
    return i < s->n && memcmp(s->keys[i], part, ORIGIN_SHORT_BYTES) == 0;
}

int key_set_add(struct net_key_set *s, const uint8_t key[KEY_BYTES], size_t most)
{
    size_t i = key_place(s, key);
    size_t room = s->room == 0 ? 16 : s->room * 2;

    if (key_set_has(s, key))
        return 0;
    if (s->n >= most)
        return -ENOSPC;
    if (s->n == s->room) {
        uint8_t(*grown)[KEY_BYTES] = realloc(s->keys, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        s->keys = grown;
        s->room = room;
    }
    memmove(s->keys + i + 1, s->keys + i, (s->n - i) * sizeof *s->keys);
    memcpy(s->keys[i], key, KEY_BYTES);
    s->n++;
    return 0;
}

void key_set_remove(struct net_key_set *s, const uint8_t key[KEY_BYTES])
{
    size_t i = key_place(s, key);

    if (!key_set_has(s, key))
        return;
    memmove(s->keys + i, s->keys + i + 1, (s->n - i - 1) * sizeof *s->keys);
    s->n--;
}

/* ---- topics */

static void allow(struct mesh_net *n, const uint8_t *key)
{
    if (key_set_add(&n->allowed, key, MEMBERS_MAX + 1) != 0)
        log_error("mesh: no memory for a member's topic");
}

static void subscribe(struct mesh_net *n, const struct mesh_action *a)
{
    struct net_peer *p = net_peer(n, a->neighbour);
    int option = a->kind == MESH_DO_SUBSCRIBE ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE;

    if (p != NULL && p->link.sub != NULL)
        zmq_setsockopt(p->link.sub, option, a->topic, MESH_TOPIC_BYTES);
}

/* ---- storing */

static void note_failed(struct mesh_net *n, const struct batch_name *name)
{
    if (n->failed_n == n->failed_room) {
        size_t room = n->failed_room == 0 ? 16 : n->failed_room * 2;
        struct batch_name *grown = realloc(n->failed, room * sizeof *grown);
        if (grown == NULL)
            return;                    /* the core forgets it by itself after a while */
        n->failed = grown;
        n->failed_room = room;
    }
    n->failed[n->failed_n++] = *name;
}

static void store(struct mesh_net *n, const struct mesh_action *a)
{
    const struct batch_name *name = &a->batch.name;
    struct net_peer *p = net_peer(n, a->neighbour);
    uint8_t *copy = malloc(a->frame.len);
    struct store_batch b = {
        .epoch = name->epoch, .seq = name->seq, .floor_epoch = a->batch.floor_epoch, .floor_seq = a->batch.floor_seq,
        .time_s = a->batch.time_s, .opinions = a->batch.opinions, .frame = { copy, a->frame.len },
    };

    if (copy == NULL) {
        note_failed(n, name);
        return;
    }
    memcpy(copy, a->frame.at, a->frame.len);
    memcpy(b.origin, name->origin, KEY_BYTES);
    memcpy(b.hash, name->hash, HASH_BYTES);
    if (p != NULL)
        p->batches++;
    if (n->handlers.store(n->handlers.ctx, &b, copy) != 0) {
        free(copy);
        note_failed(n, name);
    }
}

/* ---- sending */

/* Never waits: a subscriber that is slow loses it and repairs. */
static void publish(struct mesh_net *n, const struct mesh_action *a)
{
    zmq_msg_t msg;

    if (zmq_msg_init_size(&msg, MESH_TOPIC_BYTES + a->frame.len) != 0)
        return;
    memcpy(zmq_msg_data(&msg), a->topic, MESH_TOPIC_BYTES);
    memcpy((uint8_t *)zmq_msg_data(&msg) + MESH_TOPIC_BYTES, a->frame.at, a->frame.len);
    if (zmq_msg_send(&msg, n->publish.socket, ZMQ_DONTWAIT) >= 0)
        n->bytes_out += a->frame.len;
    zmq_msg_close(&msg);
}

static void ask(struct mesh_net *n, const struct mesh_action *a)
{
    struct net_peer *p = net_peer(n, a->neighbour);

    if (p != NULL && p->link.dealer != NULL && zmq_send(p->link.dealer, a->frame.at, a->frame.len, ZMQ_DONTWAIT) >= 0)
        n->bytes_out += a->frame.len;
}

/* False when it could not be sent; *rc then says why: -EAGAIN no room now, -EHOSTUNREACH the asker is gone. */
bool net_answer(struct mesh_net *n, const struct net_routing *to, struct bytes frame, int *rc)
{
    if (to->len == 0 || zmq_send(n->repair.socket, to->at, to->len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0
        || zmq_send(n->repair.socket, frame.at, frame.len, ZMQ_DONTWAIT) < 0) {
        *rc = to->len == 0 ? -EHOSTUNREACH : -errno;
        return false;
    }
    n->bytes_out += frame.len;
    return true;
}

static void answer(struct mesh_net *n, const struct mesh_action *a)
{
    const struct net_peer *p = net_peer(n, a->neighbour);
    int rc;

    if (p != NULL)
        net_answer(n, &p->routing, a->frame, &rc);       /* lost: it asks again */
}

/* ---- telling */

static void blame(struct mesh_net *n, const struct mesh_action *a)
{
    struct net_peer *p = net_peer(n, a->neighbour);

    if (p == NULL)
        return;
    p->bad++;
    if (p->bad_logged_ms != 0 && n->now_ms - p->bad_logged_ms < NET_LOG_MS)
        return;
    p->bad_logged_ms = n->now_ms;
    log_warning("mesh: %s %s (%llu such so far)", p->given.name, a->text, (unsigned long long)p->bad);
}

static void pause_peer(struct mesh_net *n, const struct mesh_action *a)
{
    struct net_peer *p = net_peer(n, a->neighbour);

    if (p != NULL)
        guard_pause(n, p, a->pause_ms, a->text);
}

static void alert(struct mesh_net *n, const struct mesh_action *a)
{
    const struct net_peer *p = net_peer(n, a->origin);

    log_warning("mesh: %s: %s", p != NULL ? p->given.name : "this member", a->text);
}

static void record(struct mesh_net *n, const struct mesh_action *a)
{
    struct net_peer *p = net_peer(n, a->record->root);

    if (p != NULL && (p->record_logged_ms == 0 || n->now_ms - p->record_logged_ms >= NET_LOG_MS)) {
        p->record_logged_ms = n->now_ms;
        log_info("mesh: %s has a new record, serial %llu", a->record->name, (unsigned long long)a->record->serial);
    }
    net_peer_record(n, a->record);
    n->handlers.record(n->handlers.ctx, a->record, a->frame);
}

static void serve(struct mesh_net *n, const struct mesh_action *a)
{
    const struct net_peer *p = net_peer(n, a->neighbour);

    if (p != NULL)
        serve_add(n, p, a);
}

static void proof(struct mesh_net *n, const struct mesh_action *a)
{
    const struct store_proof p = { .epoch = a->batch.name.epoch, .seq = a->batch.name.seq, .frames = { a->frame, a->second } };

    if (n->handlers.proof != NULL)
        n->handlers.proof(n->handlers.ctx, a->origin, &p);
}

static void bound(struct mesh_net *n, const struct mesh_action *a)
{
    if (n->handlers.bound != NULL)
        n->handlers.bound(n->handlers.ctx, a->origin, a->batch.name.epoch, a->batch.name.seq);
}

static void carry_out(struct mesh_net *n, const struct mesh_action *a)
{
    switch (a->kind) {
    case MESH_DO_STORE:
        store(n, a);
        break;
    case MESH_DO_PUBLISH:
        publish(n, a);
        break;
    case MESH_DO_LINK:
    case MESH_DO_UNLINK:
        net_peer_choose(n, a->neighbour, a->kind == MESH_DO_LINK);
        break;
    case MESH_DO_SUBSCRIBE:
    case MESH_DO_UNSUBSCRIBE:
        subscribe(n, a);
        break;
    case MESH_DO_ALLOW:
        allow(n, a->origin);
        break;
    case MESH_DO_FORBID:
        key_set_remove(&n->allowed, a->origin);
        break;
    case MESH_DO_ASK:
        ask(n, a);
        break;
    case MESH_DO_ANSWER:
        answer(n, a);
        break;
    case MESH_DO_SERVE:
        serve(n, a);
        break;
    case MESH_DO_RECORD:
        record(n, a);
        break;
    case MESH_DO_INTRODUCTIONS:
        n->handlers.introductions(n->handlers.ctx, a->origin, a->frame);
        break;
    case MESH_DO_SETTLED:
        n->handlers.settled(n->handlers.ctx, a->above);
        break;
    case MESH_DO_CAUGHT_UP:
        n->handlers.caught_up(n->handlers.ctx);
        break;
    case MESH_DO_PAUSE:
        pause_peer(n, a);
        break;
    case MESH_DO_BOUND:
        bound(n, a);
        break;
    case MESH_DO_PROOF:
        proof(n, a);
        break;
    case MESH_DO_BLAME:
        blame(n, a);
        break;
    case MESH_DO_ALERT:
        alert(n, a);
        break;
    }
}

static void step_once(struct mesh_net *n, const struct mesh_event *given)
{
    struct mesh_event ev = *given;
    struct mesh_update up;

    ev.now_ms = n->now_ms;
    ev.now_s = n->now_s;
    if (mesh_step(n->mesh, &ev, &up) != 0)
        log_error("mesh: out of memory; what was left out is repaired later");
    for (size_t i = 0; i < up.n; i++)
        carry_out(n, &up.actions[i]);
    n->wake_ms = up.wake_at_ms;
}

void net_step(struct mesh_net *n, const struct mesh_event *ev)
{
    step_once(n, ev);
    while (n->failed_n > 0) {
        const struct batch_name name = n->failed[--n->failed_n];
        step_once(n, &(struct mesh_event){ .kind = MESH_STORE_FAILED, .name = &name });
    }
}

void net_tick(struct mesh_net *n)
{
    net_step(n, &(struct mesh_event){ .kind = MESH_TICK });
}
