/* `hearsay rotate` and `hearsay leave`: sign a new record of this member, with new keys or as a farewell, and tell the node. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { RELOAD_TIMEOUT_MS = 20000 };
static const int64_t life_most_s = INT64_C(10) * 365 * 86400;

struct rotation {
    const char *root;               /* --root FILE, or NULL */
    bool keys;
    int64_t life_s;                 /* 0: a farewell */
    struct home home;
    struct record record;           /* the new one */
    bool offline;                   /* the root key is not in the key file */
};

static int take_life(const struct call *call, const char *text, int64_t *life_s)
{
    int64_t ms = 0;
    if (config_duration(text, &ms) != 0 || ms < 1000 || ms / 1000 > life_most_s)
        return args_wrong(call, "--not-after %s: a time from now such as 90d or 12h, at most ten years", text);
    *life_s = ms / 1000;
    return 0;
}

static int root_failed(const struct rotation *ro, const char *path, int rc)
{
    if (rc == -ENOENT && ro->root == NULL)
        say_error("the root key is not here, and only it can sign: bring it back and name it with --root FILE (root.pem, as `hearsay init --offline-root` made it)");
    else if (rc == -EXDEV)
        say_error("%s: the root key of another member; this one is %s", path, ro->home.config->name);
    else if (rc == -EACCES)
        say_error("%s: can be read by others than its owner: it must have mode 0600 (chmod 600)", path);
    else if (rc == -EPERM)
        say_error("%s: cannot be read by this user; run this as one who may, or make a copy for it with mode 0600", path);
    else if (rc == -EINVAL)
        say_error("%s: not a root key file", path);
    else
        say_error("%s: %s", path, strerror(-rc));
    return STATUS_USAGE;
}

/* From --root, from the key file itself, or from root.pem beside it, where `hearsay init` put it. */
static int bring_root(struct rotation *ro)
{
    char beside[CONFIG_PATH_MAX + 16];
    const char *identity = ro->home.config->identity, *slash = strrchr(identity, '/');
    ro->offline = !identity_has_root(ro->home.identity);
    if (ro->root == NULL && !ro->offline)
        return 0;
    snprintf(beside, sizeof beside, "%.*sroot.pem", slash != NULL ? (int)(slash - identity + 1) : 0, identity);
    const char *path = ro->root != NULL ? ro->root : beside;
    int rc = identity_bring_root(ro->home.identity, path);
    return rc == 0 ? 0 : root_failed(ro, path, rc);
}

static int failed(const char *path, int rc)
{
    say_error("%s: %s; nothing is changed", path, strerror(-rc));
    return STATUS_USAGE;
}

/* The key file first: it holds the record, too. Should a crash come between, the card is made from it. */
static int sign(struct rotation *ro)
{
    const struct config *c = ro->home.config;
    struct identity *id = ro->home.identity;
    struct record want;
    int rc = ro->keys ? identity_new_keys(id) : 0;
    if (rc != 0)
        return failed(c->identity, rc);
    config_record(c, id, &want);
    rc = record_renew(c->card, id, &want, ro->life_s, now_unix_s(), &ro->record);
    if (rc != 0)
        return failed(c->card, rc);
    rc = identity_replace(id, c->identity);
    if (rc != 0)
        return failed(c->identity, rc);
    rc = record_put_card(c->card, identity_record(id));
    if (rc != 0)
        say_warning("%s: %s; the node makes it anew", c->card, strerror(-rc));
    return 0;
}

/* 0 also when the node is not there: it reads the files when it starts. */
static int tell_node(const struct call *call, const struct rotation *ro, bool *running)
{
    json_t *answer = NULL;
    int rc = home_ask(&ro->home, json_pack("{s:s}", "command", "reload"), RELOAD_TIMEOUT_MS, &answer);
    json_decref(answer);
    *running = rc == 0;
    if (call->json)
        json_object_set_new(call->result, "in_force", json_boolean(rc == 0));
    if (rc != 0 && rc != STATUS_ABSENT)
        say_error("the new record is signed, but hearsayd has not taken it over: restart it");
    return rc == STATUS_ABSENT ? 0 : rc;
}

static void note(const struct call *call, const struct rotation *ro)
{
    char fingerprint[FINGERPRINT_MAX];
    if (!call->json)
        return;
    json_object_set_new(call->result, "serial", json_integer((json_int_t)ro->record.serial));
    json_object_set_new(call->result, "not_after_s", json_integer(ro->record.not_after_s));
    json_object_set_new(call->result, "keys", json_boolean(ro->keys));
    json_object_set_new(call->result, "fingerprint", json_string(record_fingerprint(ro->record.root, fingerprint)));
}

static int rotate(struct call *call, struct rotation *ro)
{
    int rc = home_open(call, HOME_KEYS, &ro->home);
    if (rc == 0)
        rc = bring_root(ro);
    if (rc == 0)
        rc = sign(ro);
    if (rc == 0)
        note(call, ro);
    return rc;
}

static void say_rotated(const struct call *call, const struct rotation *ro, bool running)
{
    char when[TIME_TEXT_MAX];
    say_text(call, "Signed a new record of %s, valid until %s%s.\n", ro->record.name, time_text(ro->record.not_after_s, when),
             ro->keys ? ", with new keys" : "");
    say_text(call, running ? "hearsayd has taken it over, and the other members follow by themselves; who is away hears of it when it is back.\n"
                           : "hearsayd is not running: the other members hear of it when it starts.\n");
    if (ro->keys)
        say_text(call, "%s is another file now: renew the copy that you keep of it.\n", ro->home.config->identity);
    if (ro->offline)
        say_text(call, "Take the root key offline again.\n");
}

int cmd_rotate(struct call *call)
{
    struct rotation ro = { .life_s = RECORD_LIFE_S };
    const char *life = NULL;
    bool running = false;
    const struct arg_option options[] = { { .name = "--root", .value = &ro.root }, { .name = "--not-after", .value = &life },
                                          { .name = "--keys", .flag = &ro.keys } };
    int rc = args_take(call, options, 3, 0, 0);
    if (rc == 0 && life != NULL)
        rc = take_life(call, life, &ro.life_s);
    if (rc == 0)
        rc = rotate(call, &ro);
    if (rc == 0)
        rc = tell_node(call, &ro, &running);
    if (rc == 0)
        say_rotated(call, &ro, running);
    home_close(&ro.home);
    return rc;
}

int cmd_leave(struct call *call)
{
    struct rotation ro = { 0 };
    bool running = false;
    const struct arg_option options[] = { { .name = "--root", .value = &ro.root } };
    int rc = args_take(call, options, 1, 0, 0);
    if (rc == 0)
        rc = rotate(call, &ro);
    if (rc == 0)
        rc = tell_node(call, &ro, &running);
    if (rc == 0) {
        say_text(call, "%s has left: it tells the other members nothing more, and what it said fades by itself.\n", ro.record.name);
        say_text(call, running ? "Leave hearsayd running for some minutes, so that the others hear of it; then stop it.\n"
                               : "hearsayd is not running: start it for some minutes, so that the others hear of it.\n");
        say_text(call, "To come back: hearsay rotate\n");
    }
    home_close(&ro.home);
    return rc;
}
