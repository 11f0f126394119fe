#include "node/peers_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config_check.h"
#include "node/config_parse.h"
#include "node/config_scan.h"
#include "proto/durable.h"
#include "proto/name.h"

static const char new_file_header[] = "# peers.conf: whom this node trusts. `hearsay peer` edits this file and keeps comments; it may be edited by hand as well.\n";

enum { TITLE_MAX = 1024 };

struct text {
    char *at;                /* NUL-terminated */
    size_t len;
};

/* peer TITLE { ... }, with the places of the values that can be changed. */
struct block {
    size_t at, end;          /* from `peer` to behind its closing brace */
    struct token title, card, trust, introduce, until, close;
};

/* ---- finding blocks */

static int read_option(struct scan *s, struct token *t, struct block *b, const char **problem)
{
    struct token *value = token_is(s, t, "card") ? &b->card : token_is(s, t, "trust") ? &b->trust : token_is(s, t, "introduce") ? &b->introduce
                        : token_is(s, t, "introduce-until") ? &b->until : NULL;
    int rc = scan_next_word(s, t, problem);
    if (rc != 0 || value == NULL || !token_is(s, t, "="))
        return rc;
    rc = scan_next_word(s, t, problem);
    if (rc == 0 && (t->kind == TOKEN_WORD || t->kind == TOKEN_STRING)) {
        *value = *t;
        rc = scan_next_word(s, t, problem);
    }
    return rc;
}

/* `t` is the opening brace; afterwards its closing one. */
static int read_body(struct scan *s, struct token *t, struct block *b, const char **problem)
{
    unsigned depth = 1;
    int rc = scan_next_word(s, t, problem);
    while (rc == 0 && t->kind != TOKEN_END) {
        if (token_is(s, t, "{"))
            depth++;
        else if (token_is(s, t, "}") && --depth == 0)
            break;
        rc = depth == 1 && t->kind == TOKEN_WORD ? read_option(s, t, b, problem) : scan_next_word(s, t, problem);
    }
    b->close = *t;
    b->end = t->at + t->len;
    return rc == 0 && t->kind == TOKEN_END ? -EINVAL : rc;
}

/* The next `peer` section. 1: found; 0: none; -EINVAL. */
static int next_block(struct scan *s, struct block *b)
{
    const char *problem;
    struct token t;
    unsigned depth = 0;
    int rc;
    memset(b, 0, sizeof *b);
    while ((rc = scan_next_word(s, &t, &problem)) == 0 && t.kind != TOKEN_END) {
        bool is_peer = depth == 0 && token_is(s, &t, "peer");
        if (token_is(s, &t, "{"))
            depth++;
        else if (token_is(s, &t, "}") && depth > 0)
            depth--;
        if (!is_peer)
            continue;
        b->at = t.at;
        if ((rc = scan_next_word(s, &b->title, &problem)) != 0 || (rc = scan_next_word(s, &t, &problem)) != 0)
            return rc;
        if (!token_is(s, &t, "{"))
            return -EINVAL;
        rc = read_body(s, &t, b, &problem);
        return rc == 0 ? 1 : rc;
    }
    return rc;
}

static bool has_name(const struct scan *s, const struct block *b, const char *name)
{
    char title[TITLE_MAX], canonical[NAME_MAX_BYTES + 1];
    if (token_value(s, &b->title, title, sizeof title) != 0)
        return false;
    return name_canonical(title, strlen(title), canonical) == 0 && strcmp(canonical, name) == 0;
}

/* 0, -ENOENT, -EINVAL. */
static int find_block(const struct text *t, const char *name, struct scan *s, struct block *b)
{
    int found;
    scan_start(s, t->at, t->len);
    while ((found = next_block(s, b)) == 1)
        if (has_name(s, b, name))
            return 0;
    return found < 0 ? found : -ENOENT;
}

/* `text`, CARD_MAX + 1 bytes, may be NULL. */
static int open_card(const char *card, struct record *out, char *text)
{
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    int rc = card_decode(card, frame, &len);
    if (rc == 0 && text != NULL)
        rc = card_encode((struct bytes){frame, len}, text, CARD_MAX + 1);
    return rc != 0 ? rc : record_open((struct bytes){frame, len}, out);
}

/* 0; -ENOENT: the block holds no card of a valid form. */
static int card_of_block(const struct scan *s, const struct block *b, struct record *out)
{
    char card[CARD_MAX + 1];
    if (token_value(s, &b->card, card, sizeof card) != 0)
        return -ENOENT;
    return open_card(card, out, NULL) == 0 ? 0 : -ENOENT;
}

