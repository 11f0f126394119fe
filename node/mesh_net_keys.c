/* New CURVE keys, ours and those of others. Nobody can reach whom it expects under another key, so both keys live side by side for a while.
 *
 * Ours: the sockets keep the key before until the neighbours say in their Have that they hold the record that names the new one. While no neighbour can be reached at
 * all the two take turns: after a start nobody knows which of them the others expect.
 * Theirs: a connection that stands is kept. The key before is good for connecting until the new one is used, then whoever came with the old one is cut. */
#include <string.h>
#include <zmq.h>

#include "node/mesh_net_private.h"

/* ---- ours */

static void use(struct mesh_net *n, const struct net_key *key)
{
    memcpy(n->curve, key->public_half, KEY_BYTES);
    memcpy(n->curve_secret, key->secret, KEY_BYTES);
    zmq_setsockopt(n->publish.socket, ZMQ_CURVE_SECRETKEY, n->curve_secret, KEY_BYTES);
    zmq_setsockopt(n->repair.socket, ZMQ_CURVE_SECRETKEY, n->curve_secret, KEY_BYTES);
    n->rebind_publish = true;
    n->rebind_repair = true;
    for (size_t i = 0; i < n->peers_n; i++)
        n->peers[i]->link.renew = n->peers[i]->wanted;
}

static bool in_use(const struct mesh_net *n, const struct net_key *key)
{
    return memcmp(n->curve, key->public_half, KEY_BYTES) == 0;
}

void keys_change(struct mesh_net *n, const struct net_key *fresh)
{
    struct net_key old;

    if (in_use(n, fresh) && !n->change.under_way)
        return;
    if (!n->change.under_way) {
        memcpy(old.public_half, n->curve, KEY_BYTES);
        memcpy(old.secret, n->curve_secret, KEY_BYTES);
        n->change.before = old;
    }
    n->change.under_way = true;
    n->change.fresh = *fresh;
    n->change.since_ms = n->change.turn_ms = n->now_ms;
    log_info("mesh: new CURVE key: it comes into use when the neighbours know it");
}

struct count {
    size_t wanted, up, know;
};

/* A neighbour that only connects to us counts as well: it expects our key, too. */
static struct count count_neighbours(const struct mesh_net *n)
{
    struct count c = { 0 };

    for (size_t i = 0; i < n->peers_n; i++) {
        const struct net_peer *p = n->peers[i];
        bool up = p->link.state == LINK_UP || n->now_s - p->heard_s < NET_KEY_HEARD_S;
        c.wanted += up || (p->wanted && p->link.state != LINK_OFF);
        c.up += up;
        c.know += up && mesh_serial_known(n->mesh, p->record.root) >= n->own_serial;
    }
    return c;
}

static bool is_time(const struct mesh_net *n, struct count c)
{
    int64_t waited_ms = n->now_ms - n->change.since_ms;

    if (c.know == c.wanted)
        return true;
    if (c.know > 0 && c.know == c.up)
        return waited_ms >= NET_KEY_AWAY_MS;
    return c.know > 0 && waited_ms >= NET_KEY_MS;
}

static void finish(struct mesh_net *n)
{
    if (!in_use(n, &n->change.fresh))
        use(n, &n->change.fresh);
    log_info("mesh: the new CURVE key is in use");
    explicit_bzero(&n->change, sizeof n->change);
    if (n->handlers.keys_in_use != NULL)
        n->handlers.keys_in_use(n->handlers.ctx);
}

static void change_tick(struct mesh_net *n)
{
    struct count c;

    if (!n->change.under_way)
        return;
    c = count_neighbours(n);
    if (is_time(n, c)) {
        finish(n);
        return;
    }
    if (c.up > 0)
        n->change.turn_ms = n->now_ms;
    if (n->now_ms - n->change.turn_ms < NET_KEY_TURN_MS)
        return;
    n->change.turn_ms = n->now_ms;
    use(n, in_use(n, &n->change.fresh) ? &n->change.before : &n->change.fresh);
}

/* ---- theirs */

bool keys_old_is_good(const struct mesh_net *n, const struct net_peer *p)
{
    return p->has_old && n->now_s < p->old_until_s;
}

void keys_note_old(struct mesh_net *n, struct net_peer *p, const uint8_t curve[KEY_BYTES], uint64_t serial)
{
    const int64_t until_s = serial < INT64_MAX / 2 ? (int64_t)serial + NET_OLD_KEY_S : 0;

    p->has_old = true;
    p->old_until_s = until_s < n->now_s + NET_OLD_KEY_S ? until_s : n->now_s + NET_OLD_KEY_S;
    memcpy(p->old_curve, curve, KEY_BYTES);
}

void keys_new_was_used(struct mesh_net *n, struct net_peer *p)
{
    if (p->has_old && p->old_until_s > n->now_s + NET_OLD_KEY_GRACE_S)
        p->old_until_s = n->now_s + NET_OLD_KEY_GRACE_S;
}

const uint8_t *keys_to_expect(const struct mesh_net *n, const struct net_peer *p)
{
    return p->link.expect_old && keys_old_is_good(n, p) ? p->old_curve : p->record.curve;
}

static void old_tick(struct mesh_net *n, struct net_peer *p)
{
    if (!p->has_old || n->now_s < p->old_until_s)
        return;
    log_info("mesh: the old CURVE key of %s is cut", p->given.name);
    p->has_old = false;
    p->link.expect_old = false;
    guard_disconnect(n, p->record.root);         /* with the new key it comes again */
}

void keys_tick(struct mesh_net *n)
{
    if (n->now_ms - n->keys_ms < NET_STATE_MS)
        return;
    n->keys_ms = n->now_ms;
    for (size_t i = 0; i < n->peers_n; i++)
        old_tick(n, n->peers[i]);
    change_tick(n);
}
