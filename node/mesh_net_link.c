/* The connection to one neighbour.
 *
 *   OFF --endpoints known--> TRYING --handshake--> UP --lost--> TRYING
 *                              |  refused            | silent, refused
 *                              +------> WAITING <----+     (back-off, then TRYING)
 *
 * libzmq reconnects by itself after a lost TCP connection, but never after a refused key (fact 6 of the transport's table in PROTOCOL.md),
 * and it does not notice a peer that has gone silent. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "node/mesh_net_private.h"

static void enter(struct mesh_net *n, struct net_link *l, enum link_state state)
{
    l->state = state;
    l->since_ms = n->now_ms;
}

static void tell_core(struct mesh_net *n, const struct net_peer *p, enum mesh_event_kind kind)
{
    net_step(n, &(struct mesh_event){ .kind = kind, .neighbour = p->record.root, .by_left_key = kind == MESH_LINK_UP && p->link.offer > 0 });
}

static void disconnect(struct net_link *l)
{
    way_stop(&l->publish, l->sub);
    way_stop(&l->repair, l->dealer);
    l->sub_up = false;
}

static void resolve_after(const struct mesh_net *n, struct net_link *l, int64_t wait_ms)
{
    l->resolve_wait_ms = wait_ms;
    l->resolve_ms = n->now_ms + wait_ms;
}

static void leave_up(struct mesh_net *n, struct net_peer *p)
{
    if (p->link.state != LINK_UP)
        return;
    enter(n, &p->link, LINK_TRYING);
    tell_core(n, p, MESH_LINK_DOWN);
}

void link_start(struct mesh_net *n, struct net_peer *p)
{
    struct net_link *l = &p->link;

    l->renew = false;
    l->stale = false;
    if (guard_is_cut(n, p)) {
        disconnect(l);
        enter(n, l, LINK_WAITING);
        l->retry_ms = p->cut_until_ms;
        return;
    }
    if (net_link_sockets(n, l) != 0) {
        net_problem(p, "no sockets left: raise LimitNOFILE");
        enter(n, l, LINK_WAITING);
        l->retry_ms = n->now_ms + NET_BACKOFF_MAX_MS / 10;
        return;
    }
    disconnect(l);
    if (p->record.publish[0] == '\0' || p->record.repair[0] == '\0') {
        enter(n, l, LINK_OFF);
        return;
    }
    keys_for_link(n, p);
    if (way_start(n, &l->publish, l->sub, p->record.publish) != 0 || way_start(n, &l->repair, l->dealer, p->record.repair) != 0)
        net_problem(p, "its card names an endpoint that cannot be used now");
    resolve_after(n, l, NET_RESOLVE_MS);
    enter(n, l, LINK_TRYING);
}

void link_stop(struct mesh_net *n, struct net_peer *p)
{
    leave_up(n, p);
    disconnect(&p->link);
    net_link_close(&p->link);
    memset(&p->link, 0, sizeof p->link);
}

static void give_up_for_now(struct mesh_net *n, struct net_peer *p, const char *problem)
{
    struct net_link *l = &p->link;

    net_problem(p, problem);
    leave_up(n, p);
    disconnect(l);
    if (l->backoff_ms == 0)
        l->backoff_ms = NET_BACKOFF_MS;
    enter(n, l, LINK_WAITING);
    l->retry_ms = n->now_ms + l->backoff_ms;
    l->backoff_ms = l->backoff_ms * 2 < NET_BACKOFF_MAX_MS ? l->backoff_ms * 2 : NET_BACKOFF_MAX_MS;
}

void link_heard(struct mesh_net *n, struct net_peer *p)
{
    struct net_link *l = &p->link;

    l->heard_ms = n->now_ms;
    p->heard_s = n->now_s;
    if (l->state != LINK_UP)
        return;
    l->backoff_ms = 0;
    if (l->sub_up && !guard_is_cut(n, p))        /* what had come before the cut does not excuse it */
        p->problem[0] = '\0';
}

void link_kick(struct mesh_net *n, struct net_peer *p)
{
    struct net_link *l = &p->link;

    if (!p->wanted || l->state == LINK_UP || l->state == LINK_OFF || n->now_ms - l->since_ms < NET_KICK_MS)
        return;
    link_start(n, p);
}

void link_resolved(struct mesh_net *n, struct net_peer *p, const struct resolved *answer)
{
    struct net_link *l = &p->link;
    char problem[MESH_TEXT_MAX];
    bool nowhere;

    if (l->state != LINK_TRYING && l->state != LINK_UP)
        return;
    nowhere = !l->sub_up && way_resolved(n, &l->publish, l->sub, answer);
    if (l->state == LINK_TRYING)
        nowhere |= way_resolved(n, &l->repair, l->dealer, answer);
    if (!nowhere || l->state != LINK_TRYING)
        return;
    snprintf(problem, sizeof problem, "its host name leads nowhere: %s", answer->n == 0 ? answer->problem : "no address of it can be used");
    give_up_for_now(n, p, problem);
    tell_core(n, p, MESH_LINK_ABSENT);
}

/* ---- what time does */

static bool all_up(const struct net_link *l)
{
    return l->state == LINK_UP && l->sub_up;
}

