/* srs-forward, srs-reverse. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/daemon_parts.h"
#include "node/log.h"
#include "node/tools_parts.h"
#include "proto/srs.h"

enum { DAY_S = 86400, NOBODY = UINT32_MAX };

static const char kind_of_forged[] = "forged-srs";

_Static_assert(sizeof((struct config_srs *)0)->secrets <= sizeof((struct srs *)0)->secrets, "what can be configured can be used");
_Static_assert((int)SRS_INPUT_MAX < (int)REPORT_ANSWER_MAX, "every address is an answer");

static void srs_of(const struct config_srs *c, struct srs *s)
{
    s->style = c->postsrsd ? SRS_POSTSRSD : SRS_EXIM;
    s->valid_days = (unsigned)(c->valid_s / DAY_S);
    s->secrets_n = c->secrets_n;
    for (size_t i = 0; i < c->secrets_n; i++)
        memcpy(s->secrets[i], c->secrets[i], sizeof c->secrets[i]);
}

/* Of the note "forged-srs", if that is configured; else what the srs section says, in "abusive". */
static bool evidence_of(const struct config *c, const struct subject *client, struct store_report *out)
{
    const struct config_note *note = NULL;
    for (size_t i = 0; i < c->tools.notes_n && note == NULL; i++)
        note = strcmp(c->tools.notes[i].kind, kind_of_forged) == 0 ? &c->tools.notes[i] : NULL;
    *out = (struct store_report){ .verb = REQUEST_BLACK, .cause = CAUSE_PROTOCOL, .count = 1, .subject = *client };
    out->category = note != NULL ? note->category_index : policy_category(c->policy, "abusive");
    out->weight_milli = note != NULL ? note->weight_milli : c->tools.srs.weight_milli;
    out->kept = note != NULL ? !note->share : !c->tools.srs.share;
    return out->weight_milli > 0;
}

/* Nobody waits for it: the answer promises nothing, and with a full queue an offence is not worth a wait. */
static void note_forged(struct daemon *d, const struct tool_request *rq)
{
    const struct report_ticket nobody = { .slot = NOBODY };
    struct store_report r;
    if (rq->client.family == 0 || network_is_reserved(&rq->client) || protect_covers(d->config->policy->protect, &rq->subject))
        return;
    if (!evidence_of(d->config, &rq->subject, &r) || d->stopping || d->reports_waiting >= d->config->limits.queue)
        return;
    if (store_thread_report(d->store, nobody, &r) == 0)
        d->reports_waiting++;
}

static int64_t today(void)
{
    return daemon_now_s() / DAY_S;
}

int tools_srs_forward(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    struct srs s;
    const char *why = "";
    (void)ticket;
    srs_of(&d->config->tools.srs, &s);
    if (srs_forward(&s, rq->address, strlen(rq->address), rq->domain, strlen(rq->domain), today(), answer, &why) != 0)
        return tools_failed(rq->verb, why, answer);
    return REPORT_ANSWERED;
}

int tools_srs_reverse(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    struct srs s;
    const char *why = "";
    int rc;
    (void)ticket;
    srs_of(&d->config->tools.srs, &s);
    rc = srs_reverse(&s, rq->address, strlen(rq->address), today(), answer, &why);
    if (rc == 0)
        return REPORT_ANSWERED;
    if (rc == -EACCES || rc == -ESTALE)
        note_forged(d, rq);
    return tools_failed(rq->verb, why, answer);
}
