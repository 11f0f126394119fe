/* `hearsay init`: keys, configuration and an empty database; all or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"
#include "proto/identity.h"
#include "proto/name.h"
#include "proto/record.h"
#include "store/store.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/init.h"
#include "tools/init_template.h"
#include "tools/say.h"

enum { PORT_DEFAULT = 4440, PORT_MOST = 65533 };

struct making {
    const char *dir;
    bool dir_made;
    char name[NAME_MAX_BYTES + 1];
    bool offline_root;
    char paths[5][PATH_MAX];            /* in the order of `files` */
    unsigned made;                      /* bit per file */
    struct init_values values;
};

/* The record that is signed for an offline root key needs the configuration: so that one is made first. */
enum file { FILE_CONFIG, FILE_PEERS, FILE_ROOT, FILE_IDENTITY, FILE_DATABASE, FILES };
static const struct { const char *name, *key, *what; } files[FILES] = {
    [FILE_ROOT] = { "root.pem", "root", "the root key: MOVE IT OFF THIS MACHINE, with a copy; who has it is this member" },
    [FILE_IDENTITY] = { "identity.pem", "identity", "the keys; keep a copy in a safe place, show it to nobody" },
    [FILE_CONFIG] = { "hearsay.conf", "configuration", "what the node does; read it once" },
    [FILE_PEERS] = { "peers.conf", "peers", "whom it trusts; `hearsay peer` edits it" },
    [FILE_DATABASE] = { "hearsay.db", "database", "what it knows" }
};

/* The host's full name, or "" when it has none with a dot in it. */
static void host_name(char out[NAME_MAX_BYTES + 1])
{
    char host[NAME_MAX_BYTES + 1] = "";
    struct addrinfo *found = NULL, hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
    gethostname(host, sizeof host - 1);
    if (strchr(host, '.') == NULL && getaddrinfo(host, NULL, &hints, &found) == 0 && found->ai_canonname != NULL)
        snprintf(host, sizeof host, "%s", found->ai_canonname);
    if (found != NULL)
        freeaddrinfo(found);
    if (strchr(host, '.') == NULL || name_canonical(host, strlen(host), out) != 0)
        out[0] = '\0';
}

static int choose_name(const struct call *call, const char *said, char out[NAME_MAX_BYTES + 1])
{
    if (said == NULL) {
        host_name(out);
        if (out[0] != '\0')
            return 0;
        return args_wrong(call, "this host has no full name: say what the node is called with --name mx.your.domain");
    }
    if (name_canonical(said, strlen(said), out) != 0 || strchr(out, '.') == NULL)
        return args_wrong(call, "\"%s\" is not a full host name such as mx.a.example", said);
    return 0;
}

/* A word that stands between quotes in the configuration. */
static bool is_plain(const char *text, size_t most)
{
    size_t len = strlen(text);
    return len > 0 && len <= most && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-") == len;
}

static int choose_values(const struct call *call, struct making *m, const char *federation, const char *advertise, const char *port)
{
    char *end = NULL;
    unsigned long first = port != NULL ? strtoul(port, &end, 10) : PORT_DEFAULT;
    if (port != NULL && (*port < '0' || *port > '9' || *end != '\0' || first == 0 || first > PORT_MOST))
        return args_wrong(call, "--port %s: a number from 1 to %d", port, PORT_MOST);
    if (federation != NULL && !is_plain(federation, FEDERATION_MAX_BYTES))
        return args_wrong(call, "--federation %s: letters, digits, dots and hyphens, at most %d", federation, FEDERATION_MAX_BYTES);
    if (advertise != NULL && !is_plain(advertise, NAME_MAX_BYTES))
        return args_wrong(call, "--advertise %s: not a host name or an address", advertise);
    m->values = (struct init_values){
        .name = m->name, .federation = federation != NULL ? federation : "hearsay", .advertise = advertise != NULL ? advertise : m->name,
        .report_port = (unsigned)first, .publish_port = (unsigned)first + 1, .repair_port = (unsigned)first + 2
    };
    return 0;
}

