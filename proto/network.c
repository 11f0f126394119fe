#include "proto/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* As numbers, first and last, since every report is held against all of them. */
#define IP4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
static const struct range {
    uint32_t first, last;
} reserved_ip4[] = {
    { IP4(0, 0, 0, 0), IP4(0, 255, 255, 255) },            /* "this network" */
    { IP4(10, 0, 0, 0), IP4(10, 255, 255, 255) },          /* private */
    { IP4(100, 64, 0, 0), IP4(100, 127, 255, 255) },       /* shared by carriers, RFC 6598 */
    { IP4(127, 0, 0, 0), IP4(127, 255, 255, 255) },        /* loopback */
    { IP4(169, 254, 0, 0), IP4(169, 254, 255, 255) },      /* link-local */
    { IP4(172, 16, 0, 0), IP4(172, 31, 255, 255) },        /* private */
    { IP4(192, 0, 0, 0), IP4(192, 0, 0, 255) },            /* IETF protocol assignments */
    { IP4(192, 88, 99, 0), IP4(192, 88, 99, 255) },        /* was the 6to4 relay anycast, RFC 7526 */
    { IP4(192, 168, 0, 0), IP4(192, 168, 255, 255) },      /* private */
    { IP4(198, 18, 0, 0), IP4(198, 19, 255, 255) },        /* benchmarking */
    { IP4(224, 0, 0, 0), IP4(255, 255, 255, 255) },        /* multicast, reserved, broadcast */
};

static const struct network global_ip6 = { 6, 3, { 0x20 } };                      /* all global unicast, RFC 4291 */
static const struct network assigned_ip6 = { 6, 23, { 0x20, 0x01 } };             /* Teredo, ORCHID ..., RFC 2928 */
static const struct network six_to_four = { 6, 16, { 0x20, 0x02 } };              /* RFC 3056: bits 16 to 47 are IPv4 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A decimal number without leading zeros, which some read as octal. The cursor stops behind it. -1: none, or over max. */
static int read_decimal(const char **at, const char *end, int max)
{
    const char *start = *at;
    int value = 0;

    while (*at < end && is_digit(**at)) {
        value = value * 10 + (**at - '0');
        if (value > max)
            return -1;
        (*at)++;
    }
    if (*at == start || (*start == '0' && *at - start > 1))
        return -1;
    return value;
}

static int read_ip4(const char *text, size_t len, uint8_t addr[16])
{
    const char *at = text, *end = text + len;

    for (int i = 0; i < 4; i++) {
        if (i > 0 && (at == end || *at++ != '.'))
            return -EINVAL;
        int value = read_decimal(&at, end, 255);
        if (value < 0)
            return -EINVAL;
        addr[i] = (uint8_t)value;
    }
    return at == end ? 0 : -EINVAL;
}

static int read_ip6(const char *text, size_t len, uint8_t addr[16])
{
    char copy[INET6_ADDRSTRLEN];

    if (len >= sizeof copy || memchr(text, '\0', len) != NULL)
        return -EINVAL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(AF_INET6, copy, addr) == 1 ? 0 : -EINVAL;
}

static int read_addr(const char *text, size_t len, struct network *n)
{
    bool is_ip6 = memchr(text, ':', len) != NULL;

    n->family = is_ip6 ? 6 : 4;
    n->bits = is_ip6 ? 128 : 32;
    return is_ip6 ? read_ip6(text, len, n->addr) : read_ip4(text, len, n->addr);
}

static int read_prefix(const char *text, size_t len, struct network *n)
{
    const char *at = text, *end = text + len;
    int bits = read_decimal(&at, end, n->bits);

    if (bits < 0 || at != end)
        return -EINVAL;
    n->bits = (uint8_t)bits;
    return 0;
}

static void unmap(struct network *n)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (n->family != 6 || n->bits < 96 || memcmp(n->addr, mapped, sizeof mapped) != 0)
        return;
    memmove(n->addr, n->addr + sizeof mapped, 4);
    memset(n->addr + 4, 0, sizeof n->addr - 4);
    n->family = 4;
    n->bits = (uint8_t)(n->bits - 96);
}

