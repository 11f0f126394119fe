#include "tests/bench/trust_store.h"

#include <fcntl.h>
#include <unistd.h>

#include "proto/introductions.h"
#include "proto/record.h"
#include "tests/bench/bench.h"

enum {
    SAY_MAX = 1500,                /* opinions in a batch: well below a frame's room */
    FOLD_ROWS = 1000000,
    SPONSORED = 100,               /* puppets that one introducer names */
    LIFE_S = 90 * 86400
};

struct speaker {
    struct identity *id;
    uint64_t seq;
    struct opinion *said;          /* since the last pass; keys are the store's */
    size_t said_n, said_room;
};

struct trust_store {
    const struct world *world;
    struct store *store;
    struct policy *policy;
    struct speaker *speakers;
    struct record *records;
    uint8_t (*frames)[RECORD_FRAME_MAX];
    size_t *frame_lens;
    uint32_t *tau_micro;
    int *group;
    uint8_t (*keys)[6];            /* of each host */
    bool *lists;                   /* of each host */
    char path[1024];
};

/* ---- keys */

/* PKCS #8 of an Ed25519 or X25519 key is 16 fixed bytes and the 32 of the secret. */
static void write_pem(FILE *f, bool curve, uint64_t secret)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t der[48] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, curve ? 0x6e : 0x70, 0x04, 0x22, 0x04, 0x20 };
    hash_sha256(&secret, sizeof secret, der + 16);
    fputs("-----BEGIN PRIVATE KEY-----\n", f);
    for (size_t i = 0; i < sizeof der; i += 3) {
        uint32_t three = (uint32_t)der[i] << 16 | (uint32_t)der[i + 1] << 8 | der[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            fputc(digits[three >> shift & 63], f);
    }
    fputs("\n-----END PRIVATE KEY-----\n", f);
}

static struct identity *make_identity(const char *dir, uint64_t seed)
{
    char path[1024];
    struct identity *id = NULL;
    snprintf(path, sizeof path, "%.1000s/identity.pem", dir);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (f == NULL)
        bench_die(path, "cannot write");
    write_pem(f, false, seed * 4);
    write_pem(f, false, seed * 4 + 1);
    write_pem(f, true, seed * 4 + 2);
    if (fclose(f) != 0 || identity_load(path, &id) != 0)
        bench_die(path, "is no identity");
    unlink(path);
    return id;
}

static void make_member(struct trust_store *t, const char *dir, int i, int64_t now_s)
{
    struct record *r = &t->records[i];
    t->speakers[i].id = make_identity(dir, (uint64_t)i + 1);
    snprintf(r->name, sizeof r->name, "mx%d.bench.example", i);
    r->serial = 1;
    r->not_after_s = now_s + LIFE_S;
    memcpy(r->root, identity_root(t->speakers[i].id), KEY_BYTES);
    memcpy(r->operational, identity_operational(t->speakers[i].id), KEY_BYTES);
    memcpy(r->curve, identity_curve(t->speakers[i].id), KEY_BYTES);
    t->frame_lens[i] = RECORD_FRAME_MAX;
    if (record_seal(r, t->speakers[i].id, t->frames[i], &t->frame_lens[i]) != 0)
        bench_die("record", "cannot be signed");
}

/* ---- trust */

static void make_policy(struct trust_store *t)
{
    int direct = t->world->size.honest + t->world->scenario->insiders;
    struct policy *p = t->policy = policy_create();
    if (p == NULL || (p->members = calloc((size_t)direct, sizeof *p->members)) == NULL)
        bench_die("policy", "out of memory");
    strcpy(p->federation, "bench");
    memcpy(p->self, t->records[0].root, KEY_BYTES);
    p->zones[p->zones_n++] = (struct policy_zone){ .name = "bl.bench.example", .threshold_micro = MICRO };
    for (int i = 1; i < direct; i++) {
        struct policy_member *m = &p->members[p->members_n++];
        memcpy(m->root, t->records[i].root, KEY_BYTES);
        strcpy(m->name, t->records[i].name);
        m->trust_micro = MICRO;
        t->tau_micro[i] = MICRO;
        t->group[i] = i;
    }
}

