/* tools/maillog/watch.h: the loop that waits: for the log, for the node, for a signal. */
#ifndef HEARSAY_TOOLS_MAILLOG_WATCH_H
#define HEARSAY_TOOLS_MAILLOG_WATCH_H

#include "tools/maillog/conf.h"

struct watch_mode {
    bool once;              /* ends at the end of the log */
    bool dry_run;           /* prints requests in place of sending them, and neither reads nor writes a state */
};

/* Runs until SIGTERM or SIGINT, or with `once` until all is read and answered. Takes the rules over. Returns an exit status. */
int watch_run(struct conf *c, const struct watch_mode *mode);

#endif
