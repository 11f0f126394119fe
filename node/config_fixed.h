/* node/config_fixed.h: the options that a running node does not take from a changed configuration. */
#ifndef HEARSAY_NODE_CONFIG_FIXED_H
#define HEARSAY_NODE_CONFIG_FIXED_H

#include "node/config.h"

/* Their names, "identity" or "mesh publish"; NULL after the last. hearsay.conf(5) and the sample say the same, which a test compares. */
const char *const *config_fixed_names(void);

enum { CONFIG_FIXED_TEXT_MAX = 160 };
/* Puts into a fresh configuration what a node that runs by another one keeps of it. `said`, CONFIG_FIXED_TEXT_MAX bytes: the names of those that would have changed, with
 * commas in between. True: there are any. */
bool config_keep_fixed(const struct config *running, struct config *fresh, char *said);

#endif
