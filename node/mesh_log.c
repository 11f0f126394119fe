/* What is held of each origin. A log is a set of epochs; an epoch is a hash table of its batches by seq, and the same seqs as ranges. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

enum { TABLE_FIRST = 4 };

/* ---- the table */

/* With the seed, so that an origin cannot choose numbers that collide. */
static size_t home_of(const struct mesh *m, const struct epoch_log *e, uint64_t seq)
{
    uint64_t z = (seq ^ m->config.seed) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)(z ^ (z >> 32)) & (e->room - 1);
}

static void table_put(const struct mesh *m, struct epoch_log *e, const struct held *h)
{
    size_t i = home_of(m, e, h->seq);

    while (e->table[i].seq != 0)
        i = (i + 1) & (e->room - 1);
    e->table[i] = *h;
}

static int table_grow(const struct mesh *m, struct epoch_log *e)
{
    struct epoch_log grown = *e;

    if ((e->n + 1) * 4 <= e->room * 3)
        return 0;
    grown.room = e->room == 0 ? TABLE_FIRST : e->room * 2;
    grown.table = calloc(grown.room, sizeof *grown.table);
    if (grown.table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < e->room; i++) {
        if (e->table[i].seq != 0)
            table_put(m, &grown, &e->table[i]);
    }
    free(e->table);
    e->table = grown.table;
    e->room = grown.room;
    return 0;
}

/* Moves back what had to step aside for it, so that no search ends early at the hole. */
static void table_remove(const struct mesh *m, struct epoch_log *e, struct held *h)
{
    size_t mask = e->room - 1;
    size_t hole = (size_t)(h - e->table);

    for (size_t i = (hole + 1) & mask; e->table[i].seq != 0; i = (i + 1) & mask) {
        size_t home = home_of(m, e, e->table[i].seq);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            e->table[hole] = e->table[i];
            hole = i;
        }
    }
    e->table[hole].seq = 0;
    e->n--;
}

size_t log_versions(const struct mesh *m, const struct epoch_log *e, uint64_t seq, struct held **out)
{
    size_t n = 0;

    if (e == NULL || e->room == 0 || seq == 0)
        return 0;
    for (size_t i = home_of(m, e, seq); e->table[i].seq != 0 && n < VERSIONS_ROOM; i = (i + 1) & (e->room - 1)) {
        if (e->table[i].seq == seq)
            out[n++] = &e->table[i];
    }
    return n;
}

struct held *log_find(const struct mesh *m, const struct epoch_log *e, uint64_t seq, const uint8_t *hash)
{
    struct held *versions[VERSIONS_ROOM];
    size_t n = log_versions(m, e, seq, versions);

    for (size_t i = 0; i < n; i++) {
        if (memcmp(versions[i]->hash, hash, HELD_HASH_BYTES) == 0)
            return versions[i];
    }
    return NULL;
}

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
static uint64_t opinions_of(const struct held *h)
{
    return h->state == HELD_STORED ? h->opinions : 0;
}

