#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store.h"

/* Step n brings a file from user_version n to n + 1. Steps are never edited once released, only added. */
static const char *const steps[DB_SCHEMA] = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY, number INTEGER NOT NULL DEFAULT 0, bytes BLOB) STRICT, WITHOUT ROWID;"
    /* root is NULL once the member is forgotten and until its opinions are gone */
    "CREATE TABLE member(id INTEGER PRIMARY KEY AUTOINCREMENT, root BLOB UNIQUE,"
    " floor_epoch INTEGER NOT NULL DEFAULT 0, floor_seq INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE record(member INTEGER NOT NULL, serial INTEGER NOT NULL, frame BLOB NOT NULL,"
    " PRIMARY KEY(member, serial)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE category(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE zone(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"

    /* Truth: own reports not folded yet, in order. Category 0: all. */
    "CREATE TABLE journal(id INTEGER PRIMARY KEY, subject BLOB NOT NULL, category INTEGER NOT NULL, verb INTEGER NOT NULL,"
    " count INTEGER NOT NULL, cause INTEGER NOT NULL, time_s INTEGER NOT NULL) STRICT;"
    /* Truth: signed batches. An id is never used twice: the fold's mark counts on it. */
    "CREATE TABLE batch(id INTEGER PRIMARY KEY AUTOINCREMENT, member INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, hash BLOB NOT NULL, floor_epoch INTEGER NOT NULL, floor_seq INTEGER NOT NULL,"
    " time_s INTEGER NOT NULL, frame BLOB NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX batch_name ON batch(member, epoch, seq, hash);"
    /* Truth: what this member saw, and what it told of it (mass steps). urgency 1: grown, 2: tell at once. */
    "CREATE TABLE evidence(subject BLOB NOT NULL, category INTEGER NOT NULL, black_micro INTEGER NOT NULL,"
    " white_micro INTEGER NOT NULL, time_s INTEGER NOT NULL, told_black INTEGER NOT NULL, told_white INTEGER NOT NULL,"
    " told_time_s INTEGER NOT NULL, hold_until_s INTEGER NOT NULL, urgency INTEGER NOT NULL, waiting_s INTEGER NOT NULL,"
    " PRIMARY KEY(subject, category)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX evidence_waiting ON evidence(urgency, waiting_s) WHERE urgency > 0;"

    /* Derived: the registers of the others. hash: the first 8 bytes, as an integer that sorts like them. */
    "CREATE TABLE opinion(subject BLOB NOT NULL, category INTEGER NOT NULL, member INTEGER NOT NULL, epoch INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, hash INTEGER NOT NULL, black INTEGER NOT NULL, white INTEGER NOT NULL, time_s INTEGER NOT NULL,"
    " PRIMARY KEY(subject, category, member)) STRICT, WITHOUT ROWID;"
    /* Derived: what a zone lists. Zone 0: nothing lists the key, but time alone may come to; all other scores are read from the
     * registers. due_s may be earlier than until_s, never later: a listing that is renewed again and again keeps its place in the index. */
    "CREATE TABLE listing(subject BLOB NOT NULL, category INTEGER NOT NULL, zone INTEGER NOT NULL, since_s INTEGER NOT NULL,"
    " until_s INTEGER NOT NULL, due_s INTEGER NOT NULL, minute_s INTEGER NOT NULL, score_micro INTEGER NOT NULL,"
    " groups INTEGER NOT NULL, PRIMARY KEY(subject, category, zone)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX listing_due ON listing(due_s);",

    /* What the operator decided by hand (store/exception.h); only added to. */
    "CREATE TABLE exception(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, subject BLOB NOT NULL, time_s INTEGER NOT NULL,"
    " until_s INTEGER NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL) STRICT;"
    "CREATE INDEX exception_subject ON exception(subject, id);",

    /* Which own batch told it last; epoch 0: nothing is told of it. Of what was told before it is only known that it was. */
    "ALTER TABLE evidence ADD COLUMN told_epoch INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE evidence ADD COLUMN told_seq INTEGER NOT NULL DEFAULT 0;"
    "UPDATE evidence SET told_epoch = 1 WHERE told_black + told_white > 0;"
    "CREATE INDEX evidence_told ON evidence(told_epoch, told_seq) WHERE told_epoch > 0;"
    "INSERT INTO meta(name, number) SELECT 'told_n', count(*) FROM evidence WHERE told_epoch > 0;"
    "INSERT INTO meta(name, number) SELECT 'log_unweighed', 1 WHERE EXISTS(SELECT 1 FROM batch);",

    /* An event of its own weight (0: the category's), and one that other members are never told of: what such events weigh stands beside the rest. */
    "ALTER TABLE journal ADD COLUMN weight_milli INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE journal ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE evidence ADD COLUMN kept_black_micro INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE evidence ADD COLUMN kept_white_micro INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE evidence ADD COLUMN kept_time_s INTEGER NOT NULL DEFAULT 0;",

    /* Truth: the newest signed list of each introducer, and the same entry by entry. */
    "CREATE TABLE introductions(introducer BLOB PRIMARY KEY, stamp BLOB NOT NULL, frame BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE introduction(introducer BLOB NOT NULL, root BLOB NOT NULL, share_milli INTEGER NOT NULL, expires_s INTEGER NOT NULL,"
    " record BLOB NOT NULL, PRIMARY KEY(introducer, root)) STRICT, WITHOUT ROWID;"
    /* Derived: who has trust by them, as the last reckoning gave it. sponsor: the root of the group. */
    "CREATE TABLE trusted(root BLOB PRIMARY KEY, sponsor BLOB NOT NULL, introducer BLOB NOT NULL, tau_micro INTEGER NOT NULL,"
    " hops INTEGER NOT NULL, expires_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;",
    /* The Exim toolbox (store/tool.h). Each row dies at expires_s. events: store/tool_window.h. Texts are bytes, as clients write them. */
    "CREATE TABLE tool_tarpit(subject BLOB PRIMARY KEY, events BLOB NOT NULL, expires_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX tool_tarpit_expires ON tool_tarpit(expires_s);"
    "CREATE TABLE tool_bounce(user BLOB PRIMARY KEY, events BLOB NOT NULL, expires_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX tool_bounce_expires ON tool_bounce(expires_s);"
    /* network: /24 or /64; client: the address that was seen first. passed_s 0: not let through yet. */
    "CREATE TABLE tool_grey(network BLOB NOT NULL, sender BLOB NOT NULL, rcpt BLOB NOT NULL, client BLOB NOT NULL,"
    " first_s INTEGER NOT NULL, passed_s INTEGER NOT NULL, last_s INTEGER NOT NULL, expires_s INTEGER NOT NULL,"
    " PRIMARY KEY(network, sender, rcpt)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX tool_grey_expires ON tool_grey(expires_s);"
    /* How many triplets of a network were let through, and how many never came back. */
    "CREATE TABLE tool_client(network BLOB PRIMARY KEY, passed INTEGER NOT NULL, abandoned INTEGER NOT NULL, last_s INTEGER NOT NULL,"
    " expires_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX tool_client_expires ON tool_client(expires_s);"
    /* Which domains passed SPF from an address. */
    "CREATE TABLE tool_spf(subject BLOB NOT NULL, domain BLOB NOT NULL, expires_s INTEGER NOT NULL, PRIMARY KEY(subject, domain)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX tool_spf_expires ON tool_spf(expires_s);",

    /* What was decided for a message and a recipient: key is the beginning of the message's name and a hash of both, so that no recipient is in the file. */
    ("CREATE TABLE tool_verdict(key BLOB PRIMARY KEY, verdict BLOB NOT NULL, time_s INTEGER NOT NULL, expires_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
     "CREATE INDEX tool_verdict_expires ON tool_verdict(expires_s);"),

    /* Truth: up to which number each reporter's requests counted (proto/once.h). */
    "CREATE TABLE once(source BLOB PRIMARY KEY, number INTEGER NOT NULL, time_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;",

    /* What was put lately, until the fold moves it over in order: a turn then writes a few pages of these and not one page a row of those. The newer of two counts. */
    ("CREATE TABLE tool_tarpit_fresh(subject BLOB PRIMARY KEY, events BLOB NOT NULL, expires_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
     "CREATE TABLE tool_bounce_fresh(user BLOB PRIMARY KEY, events BLOB NOT NULL, expires_s INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
     "CREATE TABLE tool_grey_fresh(network BLOB NOT NULL, sender BLOB NOT NULL, rcpt BLOB NOT NULL, client BLOB NOT NULL,"
     " first_s INTEGER NOT NULL, passed_s INTEGER NOT NULL, last_s INTEGER NOT NULL, expires_s INTEGER NOT NULL,"
     " PRIMARY KEY(network, sender, rcpt)) STRICT, WITHOUT ROWID;"
     "CREATE TABLE tool_spf_fresh(subject BLOB NOT NULL, domain BLOB NOT NULL, expires_s INTEGER NOT NULL, PRIMARY KEY(subject, domain)) STRICT, WITHOUT ROWID;"),

    /* Truth: two signed batches with one number, of each frozen epoch. time_s: of the later of the two, by its author; forgiven: by the operator.
     * member.refold: 1 what is dead by a proof is to be buried, 2 and what lives is to be worked in again. */
    ("CREATE TABLE proof(member INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, hash_a BLOB NOT NULL, frame_a BLOB NOT NULL,"
    " hash_b BLOB NOT NULL, frame_b BLOB NOT NULL, time_s INTEGER NOT NULL, found_s INTEGER NOT NULL, forgiven INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY(member, epoch)) STRICT;"
    "ALTER TABLE member ADD COLUMN quarantine_s INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE member ADD COLUMN refold INTEGER NOT NULL DEFAULT 0;"),

    /* When it was first configured as a peer: what a probation is counted from. */
    "ALTER TABLE member ADD COLUMN peer_s INTEGER NOT NULL DEFAULT 0;",

    /* How many opinions a batch says (NULL: not counted, of before), and from where on a member's log is kept by the node's own bounds. */
    ("ALTER TABLE batch ADD COLUMN opinions INTEGER;"
     "ALTER TABLE member ADD COLUMN bound_epoch INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE member ADD COLUMN bound_seq INTEGER NOT NULL DEFAULT 0;"),

    /* What experience made of the members (store/reliability.h). Truth: it cannot be had again from live batches. opinion.since_s: since when the member is known here
     * to say black, negative: white; 0: neither. judged: by what a count was last made of it. opinion_before: of the registers that a rebuild is replacing; it has the
     * columns of opinion. evidence.turned_s: since when own evidence says black, negative: white. */
    ("ALTER TABLE opinion ADD COLUMN since_s INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE opinion ADD COLUMN judged_s INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE opinion ADD COLUMN judged INTEGER NOT NULL DEFAULT 0;"
     "CREATE TABLE opinion_before(subject BLOB NOT NULL, category INTEGER NOT NULL, member INTEGER NOT NULL, epoch INTEGER NOT NULL,"
     " seq INTEGER NOT NULL, hash INTEGER NOT NULL, black INTEGER NOT NULL, white INTEGER NOT NULL, time_s INTEGER NOT NULL,"
     " since_s INTEGER NOT NULL DEFAULT 0, judged_s INTEGER NOT NULL DEFAULT 0, judged INTEGER NOT NULL DEFAULT 0,"
     " PRIMARY KEY(subject, category, member)) STRICT, WITHOUT ROWID;"
     "ALTER TABLE evidence ADD COLUMN turned_s INTEGER NOT NULL DEFAULT 0;"
     "INSERT INTO meta(name, number) SELECT 'own_black_n', count(*) FROM evidence"
     " WHERE 2 * (black_micro + kept_black_micro) > 6 * (white_micro + kept_white_micro) + 1000000;"
     "INSERT INTO meta(name, number) SELECT 'own_white_n', count(*) FROM evidence"
     " WHERE 4 * (white_micro + kept_white_micro) > 3 * (black_micro + kept_black_micro) + 1000000;"
     "CREATE TABLE learned(member INTEGER PRIMARY KEY, time_s INTEGER NOT NULL, confirmed INTEGER NOT NULL, refuted INTEGER NOT NULL,"
     " unseen INTEGER NOT NULL, confirmed_white INTEGER NOT NULL, refuted_white INTEGER NOT NULL, black_micro INTEGER NOT NULL,"
     " white_micro INTEGER NOT NULL, hour INTEGER NOT NULL, hours BLOB NOT NULL, until_s INTEGER NOT NULL, times INTEGER NOT NULL) STRICT;"),

    /* Derived: who says so, a bit a group; networks that are listed since enough of their addresses are (store/networks.h). */
    ("ALTER TABLE listing ADD COLUMN said_by INTEGER NOT NULL DEFAULT 0;"
     "CREATE TABLE network(subject BLOB NOT NULL, category INTEGER NOT NULL, zone INTEGER NOT NULL, since_s INTEGER NOT NULL,"
     " addresses INTEGER NOT NULL, groups INTEGER NOT NULL, innocents INTEGER NOT NULL, PRIMARY KEY(subject, category, zone)) STRICT, WITHOUT ROWID;"),

    /* How long the last retraction held, so that the next one holds longer. */
    "ALTER TABLE evidence ADD COLUMN hold_s INTEGER NOT NULL DEFAULT 0;",

    /* The member's record beside black_micro, which usefulness dampens. The first snapshot after this one has it; until then it is no more than it was. */
    ("ALTER TABLE learned ADD COLUMN record_micro INTEGER NOT NULL DEFAULT 0;"
     "UPDATE learned SET record_micro = black_micro;"),

    /* Listings of the white zone without a name, which are in no file. */
    "INSERT INTO meta(name, number) SELECT 'unnamed_n', count(*) FROM listing WHERE zone IN (SELECT id FROM zone WHERE name = '');",

    /* What the snapshot of a member was made of (struct learned), so that it can be reckoned again; basis 0: not known. */
    ("ALTER TABLE learned ADD COLUMN basis INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_confirmed INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_refuted INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_unseen INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_confirmed_white INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_refuted_white INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_black_n INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_white_n INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_usual INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_quartile INTEGER NOT NULL DEFAULT 0;"),

    /* How useful a member's reports are here is tried each day, apart from its record, and marks no opinion any more. What was known until then is its beginning. A mark stood over
     * that of a judgement, and there was no own event in the seven days before it: what was known by then goes on to have had its effect, or all of it would be judged a second time. */
    ("ALTER TABLE learned ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE learned ADD COLUMN taken_seen INTEGER NOT NULL DEFAULT 0;"
     "UPDATE learned SET seen = confirmed, basis = 0;"
     "UPDATE opinion SET judged_s = max(judged_s - 604800, 0), judged = 3 WHERE judged = 1;"
     "UPDATE opinion_before SET judged_s = max(judged_s - 604800, 0), judged = 3 WHERE judged = 1;"),
};

