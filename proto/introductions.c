#include "proto/introductions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hearsay.pb-c.h"
#include "proto/arena.h"
#include "proto/frame.h"

static const char TAG[] = "hearsay-introductions-1\n";
static const int64_t TIME_MAX_S = 253402300799;      /* the last second of the year 9999 */

/* See proto/batch.c: unknown fields of two bytes are the worst. */
enum { ARENA_PER_BYTE = 4, ARENA_MAX = 12 << 20 };

/* ---- what both directions share */

static int compare_roots(const void *a, const void *b)
{
    return memcmp(((const struct introduction *)a)->record.root, ((const struct introduction *)b)->record.root, KEY_BYTES);
}

static bool entry_is_sound(const struct introductions *i, const struct introduction *e)
{
    return memcmp(e->record.root, i->introducer, KEY_BYTES) != 0 && e->frame.len <= RECORD_FRAME_MAX && e->share_milli >= 1 &&
           e->share_milli <= SHARE_UNIT && e->expires_s > 0 && e->expires_s <= TIME_MAX_S;
}

static bool federation_is_sound(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x21 || *text > 0x7e)
            return false;
    }
    return true;
}

static bool is_sound(const struct introductions *i)
{
    if (i->serial < 1 || i->serial > INT64_MAX || i->record_serial < 1 || i->record_serial > INT64_MAX || i->time_s < 1 || i->time_s > TIME_MAX_S)
        return false;
    for (size_t j = 0; j < i->n; j++) {
        if (!entry_is_sound(i, &i->list[j]) || (j > 0 && compare_roots(&i->list[j - 1], &i->list[j]) >= 0))
            return false;
    }
    return federation_is_sound(i->federation);
}

static void put_number(uint8_t *at, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(number >> (56 - 8 * i));
}

static void make_stamp(struct bytes frame, uint64_t record_serial, uint64_t serial, uint8_t out[STAMP_BYTES])
{
    uint8_t hash[HASH_BYTES];
    struct bytes part = frame_signed_part(frame);

    hash_sha256(part.at, part.len, hash);
    put_number(out, record_serial);
    put_number(out + 8, serial);
    memcpy(out + 16, hash, STAMP_BYTES - 16);
}

uint64_t stamp_serial(const uint8_t stamp[STAMP_BYTES])
{
    uint64_t number = 0;

    for (int i = 8; i < 16; i++)
        number = number << 8 | stamp[i];
    return number;
}

/* ---- reading */

static int unpack(struct bytes body, struct arena **memory, Hearsay__IntroductionsBody **out)
{
    *memory = arena_create(1024 + ARENA_PER_BYTE * body.len, ARENA_MAX);
    if (*memory == NULL)
        return -ENOMEM;
    *out = hearsay__introductions_body__unpack(arena_allocator(*memory), body.len, body.at);
    if (*out != NULL)
        return 0;
    int rc = arena_is_exhausted(*memory) ? -ENOMEM : -EINVAL;
    arena_destroy(*memory);
    return rc;
}

int introductions_peek(struct bytes frame, struct introductions_name *out)
{
    Hearsay__IntroductionsBody *wire;
    struct arena *memory;
    struct bytes body;
    int rc = frame_body(frame, TAG, INTRODUCTIONS_FRAME_MAX, &body);

    if (rc == 0)
        rc = unpack(body, &memory, &wire);
    if (rc != 0)
        return rc;
    rc = wire->introducer.len == KEY_BYTES && wire->serial >= 1 && wire->record_serial >= 1 ? 0 : -EINVAL;
    if (rc == 0) {
        memcpy(out->introducer, wire->introducer.data, KEY_BYTES);
        out->record_serial = wire->record_serial;
        make_stamp(frame, wire->record_serial, wire->serial, out->stamp);
    }
    arena_destroy(memory);
    return rc;
}

static int take_entry(const Hearsay__Introduction *from, struct introduction *to)
{
    *to = (struct introduction){ .frame = { from->record.data, from->record.len }, .share_milli = from->share, .expires_s = from->expires_s };
    int rc = from->record.len > 0 ? record_open(to->frame, &to->record) : -EINVAL;
    return rc == -ENOMEM ? rc : rc != 0 ? -EINVAL : 0;
}

static int take_head(const Hearsay__IntroductionsBody *wire, const char *federation, struct introductions *i)
{
    const ProtobufCBinaryData *name = &wire->federation;

    if (wire->introducer.len != KEY_BYTES || name->len > FEDERATION_MAX_BYTES || (name->len > 0 && memchr(name->data, '\0', name->len) != NULL))
        return -EINVAL;
    memcpy(i->introducer, wire->introducer.data, KEY_BYTES);
    if (name->len > 0)
        memcpy(i->federation, name->data, name->len);
    i->record_serial = wire->record_serial;
    i->serial = wire->serial;
    i->time_s = wire->time_s;
    return strcmp(i->federation, federation) == 0 ? 0 : -EXDEV;
}

