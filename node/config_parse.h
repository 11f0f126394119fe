/* node/config_parse.h: inside the configuration: libConfuse's tree, made from the table of options, and what the sections become. */
#ifndef HEARSAY_NODE_CONFIG_PARSE_H
#define HEARSAY_NODE_CONFIG_PARSE_H

#include <confuse.h>

#include "node/config.h"

/* One load. `c` is filled in section by section; `why` collects lines up to CONFIG_WHY_MAX bytes. */
struct config_load {
    struct config *c;
    char *why;
    unsigned depth;              /* of includes */
};

/* Parses a file, checks each value, and hands each finished section to section_read(). With a text, that stands for the file's contents, and its comments are
 * blanked. On success *root is the caller's to cfg_free(). Errors are in l->why. 0; -ENOENT, -EACCES and the like (the file itself); -EINVAL.
 * The caller holds the lock of config_lock(). */
int config_parse(struct config_load *l, const char *path, char *text, size_t len, cfg_t **root);

/* libConfuse's scanner and this module's present load are one for the process. */
void config_lock(void);
void config_unlock(void);

/* Appends "FILE:LINE: " (line 0: "FILE: ") and the message to why. Returns -EINVAL. */
int load_error(struct config_load *l, const char *file, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The option's text as it stands in this part of the file, else its default from the table; NULL if it has none that is a text. */
const char *option_text(cfg_t *sec, const char *name);
/* The same as a number, for options that have a default. */
int64_t option_number(cfg_t *sec, const char *name);
/* True if the file sets it. */
bool option_is_set(cfg_t *sec, const char *name);

/* config_sections.c: takes over one finished section; `at` knows the place for errors. 0, -EINVAL (said), -ENOMEM. */
int section_read(struct config_load *l, cfg_t *at, cfg_t *sec);

/* config_tools.c: the same for the sections of the Exim toolbox; what stands without them; and what can be checked when all sections are read. */
int tool_section_read(struct config_load *l, cfg_t *at, cfg_t *sec);
void tool_defaults(struct config *c);
int tool_finish(struct config_load *l, cfg_t *root);

/* An error about this section. */
#define section_error(l, at, sec, format, ...) load_error(l, (at)->filename, (at)->line, "%s \"%s\": " format, (sec)->name, (sec)->title, __VA_ARGS__)

/* config.c: whether a file with this text, such as peers.conf, could be included: everything but what only a whole configuration must have. The text's
 * comments are blanked. 0, -EINVAL, -ENOMEM. `why`, CONFIG_WHY_MAX bytes. */
int config_check_text(const char *path, char *text, size_t len, char *why);

/* The path relative to the configuration's directory, made to work from here. 0, -ENAMETOOLONG. */
int config_path(const struct config *c, const char *text, char out[CONFIG_PATH_MAX]);

#endif
