/* store/tool_fold.h: senders, recipients and users as the toolbox tells them apart. Pure: text in, text out. */
#ifndef HEARSAY_STORE_TOOL_FOLD_H
#define HEARSAY_STORE_TOOL_FOLD_H

#include "proto/network.h"
#include "proto/subject.h"

/* RFC 5321 allows 254 bytes. Of a longer text the beginning is kept, and the rest as a hash, so that nobody is told apart less by writing more. */
enum { TOOL_ADDRESS_MAX = 254, TOOL_FOLDED_MAX = TOOL_ADDRESS_MAX + 1 };

/* The sender without what changes from mail to mail: in lower case; of BATV (prvs=TAG=user, prvs=user/TAG, btv1==TAG==user) the user; of SRS0 and SRS1
 * without hashes and times; without the extension behind '+'; and numbers as '#', also hexadecimal ones of 4 digits and more beside other words, and
 * words of letters and digits of 12 and more (VERP). Returns out. */
char *fold_sender(const char *sender, char out[TOOL_FOLDED_MAX]);

/* In lower case. Recipients and users. */
char *fold_address(const char *address, char out[TOOL_FOLDED_MAX]);

/* The network that a client is greylisted with: its /24 or /64. */
void fold_client(const struct network *client, struct subject *out);

/* The domain behind the last '@', or the whole of a text without one, if it is a name below a public suffix; else false. */
bool fold_domain(const char *address, struct subject *out);

#endif
