/* proto/message.h: what goes over DEALER and ROUTER between neighbours. Source: proto/PROTOCOL.md, "Repair". */
#ifndef HEARSAY_PROTO_MESSAGE_H
#define HEARSAY_PROTO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/fingerprint.h"
#include "proto/introductions.h"

enum {
    MESSAGE_MAX = 128 * 1024,     /* one ZeroMQ message; a larger one is refused by the transport */
    HAVE_LOGS_MAX = 1024,         /* per message; a longer vector goes in several */
    FETCH_RANGE_MAX = 64,
    RECORDS_MAX = 16,
    HEAD_HASH_BYTES = 8,
    JOINED_TEXT_MAX = 255,        /* of each text in Joined */
    FROZEN_HASH_BYTES = 2 * HEAD_HASH_BYTES,
    COMPARE_PARTS = 64,
    COMPARE_RANGE_MAX = 131072
};

enum { ORIGIN_SHORT_BYTES = 8 };     /* enough of a root key to tell members apart, in most coalitions */

enum message_kind { MESSAGE_HAVE = 1, MESSAGE_FETCH, MESSAGE_FETCHED, MESSAGE_RECORD_WANT, MESSAGE_RECORDS, MESSAGE_INTRODUCTIONS_WANT, MESSAGE_INTRODUCTIONS,
                    MESSAGE_JOIN, MESSAGE_JOINED, MESSAGE_COMPARE, MESSAGE_COMPARED };

struct log_have {
    uint8_t origin[KEY_BYTES];
    uint8_t head_hash[HEAD_HASH_BYTES];
    uint32_t epoch;
    uint64_t floor, head;
    uint64_t record_serial;
    uint64_t frozen;                        /* 0: not */
    uint8_t frozen_hash[FROZEN_HASH_BYTES];   /* with `frozen` only */
    bool has_digest;
    uint8_t digest[HEAD_HASH_BYTES];
    bool has_sum;                           /* only in a message with a salt */
    uint8_t sum[SUM_BYTES];
    uint8_t introductions[STAMP_BYTES];     /* all zero: none */
    bool is_short;                /* of origin only the first ORIGIN_SHORT_BYTES are said; the rest is zero */
};

struct message {
    enum message_kind kind;
    union {
        struct { bool full, answer_wanted, has_salt; uint8_t salt[SALT_BYTES]; uint32_t subscribers; size_t logs_n; struct log_have *logs; } have;
        struct { uint32_t id; uint8_t origin[KEY_BYTES]; uint32_t epoch; uint64_t from, to; } fetch;
        struct { uint32_t id; bool last; struct bytes frame; } fetched;
        struct { uint8_t origin[KEY_BYTES]; uint64_t serial_above; } record_want;
        struct { size_t n; struct bytes frames[RECORDS_MAX]; } records;
        struct { uint8_t introducer[KEY_BYTES]; } introductions_want;
        struct { struct bytes frame; } introductions;
        struct { struct bytes record; } join;
        struct { struct bytes refused, record, federation, secret; } joined;
        struct { uint8_t origin[KEY_BYTES]; uint32_t epoch; uint64_t from, to; uint8_t salt[SALT_BYTES]; } compare;
        struct { uint8_t origin[KEY_BYTES]; uint32_t epoch; uint64_t from, to; uint8_t sums[COMPARE_PARTS][SUM_BYTES]; size_t n; } compared;
    } u;
    void *memory;                 /* what message_close() frees; NULL in a hand-made message */
};

/* *out is the caller's to free(). 0, -EINVAL, -EMSGSIZE, -ENOMEM. */
int message_encode(const struct message *m, uint8_t **out, size_t *len);
/* Checks every length and range. Frames within are borrowed from m->memory. 0; -EINVAL malformed; -ENOMSG well-formed but of a kind that
 * this version does not know, to be ignored without blame; -ENOMEM. *out as it was on failure. */
int message_decode(struct bytes wire, struct message *out);
void message_close(struct message *m);    /* takes a zeroed one; zeroes it */

/* How many numbers each part of a comparison has, but for the last, which may have fewer. from <= to. */
uint64_t compare_width(uint64_t from, uint64_t to);

#endif
