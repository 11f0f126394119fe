#include "proto/frame.h"

#include <errno.h>
#include <string.h>

int frame_body(struct bytes frame, const char *tag, size_t max, struct bytes *body)
{
    size_t tag_len = strlen(tag);

    if (frame.len > max || frame.len <= tag_len + SIGNATURE_BYTES || memcmp(frame.at, tag, tag_len) != 0)
        return -EINVAL;
    *body = (struct bytes){ frame.at + tag_len, frame.len - tag_len - SIGNATURE_BYTES };
    return 0;
}

struct bytes frame_signed_part(struct bytes frame)
{
    return (struct bytes){ frame.at, frame.len - SIGNATURE_BYTES };
}

int frame_verify(struct bytes frame, const uint8_t key[KEY_BYTES])
{
    struct bytes part = frame_signed_part(frame);

    return signature_verify(key, part.at, part.len, part.at + part.len);
}

int frame_sign(const struct identity *id, enum identity_key key, uint8_t *frame, size_t len)
{
    return identity_sign(id, key, frame, len, frame + len);
}
