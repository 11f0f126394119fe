/* tests/unit/store_world.h: a store in a directory of its own, and members whose batches it can be given. */
#ifndef HEARSAY_TESTS_STORE_WORLD_H
#define HEARSAY_TESTS_STORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/batch.h"
#include "proto/record.h"
#include "store/reader.h"
#include "store/store.h"
#include "tests/identities.h"
#include "tests/unit/scratch.h"

#define T0 INT64_C(1790000400)             /* some time in 2026; a multiple of 600 */
#define WORLD_SAY "spam"
enum { WORLD_MEMBERS = 6, WORLD_MINUTE = 60, WORLD_HOUR = 3600, WORLD_DAY = 86400 };

struct world {
    char dir[64], path[96], nonce[96];
    struct identity *ids[WORLD_MEMBERS];   /* 0: the store's own member */
    struct record records[WORLD_MEMBERS];
    uint8_t frames[WORLD_MEMBERS][RECORD_FRAME_MAX];
    size_t frame_lens[WORLD_MEMBERS];
    struct policy *policy;                 /* members 1 and up trusted fully; one black zone with quorum 1, one white */
    struct store *store;
};

/* One opinion in a batch to be made. */
struct saying {
    const char *subject, *category;
    unsigned black, white;                 /* steps */
    int64_t time_s;
};

static inline struct subject world_subject(const char *text)
{
    struct subject s;
    uint8_t key[HASH_BYTES];
    const char *reason = "";
    subject_sender_key("test", "", key);
    if (subject_parse(text, strlen(text), key, &s, &reason) != 0)
        fail_msg("subject %s: %s", text, reason);
    return s;
}

static inline void world_remove(const char *dir)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        fail_msg("cannot remove %s", dir);
}

static inline void world_open(struct world *w)
{
    char why[STORE_WHY_MAX];
    if (store_open(w->path, true, &w->store, why) != 0)
        fail_msg("%s", why);
    assert_int_equal(store_set_policy(w->store, w->policy, T0), 0);
    for (size_t i = 0; i < WORLD_MEMBERS; i++)
        assert_int_equal(store_add_record(w->store, w->records[i].root, w->records[i].serial,
                                          (struct bytes){ w->frames[i], w->frame_lens[i] }), 0);
}

/* Place i is that of the identity of that number. */
static inline void world_member(struct world *w, size_t i, unsigned number)
{
    struct record *rec = &w->records[i];
    w->ids[i] = test_identity(number);
    identity_into_record(w->ids[i], rec);
    snprintf(rec->name, sizeof rec->name, "mx.%c.example", (char)('a' + i));
    rec->serial = 1;
    rec->not_after_s = T0 + 90 * WORLD_DAY;
    w->frame_lens[i] = RECORD_FRAME_MAX;
    assert_int_equal(record_seal(rec, w->ids[i], w->frames[i], &w->frame_lens[i]), 0);
}

static inline void world_policy(struct world *w)
{
    struct policy *p = policy_create();
    assert_non_null(p);
    strcpy(p->federation, "test");
    memcpy(p->self, w->records[0].root, KEY_BYTES);
    p->members = calloc(WORLD_MEMBERS, sizeof *p->members);
    assert_non_null(p->members);
    for (size_t i = 1; i < WORLD_MEMBERS; i++) {
        memcpy(p->members[i - 1].root, w->records[i].root, KEY_BYTES);
        strcpy(p->members[i - 1].name, w->records[i].name);
        p->members[i - 1].trust_micro = MICRO;
    }
    p->members_n = WORLD_MEMBERS - 1;
    p->zones[0] = (struct policy_zone){ .name = "bl.test.example", .own = true, .threshold_micro = 600000, .quorum = 1 };
    p->zones[1] = (struct policy_zone){ .name = "wl.test.example", .white = true, .own = true, .threshold_micro = MICRO, .quorum = 2 };
    p->zones_n = 2;
    policy_finish(p);
    w->policy = p;
}

