/* The input is a batch's body, signed here as its author would, and, read another way, a whole frame from a stranger. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proto/batch.h"
#include "tests/identities.h"

#define TAG "hearsay-batch-1\n"
#define FEDERATION "example-coalition"

static const struct identity *signer(void)
{
    static struct identity *id;

    if (id == NULL)
        id = fixed_identity();
    return id;
}

/* What was opened can be sealed again, and says the same. */
static void claim_is_sealed_again(struct batch *b)
{
    struct batch again;
    uint8_t *frame;
    size_t len;

    CLAIM(batch_seal(b, signer(), &frame, &len) == 0);
    CLAIM(batch_open((struct bytes){ frame, len }, identity_operational(signer()), FEDERATION, &again) == 0);
    CLAIM(memcmp(again.hash, b->hash, HASH_BYTES) == 0);
    CLAIM(again.epoch == b->epoch && again.seq == b->seq && again.time_s == b->time_s && again.record_serial == b->record_serial);
    CLAIM(again.floor_epoch == b->floor_epoch && again.floor_seq == b->floor_seq);
    CLAIM(again.opinions_n == b->opinions_n && again.categories_n == b->categories_n);
    for (size_t i = 0; i < b->opinions_n; i++) {
        const struct opinion *x = &b->opinions[i], *y = &again.opinions[i];
        CLAIM(x->key_len == y->key_len && memcmp(x->key, y->key, x->key_len) == 0 && x->category == y->category);
        CLAIM(x->black == y->black && x->white == y->white && x->time_s == y->time_s);
    }
    batch_close(&again);
    free(frame);
}

static void open_frame(struct bytes frame)
{
    struct batch_name name;
    struct batch b;
    int peeked = batch_peek(frame, &name);
    int rc = batch_open(frame, identity_operational(signer()), FEDERATION, &b);

    CLAIM(rc != -ENOMEM);
    if (rc != 0)
        return;
    CLAIM(peeked == 0);
    CLAIM(memcmp(name.origin, b.origin, KEY_BYTES) == 0 && memcmp(name.hash, b.hash, HASH_BYTES) == 0);
    CLAIM(name.epoch == b.epoch && name.seq == b.seq && name.record_serial == b.record_serial);
    if (memcmp(b.origin, identity_root(signer()), KEY_BYTES) == 0)
        claim_is_sealed_again(&b);
    batch_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    const size_t tag_len = sizeof TAG - 1;
    uint8_t *frame;

    open_frame((struct bytes){ at, len });
    if (len > BATCH_FRAME_MAX)
        return 0;
    frame = malloc(tag_len + len + SIGNATURE_BYTES);
    CLAIM(frame != NULL);
    memcpy(frame, TAG, tag_len);
    if (len > 0)
        memcpy(frame + tag_len, at, len);
    CLAIM(identity_sign(signer(), IDENTITY_OPERATIONAL, frame, tag_len + len, frame + tag_len + len) == 0);
    open_frame((struct bytes){ frame, tag_len + len + SIGNATURE_BYTES });
    free(frame);
    return 0;
}
