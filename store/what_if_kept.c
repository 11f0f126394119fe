#include "store/what_if_kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool below(const struct what_if_mark *a, const struct what_if_mark *b)
{
    return a->epoch < b->epoch || (a->epoch == b->epoch && a->seq < b->seq);
}

/* ---- how many are kept */

/* Of a member as the names have it, under this policy; its trust in the policy in force may be another. */
static uint32_t kept_of(const struct supposing *how, const struct policy *p, const struct known_member *m, uint32_t trust_micro)
{
    const struct policy_member *root = &p->members[m->group];
    bool introduced = m->policy < 0;
    uint32_t most = introduced ? policy_subjects_share(root->rights.max_subjects, trust_micro, root->trust_micro) : root->rights.max_subjects;
    return policy_subjects_max(how->subjects_quota, trust_micro, most, introduced);
}

/* 0: no other than now. What an introduced one had before follows from its share in its group, which stays. */
static uint32_t changed_most(const struct supposing *how, const struct policy *supposed, const struct known_member *m)
{
    if (m->forgotten || m->self || m->group < 0 || (size_t)m->group >= how->before->members_n)
        return 0;
    const struct policy_member *root = &supposed->members[m->group], *was = &how->before->members[m->group];
    uint64_t trust_was = m->policy >= 0 ? was->trust_micro : root->trust_micro > 0 ? (uint64_t)m->trust_micro * was->trust_micro / root->trust_micro : 0;
    uint32_t most = kept_of(how, supposed, m, m->trust_micro);
    return most != kept_of(how, how->before, m, (uint32_t)trust_was) ? most : 0;
}

/* From which number on the newest batches say as many opinions, or more. *more: there may be what is not here. */
static int find_mark(struct reader *r, const struct known_member *m, uint64_t most, struct what_if_mark *out, bool *more)
{
    uint64_t opinions = 0;
    struct what_if_mark from = { 0, 0 };
    struct query q = query(&r->db, SQL_BATCH_OPINIONS);
    query_int(&q, m->id);
    while (opinions < most && query_row(&q)) {
        from = (struct what_if_mark){ (uint32_t)column_int(&q, 0), (uint64_t)column_int(&q, 1) };
        opinions += (uint64_t)column_int(&q, 2);
    }
    if (opinions >= most)
        *out = from;
    else
        *more |= m->bound_epoch > 0;
    return query_end(&q);
}

int what_if_kept_begin(struct what_if_kept *k, struct reader *r, const struct supposing *how)
{
    bool any = false;
    int rc = 0;
    if (how->before == NULL || r->names.members_n == 0)
        return 0;
    struct what_if_mark *from = calloc(r->names.members_n, sizeof *from);
    if (from == NULL)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < r->names.members_n; i++) {
        const struct known_member *m = &r->names.members[i];
        uint32_t most = changed_most(how, r->policy, m);
        rc = most > 0 ? find_mark(r, m, most, &from[i], &k->found.more) : 0;
        any |= from[i].epoch > 0;
    }
    if (rc != 0 || !any) {
        free(from);
        return rc;
    }
    k->from = from;
    k->q = query(&r->db, SQL_OPINION_NUMBERS);
    k->row = query_row(&k->q);
    return 0;
}

/* ---- the pass */

static void leave_out(struct voices *v, int64_t who)
{
    size_t kept_n = 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->all[i].who != who)
            v->all[kept_n++] = v->all[i];
    v->n = kept_n;
}

int what_if_forget(struct what_if_kept *k, struct reader *r, const struct topic *t)
{
    for (; k->row; k->row = query_row(&k->q)) {
        struct bytes key = column_bytes(&k->q, 0);
        if (key.len > SUBJECT_KEY_MAX)
            return -EBADMSG;
        int order = topic_compare(&(struct topic){ .key = key.at, .len = (uint8_t)key.len, .category = (uint16_t)column_int(&k->q, 1) }, t);
        if (order > 0)
            return 0;
        const struct known_member *m = order == 0 ? names_member(&r->names, column_int(&k->q, 2)) : NULL;
        struct what_if_mark at = { (uint32_t)column_int(&k->q, 3), (uint64_t)column_int(&k->q, 4) };
        if (m == NULL || !below(&at, &k->from[m - r->names.members]))
            continue;
        leave_out(&r->voices, m->id);
        k->found.forgotten++;
    }
    return 0;
}

int what_if_kept_end(struct what_if_kept *k)
{
    int rc = k->from != NULL ? query_end(&k->q) : 0;
    free(k->from);
    k->from = NULL;
    return rc;
}
