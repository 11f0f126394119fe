/* The log as one endless text: rotation both ways, rotated and compressed files. */
#include "maillog_lab.h"

/* ---- one file */

static void whole_lines_are_read_as_they_come(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    assert_read(l, "a ");
    put(l, "", "2026-11-20 13:00:00 half");
    read_all(l);
    assert_read(l, "");
    put(l, "", " and half\n");
    read_all(l);
    assert_read(l, "half and half ");
}

static void a_log_that_is_not_there_yet_is_waited_for(void **state)
{
    struct lab *l = *state;
    begin(l);
    read_all(l);
    line(l, "", "a");
    read_all(l);
    assert_read(l, "a ");
}

static void it_begins_with_the_first_line_of_the_window(void **state)
{
    struct lab *l = *state;
    for (int i = 0; i < 20000; i++)
        line(l, "", i == 15000 ? "first" : "x");
    put(l, "", "junk without a time\n");
    follow_begin(l->f, 0, T0_S + 15000);
    read_all(l);
    assert_int_equal(strncmp(l->got + 20, "first\n", 6), 0);
    size_t lines = 0;
    for (size_t i = 0; i < l->len; i++)
        lines += l->got[i] == '\n';
    assert_int_equal(lines, 5001);
}

static void every_time_is_found_by_seeking(void **state)
{
    struct lab *l = *state;
    struct log_file *f = NULL;
    char name[16];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "%0*d", i % 7 + 1, i);
        line(l, "", name);
        if (i % 10 == 3)
            put(l, "", "garbage\n\n");
    }
    assert_int_equal(log_file_open(l->log, &f), 0);
    for (int i = -2; i < 300; i++) {
        uint64_t at;
        char text[32] = "";
        assert_int_equal(log_file_seek_time(f, T0_S + i, &at), 0);
        assert_true(log_file_read(f, at, text, sizeof text - 1) > 20);
        assert_int_equal(atoi(text + 20), i < 0 ? 0 : i);
    }
    uint64_t at;
    assert_int_equal(log_file_seek_time(f, T0_S + 300, &at), 0);
    assert_int_equal(at, log_file_size(f));
    log_file_close(&f);
}

static void a_line_that_is_too_long_is_dropped_and_the_next_is_read(void **state)
{
    struct lab *l = *state;
    char *big = malloc(3 << 20);
    memset(big, 'x', (3 << 20) - 1);
    big[(3 << 20) - 1] = '\0';
    line(l, "", "a");
    put(l, "", big);
    begin(l);
    read_all(l);
    assert_read(l, "a ");
    put(l, "", "end\n");
    line(l, "", "b");
    read_all(l);
    assert_read(l, "b ");
    assert_int_equal(follow_dropped(l->f), 1);
    free(big);
}

/* ---- rotation by renaming */

static void a_renamed_log_is_read_to_its_end_before_the_new_one(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    rename_log(l, "", ".1");
    line(l, ".1", "b");
    read_all(l);
    assert_read(l, "a b ");
    line(l, "", "c");
    read_all(l);
    l->now_ms += FOLLOW_GRACE_MS - 1;
    read_all(l);
    assert_read(l, "");                                  /* the old one may still get lines */
    line(l, ".1", "late");
    grace(l);
    assert_read(l, "late c ");
}

static void many_rotations_between_two_looks_lose_nothing(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    line(l, "", "b");
    rename_log(l, "", ".1");
    line(l, "", "c");
    rename_log(l, ".1", ".2");
    rename_log(l, "", ".1");
    line(l, "", "d");
    rename_log(l, ".2", ".3");
    rename_log(l, ".1", ".2");
    rename_log(l, "", ".1");
    compress(l, ".2");
    line(l, "", "e");
    grace(l);
    assert_read(l, "a b c d e ");
}

static void dates_as_names_are_in_order_too(void **state)
{
    struct lab *l = *state;
    line(l, "-20261118", "a");
    line(l, "-20261119", "b");
    line(l, "", "c");
    put(l, ".offset", "no log\n");
    put(l, ".1.swp", "no log\n");
    begin(l);
    read_all(l);
    assert_read(l, "a b c ");
}

