/* Members as configured: loaded with what the store holds of them, changed by a reload, purged. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_net_private.h"

struct net_peers *net_peers_copy(const struct config *c)
{
    struct net_peers *copy = malloc(sizeof *copy + c->peers_n * sizeof copy->peers[0]);

    if (copy == NULL)
        return NULL;
    copy->links = c->mesh.links;
    copy->quota = c->quota;
    copy->ttl_s = c->policy->ttl_s;
    copy->n = c->peers_n;
    if (c->peers_n > 0)
        memcpy(copy->peers, c->peers, c->peers_n * sizeof copy->peers[0]);
    return copy;
}

static size_t peer_place(const struct mesh_net *n, const uint8_t root[KEY_BYTES])
{
    size_t low = 0, high = n->peers_n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(n->peers[middle]->record.root, root, KEY_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct net_peer *net_peer(const struct mesh_net *n, const uint8_t root[KEY_BYTES])
{
    size_t i = peer_place(n, root);

    return i < n->peers_n && memcmp(n->peers[i]->record.root, root, KEY_BYTES) == 0 ? n->peers[i] : NULL;
}

/* ---- what the store holds */

struct loading {
    struct mesh_net *net;
    bool fresh_only;
    int rc;
};

static int load_record(void *ctx, const struct record *rec, struct bytes frame)
{
    struct loading *l = ctx;

    l->rc = mesh_member_key(l->net->mesh, rec, frame);
    if (l->rc == -ENOENT)
        l->rc = 0;                     /* of a member that is no longer configured */
    if (l->rc == 0)
        net_peer_record(l->net, rec);
    return l->rc;
}

static bool is_fresh(const struct mesh_net *n, const uint8_t root[KEY_BYTES])
{
    const struct net_peer *p = net_peer(n, root);

    return p != NULL && p->fresh;
}

static int load_batch(void *ctx, const struct store_batch *b)
{
    struct loading *l = ctx;
    struct store_batch_ref ref = { .floor_epoch = b->floor_epoch, .floor_seq = b->floor_seq, .time_s = b->time_s, .opinions = b->opinions };

    if (l->fresh_only && !is_fresh(l->net, b->origin))
        return 0;
    memcpy(ref.name.origin, b->origin, KEY_BYTES);
    memcpy(ref.name.hash, b->hash, HASH_BYTES);
    ref.name.epoch = b->epoch;
    ref.name.seq = b->seq;
    l->rc = mesh_held(l->net->mesh, &ref);
    if (l->rc == -ENOENT)
        l->rc = 0;
    return l->rc;
}

static int load_records(struct mesh_net *n, struct loading *l)
{
    int rc = 0;

    if (!l->fresh_only)
        rc = reader_records(n->reader, NULL, load_record, l);
    for (size_t i = 0; l->fresh_only && rc == 0 && i < n->peers_n; i++) {
        if (n->peers[i]->fresh)
            rc = reader_records(n->reader, n->peers[i]->record.root, load_record, l);
    }
    return rc != 0 ? rc : l->rc;
}

/* Before the batches: what is dead by it is not held. */
static int load_proof(void *ctx, const struct proof_row *p)
{
    struct mesh_net *n = ctx;

    mesh_proof(n->mesh, p->root, p->epoch, p->seq, p->hash[0], p->hash[1]);      /* of a member that is no longer known: nothing */
    return 0;
}

static int load(struct mesh_net *n, bool fresh_only)
{
    struct loading l = { .net = n, .fresh_only = fresh_only };
    int rc = load_records(n, &l);

    if (rc == 0)
        rc = reader_proofs(n->reader, load_proof, n);
    if (rc == 0)
        rc = reader_each_batch(n->reader, load_batch, &l);
    if (rc == 0 && l.rc == 0)
        rc = net_trust_lists(n);
    for (size_t i = 0; i < n->peers_n; i++)
        n->peers[i]->fresh = false;
    return rc != 0 ? rc : l.rc;
}

