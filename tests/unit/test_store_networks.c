/* Networks in the store: they come and go with the listings of their addresses, for every reader alike, and a check of the whole finds what is not so. */
#include "store_world.h"

#include <sqlite3.h>

#include "proto/protect.h"

/* ---- a world in which zone 0 lists networks */

static void networks_policy(struct world *w)
{
    w->policy->zones[0].networks = true;
    w->policy->zones[0].network_addresses = 5;
}

static void create(struct world *w)
{
    world_prepare(w);
    networks_policy(w);
    world_open(w);
}

static uint64_t seqs[WORLD_MEMBERS];

static void say(struct world *w, size_t member, const char *subject, unsigned black, unsigned white, int64_t now_s)
{
    struct saying says = { subject, WORLD_SAY, black, white, now_s - now_s % 600 };
    struct store_batch b = world_batch(w, member, ++seqs[member], now_s, &says, 1);
    assert_int_equal(store_add_batches(w->store, &b, 1, now_s), 0);
    world_free_batch(&b);
    world_fold(w, now_s);
}

/* Members 1 and 2 speak of so many addresses of 192.0.2.0/24, from this last octet on. */
static void list_some(struct world *w, unsigned first, unsigned n, int64_t now_s)
{
    char text[32];
    for (unsigned i = 0; i < n; i++) {
        snprintf(text, sizeof text, "192.0.2.%u", first + i);
        say(w, 1, text, 8, 0, now_s);
        say(w, 2, text, 8, 0, now_s);
    }
}

static void except(struct world *w, enum exception_kind kind, const char *subject, int64_t now_s, int64_t until_s)
{
    struct exception e = { .kind = kind, .subject = world_subject(subject), .time_s = now_s, .until_s = until_s, .who = "test" };
    assert_int_equal(store_add_exception(w->store, &e, now_s), 0);
    world_fold(w, now_s);
}

/* ---- what readers see */

struct listed { char text[512]; };

static int add_network(void *ctx, const struct listing *l)
{
    struct listed *to = ctx;
    char subject[SUBJECT_TEXT_MAX];
    if (l->network)
        snprintf(to->text + strlen(to->text), sizeof to->text - strlen(to->text), "%s %u/%u/%u;", subject_text(&l->subject, subject), l->addresses, l->groups, l->innocents);
    return 0;
}

/* "PREFIX addresses/groups/innocents;" of each network. */
static void assert_networks(struct world *w, const char *want)
{
    struct listed got = { "" };
    struct reader *r = world_reader(w);
    assert_int_equal(reader_list(r, -1, 0, add_network, &got), 0);
    reader_close(&r);
    assert_string_equal(got.text, want);
}

static char problems[2048];

static void keep_problem(void *ctx, const char *text)
{
    size_t len = strlen(problems);
    (void)ctx;
    snprintf(problems + len, sizeof problems - len, "%s\n", text);
}

static uint64_t verify(struct world *w, int64_t now_s)
{
    struct reader *r = world_reader(w);
    uint64_t n = 0;
    problems[0] = '\0';
    assert_int_equal(reader_verify(r, now_s, keep_problem, NULL, NULL, &n), 0);
    reader_close(&r);
    return n;
}

static void assert_sound(struct world *w, int64_t now_s)
{
    if (verify(w, now_s) != 0)
        fail_msg("%s", problems);
}

/* ---- claims */

static void a_neighbour_of_enough_listed_addresses_is_black(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 1, 4, T0);
    assert_int_equal(world_check(&w, "192.0.2.6"), VERDICT_UNKNOWN);
    list_some(&w, 7, 1, T0);
    assert_networks(&w, "192.0.2.0/29 5/2/0;");
    assert_int_equal(world_check(&w, "192.0.2.6"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "192.0.2.8"), VERDICT_UNKNOWN);
    assert_sound(&w, T0);
    world_destroy(&w);
}

static void a_neighbour_64_of_enough_listed_ones_is_black(void **state)
{
    struct world w;
    char text[48];
    (void)state;
    create(&w);
    for (unsigned i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "2001:db8:7:%x::25", i * 0x10);
        say(&w, 1, text, 8, 0, T0);
        say(&w, 3, text, 8, 0, T0);
    }
    assert_networks(&w, "2001:db8:7::/57 5/2/0;");
    assert_int_equal(world_check(&w, "2001:db8:7:7f::1"), VERDICT_BLACK);
    assert_int_equal(world_check(&w, "2001:db8:7:80::1"), VERDICT_UNKNOWN);
    assert_int_equal(world_check(&w, "2001:db8:8::1"), VERDICT_UNKNOWN);
    assert_sound(&w, T0);
    world_destroy(&w);
}

