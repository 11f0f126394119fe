/* Sockets and their options. libzmq's defaults lose subscriptions, grow without bound and, with ZMTP heartbeats, abort the process
 * (libzmq 4.3.4: issues 4064, 3937, 4767); so every option that matters is set here, before the connection that it is for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "node/mesh_net_private.h"
#include "node/mesh_zap.h"

static void set(void *socket, int option, int value)
{
    zmq_setsockopt(socket, option, &value, sizeof value);
}

static void set_message_max(void *socket, int64_t bytes)
{
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes, sizeof bytes);
}

/* ZMQ_HEARTBEAT_* stays unset: a full receive pipe and a heartbeat together end the process. TCP looks after dead hosts in its place. */
static void set_common(void *socket)
{
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_IPV6, 1);
    set(socket, ZMQ_HANDSHAKE_IVL, NET_HANDSHAKE_MS);
    set(socket, ZMQ_TCP_KEEPALIVE, 1);
    set(socket, ZMQ_TCP_KEEPALIVE_IDLE, 60);
    set(socket, ZMQ_TCP_KEEPALIVE_INTVL, 20);
    set(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
}

/* Without a bound on what waits: libzmq's one thread would wait for us when it is full, and all connections with it. */
static void *open_monitor(struct mesh_net *n, void *socket, int events)
{
    char endpoint[64];
    void *monitor;

    snprintf(endpoint, sizeof endpoint, "inproc://monitor-%p", socket);
    if (zmq_socket_monitor(socket, endpoint, events) != 0)
        return NULL;
    monitor = zmq_socket(n->context, ZMQ_PAIR);
    if (monitor == NULL)
        return NULL;
    set(monitor, ZMQ_LINGER, 0);
    set(monitor, ZMQ_RCVHWM, 0);
    if (zmq_connect(monitor, endpoint) == 0)
        return monitor;
    zmq_close(monitor);
    return NULL;
}

static void close_one(void **socket)
{
    if (*socket != NULL)
        zmq_close(*socket);
    *socket = NULL;
}

/* ---- what others connect to */

static void set_server(const struct mesh_net *n, void *socket, const char *zap_domain)
{
    set_common(socket);
    set(socket, ZMQ_BACKLOG, NET_BACKLOG);
    set(socket, ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, n->curve_secret, KEY_BYTES);
    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, zap_domain, strlen(zap_domain));
}

static int bind_socket(struct net_bound *b, char *why)
{
    size_t len = sizeof b->endpoint;
    int e;

    if (zmq_bind(b->socket, b->endpoint) != 0) {
        e = errno;
        snprintf(why, CONFIG_WHY_MAX, "cannot bind %s \"%s\": %s; %s", b->option, b->endpoint, zmq_strerror(e),
                 e == EADDRINUSE ? "another process, perhaps another hearsayd, has that port" : "expected tcp://ADDRESS:PORT with an address of this machine");
        return -e;
    }
    zmq_getsockopt(b->socket, ZMQ_LAST_ENDPOINT, b->endpoint, &len);     /* "*" and port 0 are now what was taken */
    return 0;
}

