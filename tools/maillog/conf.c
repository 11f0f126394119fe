#include "tools/maillog/conf.h"

#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/config.h"
#include "node/config_scan.h"
#include "tools/maillog/link.h"

enum { MESSAGES_MIN = 1000, MESSAGES_MAX = 10000000 };

static const struct conf_option options[] = {
    { "", "log", "a path", "/var/log/exim4/mainlog", "Exim's main log; its rotated files lie beside it" },
    { "", "node", "\"unix:/path\" or \"tcp:ADDRESS:PORT\"", "unix:/var/lib/hearsay/run/report.sock", "where hearsayd takes reports" },
    { "", "state", "a path", "/var/lib/hearsay-maillog/state.json", "where it is noted how far the log was read" },
    { "", "log-level", "error, warning, info or debug", "info", "what is said on standard error" },
    { "", "messages", "a number from 1000 to 10000000", "100000", "whose sender is remembered; of others it is looked for in the log again" },
    { "", "local-domains", "domains", "(all)", "a sender without a login counts only if its domain is one of these" },
    { "", "use", "names of built-in rules", "bounce", "built-in rules in force; hearsay-maillog --rules prints them all" },
    { "rule", "literal", "1 to 127 bytes", "", "a text that each such line holds" },
    { "rule", "pattern", "a PCRE2 expression", "", "what such a line looks like, behind time and pid" },
    { "rule", "request", "a line for the report socket", "", "with $name for the group (?<name>...), and $user for who sent the message" },
    { "rule", "window", "a duration from \"1m\" to \"7d\"", "24h", "older lines do not count" },
};

const struct conf_option *conf_options(size_t *n)
{
    *n = sizeof options / sizeof *options;
    return options;
}

const char *conf_default_path(void)
{
    const char *said = getenv("HEARSAY_MAILLOG_CONF");
    return said != NULL && said[0] != '\0' ? said : "/etc/hearsay/maillog.conf";
}

/* libConfuse hands no pointer of ours to its error function; this program loads one file, in its only thread. */
static char *complaint;

static void on_error(cfg_t *cfg, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    char text[CONF_WHY_MAX / 2];
    if (complaint == NULL || complaint[0] != '\0')
        return;
    if (vsnprintf(text, sizeof text, format, args) < 0)
        text[0] = '\0';
    snprintf(complaint, CONF_WHY_MAX, "%s:%d: %s", cfg->filename != NULL ? cfg->filename : "configuration", cfg->line, text);
}

/* line: 0 when it is not known. */
static int wrong_at(char *why, const struct conf *c, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));
static int wrong_at(char *why, const struct conf *c, int line, const char *format, ...)
{
    va_list args;
    char place[16] = "";
    if (line > 0)
        snprintf(place, sizeof place, ":%d", line);
    int n = snprintf(why, CONF_WHY_MAX, "%.200s%s: ", c->file[0] != '\0' ? c->file : "defaults", place);
    va_start(args, format);
    vsnprintf(why + n, CONF_WHY_MAX - (size_t)n, format, args);
    va_end(args);
    return -EINVAL;
}

#define wrong(why, c, ...) wrong_at(why, c, 0, __VA_ARGS__)

/* ---- values */

static const char *fallback(const char *section, const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].section, section) == 0 && strcmp(options[i].name, name) == 0)
            return options[i].fallback;
    return "";
}

static const char *text_of(cfg_t *sec, const char *section, const char *name)
{
    const char *said = sec != NULL ? cfg_getstr(sec, name) : NULL;
    return said != NULL ? said : fallback(section, name);
}

/* Relative to the configuration's directory. */
static int set_path(struct conf *c, cfg_t *root, const char *name, char out[CONF_PATH_MAX], char *why)
{
    const char *text = text_of(root, "", name), *slash = strrchr(c->file, '/');
    int dir = text[0] == '/' || slash == NULL ? 0 : (int)(slash + 1 - c->file);
    int n = snprintf(out, CONF_PATH_MAX, "%.*s%s", dir, c->file, text);
    if (text[0] == '\0' || n < 0 || n >= CONF_PATH_MAX)
        return wrong(why, c, "%s: expected a path of at most %d bytes", name, CONF_PATH_MAX - 1);
    return 0;
}

