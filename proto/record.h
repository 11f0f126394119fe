/* proto/record.h: the member record and the card. Source: proto/PROTOCOL.md, "Records".
 * A record's frame is what is signed, stored and relayed: "hearsay-record-1\n", RecordBody, signature by the root key. */
#ifndef HEARSAY_PROTO_RECORD_H
#define HEARSAY_PROTO_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/identity.h"

enum { RECORD_FRAME_MAX = 2048, CARD_MAX = 3072, FINGERPRINT_MAX = 32, RECORD_LIFE_S = 90 * 86400 };

struct record {
    uint8_t root[KEY_BYTES];
    uint8_t operational[KEY_BYTES];
    uint8_t curve[KEY_BYTES];
    char name[NAME_MAX_BYTES + 1];
    char publish[ENDPOINT_MAX_BYTES + 1];   /* tcp://host:port; empty: this member is not connected to */
    char repair[ENDPOINT_MAX_BYTES + 1];
    uint64_t serial;
    int64_t not_after_s;
};

/* True for tcp://HOST:PORT with a host name, an IPv4 address or an IPv6 address in brackets. No wildcard and none of
 * libzmq's other spellings, since this text of a stranger is handed to it. */
bool endpoint_is_valid(const char *endpoint);

/* Signs; *len is the room in `frame` going in (RECORD_FRAME_MAX is enough) and the length coming out.
 * 0, -ENOKEY, -EINVAL (a field out of range, or another root than the identity's), -ENOBUFS. */
int record_seal(const struct record *r, const struct identity *id, uint8_t *frame, size_t *len);
/* Checks form and signature; expiry is the caller's to judge. 0, -EINVAL, -EBADMSG, -ENOMEM; *out as it was. */
int record_open(struct bytes frame, struct record *out);

/* "hearsay1:" and unpadded base64url (RFC 4648 section 5) of the frame. 0, -ENOBUFS. */
int card_encode(struct bytes frame, char *text, size_t room);
/* The frame within a card; blanks around it are ignored. 0, -EINVAL (not a card), -ENOBUFS. Not verified: record_open(). */
int card_decode(const char *text, uint8_t *frame, size_t *len);

/* A farewell: its author has left. It was never valid after it was signed: not_after_s is not above the serial, which is the time of signing. */
bool record_is_farewell(const struct record *r);

/* When the record is to be made anew by a node that has the root key: 45 days before its end, or half way through a shorter life. */
int64_t record_renew_s(const struct record *r);

/* This member's current record, kept as a one-line card in `path` and, where a key file has one, in the key file: of the two that have the keys of `id`, the one with
 * the higher serial. If it says what `want` says (name, endpoints) and record_renew_s() is not past, it is taken; else a new one with a higher serial and 90 days of
 * life is signed and written to `path` (beside, and renamed over). Only `want`'s name and endpoints are read. With the root key offline, the stored record is taken as it
 * is, expired or not: the caller looks at not_after_s. So is a farewell: nobody comes back without being told to. *len as in record_seal(). A damaged file counts as
 * none: serials follow the clock, so that nothing is lost by it.
 * 0; -ENOKEY when there is none and the root key is not here; -EINVAL (`want` is out of range); -ENOBUFS; -EIO and the like. */
int record_current(const char *path, const struct identity *id, const struct record *want, int64_t now_s,
                   struct record *out, uint8_t *frame, size_t *len);

/* Signs a new record of `id`'s keys with a serial above all stored ones, valid for life_s from now; 0: a farewell. Puts it into `id`, to be saved with it; the card
 * is written by record_put_card(), so that the key file comes first. Errors as record_current(). */
int record_renew(const char *path, struct identity *id, const struct record *want, int64_t life_s, int64_t now_s, struct record *out);
int record_put_card(const char *path, struct bytes frame);       /* 0, -errno */

/* A short name for people to compare: 5 groups of 4 hex digits of SHA-256 of the root key, "1a2b-3c4d-...". */
char *record_fingerprint(const uint8_t root[KEY_BYTES], char out[FINGERPRINT_MAX]);

#endif
