#include "proto/identity.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "proto/identity_private.h"

void identity_destroy(struct identity **id)
{
    if (*id == NULL)
        return;
    EVP_PKEY_free((*id)->root);
    EVP_PKEY_free((*id)->operational);
    EVP_PKEY_free((*id)->curve);
    EVP_PKEY_free((*id)->curve_before);
    OPENSSL_cleanse(*id, sizeof **id);
    free(*id);
    *id = NULL;
}

static bool raw_public(const EVP_PKEY *key, uint8_t out[KEY_BYTES])
{
    size_t len = KEY_BYTES;

    return EVP_PKEY_get_raw_public_key(key, out, &len) == 1 && len == KEY_BYTES;
}

static bool raw_pair(const EVP_PKEY *key, uint8_t public_half[KEY_BYTES], uint8_t secret[KEY_BYTES])
{
    size_t len = KEY_BYTES;

    return raw_public(key, public_half) && EVP_PKEY_get_raw_private_key(key, secret, &len) == 1 && len == KEY_BYTES;
}

int identity_fill_raw(struct identity *id)
{
    if (!raw_public(id->root, id->root_public) || !raw_public(id->operational, id->operational_public) ||
        !raw_pair(id->curve, id->curve_public, id->curve_secret))
        return -EINVAL;
    if (id->curve_before != NULL && !raw_pair(id->curve_before, id->curve_before_public, id->curve_before_secret))
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
    if (id->root == NULL || id->operational == NULL || id->curve == NULL || identity_fill_raw(id) != 0) {
        identity_destroy(&id);
        return -EIO;
    }
    *out = id;
    return 0;
}

/* The keys themselves are counted and shared. */
int identity_copy(const struct identity *id, struct identity **out)
{
    struct identity *copy = malloc(sizeof *copy);

    if (copy == NULL)
        return -ENOMEM;
    *copy = *id;
    EVP_PKEY_up_ref(copy->root);
    EVP_PKEY_up_ref(copy->operational);
    EVP_PKEY_up_ref(copy->curve);
    if (copy->curve_before != NULL)
        EVP_PKEY_up_ref(copy->curve_before);
    *out = copy;
    return 0;
}

int identity_forget_root(struct identity *id)
{
    EVP_PKEY *public_half = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, id->root_public, KEY_BYTES);

    if (public_half == NULL)
        return -ENOMEM;
    EVP_PKEY_free(id->root);
    id->root = public_half;
    id->has_root = false;
    id->root_is_guest = false;
    return 0;
}

/* What peers know is still the CURVE key that is in use: one that never came into use is simply forgotten. */
int identity_new_keys(struct identity *id)
{
    EVP_PKEY *operational = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *curve = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");

    if (operational == NULL || curve == NULL) {
        EVP_PKEY_free(operational);
        EVP_PKEY_free(curve);
        return -EIO;
    }
    EVP_PKEY_free(id->operational);
    id->operational = operational;
    if (id->curve_before == NULL)
        id->curve_before = id->curve;
    else
        EVP_PKEY_free(id->curve);
    id->curve = curve;
    return identity_fill_raw(id) == 0 ? 0 : -EIO;
}

void identity_drop_before(struct identity *id)
{
    EVP_PKEY_free(id->curve_before);
    id->curve_before = NULL;
    OPENSSL_cleanse(id->curve_before_secret, sizeof id->curve_before_secret);
}

void identity_leave_before(struct identity *id, int64_t now_s)
{
    if (id->curve_before == NULL)
        return;
    id->left_n += id->left_n < IDENTITY_LEFT_MAX;
    memmove(id->left + 1, id->left, (id->left_n - 1) * sizeof id->left[0]);
    memcpy(id->left[0].public_half, id->curve_before_public, KEY_BYTES);
    memcpy(id->left[0].secret, id->curve_before_secret, KEY_BYTES);
    id->left[0].left_s = now_s;
    identity_drop_before(id);
}

size_t identity_left(const struct identity *id, const struct curve_left **out)
{
    *out = id->left;
    return id->left_n;
}

void identity_forget_left(struct identity *id)
{
    OPENSSL_cleanse(id->left, sizeof id->left);
    id->left_n = 0;
}

/* Each for itself: a clock that was set back leaves them in another order. */
size_t curve_left_end(struct curve_left *left, size_t n, int64_t now_s, bool *any)
{
    size_t stay = 0;

    *any = false;
    for (size_t i = 0; i < n; i++) {
        bool ahead = left[i].left_s > now_s, over = !ahead && now_s - left[i].left_s >= IDENTITY_LEFT_S;
        *any |= ahead || over;
        if (over)
            continue;
        if (stay != i)
            left[stay] = left[i];
        if (ahead)
            left[stay].left_s = now_s;
        stay++;
    }
    OPENSSL_cleanse(left + stay, (n - stay) * sizeof *left);
    return stay;
}

bool identity_end_left(struct identity *id, int64_t now_s)
{
    bool any;

    id->left_n = curve_left_end(id->left, id->left_n, now_s, &any);
    return any;
}

const uint8_t *identity_curve_before(const struct identity *id)
{
    return id->curve_before != NULL ? id->curve_before_public : NULL;
}

const uint8_t *identity_curve_before_secret(const struct identity *id)
{
    return id->curve_before != NULL ? id->curve_before_secret : NULL;
}

int identity_set_record(struct identity *id, struct bytes frame)
{
    if (frame.len > sizeof id->record)
        return -ENOBUFS;
    memcpy(id->record, frame.at, frame.len);
    id->record_len = frame.len;
    return 0;
}

struct bytes identity_record(const struct identity *id)
{
    return (struct bytes){ id->record, id->record_len };
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

/* Looked up once: with EVP_sha256() the library does so each time, under a lock, which takes as long as to hash a small batch. */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

void hash_sha256(const void *at, size_t len, uint8_t out[HASH_BYTES])
{
    pthread_once(&sha256_once, fetch_sha256);
    if (sha256 == NULL || EVP_Digest(at, len, out, NULL, sha256, NULL) != 1)
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
