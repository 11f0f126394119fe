#include "node/unix_listen.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/config.h"
#include "node/log.h"

enum { GROUP_BYTES = 65536 };

static int fail(char *why, const char *path, const char *what, int rc)
{
    snprintf(why, CONFIG_WHY_MAX, "unix:%s: %s: %s", path, what, strerror(-rc));
    return rc;
}

static int make_directories(const char *path, char *why)
{
    char dir[CONFIG_PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    for (char *slash = strchr(dir + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(dir, 0755) != 0 && errno != EEXIST)
            return fail(why, path, "its directory cannot be made", -errno);
        *slash = '/';
    }
    return 0;
}

static int unix_address(const char *path, struct sockaddr_un *a)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof a->sun_path)
        return -ENAMETOOLONG;
    strcpy(a->sun_path, path);
    return 0;
}

/* 0 if nobody does, -EADDRINUSE if somebody does or may. */
static int somebody_answers(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc;
    if (fd < 0)
        return -errno;
    rc = connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || (errno != ECONNREFUSED && errno != ENOENT) ? -EADDRINUSE : 0;
    close(fd);
    return rc;
}

static int clear_place(const struct sockaddr_un *a, char *why)
{
    struct stat st;
    int rc;
    if (lstat(a->sun_path, &st) != 0)
        return errno == ENOENT ? 0 : fail(why, a->sun_path, "cannot be looked at", -errno);
    if (!S_ISSOCK(st.st_mode)) {
        snprintf(why, CONFIG_WHY_MAX, "unix:%s: there is a file that is no socket; move it away or choose another path", a->sun_path);
        return -ENOTSOCK;
    }
    rc = somebody_answers(a);
    if (rc == -EADDRINUSE) {
        snprintf(why, CONFIG_WHY_MAX, "unix:%s: another process answers there; is hearsayd running already?", a->sun_path);
        return rc;
    }
    if (rc == 0 && unlink(a->sun_path) != 0 && errno != ENOENT)
        rc = -errno;
    return rc == 0 ? 0 : fail(why, a->sun_path, "the socket that a dead process left cannot be removed", rc);
}

/* 0 and *gid; -ENOENT. */
static int find_group(const char *name, gid_t *gid)
{
    static char text[GROUP_BYTES];         /* groups can be long; the main thread alone opens sockets */
    struct group g, *found = NULL;
    if (getgrnam_r(name, &g, text, sizeof text, &found) != 0 || found == NULL)
        return -ENOENT;
    *gid = g.gr_gid;
    return 0;
}

static int set_group(const struct unix_listen *l, char *why)
{
    const char *name = l->group[0] != '\0' ? l->group : "Debian-exim";
    gid_t gid;
    int rc = find_group(name, &gid);
    if (rc != 0 && !l->group_required)
        return 0;
    if (rc != 0) {
        snprintf(why, CONFIG_WHY_MAX, "unix:%s: there is no group \"%s\"", l->path, name);
        return rc;
    }
    if (lchown(l->path, (uid_t)-1, gid) == 0)
        return 0;
    rc = -errno;
    if (!l->group_required) {
        log_warning("unix:%s: cannot be given to group %s: %s; its members may be unable to report", l->path, name, strerror(-rc));
        return 0;
    }
    snprintf(why, CONFIG_WHY_MAX, "unix:%s: cannot be given to group \"%s\": %s; this user must be in that group", l->path, name, strerror(-rc));
    return rc;
}

int unix_set_mode(const struct unix_listen *l, char *why)
{
    int rc = l->group == NULL ? 0 : set_group(l, why);
    if (rc == 0 && chmod(l->path, l->mode) != 0)
        rc = fail(why, l->path, "its mode cannot be set", -errno);
    return rc;
}

int unix_bind(const struct unix_listen *l, int *out, struct stat *file, char *why)
{
    struct sockaddr_un a;
    int fd, rc = unix_address(l->path, &a);
    if (rc != 0)
        return fail(why, l->path, "too long a path for a socket", rc);
    rc = make_directories(l->path, why);
    if (rc == 0)
        rc = clear_place(&a, why);
    if (rc != 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(why, l->path, "no socket", -errno);
    if (bind(fd, (const struct sockaddr *)&a, sizeof a) != 0)
        rc = fail(why, l->path, "cannot be made", -errno);
    else if (lstat(l->path, file) != 0)
        rc = fail(why, l->path, "cannot be looked at", -errno);
    else if ((rc = unix_set_mode(l, why)) != 0)
        unlink(l->path);
    if (rc != 0)
        close(fd);
    else
        *out = fd;
    return rc;
}

void unix_unlink(const char *path, const struct stat *file)
{
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino)
        unlink(path);
}
