/* tools/maillog/conf.h: maillog.conf. Syntax by libConfuse, as in hearsay.conf; each option is one row of a table. */
#ifndef HEARSAY_TOOLS_MAILLOG_CONF_H
#define HEARSAY_TOOLS_MAILLOG_CONF_H

#include "node/log.h"
#include "tools/maillog/rule.h"

enum { CONF_PATH_MAX = 1024, CONF_DOMAINS_MAX = 256, CONF_WHY_MAX = 1024 };

struct conf {
    char file[CONF_PATH_MAX];
    char log[CONF_PATH_MAX];
    char node[CONF_PATH_MAX];
    char state[CONF_PATH_MAX];
    enum log_level level;
    unsigned messages;
    char *domains[CONF_DOMAINS_MAX + 1];        /* NULL ends it; none: all */
    struct rule *rules[RULES_MAX];
    size_t rules_n;
};

/* Reads and checks the file. With `path` NULL: all defaults. Relative paths start from the file's directory. On failure `why` says "FILE:LINE: what is wrong".
 * 0, -ENOENT, -EINVAL, -ENOMEM; *out is the caller's, ended by conf_free(). */
int conf_load(const char *path, struct conf **out, char why[CONF_WHY_MAX]);
void conf_free(struct conf **c);                                /* takes NULL */

/* /etc/hearsay/maillog.conf, or $HEARSAY_MAILLOG_CONF. */
const char *conf_default_path(void);

struct conf_option { const char *section, *name, *type, *fallback, *help; };
const struct conf_option *conf_options(size_t *n);

#endif
