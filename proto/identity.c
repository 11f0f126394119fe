#include "proto/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/durable.h"

enum { IDENTITY_FILE_MAX = 16384 };

/* The EVP handles are only read after the identity was made, so that threads can share one. */
struct identity {
    EVP_PKEY *root;                  /* without its private half when that is kept offline */
    EVP_PKEY *operational;
    EVP_PKEY *curve;
    bool has_root;
    uint8_t root_public[KEY_BYTES];
    uint8_t operational_public[KEY_BYTES];
    uint8_t curve_public[KEY_BYTES];
    uint8_t curve_secret[KEY_BYTES];
};

void identity_destroy(struct identity **id)
{
    if (*id == NULL)
        return;
    EVP_PKEY_free((*id)->root);
    EVP_PKEY_free((*id)->operational);
    EVP_PKEY_free((*id)->curve);
    OPENSSL_cleanse(*id, sizeof **id);
    free(*id);
    *id = NULL;
}

static bool raw_public(const EVP_PKEY *key, uint8_t out[KEY_BYTES])
{
    size_t len = KEY_BYTES;

    return EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == KEY_BYTES;
}

/* Fills in the raw forms once all three handles are there. */
static int fill_raw(struct identity *id)
{
    size_t len = KEY_BYTES;

    if (!raw_public(id->root, id->root_public) || !raw_public(id->operational, id->operational_public) ||
        !raw_public(id->curve, id->curve_public))
        return -EINVAL;
    if (EVP_PKEY_get_raw_private_key(id->curve, id->curve_secret, &len) != 1 || len != KEY_BYTES)
        return -EINVAL;
    return 0;
}

int identity_generate(struct identity **out)
{
    struct identity *id = calloc(1, sizeof *id);

    if (id == NULL)
        return -ENOMEM;
    id->root = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    id->operational = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    id->curve = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    id->has_root = true;
    if (id->root == NULL || id->operational == NULL || id->curve == NULL || fill_raw(id) != 0) {
        identity_destroy(&id);
        return -EIO;
    }
    *out = id;
    return 0;
}

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

/* True if nothing but text that is no PEM block is left. */
static bool no_block_left(BIO *in)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    bool found = PEM_read_bio(in, &name, &header, &der, &len) == 1;

    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, found ? (size_t)len : 0);
    return !found;
}

static int read_keys(BIO *in, struct identity *id)
{
    bool operational_private = false, curve_private = false;

    id->root = read_block(in, "ED25519", &id->has_root);
    id->operational = id->root != NULL ? read_block(in, "ED25519", &operational_private) : NULL;
    id->curve = id->operational != NULL ? read_block(in, "X25519", &curve_private) : NULL;
    if (!operational_private || !curve_private || id->curve == NULL || !no_block_left(in))
        return -EINVAL;
    return fill_raw(id);
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

int identity_load(const char *path, struct identity **out)
{
    char pem[IDENTITY_FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc;
    ssize_t len;

    if (fd < 0)
        return errno == EACCES ? -EPERM : -errno;
    rc = check_private(fd);
    if (rc == 0) {
        len = read(fd, pem, sizeof pem);
        rc = len < 0 ? -errno : identity_from_pem(pem, (size_t)len, out);
        OPENSSL_cleanse(pem, sizeof pem);
    }
    close(fd);
    return rc;
}

static bool write_pem(BIO *to, const struct identity *id)
{
    BIO_puts(to, "# The keys of a hearsay member. Who has this file can speak as the member: keep it secret, keep a copy.\n");
    if (id->has_root) {
        BIO_puts(to, "# Root key (Ed25519): is the member, signs its record.\n");
        if (PEM_write_bio_PKCS8PrivateKey(to, id->root, NULL, NULL, 0, NULL, NULL) != 1)
            return false;
    } else {
        BIO_puts(to, "# Root key (Ed25519), its public half: the private one is kept offline.\n");
        if (PEM_write_bio_PUBKEY(to, id->root) != 1)
            return false;
    }
    BIO_puts(to, "# Operational key (Ed25519): signs batches.\n");
    if (PEM_write_bio_PKCS8PrivateKey(to, id->operational, NULL, NULL, 0, NULL, NULL) != 1)
        return false;
    BIO_puts(to, "# CURVE key (X25519): encrypts connections.\n");
    return PEM_write_bio_PKCS8PrivateKey(to, id->curve, NULL, NULL, 0, NULL, NULL) == 1;
}

int identity_save(const struct identity *id, const char *path)
{
    BIO *pem = BIO_new(BIO_s_secmem());
    char *text = NULL;
    int rc = -ENOMEM;

    if (pem != NULL && write_pem(pem, id)) {
        long len = BIO_get_mem_data(pem, &text);
        rc = durable_create(path, text, (size_t)len, 0600);
    }
    BIO_free(pem);                   /* secure memory is cleared when freed */
    return rc;
}

int identity_forget_root(struct identity *id)
{
    EVP_PKEY *public_half = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, id->root_public, KEY_BYTES);

    if (public_half == NULL)
        return -ENOMEM;
    EVP_PKEY_free(id->root);
    id->root = public_half;
    id->has_root = false;
    return 0;
}

bool identity_has_root(const struct identity *id)
{
    return id->has_root;
}

const uint8_t *identity_root(const struct identity *id)
{
    return id->root_public;
}

const uint8_t *identity_operational(const struct identity *id)
{
    return id->operational_public;
}

const uint8_t *identity_curve(const struct identity *id)
{
    return id->curve_public;
}

const uint8_t *identity_curve_secret(const struct identity *id)
{
    return id->curve_secret;
}

int identity_sign(const struct identity *id, enum identity_key key, const void *at, size_t len,
                  uint8_t out[SIGNATURE_BYTES])
{
    EVP_PKEY *signer = key == IDENTITY_ROOT ? id->root : id->operational;
    size_t out_len = SIGNATURE_BYTES;
    EVP_MD_CTX *ctx;
    bool done;

    if (key == IDENTITY_ROOT && !id->has_root)
        return -ENOKEY;
    ctx = EVP_MD_CTX_new();
    done = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, signer) == 1 &&
           EVP_DigestSign(ctx, out, &out_len, at, len) == 1 && out_len == SIGNATURE_BYTES;
    EVP_MD_CTX_free(ctx);
    return done ? 0 : -EIO;
}

int signature_verify(const uint8_t key[KEY_BYTES], const void *at, size_t len, const uint8_t signature[SIGNATURE_BYTES])
{
    EVP_PKEY *signer = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_BYTES);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = signer != NULL && ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, signer) == 1 &&
                EVP_DigestVerify(ctx, signature, SIGNATURE_BYTES, at, len) == 1;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(signer);
    return good ? 0 : -EBADMSG;
}

void hash_sha256(const void *at, size_t len, uint8_t out[HASH_BYTES])
{
    if (EVP_Digest(at, len, out, NULL, EVP_sha256(), NULL) != 1)
        abort();                     /* no memory for a few hundred bytes; a wrong hash would be worse than no node */
}

char *hex_text(const uint8_t *at, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[at[i] >> 4];
        out[2 * i + 1] = digits[at[i] & 15];
    }
    out[2 * len] = '\0';
    return out;
}
