#include "proto/record.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "hearsay.pb-c.h"
#include "proto/arena.h"
#include "proto/frame.h"
#include "proto/name.h"
#include "proto/network.h"

static const char TAG[] = "hearsay-record-1\n";

/* Each byte of a frame can become one unknown field of protobuf-c; this is far above what that costs. */
enum { ARENA_FIRST = 4096, ARENA_MAX = 256 * RECORD_FRAME_MAX };

static const int64_t TIME_MAX_S = 253402300799;      /* the last second of the year 9999 */

static bool port_is_valid(const char *text)
{
    unsigned port = 0;

    if (*text == '\0' || *text == '0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        port = port * 10 + (unsigned)(*text - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

static bool host_is_valid(const char *host, size_t len)
{
    struct network n;
    char name[NAME_MAX_BYTES + 1];

    if (len >= 2 && host[0] == '[' && host[len - 1] == ']')
        return memchr(host, ':', len) != NULL && memchr(host, '/', len) == NULL && network_parse(host + 1, len - 2, &n) == 0;
    if (memchr(host, ':', len) != NULL || memchr(host, '/', len) != NULL)
        return false;
    return network_parse(host, len, &n) == 0 || (name_canonical(host, len, name) == 0 && strncasecmp(name, host, len) == 0);
}

bool endpoint_is_valid(const char *endpoint)
{
    static const char scheme[] = "tcp://";
    const size_t scheme_len = sizeof scheme - 1;
    const char *host = endpoint + scheme_len, *colon;

    if (strlen(endpoint) > ENDPOINT_MAX_BYTES || strncmp(endpoint, scheme, scheme_len) != 0)
        return false;
    colon = strrchr(host, ':');
    return colon != NULL && host_is_valid(host, (size_t)(colon - host)) && port_is_valid(colon + 1);
}

static bool record_is_sound(const struct record *r)
{
    return name_is_canonical(r->name, strlen(r->name)) &&
           (r->publish[0] == '\0' || endpoint_is_valid(r->publish)) &&
           (r->repair[0] == '\0' || endpoint_is_valid(r->repair)) &&
           r->serial > 0 && r->serial <= INT64_MAX && r->not_after_s > 0 && r->not_after_s <= TIME_MAX_S;
}

static ProtobufCBinaryData borrow(const void *at, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)at };     /* only read while packing */
}

int record_seal(const struct record *r, const struct identity *id, uint8_t *frame, size_t *len)
{
    Hearsay__RecordBody body = HEARSAY__RECORD_BODY__INIT;
    const size_t tag_len = sizeof TAG - 1;
    size_t body_len;
    int rc;

    if (!record_is_sound(r) || memcmp(r->root, identity_root(id), KEY_BYTES) != 0)
        return -EINVAL;
    body.root = borrow(r->root, KEY_BYTES);
    body.operational = borrow(r->operational, KEY_BYTES);
    body.curve = borrow(r->curve, KEY_BYTES);
    body.name = borrow(r->name, strlen(r->name));
    body.publish = borrow(r->publish, strlen(r->publish));
    body.repair = borrow(r->repair, strlen(r->repair));
    body.serial = r->serial;
    body.not_after_s = r->not_after_s;
    body_len = hearsay__record_body__get_packed_size(&body);
    if (tag_len + body_len + SIGNATURE_BYTES > *len)
        return -ENOBUFS;
    memcpy(frame, TAG, tag_len);
    hearsay__record_body__pack(&body, frame + tag_len);
    rc = frame_sign(id, IDENTITY_ROOT, frame, tag_len + body_len);
    if (rc == 0)
        *len = tag_len + body_len + SIGNATURE_BYTES;
    return rc;
}

static int take_key(const ProtobufCBinaryData *from, uint8_t to[KEY_BYTES])
{
    if (from->len != KEY_BYTES)
        return -EINVAL;
    memcpy(to, from->data, KEY_BYTES);
    return 0;
}

/* A NUL within would end the text early for us and not for others. */
static int take_text(const ProtobufCBinaryData *from, char *to, size_t max)
{
    if (from->len > max || (from->len > 0 && memchr(from->data, '\0', from->len) != NULL))
        return -EINVAL;
    if (from->len > 0)
        memcpy(to, from->data, from->len);
    to[from->len] = '\0';
    return 0;
}

static int take_body(const Hearsay__RecordBody *body, struct record *r)
{
    if (take_key(&body->root, r->root) != 0 || take_key(&body->operational, r->operational) != 0 ||
        take_key(&body->curve, r->curve) != 0)
        return -EINVAL;
    if (take_text(&body->name, r->name, NAME_MAX_BYTES) != 0 ||
        take_text(&body->publish, r->publish, ENDPOINT_MAX_BYTES) != 0 ||
        take_text(&body->repair, r->repair, ENDPOINT_MAX_BYTES) != 0)
        return -EINVAL;
    r->serial = body->serial;
    r->not_after_s = body->not_after_s;
    return record_is_sound(r) ? 0 : -EINVAL;
}

static int decode(struct bytes body, struct record *r)
{
    struct arena *memory = arena_create(ARENA_FIRST, ARENA_MAX);
    Hearsay__RecordBody *decoded;
    int rc = -ENOMEM;

    if (memory == NULL)
        return -ENOMEM;
    decoded = hearsay__record_body__unpack(arena_allocator(memory), body.len, body.at);
    if (decoded != NULL)
        rc = take_body(decoded, r);
    else if (!arena_is_exhausted(memory))
        rc = -EINVAL;
    arena_destroy(memory);
    return rc;
}

int record_open(struct bytes frame, struct record *out)
{
    struct record r;
    struct bytes body;
    int rc = frame_body(frame, TAG, RECORD_FRAME_MAX, &body);

    if (rc == 0)
        rc = decode(body, &r);
    if (rc == 0)
        rc = frame_verify(frame, r.root);
    if (rc == 0)
        *out = r;
    return rc;
}

char *record_fingerprint(const uint8_t root[KEY_BYTES], char out[FINGERPRINT_MAX])
{
    enum { GROUPS = 5, GROUP_BYTES = 2 };
    uint8_t hash[HASH_BYTES];
    char *at = out;

    hash_sha256(root, KEY_BYTES, hash);
    for (size_t i = 0; i < GROUPS; i++) {
        if (i > 0)
            *at++ = '-';
        hex_text(hash + i * GROUP_BYTES, GROUP_BYTES, at);
        at += 2 * GROUP_BYTES;
    }
    return out;
}
