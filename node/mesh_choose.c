/* Which members this node keeps a link to, beside those that its operator named: about `links` in all, some of them by chance, so that nobody can surround it.
 * A link that does not come up, or is down for long, is given up for another, if there is another; a good one stays. But one of them wanders from member to
 * member: else the two halves of a coalition that was torn would have found other links by then, and never look for each other again. Who links to us is linked
 * to in return, up to a few more: batches come over one's own link only, so a graph of one-way links would have nodes that nobody hears. */
#include <errno.h>

#include "node/mesh_private.h"

static bool has_endpoints(const struct member *o)
{
    return o->keys_n > 0 && o->record.publish[0] != '\0' && o->record.repair[0] != '\0';
}

static bool is_candidate(const struct mesh *m, const struct member *o)
{
    return o != m->self && o->may_link != MESH_MAY_NOT && !o->link.wanted && has_endpoints(o) && m->now_ms >= o->choose.after_ms;
}

struct tally {
    unsigned always, chosen, first;    /* links; chosen: by this node; first: of these, such as were to be had first */
    unsigned want;                     /* of the node's own choice */
    struct member *wanders;
};

static struct tally count(const struct mesh *m)
{
    struct tally t = { 0 };
    unsigned room;

    for (size_t i = 0; i < MESH_LINKS_MAX; i++) {
        const struct member *l = m->links[i];
        if (l == NULL)
            continue;
        t.always += !l->choose.is;
        t.chosen += l->choose.is;
        t.first += l->choose.is && l->may_link == MESH_MAY_FIRST;
        if (l->choose.is && l->choose.wanders)
            t.wanders = m->links[i];
    }
    room = MESH_LINKS_MAX - t.always;
    t.want = m->config.links > t.always ? m->config.links - t.always : 0;
    if (m->config.links > 0 && t.want < CHOSEN_MIN)
        t.want = CHOSEN_MIN;
    t.want = t.want < room ? t.want : room;
    return t;
}

/* ---- one link more, one link less */

static void choose(struct mesh *m, struct member *o, bool in_return, bool wanders)
{
    update_about(m, MESH_DO_LINK, o);
    o->choose.is = true;
    o->choose.in_return = in_return;
    o->choose.wanders = wanders;
    o->choose.since_ms = o->choose.seen_up_ms = m->now_ms;
    member_link(m, o, true);
}

void choose_undo(struct mesh *m, struct member *o)
{
    if (!o->choose.is)
        return;
    member_link(m, o, false);
    o->choose.is = o->choose.wanders = false;
    update_about(m, MESH_DO_UNLINK, o);
}

void choose_keep(struct mesh *m, struct member *o)
{
    const bool wandered = o->choose.wanders;

    o->choose.is = o->choose.wanders = false;
    if (wandered)
        eager_stays(m, o);
}

/* ---- whom */

/* By chance: of those to be had first while more than CHOSEN_MIN are wanted of them, then of all. */
static struct member *some_candidate(struct mesh *m, bool first_only, unsigned *n)
{
    struct member *some = NULL;
    unsigned equals = 0;

    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        if (is_candidate(m, o) && (!first_only || o->may_link == MESH_MAY_FIRST) && mesh_random(m) % ++equals == 0)
            some = o;
    }
    *n = equals;
    return some;
}

static bool is_to_be_had(struct mesh *m)
{
    unsigned n;

    return some_candidate(m, false, &n) != NULL;
}

/* At first only half of them: others choose, too, and are linked to in return. */
static unsigned to_have(struct mesh *m, const struct tally *t)
{
    unsigned n, half = (t->want + 1) / 2;

    some_candidate(m, false, &n);
    if (m->now_ms - m->start_ms >= CHOOSE_REST_MS || t->chosen + n <= t->want)
        return t->want;
    return half > CHOSEN_MIN ? half : CHOSEN_MIN;
}

static void fill(struct mesh *m)
{
    struct tally t = count(m);
    unsigned most = to_have(m, &t);

    for (; t.chosen < t.want && t.chosen < most; t = count(m)) {
        bool last = t.wanders == NULL && t.chosen + 1 == t.want;
        unsigned n;
        struct member *o = t.first + CHOSEN_MIN < t.want && !last ? some_candidate(m, true, &n) : NULL;
        if (o == NULL)
            o = some_candidate(m, false, &n);
        if (o == NULL)
            return;
        choose(m, o, false, last && n > 1);
    }
}

/* The longest down goes first, and only if another can take its place: a short outage, or one of everybody, changes nothing. */
static void replace_dead(struct mesh *m)
{
    struct member *dead = NULL;

    for (size_t i = 0; i < MESH_LINKS_MAX; i++) {
        struct member *l = m->links[i];
        if (l == NULL || !l->choose.is)
            continue;
        if (l->link.up)
            l->choose.seen_up_ms = m->now_ms;
        else if (m->now_ms - l->choose.seen_up_ms >= CHOSEN_DEAD_MS && (dead == NULL || l->choose.seen_up_ms < dead->choose.seen_up_ms))
            dead = l;
    }
    if (dead == NULL || !is_to_be_had(m))
        return;
    dead->choose.wait_ms = dead->choose.wait_ms == 0 ? CHOOSE_AGAIN_MS : dead->choose.wait_ms * 2;
    if (dead->choose.wait_ms > CHOOSE_AGAIN_MAX_MS)
        dead->choose.wait_ms = CHOOSE_AGAIN_MAX_MS;
    dead->choose.after_ms = m->now_ms + dead->choose.wait_ms;
    choose_undo(m, dead);
}

