/* tests/unit/tool_world.h: the toolbox on a store of its own, with the time given. */
#ifndef HEARSAY_TESTS_TOOL_WORLD_H
#define HEARSAY_TESTS_TOOL_WORLD_H

#include "store/reader_tools.h"
#include "tests/unit/store_world.h"

/* As the daemon makes it ready; the answer stays until the next call. */
static inline const char *tool_do(struct world *w, struct tool_op op, const char *client, int64_t now_s)
{
    static char answer[TOOL_ANSWER_MAX];
    struct network n;
    if (client != NULL) {
        assert_int_equal(network_parse(client, strlen(client), &n), 0);
        subject_of_address(&n, &op.subject);
        fold_client(&n, &op.network);
    }
    struct tool_op *copy = tool_op_create(&op);
    assert_non_null(copy);
    const struct store_event e = { .tool = copy };
    assert_int_equal(store_add_events(w->store, &e, 1, now_s), 0);
    strcpy(answer, tool_op_answer(copy));
    free(copy);
    return answer;
}

static inline int64_t tool_score(struct world *w, const char *subject, const char *category, int64_t now_s)
{
    struct reader *r = world_reader(w);
    struct subject s = world_subject(subject);
    int64_t milli = 0;
    world_fold(w, now_s);
    assert_int_equal(reader_score(r, &s, policy_category(w->policy, category), now_s, &milli), 0);
    reader_close(&r);
    return milli;
}

/* Subjects of which anything is told at all. */
static inline size_t tool_told(struct world *w, int64_t now_s)
{
    const struct tell_limits limits = { .growth_min = 1, .growth_wait_s = 1, .batches_max = 4 };
    struct told_batch out[4];
    size_t n = 0, opinions = 0;
    bool more = false;
    int64_t wake_s = 0;
    world_fold(w, now_s);
    assert_int_equal(store_tell(w->store, w->ids[0], 1, &limits, now_s, out, &n, &more, &wake_s), 0);
    for (size_t i = 0; i < n; i++) {
        struct batch b;
        assert_int_equal(batch_open((struct bytes){ out[i].frame, out[i].len }, w->records[0].operational, "test", &b), 0);
        opinions += b.opinions_n;
        batch_close(&b);
        free(out[i].frame);
    }
    return opinions;
}

static inline void tool_speaking(struct world *w)
{
    uint8_t nonce[NONCE_BYTES] = { 1 };
    uint32_t epoch = 0;
    assert_int_equal(store_begin_epoch(w->store, w->nonce, nonce, 0, T0, &epoch), 0);
}

/* A report of weight 5, in force. */
static inline void tool_report(struct world *w, enum request_verb verb, const char *subject, int64_t now_s)
{
    const struct store_event e = { .report = { .verb = verb, .count = 1, .category = 0, .subject = world_subject(subject) } };
    assert_int_equal(store_add_events(w->store, &e, 1, now_s), 0);
    world_fold(w, now_s);
}

/* The policy as changed by the test. */
static inline void tool_repolicy(struct world *w)
{
    assert_int_equal(store_set_policy(w->store, w->policy, T0), 0);
}

#endif
