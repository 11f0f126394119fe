/* The way of a batch: named, looked up, verified, handed out for storing, and relayed once it is on disk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

/* A batch on its way in. */
struct arrival {
    struct bytes frame;
    struct batch_name name;
    struct member *origin, *from;
    struct batch batch;
    bool fetched;
    bool wanted;                       /* as one of a pair, whatever the author's quota */
    bool for_proof;                    /* no part of the log: wanted as one of a pair */
};

static enum taken refuse(struct mesh *m, const struct arrival *a, enum mesh_count c, const char *blame)
{
    mesh_count(m, c);
    if (blame != NULL)
        update_blame(m, a->from, blame);
    return TAKEN_USELESS;
}

static enum taken put_off(struct mesh *m, enum mesh_count c)
{
    mesh_count(m, c);
    return TAKEN_LATER;
}

static bool may_alert(struct mesh *m, int64_t *last_s)
{
    if (*last_s != 0 && m->now_s - *last_s < ALERT_S)
        return false;
    *last_s = m->now_s;
    return true;
}

/* ---- what its name tells, before the signature costs anything */

static bool epoch_is_ahead(const struct mesh *m, uint32_t epoch)
{
    return epoch > (m->now_s - EPOCH_START_S) / 60 + EPOCH_AHEAD_MIN;
}

static enum taken check_name(struct mesh *m, struct arrival *a)
{
    const struct batch_name *n = &a->name;
    size_t better;

    if (batch_peek(a->frame, &a->name) != 0 || n->seq > INT64_MAX)
        return refuse(m, a, MESH_COUNT_MALFORMED, "relayed something that is no batch");
    a->origin = mesh_member(m, n->origin);
    if (a->origin == NULL)
        return refuse(m, a, MESH_COUNT_UNKNOWN_ORIGIN, NULL);
    if (epoch_is_ahead(m, n->epoch))
        return refuse(m, a, MESH_COUNT_FUTURE, NULL);
    a->wanted = a->fetched && freeze_is_wanted(a->origin, a->from, n);
    a->for_proof = a->wanted && !a->origin->fetch.compared;
    if (log_is_dead(a->origin, n->epoch, n->seq))
        return a->for_proof ? TAKEN_NEW : refuse(m, a, bound_has(a->origin, n->epoch, n->seq) ? MESH_COUNT_QUOTA_SUBJECTS : MESH_COUNT_DEAD, NULL);
    a->for_proof = false;
    if (n->seq > freeze_at(a->origin, n->epoch))
        return refuse(m, a, MESH_COUNT_FROZEN, NULL);
    freeze_versions(log_epoch(a->origin, n->epoch), n->seq, n->hash, &better);
    if (better >= MESH_VERSIONS_MAX)
        return refuse(m, a, MESH_COUNT_DUPLICATE, NULL);
    if (log_find(log_epoch(a->origin, n->epoch), n->seq, n->hash) != NULL) {
        if (!a->fetched) {
            claim_seen(a->origin, a->from, n);
            eager_again(m, a->origin, a->from, n);
        }
        return refuse(m, a, MESH_COUNT_DUPLICATE, NULL);
    }
    return TAKEN_NEW;
}

/* ---- what its author signed */

/* The author signed something that must not be merged: its number counts as seen, so that it is not fetched again. Nor is what our clock says is over, but that may be wrong. */
static enum taken refuse_signed(struct mesh *m, const struct arrival *a, enum mesh_count c, const char *blame)
{
    const uint32_t state = c == MESH_COUNT_DEAD || c == MESH_COUNT_RECORD_ENDED ? HELD_LATE : HELD_VOID;
    struct epoch_log *e = log_epoch_make(m, a->origin, a->name.epoch);
    const struct held *versions[VERSIONS_ROOM];

    if (e == NULL)
        m->starved = true;
    else if (log_versions(e, a->name.seq, versions) == 0
             && log_add(m, a->origin, e, &(struct store_batch_ref){ .name = a->name, .time_s = m->now_s }, state) != 0)
        m->starved = true;
    bound_keep(m, a->origin);
    return refuse(m, a, c, blame);
}

static enum taken verify(struct mesh *m, struct arrival *a)
{
    const struct member_key *key = member_key(a->origin, a->name.record_serial);
    int rc;

