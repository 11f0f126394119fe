#include "proto/batch_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/batch_check.h"

enum {
    FIELD_ORIGIN = 1, FIELD_FEDERATION, FIELD_EPOCH, FIELD_SEQ, FIELD_PREVIOUS, FIELD_FLOOR_EPOCH, FIELD_FLOOR_SEQ, FIELD_TIME, FIELD_RECORD_SERIAL,
    FIELD_CATEGORIES, FIELD_OPINIONS, FIELDS
};
enum { OPINION_SUBJECT = 1, OPINION_CATEGORY, OPINION_BLACK, OPINION_WHITE, OPINION_AGE, OPINION_FIELDS };
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* ---- protobuf's wire format, straight down; remembers that it met an error */

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static uint64_t read_long_varint(struct cursor *c)
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

static inline uint64_t read_varint(struct cursor *c)
{
    return c->at < c->end && *c->at < 0x80 ? *c->at++ : read_long_varint(c);
}

/* Tags and lengths: five bytes at the most. */
static inline uint32_t read_short(struct cursor *c)
{
    const uint8_t *from = c->at;
    uint64_t value = read_varint(c);

    if (value > UINT32_MAX || c->at - from > 5)
        c->failed = true;
    return (uint32_t)value;
}

static inline struct bytes read_bytes(struct cursor *c, uint32_t len)
{
    struct bytes run = { c->at, 0 };

    if (c->failed || len > (size_t)(c->end - c->at)) {
        c->failed = true;
        return run;
    }
    run.len = len;
    c->at += len;
    return run;
}

/* One field: its value, or its bytes. */
struct field {
    uint32_t number;
    unsigned wire;
    uint64_t value;
    struct bytes run;
};

