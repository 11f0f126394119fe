/* node/spf_pool.h: asks helper processes (hearsay-spf) about SPF, on a libuv loop. Belongs to the loop's thread.
 *
 * A bounded number of helpers, each started when it is first needed, each with one question at a time. Questions that find no free one wait in a bounded queue. Whatever
 * goes wrong is a temperror: no helper, a full queue, no answer in time (that helper is killed), a helper that died. A helper is let go after a while, so that a
 * changed /etc/resolv.conf is seen and nothing that libspf2 might leak adds up. */
#ifndef HEARSAY_NODE_SPF_POOL_H
#define HEARSAY_NODE_SPF_POOL_H

#include <stdint.h>
#include <uv.h>

#include "node/report_server.h"
#include "node/spf_wire.h"

enum { SPF_RESOLVER_MAX = 80, SPF_PROBLEM_MAX = 200 };

struct spf_pool;

struct spf_pool_options {
    char program[1024];                    /* of hearsay-spf */
    char resolver[SPF_RESOLVER_MAX];       /* empty: the system's */
    int64_t timeout_ms;                    /* from the question on */
    unsigned workers;                      /* at least 1 */
    unsigned queue;                        /* questions that wait; one more is a temperror at once */
};

/* Called on the loop, each question exactly once; within spf_pool_ask() when it is refused. */
typedef void spf_pool_answer(void *ctx, struct report_ticket ticket, enum spf_answer answer);

/* No helper is started yet. SIGPIPE must be ignored, as report_server_start() does it. 0 or -ENOMEM. */
int spf_pool_create(uv_loop_t *loop, const struct spf_pool_options *o, spf_pool_answer *answer, void *ctx, struct spf_pool **out);
/* New options from the next question on; helpers end when they are done with what they have. */
void spf_pool_reload(struct spf_pool *p, const struct spf_pool_options *o);
/* Answers what waits, ends the helpers. The loop must run until its handles are gone before spf_pool_destroy(). */
void spf_pool_stop(struct spf_pool *p);
void spf_pool_destroy(struct spf_pool **p);      /* stopped before; takes NULL */

void spf_pool_ask(struct spf_pool *p, struct report_ticket ticket, const struct spf_question *q);

struct spf_pool_counts {
    uint64_t asked, late, refused, died;   /* questions; of them not answered in time; with a full queue; helpers that died or could not be started */
    unsigned helpers;                      /* that run now */
    char problem[SPF_PROBLEM_MAX];         /* with the last helper, if none has answered since; else empty */
};
void spf_pool_counted(const struct spf_pool *p, struct spf_pool_counts *out);

/* Where hearsay-spf is: beside this program, in ../libexec/hearsay from there, or where it was configured to be installed, which is also the answer if it is nowhere. */
void spf_pool_program(char out[1024]);

#endif
