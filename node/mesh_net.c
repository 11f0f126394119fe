#include "node/mesh_net.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#include "node/mesh_net_private.h"

static int64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void read_clocks(struct mesh_net *n)
{
    n->now_ms = clock_ms();
    n->now_s = (int64_t)time(NULL);
}

/* ---- what other threads say */

static void input_drop(void *item)
{
    struct net_input *in = item;

    free(in->frame);
    free(in->peers);
    free(in->resolved);
    policy_destroy(&in->policy);
}

/* The thread takes all that waits at each turn, so a full box is empty in a moment. What is said here must not be lost. */
static void put(struct mesh_net *n, struct net_input *in)
{
    const struct timespec moment = { .tv_nsec = 1000000 };

    while (!atomic_load(&n->stopping)) {
        if (mailbox_put(n->inputs, in) == 0)
            return;
        nanosleep(&moment, NULL);
    }
    input_drop(in);
}

void mesh_net_stored(struct mesh_net *n, const struct batch_name *name, int rc)
{
    put(n, &(struct net_input){ .kind = NET_STORED, .name = *name, .rc = rc });
}

void mesh_net_own(struct mesh_net *n, const struct batch_name *name, uint8_t *frame, size_t len)
{
    put(n, &(struct net_input){ .kind = NET_OWN, .name = *name, .frame = frame, .len = len });
}

static void key_of(const struct identity *id, struct net_key *out)
{
    memcpy(out->public_half, identity_curve(id), KEY_BYTES);
    memcpy(out->secret, identity_curve_secret(id), KEY_BYTES);
}

int mesh_net_identity(struct mesh_net *n, const struct identity *id, struct bytes own_frame)
{
    struct net_input in = { .kind = NET_IDENTITY, .len = own_frame.len };

    in.frame = malloc(own_frame.len + 1);
    if (in.frame == NULL)
        return -ENOMEM;
    memcpy(in.frame, own_frame.at, own_frame.len);
    key_of(id, &in.key);
    put(n, &in);
    explicit_bzero(&in.key, sizeof in.key);
    return 0;
}

int mesh_net_reload(struct mesh_net *n, const struct config *c)
{
    struct net_input in = { .kind = NET_PEERS, .peers = net_peers_copy(c), .policy = policy_copy(c->policy) };

    if (in.peers == NULL || in.policy == NULL) {
        input_drop(&in);
        return -ENOMEM;
    }
    put(n, &in);
    return 0;
}

void mesh_net_trusted(struct mesh_net *n)
{
    put(n, &(struct net_input){ .kind = NET_TRUST });
}

int mesh_net_introductions(struct mesh_net *n, const uint8_t introducer[KEY_BYTES], struct bytes frame)
{
    struct net_input in = { .kind = NET_INTRODUCTIONS, .frame = frame.len > 0 ? malloc(frame.len) : NULL, .len = frame.len };

    if (frame.len > 0 && in.frame == NULL)
        return -ENOMEM;
    if (frame.len > 0)
        memcpy(in.frame, frame.at, frame.len);
    memcpy(in.root, introducer, KEY_BYTES);
    put(n, &in);
    return 0;
}

int mesh_net_invites(struct mesh_net *n, const struct net_invite *invites, size_t count)
{
    struct net_input in = { .kind = NET_INVITES, .frame = malloc(count * sizeof *invites + 1), .len = count * sizeof *invites };

    if (in.frame == NULL)
        return -ENOMEM;
    memcpy(in.frame, invites, in.len);
    put(n, &in);
    return 0;
}

void mesh_net_joined(struct mesh_net *n, const uint8_t *routing, size_t routing_len, struct bytes message)
{
    struct net_input in = { .kind = NET_JOINED, .frame = malloc(1 + JOIN_ROUTING_MAX + message.len), .len = 1 + JOIN_ROUTING_MAX + message.len };

    if (in.frame == NULL || routing_len > JOIN_ROUTING_MAX) {
        free(in.frame);
        return;                        /* it asks again */
    }
    in.frame[0] = (uint8_t)routing_len;
    memcpy(in.frame + 1, routing, routing_len);
    memcpy(in.frame + 1 + JOIN_ROUTING_MAX, message.at, message.len);
    put(n, &in);
}

