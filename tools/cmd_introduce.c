/* `hearsay introduce` and `hearsay introductions`: whom this member vouches for, and what others said of whom. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/config_text.h"
#include "node/peers_file.h"
#include "proto/introductions.h"
#include "store/trust.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/peer.h"
#include "tools/say.h"

/* Four newcomers are carried in full; more share what there is. */
static const char share_default[] = "0.25", expires_default[] = "90d";

/* ---- introduce */

/* "90d" from now, a time, or "never", as it will stand in peers.conf. */
static int choose_until(const struct call *call, const char *text, char out[TIME_TEXT_MAX])
{
    enum { SPAN_DAYS_MAX = 3650 };
    int64_t ms, until_s;
    if (config_duration(text, &ms) == 0 && ms >= 60000 && ms / 1000 <= INT64_C(86400) * SPAN_DAYS_MAX)
        until_s = now_unix_s() + ms / 1000;
    else if (text_time(text, &until_s) != 0)
        return args_wrong(call, "--expires %s: a span from 1m to %dd such as 90d, a day such as 2027-02-23, or never", text, SPAN_DAYS_MAX);
    if (until_s == 0)
        strcpy(out, "never");
    else if (until_s <= now_unix_s())
        return args_wrong(call, "--expires %s: that is over", text);
    else
        stamp_text(until_s, out);
    return 0;
}

static int check_share(const struct call *call, const char *text)
{
    int rc = peer_check_trust(call, text, "--share");
    return rc != 0 || strtod(text, NULL) >= 0.001 ? rc : args_wrong(call, "--share %s: more than nothing, such as 0.25", text);
}

/* The peer that is meant, by name or by card. */
static int find_peer(const struct home *h, const char *word, const struct config_peer **out)
{
    struct record r;
    *out = home_peer(h->config, word);
    if (*out != NULL)
        return 0;
    if (strncmp(word, "hearsay1:", 9) != 0) {
        say_error("there is no peer %s: see `hearsay peer list`", word);
        return STATUS_NO;
    }
    int rc = peer_open_card(word, &r);
    for (size_t i = 0; rc == 0 && i < h->config->peers_n; i++)
        if (memcmp(h->config->peers[i].record.root, r.root, KEY_BYTES) == 0)
            *out = &h->config->peers[i];
    if (rc == 0 && *out == NULL) {
        say_error("%s is no peer of this node, which so cannot vouch for it: first say `hearsay peer add CARD --trust W`", r.name);
        rc = STATUS_NO;
    }
    return rc;
}

static void say_introduced(const struct call *call, const struct config_peer *p, const char *share, const char *until)
{
    char fingerprint[FINGERPRINT_MAX];
    record_fingerprint(p->record.root, fingerprint);
    if (call->json) {
        json_object_set_new(call->result, "peer", say_json_text(p->name));
        json_object_set_new(call->result, "fingerprint", json_string(fingerprint));
        json_object_set_new(call->result, "share", json_real(strtod(share, NULL)));
        json_object_set_new(call->result, "until", json_string(until));
    }
    bool renewed = strcmp(until, "never") == 0;
    say_text(call, "Introduces %s (%s) with a share of %s, %s%s.\n", p->name, fingerprint, share, renewed ? "renewed until it is withdrawn" : "until ",
             renewed ? "" : until);
}

static int set_introduction(const struct call *call, const struct home *h, const struct config_peer *p, const char *share, const char *until)
{
    if (strcmp(share, "0") != 0 && p->trust_micro == 0) {
        say_error("this node believes nothing of %s, and so cannot vouch for it: first say `hearsay peer trust %s W`", p->name, p->name);
        return STATUS_NO;
    }
    int done = peers_file_introduce(h->config->peers_file, p->name, share, until);
    if (done != 0)
        return peer_edit_failed(h, done, p->name);
    if (strcmp(share, "0") != 0)
        say_introduced(call, p, share, until);
    else
        say_text(call, "Introduces %s no more.\n", p->name);
    if (call->json && strcmp(share, "0") == 0)
        json_object_set_new(call->result, "withdrawn", say_json_text(p->name));
    return peer_finish_edit(call, h, p->name, true);
}

static int withdraw(const struct call *call, const struct home *h, const struct config_peer *p)
{
    if (p->introduce_milli > 0)
        return set_introduction(call, h, p, "0", "never");
    say_error("%s is not introduced: see `hearsay introductions`", p->name);
    return STATUS_NO;
}

int cmd_introduce(struct call *call)
{
    const char *share = share_default, *expires = expires_default;
    bool withdrawing = false;
    const struct arg_option options[] = {
        { .name = "--share", .value = &share }, { .name = "--expires", .value = &expires }, { .name = "--withdraw", .flag = &withdrawing }
    };
    char until[TIME_TEXT_MAX];
    const struct config_peer *p = NULL;
    struct home h = { 0 };
    int rc = args_take(call, options, sizeof options / sizeof *options, 1, 1);
    if (rc == 0)
        rc = check_share(call, share);
    if (rc == 0)
        rc = choose_until(call, expires, until);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = find_peer(&h, call->argv[0], &p);
    if (rc == 0)
        rc = withdrawing ? withdraw(call, &h, p) : set_introduction(call, &h, p, share, until);
    home_close(&h);
    return rc;
}

