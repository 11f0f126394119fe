#include <stdlib.h>
#include <string.h>

#include "tools/maillog/follow_private.h"

enum { CHUNK_BYTES = 256 * 1024, SLACK_S = 60 };

struct search {
    struct text id;
    char needle[LINE_ID_LONG + 1];      /* the id and a blank */
    size_t needle_len;
    struct stamp_cache stamps;
    uint64_t left;                      /* bytes that may still be read */
    bool (*take)(void *ctx, const struct line *l);
    void *ctx;
    char *chunk;
};

/* A line in [at, at + len) that is the arrival. */
static bool look_in(struct search *s, const char *at, size_t len)
{
    const char *end = at + len, *hit;
    for (const char *from = at; (hit = memmem(from, (size_t)(end - from), s->needle, s->needle_len)) != NULL; from = hit + 1) {
        const char *before = memrchr(at, '\n', (size_t)(hit - at)), *start = before != NULL ? before + 1 : at;
        const char *stop = memchr(hit, '\n', (size_t)(end - hit));
        struct line l;
        if (line_read(start, (size_t)((stop != NULL ? stop : end) - start), &s->stamps, &l) == 0 && l.kind == LINE_ARRIVAL && l.id.at == hit)
            return s->take(s->ctx, &l);
    }
    return false;
}

/* Reads [at, end) of a file, chunk by chunk, each of whole lines. A line that fills a chunk is passed over. */
static bool look_through(struct search *s, struct log_file *file, uint64_t at, uint64_t end)
{
    while (at < end && s->left > 0) {
        size_t want = end - at < CHUNK_BYTES ? (size_t)(end - at) : CHUNK_BYTES;
        ssize_t n = log_file_read(file, at, s->chunk, want);
        if (n <= 0)
            return false;
        const char *last = memrchr(s->chunk, '\n', (size_t)n);
        size_t whole = last != NULL ? (size_t)(last + 1 - s->chunk) : (size_t)n;
        if (look_in(s, s->chunk, whole))
            return true;
        at += whole;
        s->left -= whole < s->left ? whole : s->left;
    }
    return false;
}

static bool look_in_file(struct search *s, struct log_file *file, int64_t from_s, uint64_t end)
{
    uint64_t at = 0;
    int64_t size = log_file_size(file);
    if (size < 0 || log_file_seek_time(file, from_s, &at) != 0)
        return false;
    return look_through(s, file, at, end < (uint64_t)size ? end : (uint64_t)size);
}

/* The older files that may hold a line of from_s or later: from the last one that begins before it on. */
static bool look_in_chain(struct search *s, const struct follow *f, int64_t from_s)
{
    struct chain c;
    bool found = false;
    struct chain_key own = chain_key_of(f->file);
    size_t first = 0;
    if (chain_list(f->log, &c) == 0) {
        for (size_t i = 0; i < c.n; i++)
            if (c.links[i].key.time_s <= from_s)
                first = i;
        for (size_t i = first; i < c.n && !found; i++) {
            const struct chain_link *l = &c.links[i];
            struct log_file *file = l->gz || chain_compare(&l->key, &own) >= 0 || l->key.mtime_ns / 1000000000 < from_s ? NULL : follow_open_link(l);
            found = file != NULL && look_in_file(s, file, from_s, UINT64_MAX);
            log_file_close(&file);
        }
    }
    chain_free(&c);
    return found;
}

bool follow_find(struct follow *f, struct text id, uint64_t before_place, bool (*take)(void *ctx, const struct line *l), void *ctx)
{
    struct search s = { .id = id, .needle_len = id.len + 1, .left = FOLLOW_FIND_MAX, .take = take, .ctx = ctx };
    if (f->file == NULL || id.len > LINE_ID_LONG || (s.chunk = malloc(CHUNK_BYTES)) == NULL)
        return false;
    memcpy(s.needle, id.at, id.len);
    s.needle[id.len] = ' ';
    int64_t from_s = id_time_s(id) - SLACK_S;
    bool found = false;
    if (log_file_first_time_s(f->file) > from_s)
        found = look_in_chain(&s, f, from_s);
    if (!found)
        found = look_in_file(&s, f->file, from_s, before_place - f->base);
    free(s.chunk);
    return found;
}
