/* A clock that was wrong. Nobody knows the right time here; but what the clock says for an hour on end is believed. Model: SCORE.md, "Clocks". */
#include "store/fold.h"
#include "store/own.h"

enum { CLOCK_STEADY_S = 3600, CLOCK_AWAY_S = 86400, HOUR_S = 3600 };

static int64_t hour_end(int64_t now_s)
{
    return now_s - now_s % HOUR_S + HOUR_S;
}

static int put_top(struct store *s, int64_t now_s)
{
    s->clock_top_s = hour_end(now_s);
    return meta_set_number(&s->db, META_CLOCK, s->clock_top_s);
}

/* ---- what is set right at once, since there is little of it */

/* A time that is yet to come, or one of a side, which is negative for white. True if it was. */
static bool set_right(int64_t *time_s, int64_t limit_s, int64_t right_s)
{
    if (*time_s <= limit_s && *time_s >= -limit_s)
        return false;
    *time_s = *time_s > 0 ? right_s : -right_s;
    return true;
}

/* An opening that ends later than the longest takes is reckoned from when the clock was right. */
static void mend_learned(struct fold *f, struct learned *l)
{
    struct breaker *b = &l->breaker;
    if (b->until_s > f->now_s + ((int64_t)BREAKER_S << BREAKER_DOUBLINGS_MAX)) {
        b->until_s = f->s->mend_s + ((int64_t)BREAKER_S << (b->times > 0 ? b->times - 1 : 0));
        l->changed = f->learned = true;
    }
    if (set_right(&l->counters.time_s, f->now_s, f->s->mend_s - f->s->mend_s % HOUR_S))
        l->changed = f->learned = true;
}

static int mend_member(struct fold *f, struct known_member *m)
{
    mend_learned(f, names_learned(&f->s->names, m));
    if (!set_right(&m->peer_s, f->now_s + SCORE_SKEW_S, f->s->mend_s))
        return 0;
    struct query q = query(&f->s->db, SQL_MEMBER_PEER);
    query_int(&q, m->id);
    query_int(&q, m->peer_s);
    return query_run(&q);
}

static int mend_floor_rest(struct fold *f)
{
    int64_t until_s = 0;
    int rc = meta_number(&f->s->db, META_FLOOR_REST, &until_s);
    return rc == 0 && until_s > f->now_s + FLOOR_REST_S ? meta_set_number(&f->s->db, META_FLOOR_REST, f->s->mend_s + FLOOR_REST_S) : rc;
}

static int mend_networks(struct fold *f)
{
    struct query q = query(&f->s->db, SQL_NETWORK_MEND);
    query_int(&q, f->now_s + SCORE_SKEW_S);
    query_int(&q, f->s->mend_s);
    return query_run(&q);
}

static int begin_mending(struct fold *f)
{
    struct store *s = f->s;
    s->mend_s = s->clock_back_s = s->clock_since_s;
    int rc = meta_set_number(&s->db, META_MEND, s->mend_s);
    if (rc == 0)
        rc = put_top(s, f->now_s);
    for (size_t i = 0; rc == 0 && i < s->names.members_n; i++)
        rc = mend_member(f, &s->names.members[i]);
    if (rc == 0)
        rc = mend_floor_rest(f);
    if (rc == 0)
        rc = mend_networks(f);
    if (rc == 0)
        rc = rights_settle(s, f->now_s);
    if (rc == 0)
        rc = store_compare_digest(s);
    return rc == 0 ? store_start_rescan(s) : rc;
}

/* ---- the clock */

static int newest_of(struct store *s, const struct known_member *m, int64_t *time_s)
{
    struct query q = query(&s->db, SQL_BATCH_NEWEST);
    query_int(&q, m->id);
    *time_s = query_row(&q) ? column_int(&q, 0) : 0;
    return query_end(&q);
}

/* It may be this clock that is wrong. It is not believed before there was any hearsay, nor while as many peers' newest batches lie ahead of it as do not. */
static int is_likely(struct fold *f, bool *likely)
{
    const struct names *n = &f->s->names;
    size_t ahead_n = 0, others_n = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n->members_n; i++) {
        const struct known_member *m = &n->members[i];
        int64_t time_s = 0;
        if (m->policy < 0 || m->trust_micro == 0 || m->self)
            continue;
        rc = newest_of(f->s, m, &time_s);
        ahead_n += time_s > f->now_s + SCORE_SKEW_S;
        others_n += time_s > 0 && time_s <= f->now_s + SCORE_SKEW_S;
    }
    *likely = f->now_s >= EPOCH_ZERO_S && (ahead_n == 0 || ahead_n < others_n);
    return rc;
}

/* An hour later it is asked again. */
static int mend_if_likely(struct fold *f)
{
    bool likely = false;
    int rc = is_likely(f, &likely);
    if (rc != 0 || likely)
        return rc == 0 ? begin_mending(f) : rc;
    f->s->clock_since_s = f->now_s;
    return 0;
}

