/* The life of a connection. */
#include "node/report_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { KEEP_BYTES = 16 * 1024 };       /* buffers up to this size stay with their place in the table */

/* ---- places */

static struct conn *take_place(struct report_server *s)
{
    struct conn *c = SLIST_FIRST(&s->free);
    if (c != NULL) {
        SLIST_REMOVE_HEAD(&s->free, free_link);
        return c;
    }
    if (s->conns_used == s->conns_n)
        return NULL;
    c = s->conns[s->conns_used];
    c->slot = s->conns_used++;
    c->server = s;
    return c;
}

static void reset(struct buffer *b)
{
    if (b->room > KEEP_BYTES)
        buffer_clear(b);
    b->len = 0;
}

static void leave_place(struct conn *c)
{
    struct report_server *s = c->server;
    struct conn kept = *c;
    conn_forget_answers(c);
    memset(c, 0, sizeof *c);
    c->server = s;
    c->slot = kept.slot;
    c->generation = kept.generation + 1;       /* tickets of the old one name nobody now */
    c->rest = kept.rest;
    c->out = kept.out;
    c->sending = kept.sending;
    reset(&c->rest);
    reset(&c->out);
    reset(&c->sending);
    SLIST_INSERT_HEAD(&s->free, c, free_link);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct report_server *s = c->server;
    s->open--;
    leave_place(c);
}

void conn_close(struct conn *c)
{
    struct report_server *s = c->server;
    if (c->state == CONN_CLOSING)
        return;
    c->state = CONN_CLOSING;
    if (c->refused)
        s->refused_now--;
    else
        s->counts.connections_now--;
    server_unwake(c);
    conn_drop_deadline(c);
    uv_close(&c->io.handle, on_closed);
}

/* ---- input */

static bool input_done(const struct conn *c)
{
    return c->state != CONN_OPEN;
}

/* Bytes that stand in the server's buffer behind INPUT_HEAD. */
static void take_input(struct conn *c, char *at, size_t len)
{
    size_t used;
    if (input_done(c))
        return;
    c->moved = true;
    if (c->rest.len > 0) {                     /* an unfinished line: it fits in front, since reading stops for anything longer */
        at -= c->rest.len;
        len += c->rest.len;
        memcpy(at, c->rest.at, c->rest.len);
        c->rest.len = 0;
    }
    used = conn_lines(c, at, len);
    if (used < len && !buffer_add(&c->rest, at + used, len - used))
        c->failed = true;
}

