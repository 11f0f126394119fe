/* Logs with one head that differ all the same: an author signed two batches with one number, or made sets of batches with one digest; and whose turn it is to be asked. */
#include "tests/unit/mesh_fixture.h"

enum { THEIRS_MAX = 200, BASIS = 64 };

/* What member 2 holds of member 3's logs, as indices into `frames`. */
static size_t theirs[THEIRS_MAX], theirs_n;
static unsigned fetches, compares, compared_with[MEMBERS];
static uint8_t last_salt[SALT_BYTES];

static void hold_there(size_t frame)
{
    assert_true(theirs_n < THEIRS_MAX);
    theirs[theirs_n++] = frame;
}

static void hold_here(size_t frame)
{
    hear(1, frame);
    stored(frame, true);
}

static bool in(size_t frame, uint32_t epoch, uint64_t from, uint64_t to)
{
    const struct batch_name *n = &frames[frame].name;

    return n->epoch == epoch && n->seq >= from && n->seq <= to;
}

static void sum_there(uint32_t epoch, uint64_t from, uint64_t to, const uint8_t salt[SALT_BYTES], uint8_t out[SUM_BYTES])
{
    struct fingerprint f;

    fingerprint_begin(&f, salt);
    for (size_t i = 0; i < theirs_n; i++) {
        if (in(theirs[i], epoch, from, to))
            fingerprint_add(&f, frames[theirs[i]].name.hash);
    }
    fingerprint_end(&f, out);
}

static void describe(struct log_have *l, uint32_t epoch)
{
    memset(l, 0, sizeof *l);
    *l = (struct log_have){ .epoch = epoch, .floor = 1, .record_serial = 10, .has_digest = true };
    memcpy(l->origin, people[3].record.root, KEY_BYTES);
    for (size_t i = 0; i < theirs_n; i++) {
        const struct batch_name *n = &frames[theirs[i]].name;
        if (n->epoch != epoch)
            continue;
        for (size_t j = 0; j < HEAD_HASH_BYTES; j++)
            l->digest[j] ^= n->hash[j];
        if (n->seq <= l->head)
            continue;
        l->head = n->seq;
        memcpy(l->head_hash, n->hash, HEAD_HASH_BYTES);
    }
}

/* A full question, with a sum if it is to have one. */
static void tell_by(unsigned who, uint32_t epoch, bool salted)
{
    struct log_have log;
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .full = true, .logs_n = 1, .logs = &log, .has_salt = salted } };

    describe(&log, epoch);
    memset(m.u.have.salt, 7, SALT_BYTES);
    log.has_sum = salted;
    if (salted)
        sum_there(epoch, 1, UINT64_MAX, m.u.have.salt, log.sum);
    message(MESH_ASK, who, &m);
}

static void tell(uint32_t epoch, bool salted)
{
    tell_by(2, epoch, salted);
}

/* What the core wants stored is on disk at once. */
static void store_all(void)
{
    const struct mesh_action *a;

    while ((a = action(MESH_DO_STORE)) != NULL) {
        const struct batch_name name = a->batch.name;
        step((struct mesh_event){ .kind = MESH_STORED, .name = &name, .stored = true });
    }
}

static bool answers_fetch(void)
{
    struct asked a = asked_for_range();

    if (!a.any || a.who != 2)
        return false;
    fetches++;
    for (uint64_t seq = a.to; seq >= a.from; seq--) {
        for (size_t i = 0; i < theirs_n; i++) {
            if (!in(theirs[i], a.epoch, seq, seq))
                continue;
            fetched(2, a.id, (long)theirs[i], false);
            store_all();
        }
    }
    fetched(2, a.id, -1, true);
    return true;
}

