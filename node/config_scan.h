/* node/config_scan.h: the words of a configuration text, with their places: for editing it and for reading it safely.
 *
 * libConfuse's own scanner counts each comment as further lines, and a string that does not end leaves it in a state in which the next file cannot be read. So each
 * text goes through scan_prepare() first: the scanner then sees neither comments nor unfinished strings. */
#ifndef HEARSAY_NODE_CONFIG_SCAN_H
#define HEARSAY_NODE_CONFIG_SCAN_H

#include <stddef.h>

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,              /* without quotes */
    TOKEN_STRING,            /* with its quotes, " or ' */
    TOKEN_MARK,              /* one of { } ( ) = , or += */
    TOKEN_COMMENT            /* from #, // up to the line's end, or all of a C comment */
};

struct token {
    enum token_kind kind;
    size_t at, len;          /* in the text */
    unsigned line;           /* of its first byte; the first line is 1 */
};

struct scan {
    const char *text;        /* borrowed */
    size_t len, at;
    unsigned line;
};

enum { SCAN_FILE_MAX = 16 * 1024 * 1024, SCAN_DEPTH_MAX = 16 };

/* A byte order mark in front of the text is passed over. */
void scan_start(struct scan *s, const char *text, size_t len);

/* The next token. 0; -EINVAL with *problem, a constant, and s->line saying what is wrong where. */
int scan_next(struct scan *s, struct token *t, const char **problem);
/* As scan_next(), without comments. */
int scan_next_word(struct scan *s, struct token *t, const char **problem);

/* True if the token is this mark or this word. */
int token_is(const struct scan *s, const struct token *t, const char *text);
/* What a word or a string stands for, with a final NUL. 0; -ENOBUFS when `room` is too small; -EINVAL for another kind. */
int token_value(const struct scan *s, const struct token *t, char *out, size_t room);

/* Turns comments, and a byte order mark in front of all, into blanks, in place, keeping every line where it is, and checks quotes and braces. 0; -EINVAL with *line and *problem. */
int scan_prepare(char *text, size_t len, unsigned *line, const char **problem);

/* The whole of a plain file, with a NUL added; *text is the caller's to free(). 0; -EFBIG over SCAN_FILE_MAX; -EISDIR; -ENODEV no plain file; -ENOENT and the like. */
int scan_file(const char *path, char **text, size_t *len);

#endif
