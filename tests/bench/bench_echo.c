/* The limit for the report socket: a bare epoll loop that answers "ok" to whatever comes, and does nothing else.
 * Usage: bench_echo unix:PATH|tcp:PORT [JOURNAL]
 * With JOURNAL it appends what came in one turn of the loop to that file and flushes it before it answers: the limit for anything
 * that says "ok" only for what is on disk. Ends with SIGTERM. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { TURN_MAX = 1024, LINE_MAX_BYTES = 256 };

struct echo {
    int listener, epoll, journal;
    int answered[TURN_MAX];          /* connections whose line came in this turn */
    size_t answered_n;
    char lines[TURN_MAX * LINE_MAX_BYTES];
    size_t lines_used;
};

static int listen_at(const char *text)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    bool is_unix = strncmp(text, "unix:", 5) == 0;
    int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (is_unix)
        snprintf(un.sun_path, sizeof un.sun_path, "%s", text + 5);
    else
        in.sin_port = htons((uint16_t)atoi(text + (strncmp(text, "tcp:", 4) == 0 ? 4 : 0)));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, is_unix ? (struct sockaddr *)&un : (struct sockaddr *)&in, is_unix ? sizeof un : sizeof in) < 0 || listen(fd, 1024) < 0)
        bench_die(text, strerror(errno));
    return fd;
}

/* False: nothing there yet. */
static bool read_line(struct echo *e, int fd)
{
    ssize_t n = recv(fd, e->lines + e->lines_used, LINE_MAX_BYTES, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n > 0)
        e->lines_used += (size_t)n;
    e->answered[e->answered_n++] = fd;
    return true;
}

/* The read right after the accept saves a turn of the loop: the line is nearly always there. */
static void take(struct echo *e)
{
    while (e->answered_n < TURN_MAX) {
        int fd = accept4(e->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        if (read_line(e, fd))
            continue;
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void answer_all(struct echo *e)
{
    if (e->journal >= 0 && e->lines_used > 0
        && (write(e->journal, e->lines, e->lines_used) != (ssize_t)e->lines_used || fdatasync(e->journal) < 0))
        bench_die("journal", strerror(errno));
    for (size_t i = 0; i < e->answered_n; i++) {
        send(e->answered[i], "ok", 2, MSG_NOSIGNAL);
        close(e->answered[i]);
    }
    e->answered_n = e->lines_used = 0;
}

int main(int argc, char **argv)
{
    static struct echo e = { .journal = -1 };
    struct epoll_event events[64], event = { .events = EPOLLIN };
    if (argc < 2)
        bench_die("usage", "bench_echo unix:PATH|tcp:PORT [JOURNAL]");
    e.listener = listen_at(argv[1]);
    e.epoll = epoll_create1(EPOLL_CLOEXEC);
    event.data.fd = e.listener;
    if (argc > 2 && (e.journal = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        bench_die(argv[2], strerror(errno));
    if (e.epoll < 0 || epoll_ctl(e.epoll, EPOLL_CTL_ADD, e.listener, &event) < 0)
        bench_die("epoll", strerror(errno));
    for (;;) {
        int n = epoll_wait(e.epoll, events, 64, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == e.listener)
                take(&e);
            else if (e.answered_n < TURN_MAX)
                read_line(&e, events[i].data.fd);
        }
        answer_all(&e);
    }
}
