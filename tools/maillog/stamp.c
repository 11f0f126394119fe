#include "tools/maillog/stamp.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { MINUTE_BYTES = 16, SECOND_BYTES = 19, ZONE_BYTES = 6 };

static const char shape[] = "dddd-dd-dd dd:dd:dd";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool has_shape(const char *at, size_t len)
{
    if (len < SECOND_BYTES)
        return false;
    for (size_t i = 0; i < SECOND_BYTES; i++)
        if (shape[i] == 'd' ? !is_digit(at[i]) : at[i] != shape[i])
            return false;
    return true;
}

static int number(const char *at, int digits)
{
    int n = 0;
    for (int i = 0; i < digits; i++)
        n = n * 10 + (at[i] - '0');
    return n;
}

static struct tm broken_down(const char *at)
{
    return (struct tm){ .tm_year = number(at, 4) - 1900, .tm_mon = number(at + 5, 2) - 1, .tm_mday = number(at + 8, 2),
                        .tm_hour = number(at + 11, 2), .tm_min = number(at + 14, 2), .tm_isdst = -1 };
}

static bool is_sane(const struct tm *t)
{
    return t->tm_year >= 70 && t->tm_mon >= 0 && t->tm_mon <= 11 && t->tm_mday >= 1 && t->tm_mday <= 31 && t->tm_hour <= 23 && t->tm_min <= 59;
}

/* " +0100": true, with how far the zone is ahead of UTC. */
static bool read_zone(const char *at, size_t len, int64_t *ahead_s)
{
    if (len < ZONE_BYTES || at[0] != ' ' || (at[1] != '+' && at[1] != '-'))
        return false;
    for (int i = 2; i < ZONE_BYTES; i++)
        if (!is_digit(at[i]))
            return false;
    int64_t s = number(at + 2, 2) * 3600 + number(at + 4, 2) * 60;
    *ahead_s = at[1] == '-' ? -s : s;
    return true;
}

static int64_t local_minute(struct stamp_cache *c, const char *at, struct tm *t)
{
    if (memcmp(c->minute, at, MINUTE_BYTES) == 0)
        return c->minute_s;
    memcpy(c->minute, at, MINUTE_BYTES);
    c->minute_s = mktime(t);
    return c->minute_s;
}

int64_t stamp_read(struct stamp_cache *c, const char *at, size_t len, size_t *used)
{
    int64_t ahead_s;
    if (!has_shape(at, len))
        return -1;
    struct tm t = broken_down(at);
    int second = number(at + 17, 2);
    if (!is_sane(&t) || second > 60)
        return -1;
    size_t n = SECOND_BYTES;
    if (n < len && at[n] == '.') {
        do
            n++;
        while (n < len && is_digit(at[n]));
    }
    bool zoned = read_zone(at + n, len - n, &ahead_s);
    int64_t minute_s = zoned ? timegm(&t) - ahead_s : local_minute(c, at, &t);
    *used = n + (zoned ? ZONE_BYTES : 0);
    return minute_s < 0 ? -1 : minute_s + second;
}
