/* This member's own record and keys while the node runs: taken over from the files, renewed in time, told to the mesh and to who signs batches. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/daemon_parts.h"
#include "node/log.h"

enum { RENEW_RETRY_S = 60 };
static const int64_t WARN_S = 30 * 86400;

int daemon_make_record(struct daemon *d, const struct config *c, char *why)
{
    struct record want;

    config_record(c, d->identity, &want);
    d->record_len = sizeof d->record_frame;
    int rc = record_current(c->card, d->identity, &want, daemon_now_s(), &d->record, d->record_frame, &d->record_len);
    if (rc != 0)
        snprintf(why, CONFIG_WHY_MAX, "cannot make this member's record in %s: %s%s", c->card, strerror(-rc),
                 rc == -ENOKEY ? "; bring the root key and say `hearsay rotate --root FILE`" : "");
    return rc;
}

bool renew_is_over(const struct record *r, int64_t now_s)
{
    return r->not_after_s <= now_s;
}

uint64_t renew_serial(const struct daemon *d)
{
    return renew_is_over(&d->record, daemon_now_s()) ? 0 : d->record.serial;
}

/* The store before the mesh and before the first batch that names it. */
int renew_tell(struct daemon *d)
{
    struct mesh_net *mesh = atomic_load(&d->mesh);
    struct bytes frame = { d->record_frame, d->record_len };
    int rc = store_thread_record(d->store, d->record.root, d->record.serial, frame);

    if (rc == 0 && mesh != NULL)
        rc = mesh_net_identity(mesh, d->identity, frame);
    if (rc == 0)
        rc = store_thread_signer(d->store, d->identity, renew_serial(d));
    d->record_over = renew_is_over(&d->record, daemon_now_s());
    return rc;
}

/* *changed: another record than before, or other keys. */
static int take_over(struct daemon *d, const struct config *c, struct identity *fresh, bool *changed, char *why)
{
    struct identity *old = d->identity;
    uint64_t serial = d->record.serial;
    int rc;

    d->identity = fresh;
    rc = daemon_make_record(d, c, why);
    if (rc != 0) {
        char ignored[CONFIG_WHY_MAX];
        d->identity = old;
        identity_destroy(&fresh);
        daemon_make_record(d, c, ignored);
        return rc;
    }
    *changed = d->record.serial != serial || memcmp(identity_curve(old), identity_curve(fresh), KEY_BYTES) != 0;
    identity_destroy(&old);
    return 0;
}

int renew_reload(struct daemon *d, const struct config *c, char *why)
{
    struct identity *fresh = NULL;
    bool changed = false;
    int rc = identity_load(d->config->identity, &fresh);

    if (rc != 0) {
        snprintf(why, CONFIG_WHY_MAX, "%.900s: %s; the keys stay as they are", d->config->identity, strerror(-rc));
        return rc;
    }
    if (memcmp(identity_root(fresh), identity_root(d->identity), KEY_BYTES) != 0) {
        snprintf(why, CONFIG_WHY_MAX, "%.900s is another member's now: that takes a restart", d->config->identity);
        identity_destroy(&fresh);
        return -EINVAL;
    }
    rc = take_over(d, c, fresh, &changed, why);
    if (rc != 0 || !changed)
        return rc;
    log_info("own record: serial %llu%s", (unsigned long long)d->record.serial, record_is_farewell(&d->record) ? ", a farewell: this member has left" : "");
    rc = renew_tell(d);
    if (rc != 0)
        snprintf(why, CONFIG_WHY_MAX, "too much is waiting for the disk; try again");
    return rc;
}

static void renew(struct daemon *d, int64_t now_s)
{
    char why[CONFIG_WHY_MAX] = "";
    uint64_t serial = d->record.serial;
    int rc = daemon_make_record(d, d->config, why);

    if (rc == 0 && d->record.serial != serial) {
        log_info("own record: renewed, serial %llu", (unsigned long long)d->record.serial);
        rc = renew_tell(d);
    }
    d->renew_at_s = now_s + RENEW_RETRY_S;
    if (rc != 0 && !d->renew_failed)
        log_error("own record: it is time to renew it: %s", why[0] != '\0' ? why : strerror(-rc));
    d->renew_failed = rc != 0;
}

void renew_tick(struct daemon *d)
{
    int64_t now_s = daemon_now_s();

    if (now_s >= d->renew_at_s && identity_has_root(d->identity) && !record_is_farewell(&d->record) && now_s > record_renew_s(&d->record))
        renew(d, now_s);
    if (d->record_over == renew_is_over(&d->record, now_s))
        return;
    d->record_over = !d->record_over;
    if (d->record_over && !record_is_farewell(&d->record))
        log_error("own record: it has run out: other members are told nothing until there is a new one; say `hearsay rotate`");
    store_thread_signer(d->store, d->identity, renew_serial(d));
}

static void settle(struct identity *id, enum net_keys what)
{
    switch (what) {
    case NET_KEYS_LEFT:
        identity_leave_before(id, daemon_now_s());
        break;
    case NET_KEYS_HEARD:               /* not the key before: another change may have begun meanwhile */
        identity_forget_left(id);
        break;
    case NET_KEYS_OVER:
        identity_end_left(id, daemon_now_s());
        break;
    }
}

/* A rotation may have come in between: the file is read again, and only the very key that is out of use leaves its place. What is left by age is so in any case. */
void renew_keys(struct daemon *d, enum net_keys what)
{
    struct identity *kept = NULL;
    const struct curve_left *left;
    int rc = identity_load(d->config->identity, &kept);

    if (rc == 0 && (what == NET_KEYS_OVER || memcmp(identity_curve(kept), identity_curve(d->identity), KEY_BYTES) == 0) &&
        (identity_curve_before(kept) != NULL || identity_left(kept, &left) > 0)) {
        settle(kept, what);
        rc = identity_replace(kept, d->config->identity);
    }
    if (rc != 0)
        log_warning("%s: %s: the CURVE key before the present one stays in it until the next start", d->config->identity, strerror(-rc));
    settle(d->identity, what);
    identity_destroy(&kept);
}

/* What a warning should be given for from when on: early enough to find the root key, not from the first day of a short life. */
int64_t renew_warn_s(int64_t serial, int64_t not_after_s)
{
    int64_t life_s = not_after_s - serial;

    return not_after_s - (life_s > 0 && life_s / 2 < WARN_S ? life_s / 2 : WARN_S);
}
