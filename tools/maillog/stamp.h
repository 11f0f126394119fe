/* tools/maillog/stamp.h: the times at the beginning of Exim's log lines.
 * "2026-11-20 12:00:00", with log_selector +millisec "2026-11-20 12:00:00.123", with log_timezone "2026-11-20 12:00:00 +0100" or both.
 * Without a zone the time is the local one of this process ($TZ): Exim's `timezone` must be the same. In the hour that autumn repeats it may be an hour wrong. */
#ifndef HEARSAY_TOOLS_MAILLOG_STAMP_H
#define HEARSAY_TOOLS_MAILLOG_STAMP_H

#include <stddef.h>
#include <stdint.h>

/* The minute that was converted last, since mktime() is slow and lines come in order. Zeroed at first; belongs to one thread. */
struct stamp_cache {
    char minute[16];
    int64_t minute_s;
};

/* Unix seconds of the time that the text begins with; *used: how many bytes it takes, without the blank behind. -1: it does not begin with one. */
int64_t stamp_read(struct stamp_cache *c, const char *at, size_t len, size_t *used);

#endif
