/* The input is a subject's text, and, read another way, a subject's key. */
#include <string.h>

#include "fuzz.h"
#include "proto/protect.h"
#include "proto/subject.h"

static const uint8_t sender_key[HASH_BYTES] = "a key for tests, of 32 bytes ...";

static void claim_key_and_text_agree(const struct subject *s)
{
    struct subject again;
    char text[SUBJECT_TEXT_MAX];
    const char *reason;

    CLAIM(subject_from_key(s->key, s->len, &again) == 0);
    CLAIM(subject_compare(s, &again) == 0);
    subject_text(s, text);
    CLAIM(strlen(text) < SUBJECT_TEXT_MAX);
    if (subject_is_reserved(s)) {
        CLAIM(subject_parse(text, strlen(text), sender_key, &again, &reason) < 0);
    } else {
        CLAIM(subject_parse(text, strlen(text), sender_key, &again, &reason) == 0);
        CLAIM(subject_compare(s, &again) == 0);
    }
}

static void as_text(const uint8_t *at, size_t len)
{
    struct subject s;
    const char *reason = NULL;
    struct network n;
    char text[NETWORK_TEXT_MAX];

    if (subject_parse((const char *)at, len, sender_key, &s, &reason) == 0) {
        CLAIM(!subject_is_reserved(&s));
        claim_key_and_text_agree(&s);
    } else {
        CLAIM(reason != NULL && reason[0] != '\0');
    }
    if (network_parse((const char *)at, len, &n) == 0)
        CLAIM(strlen(network_text(&n, text)) < NETWORK_TEXT_MAX);
}

static void as_key(const uint8_t *at, size_t len)
{
    struct subject s;

    if (subject_from_key(at, len, &s) == 0)
        claim_key_and_text_agree(&s);
}

/* Whatever protects a text covers the subject of that text. */
static void as_protected(const uint8_t *at, size_t len)
{
    struct protect *p = protect_create();
    char text[512];
    struct subject s;
    const char *reason;

    CLAIM(p != NULL);
    if (len < sizeof text && memchr(at, '\0', len) == NULL) {
        memcpy(text, at, len);
        text[len] = '\0';
        if (protect_add(p, text) == 0 && subject_parse(text, len, sender_key, &s, &reason) == 0)
            CLAIM(protect_covers(p, &s));
    }
    protect_destroy(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    as_text(at, len);
    as_key(at, len);
    as_protected(at, len);
    return 0;
}
