/* Catching up: how much of what neighbours hold is here, and when what others say may begin to count. A new member that judged by the first batches that come
 * would list what the next ones withdraw. */
#include <string.h>

#include "node/mesh_private.h"

enum {
    CATCH_LOOK_MS = 500,
    CATCH_PERCENT = 95,                /* of the batches that neighbours hold, on our disk */
    CATCH_GRACE_MS = 2000,             /* so long, after the first neighbour told all it has, those that cannot be reached may yet come */
    CATCH_LATE_MS = 15000,             /* and those that can may yet tell: one that is slow may be the one that has most */
    CATCH_SETTLE_MS = 300,             /* a long vector comes in several messages */
    CATCH_STALL_MS = 15000,            /* nothing came for so long of what was told, more than a fetch may take: they will not deliver */
    CATCH_SILENT_MS = 60000,           /* so long nobody told anything: nobody is there */
    CATCH_MAX_MS = 1800 * 1000         /* nor do we wait any longer for a trickle */
};

static void count(const struct mesh *m, uint64_t *held, uint64_t *known)
{
    *held = *known = 0;
    for (size_t i = 0; i < m->members_n; i++) {
        struct mesh_log_state s;
        if (m->members[i] == m->self || mesh_log_state(m, m->members[i]->root, &s) != 0)
            continue;
        *held += m->members[i]->held_n;
        *known += m->members[i]->held_n + (s.missing < MESH_HELD_MAX ? s.missing : MESH_HELD_MAX);
    }
    *held -= MESH_INFLIGHT_MAX - m->free_n < *held ? MESH_INFLIGHT_MAX - m->free_n : *held;
}

/* Whether those who are asked have told what they hold. The wait is from the first of them on, once: who tells over and over does not prolong it. */
static bool is_told(struct mesh *m)
{
    int64_t last_ms = -1;
    size_t told_n = 0, absent_n = 0;

    for (size_t i = 0; i < m->members_n; i++) {
        const struct link *l = &m->members[i]->link;
        if (!l->wanted)
            continue;
        told_n += l->full_ms >= 0;
        absent_n += l->full_ms < 0 && l->absent;
        last_ms = l->full_ms > last_ms ? l->full_ms : last_ms;
    }
    if (told_n == 0)
        return false;
    if (m->catch.first_ms < 0)
        m->catch.first_ms = last_ms;
    if (m->now_ms - m->catch.first_ms >= CATCH_LATE_MS)
        return true;
    if (m->now_ms - last_ms < CATCH_SETTLE_MS || told_n + absent_n < m->links_wanted)
        return false;
    return absent_n == 0 || m->now_ms - m->catch.first_ms >= CATCH_GRACE_MS;
}

static bool is_caught_up(struct mesh *m)
{
    int64_t last_ms = m->catch.progress_ms > m->catch.since_ms ? m->catch.progress_ms : m->catch.since_ms;
    uint64_t held, known;

    if (m->now_ms - m->catch.since_ms >= CATCH_MAX_MS || m->now_ms - last_ms >= CATCH_SILENT_MS)
        return true;
    if (!is_told(m))
        return false;
    if (m->now_ms - last_ms >= CATCH_STALL_MS)
        return true;
    count(m, &held, &known);
    return held * 100 >= known * CATCH_PERCENT;
}

void catch_stored(struct mesh *m)
{
    m->catch.progress_ms = m->now_ms;
}

void catch_tick(struct mesh *m)
{
    if (m->catch.done || m->links_wanted == 0) {
        m->catch.look_at_ms = NEVER_MS;
        return;
    }
    if (m->catch.since_ms < 0)
        m->catch.since_ms = m->now_ms;
    else if (m->now_ms < m->catch.look_at_ms)
        return;
    m->catch.look_at_ms = m->now_ms + CATCH_LOOK_MS;
    if (is_caught_up(m) && update_add(m, MESH_DO_CAUGHT_UP) != NULL)
        m->catch.done = true;
}

void mesh_catching(const struct mesh *m, struct mesh_catching *out)
{
    memset(out, 0, sizeof *out);
    out->caught_up = m->catch.done;
    count(m, &out->held, &out->known);
    for (size_t i = 0; i < m->members_n; i++)
        out->neighbours += m->members[i]->link.up && (m->members[i]->link.fetches > 0 || m->members[i]->link.inflight > 0);
}
