/* node/tools_parts.h: private. The parts of the toolbox that answer each verb; see node/tools.h. Main thread. */
#ifndef HEARSAY_NODE_TOOLS_PARTS_H
#define HEARSAY_NODE_TOOLS_PARTS_H

#include "node/tools.h"

/* The pool of helpers: with the loop there and before reports come; then the new configuration is in d->config. */
int tools_spf_start(struct daemon *d);
void tools_spf_reload(struct daemon *d);

/* tools_state.c: what the store keeps. */
tool_handler tools_tarpit, tools_count, tools_grey, tools_bounce, tools_bounces, tools_spf, tools_note;
tool_handler tools_spfcheck, tools_srs_forward, tools_srs_reverse;

#endif
