/* A fixed identity and records sealed with it, for the tests of proto/record.h. */
#ifndef HEARSAY_TESTS_RECORD_FIXTURE_H
#define HEARSAY_TESTS_RECORD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "proto/record.h"
#include "tests/identities.h"

enum { NOW_S = 1800000000, DAY_S = 86400 };

static struct identity *id;            /* made by the test's set-up */

struct sealed {
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len;
};

static inline struct record plain_record(void)
{
    struct record r = { .name = "mx.a.example", .publish = "tcp://mx.a.example:4441", .repair = "tcp://mx.a.example:4442",
                        .serial = 7, .not_after_s = NOW_S };

    identity_into_record(id, &r);
    return r;
}

static inline struct sealed seal(const struct record *r)
{
    struct sealed s = { .len = sizeof s.frame };
    int rc = record_seal(r, id, s.frame, &s.len);

    if (rc != 0)
        fail_msg("not sealed: %d", rc);
    return s;
}

static inline int open_sealed(const struct sealed *s, struct record *out)
{
    return record_open((struct bytes){ s->frame, s->len }, out);
}

#endif
