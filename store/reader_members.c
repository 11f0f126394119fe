#include <errno.h>
#include <string.h>

#include "store/reader_private.h"

static int name_member(struct reader *r, const struct known_member *m, char out[NAME_MAX_BYTES + 1])
{
    struct record rec;
    if (m->policy >= 0) {
        strcpy(out, r->policy->members[m->policy].name);
        return 0;
    }
    int rc = reader_record(r, m->id, &rec, NULL, NULL);
    if (rc == 0)
        strcpy(out, rec.name);
    return rc == -ENOENT ? 0 : rc;
}

static void put_learned(struct member_row *row, const struct known_member *m, const struct learned *l, int64_t now_s)
{
    struct counters c = l->counters;
    counters_at(&c, now_s);
    row->reliability = m->counted;
    row->confirmed_milli = c.confirmed_micro / 1000;
    row->refuted_milli = c.refuted_micro / 1000;
    row->seen_milli = c.seen_micro / 1000;
    row->unseen_milli = c.unseen_micro / 1000;
    row->confirmed_white_milli = c.confirmed_white_micro / 1000;
    row->refuted_white_milli = c.refuted_white_micro / 1000;
    breaker_day(&l->breaker, now_s, &row->judged_day, &row->refuted_day);
    if (!breaker_is_open(&l->breaker, now_s))
        return;
    row->breaker_until_s = l->breaker.until_s;
    row->breaker_times = l->breaker.times;
}

static int fill(struct reader *r, const struct known_member *m, int64_t now_s, struct member_row *row)
{
    memcpy(row->root, m->root, KEY_BYTES);
    row->configured = m->policy >= 0;
    row->introduced = m->policy < 0 && names_trusted(&r->names, m->root) != NULL;
    row->quarantined = m->quarantined;
    row->trust_micro = m->trust_micro;
    if (m->group >= 0)
        memcpy(row->group, r->policy->members[m->group].root, KEY_BYTES);
    struct query q = query(&r->db, SQL_BATCH_NEWEST);
    query_int(&q, m->id);
    row->last_s = query_row(&q) ? column_int(&q, 0) : 0;
    int rc = query_end(&q);
    if (rc != 0)
        return rc;
    put_learned(row, m, names_learned(&r->names, m), now_s);
    return name_member(r, m, row->name);
}

int reader_members(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct member_row *m), void *ctx)
{
    int stop = 0, rc = reader_begin(r);
    if (rc != 0)
        return rc;
    rc = names_load(&r->names, &r->db, r->policy);
    for (size_t i = 0; rc == 0 && stop == 0 && i < r->names.members_n; i++) {
        const struct known_member *m = &r->names.members[i];
        struct member_row row = { .name = "" };
        if (m->forgotten || m->self)
            continue;
        rc = fill(r, m, now_s, &row);
        if (rc == 0)
            stop = each(ctx, &row);
    }
    rc = reader_end(r, rc);
    return rc != 0 ? rc : stop;
}
