/* hearsay.conf: what it means. */
#include "tests/unit/config_fixture.h"

/* ---- meaning */

static void a_name_alone_is_a_working_lone_node(void **state)
{
    struct config *c = load("name = \"MX.A.example.\"\n");
    (void)state;
    assert_string_equal(c->name, "mx.a.example");
    assert_string_equal(c->federation, "hearsay");
    assert_string_equal(c->file, path);
    assert_string_equal(c->identity, in_dir("identity.pem"));
    assert_string_equal(c->card, in_dir("identity.card"));
    assert_string_equal(c->database, in_dir("hearsay.db"));
    assert_string_equal(c->control, in_dir("run/control.sock"));
    assert_string_equal(c->peers_file, in_dir("peers.conf"));
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_false(c->mesh.present);
    assert_int_equal(c->peers_n, 0);
    config_free(&c);
    assert_null(c);
}

static void without_report_sections_there_are_a_unix_socket_and_loopback(void **state)
{
    struct config *c = load("name = mx.a.example");
    (void)state;
    assert_int_equal(c->reports_n, 2);
    assert_true(c->reports[0].is_unix);
    assert_string_equal(c->reports[0].path, in_dir("run/report.sock"));
    assert_int_equal(c->reports[0].mode, 0660);
    assert_string_equal(c->reports[0].group, "");
    assert_false(c->reports[0].group_required);
    assert_string_equal(c->reports[1].host, "127.0.0.1");
    assert_int_equal(c->reports[1].port, 4440);
    assert_int_equal(c->reports[1].allow_n, 2);
    assert_int_equal(c->reports[1].allow[0].family, 4);
    assert_int_equal(c->reports[1].allow[0].bits, 8);
    assert_int_equal(c->reports[1].allow[0].addr[0], 127);
    assert_int_equal(c->reports[1].allow[1].family, 6);
    assert_int_equal(c->reports[1].allow[1].bits, 128);
    config_free(&c);
}

static void without_a_zone_section_there_is_a_black_one_named_after_the_member(void **state)
{
    struct config *c = load("name = mx.a.example");
    (void)state;
    assert_int_equal(c->policy->zones_n, 2);          /* with the unnamed white one */
    assert_string_equal(c->policy->zones[0].name, "bl.mx.a.example");
    assert_false(c->policy->zones[0].white);
    assert_true(c->policy->zones[0].own);
    assert_int_equal(c->policy->zones[0].threshold_micro, 1000000);
    assert_int_equal(c->policy->zones[0].quorum, 0);
    assert_int_equal(config_zones_n(c), 1);            /* the unnamed white one answers `check` alone */
    assert_string_equal(c->zones[0].file, in_dir("zones/bl.mx.a.example"));
    assert_int_equal(c->zones[0].ttl_s, 300);
    assert_int_equal(c->zones[0].expire_s, 3600);
    assert_int_equal(c->zones[0].ns_n, 0);
    assert_string_equal(c->zones[0].contact, "hostmaster.mx.a.example");
    assert_string_equal(c->zones[0].text, "Listed by $categories");
    assert_string_equal(c->policy->zones[1].name, "");
    assert_true(c->policy->zones[1].white);
    config_free(&c);
}

static void the_five_categories_have_codes_and_weights(void **state)
{
    static const struct { const char *name; int code; } want[] = {
        {"spam", 2}, {"malware", 4}, {"fraud", 5}, {"abusive", 6}, {"invalid-recipients", 7},
    };
    struct config *c = load("name = mx.a.example");
    (void)state;
    assert_int_equal(c->policy->categories_n, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct policy_category *got = &c->policy->categories[i];
        assert_string_equal(got->name, want[i].name);
        assert_memory_equal(got->code, ((uint8_t[]){127, 0, 0, (uint8_t)want[i].code}), 4);
        assert_int_equal(got->half_life_s, 3 * 86400);
        assert_int_equal(got->weight_milli, 5000);
    }
    assert_int_equal(c->policy->ttl_s, 30 * 86400);
    assert_int_equal(c->policy->hold_s, 86400);
    config_free(&c);
}

static void a_byte_order_mark_is_no_part_of_the_first_word(void **state)
{
    struct config *c = load("\xef\xbb\xbf" "name = mx.a.example\r\nfederation = our-coalition\r\n");
    (void)state;
    assert_string_equal(c->name, "mx.a.example");
    assert_string_equal(c->federation, "our-coalition");
    config_free(&c);
}

