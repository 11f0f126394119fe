/* proto/frame.h: what every signed thing has in common: a tag line, a protobuf body, an Ed25519 signature over both.
 * The tag keeps a signature for one kind from passing for another. Source: proto/PROTOCOL.md, "Signed frames". */
#ifndef HEARSAY_PROTO_FRAME_H
#define HEARSAY_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/identity.h"

/* The body within a frame of at most `max` bytes with this tag. 0 or -EINVAL. */
int frame_body(struct bytes frame, const char *tag, size_t max, struct bytes *body);

/* 0 if the key signed the frame, whose form frame_body() has checked; -EBADMSG if not. */
int frame_verify(struct bytes frame, const uint8_t key[KEY_BYTES]);

/* Everything but the signature: what is signed, and hashed. */
struct bytes frame_signed_part(struct bytes frame);

/* Signs the first `len` bytes and puts the signature behind them. 0, -ENOKEY, -EIO. */
int frame_sign(const struct identity *id, enum identity_key key, uint8_t *frame, size_t len);

#endif
