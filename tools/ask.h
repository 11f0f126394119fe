/* tools/ask.h: the client's side of the report socket (proto/REPORTS.md). Waits; belongs to one thread. */
#ifndef HEARSAY_TOOLS_ASK_H
#define HEARSAY_TOOLS_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "node/config.h"

enum { ASK_WHERE_MAX = 1200, ASK_ANSWER_MAX = 8192, ASK_TIMEOUT_MS = 10000 };

/* Connects to the first report socket of the configuration that answers: a unix socket, or a TCP one where there is no unix socket or this user may not use it.
 * `where` names it, or, on failure, all that were tried.
 * 0 and *fd is the caller's to close(); -EACCES when one is there and this user may not connect; else the last error. */
int ask_connect(const struct config *c, int *fd, char where[ASK_WHERE_MAX]);

/* Says why ask_connect() failed and what to do about it. Returns an exit status. */
int ask_failed(int rc, const char *where, const char *config_file);

/* One request, one answer, on a connection of its own. `line` without its end. 0; an exit status after saying what is wrong. */
int ask_line(const struct config *c, const char *line, char answer[ASK_ANSWER_MAX]);

/* Many lines of a file or pipe, in one `stream` connection, with a window of lines on their way, so that neither side ever waits for the other. */
enum { FEED_WINDOW = 16384, FEED_ERRORS_SHOWN = 20 };
struct feed {
    const char *verb;           /* put before lines that have no verb of their own; NULL: such lines are errors */
    const char *rest;           /* category and keys for lines that have none; "" without */
    const char *file;           /* for messages */
    int in_fd;
    uint64_t lines;             /* out: lines read, blank lines and comments included */
    uint64_t ok, failed;        /* out: answered `ok`; answered with an error or not a line at all */
};
/* 0 when every line was answered, with an error or not; else an exit status after saying what is wrong. Errors of lines are said as they come, the first FEED_ERRORS_SHOWN of them. */
int feed_run(struct feed *f, const struct config *c);

#endif
