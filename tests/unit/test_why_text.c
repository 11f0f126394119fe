/* What `hearsay why` says to people: the sentence on top fits what decided. */
#include "networks_world.h"

#include <fcntl.h>
#include <jansson.h>

#include "tools/why_text.h"

/* What why_say() prints to standard output. */
static const char *said(struct world *w, const char *subject, int64_t now_s)
{
    static char text[16384];
    static struct config config;
    struct home home = { .config = &config };
    struct why why;
    struct why_answer a = { .home = &home, .why = &why, .now_s = now_s };
    struct subject s = world_subject(subject);
    struct reader *r = world_reader(w);
    char path[128];
    config.policy = w->policy;
    strcpy(a.subject, subject);
    assert_int_equal(reader_why(r, &s, now_s, &why), 0);
    assert_int_equal(reader_check(r, &s, -1, &a.verdict), 0);
    snprintf(path, sizeof path, "%s/said", w->dir);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO), file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(kept >= 0 && file >= 0 && dup2(file, STDOUT_FILENO) >= 0);
    why_say(&a);
    json_t *json = why_json(&a);
    fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    ssize_t n = pread(file, text, sizeof text / 2, 0);
    assert_true(n > 0);
    text[n] = '\0';
    close(file);
    n += (ssize_t)json_dumpb(json, text + n, sizeof text - (size_t)n - 1, JSON_SORT_KEYS);
    text[n] = '\0';
    json_decref(json);
    why_clear(&why);
    reader_close(&r);
    return text;
}

static void claim(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("want: %s\ngot: %s", part, text);
}

static void trust(struct world *w, uint32_t two_of_them_micro)
{
    w->policy->zones[0].quorum = 2;
    w->policy->members[2].trust_micro = w->policy->members[3].trust_micro = two_of_them_micro;
    assert_int_equal(store_set_policy(w->store, w->policy, T0), 0);
}

static void what_is_contested_is_told_first_even_when_another_category_scores_higher(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    trust(&w, MICRO / 2);
    say(&w, 1, "192.0.2.7", 5, 0, T0);
    say(&w, 2, "192.0.2.7", 5, 0, T0);
    say(&w, 3, "192.0.2.7", 0, 8, T0);
    say(&w, 4, "192.0.2.7", 0, 8, T0);
    world_hear(&w, 5, 1, (struct saying){ "192.0.2.7", "malware", 8, 0, T0 });
    const char *text = said(&w, "192.0.2.7", T0);
    claim(text, "192.0.2.7 is not listed, though bl.test.example (spam) would list it with a score of");
    claim(text, "by 2 groups: others get good mail from it");
    claim(text, "contested by good mail of others");
    claim(text, "\"group\": \"mx.b.example\", \"kept_from_counting\": null");
    claim(text, "\"own\": false, \"quorum_micro\": ");
    claim(text, "\"record_micro\": 1000000, \"reliability_micro\": 1000000");
    claim(text, "too few groups");
    world_destroy(&w);
}

static void a_rule_says_delisted_of_what_the_operator_delisted(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    say(&w, 1, "192.0.2.7", 8, 0, T0);
    say(&w, 1, "192.0.2.8", 8, 0, T0);
    except(&w, EXCEPTION_DELIST, "192.0.2.7", T0, T0 + WORLD_HOUR);
    except(&w, EXCEPTION_PROTECT, "192.0.2.8", T0, 0);
    claim(said(&w, "192.0.2.7", T0), "no, delisted");
    claim(said(&w, "192.0.2.8", T0), "no, protected");
    world_destroy(&w);
}

static void own_good_mail_is_named_as_what_keeps_it_off_in_each_category(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_report(&w, REQUEST_WHITE, "192.0.2.7", 0, 1, T0);
    world_fold(&w, T0);
    world_hear(&w, 1, 1, (struct saying){ "192.0.2.7", "malware", 8, 0, T0 });
    world_hear(&w, 2, 1, (struct saying){ "192.0.2.7", WORLD_SAY, 8, 0, T0 });
    const char *text = said(&w, "192.0.2.7", T0);
    claim(text, "no, vetoed by own good mail, in the default category");
    claim(text, "no, vetoed by own good mail  ");
    claim(text, "\"vouched\": true");
    world_destroy(&w);
}

