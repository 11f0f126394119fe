/* Answers on their way out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "node/report_conn.h"

enum { BUFFER_FIRST = 256 };

bool buffer_add(struct buffer *b, const void *at, size_t len)
{
    size_t room = b->room == 0 ? BUFFER_FIRST : b->room;
    char *grown;
    if (len <= b->room - b->len) {
        memcpy(b->at + b->len, at, len);
        b->len += len;
        return true;
    }
    while (room - b->len < len)
        room *= 2;
    grown = realloc(b->at, room);
    if (grown == NULL)
        return false;
    b->at = grown;
    b->room = room;
    memcpy(b->at + b->len, at, len);
    b->len += len;
    return true;
}

void buffer_clear(struct buffer *b)
{
    free(b->at);
    *b = (struct buffer){NULL, 0, 0};
}

/* The first answer has no newline anywhere near it, so that Exim gets one bare word; in stream mode each one has. */
void conn_say(struct conn *c, const char *text)
{
    bool fits = true;
    if (!c->stream_mode && c->answered)
        fits = buffer_add(&c->out, "\n", 1);
    fits = fits && buffer_add(&c->out, text, strlen(text));
    if (c->stream_mode)
        fits = fits && buffer_add(&c->out, "\n", 1);
    c->failed = c->failed || !fits;
    c->answered = c->moved = true;
    if (strncmp(text, "error:", 6) == 0)
        c->server->counts.errors++;
}

static void on_written(uv_write_t *write, int status)
{
    struct conn *c = write->data;
    c->writing = false;
    c->sending.len = 0;
    if (c->state == CONN_CLOSING)
        return;
    if (status != 0) {
        conn_close(c);
        return;
    }
    c->sent = true;
    c->blocked &= ~(unsigned)BLOCK_OUT;
    server_wake(c);
}

/* The client does not take it now: libuv writes the rest when it can. What is said meanwhile gathers in the other buffer. */
static void send_later(struct conn *c, size_t sent)
{
    struct buffer other = c->sending;
    uv_buf_t part;
    c->sending = c->out;
    c->out = other;
    part = uv_buf_init(c->sending.at + sent, (unsigned)(c->sending.len - sent));
    c->write.data = c;
    c->writing = true;
    if (uv_write(&c->write, &c->io.stream, &part, 1, on_written) != 0) {
        c->writing = false;
        conn_close(c);
    }
}

void conn_send(struct conn *c)
{
    ssize_t n;
    if (c->failed) {
        conn_close(c);
        return;
    }
    if (c->writing || c->out.len == 0)
        return;
    do
        n = send(c->fd, c->out.at, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN) {
        conn_close(c);
        return;
    }
    if (n < 0)
        n = 0;
    if ((size_t)n == c->out.len)
        c->out.len = 0;
    else
        send_later(c, (size_t)n);
}
