/* node/mailbox.h: a bounded queue of values from many threads to one, with an eventfd to wait on beside sockets.
 *
 * Values are copied in and out; a pointer inside one hands over what it points to. One mutex guards the two arrays and is held only to copy.
 * Why not inproc: the report server waits in libuv, whose edge-triggered ZMQ_FD would need a read of ZMQ_EVENTS after every call. */
#ifndef HEARSAY_NODE_MAILBOX_H
#define HEARSAY_NODE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

struct mailbox;

/* For values of item_bytes; at most items_max wait. NULL when memory or descriptors are out, or a size is 0 or the product overflows. */
struct mailbox *mailbox_create(size_t item_bytes, size_t items_max);
/* No thread may use it any more. What was put and not yet taken is given to `drop` (may be NULL). Takes NULL; sets *m to NULL. */
void mailbox_destroy(struct mailbox **m, void (*drop)(void *item));

/* From any thread. 0, or -EAGAIN when full (or when memory for more is out): the sender decides what then, and says so where it calls. */
int mailbox_put(struct mailbox *m, const void *item);
int mailbox_put_many(struct mailbox *m, const void *items, size_t n);    /* all or none */
/* From the receiving thread: all that waits, in order, as an array valid until the next call. Never blocks; *n may be 0 (then the result may be NULL). */
void *mailbox_take(struct mailbox *m, size_t *n);
/* Readable while something waits: for poll(), uv_poll, zmq_poll. May rarely be readable with nothing there; mailbox_take() clears it. */
int mailbox_fd(const struct mailbox *m);
/* Blocks the receiving thread until something waits or timeout_ms passed (-1: for ever). True if something waits. */
bool mailbox_wait(struct mailbox *m, int timeout_ms);

#endif