static void wander(struct mesh *m)
{
    struct tally t = count(m);

    if (t.wanders == NULL || m->now_ms - t.wanders->choose.since_ms < WANDER_MS || !is_to_be_had(m))
        return;
    t.wanders->choose.after_ms = m->now_ms + WANDER_MS;
    choose_undo(m, t.wanders);
}

/* Who does not link in return has as many links as it takes: in a large coalition, where what is relayed costs most, another may have fewer. So no node is
 * linked to by many more than it links to. The one that wanders stays: it was chosen by chance alone, whoever likes to be linked to. More and more rarely, should all be full. */
static void replace_one_sided(struct mesh *m)
{
    if (m->members_n < MESH_LARGE_MIN || m->now_ms < m->one_sided_at_ms)
        return;
    for (size_t i = 0; i < MESH_LINKS_MAX; i++) {
        struct member *l = m->links[i];
        if (l == NULL || !l->choose.is || l->choose.in_return || l->choose.wanders || !l->link.up || m->now_ms - l->link.up_ms < ONE_SIDED_MS
            || (l->link.asked_ms >= 0 && m->now_ms - l->link.asked_ms < ONE_SIDED_MS) || !is_to_be_had(m))
            continue;
        l->choose.after_ms = m->now_ms + CHOOSE_AGAIN_MS;
        choose_undo(m, l);
        m->one_sided_wait_ms = m->one_sided_wait_ms == 0 ? ONE_SIDED_MS : 2 * m->one_sided_wait_ms < CHOOSE_AGAIN_MAX_MS ? 2 * m->one_sided_wait_ms : CHOOSE_AGAIN_MAX_MS;
        m->one_sided_at_ms = m->now_ms + m->one_sided_wait_ms;
        return;
    }
}

/* Links in return end with the other side's. */
static void drop_returned(struct mesh *m)
{
    struct tally t = count(m);

    for (size_t i = 0; i < MESH_LINKS_MAX && t.chosen > t.want; i++) {
        struct member *l = m->links[i];
        if (l == NULL || !l->choose.is || !l->choose.in_return || m->now_ms - l->link.asked_ms < CHOSEN_DEAD_MS)
            continue;
        choose_undo(m, l);
        t.chosen--;
    }
}

void choose_tick(struct mesh *m)
{
    if (m->config.links == 0 || m->now_ms < m->choose_at_ms)
        return;
    m->choose_at_ms = m->now_ms + CHOOSE_MS;
    replace_dead(m);
    drop_returned(m);
    replace_one_sided(m);
    wander(m);
    fill(m);
}

/* Those that were linked to in return stay, as far as they may. */
static void give_up_surplus(struct mesh *m)
{
    struct tally t = count(m);
    const unsigned most = m->config.links == 0 ? 0 : t.want + CHOSEN_MORE;

    for (int in_return = 0; in_return <= 1; in_return++) {
        for (size_t i = 0; i < MESH_LINKS_MAX && t.chosen > (in_return ? most : t.want); i++) {
            struct member *l = m->links[i];
            if (l == NULL || !l->choose.is || l->choose.in_return != (in_return == 1))
                continue;
            choose_undo(m, l);
            t.chosen--;
        }
    }
}

void mesh_links(struct mesh *m, unsigned links)
{
    update_begin(m);
    if (links == m->config.links)
        return;
    m->config.links = links;
    m->choose_at_ms = 0;
    give_up_surplus(m);
}

/* The operator wants another link, and there is no room. */
bool choose_yield(struct mesh *m)
{
    for (size_t i = 0; i < MESH_LINKS_MAX; i++) {
        if (m->links[i] == NULL || !m->links[i]->choose.is)
            continue;
        choose_undo(m, m->links[i]);
        return true;
    }
    return false;
}

/* It asks us over a link of its own. */
void choose_asked(struct mesh *m, struct member *from)
{
    struct tally t;

    from->choose.after_ms = 0;         /* it is alive */
    if (m->config.links == 0 || !is_candidate(m, from))
        return;
    t = count(m);
    if (t.chosen < t.want + CHOSEN_MORE && m->links_wanted < MESH_LINKS_MAX)
        choose(m, from, true, false);
}

void choose_up(struct member *o)
{
    o->choose.wait_ms = 0;
}

int mesh_member_may_link(struct mesh *m, const uint8_t root[KEY_BYTES], enum mesh_may may)
{
    struct member *o = mesh_member(m, root);

    update_begin(m);
    if (o == NULL || o == m->self)
        return -ENOENT;
    o->may_link = may;
    m->choose_at_ms = 0;               /* looked at in the next step */
    if (may == MESH_MAY_NOT)
        choose_undo(m, o);
    return 0;
}
