/* tools/maillog/follow_private.h: private to follow*.c. */
#ifndef HEARSAY_TOOLS_MAILLOG_FOLLOW_PRIVATE_H
#define HEARSAY_TOOLS_MAILLOG_FOLLOW_PRIVATE_H

#include "tools/maillog/follow.h"

enum { BUFFER_BYTES = FOLLOW_LINE_MAX + 256 * 1024, READ_BYTES = 256 * 1024 };

struct follow {
    char log[FILE_PATH_MAX];
    char path[FILE_PATH_MAX];   /* of `file`, when it was opened */
    struct log_file *file;      /* NULL: none yet ... */
    int missing;                /* ... and why: -ENOENT, -EACCES */
    bool live;                  /* it may still grow */
    bool ended;                 /* read to its final end */
    uint64_t base;
    uint64_t at;                /* offset of the first byte that is not done, which is buffer[from] */
    struct print print;
    struct chain_key before;    /* rotated files up to this one are done with */
    int64_t other_since_ms;     /* since when another file has the log's name; 0: none has */
    bool dropping;              /* in the middle of a line that is too long */
    uint64_t dropped;
    char *buffer;
    size_t from;
    size_t len;                 /* bytes in it that are not done */
    size_t whole;               /* of these belong to whole lines */
};

/* Takes over the file, which becomes the present one, read from `at` on; the buffer is emptied. */
void follow_turn(struct follow *f, struct log_file *file, const char *path, bool live, uint64_t at);
/* Opens the file behind a link of the chain, unless it is another one by now. */
struct log_file *follow_open_link(const struct chain_link *link);
/* Opens the rotated file that is the one of `p`. NULL: there is none. */
struct log_file *follow_open_rotated(const struct follow *f, const struct follow_place *p, char path[FILE_PATH_MAX]);
/* The oldest rotated file that is newer than `than`, and not the present one. NULL: there is none. */
struct log_file *follow_open_newer(const struct follow *f, const struct chain_key *than, char path[FILE_PATH_MAX]);
/* Turns to the file with the log's own name. */
bool follow_begin_live(struct follow *f, uint64_t base, int64_t cutoff_s);

#endif
