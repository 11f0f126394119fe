/* The key file: PEM blocks in a fixed order. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/durable.h"
#include "proto/identity_private.h"

#define RECORD_BLOCK "HEARSAY RECORD"
#define LEFT_BLOCK "HEARSAY LEFT CURVE KEY"

enum { IDENTITY_FILE_MAX = 16384, LEFT_BYTES = 8 + KEY_BYTES };

/* Reads one PEM block of the wanted type. A block of the wrong type, an encrypted one, none at all: NULL. */
static EVP_PKEY *read_block(BIO *in, const char *type, bool *is_private)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    EVP_PKEY *key = NULL;

    if (PEM_read_bio(in, &name, &header, &der, &len) != 1)
        return NULL;
    const unsigned char *at = der;
    *is_private = strcmp(name, PEM_STRING_PKCS8INF) == 0;
    if (*is_private)
        key = d2i_AutoPrivateKey(NULL, &at, len);
    else if (strcmp(name, PEM_STRING_PUBLIC) == 0)
        key = d2i_PUBKEY(NULL, &at, len);
    if (key != NULL && (at != der + len || !EVP_PKEY_is_a(key, type))) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, (size_t)len);
    return key;
}

static int read_left(struct identity *id, const uint8_t *at, long len)
{
    struct curve_left *left = &id->left[id->left_n];
    EVP_PKEY *key;
    size_t public_len = KEY_BYTES;
    bool good;

    if (len != LEFT_BYTES || id->left_n == IDENTITY_LEFT_MAX || at[0] > 127)
        return -EINVAL;
    left->left_s = 0;
    for (int i = 0; i < 8; i++)
        left->left_s = left->left_s * 256 + at[i];
    memcpy(left->secret, at + 8, KEY_BYTES);
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, left->secret, KEY_BYTES);
    good = key != NULL && EVP_PKEY_get_raw_public_key(key, left->public_half, &public_len) == 1;
    EVP_PKEY_free(key);
    id->left_n += good;
    return good ? 0 : -EINVAL;
}

/* The blocks behind the keys: at most one CURVE key, then those that were left, then at most one record, then nothing. */
static int read_rest(BIO *in, struct identity *id)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    int rc = 0;

    ERR_clear_error();
    while (rc == 0 && PEM_read_bio(in, &name, &header, &der, &len) == 1) {
        const unsigned char *at = der;
        if (strcmp(name, PEM_STRING_PKCS8INF) == 0 && id->curve_before == NULL && id->left_n == 0 && id->record_len == 0) {
            id->curve_before = d2i_AutoPrivateKey(NULL, &at, len);
            rc = id->curve_before != NULL && at == der + len && EVP_PKEY_is_a(id->curve_before, "X25519") ? 0 : -EINVAL;
        } else if (strcmp(name, LEFT_BLOCK) == 0 && id->record_len == 0) {
            rc = read_left(id, der, len);
        } else if (strcmp(name, RECORD_BLOCK) == 0 && id->record_len == 0 && len > 0) {
            rc = identity_set_record(id, (struct bytes){ der, (size_t)len }) == 0 ? 0 : -EINVAL;
        } else {
            rc = -EINVAL;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)len);
        name = header = NULL;
        der = NULL;
    }
    if (rc == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        rc = -EINVAL;                /* a block that was cut or damaged */
    ERR_clear_error();
    return rc;
}

static int read_keys(BIO *in, struct identity *id)
{
    bool operational_private = false, curve_private = false;

    id->root = read_block(in, "ED25519", &id->has_root);
    id->operational = id->root != NULL ? read_block(in, "ED25519", &operational_private) : NULL;
    id->curve = id->operational != NULL ? read_block(in, "X25519", &curve_private) : NULL;
    if (!operational_private || !curve_private || id->curve == NULL || read_rest(in, id) != 0)
        return -EINVAL;
    return identity_fill_raw(id);
}

static int identity_from_pem(const char *pem, size_t len, struct identity **out)
{
    struct identity *id = calloc(1, sizeof *id);
    BIO *in = BIO_new_mem_buf(pem, (int)len);
    int rc = -ENOMEM;

    if (id != NULL && in != NULL)
        rc = read_keys(in, id);
    BIO_free(in);
    if (rc == 0) {
        *out = id;
        id = NULL;
    }
    identity_destroy(&id);
    return rc;
}

/* Asks the open file and not the path, so that nobody can change what was checked. */
static int check_private(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size > IDENTITY_FILE_MAX)
        return -EINVAL;
    return (st.st_mode & 077) == 0 ? 0 : -EACCES;
}

/* *len: the room in `pem` going in, the length coming out. */
static int read_private(const char *path, char *pem, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;
    ssize_t n;

    if (fd < 0)
        return errno == EACCES ? -EPERM : -errno;
    rc = check_private(fd);
    if (rc == 0) {
        n = read(fd, pem, *len);
        rc = n < 0 ? -errno : 0;
        *len = n < 0 ? 0 : (size_t)n;
    }
    close(fd);
    return rc;
}

int identity_load(const char *path, struct identity **out)
{
    char pem[IDENTITY_FILE_MAX];
    size_t len = sizeof pem;
    int rc = read_private(path, pem, &len);

    if (rc == 0)
        rc = identity_from_pem(pem, len, out);
    OPENSSL_cleanse(pem, sizeof pem);
    return rc;
}