static bool answers_compare(void)
{
    struct message asked = { 0 }, m = { .kind = MESSAGE_COMPARED };
    unsigned who = 0;

    if (!sent(MESH_DO_ASK, MESSAGE_COMPARE, &who, &asked))
        return false;
    compares++;
    assert_memory_not_equal(asked.u.compare.salt, last_salt, SALT_BYTES);        /* each question has its own */
    memcpy(last_salt, asked.u.compare.salt, SALT_BYTES);
    memcpy(m.u.compared.origin, people[3].record.root, KEY_BYTES);
    m.u.compared.epoch = asked.u.compare.epoch;
    m.u.compared.from = asked.u.compare.from;
    m.u.compared.to = asked.u.compare.to;
    const uint64_t width = compare_width(m.u.compared.from, m.u.compared.to);
    for (uint64_t at = m.u.compared.from; at <= m.u.compared.to; at += width) {
        uint64_t last = at + width - 1 < m.u.compared.to ? at + width - 1 : m.u.compared.to;
        sum_there(m.u.compared.epoch, at, last, asked.u.compare.salt, m.u.compared.sums[m.u.compared.n++]);
    }
    message_close(&asked);
    message(MESH_ANSWER, who, &m);
    return true;
}

/* Member 2 answers at once, and tells what changed as it goes. */
static void let_pass(int64_t ms)
{
    for (int64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        if (answers_fetch() || answers_compare())
            continue;
        tick_at(up.wake_at_ms < end_ms ? up.wake_at_ms : end_ms);
    }
}

static int begin_comparing(void **state)
{
    theirs_n = fetches = compares = 0;
    memset(compared_with, 0, sizeof compared_with);
    return begin(state);
}

/* ---- two batches with one number */

static void hold_other_versions(uint32_t epoch)
{
    hold_here(sign((struct plan){ .author = 3, .epoch = epoch, .seq = 1, .salt = 1 }));
    hold_there(sign((struct plan){ .author = 3, .epoch = epoch, .seq = 1, .salt = 2 }));
    size_t head = sign((struct plan){ .author = 3, .epoch = epoch, .seq = 2 });
    hold_here(head);
    hold_there(head);
}

static void a_pair_is_found_in_one_epoch_after_the_other(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5; i++)
        hold_other_versions(EPOCH - i);
    for (uint32_t i = 0; i < 5; i++)
        tell(EPOCH - i, false);
    let_pass(60000);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_EQUIVOCATION), 5);
}

/* ---- and gaps, meanwhile */

static bool answers_gap(void)
{
    struct asked a = asked_for_range();
    size_t f;

    if (!a.any)
        return false;
    assert_int_equal(a.from, a.to);
    fetches++;
    f = sign((struct plan){ .author = 1, .seq = a.to });
    fetched(a.who, a.id, (long)f, false);
    store_all();
    fetched(a.who, a.id, -1, true);
    return true;
}

static void pass_with_gaps(int64_t ms)
{
    const int64_t end_ms = now_ms + ms;

    for (;;) {
        struct message m = { 0 };
        unsigned who = 0;
        if (sent(MESH_DO_ASK, MESSAGE_COMPARE, &who, &m)) {
            compares += who == 2;
            compared_with[who]++;
            message_close(&m);
        }
        if (answers_gap())
            continue;
        if (now_ms >= end_ms)
            return;
        tick_at(up.wake_at_ms < end_ms ? up.wake_at_ms : end_ms);
    }
}

static void tell_in_passing(uint32_t epoch)
{
    struct log_have log;
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs_n = 1, .logs = &log } };

    describe(&log, epoch);
    message(MESH_ASK, 2, &m);
}

