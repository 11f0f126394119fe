/* Sender rewriting: proto/srs.h. The texts of others were made by Exim 4.96 and postsrsd 1.10 on day 20782, with the secret "SECRET";
 * tests/e2e/test_srs.py asks the programs themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/srs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { TODAY = 20782 };

static const struct srs by_exim = { .style = SRS_EXIM, .valid_days = 10, .secrets_n = 1, .secrets = { "SECRET" } };
static const struct srs by_postsrsd = { .style = SRS_POSTSRSD, .valid_days = 10, .secrets_n = 1, .secrets = { "SECRET" } };

static const char *forward(const struct srs *s, const char *addr, const char *domain)
{
    static char out[SRS_ADDRESS_MAX + 1];
    static char said[64];
    const char *why = "";
    if (srs_forward(s, addr, strlen(addr), domain, strlen(domain), TODAY, out, &why) == 0)
        return out;
    snprintf(said, sizeof said, "error: %s", why);
    return said;
}

static const char *reverse_on(const struct srs *s, const char *addr, int64_t day)
{
    static char out[SRS_INPUT_MAX + 1];
    static char said[64];
    const char *why = "";
    if (srs_reverse(s, addr, strlen(addr), day, out, &why) == 0)
        return out;
    snprintf(said, sizeof said, "error: %s", why);
    return said;
}

static const char *reverse(const struct srs *s, const char *addr)
{
    return reverse_on(s, addr, TODAY);
}

static void what_exim_writes_is_written(void **state)
{
    (void)state;
    assert_string_equal(forward(&by_exim, "user@example.com", "fwd.example"), "SRS0=b2e3=jo=example.com=user@fwd.example");
    assert_string_equal(forward(&by_exim, "User@Example.COM", "fwd.example"), "SRS0=b2e3=jo=Example.COM=User@fwd.example");
    assert_string_equal(forward(&by_exim, "\"a b\"@example.com", "fwd.example"), "\"SRS0=17f7=jo=example.com=a b\"@fwd.example");
    assert_string_equal(forward(&by_exim, "user@fwd.example", "fwd.example"), "SRS0=6e38=jo=fwd.example=user@fwd.example");
}

static void what_postsrsd_writes_is_written(void **state)
{
    (void)state;
    assert_string_equal(forward(&by_postsrsd, "User@Example.COM", "fwd.example"), "SRS0=xMK7=JO=Example.COM=User@fwd.example");
    assert_string_equal(forward(&by_postsrsd, "SRS0=b2e3=jo=example.com=user@other.example", "fwd.example"),
                        "SRS1=U48g=other.example==b2e3=jo=example.com=user@fwd.example");
    assert_string_equal(forward(&by_postsrsd, "SRS1=b2e3=first.example==XXXX=jo=example.com=user@other.example", "fwd.example"),
                        "SRS1=TZAh=first.example==XXXX=jo=example.com=user@fwd.example");
}

static void both_styles_are_read_by_both(void **state)
{
    static const struct { const char *from, *to; } cases[] = {
        { "SRS0=b2e3=jo=Example.COM=User@fwd.example", "User@Example.COM" },
        { "SRS0=xMK7=JO=Example.COM=User@fwd.example", "User@Example.COM" },
        { "\"SRS0=17f7=jo=example.com=a b\"@fwd.example", "\"a b\"@example.com" },
        { "SRS1=U48g=other.example==b2e3=jo=example.com=user@fwd.example", "SRS0=b2e3=jo=example.com=user@other.example" },
        { "SRS1=TZAh=first.example==XXXX=jo=example.com=user@fwd.example", "SRS0=XXXX=jo=example.com=user@first.example" },
        { "SRS0+b2e3=jo=example.com=user@fwd.example", "user@example.com" },
        { "SRS0-b2e3=jo=example.com=user@fwd.example", "user@example.com" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(reverse(&by_exim, cases[i].from), cases[i].to);
        assert_string_equal(reverse(&by_postsrsd, cases[i].from), cases[i].to);
    }
}

static void what_is_forwarded_comes_back(void **state)
{
    static const char *const senders[] = {
        "user@example.com", "User.Name+tag@Mail.Example.COM", "a=b=c@example.com", "=@example.com", "prvs=123456789@example.com",
        "\"a b\"@example.com", "\"a\\\"b\\\\c\"@example.com", "\"a..b\"@example.com", "\"a@b\"@example.com", "user@[192.0.2.1]", "user@[IPv6:2001:db8::1]",
        ("j\xc3\xbcrgen@b\xc3\xbc" "cher.example"), "SRS0@example.com", "srs0=short@example.com", "SRS1=x@example.com",
        "SRS0=abcd=AA=x.example=u@example.com", "SRS0-abcd=AA=x.example=u=v@example.com",
    };
    const struct srs *const styles[] = { &by_exim, &by_postsrsd };
    (void)state;
    for (size_t i = 0; i < COUNT(senders); i++) {
        for (size_t j = 0; j < COUNT(styles); j++) {
            char there[SRS_ADDRESS_MAX + 1];
            strcpy(there, forward(styles[j], senders[i], "fwd.example"));
            if (strcmp(reverse(styles[1 - j], there), senders[i]) != 0)
                fail_msg("%s went out as %s and came back as %s", senders[i], there, reverse(styles[1 - j], there));
        }
    }
}

static void needless_quotes_are_dropped(void **state)
{
    (void)state;
    assert_string_equal(forward(&by_exim, "\"user\"@example.com", "fwd.example"), "SRS0=b2e3=jo=example.com=user@fwd.example");
}

static void a_host_that_folds_case_does_no_harm(void **state)
{
    static const char *const forwarded[] = {
        "SRS0=b2e3=jo=example.com=user@fwd.example", "SRS0=xMK7=JO=Example.COM=User@fwd.example",
        "SRS1=U48g=other.example==b2e3=jo=example.com=user@fwd.example",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(forwarded); i++) {
        char small[SRS_ADDRESS_MAX + 1] = "", large[SRS_ADDRESS_MAX + 1] = "";
        for (size_t j = 0; forwarded[i][j] != '\0'; j++) {
            small[j] = (char)tolower(forwarded[i][j]);
            large[j] = (char)toupper(forwarded[i][j]);
        }
        assert_memory_not_equal(reverse(&by_exim, small), "error:", 6);
        assert_memory_not_equal(reverse(&by_exim, large), "error:", 6);
    }
}

static void the_first_hop_is_kept_however_many_follow(void **state)
{
    char second[SRS_ADDRESS_MAX + 1], third[SRS_ADDRESS_MAX + 1];
    (void)state;
    strcpy(second, forward(&by_exim, "SRS0=abcd=AA=x.example=u@first.example", "second.example"));
    strcpy(third, forward(&by_exim, second, "third.example"));
    assert_non_null(strstr(third, "=first.example==abcd=AA=x.example=u@third.example"));
    assert_string_equal(reverse(&by_exim, third), "SRS0=abcd=AA=x.example=u@first.example");
}

static void an_empty_sender_stays_empty(void **state)
{
    (void)state;
    assert_string_equal(forward(&by_exim, "", "fwd.example"), "");
    assert_string_equal(forward(&by_exim, "<>", "fwd.example"), "");
}

/* Every digit of every part that is hashed: one bit of another address is another address. */
static void a_changed_address_is_forged(void **state)
{
    static const char *const forwarded[] = { "SRS0=b2e3=jo=example.com=user@fwd.example", "SRS0=xMK7=JO=example.com=user@fwd.example",
                                             "SRS1=U48g=other.example==b2e3=jo=example.com=user@fwd.example" };
    (void)state;
    for (size_t i = 0; i < COUNT(forwarded); i++) {
        for (size_t j = 5; forwarded[i][j] != '@'; j++) {
            char addr[SRS_ADDRESS_MAX + 1];
            strcpy(addr, forwarded[i]);
            addr[j] = addr[j] == 'q' ? 'r' : 'q';
            if (i == 0 && (j == 10 || j == 11))
                continue;              /* Exim's hash is over the address alone: its stamp is anybody's */
            if (strncmp(reverse(&by_exim, addr), "error:", 6) != 0)
                fail_msg("%s was taken", addr);
        }
    }
}

