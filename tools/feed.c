#include "tools/ask.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "proto/request.h"
#include "tools/command.h"
#include "tools/say.h"

/* IN and OUT bound the memory; a full OUT stops the reading of input, a full window does too, so a slow node slows the file down. */
enum { IN_BYTES = 256 * 1024, OUT_BYTES = 512 * 1024, BACK_BYTES = 64 * 1024, PROGRESS_MS = 500 };

struct pump {
    struct feed *feed;
    int fd;
    bool in_ended, line_too_long, progress;
    char in[IN_BYTES], out[OUT_BYTES], back[BACK_BYTES];
    size_t in_at, in_end, out_at, out_end, back_len;     /* what waits lies between at and end */
    uint64_t sent, answered;                /* requests; the first one is `stream` */
    uint64_t line_of[FEED_WINDOW];          /* request number modulo FEED_WINDOW: line of the file */
    int64_t started_ms, shown_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void show_progress(struct pump *p, bool last)
{
    int64_t now = now_ms();
    if (!p->progress || (!last && now - p->shown_ms < PROGRESS_MS))
        return;
    p->shown_ms = now;
    char done[NUMBER_TEXT_MAX], rate[NUMBER_TEXT_MAX], failed[NUMBER_TEXT_MAX];
    uint64_t all = p->feed->ok + p->feed->failed;
    int64_t took = now - p->started_ms > 0 ? now - p->started_ms : 1;
    fprintf(stderr, "\r%s done, %s a second, %s failed \033[K%s", count_text(all, done), count_text(all * 1000 / (uint64_t)took, rate),
            count_text(p->feed->failed, failed), last ? "\n" : "");
}

static void fail_line(struct pump *p, uint64_t line, const char *reason, size_t len)
{
    char text[256], clean[256];
    if (++p->feed->failed > FEED_ERRORS_SHOWN)
        return;
    snprintf(text, sizeof text, "%.*s", (int)len, reason);
    if (p->progress)
        fputs("\r\033[K", stderr);
    say_error("%s:%llu: %s", p->feed->file, (unsigned long long)line, clean_text(text, clean, sizeof clean));
}

/* The verb that the line starts with: only those that change something. */
static bool has_verb(const char *line, size_t len)
{
    static const char *const verbs[] = { "black", "white", "retract" };
    size_t word = 0;
    while (word < len && line[word] != ' ' && line[word] != '\t')
        word++;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strlen(verbs[i]) == word && strncasecmp(verbs[i], line, word) == 0)
            return true;
    return false;
}

/* A line that holds a subject and no more, which within quotes may have blanks. */
static bool is_one_word(const char *line, size_t len)
{
    bool quoted = line[0] == '"';
    for (size_t i = quoted ? 1 : 0; i < len; i++) {
        if (quoted && line[i] == '\\')
            i++;
        else if (quoted && line[i] == '"')
            quoted = false;
        else if (!quoted && (line[i] == ' ' || line[i] == '\t'))
            return false;
    }
    return true;
}

static void append(struct pump *p, const char *at, size_t len)
{
    memcpy(p->out + p->out_end, at, len);
    p->out_end += len;
}

static void queue_request(struct pump *p, const char *line, size_t len)
{
    const struct feed *f = p->feed;
    bool whole = has_verb(line, len);
    if (!whole) {
        append(p, f->verb, strlen(f->verb));
        append(p, " ", 1);
    }
    append(p, line, len);
    if (!whole && f->rest[0] != '\0' && is_one_word(line, len)) {
        append(p, " ", 1);
        append(p, f->rest, strlen(f->rest));
    }
    append(p, "\n", 1);
    p->line_of[p->sent++ % FEED_WINDOW] = f->lines;
}