static int say(char *why, int rc, const char *path, const char *text)
{
    snprintf(why, STORE_WHY_MAX, "%s: %s", path, text);
    return rc;
}

const char *db_owner_advice(int rc)
{
    return rc == -EACCES ? "; it and the files beside it are the node's: become its user or root, or give them back to it (chown)"
         : rc == -EROFS ? "; a file beside it may belong to another user (chown), or the disk be read-only"
         : "";
}

int db_explain(struct db *d, const char *path, int rc, char *why)
{
    snprintf(why, STORE_WHY_MAX, "%s: %s%s", path, sqlite3_errmsg(d->sql),
             rc == -EBADMSG ? "; the file is damaged: restore a backup, or start with a new database and let the mesh refill it"
             : rc == -ENOSPC ? "; make room on the disk and start again"
             : rc == -EBUSY ? "; another program holds the database"
             : db_owner_advice(rc));
    return rc;
}

static int say_absent(char *why, int rc, const char *path)
{
    if (rc == -ENOENT)
        return say(why, rc, path, "no such database; `hearsay init` makes one");
    snprintf(why, STORE_WHY_MAX, "%s: %s%s", path, strerror(-rc), rc == -EACCES ? db_owner_advice(rc) : "");
    return rc;
}

int db_check_exists(const char *path, char *why)
{
    struct stat st;
    return stat(path, &st) == 0 ? 0 : say_absent(why, -errno, path);
}