int fold_clock(struct fold *f)
{
    struct store *s = f->s;
    bool opened = s->clock_since_s == 0;
    if (opened || f->now_s < s->clock_last_s - SCORE_SKEW_S) {
        s->clock_since_s = f->now_s;
        s->swept_s = s->census_s = 0;              /* noted by the clock before: else these passes would not be due until then */
        s->clock_leapt = opened && s->clock_top_s != 0 && f->now_s > s->clock_top_s + CLOCK_AWAY_S;
    }
    s->clock_last_s = f->now_s;
    if (f->now_s >= s->clock_top_s)
        return put_top(s, f->now_s);
    bool steady = f->now_s - s->clock_since_s >= CLOCK_STEADY_S;
    return steady && clock_was_ahead(s->clock_top_s, f->now_s) && s->policy != NULL && !s->rebuilding ? mend_if_likely(f) : 0;
}

int64_t store_took_clock_back(struct store *s)
{
    int64_t since_s = s->clock_back_s;
    s->clock_back_s = 0;
    return since_s;
}

bool fold_clock_leapt(const struct store *s, int64_t now_s)
{
    return s->clock_leapt && now_s - s->clock_since_s < CLOCK_STEADY_S;
}

/* Asked before the first fold, too. */
static bool has_leapt(const struct store *s, int64_t now_s)
{
    if (s->clock_since_s == 0)
        return s->clock_top_s != 0 && now_s > s->clock_top_s + CLOCK_AWAY_S;
    return now_s >= s->clock_last_s - SCORE_SKEW_S && fold_clock_leapt(s, now_s);
}

/* Whom the operator trusts, also while all that others say is held back. */
static bool is_witness(const struct store *s, const struct known_member *m)
{
    return m->policy >= 0 && s->policy->members[m->policy].trust_micro > 0 && !m->self;
}

int fold_clock_contested(struct store *s, int64_t now_s, bool *contested)
{
    bool heard = false, recent = false;
    int rc = 0;
    *contested = false;
    if (!has_leapt(s, now_s))
        return 0;
    for (size_t i = 0; rc == 0 && !recent && i < s->names.members_n; i++) {
        int64_t time_s = 0;
        if (!is_witness(s, &s->names.members[i]))
            continue;
        rc = newest_of(s, &s->names.members[i], &time_s);
        heard |= time_s > 0;
        recent = time_s > now_s - CLOCK_AWAY_S;
    }
    *contested = rc == 0 && heard && !recent;
    return rc;
}

int64_t fold_clock_steady_s(const struct store *s)
{
    return s->clock_since_s + CLOCK_STEADY_S;
}

int64_t fold_clock_due_s(const struct store *s, int64_t now_s)
{
    bool waits = now_s - s->clock_since_s < CLOCK_STEADY_S && clock_was_ahead(s->clock_top_s, now_s);
    return waits ? fold_clock_steady_s(s) : INT64_MAX;
}

/* ---- what is set right key by key, as the pass comes by */

/* What was told of it stays as it was told: dated ahead it says nothing, so all of it is told anew. */
static int mend_own(struct fold *f, const struct topic *t)
{
    int64_t limit_s = f->now_s + SCORE_SKEW_S, right_s = f->s->mend_s;
    struct own_rows own;
    int rc = own_load(&own, &f->s->db, t->key, t->len);
    struct own_row *row = rc == 0 ? own_find(&own, t->category) : NULL;
    if (row == NULL)
        return rc;
    bool changed = set_right(&row->evidence.time_s, limit_s, right_s);
    changed |= set_right(&row->kept.time_s, limit_s, right_s);
    changed |= set_right(&row->turned_s, limit_s, right_s);
    changed |= set_right(&row->waiting_s, limit_s, right_s);
    changed |= set_right(&row->hold_until_s, limit_s + row->hold_s, right_s + row->hold_s);
    if (!changed)
        return 0;
    own_judge(row, f->s->policy, names_category_policy(&f->s->names, row->category), f->now_s);
    return own_put(&f->s->db, t->key, t->len, row);
}

static int mend_rows(struct fold *f, const struct topic *t, enum sql which)
{
    struct query q = query(&f->s->db, which);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, f->now_s + SCORE_SKEW_S);
    query_int(&q, f->s->mend_s);
    return query_run(&q);
}

int fold_mend(struct fold *f, size_t from)
{
    int rc = 0;
    for (size_t i = from; rc == 0 && fold_mends(f) && i < f->touched_n; i++) {
        rc = mend_own(f, &f->touched[i]);
        if (rc == 0)
            rc = mend_rows(f, &f->touched[i], SQL_OPINION_MEND);
        if (rc == 0)
            rc = mend_rows(f, &f->touched[i], SQL_LISTING_MEND);
    }
    return rc;
}

int fold_mended(struct fold *f)
{
    if (!fold_mends(f))
        return 0;
    f->s->mend_s = 0;
    return meta_set_number(&f->s->db, META_MEND, 0);
}