static void options_and_sections_mean_what_they_say(void **state)
{
    struct config *c = load("name = mx.a.example  federation = our-coalition  secret = \"s3cret\"\n"
                            "identity = /etc/keys/a.pem  database = data/a.db  control = c.sock  log = debug  ttl = 40d  hold = \"90m\"\n"
                            "report \"unix:/run/hearsay.sock\" { mode = 0600 group = mail }\n"
                            "report \"tcp:[::1]:4450\" { allow = { \"192.0.2.1\", \"2001:db8::/32\", \"10.1.2.3/8\" } }\n"
                            "limits { connections = 10 backlog = 20 lines-per-second = 30 line-bytes = 1kB line-time = 1500ms queue = 50 }\n"
                            "mesh { publish = \"tcp://192.0.2.9:1\" repair = \"tcp://*:2\" budget = \"1MB/s\" }\n"
                            "category \"policy\" { code = 127.0.0.9 half-life = 12h weight = 0.25 }\n"
                            "category \"spam\" { weight = 1 }\n"
                            "zone \"BL.a.example\" { threshold = .5 quorum = 3 own = no ttl = 60 ns = { ns.a.example, ns2.a.example }\n"
                            "  contact = me.a.example  text = \"$subject: $categories\"  expire = 10m }\n"
                            "zone \"wl.a.example\" { lists = white  ttl = \"2m\"  file = /srv/wl }\n"
                            "protect = { \"192.0.2.25\", mail.example }\n");
    (void)state;
    assert_string_equal(c->federation, "our-coalition");
    assert_string_equal(c->policy->federation, "our-coalition");
    assert_string_equal(c->secret, "s3cret");
    assert_string_equal(c->identity, "/etc/keys/a.pem");
    assert_string_equal(c->card, "/etc/keys/a.card");
    assert_string_equal(c->database, in_dir("data/a.db"));
    assert_string_equal(c->control, in_dir("c.sock"));
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->policy->ttl_s, 40 * 86400);
    assert_int_equal(c->policy->hold_s, 5400);
    assert_int_equal(c->reports_n, 2);
    assert_string_equal(c->reports[0].path, "/run/hearsay.sock");
    assert_int_equal(c->reports[0].mode, 0600);
    assert_string_equal(c->reports[0].group, "mail");
    assert_true(c->reports[0].group_required);
    assert_string_equal(c->reports[1].host, "::1");
    assert_int_equal(c->reports[1].port, 4450);
    assert_int_equal(c->reports[1].allow_n, 3);
    assert_int_equal(c->reports[1].allow[0].bits, 32);
    assert_int_equal(c->reports[1].allow[1].bits, 32);
    assert_int_equal(c->reports[1].allow[2].addr[1], 0);
    assert_int_equal(c->limits.connections, 10);
    assert_int_equal(c->limits.backlog, 20);
    assert_int_equal(c->limits.lines_per_second, 30);
    assert_int_equal(c->limits.line_bytes, 1000);
    assert_int_equal(c->limits.line_ms, 1500);
    assert_int_equal(c->limits.queue, 50);
    assert_true(c->mesh.present);
    assert_string_equal(c->mesh.advertise, "192.0.2.9");
    assert_int_equal(c->mesh.budget_bytes, 1000000);
    assert_int_equal(c->policy->categories_n, 6);
    assert_memory_equal(c->policy->categories[5].code, ((uint8_t[]){127, 0, 0, 9}), 4);
    assert_int_equal(c->policy->categories[5].half_life_s, 43200);
    assert_int_equal(c->policy->categories[5].weight_milli, 250);
    assert_int_equal(c->policy->categories[0].weight_milli, 1000);
    assert_int_equal(c->policy->categories[0].code[3], 2);
    assert_int_equal(c->policy->zones_n, 2);
    assert_string_equal(c->policy->zones[0].name, "bl.a.example");
    assert_int_equal(c->policy->zones[0].threshold_micro, 500000);
    assert_int_equal(c->policy->zones[0].quorum, 3);
    assert_false(c->policy->zones[0].own);
    assert_int_equal(c->zones[0].ttl_s, 60);
    assert_int_equal(c->zones[0].ns_n, 2);
    assert_string_equal(c->zones[0].ns[1], "ns2.a.example");
    assert_string_equal(c->zones[0].contact, "me.a.example");
    assert_string_equal(c->zones[0].text, "$subject: $categories");
    assert_int_equal(c->zones[0].expire_s, 600);
    assert_true(c->policy->zones[1].white);
    assert_int_equal(c->zones[1].ttl_s, 120);
    assert_string_equal(c->zones[1].file, "/srv/wl");
    assert_true(covered(c, "192.0.2.25"));
    assert_true(covered(c, "192.0.2.0/24"));
    assert_false(covered(c, "192.0.2.26"));
    assert_true(covered(c, "mail.example"));
    config_free(&c);
}