static void a_flood_of_one_member_lists_no_network(void **state)
{
    struct world w;
    char text[32];
    (void)state;
    create(&w);
    for (unsigned i = 0; i < 64; i++) {
        snprintf(text, sizeof text, "192.0.2.%u", i);
        say(&w, 1, text, 8, 0, T0);
    }
    say(&w, 2, "192.0.2.1", 8, 0, T0);
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_BLACK);
    assert_networks(&w, "");
    assert_sound(&w, T0);
    world_destroy(&w);
}

static void own_evidence_is_one_group(void **state)
{
    struct world w;
    char text[32];
    (void)state;
    create(&w);
    for (unsigned i = 0; i < 6; i++) {
        snprintf(text, sizeof text, "192.0.2.%u", i);
        world_report(&w, REQUEST_BLACK, text, 0, 1, T0);
    }
    world_fold(&w, T0);
    assert_networks(&w, "");
    for (unsigned i = 0; i < 5; i++) {
        snprintf(text, sizeof text, "192.0.2.%u", i);
        say(&w, 1, text, 8, 0, T0);
    }
    assert_networks(&w, "192.0.2.0/29 5/2/0;");
    assert_sound(&w, T0);
    world_destroy(&w);
}

static void own_good_mail_of_a_neighbour_ends_it(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 16, T0);
    list_some(&w, 24, 8, T0);
    assert_networks(&w, "192.0.2.0/27 24/2/0;");
    world_report(&w, REQUEST_WHITE, "192.0.2.20", 0, 1, T0);
    world_fold(&w, T0);
    assert_networks(&w, "192.0.2.0/28 16/2/1;192.0.2.24/29 8/2/1;");
    assert_int_equal(world_check(&w, "192.0.2.20"), VERDICT_WHITE);
    assert_int_equal(world_check(&w, "192.0.2.21"), VERDICT_UNKNOWN);
    assert_sound(&w, T0);
    /* It is innocent for as long as this member remembers it, however faint. */
    int64_t later_s = T0 + 12 * WORLD_DAY;
    list_some(&w, 0, 16, later_s);
    list_some(&w, 24, 8, later_s);
    assert_networks(&w, "192.0.2.0/28 16/2/1;192.0.2.24/29 8/2/1;");
    assert_sound(&w, later_s);
    world_destroy(&w);
}

/* Too little for any white zone. */
static void a_little_own_good_mail_is_enough_to_end_it(void **state)
{
    struct world w;
    struct store_report little = { .verb = REQUEST_WHITE, .count = 1, .weight_milli = 500, .subject = world_subject("192.0.2.6") };
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    assert_networks(&w, "192.0.2.0/29 5/2/0;");
    assert_int_equal(store_add_reports(w.store, &little, 1, T0), 0);
    world_fold(&w, T0);
    assert_int_equal(world_check(&w, "192.0.2.6"), VERDICT_UNKNOWN);
    assert_networks(&w, "192.0.2.0/30 4/2/1;");
    assert_sound(&w, T0);
    world_destroy(&w);
}

static size_t changes_of(struct world *w, const char *subject)
{
    struct listing_change *c;
    struct subject s = world_subject(subject);
    size_t n, found_n = 0;
    assert_int_equal(store_take_changes(w->store, &c, &n), 0);
    for (size_t i = 0; i < n; i++)
        found_n += c[i].zone == 0 && c[i].subject.len == s.len && memcmp(c[i].subject.key, s.key, s.len) == 0;
    free(c);
    return found_n;
}

static void a_prefix_that_is_listed_twice_ends_for_its_zone_with_the_second(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    assert_int_equal(changes_of(&w, "192.0.2.0/29"), 1);
    say(&w, 1, "192.0.2.0/29", 8, 0, T0);
    assert_int_equal(changes_of(&w, "192.0.2.0/29"), 1);
    say(&w, 1, "192.0.2.0/29", 0, 0, T0);
    assert_int_equal(changes_of(&w, "192.0.2.0/29"), 0);
    assert_int_equal(world_check(&w, "192.0.2.6"), VERDICT_BLACK);
    except(&w, EXCEPTION_DELIST, "192.0.2.6", T0, T0 + WORLD_HOUR);
    assert_int_equal(changes_of(&w, "192.0.2.0/29"), 1);
    world_destroy(&w);
}

static void the_good_word_of_one_member_does_not_stop_it(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 6, T0);
    say(&w, 3, "192.0.2.7", 0, 8, T0);
    list_some(&w, 8, 1, T0);
    assert_networks(&w, "192.0.2.0/28 7/2/0;");
    say(&w, 4, "192.0.2.7", 0, 8, T0);
    assert_networks(&w, "192.0.2.0/30 4/2/1;");
    assert_sound(&w, T0);
    world_destroy(&w);
}

