/* Networks in the store: they come and go with the listings of their addresses, for every reader alike, and a check of the whole finds what is not so. */
#include "networks_world.h"

#include <sqlite3.h>

#include "proto/protect.h"

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
    struct supposed_kept kept;
    (void)state;
    create(&w);
    list_some(&w, 0, 5, T0);
    struct policy *p = policy_copy(w.policy);
    struct reader *r = world_reader(&w);
    assert_int_equal(reader_what_if(r, &(struct supposing){ .now_s = T0 }, count_supposed, n, &kept), 0);
    assert_int_equal(n[0] + n[1], 0);
    p->members[1].trust_micro = 0;                 /* the second of the two groups */
    assert_int_equal(reader_set_policy(r, p), 0);
    assert_int_equal(reader_what_if(r, &(struct supposing){ .now_s = T0 }, count_supposed, n, &kept), 0);
    assert_int_equal(n[0], 1);
    p->members[1].trust_micro = MICRO;
    p->zones[0].network_addresses = 3;
    assert_int_equal(reader_set_policy(r, p), 0);
    assert_int_equal(reader_what_if(r, &(struct supposing){ .now_s = T0 }, count_supposed, n, &kept), 0);
    assert_int_equal(n[1], 0);
    policy_destroy(&p);
    reader_close(&r);
    world_destroy(&w);
}

/* ---- bounds */

/* One member speaks of so many /64 of 2001:db8:7::/48. */
static void say_many(struct world *w, size_t member, unsigned n)
{
    enum { EACH = 250 };
    static struct saying says[EACH];
    static char text[EACH][32];
    for (unsigned first = 0; first < n; first += EACH) {
        for (unsigned i = 0; i < EACH; i++) {
            snprintf(text[i], sizeof text[i], "2001:db8:7:%x::/64", first + i);
            says[i] = (struct saying){ text[i], WORLD_SAY, 8, 0, T0 };
        }
        struct store_batch b = world_batch(w, member, ++seqs[member], T0, says, EACH);
        assert_int_equal(store_add_batches(w->store, &b, 1, T0), 0);
        world_free_batch(&b);
    }
}

static void of_a_crowded_block_only_what_was_looked_at_is_listed(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    say_many(&w, 1, 5000);
    say_many(&w, 2, 5000);
    world_fold(&w, T0);
    assert_networks(&w, "2001:db8:7::/52 4096/2/0;");
    assert_sound(&w, T0);
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

/* As much good mail as bad is more good than bad: it weighs twice. */
static void a_neighbour_with_as_much_good_mail_as_bad_is_innocent(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    world_report(&w, REQUEST_BLACK, "192.0.2.3", 0, 1, T0);
    world_report(&w, REQUEST_WHITE, "192.0.2.3", 0, 1, T0);
    list_some(&w, 1, 1, T0);
    list_some(&w, 4, 4, T0);
    assert_networks(&w, "");
    world_report(&w, REQUEST_BLACK, "192.0.2.3", 0, 2, T0);        /* 15 to 5 */
    world_fold(&w, T0);
    assert_networks(&w, "192.0.2.0/29 5/2/0;");
    world_destroy(&w);
}

/* The innocent's last good mail leaves this node's memory after thirty days, and nothing else happens in its block then. */
static void it_grows_when_the_innocent_in_it_is_forgotten(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    world_report(&w, REQUEST_WHITE, "192.0.2.3", 0, 1, T0);
    world_fold(&w, T0);
    change(&w, "UPDATE evidence SET urgency = 0");         /* told, or it is kept until it is */
    list_some(&w, 1, 1, T0 + 29 * WORLD_DAY);
    list_some(&w, 4, 4, T0 + 29 * WORLD_DAY);
    assert_networks(&w, "");
    world_fold(&w, T0 + 31 * WORLD_DAY);
    assert_networks(&w, "192.0.2.0/29 5/2/0;");
    assert_sound(&w, T0 + 31 * WORLD_DAY);
    world_destroy(&w);
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
        claim(it_grows_when_the_innocent_in_it_is_forgotten),
        claim(a_neighbour_with_as_much_good_mail_as_bad_is_innocent),
        claim(it_shrinks_when_its_addresses_are_withdrawn),
        claim(it_goes_when_it_is_switched_off_and_comes_back),
        claim(purging_one_of_two_groups_ends_it),
        claim(why_says_how_many_of_which_groups),
        claim(what_if_tells_of_networks_that_would_begin_or_end),
        claim(of_a_crowded_block_only_what_was_looked_at_is_listed),
        claim(verify_finds_a_network_that_is_not_as_its_listings_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
