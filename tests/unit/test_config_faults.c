/* hearsay.conf: what is wrong with it is said with file and line. */
#include "tests/seed.h"
#include "tests/unit/config_fixture.h"

/* ---- what is wrong */

static const struct {
    const char *text, *want;
} faults[] = {
    {"", "./hearsay.conf: the name of this member is not set; expected a line such as name = \"mx.a.example\""},
    {"# only this\n", "./hearsay.conf: the name of this member is not set; expected a line such as name = \"mx.a.example\""},
    {"name = 5", "./hearsay.conf:1: name = \"5\"; expected a host name such as \"mx.a.example\""},
    {"# one\n/* two\n * three */\n// four\nnmae = mx.a.example\n", "./hearsay.conf:5: unknown option \"nmae\"; did you mean \"name\"?"},
    {"name = mx.a.example\nmesh {\n  publsh = x\n}\n", "./hearsay.conf:3: unknown option \"publsh\"; did you mean \"publish\"?"},
    {"name = mx.a.example\nmesh {\n  colour = red\n}\n", "./hearsay.conf:3: unknown option \"colour\"; expected one of publish, repair, advertise, budget, links"},
    {"name = a.example\n\n# note\nname = b.example\n", "./hearsay.conf:4: name is set twice; expected it once"},
    {"zone bl.example {\n ttl = soon\n}", "./hearsay.conf:2: ttl = \"soon\"; expected seconds or a duration, from 1 to \"1d\""},
    {"zone bl.example {\n ttl = 0\n}", "./hearsay.conf:2: ttl = \"0\"; expected seconds or a duration, from 1 to \"1d\""},
    {"zone bl.example {\n quorum = 1.5\n}", "./hearsay.conf:2: quorum = \"1.5\"; expected a number from 1 to 1000, or 0 for an automatic one"},
    {"zone bl.example {\n quorum = -1\n}", "./hearsay.conf:2: quorum = \"-1\"; expected a number from 1 to 1000, or 0 for an automatic one"},
    {"zone bl.example { network-groups = -2 }", "./hearsay.conf:1: network-groups = \"-2\"; expected a number from 2 to 1000, or 0 for an automatic one"},
    {"\xef\xbb\xbfnmae = mx.a.example\n", "./hearsay.conf:1: unknown option \"nmae\"; did you mean \"name\"?"},
    {"zone bl.example {\n lists = grey\n}", "./hearsay.conf:2: lists = \"grey\"; expected black or white"},
    {"srs {\n style = sendmail\n}", "./hearsay.conf:2: style = \"sendmail\"; expected exim or postsrsd"},
    {"srs {\n valid = 366d\n}", "./hearsay.conf:2: valid = \"366d\"; expected a duration from \"1d\" to \"365d\""},
    {"srs {\n secrets = { \"\" }\n}", "./hearsay.conf:2: secrets = \"\"; expected texts of 1 to 255 bytes"},
    {"spf {\n resolver = \"127.0.0.1\"\n}", "./hearsay.conf:3: spf: resolver is \"127.0.0.1\"; expected an address and a port such as \"127.0.0.1:53\" or \"[::1]:53\""},
    {"spf { resolver = \"::1:53\" }", "./hearsay.conf:1: spf: resolver is \"::1:53\"; expected an address and a port such as \"127.0.0.1:53\" or \"[::1]:53\""},
    {"spf { resolver = \"[::1]:0\" }", "./hearsay.conf:1: spf: resolver is \"[::1]:0\"; expected an address and a port such as \"127.0.0.1:53\" or \"[::1]:53\""},
    {"spf { resolver = \"dns.example:53\" }", "./hearsay.conf:1: spf: resolver is \"dns.example:53\"; expected an address and a port such as \"127.0.0.1:53\" or \"[::1]:53\""},
    {"spf { workers = 0 }", "./hearsay.conf:1: workers = \"0\"; expected a number from 1 to 64"},
    {"verdict { profiles = \"sqlite:\" }", "./hearsay.conf:1: verdict: profiles is \"sqlite:\"; expected a file behind it"},
    {"name = a.example\n\nnote weather {\n category = nosuch\n}\nzone bl.example { }", "./hearsay.conf:5: note \"weather\": there is no category \"nosuch\"; expected one that is configured"},
    {"zone bl.example {\n own = maybe\n}", "./hearsay.conf:2: own = \"maybe\"; expected true or false"},
    {"zone bl.example {\n threshold = 1,5\n}", "./hearsay.conf:2: unexpected token ','; expected NAME = VALUE, NAME = { VALUE, ... } or SECTION \"TITLE\" { ... }"},
    {"limits {\n line-time = 10\n}", "./hearsay.conf:2: line-time = \"10\"; expected a duration from \"100ms\" to \"1h\""},
    {"limits {\n line-bytes = 4097\n}", "./hearsay.conf:2: line-bytes = \"4097\"; expected a size from \"64B\" to \"4096\""},
    {"report tcp:localhost:4440 {}", "./hearsay.conf:1: report \"tcp:localhost:4440\": expected an address and a port such as \"tcp:127.0.0.1:4440\" or \"tcp:[::1]:4440\""},
    {"report tcp:127.0.0.1:70000 {}", "./hearsay.conf:1: report \"tcp:127.0.0.1:70000\": expected an address and a port such as \"tcp:127.0.0.1:4440\" or \"tcp:[::1]:4440\""},
    {"report udp:127.0.0.1:4440 {}", "./hearsay.conf:1: report \"udp:127.0.0.1:4440\": expected \"unix:PATH\" or \"tcp:ADDRESS:PORT\""},
    {"report unix:a { allow = { ::1 } }", "./hearsay.conf:1: report \"unix:a\": allow is for tcp; expected mode and group"},
    {"report tcp:127.0.0.1:1 { mode = 0660 }", "./hearsay.conf:1: report \"tcp:127.0.0.1:1\": mode and group are for unix sockets; expected allow"},
    {"report unix:a { mode = 0680 }", "./hearsay.conf:1: mode = \"0680\"; expected a mode in octal from \"0600\" to \"0777\""},
    {"report unix:a {}\nreport unix:a {}", "./hearsay.conf:2: \"unix:a\" is there already; expected each title once"},
    {"report tcp:127.0.0.1:44 {}\nreport tcp:127.0.0.1:044 {}", "./hearsay.conf:2: report \"tcp:127.0.0.1:044\": this address is there already; expected each one once"},
    {"report tcp:127.0.0.1:44 {\n allow = { 10.0.0.0/8,\n 10.0.0.0/33 }\n}", "./hearsay.conf:3: allow = \"10.0.0.0/33\"; expected addresses and networks such as \"127.0.0.0/8\""},
    {"zone a.example {\n network-floor = { \"/16\" }\n}",
     "./hearsay.conf:3: zone \"a.example\": network-floor \"/16\"; expected \"/24\" to \"/31\" for IPv4, or \"/48\" to \"/63\" for IPv6"},
    {"zone a.example { network-addresses = 2 }", "./hearsay.conf:1: network-addresses = \"2\"; expected a number from 3 to 256"},
    {"zone a.example { network-groups = 1 }", "./hearsay.conf:1: zone \"a.example\": network-groups = 1; expected 0 or at least 2: one group alone never lists a network"},
    {"zone a.example {}\nzone A.example {}", "./hearsay.conf:2: zone \"A.example\": this zone is there already; expected each one once"},
    {"zone a.example { file = x }\nzone b.example { file = x }", "./hearsay.conf:2: zone \"b.example\": the file is that of zone \"a.example\"; expected one for each zone"},
    {"name = a.example\nzone a.example {}\nzone spam.a.example {}",
     "./hearsay.conf: zone \"spam.a.example\" is the sub-zone that zone \"a.example\" has for category \"spam\"; expected another name"},
    {"category bulk {\n}", "./hearsay.conf:2: category \"bulk\": no code; expected code = \"127.0.0.N\" for a category of one's own"},
    {"category Bulk { code = 127.0.0.9 }", "./hearsay.conf:1: category \"Bulk\": expected a name of lower-case letters, digits and '-', at most 32"},
    {"category test { code = 127.0.0.9 }",
     "./hearsay.conf:1: category \"test\": expected another name: test and invalid are the test entries of every zone (RFC 5782)"},
    {"category invalid { code = 127.0.0.9 }",
     "./hearsay.conf:1: category \"invalid\": expected another name: test and invalid are the test entries of every zone (RFC 5782)"},
    {"category bulk { code = 127.0.0.1 }", "./hearsay.conf:1: code = \"127.0.0.1\"; expected an address from 127.0.0.2 to 127.255.255.255"},
    {"category bulk { code = 10.0.0.1 }", "./hearsay.conf:1: code = \"10.0.0.1\"; expected an address from 127.0.0.2 to 127.255.255.255"},
    {"mesh { publish = \"tcp://localhost:1\" }", "./hearsay.conf:1: publish = \"tcp://localhost:1\"; expected an endpoint such as \"tcp://0.0.0.0:4441\""},
    {"mesh { publish = \"tcp://0.0.0.0:4442\" }", "./hearsay.conf:1: mesh: publish and repair are the same endpoint tcp://0.0.0.0:4442; expected two"},
    {"mesh { budget = 1B/s }", "./hearsay.conf:1: budget = \"1B/s\"; expected a size a second from \"1kB/s\" to \"1GB/s\""},
    {"peer b.example { trust = 0.5 }", "./hearsay.conf:1: peer \"b.example\": no card; expected card = \"hearsay1:...\", as `hearsay card` prints it at that member"},
    {"peer b.example { card = \"hearsay1:AAAA\" }",
     "./hearsay.conf:1: card = \"hearsay1:AAAA\"; expected a member's card, \"hearsay1:...\", complete and with its true signature"},
    {"peer b.example { trust = 1.01 }", "./hearsay.conf:1: trust = \"1.01\"; expected a number from 0 to 1"},
    {"peer b.example { probation = 10 }", "./hearsay.conf:1: probation = \"10\"; expected true, false, a duration such as \"10d\", or a time such as \"2027-02-23\" (UTC)"},
    {"peer b.example { max-weight = 0 }", "./hearsay.conf:1: max-weight = \"0\"; expected a number from 0.001 to 1"},
    {"protect = { 192.0.2.1, what? }", "./hearsay.conf:1: protect = \"what?\"; expected addresses, networks and names such as \"10.0.0.0/8\""},
    {"protect = { 192.0.2.1 192.0.2.2 }", "./hearsay.conf:1: unexpected token '192.0.2.2'; expected NAME = VALUE, NAME = { VALUE, ... } or SECTION \"TITLE\" { ... }"},
    {"name = { a.example }", "./hearsay.conf:1: unexpected token '{'; expected NAME = VALUE, NAME = { VALUE, ... } or SECTION \"TITLE\" { ... }"},
    {"name a.example", "./hearsay.conf:1: missing equal sign after option 'name'; expected NAME = VALUE, NAME = { VALUE, ... } or SECTION \"TITLE\" { ... }"},
    {"zone {\n}", "./hearsay.conf:1: missing title for section 'zone'; expected NAME = VALUE, NAME = { VALUE, ... } or SECTION \"TITLE\" { ... }"},
    {"name = \"a.example\nlog = info\n", "./hearsay.conf:1: this string does not end; expected a closing quote"},
    {"# x\nname = 'a.example\nlog = info\n", "./hearsay.conf:2: this string does not end; expected a closing quote"},
    {"name = a.example\n/* oops\n", "./hearsay.conf:2: this comment does not end; expected */"},
    {"name = a.example\nmesh {\n\n", "./hearsay.conf:2: the brace opened here is never closed; expected }"},
    {"mesh { } }\n", "./hearsay.conf:1: a closing brace too many; expected an option or a section"},
    {"name = a.example ;\n", "./hearsay.conf:1: unknown option \";\"; expected one of name, federation, secret, identity, database, control, log, ttl, hold, "
                             "protect, include, report, limits, mesh, quota, peer, category, zone, grey, tarpit, bounces, spf, srs, verdict, note"},
    {"name = \"a\\101\"\n", "./hearsay.conf:1: a digit after a backslash; expected the character itself"},
    {"name = a*b\n", "./hearsay.conf:1: a character that has no meaning here; expected it within quotes"},
    {"federation = \"two words\"", "./hearsay.conf:1: federation = \"two words\"; expected a word of letters, digits, '.', '_' and '-', at most 64"},
    {"zone a.example { text = \"two\nlines\" }", "./hearsay.conf:2: text = \"two?lines\"; expected a text of at most 254 bytes, one line"},
    {"include()", "./hearsay.conf:1: include needs one file; expected include(\"peers.conf\")"},
    {"\ninclude(hearsay.conf)", "./hearsay.conf:2: files include each other more than 10 deep; does one include itself?"},
    {"include(sub)", "./hearsay.conf:1: ./sub cannot be read: Is a directory"},
};

