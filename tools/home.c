#include "tools/home.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "node/control.h"
#include "proto/name.h"
#include "proto/subject.h"
#include "tools/say.h"

enum { FOLD_ROWS = 50000 };

int64_t now_unix_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* A command run by root would leave root's files (a card, SQLite's -wal and -shm) where the daemon, which is not root, cannot open them. */
int home_become_owner(const char *dir)
{
    struct stat st;
    if (geteuid() != 0 || stat(dir, &st) != 0 || st.st_uid == 0)
        return 0;
    const struct passwd *user = getpwuid(st.st_uid);
    int groups = user != NULL ? initgroups(user->pw_name, st.st_gid) : setgroups(0, NULL);
    if (groups != 0 || setgid(st.st_gid) != 0 || setuid(st.st_uid) != 0) {
        say_error("cannot become the owner of %s (uid %u): %s", dir, (unsigned)st.st_uid, strerror(errno));
        return STATUS_USAGE;
    }
    return 0;
}

static int become_owner_of(const char *file)
{
    char path[PATH_MAX];
    if (strlen(file) >= sizeof path)
        return 0;
    strcpy(path, file);
    return home_become_owner(dirname(path));
}

static int load_config(const struct call *call, struct config **out)
{
    char why[CONFIG_WHY_MAX] = "";
    int rc = config_load(call->config_path, out, why);
    if (rc == 0)
        return 0;
    if (rc == -ENOENT && access(call->config_path, F_OK) != 0)
        say_error("there is no configuration %s: name it with -c FILE or $HEARSAY_CONF, or make a node with `hearsay init`", call->config_path);
    else if (rc == -EACCES)
        say_error("%s: run this as root, or as the file's owner or a user of its group", why[0] != '\0' ? why : strerror(-rc));
    else
        say_error("%s", why[0] != '\0' ? why : strerror(-rc));
    return STATUS_USAGE;
}

static int load_identity(struct home *h, enum home_need need)
{
    int rc = identity_load(h->config->identity, &h->identity);
    if (rc == 0 || need != HOME_KEYS)
        return 0;
    if (rc == -EACCES)
        say_error("%s: can be read by others than its owner: it must have mode 0600 (chmod 600), and think whether somebody has a copy", h->config->identity);
    else if (rc == -EPERM)
        say_error("%s: cannot be read by this user: run this as its owner, or as root", h->config->identity);
    else if (rc == -ENOENT)
        say_error("%s: no such file: bring it back from a backup, or make a new node with `hearsay init`", h->config->identity);
    else
        say_error("%s: not an identity file that `hearsay init` wrote (%s)", h->config->identity, strerror(-rc));
    return STATUS_USAGE;
}

int home_open(const struct call *call, enum home_need need, struct home *out)
{
    struct home h = { 0 };
    int rc = become_owner_of(call->config_path);
    if (rc == 0)
        rc = load_config(call, &h.config);
    if (rc == 0)
        rc = load_identity(&h, need);
    if (rc != 0) {
        home_close(&h);
        return rc;
    }
    if (h.identity != NULL)
        config_set_self(h.config, identity_root(h.identity));
    *out = h;
    return 0;
}

void home_close(struct home *h)
{
    identity_destroy(&h->identity);
    config_free(&h->config);
}

static void say_unopened(const struct home *h, const char *why, int rc)
{
    if (why[0] != '\0')
        say_error("%s", why);
    else
        say_error("%s: %s", h->config->database, strerror(-rc));
}

int home_reader(const struct home *h, struct reader **out)
{
    char why[STORE_WHY_MAX] = "";
    int rc = reader_open(h->config->database, h->config->policy, out, why);
    if (rc == 0)
        return 0;
    say_unopened(h, why, rc);
    return STATUS_USAGE;
}

