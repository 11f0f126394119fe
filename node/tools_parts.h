/* node/tools_parts.h: private. The parts of the toolbox that answer SPF, SRS and verdicts; see node/tools.h. Main thread. */
#ifndef HEARSAY_NODE_TOOLS_PARTS_H
#define HEARSAY_NODE_TOOLS_PARTS_H

#include "node/tools.h"

/* The pool of helpers: with the loop there and before reports come; then the new configuration is in d->config. */
int tools_spf_start(struct daemon *d);
void tools_spf_reload(struct daemon *d);

tool_handler tools_spfcheck, tools_srs_forward, tools_srs_reverse;

#endif
