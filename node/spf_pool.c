#include "node/spf_pool.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "node/log.h"

#ifndef HEARSAY_LIBEXEC
#define HEARSAY_LIBEXEC "/usr/local/libexec/hearsay"
#endif

enum { HELPER_QUESTIONS_MAX = 10000, HELPER_AGE_MS = 300 * 1000, GRACE_MS = 250, RESTART_MS = 1000, COMPLAINT_MS = 60 * 1000, HANDLES = 3 };

struct question {
    STAILQ_ENTRY(question) link;
    struct report_ticket ticket;
    uint64_t deadline_ms;                  /* on the loop's clock */
    struct spf_question text;
};
STAILQ_HEAD(questions, question);

struct helper {
    LIST_ENTRY(helper) link;
    struct spf_pool *pool;
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    struct question *asked;                /* NULL: idle */
    uint64_t born_ms;
    unsigned questions_n;
    int handles;                           /* still to be closed */
    bool answered;                         /* once at least: it can be started */
    bool old;                              /* to end when idle */
    bool closing;
    char answer[2];
};

struct spf_pool {
    uv_loop_t *loop;
    struct spf_pool_options o;
    spf_pool_answer *answer;
    void *ctx;
    LIST_HEAD(, helper) helpers;
    unsigned helpers_n;                    /* without those that are closing */
    struct questions waiting, free;
    unsigned waiting_n;
    uv_timer_t timer;                      /* for the first question that waits */
    uint64_t no_start_before_ms, no_complaint_before_ms;
    bool stopping;
    struct spf_pool_counts counts;
};

static void serve(struct spf_pool *p);

/* ---- questions */

static struct question *question_take(struct spf_pool *p)
{
    struct question *q = STAILQ_FIRST(&p->free);
    if (q != NULL)
        STAILQ_REMOVE_HEAD(&p->free, link);
    return q != NULL ? q : calloc(1, sizeof *q);
}

static void answer_question(struct spf_pool *p, struct question *q, enum spf_answer answer)
{
    p->answer(p->ctx, q->ticket, answer);
    STAILQ_INSERT_HEAD(&p->free, q, link);
}

static struct question *next_question(struct spf_pool *p)
{
    struct question *q = STAILQ_FIRST(&p->waiting);
    if (q != NULL) {
        STAILQ_REMOVE_HEAD(&p->waiting, link);
        p->waiting_n--;
    }
    return q;
}

static void on_waited(uv_timer_t *timer)
{
    struct spf_pool *p = timer->data;
    struct question *q;
    while ((q = STAILQ_FIRST(&p->waiting)) != NULL && q->deadline_ms <= uv_now(p->loop)) {
        p->counts.late++;
        answer_question(p, next_question(p), SPF_ANSWER_TEMPERROR);
    }
    if (q != NULL)
        uv_timer_start(timer, on_waited, q->deadline_ms - uv_now(p->loop), 0);
}

/* ---- helpers */

static void on_handle_closed(uv_handle_t *handle)
{
    struct helper *h = handle->data;
    if (--h->handles > 0)
        return;
    LIST_REMOVE(h, link);
    free(h);
}

/* Whatever it was asked is a temperror. It is killed; the handle of its process is closed when it was reaped. */
static void helper_end(struct helper *h, bool failed)
{
    struct question *q = h->asked;
    if (h->closing)
        return;
    h->closing = true;
    h->asked = NULL;
    h->pool->helpers_n--;
    h->pool->counts.died += failed;
    if (failed && !h->answered)            /* the next one will do no better: not one for each question */
        h->pool->no_start_before_ms = uv_now(h->pool->loop) + RESTART_MS;
    uv_close((uv_handle_t *)&h->pipe, on_handle_closed);
    uv_close((uv_handle_t *)&h->timer, on_handle_closed);
    if (h->process.pid > 0)
        uv_process_kill(&h->process, SIGKILL);     /* its exit closes the handle of the process */
    else
        uv_close((uv_handle_t *)&h->process, on_handle_closed);
    if (q != NULL)
        answer_question(h->pool, q, SPF_ANSWER_TEMPERROR);
}

static void complain(struct spf_pool *p, const char *what, const char *why)
{
    snprintf(p->counts.problem, sizeof p->counts.problem, "%.120s: %.60s", what, why);
    if (uv_now(p->loop) < p->no_complaint_before_ms)
        return;
    p->no_complaint_before_ms = uv_now(p->loop) + COMPLAINT_MS;
    log_warning("spfcheck: %s: %s; the answer is temperror", what, why);
}

