#include "tools/maillog/follow_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOOKS_MAX = 50 };

struct follow *follow_create(const char *log)
{
    struct follow *f = calloc(1, sizeof *f);
    if (f == NULL || strlen(log) >= sizeof f->log || (f->buffer = malloc(BUFFER_BYTES)) == NULL) {
        free(f);
        return NULL;
    }
    strcpy(f->log, log);
    return f;
}

void follow_close(struct follow **f)
{
    if (*f == NULL)
        return;
    log_file_close(&(*f)->file);
    free((*f)->buffer);
    free(*f);
    *f = NULL;
}

/* ---- turning to a file */

void follow_turn(struct follow *f, struct log_file *file, const char *path, bool live, uint64_t at)
{
    if (file != f->file)
        log_file_close(&f->file);
    f->file = file;
    if (path != f->path)
        snprintf(f->path, sizeof f->path, "%s", path);
    f->live = live;
    f->ended = f->dropping = false;
    f->at = at;
    f->from = f->len = f->whole = 0;
    f->other_since_ms = 0;
    /* Only what was there when this was read may count: the live file grows. */
    if (log_file_print(file, at < PRINT_BYTES ? (uint32_t)at : PRINT_BYTES, &f->print) != 0)
        f->print = (struct print){ 0 };
}

struct log_file *follow_open_link(const struct chain_link *link)
{
    struct log_file *file = NULL;
    if (log_file_open(link->path, &file) == 0 && !log_file_matches(file, &link->print))
        log_file_close(&file);
    return file;
}

static uint64_t seek(struct log_file *file, int64_t time_s)
{
    uint64_t at = 0;
    (void)log_file_seek_time(file, time_s, &at);
    return at;
}

bool follow_begin_live(struct follow *f, uint64_t base, int64_t cutoff_s)
{
    struct log_file *file = NULL;
    f->missing = log_file_open(f->log, &file);
    if (f->missing != 0)
        return false;
    f->base = base;
    follow_turn(f, file, f->log, true, seek(file, cutoff_s));
    return true;
}

void follow_begin(struct follow *f, uint64_t base, int64_t cutoff_s)
{
    struct chain c;
    bool found = false;
    f->base = base;
    if (chain_list(f->log, &c) == 0) {
        for (size_t i = 0; i < c.n && !found; i++) {
            f->before = c.links[i].key;
            struct log_file *file = c.links[i].key.mtime_ns / 1000000000 < cutoff_s ? NULL : follow_open_link(&c.links[i]);
            found = file != NULL;
            if (found)
                follow_turn(f, file, c.links[i].path, false, seek(file, cutoff_s));
        }
    }
    chain_free(&c);
    if (!found)
        follow_begin_live(f, base, cutoff_s);
}

/* ---- going on */

/* Of a file of which nothing was read yet there is no print: then it is the one with this inode. */
static bool is_the_one(struct log_file *file, const struct follow_place *p)
{
    uint64_t dev, ino;
    int64_t size = log_file_size(file);
    log_file_id(file, &dev, &ino);
    if (p->print.len == 0)
        return dev == p->dev && ino == p->ino;
    return log_file_matches(file, &p->print) && (log_file_is_gz(file) || size >= (int64_t)p->offset);
}

static bool resume_live(struct follow *f, const struct follow_place *p)
{
    struct log_file *file = NULL;
    if (log_file_open(f->log, &file) != 0)
        return false;
    bool same = is_the_one(file, p);
    if (same)
        follow_turn(f, file, f->log, true, p->offset);
    else
        log_file_close(&file);
    return same;
}

/* What a look at the chain found: a file; nothing; or a file that has another name by now, or none, so that it is to be looked for again. */
enum look { LOOK_FOUND, LOOK_NOTHING, LOOK_AGAIN };

static enum look look_for_place(const struct chain *c, const struct follow_place *p, char path[FILE_PATH_MAX], struct log_file **out)
{
    bool gone = false;
    for (size_t i = 0; i < c->n; i++) {
        struct log_file *file = follow_open_link(&c->links[i]);
        gone |= file == NULL;
        if (file != NULL && is_the_one(file, p)) {
            strcpy(path, c->links[i].path);
            *out = file;
            return LOOK_FOUND;
        }
        log_file_close(&file);
    }
    return gone ? LOOK_AGAIN : LOOK_NOTHING;
}

struct log_file *follow_open_rotated(const struct follow *f, const struct follow_place *p, char path[FILE_PATH_MAX])
{
    struct log_file *file = NULL;
    enum look look = LOOK_AGAIN;
    for (int i = 0; look == LOOK_AGAIN && i < LOOKS_MAX; i++) {
        struct chain c;
        look = chain_list(f->log, &c) == 0 ? look_for_place(&c, p, path, &file) : LOOK_NOTHING;
        chain_free(&c);
    }
    return file;
}

static bool resume_rotated(struct follow *f, const struct follow_place *p)
{
    char path[FILE_PATH_MAX];
    struct log_file *file = follow_open_rotated(f, p, path);
    if (file != NULL)
        follow_turn(f, file, path, false, p->offset);
    return file != NULL;
}

