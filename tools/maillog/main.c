/* hearsay-maillog: follows Exim's main log and tells the node what it says. Parses the command line and wires the parts. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/maillog/conf.h"
#include "tools/maillog/status.h"
#include "tools/maillog/watch.h"

enum { STATUS_DONE, STATUS_NO, STATUS_USAGE };

struct words {
    const char *conf, *log, *node, *state;
    struct watch_mode mode;
    bool status, json, test, rules, help, version;
};

static const char usage[] =
    "Usage: hearsay-maillog [-c FILE] [--log FILE] [--node ADDRESS] [--state FILE] [--once] [--dry-run]\n"
    "       hearsay-maillog [-c FILE] --status [--json]\n"
    "       hearsay-maillog [-c FILE] --test | --rules | --version | --help\n";

static const char help[] =
    "Follows Exim's main log and tells the hearsay node what it says: bounces of users, and what other rules find.\n\n"
    "  -c, --config FILE  the configuration; $HEARSAY_MAILLOG_CONF or /etc/hearsay/maillog.conf if not given\n"
    "  --log FILE         in place of the configuration's `log`\n"
    "  --node ADDRESS     in place of its `node`: unix:/path or tcp:127.0.0.1:4440\n"
    "  --state FILE       in place of its `state`\n"
    "  --once             reads to the end of the log, waits for the answers, and ends\n"
    "  --dry-run          prints the requests that it would send, from the beginning of the window on; asks no node and notes nothing\n"
    "  --status           how far the log was read and what came of it; with --json as one JSON object\n"
    "  -t, --test         checks the configuration and prints the rules in force\n"
    "  --rules            prints the built-in rules as a configuration would have them\n\n"
    "Exit status: 0 done, 1 something failed (or, for --status, nothing was read yet), 2 bad usage or configuration.\n";

enum { OPTION_LOG = 256, OPTION_NODE, OPTION_STATE, OPTION_ONCE, OPTION_DRY_RUN, OPTION_STATUS, OPTION_JSON, OPTION_RULES };

static const struct option long_options[] = {
    { "config", required_argument, NULL, 'c' }, { "log", required_argument, NULL, OPTION_LOG }, { "node", required_argument, NULL, OPTION_NODE },
    { "state", required_argument, NULL, OPTION_STATE }, { "once", no_argument, NULL, OPTION_ONCE }, { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
    { "status", no_argument, NULL, OPTION_STATUS }, { "json", no_argument, NULL, OPTION_JSON }, { "test", no_argument, NULL, 't' },
    { "rules", no_argument, NULL, OPTION_RULES }, { "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
};

static bool take_words(struct words *w, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "c:tVh", long_options, NULL)) != -1) {
        switch (option) {
        case 'c': w->conf = optarg; break;
        case OPTION_LOG: w->log = optarg; break;
        case OPTION_NODE: w->node = optarg; break;
        case OPTION_STATE: w->state = optarg; break;
        case OPTION_ONCE: w->mode.once = true; break;
        case OPTION_DRY_RUN: w->mode.dry_run = w->mode.once = true; break;
        case OPTION_STATUS: w->status = true; break;
        case OPTION_JSON: w->json = true; break;
        case 't': w->test = true; break;
        case OPTION_RULES: w->rules = true; break;
        case 'V': w->version = true; break;
        case 'h': w->help = true; break;
        default: return false;
        }
    }
    return optind == argc && (!w->json || w->status);
}

static int print_rules(void)
{
    for (const struct rule_default *d = rule_defaults; d->name != NULL; d++)
        printf("# %s\nrule \"%s\" {\n  literal = '%s'\n  pattern = '%s'\n  request = '%s'\n  window = \"%s\"\n}\n", d->help, d->name, d->literal, d->pattern,
               d->request, d->window);
    return STATUS_DONE;
}

static int print_conf(const struct conf *c)
{
    printf("log %s\nnode %s\nstate %s\n", c->log, c->node, c->state);
    for (size_t i = 0; i < c->rules_n; i++)
        printf("rule %s\n", rule_name(c->rules[i]));
    return STATUS_DONE;
}

static int override(char out[CONF_PATH_MAX], const char *said)
{
    if (said == NULL)
        return 0;
    return (size_t)snprintf(out, CONF_PATH_MAX, "%s", said) < CONF_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int load(const struct words *w, struct conf **out)
{
    char why[CONF_WHY_MAX];
    const char *path = w->conf != NULL ? w->conf : conf_default_path();
    int rc = conf_load(path, out, why);
    if (rc == -ENOENT && w->conf == NULL && getenv("HEARSAY_MAILLOG_CONF") == NULL)
        rc = conf_load(NULL, out, why);          /* the defaults suit Debian's Exim */
    if (rc != 0) {
        fprintf(stderr, "hearsay-maillog: %s\n", why);
        return rc;
    }
    if (override((*out)->log, w->log) == 0 && override((*out)->node, w->node) == 0 && override((*out)->state, w->state) == 0)
        return 0;
    fprintf(stderr, "hearsay-maillog: a path on the command line is too long\n");
    conf_free(out);
    return -EINVAL;
}

static int run(const struct words *w)
{
    struct conf *c = NULL;
    if (load(w, &c) != 0)
        return STATUS_USAGE;
    log_open(c->level);
    int rc = w->test ? print_conf(c) : w->status ? status_print(c, w->json, (int64_t)time(NULL)) : watch_run(c, &w->mode);
    conf_free(&c);
    return rc;
}

int main(int argc, char **argv)
{
    struct words w = { 0 };
    int rc;
    if (!take_words(&w, argc, argv)) {
        fputs(usage, stderr);
        return STATUS_USAGE;
    }
    if (w.help)
        rc = printf("%s%s", usage, help) > 0 ? STATUS_DONE : STATUS_NO;
    else if (w.version)
        rc = puts("hearsay-maillog " HEARSAY_VERSION) >= 0 ? STATUS_DONE : STATUS_NO;
    else
        rc = w.rules ? print_rules() : run(&w);
    if (fflush(stdout) != 0 && rc == STATUS_DONE)
        rc = STATUS_NO;
    return rc;
}
