/* Attacks against the real store: what a coalition of 30 members and insiders who lie say in 30 days, hour by hour, is signed, stored and folded; what of it the
 * store lists is counted beside other rules over the same words.
 * Usage: bench_trust DIRECTORY [--quick] [--mode hours|days] [--seeds N] [--first SEED] [SCENARIO...]
 *
 * hours: visits, words and lies fall into hours of the day and are worked in hour by hour. A visit is looked up in the list as it was at the beginning of its hour;
 *        of victims counted are the hours that they are listed.
 * days:  all of a day comes at once: first what others say, then the list is looked at, then what this member saw, from which it learns. As the
 *        reference does it.
 * Prints a line of JSON for each scenario, seed and rule. */
#include "store/own.h"
#include "tests/bench/bench.h"
#include "tests/bench/trust_rules.h"
#include "tests/bench/trust_store.h"

enum { DAY_S = 86400, HOUR_S = 3600, LATER_DAY = 10 };
static const int64_t start_s = INT64_C(20717) * DAY_S;

/* Days 0, 1 to 9, and from 10 on. */
enum period { FIRST_DAY, EARLY, LATER, PERIODS };
struct tally {
    long victims, victims_listed;      /* looks at victims */
    long wanted, wanted_listed;        /* at the bad hosts that are lied about */
    long bad, bad_listed, good, good_listed;               /* visits to this member */
};

struct play {
    struct world world;
    struct trust_store *store;
    struct rules rules;
    struct own_row *rows;              /* of each host, of each honest member: what he saw, and what of it he told */
    struct tally tally[RULE_N][PERIODS];
    bool by_hour;
};

static enum period period_of(int day)
{
    return day == 0 ? FIRST_DAY : day < LATER_DAY ? EARLY : LATER;
}

/* ---- looking */

static void judge(struct play *p, uint32_t host, int64_t now_s, bool lists[RULE_N])
{
    rules_judge(&p->rules, host, now_s, lists);
    lists[RULE_STORE] = trust_store_lists(p->store, host);
}

static void look_at_visit(struct play *p, uint32_t host, enum period period, int64_t now_s)
{
    bool lists[RULE_N];
    judge(p, host, now_s, lists);
    for (int rule = 0; rule < RULE_N; rule++) {
        struct tally *t = &p->tally[rule][period];
        bool bad = world_is_bad(&p->world, host);
        *(bad ? &t->bad : &t->good) += 1;
        *(bad ? &t->bad_listed : &t->good_listed) += lists[rule];
    }
}

static void look_at_victims(struct play *p, enum period period, int64_t now_s)
{
    bool lists[RULE_N];
    for (size_t i = 0; i < p->world.victims_n; i++) {
        judge(p, p->world.victims[i], now_s, lists);
        for (int rule = 0; rule < RULE_N; rule++) {
            p->tally[rule][period].victims++;
            p->tally[rule][period].victims_listed += lists[rule];
        }
    }
}

static void look_at_wanted(struct play *p, enum period period, int64_t now_s)
{
    bool lists[RULE_N];
    for (uint32_t host = 0; host < WORLD_WANTED && world_is_bad(&p->world, host); host++) {
        judge(p, host, now_s, lists);
        for (int rule = 0; rule < RULE_N; rule++) {
            p->tally[rule][period].wanted++;
            p->tally[rule][period].wanted_listed += lists[rule];
        }
    }
}

/* ---- saying */

static void tell(struct play *p, int member, uint32_t host, unsigned black, unsigned white, int64_t time_s)
{
    trust_store_say(p->store, member, host, black, white, time_s);
    *rules_register(&p->rules, host, member) = (struct evidence){
        .black_micro = (int64_t)mass_of_step(black) * 1000, .white_micro = (int64_t)mass_of_step(white) * 1000,
        .time_s = time_s - time_s % OPINION_TIME_STEP_S };
}

