/* The input is the text of an invite; or the body of one, signed here as the inviter would. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proto/armour.h"
#include "proto/invite.h"
#include "tests/identities.h"

#define TAG "hearsay-invite-1\n"

static const struct identity *signer(void)
{
    static struct identity *id;

    if (id == NULL)
        id = fixed_identity();
    return id;
}

static void open_text(const char *text)
{
    struct invite i, again;
    char sealed[INVITE_TEXT_MAX];
    int rc = invite_open(text, &i);

    CLAIM(rc == 0 || rc == -EINVAL || rc == -EBADMSG);
    if (rc != 0 || memcmp(i.record.operational, identity_operational(signer()), KEY_BYTES) != 0)
        return;
    CLAIM(i.record.repair[0] != '\0');
    CLAIM(invite_seal(&i, signer(), sealed, sizeof sealed) == 0 && invite_open(sealed, &again) == 0);
    CLAIM(again.expires_s == i.expires_s && strcmp(again.federation, i.federation) == 0 && again.frame_len == i.frame_len);
    CLAIM(memcmp(again.curve_secret, i.curve_secret, KEY_BYTES) == 0 && memcmp(again.frame, i.frame, i.frame_len) == 0);
}

static void as_body(const uint8_t *at, size_t len)
{
    uint8_t frame[INVITE_FRAME_MAX];
    char text[INVITE_TEXT_MAX];
    const size_t tag_len = sizeof TAG - 1;

    if (len > sizeof frame - tag_len - SIGNATURE_BYTES)
        return;
    memcpy(frame, TAG, tag_len);
    if (len > 0)
        memcpy(frame + tag_len, at, len);
    CLAIM(identity_sign(signer(), IDENTITY_OPERATIONAL, frame, tag_len + len, frame + tag_len + len) == 0);
    CLAIM(armour_encode("hearsay-invite1:", (struct bytes){ frame, tag_len + len + SIGNATURE_BYTES }, text, sizeof text) == 0);
    open_text(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    char text[2 * INVITE_TEXT_MAX];

    as_body(at, len);
    if (len >= sizeof text)
        return 0;
    if (len > 0)
        memcpy(text, at, len);
    text[len] = '\0';
    open_text(text);
    return 0;
}
