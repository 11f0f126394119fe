/* The input is the body of a list of introductions, signed here as its introducer would; or a whole frame from a stranger. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proto/introductions.h"
#include "tests/identities.h"

#define TAG "hearsay-introductions-1\n"

static const struct identity *signer(void)
{
    static struct identity *id;

    if (id == NULL)
        id = fixed_identity();
    return id;
}

static void claim_is_sealed_again(struct introductions *list)
{
    struct introductions again;
    uint8_t *frame;
    size_t len;

    CLAIM(introductions_seal(list, signer(), &frame, &len) == 0);
    CLAIM(introductions_open((struct bytes){ frame, len }, identity_operational(signer()), "unit", &again) == 0);
    CLAIM(again.n == list->n && again.serial == list->serial && again.record_serial == list->record_serial && again.time_s == list->time_s);
    for (size_t i = 0; i < again.n; i++) {
        CLAIM(again.list[i].share_milli == list->list[i].share_milli && again.list[i].expires_s == list->list[i].expires_s);
        CLAIM(memcmp(again.list[i].record.root, list->list[i].record.root, KEY_BYTES) == 0);
        CLAIM(i == 0 || memcmp(again.list[i - 1].record.root, again.list[i].record.root, KEY_BYTES) < 0);
    }
    free(frame);
    introductions_close(&again);
}

static void open_frame(struct bytes frame)
{
    struct introductions list;
    struct introductions_name name;
    int peeked = introductions_peek(frame, &name);
    int rc = introductions_open(frame, identity_operational(signer()), "unit", &list);

    CLAIM(peeked == 0 || peeked == -EINVAL);
    CLAIM(rc == 0 || rc == -EINVAL || rc == -EBADMSG || rc == -EXDEV);
    if (rc != 0)
        return;
    CLAIM(peeked == 0 && memcmp(name.stamp, list.stamp, STAMP_BYTES) == 0 && memcmp(name.introducer, list.introducer, KEY_BYTES) == 0);
    CLAIM(list.n <= INTRODUCTIONS_MAX);
    if (memcmp(list.introducer, identity_root(signer()), KEY_BYTES) == 0)
        claim_is_sealed_again(&list);
    introductions_close(&list);
}

static void as_body(const uint8_t *at, size_t len)
{
    static uint8_t frame[INTRODUCTIONS_FRAME_MAX];
    const size_t tag_len = sizeof TAG - 1;

    if (len > sizeof frame - tag_len - SIGNATURE_BYTES)
        return;
    memcpy(frame, TAG, tag_len);
    if (len > 0)
        memcpy(frame + tag_len, at, len);
    CLAIM(identity_sign(signer(), IDENTITY_OPERATIONAL, frame, tag_len + len, frame + tag_len + len) == 0);
    open_frame((struct bytes){ frame, tag_len + len + SIGNATURE_BYTES });
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    open_frame((struct bytes){ at, len });
    as_body(at, len);
    return 0;
}
