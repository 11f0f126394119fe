/* node/tools_parts.h: private. The parts of the toolbox that answer each verb; see node/tools.h. Main thread. */
#ifndef HEARSAY_NODE_TOOLS_PARTS_H
#define HEARSAY_NODE_TOOLS_PARTS_H

#include <jansson.h>

#include "node/tools.h"
#include "store/tool.h"

/* The pool of helpers: with the loop there and before reports come; then the new configuration is in d->config. */
int tools_spf_start(struct daemon *d);
void tools_spf_reload(struct daemon *d);

/* The rules and profiles of verdicts: the same. `why`, CONFIG_WHY_MAX bytes. */
int tools_verdict_start(struct daemon *d, char *why);

/* tools_state.c: to the store thread; answered by tools_done(). As a handler. */
int tools_hand_over(struct daemon *d, enum tool_verb verb, struct report_ticket ticket, const struct tool_op *from, char answer[REPORT_ANSWER_MAX]);
/* The answer to verdict or verdict-tag. */
void tools_verdict_text(enum tool_verb verb, const uint8_t key[VERDICT_KEY_BYTES], const char *verdict, int64_t time_s, char answer[REPORT_ANSWER_MAX]);

/* tools_state.c: what the store keeps. */
struct control_request;
/* "tool-clear" of the control socket: {tool, all, what}. `rq` is answered when it is done; 0, or a negative errno for the caller to answer. */
int tools_clear(struct daemon *d, const json_t *request, struct control_request *rq);
tool_handler tools_tarpit, tools_count, tools_grey, tools_bounce, tools_bounces, tools_spf, tools_note;
tool_handler tools_spfcheck, tools_srs_forward, tools_srs_reverse, tools_verdict;

#endif
