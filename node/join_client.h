/* node/join_client.h: a newcomer's side of joining, for the hearsay command. Waits; no daemon has a part in it. Source: proto/PROTOCOL.md, "Joining". */
#ifndef HEARSAY_NODE_JOIN_CLIENT_H
#define HEARSAY_NODE_JOIN_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/invite.h"
#include "proto/message.h"

enum { JOIN_TEXT_MAX = 256 };

struct joined {
    char refused[JOIN_TEXT_MAX];                 /* why; empty: it is done */
    struct record record;                        /* the inviter's newest */
    uint8_t frame[RECORD_FRAME_MAX];
    size_t frame_len;
    char federation[FEDERATION_MAX_BYTES + 1];
    char secret[JOIN_TEXT_MAX];                  /* of the coalition */
};

/* A new one-time key. 0, -EIO. */
int join_keypair(uint8_t public_key[KEY_BYTES], uint8_t secret_key[KEY_BYTES]);

/* Connects with the invite's key and hands over this member's record. 0: *out is filled in, also when it was refused.
 * -EACCES: the key is not let in (any more); -ECONNREFUSED: nobody answers at the address; -EPROTO: who answers is not the inviter; -ETIMEDOUT; -ENOMEM, -EMFILE. */
int join_ask(const struct invite *invite, struct bytes own_record, int timeout_ms, struct joined *out);

#endif
