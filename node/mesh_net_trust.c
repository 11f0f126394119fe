/* Members by introduction: the store reckons who has trust; here they become members of the mesh, and cease to be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/mesh_net_private.h"

static bool is_configured(const struct net_peers *peers, const uint8_t root[KEY_BYTES])
{
    for (size_t i = 0; i < peers->n; i++) {
        if (memcmp(peers->peers[i].record.root, root, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

/* What is kept of the root of its group is bounded by hand: then it gets as small a part of that as of the root's trust. 0: it is not bounded so. */
static uint32_t subjects_share(const struct net_peers *peers, const struct trusted *t)
{
    for (size_t i = 0; i < peers->n; i++) {
        const struct config_peer *root = &peers->peers[i];
        if (memcmp(root->record.root, t->group, KEY_BYTES) == 0)
            return policy_subjects_share(root->subjects_max, t->tau_micro, root->trust_micro);
    }
    return 0;
}

static int add_introduced(void *ctx, const struct trusted *t, const struct record *rec, struct bytes frame)
{
    struct net_members *m = ctx;
    struct net_introduced *i;

    if (is_configured(m->configured, t->root))
        return 0;
    if (m->introduced_n == m->room) {
        size_t room = m->room == 0 ? 16 : m->room * 2;
        struct net_introduced *grown = realloc(m->introduced, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        m->introduced = grown;
        m->room = room;
    }
    i = &m->introduced[m->introduced_n++];
    *i = (struct net_introduced){ .trusted = *t, .peer = { .record = *rec, .frame_len = frame.len, .trust_micro = t->tau_micro, .subjects_max = subjects_share(m->configured, t) } };
    memcpy(i->peer.frame, frame.at, frame.len);
    memcpy(i->peer.name, rec->name, sizeof i->peer.name);
    return 0;
}

int net_trust_read(struct mesh_net *n, struct net_members *m)
{
    int rc = reader_trusted(n->reader, add_introduced, m);

    if (rc != 0)
        net_trust_clear(m);
    return rc;
}

void net_trust_clear(struct net_members *m)
{
    free(m->introduced);
    m->introduced = NULL;
    m->introduced_n = m->room = 0;
}

static int compare_introduced(const void *root, const void *i)
{
    return memcmp(root, ((const struct net_introduced *)i)->trusted.root, KEY_BYTES);
}

const struct net_introduced *net_trust_find(const struct net_members *m, const uint8_t root[KEY_BYTES])
{
    return m->introduced_n == 0 ? NULL : bsearch(root, m->introduced, m->introduced_n, sizeof *m->introduced, compare_introduced);
}

static int load_list(void *ctx, struct bytes frame)
{
    struct mesh_net *n = ctx;
    int rc = mesh_introductions(n->mesh, frame);

    return rc == -ENOMEM ? rc : 0;     /* of an introducer that is no member here: the store is about to drop it */
}

int net_trust_lists(struct mesh_net *n)
{
    return reader_lists(n->reader, NULL, load_list, n);
}
