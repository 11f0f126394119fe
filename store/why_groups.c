#include "store/why_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t clamped(int64_t sum_micro, int64_t cap_micro)
{
    return sum_micro < -(cap_micro / 2) ? -(cap_micro / 2) : sum_micro > cap_micro ? cap_micro : sum_micro;
}

static struct why_group *find(struct why *w, int category, int index)
{
    for (size_t i = 0; i < w->groups_n; i++)
        if (w->groups[i].category == category && w->groups[i].index == index)
            return &w->groups[i];
    return NULL;
}

static struct why_group *add(struct reader *r, struct why *w, int category, int index)
{
    const struct policy_member *root = &r->policy->members[index];
    const struct known_member *m = names_root(&r->names, root->root);
    struct why_group *g = &w->groups[w->groups_n++];
    *g = (struct why_group){
        .category = category, .index = index, .trust_micro = root->trust_micro < MICRO ? root->trust_micro : MICRO, .probation = r->names.probation[index],
        .probation_end_s = rights_probation_end(&root->rights, m != NULL ? m->peer_s : 0),
    };
    g->cap_micro = rights_cap(&root->rights, g->trust_micro);
    memcpy(g->root, root->root, KEY_BYTES);
    strcpy(g->name, root->name);
    return g;
}

static void finish(struct why_group *g)
{
    g->counted_micro = clamped(g->said_micro, g->cap_micro);
    g->would_micro = clamped(g->would_micro, g->cap_micro);
    g->quorum_micro = clamped(g->quorum_micro, g->cap_micro);
    g->in_quorum = g->quorum_micro >= SCORE_G_MIN_MICRO;
    g->in_quorum_white = g->quorum_micro <= -SCORE_G_MIN_MICRO;
}

int why_put_groups(struct reader *r, struct why *w)
{
    w->groups = calloc(w->opinions_n + 1, sizeof *w->groups);
    if (w->groups == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < w->opinions_n; i++) {
        const struct why_opinion *o = &w->opinions[i];
        if (o->category < 0 || o->group_index < 0 || o->opinion_micro == 0)
            continue;
        struct why_group *g = find(w, o->category, o->group_index);
        if (g == NULL)
            g = add(r, w, o->category, o->group_index);
        g->members_n++;
        g->said_micro += o->counted_micro;
        g->quorum_micro += o->quorum_micro;
        g->would_micro += o->bar == RIGHTS_HEARD ? o->would_micro : 0;
    }
    for (size_t i = 0; i < w->groups_n; i++)
        finish(&w->groups[i]);
    return 0;
}

int64_t why_sum(const struct why *w, int category)
{
    int64_t sum_micro = 0;
    for (size_t i = 0; i < w->groups_n; i++)
        sum_micro += w->groups[i].category == category ? w->groups[i].counted_micro : 0;
    for (size_t i = 0; i < w->opinions_n; i++)
        sum_micro += w->opinions[i].own && w->opinions[i].category == category ? w->opinions[i].counted_micro : 0;
    return sum_micro;
}
