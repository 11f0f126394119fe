/* node/config_check.h: one value against the row of its option. */
#ifndef HEARSAY_NODE_CONFIG_CHECK_H
#define HEARSAY_NODE_CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/config.h"

/* The row of an option; NULL for none. */
const struct config_option *option_find(const char *section, const char *name);

/* 0 if the text is a value of this option, -EINVAL if not. *number, for the kinds that are one: see struct config_option; a log level, a bool, a side (1: white)
 * and a code (its 32 bits) are numbers, too; else 0. */
int option_check(const struct config_option *o, const char *text, int64_t *number);

/* The known word nearest to `text`, if one is so near that it was probably meant; else NULL. Words end with NULL. */
const char *word_near(const char *text, const char *const *words);

#endif
