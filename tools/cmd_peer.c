/* `hearsay peer`: edits peers.conf and tells the node. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/peers_file.h"
#include "proto/name.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/peer.h"
#include "tools/rights.h"
#include "tools/say.h"
#include "tools/what_if.h"

enum { PARDON_TIMEOUT_MS = 20000 };
enum { RELOAD_TIMEOUT_MS = 20000, PURGE_TIMEOUT_MS = 600000 };
const char peer_trust_default[] = "0.5";

/* A decimal from 0 to 1, as peers.conf will hold it. */
int peer_check_trust(const struct call *call, const char *text, const char *what)
{
    size_t digits = strspn(text, "0123456789");
    const char *fraction = text + digits;
    if (*fraction == '.')
        fraction += 1 + strspn(fraction + 1, "0123456789");
    if (digits == 0 || *fraction != '\0' || strlen(text) > 8 || strtod(text, NULL) > 1.0)
        return args_wrong(call, "%s %s: a number from 0 to 1, such as 0.8", what, text);
    return 0;
}

/* What --json prints of an edit. */
static void note_edit(const struct call *call, const char *name, const char *trust)
{
    if (!call->json)
        return;
    json_object_set_new(call->result, "peer", say_json_text(name));
    if (trust != NULL)
        json_object_set_new(call->result, "trust", json_real(strtod(trust, NULL)));
}

int peer_edit_failed(const struct home *h, int rc, const char *name)
{
    char canonical[NAME_MAX_BYTES + 1];
    if (rc == -EEXIST)
        say_error("%s: %s, or its key, is there already: see `hearsay peer list`", h->config->peers_file, name);
    else if (rc == -ENOENT && home_peer(h->config, name) != NULL)
        say_error("%s is not in %s: it stands in %s; edit it there", name, h->config->peers_file, h->config->file);
    else if (rc == -ENOENT)
        say_error("%s has no peer %s: see `hearsay peer list`", h->config->peers_file, name);
    else if (rc == -EINVAL && name_canonical(name, strlen(name), canonical) != 0)
        say_error("\"%s\" is not the name of a member: see `hearsay peer list`", name);
    else
        say_error("cannot edit %s: %s; it is as it was", h->config->peers_file, strerror(-rc));
    return rc == -EEXIST || rc == -ENOENT ? STATUS_NO : STATUS_USAGE;
}

/* Reads the configuration again, now with the edit in it: whether it is still right, and whether it includes peers.conf at all. */
static int check_edit(const struct call *call, const char *peers_file, const char *name, bool wanted)
{
    struct config *c = NULL;
    char why[CONFIG_WHY_MAX] = "";
    if (config_load(call->config_path, &c, why) != 0) {
        say_error("%s\nThe node goes on as it was until this is mended.", why);
        return STATUS_USAGE;
    }
    bool there = home_peer(c, name) != NULL;
    if (wanted && !there)
        say_warning("%s does not include %s, so this changes nothing yet: add the line  include(\"peers.conf\")", call->config_path, peers_file);
    if (!wanted && there)
        say_warning("%s is still trusted by another file that %s includes: take it out there", name, call->config_path);
    config_free(&c);
    return 0;
}

/* The edit is done; a running node should know. One that is not there reads it when it starts. */
static int tell_node(const struct call *call, const struct home *h)
{
    json_t *answer = NULL;
    int rc = home_ask(h, json_pack("{s:s}", "command", "reload"), RELOAD_TIMEOUT_MS, &answer);
    json_decref(answer);
    if (call->json)
        json_object_set_new(call->result, "in_force", json_boolean(rc == 0));
    if (rc == STATUS_ABSENT)
        say_text(call, "hearsayd is not running: this takes effect when it starts.\n");
    else if (rc == 0)
        say_text(call, "hearsayd has taken it over.\n");
    else
        say_error("%s is edited, but hearsayd has not taken it over", h->config->peers_file);
    return rc == STATUS_ABSENT ? STATUS_DONE : rc;
}

