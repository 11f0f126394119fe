/* How fast this node reads what one neighbour sends. Who sends faster is not read for a moment: its messages fill the pipe, then the kernel's buffers, and then it waits,
 * or loses what it sends over PUB/SUB. So it takes a bounded part of this thread, whatever it sends, and none of what others send. */
#include "node/mesh_net_private.h"

static const struct net_rate {
    int64_t bytes_s, bytes_max, messages_s, messages_max;
} rates[] = {
    /* Fresh batches: a whole coalition sends 20 kB a second. A message may cost a verification, 0.1 ms. */
    [NET_BUDGET_SUB] = { .bytes_s = 500000, .bytes_max = 4000000, .messages_s = 300, .messages_max = 3000 },
    /* Answers to what was asked: this is how a new member catches up. */
    [NET_BUDGET_DEALER] = { .bytes_s = 20000000, .bytes_max = 40000000, .messages_s = 4000, .messages_max = 8000 },
};

/* Levels are in thousandths, so that a millisecond's part of a second is exact. */
static void refill(struct net_budget *b, const struct net_rate *r, int64_t now_ms)
{
    int64_t passed_ms = now_ms - b->at_ms;

    if (!b->begun || passed_ms > 60000) {
        b->begun = true;
        b->bytes_milli = r->bytes_max * 1000;
        b->messages_milli = r->messages_max * 1000;
    } else if (passed_ms > 0) {
        b->bytes_milli += r->bytes_s * passed_ms;
        b->messages_milli += r->messages_s * passed_ms;
    }
    if (b->bytes_milli > r->bytes_max * 1000)
        b->bytes_milli = r->bytes_max * 1000;
    if (b->messages_milli > r->messages_max * 1000)
        b->messages_milli = r->messages_max * 1000;
    b->at_ms = now_ms;
}

/* Read again only when there is room for a tenth of a second: not a turn of the loop for each message. */
bool budget_is_ready(struct mesh_net *n, struct net_peer *p, enum net_budget_kind kind)
{
    const struct net_rate *r = &rates[kind];
    struct net_budget *b = &p->budget[kind];

    refill(b, r, n->now_ms);
    if (b->dry && (b->bytes_milli < r->bytes_s * 100 || b->messages_milli < r->messages_s * 100))
        return false;
    b->dry = false;
    return true;
}

bool budget_spend(struct mesh_net *n, struct net_peer *p, enum net_budget_kind kind, size_t bytes)
{
    struct net_budget *b = &p->budget[kind];

    b->bytes_milli -= (int64_t)bytes * 1000;
    b->messages_milli -= 1000;
    if (b->dry || (b->bytes_milli > 0 && b->messages_milli > 0))
        return !b->dry;
    b->dry = true;
    p->throttled++;
    n->throttled++;
    return false;
}

int64_t budget_wake_ms(const struct mesh_net *n, const struct net_peer *p)
{
    return p->budget[NET_BUDGET_SUB].dry || p->budget[NET_BUDGET_DEALER].dry ? n->now_ms + 20 : INT64_MAX;
}
