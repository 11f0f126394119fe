/* The log as one endless text: rotation both ways, rotated and compressed files, restarts. Real files, injected time. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/maillog/follow.h"

enum { GOT_BYTES = 4 << 20, T0_S = 1795176000 };         /* 2026-11-20 12:00:00 UTC */

struct lab {
    char dir[64], log[128], note[FOLLOW_NOTE_MAX];
    struct follow *f;
    char *got;                                           /* all that was read, and done */
    size_t len;
    uint64_t next_place;
    int64_t now_ms;
    int seconds;                                         /* of the next line */
};

static char *path_of(const struct lab *l, const char *rest, char out[256])
{
    snprintf(out, 256, "%s%s", l->log, rest);
    return out;
}

static int open_lab(void **state)
{
    struct lab *l = calloc(1, sizeof *l);
    strcpy(l->dir, "/tmp/maillog-XXXXXX");
    assert_non_null(mkdtemp(l->dir));
    snprintf(l->log, sizeof l->log, "%s/mainlog", l->dir);
    l->got = malloc(GOT_BYTES);
    l->f = follow_create(l->log);
    l->now_ms = 1000;
    *state = l;
    return 0;
}

static int close_lab(void **state)
{
    struct lab *l = *state;
    char command[128];
    follow_close(&l->f);
    snprintf(command, sizeof command, "rm -r %s", l->dir);
    assert_int_equal(system(command), 0);
    free(l->got);
    free(l);
    return 0;
}

/* Appends `text` to a file of the log. */
static void put(const struct lab *l, const char *rest, const char *text)
{
    char path[256];
    FILE *f = fopen(path_of(l, rest, path), "a");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

/* One line with a time of its own, a second after the one before. */
static void line(struct lab *l, const char *rest, const char *text)
{
    char out[512], at[32];
    time_t t = T0_S + l->seconds++;
    strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S", gmtime(&t));
    snprintf(out, sizeof out, "%s %s\n", at, text);
    put(l, rest, out);
}

static void rename_log(const struct lab *l, const char *from, const char *to)
{
    char a[256], b[256];
    assert_int_equal(rename(path_of(l, from, a), path_of(l, to, b)), 0);
}

static void copy_and_truncate(const struct lab *l, const char *to)
{
    char command[600], path[256];
    snprintf(command, sizeof command, "cp %s %s && : > %s", l->log, path_of(l, to, path), l->log);
    assert_int_equal(system(command), 0);
}

static void compress(const struct lab *l, const char *rest)
{
    char command[600], path[256];
    snprintf(command, sizeof command, "gzip %s", path_of(l, rest, path));
    assert_int_equal(system(command), 0);
}

/* Reads until nothing is new, turning over files; all notes are kept. */
static void read_all(struct lab *l)
{
    enum follow_news news;
    const char *at;
    size_t len;
    uint64_t place;
    char note[FOLLOW_NOTE_MAX];
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(follow_read(l->f, l->now_ms, &news, &at, &len, &place, note), 0);
        if (note[0] != '\0')
            strcpy(l->note, note);
        if (news == FOLLOW_IDLE || (news == FOLLOW_END && !follow_next(l->f)))
            return;
        if (news == FOLLOW_END)
            continue;
        assert_true(l->len + len < GOT_BYTES);
        assert_true(place >= l->next_place);             /* places only grow */
        l->next_place = place + len;
        memcpy(l->got + l->len, at, len);
        l->len += len;
        follow_done(l->f, len);
    }
    fail_msg("it never ends");
}

static void grace(struct lab *l)
{
    read_all(l);
    l->now_ms += FOLLOW_GRACE_MS;
    read_all(l);
}

/* What was read since the last call, without the times: "a b c ". */
static void assert_read(struct lab *l, const char *want)
{
    char got[1024] = "";
    size_t n = 0;
    for (char *at = l->got, *end; (size_t)(at - l->got) < l->len && n < 900; at = end + 1) {
        end = memchr(at, '\n', l->len - (size_t)(at - l->got));
        if (end == NULL)
            end = l->got + l->len;
        n += (size_t)snprintf(got + n, sizeof got - n, "%.*s ", (int)(end - at > 20 ? end - at - 20 : 0), at + 20);
    }
    if (strcmp(got, want) != 0)
        fail_msg("read \"%s\", want \"%s\"; note: %s", got, want, l->note);
    l->len = 0;
}