static void peers_become_members_with_their_trust(void **state)
{
    char text[3 * CARD_MAX];
    struct config *c;
    (void)state;
    snprintf(text, sizeof text, "peer \"mx.b.example\" { card = \"%s\" trust = 0.8 }\npeer \"friend.example\" { card = \"%s\" link = false }\n", cards[0], cards[1]);
    write_file("peers.conf", text);
    c = load("name = mx.a.example\ninclude(\"peers.conf\")\n");
    assert_true(c->mesh.present);
    assert_string_equal(c->mesh.advertise, "mx.a.example");
    assert_int_equal(c->peers_n, 2);
    assert_string_equal(c->peers[0].name, "mx.b.example");
    assert_memory_equal(c->peers[0].record.root, roots[0], KEY_BYTES);
    assert_int_equal(c->peers[0].trust_micro, 800000);
    assert_true(!c->peers[0].link && c->peers[0].choose);      /* as the node chooses */
    assert_int_equal(c->peers[1].trust_micro, 500000);
    assert_true(!c->peers[1].link && !c->peers[1].choose);
    assert_int_equal(c->policy->members_n, 2);
    assert_non_null(policy_member(c->policy, roots[1]));
    assert_string_equal(policy_member(c->policy, roots[1])->name, "friend.example");
    config_free(&c);
    assert_int_equal(unlink(in_dir("peers.conf")), 0);
}

static void two_peers_with_one_curve_key_are_refused(void **state)
{
    static const uint8_t curve[KEY_BYTES] = { 1, 2, 3 };
    char text[4 * CARD_MAX], card[2][CARD_MAX], why[CONFIG_WHY_MAX] = "";
    struct config *c = NULL;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct identity *id = test_identity((unsigned)i);
        struct record r = {.serial = 1, .not_after_s = 2000000000};
        uint8_t frame[RECORD_FRAME_MAX];
        size_t len = sizeof frame;
        identity_into_record(id, &r);
        memcpy(r.curve, curve, KEY_BYTES);
        strcpy(r.name, "mx.b.example");
        assert_int_equal(record_seal(&r, id, frame, &len), 0);
        assert_int_equal(card_encode((struct bytes){frame, len}, card[i], sizeof card[i]), 0);
        identity_destroy(&id);
    }
    snprintf(text, sizeof text, "peer b.example { card = \"%s\" }\npeer c.example { card = \"%s\" }\n", card[0], card[1]);
    write_file("hearsay.conf", text);
    assert_int_equal(config_load(path, &c, why), -EINVAL);
    assert_non_null(strstr(why, "CURVE key of peer \"b.example\""));
}

static void a_peer_that_is_this_member_itself_is_passed_over(void **state)
{
    char text[4 * CARD_MAX];
    struct config *c;
    (void)state;
    snprintf(text, sizeof text, "name = mx.a.example\npeer b.example { card = \"%s\" }\npeer c.example { card = \"%s\" categories = { spam } }\npeer d.example { card = \"%s\" }\n",
             cards[0], cards[1], cards[2]);
    c = load(text);
    assert_true(config_set_self(c, roots[1]));
    assert_memory_equal(c->policy->self, roots[1], KEY_BYTES);
    assert_int_equal(c->peers_n, 2);
    assert_int_equal(c->policy->members_n, 2);
    assert_string_equal(c->peers[1].name, "d.example");
    assert_string_equal(c->policy->members[1].name, "d.example");
    assert_null(policy_member(c->policy, roots[1]));
    assert_false(config_set_self(c, roots[1]));
    config_free(&c);
}

