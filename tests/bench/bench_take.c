/* How fast the store alone takes a member's whole log: the limit of catching up. Reads the batches of member 0 from another node's database, then merges them into a new one:
 * batch_open(), store_add_batches(), store_fold(), newest first, as a mesh brings them, and with nothing else to do meanwhile.
 * Usage: bench_take SOURCE.db CARD DIRECTORY. CARD: of whoever wrote SOURCE.db. */
#include <sqlite3.h>
#include <unistd.h>

#include "proto/batch.h"
#include "proto/record.h"
#include "store/store.h"
#include "tests/bench/bench.h"

/* Not the daemon's folds, which are small since reports wait for them, but those with which the store was fastest among 8,192 to 1,000,000 rows. */
enum { TOGETHER = 64, FOLD_ROWS = 50000, FOLD_BACKLOG = 1024 };

struct frame { uint8_t *at; size_t len; };

struct source {
    struct record record;
    uint8_t record_frame[RECORD_FRAME_MAX];
    size_t record_len;
    struct frame *frames;
    size_t frames_n, room;
    uint64_t opinions_n;
    char federation[FEDERATION_MAX_BYTES + 1];
};

static void add_frame(struct source *src, const void *at, size_t len)
{
    if (src->frames_n == src->room) {
        src->room = src->room * 2 + 1024;
        src->frames = realloc(src->frames, src->room * sizeof *src->frames);
    }
    struct frame f = { malloc(len), len };
    if (src->frames == NULL || f.at == NULL)
        bench_die("take", "out of memory");
    memcpy(f.at, at, len);
    src->frames[src->frames_n++] = f;
}

static void read_source(struct source *src, const char *path)
{
    sqlite3 *sql;
    sqlite3_stmt *q = NULL;
    if (sqlite3_open_v2(path, &sql, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(sql, "SELECT frame FROM batch ORDER BY epoch DESC, seq DESC", -1, &q, NULL) != SQLITE_OK)
        bench_die(path, sqlite3_errmsg(sql));
    while (sqlite3_step(q) == SQLITE_ROW)
        add_frame(src, sqlite3_column_blob(q, 0), (size_t)sqlite3_column_bytes(q, 0));
    sqlite3_finalize(q);
    sqlite3_close(sql);
    if (src->frames_n == 0)
        bench_die(path, "no batches");
}

/* With the zone of a member that believes the other: what is heard is listed. */
static struct policy *policy_for(const struct source *src)
{
    struct policy *p = policy_create();
    if (p == NULL || (p->members = calloc(1, sizeof *p->members)) == NULL)
        bench_die("policy", "out of memory");
    snprintf(p->federation, sizeof p->federation, "%s", src->federation);
    p->zones[p->zones_n++] = (struct policy_zone){ .name = "bl.bench.example", .own = true, .threshold_micro = MICRO / 4, .quorum = 1 };
    p->members_n = 1;
    p->members[0].trust_micro = MICRO;
    memcpy(p->members[0].root, src->record.root, KEY_BYTES);
    policy_finish(p);
    return p;
}

static void fold(struct store *s, int64_t now_s, bool *more)
{
    struct listing_change *changes = NULL;
    size_t n = 0;
    int64_t wake_s;
    if (store_fold(s, FOLD_ROWS, now_s, more, &wake_s) != 0 || store_take_changes(s, &changes, &n) != 0)
        bench_die("store_fold", "failed");
    free(changes);
}

static void add_some(struct source *src, struct store *s, size_t from, size_t n, int64_t now_s)
{
    struct store_batch some[TOGETHER];
    for (size_t i = 0; i < n; i++) {
        struct batch b;
        struct bytes frame = { src->frames[from + i].at, src->frames[from + i].len };
        if (batch_open(frame, src->record.operational, src->federation, &b) != 0)
            bench_die("batch_open", "failed");
        some[i] = (struct store_batch){ .epoch = b.epoch, .seq = b.seq, .floor_epoch = b.floor_epoch, .floor_seq = b.floor_seq, .time_s = b.time_s, .frame = frame };
        memcpy(some[i].origin, b.origin, KEY_BYTES);
        memcpy(some[i].hash, b.hash, HASH_BYTES);
        src->opinions_n += b.opinions_n;
        batch_close(&b);
    }
    if (store_add_batches(s, some, n, now_s) != 0)
        bench_die("store_add_batches", "failed");
}

static double take(struct source *src, const char *path)
{
    struct policy *p = policy_for(src);
    struct store *s = NULL;
    char why[STORE_WHY_MAX] = "";
    bool more = true;
    int64_t now_s = (int64_t)time(NULL);
    if (store_open(path, true, &s, why) != 0 || store_set_policy(s, p, now_s) != 0)
        bench_die("store_open", why);
    if (store_add_record(s, src->record.root, src->record.serial, (struct bytes){ src->record_frame, src->record_len }) != 0)
        bench_die("store_add_record", "failed");
    double began_s = bench_now_s();
    for (size_t i = 0; i < src->frames_n; i += TOGETHER) {
        add_some(src, s, i, src->frames_n - i < TOGETHER ? src->frames_n - i : TOGETHER, now_s);
        while (store_backlog(s) >= FOLD_BACKLOG)
            fold(s, now_s, &more);
    }
    for (more = true; more;)
        fold(s, now_s, &more);
    double seconds = bench_now_s() - began_s;
    store_close(&s);
    policy_destroy(&p);
    return seconds;
}

int main(int argc, char **argv)
{
    struct source src = { .record_len = RECORD_FRAME_MAX, .federation = "hearsay" };
    char path[1024];
    if (argc < 4)
        bench_die("usage", "bench_take SOURCE.db CARD DIRECTORY [FEDERATION]");
    if (argc > 4)
        snprintf(src.federation, sizeof src.federation, "%s", argv[4]);
    if (card_decode(argv[2], src.record_frame, &src.record_len) != 0 ||
        record_open((struct bytes){ src.record_frame, src.record_len }, &src.record) != 0)
        bench_die("card", "is none");
    read_source(&src, argv[1]);
    snprintf(path, sizeof path, "%.1000s/take.db", argv[3]);
    double seconds = take(&src, path);
    printf("{\"seconds\": %.6f, \"opinions\": %llu, \"batches\": %zu}\n", seconds, (unsigned long long)src.opinions_n, src.frames_n);
    for (size_t i = 0; i < src.frames_n; i++)
        free(src.frames[i].at);
    free(src.frames);
    for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", "-lock", NULL }; *end != NULL; end++) {
        char name[1100];
        snprintf(name, sizeof name, "%s%s", path, *end);
        unlink(name);
    }
    return 0;
}
