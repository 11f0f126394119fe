#include "proto/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/batch_check.h"
#include "proto/batch_wire.h"
#include "proto/frame.h"

static void hash_frame(struct bytes frame, uint8_t out[HASH_BYTES])
{
    struct bytes part = frame_signed_part(frame);

    hash_sha256(part.at, part.len, out);
}

int batch_peek(struct bytes frame, struct batch_name *out)
{
    struct bytes body;
    struct outline o;

    if (frame_body(frame, BATCH_TAG, BATCH_FRAME_MAX, &body) != 0 || batch_outline(body, &o) != 0)
        return -EINVAL;
    memcpy(out->origin, o.origin.at, KEY_BYTES);
    hash_frame(frame, out->hash);
    out->epoch = (uint32_t)o.epoch;
    out->seq = o.seq;
    out->record_serial = o.record_serial;
    return 0;
}

static int open_but_hash(struct bytes frame, const uint8_t operational[KEY_BYTES], const char *federation, struct batch *out)
{
    struct bytes body;
    int rc = frame_body(frame, BATCH_TAG, BATCH_FRAME_MAX, &body);

    if (rc == 0)
        rc = frame_verify(frame, operational);
    return rc != 0 ? rc : batch_decode(body, federation, out);
}

int batch_open(struct bytes frame, const uint8_t operational[KEY_BYTES], const char *federation, struct batch *out)
{
    int rc = open_but_hash(frame, operational, federation, out);

    if (rc == 0)
        hash_frame(frame, out->hash);
    return rc;
}

int batch_open_named(struct bytes frame, const struct batch_name *name, const uint8_t operational[KEY_BYTES], const char *federation, struct batch *out)
{
    int rc = open_but_hash(frame, operational, federation, out);

    if (rc == 0)
        memcpy(out->hash, name->hash, HASH_BYTES);
    return rc;
}

void batch_close(struct batch *b)
{
    free(b->memory);
    memset(b, 0, sizeof *b);
}