/* One line of the file without its newline. Blank lines and comments are skipped. */
static void take_line(struct pump *p, const char *line, size_t len)
{
    struct feed *f = p->feed;
    f->lines++;
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    while (len > 0 && isspace((unsigned char)line[0])) {
        line++;
        len--;
    }
    if (len == 0 || line[0] == '#')
        return;
    static const char too_long[] = "line too long", no_verb[] = "no verb: begin the line with black, white or retract, or name one on the command line";
    if (len > REQUEST_LINE_MAX)
        fail_line(p, f->lines, too_long, strlen(too_long));
    else if (f->verb == NULL && !has_verb(line, len))
        fail_line(p, f->lines, no_verb, strlen(no_verb));
    else
        queue_request(p, line, len);
}

static bool has_room(const struct pump *p)
{
    return p->sent - p->answered < FEED_WINDOW && OUT_BYTES - p->out_end > 2 * REQUEST_LINE_MAX;
}

/* Turns what was read into requests while there is room. */
static void take_lines(struct pump *p)
{
    while (has_room(p)) {
        char *line = p->in + p->in_at, *end = memchr(line, '\n', p->in_end - p->in_at);
        if (end == NULL && (!p->in_ended || p->in_at == p->in_end))
            return;
        size_t len = end != NULL ? (size_t)(end - line) : p->in_end - p->in_at;
        take_line(p, line, p->line_too_long ? REQUEST_LINE_MAX + 1 : len);
        p->line_too_long = false;
        p->in_at += len + (end != NULL);
    }
}

/* Makes room to read into. Of a line that fills all of it, only so much is kept as shows that it is too long. */
static void make_in_room(struct pump *p)
{
    if (p->in_end < IN_BYTES)
        return;
    if (p->in_at > 0)
        memmove(p->in, p->in + p->in_at, p->in_end - p->in_at);
    p->in_end -= p->in_at;
    p->in_at = 0;
    if (p->in_end == IN_BYTES && memchr(p->in, '\n', IN_BYTES) == NULL) {
        p->line_too_long = true;
        p->in_end = REQUEST_LINE_MAX + 1;
    }
}

static int read_input(struct pump *p)
{
    ssize_t n = read(p->feed->in_fd, p->in + p->in_end, IN_BYTES - p->in_end);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n < 0) {
        say_error("%s: %s", p->feed->file, strerror(errno));
        return STATUS_USAGE;
    }
    if (n == 0)
        p->in_ended = true;
    p->in_end += (size_t)n;
    return 0;
}

static int flush_out(struct pump *p)
{
    while (p->out_at < p->out_end) {
        ssize_t n = send(p->fd, p->out + p->out_at, p->out_end - p->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0)
            return -errno;
        p->out_at += (size_t)n;
    }
    if (p->out_at == p->out_end || p->out_end > OUT_BYTES / 2) {
        memmove(p->out, p->out + p->out_at, p->out_end - p->out_at);
        p->out_end -= p->out_at;
        p->out_at = 0;
    }
    return 0;
}

/* One answer without its newline. The first one is that to `stream`. */
static int take_answer(struct pump *p, const char *answer, size_t len)
{
    uint64_t number = p->answered++;
    bool ok = len == 2 && memcmp(answer, "ok", 2) == 0;
    if (number == 0 && !ok) {
        say_error("hearsayd says: %.*s", (int)len, answer);
        return STATUS_ABSENT;
    }
    if (p->answered > p->sent) {
        say_error("hearsayd answered more than it was asked");
        return STATUS_NO;
    }
    static const char prefix[] = "error: ";
    if (ok && number > 0)
        p->feed->ok++;
    else if (!ok && len > strlen(prefix) && memcmp(answer, prefix, strlen(prefix)) == 0)
        fail_line(p, p->line_of[number % FEED_WINDOW], answer + strlen(prefix), len - strlen(prefix));
    else if (!ok)
        fail_line(p, p->line_of[number % FEED_WINDOW], answer, len);
    return 0;
}

