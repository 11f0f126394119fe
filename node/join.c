/* A newcomer with an invite: its card becomes a peer. On the main thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/daemon_parts.h"
#include "node/invites_file.h"
#include "node/log.h"
#include "node/peers_file.h"

enum { JOIN_LOG_MS = 5000 };

/* Sent once the newcomer's key is let in: it connects at once. */
struct join_answer {
    uint8_t routing[JOIN_ROUTING_MAX];
    size_t routing_len;
    bool begun;                                  /* the reload under way has read what was written for it */
};

void join_load_invites(struct daemon *d)
{
    struct mesh_net *mesh = atomic_load(&d->mesh);
    struct invite_entry *all = calloc(INVITES_MAX, sizeof *all);
    struct net_invite open[INVITES_MAX] = { { .next_ms = 0 } };
    size_t n = 0;
    int rc = all == NULL ? -ENOMEM : invites_load(d->config->invites_file, daemon_now_s(), all, &n);

    if (rc != 0)
        log_error("invites: cannot read %s: %s; nobody can join", d->config->invites_file, rc == -EINVAL ? "it is not what `hearsay invite` wrote" : strerror(-rc));
    for (size_t i = 0; i < n; i++) {
        memcpy(open[i].curve, all[i].curve, KEY_BYTES);
        open[i].expires_s = all[i].expires_s;
    }
    if (mesh != NULL && mesh_net_invites(mesh, open, n) != 0)
        log_error("invites: out of memory; nobody can join");
    free(all);
}

static void send_answer(struct daemon *d, const uint8_t *routing, size_t routing_len, const struct message *msg)
{
    struct mesh_net *mesh = atomic_load(&d->mesh);
    uint8_t *wire = NULL;
    size_t len = 0;

    if (mesh != NULL && message_encode(msg, &wire, &len) == 0)
        mesh_net_joined(mesh, routing, routing_len, (struct bytes){ wire, len });
    if (wire != NULL)
        explicit_bzero(wire, len);               /* the coalition's secret */
    free(wire);
}

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void refuse(struct daemon *d, const uint8_t *routing, size_t routing_len, const char *why)
{
    struct message msg = { .kind = MESSAGE_JOINED };

    msg.u.joined.refused = text_bytes(why);
    send_answer(d, routing, routing_len, &msg);
}

static void accept_newcomer(struct daemon *d, const uint8_t *routing, size_t routing_len)
{
    struct message msg = { .kind = MESSAGE_JOINED };

    msg.u.joined.record = (struct bytes){ d->record_frame, d->record_len };
    msg.u.joined.federation = text_bytes(d->config->federation);
    msg.u.joined.secret = text_bytes(d->config->secret);
    send_answer(d, routing, routing_len, &msg);
}

/* ---- */

static const struct config_peer *peer_of(const struct config *c, const uint8_t *root, const char *name)
{
    for (size_t i = 0; i < c->peers_n; i++) {
        if (root != NULL ? memcmp(c->peers[i].record.root, root, KEY_BYTES) == 0 : strcmp(c->peers[i].name, name) == 0)
            return &c->peers[i];
    }
    return NULL;
}

