/* Members: origins whose batches are taken, and neighbours that we speak with. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

/* As memcmp() orders them. */
static uint64_t part_of(const uint8_t *root)
{
    uint64_t part = 0;

    for (size_t i = 0; i < sizeof part; i++)
        part = part << 8 | root[i];
    return part;
}

static size_t member_place(const struct mesh *m, const uint8_t root[KEY_BYTES])
{
    const uint64_t part = part_of(root);
    size_t low = 0, high = m->members_n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->parts[middle] < part || (m->parts[middle] == part && memcmp(m->members[middle]->root, root, KEY_BYTES) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct member *mesh_member(const struct mesh *m, const uint8_t root[KEY_BYTES])
{
    size_t i = member_place(m, root);

    return i < m->members_n && memcmp(m->members[i]->root, root, KEY_BYTES) == 0 ? m->members[i] : NULL;
}

/* ---- by the beginning of a root key */

static bool begins_with(const struct mesh *m, size_t i, const uint8_t part[ORIGIN_SHORT_BYTES])
{
    return i < m->members_n && m->parts[i] == part_of(part);
}

struct member *member_by_part(const struct mesh *m, const uint8_t part[ORIGIN_SHORT_BYTES])
{
    uint8_t lowest[KEY_BYTES] = { 0 };
    size_t i;

    memcpy(lowest, part, ORIGIN_SHORT_BYTES);
    i = member_place(m, lowest);
    return begins_with(m, i, part) && !begins_with(m, i + 1, part) ? m->members[i] : NULL;
}

bool member_part_is_enough(const struct mesh *m, const struct member *o)
{
    return member_by_part(m, o->root) != NULL;
}

void member_destroy(struct mesh *m, struct member *o)
{
    for (size_t i = 0; i < ASKED_MAX; i++)
        m->asked[i] = m->asked[i] == o ? NULL : m->asked[i];
    log_clear(m, o);
    claims_forget(o);
    freeze_clear(o);
    for (size_t i = 0; i < o->keys_n; i++)
        free(o->keys[i].frame);
    free(o->keys);
    introduce_clear(o);
    free(o->epochs);
    free(o->claims);
    free(o->takers);
    free(o);
}

struct member *member_add(struct mesh *m, const uint8_t root[KEY_BYTES])
{
    size_t room = m->members_room == 0 ? 16 : m->members_room * 2;
    size_t i = member_place(m, root);
    struct member *o;

    if (m->members_n == m->members_room) {
        struct member **grown = realloc(m->members, room * sizeof(struct member *));
        if (grown == NULL)
            return NULL;
        m->members = grown;
        uint64_t *parts = realloc(m->parts, room * sizeof *parts);
        if (parts == NULL)
            return NULL;
        m->parts = parts;
        m->members_room = room;
    }
    o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    memcpy(o->root, root, KEY_BYTES);
    o->plan_at_ms = NEVER_MS;
    o->taken_up_ms = INT64_MIN / 2;
    o->heard_ms = -1;
    o->link.asked_ms = o->link.full_ms = -1;
    o->record_asked_ms = INT64_MIN / 2;
    o->records_milli = INT64_C(1000) * MESH_KEYS_MAX;
    o->doubt.next_ms = INT64_MIN / 2;
    o->proof_want.next_ms = INT64_MIN / 2;
    o->replace_milli = INT64_C(1000) * REPLACE_BURST;
    o->link.asks_milli = INT64_C(2000) * MESH_ASKS_PER_S;
    o->link.own_asks_milli = INT64_C(1000) * OWN_ASKS_PER_S;
    o->link.full_milli = INT64_C(1000) * FULL_WANTED_BURST;
    o->link.question = 1;
    introduce_init(o);
    quota_init(m, o);
    memmove(m->members + i + 1, m->members + i, (m->members_n - i) * sizeof(struct member *));
    m->members[i] = o;
    memmove(m->parts + i + 1, m->parts + i, (m->members_n - i) * sizeof *m->parts);
    m->parts[i] = part_of(root);
    m->members_n++;
    return o;
}

static int key_insert(struct member *o, const struct record *rec, struct bytes frame)
{
    struct member_key *grown = realloc(o->keys, (o->keys_n + 1) * sizeof *grown);
    uint8_t *copy = malloc(frame.len + 1);
    size_t i = 0;

    if (grown != NULL)
        o->keys = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return -ENOMEM;
    }
    if (frame.len > 0)
        memcpy(copy, frame.at, frame.len);
    while (i < o->keys_n && o->keys[i].serial < rec->serial)
        i++;
    memmove(o->keys + i + 1, o->keys + i, (o->keys_n - i) * sizeof *o->keys);
    o->keys[i] = (struct member_key){ .serial = rec->serial, .not_after_s = rec->not_after_s, .frame = copy, .len = frame.len };
    memcpy(o->keys[i].operational, rec->operational, KEY_BYTES);
    o->keys_n++;
    return 0;
}

const struct member_key *member_key(const struct member *o, uint64_t serial)
{
    for (size_t i = o->keys_n; i > 0; i--) {
        if (o->keys[i - 1].serial == serial)
            return &o->keys[i - 1];
    }
    return NULL;
}

/* A later record ends it: a farewell, or one with another key, which was signed at its serial. */
int64_t member_key_until(const struct mesh *m, const struct member *o, const struct member_key *k)
{
    const struct member_key *last = &o->keys[o->keys_n - 1];
    int64_t until_s = k->not_after_s;

    if (last->not_after_s <= (int64_t)last->serial && last->not_after_s < until_s)
        until_s = last->not_after_s;
    for (const struct member_key *later = k + 1; later <= last; later++) {
        int64_t signed_s = (int64_t)later->serial;
        if (memcmp(later->operational, k->operational, KEY_BYTES) == 0)
            continue;
        if (signed_s >= SERIAL_TIME_LEAST && signed_s <= m->now_s + 86400 && signed_s < until_s)
            until_s = signed_s;
        break;
    }
    return until_s;
}

/* The first of two records with one serial stays: the root key must not sign two. */
int member_add_key(struct mesh *m, struct member *o, const struct record *rec, struct bytes frame)
{
    if (member_key(o, rec->serial) != NULL)
        return 0;
    if (o->keys_n == MESH_KEYS_MAX)
        mesh_count(m, MESH_COUNT_OVER_RECORDS);
    if (o->keys_n == MESH_KEYS_MAX && rec->serial < o->keys[0].serial)
        return 0;
    if (key_insert(o, rec, frame) != 0)
        return -ENOMEM;
    if (o->keys_n > MESH_KEYS_MAX) {
        free(o->keys[0].frame);
        memmove(o->keys, o->keys + 1, (o->keys_n - 1) * sizeof *o->keys);
        o->keys_n--;
    }
    if (o->keys_n == 1 || rec->serial > o->record.serial) {
        o->record = *rec;
        o->record_version = mesh_changed(m, o);
    }
    return 1;
}

/* Whoever took another's key for its own would have that one's connections and faults booked on it. A key that it had already stays. */
bool member_claims_curve(const struct mesh *m, const struct member *o, const struct record *rec)
{
    if (o->keys_n > 0 && memcmp(o->record.curve, rec->curve, KEY_BYTES) == 0)
        return false;
    for (size_t i = 0; i < m->members_n; i++) {
        const struct member *other = m->members[i];
        if (other != o && other->keys_n > 0 && memcmp(other->record.curve, rec->curve, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

static bool subscribes(const struct mesh *m, const struct member *neighbour, const struct member *origin)
{
    return neighbour->link.wanted && neighbour != m->self && origin != m->self;
}

/* What neighbours said of a log that was nobody's then was not heard. */
static void member_introduce(struct mesh *m, struct member *o)
{
    for (size_t i = 0; i < m->members_n; i++)
        m->members[i]->link.full_wanted = m->members[i]->link.up;
    have_soon(m);
    update_topic(m, MESH_DO_ALLOW, NULL, o);
    for (size_t i = 0; i < m->members_n; i++) {
        if (subscribes(m, m->members[i], o))
            update_topic(m, MESH_DO_SUBSCRIBE, m->members[i], o);
    }
}

/* There is one: who may be linked was checked. */
static void slot_take(struct mesh *m, struct member *o)
{
    unsigned slot = 0;

    while (m->links[slot] != NULL)
        slot++;
    m->links[slot] = o;
    o->link.slot = slot;
    eager_begin(m, o);
    m->links_wanted++;
}

static void slot_free(struct mesh *m, struct member *o)
{
    eager_forget(m, o);
    m->links[o->link.slot] = NULL;
    m->links_wanted--;
    eager_link_down(m);
    have_link_down(m);
}

void member_link(struct mesh *m, struct member *o, bool wanted)
{
    if (o == m->self || o->link.wanted == wanted)
        return;
    if (wanted)
        slot_take(m, o);
    o->link.wanted = true;
    for (size_t i = 0; i < m->members_n; i++) {
        if (subscribes(m, o, m->members[i]) && eager_is(m->members[i], o))
            update_topic(m, wanted ? MESH_DO_SUBSCRIBE : MESH_DO_UNSUBSCRIBE, o, m->members[i]);
    }
    o->link.wanted = wanted;
    if (!wanted) {
        o->link.up = o->link.told_up = false;
        introduce_forget_by(m, o);
        fetch_link_down(m, o);
        slot_free(m, o);
    }
}

int mesh_member_set(struct mesh *m, const struct record *rec, struct bytes frame, bool link)
{
    struct member *o = mesh_member(m, rec->root);

    update_begin(m);
    if (o == NULL && m->members_n >= MEMBERS_MAX) {
        mesh_count(m, MESH_COUNT_OVER_MEMBERS);
        return -ENOSPC;
    }
    if (link && (o == NULL || !o->link.wanted) && m->links_wanted >= MESH_LINKS_MAX && !choose_yield(m)) {
        mesh_count(m, MESH_COUNT_OVER_LINKS);
        return -ENOSPC;
    }
    if (o == NULL) {
        o = member_add(m, rec->root);
        if (o == NULL)
            return -ENOMEM;
        member_introduce(m, o);
    }
    if (link)
        choose_keep(m, o);
    member_link(m, o, link || o->choose.is);
    if (member_add_key(m, o, rec, frame) < 0 || m->starved)
        return -ENOMEM;
    return 0;
}

int mesh_member_key(struct mesh *m, const struct record *rec, struct bytes frame)
{
    struct member *o = mesh_member(m, rec->root);

    if (o == NULL)
        return -ENOENT;
    if (member_claims_curve(m, o, rec))
        return 0;
    return member_add_key(m, o, rec, frame) < 0 ? -ENOMEM : 0;
}

void mesh_member_drop(struct mesh *m, const uint8_t root[KEY_BYTES])
{
    struct member *o = mesh_member(m, root);
    size_t i = member_place(m, root);

    update_begin(m);
    if (o == NULL || o == m->self)
        return;
    choose_undo(m, o);
    member_link(m, o, false);
    for (size_t j = 0; j < m->members_n; j++) {
        if (subscribes(m, m->members[j], o) && eager_is(o, m->members[j]))
            update_topic(m, MESH_DO_UNSUBSCRIBE, m->members[j], o);
    }
    update_topic(m, MESH_DO_FORBID, NULL, o);
    eager_drop(m, o);
    fetch_cancel(o);
    fetch_wait(m, o, false);
    quota_leave(m, o);
    claims_forget_by(m, o);
    freeze_forget_by(m, o);
    compare_forget_by(m, o);
    introduce_forget_by(m, o);
    for (uint32_t slot = 0; slot < MESH_INFLIGHT_MAX; slot++) {
        if (m->inflight[slot].from == o)
            m->inflight[slot].from = NULL;
    }
    for (size_t j = 0; j < m->members_n; j++) {
        if (m->members[j]->record_asked == o)
            m->members[j]->record_asked = NULL;
    }
    memmove(m->members + i, m->members + i + 1, (m->members_n - i - 1) * sizeof(struct member *));
    memmove(m->parts + i, m->parts + i + 1, (m->members_n - i - 1) * sizeof *m->parts);
    m->members_n--;
    member_destroy(m, o);
}

int mesh_held(struct mesh *m, const struct store_batch_ref *ref)
{
    struct member *o = mesh_member(m, ref->name.origin);
    const struct held *versions[VERSIONS_ROOM];
    struct epoch_log *e;

    if (o == NULL)
        return -ENOENT;
    if (ref->name.seq > freeze_at(o, ref->name.epoch))
        return 0;
    log_raise_floor(m, o, ref->floor_epoch, ref->floor_seq);
    if (ref->name.seq == 0 || log_is_dead(o, ref->name.epoch, ref->name.seq))
        return 0;
    if (log_versions(log_epoch(o, ref->name.epoch), ref->name.seq, versions) > MESH_VERSIONS_MAX)
        return 0;
    e = log_epoch_make(m, o, ref->name.epoch);
    if (e == NULL)
        return -ENOMEM;
    if (log_find(e, ref->name.seq, ref->name.hash) != NULL)
        return 0;
    if (log_versions(e, ref->name.seq, versions) > 0 && !freeze_room(m, o))
        return -ENOMEM;
    if (log_add(m, o, e, ref, HELD_STORED) != 0)
        return -ENOMEM;
    quota_held(m, o);
    log_stored(m, o, e, ref->name.seq);
    freeze_stored(m, o, e, ref->name.seq);
    bound_keep(m, o);
    return 0;
}
