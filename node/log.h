/* node/log.h: one line a message to stderr, with a level. Any thread may call.
 *
 * Under systemd (stderr is the journal's own stream, JOURNAL_STREAM in systemd.exec(5)) each line starts with its priority, "<6>", as in sd-daemon(3), and
 * the journal knows the time. Elsewhere it starts with the time in UTC and the level's name: "2026-11-20 17:51:02Z info: ".
 * A newline in a message starts a further line, indented by two blanks so that foreign text cannot pass for a message; other control bytes are written as \xNN.
 * A message is at most LOG_MESSAGE_MAX bytes; the rest is cut off. What stderr does not take is lost. */
#ifndef HEARSAY_NODE_LOG_H
#define HEARSAY_NODE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum { LOG_MESSAGE_MAX = 4096 };

/* Once, before other threads start. Without it: warnings and errors, with the time. */
void log_open(enum log_level most);
void log_set_level(enum log_level most);
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
