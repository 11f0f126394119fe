/* Opinions merged a second from a peer: signed batches of 256 through batch_open(), store_add_batches() and store_fold(), as the daemon does it,
 * against raw upserts of the same rows into one SQLite table: same pragmas, transactions of 10,000.
 * Usage: bench_merge DIRECTORY [--quick] */
#include <inttypes.h>
#include <sqlite3.h>
#include <unistd.h>

#include "proto/batch.h"
#include "proto/identity.h"
#include "proto/record.h"
#include "store/reader.h"
#include "store/store.h"
#include "tests/bench/bench.h"

enum {
    OPINIONS = 256,              /* a batch */
    BATCHES_FULL = 1024, BATCHES_QUICK = 32,
    TOGETHER = 64,               /* batches that one commit takes */
    FOLD_ROWS = 50000,
    RAW_ROWS = 10000,
    ROUNDS_FULL = 5, ROUNDS_QUICK = 1,
    NOW = 1795188000
};

struct sealed { uint8_t *frame; size_t len; };

struct input {
    struct identity *id;
    struct policy *policy;
    uint8_t record[RECORD_FRAME_MAX];
    size_t record_len;
    struct sealed *batches;
    size_t batches_n;
};

static void key_of(uint32_t number, uint8_t key[6])
{
    uint32_t a = bench_address(number);
    key[0] = SUBJECT_IP4;
    for (int i = 0; i < 4; i++)
        key[1 + i] = (uint8_t)(a >> (24 - 8 * i));
    key[5] = 32;
}

static void seal_batch(struct input *in, size_t number)
{
    static uint8_t keys[OPINIONS][6];
    static struct opinion opinions[OPINIONS];
    static char categories[1][CATEGORY_MAX_BYTES + 1] = { "spam" };
    struct batch b = { .federation = "bench", .epoch = 1, .floor_epoch = 1, .seq = number + 1, .floor_seq = 1, .record_serial = 1, .time_s = NOW,
                       .categories_n = 1, .opinions_n = OPINIONS, .categories = categories, .opinions = opinions };
    memcpy(b.origin, identity_root(in->id), KEY_BYTES);
    for (size_t i = 0; i < OPINIONS; i++) {
        key_of((uint32_t)(number * OPINIONS + i), keys[i]);
        opinions[i] = (struct opinion){ .key = keys[i], .key_len = 6, .black = 5, .time_s = NOW };
    }
    int rc = batch_seal(&b, in->id, &in->batches[number].frame, &in->batches[number].len);
    if (rc != 0)
        bench_die("batch_seal", strerror(-rc));
}

static void seal_record(struct input *in)
{
    struct record r = { .name = "peer.bench.example", .serial = 1, .not_after_s = NOW + 86400 };
    memcpy(r.root, identity_root(in->id), KEY_BYTES);
    memcpy(r.operational, identity_operational(in->id), KEY_BYTES);
    memcpy(r.curve, identity_curve(in->id), KEY_BYTES);
    in->record_len = sizeof in->record;
    int rc = record_seal(&r, in->id, in->record, &in->record_len);
    if (rc != 0)
        bench_die("record_seal", strerror(-rc));
}

static void prepare(struct input *in, size_t batches_n)
{
    if (identity_generate(&in->id) != 0)
        bench_die("identity", "no randomness");
    in->policy = policy_create();
    in->batches = calloc(batches_n, sizeof *in->batches);
    if (in->policy == NULL || in->batches == NULL)
        bench_die("prepare", "out of memory");
    strcpy(in->policy->federation, "bench");
    in->policy->zones[in->policy->zones_n++] = (struct policy_zone){ .name = "bl.bench.example", .own = true, .threshold_micro = MICRO };
    in->policy->members = calloc(1, sizeof *in->policy->members);
    in->policy->members_n = 1;
    in->policy->members[0].trust_micro = 800000;
    memcpy(in->policy->members[0].root, identity_root(in->id), KEY_BYTES);
    in->batches_n = batches_n;
    seal_record(in);
    for (size_t i = 0; i < batches_n; i++)
        seal_batch(in, i);
}

