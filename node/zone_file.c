#include "node/zone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/zone_out.h"
#include "node/zone_text.h"
#include "proto/durable.h"

int zone_file_stat(const char *path, struct zone_file_stat *out)
{
    struct zone_text_head h = { 0 };
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = zone_text_head(fd, &h);
    if (rc == 0 && fstat(fd, &st) < 0)
        rc = -errno;
    close(fd);
    if (rc != 0)
        return rc;
    h.stat.bytes = (uint64_t)st.st_size;
    *out = h.stat;
    return 0;
}

int zone_file_verify(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = zone_text_verify(fd);
    close(fd);
    return rc;
}

/* ---- beside, flushed, renamed over */

static int fail(char *why, int rc, const char *path, const char *what)
{
    const char *hint = rc == -EACCES || rc == -EPERM ? "; the directory must be writable for the user that hearsayd runs as"
        : rc == -ENOSPC || rc == -EDQUOT ? "; make room, the old zone is served until then"
        : rc == -EBUSY ? "; another process writes this zone now" : "";
    snprintf(why, CONFIG_WHY_MAX, "%.500s: %s: %s%s", path, what, rc == -EBADMSG ? "it is not what was written" : strerror(-rc), hint);
    return rc == -EBADMSG ? -EIO : rc;
}

/* Every directory above the file, for all to enter: rbldnsd runs as a user of its own. */
static int make_parents(const char *path)
{
    char part[CONFIG_PATH_MAX];
    int fits = snprintf(part, sizeof part, "%s", path);
    if (fits < 0 || (size_t)fits >= sizeof part)
        return -ENAMETOOLONG;
    for (char *at = strchr(part + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(part, 0755) == 0)
            (void)chmod(part, 0755);
        else if (errno != EEXIST && access(part, F_OK) != 0)
            return -errno;
        *at = '/';
    }
    return 0;
}

/* Nobody who writes a zone leaves anything but a plain file here: a symbolic link, a pipe or a second name of another file is in the way, and would be for good. A plain file
 * stays, since another process may be at work on it, which only its lock tells. */
static int clear_place(const char *beside)
{
    struct stat there;
    if (lstat(beside, &there) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISREG(there.st_mode) && there.st_nlink == 1)
        return 0;
    return unlink(beside) < 0 ? -errno : 0;
}

/* The lock keeps a second process from writing into the same file. Whoever gets it only when the first has renamed the file holds the live zone
 * in its hands, hence the second look. */
static int open_beside(const char *beside, int *out)
{
    struct stat mine, there;
    int rc = clear_place(beside);
    if (rc != 0)
        return rc;
    int fd = open(beside, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
    else if (fstat(fd, &mine) < 0 || lstat(beside, &there) < 0 || mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
        rc = -EBUSY;
    else if (!S_ISREG(mine.st_mode))
        rc = -EINVAL;
    else if (fchmod(fd, 0644) < 0 || ftruncate(fd, 0) < 0)
        rc = -errno;
    if (rc != 0)
        close(fd);
    else
        *out = fd;
    return rc;
}

/* rbldnsd compares size and mtime in whole seconds: two files of the same second and size are the same to it. */
static int move_mtime(int fd, const char *path, int64_t now_s)
{
    struct stat old;
    int64_t mtime_s = now_s;
    if (stat(path, &old) == 0 && (int64_t)old.st_mtim.tv_sec >= mtime_s)
        mtime_s = (int64_t)old.st_mtim.tv_sec + 1;
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)mtime_s } };
    return futimens(fd, times) < 0 ? -errno : 0;
}

