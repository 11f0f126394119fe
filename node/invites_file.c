#include "node/invites_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "node/config_scan.h"
#include "proto/durable.h"
#include "proto/identity.h"
#include "proto/name.h"

static const char header[] = "# Invites that this node gave out; written by `hearsay invite`. One-time key, expiry, trust, share, name, use, by whom.\n";

enum { LINE_MAX_BYTES = 2 * 2 * KEY_BYTES + 2 * 21 + 2 * INVITE_WORD_MAX + NAME_MAX_BYTES + 16 };

struct invites {
    struct invite_entry at[INVITES_MAX];
    size_t n;
};

/* ---- the text */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_key(const char *text, uint8_t out[KEY_BYTES])
{
    if (strlen(text) != 2 * KEY_BYTES)
        return false;
    for (size_t i = 0; i < KEY_BYTES; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_time(const char *text, int64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool read_word(const char *text, char out[INVITE_WORD_MAX])
{
    size_t len = strlen(text);
    if (len == 0 || len >= INVITE_WORD_MAX || strspn(text, "0123456789.") != len)
        return false;
    strcpy(out, text);
    return true;
}

static bool read_name(const char *text, char out[NAME_MAX_BYTES + 1])
{
    if (strcmp(text, "-") == 0) {
        out[0] = '\0';
        return true;
    }
    if (strlen(text) > NAME_MAX_BYTES || !name_is_canonical(text, strlen(text)))
        return false;
    strcpy(out, text);
    return true;
}

static bool read_line(char *line, struct invite_entry *e)
{
    char *words[7], *rest = NULL;
    size_t n = 0;
    memset(e, 0, sizeof *e);
    for (char *word = strtok_r(line, " \t\r", &rest); word != NULL; word = strtok_r(NULL, " \t\r", &rest)) {
        if (n == 7)
            return false;
        words[n++] = word;
    }
    if (n != 7 || !read_key(words[0], e->curve) || !read_time(words[1], &e->expires_s) || !read_word(words[2], e->trust) || !read_word(words[3], e->share) ||
        !read_name(words[4], e->name) || !read_time(words[5], &e->used_s))
        return false;
    return e->used_s == 0 || read_key(words[6], e->root);
}

static int parse(char *text, int64_t now_s, struct invites *out)
{
    char *rest = NULL;
    out->n = 0;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        struct invite_entry e;
        if (line[0] == '#' || line[strspn(line, " \t\r")] == '\0')
            continue;
        if (!read_line(line, &e))
            return -EINVAL;
        if (e.expires_s + INVITES_KEEP_S > now_s && out->n < INVITES_MAX)
            out->at[out->n++] = e;
    }
    return 0;
}

static int write_all(const char *path, const struct invites *all)
{
    const size_t room = sizeof header + INVITES_MAX * LINE_MAX_BYTES;
    char *text = malloc(room), curve[2 * KEY_BYTES + 1], root[2 * KEY_BYTES + 1];
    if (text == NULL)
        return -ENOMEM;
    size_t len = (size_t)snprintf(text, room, "%s", header);
    for (size_t i = 0; i < all->n; i++) {
        const struct invite_entry *e = &all->at[i];
        len += (size_t)snprintf(text + len, room - len, "%s %" PRId64 " %s %s %s %" PRId64 " %s\n", hex_text(e->curve, KEY_BYTES, curve), e->expires_s, e->trust, e->share,
                                e->name[0] != '\0' ? e->name : "-", e->used_s, e->used_s != 0 ? hex_text(e->root, KEY_BYTES, root) : "-");
    }
    int rc = durable_replace(path, text, len, 0600);
    free(text);
    return rc;
}

/* ---- the file */

static int load(const char *path, int64_t now_s, struct invites *out)
{
    char *text = NULL;
    size_t len = 0;
    int rc = scan_file(path, &text, &len);
    out->n = 0;
    if (rc == -ENOENT)
        return 0;
    if (rc == 0)
        rc = strlen(text) == len ? parse(text, now_s, out) : -EINVAL;
    free(text);
    return rc;
}

static int lock_dir(const char *path, int *fd)
{
    char dir[4096];
    if (strlen(path) >= sizeof dir)
        return -ENAMETOOLONG;
    strcpy(dir, path);
    char *slash = strrchr(dir, '/');
    if (slash != NULL)
        slash[slash == dir] = '\0';
    *fd = open(slash == NULL ? "." : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return -errno;
    if (flock(*fd, LOCK_EX) == 0)
        return 0;
    int rc = -errno;
    close(*fd);
    return rc;
}

static struct invite_entry *find(struct invites *all, const uint8_t curve[KEY_BYTES])
{
    for (size_t i = 0; i < all->n; i++)
        if (memcmp(all->at[i].curve, curve, KEY_BYTES) == 0)
            return &all->at[i];
    return NULL;
}

struct change {
    const struct invite_entry *add;
    const uint8_t *curve, *root;
    const char *name;
    struct invite_entry *out;
};

static int do_add(struct invites *all, int64_t now_s, const struct change *c)
{
    (void)now_s;
    if (all->n == INVITES_MAX)
        return -ENOSPC;
    all->at[all->n++] = *c->add;
    return 0;
}

static int do_use(struct invites *all, int64_t now_s, const struct change *c)
{
    struct invite_entry *e = find(all, c->curve);
    if (e == NULL)
        return -ENOENT;
    *c->out = *e;
    if (e->used_s != 0)
        return memcmp(e->root, c->root, KEY_BYTES) == 0 ? -EALREADY : -EEXIST;
    if (e->expires_s <= now_s)
        return -ETIME;
    if (e->name[0] != '\0' && strcmp(e->name, c->name) != 0)
        return -EACCES;
    e->used_s = now_s > 0 ? now_s : 1;
    memcpy(e->root, c->root, KEY_BYTES);
    *c->out = *e;
    return 0;
}

static int do_remove(struct invites *all, int64_t now_s, const struct change *c)
{
    struct invite_entry *e = find(all, c->curve);
    (void)now_s;
    if (e == NULL)
        return -ENOENT;
    *e = all->at[--all->n];
    return 0;
}

static int edit(const char *path, int64_t now_s, int (*change)(struct invites *, int64_t, const struct change *), const struct change *c)
{
    struct invites *all = calloc(1, sizeof *all);
    int fd = -1, rc = all == NULL ? -ENOMEM : lock_dir(path, &fd);
    if (rc == 0)
        rc = load(path, now_s, all);
    if (rc == 0)
        rc = change(all, now_s, c);
    if (rc == 0)
        rc = write_all(path, all);
    if (fd >= 0)
        close(fd);
    free(all);
    return rc;
}

int invites_load(const char *path, int64_t now_s, struct invite_entry *out, size_t *n)
{
    struct invites *all = calloc(1, sizeof *all);
    int rc = all == NULL ? -ENOMEM : load(path, now_s, all);
    *n = 0;
    if (rc == 0) {
        memcpy(out, all->at, all->n * sizeof *out);
        *n = all->n;
    }
    free(all);
    return rc;
}

int invites_add(const char *path, int64_t now_s, const struct invite_entry *e)
{
    return edit(path, now_s, do_add, &(struct change){ .add = e });
}

/* The same member again: its answer was lost. */
int invites_use(const char *path, int64_t now_s, const uint8_t curve[KEY_BYTES], const uint8_t root[KEY_BYTES], const char *name, struct invite_entry *out)
{
    int rc = edit(path, now_s, do_use, &(struct change){ .curve = curve, .root = root, .name = name, .out = out });
    return rc == -EALREADY ? 0 : rc;
}

int invites_remove(const char *path, int64_t now_s, const uint8_t curve[KEY_BYTES])
{
    return edit(path, now_s, do_remove, &(struct change){ .curve = curve });
}
