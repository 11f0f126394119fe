#include "proto/srs.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HASH_DIGITS = 4, HASH_DIGITS_MAX = 27, STAMP_DIGITS = 2, DAYS = 1024, TEXT_MAX = SRS_INPUT_MAX + 16 };

struct part {
    const char *at;
    size_t len;
};

/* An address taken apart. The local part is without the quotes around it, its backslashes are kept. */
struct mailbox {
    struct part local, domain;
};

/* HASH=TT=domain=local, or HASH=first.hop=rest of an SRS0 address from the separator on. */
struct srs0 {
    struct part hash, stamp, domain, local;
};
struct srs1 {
    struct part hash, hop, rest;
};

/* ---- letters */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* What may stand in a local part without quotes: RFC 5321's atext and dots. Exim's list is the same. */
static bool is_atext(char c)
{
    return is_alnum(c) || (c != '\0' && strchr(".!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_utf8(char c)
{
    return (unsigned char)c >= 0x80;
}

static bool all_atext(struct part p)
{
    for (size_t i = 0; i < p.len; i++) {
        if (!is_atext(p.at[i]))
            return false;
    }
    return true;
}

static bool begins_with(struct part p, const char *tag)
{
    size_t len = strlen(tag);
    return p.len > len && strncasecmp(p.at, tag, len) == 0 && strchr("=+-", p.at[len]) != NULL;
}

/* The part before the next '=', which is taken off. False: there is none. */
static bool split(struct part *from, struct part *out)
{
    const char *equals = memchr(from->at, '=', from->len);
    if (equals == NULL)
        return false;
    *out = (struct part){ from->at, (size_t)(equals - from->at) };
    *from = (struct part){ equals + 1, from->len - out->len - 1 };
    return true;
}

/* ---- addresses */

/* A host name, or an address in brackets. Names are not looked at closely: who wrote the address meant them so. */
static bool is_domain(struct part p, bool literal)
{
    bool bracket = literal && p.len > 2 && p.at[0] == '[' && p.at[p.len - 1] == ']';
    if (p.len == 0 || p.len > 255)
        return false;
    for (size_t i = bracket ? 1 : 0; i < p.len - (bracket ? 1 : 0); i++) {
        char c = p.at[i];
        if (!is_alnum(c) && !is_utf8(c) && c != '.' && c != '-' && c != '_' && !(bracket && c == ':'))
            return false;
    }
    return true;
}

/* Within quotes a quote or backslash is behind a backslash, and nothing is a control character. */
static bool is_quoted_text(struct part p)
{
    for (size_t i = 0; i < p.len; i++) {
        if ((unsigned char)p.at[i] < ' ' || p.at[i] == 0x7f || p.at[i] == '"')
            return false;
        if (p.at[i] == '\\' && (++i == p.len || (unsigned char)p.at[i] < ' ' || p.at[i] == 0x7f))
            return false;
    }
    return true;
}

static bool is_local(struct part p)
{
    for (size_t i = 0; i < p.len; i++) {
        if (!is_atext(p.at[i]) && !is_utf8(p.at[i]))
            return false;
    }
    return p.len > 0;
}

static bool read_mailbox(const char *addr, size_t len, struct mailbox *out)
{
    const char *at = memrchr(addr, '@', len);
    bool quoted;
    if (at == NULL)
        return false;
    out->local = (struct part){ addr, (size_t)(at - addr) };
    out->domain = (struct part){ at + 1, len - out->local.len - 1 };
    quoted = out->local.len > 2 && addr[0] == '"' && at[-1] == '"';
    if (quoted)
        out->local = (struct part){ addr + 1, out->local.len - 2 };
    return (quoted ? is_quoted_text(out->local) : is_local(out->local)) && is_domain(out->domain, true);
}

/* True if the local part must be written in quotes: RFC 5321's dot-string, with RFC 6531's letters. */
static bool needs_quotes(struct part p)
{
    if (!is_local(p) || p.at[0] == '.' || p.at[p.len - 1] == '.')
        return true;
    for (size_t i = 1; i < p.len; i++) {
        if (p.at[i] == '.' && p.at[i - 1] == '.')
            return true;
    }
    return false;
}

/* ---- text being written; what does not fit is remembered */

struct writer {
    char at[TEXT_MAX];
    size_t len;
    bool full;
};

static void put(struct writer *w, struct part p)
{
    if (p.len > sizeof w->at - w->len) {
        w->full = true;
        return;
    }
    memcpy(w->at + w->len, p.at, p.len);
    w->len += p.len;
}

static void put_text(struct writer *w, const char *text)
{
    put(w, (struct part){ text, strlen(text) });
}

static void put_lower(struct writer *w, struct part p)
{
    size_t from = w->len;
    put(w, p);
    for (; from < w->len; from++)
        w->at[from] = lower(w->at[from]);
}

/* local@domain, in quotes where it takes some. */
static int put_mailbox(struct part local, struct part domain, size_t max, char *out, const char **why)
{
    struct writer w = { .len = 0 };
    const char *quote = needs_quotes(local) ? "\"" : "";
    put_text(&w, quote);
    put(&w, local);
    put_text(&w, quote);
    put_text(&w, "@");
    put(&w, domain);
    if (w.full || w.len > max) {
        *why = "address too long";
        return -ENAMETOOLONG;
    }
    memcpy(out, w.at, w.len);
    out[w.len] = '\0';
    return 0;
}

/* ---- hashes */

static size_t digest(const EVP_MD *md, const char *secret, const struct writer *w, unsigned char out[EVP_MAX_MD_SIZE])
{
    unsigned len = 0;
    if (w->full || HMAC(md, secret, (int)strlen(secret), (const unsigned char *)w->at, w->len, out, &len) == NULL)
        return 0;
    return len;
}

/* Exim's: hexadecimal digits of HMAC-MD5 over the lower-cased address, its local part in quotes if Exim would put it there. Empty if the digest cannot be made. */
static void hash_exim(const char *secret, struct part local, struct part domain, bool quotes, char out[HASH_DIGITS_MAX + 1])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE];
    struct writer w = { .len = 0 };
    put_text(&w, quotes ? "\"" : "");
    put_lower(&w, local);
    put_text(&w, quotes ? "\"@" : "@");
    put_lower(&w, domain);
    out[0] = '\0';
    if (digest(EVP_md5(), secret, &w, md) == 0)
        return;
    for (size_t i = 0; i < HASH_DIGITS; i++)
        out[i] = hex[i % 2 == 0 ? md[i / 2] >> 4 : md[i / 2] & 15];
    out[HASH_DIGITS] = '\0';
}

/* libsrs2's: base 64 of HMAC-SHA1 over the parts, lower-cased, with nothing between them. */
static void hash_postsrsd(const char *secret, const struct part *parts, size_t n, char out[HASH_DIGITS_MAX + 1])
{
    unsigned char md[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
    struct writer w = { .len = 0 };
    size_t len;
    for (size_t i = 0; i < n; i++)
        put_lower(&w, parts[i]);
    len = digest(EVP_sha1(), secret, &w, md);
    out[0] = '\0';
    if (len == 0)
        return;
    EVP_EncodeBlock(text, md, (int)len);
    memcpy(out, text, HASH_DIGITS_MAX);            /* 20 bytes are 27 digits and a filler */
    out[HASH_DIGITS_MAX] = '\0';
}

/* Compares the digits that are there with the first ones of the hash, in any case, in a time that tells nothing of the hash. */
static bool hash_fits(struct part given, const char *hash)
{
    char a[HASH_DIGITS_MAX], b[HASH_DIGITS_MAX];
    if (given.len < HASH_DIGITS || given.len > strlen(hash))
        return false;
    for (size_t i = 0; i < given.len; i++) {
        a[i] = lower(given.at[i]);
        b[i] = lower(hash[i]);
    }
    return CRYPTO_memcmp(a, b, given.len) == 0;
}

/* The address is local@domain in Exim's eyes, and `parts` in libsrs2's. All secrets are tried whether one fits or not. */
static bool is_ours(const struct srs *s, struct part hash, struct part local, struct part domain, const struct part *parts, size_t n)
{
    char want[HASH_DIGITS_MAX + 1];
    bool fits = false;
    for (size_t i = 0; i < s->secrets_n; i++) {
        /* Exim signs the quotes that a sender had, and has lost them on the way back. Letters beyond ASCII it signs without, and reads with them. */
        for (int quotes = 0; quotes < 2; quotes++) {
            if (quotes != 0 ? all_atext(local) : !is_local(local))
                continue;
            hash_exim(s->secrets[i], local, domain, quotes != 0, want);
            fits |= hash_fits(hash, want);
        }
        hash_postsrsd(s->secrets[i], parts, n, want);
        fits |= hash_fits(hash, want);
    }
    return fits;
}

/* ---- stamps */

static void stamp_write(int64_t day, bool upper, char out[STAMP_DIGITS + 1])
{
    const char *digits = upper ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" : "abcdefghijklmnopqrstuvwxyz234567";
    out[0] = digits[(day >> 5) & 31];
    out[1] = digits[day & 31];
    out[2] = '\0';
}

/* One digit is read, too: Exim leaves out a leading zero. */
static bool stamp_read(struct part p, int64_t *day)
{
    int64_t value = 0;
    if (p.len == 0 || p.len > STAMP_DIGITS)
        return false;
    for (size_t i = 0; i < p.len; i++) {
        char c = lower(p.at[i]);
        if (c >= 'a' && c <= 'z')
            value = value * 32 + (c - 'a');
        else if (c >= '2' && c <= '7')
            value = value * 32 + (c - '2' + 26);
        else
            return false;
    }
    *day = value;
    return true;
}

static bool stamp_is_fresh(int64_t stamp, int64_t day, unsigned valid_days)
{
    int64_t age = (day - stamp) & (DAYS - 1);
    return age <= (int64_t)valid_days || age == DAYS - 1;
}

/* ---- the two shapes */

static bool read_srs0(struct part local, struct srs0 *out)
{
    int64_t day;
    if (!begins_with(local, "SRS0"))
        return false;
    local = (struct part){ local.at + 5, local.len - 5 };
    if (!split(&local, &out->hash) || !split(&local, &out->stamp) || !split(&local, &out->domain))
        return false;
    out->local = local;
    return out->hash.len > 0 && stamp_read(out->stamp, &day) && is_domain(out->domain, true) && local.len > 0;
}

static bool read_srs1(struct part local, struct srs1 *out)
{
    if (!begins_with(local, "SRS1"))
        return false;
    local = (struct part){ local.at + 5, local.len - 5 };
    if (!split(&local, &out->hash) || !split(&local, &out->hop))
        return false;
    out->rest = local;
    return out->hash.len > 0 && is_domain(out->hop, true) && local.len > 1 && strchr("=+-", local.at[0]) != NULL;
}

/* "SRS0" and the rest of an SRS1 address: the local part at the first hop. */
static struct part first_local(struct writer *w, struct part rest)
{
    put_text(w, "SRS0");
    put(w, rest);
    return (struct part){ w->at, w->len };
}

static int forward_again(const struct srs *s, struct part hop, struct part rest, struct part domain, char *out, const char **why)
{
    struct writer first = { .len = 0 }, made = { .len = 0 };
    char hash[HASH_DIGITS_MAX + 1];
    if (s->style == SRS_EXIM) {
        struct part local = first_local(&first, rest);
        hash_exim(s->secrets[0], local, hop, !all_atext(local), hash);
    } else {
        hash_postsrsd(s->secrets[0], (const struct part[]){ hop, rest }, 2, hash);
    }
    hash[HASH_DIGITS] = '\0';
    put_text(&made, "SRS1=");
    put_text(&made, hash);
    put_text(&made, "=");
    put(&made, hop);
    put_text(&made, "=");
    put(&made, rest);
    return put_mailbox((struct part){ made.at, made.len }, domain, SRS_ADDRESS_MAX, out, why);
}

static int forward_first(const struct srs *s, const struct mailbox *m, struct part domain, int64_t day, char *out, const char **why)
{
    struct writer made = { .len = 0 };
    char hash[HASH_DIGITS_MAX + 1], stamp[STAMP_DIGITS + 1];
    stamp_write(day, s->style == SRS_POSTSRSD, stamp);
    if (s->style == SRS_EXIM)
        hash_exim(s->secrets[0], m->local, m->domain, !all_atext(m->local), hash);
    else
        hash_postsrsd(s->secrets[0], (const struct part[]){ { stamp, STAMP_DIGITS }, m->domain, m->local }, 3, hash);
    hash[HASH_DIGITS] = '\0';
    put_text(&made, "SRS0=");
    put_text(&made, hash);
    put_text(&made, "=");
    put_text(&made, stamp);
    put_text(&made, "=");
    put(&made, m->domain);
    put_text(&made, "=");
    put(&made, m->local);
    return put_mailbox((struct part){ made.at, made.len }, domain, SRS_ADDRESS_MAX, out, why);
}

static int refuse(int rc, const char *text, const char **why)
{
    *why = text;
    return rc;
}

int srs_forward(const struct srs *s, const char *addr, size_t addr_len, const char *domain, size_t domain_len, int64_t day,
                char out[SRS_ADDRESS_MAX + 1], const char **why)
{
    struct part alias = { domain, domain_len };
    struct mailbox m;
    struct srs0 first;
    struct srs1 later;
    if (s->secrets_n == 0)
        return refuse(-ENOKEY, "no secrets: set srs { secrets = { \"...\" } }", why);
    if (!is_domain(alias, false))
        return refuse(-EINVAL, "not a domain to forward from", why);
    if (addr_len == 0 || (addr_len == 2 && memcmp(addr, "<>", 2) == 0)) {
        out[0] = '\0';
        return 0;
    }
    if (addr_len > SRS_INPUT_MAX)
        return refuse(-ENAMETOOLONG, "address too long", why);
    if (!read_mailbox(addr, addr_len, &m))
        return refuse(-EINVAL, "not an address", why);
    if (read_srs1(m.local, &later))
        return forward_again(s, later.hop, later.rest, alias, out, why);
    if (read_srs0(m.local, &first))
        return forward_again(s, m.domain, (struct part){ m.local.at + 4, m.local.len - 4 }, alias, out, why);
    return forward_first(s, &m, alias, day, out, why);
}

static int reverse_later(const struct srs *s, const struct srs1 *a, char *out, const char **why)
{
    const struct part parts[] = { a->hop, a->rest };
    struct writer w = { .len = 0 };
    struct part local = first_local(&w, a->rest);
    if (!is_ours(s, a->hash, local, a->hop, parts, 2))
        return refuse(-EACCES, "forged SRS address", why);
    return put_mailbox(local, a->hop, SRS_INPUT_MAX, out, why);
}

static int reverse_first(const struct srs *s, const struct srs0 *a, int64_t day, char *out, const char **why)
{
    const struct part parts[] = { a->stamp, a->domain, a->local };
    int64_t stamp = 0;
    if (!is_ours(s, a->hash, a->local, a->domain, parts, 3))
        return refuse(-EACCES, "forged SRS address", why);
    stamp_read(a->stamp, &stamp);
    if (!stamp_is_fresh(stamp, day, s->valid_days))
        return refuse(-ESTALE, "expired SRS address", why);
    return put_mailbox(a->local, a->domain, SRS_INPUT_MAX, out, why);
}

int srs_reverse(const struct srs *s, const char *addr, size_t addr_len, int64_t day, char out[SRS_INPUT_MAX + 1], const char **why)
{
    struct mailbox m;
    struct srs0 first;
    struct srs1 later;
    if (s->secrets_n == 0)
        return refuse(-ENOKEY, "no secrets: set srs { secrets = { \"...\" } }", why);
    if (addr_len > SRS_INPUT_MAX)
        return refuse(-ENAMETOOLONG, "address too long", why);
    if (!read_mailbox(addr, addr_len, &m))
        return refuse(-EINVAL, "not an SRS address", why);
    if (read_srs1(m.local, &later))
        return reverse_later(s, &later, out, why);
    if (read_srs0(m.local, &first))
        return reverse_first(s, &first, day, out, why);
    return refuse(-EINVAL, "not an SRS address", why);
}
