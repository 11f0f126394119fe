/* Random histories through the store's own arithmetic, one a line: a letter, what went in, "=", what came out. test_score_model.py reads them and reckons again.
 * Usage: model_cases SEED COUNT. Every number is a decimal integer; the order of the fields is that of the code below, here and there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/batch.h"
#include "store/names.h"
#include "store/reliability.h"
#include "store/run.h"
#include "store/score.h"
#include "store/trust.h"
#include "store/usual.h"
#include "store/voices.h"
#include "tests/seed.h"

enum { LIKE_MAX = 6, MEMBERS = 7, LINKS_MAX = 5, SAID_MAX = 8, EVENTS_MAX = 3, LOOKS = 3, HEARD_MAX = 7, STEPS_MAX = 10, HOUR_S = 3600, DAY_S = 86400 };

static const int64_t t0 = 1790000000;

static uint64_t state;
static uint64_t random_bits(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int64_t below(int64_t n)
{
    return (int64_t)(random_bits() % (uint64_t)n);
}

static bool one_in(int64_t n)
{
    return below(n) == 0;
}

/* One that is often at an end of its range. */
static int64_t edgy(int64_t most)
{
    return one_in(4) ? 0 : one_in(4) ? most : below(most + 1);
}

static void put(int64_t n)
{
    printf(" %" PRId64, n);
}

static void die(const char *what)
{
    fprintf(stderr, "model_cases: %s\n", what);
    exit(1);
}

/* ---- histories: introductions, registers, own events, what follows from them at three times */

struct history {
    struct policy *policy;
    struct known_member members[MEMBERS];
    int64_t since_s[MEMBERS];           /* when each came to say black */
    struct trust_link links[LINKS_MAX];
    struct run run;
    struct voice voices[MEMBERS];
    size_t voices_n;
    struct evidence own;
    bool has_own;
    int64_t half_life_s, ttl_s;
};

static void name_member(uint8_t root[KEY_BYTES], int64_t i)
{
    memset(root, 0, KEY_BYTES);
    root[0] = (uint8_t)(i + 1);
}

/* T of each member, -1 of one that is not trusted directly; then the links. */
static void put_trust(struct history *h)
{
    struct policy *p = h->policy;
    size_t links_n = (size_t)below(LINKS_MAX + 1), table_n = 0, n = 0;
    struct trusted *table = NULL;
    int64_t next_s;
    p->members_n = 0;
    for (int64_t i = 0; i < MEMBERS; i++) {
        int64_t trust = i == 0 || one_in(2) ? edgy(MICRO) : -1;
        put(trust);
        if (trust < 0)
            continue;
        name_member(p->members[p->members_n].root, i);
        p->members[p->members_n++].trust_micro = (uint32_t)trust;
    }
    for (size_t i = 0; i < links_n; i++) {
        int64_t by = below(MEMBERS), who = below(MEMBERS);
        bool twice = by == who;
        for (size_t k = 0; k < n; k++)
            twice |= h->links[k].introducer[0] == by + 1 && h->links[k].introduced[0] == who + 1;
        if (twice)
            continue;
        h->links[n] = (struct trust_link){ .share_milli = (uint32_t)(1 + edgy(TRUST_SHARE_UNIT - 1)), .expires_s = t0 + below(4) * 100 - 100 };
        name_member(h->links[n].introducer, by);
        name_member(h->links[n++].introduced, who);
    }
    put((int64_t)n);
    for (size_t i = 0; i < n; i++) {
        put(h->links[i].introducer[0] - 1);
        put(h->links[i].introduced[0] - 1);
        put(h->links[i].share_milli);
        put(h->links[i].expires_s);
    }
    if (trust_table(p, h->links, n, MEMBERS_MAX, t0, &table, &table_n, NULL, &next_s) != 0)
        die("trust_table");
    memset(h->members, 0, sizeof h->members);
    for (int i = 0; i < MEMBERS; i++)
        h->members[i].group = -1;
    for (size_t i = 0; i < p->members_n; i++) {
        int who = p->members[i].root[0] - 1;
        h->members[who].group = p->members[i].trust_micro > 0 ? who : -1;
        h->members[who].trust_micro = h->members[who].group_trust_micro = p->members[i].trust_micro;
    }
    for (size_t i = 0; i < table_n; i++) {
        struct known_member *m = &h->members[table[i].root[0] - 1];
        m->group = table[i].group[0] - 1;
        m->trust_micro = table[i].tau_micro;
        m->group_trust_micro = h->members[m->group].trust_micro;
    }
    free(table);
}

