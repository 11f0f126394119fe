/* The card: a record as one line of text. */
#include <errno.h>
#include <string.h>

#include "proto/record.h"

static const char PREFIX[] = "hearsay1:";
static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int card_encode(struct bytes frame, char *text, size_t room)
{
    const size_t prefix_len = sizeof PREFIX - 1;
    unsigned held = 0, bits = 0;
    char *at = text + prefix_len;

    if (frame.len > RECORD_FRAME_MAX || prefix_len + (frame.len * 4 + 2) / 3 + 1 > room)
        return -ENOBUFS;
    memcpy(text, PREFIX, prefix_len);
    for (size_t i = 0; i < frame.len; i++) {
        held = held << 8 | frame.at[i];
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

/* The digits of the card within the text, without blanks around it. */
static int find_digits(const char *text, const char **digits, size_t *n)
{
    const size_t prefix_len = sizeof PREFIX - 1;
    size_t len;

    while (is_blank(*text))
        text++;
    len = strlen(text);
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    if (len <= prefix_len || memcmp(text, PREFIX, prefix_len) != 0)
        return -EINVAL;
    *digits = text + prefix_len;
    *n = len - prefix_len;
    return *n % 4 == 1 ? -EINVAL : 0;
}

int card_decode(const char *text, uint8_t *frame, size_t *len)
{
    const char *digits;
    size_t digits_n, used = 0;
    unsigned held = 0, bits = 0;
    int rc = find_digits(text, &digits, &digits_n);

    if (rc != 0)
        return rc;
    if (digits_n * 3 / 4 > *len)
        return -ENOBUFS;
    for (size_t i = 0; i < digits_n; i++) {
        int value = digit_value(digits[i]);
        if (value < 0)
            return -EINVAL;
        held = held << 6 | (unsigned)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            frame[used++] = (uint8_t)(held >> bits);
        }
    }
    if ((held & ((1U << bits) - 1)) != 0)
        return -EINVAL;              /* bits that no byte took: a card has one spelling */
    *len = used;
    return 0;
}