int peer_finish_edit(const struct call *call, const struct home *h, const char *name, bool wanted)
{
    int rc = check_edit(call, h->config->peers_file, name, wanted);
    return rc != 0 ? rc : tell_node(call, h);
}

int peer_open_card(const char *card, struct record *r)
{
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    int rc = card_decode(card, frame, &len);
    if (rc == 0)
        rc = record_open((struct bytes){ frame, len }, r);
    if (rc == 0)
        return 0;
    say_error("%s", rc == -EBADMSG ? "the card's signature is wrong: it was damaged on its way, or forged; ask for it again"
                                   : "this is not a card: it begins with \"hearsay1:\" and is one long word; was it cut?");
    return STATUS_USAGE;
}

static const struct config_peer *peer_of_root(const struct config *c, const uint8_t root[KEY_BYTES])
{
    for (size_t i = 0; i < c->peers_n; i++)
        if (memcmp(c->peers[i].record.root, root, KEY_BYTES) == 0)
            return &c->peers[i];
    return NULL;
}

static int check_newcomer(const struct home *h, const struct record *r)
{
    char when[TIME_TEXT_MAX];
    if (memcmp(r->root, identity_root(h->identity), KEY_BYTES) == 0) {
        say_error("this is our own card: a node believes itself anyway");
        return STATUS_USAGE;
    }
    const struct policy_member *m = policy_member(h->config->policy, r->root);
    const struct config_peer *known = peer_of_root(h->config, r->root);
    if (known != NULL && known->record.serial < r->serial)
        return 0;                               /* its newer card */
    if (m != NULL) {
        say_error("this key is trusted already, as %s: change that with `hearsay peer trust %s W`", m->name, m->name);
        return STATUS_NO;
    }
    if (home_peer(h->config, r->name) != NULL) {
        say_error("another key is trusted under the name %s: if that member made new keys, first `hearsay peer remove %s`", r->name, r->name);
        return STATUS_NO;
    }
    if (r->not_after_s <= now_unix_s()) {
        say_error("this card ran out on %s: ask %s for its present one (`hearsay card`)", time_text(r->not_after_s, when), r->name);
        return STATUS_NO;
    }
    return 0;
}

static void say_added(const struct call *call, const struct record *r, const char *trust, bool link)
{
    char fingerprint[FINGERPRINT_MAX];
    record_fingerprint(r->root, fingerprint);
    note_edit(call, r->name, trust);
    if (call->json) {
        json_object_set_new(call->result, "link", json_boolean(link));
        json_object_set_new(call->result, "fingerprint", json_string(fingerprint));
    }
    say_text(call, "Trusts %s with %s.\n"
             "  Its fingerprint: %s\n"
             "  Compare it with its operator over another channel, such as the telephone.\n",
             r->name, trust, fingerprint);
}

/* A member whose keys are known gave a newer card: it takes the place of the old one, and trust stays. */
static int renew_card(struct call *call, const struct home *h, const struct config_peer *known, const struct record *r)
{
    char when[TIME_TEXT_MAX];
    int done = peers_file_card(h->config->peers_file, known->name, call->argv[0]);
    if (done != 0)
        return peer_edit_failed(h, done, known->name);
    note_edit(call, known->name, NULL);
    if (call->json)
        json_object_set_new(call->result, "renewed", json_true());
    say_text(call, "%s has a newer card now, valid until %s; trust in it stays as it is.\n", known->name, time_text(r->not_after_s, when));
    return peer_finish_edit(call, h, known->name, true);
}

