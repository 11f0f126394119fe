#include "proto/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hearsay.pb-c.h"
#include "proto/arena.h"
#include "proto/batch.h"
#include "proto/record.h"

/* See proto/batch.c: unknown fields of two bytes are the worst. */
enum { ARENA_PER_BYTE = 3, ARENA_FIRST = 1024, ARENA_MAX = 16 << 20 };

static const uint8_t no_stamp[STAMP_BYTES];

static bool fetch_is_sound(uint32_t epoch, uint64_t from, uint64_t to)
{
    return epoch > 0 && from > 0 && from <= to && to <= INT64_MAX && to - from < FETCH_RANGE_MAX;
}

/* Only the last answer may be without a batch. */
static bool fetched_is_sound(size_t frame_len, bool last)
{
    return frame_len <= BATCH_FRAME_MAX && (frame_len > 0 || last);
}

static bool log_is_sound(const struct log_have *l)
{
    if (l->frozen > INT64_MAX || (l->frozen > 0 && l->epoch == 0))
        return false;
    return l->head <= INT64_MAX && l->record_serial <= INT64_MAX && (l->head == 0 || (l->epoch > 0 && l->floor <= l->head));
}

static ProtobufCBinaryData borrow(const void *at, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)at };     /* only read while packing */
}

static int pack(Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    size_t size = hearsay__message__get_packed_size(wire);
    uint8_t *bytes;

    if (size > MESSAGE_MAX)
        return -EMSGSIZE;
    bytes = malloc(size);
    if (bytes == NULL)
        return -ENOMEM;
    hearsay__message__pack(wire, bytes);
    *out = bytes;
    *len = size;
    return 0;
}

static int put_log(const struct log_have *from, Hearsay__LogHave *to)
{
    hearsay__log_have__init(to);
    to->origin = borrow(from->origin, from->is_short ? ORIGIN_SHORT_BYTES : KEY_BYTES);
    to->epoch = from->epoch;
    to->floor = from->floor;
    to->head = from->head;
    if (from->head > 0)
        to->head_hash = borrow(from->head_hash, HEAD_HASH_BYTES);
    to->record_serial = from->record_serial;
    to->frozen = from->frozen;
    if (from->frozen > 0)
        to->frozen_hash = borrow(from->frozen_hash, FROZEN_HASH_BYTES);
    if (from->has_digest)
        to->digest = borrow(from->digest, HEAD_HASH_BYTES);
    if (from->has_sum)
        to->sum = borrow(from->sum, SUM_BYTES);
    if (memcmp(from->introductions, no_stamp, STAMP_BYTES) != 0)
        to->introductions = borrow(from->introductions, STAMP_BYTES);
    return log_is_sound(from) ? 0 : -EINVAL;
}

static int encode_have(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Have have = HEARSAY__HAVE__INIT;
    size_t n = m->u.have.logs_n;
    Hearsay__LogHave *logs = calloc(n + 1, sizeof *logs);
    Hearsay__LogHave **pointers = calloc(n + 1, sizeof *pointers);
    int rc = logs != NULL && pointers != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = m->u.have.logs[i].has_sum && !m->u.have.has_salt ? -EINVAL : put_log(&m->u.have.logs[i], &logs[i]);
        pointers[i] = &logs[i];
    }
    have.full = m->u.have.full;
    have.answer_wanted = m->u.have.answer_wanted;
    have.subscribers = m->u.have.subscribers;
    if (m->u.have.has_salt)
        have.salt = borrow(m->u.have.salt, SALT_BYTES);
    have.n_logs = n;
    have.logs = pointers;
    wire->kind_case = HEARSAY__MESSAGE__KIND_HAVE;
    wire->have = &have;
    if (rc == 0)
        rc = pack(wire, out, len);
    free(pointers);
    free(logs);
    return rc;
}

static int encode_fetch(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Fetch fetch = HEARSAY__FETCH__INIT;

    if (!fetch_is_sound(m->u.fetch.epoch, m->u.fetch.from, m->u.fetch.to))
        return -EINVAL;
    fetch.id = m->u.fetch.id;
    fetch.origin = borrow(m->u.fetch.origin, KEY_BYTES);
    fetch.epoch = m->u.fetch.epoch;
    fetch.from = m->u.fetch.from;
    fetch.to = m->u.fetch.to;
    wire->kind_case = HEARSAY__MESSAGE__KIND_FETCH;
    wire->fetch = &fetch;
    return pack(wire, out, len);
}