void mesh_net_purged(struct mesh_net *n, const uint8_t root[KEY_BYTES])
{
    struct net_input in = { .kind = NET_PURGED };

    memcpy(in.root, root, KEY_BYTES);
    put(n, &in);
}

/* Its record may have been renewed a moment ago; then the store has it already. */
static void on_own(struct mesh_net *n, const struct net_input *in)
{
    if (in->name.record_serial > n->own_serial) {
        n->own_serial = in->name.record_serial;
        net_own_records_again(n);
    }
    net_step(n, &(struct mesh_event){ .kind = MESH_OWN, .name = &in->name, .bytes = { in->frame, in->len } });
}

/* Those that are configured, into what a core begins with. */
static void put_bounds(struct mesh_net *n, struct mesh_config *mc)
{
    const struct net_peers *c = n->configured;

    mc->ttl_s = c->ttl_s;
    mc->quota_day[MESH_QUOTA_BATCHES] = c->quota.batches;
    mc->quota_day[MESH_QUOTA_BYTES] = c->quota.bytes;
    mc->quota_day[MESH_QUOTA_OPINIONS] = c->quota.opinions;
    n->subjects = (uint64_t)c->quota.subjects;
}

static void on_peers(struct mesh_net *n, struct net_input *in)
{
    int rc = reader_set_policy(n->reader, in->policy);

    if (rc != 0)
        log_error("mesh: cannot read by the new policy: %s", strerror(-rc));
    free(n->configured);
    n->configured = in->peers;
    in->peers = NULL;
    put_bounds(n, &n->core);
    mesh_quota(n->mesh, n->core.quota_day, n->core.ttl_s);
    if (strcmp(in->policy->federation, n->core.federation) == 0)
        net_peers_change(n);
    else if ((rc = net_coalition(n, in->policy->federation)) != 0)
        log_error("mesh: cannot begin anew in %s: %s; restart this node", in->policy->federation, strerror(-rc));
}

/* Own ones that are on disk now; or, without a frame, ones that could not be stored. */
static void on_introductions(struct mesh_net *n, const struct net_input *in)
{
    if (in->len == 0)
        mesh_introductions_drop(n->mesh, in->root);
    else if (mesh_introductions(n->mesh, (struct bytes){ in->frame, in->len }) != 0)
        log_error("mesh: cannot take the introductions of this member; they are told after the next restart");
    net_tick(n);
}

/* On a thread of the resolver. Without memory the name is asked for again later. */
static void say_resolved(void *ctx, const struct resolved *answer)
{
    struct mesh_net *n = ctx;
    struct resolved *copy = malloc(sizeof *copy);

    if (copy == NULL)
        return;
    *copy = *answer;
    put(n, &(struct net_input){ .kind = NET_RESOLVED, .resolved = copy });
}

static void on_resolved(struct mesh_net *n, const struct resolved *answer)
{
    for (size_t i = 0; i < n->peers_n; i++)
        link_resolved(n, n->peers[i], answer);
}

static void on_invites(struct mesh_net *n, const struct net_input *in)
{
    struct net_invite invites[INVITES_MAX];
    size_t count = in->len / sizeof *invites;

    count = count < INVITES_MAX ? count : INVITES_MAX;
    if (count > 0)
        memcpy(invites, in->frame, count * sizeof *invites);
    net_join_set(n, invites, count);
}

/* Holds the coalition's secret: nothing of it stays behind. */
static void on_joined(struct mesh_net *n, const struct net_input *in)
{
    struct net_routing to = { .len = in->frame[0] };
    int rc;

    memcpy(to.at, in->frame + 1, to.len);
    net_answer(n, &to, (struct bytes){ in->frame + 1 + JOIN_ROUTING_MAX, in->len - 1 - JOIN_ROUTING_MAX }, &rc);
    explicit_bzero(in->frame, in->len);
}

