/* tests/unit/config_fixture.h: a private directory for configurations, and cards of three members. */
#ifndef HEARSAY_TESTS_CONFIG_FIXTURE_H
#define HEARSAY_TESTS_CONFIG_FIXTURE_H

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
#include "tests/identities.h"
#include "tests/unit/scratch.h"

static char dir[64];
static char path[128];
static char cards[3][CARD_MAX];
static uint8_t roots[3][KEY_BYTES];

static inline void write_file(const char *name, const char *text)
{
    char full[256];
    FILE *f;
    snprintf(full, sizeof full, "%s/%s", dir, name);
    f = fopen(full, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static inline void make_card(int i, const char *name, const char *host)
{
    struct identity *id = test_identity((unsigned)i);
    struct record r = {.serial = 1, .not_after_s = 2000000000};
    uint8_t frame[RECORD_FRAME_MAX];
    size_t len = sizeof frame;
    identity_into_record(id, &r);
    snprintf(r.name, sizeof r.name, "%s", name);
    snprintf(r.publish, sizeof r.publish, "tcp://%s:4441", host);
    snprintf(r.repair, sizeof r.repair, "tcp://%s:4442", host);
    assert_int_equal(record_seal(&r, id, frame, &len), 0);
    assert_int_equal(card_encode((struct bytes){frame, len}, cards[i], sizeof cards[i]), 0);
    memcpy(roots[i], r.root, KEY_BYTES);
    identity_destroy(&id);
}

static inline int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/hearsay-config-XXXXXX");
    if (scratch_dir(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/hearsay.conf", dir);
    make_card(0, "mx.b.example", "198.51.100.7");
    make_card(1, "mx.c.example", "[2001:db8:7::1]");
    make_card(2, "com", "other.example");
    return 0;
}

static inline int teardown(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static inline struct config *load(const char *text)
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
static inline const char *wrong(const char *text, int want_rc)
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

static inline bool covered(const struct config *c, const char *text)
{
    struct subject s;
    const char *reason;
    assert_int_equal(subject_parse(text, strlen(text), c->sender_key, &s, &reason), 0);
    return protect_covers(c->policy->protect, &s);
}

static inline char *in_dir(const char *rest)
{
    static char full[4][256];
    static int next;
    char *out = full[next++ % 4];
    snprintf(out, sizeof full[0], "%s/%s", dir, rest);
    return out;
}

#endif
