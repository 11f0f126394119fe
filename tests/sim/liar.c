/* A member whose node does what it likes. It has a member's keys and links, and runs the true core beside, so that it is believed to be well. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { LIE_TAMPER, LIE_FORGE, LIE_FOREIGN, LIE_STRANGER, LIE_REPLAY, LIE_HAVE, LIE_GARBAGE, LIE_EQUIVOCATE, LIE_UNASKED, LIE_FLOOD, LIE_BATCHES, LIES };
static const char *const lie_names[LIES] = { "tampers", "forges", "speaks for another federation", "brings a stranger's word", "replays", "claims to have",
                                             "sends garbage", "equivocates", "answers unasked", "floods with questions", "floods with batches" };

static unsigned some_neighbour(struct world *w, const struct node *n)
{
    return n->ways_n == 0 ? n->index : n->ways[draw(w, n->ways_n)].to;
}

/* Past the subscriptions: a publisher can send what it likes to whom it likes. */
static void send_frame(struct world *w, struct node *n, unsigned to, struct bytes frame)
{
    net_send(w, n, to, EVENT_FRAME, frame);
}

static void send_spoiled(struct world *w, struct node *n, unsigned to, struct bytes frame, enum event_kind kind, uint32_t id)
{
    uint8_t *copy = malloc(frame.len);
    struct message msg = { .kind = MESSAGE_FETCHED };
    uint8_t *wire = NULL;
    size_t len = 0;

    if (copy == NULL)
        abort();
    memcpy(copy, frame.at, frame.len);
    copy[draw(w, frame.len)] ^= (uint8_t)(1 + draw(w, 255));
    if (kind == EVENT_FRAME) {
        send_frame(w, n, to, (struct bytes){ copy, frame.len });
    } else {
        msg.u.fetched.id = id;
        msg.u.fetched.frame = (struct bytes){ copy, frame.len };
        if (message_encode(&msg, &wire, &len) == 0)
            net_send(w, n, to, EVENT_ANSWER, (struct bytes){ wire, len });
        free(wire);
    }
    free(copy);
}

static struct bytes some_frame(struct world *w)
{
    const struct signed_batch *b = &w->registry.at[draw(w, w->registry.n)];

    return (struct bytes){ b->frame, b->len };
}

static void sign_and_send(struct world *w, struct node *n, struct batch_plan p)
{
    uint8_t previous[HASH_BYTES];
    size_t i;

    for (size_t j = 0; j < sizeof previous; j++)
        previous[j] = (uint8_t)draw(w, 256);
    p.previous = chance(w, 500) || p.signer != p.author ? previous : NULL;
    p.time_s = START_S + w->now_ms / 1000;
    author_draw_said(w, &p);
    i = author_sign(w, &p);
    send_frame(w, n, some_neighbour(w, n), (struct bytes){ w->registry.at[i].frame, w->registry.at[i].len });
}

static void claim(struct world *w, struct node *n)
{
    struct log_have logs[8];
    struct message msg = { .kind = MESSAGE_HAVE };
    uint8_t *wire = NULL;
    size_t len = 0;

    memset(logs, 0, sizeof logs);
    for (size_t i = 0; i < 8; i++) {
        const struct node *victim = &w->nodes[draw(w, w->nodes_n)];
        memcpy(logs[i].origin, author_record(victim->index)->root, KEY_BYTES);
        logs[i].epoch = victim->disk.epoch + (uint32_t)draw(w, 3) + 1;
        logs[i].floor = 1;
        logs[i].head = victim->disk.seq + 1 + draw(w, 1000);
        memset(logs[i].head_hash, (int)draw(w, 256), HEAD_HASH_BYTES);
        logs[i].record_serial = 1;
    }
    msg.u.have.full = chance(w, 500);
    msg.u.have.answer_wanted = chance(w, 500);
    msg.u.have.logs = logs;
    msg.u.have.logs_n = 8;
    if (message_encode(&msg, &wire, &len) == 0)
        net_send(w, n, some_neighbour(w, n), chance(w, 500) ? EVENT_ASK : EVENT_ANSWER, (struct bytes){ wire, len });
    free(wire);
}

