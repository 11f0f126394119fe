/* New CURVE keys, ours and those of others. Nobody can reach whom it expects under another key, so both keys live side by side for a while.
 *
 * Ours: the sockets keep the key before until the neighbours say in their Have that they hold the record that names the new one. While no neighbour can be reached at
 * all the two take turns: after a start nobody knows which of them the others expect.
 * Who was away meanwhile knows the key before alone, and perhaps has nobody else to hear of the new one. It is offered that key, by our client's sockets to it and there
 * only, until it has heard. That gives nothing to a thief of that key: who has not heard of the new one takes the old one from anybody in any case.
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
    for (size_t i = 0; i < n->peers_n; i++) {
        n->peers[i]->link.renew = n->peers[i]->wanted;
        n->peers[i]->link.offer = 0;
    }
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
    n->change.from_start = false;
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
        return waited_ms >= (n->change.from_start ? NET_KEY_BACK_MS : NET_KEY_AWAY_MS);
    return c.know > 0 && waited_ms >= NET_KEY_MS;
}

static void say_in_use(struct mesh_net *n, enum net_keys what)
{
    if (n->handlers.keys_in_use != NULL)
        n->handlers.keys_in_use(n->handlers.ctx, what);
}

static void leave(struct mesh_net *n, const struct net_key *key)
{
    n->left_n += n->left_n < IDENTITY_LEFT_MAX;
    memmove(n->left + 1, n->left, (n->left_n - 1) * sizeof n->left[0]);
    memcpy(n->left[0].public_half, key->public_half, KEY_BYTES);
    memcpy(n->left[0].secret, key->secret, KEY_BYTES);
    n->left[0].left_s = n->now_s;
}

static void finish(struct mesh_net *n)
{
    if (!in_use(n, &n->change.fresh))
        use(n, &n->change.fresh);
    leave(n, &n->change.before);
    explicit_bzero(&n->change, sizeof n->change);
    log_info("mesh: the new CURVE key is in use");
    for (size_t i = 0; i < n->peers_n; i++) {
        if (keys_unaware(n, n->peers[i]))
            log_info("mesh: %s has not heard of it yet: it is told when it is there, by the key before", n->peers[i]->given.name);
    }
    say_in_use(n, NET_KEYS_LEFT);
    n->keys_ms = n->now_ms - NET_STATE_MS;       /* all may have heard: then that key is forgotten now */
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

/* ---- ours before it */

bool keys_unaware(const struct mesh_net *n, const struct net_peer *p)
{
    return n->left_n > 0 && p->wanted && mesh_serial_known(n->mesh, p->record.root) < n->own_serial;
}

void keys_for_link(const struct mesh_net *n, const struct net_peer *p)
{
    const struct net_link *l = &p->link;
    const struct curve_left *left = l->offer > 0 && l->offer <= n->left_n ? &n->left[l->offer - 1] : NULL;

    net_link_keys(l, left != NULL ? left->public_half : n->curve, left != NULL ? left->secret : n->curve_secret, keys_to_expect(n, p));
}

/* All of them within one back-off, a moment apart: what the monitors still say of the last try is not taken for this one's. */
void keys_refused(struct mesh_net *n, struct net_peer *p)
{
    struct net_link *l = &p->link;

    l->offer = keys_unaware(n, p) && l->offer < n->left_n ? l->offer + 1 : 0;
    if (l->offer > 0)
        l->retry_ms = n->now_ms + NET_BACKOFF_MS;
}

static void forget_left(struct mesh_net *n)
{
    log_info("mesh: the CURVE key before is forgotten: all neighbours know the new one");
    explicit_bzero(n->left, sizeof n->left);
    n->left_n = 0;
    say_in_use(n, NET_KEYS_HEARD);
}

/* It may have been wrong until it was set, as for a while after a start: a key that is gone does not come back. */
static bool clock_is_believed(struct mesh_net *n)
{
    const int64_t start_s = n->now_s - n->now_ms / 1000, off_s = start_s - n->clock_start_s;

    if (n->clock_since_ms == 0 || off_s > MESH_SKEW_S || off_s < -MESH_SKEW_S)
        n->clock_since_ms = n->now_ms;
    n->clock_start_s = start_s;
    return n->now_ms - n->clock_since_ms >= NET_CLOCK_STEADY_MS;
}

/* Left long ago; or some day that is yet to come: then the clock was ahead when that was noted, or it is behind for good. */
static bool is_any_over(const struct mesh_net *n)
{
    for (size_t i = 0; i < n->left_n; i++) {
        if (n->left[i].left_s > n->now_s || n->now_s - n->left[i].left_s >= IDENTITY_LEFT_S)
            return true;
    }
    return false;
}

/* Each goes as its own time is over, from here and from the file. Who was offered one of them is offered those that stay from the newest on. */
static void end_left(struct mesh_net *n)
{
    const size_t before = n->left_n;
    bool any;

    if (!clock_is_believed(n) || !is_any_over(n))
        return;
    n->left_n = curve_left_end(n->left, n->left_n, n->now_s, &any);
    say_in_use(n, NET_KEYS_OVER);
    if (n->left_n == before)
        return;
    log_info("mesh: a CURVE key before is forgotten: who knows this member by no later one needs its card");
    for (size_t i = 0; i < n->peers_n; i++) {
        struct net_link *l = &n->peers[i]->link;
        l->renew |= l->offer > 0 && n->peers[i]->wanted;
        l->offer = 0;
    }
}

/* Somebody expects another key than ours at our sockets: it may be one that is back, and libzmq tries it a minute later only. Or a stranger: so each try gets its time. */
static void look_for_unaware(struct mesh_net *n)
{
    if (!n->repair.misled || n->now_ms < n->repair.misled_ms)
        return;
    n->repair.misled = false;
    n->repair.misled_ms = n->now_ms + NET_MISLED_MS;
    for (size_t i = 0; i < n->peers_n; i++) {
        if (keys_unaware(n, n->peers[i]) && n->peers[i]->link.state == LINK_TRYING)
            link_kick(n, n->peers[i]);
    }
}

static void left_tick(struct mesh_net *n)
{
    size_t wanted = 0, unaware = 0;

    look_for_unaware(n);
    for (size_t i = 0; i < n->peers_n; i++) {
        struct net_link *l = &n->peers[i]->link;
        bool is = keys_unaware(n, n->peers[i]);
        wanted += n->peers[i]->wanted;
        unaware += is;
        if (l->offer > 0 && l->state == LINK_UP && !is) {
            l->offer = 0;
            l->renew = true;
        }
    }
    if (n->left_n > 0 && !n->change.under_way && wanted > 0 && unaware == 0)
        forget_left(n);
    end_left(n);
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
    left_tick(n);
}
