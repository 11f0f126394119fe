/* tests/unit/learn_world.h: members who speak of many subjects, and this one, which sees some of them: for tests of what the store learns of members. */
#include "store_world.h"

static struct world w;                 /* anew for each test */

static inline int begin(void **state)
{
    (void)state;
    world_create(&w);
    return 0;
}

static inline int end(void **state)
{
    (void)state;
    world_destroy(&w);
    return 0;
}

struct wanted { const uint8_t *root; struct member_row row; };

static inline int pick(void *ctx, const struct member_row *m)
{
    struct wanted *wanted = ctx;
    if (memcmp(m->root, wanted->root, KEY_BYTES) == 0)
        wanted->row = *m;
    return 0;
}

static inline struct member_row member(size_t i, int64_t now_s)
{
    struct wanted wanted = { .root = w.records[i].root };
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_members(r, now_s, pick, &wanted), 0);
    reader_close(&r);
    assert_true(wanted.row.configured);
    return wanted.row;
}

static inline const char *subject(unsigned i)
{
    static char text[32];
    snprintf(text, sizeof text, "198.51.%u.%u", 100 + i / 200, 1 + i % 200);
    return text;
}

static uint64_t seq = 0;

/* A member speaks of n subjects from `first` on, in batches of its own numbers; says_at(): at that time. */
static inline void says(size_t who, unsigned first, unsigned n, unsigned black, unsigned white, int64_t at_s)
{
    for (unsigned i = first; i < first + n; i++)
        world_hear(&w, who, ++seq, (struct saying){ subject(i), WORLD_SAY, black, white, at_s - at_s % 600 });
}

static inline void says_at(size_t who, unsigned first, unsigned n, unsigned black, unsigned white, int64_t at_s)
{
    for (unsigned i = first; i < first + n; i++) {
        struct saying s = { subject(i), WORLD_SAY, black, white, at_s - at_s % 600 };
        struct store_batch b = world_batch(&w, who, ++seq, at_s, &s, 1);
        assert_int_equal(store_add_batches(w.store, &b, 1, at_s), 0);
        world_free_batch(&b);
    }
    world_fold(&w, at_s);
}

static inline void saw(enum request_verb verb, unsigned first, unsigned n, int64_t at_s)
{
    for (unsigned i = first; i < first + n; i++)
        world_report(&w, verb, subject(i), 0, 1, at_s);
    world_fold(&w, at_s);
}

static inline int64_t score(unsigned i, int64_t now_s)
{
    struct reader *r = world_reader(&w);
    struct subject s = world_subject(subject(i));
    int64_t milli = 0;
    assert_int_equal(reader_score(r, &s, 0, now_s, &milli), 0);
    reader_close(&r);
    return milli;
}

enum { BLACK = 8, WHITE = 8 };          /* steps: quite sure */