/* ---- one member more or less */

static struct net_peer *peer_add(struct mesh_net *n, const struct config_peer *c)
{
    size_t i = peer_place(n, c->record.root);
    struct net_peer **grown = realloc(n->peers, (n->peers_n + 1) * sizeof(struct net_peer *));
    struct net_peer *p = calloc(1, sizeof *p);

    if (grown != NULL)
        n->peers = grown;
    if (grown == NULL || p == NULL) {
        free(p);
        return NULL;
    }
    p->record = c->record;
    memmove(n->peers + i + 1, n->peers + i, (n->peers_n - i) * sizeof(struct net_peer *));
    n->peers[i] = p;
    n->peers_n++;
    return p;
}

/* Members beyond the most links are reached over others. */
static bool link_is_granted(struct mesh_net *n, struct net_peer *p, const struct config_peer *c)
{
    bool known = p->refused;

    p->refused = c->link && (!p->wanted || p->chosen) && n->links_n - n->chosen_n >= MESH_LINKS_MAX;
    if (!p->refused || known)
        return c->link && !p->refused;
    mesh_counted_more(n->mesh, MESH_COUNT_OVER_LINKS);
    log_warning("mesh: more than %d peers with a link: %s is reached over others; say link = false for some", MESH_LINKS_MAX, c->name);
    return false;
}

static void link_wanted(struct mesh_net *n, struct net_peer *p, bool wanted)
{
    if (p->wanted == wanted)
        return;
    p->wanted = wanted;
    if (wanted) {
        n->links_n++;
        p->link.renew = true;
    } else {
        n->links_n--;
        link_stop(n, p);
    }
}

static void set_chosen(struct mesh_net *n, struct net_peer *p, bool chosen)
{
    if (p->chosen == chosen)
        return;
    p->chosen = chosen;
    if (chosen)
        n->chosen_n++;
    else
        n->chosen_n--;
}

/* Without sockets nothing comes of it, and the core chooses another after a while. */
void net_peer_choose(struct mesh_net *n, const uint8_t root[KEY_BYTES], bool link)
{
    struct net_peer *p = net_peer(n, root);

    if (p == NULL || (!link && !p->chosen))
        return;
    if (link && net_link_sockets(n, &p->link) != 0) {
        log_warning("mesh: no sockets left for a link to %s: raise LimitNOFILE", p->given.name);
        return;
    }
    set_chosen(n, p, link);
    p->link.renew |= p->unlink;        /* back before its sockets were gone: begin afresh */
    p->unlink = !link;
    if (link)
        link_wanted(n, p, true);
}

void net_peer_unlink(struct mesh_net *n, struct net_peer *p)
{
    p->unlink = false;
    link_wanted(n, p, false);
}

static enum mesh_may may_link(const struct net_peer *p, const struct config_peer *c)
{
    if (p->introduced)
        return MESH_MAY;
    return c->choose ? MESH_MAY_FIRST : MESH_MAY_NOT;
}

/* As much of it as it is trusted; of whom the operator configured, a little in any case. Introduced ones have tau for that, so that all of a group get no more than its root. */
static uint32_t subjects_max(const struct mesh_net *n, const struct net_peer *p, const struct config_peer *c)
{
    return policy_subjects_max(n->subjects, c->trust_micro, c->subjects_max, p->introduced);
}

/* Whose root is no member here has no other group to be in. */
static void set_share(struct mesh_net *n, const struct net_peer *p, const struct config_peer *c)
{
    mesh_member_subjects(n->mesh, c->record.root, subjects_max(n, p, c));
    mesh_member_group(n->mesh, c->record.root, p->introduced ? p->trusted.group : NULL);
}

