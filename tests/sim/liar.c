/* A member whose node does what it likes. It has a member's keys and links, and runs the true core beside, so that it is believed to be well. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { LIE_TAMPER, LIE_FORGE, LIE_FOREIGN, LIE_STRANGER, LIE_REPLAY, LIE_HAVE, LIE_GARBAGE, LIE_EQUIVOCATE, LIE_UNASKED, LIE_FLOOD, LIE_BATCHES, LIE_TWINS, LIES };
enum { BASIS = 64, TWINS_PER_MILLE = 250 };      /* they cost the simulation much to sign */
static const char *const lie_names[LIES] = { "tampers", "forges", "speaks for another federation", "brings a stranger's word", "replays", "claims to have",
                                             "sends garbage", "equivocates", "answers unasked", "floods with questions", "floods with batches",
                                             "tells two sets with one digest" };

static unsigned some_neighbour(struct world *w, const struct node *n)
{
    return n->ways_n == 0 ? n->index : n->ways[draw(w, n->ways_n)].to;
}

/* Past the subscriptions: a publisher can send what it likes to whom it likes. */
static void send_frame(struct world *w, struct node *n, unsigned to, struct bytes frame)
{
    net_send(w, n, to, EVENT_FRAME, frame);
}

/* As the answer to a question of that number. */
static void send_answer(struct world *w, struct node *n, unsigned to, struct bytes frame, uint32_t id)
{
    struct message msg = { .kind = MESSAGE_FETCHED };
    uint8_t *wire = NULL;
    size_t len = 0;

    msg.u.fetched.id = id;
    msg.u.fetched.frame = frame;
    if (message_encode(&msg, &wire, &len) == 0)
        net_send(w, n, to, EVENT_ANSWER, (struct bytes){ wire, len });
    free(wire);
}

static void send_spoiled(struct world *w, struct node *n, unsigned to, struct bytes frame, enum event_kind kind, uint32_t id)
{
    uint8_t *copy = malloc(frame.len);

    if (copy == NULL)
        abort();
    memcpy(copy, frame.at, frame.len);
    copy[draw(w, frame.len)] ^= (uint8_t)(1 + draw(w, 255));
    if (kind == EVENT_FRAME)
        send_frame(w, n, to, (struct bytes){ copy, frame.len });
    else
        send_answer(w, n, to, (struct bytes){ copy, frame.len }, id);
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

/* Of 65 numbers of 64 bits some have an exclusive or of zero: those of which `in` holds the index at the end. */
static void find_dependent(const uint64_t value[BASIS + 1], bool in[BASIS + 1])
{
    static struct { uint64_t value; bool of[BASIS + 1]; } basis[BASIS];

    memset(basis, 0, sizeof basis);
    for (size_t i = 0; i <= BASIS; i++) {
        uint64_t rest = value[i];
        memset(in, 0, BASIS + 1);
        in[i] = true;
        for (int bit = BASIS - 1; bit >= 0 && rest != 0; bit--) {
            if ((rest >> bit & 1) == 0)
                continue;
            if (basis[bit].value == 0) {
                basis[bit].value = rest;
                memcpy(basis[bit].of, in, BASIS + 1);
                break;
            }
            rest ^= basis[bit].value;
            for (size_t j = 0; j <= BASIS; j++)
                in[j] ^= basis[bit].of[j];
        }
        if (rest == 0)
            return;
    }
}

/* All hear of the head. One neighbour gets the rest, too, as if it had asked, so that it does not relay it: its log and the others' have one head and one digest. */
static void tell_twins(struct world *w, struct node *n, unsigned to)
{
    struct batch_plan p = { .author = n->index, .signer = n->index, .federation = FEDERATION, .epoch = n->disk.epoch + 3 + (uint32_t)draw(w, 8),
                            .time_s = START_S + w->now_ms / 1000 };
    uint64_t value[BASIS + 1];
    size_t at[BASIS + 2];
    bool in[BASIS + 1];

    if (n->disk.epoch == 0)
        return;
    for (size_t i = 0; i <= BASIS + 1; i++) {
        p.seq = i + 1;
        author_draw_said(w, &p);
        at[i] = author_sign(w, &p);
        if (i <= BASIS)
            memcpy(&value[i], w->registry.at[at[i]].ref.name.hash, sizeof value[i]);
    }
    find_dependent(value, in);
    for (size_t i = 0; i < n->ways_n; i++)
        send_frame(w, n, n->ways[i].to, (struct bytes){ w->registry.at[at[BASIS + 1]].frame, w->registry.at[at[BASIS + 1]].len });
    for (size_t i = 0; i <= BASIS; i++) {
        if (in[i])
            send_answer(w, n, to, (struct bytes){ w->registry.at[at[i]].frame, w->registry.at[at[i]].len }, 1);
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
    else if (lie == LIE_TWINS && chance(w, TWINS_PER_MILLE))
        tell_twins(w, n, to);
}

bool liar_spoils_answer(struct world *w, struct node *n, unsigned to, struct bytes frame)
{
    if (chance(w, 600))
        return false;
    if (chance(w, 500))
        send_spoiled(w, n, to, frame, EVENT_ANSWER, 1);
    return true;
}
