#include "store/learn.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "store/own.h"
#include "store/usual.h"

enum { TRIALS_ROWS = 1024, STEADY_PARTS = 20 };        /* a change of a twentieth is not worth scoring all again */

/* ---- what is found of a topic */

static unsigned usual_quorum(const struct store *s)
{
    return score_quorum(&(struct policy_zone){ .quorum = 0 }, s->names.groups_n);
}

static int by_group(const void *a, const void *b)
{
    const struct heard *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->who > y->who) - (x->who < y->who);
}

static int mark_judged(struct fold *f, const struct topic *t, int64_t member, enum judged judged)
{
    struct query q = query(&f->s->db, SQL_OPINION_JUDGED);
    query_blob(&q, t->key, t->len);
    query_int(&q, t->category);
    query_int(&q, member);
    query_int(&q, f->now_s);
    query_int(&q, judged);
    return query_run(&q);
}

static void count(struct fold *f, const struct known_member *m, enum finding found, bool white, uint32_t amount_micro)
{
    struct learned *l = names_learned(&f->s->names, m);
    counters_at(&l->counters, f->now_s);
    counters_add(&l->counters, found, white, amount_micro);
    if (found != FOUND_REFUTED_BY_PEERS && !white)
        breaker_note(&l->breaker, found == FOUND_REFUTED, f->now_s);
    l->changed = f->learned = true;
}

static int apply(struct fold *f, const struct topic *t, const struct heard *h)
{
    const struct known_member *m = names_member(&f->s->names, (int64_t)h->who);
    if (h->found == FOUND_NOTHING || m == NULL)
        return 0;
    count(f, m, h->found, h->since_s < 0, h->amount_micro);
    return mark_judged(f, t, m->id, h->found != FOUND_REFUTED_BY_PEERS ? JUDGED_OWN : JUDGED_PEERS);
}

/* One group's reports. */
static int apply_group(struct fold *f, const struct topic *t, const struct heard *all, size_t n)
{
    const struct known_member *root = all->group <= INT_MAX ? names_group(&f->s->names, (int)all->group) : NULL;
    bool white = false;
    uint32_t amount_micro = 0;
    enum finding found = root != NULL ? answers_for(all, n, (size_t)root->id, &white, &amount_micro) : FOUND_NOTHING;
    if (found != FOUND_NOTHING)
        count(f, root, found, white, amount_micro);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = apply(f, t, &all[i]);
    return rc;
}

/* Spares the sorting where nothing can be found. An own event dated ahead is of a clock that was wrong then, or is now: it came neither before nor after anything. */
static bool is_open_case(const struct voices *v, int64_t now_s)
{
    const struct own_word *own = &v->own_word;
    bool by_peers = own->turned_s <= 0 && v->black_n > 0 && v->white_n >= 2;
    if (own->time_s > now_s + SCORE_SKEW_S)
        return false;
    for (size_t i = 0; i < v->heard_n; i++) {
        const struct heard *h = &v->heard[i];
        int64_t since_s = h->since_s < 0 ? -h->since_s : h->since_s;
        if (own->turned_s != 0 && own->time_s > since_s && (h->judged != JUDGED_OWN || own->time_s > h->judged_s))
            return true;
        if (by_peers && h->since_s > 0 && (h->judged < JUDGED_PEERS || now_s - h->judged_s >= RELIABILITY_AGAIN_S))
            return true;
    }
    return false;
}

static struct fading fading_of(const struct store *s, int64_t category)
{
    return (struct fading){ own_half_life_s(s->policy, names_category_policy(&s->names, (int)category)), s->policy->ttl_s };
}

static void count_trial(struct fold *f, const struct known_member *m, bool seen)
{
    struct learned *l = names_learned(&f->s->names, m);
    counters_at(&l->counters, f->now_s);
    counters_add_trial(&l->counters, seen);
    l->changed = f->learned = true;
}

