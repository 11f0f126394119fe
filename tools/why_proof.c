#include "tools/why_proof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/bundle.h"
#include "proto/durable.h"
#include "tools/say.h"

enum { COMMENT_MAX = 1024, ADDRESSES_MAX = 256 };       /* of a network: all of a /24 */
static const size_t FRAMES_MAX_BYTES = 24 << 20;       /* of one proof: armoured, below what a reader takes */

/* Copies of frames. */
struct frames_list {
    struct bytes *all;
    size_t n, bytes;
};

struct gathering {
    const struct why_answer *answer;
    struct reader *reader;
    struct frames_list batches, records;
    struct why_proof *out;
    bool network;
    int rc;
};

static int keep(struct frames_list *l, struct bytes frame)
{
    struct bytes *grown = realloc(l->all, (l->n + 1) * sizeof *grown);
    uint8_t *copy = malloc(frame.len + 1);
    if (grown != NULL)
        l->all = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, frame.at, frame.len);
    l->all[l->n++] = (struct bytes){ copy, frame.len };
    l->bytes += frame.len;
    return 0;
}

static void drop(struct frames_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free((void *)(uintptr_t)l->all[i].at);
    free(l->all);
}

static bool has(const struct frames_list *l, struct bytes frame)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->all[i].len == frame.len && memcmp(l->all[i].at, frame.at, frame.len) == 0)
            return true;
    return false;
}

/* ---- one opinion */

struct wanted {
    const struct why_opinion *opinion;
    struct frames_list found;
    uint64_t serial;
};

/* What a register tells is in one of the batches with its number; own evidence names no hash. */
static int take_batch(void *ctx, const struct store_batch *b)
{
    struct wanted *w = ctx;
    if (!w->opinion->own && memcmp(b->hash, w->opinion->hash, HASH_BYTES) != 0)
        return 0;
    return keep(&w->found, b->frame);
}

static int take_record(void *ctx, const struct record *rec, struct bytes frame)
{
    struct wanted *w = ctx;
    return rec->serial == w->serial && w->found.n == 0 ? keep(&w->found, frame) : 0;
}

/* The record that names the batch's key. -ENOKEY: not here any more. */
static int add_record(struct gathering *g, const struct batch_name *name)
{
    struct wanted w = { .serial = name->record_serial };
    int rc = reader_records(g->reader, name->origin, take_record, &w);
    if (rc == 0 && w.found.n == 0)
        rc = -ENOKEY;
    if (rc == 0 && !has(&g->records, w.found.all[0]))
        rc = keep(&g->records, w.found.all[0]);
    drop(&w.found);
    return rc;
}

static int add_batch(struct gathering *g, struct bytes frame)
{
    struct batch_name name;
    if (has(&g->batches, frame))
        return 0;
    if (g->batches.n == BUNDLE_ITEMS_MAX || g->batches.bytes + frame.len > FRAMES_MAX_BYTES)
        return -ENOSPC;
    int rc = batch_peek(frame, &name);
    if (rc == 0)
        rc = add_record(g, &name);
    return rc == 0 ? keep(&g->batches, frame) : rc;
}

static void add_opinion(struct gathering *g, const struct why_opinion *o)
{
    struct wanted w = { .opinion = o };
    int rc = 0;
    if (o->own && o->epoch == 0) {
        g->out->unsigned_n++;
        return;
    }
    if (o->own || o->signature == 1)
        rc = reader_range(g->reader, o->root, o->epoch, o->seq, o->seq, take_batch, &w);
    if (rc == 0 && w.found.n == 0)
        rc = -ENOENT;
    for (size_t i = 0; rc == 0 && i < w.found.n; i++)
        rc = add_batch(g, w.found.all[i]);
    drop(&w.found);
    if (rc == -ENOSPC)
        g->out->left_out_n++;
    else if (rc == -ENOENT || rc == -ENOKEY || rc == -EINVAL || rc == -EBADMSG)
        g->out->gone_n++;
    else if (rc != 0)
        g->rc = rc;
}

/* ---- all */

static int by_weight(const void *a, const void *b)
{
    const struct why_opinion *x = *(const struct why_opinion *const *)a, *y = *(const struct why_opinion *const *)b;
    int64_t left = llabs(x->would_micro), right = llabs(y->would_micro);
    return (left < right) - (left > right);
}

static int gather_of(struct gathering *g, const struct why *w)
{
    const struct why_opinion **order = calloc(w->opinions_n + 1, sizeof *order);
    if (order == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < w->opinions_n; i++)
        order[i] = &w->opinions[i];
    qsort(order, w->opinions_n, sizeof *order, by_weight);
    for (size_t i = 0; g->rc == 0 && i < w->opinions_n; i++)
        add_opinion(g, order[i]);
    free(order);
    return g->rc;
}

