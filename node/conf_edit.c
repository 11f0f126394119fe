#include "node/conf_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"
#include "node/config_parse.h"
#include "node/config_scan.h"
#include "proto/durable.h"

enum { LINE_MAX_BYTES = 1024 };

/* Where things stand in the text. */
struct places {
    struct token value;              /* of the option; .len 0: it is not there */
    size_t name_end;                 /* behind the value of `name`; 0: not there */
};

static int scan_places(const char *text, size_t len, const char *option, struct places *out)
{
    struct scan s;
    struct token t, word = { .len = 0 };
    const char *problem;
    unsigned depth = 0;
    bool assigned = false;
    int rc;
    memset(out, 0, sizeof *out);
    scan_start(&s, text, len);
    while ((rc = scan_next_word(&s, &t, &problem)) == 0 && t.kind != TOKEN_END) {
        if (token_is(&s, &t, "{"))
            depth++;
        else if (token_is(&s, &t, "}") && depth > 0)
            depth--;
        if (depth == 0 && assigned && (t.kind == TOKEN_STRING || t.kind == TOKEN_WORD)) {
            if (token_is(&s, &word, option))
                out->value = t;
            if (token_is(&s, &word, "name"))
                out->name_end = t.at + t.len;
        }
        assigned = depth == 0 && token_is(&s, &t, "=") && word.len > 0;
        if (!assigned)
            word = t.kind == TOKEN_WORD ? t : (struct token){ .len = 0 };
    }
    return rc;
}

/* In single quotes, in which libConfuse replaces nothing. */
static int quote(const char *value, char out[LINE_MAX_BYTES])
{
    size_t n = 0;
    out[n++] = '\'';
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < 0x20 || *value == 0x7f || n + 4 > LINE_MAX_BYTES)
            return -EINVAL;
        if (*value == '\'' || *value == '\\')
            out[n++] = '\\';
        out[n++] = *value;
    }
    out[n++] = '\'';
    out[n] = '\0';
    return 0;
}

static char *replaced(const char *text, size_t len, size_t at, size_t cut, const char *with)
{
    size_t with_len = strlen(with);
    char *out = malloc(len - cut + with_len + 1);
    if (out == NULL)
        return NULL;
    memcpy(out, text, at);
    memcpy(out + at, with, with_len);
    memcpy(out + at + with_len, text + at + cut, len - at - cut);
    out[len - cut + with_len] = '\0';
    return out;
}

static int change(const char *text, size_t len, const char *option, const char *value, char **out)
{
    struct places p;
    char quoted[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
    int rc = scan_places(text, len, option, &p);
    if (rc == 0)
        rc = quote(value, quoted);
    if (rc != 0)
        return rc;
    if (p.value.len == 0 && p.name_end == 0)
        return -ENOENT;
    snprintf(line, sizeof line, "\n%s = %s", option, quoted);
    *out = p.value.len > 0 ? replaced(text, len, p.value.at, p.value.len, quoted) : replaced(text, len, p.name_end, 0, line);
    return *out == NULL ? -ENOMEM : 0;
}

static int check(const char *path, const char *text)
{
    char why[CONFIG_WHY_MAX];
    char *copy = strdup(text);
    int rc = copy == NULL ? -ENOMEM : config_check_text(path, copy, strlen(copy), why);
    free(copy);
    return rc;
}

static int edit_locked(const char *path, const char *option, const char *value, mode_t most)
{
    struct stat st;
    char *text = NULL, *changed = NULL;
    size_t len = 0;
    int rc = scan_file(path, &text, &len);
    if (rc == 0 && strlen(text) != len)
        rc = -EINVAL;
    if (rc == 0)
        rc = change(text, len, option, value, &changed);
    if (rc == 0)
        rc = check(path, changed);
    if (rc == 0)
        rc = stat(path, &st) == 0 ? durable_replace(path, changed, strlen(changed), st.st_mode & 07777 & most) : -errno;
    free(changed);
    free(text);
    return rc;
}

int conf_edit_option(const char *path, const char *option, const char *value, mode_t most)
{
    char real[PATH_MAX], dir[PATH_MAX];
    if (realpath(path, real) == NULL)
        return -errno;
    strcpy(dir, real);
    char *slash = strrchr(dir, '/');
    slash[slash == dir] = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = flock(fd, LOCK_EX) == 0 ? edit_locked(real, option, value, most) : -errno;
    close(fd);
    return rc;
}
