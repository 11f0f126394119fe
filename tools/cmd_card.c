/* `hearsay card`: what another member needs to know this one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/args.h"
#include "tools/card.h"
#include "tools/command.h"
#include "tools/home.h"
#include "tools/say.h"

static int say_card_json(const struct record *r, const char *card)
{
    char root[2 * KEY_BYTES + 1], fingerprint[FINGERPRINT_MAX];
    json_t *endpoints = json_pack("{s:s, s:s}", "publish", r->publish, "repair", r->repair);
    return say_json(json_pack("{s:b, s:s, s:s, s:s, s:o, s:I, s:I, s:s}", "ok", 1, "name", r->name, "root", hex_text(r->root, KEY_BYTES, root), "fingerprint",
                              record_fingerprint(r->root, fingerprint), "endpoints", endpoints, "serial", (json_int_t)r->serial, "expires_s",
                              (json_int_t)r->not_after_s, "card", card),
                    STATUS_DONE);
}

int card_current(const struct home *h, struct card_now *out)
{
    struct record want;
    config_record(h->config, h->identity, &want);
    out->len = sizeof out->frame;
    int rc = record_current(h->config->card, h->identity, &want, now_unix_s(), &out->record, out->frame, &out->len);
    if (rc == 0 && out->record.not_after_s <= now_unix_s())
        say_warning("this card is over: %s", record_is_farewell(&out->record) ? "this member has left; hearsay rotate brings it back"
                                                                              : "bring the root key and say hearsay rotate --root FILE");
    if (rc == 0)
        return 0;
    if (rc == -ENOKEY)
        say_error("there is no record of these keys, and the root key is not in %s: bring it and say hearsay rotate --root FILE", h->config->identity);
    else
        say_error("%s: %s", h->config->card, strerror(-rc));
    return STATUS_USAGE;
}

static int current_card(const struct home *h, struct record *r, char card[CARD_MAX])
{
    struct card_now now;
    int rc = card_current(h, &now);
    if (rc != 0)
        return rc;
    *r = now.record;
    return card_encode((struct bytes){ now.frame, now.len }, card, CARD_MAX) == 0 ? 0 : STATUS_USAGE;
}

int cmd_card(struct call *call)
{
    struct home h = { 0 };
    struct record r;
    char card[CARD_MAX];
    int rc = args_take(call, NULL, 0, 0, 0);
    if (rc == 0)
        rc = home_open(call, HOME_KEYS, &h);
    if (rc == 0)
        rc = current_card(&h, &r, card);
    if (rc == 0 && call->json)
        rc = say_card_json(&r, card);
    else if (rc == 0)
        puts(card);
    home_close(&h);
    return rc;
}
