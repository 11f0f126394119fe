#include "proto/subject.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "proto/identity.h"
#include "proto/name.h"
#include "proto/network.h"

enum {
    IP4_BITS_MIN = 16, IP4_KEY_LEN = 6,
    IP6_BITS_MIN = 32, IP6_BITS_MAX = 64, IP6_KEY_LEN = 10,
    SENDER_KEY_LEN = 1 + SENDER_HASH_BYTES,
    SENDER_TEXT_MAX = 512            /* RFC 5321 allows 254; some forwarders write more */
};

static const char WHY_FORM[] = "not an address or a name";
static const char WHY_SENDER[] = "not a sender address";
static const char WHY_PROTECTED[] = "protected";
static const char WHY_WIDE[] = "too wide";
static const char SENDER_TEXT_TAG[] = "sender:";

static int fail(const char **reason, const char *why, int code)
{
    *reason = why;
    return code;
}

void subject_sender_key(const char *federation, const char *secret, uint8_t out[HASH_BYTES])
{
    static const char tag[] = "hearsay-sender-1\n";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool done = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(ctx, tag, strlen(tag)) == 1 &&
                EVP_DigestUpdate(ctx, federation, strlen(federation)) == 1 &&
                EVP_DigestUpdate(ctx, "\n", 1) == 1 &&
                EVP_DigestUpdate(ctx, secret, strlen(secret)) == 1 &&
                EVP_DigestFinal_ex(ctx, out, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    if (!done)
        abort();                     /* no memory at the start; to go on with a wrong key would split the coalition */
}

static void key_of_network(const struct network *n, struct subject *out)
{
    size_t addr_len = n->family == 4 ? IP4_KEY_LEN - 2 : IP6_KEY_LEN - 2;

    memset(out, 0, sizeof *out);
    out->len = (uint8_t)(addr_len + 2);
    out->key[0] = n->family == 4 ? SUBJECT_IP4 : SUBJECT_IP6;
    memcpy(out->key + 1, n->addr, addr_len);
    out->key[1 + addr_len] = n->bits;
}

void subject_of_address(const struct network *host, struct subject *out)
{
    struct network n = *host;

    if (n.family == 6)
        network_widen(&n, IP6_BITS_MAX);
    key_of_network(&n, out);
}

bool subject_network(const struct subject *s, struct network *out)
{
    struct network n = { .family = subject_kind(s) == SUBJECT_IP4 ? 4 : 6 };

    if (subject_kind(s) != SUBJECT_IP4 && subject_kind(s) != SUBJECT_IP6)
        return false;
    memcpy(n.addr, s->key + 1, s->len - 2U);
    n.bits = s->key[s->len - 1];
    *out = n;
    return true;
}

static int parse_network(const char *text, size_t len, struct subject *out, const char **reason)
{
    struct network n;
    bool touches_reserved;

    if (network_parse(text, len, &n) != 0)
        return fail(reason, WHY_FORM, -EINVAL);
    touches_reserved = network_touches_reserved(&n);
    if (touches_reserved && network_is_reserved(&n))
        return fail(reason, WHY_PROTECTED, -EACCES);
    if (n.bits < (n.family == 4 ? IP4_BITS_MIN : IP6_BITS_MIN))
        return fail(reason, WHY_WIDE, -ERANGE);
    if (touches_reserved)
        return fail(reason, WHY_PROTECTED, -EACCES);
    if (n.family == 6 && n.bits > IP6_BITS_MAX)
        network_widen(&n, IP6_BITS_MAX);
    key_of_network(&n, out);
    return 0;
}

static void key_of_name(const char *name, struct subject *out)
{
    size_t len = strlen(name);

    memset(out, 0, sizeof *out);
    out->len = (uint8_t)(1 + len);
    out->key[0] = SUBJECT_NAME;
    memcpy(out->key + 1, name, len);
}

static int parse_name(const char *text, size_t len, struct subject *out, const char **reason)
{
    char name[NAME_MAX_BYTES + 1];

    if (name_canonical(text, len, name) != 0)
        return fail(reason, WHY_FORM, -EINVAL);
    if (name_is_special(name))
        return fail(reason, WHY_PROTECTED, -EACCES);
    if (name_is_public_suffix(name))
        return fail(reason, WHY_WIDE, -ERANGE);
    if (strchr(name, '.') == NULL)
        return fail(reason, WHY_FORM, -EINVAL);
    key_of_name(name, out);
    return 0;
}

static bool is_local_char(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && strchr("()<>[]:;,@\\\"", c) == NULL;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* What stands between the quotes, with its backslashes resolved: "a"@x and a@x are one mailbox (RFC 5321 section 4.1.2). */
static size_t unquote_local(const char *text, size_t len, char *out)
{
    size_t n = 0, last = len - 1;

    for (size_t i = 1; i < last; i++) {
        if (text[i] == '"' || (text[i] == '\\' && ++i == last))
            return 0;
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return 0;
        out[n++] = fold(text[i]);
    }
    return n;
}

/* The length of the local part in `out`, 0 if there is none or it is malformed. */
static size_t canonical_local(const char *text, size_t len, char *out)
{
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"')
        return unquote_local(text, len, out);
    for (size_t i = 0; i < len; i++) {
        if (!is_local_char(text[i]))
            return 0;
        out[i] = fold(text[i]);
    }
    return len;
}

static int parse_sender(const char *text, size_t len, const uint8_t sender_key[HASH_BYTES],
                        struct subject *out, const char **reason)
{
    const char *at = memrchr(text, '@', len);
    size_t local_len = (size_t)(at - text), n;
    char address[SENDER_TEXT_MAX + NAME_MAX_BYTES + 2];
    uint8_t hash[EVP_MAX_MD_SIZE];

    if (local_len > SENDER_TEXT_MAX)
        return fail(reason, WHY_SENDER, -EINVAL);
    n = canonical_local(text, local_len, address);
    if (n == 0)
        return fail(reason, WHY_SENDER, -EINVAL);
    address[n++] = '@';
    if (name_canonical(at + 1, len - local_len - 1, address + n) != 0 || strchr(address + n, '.') == NULL)
        return fail(reason, WHY_SENDER, -EINVAL);
    n += strlen(address + n);
    if (HMAC(EVP_sha256(), sender_key, HASH_BYTES, (const uint8_t *)address, n, hash, NULL) == NULL)
        return fail(reason, "out of memory", -ENOMEM);
    memset(out, 0, sizeof *out);
    out->len = SENDER_KEY_LEN;
    out->key[0] = SUBJECT_SENDER;
    memcpy(out->key + 1, hash, SENDER_HASH_BYTES);
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = fold(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The text form of a sender that subject_text() writes, so that an operator can ask about what a list shows. */
static int parse_sender_hash(const char *hex, size_t len, struct subject *out, const char **reason)
{
    struct subject s = { .len = SENDER_KEY_LEN, .key = { SUBJECT_SENDER } };

    if (len != 2 * SENDER_HASH_BYTES)
        return fail(reason, WHY_SENDER, -EINVAL);
    for (size_t i = 0; i < SENDER_HASH_BYTES; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return fail(reason, WHY_SENDER, -EINVAL);
        s.key[1 + i] = (uint8_t)(high << 4 | low);
    }
    *out = s;
    return 0;
}

static bool looks_like_network(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ':')
            return true;
        if (text[i] != '.' && text[i] != '/' && (text[i] < '0' || text[i] > '9'))
            return memchr(text + i, ':', len - i) != NULL;
    }
    return true;
}

int subject_parse(const char *text, size_t len, const uint8_t sender_key[HASH_BYTES],
                  struct subject *out, const char **reason)
{
    const size_t tag_len = sizeof SENDER_TEXT_TAG - 1;

    if (len == 0)
        return fail(reason, WHY_FORM, -EINVAL);
    if (memchr(text, '@', len) != NULL)
        return parse_sender(text, len, sender_key, out, reason);
    if (len > tag_len && memcmp(text, SENDER_TEXT_TAG, tag_len) == 0)
        return parse_sender_hash(text + tag_len, len - tag_len, out, reason);
    if (looks_like_network(text, len))
        return parse_network(text, len, out, reason);
    return parse_name(text, len, out, reason);
}

static bool network_key_is_canonical(const uint8_t *key, size_t len)
{
    bool is_ip4 = key[0] == SUBJECT_IP4;
    unsigned bits_min = is_ip4 ? IP4_BITS_MIN : IP6_BITS_MIN, bits_max = is_ip4 ? 32 : IP6_BITS_MAX;
    unsigned bits, beyond = 0;

    if (len != (is_ip4 ? IP4_KEY_LEN : IP6_KEY_LEN))
        return false;
    bits = key[len - 1];
    if (bits < bits_min || bits > bits_max)
        return false;
    for (size_t i = bits / 8; i < len - 2; i++)
        beyond |= key[1 + i] & (i == bits / 8 ? 0xffu >> bits % 8 : 0xffu);
    return beyond == 0;
}

static bool name_key_is_canonical(const uint8_t *key, size_t len)
{
    const char *name = (const char *)key + 1;

    return len > 1 && memchr(name, '.', len - 1) != NULL && name_is_canonical(name, len - 1);
}

bool subject_key_is_valid(const uint8_t *key, size_t len)
{
    if (len == 0 || len > SUBJECT_KEY_MAX)
        return false;
    switch (key[0]) {
    case SUBJECT_IP4:
    case SUBJECT_IP6:
        return network_key_is_canonical(key, len);
    case SUBJECT_NAME:
        return name_key_is_canonical(key, len);
    case SUBJECT_SENDER:
        return len == SENDER_KEY_LEN;
    default:
        return false;
    }
}

int subject_from_key(const uint8_t *key, size_t len, struct subject *out)
{
    if (!subject_key_is_valid(key, len))
        return -EINVAL;
    memset(out, 0, sizeof *out);
    out->len = (uint8_t)len;
    memcpy(out->key, key, len);
    return 0;
}

char *subject_text(const struct subject *s, char out[SUBJECT_TEXT_MAX])
{
    const size_t tag_len = sizeof SENDER_TEXT_TAG - 1;
    struct network n;

    if (subject_network(s, &n))
        return network_text(&n, out);
    if (subject_kind(s) == SUBJECT_NAME) {
        memcpy(out, s->key + 1, s->len - 1U);
        out[s->len - 1] = '\0';
    } else if (subject_kind(s) == SUBJECT_SENDER) {
        memcpy(out, SENDER_TEXT_TAG, tag_len);
        hex_text(s->key + 1, SENDER_HASH_BYTES, out + tag_len);
    } else {
        out[0] = '\0';               /* a zeroed subject: nothing is spoken of */
    }
    return out;
}

int subject_compare(const struct subject *a, const struct subject *b)
{
    int order = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);

    return order != 0 ? order : (int)a->len - (int)b->len;
}

bool subject_is_reserved(const struct subject *s)
{
    struct network n;
    char name[SUBJECT_TEXT_MAX];

    if (subject_network(s, &n))
        return network_touches_reserved(&n);
    if (subject_kind(s) != SUBJECT_NAME)
        return false;
    subject_text(s, name);
    return name_is_special(name) || name_is_public_suffix(name);
}
