/* `hearsay tool`: the state of the Exim toolbox. Lists read the database, with the node running or not; what is cleared is cleared by the node. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/network.h"
#include "store/reader_tools.h"
#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

enum { CLEAR_TIMEOUT_MS = 60000, TOP_DEFAULT = 20, TOP_MAX = 10000 };

/* Rows on their way to a table or to JSON. */
struct listing_out {
    const struct call *call;
    struct table *table;            /* NULL with --json */
    int64_t now_s;
    uint64_t n;
    struct bounce_row *top;         /* of `bounces top`: the top_n largest so far, the largest first */
    size_t top_n, top_max;
};

static void put_text(json_t *to, const char *key, const char *text)
{
    json_object_set_new(to, key, say_json_text(text));
}

static void put_number(json_t *to, const char *key, int64_t number)
{
    json_object_set_new(to, key, json_integer((json_int_t)number));
}

/* One row of the JSON list; drops the reference. Printed at once, since a list may be long. */
static int put_row(struct listing_out *to, json_t *row)
{
    char *text = json_dumps(row, JSON_COMPACT);
    json_decref(row);
    if (text == NULL)
        return -ENOMEM;
    printf("%s%s", to->n > 1 ? ",\n" : "", text);
    free(text);
    return ferror(stdout) ? -EIO : 0;
}

/* Bytes that are no UTF-8 may come from anywhere: as JSON has them, so has the table. */
static void put_cell(struct table *t, const char *text)
{
    json_t *plain = say_json_text(text[0] != '\0' ? text : "<>");
    table_cell(t, "%s", plain != NULL ? json_string_value(plain) : "?");
    json_decref(plain);
}

/* ---- rows */

