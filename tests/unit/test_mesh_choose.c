/* node/mesh: which members the core links to by itself. */
#define FIXTURE_MEMBERS 70
#include "tests/unit/mesh_fixture.h"

enum { LINKS = 8, OWN = 3, LONG_MS = 70000, FIRST = 12 };      /* members below FIRST are to be had first */

static bool linked[MEMBERS];
static unsigned topics[MEMBERS];       /* that are subscribed to over the link */

static void note_link(unsigned who, bool is)
{
    assert_true(linked[who] != is);
    linked[who] = is;
    if (is)
        topics[who] = 0;
}

static void note_links(void)
{
    for (size_t i = 0; i < up.n; i++) {
        const struct mesh_action *a = &up.actions[i];
        for (unsigned who = 1; who < MEMBERS; who++) {
            if (!is_about(a, who))
                continue;
            if (a->kind == MESH_DO_LINK || a->kind == MESH_DO_UNLINK)
                note_link(who, a->kind == MESH_DO_LINK);
            topics[who] += a->kind == MESH_DO_SUBSCRIBE;
            topics[who] -= a->kind == MESH_DO_UNSUBSCRIBE;
        }
    }
}

static void tick_in(int64_t ms)
{
    for (int64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        tick_at(up.wake_at_ms < end_ms ? up.wake_at_ms : end_ms);
        note_links();
    }
}

static unsigned count_links(unsigned from, unsigned below)
{
    unsigned n = 0;

    for (unsigned i = from; i < below; i++)
        n += linked[i];
    return n;
}

static void know_so(unsigned member, bool link, enum mesh_may may)
{
    snprintf(people[member].record.publish, sizeof people[member].record.publish, "tcp://m%u.example:4441", member);
    snprintf(people[member].record.repair, sizeof people[member].record.repair, "tcp://m%u.example:4442", member);
    know(member, link);
    assert_int_equal(mesh_member_may_link(mesh, people[member].record.root, may), 0);
}

static void begin_choosing(void **state)
{
    memset(linked, 0, sizeof linked);
    fixture_links = LINKS;
    begin_alone(state);
}

static int begin_many(void **state)
{
    begin_choosing(state);
    for (unsigned i = 1; i < MEMBERS; i++)
        know_so(i, false, i < FIRST ? MESH_MAY_FIRST : MESH_MAY);
    tick_at(now_ms);
    note_links();
    tick_in(20000);
    return 0;
}

static void at_first_half_of_the_links_are_left_to_others(void **state)
{
    begin_choosing(state);
    for (unsigned i = 1; i < MEMBERS; i++)
        know_so(i, false, MESH_MAY);
    tick_at(now_ms);
    note_links();
    assert_int_equal(count_links(1, MEMBERS), LINKS / 2);
    tick_in(25000);
    assert_int_equal(count_links(1, MEMBERS), LINKS);
}

static void all_up(void)
{
    for (unsigned i = 1; i < MEMBERS; i++) {
        if (!linked[i])
            continue;
        link_to(i, true);
        note_links();
    }
}

static unsigned some_link(void)
{
    unsigned i = 1;

    while (!linked[i])
        i++;
    return i;
}

/* In a large coalition nothing is subscribed to over that one, and other rules hold for it than for those that stay. */
static unsigned the_link_that_wanders(void)
{
    unsigned found = 0;

    for (unsigned i = 1; i < MEMBERS; i++) {
        if (!linked[i] || topics[i] > 0)
            continue;
        assert_int_equal(found, 0);
        found = i;
    }
    assert_int_not_equal(found, 0);
    return found;
}

static unsigned a_link_that_stays(void)
{
    const unsigned wanders = the_link_that_wanders();
    unsigned i = 1;

    while (!linked[i] || i == wanders)
        i++;
    return i;
}

