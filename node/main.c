#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "node/config.h"
#include "node/daemon.h"
#include "node/log.h"

static const char usage[] =
    "Usage: hearsayd [-c FILE] [-t]\n"
    "The node of a hearsay coalition. Runs in the foreground and logs to stderr; SIGHUP reads peers, trust, categories and zones again.\n"
    "\n"
    "  -c, --config FILE    the configuration, /etc/hearsay/hearsay.conf if not given (or $HEARSAY_CONF)\n"
    "  -t, --test           check the configuration and exit: 0 good, 2 not\n"
    "      --help-config    list every option of the configuration with its default\n"
    "  -V, --version        print the version and exit\n"
    "  -h, --help           print this and exit\n"
    "\n"
    "\"hearsay init\" makes a first configuration. See hearsayd(8), hearsay.conf(5), hearsay(1).\n";

enum { OPT_HELP_CONFIG = 256, EXIT_BAD_CONFIG = 2 };

static void print_options(void)
{
    size_t n;
    const struct config_option *o = config_options(&n);

    for (size_t i = 0; i < n; i++)
        printf("%s%s%s (%s, default %s)\n    %s\n", o[i].section, o[i].section[0] != '\0' ? "." : "", o[i].name, o[i].type,
               o[i].fallback[0] != '\0' ? o[i].fallback : "none", o[i].help);
}

/* The unnamed white zone only answers `check`. */
static size_t zones_with_a_file(const struct policy *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->zones_n; i++)
        n += p->zones[i].name[0] != '\0';
    return n;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' }, { "test", no_argument, NULL, 't' }, { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' }, { "help-config", no_argument, NULL, OPT_HELP_CONFIG }, { NULL, 0, NULL, 0 },
    };
    const char *path = config_default_path();
    char why[CONFIG_WHY_MAX];
    struct config *c = NULL;
    bool test = false;
    int opt;

    while ((opt = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1) {
        switch (opt) {
        case 'c': path = optarg; break;
        case 't': test = true; break;
        case 'V': printf("hearsayd %s\n", HEARSAY_VERSION); return 0;
        case 'h': fputs(usage, stdout); return 0;
        case OPT_HELP_CONFIG: print_options(); return 0;
        default: fputs("Try \"hearsayd --help\".\n", stderr); return EXIT_BAD_CONFIG;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "hearsayd: \"%s\" is not understood; try \"hearsayd --help\"\n", argv[optind]);
        return EXIT_BAD_CONFIG;
    }
    if (config_load(path, &c, why) != 0) {
        fprintf(stderr, "hearsayd: %s\n", why);
        return EXIT_BAD_CONFIG;
    }
    if (test) {
        printf("%s: good: %zu peers, %zu zones, %zu categories\n", path, c->peers_n, zones_with_a_file(c->policy), c->policy->categories_n);
        config_free(&c);
        return 0;
    }
    log_open(c->log_level);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    return daemon_run(c);
}