int home_store(const struct home *h, struct store **out)
{
    char why[STORE_WHY_MAX] = "";
    *out = NULL;
    int rc = store_open(h->config->database, false, out, why);
    if (rc == 0)
        rc = store_set_policy(*out, h->config->policy, now_unix_s());
    if (rc == 0)
        return 0;
    say_unopened(h, why, rc);
    store_close(out);
    return STATUS_USAGE;
}

int home_fold(const struct home *h, struct store *s)
{
    bool more = true, shown = isatty(STDERR_FILENO);
    for (unsigned turns = 0; more; turns++) {
        int64_t wake_s;
        int rc = store_fold(s, FOLD_ROWS, now_unix_s(), &more, &wake_s);
        if (rc != 0) {
            say_error("%s: %s", h->config->database, home_database_text(rc));
            return STATUS_NO;
        }
        if (shown && turns > 0)
            fprintf(stderr, "\rrescoring: %u steps%s", turns, more ? "" : ", done\n");
    }
    return 0;
}

int home_ask(const struct home *h, json_t *request, int timeout_ms, json_t **answer)
{
    json_t *got = NULL;
    int rc = control_ask(h->config->control, request, timeout_ms, &got);
    json_decref(request);
    if (rc == -ECONNREFUSED || rc == -ENOENT)
        return STATUS_ABSENT;
    if (rc == -EACCES || rc == -EPERM) {
        say_error("%s: not allowed: run this as the user that runs hearsayd, or as root", h->config->control);
        return STATUS_USAGE;
    }
    if (rc == -ETIMEDOUT)
        say_error("hearsayd did not answer at %s within %d s: it is stopped or overloaded", h->config->control, timeout_ms / 1000);
    else if (rc != 0)
        say_error("%s: no sensible answer (%s)", h->config->control, strerror(-rc));
    else if (!json_is_true(json_object_get(got, "ok"))) {
        const char *text = json_string_value(json_object_get(got, "error"));
        say_error("hearsayd says: %s", text != NULL ? text : "no");
    } else {
        *answer = got;
        return 0;
    }
    json_decref(got);
    return STATUS_NO;
}

int home_absent(const struct home *h)
{
    say_error("hearsayd is not there (nobody answers at %s): start it with `hearsayd -c %s` or `systemctl start hearsayd`", h->config->control, h->config->file);
    return STATUS_ABSENT;
}

int home_zone(const struct home *h, const char *name, int *zone)
{
    const struct policy *p = h->config->policy;
    char canonical[NAME_MAX_BYTES + 1];
    *zone = name_canonical(name, strlen(name), canonical) == 0 ? policy_zone(p, canonical) : -1;
    if (*zone >= 0)
        return 0;
    char names[1024] = "";
    for (size_t i = 0, used = 0; i < p->zones_n && used < sizeof names; i++)
        if (p->zones[i].name[0] != '\0')
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", p->zones[i].name);
    say_error("%s has no zone \"%s\"; it has: %s", h->config->file, name, names);
    return STATUS_USAGE;
}

const struct config_peer *home_peer(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->peers_n; i++)
        if (strcasecmp(c->peers[i].name, name) == 0)
            return &c->peers[i];
    return NULL;
}

const char *home_member_name(const struct home *h, const uint8_t root[KEY_BYTES], char out[FINGERPRINT_MAX])
{
    if (h->identity != NULL && memcmp(identity_root(h->identity), root, KEY_BYTES) == 0)
        return "this node";
    const struct policy_member *m = policy_member(h->config->policy, root);
    return m != NULL ? m->name : record_fingerprint(root, out);
}

const char *home_database_text(int rc)
{
    return rc == -EBADMSG ? "the database is damaged: stop the node and restore a copy, or move it away and let the mesh refill a new one" : strerror(-rc);
}

int home_subject(const struct home *h, const char *text, struct subject *out)
{
    const char *reason = "not a subject";
    int rc = subject_parse(text, strlen(text), h->config->sender_key, out, &reason);
    if (rc == 0)
        return 0;
    say_error("%s: %s", text, reason);
    return STATUS_USAGE;
}