static void put_reliability(struct history *h)
{
    for (int i = 0; i < MEMBERS; i++) {
        struct reliability *r = &h->members[i].reliability;
        *r = (struct reliability){ RELIABILITY_NEWCOMER_MICRO, RELIABILITY_NEWCOMER_MICRO, RELIABILITY_NEWCOMER_MICRO };
        if (one_in(2))
            *r = (struct reliability){ (uint32_t)edgy(2 * MICRO), (uint32_t)edgy(2 * MICRO), (uint32_t)edgy(2 * MICRO) };
        h->since_s[i] = one_in(4) ? 0 : one_in(4) ? -t0 : t0 - edgy(3 * DAY_S);
        put(r->black_micro);
        put(r->white_micro);
        put(r->record_micro);
        put(h->since_s[i]);
    }
    for (int i = 0; i < MEMBERS; i++) {
        struct known_member *m = &h->members[i];
        m->counted = m->group >= 0 && m->group != i ? reliability_least(m->reliability, h->members[m->group].reliability) : m->reliability;
    }
}

static void add_voice(struct history *h, const struct said *o)
{
    const struct known_member *m = &h->members[o->member];
    struct evidence e = evidence_of_steps(o->black, o->white, o->time_s);
    if (m->group < 0)
        return;
    size_t at = h->voices_n++;
    for (; at > 0 && h->voices[at - 1].group > (unsigned)m->group; at--)
        h->voices[at] = h->voices[at - 1];
    h->voices[at] = (struct voice){ .group = (unsigned)m->group, .trust_micro = m->group_trust_micro, .weight_micro = names_weight(m, evidence_is_white(&e)),
                                        .say_micro = names_say(m, evidence_is_white(&e)), .evidence = e,
                                        .stands_s = score_stands_s(evidence_is_white(&e), h->since_s[o->member], evidence_is_white(&e) ? m->counted.white_micro : m->counted.record_micro) };
}

/* What members said, in the order in which it came: (member, epoch, seq, hash, black step, white step, time). */
static void put_registers(struct history *h)
{
    static const uint8_t key[1] = { 1 };
    size_t n = (size_t)below(SAID_MAX + 1);
    struct run *run = &h->run;
    run_stop(run);
    run_start(run, 0, 0);
    if (run_reserve_said(run, SAID_MAX) != 0)
        die("run_reserve_said");
    put((int64_t)n);
    for (size_t i = 0; i < n; i++) {
        struct said o = { .topic = { .key = key, .len = 1, .category = 1 }, .member = below(MEMBERS), .epoch = (uint32_t)(1 + below(2)), .seq = (uint64_t)(1 + below(3)), .hash = below(3) - 1,
                          .black = (uint8_t)(one_in(3) ? 0 : below(MASS_STEPS)), .white = (uint8_t)(one_in(2) ? 0 : below(MASS_STEPS)),
                          .time_s = t0 - edgy(40 * DAY_S) + (one_in(8) ? below(1200) : 0) };
        run->said[run->n++] = o;
        put(o.member); put(o.epoch); put((int64_t)o.seq); put(o.hash); put(o.black); put(o.white); put(o.time_s);
    }
    if (run_sort(run) != 0)
        die("run_sort");
    h->voices_n = 0;
    for (size_t i = 0; i < run->n; i++)
        if (i + 1 == run->n || !said_same_register(run_said(run, i), run_said(run, i + 1)))
            add_voice(h, run_said(run, i));
}

static void put_own(struct history *h)
{
    size_t n = (size_t)below(EVENTS_MAX + 1);
    h->has_own = n > 0;
    h->own = (struct evidence){ .time_s = 0 };
    put((int64_t)n);
    for (size_t i = 0; i < n; i++) {
        bool white = one_in(2);
        int64_t mass = 1000 * (1 + edgy(40000)), at_s = t0 - below(20 * DAY_S);
        put(white); put(mass); put(at_s);
        h->own = evidence_add(h->own, white ? 0 : mass, white ? mass : 0, h->half_life_s, h->ttl_s, at_s);
    }
}

