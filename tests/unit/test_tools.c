/* Tarpit, bounce watch, SPF and notes, with the time given. */
#include <errno.h>

#include "store/tool_private.h"
#include "tests/unit/tool_world.h"

/* ---- tarpit */

static const char *tarpit(struct world *w, const char *client, int64_t now_s)
{
    return tool_do(w, (struct tool_op){ .verb = TOOL_TARPIT }, client, now_s);
}

static uint64_t offences(struct world *w, const char *client, int64_t now_s)
{
    struct reader *r = world_reader(w);
    struct subject s = world_subject(client);
    uint64_t n = 0;
    assert_int_equal(reader_tarpit_count(r, &s, now_s, &n), 0);
    reader_close(&r);
    return n;
}

static void offences_are_counted_and_each_lives_four_hours(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    assert_string_equal(tarpit(&w, "192.0.2.7", T0), "1");
    assert_string_equal(tarpit(&w, "192.0.2.7", T0 + 100), "2");
    assert_string_equal(tarpit(&w, "192.0.2.8", T0 + 100), "1");
    assert_int_equal(offences(&w, "192.0.2.7", T0 + 100), 2);
    assert_int_equal(offences(&w, "192.0.2.7", T0 + 4 * WORLD_HOUR), 1);
    assert_string_equal(tarpit(&w, "192.0.2.7", T0 + 4 * WORLD_HOUR), "2");
    assert_int_equal(offences(&w, "192.0.2.7", T0 + 8 * WORLD_HOUR), 0);
    assert_int_equal(offences(&w, "198.51.100.1", T0), 0);
    world_destroy(&w);
}

static void looking_counts_nothing(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    tarpit(&w, "192.0.2.7", T0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(offences(&w, "192.0.2.7", T0), 1);
    world_destroy(&w);
}

static void an_address_of_a_64_is_counted_with_its_neighbours(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    assert_string_equal(tarpit(&w, "2001:db8:1:2::1", T0), "1");
    assert_string_equal(tarpit(&w, "2001:db8:1:2:ffff::9", T0), "2");
    assert_string_equal(tarpit(&w, "2001:db8:1:3::1", T0), "1");
    world_destroy(&w);
}

static void good_and_protected_ones_are_never_counted(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    assert_int_equal(protect_add(w.policy->protect, "203.0.113.0/24"), 0);
    world_open(&w);
    tool_report(&w, REQUEST_WHITE, "192.0.2.7", T0);
    assert_string_equal(tarpit(&w, "192.0.2.7", T0), "0");
    assert_string_equal(tarpit(&w, "203.0.113.7", T0), "0");
    assert_string_equal(tarpit(&w, "127.0.0.1", T0), "0");
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_TARPIT], 0);
    assert_int_equal(tool_score(&w, "192.0.2.7", "invalid-recipients", T0), 0);
    world_destroy(&w);
}

static void an_offence_is_soft_evidence_in_invalid_recipients(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    tool_speaking(&w);
    tarpit(&w, "192.0.2.7", T0);
    assert_int_equal(tool_score(&w, "192.0.2.7", "invalid-recipients", T0), 499);      /* one mistyped address lists nobody */
    assert_int_equal(world_check(&w, "192.0.2.7"), VERDICT_UNKNOWN);
    tarpit(&w, "192.0.2.7", T0);
    assert_int_equal(tool_score(&w, "192.0.2.7", "invalid-recipients", T0), 750);
    assert_int_equal(tool_score(&w, "192.0.2.7", "spam", T0), 0);
    assert_int_equal(tool_told(&w, T0), 1);
    world_destroy(&w);
}

static void the_weight_and_the_sharing_are_the_operators(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    w.policy->tools.tarpit.weight_milli = 0;
    world_open(&w);
    tool_speaking(&w);
    assert_string_equal(tarpit(&w, "192.0.2.7", T0), "1");
    assert_int_equal(tool_score(&w, "192.0.2.7", "invalid-recipients", T0), 0);
    w.policy->tools.tarpit.weight_milli = 5000;
    w.policy->tools.tarpit.share = false;
    tool_repolicy(&w);
    tarpit(&w, "192.0.2.7", T0);
    assert_int_equal(tool_score(&w, "192.0.2.7", "invalid-recipients", T0), 1071);
    assert_int_equal(tool_told(&w, T0), 0);
    world_destroy(&w);
}