/* ---- changing the text */

/* Puts `with` in the place of `cut` bytes at `at`. */
static int replace_part(struct text *t, size_t at, size_t cut, const char *with)
{
    size_t with_len = strlen(with), len = t->len - cut + with_len;
    char *changed = malloc(len + 1);
    if (changed == NULL)
        return -ENOMEM;
    memcpy(changed, t->at, at);
    memcpy(changed + at, with, with_len);
    memcpy(changed + at + with_len, t->at + at + cut, t->len - at - cut);
    changed[len] = '\0';
    free(t->at);
    *t = (struct text){changed, len};
    return 0;
}

struct edit {
    char name[NAME_MAX_BYTES + 1];
    char card[CARD_MAX + 1];               /* without blanks around it */
    const char *trust, *share, *until;
    bool link;
    const struct peers_value *values;
    size_t values_n;
    struct record record;                  /* of the card */
};

/* ---- any option of a block */

static size_t line_start(const struct text *t, size_t at)
{
    while (at > 0 && t->at[at - 1] != '\n')
        at--;
    return at;
}

static size_t skip_blanks(const struct text *t, size_t at)
{
    return at + strspn(t->at + at, " \t\r");
}

/* A comment that goes to the end of its line. */
static bool at_comment(const struct text *t, size_t at)
{
    return t->at[at] == '#' || strncmp(t->at + at, "//", 2) == 0;
}

/* `name = value` or `name = { ... }` within a block. */
struct option_place {
    size_t at, end;                        /* all of it */
    size_t value_at;
};

static int read_value(struct scan *s, struct token *t, size_t *end, const char **problem)
{
    bool list = token_is(s, t, "{");
    int rc = 0;
    *end = t->at + t->len;
    while (rc == 0 && list && t->kind != TOKEN_END && !token_is(s, t, "}")) {
        rc = scan_next_word(s, t, problem);
        *end = t->at + t->len;
    }
    return rc;
}

/* 0, -ENOENT, -EINVAL. */
static int find_option(const struct text *text, const struct block *b, const char *name, struct option_place *out)
{
    struct scan s;
    struct token t;
    const char *problem;
    scan_start(&s, text->at, b->close.at);
    s.at = b->title.at + b->title.len;     /* the opening brace is next */
    int rc = scan_next_word(&s, &t, &problem);
    while (rc == 0 && t.kind != TOKEN_END) {
        bool found = t.kind == TOKEN_WORD && token_is(&s, &t, name);
        size_t at = t.at, end = 0;
        rc = scan_next_word(&s, &t, &problem);
        if (rc != 0 || !token_is(&s, &t, "="))
            continue;
        rc = scan_next_word(&s, &t, &problem);
        size_t value_at = t.at;
        if (rc == 0)
            rc = read_value(&s, &t, &end, &problem);
        if (rc == 0 && found) {
            *out = (struct option_place){ at, end, value_at };
            return 0;
        }
    }
    return rc != 0 ? rc : -ENOENT;
}

/* With its line, if it has one for itself; a comment behind it stays. */
static int drop_option(struct text *t, const struct option_place *o)
{
    size_t from = line_start(t, o->at), to = skip_blanks(t, o->end);
    if (at_comment(t, to))
        return replace_part(t, o->at, to - o->at, "");
    if (skip_blanks(t, from) != o->at || t->at[to] != '\n')
        return replace_part(t, o->at, o->end - o->at, "");
    return replace_part(t, from, to + 1 - from, "");
}

static int set_one(struct text *t, const char *peer, const struct peers_value *v)
{
    struct option_place place;
    struct scan s;
    struct block b;
    char line[PEERS_VALUE_MAX + 64];
    int rc = find_block(t, peer, &s, &b);
    if (rc != 0)
        return rc;
    rc = find_option(t, &b, v->name, &place);
    if (rc == 0)
        return v->value == NULL ? drop_option(t, &place) : replace_part(t, place.value_at, place.end - place.value_at, v->value);
    if (rc != -ENOENT || v->value == NULL)
        return rc == -ENOENT ? 0 : rc;
    snprintf(line, sizeof line, "%s  %s = %s\n", t->at[b.close.at - 1] == '\n' ? "" : "\n", v->name, v->value);
    return replace_part(t, b.close.at, 0, line);
}

static int set_values(struct text *t, const struct edit *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < e->values_n; i++)
        rc = set_one(t, e->name, &e->values[i]);
    return rc;
}

