/* Equivocation: two batches of one (origin, epoch, seq). The two with the highest hashes are the proof. What an origin said in that epoch above the lowest such number
 * is dead, whenever it came: a function of the set of batches that are known, so that all honest nodes come to hold the same. A lower number, or higher hashes, take the
 * place of what was known before: both only ever go one way. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

/* ---- what is frozen */

static size_t place_of(const struct member *o, uint32_t epoch)
{
    size_t i = 0;

    while (i < o->frozen_n && o->frozen[i].epoch < epoch)
        i++;
    return i;
}

const struct frozen *freeze_of(const struct member *o, uint32_t epoch)
{
    size_t i = place_of(o, epoch);

    return i < o->frozen_n && o->frozen[i].epoch == epoch ? &o->frozen[i] : NULL;
}

uint64_t freeze_at(const struct member *o, uint32_t epoch)
{
    const struct frozen *f = freeze_of(o, epoch);

    return f != NULL ? f->seq : UINT64_MAX;
}

void freeze_name(const struct frozen *f, uint8_t out[FROZEN_HASH_BYTES])
{
    memcpy(out, f->hash[0], HEAD_HASH_BYTES);
    memcpy(out + HEAD_HASH_BYTES, f->hash[1], HEAD_HASH_BYTES);
}

/* One of the two that are named would take the place of one that is known here. */
static bool is_better(const struct frozen *f, const uint8_t named[FROZEN_HASH_BYTES])
{
    for (size_t i = 0; i < MESH_VERSIONS_MAX; i++) {
        const uint8_t *hash = named + i * HEAD_HASH_BYTES;
        if (memcmp(hash, f->hash[0], HEAD_HASH_BYTES) != 0 && memcmp(hash, f->hash[1], HEAD_HASH_BYTES) > 0)
            return true;
    }
    return false;
}

bool freeze_room(struct mesh *m, struct member *o)
{
    if (o->frozen == NULL)
        o->frozen = calloc(MESH_PROOFS_MAX, sizeof *o->frozen);
    m->starved |= o->frozen == NULL;
    return o->frozen != NULL;
}

/* Epochs below the newest MESH_PROOFS_MAX that are frozen are dead as a whole: so that what is kept is bounded, and still the same for all. */
static struct frozen *insert(struct mesh *m, struct member *o, uint32_t epoch)
{
    size_t i = place_of(o, epoch);

    if (epoch < o->proofs_from)
        return NULL;
    if (o->frozen == NULL)
        return NULL;                   /* freeze_room() comes first */
    if (o->frozen_n == MESH_PROOFS_MAX) {
        if (i == 0)
            return NULL;
        mesh_count(m, MESH_COUNT_OVER_PROOFS);
        memmove(o->frozen, o->frozen + 1, (o->frozen_n - 1) * sizeof *o->frozen);
        o->frozen_n--;
        i--;
    }
    memmove(o->frozen + i + 1, o->frozen + i, (o->frozen_n - i) * sizeof *o->frozen);
    memset(&o->frozen[i], 0, sizeof o->frozen[i]);
    o->frozen[i].epoch = epoch;
    o->frozen[i].seq = UINT64_MAX;
    o->frozen_n++;
    if (o->frozen_n == MESH_PROOFS_MAX && o->frozen[0].epoch > o->proofs_from)
        o->proofs_from = o->frozen[0].epoch;
    return &o->frozen[i];
}

/* True when it was better than one of the two. */
static bool keep_hash(struct frozen *f, const uint8_t hash[HELD_HASH_BYTES])
{
    if (memcmp(hash, f->hash[0], HELD_HASH_BYTES) == 0 || memcmp(hash, f->hash[1], HELD_HASH_BYTES) <= 0)
        return false;
    memcpy(f->hash[1], hash, HELD_HASH_BYTES);
    if (memcmp(f->hash[1], f->hash[0], HELD_HASH_BYTES) > 0) {
        memcpy(f->hash[1], f->hash[0], HELD_HASH_BYTES);
        memcpy(f->hash[0], hash, HELD_HASH_BYTES);
    }
    return true;
}

