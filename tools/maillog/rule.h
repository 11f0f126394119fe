/* tools/maillog/rule.h: a pattern of the log and the request that a line like it becomes.
 *
 * A pattern is a PCRE2 regular expression over a line's body: what follows time and pid. Its named groups, and `user`, stand in the request as $name or ${name};
 * $$ is a dollar. `user` is, unless a group has that name, who sent the message of the line: the authenticated user, else the sender.
 * `literal` is a text that each such line holds: other lines are not looked at any closer. Pure, and belongs to one thread. */
#ifndef HEARSAY_TOOLS_MAILLOG_RULE_H
#define HEARSAY_TOOLS_MAILLOG_RULE_H

#include "tools/maillog/line.h"

enum { RULES_MAX = 16, RULE_NAME_MAX = 31, RULE_LITERAL_MAX = 127, RULE_REQUEST_MAX = 4000, RULE_WHY_MAX = 512,
       RULE_LINE_MAX = 65536 };         /* of a longer line only so much is matched */

struct rule;
/* `why`, RULE_WHY_MAX bytes, on failure says what is wrong with which text. 0, -EINVAL, -ENOMEM; *out is the caller's, ended by rule_destroy(). */
int rule_create(const char *name, const char *literal, const char *pattern, const char *request, int64_t window_s, struct rule **out, char *why);
void rule_destroy(struct rule **r);                             /* takes NULL */

const char *rule_name(const struct rule *r);
const char *rule_literal(const struct rule *r);
int64_t rule_window_s(const struct rule *r);                    /* older lines do not count */
bool rule_needs_user(const struct rule *r);

/* The groups of a line that matches; valid until the next match of this rule. */
bool rule_match(struct rule *r, struct text body);

enum rule_result {
    RULE_DONE,              /* `out` is a request, without its end */
    RULE_UNSAYABLE          /* a value holds control characters, or the request is too long: no line can say it */
};
/* After rule_match(). `user` is read when rule_needs_user(). Values with blanks, quotes and the like are put in quotes. */
enum rule_result rule_request(const struct rule *r, struct text user, char out[RULE_REQUEST_MAX + 1], size_t *len);

/* Rules for what Exim writes by itself; NULL at the end. */
struct rule_default { const char *name, *literal, *pattern, *request, *window, *help; };
extern const struct rule_default rule_defaults[];
const struct rule_default *rule_default_find(const char *name);

#endif
