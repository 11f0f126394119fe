/* tools/except.h: what `hearsay delist`, `protect` and `why` share; cmd_except.c. */
#ifndef HEARSAY_TOOLS_EXCEPT_H
#define HEARSAY_TOOLS_EXCEPT_H

#include <jansson.h>

#include "store/exception.h"

/* An exception as all commands print it. NULL without memory. */
json_t *exception_json(const struct exception *e);

#endif
