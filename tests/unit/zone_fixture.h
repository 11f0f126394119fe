/* tests/unit/zone_fixture.h: a private directory with a database and the configuration of a zone or two, for the tests of the zone writer. */
#ifndef HEARSAY_TESTS_ZONE_FIXTURE_H
#define HEARSAY_TESTS_ZONE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "node/config.h"
#include "node/zone_file.h"
#include "store/reader.h"
#include "store/store.h"
#include "tests/unit/scratch.h"

enum { NOW = 1795188370 };       /* 2026-11-20 16:46:10 UTC */

struct fixture {
    char dir[64], why[CONFIG_WHY_MAX];
    struct config *config;
    struct store *store;
};

static inline struct subject fixture_subject(const char *text)
{
    static const uint8_t key[HASH_BYTES];
    const char *reason = "";
    struct subject s;
    if (subject_parse(text, strlen(text), key, &s, &reason) != 0)
        fail_msg("%s: %s", text, reason);
    return s;
}

static inline struct listing_change fixture_change(int zone, int category, const char *text, bool listed)
{
    return (struct listing_change){ .zone = zone, .category = category, .listed = listed, .subject = fixture_subject(text) };
}

static inline void fixture_zone(struct fixture *f, const char *name)
{
    struct config *c = f->config;
    size_t i = c->policy->zones_n++;
    c->policy->zones[i] = (struct policy_zone){ .own = true, .threshold_micro = MICRO };
    snprintf(c->policy->zones[i].name, sizeof c->policy->zones[i].name, "%s", name);
    c->zones[i] = (struct config_zone){ .ttl_s = 300, .expire_s = 3600, .text = "Listed by $categories" };
    snprintf(c->zones[i].file, sizeof c->zones[i].file, "%s/%s", f->dir, name);
}

static inline void fixture_begin(struct fixture *f)
{
    strcpy(f->dir, "/tmp/hearsay-zone-XXXXXX");
    assert_non_null(scratch_dir(f->dir));
    f->config = calloc(1, sizeof *f->config);
    f->config->policy = policy_create();
    assert_non_null(f->config->policy);
    memset(f->config->policy->self, 7, KEY_BYTES);
    strcpy(f->config->name, "mx.a.example");
    snprintf(f->config->database, sizeof f->config->database, "%s/hearsay.db", f->dir);
    fixture_zone(f, "bl.a.example");
    assert_int_equal(store_open(f->config->database, true, &f->store, f->why), 0);
    assert_int_equal(store_set_policy(f->store, f->config->policy, NOW), 0);
}

static inline void fixture_end(struct fixture *f)
{
    char command[96];
    store_close(&f->store);
    policy_destroy(&f->config->policy);
    free(f->config);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    assert_int_equal(system(command), 0);
}

/* What one line from Exim does: the own zone lists it. */
static inline void fixture_report(struct fixture *f, const char *text)
{
    const struct store_report r = { .verb = REQUEST_BLACK, .count = 1, .category = 0, .subject = fixture_subject(text) };
    bool more = true;
    int64_t wake_s;
    assert_int_equal(store_add_reports(f->store, &r, 1, NOW), 0);
    while (more)
        assert_int_equal(store_fold(f->store, 1000, NOW, &more, &wake_s), 0);
}

static inline bool fixture_file_says(const char *path, const char *text)
{
    char line[1200];
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        found = strcmp(line, text) == 0;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

#endif