static void members_are_never_listed_by_name_or_address(void **state)
{
    char text[4 * CARD_MAX];
    struct config *c;
    (void)state;
    snprintf(text, sizeof text, "name = mx.a.example\nmesh { advertise = \"192.0.2.77\" }\n"
             "peer b.example { card = \"%s\" }\npeer c.example { card = \"%s\" }\npeer d.example { card = \"%s\" }\n", cards[0], cards[1], cards[2]);
    c = load(text);
    assert_true(covered(c, "mx.a.example"));
    assert_true(covered(c, "192.0.2.77"));
    assert_true(covered(c, "mx.b.example"));
    assert_true(covered(c, "198.51.100.7"));
    assert_true(covered(c, "2001:db8:7::2"));          /* in the /64 of a member */
    assert_false(covered(c, "198.51.100.8"));
    assert_false(covered(c, "victim.com"));            /* a member that calls itself "com" protects nobody */
    config_free(&c);
}

static void paths_start_from_the_file_that_names_them(void **state)
{
    struct config *c = NULL;
    char why[CONFIG_WHY_MAX], old[1024];
    (void)state;
    assert_int_equal(mkdir(in_dir("sub"), 0700), 0);
    write_file("sub/more.conf", "include(\"deep.conf\")\n");
    write_file("sub/deep.conf", "database = from-deep.db\n");
    c = load("name = mx.a.example\ninclude(\"sub/more.conf\")\ninclude('missing.conf')\n");
    assert_string_equal(c->database, in_dir("from-deep.db"));
    config_free(&c);
    assert_non_null(getcwd(old, sizeof old));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(config_load("hearsay.conf", &c, why), 0);
    assert_string_equal(c->dir, ".");
    assert_string_equal(c->database, "from-deep.db");
    assert_string_equal(c->peers_file, "peers.conf");
    assert_int_equal(chdir(old), 0);
    config_free(&c);
}

static void the_record_names_the_advertised_host(void **state)
{
    struct config *c = load("name = mx.a.example\nmesh { publish = \"tcp://0.0.0.0:11\" repair = \"tcp://[::]:12\" advertise = \"2001:db8::5\" }");
    struct identity *id = test_identity(0);
    struct record r;
    (void)state;
    config_record(c, id, &r);
    assert_string_equal(r.publish, "tcp://[2001:db8::5]:11");
    assert_string_equal(r.repair, "tcp://[2001:db8::5]:12");
    assert_string_equal(r.name, "mx.a.example");
    assert_memory_equal(r.root, identity_root(id), KEY_BYTES);
    config_free(&c);
    c = load("name = mx.a.example");
    config_record(c, id, &r);
    assert_string_equal(r.publish, "");
    config_free(&c);
    identity_destroy(&id);
}

/* ---- numbers */