/* 0 or an exit status. A connection that ends while answers are due is said by the caller. */
static int read_answers(struct pump *p, bool *closed)
{
    ssize_t n = recv(p->fd, p->back + p->back_len, BACK_BYTES - p->back_len, MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n <= 0) {
        *closed = true;
        return 0;
    }
    p->back_len += (size_t)n;
    size_t at = 0;
    for (char *end; (end = memchr(p->back + at, '\n', p->back_len - at)) != NULL; at = (size_t)(end - p->back) + 1) {
        int rc = take_answer(p, p->back + at, (size_t)(end - (p->back + at)));
        if (rc != 0)
            return rc;
    }
    memmove(p->back, p->back + at, p->back_len - at);
    p->back_len -= at;
    if (p->back_len == BACK_BYTES)
        *closed = true;                     /* no answer is so long: this is not hearsayd */
    return 0;
}

/* The connection is gone and answers are due. Before the first one, what came without a newline says why. */
static int say_broken(struct pump *p)
{
    uint64_t line = p->answered < p->sent ? p->line_of[p->answered % FEED_WINDOW] : p->feed->lines + 1;
    if (p->answered == 0 && p->back_len > 0)
        say_error("hearsayd says: %.*s", (int)(p->back_len < 200 ? p->back_len : 200), p->back);
    else if (p->answered == 0)
        say_error("hearsayd closed the connection at once: nothing was sent");
    else
        say_error("hearsayd closed the connection: all before line %llu of %s was answered, from there on nothing is certain: begin again there",
                  (unsigned long long)line, p->feed->file);
    return STATUS_ABSENT;
}

static bool has_work(const struct pump *p)
{
    return !p->in_ended || p->in_at < p->in_end || p->answered < p->sent;
}

/* Waits for whatever can go on. Input is asked for only while what it becomes has a place. */
static int pump_wait(struct pump *p, bool *in_ready, bool *back_ready)
{
    make_in_room(p);
    bool want_input = !p->in_ended && p->in_end < IN_BYTES && has_room(p);
    struct pollfd fds[2] = {
        { .fd = p->fd, .events = (short)(POLLIN | (p->out_end > p->out_at ? POLLOUT : 0)) },
        { .fd = want_input ? p->feed->in_fd : -1, .events = POLLIN }
    };
    int rc = poll(fds, 2, PROGRESS_MS);
    *back_ready = rc > 0 && (fds[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    *in_ready = rc > 0 && fds[1].revents != 0;
    return rc < 0 && errno != EINTR ? STATUS_NO : 0;
}

static int pump_run(struct pump *p)
{
    bool closed = false;
    append(p, "stream\n", 7);
    p->line_of[p->sent++] = 0;
    while (has_work(p)) {
        bool in_ready, back_ready;
        int rc = pump_wait(p, &in_ready, &back_ready);
        if (rc == 0 && back_ready)
            rc = read_answers(p, &closed);
        if (rc == 0 && in_ready)
            rc = read_input(p);
        if (rc != 0)
            return rc;
        take_lines(p);
        if ((closed || flush_out(p) != 0) && has_work(p))
            return say_broken(p);
        show_progress(p, false);
    }
    show_progress(p, true);
    return 0;
}

int feed_run(struct feed *f, const struct config *c)
{
    char where[ASK_WHERE_MAX];
    struct pump *p = calloc(1, sizeof *p);
    if (p == NULL) {
        say_error("out of memory");
        return STATUS_NO;
    }
    p->feed = f;
    p->progress = isatty(STDERR_FILENO);
    p->started_ms = p->shown_ms = now_ms();
    int rc = ask_connect(c, &p->fd, where);
    if (rc != 0) {
        free(p);
        return ask_failed(rc, where, c->file);
    }
    rc = pump_run(p);
    if (f->failed > FEED_ERRORS_SHOWN)
        say_error("%s: %llu more lines failed", f->file, (unsigned long long)(f->failed - FEED_ERRORS_SHOWN));
    close(p->fd);
    free(p);
    return rc;
}
