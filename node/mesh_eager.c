/* From whom an origin's batches come. In a small coalition each neighbour sends every batch, and all copies but the first are dropped. In a large one
 * (MESH_LARGE_MIN) that is most of the traffic, so the topic of an origin is given up at neighbours that brought the third copy or a later one, or the second if more comes from there; two always stay.
 * Nobody confirms that, and a neighbour may die or hold back: what does not come is seen in the have-vectors and fetched, and the topic is taken up again
 * where it was to be had. On the other side, who takes an origin's batches from here need not be told of those that it was sent: others tell it. Source: Plumtree (Leitao, Pereira, Rodrigues 2007), with ZeroMQ's topics in the place of its messages. */
#include <stdlib.h>
#include <string.h>

#include "node/mesh_private.h"

static uint64_t bit_of(const struct member *neighbour)
{
    return UINT64_C(1) << neighbour->link.slot;
}

bool eager_is(const struct member *o, const struct member *neighbour)
{
    return (o->given_up & bit_of(neighbour)) == 0;
}

/* Neighbours from whom it comes, as far as their links work. */
static unsigned count(const struct mesh *m, const struct member *o)
{
    unsigned n = 0;

    for (size_t i = 0; i < MESH_LINKS_MAX; i++)
        n += m->links[i] != NULL && m->links[i]->link.up && eager_is(o, m->links[i]);
    return n;
}

/* ---- giving up */

void eager_first(struct member *o, const struct batch_name *name)
{
    memcpy(o->eager_hash, name->hash, HEAD_HASH_BYTES);
    o->eager_copies = 1;
}

/* The origin's own link stays: nobody else can hold back what comes over it. */
static bool may_give_up(const struct mesh *m, const struct member *o, const struct member *from)
{
    return m->members_n >= MESH_LARGE_MIN && from != o && o != m->self && from->link.up && eager_is(o, from)
           && m->now_ms - o->taken_up_ms >= EAGER_HOLD_MS && count(m, o) > EAGER_MIN;
}

/* What comes from there, times how many it sends to: so each is to have its share, and who has many links does not relay more than others. */
static bool is_busier(const struct mesh *m, const struct member *a, const struct member *b)
{
    uint64_t x = m->members_n - a->link.given_up, y = m->members_n - b->link.given_up;

    return a->link.subscribers == 0 || b->link.subscribers == 0 ? x > y : x * a->link.subscribers > y * b->link.subscribers;
}

/* Of the second neighbour and the one at hand, who relays more is relieved: else the quickest, which have the most links, would relay most of
 * what all say. The first one stays. */
void eager_again(struct mesh *m, struct member *o, const struct member *from, const struct batch_name *name)
{
    if (memcmp(o->eager_hash, name->hash, HEAD_HASH_BYTES) != 0)
        return;
    if (++o->eager_copies == EAGER_MIN)
        o->eager_last = from->link.slot;
    if (o->eager_copies <= EAGER_MIN || !may_give_up(m, o, from))
        return;
    const struct member *before = m->links[o->eager_last];
    if (before != NULL && before != from && is_busier(m, before, from) && may_give_up(m, o, before)) {
        o->eager_last = from->link.slot;
        from = before;
    }
    o->given_up |= bit_of(from);
    m->links[from->link.slot]->link.given_up++;
    update_topic(m, MESH_DO_UNSUBSCRIBE, from, o);
}

/* ---- who takes it here */

static size_t taker_place(const struct member *o, const struct member *by)
{
    size_t i = 0;

    while (i < o->takers_n && o->takers[i] != by)
        i++;
    return i;
}

static void taker_add(struct mesh *m, struct member *o, struct member *by)
{
    size_t room = o->takers_room == 0 ? 4 : o->takers_room * 2;

    if (o->takers_n >= EAGER_TAKERS_MAX || taker_place(o, by) < o->takers_n)
        return;
    if (o->takers_n == o->takers_room) {
        struct member **grown = realloc(o->takers, room * sizeof(struct member *));
        if (grown == NULL) {
            m->starved = true;
            return;
        }
        o->takers = grown;
        o->takers_room = room;
    }
    o->takers[o->takers_n++] = by;
    m->subscribers += by->link.takes++ == 0;
}

static void taker_remove(struct mesh *m, struct member *o, struct member *by)
{
    size_t i = taker_place(o, by);

    if (i >= o->takers_n)
        return;
    o->takers[i] = o->takers[--o->takers_n];
    m->subscribers -= --by->link.takes == 0;
}

void eager_subscribed(struct mesh *m, struct member *by, struct bytes topic, bool on)
{
    struct member *o = topic.len == MESH_TOPIC_BYTES ? member_by_part(m, topic.at + 1) : NULL;

    by->link.took_ms = m->now_ms;
    if (o != NULL && on)
        taker_add(m, o, by);
    else if (o != NULL)
        taker_remove(m, o, by);
}

void eager_quits(struct mesh *m, struct member *by)
{
    for (size_t i = 0; i < m->members_n; i++)
        taker_remove(m, m->members[i], by);
}

