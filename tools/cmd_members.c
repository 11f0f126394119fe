/* `hearsay members`: what is known of each member, what experience made of it, and how much leans on it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/rights.h"
#include "tools/say.h"

enum { PROGRESS_MS = 200 };
/* What is counted without being asked for takes two or three seconds at the most: 1,000,000 opinions and 147,537 listings took 2.5. */
enum { OPINIONS_QUICK_MAX = 1000000, LISTINGS_QUICK_MAX = 100000 };

struct shower {
    const struct call *call;
    const struct home *home;
    struct reader *reader;
    int64_t now_s;
    struct member_row *rows;
    size_t rows_n;
    struct member_load *loads;         /* in the order of rows; NULL: not counted */
    size_t loads_n;
    bool progress;
    int64_t shown_ms;
};

static int keep_row(void *ctx, const struct member_row *row)
{
    struct shower *s = ctx;
    if ((s->rows_n & (s->rows_n - 1)) == 0) {          /* room is the next power of two */
        struct member_row *grown = realloc(s->rows, (s->rows_n == 0 ? 1 : 2 * s->rows_n) * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        s->rows = grown;
    }
    s->rows[s->rows_n++] = *row;
    return 0;
}

static void note_progress(void *ctx, uint64_t done, uint64_t all)
{
    struct shower *s = ctx;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (!s->progress || ms - s->shown_ms < PROGRESS_MS)
        return;
    s->shown_ms = ms;
    fprintf(stderr, "\r%llu of %llu opinions and listings", (unsigned long long)done, (unsigned long long)all);
}

/* Members may have come since the rows were read: those stand at the end. */
static const struct member_load *load_of(const struct shower *s, size_t i)
{
    if (i < s->loads_n && memcmp(s->loads[i].root, s->rows[i].root, KEY_BYTES) == 0)
        return &s->loads[i];
    for (size_t j = 0; j < s->loads_n; j++)
        if (memcmp(s->loads[j].root, s->rows[i].root, KEY_BYTES) == 0)
            return &s->loads[j];
    return NULL;
}

/* ---- words */

static const char *name_of(const struct shower *s, const struct member_row *row, char out[FINGERPRINT_MAX])
{
    return row->name[0] != '\0' ? row->name : home_member_name(s->home, row->root, out);
}

static const struct policy_member *root_of(const struct shower *s, const struct member_row *row)
{
    return policy_member(s->home->config->policy, row->group);
}

/* The group's, which its members share. Empty for all rights. */
static void put_rights(const struct shower *s, const struct member_row *row, char out[RIGHTS_TEXT_MAX])
{
    const struct policy_member *root = root_of(s, row);
    int64_t end_s = 0;
    out[0] = '\0';
    if (root == NULL || (!rights_narrow(&root->rights) && root->rights.max_subjects == 0) || reader_probation(s->reader, root->root, &end_s) != 0)
        return;
    rights_text(s->home->config->policy, &root->rights, end_s > s->now_s ? end_s : 0, out);
    if (strcmp(out, "all") == 0)
        out[0] = '\0';
}

static void state_cell(const struct shower *s, const struct member_row *row, struct table *t)
{
    char rights[RIGHTS_TEXT_MAX], when[TIME_TEXT_MAX];
    put_rights(s, row, rights);
    if (row->quarantined)
        table_cell(t, "in quarantine");
    else if (row->breaker_until_s != 0)
        table_cell(t, "weighs nothing until %s: refuted too often in a day", time_text(row->breaker_until_s, when));
    else if (root_of(s, row) == NULL)
        table_cell(t, "not trusted");
    else
        table_cell(t, "%s", rights);
}

static void count_cell(const struct member_load *load, uint64_t n, struct table *t)
{
    char text[NUMBER_TEXT_MAX];
    table_cell(t, "%s", load != NULL ? count_text(n, text) : "?");
}

static void row_cells(const struct shower *s, size_t i, struct table *t)
{
    const struct member_row *row = &s->rows[i];
    const struct member_load *load = load_of(s, i);
    const struct policy_member *root = root_of(s, row);
    char fingerprint[FINGERPRINT_MAX], when[TIME_TEXT_MAX];
    table_cell(t, "%s", name_of(s, row, fingerprint));
    table_cell(t, "%s", root == NULL ? "-" : memcmp(root->root, row->root, KEY_BYTES) == 0 ? "own" : root->name);
    table_cell(t, "%.2f", row->trust_micro / (double)MICRO);
    table_cell(t, "%.2f", row->reliability.black_micro / (double)MICRO);
    table_cell(t, "%.2f", row->reliability.white_micro / (double)MICRO);
    table_cell(t, "%.1f", (double)(row->confirmed_milli + row->confirmed_white_milli) / 1000.0);
    table_cell(t, "%.1f", (double)(row->refuted_milli + row->refuted_white_milli) / 1000.0);
    count_cell(load, load != NULL ? load->subjects : 0, t);
    count_cell(load, load != NULL ? load->leaning : 0, t);
    table_cell(t, "%s", row->last_s != 0 ? time_text(row->last_s, when) : "never");
    state_cell(s, row, t);
}

static void say_members(const struct shower *s)
{
    static const char *const heads[] = { "MEMBER", "GROUP", ">TRUST", ">BLACK", ">WHITE", ">CONFIRMED", ">REFUTED", ">SUBJECTS", ">LEANING", "LAST BATCH", "", NULL };
    struct table *t;
    if (s->rows_n == 0) {
        puts("No other member is known yet: hearsay peer add CARD, or hearsay join INVITE.");
        return;
    }
    t = table_create(heads);
    for (size_t i = 0; i < s->rows_n; i++)
        row_cells(s, i, t);
    table_print(t, stdout, "");
    table_destroy(&t);
    if (s->loads == NULL)
        puts("\nSubjects and what leans on whom were not counted, since that takes a while here: hearsay members --all");
}

static json_t *member_json(const struct shower *s, size_t i)
{
    const struct member_row *row = &s->rows[i];
    const struct member_load *load = load_of(s, i);
    const struct policy_member *root = root_of(s, row);
    char fingerprint[FINGERPRINT_MAX], hex[2 * KEY_BYTES + 1];
    int64_t end_s = 0;
    if (root != NULL && reader_probation(s->reader, root->root, &end_s) != 0)
        end_s = 0;
    return json_pack("{s:o, s:s, s:o, s:b, s:b, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "member",
        say_json_text(name_of(s, row, fingerprint)), "root", hex_text(row->root, KEY_BYTES, hex), "group", root != NULL ? say_json_text(root->name) : json_null(),
        "peer", row->configured, "introduced", row->introduced, "quarantined", row->quarantined, "trust", row->trust_micro / (double)MICRO,
        "reliability_black", row->reliability.black_micro / (double)MICRO, "record_black", row->reliability.record_micro / (double)MICRO, "reliability_white", row->reliability.white_micro / (double)MICRO,
        "confirmed_black", (double)row->confirmed_milli / 1000.0, "refuted_black", (double)row->refuted_milli / 1000.0, "seen", (double)row->seen_milli / 1000.0, "unseen", (double)row->unseen_milli / 1000.0,
        "confirmed_white", (double)row->confirmed_white_milli / 1000.0, "refuted_white", (double)row->refuted_white_milli / 1000.0,
        "breaker_until_s", (json_int_t)row->breaker_until_s, "breaker_times", (json_int_t)row->breaker_times, "judged_day", (json_int_t)row->judged_day,
        "refuted_day", (json_int_t)row->refuted_day, "last_batch_s", row->last_s != 0 ? json_integer((json_int_t)row->last_s) : json_null(),
        "subjects", load != NULL ? json_integer((json_int_t)load->subjects) : json_null(), "leaning", load != NULL ? json_integer((json_int_t)load->leaning) : json_null(),
        "rights", root != NULL ? rights_json(s->home->config->policy, &root->rights, end_s > s->now_s ? end_s : 0) : json_null());
}

/* ---- */

static int count(struct shower *s, bool all)
{
    struct store_counts counts;
    int rc = reader_counts(s->reader, &counts);
    if (rc != 0 || (!all && (counts.opinions > OPINIONS_QUICK_MAX || counts.listings + counts.unnamed > LISTINGS_QUICK_MAX)))
        return rc;
    s->progress = isatty(STDERR_FILENO);
    rc = reader_member_loads(s->reader, s->now_s, note_progress, s, &s->loads, &s->loads_n);
    if (s->progress)
        fputs("\r\033[K", stderr);
    return rc;
}

static int show(struct shower *s, bool all)
{
    int rc = reader_members(s->reader, s->now_s, keep_row, s);
    if (rc == 0)
        rc = count(s, all);
    if (rc != 0) {
        say_error("%s: %s", s->home->config->database, home_database_text(rc));
        return STATUS_USAGE;
    }
    if (!s->call->json) {
        say_members(s);
        return STATUS_DONE;
    }
    json_t *members = json_array();
    for (size_t i = 0; i < s->rows_n; i++)
        json_array_append_new(members, member_json(s, i));
    return say_json(json_pack("{s:b, s:b, s:o}", "ok", 1, "counted", s->loads != NULL, "members", members), STATUS_DONE);
}

int cmd_members(struct call *call)
{
    bool all = false;
    const struct arg_option options[] = { { .name = "--all", .flag = &all } };
    struct home h = { 0 };
    struct shower s = { .call = call, .home = &h, .now_s = now_unix_s() };
    int rc = args_take(call, options, 1, 0, 0);
    if (rc == 0)
        rc = home_open(call, HOME_CONFIG, &h);
    if (rc == 0)
        rc = home_reader(&h, &s.reader);
    if (rc == 0)
        rc = show(&s, all);
    free(s.rows);
    free(s.loads);
    reader_close(&s.reader);
    home_close(&h);
    return rc;
}
