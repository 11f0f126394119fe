/* Offences of an address, and bounces of a user: both are events in a window. */
#include <stdio.h>
#include <string.h>

#include "store/tool_private.h"

enum { HOUR_S = 3600 };

struct place {
    bool is_new, is_fresh;           /* there is no row; it is where it is put */
};

static int load(struct store *s, enum sql get, struct bytes key, struct window *w, struct place *p)
{
    struct query q = query(&s->db, get);
    query_blob(&q, key.at, key.len);
    p->is_new = !query_row(&q);
    p->is_fresh = !p->is_new && column_int(&q, 1) != 0;
    w->n = 0;
    /* Damaged, it would be so for good; it counts from now on. */
    if (!p->is_new && window_read(column_bytes(&q, 0), w) != 0)
        w->n = 0;
    return query_end(&q);
}

static int put(struct store *s, enum tool_table t, enum sql put_row, struct bytes key, const struct window *w, int64_t keep_s, const struct place *p)
{
    uint8_t events[WINDOW_BYTES_MAX];
    int rc = p->is_new ? tool_room(s, t) : 0;
    if (rc != 0)
        return rc;
    struct query q = query(&s->db, put_row);
    query_blob(&q, key.at, key.len);
    query_blob(&q, events, window_write(w, events));
    query_int(&q, w->places[w->n - 1].time_s + keep_s);
    rc = query_run(&q);
    s->fresh_n += rc == 0 && !p->is_fresh;
    if (rc == 0 && p->is_new)
        tool_counted(s, t, 1);
    return rc;
}

int tool_tarpit(struct store *s, struct tool_op *op, int64_t now_s)
{
    const struct policy_tarpit *p = &s->policy->tools.tarpit;
    struct bytes key = { op->subject.key, op->subject.len };
    struct window w;
    enum tool_reputation reputation;
    struct place place;
    int rc = tool_reputation(s, &op->subject, &reputation);
    snprintf(op->answer, sizeof op->answer, "0");
    if (rc != 0 || reputation == TOOL_GOOD)
        return rc;
    rc = load(s, SQL_TARPIT_GET, key, &w, &place);
    if (rc != 0)
        return rc;
    window_add(&w, 1, p->keep_s, now_s - op->once.age_s);
    rc = put(s, TOOL_TABLE_TARPIT, SQL_TARPIT_PUT, key, &w, p->keep_s, &place);
    if (rc == 0)
        rc = tool_evidence(s, &op->subject, tool_category(s, "invalid-recipients"), p->weight_milli, !p->share, 1, now_s);
    snprintf(op->answer, sizeof op->answer, "%llu", (unsigned long long)window_count(&w, p->keep_s, now_s));
    return rc;
}

int tool_bounce(struct store *s, struct tool_op *op, int64_t now_s)
{
    const struct policy_bounces *p = &s->policy->tools.bounces;
    struct bytes key = { (const uint8_t *)op->user, strlen(op->user) };
    struct window w;
    struct place place;
    int rc = load(s, SQL_BOUNCE_GET, key, &w, &place);
    if (rc != 0)
        return rc;
    int64_t at_s = now_s - op->once.age_s;
    uint64_t before = window_count(&w, HOUR_S, at_s);
    window_add(&w, op->count, p->keep_s, at_s);
    uint64_t after = before + op->count;
    rc = put(s, TOOL_TABLE_BOUNCES, SQL_BOUNCE_PUT, key, &w, p->keep_s, &place);
    uint32_t events = (uint32_t)(after / BOUNCE_STEP - before / BOUNCE_STEP);
    if (rc == 0 && op->domain.len > 0 && events > 0 && !store_never_lists(s, &op->domain))
        rc = tool_evidence(s, &op->domain, tool_category(s, "invalid-recipients"), BOUNCE_MILLI, !p->share,
                           events, now_s);
    snprintf(op->answer, sizeof op->answer, "ok");
    return rc;
}