/* Every other number of member 1's log is missing: one question each, which both neighbours answer at once. */
static void gaps_are_filled_before_logs_are_compared(void **state)
{
    enum { GAPS = 4 * MESH_ASKS_PER_S };

    (void)state;
    for (uint64_t i = 1; i <= GAPS; i++)
        hold_here(sign((struct plan){ .author = 1, .seq = 2 * i }));
    hold_other_versions(EPOCH);
    have(MESH_ASK, 2, 1, 1, 2 * GAPS, false);
    pass_with_gaps(500);               /* until they may be asked for no more at once */
    tell_in_passing(EPOCH);
    pass_with_gaps(2000);
    assert_true(fetches > GAPS / 4 && fetches < GAPS);
    assert_int_equal(compares, 0);
    pass_with_gaps(10000);
    assert_true(fetches >= GAPS);
    assert_true(compares > 0);
}

/* One neighbour alone has what is missing, and is asked for as much as it may be; the log that differs is compared with the other. */
static void who_is_asked_for_enough_holds_up_no_comparison(unsigned busy, unsigned other)
{
    enum { GAPS = 4 * MESH_ASKS_PER_S };

    for (uint64_t i = 1; i <= GAPS; i++) {
        size_t f = sign((struct plan){ .author = 1, .seq = 2 * i });
        hear(busy, f);
        stored(f, true);
    }
    hold_other_versions(EPOCH);
    have(MESH_ASK, busy, 1, 1, 2 * GAPS, false);
    pass_with_gaps(500);
    tell_by(busy, EPOCH, false);
    tell_by(other, EPOCH, false);
    pass_with_gaps(2000);
    assert_true(fetches < GAPS);
    assert_int_equal(compared_with[busy], 0);
    assert_int_equal(compared_with[other], 1);
}

static void a_log_is_compared_with_who_is_free(void **state)
{
    (void)state;
    who_is_asked_for_enough_holds_up_no_comparison(1, 2);
}

static void a_log_is_compared_with_who_is_free_also_the_other_way_round(void **state)
{
    (void)state;
    who_is_asked_for_enough_holds_up_no_comparison(2, 1);
}

/* ---- two sets with one digest */

static uint64_t beginning_of(size_t frame)
{
    uint64_t x;

    memcpy(&x, frames[frame].name.hash, sizeof x);
    return x;
}

/* Of the frames first .. first + BASIS, some whose beginnings cancel each other: there always are. in_set: which. */
static void find_set(size_t first, bool in_set[BASIS + 1])
{
    struct { uint64_t value; bool of[BASIS + 1]; } basis[BASIS] = { 0 };

    for (size_t i = 0; i <= BASIS; i++) {
        uint64_t value = beginning_of(first + i);
        memset(in_set, 0, BASIS + 1);
        in_set[i] = true;
        for (int bit = 63; bit >= 0 && value != 0; bit--) {
            if ((value >> bit & 1) == 0)
                continue;
            if (basis[bit].value == 0) {
                basis[bit].value = value;
                memcpy(basis[bit].of, in_set, BASIS + 1);
                break;
            }
            value ^= basis[bit].value;
            for (size_t j = 0; j <= BASIS; j++)
                in_set[j] ^= basis[bit].of[j];
        }
        if (value == 0)
            return;
    }
    fail();
}

/* Member 2 holds the set and the head, the core the head alone. Returns how many are in the set. */
static unsigned hold_a_set_there(void)
{
    bool in_set[BASIS + 1];
    size_t first = frames_n, head;
    unsigned n = 0;

    for (uint64_t seq = 1; seq <= BASIS + 1; seq++)
        sign((struct plan){ .author = 3, .seq = seq });
    find_set(first, in_set);
    for (size_t i = 0; i <= BASIS; i++) {
        if (in_set[i])
            hold_there(first + i);
        n += in_set[i];
    }
    head = sign((struct plan){ .author = 3, .seq = BASIS + 2 });
    hold_there(head);
    hold_here(head);
    return n;
}

static void digests_alone_do_not_tell_some_sets_apart(void **state)
{
    (void)state;
    hold_a_set_there();
    tell(EPOCH, false);
    let_pass(600000);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), 1);
}

