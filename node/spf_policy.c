#include "node/spf_policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct part {
    const char *at;
    size_t len;
};

/* A mechanism's or modifier's term as it is taken apart. */
struct term {
    struct part name, value;         /* value: behind ':' or '='; with its sign in `sign`, 0 for none */
    struct part cidr4, cidr6;        /* digits; at NULL: not said */
    char sign, qualifier;            /* qualifier 0: not said */
};

struct rewriting {
    char *out;
    size_t len;
    int family;
    struct part redirect;
    bool has_redirect, has_exp;
};

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_alpha(c) || is_digit(c);
}

static bool name_is(struct part p, const char *name)
{
    return p.len == strlen(name) && strncasecmp(p.at, name, p.len) == 0;
}

/* ---- macros and domains: section 7.1 */

/* Behind a macro-expand that begins at `at` with a '%'; NULL if it is none. `exp_only`: the letters of explanations are taken, too. */
static const char *skip_macro(const char *at, const char *end)
{
    if (at + 1 < end && strchr("%_-", at[1]) != NULL)
        return at + 2;
    if (at + 3 >= end || at[1] != '{' || strchr("slodiphvSLODIPHV", at[2]) == NULL)
        return NULL;
    at += 3;
    if (is_digit(*at)) {
        unsigned digits = 0, value = 0;
        for (; at < end && is_digit(*at); at++, digits++)
            value = value * 10 + (unsigned)(*at - '0');
        if (value == 0 || digits > 3)
            return NULL;
    }
    if (at < end && (*at == 'r' || *at == 'R'))
        at++;
    while (at < end && strchr(".-+,/_=", *at) != NULL)
        at++;
    return at < end && *at == '}' ? at + 1 : NULL;
}

/* macro-string: printable, with each % in its place. *last_macro: it ends in one. */
static bool is_macro_string(struct part p, bool *last_macro)
{
    const char *at = p.at, *end = p.at + p.len;
    *last_macro = false;
    while (at != NULL && at < end) {
        *last_macro = *at == '%';
        if (*at == '%')
            at = skip_macro(at, end);
        else if (*at >= 0x21 && *at <= 0x7e)
            at++;
        else
            return false;
    }
    return at != NULL;
}

/* The last label of a name: letters, digits and hyphens, not only digits, no hyphen at an end. */
static bool is_toplabel(struct part p)
{
    bool plain_digits = true;
    if (p.len == 0 || !is_alnum(p.at[0]) || !is_alnum(p.at[p.len - 1]))
        return false;
    for (size_t i = 0; i < p.len; i++) {
        if (!is_alnum(p.at[i]) && p.at[i] != '-')
            return false;
        plain_digits = plain_digits && is_digit(p.at[i]);
    }
    return !plain_digits;
}

static bool is_domain_spec(struct part p)
{
    const char *dot;
    bool last_macro;
    if (p.len == 0 || !is_macro_string(p, &last_macro))
        return false;
    if (last_macro)
        return true;
    if (p.at[p.len - 1] == '.')
        p.len--;
    dot = memrchr(p.at, '.', p.len);
    return dot != NULL && is_toplabel((struct part){ dot + 1, p.len - (size_t)(dot - p.at) - 1 });
}

/* ---- one term */

static int read_digits(struct part p, int most)
{
    int value = 0;
    if (p.len == 0 || p.len > 3 || (p.len > 1 && p.at[0] == '0'))
        return -1;
    for (size_t i = 0; i < p.len; i++)
        value = value * 10 + (p.at[i] - '0');
    return value <= most ? value : -1;
}

/* Takes "/digits" off the end, behind `slashes` of them. */
static bool take_cidr(struct part *from, const char *slashes, struct part *out)
{
    size_t digits = 0, n = strlen(slashes);
    while (digits < from->len && is_digit(from->at[from->len - 1 - digits]))
        digits++;
    if (digits == 0 || from->len < digits + n || memcmp(from->at + from->len - digits - n, slashes, n) != 0)
        return false;
    *out = (struct part){ from->at + from->len - digits, digits };
    from->len -= digits + n;
    return true;
}

static void split_term(struct part word, struct term *t)
{
    size_t name = 0;
    *t = (struct term){ .qualifier = 0 };
    if (word.len > 0 && strchr("+-?~", word.at[0]) != NULL) {
        t->qualifier = word.at[0];
        word = (struct part){ word.at + 1, word.len - 1 };
    }
    while (name < word.len && (is_alnum(word.at[name]) || strchr("-_.", word.at[name]) != NULL))
        name++;
    t->name = (struct part){ word.at, name };
    t->value = (struct part){ word.at + name, 0 };
    if (name == word.len)
        return;
    t->sign = word.at[name];
    t->value = t->sign == '/' ? (struct part){ word.at + name, word.len - name } : (struct part){ word.at + name + 1, word.len - name - 1 };
}

/* ---- what is written */

static int put(struct rewriting *r, const char *text, size_t len)
{
    if (len > SPF_POLICY_MAX - r->len)
        return -EINVAL;
    memcpy(r->out + r->len, text, len);
    r->len += len;
    r->out[r->len] = '\0';
    return 0;
}

static int put_term(struct rewriting *r, char qualifier, const char *name, const char *sign, struct part value, const char *tail)
{
    char lead[] = { ' ', '+', '\0' };
    int rc;
    lead[1] = qualifier;
    rc = put(r, lead, qualifier != 0 ? 2 : 1);
    if (rc == 0)
        rc = put(r, name, strlen(name));
    if (rc == 0 && value.len > 0)
        rc = put(r, sign, strlen(sign));
    if (rc == 0)
        rc = put(r, value.at, value.len);
    return rc == 0 ? put(r, tail, strlen(tail)) : rc;
}

