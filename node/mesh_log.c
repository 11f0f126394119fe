/* What is held of each origin. A log is a set of epochs; an epoch is its batches by number, in blocks, and the same numbers as ranges. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

/* ---- epochs */

static size_t epoch_place(const struct member *o, uint32_t epoch)
{
    size_t low = 0, high = o->epochs_n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (o->epochs[middle]->epoch < epoch)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct epoch_log *log_epoch(const struct member *o, uint32_t epoch)
{
    size_t i = epoch_place(o, epoch);

    return i < o->epochs_n && o->epochs[i]->epoch == epoch ? o->epochs[i] : NULL;
}

struct epoch_log *log_epoch_make(struct mesh *m, struct member *o, uint32_t epoch)
{
    size_t room = o->epochs_room == 0 ? 4 : o->epochs_room * 2;
    size_t i = epoch_place(o, epoch);
    struct epoch_log *e;

    if (i < o->epochs_n && o->epochs[i]->epoch == epoch)
        return o->epochs[i];
    if (o->epochs_n == o->epochs_room) {
        struct epoch_log **grown = realloc(o->epochs, room * sizeof(struct epoch_log *));
        if (grown == NULL)
            return NULL;
        o->epochs = grown;
        o->epochs_room = room;
    }
    e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->epoch = epoch;
    e->version = mesh_changed(m, o);
    memmove(o->epochs + i + 1, o->epochs + i, (o->epochs_n - i) * sizeof(struct epoch_log *));
    o->epochs[i] = e;
    o->epochs_n++;
    return e;
}

/* What is on its way to the disk may not get there, and counts when it is. */
static void count_stored(struct member *o, struct epoch_log *e, const struct held *h)
{
    o->opinions_n += h->opinions;
    for (size_t i = 0; i < HEAD_HASH_BYTES; i++)
        e->digest[i] ^= h->hash[i];
}

/* It goes, or becomes void. */
static void uncount(struct mesh *m, struct member *o, struct epoch_log *e, const struct held *h)
{
    if (h->state >= FIRST_SLOT) {
        take_release(m, (uint32_t)(h->state - FIRST_SLOT));
        e->flying--;
    }
    if (h->state != HELD_STORED)
        return;
    o->opinions_n -= h->opinions;
    for (size_t i = 0; i < HEAD_HASH_BYTES; i++)
        e->digest[i] ^= h->hash[i];
}

static void epoch_drop(struct mesh *m, struct member *o, size_t i)
{
    struct epoch_log *e = o->epochs[i];
    struct log_walk w = { .e = e };
    const struct held *h;

    while ((h = log_next(&w)) != NULL)
        uncount(m, o, e, h);
    o->held_n -= e->n;
    ranges_clear(&e->present);
    block_clear(m, e);
    free(e);
    memmove(o->epochs + i, o->epochs + i + 1, (o->epochs_n - i - 1) * sizeof(struct epoch_log *));
    o->epochs_n--;
}

void log_clear(struct mesh *m, struct member *o)
{
    while (o->epochs_n > 0)
        epoch_drop(m, o, o->epochs_n - 1);
}

/* ---- batches */

static uint32_t held_time(int64_t time_s)
{
    int64_t since_s = time_s < EPOCH_START_S ? 0 : time_s - EPOCH_START_S;

    return since_s < UINT32_MAX ? (uint32_t)since_s : UINT32_MAX;
}

int log_add(struct mesh *m, struct member *o, struct epoch_log *e, const struct store_batch_ref *ref, uint32_t state)
{
    const struct mark floor = { ref->floor_epoch, ref->floor_seq };
    const uint64_t seq = ref->name.seq;
    struct held *h;

    if (block_reserve(m, e, seq, floor) != 0)
        return -ENOMEM;
    if (ranges_add(&e->present, seq, seq) != 0) {
        block_trim(m, e, seq);
        return -ENOMEM;
    }
    h = block_put(e, seq, floor);
    memcpy(h->hash, ref->name.hash, HELD_HASH_BYTES);
    h->time_s = held_time(ref->time_s);
    h->state = (uint16_t)state;
    if (!held_is_void(h))
        h->opinions = (uint16_t)(ref->opinions < BATCH_OPINIONS_MAX ? ref->opinions : BATCH_OPINIONS_MAX);
    o->held_n++;
    e->flying += state >= FIRST_SLOT;
    if (state != HELD_STORED)
        return 0;
    count_stored(o, e, h);
    block_share(m, e, seq);
    return 0;
}

void log_settle(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq, const struct held *h)
{
    struct held *at = block_write(m, e, seq, h);

    at->state = HELD_STORED;
    e->flying--;
    count_stored(o, e, at);
    block_share(m, e, seq);
}

static void forget(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq, const struct held *h)
{
    uncount(m, o, e, h);
    o->held_n--;
    block_remove(m, e, seq, h);
}

void log_remove(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq, const struct held *h)
{
    const struct held *versions[VERSIONS_ROOM];
    struct held *at;

    /* With no memory to split a range the number stays: in doubt a batch is not fetched again rather than kept twice. */
    if (log_versions(e, seq, versions) == 1 && ranges_remove(&e->present, seq) != 0) {
        at = block_write(m, e, seq, h);
        uncount(m, o, e, at);
        at->opinions = 0;
        at->state = HELD_VOID;
        return;
    }
    forget(m, o, e, seq, h);
}

/* Any new batch is told, not only a new head: who asked for it in vain asks again then. */
void log_stored(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq)
{
    if (seq > e->head)
        e->head = seq;
    e->version = mesh_changed(m, o);
}

void log_head_hash(const struct epoch_log *e, uint64_t seq, uint8_t out[HEAD_HASH_BYTES])
{
    const struct held *versions[VERSIONS_ROOM];
    size_t n = log_versions(e, seq, versions);

    memset(out, 0, HEAD_HASH_BYTES);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; versions[i]->state == HELD_STORED && j < HEAD_HASH_BYTES; j++)
            out[j] ^= versions[i]->hash[j];
    }
}

