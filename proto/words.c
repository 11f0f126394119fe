#include "proto/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A stranger's word for a log line and for Exim. */
static char *printable(struct word w, char out[REQUEST_REASON_MAX])
{
    enum { SHOWN_MAX = 72 };
    static const char hex[] = "0123456789abcdef";
    char *at = out;
    size_t i;

    *at++ = '"';
    for (i = 0; i < w.len && at - out < SHOWN_MAX; i++) {
        unsigned char c = (unsigned char)w.at[i];
        if (c > ' ' && c <= '~' && c != '"' && c != '\\') {
            *at++ = (char)c;
        } else {
            *at++ = '\\';
            *at++ = 'x';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        }
    }
    strcpy(at, i < w.len ? "...\"" : "\"");
    return out;
}

int complain(const struct reading *r, const char *what, struct word w)
{
    char shown[REQUEST_REASON_MAX];

    snprintf(r->reason, REQUEST_REASON_MAX, "%s %s", what, printable(w, shown));
    return -EINVAL;
}

int complain_plainly(const struct reading *r, const char *what)
{
    snprintf(r->reason, REQUEST_REASON_MAX, "%s", what);
    return -EINVAL;
}

bool word_is(struct word w, const char *text)
{
    return w.len == strlen(text) && strncasecmp(w.at, text, w.len) == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct word word_first(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    const char *start = at;
    while (at < end && !is_blank(*at))
        at++;
    return (struct word){ start, (size_t)(at - start) };
}

/* UTF-8 passes; what could end a line early, or colour a terminal, does not. */
int words_begin(struct reading *r, const char *line, size_t len, char *reason)
{
    r->at = line;
    r->end = line + len;
    r->unquoted_len = 0;
    r->reason = reason;
    if (len > REQUEST_LINE_MAX)
        return complain_plainly(r, "line too long");
    for (const char *at = r->at; at < r->end; at++) {
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return complain(r, "control character in the line:", (struct word){ at, 1 });
    }
    return 0;
}

/* Behind the closing quote of what `at` opens; NULL if there is none. */
static const char *skip_quoted(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\' && at + 1 < end)
            at++;
    }
    return NULL;
}

/* A word that is quoted as a whole, as Exim's ${quote:...} does it, means what is within. */
static void unquote(struct reading *r, struct word *w)
{
    char *start = r->unquoted + r->unquoted_len, *to = start;
    const char *last = w->at + w->len - 1;

    for (const char *from = w->at + 1; from < last; from++) {
        if (*from == '\\')
            from++;
        *to++ = *from;
    }
    *w = (struct word){ start, (size_t)(to - start) };
    r->unquoted_len += w->len;
}

static void skip_blanks(struct reading *r)
{
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
}

/* What stands up to the next blank, from here on. */
static int take_word(struct reading *r, struct word *out)
{
    const char *start = r->at, *quoted_end = NULL;

    if (r->at < r->end && *start == '"') {
        quoted_end = skip_quoted(start, r->end);
        if (quoted_end == NULL)
            return complain(r, "quote left open in", (struct word){ start, (size_t)(r->end - start) });
        r->at = quoted_end;
    }
    while (r->at < r->end && !is_blank(*r->at))
        r->at++;
    *out = (struct word){ start, (size_t)(r->at - start) };
    if (r->at == quoted_end)
        unquote(r, out);
    return 1;
}

int words_next(struct reading *r, struct word *out)
{
    skip_blanks(r);
    return r->at == r->end ? 0 : take_word(r, out);
}

int words_next_pair(struct reading *r, struct word *key, struct word *value)
{
    const char *start;

    skip_blanks(r);
    *key = (struct word){ r->at, 0 };
    if (r->at == r->end)
        return 0;
    start = r->at;
    while (r->at < r->end && !is_blank(*r->at) && *r->at != '"' && *r->at != '=')
        r->at++;
    if (r->at == r->end || *r->at != '=' || r->at == start) {
        r->at = start;
        return take_word(r, value);
    }
    key->len = (size_t)(r->at++ - start);
    return take_word(r, value);
}

struct word words_rest(struct reading *r)
{
    struct word w;

    skip_blanks(r);
    w = (struct word){ r->at, (size_t)(r->end - r->at) };
    while (w.len > 0 && is_blank(w.at[w.len - 1]))
        w.len--;
    r->at = r->end;
    if (w.len >= 2 && w.at[0] == '"' && skip_quoted(w.at, w.at + w.len) == w.at + w.len)
        unquote(r, &w);
    return w;
}