/* Years of lines that no rule wants are passed over without being read. */
static void skip_old(struct follow *f, int64_t cutoff_s)
{
    uint64_t at = seek(f->file, cutoff_s);
    if (at > f->at)
        follow_turn(f, f->file, f->path, f->live, at);
}

/* Nothing of the present file was read: it is the next one after those that were finished, whatever became of it. */
static bool resume_unread(struct follow *f, const struct follow_place *p)
{
    char path[FILE_PATH_MAX];
    if (p->print.len > 0 || p->offset > 0 || p->ino == 0)
        return false;
    struct log_file *file = follow_open_newer(f, &p->before, path);
    if (file == NULL)
        return follow_begin_live(f, p->base, 0);
    follow_turn(f, file, path, false, 0);
    return true;
}

void follow_resume(struct follow *f, const struct follow_place *p, int64_t last_time_s, int64_t cutoff_s, char note[FOLLOW_NOTE_MAX])
{
    note[0] = '\0';
    f->base = p->base;
    f->before = p->before;
    if (resume_unread(f, p) || resume_live(f, p) || resume_rotated(f, p)) {
        skip_old(f, cutoff_s);
        return;
    }
    if (p->ino == 0) {                  /* there was no log when this place was noted */
        follow_begin(f, p->base, cutoff_s);
        return;
    }
    snprintf(note, FOLLOW_NOTE_MAX, "the file that was read last is not there any more: going on with the first line after it, by its time");
    follow_begin(f, p->base + p->offset, last_time_s + 1 > cutoff_s ? last_time_s + 1 : cutoff_s);
}

/* ---- the next file */

static bool same_file(const struct follow *f, const struct chain_link *link)
{
    uint64_t dev, ino;
    if (f->file == NULL)
        return false;
    log_file_id(f->file, &dev, &ino);
    return link->dev == dev && link->ino == ino;
}

/* The next one is not passed over when it cannot be opened under the name that it had a moment ago. */
static enum look look_for_newer(const struct follow *f, const struct chain *c, const struct chain_key *than, char path[FILE_PATH_MAX], struct log_file **out)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct chain_link *l = &c->links[i];
        bool same_text = f->print.len > 0 && f->print.len == l->print.len && f->print.hash == l->print.hash;
        if (chain_compare(&l->key, than) <= 0 || same_text || same_file(f, l))
            continue;
        *out = follow_open_link(l);
        if (*out == NULL)
            return LOOK_AGAIN;
        strcpy(path, l->path);
        return LOOK_FOUND;
    }
    return LOOK_NOTHING;
}

struct log_file *follow_open_newer(const struct follow *f, const struct chain_key *than, char path[FILE_PATH_MAX])
{
    struct log_file *file = NULL;
    enum look look = LOOK_AGAIN;
    for (int i = 0; look == LOOK_AGAIN && i < LOOKS_MAX; i++) {
        struct chain c;
        look = chain_list(f->log, &c) == 0 ? look_for_newer(f, &c, than, path, &file) : LOOK_NOTHING;
        chain_free(&c);
    }
    return file;
}

bool follow_next(struct follow *f)
{
    char path[FILE_PATH_MAX];
    struct log_file *file = NULL;
    uint64_t next_base = f->base + f->at + f->len;
    bool live = false;
    if (f->file == NULL)
        return follow_begin_live(f, f->base, 0);
    struct chain_key own = chain_key_of(f->file);
    file = follow_open_newer(f, &own, path);
    if (file == NULL) {
        live = log_file_open(f->log, &file) == 0;
        if (!live)
            return false;
        strcpy(path, f->log);
    }
    if (chain_compare(&own, &f->before) > 0)
        f->before = own;
    f->base = next_base;
    follow_turn(f, file, path, live, 0);
    return true;
}

size_t follow_before(struct follow *f, char *out, size_t room)
{
    uint64_t from = f->at > room ? f->at - room : 0;
    ssize_t n = f->file == NULL || f->at == 0 ? 0 : log_file_read(f->file, from, out, (size_t)(f->at - from));
    if (n <= 0 || from == 0)
        return n > 0 ? (size_t)n : 0;
    const char *end = memchr(out, '\n', (size_t)n);     /* the line that it begins in the middle of */
    if (end == NULL)
        return 0;
    size_t cut = (size_t)(end - out) + 1;
    memmove(out, out + cut, (size_t)n - cut);
    return (size_t)n - cut;
}

/* ---- where */

void follow_where(const struct follow *f, uint64_t at_place, struct follow_place *out)
{
    *out = (struct follow_place){ .base = f->base, .offset = at_place == UINT64_MAX ? f->at : at_place - f->base, .print = f->print, .before = f->before };
    if (f->file != NULL)
        log_file_id(f->file, &out->dev, &out->ino);
}

int64_t follow_behind(const struct follow *f)
{
    int64_t size = f->file != NULL ? log_file_size(f->file) : -1;
    return size < 0 ? -1 : size - (int64_t)f->at;
}

uint64_t follow_dropped(const struct follow *f)
{
    return f->dropped;
}

int follow_missing(const struct follow *f)
{
    return f->file == NULL ? f->missing : 0;
}

const char *follow_path(const struct follow *f)
{
    return f->path;
}