static inline struct field read_field(struct cursor *c)
{
    uint32_t tag = read_short(c);
    struct field f = { .number = tag >> 3, .wire = tag & 7 };

    if (f.number == 0)
        c->failed = true;
    switch (f.wire) {
    case WIRE_VARINT:
        f.value = read_varint(c);
        break;
    case WIRE_BYTES:
        f.run = read_bytes(c, read_short(c));
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
    return f;
}

/* The usual beginning of a field of bytes: one byte of tag, one of length, and all is there. */
static inline bool is_short_run(const struct cursor *c, unsigned number)
{
    return c->end - c->at >= 2 && c->at[0] == (number << 3 | WIRE_BYTES) && c->at[1] < 0x80 && c->end - c->at - 2 >= c->at[1];
}

/* The same of a number: one byte of tag and one of value. */
static inline bool is_short_number(const struct cursor *c)
{
    return c->end - c->at >= 2 && (c->at[0] & 0x87) == WIRE_VARINT && c->at[1] < 0x80;
}

/* ---- what names a batch */

static void outline_field(struct outline *o, const struct field *f)
{
    if (f->wire == WIRE_VARINT && f->number == FIELD_EPOCH)
        o->epoch = f->value;
    else if (f->wire == WIRE_VARINT && f->number == FIELD_SEQ)
        o->seq = f->value;
    else if (f->wire == WIRE_VARINT && f->number == FIELD_RECORD_SERIAL)
        o->record_serial = f->value;
    else if (f->wire == WIRE_BYTES && f->number == FIELD_ORIGIN)
        o->origin = f->run;
    else if (f->wire == WIRE_BYTES && f->number == FIELD_CATEGORIES)
        o->categories_n++;
    else if (f->wire == WIRE_BYTES && f->number == FIELD_OPINIONS)
        o->opinions_n++;
}

int batch_outline(struct bytes body, struct outline *out)
{
    struct cursor c = { body.at, body.at + body.len, false };
    struct outline o = { 0 };

    while (c.at < c.end && !c.failed) {
        if (is_short_run(&c, FIELD_OPINIONS)) {          /* nearly all there is */
            o.opinions_n++;
            c.at += 2 + c.at[1];
            continue;
        }
        const struct field f = read_field(&c);
        outline_field(&o, &f);
    }
    if (c.failed || o.origin.len != KEY_BYTES || o.epoch == 0 || o.epoch > UINT32_MAX || o.seq == 0)
        return -EINVAL;
    *out = o;
    return 0;
}

/* ---- all of it */

static bool take_hash(struct bytes from, uint8_t to[HASH_BYTES])
{
    memset(to, 0, HASH_BYTES);
    if (from.len != 0 && from.len != HASH_BYTES)
        return false;
    if (from.len != 0)
        memcpy(to, from.at, HASH_BYTES);
    return true;
}

/* A NUL within would end the text early for us and not for others. */
static bool take_text(struct bytes from, char *to, size_t max)
{
    if (from.len > max || (from.len > 0 && memchr(from.at, '\0', from.len) != NULL))
        return false;
    if (from.len > 0)
        memcpy(to, from.at, from.len);
    to[from.len] = '\0';
    return true;
}

/* A field of another type than its own is malformed; one that is not known yet is none of ours. Ages stay as they are until the base is known. */
static inline bool take_opinion(struct bytes from, struct opinion *to)
{
    struct cursor c = { from.at, from.at + from.len, false };
    uint32_t value[OPINION_FIELDS] = { 0 };
    struct bytes subject = { from.at, 0 };

    if (is_short_run(&c, OPINION_SUBJECT)) {
        subject = (struct bytes){ c.at + 2, c.at[1] };
        c.at += 2 + c.at[1];
    }
    for (; is_short_number(&c) && c.at[0] >> 3 > OPINION_SUBJECT && c.at[0] >> 3 < OPINION_FIELDS; c.at += 2)
        value[c.at[0] >> 3] = c.at[1];
    while (c.at < c.end && !c.failed) {
        const struct field f = read_field(&c);
        if (f.number >= OPINION_FIELDS)
            continue;
        if (f.wire != (f.number == OPINION_SUBJECT ? WIRE_BYTES : WIRE_VARINT))
            return false;
        if (f.number == OPINION_SUBJECT)
            subject = f.run;
        else
            value[f.number] = (uint32_t)f.value;
    }
    if (c.failed || subject.len > UINT8_MAX || value[OPINION_CATEGORY] >= BATCH_CATEGORIES_MAX || value[OPINION_BLACK] >= MASS_STEPS
        || value[OPINION_WHITE] >= MASS_STEPS || value[OPINION_AGE] > OPINION_AGE_MAX_S / OPINION_TIME_STEP_S)
        return false;
    *to = (struct opinion){
        .key = subject.at, .key_len = (uint8_t)subject.len, .category = (uint8_t)value[OPINION_CATEGORY],
        .black = (uint8_t)value[OPINION_BLACK], .white = (uint8_t)value[OPINION_WHITE], .time_s = value[OPINION_AGE],
    };
    return true;
}

static bool take_number(struct batch *b, const struct field *f)
{
    switch (f->number) {
    case FIELD_EPOCH:
        b->epoch = (uint32_t)f->value;
        break;
    case FIELD_SEQ:
        b->seq = f->value;
        break;
    case FIELD_FLOOR_EPOCH:
        b->floor_epoch = (uint32_t)f->value;
        break;
    case FIELD_FLOOR_SEQ:
        b->floor_seq = f->value;
        break;
    case FIELD_TIME:
        b->time_s = (int64_t)f->value;
        break;
    case FIELD_RECORD_SERIAL:
        b->record_serial = f->value;
        break;
    default:
        return false;
    }
    return true;
}

/* A field that comes twice counts as it came last, but for those that are lists. `federation` is looked at in the end. */
static bool take_run(struct batch *b, const struct field *f, struct bytes *federation, struct bytes *previous)
{
    switch (f->number) {
    case FIELD_ORIGIN:
        return true;                   /* as outlined */
    case FIELD_FEDERATION:
        *federation = f->run;
        return true;
    case FIELD_PREVIOUS:
        *previous = f->run;
        return true;
    case FIELD_CATEGORIES:
        return take_text(f->run, b->categories[b->categories_n++], CATEGORY_MAX_BYTES);
    case FIELD_OPINIONS:
        return take_opinion(f->run, &b->opinions[b->opinions_n++]);
    default:
        return false;
    }
}

static int take_fields(struct bytes body, const char *federation, struct batch *b)
{
    struct cursor c = { body.at, body.at + body.len, false };
    struct bytes said = { body.at, 0 }, previous = { body.at, 0 };
    bool good = true;

    while (c.at < c.end && !c.failed) {
        if (is_short_run(&c, FIELD_OPINIONS)) {
            good &= take_opinion((struct bytes){ c.at + 2, c.at[1] }, &b->opinions[b->opinions_n++]);
            c.at += 2 + c.at[1];
            continue;
        }
        const struct field f = read_field(&c);
        if (f.number < FIELDS)
            good &= f.wire == WIRE_VARINT ? take_number(b, &f) : f.wire == WIRE_BYTES && take_run(b, &f, &said, &previous);
    }
    if (c.failed || !take_text(said, b->federation, FEDERATION_MAX_BYTES))
        return -EINVAL;
    if (federation != NULL && strcmp(b->federation, federation) != 0)
        return -EXDEV;
    return good && take_hash(previous, b->previous) && b->time_s > 0 ? 0 : -EINVAL;
}

/* Ages become times. */
static void date(struct batch *b)
{
    const int64_t base_s = batch_base_s(b->time_s);

    for (size_t i = 0; i < b->opinions_n; i++)
        b->opinions[i].time_s = base_s - b->opinions[i].time_s * OPINION_TIME_STEP_S;
}

/* One piece of memory: opinions, categories, and a copy of the body, from which the keys are borrowed. What is too long is never built: counts come first. */
int batch_decode(struct bytes body, const char *federation, struct batch *out)
{
    struct batch b = { 0 };
    struct outline o;
    uint8_t *copy;
    int rc;

    if (batch_outline(body, &o) != 0 || o.categories_n > BATCH_CATEGORIES_MAX || o.opinions_n > BATCH_OPINIONS_MAX)
        return -EINVAL;
    b.memory = malloc(o.opinions_n * sizeof *b.opinions + o.categories_n * sizeof *b.categories + body.len);
    if (b.memory == NULL)
        return -ENOMEM;
    b.opinions = b.memory;
    b.categories = (char(*)[CATEGORY_MAX_BYTES + 1])(void *)(b.opinions + o.opinions_n);
    copy = (uint8_t *)(b.categories + o.categories_n);
    memcpy(copy, body.at, body.len);
    memcpy(b.origin, o.origin.at, KEY_BYTES);
    rc = take_fields((struct bytes){ copy, body.len }, federation, &b);
    if (rc == 0) {
        date(&b);
        rc = batch_is_sound(&b) ? 0 : -EINVAL;
    }
    if (rc != 0) {
        free(b.memory);
        return rc;
    }
    *out = b;
    return 0;
}
