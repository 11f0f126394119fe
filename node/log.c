#include "node/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* By enum log_level: the word, and the priority of syslog(3). */
static const struct level {
    const char *name;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static atomic_int most_level = LOG_LEVEL_WARNING;
static bool to_journal;                /* set by log_open() before other threads start */

struct line {
    size_t len;
    char text[4 * LOG_MESSAGE_MAX];    /* every byte may become \xNN, a newline a whole prefix; what has no room is cut */
};

/* True if stderr is the stream that systemd made for this service, and not, say, a file it was redirected to. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat st;
    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
        return false;
    snprintf(own, sizeof own, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return strcmp(stream, own) == 0;
}

void log_open(enum log_level most)
{
    to_journal = stderr_is_journal();
    log_set_level(most);
}

void log_set_level(enum log_level most)
{
    atomic_store_explicit(&most_level, (int)most, memory_order_relaxed);
}

static void line_add(struct line *l, const char *text, size_t len)
{
    if (len > sizeof l->text - 1 - l->len)      /* one byte is kept for the final newline */
        return;
    memcpy(l->text + l->len, text, len);
    l->len += len;
}

static void line_prefix(struct line *l, enum log_level level)
{
    char prefix[64];
    struct tm tm;
    time_t now = time(NULL);
    int len;
    if (to_journal || gmtime_r(&now, &tm) == NULL)
        len = snprintf(prefix, sizeof prefix, "<%d>", levels[level].priority);
    else
        len = snprintf(prefix, sizeof prefix, "%04d-%02d-%02d %02d:%02d:%02dZ %s: ", tm.tm_year + 1900, tm.tm_mon + 1,
                       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, levels[level].name);
    line_add(l, prefix, (size_t)len);
}

static void line_message(struct line *l, enum log_level level, const char *message)
{
    for (const char *p = message; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        char escaped[8];
        if (c == '\n' && p[1] != '\0') {
            line_add(l, "\n", 1);
            line_prefix(l, level);
            line_add(l, "  ", 2);
        } else if (c == '\n') {
            continue;                          /* a final one is added to every line anyway */
        } else if (c < 0x20 || c == 0x7f) {
            line_add(l, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned)c));
        } else {
            line_add(l, p, 1);
        }
    }
}

static void log_write(enum log_level level, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void log_write(enum log_level level, const char *format, va_list args)
{
    char message[LOG_MESSAGE_MAX];
    struct line l;
    if ((int)level > atomic_load_explicit(&most_level, memory_order_relaxed))
        return;
    if (vsnprintf(message, sizeof message, format, args) < 0)
        return;
    l.len = 0;
    line_prefix(&l, level);
    line_message(&l, level, message);
    l.text[l.len++] = '\n';
    /* One write, so that lines of several threads do not mix. There is nobody to tell if it fails. */
    ssize_t written = write(STDERR_FILENO, l.text, l.len);
    (void)written;
}

void log_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write(LOG_LEVEL_ERROR, format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write(LOG_LEVEL_WARNING, format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write(LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void log_debug(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_write(LOG_LEVEL_DEBUG, format, args);
    va_end(args);
}