static int check_absent(const struct text *t, const struct edit *e)
{
    struct scan s;
    struct block b;
    struct record r;
    int found;
    scan_start(&s, t->at, t->len);
    while ((found = next_block(&s, &b)) == 1) {
        if (has_name(&s, &b, e->name))
            return -EEXIST;
        if (card_of_block(&s, &b, &r) == 0 && memcmp(r.root, e->record.root, KEY_BYTES) == 0)
            return -EEXIST;
    }
    return found;
}

static int add_block(struct text *t, const struct edit *e)
{
    char block[NAME_MAX_BYTES + CARD_MAX + 256];
    const char *gap = t->len == 0 ? new_file_header : t->at[t->len - 1] != '\n' ? "\n" : "";
    int n, rc = check_absent(t, e);
    if (rc != 0)
        return rc;
    n = snprintf(block, sizeof block, "%s\npeer \"%s\" {\n  card = \"%s\"\n  trust = %s\n%s}\n", gap, e->name, e->card, e->trust, e->link ? "" : "  link = false\n");
    if (n < 0 || (size_t)n >= sizeof block)
        return -EINVAL;
    rc = replace_part(t, t->len, 0, block);
    return rc == 0 && e->values_n > 0 ? set_values(t, e) : rc;
}

/* A value in its place, or a line of its own before the closing brace. */
static int set_value(struct text *t, const struct block *b, const struct token *old, const char *name, const char *value)
{
    char line[CARD_MAX + 64];
    if (old->len > 0)
        return replace_part(t, old->at, old->len, value);
    snprintf(line, sizeof line, "%s  %s = %s\n", t->at[b->close.at - 1] == '\n' ? "" : "\n", name, value);
    return replace_part(t, b->close.at, 0, line);
}

static int set_trust(struct text *t, const struct edit *e)
{
    struct scan s;
    struct block b;
    int rc = find_block(t, e->name, &s, &b);
    return rc != 0 ? rc : set_value(t, &b, &b.trust, "trust", e->trust);
}

static int set_card(struct text *t, const struct edit *e)
{
    char quoted[CARD_MAX + 4];
    struct scan s;
    struct block b;
    struct record old;
    int rc = find_block(t, e->name, &s, &b);
    if (rc != 0)
        return rc;
    if (card_of_block(&s, &b, &old) == 0 && memcmp(old.root, e->record.root, KEY_BYTES) != 0)
        return -EINVAL;
    snprintf(quoted, sizeof quoted, "\"%s\"", e->card);
    return set_value(t, &b, &b.card, "card", quoted);
}

/* Withdrawn, no line is added that says only what is so without it. */
static int set_introduction(struct text *t, const struct edit *e)
{
    char quoted[64];
    struct scan s;
    struct block b;
    int rc = find_block(t, e->name, &s, &b);
    if (rc == 0)
        rc = set_value(t, &b, &b.introduce, "introduce", e->share);
    if (rc == 0)
        rc = find_block(t, e->name, &s, &b);
    if (rc != 0 || (b.until.len == 0 && strcmp(e->until, "never") == 0))
        return rc;
    snprintf(quoted, sizeof quoted, "\"%s\"", e->until);
    return set_value(t, &b, &b.until, "introduce-until", quoted);
}

/* Whole lines where the block has them for itself; then a blank line below it goes as well if there is one above. Comments around it stay: whose they are,
 * nobody but who wrote them knows, and one above the first peer may be about the file. */
static int remove_block(struct text *t, const struct edit *e)
{
    struct scan s;
    struct block b;
    size_t from, to;
    int rc = find_block(t, e->name, &s, &b);
    if (rc != 0)
        return rc;
    from = line_start(t, b.at);
    to = skip_blanks(t, b.end);
    if (at_comment(t, to))
        return replace_part(t, b.at, to - b.at, "");
    if (skip_blanks(t, from) != b.at || (t->at[to] != '\n' && t->at[to] != '\0'))
        return replace_part(t, b.at, b.end - b.at, "");
    to += t->at[to] == '\n';
    if ((from == 0 || (from >= 2 && t->at[from - 2] == '\n')) && t->at[to] == '\n')
        to++;
    else if (from >= 2 && t->at[from - 2] == '\n' && t->at[to] == '\0')
        from--;
    return replace_part(t, from, to - from, "");
}

/* ---- the file */

static int read_file(const char *path, struct text *t, mode_t *mode)
{
    struct stat st;
    int rc = scan_file(path, &t->at, &t->len);
    *mode = 0644;
    if (rc == 0 && stat(path, &st) == 0)
        *mode = st.st_mode & 07777;
    if (rc != -ENOENT)
        return rc;
    t->at = strdup("");
    return t->at == NULL ? -ENOMEM : 0;
}