static int take(const Hearsay__IntroductionsBody *wire, const char *federation, struct arena *memory, struct introductions *i)
{
    int rc = wire->n_introduced <= INTRODUCTIONS_MAX ? take_head(wire, federation, i) : -EINVAL;

    if (rc != 0)
        return rc;
    i->list = arena_alloc(memory, (wire->n_introduced + 1) * sizeof *i->list);
    if (i->list == NULL)
        return -ENOMEM;
    i->n = wire->n_introduced;
    for (size_t j = 0; rc == 0 && j < i->n; j++)
        rc = take_entry(wire->introduced[j], &i->list[j]);
    return rc != 0 ? rc : is_sound(i) ? 0 : -EINVAL;
}

int introductions_open(struct bytes frame, const uint8_t operational[KEY_BYTES], const char *federation, struct introductions *out)
{
    struct introductions i = { .n = 0 };
    Hearsay__IntroductionsBody *wire;
    struct arena *memory;
    struct bytes body;
    int rc = frame_body(frame, TAG, INTRODUCTIONS_FRAME_MAX, &body);

    if (rc == 0)
        rc = frame_verify(frame, operational);
    if (rc == 0)
        rc = unpack(body, &memory, &wire);
    if (rc != 0)
        return rc;
    rc = take(wire, federation, memory, &i);
    if (rc != 0) {
        arena_destroy(memory);
        return rc;
    }
    make_stamp(frame, i.record_serial, i.serial, i.stamp);
    i.memory = memory;
    *out = i;
    return 0;
}

void introductions_close(struct introductions *i)
{
    arena_destroy(i->memory);
    memset(i, 0, sizeof *i);
}

/* ---- writing */

static ProtobufCBinaryData borrow(const void *at, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)at };     /* only read while packing */
}

static int pack_and_sign(const Hearsay__IntroductionsBody *body, const struct identity *id, uint8_t **frame, size_t *len)
{
    const size_t tag_len = sizeof TAG - 1, body_len = hearsay__introductions_body__get_packed_size(body);
    uint8_t *bytes;
    int rc;

    if (tag_len + body_len + SIGNATURE_BYTES > INTRODUCTIONS_FRAME_MAX)
        return -EMSGSIZE;
    bytes = malloc(tag_len + body_len + SIGNATURE_BYTES);
    if (bytes == NULL)
        return -ENOMEM;
    memcpy(bytes, TAG, tag_len);
    hearsay__introductions_body__pack(body, bytes + tag_len);
    rc = frame_sign(id, IDENTITY_OPERATIONAL, bytes, tag_len + body_len);
    if (rc != 0) {
        free(bytes);
        return rc;
    }
    *frame = bytes;
    *len = tag_len + body_len + SIGNATURE_BYTES;
    return 0;
}

/* `sorted` is sound; `wire` and `pointers` have a place for each entry. */
static int seal_sorted(const struct introductions *sorted, Hearsay__Introduction *wire, Hearsay__Introduction **pointers, const struct identity *id,
                       uint8_t **frame, size_t *len)
{
    Hearsay__IntroductionsBody body = HEARSAY__INTRODUCTIONS_BODY__INIT;

    for (size_t j = 0; j < sorted->n; j++) {
        hearsay__introduction__init(&wire[j]);
        wire[j].record = borrow(sorted->list[j].frame.at, sorted->list[j].frame.len);
        wire[j].share = sorted->list[j].share_milli;
        wire[j].expires_s = sorted->list[j].expires_s;
        pointers[j] = &wire[j];
    }
    body.introducer = borrow(sorted->introducer, KEY_BYTES);
    body.federation = borrow(sorted->federation, strlen(sorted->federation));
    body.record_serial = sorted->record_serial;
    body.serial = sorted->serial;
    body.time_s = sorted->time_s;
    body.introduced = pointers;
    body.n_introduced = sorted->n;
    return pack_and_sign(&body, id, frame, len);
}

int introductions_seal(struct introductions *i, const struct identity *id, uint8_t **frame, size_t *len)
{
    struct introductions sorted = *i;
    Hearsay__Introduction *wire = calloc(i->n + 1, sizeof *wire);
    Hearsay__Introduction **pointers = calloc(i->n + 1, sizeof *pointers);
    int rc = -ENOMEM;

    sorted.list = calloc(i->n + 1, sizeof *sorted.list);
    if (wire == NULL || pointers == NULL || sorted.list == NULL)
        goto out;
    if (i->n > 0) {
        memcpy(sorted.list, i->list, i->n * sizeof *i->list);
        qsort(sorted.list, i->n, sizeof *i->list, compare_roots);
    }
    rc = i->n <= INTRODUCTIONS_MAX && is_sound(&sorted) && memcmp(i->introducer, identity_root(id), KEY_BYTES) == 0 ? 0 : -EINVAL;
    if (rc == 0)
        rc = seal_sorted(&sorted, wire, pointers, id, frame, len);
    if (rc == 0)
        make_stamp((struct bytes){ *frame, *len }, i->record_serial, i->serial, i->stamp);
out:
    free(wire);
    free(pointers);
    free(sorted.list);
    return rc;
}