static void lines_of_one_second_in_many_files_keep_their_order(void **state)
{
    struct lab *l = *state;
    char name[8], text[64];
    begin(l);
    for (int i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "2026-11-20 12:00:00 %d\n", i);
        put(l, "", text);
        if (i == 0)
            read_all(l);
        usleep(20000);                                   /* apart by the clock of the file system */
        for (int j = i; j > 0; j--) {
            char to[8];
            snprintf(name, sizeof name, ".%d", j);
            snprintf(to, sizeof to, ".%d", j + 1);
            rename_log(l, name, to);
        }
        rename_log(l, "", ".1");
    }
    put(l, "", "2026-11-20 12:00:00 5\n");
    grace(l);
    assert_read(l, "0 1 2 3 4 5 ");
}

/* ---- rotation by copying and truncating */

static void what_was_copied_away_is_read_from_the_copy(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    line(l, "", "b");
    copy_and_truncate(l, ".1");
    line(l, "", "c");
    read_all(l);
    assert_read(l, "a b c ");
}

static void a_log_that_grew_beyond_the_place_after_it_was_truncated_is_seen_to_be_another(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    line(l, "", "b");
    begin(l);
    read_all(l);
    copy_and_truncate(l, ".1");
    for (int i = 0; i < 5; i++)
        line(l, "", "c");
    read_all(l);
    assert_read(l, "a b c c c c c ");
}

static void a_truncated_log_without_a_copy_is_read_anew_and_said(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    line(l, "", "b");
    begin(l);
    read_all(l);
    assert_int_equal(truncate(l->log, 0), 0);
    read_all(l);
    line(l, "", "c");
    read_all(l);
    assert_read(l, "a b c ");
    assert_non_null(strstr(l->note, "truncated"));
}

static void what_was_written_copied_and_truncated_unseen_is_read(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    copy_and_truncate(l, ".1");
    read_all(l);
    assert_read(l, "a ");                                /* at the beginning of an empty log now */
    line(l, "", "b");
    rename_log(l, ".1", ".2");
    copy_and_truncate(l, ".1");
    line(l, "", "c");
    rename_log(l, ".2", ".3");
    rename_log(l, ".1", ".2");
    copy_and_truncate(l, ".1");
    restart(l, 0, 0);
    read_all(l);
    assert_read(l, "b c ");
    line(l, "", "d");
    read_all(l);
    assert_read(l, "d ");
}

static void rotated_files_of_before_the_start_are_not_taken_for_new_ones(void **state)
{
    struct lab *l = *state;
    line(l, ".2", "a");
    line(l, ".1", "b");
    put(l, "", "");
    follow_begin(l->f, 0, T0_S + 100000000);            /* nothing of that is wanted */
    read_all(l);
    l->seconds = 100000000;
    line(l, "", "c");
    read_all(l);
    assert_read(l, "c ");
}

static void half_a_line_at_the_moment_of_truncation_is_read_once(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    put(l, "", "2026-11-20 12:10:00 half");
    begin(l);
    read_all(l);
    put(l, "", "-b\n");
    copy_and_truncate(l, ".1");
    l->seconds = 1000;
    line(l, "", "c");
    read_all(l);
    assert_read(l, "a half-b c ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB(whole_lines_are_read_as_they_come),
        LAB(a_log_that_is_not_there_yet_is_waited_for),
        LAB(it_begins_with_the_first_line_of_the_window),
        LAB(every_time_is_found_by_seeking),
        LAB(a_line_that_is_too_long_is_dropped_and_the_next_is_read),
        LAB(a_renamed_log_is_read_to_its_end_before_the_new_one),
        LAB(many_rotations_between_two_looks_lose_nothing),
        LAB(dates_as_names_are_in_order_too),
        LAB(lines_of_one_second_in_many_files_keep_their_order),
        LAB(what_was_copied_away_is_read_from_the_copy),
        LAB(a_log_that_grew_beyond_the_place_after_it_was_truncated_is_seen_to_be_another),
        LAB(a_truncated_log_without_a_copy_is_read_anew_and_said),
        LAB(what_was_written_copied_and_truncated_unseen_is_read),
        LAB(rotated_files_of_before_the_start_are_not_taken_for_new_ones),
        LAB(half_a_line_at_the_moment_of_truncation_is_read_once),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
