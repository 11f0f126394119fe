/* This member's own introductions: what the configuration says against what was signed last. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "node/daemon_parts.h"
#include "node/log.h"
#include "proto/introductions.h"

static const int64_t LIFE_S = 90 * 86400LL;      /* of an introduction that is renewed for as long as it stands in the configuration ... */
static const int64_t RENEW_S = 45 * 86400LL;     /* ... from so long before its end on */

struct wish {
    struct introduction entry;                   /* .frame points to `frame` */
    uint8_t frame[RECORD_FRAME_MAX];
    bool renewed;
};

struct own_list {
    uint8_t *frame;                              /* as stored; NULL: none */
    size_t len;
};

static int keep_list(void *ctx, struct bytes frame)
{
    struct own_list *own = ctx;

    own->frame = malloc(frame.len + 1);
    if (own->frame == NULL)
        return -ENOMEM;
    memcpy(own->frame, frame.at, frame.len);
    own->len = frame.len;
    return 0;
}

static int newest_record(void *ctx, const struct record *rec, struct bytes frame)
{
    struct wish *w = ctx;

    if (rec->serial > w->entry.record.serial && frame.len <= sizeof w->frame) {
        memcpy(w->frame, frame.at, frame.len);
        w->entry.record = *rec;
        w->entry.frame.len = frame.len;
    }
    return 1;                                    /* the first is the newest */
}

static int make_wish(struct daemon *d, const struct config_peer *p, int64_t now_s, struct wish *w)
{
    int rc;

    w->entry.record = p->record;
    w->entry.share_milli = p->introduce_milli;
    w->renewed = p->introduce_until_s == 0;
    w->entry.expires_s = w->renewed ? now_s + LIFE_S : p->introduce_until_s;
    memcpy(w->frame, p->frame, p->frame_len);
    w->entry.frame = (struct bytes){ w->frame, p->frame_len };
    rc = reader_records(d->reader, p->record.root, newest_record, w);
    return rc < 0 ? rc : 0;
}

/* Who has left is nobody to vouch for any more. */
static int add_wish(struct daemon *d, const struct config_peer *p, int64_t now_s, struct wish *wishes, size_t *n)
{
    int rc = make_wish(d, p, now_s, &wishes[*n]);

    if (rc == 0 && !record_is_farewell(&wishes[*n].entry.record))
        (*n)++;
    return rc;
}

/* Nobody vouches for one of whom it believes nothing. */
static bool is_wanted(const struct config_peer *p, int64_t now_s)
{
    return p->introduce_milli > 0 && p->trust_micro > 0 && (p->introduce_until_s == 0 || p->introduce_until_s > now_s);
}

static int make_wishes(struct daemon *d, int64_t now_s, struct wish **out, size_t *n)
{
    const struct config *c = d->config;
    int rc = 0;

    *n = 0;
    *out = calloc(INTRODUCTIONS_MAX, sizeof **out);
    if (*out == NULL)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < c->peers_n; i++) {
        if (is_wanted(&c->peers[i], now_s) && *n < INTRODUCTIONS_MAX)
            rc = add_wish(d, &c->peers[i], now_s, *out, n);
    }
    return rc;
}

static const struct introduction *find(const struct introductions *list, const uint8_t root[KEY_BYTES])
{
    for (size_t i = 0; i < list->n; i++) {
        if (memcmp(list->list[i].record.root, root, KEY_BYTES) == 0)
            return &list->list[i];
    }
    return NULL;
}

static bool is_said(const struct introductions *list, const struct wish *w, int64_t now_s)
{
    const struct introduction *e = find(list, w->entry.record.root);

    if (e == NULL || e->share_milli != w->entry.share_milli || e->record.serial != w->entry.record.serial)
        return false;
    return w->renewed ? e->expires_s >= now_s + RENEW_S && e->expires_s <= now_s + LIFE_S + 86400 : e->expires_s == w->entry.expires_s;
}

/* Entries that are over do not count: nobody heeds them, and a new list for their sake would be noise. */
static bool is_current(const struct daemon *d, const struct introductions *list, const struct wish *wishes, size_t n, int64_t now_s)
{
    size_t living = 0;

    for (size_t i = 0; i < list->n; i++)
        living += list->list[i].expires_s > now_s;
    for (size_t i = 0; i < n; i++) {
        if (!is_said(list, &wishes[i], now_s))
            return false;
    }
    return living == n && (n == 0 || list->record_serial == d->record.serial);
}

static int sign(struct daemon *d, const struct wish *wishes, size_t n, uint64_t serial_above, int64_t now_s)
{
    struct introductions list = { .record_serial = d->record.serial, .time_s = now_s, .n = n };
    uint8_t *frame = NULL;
    size_t len = 0;
    int rc;

    list.serial = serial_above >= (uint64_t)now_s ? serial_above + 1 : (uint64_t)now_s;
    memcpy(list.introducer, identity_root(d->identity), KEY_BYTES);
    memcpy(list.federation, d->config->federation, sizeof list.federation);
    list.list = calloc(n + 1, sizeof *list.list);
    if (list.list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        list.list[i] = wishes[i].entry;
    rc = introductions_seal(&list, d->identity, &frame, &len);
    free(list.list);
    if (rc == 0)
        rc = store_thread_introductions(d->store, list.introducer, (struct bytes){ frame, len });
    free(frame);
    if (rc == 0)
        log_info("introductions: signed a list of %zu, serial %llu", n, (unsigned long long)list.serial);
    return rc;
}

/* A list under a key or of a federation of former times cannot be opened, and is replaced. */
static int compare_and_sign(struct daemon *d, const struct own_list *own, const struct wish *wishes, size_t n, int64_t now_s)
{
    struct introductions list = { .n = 0 };
    struct introductions_name name;
    uint64_t above = 0;
    bool current = own->frame == NULL && n == 0;

    if (own->frame != NULL && introductions_peek((struct bytes){ own->frame, own->len }, &name) == 0)
        above = stamp_serial(name.stamp);
    if (own->frame != NULL &&
        introductions_open((struct bytes){ own->frame, own->len }, d->record.operational, d->config->federation, &list) == 0)
        current = is_current(d, &list, wishes, n, now_s);
    introductions_close(&list);
    return current ? 0 : sign(d, wishes, n, above, now_s);
}

void introduce_refresh(struct daemon *d)
{
    struct own_list own = { NULL, 0 };
    struct wish *wishes = NULL;
    size_t n = 0;
    int64_t now_s = daemon_now_s();
    int rc;

    if (renew_is_over(&d->record, now_s))
        return;                                  /* nobody would take what is signed under it */
    rc = reader_lists(d->reader, d->self, keep_list, &own);
    if (rc == 0)
        rc = make_wishes(d, now_s, &wishes, &n);
    if (rc == 0)
        rc = compare_and_sign(d, &own, wishes, n, now_s);
    free(wishes);
    free(own.frame);
    if (rc != 0 && rc != d->introduce_failed)
        log_error("introductions: cannot sign this member's list: %s", rc == -EMSGSIZE ? "too many with long records; introduce fewer" : strerror(-rc));
    d->introduce_failed = rc;
}
