/* node/tools.h: the Exim toolbox (proto/REPORTS.md): from a request to the part that answers it. Belongs to the main thread.
 *
 * Each verb has one handler. Those that look answer at once, from the reader; those that write go to the store thread and are answered
 * when what they wrote is on disk; those that ask somebody else (the DNS) work on a thread of their own and come back to the main thread. */
#ifndef HEARSAY_NODE_TOOLS_H
#define HEARSAY_NODE_TOOLS_H

#include "node/report_server.h"
#include "proto/tool_request.h"

struct daemon;

/* `rq` is only read during the call; so is what it points to. Returns REPORT_ANSWERED with the answer written, bare; 0: report_server_answer(d->reports, ticket, text)
 * will be called later, on the main thread; -EAGAIN: too much is waiting, and report_server_resume() will be called later.
 * What goes wrong is answered, too: by tools_failed(). */
typedef int tool_handler(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX]);

/* The report server's `tool` handler; ctx is the daemon. */
int tools_request(void *ctx, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX]);

struct result;
/* What the store thread did for a tool: answers it. */
void tools_done(struct daemon *d, const struct result *r);

/* Writes the answer that lets mail through, or with none such "error: REASON", and returns REPORT_ANSWERED. */
int tools_failed(enum tool_verb verb, const char *reason, char answer[REPORT_ANSWER_MAX]);

#endif
