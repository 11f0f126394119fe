#include "node/spf_dns.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "node/spf_policy.h"

enum { ANSWER_MAX = 65535, NAME_TEXT_MAX = 253, LABEL_MAX = 63 };

int64_t spf_dns_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- where to ask */

static int read_port(const char *text)
{
    long port = 0;
    for (; *text >= '0' && *text <= '9' && port <= 65535; text++)
        port = port * 10 + (*text - '0');
    return *text == '\0' && port > 0 && port <= 65535 ? (int)port : -1;
}

static int use_resolver4(struct __res_state *r, const char *host, int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1)
        return -EINVAL;
    r->nsaddr_list[0] = at;
    r->nscount = 1;
    return 0;
}

/* glibc keeps IPv6 servers beside the public list, where an entry without a family stands for them. */
static int use_resolver6(struct __res_state *r, const char *host, int port)
{
    struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    struct sockaddr_in6 *kept;
    if (inet_pton(AF_INET6, host, &at.sin6_addr) != 1)
        return -EINVAL;
    kept = malloc(sizeof *kept);
    if (kept == NULL)
        return -ENOMEM;
    *kept = at;
    free(r->_u._ext.nsaddrs[0]);
    r->_u._ext.nsaddrs[0] = kept;
    r->_u._ext.nssocks[0] = -1;
    r->_u._ext.nscount = 1;
    memset(&r->nsaddr_list[0], 0, sizeof r->nsaddr_list[0]);
    r->nscount = 1;
    return 0;
}

static int use_resolver(struct __res_state *r, const char *text)
{
    char host[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(text, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    int port = colon == NULL ? -1 : read_port(colon + 1);
    bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
    if (port < 0 || len >= sizeof host)
        return -EINVAL;
    snprintf(host, sizeof host, "%.*s", (int)(bracket ? len - 2 : len), bracket ? text + 1 : text);
    return bracket ? use_resolver6(r, host, port) : use_resolver4(r, host, port);
}

/* ---- what libspf2 may ask for */

/* Names that no DNS message can carry have no records: macros make such. */
static bool is_name(const char *name)
{
    size_t label = 0, len = strlen(name);
    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || len > NAME_TEXT_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '.' ? label == 0 : ++label > LABEL_MAX)
            return false;
        if (name[i] == '.')
            label = 0;
    }
    return label > 0;
}

static bool is_host(const struct spf_dns *d, const char *name)
{
    for (unsigned i = 0; i < d->hosts_n; i++) {
        if (strcasecmp(d->hosts[i], name) == 0)
            return true;
    }
    return false;
}

/* False: one more would be against the RFC's limits, or too late. */
static bool count(struct spf_dns *d, const char *name, ns_type type)
{
    bool address = type == ns_t_a || type == ns_t_aaaa;
    bool term = type == ns_t_txt ? d->begun : !address || !is_host(d, name);
    d->begun = true;
    if (spf_dns_now_ms() >= d->deadline_ms)
        d->temperror = true;
    else if (term && ++d->terms > SPF_DNS_TERMS_MAX)
        d->permerror = true;
    return !d->temperror && !d->permerror;
}

static void count_void(struct spf_dns *d, ns_type type, int stat)
{
    if (type != ns_t_txt && (stat == HOST_NOT_FOUND || stat == NO_DATA) && ++d->voids > SPF_DNS_VOIDS_MAX)
        d->permerror = true;
}

/* ---- answers */

static SPF_errcode_t add(SPF_dns_rr_t *rr, const void *at, size_t len, size_t room)
{
    int i = rr->num_rr;
    SPF_errcode_t rc = SPF_dns_rr_buf_realloc(rr, i, room);
    if (rc != SPF_E_SUCCESS)
        return rc;
    memcpy(rr->rr[i], at, len);
    rr->num_rr = i + 1;
    return rc;
}

/* The strings of a TXT as one (RFC 7208 section 3.3). A NUL would hide what follows it: it becomes a byte that no policy may hold. */
static SPF_errcode_t add_text(SPF_dns_rr_t *rr, const uint8_t *at, size_t len)
{
    char text[ANSWER_MAX];
    size_t n = 0;
    while (len > 0) {
        size_t part = at[0];
        at++;
        len--;
        if (part > len)
            return SPF_E_SUCCESS;          /* a broken record is none */
        for (size_t i = 0; i < part; i++)
            text[n++] = at[i] != '\0' ? (char)at[i] : '\x01';
        at += part;
        len -= part;
    }
    text[n++] = '\0';
    return add(rr, text, n, n);
}

static SPF_errcode_t add_name(SPF_dns_rr_t *rr, const ns_msg *msg, const uint8_t *at)
{
    char name[NS_MAXDNAME];
    if (ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg), at, name, sizeof name) < 0)
        return SPF_E_SUCCESS;
    return add(rr, name, strlen(name) + 1, strlen(name) + 1);
}

static SPF_errcode_t add_record(SPF_dns_rr_t *rr, const ns_msg *msg, const ns_rr *record)
{
    const uint8_t *at = ns_rr_rdata(*record);
    size_t len = ns_rr_rdlen(*record);
    switch (rr->rr_type) {
    case ns_t_a: return len == 4 ? add(rr, at, 4, sizeof(SPF_dns_rr_data_t)) : SPF_E_SUCCESS;
    case ns_t_aaaa: return len == 16 ? add(rr, at, 16, sizeof(SPF_dns_rr_data_t)) : SPF_E_SUCCESS;
    case ns_t_txt: return add_text(rr, at, len);
    case ns_t_mx: return len > 2 ? add_name(rr, msg, at + 2) : SPF_E_SUCCESS;
    case ns_t_ptr: return rr->num_rr < SPF_DNS_HOSTS_MAX ? add_name(rr, msg, at) : SPF_E_SUCCESS;    /* RFC 7208 section 4.6.4: the rest is ignored */
    default: return SPF_E_SUCCESS;
    }
}

