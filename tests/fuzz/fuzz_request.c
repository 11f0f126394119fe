/* The input is a line on the report socket. */
#include <string.h>

#include "fuzz.h"
#include "proto/request.h"

static void claim_is_read_well(const struct request *q)
{
    struct subject again;

    CLAIM(request_verb_text(q->verb)[0] != '\0');
    CLAIM(request_cause_text(q->cause)[0] != '\0');
    CLAIM(q->count >= 1 && q->count <= REQUEST_COUNT_MAX);
    CLAIM(q->category[0] == '\0' || category_is_valid(q->category, strlen(q->category)));
    if (q->verb >= REQUEST_PING)
        CLAIM(q->subject.len == 0);
    else
        CLAIM(subject_from_key(q->subject.key, q->subject.len, &again) == 0);
}

/* The reason goes to a stranger's log: one line of printable ASCII. */
static void claim_is_refused_well(const char *reason)
{
    size_t len = strnlen(reason, REQUEST_REASON_MAX);

    CLAIM(len > 0 && len < REQUEST_REASON_MAX);
    for (size_t i = 0; i < len; i++)
        CLAIM(reason[i] >= ' ' && reason[i] <= '~');
}

static void claim_is_split_well(const char *line, size_t len)
{
    struct once once, before;
    char reason[REQUEST_REASON_MAX];
    const char *rest = line;
    size_t rest_len = len;

    memset(&once, 0x5a, sizeof once);
    memset(reason, 0x5a, sizeof reason);
    before = once;
    int rc = once_split(&rest, &rest_len, &once, reason);
    if (rc == 1) {
        CLAIM(once.number >= 1 && once.number <= INT64_MAX && once.age_s <= ONCE_AGE_MAX_S);
        CLAIM(rest_len > 0 && rest > line && rest + rest_len == line + len);
    } else {
        CLAIM(memcmp(&once, &before, sizeof once) == 0 && rest == line && rest_len == len);
    }
    if (rc < 0)
        claim_is_refused_well(reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    static const uint8_t sender_key[HASH_BYTES] = "a key for tests, of 32 bytes ...";
    struct request q, before;
    char reason[REQUEST_REASON_MAX];

    claim_is_split_well((const char *)at, len);
    memset(&q, 0x5a, sizeof q);
    memset(reason, 0x5a, sizeof reason);
    before = q;
    if (request_parse((const char *)at, len, sender_key, &q, reason) == 0) {
        claim_is_read_well(&q);
    } else {
        CLAIM(memcmp(&q, &before, sizeof q) == 0);
        claim_is_refused_well(reason);
    }
    return 0;
}
