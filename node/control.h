/* node/control.h: the operator's socket: a unix socket, mode 0600. One line of JSON asks, one line of JSON answers, then the node closes.
 *   {"command":"status"}                                     everything that `hearsay status` shows
 *   {"command":"reload"}                                     as SIGHUP; answers when the new configuration is in force
 *   {"command":"export","zone":"bl.a.example","path":"..."}  writes a zone now; path optional
 *   {"command":"record","frame":"hex"}                       stores a signed record of another member, such as an older one that an invite held
 *   {"command":"purge","member":"64 hex digits"}             forgets all that a member said
 *   {"command":"pardon","member":"64 hex digits"}            ends its quarantine, and forgives the proofs against it
 *   {"command":"rebuild"}                                    derives opinions, scores and listings again
 *   {"command":"except","kind":"delist","subject":"hex of the key","until_s":1800000000,"who":"root","why":"..."}
 *                                                            an exception by hand; kinds of store/exception.h, until_s for "delist" only
 * Every answer has "ok": true, or "ok": false and "error": text. */
#ifndef HEARSAY_NODE_CONTROL_H
#define HEARSAY_NODE_CONTROL_H

#include <uv.h>

struct control;
struct control_request;

enum { CONTROL_LINE_MAX = 65536 };

typedef struct json_t json_t;      /* Jansson */

/* `handle` gets each request once; it answers, now or later from the loop's thread, by control_answer(), exactly once. `request` is borrowed for the call. At most 16
 * connections at a time, each with 2 s to begin, 10 s to ask and 30 s to take its answer; one more takes the place of the oldest that said nothing yet, or else is told
 * that there are too many. Only this user and root are heard. SIGPIPE must be ignored (report_server_start() does).
 * `why`, CONFIG_WHY_MAX bytes. 0; -EADDRINUSE, -ENOTSOCK, -EACCES ... as unix_bind(). */
int control_start(uv_loop_t *loop, const char *path, void (*handle)(void *ctx, const json_t *request, struct control_request *rq), void *ctx,
                  struct control **out, char *why);
void control_answer(struct control_request *rq, json_t *answer);      /* takes the reference; also when the client is gone or the socket stopped */
void control_stop(struct control **c);                                /* removes the socket, hangs up on all; the loop must run until its handles are gone; takes NULL */

/* The command's side: connects, asks, waits at most timeout_ms for each of connecting, sending and the answer. 0 and *answer is the caller's; -ECONNREFUSED or
 * -ENOENT: the node is not there; -EACCES: this user may not ask it; -ETIMEDOUT; -EPROTO (no JSON object came back). */
int control_ask(const char *path, const json_t *request, int timeout_ms, json_t **answer);

#endif
