/* node/spf_wire.h: what hearsayd and its helper hearsay-spf say to each other: one question of fixed size, one byte of answer. Both are built together. */
#ifndef HEARSAY_NODE_SPF_WIRE_H
#define HEARSAY_NODE_SPF_WIRE_H

#include <stdint.h>

enum { SPF_HELO_MAX = 255, SPF_SENDER_MAX = 320 };

/* The answer's byte. All but these is no answer, which counts as a temperror: the helper may have been taken over. Source: RFC 7208 section 2.6. */
enum spf_answer { SPF_ANSWER_NONE = 1, SPF_ANSWER_NEUTRAL, SPF_ANSWER_PASS, SPF_ANSWER_FAIL, SPF_ANSWER_SOFTFAIL, SPF_ANSWER_TEMPERROR, SPF_ANSWER_PERMERROR };

struct spf_question {
    uint32_t left_ms;                      /* so long somebody waits for the answer; 0: as long as the helper was told */
    uint8_t family;                        /* 4 or 6; an IPv4-mapped address is 4 */
    uint8_t addr[16];                      /* of family 4 the first four bytes */
    char helo[SPF_HELO_MAX + 1];           /* ended by NUL; anything but NUL */
    char sender[SPF_SENDER_MAX + 1];       /* ended by NUL; empty: the null sender */
};

#endif
