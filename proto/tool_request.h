/* proto/tool_request.h: one line of the Exim toolbox on the report socket. Source: proto/REPORTS.md, "The Exim toolbox".
 *
 * proto/request.h finds the verb (REQUEST_TOOL); this reads the whole line. */
#ifndef HEARSAY_PROTO_TOOL_REQUEST_H
#define HEARSAY_PROTO_TOOL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/network.h"
#include "proto/request.h"
#include "proto/subject.h"

enum tool_verb {
    TOOL_TARPIT, TOOL_COUNT, TOOL_GREY, TOOL_BOUNCE, TOOL_BOUNCES, TOOL_SPF, TOOL_SPFCHECK, TOOL_SRS_FORWARD, TOOL_SRS_REVERSE, TOOL_VERDICT,
    TOOL_VERDICT_TAG, TOOL_NOTE,
    TOOL_VERBS
};

/* RFC 7208 section 2.6. Exim calls a result of which it knows nothing "(invalid)". */
enum spf_result {
    SPF_NOT_SAID, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_NONE, SPF_NEUTRAL, SPF_PERMERROR, SPF_TEMPERROR, SPF_INVALID
};

/* Texts are bytes as they came, without quotes, ended by NUL; NULL: not said. They point into `text`, so a request is not to be copied. */
struct tool_request {
    enum tool_verb verb;
    struct network client;            /* IP, or ip= : the whole address; family 0: not said */
    struct subject subject;           /* the same as a subject; its network may be a reserved one */
    const char *sender;               /* SENDER, sender= ; empty for the null sender, also written <> */
    const char *rcpt;
    const char *user;
    const char *address;              /* of srs-forward and srs-reverse; empty for the null sender */
    const char *domain;               /* as written: not checked to be one */
    const char *helo;                 /* as written; may be empty */
    const char *message;
    const char *kind;                 /* of note: [a-z][a-z0-9-]*, in lower case; whether it is configured, the caller knows */
    const char *note;                 /* the free text; NULL if there is none */
    enum spf_result spf;
    uint32_t count;                   /* 1 unless said */
    int64_t size_bytes;               /* -1: not said */
    int64_t score_milli;              /* of score=, thousandths */
    bool has_score;
    struct once once;                 /* filled in by who split it off (proto/once.h) */
    char text[REQUEST_LINE_MAX + 16];
};

/* Reads one line without its end, which request_parse() has found to be a tool's. 0, or -EINVAL with `reason` as request_parse() has it;
 * then `out` holds nothing but the verb. */
int tool_request_parse(const char *line, size_t len, struct tool_request *out, char reason[REQUEST_REASON_MAX]);

/* True and the verb if the word, in any case, is one of a tool. */
bool tool_verb_find(const char *word, size_t len, enum tool_verb *out);
/* The same for the word with which a line begins, whatever else is in the line and however long it is. */
bool tool_verb_begins(const char *line, size_t len, enum tool_verb *out);
const char *tool_verb_text(enum tool_verb verb);             /* a constant */
/* True for those that only look: they are to see what the same connection changed before. */
bool tool_verb_looks(enum tool_verb verb);
/* What the verb's own snippet takes for "let it through", to be answered whenever there is no better answer; NULL: its snippets do not read
 * the answer, or read an error as such, and so an error is said. */
const char *tool_harmless(enum tool_verb verb);

const char *spf_result_text(enum spf_result result);         /* "pass" ...; a constant */
/* Exim's "(invalid)" too, in any case. False: no such word. */
bool spf_result_find(const char *word, size_t len, enum spf_result *out);

#endif
