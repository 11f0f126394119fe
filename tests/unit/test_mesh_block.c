/* node/mesh_log and mesh_block: an epoch of a log against a plain list, with pieces that another log shares, with memory that runs out, and how much memory it takes.
 * The linker puts the functions below in the place of the C library's (--wrap). */
#include "node/mesh_private.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/seed.h"

enum { LOGS = 2, MODEL_MAX = 2000, SHARED_MAX = 4096, ROUNDS = 6000, EPOCH = 7, NOBODY = 9 };

/* ---- memory */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);
void __wrap_free(void *at);

static size_t in_use, allocations, fails_at;   /* bytes with what the C library adds; so far; which one fails, 0: none */

static size_t cost_of(void *at)
{
    return at == NULL ? 0 : malloc_usable_size(at) + sizeof(size_t);
}

static void *counted(void *at)
{
    in_use += cost_of(at);
    return at;
}

static bool fails(void)
{
    return fails_at != 0 && ++allocations == fails_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *at, size_t size)
{
    size_t before = cost_of(at);

    if (fails())
        return NULL;
    in_use -= before;
    return counted(__real_realloc(at, size));
}

void __wrap_free(void *at)
{
    in_use -= cost_of(at);
    __real_free(at);
}

/* ---- pieces that are shared */

static struct shared {
    void *at, *as_given;                       /* what it was when it was given */
    size_t bytes, users;
} shared[SHARED_MAX];
static size_t shared_n, found_equal;

static void *share(void *ctx, void *block, size_t bytes)
{
    (void)ctx;
    for (size_t i = 0; i < shared_n; i++) {
        if (shared[i].users == 0 || shared[i].bytes != bytes || memcmp(shared[i].as_given, block, bytes) != 0)
            continue;
        found_equal++;
        shared[i].users++;
        free(block);
        return shared[i].at;
    }
    assert_true(shared_n < SHARED_MAX);
    shared[shared_n] = (struct shared){ .at = block, .as_given = __real_malloc(bytes), .bytes = bytes, .users = 1 };
    memcpy(shared[shared_n++].as_given, block, bytes);
    return block;
}

static struct shared *shared_of(const void *block)
{
    for (size_t i = 0; i < shared_n; i++) {
        if (shared[i].at == block && shared[i].users > 0)
            return &shared[i];
    }
    fail();
    return NULL;
}

static void drop(void *ctx, void *block, size_t bytes)
{
    struct shared *s = shared_of(block);

    (void)ctx;
    assert_int_equal(s->bytes, bytes);
    assert_memory_equal(s->at, s->as_given, bytes);
    if (--s->users > 0)
        return;
    free(s->at);
    __real_free(s->as_given);
}

static void *own(void *ctx, void *block, size_t bytes)
{
    void *copy = counted(__real_malloc(bytes));

    memcpy(copy, block, bytes);
    drop(ctx, block, bytes);
    return copy;
}

static const struct mesh_blocks blocks = { .share = share, .own = own, .drop = drop };

static void nothing_shared_was_written(void)
{
    for (size_t i = 0; i < shared_n; i++) {
        if (shared[i].users > 0)
            assert_memory_equal(shared[i].at, shared[i].as_given, shared[i].bytes);
    }
}

static size_t shared_left(void)
{
    size_t n = 0;

    for (size_t i = 0; i < shared_n; i++)
        n += shared[i].users > 0;
    return n;
}

/* ---- a log and its model */

struct entry {
    uint64_t seq;
    uint8_t hash[HASH_BYTES];
    struct mark floor;
    uint32_t state, opinions;
    int64_t time_s;
};
static struct mesh *nodes[LOGS];
static struct member *authors[LOGS];
static struct epoch_log *logs[LOGS];
static struct entry model[LOGS][MODEL_MAX];
static size_t model_n[LOGS];

/* Small steps of a generator of our own, so that a failure comes again. */
static unsigned z = 12345;

static unsigned draw(unsigned below)
{
    z = z * 1103515245 + 12345;
    return (z >> 16) % below;
}

