/* The input is a record's body, signed here as its member would; or a whole frame from a stranger; or the text of a card. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proto/record.h"
#include "tests/identities.h"

#define TAG "hearsay-record-1\n"

static const struct identity *signer(void)
{
    static struct identity *id;

    if (id == NULL)
        id = fixed_identity();
    return id;
}

static void claim_is_sealed_again(const struct record *r)
{
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    struct record again;

    CLAIM(record_seal(r, signer(), frame, &len) == 0);
    CLAIM(record_open((struct bytes){ frame, len }, &again) == 0);
    CLAIM(strcmp(again.name, r->name) == 0 && strcmp(again.publish, r->publish) == 0 && strcmp(again.repair, r->repair) == 0);
    CLAIM(again.serial == r->serial && again.not_after_s == r->not_after_s);
}

static void open_frame(struct bytes frame)
{
    struct record r;
    int rc = record_open(frame, &r);

    CLAIM(rc != -ENOMEM);
    if (rc == 0 && memcmp(r.root, identity_root(signer()), KEY_BYTES) == 0)
        claim_is_sealed_again(&r);
}

static void as_body(const uint8_t *at, size_t len)
{
    uint8_t frame[RECORD_FRAME_MAX];
    const size_t tag_len = sizeof TAG - 1;

    if (len > sizeof frame - tag_len - SIGNATURE_BYTES)
        return;
    memcpy(frame, TAG, tag_len);
    if (len > 0)
        memcpy(frame + tag_len, at, len);
    CLAIM(identity_sign(signer(), IDENTITY_ROOT, frame, tag_len + len, frame + tag_len + len) == 0);
    open_frame((struct bytes){ frame, tag_len + len + SIGNATURE_BYTES });
}

/* A card has one spelling: what was read is written again as it was, but for the blanks around it. */
static void as_card(const uint8_t *at, size_t len)
{
    char text[CARD_MAX + 64], again[CARD_MAX];
    uint8_t frame[RECORD_FRAME_MAX];
    size_t frame_len = sizeof frame;

    if (len >= sizeof text)
        return;
    if (len > 0)
        memcpy(text, at, len);
    text[len] = '\0';
    if (card_decode(text, frame, &frame_len) != 0)
        return;
    CLAIM(card_encode((struct bytes){ frame, frame_len }, again, sizeof again) == 0);
    CLAIM(strstr(text, again) != NULL);
    open_frame((struct bytes){ frame, frame_len });
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    char text[ENDPOINT_MAX_BYTES + 2];

    open_frame((struct bytes){ at, len });
    as_body(at, len);
    as_card(at, len);
    if (len < sizeof text) {
        if (len > 0)
            memcpy(text, at, len);
        text[len] = '\0';
        endpoint_is_valid(text);
    }
    return 0;
}
