/* tools/what_if.h: what `hearsay what-if` and `hearsay peer trust --dry-run` share; cmd_what_if.c. */
#ifndef HEARSAY_TOOLS_WHAT_IF_H
#define HEARSAY_TOOLS_WHAT_IF_H

#include "tools/command.h"
#include "tools/home.h"

/* Prints what `supposed`, a changed copy of the node's policy, would begin or end. Returns an exit status. */
int what_if_show(const struct call *call, const struct home *h, const struct policy *supposed);
/* Changes the trust of a configured peer in a copy of the policy. 0 or an exit status, said. */
int what_if_trust(const struct call *call, const struct home *h, struct policy *supposed, const char *name, const char *trust);

#endif
