/* The input is an address; the first byte says which style signs. */
#include <string.h>

#include "fuzz.h"
#include "proto/srs.h"

static void claim_there_and_back(const struct srs *s, const char *addr, size_t len, int64_t day)
{
    static const char domain[] = "forwarder.example";
    char there[SRS_ADDRESS_MAX + 1], back[SRS_INPUT_MAX + 1], again[SRS_ADDRESS_MAX + 1];
    const char *why = NULL;
    if (srs_forward(s, addr, len, domain, sizeof domain - 1, day, there, &why) != 0) {
        CLAIM(why != NULL);
        return;
    }
    if (there[0] == '\0')
        return;
    CLAIM(srs_reverse(s, there, strlen(there), day, back, &why) == 0);
    /* Not always the same bytes (needless quotes go), but what came back goes out and comes back in the same way. */
    if (srs_forward(s, back, strlen(back), domain, sizeof domain - 1, day, again, &why) == 0)
        CLAIM(strncmp(back + (back[0] == '"'), "SRS0", 4) == 0 || strcmp(there, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    static const struct srs styles[] = {
        { .style = SRS_EXIM, .valid_days = 10, .secrets_n = 2, .secrets = { "newest", "older" } },
        { .style = SRS_POSTSRSD, .valid_days = 10, .secrets_n = 2, .secrets = { "newest", "older" } },
    };
    char back[SRS_INPUT_MAX + 1];
    const char *why = NULL;
    if (len == 0)
        return 0;
    if (srs_reverse(&styles[at[0] & 1], (const char *)at + 1, len - 1, 20782, back, &why) != 0)
        CLAIM(why != NULL);
    claim_there_and_back(&styles[at[0] & 1], (const char *)at + 1, len - 1, 20782);
    return 0;
}
