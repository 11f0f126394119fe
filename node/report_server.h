/* node/report_server.h: the report socket (proto/REPORTS.md) on a libuv loop: unix and TCP listeners, framing, limits, answers in order.
 * It knows no database: what a line asks for goes to the handlers below. Belongs to the loop's thread. SIGPIPE is ignored from the first start on.
 *
 * Answers leave in the order of their lines. A line that asks (check, score, info) waits until the changes before it on the same connection are answered,
 * so that a reporter reads what it wrote. */
#ifndef HEARSAY_NODE_REPORT_SERVER_H
#define HEARSAY_NODE_REPORT_SERVER_H

#include <stdint.h>
#include <uv.h>

#include "node/config.h"
#include "proto/request.h"
#include "proto/tool_request.h"

struct report_server;

enum { REPORT_ANSWER_MAX = 1024, REPORT_ANSWERED = 1 };

/* Names one request until it is answered; survives the connection. */
struct report_ticket { uint32_t slot; uint32_t generation; uint64_t number; };

struct report_handlers {
    void *ctx;
    /* check, score, info: writes the answer at once. */
    void (*read)(void *ctx, const struct request *rq, char answer[REPORT_ANSWER_MAX]);
    /* black, white, retract: checked for form only. Writes "error: ..." into `answer` and returns -EINVAL (unknown category ...), or returns 0 and report_server_answer()
     * is called later with this ticket, or returns -EAGAIN when its queue is full: the server pauses that connection and offers the line again after report_server_resume(). */
    int (*change)(void *ctx, const struct request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX]);
    /* The Exim toolbox; may be NULL. Writes the answer and returns REPORT_ANSWERED, or returns as `change` does. Those that only look come when the changes before them
     * on their connection are answered. */
    int (*tool)(void *ctx, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX]);
};

/* Binds and listens to all of c->reports (creating parent directories, removing stale unix sockets that nobody answers). Nothing of `c` is kept. `why`, CONFIG_WHY_MAX
 * bytes, says which listener failed and what to do; the loop must then still run until its handles are gone. 0; -EADDRINUSE, -EACCES, ... */
int report_server_start(uv_loop_t *loop, const struct config *c, const struct report_handlers *h, struct report_server **out, char *why);
/* New sender key, limits and allow lists; listeners that came or went are opened and closed, and a unix socket
 * that was taken away is made anew; others are left alone (the mode and group of a unix socket are set anew,
 * a changed backlog counts for new listeners only). When one cannot be opened, all else is in force, and `why` says which one. */
int report_server_reload(struct report_server *s, const struct config *c, char *why);
/* Closes the listeners and takes no new line ("error: shutting down"); lines already accepted are still answered. `done` is called once, from the loop, when all
 * connections are gone or after grace_ms. */
void report_server_stop(struct report_server *s, int64_t grace_ms, void (*done)(void *ctx), void *ctx);
void report_server_destroy(struct report_server **s);    /* after report_server_stop(), when the loop ran out of its handles; takes NULL */

/* An answer without newline for a ticket; a ticket whose connection is gone, or that was answered, is ignored. */
void report_server_answer(struct report_server *s, struct report_ticket ticket, const char *answer);
void report_server_resume(struct report_server *s);

struct report_server_counts {
    uint64_t connections;            /* accepted, without refused ones */
    uint64_t connections_now;
    uint64_t lines;                  /* requests, wrong ones included */
    uint64_t errors;                 /* answers that begin with "error:" */
    uint64_t refused;                /* connections: not allowed, or too many */
    uint64_t timeouts, too_long;     /* lines */
    uint64_t paused;                 /* how often a connection had to wait for the queue */
};
void report_server_counted(const struct report_server *s, struct report_server_counts *out);

#endif
