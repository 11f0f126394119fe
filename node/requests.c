#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/daemon_parts.h"

const char *daemon_storage_error(int rc)
{
    return rc == -ENOSPC ? "error: disk full, not stored" : rc == -EAGAIN ? "error: shutting down, not stored" : "error: storage failed, not stored";
}

/* What was said before it was protected can be taken back. */
static bool is_refused(struct daemon *d, const struct request *rq)
{
    bool said = false;

    if (!protect_covers(d->config->policy->protect, &rq->subject))
        return false;
    return rq->verb != REQUEST_RETRACT || reader_said(d->reader, &rq->subject, &said) != 0 || !said;
}

int requests_change(void *ctx, const struct request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    struct daemon *d = ctx;
    struct store_report r = { .verb = rq->verb, .cause = rq->cause, .count = rq->count, .category = -1, .subject = rq->subject, .once = rq->once };

    if (rq->category[0] != '\0' && (r.category = policy_category(d->config->policy, rq->category)) < 0) {
        snprintf(answer, REPORT_ANSWER_MAX, "error: unknown category \"%s\"", rq->category);
        return -EINVAL;
    }
    if (is_refused(d, rq)) {
        snprintf(answer, REPORT_ANSWER_MAX, "error: protected");
        return -EINVAL;
    }
    if (d->stopping) {
        snprintf(answer, REPORT_ANSWER_MAX, "%s", daemon_storage_error(-EAGAIN));
        return -EINVAL;
    }
    if (d->reports_waiting >= d->config->limits.queue || store_thread_report(d->store, ticket, &r) != 0) {
        d->reports_paused = true;
        return -EAGAIN;
    }
    d->reports_waiting++;
    return 0;
}

static size_t add_pair(char *out, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static size_t add_pair(char *out, size_t at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(out + at, REPORT_ANSWER_MAX - at, format, args);
    va_end(args);
    return n < 0 || (size_t)n >= REPORT_ANSWER_MAX - at ? REPORT_ANSWER_MAX - 1 : at + (size_t)n;
}

static const char *verdict_text(enum verdict v)
{
    return v == VERDICT_BLACK ? "black" : v == VERDICT_WHITE ? "white" : "unknown";
}

static size_t add_names(char *out, size_t at, const char *key, uint64_t bits, const struct policy *p, bool zones)
{
    const char *lead = key;

    for (unsigned i = 0; i < 64; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        const char *name = zones ? p->zones[i].name : p->categories[i].name;
        if (name[0] == '\0')
            continue;                /* the unnamed white zone */
        at = add_pair(out, at, "%s%s", lead, name);
        lead = ",";
    }
    return at;
}

/* Pairs without a value are left out: Exim's ${extract} would take the next word for it. */
static void info_text(const struct policy *p, const struct subject_info *in, char answer[REPORT_ANSWER_MAX])
{
    long long whole = in->score_milli / 1000, part = llabs(in->score_milli % 1000);
    size_t at = add_pair(answer, 0, "state=%s score=%s%lld.%03lld groups=%u", verdict_text(in->state),
                         in->score_milli < 0 ? "-" : "", llabs(whole), part, in->groups);

    at = add_names(answer, at, " categories=", in->categories, p, false);
    if (in->state != VERDICT_UNKNOWN)
        at = add_pair(answer, at, " code=%u.%u.%u.%u", in->code[0], in->code[1], in->code[2], in->code[3]);
    at = add_names(answer, at, " zones=", in->zones, p, true);
    if (in->until_s != 0)
        add_pair(answer, at, " until=%lld", (long long)in->until_s);
}

void requests_read(void *ctx, const struct request *rq, char answer[REPORT_ANSWER_MAX])
{
    struct daemon *d = ctx;
    const struct policy *p = d->config->policy;
    struct subject_info in;
    enum verdict v = VERDICT_UNKNOWN;
    int64_t milli = 0;
    int category = -1, zone = -1, rc = 0;

    if (rq->category[0] != '\0' && (category = policy_category(p, rq->category)) < 0) {
        snprintf(answer, REPORT_ANSWER_MAX, "error: unknown category \"%s\"", rq->category);
        return;
    }
    if (rq->zone[0] != '\0' && (zone = policy_zone(p, rq->zone)) < 0) {
        snprintf(answer, REPORT_ANSWER_MAX, "error: unknown zone \"%s\"", rq->zone);
        return;
    }
    if (rq->verb == REQUEST_CHECK) {
        rc = reader_check(d->reader, &rq->subject, zone, &v);
        snprintf(answer, REPORT_ANSWER_MAX, "%s", verdict_text(v));
    } else if (rq->verb == REQUEST_SCORE) {
        rc = reader_score(d->reader, &rq->subject, category, daemon_now_s(), &milli);
        snprintf(answer, REPORT_ANSWER_MAX, "%lld", (long long)milli);
    } else {
        rc = reader_info(d->reader, &rq->subject, daemon_now_s(), &in);
        if (rc == 0)
            info_text(p, &in, answer);
    }
    if (rc != 0)
        snprintf(answer, REPORT_ANSWER_MAX, "error: the database cannot be read: %s", strerror(-rc));
}
