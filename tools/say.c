#include "tools/say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { KEPT_MAX = 8192, LINE_MAX_BYTES = 4096, REAL_DIGITS = 9 };

static struct {
    bool on, json_begun;
    char errors[KEPT_MAX], warnings[KEPT_MAX];
} kept;

static void keep(char to[KEPT_MAX], const char *text)
{
    size_t used = strlen(to);
    snprintf(to + used, KEPT_MAX - used, "%s%s", used > 0 ? "; " : "", text);
}

static void say_line(const char *kind, char to[KEPT_MAX], const char *format, va_list more)
{
    char text[LINE_MAX_BYTES];
    vsnprintf(text, sizeof text, format, more);
    for (char *at = text; *at != '\0'; at++)
        if (((unsigned char)*at < 0x20 && *at != '\n') || *at == 0x7f)
            *at = '?';                           /* a word of the command line, or of another's file, is no command to the terminal */
    fflush(stdout);
    fprintf(stderr, "hearsay: %s%s\n", kind, text);
    if (kept.on)
        keep(to, text);
}

void say_keep(void)
{
    kept.on = true;
}

const char *say_kept_errors(void)
{
    return kept.errors;
}

const char *say_kept_warnings(void)
{
    return kept.warnings;
}

void say_text(const struct call *call, const char *format, ...)
{
    va_list more;
    if (call->json)
        return;
    va_start(more, format);
    vprintf(format, more);
    va_end(more);
}

void plain_text(char *text)
{
    json_t *whole = json_string(text);
    for (char *at = text; whole == NULL && *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    json_decref(whole);
}

json_t *say_json_text(const char *text)
{
    json_t *out = json_string(text);
    char plain[KEPT_MAX];
    if (out != NULL)
        return out;
    snprintf(plain, sizeof plain, "%s", text);
    plain_text(plain);
    return json_string(plain);
}

void say_json_begin(void)
{
    kept.json_begun = true;
}

bool say_json_begun(void)
{
    return kept.json_begun;
}

void say_error(const char *format, ...)
{
    va_list more;
    va_start(more, format);
    say_line("", kept.errors, format, more);
    va_end(more);
}

void say_warning(const char *format, ...)
{
    va_list more;
    va_start(more, format);
    say_line("warning: ", kept.warnings, format, more);
    va_end(more);
}

static bool begins_with(const char *form, const char *verb)
{
    size_t len = strcspn(form, " \n");
    return strlen(verb) == len && strncmp(form, verb, len) == 0;
}

void say_usage(FILE *to, const struct command *c, const char *verb, const char *indent)
{
    const char *before = "";
    for (const char *form = c->usage;; form++) {
        size_t len = strcspn(form, "\n");
        if (verb == NULL || begins_with(form, verb)) {
            fprintf(to, "%shearsay %s%s%.*s\n", before, c->name, len > 0 ? " " : "", (int)len, form);
            before = indent;
        }
        form += len;
        if (*form == '\0')
            return;
    }
}

const char *say_colour(FILE *to, enum say_colour c)
{
    static const char *const codes[] = {
        [SAY_PLAIN] = "\033[0m", [SAY_BOLD] = "\033[1m", [SAY_RED] = "\033[1;31m",
        [SAY_GREEN] = "\033[1;32m", [SAY_YELLOW] = "\033[1;33m"
    };
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if ((no != NULL && *no != '\0') || (term != NULL && strcmp(term, "dumb") == 0) || !isatty(fileno(to)))
        return "";
    return codes[c];
}

int say_json(json_t *value, int status)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    say_json_begin();
    if (text == NULL) {
        say_error("out of memory");
        status = STATUS_NO;
    } else {
        puts(text);
    }
    free(text);
    json_decref(value);
    return status;
}

static char *time_format(int64_t unix_s, const char *none, const char *format, char out[TIME_TEXT_MAX])
{
    struct tm tm;
    time_t t = (time_t)unix_s;
    if (unix_s <= 0 || gmtime_r(&t, &tm) == NULL || strftime(out, TIME_TEXT_MAX, format, &tm) == 0)
        snprintf(out, TIME_TEXT_MAX, "%s", none);
    return out;
}

char *time_text(int64_t unix_s, char out[TIME_TEXT_MAX])
{
    return time_format(unix_s, "never", "%Y-%m-%d %H:%M UTC", out);
}

char *stamp_text(int64_t unix_s, char out[TIME_TEXT_MAX])
{
    return time_format(unix_s, "-", "%Y-%m-%dT%H:%M:%SZ", out);
}

char *span_text(int64_t seconds, char out[TIME_TEXT_MAX])
{
    long long s = seconds;
    if (s < 1)
        snprintf(out, TIME_TEXT_MAX, "now");
    else if (s < 120)
        snprintf(out, TIME_TEXT_MAX, "%llds", s);
    else if (s < 2 * 3600)
        snprintf(out, TIME_TEXT_MAX, "%lldm", s / 60);
    else if (s < 12 * 3600 && s % 3600 >= 60)
        snprintf(out, TIME_TEXT_MAX, "%lldh%02lldm", s / 3600, s % 3600 / 60);
    else if (s < 48 * 3600)
        snprintf(out, TIME_TEXT_MAX, "%lldh", s / 3600);
    else
        snprintf(out, TIME_TEXT_MAX, "%lldd", s / 86400);
    return out;
}

char *thousandths_text(int64_t milli, char out[NUMBER_TEXT_MAX])
{
    uint64_t size = milli < 0 ? 0 - (uint64_t)milli : (uint64_t)milli;
    snprintf(out, NUMBER_TEXT_MAX, "%s%llu.%03llu", milli < 0 ? "-" : "", (unsigned long long)(size / 1000),
             (unsigned long long)(size % 1000));
    return out;
}

char *millionths_text(int64_t micro, unsigned digits_least, char out[NUMBER_TEXT_MAX])
{
    uint64_t size = micro < 0 ? 0 - (uint64_t)micro : (uint64_t)micro;
    int len = snprintf(out, NUMBER_TEXT_MAX, "%s%llu.%06llu", micro < 0 ? "-" : "", (unsigned long long)(size / 1000000), (unsigned long long)(size % 1000000));
    for (unsigned digits = 6; digits > digits_least && out[len - 1] == '0'; digits--)
        out[--len] = '\0';
    return out;
}

char *count_text(uint64_t n, char out[NUMBER_TEXT_MAX])
{
    char digits[NUMBER_TEXT_MAX];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

char *bytes_text(uint64_t n, char out[NUMBER_TEXT_MAX])
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    double size = (double)n;
    size_t unit = 0;
    while (size >= 1000 && unit + 1 < sizeof units / sizeof *units) {
        size /= 1000;
        unit++;
    }
    snprintf(out, NUMBER_TEXT_MAX, unit > 0 && size < 10 ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return out;
}

char *clean_text(const char *text, char *out, size_t room)
{
    size_t n = 0;
    for (; text[n] != '\0' && n + 1 < room; n++) {
        unsigned char c = (unsigned char)text[n];
        out[n] = c < 0x20 || c == 0x7f ? '?' : text[n];
    }
    out[n] = '\0';
    return out;
}