/* a and mx: [":" domain-spec] [dual-cidr]. Only the prefix of the client's family is handed on. */
static int rewrite_host(struct rewriting *r, struct term *t, const char *name)
{
    struct part spec = t->value;
    int bits4 = 32, bits6 = 128;
    bool has6 = take_cidr(&spec, "//", &t->cidr6), has4 = take_cidr(&spec, "/", &t->cidr4);
    char tail[8] = "";
    if (has6 && (bits6 = read_digits(t->cidr6, 128)) < 0)
        return -EINVAL;
    if (has4 && (bits4 = read_digits(t->cidr4, 32)) < 0)
        return -EINVAL;
    if ((t->sign == ':' && !is_domain_spec(spec)) || (t->sign == '/' && spec.len > 0))
        return -EINVAL;
    if (r->family == 4 && has4 && bits4 == 0 && strcmp(name, "a") == 0)      /* any address will do, and that is what `exists` asks for */
        return put_term(r, t->qualifier, "exists", ":", spec.len > 0 ? spec : (struct part){ "%{d}", 4 }, "");
    if (r->family == 4 && has4)
        snprintf(tail, sizeof tail, "/%d", bits4);
    if (r->family == 6 && has6)
        snprintf(tail, sizeof tail, "//%d", bits6);
    return put_term(r, t->qualifier, name, ":", spec, tail);
}

static int rewrite_ip(struct rewriting *r, struct term *t, const char *name, int family)
{
    char addr[INET6_ADDRSTRLEN], tail[8] = "";
    uint8_t parsed[16];
    int bits = family == 4 ? 32 : 128;
    bool said = take_cidr(&t->value, "/", &t->cidr4);
    if (t->sign != ':' || t->value.len >= sizeof addr || (said && (bits = read_digits(t->cidr4, bits)) < 0))
        return -EINVAL;
    snprintf(addr, sizeof addr, "%.*s", (int)t->value.len, t->value.at);
    if (inet_pton(family == 4 ? AF_INET : AF_INET6, addr, parsed) != 1)
        return -EINVAL;
    if (family != r->family)
        return 0;
    if (bits == 0)
        return put_term(r, t->qualifier, "all", "", (struct part){ "", 0 }, "");
    if (said)
        snprintf(tail, sizeof tail, "/%d", bits);
    return put_term(r, t->qualifier, name, ":", t->value, tail);
}

static int rewrite_named(struct rewriting *r, const struct term *t, const char *name, bool must)
{
    if (t->sign == 0 && !must)
        return put_term(r, t->qualifier, name, "", (struct part){ "", 0 }, "");
    if (t->sign != ':' || !is_domain_spec(t->value))
        return -EINVAL;
    return put_term(r, t->qualifier, name, ":", t->value, "");
}

static int rewrite_mechanism(struct rewriting *r, struct term *t)
{
    if (t->sign != 0 && t->sign != ':' && t->sign != '/')
        return -EINVAL;
    if (name_is(t->name, "all"))
        return t->sign == 0 ? put_term(r, t->qualifier, "all", "", (struct part){ "", 0 }, "") : -EINVAL;
    if (name_is(t->name, "include"))
        return rewrite_named(r, t, "include", true);
    if (name_is(t->name, "exists"))
        return rewrite_named(r, t, "exists", true);
    if (name_is(t->name, "ptr"))
        return rewrite_named(r, t, "ptr", false);
    if (name_is(t->name, "a"))
        return rewrite_host(r, t, "a");
    if (name_is(t->name, "mx"))
        return rewrite_host(r, t, "mx");
    if (name_is(t->name, "ip4"))
        return rewrite_ip(r, t, "ip4", 4);
    if (name_is(t->name, "ip6"))
        return rewrite_ip(r, t, "ip6", 6);
    return -EINVAL;
}

/* redirect and exp at most once each (section 6); what nobody knows is ignored, if it is well made. */
static int take_modifier(struct rewriting *r, const struct term *t)
{
    bool last_macro, redirect = name_is(t->name, "redirect"), explain = name_is(t->name, "exp");
    if (t->qualifier != 0 || t->name.len == 0 || !is_alpha(t->name.at[0]))
        return -EINVAL;
    if (!redirect && !explain)
        return is_macro_string(t->value, &last_macro) ? 0 : -EINVAL;
    if (!is_domain_spec(t->value) || (redirect ? r->has_redirect : r->has_exp))
        return -EINVAL;
    if (redirect)
        r->redirect = t->value;
    r->has_redirect |= redirect;
    r->has_exp |= explain;
    return 0;
}

bool spf_policy_is_one(const char *text)
{
    return strncasecmp(text, "v=spf1", 6) == 0 && (text[6] == ' ' || text[6] == '\0');
}

int spf_policy_rewrite(const char *text, int family, char out[SPF_POLICY_MAX + 1])
{
    struct rewriting r = { .out = out, .family = family };
    struct term t;
    int rc = strlen(text) > SPF_POLICY_MAX ? -EINVAL : put(&r, "v=spf1", 6);
    text += 6;
    while (rc == 0 && *text != '\0') {
        size_t len = strcspn(text, " ");
        if (len > 0) {
            split_term((struct part){ text, len }, &t);
            rc = t.sign == '=' ? take_modifier(&r, &t) : rewrite_mechanism(&r, &t);
        }
        text += len + strspn(text + len, " ");
    }
    if (rc == 0 && r.has_redirect)
        rc = put_term(&r, 0, "redirect", "=", r.redirect, "");
    return rc;
}
