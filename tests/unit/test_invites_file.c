/* The invites that are out, and options set in hearsay.conf: node/invites_file.h, node/conf_edit.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/conf_edit.h"
#include "node/config.h"
#include "node/invites_file.h"
#include "tests/unit/scratch.h"

enum { NOW_S = 1800000000 };

static char dir[] = "/tmp/hearsay-invites-XXXXXX";
static char path[64], conf[64];
static struct invite_entry all[INVITES_MAX];
static size_t n;

static int make_dir(void **state)
{
    (void)state;
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/invites", dir);
    snprintf(conf, sizeof conf, "%s/hearsay.conf", dir);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    unlink(path);
    unlink(conf);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static struct invite_entry entry(uint8_t key, const char *name)
{
    struct invite_entry e = { .expires_s = NOW_S + 100, .trust = "0.8", .share = "0" };
    memset(e.curve, key, KEY_BYTES);
    strcpy(e.name, name);
    return e;
}

static void add(uint8_t key, const char *name)
{
    struct invite_entry e = entry(key, name);
    assert_int_equal(invites_add(path, NOW_S, &e), 0);
}

static int use(uint8_t key, uint8_t root, const char *name, int64_t now_s)
{
    struct invite_entry out;
    uint8_t curve[KEY_BYTES], by[KEY_BYTES];
    memset(curve, key, KEY_BYTES);
    memset(by, root, KEY_BYTES);
    return invites_use(path, now_s, curve, by, name, &out);
}

static void load(int64_t now_s)
{
    assert_int_equal(invites_load(path, now_s, all, &n), 0);
}

static void what_was_added_is_there_for_its_owner_alone(void **state)
{
    struct stat st;
    (void)state;
    load(NOW_S);
    assert_int_equal(n, 0);
    add(1, "");
    add(2, "mx.b.example");
    load(NOW_S);
    assert_int_equal(n, 2);
    assert_int_equal(all[0].curve[0], 1);
    assert_string_equal(all[0].name, "");
    assert_string_equal(all[1].name, "mx.b.example");
    assert_string_equal(all[1].trust, "0.8");
    assert_string_equal(all[1].share, "0");
    assert_int_equal(all[1].expires_s, NOW_S + 100);
    assert_int_equal(all[1].used_s, 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void an_invite_is_used_once_and_again_by_the_same_member_only(void **state)
{
    (void)state;
    add(1, "");
    assert_int_equal(use(1, 50, "mx.x.example", NOW_S), 0);
    assert_int_equal(use(1, 51, "mx.y.example", NOW_S), -EEXIST);
    assert_int_equal(use(1, 50, "mx.x.example", NOW_S + 99), 0);
    load(NOW_S);
    assert_int_equal(all[0].used_s, NOW_S);
    assert_int_equal(all[0].root[0], 50);
}

static void one_for_a_name_is_not_spent_by_another(void **state)
{
    (void)state;
    add(1, "mx.b.example");
    assert_int_equal(use(1, 50, "mx.x.example", NOW_S), -EACCES);
    assert_int_equal(use(1, 51, "mx.b.example", NOW_S), 0);
}

static void one_that_is_over_cannot_be_used_and_is_forgotten_a_day_later(void **state)
{
    (void)state;
    add(1, "");
    assert_int_equal(use(1, 50, "mx.x.example", NOW_S + 100), -ETIME);
    assert_int_equal(use(9, 50, "mx.x.example", NOW_S), -ENOENT);
    load(NOW_S + 100 + INVITES_KEEP_S - 1);
    assert_int_equal(n, 1);
    load(NOW_S + 100 + INVITES_KEEP_S);
    assert_int_equal(n, 0);
}

static void there_is_room_for_so_many(void **state)
{
    (void)state;
    for (int i = 0; i < INVITES_MAX; i++)
        add((uint8_t)(i + 1), "");
    struct invite_entry e = entry(200, "");
    assert_int_equal(invites_add(path, NOW_S, &e), -ENOSPC);
    uint8_t key[KEY_BYTES];
    memset(key, 5, KEY_BYTES);
    assert_int_equal(invites_remove(path, NOW_S, key), 0);
    assert_int_equal(invites_remove(path, NOW_S, key), -ENOENT);
    assert_int_equal(invites_add(path, NOW_S, &e), 0);
    load(NOW_S);
    assert_int_equal(n, INVITES_MAX);
}

static void write_text(const char *to, const char *text)
{
    FILE *f = fopen(to, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void another_file_is_refused_and_left_alone(void **state)
{
    static const char *const texts[] = { "hello\n", "00 1 0.5 0 - 0 -\n", "# fine\nxx\n" };
    struct invite_entry e = entry(1, "");
    struct stat st;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_text(path, texts[i]);
        assert_int_equal(invites_load(path, NOW_S, all, &n), -EINVAL);
        assert_int_equal(invites_add(path, NOW_S, &e), -EINVAL);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, (off_t)strlen(texts[i]));
    }
}

/* ---- options */

