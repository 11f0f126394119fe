#include "store/exceptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold.h"
#include "store/reader_private.h"

const char *exception_kind_text(enum exception_kind kind)
{
    static const char *const texts[] = { [EXCEPTION_DELIST] = "delist", [EXCEPTION_PROTECT] = "protect", [EXCEPTION_LIFT] = "lift" };
    return texts[kind];
}

bool exception_holds(const struct exception *e, int64_t now_s)
{
    return e->kind == EXCEPTION_PROTECT || (e->kind == EXCEPTION_DELIST && now_s < e->until_s);
}

static int copy_text(struct bytes from, char *to, size_t max)
{
    if (from.len > max)
        return -EBADMSG;
    if (from.len > 0)                  /* of an empty text SQLite gives no address */
        memcpy(to, from.at, from.len);
    to[from.len] = '\0';
    return 0;
}

int exception_of_row(const struct query *q, struct exception *out)
{
    struct bytes key = column_bytes(q, 1);
    int64_t kind = column_int(q, 0);
    if (kind < EXCEPTION_DELIST || kind > EXCEPTION_LIFT || subject_from_key(key.at, key.len, &out->subject) != 0)
        return -EBADMSG;
    out->kind = (enum exception_kind)kind;
    out->time_s = column_int(q, 2);
    out->until_s = column_int(q, 3);
    int rc = copy_text(column_bytes(q, 4), out->who, EXCEPTION_WHO_MAX);
    return rc == 0 ? copy_text(column_bytes(q, 5), out->why, EXCEPTION_WHY_MAX) : rc;
}

