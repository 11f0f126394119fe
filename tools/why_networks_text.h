/* tools/why_networks_text.h: the part of `hearsay why` that speaks of networks, which are listed since enough of their addresses are. */
#ifndef HEARSAY_TOOLS_WHY_NETWORKS_TEXT_H
#define HEARSAY_TOOLS_WHY_NETWORKS_TEXT_H

#include <jansson.h>

#include "tools/why_text.h"

/* A sentence for each of the networks by which the subject is listed, itself or as an address in one. True: there was one. */
bool why_say_networks(const struct why_answer *a);
json_t *why_networks_json(const struct why_answer *a);

/* What is listed within a prefix that was asked for. */
bool why_has_inside(const struct why_answer *a);
void why_say_inside(const struct why_answer *a);
json_t *why_inside_json(const struct why_answer *a);

#endif
