#include "tests/bench/replay_store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "proto/batch.h"
#include "proto/record.h"
#include "store/reader_private.h"
#include "tests/bench/bench.h"
#include "tests/bench/coalition.h"

enum {
    FOLD_ROWS = 1000000,
    BATCHES_MAX = 64,                  /* that one call tells */
    REPORTS = 8192,                    /* that one commit takes */
    NOON_S = 12 * 3600,
    STEP_S = 1200,                     /* between reporting, telling and hearing */
    LEARN_S = 3700,                    /* until each has learned of what it saw: a node does so each hour */
    LIFE_S = 10 * 366 * 86400
};
#define FIRST_S INT64_C(1795176000)    /* when the first day is played: batches have numbers by the clock */

struct told { uint8_t *frame; size_t len; struct store_batch name; };

struct peer {
    struct identity *id;
    struct store *store;
    struct policy *policy;
    struct reader *reader;
    sqlite3_stmt *opinions;
    uint8_t record[RECORD_FRAME_MAX];
    size_t record_len;
    size_t begin;                      /* the day on which it joins: that of its first list */
    struct told *told;                 /* today, or as long as somebody has yet to join: from the first day on */
    size_t told_n, told_before_n, told_room;   /* ..., before today */
    char path[1024];
};

struct replay_store {
    const struct history *h;
    struct peer *peers;
    uint32_t weight_milli;
    size_t day;
    int64_t now_s;
};

static void must(int rc, const char *what)
{
    if (rc != 0)
        bench_die(what, strerror(-rc));
}

static void name_of(size_t number, char *out)
{
    snprintf(out, NAME_MAX_BYTES + 1, "mx%zu.bench.example", number);
}

/* ---- opening and closing */

static void make_member(struct replay_store *r, size_t number)
{
    struct peer *p = &r->peers[number];
    struct record rec = { .serial = 1, .not_after_s = r->now_s + LIFE_S };
    must(identity_generate(&p->id), "identity");
    name_of(number, rec.name);
    memcpy(rec.root, identity_root(p->id), KEY_BYTES);
    memcpy(rec.operational, identity_operational(p->id), KEY_BYTES);
    memcpy(rec.curve, identity_curve(p->id), KEY_BYTES);
    p->record_len = sizeof p->record;
    must(record_seal(&rec, p->id, p->record, &p->record_len), "record");
}

static void make_policy(struct replay_store *r, size_t number)
{
    struct policy *p = r->peers[number].policy = policy_create();
    if (p == NULL || (p->members = calloc(r->h->feeds_n, sizeof *p->members)) == NULL)
        bench_die("policy", "out of memory");
    strcpy(p->federation, "bench");
    memcpy(p->self, identity_root(r->peers[number].id), KEY_BYTES);
    p->zones[p->zones_n++] = (struct policy_zone){ .name = "bl.bench.example", .own = true, .threshold_micro = MICRO };
    for (size_t other = 0; other < r->h->feeds_n; other++) {
        if (!history_peer(r->h, number, other))
            continue;
        struct policy_member *m = &p->members[p->members_n++];
        name_of(other, m->name);
        m->trust_micro = MICRO;
        memcpy(m->root, identity_root(r->peers[other].id), KEY_BYTES);
    }
    policy_finish(p);
}

static void open_store(struct replay_store *r, size_t number, const char *directory)
{
    static const uint8_t nonce[NONCE_BYTES] = { 1 };
    struct peer *p = &r->peers[number];
    char why[STORE_WHY_MAX] = "", path[1100];
    uint32_t epoch;
    snprintf(p->path, sizeof p->path, "%.900s/replay-%zu.db", directory, number);
    snprintf(path, sizeof path, "%s-nonce", p->path);
    coalition_remove(p->path);
    if (store_open(p->path, true, &p->store, why) != 0)
        bench_die("store_open", why);
    must(store_set_policy(p->store, p->policy, r->now_s), "store_set_policy");
    for (size_t other = 0; other < r->h->feeds_n; other++)
        if (other == number || history_peer(r->h, number, other))
            must(store_add_record(p->store, identity_root(r->peers[other].id), 1, (struct bytes){ r->peers[other].record, r->peers[other].record_len }), "record");
    must(store_begin_epoch(p->store, path, nonce, 0, r->now_s, &epoch), "store_begin_epoch");
    if (reader_open(p->path, p->policy, &p->reader, why) != 0)
        bench_die("reader_open", why);
    if (sqlite3_prepare_v2(p->reader->db.sql, "SELECT subject, member, black, white, time_s FROM opinion WHERE category = ?1 ORDER BY subject, category, member",
                           -1, &p->opinions, NULL) != SQLITE_OK)
        bench_die("opinions", sqlite3_errmsg(p->reader->db.sql));
}