static int add_sender(struct exceptions *x, const struct subject *s)
{
    if (x->senders_n == x->senders_room) {
        size_t room = x->senders_room * 2 + 16;
        struct subject *grown = realloc(x->senders, room * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        x->senders = grown;
        x->senders_room = room;
    }
    x->senders[x->senders_n++] = *s;
    return 0;
}

static int add(struct exceptions *x, const struct exception *e)
{
    char text[SUBJECT_TEXT_MAX];
    x->n++;
    if (e->kind == EXCEPTION_DELIST && e->until_s < x->next_s)
        x->next_s = e->until_s;
    if (subject_kind(&e->subject) == SUBJECT_SENDER)
        return add_sender(x, &e->subject);
    return protect_add(x->networks, subject_text(&e->subject, text));
}

int exceptions_load(struct exceptions *x, struct db *d, int64_t now_s)
{
    struct exceptions fresh = { .networks = protect_create(), .next_s = INT64_MAX };
    struct exception e;
    int rc = fresh.networks != NULL ? 0 : -ENOMEM;
    struct query q = query(d, SQL_EXCEPTION_HOLDING);
    query_int(&q, now_s);
    while (rc == 0 && query_row(&q)) {
        rc = exception_of_row(&q, &e);
        if (rc == 0)
            rc = add(&fresh, &e);
    }
    int ended = query_end(&q);
    rc = rc != 0 ? rc : ended;
    if (rc != 0) {
        exceptions_clear(&fresh);
        return rc;
    }
    exceptions_clear(x);
    *x = fresh;
    return 0;
}

void exceptions_clear(struct exceptions *x)
{
    protect_destroy(&x->networks);
    free(x->senders);
    memset(x, 0, sizeof *x);
}

bool exceptions_cover(const struct exceptions *x, const struct subject *s)
{
    if (x->n == 0)
        return false;
    if (subject_kind(s) != SUBJECT_SENDER)
        return protect_covers(x->networks, s);
    for (size_t i = 0; i < x->senders_n; i++)
        if (x->senders[i].len == s->len && memcmp(x->senders[i].key, s->key, s->len) == 0)
            return true;
    return false;
}

bool store_never_lists(const struct store *s, const struct subject *subject)
{
    return protect_covers(s->policy->protect, subject) || exceptions_cover(&s->exceptions, subject);
}

int fold_exceptions(struct fold *f)
{
    struct store *s = f->s;
    if (s->exceptions_known && f->now_s < s->exceptions.next_s)
        return 0;
    int rc = exceptions_load(&s->exceptions, &s->db, f->now_s);
    if (rc != 0)
        return rc;
    s->exceptions_known = true;
    store_start_recheck(s);
    return 0;
}

static int last_exception(struct db *d, int64_t *id)
{
    struct query q = query(d, SQL_EXCEPTION_LAST);
    *id = query_row(&q) ? column_int(&q, 0) : 0;
    return query_end(&q);
}

int exceptions_note_checked(struct store *s)
{
    int64_t id = 0, before = 0;
    int rc = last_exception(&s->db, &id);
    if (rc == 0)
        rc = meta_number(&s->db, META_EXCEPTIONS, &before);
    if (rc == 0 && id == before && id == 0)
        return 0;
    if (rc == 0)
        rc = meta_set_number(&s->db, META_EXCEPTIONS, id);
    return rc == 0 ? meta_set_number(&s->db, META_EXCEPTIONS_NEXT, s->exceptions.next_s) : rc;
}

/* ---- reading */

int reader_exceptions_checked(struct reader *r, int64_t now_s, bool *checked)
{
    int64_t id = 0, seen = 0, next_s = 0;
    int rc = last_exception(&r->db, &id);
    if (rc == 0)
        rc = meta_number(&r->db, META_EXCEPTIONS, &seen);
    if (rc == 0)
        rc = meta_number(&r->db, META_EXCEPTIONS_NEXT, &next_s);
    *checked = id == seen && (id == 0 || now_s < next_s);
    return rc;
}

/* Only asked when all of them together cover it, so that building a set for each is rare. */
bool exception_covers(const struct exception *e, const struct subject *s)
{
    struct exceptions one = { .networks = protect_create(), .next_s = INT64_MAX };
    bool covers = one.networks != NULL && add(&one, e) == 0 && exceptions_cover(&one, s);
    exceptions_clear(&one);
    return covers;
}

int reader_exceptions_at(struct reader *r, int64_t now_s)
{
    return exceptions_load(&r->exceptions, &r->db, now_s);
}

bool reader_never_lists(const struct reader *r, const struct subject *s)
{
    return protect_covers(r->policy->protect, s) || exceptions_cover(&r->exceptions, s);
}

int reader_each_exception(struct reader *r, bool holding, int64_t now_s, int (*each)(void *ctx, const struct exception *e), void *ctx)
{
    struct exception e;
    int rc = 0;
    struct query q = query(&r->db, holding ? SQL_EXCEPTION_HOLDING : SQL_EXCEPTION_EACH);
    if (holding)
        query_int(&q, now_s);
    while (rc == 0 && query_row(&q)) {
        rc = exception_of_row(&q, &e);
        if (rc == 0)
            rc = each(ctx, &e);
    }
    int ended = query_end(&q);
    return rc != 0 ? rc : ended;
}

/* ---- writing */

static int count_holding(struct store *s, int64_t now_s, size_t *n)
{
    struct query q = query(&s->db, SQL_EXCEPTION_HOLDING_COUNT);
    query_int(&q, now_s);
    *n = query_row(&q) ? (size_t)column_int(&q, 0) : 0;
    return query_end(&q);
}

static int put(struct store *s, const struct exception *e)
{
    struct query q = query(&s->db, SQL_EXCEPTION_ADD);
    query_int(&q, e->kind);
    query_blob(&q, e->subject.key, e->subject.len);
    query_int(&q, e->time_s);
    query_int(&q, e->until_s);
    query_text(&q, e->who);
    query_text(&q, e->why);
    return query_run(&q);
}

int store_add_exception(struct store *s, const struct exception *e, int64_t now_s)
{
    size_t n = 0;
    int rc = db_begin(&s->db);
    if (rc != 0)
        return rc;
    rc = count_holding(s, now_s, &n);
    if (rc == 0 && n >= EXCEPTIONS_MAX && e->kind != EXCEPTION_LIFT)
        rc = -EOVERFLOW;
    if (rc == 0)
        rc = put(s, e);
    rc = store_end(s, rc);
    if (rc == 0)
        s->exceptions_known = false;
    return rc;
}
