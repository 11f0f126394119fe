#include "store/reader_tools.h"

#include <errno.h>
#include <string.h>

#include "store/reader_private.h"
#include "store/tool_private.h"
#include "store/tool_window.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

/* ---- counts */

static int load(struct reader *r, enum sql get, struct bytes key, struct window *w)
{
    struct query q = query(&r->db, get);
    query_blob(&q, key.at, key.len);
    w->n = 0;
    if (query_row(&q) && window_read(column_bytes(&q, 0), w) != 0)
        w->n = 0;                      /* damaged: the next event begins anew */
    return query_end(&q);
}

int reader_tarpit_count(struct reader *r, const struct subject *client, int64_t now_s, uint64_t *n)
{
    struct window w;
    int rc = load(r, SQL_TARPIT_GET, (struct bytes){ client->key, client->len }, &w);
    if (rc == 0)
        *n = window_count(&w, r->policy->tools.tarpit.keep_s, now_s);
    return rc;
}

/* A window of the bounces: none is older than they are kept. */
static int64_t bounces_span(const struct reader *r, int64_t span_s)
{
    int64_t keep_s = r->policy->tools.bounces.keep_s;
    return keep_s < span_s ? keep_s : span_s;
}

int reader_bounces(struct reader *r, const char *user, int64_t now_s, uint64_t *hour, uint64_t *day)
{
    struct window w;
    int rc = load(r, SQL_BOUNCE_GET, (struct bytes){ (const uint8_t *)user, strlen(user) }, &w);
    if (rc == 0) {
        *hour = window_count(&w, bounces_span(r, HOUR_S), now_s);
        *day = window_count(&w, bounces_span(r, DAY_S), now_s);
    }
    return rc;
}

int reader_verdict(struct reader *r, const uint8_t key[VERDICT_KEY_BYTES], int64_t now_s, char verdict[VERDICT_TEXT_MAX], int64_t *time_s, bool *found)
{
    return tool_verdict_find(&r->db, key, now_s, verdict, time_s, found);
}

static int client_passed(struct reader *r, const struct subject *network, int64_t now_s, bool *passed)
{
    struct query q = query(&r->db, SQL_CLIENT_GET);
    query_blob(&q, network->key, network->len);
    *passed = query_row(&q) && column_int(&q, 2) > now_s && column_int(&q, 0) >= GREY_PASSED_MIN;
    return query_end(&q);
}

int reader_grey(struct reader *r, const struct subject *network, const char *sender, const char *rcpt, int64_t now_s, enum grey_state *out)
{
    enum grey_state state = GREY_STATE_NEW;
    bool passed = false;
    struct query q = query(&r->db, SQL_GREY_GET);
    query_blob(&q, network->key, network->len);
    query_blob(&q, sender, strlen(sender));
    query_blob(&q, rcpt, strlen(rcpt));
    if (query_row(&q) && column_int(&q, 2) > now_s)
        state = column_int(&q, 1) > 0 ? GREY_STATE_WHITE : GREY_STATE_WAITING;
    int rc = query_end(&q);
    if (rc == 0)
        rc = client_passed(r, network, now_s, &passed);
    if (rc == 0)
        *out = passed ? GREY_STATE_WHITE : state;
    return rc;
}

/* ---- lists */

static struct query begin(struct reader *r, enum sql which, int64_t now_s)
{
    struct query q = query(&r->db, which);
    query_int(&q, now_s);
    return q;
}

static int end(struct query *q, int rc)
{
    int ended = query_end(q);
    return rc != 0 ? rc : ended;
}

static void take_text(struct bytes from, char to[TOOL_FOLDED_MAX])
{
    size_t len = from.len < TOOL_FOLDED_MAX ? from.len : TOOL_FOLDED_MAX - 1;
    if (len > 0)
        memcpy(to, from.at, len);
    to[len] = '\0';
}

