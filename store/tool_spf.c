/* What SPF teaches. A failure speaks against the address. A pass speaks for nobody, but from then on, for a while, the domain answers for what comes from there: what is
 * reported of the address is said of the domain, too. */
#include <stdio.h>
#include <string.h>

#include "store/tool_private.h"

/* The first to die comes first. There are never more: the next one takes its place. */
struct passed {
    struct subject domains[SPF_DOMAINS_MAX + 1];
    bool is_fresh[SPF_DOMAINS_MAX + 1];  /* it is where it is put */
    size_t n, live_from;             /* those before it are past their end, and not swept yet */
};

static int load_passed(struct store *s, const struct subject *client, int64_t now_s, struct passed *p)
{
    struct query q = query(&s->db, SQL_SPF_OF_SUBJECT);
    p->n = p->live_from = 0;
    query_blob(&q, client->key, client->len);
    query_int(&q, SPF_DOMAINS_MAX + 1);
    while (p->n <= SPF_DOMAINS_MAX && query_row(&q)) {
        struct bytes key = column_bytes(&q, 0);
        if (subject_from_key(key.at, key.len, &p->domains[p->n]) != 0)
            continue;
        p->is_fresh[p->n] = column_int(&q, 2) != 0;
        p->n++;
        if (column_int(&q, 1) <= now_s)
            p->live_from = p->n;
    }
    return query_end(&q);
}

static int put(struct store *s, const struct subject *client, const struct subject *domain, int64_t expires_s, bool is_fresh)
{
    struct query q = query(&s->db, SQL_SPF_PUT);
    query_blob(&q, client->key, client->len);
    query_blob(&q, domain->key, domain->len);
    query_int(&q, expires_s);
    int rc = query_run(&q);
    s->fresh_n += rc == 0 && !is_fresh;
    return rc;
}

static int drop_from(struct store *s, enum sql which, const struct subject *client, const struct subject *domain)
{
    struct query q = query(&s->db, which);
    query_blob(&q, client->key, client->len);
    query_blob(&q, domain->key, domain->len);
    return query_run(&q);
}

/* It may stand in both places, and is one. */
static int drop(struct store *s, const struct subject *client, const struct subject *domain, bool is_fresh)
{
    int rc = drop_from(s, SQL_SPF_DROP, client, domain);
    if (rc == 0 && is_fresh)
        rc = drop_from(s, SQL_SPF_DROP_FRESH, client, domain);
    if (rc != 0)
        return rc;
    s->fresh_n -= is_fresh && s->fresh_n > 0;
    tool_counted(s, TOOL_TABLE_SPF, -1);
    return 0;
}

/* One more than those that may share is remembered, so that a host of many stays known as such. */
static int remember(struct store *s, const struct subject *client, const struct subject *domain, int64_t now_s)
{
    int64_t keep_s = s->policy->tools.spf.keep_s;
    struct passed p;
    if (keep_s == 0 || store_never_lists(s, domain))
        return 0;
    int rc = load_passed(s, client, now_s, &p);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < p.n; i++)
        if (subject_compare(&p.domains[i], domain) == 0)
            return put(s, client, domain, now_s + keep_s, p.is_fresh[i]);
    if (p.n > SPF_DOMAINS_MAX)
        rc = drop(s, client, &p.domains[0], p.is_fresh[0]);
    if (rc == 0)
        rc = tool_room(s, TOOL_TABLE_SPF);
    if (rc == 0)
        rc = put(s, client, domain, now_s + keep_s, false);
    if (rc == 0)
        tool_counted(s, TOOL_TABLE_SPF, 1);
    return rc;
}

int tool_spf(struct store *s, struct tool_op *op, int64_t now_s)
{
    const struct policy_spf *p = &s->policy->tools.spf;
    snprintf(op->answer, sizeof op->answer, "ok");
    if (store_never_lists(s, &op->subject))
        return 0;
    if (op->spf == SPF_FAIL)
        return tool_evidence(s, &op->subject, tool_category(s, "fraud"), p->weight_milli, !p->share, 1, now_s);
    return op->spf == SPF_PASS && op->domain.len > 0 ? remember(s, &op->subject, &op->domain, now_s) : 0;
}

static bool is_shared(const struct store *s, const struct store_report *r)
{
    int kind = r->subject.len > 0 ? subject_kind(&r->subject) : 0;
    return s->tool_rows[TOOL_TABLE_SPF] > 0 && (kind == SUBJECT_IP4 || kind == SUBJECT_IP6) && r->verb != REQUEST_RETRACT && r->cause != CAUSE_DNSBL;
}

int tool_spf_share(struct store *s, const struct store_report *r, int64_t now_s)
{
    const struct policy *p = s->policy;
    struct passed passed;
    if (!is_shared(s, r))
        return 0;
    int rc = load_passed(s, &r->subject, now_s, &passed);
    size_t live = passed.n - passed.live_from;
    if (rc != 0 || live == 0 || live > SPF_DOMAINS_MAX)
        return rc;
    struct store_report each = *r;
    uint32_t weight_milli = r->weight_milli != 0 ? r->weight_milli : p->categories[r->category < 0 ? 0 : r->category].weight_milli;
    each.weight_milli = weight_milli / (uint32_t)live;
    each.kept = r->kept || !p->tools.spf.share;
    for (size_t i = passed.live_from; rc == 0 && i < passed.n && each.weight_milli > 0; i++) {
        each.subject = passed.domains[i];
        if (!store_never_lists(s, &each.subject))
            rc = store_put_report(s, &each, now_s);
    }
    return rc;
}
