/* node/log.h: one line a message to stderr, with a level; under systemd with the journal's priority in front (sd-daemon(3)). Any thread may call. */
#ifndef HEARSAY_NODE_LOG_H
#define HEARSAY_NODE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Once, before other threads start. */
void log_open(enum log_level most);
void log_set_level(enum log_level most);
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
