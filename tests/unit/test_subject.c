/* Subjects, and the names and networks they are made of: proto/subject.h, proto/name.h, proto/network.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "documented.h"
#include "proto/name.h"
#include "proto/network.h"
#include "proto/subject.h"

static const uint8_t no_key[HASH_BYTES];

static int parse(const char *text, struct subject *out, const char **reason)
{
    return subject_parse(text, strlen(text), no_key, out, reason);
}

struct text_case {
    const char *text, *want;
};

static void assert_texts(const struct text_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct subject s;
        char text[SUBJECT_TEXT_MAX];
        const char *reason = "";
        int rc = parse(cases[i].text, &s, &reason);
        if (rc != 0)
            fail_msg("\"%s\": got %d (%s), want %s", cases[i].text, rc, reason, cases[i].want);
        if (strcmp(subject_text(&s, text), cases[i].want) != 0)
            fail_msg("\"%s\": got %s, want %s", cases[i].text, text, cases[i].want);
    }
}

static void assert_refused(const char *const *texts, size_t n, int code, const char *word)
{
    for (size_t i = 0; i < n; i++) {
        struct subject s, before;
        const char *reason = "";
        memset(&s, 0x5a, sizeof s);
        before = s;
        int rc = parse(texts[i], &s, &reason);
        if (rc != code || strcmp(reason, word) != 0)
            fail_msg("\"%s\": got %d (%s), want %d (%s)", texts[i], rc, reason, code, word);
        assert_memory_equal(&s, &before, sizeof s);
    }
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void an_ipv4_address_is_itself(void **state)
{
    static const struct text_case cases[] = {
        { "192.0.2.7", "192.0.2.7" }, { "1.2.3.4", "1.2.3.4" }, { "223.255.255.255", "223.255.255.255" },
        { "192.0.2.7/32", "192.0.2.7" }, { "203.0.113.0/24", "203.0.113.0/24" }, { "198.51.100.99/24", "198.51.100.0/24" },
        { "9.8.255.255/16", "9.8.0.0/16" }, { "9.8.7.255/31", "9.8.7.254/31" }, { "100.128.0.1", "100.128.0.1" },
        { "172.32.0.1", "172.32.0.1" }, { "198.20.0.0", "198.20.0.0" }, { "192.0.1.0", "192.0.1.0" },
    };
    (void)state;
    assert_texts(cases, COUNT(cases));
}

static void an_ipv6_address_counts_as_its_64(void **state)
{
    static const struct text_case cases[] = {
        { "2001:db8::7", "2001:db8::/64" }, { "2001:DB8:0:0::8", "2001:db8::/64" },
        { "2001:0db8:0000:0000:0000:0000:0000:0007", "2001:db8::/64" },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" }, { "2001:db8:1:2:3:4:5:6/128", "2001:db8:1:2::/64" },
        { "2001:db8:1:2:3::/80", "2001:db8:1:2::/64" }, { "2001:db8:1:2:3::/64", "2001:db8:1:2::/64" },
        { "2001:db8:1:2::/48", "2001:db8:1::/48" }, { "2001:db8:ffff::/33", "2001:db8:8000::/33" },
        { "2001:db8:1::/32", "2001:db8::/32" }, { "2a00::1.2.3.4", "2a00::/64" }, { "2002:c000:207::1", "2002:c000:207::/64" },
    };
    (void)state;
    assert_texts(cases, COUNT(cases));
}

static void every_spelling_of_a_mapped_address_is_the_ipv4_address(void **state)
{
    static const struct text_case cases[] = {
        { "::ffff:203.0.113.77", "203.0.113.77" }, { "::FFFF:cb00:714d", "203.0.113.77" },
        { "0000:0000:0000:0000:0000:ffff:cb00:714d", "203.0.113.77" }, { "0:0:0:0:0:ffff:203.0.113.77", "203.0.113.77" },
        { "::ffff:203.0.113.77/128", "203.0.113.77" }, { "::ffff:203.0.113.77/120", "203.0.113.0/24" },
    };
    (void)state;
    assert_texts(cases, COUNT(cases));
}

static void a_name_is_lower_case_a_labels(void **state)
{
    static const struct text_case cases[] = {
        { "bad.example", "bad.example" }, { "BAD.Example.", "bad.example" }, { "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
        { "B\xc3\x9c" "CHER.Example", "xn--bcher-kva.example" }, { "xn--bcher-kva.example", "xn--bcher-kva.example" },
        { "_dmarc.bad.example", "_dmarc.bad.example" }, { "1-2-3-4.dyn.example", "1-2-3-4.dyn.example" },
        { "7.2.0.192.rev.example", "7.2.0.192.rev.example" }, { "4.example.museum", "4.example.museum" },
        { "example.co.uk", "example.co.uk" }, { "a.b", "a.b" },
    };
    (void)state;
    assert_texts(cases, COUNT(cases));
}

static void what_looks_like_an_address_is_no_name(void **state)
{
    static const char *const texts[] = {
        "1.2.3", "1.2.3.4.5", "999.1.1.1", "256.1.1.1", "0x7f000001", "0x7f.1", "1.2.3.0x4", "2130706433", "1.2.3.4:25", "01.2.3.4",
        "1.2.3.04", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/024", "1.2.3.4/24/24",
        "1.2.3.4/x", "[1.2.3.4]", "[2001:db8::1]", "2001:db8::1%eth0", "2001:db8", "2001:db8:::1", "2001:db8::g", "::ffff:1.2.3.04",
        "2001:db8::/129", "2001:db8::/", ":", "::ffff:1.2.3.4:25", "2001:db8::1:2:3:4:5:6:7:8", "+1.2.3.4", "1.2.3.4a",
        "\xef\xbc\x91.\xef\xbc\x92.\xef\xbc\x93.\xef\xbc\x94",        /* 1.2.3.4 in full-width digits */
    };
    (void)state;
    assert_refused(texts, COUNT(texts), -EINVAL, "not an address or a name");
}

