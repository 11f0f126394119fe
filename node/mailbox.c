#include "node/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_ITEMS = 64 };

/* Grows by doubling up to items_max and keeps its size: what was needed once will be needed again. */
struct heap {
    char *items;
    size_t n;
    size_t room;
};

struct mailbox {
    pthread_mutex_t lock;
    int fd;
    size_t item_bytes;
    size_t items_max;
    struct heap in;        /* under the lock */
    struct heap out;       /* the receiver's, between two calls of mailbox_take() */
};

struct mailbox *mailbox_create(size_t item_bytes, size_t items_max)
{
    struct mailbox *m;
    if (item_bytes == 0 || items_max == 0 || items_max > SIZE_MAX / 2 / item_bytes)
        return NULL;
    m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->fd < 0 || pthread_mutex_init(&m->lock, NULL) != 0) {
        if (m->fd >= 0)
            close(m->fd);
        free(m);
        return NULL;
    }
    m->item_bytes = item_bytes;
    m->items_max = items_max;
    return m;
}

void mailbox_destroy(struct mailbox **mp, void (*drop)(void *item))
{
    struct mailbox *m = *mp;
    if (m == NULL)
        return;
    for (size_t i = 0; drop != NULL && i < m->in.n; i++)
        drop(m->in.items + i * m->item_bytes);
    free(m->in.items);
    free(m->out.items);
    pthread_mutex_destroy(&m->lock);
    close(m->fd);
    free(m);
    *mp = NULL;
}

static bool heap_reserve(struct heap *h, size_t n, size_t item_bytes, size_t items_max)
{
    size_t room = h->room == 0 ? FIRST_ITEMS : h->room;
    char *items;
    if (n <= h->room)
        return true;
    while (room < n)
        room *= 2;
    if (room > items_max)
        room = items_max;
    items = realloc(h->items, room * item_bytes);
    if (items == NULL)
        return false;
    h->items = items;
    h->room = room;
    return true;
}

static int put_locked(struct mailbox *m, const void *items, size_t n)
{
    if (n > m->items_max - m->in.n || !heap_reserve(&m->in, m->in.n + n, m->item_bytes, m->items_max))
        return -EAGAIN;
    memcpy(m->in.items + m->in.n * m->item_bytes, items, n * m->item_bytes);
    m->in.n += n;
    return 0;
}

int mailbox_put_many(struct mailbox *m, const void *items, size_t n)
{
    bool first;
    int rc;
    if (n == 0)
        return 0;
    pthread_mutex_lock(&m->lock);
    first = m->in.n == 0;
    rc = put_locked(m, items, n);
    pthread_mutex_unlock(&m->lock);
    /* After the lock, so that the receiver does not wake only to wait for it. It may thus wake once for values that it already has. */
    if (rc == 0 && first)
        eventfd_write(m->fd, 1);
    return rc;
}

int mailbox_put(struct mailbox *m, const void *item)
{
    return mailbox_put_many(m, item, 1);
}

void *mailbox_take(struct mailbox *m, size_t *n)
{
    struct heap taken;
    eventfd_t ignored;
    /* Cleared before the swap: who puts afterwards signals again, so no value waits unannounced. */
    eventfd_read(m->fd, &ignored);
    m->out.n = 0;
    pthread_mutex_lock(&m->lock);
    taken = m->in;
    m->in = m->out;
    pthread_mutex_unlock(&m->lock);
    m->out = taken;
    *n = taken.n;
    return taken.items;
}

int mailbox_fd(const struct mailbox *m)
{
    return m->fd;
}

static bool something_waits(struct mailbox *m)
{
    bool waits;
    pthread_mutex_lock(&m->lock);
    waits = m->in.n > 0;
    pthread_mutex_unlock(&m->lock);
    return waits;
}

static int64_t monotonic_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Takes back a signal that came after its values were taken. */
static void clear_late_signal(struct mailbox *m)
{
    eventfd_t ignored;
    if (something_waits(m))
        return;
    eventfd_read(m->fd, &ignored);
    if (something_waits(m))
        eventfd_write(m->fd, 1);       /* it was put in between: the descriptor stays readable until it is taken */
}

bool mailbox_wait(struct mailbox *m, int timeout_ms)
{
    int64_t end_ms = monotonic_ms() + timeout_ms;
    struct pollfd p = {.fd = m->fd, .events = POLLIN};
    int left_ms = timeout_ms;
    while (!something_waits(m)) {
        if (poll(&p, 1, left_ms) == 1)
            clear_late_signal(m);
        if (timeout_ms >= 0) {
            int64_t rest_ms = end_ms - monotonic_ms();
            if (rest_ms <= 0)
                return something_waits(m);
            left_ms = (int)rest_ms;
        }
    }
    return true;
}
