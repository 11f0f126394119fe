/* `hearsay delist` and `hearsay protect`: what the operator decides by hand about single subjects, with a record of who, when and why. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/except.h"
#include "tools/home.h"
#include "tools/say.h"

enum { EXCEPT_TIMEOUT_MS = 20000 };
static const char delist_default[] = "7d";

struct wish {
    enum exception_kind kind;
    const char *for_, *why;
    bool lift, list, all;
};

/* Who decides: behind sudo the one who typed it. Asked before the command becomes the owner of the node. */
static void note_who(char out[EXCEPTION_WHO_MAX + 1])
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *user = getpwuid(getuid());
    const char *name = sudo != NULL && sudo[0] != '\0' && getuid() == 0 ? sudo : user != NULL ? user->pw_name : "unknown";
    clean_text(name, out, EXCEPTION_WHO_MAX + 1);
    plain_text(out);
}

static int read_until(const struct call *call, const struct wish *w, int64_t now_s, int64_t *until_s)
{
    const char *text = w->for_ != NULL ? w->for_ : delist_default;
    int64_t ms = 0;
    *until_s = 0;
    if (w->kind != EXCEPTION_DELIST)
        return 0;
    if (config_duration(text, &ms) != 0 || ms < 1000 || ms / 1000 > INT64_C(86400) * EXCEPTION_DAYS_MAX)
        return args_wrong(call, "--for %s: a time such as 12h or 30d, from 1s to %dd; for good, use `hearsay protect`", text, EXCEPTION_DAYS_MAX);
    *until_s = now_s + ms / 1000;
    return 0;
}

static int read_why(const struct call *call, const struct wish *w, char out[EXCEPTION_WHY_MAX + 1])
{
    const char *why = w->why != NULL ? w->why : "";
    if (strlen(why) > EXCEPTION_WHY_MAX)
        return args_wrong(call, "--why: at most %d bytes", EXCEPTION_WHY_MAX);
    clean_text(why, out, EXCEPTION_WHY_MAX + 1);
    plain_text(out);
    return 0;
}

static int store_here(const struct home *h, const struct exception *e)
{
    struct store *s = NULL;
    int rc = home_store(h, &s);
    if (rc == 0) {
        int done = store_add_exception(s, e, e->time_s);
        if (done == -EOVERFLOW)
            say_error("too many subjects are delisted or protected one by one: protect a network, or lift some");
        else if (done != 0)
            say_error("%s: %s", h->config->database, home_database_text(done));
        rc = done != 0 ? STATUS_NO : home_fold(h, s);
    }
    store_close(&s);
    return rc;
}

static int decide(const struct home *h, const struct exception *e)
{
    char hex[2 * SUBJECT_KEY_MAX + 1];
    json_t *answer = NULL;
    int rc = home_ask(h, json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "command", "except", "kind", exception_kind_text(e->kind), "subject",
                                   hex_text(e->subject.key, e->subject.len, hex), "until_s", (json_int_t)e->until_s, "who", e->who, "why", e->why),
                      EXCEPT_TIMEOUT_MS, &answer);
    json_decref(answer);
    return rc == STATUS_ABSENT ? store_here(h, e) : rc;
}

json_t *exception_json(const struct exception *e)
{
    char subject[SUBJECT_TEXT_MAX];
    json_t *row = json_pack("{s:s, s:s, s:I, s:o, s:o}", "subject", subject_text(&e->subject, subject), "kind", exception_kind_text(e->kind), "time_s",
                            (json_int_t)e->time_s, "who", say_json_text(e->who), "why", say_json_text(e->why));
    if (e->kind == EXCEPTION_DELIST)
        json_object_set_new(row, "until_s", json_integer((json_int_t)e->until_s));
    return row;
}

static void say_decided(const struct call *call, const struct exception *e)
{
    char subject[SUBJECT_TEXT_MAX], until[TIME_TEXT_MAX];
    subject_text(&e->subject, subject);
    if (call->json)
        json_object_update_new(call->result, exception_json(e));
    else if (e->kind == EXCEPTION_DELIST)
        printf("%s is on no list of this node until %s.\n", subject, time_text(e->until_s, until));
    else if (e->kind == EXCEPTION_PROTECT)
        printf("%s is on no list of this node from now on.\n", subject);
    else
        printf("%s is listed again when the others' words ask for it.\n", subject);
}

struct search {
    const struct subject *wanted;
    bool found;
};

static int find_one(void *ctx, const struct exception *e)
{
    struct search *to = ctx;
    to->found = to->found || (e->subject.len == to->wanted->len && memcmp(e->subject.key, to->wanted->key, e->subject.len) == 0);
    return 0;
}

