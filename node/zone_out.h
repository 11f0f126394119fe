/* node/zone_out.h: the bytes of a zone file on their way to disk: a large buffer, lines formatted by hand, and a sum over all of it.
 * Inline, since a zone is millions of short lines and printf takes seven times as long for each as all the rest together.
 * Only zone_text.c and zone_file.c include it. */
#ifndef HEARSAY_NODE_ZONE_OUT_H
#define HEARSAY_NODE_ZONE_OUT_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum {
    ZONE_OUT_BYTES = 256 * 1024,     /* handed to the kernel at once; a multiple of ZONE_SUM_STEP */
    ZONE_OUT_LINE_MAX = 1024,        /* no line is longer, its end included */
    ZONE_SUM_LANES = 8,
    ZONE_SUM_STEP = ZONE_SUM_LANES * 8
};

/* ---- the sum: lines, bytes, and 64 bits that any torn, cut, or swapped piece changes. Eight independent chains of
 * xor, multiply, rotate (FNV-1a over 8-byte words, rotated so that no bit stays where it is): 8 bytes a cycle. */
struct zone_sum {
    uint64_t lane[ZONE_SUM_LANES];
    uint64_t lines, bytes;
};

static inline uint64_t zone_sum_mix(uint64_t hash, uint64_t word)
{
    uint64_t m = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return m << 29 | m >> 35;
}

static inline void zone_sum_init(struct zone_sum *s)
{
    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i < ZONE_SUM_LANES; i++)
        s->lane[i] = zone_sum_mix(0, i + 1);
}

/* 1 in the low bit of each byte of `word` that is a newline. */
static inline uint64_t zone_sum_newlines(uint64_t word)
{
    const uint64_t low7 = 0x7f7f7f7f7f7f7f7fu;
    uint64_t x = word ^ 0x0a0a0a0a0a0a0a0au;
    return (~(((x & low7) + low7) | x | low7)) >> 7;
}

/* Whole steps; the lanes stay in registers. At most 255 / ZONE_SUM_LANES of them, since each byte of `count` counts up to 255. */
static inline void zone_sum_steps(struct zone_sum *s, const char *at, size_t steps)
{
    uint64_t lane[ZONE_SUM_LANES], word[ZONE_SUM_LANES], count = 0;
    memcpy(lane, s->lane, sizeof lane);
    for (; steps > 0; steps--, at += ZONE_SUM_STEP) {
        memcpy(word, at, sizeof word);
        for (unsigned i = 0; i < ZONE_SUM_LANES; i++)
            lane[i] = zone_sum_mix(lane[i], word[i]);
        for (unsigned i = 0; i < ZONE_SUM_LANES; i++)
            count += zone_sum_newlines(word[i]);
    }
    memcpy(s->lane, lane, sizeof lane);
    for (; count != 0; count >>= 8)
        s->lines += count & 0xff;
}

/* A multiple of ZONE_SUM_STEP bytes, except for the last call, whose rest counts as if zeros followed. */
static inline void zone_sum_add(struct zone_sum *s, const char *at, size_t len)
{
    char rest[ZONE_SUM_STEP] = { 0 };
    s->bytes += len;
    while (len >= ZONE_SUM_STEP) {
        size_t steps = len / ZONE_SUM_STEP;
        steps = steps < 255 / ZONE_SUM_LANES ? steps : 255 / ZONE_SUM_LANES;
        zone_sum_steps(s, at, steps);
        at += steps * ZONE_SUM_STEP;
        len -= steps * ZONE_SUM_STEP;
    }
    if (len > 0) {
        memcpy(rest, at, len);
        zone_sum_steps(s, rest, 1);
    }
}

static inline uint64_t zone_sum_end(const struct zone_sum *s)
{
    uint64_t hash = zone_sum_mix(s->bytes, s->lines);
    for (unsigned i = 0; i < ZONE_SUM_LANES; i++)
        hash = zone_sum_mix(hash, s->lane[i]);
    return hash;
}