/* One that is not its own would make the configuration an error. */
static bool takes_curve(const struct daemon *d, const struct record *r)
{
    if (memcmp(r->curve, identity_curve(d->identity), KEY_BYTES) == 0)
        return true;
    for (size_t i = 0; i < d->config->peers_n; i++) {
        const struct record *other = &d->config->peers[i].record;
        if (memcmp(other->root, r->root, KEY_BYTES) != 0 && memcmp(other->curve, r->curve, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

/* What stands against it, before the invite is spent. NULL: nothing. */
static const char *objection(const struct daemon *d, const struct record *r)
{
    const struct config_peer *by_name = peer_of(d->config, NULL, r->name);

    if (memcmp(r->root, identity_root(d->identity), KEY_BYTES) == 0)
        return "this is the inviter's own key";
    if (r->not_after_s <= daemon_now_s())
        return "your record is over: look at your clock";
    if (takes_curve(d, r))
        return "your record names another member's CURVE key";
    if (strcmp(r->name, d->config->name) == 0 || (by_name != NULL && memcmp(by_name->record.root, r->root, KEY_BYTES) != 0))
        return "another member has your name here: choose another, or let it be removed there";
    return NULL;
}

static const char *use_text(int rc)
{
    return rc == -ENOENT ? "no such invite"
         : rc == -ETIME ? "this invite has run out"
         : rc == -EEXIST ? "this invite was used already, by another key: if that was not you, tell the inviter at once"
         : rc == -EACCES ? "this invite is for another name"
                         : "the inviter's node cannot write its invites";
}

static int add_peer(struct daemon *d, const struct record *r, struct bytes frame, const struct invite_entry *e, bool *changed)
{
    const struct config_peer *known = peer_of(d->config, r->root, NULL);
    char card[CARD_MAX];
    int rc = known != NULL ? 0 : card_encode(frame, card, sizeof card);

    *changed = known == NULL || (strcmp(e->share, "0") != 0 && known->introduce_milli == 0);
    if (!*changed)
        return 0;                                /* it asks again, and nothing is new */
    if (rc == 0 && known == NULL)
        rc = peers_file_add(d->config->peers_file, r->name, card, e->trust, true);
    if (rc == -EEXIST)                           /* written a moment ago, and not in force yet */
        rc = 0;
    if (rc == 0 && strcmp(e->share, "0") != 0)
        rc = peers_file_introduce(d->config->peers_file, known != NULL ? known->name : r->name, e->share, "never");
    return rc;
}

static void wait_for_reload(struct daemon *d, const struct join_request *rq)
{
    struct join_answer *a;

    if (d->joins_n == DAEMON_JOINS_MAX) {
        refuse(d, rq->routing, rq->routing_len, "too many join at this moment; try again");
        return;
    }
    if (d->joins == NULL && (d->joins = calloc(DAEMON_JOINS_MAX, sizeof *d->joins)) == NULL)
        return;
    a = &d->joins[d->joins_n++];
    *a = (struct join_answer){ .routing_len = rq->routing_len };
    memcpy(a->routing, rq->routing, rq->routing_len);
    reload_begin(d, NULL);
}

/* Who holds an invite can ask four times a second. */
static void log_refused(struct daemon *d, const char *name, const char *fingerprint, const char *why)
{
    int64_t now_ms = daemon_now_ms();

    if (d->join_logged_ms != 0 && now_ms - d->join_logged_ms < JOIN_LOG_MS)
        return;
    d->join_logged_ms = now_ms;
    log_warning("join: %s (%s) with an invite of this node: %s", name, fingerprint, why);
}

void join_take(struct daemon *d, const struct join_request *rq)
{
    struct record r;
    struct invite_entry e;
    char fingerprint[FINGERPRINT_MAX];
    const char *why;
    bool changed = false;
    int rc;

    if (record_open((struct bytes){ rq->frame, rq->frame_len }, &r) != 0) {
        refuse(d, rq->routing, rq->routing_len, "your card does not verify");
        return;
    }
    why = objection(d, &r);
    rc = why != NULL ? 0 : invites_use(d->config->invites_file, daemon_now_s(), rq->curve, r.root, r.name, &e);
    if (why == NULL && rc != 0)
        why = use_text(rc);
    if (why == NULL && (rc = add_peer(d, &r, (struct bytes){ rq->frame, rq->frame_len }, &e, &changed)) != 0)
        why = "the inviter's node cannot write its peers; try again when that is mended";
    record_fingerprint(r.root, fingerprint);
    if (why != NULL) {
        log_refused(d, r.name, fingerprint, why);
        refuse(d, rq->routing, rq->routing_len, why);
        return;
    }
    if (!changed) {
        accept_newcomer(d, rq->routing, rq->routing_len);
        return;
    }
    log_info("join: %s joined by invite, trust %s; its fingerprint is %s: compare it over the telephone", r.name, e.trust, fingerprint);
    wait_for_reload(d, rq);
}

void join_reload_begun(struct daemon *d)
{
    for (size_t i = 0; i < d->joins_n; i++)
        d->joins[i].begun = true;
}

void join_reload_done(struct daemon *d, bool taken)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->joins_n; i++) {
        if (!d->joins[i].begun)
            d->joins[kept++] = d->joins[i];
        else if (taken)
            accept_newcomer(d, d->joins[i].routing, d->joins[i].routing_len);
        else
            refuse(d, d->joins[i].routing, d->joins[i].routing_len, "the inviter's configuration has an error; try again when that is mended");
    }
    d->joins_n = kept;
}
