/* tests/unit/fixed_identity.h: the identity of PROTOCOL.md's example frames. Its secrets are 32 bytes of 01 (root), of 02 (operational)
 * and of 03 (CURVE), so that any other implementation can make it too. */
#ifndef HEARSAY_TESTS_FIXED_IDENTITY_H
#define HEARSAY_TESTS_FIXED_IDENTITY_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/identity.h"

static inline struct identity *fixed_identity(void)
{
    static const char pem[] =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB\n-----END PRIVATE KEY-----\n"
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC\n-----END PRIVATE KEY-----\n"
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD\n-----END PRIVATE KEY-----\n";
    char path[] = "/tmp/hearsay-fixed-XXXXXX";
    int fd = mkstemp(path);
    struct identity *id = NULL;

    if (fd < 0 || write(fd, pem, sizeof pem - 1) != (ssize_t)sizeof pem - 1 || identity_load(path, &id) != 0)
        abort();
    close(fd);
    unlink(path);
    return id;
}

#endif
