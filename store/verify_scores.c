#include <errno.h>
#include <string.h>

#include "store/setup.h"
#include "store/store_private.h"
#include "store/verify.h"

/* One key with all that is stored about it. */
struct keyed {
    struct topic topic;
    struct subject subject;
    int category;                          /* policy index */
    bool has_score;
    struct score score;                    /* as stored: micro, groups, groups_white */
    int64_t minute_s, due_s;
    bool listed[POLICY_ZONES_MAX + 1];
    int64_t listed_micro[POLICY_ZONES_MAX + 1];
    size_t listings_n;
};

/* ---- whether scores can be compared at all */

/* False while the writer still works in a new policy or a rebuild, or has another policy than this reader. */
static int scores_settled(struct verify *v, bool *settled)
{
    uint8_t want[HASH_BYTES], got[HASH_BYTES];
    int64_t rescan = 0, rebuild = 0;
    size_t len = 0;
    int rc = meta_number(&v->r->db, META_RESCAN, &rescan);
    if (rc == 0)
        rc = meta_number(&v->r->db, META_REBUILD, &rebuild);
    if (rc == 0)
        rc = meta_bytes(&v->r->db, META_DIGEST, got, sizeof got, &len);
    if (rc == 0)
        rc = policy_digest(v->r->policy, want);
    *settled = rc == 0 && rescan == 0 && rebuild == 0 && len == HASH_BYTES;
    if (*settled && memcmp(want, got, HASH_BYTES) != 0) {
        *settled = false;
        verify_problem(v, "scores were computed with another configuration than this one: reload hearsayd and verify again");
    }
    return rc;
}

/* ---- one key */

static int load_score(struct verify *v, struct keyed *k)
{
    struct query q = query(&v->r->db, SQL_SCORE_GET);
    query_blob(&q, k->topic.key, k->topic.len);
    query_int(&q, k->topic.category);
    k->has_score = query_row(&q);
    if (k->has_score) {
        k->score.micro = column_int(&q, 0);
        k->score.groups = (unsigned)column_int(&q, 1);
        k->score.groups_white = (unsigned)column_int(&q, 2);
        k->minute_s = column_int(&q, 3);
        k->due_s = column_int(&q, 4);
    }
    return query_end(&q);
}

static int load_listings(struct verify *v, struct keyed *k)
{
    struct query q = query(&v->r->db, SQL_LISTING_OF_KEY);
    query_blob(&q, k->topic.key, k->topic.len);
    query_int(&q, k->topic.category);
    while (query_row(&q)) {
        int zone = names_zone(&v->r->names, v->r->policy, column_int(&q, 0));
        k->listings_n++;
        if (zone < 0)
            continue;
        k->listed[zone] = true;
        k->listed_micro[zone] = column_int(&q, 3);
    }
    return query_end(&q);
}

static void wrong(struct verify *v, const struct keyed *k, const char *what)
{
    char text[SUBJECT_TEXT_MAX];
    verify_problem(v, "%s in %s: %s", subject_text(&k->subject, text), v->r->names.categories[k->topic.category], what);
}

/* Hysteresis: a listing that stands must be allowed to stay, and none that is missing may be due to begin. */
static int64_t check_zone(struct verify *v, const struct keyed *k, int zone, const struct score *now, bool protected_, int64_t at_s)
{
    const struct policy *p = v->r->policy;
    const struct names *n = &v->r->names;
    bool lists = score_lists(&p->zones[zone], now, n->groups_n, k->listed[zone]);
    if (k->listed[zone] && protected_)
        wrong(v, k, "is listed although it is protected");
    else if (k->listed[zone] && !lists)
        wrong(v, k, "is listed, but its score does not uphold it");
    else if (!k->listed[zone] && lists && !protected_)
        wrong(v, k, "is not listed, but its score asks for it");
    if (k->listed[zone] && k->listed_micro[zone] != now->micro)
        wrong(v, k, "its listing has another score than its opinions give");
    if (!lists && !now->may_rise)
        return INT64_MAX;
    return voices_next_look(&v->r->voices, p, k->category, zone, n->groups_n, lists, at_s);
}

static void check_key(struct verify *v, const struct keyed *k)
{
    int64_t at_s = k->has_score ? k->minute_s : v->now_s, due_s = INT64_MAX;
    struct score now = voices_score(&v->r->voices, v->r->policy, k->category, at_s);
    bool protected_ = protect_covers(v->r->policy->protect, &k->subject);
    if (k->has_score && (k->score.micro != now.micro || k->score.groups != now.groups || k->score.groups_white != now.groups_white))
        wrong(v, k, "its score is not what its opinions give");
    if (!k->has_score && k->listings_n > 0)
        wrong(v, k, "is listed without a score");
    for (size_t zone = 0; zone < v->r->policy->zones_n; zone++) {
        int64_t look_s = check_zone(v, k, (int)zone, &now, protected_, at_s);
        due_s = look_s < due_s ? look_s : due_s;
    }
    if (k->has_score && k->due_s != due_s)
        wrong(v, k, "will be looked at again at another time than its opinions give");
}

static int check_row(struct verify *v, const struct query *q)
{
    struct bytes key = column_bytes(q, 0);
    struct keyed k = { .topic = { key.at, (uint8_t)key.len, (uint16_t)column_int(q, 1) } };
    k.category = names_category_policy(&v->r->names, k.topic.category);
    if (key.len > SUBJECT_KEY_MAX || subject_from_key(key.at, key.len, &k.subject) != 0) {
        verify_problem(v, "a row has a subject that is none");
        return 0;
    }
    int rc = load_score(v, &k);
    if (rc == 0)
        rc = load_listings(v, &k);
    if (rc != 0)
        return rc;
    if (k.category < 0) {
        if (k.has_score || k.listings_n > 0)
            verify_problem(v, "a score or listing in a category that is not configured");
        return 0;
    }
    rc = voices_load(&v->r->voices, &v->r->db, &v->r->names, &k.topic);
    if (rc == 0)
        check_key(v, &k);
    return rc;
}

int verify_scores(struct verify *v)
{
    bool settled = false;
    int rc = scores_settled(v, &settled);
    if (rc != 0 || !settled)
        return rc;
    struct query q = query(&v->r->db, SQL_KEYS_ALL);
    while (rc == 0 && query_row(&q))
        rc = check_row(v, &q);
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}
