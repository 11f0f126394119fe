/* Contested subjects at a member with hardly any mail: what a contest may cost, whoever makes it. Model: store/SCORE.md. */
#include "store_world.h"

#include "store/usual.h"
#include "tests/seed.h"

enum { ROUNDS = 12, ACCUSERS = 3, BLACK = 8, WHITE = 8, VICTIM = 9999 };

static uint64_t rng;
static uint64_t random_to(uint64_t n)
{
    rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (rng >> 33) % n;
}

static const char *subject(unsigned i)
{
    static char text[4][32];
    static unsigned at;
    char *out = text[at++ % 4];
    snprintf(out, sizeof text[0], "198.51.%u.%u", i / 240, 1 + i % 240);
    return out;
}

/* One batch: of n subjects from `first` on. */
static void says(struct world *w, size_t who, uint64_t *seq, unsigned first, unsigned n, unsigned black, unsigned white, int64_t at_s)
{
    static struct saying all[BATCH_OPINIONS_MAX];
    static char texts[BATCH_OPINIONS_MAX][32];
    assert_true(n <= BATCH_OPINIONS_MAX);
    for (unsigned i = 0; i < n; i++) {
        strcpy(texts[i], subject(first + i));
        all[i] = (struct saying){ texts[i], WORLD_SAY, black, white, at_s - at_s % 600 };
    }
    struct store_batch b = world_batch(w, who, ++*seq, at_s, all, n);
    assert_int_equal(store_add_batches(w->store, &b, 1, at_s), 0);
    world_free_batch(&b);
    world_fold(w, at_s);
}

/* Members 1 and 2 are newcomers who praise, each trusted by half, so that what they say against a score takes 0.5 of it and the contest is what is asked about; 3 to 5 accuse. */
static void begin(struct world *w)
{
    world_create(w);
    w->policy->zones[0].quorum = 2;
    w->policy->members[0].trust_micro = w->policy->members[1].trust_micro = MICRO / 2;
    assert_int_equal(store_set_policy(w->store, w->policy, T0), 0);
}

static struct why_rule rule_at(struct world *w, int64_t now_s, int64_t *stands_s)
{
    struct why why;
    struct subject s = world_subject(subject(VICTIM));
    struct reader *r = world_reader(w);
    assert_int_equal(reader_why(r, &s, now_s, &why), 0);
    reader_close(&r);
    struct why_rule rule = why.rules[0];
    assert_string_equal(w->policy->zones[rule.zone].name, "bl.test.example");
    for (size_t i = 0; stands_s != NULL && i < why.opinions_n; i++)
        if (why.opinions[i].opinion_micro > 0 && why.opinions[i].stands_s > *stands_s)
            *stands_s = why.opinions[i].stands_s;
    why_clear(&why);
    return rule;
}

struct heard_of { uint32_t least_micro, least_record_micro; };

static int note_least(void *ctx, const struct member_row *m)
{
    struct heard_of *least = ctx;
    if (m->reliability.black_micro < least->least_micro)
        least->least_micro = m->reliability.black_micro;
    if (m->reliability.record_micro < least->least_record_micro)
        least->least_record_micro = m->reliability.record_micro;
    return 0;
}

static struct heard_of least_of_members(struct world *w, int64_t now_s)
{
    struct heard_of least = { UINT32_MAX, UINT32_MAX };
    struct reader *r = world_reader(w);
    assert_int_equal(reader_members(r, now_s, note_least, &least), 0);
    reader_close(&r);
    return least;
}

/* A week and more in which the accusers report much of which this node sees next to nothing. */
static int64_t little_mail(struct world *w, uint64_t seq[WORLD_MEMBERS])
{
    for (size_t who = 3; who < 3 + ACCUSERS; who++)
        says(w, who, &seq[who], (unsigned)who * 1000, (unsigned)(20 + random_to(300)), BLACK, 0, T0);
    for (uint64_t i = 0, n = random_to(4); i < n; i++)
        world_report(w, REQUEST_BLACK, subject((unsigned)(3000 + 1000 * random_to(ACCUSERS) + random_to(20))), 0, 1, T0 + 100);
    int64_t now_s = T0 + 8 * WORLD_DAY + 60 * (int64_t)random_to(60);
    world_fold(w, now_s);
    world_fold(w, now_s + 2 * WORLD_HOUR);
    return now_s + 2 * WORLD_HOUR;
}

