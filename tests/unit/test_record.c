/* Member records and cards: proto/record.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "documented.h"
#include "record_fixture.h"

static int set_up(void **state)
{
    (void)state;
    id = fixed_identity();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    identity_destroy(&id);
    return 0;
}

/* A record with this body, signed as it should be: what a member with other ideas could send. */
static int open_body(const void *body, size_t len)
{
    struct sealed s;
    struct record r;
    const size_t tag_len = strlen("hearsay-record-1\n");

    memcpy(s.frame, "hearsay-record-1\n", tag_len);
    memcpy(s.frame + tag_len, body, len);
    assert_int_equal(identity_sign(id, IDENTITY_ROOT, s.frame, tag_len + len, s.frame + tag_len + len), 0);
    s.len = tag_len + len + SIGNATURE_BYTES;
    return open_sealed(&s, &r);
}

static void what_was_sealed_is_opened(void **state)
{
    struct record r = plain_record(), again;
    struct sealed s = seal(&r);

    (void)state;
    memset(&again, 0, sizeof again);
    assert_int_equal(open_sealed(&s, &again), 0);
    assert_memory_equal(again.root, r.root, KEY_BYTES);
    assert_memory_equal(again.operational, r.operational, KEY_BYTES);
    assert_memory_equal(again.curve, r.curve, KEY_BYTES);
    assert_string_equal(again.name, r.name);
    assert_string_equal(again.publish, r.publish);
    assert_string_equal(again.repair, r.repair);
    assert_int_equal(again.serial, r.serial);
    assert_int_equal(again.not_after_s, r.not_after_s);
}

static void the_largest_record_fits_its_bounds(void **state)
{
    struct record r = plain_record(), again;
    struct sealed s;
    char card[CARD_MAX];

    (void)state;
    r.name[0] = '\0';
    for (int i = 0; i < 84; i++)
        strcat(r.name, "aa.");
    strcat(r.name, "a");
    assert_int_equal(strlen(r.name), NAME_MAX_BYTES);
    snprintf(r.publish, sizeof r.publish, "tcp://%s:65535", r.name);
    snprintf(r.repair, sizeof r.repair, "tcp://%s:65534", r.name);
    r.serial = INT64_MAX;
    r.not_after_s = 253402300799;
    s = seal(&r);
    assert_int_equal(open_sealed(&s, &again), 0);
    assert_int_equal(card_encode((struct bytes){ s.frame, s.len }, card, sizeof card), 0);
}

static void a_record_without_endpoints_is_one_that_nobody_connects_to(void **state)
{
    struct record r = plain_record(), again;

    (void)state;
    r.publish[0] = r.repair[0] = '\0';
    struct sealed s = seal(&r);
    assert_int_equal(open_sealed(&s, &again), 0);
    assert_string_equal(again.publish, "");
    assert_string_equal(again.repair, "");
}

static void any_changed_bit_is_seen(void **state)
{
    struct record r = plain_record(), again;
    struct sealed s = seal(&r);

    (void)state;
    for (size_t i = 0; i < s.len; i++) {
        s.frame[i] ^= 0x10;
        assert_true(open_sealed(&s, &again) < 0);
        s.frame[i] ^= 0x10;
    }
    for (size_t len = 0; len < s.len; len++)
        assert_true(record_open((struct bytes){ s.frame, len }, &again) < 0);
    s.frame[s.len++] = 0;
    assert_true(open_sealed(&s, &again) < 0);
}

static void a_signature_by_another_key_is_refused(void **state)
{
    struct record r = plain_record(), again;
    struct sealed s = seal(&r);

    (void)state;
    assert_int_equal(identity_sign(id, IDENTITY_OPERATIONAL, s.frame, s.len - SIGNATURE_BYTES, s.frame + s.len - SIGNATURE_BYTES), 0);
    assert_int_equal(open_sealed(&s, &again), -EBADMSG);
}

static void a_field_out_of_range_is_not_sealed(void **state)
{
    struct record good = plain_record(), r;
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;

    (void)state;
    r = good, r.name[0] = '\0';
    assert_int_equal(record_seal(&r, id, frame, &len), -EINVAL);
    r = good, strcpy(r.name, "MX.A.example");
    assert_int_equal(record_seal(&r, id, frame, &len), -EINVAL);
    r = good, strcpy(r.publish, "ipc:///tmp/x");
    assert_int_equal(record_seal(&r, id, frame, &len), -EINVAL);
    r = good, r.serial = UINT64_MAX;
    assert_int_equal(record_seal(&r, id, frame, &len), -EINVAL);
    r = good, r.serial = 0;
    assert_int_equal(record_seal(&r, id, frame, &len), -EINVAL);
    r = good, r.not_after_s = 0;
    assert_int_equal(record_seal(&r, id, frame, &len), -EINVAL);
    r = good, r.root[0] ^= 1;
    assert_int_equal(record_seal(&r, id, frame, &len), -EINVAL);
    len = 100;
    assert_int_equal(record_seal(&good, id, frame, &len), -ENOBUFS);
}