    if (key == NULL) {
        have_want_record(m, a->origin, a->from, a->name.record_serial);
        if (!a->fetched)
            fetch_doubt(m, a->origin, a->from, a->name.epoch, a->name.seq);      /* it is asked for again when the record is here */
        return put_off(m, MESH_COUNT_UNKNOWN_KEY);
    }
    rc = batch_open_named(a->frame, &a->name, key->operational, m->config.federation, &a->batch);
    if (rc == -ENOMEM) {
        m->starved = true;
        return TAKEN_LATER;
    }
    if (rc == -EBADMSG)
        return refuse(m, a, MESH_COUNT_BAD_SIGNATURE, "relayed a batch whose signature is wrong");
    if (rc == -EXDEV)
        return refuse_signed(m, a, MESH_COUNT_FOREIGN, "relayed a batch of another federation");
    if (rc != 0)
        return refuse_signed(m, a, MESH_COUNT_MALFORMED, "relayed a signed batch that breaks the rules");
    if (a->batch.time_s < m->now_s - m->config.ttl_s)
        return refuse_signed(m, a, MESH_COUNT_DEAD, NULL);
    if (a->batch.time_s > member_key_until(m, a->origin, key) + MESH_SKEW_S)
        return refuse_signed(m, a, MESH_COUNT_RECORD_ENDED, NULL);
    return TAKEN_NEW;
}

static void note_date(struct mesh *m, const struct arrival *a)
{
    if (a->batch.time_s <= m->now_s + MESH_SKEW_S)
        return;
    mesh_count(m, MESH_COUNT_FUTURE);
    if (may_alert(m, &a->origin->clock_alert_s))
        update_alert(m, a->origin, "dates its batches more than five minutes ahead of the clock here");
}

/* Two batches with one number are kept, so that all nodes agree on the same two; the operator is told once both are on disk. */
static enum taken note_equivocation(struct mesh *m, struct arrival *a)
{
    size_t better, n = freeze_versions(log_epoch(a->origin, a->name.epoch), a->name.seq, a->name.hash, &better);

    if (n == 0)
        return TAKEN_NEW;
    if (!freeze_room(m, a->origin))
        return TAKEN_LATER;
    mesh_count(m, MESH_COUNT_EQUIVOCATION);
    if (n < MESH_VERSIONS_MAX)
        return TAKEN_NEW;
    if (n > MESH_VERSIONS_MAX || !freeze_may_replace(m, a->origin))
        return put_off(m, MESH_COUNT_OVER_VERSIONS);
    return TAKEN_NEW;
}

/* Its ancestor differs from ours: another version of that one is about. */
static void note_previous(struct mesh *m, const struct arrival *a)
{
    static const uint8_t none[HASH_BYTES];
    const struct epoch_log *e = log_epoch(a->origin, a->name.epoch);
    const struct held *versions[VERSIONS_ROOM];

    if (memcmp(a->batch.previous, none, HASH_BYTES) == 0 || log_versions(e, a->name.seq - 1, versions) == 0)
        return;
    if (log_find(e, a->name.seq - 1, a->batch.previous) == NULL)
        fetch_doubt(m, a->origin, NULL, a->name.epoch, a->name.seq - 1);
}

/* ---- in flight: handed out for storing */

void take_release(struct mesh *m, uint32_t slot)
{
    struct inflight *f = &m->inflight[slot];

    m->inflight_bytes -= f->len;
    if (f->from != NULL) {
        f->from->link.inflight--;
        f->from->link.inflight_bytes -= f->len;
    }
    free(f->frame);
    memset(f, 0, sizeof *f);
    m->free_slots[m->free_n++] = slot;
}

static struct inflight *fly(struct mesh *m, const struct arrival *a, uint32_t *slot)
{
    uint8_t *copy = malloc(a->frame.len);
    struct inflight *f;

    if (copy == NULL)
        return NULL;
    memcpy(copy, a->frame.at, a->frame.len);
    *slot = m->free_slots[--m->free_n];
    f = &m->inflight[*slot];
    *f = (struct inflight){ .origin = a->origin, .from = a->from, .frame = copy, .len = a->frame.len, .since_ms = m->now_ms };
    f->ref = (struct store_batch_ref){ .name = a->name, .opinions = (uint32_t)a->batch.opinions_n, .floor_epoch = a->batch.floor_epoch, .floor_seq = a->batch.floor_seq, .time_s = a->batch.time_s };
    m->inflight_bytes += f->len;
    a->from->link.inflight++;
    a->from->link.inflight_bytes += f->len;
    return f;
}

/* One neighbour that floods leaves room for the others. */
static bool has_room(const struct mesh *m, const struct link *l, size_t len)
{
    return m->free_n > 0 && len <= MESH_INFLIGHT_BYTES_MAX - m->inflight_bytes && l->inflight < MESH_INFLIGHT_MAX / MESH_INFLIGHT_SHARE
           && l->inflight_bytes + len <= MESH_INFLIGHT_BYTES_MAX / MESH_INFLIGHT_SHARE;
}

