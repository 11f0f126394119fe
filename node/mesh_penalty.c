/* Faults of links. What a neighbour does wrong is counted as points that fade; too many, and its link is paused, for longer each time. This is about the
 * link alone: it never changes how much a member is believed, and what a member signed is taken over any other link meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/mesh_private.h"

/* Points, in thousandths, as they are now. */
static int64_t points(const struct mesh *m, struct penalty *p)
{
    int64_t halvings = (m->now_ms - p->at_ms) / PENALTY_HALF_MS;

    if (halvings > 0) {
        p->milli = halvings < 40 ? p->milli >> halvings : 0;
        p->at_ms += halvings * PENALTY_HALF_MS;
    }
    return p->milli;
}

bool penalty_is_paused(const struct mesh *m, const struct member *o)
{
    return m->now_ms < o->link.penalty.paused_until_ms;
}

static int64_t next_pause_ms(const struct mesh *m, const struct penalty *p)
{
    if (p->pause_ms == 0 || m->now_ms - p->paused_until_ms > PAUSE_FORGET_MS)
        return PAUSE_MS;
    return p->pause_ms * 2 < PAUSE_MAX_MS ? p->pause_ms * 2 : PAUSE_MAX_MS;
}

static void pause_link(struct mesh *m, struct member *o, const char *text)
{
    struct penalty *p = &o->link.penalty;
    struct mesh_action *a = update_about(m, MESH_DO_PAUSE, o);

    p->pause_ms = next_pause_ms(m, p);
    p->paused_until_ms = m->now_ms + p->pause_ms;
    p->milli = 0;
    if (p->paused_until_ms < m->resume_at_ms)
        m->resume_at_ms = p->paused_until_ms;
    mesh_count(m, MESH_COUNT_PAUSES);
    mesh_link_down(m, o);
    if (a == NULL)
        return;                        /* what it sends is not heard here all the same */
    a->pause_ms = p->pause_ms;
    snprintf(a->text, sizeof a->text, "%s", text);
}

void penalty_tick(struct mesh *m)
{
    if (m->now_ms < m->resume_at_ms)
        return;
    m->resume_at_ms = NEVER_MS;
    for (size_t i = 0; i < m->members_n; i++) {
        struct member *o = m->members[i];
        if (penalty_is_paused(m, o) && o->link.penalty.paused_until_ms < m->resume_at_ms)
            m->resume_at_ms = o->link.penalty.paused_until_ms;
        else if (!penalty_is_paused(m, o) && o->link.told_up && !o->link.up)
            mesh_link_up(m, o);
    }
}

void penalty_add(struct mesh *m, struct member *o, int64_t milli, const char *text)
{
    struct penalty *p = &o->link.penalty;

    if (penalty_is_paused(m, o))
        return;
    if (points(m, p) == 0)
        p->at_ms = m->now_ms;
    p->milli += milli;
    if (p->milli >= PENALTY_MAX_MILLI)
        pause_link(m, o, text);
}

int mesh_conduct(struct mesh *m, const uint8_t root[KEY_BYTES], struct mesh_conduct *out)
{
    struct member *o = mesh_member(m, root);

    if (o == NULL)
        return -ENOENT;
    memset(out, 0, sizeof *out);
    out->penalty_milli = points(m, &o->link.penalty);
    out->paused_ms = penalty_is_paused(m, o) ? o->link.penalty.paused_until_ms - m->now_ms : 0;
    out->over_quota = o->quota.over;
    out->over_subjects = o->over_subjects;
    return 0;
}