static void begin_with(const struct mesh_blocks *with)
{
    for (size_t i = 0; i < LOGS; i++) {
        struct mesh_config c = { .federation = "t", .seed = seeded(1 + i), .ttl_s = 30 * 86400, .blocks = with };
        c.self[0] = (uint8_t)(1 + i);
        assert_int_equal(mesh_create(&c, &nodes[i]), 0);
        authors[i] = member_add(nodes[i], (const uint8_t[KEY_BYTES]){ NOBODY });
        assert_non_null(authors[i]);
        logs[i] = log_epoch_make(nodes[i], authors[i], EPOCH);
        assert_non_null(logs[i]);
        model_n[i] = 0;
    }
}

static int end(void **state)
{
    (void)state;
    fails_at = 0;
    for (size_t i = 0; i < LOGS; i++)
        mesh_destroy(&nodes[i]);
    assert_int_equal(shared_left(), 0);
    shared_n = found_equal = 0;
    return 0;
}

static const uint64_t since_mask = (UINT64_C(1) << 33) - 1;

/* What an author says under a number is the same for all nodes; so is a second version. */
static struct store_batch_ref batch_of(uint64_t seq, unsigned version)
{
    /* The second version of a number is younger. */
    struct store_batch_ref ref = { .name = { .epoch = EPOCH, .seq = seq }, .floor_epoch = EPOCH, .floor_seq = 1 + seq / 50, .opinions = (uint32_t)(seq % 7),
                                   .time_s = EPOCH_START_S + (int64_t)((seq + 50 * version) & since_mask) };
    const uint64_t mixed = (seq * 4 + version) * UINT64_C(0x9e3779b97f4a7c15);

    memcpy(ref.name.hash, &mixed, sizeof mixed);
    ref.name.hash[HELD_HASH_BYTES - 1] = (uint8_t)version;
    return ref;
}

static size_t model_versions(size_t log, uint64_t seq)
{
    size_t n = 0;

    for (size_t i = 0; i < model_n[log]; i++)
        n += model[log][i].seq == seq;
    return n;
}

static const struct entry *model_find(size_t log, uint64_t seq, const uint8_t *hash)
{
    for (size_t i = 0; i < model_n[log]; i++) {
        if (model[log][i].seq == seq && memcmp(model[log][i].hash, hash, HELD_HASH_BYTES) == 0)
            return &model[log][i];
    }
    return NULL;
}

static void is_like_model(size_t log)
{
    const struct epoch_log *e = logs[log];
    struct log_walk w = { .e = e };
    const struct held *h;
    uint8_t digest[HEAD_HASH_BYTES] = { 0 };
    uint64_t last = 0, opinions = 0;
    size_t n = 0, flying = 0;

    for (; (h = log_next(&w)) != NULL; n++) {
        const struct entry *x = model_find(log, w.seq, h->hash);
        assert_non_null(x);
        assert_true(w.seq >= last && ranges_has(&e->present, w.seq));
        last = w.seq;
        assert_int_equal(h->state >= FIRST_SLOT ? FIRST_SLOT : h->state, x->state);
        assert_int_equal(h->opinions, x->opinions);
        assert_int_equal(h->time_s, x->time_s - EPOCH_START_S < UINT32_MAX ? x->time_s - EPOCH_START_S : UINT32_MAX);
        assert_int_equal(w.floor.epoch, x->floor.epoch);
        assert_int_equal(w.floor.seq, x->floor.seq);
        flying += h->state >= FIRST_SLOT;
        opinions += h->state == HELD_STORED ? h->opinions : 0;
        for (size_t i = 0; i < HEAD_HASH_BYTES && h->state == HELD_STORED; i++)
            digest[i] ^= h->hash[i];
        assert_ptr_equal(log_find(e, w.seq, x->hash), h);
    }
    assert_int_equal(n, model_n[log]);
    assert_int_equal(e->n, n);
    assert_int_equal(e->flying, flying);
    assert_int_equal(authors[log]->held_n, n);
    assert_int_equal(authors[log]->opinions_n, opinions);
    assert_memory_equal(e->digest, digest, sizeof digest);
    assert_int_equal(nodes[log]->free_n, MESH_INFLIGHT_MAX - flying);
    nothing_shared_was_written();
}

