#include "tools/maillog/chain.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What follows the log's own name: ".1", "-20261120", ".2.gz", "-20261120T100000.gz". */
static bool is_rotated_name(const char *rest)
{
    if ((rest[0] != '.' && rest[0] != '-') || rest[1] < '0' || rest[1] > '9')
        return false;
    size_t n = strspn(rest, "0123456789.-_T");
    return rest[n] == '\0' || (rest[n - 1] == '.' && strcmp(rest + n, "gz") == 0);
}

struct chain_key chain_key_of(struct log_file *f)
{
    struct chain_key k = { log_file_first_time_s(f), log_file_mtime_ns(f) };
    if (k.time_s < 0)
        k.time_s = k.mtime_ns / 1000000000;
    return k;
}

int chain_compare(const struct chain_key *a, const struct chain_key *b)
{
    if (a->time_s != b->time_s)
        return a->time_s < b->time_s ? -1 : 1;
    return (a->mtime_ns > b->mtime_ns) - (a->mtime_ns < b->mtime_ns);
}

static bool same_print(const struct print *a, const struct print *b)
{
    return a->len == b->len && a->hash == b->hash;
}

static void add(struct chain *c, const struct chain_link *link)
{
    for (size_t i = 0; i < c->n; i++)
        if (same_print(&c->links[i].print, &link->print)) {
            if (c->links[i].gz && !link->gz)
                c->links[i] = *link;
            return;
        }
    if (c->n < CHAIN_MAX)
        c->links[c->n++] = *link;
}

/* What vanishes or cannot be read meanwhile is left out, and so is an empty file: a .gz that has only just been begun is one. */
static void look_at(struct chain *c, const char path[FILE_PATH_MAX])
{
    struct log_file *f = NULL;
    struct chain_link link = { 0 };
    if (log_file_open(path, &f) != 0)
        return;
    if (log_file_print(f, PRINT_BYTES, &link.print) == 0 && link.print.len > 0) {
        strcpy(link.path, path);
        link.key = chain_key_of(f);
        link.gz = log_file_is_gz(f);
        log_file_id(f, &link.dev, &link.ino);
        add(c, &link);
    }
    log_file_close(&f);
}

static int by_age(const void *a, const void *b)
{
    return chain_compare(&((const struct chain_link *)a)->key, &((const struct chain_link *)b)->key);
}

int chain_list(const char *log, struct chain *out)
{
    char dir[FILE_PATH_MAX], path[FILE_PATH_MAX];
    const char *slash = strrchr(log, '/'), *name = slash != NULL ? slash + 1 : log;
    *out = (struct chain){ .links = calloc(CHAIN_MAX, sizeof *out->links) };
    if (out->links == NULL)
        return -ENOMEM;
    snprintf(dir, sizeof dir, "%.*s", slash == NULL ? 1 : slash == log ? 1 : (int)(slash - log), slash == NULL ? "." : log);
    DIR *d = opendir(dir);
    if (d == NULL)
        return -errno;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        size_t n = strlen(name);
        if (strncmp(e->d_name, name, n) != 0 || !is_rotated_name(e->d_name + n))
            continue;
        if (strlen(dir) + strlen(e->d_name) + 2 > sizeof path)
            continue;
        stpcpy(stpcpy(stpcpy(path, dir), "/"), e->d_name);
        look_at(out, path);
    }
    closedir(d);
    qsort(out->links, out->n, sizeof *out->links, by_age);
    return 0;
}

void chain_free(struct chain *c)
{
    free(c->links);
    *c = (struct chain){ 0 };
}
