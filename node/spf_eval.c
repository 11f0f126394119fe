#include "node/spf_eval.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "node/spf_dns.h"
#include "proto/name.h"

struct spf_eval {
    struct spf_dns dns;
    SPF_server_t *server;
    int64_t timeout_ms;
};

/* libspf2 calls it for what it thinks cannot go on, and would abort() as well. The node takes a dead helper for a temperror. */
static void on_error(const char *file, int line, const char *text) __attribute__((noreturn));
static void on_error(const char *file, int line, const char *text)
{
    (void)file;
    (void)line;
    (void)text;
    abort();
}

int spf_eval_open(const char *resolver, int64_t timeout_ms, struct spf_eval **out)
{
    struct spf_eval *e = calloc(1, sizeof *e);
    int rc;
    if (e == NULL)
        return -ENOMEM;
    SPF_error_handler = on_error;
    SPF_warning_handler = NULL;
    SPF_info_handler = NULL;
    SPF_debug_handler = NULL;
    e->timeout_ms = timeout_ms;
    rc = spf_dns_open(&e->dns, resolver);
    if (rc == 0 && (e->server = SPF_server_new_dns(&e->dns.layer, 0)) == NULL)
        rc = -ENOMEM;
    if (rc == 0 && SPF_server_set_rec_dom(e->server, "unknown") != SPF_E_SUCCESS)
        rc = -ENOMEM;
    if (rc != 0) {
        spf_eval_close(&e);
        return rc;
    }
    *out = e;
    return 0;
}

void spf_eval_close(struct spf_eval **ep)
{
    struct spf_eval *e = *ep;
    if (e == NULL)
        return;
    if (e->server != NULL)
        SPF_server_free(e->server);
    spf_dns_close(&e->dns);
    free(e);
    *ep = NULL;
}

/* RFC 7208 section 4.3: a name of several labels, else there is nothing to look up. In A-labels (RFC 7208 section 4.3, last paragraph). */
static bool has_policy(const char *domain, char out[NAME_MAX_BYTES + 1])
{
    return name_canonical(domain, strlen(domain), out) == 0 && strchr(out, '.') != NULL;
}

/* The sender as libspf2 is to see it: its domain canonical, postmaster where it has no local part (section 4.3, 2.4). */
static bool make_sender(const struct spf_question *q, char out[SPF_SENDER_MAX + NAME_MAX_BYTES + 2])
{
    const char *at = strrchr(q->sender, '@');
    char domain[NAME_MAX_BYTES + 1];
    size_t local = at == NULL ? 0 : (size_t)(at - q->sender);
    if (!has_policy(q->sender[0] == '\0' ? q->helo : at == NULL ? "" : at + 1, domain))
        return false;
    if (local == 0) {
        local = strlen("postmaster");
        memcpy(out, "postmaster", local);
    } else {
        memcpy(out, q->sender, local);
    }
    out[local] = '@';
    strcpy(out + local + 1, domain);
    return true;
}

static bool set_client(SPF_request_t *rq, const struct spf_question *q)
{
    struct in_addr addr4;
    struct in6_addr addr6;
    memcpy(&addr4, q->addr, sizeof addr4);
    memcpy(&addr6, q->addr, sizeof addr6);
    if (q->family == 4)
        return SPF_request_set_ipv4(rq, addr4) == SPF_E_SUCCESS;
    return q->family == 6 && SPF_request_set_ipv6(rq, addr6) == SPF_E_SUCCESS;
}

static enum spf_answer answer_of(const struct spf_dns *dns, SPF_result_t result)
{
    if (dns->permerror)
        return SPF_ANSWER_PERMERROR;
    if (dns->temperror)
        return SPF_ANSWER_TEMPERROR;
    switch (result) {
    case SPF_RESULT_NEUTRAL: return SPF_ANSWER_NEUTRAL;
    case SPF_RESULT_PASS: return SPF_ANSWER_PASS;
    case SPF_RESULT_FAIL: return SPF_ANSWER_FAIL;
    case SPF_RESULT_SOFTFAIL: return SPF_ANSWER_SOFTFAIL;
    case SPF_RESULT_NONE: return SPF_ANSWER_NONE;
    case SPF_RESULT_TEMPERROR: return SPF_ANSWER_TEMPERROR;
    case SPF_RESULT_PERMERROR:
    case SPF_RESULT_INVALID:           /* a policy that could not be read */
    default: return SPF_ANSWER_PERMERROR;
    }
}

enum spf_answer spf_eval_check(struct spf_eval *e, const struct spf_question *q)
{
    char sender[SPF_SENDER_MAX + NAME_MAX_BYTES + 2], helo[NAME_MAX_BYTES + 1] = "unknown";
    enum spf_answer answer = SPF_ANSWER_TEMPERROR;
    SPF_response_t *response = NULL;
    SPF_request_t *rq;
    if (!make_sender(q, sender))
        return SPF_ANSWER_NONE;
    name_canonical(q->helo, strlen(q->helo), helo);        /* what is no name is of no use to a policy */
    rq = SPF_request_new(e->server);
    if (rq == NULL)
        return answer;
    spf_dns_begin(&e->dns, q->family, spf_dns_now_ms() + (q->left_ms > 0 && q->left_ms < e->timeout_ms ? q->left_ms : e->timeout_ms));
    if (set_client(rq, q) && SPF_request_set_helo_dom(rq, helo) == 0 && SPF_request_set_env_from(rq, sender) == 0) {
        SPF_request_query_mailfrom(rq, &response);
        if (response != NULL)
            answer = answer_of(&e->dns, SPF_response_result(response));
    }
    SPF_response_free(response);
    SPF_request_free(rq);
    return answer;
}