static void another_secret_is_none_of_ours(void **state)
{
    const struct srs other = { .valid_days = 10, .secrets_n = 1, .secrets = { "other" } };
    (void)state;
    assert_string_equal(reverse(&other, "SRS0=b2e3=jo=example.com=user@fwd.example"), "error: forged SRS address");
}

static void the_first_secret_signs_and_all_verify(void **state)
{
    const struct srs rotated = { .valid_days = 10, .secrets_n = 2, .secrets = { "new", "SECRET" } };
    (void)state;
    assert_string_equal(reverse(&rotated, "SRS0=b2e3=jo=example.com=user@fwd.example"), "user@example.com");
    assert_string_not_equal(forward(&rotated, "user@example.com", "fwd.example"), "SRS0=b2e3=jo=example.com=user@fwd.example");
    assert_string_equal(reverse(&rotated, forward(&rotated, "user@example.com", "fwd.example")), "user@example.com");
}

static void an_address_lives_as_long_as_it_may_and_a_clock_may_be_a_day_behind(void **state)
{
    static const char addr[] = "SRS0=xMK7=JO=example.com=user@fwd.example";
    (void)state;
    assert_string_equal(reverse_on(&by_exim, addr, TODAY + 10), "user@example.com");
    assert_string_equal(reverse_on(&by_exim, addr, TODAY + 11), "error: expired SRS address");
    assert_string_equal(reverse_on(&by_exim, addr, TODAY - 1), "user@example.com");
    assert_string_equal(reverse_on(&by_exim, addr, TODAY - 2), "error: expired SRS address");
    assert_string_equal(reverse_on(&by_exim, addr, TODAY + 1024), "user@example.com");      /* stamps come round */
}

