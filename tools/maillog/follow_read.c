#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/maillog/follow_private.h"

/* ---- the buffer */

static char *behind(const struct follow *f)
{
    return f->buffer + f->from + f->len;
}

static void make_room(struct follow *f)
{
    if (f->from > 0 && BUFFER_BYTES - f->from - f->len < READ_BYTES) {
        memmove(f->buffer, f->buffer + f->from, f->len);
        f->from = 0;
    }
}

static void forget(struct follow *f, size_t len)
{
    f->from += len;
    f->at += len;
    f->len -= len;
    f->whole = f->whole > len ? f->whole - len : 0;
    if (f->len == 0)
        f->from = 0;
}

/* Drops what is in the buffer of a line that is too long, up to its end. */
static void drop(struct follow *f)
{
    const char *end = memchr(f->buffer + f->from, '\n', f->len);
    f->dropping = end == NULL;
    forget(f, end == NULL ? f->len : (size_t)(end - (f->buffer + f->from)) + 1);
}

/* `n` bytes came in behind what was there. */
static void take(struct follow *f, size_t n)
{
    const char *fresh = behind(f), *last = memrchr(fresh, '\n', n);
    f->len += n;
    if (f->dropping) {
        drop(f);
        last = memrchr(f->buffer + f->from, '\n', f->len);
    }
    if (last != NULL) {
        f->whole = (size_t)(last + 1 - (f->buffer + f->from));
    } else if (f->len >= FOLLOW_LINE_MAX) {
        f->dropped++;
        drop(f);
    }
}

/* ---- the file */

/* Only bytes that were read count: the live file grows. */
static void grow_print(struct follow *f)
{
    uint64_t read = f->at + f->len;
    uint32_t len = read < PRINT_BYTES ? (uint32_t)read : PRINT_BYTES;
    struct print p;
    if (len > f->print.len && log_file_print(f->file, len, &p) == 0)
        f->print = p;
}

/* After a read: whether what was read before is still where it was. */
static bool was_truncated(struct follow *f, size_t n)
{
    int64_t size = log_file_size(f->file);
    return (size >= 0 && (uint64_t)size < f->at + f->len + n) || !log_file_matches(f->file, &f->print);
}

/* The file was truncated under us. A copy that was made before has the same print, and what we did not read. */
static void turn_to_copy(struct follow *f, char note[FOLLOW_NOTE_MAX])
{
    char path[FILE_PATH_MAX];
    struct follow_place p = { .offset = f->at + f->len, .print = f->print };
    struct log_file *copy = f->print.len > 0 ? follow_open_rotated(f, &p, path) : NULL;
    if (copy != NULL) {
        size_t from = f->from, len = f->len;
        follow_turn(f, copy, path, false, f->at);
        f->from = from;
        f->len = len;
        return;
    }
    if (p.offset > 0)
        snprintf(note, FOLLOW_NOTE_MAX, "truncated at byte %llu without a copy beside it: what was not read by then is lost",
                 (unsigned long long)p.offset);
    forget(f, f->len);
    f->ended = true;
}

/* Nothing of the live file was read yet, so nothing tells whether it was filled, copied and truncated meanwhile: a rotated file that was not seen does. */
static bool turn_to_unseen(struct follow *f)
{
    char path[FILE_PATH_MAX];
    struct log_file *file = follow_open_newer(f, &f->before, path);
    if (file != NULL)
        follow_turn(f, file, path, false, 0);
    return file != NULL;
}

static bool another_has_the_name(const struct follow *f)
{
    struct stat st;
    uint64_t dev, ino;
    log_file_id(f->file, &dev, &ino);
    return stat(f->log, &st) == 0 && (st.st_dev != dev || st.st_ino != ino);
}

/* At the end of what is there. Exim looks at the name before each line that it writes, so that a renamed file gets at most a few lines more. */
static void at_end(struct follow *f, int64_t now_ms)
{
    if (!f->live) {
        f->ended = true;
    } else if (!another_has_the_name(f)) {
        f->other_since_ms = 0;
    } else if (f->other_since_ms == 0) {
        f->other_since_ms = now_ms > 0 ? now_ms : 1;
    } else if (now_ms - f->other_since_ms >= FOLLOW_GRACE_MS) {
        f->ended = true;
    }
    if (f->ended)
        f->whole = f->dropping ? 0 : f->len;
}

static int fill(struct follow *f, int64_t now_ms, char note[FOLLOW_NOTE_MAX])
{
    make_room(f);
    ssize_t n = log_file_read(f->file, f->at + f->len, behind(f), READ_BYTES);
    if (n < 0)
        return (int)n;
    if (f->live && was_truncated(f, (size_t)n)) {
        turn_to_copy(f, note);
        return 0;
    }
    if (f->live && f->at + f->len == 0 && turn_to_unseen(f))
        return 0;
    if (n == 0) {
        at_end(f, now_ms);
        return 0;
    }
    take(f, (size_t)n);
    grow_print(f);
    return 0;
}

int follow_read(struct follow *f, int64_t now_ms, enum follow_news *news, const char **at, size_t *len, uint64_t *place, char note[FOLLOW_NOTE_MAX])
{
    note[0] = '\0';
    *news = FOLLOW_IDLE;
    if (f->file == NULL && !follow_begin_live(f, f->base, 0))
        return 0;
    /* Once more when that brought no whole line but a part of one, or another file. */
    for (int turn = 0; turn < 8 && f->whole == 0 && !f->ended; turn++) {
        uint64_t before = f->at + f->len;
        const struct log_file *file = f->file;
        int rc = fill(f, now_ms, note);
        if (rc != 0)
            return rc;
        if (f->at + f->len == before && f->file == file)
            break;
    }
    *at = f->buffer + f->from;
    *len = f->whole;
    *place = f->base + f->at;
    *news = f->whole > 0 ? FOLLOW_DATA : f->ended ? FOLLOW_END : FOLLOW_IDLE;
    return 0;
}

void follow_done(struct follow *f, size_t len)
{
    forget(f, len < f->whole ? len : f->whole);
}