static void each_fault_is_named_with_file_line_and_what_was_expected(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_dir("sub"), 0700), 0);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const char *got = wrong(faults[i].text, -EINVAL);
        if (strcmp(got, faults[i].want) != 0)
            fail_msg("for: %s\n got: %s\nwant: %s", faults[i].text, got, faults[i].want);
    }
}

static void a_fault_in_an_included_file_names_that_file(void **state)
{
    (void)state;
    write_file("more.conf", "# fine\ntrust = 1\n");
    assert_string_equal(wrong("name = a.example\ninclude(more.conf)\n", -EINVAL), "./more.conf:2: unknown option \"trust\"; expected one of name, federation, secret, "
                        "identity, database, control, log, ttl, hold, protect, include, report, limits, mesh, quota, peer, category, zone, grey, tarpit, bounces, spf, srs, verdict, note");
    assert_string_equal(wrong("include(more.conf)\n", -EINVAL), wrong("name = a.example\ninclude(more.conf)\n", -EINVAL));
}

static void a_secret_that_is_refused_is_not_repeated(void **state)
{
    char text[512];
    (void)state;
    snprintf(text, sizeof text, "name = a.example\nsecret = \"%0256d\"\n", 7);
    assert_string_equal(wrong(text, -EINVAL), "./hearsay.conf:2: secret = \"...\"; expected a text of at most 255 bytes");
    snprintf(text, sizeof text, "name = a.example\nsrs { secrets = { \"%0256d\" } }\n", 7);
    assert_string_equal(wrong(text, -EINVAL), "./hearsay.conf:2: secrets = \"...\"; expected texts of 1 to 255 bytes");
}

