/* The input is a piece of Exim's main log. */
#include <string.h>

#include "fuzz.h"
#include "tools/maillog/sieve.h"

static struct sieve *sieve;
static const char *input, *input_end;

static bool has_room(void *ctx)
{
    (void)ctx;
    return true;
}

/* What goes to the node is one line, and its place is within the input. */
static void take(void *ctx, const struct sieve_request *r)
{
    uint64_t *last = ctx;
    CLAIM(r->len > 0 && r->len <= RULE_REQUEST_MAX);
    for (size_t i = 0; i < r->len; i++)
        CLAIM((unsigned char)r->line[i] >= ' ' && r->line[i] != 0x7f);
    CLAIM(*last == UINT64_MAX || r->number > *last);
    CLAIM(r->line_at < (uint64_t)(input_end - input) && r->age_s >= 0);
    *last = r->number;
}

static bool find(void *ctx, struct text id, uint64_t line_at, char user[MESSAGES_USER_MAX], size_t *len)
{
    (void)ctx;
    (void)line_at;
    CLAIM(id.len == LINE_ID_SHORT || id.len == LINE_ID_LONG);
    CLAIM(id_time_s(id) >= 0);
    memset(user, 'u', MESSAGES_USER_MAX);
    *len = (size_t)id.at[5] % MESSAGES_USER_MAX;
    return id.at[0] != '2';
}

static uint64_t last_number;

static void open_sieve(void)
{
    static const struct sieve_handlers h = { &last_number, has_room, take, find };
    struct rule *rules[RULES_MAX] = { NULL };
    char why[RULE_WHY_MAX];
    size_t n = 0;
    for (const struct rule_default *d = rule_defaults; d->name != NULL; d++)
        CLAIM(rule_create(d->name, d->literal, d->pattern, d->request, INT32_MAX, &rules[n++], why) == 0);
    CLAIM(rule_create("any", "=", "(?<what>\\S+=\\S*)(?<more>.*)", "note 192.0.2.1 $what $more ${user}", INT32_MAX, &rules[n++], why) == 0);
    sieve = sieve_create(rules, n, 16, NULL, &h);
    CLAIM(sieve != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (sieve == NULL)
        open_sieve();
    input = (const char *)at;
    input_end = input + len;
    last_number = UINT64_MAX;
    CLAIM(sieve_block(sieve, input, len, 0, 1795176000) == len);
    CLAIM(sieve_messages(sieve) <= 16);
    return 0;
}
