/* What other processes may do to the database while the node has it open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/reader.h"
#include "store/store.h"
#include "tests/unit/scratch.h"

enum { NOW_S = 1795132800 };

static char dir[] = "/tmp/hearsay-process-XXXXXX";
static char path[64], wal[80];

static void add_reports(struct store *s, unsigned n)
{
    static struct store_report reports[1000];

    for (unsigned i = 0; i < n; i++) {
        reports[i] = (struct store_report){ .verb = REQUEST_BLACK, .count = 1, .category = -1 };
        reports[i].subject = (struct subject){ .len = 6, .key = { SUBJECT_IP4, 198, 51, (uint8_t)(i >> 8), (uint8_t)i, 32 } };
    }
    assert_int_equal(store_add_reports(s, reports, n, NOW_S), 0);
}

static struct store *open_store(const struct policy *p)
{
    char why[STORE_WHY_MAX];
    struct store *s = NULL;

    assert_int_equal(store_open(path, true, &s, why), 0);
    assert_int_equal(store_set_policy(s, p, NOW_S), 0);
    return s;
}

/* As the sqlite3 shell would: opens for writing, reads, closes; the last connection to close removes the write-ahead log. */
static void let_a_stranger_look(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        sqlite3 *db = NULL;
        int rc = sqlite3_open(path, &db);
        rc = rc == SQLITE_OK ? sqlite3_exec(db, "SELECT count(*) FROM journal", NULL, NULL, NULL) : rc;
        sqlite3_close(db);
        _exit(rc == SQLITE_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_strangers_look_does_not_take_the_log_away(void **state)
{
    struct policy *p = policy_create();
    struct store *s = open_store(p);
    struct reader *r = NULL;
    char why[STORE_WHY_MAX];
    struct stat before, after;

    (void)state;
    add_reports(s, 10);
    assert_int_equal(reader_open(path, p, &r, why), 0);
    reader_close(&r);
    assert_int_equal(store_checkpoint(path), 0);
    add_reports(s, 10);
    assert_int_equal(stat(wal, &before), 0);
    let_a_stranger_look();
    assert_int_equal(stat(wal, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
    store_close(&s);
    policy_destroy(&p);
}

static void a_checkpoint_moves_the_log_into_the_file(void **state)
{
    struct policy *p = policy_create();
    struct store *s = open_store(p);
    struct stat before, after;

    (void)state;
    add_reports(s, 1000);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(store_checkpoint(path), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_size > before.st_size);
    store_close(&s);
    policy_destroy(&p);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hearsay-process-XXXXXX");
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/hearsay.db", dir);
    snprintf(wal, sizeof wal, "%s-wal", path);
    return 0;
}

static int remove_dir(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-lock" };
    char file[80];

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(file, sizeof file, "%s%s", path, ends[i]);
        unlink(file);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_strangers_look_does_not_take_the_log_away, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_checkpoint_moves_the_log_into_the_file, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