static void on_exit_of(uv_process_t *process, int64_t status, int signum)
{
    struct helper *h = process->data;
    struct spf_pool *p = h->pool;
    char why[64];
    if (!h->closing) {
        snprintf(why, sizeof why, "%s %lld", signum != 0 ? "signal" : "exit status", signum != 0 ? (long long)signum : (long long)status);
        complain(p, "a helper ended by itself", why);
    }
    h->process.pid = 0;
    if (!h->closing)
        helper_end(h, true);
    else
        uv_close((uv_handle_t *)process, on_handle_closed);
    serve(p);
}

static void on_late(uv_timer_t *timer)
{
    struct helper *h = timer->data;
    struct spf_pool *p = h->pool;
    p->counts.late++;
    helper_end(h, false);
    serve(p);
}

static bool is_done(const struct helper *h)
{
    return h->old || h->questions_n >= HELPER_QUESTIONS_MAX || uv_now(h->pool->loop) - h->born_ms > HELPER_AGE_MS;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct helper *h = handle->data;
    (void)suggested;
    *buf = uv_buf_init(h->answer, sizeof h->answer);
}

static void on_answer(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct helper *h = stream->data;
    struct spf_pool *p = h->pool;
    struct question *q = h->asked;
    uint8_t answer = n > 0 ? (uint8_t)buf->base[0] : 0;
    if (n == 0)
        return;
    if (n != 1 || q == NULL || answer < SPF_ANSWER_NONE || answer > SPF_ANSWER_PERMERROR) {
        complain(p, "a helper broke off", n < 0 ? uv_strerror((int)n) : "no answer of ours");
        helper_end(h, true);
    } else {
        uv_timer_stop(&h->timer);
        p->counts.problem[0] = '\0';
        h->answered = true;
        h->asked = NULL;
        answer_question(p, q, (enum spf_answer)answer);
        if (is_done(h))
            helper_end(h, false);
    }
    serve(p);
}

static int spawn(struct helper *h)
{
    struct spf_pool *p = h->pool;
    char timeout[24];
    char *argv[] = { "hearsay-spf", p->o.resolver, timeout, NULL };
    char *env[] = { NULL };
    uv_stdio_container_t stdio[3] = { { .flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&h->pipe },
                                      { .flags = UV_IGNORE }, { .flags = UV_IGNORE } };
    const uv_process_options_t options = { .exit_cb = on_exit_of, .file = p->o.program, .args = argv, .env = env, .cwd = "/", .stdio_count = 3, .stdio = stdio };
    int rc;
    snprintf(timeout, sizeof timeout, "%lld", (long long)p->o.timeout_ms);
    rc = uv_spawn(p->loop, &h->process, &options);
    if (rc != 0)
        h->process.pid = 0;                /* nobody will tell of its end */
    return rc == 0 ? uv_read_start((uv_stream_t *)&h->pipe, on_room, on_answer) : rc;
}

static struct helper *helper_start(struct spf_pool *p)
{
    struct helper *h = p->stopping || uv_now(p->loop) < p->no_start_before_ms ? NULL : calloc(1, sizeof *h);
    int rc;
    if (h == NULL)
        return NULL;
    h->pool = p;
    h->born_ms = uv_now(p->loop);
    h->handles = HANDLES;
    uv_pipe_init(p->loop, &h->pipe, 0);
    uv_timer_init(p->loop, &h->timer);
    h->process.data = h->pipe.data = h->timer.data = h->write.data = h;
    LIST_INSERT_HEAD(&p->helpers, h, link);
    p->helpers_n++;
    rc = spawn(h);
    if (rc == 0)
        return h;
    complain(p, p->o.program, uv_strerror(rc));
    helper_end(h, true);
    return NULL;
}

static struct helper *find_idle(struct spf_pool *p)
{
    struct helper *h;
    LIST_FOREACH (h, &p->helpers, link) {
        if (h->closing || h->asked != NULL)
            continue;
        if (!is_done(h))
            return h;
        helper_end(h, false);              /* it has been idle for long, and may not know of a change of /etc/resolv.conf */
    }
    return p->helpers_n < p->o.workers ? helper_start(p) : NULL;
}

static void on_written(uv_write_t *write, int status)
{
    struct helper *h = write->data;
    struct spf_pool *p = h->pool;
    if (status == 0 || h->closing)
        return;
    complain(p, "a helper cannot be asked", uv_strerror(status));
    helper_end(h, true);
    serve(p);
}

