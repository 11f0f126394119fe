/* Networks after random histories: whatever was said, retracted, excepted, configured, forgotten, they are what a full recomputation gives, and the zones were told so. */
#include "networks_world.h"
#include "tests/seed.h"

/* ---- random histories */

static uint64_t seed = 88172645463325252u;

static unsigned random_to(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % n);
}

static const char *random_subject(char text[48])
{
    switch (random_to(16)) {
    case 0: return "192.0.2.0/29";
    case 1: return "192.0.2.0/28";
    case 2: return random_to(4) == 0 ? "192.0.2.0/23" : "192.0.2.16/28";
    case 3: return "host.bad.example";
    case 4: case 5: case 6: case 7:
        snprintf(text, 48, "2001:db8:%x:%x::/64", random_to(2), random_to(10));
        return text;
    default:
        snprintf(text, 48, "%s.%u", random_to(4) == 0 ? "198.51.100" : "192.0.2", random_to(3) == 0 ? random_to(24) : random_to(8));
        return text;
    }
}

/* What the zones were told, against what readers see. */
enum { MIRROR_MAX = 400 };
struct mirror { struct listing_change at[MIRROR_MAX]; size_t n, seen_n; };

static struct listing_change *find_in(struct mirror *m, int zone, int category, const struct subject *s)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->at[i].zone == zone && m->at[i].category == category && m->at[i].subject.len == s->len && memcmp(m->at[i].subject.key, s->key, s->len) == 0)
            return &m->at[i];
    return NULL;
}

static void take_changes(struct world *w, struct mirror *m)
{
    struct listing_change *c;
    size_t n;
    assert_int_equal(store_take_changes(w->store, &c, &n), 0);
    for (size_t i = 0; i < n; i++) {
        struct listing_change *known = find_in(m, c[i].zone, c[i].category, &c[i].subject);
        if (known == NULL)
            known = &m->at[m->n++];
        assert_true(m->n < MIRROR_MAX);
        *known = c[i];
    }
    free(c);
}

static int see_listing(void *ctx, const struct listing *l)
{
    struct mirror *m = ctx;
    struct listing_change *known = find_in(m, l->zone, l->category, &l->subject);
    char text[SUBJECT_TEXT_MAX];
    if (known == NULL || !known->listed)
        fail_msg("%s is listed, but its zone was not told so", subject_text(&l->subject, text));
    known->listed = false;                     /* seen; a prefix may be listed by itself and as a network */
    m->seen_n++;
    return 0;
}

static int see_listing_once(void *ctx, const struct listing *l)
{
    struct mirror *m = ctx;
    struct listing_change *known = find_in(m, l->zone, l->category, &l->subject);
    if (known != NULL && !known->listed && known->subject.len == l->subject.len && l->network)
        return 0;
    return see_listing(ctx, l);
}

static void assert_mirrored(struct world *w, const struct mirror *told)
{
    static struct mirror m;
    char text[SUBJECT_TEXT_MAX];
    m = *told;
    struct reader *r = world_reader(w);
    assert_int_equal(reader_list(r, -1, 0, see_listing_once, &m), 0);
    reader_close(&r);
    for (size_t i = 0; i < m.n; i++)
        if (m.at[i].listed)
            fail_msg("the zone was told of %s, which is not listed", subject_text(&m.at[i].subject, text));
}

static void do_something(struct world *w, int64_t now_s)
{
    char text[48];
    const char *subject = random_subject(text);
    unsigned what = random_to(40);
    if (what < 30)
        say(w, 1 + random_to(WORLD_MEMBERS - 1), subject, random_to(8) == 0 ? 0 : 1 + random_to(MASS_STEPS - 1), random_to(16) == 0 ? random_to(MASS_STEPS) : 0, now_s);
    else if (what < 34)
        world_report(w, random_to(4) > 0 ? REQUEST_BLACK : random_to(4) > 0 ? REQUEST_RETRACT : REQUEST_WHITE, subject, (int)random_to(2), 1, now_s);
    else if (what == 34)
        except(w, EXCEPTION_DELIST, subject, now_s, now_s + 60 * random_to(300));
    else if (what == 35)
        except(w, random_to(8) == 0 ? EXCEPTION_PROTECT : EXCEPTION_LIFT, subject, now_s, 0);
    else if (what == 36) {
        w->policy->zones[0].networks = random_to(8) > 0;
        w->policy->zones[0].network_addresses = 3 + random_to(3);
        w->policy->zones[0].network_groups = random_to(3);
        assert_int_equal(store_set_policy(w->store, w->policy, now_s), 0);
    } else if (what == 37)
        world_reopen(w);
}

static void history(unsigned steps, size_t *networks_n)
{
    static struct mirror mirror;
    struct world w;
    int64_t now_s = T0;
    memset(seqs, 0, sizeof seqs);
    memset(&mirror, 0, sizeof mirror);
    create(&w);
    for (unsigned step = 0; step < steps; step++) {
        for (unsigned i = 0; i < 4; i++) {
            take_changes(&w, &mirror);
            do_something(&w, now_s);
        }
        if (random_to(3) == 0)
            now_s += random_to(40) == 0 ? (int64_t)random_to(5 * WORLD_DAY) : (int64_t)random_to(WORLD_HOUR);
        world_fold(&w, now_s);
        take_changes(&w, &mirror);
        if (step % 8 != 0)
            continue;
        struct store_counts counts;
        struct reader *r = world_reader(&w);
        assert_int_equal(reader_counts(r, &counts), 0);
        reader_close(&r);
        *networks_n += counts.networks;
        assert_sound(&w, now_s);
        assert_mirrored(&w, &mirror);
    }
    world_destroy(&w);
}

static void after_any_history_networks_are_what_the_listings_ask_for(void **state)
{
    size_t networks_n = 0;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        history(200, &networks_n);
    assert_true(networks_n > 50);
}

int main(void)
{
    seed = seeded(seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_any_history_networks_are_what_the_listings_ask_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