static int prepare_dir(struct making *m)
{
    if (mkdir(m->dir, 0755) == 0)
        m->dir_made = true;
    else if (errno != EEXIST) {
        say_error("cannot make the directory %s: %s", m->dir, strerror(errno));
        return STATUS_USAGE;
    }
    for (int i = 0; i < FILES; i++) {
        int len = snprintf(m->paths[i], sizeof m->paths[i], "%s/%s", m->dir, files[i].name);
        struct stat st;
        if (len < 0 || (size_t)len >= sizeof m->paths[i] - 16) {
            say_error("%s: the path is too long", m->dir);
            return STATUS_USAGE;
        }
        if ((i != FILE_ROOT || m->offline_root) && lstat(m->paths[i], &st) == 0) {
            say_error("%s is there already: init overwrites nothing; choose another directory, or move the old node away", m->paths[i]);
            return STATUS_USAGE;
        }
    }
    return 0;
}

static int write_file(const char *path, int (*fill)(FILE *, const struct init_values *), const struct init_values *v)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (f == NULL) {
        int rc = -errno;
        if (fd >= 0)
            close(fd);
        return rc;
    }
    int rc = fill(f, v);
    if (rc == 0 && (fflush(f) != 0 || fsync(fd) != 0))
        rc = -errno;
    if (fclose(f) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

/* With the root key offline nothing can be signed later: the first record goes into the key file at once. */
static int sign_record(const struct making *m, struct identity *id)
{
    struct config *c = NULL;
    struct record want, r;
    char why[CONFIG_WHY_MAX];
    int rc = config_load(m->paths[FILE_CONFIG], &c, why);
    if (rc != 0)
        return rc;
    config_record(c, id, &want);
    rc = record_renew(c->card, id, &want, RECORD_LIFE_S, now_unix_s(), &r);
    config_free(&c);
    return rc;
}

static int make_identity(struct making *m)
{
    struct identity *id = NULL;
    int rc = identity_generate(&id);
    if (rc == 0 && m->offline_root) {
        rc = sign_record(m, id);
        if (rc == 0)
            rc = identity_save_root(id, m->paths[FILE_ROOT]);
        m->made |= rc == 0 ? 1u << FILE_ROOT : 0;
        if (rc == 0)
            rc = identity_forget_root(id);
    }
    if (rc == 0)
        rc = identity_save(id, m->paths[FILE_IDENTITY]);
    identity_destroy(&id);
    return rc;
}

static int make_database(const char *path)
{
    char why[STORE_WHY_MAX] = "";
    struct store *s = NULL;
    int rc = store_open(path, true, &s, why);
    store_close(&s);
    if (rc != 0 && why[0] != '\0')
        say_error("%s", why);
    return rc;
}

static int make_file(struct making *m, enum file i)
{
    if (i == FILE_ROOT)
        return 0;                               /* with the identity */
    m->made |= 1u << i;
    int rc = i == FILE_IDENTITY ? make_identity(m)
           : i == FILE_CONFIG   ? write_file(m->paths[i], init_write_config, &m->values)
           : i == FILE_PEERS    ? write_file(m->paths[i], init_write_peers, &m->values)
                                : make_database(m->paths[i]);
    if (rc == -EEXIST)
        m->made &= ~(1u << i);                  /* somebody else was faster: not ours to take away */
    if (rc != 0)
        say_error("cannot make %s: %s", m->paths[i], strerror(-rc));
    return rc != 0 ? STATUS_USAGE : 0;
}

/* The new configuration must be one that the daemon takes. */
static int check_config(const struct making *m)
{
    struct config *c = NULL;
    char why[CONFIG_WHY_MAX] = "";
    int rc = config_load(m->paths[FILE_CONFIG], &c, why);
    if (rc != 0)
        say_error("%s", why[0] != '\0' ? why : strerror(-rc));
    config_free(&c);
    return rc != 0 ? STATUS_USAGE : 0;
}

static int make_all(struct making *m)
{
    int rc = prepare_dir(m);
    for (int i = 0; rc == 0 && i < FILES; i++) {
        rc = make_file(m, (enum file)i);
        if (rc == 0 && i == FILE_PEERS)
            rc = check_config(m);
    }
    int dir = rc == 0 ? open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir >= 0) {
        fsync(dir);
        close(dir);
    }
    return rc;
}

