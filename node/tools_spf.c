/* spfcheck: from the request to the pool of helpers, and back. */
#include <stdio.h>
#include <string.h>

#include "node/daemon_parts.h"
#include "node/tools_parts.h"

static const char *const answers[] = {
    [SPF_ANSWER_NONE] = "none",           [SPF_ANSWER_NEUTRAL] = "neutral",     [SPF_ANSWER_PASS] = "pass",           [SPF_ANSWER_FAIL] = "fail",
    [SPF_ANSWER_SOFTFAIL] = "softfail",   [SPF_ANSWER_TEMPERROR] = "temperror", [SPF_ANSWER_PERMERROR] = "permerror",
};

static void options_of(const struct config *c, struct spf_pool_options *o)
{
    const struct config_spf *spf = &c->tools.spf;
    *o = (struct spf_pool_options){ .timeout_ms = spf->timeout_ms, .workers = spf->workers, .queue = spf->queue };
    snprintf(o->resolver, sizeof o->resolver, "%s", spf->resolver);
    spf_pool_program(o->program);          /* if it is nowhere, the pool says so when it is asked */
}

static void on_checked(void *ctx, struct report_ticket ticket, enum spf_answer answer)
{
    struct daemon *d = ctx;
    report_server_answer(d->reports, ticket, answers[answer]);
}

int tools_spf_start(struct daemon *d)
{
    struct spf_pool_options o;
    options_of(d->config, &o);
    return spf_pool_create(&d->loop, &o, on_checked, d, &d->spf);
}

void tools_spf_reload(struct daemon *d)
{
    struct spf_pool_options o;
    options_of(d->config, &o);
    spf_pool_reload(d->spf, &o);
}

/* What does not fit is none of an honest client. A cut local part changes no domain; a cut name is no name. */
int tools_spfcheck(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    struct spf_question q = { .family = rq->client.family };
    if (strlen(rq->sender) > SPF_SENDER_MAX || strlen(rq->helo) > SPF_HELO_MAX) {
        snprintf(answer, REPORT_ANSWER_MAX, "%s", answers[SPF_ANSWER_NONE]);
        return REPORT_ANSWERED;
    }
    memcpy(q.addr, rq->client.addr, sizeof q.addr);
    strcpy(q.helo, rq->helo);
    strcpy(q.sender, rq->sender);
    spf_pool_ask(d->spf, ticket, &q);
    return 0;
}