/* Whatever is not connected is tried elsewhere. */
static void ways_tick(struct mesh_net *n, struct net_link *l)
{
    if (l->state != LINK_UP)
        way_tick(n, &l->repair, l->dealer);
    if (!l->sub_up)
        way_tick(n, &l->publish, l->sub);
    if (all_up(l) || n->now_ms < l->resolve_ms)
        return;
    way_again(n, &l->repair);
    way_again(n, &l->publish);
    resolve_after(n, l, l->resolve_wait_ms * 2 < NET_RESOLVE_MAX_MS ? l->resolve_wait_ms * 2 : NET_RESOLVE_MAX_MS);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ways_wake_ms(const struct net_link *l)
{
    int64_t at = way_has_name(&l->repair) || way_has_name(&l->publish) ? l->resolve_ms : INT64_MAX;

    if (all_up(l))
        return INT64_MAX;
    if (l->state != LINK_UP)
        at = earlier(at, way_wake_ms(&l->repair));
    if (!l->sub_up)
        at = earlier(at, way_wake_ms(&l->publish));
    return at;
}

void link_tick(struct mesh_net *n, struct net_peer *p)
{
    struct net_link *l = &p->link;

    if (p->unlink)
        net_peer_unlink(n, p);
    if (!p->wanted)
        return;
    if (l->renew) {
        leave_up(n, p);
        l->backoff_ms = 0;
        link_start(n, p);
    }
    switch (l->state) {
    case LINK_OFF:
        break;
    case LINK_TRYING:
        if (n->now_ms - l->since_ms >= NET_TRY_MS)
            link_start(n, p);
        else
            ways_tick(n, l);
        break;
    case LINK_UP:
        if (n->now_ms - l->heard_ms >= NET_SILENCE_MS)
            give_up_for_now(n, p, "silent: connected, but nothing is heard");
        else if (!l->sub_up && n->now_ms - l->since_ms >= NET_SILENCE_MS)
            net_problem(p, "its publisher does not answer; its batches are fetched instead");
        if (l->state == LINK_UP)
            ways_tick(n, l);
        break;
    case LINK_WAITING:
        if (n->now_ms >= l->retry_ms)
            link_start(n, p);
        break;
    }
}

int64_t link_wake_ms(const struct net_peer *p)
{
    const struct net_link *l = &p->link;

    if (p->unlink)
        return 0;
    switch (p->wanted ? l->state : LINK_OFF) {
    case LINK_TRYING:
        return earlier(l->since_ms + NET_TRY_MS, ways_wake_ms(l));
    case LINK_UP:
        return earlier(l->heard_ms + NET_SILENCE_MS, ways_wake_ms(l));
    case LINK_WAITING:
        return l->retry_ms;
    default:
        return INT64_MAX;
    }
}

/* ---- what the monitors say */

static void on_handshake(struct mesh_net *n, struct net_peer *p, bool of_sub)
{
    struct net_link *l = &p->link;

    if (of_sub) {
        l->sub_up = true;
        return;
    }
    if (l->state != LINK_TRYING)
        return;
    enter(n, l, LINK_UP);
    l->heard_ms = n->now_ms;
    p->connected_s = n->now_s;
    p->problem[0] = '\0';
    log_info("mesh: connected to %s at %s", p->given.name, l->repair.endpoint);
    tell_core(n, p, MESH_LINK_UP);
}

static void on_disconnected(struct mesh_net *n, struct net_peer *p, bool of_sub)
{
    resolve_after(n, &p->link, NET_RECONNECT_MS * 5);
    if (of_sub) {
        p->link.sub_up = false;
        return;
    }
    if (p->link.state != LINK_UP)
        return;
    net_problem(p, "connection lost");
    p->link.renew = p->link.stale;
    leave_up(n, p);
}

/* Events of a connection that was given up already still come, and change nothing. */
static void on_event(struct mesh_net *n, struct net_peer *p, bool of_sub, uint16_t event)
{
    enum link_state state = p->link.state;

    if (state != LINK_TRYING && state != LINK_UP)
        return;
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        on_handshake(n, p, of_sub);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        on_disconnected(n, p, of_sub);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        give_up_for_now(n, p, "refused: the peer does not know our key; has it added our card?");
        keys_refused(n, p);
        tell_core(n, p, MESH_LINK_ABSENT);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:   /* also when it is too slow to answer: not absent */
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        p->link.expect_old = !p->link.expect_old && keys_old_is_good(n, p);
        give_up_for_now(n, p, "handshake failed: not the key that its card names, or no hearsay there");
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
            tell_core(n, p, MESH_LINK_ABSENT);
        break;
    case ZMQ_EVENT_CONNECT_RETRIED:
        if (state == LINK_TRYING && !of_sub)
            tell_core(n, p, MESH_LINK_ABSENT);
        if (state == LINK_TRYING && !of_sub && n->now_ms - p->link.since_ms >= NET_UNREACHED_MS)
            net_problem(p, "no answer at its address");
        break;
    default:
        break;
    }
}

void link_monitor(struct mesh_net *n, struct net_peer *p, bool of_sub)
{
    for (int i = 0; i < NET_RECEIVE_MAX; i++) {
        void *monitor = of_sub ? p->link.sub_monitor : p->link.dealer_monitor;
        uint8_t head[6];
        char endpoint[ENDPOINT_MAX_BYTES + 1];
        uint16_t event;
        if (monitor == NULL || zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT) != sizeof head)
            return;
        zmq_recv(monitor, endpoint, sizeof endpoint, 0);
        memcpy(&event, head, sizeof event);
        on_event(n, p, of_sub, event);
    }
}
