/* The resolver: names to addresses on threads of its own. No name server is asked: addresses are names, too, and localhost is in a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "node/mesh_resolve.h"

/* What was told, and a gate that holds the resolver's threads while it is shut. */
struct ear {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool shut;
    size_t told;
    struct resolved last;
};

static void hear(void *ctx, const struct resolved *answer)
{
    struct ear *e = ctx;

    pthread_mutex_lock(&e->lock);
    while (e->shut)
        pthread_cond_wait(&e->changed, &e->lock);
    e->last = *answer;
    e->told++;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

static size_t wait_for(struct ear *e, size_t told)
{
    pthread_mutex_lock(&e->lock);
    while (e->told < told)
        pthread_cond_wait(&e->changed, &e->lock);
    told = e->told;
    pthread_mutex_unlock(&e->lock);
    return told;
}

static void open_gate(struct ear *e)
{
    pthread_mutex_lock(&e->lock);
    e->shut = false;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

#define EAR(e, is_shut) struct ear e = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .shut = (is_shut) }

static void an_address_is_its_own_answer(void **state)
{
    static const char *const addrs[] = { "192.0.2.7", "2001:db8::7" };
    EAR(e, false);
    struct resolver *r = resolver_create(hear, &e);
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(resolver_ask(r, addrs[i]), 0);
        wait_for(&e, i + 1);
        assert_string_equal(e.last.host, addrs[i]);
        assert_int_equal(e.last.n, 1);
        assert_string_equal(e.last.addrs[0], addrs[i]);
    }
    resolver_destroy(&r);
    assert_null(r);
}

static void an_address_is_told_once_however_often_it_was_found(void **state)
{
    EAR(e, false);
    struct resolver *r = resolver_create(hear, &e);
    (void)state;
    assert_int_equal(resolver_ask(r, "localhost"), 0);
    wait_for(&e, 1);
    assert_in_range(e.last.n, 1, RESOLVE_ADDRS_MAX);
    for (size_t i = 0; i < e.last.n; i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(e.last.addrs[i], e.last.addrs[j]);
    }
    resolver_destroy(&r);
}

static void what_is_no_name_has_a_reason_in_place_of_addresses(void **state)
{
    EAR(e, false);
    struct resolver *r = resolver_create(hear, &e);
    (void)state;
    assert_int_equal(resolver_ask(r, "2001:db8::7::9"), 0);
    wait_for(&e, 1);
    assert_int_equal(e.last.n, 0);
    assert_true(e.last.problem[0] != '\0');
    resolver_destroy(&r);
}

static void each_of_many_names_is_answered_once(void **state)
{
    enum { NAMES = 200 };
    EAR(e, false);
    struct resolver *r = resolver_create(hear, &e);
    char host[16];
    (void)state;
    for (int i = 0; i < NAMES; i++) {
        snprintf(host, sizeof host, "192.0.2.%d", i);
        assert_int_equal(resolver_ask(r, host), 0);
    }
    assert_int_equal(wait_for(&e, NAMES), NAMES);
    resolver_destroy(&r);
    assert_int_equal(e.told, NAMES);
}

static void one_name_too_many_is_refused_until_there_is_room(void **state)
{
    EAR(e, true);
    struct resolver *r = resolver_create(hear, &e);
    char host[16];
    unsigned taken = 0;
    int rc = 0;
    (void)state;
    /* The threads stand at the gate with one answer each; all others wait. */
    for (unsigned i = 0; rc == 0 && i < 2 * RESOLVE_WAITING_MAX; i++) {
        snprintf(host, sizeof host, "198.51.%u.%u", i / 200, i % 200);
        rc = resolver_ask(r, host);
        taken += rc == 0;
    }
    assert_int_equal(rc, -EAGAIN);
    assert_in_range(taken, RESOLVE_WAITING_MAX, RESOLVE_WAITING_MAX + RESOLVE_THREADS_MAX);
    open_gate(&e);
    wait_for(&e, taken);
    assert_int_equal(resolver_ask(r, "192.0.2.7"), 0);
    wait_for(&e, taken + 1);
    resolver_destroy(&r);
}

static void a_name_of_any_length_does_no_harm(void **state)
{
    char host[NAME_MAX_BYTES + 20];
    EAR(e, false);
    struct resolver *r = resolver_create(hear, &e);
    (void)state;
    memset(host, 'a', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_int_equal(resolver_ask(r, host), -EAGAIN);
    resolver_destroy(&r);
}

static void nothing_is_told_after_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        EAR(e, false);
        struct resolver *r = resolver_create(hear, &e);
        size_t told;
        for (int j = 0; j < 20; j++) {
            char host[16];
            snprintf(host, sizeof host, "192.0.2.%d", j);
            assert_int_equal(resolver_ask(r, host), 0);
        }
        resolver_destroy(&r);
        told = e.told;                 /* no lock: whoever tells now is the fault that is looked for */
        assert_true(told <= 20);
    }
    resolver_destroy(&(struct resolver *){ NULL });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_its_own_answer),
        cmocka_unit_test(an_address_is_told_once_however_often_it_was_found),
        cmocka_unit_test(what_is_no_name_has_a_reason_in_place_of_addresses),
        cmocka_unit_test(each_of_many_names_is_answered_once),
        cmocka_unit_test(one_name_too_many_is_refused_until_there_is_room),
        cmocka_unit_test(a_name_of_any_length_does_no_harm),
        cmocka_unit_test(nothing_is_told_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
