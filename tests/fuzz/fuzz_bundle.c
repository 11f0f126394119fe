/* The input is the text of a proof, or what its block holds. Whatever verified is what it says, and is in order. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proto/bundle.h"

static void claim_is_sound(const struct bundle *b)
{
    CLAIM(b->batches_n > 0 && b->batches_n <= BUNDLE_ITEMS_MAX && b->records_n <= BUNDLE_ITEMS_MAX);
    for (size_t i = 0; i < b->batches_n; i++) {
        const struct bundle_batch *x = &b->batches[i];
        CLAIM(x->record != NULL && x->record->serial == x->batch.record_serial && memcmp(x->record->root, x->batch.origin, KEY_BYTES) == 0);
        CLAIM(b->subject.len == 0 || strcmp(x->batch.federation, b->federation) == 0);
        bool about = b->subject.len == 0;
        for (size_t j = 0; j < x->batch.opinions_n; j++)
            about |= bundle_is_about(b, &x->batch.opinions[j]);
        CLAIM(about);
        CLAIM(!bundle_equivocates(b, i) || memcmp(x->batch.hash, b->batches[i + 1].batch.hash, HASH_BYTES) < 0);
    }
}

static void read_text(const char *text, size_t len)
{
    char why[BUNDLE_WHY_MAX] = "";
    struct bundle *b = NULL;
    int rc = bundle_read(text, len, &b, why);

    CLAIM((rc == 0) == (b != NULL) && (rc == 0) == (why[0] == '\0'));
    if (rc == 0)
        claim_is_sound(b);
    bundle_close(&b);
}

/* As a single frame of each kind. */
static void as_frames(const uint8_t *at, size_t len)
{
    const struct bytes half = { at, len / 2 }, rest = { at + len / 2, len - len / 2 };
    char *text = NULL;

    if (bundle_write(&half, 1, &rest, 1, &text) != 0)
        return;
    read_text(text, strlen(text));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len == 0)
        return 0;
    read_text((const char *)at, len);
    as_frames(at, len);
    return 0;
}