static int encode_fetched(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Fetched fetched = HEARSAY__FETCHED__INIT;

    if (!fetched_is_sound(m->u.fetched.frame.len, m->u.fetched.last))
        return -EINVAL;
    fetched.id = m->u.fetched.id;
    fetched.last = m->u.fetched.last;
    fetched.frame = borrow(m->u.fetched.frame.at, m->u.fetched.frame.len);
    wire->kind_case = HEARSAY__MESSAGE__KIND_FETCHED;
    wire->fetched = &fetched;
    return pack(wire, out, len);
}

static int encode_record_want(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__RecordWant want = HEARSAY__RECORD_WANT__INIT;

    want.origin = borrow(m->u.record_want.origin, KEY_BYTES);
    want.serial_above = m->u.record_want.serial_above;
    wire->kind_case = HEARSAY__MESSAGE__KIND_RECORD_WANT;
    wire->record_want = &want;
    return pack(wire, out, len);
}

static int encode_records(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Records records = HEARSAY__RECORDS__INIT;
    ProtobufCBinaryData frames[RECORDS_MAX];

    if (m->u.records.n > RECORDS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < m->u.records.n; i++) {
        struct bytes frame = m->u.records.frames[i];
        if (frame.len == 0 || frame.len > RECORD_FRAME_MAX)
            return -EINVAL;
        frames[i] = borrow(frame.at, frame.len);
    }
    records.frames = frames;
    records.n_frames = m->u.records.n;
    wire->kind_case = HEARSAY__MESSAGE__KIND_RECORDS;
    wire->records = &records;
    return pack(wire, out, len);
}

uint64_t compare_width(uint64_t from, uint64_t to)
{
    return (to - from) / COMPARE_PARTS + 1;
}

static bool compare_is_sound(uint32_t epoch, uint64_t from, uint64_t to)
{
    return epoch > 0 && from > 0 && from <= to && to <= INT64_MAX && to - from < COMPARE_RANGE_MAX;
}

static size_t compare_parts(uint64_t from, uint64_t to)
{
    return (size_t)((to - from) / compare_width(from, to) + 1);
}

static int encode_compare(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Compare compare = HEARSAY__COMPARE__INIT;

    if (!compare_is_sound(m->u.compare.epoch, m->u.compare.from, m->u.compare.to))
        return -EINVAL;
    compare.origin = borrow(m->u.compare.origin, KEY_BYTES);
    compare.epoch = m->u.compare.epoch;
    compare.from = m->u.compare.from;
    compare.to = m->u.compare.to;
    compare.salt = borrow(m->u.compare.salt, SALT_BYTES);
    wire->kind_case = HEARSAY__MESSAGE__KIND_COMPARE;
    wire->compare = &compare;
    return pack(wire, out, len);
}

static int encode_compared(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Compared compared = HEARSAY__COMPARED__INIT;

    if (!compare_is_sound(m->u.compared.epoch, m->u.compared.from, m->u.compared.to) ||
        m->u.compared.n != compare_parts(m->u.compared.from, m->u.compared.to))
        return -EINVAL;
    compared.origin = borrow(m->u.compared.origin, KEY_BYTES);
    compared.epoch = m->u.compared.epoch;
    compared.from = m->u.compared.from;
    compared.to = m->u.compared.to;
    compared.sums = borrow(m->u.compared.sums, m->u.compared.n * SUM_BYTES);
    wire->kind_case = HEARSAY__MESSAGE__KIND_COMPARED;
    wire->compared = &compared;
    return pack(wire, out, len);
}

static int encode_introductions_want(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__IntroductionsWant want = HEARSAY__INTRODUCTIONS_WANT__INIT;

    want.introducer = borrow(m->u.introductions_want.introducer, KEY_BYTES);
    wire->kind_case = HEARSAY__MESSAGE__KIND_INTRODUCTIONS_WANT;
    wire->introductions_want = &want;
    return pack(wire, out, len);
}

static int encode_introductions(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Introductions introductions = HEARSAY__INTRODUCTIONS__INIT;
    struct bytes frame = m->u.introductions.frame;

    if (frame.len == 0 || frame.len > INTRODUCTIONS_FRAME_MAX)
        return -EINVAL;
    introductions.frame = borrow(frame.at, frame.len);
    wire->kind_case = HEARSAY__MESSAGE__KIND_INTRODUCTIONS;
    wire->introductions = &introductions;
    return pack(wire, out, len);
}