/* As a restart does it: all that is kept is the place. */
static void restart(struct lab *l, int64_t last_time_s, int64_t cutoff_s)
{
    struct follow_place p;
    follow_where(l->f, UINT64_MAX, &p);
    follow_close(&l->f);
    l->f = follow_create(l->log);
    follow_resume(l->f, &p, last_time_s, cutoff_s, l->note);
}

static void begin(struct lab *l)
{
    follow_begin(l->f, 0, 0);
}

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

/* ---- restarts */

static void it_goes_on_where_it_stopped(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    restart(l, 0, 0);
    read_all(l);
    line(l, "", "b");
    read_all(l);
    assert_read(l, "a b ");
    assert_string_equal(l->note, "");
}

static void it_goes_on_through_files_that_were_rotated_and_compressed_meanwhile(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    line(l, "", "b");
    rename_log(l, "", ".1");
    line(l, "", "c");
    rename_log(l, ".1", ".2");
    compress(l, ".2");
    rename_log(l, "", ".1");
    line(l, "", "d");
    restart(l, 0, 0);
    grace(l);
    assert_read(l, "a b c d ");
    assert_string_equal(l->note, "");
    restart(l, 0, 0);
    read_all(l);
    assert_read(l, "");
}

static void it_goes_on_in_the_copy_of_a_log_that_was_truncated_meanwhile(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    line(l, "", "b");
    copy_and_truncate(l, ".1");
    line(l, "", "c");
    line(l, "", "d");
    restart(l, 0, 0);
    read_all(l);
    assert_read(l, "a b c d ");
}

static void an_empty_log_that_was_filled_and_rotated_meanwhile_is_read(void **state)
{
    struct lab *l = *state;
    put(l, "", "");
    begin(l);
    read_all(l);
    line(l, "", "a");
    rename_log(l, "", ".1");
    line(l, "", "b");
    restart(l, 0, 0);
    read_all(l);
    assert_read(l, "a b ");
    assert_string_equal(l->note, "");
}

static void a_file_of_which_nothing_was_read_is_found_whatever_became_of_it(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    rename_log(l, "", ".1");
    put(l, "", "");
    grace(l);                                            /* at the beginning of an empty log */
    assert_read(l, "a ");
    line(l, "", "b");
    rename_log(l, ".1", ".3");
    rename_log(l, "", ".2");
    compress(l, ".2");
    line(l, "", "c");
    rename_log(l, "", ".1");
    line(l, "", "d");
    restart(l, T0_S + 50, 0);
    grace(l);
    assert_read(l, "b c d ");
    assert_string_equal(l->note, "");
}

static void the_lines_before_the_place_can_be_had_again_also_of_a_compressed_file(void **state)
{
    struct lab *l = *state;
    char text[4096];
    for (int i = 0; i < 30; i++)
        line(l, "", "x");
    begin(l);
    read_all(l);
    line(l, "", "y");
    assert_int_equal(follow_before(l->f, text, sizeof text), 30 * 22);
    assert_int_equal(follow_before(l->f, text, 100), 4 * 22);
    rename_log(l, "", ".1");
    compress(l, ".1");
    l->len = 0;
    restart(l, 0, 0);
    assert_int_equal(follow_before(l->f, text, 100), 4 * 22);
    assert_memory_equal(text + 20, "x\n2026", 6);
    read_all(l);
    assert_read(l, "y ");
}

static void an_empty_first_log_is_found_whatever_became_of_it(void **state)
{
    struct lab *l = *state;
    put(l, "", "");
    begin(l);
    read_all(l);
    line(l, "", "a");
    rename_log(l, "", ".2");
    compress(l, ".2");
    line(l, "", "b");
    restart(l, 0, 0);
    read_all(l);
    assert_read(l, "a b ");
    assert_string_equal(l->note, "");
}

static void a_place_that_is_gone_is_replaced_by_its_time(void **state)
{
    struct lab *l = *state;
    char path[256];
    line(l, "", "a");
    line(l, "", "b");
    begin(l);
    read_all(l);
    rename_log(l, "", ".1");
    assert_int_equal(unlink(path_of(l, ".1", path)), 0);
    l->seconds = 1;
    line(l, "", "again");                                /* another program put the same lines there */
    line(l, "", "c");
    restart(l, T0_S + 1, 0);
    read_all(l);
    assert_read(l, "a b c ");
    assert_non_null(strstr(l->note, "not there any more"));
}