/* Within the fold that works in the own event, which is once. */
static void count_seen(struct fold *f, const struct topic *t)
{
    struct voices *v = &f->s->voices;
    struct fading how = fading_of(f->s, t->category);
    if (t->came_s == 0 || t->came_s > f->now_s + SCORE_SKEW_S || try_reports(v->heard, v->heard_n, &how, t->came_s, usual_quorum(f->s)) == 0)
        return;
    for (size_t i = 0; i < v->heard_n; i++) {
        const struct known_member *m = v->heard[i].seen ? names_member(&f->s->names, (int64_t)v->heard[i].who) : NULL;
        if (m != NULL)
            count_trial(f, m, true);
    }
}

int learn_topic(struct fold *f, const struct topic *t)
{
    struct voices *v = &f->s->voices;
    if (f->s->names.held_back)
        return 0;
    count_seen(f, t);
    if (!is_open_case(v, f->now_s))
        return 0;
    qsort(v->heard, v->heard_n, sizeof *v->heard, by_group);
    judge_reports(v->heard, v->heard_n, &v->own_word, usual_quorum(f->s), f->now_s);
    int rc = 0;
    for (size_t i = 0, n; rc == 0 && i < v->heard_n; i += n) {
        for (n = 1; i + n < v->heard_n && v->heard[i + n].group == v->heard[i].group; n++)
            continue;
        rc = apply_group(f, t, &v->heard[i], n);
    }
    return rc;
}

/* ---- trials of which nothing was seen */

static void count_unseen(struct fold *f, const struct query *q)
{
    struct known_member *m = names_member(&f->s->names, column_int(q, 2));
    struct evidence told = evidence_of_steps((unsigned)column_int(q, 4), (unsigned)column_int(q, 5), column_int(q, 6));
    struct heard h = { .since_s = column_int(q, 3), .time_s = told.time_s, .told_black_micro = told.black_micro, .told_white_micro = told.white_micro };
    struct fading how = fading_of(f->s, column_int(q, 1));
    if (m != NULL && !m->forgotten && !m->self && (m->policy >= 0 || m->group >= 0) && is_unseen(&h, &how, column_int(q, 7), f->now_s))
        count_trial(f, m, false);
}

