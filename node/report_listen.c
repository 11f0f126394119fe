/* Listeners of the report server. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/report_conn.h"
#include "node/unix_listen.h"

enum { DEFER_S = 1, KEEPALIVE_S = 60 };

static void on_connection(uv_stream_t *stream, int status)
{
    if (status == 0)
        conn_accept(stream->data);
}

static struct unix_listen unix_of(const struct config_report *spec)
{
    return (struct unix_listen){.path = spec->path, .mode = spec->mode, .group = spec->group, .group_required = spec->group_required};
}

static int listen_failed(const struct config_report *spec, int rc, char *why)
{
    const char *hint = rc == -EADDRINUSE      ? "; another process has it: is hearsayd running already?"
                       : rc == -EADDRNOTAVAIL ? "; this machine has no such address"
                       : rc == -EACCES        ? "; ports below 1024 are for root"
                                              : "";
    if (spec->is_unix)
        snprintf(why, CONFIG_WHY_MAX, "unix:%.107s: %s", spec->path, strerror(-rc));
    else
        snprintf(why, CONFIG_WHY_MAX, strchr(spec->host, ':') != NULL ? "tcp:[%s]:%u: %s%s" : "tcp:%s:%u: %s%s", spec->host, spec->port, strerror(-rc), hint);
    return rc;
}

/* Accepted sockets inherit these. The kernel reports a connection when its first byte is there, which saves a turn of the loop; a silent client is reported a moment
 * later, so that it is counted and times out like others. Answers leave at once; a dead client of a long stream is noticed. */
static void set_tcp_options(uv_tcp_t *tcp)
{
    int on = 1, defer_s = DEFER_S, idle_s = KEEPALIVE_S;
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)tcp, &fd) != 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer_s, sizeof defer_s);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
}

/* Both say in `why` what failed. */
static int bind_tcp(struct listener *l, char *why)
{
    struct sockaddr_storage a;
    bool ip6 = strchr(l->spec.host, ':') != NULL;
    int rc = ip6 ? uv_ip6_addr(l->spec.host, l->spec.port, (struct sockaddr_in6 *)&a) : uv_ip4_addr(l->spec.host, l->spec.port, (struct sockaddr_in *)&a);
    if (rc == 0)
        rc = uv_tcp_bind(&l->io.tcp, (const struct sockaddr *)&a, ip6 ? UV_TCP_IPV6ONLY : 0);
    if (rc != 0)
        return listen_failed(&l->spec, rc, why);
    set_tcp_options(&l->io.tcp);
    return 0;
}

static int bind_unix(struct listener *l, char *why)
{
    struct unix_listen u = unix_of(&l->spec);
    int fd, rc = unix_bind(&u, &fd, &l->file, why);
    if (rc != 0)
        return rc;
    rc = uv_pipe_open(&l->io.pipe, fd);
    if (rc == 0)
        return 0;
    close(fd);
    return listen_failed(&l->spec, rc, why);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    struct report_server *s = l->server;
    free(l->spec.allow);
    free(l);
    server_handle_gone(s);
}

void listener_close(struct listener *l)
{
    SLIST_REMOVE(&l->server->listeners, l, listener, link);
    if (l->spec.is_unix && l->file.st_ino != 0)
        unix_unlink(l->spec.path, &l->file);
    uv_close(&l->io.handle, on_listener_closed);
}

static int copy_allow(struct config_report *to, const struct config_report *from)
{
    struct config_network *allow = calloc(from->allow_n + 1, sizeof *allow);
    if (allow == NULL)
        return -ENOMEM;
    if (from->allow_n > 0)
        memcpy(allow, from->allow, from->allow_n * sizeof *allow);
    to->allow = allow;
    to->allow_n = from->allow_n;
    return 0;
}

static struct listener *listener_create(struct report_server *s, const struct config_report *spec)
{
    struct listener *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    l->spec = *spec;
    l->server = s;
    if (copy_allow(&l->spec, spec) != 0) {
        free(l);
        return NULL;
    }
    if (spec->is_unix)
        uv_pipe_init(s->loop, &l->io.pipe, 0);
    else
        uv_tcp_init(s->loop, &l->io.tcp);
    l->io.handle.data = l;
    s->handles++;
    SLIST_INSERT_HEAD(&s->listeners, l, link);
    return l;
}

int listener_open(struct report_server *s, const struct config_report *spec, char *why)
{
    struct listener *l = listener_create(s, spec);
    int rc;
    if (l == NULL)
        return listen_failed(spec, -ENOMEM, why);
    rc = spec->is_unix ? bind_unix(l, why) : bind_tcp(l, why);
    if (rc == 0) {
        rc = uv_listen(&l->io.stream, (int)s->limits.backlog, on_connection);
        if (rc != 0)
            listen_failed(spec, rc, why);
    }
    if (rc != 0)
        listener_close(l);
    return rc;
}

bool listener_is_for(const struct listener *l, const struct config_report *spec)
{
    if (l->spec.is_unix != spec->is_unix)
        return false;
    return spec->is_unix ? strcmp(l->spec.path, spec->path) == 0 : l->spec.port == spec->port && strcmp(l->spec.host, spec->host) == 0;
}

bool listener_is_lost(const struct listener *l)
{
    struct stat st;
    if (!l->spec.is_unix)
        return false;
    return lstat(l->spec.path, &st) != 0 || st.st_dev != l->file.st_dev || st.st_ino != l->file.st_ino;
}

int listener_update(struct listener *l, const struct config_report *spec, char *why)
{
    struct config_report changed = *spec;
    uv_os_fd_t fd;
    int rc = copy_allow(&changed, spec);
    if (rc != 0)
        return listen_failed(spec, rc, why);
    if (uv_fileno(&l->io.handle, &fd) == 0)
        listen(fd, (int)l->server->limits.backlog);        /* POSIX lets it be said again of a socket that listens; without, the queue stays as it is */
    free(l->spec.allow);
    l->spec = changed;
    if (spec->is_unix) {
        struct unix_listen u = unix_of(spec);
        rc = unix_set_mode(&u, why);
    }
    return rc;
}

/* ---- who may speak over TCP */

static bool network_has(const struct config_network *n, const uint8_t *addr)
{
    unsigned whole = n->bits / 8, rest = n->bits % 8;
    if (memcmp(n->addr, addr, whole) != 0)
        return false;
    return rest == 0 || (n->addr[whole] ^ addr[whole]) >> (8 - rest) == 0;
}

static const uint8_t *address_of(const struct sockaddr_storage *a, uint8_t *family)
{
    const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)a;
    *family = 4;
    if (a->ss_family == AF_INET)
        return (const uint8_t *)&((const struct sockaddr_in *)a)->sin_addr;
    if (a->ss_family != AF_INET6)
        return NULL;
    if (IN6_IS_ADDR_V4MAPPED(&a6->sin6_addr))
        return a6->sin6_addr.s6_addr + 12;
    *family = 6;
    return a6->sin6_addr.s6_addr;
}

bool listener_allows(const struct listener *l, const struct conn *c)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    const uint8_t *addr;
    uint8_t family;
    if (l->spec.is_unix)
        return true;                       /* the file's mode decided */
    if (getpeername(c->fd, (struct sockaddr *)&a, &len) != 0 || (addr = address_of(&a, &family)) == NULL)
        return false;
    for (size_t i = 0; i < l->spec.allow_n; i++)
        if (l->spec.allow[i].family == family && network_has(&l->spec.allow[i], addr))
            return true;
    return false;
}