static void garbage(struct world *w, struct node *n)
{
    static const enum event_kind kinds[] = { EVENT_FRAME, EVENT_ASK, EVENT_ANSWER };
    uint8_t bytes[100];
    size_t len = draw(w, sizeof bytes);

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)draw(w, 256);
    net_send(w, n, some_neighbour(w, n), kinds[draw(w, 3)], (struct bytes){ bytes, len });
}

static void equivocate(struct world *w, struct node *n)
{
    struct batch_plan p = { .author = n->index, .signer = n->index, .federation = FEDERATION, .epoch = n->disk.epoch + 1, .seq = 1 + draw(w, 3) };

    if (n->disk.epoch == 0)
        return;
    for (uint64_t versions = 2 + draw(w, 3); versions > 0; versions--)
        sign_and_send(w, n, p);
}

/* All well signed, with holes between the numbers, and now and then one number twice. */
static void flood_batches(struct world *w, struct node *n)
{
    struct batch_plan p = { .author = n->index, .signer = n->index, .federation = FEDERATION, .epoch = n->disk.epoch + 2, .seq = 1 };

    for (int i = 0; n->disk.epoch > 0 && i < 60; i++) {
        p.seq += draw(w, 4);
        sign_and_send(w, n, p);
    }
}

static void flood(struct world *w, struct node *n)
{
    struct message msg = { .kind = MESSAGE_FETCH };
    unsigned to = some_neighbour(w, n);
    uint8_t *wire = NULL;
    size_t len = 0;

    memcpy(msg.u.fetch.origin, author_record(to)->root, KEY_BYTES);
    msg.u.fetch.epoch = w->nodes[to].disk.epoch > 0 ? w->nodes[to].disk.epoch : 1;
    msg.u.fetch.from = 1;
    msg.u.fetch.to = FETCH_RANGE_MAX;
    if (message_encode(&msg, &wire, &len) != 0)
        abort();
    for (int i = 0; i < 500; i++)
        net_send(w, n, to, EVENT_ASK, (struct bytes){ wire, len });
    free(wire);
}

void liar_act(struct world *w, struct node *n)
{
    unsigned lie = (unsigned)draw(w, LIES), victim = (unsigned)draw(w, w->nodes_n), to = some_neighbour(w, n);
    struct batch_plan p = { .author = n->index, .signer = n->index, .federation = FEDERATION, .epoch = w->nodes[victim].disk.epoch, .seq = w->nodes[victim].disk.seq + 1 };

    if (n->core == NULL || w->registry.n == 0 || p.epoch == 0 || to == n->index)
        return;
    trace(w, "n%u: %s", n->index, lie_names[lie]);
    if (lie == LIE_TAMPER)
        send_spoiled(w, n, to, some_frame(w), EVENT_FRAME, 0);
    else if (lie == LIE_FORGE && victim != n->index)
        sign_and_send(w, n, (struct batch_plan){ .author = victim, .signer = n->index, .federation = FEDERATION, .epoch = p.epoch, .seq = p.seq });
    else if (lie == LIE_FOREIGN)
        sign_and_send(w, n, (struct batch_plan){ .author = n->index, .signer = n->index, .federation = "other", .epoch = p.epoch, .seq = p.seq });
    else if (lie == LIE_STRANGER)
        sign_and_send(w, n, (struct batch_plan){ .author = NODES_MAX, .signer = NODES_MAX, .federation = FEDERATION, .epoch = p.epoch, .seq = p.seq });
    else if (lie == LIE_REPLAY)
        send_frame(w, n, to, some_frame(w));
    else if (lie == LIE_HAVE)
        claim(w, n);
    else if (lie == LIE_GARBAGE)
        garbage(w, n);
    else if (lie == LIE_EQUIVOCATE)
        equivocate(w, n);
    else if (lie == LIE_UNASKED)
        send_spoiled(w, n, to, some_frame(w), EVENT_ANSWER, (uint32_t)draw(w, 100));
    else if (lie == LIE_FLOOD)
        flood(w, n);
    else if (lie == LIE_BATCHES)
        flood_batches(w, n);
}

bool liar_spoils_answer(struct world *w, struct node *n, unsigned to, struct bytes frame)
{
    if (chance(w, 600))
        return false;
    if (chance(w, 500))
        send_spoiled(w, n, to, frame, EVENT_ANSWER, 1);
    return true;
}