/* What was said of each of its listed addresses, whichever zones and categories list them. */
static int gather_network(struct gathering *g, const struct subject *s)
{
    static struct subject addresses[ADDRESSES_MAX];
    const struct why *w = g->answer->why;
    size_t n = 0;
    for (size_t i = 0; i < w->networks_n; i++) {
        struct subject some[ADDRESSES_MAX];
        size_t some_n = ADDRESSES_MAX;
        bool more = false;
        int rc = reader_network_addresses(g->reader, s, w->networks[i].zone, w->networks[i].category, some, &some_n, &more);
        if (rc != 0)
            return rc;
        g->out->addresses_left |= more;
        for (size_t k = 0; k < some_n; k++) {
            size_t at = 0;
            while (at < n && subject_compare(&addresses[at], &some[k]) != 0)
                at++;
            g->out->addresses_left |= at == ADDRESSES_MAX;
            if (at == n && n < ADDRESSES_MAX)
                addresses[n++] = some[k];
        }
    }
    for (size_t i = 0; i < n && g->rc == 0; i++) {
        struct why of_address = { 0 };
        g->rc = reader_why(g->reader, &addresses[i], g->answer->now_s, &of_address);
        if (g->rc == 0)
            g->rc = gather_of(g, &of_address);
        why_clear(&of_address);
    }
    g->network = n > 0;
    g->out->addresses_n = n;
    return g->rc;
}

static int gather(struct gathering *g, const struct subject *s)
{
    int rc = gather_of(g, g->answer->why);
    return rc == 0 && g->answer->why->networks_n > 0 ? gather_network(g, s) : rc;
}

/* Into a device or a pipe it is written; only a file is replaced. Not into /dev/stdout where that is a file: the answer would go over it. */
static int write_to(const char *path, const char *text)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return fputs(text, stdout) == EOF || fflush(stdout) != 0 ? -EIO : 0;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return durable_replace(path, text, strlen(text), 0644);
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return -errno;
    int rc = fputs(text, f) == EOF ? -errno : 0;
    return fclose(f) != 0 && rc == 0 ? -errno : rc;
}

/* With a few lines before the block that say what it is; readers skip them. */
static int write_text(const struct gathering *g, const char *path, const char *block)
{
    const struct config *c = g->answer->home->config;
    char when[TIME_TEXT_MAX];
    size_t room = strlen(block) + COMMENT_MAX + SUBJECT_TEXT_MAX;
    char *text = malloc(room);
    if (text == NULL)
        return -ENOMEM;
    snprintf(text, room, "# What members of the federation %s signed about %s, gathered by %s at %s: batches: %zu.\n"
             "# Anybody can check it, without a database: hearsay verify --proof FILE\n%s", c->federation, g->answer->subject, c->name,
             stamp_text(g->answer->now_s, when), g->batches.n, block);
    int rc = write_to(path, text);
    free(text);
    return rc;
}

static void say_nothing(const struct why_answer *a)
{
    if (a->holder[0] != '\0' && a->holder_why->networks_n > 0)
        say_error("there is nothing to prove of %s itself: it is listed for addresses of its network: hearsay why %s --proof FILE", a->subject, a->holder);
    else if (a->holder[0] != '\0')
        say_error("there is nothing to prove of %s itself: it is listed by what is said of %s: hearsay why %s --proof FILE", a->subject, a->holder, a->holder);
    else
        say_error("no signed batch that says anything of %s is here: there is nothing to prove", a->subject);
}

static int write_all(struct gathering *g, const struct subject *s, const char *path)
{
    char *block = NULL;
    int rc = gather(g, s);
    if (rc == 0 && g->batches.n == 0) {
        say_nothing(g->answer);
        return STATUS_NO;
    }
    if (rc == 0)
        rc = bundle_write_about(s, g->network, g->answer->home->config->federation, g->records.all, g->records.n, g->batches.all, g->batches.n, &block);
    if (rc == 0)
        rc = write_text(g, path, block);
    free(block);
    if (rc != 0)
        say_error("%s: the proof could not be written: %s%s", path, strerror(-rc), rc == -EACCES ? "; the node's owner writes it, also when root asks: `--proof - >FILE` writes it as you" : "");
    return rc != 0 ? STATUS_USAGE : 0;
}

int why_proof_write(const struct why_answer *a, struct reader *r, const struct subject *s, const char *path, struct why_proof *out)
{
    struct gathering g = { .answer = a, .reader = r, .out = out };
    memset(out, 0, sizeof *out);
    int rc = write_all(&g, s, path);
    out->batches_n = g.batches.n;
    out->records_n = g.records.n;
    drop(&g.batches);
    drop(&g.records);
    return rc;
}