static void lie(struct play *p, const struct sight *s, int64_t now_s)
{
    unsigned black = s->black == WORLD_LIE ? mass_step(UINT64_MAX) : mass_step((uint64_t)s->black * MICRO);
    unsigned white = s->white == WORLD_LIE ? mass_step(UINT64_MAX) : mass_step((uint64_t)s->white * MICRO);
    tell(p, s->member, s->host, black, white, now_s);
}

/* An honest member tells as the store has it: only when the others would see a difference. */
static void see(struct play *p, const struct sight *s, int64_t now_s)
{
    struct own_row *row = &p->rows[(size_t)s->host * WORLD_HONEST_MAX + s->member];
    const struct policy *policy = trust_store_policy(p->store);
    row->evidence = evidence_add(row->evidence, (int64_t)s->black * MICRO, (int64_t)s->white * MICRO, RULES_HALF_LIFE_S, RULES_TTL_S, now_s);
    own_judge(row, policy, 0, now_s);
    if (row->urgency == URGENCY_NONE)
        return;
    row->told_black = mass_step((uint64_t)row->evidence.black_micro);
    row->told_white = mass_step((uint64_t)row->evidence.white_micro);
    row->told_time_s = now_s - now_s % OPINION_TIME_STEP_S;
    row->waiting_s = 0;
    tell(p, s->member, s->host, row->told_black, row->told_white, now_s);
}

static void see_ourselves(struct play *p, const struct sight *s, int64_t now_s)
{
    struct evidence *own = &p->rules.own[s->host];
    if (s->black + s->white == 0)
        return;
    trust_store_report(p->store, s->host, s->black, s->white, now_s);
    *own = evidence_add(*own, (int64_t)s->black * MICRO, (int64_t)s->white * MICRO, RULES_HALF_LIFE_S, RULES_TTL_S, now_s);
    rules_learn(&p->rules, s->host, now_s);
}

static void others_say(struct play *p, const struct sight *s, size_t n, int64_t now_s)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i].lie)
            lie(p, &s[i], now_s);
        else if (s[i].member > 0 && s[i].black + s[i].white > 0)
            see(p, &s[i], now_s);
    }
}

/* ---- days */

/* The visits of an hour are looked up in the list that the hour before has left. */
static void play_hour(struct play *p, enum period period, const struct sight *s, size_t n, int64_t now_s)
{
    for (size_t i = 0; i < n; i++)
        if (s[i].member == 0)
            look_at_visit(p, s[i].host, period, now_s);
    for (size_t i = 0; i < n; i++)
        if (s[i].member == 0)
            see_ourselves(p, &s[i], now_s + HOUR_S / 2);
    others_say(p, s, n, now_s + HOUR_S - 60);
    trust_store_pass(p->store, now_s + HOUR_S - 60);
    look_at_victims(p, period, now_s + HOUR_S - 60);
}

static void play_hours(struct play *p, int day)
{
    const struct world *w = &p->world;
    size_t at = 0;
    for (int hour = 0; hour < 24; hour++) {
        size_t n = 0;
        while (at + n < w->today_n && w->today[at + n].hour == hour)
            n++;
        play_hour(p, period_of(day), w->today + at, n, start_s + day * DAY_S + hour * HOUR_S);
        at += n;
    }
    look_at_wanted(p, period_of(day), start_s + (day + 1) * DAY_S - 60);
}

static void play_day(struct play *p, int day)
{
    const struct world *w = &p->world;
    int64_t now_s = start_s + day * DAY_S + 12 * HOUR_S;
    others_say(p, w->today, w->today_n, now_s);
    trust_store_pass(p->store, now_s);
    for (size_t i = 0; i < w->today_n; i++)
        if (w->today[i].member == 0)
            look_at_visit(p, w->today[i].host, period_of(day), now_s);
    look_at_victims(p, period_of(day), now_s);
    look_at_wanted(p, period_of(day), now_s);
    for (size_t i = 0; i < w->today_n; i++)
        if (w->today[i].member == 0)
            see_ourselves(p, &w->today[i], now_s + HOUR_S);
    for (int hour = 1; hour < 4; hour++)
        trust_store_pass(p->store, now_s + hour * HOUR_S);
}

