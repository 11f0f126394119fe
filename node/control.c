#include "node/control.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"
#include "node/log.h"
#include "node/unix_listen.h"

enum { CONTROL_CLIENTS_MAX = 16, CONTROL_BACKLOG = 16, CONTROL_SILENT_MS = 2000, CONTROL_ASK_MS = 10000, CONTROL_TAKE_MS = 30000 };

/* One operator's connection: reads a line, waits for the answer, writes it, closes. Freed when the connection is closed and no answer is owed: whoever owes one
 * may still hold it after the client went away, and after control_stop(). */
struct control_request {
    uv_pipe_t pipe;
    uv_timer_t patience;                    /* for the client to begin, to ask, and then to take the answer */
    uv_write_t write;
    struct control *control;
    char *answer;
    size_t len;
    struct control_request *next, **link;   /* of the control's list, while connected */
    unsigned open_handles;
    bool heard;                             /* its line is in, or none will do: nothing more is read */
    bool owed, gone;
    char line[CONTROL_LINE_MAX];
};

struct control {
    uv_pipe_t listener;
    char *path;
    struct stat file;
    void (*handle)(void *ctx, const json_t *request, struct control_request *rq);
    void *ctx;
    struct control_request *requests;       /* the newest first */
    unsigned clients;
};

static void end_if_done(struct control_request *rq)
{
    if (rq->open_handles > 0 || rq->owed)
        return;
    free(rq->answer);
    free(rq);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct control_request *rq = handle->data;

    rq->open_handles--;
    end_if_done(rq);
}

static void hang_up(struct control_request *rq)
{
    if (rq->gone)
        return;
    rq->gone = true;
    rq->control->clients--;
    *rq->link = rq->next;
    if (rq->next != NULL)
        rq->next->link = rq->link;
    uv_close((uv_handle_t *)&rq->pipe, on_handle_closed);
    uv_close((uv_handle_t *)&rq->patience, on_handle_closed);
}

