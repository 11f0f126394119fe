/* From one to ten million opinions: what they take, and what `check` takes beside them. For each further million, as a member would take them in:
 *   growth.merge.N   opinions a second, from signed batches to listings; the limit is the first million's
 *   growth.file.N    bytes of the database for each opinion, its signed batches included; the limit is the first million's
 *   growth.memory.N  MB that the process has resident; the limit is the first million's
 *   check.store.N    microseconds that reader_check() takes, p50 and p99, over subjects that are listed, known and unknown; the limit is a bare
 *                    prepared SELECT of the same keys
 * Usage: bench_growth DIRECTORY [--quick] */
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/reader.h"
#include "tests/bench/bench.h"
#include "tests/bench/coalition.h"

enum { NOW = 1795188000, MEMBERS = 9, STEPS = 10, LOOKS_MAX = 200000 };

struct step {
    double rate, bytes_each, memory_mb, seconds;
    double check_p50_us, check_p99_us, bare_p50_us, bare_p99_us;
};

static double resident_mb(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f == NULL || fscanf(f, "%*u %lu", &pages) != 1)
        bench_die("statm", "cannot be read");
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static double file_bytes(const struct coalition *c)
{
    struct stat st;
    return stat(c->path, &st) == 0 ? (double)st.st_size : 0;
}

/* As public lists have it: of 50 subjects 41 are known to one member, 7 to two, 2 to three: 61 opinions. */
static unsigned voices_of(uint32_t i)
{
    return i % 50 < 41 ? 1 : i % 50 < 48 ? 2 : 3;
}

/* Goes on from subject *next until so many opinions are in. */
static void grow(struct coalition *c, uint32_t *next, size_t opinions_n, struct step *s)
{
    size_t said = 0;
    c->store_s = 0;
    for (; said < opinions_n; ++*next)
        for (unsigned v = 0; v < voices_of(*next); v++, said++)
            coalition_say(c, (*next / 50 + v * 5) % MEMBERS, bench_address(*next), 5 + *next % 2);
    coalition_settle(c);
    double began_s = bench_now_s();
    if (store_checkpoint(c->path) != 0)
        bench_die("store_checkpoint", "failed");
    s->seconds = c->store_s + bench_now_s() - began_s;
    s->rate = (double)said / s->seconds;
}

/* A third each: any that is known, one that several members know, one that nobody does. */
static uint32_t looked_for(uint32_t look, uint32_t known)
{
    uint32_t any = (uint32_t)(((uint64_t)look * 2654435761u) % known);
    return bench_address(look % 3 == 0 ? any : look % 3 == 1 ? any / 50 * 50 + 41 + look % 9 : known + 1000 + any);
}

static void time_checks(const struct coalition *c, uint32_t known, size_t looks, struct step *s)
{
    static double us[LOOKS_MAX];
    struct reader *r = NULL;
    char why[STORE_WHY_MAX] = "";
    size_t black = 0;
    if (reader_open(c->path, c->policy, &r, why) != 0)
        bench_die("reader_open", why);
    for (uint32_t i = 0; i < looks; i++) {
        struct subject subject = coalition_subject(looked_for(i, known));
        enum verdict verdict;
        double began_s = bench_now_s();
        if (reader_check(r, &subject, -1, &verdict) != 0)
            bench_die("reader_check", "failed");
        us[i] = (bench_now_s() - began_s) * 1e6;
        black += verdict == VERDICT_BLACK;
    }
    reader_close(&r);
    if (black * 5 < looks || black * 5 > looks * 3)
        bench_die("check", "other subjects are listed than should be");
    s->check_p50_us = bench_part(us, looks, 0.5);
    s->check_p99_us = bench_part(us, looks, 0.99);
}

static void time_bare(const struct coalition *c, uint32_t known, size_t looks, struct step *s)
{
    static double us[LOOKS_MAX];
    sqlite3 *sql;
    sqlite3_stmt *q;
    if (sqlite3_open_v2(c->path, &sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(sql, "SELECT zone FROM listing WHERE subject = ?1 AND zone > 0", -1, &q, NULL) != SQLITE_OK)
        bench_die(c->path, "cannot be read");
    for (uint32_t i = 0; i < looks; i++) {
        struct subject subject = coalition_subject(looked_for(i, known));
        double began_s = bench_now_s();
        sqlite3_bind_blob(q, 1, subject.key, subject.len, SQLITE_STATIC);
        while (sqlite3_step(q) == SQLITE_ROW)
            ;
        sqlite3_reset(q);
        us[i] = (bench_now_s() - began_s) * 1e6;
    }
    sqlite3_finalize(q);
    sqlite3_close(sql);
    s->bare_p50_us = bench_part(us, looks, 0.5);
    s->bare_p99_us = bench_part(us, looks, 0.99);
}

/* `better` is the ratio as tools/bench has it: 1 for as good as the limit. */
static void say(const char *name, const char *million, double value, const char *unit, double limit, double better, double aim)
{
    printf("{\"name\": \"%s.%s\", \"value\": %.3f, \"unit\": \"%s\", \"limit\": %.3f, \"ratio\": %.4f, \"aim\": %.4f, \"rounds\": 1}\n", name, million, value, unit,
           limit, better, aim);
}

static void say_step(const struct step *first, const struct step *s, const char *million)
{
    enum { CHECK_AIM_US = 10 };
    if (s != first) {
        say("growth.merge", million, s->rate, "opinions/s", first->rate, s->rate / first->rate, 0.6);
        say("growth.file", million, s->bytes_each, "bytes", first->bytes_each, first->bytes_each / s->bytes_each, 0.9);
        say("growth.memory", million, s->memory_mb, "MB", first->memory_mb, first->memory_mb / s->memory_mb, 0.5);
    }
    say("check.store.p50", million, s->check_p50_us, "us", s->bare_p50_us, s->bare_p50_us / s->check_p50_us, s->bare_p50_us / CHECK_AIM_US);
    say("check.store.p99", million, s->check_p99_us, "us", s->bare_p99_us, s->bare_p99_us / s->check_p99_us, 0.3);
}

static void table_row(const struct step *s, size_t opinions_n)
{
    fprintf(stderr, "%10zu %12.0f %9.1f %14.1f %9.0f %9.1f %9.1f\n", opinions_n, s->rate, s->seconds, s->bytes_each, s->memory_mb, s->check_p50_us, s->check_p99_us);
}

int main(int argc, char **argv)
{
    bool quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
    size_t million = quick ? 5000 : 1000000, looks = quick ? 3000 : LOOKS_MAX;
    struct coalition c;
    struct step steps[STEPS] = { 0 };
    uint32_t next = 0;
    if (argc < 2)
        bench_die("usage", "bench_growth DIRECTORY [--quick]");
    coalition_open(&c, argv[1], "growth.db", MEMBERS, MICRO, NOW);
    fprintf(stderr, "%10s %12s %9s %14s %9s %9s %9s\n", "opinions", "merged/s", "seconds", "bytes/opinion", "MB", "check p50", "p99 us");
    for (size_t i = 0; i < STEPS; i++) {
        struct step *s = &steps[i];
        grow(&c, &next, million, s);
        s->bytes_each = file_bytes(&c) / (double)(million * (i + 1));
        s->memory_mb = resident_mb();
        time_bare(&c, next, looks, s);
        time_checks(&c, next, looks, s);
        table_row(s, million * (i + 1));
    }
    say_step(&steps[0], &steps[0], "1M");
    say_step(&steps[0], &steps[STEPS - 1], "10M");
    coalition_close(&c);
    return 0;
}
