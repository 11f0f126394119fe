/* tools/maillog/messages.h: who sent each of the messages that the log spoke of last.
 * At most `most` messages; then the one that arrived first is forgotten, and the watcher looks for it in the log again (follow.h). Belongs to one thread. */
#ifndef HEARSAY_TOOLS_MAILLOG_MESSAGES_H
#define HEARSAY_TOOLS_MAILLOG_MESSAGES_H

#include "tools/maillog/line.h"

enum { MESSAGES_USER_MAX = 512 };       /* a sender is 320 bytes at most, RFC 5321; what is longer is not kept */

struct messages;
/* NULL without memory. `most`: 1 or more. */
struct messages *messages_create(size_t most);
void messages_destroy(struct messages **m);                     /* takes NULL */

/* Notes or replaces. An empty `user`: the message has nobody to count for (a bounce). Without memory, or with too long a user, nothing is kept. */
void messages_put(struct messages *m, struct text id, struct text user);
/* True: known; *user points into `m` until the next change. */
bool messages_get(const struct messages *m, struct text id, struct text *user);
void messages_forget(struct messages *m, struct text id);
size_t messages_count(const struct messages *m);

#endif