struct replay_store *replay_store_create(const struct history *h, const char *directory, uint32_t weight_milli)
{
    struct replay_store *r = calloc(1, sizeof *r);
    if (r == NULL || (r->peers = calloc(h->feeds_n, sizeof *r->peers)) == NULL)
        bench_die("replay", "out of memory");
    r->h = h;
    r->weight_milli = weight_milli;
    r->now_s = FIRST_S;
    for (size_t i = 0; i < h->feeds_n; i++) {
        make_member(r, i);
        r->peers[i].begin = history_begin(h, i);
    }
    for (size_t i = 0; i < h->feeds_n; i++) {
        make_policy(r, i);
        open_store(r, i, directory);
    }
    return r;
}

static void close_peer(struct peer *p)
{
    char path[1100];
    sqlite3_finalize(p->opinions);
    reader_close(&p->reader);
    store_close(&p->store);
    coalition_remove(p->path);
    snprintf(path, sizeof path, "%s-nonce", p->path);
    unlink(path);
    policy_destroy(&p->policy);
    identity_destroy(&p->id);
    for (size_t i = 0; i < p->told_n; i++)
        free(p->told[i].frame);
    free(p->told);
}

void replay_store_destroy(struct replay_store **r)
{
    if (*r == NULL)
        return;
    for (size_t i = 0; i < (*r)->h->feeds_n; i++)
        close_peer(&(*r)->peers[i]);
    free((*r)->peers);
    free(*r);
    *r = NULL;
}

/* ---- a day */

static void fold(struct replay_store *r, struct peer *p)
{
    bool more = true;
    int64_t wake_s;
    while (more) {
        struct listing_change *changes = NULL;
        size_t n = 0;
        must(store_fold(p->store, FOLD_ROWS, r->now_s, &more, &wake_s), "store_fold");
        must(store_take_changes(p->store, &changes, &n), "store_take_changes");
        free(changes);
    }
}

static void report(struct replay_store *r, size_t number)
{
    struct store_report *reports = calloc(REPORTS, sizeof *reports);
    const struct list *l = history_list(r->h, number, r->day);
    size_t n = 0;
    if (reports == NULL)
        bench_die("replay", "out of memory");
    for (size_t i = 0; i < l->n; i++) {
        reports[n++] = (struct store_report){ .verb = REQUEST_BLACK, .count = 1, .weight_milli = r->weight_milli,
                                              .subject = coalition_subject(r->h->addresses[l->ids[i]]) };
        if (n < REPORTS && i + 1 < l->n)
            continue;
        must(store_add_reports(r->peers[number].store, reports, n, r->now_s), "store_add_reports");
        n = 0;
    }
    free(reports);
    fold(r, &r->peers[number]);
}

static void keep(struct peer *p, struct told_batch *b)
{
    if (p->told_n == p->told_room) {
        p->told_room = p->told_room * 2 + 64;
        p->told = realloc(p->told, p->told_room * sizeof *p->told);
        if (p->told == NULL)
            bench_die("replay", "out of memory");
    }
    struct told *t = &p->told[p->told_n++];
    *t = (struct told){ b->frame, b->len, b->name };
    t->name.frame = (struct bytes){ t->frame, t->len };
}

static void tell(struct replay_store *r, size_t number)
{
    struct peer *p = &r->peers[number];
    static const struct tell_limits limits = { .growth_min = 1, .growth_wait_s = 0, .batches_max = BATCHES_MAX };
    struct told_batch out[BATCHES_MAX];
    bool more = true;
    int64_t wake_s;
    while (more) {
        size_t n = 0;
        must(store_tell(p->store, p->id, 1, &limits, r->now_s, out, &n, &more, &wake_s), "store_tell");
        for (size_t i = 0; i < n; i++)
            keep(p, &out[i]);
        fold(r, p);
    }
}

static void hear(struct replay_store *r, size_t number)
{
    struct peer *p = &r->peers[number];
    for (size_t other = 0; other < r->h->feeds_n; other++) {
        if (!history_peer(r->h, number, other))
            continue;
        const struct peer *from = &r->peers[other];
        for (size_t i = r->day == p->begin ? 0 : from->told_before_n; i < from->told_n; i += BATCHES_MAX) {
            struct store_batch some[BATCHES_MAX];
            size_t n = from->told_n - i < BATCHES_MAX ? from->told_n - i : BATCHES_MAX;
            for (size_t k = 0; k < n; k++)
                some[k] = from->told[i + k].name;
            must(store_add_batches(p->store, some, n, r->now_s), "store_add_batches");
        }
    }
    fold(r, p);
    must(store_checkpoint(p->path), "store_checkpoint");
}

static void learn(struct replay_store *r, size_t number)
{
    fold(r, &r->peers[number]);
}

/* The members do the same thing, as many at once as there are processors: each store belongs to one thread meanwhile. */
struct turn {
    struct replay_store *r;
    void (*what)(struct replay_store *r, size_t number);
    atomic_size_t next;
};