/* "unix:run/report.sock" is relative, too. */
static int set_node(struct conf *c, cfg_t *root, char *why)
{
    const char *text = text_of(root, "", "node"), *slash = strrchr(c->file, '/');
    bool relative = strncmp(text, "unix:", 5) == 0 && text[5] != '/' && slash != NULL;
    int n = snprintf(c->node, sizeof c->node, "%s%.*s%s", relative ? "unix:" : "", relative ? (int)(slash + 1 - c->file) : 0, c->file, text + (relative ? 5 : 0));
    char reason[LINK_WHY_MAX];
    if (n < 0 || (size_t)n >= sizeof c->node)
        return wrong(why, c, "node: too long");
    int rc = link_check(c->node, reason);
    return rc == -EINVAL ? wrong(why, c, "node: %s", reason) : rc;
}

static int set_level(struct conf *c, cfg_t *root, char *why)
{
    static const char *const words[] = { [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_INFO] = "info", [LOG_LEVEL_DEBUG] = "debug" };
    const char *text = text_of(root, "", "log-level");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], text) == 0) {
            c->level = (enum log_level)i;
            return 0;
        }
    return wrong(why, c, "log-level = \"%.40s\"; expected error, warning, info or debug", text);
}

static int set_messages(struct conf *c, cfg_t *root, char *why)
{
    const char *text = text_of(root, "", "messages");
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < MESSAGES_MIN || n > MESSAGES_MAX)
        return wrong(why, c, "messages = \"%.40s\"; expected a number from %d to %d", text, MESSAGES_MIN, MESSAGES_MAX);
    c->messages = (unsigned)n;
    return 0;
}

static int set_domains(struct conf *c, cfg_t *root, char *why)
{
    unsigned n = root != NULL ? cfg_size(root, "local-domains") : 0;
    if (n > CONF_DOMAINS_MAX)
        return wrong(why, c, "local-domains: more than %d", CONF_DOMAINS_MAX);
    for (unsigned i = 0; i < n; i++)
        if ((c->domains[i] = strdup(cfg_getnstr(root, "local-domains", i))) == NULL)
            return -ENOMEM;
    return 0;
}

/* ---- rules */

/* line: where the rule ends; 0 for a built-in one. */
static int add_rule(struct conf *c, int line, const char *name, const char *literal, const char *pattern, const char *request, const char *window, char *why)
{
    char reason[RULE_WHY_MAX] = "";
    int64_t window_ms;
    if (c->rules_n == RULES_MAX)
        return wrong_at(why, c, line, "more than %d rules", RULES_MAX);
    if (strlen(name) == 0 || strlen(name) > RULE_NAME_MAX)
        return wrong_at(why, c, line, "rule \"%.40s\": expected a name of 1 to %d bytes", name, RULE_NAME_MAX);
    for (size_t i = 0; i < c->rules_n; i++)
        if (strcmp(rule_name(c->rules[i]), name) == 0)
            return wrong_at(why, c, line, "rule \"%s\" is there already", name);
    if (config_duration(window, &window_ms) != 0 || window_ms < 60000 || window_ms > (int64_t)7 * 86400000)
        return wrong_at(why, c, line, "rule \"%s\": window = \"%.40s\"; expected a duration from \"1m\" to \"7d\"", name, window);
    int rc = rule_create(name, literal, pattern, request, window_ms / 1000, &c->rules[c->rules_n], reason);
    if (rc != 0)
        return rc == -EINVAL ? wrong_at(why, c, line, "%s", reason) : rc;
    c->rules_n++;
    return 0;
}

static int add_built_in(struct conf *c, const char *name, char *why)
{
    const struct rule_default *d = rule_default_find(name);
    if (d == NULL)
        return wrong(why, c, "use: there is no built-in rule \"%.40s\"; hearsay-maillog --rules prints them", name);
    return add_rule(c, 0, d->name, d->literal, d->pattern, d->request, d->window, why);
}

static int add_rules(struct conf *c, cfg_t *root, char *why)
{
    const cfg_opt_t *use = root != NULL ? cfg_getopt(root, "use") : NULL;
    bool said = use != NULL && (use->flags & CFGF_MODIFIED) != 0;
    int rc = said ? 0 : add_built_in(c, fallback("", "use"), why);
    for (unsigned i = 0; said && rc == 0 && i < cfg_size(root, "use"); i++)
        rc = add_built_in(c, cfg_getnstr(root, "use", i), why);
    for (unsigned i = 0; root != NULL && rc == 0 && i < cfg_size(root, "rule"); i++) {
        cfg_t *sec = cfg_getnsec(root, "rule", i);
        rc = add_rule(c, sec->line, cfg_title(sec), text_of(sec, "rule", "literal"), text_of(sec, "rule", "pattern"), text_of(sec, "rule", "request"),
                      text_of(sec, "rule", "window"), why);
    }
    if (rc == 0 && c->rules_n == 0)
        return wrong(why, c, "no rule: without one there is nothing to do; see `use` and `rule`");
    return rc;
}

