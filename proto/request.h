/* proto/request.h: one line on the report socket. Source: proto/REPORTS.md. */
#ifndef HEARSAY_PROTO_REQUEST_H
#define HEARSAY_PROTO_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/once.h"
#include "proto/subject.h"

enum { REQUEST_LINE_MAX = 4096, REQUEST_COUNT_MAX = 1000, REQUEST_REASON_MAX = 160 };

enum request_verb {
    REQUEST_BLACK, REQUEST_WHITE, REQUEST_RETRACT,     /* these three change something */
    REQUEST_CHECK, REQUEST_SCORE, REQUEST_INFO,
    REQUEST_PING, REQUEST_STREAM,
    REQUEST_TOOL                                       /* read on by proto/tool_request.h */
};

/* Why a reporter says so. CAUSE_DNSBL is counted and raises no score: else no listing would ever end. */
enum request_cause { CAUSE_NONE, CAUSE_CONTENT, CAUSE_TRAP, CAUSE_AUTH, CAUSE_PROTOCOL, CAUSE_USER, CAUSE_DNSBL };

struct request {
    enum request_verb verb;
    enum request_cause cause;
    uint32_t count;                             /* 1 unless said */
    struct subject subject;                     /* unset for ping, stream and tools */
    char category[CATEGORY_MAX_BYTES + 1];      /* empty: none said. Form only: whether it is configured, the caller knows */
    char zone[NAME_MAX_BYTES + 1];              /* empty: none said */
    struct once once;                           /* filled in by who split it off (proto/once.h) */
};

/* Reads one line without its end; of a tool's, the verb. 0; on failure -EINVAL, -EACCES or -ERANGE as in proto/subject.h, *out as it was,
 * and in `reason` the text that follows "error: ", naming the word that was wrong. */
int request_parse(const char *line, size_t len, const uint8_t sender_key[HASH_BYTES],
                  struct request *out, char reason[REQUEST_REASON_MAX]);

/* The verb's and the cause's word; a constant. */
const char *request_verb_text(enum request_verb verb);
const char *request_cause_text(enum request_cause cause);

/* True for [a-z][a-z0-9-]* of at most CATEGORY_MAX_BYTES. */
bool category_is_valid(const char *name, size_t len);

#endif
