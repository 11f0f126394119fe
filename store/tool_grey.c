/* Greylisting. A triplet is (network, folded sender, recipient):
 *
 *   none --first mail--> waiting --a mail after `retry`, within `window`--> passed --each mail renews it for `white`
 *
 * A waiting one that is not tried again within `window` of its first mail is abandoned, and begins anew. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/tool_fold.h"
#include "store/tool_private.h"

struct triplet {
    bool found, is_fresh;                      /* fresh: it is where it is put */
    int64_t first_s, passed_s, expires_s;      /* passed_s 0: it waits */
};

struct grey_client {
    bool found;
    int64_t passed, abandoned;
};

static int load_client(struct store *s, struct bytes network, int64_t now_s, struct grey_client *c)
{
    struct query q = query(&s->db, SQL_CLIENT_GET);
    *c = (struct grey_client){ .found = false };
    query_blob(&q, network.at, network.len);
    if (query_row(&q)) {
        c->found = true;
        if (column_int(&q, 2) > now_s) {
            c->passed = column_int(&q, 0);
            c->abandoned = column_int(&q, 1);
        }
    }
    return query_end(&q);
}

static int put_client(struct store *s, struct bytes network, const struct grey_client *c, int64_t now_s)
{
    int rc = c->found ? 0 : tool_room(s, TOOL_TABLE_CLIENTS);
    if (rc != 0)
        return rc;
    struct query q = query(&s->db, SQL_CLIENT_PUT);
    query_blob(&q, network.at, network.len);
    query_int(&q, c->passed);
    query_int(&q, c->abandoned);
    query_int(&q, now_s);
    query_int(&q, now_s + s->policy->tools.grey.white_s);
    rc = query_run(&q);
    if (rc == 0 && !c->found)
        tool_counted(s, TOOL_TABLE_CLIENTS, 1);
    return rc;
}

static void bind_triplet(struct query *q, const struct tool_op *op)
{
    query_blob(q, op->network.key, op->network.len);
    query_blob(q, op->sender, strlen(op->sender));
    query_blob(q, op->rcpt, strlen(op->rcpt));
}

static int load_triplet(struct store *s, const struct tool_op *op, struct triplet *t)
{
    struct query q = query(&s->db, SQL_GREY_GET);
    *t = (struct triplet){ .found = false };
    bind_triplet(&q, op);
    if (query_row(&q))
        *t = (struct triplet){ .found = true, .first_s = column_int(&q, 0), .passed_s = column_int(&q, 1), .expires_s = column_int(&q, 2), .is_fresh = column_int(&q, 3) != 0 };
    return query_end(&q);
}

static int put_triplet(struct store *s, const struct tool_op *op, const struct triplet *t, int64_t now_s)
{
    int rc = t->found ? 0 : tool_room(s, TOOL_TABLE_GREY);
    if (rc != 0)
        return rc;
    struct query q = query(&s->db, SQL_GREY_PUT);
    bind_triplet(&q, op);
    query_blob(&q, op->subject.key, op->subject.len);
    query_int(&q, t->first_s);
    query_int(&q, t->passed_s);
    query_int(&q, now_s);
    query_int(&q, t->expires_s);
    rc = query_run(&q);
    s->fresh_n += rc == 0 && !t->is_fresh;
    if (rc == 0 && !t->found)
        tool_counted(s, TOOL_TABLE_GREY, 1);
    return rc;
}

/* Its network has earned trust by now. One more mail keeps it so. A bad reputation weighs more. */
static int pass_client(struct store *s, const struct tool_op *op, enum tool_reputation reputation, struct grey_client *c, int64_t now_s, bool *pass)
{
    int rc = load_client(s, (struct bytes){ op->network.key, op->network.len }, now_s, c);
    *pass = rc == 0 && reputation != TOOL_BAD && c->passed >= GREY_PASSED_MIN;
    return *pass ? put_client(s, (struct bytes){ op->network.key, op->network.len }, c, now_s) : rc;
}

static int let_through(struct store *s, const struct tool_op *op, struct triplet *t, struct grey_client *c, int64_t now_s)
{
    bool first = t->passed_s == 0;
    if (first)
        t->passed_s = now_s;
    t->expires_s = now_s + s->policy->tools.grey.white_s;
    int rc = put_triplet(s, op, t, now_s);
    if (rc != 0 || !first)
        return rc;
    c->passed++;
    return put_client(s, (struct bytes){ op->network.key, op->network.len }, c, now_s);
}

static int count_abandoned(struct store *s, struct bytes network, struct bytes client, int64_t now_s)
{
    const struct policy_grey *p = &s->policy->tools.grey;
    struct grey_client c;
    struct subject subject;
    int rc = load_client(s, network, now_s, &c);
    if (rc != 0)
        return rc;
    c.abandoned++;
    rc = put_client(s, network, &c, now_s);
    if (rc != 0 || c.passed > 0 || c.abandoned % GREY_ABANDONED_STEP != 0 || subject_from_key(client.at, client.len, &subject) != 0 ||
        store_never_lists(s, &subject))
        return rc;
    return tool_evidence(s, &subject, 0, GREY_ABANDONED_MILLI, !p->share, 1, now_s);
}

