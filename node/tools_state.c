/* Tools whose state is in the store: an operation is made ready here, and done by the store thread. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/daemon_parts.h"
#include "node/log.h"
#include "node/tools_parts.h"
#include "store/reader_tools.h"
#include "store/tool_fold.h"

static int say(char answer[REPORT_ANSWER_MAX], const char *text)
{
    snprintf(answer, REPORT_ANSWER_MAX, "%s", text);
    return REPORT_ANSWERED;
}

/* What daemon_storage_error() says, without the "error: " that tools_failed() puts in front. */
static int storage_failed(enum tool_verb verb, const struct once *once, int rc, char answer[REPORT_ANSWER_MAX])
{
    if (once->number != 0)           /* nobody's mail waits for this answer, and whoever sent it sends it again */
        return say(answer, daemon_storage_error(rc));
    return tools_failed(verb, daemon_storage_error(rc) + strlen("error: "), answer);
}

static int database_failed(enum tool_verb verb, int rc, char answer[REPORT_ANSWER_MAX])
{
    char reason[128];

    snprintf(reason, sizeof reason, "the database cannot be read: %s", strerror(-rc));
    return tools_failed(verb, reason, answer);
}

int tools_hand_over(struct daemon *d, enum tool_verb verb, struct report_ticket ticket, const struct tool_op *from, char answer[REPORT_ANSWER_MAX])
{
    struct tool_op *op;

    if (d->stopping)
        return storage_failed(verb, &from->once, -EAGAIN, answer);
    op = tool_op_create(from);
    if (op == NULL)
        return storage_failed(verb, &from->once, -ENOMEM, answer);
    if (d->reports_waiting >= d->config->limits.queue || store_thread_tool(d->store, ticket, op) != 0) {
        free(op);
        d->reports_paused = true;
        return -EAGAIN;
    }
    d->reports_waiting++;
    return 0;
}

static void tools_answer(const struct tool_op *op, char answer[REPORT_ANSWER_MAX])
{
    if (op->verdict != NULL)
        tools_verdict_text(op->verb, op->verdict_key, op->verdict, op->verdict_time_s, answer);
    else
        say(answer, tool_op_answer(op));
}

void tools_done(struct daemon *d, const struct result *r)
{
    char answer[REPORT_ANSWER_MAX];

    if (r->rc != 0)
        storage_failed(r->tool->verb, &r->tool->once, r->rc, answer);
    else
        tools_answer(r->tool, answer);
    report_server_answer(d->reports, r->ticket, answer);
    free(r->tool);
}

/* ---- each verb */

int tools_tarpit(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    const struct tool_op op = { .verb = TOOL_TARPIT, .once = rq->once, .subject = rq->subject };

    if (protect_covers(d->config->policy->protect, &rq->subject))
        return say(answer, "0");
    return tools_hand_over(d, rq->verb, ticket, &op, answer);
}

int tools_count(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    uint64_t n = 0;
    int rc = reader_tarpit_count(d->reader, &rq->subject, daemon_now_s(), &n);

    (void)ticket;
    if (rc != 0)
        return database_failed(rq->verb, rc, answer);
    snprintf(answer, REPORT_ANSWER_MAX, "%llu", (unsigned long long)n);
    return REPORT_ANSWERED;
}

int tools_grey(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    char sender[TOOL_FOLDED_MAX], rcpt[TOOL_FOLDED_MAX];
    struct tool_op op = { .verb = TOOL_GREY, .once = rq->once, .subject = rq->subject, .sender = fold_sender(rq->sender, sender), .rcpt = fold_address(rq->rcpt, rcpt) };

    if (protect_covers(d->config->policy->protect, &rq->subject))
        return say(answer, "false");
    fold_client(&rq->client, &op.network);
    return tools_hand_over(d, rq->verb, ticket, &op, answer);
}

int tools_bounce(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    char user[TOOL_FOLDED_MAX];
    struct tool_op op = { .verb = TOOL_BOUNCE, .once = rq->once, .count = rq->count, .user = fold_address(rq->user, user) };

    if (strchr(rq->user, '@') == NULL || !fold_domain(rq->user, &op.domain))
        op.domain.len = 0;
    return tools_hand_over(d, rq->verb, ticket, &op, answer);
}

