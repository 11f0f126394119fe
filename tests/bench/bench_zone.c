/* A million listings as a zone file, against a bare write, fdatasync and rename of the same bytes; from a settled image (after one
 * change), and from a cold start (the listings are read from the database first, against reading the same rows with bare SQLite).
 * Usage: bench_zone DIRECTORY [--quick] */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/zone_file.h"
#include "node/zone_image.h"
#include "store/reader.h"
#include "store/store.h"
#include "tests/bench/bench.h"

enum {
    LISTINGS_FULL = 1000000, LISTINGS_QUICK = 20000,
    WRITE_BYTES = 256 * 1024,
    ROUNDS_FULL = 5, ROUNDS_QUICK = 1,
    NOW = 1795188000
};

struct world {
    struct policy *policy;
    struct config_zone zone;
    char database[1100], bare[1100];
    uint32_t listings;
    size_t rounds;
    char *bytes;                 /* of the zone file */
    size_t bytes_n;
};

static struct subject subject_of(uint32_t number)
{
    uint32_t a = bench_address(number);
    return (struct subject){ .len = 6, .key = { SUBJECT_IP4, (uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a, 32 } };
}

static void must(int rc, const char *what)
{
    if (rc != 0)
        bench_die(what, strerror(-rc));
}

static void write_zone(const struct world *w, const struct zone_image *image)
{
    char why[CONFIG_WHY_MAX] = "";
    if (zone_file_write(NULL, w->policy, 0, &w->zone, "mx.bench.example", image, NOW, NULL, why) != 0)
        bench_die("zone_file_write", why);
}

/* ---- the limit */

static double write_bare(const struct world *w)
{
    char beside[1120];
    snprintf(beside, sizeof beside, "%s.new", w->bare);
    double began_s = bench_now_s();
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        bench_die(beside, strerror(errno));
    for (size_t at = 0; at < w->bytes_n; at += WRITE_BYTES) {
        size_t n = w->bytes_n - at < WRITE_BYTES ? w->bytes_n - at : WRITE_BYTES;
        if (write(fd, w->bytes + at, n) != (ssize_t)n)
            bench_die(beside, strerror(errno));
    }
    if (fdatasync(fd) < 0 || close(fd) < 0 || rename(beside, w->bare) < 0)
        bench_die(beside, strerror(errno));
    return bench_now_s() - began_s;
}

static double read_bare(const struct world *w)
{
    sqlite3 *sql;
    sqlite3_stmt *q = NULL;
    uint64_t rows = 0;
    double began_s = bench_now_s();
    if (sqlite3_open_v2(w->database, &sql, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK
        || sqlite3_prepare_v2(sql, "SELECT subject, category, zone FROM listing WHERE zone > 0 ORDER BY subject, category, zone", -1, &q, NULL) != SQLITE_OK)
        bench_die(w->database, "cannot read it with SQLite");
    while (sqlite3_step(q) == SQLITE_ROW)
        rows += sqlite3_column_bytes(q, 0) > 0 && sqlite3_column_int(q, 1) > 0;
    sqlite3_finalize(q);
    sqlite3_close(sql);
    if (rows != w->listings)
        bench_die(w->database, "the listings are not all there");
    return bench_now_s() - began_s;
}

/* ---- from a settled image */

static struct zone_image *fill_image(const struct world *w)
{
    struct zone_image *image = zone_image_create();
    for (uint32_t i = 0; i < w->listings; i++) {
        struct subject s = subject_of(i);
        must(zone_image_change(image, 0, &s, true), "zone_image_change");
    }
    must(zone_image_settle(image), "zone_image_settle");
    return image;
}

static void read_bytes(struct world *w)
{
    struct stat st;
    int fd = open(w->zone.file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        bench_die(w->zone.file, strerror(errno));
    w->bytes_n = (size_t)st.st_size;
    w->bytes = malloc(w->bytes_n);
    if (w->bytes == NULL || read(fd, w->bytes, w->bytes_n) != st.st_size)
        bench_die(w->zone.file, "cannot read it");
    close(fd);
}

static void measure_settled(struct world *w)
{
    struct bench_rounds write = { 0 }, settle = { 0 };
    struct zone_image *image = fill_image(w);
    size_t host_bytes = w->listings * sizeof(uint32_t);
    uint32_t *copy = malloc(host_bytes);
    write_zone(w, image);
    read_bytes(w);
    memset(copy, 1, host_bytes);
    for (size_t i = 0; i < w->rounds; i++) {
        struct subject s = subject_of(w->listings + (uint32_t)i);
        double began_s = bench_now_s();
        must(zone_image_change(image, 0, &s, true), "zone_image_change");
        must(zone_image_settle(image), "zone_image_settle");
        double settled_s = bench_now_s();
        write_zone(w, image);
        write.ours_s[i] = bench_now_s() - began_s;
        settle.ours_s[i] = settled_s - began_s;
        write.limit_s[i] = write_bare(w);
        began_s = bench_now_s();
        memmove(copy + 1, copy, host_bytes - sizeof *copy);
        settle.limit_s[i] = bench_now_s() - began_s;
    }
    write.n = settle.n = w->rounds;
    bench_say("zone.write", &write, 1, "ms", 0.5);
    bench_say("zone.settle", &settle, 1, "ms", 0.5);
    free(copy);
    zone_image_destroy(&image);
}

/* ---- from a cold start */

static int compare_addresses(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void run_sql(sqlite3 *sql, const char *text)
{
    if (sqlite3_exec(sql, text, NULL, NULL, NULL) != SQLITE_OK)
        bench_die(text, sqlite3_errmsg(sql));
}

static void step(sqlite3_stmt *q)
{
    if (sqlite3_step(q) != SQLITE_DONE)
        bench_die("fill the database", sqlite3_errmsg(sqlite3_db_handle(q)));
    sqlite3_reset(q);
}

/* Copies of the one listing that is there, in order: a million reports would take a minute to become listings, and only reading is
 * measured here. */
static void copy_listing(const struct world *w, sqlite3 *sql)
{
    sqlite3_stmt *change = NULL, *copy = NULL;
    uint32_t *sorted = calloc(w->listings, sizeof *sorted);
    for (uint32_t i = 0; i < w->listings; i++)
        sorted[i] = bench_address(i);
    qsort(sorted, w->listings, sizeof *sorted, compare_addresses);
    run_sql(sql, "BEGIN; CREATE TEMP TABLE one AS SELECT * FROM listing WHERE zone > 0; DELETE FROM listing");
    sqlite3_prepare_v2(sql, "UPDATE one SET subject = ?1", -1, &change, NULL);
    sqlite3_prepare_v2(sql, "INSERT INTO listing SELECT * FROM one", -1, &copy, NULL);
    for (uint32_t i = 0; i < w->listings; i++) {
        uint32_t a = sorted[i];
        const uint8_t key[6] = { SUBJECT_IP4, (uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a, 32 };
        sqlite3_bind_blob(change, 1, key, sizeof key, SQLITE_STATIC);
        step(change);
        step(copy);
    }
    sqlite3_finalize(change);
    sqlite3_finalize(copy);
    run_sql(sql, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    free(sorted);
}

static void fill_database(const struct world *w)
{
    const struct store_report report = { .verb = REQUEST_BLACK, .count = 1, .subject = subject_of(0) };
    struct store *s = NULL;
    sqlite3 *sql;
    char why[STORE_WHY_MAX] = "";
    bool more = true;
    int64_t wake_s;
    if (store_open(w->database, true, &s, why) != 0)
        bench_die("store_open", why);
    must(store_set_policy(s, w->policy, NOW), "store_set_policy");
    must(store_add_reports(s, &report, 1, NOW), "store_add_reports");
    while (more)
        must(store_fold(s, 1000, NOW, &more, &wake_s), "store_fold");
    store_close(&s);
    if (sqlite3_open(w->database, &sql) != SQLITE_OK)
        bench_die(w->database, "cannot open it with SQLite");
    copy_listing(w, sql);
    sqlite3_close(sql);
}

static int load_one(void *ctx, const struct listing *l)
{
    struct zone_image *image = ctx;
    int rc = zone_image_change(image, l->category, &l->subject, true);
    return rc == 0 && zone_image_noted(image) >= 65536 ? zone_image_settle(image) : rc;
}

static double load_and_write(const struct world *w)
{
    struct zone_image *image = zone_image_create();
    struct reader *r = NULL;
    char why[STORE_WHY_MAX] = "";
    double began_s = bench_now_s();
    if (reader_open(w->database, w->policy, &r, why) != 0)
        bench_die("reader_open", why);
    must(reader_list(r, 0, 0, load_one, image), "reader_list");
    must(zone_image_settle(image), "zone_image_settle");
    write_zone(w, image);
    double seconds = bench_now_s() - began_s;
    if (zone_image_count(image) != w->listings)
        bench_die("reader_list", "the listings are not all there");
    reader_close(&r);
    zone_image_destroy(&image);
    return seconds;
}

static void measure_cold(const struct world *w)
{
    struct bench_rounds cold = { 0 };
    fill_database(w);
    for (cold.n = 0; cold.n < w->rounds; cold.n++) {
        cold.limit_s[cold.n] = read_bare(w) + write_bare(w);
        cold.ours_s[cold.n] = load_and_write(w);
    }
    bench_say("zone.cold", &cold, 1, "ms", 0.5);
}

/* ---- memory */

static double heap_mb(void)
{
    struct mallinfo2 m = mallinfo2();
    return (double)(m.uordblks + m.hblkhd) / 1e6;
}

/* The limit is the addresses themselves. */
static void measure_memory(const struct world *w)
{
    double before_mb = heap_mb();
    struct zone_image *image = fill_image(w);
    double mb = heap_mb() - before_mb, least_mb = w->listings * 4 / 1e6;
    printf("{\"name\": \"zone.memory\", \"value\": %.3f, \"unit\": \"MB\", \"limit\": %.3f, \"ratio\": %.4f, \"aim\": 0.80, \"rounds\": 1}\n", mb,
           least_mb, least_mb / mb);
    fflush(stdout);
    zone_image_destroy(&image);
}

int main(int argc, char **argv)
{
    bool quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
    struct world w = { .policy = policy_create(), .listings = quick ? LISTINGS_QUICK : LISTINGS_FULL, .rounds = quick ? ROUNDS_QUICK : ROUNDS_FULL };
    if (argc < 2 || w.policy == NULL)
        bench_die("usage", "bench_zone DIRECTORY [--quick]");
    w.policy->zones[w.policy->zones_n++] = (struct policy_zone){ .name = "bl.bench.example", .own = true, .threshold_micro = MICRO };
    w.zone = (struct config_zone){ .ttl_s = 300, .expire_s = 3600, .text = "Listed by $categories; see https://bench.example/why?$subject" };
    snprintf(w.zone.file, sizeof w.zone.file, "%.900s/zone", argv[1]);
    snprintf(w.database, sizeof w.database, "%.900s/zone.db", argv[1]);
    snprintf(w.bare, sizeof w.bare, "%.900s/zone.bare", argv[1]);
    measure_memory(&w);
    measure_settled(&w);
    measure_cold(&w);
    free(w.bytes);
    policy_destroy(&w.policy);
    return 0;
}
