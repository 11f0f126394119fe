/* Deadlines of connections: a queue for each kind, and one timer for the earliest of all. */
#include <sys/socket.h>

#include "node/report_conn.h"

static enum deadline wanted(const struct conn *c)
{
    bool waits_for_us = c->number_next != c->number_first && !c->stream_mode;
    if (c->state == CONN_DRAIN)
        return DEADLINE_DRAIN;
    if (c->writing)
        return DEADLINE_SEND;
    if (c->state != CONN_OPEN)
        return DEADLINE_NONE;
    if ((c->blocked & BLOCK_RATE) != 0)
        return DEADLINE_RATE;
    if (c->blocked != 0 || waits_for_us || c->eof)
        return DEADLINE_NONE;
    if (c->rest.len > 0 || (c->dropping && c->stream_mode))
        return DEADLINE_LINE;
    if (c->stream_mode)
        return DEADLINE_NONE;                  /* it may stay as long as it likes */
    return c->answered ? DEADLINE_LINGER : DEADLINE_LINE;
}

static uint64_t due(const struct conn *c, enum deadline kind)
{
    uint64_t now = uv_now(c->server->loop);
    switch (kind) {
    case DEADLINE_RATE: return (now / 1000 + 1) * 1000;
    case DEADLINE_LINGER: return now + LINGER_MS;
    case DEADLINE_DRAIN: return now + DRAIN_MS;
    default: return now + (uint64_t)c->server->limits.line_ms;
    }
}

static void set_timer(struct report_server *s, uint64_t at_ms)
{
    uint64_t now = uv_now(s->loop);
    if (s->timer_ms != 0 && s->timer_ms <= at_ms)
        return;
    s->timer_ms = at_ms;
    uv_timer_start(&s->timer, server_on_timer, at_ms > now ? at_ms - now : 0, 0);
}

void conn_drop_deadline(struct conn *c)
{
    if (c->deadline != DEADLINE_NONE)
        TAILQ_REMOVE(&c->server->deadlines[c->deadline], c, deadline_link);
    c->deadline = DEADLINE_NONE;
}

/* A deadline that goes on is not moved, or a client that sends a byte now and then would never meet it: nor is that of a line too long, which has its answer. */
void conn_set_deadline(struct conn *c)
{
    struct report_server *s = c->server;
    enum deadline kind = wanted(c);
    bool anew = (kind == DEADLINE_LINGER && c->moved && !c->dropping) || (kind == DEADLINE_LINE && c->line_done) || (kind == DEADLINE_SEND && c->sent);
    if (c->line_done)
        c->respite = DEADLINE_NONE;
    c->moved = c->line_done = c->sent = false;
    if (kind == c->deadline && !anew)
        return;
    conn_drop_deadline(c);
    if (kind == DEADLINE_NONE)
        return;
    c->deadline = kind;
    c->deadline_ms = due(c, kind);
    TAILQ_INSERT_TAIL(&s->deadlines[kind], c, deadline_link);
    set_timer(s, c->deadline_ms);
}

static bool input_waits(const struct conn *c)
{
    char byte;
    return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* When the loop was held up, timers come before what clients sent in time: whoever has sent something has the same time again, in which it is read. Once for each line,
 * or who never stops sending would never be late. */
static bool has_respite(struct conn *c, enum deadline kind)
{
    if (c->respite == kind || !input_waits(c))
        return false;
    c->respite = kind;
    conn_set_deadline(c);
    return true;
}

static void line_is_late(struct conn *c)
{
    if (has_respite(c, DEADLINE_LINE))
        return;
    c->server->counts.timeouts++;
    conn_refuse(c, c->dropping ? NULL : "error: timeout");      /* a line that is being dropped has its answer */
    server_wake(c);
}

static void linger_is_over(struct conn *c)
{
    if (input_waits(c)) {
        c->moved = true;
        conn_set_deadline(c);
        return;
    }
    conn_refuse(c, NULL);
    server_wake(c);
}

static void fire(struct conn *c, enum deadline kind)
{
    switch (kind) {
    case DEADLINE_LINE: line_is_late(c); break;
    case DEADLINE_LINGER: linger_is_over(c); break;
    case DEADLINE_RATE: c->blocked &= ~(unsigned)BLOCK_RATE; server_wake(c); break;
    case DEADLINE_DRAIN:                       /* it does not close */
        if (!has_respite(c, kind))
            conn_close(c);
        break;
    default: conn_close(c); break;             /* it takes no answers */
    }
}

void server_on_timer(uv_timer_t *timer)
{
    struct report_server *s = timer->data;
    uint64_t now = uv_now(s->loop), next = 0;
    s->timer_ms = 0;
    for (enum deadline kind = DEADLINE_LINE; kind < DEADLINES; kind++) {
        struct conn *c;
        while ((c = TAILQ_FIRST(&s->deadlines[kind])) != NULL && c->deadline_ms <= now) {
            conn_drop_deadline(c);
            fire(c, kind);
        }
        if (c != NULL && (next == 0 || c->deadline_ms < next))
            next = c->deadline_ms;
    }
    if (next != 0)
        set_timer(s, next);
}
