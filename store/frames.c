#include "store/frames.h"

#include <errno.h>
#include <string.h>

#include "proto/record.h"

int64_t frames_hash_prefix(const uint8_t hash[HASH_BYTES])
{
    uint64_t prefix = 0;
    for (int i = 0; i < 8; i++)
        prefix = prefix << 8 | hash[i];
    return (int64_t)(prefix ^ UINT64_C(1) << 63);
}

static int load_key(struct db *d, int64_t member, uint64_t serial, uint8_t operational[KEY_BYTES])
{
    struct record rec;
    int rc = -ENOKEY;
    struct query q = query(d, SQL_RECORD_GET);
    query_int(&q, member);
    query_int(&q, (int64_t)serial);
    if (query_row(&q)) {
        rc = record_open(column_bytes(&q, 0), &rec) == 0 ? 0 : -ENOKEY;
        if (rc == 0)
            memcpy(operational, rec.operational, KEY_BYTES);
    }
    int ended = query_end(&q);
    return ended != 0 ? ended : rc;
}

int frames_key(struct frames *f, struct db *d, int64_t member, uint64_t serial, uint8_t operational[KEY_BYTES])
{
    size_t slot = ((uint64_t)member * 31 + serial) % FRAMES_KEYS;
    if (f->keys[slot].member != member || f->keys[slot].serial != serial) {
        f->keys[slot].member = 0;
        int rc = load_key(d, member, serial, f->keys[slot].operational);
        if (rc != 0)
            return rc;
        f->keys[slot].member = member;
        f->keys[slot].serial = serial;
    }
    memcpy(operational, f->keys[slot].operational, KEY_BYTES);
    return 0;
}

int frames_open(struct frames *f, struct db *d, int64_t member, struct bytes frame, const char *federation, struct batch *out)
{
    struct batch_name name;
    int rc = batch_peek(frame, &name);
    if (rc != 0)
        return rc;
    uint8_t operational[KEY_BYTES];
    rc = frames_key(f, d, member, name.record_serial, operational);
    return rc == 0 ? batch_open(frame, operational, federation, out) : rc;
}
