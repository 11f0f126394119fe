#include "tools/maillog/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/durable.h"

enum { FORMAT = 1 };

int state_make(struct state *out)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char random[SOURCE_BYTES];
    struct state s = { 0 };
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return -EIO;
    for (size_t i = 0; i < sizeof random; i++) {
        s.source[2 * i] = hex[random[i] >> 4];
        s.source[2 * i + 1] = hex[random[i] & 15];
    }
    *out = s;
    return 0;
}

/* ---- to and from JSON: numbers by name, in one table */

struct field { const char *name; size_t at; };
#define FIELD(member) { #member, offsetof(struct state, member) }
static const struct field fields[] = {
    { "base", offsetof(struct state, place.base) }, { "offset", offsetof(struct state, place.offset) },
    { "device", offsetof(struct state, place.dev) }, { "inode", offsetof(struct state, place.ino) },
    { "before_time", offsetof(struct state, place.before.time_s) }, { "before_changed", offsetof(struct state, place.before.mtime_ns) },
    { "last_time", offsetof(struct state, last_time_s) }, { "saved", offsetof(struct state, saved_s) },
    { "matched", offsetof(struct state, counts.matched) }, { "requests", offsetof(struct state, counts.requests) },
    { "old", offsetof(struct state, counts.old) }, { "nobody", offsetof(struct state, counts.nobody) },
    { "unknown", offsetof(struct state, counts.unknown) }, { "unsayable", offsetof(struct state, counts.unsayable) },
    FIELD(taken), FIELD(refused), FIELD(dropped),
};

json_t *state_json(const struct state *s)
{
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, s->place.print.hash);
    json_t *o = json_pack("{s:i, s:s, s:i, s:s}", "format", FORMAT, "source", s->source, "print_bytes", (int)s->place.print.len, "print", hash);
    for (size_t i = 0; o != NULL && i < sizeof fields / sizeof *fields; i++) {
        int64_t number;
        memcpy(&number, (const char *)s + fields[i].at, sizeof number);
        json_object_set_new(o, fields[i].name, json_integer(number));
    }
    return o;
}

static int wrong(char why[256], const char *what)
{
    snprintf(why, 256, "%s; move the file away to begin anew with what the log holds of the last hours", what);
    return -EINVAL;
}

static bool is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

static int from_json(json_t *o, struct state *out, char why[256])
{
    struct state s = { 0 };
    const char *source, *hash;
    int format, print_bytes;
    if (json_unpack(o, "{s:i, s:s, s:i, s:s}", "format", &format, "source", &source, "print_bytes", &print_bytes, "print", &hash) != 0)
        return wrong(why, "no state of hearsay-maillog");
    if (format != FORMAT)
        return wrong(why, "written by another version of hearsay-maillog");
    if (!is_hex(source, SOURCE_TEXT) || !is_hex(hash, 16) || print_bytes < 0 || print_bytes > PRINT_BYTES)
        return wrong(why, "damaged");
    strcpy(s.source, source);
    s.place.print = (struct print){ .len = (uint32_t)print_bytes, .hash = strtoull(hash, NULL, 16) };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *v = json_object_get(o, fields[i].name);
        int64_t number = json_integer_value(v);
        if (!json_is_integer(v) || number < 0)
            return wrong(why, "damaged");
        memcpy((char *)&s + fields[i].at, &number, sizeof number);
    }
    *out = s;
    return 0;
}

int state_load(const char *path, struct state *out, char why[256])
{
    json_error_t error;
    snprintf(why, 256, "%s", "");
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return -ENOENT;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return -errno;
    json_t *o = json_loadf(f, 0, &error);
    fclose(f);
    int rc = o == NULL ? wrong(why, "damaged") : from_json(o, out, why);
    json_decref(o);
    return rc;
}

int state_lock(const char *path, int *fd)
{
    char beside[FILE_PATH_MAX];
    if ((size_t)snprintf(beside, sizeof beside, "%s-lock", path) >= sizeof beside)
        return -ENAMETOOLONG;
    int file = open(beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (file < 0)
        return -errno;
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        int rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
        close(file);
        return rc;
    }
    *fd = file;
    return 0;
}

int state_save(const char *path, const struct state *s)
{
    json_t *o = state_json(s);
    char *text = o != NULL ? json_dumps(o, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
    json_decref(o);
    if (text == NULL)
        return -ENOMEM;
    size_t len = strlen(text);
    text[len] = '\n';                    /* in place of its end, which is not written */
    int rc = durable_replace(path, text, len + 1, 0644);
    free(text);
    return rc;
}