static int put_tarpit(void *ctx, const struct tarpit_row *row)
{
    struct listing_out *to = ctx;
    char client[SUBJECT_TEXT_MAX], last[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    subject_text(&row->client, client);
    to->n++;
    if (to->table == NULL) {
        json_t *out = json_object();
        put_text(out, "client", client);
        put_number(out, "count", (int64_t)row->count);
        put_number(out, "first_s", row->first_s);
        put_number(out, "last_s", row->last_s);
        put_number(out, "until_s", row->until_s);
        return put_row(to, out);
    }
    table_cell(to->table, "%s", client);
    table_cell(to->table, "%llu", (unsigned long long)row->count);
    table_cell(to->table, "%s", stamp_text(row->last_s, last));
    table_cell(to->table, "%s", stamp_text(row->until_s, until));
    return 0;
}

static int put_bounce(void *ctx, const struct bounce_row *row)
{
    struct listing_out *to = ctx;
    char last[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    to->n++;
    if (to->table == NULL) {
        json_t *out = json_object();
        put_text(out, "user", row->user);
        put_number(out, "hour", (int64_t)row->hour);
        put_number(out, "day", (int64_t)row->day);
        put_number(out, "last_s", row->last_s);
        put_number(out, "until_s", row->until_s);
        return put_row(to, out);
    }
    put_cell(to->table, row->user);
    table_cell(to->table, "%llu", (unsigned long long)row->hour);
    table_cell(to->table, "%llu", (unsigned long long)row->day);
    table_cell(to->table, "%s", stamp_text(row->last_s, last));
    table_cell(to->table, "%s", stamp_text(row->until_s, until));
    return 0;
}

static bool bounces_more(const struct bounce_row *a, const struct bounce_row *b)
{
    return a->hour != b->hour ? a->hour > b->hour : a->day > b->day;
}

static int keep_top(void *ctx, const struct bounce_row *row)
{
    struct listing_out *to = ctx;
    size_t at = to->top_n;
    while (at > 0 && bounces_more(row, &to->top[at - 1]))
        at--;
    if (at == to->top_max)
        return 0;
    if (to->top_n < to->top_max)
        to->top_n++;
    memmove(to->top + at + 1, to->top + at, (to->top_n - at - 1) * sizeof *to->top);
    to->top[at] = *row;
    return 0;
}

static int put_grey(void *ctx, const struct grey_row *row)
{
    struct listing_out *to = ctx;
    char network[SUBJECT_TEXT_MAX], client[SUBJECT_TEXT_MAX], first[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    const char *state = row->passed_s != 0 ? "passed" : "waits";
    subject_text(&row->network, network);
    to->n++;
    if (to->table == NULL) {
        json_t *out = json_object();
        put_text(out, "network", network);
        put_text(out, "client", subject_text(&row->client, client));
        put_text(out, "sender", row->sender);
        put_text(out, "rcpt", row->rcpt);
        put_text(out, "state", state);
        put_number(out, "first_s", row->first_s);
        put_number(out, "passed_s", row->passed_s);
        put_number(out, "last_s", row->last_s);
        put_number(out, "until_s", row->until_s);
        return put_row(to, out);
    }
    table_cell(to->table, "%s", network);
    put_cell(to->table, row->sender);
    put_cell(to->table, row->rcpt);
    table_cell(to->table, "%s", state);
    table_cell(to->table, "%s", stamp_text(row->first_s, first));
    table_cell(to->table, "%s", stamp_text(row->until_s, until));
    return 0;
}

static int put_client(void *ctx, const struct grey_client_row *row)
{
    struct listing_out *to = ctx;
    char network[SUBJECT_TEXT_MAX], last[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    bool white = row->passed >= GREY_PASSED_MIN;
    subject_text(&row->network, network);
    to->n++;
    if (to->table == NULL) {
        json_t *out = json_object();
        put_text(out, "network", network);
        put_number(out, "passed", (int64_t)row->passed);
        put_number(out, "abandoned", (int64_t)row->abandoned);
        json_object_set_new(out, "white", json_boolean(white));
        put_number(out, "last_s", row->last_s);
        put_number(out, "until_s", row->until_s);
        return put_row(to, out);
    }
    table_cell(to->table, "%s", network);
    table_cell(to->table, "%llu", (unsigned long long)row->passed);
    table_cell(to->table, "%llu", (unsigned long long)row->abandoned);
    table_cell(to->table, "%s", white ? "white" : "-");
    table_cell(to->table, "%s", stamp_text(row->last_s, last));
    table_cell(to->table, "%s", stamp_text(row->until_s, until));
    return 0;
}

static int put_spf(void *ctx, const struct spf_row *row)
{
    struct listing_out *to = ctx;
    char client[SUBJECT_TEXT_MAX], domain[SUBJECT_TEXT_MAX], until[TIME_TEXT_MAX];
    subject_text(&row->client, client);
    subject_text(&row->domain, domain);
    to->n++;
    if (to->table == NULL) {
        json_t *out = json_object();
        put_text(out, "client", client);
        put_text(out, "domain", domain);
        put_number(out, "until_s", row->until_s);
        return put_row(to, out);
    }
    table_cell(to->table, "%s", client);
    table_cell(to->table, "%s", domain);
    table_cell(to->table, "%s", stamp_text(row->until_s, until));
    return 0;
}

/* ---- what can be listed */

static int each_top(struct reader *r, struct listing_out *to)
{
    int rc = reader_each_bounce(r, to->now_s, keep_top, to);
    for (size_t i = 0; rc == 0 && i < to->top_n; i++)
        rc = put_bounce(to, &to->top[i]);
    return rc;
}

static int each_tarpit(struct reader *r, struct listing_out *to) { return reader_each_tarpit(r, to->now_s, put_tarpit, to); }
static int each_bounce(struct reader *r, struct listing_out *to) { return reader_each_bounce(r, to->now_s, put_bounce, to); }
static int each_grey(struct reader *r, struct listing_out *to) { return reader_each_grey(r, to->now_s, put_grey, to); }
static int each_client(struct reader *r, struct listing_out *to) { return reader_each_grey_client(r, to->now_s, put_client, to); }
static int each_spf(struct reader *r, struct listing_out *to) { return reader_each_spf(r, to->now_s, put_spf, to); }

struct list {
    const char *tool, *verb;
    const char *key;                /* of the JSON list */
    const char *heads[8];
    int (*each)(struct reader *r, struct listing_out *to);
};

static const struct list lists[] = {
    { "grey", "list", "triplets", { "NETWORK", "SENDER", "RCPT", "STATE", "FIRST", "UNTIL" }, each_grey },
    { "grey", "clients", "clients", { "NETWORK", ">PASSED", ">ABANDONED", "STATE", "LAST", "UNTIL" }, each_client },
    { "tarpit", "list", "clients", { "CLIENT", ">OFFENCES", "LAST", "UNTIL" }, each_tarpit },
    { "bounces", "list", "users", { "USER", ">HOUR", ">DAY", "LAST", "UNTIL" }, each_bounce },
    { "bounces", "top", "users", { "USER", ">HOUR", ">DAY", "LAST", "UNTIL" }, each_top },
    { "spf", "list", "passed", { "CLIENT", "DOMAIN", "UNTIL" }, each_spf },
};

/* What was printed so far is on its way already: an error can only come after it. */
static int end_list(const struct home *h, struct listing_out *to, int rc)
{
    if (to->table != NULL && rc == 0 && to->n == 0)
        puts("There is nothing.");
    else if (to->table != NULL && rc == 0)
        table_print(to->table, stdout, "");
    else if (rc == 0)
        puts("],\"ok\":true}");
    if (rc == 0)
        return STATUS_DONE;
    say_error("%s: %s", h->config->database, home_database_text(rc));
    if (to->table == NULL) {
        json_t *error = say_json_text(say_kept_errors());
        char *text = json_dumps(error, JSON_ENCODE_ANY);
        json_decref(error);
        printf("],\"ok\":false,\"error\":%s}\n", text != NULL ? text : "\"out of memory\"");
        free(text);
    }
    return STATUS_NO;
}

static int run_list(struct call *call, const struct list *l, const struct home *h, struct reader *r, size_t top_max)
{
    struct listing_out to = { .call = call, .now_s = now_unix_s(), .top_max = top_max };
    to.top = calloc(top_max + 1, sizeof *to.top);
    if (to.top == NULL) {
        say_error("out of memory");
        return STATUS_NO;
    }
    if (call->json) {
        say_json_begin();
        printf("{\"%s\":[", l->key);
    } else {
        to.table = table_create(l->heads);
    }
    int rc = end_list(h, &to, l->each(r, &to));
    table_destroy(&to.table);
    free(to.top);
    return rc;
}

static int parse_top(const struct call *call, const char *text, size_t *out)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || n < 1 || n > TOP_MAX)
        return args_wrong(call, "-n %s: expected a number from 1 to %d", text, TOP_MAX);
    *out = (size_t)n;
    return 0;
}

static int do_list(struct call *call, const struct list *l)
{
    const char *top = NULL;
    const struct arg_option options[] = { { .name = "-n", .value = &top } };
    struct home h = { 0 };
    struct reader *r = NULL;
    size_t top_max = TOP_DEFAULT;
    int rc = args_take(call, options, l->each == each_top ? 1 : 0, 0, 0);
    if (rc == 0 && top != NULL)
        rc = parse_top(call, top, &top_max);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = home_reader(&h, &r);
    if (rc == 0)
        rc = run_list(call, l, &h, r, top_max);
    reader_close(&r);
    home_close(&h);
    return rc;
}

/* ---- what can be cleared */

/* A greylist is cleared by networks: an address stands for its own. Either way the node is given the text, so that it reads it once more by its own rules. */
static int check_what(const struct call *call, const char *tool, const char *what)
{
    struct network n;
    const char *slash = strchr(what, '/');
    if (strcmp(tool, "bounces") == 0)
        return what[0] != '\0' ? 0 : args_wrong(call, "an empty text is no user");
    if (network_parse(what, strlen(what), &n) != 0 || (slash != NULL && strcmp(tool, "grey") != 0))
        return args_wrong(call, "\"%s\" is not an address%s", what, strcmp(tool, "grey") == 0 ? " or a network" : "");
    if (slash != NULL && n.bits != (n.family == 4 ? 24 : 64))
        return args_wrong(call, "\"%s\": networks of the greylist are /24, or /64 with IPv6", what);
    return 0;
}

static int say_cleared(struct call *call, const json_t *answer)
{
    json_int_t n = json_integer_value(json_object_get(answer, "cleared"));
    if (call->json)
        json_object_set_new(call->result, "cleared", json_integer(n));
    if (call->json && n == 0)
        say_error("there was nothing to clear");       /* to a person that is an answer, in an object it is what went wrong */
    say_text(call, n == 0 ? "There was nothing to clear.\n" : "Cleared %lld %s. What it was evidence of stays; \"hearsay report retract\" takes that back.\n",
             (long long)n, n == 1 ? "entry" : "entries");
    return n > 0 ? STATUS_DONE : STATUS_NO;
}

static int do_clear(struct call *call, const char *tool)
{
    bool all = false;
    const struct arg_option options[] = { { .name = "--all", .flag = &all } };
    struct home h = { 0 };
    json_t *answer = NULL;
    int rc = args_take(call, options, 1, 0, 1);
    if (rc == 0 && all == (call->argc == 1))
        rc = args_wrong(call, "say what to clear: one of them, or --all");
    if (rc == 0 && !all)
        rc = check_what(call, tool, call->argv[0]);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0) {
        json_t *request = json_pack("{s:s, s:s, s:b}", "command", "tool-clear", "tool", tool, "all", all);
        if (!all)
            json_object_set_new(request, "what", say_json_text(call->argv[0]));
        rc = home_ask(&h, request, CLEAR_TIMEOUT_MS, &answer);
        if (rc == STATUS_ABSENT)
            rc = home_absent(&h);
    }
    if (rc == 0)
        rc = say_cleared(call, answer);
    json_decref(answer);
    home_close(&h);
    return rc;
}

/* ---- kinds of notes, of the configuration */

static int do_notes(struct call *call)
{
    static const char *const heads[] = { "KIND", "CATEGORY", ">WEIGHT", "SHARED", NULL };
    struct home h = { 0 };
    int rc = args_take(call, NULL, 0, 0, 0);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc != 0)
        return rc;
    struct table *t = table_create(heads);
    json_t *rows = json_array();
    for (size_t i = 0; i < h.config->tools.notes_n; i++) {
        const struct config_note *n = &h.config->tools.notes[i];
        const char *category = h.config->policy->categories[n->category_index].name;
        char weight[NUMBER_TEXT_MAX];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:b}", "kind", n->kind, "category", category, "weight_milli", (json_int_t)n->weight_milli,
                                              "share", n->share));
        table_cell(t, "%s", n->kind);
        table_cell(t, "%s", category);
        table_cell(t, "%s", thousandths_text(n->weight_milli, weight));
        table_cell(t, "%s", n->share ? "yes" : "no");
    }
    if (call->json)
        json_object_set(call->result, "kinds", rows);
    else if (h.config->tools.notes_n == 0)
        puts("No kind of note is configured.");
    else
        table_print(t, stdout, "");
    json_decref(rows);
    table_destroy(&t);
    home_close(&h);
    return STATUS_DONE;
}

static bool is_tool(const char *word)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(lists[i].tool, word) == 0)
            return true;
    return strcmp(word, "note") == 0;
}

int cmd_tool(struct call *call)
{
    if (call->argc == 0 || !is_tool(call->argv[0]))
        return args_wrong(call, call->argc == 0 ? "say which tool: grey, tarpit, bounces, spf or note" : "there is no tool \"%s\"", call->argc == 0 ? "" : call->argv[0]);
    const char *tool = call->argv[0], *verb = call->argc > 1 ? call->argv[1] : "";
    if (verb[0] == '\0')
        return args_wrong(call, "say what to do with %s", tool);
    call->argv += 2;
    call->argc -= 2;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(lists[i].tool, tool) == 0 && strcmp(lists[i].verb, verb) == 0)
            return do_list(call, &lists[i]);
    if (strcmp(tool, "note") == 0)
        return strcmp(verb, "list") == 0 ? do_notes(call) : args_wrong(call, "there is no \"tool note %s\"", verb);
    return strcmp(verb, "clear") == 0 ? do_clear(call, tool) : args_wrong(call, "there is no \"tool %s %s\"", tool, verb);
}
