/* `hearsay invite`: one line of text that lets one newcomer join. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/config_text.h"
#include "node/invites_file.h"
#include "node/join_client.h"
#include "proto/invite.h"
#include "proto/name.h"
#include "tools/args.h"
#include "tools/card.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/peer.h"
#include "tools/say.h"

enum { ID_DIGITS = 8, TELL_TIMEOUT_MS = 10000, LOOK_MS = 200 };
static const int64_t LIFE_MOST_MS = 30 * 86400 * 1000LL;

/* What was asked for. */
struct wish {
    const char *trust, *share, *expires, *name, *withdraw;
    bool introduce, wait, list;
    char canonical[NAME_MAX_BYTES + 1];
    int64_t expires_s;
};

static char *id_text(const uint8_t curve[KEY_BYTES], char out[2 * KEY_BYTES + 1])
{
    hex_text(curve, KEY_BYTES, out);
    out[ID_DIGITS] = '\0';
    return out;
}

static int check_wish(const struct call *call, struct wish *w)
{
    int64_t ms = 0;
    int rc = peer_check_trust(call, w->trust, "--trust");
    if (rc == 0)
        rc = peer_check_trust(call, w->share, "--share");
    if (rc == 0 && (config_duration(w->expires, &ms) != 0 || ms < 60000 || ms > LIFE_MOST_MS))
        rc = args_wrong(call, "--expires %s: a span from 1m to 30d, such as 1d", w->expires);
    if (rc == 0 && w->introduce && strtod(w->share, NULL) < 0.001)
        rc = args_wrong(call, "--share %s: more than nothing, such as 0.25", w->share);
    if (rc == 0 && w->name != NULL && name_canonical(w->name, strlen(w->name), w->canonical) != 0)
        rc = args_wrong(call, "--name %s: not a host name such as mx.b.example", w->name);
    w->expires_s = now_unix_s() + ms / 1000;
    return rc;
}

/* ---- making one */

static int file_failed(const struct home *h, int rc)
{
    if (rc == -ENOSPC)
        say_error("%d invites are out already: withdraw some (hearsay invite --list)", INVITES_MAX);
    else if (rc == -EINVAL)
        say_error("%s is not what `hearsay invite` wrote: move it away; the invites in it are then void", h->config->invites_file);
    else
        say_error("%s: %s", h->config->invites_file, strerror(-rc));
    return rc == -ENOSPC ? STATUS_NO : STATUS_USAGE;
}

static int make(const struct home *h, const struct wish *w, struct invite *invite, struct invite_entry *e)
{
    struct card_now card;
    int rc = card_current(h, &card);
    if (rc != 0)
        return rc;
    if (!h->config->mesh.present || card.record.repair[0] == '\0') {
        say_error("%s has no `mesh` section, so nobody can reach this node: add one, and start hearsayd anew", h->config->file);
        return STATUS_USAGE;
    }
    *invite = (struct invite){ .record = card.record, .frame_len = card.len, .expires_s = w->expires_s };
    memcpy(invite->frame, card.frame, card.len);
    strcpy(invite->federation, h->config->federation);
    *e = (struct invite_entry){ .expires_s = w->expires_s };
    snprintf(e->trust, sizeof e->trust, "%s", w->trust);
    snprintf(e->share, sizeof e->share, "%s", w->introduce ? w->share : "0");
    strcpy(e->name, w->canonical);
    if (join_keypair(e->curve, invite->curve_secret) == 0)
        return 0;
    say_error("cannot make a key: no randomness");
    return STATUS_USAGE;
}

/* 0: the node has it; STATUS_ABSENT is no fault. */
static int tell_node(const struct home *h, bool *running)
{
    json_t *answer = NULL;
    int rc = home_ask(h, json_pack("{s:s}", "command", "invites"), TELL_TIMEOUT_MS, &answer);
    json_decref(answer);
    *running = rc == 0;
    return rc == STATUS_ABSENT ? 0 : rc;
}

