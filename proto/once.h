/* proto/once.h: "once SOURCE:NUMBER[:AGE] REQUEST": a request that counts but once, however often it is sent. Source: proto/REPORTS.md, "once". */
#ifndef HEARSAY_PROTO_ONCE_H
#define HEARSAY_PROTO_ONCE_H

#include <stddef.h>
#include <stdint.h>

enum { ONCE_SOURCE_BYTES = 16, ONCE_AGE_MAX_S = 7 * 86400 };

struct once {
    uint8_t source[ONCE_SOURCE_BYTES];     /* who numbers; 32 hexadecimal digits in the line */
    uint64_t number;                       /* 1 to 2^63 - 1; 0: the request was not sent with `once` */
    uint32_t age_s;                        /* it happened so long ago; 0 unless said */
};

/* If the line begins with the word `once`: 1, *out is read, and *line and *len are what follows. 0 for any other line. -EINVAL, with `reason` as in
 * proto/request.h, for one that cannot be read. */
int once_split(const char **line, size_t *len, struct once *out, char *reason);

#endif
