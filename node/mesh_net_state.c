/* The snapshot for status, and what is said of a neighbour's troubles. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_net_private.h"

void net_problem(struct net_peer *p, const char *text)
{
    if (strcmp(p->problem, text) == 0)
        return;
    snprintf(p->problem, sizeof p->problem, "%s", text);
    log_warning("mesh: %s (%s): %s", p->given.name, p->record.repair, text);
}

static void fill_peer(const struct mesh_net *n, const struct net_peer *p, struct mesh_net_peer *out)
{
    struct mesh_log_state log;
    struct mesh_conduct conduct;
    int64_t cut_ms = p->cut_until_ms - n->now_ms;

    memcpy(out->name, p->given.name, sizeof out->name);
    memcpy(out->root, p->record.root, KEY_BYTES);
    memcpy(out->endpoint, p->record.publish, sizeof out->endpoint);
    out->link = p->wanted;
    out->introduced = p->introduced;
    out->unaware = keys_unaware(n, p);
    out->trusted = p->trusted;
    out->connected = p->link.state == LINK_UP;
    out->connected_s = p->connected_s;
    out->heard_s = p->heard_s;
    out->batches = p->batches;
    out->bad = p->bad;
    out->throttled = p->throttled;
    out->record_expires_s = p->record.not_after_s;
    out->record_serial = p->record.serial;
    out->left = record_is_farewell(&p->record);
    /* Why it is cut off is what the operator must know, whatever happens to the connection meanwhile. */
    memcpy(out->problem, guard_is_cut(n, p) ? p->cut_problem : p->problem, sizeof out->problem);
    out->paused_until_s = cut_ms > 0 ? n->now_s + cut_ms / 1000 : 0;
    if (mesh_conduct(n->mesh, p->record.root, &conduct) == 0) {
        out->penalty = (double)conduct.penalty_milli / 1000;
        out->over_quota = conduct.over_quota;
        out->over_subjects = conduct.over_subjects;
    }
    if (mesh_log_state(n->mesh, p->record.root, &log) == 0) {
        out->head = log.head;
        out->epoch = log.epoch;
        out->behind = log.missing;
    }
}

static int by_name(const void *a, const void *b)
{
    const struct mesh_net_peer *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : memcmp(x->root, y->root, KEY_BYTES);
}

void net_state_tick(struct mesh_net *n)
{
    struct mesh_net_state s = { .settled = mesh_settled(n->mesh), .bytes_in = n->bytes_in, .bytes_out = n->bytes_out, .zap_denied = n->zap_denied, .throttled = n->throttled };
    struct mesh_net_peer *old;

    mesh_catching(n->mesh, &s.catching);
    if (n->state_ms != 0 && n->now_ms - n->state_ms < NET_STATE_MS)
        return;
    n->state_ms = n->now_ms;
    s.peers = calloc(n->peers_n + 1, sizeof *s.peers);
    if (s.peers == NULL)
        return;
    s.peers_n = n->peers_n;
    for (size_t i = 0; i < n->peers_n; i++)
        fill_peer(n, n->peers[i], &s.peers[i]);
    qsort(s.peers, s.peers_n, sizeof *s.peers, by_name);
    for (int c = 0; c < MESH_COUNTS; c++)
        s.counts[c] = mesh_counted(n->mesh, (enum mesh_count)c);
    pthread_mutex_lock(&n->state_lock);
    old = n->state.peers;
    n->state = s;
    pthread_mutex_unlock(&n->state_lock);
    free(old);
}

int mesh_net_state(struct mesh_net *n, struct mesh_net_state *out)
{
    struct mesh_net_peer *copy;
    int rc = 0;

    pthread_mutex_lock(&n->state_lock);
    copy = calloc(n->state.peers_n + 1, sizeof *copy);
    if (copy == NULL) {
        rc = -ENOMEM;
    } else {
        if (n->state.peers_n > 0)
            memcpy(copy, n->state.peers, n->state.peers_n * sizeof *copy);
        *out = n->state;
        out->peers = copy;
    }
    pthread_mutex_unlock(&n->state_lock);
    return rc;
}
