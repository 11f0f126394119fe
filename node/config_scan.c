#include "node/config_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Some editors put it in front of UTF-8, where nobody sees it. */
static const char byte_order_mark[] = "\xef\xbb\xbf";
enum { MARK_BYTES = sizeof byte_order_mark - 1 };

void scan_start(struct scan *s, const char *text, size_t len)
{
    bool marked = len >= MARK_BYTES && memcmp(text, byte_order_mark, MARK_BYTES) == 0;
    *s = (struct scan){.text = text, .len = len, .at = marked ? MARK_BYTES : 0, .line = 1};
}

static bool starts(const struct scan *s, const char *with)
{
    size_t n = strlen(with);
    return s->len - s->at >= n && memcmp(s->text + s->at, with, n) == 0;
}

static bool is_word_byte(char c)
{
    unsigned char u = (unsigned char)c;
    return u > 0x20 && u != 0x7f && strchr("#\"'={}()+,*|$", c) == NULL;
}

static int line_comment(struct scan *s)
{
    const char *end = memchr(s->text + s->at, '\n', s->len - s->at);
    s->at = end == NULL ? s->len : (size_t)(end - s->text);
    return 0;
}

static int block_comment(struct scan *s, const char **problem)
{
    unsigned first = s->line;
    for (s->at += 2; s->at < s->len; s->at++) {
        if (starts(s, "*/")) {
            s->at += 2;
            return 0;
        }
        s->line += s->text[s->at] == '\n';
    }
    s->line = first;
    *problem = "this comment does not end; expected */";
    return -EINVAL;
}

static int string(struct scan *s, const char **problem)
{
    char quote = s->text[s->at];
    unsigned first = s->line;
    for (s->at++; s->at < s->len; s->at++) {
        char c = s->text[s->at];
        if (c == quote) {
            s->at++;
            return 0;
        }
        if (c == '\0')
            break;
        s->line += c == '\n';
        if (c != '\\' || s->at + 1 == s->len)
            continue;
        c = s->text[++s->at];
        s->line += c == '\n';
        if (quote == '"' && c >= '0' && c <= '9') {
            *problem = "a digit after a backslash; expected the character itself";
            return -EINVAL;
        }
    }
    s->line = first;
    *problem = "this string does not end; expected a closing quote";
    return -EINVAL;
}

static int word(struct scan *s, const char **problem)
{
    if (!is_word_byte(s->text[s->at])) {
        *problem = "a character that has no meaning here; expected it within quotes";
        return -EINVAL;
    }
    while (s->at < s->len && is_word_byte(s->text[s->at]))
        s->at++;
    return 0;
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->len && s->text[s->at] != '\0' && strchr(" \t\r\n", s->text[s->at]) != NULL)
        s->line += s->text[s->at++] == '\n';
}

static int scan_token(struct scan *s, struct token *t, const char **problem)
{
    char c = s->text[s->at];
    if (c == '#' || starts(s, "//")) {
        t->kind = TOKEN_COMMENT;
        return line_comment(s);
    }
    if (starts(s, "/*")) {
        t->kind = TOKEN_COMMENT;
        return block_comment(s, problem);
    }
    if (c == '"' || c == '\'') {
        t->kind = TOKEN_STRING;
        return string(s, problem);
    }
    if (starts(s, "+=") || (c != '\0' && strchr("{}()=,", c) != NULL)) {
        t->kind = TOKEN_MARK;
        s->at += c == '+' ? 2 : 1;
        return 0;
    }
    t->kind = TOKEN_WORD;
    return word(s, problem);
}

int scan_next(struct scan *s, struct token *t, const char **problem)
{
    int rc;
    skip_blanks(s);
    *t = (struct token){.kind = TOKEN_END, .at = s->at, .line = s->line};
    if (s->at == s->len)
        return 0;
    rc = scan_token(s, t, problem);
    t->len = s->at - t->at;
    return rc;
}

int scan_next_word(struct scan *s, struct token *t, const char **problem)
{
    int rc;
    do
        rc = scan_next(s, t, problem);
    while (rc == 0 && t->kind == TOKEN_COMMENT);
    return rc;
}

