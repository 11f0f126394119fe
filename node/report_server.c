#include "node/report_server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "node/log.h"
#include "node/report_conn.h"

enum { OTHER_DESCRIPTORS = 256 };          /* what the rest of the node opens */

/* ---- places for connections */

/* What is never used stays untouched memory. */
static int add_block(struct report_server *s, uint32_t n)
{
    struct conn **conns = realloc(s->conns, (s->conns_n + n) * sizeof *conns);
    void **blocks;
    struct conn *block;
    if (conns == NULL)
        return -ENOMEM;
    s->conns = conns;
    blocks = realloc(s->blocks, (s->blocks_n + 1) * sizeof *blocks);
    if (blocks == NULL)
        return -ENOMEM;
    s->blocks = blocks;
    block = calloc(n, sizeof *block);
    if (block == NULL)
        return -ENOMEM;
    s->blocks[s->blocks_n++] = block;
    for (uint32_t i = 0; i < n; i++)
        s->conns[s->conns_n++] = &block[i];
    return 0;
}

int server_reserve(struct report_server *s, unsigned connections)
{
    uint32_t want = connections + REFUSED_MAX + CLOSING_MAX;
    return want <= s->conns_n ? 0 : add_block(s, want - s->conns_n);
}

/* Takes the descriptors that the limits ask for. Where the system gives fewer, fewer connections are served, so that the next one is told so and not just dropped. */
static void fit_descriptors(struct report_server *s)
{
    const rlim_t besides = REFUSED_MAX + CLOSING_MAX + OTHER_DESCRIPTORS, want = s->limits.connections + besides;
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= want)
        return;
    r.rlim_cur = want < r.rlim_max ? want : r.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur >= want)
        return;
    s->limits.connections = r.rlim_cur > besides ? (unsigned)(r.rlim_cur - besides) : 1;
    log_warning("limits.connections is %u for now: this process may open %llu files only (LimitNOFILE= in the unit, or ulimit -n)", s->limits.connections,
                (unsigned long long)r.rlim_cur);
}

/* ---- turns */

void server_wake(struct conn *c)
{
    struct report_server *s = c->server;
    bool greedy = c->stream_mode || (c->blocked & BLOCK_TURN) != 0;
    if (c->waits_in != NULL || c->state == CONN_CLOSING)
        return;
    c->waits_in = greedy ? &s->greedy : &s->turn;
    TAILQ_INSERT_TAIL(c->waits_in, c, turn_link);
    *(greedy ? &s->greedy_n : &s->turn_n) += 1;
}

static void leave_queue(struct conn *c)
{
    struct report_server *s = c->server;
    if (c->waits_in == NULL)
        return;
    TAILQ_REMOVE(c->waits_in, c, turn_link);
    *(c->waits_in == &s->greedy ? &s->greedy_n : &s->turn_n) -= 1;
    c->waits_in = NULL;
}

void server_unwake(struct conn *c)
{
    struct report_server *s = c->server;
    leave_queue(c);
    if (c->in_paused) {
        TAILQ_REMOVE(&s->paused, c, paused_link);
        c->in_paused = false;
    }
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;                            /* it only keeps the loop from sleeping */
}

static bool accept_waiting(struct report_server *s)
{
    struct listener *l;
    bool waiting = false;
    SLIST_FOREACH (l, &s->listeners, link) {
        if (l->waiting)
            conn_accept(l);
        waiting = waiting || l->waiting;
    }
    return waiting;
}

void server_handle_gone(struct report_server *s)
{
    if (--s->handles == 0 && s->never_started)
        report_server_destroy(&s);
}

static void on_handle_closed(uv_handle_t *handle)
{
    server_handle_gone(handle->data);
}

static void end_if_empty(struct report_server *s)
{
    if (!s->stopping || s->done_called || s->open > 0)
        return;
    s->done_called = true;
    uv_close((uv_handle_t *)&s->prepare, on_handle_closed);
    uv_close((uv_handle_t *)&s->check, on_handle_closed);
    uv_close((uv_handle_t *)&s->idle, on_handle_closed);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->grace, on_handle_closed);
    if (s->done != NULL)
        s->done(s->done_ctx);
}

