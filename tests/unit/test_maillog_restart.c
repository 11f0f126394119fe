/* The log as one endless text, through restarts and whatever became of the files meanwhile. */
#include "maillog_lab.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
