/* hearsay.conf: what it means, what is wrong with it, and that every option is written down. */
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

#include "node/config.h"
#include "proto/subject.h"

static char dir[64];
static char path[128];
static char cards[3][CARD_MAX];
static uint8_t roots[3][KEY_BYTES];

static void write_file(const char *name, const char *text)
{
    char full[256];
    FILE *f;
    snprintf(full, sizeof full, "%s/%s", dir, name);
    f = fopen(full, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static void make_card(int i, const char *name, const char *host)
{
    struct identity *id = NULL;
    struct record r = {.serial = 1, .not_after_s = 2000000000};
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    assert_int_equal(identity_generate(&id), 0);
    memcpy(r.root, identity_root(id), KEY_BYTES);
    memcpy(r.operational, identity_operational(id), KEY_BYTES);
    memcpy(r.curve, identity_curve(id), KEY_BYTES);
    snprintf(r.name, sizeof r.name, "%s", name);
    snprintf(r.publish, sizeof r.publish, "tcp://%s:4441", host);
    snprintf(r.repair, sizeof r.repair, "tcp://%s:4442", host);
    assert_int_equal(record_seal(&r, id, frame, &len), 0);
    assert_int_equal(card_encode((struct bytes){frame, len}, cards[i], sizeof cards[i]), 0);
    memcpy(roots[i], r.root, KEY_BYTES);
    identity_destroy(&id);
}

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hearsay-config-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/hearsay.conf", dir);
    make_card(0, "mx.b.example", "198.51.100.7");
    make_card(1, "mx.c.example", "[2001:db8:7::1]");
    make_card(2, "com", "other.example");
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static struct config *load(const char *text)
{
    char why[CONFIG_WHY_MAX] = "";
    struct config *c = NULL;
    write_file("hearsay.conf", text);
    if (config_load(path, &c, why) != 0)
        fail_msg("did not load: %s", why);
    assert_string_equal(why, "");
    return c;
}

/* What is said of the file; "." stands for its directory. */
static const char *wrong(const char *text, int want_rc)
{
    static char why[CONFIG_WHY_MAX];
    char plain[CONFIG_WHY_MAX];
    struct config *c = NULL;
    char *at;
    int rc;
    write_file("hearsay.conf", text);
    rc = config_load(path, &c, why);
    if (rc != want_rc)
        fail_msg("got %d, want %d: %s", rc, want_rc, text);
    assert_null(c);
    while ((at = strstr(why, dir)) != NULL) {
        snprintf(plain, sizeof plain, "%.*s.%s", (int)(at - why), why, at + strlen(dir));
        strcpy(why, plain);
    }
    return why;
}

static bool covered(const struct config *c, const char *text)
{
    struct subject s;
    const char *reason;
    assert_int_equal(subject_parse(text, strlen(text), c->sender_key, &s, &reason), 0);
    return protect_covers(c->policy->protect, &s);
}

static char *in_dir(const char *rest)
{
    static char full[4][256];
    static int next;
    char *out = full[next++ % 4];
    snprintf(out, sizeof full[0], "%s/%s", dir, rest);
    return out;
}

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
    assert_true(c->peers[0].link);
    assert_int_equal(c->peers[1].trust_micro, 500000);
    assert_false(c->peers[1].link);
    assert_int_equal(c->policy->members_n, 2);
    assert_non_null(policy_member(c->policy, roots[1]));
    assert_string_equal(policy_member(c->policy, roots[1])->name, "friend.example");
    config_free(&c);
    assert_int_equal(unlink(in_dir("peers.conf")), 0);
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
    struct identity *id = NULL;
    struct record r;
    (void)state;
    assert_int_equal(identity_generate(&id), 0);
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

/* ---- what is wrong */

static const struct {
    const char *text, *want;
} faults[] = {
    {"", "./hearsay.conf: the name of this member is not set; expected a line such as name = \"mx.a.example\""},
    {"# only this\n", "./hearsay.conf: the name of this member is not set; expected a line such as name = \"mx.a.example\""},
    {"name = 5", "./hearsay.conf:1: name = \"5\"; expected a host name such as \"mx.a.example\""},
    {"# one\n/* two\n * three */\n// four\nnmae = mx.a.example\n", "./hearsay.conf:5: unknown option \"nmae\"; did you mean \"name\"?"},
    {"name = mx.a.example\nmesh {\n  publsh = x\n}\n", "./hearsay.conf:3: unknown option \"publsh\"; did you mean \"publish\"?"},
    {"name = mx.a.example\nmesh {\n  colour = red\n}\n", "./hearsay.conf:3: unknown option \"colour\"; expected one of publish, repair, advertise, budget"},
    {"name = a.example\n\n# note\nname = b.example\n", "./hearsay.conf:4: name is set twice; expected it once"},
    {"zone bl.example {\n ttl = soon\n}", "./hearsay.conf:2: ttl = \"soon\"; expected seconds or a duration, from 1 to \"1d\""},
    {"zone bl.example {\n ttl = 0\n}", "./hearsay.conf:2: ttl = \"0\"; expected seconds or a duration, from 1 to \"1d\""},
    {"zone bl.example {\n quorum = 1.5\n}", "./hearsay.conf:2: quorum = \"1.5\"; expected a number from 1 to 1000, or 0 for an automatic one"},
    {"zone bl.example {\n lists = grey\n}", "./hearsay.conf:2: lists = \"grey\"; expected black or white"},
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
    {"zone a.example {}\nzone A.example {}", "./hearsay.conf:2: zone \"A.example\": this zone is there already; expected each one once"},
    {"zone a.example { file = x }\nzone b.example { file = x }", "./hearsay.conf:2: zone \"b.example\": the file is that of zone \"a.example\"; expected one for each zone"},
    {"name = a.example\nzone a.example {}\nzone spam.a.example {}",
     "./hearsay.conf: zone \"spam.a.example\" is the sub-zone that zone \"a.example\" has for category \"spam\"; expected another name"},
    {"category bulk {\n}", "./hearsay.conf:2: category \"bulk\": no code; expected code = \"127.0.0.N\" for a category of one's own"},
    {"category Bulk { code = 127.0.0.9 }", "./hearsay.conf:1: category \"Bulk\": expected a name of lower-case letters, digits and '-', at most 32"},
    {"category bulk { code = 127.0.0.1 }", "./hearsay.conf:1: code = \"127.0.0.1\"; expected an address from 127.0.0.2 to 127.255.255.255"},
    {"category bulk { code = 10.0.0.1 }", "./hearsay.conf:1: code = \"10.0.0.1\"; expected an address from 127.0.0.2 to 127.255.255.255"},
    {"mesh { publish = \"tcp://localhost:1\" }", "./hearsay.conf:1: publish = \"tcp://localhost:1\"; expected an endpoint such as \"tcp://0.0.0.0:4441\""},
    {"mesh { publish = \"tcp://0.0.0.0:4442\" }", "./hearsay.conf:1: mesh: publish and repair are the same endpoint tcp://0.0.0.0:4442; expected two"},
    {"mesh { budget = 1B/s }", "./hearsay.conf:1: budget = \"1B/s\"; expected a size a second from \"1kB/s\" to \"1GB/s\""},
    {"peer b.example { trust = 0.5 }", "./hearsay.conf:1: peer \"b.example\": no card; expected card = \"hearsay1:...\", as `hearsay card` prints it at that member"},
    {"peer b.example { card = \"hearsay1:AAAA\" }",
     "./hearsay.conf:1: card = \"hearsay1:AAAA\"; expected a member's card, \"hearsay1:...\", complete and with its true signature"},
    {"peer b.example { trust = 1.01 }", "./hearsay.conf:1: trust = \"1.01\"; expected a number from 0 to 1"},
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
                             "protect, include, report, limits, mesh, peer, category, zone"},
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
                        "identity, database, control, log, ttl, hold, protect, include, report, limits, mesh, peer, category, zone");
    assert_string_equal(wrong("include(more.conf)\n", -EINVAL), wrong("name = a.example\ninclude(more.conf)\n", -EINVAL));
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
    uint32_t seed = 7;
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

static void the_environment_names_the_default_file(void **state)
{
    (void)state;
    unsetenv("HEARSAY_CONF");
    assert_string_equal(config_default_path(), "/etc/hearsay/hearsay.conf");
    setenv("HEARSAY_CONF", "/x/y.conf", 1);
    assert_string_equal(config_default_path(), "/x/y.conf");
    unsetenv("HEARSAY_CONF");
}

/* ---- the sample and the manual */

static char *slurp(const char *name)
{
    FILE *f = fopen(name, "r");
    char *text = calloc(1, 1 << 20);
    if (f == NULL) {
        free(text);
        return NULL;
    }
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

static void the_sample_loads_as_it_stands(void **state)
{
    char *sample = slurp(SOURCE_DIR "/conf/hearsay.conf");
    struct config *c = load(sample);
    (void)state;
    assert_int_equal(c->reports_n, 2);
    config_free(&c);
    free(sample);
}

/* In the sample, a default stands behind a single #. */
static char *with_defaults_uncommented(const char *sample)
{
    char *text = calloc(1, strlen(sample) + 1), *to = text;
    for (const char *p = sample; *p != '\0'; p++) {
        bool at_line_start = p == sample || p[-1] == '\n' || (p[-1] == ' ' && p[1] != ' ');
        if (*p == '#' && at_line_start && p[1] >= 'a' && p[1] <= 'z')
            continue;
        *to++ = *p;
    }
    return text;
}

static void the_defaults_in_the_sample_are_the_defaults(void **state)
{
    char *sample = slurp(SOURCE_DIR "/conf/hearsay.conf"), *text = with_defaults_uncommented(sample);
    struct config *as_it_stands = load(sample), *uncommented = load(text);
    (void)state;
    assert_true(strlen(text) < strlen(sample));
    assert_memory_equal(&as_it_stands->limits, &uncommented->limits, sizeof uncommented->limits);
    assert_memory_equal(&as_it_stands->mesh, &uncommented->mesh, sizeof uncommented->mesh);
    assert_memory_equal(as_it_stands->zones, uncommented->zones, sizeof uncommented->zones);
    assert_memory_equal(as_it_stands->policy->zones, uncommented->policy->zones, sizeof uncommented->policy->zones);
    assert_memory_equal(as_it_stands->policy->categories, uncommented->policy->categories, sizeof uncommented->policy->categories);
    assert_string_equal(as_it_stands->database, uncommented->database);
    assert_string_equal(as_it_stands->federation, uncommented->federation);
    config_free(&as_it_stands);
    config_free(&uncommented);
    free(sample);
    free(text);
}

/* `name =` or `name(` as a word of its own, behind any number of comment signs. */
static bool mentions_option(const char *sample, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = strstr(sample, name); at != NULL; at = strstr(at + 1, name)) {
        bool starts = at == sample || at[-1] == ' ' || at[-1] == '#' || at[-1] == '\n';
        if (starts && (strncmp(at + len, " = ", 3) == 0 || at[len] == '('))
            return true;
    }
    return false;
}

static void every_option_is_in_the_sample(void **state)
{
    char *sample = slurp(SOURCE_DIR "/conf/hearsay.conf");
    size_t n;
    const struct config_option *o = config_options(&n);
    (void)state;
    assert_true(n > 30);
    for (size_t i = 0; i < n; i++)
        if (!mentions_option(sample, o[i].name))
            fail_msg("conf/hearsay.conf does not mention %s %s", o[i].section, o[i].name);
    free(sample);
}

/* What the manual says of an option, within the part on its section; NULL if nothing. Up to the next item. */
static char *manual_item(const char *manual, const struct config_option *o)
{
    char head[64], item[64];
    const char *section, *next, *at, *end;
    snprintf(head, sizeof head, "\n.Ss %s", o->section[0] == '\0' ? "General options" : o->section);
    snprintf(item, sizeof item, "\n.It Cm %s", o->name);
    section = strstr(manual, head);
    if (section == NULL)
        return NULL;
    next = strstr(section + 1, "\n.Ss ");
    if (next == NULL)
        next = strstr(section, "\n.Sh ");
    at = strstr(section, item);
    if (next == NULL || at == NULL || at > next || (at[strlen(item)] != '\n' && at[strlen(item)] != ' '))
        return NULL;
    end = strstr(at + 1, "\n.It ");
    if (end == NULL || end > next)
        end = next;
    return strndup(at, (size_t)(end - at));
}

static void every_option_is_in_the_manual_with_its_default(void **state)
{
    char *manual = slurp(SOURCE_DIR "/tools/man/hearsay.conf.5");
    size_t n;
    const struct config_option *o = config_options(&n);
    (void)state;
    if (manual == NULL)
        skip();
    for (size_t i = 0; i < n; i++) {
        char *said = manual_item(manual, &o[i]), want[128];
        if (said == NULL)
            fail_msg("hearsay.conf.5 says nothing of %s %s", o[i].section, o[i].name);
        snprintf(want, sizeof want, "\nDefault: %s.", o[i].fallback);
        if (o[i].fallback[0] != '\0' && o[i].fallback[0] != '(' && !o[i].list && strstr(said, want) == NULL)
            fail_msg("hearsay.conf.5 says of %s %s: %s\nand not%s", o[i].section, o[i].name, said, want);
        free(said);
    }
    free(manual);
}

static void every_default_is_a_value_of_its_option(void **state)
{
    size_t n;
    const struct config_option *o = config_options(&n);
    (void)state;
    for (size_t i = 0; i < n; i++) {
        char text[512];
        const char *title = strcmp(o[i].section, "report") != 0 ? "a.example" : strcmp(o[i].name, "allow") == 0 ? "tcp:127.0.0.1:9" : "unix:x";
        bool titled = strcmp(o[i].section, "limits") != 0 && strcmp(o[i].section, "mesh") != 0;
        const char *quote = o[i].list ? "" : "\"";
        struct config *c;
        if (o[i].fallback[0] == '\0' || o[i].fallback[0] == '(' || strcmp(o[i].section, "peer") == 0)
            continue;
        if (o[i].section[0] == '\0')
            snprintf(text, sizeof text, "name = a.example\n%s = %s%s%s\n", o[i].name, quote, o[i].fallback, quote);
        else
            snprintf(text, sizeof text, "name = a.example\n%s \"%s\" { %s = %s%s%s %s}\n", o[i].section, strcmp(o[i].section, "category") == 0 ? "spam" : title, o[i].name,
                     quote, o[i].fallback, quote, "");
        if (!titled)
            snprintf(text, sizeof text, "name = a.example\n%s { %s = \"%s\" }\n", o[i].section, o[i].name, o[i].fallback);
        c = load(text);
        config_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_alone_is_a_working_lone_node),
        cmocka_unit_test(without_report_sections_there_are_a_unix_socket_and_loopback),
        cmocka_unit_test(without_a_zone_section_there_is_a_black_one_named_after_the_member),
        cmocka_unit_test(the_five_categories_have_codes_and_weights),
        cmocka_unit_test(options_and_sections_mean_what_they_say),
        cmocka_unit_test(peers_become_members_with_their_trust),
        cmocka_unit_test(members_are_never_listed_by_name_or_address),
        cmocka_unit_test(paths_start_from_the_file_that_names_them),
        cmocka_unit_test(the_record_names_the_advertised_host),
        cmocka_unit_test(each_fault_is_named_with_file_line_and_what_was_expected),
        cmocka_unit_test(a_fault_in_an_included_file_names_that_file),
        cmocka_unit_test(after_any_number_of_faults_a_good_file_still_loads),
        cmocka_unit_test(two_peers_cannot_share_a_name_or_a_key),
        cmocka_unit_test(a_card_with_one_byte_changed_is_refused),
        cmocka_unit_test(a_missing_or_unreadable_file_is_told_apart),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_refused),
        cmocka_unit_test(random_bytes_never_crash_the_reader),
        cmocka_unit_test(durations_and_sizes_are_read_exactly),
        cmocka_unit_test(the_environment_names_the_default_file),
        cmocka_unit_test(the_sample_loads_as_it_stands),
        cmocka_unit_test(the_defaults_in_the_sample_are_the_defaults),
        cmocka_unit_test(every_option_is_in_the_sample),
        cmocka_unit_test(every_option_is_in_the_manual_with_its_default),
        cmocka_unit_test(every_default_is_a_value_of_its_option),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