/* The three keys, a serial and a date; `text` is the rest of the body as it stands on the wire. */
static size_t make_body(const char *text, size_t text_len, uint8_t *out)
{
    size_t n = 0;
    const uint8_t *keys[3] = { identity_root(id), identity_operational(id), identity_curve(id) };

    for (uint8_t i = 0; i < 3; i++) {
        out[n++] = (uint8_t)((i + 1) << 3 | 2);
        out[n++] = KEY_BYTES;
        memcpy(out + n, keys[i], KEY_BYTES);
        n += KEY_BYTES;
    }
    memcpy(out + n, "\x38\x07\x40\x09", 4);
    memcpy(out + n + 4, text, text_len);
    return n + 4 + text_len;
}

static void a_signed_body_is_checked_all_the_same(void **state)
{
    static const struct {
        const char *name, *text;
        size_t len;
        int want;
    } cases[] = {
        { "plain", "\x22\x09" "a.example", 11, 0 },
        { "no name", "", 0, -EINVAL },
        { "a name with a NUL", "\x22\x0b" "a.example\0x", 13, -EINVAL },
        { "a name that is none", "\x22\x09" "a example", 11, -EINVAL },
        { "an endpoint of another transport", "\x22\x01" "a\x2a\x0c" "udp://a:4441", 17, -EINVAL },
        { "a field of a later version", "\x22\x09" "a.example\xaa\x06\x03new", 17, 0 },
        { "a length beyond the end", "\x22\x09" "a.exampl", 10, -EINVAL },
        { "a wrong wire type", "\x22\x09" "a.example\x2d" "1234", 16, -EINVAL },
        { "a short key", "\x22\x09" "a.example\x0a\x01" "x", 14, -EINVAL },
        { "a group", "\x22\x09" "a.example\xab\x06\xac\x06", 15, -EINVAL },
    };
    uint8_t body[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int rc = open_body(body, make_body(cases[i].text, cases[i].len, body));
        if (rc != cases[i].want)
            fail_msg("%s: got %d, want %d", cases[i].name, rc, cases[i].want);
    }
}

static void endpoints_are_tcp_with_a_host_and_a_port(void **state)
{
    static const char *const good[] = {
        "tcp://mx.a.example:4441", "tcp://192.0.2.7:1", "tcp://[2001:db8::7]:65535", "tcp://127.0.0.1:4441", "tcp://localhost:4441",
        "tcp://MX.A.example:4441", "tcp://[::1]:80",
    };
    static const char *const bad[] = {
        "", "tcp://", "tcp://:4441", "tcp://a.example", "tcp://a.example:", "tcp://a.example:0", "tcp://a.example:65536", "tcp://a.example:04441",
        "tcp://*:4441", "tcp://a.example:*", "tcp://a.example:44 41", "ipc://a.example:4441", "tcp://eth0;a.example:4441", "tcp://2001:db8::7:4441",
        "tcp://[192.0.2.7]:4441", "tcp://[2001:db8::]/64:4441", "tcp://[2001:db8::/64]:4441", "tcp://192.0.2.0/24:4441", "tcp://1.2.3:4441",
        "tcp://a.example.:4441", "tcp://a_b..c:1", "TCP://a.example:4441", "tcp://a.example:4441/x", "tcp://[]:1", "tcp://[:1", "tcp://@a.example:1",
        "tcp://b\xc3\xbc.example:4441",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!endpoint_is_valid(good[i]))
            fail_msg("%s: refused", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (endpoint_is_valid(bad[i]))
            fail_msg("%s: taken", bad[i]);
    }
}

static void a_card_reads_back_as_its_frame(void **state)
{
    uint8_t frame[64], again[64];
    char text[CARD_MAX], padded[CARD_MAX + 8];

    (void)state;
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 37 + 250);
    for (size_t len = 1; len <= sizeof frame; len++) {
        size_t got = sizeof again;
        assert_int_equal(card_encode((struct bytes){ frame, len }, text, sizeof text), 0);
        assert_null(strpbrk(text, "+/="));
        snprintf(padded, sizeof padded, " \t%s \r\n", text);
        assert_int_equal(card_decode(padded, again, &got), 0);
        assert_int_equal(got, len);
        assert_memory_equal(again, frame, len);
        got = len - 1;
        assert_int_equal(card_decode(text, again, &got), -ENOBUFS);
        assert_int_equal(card_encode((struct bytes){ frame, len }, text, strlen(text)), -ENOBUFS);
        assert_int_equal(card_encode((struct bytes){ frame, len }, text, strlen(text) + 1), 0);
    }
}

