/* Member records, cards, and a member's own record: proto/record.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "documented.h"
#include "fixed_identity.h"
#include "proto/record.h"

enum { NOW_S = 1800000000, DAY_S = 86400 };

static char dir[] = "/tmp/hearsay-record-XXXXXX";
static char path[64];
static struct identity *id;

struct sealed {
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len;
};

static int set_up(void **state)
{
    (void)state;
    id = fixed_identity();
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/record.card", dir);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    identity_destroy(&id);
    return rmdir(dir);
}

static struct record plain_record(void)
{
    struct record r = { .name = "mx.a.example", .publish = "tcp://mx.a.example:4441", .repair = "tcp://mx.a.example:4442",
                        .serial = 7, .not_after_s = NOW_S };

    memcpy(r.root, identity_root(id), KEY_BYTES);
    memcpy(r.operational, identity_operational(id), KEY_BYTES);
    memcpy(r.curve, identity_curve(id), KEY_BYTES);
    return r;
}

static struct sealed seal(const struct record *r)
{
    struct sealed s = { .len = sizeof s.frame };
    int rc = record_seal(r, id, s.frame, &s.len);

    if (rc != 0)
        fail_msg("not sealed: %d", rc);
    return s;
}

static int open_sealed(const struct sealed *s, struct record *out)
{
    return record_open((struct bytes){ s->frame, s->len }, out);
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

static int current(const struct record *want, int64_t now_s, struct record *out)
{
    struct sealed s = { .len = sizeof s.frame };
    struct record opened;
    int rc = record_current(path, id, want, now_s, out, s.frame, &s.len);

    if (rc == 0) {
        assert_int_equal(open_sealed(&s, &opened), 0);
        assert_int_equal(opened.serial, out->serial);
    }
    return rc;
}

static void a_new_record_lives_for_90_days_and_is_kept(void **state)
{
    struct record want = plain_record(), first, second;

    (void)state;
    memset(want.operational, 0, KEY_BYTES);                    /* the keys are the identity's */
    assert_int_equal(current(&want, NOW_S, &first), 0);
    assert_int_equal(first.not_after_s, NOW_S + 90 * DAY_S);
    assert_memory_equal(first.operational, identity_operational(id), KEY_BYTES);
    assert_int_equal(current(&want, NOW_S + 45 * DAY_S, &second), 0);
    assert_int_equal(second.serial, first.serial);
    assert_int_equal(second.not_after_s, first.not_after_s);
}

static void a_record_is_renewed_45_days_before_it_ends(void **state)
{
    struct record want = plain_record(), first, second;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    assert_int_equal(current(&want, NOW_S + 45 * DAY_S + 1, &second), 0);
    assert_true(second.serial > first.serial);
    assert_int_equal(second.not_after_s, NOW_S + 135 * DAY_S + 1);
}

static void a_change_of_name_or_endpoint_makes_a_new_record(void **state)
{
    struct record want = plain_record(), first, second, third;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    strcpy(want.name, "mx2.a.example");
    assert_int_equal(current(&want, NOW_S, &second), 0);
    assert_true(second.serial > first.serial);
    assert_string_equal(second.name, "mx2.a.example");
    strcpy(want.repair, "tcp://mx2.a.example:4442");
    assert_int_equal(current(&want, NOW_S - DAY_S, &third), 0);    /* also when the clock went back */
    assert_true(third.serial > second.serial);
}

static void a_lost_or_damaged_file_gives_a_newer_serial(void **state)
{
    struct record want = plain_record(), first, second, third;
    FILE *f;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    unlink(path);
    assert_int_equal(current(&want, NOW_S + 10, &second), 0);
    assert_true(second.serial > first.serial);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("hearsay1:rubbish", f);
    fclose(f);
    assert_int_equal(current(&want, NOW_S + 20, &third), 0);
    assert_true(third.serial > second.serial);
}

static void the_record_of_another_identity_is_not_taken(void **state)
{
    struct record want = plain_record(), first, second;
    struct identity *other = NULL, *mine = id;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    assert_int_equal(identity_generate(&other), 0);
    id = other;
    assert_int_equal(current(&want, NOW_S, &second), 0);
    assert_memory_equal(second.root, identity_root(other), KEY_BYTES);
    id = mine;
    identity_destroy(&other);
}

static void without_the_root_key_the_stored_record_is_taken_as_it_is(void **state)
{
    struct record want = plain_record(), first, second;
    struct identity *whole = id;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    id = fixed_identity();
    assert_int_equal(identity_forget_root(id), 0);
    strcpy(want.name, "other.example");
    assert_int_equal(current(&want, NOW_S + 89 * DAY_S, &second), 0);
    assert_string_equal(second.name, first.name);
    assert_int_equal(current(&want, NOW_S + 91 * DAY_S, &second), 0);      /* expired: the caller sees it */
    assert_int_equal(second.serial, first.serial);
    unlink(path);
    assert_int_equal(current(&want, NOW_S, &second), -ENOKEY);
    identity_destroy(&id);
    id = whole;
}