static void state_survives_a_restart_and_is_swept(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    tarpit(&w, "192.0.2.7", T0);
    world_reopen(&w);
    assert_string_equal(tarpit(&w, "192.0.2.7", T0 + 1), "2");
    world_fold(&w, T0 + 2);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_TARPIT], 1);
    world_fold(&w, T0 + 4 * WORLD_HOUR + 1);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_TARPIT], 0);
    world_destroy(&w);
}

static void a_full_table_gives_up_what_would_die_first(void **state)
{
    struct world w;
    char client[32];
    (void)state;
    world_create(&w);
    w.store->tool_rows_max = 10;
    for (int i = 0; i < 30; i++) {
        snprintf(client, sizeof client, "192.0.2.%d", i + 1);
        assert_string_equal(tarpit(&w, client, T0 + i), "1");
    }
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_TARPIT], 10);
    assert_int_equal(offences(&w, "192.0.2.1", T0 + 30), 0);
    assert_int_equal(offences(&w, "192.0.2.30", T0 + 30), 1);
    world_destroy(&w);
}

/* ---- bounces */

static void bounce(struct world *w, const char *user, uint32_t count, int64_t now_s)
{
    char folded[TOOL_FOLDED_MAX];
    struct tool_op op = { .verb = TOOL_BOUNCE, .count = count, .user = fold_address(user, folded) };
    if (strchr(user, '@') == NULL || !fold_domain(user, &op.domain))
        op.domain.len = 0;
    assert_string_equal(tool_do(w, op, NULL, now_s), "ok");
}

static void check_bounces(struct world *w, const char *user, int64_t now_s, uint64_t hour, uint64_t day)
{
    char folded[TOOL_FOLDED_MAX];
    struct reader *r = world_reader(w);
    uint64_t got_hour = 99, got_day = 99;
    assert_int_equal(reader_bounces(r, fold_address(user, folded), now_s, &got_hour, &got_day), 0);
    reader_close(&r);
    if (got_hour != hour || got_day != day)
        fail_msg("%s: got %llu:%llu, want %llu:%llu", user, (unsigned long long)got_hour, (unsigned long long)got_day, (unsigned long long)hour,
                 (unsigned long long)day);
}

static void bounces_slide_over_an_hour_and_a_day(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    check_bounces(&w, "anna", T0, 0, 0);
    bounce(&w, "anna", 3, T0);
    bounce(&w, "Anna", 1, T0 + 1800);
    check_bounces(&w, "anna", T0 + 1800, 4, 4);
    check_bounces(&w, "anna", T0 + WORLD_HOUR - 1, 4, 4);
    check_bounces(&w, "anna", T0 + WORLD_HOUR, 1, 4);
    check_bounces(&w, "anna", T0 + 2 * WORLD_HOUR, 0, 4);
    check_bounces(&w, "anna", T0 + WORLD_DAY, 0, 1);
    check_bounces(&w, "anna", T0 + 2 * WORLD_DAY, 0, 0);
    check_bounces(&w, "eva", T0, 0, 0);
    world_destroy(&w);
}

static void a_longer_memory_does_not_lengthen_the_day(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    w.policy->tools.bounces.keep_s = 3 * WORLD_DAY;
    world_open(&w);
    bounce(&w, "anna", 3, T0);
    bounce(&w, "anna", 1, T0 + WORLD_DAY);
    check_bounces(&w, "anna", T0 + WORLD_DAY, 1, 1);
    world_destroy(&w);
}

static void bounces_in_masses_are_evidence_against_the_domain_and_stay_here(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    tool_speaking(&w);
    bounce(&w, "anna@b.example", 59, T0);
    assert_int_equal(tool_score(&w, "b.example", "invalid-recipients", T0), 0);
    bounce(&w, "anna@b.example", 1, T0 + 60);
    assert_int_equal(tool_score(&w, "b.example", "invalid-recipients", T0 + 60), 499);
    bounce(&w, "anna@b.example", 120, T0 + 120);
    assert_int_equal(tool_score(&w, "b.example", "invalid-recipients", T0 + 120), 899);       /* three events */
    assert_int_equal(tool_score(&w, "anna@b.example", "invalid-recipients", T0 + 120), 0);
    assert_int_equal(tool_told(&w, T0 + 120), 0);
    bounce(&w, "anna", 1000, T0 + 180);                                                         /* a user without a domain */
    assert_int_equal(tool_told(&w, T0 + 180), 0);
    world_destroy(&w);
}