/* The sockets are made before the core speaks of subscriptions. */
static int peer_set(struct mesh_net *n, struct net_peer *p, const struct config_peer *c)
{
    bool wanted = link_is_granted(n, p, c);
    int rc = wanted ? net_link_sockets(n, &p->link) : 0;

    p->given = *c;
    if (rc == 0)
        rc = mesh_member_set(n->mesh, &c->record, (struct bytes){ c->frame, c->frame_len }, wanted);
    if (rc != 0)
        return rc;
    net_peer_record(n, &c->record);
    if (wanted) {
        set_chosen(n, p, false);
        p->link.renew |= p->unlink;
        p->unlink = false;
    }
    link_wanted(n, p, wanted || p->chosen || p->unlink);
    set_share(n, p, c);
    return mesh_member_may_link(n->mesh, c->record.root, may_link(p, c));
}

/* Its keys are cut off at once. */
static void peer_remove(struct mesh_net *n, size_t i)
{
    struct net_peer *p = n->peers[i];

    log_info("mesh: %s is no longer a member here%s", p->given.name, p->introduced ? ": no introduction gives it trust any more" : "");
    set_chosen(n, p, false);
    link_wanted(n, p, false);
    mesh_member_drop(n->mesh, p->record.root);
    if (p->admitted)
        guard_disconnect(n, p->record.root);
    n->peers_n--;
    memmove(n->peers + i, n->peers + i + 1, (n->peers_n - i) * sizeof(struct net_peer *));
    free(p);
}

/* As the core has it (member_claims_curve()), for the records that it is not asked about. */
static bool claims_curve(const struct mesh_net *n, const struct net_peer *p, const struct record *rec)
{
    if (memcmp(p->record.curve, rec->curve, KEY_BYTES) == 0)
        return false;
    for (size_t i = 0; i < n->peers_n; i++) {
        if (n->peers[i] != p && memcmp(n->peers[i]->record.curve, rec->curve, KEY_BYTES) == 0)
            return true;
    }
    return memcmp(n->curve, rec->curve, KEY_BYTES) == 0;
}

/* A record that came after its successor, as they lie in the store: its key may still be the one in use there. That counts from when its successor was named, not from the
 * newest record, which may name the same key as the one before; and what is over long since nobody came with. */
static void older_record(struct mesh_net *n, struct net_peer *p, const struct record *rec)
{
    const uint64_t newest = p->curve_serial != 0 ? p->curve_serial : p->record.serial;
    const bool same = memcmp(p->record.curve, rec->curve, KEY_BYTES) == 0;
    const uint64_t since = same && rec->serial < newest ? rec->serial : newest;
    const int64_t until_s = since < INT64_MAX / 2 ? (int64_t)since + NET_OLD_KEY_S : 0;

    if (rec->serial <= p->old_serial)
        return;
    if (same) {
        p->curve_serial = since;
        p->old_until_s = p->old_until_s < until_s ? p->old_until_s : until_s;
        return;
    }
    p->old_serial = rec->serial;
    if (until_s > n->now_s)
        keys_note_old(n, p, rec->curve, since);
}

void net_peer_record(struct mesh_net *n, const struct record *rec)
{
    struct net_peer *p = net_peer(n, rec->root);
    bool moved, rekeyed;

    if (p == NULL || rec->serial == p->record.serial || claims_curve(n, p, rec))
        return;
    if (rec->serial < p->record.serial) {
        older_record(n, p, rec);
        return;
    }
    rekeyed = memcmp(p->record.curve, rec->curve, KEY_BYTES) != 0;
    moved = strcmp(p->record.publish, rec->publish) != 0 || strcmp(p->record.repair, rec->repair) != 0;
    if (rekeyed || p->curve_serial == 0)
        p->curve_serial = rekeyed ? rec->serial : p->record.serial;
    if (rekeyed) {
        p->old_serial = p->record.serial;
        keys_note_old(n, p, p->record.curve, rec->serial);
    }
    p->record = *rec;
    if (rekeyed && p->link.state == LINK_UP)
        p->link.stale = true;          /* its sockets still have the old key; it cuts us when it takes the new one */
    else if (rekeyed || moved)
        p->link.renew = p->wanted;
    if (moved)
        p->link.renew = p->wanted;
}

