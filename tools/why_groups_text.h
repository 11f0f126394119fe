/* tools/why_groups_text.h: private to `hearsay why`: what the groups make of it, and the sentence that a rule comes to. */
#ifndef HEARSAY_TOOLS_WHY_GROUPS_TEXT_H
#define HEARSAY_TOOLS_WHY_GROUPS_TEXT_H

#include "tools/say.h"
#include "tools/why_text.h"

/* "+0.857", in thousandths. */
const char *why_signed(int64_t micro, char out[NUMBER_TEXT_MAX]);
const char *why_category(const struct why_answer *a, int category);
/* Why an opinion counts for nothing; NULL: it counts. A word for JSON, and one for people. */
const char *why_bar_word(const struct why_opinion *o);
const char *why_bar_text(const struct why_opinion *o);

/* Good mail of others stands against what is said in this category (store/score.h). */
bool why_is_contested(const struct why *w, int category);

void why_say_groups(const struct why_answer *a);
json_t *why_groups_json(const struct why_answer *a);

/* A black zone would list it, did others not get good mail from it. */
bool why_is_held_off(const struct why_rule *r);

/* What decided: "vetoed by own good mail", "too few groups" ... "" for a plain listing. score_micro: as the zone's side sees it. */
const char *why_decided(const struct why *w, const struct why_rule *r, int64_t score_micro);

#endif
