#include "node/config_text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "proto/network.h"
#include "store/rights.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads decimal digits; the cursor stops behind them. -EINVAL: none, or too large. */
static int read_digits(const char **at, int64_t *out)
{
    int64_t value = 0;
    if (!is_digit(**at))
        return -EINVAL;
    for (; is_digit(**at); (*at)++) {
        int digit = **at - '0';
        if (value > (INT64_MAX - digit) / 10)
            return -EINVAL;
        value = value * 10 + digit;
    }
    *out = value;
    return 0;
}

int text_number(const char *text, int64_t *out)
{
    const char *at = text + (*text == '-');
    int64_t value;
    if (read_digits(&at, &value) != 0 || *at != '\0')
        return -EINVAL;
    *out = *text == '-' ? -value : value;
    return 0;
}

/* The digits after the point, as millionths. */
static int read_fraction(const char **at, int64_t *micro)
{
    int64_t value = 0;
    int digits = 0;
    for (; is_digit(**at); (*at)++) {
        if (++digits > 6)
            return -EINVAL;
        value = value * 10 + (**at - '0');
    }
    if (digits == 0)
        return -EINVAL;
    for (; digits < 6; digits++)
        value *= 10;
    *micro = value;
    return 0;
}

int text_decimal(const char *text, int64_t *micro)
{
    const char *at = text + (*text == '-');
    int64_t whole = 0, fraction = 0;
    if (*at != '.' && read_digits(&at, &whole) != 0)
        return -EINVAL;
    if (*at == '.') {
        at++;
        if (read_fraction(&at, &fraction) != 0)
            return -EINVAL;
    }
    if (*at != '\0' || whole > INT64_MAX / 1000000 - 1)
        return -EINVAL;
    whole = whole * 1000000 + fraction;
    *micro = *text == '-' ? -whole : whole;
    return 0;
}

int text_octal(const char *text, int64_t *out)
{
    int64_t value = 0;
    if (*text == '\0' || strlen(text) > 8)
        return -EINVAL;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '7')
            return -EINVAL;
        value = value * 8 + (*text - '0');
    }
    *out = value;
    return 0;
}

int text_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    for (size_t i = 0; i < 3; i++) {
        if (strcasecmp(text, yes[i]) != 0 && strcasecmp(text, no[i]) != 0)
            continue;
        *out = strcasecmp(text, yes[i]) == 0;
        return 0;
    }
    return -EINVAL;
}

struct unit {
    const char *name;
    int64_t factor;
};

static int with_unit(const char *text, const struct unit *units, int64_t *out)
{
    int64_t value;
    if (read_digits(&text, &value) != 0)
        return -EINVAL;
    while (units->name != NULL && strcmp(units->name, text) != 0)
        units++;
    if (units->name == NULL || value > INT64_MAX / units->factor)
        return -EINVAL;
    *out = value * units->factor;
    return 0;
}

int config_duration(const char *text, int64_t *ms)
{
    static const struct unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
    return with_unit(text, units, ms);
}

int config_size(const char *text, int64_t *bytes)
{
    static const struct unit units[] = {{"", 1}, {"B", 1}, {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {NULL, 0}};
    char plain[32];
    size_t len = strlen(text);
    if (len > 2 && strcmp(text + len - 2, "/s") == 0)
        len -= 2;
    if (len >= sizeof plain)
        return -EINVAL;
    memcpy(plain, text, len);
    plain[len] = '\0';
    return with_unit(plain, units, bytes);
}

int text_host_port(const char *text, char *host, size_t room, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    size_t len;
    int64_t number;
    if (colon == NULL || text_number(colon + 1, &number) != 0 || number < 0 || number > UINT16_MAX)
        return -EINVAL;
    len = (size_t)(colon - text);
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL || memchr(text, '[', len) != NULL) {
        return -EINVAL;                    /* an IPv6 address needs brackets, else its last group passes for the port */
    }
    if (len == 0 || len >= room)
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    *port = (uint16_t)number;
    return 0;
}

int text_network(const char *text, struct config_network *out)
{
    struct network n;
    if (network_parse(text, strlen(text), &n) != 0)
        return -EINVAL;
    *out = (struct config_network){.family = n.family, .bits = n.bits};
    memcpy(out->addr, n.addr, sizeof out->addr);
    return 0;
}

bool text_is_address(const char *text)
{
    struct network n;
    return strchr(text, '/') == NULL && network_parse(text, strlen(text), &n) == 0;
}

int text_code(const char *text, uint8_t out[4])
{
    struct network n;
    if (strchr(text, '/') != NULL || strchr(text, ':') != NULL || network_parse(text, strlen(text), &n) != 0)
        return -EINVAL;
    memcpy(out, n.addr, 4);
    return 0;
}

/* ---- points in time */

static bool digits_at(const char **at, unsigned count, unsigned least, unsigned most, int *out)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        value = value * 10 + (unsigned)(**at - '0');
    }
    *out = (int)value;
    return value >= least && value <= most;
}

static bool mark_at(const char **at, char mark)
{
    return *(*at)++ == mark;
}

int text_time(const char *text, int64_t *unix_s)
{
    struct tm tm = {.tm_isdst = 0}, want;
    const char *at = text;
    if (strcmp(text, "never") == 0) {
        *unix_s = 0;
        return 0;
    }
    if (!digits_at(&at, 4, 1970, 9999, &tm.tm_year) || !mark_at(&at, '-') || !digits_at(&at, 2, 1, 12, &tm.tm_mon) || !mark_at(&at, '-') ||
        !digits_at(&at, 2, 1, 31, &tm.tm_mday))
        return -EINVAL;
    if (*at != '\0' && (!mark_at(&at, 'T') || !digits_at(&at, 2, 0, 23, &tm.tm_hour) || !mark_at(&at, ':') || !digits_at(&at, 2, 0, 59, &tm.tm_min) ||
                        !mark_at(&at, ':') || !digits_at(&at, 2, 0, 59, &tm.tm_sec) || strcmp(at, "Z") != 0))
        return -EINVAL;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    want = tm;
    int64_t seconds = timegm(&tm);
    if (tm.tm_mday != want.tm_mday || seconds <= 0)
        return -EINVAL;                /* the 30th of February */
    *unix_s = seconds;
    return 0;
}

int text_probation(const char *text, int64_t *for_s, int64_t *until_s)
{
    enum { YEARS_10_DAYS = 3650 };
    bool value;
    int64_t ms, time_s;
    if (text_bool(text, &value) == 0) {
        *for_s = value ? RIGHTS_ENDLESS : 0;
        *until_s = 0;
        return 0;
    }
    if (config_duration(text, &ms) == 0) {
        if (ms < 1000 || ms / 1000 > INT64_C(86400) * YEARS_10_DAYS)
            return -EINVAL;
        *for_s = ms / 1000;
        *until_s = 0;
        return 0;
    }
    if (strcmp(text, "never") == 0 || text_time(text, &time_s) != 0)
        return -EINVAL;
    *for_s = 0;
    *until_s = time_s;
    return 0;
}