/* ---- the whole */

static void say(const struct play *p, uint64_t seed)
{
    static const char *const periods[PERIODS] = { "first", "early", "later" };
    for (int rule = 0; rule < RULE_N; rule++) {
        printf("{\"mode\": \"%s\", \"scenario\": \"%s\", \"seed\": %llu, \"rule\": \"%s\"", p->by_hour ? "hours" : "days", p->world.scenario->name,
               (unsigned long long)seed, rule_names[rule]);
        for (int period = 0; period < PERIODS; period++) {
            const struct tally *t = &p->tally[rule][period];
            printf(", \"%s\": {\"victims\": [%ld, %ld], \"wanted\": [%ld, %ld], \"bad\": [%ld, %ld], \"good\": [%ld, %ld]}", periods[period],
                   t->victims_listed, t->victims, t->wanted_listed, t->wanted, t->bad_listed, t->bad, t->good_listed, t->good);
        }
        printf("}\n");
    }
    fflush(stdout);
}

static void play(const char *dir, const struct scenario *s, struct world_size size, bool by_hour, uint64_t seed)
{
    static struct play p;
    memset(&p, 0, sizeof p);
    p.by_hour = by_hour;
    world_create(&p.world, s, size, seed);
    p.store = trust_store_open(dir, &p.world, start_s);
    p.rows = calloc((size_t)p.world.hosts_n * WORLD_HONEST_MAX, sizeof *p.rows);
    if (p.rows == NULL)
        bench_die("play", "out of memory");
    rules_create(&p.rules, &p.world, trust_store_tau(p.store), trust_store_groups(p.store));
    for (int day = 0; day < size.days; day++) {
        world_day(&p.world, day);
        rules_day(&p.rules);
        (by_hour ? play_hours : play_day)(&p, day);
    }
    say(&p, seed);
    rules_clear(&p.rules);
    free(p.rows);
    trust_store_close(&p.store);
    world_clear(&p.world);
}

struct options { const char *dir; bool quick, hours, days; uint64_t seeds, first; char **names; int names_n; };

static struct options read_options(int argc, char **argv)
{
    struct options o = { .dir = argc > 1 ? argv[1] : NULL, .hours = true, .days = true, .seeds = 1, .first = 1 };
    int i = 2;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--quick") == 0) {
            o.quick = true;
            continue;
        }
        if (strcmp(argv[i], "--mode") == 0) {
            o.hours = strcmp(value, "hours") == 0;
            o.days = strcmp(value, "days") == 0;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            o.seeds = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--first") == 0) {
            o.first = strtoull(value, NULL, 10);
        } else {
            bench_die(argv[i], "no such option");
        }
        i++;
    }
    if (o.dir == NULL || (!o.hours && !o.days) || o.seeds == 0)
        bench_die("usage", "bench_trust DIRECTORY [--quick] [--mode hours|days] [--seeds N] [--first SEED] [SCENARIO...]");
    o.names = argv + i;
    o.names_n = argc - i;
    return o;
}

static bool wanted(const struct options *o, const struct scenario *s)
{
    for (int i = 0; i < o->names_n; i++)
        if (strcmp(o->names[i], s->name) == 0)
            return true;
    return o->names_n == 0;
}

int main(int argc, char **argv)
{
    struct options o = read_options(argc, argv);
    struct world_size size = { .honest = 30, .bad = 1200, .good = 800, .days = 30 };
    if (o.quick)
        size = (struct world_size){ .honest = 30, .bad = 100, .good = 150, .days = 11 };
    for (uint64_t seed = o.first; seed < o.first + o.seeds; seed++)
        for (size_t i = 0; i < scenarios_n; i++) {
            if (wanted(&o, &scenarios[i]) && o.days)
                play(o.dir, &scenarios[i], size, false, seed);
            if (wanted(&o, &scenarios[i]) && o.hours)
                play(o.dir, &scenarios[i], size, true, seed);
        }
    return 0;
}