static void on_impatient(uv_timer_t *timer)
{
    hang_up(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    hang_up(write->data);
}

/* There is one answer, and one uv_write_t for it: no byte that comes from here on may ask for another. */
static void stop_listening(struct control_request *rq)
{
    if (rq->gone)
        return;
    rq->heard = true;
    uv_read_stop((uv_stream_t *)&rq->pipe);
    uv_timer_stop(&rq->patience);
}

void control_answer(struct control_request *rq, json_t *answer)
{
    char *text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
    uv_buf_t buf;

    json_decref(answer);
    stop_listening(rq);
    rq->owed = false;
    if (rq->gone || text == NULL) {
        free(text);
        hang_up(rq);
        end_if_done(rq);
        return;
    }
    rq->len = strlen(text);
    rq->answer = text;
    text[rq->len] = '\n';            /* in place of the NUL: from here on it is bytes */
    buf = uv_buf_init(rq->answer, (unsigned)rq->len + 1);
    rq->write.data = rq;
    uv_timer_start(&rq->patience, on_impatient, CONTROL_TAKE_MS, 0);
    if (uv_write(&rq->write, (uv_stream_t *)&rq->pipe, &buf, 1, on_written) != 0)
        hang_up(rq);
}

static void answer_error(struct control_request *rq, const char *text)
{
    rq->owed = true;
    control_answer(rq, json_pack("{s:b,s:s}", "ok", 0, "error", text));
}

static void take_line(struct control_request *rq, size_t len)
{
    json_t *request = json_loadb(rq->line, len, JSON_REJECT_DUPLICATES, NULL);

    stop_listening(rq);
    if (!json_is_object(request)) {
        answer_error(rq, "not a JSON object");
    } else {
        rq->owed = true;
        rq->control->handle(rq->control->ctx, request, rq);
    }
    json_decref(request);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct control_request *rq = handle->data;

    (void)suggested;
    *buf = uv_buf_init(rq->line + rq->len, (unsigned)(sizeof rq->line - rq->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct control_request *rq = stream->data;
    char *end;

    (void)buf;
    if (n == 0 || rq->heard)
        return;
    if (n < 0) {
        if (rq->len > 0 && n == UV_EOF)
            take_line(rq, rq->len);
        else
            hang_up(rq);
        return;
    }
    if (rq->len == 0)
        uv_timer_start(&rq->patience, on_impatient, CONTROL_ASK_MS, 0);
    rq->len += (size_t)n;
    end = memchr(rq->line, '\n', rq->len);
    if (end != NULL)
        take_line(rq, (size_t)(end - rq->line));
    else if (rq->len == sizeof rq->line)
        answer_error(rq, "request too long");
}

/* The socket's mode lets in its owner and root; a look at the peer says the same again, should the mode have been changed. */
static bool may_speak(uv_pipe_t *pipe)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    uv_os_fd_t fd;

    return uv_fileno((uv_handle_t *)pipe, &fd) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

/* What waits in its socket counts: the loop may not have come to read it yet. */
static bool said_nothing(const struct control_request *rq)
{
    uv_os_fd_t fd;
    char byte;

    return !rq->heard && rq->len == 0 && uv_fileno((const uv_handle_t *)&rq->pipe, &fd) == 0 && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

/* Among those that came before `newest`. False: there was none. */
static bool drop_oldest_silent(struct control_request *newest)
{
    struct control_request *oldest = NULL;

    for (struct control_request *rq = newest->next; rq != NULL; rq = rq->next) {
        if (said_nothing(rq))
            oldest = rq;
    }
    if (oldest != NULL)
        hang_up(oldest);
    return oldest != NULL;
}

static struct control_request *add_request(struct control *c, uv_loop_t *loop)
{
    struct control_request *rq = calloc(1, sizeof *rq);

    if (rq == NULL)
        return NULL;
    rq->control = c;
    rq->pipe.data = rq->patience.data = rq;
    uv_pipe_init(loop, &rq->pipe, 0);
    uv_timer_init(loop, &rq->patience);
    rq->open_handles = 2;
    c->clients++;
    rq->next = c->requests;
    rq->link = &c->requests;
    if (rq->next != NULL)
        rq->next->link = &rq->next;
    c->requests = rq;
    return rq;
}

/* Who is connected and says nothing must not keep out an operator who has something to say: the silent ones make room. */
static void on_connection(uv_stream_t *listener, int status)
{
    struct control *c = listener->data;
    struct control_request *rq = status != 0 ? NULL : add_request(c, listener->loop);

    if (rq == NULL)
        return;
    if (uv_accept(listener, (uv_stream_t *)&rq->pipe) != 0)
        hang_up(rq);
    else if (!may_speak(&rq->pipe))
        answer_error(rq, "only the node's own user and root may give commands");
    else if (c->clients > CONTROL_CLIENTS_MAX && !drop_oldest_silent(rq))
        answer_error(rq, "too many commands at once; try again");
    else if (uv_timer_start(&rq->patience, on_impatient, CONTROL_SILENT_MS, 0) != 0 ||
             uv_read_start((uv_stream_t *)&rq->pipe, give_room, on_read) != 0)
        hang_up(rq);
}

int control_start(uv_loop_t *loop, const char *path, void (*handle)(void *ctx, const json_t *request, struct control_request *rq), void *ctx,
                  struct control **out, char *why)
{
    struct control *c = calloc(1, sizeof *c);
    int fd = -1, rc = -ENOMEM;

    if (c == NULL || (c->path = strdup(path)) == NULL) {
        snprintf(why, CONFIG_WHY_MAX, "out of memory");
        free(c);
        return rc;
    }
    c->handle = handle;
    c->ctx = ctx;
    rc = unix_bind(&(struct unix_listen){ .path = path, .mode = 0600 }, &fd, &c->file, why);
    if (rc != 0) {
        free(c->path);
        free(c);
        return rc;
    }
    c->listener.data = c;
    uv_pipe_init(loop, &c->listener, 0);
    rc = uv_pipe_open(&c->listener, fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&c->listener, CONTROL_BACKLOG, on_connection);
    *out = c;
    if (rc != 0) {
        snprintf(why, CONFIG_WHY_MAX, "control socket %s: %s", path, strerror(-rc));
        control_stop(out);
    }
    return rc;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct control *c = handle->data;

    free(c->path);
    free(c);
}

void control_stop(struct control **c)
{
    if (*c == NULL)
        return;
    while ((*c)->requests != NULL)
        hang_up((*c)->requests);
    unix_unlink((*c)->path, &(*c)->file);
    uv_close((uv_handle_t *)&(*c)->listener, on_listener_closed);
    *c = NULL;
}