/* A world without an open store; world_open() opens it. */
static inline void world_prepare(struct world *w)
{
    memset(w, 0, sizeof *w);
    /* In memory where there is such a place: a test asks whether fsync was called, not how long it takes. */
    strcpy(w->dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/hearsay-store-XXXXXX" : "/tmp/hearsay-store-XXXXXX");
    assert_non_null(scratch_dir(w->dir));
    snprintf(w->path, sizeof w->path, "%s/hearsay.db", w->dir);
    snprintf(w->nonce, sizeof w->nonce, "%s/nonce", w->dir);
    for (size_t i = 0; i < WORLD_MEMBERS; i++)
        world_member(w, i, (unsigned)i);
    world_policy(w);
}

static inline void world_create(struct world *w)
{
    world_prepare(w);
    world_open(w);
}

static inline void world_destroy(struct world *w)
{
    store_close(&w->store);
    for (size_t i = 0; i < WORLD_MEMBERS; i++)
        identity_destroy(&w->ids[i]);
    policy_destroy(&w->policy);
    world_remove(w->dir);
}

static inline void world_reopen(struct world *w)
{
    store_close(&w->store);
    world_open(w);
}

/* A signed batch of a member; the caller frees (void *)b.frame.at. */
static inline struct store_batch world_batch_at(struct world *w, size_t member, uint32_t epoch, uint64_t seq, uint64_t floor_seq,
                                                int64_t time_s, const struct saying *says, size_t n)
{
    static struct opinion opinions[BATCH_OPINIONS_MAX];
    static struct subject subjects[BATCH_OPINIONS_MAX];
    char categories[BATCH_CATEGORIES_MAX][CATEGORY_MAX_BYTES + 1];
    struct batch b = { .epoch = epoch, .seq = seq, .floor_epoch = floor_seq > 0 ? epoch : 0, .floor_seq = floor_seq, .record_serial = 1,
                       .time_s = time_s, .categories = categories, .opinions = opinions, .opinions_n = n };
    uint8_t *frame = NULL;
    size_t len = 0;
    memcpy(b.origin, w->records[member].root, KEY_BYTES);
    strcpy(b.federation, "test");
    for (size_t i = 0; i < n; i++) {
        size_t c = 0;
        while (c < b.categories_n && strcmp(categories[c], says[i].category) != 0)
            c++;
        if (c == b.categories_n)
            strcpy(categories[b.categories_n++], says[i].category);
        subjects[i] = world_subject(says[i].subject);
        opinions[i] = (struct opinion){ .key = subjects[i].key, .key_len = subjects[i].len, .category = (uint8_t)c,
                                        .black = (uint8_t)says[i].black, .white = (uint8_t)says[i].white, .time_s = says[i].time_s };
    }
    assert_int_equal(batch_seal(&b, w->ids[member], &frame, &len), 0);
    struct store_batch out = { .epoch = epoch, .seq = seq, .floor_epoch = b.floor_epoch, .floor_seq = floor_seq,
                               .time_s = time_s, .frame = { frame, len }, .opinions = (uint32_t)n };
    memcpy(out.origin, b.origin, KEY_BYTES);
    memcpy(out.hash, b.hash, HASH_BYTES);
    return out;
}

static inline struct store_batch world_batch(struct world *w, size_t member, uint64_t seq, int64_t time_s,
                                             const struct saying *says, size_t n)
{
    return world_batch_at(w, member, 1, seq, 0, time_s, says, n);
}

static inline void world_free_batch(struct store_batch *b)
{
    free((void *)(uintptr_t)b->frame.at);
    b->frame.at = NULL;
}

/* Until nothing is left to do. */
static inline int64_t world_fold(struct world *w, int64_t now_s)
{
    bool more = true;
    int64_t wake_s = 0;
    while (more)
        assert_int_equal(store_fold(w->store, 1000, now_s, &more, &wake_s), 0);
    return wake_s;
}

/* One member says one thing; it is stored and folded at its time. */
static inline void world_hear(struct world *w, size_t member, uint64_t seq, struct saying says)
{
    struct store_batch b = world_batch(w, member, seq, says.time_s, &says, 1);
    assert_int_equal(store_add_batches(w->store, &b, 1, says.time_s), 0);
    world_free_batch(&b);
    world_fold(w, says.time_s);
}

static inline void world_report(struct world *w, enum request_verb verb, const char *subject, int category, uint32_t count, int64_t now_s)
{
    struct store_report r = { .verb = verb, .count = count, .category = category, .subject = world_subject(subject) };
    assert_int_equal(store_add_reports(w->store, &r, 1, now_s), 0);
}

static inline struct reader *world_reader(struct world *w)
{
    char why[STORE_WHY_MAX];
    struct reader *r = NULL;
    if (reader_open(w->path, w->policy, &r, why) != 0)
        fail_msg("%s", why);
    return r;
}

static inline enum verdict world_check(struct world *w, const char *subject)
{
    struct reader *r = world_reader(w);
    struct subject s = world_subject(subject);
    enum verdict v = VERDICT_UNKNOWN;
    assert_int_equal(reader_check(r, &s, -1, &v), 0);
    reader_close(&r);
    return v;
}

/* A full recomputation finds nothing wrong. */
static inline void world_claim_verifies(struct world *w, int64_t now_s)
{
    struct reader *r = world_reader(w);
    uint64_t problems = 0;
    assert_int_equal(reader_verify(r, now_s, NULL, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    reader_close(&r);
}

#endif
