/* A load generator for the report socket: one connection a request, as Exim does it: connect, one line, half-close, read to the end.
 * Usage: bench_load ADDRESS [-n REQUESTS] [-k IN-FLIGHT] [-v VERB] [-f FIRST] [-t TEXT] [-w ANSWER] [-b]
 *   ADDRESS unix:PATH or tcp:PORT of 127.0.0.1; the subjects are bench_address(FIRST) and on; TEXT follows the subject at once; an answer that does not begin with
 *   ANSWER (ok) ends it.
 *   -b: VERB is the whole request, the same each time.
 * Prints: {"requests": N, "seconds": S, "rate": R, "p50_ms": .., "p99_ms": .., "max_ms": ..} */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { IN_FLIGHT_MAX = 1024, SOURCES = 64 };

struct slot {
    int fd;
    uint32_t number;
    double began_s;
    char answer[64];
    size_t answer_len;
};

struct load {
    union { struct sockaddr any; struct sockaddr_un un; struct sockaddr_in in; } address;
    socklen_t address_len;
    const char *verb, *text, *wanted;
    bool bare;
    uint32_t first, requests, started, done;
    unsigned in_flight;
    int epoll;
    double *latencies_s;
    struct slot slots[IN_FLIGHT_MAX];
};

static void parse_address(struct load *l, const char *text)
{
    if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) < sizeof l->address.un.sun_path) {
        l->address.un.sun_family = AF_UNIX;
        strcpy(l->address.un.sun_path, text + 5);
        l->address_len = sizeof l->address.un;
    } else if (strncmp(text, "tcp:", 4) == 0) {
        l->address.in.sin_family = AF_INET;
        l->address.in.sin_port = htons((uint16_t)atoi(text + 4));
        l->address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        l->address_len = sizeof l->address.in;
    } else {
        bench_die(text, "neither unix:PATH nor tcp:PORT");
    }
}

/* Many source addresses: one has too few ports for tens of thousands of connections a second. */
static void bind_source(const struct load *l, int fd)
{
    struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + l->started % SOURCES) };
    int on = 1;
    if (l->address.any.sa_family == AF_INET) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0)
            bench_die("bind", strerror(errno));
    }
}

/* The next request into a free slot. A full backlog blocks here: the others wait in the kernel all the same. */
static void start(struct load *l, struct slot *s)
{
    char line[256];
    uint32_t a = bench_address(l->first + l->started);
    int len = l->bare ? snprintf(line, sizeof line, "%s\n", l->verb)
                      : snprintf(line, sizeof line, "%s %u.%u.%u.%u%s\n", l->verb, a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255, l->text);
    if (len < 0 || (size_t)len >= sizeof line)
        bench_die(l->text, "too long");
    s->fd = socket(l->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        bench_die("socket", strerror(errno));
    bind_source(l, s->fd);
    s->began_s = bench_now_s();
    s->number = l->started++;
    s->answer_len = 0;
    if (connect(s->fd, &l->address.any, l->address_len) < 0)
        bench_die("connect", strerror(errno));
    if (send(s->fd, line, (size_t)len, MSG_NOSIGNAL) != len || shutdown(s->fd, SHUT_WR) < 0)
        bench_die("send", strerror(errno));
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &e) < 0)
        bench_die("epoll_ctl", strerror(errno));
}

/* True when the server closed: the request is done. */
static bool read_answer(const struct load *l, struct slot *s)
{
    for (;;) {
        ssize_t n = recv(s->fd, s->answer + s->answer_len, sizeof s->answer - 1 - s->answer_len, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n < 0)
            bench_die("recv", strerror(errno));
        s->answer_len += (size_t)n;
        s->answer[s->answer_len] = '\0';
        if (n == 0 && strncmp(s->answer, l->wanted, strlen(l->wanted)) != 0)
            bench_die("unexpected answer", s->answer);
        if (n == 0)
            return true;
    }
}

static void finish(struct load *l, struct slot *s)
{
    l->latencies_s[s->number] = bench_now_s() - s->began_s;
    close(s->fd);
    l->done++;
    if (l->started < l->requests)
        start(l, s);
}

static double run(struct load *l)
{
    struct epoll_event events[64];
    double began_s = bench_now_s();
    for (unsigned i = 0; i < l->in_flight && l->started < l->requests; i++)
        start(l, &l->slots[i]);
    while (l->done < l->requests) {
        int n = epoll_wait(l->epoll, events, 64, 30000);
        if (n == 0)
            bench_die("no answer", "30 s have passed");
        for (int i = 0; i < n; i++)
            if (read_answer(l, events[i].data.ptr))
                finish(l, events[i].data.ptr);
    }
    return bench_now_s() - began_s;
}

int main(int argc, char **argv)
{
    static struct load l = { .verb = "black", .text = "", .wanted = "ok", .requests = 10000, .in_flight = 16 };
    int option;
    while ((option = getopt(argc, argv, "n:k:v:f:t:w:b")) != -1) {
        switch (option) {
        case 'n': l.requests = (uint32_t)atol(optarg); break;
        case 'k': l.in_flight = (unsigned)atoi(optarg); break;
        case 'v': l.verb = optarg; break;
        case 'f': l.first = (uint32_t)atol(optarg); break;
        case 't': l.text = optarg; break;
        case 'w': l.wanted = optarg; break;
        case 'b': l.bare = true; break;
        default: return 2;
        }
    }
    if (optind + 1 != argc || l.in_flight == 0 || l.in_flight > IN_FLIGHT_MAX || l.requests == 0)
        bench_die("usage", "bench_load ADDRESS [-n REQUESTS] [-k IN-FLIGHT] [-v VERB] [-f FIRST] [-t TEXT] [-w ANSWER] [-b]");
    parse_address(&l, argv[optind]);
    l.latencies_s = calloc(l.requests, sizeof *l.latencies_s);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l.latencies_s == NULL || l.epoll < 0)
        bench_die("start", strerror(errno));
    double seconds = run(&l);
    printf("{\"requests\": %u, \"seconds\": %.4f, \"rate\": %.1f, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f}\n", l.requests, seconds,
           (double)l.requests / seconds, bench_part(l.latencies_s, l.requests, 0.5) * 1e3, bench_part(l.latencies_s, l.requests, 0.99) * 1e3,
           bench_part(l.latencies_s, l.requests, 1.0) * 1e3);
    free(l.latencies_s);
    return 0;
}
