/* The input is a line on the report socket, of the Exim toolbox. */
#include <string.h>

#include "fuzz.h"
#include "proto/tool_request.h"

/* Every text stands within the request, and ends there. */
static void claim_is_kept(const struct tool_request *q, const char *text)
{
    if (text == NULL)
        return;
    CLAIM(text >= q->text && text < q->text + sizeof q->text);
    CLAIM(memchr(text, '\0', sizeof q->text - (size_t)(text - q->text)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    static struct tool_request q;
    char reason[REQUEST_REASON_MAX];
    struct subject again;

    memset(&q, 0x5a, sizeof q);
    memset(reason, 0x5a, sizeof reason);
    int rc = tool_request_parse((const char *)at, len, &q, reason);
    CLAIM(q.verb < TOOL_VERBS);
    claim_is_kept(&q, q.sender);
    claim_is_kept(&q, q.rcpt);
    claim_is_kept(&q, q.user);
    claim_is_kept(&q, q.address);
    claim_is_kept(&q, q.domain);
    claim_is_kept(&q, q.helo);
    claim_is_kept(&q, q.message);
    claim_is_kept(&q, q.kind);
    claim_is_kept(&q, q.note);
    CLAIM(q.subject.len == 0 || subject_from_key(q.subject.key, q.subject.len, &again) == 0);
    CLAIM(q.count >= 1 && q.count <= REQUEST_COUNT_MAX);
    CLAIM(spf_result_text(q.spf) != NULL);
    if (rc != 0) {
        size_t n = strnlen(reason, REQUEST_REASON_MAX);
        CLAIM(n > 0 && n < REQUEST_REASON_MAX);
        for (size_t i = 0; i < n; i++)
            CLAIM(reason[i] >= ' ' && reason[i] <= '~');
    }
    return 0;
}