/* ---- what follows from it */

static void alert(struct mesh *m, struct member *o, const struct frozen *f)
{
    char text[MESH_TEXT_MAX];

    if (o->equivocation_alert_s != 0 && m->now_s - o->equivocation_alert_s < ALERT_S)
        return;
    o->equivocation_alert_s = m->now_s;
    snprintf(text, sizeof text, "signed two different batches with one number, %" PRIu32 "/%" PRIu64 ": a restored backup, or malice; see hearsay proofs", f->epoch, f->seq);
    update_alert(m, o, text);
}

/* What is dead announces no floor: it is that of the batches that live. */
static void lower_floor(struct mesh *m, struct member *o)
{
    struct mark floor = { 0, 0 };

    if (o == m->self)
        return;                        /* our own is what the store says */
    for (size_t i = 0; i < o->epochs_n; i++) {
        struct log_walk w = { .e = o->epochs[i] };
        const struct held *h;
        while ((h = log_next(&w)) != NULL) {
            if (h->state == HELD_STORED && mark_is_above(w.floor, floor.epoch, floor.seq))
                floor = w.floor;
        }
    }
    o->floor = floor;
}

/* Versions at the frozen number that are not of the two. */
static void drop_others(struct mesh *m, struct member *o, struct epoch_log *e, const struct frozen *f)
{
    const struct held *versions[VERSIONS_ROOM];
    bool again = true;

    while (again) {
        size_t n = log_versions(e, f->seq, versions);
        again = false;
        for (size_t i = 0; i < n && !again; i++) {
            if (versions[i]->state != HELD_STORED || memcmp(versions[i]->hash, f->hash[0], HELD_HASH_BYTES) == 0
                || memcmp(versions[i]->hash, f->hash[1], HELD_HASH_BYTES) == 0)
                continue;
            log_remove(m, o, e, f->seq, versions[i]);
            again = true;              /* the log has changed */
        }
    }
}

static void carry_through(struct mesh *m, struct member *o, struct frozen *f)
{
    struct epoch_log *e = log_epoch(o, f->epoch);

    f->version = mesh_changed(m, o);
    if (e != NULL) {
        log_cut_above(m, o, e, f->seq);
        drop_others(m, o, e, f);
        e->version = m->version;
    }
    lower_floor(m, o);
    log_trim(m, o);
    bound_again(m, o);
    if (o == m->self)
        settle_late(m, f->epoch);
}

static struct frozen *set(struct mesh *m, struct member *o, uint32_t epoch, uint64_t seq, const uint8_t *a, const uint8_t *b)
{
    struct frozen *f = (struct frozen *)(uintptr_t)freeze_of(o, epoch);
    bool changed;

    if (f != NULL && seq > f->seq)
        return NULL;
    if (f == NULL)
        f = insert(m, o, epoch);
    if (f == NULL)
        return NULL;
    if (seq < f->seq)
        memset(f->hash, 0, sizeof f->hash);
    changed = seq < f->seq;
    f->seq = seq;
    changed |= keep_hash(f, a);
    changed |= keep_hash(f, b);
    if (!changed)
        return NULL;
    alert(m, o, f);
    carry_through(m, o, f);
    return f;
}

static bool tell_store(struct mesh *m, const struct member *o, uint32_t epoch, uint64_t seq, struct bytes a, struct bytes b)
{
    struct mesh_action *action = update_add(m, MESH_DO_PROOF);

    if (action == NULL)
        return false;
    memcpy(action->origin, o->root, KEY_BYTES);
    action->batch.name.epoch = epoch;
    action->batch.name.seq = seq;
    action->frame = a;
    action->second = b;
    return true;
}