int tools_bounces(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    char user[TOOL_FOLDED_MAX];
    uint64_t hour = 0, day = 0;
    int rc = reader_bounces(d->reader, fold_address(rq->user, user), daemon_now_s(), &hour, &day);

    (void)ticket;
    if (rc != 0)
        return database_failed(rq->verb, rc, answer);
    snprintf(answer, REPORT_ANSWER_MAX, "%llu:%llu", (unsigned long long)hour, (unsigned long long)day);
    return REPORT_ANSWERED;
}

int tools_spf(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    const struct policy *p = d->config->policy;
    struct tool_op op = { .verb = TOOL_SPF, .once = rq->once, .subject = rq->subject, .spf = rq->spf };
    bool teaches = rq->spf == SPF_FAIL ? p->tools.spf.weight_milli > 0 : rq->spf == SPF_PASS && p->tools.spf.keep_s > 0 && fold_domain(rq->domain, &op.domain);

    if (!teaches || protect_covers(p->protect, &rq->subject))
        return say(answer, "ok");
    return tools_hand_over(d, rq->verb, ticket, &op, answer);
}

static const struct config_note *find_note(const struct config *c, const char *kind)
{
    for (size_t i = 0; i < c->tools.notes_n; i++)
        if (strcmp(c->tools.notes[i].kind, kind) == 0)
            return &c->tools.notes[i];
    return NULL;
}

int tools_note(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    const struct config_note *n = find_note(d->config, rq->kind);
    char client[NETWORK_TEXT_MAX], reason[CATEGORY_MAX_BYTES + 64];

    if (n == NULL) {
        snprintf(reason, sizeof reason, "unknown kind \"%s\"; the configuration has no note section for it", rq->kind);
        return tools_failed(rq->verb, reason, answer);
    }
    if (protect_covers(d->config->policy->protect, &rq->subject))
        return tools_failed(rq->verb, "protected", answer);
    const struct tool_op op = {
        .verb = TOOL_NOTE, .once = rq->once, .subject = rq->subject, .category = n->category_index, .weight_milli = n->weight_milli, .kept = !n->share, .say = "ok",
    };
    int rc = n->weight_milli == 0 ? say(answer, "ok") : tools_hand_over(d, rq->verb, ticket, &op, answer);
    if (rc != -EAGAIN)               /* then it comes again */
        log_info("note: %s from %s%s%s", n->kind, network_text(&rq->client, client), rq->note != NULL ? ": " : "", rq->note != NULL ? rq->note : "");
    return rc;
}

/* ---- an operator's hand */

static int clearing_table(const char *tool)
{
    static const struct { const char *name; enum tool_table table; } tools[] = {
        { "tarpit", TOOL_TABLE_TARPIT }, { "bounces", TOOL_TABLE_BOUNCES }, { "grey", TOOL_TABLE_GREY }, { "spf", TOOL_TABLE_SPF },
    };

    for (size_t i = 0; tool != NULL && i < sizeof tools / sizeof *tools; i++)
        if (strcmp(tools[i].name, tool) == 0)
            return (int)tools[i].table;
    return -EINVAL;
}

/* An address, or of the greylist a network, too: of what is given, the network that the client would be greylisted with. */
static int clearing_subject(const char *what, enum tool_table table, struct subject *out)
{
    struct network n;

    if (network_parse(what, strlen(what), &n) != 0 || (table != TOOL_TABLE_GREY && strchr(what, '/') != NULL))
        return -EINVAL;
    if (table == TOOL_TABLE_GREY)
        fold_client(&n, out);
    else
        subject_of_address(&n, out);
    return 0;
}

int tools_clear(struct daemon *d, const json_t *request, struct control_request *rq)
{
    const char *tool = json_string_value(json_object_get(request, "tool")), *what = json_string_value(json_object_get(request, "what"));
    struct tool_clearing c = { .all = json_is_true(json_object_get(request, "all")) };
    int table = clearing_table(tool), rc = table < 0 || (what == NULL) != c.all ? -EINVAL : 0;

    if (rc == 0 && !c.all && table == TOOL_TABLE_BOUNCES)
        fold_address(what, c.user);
    else if (rc == 0 && !c.all)
        rc = clearing_subject(what, (enum tool_table)table, &c.subject);
    if (rc != 0)
        return rc;
    c.table = (enum tool_table)table;
    log_info("tool: %s is cleared%s%s", tool, c.all ? "" : ": ", c.all ? "" : what);
    return store_thread_clear(d->store, &c, rq);
}
