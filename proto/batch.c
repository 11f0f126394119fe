#include "proto/batch.h"

#include <errno.h>
#include <string.h>

#include "hearsay.pb-c.h"
#include "proto/arena.h"
#include "proto/batch_check.h"
#include "proto/frame.h"

/* A decoded opinion of 16 bytes on the wire takes about ten times that; the worst that 64 KiB of hostile bytes reach (unknown fields of
 * two bytes) stays below the second. */
enum { ARENA_PER_BYTE = 10, ARENA_MAX = 8 << 20 };

enum { FIELD_ORIGIN = 1, FIELD_EPOCH = 3, FIELD_SEQ = 4, FIELD_RECORD_SERIAL = 9, FIELD_CATEGORIES = 10, FIELD_OPINIONS = 11 };
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* Reads protobuf's wire format straight down; remembers that it met an error. */
struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static uint64_t read_varint(struct cursor *c)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if ((byte & 0x80) == 0)
            return value;
    }
    c->failed = true;
    return 0;
}

static struct bytes read_bytes(struct cursor *c, uint64_t len)
{
    struct bytes run = { c->at, 0 };

    if (c->failed || len > (uint64_t)(c->end - c->at)) {
        c->failed = true;
        return run;
    }
    run.len = (size_t)len;
    c->at += len;
    return run;
}

/* The outermost fields that peeking needs, and how many there are of those that repeat. */
struct outline {
    struct bytes origin;
    uint64_t epoch, seq, record_serial;
    size_t categories_n, opinions_n;
};

static void outline_number(struct outline *o, uint64_t field, uint64_t value)
{
    if (field == FIELD_EPOCH)
        o->epoch = value;
    else if (field == FIELD_SEQ)
        o->seq = value;
    else if (field == FIELD_RECORD_SERIAL)
        o->record_serial = value;
}

static void outline_bytes(struct outline *o, uint64_t field, struct bytes run)
{
    if (field == FIELD_ORIGIN)
        o->origin = run;
    else if (field == FIELD_CATEGORIES)
        o->categories_n++;
    else if (field == FIELD_OPINIONS)
        o->opinions_n++;
}

static void outline_field(struct outline *o, struct cursor *c)
{
    uint64_t tag = read_varint(c), field = tag >> 3;

    switch (tag & 7) {
    case WIRE_VARINT:
        outline_number(o, field, read_varint(c));
        break;
    case WIRE_BYTES:
        outline_bytes(o, field, read_bytes(c, read_varint(c)));
        break;
    case WIRE_FIXED64:
        read_bytes(c, 8);
        break;
    case WIRE_FIXED32:
        read_bytes(c, 4);
        break;
    default:
        c->failed = true;
    }
}

static int read_outline(struct bytes body, struct outline *out)
{
    struct cursor c = { body.at, body.at + body.len, false };
    struct outline o = { 0 };

    while (c.at < c.end && !c.failed)
        outline_field(&o, &c);
    if (c.failed || o.origin.len != KEY_BYTES || o.epoch == 0 || o.epoch > UINT32_MAX || o.seq == 0)
        return -EINVAL;
    *out = o;
    return 0;
}

static void hash_frame(struct bytes frame, uint8_t out[HASH_BYTES])
{
    struct bytes part = frame_signed_part(frame);

    hash_sha256(part.at, part.len, out);
}

int batch_peek(struct bytes frame, struct batch_name *out)
{
    struct bytes body;
    struct outline o;

    if (frame_body(frame, BATCH_TAG, BATCH_FRAME_MAX, &body) != 0 || read_outline(body, &o) != 0)
        return -EINVAL;
    memcpy(out->origin, o.origin.at, KEY_BYTES);
    hash_frame(frame, out->hash);
    out->epoch = (uint32_t)o.epoch;
    out->seq = o.seq;
    out->record_serial = o.record_serial;
    return 0;
}

/* A NUL within would end the text early for us and not for others. */
static bool take_text(const ProtobufCBinaryData *from, char *to, size_t max)
{
    if (from->len > max || (from->len > 0 && memchr(from->data, '\0', from->len) != NULL))
        return false;
    if (from->len > 0)
        memcpy(to, from->data, from->len);
    to[from->len] = '\0';
    return true;
}

