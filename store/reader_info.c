#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/reader_private.h"
#include "store/store_private.h"

/* ---- info */

enum { WORDS_MAX = 2048 };      /* a millisecond */

struct found {
    struct { int category, zone; int64_t until_s, score_micro; } rows[POLICY_CATEGORIES_MAX * 4];
    size_t n;
    size_t words_left;          /* that may still be looked at, as they will be at a later time */
    bool black;
};

static int64_t later(int64_t a_s, int64_t b_s)
{
    return a_s > b_s ? a_s : b_s;
}

/* When they fall off. Stored is when the writer looks again, until when each stays: it begins from there. Mail waits for this, hence WORDS_MAX; where many speak for
 * both sides the end is told too early then, as `list` does. */
static int put_ends(struct reader *r, const struct subject *s, struct found *f, size_t from, int64_t now_s)
{
    int rc = 0, category = -1;
    for (size_t i = from; rc == 0 && i < f->n; i++) {
        if (f->rows[i].category != category)
            rc = reader_voices(r, s, f->rows[i].category);
        category = f->rows[i].category;
        if (rc == 0)
            f->rows[i].until_s = voices_falls_off(&r->voices, r->policy, category, f->rows[i].zone, r->names.groups_n, later(f->rows[i].until_s, now_s), &f->words_left);
    }
    return rc;
}

static int add_found(struct reader *r, const struct subject *s, struct found *f, int64_t now_s)
{
    size_t from = f->n;
    struct query q = query(&r->db, SQL_LISTING_OF_SUBJECT);
    query_blob(&q, s->key, s->len);
    while (f->n < sizeof f->rows / sizeof *f->rows && query_row(&q)) {
        int category = names_category_policy(&r->names, column_int(&q, 0));
        int zone = names_zone(&r->names, r->policy, column_int(&q, 1));
        if (category < 0 || zone < 0)
            continue;
        f->rows[f->n].category = category;
        f->rows[f->n].zone = zone;
        f->rows[f->n].until_s = column_int(&q, 3);
        f->rows[f->n].score_micro = column_int(&q, 4);
        f->black |= !r->policy->zones[zone].white;
        f->n++;
    }
    int rc = query_end(&q);
    return rc == 0 ? put_ends(r, s, f, from, now_s) : rc;
}

static int add_networks(struct reader *r, const struct subject *s, struct found *f)
{
    int rc = 0;
    struct query q = query(&r->db, SQL_NETWORK_OF_SUBJECT);
    query_blob(&q, s->key, s->len);
    while (rc == 0 && f->n < sizeof f->rows / sizeof *f->rows && query_row(&q)) {
        int category = names_category_policy(&r->names, column_int(&q, 0));
        int zone = names_zone(&r->names, r->policy, column_int(&q, 1));
        if (category < 0 || zone < 0)
            continue;
        f->rows[f->n].category = category;
        f->rows[f->n].zone = zone;
        f->rows[f->n].score_micro = 0;
        rc = reader_network_until(r, s, zone, category, &f->rows[f->n].until_s);
        f->black = true;
        f->n++;
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

static int load_found(struct reader *r, const struct subject *s, int64_t now_s, struct found *f)
{
    struct listed_keys k;
    int rc = reader_keys(r, s, &k);
    for (size_t i = 0; rc == 0 && i < k.n; i++)
        rc = add_found(r, &k.keys[i], f, now_s);
    for (size_t i = 0; rc == 0 && i < k.n; i++)
        rc = add_networks(r, &k.keys[i], f);
    return rc;
}

static int64_t absolute(int64_t x)
{
    return x < 0 ? -x : x;
}

static void sum_up(const struct policy *p, const struct found *f, struct subject_info *out)
{
    int64_t most = -1;
    if (f->n > 0)
        out->state = f->black ? VERDICT_BLACK : VERDICT_WHITE;
    for (size_t i = 0; i < f->n; i++) {
        int zone = f->rows[i].zone, category = f->rows[i].category;
        if (zone < 64)
            out->zones |= UINT64_C(1) << zone;
        if (p->zones[zone].white == f->black)
            continue;
        out->categories |= UINT64_C(1) << category;
        if (f->rows[i].until_s > out->until_s)
            out->until_s = f->rows[i].until_s;
        if (absolute(f->rows[i].score_micro) > most) {
            most = absolute(f->rows[i].score_micro);
            memcpy(out->code, p->categories[category].code, 4);
        }
    }
}

/* The score and the groups as they are now, of the category that says most. */
static int score_now(struct reader *r, const struct subject *s, int64_t now_s, struct subject_info *out)
{
    int64_t most = 0;
    for (size_t i = 0; i < r->policy->categories_n; i++) {
        int rc = reader_voices(r, s, (int)i);
        if (rc != 0)
            return rc;
        struct score score = voices_score(&r->voices, r->policy, (int)i, now_s);
        if (absolute(score.micro) <= absolute(most))
            continue;
        most = score.micro;
        out->groups = score.micro > 0 ? score.groups : score.groups_white;
    }
    out->score_milli = most / 1000;
    return 0;
}

int reader_info(struct reader *r, const struct subject *s, int64_t now_s, struct subject_info *out)
{
    struct subject_info info = { .state = VERDICT_UNKNOWN };
    struct found found = { .words_left = WORDS_MAX };
    int rc = reader_begin(r);
    if (rc == 0) {
        rc = load_found(r, s, now_s, &found);
        if (rc == 0)
            rc = score_now(r, s, now_s, &info);
        rc = reader_end(r, rc);
    }
    if (rc != 0)
        return rc;
    sum_up(r->policy, &found, &info);
    *out = info;
    return 0;
}

/* ---- lists */

static bool listing_from(struct reader *r, const struct query *q, struct listing *l)
{
    struct bytes key = column_bytes(q, 0);
    l->category = names_category_policy(&r->names, column_int(q, 1));
    l->zone = names_zone(&r->names, r->policy, column_int(q, 2));
    if (l->category < 0 || l->zone < 0 || key.len == 0 || key.len > SUBJECT_KEY_MAX)
        return false;
    l->subject.len = (uint8_t)key.len;
    memcpy(l->subject.key, key.at, key.len);
    l->since_s = column_int(q, 3);
    l->until_s = column_int(q, 4);
    l->score_milli = column_int(q, 5) / 1000;
    l->groups = (unsigned)column_int(q, 6);
    l->addresses = (unsigned)column_int(q, 7);
    l->innocents = (unsigned)column_int(q, 8);
    l->network = l->addresses > 0;
    return true;
}

int reader_list(struct reader *r, int zone, int64_t since_s, int (*each)(void *ctx, const struct listing *l), void *ctx)
{
    struct listing l = { .zone = 0 };
    int stop = 0, rc = reader_begin(r);
    if (rc != 0)
        return rc;
    struct query q = query(&r->db, SQL_LISTING_ALL);
    query_int(&q, since_s);
    query_int(&q, zone >= 0 ? r->names.zone_ids[zone] : 0);
    while (stop == 0 && query_row(&q))
        if (listing_from(r, &q, &l))
            stop = each(ctx, &l);
    rc = reader_end(r, query_end(&q));
    return rc != 0 ? rc : stop;
}
