/* tools/home.h: the node that a command is about: its configuration, keys and database, and the running daemon. */
#ifndef HEARSAY_TOOLS_HOME_H
#define HEARSAY_TOOLS_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "node/config.h"
#include "proto/identity.h"
#include "store/reader.h"
#include "store/store.h"
#include "tools/command.h"

struct home {
    struct config *config;
    struct identity *identity;      /* NULL when it was not asked for and cannot be read */
};

/* Root becomes the owner of the directory, if that is somebody else; others stay who they are. 0 or an exit status, said. */
int home_become_owner(const char *dir);

enum home_need {
    HOME_CONFIG,                    /* the keys are read if they can be */
    HOME_KEYS                       /* without the keys there is no point in going on */
};

/* Loads the configuration that the call names. Becomes the owner of the configuration's directory first, so that no file of the
 * node ends up as root's. 0, or an exit status after saying what is wrong. */
int home_open(const struct call *call, enum home_need need, struct home *out);
void home_close(struct home *h);                        /* takes a zeroed one */

/* A reader of the node's database; works with the node running or not. 0 or an exit status, said. */
int home_reader(const struct home *h, struct reader **out);

/* The writer, for what has to be done while the node is down. 0 or an exit status, said. */
int home_store(const struct home *h, struct store **out);
/* Folds until nothing is left to do, with progress on a terminal. 0 or an exit status, said. */
int home_fold(const struct home *h, struct store *s);

/* Asks the running node; the request's reference is taken. 0: *answer is the caller's and has "ok": true; STATUS_ABSENT, without a word: the node is
 * not there; else an exit status after saying what the node answered. */
int home_ask(const struct home *h, json_t *request, int timeout_ms, json_t **answer);
/* Says that the node is not there and what to do about it; returns STATUS_ABSENT. */
int home_absent(const struct home *h);

/* Index of the configured zone with this name, in any case and with or without the dot at its end. 0 or an exit status, said. */
int home_zone(const struct home *h, const char *name, int *zone);
const struct config_peer *home_peer(const struct config *c, const char *name);     /* or NULL */
/* The member's name, "this node" for ourselves; else its fingerprint in `out`. */
const char *home_member_name(const struct home *h, const uint8_t root[KEY_BYTES], char out[FINGERPRINT_MAX]);

int64_t now_unix_s(void);

/* A subject as the operator types it. 0 or an exit status, said. */
int home_subject(const struct home *h, const char *text, struct subject *out);

/* What a failure of the database means to an operator; for say_error(). */
const char *home_database_text(int rc);

#endif