static void a_stamp_of_one_digit_is_read(void **state)
{
    char addr[64];
    (void)state;
    snprintf(addr, sizeof addr, "SRS0=b2e3=e=example.com=user@fwd.example");          /* Exim on day 20484, which is 4 modulo 1024 */
    assert_string_equal(reverse_on(&by_exim, addr, 20484), "user@example.com");
    assert_string_equal(reverse_on(&by_exim, addr, 20495), "error: expired SRS address");
}

static void what_is_no_srs_address_is_said_to_be_none(void **state)
{
    static const char *const addrs[] = {
        "", "@", "user", "user@example.com", "SRS0", "SRS0@fwd.example", "SRS0=@fwd.example", "SRS0=b2e3@fwd.example", "SRS0=b2e3=jo@fwd.example",
        "SRS0=b2e3=jo=example.com@fwd.example", "SRS0=b2e3=jo=example.com=@fwd.example", "SRS0=b2e3=jo==user@fwd.example", "SRS0==jo=example.com=user@fwd.example",
        "SRS0=b2e3=j1=example.com=user@fwd.example", "SRS0=b2e3=joo=example.com=user@fwd.example", "SRS0=b2e3==example.com=user@fwd.example",
        "SRS2=b2e3=jo=example.com=user@fwd.example", "SRS1=b2e3=first.example@fwd.example", "SRS1=b2e3=first.example=x@fwd.example",
        "SRS1=b2e3=first.example==@fwd.example", "SRS0=b2e3=jo=exa mple.com=user@fwd.example", "\"SRS0=b2e3=jo=example.com=us\"er\"@fwd.example",
        "\"SRS0=b2e3=jo=example.com=user\\\"@fwd.example",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(addrs); i++) {
        if (strcmp(reverse(&by_exim, addrs[i]), "error: not an SRS address") != 0)
            fail_msg("\"%s\": %s", addrs[i], reverse(&by_exim, addrs[i]));
    }
}

static void a_hash_is_never_short_or_empty(void **state)
{
    (void)state;
    assert_string_equal(reverse(&by_exim, "SRS0=b2e=jo=example.com=user@fwd.example"), "error: forged SRS address");
    assert_string_equal(reverse(&by_exim, "SRS0=b=jo=example.com=user@fwd.example"), "error: forged SRS address");
    assert_string_equal(reverse(&by_exim, "SRS0=b2e3b=jo=example.com=user@fwd.example"), "error: forged SRS address");
}