static void years_of_old_lines_are_passed_over_after_a_long_time(void **state)
{
    struct lab *l = *state;
    line(l, "", "a");
    begin(l);
    read_all(l);
    for (int i = 0; i < 1000; i++)
        line(l, "", "old");
    line(l, "", "new");
    restart(l, T0_S, T0_S + l->seconds - 1);
    read_all(l);
    assert_read(l, "a new ");
}

static void places_are_the_same_when_lines_are_read_again(void **state)
{
    struct lab *l = *state;
    struct follow_place p;
    enum follow_news news;
    const char *at;
    size_t len;
    uint64_t place, again;
    for (int i = 0; i < 10; i++)
        line(l, "", "x");
    begin(l);
    assert_int_equal(follow_read(l->f, 0, &news, &at, &len, &place, l->note), 0);
    follow_where(l->f, place + 21 * 4 + 4, &p);          /* the fifth line: "x" makes 22 bytes */
    follow_done(l->f, len);
    rename_log(l, "", ".1");
    line(l, "", "y");
    follow_close(&l->f);
    l->f = follow_create(l->log);
    follow_resume(l->f, &p, 0, 0, l->note);
    assert_int_equal(follow_read(l->f, 0, &news, &at, &len, &again, l->note), 0);
    assert_int_equal(again, place + 88);
    assert_int_equal(len, 6 * 22);
}

/* ---- arrivals that are not remembered */

static bool take_arrival(void *ctx, const struct line *found)
{
    struct text *out = ctx;
    static char kept[256];
    memcpy(kept, found->rest.at, found->rest.len);
    *out = (struct text){ kept, found->rest.len };
    return true;
}

/* An id that Exim would make in that second. */
static void id_at(int64_t time_s, char out[LINE_ID_SHORT + 1])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    strcpy(out, "......-000001-AB");
    for (int i = 5; i >= 0; i--, time_s /= 62)
        out[i] = digits[time_s % 62];
}

static void an_arrival_is_found_in_this_file_and_in_older_ones(void **state)
{
    struct lab *l = *state;
    char old[17], fresh[17], none[17], text[128];
    struct text got = { NULL, 0 };
    id_at(T0_S + 5000, old);
    id_at(T0_S + 15000, fresh);
    id_at(T0_S + 15001, none);
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, i == 5001 ? "%s <= old@b.example" : i == 15001 ? "%s <= fresh@b.example" : i == 7 ? "%s ** no arrival" : "x",
                 i == 5001 ? old : fresh);
        line(l, i < 10000 ? ".1" : "", text);
    }
    follow_begin(l->f, 0, T0_S + 19000);
    read_all(l);
    struct follow_place p;
    follow_where(l->f, UINT64_MAX, &p);
    uint64_t end = p.base + p.offset;
    assert_true(follow_find(l->f, (struct text){ fresh, 16 }, end, take_arrival, &got));
    assert_int_equal(strncmp(got.at, "fresh@b.example", got.len), 0);
    assert_true(follow_find(l->f, (struct text){ old, 16 }, end, take_arrival, &got));
    assert_int_equal(strncmp(got.at, "old@b.example", got.len), 0);
    assert_false(follow_find(l->f, (struct text){ none, 16 }, end, take_arrival, &got));
    assert_false(follow_find(l->f, (struct text){ fresh, 16 }, p.base + 100, take_arrival, &got));
}

#define LAB(test) cmocka_unit_test_setup_teardown(test, open_lab, close_lab)

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
        LAB(it_goes_on_where_it_stopped),
        LAB(it_goes_on_through_files_that_were_rotated_and_compressed_meanwhile),
        LAB(it_goes_on_in_the_copy_of_a_log_that_was_truncated_meanwhile),
        LAB(an_empty_log_that_was_filled_and_rotated_meanwhile_is_read),
        LAB(a_file_of_which_nothing_was_read_is_found_whatever_became_of_it),
        LAB(the_lines_before_the_place_can_be_had_again_also_of_a_compressed_file),
        LAB(an_empty_first_log_is_found_whatever_became_of_it),
        LAB(a_place_that_is_gone_is_replaced_by_its_time),
        LAB(years_of_old_lines_are_passed_over_after_a_long_time),
        LAB(places_are_the_same_when_lines_are_read_again),
        LAB(an_arrival_is_found_in_this_file_and_in_older_ones),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