static int take(struct conf *c, cfg_t *root, char *why)
{
    int rc = set_path(c, root, "log", c->log, why);
    if (rc == 0)
        rc = set_path(c, root, "state", c->state, why);
    if (rc == 0)
        rc = set_node(c, root, why);
    if (rc == 0)
        rc = set_level(c, root, why);
    if (rc == 0)
        rc = set_messages(c, root, why);
    if (rc == 0)
        rc = set_domains(c, root, why);
    if (rc == 0)
        rc = add_rules(c, root, why);
    return rc;
}

/* ---- the file */

static cfg_t *make_root(void)
{
    cfg_opt_t rule[] = { CFG_STR("literal", NULL, CFGF_NONE), CFG_STR("pattern", NULL, CFGF_NONE), CFG_STR("request", NULL, CFGF_NONE),
                         CFG_STR("window", NULL, CFGF_NONE), CFG_END() };
    cfg_opt_t top[] = { CFG_STR("log", NULL, CFGF_NONE), CFG_STR("node", NULL, CFGF_NONE), CFG_STR("state", NULL, CFGF_NONE),
                        CFG_STR("log-level", NULL, CFGF_NONE), CFG_STR("messages", NULL, CFGF_NONE), CFG_STR_LIST("local-domains", NULL, CFGF_NONE),
                        CFG_STR_LIST("use", NULL, CFGF_NONE), CFG_SEC("rule", rule, CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES), CFG_END() };
    cfg_t *root = cfg_init(top, CFGF_NONE);
    if (root != NULL)
        cfg_set_error_function(root, on_error);
    return root;
}

static int parse_text(struct conf *c, cfg_t *root, char *text, size_t len, char why[CONF_WHY_MAX])
{
    const char *problem;
    unsigned line;
    if (scan_prepare(text, len, &line, &problem) != 0) {
        snprintf(why, CONF_WHY_MAX, "%.200s:%u: %s", c->file, line, problem);
        return -EINVAL;
    }
    FILE *f = fmemopen(text, len, "r");
    root->filename = strdup(c->file);
    if (f == NULL || root->filename == NULL) {
        if (f != NULL)
            fclose(f);
        return -ENOMEM;
    }
    complaint = why;
    int parsed = cfg_parse_fp(root, f);
    complaint = NULL;
    fclose(f);
    if (parsed != CFG_SUCCESS && why[0] == '\0')
        return wrong(why, c, "this cannot be understood");
    return parsed == CFG_SUCCESS ? 0 : -EINVAL;
}

static int parse(struct conf *c, cfg_t *root, char why[CONF_WHY_MAX])
{
    char *text = NULL;
    size_t len = 0;
    int rc = scan_file(c->file, &text, &len);
    if (rc != 0) {
        snprintf(why, CONF_WHY_MAX, "%.200s: %s", c->file, strerror(-rc));
        return rc == -ENOENT || rc == -ENOMEM ? rc : -EINVAL;
    }
    if (len > 0)
        rc = parse_text(c, root, text, len, why);
    free(text);
    return rc;
}

int conf_load(const char *path, struct conf **out, char why[CONF_WHY_MAX])
{
    struct conf *c = calloc(1, sizeof *c);
    cfg_t *root = NULL;
    int rc = c == NULL ? -ENOMEM : 0;
    why[0] = '\0';
    if (rc == 0 && path != NULL) {
        snprintf(c->file, sizeof c->file, "%s", path);
        root = make_root();
        rc = root == NULL ? -ENOMEM : parse(c, root, why);
    }
    if (rc == 0)
        rc = take(c, root, why);
    if (rc == -ENOMEM)
        snprintf(why, CONF_WHY_MAX, "out of memory");
    cfg_free(root);
    if (rc == 0)
        *out = c;
    else
        conf_free(&c);
    return rc;
}

void conf_free(struct conf **c)
{
    if (*c == NULL)
        return;
    for (size_t i = 0; i < (*c)->rules_n; i++)
        rule_destroy(&(*c)->rules[i]);
    for (size_t i = 0; (*c)->domains[i] != NULL; i++)
        free((*c)->domains[i]);
    free(*c);
    *c = NULL;
}