static void say_invite(const struct call *call, const struct home *h, const struct invite *invite, const struct invite_entry *e, const char *text, bool running)
{
    char fingerprint[FINGERPRINT_MAX], when[TIME_TEXT_MAX], id[2 * KEY_BYTES + 1];
    record_fingerprint(invite->record.root, fingerprint);
    id_text(e->curve, id);
    if (call->json) {
        json_object_update_new(call->result, json_pack("{s:s, s:s, s:o, s:o, s:s, s:I, s:f, s:f, s:o, s:b}", "invite", text, "id", id, "name",
                                                       say_json_text(invite->record.name), "federation", say_json_text(invite->federation), "fingerprint", fingerprint,
                                                       "expires_s", (json_int_t)e->expires_s, "trust", strtod(e->trust, NULL), "introduce", strtod(e->share, NULL), "for",
                                                       e->name[0] != '\0' ? say_json_text(e->name) : json_null(), "running", running));
        return;
    }
    printf("%s\n\n", text);
    printf("Invite %s to %s, for %s, until %s.\n"
           "It is a secret: whoever has it first can join, once. Send it by a private way. There they say:\n"
           "  hearsay join INVITE\n"
           "This node is %s. Its fingerprint, to read to each other over the telephone:\n"
           "  %s\n", id, invite->federation, e->name[0] != '\0' ? e->name : "anybody", time_text(e->expires_s, when), invite->record.name, fingerprint);
    if (!running)
        printf("hearsayd is not running: joining works when it does (hearsayd -c %s).\n", h->config->file);
}

static int find_used(const struct home *h, const uint8_t curve[KEY_BYTES], struct invite_entry *out)
{
    struct invite_entry *all = calloc(INVITES_MAX, sizeof *all);
    size_t n = 0;
    int rc = all == NULL ? -ENOMEM : invites_load(h->config->invites_file, now_unix_s(), all, &n);
    int found = -ENOENT;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (memcmp(all[i].curve, curve, KEY_BYTES) != 0)
            continue;
        *out = all[i];
        found = all[i].used_s != 0 ? 1 : 0;
    }
    free(all);
    return rc != 0 ? rc : found;
}

/* The configuration as it is now knows the newcomer's name. */
static const char *newcomer_name(const struct call *call, const uint8_t root[KEY_BYTES], char out[NAME_MAX_BYTES + 1])
{
    struct config *c = NULL;
    char why[CONFIG_WHY_MAX];
    strcpy(out, "a newcomer");
    if (config_load(call->config_path, &c, why) == 0) {
        const struct policy_member *m = policy_member(c->policy, root);
        if (m != NULL)
            strcpy(out, m->name);
    }
    config_free(&c);
    return out;
}

static int wait_for_use(const struct call *call, const struct home *h, struct invite_entry *e)
{
    const struct timespec moment = { .tv_nsec = LOOK_MS * 1000000L };
    char name[NAME_MAX_BYTES + 1], fingerprint[FINGERPRINT_MAX];
    int rc;
    while ((rc = find_used(h, e->curve, e)) == 0 && now_unix_s() < e->expires_s)
        nanosleep(&moment, NULL);
    if (rc < 0) {
        say_error("the invite was withdrawn");
        return STATUS_NO;
    }
    if (rc == 0) {
        say_error("nobody joined in time");
        return STATUS_NO;
    }
    newcomer_name(call, e->root, name);
    record_fingerprint(e->root, fingerprint);
    if (call->json)
        json_object_set_new(call->result, "joined", json_pack("{s:o, s:s}", "name", say_json_text(name), "fingerprint", fingerprint));
    say_text(call, "%s joined. Its fingerprint, to be read to you over the telephone:\n  %s\nNot the same? Then: hearsay peer remove --purge %s\n", name, fingerprint, name);
    return 0;
}

static int give_out(const struct call *call, const struct home *h, const struct wish *w)
{
    struct invite invite;
    struct invite_entry e;
    char text[INVITE_TEXT_MAX];
    bool running = false;
    int rc = make(h, w, &invite, &e);
    if (rc != 0)
        return rc;
    int done = invite_seal(&invite, h->identity, text, sizeof text);
    explicit_bzero(invite.curve_secret, sizeof invite.curve_secret);
    if (done == 0)
        done = invites_add(h->config->invites_file, now_unix_s(), &e);
    if (done != 0)
        return file_failed(h, done);
    rc = tell_node(h, &running);
    if (rc != 0)
        return rc;
    say_invite(call, h, &invite, &e, text, running);
    if (!w->wait)
        return 0;
    fflush(stdout);
    return wait_for_use(call, h, &e);
}

/* ---- those that are out */

static const char *state_of(const struct invite_entry *e)
{
    return e->used_s != 0 ? "used" : e->expires_s <= now_unix_s() ? "over" : "open";
}