static int sync_parent(const char *path)
{
    char dir[CONFIG_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash == NULL ? 0 : slash == path ? 1 : (int)(slash - path);
    snprintf(dir, sizeof dir, "%.*s", len > 0 ? len : 1, len > 0 ? path : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int fill_and_check(const struct zone_text *t, struct zone_file_stat *stat, int fd, const char *path, const char **what)
{
    *what = "cannot write the zone";
    int rc = zone_text_write(t, fd, stat);
    if (rc == 0 && fdatasync(fd) < 0)
        rc = -errno;
    if (rc != 0)
        return rc;
    *what = "reading back the zone";
    rc = zone_text_verify(fd);
    if (rc != 0)
        return rc;
    *what = "cannot set the time of the zone";
    return move_mtime(fd, path, t->now_s);
}

static int write_over(const struct zone_text *t, struct zone_file_stat *stat, const char *path, bool with_parents, char *why)
{
    char beside[CONFIG_PATH_MAX + 8];
    const char *what = "cannot open a new file beside it";
    int fd = -1;
    snprintf(beside, sizeof beside, "%s.new", path);
    int rc = with_parents ? make_parents(path) : 0;
    if (rc != 0)
        return fail(why, rc, path, "cannot create the directory");
    rc = open_beside(beside, &fd);
    if (rc != 0)
        return fail(why, rc, path, what);
    rc = fill_and_check(t, stat, fd, path, &what);
    if (rc == 0 && rename(beside, path) < 0) {
        rc = -errno;
        what = "cannot rename the zone over the old one";
    }
    if (rc != 0)
        unlink(beside);
    close(fd);
    if (rc == 0) {
        what = "cannot flush the directory";
        rc = sync_parent(path);
    }
    return rc == 0 ? 0 : fail(why, rc, path, what);
}

/* Standard output may be a pipe, and the first line holds what is only known at the end. */
static int write_out(const struct zone_text *t, struct zone_file_stat *stat, char *why)
{
    char piece[16384];
    size_t len = sizeof piece;
    int fd = memfd_create("zone", MFD_CLOEXEC);
    if (fd < 0)
        return fail(why, -errno, "-", "cannot keep the zone in memory");
    int rc = zone_text_write(t, fd, stat);
    for (off_t offset = 0; rc == 0 && len == sizeof piece; offset += (off_t)len) {
        rc = zone_text_read(fd, piece, sizeof piece, offset, &len);
        if (rc == 0)
            rc = zone_out_write(STDOUT_FILENO, piece, len, -1);
    }
    close(fd);
    return rc == 0 ? 0 : fail(why, rc, "standard output", "cannot write the zone");
}

/* Serial 0 would mean "the file's mtime" to rbldnsd, and one past 32 bits would cost the whole $SOA. */
static uint32_t next_serial(const char *path, const char *own, int64_t now_s)
{
    struct zone_file_stat old;
    uint32_t serial = now_s > 0 && now_s <= UINT32_MAX ? (uint32_t)now_s : 1;
    if (path != NULL && zone_file_stat(path, &old) == 0 && old.serial >= serial)
        serial = old.serial + 1u;
    if (strcmp(own, path != NULL ? path : "") != 0 && zone_file_stat(own, &old) == 0 && old.serial >= serial)
        serial = old.serial + 1u;
    return serial != 0 ? serial : 1;
}

int zone_file_write(const char *path, const struct policy *p, int zone, const struct config_zone *z, const char *member_name,
                    const struct zone_image *image, int64_t now_s, struct zone_file_stat *out, char *why)
{
    if (zone < 0 || (size_t)zone >= p->zones_n || p->zones[zone].name[0] == '\0') {
        snprintf(why, CONFIG_WHY_MAX, "no zone number %d", zone);
        return -EINVAL;
    }
    const struct zone_text t = { .policy = p, .index = zone, .zone = z, .member_name = member_name, .image = image, .now_s = now_s };
    struct zone_file_stat stat = { .written_s = now_s, .expires_s = now_s + z->expire_s };
    bool is_own = path == NULL;
    if (is_own)
        path = z->file;
    if (strcmp(path, "-") != 0 && durable_is_device(path))
        return fail(why, -ENOTSUP, path, "only a file can be replaced");
    stat.serial = next_serial(path, z->file, now_s);
    int rc = strcmp(path, "-") == 0 ? write_out(&t, &stat, why) : write_over(&t, &stat, path, is_own, why);
    if (rc == 0 && out != NULL)
        *out = stat;
    return rc;
}
