/* tools/peer.h: the parts of `hearsay peer`. */
#ifndef HEARSAY_TOOLS_PEER_H
#define HEARSAY_TOOLS_PEER_H

#include "tools/command.h"

int peer_list(struct call *call);

#endif