/* What there was no memory for is told at a later step. */
void freeze_tick(struct mesh *m)
{
    if (!m->proofs_untold)
        return;
    m->proofs_untold = false;
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        for (size_t j = 0; j < o->frozen_n; j++) {
            if (o->frozen[j].untold)
                o->frozen[j].untold = !tell_store(m, o, o->frozen[j].epoch, o->frozen[j].seq, (struct bytes){ 0 }, (struct bytes){ 0 });
            m->proofs_untold |= o->frozen[j].untold;
        }
    }
}

/* ---- how it comes to be known */

void freeze_stored(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq)
{
    const struct held *versions[VERSIONS_ROOM];
    uint8_t hashes[VERSIONS_ROOM][HELD_HASH_BYTES];
    size_t n = log_versions(e, seq, versions), stored = 0;
    uint32_t epoch = e->epoch;
    struct frozen *f = NULL;

    for (size_t i = 0; i < n; i++) {
        if (versions[i]->state == HELD_STORED)
            memcpy(hashes[stored++], versions[i]->hash, HELD_HASH_BYTES);
    }
    for (size_t i = 1; i < stored; i++) {
        struct frozen *now = set(m, o, epoch, seq, hashes[0], hashes[i]);
        f = now != NULL ? now : f;
    }
    if (f == NULL && freeze_of(o, epoch) != NULL && stored > MESH_VERSIONS_MAX)
        drop_others(m, o, e, freeze_of(o, epoch));       /* it came to the disk after better ones */
    if (f == NULL)
        return;
    f->untold = !tell_store(m, o, epoch, seq, (struct bytes){ 0 }, (struct bytes){ 0 });
    m->proofs_untold |= f->untold;
}

int mesh_proof(struct mesh *m, const uint8_t origin[KEY_BYTES], uint32_t epoch, uint64_t seq, const uint8_t a[HASH_BYTES], const uint8_t b[HASH_BYTES])
{
    struct member *o = mesh_member(m, origin);

    if (o == NULL)
        return -ENOENT;
    if (!freeze_room(m, o))
        return -ENOMEM;
    o->equivocation_alert_s = m->now_s != 0 ? m->now_s : 1;      /* the operator has been told */
    set(m, o, epoch, seq, a, b);
    return 0;
}

/* The pair is not part of the log here, below its floor or beyond what is kept: it is no less a proof. The first of the two waits for the second. */
enum taken freeze_take(struct mesh *m, struct member *o, const struct batch_name *name, struct bytes frame)
{
    struct proof_want *w = &o->proof_want;
    uint8_t *both;

    if (w->half == NULL) {
        w->half = malloc(frame.len);
        if (w->half == NULL) {
            m->starved = true;
            return TAKEN_LATER;
        }
        memcpy(w->half, frame.at, frame.len);
        memcpy(w->half_hash, name->hash, HELD_HASH_BYTES);
        w->half_len = frame.len;
        return TAKEN_NEW;
    }
    if (memcmp(w->half_hash, name->hash, HELD_HASH_BYTES) == 0)
        return TAKEN_USELESS;
    if (!freeze_room(m, o))
        return TAKEN_LATER;
    both = malloc(w->half_len + frame.len);
    if (both == NULL) {
        m->starved = true;
        return TAKEN_LATER;
    }
    memcpy(both, w->half, w->half_len);
    memcpy(both + w->half_len, frame.at, frame.len);
    if (!update_keep(m, both)
        || !tell_store(m, o, name->epoch, name->seq, (struct bytes){ both, w->half_len }, (struct bytes){ both + w->half_len, frame.len }))
        return TAKEN_LATER;
    if (set(m, o, name->epoch, name->seq, w->half_hash, name->hash) == NULL) {
        m->actions_n--;                /* nothing new: the last thing to do was this */
        return TAKEN_USELESS;
    }
    mesh_count(m, MESH_COUNT_EQUIVOCATION);
    return TAKEN_NEW;
}

/* ---- asking for what a neighbour knows */