/* ---- what is dead */

bool log_is_dead(const struct member *o, uint32_t epoch, uint64_t seq)
{
    return mark_is_above(o->floor, epoch, seq) || mark_is_above(o->past, epoch, seq) || mark_is_above(o->bound, epoch, seq) || epoch < o->proofs_from;
}

uint64_t log_live_from(const struct member *o, uint32_t epoch)
{
    uint64_t from = 1;

    if (epoch < o->floor.epoch || epoch < o->past.epoch || epoch < o->bound.epoch || epoch < o->proofs_from)
        return UINT64_MAX;
    if (epoch == o->floor.epoch && from < o->floor.seq)
        from = o->floor.seq;
    if (epoch == o->past.epoch && from < o->past.seq)
        from = o->past.seq;
    if (epoch == o->bound.epoch && from < o->bound.seq)
        from = o->bound.seq;
    return from;
}

uint64_t log_live_to(const struct member *o, uint32_t epoch)
{
    return freeze_at(o, epoch);
}

uint64_t log_floor(const struct member *o, const struct epoch_log *e)
{
    uint64_t from = log_live_from(o, e->epoch);

    if (e->present.n == 0)
        return 0;
    return e->present.at[0].from > from ? e->present.at[0].from : from;
}

static void cut_epoch(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t below)
{
    struct log_walk w = { .e = e };
    const size_t before = e->n;
    const struct held *h;

    while ((h = log_next(&w)) != NULL && w.seq < below)
        uncount(m, o, e, h);
    block_cut(m, e, below);
    o->held_n -= before - e->n;
    ranges_cut(&e->present, below);
    if (e->head < below)
        e->head = 0;
}

void log_forget_below(struct mesh *m, struct member *o, struct mark mark)
{
    struct epoch_log *e;

    while (o->epochs_n > 0 && o->epochs[0]->epoch < mark.epoch)
        epoch_drop(m, o, 0);
    e = log_epoch(o, mark.epoch);
    if (e == NULL)
        return;
    cut_epoch(m, o, e, mark.seq);
    e->version = mesh_changed(m, o);
}

