/* What `hearsay what-if` foresees is what then happens, in random worlds: opinions with and without good words, own mail, networks, introductions, exceptions; and random
 * changes of trust, rights, thresholds and quorums. After each, a full recomputation finds what is stored. */
#include "networks_world.h"
#include "proto/introductions.h"
#include "tests/seed.h"

enum { WORLDS = 4, CHANGES = 16, SAYINGS = 20, INTRODUCED = 5, ROWS_MAX = 512, KEY_TEXT_MAX = SUBJECT_TEXT_MAX + 16 };

static struct world w;
static int64_t now_s;
static uint64_t bits;

static uint64_t random_to(uint64_t n)
{
    bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (bits >> 33) % n;
}

/* ---- what is listed */

struct rows {
    char keys[ROWS_MAX][KEY_TEXT_MAX];
    size_t n;
};
struct foreseen { struct rows begin, end; };

static void add_key(struct rows *to, int zone, int category, const struct subject *s)
{
    char text[SUBJECT_TEXT_MAX];
    assert_true(to->n < ROWS_MAX);
    snprintf(to->keys[to->n++], KEY_TEXT_MAX, "%d %d %s", zone, category, subject_text(s, text));
}

static int add_listed(void *ctx, const struct listing *l)
{
    add_key(ctx, l->zone, l->category, &l->subject);
    return 0;
}