static int check_text(const char *path, const struct text *t)
{
    char why[CONFIG_WHY_MAX];
    char *copy = malloc(t->len + 1);
    int rc;
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, t->at, t->len + 1);
    rc = config_check_text(path, copy, t->len, why);
    free(copy);
    return rc;
}

static int edit_locked(const char *path, int (*change)(struct text *t, const struct edit *e), const struct edit *e)
{
    struct text t = {NULL, 0};
    mode_t mode;
    int rc = read_file(path, &t, &mode);
    if (rc == 0 && strlen(t.at) != t.len)
        rc = -EINVAL;
    if (rc == 0)
        rc = change(&t, e);
    if (rc == 0)
        rc = check_text(path, &t);
    if (rc == 0)
        rc = durable_replace(path, t.at, t.len, mode);
    free(t.at);
    return rc;
}

/* A link is followed: the file that it names is replaced, not the link. */
static int edit_file(const char *path, int (*change)(struct text *t, const struct edit *e), const struct edit *e)
{
    char real[PATH_MAX], dir[PATH_MAX];
    char *slash;
    int fd, rc;
    if (realpath(path, real) == NULL) {
        if (errno != ENOENT || strlen(path) >= sizeof real)
            return -errno;
        strcpy(real, path);
    }
    strcpy(dir, real);
    slash = strrchr(dir, '/');
    if (slash != NULL)
        slash[slash == dir] = '\0';
    fd = open(slash == NULL ? "." : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = flock(fd, LOCK_EX) == 0 ? edit_locked(real, change, e) : -errno;
    close(fd);
    return rc;
}

static int edit_init(struct edit *e, const char *name, const char *card, const char *trust)
{
    int64_t micro;
    *e = (struct edit){.trust = trust};
    if (name_canonical(name, strlen(name), e->name) != 0)
        return -EINVAL;
    if (trust != NULL && option_check(option_find("peer", "trust"), trust, &micro) != 0)
        return -EINVAL;
    return card == NULL || open_card(card, &e->record, e->card) == 0 ? 0 : -EINVAL;
}

static int take_values(struct edit *e, const struct peers_value *values, size_t n)
{
    e->values = values;
    e->values_n = n;
    if (n > PEERS_VALUES_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (option_find("peer", values[i].name) == NULL || (values[i].value != NULL && strlen(values[i].value) > PEERS_VALUE_MAX))
            return -EINVAL;
    return 0;
}

int peers_file_add_with(const char *path, const char *name, const char *card, const char *trust, bool link, const struct peers_value *values, size_t n)
{
    struct edit e;
    int rc = edit_init(&e, name, card, trust);
    e.link = link;
    if (rc == 0)
        rc = take_values(&e, values, n);
    return rc != 0 ? rc : edit_file(path, add_block, &e);
}

int peers_file_add(const char *path, const char *name, const char *card, const char *trust, bool link)
{
    return peers_file_add_with(path, name, card, trust, link, NULL, 0);
}

int peers_file_set(const char *path, const char *name, const struct peers_value *values, size_t n)
{
    struct edit e;
    int rc = edit_init(&e, name, NULL, NULL);
    if (rc == 0)
        rc = take_values(&e, values, n);
    return rc != 0 ? rc : edit_file(path, set_values, &e);
}

int peers_file_trust(const char *path, const char *name, const char *trust)
{
    struct edit e;
    int rc = edit_init(&e, name, NULL, trust);
    return rc != 0 ? rc : edit_file(path, set_trust, &e);
}

int peers_file_introduce(const char *path, const char *name, const char *share, const char *until)
{
    struct edit e;
    int64_t number;
    int rc = edit_init(&e, name, NULL, NULL);
    if (rc == 0 && (option_check(option_find("peer", "introduce"), share, &number) != 0 || option_check(option_find("peer", "introduce-until"), until, &number) != 0))
        rc = -EINVAL;
    e.share = share;
    e.until = until;
    return rc != 0 ? rc : edit_file(path, set_introduction, &e);
}

int peers_file_remove(const char *path, const char *name)
{
    struct edit e;
    int rc = edit_init(&e, name, NULL, NULL);
    return rc != 0 ? rc : edit_file(path, remove_block, &e);
}

int peers_file_card(const char *path, const char *name, const char *card)
{
    struct edit e;
    int rc = edit_init(&e, name, card, NULL);
    return rc != 0 ? rc : edit_file(path, set_card, &e);
}
