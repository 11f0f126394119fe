#include "tests/bench/coalition.h"

#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

void coalition_key(uint32_t address, uint8_t key[COALITION_KEY])
{
    key[0] = SUBJECT_IP4;
    for (int i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)(address >> (24 - 8 * i));
    key[5] = 32;
}

struct subject coalition_subject(uint32_t address)
{
    struct subject s = { .len = COALITION_KEY };
    coalition_key(address, s.key);
    return s;
}

void coalition_remove(const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-lock" };
    char name[1100];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static void make_policy(struct coalition *c, uint32_t trust_micro)
{
    struct policy *p = c->policy = policy_create();
    if (p == NULL || (p->members = calloc(c->members_n, sizeof *p->members)) == NULL)
        bench_die("policy", "out of memory");
    strcpy(p->federation, "bench");
    p->zones[p->zones_n++] = (struct policy_zone){ .name = "bl.bench.example", .own = true, .threshold_micro = MICRO };
    p->members_n = c->members_n;
    for (size_t i = 0; i < c->members_n; i++) {
        p->members[i].trust_micro = trust_micro;
        snprintf(p->members[i].name, sizeof p->members[i].name, "mx%zu.bench.example", i);
        memcpy(p->members[i].root, identity_root(c->members[i].id), KEY_BYTES);
    }
    policy_finish(p);
}

static void add_record(struct coalition *c, const struct coalition_member *m, size_t number)
{
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    struct record r = { .serial = 1, .not_after_s = c->now_s + 366 * 86400 };
    snprintf(r.name, sizeof r.name, "mx%zu.bench.example", number);
    memcpy(r.root, identity_root(m->id), KEY_BYTES);
    memcpy(r.operational, identity_operational(m->id), KEY_BYTES);
    memcpy(r.curve, identity_curve(m->id), KEY_BYTES);
    int rc = record_seal(&r, m->id, frame, &len);
    if (rc == 0)
        rc = store_add_record(c->store, identity_root(m->id), 1, (struct bytes){ frame, len });
    if (rc != 0)
        bench_die("record", strerror(-rc));
}

void coalition_open(struct coalition *c, const char *directory, const char *name, size_t members_n, uint32_t trust_micro, int64_t now_s)
{
    char why[STORE_WHY_MAX] = "";
    memset(c, 0, sizeof *c);
    c->members_n = members_n;
    c->now_s = now_s;
    c->members = calloc(members_n, sizeof *c->members);
    for (size_t i = 0; c->members != NULL && i < members_n; i++)
        if (identity_generate(&c->members[i].id) != 0)
            bench_die("identity", "no randomness");
    if (c->members == NULL)
        bench_die("coalition", "out of memory");
    make_policy(c, trust_micro);
    snprintf(c->path, sizeof c->path, "%.900s/%.100s", directory, name);
    coalition_remove(c->path);
    if (store_open(c->path, true, &c->store, why) != 0 || store_set_policy(c->store, c->policy, now_s) != 0)
        bench_die("store_open", why);
    for (size_t i = 0; i < members_n; i++)
        add_record(c, &c->members[i], i);
}

void coalition_close(struct coalition *c)
{
    store_close(&c->store);
    coalition_remove(c->path);
    for (size_t i = 0; i < c->members_n; i++)
        identity_destroy(&c->members[i].id);
    free(c->members);
    policy_destroy(&c->policy);
    memset(c, 0, sizeof *c);
}

static void seal(struct coalition *c, size_t number)
{
    struct coalition_member *m = &c->members[number];
    static char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    struct batch b = { .federation = "bench", .epoch = 1, .floor_epoch = 1, .seq = ++m->seq, .floor_seq = 1, .record_serial = 1, .time_s = c->now_s,
                       .categories_n = 1, .opinions_n = m->n, .categories = categories, .opinions = m->opinions };
    memcpy(b.origin, identity_root(m->id), KEY_BYTES);
    int rc = batch_seal(&b, m->id, &c->waiting[c->waiting_n].frame, &c->waiting[c->waiting_n].len);
    if (rc != 0)
        bench_die("batch_seal", strerror(-rc));
    c->waiting[c->waiting_n++].member = number;
    m->n = 0;
}

void coalition_take(struct coalition *c)
{
    struct store_batch some[COALITION_TOGETHER];
    struct batch open[COALITION_TOGETHER];
    double began_s = bench_now_s();
    for (size_t i = 0; i < c->waiting_n; i++) {
        struct bytes frame = { c->waiting[i].frame, c->waiting[i].len };
        int rc = batch_open(frame, identity_operational(c->members[c->waiting[i].member].id), "bench", &open[i]);
        if (rc != 0)
            bench_die("batch_open", strerror(-rc));
        some[i] = (struct store_batch){ .epoch = open[i].epoch, .seq = open[i].seq, .floor_epoch = open[i].floor_epoch,
                                        .floor_seq = open[i].floor_seq, .time_s = open[i].time_s, .frame = frame };
        memcpy(some[i].origin, open[i].origin, KEY_BYTES);
        memcpy(some[i].hash, open[i].hash, HASH_BYTES);
    }
    int rc = store_add_batches(c->store, some, c->waiting_n, c->now_s);
    if (rc != 0)
        bench_die("store_add_batches", strerror(-rc));
    for (size_t i = 0; i < c->waiting_n; i++) {
        batch_close(&open[i]);
        free(c->waiting[i].frame);
    }
    c->waiting_n = 0;
    c->store_s += bench_now_s() - began_s;
}

static bool fold_once(struct coalition *c)
{
    bool more = false;
    int64_t wake_s;
    struct listing_change *changes = NULL;
    size_t n = 0;
    double began_s = bench_now_s();
    if (store_fold(c->store, COALITION_FOLD_ROWS, c->now_s, &more, &wake_s) != 0 || store_take_changes(c->store, &changes, &n) != 0)
        bench_die("store_fold", "failed");
    free(changes);
    c->store_s += bench_now_s() - began_s;
    return more;
}

void coalition_fold(struct coalition *c)
{
    while (fold_once(c))
        ;
}

void coalition_say(struct coalition *c, size_t member, uint32_t address, unsigned black)
{
    struct coalition_member *m = &c->members[member];
    coalition_key(address, m->keys[m->n]);
    m->opinions[m->n] = (struct opinion){ .key = m->keys[m->n], .key_len = COALITION_KEY, .black = (uint8_t)black,
                                          .time_s = c->now_s - c->now_s % OPINION_TIME_STEP_S };
    if (++m->n == COALITION_BATCH)
        seal(c, member);
    if (c->waiting_n < COALITION_TOGETHER)
        return;
    coalition_take(c);
    if (store_backlog(c->store) * COALITION_BATCH >= COALITION_FOLD_ROWS)
        fold_once(c);
}

void coalition_settle(struct coalition *c)
{
    for (size_t i = 0; i < c->members_n; i++) {
        if (c->members[i].n > 0)
            seal(c, i);
        if (c->waiting_n == COALITION_TOGETHER)
            coalition_take(c);
    }
    coalition_take(c);
    coalition_fold(c);
}
