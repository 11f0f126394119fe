/* tests/unit/scratch.h: directories for a test, which are gone when its process ends, also when a claim fails in their midst. */
#ifndef HEARSAY_TESTS_SCRATCH_H
#define HEARSAY_TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    char **paths;
    size_t n;
    pid_t owner;                       /* a child that ends must not take them away */
} scratch;

static inline int scratch_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    remove(path);
    return 0;
}

static inline void scratch_sweep(void)
{
    for (size_t i = 0; i < scratch.n && scratch.owner == getpid(); i++) {
        nftw(scratch.paths[i], scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);      /* most are gone already */
        free(scratch.paths[i]);
    }
    free(scratch.paths);
}

/* As mkdtemp(). NULL: it cannot be made. */
static inline char *scratch_dir(char *path)
{
    char **paths = realloc(scratch.paths, (scratch.n + 1) * sizeof *paths), *kept;
    if (paths == NULL)
        return NULL;
    scratch.paths = paths;
    kept = mkdtemp(path) != NULL ? strdup(path) : NULL;
    if (kept == NULL)
        return NULL;
    if (scratch.n == 0) {
        scratch.owner = getpid();
        atexit(scratch_sweep);
    }
    scratch.paths[scratch.n++] = kept;
    return path;
}

#endif
