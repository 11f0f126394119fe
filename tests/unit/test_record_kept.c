/* A member's own record and the file it is kept in: proto/record.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record_fixture.h"
#include "tests/unit/scratch.h"

static char dir[] = "/tmp/hearsay-record-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    id = fixed_identity();
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/record.card", dir);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    identity_destroy(&id);
    return rmdir(dir);
}

static int current(const struct record *want, int64_t now_s, struct record *out)
{
    struct sealed s = { .len = sizeof s.frame };
    struct record opened;
    int rc = record_current(path, id, want, now_s, out, s.frame, &s.len);

    if (rc == 0) {
        assert_int_equal(open_sealed(&s, &opened), 0);
        assert_int_equal(opened.serial, out->serial);
    }
    return rc;
}

static void a_new_record_lives_for_90_days_and_is_kept(void **state)
{
    struct record want = plain_record(), first, second;

    (void)state;
    memset(want.operational, 0, KEY_BYTES);                    /* the keys are the identity's */
    assert_int_equal(current(&want, NOW_S, &first), 0);
    assert_int_equal(first.not_after_s, NOW_S + 90 * DAY_S);
    assert_memory_equal(first.operational, identity_operational(id), KEY_BYTES);
    assert_int_equal(current(&want, NOW_S + 45 * DAY_S, &second), 0);
    assert_int_equal(second.serial, first.serial);
    assert_int_equal(second.not_after_s, first.not_after_s);
}

static void a_record_is_renewed_45_days_before_it_ends(void **state)
{
    struct record want = plain_record(), first, second;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    assert_int_equal(current(&want, NOW_S + 45 * DAY_S + 1, &second), 0);
    assert_true(second.serial > first.serial);
    assert_int_equal(second.not_after_s, NOW_S + 135 * DAY_S + 1);
}

static void a_change_of_name_or_endpoint_makes_a_new_record(void **state)
{
    struct record want = plain_record(), first, second, third;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    strcpy(want.name, "mx2.a.example");
    assert_int_equal(current(&want, NOW_S, &second), 0);
    assert_true(second.serial > first.serial);
    assert_string_equal(second.name, "mx2.a.example");
    strcpy(want.repair, "tcp://mx2.a.example:4442");
    assert_int_equal(current(&want, NOW_S - DAY_S, &third), 0);    /* also when the clock went back */
    assert_true(third.serial > second.serial);
}

static void a_lost_or_damaged_file_gives_a_newer_serial(void **state)
{
    struct record want = plain_record(), first, second, third;
    FILE *f;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    unlink(path);
    assert_int_equal(current(&want, NOW_S + 10, &second), 0);
    assert_true(second.serial > first.serial);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("hearsay1:rubbish", f);
    fclose(f);
    assert_int_equal(current(&want, NOW_S + 20, &third), 0);
    assert_true(third.serial > second.serial);
}

static void the_record_of_another_identity_is_not_taken(void **state)
{
    struct record want = plain_record(), first, second;
    struct identity *other = test_identity(0), *mine = id;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    id = other;
    assert_int_equal(current(&want, NOW_S, &second), 0);
    assert_memory_equal(second.root, identity_root(other), KEY_BYTES);
    id = mine;
    identity_destroy(&other);
}

static void without_the_root_key_the_stored_record_is_taken_as_it_is(void **state)
{
    struct record want = plain_record(), first, second;
    struct identity *whole = id;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    id = fixed_identity();
    assert_int_equal(identity_forget_root(id), 0);
    strcpy(want.name, "other.example");
    assert_int_equal(current(&want, NOW_S + 89 * DAY_S, &second), 0);
    assert_string_equal(second.name, first.name);
    assert_int_equal(current(&want, NOW_S + 91 * DAY_S, &second), 0);      /* expired: the caller sees it */
    assert_int_equal(second.serial, first.serial);
    unlink(path);
    assert_int_equal(current(&want, NOW_S, &second), -ENOKEY);
    identity_destroy(&id);
    id = whole;
}