int token_is(const struct scan *s, const struct token *t, const char *text)
{
    return (t->kind == TOKEN_WORD || t->kind == TOKEN_MARK) && strlen(text) == t->len && memcmp(s->text + t->at, text, t->len) == 0;
}

/* The byte that a backslash and `c` stand for in a string between double quotes, as in libConfuse. */
static char escaped(char c)
{
    static const char from[] = "nrbfaetv", to[] = "\n\r\b\f\a\033\t\v";
    const char *at = strchr(from, c);
    return at == NULL || c == '\0' ? c : to[at - from];
}

int token_value(const struct scan *s, const struct token *t, char *out, size_t room)
{
    const char *p = s->text + t->at, *end = p + t->len;
    bool quoted = t->kind == TOKEN_STRING;
    size_t n = 0;
    if (t->kind != TOKEN_WORD && !quoted)
        return -EINVAL;
    if (t->len - (quoted ? 2 : 0) + 1 > room)
        return -ENOBUFS;
    for (p += quoted, end -= quoted; p < end; p++) {
        char quote = s->text[t->at];
        if (quoted && *p == '\\' && p[1] == '\n')
            p++;                                    /* a string may go on in the next line */
        else if (quoted && *p == '\\' && (quote == '"' || p[1] == '\\' || p[1] == '\''))
            out[n++] = quote == '"' ? escaped(*++p) : *++p;
        else
            out[n++] = *p;
    }
    out[n] = '\0';
    return 0;
}

static void blank(char *text, const struct token *t)
{
    for (size_t i = t->at; i < t->at + t->len; i++)
        if (text[i] != '\n')
            text[i] = ' ';
}

/* Where each open brace stands, so that the one without an end can be named. */
struct braces {
    unsigned lines[SCAN_DEPTH_MAX];
    size_t n;
};

static int count_brace(struct braces *b, const struct scan *s, const struct token *t, const char **problem)
{
    if (token_is(s, t, "{")) {
        *problem = "braces within braces, too deep; expected no such nesting";
        if (b->n == SCAN_DEPTH_MAX)
            return -EINVAL;
        b->lines[b->n++] = t->line;
    } else if (token_is(s, t, "}")) {
        *problem = "a closing brace too many; expected an option or a section";
        if (b->n == 0)
            return -EINVAL;
        b->n--;
    }
    return 0;
}

int scan_prepare(char *text, size_t len, unsigned *line, const char **problem)
{
    struct braces braces = {.n = 0};
    struct scan s;
    struct token t;
    scan_start(&s, text, len);
    memset(text, ' ', s.at);
    do {
        int rc = scan_next(&s, &t, problem);
        if (rc == 0)
            rc = count_brace(&braces, &s, &t, problem);
        if (rc != 0) {
            *line = s.line;
            return rc;
        }
        if (t.kind == TOKEN_COMMENT)
            blank(text, &t);
    } while (t.kind != TOKEN_END);
    if (braces.n == 0)
        return 0;
    *line = braces.lines[braces.n - 1];
    *problem = "the brace opened here is never closed; expected }";
    return -EINVAL;
}

static int read_all(int fd, char *at, size_t size, size_t *len)
{
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, at + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;                                  /* it became shorter meanwhile */
        n += (size_t)got;
    }
    *len = n;
    return 0;
}

static int scan_fd(int fd, char **text, size_t *len)
{
    struct stat st;
    char *at;
    int rc;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -ENODEV;
    if (st.st_size > SCAN_FILE_MAX)
        return -EFBIG;
    at = malloc((size_t)st.st_size + 1);
    if (at == NULL)
        return -ENOMEM;
    rc = read_all(fd, at, (size_t)st.st_size, len);
    if (rc != 0) {
        free(at);
        return rc;
    }
    at[*len] = '\0';
    *text = at;
    return 0;
}

int scan_file(const char *path, char **text, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);      /* not to hang on a pipe */
    int rc;
    if (fd < 0)
        return -errno;
    rc = scan_fd(fd, text, len);
    close(fd);
    return rc;
}