static void list_row(const struct call *call, const struct invite_entry *e, json_t *rows, struct table *t)
{
    char id[2 * KEY_BYTES + 1], name[NAME_MAX_BYTES + 1], fingerprint[FINGERPRINT_MAX] = "", when[TIME_TEXT_MAX];
    bool used = e->used_s != 0;
    if (used)
        record_fingerprint(e->root, fingerprint);
    json_t *row = json_pack("{s:s, s:o, s:f, s:f, s:I, s:s}", "id", id_text(e->curve, id), "for", e->name[0] != '\0' ? say_json_text(e->name) : json_null(), "trust",
                            strtod(e->trust, NULL), "introduce", strtod(e->share, NULL), "expires_s", (json_int_t)e->expires_s, "state", state_of(e));
    if (used)
        json_object_set_new(row, "joined", json_pack("{s:o, s:s, s:I}", "name", say_json_text(newcomer_name(call, e->root, name)), "fingerprint", fingerprint, "time_s",
                                                     (json_int_t)e->used_s));
    json_array_append_new(rows, row);
    table_cell(t, "%s", id);
    table_cell(t, "%s", e->name[0] != '\0' ? e->name : "anybody");
    table_cell(t, "%s", e->trust);
    table_cell(t, "%s", strcmp(e->share, "0") != 0 ? e->share : "-");
    table_cell(t, "%s", time_text(e->expires_s, when));
    table_cell(t, "%s%s%s", state_of(e), used ? " by " : "", used ? name : "");
    table_cell(t, "%s", fingerprint);
}

static int list(const struct call *call, const struct home *h)
{
    static const char *const heads[] = { "INVITE", "FOR", ">TRUST", ">SHARE", "UNTIL", "STATE", "FINGERPRINT", NULL };
    struct invite_entry *all = calloc(INVITES_MAX, sizeof *all);
    size_t n = 0;
    int done = all == NULL ? -ENOMEM : invites_load(h->config->invites_file, now_unix_s(), all, &n);
    if (done != 0) {
        free(all);
        return file_failed(h, done);
    }
    json_t *rows = json_array();
    struct table *t = table_create(heads);
    for (size_t i = 0; i < n; i++)
        list_row(call, &all[i], rows, t);
    if (call->json)
        say_json(json_pack("{s:b, s:O}", "ok", 1, "invites", rows), STATUS_DONE);
    else if (n == 0)
        puts("No invites are out.");
    else
        table_print(t, stdout, "");
    table_destroy(&t);
    json_decref(rows);
    free(all);
    return 0;
}

static int withdraw(const struct call *call, const struct home *h, const char *id)
{
    struct invite_entry *all = calloc(INVITES_MAX, sizeof *all);
    char text[2 * KEY_BYTES + 1];
    bool running = false;
    size_t n = 0, found = INVITES_MAX;
    int done = all == NULL ? -ENOMEM : invites_load(h->config->invites_file, now_unix_s(), all, &n);
    for (size_t i = 0; done == 0 && i < n; i++)
        if (strcmp(id_text(all[i].curve, text), id) == 0)
            found = i;
    if (done == 0)
        done = found < INVITES_MAX ? invites_remove(h->config->invites_file, now_unix_s(), all[found].curve) : -ENOENT;
    free(all);
    if (done == -ENOENT) {
        say_error("there is no invite %s: see `hearsay invite --list`", id);
        return STATUS_NO;
    }
    if (done != 0)
        return file_failed(h, done);
    say_text(call, "Invite %s is void.\n", id);
    if (call->json)
        json_object_set_new(call->result, "withdrawn", say_json_text(id));
    return tell_node(h, &running);
}

int cmd_invite(struct call *call)
{
    struct wish w = { .trust = peer_trust_default, .share = "0.25", .expires = "1d" };
    const struct arg_option options[] = {
        { .name = "--trust", .value = &w.trust }, { .name = "--introduce", .flag = &w.introduce }, { .name = "--share", .value = &w.share },
        { .name = "--expires", .value = &w.expires }, { .name = "--name", .value = &w.name }, { .name = "--wait", .flag = &w.wait },
        { .name = "--list", .flag = &w.list }, { .name = "--withdraw", .value = &w.withdraw }
    };
    struct home h = { 0 };
    int rc = args_take(call, options, sizeof options / sizeof *options, 0, 0);
    if (rc == 0)
        rc = check_wish(call, &w);
    if (rc == 0)
        rc = home_open(call, w.list || w.withdraw != NULL ? HOME_CONFIG : HOME_KEYS, &h);
    if (rc == 0)
        rc = w.list ? list(call, &h) : w.withdraw != NULL ? withdraw(call, &h, w.withdraw) : give_out(call, &h, &w);
    home_close(&h);
    return rc;
}
