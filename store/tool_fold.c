#include "store/tool_fold.h"

#include <openssl/sha.h>
#include <string.h>

#include "proto/name.h"

enum { HEX_DIGITS_MIN = 4, MIXED_MIN = 12, HASH_SHOWN = 16 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

char *fold_address(const char *address, char out[TOOL_FOLDED_MAX])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t hash[SHA256_DIGEST_LENGTH];
    size_t len = strlen(address), kept = len <= TOOL_ADDRESS_MAX ? len : TOOL_ADDRESS_MAX - 2 * HASH_SHOWN - 1;

    for (size_t i = 0; i < kept; i++)
        out[i] = lower(address[i]);
    out[kept] = '\0';
    if (kept == len)
        return out;
    SHA256((const uint8_t *)address, len, hash);
    out[kept++] = '~';
    for (size_t i = 0; i < HASH_SHOWN; i++) {
        out[kept++] = hex[hash[i] >> 4];
        out[kept++] = hex[hash[i] & 15];
    }
    out[kept] = '\0';
    return out;
}

/* ---- the local part; each step writes over it in place and returns its new length */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
}

static size_t cut_front(char *local, size_t len, size_t n)
{
    memmove(local, local + n, len - n);
    return len - n;
}

/* prvs=TAG=user, as in the draft of BATV; prvs=user/TAG, an older form; btv1==TAG==user, of Barracuda. */
static size_t fold_batv(char *local, size_t len)
{
    const char *mark;

    if (len > 5 && memcmp(local, "prvs=", 5) == 0) {
        mark = memchr(local + 5, '=', len - 5);
        if (mark != NULL && mark + 1 < local + len)
            return cut_front(local, len, (size_t)(mark + 1 - local));
        mark = memchr(local + 5, '/', len - 5);
        if (mark != NULL && mark > local + 5) {
            len = (size_t)(mark - local);
            return cut_front(local, len, 5);
        }
    }
    if (len > 6 && memcmp(local, "btv1==", 6) == 0) {
        mark = memchr(local + 6, '=', len - 6);
        if (mark != NULL && mark + 2 < local + len && mark[1] == '=')
            return cut_front(local, len, (size_t)(mark + 2 - local));
    }
    return len;
}

/* Behind the n-th '=' from `at` on; NULL if there are fewer. */
static char *behind_equals(char *at, char *end, int n)
{
    while (n-- > 0) {
        at = memchr(at, '=', (size_t)(end - at));
        if (at == NULL)
            return NULL;
        at++;
    }
    return at < end ? at : NULL;
}

static size_t take_out(char *local, size_t len, char *from, char *to)
{
    memmove(from, to, (size_t)(local + len - to));
    return len - (size_t)(to - from);
}

/* SRS0=HHH=TT=domain=user and SRS1=HHH=domain==HHH=TT=domain=user; the sign behind the first word may be + or -, too. The original domain and
 * user stay, hashes and times go. *done: it was one. */
static size_t fold_srs(char *local, size_t len, bool *done)
{
    char *end = local + len, *to;

    *done = len > 5 && memcmp(local, "srs", 3) == 0 && (local[3] == '0' || local[3] == '1') && strchr("=+-", local[4]) != NULL;
    if (!*done)
        return len;
    local[4] = '=';
    to = behind_equals(local + 5, end, local[3] == '0' ? 2 : 1);
    if (to == NULL)
        return len;
    len = take_out(local, len, local + 5, to);
    if (local[3] == '0')
        return len;
    end = local + len;
    for (char *at = local + 5; at + 1 < end; at++) {
        if (at[0] != '=' || strchr("=+-", at[1]) == NULL)
            continue;
        to = behind_equals(at + 2, end, 2);
        return to != NULL ? take_out(local, len, at + 2, to) : len;
    }
    return len;
}

/* `alone`: it is all of the local part. */
static bool is_changing(const char *word, size_t len, bool alone)
{
    size_t digits = 0, hexes = 0;

    for (size_t i = 0; i < len; i++) {
        digits += is_digit(word[i]);
        hexes += is_hex(word[i]);
    }
    return digits > 0 && (digits == len || (!alone && hexes == len && len >= HEX_DIGITS_MIN) || len >= MIXED_MIN);
}

static size_t fold_numbers(char *local, size_t len)
{
    size_t to = 0;

    for (size_t i = 0; i < len;) {
        size_t word = 0;
        while (i + word < len && is_word(local[i + word]))
            word++;
        if (word > 0 && is_changing(local + i, word, word == len)) {
            local[to++] = '#';
        } else {
            if (word == 0)
                word = 1;
            memmove(local + to, local + i, word);
            to += word;
        }
        i += word;
    }
    return to;
}

static size_t fold_local(char *local, size_t len)
{
    const char *plus;
    bool srs;

    len = fold_batv(local, len);
    len = fold_srs(local, len, &srs);
    if (srs)
        return len;
    plus = memchr(local, '+', len);
    if (plus != NULL && plus > local)
        len = (size_t)(plus - local);
    return fold_numbers(local, len);
}

char *fold_sender(const char *sender, char out[TOOL_FOLDED_MAX])
{
    char *at;
    size_t len, domain_len;

    fold_address(sender, out);
    at = strrchr(out, '@');
    if (at == NULL)
        return out;
    domain_len = strlen(at);
    len = fold_local(out, (size_t)(at - out));
    memmove(out + len, at, domain_len + 1);
    return out;
}

/* ---- clients and domains */

void fold_client(const struct network *client, struct subject *out)
{
    struct network n = *client;

    if (n.family == 4) {
        network_widen(&n, 24);
        memset(out, 0, sizeof *out);
        out->len = 6;
        out->key[0] = SUBJECT_IP4;
        memcpy(out->key + 1, n.addr, 4);
        out->key[5] = 24;
        return;
    }
    subject_of_address(&n, out);
}

bool fold_domain(const char *address, struct subject *out)
{
    const char *at = strrchr(address, '@'), *domain = at == NULL ? address : at + 1, *reason;
    static const uint8_t no_key[HASH_BYTES];
    struct subject s;

    if (subject_parse(domain, strlen(domain), no_key, &s, &reason) != 0 || subject_kind(&s) != SUBJECT_NAME)
        return false;
    *out = s;
    return true;
}
