/* node/zone_file: what the file says, and what happens to it on a bad day. tests/e2e/test_zone_rbldnsd.py asks rbldnsd about it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "node/zone_file.h"
#include "tests/unit/scratch.h"

enum { NOW = 1795188370 };       /* 2026-11-20 16:46:10 UTC */

static char dir[64], why[CONFIG_WHY_MAX];
static struct policy *policy;
static struct zone_image *image;
static struct config_zone zone;

static int begin(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hearsay-zone-XXXXXX");
    if (scratch_dir(dir) == NULL)
        return -1;
    policy = policy_create();
    image = zone_image_create();
    strcpy(policy->zones[0].name, "bl.a.example");
    policy->zones_n = 1;
    zone = (struct config_zone){ .ttl_s = 300, .expire_s = 3600, .text = "Listed by $categories; see https://a.example/why?$subject" };
    snprintf(zone.file, sizeof zone.file, "%s/bl.a.example", dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[96];
    zone_image_destroy(&image);
    policy_destroy(&policy);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void list(int category, const char *text)
{
    static const uint8_t key[HASH_BYTES];
    const char *reason = "";
    struct subject s;
    if (subject_parse(text, strlen(text), key, &s, &reason) != 0)
        fail_msg("%s: %s", text, reason);
    assert_int_equal(zone_image_change(image, category, &s, true), 0);
}

static void list_name(int category, const char *text)
{
    struct subject s = { .len = (uint8_t)(1 + strlen(text)), .key = { SUBJECT_NAME } };
    memcpy(s.key + 1, text, strlen(text));
    assert_int_equal(zone_image_change(image, category, &s, true), 0);
}

static int write_at(int64_t now_s, struct zone_file_stat *stat)
{
    assert_int_equal(zone_image_settle(image), 0);
    return zone_file_write(NULL, policy, 0, &zone, "mx.a.example", image, now_s, stat, why);
}

/* The file as text; the caller's to free. */
static char *content(const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    char *text = malloc((size_t)st.st_size + 1);
    assert_int_equal(fread(text, 1, (size_t)st.st_size, f), st.st_size);
    text[st.st_size] = '\0';
    fclose(f);
    return text;
}

static void assert_says(const char *lines)
{
    char *text = content(zone.file);
    if (strstr(text, lines) == NULL)
        fail_msg("want:\n%s\ngot:\n%s", lines, text);
    free(text);
}

static void assert_does_not_say(const char *lines)
{
    char *text = content(zone.file);
    if (strstr(text, lines) != NULL)
        fail_msg("unwanted:\n%s\nin:\n%s", lines, text);
    free(text);
}

static void wrote(void)
{
    if (write_at(NOW, NULL) != 0)
        fail_msg("%s", why);
    assert_int_equal(zone_file_verify(zone.file), 0);
}

/* ---- what it says */

static void a_zone_begins_with_what_rbldnsd_needs(void **state)
{
    (void)state;
    wrote();
    char *text = content(zone.file);
    assert_int_equal(strncmp(text, "# hearsay zone bl.a.example serial 1795188370 listings 000000000000 lines ", 74), 0);
    free(text);
    assert_says("\n$TIMESTAMP 2026:11:20:15:21:10 +3900s\n"
                "$SOA 300 mx.a.example hostmaster.mx.a.example 1795188370 600 300 604800 60\n"
                "$NS 300 mx.a.example\n"
                "$TTL 300\n");
}

static void name_servers_and_contact_are_those_configured(void **state)
{
    (void)state;
    strcpy(zone.ns[0], "ns1.a.example");
    strcpy(zone.ns[1], "ns2.a.example");
    zone.ns_n = 2;
    strcpy(zone.contact, "dns@a.example");
    zone.ttl_s = 30;
    wrote();
    assert_says("$SOA 30 ns1.a.example dns.a.example 1795188370 600 300 604800 30\n$NS 30 ns1.a.example ns2.a.example\n");
}

static void test_entries_stand_in_the_zone_and_in_every_sub_zone(void **state)
{
    (void)state;
    wrote();
    assert_says("$DATASET ip4set:test-zone @\n:127.0.0.2:Test entry of bl.a.example, always listed\n127.0.0.2\n");
    assert_says("$DATASET ip6trie:test-zone @\n:127.0.0.2:Test entry of bl.a.example, always listed\n::ffff:7f00:2\n");
    assert_says("$DATASET dnset:test-zone @\n:127.0.0.2:Test entry of bl.a.example, always listed\ntest\n");
    for (size_t c = 0; c < policy->categories_n; c++) {
        const struct policy_category *category = &policy->categories[c];
        char lines[512];
        snprintf(lines, sizeof lines, "$DATASET ip4set:test-%s %s\n:127.0.0.%u:Test entry of %s.bl.a.example, always listed\n127.0.0.2\n",
                 category->name, category->name, category->code[3], category->name);
        assert_says(lines);
        snprintf(lines, sizeof lines, "$DATASET ip4set:%s @ %s\n", category->name, category->name);
        assert_says(lines);
    }
}

static void each_kind_of_subject_is_written_in_its_category(void **state)
{
    (void)state;
    policy->categories_n = 2;
    strcpy(policy->categories[1].name, "malware");
    memcpy(policy->categories[1].code, (uint8_t[]){ 127, 0, 0, 4 }, 4);
    list(1, "203.0.113.9");
    list(1, "203.0.113.10");
    list(1, "198.51.100.255");
    list(1, "192.0.2.0/24");
    list(1, "2001:db8:1:2::99");
    list(1, "2001:db8::/32");
    list(1, "2001:db8:0:1::/64");
    list(1, "bad.example");
    struct zone_file_stat stat;
    assert_int_equal(write_at(NOW, &stat), 0);
    assert_int_equal(stat.listings, 8);
    assert_says("$DATASET ip4set:malware @ malware\n:127.0.0.4:Listed by malware; see https://a.example/why?$\n"
                "192.0.2.0/24\n198.51.100.255\n203.0.113.9\n203.0.113.10\n"
                "$DATASET ip6trie:malware @ malware\n:127.0.0.4:Listed by malware; see https://a.example/why?$\n"
                "2001:db8::/32\n2001:db8:0:1::/64\n2001:db8:1:2::/64\n"
                "$DATASET dnset:malware @ malware\n:127.0.0.4:Listed by malware; see https://a.example/why?$\nbad.example\n"
                "# end of bl.a.example\n");
}

static void protected_networks_are_excluded_from_every_list(void **state)
{
    (void)state;
    policy->categories_n = 1;
    assert_int_equal(protect_add(policy->protect, "192.0.2.25"), 0);
    assert_int_equal(protect_add(policy->protect, "2001:db8:5::/48"), 0);
    list(0, "192.0.2.0/24");
    wrote();
    assert_says("!192.0.2.25\n192.0.2.0/24\n");
    assert_says("\n!2001:db8:5::/48\n");
}

static void a_name_that_dns_takes_for_an_address_is_not_written(void **state)
{
    (void)state;
    static const char *const evil[] = {
        "1.0.0.127", "2.0.0.127.in-addr.1", "f.f.f.f", "1.0.0.f", "x.!y.example", ":127.0.0.9:all.example", "$ttl.example", "*.example", ".example",
        "a..example", "a.example.", "a b.example", "Upper.example", "a\nb.example", "invalid",
    };
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++)
        list_name(0, evil[i]);
    list_name(0, "xn--bcher-kva.example");
    list_name(0, "_dmarc.3com.example");
    struct zone_file_stat stat;
    assert_int_equal(write_at(NOW, &stat), 0);
    assert_int_equal(stat.listings, 2);
    assert_int_equal(stat.skipped, sizeof evil / sizeof evil[0]);
    assert_says("\n_dmarc.3com.example\nxn--bcher-kva.example\n$DATASET");
}

static void a_category_of_one_letter_has_no_sub_zone(void **state)
{
    (void)state;
    policy->categories_n = 1;
    strcpy(policy->categories[0].name, "f");
    wrote();
    assert_says("$DATASET ip4set:f @\n");
    assert_does_not_say(":test-f ");
}

static void text_cannot_leave_its_line(void **state)
{
    (void)state;
    policy->categories_n = 1;
    strcpy(policy->categories[0].name, "spam");
    strcpy(zone.text, "=a\nb $1 $$ $subject 50$");
    wrote();
    assert_says(":==a b $$1 $$$$ $ 50$$\n");
}

static void text_is_cut_before_a_txt_is_full(void **state)
{
    (void)state;
    char want[400], name[NAME_MAX_BYTES + 1] = "";
    policy->categories_n = 1;
    memset(zone.text, 'x', 240);
    strcpy(zone.text + 240, "$subject");
    wrote();
    snprintf(want, sizeof want, "%.240s\n$DATASET ip6trie:", zone.text);     /* 240 and 15 are one too many */
    assert_says(want);
    for (int i = 0; i < 10; i++)
        strcat(name, "twenty-one-and-a-dot.");
    strcat(name, "example");
    strcpy(zone.text, "Listed by us: $subject, and 30 bytes more follow it here.");
    list_name(0, name);
    list_name(0, "short.example");
    wrote();
    assert_says(":Listed by us: $, and 30 bytes more follow it here.\nshort.example\ntwenty-one");
    /* 217 bytes of name and 37 of text */
    snprintf(want, sizeof want, "%s :127.0.0.%u:Listed by us: $, and 30 bytes more fol\n", name, policy->categories[0].code[3]);
    assert_says(want);
}

static void a_cut_never_splits_a_character(void **state)
{
    (void)state;
    policy->categories_n = 1;
    memset(zone.text, 'x', 253);
    strcpy(zone.text + 253, "\xc3\xa9");
    wrote();
    assert_does_not_say("\xc3");
}

static void a_large_zone_is_whole_and_in_order(void **state)
{
    (void)state;
    enum { HOSTS = 200000 };
    for (uint32_t i = 0; i < HOSTS; i++) {
        uint32_t a = i * 20011u + 0x01000000u;
        struct subject s = { .len = 6, .key = { SUBJECT_IP4, (uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a, 32 } };
        assert_int_equal(zone_image_change(image, 0, &s, true), 0);
    }
    wrote();
    struct zone_image_set set = zone_image_set(image, 0);
    char *text = content(zone.file), *at = strstr(text, "$DATASET ip4set:spam @ spam\n:");
    at = strchr(strchr(at, '\n') + 1, '\n') + 1;
    assert_int_equal(set.hosts_n, HOSTS);
    for (size_t i = 0; i < set.hosts_n; i++) {
        char want[20];
        uint32_t a = set.hosts[i];
        int len = snprintf(want, sizeof want, "%u.%u.%u.%u\n", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
        assert_memory_equal(at, want, (size_t)len);
        at += len;
    }
    assert_memory_equal(at, "$DATASET", 8);
    free(text);
}

/* ---- how it is replaced */

static void the_serial_grows_even_when_the_clock_goes_back(void **state)
{
    (void)state;
    struct zone_file_stat first, second, third;
    assert_int_equal(write_at(NOW, &first), 0);
    assert_int_equal(write_at(NOW, &second), 0);
    assert_int_equal(write_at(NOW - 86400, &third), 0);
    assert_int_equal(first.serial, NOW);
    assert_int_equal(second.serial, NOW + 1);
    assert_int_equal(third.serial, NOW + 2);
    assert_int_equal(zone_file_stat(zone.file, &first), 0);
    assert_int_equal(first.serial, third.serial);
    assert_int_equal(first.expires_s, NOW - 86400 + 3600);
}

static void the_mtime_moves_by_whole_seconds(void **state)
{
    (void)state;
    struct stat first, second;
    assert_int_equal(write_at(NOW, NULL), 0);
    assert_int_equal(stat(zone.file, &first), 0);
    assert_int_equal(write_at(NOW, NULL), 0);
    assert_int_equal(stat(zone.file, &second), 0);
    assert_int_equal(first.st_mtim.tv_sec, NOW);
    assert_int_equal(second.st_mtim.tv_sec, NOW + 1);
    assert_int_equal(first.st_size, second.st_size);
}

static void the_file_can_be_read_by_all_whatever_the_umask(void **state)
{
    (void)state;
    struct stat st;
    mode_t old = umask(077);
    snprintf(zone.file, sizeof zone.file, "%s/deep/er/bl.a.example", dir);
    assert_int_equal(write_at(NOW, NULL), 0);
    umask(old);
    assert_int_equal(stat(zone.file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    char parent[80];
    snprintf(parent, sizeof parent, "%s/deep", dir);
    assert_int_equal(stat(parent, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
}

static void a_full_disk_leaves_the_old_zone(void **state)
{
    (void)state;
    struct rlimit old, small;
    char beside[CONFIG_PATH_MAX + 8];
    wrote();
    char *before = content(zone.file);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 0; bytes < strlen(before); bytes += 1000) {
        small = (struct rlimit){ .rlim_cur = bytes, .rlim_max = old.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        int rc = write_at(NOW, NULL);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(rc, -EFBIG);
        assert_non_null(strstr(why, zone.file));
    }
    char *after = content(zone.file);
    assert_string_equal(before, after);
    snprintf(beside, sizeof beside, "%s.new", zone.file);
    assert_int_equal(access(beside, F_OK), -1);
    free(before);
    free(after);
}

static void a_path_that_cannot_be_is_said_with_its_cause(void **state)
{
    struct stat st;
    (void)state;
    wrote();
    strcat(zone.file, "/below-a-file");
    assert_int_equal(write_at(NOW, NULL), -ENOTDIR);
    assert_non_null(strstr(why, "Not a directory"));
    strcpy(zone.file, dir);
    assert_int_equal(write_at(NOW, NULL), -EISDIR);
    snprintf(zone.file, sizeof zone.file, "%s/pipe", dir);
    assert_int_equal(mkfifo(zone.file, 0644), 0);
    assert_int_equal(write_at(NOW, NULL), -ENOTSUP);
    assert_non_null(strstr(why, "only a file can be replaced"));
    assert_int_equal(stat(zone.file, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(unlink(zone.file), 0);
    assert_int_equal(zone_file_write(NULL, policy, 1, &zone, "mx.a.example", image, NOW, NULL, why), -EINVAL);
}

static void directories_are_made_for_the_zones_own_file_alone(void **state)
{
    char below[sizeof dir + 8];
    (void)state;
    snprintf(below, sizeof below, "%s/below", dir);
    snprintf(zone.file, sizeof zone.file, "%s/copy", below);
    assert_int_equal(zone_image_settle(image), 0);
    assert_int_equal(zone_file_write(zone.file, policy, 0, &zone, "mx.a.example", image, NOW, NULL, why), -ENOENT);
    assert_int_equal(access(below, F_OK), -1);
    assert_int_equal(write_at(NOW, NULL), 0);
    assert_int_equal(access(zone.file, F_OK), 0);
}

static void a_second_writer_is_sent_away(void **state)
{
    (void)state;
    char beside[CONFIG_PATH_MAX + 8];
    snprintf(beside, sizeof beside, "%s.new", zone.file);
    int fd = open(beside, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(write_at(NOW, NULL), -EBUSY);
    close(fd);
    wrote();      /* what a crash left beside is no hindrance */
}

static void what_lies_in_the_way_beside_is_removed_and_not_followed(void **state)
{
    (void)state;
    static const char *const kinds[] = { "a symbolic link", "a dangling link", "a second name", "a pipe" };
    char beside[CONFIG_PATH_MAX + 8], victim[96], absent[96];
    snprintf(beside, sizeof beside, "%s.new", zone.file);
    snprintf(victim, sizeof victim, "%s/victim", dir);
    snprintf(absent, sizeof absent, "%s/absent/file", dir);
    for (int kind = 0; kind < 4; kind++) {
        FILE *f = fopen(victim, "w");
        fputs("precious", f);
        fclose(f);
        int made = kind == 0 ? symlink(victim, beside) : kind == 1 ? symlink(absent, beside) : kind == 2 ? link(victim, beside) : mkfifo(beside, 0644);
        assert_int_equal(made, 0);
        int rc = write_at(NOW + kind, NULL);
        if (rc != 0)
            fail_msg("%s: %s", kinds[kind], why);
        char *kept = content(victim);
        assert_string_equal(kept, "precious");
        free(kept);
        assert_int_equal(access(beside, F_OK), -1);
        assert_int_equal(zone_file_verify(zone.file), 0);
    }
}

static void any_damage_is_seen(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        char text[32];
        snprintf(text, sizeof text, "198.51.%d.%d", i / 250, i % 250 + 1);
        list(0, text);
    }
    wrote();
    char *text = content(zone.file);
    size_t len = strlen(text);
    int fd = open(zone.file, O_RDWR | O_CLOEXEC);
    for (size_t at = (size_t)(strchr(text, '\n') - text) + 1; at < len; at += 331) {
        char flipped = (char)(text[at] ^ 0x80);
        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
        assert_int_equal(zone_file_verify(zone.file), -EBADMSG);
        assert_int_equal(pwrite(fd, text + at, 1, (off_t)at), 1);
    }
    assert_int_equal(zone_file_verify(zone.file), 0);
    for (size_t cut = 1; cut < 200; cut += 7) {
        assert_int_equal(ftruncate(fd, (off_t)(len - cut)), 0);
        assert_int_equal(zone_file_verify(zone.file), -EBADMSG);
    }
    close(fd);
    free(text);
}

static void a_file_of_somebody_else_is_told_apart(void **state)
{
    (void)state;
    struct zone_file_stat stat = { .serial = 7 };
    assert_int_equal(zone_file_stat(zone.file, &stat), -ENOENT);
    FILE *f = fopen(zone.file, "we");
    fputs("# not ours\n127.0.0.2\n", f);
    fclose(f);
    assert_int_equal(zone_file_stat(zone.file, &stat), -EINVAL);
    assert_int_equal(zone_file_verify(zone.file), -EINVAL);
    assert_int_equal(stat.serial, 7);
    wrote();
}

static void a_zone_can_go_down_a_pipe(void **state)
{
    (void)state;
    char out[80];
    snprintf(out, sizeof out, "%s/out", dir);
    list(0, "192.0.2.7");
    assert_int_equal(zone_image_settle(image), 0);
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), fd = open(out, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    dup2(fd, STDOUT_FILENO);
    int rc = zone_file_write("-", policy, 0, &zone, "mx.a.example", image, NOW, NULL, why);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fd);
    assert_int_equal(rc, 0);
    assert_int_equal(zone_file_verify(out), 0);
    assert_int_equal(access(zone.file, F_OK), -1);
}

#define test(claim) cmocka_unit_test_setup_teardown(claim, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_zone_begins_with_what_rbldnsd_needs),
        test(name_servers_and_contact_are_those_configured),
        test(test_entries_stand_in_the_zone_and_in_every_sub_zone),
        test(each_kind_of_subject_is_written_in_its_category),
        test(protected_networks_are_excluded_from_every_list),
        test(a_name_that_dns_takes_for_an_address_is_not_written),
        test(a_category_of_one_letter_has_no_sub_zone),
        test(text_cannot_leave_its_line),
        test(text_is_cut_before_a_txt_is_full),
        test(a_cut_never_splits_a_character),
        test(a_large_zone_is_whole_and_in_order),
        test(the_serial_grows_even_when_the_clock_goes_back),
        test(the_mtime_moves_by_whole_seconds),
        test(the_file_can_be_read_by_all_whatever_the_umask),
        test(a_full_disk_leaves_the_old_zone),
        test(a_path_that_cannot_be_is_said_with_its_cause),
        test(directories_are_made_for_the_zones_own_file_alone),
        test(a_second_writer_is_sent_away),
        test(what_lies_in_the_way_beside_is_removed_and_not_followed),
        test(any_damage_is_seen),
        test(a_file_of_somebody_else_is_told_apart),
        test(a_zone_can_go_down_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