static void durations_and_sizes_are_read_exactly(void **state)
{
    static const struct { const char *text; int64_t ms; } good[] = {
        {"500ms", 500}, {"90s", 90000}, {"15m", 900000}, {"12h", 43200000}, {"3d", 259200000}, {"0s", 0}, {"007s", 7000},
    };
    static const char *const bad[] = {"", "5", "s", "-1s", "1.5h", "1 s", "1sec", "s1", "99999999999999999999s", "9223372036854775807s", "1S"};
    static const struct { const char *text; int64_t bytes; } sizes[] = {{"64kB", 64000}, {"1MB", 1000000}, {"20kB/s", 20000}, {"4096", 4096}, {"7B", 7}, {"2GB", 2000000000}};
    static const char *const bad_sizes[] = {"", "kB", "1KB", "1kb", "1kB/m", "/s", "1 kB", "-1", "1MB/s/s", "99999999999GB"};
    int64_t got = -7;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(config_duration(good[i].text, &got), 0);
        assert_int_equal(got, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(config_duration(bad[i], &got), -EINVAL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(config_size(sizes[i].text, &got), 0);
        assert_int_equal(got, sizes[i].bytes);
    }
    got = -7;
    for (size_t i = 0; i < sizeof bad_sizes / sizeof *bad_sizes; i++)
        assert_int_equal(config_size(bad_sizes[i], &got), -EINVAL);
    assert_int_equal(got, -7);
}

static void black_zones_list_networks_unless_they_say_no_and_white_ones_never(void **state)
{
    struct config *c = load("name = a.example\nzone bl.a.example { }\nzone no.a.example { networks = false }\n"
                            "zone some.a.example { network-addresses = 12 network-groups = 4 network-floor = { \"/56\", \"/27\" } }\n"
                            "zone wl.a.example { lists = white }\n");
    const struct policy_zone *z = c->policy->zones;
    (void)state;
    assert_true(z[0].networks && !z[1].networks && z[2].networks && !z[3].networks);
    assert_int_equal(z[0].network_addresses, 5);
    assert_int_equal(z[0].network_groups, 0);
    assert_int_equal(z[0].network_floor_ip4, 24);
    assert_int_equal(z[0].network_floor_ip6, 48);
    assert_int_equal(z[2].network_addresses, 12);
    assert_int_equal(z[2].network_groups, 4);
    assert_int_equal(z[2].network_floor_ip4, 27);
    assert_int_equal(z[2].network_floor_ip6, 56);
    config_free(&c);
    c = load("name = a.example\n");
    assert_true(c->policy->zones[0].networks);
    assert_int_equal(c->policy->zones[0].network_addresses, 5);
    assert_int_equal(c->policy->zones[0].network_floor_ip6, 48);
    config_free(&c);
}

static void the_environment_names_the_default_file(void **state)
{
    (void)state;
    unsetenv("HEARSAY_CONF");
    assert_string_equal(config_default_path(), "/etc/hearsay/hearsay.conf");
    setenv("HEARSAY_CONF", "/x/y.conf", 1);
    assert_string_equal(config_default_path(), "/x/y.conf");
    unsetenv("HEARSAY_CONF");
}

static void rights_of_a_peer_are_read_and_given_to_the_policy(void **state)
{
    char text[2 * CARD_MAX + 512];
    (void)state;
    snprintf(text, sizeof text, "name = mx.a.example\npeer mx.b.example { card = \"%s\" categories = { malware, bulk } black-only = true prefixes = false max-weight = 0.25 max-subjects = 5000\n"
             "probation = 10d }\npeer mx.c.example { card = \"%s\" probation = \"2027-02-23\" }\ncategory bulk { code = 127.0.0.9 }\n", cards[0], cards[1]);
    struct config *c = load(text);
    const struct policy_rights *b = &c->policy->members[0].rights, *other = &c->policy->members[1].rights;
    assert_int_equal(b->categories, UINT64_C(1) << policy_category(c->policy, "malware") | UINT64_C(1) << policy_category(c->policy, "bulk"));
    assert_true(b->black_only && b->no_prefixes);
    assert_int_equal(b->max_weight_micro, 250000);
    assert_int_equal(b->probation_s, 10 * 86400);
    assert_int_equal(c->peers[0].subjects_max, 5000);
    assert_int_equal(other->categories, 0);
    assert_int_equal(other->max_weight_micro, 0);
    assert_int_equal(other->probation_until_s, 1803340800);
    config_free(&c);
}

static void rights_in_a_category_that_is_not_there_are_a_mistake(void **state)
{
    char text[CARD_MAX + 256];
    (void)state;
    snprintf(text, sizeof text, "name = mx.a.example\npeer mx.b.example { card = \"%s\" categories = { malware, nosuch } }\n", cards[0]);
    assert_string_equal(wrong(text, -EINVAL), "./hearsay.conf: peer \"mx.b.example\": categories: there is no category \"nosuch\"; expected one of RFC 7073 "
                        "(spam, malware, fraud, abusive, invalid-recipients) or of a category section");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_alone_is_a_working_lone_node),
        cmocka_unit_test(without_report_sections_there_are_a_unix_socket_and_loopback),
        cmocka_unit_test(without_a_zone_section_there_is_a_black_one_named_after_the_member),
        cmocka_unit_test(the_five_categories_have_codes_and_weights),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_the_first_word),
        cmocka_unit_test(options_and_sections_mean_what_they_say),
        cmocka_unit_test(peers_become_members_with_their_trust),
        cmocka_unit_test(a_peer_that_is_this_member_itself_is_passed_over),
        cmocka_unit_test(members_are_never_listed_by_name_or_address),
        cmocka_unit_test(two_peers_with_one_curve_key_are_refused),
        cmocka_unit_test(paths_start_from_the_file_that_names_them),
        cmocka_unit_test(the_record_names_the_advertised_host),
        cmocka_unit_test(durations_and_sizes_are_read_exactly),
        cmocka_unit_test(black_zones_list_networks_unless_they_say_no_and_white_ones_never),
        cmocka_unit_test(the_environment_names_the_default_file),
        cmocka_unit_test(rights_of_a_peer_are_read_and_given_to_the_policy),
        cmocka_unit_test(rights_in_a_category_that_is_not_there_are_a_mistake),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