static int peer_add(struct call *call)
{
    const char *trust = peer_trust_default;
    bool no_link = false;
    struct rights_said said = { .categories = NULL };
    struct policy_rights rights = { .categories = 0 };
    struct rights_lines lines = { .n = 0 };
    struct arg_option options[RIGHTS_OPTIONS + 2];
    struct home h = { 0 };
    struct record r;
    rights_options(&said, options);
    options[RIGHTS_OPTIONS] = (struct arg_option){ .name = "--trust", .value = &trust };
    options[RIGHTS_OPTIONS + 1] = (struct arg_option){ .name = "--no-link", .flag = &no_link };
    int rc = args_take(call, options, RIGHTS_OPTIONS + 2, 1, 1);
    if (rc == 0)
        rc = peer_check_trust(call, trust, "trust");
    if (rc == 0)
        rc = peer_open_card(call->argv[0], &r);
    if (rc == 0)
        rc = home_open(call, HOME_KEYS, &h);
    if (rc == 0)
        rc = check_newcomer(&h, &r);
    if (rc == 0)
        rc = rights_take(call, h.config->policy, &said, now_unix_s(), &rights);
    if (rc == 0)
        rights_lines(h.config->policy, &said, &rights, &lines);
    if (rc == 0 && peer_of_root(h.config, r.root) != NULL) {
        rc = renew_card(call, &h, peer_of_root(h.config, r.root), &r);
    } else if (rc == 0) {
        int done = peers_file_add_with(h.config->peers_file, r.name, call->argv[0], trust, !no_link, lines.values, lines.n);
        if (done != 0) {
            rc = peer_edit_failed(&h, done, r.name);
        } else {
            say_added(call, &r, trust, !no_link);
            rc = peer_finish_edit(call, &h, r.name, true);
        }
    }
    home_close(&h);
    return rc;
}

/* Who says how far a member is trusted knows what it did: its quarantine ends. */
static int pardon(const struct home *h, const uint8_t root[KEY_BYTES])
{
    char hex[2 * KEY_BYTES + 1];
    json_t *answer = NULL;
    struct store *s = NULL;
    int rc = home_ask(h, json_pack("{s:s, s:s}", "command", "pardon", "member", hex_text(root, KEY_BYTES, hex)), PARDON_TIMEOUT_MS, &answer);
    json_decref(answer);
    if (rc != STATUS_ABSENT)
        return rc;
    rc = home_store(h, &s);
    if (rc == 0 && store_pardon(s, root, now_unix_s()) != 0) {
        say_error("%s: the quarantine could not be ended", h->config->database);
        rc = STATUS_NO;
    }
    store_close(&s);
    return rc;
}

static int change_trust(const struct call *call, const struct home *h, const char *name, const char *trust)
{
    const struct config_peer *p = home_peer(h->config, name);
    int rc = peers_file_trust(h->config->peers_file, p != NULL ? p->name : name, trust);
    if (rc != 0)
        return peer_edit_failed(h, rc, name);
    note_edit(call, name, trust);
    say_text(call, "Trusts %s with %s.\n", name, trust);
    rc = peer_finish_edit(call, h, name, true);
    return rc == 0 && p != NULL ? pardon(h, p->record.root) : rc;
}

static int suppose_trust(const struct call *call, const struct home *h, const char *name, const char *trust)
{
    struct policy *supposed = policy_copy(h->config->policy);
    int rc = supposed != NULL ? what_if_trust(call, h, supposed, name, trust) : STATUS_NO;
    if (rc == 0)
        rc = what_if_show(call, h, supposed);
    policy_destroy(&supposed);
    return rc;
}

static int peer_trust(struct call *call)
{
    bool dry = false;
    const struct arg_option options[] = { { .name = "--dry-run", .flag = &dry } };
    struct home h = { 0 };
    int rc = args_take(call, options, 1, 2, 2);
    if (rc == 0)
        rc = peer_check_trust(call, call->argv[1], "trust");
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = (dry ? suppose_trust : change_trust)(call, &h, call->argv[0], call->argv[1]);
    home_close(&h);
    return rc;
}

struct wanted {
    const char *name;
    uint8_t *root;
    bool found;
};

static int match_record(void *ctx, const struct record *rec, struct bytes frame)
{
    struct wanted *w = ctx;
    (void)frame;
    if (strcasecmp(rec->name, w->name) != 0)
        return 0;
    memcpy(w->root, rec->root, KEY_BYTES);
    w->found = true;
    return 1;
}

