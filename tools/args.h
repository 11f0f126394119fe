/* tools/args.h: takes a command's own options out of its words. */
#ifndef HEARSAY_TOOLS_ARGS_H
#define HEARSAY_TOOLS_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/command.h"

/* One option: either `value` is set to the word that follows ("--trust 0.5", "--trust=0.5"), or `flag` to true. */
struct arg_option {
    const char *name;           /* "--trust", "-o" */
    const char **value;
    bool *flag;
};

/* Takes the options out of call->argv, wherever they stand before a "--", and leaves the other words in order. "-" alone is a word.
 * 0; STATUS_USAGE after saying what is wrong (unknown option, no value, fewer than `words_min` or more than `words_max` words left). */
int args_take(struct call *call, const struct arg_option *options, size_t n, int words_min, int words_max);

/* Says that the command was used wrongly and how it is used; returns STATUS_USAGE. */
int args_wrong(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