static void on_input(struct mesh_net *n, struct net_input *in)
{
    switch (in->kind) {
    case NET_STORED:
        net_step(n, &(struct mesh_event){ .kind = in->rc == 0 || in->rc == -EEXIST ? MESH_STORED : MESH_STORE_FAILED, .name = &in->name,
                                          .stored = in->rc == 0 });
        break;
    case NET_OWN:
        on_own(n, in);
        break;
    case NET_IDENTITY:
        net_own_record(n, (struct bytes){ in->frame, in->len });
        keys_change(n, &in->key);
        explicit_bzero(&in->key, sizeof in->key);
        break;
    case NET_PEERS:
        on_peers(n, in);
        break;
    case NET_TRUST:
        net_peers_change(n);
        break;
    case NET_INVITES:
        on_invites(n, in);
        break;
    case NET_JOINED:
        on_joined(n, in);
        break;
    case NET_INTRODUCTIONS:
        on_introductions(n, in);
        break;
    case NET_PURGED:
        net_peer_purged(n, in->root);
        break;
    case NET_RESOLVED:
        on_resolved(n, in->resolved);
        break;
    case NET_STOP:
        n->running = false;
        break;
    }
    input_drop(in);
}

static void take_inputs(struct mesh_net *n)
{
    size_t count;
    struct net_input *in = mailbox_take(n->inputs, &count);

    for (size_t i = 0; i < count; i++)
        on_input(n, &in[i]);
}

/* ---- the loop */

enum { ITEM_INPUTS, ITEM_ZAP, ITEM_PUBLISH, ITEM_REPAIR, ITEM_PUBLISH_MONITOR, ITEM_REPAIR_MONITOR, ITEMS_FIXED, ITEMS_PER_PEER = 4 };
enum { ITEM_SUB, ITEM_DEALER, ITEM_SUB_MONITOR, ITEM_DEALER_MONITOR };

struct poll_set {
    zmq_pollitem_t items[ITEMS_FIXED + ITEMS_PER_PEER * MESH_LINKS_MAX];
    struct net_peer *peers[MESH_LINKS_MAX];
    size_t peers_n;
};

