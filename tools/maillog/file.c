#include "tools/maillog/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "tools/maillog/stamp.h"

enum { PROBE_BYTES = 64 * 1024, GZ_BUFFER_BYTES = 256 * 1024 };

struct log_file {
    int fd;
    gzFile gz;                  /* NULL for a plain file */
};

static bool ends_with(const char *text, const char *with)
{
    size_t n = strlen(text), m = strlen(with);
    return n >= m && strcmp(text + n - m, with) == 0;
}

/* A copy of the descriptor: gzclose() closes its own. */
static gzFile open_gz(int fd)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    gzFile gz = own < 0 ? NULL : gzdopen(own, "rb");
    if (gz == NULL && own >= 0)
        close(own);
    if (gz != NULL)
        gzbuffer(gz, GZ_BUFFER_BYTES);
    return gz;
}

int log_file_open(const char *path, struct log_file **out)
{
    struct stat st;
    struct log_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int rc = f->fd < 0 || fstat(f->fd, &st) != 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
    if (rc == 0 && ends_with(path, ".gz")) {
        f->gz = open_gz(f->fd);
        rc = f->gz != NULL ? 0 : -ENOMEM;
    }
    if (rc == 0)
        *out = f;
    else
        log_file_close(&f);
    return rc;
}

void log_file_close(struct log_file **f)
{
    if (*f == NULL)
        return;
    if ((*f)->gz != NULL)
        gzclose((*f)->gz);
    if ((*f)->fd >= 0)
        close((*f)->fd);
    free(*f);
    *f = NULL;
}

bool log_file_is_gz(const struct log_file *f)
{
    return f->gz != NULL;
}

void log_file_id(const struct log_file *f, uint64_t *dev, uint64_t *ino)
{
    struct stat st = { 0 };
    (void)fstat(f->fd, &st);
    *dev = st.st_dev;
    *ino = st.st_ino;
}

int64_t log_file_size(const struct log_file *f)
{
    struct stat st;
    return f->gz == NULL && fstat(f->fd, &st) == 0 ? (int64_t)st.st_size : -1;
}

int64_t log_file_mtime_ns(const struct log_file *f)
{
    struct stat st = { 0 };
    (void)fstat(f->fd, &st);
    return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static ssize_t read_gz(struct log_file *f, uint64_t at, char *out, size_t len)
{
    if ((uint64_t)gztell(f->gz) != at && gzseek(f->gz, (z_off_t)at, SEEK_SET) < 0)
        return -EIO;
    int n = gzread(f->gz, out, (unsigned)len), error = Z_OK;
    gzerror(f->gz, &error);
    if (n >= 0 && (error == Z_OK || error == Z_BUF_ERROR))
        return n;                /* cut off in the middle: what is there counts */
    gzclearerr(f->gz);
    return -EIO;
}

ssize_t log_file_read(struct log_file *f, uint64_t at, char *out, size_t len)
{
    if (f->gz != NULL)
        return read_gz(f, at, out, len);
    for (;;) {
        ssize_t n = pread(f->fd, out, len, (off_t)at);
        if (n >= 0 || errno != EINTR)
            return n >= 0 ? n : -errno;
    }
}

/* ---- the print */

int log_file_print(struct log_file *f, uint32_t len, struct print *out)
{
    char head[PRINT_BYTES];
    if (len > PRINT_BYTES)
        len = PRINT_BYTES;
    ssize_t n = log_file_read(f, 0, head, len);
    if (n < 0)
        return (int)n;
    struct print p = { .len = (uint32_t)n, .hash = 14695981039346656037u };
    for (ssize_t i = 0; i < n; i++)
        p.hash = (p.hash ^ (unsigned char)head[i]) * 1099511628211u;
    *out = p;
    return 0;
}

bool log_file_matches(struct log_file *f, const struct print *p)
{
    struct print own;
    return log_file_print(f, p->len, &own) == 0 && own.len == p->len && (own.len == 0 || own.hash == p->hash);
}

/* ---- times */

/* The first line from `at` on that has a time, within PROBE_BYTES: *line is where it begins. -1 without. When not at 0, the line that `at` is in the
 * middle of is passed over. */
static int64_t probe(struct log_file *f, struct stamp_cache *c, uint64_t at, uint64_t *line)
{
    static char text[PROBE_BYTES];
    size_t from = 0, used;
    ssize_t n = log_file_read(f, at > 0 ? at - 1 : 0, text, sizeof text);
    if (n <= 0)
        return -1;
    uint64_t base = at > 0 ? at - 1 : 0;
    bool in_line = at > 0;
    while (from < (size_t)n) {
        int64_t time_s = in_line ? -1 : stamp_read(c, text + from, (size_t)n - from, &used);
        if (time_s >= 0) {
            *line = base + from;
            return time_s;
        }
        const char *end = memchr(text + from, '\n', (size_t)n - from);
        if (end == NULL)
            return -1;
        from = (size_t)(end - text) + 1;
        in_line = false;
    }
    return -1;
}

int64_t log_file_first_time_s(struct log_file *f)
{
    struct stamp_cache c = { 0 };
    uint64_t line;
    return probe(f, &c, 0, &line);
}

int log_file_seek_time(struct log_file *f, int64_t time_s, uint64_t *at)
{
    struct stamp_cache c = { 0 };
    int64_t size = log_file_size(f);
    uint64_t low = 0, high = size > 0 ? (uint64_t)size : 0, line;      /* all lines that begin before low are earlier; the answer is not above high */
    while (size > 0 && low < high) {
        uint64_t middle = low + (high - low) / 2;
        int64_t found_s = probe(f, &c, middle, &line);
        if (found_s >= 0 && found_s < time_s && line < high)
            low = line + 1;
        else
            high = middle;
    }
    *at = 0;
    if (size > 0 && low > 0) {
        int64_t found_s = probe(f, &c, low, &line);
        *at = found_s >= 0 ? line : (uint64_t)size;
    }
    return size < 0 && f->gz == NULL ? -EIO : 0;
}
