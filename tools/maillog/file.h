/* tools/maillog/file.h: one log file, as it is or compressed by gzip (NAME.gz), read at a place in its text. One thread for all files.
 *
 * A file is known by its print: a hash of its first PRINT_BYTES bytes, which begin with a time. Renaming, copying and compressing leave the print as it was,
 * truncating a file and writing to it anew does not. */
#ifndef HEARSAY_TOOLS_MAILLOG_FILE_H
#define HEARSAY_TOOLS_MAILLOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PRINT_BYTES = 512, FILE_PATH_MAX = 4096 };

struct print {
    uint32_t len;               /* of how many bytes, PRINT_BYTES once the file has them; 0: of none, it tells nothing */
    uint64_t hash;
};

struct log_file;
/* 0, -ENOENT, -EACCES, -EINVAL (no regular file), -EIO; *out is the caller's, ended by log_file_close(). */
int log_file_open(const char *path, struct log_file **out);
void log_file_close(struct log_file **f);                       /* takes NULL */

bool log_file_is_gz(const struct log_file *f);
void log_file_id(const struct log_file *f, uint64_t *dev, uint64_t *ino);
/* Size of a plain file now; -1 for a compressed one, which knows only at its end, or on failure. */
int64_t log_file_size(const struct log_file *f);
/* Modification time in nanoseconds: what was written last is not newer. */
int64_t log_file_mtime_ns(const struct log_file *f);

/* Reads text at `at`. Of a compressed file, going forward is cheap. Bytes read, 0 at the end, or -EIO and the like (a damaged .gz too). */
ssize_t log_file_read(struct log_file *f, uint64_t at, char *out, size_t len);

/* The print of the first `len` bytes, at most PRINT_BYTES; .len is less when the file has less. */
int log_file_print(struct log_file *f, uint32_t len, struct print *out);
/* Whether the file begins as the one did of which `p` was taken. A print of nothing is any file's. */
bool log_file_matches(struct log_file *f, const struct print *p);

/* The time of the first line that has one, within the first 64 KiB; -1 without. */
int64_t log_file_first_time_s(struct log_file *f);

/* Where the first line begins whose time is time_s or later, seeking by halves; the size, when all are earlier. Lines without a time are passed over.
 * A compressed file: 0. Relies on times that grow, as far as the hour goes that autumn repeats. */
int log_file_seek_time(struct log_file *f, int64_t time_s, uint64_t *at);

#endif
