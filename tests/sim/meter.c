/* What goes over the wire, as it really does: ZMTP 3.1 frames under CURVE (RFC 37, RFC 26) in TCP over IPv4. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum {
    CURVE_BYTES = 33,                  /* of each part: "\x07MESSAGE", 8 bytes of nonce, 16 of authenticator, 1 of flags */
    FRAME_BYTES = 2, FRAME_LONG_BYTES = 9,       /* flags and length of each part, short up to 255 bytes */
    SEGMENT = 1448,                    /* of a path of 1500 bytes, with time stamps */
    SEGMENT_BYTES = 52 + 26,           /* IPv4 20, TCP 32; and half of an acknowledgement */
    TOPIC_BYTES = MESH_TOPIC_BYTES
};

static size_t part_bytes(size_t len)
{
    size_t sealed = len + CURVE_BYTES;

    return sealed + (sealed > 255 ? FRAME_LONG_BYTES : FRAME_BYTES);
}

static size_t wire_bytes(enum event_kind kind, size_t len)
{
    size_t bytes = part_bytes(len + (kind == EVENT_FRAME ? TOPIC_BYTES : 0));

    return bytes + (bytes + SEGMENT - 1) / SEGMENT * SEGMENT_BYTES;
}

/* Of a message, by the tag of its one field. */
static enum traffic traffic_of(enum event_kind kind, struct bytes wire)
{
    if (kind == EVENT_FRAME)
        return TRAFFIC_BATCHES;
    if (wire.len > 0 && wire.at[0] == (MESSAGE_HAVE << 3 | 2))
        return TRAFFIC_HAVES;
    return TRAFFIC_REPAIR;
}

void meter_message(struct meter *m, unsigned from, unsigned to, enum event_kind kind, struct bytes wire)
{
    size_t bytes = wire_bytes(kind, wire.len);
    enum traffic t = traffic_of(kind, wire);

    m->nodes[from].sent[t] += bytes;
    m->nodes[to].received[t] += bytes;
    if (t == TRAFFIC_BATCHES)
        m->copies++;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int64_t meter_quantile(int64_t *at, size_t n, unsigned per_mille)
{
    if (n == 0)
        return -1;
    qsort(at, n, sizeof *at, compare);
    return at[(n - 1) * per_mille / 1000];
}

void meter_reset(struct meter *m)
{
    memset(m, 0, sizeof *m);
}