static void a_sum_tells_sets_with_one_digest_apart_and_the_rest_is_fetched(void **state)
{
    unsigned n = hold_a_set_there();

    (void)state;
    tell(EPOCH, true);
    let_pass(20000);                   /* member 1, who told of the head alone, is asked, too, and keeps silent */
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), n + 1);
}

/* In the next Have on it that is no full one. */
static bool is_told_with_a_sum(void)
{
    for (int64_t end_ms = now_ms + 2 * MESH_HAVE_MS; now_ms < end_ms;) {
        struct message m = { 0 };
        bool has_sum = false, has_log = false;
        tick_at(up.wake_at_ms < end_ms ? up.wake_at_ms : end_ms);
        if (!sent(MESH_DO_ASK, MESSAGE_HAVE, NULL, &m))
            continue;
        for (size_t i = 0; i < m.u.have.logs_n && !m.u.have.full; i++) {
            const struct log_have *l = &m.u.have.logs[i];
            bool is_it = l->head > 0 && memcmp(l->origin, people[3].record.root, KEY_BYTES) == 0;
            has_log |= is_it;
            has_sum |= is_it && l->has_sum;
        }
        message_close(&m);
        if (has_log)
            return has_sum;
    }
    return false;
}

static void a_log_that_a_sum_gave_away_is_told_with_sums_from_then_on(void **state)
{
    (void)state;
    hold_a_set_there();
    hold_here(sign((struct plan){ .author = 3, .seq = BASIS + 3 }));
    assert_false(is_told_with_a_sum());
    hold_there(frames_n - 1);
    tell(EPOCH, true);
    let_pass(27000);                   /* past a full question */
    hold_here(sign((struct plan){ .author = 3, .seq = BASIS + 4 }));
    assert_true(is_told_with_a_sum());
}

static void equal_sums_of_equal_logs_cost_no_question(void **state)
{
    (void)state;
    size_t only = sign((struct plan){ .author = 3, .seq = 1 });
    hold_here(only);
    hold_there(only);
    for (int i = 0; i < 10; i++) {
        tell(EPOCH, true);
        let_pass(30000);
    }
    assert_int_equal(fetches + compares, 0);
}

/* ---- what comparing costs */

static void numbers_among_holes_are_fetched_many_at_once(void **state)
{
    enum { NUMBERS = 60 };
    (void)state;
    size_t head = sign((struct plan){ .author = 3, .seq = 2 * NUMBERS + 2 });
    for (uint64_t seq = 1; seq <= NUMBERS; seq++)
        hold_there(sign((struct plan){ .author = 3, .seq = 2 * seq }));
    hold_there(head);
    hold_here(head);
    tell(EPOCH, false);
    let_pass(20000);
    assert_int_equal(mesh_counted(mesh, MESH_COUNT_MERGED), NUMBERS + 1);
    assert_in_range(fetches + compares, 1, 8);
}

/* ---- whose turn it is */

static void claim(unsigned by, uint64_t head)
{
    have(MESH_ASK, by, 3, 1, head, false);
}

static struct asked next_asked(void)
{
    struct asked a;

    do
        tick_at(up.wake_at_ms);
    while (!(a = asked_for_range()).any);
    return a;
}

static void who_delivers_is_asked_before_who_kept_silent(void **state)
{
    unsigned silent = 0;

    (void)state;
    for (uint64_t seq = 1; seq <= 20; seq++) {
        size_t f = sign((struct plan){ .author = 3, .seq = seq });
        claim(1, seq);
        claim(2, seq);
        for (struct asked a = next_asked(); a.who != 2; a = next_asked())
            silent++;                  /* member 1 is not heard: the time-out is what comes next */
        fetched(2, asked_for_range().id, (long)f, true);
        stored(f, true);
    }
    assert_in_range(silent, 0, 1);
}