/* Before the loop sleeps and after it woke up: so that all answers of one commit leave in one write for each connection. Those woken meanwhile come next time. */
static void server_turn(struct report_server *s)
{
    bool waiting;
    s->accepts_left = ACCEPTS_PER_TURN;
    s->at_once_end_ns = 0;
    for (size_t n = s->turn_n; n > 0 && s->turn_n > 0; n--) {
        struct conn *c = TAILQ_FIRST(&s->turn);
        leave_queue(c);
        conn_step(c);
    }
    waiting = accept_waiting(s);
    s->at_once_end_ns = 0;
    if (s->turn_n > 0 || s->greedy_n > 0 || waiting)
        uv_idle_start(&s->idle, on_idle);
    else
        uv_idle_stop(&s->idle);
    end_if_empty(s);
}

/* Who did not come to it in this turn is the first in the next one. */
static void greedy_turn(struct report_server *s)
{
    const uint64_t turn_ns = TURN_US * UINT64_C(1000), least_ns = SLICE_US * UINT64_C(1000);
    uint64_t now_ns = s->greedy_n > 0 ? uv_hrtime() : 0, end_ns = now_ns + turn_ns, slice_ns;
    size_t n = s->greedy_n;
    if (n == 0)
        return;
    slice_ns = turn_ns / n > least_ns ? turn_ns / n : least_ns;
    for (; n > 0 && s->greedy_n > 0 && now_ns < end_ns; n--, now_ns = uv_hrtime()) {
        struct conn *c = TAILQ_FIRST(&s->greedy);
        leave_queue(c);
        conn_slice(c, now_ns + slice_ns);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    greedy_turn(prepare->data);
    server_turn(prepare->data);
}

static void on_check(uv_check_t *check)
{
    server_turn(check->data);
}

/* ---- start and stop */

static void init_handles(struct report_server *s)
{
    uv_prepare_init(s->loop, &s->prepare);
    uv_check_init(s->loop, &s->check);
    uv_idle_init(s->loop, &s->idle);
    uv_timer_init(s->loop, &s->timer);
    uv_timer_init(s->loop, &s->grace);
    s->prepare.data = s->check.data = s->idle.data = s->timer.data = s->grace.data = s;
    s->handles = 5;
    uv_prepare_start(&s->prepare, on_prepare);
    uv_check_start(&s->check, on_check);
}

static struct report_server *server_create(uv_loop_t *loop, const struct config *c, const struct report_handlers *h)
{
    struct report_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->loop = loop;
    s->handlers = *h;
    s->limits = c->limits;
    memcpy(s->sender_key, c->sender_key, sizeof s->sender_key);
    TAILQ_INIT(&s->turn);
    TAILQ_INIT(&s->greedy);
    TAILQ_INIT(&s->paused);
    for (enum deadline d = DEADLINE_NONE; d < DEADLINES; d++)
        TAILQ_INIT(&s->deadlines[d]);
    SLIST_INIT(&s->listeners);
    SLIST_INIT(&s->free);
    fit_descriptors(s);
    if (server_reserve(s, s->limits.connections) == 0) {
        init_handles(s);
        return s;
    }
    report_server_destroy(&s);
    return NULL;
}

/* A client that goes away while libuv writes to it must not end the process. */
static void ignore_sigpipe(void)
{
    struct sigaction old, ignore = {.sa_handler = SIG_IGN};
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        sigaction(SIGPIPE, &ignore, NULL);
}

static void close_listeners(struct report_server *s)
{
    while (!SLIST_EMPTY(&s->listeners))
        listener_close(SLIST_FIRST(&s->listeners));
}

int report_server_start(uv_loop_t *loop, const struct config *c, const struct report_handlers *h, struct report_server **out, char *why)
{
    struct report_server *s = server_create(loop, c, h);
    int rc = 0;
    if (s == NULL) {
        snprintf(why, CONFIG_WHY_MAX, "report server: memory is out");
        return -ENOMEM;
    }
    ignore_sigpipe();
    for (size_t i = 0; rc == 0 && i < c->reports_n; i++)
        rc = listener_open(s, &c->reports[i], why);
    if (rc == 0) {
        *out = s;
    } else {
        s->never_started = true;           /* the caller has nothing to destroy */
        report_server_stop(s, 0, NULL, NULL);
    }
    return rc;
}

static void on_grace(uv_timer_t *timer)
{
    struct report_server *s = timer->data;
    for (uint32_t i = 0; i < s->conns_used; i++)
        if (s->conns[i]->state != CONN_FREE)
            conn_close(s->conns[i]);
}

void report_server_stop(struct report_server *s, int64_t grace_ms, void (*done)(void *ctx), void *ctx)
{
    if (s->stopping)
        return;
    s->stopping = true;
    s->done = done;
    s->done_ctx = ctx;
    close_listeners(s);
    report_server_resume(s);
    for (uint32_t i = 0; i < s->conns_used; i++)
        if (s->conns[i]->state != CONN_FREE)
            server_wake(s->conns[i]);
    uv_update_time(s->loop);               /* the loop may not have looked for long: the grace begins now */
    uv_timer_start(&s->grace, on_grace, (uint64_t)grace_ms, 0);
}

void report_server_destroy(struct report_server **sp)
{
    struct report_server *s = *sp;
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->conns_used; i++) {
        buffer_clear(&s->conns[i]->rest);
        buffer_clear(&s->conns[i]->out);
        buffer_clear(&s->conns[i]->sending);
    }
    for (size_t i = 0; i < s->blocks_n; i++)
        free(s->blocks[i]);
    free(s->blocks);
    free(s->conns);
    free(s);
    *sp = NULL;
}