static void shared_bounces_name_the_domain_and_nobody_else(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    w.policy->tools.bounces.share = true;
    world_open(&w);
    tool_speaking(&w);
    bounce(&w, "anna@b.example", 60, T0);
    bounce(&w, "anna", 1000, T0);
    assert_int_equal(tool_told(&w, T0), 1);
    world_destroy(&w);
}

/* ---- SPF */

static void spf(struct world *w, const char *client, const char *domain, enum spf_result result, int64_t now_s)
{
    struct tool_op op = { .verb = TOOL_SPF, .spf = result };
    if (!fold_domain(domain, &op.domain))
        op.domain.len = 0;
    assert_string_equal(tool_do(w, op, client, now_s), "ok");
}

static void report(struct world *w, enum request_verb verb, const char *subject, int64_t now_s)
{
    const struct store_event e = { .report = { .verb = verb, .count = 1, .category = 0, .subject = world_subject(subject) } };
    assert_int_equal(store_add_events(w->store, &e, 1, now_s), 0);
}

static void a_failure_speaks_softly_against_the_address_alone(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    tool_speaking(&w);
    spf(&w, "192.0.2.7", "b.example", SPF_FAIL, T0);
    assert_int_equal(tool_score(&w, "192.0.2.7", "fraud", T0), 499);
    assert_int_equal(tool_score(&w, "b.example", "fraud", T0), 0);
    assert_int_equal(tool_told(&w, T0), 1);
    world_destroy(&w);
}

static void other_results_are_no_evidence(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    for (enum spf_result r = SPF_SOFTFAIL; r <= SPF_INVALID; r++)
        spf(&w, "192.0.2.7", "b.example", r, T0);
    spf(&w, "192.0.2.7", "b.example", SPF_PASS, T0);
    assert_int_equal(tool_score(&w, "192.0.2.7", "fraud", T0), 0);
    assert_int_equal(tool_score(&w, "b.example", "fraud", T0), 0);
    world_destroy(&w);
}

static void a_domain_that_passed_shares_what_is_reported_soon_after(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    spf(&w, "192.0.2.7", "b.example", SPF_PASS, T0);
    report(&w, REQUEST_BLACK, "192.0.2.7", T0 + 599);
    assert_int_equal(tool_score(&w, "b.example", "spam", T0 + 599), 1071);
    spf(&w, "192.0.2.8", "c.example", SPF_PASS, T0);
    report(&w, REQUEST_WHITE, "192.0.2.8", T0 + 60);
    assert_true(tool_score(&w, "c.example", "spam", T0 + 60) < 0);
    spf(&w, "192.0.2.9", "d.example", SPF_PASS, T0);
    report(&w, REQUEST_BLACK, "192.0.2.9", T0 + 600);                   /* too late */
    report(&w, REQUEST_BLACK, "192.0.2.10", T0 + 60);                   /* another address */
    assert_int_equal(tool_score(&w, "d.example", "spam", T0 + 600), 0);
    assert_int_equal(tool_score(&w, "192.0.2.9", "spam", T0 + 600), 1071);
    world_destroy(&w);
}

static void domains_share_one_event_and_a_host_of_many_shares_none(void **state)
{
    struct world w;
    char domain[32];
    (void)state;
    world_create(&w);
    spf(&w, "192.0.2.7", "b.example", SPF_PASS, T0);
    spf(&w, "192.0.2.7", "c.example", SPF_PASS, T0);
    report(&w, REQUEST_BLACK, "192.0.2.7", T0 + 1);
    assert_int_equal(tool_score(&w, "b.example", "spam", T0 + 1), 833);             /* 1.5 * 2.5/4.5 */
    assert_int_equal(tool_score(&w, "c.example", "spam", T0 + 1), 833);
    for (int i = 0; i < 20; i++) {
        snprintf(domain, sizeof domain, "customer%d.example", i);
        spf(&w, "192.0.2.8", domain, SPF_PASS, T0 + i);
    }
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_SPF], 2 + SPF_DOMAINS_MAX + 1);
    report(&w, REQUEST_BLACK, "192.0.2.8", T0 + 20);
    assert_int_equal(tool_score(&w, "customer19.example", "spam", T0 + 20), 0);
    assert_int_equal(tool_score(&w, "192.0.2.8", "spam", T0 + 20), 1071);
    world_destroy(&w);
}

