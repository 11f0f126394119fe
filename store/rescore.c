#include "store/fold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/learn.h"

static void subject_of(const struct topic *t, struct subject *out)
{
    memset(out, 0, sizeof *out);
    out->len = t->len;
    memcpy(out->key, t->key, t->len);
}

int fold_note_change(struct store *s, const struct topic *t, int zone, int category, bool now_listed)
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
int fold_note_prefix(struct store *s, const struct topic *t)
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

/* A row that is there and is to be looked at no later than it should keeps its place in the index of times. */
static int keep_row(struct fold *f, const struct topic *t, int64_t zone_id, const struct score *score, unsigned groups, int64_t until_s)
{
    struct query q = query(&f->s->db, SQL_LISTING_KEEP);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, zone_id);
    query_int(&q, until_s);
    query_int(&q, f->now_s - f->now_s % 60);
    query_int(&q, score->micro);
    query_int(&q, groups);
    query_int(&q, (int64_t)score->said_by);
    return query_run(&q);
}

static int new_row(struct fold *f, const struct topic *t, int64_t zone_id, const struct score *score, unsigned groups, int64_t until_s)
{
    struct query q = query(&f->s->db, SQL_LISTING_PUT);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, zone_id);
    query_int(&q, f->now_s);
    query_int(&q, until_s);
    query_int(&q, until_s);
    query_int(&q, f->now_s - f->now_s % 60);
    query_int(&q, score->micro);
    query_int(&q, groups);
    query_int(&q, (int64_t)score->said_by);
    return query_run(&q);
}

static int put_row(struct fold *f, const struct topic *t, int64_t zone_id, const struct score *score, unsigned groups, int64_t until_s)
{
    const struct listing_row *row = voices_row(&f->s->voices, zone_id);
    bool keeps = row != NULL && row->due_s > f->now_s && row->due_s <= until_s;
    return (keeps ? keep_row : new_row)(f, t, zone_id, score, groups, until_s);
}

static int drop_row(struct fold *f, const struct topic *t, int64_t zone_id)
{
    struct query q = query(&f->s->db, SQL_LISTING_DROP);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, zone_id);
    return query_run(&q);
}

/* What the zone without a name lists stands in no file, and is counted apart as well. */
static void count_listing(struct store *s, int64_t zone_id, int n)
{
    s->counted[COUNT_LISTINGS] += n;
    s->counted[COUNT_UNNAMED] += zone_id == s->names.unnamed_zone_id ? n : 0;
}

/* Takes out the rows of zones that nobody configures any more and, with `all`, every other too. */
static int unlist(struct fold *f, const struct topic *t, int category, bool all)
{
    const struct voices *v = &f->s->voices;
    for (size_t i = 0; i < v->rows_n; i++) {
        bool leftover = v->rows[i].zone < 0 && v->rows[i].zone_id != 0;
        if (!all && !leftover)
            continue;
        int rc = drop_row(f, t, v->rows[i].zone_id);
        if (v->rows[i].zone_id != 0)
            count_listing(f->s, v->rows[i].zone_id, -1);
        if (rc == 0 && v->rows[i].zone >= 0 && category >= 0)
            rc = fold_note_change(f->s, t, v->rows[i].zone, category, false);
        if (rc == 0)
            rc = fold_touch_network(f, t->key, t->len, true);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* A key on its way to its verdicts. */
struct trial {
    const struct topic *topic;
    int category;
    struct score score;
    bool protected_;
    int64_t vouched_s;             /* until when own good mail keeps it off black zones; 0: it does not */
    int64_t watch_s;               /* the earliest time at which a zone that does not list it may come to */
};

/* What a network is made of, or what stands in its way, has changed: the listing began or ended, or other groups say so. */
static int touch_network(struct fold *f, const struct trial *t, const struct policy_zone *z, const struct listing_row *row, bool lists)
{
    bool changed = lists != (row != NULL) || (lists && !z->white && row->said_by != t->score.said_by);
    return changed && (z->white || z->networks) ? fold_touch_network(f, t->topic->key, t->topic->len, z->white) : 0;
}

/* One zone's verdict. A subject that would be listed, but is protected or vouched for, is watched, so that the end of that finds it: as one that is not listed,
 * which takes the whole threshold. */
static int judge(struct fold *f, struct trial *t, int zone)
{
    struct store *s = f->s;
    const struct policy_zone *z = &s->policy->zones[zone];
    int64_t zone_id = s->names.zone_ids[zone], look_s = INT64_MAX;
    const struct listing_row *row = voices_row(&s->voices, zone_id);
    bool was = row != NULL, vouched = t->vouched_s != 0 && !z->white, kept_off = t->protected_ || vouched;
    bool lists = score_lists(z, &t->score, s->names.groups_n, was && !kept_off);
    if (lists || t->score.may_rise)
        look_s = voices_next_look(&s->voices, s->policy, t->category, zone, s->names.groups_n, lists, f->now_s);
    if (lists && vouched && t->vouched_s < look_s)
        look_s = t->vouched_s;
    lists = lists && !kept_off;
    if (!lists && look_s < t->watch_s)
        t->watch_s = look_s;
    int rc = touch_network(f, t, z, row, lists);
    if (rc == 0 && lists)
        rc = put_row(f, t->topic, zone_id, &t->score, z->white ? t->score.groups_white : t->score.groups, look_s);
    else if (rc == 0 && was)
        rc = drop_row(f, t->topic, zone_id);
    if (rc != 0 || lists == was)
        return rc;
    count_listing(s, zone_id, lists ? 1 : -1);
    if (!lists)
        return fold_note_end(f, t->topic, zone, t->category);
    rc = fold_note_prefix(s, t->topic);
    return rc == 0 ? fold_note_change(s, t->topic, zone, t->category, true) : rc;
}

static int judge_all(struct fold *f, struct trial *t)
{
    struct subject subject;
    subject_of(t->topic, &subject);
    t->protected_ = store_never_lists(f->s, &subject);
    t->score = voices_score(&f->s->voices, f->s->policy, t->category, f->now_s);
    t->vouched_s = voices_vouched_until(&f->s->voices, f->s->policy, f->now_s);
    t->watch_s = INT64_MAX;
    for (size_t zone = 0; zone < f->s->policy->zones_n; zone++) {
        int rc = judge(f, t, (int)zone);
        if (rc != 0)
            return rc;
    }
    if (t->watch_s != INT64_MAX)
        return put_row(f, t->topic, 0, &t->score, t->score.groups, t->watch_s);
    return voices_row(&f->s->voices, 0) != NULL ? drop_row(f, t->topic, 0) : 0;
}

int rescore(struct fold *f, const struct topic *t)
{
    struct store *s = f->s;
    struct trial trial = { .topic = t, .category = names_category_policy(&s->names, t->category) };
    int rc = voices_load(&s->voices, &s->db, &s->names, s->policy, t);
    if (rc == 0)
        rc = learn_topic(f, t);
    if (rc == 0)
        rc = unlist(f, t, trial.category, trial.category < 0);
    if (rc == 0 && s->voices.has_own)
        rc = fold_touch_network(f, t->key, t->len, false);
    return rc == 0 && trial.category >= 0 ? judge_all(f, &trial) : rc;
}