/* What waited, now that it may go on. */
static void use_rest(struct conn *c)
{
    if (c->rest.len > c->rest_at)
        c->rest_at += conn_lines(c, c->rest.at + c->rest_at, c->rest.len - c->rest_at);
    if (c->rest_at == c->rest.len) {
        c->rest.len = c->rest_at = 0;
    } else if (c->rest_at > 0 && c->blocked == 0) {
        c->rest.len -= c->rest_at;
        memmove(c->rest.at, c->rest.at + c->rest_at, c->rest.len);
        c->rest_at = 0;
    }
    if (c->eof)
        conn_last_line(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *c = handle->data;
    (void)suggested;
    *buf = uv_buf_init(c->server->input + INPUT_HEAD, INPUT_BYTES);
}

static void go_on(struct conn *c);

/* For one whose turn it is not: what it brought is done now if it is little and nobody had to wait for long. Later one line must do, which is all that most bring;
 * a stream brings more and waits for its slice. */
static void allow_a_few(struct conn *c)
{
    struct report_server *s = c->server;
    uint64_t now_ns = uv_hrtime();
    if (s->at_once_end_ns == 0)
        s->at_once_end_ns = now_ns + TURN_US * UINT64_C(1000);
    c->turn_lines = now_ns < s->at_once_end_ns ? LINES_AT_ONCE : c->stream_mode ? 0 : 1;
    c->slice_end_ns = 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (n == 0 || c->state == CONN_CLOSING)
        return;
    if (n < 0 && n != UV_EOF) {
        conn_close(c);
        return;
    }
    allow_a_few(c);
    if (n == UV_EOF) {
        c->eof = true;
        c->reading = false;
    } else {
        take_input(c, buf->base, (size_t)n);
    }
    go_on(c);
}

/* Reads without libuv, which would need a turn of the loop to see what is there already. False: nothing is. */
static bool read_now(struct conn *c)
{
    char *at = c->server->input + INPUT_HEAD;
    ssize_t n;
    do
        n = recv(c->fd, at, INPUT_BYTES, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n < 0)
        conn_close(c);
    else if (n == 0)
        c->eof = true;
    else
        take_input(c, at, (size_t)n);
    return true;
}

static void set_reading(struct conn *c, bool on)
{
    if (on == c->reading)
        return;
    if (!on)
        uv_read_stop(&c->io.stream);
    else if (uv_read_start(&c->io.stream, on_alloc, on_read) != 0) {
        conn_close(c);
        return;
    }
    c->reading = on;
}

/* ---- steps */

static bool all_sent(const struct conn *c)
{
    return c->out.len == 0 && !c->writing;
}

static bool all_answered(const struct conn *c)
{
    return c->number_first == c->number_next;
}

/* A reporter without stream waits for its answers anyway; most have then closed their side, and libuv never has to watch them. */
static bool wants_input(const struct conn *c)
{
    if (c->eof || c->state == CONN_CLOSING)
        return false;
    if (c->state == CONN_OPEN)
        return c->blocked == 0 && (c->stream_mode || all_answered(c));
    return true;                               /* to be thrown away */
}

void conn_refuse(struct conn *c, const char *last_words)
{
    c->state = CONN_LAST;
    c->last_words = last_words;
    c->rest.len = c->rest_at = 0;
}

/* When the node stops: who has not been heard to the end is told so. */
static void stop_listening(struct conn *c)
{
    bool unheard = c->rest.len > 0 || c->number_next == 0;
    conn_refuse(c, unheard && !c->eof ? "error: shutting down" : NULL);
}

static void say_last_words(struct conn *c)
{
    if (c->state != CONN_LAST || !all_answered(c) || c->last_words == NULL)
        return;
    conn_say(c, c->last_words);
    c->last_words = NULL;
}

/* Everything is said: the client may read to the end and close. If it has closed its side before, nothing can be unread. */
static void end(struct conn *c)
{
    if (c->eof) {
        conn_close(c);
        return;
    }
    if (c->state != CONN_DRAIN)
        shutdown(c->fd, SHUT_WR);
    c->state = CONN_DRAIN;
}

static bool is_done(const struct conn *c)
{
    if (!all_answered(c) || !all_sent(c))
        return false;
    if (c->state == CONN_OPEN)
        return c->eof && c->rest.len == 0 && c->blocked == 0;
    return c->state == CONN_LAST || (c->state == CONN_DRAIN && c->eof);
}

/* All that can be done without more input. */
static void work(struct conn *c)
{
    if (c->state == CONN_OPEN)
        use_rest(c);
    if (c->state == CONN_OPEN && c->server->stopping && c->blocked == 0)
        stop_listening(c);
    say_last_words(c);
    conn_send(c);
    if (c->state != CONN_CLOSING && is_done(c))
        end(c);
}

static void go_on(struct conn *c)
{
    work(c);
    for (int reads = 0; !c->reading && wants_input(c); reads++) {
        if (reads == READS_PER_TURN || !read_now(c)) {
            set_reading(c, true);
            break;
        }
        work(c);
    }
    if (c->state == CONN_CLOSING)
        return;
    if (c->reading && c->state == CONN_OPEN && c->blocked != 0)
        set_reading(c, false);
    if ((c->blocked & BLOCK_TURN) != 0)
        server_wake(c);
    if ((c->blocked & BLOCK_QUEUE) != 0 && !c->in_paused) {
        c->in_paused = true;
        TAILQ_INSERT_TAIL(&c->server->paused, c, paused_link);
    }
    conn_set_deadline(c);
}

void conn_step(struct conn *c)
{
    allow_a_few(c);
    go_on(c);
}

void conn_slice(struct conn *c, uint64_t end_ns)
{
    c->blocked &= ~(unsigned)BLOCK_TURN;
    c->turn_lines = c->slice_lines = LINES_AT_ONCE;
    c->slice_end_ns = end_ns;
    go_on(c);
}

/* ---- the beginning */

static const char *why_refused(const struct listener *l, const struct conn *c)
{
    const struct report_server *s = l->server;
    if (!listener_allows(l, c))
        return "error: not allowed";
    if (s->counts.connections_now >= s->limits.connections)
        return "error: too many connections";
    return NULL;
}

/* False: the handle is there, but without a connection. */
static bool accept_into(struct listener *l, struct conn *c)
{
    struct report_server *s = l->server;
    uv_os_fd_t fd;
    if (l->spec.is_unix)
        uv_pipe_init(s->loop, &c->io.pipe, 0);
    else
        uv_tcp_init(s->loop, &c->io.tcp);      /* neither fails: no descriptor is made */
    c->io.handle.data = c;
    s->open++;
    if (uv_accept(&l->io.stream, &c->io.stream) != 0 || uv_fileno(&c->io.handle, &fd) != 0)
        return false;
    c->fd = fd;
    return true;
}

/* When very many are refused, none is waited for. What they sent is mostly here already, since TCP shows a connection with its first bytes: read before the end, it does
 * not destroy the answer. */
static void tell_and_close(struct conn *c)
{
    char *at = c->server->input + INPUT_HEAD;
    for (int reads = 0; reads < READS_PER_TURN && recv(c->fd, at, INPUT_BYTES, MSG_DONTWAIT) == INPUT_BYTES; reads++)
        continue;
    if (send(c->fd, c->last_words, strlen(c->last_words), MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        c->server->counts.errors++;
    conn_close(c);
}

void conn_accept(struct listener *l)
{
    struct report_server *s = l->server;
    struct conn *c = s->accepts_left > 0 ? take_place(s) : NULL;
    const char *refused;
    l->waiting = c == NULL;
    if (c == NULL)
        return;                                /* server_turn() comes back to it */
    s->accepts_left--;
    c->state = CONN_OPEN;
    if (!accept_into(l, c)) {
        s->counts.connections_now++;
        conn_close(c);
        return;
    }
    refused = why_refused(l, c);
    if (refused == NULL) {
        s->counts.connections++;
        s->counts.connections_now++;
    } else {
        s->counts.refused++;
        s->refused_now++;
        c->refused = true;
        conn_refuse(c, refused);
    }
    if (s->refused_now > REFUSED_MAX && c->refused)
        tell_and_close(c);
    else
        conn_step(c);
}
