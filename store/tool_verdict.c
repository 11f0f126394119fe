/* Verdicts: what was decided for a message and a recipient stands. */
#include <errno.h>
#include <string.h>

#include "store/tool_private.h"

static void bind_key(struct query *q, const struct tool_op *op)
{
    query_blob(q, op->verdict_key, VERDICT_KEY_BYTES);
}

static int drop(struct store *s, const struct tool_op *op)
{
    struct query q = query(&s->db, SQL_VERDICT_DROP);
    bind_key(&q, op);
    int rc = query_run(&q);
    tool_counted(s, TOOL_TABLE_VERDICTS, rc == 0 ? -sqlite3_changes(s->db.sql) : 0);
    return rc;
}

/* *new_row false: there is one already. */
static int put(struct store *s, const struct tool_op *op, int64_t now_s, bool *new_row)
{
    int rc = tool_room(s, TOOL_TABLE_VERDICTS);
    if (rc != 0)
        return rc;
    struct query q = query(&s->db, SQL_VERDICT_PUT);
    bind_key(&q, op);
    query_blob(&q, op->verdict, strlen(op->verdict));
    query_int(&q, now_s);
    query_int(&q, now_s + VERDICT_KEEP_S);
    rc = query_run(&q);
    *new_row = rc == 0 && sqlite3_changes(s->db.sql) > 0;
    if (*new_row)
        tool_counted(s, TOOL_TABLE_VERDICTS, 1);
    return rc;
}

/* Most are new: the reader found none before they were handed over. */
int tool_verdict(struct store *s, struct tool_op *op, int64_t now_s)
{
    bool new_row = false, found = false;
    int rc = put(s, op, now_s, &new_row);
    if (rc == 0 && !new_row)
        rc = tool_verdict_find(&s->db, op->verdict_key, now_s, op->verdict, &op->verdict_time_s, &found);
    if (rc != 0 || found)
        return rc;
    op->verdict_time_s = now_s;
    if (new_row)
        return 0;
    rc = drop(s, op);                /* past its end, or damaged */
    return rc == 0 ? put(s, op, now_s, &new_row) : rc;
}

int tool_verdict_find(struct db *d, const uint8_t key[VERDICT_KEY_BYTES], int64_t now_s, char verdict[VERDICT_TEXT_MAX], int64_t *time_s, bool *found)
{
    struct query q = query(d, SQL_VERDICT_GET);
    query_blob(&q, key, VERDICT_KEY_BYTES);
    query_int(&q, now_s);
    *found = false;
    if (query_row(&q)) {
        struct bytes text = column_bytes(&q, 0);
        *found = text.len > 0 && text.len < VERDICT_TEXT_MAX && memchr(text.at, '\0', text.len) == NULL;
        if (*found) {
            memcpy(verdict, text.at, text.len);
            verdict[text.len] = '\0';
            *time_s = column_int(&q, 1);
        }
    }
    return query_end(&q);
}
