/* `hearsay status`: how the running node is, worst news first. The answer over the control socket is what --json prints. */
#include <string.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { STATUS_TIMEOUT_MS = 5000, INTRODUCED_SHOWN = 20 };

/* A number at "a.b"; 0 when it is not there. */
static int64_t number_at(const json_t *o, const char *key)
{
    char outer[32];
    const char *dot = strchr(key, '.');
    if (dot == NULL)
        return (int64_t)json_integer_value(json_object_get(o, key));
    snprintf(outer, sizeof outer, "%.*s", (int)(dot - key), key);
    return (int64_t)json_integer_value(json_object_get(json_object_get(o, outer), dot + 1));
}

static const char *text_at(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

static const char *count_at(const json_t *o, const char *key, char out[NUMBER_TEXT_MAX])
{
    int64_t n = number_at(o, key);
    return count_text(n > 0 ? (uint64_t)n : 0, out);
}

static const char *bytes_at(const json_t *o, const char *key, char out[NUMBER_TEXT_MAX])
{
    int64_t n = number_at(o, key);
    return bytes_text(n > 0 ? (uint64_t)n : 0, out);
}

/* "12m ago"; "never" for 0. */
static const char *ago_text(int64_t then_s, int64_t now_s, char out[TIME_TEXT_MAX])
{
    char span[TIME_TEXT_MAX];
    if (then_s <= 0)
        snprintf(out, TIME_TEXT_MAX, "never");
    else if (now_s - then_s < 1)
        snprintf(out, TIME_TEXT_MAX, "now");
    else
        snprintf(out, TIME_TEXT_MAX, "%.20s ago", span_text(now_s - then_s, span));
    return out;
}

static void say_warnings(const json_t *s)
{
    size_t i;
    json_t *w, *warnings = json_object_get(s, "warnings");
    char clean[1024];
    json_array_foreach(warnings, i, w) {
        const char *text = json_string_value(w);
        printf("%sWARNING%s %s\n", say_colour(stdout, SAY_YELLOW), say_colour(stdout, SAY_PLAIN), clean_text(text != NULL ? text : "?", clean, sizeof clean));
    }
}

static void say_head(const json_t *s)
{
    bool healthy = json_array_size(json_object_get(s, "warnings")) == 0;
    char up[TIME_TEXT_MAX], name[NAME_MAX_BYTES + 1], federation[FEDERATION_MAX_BYTES + 1];
    printf("%s%s%s is %s%s%s: member of %s, up for %s, version %s\n", say_colour(stdout, SAY_BOLD), clean_text(text_at(s, "name"), name, sizeof name),
           say_colour(stdout, SAY_PLAIN), say_colour(stdout, healthy ? SAY_GREEN : SAY_YELLOW), healthy ? "well" : "not well", say_colour(stdout, SAY_PLAIN),
           clean_text(text_at(s, "federation"), federation, sizeof federation), span_text(number_at(s, "uptime_s"), up), text_at(s, "version"));
    say_warnings(s);
}

static void say_numbers(const json_t *s)
{
    char a[NUMBER_TEXT_MAX], b[NUMBER_TEXT_MAX], c[NUMBER_TEXT_MAX], d[NUMBER_TEXT_MAX], when[TIME_TEXT_MAX];
    const json_t *rates = json_object_get(s, "rates");
    double reports = json_number_value(json_object_get(rates, "reports_1m"));
    printf("  identity   %s, %s %s%s\n", text_at(s, "fingerprint"), json_is_true(json_object_get(s, "left")) ? "left on" : "record valid until",
           time_text(number_at(s, "record_expires_s"), when), json_is_true(json_object_get(s, "root_offline")) ? ", root key offline" : "");
    printf("  reports    %.1f a second in the last minute; %s stored, %s failed, %s bad lines, %s connections now\n", reports,
           count_at(s, "reports.stored", a), count_at(s, "reports.failed", b), count_at(s, "reports.errors", c), count_at(s, "reports.connections_now", d));
    printf("  knows      %s subjects, %s opinions, %s own; lists %s", count_at(s, "counts.subjects", a), count_at(s, "counts.opinions", b),
           count_at(s, "counts.evidence", c), count_at(s, "counts.listings", d));
    if (number_at(s, "counts.networks") > 0)
        printf(", and %s %s around them", count_at(s, "counts.networks", a), number_at(s, "counts.networks") == 1 ? "network" : "networks");
    puts("");
    printf("  database   %s, log %s; %s waiting to be scored\n", bytes_at(s, "counts.file_bytes", a), bytes_at(s, "counts.wal_bytes", b),
           count_at(s, "backlog", c));
    printf("  mesh       told %lld/%lld; %s in, %s out; refused connections %s%s\n", (long long)number_at(s, "epoch"), (long long)number_at(s, "seq"),
           bytes_at(s, "mesh.bytes_in", a), bytes_at(s, "mesh.bytes_out", b), count_at(s, "mesh.zap_denied", c),
           json_is_true(json_object_get(s, "settled")) || json_array_size(json_object_get(s, "peers")) == 0 ? "" : "; still asking what is known of us");
}

static const char *link_word(const json_t *p, bool wanted)
{
    if (json_is_true(json_object_get(p, "left")))
        return "left";
    if (json_is_true(json_object_get(p, "quarantined")))
        return "quarant.";
    if (number_at(p, "silenced_until_s") > 0)
        return "silenced";
    if (number_at(p, "paused_until_s") > 0)
        return "paused";
    return json_is_true(json_object_get(p, "connected")) ? "up" : wanted ? "DOWN" : "none";
}

/* Only while there is something to say: who has no peers has nobody to catch up with. */
static void say_catching_up(const json_t *s)
{
    const json_t *c = json_object_get(json_object_get(s, "mesh"), "catching_up");
    double share = json_number_value(json_object_get(c, "share"));
    bool held_back = json_is_true(json_object_get(c, "held_back"));
    char known[NUMBER_TEXT_MAX], neighbours[NUMBER_TEXT_MAX];
    if (c == NULL || json_array_size(json_object_get(s, "peers")) == 0 || (!held_back && share >= 0.95))
        return;
    printf("  catching up: %.0f %% of %s batches, from %s neighbours%s\n", share * 100, count_at(c, "known", known), count_at(c, "neighbours", neighbours),
           held_back ? "; until 95 % are here, only own evidence lists" : "");
}

static void say_peers(const json_t *s, int64_t now_s)
{
    static const char *const heads[] = { "PEER", ">TRUST", ">RELIABLE", "LINK", ">HEARD", ">BEHIND", ">BATCHES", ">BAD", "PROBLEM", NULL };
    json_t *p, *peers = json_object_get(s, "peers");
    struct table *t;
    size_t i;
    if (json_array_size(peers) == 0) {
        puts("  no peers: this node is alone (hearsay peer add CARD)");
        return;
    }
    t = table_create(heads);
    json_array_foreach(peers, i, p) {
        char n[NUMBER_TEXT_MAX], when[TIME_TEXT_MAX];
        bool wanted = json_is_true(json_object_get(p, "link"));
        table_cell(t, "%s", text_at(p, "name"));
        table_cell(t, "%.2f", json_number_value(json_object_get(p, "trust")));
        table_cell(t, "%.2f", json_number_value(json_object_get(p, "reliability")));
        table_cell(t, "%s", link_word(p, wanted));
        table_cell(t, "%s", ago_text(number_at(p, "heard_s"), now_s, when));
        table_cell(t, "%s", number_at(p, "heard_s") > 0 ? count_at(p, "behind", n) : "-");     /* unheard, nobody knows how far it is */
        table_cell(t, "%s", count_at(p, "batches", n));
        table_cell(t, "%s", count_at(p, "bad", n));
        table_cell(t, "%s", text_at(p, "problem"));
    }
    putchar('\n');
    table_print(t, stdout, "  ");
    table_destroy(&t);
}

static void say_introduced(const json_t *s)
{
    static const char *const heads[] = { "INTRODUCED", ">TRUST", "GROUP", "BY", ">BEHIND", "UNTIL", NULL };
    json_t *m, *introduced = json_object_get(s, "introduced");
    struct table *t;
    size_t i;
    if (json_array_size(introduced) == 0)
        return;
    t = table_create(heads);
    json_array_foreach(introduced, i, m) {
        char n[NUMBER_TEXT_MAX], when[TIME_TEXT_MAX];
        if (i == INTRODUCED_SHOWN)
            break;
        table_cell(t, "%s", text_at(m, "name"));
        table_cell(t, "%.3f", json_number_value(json_object_get(m, "trust")));
        table_cell(t, "%s", text_at(m, "group"));
        table_cell(t, "%s", text_at(m, "introducer"));
        table_cell(t, "%s", count_at(m, "behind", n));
        table_cell(t, "%s", time_text(number_at(m, "until_s"), when));
    }
    putchar('\n');
    table_print(t, stdout, "  ");
    table_destroy(&t);
    if (json_array_size(introduced) > INTRODUCED_SHOWN)
        printf("  and %zu more: hearsay introductions\n", json_array_size(introduced) - INTRODUCED_SHOWN);
}

static void say_zones(const json_t *s, int64_t now_s)
{
    static const char *const heads[] = { "ZONE", ">LISTINGS", ">WRITTEN", "EXPIRES", "FILE", "PROBLEM", NULL };
    json_t *z, *zones = json_object_get(s, "zones");
    struct table *t = table_create(heads);
    size_t i;
    json_array_foreach(zones, i, z) {
        char n[NUMBER_TEXT_MAX], when[TIME_TEXT_MAX];
        table_cell(t, "%s", text_at(z, "name"));
        table_cell(t, "%s", count_at(z, "listings", n));
        table_cell(t, "%s", ago_text(number_at(z, "written_s"), now_s, when));
        table_cell(t, "%s", time_text(number_at(z, "expires_s"), when));
        table_cell(t, "%s", text_at(z, "file"));
        table_cell(t, "%s", text_at(z, "problem"));
    }
    putchar('\n');
    table_print(t, stdout, "  ");
    table_destroy(&t);
}

/* What the node refused or dropped, only where there is something. */
static void say_refusals(const json_t *s)
{
    static const char *const quiet[] = { "frames", "merged", "duplicate", "fetches", "served", "introductions" };
    json_t *n, *counts = json_object_get(json_object_get(s, "mesh"), "counts");
    const char *key;
    bool any = false;
    json_object_foreach(counts, key, n) {
        bool ordinary = json_integer_value(n) == 0;
        for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
            ordinary = ordinary || strcmp(quiet[i], key) == 0;
        if (ordinary)
            continue;
        printf("%s%s %lld", any ? ", " : "\n  from peers, not taken: ", key, (long long)json_integer_value(n));
        any = true;
    }
    if (any)
        putchar('\n');
}

static int say_status(const json_t *s)
{
    int64_t now_s = now_unix_s();
    say_head(s);
    say_numbers(s);
    say_catching_up(s);
    say_peers(s, now_s);
    say_introduced(s);
    if (json_array_size(json_object_get(s, "zones")) > 0)
        say_zones(s, now_s);
    say_refusals(s);
    return json_array_size(json_object_get(s, "warnings")) == 0 ? STATUS_DONE : STATUS_NO;
}

int cmd_status(struct call *call)
{
    struct home h = { 0 };
    json_t *status = NULL;
    int rc = args_take(call, NULL, 0, 0, 0);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc != 0)
        return rc;
    rc = home_ask(&h, json_pack("{s:s}", "command", "status"), STATUS_TIMEOUT_MS, &status);
    if (rc == STATUS_ABSENT)
        rc = home_absent(&h);
    else if (rc == 0 && call->json)
        rc = say_json(json_incref(status), json_array_size(json_object_get(status, "warnings")) == 0 ? STATUS_DONE : STATUS_NO);
    else if (rc == 0)
        rc = say_status(status);
    json_decref(status);
    home_close(&h);
    return rc;
}
