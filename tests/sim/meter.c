/* What goes over the wire, in bytes as it really weighs. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "tests/wire.h"

/* Of a batch over PUB/SUB, its topic is in the same part. */
static size_t message_bytes(enum event_kind kind, size_t len)
{
    return wire_bytes(len + (kind == EVENT_FRAME ? MESH_TOPIC_BYTES : 0));
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
    size_t bytes = message_bytes(kind, wire.len);
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