static enum taken hand_out(struct mesh *m, const struct arrival *a)
{
    struct epoch_log *e = log_epoch_make(m, a->origin, a->name.epoch);
    struct mesh_action *action;
    struct inflight *f;
    uint32_t slot = 0;

    if (e == NULL || (f = fly(m, a, &slot)) == NULL) {
        m->starved = true;
        return TAKEN_LATER;
    }
    /* What is fetched is old news but for the newest; those who lack it see a gap and fetch it, too. */
    f->relay = !a->fetched || a->name.seq >= e->head;
    action = update_about(m, MESH_DO_STORE, a->from);
    if (action == NULL || log_add(m, a->origin, e, &f->ref, FIRST_SLOT + slot) != 0) {
        m->starved = true;
        if (action != NULL)
            m->actions_n--;
        take_release(m, slot);
        return TAKEN_LATER;
    }
    quota_charge(m, a->origin, a->fetched, a->batch.time_s, a->frame.len, a->batch.opinions_n);
    action->frame = (struct bytes){ f->frame, f->len };
    action->batch = f->ref;
    a->origin->heard_ms = m->now_ms;
    return TAKEN_NEW;
}

static enum taken take_verified(struct mesh *m, struct arrival *a)
{
    enum taken taken;

    if (a->for_proof)
        return freeze_take(m, a->origin, &a->name, a->frame);
    note_date(m, a);
    note_previous(m, a);
    taken = note_equivocation(m, a);
    return taken == TAKEN_NEW ? hand_out(m, a) : taken;
}

enum taken take_frame(struct mesh *m, struct member *from, struct bytes frame, bool fetched)
{
    struct arrival a = { .frame = frame, .from = from, .fetched = fetched };
    enum taken taken;

    mesh_count(m, MESH_COUNT_FRAMES);
    taken = check_name(m, &a);
    if (taken != TAKEN_NEW)
        return taken;
    if (!has_room(m, &from->link, frame.len))
        return put_off(m, MESH_COUNT_DROPPED_BUSY);
    if (!a.wanted && !quota_allows(m, a.origin, fetched))
        return TAKEN_LATER;
    taken = verify(m, &a);
    if (taken == TAKEN_NEW)
        taken = take_verified(m, &a);
    if (taken == TAKEN_NEW && !fetched)
        eager_first(a.origin, &a.name);
    if (taken == TAKEN_NEW && !fetched)
        claim_raise(m, a.origin, from, &a.name);
    if (taken == TAKEN_NEW && fetched && a.origin->fetch.from != from)
        claim_kept(a.origin, from);    /* late, and no less good */
    batch_close(&a.batch);
    return taken;
}

/* ---- what the disk says */

static const struct held *held_in_flight(struct mesh *m, const struct batch_name *name, struct member **o, struct epoch_log **e)
{
    const struct held *h;

    *o = mesh_member(m, name->origin);
    *e = *o == NULL ? NULL : log_epoch(*o, name->epoch);
    h = *e == NULL ? NULL : log_find(*e, name->seq, name->hash);
    return h != NULL && h->state >= FIRST_SLOT ? h : NULL;
}

static bool publish(struct mesh *m, struct member *origin, uint8_t *frame, size_t len)
{
    struct mesh_action *a;

    if (!update_keep(m, frame))
        return false;
    a = update_add(m, MESH_DO_PUBLISH);
    if (a == NULL)
        return false;
    update_topic_of(a, origin);
    a->frame = (struct bytes){ frame, len };
    return true;
}

/* As if nothing had been sent when the bound has moved: who was sent the batch does not know what was forgotten for it here, asks for that, and compares our log with another. */
static void note_sent(const struct member *o, uint32_t epoch, uint64_t before, struct mark bound)
{
    struct epoch_log *e = log_epoch(o, epoch);       /* its own floor may have forgotten it */

    if (e != NULL && o->bound.epoch == bound.epoch && o->bound.seq == bound.seq)
        eager_sent(o, e, before);
}

void take_stored(struct mesh *m, const struct batch_name *name, bool stored)
{
    struct member *o;
    struct epoch_log *e;
    const struct held *h = held_in_flight(m, name, &o, &e);
    struct inflight f;
    struct mark bound;
    uint64_t before;
    uint32_t slot;
    bool sent = false;

    if (h == NULL)
        return;                        /* forgotten meanwhile: dead, purged, or given up */
    slot = (uint32_t)(h->state - FIRST_SLOT);
    f = m->inflight[slot];
    m->inflight[slot].frame = NULL;
    take_release(m, slot);
    before = e->version;
    bound = o->bound;
    log_settle(m, o, e, name->seq, h);
    log_stored(m, o, e, name->seq);
    if (stored) {
        mesh_count(m, MESH_COUNT_MERGED);
        disk_took(m);
    }
    if (o != m->self)
        catch_stored(m);
    if (stored && f.relay)
        sent = publish(m, o, f.frame, f.len);
    else
        free(f.frame);
    log_raise_floor(m, o, f.ref.floor_epoch, f.ref.floor_seq);
    bound_keep(m, o);
    if (sent)
        note_sent(o, name->epoch, before, bound);
    e = log_epoch(o, name->epoch);
    if (e != NULL)
        freeze_stored(m, o, e, name->seq);
    if (o == m->self && stored)
        settle_late(m, name->epoch);
}

