#include <errno.h>
#include <string.h>

#include "store/setup.h"
#include "store/store_private.h"
#include "store/verify.h"

/* One key; what is said of it and stored about it is in the reader's voices. */
struct keyed {
    struct topic topic;
    struct subject subject;
    int category;                          /* policy index */
    bool protected_;
};

/* ---- whether scores can be compared at all */

/* False while the writer still works in a new policy or a rebuild, or what a clock that was ahead has left is not set right yet, or has another policy than this reader. */
static int scores_settled(struct verify *v, bool *settled)
{
    uint8_t want[HASH_BYTES], got[HASH_BYTES];
    int64_t rescan = 0, rebuild = 0, clock_top_s = 0;
    size_t len = 0;
    int rc = meta_number(&v->r->db, META_RESCAN, &rescan);
    if (rc == 0)
        rc = meta_number(&v->r->db, META_REBUILD, &rebuild);
    if (rc == 0)
        rc = meta_number(&v->r->db, META_CLOCK, &clock_top_s);
    if (rc == 0)
        rc = meta_bytes(&v->r->db, META_DIGEST, got, sizeof got, &len);
    if (rc == 0)
        rc = policy_digest(v->r->policy, &v->r->names, want);
    *settled = rc == 0 && rescan == 0 && rebuild == 0 && len == HASH_BYTES && !clock_was_ahead(clock_top_s, v->now_s);
    if (*settled && memcmp(want, got, HASH_BYTES) != 0) {
        *settled = false;
        verify_problem(v, "scores were computed with another configuration, or by another version, than this one: restart hearsayd, and verify again");
    }
    return rc;
}

/* ---- one key */

static void wrong(struct verify *v, const struct keyed *k, const char *what)
{
    char text[SUBJECT_TEXT_MAX];
    verify_problem(v, "%s in %s: %s", subject_text(&k->subject, text), v->r->names.categories[k->topic.category], what);
}

/* A row of the table against a score computed for its minute. */
static void check_stored(struct verify *v, const struct keyed *k, const struct listing_row *row, const struct score *now,
                         unsigned groups, int64_t look_s)
{
    if (row->score_micro != now->micro || row->groups != groups || row->said_by != now->said_by)
        wrong(v, k, "its score is not what its opinions give");
    if (row->until_s != look_s || row->due_s > row->until_s)
        wrong(v, k, "will be looked at again at another time than its opinions give");
}

static void check_listed(struct verify *v, const struct keyed *k, int zone, const struct listing_row *row)
{
    const struct policy_zone *z = &v->r->policy->zones[zone];
    size_t groups_n = v->r->names.groups_n;
    struct score now = voices_score(&v->r->voices, v->r->policy, k->category, row->minute_s);
    if (k->protected_)
        wrong(v, k, "is listed although it is protected");
    if (!z->white && voices_vouched_until(&v->r->voices, v->r->policy, row->minute_s) != 0)
        wrong(v, k, "is listed although own good mail vouches for it");
    if (!score_lists(z, &now, groups_n, true)) {
        wrong(v, k, "is listed, but its score does not uphold it");
        return;
    }
    check_stored(v, k, row, &now, z->white ? now.groups_white : now.groups,
                 voices_next_look(&v->r->voices, v->r->policy, k->category, zone, groups_n, true, row->minute_s));
}

/* When a zone that does not list the key may come to; INT64_MAX: never by time alone. */
static int64_t check_unlisted(struct verify *v, const struct keyed *k, int zone, const struct score *now, int64_t at_s)
{
    size_t groups_n = v->r->names.groups_n;
    const struct policy_zone *z = &v->r->policy->zones[zone];
    int64_t vouched_s = z->white ? 0 : voices_vouched_until(&v->r->voices, v->r->policy, at_s);
    bool lists = score_lists(z, now, groups_n, false);
    if (lists && !k->protected_ && vouched_s == 0)
        wrong(v, k, "is not listed, but its score asks for it");
    if (!lists && !now->may_rise)
        return INT64_MAX;
    int64_t look_s = voices_next_look(&v->r->voices, v->r->policy, k->category, zone, groups_n, lists, at_s);
    return lists && vouched_s != 0 && vouched_s < look_s ? vouched_s : look_s;
}

static void check_key(struct verify *v, const struct keyed *k)
{
    const struct listing_row *watch = voices_row(&v->r->voices, 0);
    int64_t at_s = watch != NULL ? watch->minute_s : v->now_s, look_s = INT64_MAX;
    struct score now = voices_score(&v->r->voices, v->r->policy, k->category, at_s);
    for (size_t zone = 0; zone < v->r->policy->zones_n; zone++) {
        const struct listing_row *row = voices_row(&v->r->voices, v->r->names.zone_ids[zone]);
        if (row != NULL) {
            check_listed(v, k, (int)zone, row);
            continue;
        }
        int64_t zone_look_s = check_unlisted(v, k, (int)zone, &now, at_s);
        look_s = zone_look_s < look_s ? zone_look_s : look_s;
    }
    if (watch != NULL)
        check_stored(v, k, watch, &now, now.groups, look_s);
}

static int check_row(struct verify *v, const struct query *q)
{
    struct bytes key = column_bytes(q, 0);
    struct keyed k = { .topic = { .key = key.at, .len = (uint8_t)key.len, .category = (uint16_t)column_int(q, 1) } };
    k.category = names_category_policy(&v->r->names, k.topic.category);
    if (key.len > SUBJECT_KEY_MAX || subject_from_key(key.at, key.len, &k.subject) != 0) {
        verify_problem(v, "a row has a subject that is none");
        return 0;
    }
    k.protected_ = reader_never_lists(v->r, &k.subject);
    int rc = voices_load(&v->r->voices, &v->r->db, &v->r->names, v->r->policy, &k.topic);
    if (rc == 0 && k.category >= 0)
        check_key(v, &k);
    else if (rc == 0 && v->r->voices.rows_n > 0)
        verify_problem(v, "a listing in a category that is not configured");
    return rc;
}

int verify_scores(struct verify *v)
{
    bool settled = false, checked = false;
    int rc = scores_settled(v, &settled);
    if (rc == 0)
        rc = reader_exceptions_checked(v->r, v->now_s, &checked);
    if (rc != 0 || !settled || !checked)
        return rc;
    rc = reader_exceptions_at(v->r, v->now_s);
    struct query q = query(&v->r->db, SQL_KEYS_ALL);
    while (rc == 0 && query_row(&q))
        rc = check_row(v, &q);
    int ended = query_end(&q);
    rc = rc != 0 ? rc : ended;
    return rc == 0 ? verify_networks(v) : rc;
}
