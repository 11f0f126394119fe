/* `hearsay peer list`: what the configuration says of each peer, and what the running node knows of its link. */
#include <string.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/peer.h"
#include "tools/rights.h"
#include "tools/say.h"

enum { STATUS_TIMEOUT_MS = 5000 };

/* The node's own entry for this key; NULL when it is not there or does not know it. */
static const json_t *find_live(const json_t *status, const char *root_hex)
{
    size_t i;
    json_t *peer, *peers = json_object_get(status, "peers");
    json_array_foreach(peers, i, peer) {
        const char *root = json_string_value(json_object_get(peer, "root"));
        if (root != NULL && strcmp(root, root_hex) == 0)
            return peer;
    }
    return NULL;
}

static int note_quarantined(void *ctx, const struct member_row *m)
{
    char root[2 * KEY_BYTES + 1];
    if (m->quarantined)
        json_object_set_new(ctx, hex_text(m->root, KEY_BYTES, root), json_true());
    return 0;
}

/* Who is in quarantine, by root: the database says so, with the node running or not. Empty when it cannot be read. */
static json_t *find_quarantined(const struct home *h)
{
    json_t *roots = json_object();
    struct reader *r = NULL;
    char why[STORE_WHY_MAX];
    if (reader_open(h->config->database, h->config->policy, &r, why) == 0)
        reader_members(r, now_unix_s(), note_quarantined, roots);
    reader_close(&r);
    return roots;
}

static json_t *peer_json(const struct home *h, const struct config_peer *p, const json_t *live, const json_t *quarantined)
{
    char root[2 * KEY_BYTES + 1], fingerprint[FINGERPRINT_MAX];
    json_int_t expires_s = p->record.not_after_s;
    const json_t *newer = json_object_get(live, "record_expires_s");
    if (json_integer_value(newer) > 0)
        expires_s = json_integer_value(newer);
    json_t *out = json_pack("{s:s, s:f, s:f, s:s, s:s, s:s, s:s, s:b, s:I}", "name", p->name, "introduce", p->introduce_milli / 1000.0, "trust", p->trust_micro / (double)MICRO, "root",
                            hex_text(p->record.root, KEY_BYTES, root), "fingerprint", record_fingerprint(p->record.root, fingerprint), "publish",
                            p->record.publish, "repair", p->record.repair, "link", p->link || p->choose, "record_expires_s", expires_s);
    static const char *const keys[] = { "connected", "heard_s", "behind", "left", "unaware", "problem", "bad", "penalty", "paused_until_s", "over_quota", "over_subjects", "throttled" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(live, keys[i]);
        json_object_set_new(out, keys[i], value != NULL ? json_incref(value) : json_null());
    }
    char text[RIGHTS_TEXT_MAX];
    int64_t end_s = peer_probation_end(h, p);
    json_object_set_new(out, "rights", rights_json(h->config->policy, &p->rights, end_s));
    json_object_set_new(out, "rights_text", json_string(rights_text(h->config->policy, &p->rights, end_s, text)));
    json_object_set_new(out, "quarantined", json_boolean(json_object_get(quarantined, root) != NULL));
    json_t *chosen = json_object_get(live, "link");
    json_object_set_new(out, "chosen", chosen != NULL ? json_incref(chosen) : json_null());
    return out;
}

static const char *link_word(const json_t *peer, bool running)
{
    if (json_is_true(json_object_get(peer, "left")))
        return "has left";
    if (!json_is_true(json_object_get(peer, "link")))
        return "none wanted";
    if (!running)
        return "node is down";
    if (json_integer_value(json_object_get(peer, "paused_until_s")) > 0)
        return "paused";
    if (json_is_false(json_object_get(peer, "chosen")))
        return "not chosen";
    return json_is_true(json_object_get(peer, "connected")) ? "up" : "down";
}

/* Those whom introductions made known, by the running node. */
static void say_introduced(const json_t *introduced)
{
    if (json_array_size(introduced) > 0)
        printf("\nBesides, %zu %s by introduction: hearsay introductions\n", json_array_size(introduced),
               json_array_size(introduced) == 1 ? "member is known" : "members are known");
}

static void say_peers(const json_t *peers, bool running)
{
    static const char *const heads[] = { "NAME", ">TRUST", "RIGHTS", "FINGERPRINT", "ENDPOINT", "RECORD UNTIL", "LINK", NULL };
    struct table *t = table_create(heads);
    size_t i;
    json_t *p;
    json_array_foreach(peers, i, p) {
        char when[TIME_TEXT_MAX];
        json_int_t expires_s = json_integer_value(json_object_get(p, "record_expires_s"));
        const char *problem = json_string_value(json_object_get(p, "problem"));
        table_cell(t, "%s", json_string_value(json_object_get(p, "name")));
        table_cell(t, "%.2f%s", json_number_value(json_object_get(p, "trust")), json_is_true(json_object_get(p, "quarantined")) ? ", in quarantine" : "");
        table_cell(t, "%s", json_string_value(json_object_get(p, "rights_text")));
        table_cell(t, "%s", json_string_value(json_object_get(p, "fingerprint")));
        table_cell(t, "%s", json_string_value(json_object_get(p, "publish")));
        table_cell(t, "%.10s%s", time_text(expires_s, when), expires_s <= now_unix_s() ? " (over)" : "");
        table_cell(t, "%s%s%s", link_word(p, running), problem != NULL && *problem ? ": " : "", problem != NULL ? problem : "");
    }
    table_print(t, stdout, "");
    table_destroy(&t);
}

int peer_list(struct call *call)
{
    struct home h = { 0 };
    json_t *status = NULL, *peers = json_array(), *quarantined;
    int rc = args_take(call, NULL, 0, 0, 0);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc != 0) {
        json_decref(peers);
        return rc;
    }
    quarantined = find_quarantined(&h);
    bool running = home_ask(&h, json_pack("{s:s}", "command", "status"), STATUS_TIMEOUT_MS, &status) == 0;
    for (size_t i = 0; i < h.config->peers_n; i++) {
        char root[2 * KEY_BYTES + 1];
        const struct config_peer *p = &h.config->peers[i];
        json_array_append_new(peers, peer_json(&h, p, find_live(status, hex_text(p->record.root, KEY_BYTES, root)), quarantined));
    }
    json_decref(quarantined);
    if (call->json)
        say_json(json_pack("{s:b, s:O, s:o}", "running", running, "peers", peers, "introduced",
                           json_object_get(status, "introduced") != NULL ? json_incref(json_object_get(status, "introduced")) : json_array()), STATUS_DONE);
    else if (h.config->peers_n == 0)
        puts("No peers yet. Get another member's card (`hearsay card` there) and say: hearsay peer add CARD");
    else
        say_peers(peers, running);
    if (!call->json)
        say_introduced(json_object_get(status, "introduced"));
    json_decref(peers);
    json_decref(status);
    home_close(&h);
    return rc;
}
