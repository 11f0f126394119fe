#include "node/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/config.h"

static int make_parent(const char *path)
{
    char dir[CONFIG_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (len == 0 || len >= sizeof dir)
        return 0;
    memcpy(dir, path, len);
    dir[len] = '\0';
    return mkdir(dir, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

static bool somebody_answers(const struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return yes;
}

/* A daemon that was killed leaves its socket behind. */
static int remove_stale(const struct sockaddr_un *addr)
{
    struct stat st;

    if (lstat(addr->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -ENOTSOCK;
    if (somebody_answers(addr))
        return -EADDRINUSE;
    return unlink(addr->sun_path) == 0 ? 0 : -errno;
}

static int bind_with_mode(const struct sockaddr_un *addr, mode_t mode, int backlog, int *fd)
{
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;

    if (s < 0)
        return -errno;
    if (bind(s, (const struct sockaddr *)addr, sizeof *addr) == 0 && chmod(addr->sun_path, mode) == 0 && listen(s, backlog) == 0) {
        *fd = s;
        return 0;
    }
    rc = -errno;
    close(s);
    return rc;
}

static const char *advice(int rc)
{
    switch (rc) {
    case -EADDRINUSE: return "another process answers there; is this node running already?";
    case -ENOTSOCK: return "a file that is no socket is in the way; move it or choose another path";
    case -ENAMETOOLONG: return "the path is longer than 107 bytes, which is all a unix socket can have";
    case -EACCES: return "no permission; give the directory to the user that the node runs as";
    case -ENOENT: return "the directory is not there and could not be made";
    default: return strerror(-rc);
    }
}

int unix_socket_listen(const char *path, mode_t mode, int backlog, int *fd, char *why)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int rc = strlen(path) < sizeof addr.sun_path ? make_parent(path) : -ENAMETOOLONG;

    if (rc == 0) {
        strcpy(addr.sun_path, path);
        rc = remove_stale(&addr);
    }
    if (rc == 0)
        rc = bind_with_mode(&addr, mode, backlog, fd);
    if (rc != 0)
        snprintf(why, CONFIG_WHY_MAX, "socket %s: %s", path, advice(rc));
    return rc;
}