/* As take_frame() hands it out, but for the frame. */
static uint32_t fly(size_t log)
{
    struct mesh *m = nodes[log];
    uint32_t slot = m->free_slots[--m->free_n];

    m->inflight[slot] = (struct inflight){ .origin = authors[log] };
    return FIRST_SLOT + slot;
}

/* 0, or -ENOMEM: then all is as before. */
static int add(size_t log, uint64_t seq, unsigned version, uint32_t state)
{
    const struct store_batch_ref ref = batch_of(seq, version);
    uint32_t real = state >= FIRST_SLOT ? fly(log) : state;
    struct entry *x = &model[log][model_n[log]];
    int rc = log_add(nodes[log], authors[log], logs[log], &ref, real);

    if (rc != 0 && state >= FIRST_SLOT)
        take_release(nodes[log], real - FIRST_SLOT);
    if (rc != 0)
        return rc;
    assert_true(model_n[log]++ < MODEL_MAX);
    *x = (struct entry){ .seq = seq, .floor = { ref.floor_epoch, ref.floor_seq }, .state = state < FIRST_SLOT ? state : FIRST_SLOT, .opinions = state == HELD_VOID ? 0 : ref.opinions,
                          .time_s = ref.time_s };
    memcpy(x->hash, ref.name.hash, HASH_BYTES);
    return 0;
}

static void forget_model(size_t log, size_t i)
{
    model[log][i] = model[log][--model_n[log]];
}

/* A batch in flight comes to the disk, or any goes. */
static void change_one(size_t log, bool goes)
{
    struct entry *x = model_n[log] == 0 ? NULL : &model[log][draw((unsigned)model_n[log])];
    const struct held *h = x == NULL ? NULL : log_find(logs[log], x->seq, x->hash);

    if (x == NULL)
        return;
    assert_non_null(h);
    if (goes) {
        log_remove(nodes[log], authors[log], logs[log], x->seq, h);
        forget_model(log, (size_t)(x - model[log]));
    } else if (x->state == FIRST_SLOT) {
        take_release(nodes[log], (uint32_t)(h->state - FIRST_SLOT));
        log_settle(nodes[log], authors[log], logs[log], x->seq, h);
        x->state = HELD_STORED;
    }
}

static void cut(size_t log, uint64_t seq, bool below)
{
    if (below)
        log_forget_below(nodes[log], authors[log], (struct mark){ EPOCH, seq });
    else
        log_cut_above(nodes[log], authors[log], logs[log], seq);
    for (size_t i = model_n[log]; i > 0; i--) {
        if (below ? model[log][i - 1].seq < seq : model[log][i - 1].seq > seq)
            forget_model(log, i - 1);
    }
}

/* Numbers lie in a few dense stretches, and a few beyond all bounds. */
static uint64_t draw_seq(void)
{
    unsigned kind = draw(20);

    return kind == 0 ? (uint64_t)INT64_MAX - draw(3) : kind < 3 ? 1 + UINT64_C(1000000007) * draw(40) : 1 + draw(300);
}

static void happen(size_t log)
{
    unsigned kind = draw(100);
    uint64_t seq = draw_seq();
    bool odd = seq > 128 || draw(300) == 0;
    unsigned version = odd && draw(10) == 0;

    if (kind < 70) {
        const struct store_batch_ref ref = batch_of(seq, version);
        if (model_find(log, seq, ref.name.hash) == NULL && model_versions(log, seq) < MESH_VERSIONS_MAX)
            add(log, seq, version, kind < 40 ? HELD_STORED : kind < 69 || !odd ? FIRST_SLOT : HELD_VOID);
    } else if (kind < 97) {
        change_one(log, kind >= 94);
    } else if (draw(12) == 0) {
        cut(log, draw_seq(), draw(2) == 0);
    }
}

static void settle_all(size_t log)
{
    for (size_t i = 0; i < model_n[log]; i++) {
        struct entry *x = &model[log][i];
        const struct held *h = log_find(logs[log], x->seq, x->hash);
        if (x->state != FIRST_SLOT)
            continue;
        take_release(nodes[log], (uint32_t)(h->state - FIRST_SLOT));
        log_settle(nodes[log], authors[log], logs[log], x->seq, h);
        x->state = HELD_STORED;
    }
}

