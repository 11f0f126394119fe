/* A disk that refuses what is handed out, since it is full, most likely. What it refused is fetched again, and would be refused again: so that waits, longer each time, and no
 * longer than until it takes something. Batches that come by themselves are handed out meanwhile, too: they show when it does. */
#include "node/mesh_private.h"

/* Of those that were on their way together, the first counts. */
void disk_refused(struct mesh *m)
{
    if (m->now_ms < m->disk_until_ms)
        return;
    m->disk_wait_ms = m->disk_wait_ms == 0 ? DISK_WAIT_MS : m->disk_wait_ms * 2 < DISK_WAIT_MAX_MS ? m->disk_wait_ms * 2 : DISK_WAIT_MAX_MS;
    m->disk_until_ms = m->now_ms + m->disk_wait_ms;
}

void disk_took(struct mesh *m)
{
    for (size_t i = 0; m->now_ms < m->disk_until_ms && i < m->members_n; i++) {
        if (m->members[i]->plan_at_ms == m->disk_until_ms)
            mesh_plan(m, m->members[i], m->now_ms);
    }
    m->disk_wait_ms = m->disk_until_ms = 0;
}

bool disk_rests(const struct mesh *m)
{
    return m->now_ms < m->disk_until_ms;
}