static void after_any_number_of_faults_a_good_file_still_loads(void **state)
{
    struct config *c;
    (void)state;
    write_file("more.conf", "log = \"info\n");
    for (int i = 0; i < 30; i++)
        wrong("name = a.example\ninclude(more.conf)\n", -EINVAL);
    write_file("more.conf", "log = error # fine\n");
    c = load("name = a.example\ninclude(more.conf)\n");
    assert_int_equal(c->log_level, LOG_LEVEL_ERROR);
    config_free(&c);
}

static void two_peers_cannot_share_a_name_or_a_key(void **state)
{
    char text[3 * CARD_MAX];
    (void)state;
    snprintf(text, sizeof text, "peer b.example { card = \"%s\" }\npeer B.example { card = \"%s\" }", cards[0], cards[1]);
    assert_string_equal(wrong(text, -EINVAL), "./hearsay.conf:2: peer \"B.example\": a peer of this name is there already; expected each one once");
    snprintf(text, sizeof text, "peer b.example { card = \"%s\" }\npeer c.example { card = \"%s\" }", cards[0], cards[0]);
    assert_string_equal(wrong(text, -EINVAL), "./hearsay.conf:2: peer \"c.example\": this card has the key of peer \"b.example\"; expected one peer for each member");
}

static void a_card_with_one_byte_changed_is_refused(void **state)
{
    char text[2 * CARD_MAX], card[CARD_MAX];
    (void)state;
    strcpy(card, cards[0]);
    card[60] = card[60] == 'A' ? 'B' : 'A';
    snprintf(text, sizeof text, "\npeer b.example {\n card = \"%s\"\n}", card);
    assert_non_null(strstr(wrong(text, -EINVAL), "./hearsay.conf:3: card = \"hearsay1:"));
}