static const char *read_text(void)
{
    static char text[4096];
    FILE *f = fopen(conf, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void an_option_is_changed_where_it_stands(void **state)
{
    (void)state;
    write_text(conf, "# federation = \"old\"\nname = \"mx.a.example\"\nfederation = \"hearsay\"   # ours\nzone \"bl.a.example\" { text = \"federation = no\" }\n");
    chmod(conf, 0640);
    assert_int_equal(conf_edit_option(conf, "federation", "street", 07777), 0);
    assert_string_equal(read_text(), "# federation = \"old\"\nname = \"mx.a.example\"\nfederation = 'street'   # ours\nzone \"bl.a.example\" { text = \"federation = no\" }\n");
    struct stat st;
    assert_int_equal(stat(conf, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void what_is_edited_can_be_taken_from_others(void **state)
{
    (void)state;
    struct stat st;
    write_text(conf, "name = \"mx.a.example\"\n");
    chmod(conf, 0664);
    assert_int_equal(conf_edit_option(conf, "secret", "x", 07770), 0);
    assert_int_equal(stat(conf, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
}

static void one_that_is_not_there_comes_below_the_name(void **state)
{
    (void)state;
    write_text(conf, "name = 'mx.a.example'\n# secret = \"...\"\n");
    assert_int_equal(conf_edit_option(conf, "secret", "a \"b\" 'c' \\ ${HOME} #d", 07777), 0);
    struct config *c = NULL;
    char why[CONFIG_WHY_MAX];
    if (config_load(conf, &c, why) != 0)
        fail_msg("%s", why);
    assert_string_equal(c->secret, "a \"b\" 'c' \\ ${HOME} #d");
    config_free(&c);
}

static void what_cannot_be_edited_is_left_alone(void **state)
{
    (void)state;
    write_text(conf, "include(\"other.conf\")\n");
    assert_int_equal(conf_edit_option(conf, "secret", "x", 07777), -ENOENT);
    write_text(conf, "name = \"mx.a.example\"\nfederation = \"x\n");
    assert_int_equal(conf_edit_option(conf, "federation", "y", 07777), -EINVAL);
    assert_string_equal(read_text(), "name = \"mx.a.example\"\nfederation = \"x\n");
    write_text(conf, "name = \"mx.a.example\"\n");
    assert_int_equal(conf_edit_option(conf, "federation", "not a word", 07777), -EINVAL);
    assert_int_equal(conf_edit_option(conf, "secret", "two\nlines", 07777), -EINVAL);
    assert_string_equal(read_text(), "name = \"mx.a.example\"\n");
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_teardown(name, clean)
    const struct CMUnitTest tests[] = {
        CLAIM(what_was_added_is_there_for_its_owner_alone),
        CLAIM(an_invite_is_used_once_and_again_by_the_same_member_only),
        CLAIM(one_for_a_name_is_not_spent_by_another),
        CLAIM(one_that_is_over_cannot_be_used_and_is_forgotten_a_day_later),
        CLAIM(there_is_room_for_so_many),
        CLAIM(another_file_is_refused_and_left_alone),
        CLAIM(an_option_is_changed_where_it_stands),
        CLAIM(what_is_edited_can_be_taken_from_others),
        CLAIM(one_that_is_not_there_comes_below_the_name),
        CLAIM(what_cannot_be_edited_is_left_alone),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
