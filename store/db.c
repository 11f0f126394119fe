#include "store/db.h"

#include <errno.h>
#include <string.h>

int db_error(sqlite3 *sql, int rc)
{
    int system = sql != NULL ? sqlite3_system_errno(sql) : 0;
    switch (rc & 0xff) {
    case SQLITE_OK: case SQLITE_ROW: case SQLITE_DONE: return 0;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_BUSY: case SQLITE_LOCKED: return -EBUSY;
    case SQLITE_CORRUPT: case SQLITE_NOTADB: return -EBADMSG;
    case SQLITE_READONLY: return -EROFS;
    case SQLITE_PERM: case SQLITE_AUTH: return -EACCES;
    case SQLITE_CANTOPEN: return system == ENOENT ? -ENOENT : -EACCES;
    case SQLITE_IOERR: return system == ENOSPC || system == EDQUOT ? -ENOSPC : rc == SQLITE_IOERR_NOMEM ? -ENOMEM : -EIO;
    default: return -EIO;
    }
}

int db_exec(struct db *d, const char *text)
{
    return db_error(d->sql, sqlite3_exec(d->sql, text, NULL, NULL, NULL));
}

int db_begin(struct db *d)
{
    struct query q = query(d, SQL_BEGIN_WRITE);
    return query_run(&q);
}

int db_end(struct db *d, int rc)
{
    if (rc == 0) {
        struct query q = query(d, SQL_COMMIT);
        rc = query_run(&q);
    }
    if (rc != 0 && sqlite3_get_autocommit(d->sql) == 0) {
        struct query q = query(d, SQL_ROLLBACK);
        query_run(&q);
    }
    return rc;
}

struct query query(struct db *d, enum sql which)
{
    struct query q = { .db = d };
    if (d->stmts[which] == NULL)
        q.rc = sqlite3_prepare_v3(d->sql, sql_text[which], -1, SQLITE_PREPARE_PERSISTENT, &d->stmts[which], NULL);
    q.stmt = d->stmts[which];
    return q;
}

void query_int(struct query *q, int64_t value)
{
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_int64(q->stmt, ++q->bound, value);
}

void query_blob(struct query *q, const void *at, size_t len)
{
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_blob64(q->stmt, ++q->bound, at, len, SQLITE_STATIC);
}

void query_text(struct query *q, const char *text)
{
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_bind_text(q->stmt, ++q->bound, text, -1, SQLITE_STATIC);
}

bool query_row(struct query *q)
{
    if (q->rc != SQLITE_OK)
        return false;
    int rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW)
        return true;
    q->rc = rc == SQLITE_DONE ? SQLITE_OK : sqlite3_extended_errcode(q->db->sql);
    return false;
}

int query_end(struct query *q)
{
    int rc = db_error(q->db->sql, q->rc);
    if (q->stmt != NULL)
        sqlite3_reset(q->stmt);
    return rc;
}

int query_run(struct query *q)
{
    query_row(q);
    return query_end(q);
}

struct bytes column_bytes(const struct query *q, int i)
{
    const void *at = sqlite3_column_blob(q->stmt, i);
    return (struct bytes){ at, at != NULL ? (size_t)sqlite3_column_bytes(q->stmt, i) : 0 };
}

/* ---- meta */

int meta_number(struct db *d, const char *name, int64_t *out)
{
    struct query q = query(d, SQL_META_GET);
    query_text(&q, name);
    int64_t value = query_row(&q) ? column_int(&q, 0) : 0;
    int rc = query_end(&q);
    if (rc == 0)
        *out = value;
    return rc;
}

static int meta_put(struct db *d, const char *name, int64_t value, const void *at, size_t len)
{
    struct query q = query(d, SQL_META_PUT);
    query_text(&q, name);
    query_int(&q, value);
    query_blob(&q, at, len);
    return query_run(&q);
}

int meta_set_number(struct db *d, const char *name, int64_t value)
{
    return meta_put(d, name, value, NULL, 0);
}

int meta_add(struct db *d, const char *name, int64_t delta)
{
    struct query q = query(d, SQL_META_ADD);
    query_text(&q, name);
    query_int(&q, delta);
    return query_run(&q);
}

int meta_bytes(struct db *d, const char *name, void *out, size_t room, size_t *len)
{
    struct query q = query(d, SQL_META_GET);
    query_text(&q, name);
    struct bytes value = { 0 };
    if (query_row(&q))
        value = column_bytes(&q, 1);
    *len = value.len <= room ? value.len : 0;
    if (*len > 0)
        memcpy(out, value.at, *len);
    return query_end(&q);
}

int meta_set_bytes(struct db *d, const char *name, const void *at, size_t len)
{
    return meta_put(d, name, 0, at, len);
}