/* Of what sums have shown, only what makes a pair: the rest is taken like any other. */
bool freeze_is_wanted(const struct member *o, const struct member *from, const struct batch_name *name)
{
    const struct fetch *f = &o->fetch;
    const struct epoch_log *e = log_epoch(o, name->epoch);

    if (f->from != from || !f->proving || f->epoch != name->epoch || name->seq < f->lowest || name->seq > f->highest)
        return false;
    return !f->compared || (e != NULL && ranges_has(&e->present, name->seq));
}

/* Who is not to be asked now keeps nobody from telling who is. */
static bool can_replace(const struct mesh *m, const struct proof_want *w, struct member *from)
{
    return w->until_ms != 0 && from != w->by && fetch_may_ask(m, from);
}

/* Nobody signs what he says here: whoever has no such pair is not asked again for a while. */
void freeze_hear(struct mesh *m, struct member *o, struct member *from, const struct log_have *l)
{
    const struct frozen *f = freeze_of(o, l->epoch);
    const struct standing *s = claim_standing(o, from);
    struct proof_want *w = &o->proof_want;

    if (l->frozen == 0 || l->epoch < o->proofs_from || (w->open && !can_replace(m, w, from)) || m->now_ms < w->next_ms || (s != NULL && m->now_ms < s->proofs_ignored_until_ms))
        return;
    if (f == NULL && o->frozen_n == MESH_PROOFS_MAX && l->epoch < o->frozen[0].epoch)
        return;
    if (f != NULL && (l->frozen > f->seq || (l->frozen == f->seq && !is_better(f, l->frozen_hash))))
        return;
    w->open = true;
    w->until_ms = 0;
    w->compared = false;
    w->by = from;
    w->epoch = l->epoch;
    w->seq = l->frozen;
    mesh_plan(m, o, m->now_ms);
}

static void drop_half(struct proof_want *w)
{
    free(w->half);
    w->half = NULL;
    w->half_len = 0;
}

void freeze_asked(struct mesh *m, struct member *o)
{
    drop_half(&o->proof_want);
    o->proof_want.next_ms = m->now_ms + PROOF_WAIT_MS;
}

void freeze_forget_by(struct mesh *m, const struct member *by)
{
    for (size_t i = 0; i < m->members_n; i++) {
        if (m->members[i]->proof_want.by != by)
            continue;
        m->members[i]->proof_want.open = false;
        m->members[i]->proof_want.until_ms = 0;
        m->members[i]->proof_want.by = NULL;
    }
}

void freeze_clear(struct member *o)
{
    free(o->frozen);
    o->frozen = NULL;
    o->frozen_n = 0;
    drop_half(&o->proof_want);
}

/* ---- more than two versions of one number */

/* A third comes in the place of the lower of two: not more often than so, since its author can make as many as it likes. */
bool freeze_may_replace(struct mesh *m, struct member *o)
{
    const int64_t most = INT64_C(1000) * REPLACE_BURST, passed_ms = m->now_ms - o->replace_ms;

    if (passed_ms > 0) {
        int64_t grown = o->replace_milli + passed_ms * REPLACE_PER_HOUR / 3600;
        o->replace_milli = grown < most ? grown : most;
        o->replace_ms = m->now_ms;
    }
    if (o->replace_milli < 1000)
        return false;
    o->replace_milli -= 1000;
    return true;
}

size_t freeze_versions(const struct epoch_log *e, uint64_t seq, const uint8_t hash[HELD_HASH_BYTES], size_t *better)
{
    const struct held *versions[VERSIONS_ROOM];
    size_t n = log_versions(e, seq, versions), sound = 0;

    *better = 0;
    for (size_t i = 0; i < n; i++) {
        if (held_is_void(versions[i]))
            continue;
        sound++;
        *better += versions[i]->state == HELD_STORED && memcmp(versions[i]->hash, hash, HELD_HASH_BYTES) > 0;
    }
    return sound;
}