static void a_pass_again_renews_and_does_not_add(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    spf(&w, "192.0.2.7", "b.example", SPF_PASS, T0);
    spf(&w, "192.0.2.7", "b.example", SPF_PASS, T0 + 500);
    spf(&w, "192.0.2.7", "b.example", SPF_PASS, T0 + 1200);             /* past its end, and not swept */
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_SPF], 1);
    report(&w, REQUEST_BLACK, "192.0.2.7", T0 + 1700);
    assert_int_equal(tool_score(&w, "b.example", "spam", T0 + 1700), 1071);
    world_fold(&w, T0 + WORLD_DAY);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_SPF], 0);
    world_destroy(&w);
}

static void protected_names_and_public_suffixes_answer_for_nothing(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    assert_int_equal(protect_add(w.policy->protect, "b.example"), 0);
    world_open(&w);
    spf(&w, "192.0.2.7", "mx.b.example", SPF_PASS, T0);
    spf(&w, "192.0.2.7", "co.uk", SPF_PASS, T0);
    spf(&w, "192.0.2.7", "no name at all", SPF_PASS, T0);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_SPF], 0);
    world_destroy(&w);
}

static void what_a_blocklist_said_and_what_is_taken_back_is_not_shared(void **state)
{
    struct world w;
    struct store_event e = { .report = { .verb = REQUEST_BLACK, .count = 1, .category = 0, .cause = CAUSE_DNSBL, .subject = world_subject("192.0.2.7") } };
    (void)state;
    world_create(&w);
    spf(&w, "192.0.2.7", "b.example", SPF_PASS, T0);
    assert_int_equal(store_add_events(w.store, &e, 1, T0), 0);
    report(&w, REQUEST_RETRACT, "192.0.2.7", T0);
    assert_int_equal(tool_score(&w, "b.example", "spam", T0), 0);
    world_destroy(&w);
}

static void unshared_spf_keeps_the_domains_part_here(void **state)
{
    struct world w;
    (void)state;
    world_prepare(&w);
    w.policy->tools.spf.share = false;
    world_open(&w);
    tool_speaking(&w);
    spf(&w, "192.0.2.7", "b.example", SPF_PASS, T0);
    spf(&w, "192.0.2.8", "b.example", SPF_FAIL, T0);
    report(&w, REQUEST_BLACK, "192.0.2.7", T0);
    assert_int_equal(tool_score(&w, "b.example", "spam", T0), 1071);
    assert_int_equal(tool_score(&w, "192.0.2.8", "fraud", T0), 499);
    assert_int_equal(tool_told(&w, T0), 1);                             /* the report itself */
    world_destroy(&w);
}

/* ---- notes */

static void a_note_weighs_what_its_kind_says_and_answers_what_was_given(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    tool_speaking(&w);
    struct tool_op op = { .verb = TOOL_NOTE, .category = policy_category(w.policy, "abusive"), .weight_milli = 2000, .say = "error: expired" };
    assert_string_equal(tool_do(&w, op, "192.0.2.7", T0), "error: expired");
    assert_int_equal(tool_score(&w, "192.0.2.7", "abusive", T0), 750);
    op.kept = true;
    op.say = "ok";
    assert_string_equal(tool_do(&w, op, "192.0.2.8", T0), "ok");
    assert_int_equal(tool_score(&w, "192.0.2.8", "abusive", T0), 750);
    assert_string_equal(tool_do(&w, op, "127.0.0.1", T0), "ok");
    assert_int_equal(tool_told(&w, T0), 1);
    world_destroy(&w);
}

/* ---- all of them */

static void a_turn_is_stored_whole_or_not_at_all(void **state)
{
    struct world w;
    struct tool_op op = { .verb = TOOL_TARPIT, .subject = world_subject("192.0.2.7") }, *copy = tool_op_create(&op);
    struct store_event e[2] = { { .tool = copy }, { .report = { .verb = REQUEST_BLACK, .count = 1, .category = 9999, .subject = world_subject("192.0.2.8") } } };
    (void)state;
    world_create(&w);
    assert_int_equal(store_add_events(w.store, e, 2, T0), -EINVAL);
    assert_int_equal(offences(&w, "192.0.2.7", T0), 0);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_TARPIT], 0);
    assert_int_equal(store_backlog(w.store), 0);
    assert_int_equal(store_add_events(w.store, e, 1, T0), 0);
    assert_int_equal(store_backlog(w.store), 2);                        /* the offence and what it is evidence of */
    free(copy);
    world_destroy(&w);
}

