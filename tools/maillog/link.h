/* tools/maillog/link.h: requests to the node, on one `stream` connection that is made anew when it breaks (proto/REPORTS.md).
 *
 * What is not answered yet is kept, and sent again on the next connection: with the number in front (`once SOURCE:NUMBER ...`), of which the node takes each
 * but once. At most LINK_REQUESTS_MAX and LINK_BYTES_MAX wait; then the log is not read on: it is the queue.
 * An answer that is an error about the request is counted and logged, and the request is done. One that says that the node could not store, or does not serve now, breaks the
 * connection: it is asked again, after 0.1 s, then 0.2 s and so on up to LINK_WAIT_MAX_MS.
 * Belongs to one thread. No clock: times are arguments, of a clock that does not jump. */
#ifndef HEARSAY_TOOLS_MAILLOG_LINK_H
#define HEARSAY_TOOLS_MAILLOG_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINK_REQUESTS_MAX = 4096, LINK_BYTES_MAX = 1 << 20, LINK_WAIT_MIN_MS = 100, LINK_WAIT_MAX_MS = 15000, LINK_SILENCE_MS = 30000, LINK_WHY_MAX = 256 };

struct link;
struct link_counts { uint64_t taken, refused; };

/* `address`: "unix:PATH" or "tcp:ADDRESS:PORT" ("tcp:[::1]:4440"). 0, -EINVAL (and `why`), -ENOMEM. */
int link_create(const char *address, const char *source, struct link **out, char why[LINK_WHY_MAX]);
void link_destroy(struct link **l);                             /* takes NULL */
/* Whether link_create() takes this address. As it returns. */
int link_check(const char *address, char why[LINK_WHY_MAX]);

/* Room for `requests` more of any length. */
bool link_has_room(const struct link *l, size_t requests);
/* Takes a request into the queue. `place`: what link_oldest() tells while it is not answered. */
void link_push(struct link *l, const char *line, size_t len, uint64_t number, int64_t age_s, uint64_t place);

/* What to poll for; .fd is -1 while there is nothing to wait for. Returns after how many milliseconds to call link_work() at the latest; -1: never. */
int link_poll(struct link *l, int64_t now_ms, struct pollfd *out);
/* Connects, sends, reads answers, without waiting. */
void link_work(struct link *l, short revents, int64_t now_ms);

bool link_is_idle(const struct link *l);                        /* all is answered */
bool link_is_up(const struct link *l);
/* Place of the oldest request without an answer; false when there is none. */
bool link_oldest(const struct link *l, uint64_t *place);
struct link_counts link_counted(const struct link *l);
/* Why there is no connection; "" while there is one, or none was needed. */
const char *link_trouble(const struct link *l);

#endif
