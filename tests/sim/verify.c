/* Signatures, checked once for the same bytes and key: Ed25519 is most of what a run costs, and every node checks every batch.
 * The linker puts this in the place of proto's signature_verify() (--wrap). Bytes that differ in one bit are another entry, and really checked. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

int __real_signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES]);
int __wrap_signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES]);

/* 128 bits of key, what is signed, and signature: two sums that no bytes of a run agree in by chance. The bytes themselves would be most of the memory of a large coalition. */
struct sums { uint64_t a, b; };
struct verified {
    struct sums of;                            /* zeros: free */
    int rc;
};
static struct verified *table;
static size_t room, filled;
uint64_t verify_asked, verify_done;

static struct sums mix(struct sums s, const uint8_t *at, size_t len)
{
    for (; len > 0; at += 8, len -= 8) {
        uint64_t word = 0;
        memcpy(&word, at, len < 8 ? len : 8);
        s.a = (s.a ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        s.a ^= s.a >> 29;
        s.b = (s.b + word) * UINT64_C(0xd6e8feb86659fd93);
        s.b ^= s.b >> 32;
        if (len < 8)
            break;
    }
    return s;
}

static bool is_free(const struct verified *v)
{
    return v->of.a == 0 && v->of.b == 0;
}

static size_t place_of(struct sums s)
{
    size_t place = (size_t)s.a & (room - 1);

    while (!is_free(&table[place]) && (table[place].of.a != s.a || table[place].of.b != s.b))
        place = (place + 1) & (room - 1);
    return place;
}

static void make_room(void)
{
    struct verified *old = table;
    size_t old_room = room;

    if ((filled + 1) * 2 <= room)
        return;
    room = room == 0 ? 1024 : room * 2;
    table = calloc(room, sizeof *table);
    if (table == NULL)
        abort();
    for (size_t i = 0; i < old_room; i++) {
        if (!is_free(&old[i]))
            table[place_of(old[i].of)] = old[i];
    }
    free(old);
}

int __wrap_signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES])
{
    struct sums of = mix(mix(mix((struct sums){ len, len + 1 }, key, KEY_BYTES), at, len), signature, SIGNATURE_BYTES);
    bool watched = sim_watched;
    size_t place;

    of.b += of.a == 0 && of.b == 0;
    verify_asked++;
    sim_watched = false;                       /* this memory is ours, not the core's */
    make_room();
    place = place_of(of);
    if (is_free(&table[place])) {
        verify_done++;
        filled++;
        table[place] = (struct verified){ of, __real_signature_verify(key, at, len, signature) };
    }
    sim_watched = watched;
    return table[place].rc;
}

void verify_forget(void)
{
    free(table);
    table = NULL;
    room = filled = 0;
}