static bool text_fits(struct bytes text)
{
    return text.len <= JOINED_TEXT_MAX && (text.len == 0 || memchr(text.at, '\0', text.len) == NULL);
}

/* Either why not, or all that a newcomer needs. */
static bool joined_is_sound(const struct message *m)
{
    if (!text_fits(m->u.joined.refused) || !text_fits(m->u.joined.federation) || !text_fits(m->u.joined.secret))
        return false;
    return m->u.joined.record.len <= RECORD_FRAME_MAX && (m->u.joined.refused.len > 0) == (m->u.joined.record.len == 0);
}

static int encode_join(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Join join = HEARSAY__JOIN__INIT;
    struct bytes record = m->u.join.record;

    if (record.len == 0 || record.len > RECORD_FRAME_MAX)
        return -EINVAL;
    join.record = borrow(record.at, record.len);
    wire->kind_case = HEARSAY__MESSAGE__KIND_JOIN;
    wire->join = &join;
    return pack(wire, out, len);
}

static int encode_joined(const struct message *m, Hearsay__Message *wire, uint8_t **out, size_t *len)
{
    Hearsay__Joined joined = HEARSAY__JOINED__INIT;

    if (!joined_is_sound(m))
        return -EINVAL;
    joined.refused = borrow(m->u.joined.refused.at, m->u.joined.refused.len);
    joined.record = borrow(m->u.joined.record.at, m->u.joined.record.len);
    joined.federation = borrow(m->u.joined.federation.at, m->u.joined.federation.len);
    joined.secret = borrow(m->u.joined.secret.at, m->u.joined.secret.len);
    wire->kind_case = HEARSAY__MESSAGE__KIND_JOINED;
    wire->joined = &joined;
    return pack(wire, out, len);
}

int message_encode(const struct message *m, uint8_t **out, size_t *len)
{
    Hearsay__Message wire = HEARSAY__MESSAGE__INIT;

    switch (m->kind) {
    case MESSAGE_HAVE:
        return m->u.have.logs_n <= HAVE_LOGS_MAX ? encode_have(m, &wire, out, len) : -EINVAL;
    case MESSAGE_FETCH:
        return encode_fetch(m, &wire, out, len);
    case MESSAGE_FETCHED:
        return encode_fetched(m, &wire, out, len);
    case MESSAGE_RECORD_WANT:
        return encode_record_want(m, &wire, out, len);
    case MESSAGE_RECORDS:
        return encode_records(m, &wire, out, len);
    case MESSAGE_COMPARE:
        return encode_compare(m, &wire, out, len);
    case MESSAGE_COMPARED:
        return encode_compared(m, &wire, out, len);
    case MESSAGE_INTRODUCTIONS_WANT:
        return encode_introductions_want(m, &wire, out, len);
    case MESSAGE_INTRODUCTIONS:
        return encode_introductions(m, &wire, out, len);
    case MESSAGE_JOIN:
        return encode_join(m, &wire, out, len);
    case MESSAGE_JOINED:
        return encode_joined(m, &wire, out, len);
    }
    return -EINVAL;
}

static int take_key(const ProtobufCBinaryData *from, uint8_t to[KEY_BYTES])
{
    if (from->len != KEY_BYTES)
        return -EINVAL;
    memcpy(to, from->data, KEY_BYTES);
    return 0;
}

static int take_compare(const Hearsay__Compare *from, struct message *m)
{
    m->u.compare.epoch = from->epoch;
    m->u.compare.from = from->from;
    m->u.compare.to = from->to;
    if (!compare_is_sound(from->epoch, from->from, from->to) || from->salt.len != SALT_BYTES)
        return -EINVAL;
    memcpy(m->u.compare.salt, from->salt.data, SALT_BYTES);
    return take_key(&from->origin, m->u.compare.origin);
}

