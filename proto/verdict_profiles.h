/* proto/verdict_profiles.h: which recipient opted for which profile: lines as in Exim's lsearch. Pure. Source: hearsay.rules(5).
 *
 *   user@a.example:   strict
 *   *@b.example:      standard      also written @b.example
 *   *:                none
 *
 * The address itself goes before its domain, that before "*"; of two lines with one key the first counts. Letters of any case are the same. */
#ifndef HEARSAY_PROTO_VERDICT_PROFILES_H
#define HEARSAY_PROTO_VERDICT_PROFILES_H

#include <stddef.h>

#include "proto/verdict_rules.h"

enum {
    PROFILES_TEXT_MAX = 64 << 20,    /* bytes of a file */
    PROFILES_MAX = 1000000,          /* lines that say something */
    PROFILE_KEY_MAX = 320
};

struct verdict_profiles;             /* immutable */

/* Takes what is well made, and counts the rest. *bad: lines that say nothing; the first of them is in *first, the text as an error message. NULL, -ENOMEM or
 * -E2BIG (the file is longer than may be, or has more lines). */
int verdict_profiles_parse(const char *text, size_t len, struct verdict_profiles **out, size_t *bad, struct rules_fault *first);
void verdict_profiles_destroy(struct verdict_profiles **p);      /* takes NULL */
size_t verdict_profiles_count(const struct verdict_profiles *p);

/* The recipient's keys in the order in which they are asked for, in lower case. Returns how many: 3, or 2 for an address without a domain. -1: too long. */
int profile_keys(const char *rcpt, char keys[3][PROFILE_KEY_MAX + 1]);

/* NULL: none, or the profile "none". */
const char *verdict_profiles_find(const struct verdict_profiles *p, const char *rcpt);

#endif