/* A mistyped subject is not to look lifted. What a wider decision or the configuration covers has none of its own. */
static int must_hold(const struct home *h, const struct exception *e)
{
    struct search search = { .wanted = &e->subject };
    struct reader *r = NULL;
    char subject[SUBJECT_TEXT_MAX];
    int rc = home_reader(h, &r);
    if (rc != 0)
        return rc;
    int done = reader_each_exception(r, true, e->time_s, find_one, &search);
    reader_close(&r);
    if (done != 0)
        say_error("%s: %s", h->config->database, home_database_text(done));
    else if (!search.found)
        say_error("%s is neither delisted nor protected by hand, so there is nothing to lift: see `hearsay delist --list`", subject_text(&e->subject, subject));
    return done != 0 || !search.found ? STATUS_NO : 0;
}

static int change(struct call *call, const struct home *h, const struct wish *w, struct exception *e)
{
    int rc = home_subject(h, call->argv[0], &e->subject);
    e->kind = w->lift ? EXCEPTION_LIFT : w->kind;
    e->time_s = now_unix_s();
    if (rc == 0 && !w->lift)
        rc = read_until(call, w, e->time_s, &e->until_s);
    if (rc == 0)
        rc = read_why(call, w, e->why);
    if (rc == 0 && w->lift)
        rc = must_hold(h, e);
    if (rc == 0)
        rc = decide(h, e);
    if (rc == 0)
        say_decided(call, e);
    return rc;
}

/* ---- the list */

struct lister {
    json_t *rows;                   /* NULL: the table */
    struct table *table;
    size_t n;
};

static int list_one(void *ctx, const struct exception *e)
{
    struct lister *to = ctx;
    char subject[SUBJECT_TEXT_MAX], when[TIME_TEXT_MAX], until[TIME_TEXT_MAX], who[EXCEPTION_WHO_MAX + 1], why[EXCEPTION_WHY_MAX + 1];
    if (to->rows != NULL)
        return json_array_append_new(to->rows, exception_json(e)) == 0 ? 0 : -ENOMEM;
    to->n++;
    table_cell(to->table, "%s", subject_text(&e->subject, subject));
    table_cell(to->table, "%s", exception_kind_text(e->kind));
    table_cell(to->table, "%s", stamp_text(e->time_s, when));
    table_cell(to->table, "%s", stamp_text(e->until_s, until));
    table_cell(to->table, "%s", clean_text(e->who, who, sizeof who));
    table_cell(to->table, "%s", clean_text(e->why, why, sizeof why));
    return 0;
}

static int list(const struct call *call, const struct home *h, bool all)
{
    static const char *const heads[] = { "SUBJECT", "KIND", "SINCE", "UNTIL", "WHO", "WHY", NULL };
    struct lister to = { .rows = call->json ? json_array() : NULL, .table = call->json ? NULL : table_create(heads) };
    struct reader *r = NULL;
    int rc = home_reader(h, &r);
    if (rc == 0) {
        int done = reader_each_exception(r, !all, now_unix_s(), list_one, &to);
        if (done != 0)
            say_error("%s: %s", h->config->database, home_database_text(done));
        rc = done != 0 ? STATUS_NO : STATUS_DONE;
    }
    if (rc == 0 && call->json)
        json_object_set(call->result, "exceptions", to.rows);
    else if (rc == 0 && to.n == 0)
        puts(all ? "Nothing was ever delisted or protected by hand." : "Nothing is delisted or protected by hand.");
    else if (rc == 0)
        table_print(to.table, stdout, "");
    json_decref(to.rows);
    table_destroy(&to.table);
    reader_close(&r);
    return rc;
}

static int except(struct call *call, struct wish *w)
{
    const struct arg_option options[] = {
        { .name = "--why", .value = &w->why }, { .name = "--lift", .flag = &w->lift }, { .name = "--list", .flag = &w->list },
        { .name = "--all", .flag = &w->all }, { .name = "--for", .value = &w->for_ },
    };
    struct home h = { 0 };
    struct exception e = { 0 };
    int rc = args_take(call, options, w->kind == EXCEPTION_DELIST ? 5 : 4, 0, 1);
    if (rc == 0 && w->list != (call->argc == 0))
        rc = w->list ? args_wrong(call, "--list takes no subject") : args_wrong(call, "which subject?");
    if (rc == 0 && ((w->all && !w->list) || (w->lift && w->for_ != NULL) || (w->list && (w->lift || w->for_ != NULL || w->why != NULL))))
        rc = args_wrong(call, "these options do not go together");
    note_who(e.who);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = w->list ? list(call, &h, w->all) : change(call, &h, w, &e);
    home_close(&h);
    return rc;
}

int cmd_delist(struct call *call)
{
    struct wish w = { .kind = EXCEPTION_DELIST };
    return except(call, &w);
}

int cmd_protect(struct call *call)
{
    struct wish w = { .kind = EXCEPTION_PROTECT };
    return except(call, &w);
}