static bool is_subscribed_over(unsigned neighbour, unsigned origin)
{
    for (size_t i = 0; i < up.n; i++) {
        const struct mesh_action *a = &up.actions[i];
        if (a->kind == MESH_DO_SUBSCRIBE && is_about(a, neighbour) && memcmp(a->origin, people[origin].record.root, KEY_BYTES) == 0)
            return true;
    }
    return false;
}

/* In a large coalition it is subscribed to nothing, and least of all to the own topic. */
static void who_is_visited_for_a_short_time_is_not_subscribed_to(void **state)
{
    unsigned quiet = 0;
    begin_choosing(state);
    for (unsigned i = 1; i < MEMBERS; i++)
        know_so(i, false, MESH_MAY);
    tick_at(now_ms);
    note_links();
    all_up();
    for (int i = 0; i < 80; i++) {
        tick_at(now_ms + 5000);
        note_links();
        for (size_t j = 0; j < up.n; j++) {
            const struct mesh_action *a = &up.actions[j];
            if (a->kind == MESH_DO_SUBSCRIBE)
                assert_memory_not_equal(a->origin, people[0].record.root, KEY_BYTES);
        }
        quiet += action(MESH_DO_LINK) != NULL && action(MESH_DO_SUBSCRIBE) == NULL;
        all_up();
    }
    assert_true(quiet > 0);
    link_to(some_link(), false);
    assert_true(action(MESH_DO_SUBSCRIBE) == NULL || memcmp(action(MESH_DO_SUBSCRIBE)->origin, people[0].record.root, KEY_BYTES) != 0);
}

static void it_has_as_many_links_as_asked_for_and_some_by_chance(void **state)
{
    (void)state;
    assert_int_equal(count_links(1, MEMBERS), LINKS);
    assert_true(count_links(1, FIRST) >= LINKS - OWN);
    all_up();
    tick_in(LONG_MS);
    assert_int_equal(count_links(1, MEMBERS), LINKS);
}

/* Else two halves that were apart would never look for each other again. */
static void one_of_the_links_wanders(void **state)
{
    bool seen[MEMBERS] = { false };
    unsigned stay = 0, n = 0;
    (void)state;
    for (int i = 0; i < 60; i++) {
        all_up();
        tick_in(LONG_MS);
        assert_int_equal(count_links(1, MEMBERS), LINKS);
        for (unsigned j = 1; j < MEMBERS; j++)
            seen[j] |= linked[j];
    }
    for (unsigned j = 1; j < MEMBERS; j++) {
        n += seen[j];
        stay += linked[j];
    }
    assert_int_equal(stay, LINKS);
    assert_true(n >= LINKS + 5);               /* in 70 minutes it was with a dozen */
}

static void a_link_is_made_before_it_is_subscribed_over(void **state)
{
    bool made = false;
    begin_choosing(state);
    know_so(1, false, MESH_MAY);
    know_so(2, false, MESH_MAY_NOT);
    tick_at(now_ms);
    for (size_t i = 0; i < up.n; i++) {
        made = made || up.actions[i].kind == MESH_DO_LINK;
        assert_true(made || up.actions[i].kind != MESH_DO_SUBSCRIBE);
    }
    assert_true(made);
}

static void configured_links_count_and_three_are_chosen_beside(void **state)
{
    begin_choosing(state);
    for (unsigned i = 1; i < MEMBERS; i++)
        know_so(i, i <= LINKS, MESH_MAY);
    tick_at(now_ms);
    note_links();
    assert_int_equal(count_links(1, LINKS + 1), 0);
    assert_int_equal(count_links(LINKS + 1, MEMBERS), OWN);
}

static void a_dead_link_is_given_up_for_another_and_not_taken_again_soon(void **state)
{
    unsigned dead;
    (void)state;
    all_up();
    dead = a_link_that_stays();
    link_to(dead, false);
    tick_in(LONG_MS / 2);
    assert_true(linked[dead]);
    tick_in(LONG_MS);
    assert_false(linked[dead]);
    assert_int_equal(count_links(1, MEMBERS), LINKS);
    all_up();
    tick_in(200000);
    assert_false(linked[dead]);
}

