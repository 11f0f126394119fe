#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hearsay.pb-c.h"
#include "proto/arena.h"
#include "proto/batch_check.h"
#include "proto/frame.h"

enum { ARENA_FIRST = 65536, ARENA_MAX = 4 << 20 };

static ProtobufCBinaryData borrow(const void *at, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)at };     /* only read while packing */
}

/* The caller's opinions in the order of the wire, in memory of our own. */
static int sort_opinions(const struct batch *b, struct arena *memory, struct batch *sorted)
{
    *sorted = *b;
    if (b->opinions_n > BATCH_OPINIONS_MAX)
        return -EINVAL;
    sorted->opinions = arena_alloc(memory, b->opinions_n * sizeof *b->opinions);
    if (sorted->opinions == NULL)
        return -ENOMEM;
    if (b->opinions_n > 0) {
        memcpy(sorted->opinions, b->opinions, b->opinions_n * sizeof *b->opinions);
        qsort(sorted->opinions, b->opinions_n, sizeof *b->opinions, opinion_compare);
    }
    return batch_is_sound(sorted) ? 0 : -EINVAL;
}

static void put_head(const struct batch *b, Hearsay__BatchBody *body)
{
    static const uint8_t none[HASH_BYTES];

    body->origin = borrow(b->origin, KEY_BYTES);
    body->federation = borrow(b->federation, strlen(b->federation));
    body->epoch = b->epoch;
    body->seq = b->seq;
    if (memcmp(b->previous, none, HASH_BYTES) != 0)
        body->previous = borrow(b->previous, HASH_BYTES);
    body->floor_epoch = b->floor_epoch;
    body->floor_seq = b->floor_seq;
    body->time_s = b->time_s;
    body->record_serial = b->record_serial;
}

static int put_categories(const struct batch *b, struct arena *memory, Hearsay__BatchBody *body)
{
    body->categories = arena_alloc(memory, b->categories_n * sizeof *body->categories);
    if (body->categories == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < b->categories_n; i++)
        body->categories[i] = borrow(b->categories[i], strlen(b->categories[i]));
    body->n_categories = b->categories_n;
    return 0;
}

static int put_opinions(const struct batch *b, struct arena *memory, Hearsay__BatchBody *body)
{
    Hearsay__Opinion *messages = arena_alloc(memory, b->opinions_n * sizeof *messages);
    int64_t base_s = batch_base_s(b->time_s);

    body->opinions = arena_alloc(memory, b->opinions_n * sizeof *body->opinions);
    if (messages == NULL || body->opinions == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < b->opinions_n; i++) {
        const struct opinion *o = &b->opinions[i];
        hearsay__opinion__init(&messages[i]);
        messages[i].subject = borrow(o->key, o->key_len);
        messages[i].category = o->category;
        messages[i].black = o->black;
        messages[i].white = o->white;
        messages[i].age = (uint32_t)((base_s - o->time_s) / OPINION_TIME_STEP_S);
        body->opinions[i] = &messages[i];
    }
    body->n_opinions = b->opinions_n;
    return 0;
}

static int pack_and_sign(const Hearsay__BatchBody *body, const struct identity *id, uint8_t **frame, size_t *len)
{
    const size_t tag_len = strlen(BATCH_TAG), body_len = hearsay__batch_body__get_packed_size(body);
    uint8_t *bytes;
    int rc;

    if (tag_len + body_len + SIGNATURE_BYTES > BATCH_FRAME_MAX)
        return -EMSGSIZE;
    bytes = malloc(tag_len + body_len + SIGNATURE_BYTES);
    if (bytes == NULL)
        return -ENOMEM;
    memcpy(bytes, BATCH_TAG, tag_len);
    hearsay__batch_body__pack(body, bytes + tag_len);
    rc = frame_sign(id, IDENTITY_OPERATIONAL, bytes, tag_len + body_len);
    if (rc != 0) {
        free(bytes);
        return rc;
    }
    *frame = bytes;
    *len = tag_len + body_len + SIGNATURE_BYTES;
    return 0;
}

static int seal(const struct batch *b, const struct identity *id, struct arena *memory, uint8_t **frame, size_t *len)
{
    Hearsay__BatchBody body = HEARSAY__BATCH_BODY__INIT;
    struct batch sorted;
    int rc = sort_opinions(b, memory, &sorted);

    if (rc != 0)
        return rc;
    put_head(&sorted, &body);
    rc = put_categories(&sorted, memory, &body);
    if (rc == 0)
        rc = put_opinions(&sorted, memory, &body);
    return rc == 0 ? pack_and_sign(&body, id, frame, len) : rc;
}

int batch_seal(struct batch *b, const struct identity *id, uint8_t **frame, size_t *len)
{
    struct arena *memory;
    int rc;

    if (memcmp(b->origin, identity_root(id), KEY_BYTES) != 0)
        return -EINVAL;
    memory = arena_create(ARENA_FIRST, ARENA_MAX);
    if (memory == NULL)
        return -ENOMEM;
    rc = seal(b, id, memory, frame, len);
    arena_destroy(memory);
    if (rc == 0)
        hash_sha256(*frame, *len - SIGNATURE_BYTES, b->hash);
    return rc;
}

size_t batch_opinion_bytes_max(size_t key_len)
{
    enum { FRAMING = 1 + 2, CATEGORY = 2, BLACK = 2, WHITE = 2, AGE = 3 };

    return FRAMING + (key_len > 127 ? 3U : 2U) + key_len + CATEGORY + BLACK + WHITE + AGE;
}
