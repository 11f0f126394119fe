/* tools/maillog/follow.h: the log as one endless text, through all rotations.
 *
 * Every byte has a place, a number that grows over all files, the same for the same byte however often it is read: the place of a file's first byte (`base`)
 * plus the offset in the file. Rotation by renaming: the old file is read to its end, which is final FOLLOW_GRACE_MS after another one has its name. Rotation
 * by copying and truncating: the copy is found by its print and read to its end. What a copier itself loses between copying and truncating is lost.
 * Reads files; no clock: times are arguments. Belongs to one thread. */
#ifndef HEARSAY_TOOLS_MAILLOG_FOLLOW_H
#define HEARSAY_TOOLS_MAILLOG_FOLLOW_H

#include "tools/maillog/chain.h"
#include "tools/maillog/line.h"

enum { FOLLOW_GRACE_MS = 2000, FOLLOW_LINE_MAX = 1 << 20, FOLLOW_FIND_MAX = 64 << 20, FOLLOW_NOTE_MAX = 512 };

/* Where the watcher stands; what a state file keeps. */
struct follow_place {
    uint64_t base, offset;
    uint64_t dev, ino;
    struct print print;
    struct chain_key before;        /* of the newest file that was finished before this one, or not wanted */
};

enum follow_news {
    FOLLOW_DATA,            /* whole lines wait */
    FOLLOW_IDLE,            /* nothing new; ask again when the directory changes, and after a second in any case */
    FOLLOW_END,             /* this file is finished: when all of it is answered, follow_next() */
};

struct follow;
/* `note`, FOLLOW_NOTE_MAX bytes, is filled with what an operator should know, or "". NULL without memory. */
struct follow *follow_create(const char *log);
void follow_close(struct follow **f);                           /* takes NULL */

/* Begins with the first line of cutoff_s or later; `base` is the place of the first byte read... minus its offset. Without any file yet: waits for one. */
void follow_begin(struct follow *f, uint64_t base, int64_t cutoff_s);
/* Goes on at `p`, in whatever file that is now, but not with lines before cutoff_s. When no file is the one, begins with the first line after last_time_s. */
void follow_resume(struct follow *f, const struct follow_place *p, int64_t last_time_s, int64_t cutoff_s, char note[FOLLOW_NOTE_MAX]);

/* Reads on. For FOLLOW_DATA: `at` and `len` are whole lines, valid until the next call, `place` that of the first byte. The last line of a finished file may lack its end.
 * -EIO and the like: the file cannot be read; asking again tries again. */
int follow_read(struct follow *f, int64_t now_ms, enum follow_news *news, const char **at, size_t *len, uint64_t *place, char note[FOLLOW_NOTE_MAX]);
/* So many bytes of what follow_read() gave are done. */
void follow_done(struct follow *f, size_t len);
/* After FOLLOW_END: turns to the file that comes next. False: there is none yet. */
bool follow_next(struct follow *f);

/* Up to `room` bytes of the whole lines in front of the place, in the present file. Returns how many. */
size_t follow_before(struct follow *f, char *out, size_t room);

/* The place of `at_place`, which is in the present file; of the next byte to be done with UINT64_MAX. */
void follow_where(const struct follow *f, uint64_t at_place, struct follow_place *out);
/* Bytes of the present file that are not done; -1 when that is not known. */
int64_t follow_behind(const struct follow *f);
uint64_t follow_dropped(const struct follow *f);                /* lines longer than FOLLOW_LINE_MAX */
/* Why there is no file to read yet: -ENOENT, -EACCES and the like; 0 while there is one. */
int follow_missing(const struct follow *f);
const char *follow_path(const struct follow *f);                /* of the present file when it was opened; "" without one */

/* Looks for the arrival of a message, from the time that its id tells on, in front of `before_place` in the present file and in older files that are not compressed,
 * in FOLLOW_FIND_MAX bytes at most. `take` is called with the line; true: found. */
bool follow_find(struct follow *f, struct text id, uint64_t before_place, bool (*take)(void *ctx, const struct line *l), void *ctx);

#endif