static void what_is_no_address_is_not_forwarded(void **state)
{
    static const char *const addrs[] = { "user", "@example.com", "user@", "us er@example.com", "user@exa mple.com", "a@b@example.com", "\"user@example.com",
                                         "\"us\"er\"@example.com", "\"\"@example.com", "user@example.com>", "<user@example.com>", "user@[192.0.2.1" };
    (void)state;
    for (size_t i = 0; i < COUNT(addrs); i++)
        assert_string_equal(forward(&by_exim, addrs[i], "fwd.example"), "error: not an address");
    assert_string_equal(forward(&by_exim, "user@example.com", ""), "error: not a domain to forward from");
    assert_string_equal(forward(&by_exim, "user@example.com", "fwd example"), "error: not a domain to forward from");
}

static void without_secrets_nothing_is_signed_or_read(void **state)
{
    const struct srs none = { .valid_days = 10 };
    (void)state;
    assert_memory_equal(forward(&none, "user@example.com", "fwd.example"), "error: no secrets", 17);
    assert_memory_equal(reverse(&none, "SRS0=b2e3=jo=example.com=user@fwd.example"), "error: no secrets", 17);
}

static void an_address_is_as_long_as_a_path_may_be(void **state)
{
    char addr[SRS_INPUT_MAX + 32];
    const size_t added = strlen("SRS0=b2e3=jo=") + strlen("@fwd.example");
    (void)state;
    memset(addr, 'a', sizeof addr);
    strcpy(addr + SRS_ADDRESS_MAX - added - strlen("@example.com"), "@example.com");
    assert_int_equal(strlen(forward(&by_exim, addr, "fwd.example")), SRS_ADDRESS_MAX);
    assert_string_equal(reverse(&by_exim, forward(&by_exim, addr, "fwd.example")), addr);
    assert_string_equal(forward(&by_exim, addr, "fwdd.example"), "error: address too long");
    memset(addr, 'a', sizeof addr);
    strcpy(addr + SRS_INPUT_MAX + 1 - strlen("@example.com"), "@example.com");
    assert_string_equal(forward(&by_exim, addr, "fwd.example"), "error: address too long");
    assert_string_equal(reverse(&by_exim, addr), "error: address too long");
}

static void a_failure_leaves_the_result_alone(void **state)
{
    char out[SRS_INPUT_MAX + 1] = "as it was";
    const char *why;
    (void)state;
    assert_int_equal(srs_reverse(&by_exim, "SRS0=ffff=jo=example.com=user@f.example", 39, TODAY, out, &why), -EACCES);
    assert_int_equal(srs_reverse(&by_exim, "SRS0=xMK7=JO=example.com=user@f.example", 39, TODAY + 20, out, &why), -ESTALE);
    assert_int_equal(srs_reverse(&by_exim, "user@f.example", 14, TODAY, out, &why), -EINVAL);
    assert_int_equal(srs_forward(&by_exim, "user", 4, "f.example", 9, TODAY, out, &why), -EINVAL);
    assert_string_equal(out, "as it was");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_exim_writes_is_written),
        cmocka_unit_test(what_postsrsd_writes_is_written),
        cmocka_unit_test(both_styles_are_read_by_both),
        cmocka_unit_test(what_is_forwarded_comes_back),
        cmocka_unit_test(needless_quotes_are_dropped),
        cmocka_unit_test(a_host_that_folds_case_does_no_harm),
        cmocka_unit_test(the_first_hop_is_kept_however_many_follow),
        cmocka_unit_test(an_empty_sender_stays_empty),
        cmocka_unit_test(a_changed_address_is_forged),
        cmocka_unit_test(another_secret_is_none_of_ours),
        cmocka_unit_test(the_first_secret_signs_and_all_verify),
        cmocka_unit_test(an_address_lives_as_long_as_it_may_and_a_clock_may_be_a_day_behind),
        cmocka_unit_test(a_stamp_of_one_digit_is_read),
        cmocka_unit_test(what_is_no_srs_address_is_said_to_be_none),
        cmocka_unit_test(a_hash_is_never_short_or_empty),
        cmocka_unit_test(what_is_no_address_is_not_forwarded),
        cmocka_unit_test(without_secrets_nothing_is_signed_or_read),
        cmocka_unit_test(an_address_is_as_long_as_a_path_may_be),
        cmocka_unit_test(a_failure_leaves_the_result_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
