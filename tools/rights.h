/* tools/rights.h: the rights of a peer as options of a command, as lines of peers.conf, and in words. */
#ifndef HEARSAY_TOOLS_RIGHTS_H
#define HEARSAY_TOOLS_RIGHTS_H

#include <jansson.h>

#include "node/peers_file.h"
#include "tools/args.h"
#include "tools/home.h"

/* What the options of a command say; a zeroed one says nothing. */
struct rights_said {
    const char *categories;        /* "spam,malware" or "all" */
    const char *max_weight;        /* a number, or "off" */
    const char *max_subjects;      /* a number, or "off" */
    const char *probation;         /* a span from now, "on", "off", or a time */
    bool black_only, no_black_only, no_prefixes, prefixes;
};
enum { RIGHTS_OPTIONS = 8 };
#define RIGHTS_FORMS "--categories LIST, --black-only, --no-prefixes, --max-weight W, --max-subjects N, --probation TIME"
void rights_options(struct rights_said *s, struct arg_option out[RIGHTS_OPTIONS]);
bool rights_any(const struct rights_said *s);

/* Changes rights as they say. 0 or an exit status, said. */
int rights_take(const struct call *call, const struct policy *p, const struct rights_said *s, int64_t now_s, struct policy_rights *r);

/* The same for peers.conf, which says nothing where there is nothing to say. After rights_take() found no fault. */
struct rights_lines {
    struct peers_value values[PEERS_VALUES_MAX];
    size_t n;
    char text[PEERS_VALUES_MAX][PEERS_VALUE_MAX];
};
void rights_lines(const struct policy *p, const struct rights_said *s, const struct policy_rights *r, struct rights_lines *out);

/* "spam, malware; black only; no networks; at most 0.25; on probation until ...", or "all"; end_s: of the probation, 0 when it is over or there is none. */
enum { RIGHTS_TEXT_MAX = 4096 };
char *rights_text(const struct policy *p, const struct policy_rights *r, int64_t end_s, char out[RIGHTS_TEXT_MAX]);
json_t *rights_json(const struct policy *p, const struct policy_rights *r, int64_t end_s);

int peer_rights(struct call *call);

#endif