/* ---- the buffer */
struct zone_out {
    int fd;
    int rc;                          /* the first error; later calls do nothing */
    size_t used;
    uint64_t lines;                  /* as put, to compare with those that are read back */
    struct zone_sum sum;
    char *buffer;                    /* ZONE_OUT_BYTES + ZONE_OUT_LINE_MAX */
};

/* All of it, from `offset` on, or where the file stands for -1. */
static inline int zone_out_write(int fd, const char *at, size_t len, off_t offset)
{
    while (len > 0) {
        ssize_t n = offset < 0 ? write(fd, at, len) : pwrite(fd, at, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        at += n;
        len -= (size_t)n;
        offset += offset < 0 ? 0 : (off_t)n;
    }
    return 0;
}

static inline void zone_out_flush(struct zone_out *o, size_t len)
{
    zone_sum_add(&o->sum, o->buffer, len);
    if (o->rc == 0)
        o->rc = zone_out_write(o->fd, o->buffer, len, -1);
    o->used -= len;
    memmove(o->buffer, o->buffer + len, o->used);
}

/* Where the next line goes: ZONE_OUT_LINE_MAX bytes of room. */
static inline char *zone_out_line(struct zone_out *o)
{
    if (o->used >= ZONE_OUT_BYTES)
        zone_out_flush(o, ZONE_OUT_BYTES);
    return o->buffer + o->used;
}

/* Takes what was formatted there, up to `end`, as one line. */
static inline void zone_out_take(struct zone_out *o, const char *end)
{
    o->used = (size_t)(end - o->buffer);
    o->lines++;
}

static inline void zone_out_text(struct zone_out *o, const char *text, size_t len)
{
    char *at = zone_out_line(o);
    memcpy(at, text, len);
    at[len] = '\n';
    zone_out_take(o, at + len + 1);
}

/* ---- addresses */
struct zone_digits {
    char octet[256][4];              /* "7.  ", "192." */
    uint8_t len[256];
};

static inline void zone_digits_init(struct zone_digits *d)
{
    for (unsigned i = 0; i < 256; i++) {
        char *at = d->octet[i];
        memset(at, ' ', 4);
        if (i >= 100)
            *at++ = (char)('0' + i / 100);
        if (i >= 10)
            *at++ = (char)('0' + i / 10 % 10);
        *at++ = (char)('0' + i % 10);
        *at++ = '.';
        d->len[i] = (uint8_t)(at - d->octet[i]);
    }
}

static inline char *zone_put_octet(char *at, const struct zone_digits *d, unsigned octet)
{
    memcpy(at, d->octet[octet], 4);
    return at + d->len[octet];
}

/* "192.0.2.7." with a dot too many, for the caller to overwrite. */
static inline char *zone_put_ip4(char *at, const struct zone_digits *d, uint32_t addr)
{
    at = zone_put_octet(at, d, addr >> 24);
    at = zone_put_octet(at, d, addr >> 16 & 0xff);
    at = zone_put_octet(at, d, addr >> 8 & 0xff);
    return zone_put_octet(at, d, addr & 0xff);
}

static inline char *zone_put_bits(char *at, const struct zone_digits *d, unsigned bits)
{
    *at++ = '/';
    at = zone_put_octet(at, d, bits & 0xff);
    at[-1] = '\n';
    return at;
}

/* "2001:db8:1:2::/64": the address has at most 64 bits, so that "::" always stands for the rest. */
static inline char *zone_put_ip6(char *at, uint64_t addr)
{
    static const char hex[] = "0123456789abcdef";
    if (addr == 0)
        *at++ = ':';
    for (; addr != 0; addr <<= 16) {
        unsigned group = (unsigned)(addr >> 48);
        for (int shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0; shift >= 0; shift -= 4)
            *at++ = hex[group >> shift & 0xf];
        *at++ = ':';
    }
    *at = ':';
    return at + 1;
}

#endif