/* ---- a peer that is removed */

struct vouching {
    const struct home *home;
    const struct config_peer *peer;
    char who[512];
    int64_t now_s;
};

static int add_voucher(void *ctx, const struct trust_link *l, struct bytes record)
{
    struct vouching *v = ctx;
    size_t used = strlen(v->who);
    const struct policy_member *by = policy_member(v->home->config->policy, l->introducer);
    (void)record;
    if (by != NULL && by->trust_micro > 0 && l->expires_s > v->now_s && memcmp(l->introduced, v->peer->record.root, KEY_BYTES) == 0)
        snprintf(v->who + used, sizeof v->who - used, "%s%s", used > 0 ? ", " : "", by->name);
    return 0;
}

void introduce_warn(const struct home *h, const struct config_peer *p)
{
    struct vouching v = { .home = h, .peer = p, .now_s = now_unix_s() };
    struct reader *r = NULL;
    char why[STORE_WHY_MAX];
    if (reader_open(h->config->database, h->config->policy, &r, why) == 0)
        reader_introductions(r, add_voucher, &v);
    reader_close(&r);
    if (v.who[0] != '\0')
        say_warning("%s is introduced by %s, and so believed a little without being a peer; to believe nothing of it, add it again with --trust 0", p->name, v.who);
}

/* ---- introductions */

struct table_of_trust {
    struct { struct trusted trusted; char name[NAME_MAX_BYTES + 1]; } *at;
    size_t n;
};

struct listing_of {
    const struct home *home;
    struct table_of_trust trust;
    json_t *rows;
    int64_t now_s;
};

static int add_trusted(void *ctx, const struct trusted *t, const struct record *rec, struct bytes frame)
{
    struct table_of_trust *trust = ctx;
    (void)frame;
    void *grown = realloc(trust->at, (trust->n + 1) * sizeof *trust->at);
    if (grown == NULL)
        return -ENOMEM;
    trust->at = grown;
    trust->at[trust->n].trusted = *t;
    strcpy(trust->at[trust->n++].name, rec->name);
    return 0;
}

static const char *name_of(const struct listing_of *l, const uint8_t root[KEY_BYTES], char out[FINGERPRINT_MAX])
{
    for (size_t i = 0; i < l->trust.n; i++)
        if (memcmp(l->trust.at[i].trusted.root, root, KEY_BYTES) == 0)
            return l->trust.at[i].name;
    return home_member_name(l->home, root, out);
}

static void put_trust(const struct listing_of *l, const struct trust_link *link, json_t *row)
{
    char group[FINGERPRINT_MAX];
    const struct policy_member *direct = policy_member(l->home->config->policy, link->introduced);
    double trust = direct != NULL ? direct->trust_micro / (double)MICRO : 0;
    bool counts = false;
    for (size_t i = 0; direct == NULL && i < l->trust.n; i++) {
        const struct trusted *t = &l->trust.at[i].trusted;
        if (memcmp(t->root, link->introduced, KEY_BYTES) != 0)
            continue;
        trust = t->tau_micro / (double)MICRO;
        counts = memcmp(t->introducer, link->introducer, KEY_BYTES) == 0;
        json_object_set_new(row, "group", say_json_text(name_of(l, t->group, group)));
        json_object_set_new(row, "hops", json_integer(t->hops));
    }
    json_object_set_new(row, "trust", json_real(trust));
    json_object_set_new(row, "direct", json_boolean(direct != NULL));
    json_object_set_new(row, "counts", json_boolean(counts));
}

static json_t *row_of(const struct listing_of *l, const struct trust_link *link, const char *introduced)
{
    char introducer[FINGERPRINT_MAX], fingerprint[FINGERPRINT_MAX], by[2 * KEY_BYTES + 1], whom[2 * KEY_BYTES + 1];
    json_t *row = json_pack("{s:o, s:s, s:o, s:s, s:s, s:f, s:I, s:b}", "introducer", say_json_text(name_of(l, link->introducer, introducer)), "introducer_root",
                            hex_text(link->introducer, KEY_BYTES, by), "introduced", say_json_text(introduced), "introduced_root",
                            hex_text(link->introduced, KEY_BYTES, whom), "fingerprint", record_fingerprint(link->introduced, fingerprint), "share",
                            link->share_milli / (double)SHARE_UNIT, "expires_s", (json_int_t)link->expires_s, "expired", link->expires_s <= l->now_s);
    put_trust(l, link, row);
    return row;
}

static bool is_own(const struct listing_of *l, const uint8_t root[KEY_BYTES])
{
    return memcmp(l->home->config->policy->self, root, KEY_BYTES) == 0;
}