/* What is missing up to there comes: in whatever order, and whether or not it is in flight before. */
static void fill(size_t log, uint64_t numbers, bool downwards)
{
    for (uint64_t i = 1; i <= numbers; i++) {
        uint64_t seq = downwards ? numbers + 1 - i : i;
        if (model_versions(log, seq) == 0)
            assert_int_equal(add(log, seq, 0, downwards ? FIRST_SLOT : HELD_STORED), 0);
    }
    settle_all(log);
    is_like_model(log);
}

/* ---- */

static void a_log_is_what_a_list_would_be(void **state)
{
    (void)state;
    begin_with(NULL);
    for (size_t i = 0; i < ROUNDS; i++) {
        happen(0);
        is_like_model(0);
    }
}

static void logs_that_share_are_what_lists_would_be(void **state)
{
    (void)state;
    begin_with(&blocks);
    for (size_t i = 0; i < ROUNDS; i++) {
        happen(i % LOGS);
        is_like_model(i % LOGS);
        if (i % 100 < LOGS)
            fill(i % LOGS, 256, i % 3 == 0);
    }
    assert_true(found_equal > 10);
}

static void two_of_one(void)
{
    begin_with(&blocks);
    fill(0, 640, false);
    fill(1, 640, true);
    assert_int_equal(shared_left(), 10);
    assert_int_equal(found_equal, 10);
}

/* Up to which number, from the lowest on, all batches are older than this and none is in flight; 0: none. */
static uint64_t model_past(size_t log, int64_t before_s)
{
    uint64_t past = 0;

    while (true) {
        uint64_t next = UINT64_MAX;
        for (size_t i = 0; i < model_n[log]; i++)
            next = model[log][i].seq > past && model[log][i].seq < next ? model[log][i].seq : next;
        for (size_t i = 0; i < model_n[log]; i++) {
            if (model[log][i].seq == next && (model[log][i].state == FIRST_SLOT || model[log][i].time_s >= before_s))
                return past;
        }
        if (next == UINT64_MAX)
            return past;
        past = next;
    }
}

/* Nothing flies, and number 1 is there; so many seconds after the epoch's start it is too old, in either of its versions. */
static int64_t ripen(void)
{
    settle_all(0);
    if (model_versions(0, 1) == 0)
        assert_int_equal(add(0, 1, 0, HELD_STORED), 0);
    return 1 + 50 + 1;
}

/* Every second time there surely is something, whatever was drawn: one batch in flight at a low number holds back all above it for long. */
static void what_is_too_old_goes_from_the_lowest_number_on(void **state)
{
    size_t times = 0;

    (void)state;
    begin_with(NULL);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct mesh *m = nodes[0];
        uint64_t past;
        happen(0);
        if (i % 20 != 0)
            continue;
        m->now_s = EPOCH_START_S + m->config.ttl_s + draw(40) + (i % 40 == 0 ? ripen() : 0);
        past = model_past(0, m->now_s - m->config.ttl_s);
        log_expire(m, authors[0]);
        for (size_t j = model_n[0]; j > 0; j--) {
            if (model[0][j - 1].seq <= past)
                forget_model(0, j - 1);
        }
        is_like_model(0);
        times += past > 0;
        if (past > 0)
            assert_int_equal(authors[0]->past.seq, past + 1);
        authors[0]->past = (struct mark){ 0 };
    }
    assert_true(times >= ROUNDS / 40);
}

static void equal_blocks_are_held_once(void **state)
{
    (void)state;
    two_of_one();
}

static void what_goes_from_a_shared_block_stays_with_the_other(void **state)
{
    const struct store_batch_ref ref = batch_of(100, 0);

    (void)state;
    two_of_one();
    for (size_t i = 0; i < model_n[0]; i++) {
        if (model[0][i].seq == 100)
            forget_model(0, i);
    }
    log_remove(nodes[0], authors[0], logs[0], 100, log_find(logs[0], 100, ref.name.hash));
    is_like_model(0);
    is_like_model(1);
    cut(0, 200, true);
    cut(1, 400, false);
    is_like_model(0);
    is_like_model(1);
    assert_int_equal(add(0, 300, 1, HELD_STORED), 0);
    is_like_model(0);
    is_like_model(1);
}