static void a_good_prefix_around_the_whole_stops_it(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 8, T0);
    assert_networks(&w, "192.0.2.0/29 8/2/0;");
    world_report(&w, REQUEST_WHITE, "192.0.2.0/23", 0, 1, T0);
    world_fold(&w, T0);
    assert_networks(&w, "");
    assert_sound(&w, T0);
    world_report(&w, REQUEST_RETRACT, "192.0.2.0/23", 0, 1, T0 + 60);
    world_fold(&w, T0 + 60);
    assert_networks(&w, "192.0.2.0/29 8/2/0;");
    assert_sound(&w, T0 + 60);
    world_destroy(&w);
}

static void a_delisted_neighbour_is_let_out_and_comes_back_by_time(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 6, T0);
    list_some(&w, 9, 3, T0);
    assert_networks(&w, "192.0.2.0/28 9/2/0;");
    except(&w, EXCEPTION_DELIST, "192.0.2.7", T0, T0 + WORLD_HOUR);
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    assert_networks(&w, "192.0.2.0/30 4/2/0;192.0.2.8/30 3/2/0;");
    assert_sound(&w, T0);
    world_fold(&w, T0 + WORLD_HOUR);
    assert_networks(&w, "192.0.2.0/28 9/2/0;");
    except(&w, EXCEPTION_PROTECT, "192.0.2.0/24", T0 + WORLD_HOUR, 0);
    assert_networks(&w, "");
    assert_int_equal(world_check(&w, "192.0.2.1"), VERDICT_UNKNOWN);
    assert_sound(&w, T0 + WORLD_HOUR);
    except(&w, EXCEPTION_LIFT, "192.0.2.0/24", T0 + WORLD_HOUR, 0);
    assert_networks(&w, "192.0.2.0/28 9/2/0;");
    assert_sound(&w, T0 + WORLD_HOUR);
    world_destroy(&w);
}

static void a_protected_address_of_the_configuration_is_never_within(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 6, T0);
    list_some(&w, 8, 6, T0);
    assert_networks(&w, "192.0.2.0/28 12/2/0;");
    assert_int_equal(protect_add(w.policy->protect, "192.0.2.6"), 0);
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_fold(&w, T0);
    assert_networks(&w, "192.0.2.0/30 4/2/0;192.0.2.8/29 6/2/0;");
    assert_sound(&w, T0);
    world_destroy(&w);
}

static void time_alone_ends_it(void **state)
{
    struct world w;
    int64_t now_s = T0;
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    struct reader *r = world_reader(&w);
    struct subject_info info;
    struct subject neighbour = world_subject("192.0.2.6");
    assert_int_equal(reader_info(r, &neighbour, T0, &info), 0);
    reader_close(&r);
    assert_int_equal(info.state, VERDICT_BLACK);
    assert_int_equal(info.categories, 1);
    assert_true(info.until_s > T0 && info.until_s < T0 + 30 * WORLD_DAY);
    world_fold(&w, info.until_s - 60);
    assert_int_equal(world_check(&w, "192.0.2.6"), VERDICT_BLACK);
    assert_sound(&w, info.until_s - 60);
    now_s = info.until_s;
    world_fold(&w, now_s);
    assert_int_equal(world_check(&w, "192.0.2.6"), VERDICT_UNKNOWN);
    assert_networks(&w, "");
    assert_sound(&w, now_s);
    world_destroy(&w);
}

static void it_shrinks_when_its_addresses_are_withdrawn(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    list_some(&w, 200, 1, T0);
    assert_networks(&w, "192.0.2.0/24 6/2/0;");
    say(&w, 1, "192.0.2.200", 0, 0, T0 + 60);
    say(&w, 2, "192.0.2.200", 0, 0, T0 + 60);
    assert_networks(&w, "192.0.2.0/29 5/2/0;");
    say(&w, 1, "192.0.2.0", 0, 0, T0 + 120);
    say(&w, 2, "192.0.2.0", 0, 0, T0 + 120);
    assert_networks(&w, "192.0.2.0/29 4/2/0;");
    assert_sound(&w, T0 + 120);
    world_destroy(&w);
}

static void it_goes_when_it_is_switched_off_and_comes_back(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    w.policy->zones[0].networks = false;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_fold(&w, T0);
    assert_networks(&w, "");
    assert_sound(&w, T0);
    w.policy->zones[0].networks = true;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    world_fold(&w, T0);
    assert_networks(&w, "192.0.2.0/29 5/2/0;");
    assert_sound(&w, T0);
    world_reopen(&w);
    world_fold(&w, T0);
    assert_networks(&w, "192.0.2.0/29 5/2/0;");
    world_destroy(&w);
}

