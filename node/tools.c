#include "node/tools.h"

#include <stddef.h>
#include <stdio.h>

#include "node/tools_parts.h"

/* One row a verb. */
static tool_handler *const handlers[TOOL_VERBS] = {
    [TOOL_TARPIT] = tools_tarpit,
    [TOOL_COUNT] = tools_count,
    [TOOL_GREY] = tools_grey,
    [TOOL_BOUNCE] = tools_bounce,
    [TOOL_BOUNCES] = tools_bounces,
    [TOOL_SPF] = tools_spf,
    [TOOL_SPFCHECK] = tools_spfcheck,
    [TOOL_SRS_FORWARD] = tools_srs_forward,
    [TOOL_SRS_REVERSE] = tools_srs_reverse,
    [TOOL_VERDICT] = tools_verdict,
    [TOOL_VERDICT_TAG] = tools_verdict,
    [TOOL_NOTE] = tools_note,
};

int tools_failed(enum tool_verb verb, const char *reason, char answer[REPORT_ANSWER_MAX])
{
    const char *harmless = tool_harmless(verb);

    if (harmless != NULL)
        snprintf(answer, REPORT_ANSWER_MAX, "%s", harmless);
    else
        snprintf(answer, REPORT_ANSWER_MAX, "error: %s", reason);
    return REPORT_ANSWERED;
}

int tools_request(void *ctx, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    tool_handler *handler = handlers[rq->verb];

    if (handler == NULL) {
        snprintf(answer, REPORT_ANSWER_MAX, "error: not available");
        return REPORT_ANSWERED;
    }
    return handler(ctx, rq, ticket, answer);
}
