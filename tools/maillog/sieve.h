/* tools/maillog/sieve.h: from the bytes of a log to requests, in order. The core of the watcher: it reads no file and no clock.
 *
 * Only lines that hold a rule's literal, or say who sent a message, are looked at; all others are passed over at the speed of memmem(). */
#ifndef HEARSAY_TOOLS_MAILLOG_SIEVE_H
#define HEARSAY_TOOLS_MAILLOG_SIEVE_H

#include "tools/maillog/messages.h"
#include "tools/maillog/rule.h"

enum { SIEVE_LINE_MAX = 1 << 20 };       /* what is longer is no line of Exim's: the caller drops it (file.h) */

struct sieve_counts {
    uint64_t matched;       /* lines that a rule's pattern fits, once a rule */
    uint64_t requests;      /* of these became requests */
    uint64_t old;           /* were older than the rule's window */
    uint64_t nobody;        /* were about a bounce, or a sender outside of `local-domains` */
    uint64_t unknown;       /* were about a message whose arrival was not found */
    uint64_t unsayable;     /* held what no request can hold */
};

struct sieve_request {
    const char *line;       /* without its end */
    size_t len;
    const struct rule *rule;
    int64_t age_s;          /* of the log line; 0 for one from the future */
    uint64_t number;        /* its place: grows from request to request, the same for the same line however often it is read */
    uint64_t line_at;       /* the place where its log line begins */
};

struct sieve;
struct sieve_handlers {
    void *ctx;
    /* Whether there is room for RULES_MAX more requests: asked before each line that may make some. False: sieve_block() ends in front of it. */
    bool (*has_room)(void *ctx);
    void (*request)(void *ctx, const struct sieve_request *r);
    /* A message that is not remembered: looks for its arrival elsewhere. True: found, `user` as in arrival_user(). */
    bool (*find)(void *ctx, struct text id, uint64_t line_at, char user[MESSAGES_USER_MAX], size_t *len);
};

/* Takes over the rules, RULES_MAX at most. `domains`: NULL ends the list; an empty list means all. NULL without memory; then the rules stay the caller's. */
struct sieve *sieve_create(struct rule *const *rules, size_t rules_n, size_t messages_max, const char *const *domains, const struct sieve_handlers *h);
void sieve_destroy(struct sieve **s);                             /* takes NULL */

/* Works through whole lines. `at_place`: the place of the first byte. Returns how many bytes are done, all of `len` unless there was no room for more requests. */
size_t sieve_block(struct sieve *s, const char *at, size_t len, uint64_t at_place, int64_t now_s);

/* Learns from lines that were worked through before a restart who sent their messages. Makes no request. */
void sieve_learn(struct sieve *s, const char *at, size_t len);

const struct sieve_counts *sieve_counted(const struct sieve *s);
size_t sieve_messages(const struct sieve *s);                     /* how many are remembered */
int64_t sieve_window_s(const struct sieve *s);                    /* the longest of the rules */
int64_t sieve_last_time_s(const struct sieve *s);                 /* of the newest line that was looked at; 0: none yet */

/* For whom what happens to this message counts: the authenticated user, else the sender if its domain is one of `domains`, else nobody (empty). */
struct text arrival_user(const struct arrival *a, const char *const *domains);

#endif