static int open_publish(struct mesh_net *n, const char *endpoint, char *why)
{
    struct net_bound *b = &n->publish;

    b->option = "mesh.publish";
    snprintf(b->endpoint, sizeof b->endpoint, "%s", endpoint);
    b->socket = zmq_socket(n->context, ZMQ_XPUB);
    if (b->socket == NULL)
        return -errno;
    set_server(n, b->socket, ZAP_DOMAIN);
    b->monitor = open_monitor(n, b->socket, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
    set(b->socket, ZMQ_XPUB_MANUAL, 1);
    set(b->socket, ZMQ_SNDHWM, NET_PUBLISH_HWM);
    set_message_max(b->socket, NET_SUBSCRIPTION_MAX);
    return bind_socket(b, why);
}

static int open_repair(struct mesh_net *n, const char *endpoint, char *why)
{
    struct net_bound *b = &n->repair;

    b->option = "mesh.repair";
    snprintf(b->endpoint, sizeof b->endpoint, "%s", endpoint);
    b->socket = zmq_socket(n->context, ZMQ_ROUTER);
    if (b->socket == NULL)
        return -errno;
    set_server(n, b->socket, ZAP_DOMAIN_REPAIR);
    b->monitor = open_monitor(n, b->socket, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
    set(b->socket, ZMQ_ROUTER_MANDATORY, 1);
    set(b->socket, ZMQ_SNDHWM, NET_ROUTER_HWM);
    set(b->socket, ZMQ_RCVHWM, NET_ROUTER_HWM);
    set(b->socket, ZMQ_RCVHWM, NET_ASK_HWM);
    set_message_max(b->socket, MESSAGE_MAX);
    return bind_socket(b, why);
}

int net_bind_all(struct mesh_net *n, const struct config_mesh *c, char *why)
{
    int rc;

    snprintf(why, CONFIG_WHY_MAX, "no sockets for the mesh: too many open files?");
    n->context = zmq_ctx_new();
    if (n->context == NULL)
        return -ENOMEM;
    zmq_ctx_set(n->context, ZMQ_BLOCKY, 0);
    zmq_ctx_set(n->context, ZMQ_IPV6, 1);
    n->zap = zap_open(n->context);
    if (n->zap == NULL)
        return -errno;
    rc = open_publish(n, c->publish, why);
    if (rc == 0)
        rc = open_repair(n, c->repair, why);
    return rc;
}

/* ZAP is asked once for each connection: so all are cut, and those who may come again do. */
void net_unbind(struct mesh_net *n, struct net_bound *b)
{
    if (b->rebind_ms == 0)
        zmq_unbind(b->socket, b->endpoint);
    conns_clear(b);
    b->rebind_ms = n->now_ms;
}

void net_bound_close(struct net_bound *b)
{
    if (b->socket != NULL)
        zmq_socket_monitor(b->socket, NULL, 0);
    close_one(&b->monitor);
    close_one(&b->socket);
    free(b->conns);
    b->conns = NULL;
}

static void rebind(struct mesh_net *n, struct net_bound *b)
{
    char why[CONFIG_WHY_MAX];
    int rc;

    if (b->rebind_ms == 0 || n->now_ms < b->rebind_ms)
        return;
    rc = bind_socket(b, why);
    /* The old listener closes on libzmq's own thread, a moment later: until then its address is in use. */
    b->rebind_ms = rc == 0 ? 0 : n->now_ms + NET_REBIND_MS;
    if (rc != 0 && rc != -EADDRINUSE)
        log_error("mesh: %s", why);
}

void net_rebind_tick(struct mesh_net *n)
{
    rebind(n, &n->publish);
    rebind(n, &n->repair);
}

/* ---- what connects to a neighbour */

static void set_client(const struct mesh_net *n, void *socket)
{
    set_common(socket);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, n->curve, KEY_BYTES);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, n->curve_secret, KEY_BYTES);
    set(socket, ZMQ_RECONNECT_IVL, NET_RECONNECT_MS);
    set(socket, ZMQ_RECONNECT_IVL_MAX, NET_RECONNECT_MAX_MS);
    set(socket, ZMQ_CONNECT_TIMEOUT, NET_HANDSHAKE_MS);
    set_message_max(socket, MESSAGE_MAX);
}

enum {
    LINK_EVENTS = ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
                  | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
};

static void open_sub(struct mesh_net *n, struct net_link *l)
{
    l->sub = zmq_socket(n->context, ZMQ_SUB);
    if (l->sub == NULL)
        return;
    set_client(n, l->sub);
    set(l->sub, ZMQ_SNDHWM, 0);        /* subscriptions count against it, and those beyond are lost without a word */
    set(l->sub, ZMQ_RCVHWM, NET_RECEIVE_HWM);
    l->sub_monitor = open_monitor(n, l->sub, LINK_EVENTS);
}

static void open_dealer(struct mesh_net *n, struct net_link *l)
{
    l->dealer = zmq_socket(n->context, ZMQ_DEALER);
    if (l->dealer == NULL)
        return;
    set_client(n, l->dealer);
    set(l->dealer, ZMQ_IMMEDIATE, 1);  /* no queue for a neighbour that is not there */
    set(l->dealer, ZMQ_SNDHWM, 16);
    set(l->dealer, ZMQ_RCVHWM, NET_RECEIVE_HWM);
    l->dealer_monitor = open_monitor(n, l->dealer, LINK_EVENTS);
}

int net_link_sockets(struct mesh_net *n, struct net_link *l)
{
    if (l->dealer_monitor != NULL && l->sub_monitor != NULL)
        return 0;
    net_link_close(l);
    open_sub(n, l);
    open_dealer(n, l);
    if (l->dealer_monitor != NULL && l->sub_monitor != NULL)
        return 0;
    net_link_close(l);
    return errno == 0 ? -EMFILE : -errno;
}

void net_link_keys(const struct net_link *l, const uint8_t own[KEY_BYTES], const uint8_t secret[KEY_BYTES], const uint8_t expected[KEY_BYTES])
{
    void *sockets[] = { l->sub, l->dealer };

    for (int i = 0; i < 2; i++) {
        zmq_setsockopt(sockets[i], ZMQ_CURVE_PUBLICKEY, own, KEY_BYTES);
        zmq_setsockopt(sockets[i], ZMQ_CURVE_SECRETKEY, secret, KEY_BYTES);
        zmq_setsockopt(sockets[i], ZMQ_CURVE_SERVERKEY, expected, KEY_BYTES);
    }
}

void net_link_close(struct net_link *l)
{
    if (l->sub != NULL)
        zmq_socket_monitor(l->sub, NULL, 0);
    if (l->dealer != NULL)
        zmq_socket_monitor(l->dealer, NULL, 0);
    close_one(&l->sub_monitor);
    close_one(&l->dealer_monitor);
    close_one(&l->sub);
    close_one(&l->dealer);
}
