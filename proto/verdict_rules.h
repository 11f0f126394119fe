/* proto/verdict_rules.h: the file of numbered rules for verdicts, and the verdict itself. Pure. Source: hearsay.rules(5).
 *
 *   rule 7 {
 *     when     = "score >= 1.5 and spf is fail"
 *     profiles = { "strict" }
 *     action   = "alternate"
 *     location = "junk"
 *   }
 *
 * All rules of the recipient's profile are asked. Of those that fire, the one with the lowest number decides; all of them are named. */
#ifndef HEARSAY_PROTO_VERDICT_RULES_H
#define HEARSAY_PROTO_VERDICT_RULES_H

#include <stddef.h>

#include "proto/verdict_cond.h"

enum {
    RULES_TEXT_MAX = 1 << 20,        /* bytes of a file */
    RULES_MAX = 1000,
    RULE_NUMBER_MAX = 99999,
    RULE_LOCATION_MAX = 128,
    RULE_PROFILES_MAX = 64,          /* that the file names, all rules together */
    PROFILE_NAME_MAX = 32,           /* as a category's name */
    VERDICT_RULES_NAMED_MAX = 64,    /* in a verdict; further ones fire unnamed */
    VERDICT_TEXT_MAX = 600           /* with the final NUL */
};

enum verdict_action { VERDICT_DELIVER, VERDICT_ALTERNATE, VERDICT_DROP };

/* What is answered when there is nothing to say. */
#define VERDICT_NOTHING "deliver;;"

struct verdict_rules;                /* immutable */

/* How many bytes of a byte order mark stand in front of the text, 0 or 3: some editors put it there, where nobody sees it. Neither parser minds it. */
size_t rules_mark_bytes(const char *text, size_t len);

struct rules_fault { unsigned line; char text[COND_WHY_MAX + 64]; };

/* 0 and rules that verdict_rules_destroy() ends; -EINVAL with the first fault; -ENOMEM. */
int verdict_rules_parse(const char *text, size_t len, cond_category *category, void *ctx, struct verdict_rules **out, struct rules_fault *fault);
void verdict_rules_destroy(struct verdict_rules **r);    /* takes NULL */

size_t verdict_rules_count(const struct verdict_rules *r);
unsigned verdict_rules_needs(const struct verdict_rules *r);       /* bits of cond_need, of all rules */
uint64_t verdict_rules_categories(const struct verdict_rules *r);  /* as cond_categories() */

/* ACTION;RULE,RULE;LOCATION for a recipient of this profile. A name that no rule knows still has the rules without `profiles`. Returns out. */
char *verdict_judge(const struct verdict_rules *r, const char *profile, const struct cond_facts *f, char out[VERDICT_TEXT_MAX]);

/* [a-z][a-z0-9-]*, at most PROFILE_NAME_MAX bytes. */
bool profile_name_is_valid(const char *name, size_t len);

#endif
