/* node/verdict_files.h: the rules and the profiles of verdicts, from their files. Belongs to the main thread.
 *
 * Rules change with a reload only. A file of profiles is looked at once a second at most, when a verdict is asked for, and read on a thread of libuv's pool when it has
 * changed; until that is done, and when it cannot be read, what was read before stays. A SQLite table is asked each time, for 50 ms at most; one that failed or was too slow is
 * left alone for a second. */
#ifndef HEARSAY_NODE_VERDICT_FILES_H
#define HEARSAY_NODE_VERDICT_FILES_H

#include <uv.h>

#include "node/config.h"
#include "proto/verdict_profiles.h"

struct verdict_files;

/* Reads the rules of this configuration; without any, *out is NULL. `why`, CONFIG_WHY_MAX bytes: "FILE:LINE: what is wrong". 0, -EINVAL, -EACCES, -ENOMEM ...; -ENOENT: the file is
 * not there, which keeps no node from starting, since without rules all mail is delivered. */
int verdict_rules_load(const struct config *c, struct verdict_rules **out, char *why);

/* For hearsayd -t: both files; what is only a warning (a line of the profiles, a file of profiles that is not there) goes to `warning`, which may stay empty.
 * As verdict_rules_load(): with -ENOENT, `why` is a warning, too. */
int verdict_files_check(const struct config *c, char *why, char *warning);

/* Takes rules that verdict_rules_load() made, may be NULL, and reads the profiles. NULL when memory is out. */
struct verdict_files *verdict_files_open(uv_loop_t *loop, const struct config *c, struct verdict_rules *rules);
/* After a reload of the configuration: the rules are in force at once, profiles as soon as they are read, beside the loop. */
void verdict_files_reload(struct verdict_files *v, const struct config *c, struct verdict_rules *rules);
/* The loop must have run out of its handles. Takes NULL. */
void verdict_files_close(struct verdict_files **v);

/* NULL: no rules, so all verdicts are to deliver. */
const struct verdict_rules *verdict_files_rules(const struct verdict_files *v);

/* 1 and the recipient's profile; 0: it has none; negative: it cannot be told, which was logged (once a minute at most). */
int verdict_files_profile(struct verdict_files *v, const char *rcpt, char out[PROFILE_NAME_MAX + 1]);

#endif
