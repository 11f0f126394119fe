/* proto/verdict_cond.h: the condition of a rule for verdicts, as text and as what it says of a message. Pure.
 * Source: hearsay.rules(5).
 *
 *   score >= 1.5 and (spf is fail, softfail or not sender-domain is *.example.com)
 *
 * What is not known makes a test neither true nor false, and `not` leaves it so: a rule fires only for what is certain. */
#ifndef HEARSAY_PROTO_VERDICT_COND_H
#define HEARSAY_PROTO_VERDICT_COND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/network.h"
#include "proto/tool_request.h"

enum {
    COND_TEXT_MAX = 2000,            /* bytes of text */
    COND_NODES_MAX = 200,            /* tests, signs and values */
    COND_DEPTH_MAX = 32,             /* of brackets and `not` */
    COND_WHY_MAX = 160,
    COND_CATEGORIES_MAX = 64
};

/* What a condition may ask for, so that nobody looks up what no rule asks for. */
enum cond_need { COND_NEEDS_CLIENT = 1, COND_NEEDS_SENDER_SCORE = 2, COND_NEEDS_GREY = 4 };

enum cond_state { COND_STATE_UNKNOWN, COND_STATE_BLACK, COND_STATE_WHITE };            /* the answer of `check` */
enum cond_grey { COND_GREY_NEW, COND_GREY_WAITING, COND_GREY_WHITE };

/* What is known of a message for one recipient. All texts are in lower case and may be NULL: not known. */
struct cond_facts {
    struct network client;                         /* family 0: not known */
    bool has_reputation;                           /* then the next four are so */
    int64_t score_milli;                           /* of the client, the one furthest from zero */
    int64_t category_milli[COND_CATEGORIES_MAX];
    uint64_t categories;                           /* bits: of which categories the client is said to be bad */
    enum cond_state state;
    bool has_sender_score;
    int64_t sender_score_milli;                    /* of the sender's domain */
    bool has_spam;
    int64_t spam_milli;                            /* score= of the request */
    int64_t size_bytes;                            /* negative: not known */
    enum spf_result spf;
    bool has_grey;
    enum cond_grey grey;
    const char *helo;
    const char *sender, *rcpt;                     /* sender empty: the null sender */
    const char *sender_domain, *rcpt_domain;       /* sender_domain empty: the null sender */
};

struct cond;                         /* immutable; any number of threads may read it */

/* Index of a category, below COND_CATEGORIES_MAX, or -1. */
typedef int cond_category(void *ctx, const char *name);

/* 0 and a condition that cond_destroy() ends; -EINVAL with `why` (what is wrong and what was expected), -ENOMEM. */
int cond_parse(const char *text, size_t len, cond_category *category, void *ctx, struct cond **out, char why[COND_WHY_MAX]);
void cond_destroy(struct cond **c);              /* takes NULL */

unsigned cond_needs(const struct cond *c);       /* bits of cond_need */
uint64_t cond_categories(const struct cond *c);  /* bits: of these category_milli is asked for */
/* True if it is certain. */
bool cond_holds(const struct cond *c, const struct cond_facts *f);

#endif