static void a_missing_or_unreadable_file_is_told_apart(void **state)
{
    char why[CONFIG_WHY_MAX];
    struct config *c = NULL;
    (void)state;
    assert_int_equal(config_load(in_dir("none.conf"), &c, why), -ENOENT);
    assert_string_equal(why + strlen(dir), "/none.conf: No such file or directory");
    assert_int_equal(config_load(dir, &c, why), -EINVAL);
    assert_string_equal(why + strlen(dir), ": Is a directory");
    assert_null(c);
}

static void a_path_too_long_for_a_socket_is_refused(void **state)
{
    char text[400];
    (void)state;
    snprintf(text, sizeof text, "report \"unix:%0150d\" {}", 0);
    assert_non_null(strstr(wrong(text, -EINVAL), "is too long for a socket; expected at most 107 bytes"));
    snprintf(text, sizeof text, "name = a.example\ncontrol = \"%0150d\"", 0);
    assert_non_null(strstr(wrong(text, -EINVAL), "is too long for a socket; expected at most 107 bytes"));
}

static void random_bytes_never_crash_the_reader(void **state)
{
    static const char alphabet[] = "name = \"zone{}(),+=#/*'\\\n\t$ report include peer x19.\r\x80\x01";
    uint32_t seed = (uint32_t)seeded(7);
    char text[200];
    (void)state;
    for (int round = 0; round < 3000; round++) {
        char why[CONFIG_WHY_MAX];
        struct config *c = NULL;
        size_t n = 0;
        for (size_t len = (size_t)round % 190; n < len; n++) {
            seed = seed * 1664525 + 1013904223;
            text[n] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        text[n] = '\0';
        write_file("hearsay.conf", text);
        if (config_load(path, &c, why) == 0)
            config_free(&c);
        else
            assert_true(why[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_named_with_file_line_and_what_was_expected),
        cmocka_unit_test(a_fault_in_an_included_file_names_that_file),
        cmocka_unit_test(a_secret_that_is_refused_is_not_repeated),
        cmocka_unit_test(after_any_number_of_faults_a_good_file_still_loads),
        cmocka_unit_test(two_peers_cannot_share_a_name_or_a_key),
        cmocka_unit_test(a_card_with_one_byte_changed_is_refused),
        cmocka_unit_test(a_missing_or_unreadable_file_is_told_apart),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused),
        cmocka_unit_test(random_bytes_never_crash_the_reader),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