/* One introducer's list: all shares together are 1. */
static void introduce(struct trust_store *t, int introducer, int from, int n, int64_t now_s)
{
    static struct introduction list[SPONSORED];
    struct introductions in = { .record_serial = 1, .serial = 1, .time_s = now_s, .list = list, .n = (size_t)n };
    uint8_t *frame = NULL;
    size_t len = 0;
    memcpy(in.introducer, t->records[introducer].root, KEY_BYTES);
    strcpy(in.federation, "bench");
    for (int i = 0; i < n; i++) {
        list[i] = (struct introduction){ .frame = { t->frames[from + i], t->frame_lens[from + i] }, .record = t->records[from + i],
                                         .share_milli = (uint32_t)(SHARE_UNIT / n), .expires_s = now_s + LIFE_S };
        t->tau_micro[from + i] = t->tau_micro[introducer] / 2 / (uint32_t)n;
        t->group[from + i] = t->group[introducer];
    }
    if (introductions_seal(&in, t->speakers[introducer].id, &frame, &len) != 0 || store_add_introductions(t->store, (struct bytes){ frame, len }) != 0)
        bench_die("introductions", "are not taken");
    free(frame);
}

/* The insider introduces a hundred, and the first of those the next hundreds. */
static void introduce_all(struct trust_store *t, int64_t now_s)
{
    int first = t->world->size.honest + t->world->scenario->insiders, left = t->world->scenario->puppets;
    for (int at = first, introducer = first - 1; left > 0; introducer++) {
        int n = left < SPONSORED ? left : SPONSORED;
        introduce(t, introducer, at, n, now_s);
        trust_store_pass(t, now_s);
        at += n;
        left -= n;
    }
}

/* ---- opening and closing */

static void remove_database(const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-lock" };
    char name[1100];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(name, sizeof name, "%.1024s%s", path, ends[i]);
        unlink(name);
    }
}

static void *some(size_t n, size_t size)
{
    void *at = calloc(n, size);
    if (at == NULL)
        bench_die("store", "out of memory");
    return at;
}

