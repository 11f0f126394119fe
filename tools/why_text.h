/* tools/why_text.h: `hearsay why` as words and tables, and as JSON. */
#ifndef HEARSAY_TOOLS_WHY_TEXT_H
#define HEARSAY_TOOLS_WHY_TEXT_H

#include <jansson.h>

#include "store/reader.h"
#include "tools/home.h"

/* Everything that is known of one subject at one moment. */
struct why_answer {
    const struct home *home;
    const struct why *why;
    char subject[SUBJECT_TEXT_MAX];
    char holder[SUBJECT_TEXT_MAX];      /* a listed prefix that holds the subject when it is not listed itself; else empty */
    const struct why *holder_why;       /* what is known of that prefix; only with `holder` */
    enum verdict verdict;
    int64_t now_s;
};

void why_say(const struct why_answer *a);
json_t *why_json(const struct why_answer *a);

const char *verdict_text(enum verdict v);

#endif
