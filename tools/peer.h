/* tools/peer.h: the parts of `hearsay peer`. */
#ifndef HEARSAY_TOOLS_PEER_H
#define HEARSAY_TOOLS_PEER_H

#include "tools/command.h"
#include "tools/home.h"

int peer_list(struct call *call);

/* When the probation of a configured peer ends: INT64_MAX never; 0 it is on none. */
int64_t peer_probation_end(const struct home *h, const struct config_peer *p);

/* What every edit of peers.conf needs. Each returns 0, or an exit status after saying what is wrong.
 * peer_check_trust(): a decimal from 0 to 1, as peers.conf will hold it; `what` names it in the message. */
int peer_check_trust(const struct call *call, const char *text, const char *what);
int peer_open_card(const char *card, struct record *r);
/* Says why an edit failed; the exit status. */
int peer_edit_failed(const struct home *h, int rc, const char *name);
/* Whether the configuration is still right, and tells the node, which may be down. `wanted`: the peer should be there now. */
int peer_finish_edit(const struct call *call, const struct home *h, const char *name, bool wanted);

/* Warns if others introduce this peer, so that it is believed, a little, without being one. */
void introduce_warn(const struct home *h, const struct config_peer *p);

/* One new friend alone reaches neither the default threshold nor the default quorum: a mistake in a card does no harm. */
extern const char peer_trust_default[];

#endif
