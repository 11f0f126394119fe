#include "tests/identities.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/seed.h"

/* PKCS #8 of an Ed25519 (RFC 8410: 70) or X25519 (6e) secret. */
static void write_key(int fd, uint8_t algorithm, const uint8_t secret[KEY_BYTES])
{
    uint8_t der[16 + KEY_BYTES] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, algorithm, 0x04, 0x22, 0x04, 0x20 };
    unsigned char text[80];
    int len;

    memcpy(der + 16, secret, KEY_BYTES);
    len = EVP_EncodeBlock(text, der, sizeof der);
    if (dprintf(fd, "-----BEGIN PRIVATE KEY-----\n%.*s\n-----END PRIVATE KEY-----\n", len, (const char *)text) < 0)
        abort();
}

struct identity *identity_from_secrets(const uint8_t secrets[IDENTITY_KEYS][KEY_BYTES])
{
    struct identity *id = NULL;
    char path[64];
    int fd = memfd_create("identity", MFD_CLOEXEC);

    if (fd < 0 || fchmod(fd, 0600) != 0)
        abort();
    for (int i = 0; i < IDENTITY_KEYS; i++)
        write_key(fd, i < 2 ? 0x70 : 0x6e, secrets[i]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (identity_load(path, &id) != 0)
        abort();
    close(fd);
    return id;
}

struct identity *identity_of(uint64_t seed, unsigned index)
{
    uint8_t secrets[IDENTITY_KEYS][KEY_BYTES];

    if (index > IDENTITY_INDEX_MAX)
        abort();
    for (int i = 0; i < IDENTITY_KEYS; i++) {
        uint8_t *s = secrets[i];
        memset(s, i + 1, KEY_BYTES);
        s[0] = (uint8_t)(index >> 8);
        s[1] = (uint8_t)index;
        for (unsigned j = 0; j < 8; j++)
            s[2 + j] ^= (uint8_t)(seed >> (8 * j));
    }
    return identity_from_secrets(secrets);
}

struct identity *test_identity(unsigned index)
{
    return identity_of(test_seed(), index);
}

struct identity *fixed_identity(void)
{
    uint8_t secrets[IDENTITY_KEYS][KEY_BYTES];

    for (int i = 0; i < IDENTITY_KEYS; i++)
        memset(secrets[i], i + 1, KEY_BYTES);
    return identity_from_secrets(secrets);
}

void identity_into_record(const struct identity *id, struct record *r)
{
    memcpy(r->root, identity_root(id), KEY_BYTES);
    memcpy(r->operational, identity_operational(id), KEY_BYTES);
    memcpy(r->curve, identity_curve(id), KEY_BYTES);
}
