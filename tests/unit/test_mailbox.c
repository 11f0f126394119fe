/* The mailbox: a bounded queue from many threads to one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "node/mailbox.h"

struct value {
    uint32_t sender;
    uint32_t number;
    char text[24];
};

static bool readable(const struct mailbox *m)
{
    struct pollfd p = {.fd = mailbox_fd(m), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void values_come_out_in_the_order_they_went_in(void **state)
{
    struct mailbox *m = mailbox_create(sizeof(struct value), 1000);
    size_t n;
    struct value *got;
    (void)state;
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(mailbox_put(m, &(struct value){.number = i, .text = "a value"}), 0);
    got = mailbox_take(m, &n);
    assert_int_equal(n, 300);
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(got[i].number, i);
        assert_string_equal(got[i].text, "a value");
    }
    mailbox_take(m, &n);
    assert_int_equal(n, 0);
    mailbox_destroy(&m, NULL);
    assert_null(m);
}

static void what_was_taken_stays_valid_while_others_put(void **state)
{
    struct mailbox *m = mailbox_create(sizeof(uint32_t), 1000);
    size_t n;
    uint32_t *got;
    (void)state;
    assert_int_equal(mailbox_put(m, &(uint32_t){7}), 0);
    got = mailbox_take(m, &n);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(mailbox_put(m, &i), 0);
    assert_int_equal(n, 1);
    assert_int_equal(got[0], 7);
    mailbox_destroy(&m, NULL);
}

static void a_full_mailbox_refuses_and_takes_again_when_emptied(void **state)
{
    struct mailbox *m = mailbox_create(sizeof(uint32_t), 3);
    uint32_t many[4] = {1, 2, 3, 4};
    size_t n;
    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(mailbox_put(m, &i), 0);
    assert_int_equal(mailbox_put(m, &(uint32_t){9}), -EAGAIN);
    mailbox_take(m, &n);
    assert_int_equal(n, 3);
    assert_int_equal(mailbox_put_many(m, many, 3), 0);
    assert_int_equal(mailbox_put(m, &(uint32_t){9}), -EAGAIN);
    mailbox_destroy(&m, NULL);
}

static void several_values_go_in_all_or_none(void **state)
{
    struct mailbox *m = mailbox_create(sizeof(uint32_t), 5);
    uint32_t many[4] = {1, 2, 3, 4};
    size_t n;
    uint32_t *got;
    (void)state;
    assert_int_equal(mailbox_put_many(m, many, 4), 0);
    assert_int_equal(mailbox_put_many(m, many, 2), -EAGAIN);
    assert_int_equal(mailbox_put_many(m, many, 0), 0);
    assert_int_equal(mailbox_put_many(m, many, 1), 0);
    got = mailbox_take(m, &n);
    assert_int_equal(n, 5);
    assert_int_equal(got[3], 4);
    assert_int_equal(got[4], 1);
    mailbox_destroy(&m, NULL);
}

static void the_descriptor_is_readable_while_something_waits(void **state)
{
    struct mailbox *m = mailbox_create(sizeof(uint32_t), 5);
    size_t n;
    (void)state;
    assert_false(readable(m));
    mailbox_put(m, &(uint32_t){1});
    assert_true(readable(m));
    mailbox_put(m, &(uint32_t){2});
    assert_true(mailbox_wait(m, 0));
    assert_true(readable(m));
    mailbox_take(m, &n);
    assert_int_equal(n, 2);
    assert_false(readable(m));
    mailbox_put(m, &(uint32_t){3});
    assert_true(readable(m));
    mailbox_destroy(&m, NULL);
}

static void waiting_ends_without_a_value_when_the_time_is_over(void **state)
{
    struct mailbox *m = mailbox_create(sizeof(uint32_t), 5);
    (void)state;
    assert_false(mailbox_wait(m, 0));
    assert_false(mailbox_wait(m, 3));
    mailbox_destroy(&m, NULL);
}

static int dropped;
static void count_drop(void *item)
{
    struct value *v = item;
    dropped += (int)v->number;
}

static void what_was_never_taken_is_dropped_at_the_end(void **state)
{
    struct mailbox *m = mailbox_create(sizeof(struct value), 10);
    size_t n;
    (void)state;
    dropped = 0;
    mailbox_put(m, &(struct value){.number = 1});
    mailbox_take(m, &n);
    mailbox_put(m, &(struct value){.number = 10});
    mailbox_put(m, &(struct value){.number = 100});
    mailbox_destroy(&m, count_drop);
    assert_int_equal(dropped, 110);
    mailbox_destroy(&m, count_drop);
}

static void sizes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    assert_null(mailbox_create(0, 1));
    assert_null(mailbox_create(1, 0));
    assert_null(mailbox_create(SIZE_MAX / 2, 3));
}

enum { SENDERS = 4, EACH = 20000 };

struct sender {
    struct mailbox *m;
    uint32_t id;
    uint64_t refused;
};

static void *send_all(void *arg)
{
    struct sender *s = arg;
    for (uint32_t i = 0; i < EACH; i++) {
        while (mailbox_put(s->m, &(struct value){.sender = s->id, .number = i}) == -EAGAIN)
            s->refused++;
    }
    return NULL;
}

static void nothing_is_lost_or_reordered_between_threads(void **state)
{
    struct mailbox *m = mailbox_create(sizeof(struct value), 100);
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    uint32_t next[SENDERS] = {0};
    size_t total = 0;
    (void)state;
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.m = m, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    while (total < (size_t)SENDERS * EACH) {
        size_t n;
        struct value *got;
        assert_true(mailbox_wait(m, -1));
        got = mailbox_take(m, &n);
        assert_true(n <= 100);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(got[i].number, next[got[i].sender]++);
        total += n;
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    mailbox_destroy(&m, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_out_in_the_order_they_went_in),
        cmocka_unit_test(what_was_taken_stays_valid_while_others_put),
        cmocka_unit_test(a_full_mailbox_refuses_and_takes_again_when_emptied),
        cmocka_unit_test(several_values_go_in_all_or_none),
        cmocka_unit_test(the_descriptor_is_readable_while_something_waits),
        cmocka_unit_test(waiting_ends_without_a_value_when_the_time_is_over),
        cmocka_unit_test(what_was_never_taken_is_dropped_at_the_end),
        cmocka_unit_test(sizes_that_make_no_sense_are_refused),
        cmocka_unit_test(nothing_is_lost_or_reordered_between_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