static int add_supposed(void *ctx, const struct supposed *s)
{
    struct foreseen *f = ctx;
    add_key(s->listed ? &f->begin : &f->end, s->zone, s->category, &s->subject);
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void listed_now(struct rows *out)
{
    struct reader *r = world_reader(&w);
    out->n = 0;
    assert_int_equal(reader_list(r, -1, INT64_MIN, add_listed, out), 0);
    qsort(out->keys, out->n, KEY_TEXT_MAX, by_key);
    reader_close(&r);
}

static bool has(const struct rows *in, const char *key)
{
    for (size_t i = 0; i < in->n; i++)
        if (strcmp(in->keys[i], key) == 0)
            return true;
    return false;
}

/* before, without what ends and with what begins. */
static void apply(const struct rows *before, const struct foreseen *f, struct rows *out)
{
    out->n = 0;
    for (size_t i = 0; i < before->n; i++)
        if (!has(&f->end, before->keys[i]))
            strcpy(out->keys[out->n++], before->keys[i]);
    for (size_t i = 0; i < f->begin.n; i++) {
        if (has(before, f->begin.keys[i]))
            fail_msg("would begin, but is there: %s", f->begin.keys[i]);
        strcpy(out->keys[out->n++], f->begin.keys[i]);
    }
    qsort(out->keys, out->n, KEY_TEXT_MAX, by_key);
}

static void claim_same(const struct rows *want, const struct rows *got, const char *what)
{
    for (size_t i = 0; i < want->n; i++)
        if (!has(got, want->keys[i]))
            fail_msg("after %s: foreseen, but not so: %s", what, want->keys[i]);
    for (size_t i = 0; i < got->n; i++)
        if (!has(want, got->keys[i]))
            fail_msg("after %s: not foreseen, but so: %s", what, got->keys[i]);
}

/* ---- what happens in a world */

static const char *some_subject(void)
{
    static const char *const others[] = { "198.51.100.0/25", "203.0.113.0/24", "2001:db8:1:2::/64", "2001:db8:1:3::/64", "a.example", "mail.b.example" };
    static char text[64];
    if (random_to(4) == 0)
        return others[random_to(sizeof others / sizeof *others)];
    snprintf(text, sizeof text, "192.0.2.%u", (unsigned)random_to(12));
    return text;
}

static void hear(size_t who, struct saying s)
{
    struct store_batch b = world_batch(&w, who, ++seqs[who], now_s, &s, 1);
    assert_int_equal(store_add_batches(w.store, &b, 1, now_s), 0);
    world_free_batch(&b);
}

static void a_member_says(void)
{
    bool black = random_to(9) > 0;
    hear(1 + random_to(WORLD_MEMBERS - 1), (struct saying){ some_subject(), random_to(3) > 0 ? WORLD_SAY : "malware", black ? 4 + (unsigned)random_to(5) : 0,
                                                            black ? 0 : 3 + (unsigned)random_to(6), now_s - now_s % 600 });
}

/* This node had good mail of it and no word of a category, before others said that there is malware. */
static void one_is_vouched_for(void)
{
    world_report(&w, REQUEST_WHITE, "192.0.2.200", 0, 4, now_s);
    world_fold(&w, now_s);
    now_s += WORLD_HOUR;
    for (size_t who = 1; who < WORLD_MEMBERS; who++)
        hear(who, (struct saying){ "192.0.2.200", "malware", 8, 0, now_s - now_s % 600 });
    world_fold(&w, now_s);
}

static void much_happens(void)
{
    for (unsigned i = 0; i < SAYINGS; i++)
        a_member_says();
    world_report(&w, random_to(16) > 0 ? REQUEST_BLACK : REQUEST_WHITE, some_subject(), random_to(4) == 0, 1, now_s);
    if (random_to(6) == 0)
        except(&w, EXCEPTION_DELIST, some_subject(), now_s, now_s + WORLD_DAY);
    world_fold(&w, now_s);
}

/* Member 1 introduces the last one, whom this node does not trust itself. */
static void introduce(void)
{
    struct introduction one = { { w.frames[INTRODUCED], w.frame_lens[INTRODUCED] }, w.records[INTRODUCED], 1000, T0 + 365 * WORLD_DAY };
    struct introductions l = { .federation = "test", .record_serial = 1, .serial = 1, .time_s = T0, .list = &one, .n = 1 };
    uint8_t *frame = NULL;
    size_t len = 0;
    memcpy(l.introducer, w.records[1].root, KEY_BYTES);
    assert_int_equal(introductions_seal(&l, w.ids[1], &frame, &len), 0);
    assert_int_equal(store_add_introductions(w.store, (struct bytes){ frame, len }), 0);
    free(frame);
}

static void begin_world(uint64_t seed)
{
    bits = seeded(seed);
    now_s = T0;
    memset(seqs, 0, sizeof seqs);
    world_prepare(&w);
    networks_policy(&w);
    w.policy->members_n = WORLD_MEMBERS - 2;
    w.policy->zones[0].quorum = 2;
    world_open(&w);
    introduce();
    one_is_vouched_for();
}

/* ---- what the operator may change */

static const char *change(struct policy *p)
{
    struct policy_member *m = &p->members[random_to(p->members_n)];
    switch (random_to(14)) {
    case 0: p->zones[0].threshold_micro = 400000 + (int64_t)random_to(12) * 100000; return "another threshold";
    case 1: p->zones[0].quorum = (unsigned)random_to(4); return "another quorum";
    case 2: p->zones[1].quorum = 1 + (unsigned)random_to(2); return "another quorum of the white zone";
    case 3: m->rights.categories = random_to(2) == 0 ? 0 : 1 + random_to(3); return "other categories";
    case 4: m->rights.black_only = !m->rights.black_only; return "black only, or no more";
    case 5: m->rights.no_prefixes = !m->rights.no_prefixes; return "no prefixes, or again";
    case 6: m->rights.max_weight_micro = random_to(2) == 0 ? 0 : 50000 + (uint32_t)random_to(900000); return "another cap";
    case 7: m->rights.probation_s = m->rights.probation_s == 0 ? RIGHTS_ENDLESS : 0; return "probation, or its end";
    case 8: p->zones[0].own = !p->zones[0].own; return "own evidence lists alone, or no more";
    case 9: p->categories[random_to(2)].half_life_s = (1 + (int64_t)random_to(6)) * WORLD_DAY; return "another half-life";
    default: m->trust_micro = (uint32_t)random_to(8) * (MICRO / 8); return "another trust";
    }
}

static void suppose(struct policy *p, struct foreseen *f)
{
    struct reader *r = world_reader(&w);
    struct supposed_kept kept;
    f->begin.n = f->end.n = 0;
    assert_int_equal(reader_set_policy(r, p), 0);
    assert_int_equal(reader_what_if(r, &(struct supposing){ .now_s = now_s, .before = w.policy, .subjects_quota = 100000 }, add_supposed, f, &kept), 0);
    assert_int_equal(kept.forgotten, 0);
    reader_close(&r);
}

static size_t foresee_and_see(void)
{
    static struct rows before, want, got;
    static struct foreseen f;
    struct policy *p = policy_copy(w.policy);
    assert_non_null(p);
    const char *what = change(p);
    listed_now(&before);
    suppose(p, &f);
    assert_int_equal(store_set_policy(w.store, p, now_s), 0);
    policy_destroy(&w.policy);
    w.policy = p;
    world_fold(&w, now_s);
    listed_now(&got);
    apply(&before, &f, &want);
    claim_same(&want, &got, what);
    world_claim_verifies(&w, now_s);
    return f.begin.n + f.end.n;
}

static void what_is_foreseen_is_what_then_happens(void **state)
{
    size_t changed = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        begin_world(seed);
        for (unsigned i = 0; i < CHANGES; i++) {
            now_s += (int64_t)(2 + random_to(20)) * WORLD_HOUR;
            much_happens();
            changed += foresee_and_see();
        }
        world_destroy(&w);
    }
    assert_true(changed > WORLDS);        /* or nothing was put to the test */
}

/* What the last one says is worth half of member 1's trust: with a quarter, an eighth, though a quarter would still uphold it. */
static void less_trust_in_who_introduces_is_less_in_whom_it_introduced(void **state)
{
    static struct foreseen f;
    (void)state;
    begin_world(1);
    w.policy->zones[0].threshold_micro = 400000;
    w.policy->zones[0].quorum = 1;
    assert_int_equal(store_set_policy(w.store, w.policy, now_s), 0);
    hear(INTRODUCED, (struct saying){ "203.0.113.77", WORLD_SAY, 8, 0, now_s });
    world_fold(&w, now_s);
    assert_int_equal(world_check(&w, "203.0.113.77"), VERDICT_BLACK);
    struct policy *p = policy_copy(w.policy);
    assert_non_null(p);
    p->members[0].trust_micro = MICRO / 4;
    suppose(p, &f);
    assert_true(has(&f.end, "0 0 203.0.113.77"));
    assert_int_equal(store_set_policy(w.store, p, now_s), 0);
    world_fold(&w, now_s);
    assert_int_equal(world_check(&w, "203.0.113.77"), VERDICT_UNKNOWN);
    policy_destroy(&p);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_foreseen_is_what_then_happens),
        cmocka_unit_test(less_trust_in_who_introduces_is_less_in_whom_it_introduced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