/* Praises day by day, from before the accusation on; the accusers come one by one. Returns when the last one came. */
static int64_t contest(struct world *w, uint64_t seq[WORLD_MEMBERS], int64_t now_s)
{
    for (size_t who = 1; who <= 2; who++)
        says(w, who, &seq[who], VICTIM, 1, 0, WHITE, now_s);
    for (size_t who = 3; who < 3 + ACCUSERS; who++) {
        now_s += (int64_t)random_to(10 * WORLD_HOUR);
        says(w, who, &seq[who], VICTIM, 1, BLACK, 0, now_s);
    }
    for (size_t who = 1; who <= 2; who++)
        says(w, who, &seq[who], VICTIM, 1, 0, WHITE, now_s + WORLD_HOUR);
    return now_s;
}

static void a_contest_costs_a_day_however_little_mail_is_seen_here(void **state)
{
    (void)state;
    int held_n = 0, little_use_n = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct world w;
        uint64_t seq[WORLD_MEMBERS] = { 0 };
        rng = seeded(seed);
        begin(&w);
        int64_t last_s = contest(&w, seq, little_mail(&w, seq)), stands_s = last_s - last_s % 60 + WORLD_DAY, told_s = 0;
        struct heard_of least = least_of_members(&w, last_s);
        assert_true(least.least_record_micro >= MICRO);
        little_use_n += least.least_micro < SCORE_DOUBT_MICRO;
        struct why_rule before = rule_at(&w, last_s + WORLD_HOUR, &told_s);
        assert_true(before.contested);
        assert_int_equal(told_s, stands_s);
        world_fold(&w, stands_s - 60);
        struct why_rule at = rule_at(&w, stands_s, NULL);
        bool enough = at.listed ? at.upholds : at.score_micro >= at.threshold_micro && at.groups >= at.quorum;
        world_fold(&w, stands_s);                       /* by time alone */
        bool lists = rule_at(&w, stands_s, NULL).listed;
        if (!at.contested || lists != enough)
            fail_msg("seed %llu: score %lld, %u groups, listed %d", (unsigned long long)seed, (long long)at.score_micro, at.groups, lists);
        held_n += enough && !before.listed;
        world_claim_verifies(&w, stands_s);
        world_destroy(&w);
    }
    assert_true(held_n >= ROUNDS / 3);
    assert_true(little_use_n >= ROUNDS / 2);
}

/* Own good mail refutes two of the accusers once each, where most of own evidence is spam: a refutation then weighs the more. */
static void whose_record_is_bad_is_not_heard_in_a_contest(void **state)
{
    (void)state;
    struct world w;
    uint64_t seq[WORLD_MEMBERS] = { 0 };
    begin(&w);
    for (unsigned i = 0; i < 4; i++)
        world_report(&w, REQUEST_BLACK, subject(100 + i), 0, 1, T0);
    for (size_t who = 3; who <= 4; who++)
        says(&w, who, &seq[who], 200, 1, BLACK, 0, T0);
    world_report(&w, REQUEST_WHITE, subject(200), 0, 1, T0 + 100);
    world_fold(&w, T0 + 100);
    world_fold(&w, T0 + 2 * WORLD_HOUR);
    assert_in_range(least_of_members(&w, T0 + 2 * WORLD_HOUR).least_record_micro, 1, SCORE_DOUBT_MICRO - 1);
    int64_t last_s = contest(&w, seq, T0 + 2 * WORLD_HOUR), told_s = 0;
    world_fold(&w, last_s + 2 * WORLD_DAY);
    struct why_rule rule = rule_at(&w, last_s + 2 * WORLD_DAY, &told_s);
    assert_true(rule.contested);
    assert_int_equal(rule.stood_groups, 1);
    assert_int_equal(told_s, INT64_MAX);
    assert_false(rule.listed);
    world_claim_verifies(&w, last_s + 2 * WORLD_DAY);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_contest_costs_a_day_however_little_mail_is_seen_here),
        cmocka_unit_test(whose_record_is_bad_is_not_heard_in_a_contest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