static void poll_fill(struct mesh_net *n, struct poll_set *s)
{
    s->items[ITEM_INPUTS] = (zmq_pollitem_t){ .fd = mailbox_fd(n->inputs), .events = ZMQ_POLLIN };
    s->items[ITEM_ZAP] = (zmq_pollitem_t){ .socket = n->zap, .events = ZMQ_POLLIN };
    s->items[ITEM_PUBLISH] = (zmq_pollitem_t){ .socket = n->publish.socket, .events = ZMQ_POLLIN };
    s->items[ITEM_REPAIR] = (zmq_pollitem_t){ .socket = n->repair.socket, .events = ZMQ_POLLIN };
    s->items[ITEM_PUBLISH_MONITOR] = (zmq_pollitem_t){ .socket = n->publish.monitor, .events = ZMQ_POLLIN };
    s->items[ITEM_REPAIR_MONITOR] = (zmq_pollitem_t){ .socket = n->repair.monitor, .events = ZMQ_POLLIN };
    s->peers_n = 0;
    for (size_t i = 0; i < n->peers_n && s->peers_n < MESH_LINKS_MAX; i++) {
        struct net_peer *p = n->peers[i];
        zmq_pollitem_t *at = &s->items[ITEMS_FIXED + ITEMS_PER_PEER * s->peers_n];
        if (p->link.sub == NULL)
            continue;
        at[ITEM_SUB] = (zmq_pollitem_t){ .socket = p->link.sub, .events = budget_is_ready(n, p, NET_BUDGET_SUB) ? ZMQ_POLLIN : 0 };
        at[ITEM_DEALER] = (zmq_pollitem_t){ .socket = p->link.dealer, .events = budget_is_ready(n, p, NET_BUDGET_DEALER) ? ZMQ_POLLIN : 0 };
        at[ITEM_SUB_MONITOR] = (zmq_pollitem_t){ .socket = p->link.sub_monitor, .events = ZMQ_POLLIN };
        at[ITEM_DEALER_MONITOR] = (zmq_pollitem_t){ .socket = p->link.dealer_monitor, .events = ZMQ_POLLIN };
        s->peers[s->peers_n++] = p;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static long wait_ms(const struct mesh_net *n)
{
    int64_t at = earlier(n->wake_ms, n->state_ms + NET_STATE_MS);

    if (serve_is_ready(n))
        return 0;
    if (n->jobs_n > 0)
        at = earlier(at, n->serve_retry_ms);
    if (n->publish.cut_check_ms != 0)
        at = earlier(at, n->publish.cut_check_ms);
    if (n->repair.cut_check_ms != 0)
        at = earlier(at, n->repair.cut_check_ms);
    if (n->publish.rebind_ms != 0)
        at = earlier(at, n->publish.rebind_ms);
    if (n->repair.rebind_ms != 0)
        at = earlier(at, n->repair.rebind_ms);
    for (size_t i = 0; i < n->peers_n; i++)
        at = earlier(earlier(at, link_wake_ms(n->peers[i])), budget_wake_ms(n, n->peers[i]));
    return at <= n->now_ms ? 0 : (long)(at - n->now_ms);
}

/* Inputs may end links, so they come last in a turn. */
static void receive_all(struct mesh_net *n, const struct poll_set *s)
{
    if (s->items[ITEM_ZAP].revents != 0)
        net_receive_zap(n);
    if (s->items[ITEM_PUBLISH_MONITOR].revents != 0)
        conns_read(&n->publish);
    if (s->items[ITEM_REPAIR_MONITOR].revents != 0)
        conns_read(&n->repair);
    if (s->items[ITEM_PUBLISH].revents != 0)
        net_receive_subscriptions(n);
    if (s->items[ITEM_REPAIR].revents != 0)
        net_receive_asks(n);
    for (size_t i = 0; i < s->peers_n; i++) {
        const zmq_pollitem_t *at = &s->items[ITEMS_FIXED + ITEMS_PER_PEER * i];
        if (at[ITEM_SUB_MONITOR].revents != 0)
            link_monitor(n, s->peers[i], true);
        if (at[ITEM_DEALER_MONITOR].revents != 0)
            link_monitor(n, s->peers[i], false);
        if (at[ITEM_SUB].revents != 0)
            net_receive_sub(n, s->peers[i]);
        if (at[ITEM_DEALER].revents != 0)
            net_receive_dealer(n, s->peers[i]);
    }
    take_inputs(n);
}

static void cut_and_bind(struct mesh_net *n)
{
    if (n->rebind_publish)
        net_unbind(n, &n->publish);
    if (n->rebind_repair)
        net_unbind(n, &n->repair);
    n->rebind_publish = false;
    n->rebind_repair = false;
    conns_tick(n, &n->publish);
    conns_tick(n, &n->repair);
    net_rebind_tick(n);
}

static void turn(struct mesh_net *n, struct poll_set *s)
{
    poll_fill(n, s);
    if (zmq_poll(s->items, (int)(ITEMS_FIXED + ITEMS_PER_PEER * s->peers_n), wait_ms(n)) < 0 && errno != EINTR) {
        log_error("mesh: cannot wait for the sockets: %s", zmq_strerror(errno));
        n->running = false;
        return;
    }
    read_clocks(n);
    receive_all(n, s);
    serve_turn(n);
    for (size_t i = 0; i < n->peers_n; i++)
        link_tick(n, n->peers[i]);
    if (n->now_ms >= n->wake_ms)
        net_tick(n);
    keys_tick(n);
    cut_and_bind(n);
    net_state_tick(n);
}

static void *run(void *ctx)
{
    struct mesh_net *n = ctx;
    struct poll_set set;

    read_clocks(n);
    net_tick(n);
    while (n->running)
        turn(n, &set);
    atomic_store(&n->stopping, true);
    return NULL;
}

/* ---- start and stop */

static int open_core(struct mesh_net *n, const struct config *c)
{
    struct mesh_config mc = { .caught_up = !c->policy->catching_up };

    put_bounds(n, &mc);
    mc.links = c->mesh.links;
    memcpy(mc.self, n->self, KEY_BYTES);
    snprintf(mc.federation, sizeof mc.federation, "%s", c->federation);
    if (getrandom(&mc.seed, sizeof mc.seed, 0) != sizeof mc.seed)
        return -EIO;
    n->core = mc;
    return mesh_create(&mc, &n->mesh);
}

static int open_all(struct mesh_net *n, const struct config *c, struct bytes own_frame, char *why)
{
    int rc;

    n->configured = net_peers_copy(c);
    rc = n->configured == NULL ? -ENOMEM : net_bind_all(n, &c->mesh, why);

    if (rc == 0)
        rc = open_core(n, c);
    if (rc == 0)
        rc = reader_open(c->database, c->policy, &n->reader, why);
    if (rc == 0) {
        snprintf(why, CONFIG_WHY_MAX, "cannot load the members' logs from %.900s", c->database);
        rc = net_peers_load(n, own_frame);
    }
    if (rc == -EBADMSG)
        snprintf(why, CONFIG_WHY_MAX, "%.900s is damaged: restore a copy of it, or move it away and let the mesh refill a new one", c->database);
    return rc;
}

static int start_thread(struct mesh_net *n)
{
    sigset_t all, old;
    int rc;

    /* Signals are for the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    n->running = true;
    rc = pthread_create(&n->thread, NULL, run, n);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -rc;
}

static void close_socket(void *socket)
{
    if (socket != NULL)
        zmq_close(socket);
}

static void destroy(struct mesh_net *n)
{
    resolver_destroy(&n->resolver);
    net_peers_close(n);
    net_bound_close(&n->publish);
    net_bound_close(&n->repair);
    close_socket(n->zap);
    if (n->context != NULL)
        zmq_ctx_term(n->context);
    mesh_destroy(&n->mesh);
    reader_close(&n->reader);
    mailbox_destroy(&n->inputs, input_drop);
    free(n->allowed.keys);
    free(n->jobs);
    free(n->failed);
    free(n->state.peers);
    pthread_mutex_destroy(&n->state_lock);
    explicit_bzero(n->curve_secret, sizeof n->curve_secret);
    explicit_bzero(&n->change, sizeof n->change);
    explicit_bzero(n->left, sizeof n->left);
    free(n);
}

/* With a key before it, that one is in use until the neighbours know the new one. */
static void take_keys(struct mesh_net *n, const struct identity *id)
{
    bool changing = identity_curve_before(id) != NULL;
    const struct curve_left *left;

    n->left_n = identity_left(id, &left);
    memcpy(n->left, left, n->left_n * sizeof n->left[0]);
    memcpy(n->curve, changing ? identity_curve_before(id) : identity_curve(id), KEY_BYTES);
    memcpy(n->curve_secret, changing ? identity_curve_before_secret(id) : identity_curve_secret(id), KEY_BYTES);
    n->change.under_way = n->change.from_start = changing;
    n->change.since_ms = n->change.turn_ms = n->now_ms;
    key_of(id, &n->change.fresh);
    memcpy(n->change.before.public_half, n->curve, KEY_BYTES);
    memcpy(n->change.before.secret, n->curve_secret, KEY_BYTES);
}

int mesh_net_start(const struct config *c, const struct identity *id, struct bytes own_frame, const struct mesh_net_handlers *h,
                   struct mesh_net **out, char *why)
{
    struct mesh_net *n = calloc(1, sizeof *n);
    int rc = -ENOMEM;

    snprintf(why, CONFIG_WHY_MAX, "out of memory");
    if (n == NULL)
        return rc;
    pthread_mutex_init(&n->state_lock, NULL);
    n->handlers = *h;
    read_clocks(n);
    memcpy(n->self, identity_root(id), KEY_BYTES);
    take_keys(n, id);
    n->inputs = mailbox_create(sizeof(struct net_input), NET_INPUTS_MAX);
    n->resolver = resolver_create(say_resolved, n);
    n->jobs = calloc(SERVE_JOBS_MAX, sizeof *n->jobs);
    if (n->inputs != NULL && n->resolver != NULL && n->jobs != NULL)
        rc = open_all(n, c, own_frame, why);
    if (rc == 0)
        rc = start_thread(n);
    if (rc != 0) {
        destroy(n);
        return rc;
    }
    *out = n;
    return 0;
}

void mesh_net_stop(struct mesh_net **np)
{
    struct mesh_net *n = *np;

    if (n == NULL)
        return;
    put(n, &(struct net_input){ .kind = NET_STOP });
    pthread_join(n->thread, NULL);
    destroy(n);
    *np = NULL;
}
