#include "store/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/tool_private.h"

static char *add_text(char *at, const char *text, const char **to)
{
    *to = NULL;
    if (text == NULL)
        return at;
    *to = at;
    size_t len = strlen(text) + 1;
    memcpy(at, text, len);
    return at + len;
}

static size_t room_of(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

struct tool_op *tool_op_create(const struct tool_op *from)
{
    struct tool_op *op = malloc(sizeof *op + room_of(from->sender) + room_of(from->rcpt) + room_of(from->user) + room_of(from->say) +
                                (from->verdict != NULL ? VERDICT_TEXT_MAX : 0));
    if (op == NULL)
        return NULL;
    *op = *from;
    char *at = add_text(op->text, from->sender, &op->sender);
    at = add_text(at, from->rcpt, &op->rcpt);
    at = add_text(at, from->user, &op->user);
    at = add_text(at, from->say, &op->say);
    if (from->verdict != NULL)
        op->verdict = strcpy(at, from->verdict);
    return op;
}

/* ---- rows */

static const struct table {
    enum store_count count;
    enum sql drop_old;               /* SQL_N: the greylist, which looks at what it drops */
} tables[TOOL_TABLES] = {
    [TOOL_TABLE_TARPIT] = { COUNT_TARPIT, SQL_TARPIT_DROP_OLD },
    [TOOL_TABLE_BOUNCES] = { COUNT_BOUNCES, SQL_BOUNCE_DROP_OLD },
    [TOOL_TABLE_GREY] = { COUNT_GREY, SQL_N },
    [TOOL_TABLE_CLIENTS] = { COUNT_CLIENTS, SQL_CLIENT_DROP_OLD },
    [TOOL_TABLE_SPF] = { COUNT_SPF, SQL_SPF_DROP_OLD },
    [TOOL_TABLE_VERDICTS] = { COUNT_VERDICTS, SQL_VERDICT_DROP_OLD },
};

void tool_counted(struct store *s, enum tool_table t, int64_t rows)
{
    s->counted[tables[t].count] += rows;
    s->tool_rows[t] += rows;
}

int tool_load_counts(struct store *s)
{
    int rc = 0;
    if (s->tool_rows_max == 0)
        s->tool_rows_max = TOOL_ROWS_MAX;
    for (enum tool_table t = 0; rc == 0 && t < TOOL_TABLES; t++)
        rc = meta_number(&s->db, meta_counts[tables[t].count], &s->tool_rows[t]);
    return rc;
}

/* The first `max` to die of those that die at until_s or before. */
static int drop_old(struct store *s, enum tool_table t, int64_t until_s, size_t max, size_t *dropped)
{
    struct query q = query(&s->db, tables[t].drop_old);
    query_int(&q, until_s);
    query_int(&q, (int64_t)max);
    int rc = query_run(&q);
    *dropped = rc == 0 ? (size_t)sqlite3_changes(s->db.sql) : 0;
    tool_counted(s, t, -(int64_t)*dropped);
    return rc;
}

int tool_room(struct store *s, enum tool_table t)
{
    size_t dropped;
    if (s->tool_rows[t] < s->tool_rows_max)
        return 0;
    int rc = tool_move_fresh(s, SIZE_MAX, &dropped);       /* the one to go may be among them */
    if (rc != 0)
        return rc;
    return t == TOOL_TABLE_GREY ? tool_grey_drop_first(s) : drop_old(s, t, INT64_MAX, 1, &dropped);
}

int tool_sweep(struct store *s, size_t rows_max, int64_t now_s, bool *more)
{
    int rc = tool_grey_sweep(s, rows_max, now_s, more);
    for (enum tool_table t = 0; rc == 0 && t < TOOL_TABLES; t++) {
        size_t dropped = 0;
        if (t == TOOL_TABLE_GREY)
            continue;
        rc = drop_old(s, t, now_s, rows_max, &dropped);
        *more |= dropped == rows_max;
    }
    return rc;
}

/* ---- evidence */

int tool_category(const struct store *s, const char *name)
{
    int category = policy_category(s->policy, name);
    return category >= 0 ? category : 0;
}

int tool_evidence(struct store *s, const struct subject *subject, int category, uint32_t weight_milli, bool kept, uint32_t count, int64_t now_s)
{
    struct store_report r = { .verb = REQUEST_BLACK, .category = category, .weight_milli = weight_milli, .kept = kept, .count = count, .subject = *subject };
    if (weight_milli == 0 || count == 0)
        return 0;
    return store_put_report(s, &r, now_s);
}

static int note(struct store *s, const struct tool_op *op, int64_t now_s)
{
    if (store_never_lists(s, &op->subject))
        return 0;
    return tool_evidence(s, &op->subject, op->category, op->weight_milli, op->kept, 1, now_s);
}

/* ---- all of a turn */

static int apply_fresh(struct store *s, const struct store_event *e, int64_t now_s)
{
    if (e->tool == NULL) {
        int rc = store_put_report(s, &e->report, now_s);
        return rc == 0 ? tool_spf_share(s, &e->report, now_s) : rc;
    }
    switch (e->tool->verb) {
    case TOOL_TARPIT: return tool_tarpit(s, e->tool, now_s);
    case TOOL_GREY: return tool_grey(s, e->tool, now_s);
    case TOOL_BOUNCE: return tool_bounce(s, e->tool, now_s);
    case TOOL_SPF: return tool_spf(s, e->tool, now_s);
    case TOOL_VERDICT:
    case TOOL_VERDICT_TAG: return tool_verdict(s, e->tool, now_s);
    case TOOL_NOTE: return note(s, e->tool, now_s);
    default: return -EINVAL;
    }
}

static int apply(struct store *s, const struct store_event *e, int64_t now_s)
{
    bool fresh;
    int rc = once_take(s, e->tool != NULL ? &e->tool->once : &e->report.once, now_s, &fresh);
    if (rc == 0 && fresh)
        return apply_fresh(s, e, now_s);
    if (rc == 0 && e->tool != NULL)
        snprintf(e->tool->answer, sizeof e->tool->answer, "ok");
    return rc;
}

int store_add_events(struct store *s, const struct store_event *events, size_t n, int64_t now_s)
{
    size_t journal_n = s->journal_n, fresh_n = s->fresh_n;
    int rc = db_begin(&s->db);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = apply(s, &events[i], now_s);
    rc = store_end(s, rc);
    if (rc != 0) {
        s->journal_n = journal_n;
        s->fresh_n = fresh_n;
    }
    return rc;
}

/* ---- an operator's hand */

static int clear_all(struct store *s, enum tool_table t, uint64_t *n)
{
    static const char *const names[TOOL_TABLES] = {
        [TOOL_TABLE_TARPIT] = "DELETE FROM tool_tarpit", [TOOL_TABLE_BOUNCES] = "DELETE FROM tool_bounce", [TOOL_TABLE_GREY] = "DELETE FROM tool_grey",
        [TOOL_TABLE_CLIENTS] = "DELETE FROM tool_client", [TOOL_TABLE_SPF] = "DELETE FROM tool_spf",
        [TOOL_TABLE_VERDICTS] = "DELETE FROM tool_verdict",
    };
    int64_t rows = s->tool_rows[t];
    int rc = db_exec(&s->db, names[t]);
    if (rc == 0)
        tool_counted(s, t, -rows);
    *n += rc == 0 ? (uint64_t)rows : 0;
    return rc;
}

static int clear_key(struct store *s, enum tool_table t, enum sql drop, struct bytes key, uint64_t *n)
{
    struct query q = query(&s->db, drop);
    query_blob(&q, key.at, key.len);
    int rc = query_run(&q);
    int64_t rows = rc == 0 ? sqlite3_changes(s->db.sql) : 0;
    tool_counted(s, t, -rows);
    *n += (uint64_t)rows;
    return rc;
}

static int clear_one(struct store *s, const struct tool_clearing *c, uint64_t *n)
{
    struct bytes subject = { c->subject.key, c->subject.len }, user = { (const uint8_t *)c->user, strlen(c->user) };
    int rc;
    switch (c->table) {
    case TOOL_TABLE_TARPIT: return clear_key(s, c->table, SQL_TARPIT_DROP, subject, n);
    case TOOL_TABLE_BOUNCES: return clear_key(s, c->table, SQL_BOUNCE_DROP, user, n);
    case TOOL_TABLE_SPF: return clear_key(s, c->table, SQL_SPF_DROP_SUBJECT, subject, n);
    case TOOL_TABLE_CLIENTS: return clear_key(s, c->table, SQL_CLIENT_DROP, subject, n);
    default:
        rc = clear_key(s, TOOL_TABLE_GREY, SQL_GREY_DROP_NETWORK, subject, n);
        return rc == 0 ? clear_key(s, TOOL_TABLE_CLIENTS, SQL_CLIENT_DROP, subject, n) : rc;
    }
}

int store_tool_clear(struct store *s, const struct tool_clearing *c, uint64_t *n)
{
    uint64_t gone = 0;
    size_t moved = 0, fresh_n = s->fresh_n;
    int rc = db_begin(&s->db);
    if (rc == 0)
        rc = tool_move_fresh(s, SIZE_MAX, &moved);
    if (rc == 0 && !c->all)
        rc = clear_one(s, c, &gone);
    else if (rc == 0)
        rc = clear_all(s, c->table, &gone);
    if (rc == 0 && c->all && c->table == TOOL_TABLE_GREY)
        rc = clear_all(s, TOOL_TABLE_CLIENTS, &gone);
    rc = store_end(s, rc);
    if (rc == 0)
        *n = gone;
    else
        s->fresh_n = fresh_n;
    return rc;
}
