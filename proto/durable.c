#include "proto/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

static int sync_directory_of(const char *path)
{
    char copy[PATH_MAX];
    int fd, rc;

    if (strlen(path) >= sizeof copy)
        return -ENAMETOOLONG;
    strcpy(copy, path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return rc;
}

/* Root may write what another user reads. Who may not give a file away leaves it as his own. */
static void give_to(int fd, const struct stat *owner)
{
    struct stat st;
    int rc = fstat(fd, &st);

    if (rc == 0 && st.st_uid == owner->st_uid && st.st_gid == owner->st_gid)
        return;
    rc = fchown(fd, owner->st_uid, owner->st_gid);
    if (rc != 0)
        rc = fchown(fd, (uid_t)-1, owner->st_gid);
    (void)rc;
}

/* `owner` NULL: whoever runs this. */
static int create_synced(const char *path, const void *at, size_t len, mode_t mode, const struct stat *owner)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0600), rc;

    if (fd < 0)
        return -errno;
    rc = write_all(fd, at, len);
    if (rc == 0 && owner != NULL)
        give_to(fd, owner);
    if (rc == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
        rc = -errno;
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    if (rc != 0)
        unlink(path);
    return rc;
}

int durable_create(const char *path, const void *at, size_t len, mode_t mode)
{
    int rc = create_synced(path, at, len, mode, NULL);

    return rc == 0 ? sync_directory_of(path) : rc;
}

bool durable_is_device(const char *path)
{
    static const char process[] = "/proc/";
    char target[PATH_MAX];
    struct stat st;
    ssize_t n = readlink(path, target, sizeof target);

    if (n >= (ssize_t)sizeof process - 1 && memcmp(target, process, sizeof process - 1) == 0)
        return true;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

int durable_replace(const char *path, const void *at, size_t len, mode_t mode)
{
    char beside[PATH_MAX];
    struct stat old;
    bool is_there = lstat(path, &old) == 0 && S_ISREG(old.st_mode);
    int n = snprintf(beside, sizeof beside, "%s.new", path), rc;

    if (n < 0 || (size_t)n >= sizeof beside)
        return -ENAMETOOLONG;
    if (durable_is_device(path))
        return -ENOTSUP;
    if (unlink(beside) != 0 && errno != ENOENT)
        return -errno;
    rc = create_synced(beside, at, len, mode, is_there ? &old : NULL);
    if (rc != 0)
        return rc;
    if (rename(beside, path) != 0) {
        rc = -errno;
        unlink(beside);
        return rc;
    }
    return sync_directory_of(path);
}