static void take_back(const struct making *m)
{
    static const char *const beside[] = { "-wal", "-shm", "-lock", "-journal" };
    for (int i = 0; i < FILES; i++)
        if ((m->made & 1u << i) != 0)
            unlink(m->paths[i]);
    for (size_t i = 0; (m->made & 1u << FILE_DATABASE) != 0 && i < sizeof beside / sizeof *beside; i++) {
        char path[PATH_MAX + 16];
        snprintf(path, sizeof path, "%s%s", m->paths[FILE_DATABASE], beside[i]);
        unlink(path);
    }
    if (m->dir_made)
        rmdir(m->dir);
}

static void note_made(const struct making *m, json_t *result)
{
    json_object_set_new(result, "name", say_json_text(m->name));
    json_object_set_new(result, "federation", say_json_text(m->values.federation));
    json_object_set_new(result, "advertise", say_json_text(m->values.advertise));
    json_object_set_new(result, "report_port", json_integer(m->values.report_port));
    json_object_set_new(result, "publish_port", json_integer(m->values.publish_port));
    json_object_set_new(result, "repair_port", json_integer(m->values.repair_port));
    json_t *made = json_object();
    for (int i = 0; i < FILES; i++)
        if ((m->made & 1u << i) != 0)
            json_object_set_new(made, files[i].key, say_json_text(m->paths[i]));
    json_object_set_new(result, "files", made);
}

static void say_made(const struct making *m)
{
    const char *conf = m->paths[FILE_CONFIG];
    printf("Made the node %s:\n", m->name);
    for (int i = 0; i < FILES; i++)
        if ((m->made & 1u << i) != 0)
            printf("  %s  %s\n", m->paths[i], files[i].what);
    printf("Next:\n");
    if (m->offline_root)
        printf("  mv %s /some/medium/\n      keeps the root key offline; once in 90 days, better 45, bring it back:\n"
               "  hearsay -c %s rotate --root /some/medium/root.pem\n", m->paths[FILE_ROOT], conf);
    printf("  hearsayd -c %s\n      starts it; reports come in at 127.0.0.1:%u and %s/run/report.sock\n"
           "  hearsay -c %s card\n      prints its card: what another member needs to trust it\n"
           "  hearsay -c %s peer add CARD\n      trusts another member\n",
           conf, m->values.report_port, m->dir, conf, conf);
}

static int prepare(const struct call *call, const struct init_wish *wish, struct making *m)
{
    int rc = choose_name(call, wish->name, m->name);
    if (rc == 0)
        rc = choose_values(call, m, wish->federation, wish->advertise, wish->port);
    if (rc != 0)
        return rc;
    m->dir = wish->dir;
    return home_become_owner(m->dir);
}

/* An interrupt must not leave half a node. */
static int make_or_nothing(struct making *m)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    int rc = make_all(m);
    if (rc != 0) {
        take_back(m);
        say_error("nothing was made");
    }
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    return rc;
}

static struct making made_last;
static bool card_was_there;

/* The card that goes with the keys, beside them. */
static void card_path(const struct making *m, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/identity.card", PATH_MAX - 32, m->dir);
}

int init_make(const struct call *call, const struct init_wish *wish)
{
    char card[PATH_MAX];
    int rc = prepare(call, wish, &made_last);
    if (rc != 0)
        return rc;
    card_path(&made_last, card);
    card_was_there = access(card, F_OK) == 0;
    return make_or_nothing(&made_last);
}

void init_unmake(void)
{
    char card[PATH_MAX];
    card_path(&made_last, card);
    if (!card_was_there)
        unlink(card);
    take_back(&made_last);
}

int cmd_init(struct call *call)
{
    static struct making m;
    struct init_wish wish = { .name = NULL };
    const struct arg_option options[] = {
        { .name = "--name", .value = &wish.name }, { .name = "--federation", .value = &wish.federation },
        { .name = "--advertise", .value = &wish.advertise }, { .name = "--port", .value = &wish.port }, { .name = "--offline-root", .flag = &m.offline_root }
    };
    int rc = args_take(call, options, sizeof options / sizeof *options, 0, 1);
    wish.dir = call->argc > 0 ? call->argv[0] : ".";
    if (rc == 0)
        rc = prepare(call, &wish, &m);
    if (rc == 0)
        rc = make_or_nothing(&m);
    if (rc != 0)
        return rc;
    if (call->json)
        note_made(&m, call->result);
    else
        say_made(&m);
    return 0;
}
