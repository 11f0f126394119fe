/* The member's own record, kept in a file of one line. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/durable.h"
#include "proto/record.h"

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

static bool same_keys(const struct record *r, const struct identity *id)
{
    return memcmp(r->operational, identity_operational(id), KEY_BYTES) == 0 &&
           memcmp(r->curve, identity_curve(id), KEY_BYTES) == 0;
}

static bool same_words(const struct record *a, const struct record *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->publish, b->publish) == 0 && strcmp(a->repair, b->repair) == 0;
}

/* False when it cannot be used: damaged, or somebody else's. */
static bool open_own(struct sealed *s, const struct identity *id)
{
    return record_open((struct bytes){ s->frame, s->len }, &s->record) == 0 && memcmp(s->record.root, identity_root(id), KEY_BYTES) == 0;
}

/* What is stored of this member: the newest record that names these keys, and the highest serial of all, whatever keys they name. */
struct stored {
    struct sealed best;
    bool any;
    bool in_card;                    /* `best` is what the card says */
    uint64_t serial;
};

static void consider(struct stored *st, struct sealed *s, const struct identity *id, bool in_card)
{
    if (!open_own(s, id))
        return;
    if (s->record.serial > st->serial)
        st->serial = s->record.serial;
    if (!same_keys(&s->record, id) || (st->any && s->record.serial <= st->best.record.serial))
        return;
    st->best = *s;
    st->any = true;
    st->in_card = in_card;
}

/* 0, also when nothing is there; -errno when the card cannot be read. */
static int load_stored(const char *path, const struct identity *id, struct stored *st)
{
    struct sealed s;
    struct bytes kept = identity_record(id);
    char text[CARD_MAX];
    int rc = read_card(path, text);

    memset(st, 0, sizeof *st);
    if (rc != 0 && rc != -ENOENT)
        return rc;
    s.len = sizeof s.frame;
    if (rc == 0 && card_decode(text, s.frame, &s.len) == 0)
        consider(st, &s, id, true);
    if (kept.len > 0 && kept.len <= sizeof s.frame) {
        memcpy(s.frame, kept.at, kept.len);
        s.len = kept.len;
        consider(st, &s, id, false);
    }
    return 0;
}

int record_put_card(const char *path, struct bytes frame)
{
    char text[CARD_MAX + 1];
    int rc = card_encode(frame, text, CARD_MAX);

    if (rc != 0)
        return rc;
    strcat(text, "\n");
    return durable_replace(path, text, strlen(text), 0644);
}

bool record_is_farewell(const struct record *r)
{
    return r->not_after_s <= (int64_t)r->serial;
}

int64_t record_renew_s(const struct record *r)
{
    int64_t life_s = r->not_after_s - (int64_t)r->serial;        /* signed at its serial, by custom */

    return r->not_after_s - (life_s > 0 && life_s / 2 < RENEW_S ? life_s / 2 : RENEW_S);
}

/* The time as a serial: a record made after the file was lost is still newer than what the others hold. */
static int sign(const struct identity *id, const struct record *want, uint64_t serial_above, int64_t life_s, int64_t now_s, struct sealed *out)
{
    int64_t serial = serial_above >= (uint64_t)now_s ? (int64_t)serial_above + 1 : now_s;

    out->record = *want;
    memcpy(out->record.root, identity_root(id), KEY_BYTES);
    memcpy(out->record.operational, identity_operational(id), KEY_BYTES);
    memcpy(out->record.curve, identity_curve(id), KEY_BYTES);
    out->record.serial = (uint64_t)serial;
    out->record.not_after_s = life_s > 0 ? serial + life_s : now_s;
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

static bool is_good(const struct sealed *s, const struct identity *id, const struct record *want, int64_t now_s)
{
    if (!identity_has_root(id) || record_is_farewell(&s->record))
        return true;
    return same_words(&s->record, want) && now_s <= record_renew_s(&s->record);
}

int record_current(const char *path, const struct identity *id, const struct record *want, int64_t now_s,
                   struct record *out, uint8_t *frame, size_t *len)
{
    struct stored st;
    struct sealed fresh;
    int rc = load_stored(path, id, &st);

    if (rc != 0)
        return rc;
    if (st.any && is_good(&st.best, id, want, now_s)) {
        rc = st.in_card ? 0 : record_put_card(path, (struct bytes){ st.best.frame, st.best.len });
        return rc == 0 ? hand_out(&st.best, out, frame, len) : rc;
    }
    if (now_s <= 0)
        return -EINVAL;
    rc = sign(id, want, st.serial, RECORD_LIFE_S, now_s, &fresh);
    if (rc == 0)
        rc = record_put_card(path, (struct bytes){ fresh.frame, fresh.len });
    return rc == 0 ? hand_out(&fresh, out, frame, len) : rc;
}

int record_renew(const char *path, struct identity *id, const struct record *want, int64_t life_s, int64_t now_s, struct record *out)
{
    struct stored st;
    struct sealed fresh;
    int rc = now_s > 0 ? load_stored(path, id, &st) : -EINVAL;

    if (rc == 0)
        rc = sign(id, want, st.serial, life_s, now_s, &fresh);
    if (rc == 0)
        rc = identity_set_record(id, (struct bytes){ fresh.frame, fresh.len });
    if (rc == 0)
        *out = fresh.record;
    return rc;
}
