/* How fast scores follow what is said. Each beside reading the same rows by a bare prepared statement.
 *   score.touched.N  subjects a second that are scored anew, each after one of its N opinions changed: from signed batches to listings
 *   score.full       subjects a second when all are scored anew since a member's trust changed
 * Usage: bench_score DIRECTORY [--quick] */
#include <sqlite3.h>

#include "tests/bench/bench.h"
#include "tests/bench/coalition.h"

enum { ROUNDS_FULL = 5, ROUNDS_QUICK = 1, NOW = 1795188000 };

/* What comes back is added up, so that each column is read. */
static int64_t take_row(sqlite3_stmt *q)
{
    return sqlite3_column_int64(q, 0) + sqlite3_column_int64(q, 1) + sqlite3_column_int64(q, 2) + sqlite3_column_int64(q, 3);
}

static sqlite3 *open_bare(const struct coalition *c, const char *text, sqlite3_stmt **q)
{
    sqlite3 *sql;
    if (sqlite3_open_v2(c->path, &sql, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_exec(sql, "PRAGMA cache_size = -131072", NULL, NULL, NULL) != SQLITE_OK || sqlite3_prepare_v2(sql, text, -1, q, NULL) != SQLITE_OK)
        bench_die(c->path, "cannot be read");
    return sql;
}

/* Of each subject all opinions, in the order of the keys. Seconds. */
static double read_by_key(const struct coalition *c, size_t subjects_n, size_t each)
{
    sqlite3_stmt *q;
    sqlite3 *sql = open_bare(c, "SELECT member, black, white, time_s FROM opinion WHERE subject = ?1 AND category = 1", &q);
    size_t rows = 0;
    int64_t sum = 0;
    double began_s = bench_now_s();
    sqlite3_exec(sql, "BEGIN", NULL, NULL, NULL);
    for (uint32_t i = 0; i < subjects_n; i++) {
        uint8_t key[COALITION_KEY];
        coalition_key((11u << 24) + i, key);
        sqlite3_bind_blob(q, 1, key, sizeof key, SQLITE_STATIC);
        for (; sqlite3_step(q) == SQLITE_ROW; rows++)
            sum += take_row(q);
        sqlite3_reset(q);
    }
    double seconds = bench_now_s() - began_s;
    sqlite3_finalize(q);
    sqlite3_close(sql);
    if (rows != subjects_n * each || sum == 0)
        bench_die("score", "not every opinion is there");
    return seconds;
}

static double read_all(const struct coalition *c, size_t rows_n)
{
    sqlite3_stmt *q;
    sqlite3 *sql = open_bare(c, "SELECT member, black, white, time_s, subject, category FROM opinion ORDER BY subject, category, member", &q);
    size_t rows = 0;
    int64_t sum = 0;
    double began_s = bench_now_s();
    for (; sqlite3_step(q) == SQLITE_ROW; rows++)
        sum += take_row(q) + sqlite3_column_bytes(q, 4);
    double seconds = bench_now_s() - began_s;
    sqlite3_finalize(q);
    sqlite3_close(sql);
    if (rows != rows_n || sum == 0)
        bench_die("score", "not every opinion is there");
    return seconds;
}

/* One member says another mass of each subject than before. */
static double touch(struct coalition *c, size_t subjects_n, unsigned black)
{
    c->store_s = 0;
    c->now_s += 60;
    for (uint32_t i = 0; i < subjects_n; i++)
        coalition_say(c, 0, (11u << 24) + i, black);
    coalition_settle(c);
    return c->store_s;
}

static void touched(const char *directory, size_t each, size_t subjects_n, size_t rounds_n, double aim)
{
    struct coalition c;
    struct bench_rounds rounds = { 0 };
    char name[64];
    coalition_open(&c, directory, "touched.db", each, MICRO, NOW);
    for (uint32_t m = 0; m < each; m++)
        for (uint32_t i = 0; i < subjects_n; i++)
            coalition_say(&c, m, (11u << 24) + i, 3 + (m + i) % 3);
    coalition_settle(&c);
    for (rounds.n = 0; rounds.n < rounds_n; rounds.n++) {
        rounds.limit_s[rounds.n] = read_by_key(&c, subjects_n, each);
        rounds.ours_s[rounds.n] = touch(&c, subjects_n, 6 + rounds.n % 2);
    }
    snprintf(name, sizeof name, "score.touched.%zu", each);
    bench_say(name, &rounds, (double)subjects_n, "subjects/s", aim);
    coalition_close(&c);
}

/* As public lists have it: of 50 subjects 41 are known to one member, 7 to two, 2 to three. */
static unsigned voices_of(uint32_t i)
{
    return i % 50 < 41 ? 1 : i % 50 < 48 ? 2 : 3;
}

static double rescore_all(struct coalition *c, uint32_t trust_micro)
{
    double began_s = bench_now_s();
    c->policy->members[0].trust_micro = trust_micro;
    if (store_set_policy(c->store, c->policy, c->now_s) != 0)
        bench_die("store_set_policy", "failed");
    coalition_fold(c);
    return bench_now_s() - began_s;
}

static void full(const char *directory, size_t subjects_n, size_t rounds_n, double aim)
{
    enum { MEMBERS = 9 };
    struct coalition c;
    struct bench_rounds rounds = { 0 };
    size_t rows = 0;
    coalition_open(&c, directory, "full.db", MEMBERS, MICRO, NOW);
    for (uint32_t i = 0; i < subjects_n; i++)
        for (unsigned v = 0; v < voices_of(i); v++, rows++)
            coalition_say(&c, (i + v * 5) % MEMBERS, bench_address(i), 5 + i % 2);
    coalition_settle(&c);
    for (rounds.n = 0; rounds.n < rounds_n; rounds.n++) {
        rounds.limit_s[rounds.n] = read_all(&c, rows);
        rounds.ours_s[rounds.n] = rescore_all(&c, MICRO / 2 + 1000 * (uint32_t)rounds.n);
    }
    bench_say("score.full", &rounds, (double)subjects_n, "subjects/s", aim);
    fprintf(stderr, "score: all of %zu subjects with %zu opinions were scored anew in %.1f s\n", subjects_n, rows, bench_part(rounds.ours_s, rounds.n, 0.5));
    coalition_close(&c);
}

int main(int argc, char **argv)
{
    bool quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
    size_t rounds = quick ? ROUNDS_QUICK : ROUNDS_FULL, part = quick ? 50 : 1;
    if (argc < 2)
        bench_die("usage", "bench_score DIRECTORY [--quick]");
    touched(argv[1], 10, 50000 / part, rounds, 0.1);
    touched(argv[1], 100, 10000 / part, rounds, 0.25);
    touched(argv[1], 1000, 1000 / part, rounds, 0.35);
    full(argv[1], 1000000 / part, quick ? 1 : 3, 0.1);
    return 0;
}
