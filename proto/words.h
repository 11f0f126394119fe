/* proto/words.h: private. A line of a reporter as words, and what is complained of it; for proto/request.c, proto/tool_request.c and proto/once.c.
 * Source: proto/REPORTS.md, "One line, one bare answer". */
#ifndef HEARSAY_PROTO_WORDS_H
#define HEARSAY_PROTO_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/request.h"

struct word {
    const char *at;
    size_t len;
};

/* The line as it is read: what is left of it, where quoted words are unfolded, and where a complaint goes. */
struct reading {
    const char *at, *end;
    char unquoted[REQUEST_LINE_MAX];
    size_t unquoted_len;
    char *reason;                        /* REQUEST_REASON_MAX bytes */
};

/* Does not clear the buffer, which is as long as the longest line. 0, or -EINVAL for what no line may hold. */
int words_begin(struct reading *r, const char *line, size_t len, char *reason);

/* 1 and the next word, 0 at the end of the line, -EINVAL for a quote that is left open. A quote at the start of a word holds blanks, since
 * Exim hands over "a b"@example.org as it is; a word that is quoted as a whole means what is within. The word points into the line or into `r`. */
int words_next(struct reading *r, struct word *out);

/* The same, and a value that is quoted as a whole, as in key="a b", means what is within, too. *key is empty for a word without an equals sign outside of quotes. */
int words_next_pair(struct reading *r, struct word *key, struct word *value);

/* What is left of the line, without blanks around it; a text that is quoted as a whole means what is within. Never fails: it may be anything. */
struct word words_rest(struct reading *r);

/* What stands between blanks at the start of any bytes, quotes and all; empty if there is nothing. */
struct word word_first(const char *at, const char *end);

bool word_is(struct word w, const char *text);           /* in any case */

/* Writes the reason; each returns -EINVAL. The word is shown as printable ASCII, in quotes, of bounded length. */
int complain(const struct reading *r, const char *what, struct word w);
int complain_plainly(const struct reading *r, const char *what);

#endif