static void what_is_no_name_is_refused(void **state)
{
    static const char *const texts[] = {
        "", ".", "..", "localhorst", "bad..example", ".bad.example", "bad.example..", "-bad.example", "bad-.example", "ba d.example",
        "bad!.example", "bad.example/24", "bad.example:25", "\xff\xfe.example", "bad.1", "bad.123", "bad._tcp", "*.example", "bad.example\n", "sender:",
        "a123456789012345678901234567890123456789012345678901234567890123.example",      /* a label of 64 */
    };
    (void)state;
    assert_refused(texts, COUNT(texts), -EINVAL, "not an address or a name");
}

static void a_name_may_have_253_bytes_and_no_more(void **state)
{
    char text[300] = "";
    struct subject s;
    const char *reason;

    (void)state;
    for (int i = 0; i < 83; i++)
        strcat(text, "aa.");
    strcat(text, "aaaa");
    assert_int_equal(strlen(text), 253);
    assert_int_equal(parse(text, &s, &reason), 0);
    assert_int_equal(s.len, SUBJECT_KEY_MAX);
    strcat(text, ".");
    assert_int_equal(parse(text, &s, &reason), 0);
    text[253] = 'a';
    assert_int_equal(parse(text, &s, &reason), -EINVAL);
}

static void a_nul_within_is_refused(void **state)
{
    struct subject s;
    const char *reason;

    (void)state;
    assert_int_equal(subject_parse("bad.example\0x", 13, no_key, &s, &reason), -EINVAL);
    assert_int_equal(subject_parse("b\xc3\xbc.example\0x", 13, no_key, &s, &reason), -EINVAL);
    assert_int_equal(subject_parse("2001:db8::1\0", 12, no_key, &s, &reason), -EINVAL);
    assert_int_equal(subject_parse("192.0.2.7\0", 10, no_key, &s, &reason), -EINVAL);
}

static void reserved_networks_are_protected(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.0.0.0/8", "127.0.0.1", "127.255.255.255", "100.64.0.1", "100.127.255.255", "169.254.1.1",
        "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255", "192.0.0.0/16", "::", "::1", "::/128", "fe80::1", "febf::1", "fc00::1", "fdff::1", "ff02::1", "100::1",
        "64:ff9b::1.2.3.4", "::1.2.3.4", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.1.2.3", "::ffff:0.0.0.0", "::ffff:0:0/80", "2001::1",
        "2001:10::1", "2002:7f00:1::1", "2002:a00::1", "2002:c0a8::/32", "4000::1", "1fff::1",
    };
    (void)state;
    assert_refused(texts, COUNT(texts), -EACCES, "protected");
}