static void epoch_drop(struct mesh *m, struct member *o, size_t i)
{
    struct epoch_log *e = o->epochs[i];

    for (size_t j = 0; j < e->room; j++) {
        if (e->table[j].seq != 0 && e->table[j].state >= FIRST_SLOT)
            take_release(m, e->table[j].state - FIRST_SLOT);
    }
    o->held_n -= e->n;
    for (size_t j = 0; j < e->room; j++)
        o->opinions_n -= e->table[j].seq != 0 ? opinions_of(&e->table[j]) : 0;
    ranges_clear(&e->present);
    free(e->table);
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

int log_add(struct mesh *m, struct member *o, struct epoch_log *e, const struct store_batch_ref *ref, uint32_t state)
{
    struct held h = { .seq = ref->name.seq, .time_s = ref->time_s, .floor = { ref->floor_epoch, ref->floor_seq }, .state = state };

    memcpy(h.hash, ref->name.hash, HELD_HASH_BYTES);
    if (table_grow(m, e) != 0 || ranges_add(&e->present, h.seq, h.seq) != 0)
        return -ENOMEM;
    if (state != HELD_VOID)
        h.opinions = (uint16_t)(ref->opinions < BATCH_OPINIONS_MAX ? ref->opinions : BATCH_OPINIONS_MAX);
    table_put(m, e, &h);
    e->n++;
    o->held_n++;
    o->opinions_n += opinions_of(&h);
    return 0;
}

static void forget(struct mesh *m, struct member *o, struct epoch_log *e, struct held *h)
{
    o->opinions_n -= opinions_of(h);
    o->held_n--;
    table_remove(m, e, h);
}

void log_remove(struct mesh *m, struct member *o, struct epoch_log *e, struct held *h)
{
    struct held *versions[VERSIONS_ROOM];
    uint64_t seq = h->seq;

    /* With no memory to split a range the number stays: in doubt a batch is not fetched again rather than kept twice. */
    if (log_versions(m, e, seq, versions) == 1 && ranges_remove(&e->present, seq) != 0) {
        o->opinions_n -= opinions_of(h);
        h->opinions = 0;
        h->state = HELD_VOID;
        return;
    }
    forget(m, o, e, h);
}

/* Any new batch is told, not only a new head: who asked for it in vain asks again then. */
void log_stored(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq)
{
    if (seq > e->head)
        e->head = seq;
    e->version = mesh_changed(m, o);
}

void log_head_hash(const struct mesh *m, const struct epoch_log *e, uint64_t seq, uint8_t out[HEAD_HASH_BYTES])
{
    struct held *versions[VERSIONS_ROOM];
    size_t n = log_versions(m, e, seq, versions);

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

static void forget_seq(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq)
{
    struct held *versions[VERSIONS_ROOM];

    while (log_versions(m, e, seq, versions) > 0) {
        if (versions[0]->state >= FIRST_SLOT)
            take_release(m, versions[0]->state - FIRST_SLOT);
        forget(m, o, e, versions[0]);
    }
    ranges_cut(&e->present, seq + 1);
}

static void cut_epoch(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t below)
{
    while (e->present.n > 0 && e->present.at[0].from < below)
        forget_seq(m, o, e, e->present.at[0].from);
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

static void forget_version(struct mesh *m, struct member *o, struct epoch_log *e, struct held *h)
{
    if (h->state >= FIRST_SLOT)
        take_release(m, h->state - FIRST_SLOT);
    forget(m, o, e, h);
}

void log_cut_above(struct mesh *m, struct member *o, struct epoch_log *e, uint64_t seq)
{
    struct held *versions[VERSIONS_ROOM];

    while (e->present.n > 0 && e->present.at[e->present.n - 1].to > seq) {
        uint64_t top = e->present.at[e->present.n - 1].to;
        while (log_versions(m, e, top, versions) > 0)
            forget_version(m, o, e, versions[0]);
        ranges_drop_last(&e->present);
    }
    if (e->head <= seq)
        return;
    e->head = 0;
    for (size_t i = 0; i < e->room; i++) {
        if (e->table[i].seq > e->head && e->table[i].state == HELD_STORED)
            e->head = e->table[i].seq;
    }
}

static bool is_past(const struct mesh *m, const struct epoch_log *e, uint64_t seq, int64_t before_s)
{
    struct held *versions[VERSIONS_ROOM];
    size_t n = log_versions(m, e, seq, versions);

    for (size_t i = 0; i < n; i++) {
        if (versions[i]->state >= FIRST_SLOT || versions[i]->time_s >= before_s)
            return false;
    }
    return true;
}

/* Time is a floor, too: from the lowest batch on, as far as all are too old. */
void log_expire(struct mesh *m, struct member *o)
{
    int64_t before_s = m->now_s - m->config.ttl_s;
    struct mark past = o->past;

    for (size_t i = 0; i < o->epochs_n; i++) {
        struct epoch_log *e = o->epochs[i];
        while (e->present.n > 0 && is_past(m, e, e->present.at[0].from, before_s)) {
            past = (struct mark){ e->epoch, e->present.at[0].from + 1 };
            forget_seq(m, o, e, e->present.at[0].from);
        }
        if (e->present.n > 0)
            break;
    }
    if (past.epoch == o->past.epoch && past.seq == o->past.seq)
        return;
    o->past = past;
    log_forget_below(m, o, past);
}