static void purging_one_of_two_groups_ends_it(void **state)
{
    struct world w;
    uint64_t n;
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    assert_int_equal(store_purge(w.store, w.records[2].root, T0, &n), 0);
    world_fold(&w, T0);
    assert_networks(&w, "");
    assert_sound(&w, T0);
    world_destroy(&w);
}

static void why_says_how_many_of_which_groups(void **state)
{
    struct world w;
    struct why y = { 0 };
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    world_report(&w, REQUEST_WHITE, "192.0.2.77", 0, 1, T0);
    world_fold(&w, T0);
    struct reader *r = world_reader(&w);
    struct subject network = world_subject("192.0.2.0/29"), neighbour = world_subject("192.0.2.6");
    assert_int_equal(reader_why(r, &network, T0, &y), 0);
    assert_int_equal(y.networks_n, 1);
    assert_int_equal(y.networks[0].addresses, 5);
    assert_int_equal(y.networks[0].groups, 2);
    assert_int_equal(y.networks[0].innocents, 1);
    assert_int_equal(y.networks[0].first_n, 5);
    why_clear(&y);
    assert_int_equal(reader_why(r, &neighbour, T0, &y), 0);
    assert_memory_equal(y.wider.key, network.key, network.len);
    why_clear(&y);
    reader_close(&r);
    world_destroy(&w);
}

static int count_supposed(void *ctx, const struct supposed *s)
{
    unsigned *n = ctx;
    n[s->listed] += s->addresses > 0;
    return 0;
}

static void what_if_tells_of_networks_that_would_begin_or_end(void **state)
{
    struct world w;
    unsigned n[2] = { 0, 0 };
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    struct policy *p = policy_copy(w.policy);
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_what_if(r, T0, count_supposed, n), 0);
    assert_int_equal(n[0] + n[1], 0);
    p->members[1].trust_micro = 0;                 /* the second of the two groups */
    assert_int_equal(reader_set_policy(r, p), 0);
    assert_int_equal(reader_what_if(r, T0, count_supposed, n), 0);
    assert_int_equal(n[0], 1);
    p->members[1].trust_micro = MICRO;
    p->zones[0].network_addresses = 3;
    assert_int_equal(reader_set_policy(r, p), 0);
    assert_int_equal(reader_what_if(r, T0, count_supposed, n), 0);
    assert_int_equal(n[1], 0);
    policy_destroy(&p);
    reader_close(&r);
    world_destroy(&w);
}

/* ---- verify sees what is wrong */

static void change(const struct world *w, const char *sql)
{
    sqlite3 *d;
    assert_int_equal(sqlite3_open(w->path, &d), SQLITE_OK);
    assert_int_equal(sqlite3_exec(d, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(d);
}

static void assert_found(struct world *w, const char *sql, const char *words)
{
    change(w, sql);
    assert_true(verify(w, T0) > 0);
    if (strstr(problems, words) == NULL)
        fail_msg("%s, want %s", problems, words);
}

static void verify_finds_a_network_that_is_not_as_its_listings_ask(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    store_close(&w.store);
    assert_found(&w, "UPDATE network SET addresses = 6", "not of as many addresses");
    assert_found(&w, "UPDATE network SET addresses = 5, subject = x'04c00002001a'", "do not uphold it");
    assert_found(&w, "DELETE FROM network", "addresses ask for it");
    assert_found(&w, "UPDATE listing SET said_by = 1", "not what its opinions give");
    world_destroy(&w);
}

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

static int setup(void **state)
{
    (void)state;
    memset(seqs, 0, sizeof seqs);
    return 0;
}

#define claim(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        claim(a_neighbour_of_enough_listed_addresses_is_black),
        claim(a_neighbour_64_of_enough_listed_ones_is_black),
        claim(a_flood_of_one_member_lists_no_network),
        claim(own_evidence_is_one_group),
        claim(own_good_mail_of_a_neighbour_ends_it),
        claim(a_little_own_good_mail_is_enough_to_end_it),
        claim(a_prefix_that_is_listed_twice_ends_for_its_zone_with_the_second),
        claim(the_good_word_of_one_member_does_not_stop_it),
        claim(a_good_prefix_around_the_whole_stops_it),
        claim(a_delisted_neighbour_is_let_out_and_comes_back_by_time),
        claim(a_protected_address_of_the_configuration_is_never_within),
        claim(time_alone_ends_it),
        claim(it_shrinks_when_its_addresses_are_withdrawn),
        claim(it_goes_when_it_is_switched_off_and_comes_back),
        claim(purging_one_of_two_groups_ends_it),
        claim(why_says_how_many_of_which_groups),
        claim(what_if_tells_of_networks_that_would_begin_or_end),
        claim(verify_finds_a_network_that_is_not_as_its_listings_ask),
        claim(after_any_history_networks_are_what_the_listings_ask_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
