/* tools/maillog/chain.h: the rotated files of a log, in the order in which they were written.
 * Rotated files of "mainlog" are "mainlog.1", "mainlog.2.gz", "mainlog-20261120.gz" and the like, whatever their numbers mean: the order is that of the
 * time in their first line, and of their last change where those are equal. Other compressors than gzip are not read. */
#ifndef HEARSAY_TOOLS_MAILLOG_CHAIN_H
#define HEARSAY_TOOLS_MAILLOG_CHAIN_H

#include "tools/maillog/file.h"

enum { CHAIN_MAX = 512 };               /* of more rotated files the rest is not looked at */

struct chain_key {
    int64_t time_s;                     /* of the first line; without one, of the last change */
    int64_t mtime_ns;
};

struct chain_link {
    char path[FILE_PATH_MAX];
    struct chain_key key;
    struct print print;                 /* never of nothing: empty files are left out */
    uint64_t dev, ino;
    bool gz;
};

struct chain {
    struct chain_link *links;           /* oldest first; of two with the same print (being compressed, or copied) the plain one only */
    size_t n;
};

/* Lists the rotated files of `log`, as they are when nobody renames them: waits up to two seconds for that. 0, -ENOENT, -EACCES, -ENOMEM; chain_free() in any case. */
int chain_list(const char *log, struct chain *out);
void chain_free(struct chain *c);

struct chain_key chain_key_of(struct log_file *f);
/* Negative, zero, positive: a is older, the same, newer. */
int chain_compare(const struct chain_key *a, const struct chain_key *b);

#endif