static int take_root(struct identity *id, EVP_PKEY *root, bool is_private)
{
    uint8_t public_half[KEY_BYTES];
    size_t len = KEY_BYTES;

    if (root == NULL || !is_private || EVP_PKEY_get_raw_public_key(root, public_half, &len) != 1)
        return -EINVAL;
    if (memcmp(public_half, id->root_public, KEY_BYTES) != 0)
        return -EXDEV;
    EVP_PKEY_free(id->root);
    id->root = root;
    id->root_is_guest = id->root_is_guest || !id->has_root;
    id->has_root = true;
    return 0;
}

int identity_bring_root(struct identity *id, const char *path)
{
    char pem[IDENTITY_FILE_MAX];
    size_t len = sizeof pem;
    bool is_private = false;
    EVP_PKEY *root = NULL;
    BIO *in;
    int rc = read_private(path, pem, &len);

    if (rc == 0) {
        in = BIO_new_mem_buf(pem, (int)len);
        root = in != NULL ? read_block(in, "ED25519", &is_private) : NULL;
        rc = take_root(id, root, is_private);
        if (rc != 0)
            EVP_PKEY_free(root);
        BIO_free(in);
    }
    OPENSSL_cleanse(pem, sizeof pem);
    return rc;
}

/* ---- writing */

static bool write_root(BIO *to, const struct identity *id)
{
    if (id->has_root && !id->root_is_guest) {
        BIO_puts(to, "# Root key (Ed25519): is the member, signs its record.\n");
        return PEM_write_bio_PKCS8PrivateKey(to, id->root, NULL, NULL, 0, NULL, NULL) == 1;
    }
    BIO_puts(to, "# Root key (Ed25519), its public half: the private one is kept offline.\n");
    return PEM_write_bio_PUBKEY(to, id->root) == 1;
}

static bool write_left(BIO *to, const struct identity *id)
{
    uint8_t block[LEFT_BYTES];
    bool done = true;

    if (id->left_n > 0)
        BIO_puts(to, "# CURVE keys that are out of use: a neighbour that was away since knows this member by one of them, and is told of the new one.\n");
    for (size_t i = 0; i < id->left_n && done; i++) {
        for (int b = 0; b < 8; b++)
            block[b] = (uint8_t)((uint64_t)id->left[i].left_s >> (56 - 8 * b));
        memcpy(block + 8, id->left[i].secret, KEY_BYTES);
        done = PEM_write_bio(to, LEFT_BLOCK, "", block, sizeof block) > 0;
    }
    OPENSSL_cleanse(block, sizeof block);
    return done;
}

static bool write_pem(BIO *to, const struct identity *id)
{
    BIO_puts(to, "# The keys of a hearsay member. Who has this file can speak as the member: keep it secret, keep a copy.\n");
    if (!write_root(to, id))
        return false;
    BIO_puts(to, "# Operational key (Ed25519): signs batches.\n");
    if (PEM_write_bio_PKCS8PrivateKey(to, id->operational, NULL, NULL, 0, NULL, NULL) != 1)
        return false;
    BIO_puts(to, "# CURVE key (X25519): encrypts connections.\n");
    if (PEM_write_bio_PKCS8PrivateKey(to, id->curve, NULL, NULL, 0, NULL, NULL) != 1)
        return false;
    if (id->curve_before != NULL) {
        BIO_puts(to, "# The CURVE key before it: in use until the other members know the new one.\n");
        if (PEM_write_bio_PKCS8PrivateKey(to, id->curve_before, NULL, NULL, 0, NULL, NULL) != 1)
            return false;
    }
    if (!write_left(to, id))
        return false;
    if (id->record_len == 0)
        return true;
    BIO_puts(to, "# The record that names these keys, signed by the root key; public.\n");
    return PEM_write_bio(to, RECORD_BLOCK, "", id->record, (long)id->record_len) > 0;
}

static bool write_root_alone(BIO *to, const struct identity *id)
{
    BIO_puts(to, "# The root key of a hearsay member: it is the member. Keep it offline, keep a copy; `hearsay rotate --root FILE` asks for it.\n");
    return PEM_write_bio_PKCS8PrivateKey(to, id->root, NULL, NULL, 0, NULL, NULL) == 1;
}

static int save(const struct identity *id, const char *path, bool (*write)(BIO *to, const struct identity *id),
                int (*put)(const char *path, const void *at, size_t len, mode_t mode))
{
    BIO *pem = BIO_new(BIO_s_secmem());
    char *text = NULL;
    int rc = -ENOMEM;

    if (pem != NULL && write(pem, id)) {
        long len = BIO_get_mem_data(pem, &text);
        rc = put(path, text, (size_t)len, 0600);
    }
    BIO_free(pem);                   /* secure memory is cleared when freed */
    return rc;
}

int identity_save(const struct identity *id, const char *path)
{
    return save(id, path, write_pem, durable_create);
}

int identity_replace(const struct identity *id, const char *path)
{
    return save(id, path, write_pem, durable_replace);
}

int identity_save_root(const struct identity *id, const char *path)
{
    return id->has_root ? save(id, path, write_root_alone, durable_create) : -ENOKEY;
}
