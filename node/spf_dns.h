/* node/spf_dns.h: private. The DNS as libspf2 sees it in hearsay-spf; see node/spf_eval.h. */
#ifndef HEARSAY_NODE_SPF_DNS_H
#define HEARSAY_NODE_SPF_DNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <spf2/spf.h>

/* RFC 7208 section 4.6.4: terms that ask the DNS, the addresses of an mx or ptr not counted; answers without records; names of an mx or ptr. */
enum { SPF_DNS_TERMS_MAX = 10, SPF_DNS_VOIDS_MAX = 2, SPF_DNS_HOSTS_MAX = 10 };

struct spf_dns {
    SPF_dns_server_t layer;          /* first: libspf2 hands this back */
    struct __res_state resolver;
    bool resolver_made;
    int64_t deadline_ms;             /* on the monotonic clock */
    int family;                      /* of the client: 4 or 6 */
    unsigned terms, voids;
    bool begun;                      /* the first policy, which is no term, was asked for */
    char hosts[SPF_DNS_HOSTS_MAX][NS_MAXDNAME];      /* of the last mx or ptr: their addresses are asked for next */
    unsigned hosts_n;
    bool permerror;                  /* a limit was passed or a policy is none: that is the result, whatever libspf2 thinks */
    bool temperror;                  /* a policy could not be had, or the time ran out: the same */
};

int spf_dns_open(struct spf_dns *d, const char *resolver);
void spf_dns_close(struct spf_dns *d);
/* Begins another evaluation. */
void spf_dns_begin(struct spf_dns *d, int family, int64_t deadline_ms);
int64_t spf_dns_now_ms(void);

#endif
