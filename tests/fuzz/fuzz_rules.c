/* The input is a file of rules; from the first NUL on, one of profiles. */
#include <string.h>

#include "fuzz.h"
#include "proto/verdict_profiles.h"
#include "proto/verdict_rules.h"

static int category(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "spam") == 0 ? 0 : strcmp(name, "malware") == 0 ? 63 : -1;
}

/* What goes to the operator is one line of printable ASCII. */
static void claim_told_well(const struct rules_fault *fault)
{
    size_t len = strnlen(fault->text, sizeof fault->text);
    CLAIM(fault->line > 0 && len > 0 && len < sizeof fault->text);
    for (size_t i = 0; i < len; i++)
        CLAIM(fault->text[i] >= ' ' && fault->text[i] <= '~');
}

static void claim_judged_well(const struct verdict_rules *r)
{
    struct cond_facts f = { .size_bytes = -1, .sender = "user@example.com", .sender_domain = "example.com", .has_spam = true, .spam_milli = 5000 };
    char out[VERDICT_TEXT_MAX];
    const char *first = strchr(verdict_judge(r, "strict", &f, out), ';');
    CLAIM(strlen(out) < VERDICT_TEXT_MAX && first != NULL && strchr(first + 1, ';') == strrchr(out, ';'));
    CLAIM(strncmp(out, "deliver;", 8) == 0 || strncmp(out, "drop;", 5) == 0 || strncmp(out, "alternate;", 10) == 0);
}

static void read_profiles(const char *text, size_t len)
{
    struct verdict_profiles *p = NULL;
    struct rules_fault fault;
    size_t bad;
    if (verdict_profiles_parse(text, len, &p, &bad, &fault) != 0)
        return;
    if (bad > 0)
        claim_told_well(&fault);
    const char *found = verdict_profiles_find(p, "user@example.com");
    CLAIM(found == NULL || (profile_name_is_valid(found, strlen(found)) && strcmp(found, "none") != 0));
    verdict_profiles_destroy(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    const char *text = (const char *)at, *end = len > 0 ? memchr(text, '\0', len) : NULL;
    size_t rules_len = end != NULL ? (size_t)(end - text) : len;
    struct verdict_rules *r = NULL;
    struct rules_fault fault;
    int rc = verdict_rules_parse(text, rules_len, category, NULL, &r, &fault);
    if (rc == 0)
        claim_judged_well(r);
    else
        claim_told_well(&fault);
    verdict_rules_destroy(&r);
    if (end != NULL)
        read_profiles(end + 1, len - rules_len - 1);
    return 0;
}
