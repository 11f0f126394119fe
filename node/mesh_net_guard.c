/* A member that asks too much of us. Its key is good, so only we can refuse it: for a while that grows, so that a fault mends itself and malice costs little. */
#include <stdio.h>

#include "node/mesh_net_private.h"

bool guard_is_cut(const struct mesh_net *n, const struct net_peer *p)
{
    return n->now_ms < p->cut_until_ms;
}

static int64_t next_pause(const struct mesh_net *n, const struct net_peer *p)
{
    if (p->cut_ms == 0 || n->now_ms - p->cut_until_ms > NET_CUT_FORGET_MS)
        return NET_CUT_MS;
    return p->cut_ms * 2 < NET_CUT_MAX_MS ? p->cut_ms * 2 : NET_CUT_MAX_MS;
}

void guard_disconnect(struct mesh_net *n, const uint8_t root[KEY_BYTES])
{
    conns_cut(n, &n->publish, root);
    conns_cut(n, &n->repair, root);
}

/* The links are looked at in the same turn, so that nobody is told of it in the midst of a step. */
void guard_pause(struct mesh_net *n, struct net_peer *p, int64_t ms, const char *text)
{
    if (guard_is_cut(n, p))
        return;
    p->cut_until_ms = n->now_ms + ms;
    p->routing.len = 0;
    log_warning("mesh: %s %s: cut off for %lld s", p->given.name, text, (long long)ms / 1000);
    snprintf(p->cut_problem, sizeof p->cut_problem, "cut off for a while: it %.90s", text);
    p->link.renew = p->wanted;
    guard_disconnect(n, p->record.root);
}

void guard_cut(struct mesh_net *n, struct net_peer *p, const char *text)
{
    if (guard_is_cut(n, p))
        return;
    p->cut_ms = next_pause(n, p);
    p->bad++;
    guard_pause(n, p, p->cut_ms, text);
}

/* libzmq keeps what is asked for as long as the asker is connected, whether we take it up or not. */
static void keep_topics_bounded(struct mesh_net *n, size_t bytes)
{
    n->topic_bytes += bytes;
    if (n->topic_bytes < NET_TOPIC_BYTES_MAX || (n->topic_bytes_ms != 0 && n->now_ms - n->topic_bytes_ms < NET_TOPICS_MS))
        return;
    log_info("mesh: members asked for many topics that are not known here: connections are made anew");
    n->topic_bytes = 0;
    n->topic_bytes_ms = n->now_ms;
    n->rebind_publish = true;
}

static void begin_window(const struct mesh_net *n, struct net_peer *p)
{
    if (p->topics_ms != 0 && n->now_ms - p->topics_ms < NET_TOPICS_MS)
        return;
    p->topics_ms = n->now_ms;
    p->topics_bad = 0;
    p->topics_unknown = 0;
}

void guard_topic_bad(struct mesh_net *n, struct net_peer *p, size_t bytes)
{
    keep_topics_bounded(n, bytes);
    begin_window(n, p);
    if (++p->topics_bad > NET_TOPICS_BAD_MAX)
        guard_cut(n, p, "subscribed to topics that do not exist");
}

void guard_topic_unknown(struct mesh_net *n, struct net_peer *p, size_t bytes)
{
    keep_topics_bounded(n, bytes);
    begin_window(n, p);
    if (++p->topics_unknown > NET_TOPICS_UNKNOWN_MAX)
        guard_cut(n, p, "subscribed to too many topics");
}