/* ---- all of them */

static const struct config_peer *find_config(const struct net_peers *peers, const uint8_t root[KEY_BYTES])
{
    for (size_t i = 0; i < peers->n; i++) {
        if (memcmp(peers->peers[i].record.root, root, KEY_BYTES) == 0)
            return &peers->peers[i];
    }
    return NULL;
}

/* t: NULL for a configured member. */
static int set_one(struct mesh_net *n, const struct config_peer *c, const struct trusted *t, bool *any_fresh)
{
    struct net_peer *p = net_peer(n, c->record.root);
    bool fresh = p == NULL;
    int rc;

    if (fresh)
        p = peer_add(n, c);
    if (p == NULL)
        return -ENOMEM;
    p->fresh = fresh;
    p->introduced = t != NULL;
    if (t != NULL)
        p->trusted = *t;
    rc = peer_set(n, p, c);
    *any_fresh = *any_fresh || fresh;
    return rc;
}

static int set_all(struct mesh_net *n, const struct net_members *m, bool *any_fresh)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < m->configured->n; i++)
        rc = set_one(n, &m->configured->peers[i], NULL, any_fresh);
    for (size_t i = 0; rc == 0 && i < m->introduced_n; i++)
        rc = set_one(n, &m->introduced[i].peer, &m->introduced[i].trusted, any_fresh);
    return rc;
}

int net_peers_load(struct mesh_net *n, struct bytes own_frame)
{
    struct net_members m = { .configured = n->configured };
    struct record own;
    bool any_fresh = false;
    int rc = record_open(own_frame, &own);

    if (rc == 0)
        rc = mesh_member_set(n->mesh, &own, own_frame, false);
    if (rc == 0)
        n->own_serial = own.serial;
    if (rc == 0)
        rc = net_trust_read(n, &m);
    if (rc == 0)
        rc = set_all(n, &m, &any_fresh);
    net_trust_clear(&m);
    return rc != 0 ? rc : load(n, false);
}

/* ---- a reload */

static void change_one(struct mesh_net *n, const struct config_peer *c, const struct trusted *t, bool *any_fresh)
{
    bool known = net_peer(n, c->record.root) != NULL;
    int rc = set_one(n, c, t, any_fresh);

    if (rc != 0)
        log_error("mesh: cannot take the member %s: %s", c->name, rc == -ENOSPC ? "too many members or links" : strerror(-rc));
    else if (!known)
        log_info("mesh: %s is a member here%s", c->name, t != NULL ? ", by introduction" : "");
}

void net_peers_change(struct mesh_net *n)
{
    struct net_members m = { .configured = n->configured };
    bool any_fresh = false;
    int rc = net_trust_read(n, &m);

    if (rc != 0) {
        log_error("mesh: cannot read who is introduced: %s; members stay as they are", strerror(-rc));
        return;
    }
    for (size_t i = n->peers_n; i > 0; i--) {
        const uint8_t *root = n->peers[i - 1]->record.root;
        if (find_config(n->configured, root) == NULL && net_trust_find(&m, root) == NULL)
            peer_remove(n, i - 1);
    }
    n->core.links = n->configured->links;
    mesh_links(n->mesh, n->core.links);
    for (size_t i = 0; i < n->configured->n; i++)
        change_one(n, &n->configured->peers[i], NULL, &any_fresh);
    for (size_t i = 0; i < m.introduced_n; i++)
        change_one(n, &m.introduced[i].peer, &m.introduced[i].trusted, &any_fresh);
    net_trust_clear(&m);
    if (any_fresh && (rc = load(n, true)) != 0)
        log_error("mesh: cannot load what is stored of new members: %s; it is fetched again", strerror(-rc));
    net_tick(n);
}

/* ---- another coalition */

struct own_newest {
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len;
};

