/* store/voices.h: private. What everybody says about one (subject, category), as the score reads it; the same code for
 * the writer, the readers and the check of both. */
#ifndef HEARSAY_STORE_VOICES_H
#define HEARSAY_STORE_VOICES_H

#include <stddef.h>

#include "proto/subject.h"
#include "store/db.h"
#include "store/names.h"
#include "store/score.h"

struct voices {
    struct voice *all;
    size_t n, room;
    struct evidence own;
    bool has_own;
    bool stranger;                 /* an opinion of a member whom the names do not know yet was left out */
};

/* One (subject, category): the key is borrowed. category: the database's number. */
struct topic {
    const uint8_t *key;
    uint8_t len;
    uint16_t category;
};

/* subject, then category: the order of the tables. */
int topic_compare(const void *a, const void *b);
bool topic_equal(const struct topic *a, const struct topic *b);

/* The masses that a told pair of steps stands for. */
struct evidence evidence_of_steps(unsigned black, unsigned white, int64_t time_s);

/* Only trusted members' opinions; own evidence if there is any. `v` is reused from call to call. */
int voices_load(struct voices *v, struct db *d, struct names *n, const struct topic *t);
int voices_add(struct voices *v, const struct known_member *m, unsigned black, unsigned white, int64_t time_s);
void voices_clear(struct voices *v);

struct score voices_score(const struct voices *v, const struct policy *p, int category, int64_t now_s);
int64_t voices_next_look(const struct voices *v, const struct policy *p, int category, int zone, size_t groups_n,
                         bool listed, int64_t now_s);

#endif