/* Time passes, and those that are linked to ask over links of their own, but for one. */
static void asked_in(int64_t ms, unsigned but)
{
    struct message m = { .kind = MESSAGE_HAVE };

    for (int64_t end_ms = now_ms + ms; now_ms < end_ms;) {
        tick_in(5000);
        for (unsigned i = 1; i < MEMBERS; i++) {
            if (!linked[i] || i == but)
                continue;
            message(MESH_ASK, i, &m);
            note_links();
        }
    }
}

/* It has as many as it takes. */
static void who_does_not_link_in_return_is_given_up_for_another(void **state)
{
    unsigned one;
    (void)state;
    all_up();
    one = a_link_that_stays();
    asked_in(30000, one);
    assert_false(linked[one]);
    assert_int_equal(count_links(1, MEMBERS), LINKS);
}

static void but_not_the_one_that_wanders_on_anyway(void **state)
{
    unsigned one;
    (void)state;
    all_up();
    one = the_link_that_wanders();
    asked_in(30000, one);
    assert_true(linked[one]);
}

static void in_a_small_coalition_it_stays(void **state)
{
    begin_choosing(state);
    for (unsigned i = 1; i <= LINKS; i++)
        know_so(i, false, MESH_MAY_FIRST);
    know_so(LINKS + 1, false, MESH_MAY);
    tick_at(now_ms);
    note_links();
    tick_in(25000);
    all_up();
    bool before[MEMBERS];
    memcpy(before, linked, sizeof before);
    tick_in(60000);
    assert_memory_equal(before, linked, sizeof before);
}

static void a_short_outage_changes_nothing(void **state)
{
    bool before[MEMBERS];
    (void)state;
    all_up();
    memcpy(before, linked, sizeof before);
    for (unsigned i = 1; i < MEMBERS; i++) {
        if (linked[i])
            link_to(i, false);
    }
    tick_in(LONG_MS / 2);
    all_up();
    asked_in(LONG_MS, 0);
    assert_memory_equal(before, linked, sizeof before);
}

static void with_nobody_else_to_be_had_a_dead_link_stays(void **state)
{
    begin_choosing(state);
    for (unsigned i = 1; i <= 4; i++)
        know_so(i, false, MESH_MAY_FIRST);
    tick_at(now_ms);
    note_links();
    assert_int_equal(count_links(1, MEMBERS), 4);
    tick_in(10 * LONG_MS);
    assert_int_equal(count_links(1, MEMBERS), 4);
}

static void who_links_to_us_is_linked_to_in_return_up_to_a_bound(void **state)
{
    (void)state;
    struct message m = { .kind = MESSAGE_HAVE };
    all_up();
    for (unsigned i = 1; i < MEMBERS; i++) {
        if (linked[i])
            continue;
        message(MESH_ASK, i, &m);
        note_links();
    }
    assert_int_equal(count_links(1, MEMBERS), LINKS + 2);
    all_up();
    tick_in(LONG_MS + 30000);                                  /* they went away again */
    assert_int_equal(count_links(1, MEMBERS), LINKS);
}

static void who_may_not_or_cannot_be_linked_is_not(void **state)
{
    begin_choosing(state);
    people[1].record.repair[0] = '\0';                         /* none to connect to */
    know(1, false);
    assert_int_equal(mesh_member_may_link(mesh, people[1].record.root, MESH_MAY), 0);
    for (unsigned i = 2; i < 5; i++)
        know_so(i, false, i == 2 ? MESH_MAY : MESH_MAY_NOT);
    tick_at(now_ms);
    note_links();
    assert_int_equal(count_links(1, MEMBERS), 1);
    assert_int_equal(mesh_member_may_link(mesh, people[2].record.root, MESH_MAY_NOT), 0);
    tick_at(now_ms);
    note_links();
    assert_int_equal(count_links(1, MEMBERS), 0);
}

