/* A log in a directory of its own, rotated both ways, and all that tools/maillog/follow.h reads of it. Real files, injected time. */
#ifndef HEARSAY_TESTS_MAILLOG_LAB_H
#define HEARSAY_TESTS_MAILLOG_LAB_H

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

#include "tests/unit/scratch.h"
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

static inline char *path_of(const struct lab *l, const char *rest, char out[256])
{
    snprintf(out, 256, "%s%s", l->log, rest);
    return out;
}

static inline int open_lab(void **state)
{
    struct lab *l = calloc(1, sizeof *l);
    strcpy(l->dir, "/tmp/maillog-XXXXXX");
    assert_non_null(scratch_dir(l->dir));
    snprintf(l->log, sizeof l->log, "%s/mainlog", l->dir);
    l->got = malloc(GOT_BYTES);
    l->f = follow_create(l->log);
    l->now_ms = 1000;
    *state = l;
    return 0;
}

static inline int close_lab(void **state)
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
static inline void put(const struct lab *l, const char *rest, const char *text)
{
    char path[256];
    FILE *f = fopen(path_of(l, rest, path), "a");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

/* One line with a time of its own, a second after the one before. */
static inline void line(struct lab *l, const char *rest, const char *text)
{
    char out[512], at[32];
    time_t t = T0_S + l->seconds++;
    strftime(at, sizeof at, "%Y-%m-%d %H:%M:%S", gmtime(&t));
    snprintf(out, sizeof out, "%s %s\n", at, text);
    put(l, rest, out);
}

static inline void rename_log(const struct lab *l, const char *from, const char *to)
{
    char a[256], b[256];
    assert_int_equal(rename(path_of(l, from, a), path_of(l, to, b)), 0);
}

static inline void copy_and_truncate(const struct lab *l, const char *to)
{
    char command[600], path[256];
    snprintf(command, sizeof command, "cp %s %s && : > %s", l->log, path_of(l, to, path), l->log);
    assert_int_equal(system(command), 0);
}

static inline void compress(const struct lab *l, const char *rest)
{
    char command[600], path[256];
    snprintf(command, sizeof command, "gzip %s", path_of(l, rest, path));
    assert_int_equal(system(command), 0);
}

/* Reads until nothing is new, turning over files; all notes are kept. */
static inline void read_all(struct lab *l)
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

static inline void grace(struct lab *l)
{
    read_all(l);
    l->now_ms += FOLLOW_GRACE_MS;
    read_all(l);
}

/* What was read since the last call, without the times: "a b c ". */
static inline void assert_read(struct lab *l, const char *want)
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
static inline void restart(struct lab *l, int64_t last_time_s, int64_t cutoff_s)
{
    struct follow_place p;
    follow_where(l->f, UINT64_MAX, &p);
    follow_close(&l->f);
    l->f = follow_create(l->log);
    follow_resume(l->f, &p, last_time_s, cutoff_s, l->note);
}

static inline void begin(struct lab *l)
{
    follow_begin(l->f, 0, 0);
}

#define LAB(test) cmocka_unit_test_setup_teardown(test, open_lab, close_lab)

#endif
