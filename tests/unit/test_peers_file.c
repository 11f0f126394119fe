/* peers.conf, edited in place of a person: what is not meant stays byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/peers_file.h"
#include "proto/record.h"
#include "tests/identities.h"
#include "tests/unit/scratch.h"

enum { CARD_A, CARD_B, CARD_B_NEWER, CARD_C, CARDS };

static char dir[64];
static char path[128];
static char cards[CARDS][CARD_MAX];

static void seal(struct identity *id, int i, const char *name, uint64_t serial)
{
    struct record r = {.serial = serial, .not_after_s = 2000000000};
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    identity_into_record(id, &r);
    snprintf(r.name, sizeof r.name, "%s", name);
    assert_int_equal(record_seal(&r, id, frame, &len), 0);
    assert_int_equal(card_encode((struct bytes){frame, len}, cards[i], sizeof cards[i]), 0);
}

static int setup(void **state)
{
    static const char *const names[] = {"a.example", "b.example", "c.example"};
    (void)state;
    strcpy(dir, "/tmp/hearsay-peers-XXXXXX");
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/peers.conf", dir);
    for (int i = 0; i < 3; i++) {
        struct identity *id = test_identity((unsigned)i);
        seal(id, i == 0 ? CARD_A : i == 1 ? CARD_B : CARD_C, names[i], 1);
        if (i == 1)
            seal(id, CARD_B_NEWER, names[i], 2);
        identity_destroy(&id);
    }
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

/* %A, %B, %N (a newer B) and %C in a text stand for the cards. */
static char *with_cards(const char *text)
{
    static char out[4][4 * CARD_MAX];
    static int next;
    char *to = out[next++ % 4], *start = to;
    for (; *text != '\0'; text++) {
        const char *at = *text == '%' ? strchr("ABNC", text[1]) : NULL;
        if (at == NULL) {
            *to++ = *text;
            continue;
        }
        to = stpcpy(to, cards[at - "ABNC"]);
        text++;
    }
    *to = '\0';
    return start;
}

static void write_peers(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(with_cards(text), f);
    fclose(f);
}

