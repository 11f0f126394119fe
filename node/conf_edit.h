/* node/conf_edit.h: changes an option of hearsay.conf in place of a person: comments, order and what is not understood are kept. */
#ifndef HEARSAY_NODE_CONF_EDIT_H
#define HEARSAY_NODE_CONF_EDIT_H

#include <sys/types.h>

/* Sets a text option outside of any section: where it stands (the last one counts), else below the line that begins with `name =`. Written beside, synced and
 * renamed over, after a check that the result can be read; the mode stays, but for bits that are
 * not in `most`. 0; -ENOENT: neither is in this file; -EINVAL (the file cannot be read as a
 * configuration, or the value holds what no option can); else errno's codes. On failure the file is as it was. */
int conf_edit_option(const char *path, const char *option, const char *value, mode_t most);

#endif
