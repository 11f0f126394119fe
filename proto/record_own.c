/* The member's own record, kept in a file of one line. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/durable.h"
#include "proto/record.h"

static const int64_t LIFE_S = 90 * 86400LL;
static const int64_t RENEW_S = 45 * 86400LL;

struct sealed {
    struct record record;
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len;
};

static int read_card(const char *path, char text[CARD_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, text, CARD_MAX - 1);
    if (n < 0)
        rc = -errno;
    else
        text[n] = '\0';
    close(fd);
    return rc;
}

/* The stored record of this identity. -ENOENT when there is none that can be used: absent, damaged, or somebody else's. */
static int load_own(const char *path, const struct identity *id, struct sealed *out)
{
    char text[CARD_MAX];
    int rc = read_card(path, text);

    if (rc != 0)
        return rc;
    out->len = sizeof out->frame;
    if (card_decode(text, out->frame, &out->len) != 0 ||
        record_open((struct bytes){ out->frame, out->len }, &out->record) != 0 ||
        memcmp(out->record.root, identity_root(id), KEY_BYTES) != 0)
        return -ENOENT;
    return 0;
}

static int store_own(const char *path, const struct sealed *s)
{
    char text[CARD_MAX + 1];
    int rc = card_encode((struct bytes){ s->frame, s->len }, text, CARD_MAX);

    if (rc != 0)
        return rc;
    strcat(text, "\n");
    return durable_replace(path, text, strlen(text), 0644);
}

static bool same_keys(const struct record *r, const struct identity *id)
{
    return memcmp(r->operational, identity_operational(id), KEY_BYTES) == 0 &&
           memcmp(r->curve, identity_curve(id), KEY_BYTES) == 0;
}

static bool same_words(const struct record *a, const struct record *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->publish, b->publish) == 0 && strcmp(a->repair, b->repair) == 0;
}

/* The time as a serial: a record made after the file was lost is still newer than what the others hold. */
static int renew(const struct identity *id, const struct record *want, uint64_t serial_above, int64_t now_s, struct sealed *out)
{
    out->record = *want;
    memcpy(out->record.root, identity_root(id), KEY_BYTES);
    memcpy(out->record.operational, identity_operational(id), KEY_BYTES);
    memcpy(out->record.curve, identity_curve(id), KEY_BYTES);
    out->record.serial = serial_above >= (uint64_t)now_s ? serial_above + 1 : (uint64_t)now_s;
    out->record.not_after_s = now_s + LIFE_S;
    out->len = sizeof out->frame;
    return record_seal(&out->record, id, out->frame, &out->len);
}

static int hand_out(const struct sealed *s, struct record *out, uint8_t *frame, size_t *len)
{
    if (s->len > *len)
        return -ENOBUFS;
    memcpy(frame, s->frame, s->len);
    *len = s->len;
    *out = s->record;
    return 0;
}

int record_current(const char *path, const struct identity *id, const struct record *want, int64_t now_s,
                   struct record *out, uint8_t *frame, size_t *len)
{
    struct sealed stored, fresh;
    int rc = load_own(path, id, &stored);
    bool usable = rc == 0 && same_keys(&stored.record, id) && stored.record.not_after_s > now_s;

    if (rc != 0 && rc != -ENOENT)
        return rc;
    if (usable && (!identity_has_root(id) ||
                   (same_words(&stored.record, want) && stored.record.not_after_s >= now_s + RENEW_S)))
        return hand_out(&stored, out, frame, len);
    if (now_s <= 0)
        return -EINVAL;
    rc = renew(id, want, rc == 0 ? stored.record.serial : 0, now_s, &fresh);
    if (rc == 0)
        rc = store_own(path, &fresh);
    return rc == 0 ? hand_out(&fresh, out, frame, len) : rc;
}
