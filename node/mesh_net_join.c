/* Newcomers with an invite. Their one-time key may speak to the ROUTER only, and is heard for one kind of message: it hands over a card, and the main thread decides. */
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "node/mesh_net_private.h"

static struct net_invite *find(struct mesh_net *n, const uint8_t curve[KEY_BYTES])
{
    for (size_t i = 0; i < n->invites_n; i++) {
        if (memcmp(n->invites[i].curve, curve, KEY_BYTES) == 0)
            return &n->invites[i];
    }
    return NULL;
}

/* Used ones and those just over are let in, too: they are told what is wrong. */
bool net_join_lets_in(const struct mesh_net *n, const uint8_t curve[KEY_BYTES])
{
    for (size_t i = 0; i < n->invites_n; i++) {
        if (memcmp(n->invites[i].curve, curve, KEY_BYTES) == 0)
            return n->now_s < n->invites[i].expires_s + INVITES_KEEP_S;
    }
    return false;
}

void net_join_set(struct mesh_net *n, const struct net_invite *invites, size_t count)
{
    n->invites_n = count < INVITES_MAX ? count : INVITES_MAX;
    if (n->invites_n > 0)
        memcpy(n->invites, invites, n->invites_n * sizeof *invites);
}

void net_join_ask(struct mesh_net *n, const uint8_t curve[KEY_BYTES], const struct net_routing *from, struct bytes wire)
{
    struct net_invite *invite = find(n, curve);
    struct message msg = { 0 };
    struct join_request rq = { .routing_len = from->len };

    if (invite == NULL || n->now_ms < invite->next_ms || wire.len > NET_JOIN_MAX)
        return;
    invite->next_ms = n->now_ms + NET_JOIN_MS;
    if (message_decode(wire, &msg) != 0)
        return;
    if (msg.kind == MESSAGE_JOIN) {
        memcpy(rq.curve, curve, KEY_BYTES);
        memcpy(rq.routing, from->at, from->len);
        memcpy(rq.frame, msg.u.join.record.at, msg.u.join.record.len);
        rq.frame_len = msg.u.join.record.len;
        n->handlers.join(n->handlers.ctx, &rq);
    }
    message_close(&msg);
}