/* It is missing again for a reason of our own: what may be asked for just now must not look as if a neighbour lacked it. */
static void give_up(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq, const struct held *h)
{
    struct fetch *f = &o->fetch;

    if (f->from != NULL && f->epoch == e->epoch && f->lowest <= seq && seq <= f->highest)
        f->blocked = true;
    log_remove(m, o, e, seq, h);
    claims_unbar(o, e->epoch);
    mesh_count(m, MESH_COUNT_STORE_FAILED);
    disk_refused(m);
    mesh_plan(m, o, m->now_ms + RETRY_MAX_MS);
}

void take_failed(struct mesh *m, const struct batch_name *name)
{
    struct member *o;
    struct epoch_log *e;
    const struct held *h = held_in_flight(m, name, &o, &e);

    if (h != NULL)
        give_up(m, o, e, name->seq, h);
}

void take_expire(struct mesh *m)
{
    for (size_t i = 0; m->free_n < MESH_INFLIGHT_MAX && i < MESH_INFLIGHT_MAX; i++) {
        const struct inflight *f = &m->inflight[i];
        if (f->origin != NULL && m->now_ms - f->since_ms >= MESH_STORE_TIMEOUT_MS) {
            const struct batch_name name = f->ref.name;
            take_failed(m, &name);
        }
    }
}

/* ---- own batches */

/* 0, or -ENOMEM. */
static int hold_own(struct mesh *m, const struct own_lost *own)
{
    const struct batch_name *name = &own->name;
    struct epoch_log *e;

    if (log_is_dead(m->self, name->epoch, name->seq))
        return 0;
    e = log_epoch_make(m, m->self, name->epoch);
    if (e == NULL)
        return -ENOMEM;
    if (log_find(e, name->seq, name->hash) == NULL && log_add(m, m->self, e, &(struct store_batch_ref){ .name = *name, .time_s = own->time_s }, HELD_STORED) != 0)
        return -ENOMEM;
    log_stored(m, m->self, e, name->seq);
    return 0;
}

/* It is on disk, and others fetch it from there as soon as they are told of it: so it is remembered, and held when there is memory again. */
static void lose_own(struct mesh *m, const struct own_lost *own)
{
    m->starved = true;
    if (m->own_lost_n < OWN_LOST_MAX)
        m->own_lost[m->own_lost_n++] = *own;
}

void take_own_again(struct mesh *m)
{
    while (m->own_lost_n > 0 && hold_own(m, &m->own_lost[m->own_lost_n - 1]) == 0)
        m->own_lost_n--;
}

/* Verified like any other: what others would refuse must not leave. */
void take_own(struct mesh *m, const struct batch_name *name, struct bytes frame)
{
    const struct member_key *key = member_key(m->self, name->record_serial);
    const struct own_lost own = { *name, m->now_s };
    const struct epoch_log *e = log_epoch(m->self, name->epoch);
    const uint64_t before = e == NULL ? 0 : e->version;
    const struct mark bound = m->self->bound;
    struct batch b = { 0 };
    uint8_t *copy;
    int rc = key == NULL ? -EBADMSG : batch_open(frame, key->operational, m->config.federation, &b);

    if (rc != 0 && rc != -ENOMEM) {
        update_alert(m, m->self, "an own batch does not verify with this member's record and is not published");
        return;
    }
    if (rc != 0 || hold_own(m, &own) != 0)
        lose_own(m, &own);
    m->own_epoch = name->epoch > m->own_epoch ? name->epoch : m->own_epoch;
    m->self->heard_ms = m->now_ms;
    if (rc != 0)
        return;
    log_raise_floor(m, m->self, b.floor_epoch, b.floor_seq);
    bound_keep(m, m->self);
    batch_close(&b);
    copy = malloc(frame.len);
    if (copy == NULL) {
        m->starved = true;
        return;
    }
    memcpy(copy, frame.at, frame.len);
    if (publish(m, m->self, copy, frame.len))
        note_sent(m->self, name->epoch, before, bound);
}