static int take_compared(const Hearsay__Compared *from, struct message *m)
{
    m->u.compared.epoch = from->epoch;
    m->u.compared.from = from->from;
    m->u.compared.to = from->to;
    if (!compare_is_sound(from->epoch, from->from, from->to) || from->sums.len != compare_parts(from->from, from->to) * SUM_BYTES)
        return -EINVAL;
    m->u.compared.n = from->sums.len / SUM_BYTES;
    memcpy(m->u.compared.sums, from->sums.data, from->sums.len);
    return take_key(&from->origin, m->u.compared.origin);
}

/* Whole, or the beginning of it. */
static int take_origin(const ProtobufCBinaryData *from, struct log_have *to)
{
    to->is_short = from->len == ORIGIN_SHORT_BYTES;
    if (!to->is_short)
        return take_key(from, to->origin);
    memcpy(to->origin, from->data, ORIGIN_SHORT_BYTES);
    return 0;
}

static int take_log(const Hearsay__LogHave *from, struct log_have *to)
{
    *to = (struct log_have){ .epoch = from->epoch, .floor = from->floor, .head = from->head,
                             .record_serial = from->record_serial };
    if (take_origin(&from->origin, to) != 0 || from->head_hash.len != (from->head > 0 ? HEAD_HASH_BYTES : 0U))
        return -EINVAL;
    if (from->head > 0)
        memcpy(to->head_hash, from->head_hash.data, HEAD_HASH_BYTES);
    to->frozen = from->frozen;
    if (from->frozen_hash.len != (from->frozen > 0 ? FROZEN_HASH_BYTES : 0U))
        return -EINVAL;
    if (from->frozen > 0)
        memcpy(to->frozen_hash, from->frozen_hash.data, FROZEN_HASH_BYTES);
    if (from->digest.len != 0 && from->digest.len != HEAD_HASH_BYTES)
        return -EINVAL;
    to->has_digest = from->digest.len != 0;
    if (to->has_digest)
        memcpy(to->digest, from->digest.data, HEAD_HASH_BYTES);
    if (from->sum.len != 0 && from->sum.len != SUM_BYTES)
        return -EINVAL;
    to->has_sum = from->sum.len != 0;
    if (to->has_sum)
        memcpy(to->sum, from->sum.data, SUM_BYTES);
    if (from->introductions.len != 0 && from->introductions.len != STAMP_BYTES)
        return -EINVAL;
    if (from->introductions.len != 0)
        memcpy(to->introductions, from->introductions.data, STAMP_BYTES);
    return log_is_sound(to) ? 0 : -EINVAL;
}

static int decode_have(const Hearsay__Have *have, struct arena *memory, struct message *m)
{
    int rc = 0;

    if (have->n_logs > HAVE_LOGS_MAX || (have->salt.len != 0 && have->salt.len != SALT_BYTES))
        return -EINVAL;
    m->u.have.has_salt = have->salt.len != 0;
    m->u.have.subscribers = have->subscribers;
    if (m->u.have.has_salt)
        memcpy(m->u.have.salt, have->salt.data, SALT_BYTES);
    m->u.have.logs = arena_alloc(memory, have->n_logs * sizeof *m->u.have.logs);
    if (m->u.have.logs == NULL)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < have->n_logs; i++) {
        rc = take_log(have->logs[i], &m->u.have.logs[i]);
        if (rc == 0 && m->u.have.logs[i].has_sum && !m->u.have.has_salt)
            rc = -EINVAL;
    }
    m->u.have.full = have->full;
    m->u.have.answer_wanted = have->answer_wanted;
    m->u.have.logs_n = have->n_logs;
    return rc;
}

static int decode_fetch(const Hearsay__Fetch *fetch, struct message *m)
{
    m->u.fetch.id = fetch->id;
    m->u.fetch.epoch = fetch->epoch;
    m->u.fetch.from = fetch->from;
    m->u.fetch.to = fetch->to;
    if (take_key(&fetch->origin, m->u.fetch.origin) != 0 || !fetch_is_sound(fetch->epoch, fetch->from, fetch->to))
        return -EINVAL;
    return 0;
}

static int decode_fetched(const Hearsay__Fetched *fetched, struct message *m)
{
    m->u.fetched.id = fetched->id;
    m->u.fetched.last = fetched->last;
    m->u.fetched.frame = (struct bytes){ fetched->frame.data, fetched->frame.len };
    return fetched_is_sound(fetched->frame.len, fetched->last) ? 0 : -EINVAL;
}

