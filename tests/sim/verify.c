/* Signatures, checked once for the same bytes and key: Ed25519 is most of what a run costs, and every node checks every batch.
 * The linker puts this in the place of proto's signature_verify() (--wrap). Bytes that differ in one bit are another entry, and really checked. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

int __real_signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES]);
int __wrap_signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES]);

struct verified {
    uint64_t hash;                             /* 0: free */
    uint8_t *bytes;                            /* key, what is signed, signature */
    size_t len;
    int rc;
};
static struct verified *table;
static size_t room, filled;
uint64_t verify_asked, verify_done;

static uint64_t mix(uint64_t hash, const uint8_t *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    for (; len > 0; at++, len--)
        hash = (hash ^ *at) * UINT64_C(0x100000001b3);
    return hash;
}

static bool is_same(const struct verified *v, const uint8_t *key, const uint8_t *at, size_t len, const uint8_t *signature)
{
    return v->len == len && memcmp(v->bytes, key, KEY_BYTES) == 0 && memcmp(v->bytes + KEY_BYTES, at, len) == 0
           && memcmp(v->bytes + KEY_BYTES + len, signature, SIGNATURE_BYTES) == 0;
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
        size_t place = (size_t)old[i].hash & (room - 1);
        if (old[i].hash == 0)
            continue;
        while (table[place].hash != 0)
            place = (place + 1) & (room - 1);
        table[place] = old[i];
    }
    free(old);
}

static void keep(struct verified *v, uint64_t hash, const uint8_t *key, const uint8_t *at, size_t len, const uint8_t *signature)
{
    v->bytes = malloc(KEY_BYTES + len + SIGNATURE_BYTES);
    if (v->bytes == NULL)
        abort();
    v->hash = hash;
    v->len = len;
    memcpy(v->bytes, key, KEY_BYTES);
    memcpy(v->bytes + KEY_BYTES, at, len);
    memcpy(v->bytes + KEY_BYTES + len, signature, SIGNATURE_BYTES);
    filled++;
}

int __wrap_signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES])
{
    uint64_t hash = mix(mix(mix(1, key, KEY_BYTES), at, len), signature, SIGNATURE_BYTES);
    bool watched = sim_watched;
    size_t place;

    hash += hash == 0;
    verify_asked++;
    sim_watched = false;                       /* this memory is ours, not the core's */
    make_room();
    for (place = (size_t)hash & (room - 1); table[place].hash != 0; place = (place + 1) & (room - 1)) {
        if (table[place].hash == hash && is_same(&table[place], key, at, len, signature))
            break;
    }
    if (table[place].hash == 0) {
        verify_done++;
        keep(&table[place], hash, key, at, len, signature);
        table[place].rc = __real_signature_verify(key, at, len, signature);
    }
    sim_watched = watched;
    return table[place].rc;
}

void verify_forget(void)
{
    for (size_t i = 0; i < room; i++)
        free(table[i].bytes);
    free(table);
    table = NULL;
    room = filled = 0;
}
