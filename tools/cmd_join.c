/* `hearsay join`: makes this node a member of the coalition that an invite is for. */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/conf_edit.h"
#include "node/join_client.h"
#include "node/peers_file.h"
#include "proto/invite.h"
#include "tools/args.h"
#include "tools/card.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/init.h"
#include "tools/peer.h"
#include "tools/say.h"

enum { GROUPS_MAX = 256, MODE_ALL = 07777, MODE_OTHERS = 07, JOIN_TIMEOUT_MS = 20000, RECORD_TIMEOUT_MS = 10000, INVITE_LINE_MAX = 2 * INVITE_TEXT_MAX };

static int read_invite(const char *word, struct invite *out)
{
    static char line[INVITE_LINE_MAX];
    char when[TIME_TEXT_MAX];
    if (strcmp(word, "-") == 0) {
        if (fgets(line, sizeof line, stdin) == NULL)
            line[0] = '\0';
        word = line;
    }
    int rc = invite_open(word, out);
    explicit_bzero(line, sizeof line);
    if (rc == 0 && out->expires_s <= now_unix_s()) {
        say_error("this invite ran out on %s: ask %s for another (or look at the clock of this host)", time_text(out->expires_s, when), out->record.name);
        return STATUS_NO;
    }
    if (rc == 0)
        return 0;
    say_error("%s", rc == -EBADMSG ? "this invite was not signed by the member that it names: it was damaged on its way, or forged; ask for another"
                  : rc == -EINVAL  ? "this is no invite: it begins with \"hearsay-invite1:\" and is one long word; was it cut?"
                                   : strerror(-rc));
    return STATUS_USAGE;
}

/* ---- the node that joins */

static int choose_config(struct call *call, char path[PATH_MAX], char dir[PATH_MAX])
{
    const char *said = call->argc > 1 ? call->argv[1] : NULL;
    if (said == NULL && (call->config_said || access(call->config_path, F_OK) == 0)) {
        snprintf(path, PATH_MAX, "%s", call->config_path);
        snprintf(dir, PATH_MAX, "%s", call->config_path);
        char *slash = strrchr(dir, '/');
        if (slash == NULL)
            strcpy(dir, ".");
        else
            slash[slash == dir] = '\0';
        return 0;
    }
    int n = snprintf(dir, PATH_MAX, "%s", said != NULL ? said : ".");
    if (n < 0 || n >= PATH_MAX - 32)
        return args_wrong(call, "%s: the path is too long", said);
    snprintf(path, PATH_MAX, "%.*s/hearsay.conf", PATH_MAX - 32, dir);
    return 0;
}

static int make_node(struct call *call, const struct init_wish *wish, const char *path)
{
    int rc = init_make(call, wish);
    if (rc == 0)
        say_text(call, "Made the node in %s.\n", wish->dir);
    if (call->json && rc == 0)
        json_object_set_new(call->result, "made", say_json_text(path));
    return rc;
}

/* ---- whether it may */

static const struct config_peer *peer_with(const struct config *c, const uint8_t root[KEY_BYTES])
{
    for (size_t i = 0; i < c->peers_n; i++)
        if (memcmp(c->peers[i].record.root, root, KEY_BYTES) == 0)
            return &c->peers[i];
    return NULL;
}

static int check_may(const struct home *h, const struct invite *invite)
{
    const struct record *r = &invite->record;
    const struct config_peer *named = home_peer(h->config, r->name);
    if (memcmp(r->root, identity_root(h->identity), KEY_BYTES) == 0) {
        say_error("this is our own invite: another member uses it");
        return STATUS_USAGE;
    }
    if (named != NULL && memcmp(named->record.root, r->root, KEY_BYTES) != 0) {
        say_error("another key is trusted under the name %s: if that member made new keys, first `hearsay peer remove %s`", r->name, r->name);
        return STATUS_NO;
    }
    if (strcmp(h->config->federation, invite->federation) != 0 && h->config->peers_n > 0) {
        say_error("this node has peers in %s, and the invite is to %s: a node is a member of one coalition; make another one with `hearsay join INVITE DIR`",
                  h->config->federation, invite->federation);
        return STATUS_NO;
    }
    return 0;
}

/* The trust that the inviter has when this has been done: one that is a peer already keeps what it had. */
static double trust_after(const struct home *h, const struct invite *invite, const char *wish)
{
    const struct config_peer *p = peer_with(h->config, invite->record.root);
    return p != NULL ? p->trust_micro / 1e6 : strtod(wish, NULL);
}

/* ---- asking */

/* The inviter has not heard of this node's key, so that any other may use the invite. */
static bool is_unheard(int rc)
{
    return rc == -EACCES || rc == -ECONNREFUSED || rc == -EPROTO;
}