static void a_record_within_the_key_file_is_as_good_as_the_card(void **state)
{
    struct record want = plain_record(), first, second;
    struct identity *whole = id;

    (void)state;
    id = fixed_identity();
    assert_int_equal(record_renew(path, id, &want, 90 * DAY_S, NOW_S, &first), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(identity_forget_root(id), 0);
    assert_int_equal(current(&want, NOW_S, &second), 0);
    assert_int_equal(second.serial, first.serial);
    assert_int_equal(access(path, F_OK), 0);                   /* and the card is there again */
    identity_destroy(&id);
    id = whole;
}

static void the_newer_of_card_and_key_file_counts(void **state)
{
    struct record want = plain_record(), first, second, third;
    struct identity *whole = id;

    (void)state;
    id = fixed_identity();
    assert_int_equal(record_renew(path, id, &want, 90 * DAY_S, NOW_S, &first), 0);
    strcpy(want.name, "mx2.a.example");
    assert_int_equal(current(&want, NOW_S + 1, &second), 0);   /* the node signs one for its new name */
    assert_true(second.serial > first.serial);
    assert_int_equal(current(&want, NOW_S + 2, &third), 0);
    assert_int_equal(third.serial, second.serial);
    assert_int_equal(record_renew(path, id, &want, 90 * DAY_S, NOW_S, &third), 0);
    assert_true(third.serial > second.serial);
    identity_destroy(&id);
    id = whole;
}

static void a_short_life_is_renewed_half_way(void **state)
{
    struct record r = { .serial = (uint64_t)NOW_S, .not_after_s = NOW_S + 100 };

    (void)state;
    assert_int_equal(record_renew_s(&r), NOW_S + 50);
    r.not_after_s = NOW_S + 90 * DAY_S;
    assert_int_equal(record_renew_s(&r), NOW_S + 45 * DAY_S);
    r.not_after_s = NOW_S + 365 * DAY_S;
    assert_int_equal(record_renew_s(&r), NOW_S + 320 * DAY_S);
    r.serial = 1;                                              /* one that counts from 1 */
    assert_int_equal(record_renew_s(&r), NOW_S + 320 * DAY_S);
}

static void a_farewell_is_not_taken_back_by_the_node_itself(void **state)
{
    struct record want = plain_record(), left, after, again;
    struct identity *whole = id;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &after), 0);
    assert_false(record_is_farewell(&after));
    id = fixed_identity();
    assert_int_equal(record_renew(path, id, &want, 0, NOW_S + 10, &left), 0);
    assert_true(record_is_farewell(&left));
    assert_int_equal(left.not_after_s, NOW_S + 10);
    assert_int_equal(current(&want, NOW_S + 100 * DAY_S, &after), 0);
    assert_int_equal(after.serial, left.serial);
    assert_int_equal(record_renew(path, id, &want, 90 * DAY_S, NOW_S + 20, &again), 0);
    assert_false(record_is_farewell(&again));
    identity_destroy(&id);
    id = whole;
}

static void the_kept_file_is_one_line_that_is_the_card(void **state)
{
    struct record want = plain_record(), r;
    struct sealed s = { .len = sizeof s.frame };
    char text[CARD_MAX + 1];
    FILE *f;
    struct stat st;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &r), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
    assert_int_equal(card_decode(text, s.frame, &s.len), 0);
    assert_int_equal(open_sealed(&s, &r), 0);
}

static void a_failed_write_leaves_the_old_record(void **state)
{
    struct record want = plain_record(), first, second;
    struct rlimit before, small;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    strcpy(want.name, "mx2.a.example");
    int rc = current(&want, NOW_S, &second);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, -EFBIG);
    strcpy(want.name, "mx.a.example");
    assert_int_equal(current(&want, NOW_S, &second), 0);
    assert_int_equal(second.serial, first.serial);
}

static void a_directory_that_cannot_be_written_is_an_error(void **state)
{
    struct record want = plain_record(), r;
    struct sealed s = { .len = sizeof s.frame };
    char absent[64];

    (void)state;
    snprintf(absent, sizeof absent, "%s/absent/record.card", dir);
    assert_int_equal(record_current(absent, id, &want, NOW_S, &r, s.frame, &s.len), -ENOENT);
    s.len = 10;
    assert_int_equal(record_current(path, id, &want, NOW_S, &r, s.frame, &s.len), -ENOBUFS);
    strcpy(want.name, "not a name");
    s.len = sizeof s.frame;
    assert_int_equal(record_current(path, id, &want, NOW_S, &r, s.frame, &s.len), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_new_record_lives_for_90_days_and_is_kept, remove_file),
        cmocka_unit_test_teardown(a_record_is_renewed_45_days_before_it_ends, remove_file),
        cmocka_unit_test_teardown(a_change_of_name_or_endpoint_makes_a_new_record, remove_file),
        cmocka_unit_test_teardown(a_lost_or_damaged_file_gives_a_newer_serial, remove_file),
        cmocka_unit_test_teardown(the_record_of_another_identity_is_not_taken, remove_file),
        cmocka_unit_test_teardown(without_the_root_key_the_stored_record_is_taken_as_it_is, remove_file),
        cmocka_unit_test_teardown(a_record_within_the_key_file_is_as_good_as_the_card, remove_file),
        cmocka_unit_test_teardown(the_newer_of_card_and_key_file_counts, remove_file),
        cmocka_unit_test(a_short_life_is_renewed_half_way),
        cmocka_unit_test_teardown(a_farewell_is_not_taken_back_by_the_node_itself, remove_file),
        cmocka_unit_test_teardown(the_kept_file_is_one_line_that_is_the_card, remove_file),
        cmocka_unit_test_teardown(a_failed_write_leaves_the_old_record, remove_file),
        cmocka_unit_test_teardown(a_directory_that_cannot_be_written_is_an_error, remove_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
