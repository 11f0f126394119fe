/* tests/unit/own_port.h: ports of loopback that nobody else takes between the choice and the bind, also while other tests run on this machine. */
#ifndef HEARSAY_TESTS_OWN_PORT_H
#define HEARSAY_TESTS_OWN_PORT_H

#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

/* An address of 127.0.0.0/8 that comes of the process, of which there are fewer than 2^22. No client of another gets a port on it, as it would on 127.0.0.1. */
static inline const char *own_loopback(void)
{
    static char text[16];
    unsigned pid = (unsigned)getpid();
    snprintf(text, sizeof text, "127.%u.%u.%u", 64 + (pid >> 16) % 64, pid >> 8 & 255, pid & 255);
    return text;
}

static inline int try_bind(const char *addr, unsigned port)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    char text[8];
    int fd, rc;
    snprintf(text, sizeof text, "%u", port);
    assert_int_equal(getaddrinfo(addr, text, &hints, &found), 0);
    fd = socket(found->ai_family, SOCK_STREAM, 0);
    rc = fd < 0 ? -1 : bind(fd, found->ai_addr, found->ai_addrlen);
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return rc;
}

/* Never the same twice, below those that the kernel gives to clients, and not one that somebody has on all addresses. */
static inline uint16_t own_port(const char *addr)
{
    static unsigned given;
    unsigned port;
    do {
        port = 10000 + ((unsigned)getpid() * 64 + given++) % 20000;
        assert_true(given < 20000);
    } while (try_bind(addr, port) != 0);
    return (uint16_t)port;
}

#endif
