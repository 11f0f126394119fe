#include "store/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The zones that list a key, as the database has it. */
struct listed {
    size_t n;
    struct { int64_t zone_id, since_s; int zone; } rows[2 * (POLICY_ZONES_MAX + 1)];    /* zone -1: no longer configured */
};

static int load_listed(struct fold *f, const struct topic *t, struct listed *l)
{
    struct query q = query(&f->s->db, SQL_LISTING_OF_KEY);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    l->n = 0;
    while (l->n < sizeof l->rows / sizeof *l->rows && query_row(&q)) {
        l->rows[l->n].zone_id = column_int(&q, 0);
        l->rows[l->n].since_s = column_int(&q, 1);
        l->rows[l->n].zone = names_zone(&f->s->names, f->s->policy, l->rows[l->n].zone_id);
        l->n++;
    }
    return query_end(&q);
}

static void subject_of(const struct topic *t, struct subject *out)
{
    memset(out, 0, sizeof *out);
    out->len = t->len;
    memcpy(out->key, t->key, t->len);
}

static int note_change(struct store *s, const struct topic *t, int zone, int category, bool now_listed)
{
    if (s->changes_n == s->changes_room) {
        size_t room = s->changes_room * 2 + 256;
        struct listing_change *grown = realloc(s->changes, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        s->changes = grown;
        s->changes_room = room;
    }
    struct listing_change *c = &s->changes[s->changes_n++];
    c->zone = zone;
    c->category = category;
    c->listed = now_listed;
    subject_of(t, &c->subject);
    return 0;
}

/* Readers look up only the prefix lengths that are in use; lengths are only added here, never taken away. */
static int note_prefix(struct store *s, const struct topic *t)
{
    int bit;
    if (t->key[0] == SUBJECT_IP4 && t->len == 6)
        bit = PREFIX_BIT_IP4(t->key[5]);
    else if (t->key[0] == SUBJECT_IP6 && t->len == 10)
        bit = PREFIX_BIT_IP6(t->key[9]);
    else
        return 0;
    int64_t mask = INT64_C(1) << (bit & 63);
    if ((s->prefixes & mask) != 0)
        return 0;
    s->prefixes |= mask;
    return meta_set_number(&s->db, META_PREFIXES, s->prefixes);
}

static int put_listing(struct fold *f, const struct topic *t, int zone, const struct score *score, int64_t until_s)
{
    struct query q = query(&f->s->db, SQL_LISTING_PUT);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, f->s->names.zone_ids[zone]);
    query_int(&q, f->now_s);
    query_int(&q, until_s);
    query_int(&q, score->micro);
    query_int(&q, f->s->policy->zones[zone].white ? score->groups_white : score->groups);
    int rc = query_run(&q);
    return rc == 0 ? note_prefix(f->s, t) : rc;
}

static int drop_listing(struct fold *f, const struct topic *t, int64_t zone_id)
{
    struct query q = query(&f->s->db, SQL_LISTING_DROP);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, zone_id);
    return query_run(&q);
}

static int put_score(struct fold *f, const struct topic *t, const struct score *score, int64_t due_s)
{
    struct query q = query(&f->s->db, SQL_SCORE_PUT);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, score->micro);
    query_int(&q, score->groups);
    query_int(&q, score->groups_white);
    query_int(&q, f->now_s - f->now_s % 60);
    query_int(&q, due_s);
    return query_run(&q);
}

static int has_score(struct fold *f, const struct topic *t, bool *has)
{
    struct query q = query(&f->s->db, SQL_SCORE_GET);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    *has = query_row(&q);
    return query_end(&q);
}

static int drop_score(struct fold *f, const struct topic *t)
{
    struct query q = query(&f->s->db, SQL_SCORE_DROP);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    return query_run(&q);
}

/* Takes out the rows of zones that nobody configures any more and, with `all`, every other too. */
static int unlist(struct fold *f, const struct topic *t, const struct listed *l, int category, bool all)
{
    for (size_t i = 0; i < l->n; i++) {
        if (!all && l->rows[i].zone >= 0)
            continue;
        int rc = drop_listing(f, t, l->rows[i].zone_id);
        if (rc == 0 && l->rows[i].zone >= 0 && category >= 0)
            rc = note_change(f->s, t, l->rows[i].zone, category, false);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool was_listed(const struct listed *l, int zone)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->rows[i].zone == zone)
            return true;
    return false;
}

/* One zone's verdict; *due_s becomes the earliest time at which one may change. A protected subject that would be listed
 * is looked at like a listed one, so that taking away the protection finds it again. */
static int judge(struct fold *f, const struct topic *t, const struct score *score, int zone, int category,
                 bool was, bool protected_, int64_t *due_s)
{
    struct store *s = f->s;
    bool lists = score_lists(&s->policy->zones[zone], score, s->names.groups_n, was);
    int64_t look_s = INT64_MAX;
    int rc = 0;
    if (lists || score->may_rise)
        look_s = voices_next_look(&s->voices, s->policy, category, zone, s->names.groups_n, lists, f->now_s);
    if (look_s < *due_s)
        *due_s = look_s;
    lists = lists && !protected_;
    if (lists)
        rc = put_listing(f, t, zone, score, look_s);
    else if (was)
        rc = drop_listing(f, t, s->names.zone_ids[zone]);
    if (rc == 0 && lists != was)
        rc = note_change(s, t, zone, category, lists);
    return rc;
}

static int judge_all(struct fold *f, const struct topic *t, const struct listed *l, int category, bool had)
{
    struct store *s = f->s;
    struct subject subject;
    int64_t due_s = INT64_MAX;
    struct score score = voices_score(&s->voices, s->policy, category, f->now_s);
    subject_of(t, &subject);
    bool protected_ = protect_covers(s->policy->protect, &subject);
    for (size_t zone = 0; zone < s->policy->zones_n; zone++) {
        int rc = judge(f, t, &score, (int)zone, category, was_listed(l, (int)zone), protected_, &due_s);
        if (rc != 0)
            return rc;
    }
    if (due_s != INT64_MAX)
        return put_score(f, t, &score, due_s);
    return had ? drop_score(f, t) : 0;
}

int rescore(struct fold *f, const struct topic *t)
{
    int category = names_category_policy(&f->s->names, t->category);
    struct listed l = { .n = 0 };
    bool had = false;
    int rc = has_score(f, t, &had);
    if (rc == 0 && (had || f->rescan))
        rc = load_listed(f, t, &l);
    if (rc == 0)
        rc = unlist(f, t, &l, category, category < 0);
    if (rc != 0)
        return rc;
    if (category < 0)
        return had ? drop_score(f, t) : 0;
    rc = voices_load(&f->s->voices, &f->s->db, &f->s->names, t);
    return rc == 0 ? judge_all(f, t, &l, category, had) : rc;
}