static void the_numbers_are_exact(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    w.policy->members[0].trust_micro = 333333;
    w.policy->members[0].rights.max_weight_micro = 200001;
    assert_int_equal(store_set_policy(w.store, w.policy, T0), 0);
    say(&w, 1, "192.0.2.7", 7, 0, T0);
    world_report(&w, REQUEST_WHITE, "192.0.2.7", 0, 1, T0);
    world_fold(&w, T0);
    const char *text = said(&w, "192.0.2.7", T0);
    claim(text, "1.50      1.00  -0.833333  -1.249999");          /* own evidence: trust, reliability, opinion, what it counts */
    claim(text, "0.333333      1.00  +0.909090  +0.303029");
    claim(text, "+0.303029  +0.200001  at most 0.200001");
    claim(text, "-1.249999  -1.249999  no clamp");
    claim(text, "-1.049998");
    world_destroy(&w);
}

/* The reader goes by the configuration as it is, the writer has not come to it yet. */
static void what_is_still_to_be_worked_in_is_said(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    say(&w, 1, "192.0.2.7", 8, 0, T0);
    say(&w, 1, "192.0.2.8", 3, 0, T0);
    w.policy->zones[0].threshold_micro = 3 * MICRO;
    claim(said(&w, "192.0.2.7", T0), "yes, but no longer upheld: the node has yet to work that in");
    w.policy->zones[0].threshold_micro = MICRO / 10;
    const char *text = said(&w, "192.0.2.8", T0);
    claim(text, "192.0.2.8 is not listed yet: bl.test.example (spam) will, with a score of 0.");
    claim(text, "no, the node has yet to work it in");
    except(&w, EXCEPTION_DELIST, "192.0.2.8", T0, T0 + WORLD_HOUR);
    claim(said(&w, "192.0.2.8", T0), "no, delisted");
    world_destroy(&w);
}

static void what_is_listed_within_a_prefix_is_named_and_counted(void **state)
{
    struct world w;
    (void)state;
    create(&w);
    list_some(&w, 1, 5, T0);
    list_some(&w, 200, 9, T0);
    world_report(&w, REQUEST_WHITE, "192.0.2.100", 0, 1, T0);      /* so that the network does not reach from end to end */
    world_fold(&w, T0);
    say(&w, 1, "192.0.3.1", 8, 0, T0);                 /* not within */
    const char *text = said(&w, "192.0.2.0/24", T0);
    claim(text, "192.0.2.0/24 is not listed: nobody says anything about it as a whole.");
    claim(text, "Listed within it, 2 networks: 192.0.2.0/29, 192.0.2.192/27");
    claim(text, "Listed within it, 15 addresses: 192.0.2.1, 192.0.2.2,");
    claim(text, ", and 3 more\n");
    claim(text, "\"inside\": {\"addresses\": {\"count\": 15");
    claim(text, "\"networks\": {\"count\": 2, \"first\": [{\"subject\": \"192.0.2.0/29\", \"zones\": [\"bl.test.example\"]}");
    assert_null(strstr(text, "192.0.3.1"));
    assert_null(strstr(said(&w, "192.0.4.0/24", T0), "within it"));
    assert_null(strstr(said(&w, "192.0.2.0/29", T0), "Listed within it"));   /* its addresses are named as those of the network */
    world_destroy(&w);
}

static void what_is_listed_in_several_zones_and_categories_counts_once(void **state)
{
    struct world w;
    (void)state;
    world_create(&w);
    world_hear(&w, 1, 1, (struct saying){ "2001:db8:1:2::1", "spam", 8, 0, T0 });
    world_hear(&w, 1, 2, (struct saying){ "2001:db8:1:2::1", "malware", 8, 0, T0 });
    world_hear(&w, 1, 3, (struct saying){ "2001:db8:1:8000::/49", "spam", 8, 0, T0 });
    const char *text = said(&w, "2001:db8:1::/48", T0);
    claim(text, "Listed within it, 1 network: 2001:db8:1:8000::/49\n");
    claim(text, "Listed within it, 1 address: 2001:db8:1:2::/64\n");
    world_destroy(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_contested_is_told_first_even_when_another_category_scores_higher),
        cmocka_unit_test(a_rule_says_delisted_of_what_the_operator_delisted),
        cmocka_unit_test(own_good_mail_is_named_as_what_keeps_it_off_in_each_category),
        cmocka_unit_test(the_numbers_are_exact),
        cmocka_unit_test(what_is_still_to_be_worked_in_is_said),
        cmocka_unit_test(what_is_listed_within_a_prefix_is_named_and_counted),
        cmocka_unit_test(what_is_listed_in_several_zones_and_categories_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
