#include "store/policy.h"

#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400 };

/* Source: RFC 7073 section 3.1. The codes are ours: one A record value each, 127.0.0.2 being the common test value of RFC 5782. */
static const struct policy_category rfc7073[] = {
    { "spam", { 127, 0, 0, 2 }, 3 * DAY_S, 5000 },
    { "malware", { 127, 0, 0, 4 }, 3 * DAY_S, 5000 },
    { "fraud", { 127, 0, 0, 5 }, 3 * DAY_S, 5000 },
    { "abusive", { 127, 0, 0, 6 }, 3 * DAY_S, 5000 },
    { "invalid-recipients", { 127, 0, 0, 7 }, 3 * DAY_S, 5000 },
};

struct policy *policy_create(void)
{
    struct policy *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->protect = protect_create();
    if (p->protect == NULL) {
        free(p);
        return NULL;
    }
    memcpy(p->categories, rfc7073, sizeof rfc7073);
    p->categories_n = sizeof rfc7073 / sizeof *rfc7073;
    p->ttl_s = 30 * DAY_S;
    p->hold_s = DAY_S;
    p->tools = (struct policy_tools){
        .grey = { .retry_s = 300, .window_s = 2 * DAY_S, .white_s = 35 * DAY_S, .share = true },
        .tarpit = { .keep_s = 4 * 3600, .weight_milli = 1000, .share = true },
        .bounces = { .keep_s = DAY_S },
        .spf = { .keep_s = 600, .weight_milli = 1000, .share = true },
    };
    p->budget_bytes = 20000;
    return p;
}

struct policy *policy_copy(const struct policy *p)
{
    struct policy *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *p;
    copy->protect = p->protect != NULL ? protect_copy(p->protect) : protect_create();
    copy->members = calloc(p->members_n + 1, sizeof *copy->members);
    if (copy->protect == NULL || copy->members == NULL) {
        policy_destroy(&copy);
        return NULL;
    }
    if (p->members_n > 0)
        memcpy(copy->members, p->members, p->members_n * sizeof *copy->members);
    return copy;
}

void policy_destroy(struct policy **p)
{
    if (*p == NULL)
        return;
    protect_destroy(&(*p)->protect);
    free((*p)->members);
    free(*p);
    *p = NULL;
}

void policy_finish(struct policy *p)
{
    for (size_t i = 0; i < p->zones_n; i++)
        if (p->zones[i].white)
            return;
    p->zones[p->zones_n++] = (struct policy_zone){ .white = true, .own = true, .threshold_micro = MICRO };
}

int policy_category(const struct policy *p, const char *name)
{
    for (size_t i = 0; i < p->categories_n; i++)
        if (strcmp(p->categories[i].name, name) == 0)
            return (int)i;
    return -1;
}

int policy_zone(const struct policy *p, const char *name)
{
    for (size_t i = 0; i < p->zones_n; i++)
        if (strcmp(p->zones[i].name, name) == 0)
            return (int)i;
    return -1;
}

const struct policy_member *policy_member(const struct policy *p, const uint8_t root[KEY_BYTES])
{
    for (size_t i = 0; i < p->members_n; i++)
        if (memcmp(p->members[i].root, root, KEY_BYTES) == 0)
            return &p->members[i];
    return NULL;
}

uint32_t policy_subjects_max(uint64_t quota, uint32_t trust_micro, uint32_t most, bool introduced)
{
    if (quota == 0)
        return most;
    const uint64_t least = quota < POLICY_SUBJECTS_LEAST ? quota : POLICY_SUBJECTS_LEAST;
    uint64_t kept = quota * (trust_micro < MICRO ? trust_micro : MICRO) / MICRO;
    if (!introduced && kept < least)
        kept = least;
    if (most > 0 && most < kept)
        kept = most;
    return kept > 0 ? (uint32_t)kept : 1;
}

uint32_t policy_subjects_share(uint32_t most, uint32_t tau_micro, uint32_t root_trust_micro)
{
    if (most == 0 || root_trust_micro == 0)
        return 0;
    uint64_t part = (uint64_t)most * tau_micro / root_trust_micro;
    return part > 0 ? (uint32_t)part : 1;
}