static void prefixes_wider_than_the_floor_are_too_wide(void **state)
{
    static const char *const texts[] = {
        "9.0.0.0/15", "9.0.0.0/8", "0.0.0.0/0", "192.0.2.7/1", "2001:db8::/31", "2a00::/16", "2000::/3", "::/0", "::ffff:9.0.0.0/104",
        "10.0.0.0/7",                                          /* not all of it is reserved */
    };
    (void)state;
    assert_refused(texts, COUNT(texts), -ERANGE, "too wide");
}

static void public_suffixes_are_too_wide(void **state)
{
    static const char *const texts[] = {
        "com", "UK.", "co.uk", "CO.UK.", "github.io", "compute.amazonaws.com", "xn--55qx5d.cn", "\xe5\x85\xac\xe5\x8f\xb8.cn", "foo.ck",
    };
    (void)state;
    assert_refused(texts, COUNT(texts), -ERANGE, "too wide");
}

static void special_names_are_protected(void **state)
{
    static const char *const texts[] = {
        "localhost", "LocalHost.", "mail.localhost", "localhost.localdomain", "mx.localdomain", "localdomain", "printer.local", "a.b.onion", "arpa", "in-addr.arpa",
        "7.2.0.192.in-addr.arpa", "router.home.arpa", "mail.invalid", "db.corp.internal",
    };
    static const struct text_case ordinary[] = {
        { "bad.test", "bad.test" }, { "bad.example", "bad.example" }, { "example.com", "example.com" }, { "mx.example.net", "mx.example.net" },
        { "example.org", "example.org" }, { "local.example", "local.example" }, { "mylocalhost.example", "mylocalhost.example" }, { "onion.bad.example", "onion.bad.example" },
        { "mail.notlocal", "mail.notlocal" }, { "mail.localhosts", "mail.localhosts" },
    };
    (void)state;
    assert_refused(texts, COUNT(texts), -EACCES, "protected");
    assert_texts(ordinary, COUNT(ordinary));
}

