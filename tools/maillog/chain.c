#include "tools/maillog/chain.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { SETTLE_NS = 20000000, SETTLE_TRIES_MAX = 100 };     /* 20 ms; after two seconds of renaming without a pause it is what it is */

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

static int scan(const char *dir, const char *name, struct chain *out)
{
    char path[FILE_PATH_MAX];
    size_t n = strlen(name);
    DIR *d = opendir(dir);
    if (d == NULL)
        return -errno;
    out->n = 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strncmp(e->d_name, name, n) != 0 || !is_rotated_name(e->d_name + n) || strlen(dir) + strlen(e->d_name) + 2 > sizeof path)
            continue;
        stpcpy(stpcpy(stpcpy(path, dir), "/"), e->d_name);
        look_at(out, path);
    }
    closedir(d);
    return 0;
}

static int64_t changed_ns(const char *dir)
{
    struct stat st;
    return stat(dir, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec : 0;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* While files are renamed, one may be missed under its old name and under its new one. So the directory is looked at until it did not change meanwhile,
 * nor just before, since its time is coarse. */
int chain_list(const char *log, struct chain *out)
{
    static const struct timespec pause = { .tv_nsec = SETTLE_NS };
    char dir[FILE_PATH_MAX];
    const char *slash = strrchr(log, '/'), *name = slash != NULL ? slash + 1 : log;
    int rc = 0;
    *out = (struct chain){ .links = calloc(CHAIN_MAX, sizeof *out->links) };
    if (out->links == NULL)
        return -ENOMEM;
    snprintf(dir, sizeof dir, "%.*s", slash == NULL ? 1 : slash == log ? 1 : (int)(slash - log), slash == NULL ? "." : log);
    for (int i = 0; rc == 0 && i < SETTLE_TRIES_MAX; i++) {
        int64_t before_ns = changed_ns(dir), began_ns = now_ns();       /* in this order: a change in between is no clock that was set back */
        rc = scan(dir, name, out);
        if (before_ns == changed_ns(dir) && (before_ns > began_ns || began_ns - before_ns > SETTLE_NS))
            break;
        nanosleep(&pause, NULL);
    }
    qsort(out->links, out->n, sizeof *out->links, by_age);
    return rc;
}

void chain_free(struct chain *c)
{
    free(c->links);
    *c = (struct chain){ 0 };
}
