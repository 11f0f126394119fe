#include "proto/once.h"

#include <errno.h>
#include <string.h>

#include "proto/words.h"

static const char expected[] = "once needs SOURCE:NUMBER, 32 hexadecimal digits and a number, and a request behind it, not";

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decimal digits at *at, up to `most`; *at ends behind them. False: none, or too many. */
static bool read_number(const char **at, const char *end, uint64_t most, uint64_t *out)
{
    const char *start = *at;
    uint64_t n = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (n > (most - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return *at > start;
}

static bool read_name(struct word w, struct once *out)
{
    const char *at = w.at, *end = w.at + w.len;
    uint64_t age = 0;
    if (w.len < 2 * ONCE_SOURCE_BYTES + 2)
        return false;
    for (size_t i = 0; i < ONCE_SOURCE_BYTES; i++, at += 2) {
        int high = hex_digit(at[0]), low = hex_digit(at[1]);
        if (high < 0 || low < 0)
            return false;
        out->source[i] = (uint8_t)(high << 4 | low);
    }
    if (*at++ != ':' || !read_number(&at, end, INT64_MAX, &out->number) || out->number == 0)
        return false;
    if (at < end && (*at++ != ':' || !read_number(&at, end, ONCE_AGE_MAX_S, &age)))
        return false;
    out->age_s = (uint32_t)age;
    return at == end;
}

int once_split(const char **line, size_t *len, struct once *out, char *reason)
{
    const char *end = *line + *len;
    struct word verb = word_first(*line, end), name, rest;
    struct reading r = { .reason = reason };
    struct once o = { .number = 0 };
    if (!word_is(verb, "once"))
        return 0;
    name = word_first(verb.at + verb.len, end);
    rest = word_first(name.at + name.len, end);
    if (!read_name(name, &o) || rest.len == 0)
        return complain(&r, expected, name);
    *out = o;
    *line = rest.at;
    *len = (size_t)(end - rest.at);
    return 1;
}