/* Within the time after the first mail, `wait` of it is over. */
static int judge(struct store *s, const struct tool_op *op, enum tool_reputation reputation, struct triplet *t, struct grey_client *c, int64_t now_s, bool *defer)
{
    const struct policy_grey *p = &s->policy->tools.grey;
    int64_t wait_s = p->retry_s * (reputation == TOOL_BAD ? GREY_BAD_FACTOR : 1);
    bool dead = t->found && now_s >= t->expires_s;
    int rc = 0;
    if (wait_s >= p->window_s)
        wait_s = p->window_s - 1;
    if (dead && t->passed_s == 0)
        rc = count_abandoned(s, (struct bytes){ op->network.key, op->network.len }, (struct bytes){ op->subject.key, op->subject.len }, now_s);
    if (rc == 0 && dead)
        rc = load_client(s, (struct bytes){ op->network.key, op->network.len }, now_s, c);
    if (rc != 0)
        return rc;
    t->is_fresh &= s->fresh_n > 0;                     /* making room for a client may have moved it */
    bool ahead = t->passed_s == 0 && t->first_s > now_s;       /* the clock was set back: it waits from now */
    if (!t->found || dead || ahead)
        *t = (struct triplet){ .found = t->found, .is_fresh = t->is_fresh, .first_s = now_s };
    if (t->passed_s != 0 || now_s - t->first_s >= wait_s)
        return let_through(s, op, t, c, now_s);
    *defer = true;
    t->expires_s = t->first_s + p->window_s;
    return put_triplet(s, op, t, now_s);
}

int tool_grey(struct store *s, struct tool_op *op, int64_t now_s)
{
    struct triplet t;
    struct grey_client c;
    enum tool_reputation reputation = TOOL_UNKNOWN;
    int rc = tool_reputation(s, &op->subject, &reputation);
    bool pass = reputation == TOOL_GOOD, defer = false;
    if (rc == 0 && !pass)
        rc = pass_client(s, op, reputation, &c, now_s, &pass);
    if (rc == 0 && !pass)
        rc = load_triplet(s, op, &t);
    if (rc == 0 && !pass)
        rc = judge(s, op, reputation, &t, &c, now_s, &defer);
    snprintf(op->answer, sizeof op->answer, "%s", defer ? "true" : "false");
    return rc;
}

/* ---- the end of triplets */

struct dying {
    struct subject network, client;
    char sender[TOOL_FOLDED_MAX], rcpt[TOOL_FOLDED_MAX];
    bool waits;
};

static void take_subject(struct bytes from, struct subject *to)
{
    to->len = from.len <= SUBJECT_KEY_MAX ? (uint8_t)from.len : 0;
    if (to->len > 0)
        memcpy(to->key, from.at, from.len);
}

static void take_text(struct bytes from, char to[TOOL_FOLDED_MAX])
{
    size_t len = from.len < TOOL_FOLDED_MAX ? from.len : TOOL_FOLDED_MAX - 1;
    if (len > 0)
        memcpy(to, from.at, len);
    to[len] = '\0';
}

/* The first to die of those that die at until_s or before. */
static int next_dying(struct store *s, int64_t until_s, struct dying *d, bool *found)
{
    struct query q = query(&s->db, SQL_GREY_OLD);
    query_int(&q, until_s);
    query_int(&q, 1);
    *found = query_row(&q);
    if (*found) {
        take_subject(column_bytes(&q, 0), &d->network);
        take_text(column_bytes(&q, 1), d->sender);
        take_text(column_bytes(&q, 2), d->rcpt);
        take_subject(column_bytes(&q, 3), &d->client);
        d->waits = column_int(&q, 4) == 0;
    }
    return query_end(&q);
}

static int drop(struct store *s, const struct dying *d)
{
    struct query q = query(&s->db, SQL_GREY_DROP);
    query_blob(&q, d->network.key, d->network.len);
    query_blob(&q, d->sender, strlen(d->sender));
    query_blob(&q, d->rcpt, strlen(d->rcpt));
    int rc = query_run(&q);
    int64_t rows = rc == 0 ? sqlite3_changes(s->db.sql) : 0;
    tool_counted(s, TOOL_TABLE_GREY, -rows);
    return rc == 0 && rows != 1 ? -EBADMSG : rc;      /* else the same row would be found for ever */
}

int tool_grey_drop_first(struct store *s)
{
    struct dying d;
    bool found;
    int rc = next_dying(s, INT64_MAX, &d, &found);
    return rc == 0 && found ? drop(s, &d) : rc;
}

int tool_grey_sweep(struct store *s, size_t rows_max, int64_t now_s, bool *more)
{
    struct dying d;
    bool found = true;
    int rc = 0;
    size_t n = 0;
    for (; n < rows_max; n++) {
        rc = next_dying(s, now_s, &d, &found);
        if (rc != 0 || !found)
            return rc;
        rc = drop(s, &d);
        if (rc == 0 && d.waits)
            rc = count_abandoned(s, (struct bytes){ d.network.key, d.network.len }, (struct bytes){ d.client.key, d.client.len }, now_s);
        if (rc != 0)
            return rc;
    }
    *more = true;
    return 0;
}
