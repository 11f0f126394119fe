/* The input is a TXT record; the first byte says which family the client has. */
#include <string.h>

#include "fuzz.h"
#include "node/spf_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    char text[8192], out[SPF_POLICY_MAX + 1], again[SPF_POLICY_MAX + 1];
    int family;
    if (len < 7 || len > sizeof text || memchr(at, '\0', len) != NULL)
        return 0;
    family = (at[0] & 1) != 0 ? 4 : 6;
    memcpy(text, at + 1, len - 1);
    text[len - 1] = '\0';
    if (!spf_policy_is_one(text) || spf_policy_rewrite(text, family, out) != 0)
        return 0;
    CLAIM(spf_policy_is_one(out));
    for (const char *c = out; *c != '\0'; c++)
        CLAIM(*c >= ' ' && *c <= '~');
    CLAIM(spf_policy_rewrite(out, family, again) == 0 && strcmp(out, again) == 0);
    return 0;
}