int network_parse(const char *text, size_t len, struct network *out)
{
    struct network n = { 0 };
    const char *slash = len > 0 ? memchr(text, '/', len) : NULL;
    size_t addr_len = slash != NULL ? (size_t)(slash - text) : len;

    if (addr_len == 0 || read_addr(text, addr_len, &n) != 0)
        return -EINVAL;
    if (slash != NULL && read_prefix(slash + 1, len - addr_len - 1, &n) != 0)
        return -EINVAL;
    unmap(&n);
    network_widen(&n, n.bits);
    *out = n;
    return 0;
}

void network_widen(struct network *n, unsigned bits)
{
    unsigned whole = bits / 8, size = sizeof n->addr;

    if (bits % 8 != 0) {
        n->addr[whole] &= (uint8_t)(0xff00U >> (bits % 8));
        whole++;
    }
    memset(n->addr + whole, 0, size - whole);
    n->bits = (uint8_t)bits;
}

static char *put_decimal(char *at, unsigned value)
{
    if (value >= 100)
        *at++ = (char)('0' + value / 100);
    if (value >= 10)
        *at++ = (char)('0' + value / 10 % 10);
    *at++ = (char)('0' + value % 10);
    return at;
}

/* By hand and not by printf: a zone can hold a million of them. */
static char *put_ip4(char *at, const uint8_t *addr)
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        at = put_decimal(at, addr[i]);
    }
    return at;
}

char *network_text(const struct network *n, char out[NETWORK_TEXT_MAX])
{
    char *at = out;

    if (n->family == 4) {
        at = put_ip4(at, n->addr);
    } else {
        inet_ntop(AF_INET6, n->addr, out, NETWORK_TEXT_MAX);
        at += strlen(out);
    }
    if (n->bits < (n->family == 4 ? 32 : 128)) {
        *at++ = '/';
        at = put_decimal(at, n->bits);
    }
    *at = '\0';
    return out;
}

static bool first_bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) & (0xff00U >> rest) & 0xffU) == 0;
}

bool network_within(const struct network *inner, const struct network *outer)
{
    return inner->family == outer->family && inner->bits >= outer->bits &&
           first_bits_equal(inner->addr, outer->addr, outer->bits);
}

bool network_overlaps(const struct network *a, const struct network *b)
{
    return network_within(a, b) || network_within(b, a);
}

static struct range range_of(const struct network *ip4)
{
    const uint8_t *a = ip4->addr;
    uint32_t first = IP4(a[0], a[1], a[2], a[3]);
    uint32_t host_bits = (uint32_t)((UINT64_C(1) << (32 - ip4->bits)) - 1);

    return (struct range){ first, first | host_bits };
}

static bool ip4_is_reserved(const struct network *ip4)
{
    struct range r = range_of(ip4);

    for (size_t i = 0; i < sizeof reserved_ip4 / sizeof reserved_ip4[0]; i++) {
        if (r.first >= reserved_ip4[i].first && r.last <= reserved_ip4[i].last)
            return true;
    }
    return false;
}

static bool ip4_touches_reserved(const struct network *ip4)
{
    struct range r = range_of(ip4);

    for (size_t i = 0; i < sizeof reserved_ip4 / sizeof reserved_ip4[0]; i++) {
        if (r.first <= reserved_ip4[i].last && r.last >= reserved_ip4[i].first)
            return true;
    }
    return false;
}

/* The IPv4 network that a 6to4 prefix stands for. */
static struct network inside_six_to_four(const struct network *n)
{
    struct network ip4 = { .family = 4, .bits = (uint8_t)(n->bits >= 48 ? 32 : n->bits - 16) };

    memcpy(ip4.addr, n->addr + 2, 4);
    return ip4;
}

bool network_is_reserved(const struct network *n)
{
    struct network ip4 = *n;

    if (n->family == 6) {
        if (!network_overlaps(n, &global_ip6) || network_within(n, &assigned_ip6))
            return true;
        if (!network_within(n, &six_to_four))
            return false;
        ip4 = inside_six_to_four(n);
    }
    return ip4_is_reserved(&ip4);
}

bool network_touches_reserved(const struct network *n)
{
    struct network ip4 = *n;

    if (n->family == 6) {
        if (!network_within(n, &global_ip6) || network_overlaps(n, &assigned_ip6))
            return true;
        if (!network_within(n, &six_to_four))
            return network_overlaps(n, &six_to_four);
        ip4 = inside_six_to_four(n);
    }
    return ip4_touches_reserved(&ip4);
}