static void history(struct history *h)
{
    static const int64_t half_lives[] = { 3 * DAY_S, 3 * DAY_S, 3600, 7 * DAY_S + 7, 60 };
    struct policy_zone z = { .white = one_in(4), .own = one_in(2), .threshold_micro = 100000 + edgy(1500000), .quorum = (unsigned)below(4) };
    size_t groups_n = (size_t)below(14);
    int64_t now_s = t0;
    bool was = false;
    h->half_life_s = half_lives[below(5)];
    h->ttl_s = one_in(4) ? 5 * DAY_S : 30 * DAY_S;
    printf("H");
    put(h->half_life_s); put(h->ttl_s); put(z.white); put(z.own); put(z.threshold_micro); put(z.quorum); put((int64_t)groups_n);
    put_trust(h);
    put_reliability(h);
    put_registers(h);
    put_own(h);
    printf(" =");
    for (int i = 0; i < MEMBERS; i++) {
        put(h->members[i].group);
        put(h->members[i].trust_micro);
    }
    put(h->own.black_micro); put(h->own.white_micro);
    for (int i = 0; i < LOOKS; i++) {
        struct score s = score_of(h->voices, h->voices_n, h->has_own ? &h->own : NULL, h->half_life_s, h->ttl_s, now_s);
        was = score_lists(&z, &s, groups_n, was);
        put(now_s); put(s.micro); put(s.groups); put(s.groups_white); put(s.own_micro); put(s.veto); put(s.contested); put(s.stood_micro); put(s.stood_groups); put(was);
        now_s += edgy(4 * DAY_S);
    }
    putchar('\n');
}

/* ---- cases: who is found right or wrong */

static void a_case(void)
{
    struct heard all[HEARD_MAX];
    size_t n = 1 + (size_t)below(HEARD_MAX);
    unsigned group = 0, quorum = 2 + (unsigned)below(3);
    int64_t now_s = t0 + 20 * DAY_S, turned_s = (below(3) - 1) * (now_s - edgy(15 * DAY_S)), event_s = now_s - edgy(2 * DAY_S);
    uint32_t trust = (uint32_t)edgy(MICRO);
    struct fading how = { HOUR_S + edgy(7 * DAY_S), DAY_S + edgy(29 * DAY_S) };
    int64_t came_s = now_s - edgy(2 * DAY_S), last_s = one_in(3) ? 0 : now_s + DAY_S - edgy(4 * DAY_S);
    printf("J");
    put((int64_t)n); put(turned_s); put(event_s); put(quorum); put(now_s); put(how.half_life_s); put(how.ttl_s); put(came_s); put(last_s);
    for (size_t i = 0; i < n; i++) {
        if (one_in(2)) {
            group++;
            trust = (uint32_t)edgy(MICRO);
        }
        struct heard *h = &all[i];
        *h = (struct heard){ .who = i, .group = group, .trust_micro = trust / (1 + (uint32_t)below(2)), .group_trust_micro = trust, .white_micro = (uint32_t)edgy(2 * MICRO),
                             .alive = !one_in(4), .since_s = (below(3) - 1) * (now_s - edgy(15 * DAY_S) / 60 * 60), .time_s = now_s - edgy(15 * DAY_S),
                             .told_black_micro = edgy(SCORE_R_MAX_MICRO), .told_white_micro = one_in(2) ? 0 : edgy(SCORE_R_MAX_MICRO),
                             .judged_s = one_in(2) ? 0 : now_s - edgy(15 * DAY_S) + (one_in(9) ? DAY_S : 0), .judged = (enum judged)(below(3) == 0 ? JUDGED_NOT : 2 + below(2)) };
        put(h->group); put(h->trust_micro); put(h->group_trust_micro); put(h->white_micro); put(h->alive); put(h->since_s); put(h->time_s); put(h->judged_s); put(h->judged);
        put(h->told_black_micro); put(h->told_white_micro);
    }
    struct own_word own = { turned_s, event_s };
    judge_reports(all, n, &own, quorum, now_s);
    try_reports(all, n, &how, came_s, quorum);
    bool white = false;
    uint32_t amount = 0;
    size_t first = n;
    while (first > 0 && all[first - 1].group == all[n - 1].group)
        first--;
    size_t root = one_in(2) ? first : n;                   /* of the last group: its first, or none of them */
    enum finding found = answers_for(all + first, n - first, root, &white, &amount);
    put((int64_t)root);
    printf(" =");
    for (size_t i = 0; i < n; i++) {
        put(all[i].found);
        put(all[i].amount_micro);
        put(all[i].seen);
        put(is_unseen(&all[i], &how, last_s, now_s));
    }
    put(found); put(white); put(amount);
    putchar('\n');
}

