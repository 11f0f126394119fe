/* Two nodes may hold other batches under the same numbers: only of an author who signed two, or one that others must refuse. Where logs agree in floor and head and not in
 * their sum, the lowest number that differs is looked for, part by part, and fetched. */
#include <string.h>

#include "node/mesh_private.h"

void compare_sum(const struct mesh *m, const struct epoch_log *e, uint64_t from, uint64_t to, uint8_t out[HEAD_HASH_BYTES])
{
    struct held *versions[VERSIONS_ROOM];

    memset(out, 0, HEAD_HASH_BYTES);
    for (uint64_t seq = from; e != NULL && seq <= to; seq++) {
        size_t n = log_versions(m, e, seq, versions);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; versions[i]->state == HELD_STORED && j < HEAD_HASH_BYTES; j++)
                out[j] ^= versions[i]->hash[j];
        }
    }
}

/* Kept until the log changes. */
const uint8_t *compare_digest(struct epoch_log *e)
{
    if (e->digest_version == e->version)
        return e->digest;
    memset(e->digest, 0, sizeof e->digest);
    for (size_t i = 0; i < e->room; i++) {
        for (size_t j = 0; e->table[i].seq != 0 && e->table[i].state == HELD_STORED && j < HEAD_HASH_BYTES; j++)
            e->digest[j] ^= e->table[i].hash[j];
    }
    e->digest_version = e->version;
    return e->digest;
}

/* Nothing is missing of it, and nothing on its way to the disk. */
static bool is_whole(const struct epoch_log *e)
{
    if (e->present.n != 1)
        return false;
    for (size_t i = 0; i < e->room; i++) {
        if (e->table[i].seq != 0 && e->table[i].state >= FIRST_SLOT)
            return false;
    }
    return true;
}

static void ask(struct mesh *m, struct member *o, uint64_t from, uint64_t to)
{
    struct compare *c = &o->compare;
    struct message msg = { .kind = MESSAGE_COMPARE };

    c->from = from;
    c->to = to;
    c->deadline_ms = m->now_ms + MESH_FETCH_TIMEOUT_MS;
    memcpy(msg.u.compare.origin, o->root, KEY_BYTES);
    msg.u.compare.epoch = c->epoch;
    msg.u.compare.from = from;
    msg.u.compare.to = to;
    update_message(m, MESH_DO_ASK, c->by, &msg);
}

/* A neighbour may say what it likes of its sum: so not often, and more and more rarely as long as nothing comes of it. */
void compare_hear(struct mesh *m, struct member *o, struct member *from, const struct log_have *l)
{
    struct epoch_log *e = log_epoch(o, l->epoch);
    struct compare *c = &o->compare;

    if (!l->has_digest || l->head == 0 || e == NULL || o == m->self || !from->link.up)
        return;
    if (l->head != e->head || l->floor != log_floor(o, e) || memcmp(l->digest, compare_digest(e), HEAD_HASH_BYTES) == 0)
        return;
    if (m->now_ms < c->next_ms || (c->by != NULL && m->now_ms < c->deadline_ms) || o->proof_want.open || o->fetch.proving || !is_whole(e))
        return;
    c->wait_ms = c->wait_ms == 0 ? COMPARE_WAIT_MS : c->wait_ms * 2 < IGNORE_CLAIM_MAX_MS ? c->wait_ms * 2 : IGNORE_CLAIM_MAX_MS;
    c->next_ms = m->now_ms + c->wait_ms;
    c->by = from;
    c->epoch = l->epoch;
    ask(m, o, l->floor, l->head);
}

void compare_serve(struct mesh *m, struct member *from, const struct message *asked)
{
    const struct member *o = mesh_member(m, asked->u.compare.origin);
    const struct epoch_log *e = o == NULL ? NULL : log_epoch(o, asked->u.compare.epoch);
    struct message msg = { .kind = MESSAGE_COMPARED };
    const uint64_t width = compare_width(asked->u.compare.from, asked->u.compare.to);

    if (e == NULL || !have_may_ask(m, &from->link, COMPARE_ASKS))
        return;
    memcpy(msg.u.compared.origin, o->root, KEY_BYTES);
    msg.u.compared.epoch = asked->u.compare.epoch;
    msg.u.compared.from = asked->u.compare.from;
    msg.u.compared.to = asked->u.compare.to;
    for (uint64_t at = asked->u.compare.from; at <= asked->u.compare.to && msg.u.compared.n < COMPARE_PARTS; at += width) {
        uint64_t last = asked->u.compare.to - at < width ? asked->u.compare.to : at + width - 1;
        compare_sum(m, e, at, last, msg.u.compared.sums[msg.u.compared.n++]);
    }
    update_message(m, MESH_DO_ANSWER, from, &msg);
}

static void look_closer(struct mesh *m, struct member *o, uint64_t from, uint64_t to, const uint8_t sum[HEAD_HASH_BYTES])
{
    static const uint8_t nothing[HEAD_HASH_BYTES];
    struct compare *c = &o->compare;
    struct proof_want *w = &o->proof_want;

    if (from < to) {
        ask(m, o, from, to);
        return;
    }
    /* Where it holds nothing it has a gap, and asks us. */
    if (!w->open && memcmp(sum, nothing, HEAD_HASH_BYTES) != 0) {
        w->open = w->compared = true;
        w->by = c->by;
        w->epoch = c->epoch;
        w->seq = from;
        mesh_plan(m, o, m->now_ms);
    }
    c->by = NULL;
}

void compare_answer(struct mesh *m, struct member *from, const struct message *msg)
{
    struct member *o = mesh_member(m, msg->u.compared.origin);
    struct compare *c = o == NULL ? NULL : &o->compare;
    const uint64_t width = compare_width(msg->u.compared.from, msg->u.compared.to);
    uint64_t at = msg->u.compared.from;

    if (c == NULL || c->by != from || c->epoch != msg->u.compared.epoch || c->from != at || c->to != msg->u.compared.to)
        return;
    for (size_t i = 0; i < msg->u.compared.n; i++, at += width) {
        uint64_t last = c->to - at < width ? c->to : at + width - 1;
        uint8_t sum[HEAD_HASH_BYTES];
        compare_sum(m, log_epoch(o, c->epoch), at, last, sum);
        if (memcmp(sum, msg->u.compared.sums[i], HEAD_HASH_BYTES) == 0)
            continue;
        look_closer(m, o, at, last, msg->u.compared.sums[i]);
        return;
    }
    c->by = NULL;
}

void compare_forget_by(struct mesh *m, const struct member *by)
{
    for (size_t i = 0; i < m->members_n; i++) {
        if (m->members[i]->compare.by == by)
            m->members[i]->compare.by = NULL;
    }
}
