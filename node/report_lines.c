/* Requests of a connection: from bytes to lines to answers in order. Source: proto/REPORTS.md. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/log.h"
#include "node/report_conn.h"

static const char out_of_memory[] = "error: out of memory";
static const char once_looks[] = "error: once needs a request that changes something";

/* ---- answers in order */

static uint64_t pending(const struct conn *c)
{
    return c->number_next - c->number_first;
}

/* Room for every number that may be answered early. */
static bool early_reserve(struct conn *c)
{
    uint32_t room = c->early_room == 0 ? 16 : c->early_room;
    char **early;
    if (pending(c) <= c->early_room)
        return true;
    while (room < pending(c))
        room *= 2;
    early = calloc(room, sizeof *early);
    if (early == NULL)
        return false;
    for (uint64_t n = c->number_first; c->early != NULL && n < c->number_first + c->early_room; n++)
        early[n & (room - 1)] = c->early[n & (c->early_room - 1)];
    free(c->early);
    c->early = early;
    c->early_room = room;
    return true;
}

static void keep_early(struct conn *c, uint64_t number, const char *text)
{
    char **place;
    if (!early_reserve(c)) {
        c->failed = true;
        server_wake(c);
        return;
    }
    place = &c->early[number & (c->early_room - 1)];
    if (*place == NULL)                    /* else it was answered already */
        *place = strdup(text);
    if (*place == NULL)
        *place = (char *)out_of_memory;    /* what is not known to be stored is not `ok` */
}

/* Says what was kept for the numbers that are next now. */
static void say_early(struct conn *c)
{
    while (c->early_room > 0 && pending(c) > 0) {
        char **place = &c->early[c->number_first & (c->early_room - 1)];
        if (*place == NULL)
            return;
        conn_say(c, *place);
        if (*place != out_of_memory)
            free(*place);
        *place = NULL;
        c->number_first++;
    }
}

void conn_answer(struct conn *c, uint64_t number, const char *text)
{
    if (number < c->number_first || number >= c->number_next)
        return;
    if (number > c->number_first) {
        keep_early(c, number, text);
        return;
    }
    conn_say(c, text);
    c->number_first++;
    say_early(c);
    if (pending(c) == 0)
        c->blocked &= ~(unsigned)BLOCK_BARRIER;
    if (pending(c) <= PENDING_MAX / 2)
        c->blocked &= ~(unsigned)BLOCK_PENDING;
}

void conn_forget_answers(struct conn *c)
{
    for (uint32_t i = 0; i < c->early_room; i++)
        if (c->early[i] != out_of_memory)
            free(c->early[i]);
    free(c->early);
    c->early = NULL;
    c->early_room = 0;
}

/* ---- one request */

static void answer_now(struct conn *c, const char *text)
{
    conn_answer(c, c->number_next++, text);
}

static bool block(struct conn *c, enum conn_block why)
{
    c->blocked |= why;
    return false;
}

/* False: the line has to be offered again. */
static bool do_change(struct conn *c, const struct request *rq)
{
    struct report_server *s = c->server;
    struct report_ticket ticket = {.slot = c->slot, .generation = c->generation, .number = c->number_next};
    char answer[REPORT_ANSWER_MAX] = "";
    int rc;
    c->number_next++;
    rc = s->handlers.change(s->handlers.ctx, rq, ticket, answer);
    if (rc == -EAGAIN) {
        c->number_next--;
        s->counts.paused++;
        return block(c, BLOCK_QUEUE);
    }
    if (rc != 0)
        conn_answer(c, ticket.number, answer[0] != '\0' ? answer : "error: not stored");
    return true;
}

static bool do_question(struct conn *c, const struct request *rq)
{
    struct report_server *s = c->server;
    char answer[REPORT_ANSWER_MAX] = "";
    if (pending(c) > 0)
        return block(c, BLOCK_BARRIER);
    if (rq->verb == REQUEST_PING) {
        answer_now(c, "pong");
    } else if (rq->verb == REQUEST_STREAM) {
        bool first = !c->stream_mode;
        answer_now(c, "ok");
        if (first && !buffer_add(&c->out, "\n", 1))
            c->failed = true;
        c->stream_mode = true;
    } else {
        s->handlers.read(s->handlers.ctx, rq, answer);
        answer_now(c, answer);
    }
    return true;
}

/* The operator still must come to know of a mistake in the configuration of Exim. */
static const char *harmless_answer(struct report_server *s, enum tool_verb verb, const char *error)
{
    const char *harmless = tool_harmless(verb);
    uint64_t now_ms = uv_now(s->loop);
    if (harmless == NULL)
        return error;
    if (s->misread_ms == 0 || now_ms - s->misread_ms >= MISREAD_LOG_MS) {
        log_warning("reports: \"%s\" cannot be answered and lets mail through: %s", tool_verb_text(verb), error + strlen("error: "));
        s->misread_ms = now_ms;
    }
    return harmless;
}

