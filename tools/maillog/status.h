/* tools/maillog/status.h: hearsay-maillog --status. */
#ifndef HEARSAY_TOOLS_MAILLOG_STATUS_H
#define HEARSAY_TOOLS_MAILLOG_STATUS_H

#include "tools/maillog/conf.h"

/* Prints what the state file says, and how much of the log is not read. Returns an exit status. */
int status_print(const struct conf *c, bool json, int64_t now_s);

#endif