/* ---- memory that runs out */

/* What there was no memory for is not there, and nothing else is missing. */
static void a_batch_without_memory_changes_nothing(void **state)
{
    (void)state;
    begin_with(NULL);
    for (size_t i = 0; i < ROUNDS; i++) {
        uint64_t seq = draw_seq();
        const struct store_batch_ref ref = batch_of(seq, 0);
        if (model_n[0] >= 300)
            cut(0, 1 + draw(200), true);
        fails_at = 1 + draw(4);
        allocations = 0;
        if (model_find(0, seq, ref.name.hash) == NULL && add(0, seq, 0, draw(2) == 0 ? HELD_STORED : FIRST_SLOT) != 0)
            assert_false(ranges_has(&logs[0]->present, seq) && model_versions(0, seq) == 0);
        fails_at = 0;
        is_like_model(0);
    }
}

/* There is no room to split the range of its number: it must not be taken for one that is missing, nor count any more. */
static void a_batch_that_cannot_go_becomes_void(void **state)
{
    const struct store_batch_ref ref = batch_of(100, 0);
    const struct held *h;
    size_t ranges_room;

    (void)state;
    two_of_one();
    do {                                       /* until the list of ranges is full */
        uint64_t seq = 1000 + 2 * logs[0]->present.n;
        assert_int_equal(add(0, seq, 0, HELD_STORED), 0);
        ranges_room = logs[0]->present.room;
    } while (logs[0]->present.n < ranges_room);
    fails_at = 1;
    allocations = 0;
    log_remove(nodes[0], authors[0], logs[0], 100, log_find(logs[0], 100, ref.name.hash));
    fails_at = 0;
    h = log_find(logs[0], 100, ref.name.hash);
    assert_non_null(h);
    assert_int_equal(h->state, HELD_VOID);
    for (size_t i = 0; i < model_n[0]; i++) {
        if (model[0][i].seq == 100)
            model[0][i].state = HELD_VOID, model[0][i].opinions = 0;
    }
    is_like_model(0);
    is_like_model(1);
}

/* ---- how much it takes */

static double bytes_each(uint64_t step)
{
    size_t before;

    begin_with(NULL);
    before = in_use;
    for (uint64_t i = 0; i < MESH_HELD_MAX; i++) {
        struct store_batch_ref ref = batch_of(1 + i * step, 0);
        ref.floor_seq = 1;
        assert_int_equal(log_add(nodes[0], authors[0], logs[0], &ref, HELD_STORED), 0);
    }
    return (double)(in_use - before) / MESH_HELD_MAX;
}

static void a_batch_takes_thirty_bytes(void **state)
{
    double each = bytes_each(1);

    (void)state;
    print_message("%.1f bytes a batch\n", each);
    assert_true(each <= 30);
}

/* With its range, that no other shares. */
static void an_author_who_leaves_numbers_out_takes_a_bounded_amount(void **state)
{
    double each = bytes_each(64);

    (void)state;
    print_message("%.1f bytes a batch, of these %.1f in ranges\n", each, (double)(logs[0]->present.room * sizeof(struct range)) / MESH_HELD_MAX);
    assert_true(each <= 144);
}

int main(void)
{
    z = (unsigned)seeded(z);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_log_is_what_a_list_would_be, end),
        cmocka_unit_test_teardown(logs_that_share_are_what_lists_would_be, end),
        cmocka_unit_test_teardown(what_is_too_old_goes_from_the_lowest_number_on, end),
        cmocka_unit_test_teardown(equal_blocks_are_held_once, end),
        cmocka_unit_test_teardown(what_goes_from_a_shared_block_stays_with_the_other, end),
        cmocka_unit_test_teardown(a_batch_without_memory_changes_nothing, end),
        cmocka_unit_test_teardown(a_batch_that_cannot_go_becomes_void, end),
        cmocka_unit_test_teardown(a_batch_takes_thirty_bytes, end),
        cmocka_unit_test_teardown(an_author_who_leaves_numbers_out_takes_a_bounded_amount, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
