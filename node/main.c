#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"
#include "node/daemon.h"
#include "node/log.h"
#include "node/verdict_files.h"
#include "proto/identity.h"
#include "proto/name.h"
#include "store/db.h"

static const char usage[] =
    "Usage: hearsayd [-c FILE] [-t]\n"
    "The node of a hearsay coalition. Runs in the foreground and logs to stderr; SIGHUP reads peers, trust, categories and zones again.\n"
    "\n"
    "  -c, --config FILE    the configuration, /etc/hearsay/hearsay.conf if not given (or $HEARSAY_CONF)\n"
    "  -t, --test           check the configuration, the keys and the database as they are, change nothing, and exit: 0 good, 2 not\n"
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

/* ---- what a start would refuse, as far as a look can tell */

enum { SQLITE_HEADER_BYTES = 100, SQLITE_USER_VERSION_AT = 60, SQLITE_APPLICATION_AT = 68 };    /* https://www.sqlite.org/fileformat.html, section 1.3 */

static int check_identity(const struct config *c)
{
    struct identity *id = NULL;
    bool has_database = access(c->database, F_OK) == 0;
    int rc = identity_load(c->identity, &id);

    identity_destroy(&id);
    if (rc == 0 || (rc == -ENOENT && !has_database))
        return 0;                          /* a first start makes it */
    fprintf(stderr, "hearsayd: %s: %s\n", c->identity,
            rc == -EACCES   ? "can be read by others than its owner; it must have mode 0600 (chmod 600)"
            : rc == -EPERM  ? "cannot be read by this user; it must belong to the user that the node runs as (chown)"
            : rc == -ENOENT ? "is not there, but the database is: put the key file back from a copy, or move the database away to start as a new member"
            : rc == -EINVAL ? "is not an identity file; put the key file back from a copy"
                            : strerror(-rc));
    return rc;
}

static uint32_t number_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

static const char *what_is_wrong(const uint8_t *head, ssize_t len)
{
    uint32_t application, version;

    if (len == 0)
        return NULL;                       /* an empty file becomes a database */
    if (len < SQLITE_HEADER_BYTES || memcmp(head, "SQLite format 3", 16) != 0)
        return "is not a database; name another file, or restore it from a copy";
    application = number_at(head + SQLITE_APPLICATION_AT);
    version = number_at(head + SQLITE_USER_VERSION_AT);
    if (application != DB_APPLICATION && (application != 0 || version != 0))
        return "is a database of another program; name another file";
    return version > DB_SCHEMA ? "was written by a newer hearsay; upgrade this one, or restore the backup made before" : NULL;
}

/* Of the database itself and of what SQLite and the node keep beside it: whoever looked into it as root may have left one of root's. */
static int check_writable(const char *database)
{
    static const char *const suffixes[] = { "", "-lock", "-wal", "-shm" };
    char path[CONFIG_PATH_MAX + 8];
    int rc = 0;

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(path, sizeof path, "%s%s", database, suffixes[i]);
        if (access(path, W_OK) == 0 || errno == ENOENT)
            continue;
        fprintf(stderr, "hearsayd: %s: cannot be written to by this user; it must belong to the user that the node runs as (chown)\n", path);
        rc = -EACCES;
    }
    return rc;
}

/* Reads the file's head by itself: SQLite would make files beside the database, which then might belong to the wrong user. */
static int check_database(const struct config *c)
{
    uint8_t head[SQLITE_HEADER_BYTES];
    const char *wrong;
    ssize_t len;
    int fd = open(c->database, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return 0;
    len = fd < 0 ? -1 : read(fd, head, sizeof head);
    wrong = len < 0 ? strerror(errno) : what_is_wrong(head, len);
    if (fd >= 0)
        close(fd);
    if (wrong == NULL)
        return check_writable(c->database);
    fprintf(stderr, "hearsayd: %s: %s\n", c->database, wrong);
    return -EINVAL;
}

static int check_groups(const struct config *c)
{
    int rc = 0;

    for (size_t i = 0; i < c->reports_n; i++) {
        const struct config_report *r = &c->reports[i];

        if (!r->is_unix || !r->group_required || getgrnam(r->group) != NULL)
            continue;
        fprintf(stderr, "hearsayd: %sunix:%s: there is no group \"%s\"; expected one of this host: name another one, or make it (addgroup)\n", r->place, r->path, r->group);
        rc = -EINVAL;
    }
    return rc;
}

/* The directory of the zone, or the first one above it that is there: those below are made. A node runs without, hence only a warning. */
static void warn_of_zone(const char *file)
{
    char dir[CONFIG_PATH_MAX];
    char *slash;
    int found = -1;

    snprintf(dir, sizeof dir, "%s", file);
    while (found != 0 && (slash = strrchr(dir, '/')) != NULL) {
        slash[slash == dir] = '\0';
        found = access(dir, F_OK);
        if (slash == dir)
            break;
    }
    if (found == 0 && access(dir, W_OK | X_OK) != 0)
        fprintf(stderr, "hearsayd: warning: %s cannot be written: %s: %s\n", file, dir, strerror(errno));
}

/* A name that ends so is asked for in the category's sub-zone, where it is not. The list of such ends grows, hence only a warning. */
static void warn_of_categories(const struct policy *p)
{
    for (size_t i = 0; i < p->categories_n; i++) {
        const char *name = p->categories[i].name;

        if (name_is_public_suffix(name))
            fprintf(stderr, "hearsayd: warning: category \"%s\": names that end in .%s are not found in any zone, since each has a sub-zone %s for the category; "
                    "choose a name that is no top-level domain\n", name, name, name);
    }
}

static void warn_of_secret(const struct config *c)
{
    char text[CONFIG_WHY_MAX];

    if (config_exposed_text(c, text, sizeof text))
        fprintf(stderr, "hearsayd: warning: %s\n", text);
}

static int check_rules(const struct config *c)
{
    char why[CONFIG_WHY_MAX] = "", warning[CONFIG_WHY_MAX] = "";
    int rc = verdict_files_check(c, why, warning);

    if (rc != 0)
        fprintf(stderr, "hearsayd: %s%s\n", rc == -ENOENT ? "warning: " : "", why);
    if (warning[0] != '\0')
        fprintf(stderr, "hearsayd: warning: %s\n", warning);
    return rc == -ENOENT ? 0 : rc;
}

/* 0 or an exit status. The lengths of socket paths were checked with the configuration. */
static int check(const struct config *c)
{
    int wrong[] = { check_identity(c), check_database(c), check_groups(c), check_rules(c) };      /* all are said */
    int status = 0;

    warn_of_secret(c);
    warn_of_categories(c->policy);
    for (size_t i = 0; i < c->policy->zones_n; i++) {
        if (c->policy->zones[i].name[0] != '\0')
            warn_of_zone(c->zones[i].file);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (wrong[i] != 0)
            status = EXIT_BAD_CONFIG;
    }
    return status;
}

static int test_and_say(const char *path, const struct config *c)
{
    int status = check(c);

    if (status == 0)
        printf("%s: good: peers %zu, zones %zu, categories %zu\n", path, c->peers_n, config_zones_n(c), c->policy->categories_n);
    return status;
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
    int opt, status;

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
        fprintf(stderr, "hearsayd: %s%s\n", why, access(path, F_OK) != 0 && errno == ENOENT ? "; name it with -c FILE, or make a node with `hearsay init`" : "");
        return EXIT_BAD_CONFIG;
    }
    if (test) {
        status = test_and_say(path, c);
        config_free(&c);
        return status;
    }
    log_open(c->log_level);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    return daemon_run(c);
}