static int add_row(void *ctx, const struct trust_link *link, struct bytes record)
{
    struct listing_of *l = ctx;
    struct record r;
    if (record_open(record, &r) != 0)
        return 0;
    json_t *row = row_of(l, link, r.name);
    json_object_set_new(row, "own", json_boolean(is_own(l, link->introducer)));
    json_object_set_new(row, "signed", json_true());
    json_array_append_new(l->rows, row);
    return 0;
}

static json_t *find_own(const struct listing_of *l, const char *root)
{
    size_t i;
    json_t *row;
    json_array_foreach(l->rows, i, row) {
        const char *whom = json_string_value(json_object_get(row, "introduced_root"));
        if (json_is_true(json_object_get(row, "own")) && whom != NULL && strcmp(whom, root) == 0)
            return row;
    }
    return NULL;
}

/* What the configuration says counts; a node that is down has not signed it yet. */
static void add_unsigned(struct listing_of *l)
{
    char root[2 * KEY_BYTES + 1];
    for (size_t i = 0; i < l->home->config->peers_n; i++) {
        const struct config_peer *p = &l->home->config->peers[i];
        struct trust_link link = { .share_milli = p->introduce_milli, .expires_s = p->introduce_until_s };
        json_t *row = find_own(l, hex_text(p->record.root, KEY_BYTES, root));
        if (row != NULL)
            json_object_set_new(row, "renewed", json_boolean(p->introduce_milli > 0 && p->introduce_until_s == 0));
        if (row != NULL || p->introduce_milli == 0 || p->trust_micro == 0 || (link.expires_s != 0 && link.expires_s <= l->now_s))
            continue;
        memcpy(link.introducer, l->home->config->policy->self, KEY_BYTES);
        memcpy(link.introduced, p->record.root, KEY_BYTES);
        row = row_of(l, &link, p->name);
        json_object_set_new(row, "own", json_true());
        json_object_set_new(row, "signed", json_false());
        json_object_set_new(row, "expired", json_false());
        json_object_set_new(row, "renewed", json_boolean(link.expires_s == 0));
        json_array_append_new(l->rows, row);
    }
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

static void trust_cells(const json_t *row, struct table *t)
{
    double trust = json_number_value(json_object_get(row, "trust"));
    bool own = json_is_true(json_object_get(row, "own")), counts = json_is_true(json_object_get(row, "counts"));
    if (own || json_is_true(json_object_get(row, "expired")))
        table_cell(t, "-");
    else
        table_cell(t, "%.3f", trust);
    if (own)
        table_cell(t, "%s", json_is_true(json_object_get(row, "signed")) ? "told to the others" : "signed when hearsayd runs");
    else if (json_is_true(json_object_get(row, "direct")))
        table_cell(t, "a peer of ours anyway");
    else if (counts)
        table_cell(t, "group of %s", text_of(row, "group"));
    else
        table_cell(t, "%s%s", trust > 0 ? "counted in the group of " : "gives no trust here", trust > 0 ? text_of(row, "group") : "");
}

static void say_rows(const json_t *rows)
{
    static const char *const heads[] = { "INTRODUCER", "INTRODUCED", "FINGERPRINT", ">SHARE", "UNTIL", ">TRUST", "WHAT FOLLOWS", NULL };
    struct table *t = table_create(heads);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        char when[TIME_TEXT_MAX];
        bool renewed = json_is_true(json_object_get(row, "renewed"));
        table_cell(t, "%s", text_of(row, "introducer"));
        table_cell(t, "%s", text_of(row, "introduced"));
        table_cell(t, "%s", text_of(row, "fingerprint"));
        table_cell(t, "%.3g", json_number_value(json_object_get(row, "share")));
        table_cell(t, "%s%s", renewed ? "renewed" : time_text(json_integer_value(json_object_get(row, "expires_s")), when),
                   json_is_true(json_object_get(row, "expired")) ? " (over)" : "");
        trust_cells(row, t);
    }
    table_print(t, stdout, "");
    table_destroy(&t);
}

static int collect(struct listing_of *l, struct reader *r)
{
    int rc = reader_trusted(r, add_trusted, &l->trust);
    if (rc == 0)
        rc = reader_introductions(r, add_row, l);
    if (rc == 0)
        add_unsigned(l);
    else
        say_error("%s: %s", l->home->config->database, home_database_text(rc));
    return rc == 0 ? 0 : STATUS_USAGE;
}

int cmd_introductions(struct call *call)
{
    struct home h = { 0 };
    struct reader *r = NULL;
    struct listing_of l = { .home = &h, .rows = json_array(), .now_s = now_unix_s() };
    int rc = args_take(call, NULL, 0, 0, 0);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = home_reader(&h, &r);
    if (rc == 0)
        rc = collect(&l, r);
    if (rc == 0 && call->json)
        say_json(json_pack("{s:b, s:O}", "ok", 1, "introductions", l.rows), STATUS_DONE);
    else if (rc == 0 && json_array_size(l.rows) == 0)
        puts("Nobody introduces anybody. To vouch for a peer before the others: hearsay introduce NAME");
    else if (rc == 0)
        say_rows(l.rows);
    reader_close(&r);
    json_decref(l.rows);
    free(l.trust.at);
    home_close(&h);
    return rc;
}