static int ask_failed(int rc, const struct record *r)
{
    switch (rc) {
    case -EACCES:
        say_error("%s does not let this invite in: it was withdrawn, is long over, or that node has not heard of it yet; ask for another", r->name);
        return STATUS_NO;
    case -ECONNREFUSED:
        say_error("nobody answers at %s: is hearsayd running at %s, and does a firewall let this host through? The invite stays good", r->repair, r->name);
        return STATUS_NO;
    case -EPROTO:
        say_error("who answers at %s is not %s, or has new keys since it made this invite: nothing was told to it; ask for another invite", r->repair, r->name);
        return STATUS_NO;
    case -ETIMEDOUT:
        say_error("%s let us in and did not answer: try again; the invite stays good for this node", r->name);
        return STATUS_NO;
    default:
        say_error("cannot join: %s", strerror(-rc));
        return STATUS_USAGE;
    }
}

/* *heard: the inviter may know this node's key from here on, and let no other use the invite. */
static int ask(const struct home *h, const struct invite *invite, struct card_now *own, struct joined *answer, bool *heard)
{
    int rc = card_current(h, own);
    if (rc != 0)
        return rc;
    if (own->record.repair[0] == '\0')
        say_warning("%s has no `mesh` section: others cannot reach this node, and hear it only if it is connected to them", h->config->file);
    rc = join_ask(invite, (struct bytes){ own->frame, own->len }, JOIN_TIMEOUT_MS, answer);
    *heard = !is_unheard(rc) && answer->refused[0] == '\0';
    if (rc != 0)
        return ask_failed(rc, &invite->record);
    if (answer->refused[0] == '\0')
        return 0;
    char clean[JOIN_TEXT_MAX];
    say_error("%s says: %s", invite->record.name, clean_text(answer->refused, clean, sizeof clean));
    return STATUS_NO;
}

/* ---- writing down what came of it */

static int edit_option(const struct home *h, const char *name, const char *value, mode_t most)
{
    int done = conf_edit_option(h->config->file, name, value, most);
    if (done == 0)
        return 0;
    if (done == -ENOENT)
        say_error("%s does not say %s itself: say  %s = \"%s\"  where it stands, and join again; the invite stays good for this node", h->config->file, name, name,
                  strcmp(name, "secret") == 0 ? "..." : value);
    else
        say_error("cannot edit %s: %s", h->config->file, strerror(-done));
    return STATUS_USAGE;
}

/* By its user or a group: then no bit for others is what lets the node read its configuration. Its user is the owner of its keys; groups are those of that user's account, as the
 * daemon has them, whatever group the keys were left in. */