static void what_the_operator_says_later_holds(void **state)
{
    unsigned who = a_link_that_stays();
    (void)state;
    know(who, true);
    tick_at(now_ms);
    assert_null(action(MESH_DO_UNLINK));
    know(who, false);
    tick_at(now_ms);
    assert_true(count_actions(MESH_DO_UNSUBSCRIBE) > 0);       /* it is no link of the core's own any more */
}

/* It came by chance, and nothing was subscribed to over it. */
static void whom_the_operator_wants_while_it_is_visited_is_subscribed_to(void **state)
{
    unsigned who = the_link_that_wanders();
    (void)state;
    know(who, true);
    tick_at(now_ms);
    assert_null(action(MESH_DO_UNLINK));
    assert_true(is_subscribed_over(who, who));
    know(who, false);
    tick_at(now_ms);
    assert_true(count_actions(MESH_DO_UNSUBSCRIBE) > 0);
}

static void whom_the_operator_wants_after_it_was_visited_is_subscribed_to(void **state)
{
    unsigned who = the_link_that_wanders();
    (void)state;
    for (int i = 0; linked[who] && i < 10; i++) {
        all_up();
        tick_in(LONG_MS);
    }
    assert_false(linked[who]);
    know(who, true);
    tick_at(now_ms);
    assert_true(is_subscribed_over(who, who));
}

static void another_number_of_links_holds_at_once(void **state)
{
    (void)state;
    tick_in(LONG_MS);
    assert_int_equal(count_links(1, MEMBERS), LINKS);
    mesh_links(mesh, LINKS + 4);
    tick_in(LONG_MS);
    assert_int_equal(count_links(1, MEMBERS), LINKS + 4);
    mesh_links(mesh, OWN + 1);
    tick_at(now_ms + 1);
    note_links();
    assert_int_equal(count_links(1, MEMBERS), OWN + 1);
    mesh_links(mesh, 0);
    tick_at(now_ms + 1);
    note_links();
    assert_int_equal(count_links(1, MEMBERS), 0);
    tick_in(LONG_MS);
    assert_int_equal(count_links(1, MEMBERS), 0);
}

static void a_forgotten_member_is_unlinked(void **state)
{
    unsigned who = some_link();
    (void)state;
    mesh_member_drop(mesh, people[who].record.root);
    tick_at(now_ms);
    note_links();
    assert_false(linked[who]);
}

#define MANY(name) cmocka_unit_test_setup_teardown(name, begin_many, end)
#define OTHER(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MANY(another_number_of_links_holds_at_once),
        MANY(it_has_as_many_links_as_asked_for_and_some_by_chance),
        MANY(one_of_the_links_wanders),
        OTHER(at_first_half_of_the_links_are_left_to_others),
        OTHER(who_is_visited_for_a_short_time_is_not_subscribed_to),
        OTHER(a_link_is_made_before_it_is_subscribed_over),
        OTHER(configured_links_count_and_three_are_chosen_beside),
        MANY(a_dead_link_is_given_up_for_another_and_not_taken_again_soon),
        MANY(a_short_outage_changes_nothing),
        MANY(who_does_not_link_in_return_is_given_up_for_another),
        MANY(but_not_the_one_that_wanders_on_anyway),
        OTHER(in_a_small_coalition_it_stays),
        OTHER(with_nobody_else_to_be_had_a_dead_link_stays),
        MANY(who_links_to_us_is_linked_to_in_return_up_to_a_bound),
        OTHER(who_may_not_or_cannot_be_linked_is_not),
        MANY(what_the_operator_says_later_holds),
        MANY(whom_the_operator_wants_while_it_is_visited_is_subscribed_to),
        MANY(whom_the_operator_wants_after_it_was_visited_is_subscribed_to),
        MANY(a_forgotten_member_is_unlinked),
    };

    return cmocka_run_group_tests(tests, people_make, people_free);
}
