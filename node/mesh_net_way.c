/* The way to one endpoint of a neighbour: its name resolved, its addresses tried in turn.
 *
 * libzmq goes on trying the one address that it was given. Here the next one is tried when that takes too long, and the name is resolved anew, less and less often,
 * for as long as there is no connection: a host that moved is found without anybody's help. While name servers are silent the addresses known before stay in use. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "node/mesh_net_private.h"

/* The host of tcp://HOST:PORT. False: it is an address, or no endpoint. */
static bool host_name(const char *endpoint, char host[NAME_MAX_BYTES + 1])
{
    const char *at = endpoint + strlen("tcp://"), *end = strrchr(endpoint, ':');
    struct in_addr addr;

    if (strncmp(endpoint, "tcp://", strlen("tcp://")) != 0 || end == NULL || end <= at || *at == '[' || end - at > NAME_MAX_BYTES)
        return false;
    snprintf(host, NAME_MAX_BYTES + 1, "%.*s", (int)(end - at), at);
    return inet_pton(AF_INET, host, &addr) != 1;
}

static void drop(struct net_way *w, void *socket)
{
    if (w->connected)
        zmq_disconnect(socket, w->at[w->turn]);
    w->connected = false;
}

static int try_address(const struct mesh_net *n, struct net_way *w, void *socket, size_t turn)
{
    drop(w, socket);
    w->turn = turn;
    w->since_ms = n->now_ms;
    w->connected = zmq_connect(socket, w->at[turn]) == 0;
    return w->connected ? 0 : -errno;
}

int way_start(struct mesh_net *n, struct net_way *w, void *socket, const char *endpoint)
{
    char host[NAME_MAX_BYTES + 1];

    way_stop(w, socket);
    *w = (struct net_way){ .since_ms = n->now_ms };
    snprintf(w->endpoint, sizeof w->endpoint, "%s", endpoint);
    if (host_name(endpoint, host))
        return resolver_ask(n->resolver, host);
    if (strlen(endpoint) >= sizeof w->at[0])
        return -EINVAL;
    snprintf(w->at[0], sizeof w->at[0], "%s", endpoint);
    w->n = 1;
    return try_address(n, w, socket, 0);
}

void way_stop(struct net_way *w, void *socket)
{
    drop(w, socket);
    w->n = 0;
}

bool way_has_name(const struct net_way *w)
{
    char host[NAME_MAX_BYTES + 1];

    return host_name(w->endpoint, host);
}

void way_again(struct mesh_net *n, const struct net_way *w)
{
    char host[NAME_MAX_BYTES + 1];

    if (host_name(w->endpoint, host))
        resolver_ask(n->resolver, host);         /* too many names wait: the next time, then */
}

/* ---- an answer */

static size_t place_of(const struct net_way *w, const char *at)
{
    for (size_t i = 0; i < w->n; i++) {
        if (strcmp(w->at[i], at) == 0)
            return i;
    }
    return w->n;
}

static void take(struct net_way *w, const struct resolved *answer)
{
    const char *port = strrchr(w->endpoint, ':');

    w->n = answer->n;
    for (size_t i = 0; i < answer->n; i++) {
        const char *addr = answer->addrs[i];
        snprintf(w->at[i], sizeof w->at[i], strchr(addr, ':') != NULL ? "tcp://[%s]%s" : "tcp://%s%s", addr, port);
    }
}

bool way_resolved(struct mesh_net *n, struct net_way *w, void *socket, const struct resolved *answer)
{
    char host[NAME_MAX_BYTES + 1], before[NET_ADDRESS_BYTES] = "";
    size_t same;

    if (!host_name(w->endpoint, host) || strcmp(host, answer->host) != 0)
        return false;
    if (answer->n == 0)
        return w->n == 0;
    if (w->connected)
        memcpy(before, w->at[w->turn], sizeof before);
    take(w, answer);
    same = place_of(w, before);
    if (same < w->n) {
        w->turn = same;
        return false;
    }
    if (before[0] != '\0') {
        zmq_disconnect(socket, before);
        w->connected = false;
        log_info("mesh: %s has moved to %s", w->endpoint, w->at[0]);
    }
    return try_address(n, w, socket, 0) != 0;
}

void way_tick(const struct mesh_net *n, struct net_way *w, void *socket)
{
    if (w->n > 1 && n->now_ms - w->since_ms >= NET_ADDRESS_MS)
        try_address(n, w, socket, (w->turn + 1) % w->n);
}

int64_t way_wake_ms(const struct net_way *w)
{
    return w->n > 1 ? w->since_ms + NET_ADDRESS_MS : INT64_MAX;
}
