/* verdict, verdict-tag: what was decided before, or what the rules say of what is known now. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "node/daemon_parts.h"
#include "node/log.h"
#include "node/tools_parts.h"
#include "proto/name.h"
#include "store/reader_tools.h"
#include "store/tool_fold.h"

/* Texts in lower case, which cond_facts points to. */
struct texts {
    char helo[REQUEST_LINE_MAX + 1], sender[REQUEST_LINE_MAX + 1], rcpt[REQUEST_LINE_MAX + 1];
    char sender_domain[REQUEST_LINE_MAX + 1], rcpt_domain[REQUEST_LINE_MAX + 1];
};

static const char *lower(const char *text, char out[REQUEST_LINE_MAX + 1])
{
    size_t i;
    if (text == NULL)
        return NULL;
    for (i = 0; text[i] != '\0' && i < REQUEST_LINE_MAX; i++)
        out[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
    out[i] = '\0';
    return out;
}

/* As rules write it: A-labels, where it is a name; "" of the null sender. */
static const char *domain_of(const char *address, char out[REQUEST_LINE_MAX + 1])
{
    const char *at = address != NULL ? strrchr(address, '@') : NULL;
    char name[NAME_MAX_BYTES + 1];
    if (address == NULL)
        return NULL;
    strcpy(out, at != NULL ? at + 1 : "");
    if (name_canonical(out, strlen(out), name) == 0)
        strcpy(out, name);
    return out;
}

/* ---- what is known. A part that cannot be read is not known, and so no rule that asks for it fires. */

static void add_client(struct daemon *d, const struct tool_request *rq, uint64_t categories, struct cond_facts *f)
{
    int64_t now_s = daemon_now_s();
    struct subject_info in;
    if (rq->client.family == 0 || reader_info(d->reader, &rq->subject, now_s, &in) != 0)
        return;
    for (int i = 0; i < POLICY_CATEGORIES_MAX; i++) {
        if ((categories >> i & 1) != 0 && reader_score(d->reader, &rq->subject, i, now_s, &f->category_milli[i]) != 0)
            return;
    }
    f->has_reputation = true;
    f->score_milli = in.score_milli;
    f->categories = in.score_milli > 0 ? in.categories : 0;
    f->state = in.state == VERDICT_BLACK ? COND_STATE_BLACK : in.state == VERDICT_WHITE ? COND_STATE_WHITE : COND_STATE_UNKNOWN;
}

static void add_sender_score(struct daemon *d, struct cond_facts *f)
{
    struct subject domain;
    const char *why;
    if (f->sender_domain == NULL || f->sender_domain[0] == '\0' ||
        subject_parse(f->sender_domain, strlen(f->sender_domain), d->config->sender_key, &domain, &why) != 0 || subject_kind(&domain) != SUBJECT_NAME)
        return;
    f->has_sender_score = reader_score(d->reader, &domain, -1, daemon_now_s(), &f->sender_score_milli) == 0;
}

static void add_grey(struct daemon *d, const struct tool_request *rq, struct cond_facts *f)
{
    char sender[TOOL_FOLDED_MAX], rcpt[TOOL_FOLDED_MAX];
    struct subject network;
    enum grey_state state;
    if (rq->client.family == 0 || rq->sender == NULL)
        return;
    fold_client(&rq->client, &network);
    f->has_grey = reader_grey(d->reader, &network, fold_sender(rq->sender, sender), fold_address(rq->rcpt, rcpt), daemon_now_s(), &state) == 0;
    if (f->has_grey)
        f->grey = state == GREY_STATE_WHITE ? COND_GREY_WHITE : state == GREY_STATE_WAITING ? COND_GREY_WAITING : COND_GREY_NEW;
}

static void collect(struct daemon *d, const struct tool_request *rq, const struct verdict_rules *rules, struct texts *t, struct cond_facts *f)
{
    unsigned needs = verdict_rules_needs(rules);
    *f = (struct cond_facts){ .client = rq->client, .has_spam = rq->has_score, .spam_milli = rq->score_milli, .size_bytes = rq->size_bytes, .spf = rq->spf };
    f->helo = lower(rq->helo, t->helo);
    f->sender = lower(rq->sender, t->sender);
    f->rcpt = lower(rq->rcpt, t->rcpt);
    f->sender_domain = domain_of(f->sender, t->sender_domain);
    f->rcpt_domain = domain_of(f->rcpt, t->rcpt_domain);
    if ((needs & COND_NEEDS_CLIENT) != 0)
        add_client(d, rq, verdict_rules_categories(rules), f);
    if ((needs & COND_NEEDS_SENDER_SCORE) != 0)
        add_sender_score(d, f);
    if ((needs & COND_NEEDS_GREY) != 0)
        add_grey(d, rq, f);
}

/* ---- the decision */

enum { KEY_HEAD_BYTES = 6 };

/* Of message and recipient, whatever its case: a hash, so that what is stored names no recipient. In front of it the beginning of the message's name, which in Exim is its time:
 * what is new then lies together in the table, and a commit of many touches few pages. */
static int make_key(const struct tool_request *rq, uint8_t key[VERDICT_KEY_BYTES])
{
    static const char tag[] = "hearsay verdict";
    uint8_t hash[EVP_MAX_MD_SIZE];
    char text[sizeof tag + 2 * (REQUEST_LINE_MAX + 1)];
    size_t message_len = strlen(rq->message) + 1;
    memcpy(text, tag, sizeof tag);
    memcpy(text + sizeof tag, rq->message, message_len);
    lower(rq->rcpt, text + sizeof tag + message_len);
    if (EVP_Digest(text, sizeof tag + message_len + strlen(rq->rcpt), hash, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (size_t i = 0; i < KEY_HEAD_BYTES; i++)
        key[i] = i < message_len ? (uint8_t)rq->message[i] : 0;
    memcpy(key + KEY_HEAD_BYTES, hash, VERDICT_KEY_BYTES - KEY_HEAD_BYTES);
    return 0;
}

static void decide(struct daemon *d, const struct tool_request *rq, const struct verdict_rules *rules, char out[VERDICT_TEXT_MAX])
{
    char profile[PROFILE_NAME_MAX + 1];
    struct cond_facts f;
    struct texts t;
    strcpy(out, VERDICT_NOTHING);
    if (verdict_files_profile(d->verdicts, rq->rcpt, profile) != 1)
        return;
    collect(d, rq, rules, &t, &f);
    verdict_judge(rules, profile, &f, out);
}

/* The tag says what was decided, and by a name that only this node can make of message and recipient, when. */
void tools_verdict_text(enum tool_verb verb, const uint8_t key[VERDICT_KEY_BYTES], const char *verdict, int64_t time_s, char answer[REPORT_ANSWER_MAX])
{
    char text[VERDICT_TEXT_MAX + 2 * VERDICT_KEY_BYTES + 32];
    size_t len;
    if (verb == TOOL_VERDICT) {
        snprintf(answer, REPORT_ANSWER_MAX, "%s", verdict);
        return;
    }
    len = (size_t)snprintf(text, sizeof text, "%s;", verdict);
    for (size_t i = 0; i < VERDICT_KEY_BYTES; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%02x", key[i]);
    len += (size_t)snprintf(text + len, sizeof text - len, ";%lld", (long long)time_s);
    EVP_EncodeBlock((unsigned char *)answer, (const unsigned char *)text, (int)len);
}

_Static_assert((VERDICT_TEXT_MAX + 2 * VERDICT_KEY_BYTES + 32) / 3 * 4 + 8 < REPORT_ANSWER_MAX, "every tag is an answer");

int tools_verdict(struct daemon *d, const struct tool_request *rq, struct report_ticket ticket, char answer[REPORT_ANSWER_MAX])
{
    const struct verdict_rules *rules = verdict_files_rules(d->verdicts);
    char verdict[VERDICT_TEXT_MAX] = VERDICT_NOTHING;
    struct tool_op op = { .verb = rq->verb, .verdict = verdict };
    bool found = false;
    int rc = make_key(rq, op.verdict_key);
    if (rc == 0)
        rc = reader_verdict(d->reader, op.verdict_key, daemon_now_s(), verdict, &op.verdict_time_s, &found);
    if (rc != 0)
        return tools_failed(rq->verb, strerror(-rc), answer);
    if (found || rules == NULL) {
        tools_verdict_text(rq->verb, op.verdict_key, verdict, found ? op.verdict_time_s : daemon_now_s(), answer);
        return REPORT_ANSWERED;
    }
    decide(d, rq, rules, verdict);
    return tools_hand_over(d, rq->verb, ticket, &op, answer);
}

/* ---- the files */

int tools_verdict_start(struct daemon *d, char *why)
{
    struct verdict_rules *rules = NULL;
    int rc = verdict_rules_load(d->config, &rules, why);
    if (rc == -ENOENT)
        log_warning("verdict: %s", why);
    else if (rc != 0)
        return rc;
    d->verdicts = verdict_files_open(&d->loop, d->config, rules);
    return d->verdicts != NULL ? 0 : -ENOMEM;
}