/* ---- reload */

static struct listener *find_listener(struct report_server *s, const struct config_report *spec)
{
    struct listener *l;
    SLIST_FOREACH (l, &s->listeners, link)
        if (listener_is_for(l, spec))
            return l;
    return NULL;
}

static void close_unwanted(struct report_server *s, const struct config *c)
{
    struct listener *l, *next;
    SLIST_FOREACH (l, &s->listeners, link)
        l->keep = false;
    for (size_t i = 0; i < c->reports_n; i++) {
        l = find_listener(s, &c->reports[i]);
        if (l != NULL && !listener_is_lost(l))
            l->keep = true;
    }
    for (l = SLIST_FIRST(&s->listeners); l != NULL; l = next) {
        next = SLIST_NEXT(l, link);
        if (!l->keep)
            listener_close(l);
    }
}

int report_server_reload(struct report_server *s, const struct config *c, char *why)
{
    char one[CONFIG_WHY_MAX];
    int rc = server_reserve(s, c->limits.connections);
    if (rc != 0) {
        snprintf(why, CONFIG_WHY_MAX, "report server: memory is out");
        return rc;
    }
    s->limits = c->limits;
    fit_descriptors(s);
    memcpy(s->sender_key, c->sender_key, sizeof s->sender_key);
    close_unwanted(s, c);                  /* first, since a new one may want the port of an old one */
    for (size_t i = 0; i < c->reports_n; i++) {
        struct listener *l = find_listener(s, &c->reports[i]);
        int failed = l != NULL ? listener_update(l, &c->reports[i], one) : listener_open(s, &c->reports[i], one);
        if (failed != 0 && rc == 0) {
            rc = failed;
            memcpy(why, one, sizeof one);
        }
    }
    return rc;
}

/* ---- answers */

void report_server_answer(struct report_server *s, struct report_ticket ticket, const char *answer)
{
    struct conn *c;
    if (ticket.slot >= s->conns_used)
        return;
    c = s->conns[ticket.slot];
    if (c->generation != ticket.generation || (c->state != CONN_OPEN && c->state != CONN_LAST))
        return;
    conn_answer(c, ticket.number, answer);
    server_wake(c);
}

void report_server_resume(struct report_server *s)
{
    struct conn *c;
    while ((c = TAILQ_FIRST(&s->paused)) != NULL) {
        TAILQ_REMOVE(&s->paused, c, paused_link);
        c->in_paused = false;
        c->blocked &= ~(unsigned)BLOCK_QUEUE;
        server_wake(c);
    }
}

void report_server_counted(const struct report_server *s, struct report_server_counts *out)
{
    *out = s->counts;
}