void log_raise_floor(struct mesh *m, struct member *o, uint32_t epoch, uint64_t seq)
{
    if (!mark_is_above((struct mark){ epoch, seq }, o->floor.epoch, o->floor.seq))
        return;
    o->floor = (struct mark){ epoch, seq };
    log_forget_below(m, o, o->floor);
}

void log_trim(struct mesh *m, struct member *o)
{
    log_forget_below(m, o, (struct mark){ o->proofs_from, 0 });
}

void log_cut_above(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq)
{
    const struct held *versions[VERSIONS_ROOM], *h;
    struct log_walk w = { .e = e };

    while (e->present.n > 0 && e->present.at[e->present.n - 1].to > seq) {
        uint64_t top = e->present.at[e->present.n - 1].to;
        while (log_versions(e, top, versions) > 0)
            forget(m, o, e, top, versions[0]);
        ranges_drop_last(&e->present);
    }
    if (e->head <= seq)
        return;
    e->head = 0;
    while ((h = log_next(&w)) != NULL)
        e->head = h->state == HELD_STORED ? w.seq : e->head;
}

/* Up to where, from the lowest number on, all batches are too old; false: none is. */
static bool past_of(const struct epoch_log *e, int64_t before_s, uint64_t *to)
{
    struct log_walk w = { .e = e };
    const struct held *h;
    uint64_t whole = 0, last = 0;      /* the last number of which all were; the last one */

    while ((h = log_next(&w)) != NULL && h->state < FIRST_SLOT && EPOCH_START_S + h->time_s < before_s) {
        whole = w.seq > last ? last : whole;
        last = w.seq;
    }
    *to = h == NULL || w.seq > last ? last : whole;
    return *to > 0;
}

/* Some of this epoch were refused by their date, and may come again. */
static bool forget_late(struct mesh *m, struct member *o, struct epoch_log *e)
{
    bool any = false;

    for (uint64_t from = 1;;) {
        struct log_walk w = log_from(e, from);
        const struct held *h = log_next(&w);
        while (h != NULL && h->state != HELD_LATE)
            h = log_next(&w);
        if (h == NULL)
            return any;
        from = w.seq;                  /* there may be another under this number */
        log_remove(m, o, e, w.seq, h);
        any = true;
    }
}

static int64_t not_after(int64_t time_s, int64_t now_s)
{
    return time_s < now_s ? time_s : now_s;
}

void log_clock_back(struct mesh *m, struct member *o)
{
    o->past = (struct mark){ 0 };
    o->equivocation_alert_s = not_after(o->equivocation_alert_s, m->now_s);
    o->clock_alert_s = not_after(o->clock_alert_s, m->now_s);
    o->subjects_alert_s = not_after(o->subjects_alert_s, m->now_s);
    for (size_t i = 0; i < o->epochs_n; i++) {
        if (!forget_late(m, o, o->epochs[i]))
            continue;
        o->epochs[i]->version = mesh_changed(m, o);
        claims_unbar(o, o->epochs[i]->epoch);
    }
    mesh_plan(m, o, m->now_ms + GAP_GRACE_MS);
}

/* Time is a floor, too: from the lowest batch on, as far as all are too old. */
void log_expire(struct mesh *m, struct member *o)
{
    int64_t before_s = m->now_s - m->config.ttl_s;
    struct mark past = o->past;
    uint64_t to;

    for (size_t i = 0; i < o->epochs_n; i++) {
        const struct epoch_log *e = o->epochs[i];
        if (past_of(e, before_s, &to))
            past = (struct mark){ e->epoch, to + 1 };
        if (e->present.n > 0 && (past.epoch != e->epoch || past.seq <= e->present.at[e->present.n - 1].to))
            break;
    }
    if (past.epoch == o->past.epoch && past.seq == o->past.seq)
        return;
    o->past = past;
    log_forget_below(m, o, past);
}
