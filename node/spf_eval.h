/* node/spf_eval.h: RFC 7208's check_host() by libspf2, over a DNS layer of our own. For the helper process and its tests; one thread.
 *
 * Why a layer of our own: libspf2's asks the system's resolver only, asks for RR type 99, waits as long as the resolver likes, and counts neither void lookups
 * nor those behind an include. This one asks where it is told to, keeps a deadline and RFC 7208's limits (section 4.6.4), and takes an answer that
 * is neither success nor "no such name" for a temporary error (section 2.6.6). */
#ifndef HEARSAY_NODE_SPF_EVAL_H
#define HEARSAY_NODE_SPF_EVAL_H

#include <stdint.h>

#include "node/spf_wire.h"

struct spf_eval;

/* resolver: "192.0.2.1:53" or "[2001:db8::1]:53"; NULL or empty: those of /etc/resolv.conf, which is read now and not again. 0, -EINVAL, -ENOMEM, -EIO. */
int spf_eval_open(const char *resolver, int64_t timeout_ms, struct spf_eval **out);
void spf_eval_close(struct spf_eval **e);                /* takes NULL */

/* Takes the time given above at most, and what the last lookup takes beyond. A sender without a domain that could have a policy is SPF_ANSWER_NONE. */
enum spf_answer spf_eval_check(struct spf_eval *e, const struct spf_question *q);

#endif
