#include "node/mesh_resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct wish {
    char host[NAME_MAX_BYTES + 1];
    bool taken;                        /* a thread is at it */
};

/* Lives until the last thread that waits for a name server has ended. */
struct resolver {
    pthread_mutex_t lock;              /* guards all but what `telling` does */
    pthread_cond_t more;
    struct wish wishes[RESOLVE_WAITING_MAX];
    size_t wishes_n;
    unsigned threads, idle;
    bool closed;
    pthread_mutex_t telling;           /* held while `done` runs, and to clear it. Taken before `lock`, never within it */
    void (*done)(void *ctx, const struct resolved *answer);
    void *ctx;
};

struct resolver *resolver_create(void (*done)(void *ctx, const struct resolved *answer), void *ctx)
{
    struct resolver *r = calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->done = done;
    r->ctx = ctx;
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->telling, NULL);
    pthread_cond_init(&r->more, NULL);
    return r;
}

static void release(struct resolver *r)
{
    pthread_cond_destroy(&r->more);
    pthread_mutex_destroy(&r->telling);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

void resolver_destroy(struct resolver **rp)
{
    struct resolver *r = *rp;
    bool last;

    if (r == NULL)
        return;
    *rp = NULL;
    pthread_mutex_lock(&r->telling);
    r->done = NULL;
    pthread_mutex_unlock(&r->telling);
    pthread_mutex_lock(&r->lock);
    r->closed = true;
    last = r->threads == 0;
    pthread_cond_broadcast(&r->more);
    pthread_mutex_unlock(&r->lock);
    if (last)
        release(r);
}

/* ---- a thread */

static bool holds(const struct resolved *answer, const char *addr)
{
    for (size_t i = 0; i < answer->n; i++) {
        if (strcmp(answer->addrs[i], addr) == 0)
            return true;
    }
    return false;
}

static void add(struct resolved *answer, const struct addrinfo *info)
{
    char addr[RESOLVE_ADDR_BYTES];
    const void *at = info->ai_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)info->ai_addr)->sin_addr
                                                : (const void *)&((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr;

    if ((info->ai_family != AF_INET && info->ai_family != AF_INET6) || answer->n == RESOLVE_ADDRS_MAX)
        return;
    if (inet_ntop(info->ai_family, at, addr, sizeof addr) != NULL && !holds(answer, addr))
        memcpy(answer->addrs[answer->n++], addr, sizeof addr);
}

static void look_up(struct resolved *answer)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
    int rc = getaddrinfo(answer->host, NULL, &hints, &found);

    for (const struct addrinfo *i = found; i != NULL; i = i->ai_next)
        add(answer, i);
    if (found != NULL)
        freeaddrinfo(found);
    if (answer->n == 0)
        snprintf(answer->problem, sizeof answer->problem, "%s", rc != 0 ? gai_strerror(rc) : "no address");
}

static size_t untaken(const struct resolver *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->wishes_n; i++)
        n += !r->wishes[i].taken;
    return n;
}

static struct wish *first_untaken(struct resolver *r)
{
    for (size_t i = 0; i < r->wishes_n; i++) {
        if (!r->wishes[i].taken)
            return &r->wishes[i];
    }
    return NULL;
}

static void forget(struct resolver *r, const char *host)
{
    for (size_t i = 0; i < r->wishes_n; i++) {
        if (strcmp(r->wishes[i].host, host) == 0) {
            r->wishes[i] = r->wishes[--r->wishes_n];
            return;
        }
    }
}

/* The wish is forgotten first: who is told may ask again at once. */
static void serve(struct resolver *r, struct resolved *answer)
{
    look_up(answer);
    pthread_mutex_lock(&r->lock);
    forget(r, answer->host);
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_lock(&r->telling);
    if (r->done != NULL)
        r->done(r->ctx, answer);
    pthread_mutex_unlock(&r->telling);
}

static void *run(void *ctx)
{
    struct resolver *r = ctx;
    struct wish *w;
    bool last;

    pthread_mutex_lock(&r->lock);
    while (!r->closed) {
        struct resolved answer = { 0 };
        w = first_untaken(r);
        if (w == NULL) {
            r->idle++;
            pthread_cond_wait(&r->more, &r->lock);
            r->idle--;
            continue;
        }
        w->taken = true;
        memcpy(answer.host, w->host, sizeof answer.host);
        pthread_mutex_unlock(&r->lock);
        serve(r, &answer);
        pthread_mutex_lock(&r->lock);
    }
    last = --r->threads == 0;
    pthread_mutex_unlock(&r->lock);
    if (last)
        release(r);
    return NULL;
}

/* Detached: getaddrinfo() cannot be called off, and nobody should wait for it. Signals are for the main thread. */
static int start_thread(struct resolver *r)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    int rc;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&thread, &attr, run, r);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (rc == 0)
        r->threads++;
    return -rc;
}

static int ask(struct resolver *r, const char *host)
{
    struct wish *w;

    for (size_t i = 0; i < r->wishes_n; i++) {
        if (strcmp(r->wishes[i].host, host) == 0)
            return 0;
    }
    if (r->wishes_n == RESOLVE_WAITING_MAX || strlen(host) >= sizeof w->host)
        return -EAGAIN;
    if (untaken(r) >= r->idle && r->threads < RESOLVE_THREADS_MAX && start_thread(r) != 0 && r->threads == 0)
        return -EAGAIN;
    w = &r->wishes[r->wishes_n++];
    w->taken = false;
    snprintf(w->host, sizeof w->host, "%s", host);
    pthread_cond_signal(&r->more);
    return 0;
}

int resolver_ask(struct resolver *r, const char *host)
{
    int rc;

    pthread_mutex_lock(&r->lock);
    rc = ask(r, host);
    pthread_mutex_unlock(&r->lock);
    return rc;
}
