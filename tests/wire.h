/* tests/wire.h: what a message weighs on the wire, as it really goes: ZMTP 3.1 frames under CURVE (RFC 37, RFC 26) in TCP over IPv4. */
#ifndef HEARSAY_TESTS_WIRE_H
#define HEARSAY_TESTS_WIRE_H

#include <stddef.h>

enum {
    WIRE_CURVE_BYTES = 33,             /* of each part: "\x07MESSAGE", 8 bytes of nonce, 16 of authenticator, 1 of flags */
    WIRE_FRAME_BYTES = 2, WIRE_FRAME_LONG_BYTES = 9,      /* flags and length of each part, short up to 255 bytes */
    WIRE_SEGMENT = 1448,               /* of a path of 1500 bytes, with time stamps */
    WIRE_SEGMENT_BYTES = 52 + 26       /* IPv4 20, TCP 32; and half of an acknowledgement */
};

/* Of a message of one part, in segments of its own. */
static inline size_t wire_bytes(size_t len)
{
    size_t sealed = len + WIRE_CURVE_BYTES;
    size_t bytes = sealed + (sealed > 255 ? WIRE_FRAME_LONG_BYTES : WIRE_FRAME_BYTES);

    return bytes + (bytes + WIRE_SEGMENT - 1) / WIRE_SEGMENT * WIRE_SEGMENT_BYTES;
}

#endif