/* SQLite would give the file the umask's mode and take any file for an empty database. Only before this process has the database open:
 * POSIX drops all locks that a process has on a file as soon as it closes any descriptor of it. */
int db_check_file(const char *path, bool create, char *why)
{
    char head[16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && create)
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return say_absent(why, -errno, path);
    struct stat st;
    ssize_t n = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, head, sizeof head, 0) : -1;
    close(fd);
    if (n != 0 && (n != sizeof head || memcmp(head, "SQLite format 3", sizeof head) != 0))
        return say(why, -EBADMSG, path, "not a database of hearsay; name another file, or move this one away");
    return 0;
}

static int pragma_number(struct db *d, const char *text, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(d->sql, text, -1, &stmt, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            *out = sqlite3_column_int64(stmt, 0);
    }
    rc = db_error(d->sql, rc);
    sqlite3_finalize(stmt);
    return rc;
}

static int check_version(struct db *d, const char *path, int64_t *version, char *why)
{
    int64_t application = 0;
    int rc = pragma_number(d, "PRAGMA application_id", &application);
    if (rc == 0)
        rc = pragma_number(d, "PRAGMA user_version", version);
    if (rc != 0)
        return db_explain(d, path, rc, why);
    if (application != DB_APPLICATION && (application != 0 || *version != 0))
        return say(why, -EBADMSG, path, "a database of another program; name another file");
    if (*version > DB_SCHEMA)
        return say(why, -EPROTO, path, "written by a newer hearsay; upgrade this one, or restore the backup made before");
    return 0;
}

