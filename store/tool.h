/* store/tool.h: the state of the Exim toolbox: tarpit, greylist, bounce watch, SPF and notes, and what each is evidence of.
 *
 * An operation is made ready by anybody and done by the store's thread, in one transaction with the reports that
 * came with it: it is answered when it is durable. Each row of state has its own end, and the fold's sweep takes out what is past it. */
#ifndef HEARSAY_STORE_TOOL_H
#define HEARSAY_STORE_TOOL_H

#include "proto/tool_request.h"
#include "proto/verdict_rules.h"
#include "store/store.h"
#include "store/tool_fold.h"

enum {
    TOOL_ROWS_MAX = 1000000,         /* of each table; one more takes out the one that would die first */
    TOOL_ANSWER_MAX = 24,
    GREY_PASSED_MIN = 5,             /* so many triplets of a network were let through: all of it are */
    GREY_BAD_FACTOR = 3,             /* a client with a bad reputation waits so many times as long */
    GREY_ABANDONED_STEP = 5,         /* so many triplets of a network that none ever passed from are one event in the first category ... */
    GREY_ABANDONED_MILLI = 1000,     /* ... of this weight */
    BOUNCE_STEP = 60,                /* so many bounces of a domain's user within an hour are one event in invalid-recipients ... */
    BOUNCE_MILLI = 1000,             /* ... of this weight, against the domain */
    VERDICT_KEY_BYTES = 16,
    VERDICT_KEEP_S = 7 * 86400,      /* so long a message and recipient asked for again have the same verdict; Exim tries no message longer by default */
    SPF_DOMAINS_MAX = 4              /* of an address from which more domains passed, none shares what is reported */
};

struct tool_op {
    enum tool_verb verb;             /* TOOL_TARPIT, _GREY, _BOUNCE, _SPF, _NOTE, _VERDICT or _VERDICT_TAG */
    struct subject subject;          /* the client; unset for a bounce */
    struct subject network;          /* grey: as fold_client() has it */
    struct subject domain;           /* spf: what passed; bounce: of the user, .len 0 without one */
    enum spf_result spf;
    uint32_t count;                  /* bounce */
    int category;                    /* note: index into the policy's ... */
    uint32_t weight_milli;           /* ... 0: not evidence ... */
    bool kept;                       /* ... never told */
    struct once once;
    const char *sender, *rcpt, *user;    /* folded: store/tool_fold.h; owned by the operation, as `say` */
    uint8_t verdict_key[VERDICT_KEY_BYTES];
    char *verdict;                   /* what is proposed; then what stands, which may have been decided before. VERDICT_TEXT_MAX bytes; owned */
    int64_t verdict_time_s;          /* out: when that was decided */
    const char *say;                 /* the answer, given beforehand; NULL: it is in `answer` */
    char answer[TOOL_ANSWER_MAX];    /* out */
    char text[];
};

/* Makes a copy of the operation with its texts (any may be NULL) in its own memory: free() it. NULL: out of memory. */
struct tool_op *tool_op_create(const struct tool_op *from);
static inline const char *tool_op_answer(const struct tool_op *op) { return op->verdict != NULL ? op->verdict : op->say != NULL ? op->say : op->answer; }

/* A report, or with a tool an operation. */
struct store_event {
    struct store_report report;
    struct tool_op *tool;            /* NULL: a report */
};
/* All or none, durable on return; then the operations have their answers. What counted before (proto/once.h) changes nothing, and is answered "ok". -EINVAL as store_add_reports(). */
int store_add_events(struct store *s, const struct store_event *events, size_t n, int64_t now_s);

/* What an operator takes out of a tool's state. */
enum tool_table { TOOL_TABLE_TARPIT, TOOL_TABLE_BOUNCES, TOOL_TABLE_GREY, TOOL_TABLE_CLIENTS, TOOL_TABLE_SPF, TOOL_TABLE_VERDICTS, TOOL_TABLES };
struct tool_clearing {
    enum tool_table table;           /* GREY: clients, too */
    bool all;                        /* else what is named: */
    struct subject subject;          /* the address; for the greylist its network */
    char user[TOOL_FOLDED_MAX];
};
/* *n: rows that are gone. Durable on return. What it was evidence of stays, for `retract`. */
int store_tool_clear(struct store *s, const struct tool_clearing *c, uint64_t *n);

#endif