static int trials_slice(struct fold *f, bool *done)
{
    struct store *s = f->s;
    struct subject from = s->trials_at;
    size_t n = 0;
    int rc = 0;
    struct query q = query(&s->db, SQL_OPINION_AGES);
    query_blob(&q, from.key, from.len);
    query_int(&q, s->trials_category);
    query_int(&q, s->trials_member);
    query_int(&q, TRIALS_ROWS);
    query_int(&q, f->now_s - RELIABILITY_TRIAL_S);
    for (; rc == 0 && query_row(&q); n++) {
        struct bytes key = column_bytes(&q, 0);
        count_unseen(f, &q);
        rc = subject_from_key(key.at, key.len, &s->trials_at) == 0 ? 0 : -EBADMSG;
        s->trials_category = (uint16_t)column_int(&q, 1);
        s->trials_member = column_int(&q, 2);
    }
    *done = n < TRIALS_ROWS;
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* A clock that was ahead may have begun the last one. By less than a day: then it was of this day, as far as anybody knows, and no trial is to count twice. */
static bool trials_are_due(const struct store *s, int64_t now_s)
{
    bool due = now_s >= s->trials_s + LEARN_TRIALS_EVERY_S || now_s < s->trials_s - LEARN_TRIALS_EVERY_S;
    return due && !fold_clock_leapt(s, now_s);
}

int fold_trials(struct fold *f)
{
    struct store *s = f->s;
    int rc = 0;
    bool done = false;
    if (f->more || s->names.held_back || (!s->trying && !trials_are_due(s, f->now_s)))
        return 0;
    if (!s->trying) {
        s->trying = true;
        s->trials_at.len = 0;
        s->trials_category = 0;
        s->trials_member = 0;
        s->trials_s = f->now_s;
        rc = meta_set_number(&s->db, META_TRIALS, f->now_s);
    }
    if (rc == 0)
        rc = trials_slice(f, &done);
    s->trying = !done;
    f->more |= rc == 0 && !done;
    return rc;
}

/* ---- the snapshot */

static bool is_steady(uint32_t before, uint32_t now)
{
    uint32_t apart = before > now ? before - now : now - before;
    return (before == 0) == (now == 0) && apart <= before / STEADY_PARTS;
}

/* Of the record it is only asked on which side of half a newcomer's it is. */
static bool is_steady_reliability(const struct reliability *before, const struct reliability *now)
{
    bool same_side = (before->record_micro < SCORE_DOUBT_MICRO) == (now->record_micro < SCORE_DOUBT_MICRO);
    return is_steady(before->black_micro, now->black_micro) && is_steady(before->white_micro, now->white_micro) &&
           (same_side || is_steady(before->record_micro, now->record_micro));
}

static int load_sides(struct store *s, int64_t *black_n, int64_t *white_n)
{
    int rc = meta_number(&s->db, meta_counts[COUNT_OWN_BLACK], black_n);
    if (rc == 0)
        rc = meta_number(&s->db, meta_counts[COUNT_OWN_WHITE], white_n);
    *black_n += s->counted[COUNT_OWN_BLACK];
    *white_n += s->counted[COUNT_OWN_WHITE];
    return rc;
}

/* Whose words count now: a member without trust, on probation, or refuted to nothing is no measure of the others. */
static bool is_beside(const struct known_member *m, const struct learned *l, const struct outlook *o, int64_t now_s, struct counters *c)
{
    *c = l->counters;
    if (m->trust_micro == 0 || m->probation || m->forgotten || m->self || c->time_s == 0 || breaker_is_open(&l->breaker, now_s))
        return false;
    counters_at(c, now_s);
    return is_measure(c) && reliability_of(c, o->black_n, o->white_n).record_micro > 0;
}

static int load_usual(struct store *s, int64_t now_s, struct outlook *o)
{
    const struct names *names = &s->names;
    struct measured *shares = calloc(names->members_n + 1, sizeof *shares), *useful = calloc(names->members_n + 1, sizeof *useful);
    struct counters c;
    size_t n = 0, useful_n = 0;
    if (shares != NULL && useful != NULL) {
        for (size_t i = 0; i < names->members_n; i++)
            if (is_beside(&names->members[i], &names->learned[i], o, now_s, &c))
                shares[n++] = (struct measured){ borne_out_micro(&c), names->members[i].trust_micro };
        o->usual_micro = upper_quartile_micro(shares, n);
        for (size_t i = 0; i < names->members_n; i++)
            if (is_beside(&names->members[i], &names->learned[i], o, now_s, &c))
                useful[useful_n++] = (struct measured){ useful_micro(&c, o->usual_micro), names->members[i].trust_micro };
        o->quartile_micro = upper_quartile_micro(useful, useful_n);
    }
    int rc = shares != NULL && useful != NULL ? 0 : -ENOMEM;
    free(shares);
    free(useful);
    return rc;
}

static void put_snapshot(struct known_member *m, struct learned *l, enum basis basis, const struct counters *c, const struct outlook *o)
{
    l->basis = basis;
    l->taken = *c;
    l->outlook = *o;
    l->changed = true;
    m->reliability = learned_reliability(l);
}

/* True if it is another one than before. */
static bool snapshot_of(struct known_member *m, struct learned *l, const struct outlook *o, int64_t now_s)
{
    struct counters c = l->counters;
    struct reliability before = m->reliability;
    counters_at(&c, now_s);
    if (breaker_is_open(&l->breaker, now_s) && l->basis == BASIS_BREAKER)
        return false;
    struct reliability r = reliability_here(&c, o);
    if (l->basis == BASIS_COUNTS && is_steady_reliability(&before, &r))
        return false;
    put_snapshot(m, l, breaker_is_open(&l->breaker, now_s) ? BASIS_BREAKER : BASIS_COUNTS, &c, o);
    return memcmp(&before, &m->reliability, sizeof before) != 0;
}

/* Readers learn by META_TRUST that they must read the members again. */
static int announce(struct store *s)
{
    names_settle_reliability(&s->names);
    int rc = meta_add(&s->db, META_TRUST, 1);
    return rc == 0 ? store_compare_digest(s) : rc;
}

static int put_learned(struct store *s, const struct known_member *m)
{
    struct learned *l = names_learned(&s->names, m);
    uint8_t hours[BREAKER_BYTES];
    const struct counters *c = &l->counters;
    const struct breaker *b = &l->breaker;
    breaker_pack(b, hours);
    struct query q = query(&s->db, SQL_LEARNED_PUT);
    query_int(&q, m->id);
    query_int(&q, c->time_s);
    query_int(&q, c->confirmed_micro);
    query_int(&q, c->refuted_micro);
    query_int(&q, c->unseen_micro);
    query_int(&q, c->confirmed_white_micro);
    query_int(&q, c->refuted_white_micro);
    query_int(&q, m->reliability.black_micro);
    query_int(&q, m->reliability.white_micro);
    query_int(&q, b->hour);
    query_blob(&q, hours, sizeof hours);
    query_int(&q, b->until_s);
    query_int(&q, b->times);
    query_int(&q, m->reliability.record_micro);
    query_int(&q, l->basis);
    query_int(&q, l->taken.confirmed_micro);
    query_int(&q, l->taken.refuted_micro);
    query_int(&q, l->taken.unseen_micro);
    query_int(&q, l->taken.confirmed_white_micro);
    query_int(&q, l->taken.refuted_white_micro);
    query_int(&q, l->outlook.black_n);
    query_int(&q, l->outlook.white_n);
    query_int(&q, l->outlook.usual_micro);
    query_int(&q, l->outlook.quartile_micro);
    query_int(&q, c->seen_micro);
    query_int(&q, l->taken.seen_micro);
    l->changed = false;
    return query_run(&q);
}

static bool open_breakers(struct fold *f)
{
    bool opened = false;
    for (size_t i = 0; f->learned && i < f->s->names.members_n; i++) {
        struct known_member *m = &f->s->names.members[i];
        struct learned *l = names_learned(&f->s->names, m);
        if (!l->changed || !breaker_check(&l->breaker, f->now_s))
            continue;
        put_snapshot(m, l, BASIS_BREAKER, &l->counters, &(struct outlook){ 0 });
        opened = true;
    }
    return opened;
}

/* While a pass is under way the next snapshot waits, or large stores would begin one pass after the other and end none; an opening breaker does not. */
static bool snapshot_is_due(const struct store *s, int64_t now_s)
{
    return !s->rescan && !s->rebuilding && (now_s >= s->learn_due_s || now_s < s->learned_s);
}

static int take_snapshot(struct fold *f, bool *changed)
{
    struct store *s = f->s;
    struct outlook o = { 0 };
    int rc = load_sides(s, &o.black_n, &o.white_n);
    if (rc == 0)
        rc = load_usual(s, f->now_s, &o);
    s->learned_s = f->now_s;
    s->learn_due_s = f->now_s + LEARN_EVERY_S;
    for (size_t i = 0; rc == 0 && i < s->names.members_n; i++) {
        struct learned *l = &s->names.learned[i];
        if (l->counters.time_s == 0)
            continue;
        *changed |= snapshot_of(&s->names.members[i], l, &o, f->now_s);
        if (breaker_is_open(&l->breaker, f->now_s) && l->breaker.until_s < s->learn_due_s)
            s->learn_due_s = l->breaker.until_s;
    }
    return rc;
}

int fold_learned(struct fold *f)
{
    struct store *s = f->s;
    int rc = 0;
    bool changed = open_breakers(f);
    if (snapshot_is_due(s, f->now_s))
        rc = take_snapshot(f, &changed);
    for (size_t i = 0; (f->learned || changed) && rc == 0 && i < s->names.members_n; i++)
        if (s->names.learned[i].changed && !s->names.members[i].forgotten)
            rc = put_learned(s, &s->names.members[i]);
    f->more |= changed;
    return rc == 0 && changed ? announce(s) : rc;
}

int learn_pardon(struct store *s, const struct known_member *m)
{
    struct learned *l = names_learned(&s->names, m);
    if (l->breaker.until_s == 0)
        return 0;
    breaker_reset(&l->breaker);
    l->basis = BASIS_UNKNOWN;
    s->learn_due_s = 0;
    return put_learned(s, m);
}