static int upgrade(struct db *d, int64_t version)
{
    char text[96];
    for (; version < DB_SCHEMA; version++) {
        snprintf(text, sizeof text, "PRAGMA user_version = %d; PRAGMA application_id = %d", (int)version + 1, DB_APPLICATION);
        int rc = db_begin(d);
        if (rc == 0)
            rc = db_exec(d, steps[version]);
        if (rc == 0)
            rc = db_exec(d, text);
        rc = db_end(d, rc);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int connect_file(struct db *d, const char *path, int flags, char *why)
{
    memset(d, 0, sizeof *d);
    int rc = sqlite3_open_v2(path, &d->sql, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK)
        return d->sql != NULL ? db_explain(d, path, db_error(d->sql, rc), why) : say(why, -ENOMEM, path, "out of memory");
    sqlite3_busy_timeout(d->sql, 5000);
    return 0;
}

int db_open_plain(struct db *d, const char *path, char *why)
{
    int64_t version;
    int rc = connect_file(d, path, SQLITE_OPEN_READWRITE, why);
    /* A connection that has not read yet does not know that there is a write-ahead log, and would check out nothing of it. */
    if (rc == 0)
        rc = check_version(d, path, &version, why);
    if (rc != 0)
        db_close(d);
    return rc;
}

int db_open_writer(struct db *d, const char *path, char *why)
{
    int64_t version = 0;
    int rc = connect_file(d, path, SQLITE_OPEN_READWRITE, why);
    if (rc == 0)
        rc = check_version(d, path, &version, why);
    if (rc == 0) {
        /* The page size counts for a new file only. 1 KiB was tried: on a quick disk nothing gained, and listings merged slower. */
        rc = db_exec(d, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                        "PRAGMA cache_size = -131072; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = 0;"
                        "PRAGMA journal_size_limit = 67108864");
        if (rc == 0)
            rc = upgrade(d, version);
        if (rc != 0)
            db_explain(d, path, rc, why);
    }
    if (rc != 0)
        db_close(d);
    return rc;
}

int db_open_reader(struct db *d, const char *path, char *why)
{
    int64_t version = 0;
    int rc = db_check_exists(path, why);
    if (rc != 0)
        return rc;
    rc = connect_file(d, path, SQLITE_OPEN_READONLY, why);
    if (rc == 0)
        rc = check_version(d, path, &version, why);
    if (rc == 0 && version != DB_SCHEMA)
        rc = say(why, -EPROTO, path, "not brought up to date yet; start hearsayd once");
    if (rc == 0)
        rc = db_exec(d, "PRAGMA query_only = 1; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY");
    if (rc != 0)
        db_close(d);
    return rc;
}

void db_close(struct db *d)
{
    for (size_t i = 0; i < SQL_N; i++)
        sqlite3_finalize(d->stmts[i]);
    sqlite3_close(d->sql);
    memset(d, 0, sizeof *d);
}
