/* store/db.h: private. A SQLite connection with its prepared statements, and a cursor over one of them that remembers its
 * first error, so that a caller binds, steps and asks once at the end. */
#ifndef HEARSAY_STORE_DB_H
#define HEARSAY_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "store/sql.h"

struct db {
    sqlite3 *sql;
    sqlite3_stmt *stmts[SQL_N];        /* prepared at first use, kept until db_close() */
};

enum { DB_SCHEMA = 19, DB_APPLICATION = 0x48656172, DB_PAGE_BYTES = 4096 };   /* user_version; "Hear" */

/* `why` as in store_open(). Is it a file, and one of SQLite's, or may it be made? */
int db_check_exists(const char *path, char *why);                   /* opens nothing */
int db_check_file(const char *path, bool create, char *why);
int db_open_writer(struct db *d, const char *path, char *why);      /* after db_check_file(); brings the schema up to date */
int db_open_reader(struct db *d, const char *path, char *why);      /* never changes the file */
int db_open_plain(struct db *d, const char *path, char *why);       /* for a checkpoint: nothing is looked at but the version */
void db_close(struct db *d);
/* What to do about a file that this user may not open or write to; "" for other errors. */
const char *db_owner_advice(int rc);
/* Puts SQLite's own words and what to do into `why`; returns rc. */
int db_explain(struct db *d, const char *path, int rc, char *why);

/* The connection's last failure as an errno value. */
int db_error(sqlite3 *sql, int rc);
int db_exec(struct db *d, const char *text);

/* A transaction. db_end() commits when rc is 0, else rolls back; it returns rc, or why the commit failed. */
int db_begin(struct db *d);
int db_end(struct db *d, int rc);

struct query {
    struct db *db;
    sqlite3_stmt *stmt;
    int rc;                            /* SQLite's */
    int bound;
};
struct query query(struct db *d, enum sql which);
void query_int(struct query *q, int64_t value);
void query_blob(struct query *q, const void *at, size_t len);   /* borrowed until query_end() */
void query_text(struct query *q, const char *text);
bool query_row(struct query *q);                   /* true: a row is here; false: no more, or an error */
int query_end(struct query *q);                    /* resets; 0 or why it failed */
int query_run(struct query *q);                    /* for a statement without rows: step and end */

static inline int64_t column_int(const struct query *q, int i) { return sqlite3_column_int64(q->stmt, i); }
struct bytes column_bytes(const struct query *q, int i);

#define META_TRUST "trust_version"          /* grows with every change of the table `trusted` */
#define META_RIGHTS_AT "rights_at"          /* when the writer last asked who is on probation: all readers count by that */
#define META_HELD_BACK "held_back"          /* 1: what others say counts for nothing yet */

/* Numbers and bytes by name; 0 and nothing when absent. */
int meta_number(struct db *d, const char *name, int64_t *out);
int meta_set_number(struct db *d, const char *name, int64_t value);
int meta_add(struct db *d, const char *name, int64_t delta);
int meta_bytes(struct db *d, const char *name, void *out, size_t room, size_t *len);
int meta_set_bytes(struct db *d, const char *name, const void *at, size_t len);

#endif
