/* proto/invite.h: one line of text that lets one newcomer join a coalition. Source: proto/PROTOCOL.md, "Joining".
 * It holds a secret: whoever has it first may use it, once. */
#ifndef HEARSAY_PROTO_INVITE_H
#define HEARSAY_PROTO_INVITE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/identity.h"
#include "proto/record.h"

enum { INVITE_FRAME_MAX = 3072, INVITE_TEXT_MAX = 4160 };

struct invite {
    struct record record;                        /* of the inviter, with the endpoint to join at */
    uint8_t frame[RECORD_FRAME_MAX];             /* the same as signed */
    size_t frame_len;
    char federation[FEDERATION_MAX_BYTES + 1];
    uint8_t curve_secret[KEY_BYTES];             /* the key that the inviter's node lets in once */
    int64_t expires_s;
};

/* "hearsay-invite1:" and base64url of the frame, signed by the operational key that the record names. 0, -EINVAL, -ENOKEY, -ENOBUFS, -EIO. */
int invite_seal(const struct invite *i, const struct identity *id, char *text, size_t room);
/* 0; -EINVAL: no invite, or cut; -EBADMSG: not signed by whom it names, so damaged or forged; -ENOMEM. *out as it was on failure. Expiry is the caller's to judge. */
int invite_open(const char *text, struct invite *out);

#endif