static void the_card_of_rfc4648_s_vector_is_the_published_text(void **state)
{
    char text[64];

    (void)state;
    assert_int_equal(card_encode((struct bytes){ (const uint8_t *)"foobar", 6 }, text, sizeof text), 0);
    assert_string_equal(text, "hearsay1:Zm9vYmFy");
    assert_int_equal(card_encode((struct bytes){ (const uint8_t *)"fooba", 5 }, text, sizeof text), 0);
    assert_string_equal(text, "hearsay1:Zm9vYmE");
}

static void what_is_no_card_is_refused(void **state)
{
    static const char *const texts[] = {
        "", " ", "hearsay1:", "hearsay2:Zm9v", "Hearsay1:Zm9v", "hearsay1:Zm9v\vY", "hearsay1:Z", "hearsay1:Zm9vY", "hearsay1:Zm 9v", "hearsay1:Zm9v=",
        "hearsay1:Zm+v", "hearsay1:Zm/v", "hearsay1:Zm9vYmF=", "hearsay1:Zm9vYmH", "xhearsay1:Zm9v", "hearsay1:Zm\x80v",
    };
    uint8_t frame[64];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len = sizeof frame;
        if (card_decode(texts[i], frame, &len) != -EINVAL)
            fail_msg("%s: taken", texts[i]);
    }
}

static void a_fingerprint_is_five_groups_of_four_digits(void **state)
{
    char text[FINGERPRINT_MAX], hex[2 * HASH_BYTES + 1];
    uint8_t hash[HASH_BYTES];

    (void)state;
    hash_sha256(identity_root(id), KEY_BYTES, hash);
    hex_text(hash, sizeof hash, hex);
    assert_string_equal(record_fingerprint(identity_root(id), text), text);
    assert_int_equal(strlen(text), 24);
    for (int i = 0; i < 5; i++)
        assert_memory_equal(text + 5 * i, hex + 4 * i, 4);
    assert_int_equal(text[4], '-');
}

static bool protocol_has_line(const char *want)
{
    char line[CARD_MAX + 2];
    bool found = false;
    FILE *f = fopen(SOURCE_DIR "/proto/PROTOCOL.md", "r");

    assert_non_null(f);
    while (!found && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        found = strcmp(line, want) == 0;
    }
    fclose(f);
    return found;
}

static void the_documented_record_and_card_are_the_ones_that_are_sealed(void **state)
{
    uint8_t doc[RECORD_FRAME_MAX];
    struct record r = plain_record();
    size_t doc_len = documented("record", doc, sizeof doc);
    char card[CARD_MAX];

    (void)state;
    r.serial = 1;
    r.not_after_s = 1807776000;
    struct sealed s = seal(&r);
    assert_int_equal(s.len, doc_len);
    assert_memory_equal(s.frame, doc, doc_len);
    assert_int_equal(card_encode((struct bytes){ s.frame, s.len }, card, sizeof card), 0);
    assert_true(protocol_has_line(card));
    assert_int_equal(documented("root key", doc, sizeof doc), KEY_BYTES);
    assert_memory_equal(doc, identity_root(id), KEY_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_is_opened),
        cmocka_unit_test(the_largest_record_fits_its_bounds),
        cmocka_unit_test(a_record_without_endpoints_is_one_that_nobody_connects_to),
        cmocka_unit_test(any_changed_bit_is_seen),
        cmocka_unit_test(a_signature_by_another_key_is_refused),
        cmocka_unit_test(a_field_out_of_range_is_not_sealed),
        cmocka_unit_test(a_signed_body_is_checked_all_the_same),
        cmocka_unit_test(endpoints_are_tcp_with_a_host_and_a_port),
        cmocka_unit_test(a_card_reads_back_as_its_frame),
        cmocka_unit_test(the_card_of_rfc4648_s_vector_is_the_published_text),
        cmocka_unit_test(what_is_no_card_is_refused),
        cmocka_unit_test(a_fingerprint_is_five_groups_of_four_digits),
        cmocka_unit_test(the_documented_record_and_card_are_the_ones_that_are_sealed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