/* ---- counts over months, and what they give */

static void counts(void)
{
    struct counters c = { .time_s = 0 };
    size_t n = 1 + (size_t)below(STEPS_MAX);
    int64_t now_s = t0, black_n = edgy(5000), white_n = edgy(5000);
    printf("R");
    put(black_n); put(white_n); put((int64_t)n);
    for (size_t i = 0; i < n; i++) {
        int64_t kind = below(6), times = 1 + below(one_in(16) ? 200 : 4);
        now_s += one_in(6) ? -below(DAY_S) : edgy(60 * DAY_S);
        put(now_s); put(kind); put(times);
        counters_at(&c, now_s);
        for (int64_t k = 0; k < times; k++) {
            if (kind >= 4)
                counters_add_trial(&c, kind == 5);
            else
                counters_add(&c, kind < 2 ? FOUND_CONFIRMED : k % 2 == 0 ? FOUND_REFUTED : FOUND_REFUTED_BY_PEERS, kind % 2 == 1, kind < 2 || k % 2 == 0 ? MICRO : MICRO / 5);
        }
    }
    struct reliability r = reliability_of(&c, black_n, white_n);
    struct counters others[LIKE_MAX];
    struct measured shares[LIKE_MAX], useful[LIKE_MAX];
    size_t like = (size_t)below(LIKE_MAX + 1), counted = 0;
    put((int64_t)like);
    for (size_t i = 0; i < like; i++) {
        struct counters other = { .seen_micro = edgy(200) * MICRO, .unseen_micro = edgy(500) * MICRO };
        uint32_t trust = (uint32_t)edgy(MICRO);
        put(other.seen_micro); put(other.unseen_micro); put(trust);
        if (!is_measure(&other) || trust == 0)
            continue;
        others[counted] = other;
        shares[counted] = (struct measured){ borne_out_micro(&other), trust };
        useful[counted++].trust_micro = trust;
    }
    uint32_t usual = upper_quartile_micro(shares, counted);
    for (size_t i = 0; i < counted; i++)
        useful[i].value_micro = useful_micro(&others[i], usual);
    uint32_t quartile = upper_quartile_micro(useful, counted);
    printf(" =");
    put(usual); put(quartile); put(reliability_dampened(r.black_micro, &c, useful_micro(&c, usual), quartile));
    put(c.confirmed_micro); put(c.refuted_micro); put(c.seen_micro); put(c.unseen_micro); put(c.confirmed_white_micro); put(c.refuted_white_micro); put(c.time_s);
    put(r.black_micro); put(r.white_micro);
    putchar('\n');
}

/* ---- the circuit breaker */

static void breakers(void)
{
    struct breaker b = { .hour = 0 };
    size_t n = 4 + (size_t)below(12);
    int64_t now_s = t0, all[16][4];
    printf("B");
    put((int64_t)n);
    for (size_t i = 0; i < n; i++) {
        int64_t judged = below(30), refuted = below(5);
        now_s += one_in(10) ? -below(DAY_S) : one_in(6) ? edgy(110 * DAY_S) : below(12 * 3600);
        put(now_s); put(judged); put(refuted);
        for (int64_t k = 0; k < judged + refuted; k++)
            breaker_note(&b, k < refuted, now_s);
        all[i][0] = breaker_check(&b, now_s);
        all[i][1] = b.until_s;
        all[i][2] = b.times;
    }
    printf(" =");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 3; k++)
            put(all[i][k]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    struct history h = { .policy = policy_create() };
    if (argc != 3 || h.policy == NULL)
        die("usage: model_cases SEED COUNT");
    state = seeded(strtoull(argv[1], NULL, 10));
    h.policy->members = calloc(MEMBERS, sizeof *h.policy->members);
    if (h.policy->members == NULL)
        die("out of memory");
    for (unsigned long i = 0, n = strtoul(argv[2], NULL, 10); i < n; i++) {
        if (i % 64 == 63)
            breakers();
        else if (i % 16 == 7)
            counts();
        else if (i % 4 == 2)
            a_case();
        else
            history(&h);
    }
    run_clear(&h.run);
    policy_destroy(&h.policy);
    return 0;
}