static void a_late_answer_is_no_broken_word(void **state)
{
    (void)state;
    claim(1, 5);
    next_asked();
    struct asked second = next_asked();          /* the first was in vain for ten seconds */
    int64_t asked_ms = now_ms;
    while (mesh_counted(mesh, MESH_COUNT_FETCH_TIMEOUTS) < 2)
        tick_at(up.wake_at_ms);
    assert_int_equal(now_ms - asked_ms, MESH_FETCH_TIMEOUT_MS / 2);
    fetched(1, second.id, -1, true);
    asked_ms = now_ms;
    claim(1, 5);
    next_asked();
    assert_in_range(now_ms - asked_ms, 0, 1000);
}

/* What it holds, by its digest, changes below its head: it is catching up itself. */
static void claim_of(unsigned by, size_t head, uint8_t state)
{
    struct log_have log = { .epoch = EPOCH, .floor = 1, .head = frames[head].name.seq, .record_serial = 10, .has_digest = true, .digest = { state } };
    struct message m = { .kind = MESSAGE_HAVE, .u.have = { .logs_n = 1, .logs = &log } };

    memcpy(log.origin, people[3].record.root, KEY_BYTES);
    memcpy(log.head_hash, frames[head].name.hash, HEAD_HASH_BYTES);
    message(MESH_ASK, by, &m);
}

static void who_lacked_it_is_asked_again_when_its_log_has_changed_below_its_head(void **state)
{
    struct asked a;
    (void)state;
    size_t head = sign((struct plan){ .author = 3, .seq = 100 });
    claim_of(1, head, 1);
    a = next_asked();
    assert_int_equal(a.to, 100);
    fetched(1, a.id, (long)head, false);
    stored(head, true);
    for (uint64_t seq = 99; seq >= a.from; seq--) {
        size_t f = sign((struct plan){ .author = 3, .seq = seq });
        fetched(1, a.id, (long)f, false);
        stored(f, true);
    }
    fetched(1, a.id, -1, true);
    a = next_asked();
    assert_true(a.from == 1 && a.to < 100);
    fetched(1, a.id, -1, true);        /* it has none of them */
    tick_at(now_ms + 5000);
    assert_false(asked_for_range().any);
    claim_of(1, head, 2);
    for (int i = 0; i < 10 && !(a = asked_for_range()).any; i++)
        tick_at(now_ms + 100);
    assert_true(a.any && a.from == 1);
}

static void who_does_not_answer_twice_is_left_alone_for_a_while(void **state)
{
    (void)state;
    claim(1, 5);
    next_asked();
    next_asked();
    while (mesh_counted(mesh, MESH_COUNT_FETCH_TIMEOUTS) < 2)
        tick_at(up.wake_at_ms);
    int64_t since_ms = now_ms;
    claim(1, 5);
    next_asked();
    assert_in_range(now_ms - since_ms, 29000, 40000);
}

#define COMPARING(name) cmocka_unit_test_setup_teardown(name, begin_comparing, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COMPARING(a_pair_is_found_in_one_epoch_after_the_other),
        COMPARING(gaps_are_filled_before_logs_are_compared),
        COMPARING(a_log_is_compared_with_who_is_free),
        COMPARING(a_log_is_compared_with_who_is_free_also_the_other_way_round),
        COMPARING(digests_alone_do_not_tell_some_sets_apart),
        COMPARING(a_sum_tells_sets_with_one_digest_apart_and_the_rest_is_fetched),
        COMPARING(a_log_that_a_sum_gave_away_is_told_with_sums_from_then_on),
        COMPARING(equal_sums_of_equal_logs_cost_no_question),
        COMPARING(numbers_among_holes_are_fetched_many_at_once),
        COMPARING(who_delivers_is_asked_before_who_kept_silent),
        COMPARING(a_late_answer_is_no_broken_word),
        COMPARING(who_lacked_it_is_asked_again_when_its_log_has_changed_below_its_head),
        COMPARING(who_does_not_answer_twice_is_left_alone_for_a_while),
    };
    return cmocka_run_group_tests(tests, people_make, people_free);
}