void eager_lost(struct mesh *m, struct member *by)
{
    for (size_t i = 0; by->link.wanted && i < m->members_n; i++) {
        struct member *o = m->members[i];
        for (size_t j = 0; taker_place(o, by) < o->takers_n && j < o->epochs_n; j++)
            o->epochs[j]->unsent |= bit_of(by);
    }
    eager_quits(m, by);
}

/* Who is connected here asks every few seconds. libzmq does not say whose subscriptions went with a connection. */
void eager_tick(struct mesh *m)
{
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *by = m->members[i];
        int64_t last_ms = by->link.asked_ms > by->link.took_ms ? by->link.asked_ms : by->link.took_ms;
        if (by->link.takes > 0 && m->now_ms - last_ms >= EAGER_SILENT_MS)
            eager_quits(m, by);
    }
}

/* What changed in another way than by a batch that was sent, nobody was sent. */
static void catch_up(struct epoch_log *e, uint64_t version)
{
    if (e->sent_version != version)
        e->unsent = UINT64_MAX;
    e->sent_version = version;
}

void eager_sent(const struct member *o, struct epoch_log *e, uint64_t before)
{
    uint64_t sent = 0;

    for (size_t i = 0; i < o->takers_n; i++) {
        if (o->takers[i]->link.wanted)
            sent |= bit_of(o->takers[i]);
    }
    catch_up(e, before);
    e->unsent |= ~sent;
    e->sent_version = e->version;
}

bool eager_has_sent(const struct mesh *m, const struct epoch_log *e, const struct member *to)
{
    return m->members_n >= MESH_LARGE_MIN && to->link.wanted && e->sent_version == e->version && (e->unsent & bit_of(to)) == 0;
}

void eager_told(struct epoch_log *e, const struct member *to)
{
    catch_up(e, e->version);
    if (to->link.wanted)
        e->unsent &= ~bit_of(to);
}

/* ---- taking up again */

static void take_up(struct mesh *m, struct member *o, const struct member *neighbour)
{
    o->given_up &= ~bit_of(neighbour);
    m->links[neighbour->link.slot]->link.given_up--;
    o->taken_up_ms = m->now_ms;
    update_topic(m, MESH_DO_SUBSCRIBE, neighbour, o);
}

void eager_fetched(struct mesh *m, struct member *o, const struct member *from)
{
    if (from->link.wanted && !eager_is(o, from))
        take_up(m, o, from);
}

/* Any other, by chance, until there are enough. */
static void take_up_some(struct mesh *m, struct member *o)
{
    for (unsigned n = count(m, o); n < EAGER_MIN; n++) {
        const struct member *some = NULL;
        unsigned equals = 0;
        for (size_t i = 0; i < MESH_LINKS_MAX; i++) {
            const struct member *l = m->links[i];
            if (l != NULL && l->link.up && !eager_is(o, l) && mesh_random(m) % ++equals == 0)
                some = l;
        }
        if (some == NULL)
            return;
        take_up(m, o, some);
    }
}

void eager_link_down(struct mesh *m)
{
    for (size_t i = 0; i < m->members_n; i++) {
        if (m->members[i]->given_up != 0)
            take_up_some(m, m->members[i]);
    }
}

static bool is_its_share(struct mesh *m, const struct member *o, const struct member *neighbour)
{
    if (neighbour->choose.wanders)
        return false;
    return o == neighbour || count(m, o) < EAGER_MIN || mesh_random(m) % EAGER_SHARE == 0;
}

/* What comes from enough others already need not all come from here, too: some does, so that it has its share. Of one that stays for so short a time it is not worth it. */
void eager_begin(struct mesh *m, const struct member *neighbour)
{
    for (size_t i = 0; m->members_n >= MESH_LARGE_MIN && i < m->members_n; i++) {
        struct member *o = m->members[i];
        if (o == m->self || !eager_is(o, neighbour) || is_its_share(m, o, neighbour))
            continue;
        o->given_up |= bit_of(neighbour);
        m->links[neighbour->link.slot]->link.given_up++;
    }
}

/* It was to leave soon, and stays after all: it gets its share now. */
void eager_stays(struct mesh *m, const struct member *neighbour)
{
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        if (o != m->self && !eager_is(o, neighbour) && is_its_share(m, o, neighbour))
            take_up(m, o, neighbour);
    }
}

/* No member any more: it is no topic of anybody. */
void eager_drop(struct mesh *m, struct member *o)
{
    eager_quits(m, o);
    while (o->takers_n > 0)
        taker_remove(m, o, o->takers[0]);
    for (size_t i = 0; i < MESH_LINKS_MAX; i++) {
        if (m->links[i] != NULL && !eager_is(o, m->links[i]))
            m->links[i]->link.given_up--;
    }
}

/* The next neighbour in this place begins with all topics, and was sent nothing. */
void eager_forget(struct mesh *m, struct member *neighbour)
{
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        o->given_up &= ~bit_of(neighbour);
        for (size_t j = 0; j < o->epochs_n; j++)
            o->epochs[j]->unsent |= bit_of(neighbour);
    }
    m->links[neighbour->link.slot]->link.given_up = 0;
    eager_quits(m, neighbour);
}