static char *read_peers(void)
{
    static char text[4 * CARD_MAX];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void expect(const char *text)
{
    assert_string_equal(read_peers(), with_cards(text));
}

static const char people[] =
    "# our friends\n"
    "\n"
    "# met at the fair\n"
    "// since 2024\n"
    "peer \"a.example\" {\n"
    "  card = \"%A\"\n"
    "  trust = 0.8   # was 0.5 {\n"
    "}\n"
    "\n"
    "/* peer \"b.example\" { } was in error */\n"
    "peer 'B.example' { trust=0.3 card = \"%B\" } # short\n"
    "\n"
    "# end }\n";

static void the_first_peer_makes_the_file(void **state)
{
    struct stat st;
    (void)state;
    unlink(path);
    assert_int_equal(peers_file_add(path, "a.example", cards[CARD_A], "0.8", true), 0);
    expect("# peers.conf: whom this node trusts. `hearsay peer` edits this file and keeps comments; it may be edited by hand as well.\n"
           "\npeer \"a.example\" {\n  card = \"%A\"\n  trust = 0.8\n}\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void a_further_peer_is_appended(void **state)
{
    char want[4 * CARD_MAX];
    (void)state;
    write_peers(people);
    assert_int_equal(peers_file_add(path, "C.Example.", cards[CARD_C], "1", false), 0);
    snprintf(want, sizeof want, "%s\npeer \"c.example\" {\n  card = \"%%C\"\n  trust = 1\n  link = false\n}\n", people);
    expect(want);
}

static void a_last_line_without_its_end_gets_one(void **state)
{
    (void)state;
    write_peers("# note");
    assert_int_equal(peers_file_add(path, "a.example", cards[CARD_A], "0.8", true), 0);
    expect("# note\n\npeer \"a.example\" {\n  card = \"%A\"\n  trust = 0.8\n}\n");
}

static void blanks_around_a_card_are_not_written(void **state)
{
    char card[CARD_MAX + 8];
    (void)state;
    write_peers("#\n");
    snprintf(card, sizeof card, " \t%s\r\n", cards[CARD_A]);
    assert_int_equal(peers_file_add(path, "a.example", card, "0.8", true), 0);
    expect("#\n\npeer \"a.example\" {\n  card = \"%A\"\n  trust = 0.8\n}\n");
}

static void a_name_or_key_that_is_there_is_not_added_again(void **state)
{
    (void)state;
    write_peers(people);
    assert_int_equal(peers_file_add(path, "b.EXAMPLE", cards[CARD_C], "1", true), -EEXIST);
    assert_int_equal(peers_file_add(path, "c.example", cards[CARD_B_NEWER], "1", true), -EEXIST);
    expect(people);
}

static void a_wrong_card_name_or_trust_changes_nothing(void **state)
{
    char card[CARD_MAX];
    (void)state;
    write_peers(people);
    strcpy(card, cards[CARD_C]);
    card[70] = card[70] == 'A' ? 'B' : 'A';
    assert_int_equal(peers_file_add(path, "c.example", card, "1", true), -EINVAL);
    assert_int_equal(peers_file_add(path, "c.example", "hearsay1:", "1", true), -EINVAL);
    assert_int_equal(peers_file_add(path, "not a name", cards[CARD_C], "1", true), -EINVAL);
    assert_int_equal(peers_file_add(path, "c.example\" { } zone \"x", cards[CARD_C], "1", true), -EINVAL);
    assert_int_equal(peers_file_add(path, "c.example", cards[CARD_C], "1.1", true), -EINVAL);
    assert_int_equal(peers_file_add(path, "c.example", cards[CARD_C], "1 } #", true), -EINVAL);
    assert_int_equal(peers_file_trust(path, "a.example", "much"), -EINVAL);
    expect(people);
}

static void trust_is_changed_in_its_place(void **state)
{
    (void)state;
    write_peers(people);
    assert_int_equal(peers_file_trust(path, "a.example", "0.25"), 0);
    assert_int_equal(peers_file_trust(path, "b.example", "1"), 0);
    expect("# our friends\n\n# met at the fair\n// since 2024\npeer \"a.example\" {\n  card = \"%A\"\n  trust = 0.25   # was 0.5 {\n}\n\n"
           "/* peer \"b.example\" { } was in error */\npeer 'B.example' { trust=1 card = \"%B\" } # short\n\n# end }\n");
}

static void a_byte_order_mark_stays_where_it_is(void **state)
{
    (void)state;
    write_peers("\xef\xbb\xbf" "peer a.example {\n  card = \"%A\"\n  trust = 0.5\n}\n");
    assert_int_equal(peers_file_trust(path, "a.example", "0.25"), 0);
    expect("\xef\xbb\xbf" "peer a.example {\n  card = \"%A\"\n  trust = 0.25\n}\n");
}

static void a_trust_that_was_a_default_gets_a_line(void **state)
{
    (void)state;
    write_peers("peer a.example {\n  card = \"%A\"\n}\npeer b.example { card = '%B' }\n");
    assert_int_equal(peers_file_trust(path, "a.example", "0.25"), 0);
    assert_int_equal(peers_file_trust(path, "b.example", "0.75"), 0);
    expect("peer a.example {\n  card = \"%A\"\n  trust = 0.25\n}\npeer b.example { card = '%B' \n  trust = 0.75\n}\n");
}

static void a_removed_peer_leaves_the_comments_around_it(void **state)
{
    (void)state;
    write_peers(people);
    assert_int_equal(peers_file_remove(path, "a.example"), 0);
    expect("# our friends\n\n# met at the fair\n// since 2024\n\n/* peer \"b.example\" { } was in error */\npeer 'B.example' { trust=0.3 card = \"%B\" } # short\n\n# end }\n");
    assert_int_equal(peers_file_remove(path, "b.example"), 0);
    expect("# our friends\n\n# met at the fair\n// since 2024\n\n/* peer \"b.example\" { } was in error */\n# short\n\n# end }\n");
    assert_int_equal(peers_file_remove(path, "b.example"), -ENOENT);
}

static void add_and_remove_leave_the_file_as_it_was(void **state)
{
    (void)state;
    write_peers(people);
    assert_int_equal(peers_file_add(path, "c.example", cards[CARD_C], "1", true), 0);
    assert_int_equal(peers_file_remove(path, "c.example"), 0);
    expect(people);
}

static void of_two_peers_on_a_line_only_one_goes(void **state)
{
    (void)state;
    write_peers("# both\npeer a.example { card = \"%A\" } peer b.example { card = \"%B\" }\n");
    assert_int_equal(peers_file_remove(path, "a.example"), 0);
    expect("# both\n peer b.example { card = \"%B\" }\n");
}

static void the_card_is_replaced_by_a_newer_one_of_the_same_member(void **state)
{
    (void)state;
    write_peers(people);
    assert_int_equal(peers_file_card(path, "b.example", cards[CARD_B_NEWER]), 0);
    assert_int_equal(peers_file_card(path, "b.example", cards[CARD_C]), -EINVAL);
    assert_int_equal(peers_file_card(path, "c.example", cards[CARD_C]), -ENOENT);
    expect("# our friends\n\n# met at the fair\n// since 2024\npeer \"a.example\" {\n  card = \"%A\"\n  trust = 0.8   # was 0.5 {\n}\n\n"
           "/* peer \"b.example\" { } was in error */\npeer 'B.example' { trust=0.3 card = \"%N\" } # short\n\n# end }\n");
}

static void options_are_set_in_their_place_or_before_the_brace_and_taken_out_with_their_line(void **state)
{
    static const struct peers_value some[] = { { "categories", "{\"spam\", \"fraud\"}" }, { "probation", "true" } };
    static const struct peers_value more[] = { { "categories", "{\"malware\"}" }, { "black-only", "true" }, { "probation", NULL } };
    static const struct peers_value none[] = { { "categories", NULL }, { "black-only", NULL }, { "max-weight", NULL } };
    (void)state;
    write_peers("peer a.example {\n  card = \"%A\"\n  trust = 1\n}\npeer b.example { card = \"%B\" } # short\n");
    assert_int_equal(peers_file_set(path, "a.example", some, 2), 0);
    assert_int_equal(peers_file_set(path, "b.example", some, 1), 0);
    expect("peer a.example {\n  card = \"%A\"\n  trust = 1\n  categories = {\"spam\", \"fraud\"}\n  probation = true\n}\n"
           "peer b.example { card = \"%B\" \n  categories = {\"spam\", \"fraud\"}\n} # short\n");
    assert_int_equal(peers_file_set(path, "a.example", more, 3), 0);
    expect("peer a.example {\n  card = \"%A\"\n  trust = 1\n  categories = {\"malware\"}\n  black-only = true\n}\n"
           "peer b.example { card = \"%B\" \n  categories = {\"spam\", \"fraud\"}\n} # short\n");
    assert_int_equal(peers_file_set(path, "a.example", none, 3), 0);
    assert_int_equal(peers_file_set(path, "b.example", none, 3), 0);
    expect("peer a.example {\n  card = \"%A\"\n  trust = 1\n}\npeer b.example { card = \"%B\" \n} # short\n");
}

static void an_option_in_a_comment_or_of_another_peer_is_none(void **state)
{
    static const struct peers_value off = { "black-only", NULL }, on = { "black-only", "true" };
    (void)state;
    write_peers("peer a.example {\n  # black-only = true\n  card = \"%A\"\n  black-only = false # for now\n}\npeer b.example {\n  black-only = true\n  card = \"%B\"\n}\n");
    assert_int_equal(peers_file_set(path, "a.example", &on, 1), 0);
    expect("peer a.example {\n  # black-only = true\n  card = \"%A\"\n  black-only = true # for now\n}\npeer b.example {\n  black-only = true\n  card = \"%B\"\n}\n");
    assert_int_equal(peers_file_set(path, "a.example", &off, 1), 0);
    expect("peer a.example {\n  # black-only = true\n  card = \"%A\"\n  # for now\n}\npeer b.example {\n  black-only = true\n  card = \"%B\"\n}\n");
}

static void a_value_that_the_configuration_would_refuse_changes_nothing(void **state)
{
    static const struct peers_value bad[] = {
        { "probation", "10" }, { "max-weight", "0" }, { "black-only", "maybe" }, { "colour", "1" }, { "categories", "{}" }, { "max-weight", "1 } #" }, { "probation", "\"never\"" },
    };
    (void)state;
    write_peers(people);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (peers_file_set(path, "a.example", &bad[i], 1) != -EINVAL)
            fail_msg("%s = %s was taken", bad[i].name, bad[i].value);
    assert_int_equal(peers_file_set(path, "c.example", &bad[0], 1), -ENOENT);
    expect(people);
}

static void a_peer_that_is_added_with_rights_has_them_from_the_start(void **state)
{
    static const struct peers_value some[] = { { "prefixes", "false" }, { "probation", "\"10d\"" } };
    (void)state;
    write_peers("# mine\n");
    assert_int_equal(peers_file_add_with(path, "c.example", cards[CARD_C], "1", true, some, 2), 0);
    expect("# mine\n\npeer \"c.example\" {\n  card = \"%C\"\n  trust = 1\n  prefixes = false\n  probation = \"10d\"\n}\n");
}

static void nobody_is_there_in_a_missing_file(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(peers_file_trust(path, "a.example", "1"), -ENOENT);
    assert_int_equal(peers_file_remove(path, "a.example"), -ENOENT);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_file_that_cannot_be_understood_is_left_alone(void **state)
{
    static const char *const texts[] = {"peer \"a.example", "peer a.example { trust = 1", "peer a.example trust = 1", "peer {}", "colour = red\n", "/* ...", "peer", "}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_peers(texts[i]);
        assert_int_equal(peers_file_add(path, "c.example", cards[CARD_C], "1", true), -EINVAL);
        expect(texts[i]);
    }
}

static void the_mode_stays(void **state)
{
    struct stat st;
    (void)state;
    write_peers(people);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(peers_file_trust(path, "a.example", "1"), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    chmod(path, 0644);
}

static void a_link_stays_a_link(void **state)
{
    char link_path[160];
    struct stat st;
    (void)state;
    write_peers(people);
    snprintf(link_path, sizeof link_path, "%s/link.conf", dir);
    assert_int_equal(symlink("peers.conf", link_path), 0);
    assert_int_equal(peers_file_remove(link_path, "a.example"), 0);
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_null(strstr(read_peers(), "a.example"));
}

static void a_missing_directory_is_an_error(void **state)
{
    char absent[128];
    (void)state;
    snprintf(absent, sizeof absent, "%s/absent/peers.conf", dir);
    assert_int_equal(peers_file_add(absent, "a.example", cards[CARD_A], "1", true), -ENOENT);
}

static void an_introduction_is_set_changed_and_withdrawn(void **state)
{
    (void)state;
    write_peers("peer \"a.example\" {\n  card = \"%A\"\n  trust = 0.8   # as before\n}\n");
    assert_int_equal(peers_file_introduce(path, "a.example", "0.25", "2027-02-23T10:00:00Z"), 0);
    expect("peer \"a.example\" {\n  card = \"%A\"\n  trust = 0.8   # as before\n  introduce = 0.25\n  introduce-until = \"2027-02-23T10:00:00Z\"\n}\n");
    assert_int_equal(peers_file_introduce(path, "a.example", "0.5", "never"), 0);
    expect("peer \"a.example\" {\n  card = \"%A\"\n  trust = 0.8   # as before\n  introduce = 0.5\n  introduce-until = \"never\"\n}\n");
    assert_int_equal(peers_file_introduce(path, "a.example", "0", "never"), 0);
    expect("peer \"a.example\" {\n  card = \"%A\"\n  trust = 0.8   # as before\n  introduce = 0\n  introduce-until = \"never\"\n}\n");
    assert_int_equal(peers_file_introduce(path, "c.example", "0.5", "never"), -ENOENT);
    assert_int_equal(peers_file_introduce(path, "a.example", "1.5", "never"), -EINVAL);
    assert_int_equal(peers_file_introduce(path, "a.example", "0.5", "2027-02-30"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_peer_makes_the_file),
        cmocka_unit_test(a_further_peer_is_appended),
        cmocka_unit_test(a_last_line_without_its_end_gets_one),
        cmocka_unit_test(blanks_around_a_card_are_not_written),
        cmocka_unit_test(a_name_or_key_that_is_there_is_not_added_again),
        cmocka_unit_test(a_wrong_card_name_or_trust_changes_nothing),
        cmocka_unit_test(trust_is_changed_in_its_place),
        cmocka_unit_test(a_byte_order_mark_stays_where_it_is),
        cmocka_unit_test(a_trust_that_was_a_default_gets_a_line),
        cmocka_unit_test(a_removed_peer_leaves_the_comments_around_it),
        cmocka_unit_test(add_and_remove_leave_the_file_as_it_was),
        cmocka_unit_test(of_two_peers_on_a_line_only_one_goes),
        cmocka_unit_test(the_card_is_replaced_by_a_newer_one_of_the_same_member),
        cmocka_unit_test(options_are_set_in_their_place_or_before_the_brace_and_taken_out_with_their_line),
        cmocka_unit_test(an_option_in_a_comment_or_of_another_peer_is_none),
        cmocka_unit_test(a_value_that_the_configuration_would_refuse_changes_nothing),
        cmocka_unit_test(a_peer_that_is_added_with_rights_has_them_from_the_start),
        cmocka_unit_test(nobody_is_there_in_a_missing_file),
        cmocka_unit_test(a_file_that_cannot_be_understood_is_left_alone),
        cmocka_unit_test(the_mode_stays),
        cmocka_unit_test(a_link_stays_a_link),
        cmocka_unit_test(a_missing_directory_is_an_error),
        cmocka_unit_test(an_introduction_is_set_changed_and_withdrawn),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
