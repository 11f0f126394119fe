/* What comes in. Nothing is believed here: frames and messages go to the core as they are, with the name of the neighbour that sent them. */
#include <malloc.h>
#include <string.h>
#include <zmq.h>

#include "node/mesh_net_private.h"
#include "node/mesh_zap.h"

/* ---- who is there */

static bool unhex(const char *text, uint8_t out[KEY_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    if (strlen(text) != 2 * KEY_BYTES)
        return false;
    for (size_t i = 0; i < KEY_BYTES; i++) {
        const char *high = strchr(digits, text[2 * i]), *low = strchr(digits, text[2 * i + 1]);
        if (high == NULL || low == NULL)
            return false;
        out[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return true;
}

/* ZAP gave each connection the root as its User-Id. NULL when it is no member (any more), or cut off. */
static struct net_peer *sender(const struct mesh_net *n, zmq_msg_t *msg)
{
    const char *user = zmq_msg_gets(msg, "User-Id");
    uint8_t root[KEY_BYTES];
    struct net_peer *p = user != NULL && unhex(user, root) ? net_peer(n, root) : NULL;

    return p != NULL && !guard_is_cut(n, p) ? p : NULL;
}

/* The key of an invite. */
static bool is_invited(zmq_msg_t *msg, uint8_t curve[KEY_BYTES])
{
    const char *user = zmq_msg_gets(msg, "User-Id");

    return user != NULL && user[0] == '+' && unhex(user + 1, curve);
}

/* Whom the operator gave this key to has it, whatever a newer record of another says. */
static struct net_peer *holder(const struct mesh_net *n, const uint8_t curve[KEY_BYTES])
{
    struct net_peer *found = NULL;

    for (size_t i = 0; i < n->peers_n; i++) {
        struct net_peer *p = n->peers[i];
        if (memcmp(p->record.curve, curve, KEY_BYTES) != 0)
            continue;
        if (!p->introduced && memcmp(p->given.record.curve, curve, KEY_BYTES) == 0)
            return p;
        found = p;
    }
    for (size_t i = 0; found == NULL && i < n->peers_n; i++) {
        struct net_peer *p = n->peers[i];
        if (keys_old_is_good(n, p) && memcmp(p->old_curve, curve, KEY_BYTES) == 0)
            return p;
    }
    return found;
}

static enum zap_verdict lookup(void *ctx, const uint8_t curve[KEY_BYTES], bool repair, uint8_t root[KEY_BYTES])
{
    struct mesh_net *n = ctx;
    struct net_peer *p = holder(n, curve);

    if (p == NULL && repair && net_join_lets_in(n, curve)) {
        memcpy(root, curve, KEY_BYTES);
        return ZAP_INVITED;
    }
    if (p == NULL || guard_is_cut(n, p))
        return ZAP_DENIED;
    memcpy(root, p->record.root, KEY_BYTES);
    if (memcmp(p->record.curve, curve, KEY_BYTES) == 0)
        keys_new_was_used(n, p);
    return ZAP_ALLOWED;
}

static void log_denied(struct mesh_net *n, const char *address)
{
    n->zap_denied++;
    if (n->denied_logged_ms != 0 && n->now_ms - n->denied_logged_ms < NET_LOG_MS)
        return;
    n->denied_logged_ms = n->now_ms;
    log_warning("mesh: refused a connection from %s: its key is no member's, or that of one cut off (%llu refused so far)", address, (unsigned long long)n->zap_denied);
}

static void admit(struct mesh_net *n, struct net_peer *p)
{
    p->admitted = true;
    link_kick(n, p);
}

void net_receive_zap(struct mesh_net *n)
{
    uint8_t root[KEY_BYTES];
    char address[64];

    for (int i = 0; i < NET_RECEIVE_MAX; i++) {
        switch (zap_answer(n->zap, lookup, n, root, address)) {
        case ZAP_NOTHING:
            return;
        case ZAP_DENIED:
            log_denied(n, address);
            break;
        case ZAP_INVITED:
            break;
        case ZAP_ALLOWED:
            admit(n, net_peer(n, root));
            break;
        }
    }
}

/* ---- messages of several parts */

enum { PARTS_MAX = 3 };
struct parts {
    zmq_msg_t at[PARTS_MAX];
    int n;
};

static void parts_close(struct parts *p)
{
    for (int i = 0; i < p->n; i++)
        zmq_msg_close(&p->at[i]);
    p->n = 0;
}

static struct bytes part(struct parts *p, int i)
{
    return (struct bytes){ zmq_msg_data(&p->at[i]), zmq_msg_size(&p->at[i]) };
}

static bool in_midst(void *socket)
{
    int more = 0;
    size_t len = sizeof more;

    return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &len) == 0 && more != 0;
}

/* Reads on to the end of a message, but not more than so much in a turn. Such a one may have been as large as all memory: it is given back. */
static void drain(void *socket)
{
    if (!in_midst(socket))
        return;
    for (int i = 0; i < NET_DRAIN_MAX && in_midst(socket); i++) {
        if (zmq_recv(socket, NULL, 0, ZMQ_DONTWAIT) < 0)
            return;
    }
    if (!in_midst(socket))
        malloc_trim(0);
}

/* How many parts came, 0 when nothing waits; PARTS_MAX + 1 when there were more than fit, which no member's node sends: the first are in p,
 * and the rest is dropped at the next calls. */
static int receive(void *socket, struct parts *p)
{
    p->n = 0;
    drain(socket);
    if (in_midst(socket))
        return 0;
    do {
        zmq_msg_t *msg = &p->at[p->n];
        zmq_msg_init(msg);
        /* Never waits, also not for the rest of a message: it is lost when the connection that it came over is cut in the midst of it. */
        if (zmq_msg_recv(msg, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(msg);
            return p->n;
        }
        p->n++;
    } while (p->n < PARTS_MAX && in_midst(socket));
    return in_midst(socket) ? PARTS_MAX + 1 : p->n;
}

static const char many_parts[] = "sent a message of many parts";

/* ---- each kind of socket */

/* XPUB_MANUAL: what we do not take up is not subscribed. A topic is taken whole. That of an origin not known here is taken, too, within bounds: nothing is published
 * on it unless it becomes known, and who asked once does not ask again. */
static void on_subscription(struct mesh_net *n, struct net_peer *from, struct bytes wish)
{
    const uint8_t *topic = wish.at + 1;
    int option;

    if (wish.len != 1 + MESH_TOPIC_BYTES || wish.at[0] > 1 || topic[0] != 'B') {
        if (from != NULL)
            guard_topic_bad(n, from, wish.len);
        return;
    }
    option = wish.at[0] == 1 ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE;
    if (option == ZMQ_SUBSCRIBE && from == NULL)
        return;
    if (option == ZMQ_SUBSCRIBE && !key_set_has_part(&n->allowed, topic + 1)) {
        guard_topic_unknown(n, from, wish.len);
        if (guard_is_cut(n, from))
            return;
    }
    zmq_setsockopt(n->publish.socket, option, topic, MESH_TOPIC_BYTES);
    if (from != NULL)
        net_step(n, &(struct mesh_event){ .kind = option == ZMQ_SUBSCRIBE ? MESH_SUBSCRIBED : MESH_UNSUBSCRIBED, .neighbour = from->record.root,
                                          .bytes = { topic, MESH_TOPIC_BYTES } });
}

void net_receive_subscriptions(struct mesh_net *n)
{
    struct parts p;
    int parts;

    conns_read(&n->publish);           /* a descriptor may be another connection's by now */
    for (int i = 0; i < NET_RECEIVE_MAX * 16 && (parts = receive(n->publish.socket, &p)) > 0; i++) {
        struct net_peer *from = sender(n, &p.at[0]);       /* NULL also when libzmq itself unsubscribes who is gone */
        if (from != NULL && conns_note(&n->publish, &p.at[0], from->record.root)) {
            log_debug("mesh: %s subscribes over a new connection", from->record.name);
            net_step(n, &(struct mesh_event){ .kind = MESH_SUBSCRIBES_ANEW, .neighbour = from->record.root });
        }
        if (parts <= PARTS_MAX)
            on_subscription(n, from, part(&p, 0));
        else if (from != NULL)
            guard_cut(n, from, many_parts);
        parts_close(&p);
    }
}

static void on_newcomer(struct mesh_net *n, struct parts *p, const uint8_t curve[KEY_BYTES])
{
    struct bytes routing = part(p, 0);
    struct net_routing from = { .len = routing.len };

    memcpy(from.at, routing.at, routing.len);
    conns_note(&n->repair, &p->at[p->n - 1], curve);
    net_join_ask(n, curve, &from, part(p, 1));
}

static void on_ask(struct mesh_net *n, struct parts *p, int parts)
{
    struct bytes routing = part(p, 0);
    struct net_peer *from = sender(n, &p->at[p->n - 1]);
    uint8_t curve[KEY_BYTES];

    if (from == NULL && parts == 2 && routing.len <= ROUTING_MAX && is_invited(&p->at[1], curve))
        on_newcomer(n, p, curve);
    if (from != NULL)
        conns_note(&n->repair, &p->at[p->n - 1], from->record.root);
    if (from != NULL && parts > PARTS_MAX)
        guard_cut(n, from, many_parts);
    if (from == NULL || parts != 2 || routing.len > ROUTING_MAX)
        return;
    memcpy(from->routing.at, routing.at, routing.len);
    from->routing.len = routing.len;
    from->heard_s = n->now_s;
    n->bytes_in += part(p, 1).len;
    net_step(n, &(struct mesh_event){ .kind = MESH_ASK, .neighbour = from->record.root, .bytes = part(p, 1) });
}

void net_receive_asks(struct mesh_net *n)
{
    struct parts p;
    int parts;

    for (int i = 0; i < NET_RECEIVE_MAX && (parts = receive(n->repair.socket, &p)) > 0; i++) {
        on_ask(n, &p, parts);
        parts_close(&p);
    }
}

void net_receive_sub(struct mesh_net *n, struct net_peer *from)
{
    struct parts p;
    int parts;

    bool more = true;

    for (int i = 0; more && i < NET_RECEIVE_MAX && (parts = receive(from->link.sub, &p)) > 0; i++) {
        struct bytes all = part(&p, 0);
        if (parts > PARTS_MAX)
            guard_cut(n, from, many_parts);
        link_heard(n, from);
        n->bytes_in += all.len;
        more = budget_spend(n, from, NET_BUDGET_SUB, all.len);
        if (parts == 1 && all.len >= MESH_TOPIC_BYTES)
            net_step(n, &(struct mesh_event){ .kind = MESH_FRAME, .neighbour = from->record.root,
                                              .bytes = { all.at + MESH_TOPIC_BYTES, all.len - MESH_TOPIC_BYTES } });
        parts_close(&p);
    }
}

void net_receive_dealer(struct mesh_net *n, struct net_peer *from)
{
    struct parts p;
    int parts;

    bool more = true;

    for (int i = 0; more && i < NET_RECEIVE_MAX && (parts = receive(from->link.dealer, &p)) > 0; i++) {
        if (parts > PARTS_MAX)
            guard_cut(n, from, many_parts);
        link_heard(n, from);
        n->bytes_in += part(&p, 0).len;
        more = budget_spend(n, from, NET_BUDGET_DEALER, part(&p, 0).len);
        if (parts == 1)
            net_step(n, &(struct mesh_event){ .kind = MESH_ANSWER, .neighbour = from->record.root, .bytes = part(&p, 0) });
        parts_close(&p);
    }
}