/* Takes the records of the type asked for, whatever CNAMEs led to them. */
static int read_answer(SPF_dns_rr_t *rr, const uint8_t *answer, int len)
{
    ns_msg msg;
    ns_rr record;
    if (ns_initparse(answer, len, &msg) != 0)
        return TRY_AGAIN;
    for (int i = 0; i < ns_msg_count(msg, ns_s_an); i++) {
        if (ns_parserr(&msg, ns_s_an, i, &record) != 0)
            return TRY_AGAIN;
        if (ns_rr_type(record) == rr->rr_type && ns_rr_class(record) == ns_c_in && add_record(rr, &msg, &record) != SPF_E_SUCCESS)
            return TRY_AGAIN;
    }
    return rr->num_rr > 0 ? NETDB_SUCCESS : NO_DATA;
}

/* One server is waited for until the deadline, in glibc's whole seconds: it may be looking for an answer far away. With several, the next is asked after a second. */
static int ask(struct spf_dns *d, SPF_dns_rr_t *rr, const char *name)
{
    static uint8_t answer[ANSWER_MAX];
    int64_t left_ms = d->deadline_ms - spf_dns_now_ms();
    int len;
    d->resolver.retry = 1;
    d->resolver.retrans = d->resolver.nscount > 1 || left_ms <= 1000 ? 1 : (int)((left_ms + 999) / 1000);
    len = res_nquery(&d->resolver, name, ns_c_in, (int)rr->rr_type, answer, sizeof answer);
    if (len >= 0)
        return read_answer(rr, answer, len < ANSWER_MAX ? len : ANSWER_MAX);
    return d->resolver.res_h_errno == HOST_NOT_FOUND || d->resolver.res_h_errno == NO_DATA ? d->resolver.res_h_errno : TRY_AGAIN;
}

/* Of all texts at a name only the one policy, rewritten. Two are a permerror (RFC 7208 section 4.5), and so is one that is none. */
static void keep_policy(struct spf_dns *d, SPF_dns_rr_t *rr)
{
    char policy[SPF_POLICY_MAX + 1];
    const char *found = NULL;
    unsigned n = 0;
    for (int i = 0; i < rr->num_rr; i++) {
        if (spf_policy_is_one(rr->rr[i]->txt)) {
            found = rr->rr[i]->txt;
            n++;
        }
    }
    rr->num_rr = 0;
    if (n == 1 && spf_policy_rewrite(found, d->family, policy) == 0 && add(rr, policy, strlen(policy) + 1, strlen(policy) + 1) == SPF_E_SUCCESS)
        return;
    d->permerror |= n > 0;
    rr->herrno = n > 0 ? TRY_AGAIN : NO_DATA;
}

static void keep_hosts(struct spf_dns *d, const SPF_dns_rr_t *rr)
{
    d->hosts_n = 0;
    for (int i = 0; i < rr->num_rr && i < SPF_DNS_HOSTS_MAX; i++)
        snprintf(d->hosts[d->hosts_n++], NS_MAXDNAME, "%s", rr->rr[i]->ptr);
}

static void look(struct spf_dns *d, SPF_dns_rr_t *rr, const char *name)
{
    if (!is_name(name)) {
        rr->herrno = HOST_NOT_FOUND;
        return;
    }
    rr->herrno = ask(d, rr, name);
    switch (rr->rr_type) {
    case ns_t_txt:
        d->temperror |= rr->herrno == TRY_AGAIN;
        if (rr->herrno == NETDB_SUCCESS)
            keep_policy(d, rr);
        break;
    case ns_t_ptr:
        if (rr->herrno == TRY_AGAIN)
            rr->herrno = NO_DATA;          /* RFC 7208 section 5.5: does not match, no error */
        keep_hosts(d, rr);
        break;
    case ns_t_mx:
        keep_hosts(d, rr);
        break;
    default:
        break;
    }
}

static SPF_dns_rr_t *lookup(SPF_dns_server_t *layer, const char *name, ns_type type, int should_cache)
{
    struct spf_dns *d = (struct spf_dns *)layer;
    SPF_dns_rr_t *rr = SPF_dns_rr_new_init(layer, name, type, 0, NO_DATA);
    (void)should_cache;
    if (rr == NULL)
        abort();                           /* libspf2 does not look; the node takes a dead helper for a temperror */
    if (type == ns_t_spf)
        return rr;                         /* RFC 7208 section 3.1: not asked for any more */
    if (!count(d, name, type)) {
        rr->herrno = TRY_AGAIN;
        return rr;
    }
    look(d, rr, name);
    count_void(d, type, rr->herrno);
    return rr;
}

int spf_dns_open(struct spf_dns *d, const char *resolver)
{
    memset(d, 0, sizeof *d);
    d->layer.lookup = lookup;              /* no destroy: libspf2 leaves it to us then */
    d->layer.name = "hearsay";
    if (res_ninit(&d->resolver) != 0)
        return -EIO;
    d->resolver_made = true;
    d->resolver.options &= ~(unsigned long)(RES_DNSRCH | RES_DEFNAMES);
    return resolver == NULL || resolver[0] == '\0' ? 0 : use_resolver(&d->resolver, resolver);
}

void spf_dns_close(struct spf_dns *d)
{
    if (d->resolver_made)
        res_nclose(&d->resolver);
    d->resolver_made = false;
}

void spf_dns_begin(struct spf_dns *d, int family, int64_t deadline_ms)
{
    d->deadline_ms = deadline_ms;
    d->family = family;
    d->terms = d->voids = d->hosts_n = 0;
    d->begun = d->permerror = d->temperror = false;
}
