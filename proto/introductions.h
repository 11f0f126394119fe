/* proto/introductions.h: whom a member vouches for. Source: proto/PROTOCOL.md, "Introductions".
 * A frame holds the complete present list of one introducer: "hearsay-introductions-1\n", IntroductionsBody, signature by its operational key. */
#ifndef HEARSAY_PROTO_INTRODUCTIONS_H
#define HEARSAY_PROTO_INTRODUCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bytes.h"
#include "proto/identity.h"
#include "proto/record.h"

enum {
    INTRODUCTIONS_MAX = 128,             /* in one list */
    INTRODUCTIONS_FRAME_MAX = 98304,     /* fits a message */
    STAMP_BYTES = 32,
    SHARE_UNIT = 1000                    /* a share is in thousandths */
};

struct introduction {
    struct bytes frame;                  /* the introduced member's record; borrowed from the list */
    struct record record;                /* the same, opened: its signature holds */
    uint32_t share_milli;                /* 1 to SHARE_UNIT */
    int64_t expires_s;
};

/* When decoded, ascending by root, each root once, never the introducer's own; all is borrowed from what introductions_close() frees. */
struct introductions {
    uint8_t introducer[KEY_BYTES];
    char federation[FEDERATION_MAX_BYTES + 1];
    uint64_t record_serial;              /* which record of the introducer names the key that signed */
    uint64_t serial;                     /* grows with every new list; by custom the time of signing */
    int64_t time_s;                      /* the introducer's clock */
    uint8_t stamp[STAMP_BYTES];          /* set by introductions_open() and introductions_seal() */
    struct introduction *list;
    size_t n;
    void *memory;                        /* NULL in a hand-made list */
};

/* What names a list, read without any check of its signature. `stamp` is the order of lists of one introducer, compared byte by byte: record_serial and serial, the
 * highest byte first, then the first half of the frame's hash. */
struct introductions_name {
    uint8_t introducer[KEY_BYTES];
    uint64_t record_serial;
    uint8_t stamp[STAMP_BYTES];
};
int introductions_peek(struct bytes frame, struct introductions_name *out);        /* 0, -EINVAL, -ENOMEM; *out as it was */
uint64_t stamp_serial(const uint8_t stamp[STAMP_BYTES]);

/* Verifies and decodes, the records within included. On success the caller ends *out with introductions_close(). 0; -EBADMSG wrong signature of the whole; -EXDEV
 * another federation; -EINVAL malformed or out of range, or a record within that does not verify; -ENOMEM. On failure *out is as it was. */
int introductions_open(struct bytes frame, const uint8_t operational[KEY_BYTES], const char *federation, struct introductions *out);
void introductions_close(struct introductions *i);         /* takes a zeroed one; zeroes it */

/* Signs a hand-made list, in any order; of each introduction `frame`, `record.root`, share and expiry are read. Sets i->stamp. *frame is the caller's to free().
 * 0; -EMSGSIZE over INTRODUCTIONS_FRAME_MAX; -EINVAL (a field out of range, a root twice or one's own); -ENOKEY; -ENOMEM. */
int introductions_seal(struct introductions *i, const struct identity *id, uint8_t **frame, size_t *len);

#endif
