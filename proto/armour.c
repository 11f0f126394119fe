#include "proto/armour.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int armour_encode(const char *prefix, struct bytes bytes, char *text, size_t room)
{
    const size_t prefix_len = strlen(prefix);
    unsigned held = 0, bits = 0;
    char *at = text + prefix_len;

    if (bytes.len > room || prefix_len + (bytes.len * 4 + 2) / 3 + 1 > room)
        return -ENOBUFS;
    memcpy(text, prefix, prefix_len);
    for (size_t i = 0; i < bytes.len; i++) {
        held = held << 8 | bytes.at[i];
        for (bits += 8; bits >= 6; bits -= 6)
            *at++ = DIGITS[held >> (bits - 6) & 63];
    }
    if (bits > 0)
        *at++ = DIGITS[held << (6 - bits) & 63];
    *at = '\0';
    return 0;
}

static int digit_value(char c)
{
    const char *at = c != '\0' ? strchr(DIGITS, c) : NULL;

    return at != NULL ? (int)(at - DIGITS) : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The digits within the text, without blanks around it. */
static int find_digits(const char *prefix, const char *text, const char **digits, size_t *n)
{
    const size_t prefix_len = strlen(prefix);
    size_t len;

    while (is_blank(*text))
        text++;
    len = strlen(text);
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    if (len <= prefix_len || memcmp(text, prefix, prefix_len) != 0)
        return -EINVAL;
    *digits = text + prefix_len;
    *n = len - prefix_len;
    return *n % 4 == 1 ? -EINVAL : 0;
}

int armour_decode(const char *prefix, const char *text, uint8_t *out, size_t *len)
{
    const char *digits;
    size_t digits_n, used = 0;
    unsigned held = 0, bits = 0;
    int rc = find_digits(prefix, text, &digits, &digits_n);

    if (rc != 0)
        return rc;
    if (digits_n / 4 * 3 + digits_n % 4 * 3 / 4 > *len)
        return -ENOBUFS;
    for (size_t i = 0; i < digits_n; i++) {
        int value = digit_value(digits[i]);
        if (value < 0)
            return -EINVAL;
        held = held << 6 | (unsigned)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[used++] = (uint8_t)(held >> bits);
        }
    }
    if ((held & ((1U << bits) - 1)) != 0)
        return -EINVAL;              /* bits that no byte took */
    *len = used;
    return 0;
}
