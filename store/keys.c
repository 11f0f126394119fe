#include "store/keys.h"

#include <string.h>

#include "store/store_private.h"

/* Sets address bits beyond `bits` to zero and makes the key that of the prefix. */
static void widen(const struct subject *s, unsigned bits, struct subject *out)
{
    unsigned bytes = s->len - 2u;
    out->len = s->len;
    out->key[0] = s->key[0];
    for (unsigned i = 0; i < bytes; i++) {
        unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        unsigned mask = kept < 8 ? 0xff00u >> kept : 0xff;
        out->key[1 + i] = (uint8_t)(s->key[1 + i] & mask);
    }
    out->key[1 + bytes] = (uint8_t)bits;
}

void listed_keys(int64_t prefixes, const struct subject *s, struct listed_keys *out)
{
    int kind = subject_kind(s);
    out->n = 1;
    out->keys[0].len = s->len;
    memcpy(out->keys[0].key, s->key, s->len);
    if (kind != SUBJECT_IP4 && kind != SUBJECT_IP6)
        return;
    unsigned widest = kind == SUBJECT_IP4 ? 16 : 32, own = s->key[s->len - 1u];
    prefixes >>= kind == SUBJECT_IP4 ? PREFIX_BIT_IP4(16) : PREFIX_BIT_IP6(32);
    for (unsigned bits = own; bits-- > widest;)
        if ((prefixes >> (bits - widest) & 1) != 0)
            widen(s, bits, &out->keys[out->n++]);
}