static bool take_head(const Hearsay__BatchBody *body, struct batch *b)
{
    if (body->previous.len != 0 && body->previous.len != HASH_BYTES)
        return false;
    memcpy(b->origin, body->origin.data, KEY_BYTES);
    if (body->previous.len != 0)
        memcpy(b->previous, body->previous.data, HASH_BYTES);
    b->epoch = body->epoch;
    b->seq = body->seq;
    b->floor_epoch = body->floor_epoch;
    b->floor_seq = body->floor_seq;
    b->time_s = body->time_s;
    b->record_serial = body->record_serial;
    return b->time_s > 0;            /* before it is reckoned with */
}

/* The key was chosen by what batch_peek() read. Would the two readings ever differ, one member could sign as another. */
static bool is_as_outlined(const Hearsay__BatchBody *body, const struct outline *o)
{
    return body->origin.len == KEY_BYTES && memcmp(body->origin.data, o->origin.at, KEY_BYTES) == 0 &&
           body->epoch == o->epoch && body->seq == o->seq && body->record_serial == o->record_serial &&
           body->n_categories == o->categories_n && body->n_opinions == o->opinions_n;
}

static bool take_opinion(const Hearsay__Opinion *from, int64_t base_s, struct opinion *to)
{
    if (from->subject.len > UINT8_MAX || from->category >= BATCH_CATEGORIES_MAX || from->black >= MASS_STEPS ||
        from->white >= MASS_STEPS || from->age > OPINION_AGE_MAX_S / OPINION_TIME_STEP_S)
        return false;
    *to = (struct opinion){
        .key = from->subject.data, .key_len = (uint8_t)from->subject.len, .category = (uint8_t)from->category,
        .black = (uint8_t)from->black, .white = (uint8_t)from->white,
        .time_s = base_s - (int64_t)from->age * OPINION_TIME_STEP_S,
    };
    return true;
}

static int take_lists(const Hearsay__BatchBody *body, struct arena *memory, struct batch *b)
{
    b->categories = arena_alloc(memory, body->n_categories * sizeof *b->categories);
    b->opinions = arena_alloc(memory, body->n_opinions * sizeof *b->opinions);
    if (b->categories == NULL || b->opinions == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < body->n_categories; i++) {
        if (!take_text(&body->categories[i], b->categories[i], CATEGORY_MAX_BYTES))
            return -EINVAL;
    }
    for (size_t i = 0; i < body->n_opinions; i++) {
        if (!take_opinion(body->opinions[i], batch_base_s(body->time_s), &b->opinions[i]))
            return -EINVAL;
    }
    b->categories_n = body->n_categories;
    b->opinions_n = body->n_opinions;
    return 0;
}

/* Counts come first: what is too long is never built. */
static int decode(struct bytes body, const char *federation, struct arena *memory, struct batch *b)
{
    struct outline o;
    Hearsay__BatchBody *decoded;
    int rc;

    if (read_outline(body, &o) != 0 || o.categories_n > BATCH_CATEGORIES_MAX || o.opinions_n > BATCH_OPINIONS_MAX)
        return -EINVAL;
    decoded = hearsay__batch_body__unpack(arena_allocator(memory), body.len, body.at);
    if (decoded == NULL)
        return arena_is_exhausted(memory) ? -ENOMEM : -EINVAL;
    if (!is_as_outlined(decoded, &o) || !take_text(&decoded->federation, b->federation, FEDERATION_MAX_BYTES))
        return -EINVAL;
    if (federation != NULL && strcmp(b->federation, federation) != 0)
        return -EXDEV;
    if (!take_head(decoded, b))
        return -EINVAL;
    rc = take_lists(decoded, memory, b);
    if (rc != 0)
        return rc;
    return batch_is_sound(b) ? 0 : -EINVAL;
}

int batch_open(struct bytes frame, const uint8_t operational[KEY_BYTES], const char *federation, struct batch *out)
{
    struct batch b = { 0 };
    struct bytes body;
    struct arena *memory;
    int rc = frame_body(frame, BATCH_TAG, BATCH_FRAME_MAX, &body);

    if (rc == 0)
        rc = frame_verify(frame, operational);
    if (rc != 0)
        return rc;
    memory = arena_create(ARENA_PER_BYTE * body.len, ARENA_MAX);
    if (memory == NULL)
        return -ENOMEM;
    rc = decode(body, federation, memory, &b);
    if (rc != 0) {
        arena_destroy(memory);
        return rc;
    }
    hash_frame(frame, b.hash);
    b.memory = memory;
    *out = b;
    return 0;
}

void batch_close(struct batch *b)
{
    arena_destroy(b->memory);
    memset(b, 0, sizeof *b);
}