static void ask(struct helper *h, struct question *q)
{
    uv_buf_t buf = uv_buf_init((char *)&q->text, sizeof q->text);
    uint64_t now_ms = uv_now(h->pool->loop), left_ms = q->deadline_ms > now_ms ? q->deadline_ms - now_ms : 0;
    h->asked = q;
    h->questions_n++;
    q->text.left_ms = left_ms > 0 ? (uint32_t)left_ms : 1;
    uv_timer_start(&h->timer, on_late, left_ms + GRACE_MS, 0);         /* it keeps the time itself, unless it hangs */
    if (uv_write(&h->write, (uv_stream_t *)&h->pipe, &buf, 1, on_written) != 0)
        helper_end(h, true);
}

/* Hands questions to idle helpers. With none, and none to be had, they are not left waiting for nobody. */
static void serve(struct spf_pool *p)
{
    while (!STAILQ_EMPTY(&p->waiting)) {
        struct helper *h = find_idle(p);
        if (h != NULL)
            ask(h, next_question(p));
        else if (p->helpers_n > 0)
            return;
        else
            answer_question(p, next_question(p), SPF_ANSWER_TEMPERROR);
    }
}

/* ---- the pool */

int spf_pool_create(uv_loop_t *loop, const struct spf_pool_options *o, spf_pool_answer *answer, void *ctx, struct spf_pool **out)
{
    struct spf_pool *p = calloc(1, sizeof *p);
    if (p == NULL)
        return -ENOMEM;
    p->loop = loop;
    p->o = *o;
    p->answer = answer;
    p->ctx = ctx;
    p->timer.data = p;
    LIST_INIT(&p->helpers);
    STAILQ_INIT(&p->waiting);
    STAILQ_INIT(&p->free);
    uv_timer_init(loop, &p->timer);
    *out = p;
    return 0;
}

void spf_pool_reload(struct spf_pool *p, const struct spf_pool_options *o)
{
    struct helper *h, *next;
    if (p->stopping)
        return;
    p->o = *o;
    p->no_start_before_ms = 0;
    for (h = LIST_FIRST(&p->helpers); h != NULL; h = next) {
        next = LIST_NEXT(h, link);
        h->old = true;
        if (h->asked == NULL)
            helper_end(h, false);
    }
    serve(p);
}

void spf_pool_stop(struct spf_pool *p)
{
    struct helper *h, *next;
    struct question *q;
    if (p->stopping)
        return;
    p->stopping = true;
    while ((q = next_question(p)) != NULL)
        answer_question(p, q, SPF_ANSWER_TEMPERROR);
    for (h = LIST_FIRST(&p->helpers); h != NULL; h = next) {
        next = LIST_NEXT(h, link);
        helper_end(h, false);
    }
    uv_close((uv_handle_t *)&p->timer, NULL);
}

void spf_pool_destroy(struct spf_pool **pp)
{
    struct spf_pool *p = *pp;
    struct question *q;
    if (p == NULL)
        return;
    while ((q = STAILQ_FIRST(&p->free)) != NULL) {
        STAILQ_REMOVE_HEAD(&p->free, link);
        free(q);
    }
    free(p);
    *pp = NULL;
}

void spf_pool_ask(struct spf_pool *p, struct report_ticket ticket, const struct spf_question *text)
{
    struct question *q = p->stopping || p->waiting_n >= p->o.queue ? NULL : question_take(p);
    p->counts.asked++;
    if (q == NULL) {
        p->counts.refused++;
        p->answer(p->ctx, ticket, SPF_ANSWER_TEMPERROR);
        return;
    }
    q->ticket = ticket;
    q->text = *text;
    q->deadline_ms = uv_now(p->loop) + (uint64_t)p->o.timeout_ms;
    STAILQ_INSERT_TAIL(&p->waiting, q, link);
    p->waiting_n++;
    if (!uv_is_active((uv_handle_t *)&p->timer))
        uv_timer_start(&p->timer, on_waited, (uint64_t)p->o.timeout_ms, 0);
    serve(p);
}

void spf_pool_counted(const struct spf_pool *p, struct spf_pool_counts *out)
{
    *out = p->counts;
    out->helpers = p->helpers_n;
}

void spf_pool_program(char out[1024])
{
    static const char *const places[] = { "hearsay-spf", "../libexec/hearsay/hearsay-spf" };
    char self[900];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;
    self[len > 0 ? len : 0] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash != NULL && i < sizeof places / sizeof *places; i++) {
        snprintf(out, 1024, "%.*s/%s", (int)(slash - self), self, places[i]);
        if (access(out, X_OK) == 0)
            return;
    }
    snprintf(out, 1024, "%s/hearsay-spf", HEARSAY_LIBEXEC);
}
