/* node/daemon.h: the node as a whole: starts the parts in order, passes values between them, reloads, stops.
 * Everything here runs on the main thread, which is also the report server's; what other threads say comes through mailboxes or thread-safe calls. */
#ifndef HEARSAY_NODE_DAEMON_H
#define HEARSAY_NODE_DAEMON_H

#include "node/config.h"

/* Runs until SIGTERM or SIGINT. Takes the configuration. 0; 1 when the node could not start or had to stop, with the reason logged. */
int daemon_run(struct config *c);

#endif
