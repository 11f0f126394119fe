/* The input is what a neighbour sends over DEALER or ROUTER. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proto/message.h"

static void claim_same_logs(const struct message *a, const struct message *b)
{
    CLAIM(a->u.have.full == b->u.have.full && a->u.have.answer_wanted == b->u.have.answer_wanted);
    CLAIM(a->u.have.logs_n == b->u.have.logs_n && a->u.have.logs_n <= HAVE_LOGS_MAX);
    for (size_t i = 0; i < a->u.have.logs_n; i++) {
        const struct log_have *x = &a->u.have.logs[i], *y = &b->u.have.logs[i];
        CLAIM(memcmp(x->origin, y->origin, KEY_BYTES) == 0 && memcmp(x->head_hash, y->head_hash, HEAD_HASH_BYTES) == 0);
        CLAIM(x->epoch == y->epoch && x->floor == y->floor && x->head == y->head && x->record_serial == y->record_serial);
        CLAIM(memcmp(x->introductions, y->introductions, STAMP_BYTES) == 0);
    }
}

static void claim_same_frame(struct bytes a, struct bytes b)
{
    CLAIM(a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0));
}

static void claim_same(const struct message *a, const struct message *b)
{
    CLAIM(a->kind == b->kind);
    switch (a->kind) {
    case MESSAGE_HAVE:
        claim_same_logs(a, b);
        break;
    case MESSAGE_FETCH:
        CLAIM(a->u.fetch.id == b->u.fetch.id && a->u.fetch.epoch == b->u.fetch.epoch);
        CLAIM(a->u.fetch.from == b->u.fetch.from && a->u.fetch.to == b->u.fetch.to);
        CLAIM(a->u.fetch.to - a->u.fetch.from < FETCH_RANGE_MAX);
        break;
    case MESSAGE_FETCHED:
        CLAIM(a->u.fetched.id == b->u.fetched.id && a->u.fetched.last == b->u.fetched.last);
        claim_same_frame(a->u.fetched.frame, b->u.fetched.frame);
        break;
    case MESSAGE_RECORD_WANT:
        CLAIM(a->u.record_want.serial_above == b->u.record_want.serial_above);
        break;
    case MESSAGE_RECORDS:
        CLAIM(a->u.records.n == b->u.records.n && a->u.records.n <= RECORDS_MAX);
        for (size_t i = 0; i < a->u.records.n; i++)
            claim_same_frame(a->u.records.frames[i], b->u.records.frames[i]);
        break;
    case MESSAGE_INTRODUCTIONS_WANT:
        CLAIM(memcmp(a->u.introductions_want.introducer, b->u.introductions_want.introducer, KEY_BYTES) == 0);
        break;
    case MESSAGE_INTRODUCTIONS:
        claim_same_frame(a->u.introductions.frame, b->u.introductions.frame);
        break;
    case MESSAGE_JOIN:
        claim_same_frame(a->u.join.record, b->u.join.record);
        break;
    case MESSAGE_JOINED:
        claim_same_frame(a->u.joined.refused, b->u.joined.refused);
        claim_same_frame(a->u.joined.record, b->u.joined.record);
        claim_same_frame(a->u.joined.federation, b->u.joined.federation);
        claim_same_frame(a->u.joined.secret, b->u.joined.secret);
        break;
    default:
        abort();                     /* no such kind is handed out */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct message m, again;
    uint8_t *wire;
    size_t wire_len;
    int rc = message_decode((struct bytes){ at, len }, &m);

    CLAIM(rc == 0 || rc == -EINVAL || rc == -ENOMSG);
    if (rc != 0)
        return 0;
    CLAIM(message_encode(&m, &wire, &wire_len) == 0);
    CLAIM(message_decode((struct bytes){ wire, wire_len }, &again) == 0);
    claim_same(&m, &again);
    free(wire);
    message_close(&again);
    message_close(&m);
    return 0;
}
