/* tools/maillog/line.h: one line of Exim's main log (spec chapter 53), read by position, so that text from strangers in it cannot pass for another field.
 * Pure: no clock, no file; nothing is copied, results point into the line. Lines may hold any bytes. */
#ifndef HEARSAY_TOOLS_MAILLOG_LINE_H
#define HEARSAY_TOOLS_MAILLOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/maillog/stamp.h"

/* A message id: "1vM5Xy-000123-AB", or "1vM5Xy-00000000123-AbCd" from Exim 4.97 on. */
enum { LINE_ID_SHORT = 16, LINE_ID_LONG = 23 };

struct text {
    const char *at;
    size_t len;
};

enum line_kind {
    LINE_OTHER,
    LINE_ARRIVAL,           /* "<=", or "(=" when it was accepted behind a fake rejection */
    LINE_FAILURE,           /* "**" */
    LINE_COMPLETED
};

struct line {
    int64_t time_s;
    enum line_kind kind;
    struct text id;         /* empty when the line is about no message */
    struct text body;       /* what follows time and pid; begins with the id, if there is one */
    struct text rest;       /* what follows the id and the flag */
};

/* `len` without the newline. 0; -EINVAL: it begins with no time, so it is no line of Exim's, or the second part of one. */
int line_read(const char *at, size_t len, struct stamp_cache *c, struct line *out);

/* Who sent a message, from the rest of its LINE_ARRIVAL. */
struct arrival {
    struct text sender;     /* as it stands, quotes included; empty for a bounce, "<>" */
    struct text user;       /* what the authenticator's server_set_id said; empty without */
};
/* 0; -EINVAL: that is no arrival. Of a HELO with blanks (helo_accept_junk_hosts) parts may be taken for fields. */
int arrival_read(struct text rest, struct arrival *out);

/* Length of the id that the text begins with: LINE_ID_SHORT, LINE_ID_LONG or 0. */
size_t id_length(const char *at, size_t len);
/* When Exim made this id, Unix seconds: its first six digits, to base 62. */
int64_t id_time_s(struct text id);

#endif