/* A peer sends keys, not texts. */
static void a_key_of_a_special_name_is_reserved(void **state)
{
    static const struct { const char *key; bool reserved; } cases[] = {
        { "\x10" "localhost.localdomain", true }, { "\x10" "mx.local", true }, { "\x10" "7.2.0.192.in-addr.arpa", true }, { "\x10" "x.onion", true },
        { "\x10" "mx.invalid", true }, { "\x10" "mx.internal", true }, { "\x10" "router.home.arpa", true }, { "\x10" "mx.localhost", true },
        { "\x10" "bad.test", false }, { "\x10" "bad.example", false }, { "\x10" "example.com", false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct subject s;
        assert_int_equal(subject_from_key((const uint8_t *)cases[i].key, strlen(cases[i].key), &s), 0);
        if (subject_is_reserved(&s) != cases[i].reserved)
            fail_msg("%s: got %d", cases[i].key + 1, !cases[i].reserved);
    }
}

static void the_relays_of_6to4_are_protected(void **state)
{
    static const char *const inside[] = { "192.88.99.1", "192.88.99.0/24", "192.88.0.0/16" };
    static const struct text_case beside[] = { { "192.88.98.255", "192.88.98.255" }, { "192.88.100.0", "192.88.100.0" } };
    (void)state;
    assert_refused(inside, COUNT(inside), -EACCES, "protected");
    assert_texts(beside, COUNT(beside));
}

static void an_unknown_top_level_domain_makes_nothing_public(void **state)
{
    (void)state;
    assert_false(name_is_public_suffix("bad.example"));
    assert_false(name_is_public_suffix("bad.nosuchtld"));
    assert_false(name_is_public_suffix("www.ck"));             /* an exception of the list */
    assert_true(name_is_public_suffix("co.uk"));
}

static void assert_same_subject(const char *a, const char *b, bool same)
{
    struct subject x, y;
    const char *reason = "";

    if (parse(a, &x, &reason) != 0)
        fail_msg("%s: %s", a, reason);
    if (parse(b, &y, &reason) != 0)
        fail_msg("%s: %s", b, reason);
    if ((subject_compare(&x, &y) == 0) != same)
        fail_msg("%s and %s: want %s", a, b, same ? "one subject" : "two");
}

static void a_sender_is_one_hash_however_it_is_written(void **state)
{
    (void)state;
    assert_same_subject("user@bad.example", "USER@Bad.Example.", true);
    assert_same_subject("user@bad.example", "\"user\"@bad.example", true);
    assert_same_subject("\"us\\er\"@bad.example", "user@bad.example", true);
    assert_same_subject("\"a b\"@bad.example", "\"A\\ b\"@bad.example", true);
    assert_same_subject("\"a@b\"@bad.example", "\"a\\@b\"@bad.example", true);
    assert_same_subject("x@b\xc3\xbc" "cher.example", "x@xn--bcher-kva.example", true);
    assert_same_subject("user@bad.example", "user@worse.example", false);
    assert_same_subject("user@bad.example", "user+1@bad.example", false);
    assert_same_subject("user@co.uk", "user@co.uk", true);     /* a sender at a public suffix is still one sender */
}

static void a_malformed_sender_is_refused(void **state)
{
    static const char *const texts[] = {
        "@", "@bad.example", "user@", "user@localhost", "a b@bad.example", "<user@bad.example>", "user@bad..example", "user@1.2.3.4",
        "user@[192.0.2.1]", "a@b@bad.example", "\"a\"b@bad.example", "\"a\"b\"@bad.example", "\"a\\\"@bad.example", "\"\"@bad.example",
        "\"@bad.example", "a\x01@bad.example", "\"a\x01\"@bad.example", "a\"b@bad.example", "user@bad.example>", "sender:00",
        "sender:0011223344556677889900112233445g",
    };
    (void)state;
    assert_refused(texts, COUNT(texts), -EINVAL, "not a sender address");
}

static void a_sender_of_any_length_is_read_or_refused(void **state)
{
    char text[2048];
    struct subject s;
    const char *reason;

    (void)state;
    for (size_t local = 1; local < 1200; local++) {
        memset(text, 'a', local);
        strcpy(text + local, "@bad.example");
        assert_int_equal(parse(text, &s, &reason), local <= 512 ? 0 : -EINVAL);
    }
}

static void the_secret_and_the_federation_change_sender_hashes(void **state)
{
    uint8_t keys[4][HASH_BYTES];
    struct subject s[4];
    const char *reason;

    (void)state;
    subject_sender_key("a", "", keys[0]);
    subject_sender_key("b", "", keys[1]);
    subject_sender_key("a", "secret", keys[2]);
    subject_sender_key("ase", "cret", keys[3]);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(subject_parse("user@bad.example", 16, keys[i], &s[i], &reason), 0);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(subject_compare(&s[i], &s[j]), 0);
    }
}

static void the_hash_of_a_sender_is_the_documented_one(void **state)
{
    uint8_t key[HASH_BYTES];
    struct subject s;
    const char *reason;
    char text[SUBJECT_TEXT_MAX];
    uint8_t doc[SUBJECT_KEY_MAX];
    size_t doc_len = documented("sender", doc, sizeof doc);

    (void)state;
    subject_sender_key("example-coalition", "secret", key);
    assert_int_equal(subject_parse("User@Bad.Example", 16, key, &s, &reason), 0);
    assert_string_equal(subject_text(&s, text), "sender:5f884b1435f2482250454e960bb6ce8b");
    assert_int_equal(doc_len, s.len);
    assert_memory_equal(doc, s.key, s.len);
}

static void the_text_of_a_subject_reads_back_as_the_subject(void **state)
{
    static const char *const texts[] = {
        "192.0.2.7", "9.8.0.0/16", "2001:db8::7", "2001:db8::/32", "2a00:1:2:3::/64", "bad.example", "b\xc3\xbc.example", "user@bad.example",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct subject s, again;
        char text[SUBJECT_TEXT_MAX];
        const char *reason;
        assert_int_equal(parse(texts[i], &s, &reason), 0);
        assert_int_equal(parse(subject_text(&s, text), &again, &reason), 0);
        assert_memory_equal(&s, &again, sizeof s);
        assert_int_equal(subject_from_key(s.key, s.len, &again), 0);
        assert_memory_equal(&s, &again, sizeof s);
    }
}

