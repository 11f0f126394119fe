/* Who is connected to a socket that we bound, by descriptor, so that one member can be cut and all others stay.
 *
 * libzmq has no call for that (only for SERVER and PEER sockets, which are drafts). But it tells a monitor each descriptor that it accepts, and each message the
 * descriptor that it came over; and a connection that shutdown(2) ended is to libzmq one that the other side closed. A descriptor may have been closed and given
 * out anew meanwhile: so only one with our port at its near end is touched, and the worst that happens is that a member connects again.
 * Who has said nothing yet may be anybody: such connections are cut along. What does not end so is ended by unbind and bind, with all others. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

#include "node/mesh_net_private.h"

static struct net_conn *find(const struct net_bound *b, int fd)
{
    for (size_t i = 0; i < b->conns_n; i++) {
        if (b->conns[i].fd == fd)
            return &b->conns[i];
    }
    return NULL;
}

static struct net_conn *make(struct net_bound *b, int fd)
{
    struct net_conn *c = find(b, fd);
    size_t room = b->conns_room == 0 ? 64 : b->conns_room * 2;

    if (c == NULL && b->conns_n == b->conns_room) {
        struct net_conn *grown = realloc(b->conns, room * sizeof *grown);
        if (grown == NULL) {
            b->blind = true;           /* the next cut is one of all */
            return NULL;
        }
        b->conns = grown;
        b->conns_room = room;
    }
    if (c == NULL)
        c = &b->conns[b->conns_n++];
    *c = (struct net_conn){ .fd = fd };
    return c;
}

static void on_event(struct net_bound *b, uint16_t event, int32_t fd)
{
    struct net_conn *c = find(b, fd);

    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
        b->misled = true;              /* its number is the kind of error and no descriptor */
    else if (event == ZMQ_EVENT_ACCEPTED)
        make(b, fd);
    else if (c != NULL)
        *c = b->conns[--b->conns_n];
}

void conns_read(struct net_bound *b)
{
    for (int i = 0; i < NET_CONNS_EVENTS_MAX; i++) {
        uint8_t head[6];
        char endpoint[ENDPOINT_MAX_BYTES + 1];
        uint16_t event;
        int32_t fd;
        if (b->monitor == NULL || zmq_recv(b->monitor, head, sizeof head, ZMQ_DONTWAIT) != sizeof head)
            return;
        zmq_recv(b->monitor, endpoint, sizeof endpoint, 0);
        memcpy(&event, head, sizeof event);
        memcpy(&fd, head + sizeof event, sizeof fd);
        on_event(b, event, fd);
    }
}

bool conns_note(struct net_bound *b, zmq_msg_t *msg, const uint8_t root[KEY_BYTES])
{
    const char *text = zmq_msg_gets(msg, "__fd");
    struct net_conn *c = text == NULL ? NULL : find(b, atoi(text));

    if (c == NULL && text != NULL) {
        conns_read(b);
        c = find(b, atoi(text));
    }
    if (c == NULL || (c->known && memcmp(c->root, root, KEY_BYTES) == 0))
        return false;
    c->known = true;
    memcpy(c->root, root, KEY_BYTES);
    return true;
}

static bool is_ours(const struct net_bound *b, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } near_end;
    socklen_t len = sizeof near_end;
    const char *port = strrchr(b->endpoint, ':');

    if (port == NULL || getsockname(fd, &near_end.any, &len) != 0)
        return false;
    if (near_end.any.sa_family == AF_INET6)
        return ntohs(near_end.v6.sin6_port) == strtoul(port + 1, NULL, 10);
    return near_end.any.sa_family == AF_INET && ntohs(near_end.v4.sin_port) == strtoul(port + 1, NULL, 10);
}

void conns_cut(struct mesh_net *n, struct net_bound *b, const uint8_t root[KEY_BYTES])
{
    if (b->monitor == NULL || b->blind) {
        net_unbind(n, b);
        return;
    }
    conns_read(b);
    for (size_t i = 0; i < b->conns_n; i++) {
        struct net_conn *c = &b->conns[i];
        if (c->known && memcmp(c->root, root, KEY_BYTES) != 0)
            continue;
        c->cut = true;
        b->cut_check_ms = n->now_ms + NET_CUT_CHECK_MS;
        if (is_ours(b, c->fd))
            shutdown(c->fd, SHUT_RDWR);
    }
}

void conns_clear(struct net_bound *b)
{
    conns_read(b);
    b->conns_n = 0;
    b->blind = false;
    b->cut_check_ms = 0;
}

void conns_tick(struct mesh_net *n, struct net_bound *b)
{
    if (b->cut_check_ms == 0 || n->now_ms < b->cut_check_ms)
        return;
    b->cut_check_ms = 0;
    conns_read(b);
    for (size_t i = 0; i < b->conns_n; i++) {
        if (!b->conns[i].cut)
            continue;
        log_info("mesh: a connection to %s does not end: all are made anew", b->option);
        net_unbind(n, b);
        return;
    }
}