static void remove_database(const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-lock" };
    char name[1100];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static void add_some(const struct input *in, struct store *s, size_t from, size_t n)
{
    struct store_batch some[TOGETHER];
    struct batch open[TOGETHER];
    for (size_t i = 0; i < n; i++) {
        const struct sealed *sealed = &in->batches[from + i];
        struct bytes frame = { sealed->frame, sealed->len };
        int rc = batch_open(frame, identity_operational(in->id), "bench", &open[i]);
        if (rc != 0)
            bench_die("batch_open", strerror(-rc));
        some[i] = (struct store_batch){ .epoch = open[i].epoch, .seq = open[i].seq, .floor_epoch = open[i].floor_epoch,
                                        .floor_seq = open[i].floor_seq, .time_s = open[i].time_s, .frame = frame };
        memcpy(some[i].origin, open[i].origin, KEY_BYTES);
        memcpy(some[i].hash, open[i].hash, HASH_BYTES);
    }
    int rc = store_add_batches(s, some, n, NOW);
    if (rc != 0)
        bench_die("store_add_batches", strerror(-rc));
    for (size_t i = 0; i < n; i++)
        batch_close(&open[i]);
}

/* A benchmark of work that was not done would be the best of all. */
static void check(const struct input *in, const char *path)
{
    struct reader *r = NULL;
    struct store_counts counts = { 0 };
    char why[STORE_WHY_MAX] = "";
    if (reader_open(path, in->policy, &r, why) != 0 || reader_counts(r, &counts) != 0)
        bench_die("reader_counts", why);
    reader_close(&r);
    if (counts.opinions != in->batches_n * OPINIONS)
        bench_die("merge", "not every opinion has become a register");
}

/* Folding follows in large pieces, as it does in a daemon that is not asked anything at the time. */
static double merge(const struct input *in, const char *path)
{
    struct store *s = NULL;
    char why[STORE_WHY_MAX] = "";
    bool more = true;
    int64_t wake_s;
    remove_database(path);
    if (store_open(path, true, &s, why) != 0 || store_set_policy(s, in->policy, NOW) != 0)
        bench_die("store_open", why);
    if (store_add_record(s, identity_root(in->id), 1, (struct bytes){ in->record, in->record_len }) != 0)
        bench_die("store_add_record", "failed");
    double began_s = bench_now_s();
    for (size_t i = 0; i < in->batches_n; i += TOGETHER) {
        add_some(in, s, i, in->batches_n - i < TOGETHER ? in->batches_n - i : TOGETHER);
        if (store_backlog(s) >= FOLD_ROWS && store_fold(s, FOLD_ROWS, NOW, &more, &wake_s) != 0)
            bench_die("store_fold", "failed");
    }
    for (more = true; more;)
        if (store_fold(s, FOLD_ROWS, NOW, &more, &wake_s) != 0)
            bench_die("store_fold", "failed");
    double seconds = bench_now_s() - began_s;
    store_close(&s);
    check(in, path);
    return seconds;
}

static void run_sql(sqlite3 *sql, const char *text)
{
    if (sqlite3_exec(sql, text, NULL, NULL, NULL) != SQLITE_OK)
        bench_die(text, sqlite3_errmsg(sql));
}

static void upsert(sqlite3_stmt *q, uint32_t number)
{
    uint8_t key[6];
    key_of(number, key);
    sqlite3_bind_blob(q, 1, key, sizeof key, SQLITE_STATIC);
    sqlite3_bind_int(q, 2, 1);
    sqlite3_bind_int(q, 3, 1);
    sqlite3_bind_int(q, 4, 1);
    sqlite3_bind_int64(q, 5, (int64_t)number / OPINIONS + 1);
    sqlite3_bind_int64(q, 6, 0x123456789abcdef);
    sqlite3_bind_int(q, 7, 5);
    sqlite3_bind_int(q, 8, 0);
    sqlite3_bind_int64(q, 9, NOW);
    if (sqlite3_step(q) != SQLITE_DONE)
        bench_die("upsert", sqlite3_errmsg(sqlite3_db_handle(q)));
    sqlite3_reset(q);
}

static double raw(const struct input *in, const char *path)
{
    sqlite3 *sql;
    sqlite3_stmt *q;
    remove_database(path);
    if (sqlite3_open(path, &sql) != SQLITE_OK)
        bench_die(path, "cannot open");
    run_sql(sql, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -131072;"
                 "PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0");
    run_sql(sql, "CREATE TABLE opinion(subject BLOB NOT NULL, category INTEGER NOT NULL, member INTEGER NOT NULL, epoch INTEGER NOT NULL,"
                 " seq INTEGER NOT NULL, hash INTEGER NOT NULL, black INTEGER NOT NULL, white INTEGER NOT NULL, time_s INTEGER NOT NULL,"
                 " PRIMARY KEY(subject, category, member)) STRICT, WITHOUT ROWID");
    sqlite3_prepare_v2(sql, "INSERT INTO opinion VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq,"
                       " hash = excluded.hash, black = excluded.black, white = excluded.white, time_s = excluded.time_s", -1, &q, NULL);
    double began_s = bench_now_s();
    run_sql(sql, "BEGIN");
    for (uint32_t i = 0; i < in->batches_n * OPINIONS; i++) {
        upsert(q, i);
        if ((i + 1) % RAW_ROWS == 0)
            run_sql(sql, "COMMIT; BEGIN");
    }
    run_sql(sql, "COMMIT");
    double seconds = bench_now_s() - began_s;
    sqlite3_finalize(q);
    sqlite3_close(sql);
    return seconds;
}

int main(int argc, char **argv)
{
    struct input in = { 0 };
    struct bench_rounds rounds = { 0 };
    char ours[1024], theirs[1024];
    bool quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
    if (argc < 2)
        bench_die("usage", "bench_merge DIRECTORY [--quick]");
    snprintf(ours, sizeof ours, "%.1000s/merge.db", argv[1]);
    snprintf(theirs, sizeof theirs, "%.1000s/raw.db", argv[1]);
    prepare(&in, quick ? BATCHES_QUICK : BATCHES_FULL);
    for (rounds.n = 0; rounds.n < (quick ? ROUNDS_QUICK : ROUNDS_FULL); rounds.n++) {
        rounds.limit_s[rounds.n] = raw(&in, theirs);
        rounds.ours_s[rounds.n] = merge(&in, ours);
    }
    bench_say("merge", &rounds, (double)(in.batches_n * OPINIONS), "opinions/s", 0.6);
    remove_database(ours);
    remove_database(theirs);
    for (size_t i = 0; i < in.batches_n; i++)
        free(in.batches[i].frame);
    free(in.batches);
    policy_destroy(&in.policy);
    identity_destroy(&in.id);
    return 0;
}