static void reputation_is_read_from_zones_and_own_evidence(void **state)
{
    struct world w;
    static const struct { const char *client; enum tool_reputation want; } cases[] = {
        { "192.0.2.1", TOOL_GOOD }, { "192.0.2.2", TOOL_BAD }, { "192.0.2.3", TOOL_UNKNOWN }, { "10.0.0.1", TOOL_GOOD }, { "192.0.2.4", TOOL_GOOD },
        { "198.51.100.9", TOOL_BAD },
    };
    (void)state;
    world_create(&w);
    report(&w, REQUEST_WHITE, "192.0.2.1", T0);
    report(&w, REQUEST_BLACK, "192.0.2.2", T0);
    report(&w, REQUEST_BLACK, "192.0.2.4", T0);
    report(&w, REQUEST_WHITE, "192.0.2.4", T0);
    report(&w, REQUEST_BLACK, "198.51.100.0/24", T0);
    world_fold(&w, T0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct network n;
        struct subject s;
        enum tool_reputation got = 99;
        assert_int_equal(network_parse(cases[i].client, strlen(cases[i].client), &n), 0);
        subject_of_address(&n, &s);
        assert_int_equal(tool_reputation(w.store, &s, &got), 0);
        if (got != cases[i].want)
            fail_msg("%s: got %d, want %d", cases[i].client, (int)got, (int)cases[i].want);
    }
    world_destroy(&w);
}

static void an_operator_clears_one_row_or_all(void **state)
{
    struct world w;
    uint64_t n = 0;
    (void)state;
    world_create(&w);
    tarpit(&w, "192.0.2.7", T0);
    tarpit(&w, "192.0.2.8", T0);
    bounce(&w, "anna", 3, T0);
    bounce(&w, "eva", 3, T0);
    struct tool_clearing c = { .table = TOOL_TABLE_TARPIT, .subject = world_subject("192.0.2.7") };
    assert_int_equal(store_tool_clear(w.store, &c, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(offences(&w, "192.0.2.7", T0), 0);
    assert_int_equal(offences(&w, "192.0.2.8", T0), 1);
    assert_int_equal(store_tool_clear(w.store, &c, &n), 0);
    assert_int_equal(n, 0);
    c = (struct tool_clearing){ .table = TOOL_TABLE_BOUNCES, .user = "anna" };
    assert_int_equal(store_tool_clear(w.store, &c, &n), 0);
    check_bounces(&w, "anna", T0, 0, 0);
    check_bounces(&w, "eva", T0, 3, 3);
    c = (struct tool_clearing){ .table = TOOL_TABLE_BOUNCES, .all = true };
    assert_int_equal(store_tool_clear(w.store, &c, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(w.store->tool_rows[TOOL_TABLE_BOUNCES], 0);
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offences_are_counted_and_each_lives_four_hours),
        cmocka_unit_test(looking_counts_nothing),
        cmocka_unit_test(an_address_of_a_64_is_counted_with_its_neighbours),
        cmocka_unit_test(good_and_protected_ones_are_never_counted),
        cmocka_unit_test(an_offence_is_soft_evidence_in_invalid_recipients),
        cmocka_unit_test(the_weight_and_the_sharing_are_the_operators),
        cmocka_unit_test(state_survives_a_restart_and_is_swept),
        cmocka_unit_test(a_full_table_gives_up_what_would_die_first),
        cmocka_unit_test(bounces_slide_over_an_hour_and_a_day),
        cmocka_unit_test(a_longer_memory_does_not_lengthen_the_day),
        cmocka_unit_test(bounces_in_masses_are_evidence_against_the_domain_and_stay_here),
        cmocka_unit_test(shared_bounces_name_the_domain_and_nobody_else),
        cmocka_unit_test(a_failure_speaks_softly_against_the_address_alone),
        cmocka_unit_test(other_results_are_no_evidence),
        cmocka_unit_test(a_domain_that_passed_shares_what_is_reported_soon_after),
        cmocka_unit_test(domains_share_one_event_and_a_host_of_many_shares_none),
        cmocka_unit_test(a_pass_again_renews_and_does_not_add),
        cmocka_unit_test(protected_names_and_public_suffixes_answer_for_nothing),
        cmocka_unit_test(what_a_blocklist_said_and_what_is_taken_back_is_not_shared),
        cmocka_unit_test(unshared_spf_keeps_the_domains_part_here),
        cmocka_unit_test(a_note_weighs_what_its_kind_says_and_answers_what_was_given),
        cmocka_unit_test(a_turn_is_stored_whole_or_not_at_all),
        cmocka_unit_test(reputation_is_read_from_zones_and_own_evidence),
        cmocka_unit_test(an_operator_clears_one_row_or_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