static void *take_turns(void *arg)
{
    struct turn *t = arg;
    for (size_t i = atomic_fetch_add(&t->next, 1); i < t->r->h->feeds_n; i = atomic_fetch_add(&t->next, 1))
        if (t->r->day >= t->r->peers[i].begin)
            t->what(t->r, i);
    return NULL;
}

static void all_of_them(struct replay_store *r, void (*what)(struct replay_store *r, size_t number))
{
    struct turn t = { .r = r, .what = what };
    pthread_t threads[REPLAY_FEEDS_MAX];
    size_t n = 0;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    while ((long)n + 1 < processors && n + 1 < r->h->feeds_n && pthread_create(&threads[n], NULL, take_turns, &t) == 0)
        n++;
    take_turns(&t);
    while (n > 0)
        pthread_join(threads[--n], NULL);
}

/* Whoever has yet to join will fetch all of it. */
static void drop_told(struct replay_store *r)
{
    bool kept = false;
    for (size_t i = 0; i < r->h->feeds_n; i++)
        kept |= r->day < r->peers[i].begin;
    for (size_t i = 0; i < r->h->feeds_n; i++) {
        struct peer *p = &r->peers[i];
        for (size_t k = 0; !kept && k < p->told_n; k++)
            free(p->told[k].frame);
        p->told_n = kept ? p->told_n : 0;
        p->told_before_n = p->told_n;
    }
}

void replay_store_day(struct replay_store *r, size_t day)
{
    r->day = day;
    r->now_s = FIRST_S + (int64_t)(r->h->day[day] - r->h->day[0]) * 86400 + NOON_S;
    all_of_them(r, report);
    r->now_s += STEP_S;
    all_of_them(r, tell);
    r->now_s += STEP_S;
    all_of_them(r, hear);
    r->now_s += LEARN_S;
    all_of_them(r, learn);
    drop_told(r);
}

/* ---- what it comes to */

static uint32_t number_at(const uint8_t *key)
{
    return (uint32_t)key[1] << 24 | (uint32_t)key[2] << 16 | (uint32_t)key[3] << 8 | key[4];
}

static int by_group(const void *a, const void *b)
{
    const struct voice *x = a, *y = b;
    return (x->group > y->group) - (x->group < y->group);
}

/* All voices on one address. */
struct chorus {
    struct voice voices[REPLAY_FEEDS_MAX];
    size_t n, place;
};

static size_t judge(const struct replay_store *r, const struct peer *p, struct chorus *c, struct ranked *out)
{
    const struct policy_category *spam = &p->policy->categories[0];
    qsort(c->voices, c->n, sizeof *c->voices, by_group);
    struct score s = score_of(c->voices, c->n, NULL, spam->half_life_s, p->policy->ttl_s, r->now_s);
    c->n = 0;
    if (s.micro <= 0)
        return 0;
    *out = (struct ranked){ (uint32_t)c->place, s.micro };
    return 1;
}

static void add_voice(struct chorus *c, struct names *names, sqlite3_stmt *q)
{
    const struct known_member *m = names_member(names, sqlite3_column_int64(q, 1));
    if (m == NULL || m->trust_micro == 0 || c->n == REPLAY_FEEDS_MAX)
        return;
    struct evidence e = evidence_of_steps((unsigned)sqlite3_column_int(q, 2), (unsigned)sqlite3_column_int(q, 3), sqlite3_column_int64(q, 4));
    c->voices[c->n++] = (struct voice){ .group = (unsigned)m->group, .trust_micro = m->group_trust_micro, .weight_micro = names_weight(m, evidence_is_white(&e)),
                                           .say_micro = names_say(m, evidence_is_white(&e)), .evidence = e };
}

size_t replay_store_rank(struct replay_store *r, size_t feed, struct ranked *out)
{
    struct peer *p = &r->peers[feed];
    struct chorus c = { .n = 0 };
    size_t n = 0;
    must(names_load(&p->reader->names, &p->reader->db, p->policy), "names_load");
    sqlite3_bind_int64(p->opinions, 1, p->reader->names.category_ids[0]);
    while (sqlite3_step(p->opinions) == SQLITE_ROW) {
        if (sqlite3_column_bytes(p->opinions, 0) != COALITION_KEY)
            continue;
        uint32_t address = number_at(sqlite3_column_blob(p->opinions, 0));
        if (r->h->addresses[c.place] != address) {
            n += judge(r, p, &c, &out[n]);
            while (r->h->addresses[c.place] < address)
                c.place++;
        }
        add_voice(&c, &p->reader->names, p->opinions);
    }
    sqlite3_reset(p->opinions);
    return n + judge(r, p, &c, &out[n]);
}

uint32_t replay_store_weight(struct replay_store *r, size_t feed, size_t other)
{
    const struct known_member *m = names_root(&r->peers[feed].reader->names, identity_root(r->peers[other].id));
    return m != NULL ? names_weight(m, false) : 0;
}
