/* node/unix_listen.h: a listening unix socket with its file's mode and group, for the report server and the control socket. */
#ifndef HEARSAY_NODE_UNIX_LISTEN_H
#define HEARSAY_NODE_UNIX_LISTEN_H

#include <stdbool.h>
#include <sys/stat.h>

struct unix_listen {
    const char *path;              /* at most 107 bytes; absent directories above it are created, mode 0755 */
    unsigned mode;
    const char *group;             /* NULL: as it comes; empty: Debian-exim where there is such a group */
    bool group_required;           /* else a group that cannot be set is a warning in the log */
};

/* Binds; *fd is the caller's to listen() on and to close(); nobody can connect before. A file that a dead process left is removed, but only if it is a socket and nobody
 * answers there. *file says which file it is, for unix_unlink(). On failure `why`, CONFIG_WHY_MAX bytes, says what to do.
 * 0; -EADDRINUSE (somebody answers); -ENOTSOCK (another kind of file is there); -ENAMETOOLONG; -EACCES and the like. */
int unix_bind(const struct unix_listen *l, int *fd, struct stat *file, char *why);

/* Sets mode and group again, of a socket that is there. */
int unix_set_mode(const struct unix_listen *l, char *why);

/* Removes the socket file if it is still this one, and not that of a successor. */
void unix_unlink(const char *path, const struct stat *file);

#endif