/* The key behind a name: a configured peer's, or that of a stored record of a member who was removed before. */
static int find_root(const struct home *h, const char *name, uint8_t root[KEY_BYTES])
{
    const struct config_peer *p = home_peer(h->config, name);
    if (p != NULL) {
        memcpy(root, p->record.root, KEY_BYTES);
        return 0;
    }
    struct wanted w = { .name = name, .root = root };
    struct reader *r = NULL;
    int rc = home_reader(h, &r);
    if (rc != 0)
        return rc;
    reader_records(r, NULL, match_record, &w);
    reader_close(&r);
    if (w.found)
        return 0;
    say_error("nothing is known of a member %s: see `hearsay peer list`", name);
    return STATUS_NO;
}

static int say_purged(const struct call *call, uint64_t batches)
{
    char n[NUMBER_TEXT_MAX];
    if (call->json)
        json_object_set_new(call->result, "batches_forgotten", json_integer((json_int_t)batches));
    say_text(call, "Forgot all that it said: %s batches. What leaned on it is scored anew.\n", count_text(batches, n));
    return 0;
}

/* With the node down, on the database itself. The present configuration counts: the peer is out of it already. */
static int purge_here(const struct call *call, const uint8_t root[KEY_BYTES])
{
    struct home h = { 0 };
    struct store *s = NULL;
    uint64_t batches = 0;
    int rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = home_store(&h, &s);
    if (rc == 0) {
        int done = store_purge(s, root, now_unix_s(), &batches);
        if (done != 0) {
            say_error("%s: %s", h.config->database, strerror(-done));
            rc = STATUS_NO;
        }
    }
    if (rc == 0)
        rc = home_fold(&h, s);
    if (rc == 0)
        rc = say_purged(call, batches);
    store_close(&s);
    home_close(&h);
    return rc;
}

static int purge(const struct call *call, const struct home *h, const uint8_t root[KEY_BYTES])
{
    char hex[2 * KEY_BYTES + 1];
    json_t *answer = NULL;
    int rc = home_ask(h, json_pack("{s:s, s:s}", "command", "purge", "member", hex_text(root, KEY_BYTES, hex)), PURGE_TIMEOUT_MS, &answer);
    if (rc == STATUS_ABSENT)
        return purge_here(call, root);
    if (rc == 0)
        rc = say_purged(call, (uint64_t)json_integer_value(json_object_get(answer, "batches")));
    json_decref(answer);
    return rc;
}

static int remove_peer(const struct call *call, const struct home *h, const char *name, bool purging)
{
    uint8_t root[KEY_BYTES];
    const struct config_peer *p = home_peer(h->config, name);
    int rc = purging ? find_root(h, name, root) : 0;
    if (rc != 0)
        return rc;
    note_edit(call, name, NULL);
    if (p != NULL || !purging) {
        int done = peers_file_remove(h->config->peers_file, p != NULL ? p->name : name);
        if (done != 0)
            return peer_edit_failed(h, done, name);
        say_text(call, "Trusts %s no more.\n", name);
        if (p != NULL)
            introduce_warn(h, p);
        rc = peer_finish_edit(call, h, name, false);
    }
    return rc == 0 && purging ? purge(call, h, root) : rc;
}

static int peer_remove(struct call *call)
{
    bool purging = false;
    const struct arg_option options[] = { { .name = "--purge", .flag = &purging } };
    struct home h = { 0 };
    int rc = args_take(call, options, 1, 1, 1);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = remove_peer(call, &h, call->argv[0], purging);
    home_close(&h);
    return rc;
}

int cmd_peer(struct call *call)
{
    static const struct { const char *name; int (*run)(struct call *); } verbs[] = {
        { "add", peer_add }, { "list", peer_list }, { "trust", peer_trust }, { "rights", peer_rights }, { "remove", peer_remove }
    };
    if (call->argc == 0)
        return args_wrong(call, "say what to do: add, list, trust, rights or remove");
    const char *verb = call->argv[0];
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, verb) != 0)
            continue;
        call->argv++;
        call->argc--;
        call->verb = verb;
        return verbs[i].run(call);
    }
    return args_wrong(call, "there is no \"peer %s\": add, list, trust, rights or remove", verb);
}