static struct trust_store *create(const struct world *w)
{
    struct trust_store *t = some(1, sizeof *t);
    size_t members_n = (size_t)w->members_n, hosts_n = (size_t)w->hosts_n;
    t->world = w;
    t->speakers = some(members_n, sizeof *t->speakers);
    t->records = some(members_n, sizeof *t->records);
    t->frames = some(members_n, sizeof *t->frames);
    t->frame_lens = some(members_n, sizeof *t->frame_lens);
    t->tau_micro = some(members_n, sizeof *t->tau_micro);
    t->group = some(members_n, sizeof *t->group);
    t->keys = some(hosts_n, sizeof *t->keys);
    t->lists = some(hosts_n, sizeof *t->lists);
    /* A network of its own for each: whether networks grow is another question. */
    for (size_t i = 0; i < hosts_n; i++)
        memcpy(t->keys[i], (uint8_t[]){ SUBJECT_IP4, (uint8_t)(11 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i, 7, 32 }, sizeof t->keys[i]);
    return t;
}

struct trust_store *trust_store_open(const char *dir, const struct world *w, int64_t now_s)
{
    struct trust_store *t = create(w);
    char why[STORE_WHY_MAX] = "";
    snprintf(t->path, sizeof t->path, "%.1000s/trust.db", dir);
    remove_database(t->path);
    for (int i = 0; i < w->members_n; i++)
        make_member(t, dir, i, now_s);
    make_policy(t);
    if (store_open(t->path, true, &t->store, why) != 0 || store_set_policy(t->store, t->policy, now_s) != 0)
        bench_die("store_open", why);
    for (int i = 0; i < w->members_n; i++)
        if (store_add_record(t->store, t->records[i].root, 1, (struct bytes){ t->frames[i], t->frame_lens[i] }) != 0)
            bench_die("store_add_record", "failed");
    introduce_all(t, now_s);
    return t;
}

void trust_store_close(struct trust_store **t)
{
    struct trust_store *gone = *t;
    *t = NULL;
    if (gone == NULL)
        return;
    store_close(&gone->store);
    remove_database(gone->path);
    policy_destroy(&gone->policy);
    for (int i = 0; i < gone->world->members_n; i++) {
        identity_destroy(&gone->speakers[i].id);
        free(gone->speakers[i].said);
    }
    void *all[] = { gone->speakers, gone->records, gone->frames, gone->frame_lens, gone->tau_micro, gone->group, gone->keys, gone->lists, gone };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
}

const uint32_t *trust_store_tau(const struct trust_store *t)
{
    return t->tau_micro;
}

const int *trust_store_groups(const struct trust_store *t)
{
    return t->group;
}

const struct policy *trust_store_policy(const struct trust_store *t)
{
    return t->policy;
}

/* ---- its days */

/* Of two words about one host the later one counts. */
void trust_store_say(struct trust_store *t, int member, uint32_t host, unsigned black, unsigned white, int64_t evidence_s)
{
    struct speaker *s = &t->speakers[member];
    struct opinion o = { .key = t->keys[host], .key_len = sizeof t->keys[host], .black = (uint8_t)black, .white = (uint8_t)white,
                         .time_s = evidence_s - evidence_s % OPINION_TIME_STEP_S };
    for (size_t i = s->said_n; i > 0; i--)
        if (s->said[i - 1].key == o.key) {
            s->said[i - 1] = o;
            return;
        }
    if (s->said_n == s->said_room) {
        s->said_room = s->said_room * 2 + 64;
        s->said = realloc(s->said, s->said_room * sizeof *s->said);
        if (s->said == NULL)
            bench_die("store", "out of memory");
    }
    s->said[s->said_n++] = o;
}

static void report(struct trust_store *t, uint32_t host, enum request_verb verb, unsigned count, int64_t now_s)
{
    struct store_report r = { .verb = verb, .count = count, .weight_milli = 1000, .subject.len = sizeof t->keys[host] };
    memcpy(r.subject.key, t->keys[host], sizeof t->keys[host]);
    if (count > 0 && store_add_reports(t->store, &r, 1, now_s) != 0)
        bench_die("store_add_reports", "failed");
}

void trust_store_report(struct trust_store *t, uint32_t host, unsigned black, unsigned white, int64_t now_s)
{
    report(t, host, REQUEST_BLACK, black, now_s);
    report(t, host, REQUEST_WHITE, white, now_s);
}

static void send(struct trust_store *t, int member, struct opinion *opinions, size_t n, int64_t now_s)
{
    static char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    struct speaker *s = &t->speakers[member];
    struct batch b = { .federation = "bench", .epoch = 1, .seq = ++s->seq, .record_serial = 1, .time_s = now_s,
                       .categories_n = 1, .opinions_n = n, .categories = categories, .opinions = opinions };
    uint8_t *frame = NULL;
    size_t len = 0;
    memcpy(b.origin, t->records[member].root, KEY_BYTES);
    if (batch_seal(&b, s->id, &frame, &len) != 0)
        bench_die("batch_seal", "failed");
    struct store_batch one = { .epoch = b.epoch, .seq = b.seq, .time_s = now_s, .frame = { frame, len } };
    memcpy(one.origin, b.origin, KEY_BYTES);
    memcpy(one.hash, b.hash, HASH_BYTES);
    if (store_add_batches(t->store, &one, 1, now_s) != 0 || !one.stored)
        bench_die("store_add_batches", "failed");
    free(frame);
}

static void take_changes(struct trust_store *t)
{
    struct listing_change *changes = NULL;
    size_t n = 0;
    if (store_take_changes(t->store, &changes, &n) != 0)
        bench_die("store_take_changes", "failed");
    for (size_t i = 0; i < n; i++) {
        const uint8_t *key = changes[i].subject.key;
        size_t host = (size_t)(key[1] - 11) << 16 | (size_t)key[2] << 8 | key[3];
        if (changes[i].zone == 0 && host < (size_t)t->world->hosts_n && changes[i].subject.len == 6 && key[5] == 32)
            t->lists[host] = changes[i].listed;
    }
    free(changes);
}

void trust_store_pass(struct trust_store *t, int64_t now_s)
{
    bool more = true;
    int64_t wake_s;
    for (int i = 1; i < t->world->members_n; i++) {
        struct speaker *s = &t->speakers[i];
        for (size_t at = 0; at < s->said_n; at += SAY_MAX)
            send(t, i, s->said + at, s->said_n - at < SAY_MAX ? s->said_n - at : SAY_MAX, now_s);
        s->said_n = 0;
    }
    while (more)
        if (store_fold(t->store, FOLD_ROWS, now_s, &more, &wake_s) != 0)
            bench_die("store_fold", "failed");
    take_changes(t);
}

bool trust_store_lists(const struct trust_store *t, uint32_t host)
{
    return t->lists[host];
}