static int decode_records(const Hearsay__Records *records, struct message *m)
{
    if (records->n_frames > RECORDS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < records->n_frames; i++) {
        const ProtobufCBinaryData *frame = &records->frames[i];
        if (frame->len == 0 || frame->len > RECORD_FRAME_MAX)
            return -EINVAL;
        m->u.records.frames[i] = (struct bytes){ frame->data, frame->len };
    }
    m->u.records.n = records->n_frames;
    return 0;
}

static struct bytes lent(const ProtobufCBinaryData *from)
{
    return (struct bytes){ from->data, from->len };
}

static int decode_joined(const Hearsay__Joined *joined, struct message *m)
{
    m->u.joined.refused = lent(&joined->refused);
    m->u.joined.record = lent(&joined->record);
    m->u.joined.federation = lent(&joined->federation);
    m->u.joined.secret = lent(&joined->secret);
    return joined_is_sound(m) ? 0 : -EINVAL;
}

static int decode_kind(const Hearsay__Message *wire, struct arena *memory, struct message *m)
{
    switch (wire->kind_case) {
    case HEARSAY__MESSAGE__KIND_HAVE:
        m->kind = MESSAGE_HAVE;
        return decode_have(wire->have, memory, m);
    case HEARSAY__MESSAGE__KIND_FETCH:
        m->kind = MESSAGE_FETCH;
        return decode_fetch(wire->fetch, m);
    case HEARSAY__MESSAGE__KIND_FETCHED:
        m->kind = MESSAGE_FETCHED;
        return decode_fetched(wire->fetched, m);
    case HEARSAY__MESSAGE__KIND_RECORD_WANT:
        m->kind = MESSAGE_RECORD_WANT;
        m->u.record_want.serial_above = wire->record_want->serial_above;
        return take_key(&wire->record_want->origin, m->u.record_want.origin);
    case HEARSAY__MESSAGE__KIND_RECORDS:
        m->kind = MESSAGE_RECORDS;
        return decode_records(wire->records, m);
    case HEARSAY__MESSAGE__KIND_COMPARE:
        m->kind = MESSAGE_COMPARE;
        return take_compare(wire->compare, m);
    case HEARSAY__MESSAGE__KIND_COMPARED:
        m->kind = MESSAGE_COMPARED;
        return take_compared(wire->compared, m);
    case HEARSAY__MESSAGE__KIND_INTRODUCTIONS_WANT:
        m->kind = MESSAGE_INTRODUCTIONS_WANT;
        return take_key(&wire->introductions_want->introducer, m->u.introductions_want.introducer);
    case HEARSAY__MESSAGE__KIND_INTRODUCTIONS:
        m->kind = MESSAGE_INTRODUCTIONS;
        m->u.introductions.frame = (struct bytes){ wire->introductions->frame.data, wire->introductions->frame.len };
        return m->u.introductions.frame.len > 0 && m->u.introductions.frame.len <= INTRODUCTIONS_FRAME_MAX ? 0 : -EINVAL;
    case HEARSAY__MESSAGE__KIND_JOIN:
        m->kind = MESSAGE_JOIN;
        m->u.join.record = lent(&wire->join->record);
        return m->u.join.record.len > 0 && m->u.join.record.len <= RECORD_FRAME_MAX ? 0 : -EINVAL;
    case HEARSAY__MESSAGE__KIND_JOINED:
        m->kind = MESSAGE_JOINED;
        return decode_joined(wire->joined, m);
    default:
        return -ENOMSG;
    }
}

int message_decode(struct bytes in, struct message *out)
{
    struct message m = { 0 };
    struct arena *memory;
    Hearsay__Message *wire;
    int rc;

    if (in.len > MESSAGE_MAX)
        return -EINVAL;
    memory = arena_create(ARENA_FIRST + ARENA_PER_BYTE * in.len, ARENA_MAX);
    if (memory == NULL)
        return -ENOMEM;
    wire = hearsay__message__unpack(arena_allocator(memory), in.len, in.at);
    if (wire != NULL)
        rc = decode_kind(wire, memory, &m);
    else
        rc = arena_is_exhausted(memory) ? -ENOMEM : -EINVAL;
    if (rc != 0) {
        arena_destroy(memory);
        return rc;
    }
    m.memory = memory;
    *out = m;
    return 0;
}

void message_close(struct message *m)
{
    arena_destroy(m->memory);
    memset(m, 0, sizeof *m);
}