static void keys_sort_addresses_in_order(void **state)
{
    static const char *const texts[] = {
        "9.8.0.0/16", "9.8.0.0/24", "9.8.0.0", "9.8.0.1", "11.0.0.0", "203.0.113.9", "2001:db8::/32", "2001:db8::", "2001:db8:1::", "2a00::",
        "a.b", "a.b.c", "aa.b",
    };

    (void)state;
    for (size_t i = 1; i < COUNT(texts); i++) {
        struct subject a, b;
        const char *reason;
        assert_int_equal(parse(texts[i - 1], &a, &reason), 0);
        assert_int_equal(parse(texts[i], &b, &reason), 0);
        if (subject_compare(&a, &b) >= 0 || subject_compare(&b, &a) <= 0)
            fail_msg("%s must come before %s", texts[i - 1], texts[i]);
    }
}

static void a_key_that_is_not_canonical_is_refused(void **state)
{
    static const struct {
        const char *name, *key;
        size_t len;
    } cases[] = {
        { "empty", "", 0 },
        { "unknown kind", "\x05\x09\x08\x07\x06\x20", 6 },
        { "kind zero", "\0\x09\x08\x07\x06\x20", 6 },
        { "IPv4 too short", "\x04\x09\x08\x07\x06", 5 },
        { "IPv4 too long", "\x04\x09\x08\x07\x06\x20\x20", 7 },
        { "IPv4 prefix over 32", "\x04\x09\x08\x07\x06\x21", 6 },
        { "IPv4 prefix under 16", "\x04\x08\0\0\0\x0f", 6 },
        { "IPv4 host bits", "\x04\x09\x08\x07\x01\x18", 6 },
        { "IPv6 too short", "\x06\x20\x01\x0d\xb8\0\0\0\0", 9 },
        { "IPv6 prefix over 64", "\x06\x20\x01\x0d\xb8\0\0\0\0\x41", 10 },
        { "IPv6 prefix under 32", "\x06\x20\x01\x0d\xb8\0\0\0\0\x1f", 10 },
        { "IPv6 host bits", "\x06\x20\x01\x0d\xb8\0\0\0\x01\x30", 10 },
        { "name missing", "\x10", 1 },
        { "name in upper case", "\x10" "Bad.example", 12 },
        { "name with a trailing dot", "\x10" "bad.example.", 13 },
        { "name of one label", "\x10" "example", 8 },
        { "name in UTF-8", "\x10" "b\xc3\xbc.example", 12 },
        { "name with a NUL", "\x10" "bad\0.example", 13 },
        { "name that is an address", "\x10" "192.0.2.7", 10 },
        { "sender too short", "\x11" "0123456789abcde", 16 },
        { "sender too long", "\x11" "0123456789abcdef0", 18 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct subject s;
        if (subject_from_key((const uint8_t *)cases[i].key, cases[i].len, &s) != -EINVAL)
            fail_msg("%s: taken", cases[i].name);
    }
}

static void a_key_may_be_of_a_reserved_network_or_suffix(void **state)
{
    struct subject s;

    (void)state;
    assert_int_equal(subject_from_key((const uint8_t *)"\x04\x7f\0\0\x01\x20", 6, &s), 0);
    assert_true(subject_is_reserved(&s));
    assert_int_equal(subject_from_key((const uint8_t *)"\x10" "co.uk", 6, &s), 0);
    assert_true(subject_is_reserved(&s));
    assert_int_equal(subject_from_key((const uint8_t *)"\x04\xc0\0\0\0\x10", 6, &s), 0);
    assert_true(subject_is_reserved(&s));                      /* 192.0.0.0/16 holds 192.0.0.0/24 */
    assert_int_equal(subject_from_key((const uint8_t *)"\x04\xc0\0\x02\x07\x20", 6, &s), 0);
    assert_false(subject_is_reserved(&s));
    assert_int_equal(subject_from_key((const uint8_t *)"\x11" "0123456789abcdef", 17, &s), 0);
    assert_false(subject_is_reserved(&s));
}

static void the_documentation_networks_are_ordinary(void **state)
{
    static const struct text_case cases[] = {
        { "192.0.2.1", "192.0.2.1" }, { "198.51.100.1", "198.51.100.1" }, { "203.0.113.1", "203.0.113.1" },
        { "192.0.2.0/24", "192.0.2.0/24" }, { "2001:db8::1", "2001:db8::/64" },
    };
    (void)state;
    assert_texts(cases, COUNT(cases));
}

static void a_network_of_any_width_has_one_text(void **state)
{
    static const struct text_case cases[] = {
        { "10.0.0.0/8", "10.0.0.0/8" }, { "10.1.2.3/8", "10.0.0.0/8" }, { "0.0.0.0/0", "0.0.0.0/0" }, { "1.2.3.4/0", "0.0.0.0/0" },
        { "::/0", "::/0" }, { "2001:db8::1/127", "2001:db8::/127" }, { "2001:DB8::1", "2001:db8::1" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct network n;
        char text[NETWORK_TEXT_MAX];
        assert_int_equal(network_parse(cases[i].text, strlen(cases[i].text), &n), 0);
        assert_string_equal(network_text(&n, text), cases[i].want);
    }
}

static void networks_are_nested_or_apart(void **state)
{
    static const struct {
        const char *a, *b;
        bool within, overlaps;
    } cases[] = {
        { "10.1.2.3", "10.0.0.0/8", true, true }, { "10.0.0.0/8", "10.1.2.3", false, true }, { "10.0.0.0/8", "10.0.0.0/8", true, true },
        { "11.0.0.0/8", "10.0.0.0/8", false, false }, { "10.0.0.0/9", "10.128.0.0/9", false, false },
        { "1.2.3.4", "0.0.0.0/0", true, true }, { "1.2.3.4", "::/0", false, false }, { "2001:db8::1", "2001:db8::/33", true, true },
        { "2001:db8:8000::", "2001:db8::/33", false, false }, { "2001:db8::1", "2001:db8::1", true, true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct network a, b;
        assert_int_equal(network_parse(cases[i].a, strlen(cases[i].a), &a), 0);
        assert_int_equal(network_parse(cases[i].b, strlen(cases[i].b), &b), 0);
        if (network_within(&a, &b) != cases[i].within || network_overlaps(&a, &b) != cases[i].overlaps)
            fail_msg("%s in %s", cases[i].a, cases[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_is_itself),
        cmocka_unit_test(an_ipv6_address_counts_as_its_64),
        cmocka_unit_test(every_spelling_of_a_mapped_address_is_the_ipv4_address),
        cmocka_unit_test(a_name_is_lower_case_a_labels),
        cmocka_unit_test(what_looks_like_an_address_is_no_name),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(a_name_may_have_253_bytes_and_no_more),
        cmocka_unit_test(a_nul_within_is_refused),
        cmocka_unit_test(reserved_networks_are_protected),
        cmocka_unit_test(prefixes_wider_than_the_floor_are_too_wide),
        cmocka_unit_test(public_suffixes_are_too_wide),
        cmocka_unit_test(special_names_are_protected),
        cmocka_unit_test(a_key_of_a_special_name_is_reserved),
        cmocka_unit_test(the_relays_of_6to4_are_protected),
        cmocka_unit_test(an_unknown_top_level_domain_makes_nothing_public),
        cmocka_unit_test(a_sender_is_one_hash_however_it_is_written),
        cmocka_unit_test(a_malformed_sender_is_refused),
        cmocka_unit_test(a_sender_of_any_length_is_read_or_refused),
        cmocka_unit_test(the_secret_and_the_federation_change_sender_hashes),
        cmocka_unit_test(the_hash_of_a_sender_is_the_documented_one),
        cmocka_unit_test(the_text_of_a_subject_reads_back_as_the_subject),
        cmocka_unit_test(keys_sort_addresses_in_order),
        cmocka_unit_test(a_key_that_is_not_canonical_is_refused),
        cmocka_unit_test(a_key_may_be_of_a_reserved_network_or_suffix),
        cmocka_unit_test(the_documentation_networks_are_ordinary),
        cmocka_unit_test(a_network_of_any_width_has_one_text),
        cmocka_unit_test(networks_are_nested_or_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
