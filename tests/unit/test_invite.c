/* Invites: proto/invite.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/invite.h"
#include "tests/identities.h"

enum { NOW_S = 1800000000 };

static struct identity *id;

static int begin(void **state)
{
    (void)state;
    id = fixed_identity();
    return 0;
}

static int end(void **state)
{
    (void)state;
    identity_destroy(&id);
    return 0;
}

static struct invite plain_invite(void)
{
    struct invite i = { .frame_len = sizeof i.frame, .federation = "example-coalition", .expires_s = NOW_S };
    struct record *r = &i.record;
    identity_into_record(id, r);
    strcpy(r->name, "mx.a.example");
    strcpy(r->publish, "tcp://mx.a.example:4441");
    strcpy(r->repair, "tcp://mx.a.example:4442");
    r->serial = 1;
    r->not_after_s = 1807776000;
    memset(i.curve_secret, 7, KEY_BYTES);
    assert_int_equal(record_seal(r, id, i.frame, &i.frame_len), 0);
    return i;
}

static void what_was_sealed_is_opened(void **state)
{
    struct invite i = plain_invite(), again;
    char text[INVITE_TEXT_MAX];
    (void)state;
    assert_int_equal(invite_seal(&i, id, text, sizeof text), 0);
    assert_memory_equal(text, "hearsay-invite1:", 16);
    assert_null(strpbrk(text, " \n\t+/="));
    assert_int_equal(invite_open(text, &again), 0);
    assert_string_equal(again.record.name, "mx.a.example");
    assert_string_equal(again.record.repair, "tcp://mx.a.example:4442");
    assert_string_equal(again.federation, "example-coalition");
    assert_memory_equal(again.curve_secret, i.curve_secret, KEY_BYTES);
    assert_int_equal(again.expires_s, NOW_S);
    assert_int_equal(again.frame_len, i.frame_len);
    assert_memory_equal(again.frame, i.frame, i.frame_len);
    strcat(text, " \r\n");
    assert_int_equal(invite_open(text, &again), 0);
}

static void any_changed_or_missing_letter_is_seen(void **state)
{
    struct invite i = plain_invite(), again = { .frame_len = 77 };
    char text[INVITE_TEXT_MAX];
    (void)state;
    assert_int_equal(invite_seal(&i, id, text, sizeof text), 0);
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at++) {
        char was = text[at];
        text[at] = was == 'A' ? 'B' : 'A';
        int rc = invite_open(text, &again);
        if (rc != -EINVAL && rc != -EBADMSG)
            fail_msg("letter %zu: got %d", at, rc);
        text[at] = was;
    }
    for (size_t at = 0; at < len; at++) {
        char was = text[at];
        text[at] = '\0';
        assert_true(invite_open(text, &again) < 0);
        text[at] = was;
    }
    assert_int_equal(again.frame_len, 77);
}

static void what_is_no_invite_is_said_so(void **state)
{
    static const char *const words[] = { "", "hearsay-invite1:", "hearsay1:AAAA", "hearsay-invite1:AAAA", "hearsay-invite1:A", "hearsay-invite2:AAAA", "hello" };
    struct invite i;
    char text[8192];
    (void)state;
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        assert_int_equal(invite_open(words[w], &i), -EINVAL);
    memset(text, 'A', sizeof text - 1);
    memcpy(text, "hearsay-invite1:", 16);
    text[sizeof text - 1] = '\0';
    assert_int_equal(invite_open(text, &i), -EINVAL);
}

static void only_the_member_that_it_names_can_make_one(void **state)
{
    struct invite i = plain_invite();
    struct identity *other = test_identity(0);
    char text[INVITE_TEXT_MAX];
    (void)state;
    assert_int_equal(invite_seal(&i, other, text, sizeof text), -EINVAL);
    identity_destroy(&other);
    i.expires_s = 0;
    assert_int_equal(invite_seal(&i, id, text, sizeof text), -EINVAL);
    i = plain_invite();
    assert_int_equal(invite_seal(&i, id, text, 100), -ENOBUFS);
}

static void a_member_that_cannot_be_reached_cannot_invite(void **state)
{
    struct invite i = plain_invite(), again;
    char text[INVITE_TEXT_MAX];
    (void)state;
    i.record.repair[0] = '\0';
    i.frame_len = sizeof i.frame;
    assert_int_equal(record_seal(&i.record, id, i.frame, &i.frame_len), 0);
    assert_int_equal(invite_seal(&i, id, text, sizeof text), 0);
    assert_int_equal(invite_open(text, &again), -EINVAL);
}

static void the_documented_invite_is_what_it_says(void **state)
{
    char line[INVITE_TEXT_MAX + 2] = "";
    struct invite i;
    FILE *f = fopen(SOURCE_DIR "/proto/PROTOCOL.md", "r");
    (void)state;
    assert_non_null(f);
    while (strcmp(line, "```invite\n") != 0)
        assert_non_null(fgets(line, sizeof line, f));
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    assert_int_equal(invite_open(line, &i), 0);
    assert_memory_equal(i.record.root, identity_root(id), KEY_BYTES);
    assert_string_equal(i.federation, "example-coalition");
    assert_int_equal(i.curve_secret[0], 7);
    assert_int_equal(i.expires_s, NOW_S + 86400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_is_opened),
        cmocka_unit_test(any_changed_or_missing_letter_is_seen),
        cmocka_unit_test(what_is_no_invite_is_said_so),
        cmocka_unit_test(only_the_member_that_it_names_can_make_one),
        cmocka_unit_test(a_member_that_cannot_be_reached_cannot_invite),
        cmocka_unit_test(the_documented_invite_is_what_it_says),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
