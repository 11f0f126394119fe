/* How much of one origin is kept. A bound is a floor of our own making: below it all is dead here, for good measure as if the author had announced it. It is reckoned from
 * the newest batch down, so it depends on nothing but the set of batches that were seen:
 *
 *   subjects   the highest number from which on, up to the head, the batches on disk say as many opinions as are kept of this member, or more. What is kept says by itself where
 *              the bound is: nothing has to be remembered over a restart, and who lacks the lowest of these batches finds it at everybody else.
 *   batches    the newest MESH_HELD_MAX, of the newest MESH_EPOCHS_MAX epochs.
 *
 * Neighbours are told no more than the lowest number that is kept, as a floor; they may have other bounds. Nobody is blamed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/mesh_private.h"

/* Never of our own log: the store says what of it lives. */
static void tell(struct mesh *m, struct member *o, int64_t at_ms)
{
    if (o == m->self)
        return;
    o->bound_untold = true;
    m->bound_at_ms = at_ms < m->bound_at_ms ? at_ms : m->bound_at_ms;
}

static void raise_to(struct mesh *m, struct member *o, uint32_t epoch, uint64_t seq)
{
    if (!mark_is_above((struct mark){ epoch, seq }, o->bound.epoch, o->bound.seq))
        return;
    o->bound = (struct mark){ epoch, seq };
    tell(m, o, m->now_ms + BOUND_TELL_MS);
    log_forget_below(m, o, o->bound);
}

/* What the batches of the lowest number say, and how many these are. An epoch without any is in the way, too. */
static uint64_t lowest(const struct member *o, size_t *n)
{
    const struct held *versions[VERSIONS_ROOM];
    const struct epoch_log *e = o->epochs[0];
    uint64_t opinions = 0;

    *n = e->present.n == 0 ? 0 : log_versions(e, e->present.at[0].from, versions);
    for (size_t i = 0; i < *n; i++)
        opinions += versions[i]->state == HELD_STORED ? versions[i]->opinions : 0;
    return opinions;
}

static void drop_lowest(struct mesh *m, struct member *o)
{
    const struct epoch_log *e = o->epochs[0];

    if (e->present.n == 0)
        raise_to(m, o, e->epoch + 1, 0);
    else
        raise_to(m, o, e->epoch, e->present.at[0].from + 1);
}

static void alert(struct mesh *m, struct member *o)
{
    char text[MESH_TEXT_MAX];

    if (o->subjects_alert_s != 0 && m->now_s - o->subjects_alert_s < ALERT_S)
        return;
    o->subjects_alert_s = m->now_s;
    snprintf(text, sizeof text, "says more than the %lu opinions that are kept of it: the oldest are forgotten (quota subjects)", (unsigned long)o->subjects_max);
    update_alert(m, o, text);
}

static void keep_subjects(struct mesh *m, struct member *o)
{
    while (o->subjects_max > 0 && o != m->self && o->epochs_n > 0 && o->opinions_n >= o->subjects_max) {
        size_t n;
        uint64_t opinions = lowest(o, &n);
        if (o->opinions_n - opinions < o->subjects_max)
            return;
        o->over_subjects += n;
        for (size_t i = 0; i < n; i++)
            mesh_count(m, MESH_COUNT_QUOTA_SUBJECTS);
        drop_lowest(m, o);
        alert(m, o);
    }
}

void bound_keep(struct mesh *m, struct member *o)
{
    while (o->epochs_n > MESH_EPOCHS_MAX) {
        mesh_count(m, MESH_COUNT_OVER_EPOCHS);
        raise_to(m, o, o->epochs[0]->epoch + 1, 0);
    }
    while (o->held_n > MESH_HELD_MAX) {
        mesh_count(m, MESH_COUNT_OVER_BATCHES);
        drop_lowest(m, o);
    }
    keep_subjects(m, o);
}

void bound_again(struct mesh *m, struct member *o)
{
    const struct mark before = o->bound;

    o->bound = (struct mark){ 0, 0 };
    bound_keep(m, o);
    if (o == m->self || !mark_is_above(before, o->bound.epoch, o->bound.seq))
        return;
    tell(m, o, m->now_ms);             /* before any of it comes back */
    mesh_plan(m, o, m->now_ms + GAP_GRACE_MS);
}

/* Not so when it is the number of batches or of epochs that is full. */
bool bound_has(struct member *o, uint32_t epoch, uint64_t seq)
{
    if (o->subjects_max == 0 || o->opinions_n < o->subjects_max || !mark_is_above(o->bound, epoch, seq) || mark_is_above(o->floor, epoch, seq) || mark_is_above(o->past, epoch, seq))
        return false;
    o->over_subjects++;
    return true;
}

static bool tell_store(struct mesh *m, const struct member *o)
{
    struct mesh_action *a = update_add(m, MESH_DO_BOUND);

    if (a == NULL)
        return false;
    memcpy(a->origin, o->root, KEY_BYTES);
    a->batch.name.epoch = o->bound.epoch;
    a->batch.name.seq = o->bound.seq;
    return true;
}

void bound_tick(struct mesh *m)
{
    if (m->now_ms < m->bound_at_ms)
        return;
    m->bound_at_ms = NEVER_MS;
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        if (o->bound_untold && tell_store(m, o))
            o->bound_untold = false;
        if (o->bound_untold)
            m->bound_at_ms = m->now_ms + BOUND_TELL_MS;
    }
}

int mesh_member_subjects(struct mesh *m, const uint8_t root[KEY_BYTES], uint32_t most)
{
    struct member *o = mesh_member(m, root);
    uint32_t before;

    if (o == NULL)
        return -ENOENT;
    before = o->subjects_max;
    o->subjects_max = most;
    update_begin(m);
    if (before != 0 && (most == 0 || most > before))
        bound_again(m, o);
    else if (most != before)
        bound_keep(m, o);
    return 0;
}
