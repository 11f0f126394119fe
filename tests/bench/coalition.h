/* tests/bench/coalition.h: members with keys whose signed batches go into one real store: batch_seal(), batch_open(), store_add_batches(), store_fold().
 * What fails ends the program. Times are the caller's. */
#ifndef HEARSAY_TESTS_BENCH_COALITION_H
#define HEARSAY_TESTS_BENCH_COALITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/batch.h"
#include "proto/record.h"
#include "store/store.h"

enum { COALITION_KEY = 6, COALITION_BATCH = 256, COALITION_TOGETHER = 64, COALITION_FOLD_ROWS = 50000 };

/* What one member is about to say. */
struct coalition_member {
    struct identity *id;
    uint64_t seq;
    size_t n;
    uint8_t keys[COALITION_BATCH][COALITION_KEY];
    struct opinion opinions[COALITION_BATCH];
};

struct coalition {
    char path[1024];
    struct policy *policy;             /* one zone, "bl.bench.example", and all members with their trust */
    struct coalition_member *members;
    size_t members_n;
    struct store *store;
    int64_t now_s;
    struct { uint8_t *frame; size_t len; size_t member; } waiting[COALITION_TOGETHER];
    size_t waiting_n;
    double store_s;                    /* spent in the store and in verifying, not in making and signing what is said */
};

/* A new database at DIRECTORY/NAME; the members trust_micro each. The zone lists by the default rule. */
void coalition_open(struct coalition *c, const char *directory, const char *name, size_t members_n, uint32_t trust_micro, int64_t now_s);
/* Takes the database with it. */
void coalition_close(struct coalition *c);

/* The member says `black`, a mass step, of the address. Signed and taken in when there is enough of it; then, or with coalition_settle(), folded. */
void coalition_say(struct coalition *c, size_t member, uint32_t address, unsigned black);
/* What was said is taken in and folded to the end. */
void coalition_settle(struct coalition *c);
/* The same but the fold: store_backlog() says what waits. */
void coalition_take(struct coalition *c);
void coalition_fold(struct coalition *c);

void coalition_key(uint32_t address, uint8_t key[COALITION_KEY]);
struct subject coalition_subject(uint32_t address);
void coalition_remove(const char *path);       /* a database and what belongs to it */

#endif