static int take_newest(void *ctx, const struct record *rec, struct bytes frame)
{
    struct own_newest *own = ctx;

    (void)rec;
    if (frame.len > sizeof own->frame)
        return 0;
    memcpy(own->frame, frame.at, frame.len);
    own->len = frame.len;
    return 1;
}

/* All connections end: they were those of the coalition before. */
static void drop_all(struct mesh_net *n)
{
    for (size_t i = 0; i < n->peers_n; i++) {
        net_link_close(&n->peers[i]->link);
        free(n->peers[i]);
    }
    n->peers_n = n->links_n = n->chosen_n = 0;
    n->allowed.n = 0;
    n->jobs_n = n->failed_n = 0;
    n->rebind_publish = n->rebind_repair = true;
}

int net_coalition(struct mesh_net *n, const char *federation)
{
    struct mesh_config core = n->core;
    struct own_newest own = { .len = 0 };
    struct mesh *fresh = NULL;
    int rc;

    log_info("mesh: a member of %s from here on, no longer of %s", federation, core.federation);
    snprintf(core.federation, sizeof core.federation, "%s", federation);
    rc = reader_records(n->reader, n->self, take_newest, &own);
    if (rc == 0 || rc == 1)
        rc = own.len == 0 ? -ENOENT : mesh_create(&core, &fresh);
    if (rc != 0)
        return rc;
    drop_all(n);
    mesh_destroy(&n->mesh);
    n->mesh = fresh;
    n->core = core;
    rc = net_peers_load(n, (struct bytes){ own.frame, own.len });
    net_tick(n);
    return rc;
}

/* What the store forgot is not held any more. A member that stays configured is known by its card, one that others introduce by the record that it had here, and begins
 * anew: the store is given that record first. */
void net_peer_purged(struct mesh_net *n, const uint8_t root[KEY_BYTES])
{
    struct net_peer *p = net_peer(n, root);

    if (p == NULL)
        return;
    mesh_member_drop(n->mesh, root);
    n->handlers.record(n->handlers.ctx, &p->given.record, (struct bytes){ p->given.frame, p->given.frame_len });     /* before its batches, which no fold can read without */
    if (mesh_member_set(n->mesh, &p->given.record, (struct bytes){ p->given.frame, p->given.frame_len }, p->wanted && !p->chosen) != 0
        || mesh_member_may_link(n->mesh, root, may_link(p, &p->given)) != 0)
        log_error("mesh: cannot begin anew with %s", p->given.name);
    set_share(n, p, &p->given);
    for (size_t i = 0; i < n->peers_n; i++) {
        if (n->peers[i]->introduced && memcmp(n->peers[i]->trusted.group, root, KEY_BYTES) == 0)
            set_share(n, n->peers[i], &n->peers[i]->given);
    }
    p->link.renew = p->wanted && !p->chosen;         /* the core may choose it again */
    net_tick(n);
}

/* ---- the own record */

void net_own_record(struct mesh_net *n, struct bytes frame)
{
    struct record own;

    if (record_open(frame, &own) != 0 || memcmp(own.root, n->self, KEY_BYTES) != 0)
        log_error("mesh: what should be this member's record is not");
    else if (mesh_member_key(n->mesh, &own, frame) != 0)
        log_error("mesh: out of memory; the new record is taken at the next restart");
    else if (own.serial > n->own_serial)
        n->own_serial = own.serial;
}

void net_own_records_again(struct mesh_net *n)
{
    struct loading l = { .net = n };

    if (reader_records(n->reader, n->self, load_record, &l) != 0 || l.rc != 0)
        log_error("mesh: cannot read this member's records");
}

void net_peers_close(struct mesh_net *n)
{
    for (size_t i = 0; i < n->peers_n; i++) {
        net_link_close(&n->peers[i]->link);
        free(n->peers[i]);
    }
    free(n->peers);
    n->peers = NULL;
    n->peers_n = 0;
    free(n->configured);
    n->configured = NULL;
}