static void a_record_within_the_key_file_is_as_good_as_the_card(void **state)
{
    struct record want = plain_record(), first, second;
    struct identity *whole = id;

    (void)state;
    id = fixed_identity();
    assert_int_equal(record_renew(path, id, &want, 90 * DAY_S, NOW_S, &first), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(identity_forget_root(id), 0);
    assert_int_equal(current(&want, NOW_S, &second), 0);
    assert_int_equal(second.serial, first.serial);
    assert_int_equal(access(path, F_OK), 0);                   /* and the card is there again */
    identity_destroy(&id);
    id = whole;
}

static void the_newer_of_card_and_key_file_counts(void **state)
{
    struct record want = plain_record(), first, second, third;
    struct identity *whole = id;

    (void)state;
    id = fixed_identity();
    assert_int_equal(record_renew(path, id, &want, 90 * DAY_S, NOW_S, &first), 0);
    strcpy(want.name, "mx2.a.example");
    assert_int_equal(current(&want, NOW_S + 1, &second), 0);   /* the node signs one for its new name */
    assert_true(second.serial > first.serial);
    assert_int_equal(current(&want, NOW_S + 2, &third), 0);
    assert_int_equal(third.serial, second.serial);
    assert_int_equal(record_renew(path, id, &want, 90 * DAY_S, NOW_S, &third), 0);
    assert_true(third.serial > second.serial);
    identity_destroy(&id);
    id = whole;
}

static void a_short_life_is_renewed_half_way(void **state)
{
    struct record r = { .serial = (uint64_t)NOW_S, .not_after_s = NOW_S + 100 };

    (void)state;
    assert_int_equal(record_renew_s(&r), NOW_S + 50);
    r.not_after_s = NOW_S + 90 * DAY_S;
    assert_int_equal(record_renew_s(&r), NOW_S + 45 * DAY_S);
    r.not_after_s = NOW_S + 365 * DAY_S;
    assert_int_equal(record_renew_s(&r), NOW_S + 320 * DAY_S);
    r.serial = 1;                                              /* one that counts from 1 */
    assert_int_equal(record_renew_s(&r), NOW_S + 320 * DAY_S);
}

static void a_farewell_is_not_taken_back_by_the_node_itself(void **state)
{
    struct record want = plain_record(), left, after, again;
    struct identity *whole = id;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &after), 0);
    assert_false(record_is_farewell(&after));
    id = fixed_identity();
    assert_int_equal(record_renew(path, id, &want, 0, NOW_S + 10, &left), 0);
    assert_true(record_is_farewell(&left));
    assert_int_equal(left.not_after_s, NOW_S + 10);
    assert_int_equal(current(&want, NOW_S + 100 * DAY_S, &after), 0);
    assert_int_equal(after.serial, left.serial);
    assert_int_equal(record_renew(path, id, &want, 90 * DAY_S, NOW_S + 20, &again), 0);
    assert_false(record_is_farewell(&again));
    identity_destroy(&id);
    id = whole;
}

static void the_kept_file_is_one_line_that_is_the_card(void **state)
{
    struct record want = plain_record(), r;
    struct sealed s = { .len = sizeof s.frame };
    char text[CARD_MAX + 1];
    FILE *f;
    struct stat st;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &r), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    assert_int_equal(fgetc(f), EOF);
    fclose(f);
    assert_int_equal(card_decode(text, s.frame, &s.len), 0);
    assert_int_equal(open_sealed(&s, &r), 0);
}

static void a_failed_write_leaves_the_old_record(void **state)
{
    struct record want = plain_record(), first, second;
    struct rlimit before, small;

    (void)state;
    assert_int_equal(current(&want, NOW_S, &first), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    strcpy(want.name, "mx2.a.example");
    int rc = current(&want, NOW_S, &second);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, -EFBIG);
    strcpy(want.name, "mx.a.example");
    assert_int_equal(current(&want, NOW_S, &second), 0);
    assert_int_equal(second.serial, first.serial);
}

static void a_directory_that_cannot_be_written_is_an_error(void **state)
{
    struct record want = plain_record(), r;
    struct sealed s = { .len = sizeof s.frame };

    (void)state;
    assert_int_equal(record_current("/nonexistent/record.card", id, &want, NOW_S, &r, s.frame, &s.len), -ENOENT);
    s.len = 10;
    assert_int_equal(record_current(path, id, &want, NOW_S, &r, s.frame, &s.len), -ENOBUFS);
    strcpy(want.name, "not a name");
    s.len = sizeof s.frame;
    assert_int_equal(record_current(path, id, &want, NOW_S, &r, s.frame, &s.len), -EINVAL);
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
        cmocka_unit_test_teardown(a_new_record_lives_for_90_days_and_is_kept, remove_file),
        cmocka_unit_test_teardown(a_record_is_renewed_45_days_before_it_ends, remove_file),
        cmocka_unit_test_teardown(a_change_of_name_or_endpoint_makes_a_new_record, remove_file),
        cmocka_unit_test_teardown(a_lost_or_damaged_file_gives_a_newer_serial, remove_file),
        cmocka_unit_test_teardown(the_record_of_another_identity_is_not_taken, remove_file),
        cmocka_unit_test_teardown(without_the_root_key_the_stored_record_is_taken_as_it_is, remove_file),
        cmocka_unit_test_teardown(a_record_within_the_key_file_is_as_good_as_the_card, remove_file),
        cmocka_unit_test_teardown(the_newer_of_card_and_key_file_counts, remove_file),
        cmocka_unit_test(a_short_life_is_renewed_half_way),
        cmocka_unit_test_teardown(a_farewell_is_not_taken_back_by_the_node_itself, remove_file),
        cmocka_unit_test_teardown(the_kept_file_is_one_line_that_is_the_card, remove_file),
        cmocka_unit_test_teardown(a_failed_write_leaves_the_old_record, remove_file),
        cmocka_unit_test_teardown(a_directory_that_cannot_be_written_is_an_error, remove_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
