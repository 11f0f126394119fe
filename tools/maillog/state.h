/* tools/maillog/state.h: where the watcher stands, as a small JSON file that is replaced as a whole and is on disk when state_save() returns.
 * It is written behind the node's answers, never ahead of them: after a crash some requests are sent again, with the numbers that they had, and the node
 * takes none of them twice (proto/REPORTS.md, "once"). */
#ifndef HEARSAY_TOOLS_MAILLOG_STATE_H
#define HEARSAY_TOOLS_MAILLOG_STATE_H

#include <jansson.h>

#include "tools/maillog/follow.h"
#include "tools/maillog/sieve.h"

enum { SOURCE_BYTES = 16, SOURCE_TEXT = 2 * SOURCE_BYTES };

struct state {
    char source[SOURCE_TEXT + 1];       /* random, made with the file: under this name the node knows the numbers */
    struct follow_place place;
    int64_t last_time_s;                /* of the newest line looked at */
    int64_t saved_s;
    struct sieve_counts counts;          /* since the file was made */
    uint64_t taken, refused, dropped;   /* answered `ok`, or with an error; lines that were too long */
};

/* A new one, standing nowhere yet (place.ino is 0). 0, -EIO. */
int state_make(struct state *out);
/* 0, -ENOENT, -EINVAL (`why`, 256 bytes, says what is wrong with it), -EACCES, -EIO. */
int state_load(const char *path, struct state *out, char why[256]);
int state_save(const char *path, const struct state *s);
/* One watcher a state: takes the lock PATH-lock until *fd is closed. 0, -EBUSY, -EACCES and the like. */
int state_lock(const char *path, int *fd);
/* What state_save() writes; a new reference, NULL without memory. */
json_t *state_json(const struct state *s);

#endif
