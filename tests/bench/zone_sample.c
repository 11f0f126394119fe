/* Writes a zone file through node/zone_file from a description on standard input, for tests that ask rbldnsd about it.
 * Usage: zone_sample FILE ZONE < DESCRIPTION        one item a line:
 *   text TEXT            expire SECONDS            protect NETWORK            member NAME
 *   category NAME CODE   (the first one replaces the default five)
 *   list CATEGORY SUBJECT                          listname CATEGORY NAME (whatever it looks like) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/zone_file.h"

struct sample {
    struct policy *policy;
    struct zone_image *image;
    struct config_zone zone;
    char member[NAME_MAX_BYTES + 1];
    bool own_categories;
};

static int add_category(struct sample *s, const char *name, const char *code)
{
    unsigned b[4];
    if (!s->own_categories)
        s->policy->categories_n = 0;
    s->own_categories = true;
    if (s->policy->categories_n == POLICY_CATEGORIES_MAX || sscanf(code, "%u.%u.%u.%u", &b[0], &b[1], &b[2], &b[3]) != 4)
        return -1;
    struct policy_category *c = &s->policy->categories[s->policy->categories_n++];
    *c = (struct policy_category){ .half_life_s = 259200, .weight_milli = 5000 };
    snprintf(c->name, sizeof c->name, "%s", name);
    for (int i = 0; i < 4; i++)
        c->code[i] = (uint8_t)b[i];
    return 0;
}

static int add_listing(struct sample *s, const char *category, const char *text, bool as_name)
{
    static const uint8_t key[HASH_BYTES];
    struct subject subject = { .len = (uint8_t)(1 + strlen(text)), .key = { SUBJECT_NAME } };
    const char *reason = "";
    memcpy(subject.key + 1, text, strlen(text));
    if (!as_name && subject_parse(text, strlen(text), key, &subject, &reason) != 0) {
        fprintf(stderr, "%s: %s\n", text, reason);
        return -1;
    }
    return zone_image_change(s->image, policy_category(s->policy, category), &subject, true);
}

static int take_line(struct sample *s, char *line)
{
    char *rest = NULL, *verb = strtok_r(line, " \n", &rest);
    if (verb == NULL)
        return 0;
    if (strcmp(verb, "text") == 0) {
        snprintf(s->zone.text, sizeof s->zone.text, "%.*s", (int)strcspn(rest, "\n"), rest);
        return 0;
    }
    char *one = strtok_r(NULL, " \n", &rest), *two = strtok_r(NULL, " \n", &rest);
    if (one == NULL || strlen(one) > NAME_MAX_BYTES || (two != NULL && strlen(two) > NAME_MAX_BYTES))
        return -1;
    if (strcmp(verb, "expire") == 0)
        return s->zone.expire_s = strtoll(one, NULL, 10), 0;
    if (strcmp(verb, "protect") == 0)
        return protect_add(s->policy->protect, one);
    if (strcmp(verb, "member") == 0)
        return snprintf(s->member, sizeof s->member, "%s", one) < 0;
    if (two == NULL)
        return -1;
    if (strcmp(verb, "category") == 0)
        return add_category(s, one, two);
    if (strcmp(verb, "list") == 0 || strcmp(verb, "listname") == 0)
        return add_listing(s, one, two, verb[4] != '\0');
    return -1;
}

static int read_description(struct sample *s)
{
    char line[1024];
    for (unsigned number = 1; fgets(line, sizeof line, stdin) != NULL; number++) {
        if (take_line(s, line) != 0) {
            fprintf(stderr, "line %u is not understood\n", number);
            return -1;
        }
    }
    return zone_image_settle(s->image);
}

int main(int argc, char **argv)
{
    struct sample s = { .policy = policy_create(), .image = zone_image_create(), .member = "mx.a.example" };
    struct zone_file_stat stat;
    char why[CONFIG_WHY_MAX] = "";
    int rc = 1;
    if (argc != 3 || s.policy == NULL || s.image == NULL) {
        fprintf(stderr, "usage: zone_sample FILE ZONE < DESCRIPTION\n");
        goto out;
    }
    s.zone = (struct config_zone){ .ttl_s = 300, .expire_s = 3600, .text = "Listed by $categories" };
    snprintf(s.zone.file, sizeof s.zone.file, "%s", argv[1]);
    snprintf(s.policy->zones[0].name, sizeof s.policy->zones[0].name, "%s", argv[2]);
    s.policy->zones_n = 1;
    if (read_description(&s) != 0)
        goto out;
    if (zone_file_write(NULL, s.policy, 0, &s.zone, s.member, s.image, (int64_t)time(NULL), &stat, why) != 0) {
        fprintf(stderr, "%s\n", why);
        goto out;
    }
    printf("serial %" PRIu32 " listings %" PRIu64 " skipped %" PRIu64 "\n", stat.serial, stat.listings, stat.skipped);
    rc = 0;
out:
    zone_image_destroy(&s.image);
    policy_destroy(&s.policy);
    return rc;
}
