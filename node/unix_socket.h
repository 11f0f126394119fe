/* node/unix_socket.h: listening unix sockets. */
#ifndef HEARSAY_NODE_UNIX_SOCKET_H
#define HEARSAY_NODE_UNIX_SOCKET_H

#include <sys/types.h>

/* Makes the parent directory if absent, removes a socket that nobody answers on (never a file that is no socket), binds and listens, non-blocking.
 * *fd is the caller's. `why`, CONFIG_WHY_MAX bytes, says what to do. 0, -EADDRINUSE, -ENOTSOCK, -ENAMETOOLONG, -EACCES, ... */
int unix_socket_listen(const char *path, mode_t mode, int backlog, int *fd, char *why);

#endif
