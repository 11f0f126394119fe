/* proto/durable: what replaces a file, and what it leaves alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/durable.h"
#include "tests/unit/scratch.h"

static char dir[64], path[96], beside[104];

static int begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hearsay-durable-XXXXXX");
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/file", dir);
    snprintf(beside, sizeof beside, "%s.new", path);
    return 0;
}

static int end(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)rmdir(path);
    (void)unlink(beside);
    return rmdir(dir);
}

static void a_file_is_replaced_with_the_mode_that_was_asked_for(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(durable_replace(path, "old", 3, 0644), 0);
    assert_int_equal(durable_replace(path, "newer", 5, 0600), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(access(beside, F_OK), -1);
}

static void a_file_that_is_replaced_stays_its_owners(void **state)
{
    struct stat st;
    (void)state;
    if (geteuid() != 0)
        skip();                      /* only root can give files away */
    assert_int_equal(durable_replace(path, "old", 3, 0640), 0);
    assert_int_equal(chown(path, 65534, 65533), 0);
    assert_int_equal(durable_replace(path, "newer", 5, 0640), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(st.st_gid, 65533);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(lchown(path, 65534, 65533), 0);
    assert_int_equal(durable_replace(path, "text", 4, 0640), 0);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode) && st.st_uid == 0);
}

static void a_device_or_pipe_is_never_replaced(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(durable_replace(path, "text", 4, 0644), -ENOTSUP);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(durable_replace(path, "text", 4, 0644), -ENOTSUP);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(access(beside, F_OK), -1);
}

static void a_link_to_an_open_file_is_never_replaced(void **state)
{
    struct stat st;
    char target[32], other[96];
    (void)state;
    snprintf(other, sizeof other, "%s/other", dir);
    FILE *f = fopen(other, "we");
    assert_non_null(f);
    snprintf(target, sizeof target, "/proc/self/fd/%d", fileno(f));
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(durable_replace(path, "text", 4, 0644), -ENOTSUP);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    fclose(f);
    assert_int_equal(unlink(other), 0);
}

static void a_directory_is_never_replaced(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(durable_replace(path, "text", 4, 0644), -EISDIR);
    assert_int_equal(access(beside, F_OK), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_replaced_with_the_mode_that_was_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_is_replaced_stays_its_owners, begin, end),
        cmocka_unit_test_setup_teardown(a_device_or_pipe_is_never_replaced, begin, end),
        cmocka_unit_test_setup_teardown(a_link_to_an_open_file_is_never_replaced, begin, end),
        cmocka_unit_test_setup_teardown(a_directory_is_never_replaced, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