/* A tool's request that cannot be read is answered by what lets mail through, where there is such an answer: it may be the client's doing. */
static bool do_tool(struct conn *c, const char *line, size_t len, const struct once *once)
{
    struct report_server *s = c->server;
    struct report_ticket ticket = {.slot = c->slot, .generation = c->generation, .number = c->number_next};
    char answer[REPORT_ANSWER_MAX] = "error: ";
    struct tool_request rq;
    int rc;
    if (tool_request_parse(line, len, &rq, answer + strlen(answer)) != 0) {
        answer_now(c, once->number != 0 ? answer : harmless_answer(s, rq.verb, answer));
        return true;
    }
    if (once->number != 0 && tool_verb_looks(rq.verb)) {
        answer_now(c, once_looks);
        return true;
    }
    rq.once = *once;
    if (tool_verb_looks(rq.verb) && pending(c) > 0)
        return block(c, BLOCK_BARRIER);
    c->number_next++;
    rc = s->handlers.tool != NULL ? s->handlers.tool(s->handlers.ctx, &rq, ticket, answer) : -EINVAL;
    if (rc == -EAGAIN) {
        c->number_next--;
        s->counts.paused++;
        return block(c, BLOCK_QUEUE);
    }
    if (rc != 0)
        conn_answer(c, ticket.number, rc == REPORT_ANSWERED ? answer : "error: not available");
    return true;
}

/* The answer to a line that is not read as far as its verb decides: too long, a control character in it, the node stops. All of that a client can bring about. */
static void answer_unread(struct conn *c, const char *line, size_t len, const char *error)
{
    enum tool_verb verb;
    answer_now(c, tool_verb_begins(line, len, &verb) ? harmless_answer(c->server, verb, error) : error);
}

static bool do_request(struct conn *c, const char *line, size_t len)
{
    char answer[REQUEST_REASON_MAX + 16] = "error: ";
    struct once once = {.number = 0};
    struct request rq;
    if (once_split(&line, &len, &once, answer + strlen(answer)) < 0 || request_parse(line, len, c->server->sender_key, &rq, answer + strlen(answer)) != 0) {
        if (once.number != 0)
            answer_now(c, answer);
        else
            answer_unread(c, line, len, answer);
        return true;
    }
    if (rq.verb == REQUEST_TOOL)
        return do_tool(c, line, len, &once);
    rq.once = once;
    if (once.number != 0 && rq.verb > REQUEST_RETRACT) {
        answer_now(c, once_looks);
        return true;
    }
    return rq.verb <= REQUEST_RETRACT ? do_change(c, &rq) : do_question(c, &rq);
}

/* ---- lines */

static size_t without_cr(const char *line, size_t len)
{
    return len > 0 && line[len - 1] == '\r' ? len - 1 : len;
}

/* A line may cost a microsecond or a hundred, so it is time that is shared out, and the number of lines only bounds how many answers gather. */
static bool has_a_turn(struct conn *c)
{
    if (c->turn_lines > 0)
        return true;
    if (c->slice_end_ns == 0 || c->slice_lines >= LINES_PER_TURN || uv_hrtime() >= c->slice_end_ns)
        return false;
    c->turn_lines = LINES_AT_ONCE;
    c->slice_lines += LINES_AT_ONCE;
    return true;
}

static bool may_do_line(struct conn *c)
{
    uint64_t second = uv_now(c->server->loop) / 1000;
    if (!has_a_turn(c))
        return block(c, BLOCK_TURN);
    if (c->rate_second != second) {
        c->rate_second = second;
        c->rate_lines = 0;
    }
    if (c->rate_lines >= c->server->limits.lines_per_second)
        return block(c, BLOCK_RATE);
    if (c->writing && c->out.len >= OUT_MAX)
        return block(c, BLOCK_OUT);
    if (pending(c) >= PENDING_MAX)
        return block(c, BLOCK_PENDING);
    return true;
}

/* False: the line has to be offered again. */
static bool do_line(struct conn *c, const char *line, size_t len)
{
    struct report_server *s = c->server;
    if (!may_do_line(c))
        return false;
    len = without_cr(line, len);
    if (s->stopping) {
        answer_unread(c, line, len, "error: shutting down");
    } else if (len > s->limits.line_bytes) {
        s->counts.too_long++;
        answer_unread(c, line, len, "error: line too long");
    } else if (!do_request(c, line, len)) {
        return false;
    }
    s->counts.lines++;
    c->turn_lines--;
    c->rate_lines++;
    c->line_done = true;
    return true;
}

size_t conn_lines(struct conn *c, const char *at, size_t len)
{
    size_t used = 0;
    while (used < len && c->blocked == 0 && c->state == CONN_OPEN && !c->failed) {
        const char *line = at + used, *end = memchr(line, '\n', len - used);
        size_t n = end != NULL ? (size_t)(end - line) : len - used;
        if (!c->dropping) {
            if (end == NULL && without_cr(line, n) <= c->server->limits.line_bytes)
                break;
            if (!do_line(c, line, n))
                break;
        }
        c->dropping = end == NULL;
        used += n + (end != NULL);
    }
    return used;
}

void conn_last_line(struct conn *c)
{
    size_t len = c->rest.len - c->rest_at;
    if (len == 0 || c->blocked != 0 || c->state != CONN_OPEN)
        return;
    if (c->dropping || without_cr(c->rest.at + c->rest_at, len) == 0 || do_line(c, c->rest.at + c->rest_at, len))
        c->rest.len = c->rest_at = 0;
}
