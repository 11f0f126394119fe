#include "proto/invite.h"

#include <errno.h>
#include <string.h>

#include "hearsay.pb-c.h"
#include "proto/arena.h"
#include "proto/armour.h"
#include "proto/frame.h"

static const char TAG[] = "hearsay-invite-1\n";
static const char PREFIX[] = "hearsay-invite1:";
static const int64_t TIME_MAX_S = 253402300799;      /* the last second of the year 9999 */

enum { ARENA_FIRST = 8192, ARENA_MAX = 256 * INVITE_FRAME_MAX };

static ProtobufCBinaryData borrow(const void *at, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)at };     /* only read while packing */
}

int invite_seal(const struct invite *i, const struct identity *id, char *text, size_t room)
{
    Hearsay__InviteBody body = HEARSAY__INVITE_BODY__INIT;
    uint8_t frame[INVITE_FRAME_MAX];
    const size_t tag_len = sizeof TAG - 1;
    size_t body_len;
    int rc;

    if (i->expires_s < 1 || i->expires_s > TIME_MAX_S || memcmp(i->record.operational, identity_operational(id), KEY_BYTES) != 0)
        return -EINVAL;
    body.record = borrow(i->frame, i->frame_len);
    body.federation = borrow(i->federation, strlen(i->federation));
    body.curve_secret = borrow(i->curve_secret, KEY_BYTES);
    body.expires_s = i->expires_s;
    body_len = hearsay__invite_body__get_packed_size(&body);
    if (tag_len + body_len + SIGNATURE_BYTES > sizeof frame)
        return -ENOBUFS;
    memcpy(frame, TAG, tag_len);
    hearsay__invite_body__pack(&body, frame + tag_len);
    rc = frame_sign(id, IDENTITY_OPERATIONAL, frame, tag_len + body_len);
    if (rc == 0)
        rc = armour_encode(PREFIX, (struct bytes){ frame, tag_len + body_len + SIGNATURE_BYTES }, text, room);
    explicit_bzero(frame, sizeof frame);
    return rc;
}

static int take_body(const Hearsay__InviteBody *body, struct invite *i)
{
    const ProtobufCBinaryData *name = &body->federation;
    int rc;

    if (body->record.len == 0 || body->record.len > sizeof i->frame || body->curve_secret.len != KEY_BYTES || name->len > FEDERATION_MAX_BYTES)
        return -EINVAL;
    if (body->expires_s < 1 || body->expires_s > TIME_MAX_S)
        return -EINVAL;
    for (size_t j = 0; j < name->len; j++) {
        if (name->data[j] < 0x21 || name->data[j] > 0x7e)
            return -EINVAL;
        i->federation[j] = (char)name->data[j];
    }
    memcpy(i->frame, body->record.data, body->record.len);
    i->frame_len = body->record.len;
    memcpy(i->curve_secret, body->curve_secret.data, KEY_BYTES);
    i->expires_s = body->expires_s;
    rc = record_open((struct bytes){ i->frame, i->frame_len }, &i->record);
    return rc == 0 && i->record.repair[0] == '\0' ? -EINVAL : rc;
}

static int decode(struct bytes body, struct invite *i)
{
    struct arena *memory = arena_create(ARENA_FIRST, ARENA_MAX);
    Hearsay__InviteBody *decoded;
    int rc = -ENOMEM;

    if (memory == NULL)
        return -ENOMEM;
    decoded = hearsay__invite_body__unpack(arena_allocator(memory), body.len, body.at);
    if (decoded != NULL)
        rc = take_body(decoded, i);
    else if (!arena_is_exhausted(memory))
        rc = -EINVAL;
    arena_destroy(memory);
    return rc;
}

int invite_open(const char *text, struct invite *out)
{
    struct invite i = { .frame_len = 0 };
    uint8_t frame[INVITE_FRAME_MAX];
    size_t len = sizeof frame;
    struct bytes body;
    int rc = armour_decode(PREFIX, text, frame, &len);

    if (rc == 0)
        rc = frame_body((struct bytes){ frame, len }, TAG, sizeof frame, &body);
    if (rc == 0)
        rc = decode(body, &i);
    if (rc == 0)
        rc = frame_verify((struct bytes){ frame, len }, i.record.operational);
    if (rc == 0)
        *out = i;
    explicit_bzero(frame, sizeof frame);
    return rc == -ENOBUFS ? -EINVAL : rc;
}