static int take_subject(const struct query *q, int column, struct subject *to)
{
    struct bytes key = column_bytes(q, column);
    return subject_from_key(key.at, key.len, to) == 0 ? 0 : -EBADMSG;
}

static int take_window(const struct query *q, int column, struct window *w)
{
    int rc = window_read(column_bytes(q, column), w);
    return rc == 0 && w->n == 0 ? -EBADMSG : rc;
}

int reader_each_tarpit(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct tarpit_row *row), void *ctx)
{
    struct tarpit_row row;
    struct window w;
    int rc = 0;
    struct query q = begin(r, SQL_TARPIT_EACH, now_s);
    while (rc == 0 && query_row(&q)) {
        rc = take_subject(&q, 0, &row.client);
        if (rc == 0)
            rc = take_window(&q, 1, &w);
        if (rc != 0)
            break;
        row.count = window_count(&w, r->policy->tools.tarpit.keep_s, now_s);
        row.first_s = w.places[0].time_s;
        row.last_s = w.places[w.n - 1].time_s;
        row.until_s = column_int(&q, 2);
        rc = each(ctx, &row);
    }
    return end(&q, rc);
}

int reader_each_bounce(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct bounce_row *row), void *ctx)
{
    struct bounce_row row;
    struct window w;
    int rc = 0;
    struct query q = begin(r, SQL_BOUNCE_EACH, now_s);
    while (rc == 0 && query_row(&q)) {
        take_text(column_bytes(&q, 0), row.user);
        rc = take_window(&q, 1, &w);
        if (rc != 0)
            break;
        row.hour = window_count(&w, bounces_span(r, HOUR_S), now_s);
        row.day = window_count(&w, bounces_span(r, DAY_S), now_s);
        row.last_s = w.places[w.n - 1].time_s;
        row.until_s = column_int(&q, 2);
        rc = each(ctx, &row);
    }
    return end(&q, rc);
}

int reader_each_grey(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct grey_row *row), void *ctx)
{
    struct grey_row row;
    int rc = 0;
    struct query q = begin(r, SQL_GREY_EACH, now_s);
    while (rc == 0 && query_row(&q)) {
        rc = take_subject(&q, 0, &row.network);
        if (rc == 0)
            rc = take_subject(&q, 3, &row.client);
        if (rc != 0)
            break;
        take_text(column_bytes(&q, 1), row.sender);
        take_text(column_bytes(&q, 2), row.rcpt);
        row.first_s = column_int(&q, 4);
        row.passed_s = column_int(&q, 5);
        row.last_s = column_int(&q, 6);
        row.until_s = column_int(&q, 7);
        rc = each(ctx, &row);
    }
    return end(&q, rc);
}

int reader_each_grey_client(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct grey_client_row *row), void *ctx)
{
    struct grey_client_row row;
    int rc = 0;
    struct query q = begin(r, SQL_CLIENT_EACH, now_s);
    while (rc == 0 && query_row(&q)) {
        rc = take_subject(&q, 0, &row.network);
        if (rc != 0)
            break;
        row.passed = (uint64_t)column_int(&q, 1);
        row.abandoned = (uint64_t)column_int(&q, 2);
        row.last_s = column_int(&q, 3);
        row.until_s = column_int(&q, 4);
        rc = each(ctx, &row);
    }
    return end(&q, rc);
}

int reader_each_spf(struct reader *r, int64_t now_s, int (*each)(void *ctx, const struct spf_row *row), void *ctx)
{
    struct spf_row row;
    int rc = 0;
    struct query q = begin(r, SQL_SPF_EACH, now_s);
    while (rc == 0 && query_row(&q)) {
        rc = take_subject(&q, 0, &row.client);
        if (rc == 0)
            rc = take_subject(&q, 1, &row.domain);
        if (rc != 0)
            break;
        row.until_s = column_int(&q, 2);
        rc = each(ctx, &row);
    }
    return end(&q, rc);
}