static bool reads_as_itself(const struct home *h, const struct stat *conf)
{
    struct stat keys;
    gid_t groups[GROUPS_MAX];
    int n = GROUPS_MAX;
    if (stat(h->config->identity, &keys) != 0)
        return false;
    if (conf->st_uid == keys.st_uid)
        return true;
    const struct passwd *user = getpwuid(keys.st_uid);
    if (user == NULL || (conf->st_mode & S_IRGRP) == 0 || getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
        return false;
    for (int i = 0; i < n; i++) {
        if (groups[i] == conf->st_gid)
            return true;
    }
    return false;
}

/* The secret is for nobody else. But where the configuration is root's and the node another user's, that user may have it by the bits for others only. */
static int edit_secret(const struct home *h, const char *secret)
{
    struct stat conf = { .st_mode = 0 };
    bool same = stat(h->config->file, &conf) == 0 && reads_as_itself(h, &conf);
    int rc = edit_option(h, "secret", secret, same ? MODE_ALL & ~MODE_OTHERS : MODE_ALL);
    if (rc == 0 && !same && (conf.st_mode & S_IROTH) != 0)
        say_warning("%s holds the coalition's secret now, and every user of this host can read it: give it to the group of the user that runs hearsayd, and take it from others "
                    "(chmod 640)", h->config->file);
    return rc;
}

static int take_coalition(const struct home *h, const struct joined *answer)
{
    int rc = 0;
    if (strcmp(h->config->federation, answer->federation) != 0)
        rc = edit_option(h, "federation", answer->federation, MODE_ALL);
    if (rc != 0 || strcmp(h->config->secret, answer->secret) == 0)
        return rc;
    if (h->config->peers_n > 0 && h->config->secret[0] != '\0') {
        say_warning("the secret in %s is not that of %s: hashes of sender addresses will not fit until it is", h->config->file, answer->record.name);
        return 0;
    }
    return edit_secret(h, answer->secret);
}

static int take_peer(const struct home *h, const struct joined *answer, const char *trust)
{
    char card[CARD_MAX];
    if (peer_with(h->config, answer->record.root) != NULL)
        return 0;
    int done = card_encode((struct bytes){ answer->frame, answer->frame_len }, card, sizeof card);
    if (done == 0)
        done = peers_file_add(h->config->peers_file, answer->record.name, card, trust, true);
    return done != 0 ? peer_edit_failed(h, done, answer->record.name) : 0;
}

static int store_here(const struct home *h, const struct invite *invite)
{
    struct store *s = NULL;
    int rc = home_store(h, &s);
    if (rc == 0 && store_add_record(s, invite->record.root, invite->record.serial, (struct bytes){ invite->frame, invite->frame_len }) != 0)
        rc = STATUS_NO;
    store_close(&s);
    return rc;
}

/* The inviter is changing its keys: it goes by the one of the invite, which let us in just now, until its neighbours know the new. So this node should know both. */
static void keep_record_before(const struct home *h, const struct invite *invite, const struct joined *answer)
{
    char hex[2 * RECORD_FRAME_MAX + 1];
    json_t *told = NULL;
    if (memcmp(invite->record.curve, answer->record.curve, KEY_BYTES) == 0 || invite->record.serial >= answer->record.serial)
        return;
    int rc = home_ask(h, json_pack("{s:s, s:s}", "command", "record", "frame", hex_text(invite->frame, invite->frame_len, hex)), RECORD_TIMEOUT_MS, &told);
    json_decref(told);
    if (rc == STATUS_ABSENT)
        rc = store_here(h, invite);
    if (rc != 0)
        say_warning("%s is changing its keys: it may take some minutes until this node can connect to it", answer->record.name);
}

static void say_joined(const struct call *call, const struct joined *answer, const struct record *own, double trust)
{
    char theirs[FINGERPRINT_MAX], ours[FINGERPRINT_MAX];
    record_fingerprint(answer->record.root, theirs);
    record_fingerprint(own->root, ours);
    if (call->json)
        json_object_update_new(call->result, json_pack("{s:o, s:o, s:o, s:f}", "federation", say_json_text(answer->federation), "inviter",
                                                       json_pack("{s:o, s:s}", "name", say_json_text(answer->record.name), "fingerprint", theirs), "own",
                                                       json_pack("{s:o, s:s}", "name", say_json_text(own->name), "fingerprint", ours), "trust", trust));
    say_text(call, "Joined %s. Read the fingerprints to each other over the telephone:\n"
             "  %s  %s, who invited us, trusted with %g\n"
             "  %s  %s, this node\n",
             answer->federation, theirs, answer->record.name, trust, ours, own->name);
}

static int join(const struct call *call, const struct invite *invite, const char *trust, bool *heard)
{
    static struct joined answer;
    static struct card_now own;
    struct home h = { 0 };
    int rc = home_open(call, HOME_KEYS, &h);
    if (rc == 0)
        rc = check_may(&h, invite);
    if (rc == 0)
        rc = ask(&h, invite, &own, &answer, heard);
    if (rc == 0)
        rc = take_coalition(&h, &answer);
    if (rc == 0)
        keep_record_before(&h, invite, &answer);
    if (rc == 0)
        rc = take_peer(&h, &answer, trust);
    explicit_bzero(answer.secret, sizeof answer.secret);
    if (rc == 0) {
        say_joined(call, &answer, &own.record, trust_after(&h, invite, trust));
        rc = peer_finish_edit(call, &h, answer.record.name, true);
    }
    home_close(&h);
    return rc;
}

/* A node that was made for this alone goes again, unless it is the one that the invite is for now. */
static void give_up(const char *path, bool heard)
{
    if (!heard) {
        init_unmake();
        say_error("the node that was made for it was taken away again");
        return;
    }
    say_error("the node stays, since the inviter may have taken it up: the invite is good for it alone. Try again with `hearsay -c %s join INVITE`", path);
}

int cmd_join(struct call *call)
{
    const char *trust = peer_trust_default;
    struct init_wish wish = { .name = NULL };
    const struct arg_option options[] = {
        { .name = "--trust", .value = &trust }, { .name = "--name", .value = &wish.name }, { .name = "--advertise", .value = &wish.advertise },
        { .name = "--port", .value = &wish.port }
    };
    static struct invite invite;
    static char path[PATH_MAX], dir[PATH_MAX];
    bool made = false, heard = false;
    int rc = args_take(call, options, sizeof options / sizeof *options, 1, 2);
    if (rc == 0)
        rc = peer_check_trust(call, trust, "--trust");
    if (rc == 0)
        rc = read_invite(call->argv[0], &invite);
    if (rc == 0)
        rc = choose_config(call, path, dir);
    if (rc != 0)
        return rc;
    wish.federation = invite.federation;
    wish.dir = dir;
    call->config_path = path;
    if (access(path, F_OK) != 0) {
        rc = make_node(call, &wish, path);
        made = rc == 0;
    } else if (wish.name != NULL || wish.advertise != NULL || wish.port != NULL)
        rc = args_wrong(call, "%s is there already: leave out --name, --advertise and --port, which are for a new node", path);
    if (rc == 0)
        rc = join(call, &invite, trust, &heard);
    if (rc != 0 && made)
        give_up(path, heard);
    explicit_bzero(&invite, sizeof invite);
    return rc;
}
